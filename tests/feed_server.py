"""A small feed over HTTP for tests of the agency's side: it speaks as the service does, and misbehaves when told to."""

import json
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR
from threading import Condition, Thread
from urllib.parse import parse_qs, urlsplit

from rujukan.consumers.wire import acknowledgement, envelope
from rujukan.consumers.wire.acknowledgement import Acknowledgement
from rujukan.consumers.wire.envelope import Message

TOKEN = "token-of-rsud"


class FeedServer(ThreadingHTTPServer):
    """Use as a context manager. `messages` may grow."""

    daemon_threads = True

    def __init__(self, messages: Sequence[Message] = ()) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.messages = list(messages)
        self.hidden: set[int] = set()
        self.held = 0
        """From this number on it gives nothing out for now; 0 for none."""
        self.said: list[Acknowledgement] = []
        self.asked: list[str] = []
        self.refused: list[str] = []
        """Cursors of another history that were asked for."""
        self.fails = 0
        """So many requests are answered 503."""
        self.later: dict[str, list[tuple[int, str]]] = {}
        """Address → what is answered there instead, one after the other: a status, and when to ask again."""
        self.cuts = 0
        """So many answers end in the middle."""
        self.rubbish: list[bytes] = []
        """Each is written instead of an answer, head and all, and then the connection is closed."""
        self.token = TOKEN
        self.refuses = 401
        """How another token is answered."""
        self.changed = Condition()
        Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def tell(self, *messages: Message) -> None:
        with self.changed:
            self.messages += messages
            self.changed.notify_all()

    def after(self, sequence: int, limit: int) -> list[Message]:
        found = [m for m in self.messages if m.sequence > sequence and m.sequence not in self.hidden]
        found = [m for m in found if not self.held or m.sequence < self.held]
        return sorted(found, key=lambda m: m.sequence)[:limit]

    def handle_error(self, request: object, client_address: object) -> None:
        """Who hangs up is no error."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FeedServer

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.server.rubbish:
            self.wfile.write(self.server.rubbish.pop(0))
            self.close_connection = True
            return
        if self._is_refused():
            return
        parts = urlsplit(self.path)
        asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/subscription/stream":
            cursor = self.headers.get("Last-Event-ID") or asked.get("after", "0")
            if not self._is_of_another_history(cursor):
                self._stream(int(cursor.partition(".")[0]))
        else:
            self._page(asked)

    def do_POST(self) -> None:
        self.server.asked.append(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self._is_refused():
            self.server.said.append(acknowledgement.read(body))
            self._answer(200, b"{}")

    def _is_refused(self) -> bool:
        if self.headers["Authorization"] != f"Bearer {self.server.token}":
            self._answer(self.server.refuses, b"{}")
            return True
        if later := self.server.later.get(urlsplit(self.path).path):
            status, after = later.pop(0)
            self.send_response(status)
            body = json.dumps({"type": after}).encode()
            self.send_header("Retry-After", after)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return True
        if self.server.fails:
            self.server.fails -= 1
            self._answer(503, b"{}")
            return True
        return False

    def _is_of_another_history(self, cursor: str) -> bool:
        """Whether it names a delivery that is none of these; then that is answered."""
        number, _, id = cursor.partition(".")
        known = {m.sequence: m.id for m in self.server.messages}
        if int(number) <= max(known, default=0) and (not id or known.get(int(number)) == id):
            return False
        self.server.refused.append(cursor)
        self._answer(409, b'{"type":"urn:rujukan:problem:another-history","status":409}')
        return True

    def _page(self, asked: dict[str, str]) -> None:
        cursor = asked.get("after", "0")
        if self._is_of_another_history(cursor):
            return
        after, limit = int(cursor.partition(".")[0]), int(asked.get("limit", 100))
        if "position" in asked:
            positions = [dict(m.headers)["ce_position"] for m in self.server.messages]
            after = sum(int(p) < int(asked["position"]) for p in positions)
        give_up = time.monotonic() + int(asked.get("wait", 0))
        with self.server.changed:
            while not (found := self.server.after(after, limit)) and time.monotonic() < give_up:
                self.server.changed.wait(0.1)
        body = json.dumps([envelope.to_cloudevent(m) for m in found]).encode()
        head = max((m.sequence for m in self.server.messages), default=0)
        last = found[-1].sequence if found else after
        upto = last if len(found) == limit or after < self.server.held <= head else max(last, head)
        self._answer(200, body, ("Rujukan-Head", str(head)), ("Link", f'</events?after={upto}&limit=9>; rel="next"'))

    def _stream(self, after: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._chunk(b"retry: 2000\n\n:\n\n")
        while True:
            with self.server.changed:
                while not (found := self.server.after(after, 20)):
                    self.server.changed.wait(0.1)
            for message in found:
                text = json.dumps(envelope.to_cloudevent(message)).encode()
                after = message.sequence
                self._chunk(b"id: %d.%s\ndata: %s\n\n" % (after, message.id.encode(), text))
                if self.server.cuts:
                    self.server.cuts -= 1
                    self._chunk(b"id: 99\ndata: {")
                    self.connection.shutdown(SHUT_RDWR)
                    self.close_connection = True
                    return

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _answer(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        cut = status == 200 and self.server.cuts > 0
        if cut:
            self.server.cuts -= 1
            self.close_connection = True
        self.send_response(status)
        self.send_header("Content-Type", "application/cloudevents-batch+json")
        for header in headers:
            self.send_header(*header)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not logged."""
