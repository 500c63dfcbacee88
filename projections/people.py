"""Who is in which case, by a keyed hash of the national identity number: to find that a person has a case already.
Only agencies that were told the identity have a row; without the service's secret the hash tells nothing."""

from collections.abc import Sequence
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from ..domain.case.identity import IdentityFacts
from ..domain.compartment import Compartment
from ..domain.disclosure import Followed
from .erased import drop
from .projection import OWN_AGENCY, Tables


class People:
    name = "people"
    tables: Sequence[LiteralString] = ("person",)
    by_case = True
    ddl: LiteralString = f"""
        CREATE TABLE person (
          agency text NOT NULL, nik_index text NOT NULL, case_id uuid NOT NULL,
          PRIMARY KEY (agency, nik_index, case_id)
        );
        ALTER TABLE person ENABLE ROW LEVEL SECURITY;
        CREATE POLICY own ON person FOR SELECT TO rujukan_service USING ({OWN_AGENCY});
        GRANT SELECT ON person TO rujukan_service;
    """

    def fold(self, db: Tables, batch: Sequence[Followed]) -> None:
        rows: dict[tuple[Any, ...], None] = {}
        for followed in batch:
            for told in followed.tell:
                event = told.of.event
                if isinstance(event, IdentityFacts) and event.nik_index and Compartment.IDENTITY in told.compartments:
                    rows[told.agency, event.nik_index, told.of.stream] = None
        if rows:
            db.execute(
                "INSERT INTO person SELECT * FROM unnest(%b::text[], %b::text[], %b::uuid[]) ON CONFLICT DO NOTHING",
                [list(column) for column in zip(*rows, strict=True)],
                binary=True,
            )
        drop(db, "person", batch, Compartment.IDENTITY)


def cases_of(db: Connection[TupleRow], nik_index: str) -> list[UUID]:
    """The cases in which the acting agency was told of a person with that number."""
    rows = db.execute("SELECT case_id FROM views.person WHERE nik_index = %s ORDER BY case_id", (nik_index,))
    return [case for (case,) in rows]
