"""Deliveries: for the sender of a referral, whether it arrived; for the lead of a case, how far everybody is with it.

What an agency acknowledged are numbers. What they told of, the register knows (`delivery.told`): it is written before
an agency can hold a receipt, so it is always ahead of what is folded here. How far each agency is with all it was
told: `marks`.

A number at which a placeholder went out, as a record was damaged, brought nothing: whoever acknowledges it has not
received what it stands for. That is delivered with the number under which it is told again.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from msgspec import Struct
from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from ..domain.case.lead import LeadTransferAccepted
from ..domain.case.referrals import ReferralSent
from ..domain.case.reminders import ReferralUndelivered
from ..domain.casefile.moves import ReferralMove
from ..domain.codes import ReferralStatus
from ..domain.delivery import OPENED, Acknowledged
from ..domain.disclosure import Followed
from ..domain.erasure import DeletionAsked
from ..domain.standing import readings
from .erased import drop
from .listing import Listing
from .projection import Tables


class DeliveryEntry(Struct, frozen=True):
    """How far an agency is with a case, for its lead: of `told` things how many arrived, and how many were handled; and
    how many wait in its dead letters. What is told again, as a placeholder went out for it, is one thing."""

    agency: str
    told: int
    received: int
    received_at: datetime | None
    handled: int
    handled_at: datetime | None
    failed: int


class Deliveries:
    name = "deliveries"
    tables: Sequence[LiteralString] = ("marked", "case_delivery", "referral_delivery")
    by_case = True
    ddl: LiteralString = """
        -- Up to where each agency's marks were taken in, for the cases of each shard. For this fold alone.
        CREATE TABLE marked (
          agency text NOT NULL, shard int NOT NULL, received bigint NOT NULL, handled bigint NOT NULL,
          PRIMARY KEY (agency, shard)
        );
        ALTER TABLE marked ENABLE ROW LEVEL SECURITY;
        -- Counts of what was told; not of the numbers under which it was.
        CREATE TABLE case_delivery (
          case_id uuid NOT NULL, agency text NOT NULL, lead text NOT NULL, told int NOT NULL,
          received int NOT NULL DEFAULT 0, received_at timestamptz, handled int NOT NULL DEFAULT 0,
          handled_at timestamptz, failed int NOT NULL DEFAULT 0,
          PRIMARY KEY (case_id, agency)
        );
        ALTER TABLE case_delivery ENABLE ROW LEVEL SECURITY;
        -- It names who takes part: the lead's alone.
        CREATE POLICY own ON case_delivery FOR SELECT TO rujukan_service
          USING (lead = current_setting('rujukan.agency', true));
        GRANT SELECT ON case_delivery TO rujukan_service;
        CREATE TABLE referral_delivery (
          case_id uuid NOT NULL, referral uuid NOT NULL, recipient text NOT NULL, sender text NOT NULL,
          lead text NOT NULL, position bigint NOT NULL, sent_at timestamptz NOT NULL, every interval,
          waits boolean NOT NULL DEFAULT true, raised int NOT NULL DEFAULT 0, delivered_at timestamptz,
          opened_at timestamptz, failed text,
          PRIMARY KEY (case_id, referral)
        );
        CREATE INDEX ON referral_delivery (sent_at) WHERE waits AND delivered_at IS NULL AND every IS NOT NULL;
        ALTER TABLE referral_delivery ENABLE ROW LEVEL SECURITY;
        CREATE POLICY own ON referral_delivery FOR SELECT TO rujukan_service
          USING (current_setting('rujukan.agency', true) IN (sender, recipient, lead));
        GRANT SELECT ON referral_delivery TO rujukan_service;
    """

    def fold(self, db: Tables, batch: Sequence[Followed]) -> None:
        told: Counter[tuple[UUID, str]] = Counter()
        leads: dict[UUID, str] = {}
        for followed in batch:
            case, event, written = followed.case, followed.written.event, followed.written
            if case is not None:
                leads[written.stream] = case.lead
                things = {(t.agency, t.of.position) for t in followed.tell}
                told.update((written.stream, agency) for agency, _ in things)
            match event:
                case DeletionAsked():
                    _flush(db, told, leads)  # its row is there unless the whole case is gone
                    db.execute(_DELETION, (event.case, event.agency))
                case Acknowledged():
                    _flush(db, told, leads)
                    _acknowledge(db, event, written.at)
                case LeadTransferAccepted() if case is not None:
                    _flush(db, told, leads)
                    for table in _OF_CASES:
                        db.execute(f"UPDATE {table} SET lead = %s WHERE case_id = %s", (case.lead, written.stream))
                case ReferralSent() if case is not None:
                    of = case.referrals[event.referral]
                    sent_at = max(written.at, event.occurred_at)
                    parties = (of.recipient, of.sender, case.lead)
                    row = (written.stream, of.id, *parties, written.position, sent_at, of.delivery)
                    db.execute(_SENT, row)
                case ReferralUndelivered():
                    db.execute(
                        "UPDATE referral_delivery SET raised = %s WHERE case_id = %s AND referral = %s",
                        (event.level, written.stream, event.referral),
                    )
                case ReferralMove() if case is not None:
                    if case.referrals[event.referral].status is not ReferralStatus.REQUESTED:
                        db.execute(
                            "UPDATE referral_delivery SET waits = false WHERE case_id = %s AND referral = %s AND waits",
                            (written.stream, event.referral),
                        )
        _flush(db, told, leads)
        for table in _OF_CASES:
            drop(db, table, batch)


_OF_CASES: tuple[LiteralString, ...] = ("case_delivery", "referral_delivery")


def _flush(db: Tables, told: Counter[tuple[UUID, str]], leads: dict[UUID, str]) -> None:
    """Write down what agencies were told since."""
    if told:
        rows = [(case, agency, leads[case], count) for (case, agency), count in told.items()]
        db.execute(_TOLD, [list(column) for column in zip(*rows, strict=True)], binary=True)
        told.clear()


def _acknowledge(db: Tables, event: Acknowledged, at: datetime) -> None:
    """For the cases of this shard. Failures first: what could not be opened is not delivered, whatever mark goes past
    it."""
    mine = {"agency": event.agency, "shard": db.shard.number, "shards": db.shard.of}
    row = db.execute(_MARKED, mine).fetchone()
    received, handled = row or (0, 0)
    common = mine | {"at": at}
    if event.failed:
        sequences, reasons = [f.sequence for f in event.failed], [f.reason for f in event.failed]
        failed = common | {"failed": sequences, "reasons": reasons, "opened": list(OPENED), "change": 1}
        db.execute(_CASES_FAILED, failed)
        db.execute(_REFERRALS_FAILED, failed)
    if event.received > received:
        arrived = common | {"after": received, "upto": event.received, "opened": list(OPENED)}
        db.execute(_CASES_RECEIVED, arrived)
        db.execute(_REFERRALS_RECEIVED, arrived)
    if event.handled > handled:
        done = common | {"after": handled, "upto": event.handled}
        db.execute(_CASES_HANDLED, done)
        db.execute(_REFERRALS_HANDLED, done)
    if event.recovered:
        recovered = common | {"failed": list(event.recovered), "change": -1}
        db.execute(_CASES_FAILED, recovered)
        db.execute(_REFERRALS_RECOVERED, recovered)
    db.execute(_MARK, mine | {"received": event.received, "handled": event.handled})


def of_case(db: Connection[TupleRow], case: UUID) -> list[DeliveryEntry]:
    """How far each agency is with a case that the acting agency leads; nothing for others."""
    with db.cursor(row_factory=class_row(DeliveryEntry)) as cursor:
        return cursor.execute(
            "SELECT agency, told, received, received_at, handled, handled_at, failed FROM views.case_delivery d"
            " WHERE case_id = %s AND EXISTS (SELECT FROM views.agency a WHERE a.code = d.agency) ORDER BY agency",
            (case,),
        ).fetchall()


OF_CASE = Listing(
    "/cases/{case}/deliveries", of_case, DeliveryEntry, "case", readings.DELIVERIES, name="show_deliveries"
)


def undelivered(db: Connection[TupleRow], now: datetime, highest: int) -> list[tuple[UUID, UUID]]:
    """(case, referral) of those that should have arrived by now, and of which that was not raised as often as it
    should be. For followers: it looks into every agency's."""
    return db.execute(
        "SELECT case_id, referral FROM views.referral_delivery WHERE waits AND delivered_at IS NULL"
        " AND every IS NOT NULL AND sent_at + (raised + 1) * every <= %s AND raised < %s ORDER BY sent_at",
        (now, highest),
    ).fetchall()


