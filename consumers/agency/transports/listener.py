"""A small HTTP/1.1 server for what strangers may post: bounded in time, in size and in number.

Everybody on the network reaches it, so a request is read within a fixed time in all, however slowly it drips; it has a
largest size, which is said before it is read; and there are so many connections and no more: who comes then takes the
place of the one that has been silent for longest. Python's own event loop in one thread; TLS by a certificate whose
file is read again when it changes.
"""

import asyncio
import logging
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

log = logging.getLogger(__name__)

LOOK_SECONDS = 60.0
"""So often it looks whether the certificate was renewed."""
CLOSE_SECONDS = 5.0
_REQUEST = re.compile(rb"([A-Z]{1,16}) ([!-~]{1,2000}) HTTP/1\.([01])")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*")


class Limits(NamedTuple):
    """What a stranger gets."""

    connections: int = 32
    head_bytes: int = 16 * 1024
    body_bytes: int = 2 * 1024 * 1024
    read_seconds: float = 10.0
    """For a TLS handshake, for the head of a request, for its body, and for taking the answer."""
    idle_seconds: float = 60.0
    """Between requests."""


class Request(NamedTuple):
    """What was posted; names of headers in small letters."""

    headers: Mapping[str, str]
    body: bytes


class Answer(NamedTuple):
    """A status, and one line that says why."""

    status: int
    said: str = ""
    retry_after: int = 0


class _Head(NamedTuple):
    headers: dict[str, str]
    length: int
    keeps: bool
    """Whether another request may follow on the connection."""


class _Refused(Exception):
    """Answer so, and hang up."""

    def __init__(self, status: int, said: str) -> None:
        self.answer = Answer(status, said)


class Listener:
    """Listens from the moment it is made; answers once started. `take` is called in the listener's thread."""

    def __init__(
        self,
        address: tuple[str, int],
        take: Callable[[Request], Awaitable[Answer]],
        certificate: Path | None = None,
        key: Path | None = None,
        limits: Limits | None = None,
    ) -> None:
        """`certificate` is a PEM file with the chain; with the private key too, or that is in `key`. Raises OSError
        where it cannot listen there, or the certificate cannot be used."""
        self._take = take
        self._limits = limits or Limits()
        self._files = certificate, key
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) if certificate is not None else None
        self._loaded = 0.0
        self._renew()
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._socket = socket.create_server(address, family=family)
        host, port = self._socket.getsockname()[:2]
        self.address: tuple[str, int] = (host, port)
        self._open: dict[asyncio.Task[None], None] = {}
        self._taking: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread: Thread | None = None

    def start(self) -> None:
        """Begin to answer."""
        ready = Event()
        self._thread = Thread(target=lambda: asyncio.run(self._serve(ready)), name="listener", daemon=True)
        self._thread.start()
        ready.wait(CLOSE_SECONDS)

    def call(self, what: Callable[[], object]) -> None:
        """Have this called in the listener's thread; from any other."""
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended
                self._loop.call_soon_threadsafe(what)

    def close(self) -> None:
        """Hang up on everybody."""
        if self._stop is not None and self._thread is not None:
            self.call(self._stop.set)
            self._thread.join(CLOSE_SECONDS)
        self._socket.close()

    async def _serve(self, ready: Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(
            self._connected,
            sock=self._socket,
            limit=self._limits.head_bytes,
            ssl=self._tls,
            ssl_handshake_timeout=self._limits.read_seconds if self._tls else None,
            ssl_shutdown_timeout=1.0 if self._tls else None,
        )
        ready.set()
        while not self._stop.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._stop.wait()
            try:
                self._renew()
            except OSError as problem:  # an SSLError is one
                log.warning("the new certificate cannot be used: %s", type(problem).__name__)
        server.close()
        open_ones = list(self._open)
        for task in open_ones:
            task.cancel()
        await asyncio.gather(*open_ones, return_exceptions=True)

    def _renew(self) -> None:
        """Load the certificate, if its file is another than before. Handshakes from now on show it."""
        certificate, key = self._files
        if self._tls is None or certificate is None:
            return
        changed = max(file.stat().st_mtime for file in self._files if file is not None)
        if changed != self._loaded:
            self._tls.load_cert_chain(certificate, key)
            self._loaded = changed

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._open) >= self._limits.connections:
            silent = next((other for other in self._open if other not in self._taking), None)
            if silent is None:
                writer.transport.abort()
                return
            self._open.pop(silent)
            silent.cancel()
        self._open[task] = None
        try:
            seconds = self._limits.read_seconds
            while await self._exchange(reader, writer, seconds, task):
                seconds = self._limits.idle_seconds
                self._open[task] = self._open.pop(task)  # it spoke last
        except (OSError, EOFError, asyncio.CancelledError):  # it is too slow, hung up, or its place is another's
            writer.transport.abort()
        finally:
            self._open.pop(task, None)
            self._taking.discard(task)
            writer.close()

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float, task: asyncio.Task[None]
    ) -> bool:
        """Take one request and answer it; whether another may follow. Raises OSError, EOFError."""
        try:
            head = await self._head(reader, seconds)
            if head is None:
                return False
            if head.headers.get("expect", "").lower() == "100-continue":
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            async with asyncio.timeout(self._limits.read_seconds):
                body = await reader.readexactly(head.length)
        except _Refused as refused:
            await self._say(writer, refused.answer, keeps=False)
            return False
        self._taking.add(task)
        try:
            answer = await self._take(Request(head.headers, body))
        finally:
            self._taking.discard(task)
        await self._say(writer, answer, head.keeps)
        return head.keeps

    async def _head(self, reader: asyncio.StreamReader, seconds: float) -> _Head | None:
        """The head of a request; None where there is none any more. Raises _Refused, TimeoutError."""
        try:
            async with asyncio.timeout(seconds):
                text = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            raise _Refused(431, "the head is too large") from None
        except asyncio.IncompleteReadError:
            return None
        first, *lines = text[:-4].split(b"\r\n")
        request = _REQUEST.fullmatch(first)
        if request is None:
            raise _Refused(400, "not a request")
        headers: dict[str, str] = {}
        for line in lines:
            field = _FIELD.fullmatch(line)
            name = field[1].decode().lower() if field else ""
            if field is None or name in headers:
                raise _Refused(400, "a header cannot be read, or comes twice")
            headers[name] = field[2].decode("latin-1")
        if request[1] != b"POST":
            raise _Refused(405, "POST it")
        length = headers.get("content-length", "")
        if "transfer-encoding" in headers or not length:
            raise _Refused(411, "say Content-Length")
        if not (length.isascii() and length.isdigit() and len(length) < 16):
            raise _Refused(400, "Content-Length is no number")
        if int(length) > self._limits.body_bytes:
            raise _Refused(413, "it is too large")
        keeps = request[3] == b"1" and headers.get("connection", "").lower() != "close"
        return _Head(headers, int(length), keeps)

    async def _say(self, writer: asyncio.StreamWriter, answer: Answer, keeps: bool) -> None:
        body = f"{answer.said}\n".encode() if answer.said else b""
        lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
        if answer.status != HTTPStatus.NO_CONTENT:
            lines += ["Content-Type: text/plain; charset=utf-8", f"Content-Length: {len(body)}"]
        if answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
            lines.append("Allow: POST")
        if answer.retry_after:
            lines.append(f"Retry-After: {answer.retry_after}")
        if not keeps:
            lines.append("Connection: close")
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        async with asyncio.timeout(self._limits.read_seconds):
            await writer.drain()
