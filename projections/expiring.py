"""Consents that run out soon, in the cases that an agency leads; and, for the system, when that is to be said."""

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from msgspec import Struct
from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from ..domain.case.expiring import ConsentExpiring, warns_at
from ..domain.case.lead import LeadTransferAccepted
from ..domain.case.lifecycle import CaseClosed, CaseReopened
from ..domain.case.merging import CaseMerged, CaseSeparated
from ..domain.casefile.consenting import Scope
from ..domain.casefile.state import Case, Status
from ..domain.disclosure import ENDS, Followed
from ..domain.standing import readings
from .erased import drop
from .listing import Instant, Listing, OfCase, now
from .projection import Tables


class ExpiringEntry(Struct, frozen=True):
    """A consent, or a sharing without one, that runs out soon."""

    consent: UUID
    case: UUID
    override: bool
    recipients: list[str]
    compartments: list[str]
    warned_at: datetime
    """When it was to be said."""
    expires_at: datetime


class ExpiringConsents:
    name = "expiring"
    tables: Sequence[LiteralString] = ("expiring_consent",)
    by_case = True
    ddl: LiteralString = """
        CREATE TABLE expiring_consent (
          case_id uuid NOT NULL, consent uuid NOT NULL, lead text NOT NULL, override boolean NOT NULL,
          recipients text[] NOT NULL, compartments text[] NOT NULL, warns_at timestamptz NOT NULL,
          expires_at timestamptz NOT NULL, warned boolean NOT NULL DEFAULT false, open boolean NOT NULL DEFAULT true,
          PRIMARY KEY (case_id, consent)
        );
        CREATE INDEX ON expiring_consent (lead, expires_at, consent);
        CREATE INDEX ON expiring_consent (warns_at) WHERE open AND NOT warned;
        ALTER TABLE expiring_consent ENABLE ROW LEVEL SECURITY;
        CREATE POLICY own ON expiring_consent FOR SELECT TO rujukan_service
          USING (lead = current_setting('rujukan.agency', true));
        GRANT SELECT ON expiring_consent TO rujukan_service;
    """

    def fold(self, db: Tables, batch: Sequence[Followed]) -> None:
        for followed in batch:
            case, event, stream = followed.case, followed.written.event, followed.written.stream
            if case is None:
                continue
            if isinstance(event, Scope):
                _follow(db, stream, case, event.consent)
            if isinstance(event, ENDS):
                over = [id for id, consent in case.consents.items() if not consent.live]
                db.execute("DELETE FROM expiring_consent WHERE case_id = %s AND consent = ANY(%s)", (stream, over))
            match event:
                case ConsentExpiring():
                    db.execute(
                        "UPDATE expiring_consent SET warned = true WHERE case_id = %s AND consent = %s",
                        (stream, event.consent),
                    )
                case LeadTransferAccepted():
                    db.execute("UPDATE expiring_consent SET lead = %s WHERE case_id = %s", (case.lead, stream))
                case CaseClosed() | CaseMerged() | CaseReopened() | CaseSeparated():
                    is_open = case.status is Status.OPEN
                    db.execute("UPDATE expiring_consent SET open = %s WHERE case_id = %s", (is_open, stream))
        drop(db, "expiring_consent", batch)


def _follow(db: Tables, stream: UUID, case: Case, id: UUID) -> None:
    """A consent that was given, or narrowed: it runs out, or not, and later than before, or sooner."""
    db.execute("DELETE FROM expiring_consent WHERE case_id = %s AND consent = %s", (stream, id))
    consent = next((c for c in case.consents.values() if c.id == id), None)
    at = warns_at(consent) if consent is not None else None
    if consent is None or not consent.live or at is None:
        return
    compartments, recipients = sorted(c.word for c in consent.compartments), sorted(consent.recipients)
    db.execute(
        "INSERT INTO expiring_consent (case_id, consent, lead, override, recipients, compartments, warns_at,"
        " expires_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (stream, id, case.lead, consent.override, recipients, compartments, at, consent.expires_at),
    )


def expiring(
    db: Connection[TupleRow],
    now: datetime,
    *,
    case: OfCase | None = None,
    after: tuple[Instant, UUID] | None = None,
    limit: int = 50,
) -> list[ExpiringEntry]:
    """What runs out soon in the cases that the acting agency leads, the soonest first; `after` is the (end, consent) to
    go on from."""
    until, consent = after or (None, None)
    with db.cursor(row_factory=class_row(ExpiringEntry)) as cursor:
        return cursor.execute(
            "SELECT consent, case_id AS case, override, recipients, compartments, warns_at AS warned_at, expires_at"
            " FROM views.expiring_consent WHERE open AND warns_at <= %(now)s AND expires_at > %(now)s"
            " AND (%(case)s::uuid IS NULL OR case_id = %(case)s)"
            " AND (%(until)s::timestamptz IS NULL OR (expires_at, consent) > (%(until)s, %(consent)s::uuid))"
            " ORDER BY expires_at, consent LIMIT %(limit)s",
            {"now": now, "case": case, "until": until, "consent": consent, "limit": limit},
        ).fetchall()


EXPIRING = Listing(
    "/expiring-consents",
    expiring,
    ExpiringEntry,
    "lists",
    readings.EXPIRING,
    cursor=lambda entry: (entry.expires_at, entry.consent),
    given={"now": now},
    name="list_expiring_consents",
)


def to_warn_of(db: Connection[TupleRow], now: datetime) -> list[tuple[UUID, UUID]]:
    """(case, consent) of which it is to be said now that they run out soon. For followers."""
    return db.execute(
        "SELECT case_id, consent FROM views.expiring_consent WHERE open AND NOT warned AND warns_at <= %s"
        " AND expires_at > %s ORDER BY expires_at",
        (now, now),
    ).fetchall()
