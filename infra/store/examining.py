"""What is the matter with a stream: which of its records do not open, and what they say without being opened."""

from collections.abc import Iterator
from typing import LiteralString, NamedTuple
from uuid import UUID

from eventsourcing.persistence import Notification

from ...domain.agency import AgencyRegistered
from ...domain.case.merging import JOININGS
from ...domain.compartment import Compartment
from ...domain.damaged import InClear
from . import sealed_record
from .data_keys import KeyGone
from .event_store import Damage, EventStore
from .given import GIVEN
from .sealed_record import BrokenSeal


def damage_of(store: EventStore, stream: UUID) -> Damage | None:
    """The first record of a stream that does not open; None where all do, or it was erased."""
    found = store.open_each(
        Notification(id=n, originator_id=stream, originator_version=v, topic=t, state=b)
        for n, v, t, b in store.rows(stream)
    )
    return next((one for one in found if isinstance(one, Damage)), None)


def half_damage_of(store: EventStore, stream: UUID) -> Damage | None:
    """The first record of a stream of which something does not open, though its coordination does, or the record
    before a missing one; None where all opens that was not erased. Raises what says that the home of the keys is
    away."""
    expected = 1
    for position, version, topic, _ in store.rows(stream):
        if version != expected:
            return Damage(position, stream, version, topic, "an event before it is not there")
        try:
            store.open_at({position: frozenset(Compartment)})
        except (BrokenSeal, KeyGone):
            return Damage(position, stream, version, topic, "some of it, or the key to that, is damaged")
        expected += 1
    return None


def in_clear(store: EventStore, stream: UUID) -> list[InClear]:
    """What the stream's events say without being opened; of one whose header is damaged, what its row says."""
    found = []
    for _, version, topic, state in store.rows(stream):
        try:
            header = sealed_record.parse(state).header
            found.append(InClear(version, header.topic, header.agency, header.recorded_at))
        except BrokenSeal:
            found.append(InClear(version, topic, None))
    return found


class _Joining(NamedTuple):
    """An event by which files are merged, or separated again."""

    position: int
    stream: UUID
    correlation: UUID | None
    """None where its header is damaged."""


def joined(store: EventStore, stream: UUID) -> frozenset[UUID]:
    """Files that were ever merged with that one, or separated from it. Both say so in one commit, of one request, which
    the headers name in clear. Where a header is damaged, whatever was merged beside it counts."""
    found: set[UUID] = set()
    for own in _joinings(store, "originator_id = %s", stream):
        for beside in _joinings(store, "notification_id BETWEEN %s AND %s", own.position - NEAR, own.position + NEAR):
            if None in (own.correlation, beside.correlation) or own.correlation == beside.correlation:
                found.add(beside.stream)
    return frozenset(found - {stream})


def _joinings(store: EventStore, where: LiteralString, *values: object) -> Iterator[_Joining]:
    topics = [event.__struct_config__.tag for event in JOININGS]
    with store.pool.connection() as db:
        rows = db.execute(_JOININGS + where, (topics, *values)).fetchall()
    for position, of, state in rows:
        try:
            yield _Joining(position, of, sealed_record.parse(state).header.correlation)
        except BrokenSeal:
            yield _Joining(position, of, None)


def registered(store: EventStore) -> list[UUID]:
    """The streams that begin with the registration of an agency, in the order of the log."""
    with store.pool.connection() as db:
        return [stream for (stream,) in db.execute(_REGISTERED, (AgencyRegistered.__struct_config__.tag,)).fetchall()]


NEAR = 200
"""Positions on either side in which the other half of a commit is looked for: longer than any merger is."""
_JOININGS: LiteralString = (
    f"SELECT notification_id, originator_id, state FROM log.stored_events WHERE {GIVEN} AND topic = ANY (%s) AND "
)
_REGISTERED: LiteralString = (
    f"SELECT originator_id FROM log.stored_events WHERE {GIVEN} AND topic = %s ORDER BY notification_id"
)
