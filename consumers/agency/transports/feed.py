"""The service's feed over HTTP, for agencies without Kafka, and for those with it to fetch what a broker lost.

Pages with long-poll, server-sent events (WHATWG HTML § 9.2), and the way back for acknowledgements. Nothing but
Python's own HTTP client.
"""

import http.client
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from msgspec import Raw

from ...wire.acknowledgement import Acknowledgement
from ...wire.envelope import Rejected, from_cloudevent
from . import flat_json
from .transport import AnotherHistory, Arrived, Last, NotAdmitted, Unreachable

PAGE = 500
WAIT_SECONDS = 20
TIMEOUT_SECONDS = 15
LARGEST = 64 * 1024 * 1024
LONGEST_LINE = 4 * 1024 * 1024
LOOPBACK = ("localhost", "127.0.0.1", "::1")
BROKEN = (OSError, http.client.HTTPException)
GOES_ON = re.compile(r"[?&]after=([0-9]{1,18})\b")
PROBLEM = re.compile(rb'"urn:rujukan:problem:([a-z-]{1,60})"')
STREAM = "/subscription/stream"
ANOTHER_HISTORY = "another-history"
ID = re.compile(r"[0-9a-fA-F-]{36}")
TOO_MANY, NOT_NOW = 429, 503
REFUSED = (401, 403)
OF_WHAT_IS_SAID = "wrong-receipt"
"""A 403 that is of an acknowledgement, and not of who brings it."""
LONGEST_AFTER = {TOO_MANY: 3_600.0, NOT_NOW: 30.0}
"""How long it is left alone at most, where it says when to ask again (`Retry-After`). What is away for now may be back
sooner than it thought, and an emergency may wait there."""


class Lines(Protocol):
    """Something that is read line by line."""

    def readline(self, limit: int, /) -> bytes: ...


class FeedPage(NamedTuple):
    """Messages in order; up to which sequence they, and those before, are all there is; and the agency's newest when
    they were read."""

    messages: Sequence[Arrived]
    upto: int
    head: int

    @property
    def is_last(self) -> bool:
        """Whether these are all there was. Not where the service holds something back for a moment."""
        return self.upto >= self.head


class TokenRefused(NotAdmitted):
    """The service refuses the access token (401, 403): it expired, is of another agency or role, or the agency is
    suspended."""


class _TooLarge(Exception):
    """An answer larger than is read."""


