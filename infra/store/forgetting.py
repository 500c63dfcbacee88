"""Idempotency keys are good for a stated time, then they are forgotten, a piece at a time."""

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
