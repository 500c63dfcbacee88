"""Waiting for something to be told, without a thread or a connection: hundreds of streams and long-polls wait as
asyncio events, which one bell of the process sets; what they then have to look up, a few threads of their own do, so
that commands never wait for them.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import RLock
from typing import ParamSpec, TypeVar
from uuid import UUID

from ..domain.fact import AgencyCode
from .problems import TooMany

LOOKERS = 4
"""Threads that read and seal for all who subscribe; the feed has as many connections of its own."""
MOST_OF_AN_AGENCY = 32
"""Streams and long-polls that an agency may have open with one API process."""
MOST = 2_000
"""The same for all agencies together."""

P = ParamSpec("P")
T = TypeVar("T")


class Places:
    """How many of something a person, an agency and all together may have open in one process."""

    def __init__(self, limits: Callable[[], tuple[int, int, int]], what: str) -> None:
        """`limits` says how many an agency, a person and all may have; `what` names them."""
        self._limits, self._what = limits, what
        self._lock = RLock()  # a signal may come in the middle of what the same thread does
        self._agencies: Counter[AgencyCode] = Counter()
        self._people: Counter[tuple[AgencyCode, UUID | None]] = Counter()

    def take(self, agency: AgencyCode, person: UUID | None = None) -> None:
        """Count one more, until `leave`. Raises TooMany."""
        of_an_agency, of_a_person, most = self._limits()
        with self._lock:
            if self._people[agency, person] >= of_a_person:
                raise TooMany(f"{self._people[agency, person]} {self._what} of this caller are open; close one first.")
            if self._agencies[agency] >= of_an_agency or self._agencies.total() >= most:
                raise TooMany(f"{self._agencies[agency]} {self._what} of this agency are open; close one first.")
            self._agencies[agency] += 1
            self._people[agency, person] += 1

    def leave(self, agency: AgencyCode, person: UUID | None = None) -> None:
        """It ended."""
        with self._lock:
            self._agencies[agency] -= 1
            self._people[agency, person] -= 1
            if not self._people[agency, person]:
                del self._people[agency, person]
            if not self._agencies[agency]:
                del self._agencies[agency]

    @contextmanager
    def place(self, agency: AgencyCode, person: UUID | None = None) -> Iterator[None]:
        """`take`, and `leave` at the end."""
        self.take(agency, person)
        try:
            yield
        finally:
            self.leave(agency, person)


class Waiting:
    """Who waits for what, in one process."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LOOKERS, "feed")
        self._lock = RLock()  # a signal may close it in the middle of what the same thread does
        self._waiters: dict[asyncio.Event, tuple[AgencyCode, asyncio.AbstractEventLoop]] = {}
        self.places = Places(lambda: (MOST_OF_AN_AGENCY, MOST_OF_AN_AGENCY, MOST), "subscriptions")
        self.closed = False

    def close(self) -> None:
        """End what waits: the process is about to stop."""
        self.closed = True
        self.ring(None)

    async def look(self, call: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """What the call answers, made on one of the few threads."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: call(*arguments, **named))

    @contextmanager
    def listening(self, agency: AgencyCode) -> Iterator[asyncio.Event]:
        """An event that is set whenever something may have been told to the agency. Look for what was told after
        entering, and what comes behind your look is not missed."""
        event = asyncio.Event()
        with self._lock:
            self._waiters[event] = agency, asyncio.get_running_loop()
        try:
            yield event
        finally:
            with self._lock:
                del self._waiters[event]

    def ring(self, agencies: frozenset[AgencyCode] | None) -> None:
        """Something was told to these agencies; None: to whom is not known. From any thread."""
        with self._lock:
            woken = [(e, loop) for e, (a, loop) in self._waiters.items() if agencies is None or a in agencies]
        for event, loop in woken:
            with suppress(RuntimeError):  # that loop is closed: nobody waits there any more
                loop.call_soon_threadsafe(event.set)


async def rung(event: asyncio.Event, seconds: float) -> bool:
    """Until the event is set, or so many seconds passed; whether it was. It can be waited for again."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    event.clear()
    return True
