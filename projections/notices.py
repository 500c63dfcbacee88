"""Notices: what is allowed and odd, and which keys and webhooks changed, for the supervisors and data protection
officers whom it concerns. Rules and reasons: domain/oversight.py, alarms.py.

What was found waits until it is told (`untold`, for the escalator). An agency's own people are shown here at once what
became of its own keys and webhook: a message of it would go to the very key, or address, that it is about.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

from msgspec import Struct
from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from ..domain.access import AccessRecorded
from ..domain.agency import AgencyRegistered, MemberJoined, agency_stream
from ..domain.agency_keys import KeyRegistered, KeyRetired, ResealingApproved
from ..domain.alarms import Deed, Watch, What
from ..domain.case.consents import ConsentReported
from ..domain.case.glass import GlassBroken
from ..domain.case.lead import CaseWorkerAssigned
from ..domain.case.overrides import OverrideAsked, SharedWithoutConsent
from ..domain.case.referrals import ReferralSent
from ..domain.casefile.assigning import PersonAssigned
from ..domain.casefile.state import Case
from ..domain.disclosure import Followed, Written
from ..domain.judged import JudgedNotJustified, JudgedOtherwise, VerdictFacts, person_stream
from ..domain.notices import NoticeGiven
from ..domain.oversight import LIMITS, SEARCHING, Unusual
from ..domain.recovery import HistoryRecovered
from ..domain.standing import readings
from ..domain.webhook import WebhookReplayed, WebhookSet
from .erased import drop, records
from .listing import Listing
from .projection import OWN_AGENCY, Tables

EMERGENCY = "break-glass"
"""What a reading under a broken glass is recorded as."""
OF_KEYS = (Unusual.NEW_KEY, Unusual.RETIRED_KEY, Unusual.NEW_WEBHOOK, Unusual.KEY_THEN_HISTORY)
OF_A_CASE = (What.READ, What.ASSIGNED)
"""What is remembered of a case, and goes with it."""
LONGEST = LIMITS.glass_window
FOR_EVER = (What.REGISTERED, What.NOT_JUSTIFIED, What.JUSTIFIED_AFTER_ALL)


class NoticeEntry(Struct, frozen=True):
    """Something allowed and unusual that was done in a case that the caller's agency leads; or a key or webhook that
    changed, of the agency itself or of one that takes part in a case that it leads. A rule accuses nobody."""

    rule: str
    """Which rule: /reports/unusual-access says why it is one."""
    done_at: datetime
    done_for: str
    """The agency for which it was done, or whose key or webhook it is."""
    actor: UUID
    case: UUID | None
    key: str | None
    deed: int
    """The position of what was done."""
    told_at: datetime
    position: int


class Untold(NamedTuple):
    """Something that an agency's people are to be told."""

    deed: int
    rule: str
    agency: str
    done_at: datetime
    done_for: str
    actor: UUID
    case: UUID | None
    key: str | None


class Notices:
    name = "notices"
    tables: Sequence[LiteralString] = ("notice", "oddity", "deed")
    by_case = False
    ddl: LiteralString = f"""
        CREATE TABLE notice (
          deed bigint NOT NULL, rule text NOT NULL, agency text NOT NULL, done_at timestamptz NOT NULL,
          done_for text NOT NULL, actor uuid NOT NULL, case_id uuid, key text, told_at timestamptz NOT NULL,
          position bigint NOT NULL,
          PRIMARY KEY (deed, rule, agency)
        );
        CREATE INDEX ON notice (agency, position);
        ALTER TABLE notice ENABLE ROW LEVEL SECURITY;
        CREATE POLICY own ON notice FOR SELECT TO rujukan_service USING ({OWN_AGENCY});
        GRANT SELECT ON notice TO rujukan_service;
        -- For the system alone: what was found, and what is remembered of people and agencies for that.
        CREATE TABLE oddity (
          position bigint PRIMARY KEY, rule text NOT NULL, done_at timestamptz NOT NULL, done_for text NOT NULL,
          actor uuid NOT NULL, case_id uuid, key text
        );
        CREATE INDEX ON oddity (done_at);
        ALTER TABLE oddity ENABLE ROW LEVEL SECURITY;
        CREATE TABLE deed (
          position bigint PRIMARY KEY, what text NOT NULL, who text NOT NULL, done_at timestamptz NOT NULL,
          agency text NOT NULL, actor uuid NOT NULL, case_id uuid, key text
        );
        CREATE INDEX ON deed (who, done_at);
        CREATE INDEX ON deed (position) WHERE what = 'registered';
        ALTER TABLE deed ENABLE ROW LEVEL SECURITY;
    """

    def fold(self, db: Tables, batch: Sequence[Followed]) -> None:
        deeds = list(_deeds(db, batch))
        if deeds:
            watch = Watch(_before(db, deeds))
            for deed in deeds:
                rule, kept = watch.take(deed)
                if kept:
                    db.execute(_DEED, _row(deed))
                if rule is not None:
                    done = deed.at, deed.agency, deed.actor, deed.case, deed.key
                    db.execute(_ODDITY, (deed.position, rule.value, *done))
                    if rule in OF_KEYS:
                        db.execute(_NOTICE, (deed.position, rule.value, deed.agency, *done, deed.at, deed.position))
        for followed in batch:
            w = followed.written
            match w.event:
                case HistoryRecovered() as event:  # told to its machine, and to people who have none
                    now = w.at, event.agency, w.actor, None, None
                    db.execute(_NOTICE, (w.position, Unusual.RESTORED.value, event.agency, *now, w.at, w.position))
                case NoticeGiven() as event:
                    then = event.done_at, event.done_for, event.actor, event.case, event.key
                    db.execute(_NOTICE, (event.deed, event.rule, event.agency, *then, w.at, w.position))
        drop(db, "notice", batch)
        drop(db, "oddity", batch)
        if gone := [record.case for record in records(batch)]:
            db.execute(_FORGET, (gone, [what.value for what in OF_A_CASE]))


