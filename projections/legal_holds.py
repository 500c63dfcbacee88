"""Legal holds that stand, for who holds them and for who leads: by when each is to be confirmed. And, for the system,
of which its holder is to be asked, and which lapsed. Why a hold was placed is not here."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from msgspec import Struct
from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from ..domain.case.first_hold import LegalHoldLifted, LegalHoldPlaced
from ..domain.case.holds import HoldLifted
from ..domain.case.keeping import HoldConfirmationDue, HoldConfirmed, HoldLapsed, reminds_at
from ..domain.case.lead import LeadTransferAccepted
from ..domain.case.proceedings import HoldFell, HoldPassed
from ..domain.casefile.holding import HoldPlaced, confirm_by
from ..domain.casefile.state import Case
from ..domain.disclosure import Followed
from ..domain.standing import readings
from .erased import drop
from .listing import Instant, Listing, OfCase
from .projection import Tables

MOVES = (
    *(HoldPlaced, HoldPassed, HoldLifted, HoldFell, HoldConfirmed, HoldConfirmationDue, HoldLapsed),
    *(LegalHoldPlaced, LegalHoldLifted, LeadTransferAccepted),
)


class LegalHoldEntry(Struct, frozen=True):
    """A legal hold that stands."""

    hold: UUID
    case: UUID
    kind: str | None
    """Absent of one that was placed before holds had kinds."""
    holder: str
    of_proceedings: bool
    placed_at: datetime
    confirm_by: datetime
    """By when its holder says that it is needed still."""
    lapses_at: datetime | None
    """When it lapses, as its holder was asked and did not say so yet; one of the proceedings two people of the lead can
    end from then on."""


class LegalHolds:
    name = "legal_holds"
    tables: Sequence[LiteralString] = ("legal_hold",)
    by_case = True
    ddl: LiteralString = """
        CREATE TABLE legal_hold (
          case_id uuid NOT NULL, hold uuid NOT NULL, lead text NOT NULL, holder text NOT NULL, kind text,
          of_proceedings boolean NOT NULL, placed_at timestamptz NOT NULL, confirm_by timestamptz NOT NULL,
          asks_at timestamptz, lapses_at timestamptz,
          PRIMARY KEY (case_id, hold)
        );
        CREATE INDEX ON legal_hold (holder, confirm_by, hold);
        CREATE INDEX ON legal_hold (lead, confirm_by, hold);
        CREATE INDEX ON legal_hold (asks_at);
        CREATE INDEX ON legal_hold (lapses_at) WHERE NOT of_proceedings;
        ALTER TABLE legal_hold ENABLE ROW LEVEL SECURITY;
        -- To all but its holder and the lead there is none.
        CREATE POLICY own ON legal_hold FOR SELECT TO rujukan_service
          USING (current_setting('rujukan.agency', true) IN (holder, lead));
        GRANT SELECT ON legal_hold TO rujukan_service;
    """

    def fold(self, db: Tables, batch: Sequence[Followed]) -> None:
        moved: dict[UUID, Case] = {}
        for followed in batch:
            if followed.case is not None and isinstance(followed.written.event, MOVES):
                moved[followed.written.stream] = followed.case
        if moved:
            db.execute("DELETE FROM legal_hold WHERE case_id = ANY (%s)", (list(moved),))
            db.executemany(_STANDS, [row for id, case in moved.items() for row in _rows(id, case)])
        drop(db, "legal_hold", batch)


def _rows(id: UUID, case: Case) -> list[tuple[Any, ...]]:
    found = []
    for hold in case.holds.values():
        kind = hold.kind.value if hold.kind is not None else None
        of = (id, hold.id, case.lead, hold.held_by(case)[0], kind, hold.of_proceedings, hold.placed_at)
        found.append((*of, confirm_by(hold), reminds_at(hold), hold.lapses_at))
    return found


def legal_holds(
    db: Connection[TupleRow],
    *,
    case: OfCase | None = None,
    after: tuple[Instant, UUID] | None = None,
    limit: int = 50,
) -> list[LegalHoldEntry]:
    """The holds of the acting agency, and all of the cases that it leads, what is to be confirmed first first; `after`
    is the (time, hold) to go on from."""
    until, hold = after or (None, None)
    with db.cursor(row_factory=class_row(LegalHoldEntry)) as cursor:
        return cursor.execute(
            "SELECT hold, case_id AS case, kind, holder, of_proceedings, placed_at, confirm_by, lapses_at"
            " FROM views.legal_hold WHERE (%(case)s::uuid IS NULL OR case_id = %(case)s)"
            " AND (%(until)s::timestamptz IS NULL OR (confirm_by, hold) > (%(until)s, %(hold)s::uuid))"
            " ORDER BY confirm_by, hold LIMIT %(limit)s",
            {"case": case, "until": until, "hold": hold, "limit": limit},
        ).fetchall()


LEGAL_HOLDS = Listing(
    "/legal-holds",
    legal_holds,
    LegalHoldEntry,
    "lists",
    readings.LEGAL_HOLDS,
    cursor=lambda entry: (entry.confirm_by, entry.hold),
    name="list_legal_holds",
)


def to_ask_about(db: Connection[TupleRow], now: datetime) -> list[tuple[UUID, UUID]]:
    """(case, hold) of those whose holder is to be asked now. For followers."""
    return db.execute(
        "SELECT case_id, hold FROM views.legal_hold WHERE asks_at <= %s ORDER BY asks_at LIMIT 1000", (now,)
    ).fetchall()


def lapsed(db: Connection[TupleRow], now: datetime) -> list[tuple[UUID, UUID]]:
    """(case, hold) of those that lapsed by themselves by now. For followers."""
    return db.execute(
        "SELECT case_id, hold FROM views.legal_hold WHERE lapses_at <= %s AND NOT of_proceedings"
        " ORDER BY lapses_at LIMIT 1000",
        (now,),
    ).fetchall()


_STANDS: LiteralString = """
    INSERT INTO legal_hold
      (case_id, hold, lead, holder, kind, of_proceedings, placed_at, confirm_by, asks_at, lapses_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
