"""Names, looked up at no cost to others. An agency names its webhook's host, and its name server may take half a minute
to say nothing; the operating system's resolver cannot be interrupted, and holds a thread for as long.

So each look-up has a thread of its own, that nobody waits for at the end either; a name that is looked up already is
asked for once; and so many names are under way and no more. Who waits gives up by its own time limit.
"""

import asyncio
import socket
from contextlib import suppress
from threading import Thread

MOST = 64
"""Names that are looked up at a time."""


class Names:
    """Belongs to one event loop."""

    def __init__(self, most: int = MOST) -> None:
        self._free = asyncio.Semaphore(most)
        self._under_way: dict[tuple[str, int], asyncio.Future[list[str]]] = {}

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of a name. Raises OSError, UnicodeError where it has none."""
        key = host, port
        if key not in self._under_way:
            await self._free.acquire()
            if key in self._under_way:  # somebody else began meanwhile
                self._free.release()
            else:
                self._begin(key)
        return await asyncio.shield(self._under_way[key])

    def _begin(self, key: tuple[str, int]) -> None:
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[str]] = loop.create_future()
        found.add_done_callback(lambda done: done.cancelled() or done.exception())  # perhaps nobody waits any more
        self._under_way[key] = found

        def run() -> None:
            addresses: list[str] = []
            problem: Exception | None = None
            try:
                addresses = look_up(*key)
            except Exception as why:
                problem = why
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._end, key, addresses, problem)

        Thread(target=run, name="look-up", daemon=True).start()

    def _end(self, key: tuple[str, int], addresses: list[str], problem: Exception | None) -> None:
        found = self._under_way.pop(key)
        self._free.release()
        if problem is None:
            found.set_result(addresses)
        elif isinstance(problem, OSError | UnicodeError):
            found.set_exception(problem)
        else:
            found.set_exception(OSError("the name cannot be looked up"))


def look_up(host: str, port: int) -> list[str]:
    """What the operating system's resolver says; takes as long as that takes. Raises OSError, UnicodeError."""
    return [str(at[0]) for *_, at in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