_TOLD: LiteralString = """
    INSERT INTO case_delivery (case_id, agency, lead, told)
    SELECT * FROM unnest(%b::uuid[], %b::text[], %b::text[], %b::int[])
    ON CONFLICT (case_id, agency) DO UPDATE SET told = case_delivery.told + excluded.told, lead = excluded.lead
"""
_DELETION: LiteralString = "UPDATE case_delivery SET told = told + 1 WHERE case_id = %s AND agency = %s"
_SENT: LiteralString = """
    INSERT INTO referral_delivery (case_id, referral, recipient, sender, lead, position, sent_at, every)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""
_OF_SHARD: LiteralString = "follow.shard_of(t.case_id, %(shards)s) = %(shard)s"
_WHOLE: LiteralString = (
    # a number may be asked for once more, and go out as a placeholder, long after it was received; clocks differ
    " t.compartments <> 0 AND NOT EXISTS (SELECT FROM delivery.gaps g WHERE g.agency = t.agency"
    " AND g.sequence = t.sequence AND g.since <= %(at)s + interval '1 minute') AND "
)
"""What it says went out at this number before that time, and no placeholder."""
_RANGE: LiteralString = (
    "(SELECT t.case_id, count(*)::int AS more FROM delivery.told t WHERE t.agency = %(agency)s"
    " AND t.sequence > %(after)s AND t.sequence <= %(upto)s AND"
    + _WHOLE
    + _OF_SHARD
    + " GROUP BY t.case_id) t WHERE c.case_id = t.case_id AND c.agency = %(agency)s"
)
_CASES_RECEIVED: LiteralString = (
    "UPDATE case_delivery c SET received = least(c.told, c.received + t.more), received_at = %(at)s FROM " + _RANGE
)
_CASES_HANDLED: LiteralString = (
    "UPDATE case_delivery c SET handled = least(c.told, c.handled + t.more), handled_at = %(at)s FROM " + _RANGE
)
_CASES_FAILED: LiteralString = (
    "UPDATE case_delivery c SET failed = c.failed + %(change)s * t.count FROM"
    " (SELECT t.case_id, count(*)::int AS count FROM delivery.told t"
    " WHERE t.agency = %(agency)s AND t.sequence = ANY(%(failed)s) AND "
    + _OF_SHARD
    + " GROUP BY t.case_id) t WHERE c.case_id = t.case_id AND c.agency = %(agency)s"
)
_SAME: LiteralString = (
    _WHOLE
    + " d.case_id = t.case_id AND d.position = t.position AND d.recipient = t.agency AND t.agency = %(agency)s AND "
    + _OF_SHARD
)
_REFERRALS_FAILED: LiteralString = (
    "UPDATE referral_delivery d SET failed = f.reason, opened_at = NULL,"
    " delivered_at = CASE WHEN f.reason = ANY(%(opened)s) THEN coalesce(delivered_at, %(at)s) END"
    " FROM unnest(%(failed)s::bigint[], %(reasons)s::text[]) AS f (sequence, reason), delivery.told t"
    " WHERE t.sequence = f.sequence AND" + _SAME
)
_REFERRALS_RECEIVED: LiteralString = (
    "UPDATE referral_delivery d SET delivered_at = coalesce(d.delivered_at, %(at)s) FROM delivery.told t"
    " WHERE t.sequence > %(after)s AND t.sequence <= %(upto)s"
    " AND (d.failed IS NULL OR d.failed = ANY(%(opened)s)) AND" + _SAME
)
_REFERRALS_HANDLED: LiteralString = (
    "UPDATE referral_delivery d SET opened_at = coalesce(d.opened_at, %(at)s) FROM delivery.told t"
    " WHERE t.sequence > %(after)s AND t.sequence <= %(upto)s AND d.failed IS NULL AND" + _SAME
)
_REFERRALS_RECOVERED: LiteralString = (
    "UPDATE referral_delivery d SET failed = NULL, delivered_at = coalesce(d.delivered_at, %(at)s),"
    " opened_at = coalesce(d.opened_at, %(at)s) FROM delivery.told t WHERE t.sequence = ANY(%(failed)s) AND" + _SAME
)
_MARKED: LiteralString = "SELECT received, handled FROM marked WHERE agency = %(agency)s AND shard = %(shard)s"
_MARK: LiteralString = """
    INSERT INTO marked (agency, shard, received, handled) VALUES (%(agency)s, %(shard)s, %(received)s, %(handled)s)
    ON CONFLICT (agency, shard) DO UPDATE SET received = excluded.received, handled = excluded.handled
"""