def _deeds(db: Tables, batch: Sequence[Followed]) -> Iterator[Deed]:
    """What was done, of which the rules ask, in the order of the log."""
    codes: dict[UUID, str] | None = None
    for followed in batch:
        w, event = followed.written, followed.written.event
        if isinstance(event, OF_AN_AGENCY):
            if codes is None:
                codes = {agency_stream(code): code for (code,) in db.execute(_AGENCIES).fetchall()}
            if isinstance(event, AgencyRegistered):
                codes[w.stream] = event.code
            agency = codes.get(w.stream)
            if agency is None:
                continue
        else:
            agency = w.author
        if isinstance(event, VerdictFacts) and w.stream == person_stream(event.member):
            continue  # the same verdict stands in its agency's stream
        found = done(event, followed.case, agency, w.actor)
        if found is not None:
            what, actor, more = found
            if isinstance(event, AccessRecorded):
                more = {"case": event.subject if event.compartments else None}
            elif followed.case is not None:
                more = {"case": w.stream}
            yield Deed(w.position, what, w.at, agency, actor or w.actor, **more)


def done(event: object, case: Case | None, agency: str, by: UUID) -> tuple[What, UUID | None, dict[str, Any]] | None:
    """What an event says that was done; whom it concerns, where that is another than `by`, who recorded it."""
    match event:
        case AccessRecorded():
            if event.what == SEARCHING:
                return What.SEARCHED, event.reader, {}
            if not event.compartments:
                return None
            return (What.READ_IN_EMERGENCY if event.what == EMERGENCY else What.READ), event.reader, {}
        case AgencyRegistered():
            return What.REGISTERED, None, {}
        case MemberJoined():
            return What.JOINED, event.member, {}
        case KeyRegistered():
            return What.KEY, None, {"key": event.key}
        case KeyRetired():
            return What.KEY_RETIRED, None, {"key": event.key}
        case WebhookSet():
            return What.WEBHOOK, None, {}
        case ResealingApproved() | WebhookReplayed():
            return What.HISTORY_AGAIN, None, {}
        case JudgedNotJustified():
            return What.NOT_JUSTIFIED, event.member, {}
        case JudgedOtherwise():
            return What.JUSTIFIED_AFTER_ALL, event.member, {}
    return _done_in_a_case(event, case, agency, by) if case is not None else None


def _done_in_a_case(
    event: object, case: Case, agency: str, by: UUID
) -> tuple[What, UUID | None, dict[str, Any]] | None:
    match event:
        case ConsentReported():
            kind = case.participants().get(event.reported_by)
            names_itself = {event.reported_by, f"kind:{kind}"} & event.recipients
            return (What.OWN_CONSENT, None, {}) if names_itself else None
        case ReferralSent():
            return None if agency == case.lead else (What.SENT_ON, None, {})
        case GlassBroken():
            return What.PAST_CONSENT, event.actor, {}
        case SharedWithoutConsent():
            return What.PAST_CONSENT, event.decided_by, {}
        case OverrideAsked():
            return What.PAST_CONSENT, event.asked_by, {}
        case CaseWorkerAssigned():
            return What.ASSIGNED, event.worker, {}
        case PersonAssigned() if event.person != by:  # who opens a case, or takes a referral, reads it all day
            return What.ASSIGNED, event.person, {}
    return None


OF_AN_AGENCY = (
    AgencyRegistered,
    MemberJoined,
    KeyRegistered,
    KeyRetired,
    WebhookSet,
    ResealingApproved,
    WebhookReplayed,
)
"""Events of an agency's own stream."""


def _before(db: Tables, deeds: Sequence[Deed]) -> list[Deed]:
    """What is remembered of those who did these."""
    who = sorted({deed.who for deed in deeds} | {deed.agency for deed in deeds if deed.what is What.READ})
    since = min(deed.at for deed in deeds) - LONGEST
    rows = db.execute(_BEFORE, (who, since, [what.value for what in FOR_EVER])).fetchall()
    return [Deed(row[0], What(row[1]), *row[2:]) for row in rows]


