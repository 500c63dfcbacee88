"""Marks: how far each agency is with all that it was told."""

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString, NamedTuple

from psycopg import Connection
from psycopg.rows import TupleRow

from ..domain.delivery import Acknowledged
from ..domain.disclosure import Followed
from .projection import OWN_AGENCY, Tables


class Progress(NamedTuple):
    """How far an agency is, for the operator. `head` is what it was told."""

    agency: str
    head: int
    received: int
    handled: int
    failed: int
    acknowledged_at: datetime | None


class DeliveryMarks:
    name = "marks"
    tables: Sequence[LiteralString] = ("delivery_mark",)
    by_case = False
    ddl: LiteralString = f"""
        CREATE TABLE delivery_mark (
          agency text PRIMARY KEY, received bigint NOT NULL, handled bigint NOT NULL, failed int NOT NULL,
          acknowledged_at timestamptz NOT NULL
        );
        ALTER TABLE delivery_mark ENABLE ROW LEVEL SECURITY;
        CREATE POLICY own ON delivery_mark FOR SELECT TO rujukan_service USING ({OWN_AGENCY});
        GRANT SELECT ON delivery_mark TO rujukan_service;
    """

    def fold(self, db: Tables, batch: Sequence[Followed]) -> None:
        for followed in batch:
            event = followed.written.event
            if isinstance(event, Acknowledged):
                waiting = len(event.failed) - len(event.recovered)
                db.execute(_MARK, (event.agency, event.received, event.handled, waiting, followed.written.at))


def marks(db: Connection[TupleRow]) -> tuple[int, int]:
    """(received, handled) of the acting agency, as far as the log was folded; 0 where nothing was acknowledged."""
    row = db.execute(
        "SELECT received, handled FROM views.delivery_mark WHERE agency = current_setting('rujukan.agency', true)"
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def progress(db: Connection[TupleRow]) -> list[Progress]:
    """How far every agency is that was told something. For followers."""
    return [
        Progress(*row)
        for row in db.execute(
            "SELECT a.code, h.sequence, coalesce(m.received, 0), coalesce(m.handled, 0), coalesce(m.failed, 0),"
            " m.acknowledged_at FROM views.agency a JOIN delivery.heads h ON h.agency = a.code"
            " LEFT JOIN views.delivery_mark m ON m.agency = a.code ORDER BY a.code"
        )
    ]


_MARK: LiteralString = """
    INSERT INTO delivery_mark (agency, received, handled, failed, acknowledged_at) VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (agency) DO UPDATE SET received = excluded.received, handled = excluded.handled,
      failed = delivery_mark.failed + excluded.failed, acknowledged_at = excluded.acknowledged_at
"""
