"""What is there already: agencies, and the cases of a log that earlier imports brought in, or somebody opened.

A case is known by its lead and the lead's number for it. An import gives it an id that follows from both; ids of
before followed from the hash of the whole file, so what such an import brought is looked for by what its opening says.
What was erased since says nothing any more: those of the new ids are known by them, those of before cannot be told.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from enum import Enum
from itertools import takewhile
from typing import NamedTuple
from uuid import UUID

from eventsourcing.persistence import Notification
from msgspec import Struct

from ...domain import agency as agencies
from ...domain.agency import AgencyRegistered, MemberJoined, agency_stream
from ...domain.agency_state import Agency
from ...domain.case.intake import CaseOpened
from ...domain.fact import AgencyCode
from ..store import sealed_record
from ..store.event_store import Damage, EventStore, Opened
from ..store.given import GIVEN
from ..store.sealed_record import BrokenSeal, author_of
from ..system_act import SYSTEM_ACTOR, SYSTEM_AGENCY
from .groups import IMPORTER, Network
from .ids import is_imported
from .planning import PlannedCase

BATCH = 2000


class Left(Enum):
    """Why a case of the log is left as it is."""

    BEFORE = "imported before"
    GROWN = "imported before, and has more events in this log: they are not added"
    ERASED = "imported before, and erased since"
    ANOTHER = "its lead has another case under that number: opened here, or begun at another time"


class Found(Struct, frozen=True):
    """The cases of a plan beside what is stored."""

    missing: tuple[PlannedCase, ...]
    left: dict[Left, list[PlannedCase]]
    untold: int
    """Cases of these leads that imports of before brought in and that were erased: one of the missing may be one."""
    damaged: int
    """Openings that cannot be read: one of the missing may be one."""


class _Opening(NamedTuple):
    stream: UUID
    at: datetime


def network(store: EventStore) -> Network:
    """Every agency, and which of them an import registered. Raises BrokenSeal, LogUnavailable."""
    there: dict[AgencyCode, Agency] = {}
    brought: set[AgencyCode] = set()
    for found in _first(store, "agency.AgencyRegistered"):
        if not isinstance(found, Opened) or not isinstance(found.event, AgencyRegistered):
            raise BrokenSeal("an agency cannot be read, so no group can be held against it")
        code = found.event.code
        history = store.read(agency_stream(code))
        agency = agencies.fold(opened.event for opened in history)
        assert agency is not None
        there[code] = agency
        if was_brought(history):
            brought.add(code)
    return Network(there, frozenset(brought))


def was_brought(history: Sequence[Opened]) -> bool:
    """Whether an import registered the agency of these events: the system did so, and made the importer a member with
    the same stroke. Nobody can do that later, as who adds a member by the API or the command line does that alone."""
    stroke = author_of(history[0].state)[:3] if history else None
    if stroke is None or stroke[:2] != (SYSTEM_AGENCY, SYSTEM_ACTOR):
        return False
    at_once = takewhile(lambda opened: author_of(opened.state)[:3] == stroke, history)
    return any(isinstance(one.event, MemberJoined) and one.event.member == IMPORTER for one in at_once)


def look(planned: Sequence[PlannedCase], store: EventStore) -> Found:
    """Which of these cases are there already."""
    leads = {lead for case in planned for lead in case.known_as}
    there = stored_of((id for case in planned for id in (case.id, case.earlier)), store)
    openings: defaultdict[tuple[AgencyCode, str | None], list[_Opening]] = defaultdict(list)
    readable: set[UUID] = set()
    of_leads: set[UUID] = set()
    damaged = 0
    for found in _first(store, "case.CaseOpened", leads, of_leads):
        if isinstance(found, Damage):
            damaged += 1
            of_leads.discard(found.stream)
        elif isinstance(found.event, CaseOpened):
            readable.add(found.stream)
            openings[found.event.lead, found.event.reference].append(_Opening(found.stream, found.event.occurred_at))
    missing: list[PlannedCase] = []
    left: defaultdict[Left, list[PlannedCase]] = defaultdict(list)
    known: dict[UUID, PlannedCase] = {}
    for case in planned:
        same = [opening for lead in case.known_as for opening in openings[lead, case.reference]]
        brought = [o.stream for o in same if is_imported(o.stream) and o.at == case.opened_at]
        if brought:
            known[brought[0]] = case
        elif same:
            left[Left.ANOTHER].append(case)
        elif there & {case.id, case.earlier}:
            left[Left.ERASED].append(case)
        else:
            missing.append(case)
    for stream, notes in _notes(known, store):
        case = known.pop(stream)
        left[Left.GROWN if notes < case.source_events else Left.BEFORE].append(case)
    left[Left.BEFORE] += known.values()
    untold = sum(1 for stream in of_leads - readable - there if stream.version == 5)
    return Found(tuple(missing), {why: cases for why, cases in left.items() if cases}, untold, damaged)


def stored_of(ids: Iterable[UUID], store: EventStore) -> set[UUID]:
    """Those of which something is stored."""
    with store.pool.connection() as db:
        return {id for (id,) in db.execute(_THERE, (list(ids),)).fetchall()}


def _first(
    store: EventStore, topic: str, leads: set[AgencyCode] | None = None, seen: set[UUID] | None = None
) -> Iterator[Opened | Damage]:
    """The first event of each stream that begins with that topic, where one of these agencies recorded it; into `seen`
    go those that were erased, too."""
    after = 0
    while rows := _page(topic, after, store):
        after = rows[-1].id
        wanted = [row for row in rows if leads is None or _author(row.state) in (*leads, None)]
        if seen is not None:
            seen.update(row.originator_id for row in wanted if isinstance(row.originator_id, UUID))
        yield from store.open_each(wanted)


def _page(topic: str, after: int, store: EventStore) -> list[Notification]:
    with store.pool.connection() as db, db.cursor(binary=True) as cursor:
        rows = cursor.execute(_FIRST, (topic, after, BATCH)).fetchall()
    return [Notification(id=n, originator_id=s, originator_version=v, topic=t, state=b) for n, s, v, t, b in rows]


def _author(state: bytes) -> AgencyCode | None:
    try:
        return sealed_record.parse(state).header.agency
    except BrokenSeal:
        return None


def _notes(streams: Iterable[UUID], store: EventStore) -> list[tuple[UUID, int]]:
    with store.pool.connection() as db:
        return db.execute(_NOTES, (list(streams),)).fetchall()


_THERE = "SELECT originator_id FROM log.stored_events WHERE originator_id = ANY(%s) AND originator_version = 1"
_FIRST = (
    "SELECT notification_id, originator_id, originator_version, topic, state FROM log.stored_events"
    f" WHERE originator_version = 1 AND topic = %s AND notification_id > %s AND {GIVEN}"
    " ORDER BY notification_id LIMIT %s"
)
_NOTES = (
    "SELECT originator_id, count(*) FROM log.stored_events"
    " WHERE originator_id = ANY(%s) AND topic = 'case.NoteRecorded' GROUP BY originator_id"
)