class Feed:
    """A connection to the feed. Used by one thread; `again()` makes one for another."""

    def __init__(self, url: str, token: str | Callable[[], str], ca: Path | None = None) -> None:
        """`token` is the agency's access token, or says it whenever one is needed. Where the service says when to ask
        again, it is not asked sooner. Raises ValueError for an address to which no token is sent: one over a plain
        line to another machine."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("the feed's address begins with https://")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise ValueError("a token goes over TLS only: the feed's address begins with https://")
        self._url, self._token, self._ca = url, token, ca
        self._host, self._port, self._prefix = parts.hostname, parts.port, parts.path.rstrip("/")
        self._context = ssl.create_default_context(cafile=ca) if parts.scheme == "https" else None
        self._http: http.client.HTTPConnection | None = None
        self._closed = False
        self._not_before: dict[str, float] = {}
        """Address → when it may be asked again; shared with further connections."""
        self._refused: list[float] = []
        """Since when the token is refused, where it is; shared likewise."""

    def again(self) -> "Feed":
        """Another connection to the same feed."""
        other = Feed(self._url, self._token, self._ca)
        other._not_before, other._refused = self._not_before, self._refused
        return other

    def page(
        self,
        after: int | Last = 0,
        limit: int = PAGE,
        wait: int = 0,
        *,
        case: UUID | None = None,
        since: datetime | None = None,
        position: int | None = None,
    ) -> FeedPage:
        """What comes after that delivery, or from a time or log position on. Raises Unreachable, AnotherHistory."""
        begin: dict[str, object] = {"after": _cursor(after)}
        if since is not None:
            begin = {"since": since.isoformat()}
        elif position is not None:
            begin = {"position": position}
        rest = {"wait": wait or None, "case": case}
        while True:
            asked = {**begin, "limit": limit, **{name: said for name, said in rest.items() if said is not None}}
            try:
                path = f"/subscription/events?{urlencode(asked)}"
                answer, body = self._ask("GET", path, timeout=wait + TIMEOUT_SECONDS)
                found = flat_json.read(body, list[Raw], limit)
                head = int(answer.getheader("Rujukan-Head", "0"))
                goes_on = GOES_ON.search(answer.getheader("Link", ""))
                if goes_on is None:
                    raise ValueError
            except _TooLarge:
                if limit == 1:
                    raise Unreachable("the feed's answer is too large") from None
                limit //= 2
                continue
            except ValueError:
                raise Unreachable("the feed's answer is no page") from None
            return FeedPage([sealed(bytes(event)) for event in found], int(goes_on[1]), head)

    def stream(self, after: int | Last) -> Iterator[Arrived]:
        """What comes after that delivery, as it comes, until the connection ends. Raises Unreachable,
        AnotherHistory."""
        cursor = _cursor(after)
        headers = {"Accept": "text/event-stream", "Last-Event-ID": cursor}
        try:
            answer = self._send("GET", f"{STREAM}?after={cursor}", None, headers, TIMEOUT_SECONDS * 2)
            self._refuse(STREAM, answer, answer.read(LONGEST_LINE) if answer.status != 200 else b"")
            for data in events(answer):
                yield sealed(data.encode())
        except (*BROKEN, ValueError) as problem:
            raise Unreachable(type(problem).__name__) from None
        finally:
            self._hang_up()

    def acknowledge(self, said: Acknowledgement) -> None:
        """Tell the service. Raises Unreachable."""
        self._ask("POST", "/subscription/acknowledgements", said.to_json())

    def close(self) -> None:
        """Hang up for good; also from another thread, which ends what waits."""
        self._closed = True
        self._hang_up()

    def _hang_up(self) -> None:
        connection, self._http = self._http, None
        if connection is not None:
            if connection.sock is not None:
                with suppress(OSError):
                    connection.sock.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _ask(
        self, method: str, path: str, body: bytes | None = None, timeout: float = TIMEOUT_SECONDS
    ) -> tuple[http.client.HTTPResponse, bytes]:
        try:
            answer = self._send(method, path, body, {}, timeout)
            read = answer.read(LARGEST + 1)
            self._refuse(path, answer, read)
            if len(read) > LARGEST:
                raise _TooLarge
            return answer, read
        except BROKEN as problem:
            self._hang_up()
            where = f"{self._host}:{self._port}" if self._port else self._host
            raise Unreachable(
                f"{type(problem).__name__}, at {where}: look at the address, and ask who runs it"
            ) from None
        except (Unreachable, _TooLarge):
            self._hang_up()
            raise

    def _send(
        self, method: str, path: str, body: bytes | None, more: dict[str, str], timeout: float
    ) -> http.client.HTTPResponse:
        if (left := self._not_before.get(_address(path), 0.0) - time.monotonic()) > 0:
            raise Unreachable("the service asked to be left alone for now", left)
        token = self._token if isinstance(self._token, str) else self._token()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **more}
        fresh = self._http is None
        connection = self._http or self._connect()
        try:
            return self._exchange(connection, method, self._prefix + path, body, headers, timeout)
        except BROKEN:
            if fresh or self._closed:
                raise
            self._hang_up()  # the other side may have closed an idle connection; nothing here does harm when done twice
            return self._exchange(self._connect(), method, self._prefix + path, body, headers, timeout)

    @staticmethod
    def _exchange(
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: bytes | None,
        headers: dict[str, str],
        timeout: float,
    ) -> http.client.HTTPResponse:
        connection.timeout = timeout
        if connection.sock is not None:
            connection.sock.settimeout(timeout)
        connection.request(method, path, body, headers)
        return connection.getresponse()

    def _connect(self) -> http.client.HTTPConnection:
        if self._context is not None:
            self._http = http.client.HTTPSConnection(self._host, self._port, context=self._context)
        else:
            self._http = http.client.HTTPConnection(self._host, self._port)
        return self._http

    def _refuse(self, path: str, answer: http.client.HTTPResponse, body: bytes) -> None:
        words = _words(body) if answer.status != 200 else ()
        said = " ".join((f"the service answers {answer.status}", *words))
        if answer.status in REFUSED and OF_WHAT_IS_SAID not in words:
            if not self._refused:
                self._refused.append(time.monotonic())
            raise TokenRefused(said, self._refused[0])
        self._refused.clear()
        if answer.status != 200:
            after = _after(answer)
            if after:
                self._not_before[_address(path)] = time.monotonic() + after
            refused = AnotherHistory if ANOTHER_HISTORY in words else Unreachable
            raise refused(said, after)


def _cursor(after: int | Last) -> str:
    """As the service takes it: `57.ID`, or `57` where no id is known."""
    last = after if isinstance(after, Last) else Last(after)
    return f"{last.sequence}.{last.id}" if ID.fullmatch(last.id) else str(last.sequence)


def _address(path: str) -> str:
    return path.partition("?")[0]


def _after(answer: http.client.HTTPResponse) -> float:
    """Seconds after which to ask again, as the answer says; 0 where it says nothing that can be read, or need not be
    heeded (RFC 9110, § 10.2.3)."""
    longest = LONGEST_AFTER.get(answer.status, 0.0)
    said = (answer.getheader("Retry-After") or "").strip()
    if said.isascii() and said.isdigit() and len(said) < 12:
        return min(float(said), longest)
    with suppress(ValueError, TypeError):
        return max(0.0, min(parsedate_to_datetime(said).timestamp() - time.time(), longest))
    return 0.0


def _words(problem: bytes) -> Sequence[str]:
    """What a problem document (RFC 9457) of the service is called; nothing where it is none."""
    found = PROBLEM.search(problem[:4096])
    return [found[1].decode()] if found else []


def sealed(event: bytes) -> Arrived:
    """A message of the feed; what is none has no headers, and will be rejected as any other rubbish."""
    try:
        return Arrived(*from_cloudevent(flat_json.read(event, dict[str, object])))
    except (Rejected, ValueError):
        return Arrived((), None, event)


def events(lines: Lines) -> Iterator[str]:
    """The data of server-sent events, as they arrive. Raises ValueError for a line without end."""
    data: list[str] = []
    size = 0
    while line := lines.readline(LONGEST_LINE):
        if not line.endswith(b"\n"):
            raise ValueError("an event that does not end")
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if not text:
            if data:
                yield "\n".join(data)
            data, size = [], 0
        elif text.startswith("data:"):
            data.append(text.removeprefix("data:").removeprefix(" "))
            size += len(line)
            if size > LONGEST_LINE:
                raise ValueError("an event that does not end")
