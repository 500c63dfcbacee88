"""Threads for each kind of work, so that one kind never waits for another; within a kind callers take turns, so that
who asked for a hundred things does not stand in front of who asks for one."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Lane:
    """So many threads. Belongs to the event loop's thread."""

    def __init__(self, name: str, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, name)
        self._free = threads
        self._lines: OrderedDict[Hashable, deque[asyncio.Future[None]]] = OrderedDict()
        """Who waits → what waits of theirs. Whose turn is next stands first."""

    async def run(self, who: Hashable, call: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """What the call answers, made on a thread when it is this caller's turn."""
        await self._turn(who)
        loop = asyncio.get_running_loop()
        context = copy_context()
        try:
            work = loop.run_in_executor(self._threads, lambda: context.run(call, *arguments, **named))
        except BaseException:
            self._next()
            raise
        work.add_done_callback(lambda _: self._next())
        return await asyncio.shield(work)  # who gives up leaves the thread at work, and its place taken

    def __len__(self) -> int:
        """How many wait."""
        return sum(map(len, self._lines.values()))

    async def _turn(self, who: Hashable) -> None:
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(who, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._next()
            raise

    def _next(self) -> None:
        while self._lines:
            who, line = next(iter(self._lines.items()))
            turn = line.popleft()
            if line:
                self._lines.move_to_end(who)
            else:
                del self._lines[who]
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
