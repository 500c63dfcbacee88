"""Escalations: what was raised because time ran out, for who is to see to it; and which clocks still run.

A referral that nobody answered, that did not arrive, or on which nobody acted in its state, is first the business of
the supervisors of who has to act, and from the second level on of the lead too. A clock that ran out is the lead's, and
of who was referred to for it. An appointment that was missed or cancelled, or of which nobody says what came of it, is
the business of who was to meet her and of the lead. What one person did alone and nobody judged in time, an opening in
an emergency or sharing without consent, is that agency's and the lead's; it stays theirs when the case ends.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, LiteralString
from uuid import UUID

from msgspec import Meta, Struct
from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from ..domain.case.amending import ReferralAmended
from ..domain.case.documents import DocumentSuperseded
from ..domain.case.fulfilment import ReferralAccepted, ReferralReceived
from ..domain.case.glass import GlassReviewed, GlassReviewOverdue
from ..domain.case.intake import ReportReceived
from ..domain.case.lead import LeadTransferAccepted
from ..domain.case.lifecycle import CaseClosed, CaseReopened
from ..domain.case.merging import CaseMerged, CaseSeparated
from ..domain.case.overrides import OverrideReviewed, OverrideReviewOverdue, SharedWithoutConsent
from ..domain.case.reminders import ReferralEscalated, ReferralUndelivered
from ..domain.case.reminding import ClockStillOverdue, ClockWarned, next_reminder
from ..domain.case.services import ServiceDelivered
from ..domain.case.silence import ReferralStalled
from ..domain.case.striking import EntryStruck
from ..domain.case.uncovered import UncoveredEndAnnounced, UncoveredEndAnswered
from ..domain.casefile.clocks import ClockEnded, ClockMet, ClockOverdue, ClockResumed, ClockStarted
from ..domain.casefile.duties import DutiesFound, beginning
from ..domain.casefile.entries import met_by_nothing
from ..domain.casefile.moves import ReferralMove
from ..domain.casefile.overriding import Overrides
from ..domain.casefile.state import Case, Clock, Status
from ..domain.codes import ReferralStatus
from ..domain.compartment import Compartment
from ..domain.disclosure import Followed, Written
from ..domain.fact import ClockId, ReferralId
from ..domain.standing import readings
from ..domain.standing.relations import Extent
from ..domain.standing.rule import extent_for
from . import meeting
from .erased import drop, records
from .listing import Listing
from .meeting import RAISE, RESOLVE
from .projection import Tables

UNANSWERED, UNDELIVERED, STALLED, CLOCK = "unanswered", "undelivered", meeting.STALLED, "clock"
CLOCK_SOON = "clock-soon"
OF_CLOCKS = [CLOCK, CLOCK_SOON]
OF_CLOCK = (ClockStarted, ClockMet, ClockEnded, ClockResumed, ClockWarned, ClockOverdue, ClockStillOverdue)
GLASS_REVIEW, SHARING_REVIEW = "glass-review", "sharing-review"
ENDS_OR_GOES_ON = (CaseClosed, CaseMerged, CaseReopened, CaseSeparated)
BEGIN_DUTIES = (
    DutiesFound,
    ReportReceived,
    ReferralReceived,
    ReferralAccepted,
    LeadTransferAccepted,
    ClockStarted,
    ClockEnded,
    ClockResumed,
    EntryStruck,
    DocumentSuperseded,
    *ENDS_OR_GOES_ON,
)
"""By which the time for a duty may begin, or run again, or be on record."""


class EscalationEntry(Struct, frozen=True):
    """Something that was raised. `subject` is the referral, the clock, the appointment, the question, or what nobody
    judged: the emergency opening, or the sharing without consent."""

    kind: str
    case: UUID
    subject: UUID
    level: int
    relation: str
    """lead, or recipient: as what it concerns the caller's agency; recipient, too, is whose person did what nobody
    judged."""
    recipient: str | None
    """To whom the referral was sent, or for whom somebody did what nobody judged; absent where it is the lead's own."""
    raised_at: datetime
    resolved_at: datetime | None
    position: int


