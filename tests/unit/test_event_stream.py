"""A stream of events sends one at a time, and ends when nobody takes them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from rujukan.api import event_stream
from rujukan.api.event_stream import EventStream

Message = dict[str, Any]
SCOPE = {"type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}}


class Connection:
    """An ASGI server's side of a connection, whose peer takes so many parts, and then no more."""

    def __init__(self, takes: int, hangs_up: bool = False) -> None:
        self._takes, self._hangs_up = takes, hangs_up
        self.got: list[bytes] = []
        self._full = asyncio.Event()

    async def send(self, message: Any) -> None:
        if message["type"] != "http.response.body":
            return
        if len(self.got) >= self._takes:
            self._full.set()
            await asyncio.Event().wait()
        self.got.append(message["body"])

    async def receive(self) -> Message:
        if self._hangs_up:
            await self._full.wait()
            return {"type": "http.disconnect"}
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


def told(made: list[int], connected: Callable[[], Connection]) -> tuple[Connection, int]:
    """Stream numbers to a connection until it ends; (the connection, how often the stream said that it ended)."""
    ended: list[int] = []

    async def numbers() -> AsyncIterator[bytes]:
        for n in range(1000):
            made.append(n)
            yield b"%d" % n

    async def run() -> Connection:
        connection = connected()
        response: Callable[..., Awaitable[None]] = EventStream(numbers(), lambda: ended.append(1))
        async with asyncio.timeout(20):
            await response(SCOPE, connection.receive, connection.send)
        return connection

    return asyncio.run(run()), len(ended)


def test_the_next_is_asked_for_when_the_last_was_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "STALLED_SECONDS", 0.2)
    made: list[int] = []
    connection, ended = told(made, lambda: Connection(takes=5))
    assert connection.got == [b"0", b"1", b"2", b"3", b"4"]
    assert made == [0, 1, 2, 3, 4, 5], "one is on its way, and no more"
    assert ended == 1


def test_it_ends_when_the_peer_hangs_up() -> None:
    made: list[int] = []
    _, ended = told(made, lambda: Connection(takes=3, hangs_up=True))
    assert len(made) == 4
    assert ended == 1


def test_it_ends_by_itself() -> None:
    connection, ended = told([], lambda: Connection(takes=10_000))
    assert len([part for part in connection.got if part]) == 1000
    assert ended == 1
