"""The case timeline: what an agency was told of a case, in order. The content stays sealed in the log;
a row says where it stands there and which compartments the agency was told."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from msgspec import Struct
from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from ..domain.casefile.entries import struck_in
from ..domain.casefile.state import compartments_named
from ..domain.compartment import Compartment
from ..domain.disclosure import Followed, Told
from ..domain.erasure import ErasureRecorded
from .erased import drop
from .projection import OWN_AGENCY, Tables


class TimelineRow(Struct, frozen=True):
    """One event of a case, as far as the agency was told of it."""

    position: int
    version: int
    topic: str
    occurred_at: datetime
    recorded_at: datetime
    author: str
    compartments: list[int]
    struck_by: int | None = None
    """The number of the entry that says that this one was wrong."""


class Timeline:
    name = "timeline"
    tables: Sequence[LiteralString] = ("timeline",)
    by_case = True
    ddl: LiteralString = f"""
        CREATE TABLE timeline (
          agency text NOT NULL, case_id uuid NOT NULL, position bigint NOT NULL, version int NOT NULL,
          topic text NOT NULL, occurred_at timestamptz NOT NULL, recorded_at timestamptz NOT NULL,
          author text NOT NULL, compartments smallint[] NOT NULL, struck_by int,
          PRIMARY KEY (agency, position)
        );
        CREATE INDEX ON timeline (agency, case_id, version);
        ALTER TABLE timeline ENABLE ROW LEVEL SECURITY;
        CREATE POLICY own ON timeline FOR SELECT TO rujukan_service USING ({OWN_AGENCY});
        GRANT SELECT ON timeline TO rujukan_service;
    """

    def fold(self, db: Tables, batch: Sequence[Followed]) -> None:
        told: dict[tuple[str, int], tuple[Told, frozenset[Compartment]]] = {}
        struck: list[tuple[int, UUID, int, str]] = []
        for followed in batch:
            for t in followed.tell:
                _, before = told.get((t.agency, t.of.position), (t, frozenset()))
                told[t.agency, t.of.position] = t, before | t.compartments
                if (number := struck_in(t.of.event)) is not None:
                    struck.append((t.of.version, t.of.stream, number, t.agency))
        if told:
            self._upsert(db, told)
        if struck:
            db.executemany(_STRUCK, struck)
        drop(db, "timeline", batch)
        for record in (f.written.event for f in batch):
            if isinstance(record, ErasureRecorded):
                gone = [int(c) for c in compartments_named(record.compartments)]
                db.execute(_FORGET, {"case": record.case, "gone": gone})
                db.execute("DELETE FROM timeline WHERE case_id = %s AND compartments = '{}'", (record.case,))

    def _upsert(self, db: Tables, told: Mapping[tuple[str, int], tuple[Told, frozenset[Compartment]]]) -> None:
        rows = [
            (
                t.agency,
                t.of.stream,
                t.of.position,
                t.of.version,
                t.of.topic,
                t.of.event.occurred_at,
                t.of.at,
                t.of.author,
                "{" + ",".join(str(int(c)) for c in sorted(compartments)) + "}",
            )
            for t, compartments in told.values()
        ]
        db.execute(_UPSERT, [list(column) for column in zip(*rows, strict=True)], binary=True)


def entries(db: Connection[TupleRow], case: UUID, *, after: int = 0, limit: int = 100) -> list[TimelineRow]:
    """What the acting agency was told of a case, in the case's order; `after` is the version to go on from."""
    with db.cursor(row_factory=class_row(TimelineRow)) as cursor:
        return cursor.execute(
            "SELECT position, version, topic, occurred_at, recorded_at, author, compartments, struck_by"
            " FROM views.timeline"
            " WHERE case_id = %s AND version > %s ORDER BY version LIMIT %s",
            (case, after, limit),
        ).fetchall()


def told(db: Connection[TupleRow], position: int) -> frozenset[Compartment]:
    """What the acting agency was told of the event at a position."""
    row = db.execute("SELECT compartments FROM views.timeline WHERE position = %s", (position,)).fetchone()
    return frozenset(Compartment(c) for c in row[0]) if row else frozenset()


_STRUCK: LiteralString = "UPDATE timeline SET struck_by = %s WHERE case_id = %s AND version = %s AND agency = %s"

_FORGET: LiteralString = """
    UPDATE timeline SET compartments = ARRAY(
      SELECT c FROM unnest(compartments) AS c WHERE c <> ALL (%(gone)s::smallint[]) ORDER BY c)
    WHERE case_id = %(case)s AND compartments && %(gone)s::smallint[]
"""

_UPSERT: LiteralString = """
    INSERT INTO timeline (agency, case_id, position, version, topic, occurred_at, recorded_at, author, compartments)
    SELECT a, c, p, v, t, o, r, w, k::smallint[]
      FROM unnest(%b::text[], %b::uuid[], %b::bigint[], %b::int[], %b::text[], %b::timestamptz[], %b::timestamptz[],
        %b::text[], %b::text[]) AS x (a, c, p, v, t, o, r, w, k)
    ON CONFLICT (agency, position) DO UPDATE SET compartments =
      (SELECT array_agg(DISTINCT c) FROM unnest(timeline.compartments || excluded.compartments) AS c)
"""
