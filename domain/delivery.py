"""What an agency said of what it was told: a stream for each agency.

Marks are cumulative. What was told is numbered for each agency (`sequence`, without gaps); a mark says that everything
up to that number arrived and was opened, or was handled. It shows the receipt that lies inside the seal of that very
delivery, so nobody acknowledges what they could not open. Nothing here names a case: which referral a number told
of, the register knows.
"""

import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal, NamedTuple
from uuid import UUID, uuid5

from msgspec import Meta, Struct
from msgspec.structs import replace

from .compartment import Coordination
from .declaring import asked, field, happened, name_fields
from .fact import Act, AgencyCode, ErasureId, Fact, recorded
from .refusal import NotTold, WrongReceipt
from .standing.relations import Extent
from .standing.roles import ACKNOWLEDGEMENT
from .standing.rows import OWN_AGENCY
from .standing.rule import standing
from .timing import at_the_latest_now
from .words import Words

ACKNOWLEDGEMENTS = UUID("3f6f1e8c-8c1d-5b7e-9a34-61636b6e6f77")
"""Namespace of these streams (RFC 9562, version 5)."""

MOST_FAILURES = 500
"""The most failures that one event has; more become several events."""

Number = Annotated[int, Meta(ge=1, le=2**62)]
CURSOR = r"^(0|[1-9][0-9]{0,17})(\.[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})?$(?!\n)"
"""How a cursor is written: `57`, or `57.` and the delivery's id. No character of it is escaped in an address."""
Reason = Literal["not-ours", "bad-signature", "cannot-open", "unknown-schema", "handler-failed"]
"""Why a delivery went to the agency's dead letters; says nothing of what is in it."""

OPENED: frozenset[str] = frozenset({"handler-failed"})
"""Reasons with which a delivery had arrived and been opened all the same."""


def delivery_stream(agency: AgencyCode) -> UUID:
    """The stream of what an agency acknowledges."""
    return uuid5(ACKNOWLEDGEMENTS, agency)


class Cursor(NamedTuple):
    """The last delivery that somebody has: its number and, where it is known, its id. The id says in which history the
    number was given: after a restore another delivery may have it."""

    sequence: int
    id: UUID | None = None

    @classmethod
    def read(cls, text: str) -> "Cursor":
        """What a text says that is as CURSOR has it."""
        sequence, _, id = text.partition(".")
        return cls(int(sequence), UUID(id) if id else None)

    def __str__(self) -> str:
        return str(self.sequence) if self.id is None else f"{self.sequence}.{self.id}"


class Failure(Struct, frozen=True, forbid_unknown_fields=True):
    """A delivery that went to the dead letters."""

    sequence: Number
    reason: Reason


@happened(Words("Instansi menyatakan telah menerima kiriman", "Agency acknowledged what it was sent"))
class Acknowledged(Fact, frozen=True, kw_only=True, tag="delivery.Acknowledged"):
    """Everything up to `received` arrived and was opened, everything up to `handled` was handled, but for what
    failed; `failed` and `recovered` are those that are new."""

    agency: Coordination[AgencyCode]
    received: Coordination[int]
    handled: Coordination[int]
    failed: Coordination[tuple[Failure, ...]] = ()
    recovered: Coordination[tuple[int, ...]] = ()


