"""What an agency is told, in tests: sealed and signed as the service does it; and a wire that does to it what it is
told to, with a clerk at the other end."""

import hmac
import os
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from threading import Event
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Raw
from msgspec.structs import replace

from rujukan.consumers.agency.transports.transport import Arrived, Bookmark, DeadLetter, Last, Unreachable
from rujukan.consumers.wire import envelope
from rujukan.consumers.wire.acknowledgement import Acknowledgement
from rujukan.consumers.wire.envelope import AgencyKey, Attributes, Delivery, Message

MAC = partial(hmac.digest, b"k" * 32, digest="sha256")
KEY = AgencyKey.generate("1")
SERVICE = Ed25519PrivateKey.generate()
PINNED = SERVICE.public_key()
AGENCY = "rsud"
CASES = [UUID(int=n) for n in (71, 72, 73)]


def delivery(sequence: int, case: UUID = CASES[0], **more: object) -> Delivery:
    made = Delivery(
        topic="case.NoteRecorded",
        schema=1,
        case=case,
        version=sequence,
        position=100 + 2 * sequence,
        sequence=sequence,
        recorded_at=datetime(2026, 3, 3, tzinfo=UTC),
        author="uptd-ppa",
        actor=UUID(int=2),
        correlation=UUID(int=3),
        compartments=["coordination"],
        withheld=[],
        data=Raw(b'{"n":%d}' % sequence),
        receipt=f"receipt-{sequence}",
    )
    return replace(made, **more)


def asked_to_delete(sequence: int, case: UUID = CASES[0]) -> Delivery:
    erasure = UUID(int=7)
    data = Raw(f'{{"erasure":"{erasure}","case":"{case}","compartments":["health"],"agency":"{AGENCY}"}}'.encode())
    return delivery(sequence, case, topic="erasure.DeletionAsked", data=data)


def sealed(
    deliveries: Iterable[Delivery],
    key: AgencyKey = KEY,
    signer: Ed25519PrivateKey = SERVICE,
    agency: str = AGENCY,
    in_case: Callable[[Delivery], int] | None = None,
    id: UUID | None = None,
) -> list[Message]:
    """These deliveries as messages. A case's numbers count what is given of it, or are said. The `id` is that of the
    number, or is said."""
    counts: dict[UUID, int] = {}
    public = envelope.public_key(key.public)
    unsigned = []
    for one in deliveries:
        counts[one.case] = counts.get(one.case, 0) + 1
        attributes = Attributes(
            id=str(id or UUID(int=1000 + one.sequence)),
            source="urn:rujukan:test",
            subject=agency,
            sequence=str(one.sequence),
            casesequence=str(in_case(one) if in_case else counts[one.case]),
            position=str(one.position),
            caseversion=str(one.version),
            schemaversion=str(one.schema),
            keyid=key.id,
            correlation="c",
            partitionkey=envelope.pseudonym(MAC, agency, one.case),
        )
        unsigned.append(envelope.seal(one, attributes, public))
    return [m for i in range(0, len(unsigned), 200) for m in envelope.sign(unsigned[i : i + 200], signer)]


def told(count: int) -> list[Message]:
    """So many messages, of three cases in turn."""
    return sealed(delivery(n, CASES[n % 3]) for n in range(1, count + 1))


class NoText(str):
    """The name of a header, which a client of Kafka writes as bytes that are no UTF-8: no client in Python reads it."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return b"\xff\xfe"


class Wire:
    """A transport over a list, which has everything that was ever sent, in the order it was sent in."""

    agency = AGENCY

    def __init__(self, messages: Sequence[Message | Arrived], page: int = 1000, stop: Event | None = None) -> None:
        self.sent = [m if isinstance(m, Arrived) else Arrived.of(m) for m in messages]
        self.clerk = Clerk()
        self.starts: list[tuple[Bookmark | None, Last]] = []
        self.page = page
        self.breaks_at: set[int] = set()
        self._at = 0
        self._stop = stop
        self._quiet = 0

    def start(self, place: Bookmark | None, last: Last) -> None:
        self.starts.append((place, last))
        self._at = place.offset if place is not None and place.topic_id == "wire" else 0

    def receive(self, seconds: float) -> Sequence[Arrived]:
        if self._at in self.breaks_at:
            self.breaks_at.discard(self._at)
            raise Unreachable("cut")
        some = self.sent[self._at : self._at + self.page]
        found = [s._replace(after=Bookmark("wire", self._at + n)) for n, s in enumerate(some, 1)]
        self._at += len(found)
        self._quiet = 0 if found else self._quiet + 1
        if self._quiet > 2 and self._stop is not None:
            self._stop.set()
        return found

    def settled(self, waiting: Sequence[Arrived], refused: Sequence[Arrived]) -> None:
        """Nobody waits."""

    @property
    def at_end(self) -> bool:
        return self._at >= len(self.sent)

    def replies(self) -> "Clerk":
        return self.clerk

    def close(self) -> None:
        """Nothing is held."""


class Clerk:
    """Takes in what an agency says."""

    def __init__(self) -> None:
        self.said: list[Acknowledgement] = []
        self.letters: list[DeadLetter] = []
        self.away = False

    def acknowledge(self, said: Acknowledgement) -> None:
        if self.away:
            raise Unreachable("away")
        self.said.append(said)

    def dead_letters(self, letters: Iterable[DeadLetter]) -> None:
        if self.away:
            raise Unreachable("away")
        self.letters += letters

    def close(self) -> None:
        """Nothing is held."""


def rubbish(size: int = 100) -> Arrived:
    """Something that the service did not send."""
    return Arrived([("n", os.urandom(4))], b"k", os.urandom(size))
