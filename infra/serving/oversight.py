"""What the log says of who holds what, and of what people were told, for reports: worked out from the events
themselves.

Which cases an agency ever had a part in, and which notices it was given, is found by indexes of the log
(store/indexed.py). Each case is then read as it stands, and told anew from its first event; how one that did not move
on since was told is remembered.
"""

from array import array
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from threading import Lock
from typing import NamedTuple
from uuid import UUID

from eventsourcing.persistence import Notification

from ...api.application.oversight import HeldFound, NoticesFound
from ...domain.case.intake import CaseOpened
from ...domain.case.lead import LeadTransferAccepted
from ...domain.case.referrals import ReferralDrafted
from ...domain.casefile.state import compartments_named
from ...domain.catalogue import topic_of
from ...domain.compartment import Compartment
from ...domain.erasure import ErasureRecorded
from ...domain.fact import ActorId, AgencyCode
from ...domain.holdings import CaseHeld, held_of
from ...domain.memory import Memory
from ...domain.notices import NoticeGiven
from ..delivery.met import Met
from ..store.event_store import Damage, EventStore, Opened
from ..store.following import written_of
from ..store.indexed import LogIndex

PARTS = [topic_of(event) for event in (CaseOpened, LeadTransferAccepted, ReferralDrafted, ErasureRecorded)]
"""What says that an agency has a part in a case, or that nothing is left of it."""
AT_ONCE = 200
"""Cases that are read in one go."""
MOST_BYTES = 32 * 2**20
"""Memory for how cases were told."""
SPAN_BYTES, CASE_BYTES = 500, 1_500


class _Told(NamedTuple):
    version: int
    held: CaseHeld


