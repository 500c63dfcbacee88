"""Inbox and outbox: each agency's referrals, received and sent, with their clocks."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from msgspec import Struct
from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from ..domain.case.cancelling import CancellationStep, waits_for_answer
from ..domain.case.lifecycle import CaseClosed, CaseReopened
from ..domain.case.merging import CaseMerged, CaseSeparated
from ..domain.case.referrals import DraftFacts
from ..domain.case.services import ServiceDelivered
from ..domain.casefile.appointed import AppointmentStep, appointment_of
from ..domain.casefile.moves import ReferralMove
from ..domain.casefile.state import Case, Referral, Status
from ..domain.codes import ReferralStatus
from ..domain.disclosure import Followed
from ..domain.fact import Fact, ReferralId
from ..domain.standing import readings
from ..domain.standing.readings import Reading
from .erased import drop
from .listing import Listing, OfCase, always, now
from .projection import OWN_AGENCY, Tables


class ReferralEntry(Struct, frozen=True):
    """A referral as one of its two parties sees it in a list."""

    referral: UUID
    case: UUID
    counterpart: str
    service: str
    urgency: str
    purpose: str
    status: str
    sent_at: datetime | None
    due_at: datetime | None
    answered_at: datetime | None
    """When it was said to have been received."""
    answer_recorded_at: datetime | None
    """When that was recorded, or that it ended before."""
    ended_at: datetime | None
    escalations: int
    breached: bool
    """The answer came late, or did not come and is due. It stays so where its time had run out when it was recorded,
    whatever was said."""
    received_at: datetime | None
    """For its sender: when the recipient's system said that it arrived and was opened there."""
    handled_at: datetime | None
    """For its sender: when the recipient's system said that it was handled."""
    undelivered: bool
    """For its sender: it should have arrived, and nothing says that it did."""
    delivery_failed: str | None
    """For its sender: why it waits in the recipient's dead letters."""
    cancellation_due_at: datetime | None
    """By when its recipient answers that its sender asks to cancel it; absent where nothing waits for that."""
    position: int


class ReferralBox:
    name = "referral_box"
    tables: Sequence[LiteralString] = ("referral_box",)
    by_case = True
    ddl: LiteralString = f"""
        CREATE TABLE referral_box (
          agency text NOT NULL, referral uuid NOT NULL, box text NOT NULL CHECK (box IN ('in', 'out')),
          case_id uuid NOT NULL, counterpart text NOT NULL, service text NOT NULL, urgency text NOT NULL,
          purpose text NOT NULL, status text NOT NULL, sent_at timestamptz, due_at timestamptz,
          answered_at timestamptz, answer_recorded_at timestamptz, ended_at timestamptz, late boolean NOT NULL,
          answer_within interval NOT NULL, escalations int NOT NULL, position bigint NOT NULL,
          endless boolean NOT NULL, acts_by timestamptz,
          cancellation_due_at timestamptz, cancellation_raised_from timestamptz,
          PRIMARY KEY (agency, case_id, referral)
        );
        CREATE INDEX ON referral_box (agency, box, position DESC);
        CREATE INDEX ON referral_box (due_at) WHERE status = 'requested';
        CREATE INDEX ON referral_box (acts_by) WHERE box = 'out';
        CREATE INDEX ON referral_box (cancellation_raised_from) WHERE box = 'out';
        ALTER TABLE referral_box ENABLE ROW LEVEL SECURITY;
        CREATE POLICY own ON referral_box FOR SELECT TO rujukan_service USING ({OWN_AGENCY});
        GRANT SELECT ON referral_box TO rujukan_service;
    """

    def fold(self, db: Tables, batch: Sequence[Followed]) -> None:
        changed: dict[tuple[str, UUID, UUID], tuple[Any, ...]] = {}
        for followed in batch:
            case = followed.case
            if case is None:
                continue
            for referral in _moved(followed.written.event, case):
                wish = waits_for_answer(case, referral.id)
                for agency, box, counterpart in _parties(referral):
                    changed[agency, followed.written.stream, referral.id] = (
                        agency,
                        referral.id,
                        box,
                        followed.written.stream,
                        counterpart,
                        referral.service.value,
                        referral.urgency.value,
                        referral.purpose.value,
                        referral.status.value,
                        referral.sent_at,
                        referral.due_at,
                        referral.answered_at,
                        referral.answer_recorded_at,
                        referral.ended_at,
                        referral.late,
                        referral.window,
                        referral.escalations,
                        followed.written.position,
                        referral.endless,
                        referral.acts_by if case.status is Status.OPEN else None,
                        wish.due_at if wish is not None else None,
                        wish.raised_from if wish is not None else None,
                    )
        if changed:
            db.execute(_UPSERT, [list(column) for column in zip(*changed.values(), strict=True)], binary=True)
        drop(db, "referral_box", batch)


def _moved(event: Fact, case: Case) -> Iterable[Referral]:
    """The referrals of which something changed."""
    match event:
        case DraftFacts() | ReferralMove() | CancellationStep():
            next: ReferralId | None = event.referral
            while next is not None and (moved := case.referrals.get(next)) is not None:
                yield moved
                next = moved.redirects  # whether that is replaced hangs on this one
        case ServiceDelivered():
            yield from (r for r in case.referrals.values() if r.id == event.referral)
        case AppointmentStep() if (made := appointment_of(case, event.appointment)) and made.referral:
            yield case.referrals[made.referral]
        case CaseClosed() | CaseMerged() | CaseReopened() | CaseSeparated():
            yield from case.referrals.values()


