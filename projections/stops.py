"""Stops that wait for the lead: the survivor was heard to say stop, and the lead is to ask her, by a time, also where
the file ended. What was remarked stays sealed at the position that a row points to."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, LiteralString
from uuid import UUID

from msgspec import Meta, Struct
from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from ..domain.case.lead import LeadTransferAccepted
from ..domain.case.stopping import StopConfirmed, StopNotConfirmed, StopWaits
from ..domain.casefile.stopping import SharingStopped
from ..domain.disclosure import Followed
from ..domain.standing import readings
from .erased import drop
from .listing import Instant, Listing, OfCase, now
from .projection import Tables


class StopEntry(Struct, frozen=True):
    """A stop that the lead has to answer, or has answered."""

    stop: UUID
    case: UUID
    heard_by: str
    about: str
    said_by: list[str]
    consent: UUID | None
    recipients: list[str]
    compartments: list[str] | None
    purposes: list[str] | None
    """Absent: all that is known, and for anything."""
    recorded_at: datetime
    answer_by: datetime
    overdue: bool
    """It was answered late, or is not answered and is due."""
    reminders: int
    """How often it was raised that the time to answer had passed."""
    confirmed: bool | None
    """What the survivor said when she was asked; absent where nobody has answered yet."""
    answered_at: datetime | None
    position: int


class WaitingStops:
    name = "stops"
    tables: Sequence[LiteralString] = ("stop",)
    by_case = True
    ddl: LiteralString = """
        CREATE TABLE stop (
          case_id uuid NOT NULL, stop uuid NOT NULL, lead text NOT NULL, heard_by text NOT NULL, about text NOT NULL,
          said_by text[] NOT NULL, consent uuid, recipients text[] NOT NULL, compartments text[],
          purposes text[], said_at timestamptz NOT NULL,
          recorded_at timestamptz NOT NULL, answer_by timestamptz NOT NULL, raised int NOT NULL DEFAULT 0,
          confirmed boolean, answered_at timestamptz, position bigint NOT NULL,
          PRIMARY KEY (case_id, stop)
        );
        CREATE INDEX ON stop (lead, answer_by, stop);
        CREATE INDEX ON stop (answer_by) WHERE confirmed IS NULL;
        ALTER TABLE stop ENABLE ROW LEVEL SECURITY;
        -- The lead's alone: it says who takes part, and what she said of them.
        CREATE POLICY own ON stop FOR SELECT TO rujukan_service
          USING (lead = current_setting('rujukan.agency', true));
        GRANT SELECT ON stop TO rujukan_service;
    """

    def fold(self, db: Tables, batch: Sequence[Followed]) -> None:
        for followed in batch:
            case, event, written = followed.case, followed.written.event, followed.written
            if case is None:
                continue
            match event:
                case SharingStopped() if event.answer_by is not None:
                    db.execute(
                        "INSERT INTO stop (case_id, stop, lead, heard_by, about, said_by, consent, recipients,"
                        " compartments, purposes, said_at, recorded_at, answer_by, position)"
                        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                        (
                            written.stream,
                            event.stop,
                            case.lead,
                            written.author,
                            event.about.value,
                            sorted(by.value for by in event.said_by),
                            event.consent,
                            sorted(event.recipients),
                            sorted(event.compartments) if event.compartments is not None else None,
                            sorted(purpose.value for purpose in event.purposes) if event.purposes is not None else None,
                            event.occurred_at,
                            written.at,
                            event.answer_by,
                            written.position,
                        ),
                    )
                case StopWaits():
                    db.execute(
                        "UPDATE stop SET raised = %s WHERE case_id = %s AND stop = %s",
                        (event.level, written.stream, event.stop),
                    )
                case StopConfirmed() | StopNotConfirmed():
                    db.execute(
                        "UPDATE stop SET confirmed = %s, answered_at = %s WHERE case_id = %s AND stop = %s",
                        (isinstance(event, StopConfirmed), written.at, written.stream, event.stop),
                    )
                case LeadTransferAccepted():
                    db.execute("UPDATE stop SET lead = %s WHERE case_id = %s", (case.lead, written.stream))
        drop(db, "stop", batch)


def stops(
    db: Connection[TupleRow],
    now: datetime,
    *,
    case: OfCase | None = None,
    all: Annotated[bool, Meta(description="also those answered")] = False,
    after: tuple[Instant, UUID] | None = None,
    limit: int = 50,
) -> list[StopEntry]:
    """What waits for the acting agency's answer in the cases that it leads, the soonest first; `after` is the (time to
    answer, stop) to go on from."""
    due, stop = after or (None, None)
    with db.cursor(row_factory=class_row(StopEntry)) as cursor:
        return cursor.execute(
            "SELECT stop, case_id AS case, heard_by, about, said_by, consent, recipients, compartments, purposes,"
            " recorded_at, answer_by,"
            " coalesce(answered_at, %(now)s) > answer_by AS overdue, greatest(raised - 1, 0) AS reminders, confirmed,"
            " answered_at, position FROM views.stop"
            " WHERE (%(all)s OR confirmed IS NULL) AND (%(case)s::uuid IS NULL OR case_id = %(case)s)"
            " AND (%(due)s::timestamptz IS NULL OR (answer_by, stop) > (%(due)s, %(stop)s::uuid))"
            " ORDER BY answer_by, stop LIMIT %(limit)s",
            {"now": now, "case": case, "all": all, "due": due, "stop": stop, "limit": limit},
        ).fetchall()


STOPS = Listing(
    "/stops",
    stops,
    StopEntry,
    "lists",
    readings.STOPS,
    cursor=lambda entry: (entry.answer_by, entry.stop),
    given={"now": now},
    name="list_stops",
)


def waiting(db: Connection[TupleRow], now: datetime, window: timedelta, highest: int) -> list[tuple[UUID, UUID]]:
    """(case, stop) of those of which it is to be raised now that they wait: once at once, then each time the window
    passes behind the time to answer. For followers."""
    return db.execute(
        "SELECT case_id, stop FROM views.stop WHERE confirmed IS NULL AND raised < %s"
        " AND CASE WHEN raised = 0 THEN said_at ELSE answer_by + (raised - 1) * %s::interval END <= %s"
        " ORDER BY answer_by",
        (highest, window, now),
    ).fetchall()