def _row(deed: Deed) -> tuple[Any, ...]:
    return (deed.position, deed.what.value, deed.who, deed.at, deed.agency, deed.actor, deed.case, deed.key)


def notices(db: Connection[TupleRow], *, before: int | None = None, limit: int = 50) -> list[NoticeEntry]:
    """What was told to the acting agency's people, the latest first; `before` is the position to go on from."""
    with db.cursor(row_factory=class_row(NoticeEntry)) as cursor:
        return cursor.execute(
            _SELECT
            + " WHERE %(before)s::bigint IS NULL OR position < %(before)s ORDER BY position DESC LIMIT %(limit)s",
            {"before": before, "limit": limit},
        ).fetchall()


NOTICES = Listing("/notices", notices, NoticeEntry, "lists", readings.NOTICES, cursor=lambda entry: (entry.position,))


def of_its_own(agency: str, events: Iterable[Written]) -> list[NoticeEntry]:
    """What became of an agency's own keys and webhook, and whether an older state was restored, as its people are shown
    it: told by all events of its own stream."""
    watch, found = Watch(), list[NoticeEntry]()
    for w in events:
        now = w.at, agency, w.actor, None
        if isinstance(w.event, HistoryRecovered):
            found.append(NoticeEntry(Unusual.RESTORED.value, *now, None, w.position, w.at, w.position))
        elif isinstance(w.event, OF_AN_AGENCY) and (did := done(w.event, None, agency, w.actor)) is not None:
            what, actor, more = did
            deed = Deed(w.position, what, w.at, agency, actor or w.actor, **more)
            rule, _ = watch.take(deed)
            if rule in OF_KEYS:
                done_by = deed.at, agency, deed.actor, None, deed.key
                found.append(NoticeEntry(rule.value, *done_by, w.position, w.at, w.position))
    return found


def as_given(w: Written) -> NoticeEntry:
    """A notice, as it stands in the log."""
    e = w.event
    assert isinstance(e, NoticeGiven)
    return NoticeEntry(e.rule, e.done_at, e.done_for, e.actor, e.case, e.key, e.deed, w.at, w.position)


def untold(db: Connection[TupleRow], since: datetime) -> list[Untold]:
    """What was found since then, and whose people are to be told it: of a case who led it then; of a key or webhook who
    led a case then in which that agency held a referral; of searches the agency itself. For followers."""
    of = {"since": since, "keys": [rule.value for rule in OF_KEYS], "searches": Unusual.SEARCHES.value}
    return [Untold(*row) for row in db.execute(_UNTOLD, of)]


_AGENCIES: LiteralString = "SELECT agency FROM deed WHERE what = 'registered'"
_DEED: LiteralString = (
    "INSERT INTO deed (position, what, who, done_at, agency, actor, case_id, key)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
)
_ODDITY: LiteralString = (
    "INSERT INTO oddity (position, rule, done_at, done_for, actor, case_id, key) VALUES (%s, %s, %s, %s, %s, %s, %s)"
)
_NOTICE: LiteralString = (
    "INSERT INTO notice (deed, rule, agency, done_at, done_for, actor, case_id, key, told_at, position)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
)
_FORGET: LiteralString = "DELETE FROM deed WHERE case_id = ANY(%s) AND what = ANY(%s)"
_BEFORE: LiteralString = (
    "SELECT position, what, done_at, agency, actor, case_id, key FROM deed"
    " WHERE who = ANY(%s) AND (done_at > %s OR what = ANY(%s)) ORDER BY position"
)
_SELECT: LiteralString = (
    "SELECT rule, done_at, done_for, actor, case_id AS case, key, deed, told_at, position FROM views.notice"
)
_UNTOLD: LiteralString = """
    SELECT o.position, o.rule, a.agency, o.done_at, o.done_for, o.actor, o.case_id, o.key
      FROM views.oddity o CROSS JOIN LATERAL (
        SELECT h.agency FROM views.holding h WHERE h.case_id = o.case_id AND h.relation = 'lead'
          AND h.from_position <= o.position AND coalesce(h.until_position, o.position + 1) > o.position
        UNION
        SELECT h.lead FROM views.holding h WHERE o.rule = ANY(%(keys)s) AND h.agency = o.done_for
          AND h.relation = 'recipient' AND h.lead <> o.done_for
          AND h.from_position <= o.position AND coalesce(h.until_position, o.position + 1) > o.position
        UNION
        SELECT o.done_for WHERE o.rule = %(searches)s
      ) a
     WHERE o.done_at >= %(since)s
       AND NOT EXISTS (SELECT FROM views.notice n WHERE n.deed = o.position AND n.rule = o.rule AND n.agency = a.agency)
     ORDER BY o.position, a.agency
"""
