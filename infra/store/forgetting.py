"""Idempotency keys are good for a stated time, then they are forgotten, a piece at a time. And documents that no event
names are dropped: the process that took one in was killed before it stored what names it."""

from datetime import timedelta
from threading import Event

from ..database import Pool

PIECE = 1_000
"""So many are deleted in one transaction: whoever appends with a key waits for no longer."""
PAUSE_SECONDS = 0.2
LOOK_SECONDS = 600.0


def forget_keys(pool: Pool, older_than: timedelta) -> int:
    """Forget a piece of the idempotency keys that are older, the oldest first; how many. For followers."""
    with pool.connection() as db:
        row = db.execute("SELECT log.forget_idempotency_keys(%s, %s)", (older_than, PIECE)).fetchone()
    return int(row[0]) if row else 0


def keep_forgetting(pool: Pool, older_than: timedelta, stop: Event) -> None:
    """Forget those that are older until told to stop."""
    while not stop.is_set():
        stop.wait(PAUSE_SECONDS if forget_keys(pool, older_than) == PIECE else LOOK_SECONDS)


ABANDONED = timedelta(hours=1)
"""A document is named within the seconds that a request has, or never."""
DROPPED_AT_ONCE = 20


def drop_documents(pool: Pool, older_than: timedelta = ABANDONED) -> int:
    """Drop a piece of the documents that nobody named in so long, the oldest first; how many. For followers."""
    with pool.connection() as db:
        row = db.execute("SELECT log.drop_abandoned_documents(%s, %s)", (older_than, DROPPED_AT_ONCE)).fetchone()
    return int(row[0]) if row else 0


def keep_dropping(pool: Pool, stop: Event) -> None:
    """Drop those that nobody named until told to stop."""
    while not stop.is_set():
        stop.wait(PAUSE_SECONDS if drop_documents(pool) == DROPPED_AT_ONCE else LOOK_SECONDS)
