"""Broken glasses, for who judges them: the lead of the case, and the agency for which somebody broke it.
What was opened and why it was said to be needed stays sealed at the position that a row points to."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, LiteralString
from uuid import UUID

from msgspec import Meta, Struct
from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from ..domain.case.glass import GlassBroken, GlassClosed, GlassReviewed, GlassReviewOverdue
from ..domain.case.lead import LeadTransferAccepted
from ..domain.codes import GlassVerdict
from ..domain.disclosure import Followed
from ..domain.standing import readings
from .erased import drop
from .listing import Instant, Listing, now
from .projection import Tables


class GlassEntry(Struct, frozen=True):
    """An emergency opening as its reviewers see it in a list."""

    glass: UUID
    case: UUID
    agency: str
    lead: str
    actor: UUID
    role: str
    compartments: list[str]
    basis: str
    opened_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    """When it was closed early, by its opener or by a reviewer who found that it was not justified."""
    is_open: bool
    review_due_at: datetime
    overdue: bool
    """The review came late, or did not come and is due."""
    reminders: int
    reviewed_at: datetime | None
    reviewer: UUID | None
    verdict: str | None
    position: int


class Emergencies:
    name = "emergencies"
    tables: Sequence[LiteralString] = ("emergency",)
    by_case = True
    ddl: LiteralString = """
        CREATE TABLE emergency (
          case_id uuid NOT NULL, glass uuid NOT NULL, agency text NOT NULL, lead text NOT NULL, actor uuid NOT NULL,
          role text NOT NULL, compartments text[] NOT NULL, basis text NOT NULL, opened_at timestamptz NOT NULL,
          expires_at timestamptz NOT NULL, ended_at timestamptz, review_due_at timestamptz NOT NULL,
          reminders int NOT NULL DEFAULT 0, reviewed_at timestamptz, reviewer uuid, verdict text,
          position bigint NOT NULL,
          PRIMARY KEY (case_id, glass)
        );
        CREATE INDEX ON emergency (agency, review_due_at, glass);
        CREATE INDEX ON emergency (lead, review_due_at, glass);
        CREATE INDEX ON emergency (review_due_at) WHERE verdict IS NULL;
        ALTER TABLE emergency ENABLE ROW LEVEL SECURITY;
        -- Both sides judge: the agency whose case was opened, and the one in whose name it was.
        CREATE POLICY own ON emergency FOR SELECT TO rujukan_service
          USING (current_setting('rujukan.agency', true) IN (agency, lead));
        GRANT SELECT ON emergency TO rujukan_service;
    """

    def fold(self, db: Tables, batch: Sequence[Followed]) -> None:
        for followed in batch:
            case, event, written = followed.case, followed.written.event, followed.written
            if case is None:
                continue
            match event:
                case GlassBroken():
                    db.execute(
                        "INSERT INTO emergency (case_id, glass, agency, lead, actor, role, compartments, basis,"
                        " opened_at, expires_at, review_due_at, position)"
                        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                        (
                            written.stream,
                            event.glass,
                            event.agency,
                            case.lead,
                            event.actor,
                            event.role.value,
                            sorted(event.compartments),
                            event.basis.value,
                            written.at,
                            event.expires_at,
                            event.review_due_at,
                            written.position,
                        ),
                    )
                case GlassClosed():
                    db.execute(_END, (written.at, written.stream, event.glass))
                case GlassReviewed():
                    db.execute(
                        "UPDATE emergency SET reviewed_at = coalesce(reviewed_at, %s), reviewer = %s, verdict = %s"
                        " WHERE case_id = %s AND glass = %s",
                        (written.at, event.reviewer, event.verdict.value, written.stream, event.glass),
                    )
                    if event.verdict is GlassVerdict.NOT_JUSTIFIED:
                        db.execute(_END, (written.at, written.stream, event.glass))
                case GlassReviewOverdue():
                    db.execute(
                        "UPDATE emergency SET reminders = %s WHERE case_id = %s AND glass = %s",
                        (event.level, written.stream, event.glass),
                    )
                case LeadTransferAccepted():
                    db.execute("UPDATE emergency SET lead = %s WHERE case_id = %s", (case.lead, written.stream))
        drop(db, "emergency", batch)


def emergencies(
    db: Connection[TupleRow],
    now: datetime,
    *,
    all: Annotated[bool, Meta(description="also those that ended and were judged")] = False,
    after: tuple[Instant, UUID] | None = None,
    limit: int = 50,
) -> list[GlassEntry]:
    """Broken glasses that concern the acting agency, the soonest to be reviewed first; `after` is the (due time,
    glass) to go on from. Those still open, or without a verdict that is the
    last word; `all`: the others too."""
    due, glass = after or (None, None)
    with db.cursor(row_factory=class_row(GlassEntry)) as cursor:
        return cursor.execute(
            _SELECT + " WHERE (%(all)s OR coalesce(ended_at, expires_at) > %(now)s"
            " OR verdict IS NULL OR verdict = %(inquiry)s)"
            " AND (%(due)s::timestamptz IS NULL OR (review_due_at, glass) > (%(due)s, %(glass)s::uuid))"
            " ORDER BY review_due_at, glass LIMIT %(limit)s",
            {
                "now": now,
                "all": all,
                "inquiry": GlassVerdict.NEEDS_INQUIRY.value,
                "due": due,
                "glass": glass,
                "limit": limit,
            },
        ).fetchall()


GLASSES = Listing(
    "/break-glass",
    emergencies,
    GlassEntry,
    "emergency",
    readings.GLASSES,
    cursor=lambda entry: (entry.review_due_at, entry.glass),
    given={"now": now},
    name="list_glasses",
)


def unreviewed(db: Connection[TupleRow], now: datetime, window: timedelta, highest: int) -> list[tuple[UUID, UUID]]:
    """(case, glass) of those whose review is due now, and not raised as often as it should be.
    For followers: it looks into every agency's."""
    return db.execute(
        "SELECT case_id, glass FROM views.emergency WHERE verdict IS NULL"
        " AND review_due_at + reminders * %s::interval <= %s AND reminders < %s ORDER BY review_due_at",
        (window, now, highest),
    ).fetchall()


_END: LiteralString = (
    "UPDATE emergency SET ended_at = least(coalesce(ended_at, expires_at), %s) WHERE case_id = %s AND glass = %s"
)

_SELECT: LiteralString = (
    "SELECT glass, case_id AS case, agency, lead, actor, role, compartments, basis, opened_at, expires_at, ended_at,"
    " coalesce(ended_at, expires_at) > %(now)s AS is_open, review_due_at,"
    " coalesce(reviewed_at, %(now)s) > review_due_at AS overdue, reminders, reviewed_at, reviewer, verdict, position"
    " FROM views.emergency"
)
"""It is reviewed late or in time by its first review; the verdict and the reviewer are those of the last."""
