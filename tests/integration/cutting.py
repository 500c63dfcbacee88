"""A TCP relay before a PostgreSQL server that is cut at a chosen moment.

What goes to and fro is counted in pieces: as client and server take turns, a piece is what one of them says in a turn.
A cut says how many more pieces go through, and whether the one behind them still arrives before the line is cut.
Another cut counts from there, over the connections that are made after the first.
"""

import socket
import struct
from collections import deque
from contextlib import suppress
from threading import Condition, Thread
from typing import NamedTuple

from psycopg.conninfo import conninfo_to_dict, make_conninfo

HOST = "127.0.0.1"
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER that makes a close a reset."""


class Cut(NamedTuple):
    """`behind`: so many pieces go through. `arrives`: whether the one that is cut at reaches the other side."""

    behind: int
    arrives: bool


class Cutting:
    """The relay. `conninfo` leads through it."""

    def __init__(self, conninfo: str) -> None:
        about = conninfo_to_dict(conninfo)
        self._target = f"{about['host']}/.s.PGSQL.{about.get('port', 5432)}"
        self._server = socket.create_server((HOST, 0))
        port = self._server.getsockname()[1]
        self.conninfo = make_conninfo("", **{**about, "host": HOST, "port": port, "sslmode": "disable"})
        self._changed = Condition()
        self._plan: deque[Cut] = deque()
        self._passed = 0
        self._silent = False
        self._open: set[socket.socket] = set()
        self.cuts = 0
        """How often it was cut."""
        Thread(target=self._accept, daemon=True).start()

    def cut(self, *plan: Cut) -> None:
        """Cut at these moments, counted from now on."""
        with self._changed:
            self._plan, self._passed, self.cuts = deque(plan), 0, 0

    def be_silent(self, silent: bool = True) -> None:
        """Nothing comes through any more, and nobody says so."""
        with self._changed:
            self._silent = silent
            self._changed.notify_all()

    def close(self) -> None:
        """Take it away."""
        self.be_silent(False)
        self._server.close()
        for end in list(self._open):
            _close(end)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._target)
                self._open |= {client, server}
                for here, there in ((client, server), (server, client)):
                    Thread(target=self._pump, args=(here, there, client, server), daemon=True).start()

    def _pump(self, here: socket.socket, there: socket.socket, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while piece := here.recv(1 << 20):
                cut = self._next(piece, there)
                if cut:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    break
        for end in (client, server):
            self._open.discard(end)
            _close(end)

    def _next(self, piece: bytes, there: socket.socket) -> bool:
        """Let a piece through, or not; whether the line is cut now."""
        with self._changed:
            self._changed.wait_for(lambda: not self._silent)
            cuts = bool(self._plan) and self._passed >= self._plan[0].behind
            if cuts:
                cut = self._plan.popleft()
                self.cuts, self._passed = self.cuts + 1, 0
            else:
                self._passed += 1
            if not cuts or cut.arrives:
                there.sendall(piece)
            return cuts


def _close(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
