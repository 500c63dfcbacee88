"""The sealed event store, on the `eventsourcing` library's PostgreSQL recorder and notification log."""

import os
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from eventsourcing.persistence import Notification, StoredEvent

from ...domain.case.documents import DocumentAttached
from ...domain.catalogue import version_of
from ...domain.compartment import Compartment
from ...domain.fact import Act, Fact
from ...domain.proposal import ProposalMade
from ..database import Pool
from ..unforeseen import where
from . import padding, sealed_record
from .data_keys import KEY_BYTES, DataKeys, KeyGone, Keys
from .given import GIVEN
from .group_commit import Conflict, Idempotency, LogUnavailable, Named, Repeated, Unmoved
from .recorder import LogRecorder
from .sealed_record import BrokenSeal, Header, Record
from .transcoder import LaterRelease, shown, to_event, to_segments, topic_of

__all__ = ["Conflict", "EventStore", "Idempotency", "LogUnavailable", "Opened", "Repeated", "Stream"]


Wanted = Mapping[int, frozenset[Compartment]]
OpenedAt = Mapping[int, tuple[frozenset[Compartment], Mapping[Compartment, bytes]]]


def because_of(event: Fact, stream: UUID) -> UUID | None:
    """What an event is stored because of, in clear, where that is more than the request: of a proposal on a case, that
    case; of another, the proposal itself. Its sealed parts die with the case, and the database lets them die with no
    other (ERASURE.md)."""
    if not isinstance(event, ProposalMade):
        return None
    return UUID(event.target) if event.on == "case" else stream


class Stream(NamedTuple):
    """Events to append to one stream after the version at which it was read (0: it is new); none, of a stream that was
    only read: all is stored only where that did not move on either. `acts`, where given, says of each event whose it
    is, in the place of the one act for all. `unkept`: where a key of the stream does not open, they are sealed under
    one that nobody keeps: they are never read."""

    id: UUID
    version: int
    events: Sequence[Fact]
    acts: Sequence[Act] | None = None
    unkept: bool = False


class Opened(NamedTuple):
    """A stored event whose coordination was opened."""

    position: int
    stream: UUID
    version: int
    topic: str
    event: Fact
    state: bytes

    @property
    def record(self) -> Record:
        """The whole record. Raises BrokenSeal."""
        return sealed_record.parse(self.state)


class Damaged(Exception):
    """A stored event does not open, or is not understood. The words name no content."""

    def __init__(self, damage: "Damage") -> None:
        super().__init__(f"the event at position {damage.position} does not open: {damage.why}")
        self.damage = damage


class OutOfPlace(BrokenSeal):
    """An event of a stream is missing, or stands under another number than it was given: whoever follows the log may
    not have met it."""

    def __init__(self, version: int, how: str) -> None:
        super().__init__(f"an event of the stream {how}: version {version}")
        self.version = version


class Damage(NamedTuple):
    """A stored event that does not open, or is not understood: where, and what was met. It names no content."""

    position: int
    stream: UUID
    version: int
    topic: str
    why: str
    later: bool = False
    """Whether it is whole, and of a later release than this."""


