"""HTTP connections on which a request never quite begins. Uvicorn hangs up on who is silent between two requests, but
waits for ever for who sends a head byte by byte, or nothing at all; each of them costs a socket."""

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from ..api.problems import problem

HEAD_SECONDS = 20.0
"""So long the head of a request may take, from the connection or from its first byte on."""
_Base: Any = AutoHTTPProtocol


class Protocol(_Base):  # type: ignore[misc]
    """Uvicorn's own, with a time limit."""

    head_seconds = HEAD_SECONDS
    _giving_up: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._look()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._look()

    def connection_lost(self, problem: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(problem)

    def send_400_response(self, _: str) -> None:
        """What is no request is answered as every other is that cannot be read: by a problem, without a word of it."""
        body = problem(400, "Refused", "What came here is no HTTP request.").body
        head = b"content-type: application/problem+json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n" + head + bytes(body))
        self.transport.close()

    def _look(self) -> None:
        """Whether a request is under way; if not, its head is awaited."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()
        elif self._giving_up is None:
            self._giving_up = asyncio.get_running_loop().call_later(self.head_seconds, self._give_up)

    def _give_up(self) -> None:
        self._giving_up = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()

    def _stop_waiting(self) -> None:
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None