class Escalations:
    name = "escalations"
    tables: Sequence[LiteralString] = (
        "escalation",
        "running_clock",
        "clock_reminder",
        "sharing_alone",
        "announced_end",
        "waiting_duty",
    )
    by_case = True
    ddl: LiteralString = """
        CREATE TABLE escalation (
          case_id uuid NOT NULL, kind text NOT NULL, subject uuid NOT NULL, level int NOT NULL,
          recipient text NOT NULL, lead text NOT NULL, raised_at timestamptz NOT NULL, resolved_at timestamptz,
          position bigint NOT NULL,
          PRIMARY KEY (case_id, kind, subject, level, recipient)
        );
        CREATE INDEX ON escalation (recipient, position DESC);
        CREATE INDEX ON escalation (lead, position DESC) WHERE level > 1;
        ALTER TABLE escalation ENABLE ROW LEVEL SECURITY;
        CREATE POLICY own ON escalation FOR SELECT TO rujukan_service
          USING (recipient = current_setting('rujukan.agency', true)
            OR (level > 1 AND lead = current_setting('rujukan.agency', true)));
        GRANT SELECT ON escalation TO rujukan_service;
        -- For the system alone: it looks here for what ran out.
        CREATE TABLE running_clock (
          case_id uuid NOT NULL, clock uuid NOT NULL, due_at timestamptz NOT NULL, open boolean NOT NULL DEFAULT true,
          PRIMARY KEY (case_id, clock)
        );
        CREATE INDEX ON running_clock (due_at) WHERE open;
        ALTER TABLE running_clock ENABLE ROW LEVEL SECURITY;
        CREATE TABLE clock_reminder (
          case_id uuid NOT NULL, clock uuid NOT NULL, remind_at timestamptz NOT NULL, until timestamptz,
          open boolean NOT NULL DEFAULT true,
          PRIMARY KEY (case_id, clock)
        );
        CREATE INDEX ON clock_reminder (remind_at) WHERE open;
        ALTER TABLE clock_reminder ENABLE ROW LEVEL SECURITY;
        CREATE TABLE waiting_duty (case_id uuid PRIMARY KEY);
        ALTER TABLE waiting_duty ENABLE ROW LEVEL SECURITY;
        CREATE TABLE sharing_alone (
          case_id uuid NOT NULL, consent uuid NOT NULL, review_due_at timestamptz NOT NULL,
          reminders int NOT NULL DEFAULT 0,
          PRIMARY KEY (case_id, consent)
        );
        CREATE INDEX ON sharing_alone (review_due_at);
        ALTER TABLE sharing_alone ENABLE ROW LEVEL SECURITY;
        CREATE TABLE announced_end (
          case_id uuid NOT NULL, referral uuid NOT NULL, ends_at timestamptz NOT NULL,
          PRIMARY KEY (case_id, referral)
        );
        CREATE INDEX ON announced_end (ends_at);
        ALTER TABLE announced_end ENABLE ROW LEVEL SECURITY;
    """

    def fold(self, db: Tables, batch: Sequence[Followed]) -> None:
        for followed in batch:
            case, event, written = followed.case, followed.written.event, followed.written
            if case is None:
                continue
            stream, at = written.stream, written.at
            told = {t.agency for t in followed.tell if t.of is written} - {case.lead, written.author}
            if isinstance(event, BEGIN_DUTIES):
                _duties(db, stream, case)
            if isinstance(event, OF_CLOCK):
                _remind(db, stream, case, event.clock)
            match event:
                case ReferralEscalated() | ReferralUndelivered():
                    kind = UNANSWERED if isinstance(event, ReferralEscalated) else UNDELIVERED
                    recipient = case.referrals[event.referral].recipient
                    row = (stream, kind, event.referral, event.level, recipient, case.lead, at, written.position)
                    db.execute(RAISE, row)
                case ReferralStalled():
                    row = (stream, STALLED, event.referral, event.level, event.to, case.lead, at, written.position)
                    db.execute(RAISE, row)
                case UncoveredEndAnnounced():
                    db.execute(_ANNOUNCED, (stream, event.referral, event.ends_at))
                case UncoveredEndAnswered():
                    _not_announced(db, stream, [event.referral])
                case ReferralAmended():  # by its sender: no answer, and no act of its recipient
                    pass
                case ReferralMove():
                    _moved(db, stream, case, event.referral, at)
                case ClockStarted() if (
                    event.due_at > (event.known_at or at) and not event.too_late
                ):  # what ran out before needs nobody to say so
                    db.execute(_RUNS, (stream, event.clock, event.due_at, True))
                case ClockOverdue():
                    _stop(db, stream, event.clock)
                    db.execute(RESOLVE + " AND kind = %s AND subject = %s", (at, stream, CLOCK_SOON, event.clock))
                    db.execute(RAISE, (stream, CLOCK, event.clock, 2, "", case.lead, at, written.position))
                    for agency in sorted(told):
                        db.execute(RAISE, (stream, CLOCK, event.clock, 1, agency, case.lead, at, written.position))
                case ClockWarned() | ClockStillOverdue():
                    kind = CLOCK_SOON if isinstance(event, ClockWarned) else CLOCK
                    level = event.level + (1 if kind == CLOCK_SOON else 2)  # behind that it ran out
                    db.execute(RAISE, (stream, kind, event.clock, level, "", case.lead, at, written.position))
                    for agency in sorted(told):
                        db.execute(RAISE, (stream, kind, event.clock, 1, agency, case.lead, at, written.position))
                case ServiceDelivered() if event.referral is not None:
                    subjects = [event.referral, *meeting.on_referral(case, event.referral)]
                    kinds = [STALLED, *meeting.NOT_MET]
                    db.execute(RESOLVE + " AND kind = ANY(%s) AND subject = ANY(%s)", (at, stream, kinds, subjects))
                case _ if isinstance(event, meeting.TAKEN_IN):
                    meeting.raise_or_resolve(db, case, written)
                case ClockMet() | ClockEnded():
                    _stop(db, stream, event.clock)
                    db.execute(
                        RESOLVE + " AND kind = ANY(%s) AND subject = %s AND recipient = ANY(%s)",
                        (at, stream, OF_CLOCKS, event.clock, ["", *told, written.author]),
                    )
                case ClockResumed():
                    _resume(db, stream, case.clocks[event.clock], case.status is Status.OPEN)
                case SharedWithoutConsent() if event.review_due_at is not None:
                    db.execute(_ALONE, (stream, event.consent, event.review_due_at))
                case OverrideReviewOverdue():
                    db.execute(_REMINDED, (event.level, stream, event.consent))
                    shared_by = case.of(Overrides).agency_of(event.consent)
                    _unjudged(db, SHARING_REVIEW, event.consent, event.level, shared_by, case, written)
                case GlassReviewOverdue():
                    opened_for = case.glasses[event.glass].agency
                    _unjudged(db, GLASS_REVIEW, event.glass, event.level, opened_for, case, written)
                case OverrideReviewed():
                    db.execute("DELETE FROM sharing_alone WHERE case_id = %s AND consent = %s", (stream, event.consent))
                    db.execute(RESOLVE + " AND kind = %s AND subject = %s", (at, stream, SHARING_REVIEW, event.consent))
                case GlassReviewed():
                    db.execute(RESOLVE + " AND kind = %s AND subject = %s", (at, stream, GLASS_REVIEW, event.glass))
                case LeadTransferAccepted():  # what the former lead announced ends with it
                    db.execute("DELETE FROM announced_end WHERE case_id = %s", (stream,))
                    db.execute("UPDATE escalation SET lead = %s WHERE case_id = %s", (case.lead, stream))
                case _ if isinstance(event, ENDS_OR_GOES_ON):
                    is_open = case.status is Status.OPEN
                    db.execute("UPDATE running_clock SET open = %s WHERE case_id = %s", (is_open, stream))
                    db.execute("UPDATE clock_reminder SET open = %s WHERE case_id = %s", (is_open, stream))
                    if not is_open:
                        db.execute(RESOLVE + " AND kind <> ALL(%s)", (at, stream, [GLASS_REVIEW, SHARING_REVIEW]))
        drop(db, "escalation", batch)
        drop(db, "sharing_alone", batch)
        drop(db, "announced_end", batch)
        drop(db, "waiting_duty", batch)
        drop(db, "running_clock", batch, Compartment.INCIDENT)
        drop(db, "clock_reminder", batch, Compartment.INCIDENT)
        for record in records(batch, Compartment.INCIDENT):  # how long a window was tells what it was for
            db.execute("DELETE FROM escalation WHERE case_id = %s AND kind = ANY(%s)", (record.case, OF_CLOCKS))


