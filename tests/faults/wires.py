"""Wires between the parts: a TCP relay before every server, which can cut and slow who speaks to it, one by one.

Kafka clients go where a broker says that it is, so the brokers of a world advertise their relay's address; database and
feed are reached through theirs too. All clients of a server share its relay: whose connection it is, the system's own
table of sockets tells (the process that holds the other end), so every pair of parts can be treated by itself, with TLS
too, without network namespaces and the rights that they take.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

from rujukan.infra.services.broker import HOST, free_port

CHUNK = 65536
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER that makes a close a reset: the other side learns at once that the connection is no more."""


class Line(NamedTuple):
    """How a pair of parts is connected now."""

    refused: bool = False
    """Every connection is reset, and so is every new one."""
    silent: bool = False
    """Nothing comes through, and nobody says so: what is sent waits, as packets do that are sent again and again."""
    delay: float = 0.0
    """Seconds that each piece takes, on its way there and on its way back."""
    bytes_per_second: float = 0.0
    """0: no limit."""


OPEN = Line()


class Wires:
    """All relays of a world, and how each pair of parts is connected. Its own thread does the work."""

    def __init__(self, parts: Callable[[], Mapping[str, int]]) -> None:
        """`parts`: name → process id, of all that run now."""
        self._parts = parts
        self._lines: dict[tuple[str, str], Line] = {}
        self._loop = asyncio.new_event_loop()
        self._changed = asyncio.Condition()
        self._connections: set[_Connection] = set()
        self._servers: list[asyncio.Server] = []
        self._thread = Thread(target=self._loop.run_forever, name="wires", daemon=True)
        self._thread.start()

    def before(self, server: str, target: int | str) -> int:
        """A relay before a server, which listens on that port of the loopback or on that socket; the relay's port."""

        async def serve() -> int:
            port = free_port()
            self._servers.append(await asyncio.start_server(lambda r, w: self._relay(server, target, r, w), HOST, port))
            return port

        return int(asyncio.run_coroutine_threadsafe(serve(), self._loop).result(10))

    def connect(self, client: str, server: str, line: Line = OPEN) -> None:
        """Connect a client and a server like this from now on."""

        async def change() -> None:
            self._lines[client, server] = line
            if line.refused:
                for connection in [c for c in self._connections if (c.client, c.server) == (client, server)]:
                    connection.reset()
            async with self._changed:
                self._changed.notify_all()

        asyncio.run_coroutine_threadsafe(change(), self._loop).result(10)

    def mend(self) -> None:
        """Connect everybody as usual."""
        for client, server in list(self._lines):
            self.connect(client, server)

    def pairs(self) -> set[tuple[str, str]]:
        """(client, server) of every connection that stands."""
        return {(c.client, c.server) for c in list(self._connections) if c.client}

    def close(self) -> None:
        """Take all relays away."""

        async def end() -> None:
            for server in self._servers:
                server.close()
            for connection in list(self._connections):
                connection.reset()
            await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _relay(
        self, server: str, target: int | str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        ports = writer.get_extra_info("peername")[1], writer.get_extra_info("sockname")[1]
        client = await self._loop.run_in_executor(None, self._whose, *ports)
        ends = [writer]
        try:
            await self._passes(client, server, 0)
            opening = asyncio.open_unix_connection(target) if isinstance(target, str) else None
            from_there, there = await (opening or asyncio.open_connection(HOST, int(target)))
            ends.append(there)
            connection = _Connection(client, server, ends)
            self._connections.add(connection)
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._pump(connection, reader, there))
                    both.create_task(self._pump(connection, from_there, writer))
            finally:
                self._connections.discard(connection)
        except* _Ended:
            for end in ends:
                end.close()
        except* OSError:
            for end in ends:
                _reset(end)

    async def _pump(self, at: "_Connection", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            await self._passes(at.client, at.server, len(data))
            writer.write(data)
            await writer.drain()
        raise _Ended

    async def _passes(self, client: str, server: str, size: int) -> None:
        """Returns when so many bytes are through. Raises ConnectionResetError."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._line(client, server).silent)
        line = self._line(client, server)
        if line.refused:
            raise ConnectionResetError
        if line.delay or line.bytes_per_second:
            await asyncio.sleep(line.delay + (size / line.bytes_per_second if line.bytes_per_second else 0.0))

    def _line(self, client: str, server: str) -> Line:
        return self._lines.get((client, server), OPEN)

    def _whose(self, port: int, relay: int) -> str:
        """The part that holds the other end of a connection to a relay; empty for a process that is no part, or no
        more."""
        held = f"socket:[{_inode(port, relay)}]"
        for name, pid in self._parts().items():
            with suppress(OSError):
                if any(_link(file) == held for file in os.scandir(f"/proc/{pid}/fd")):
                    return name
        return ""


def _inode(port: int, to: int) -> str:
    """Of the socket at this end of a connection, as Linux's table has it (proc(5), /proc/net/tcp): by both its ends, as
    others may have the same port on their way elsewhere, and none that are ending. It is read once for each connection
    and not once for each part: when a broker comes back everybody calls at once, and again where nobody answers."""
    ends = f":{port:04X}", f":{to:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines():
        fields = line.split()
        if fields[1].endswith(ends[0]) and fields[2].endswith(ends[1]) and fields[9] != "0":
            return fields[9]
    return ""


def _link(file: os.DirEntry[str]) -> str:
    try:
        return os.readlink(file.path)  # noqa: PTH115 - of hundreds, at each connection
    except OSError:
        return ""


class _Ended(Exception):
    """One side hung up: the other is told so."""


class _Connection:
    """Two connections, end to end."""

    def __init__(self, client: str, server: str, ends: list[asyncio.StreamWriter]) -> None:
        self.client, self.server = client, server
        self._ends = ends

    def reset(self) -> None:
        for end in self._ends:
            _reset(end)


def _reset(end: asyncio.StreamWriter) -> None:
    kernel: Any = end.get_extra_info("socket")
    with suppress(OSError, AttributeError):
        kernel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    end.transport.abort()
