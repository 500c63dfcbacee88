"""Appointments of an agency's cases, the soonest first: who is expected when, and of which nobody said what came of
them. When and with whom is in clear; where stays sealed at the position that a row points to."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, LiteralString
from uuid import UUID

from msgspec import Meta, Struct
from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from ..domain.case.appointments import AppointmentTime
from ..domain.case.lead import LeadTransferAccepted
from ..domain.case.lifecycle import CaseClosed, CaseReopened
from ..domain.case.merging import CaseMerged, CaseSeparated
from ..domain.case.striking import EntryStruck
from ..domain.casefile.appointed import Appointment, Appointments, AppointmentStep, concerned, met_by, stands
from ..domain.casefile.moves import ReferralMove
from ..domain.casefile.state import Case, Status
from ..domain.disclosure import Followed
from ..domain.fact import Fact
from ..domain.standing import readings
from .erased import drop
from .listing import Instant, Listing, OfCase, now
from .projection import OWN_AGENCY, Tables


class AppointmentEntry(Struct, frozen=True):
    """An appointment, as an agency that it concerns has it."""

    appointment: UUID
    case: UUID
    referral: UUID | None
    made_by: str
    met_by: str
    """The agency that is to meet her."""
    appointed_for: datetime
    due_at: datetime
    """By when somebody says what came of it."""
    expected: bool
    """It waits for somebody to say what came of it: nobody did, and the case is open."""
    overdue: bool
    """Nobody said in time what came of it."""
    ended_as: str | None
    """kept, missed or cancelled; absent where nobody said."""
    reminders: int
    """How often it was raised that nobody did."""
    position: int


class AppointmentList:
    name = "appointments"
    tables: Sequence[LiteralString] = ("appointment",)
    by_case = True
    ddl: LiteralString = f"""
        CREATE TABLE appointment (
          agency text NOT NULL, appointment uuid NOT NULL, case_id uuid NOT NULL, referral uuid, made_by text NOT NULL,
          met_by text NOT NULL, appointed_for timestamptz NOT NULL, due_at timestamptz NOT NULL,
          expected boolean NOT NULL, ended_as text, reminders int NOT NULL, position bigint NOT NULL,
          PRIMARY KEY (case_id, appointment, agency)
        );
        CREATE INDEX ON appointment (agency, appointed_for, appointment);
        CREATE INDEX ON appointment (due_at) WHERE expected;
        ALTER TABLE appointment ENABLE ROW LEVEL SECURITY;
        CREATE POLICY own ON appointment FOR SELECT TO rujukan_service USING ({OWN_AGENCY});
        GRANT SELECT ON appointment TO rujukan_service;
    """

    def fold(self, db: Tables, batch: Sequence[Followed]) -> None:
        for followed in batch:
            case, event, written = followed.case, followed.written.event, followed.written
            if case is None:
                continue
            position = written.position if isinstance(event, AppointmentTime) else None
            for appointment in _changed(event, case):
                agencies = _concerned(case, appointment)
                for agency in sorted(agencies):
                    db.execute(
                        _UPSERT,
                        {
                            "agency": agency,
                            "appointment": appointment.id,
                            "case": written.stream,
                            "referral": appointment.referral,
                            "made_by": appointment.made_by,
                            "met_by": met_by(case, appointment),
                            "appointed_for": appointment.appointed_for,
                            "due_at": appointment.due_at,
                            "expected": case.status is Status.OPEN and stands(appointment),
                            "ended_as": appointment.ended_as,
                            "reminders": appointment.raised,
                            "position": position,
                        },
                    )
                db.execute(
                    "DELETE FROM appointment WHERE case_id = %s AND appointment = %s AND agency <> ALL(%s)",
                    (written.stream, appointment.id, sorted(agencies)),
                )
        drop(db, "appointment", batch)


def _changed(event: Fact, case: Case) -> Iterable[Appointment]:
    """The appointments of which something may have changed."""
    made = case.of(Appointments).made
    match event:
        case AppointmentStep():
            return [made[event.appointment]]
        case EntryStruck():  # maybe of what was said to have come of one
            return made.values()
        case ReferralMove() | CaseClosed() | CaseMerged() | CaseReopened() | CaseSeparated() | LeadTransferAccepted():
            return made.values()  # who takes part no more is on none of them
    return ()


def _concerned(case: Case, appointment: Appointment) -> set[str]:
    """Whose list it is on: the lead's, and of whom it concerns."""
    return {case.lead, *concerned(case, appointment)}


def appointments(
    db: Connection[TupleRow],
    now: datetime,
    *,
    case: OfCase | None = None,
    all: Annotated[bool, Meta(description="also those of which it was said what came of them")] = False,
    overdue: Annotated[bool, Meta(description="those alone of which nobody said in time what came of them")] = False,
    after: tuple[Instant, UUID] | None = None,
    limit: int = 50,
) -> list[AppointmentEntry]:
    """The acting agency's appointments, the soonest first; `after` is the (time, appointment) to go on from."""
    at, appointment = after or (None, None)
    with db.cursor(row_factory=class_row(AppointmentEntry)) as cursor:
        return cursor.execute(
            "SELECT appointment, case_id AS case, referral, made_by, met_by, appointed_for, due_at, expected,"
            " expected AND due_at < %(now)s AS overdue, ended_as, reminders, position FROM views.appointment"
            " WHERE (%(all)s OR expected) AND (NOT %(overdue)s OR (expected AND due_at < %(now)s))"
            " AND (%(case)s::uuid IS NULL OR case_id = %(case)s)"
            " AND (%(at)s::timestamptz IS NULL OR (appointed_for, appointment) > (%(at)s, %(appointment)s::uuid))"
            " ORDER BY appointed_for, appointment LIMIT %(limit)s",
            {
                "now": now,
                "all": all,
                "overdue": overdue,
                "case": case,
                "at": at,
                "appointment": appointment,
                "limit": limit,
            },
        ).fetchall()


APPOINTMENTS = Listing(
    "/appointments",
    appointments,
    AppointmentEntry,
    "lists",
    readings.APPOINTMENTS,
    cursor=lambda entry: (entry.appointed_for, entry.appointment),
    given={"now": now},
    mine=True,
)


def unclear(db: Connection[TupleRow], now: datetime, every: timedelta) -> list[tuple[UUID, UUID]]:
    """(case, appointment) of those of which nobody said in time what came of them, that are to be raised now. For
    followers."""
    return db.execute(
        "SELECT case_id, appointment FROM views.appointment WHERE expected AND due_at <= %s"
        " AND due_at + reminders * %s::interval <= %s"
        " GROUP BY case_id, appointment ORDER BY min(due_at)",
        (now, every, now),
    ).fetchall()


_UPSERT: LiteralString = """
    INSERT INTO appointment (agency, appointment, case_id, referral, made_by, met_by, appointed_for, due_at, expected,
      ended_as, reminders, position)
    VALUES (%(agency)s, %(appointment)s, %(case)s, %(referral)s, %(made_by)s, %(met_by)s, %(appointed_for)s, %(due_at)s,
      %(expected)s, %(ended_as)s, %(reminders)s, coalesce(%(position)s, (SELECT max(position) FROM appointment
        WHERE case_id = %(case)s AND appointment = %(appointment)s)))
    ON CONFLICT (case_id, appointment, agency) DO UPDATE SET appointed_for = excluded.appointed_for,
      due_at = excluded.due_at, expected = excluded.expected, ended_as = excluded.ended_as, met_by = excluded.met_by,
      reminders = excluded.reminders, position = excluded.position
"""
