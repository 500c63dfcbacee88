"""What she asked about her data, and the lead has to answer, by a time, also where the file ended.
Her words stay sealed at the position that a row points to."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, LiteralString
from uuid import UUID

from msgspec import Meta, Struct
from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from ..domain.case.lead import LeadTransferAccepted
from ..domain.case.rights import RightAnswered, RightAsked, Rights, RightWaits, due
from ..domain.disclosure import Followed
from ..domain.standing import readings
from .erased import drop
from .listing import Instant, Listing, OfCase, now
from .projection import Tables


class RightEntry(Struct, frozen=True):
    """A request that the lead has to answer, or has answered."""

    right: UUID
    case: UUID
    kind: str
    heard_by: str
    said_by: list[str]
    recorded_at: datetime
    answer_by: datetime
    overdue: bool
    """It was answered late, or is not answered and is due."""
    reminders: int
    """How often the lead was reminded."""
    answer: str | None
    """Absent where nobody has answered yet."""
    answered_at: datetime | None
    position: int


class AskedRights:
    name = "rights"
    tables: Sequence[LiteralString] = ("asked_right",)
    by_case = True
    ddl: LiteralString = """
        CREATE TABLE asked_right (
          case_id uuid NOT NULL, "right" uuid NOT NULL, lead text NOT NULL, kind text NOT NULL, heard_by text NOT NULL,
          said_by text[] NOT NULL, recorded_at timestamptz NOT NULL, answer_by timestamptz NOT NULL,
          raise_at timestamptz NOT NULL, raised int NOT NULL DEFAULT 0, answer text, answered_at timestamptz,
          late boolean NOT NULL DEFAULT false, position bigint NOT NULL,
          PRIMARY KEY (case_id, "right")
        );
        CREATE INDEX ON asked_right (lead, answer_by, "right");
        CREATE INDEX ON asked_right (raise_at) WHERE answer IS NULL;
        ALTER TABLE asked_right ENABLE ROW LEVEL SECURITY;
        -- The lead's alone: it answers.
        CREATE POLICY own ON asked_right FOR SELECT TO rujukan_service
          USING (lead = current_setting('rujukan.agency', true));
        GRANT SELECT ON asked_right TO rujukan_service;
    """

    def fold(self, db: Tables, batch: Sequence[Followed]) -> None:
        for followed in batch:
            case, event, written = followed.case, followed.written.event, followed.written
            if case is None:
                continue
            match event:
                case RightAsked():
                    db.execute(
                        'INSERT INTO asked_right (case_id, "right", lead, kind, heard_by, said_by, recorded_at,'
                        " answer_by, raise_at, position) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                        (
                            written.stream,
                            event.right,
                            case.lead,
                            event.kind.value,
                            written.author,
                            sorted(by.value for by in event.said_by),
                            written.at,
                            event.answer_by,
                            due(case.of(Rights).asked[event.right]),
                            written.position,
                        ),
                    )
                case RightWaits():
                    next_at = due(case.of(Rights).asked[event.right])
                    db.execute(
                        'UPDATE asked_right SET raised = %s, raise_at = %s WHERE case_id = %s AND "right" = %s',
                        (event.level, next_at, written.stream, event.right),
                    )
                case RightAnswered():
                    db.execute(
                        "UPDATE asked_right SET answer = %s, answered_at = %s, late = %s"
                        ' WHERE case_id = %s AND "right" = %s',
                        (event.answer.value, written.at, not event.in_time, written.stream, event.right),
                    )
                case LeadTransferAccepted():
                    db.execute("UPDATE asked_right SET lead = %s WHERE case_id = %s", (case.lead, written.stream))
        drop(db, "asked_right", batch)


def rights(
    db: Connection[TupleRow],
    now: datetime,
    *,
    case: OfCase | None = None,
    all: Annotated[bool, Meta(description="also those answered")] = False,
    after: tuple[Instant, UUID] | None = None,
    limit: int = 50,
) -> list[RightEntry]:
    """What waits for the acting agency's answer in the cases that it leads, the soonest first; `after` is the (time to
    answer, request) to go on from."""
    by, right = after or (None, None)
    with db.cursor(row_factory=class_row(RightEntry)) as cursor:
        return cursor.execute(
            'SELECT "right", case_id AS case, kind, heard_by, said_by, recorded_at, answer_by,'
            " late OR (answer IS NULL AND %(now)s > answer_by) AS overdue, raised AS reminders, answer, answered_at,"
            " position FROM views.asked_right"
            " WHERE (%(all)s OR answer IS NULL) AND (%(case)s::uuid IS NULL OR case_id = %(case)s)"
            ' AND (%(by)s::timestamptz IS NULL OR (answer_by, "right") > (%(by)s, %(right)s::uuid))'
            ' ORDER BY answer_by, "right" LIMIT %(limit)s',
            {"now": now, "case": case, "all": all, "by": by, "right": right, "limit": limit},
        ).fetchall()


RIGHTS = Listing(
    "/rights",
    rights,
    RightEntry,
    "lists",
    readings.RIGHTS,
    cursor=lambda entry: (entry.answer_by, entry.right),
    given={"now": now},
    name="list_rights",
)


def to_raise(db: Connection[TupleRow], now: datetime) -> list[tuple[UUID, UUID]]:
    """(case, request) of those of which it is to be raised now that they wait. For followers."""
    return db.execute(
        'SELECT case_id, "right" FROM views.asked_right WHERE answer IS NULL AND raise_at <= %s ORDER BY raise_at',
        (now,),
    ).fetchall()
