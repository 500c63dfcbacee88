"""The caseload: the cases that an agency leads or takes or took part in."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from msgspec import Struct
from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from rujukan.domain.case.state import Case
from rujukan.domain.disclosure import Followed

from .projection import OWN_AGENCY, Tables


class Entry(Struct, frozen=True):
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
        latest = {f.written.stream: f for f in batch if f.case is not None}
        if not latest:
            return
        told: dict[tuple[UUID, str], int] = {}
        for followed in batch:
            for t in followed.tell:
                told[followed.written.stream, t.agency] = followed.written.position
        rows = [
            row
            for stream, followed in latest.items()
            if followed.case
            for row in _rows(stream, followed.case, followed, told)
        ]
        kept = [f"{row[1]}/{row[0]}" for row in rows]
        db.execute(
            "DELETE FROM caseload WHERE case_id = ANY(%b) AND case_id || '/' || agency <> ALL (%b::text[])",
            (list(latest), kept),
        )
        db.execute(_UPSERT, [list(column) for column in zip(*rows, strict=True)], binary=True)


def _rows(stream: UUID, case: Case, followed: Followed, told: dict[tuple[UUID, str], int]) -> Iterator[tuple[Any, ...]]:
    """A row for each agency that may know of the case. What others do in it, only the lead's row shows;
    its position moves only with what the agency itself was told, so that its order tells no more."""
    open_now = [r for r in case.referrals.values() if r.status.is_open]
    unmet = [c.due_at for c in case.clocks.values() if c.met_at is None]
    common = (case.lead, case.status.value, case.urgency.value, case.opened_at)
    yield (
        case.lead,
        stream,
        "lead",
        *common,
        case.worker,
        len(open_now),
        min(unmet, default=None),
        case.version,
        followed.written.position,
    )
    for agency in {r.recipient for r in case.referrals.values() if r.sent_at is not None} - {case.lead}:
        mine = [r for r in open_now if r.recipient == agency]
        shared = [case.clocks[c] for r in mine for c in r.clocks]
        due = [c.due_at for c in shared if c.met_at is None]
        relation = "recipient" if mine else "former"
        position = told.get((stream, agency), 0)
        yield (agency, stream, relation, *common, None, len(mine), min(due, default=None), None, position)


def cases(
    db: Connection[TupleRow],
    *,
    status: str | None = None,
    relation: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Entry]:
    """The acting agency's cases, those that moved last first; `before` is the position to go on from."""
    with db.cursor(row_factory=class_row(Entry)) as cursor:
        return cursor.execute(
            "SELECT case_id AS case, relation, lead, status, urgency, opened_at, worker, open_referrals, next_due,"
            " version, position FROM views.caseload"
            " WHERE (%(status)s::text IS NULL OR status = %(status)s)"
            " AND (%(relation)s::text IS NULL OR relation = %(relation)s)"
            " AND (%(before)s::bigint IS NULL OR position < %(before)s) ORDER BY position DESC LIMIT %(limit)s",
            {"status": status, "relation": relation, "before": before, "limit": limit},
        ).fetchall()


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