def _moved(db: Tables, stream: UUID, case: Case, id: ReferralId, at: datetime) -> None:
    """An answer, or an end, resolves what was raised of a referral, but for a request to cancel it that waits; with its
    end, its clocks are its recipient's no more."""
    referral = case.referrals[id]
    db.execute(RESOLVE + " AND kind = %s AND subject = ANY(%s)", (at, stream, STALLED, [id, referral.redirects]))
    if referral.status in (ReferralStatus.DRAFT, ReferralStatus.REQUESTED):
        return
    kept = [*OF_CLOCKS, meeting.CANCELLATION] if referral.status.is_open else OF_CLOCKS
    db.execute(RESOLVE + " AND kind <> ALL(%s) AND subject = %s", (at, stream, kept, id))
    if not referral.status.is_open:
        _not_announced(db, stream, [id])
        db.execute(RESOLVE + " AND subject = ANY(%s)", (at, stream, meeting.on_referral(case, id)))
    if not referral.status.is_open and referral.clocks:
        left = {clock for other in case.open_referrals_to(referral.recipient) for clock in other.clocks}
        db.execute(
            RESOLVE + " AND kind = ANY(%s) AND recipient = %s AND subject = ANY(%s)",
            (at, stream, OF_CLOCKS, referral.recipient, [clock for clock in referral.clocks if clock not in left]),
        )