class EventStore:
    """Appends sealed events, and opens what is asked for, no more."""

    def __init__(self, recorder: LogRecorder, keys: DataKeys, pool: Pool) -> None:
        self.recorder = recorder
        self.keys = keys
        self.pool = pool

    def append(
        self,
        streams: Sequence[Stream],
        act: Act,
        *,
        correlation: UUID,
        causation: UUID,
        idempotency: Idempotency | None = None,
    ) -> list[int]:
        """Seal these events and store them in one commit; their positions, in order, once they are durable.

        Raises Conflict where a stream moved on since it was read, Repeated, LogUnavailable.
        """
        if self.recorder.writer is not None:
            self.recorder.writer.check()  # before keys are made for what is not stored
        stored: list[StoredEvent] = []
        documents: list[Named] = []
        for stream in (written for written in streams if written.events):
            segments = [to_segments(event) for event in stream.events]
            keys = self._keys_for(stream, sorted({c for s in segments for c in s}))
            for n, (event, plain) in enumerate(zip(stream.events, segments, strict=True)):
                topic = topic_of(event)
                whose = stream.acts[n] if stream.acts is not None else act
                header = Header(
                    stream.id,
                    stream.version + n + 1,
                    topic,
                    version_of(topic),
                    whose.at,
                    whose.actor,
                    whose.agency,
                    correlation,
                    because_of(event, stream.id) or causation,
                )
                sealed = sealed_record.seal(header, padding.padded(topic, event, plain), keys)
                stored.append(StoredEvent(stream.id, header.version, topic, sealed))
                if isinstance(event, DocumentAttached):
                    documents.append(Named(stream.id, event.document, whose.agency))
        unmoved = [Unmoved(stream.id, stream.version) for stream in streams if not stream.events]
        beside = {"idempotency": idempotency, "documents": documents, "unmoved": unmoved}
        return list(self.recorder.insert_events(stored, **beside) or ())

    def _keys_for(self, stream: Stream, compartments: Sequence[Compartment]) -> Keys:
        try:
            return self.keys.for_sealing(stream.id, compartments)
        except KeyGone:
            if not stream.unkept:
                raise
            return {compartment: os.urandom(KEY_BYTES) for compartment in compartments}

    def read(self, stream: UUID, after: int = 0, upto: int | None = None) -> list[Opened]:
        """The stream's events after a version, with their coordination opened. Raises BrokenSeal, KeyGone."""
        rows = self.rows(stream, after, upto)
        if not rows:
            return []
        key = self.keys.for_opening(stream, (Compartment.COORDINATION,))[Compartment.COORDINATION]
        _check_whole(rows, after)
        return [_opened(position, stream, version, topic, state, key) for position, version, topic, state in rows]

    def rows(self, stream: UUID, after: int = 0, upto: int | None = None) -> list[tuple[int, int, str, bytes]]:
        """(position, version, topic, record) of the stream's events after a version, sealed, and not looked at."""
        with self.pool.connection() as db, db.cursor(binary=True) as cursor:
            cursor.execute(
                _READ if upto is None else _READ_UPTO, (stream, after) if upto is None else (stream, after, upto)
            )
            return cursor.fetchall()

    def open_all(self, notifications: Iterable[Notification]) -> list[Opened]:
        """Notifications with their coordination opened; those that were erased are left out. Raises Damaged."""
        opened: list[Opened] = []
        for found in self.open_each(notifications):
            if isinstance(found, Damage):
                raise Damaged(found)
            opened.append(found)
        return opened

    def open_each(self, notifications: Iterable[Notification]) -> list[Opened | Damage]:
        """The same; what does not open is named in its place, whatever is the matter with it. Raises what says that
        the database, or the home of the keys, is away."""
        batch = list(notifications)
        streams: set[UUID] = {n.originator_id for n in batch}  # type: ignore[misc]
        keys = self.keys.coordination(streams)
        lost = self.keys.lost(missing) if (missing := streams - keys.keys()) else frozenset[UUID]()
        opened: list[Opened | Damage] = []
        for n in batch:
            stream = n.originator_id
            assert isinstance(stream, UUID)
            if key := keys.get(stream):
                try:
                    opened.append(_opened(n.id, stream, n.originator_version, n.topic, n.state, key))
                except Exception as problem:
                    opened.append(_damage(n, stream, problem))
            elif stream in lost and (moved := _whose(n.state)) is not None and moved[0] != stream:
                opened.append(Damage(n.id, *moved, "its row names another stream"))
            elif stream in lost:
                opened.append(Damage(n.id, stream, n.originator_version, n.topic, "its key is not there, or damaged"))
        return opened

    def open_at(self, wanted: Wanted) -> OpenedAt:
        """Position → (compartments the event has, JSON objects of those wanted). What was erased meanwhile is left out,
        a whole case with its positions. Raises BrokenSeal, and KeyGone where a key is missing that nobody erased."""
        opened: dict[int, tuple[frozenset[Compartment], Mapping[Compartment, bytes]]] = {}
        for at, record in self.records(list(wanted)).items():
            held = frozenset(record.held)
            try:
                opened[at] = held, self.plaintext(record, wanted[at])
            except KeyGone:
                gone = self.keys.erased(UUID(bytes=record.stream))
                if not gone:
                    raise
                if Compartment.COORDINATION not in gone:
                    opened[at] = held, self.plaintext(record, wanted[at] - gone)
        return opened

    def opened(self, positions: Sequence[int]) -> list[Opened]:
        """The events at these positions, in order, their coordination opened; those whose key is gone are left out."""
        return self.open_all(self._at(positions))

    def opened_each(self, positions: Sequence[int]) -> list[Opened | Damage]:
        """The same; what does not open is named in its place."""
        return self.open_each(self._at(positions))

    def _at(self, positions: Sequence[int]) -> list[Notification]:
        with self.pool.connection() as db, db.cursor(binary=True) as cursor:
            cursor.execute(f"{_AT} ORDER BY notification_id", (list(positions),))
            return [
                Notification(id=n, originator_id=s, originator_version=v, topic=t, state=x) for n, s, v, t, x in cursor
            ]

    def records(self, positions: Sequence[int]) -> dict[int, Record]:
        """The records at these positions, sealed, by position; checked against their rows."""
        with self.pool.connection() as db, db.cursor(binary=True) as cursor:
            cursor.execute(_AT, (list(positions),))
            found: dict[int, Record] = {}
            for position, stream, version, topic, state in cursor:
                found[position] = record = sealed_record.parse(state)
                sealed_record.check_row(record, stream, version, topic)
                found[position] = record._replace(of_whole=sha256(state).digest()[:16])
            return found

    def plaintext(self, record: Record, compartments: Iterable[Compartment]) -> dict[Compartment, bytes]:
        """The JSON of those of the compartments that the record has, as it is told and shown: in the present shape, and
        without what the service keeps for itself. Raises BrokenSeal, KeyGone."""
        wanted = [c for c in sorted(compartments) if c in record.segments]
        keys = self.keys.for_opening(UUID(bytes=record.stream), wanted)
        opened = {c: padding.bare(sealed_record.unseal(record, c, keys[c])) for c in wanted}
        return shown(record.header.topic, record.header.schema, opened)

    def erasures(self, after: int) -> list[Opened | Damage]:
        """The records of erasures after a position, in order; what does not open is named in its place."""
        with self.pool.connection() as db, db.cursor(binary=True) as cursor:
            found = cursor.execute(_ERASURES, (after,)).fetchall()
        return self.open_each(
            Notification(id=n, originator_id=s, originator_version=v, topic=t, state=b) for n, s, v, t, b in found
        )

    def head(self) -> int:
        """The position of the newest event; 0 when there is none."""
        with self.pool.connection() as db:
            row = db.execute(f"SELECT max(notification_id) FROM log.stored_events WHERE {GIVEN}").fetchone()
        return int(row[0]) if row and row[0] is not None else 0

    def repeated(self, key: bytes) -> tuple[bytes, bytes, int] | None:
        """(fingerprint, answer, position) of an idempotency key that was used, once what was done under it is durable.
        Raises LogUnavailable."""
        with self.pool.connection() as db:
            row = db.execute(
                "SELECT fingerprint, answer, position FROM log.idempotency_keys WHERE key = %b", (key,), binary=True
            ).fetchone()
        if row is not None and self.recorder.writer is not None:
            self.recorder.writer.settle()
        return (row[0], row[1], row[2]) if row else None


