"""Proposals that wait, by each agency of which somebody might be the second person. Whether the one who asks may be,
the table of standing says (api/proposals.py); here is where to look, and nothing of what was asked.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString, NamedTuple
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from ..domain.agency import AgencyRegistered
from ..domain.case.intake import CaseOpened
from ..domain.case.lead import LeadTransferAccepted
from ..domain.codes import AgencyKind
from ..domain.disclosure import Followed
from ..domain.proposal import Decision, ProposalMade
from .erased import drop
from .projection import OWN_AGENCY, Tables


class Waits(NamedTuple):
    """A proposal that nobody decided, and where its asking stands in the log."""

    position: int
    proposal: UUID


class Proposals:
    name = "proposals"
    tables: Sequence[LiteralString] = ("waiting_proposal", "operator", "led_case")
    by_case = False
    ddl: LiteralString = f"""
        CREATE TABLE waiting_proposal (
          agency text NOT NULL, position bigint NOT NULL, proposal uuid NOT NULL, expires_at timestamptz NOT NULL,
          case_id uuid,
          PRIMARY KEY (agency, position)
        );
        CREATE INDEX ON waiting_proposal (proposal);
        CREATE INDEX ON waiting_proposal (case_id) WHERE case_id IS NOT NULL;
        ALTER TABLE waiting_proposal ENABLE ROW LEVEL SECURITY;
        CREATE POLICY own ON waiting_proposal FOR SELECT TO rujukan_service USING ({OWN_AGENCY});
        GRANT SELECT ON waiting_proposal TO rujukan_service;
        -- For this fold alone: who runs the network, and who leads which case.
        CREATE TABLE operator (code text PRIMARY KEY);
        ALTER TABLE operator ENABLE ROW LEVEL SECURITY;
        CREATE TABLE led_case (case_id uuid PRIMARY KEY, lead text NOT NULL);
        ALTER TABLE led_case ENABLE ROW LEVEL SECURITY;
    """

    def fold(self, db: Tables, batch: Sequence[Followed]) -> None:
        for followed in batch:
            event, written = followed.written.event, followed.written
            match event:
                case ProposalMade():
                    case = UUID(event.target) if event.on == "case" else None
                    about = {"position": written.position, "proposal": event.proposal, "until": event.expires_at}
                    named = [event.agency] if case is not None else [event.agency, event.target]
                    db.execute(_WAITS, {**about, "case": case, "named": named})
                case Decision():
                    db.execute("DELETE FROM waiting_proposal WHERE proposal = %s", (event.proposal,))
                case AgencyRegistered() if event.kind is AgencyKind.LEAD:
                    db.execute("INSERT INTO operator VALUES (%s)", (event.code,))
                case CaseOpened() if followed.case is not None:
                    db.execute("INSERT INTO led_case VALUES (%s, %s)", (written.stream, followed.case.lead))
                case LeadTransferAccepted() if followed.case is not None:
                    now = {"case": written.stream, "lead": followed.case.lead}
                    db.execute("UPDATE led_case SET lead = %(lead)s WHERE case_id = %(case)s", now)
                    db.execute(_MOVED, now)
        drop(db, "waiting_proposal", batch)
        drop(db, "led_case", batch)


def waiting(db: Connection[TupleRow], now: datetime, after: int, limit: int) -> list[Waits]:
    """The proposals that nobody decided, of which somebody of the acting agency might be the second person, and that
    did not run out: the oldest first, from behind a position of the log on."""
    rows = db.execute(
        "SELECT position, proposal FROM views.waiting_proposal WHERE position > %s AND expires_at > %s"
        " ORDER BY position LIMIT %s",
        (after, now, limit),
    )
    return [Waits(*row) for row in rows]


_WAITS: LiteralString = """
    INSERT INTO waiting_proposal (agency, position, proposal, expires_at, case_id)
    SELECT agency, %(position)s, %(proposal)s, %(until)s, %(case)s FROM (
      SELECT unnest(%(named)s::text[]) UNION
      SELECT code FROM operator WHERE %(case)s::uuid IS NULL UNION
      SELECT lead FROM led_case WHERE case_id = %(case)s::uuid
    ) AS a (agency)
"""
_MOVED: LiteralString = """
    INSERT INTO waiting_proposal (agency, position, proposal, expires_at, case_id)
    SELECT DISTINCT %(lead)s::text, position, proposal, expires_at, case_id
      FROM waiting_proposal WHERE case_id = %(case)s
    ON CONFLICT DO NOTHING
"""
