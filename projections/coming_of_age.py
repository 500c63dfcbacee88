"""Who will consent herself soon, in the cases that an agency leads; and, for the system, when that is to be said. Until
it is said no agency is shown the day: it is her birthday."""

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from msgspec import Struct
from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from ..domain.age_table import consents_herself_from
from ..domain.case.ages import WillConsentHerself, warns_at
from ..domain.case.lead import LeadTransferAccepted
from ..domain.case.lifecycle import CaseClosed, CaseReopened
from ..domain.case.merging import CaseMerged, CaseSeparated
from ..domain.casefile.ages import AgeAssessed, band
from ..domain.casefile.state import Case, Status
from ..domain.disclosure import Followed
from ..domain.standing import readings
from .erased import drop
from .listing import Instant, Listing, OfCase
from .projection import Tables


class ComingOfAgeEntry(Struct, frozen=True):
    """A case in which the survivor is to be asked which consents stand: from that day on she alone gives them."""

    case: UUID
    herself_from: datetime
    said_at: datetime


class ComingOfAge:
    name = "coming-of-age"
    tables: Sequence[LiteralString] = ("coming_of_age",)
    by_case = True
    ddl: LiteralString = """
        CREATE TABLE coming_of_age (
          case_id uuid PRIMARY KEY, lead text NOT NULL, warns_at timestamptz, herself_from timestamptz NOT NULL,
          said_at timestamptz, open boolean NOT NULL DEFAULT true
        );
        CREATE INDEX ON coming_of_age (lead, herself_from, case_id);
        CREATE INDEX ON coming_of_age (warns_at) WHERE open AND warns_at IS NOT NULL;
        ALTER TABLE coming_of_age ENABLE ROW LEVEL SECURITY;
        CREATE POLICY own ON coming_of_age FOR SELECT TO rujukan_service
          USING (said_at IS NOT NULL AND lead = current_setting('rujukan.agency', true));
        GRANT SELECT ON coming_of_age TO rujukan_service;
    """

    def fold(self, db: Tables, batch: Sequence[Followed]) -> None:
        for followed in batch:
            case, event, written = followed.case, followed.written.event, followed.written
            if case is None:
                continue
            match event:
                case AgeAssessed():
                    _follow(db, written.stream, case)
                case WillConsentHerself():
                    db.execute(
                        "UPDATE coming_of_age SET said_at = %s, warns_at = NULL WHERE case_id = %s",
                        (written.at, written.stream),
                    )
                case LeadTransferAccepted():
                    db.execute("UPDATE coming_of_age SET lead = %s WHERE case_id = %s", (case.lead, written.stream))
                case CaseClosed() | CaseMerged() | CaseReopened() | CaseSeparated():
                    is_open = case.status is Status.OPEN
                    db.execute("UPDATE coming_of_age SET open = %s WHERE case_id = %s", (is_open, written.stream))
        drop(db, "coming_of_age", batch)


def _follow(db: Tables, stream: UUID, case: Case) -> None:
    """Her age was assessed: another day, or none."""
    db.execute("DELETE FROM coming_of_age WHERE case_id = %s", (stream,))
    day, at = consents_herself_from(band(case)), warns_at(case)
    if day is not None and at is not None:
        db.execute(
            "INSERT INTO coming_of_age (case_id, lead, warns_at, herself_from) VALUES (%s, %s, %s, %s)",
            (stream, case.lead, at, day),
        )


def coming_of_age(
    db: Connection[TupleRow],
    *,
    case: OfCase | None = None,
    after: tuple[Instant, UUID] | None = None,
    limit: int = 50,
) -> list[ComingOfAgeEntry]:
    """Who consents herself soon, or does since, in the cases that the acting agency leads, the soonest first; `after`
    is the (day, case) to go on from."""
    day, last = after or (None, None)
    with db.cursor(row_factory=class_row(ComingOfAgeEntry)) as cursor:
        return cursor.execute(
            "SELECT case_id AS case, herself_from, said_at FROM views.coming_of_age WHERE open AND said_at IS NOT NULL"
            " AND (%(case)s::uuid IS NULL OR case_id = %(case)s)"
            " AND (%(day)s::timestamptz IS NULL OR (herself_from, case_id) > (%(day)s, %(last)s::uuid))"
            " ORDER BY herself_from, case_id LIMIT %(limit)s",
            {"case": case, "day": day, "last": last, "limit": limit},
        ).fetchall()


COMING_OF_AGE = Listing(
    "/coming-of-age",
    coming_of_age,
    ComingOfAgeEntry,
    "lists",
    readings.COMING_OF_AGE,
    cursor=lambda entry: (entry.herself_from, entry.case),
    name="list_coming_of_age",
)


def to_say(db: Connection[TupleRow], now: datetime) -> list[UUID]:
    """Cases in which it is to be said now that she will consent herself. For followers."""
    rows = db.execute(
        "SELECT case_id FROM views.coming_of_age WHERE open AND warns_at <= %s ORDER BY warns_at", (now,)
    ).fetchall()
    return [case for (case,) in rows]
