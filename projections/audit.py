"""The audit trail: every write, and every opening of protected content: who, for which agency, what, when.

Of an erased case it keeps the openings and the erasure: they prove that there was access, they are in the log under
keys of their own, and they say nothing of what was read. What was written in the case goes with the case: when it
was worked on, and how, tells a story too.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, LiteralString
from uuid import UUID

from msgspec import Meta, Struct
from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from ..domain.access import AccessRecorded, codes_of
from ..domain.case.lead import LeadTransferAccepted
from ..domain.damaged import DamagedErasureAsked, DamagedErasureRefused
from ..domain.delivery import Acknowledged
from ..domain.disclosure import Followed
from ..domain.erasure import CopiesKept, DeletionAsked, ErasureAcknowledged, ErasureRecorded, RecallRecorded
from ..domain.sending import SendingsRecorded
from ..domain.standing import readings
from .erased import records
from .listing import Listing
from .projection import Tables

OF_ERASURES = (
    ErasureRecorded,
    RecallRecorded,
    DeletionAsked,
    ErasureAcknowledged,
    CopiesKept,
    DamagedErasureAsked,
    DamagedErasureRefused,
)
"""Events of streams of their own, about a case."""


class AuditEntry(Struct, frozen=True):
    """One event of the log, without its content."""

    position: int
    topic: str
    subject: UUID
    """The case or agency it is about."""
    agency: str
    actor: UUID
    recorded_at: datetime
    correlation: UUID
    purpose: str | None
    """For an access: what it was for."""
    compartments: list[str] | None
    """For an access: what was opened."""
    role: str | None
    what: str | None
    """For an access: which view was shown."""
    basis: str | None
    """For an access: why it was allowed, in ids and codes; the rule of an override stays sealed in the log."""


class Audit:
    name = "audit"
    tables: Sequence[LiteralString] = ("audit", "audit_lead")
    by_case = True
    ddl: LiteralString = """
        CREATE TABLE audit (
          position bigint PRIMARY KEY, topic text NOT NULL, subject uuid NOT NULL, lead text, agency text NOT NULL,
          actor uuid NOT NULL, recorded_at timestamptz NOT NULL, correlation uuid NOT NULL, purpose text,
          compartments text[], role text, what text, basis text
        );
        CREATE INDEX ON audit (subject, position);
        CREATE INDEX ON audit (agency, position);
        CREATE INDEX ON audit (recorded_at) WHERE purpose IS NOT NULL;
        CREATE TABLE audit_lead (case_id uuid PRIMARY KEY, lead text NOT NULL);
        ALTER TABLE audit ENABLE ROW LEVEL SECURITY;
        -- An agency sees what was done in its name, and everything that was done in the cases it leads.
        CREATE POLICY own ON audit FOR SELECT TO rujukan_service
          USING (current_setting('rujukan.agency', true) IN (agency, lead));
        GRANT SELECT ON audit TO rujukan_service;
    """

    def fold(self, db: Tables, batch: Sequence[Followed]) -> None:
        leads: dict[UUID, str] = {}
        moved: dict[UUID, str] = {}
        rows: list[tuple[Any, ...]] = []
        for followed in batch:
            w = followed.written
            if isinstance(w.event, Acknowledged | SendingsRecorded):
                continue  # machines say it, several times a minute; nobody did anything with a case
            access = w.event if isinstance(w.event, AccessRecorded) else None
            subject = access.subject if access else w.stream
            if isinstance(w.event, OF_ERASURES):
                subject = w.event.case
            if isinstance(w.event, ErasureRecorded):
                leads[w.event.case] = w.event.lead
            if followed.case is not None:
                leads[w.stream] = followed.case.lead
                if isinstance(w.event, LeadTransferAccepted):
                    moved[w.stream] = followed.case.lead
            rows.append(
                (
                    w.position,
                    w.topic,
                    subject,
                    w.author,
                    w.actor,
                    w.at,
                    w.correlation,
                    access.purpose.value if access else None,
                    "{" + ",".join(sorted(access.compartments)) + "}" if access else None,
                    access.role.value if access else None,
                    access.what if access else None,
                    codes_of(access.basis) if access else None,
                )
            )
        if leads:
            db.execute(_LEADS, (list(leads), list(leads.values())), binary=True)
        if rows:
            db.execute(_INSERT, [list(column) for column in zip(*rows, strict=True)], binary=True)
        for case, lead in moved.items():
            db.execute("UPDATE audit SET lead = %s WHERE subject = %s", (lead, case))
        for record in records(batch):
            db.execute("UPDATE audit SET lead = %s WHERE subject = %s", (record.lead, record.case))
            db.execute("DELETE FROM audit WHERE subject = %s AND topic LIKE 'case.%%'", (record.case,))


def entries(
    db: Connection[TupleRow],
    *,
    subject: UUID | None = None,
    actor: UUID | None = None,
    accesses_only: bool = False,
    after: int = 0,
    limit: int = 100,
) -> list[AuditEntry]:
    """What the acting agency may see of the audit trail, in the order of the log."""
    with db.cursor(row_factory=class_row(AuditEntry)) as cursor:
        return cursor.execute(
            "SELECT position, topic, subject, agency, actor, recorded_at, correlation, purpose, compartments, role,"
            " what, basis FROM views.audit WHERE position > %(after)s"
            " AND (%(subject)s::uuid IS NULL OR subject = %(subject)s)"
            " AND (%(actor)s::uuid IS NULL OR actor = %(actor)s)"
            " AND (NOT %(accesses)s OR topic = 'access.AccessRecorded') ORDER BY position LIMIT %(limit)s",
            {
                "after": after,
                "subject": subject,
                "actor": actor,
                "accesses": accesses_only,
                "limit": limit,
            },
        ).fetchall()


def trail(
    db: Connection[TupleRow],
    *,
    subject: Annotated[UUID, Meta(description="of this case or agency only")] | None = None,
    actor: Annotated[UUID, Meta(description="by this person only")] | None = None,
    accesses: Annotated[bool, Meta(description="openings of content only")] = False,
    after: int = 0,
    limit: int = 50,
) -> list[AuditEntry]:
    """The audit trail as it is asked for."""
    return entries(db, subject=subject, actor=actor, accesses_only=accesses, after=after, limit=limit)


TRAIL = Listing(
    "/audit", trail, AuditEntry, "audit", readings.TRAIL, cursor=lambda entry: (entry.position,), name="list_audit"
)


_LEADS: LiteralString = """
    INSERT INTO audit_lead SELECT * FROM unnest(%b::uuid[], %b::text[])
    ON CONFLICT (case_id) DO UPDATE SET lead = excluded.lead WHERE audit_lead.lead <> excluded.lead
"""

_INSERT: LiteralString = """
    INSERT INTO audit (position, topic, subject, lead, agency, actor, recorded_at, correlation, purpose, compartments,
      role, what, basis)
    SELECT p, t, s, l.lead, a, w, r, c, u, k::text[], o, v, b
      FROM unnest(%b::bigint[], %b::text[], %b::uuid[], %b::text[], %b::uuid[], %b::timestamptz[], %b::uuid[],
        %b::text[], %b::text[], %b::text[], %b::text[], %b::text[])
        AS x (p, t, s, a, w, r, c, u, k, o, v, b)
      LEFT JOIN audit_lead l ON l.case_id = x.s
"""
