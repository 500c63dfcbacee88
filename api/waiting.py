"""Waiting for something to be told, without a thread or a connection: hundreds of streams and long-polls wait as
asyncio events, which one bell of the process sets; what they then have to look up, a few threads of their own do, so
that commands never wait for them.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import RLock
from typing import ParamSpec, TypeVar

from ..domain.fact import AgencyCode

LOOKERS = 4
"""Threads that read and seal for all who subscribe; the feed has as many connections of its own."""

P = ParamSpec("P")
T = TypeVar("T")


class Waiting:
    """Who waits for what, in one process."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LOOKERS, "feed")
        self._lock = RLock()  # a signal may close it in the middle of what the same thread does
        self._waiters: dict[asyncio.Event, tuple[AgencyCode, asyncio.AbstractEventLoop]] = {}
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
