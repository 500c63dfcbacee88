"""The deadlines board: the windows of care and law that run in an agency's cases. When each ends is in clear; which
care it is for stays sealed at the position it points to."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, LiteralString
from uuid import UUID

from msgspec import Meta, Struct
from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from ..domain.case.lead import LeadTransferAccepted
from ..domain.case.lifecycle import CaseClosed, CaseReopened
from ..domain.case.merging import CaseMerged, CaseSeparated
from ..domain.case.referrals import ReferralSent
from ..domain.casefile.clocks import ClockEnded, ClockMet, ClockResumed, ClockStarted
from ..domain.casefile.state import Status
from ..domain.compartment import Compartment
from ..domain.disclosure import Followed
from ..domain.standing import readings
from ..domain.standing.clocks import sharers
from .erased import drop
from .listing import Instant, Listing, now
from .projection import OWN_AGENCY, Tables


class DeadlineEntry(Struct, frozen=True):
    """A clock, as an agency that shares it sees it."""

    clock: UUID
    case: UUID
    starts_at: datetime
    due_at: datetime
    met_at: datetime | None
    """When it was said to have been met."""
    met_recorded_at: datetime | None
    """When that was recorded."""
    guessed: bool
    """The time of what happened is a guess: it counts from its earliest moment."""
    too_late: bool
    """It had closed before anybody of the network knew: nobody's breach."""
    ended_at: datetime | None
    """When it ended, as was said, where nobody says in clear that it was met: why is sealed."""
    ended_recorded_at: datetime | None
    ended_by: str | None
    """Which agency said so."""
    breached: bool
    """It was met, or ended, late, or did not end and is due; also where it had run out when that was recorded, whatever
    was said."""
    position: int


class Deadlines:
    name = "deadlines"
    tables: Sequence[LiteralString] = ("deadline",)
    by_case = True
    ddl: LiteralString = f"""
        CREATE TABLE deadline (
          agency text NOT NULL, clock uuid NOT NULL, case_id uuid NOT NULL, starts_at timestamptz NOT NULL,
          due_at timestamptz NOT NULL, met_at timestamptz, met_recorded_at timestamptz,
          late boolean NOT NULL DEFAULT false, position bigint NOT NULL,
          guessed boolean NOT NULL, too_late boolean NOT NULL,
          ended_at timestamptz, ended_recorded_at timestamptz, ended_by text, over boolean NOT NULL DEFAULT false,
          PRIMARY KEY (case_id, clock, agency)
        );
        CREATE INDEX ON deadline (agency, due_at, clock);
        ALTER TABLE deadline ENABLE ROW LEVEL SECURITY;
        CREATE POLICY own ON deadline FOR SELECT TO rujukan_service USING ({OWN_AGENCY});
        GRANT SELECT ON deadline TO rujukan_service;
    """

    def fold(self, db: Tables, batch: Sequence[Followed]) -> None:
        for followed in batch:
            case, event, written = followed.case, followed.written.event, followed.written
            if case is None:
                continue
            match event:
                case ClockStarted():
                    told = {t.agency for t in followed.tell if t.of is written}
                    owes = {case.lead, *sharers(case.clocks[event.clock], case), written.author} & {case.lead, *told}
                    db.executemany(
                        "INSERT INTO deadline (agency, clock, case_id, starts_at, due_at, position, guessed, too_late)"
                        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
                        [
                            (agency, event.clock, written.stream, event.starts_at, event.due_at, written.position,
                             event.guessed is True, event.too_late is True)
                            for agency in sorted(owes)
                        ],
                    )  # fmt: skip
                case ClockMet() | ClockEnded() | ClockResumed():
                    told = {t.agency for t in followed.tell if t.of is written}
                    now = case.clocks[event.clock]
                    db.execute(
                        "UPDATE deadline SET met_at = %s, met_recorded_at = %s, late = %s, ended_at = %s,"
                        " ended_recorded_at = %s, ended_by = %s WHERE case_id = %s AND clock = %s AND agency = ANY(%s)",
                        (now.met_at, now.met_recorded_at, now.late, now.ended_at, now.ended_recorded_at, now.ended_by,
                         written.stream, event.clock, sorted(told)),
                    )  # fmt: skip
                case ReferralSent():
                    referral = case.referrals[event.referral]
                    shared = [c.id for c in case.clocks.values() if referral.recipient in sharers(c, case)]
                    _share(db, written.stream, referral.recipient, shared)
                case LeadTransferAccepted():
                    _share(db, written.stream, event.lead, list(case.clocks))
                case CaseClosed() | CaseMerged() | CaseReopened() | CaseSeparated():
                    is_over = case.status is not Status.OPEN
                    db.execute("UPDATE deadline SET over = %s WHERE case_id = %s", (is_over, written.stream))
        drop(db, "deadline", batch, Compartment.INCIDENT)  # how long a window is tells what it was for


def _share(db: Tables, case: UUID, agency: str, clocks: Sequence[UUID]) -> None:
    if clocks:
        db.execute(
            f"INSERT INTO deadline (agency, {_SHARED}) SELECT DISTINCT ON (clock) %s, {_SHARED}"
            " FROM deadline WHERE case_id = %s AND clock = ANY(%s) ON CONFLICT DO NOTHING",
            (agency, case, list(clocks)),
        )


_SHARED: LiteralString = (
    "clock, case_id, starts_at, due_at, met_at, met_recorded_at, late, position, guessed, too_late, ended_at,"
    " ended_recorded_at, ended_by, over"
)


def deadlines(
    db: Connection[TupleRow],
    now: datetime,
    *,
    all: Annotated[bool, Meta(description="also those that ended, or whose file did")] = False,
    after: tuple[Instant, UUID] | None = None,
    limit: int = 50,
) -> list[DeadlineEntry]:
    """The acting agency's clocks, the soonest first; `after` is the (due time, clock) to go on from."""
    due, clock = after or (None, None)
    with db.cursor(row_factory=class_row(DeadlineEntry)) as cursor:
        return cursor.execute(
            "SELECT clock, case_id AS case, starts_at, due_at, met_at, met_recorded_at, guessed, too_late,"
            " ended_at, ended_recorded_at, ended_by, position,"
            " NOT too_late AND (late OR coalesce(met_at, ended_at, %(now)s) > due_at) AS breached"
            " FROM views.deadline"
            " WHERE (%(all)s OR (met_at IS NULL AND ended_at IS NULL AND NOT too_late AND NOT over))"
            " AND (%(due)s::timestamptz IS NULL OR (due_at, clock) > (%(due)s, %(clock)s::uuid))"
            " ORDER BY due_at, clock LIMIT %(limit)s",
            {"now": now, "all": all, "due": due, "clock": clock, "limit": limit},
        ).fetchall()


DEADLINES = Listing(
    "/deadlines",
    deadlines,
    DeadlineEntry,
    "lists",
    readings.DEADLINES,
    cursor=lambda entry: (entry.due_at, entry.clock),
    given={"now": now},
    mine=True,
    name="list_deadlines",
)
