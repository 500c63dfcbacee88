"""Connections to PostgreSQL: the one home of pools."""

from collections.abc import Iterator
from contextlib import contextmanager

from eventsourcing.persistence import PersistenceError
from psycopg import Connection, InterfaceError, OperationalError
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool, PoolTimeout

Pool = ConnectionPool[Connection[TupleRow]]

AWAY = (OperationalError, InterfaceError, PersistenceError, PoolTimeout)
"""What it looks like when the database is away."""

SERVICE = "rujukan_service"
"""The API's role: it appends through `log.append_events`, and reads under row-level security."""
FOLLOWER = "rujukan_follower"
"""The followers' role: it reads the log, and owns the read models."""


def as_role(conninfo: str, role: str) -> str:
    """The same database, under another role, without the owner's password: peer or trust authentication, or
    libpq's passfile (PGPASSFILE), lets it in."""
    about = {name: value for name, value in conninfo_to_dict(conninfo).items() if name != "password"}
    return make_conninfo("", **{**about, "user": role})


def pool(conninfo: str, size: int, name: str) -> Pool:
    """A pool of up to `size` connections in autocommit mode, opened as needed, that heals when the server returns."""
    return ConnectionPool(
        conninfo,
        min_size=1,
        max_size=size,
        name=name,
        kwargs={"autocommit": True, "prepare_threshold": 2},
        open=True,
        timeout=20,
        reconnect_timeout=60,
        max_idle=300,
        check=None,
    )


@contextmanager
def acting_for(pool: Pool, agency: str) -> Iterator[Connection[TupleRow]]:
    """A connection that sees that agency's rows only, in a transaction."""
    with pool.connection() as db, db.transaction():
        db.execute("SELECT set_config('rujukan.agency', %s, true)", (agency,))
        yield db
