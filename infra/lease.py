"""Leases: who does which work now, so that one works at a time, or each a share of its own.

A lease ends by the database's clock, so processes need not agree on the time. One that was halted past its end
(SIGSTOP, a machine that froze) is replaced within seconds. When it wakes, it finds another's name on the lease: what it
was about to commit begins with `keeps`, in the same transaction, and is refused.

Whoever works for longer between two commits says so in the middle of it (`renew`): somebody always stands by, and
would take the work from one that is only slow, begin it from the start, and lose it in the same way.

Between the end of a lease and the moment that another takes it nothing is lost: who is named on it goes on.
"""

import os
import platform
import time
from typing import Any
from uuid import uuid4

from psycopg import Connection
from psycopg.rows import TupleRow

from .locks import Lock

SECONDS = 3.0
"""How long a lease is, and at most how long nobody does the work of a process that was halted."""
LONGEST_SECONDS = 3_600.0
"""No lease is so long. One that says so was not written by a keeper, or by one whose clock was wrong: nobody would do
the work meanwhile. Nor has anybody been seen so far ahead."""
HALTED = "SET idle_in_transaction_session_timeout = '3s'; SET transaction_timeout = '20s'"
"""The server ends the transaction of a process that was halted in the middle of it: others wait for its locks. Where
half of a pipeline was sent (`executemany`), the server does not call it idle, and ends it by how long it lasts."""


class Lease:
    """The lease on some work, which may be parted into shares. Belongs to one thread."""

    def __init__(self, work: str, seconds: float = SECONDS) -> None:
        self.work = work
        self._seconds = seconds
        self._keeper = uuid4()
        self._renew_at = 0.0
        self._name = f"{platform.node()} {os.getpid()}"

    def hold(self, db: Connection[TupleRow], shares: int = 1) -> frozenset[int]:
        """Keep what it has, take what is free, give back what is more than a fair part of all shares; those it has."""
        about: dict[str, Any] = {
            "work": self.work,
            "keeper": self._keeper,
            "name": self._name,
            "seconds": self._seconds,
            "shares": shares,
            "longest": LONGEST_SECONDS,
        }
        with db.transaction():
            db.execute(FORGETTABLE)
            about["fair"] = self._fair(db, shares) if shares > 1 else 1
            held = _shares(db, about)
            if len(held) < about["fair"] and db.execute(_MAKE, about).rowcount:
                held = _shares(db, about)
            if shares > 1:
                db.execute(_RETURN, about | {"held": list(held)})
        return held

    def keeps(self, db: Connection[TupleRow], share: int = 0) -> bool:
        """First in a transaction that changes something: whether nobody took the lease since. Nobody does before that
        transaction ends."""
        about = {"work": self.work, "keeper": self._keeper, "seconds": self._seconds, "share": share}
        return bool(db.execute(_KEEP, about).rowcount)

    def renew(self, db: Connection[TupleRow]) -> bool:
        """Within work that may take long, as often as one likes: what it has stays its own. Whether it has anything
        still; the database is asked three times within a lease at most, and in between the answer is yes."""
        if time.monotonic() < self._renew_at:
            return True
        self._renew_at = time.monotonic() + self._seconds / 3
        about = {"work": self.work, "keeper": self._keeper, "seconds": self._seconds}
        return bool(db.execute(_RENEW, about).rowcount)

    def has_others(self, db: Connection[TupleRow]) -> bool:
        """Whether somebody else lives who would take a share, as was seen when this one held its own last."""
        about = {"work": self.work, "keeper": self._keeper}
        return db.execute(_OTHERS, about).fetchone() == (True,)

    def give_back(self, db: Connection[TupleRow]) -> None:
        """Another need not wait until it ends."""
        about = {"work": self.work, "keeper": self._keeper, "held": []}
        with db.transaction():
            db.execute(_RETURN, about)
            db.execute("DELETE FROM follow.keepers WHERE work = %(work)s AND keeper = %(keeper)s", about)

    def _fair(self, db: Connection[TupleRow], shares: int) -> int:
        """How many of the shares this keeper may hold: an equal part of them, rounded up, among those who were seen
        lately. It says first that it is here, and forgets who was not seen."""
        db.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (Lock.SHARING_OUT, self.work))
        about = {"work": self.work, "keeper": self._keeper, "seconds": self._seconds, "longest": LONGEST_SECONDS}
        db.execute(_FORGET, about)
        db.execute(_SEEN, about)
        row = db.execute("SELECT count(*) FROM follow.keepers WHERE work = %(work)s", about).fetchone()
        return -(-shares // (row[0] if row else 1))


def _shares(db: Connection[TupleRow], about: dict[str, Any]) -> frozenset[int]:
    return frozenset(share for (share,) in db.execute(_HOLD, about))


FORGETTABLE = "SET LOCAL synchronous_commit = off"
"""A crash of the server may take what it said last of leases: then whose name stands there is the keeper."""
_MAKE = (
    "INSERT INTO follow.leases (work, share) SELECT %(work)s, n FROM generate_series(0, %(shares)s - 1) n"
    " WHERE NOT EXISTS (SELECT FROM follow.leases l WHERE l.work = %(work)s AND l.share = n) ON CONFLICT DO NOTHING"
)
"""A row that is there is not tried: that would wait for its keeper's transaction."""
_HOLD = """
    WITH free AS MATERIALIZED (
      SELECT share FROM follow.leases WHERE work = %(work)s AND share < %(shares)s
          AND (keeper IS NULL OR keeper = %(keeper)s OR until < clock_timestamp()
            OR until > clock_timestamp() + %(longest)s * interval '1 second')
        ORDER BY keeper IS DISTINCT FROM %(keeper)s, share LIMIT %(fair)s FOR UPDATE SKIP LOCKED
    )
    UPDATE follow.leases l
       SET keeper = %(keeper)s, held_by = %(name)s, until = clock_timestamp() + %(seconds)s * interval '1 second'
      FROM free WHERE l.work = %(work)s AND l.share = free.share RETURNING l.share
"""
"""Materialized: a plan that asked for what is free once for each row would take more than the limit says."""
_RETURN = (
    "UPDATE follow.leases SET keeper = NULL, held_by = ''"
    " WHERE work = %(work)s AND keeper = %(keeper)s AND share <> ALL(%(held)s)"
)
_KEEP = """
    UPDATE follow.leases SET until = clock_timestamp() + %(seconds)s * interval '1 second'
     WHERE work = %(work)s AND share = %(share)s AND keeper = %(keeper)s
"""
_RENEW = """
    WITH seen AS (
      UPDATE follow.keepers SET seen_at = clock_timestamp() WHERE work = %(work)s AND keeper = %(keeper)s
    )
    UPDATE follow.leases SET until = clock_timestamp() + %(seconds)s * interval '1 second'
     WHERE work = %(work)s AND keeper = %(keeper)s
"""
_OTHERS = "SELECT EXISTS (SELECT FROM follow.keepers WHERE work = %(work)s AND keeper <> %(keeper)s)"
_FORGET = """
    DELETE FROM follow.keepers WHERE work = %(work)s AND (seen_at < now() - %(seconds)s * interval '1 second'
      OR seen_at > now() + %(longest)s * interval '1 second')
"""
_SEEN = (
    "INSERT INTO follow.keepers VALUES (%(work)s, %(keeper)s, now())"
    " ON CONFLICT (work, keeper) DO UPDATE SET seen_at = now()"
)