def _parties(referral: Referral) -> list[tuple[str, str, str]]:
    """(agency, box, the other agency) of each that may know of the referral."""
    sender = (referral.sender, "out", referral.recipient)
    return [sender] if referral.sent_at is None else [sender, (referral.recipient, "in", referral.sender)]


def referrals(
    db: Connection[TupleRow],
    box: str,
    now: datetime,
    *,
    status: ReferralStatus | None = None,
    case: OfCase | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[ReferralEntry]:
    """The acting agency's referrals, the latest moved first; `before` is the position to go on from."""
    with db.cursor(row_factory=class_row(ReferralEntry)) as cursor:
        return cursor.execute(
            _SELECT + " WHERE r.box = %(box)s AND (%(status)s::text IS NULL OR r.status = %(status)s)"
            " AND (%(case)s::uuid IS NULL OR r.case_id = %(case)s)"
            " AND (%(before)s::bigint IS NULL OR r.position < %(before)s) ORDER BY r.position DESC LIMIT %(limit)s",
            {"box": box, "now": now, "status": status, "case": case, "before": before, "limit": limit},
        ).fetchall()


def _box(path: str, box: str, may: Reading) -> Listing:
    given = {"box": always(box), "now": now}
    return Listing(path, referrals, ReferralEntry, "lists", may, _place, given, mine=True, name=path[1:])


def _place(entry: ReferralEntry) -> tuple[int]:
    return (entry.position,)


INBOX, OUTBOX = _box("/inbox", "in", readings.INBOX), _box("/outbox", "out", readings.OUTBOX)


def unanswered(db: Connection[TupleRow], now: datetime, highest: int) -> list[tuple[UUID, UUID]]:
    """(case, referral) of requests whose answer is due now, and not raised as often as it should be.
    For followers: it looks into every agency's inbox."""
    return db.execute(
        "SELECT case_id, referral FROM views.referral_box WHERE box = 'in' AND status = 'requested'"
        " AND due_at + escalations * answer_within <= %s AND (endless OR escalations < %s) ORDER BY due_at",
        (now, highest),
    ).fetchall()


def stalled(db: Connection[TupleRow], now: datetime) -> list[tuple[UUID, UUID]]:
    """(case, referral) of those on which nobody acted in time in their state. For followers."""
    return db.execute(
        "SELECT case_id, referral FROM views.referral_box WHERE box = 'out' AND acts_by <= %s ORDER BY acts_by", (now,)
    ).fetchall()


def not_cancelled(db: Connection[TupleRow], now: datetime) -> list[tuple[UUID, UUID]]:
    """(case, referral) of those whose sender asked to cancel them, and was not answered in time. For followers."""
    return db.execute(
        "SELECT case_id, referral FROM views.referral_box WHERE box = 'out' AND cancellation_raised_from <= %s"
        " ORDER BY cancellation_raised_from",
        (now,),
    ).fetchall()


_SELECT: LiteralString = """
    SELECT r.referral, r.case_id AS case, r.counterpart, r.service, r.urgency, r.purpose, r.status, r.sent_at, r.due_at,
      r.answered_at, r.answer_recorded_at, r.ended_at, r.escalations, r.cancellation_due_at, r.position,
      (r.due_at IS NOT NULL AND (r.late OR coalesce(r.answered_at, r.ended_at, %(now)s) > r.due_at)) AS breached,
      d.delivered_at AS received_at, d.opened_at AS handled_at, d.failed AS delivery_failed,
      coalesce(d.waits AND d.delivered_at IS NULL AND d.sent_at + d.every <= %(now)s, false) AS undelivered
    FROM views.referral_box r LEFT JOIN views.referral_delivery d
      ON r.box = 'out' AND d.case_id = r.case_id AND d.referral = r.referral
"""

_UPSERT: LiteralString = """
    INSERT INTO referral_box (agency, referral, box, case_id, counterpart, service, urgency, purpose, status, sent_at,
      due_at, answered_at, answer_recorded_at, ended_at, late, answer_within, escalations, position, endless, acts_by,
      cancellation_due_at, cancellation_raised_from)
    SELECT * FROM unnest(%b::text[], %b::uuid[], %b::text[], %b::uuid[], %b::text[], %b::text[], %b::text[], %b::text[],
      %b::text[], %b::timestamptz[], %b::timestamptz[], %b::timestamptz[], %b::timestamptz[], %b::timestamptz[],
      %b::boolean[], %b::interval[], %b::int[], %b::bigint[], %b::boolean[],
      %b::timestamptz[], %b::timestamptz[], %b::timestamptz[])
    ON CONFLICT (agency, case_id, referral) DO UPDATE SET urgency = excluded.urgency,
      status = excluded.status, sent_at = excluded.sent_at,
      due_at = excluded.due_at, answered_at = excluded.answered_at, answer_recorded_at = excluded.answer_recorded_at,
      ended_at = excluded.ended_at, late = excluded.late, answer_within = excluded.answer_within,
      escalations = excluded.escalations, position = excluded.position, acts_by = excluded.acts_by,
      cancellation_due_at = excluded.cancellation_due_at,
      cancellation_raised_from = excluded.cancellation_raised_from
"""
