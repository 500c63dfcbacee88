"""Who waits until the read models took in a position: without a connection, and without asking again and again.

The database rings whenever something was folded; one connection of the process listens, and asks for the lowest
position that is waited for. A ring may be lost, so it looks by itself at times.
"""

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from heapq import heapify, heappush
from itertools import count
from operator import ge, le
from threading import Event, Lock, Thread
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from ...api.application.ports import Behind
from ...projections import FOLDED, Reach
from ..database import connect

LOOK_SECONDS = 1.0
AGAIN_SECONDS = 0.5
"""How long after a connection broke the next one is tried."""


class WaitingRoom:
    """All who wait in one process. Safe to share between threads."""

    def __init__(
        self, conninfo: str, reach: Callable[[Connection[TupleRow], int, UUID | None], Reach], stop: Event
    ) -> None:
        """`reach` says whether the read models took in a position, of one case or of all. It listens from when first
        somebody waits until told to stop."""
        self._conninfo = conninfo
        self._reach = reach
        self._stop = stop
        self._lock = Lock()
        self._waiting: dict[UUID | None, list[tuple[int, int, Future[None]]]] = {}
        """Case, or None for all → (position, number, who waits), a heap."""
        self._numbers = count()
        self._listening: Thread | None = None

    def __len__(self) -> int:
        """How many wait."""
        with self._lock:
            return sum(not coming.done() for queue in self._waiting.values() for _, _, coming in queue)

    def expect(self, position: int, case: UUID | None = None) -> "Future[None]":
        """Done once the read models took in that position; raises Behind where one is stopped before it. Look for
        yourself after this call: a ring before it is not heard. Who waits no longer cancels it."""
        coming: Future[None] = Future()
        with self._lock:
            heappush(self._waiting.setdefault(case, []), (position, next(self._numbers), coming))
            if self._listening is None:
                self._listening = Thread(target=self._listen, name="waiting-room", daemon=True)
                self._listening.start()
        return coming

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                with connect(self._conninfo) as db:
                    db.execute(f"LISTEN {FOLDED}")
                    while not self._stop.is_set():
                        self._look(db)
                        for _ in db.notifies(timeout=LOOK_SECONDS, stop_after=1):
                            pass
            except psycopg.Error:
                self._stop.wait(AGAIN_SECONDS)

    def _look(self, db: Connection[TupleRow]) -> None:
        """Tell those whose position was reached; of each case the lowest first, so one question more than there are of
        them."""
        with self._lock:
            cases = list(self._waiting)
        for of in cases:
            while (lowest := self._lowest(of)) is not None:
                match self._reach(db, lowest, of):
                    case Reach.THERE:
                        self._tell(of, partial(ge, lowest))
                    case Reach.STANDING:  # and before all that lies behind it
                        self._tell(of, partial(le, lowest), Behind())
                    case Reach.COMING:
                        break

    def _tell(self, case: UUID | None, which: Callable[[int], bool], problem: Exception | None = None) -> None:
        """Who waits for one of these positions waits no longer."""
        with self._lock:
            queue = self._waiting.get(case, [])
            told = [coming for at, _, coming in queue if which(at)]
            queue[:] = [each for each in queue if not which(each[0])]
            heapify(queue)
        for coming in told:
            if coming.set_running_or_notify_cancel():
                if problem is None:
                    coming.set_result(None)
                else:
                    coming.set_exception(problem)

    def _lowest(self, case: UUID | None) -> int | None:
        """The lowest position that somebody still waits for."""
        with self._lock:
            queue = [each for each in self._waiting.get(case, ()) if not each[2].cancelled()]
            heapify(queue)
            if not queue:
                self._waiting.pop(case, None)
                return None
            self._waiting[case] = queue
            return queue[0][0]
