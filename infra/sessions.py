"""Refuses to work through a pooler that hands a session of the server to whoever begins a transaction (PgBouncer's
`pool_mode=transaction` or `statement`): LISTEN, prepared statements, settings and locks of a session would be somebody
else's, most requests would fail, and locks would stay behind that nobody holds."""

from contextlib import closing

from psycopg import Connection
from psycopg.errors import ProtocolViolation
from psycopg.rows import TupleRow

from .database import connect

ROUNDS = 10
"""How often it is looked where something stands between. Others may be served meanwhile, so once may tell nothing."""


class SessionsShared(Exception):
    """No session is one's own. The words name nothing secret."""

    def __init__(self) -> None:
        super().__init__(
            "a pooler stands before the database, in which a session is not one's own (PgBouncer: pool_mode=transaction"
            " or statement). Name the database itself in RUJUKAN_DATABASE, or set pool_mode=session"
        )


def check_sessions(conninfo: str) -> None:
    """Two connections, of which one is in a transaction: where sessions are shared, that has the other's, and the other
    is given a new one. Raises SessionsShared, and what says that the database is away."""
    with closing(connect(conninfo)) as first, closing(connect(conninfo)) as second:
        for _ in range(ROUNDS):
            mine = _session(first)
            try:
                with second.transaction():
                    its = _session(second)
                    again = _session(first)
            except ProtocolViolation:  # no transactions at all
                raise SessionsShared from None
            if its == mine or again != mine:
                raise SessionsShared
            if mine == first.info.backend_pid:
                return  # nothing stands between


def _session(db: Connection[TupleRow]) -> int:
    """The server's process that serves this connection now."""
    (pid,) = db.execute("SELECT pg_backend_pid()").fetchone() or (0,)
    return int(pid)
