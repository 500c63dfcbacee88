"""Who publishes what: shares of the agencies, leased in the database.

The database's clock counts, so publishers need not agree on the time; a publisher counts its own lease from before it
asked, so it holds itself to a little less.
"""

from uuid import uuid4

from ..database import Pool
from ..locks import Lock

HALTED = "SET LOCAL idle_in_transaction_session_timeout = '3s'"
"""The server ends the transaction of a process that was halted in the middle of it: others wait for its lock."""


class LeasedShares:
    """The shares of one publisher. Belongs to one thread."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._id = uuid4()

    def hold(self, most: int, seconds: float) -> frozenset[int]:
        """Keep what it has, take what is free, give back what is more than a fair part."""
        with self._pool.connection() as db, db.transaction():
            db.execute(HALTED)
            db.execute("SELECT pg_advisory_xact_lock(%s)", (Lock.SHARING_OUT,))
            db.execute("DELETE FROM delivery.publishers WHERE seen_at < now() - %s * interval '1 second'", (seconds,))
            db.execute(
                "INSERT INTO delivery.publishers VALUES (%s, now()) ON CONFLICT (id) DO UPDATE SET seen_at = now()",
                (self._id,),
            )
            row = db.execute("SELECT count(*) FROM delivery.publishers").fetchone()
            fair = -(-most // (row[0] if row else 1))
            db.execute(
                "INSERT INTO delivery.shares SELECT share, NULL, now() FROM generate_series(0, %s - 1) share"
                " ON CONFLICT DO NOTHING",
                (most,),
            )
            held = db.execute(
                "UPDATE delivery.shares SET publisher = %(id)s, until = now() + %(seconds)s * interval '1 second'"
                " WHERE share IN (SELECT share FROM delivery.shares WHERE share < %(most)s"
                " AND (publisher = %(id)s OR publisher IS NULL OR until < now())"
                " ORDER BY publisher IS DISTINCT FROM %(id)s, share LIMIT %(fair)s) RETURNING share",
                {"id": self._id, "seconds": seconds, "most": most, "fair": fair},
            ).fetchall()
            mine = [share for (share,) in held]
            db.execute(
                "UPDATE delivery.shares SET publisher = NULL WHERE publisher = %s AND share <> ALL(%s)",
                (self._id, mine),
            )
        return frozenset(mine)

    def others(self) -> bool:
        """Whether another publisher lives, as was seen when this one held its shares last."""
        with self._pool.connection() as db:
            row = db.execute("SELECT EXISTS (SELECT FROM delivery.publishers WHERE id <> %s)", (self._id,)).fetchone()
        return bool(row and row[0])

    def give_back(self) -> None:
        """Release everything: another need not wait for the leases to run out."""
        with self._pool.connection() as db, db.transaction():
            db.execute("UPDATE delivery.shares SET publisher = NULL WHERE publisher = %s", (self._id,))
            db.execute("DELETE FROM delivery.publishers WHERE id = %s", (self._id,))
