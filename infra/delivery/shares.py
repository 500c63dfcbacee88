"""Who publishes what: shares of the agencies, under the lease of all work (infra/lease.py).

One thing differs: what a publisher does, no transaction of the database protects. So it holds itself to its lease,
which it counts from before it asked; and who takes a share over makes the broker refuse who had it before.
"""

from psycopg import Connection
from psycopg.rows import TupleRow

from ..database import connect
from ..lease import HALTED, SECONDS, Lease

WORK = "publishing"
"""The lease under which the agencies are shared out."""


class LeasedShares:
    """The shares of one publisher, on a connection of its own. Belongs to one thread; who is done with it closes it."""

    def __init__(self, conninfo: str, seconds: float = SECONDS) -> None:
        self._conninfo = conninfo
        self._lease = Lease(WORK, seconds)
        self._db: Connection[TupleRow] | None = None

    def hold(self, most: int) -> frozenset[int]:
        return self._lease.hold(self._connected(), most)

    def others(self) -> bool:
        return self._lease.has_others(self._connected())

    def give_back(self) -> None:
        self._lease.give_back(self._connected())

    def close(self) -> None:
        """Hang up."""
        if self._db is not None:
            self._db.close()

    def _connected(self) -> Connection[TupleRow]:
        if self._db is None or self._db.closed:
            self._db = connect(self._conninfo)
            self._db.execute(HALTED)
        return self._db
