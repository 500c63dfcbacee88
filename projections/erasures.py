"""Erasures of the cases that an agency leads: asked for, and carried out; recalls, where a consent ended; who has to
delete copies, and who said so."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from msgspec import Struct
from psycopg import Connection
from psycopg.rows import TupleRow, dict_row

from ..domain.case.erasure import ErasureRefused, ErasureRequested
from ..domain.case.lead import LeadTransferAccepted
from ..domain.compartment import ALL
from ..domain.damaged import DamagedErasureAsked, DamagedErasureRefused
from ..domain.disclosure import Followed
from ..domain.erasure import CopiesKept, DeletionAsked, ErasureAcknowledged, ErasureRecorded, RecallRecorded
from ..domain.standing import readings
from .listing import Listing
from .projection import Tables


class Copies(Struct, frozen=True):
    """An agency that was told something of what was erased. `acknowledged_at`: when it said that it deleted it, or by
    which rule it keeps a part."""

    agency: str
    acknowledged_at: datetime | None = None
    acknowledged_by: UUID | None = None
    kept_basis: str | None = None


class ErasureEntry(Struct, frozen=True):
    """An erasure. Of a whole case, this and the openings in the audit trail are all that is left to be read."""

    erasure: UUID
    case: UUID
    status: str
    """asked, erased, or recalled."""
    compartments: list[str]
    basis: str
    """Of an erasure; of a recall: consent-withdrawn, or consent-narrowed."""
    requested_by: UUID
    requested_at: datetime
    approved_by: UUID | None
    erased_at: datetime | None
    keys_destroyed_at: datetime | None
    """Since when there are no keys in the database."""
    beyond_backups: bool
    """An erasure epoch came after: copies of the keys in backups are dead too."""
    position: int
    copies: list[Copies]


class Erasures:
    name = "erasures"
    tables: Sequence[LiteralString] = ("erasure_copy", "erasure")
    by_case = True
    ddl: LiteralString = """
        CREATE TABLE erasure (
          erasure uuid PRIMARY KEY, case_id uuid NOT NULL, lead text NOT NULL, status text NOT NULL,
          compartments text[] NOT NULL, basis text NOT NULL, requested_by uuid NOT NULL,
          requested_at timestamptz NOT NULL, approved_by uuid, erased_at timestamptz, position bigint NOT NULL
        );
        CREATE INDEX ON erasure (lead, position DESC);
        CREATE INDEX ON erasure (case_id);
        ALTER TABLE erasure ENABLE ROW LEVEL SECURITY;
        CREATE POLICY own ON erasure FOR SELECT TO rujukan_service
          USING (lead = current_setting('rujukan.agency', true));
        GRANT SELECT ON erasure TO rujukan_service;
        -- Acknowledged: all that was asked for.
        CREATE TABLE erasure_copy (
          erasure uuid NOT NULL, agency text NOT NULL, lead text NOT NULL, acknowledged_at timestamptz,
          acknowledged_by uuid, kept_basis text, PRIMARY KEY (erasure, agency)
        );
        ALTER TABLE erasure_copy ENABLE ROW LEVEL SECURITY;
        CREATE POLICY own ON erasure_copy FOR SELECT TO rujukan_service
          USING (current_setting('rujukan.agency', true) IN (agency, lead));
        GRANT SELECT ON erasure_copy TO rujukan_service;
    """

    def fold(self, db: Tables, batch: Sequence[Followed]) -> None:
        for followed in batch:
            written = followed.written
            match written.event:
                case ErasureRequested() as asked if followed.case is not None:
                    row = (asked.erasure, written.stream, followed.case.lead, "asked", sorted(asked.compartments))
                    who = (asked.basis.value, asked.asked_by, asked.occurred_at)
                    db.execute(_UPSERT, (*row, *who, None, None, written.position))
                case DamagedErasureAsked() as asked:
                    row = (asked.erasure, asked.case, asked.lead, "asked", sorted(c.word for c in ALL))
                    who = (asked.basis.value, asked.asked_by, asked.occurred_at)
                    db.execute(_UPSERT, (*row, *who, None, None, written.position))
                case ErasureRefused() | DamagedErasureRefused() as refused:
                    db.execute("DELETE FROM erasure WHERE erasure = %s AND status = 'asked'", (refused.erasure,))
                case LeadTransferAccepted():  # and what was asked before ends with the former lead
                    db.execute("DELETE FROM erasure WHERE case_id = %s AND status = 'asked'", (written.stream,))
                case ErasureRecorded() as done:
                    db.execute("DELETE FROM erasure WHERE case_id = %s AND status = 'asked'", (done.case,))
                    row = (done.erasure, done.case, done.lead, "erased", sorted(done.compartments))
                    who = (done.basis.value, done.requested_by, done.requested_at)
                    db.execute(_UPSERT, (*row, *who, done.approved_by, done.occurred_at, written.position))
                case RecallRecorded() as recall:
                    row = (recall.erasure, recall.case, recall.lead, "recalled", sorted(recall.compartments))
                    who = (f"consent-{recall.ended}", recall.recorded_by, recall.occurred_at)
                    db.execute(_UPSERT, (*row, *who, None, None, written.position))
                case DeletionAsked() as asked_of:
                    db.execute(
                        "INSERT INTO erasure_copy (erasure, agency, lead)"
                        " SELECT erasure, %s, lead FROM erasure WHERE erasure = %s ON CONFLICT (erasure, agency)"
                        " DO UPDATE SET acknowledged_at = NULL, acknowledged_by = NULL",
                        (asked_of.agency, asked_of.erasure),
                    )
                case ErasureAcknowledged() as said:
                    db.execute(
                        "UPDATE erasure_copy SET acknowledged_at = %s, acknowledged_by = %s"
                        " WHERE erasure = %s AND agency = %s",
                        (said.occurred_at, written.actor, said.erasure, said.agency),
                    )
                case CopiesKept() as kept:
                    db.execute(
                        "UPDATE erasure_copy SET kept_basis = %s WHERE erasure = %s AND agency = %s",
                        (kept.kept_basis, kept.erasure, kept.agency),
                    )


def erasures(db: Connection[TupleRow], *, before: int | None = None, limit: int = 50) -> list[ErasureEntry]:
    """The erasures of the cases that the acting agency leads or led, the latest first; `before` is the position to go
    on from."""
    with db.cursor(row_factory=dict_row) as cursor:
        rows: list[dict[str, Any]] = cursor.execute(_SELECT, {"before": before, "limit": limit}).fetchall()
        copies: dict[UUID, list[Copies]] = {}
        for row in cursor.execute(
            "SELECT erasure, agency, acknowledged_at, acknowledged_by, kept_basis FROM views.erasure_copy"
            " WHERE erasure = ANY(%s) ORDER BY agency",
            ([row["erasure"] for row in rows],),
        ):
            of = copies.setdefault(row.pop("erasure"), [])
            of.append(Copies(**row))
    return [ErasureEntry(**row, copies=copies.get(row["erasure"], [])) for row in rows]


ERASURES = Listing(
    "/erasures",
    erasures,
    ErasureEntry,
    "erasure",
    readings.ERASURES,
    cursor=lambda entry: (entry.position,),
    name="list_erasures",
)

_UPSERT: LiteralString = """
    INSERT INTO erasure (erasure, case_id, lead, status, compartments, basis, requested_by, requested_at, approved_by,
      erased_at, position)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (erasure) DO UPDATE SET status = excluded.status, compartments = excluded.compartments,
      lead = excluded.lead, approved_by = excluded.approved_by, erased_at = excluded.erased_at,
      position = excluded.position
"""

_SELECT: LiteralString = """
    SELECT x.erasure, x.case_id AS case, x.status, x.compartments, x.basis, x.requested_by, x.requested_at,
      x.approved_by, x.erased_at, x.position,
      CASE WHEN x.status = 'erased' THEN (SELECT max(k.at) FROM log.erased_keys k
        WHERE k.stream = x.case_id AND k.position <= x.position) END AS keys_destroyed_at,
      x.status = 'erased' AND EXISTS (SELECT FROM log.retired_keks r WHERE r.destroyed_at IS NOT NULL
        AND r.erased_to >= (SELECT max(k.n) FROM log.erased_keys k
          WHERE k.stream = x.case_id AND k.position <= x.position)) AS beyond_backups
    FROM views.erasure x WHERE %(before)s::bigint IS NULL OR x.position < %(before)s
    ORDER BY x.position DESC LIMIT %(limit)s
"""
