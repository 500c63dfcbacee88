"""How everybody's work goes, as the database says it, on a connection and a thread of its own: who asks holds up
nobody, and a database that hangs holds up this one thread."""

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from threading import Lock
from typing import ClassVar

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow, tuple_row

from ...api.application.vitals import Follower, Vitals, Writing
from ..database import Answering, patient
from ..delivery.facts import LATE
from ..delivery.shares import WORK as PUBLISHING
from ..ledger.store import waited
from ..store.given import GIVEN
from ..store.group_commit import GroupCommit

log = logging.getLogger(__name__)

FRESH_SECONDS = 0.25
"""An answer is given again for so long: who asks often costs the database no more."""


class _Looking(Answering[TupleRow]):
    seconds: ClassVar[float] = 5.0


class ApiVitals:
    """What this process's writer, and the database, say. Safe to share between threads."""

    def __init__(self, conninfo: str, writer: GroupCommit) -> None:
        self._conninfo = patient(conninfo)
        self._writer = writer
        self._thread = ThreadPoolExecutor(1, "vitals")
        self._lock = Lock()
        self._last: Future[Vitals] | None = None
        self._fresh_until = 0.0
        self._db: Connection[TupleRow] | None = None

    def look(self) -> "Future[Vitals]":
        with self._lock:
            if self._last is None or (self._last.done() and time.monotonic() > self._fresh_until):
                self._last = self._thread.submit(self._look)
            return self._last

    def writing(self) -> Writing:
        return Writing(*self._writer.state())

    def close(self) -> None:
        """Look no more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _look(self) -> Vitals:
        try:
            if self._db is None or self._db.closed:
                self._db = _Looking.connect(self._conninfo, autocommit=True, row_factory=tuple_row)
            return vitals(self._db, time.time())
        except Exception as problem:
            log.warning("not known how everybody is: %s", type(problem).__name__)
            if self._db is not None:
                self._db.close()
            raise
        finally:
            self._fresh_until = time.monotonic() + FRESH_SECONDS


def vitals(db: Connection[TupleRow], now: float) -> Vitals:
    """How everybody is. Raises what breaks the connection."""
    followers: dict[str, list[Follower]] = {"view": [], "register": [], "ledger": []}
    for kind, name, shard, position, behind, waiting, why, by, unkept in db.execute(_FOLLOWERS, binary=True):
        age = waited(waiting, now) if waiting is not None else 0
        followers[kind].append(Follower(name, shard, position, behind, age, why, by, unkept))
    sealed, damaged, forks, unshared = _one(db, _MORE, (LATE, PUBLISHING))
    told_at, emergency_at, unconfirmed_at = _unpublished(db)
    since = _age_at(now)
    return Vitals(
        followers["view"],
        followers["register"][0],
        followers["ledger"][0],
        sealed,
        damaged,
        since(told_at),
        since(emergency_at),
        since(unconfirmed_at),
        forks,
        unshared,
    )


def _unpublished(db: Connection[TupleRow]) -> TupleRow:
    try:
        return _one(db, "SELECT told_at, emergency_at, unconfirmed_at FROM views.unpublished()")
    except psycopg.errors.UndefinedTable:
        return (None, None, None)  # the read models are not made yet


def _one(db: Connection[TupleRow], query: str, about: Sequence[object] = ()) -> TupleRow:
    row = db.execute(query, about).fetchone()
    assert row is not None
    return row


def _age_at(now: float) -> Callable[[datetime | None], int]:
    return lambda since: max(0, int((now - since.timestamp()) * 1000)) if since is not None else 0


AHEAD = "it says that it is ahead of the log"
_UNKEPT = """CASE WHEN isfinite({0}.until) AND {0}.until < clock_timestamp()
      THEN (extract(epoch FROM clock_timestamp() - {0}.until) * 1000)::int8 ELSE 0 END"""
"""How long ago a lease ended, ms: also one that was given back, and that nobody took."""
UNFIT = "the row that says where it is is not as it was written"
_FOLLOWERS = f"""
    WITH head AS (SELECT coalesce(max(notification_id), 0) AS position FROM log.stored_events WHERE {GIVEN}),
    followers AS (
      SELECT 'view' AS kind, name, shard, position,
          CASE WHEN u.how IS NOT NULL THEN '{UNFIT}' WHEN stopped_at IS NOT NULL THEN coalesce(why, '?') END AS why,
          'views' AS work
        FROM follow.processors p LEFT JOIN follow.unfit u
          ON u.of_table = 'follow.processors' AND u.of_row = p.name || ' live ' || p.shard AND u.how = 'stands'
        WHERE live
      UNION ALL SELECT 'register', 'register', 0, position, NULL, 'register' FROM delivery.reached
      UNION ALL SELECT 'ledger', 'ledger', 0,
        coalesce((SELECT last_position FROM ledger.batches ORDER BY first_leaf DESC LIMIT 1), 0), NULL, 'sealing'
    )
    SELECT f.kind, f.name, f.shard, f.position, greatest(0, h.position - f.position),
      (SELECT state FROM log.stored_events WHERE notification_id > f.position AND {GIVEN}
        ORDER BY notification_id LIMIT 1),
      CASE WHEN f.position > h.position THEN '{AHEAD}' ELSE coalesce(f.why, '') END,
      CASE WHEN l.keeper IS NOT NULL AND l.until > clock_timestamp() THEN l.held_by ELSE '' END,
      {_UNKEPT.format("l")}
    FROM head h, followers f LEFT JOIN follow.leases l ON l.work = f.work AND l.share = f.shard
    ORDER BY f.kind, f.name, f.shard
"""
_MORE = f"""
    SELECT coalesce((SELECT lag_ms FROM ledger.batches ORDER BY first_leaf DESC LIMIT 1), 0),
      (SELECT count(*) FROM delivery.damaged WHERE repaired_at IS NULL) + delivery.unsent(%s) + delivery.unfit_rows()
        + delivery.met_count() + (SELECT count(*) FROM follow.unfit),
      (SELECT count(*) FROM ledger.forks),
      coalesce((SELECT max({_UNKEPT.format("s")}) FROM follow.leases s WHERE s.work = %s), 0)
"""
