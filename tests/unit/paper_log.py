"""The log on paper: what the application needs of the event store and the opener, in memory. The real ones are tried in
tests/integration."""

import hmac
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from uuid import UUID

import msgspec
from story import NETWORK

from rujukan.api.application.ports import (
    Changes,
    Gone,
    Moved,
    ReadingsFound,
    Repeated,
    Retryable,
    Unavailable,
    Unreadable,
    UsedBefore,
)
from rujukan.domain.access import AccessRecorded
from rujukan.domain.agency import AgencyRegistered, ServicesOffered, agency_stream
from rujukan.domain.case.merging import JOININGS
from rujukan.domain.compartment import Compartment
from rujukan.domain.damaged import InClear
from rujukan.domain.disclosure import Written
from rujukan.domain.fact import Act, Fact
from rujukan.infra.store.transcoder import to_segments, topic_of


class PaperLog:
    """Appends all of a commit or nothing, refuses what stands on an older version, forgets what was erased."""

    def __init__(self) -> None:
        self.events: list[Written] = []
        self._streams: dict[UUID, list[Written]] = {}
        self.erased: dict[UUID, frozenset[Compartment]] = {}
        self.damaged: set[UUID] = set()
        """Streams that do not open."""
        self.away = False
        self.given = 0
        """How many events were handed out."""
        self.before_append: list[Callable[[], object]] = []
        self._keys: dict[bytes, Repeated] = {}
        self._forget: list[Callable[[UUID], object]] = []

    def append(
        self, changes: Sequence[Changes], act: Act, correlation: UUID, retryable: Retryable | None = None
    ) -> list[int]:
        if self.before_append:
            self.before_append.pop()()
        if self.away:
            raise Unavailable("away")
        if retryable is not None and retryable.key in self._keys:
            raise UsedBefore
        if any(self._version(change.stream) != change.version for change in changes):
            raise Moved
        positions = [self._add(c.stream, event, act, correlation) for c in changes for event in c.events]
        if retryable is not None:
            self._keys[retryable.key] = Repeated(retryable.fingerprint, retryable.answer, positions[-1])
        return positions

    def read(self, stream: UUID, after: int = 0, upto: int | None = None) -> list[Written]:
        if Compartment.COORDINATION in self.erased.get(stream, ()):
            raise Gone
        if stream in self.damaged:
            raise Unreadable
        return self._given(self._streams.get(stream, [])[after:upto])

    def in_clear(self, stream: UUID) -> list[InClear]:
        return [InClear(w.version, w.topic, w.author, w.at) for w in self.events if w.stream == stream]

    def joined(self, stream: UUID) -> frozenset[UUID]:
        said = {event.__struct_config__.tag for event in JOININGS}
        requests = {w.correlation for w in self.events if w.stream == stream and w.topic in said}
        return frozenset(w.stream for w in self.events if w.correlation in requests and w.topic in said) - {stream}

    def agencies(self) -> list[UUID]:
        return [w.stream for w in self.events if isinstance(w.event, AgencyRegistered)]

    def at(self, positions: Collection[int]) -> list[Written]:
        wanted = [w for w in self.events if w.position in positions]
        return self._given([w for w in wanted if Compartment.COORDINATION not in self.erased.get(w.stream, ())])

    def _given(self, found: list[Written]) -> list[Written]:
        self.given += len(found)
        return found

    def erase(self, stream: UUID, version: int, compartments: Iterable[Compartment]) -> None:
        self.erased[stream] = self.erased.get(stream, frozenset()) | frozenset(compartments)
        for forget in self._forget:
            forget(stream)

    def when_erased(self, forget: Callable[[UUID], object]) -> None:
        self._forget.append(forget)

    def repeated(self, key: bytes) -> Repeated | None:
        return self._keys.get(key)

    def write(self, stream: UUID, act: Act, *events: Fact) -> None:
        """What somebody else wrote, by another process."""
        self.append([Changes(stream, self._version(stream), events)], act, UUID(int=1))

    def topics(self, stream: UUID | None = None) -> list[str]:
        return [w.topic for w in self.events if stream in (None, w.stream)]

    def _version(self, stream: UUID) -> int:
        return len(self._streams.get(stream, ()))

    def _add(self, stream: UUID, event: Fact, act: Act, correlation: UUID) -> int:
        position, held = len(self.events) + 1, frozenset(to_segments(event))
        version = self._version(stream) + 1
        written = Written(
            position,
            stream,
            version,
            topic_of(event),
            event,
            held,
            act.agency,
            act.actor,
            act.at,
            correlation,
        )
        self.events.append(written)
        self._streams.setdefault(stream, []).append(written)
        return position


class PaperOpener:
    """Opens what is on paper, and says what was on record when it was asked to."""

    def __init__(self, log: PaperLog) -> None:
        self._log = log
        self.on_record: list[list[str]] = []

    def events(
        self, wanted: Mapping[int, frozenset[Compartment]]
    ) -> dict[int, tuple[frozenset[Compartment], dict[Compartment, bytes]]]:
        self._note()
        found = {w.position: w for w in self._log.events if w.position in wanted}
        return {
            at: (w.compartments_present, {c: s for c, s in to_segments(w.event).items() if c in wanted[at]})
            for at, w in found.items()
        }

    def document(self, case: UUID, document: UUID, compartment: Compartment) -> bytes | None:
        self._note()
        return b"visum"

    def readings(
        self, case: UUID, agency: str | None = None, after: int = 0, limit: int | None = None
    ) -> ReadingsFound:
        self._note()
        found = [
            w
            for w in self._log.events
            if isinstance(w.event, AccessRecorded) and w.event.subject == case and agency in (None, w.author)
            if w.position > after
        ]
        return ReadingsFound(found[:limit], ())

    def readings_by(self, person: UUID, agency: str, after: int = 0, limit: int | None = None) -> ReadingsFound:
        self._note()
        found = [
            w
            for w in self._log.events
            if isinstance(w.event, AccessRecorded) and (w.event.reader, w.author) == (person, agency)
            if w.position > after
        ]
        return ReadingsFound(found[:limit], ())

    def bundle(self, case: UUID, disclosure: UUID, *parts: object, **switches: bool) -> bytes:
        return msgspec.json.encode([case, disclosure])

    def _note(self) -> None:
        self.on_record.append([t for t in self._log.topics() if t == "access.AccessRecorded"])


class PaperMacs:
    """Message authentication codes of a key that everybody knows."""

    def mac(self, name: str, message: bytes) -> bytes:
        return hmac.digest(name.encode(), message, "sha256")


def a_network(log: PaperLog, who: Act) -> None:
    """The agencies of the story, registered."""
    for agency in NETWORK.values():
        registered = AgencyRegistered(occurred_at=who.at, code=agency.code, kind=agency.kind, name=agency.name)
        log.write(agency_stream(agency.code), who, registered)
        if agency.services:
            log.write(agency_stream(agency.code), who, ServicesOffered(occurred_at=who.at, services=agency.services))
