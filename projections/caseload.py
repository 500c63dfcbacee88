"""The caseload: the cases that an agency leads or takes or took part in."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, LiteralString
from uuid import UUID

from msgspec import Struct
from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from ..domain.casefile.staff import Accompanying
from ..domain.casefile.state import Case
from ..domain.disclosure import Followed
from ..domain.fact import AgencyCode
from ..domain.standing import readings
from ..domain.standing.rule import is_known_to
from .erased import drop
from .listing import Listing
from .projection import OWN_AGENCY, Tables

CaseStatus = Literal["open", "closed", "merged"]
Relation = Literal["lead", "recipient", "asked", "former"]
"""As what an agency has to do with a case."""


class CaseEntry(Struct, frozen=True):
    """A case in the list of one agency. For others than the lead, only what concerns their own part."""

    case: UUID
    relation: str
    lead: str
    status: str
    urgency: str
    opened_at: datetime
    worker: UUID | None
    open_referrals: int
    next_due: datetime | None
    version: int | None
    position: int


class Caseload:
    name = "caseload"
    tables: Sequence[LiteralString] = ("caseload",)
    by_case = True
    ddl: LiteralString = f"""
        CREATE TABLE caseload (
          agency text NOT NULL, case_id uuid NOT NULL, relation text NOT NULL, lead text NOT NULL, status text NOT NULL,
          urgency text NOT NULL, opened_at timestamptz NOT NULL, worker uuid, open_referrals int NOT NULL,
          next_due timestamptz, version int, position bigint NOT NULL,
          PRIMARY KEY (case_id, agency)
        );
        CREATE INDEX ON caseload (agency, position DESC);
        ALTER TABLE caseload ENABLE ROW LEVEL SECURITY;
        CREATE POLICY own ON caseload FOR SELECT TO rujukan_service USING ({OWN_AGENCY});
        GRANT SELECT ON caseload TO rujukan_service;
    """

    def fold(self, db: Tables, batch: Sequence[Followed]) -> None:
        rows: dict[tuple[UUID, str], tuple[Any, ...] | None] = {}
        for followed in batch:
            case, stream = followed.case, followed.written.stream
            if case is None:
                continue
            rows[stream, case.lead] = _lead_row(stream, case, followed.written.position)
            for told in followed.tell:
                if told.agency != case.lead:
                    rows[stream, told.agency] = _row(stream, case, told.agency, followed.written.position)
        gone = [key for key, row in rows.items() if row is None]
        if gone:
            db.execute(
                "DELETE FROM caseload USING unnest(%b::uuid[], %b::text[]) AS gone (c, a)"
                " WHERE case_id = gone.c AND agency = gone.a",
                ([case for case, _ in gone], [agency for _, agency in gone]),
            )
        kept = [row for row in rows.values() if row is not None]
        if kept:
            db.execute(_UPSERT, [list(column) for column in zip(*kept, strict=True)], binary=True)
        drop(db, "caseload", batch)


def _lead_row(stream: UUID, case: Case, position: int) -> tuple[Any, ...]:
    """The lead sees all that happens in its case."""
    unmet = [c.due_at for c in case.clocks.values() if c.runs]
    count = sum(r.status.is_open for r in case.referrals.values())
    common = (case.lead, case.status.value, case.urgency.value, case.opened_at)
    return (
        case.lead,
        stream,
        "lead",
        *common,
        case.of(Accompanying).worker,
        count,
        min(unmet, default=None),
        case.version,
        position,
    )


def _row(stream: UUID, case: Case, agency: AgencyCode, position: int) -> tuple[Any, ...] | None:
    """Another agency's row: written only when it is told something, so that it tells no more than that; None where
    the agency may not know of the case any more."""
    if not is_known_to(case, agency):
        return None
    mine = list(case.open_referrals_to(agency))
    due = [c.due_at for r in mine for c in (case.clocks[id] for id in r.clocks) if c.runs]
    asked = case.transfer is not None and case.transfer.to == agency
    relation = "recipient" if mine else "asked" if asked else "former"
    common = (case.lead, case.status.value, case.urgency.value, case.opened_at)
    return (agency, stream, relation, *common, None, len(mine), min(due, default=None), None, position)


def cases(
    db: Connection[TupleRow],
    *,
    status: CaseStatus | None = None,
    relation: Relation | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[CaseEntry]:
    """The acting agency's cases, those that moved last first; `before` is the position to go on from."""
    with db.cursor(row_factory=class_row(CaseEntry)) as cursor:
        return cursor.execute(
            "SELECT case_id AS case, relation, lead, status, urgency, opened_at, worker, open_referrals, next_due,"
            " version, position FROM views.caseload"
            " WHERE (%(status)s::text IS NULL OR status = %(status)s)"
            " AND (%(relation)s::text IS NULL OR relation = %(relation)s)"
            " AND (%(before)s::bigint IS NULL OR position < %(before)s) ORDER BY position DESC LIMIT %(limit)s",
            {"status": status, "relation": relation, "before": before, "limit": limit},
        ).fetchall()


CASES = Listing(
    "/cases",
    cases,
    CaseEntry,
    "lists",
    readings.CASES,
    cursor=lambda entry: (entry.position,),
    mine=True,
    name="list_cases",
)

_UPSERT: LiteralString = """
    INSERT INTO caseload (agency, case_id, relation, lead, status, urgency, opened_at, worker, open_referrals, next_due,
      version, position)
    SELECT * FROM unnest(%b::text[], %b::uuid[], %b::text[], %b::text[], %b::text[], %b::text[], %b::timestamptz[],
      %b::uuid[], %b::int[], %b::timestamptz[], %b::int[], %b::bigint[])
    ON CONFLICT (case_id, agency) DO UPDATE SET relation = excluded.relation, lead = excluded.lead,
      status = excluded.status, urgency = excluded.urgency, worker = excluded.worker,
      open_referrals = excluded.open_referrals, next_due = excluded.next_due, version = excluded.version,
      position = greatest(caseload.position, excluded.position)
"""