def _duties(db: Tables, stream: UUID, case: Case) -> None:
    """Whether a duty's time began, or nothing meets it now, and that is not on record: the system looks here for it."""
    if case.status is Status.OPEN and (any(beginning(case)) or any(met_by_nothing(case))):
        db.execute("INSERT INTO waiting_duty (case_id) VALUES (%s) ON CONFLICT DO NOTHING", (stream,))
    else:
        db.execute("DELETE FROM waiting_duty WHERE case_id = %s", (stream,))


def _not_announced(db: Tables, stream: UUID, referrals: Sequence[UUID]) -> None:
    db.execute("DELETE FROM announced_end WHERE case_id = %s AND referral = ANY(%s)", (stream, list(referrals)))


def _unjudged(
    db: Tables, kind: str, subject: UUID, level: int, agency: str | None, case: Case, written: Written
) -> None:
    """The lead is told each time; the agency whose person did it, where that is another, the first time."""
    of_lead = (written.stream, kind, subject, level + 1, "", case.lead, written.at, written.position)
    db.execute(RAISE, of_lead)
    if agency is not None and agency != case.lead:
        db.execute(RAISE, (written.stream, kind, subject, 1, agency, case.lead, written.at, written.position))


def _resume(db: Tables, case: UUID, clock: Clock, is_open: bool) -> None:
    """One that was raised is open again as it was raised; another is looked at again, while its file is open."""
    if clock.overdue:
        db.execute(
            "UPDATE escalation SET resolved_at = NULL WHERE case_id = %s AND kind = 'clock' AND subject = %s",
            (case, clock.id),
        )
    elif clock.told_at is not None and clock.due_at > clock.told_at and not clock.too_late:
        db.execute(_RUNS, (case, clock.id, clock.due_at, is_open))


def _remind(db: Tables, stream: UUID, case: Case, id: ClockId) -> None:
    """When people are to be reminded of a clock next: the system looks here for it."""
    reminder = next_reminder(case, case.clocks[id])
    if reminder is None:
        db.execute("DELETE FROM clock_reminder WHERE case_id = %s AND clock = %s", (stream, id))
    else:
        db.execute(_REMINDS, (stream, id, *reminder, case.status is Status.OPEN))


def _stop(db: Tables, case: UUID, clock: UUID) -> None:
    db.execute("DELETE FROM running_clock WHERE case_id = %s AND clock = %s", (case, clock))


def escalations(
    db: Connection[TupleRow],
    *,
    all: Annotated[bool, Meta(description="also those resolved")] = False,
    leading_only: bool = False,
    before: int | None = None,
    limit: int = 50,
) -> list[EscalationEntry]:
    """What was raised to the acting agency, the latest first; `before` is the position to go on from. `leading_only`:
    what concerns it as the lead."""
    with db.cursor(row_factory=class_row(EscalationEntry)) as cursor:
        return cursor.execute(
            _SELECT,
            {"all": all, "leading": leading_only, "before": before, "limit": limit},
        ).fetchall()


