"""Who is assigned to which case at which agency, who is excluded, and where a referral waits for somebody to take it.
Nobody is shown a row of it: every list asks it which cases the asking person is shown (projection.py)."""

from collections.abc import Sequence
from typing import LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from ..domain.case.departing import AssignmentLapsed
from ..domain.case.intake import CaseOpened
from ..domain.case.lead import CaseWorkerAssigned, LeadTransferAccepted
from ..domain.case.staffing import AssignmentEnded, ExclusionEnded, PersonExcluded
from ..domain.casefile.assigning import PersonAssigned
from ..domain.casefile.moves import ReferralMove
from ..domain.casefile.staff import Staff, takes, workers
from ..domain.casefile.state import Case
from ..domain.disclosure import Followed
from .erased import drop
from .projection import Tables

TELLING = (
    *(CaseOpened, CaseWorkerAssigned, LeadTransferAccepted, PersonAssigned, AssignmentEnded, ReferralMove),
    PersonExcluded,
    AssignmentLapsed,
)
"""Events that change who works on a case, or what waits for somebody."""


class CaseStaff:
    name = "staff"
    tables: Sequence[LiteralString] = ("excluded", "assigned")
    by_case = True
    ddl: LiteralString = """
        CREATE TABLE excluded (case_id uuid NOT NULL, person uuid NOT NULL, PRIMARY KEY (person, case_id));
        CREATE INDEX ON excluded (case_id);
        -- Without a person: a referral to that agency that nobody took. `takes`: has a referral, or accompanies her.
        CREATE TABLE assigned (case_id uuid NOT NULL, agency text NOT NULL, person uuid, takes boolean NOT NULL);
        CREATE INDEX ON assigned (case_id);
        CREATE INDEX ON assigned (agency, person);
        ALTER TABLE excluded ENABLE ROW LEVEL SECURITY;
        ALTER TABLE assigned ENABLE ROW LEVEL SECURITY;
    """

    def fold(self, db: Tables, batch: Sequence[Followed]) -> None:
        works: dict[UUID, Case] = {}
        excludes: dict[UUID, Case] = {}
        for followed in batch:
            if followed.case is None:
                continue
            if isinstance(followed.written.event, TELLING):
                works[followed.written.stream] = followed.case
            if isinstance(followed.written.event, PersonExcluded | ExclusionEnded):
                excludes[followed.written.stream] = followed.case
        if excludes:
            db.execute("DELETE FROM excluded WHERE case_id = ANY (%s)", (list(excludes),))
            rows = [(id, person) for id, case in excludes.items() for person in case.of(Staff).excluded]
            db.executemany("INSERT INTO excluded (case_id, person) VALUES (%s, %s)", rows)
        if works:
            db.execute("DELETE FROM assigned WHERE case_id = ANY (%s)", (list(works),))
            found = [(id, *row) for id, case in works.items() for row in _works(case)]
            if found:
                db.execute(
                    "INSERT INTO assigned (case_id, agency, person, takes)"
                    " SELECT * FROM unnest(%s::uuid[], %s::text[], %s::uuid[], %s::boolean[])",
                    [list(column) for column in zip(*found, strict=True)],
                )
        drop(db, "excluded", batch)
        drop(db, "assigned", batch)


def _works(case: Case) -> list[tuple[str, UUID | None, bool]]:
    """(agency, person, whether they have a referral or accompany her) of who is assigned, and of agencies that have a
    referral to take, without a person."""
    staff = case.of(Staff)
    agencies = sorted({referral.recipient for referral in case.referrals.values()})
    waiting = [(agency, None, False) for agency in agencies if staff.waiting(case, agency)]
    return [*((*who, takes(case, who)) for who in sorted(workers(case))), *waiting]


def who_left(db: Connection[TupleRow]) -> list[tuple[UUID, str, UUID]]:
    """(case, agency, person) of those who are assigned and left that agency, or can be assigned there no more."""
    return db.execute(_WHO_LEFT).fetchall()


_WHO_LEFT: LiteralString = """
    SELECT DISTINCT a.case_id, g.code, a.person
    FROM views.departed d
    JOIN views.agency g ON g.stream = d.stream
    JOIN views.assigned a ON a.agency = g.code AND a.person = d.person AND (a.takes OR NOT d.reviews)
    ORDER BY a.case_id, a.person LIMIT 1000
"""


def kept_apart(db: Connection[TupleRow]) -> list[UUID]:
    """Files that were merged, and of which somebody is excluded who is not from the file that they were merged into, or
    the other way round. For followers."""
    return [case for (case,) in db.execute(_KEPT_APART)]


_KEPT_APART: LiteralString = """
    SELECT DISTINCT r.case_id FROM views.retention r
    JOIN views.excluded e ON e.case_id IN (r.case_id, r.merged_into)
    WHERE EXISTS (SELECT FROM views.caseload c WHERE c.case_id = r.merged_into)
      AND NOT EXISTS (
        SELECT FROM views.excluded o WHERE o.person = e.person
        AND o.case_id = CASE e.case_id WHEN r.case_id THEN r.merged_into ELSE r.case_id END)
    LIMIT 1000
"""
