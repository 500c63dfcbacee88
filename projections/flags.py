"""Flags: what must not be overlooked in an agency's cases, by date. When is in clear; what it is about stays
sealed at the position it points to."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, LiteralString
from uuid import UUID

from msgspec import Meta, Struct
from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from ..domain.case.flags import FlagLowered, FlagRaised
from ..domain.disclosure import Followed
from ..domain.standing import readings
from .erased import drop
from .listing import Listing, OfCase
from .projection import OWN_AGENCY, Tables


class FlagEntry(Struct, frozen=True):
    """A flag, as an agency that sees it has it."""

    flag: UUID
    case: UUID
    raised_by: str
    due_on: date
    lowered: bool
    position: int


class RaisedFlags:
    name = "flags"
    tables: Sequence[LiteralString] = ("flag",)
    by_case = True
    ddl: LiteralString = f"""
        CREATE TABLE flag (
          agency text NOT NULL, flag uuid NOT NULL, case_id uuid NOT NULL, raised_by text NOT NULL,
          due_on date NOT NULL, lowered boolean NOT NULL DEFAULT false, position bigint NOT NULL,
          PRIMARY KEY (case_id, flag, agency)
        );
        CREATE INDEX ON flag (agency, due_on, flag);
        ALTER TABLE flag ENABLE ROW LEVEL SECURITY;
        CREATE POLICY own ON flag FOR SELECT TO rujukan_service USING ({OWN_AGENCY});
        GRANT SELECT ON flag TO rujukan_service;
    """

    def fold(self, db: Tables, batch: Sequence[Followed]) -> None:
        for followed in batch:
            for told in followed.tell:  # also of earlier events, to who learns of them later
                event, written = told.of.event, told.of
                match event:
                    case FlagRaised():
                        db.execute(
                            "INSERT INTO flag (agency, flag, case_id, raised_by, due_on, position)"
                            " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                            (told.agency, event.flag, written.stream, event.raised_by, event.due_on, written.position),
                        )
                    case FlagLowered():
                        db.execute(
                            "UPDATE flag SET lowered = true WHERE case_id = %s AND flag = %s AND agency = %s",
                            (written.stream, event.flag, told.agency),
                        )
        drop(db, "flag", batch)


def flags(
    db: Connection[TupleRow],
    *,
    case: OfCase | None = None,
    all: Annotated[bool, Meta(description="also those lowered")] = False,
    after: tuple[date, UUID] | None = None,
    limit: int = 50,
) -> list[FlagEntry]:
    """The acting agency's flags, the soonest first; `after` is the (date, flag) to go on from."""
    due, flag = after or (None, None)
    with db.cursor(row_factory=class_row(FlagEntry)) as cursor:
        return cursor.execute(
            "SELECT flag, case_id AS case, raised_by, due_on, lowered, position FROM views.flag"
            " WHERE (%(all)s OR NOT lowered) AND (%(case)s::uuid IS NULL OR case_id = %(case)s)"
            " AND (%(due)s::date IS NULL OR (due_on, flag) > (%(due)s, %(flag)s::uuid))"
            " ORDER BY due_on, flag LIMIT %(limit)s",
            {"case": case, "all": all, "due": due, "flag": flag, "limit": limit},
        ).fetchall()


FLAGS = Listing(
    "/flags",
    flags,
    FlagEntry,
    "lists",
    readings.FLAGS,
    cursor=lambda entry: (entry.due_on, entry.flag),
    mine=True,
)