class Mark(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything up to this sequence; `receipt` is the one in the delivery with this sequence."""

    sequence: Number
    receipt: Annotated[str, Meta(max_length=100)]


@asked(
    by=ACKNOWLEDGEMENT,
    where=OWN_AGENCY,
    extent=Extent.SEALED,
    means="Menyatakan yang sampai, yang diproses, dan yang gagal.",
)
class AcknowledgeDeliveries(Fact, frozen=True, kw_only=True):
    """Say what arrived, what was handled, what could not be, and which erasures' copies were deleted."""

    received: Coordination[Mark | None] = None
    handled: Coordination[Mark | None] = None
    failed: Coordination[tuple[Failure, ...]] = ()
    recovered: Coordination[tuple[Number, ...]] = ()
    deleted: Coordination[tuple[ErasureId, ...]] = ()


class ToldSoFar(Struct, frozen=True):
    """What the register knows of an agency: its newest sequence, and the receipts of the deliveries asked for."""

    head: int
    receipts: Mapping[int, str]


class Own(Struct, frozen=True):
    """Whose deliveries these are."""

    code: AgencyCode
    has_administrator: bool = True


class Marks(Struct, frozen=True):
    """How far an agency is."""

    received: int = 0
    handled: int = 0
    failed: frozenset[int] = frozenset()
    """All that ever failed, those recovered since among them."""
    recovered: frozenset[int] = frozenset()
    version: int = 0


def fold(events: Iterable[Fact], marks: Marks | None = None) -> Marks:
    """The marks after these events of an agency's stream."""
    now = marks or Marks()
    for event in events:
        if isinstance(event, Acknowledged):
            now = evolve(now, event)
    return now


def evolve(marks: Marks, event: Acknowledged) -> Marks:
    """The marks after one more event."""
    return Marks(
        event.received,
        event.handled,
        marks.failed | {f.sequence for f in event.failed} if event.failed else marks.failed,
        marks.recovered | set(event.recovered) if event.recovered else marks.recovered,
        marks.version + 1,
    )


class Arrival(Struct, frozen=True):
    """What an agency said of one delivery, and when that was recorded. None: it did not say so."""

    received_at: datetime | None = None
    handled_at: datetime | None = None
    failed: Reason | None = None
    """Why it lies in the agency's dead letters."""


def arrivals(sequences: Iterable[int], said: Iterable[tuple[datetime, Acknowledged]]) -> Mapping[int, Arrival]:
    """What an agency said of the deliveries with these numbers. `said`: what it acknowledged, each with the time of its
    recording, in order; what changes nothing for these numbers may be left out. A failure counts before the marks: what
    could not be opened did not arrive, whatever mark goes past it."""
    found = dict.fromkeys(sequences, Arrival())
    for at, event in said:
        failed = {f.sequence: f.reason for f in event.failed}
        for sequence, known in found.items():
            found[sequence] = _arrived(known, sequence, failed.get(sequence), event, at)
    return found


def _arrived(known: Arrival, sequence: int, fails: Reason | None, event: Acknowledged, at: datetime) -> Arrival:
    if sequence in event.recovered:
        return Arrival(known.received_at or at, known.handled_at or at)
    if fails is not None:
        return Arrival(known.received_at or at if fails in OPENED else None, None, fails)
    received, handled = known.received_at, known.handled_at
    if sequence <= event.received and (known.failed is None or known.failed in OPENED):
        received = received or at
    if sequence <= event.handled and known.failed is None:
        handled = handled or at
    return Arrival(received, handled, known.failed)


def named(command: AcknowledgeDeliveries) -> frozenset[int]:
    """The sequences whose receipts it shows."""
    return frozenset(mark.sequence for mark in (command.received, command.handled) if mark is not None)


def acknowledge(
    agency: AgencyCode, command: AcknowledgeDeliveries, marks: Marks, told: ToldSoFar, act: Act
) -> Sequence[Fact]:
    """What is new in an acknowledgement; nothing where nothing is. Marks only grow, and what failed is recorded once;
    an older acknowledgement that comes late changes nothing.

    Raises NotForThisAgency for another's, NotTold for what was never told to the agency, WrongReceipt.
    """
    standing(command, Own(agency), act)
    command = at_the_latest_now(command, act)
    for sequence in (*named(command), *(f.sequence for f in command.failed), *command.recovered):
        if sequence > told.head:
            raise NotTold(sequence=sequence, head=told.head)
    for mark in (command.received, command.handled):
        if mark is not None and not _shows(mark, told.receipts.get(mark.sequence, "")):
            raise WrongReceipt(sequence=mark.sequence)
    handled = max(marks.handled, command.handled.sequence if command.handled else 0)
    received = max(marks.received, handled, command.received.sequence if command.received else 0)
    first = {f.sequence: f for f in reversed(command.failed) if f.sequence not in marks.failed}
    failed = [first[sequence] for sequence in sorted(first)]
    ever = marks.failed | {f.sequence for f in failed}
    recovered = tuple(sorted(s for s in set(command.recovered) if s in ever and s not in marks.recovered))
    if not (failed or recovered or received > marks.received or handled > marks.handled):
        return []
    parts = [tuple(failed[i : i + MOST_FAILURES]) for i in range(0, len(failed), MOST_FAILURES)] or [()]
    events = [
        recorded(Acknowledged, command, act, agency=agency, received=received, handled=handled, failed=part)
        for part in parts
    ]
    return [*events[:-1], replace(events[-1], recovered=recovered)]


def _shows(mark: Mark, receipt: str) -> bool:
    return bool(receipt) and hmac.compare_digest(mark.receipt.encode(), receipt.encode())


name_fields(
    received=field("Diterima sampai nomor", "Received up to number"),
    handled=field("Diproses sampai nomor", "Handled up to number"),
    failed=field("Gagal diproses", "Could not be handled"),
    recovered=field("Berhasil diproses kemudian", "Handled after all"),
)
