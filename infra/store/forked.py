"""What stands in the database where its history forked: it does not go on from what is known outside of it.

A database that was restored to a point in time is consistent in itself. That what came behind was signed, and told to
agencies, only others know (ledger/forks.py, and the publisher by the topics). Who finds it out says so here, in
`ledger.forks`, and from then on nothing is stored, sealed or told by anybody: positions and numbers that stand for
something else elsewhere would be given again.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

REFUSED = "RU002"
"""The state of an SQL error that says that something was refused for this."""


class Forked(Exception):
    """The history in the database does not go on from what was signed, or told, before. The words name no content."""


Check = Callable[[Connection[TupleRow]], None]
"""Looks whether it does. Raises Forked."""


def check_marks(db: Connection[TupleRow]) -> None:
    """Raises Forked where somebody found it."""
    row = db.execute("SELECT why FROM ledger.forks ORDER BY since LIMIT 1").fetchone()
    if row is not None:
        raise Forked(row[0])


def mark(db: Connection[TupleRow], found_by: str, why: str) -> None:
    """Have it known to all. Where that cannot be written down, nothing else can."""
    with suppress(psycopg.Error), db.transaction():
        db.execute("INSERT INTO ledger.forks (found_by, why) VALUES (%s, %s) ON CONFLICT DO NOTHING", (found_by, why))


def clear(db: Connection[TupleRow], found_by: str) -> None:
    """Who found it finds it no more."""
    db.execute("DELETE FROM ledger.forks WHERE found_by = %s", (found_by,))


@contextmanager
def refused() -> Iterator[None]:
    """Raises Forked where the database refuses what is done inside because of a fork."""
    try:
        yield
    except psycopg.DatabaseError as problem:
        if problem.sqlstate != REFUSED:
            raise
        raise Forked("the history in this database does not go on from what was signed and told") from None
