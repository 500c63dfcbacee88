"""How many events the log has up to a position, without counting all of it each time: who makes a bundle holds it
against the number that was sealed.

Whole blocks of positions are counted once while the process lives; what a question asks beyond them is counted then.
A row that goes afterwards is not missed here: of what is shown each is opened when it is shown (indexed.py), and so
found. What was taken back for good (`rujukan recover`) is counted anew, and so is all of it where who asks says so: a
row that was gone may have been put back.
"""

from array import array
from threading import Lock

from .event_store import EventStore
from .given import GIVEN
from .indexed import recoveries

BLOCK = 1_024
"""Positions, of which some may have no event."""


class EventCounts:
    """Counts. Safe to share between threads."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._lock = Lock()
        self._recoveries = -1
        self._upto = array("Q")
        """How many events there are up to the end of each block, from the first on."""

    def upto(self, position: int, *, anew: bool = False) -> int:
        """How many events have that position or a lower one."""
        with self._lock:
            if (now := recoveries(self._store)) != self._recoveries or anew:
                self._recoveries, self._upto = now, array("Q")
            self._count_blocks()
            whole = min((position + 1) // BLOCK, len(self._upto))
            known = self._upto[whole - 1] if whole else 0
        with self._store.pool.connection() as db:
            (more,) = db.execute(_BETWEEN, (whole * BLOCK, position)).fetchone() or (0,)
        return known + int(more)

    def _count_blocks(self) -> None:
        """Those in which no event can come any more: positions are given in the order of commits."""
        first = len(self._upto)
        blocks = (self._store.head() + 1) // BLOCK
        if blocks <= first:
            return
        with self._store.pool.connection() as db:
            of: dict[int, int] = dict(db.execute(_BLOCKS, (BLOCK, first * BLOCK, blocks * BLOCK)).fetchall())
        count = self._upto[-1] if first else 0
        for block in range(first, blocks):
            count += of.get(block, 0)
            self._upto.append(count)


_BLOCKS = (
    "SELECT notification_id / %s, count(*) FROM log.stored_events"
    f" WHERE notification_id >= %s AND notification_id < %s AND {GIVEN} GROUP BY 1"
)
_BETWEEN = "SELECT count(*) FROM log.stored_events WHERE notification_id >= %s AND notification_id <= %s"