ESCALATIONS = Listing(
    "/escalations",
    escalations,
    EscalationEntry,
    "lists",
    readings.ESCALATIONS,
    cursor=lambda entry: (entry.position,),
    given={"leading_only": lambda act: extent_for(readings.ESCALATIONS.rows, act) is Extent.ROWS_AS_LEAD},
    mine=True,
    name="list_escalations",
)


def ran_out(db: Connection[TupleRow], now: datetime) -> list[tuple[UUID, UUID]]:
    """(case, clock) of those that ran out. For followers."""
    return db.execute(
        "SELECT case_id, clock FROM views.running_clock WHERE open AND due_at <= %s ORDER BY due_at", (now,)
    ).fetchall()


def to_remind_of(db: Connection[TupleRow], now: datetime) -> list[tuple[UUID, UUID]]:
    """(case, clock) of those of which people are to be reminded. For followers."""
    return db.execute(
        "SELECT case_id, clock FROM views.clock_reminder WHERE open AND remind_at <= %s"
        " AND (until IS NULL OR until > %s) ORDER BY remind_at",
        (now, now),
    ).fetchall()


def to_begin(db: Connection[TupleRow]) -> list[UUID]:
    """Cases in which the time for a duty began, and that is not on record. For followers."""
    return [case for (case,) in db.execute("SELECT case_id FROM views.waiting_duty ORDER BY case_id").fetchall()]


def announced(db: Connection[TupleRow], now: datetime) -> list[tuple[UUID, UUID]]:
    """(case, referral) of those whose end was announced for by now. For followers."""
    return db.execute(
        "SELECT case_id, referral FROM views.announced_end WHERE ends_at <= %s ORDER BY ends_at", (now,)
    ).fetchall()


def unjudged(db: Connection[TupleRow], now: datetime, window: timedelta, highest: int) -> list[tuple[UUID, UUID]]:
    """(case, consent) of what one person shared alone without consent, whose review is due now, and not raised as often
    as it should be. For followers."""
    return db.execute(
        "SELECT case_id, consent FROM views.sharing_alone WHERE review_due_at + reminders * %s::interval <= %s"
        " AND reminders < %s ORDER BY review_due_at",
        (window, now, highest),
    ).fetchall()


_RUNS: LiteralString = (
    "INSERT INTO running_clock (case_id, clock, due_at, open) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"
)
_REMINDS: LiteralString = """
    INSERT INTO clock_reminder (case_id, clock, remind_at, until, open) VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (case_id, clock) DO UPDATE SET remind_at = excluded.remind_at, until = excluded.until,
      open = excluded.open
"""
_ANNOUNCED: LiteralString = """
    INSERT INTO announced_end (case_id, referral, ends_at) VALUES (%s, %s, %s)
    ON CONFLICT (case_id, referral) DO UPDATE SET ends_at = excluded.ends_at
"""
_ALONE: LiteralString = "INSERT INTO sharing_alone (case_id, consent, review_due_at) VALUES (%s, %s, %s)"
_REMINDED: LiteralString = "UPDATE sharing_alone SET reminders = %s WHERE case_id = %s AND consent = %s"
_SELECT: LiteralString = """
    SELECT kind, case_id AS case, subject, level, relation, recipient, raised_at, resolved_at, position FROM (
      SELECT x.kind, x.case_id, x.subject, x.level, nullif(x.recipient, '') AS recipient, x.raised_at, x.position,
        CASE WHEN x.recipient = current_setting('rujukan.agency', true) THEN 'recipient' ELSE 'lead' END AS relation,
        CASE WHEN x.kind = 'undelivered' THEN least(x.resolved_at, d.delivered_at) ELSE x.resolved_at END AS resolved_at
      FROM views.escalation x
      LEFT JOIN views.referral_delivery d ON d.case_id = x.case_id AND d.referral = x.subject
      WHERE %(before)s::bigint IS NULL OR x.position < %(before)s
    ) e
    WHERE (%(all)s OR resolved_at IS NULL) AND (NOT %(leading)s OR relation = 'lead')
    ORDER BY position DESC, level LIMIT %(limit)s
"""