def as_shown(header: Header) -> Header:
    """The header of what `plaintext` shows of a record: its shape is the present one."""
    return header._replace(schema=version_of(header.topic))


def _check_whole(rows: Sequence[tuple[int, int, str, bytes]], after: int) -> None:
    """Raises OutOfPlace where one is missing, or stands under another number: a stream's numbers grow with its
    versions. It names the first of which that is so."""
    last = 0
    for expected, (position, version, _, _) in enumerate(rows, after + 1):
        if version != expected:
            raise OutOfPlace(expected, "is missing")
        if position <= last:
            check_order([(p, v) for p, v, _, _ in rows if v < version], position)
        last = position


def check_order(before: Iterable[tuple[int, int]], position: int) -> None:
    """Raises OutOfPlace where one of these events, (position, version), stands behind that position, and in the stream
    before the event that has it."""
    if behind := [version for at, version in before if at >= position]:
        raise OutOfPlace(min(behind), "stands under another number")


def _damage(n: Notification, stream: UUID, problem: Exception) -> Damage:
    """Of the stream that the record itself names, where it can be read; else of the row's."""
    of = _whose(n.state) or (stream, n.originator_version, n.topic)
    if isinstance(problem, LaterRelease):
        return Damage(n.id, *of, str(problem), later=True)
    return Damage(n.id, *of, where(problem))


def _whose(state: bytes) -> tuple[UUID, int, str] | None:
    """(stream, version, topic) that a record names; None where its header is damaged."""
    try:
        header = sealed_record.parse(state).header
    except BrokenSeal:
        return None
    return header.stream, header.version, header.topic


def _opened(position: int, stream: UUID, version: int, topic: str, state: bytes, key: bytes) -> Opened:
    plain = sealed_record.open_coordination(state, stream, version, topic, key)
    event = to_event(topic, sealed_record.schema_of(state), {Compartment.COORDINATION: plain})
    return Opened(position, stream, version, topic, event, state)


_READ = (
    "SELECT notification_id, originator_version, topic, state FROM log.stored_events"
    " WHERE originator_id = %s AND originator_version > %s ORDER BY originator_version"
)
_READ_UPTO = (
    "SELECT notification_id, originator_version, topic, state FROM log.stored_events"
    " WHERE originator_id = %s AND originator_version > %s AND originator_version <= %s ORDER BY originator_version"
)
_ERASURES = (
    "SELECT notification_id, originator_id, originator_version, topic, state FROM log.stored_events"
    f" WHERE topic = 'erasure.ErasureRecorded' AND notification_id > %s AND {GIVEN} ORDER BY notification_id"
)
_AT = (
    "SELECT notification_id, originator_id, originator_version, topic, state FROM log.stored_events"
    " WHERE notification_id = ANY(%s)"
)