class ApiOversight:
    """Asks the log. Safe to share between threads."""

    def __init__(self, store: EventStore, met: Met) -> None:
        """`met` is told of what does not open."""
        self._store, self._met = store, met
        self._lock = Lock()
        self._parts = LogIndex(store, PARTS, self._forget_parts, self._take_part, among_others=True)
        self._given = LogIndex(store, [topic_of(NoticeGiven)], self._forget_notices, self._take_notice)
        self._told: Memory[UUID, _Told] = Memory(MOST_BYTES, _weight)

    def held_by(self, agency: AgencyCode) -> HeldFound:
        with self._lock:
            damage = self._parts.catch_up()
            cases = self._of.get(agency, {}).keys() - self._gone.keys()
        found, unread = self._cases(cases)
        return HeldFound(found, self._named([*damage, *unread]))

    def led_by(self, agency: AgencyCode) -> Collection[UUID]:
        with self._lock:
            self._parts.catch_up()
            leads = {**self._lead, **{case: held.lead for case, held in self._gone.items()}}
        return {case for case, lead in leads.items() if lead == agency}

    def cases(self, cases: Collection[UUID]) -> HeldFound:
        with self._lock:
            damage = self._parts.catch_up()
            gone = {case: self._gone[case] for case in cases if case in self._gone}
        found, unread = self._cases([case for case in cases if case not in gone])
        return HeldFound({**found, **gone}, self._named([*damage, *unread]))

    def erased(self) -> Collection[UUID]:
        with self._lock:
            self._parts.catch_up()
            return frozenset(self._gone)

    def notices(self, agency: AgencyCode, since: datetime, until: datetime) -> NoticesFound:
        with self._lock:
            damage = self._given.catch_up()
            positions = list(self._notices.get(agency, ()))
        found, gone = self._given.opened(
            positions, lambda opened: isinstance(opened.event, NoticeGiven) and opened.event.agency == agency
        )
        between = [
            written_of(one)
            for one in found
            if isinstance(one.event, NoticeGiven) and since <= one.event.done_at < until
        ]
        return NoticesFound(between, self._named([*damage, *gone]))

    # Indexes -----------------------------------------------------------------------------------------------------

    def _forget_parts(self) -> None:
        self._of: dict[AgencyCode, dict[UUID, None]] = {}
        """Agency → the cases in which it ever had a part."""
        self._lead: dict[UUID, AgencyCode] = {}
        """Case → who leads it."""
        self._gone: dict[UUID, CaseHeld] = {}
        """What is left of a case that was erased."""
        self._codes: dict[AgencyCode, AgencyCode] = {}

    def _take_part(self, opened: Opened) -> None:
        case, event = opened.stream, opened.event
        match event:
            case CaseOpened() | LeadTransferAccepted():
                self._lead[case] = self._code(event.lead)
                self._has_part(event.lead, case)
            case ReferralDrafted():
                self._has_part(event.sender, case)
                self._has_part(event.recipient, case)
            case ErasureRecorded() if Compartment.COORDINATION in compartments_named(event.compartments):
                w = written_of(opened)
                self._gone[event.case] = CaseHeld(self._code(event.lead), (), {(ActorId(w.actor), w.author): w.at})

    def _has_part(self, agency: AgencyCode, case: UUID) -> None:
        self._of.setdefault(self._code(agency), {})[case] = None

    def _code(self, agency: AgencyCode) -> AgencyCode:
        """The one that is kept, where there are many the same."""
        return self._codes.setdefault(agency, agency)

    def _forget_notices(self) -> None:
        self._notices: dict[AgencyCode, array[int]] = {}
        """Agency → the positions of what it was told."""

    def _take_notice(self, opened: Opened) -> None:
        if isinstance(opened.event, NoticeGiven):
            self._notices.setdefault(opened.event.agency, array("Q")).append(opened.position)

    # Cases -------------------------------------------------------------------------------------------------------

    def _cases(self, cases: Collection[UUID]) -> tuple[dict[UUID, CaseHeld], list[Damage]]:
        found: dict[UUID, CaseHeld] = {}
        damage: list[Damage] = []
        every = list(cases)
        for n in range(0, len(every), AT_ONCE):
            versions = self._versions(every[n : n + AT_ONCE])
            for case in versions:
                if (known := self._told.get(case)) is not None and known.version == versions[case]:
                    found[case] = known.held
            for case, told in self._read([case for case in versions if case not in found]):
                if isinstance(told, Damage):
                    damage.append(told)
                    continue
                found[case] = told.held
                self._told[case] = told
        return found, damage

    def _versions(self, cases: Sequence[UUID]) -> dict[UUID, int]:
        with self._store.pool.connection() as db:
            return dict(db.execute(_VERSIONS, (list(cases),)).fetchall())

    def _read(self, cases: Sequence[UUID]) -> Iterator[tuple[UUID, "_Told | Damage"]]:
        """How each is told, or one thing that is the matter with it; nothing of one that was erased."""
        if not cases:
            return
        with self._store.pool.connection() as db, db.cursor(binary=True) as cursor:
            rows = cursor.execute(_ROWS, (list(cases),)).fetchall()
        opened = {one.position: one for one in self._store.open_each(_notification(row) for row in rows)}
        for case, of_case in groupby(rows, lambda row: row[1]):
            its = list(of_case)
            events = [opened[n] for n, *_ in its if n in opened]
            if not events or not any(topic.startswith("case.") for _, _, _, topic, _ in its):
                continue  # nothing is left of it, or it is an agency, with which searches are on record
            if (wrong := _damage(its, events)) is not None:
                yield case, wrong
            elif (held := held_of(written_of(one) for one in events if isinstance(one, Opened))) is not None:
                yield case, _Told(its[-1][2], held)

    def _named(self, damage: Sequence[Damage]) -> list[int]:
        if damage:
            self._met.positions([one.position for one in damage])
        return sorted({one.position for one in damage})


Row = tuple[int, UUID, int, str, bytes]


def _notification(row: Row) -> Notification:
    n, stream, version, topic, state = row
    return Notification(id=n, originator_id=stream, originator_version=version, topic=topic, state=state)


def _damage(rows: Sequence[Row], events: Sequence[Opened | Damage]) -> Damage | None:
    """What does not open, or is missing, or stands under another number than it was given."""
    if (broken := next((one for one in events if isinstance(one, Damage)), None)) is not None:
        return broken
    last = 0
    for expected, (position, stream, version, topic, _) in enumerate(rows, 1):
        if version != expected or position <= last:
            return Damage(position, stream, version, topic, "one before it is not there")
        last = position
    return None


def _weight(told: _Told) -> int:
    return CASE_BYTES + SPAN_BYTES * (len(told.held.spans) + len(told.held.acted))


_VERSIONS = (
    "SELECT originator_id, max(originator_version) FROM log.stored_events WHERE originator_id = ANY(%s)"
    " GROUP BY originator_id"
)
_ROWS = (
    "SELECT notification_id, originator_id, originator_version, topic, state FROM log.stored_events"
    " WHERE originator_id = ANY(%s) ORDER BY originator_id, originator_version"
)
