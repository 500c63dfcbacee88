"""Threads for each kind of work, handed out by turns."""

import asyncio
from collections.abc import Awaitable, Callable
from threading import Event

import pytest
from patience import PATIENCE_SECONDS

from rujukan.api.lanes import Lane


def played(play: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await play()

    asyncio.run(run())


def test_who_asks_for_one_thing_stands_behind_one_of_each_and_no_more() -> None:
    lane, gate, done = Lane("read", 1), Event(), list[str]()

    def work(name: str) -> None:
        gate.wait(PATIENCE_SECONDS)
        done.append(name)

    async def play() -> None:
        greedy = [asyncio.ensure_future(lane.run("greedy", work, f"greedy {n}")) for n in range(100)]
        other = [asyncio.ensure_future(lane.run("other", work, f"other {n}")) for n in range(100)]
        await asyncio.sleep(0)
        fair = asyncio.ensure_future(lane.run("fair", work, "fair"))
        await asyncio.sleep(0)
        gate.set()
        await fair
        assert done.index("fair") <= 3
        await asyncio.gather(*greedy, *other)
        assert len(done) == 201
        assert len(lane) == 0

    played(play)


def test_no_more_threads_than_there_are_and_all_of_them() -> None:
    lane, gate = Lane("read", 3), Event()
    at_work = 0
    most = 0

    def work() -> None:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        gate.wait(PATIENCE_SECONDS)
        at_work -= 1

    async def play() -> None:
        asked = [asyncio.ensure_future(lane.run(n, work)) for n in range(10)]
        while at_work < 3:
            await asyncio.sleep(0.001)
        assert len(lane) == 7
        gate.set()
        await asyncio.gather(*asked)
        await lane.run("again", work)
        assert most == 3

    played(play)


def test_who_gives_up_leaves_the_line_and_what_is_at_work_keeps_its_thread() -> None:
    lane, gate = Lane("read", 1), Event()

    async def play() -> None:
        working = asyncio.ensure_future(lane.run("a", gate.wait, PATIENCE_SECONDS))
        waiting = [asyncio.ensure_future(lane.run(n, int)) for n in range(5)]
        await asyncio.sleep(0)
        for one in (working, *waiting[:4]):
            one.cancel()
        await asyncio.sleep(0.01)
        assert not waiting[4].done(), "the thread is still at work"
        gate.set()
        assert await waiting[4] == 0
        assert await lane.run("b", int) == 0

    played(play)


def test_what_is_raised_is_raised_and_the_thread_is_free_again() -> None:
    lane = Lane("read", 1)

    async def play() -> None:
        for _ in range(5):
            with pytest.raises(ZeroDivisionError):
                await lane.run("a", lambda: 1 // 0)
        assert await lane.run("b", int) == 0

    played(play)
