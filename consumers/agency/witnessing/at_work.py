"""A witness at work: it fetches a log's checkpoints and brings its cosignatures back, or serves `add-checkpoint`.

Both need no more than Python: an agency behind a firewall runs the first beside its subscription.
"""

import hashlib
import http.client
import logging
import random
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event
from urllib.parse import urlsplit

from ...evidence.checkpoints import parse_checkpoint
from ...evidence.merkle import HASH_BYTES
from ...evidence.notes import Note, parse_note
from ...evidence.refused import NotProven
from ...evidence.tiles import ENTRIES, WIDTH, Tile, TiledTree
from .witness import UNREACHABLE, Verdict, Witness

log = logging.getLogger(__name__)

SECONDS = 10
"""How long the log may take to answer, and to send what it answers."""
LONGEST_PAUSE = 60.0
"""How many seconds a log that is away is left alone, at the most."""
LARGEST = 1024 * 1024


class LogClient:
    """A log over HTTP: its checkpoint and tiles (C2SP tlog-tiles), and the way back for cosignatures."""

    def __init__(self, prefix: str) -> None:
        """Raises ValueError for an address that is not of HTTP."""
        if urlsplit(prefix).scheme not in ("http", "https"):
            raise ValueError("the log's address begins with http:// or https://")
        self._prefix = prefix.rstrip("/")
        self._open = urllib.request.build_opener(_StayHere()).open
        self.brought: bytes | None = None
        """The last note that the log took."""

    def checkpoint(self) -> Note:
        """The newest checkpoint. Raises Malformed, and what UNREACHABLE names."""
        return parse_note(self._get("checkpoint"))

    def tree(self, size: int) -> TiledTree:
        """The tree at that size, fetched as it is asked."""
        return TiledTree(size, self.tile)

    def tile(self, tile: Tile) -> bytes:
        """A tile or entry bundle; of hashes also one that is full by now, as a log need not keep what grew."""
        try:
            return self._get(tile.path)
        except urllib.error.HTTPError as problem:
            if problem.code != 404 or tile.width == WIDTH or tile.level == ENTRIES:
                raise
            problem.close()
            return self._get(tile._replace(width=WIDTH).path)[: tile.width * HASH_BYTES]

    def bring(self, note: Note) -> None:
        """Bring a checkpoint with cosignatures to the log."""
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        sent = urllib.request.Request(f"{self._prefix}/cosignatures", note.data, headers, method="POST")  # noqa: S310
        with self._open(sent, timeout=SECONDS):
            self.brought = note.data

    def _get(self, path: str) -> bytes:
        give_up = time.monotonic() + SECONDS
        data = bytearray()
        with self._open(f"{self._prefix}/{path}", timeout=SECONDS) as answer:
            while chunk := answer.read1(LARGEST):
                data += chunk
                if len(data) > LARGEST or time.monotonic() > give_up:
                    raise http.client.HTTPException("an answer that is too large, or too slow")
        return bytes(data)


class _StayHere(urllib.request.HTTPRedirectHandler):
    """Follows no redirection: who answers is the log that was named, or nobody."""

    def redirect_request(self, *_: object) -> None:
        return None


def watch(witness: Witness, client: LogClient) -> bool:
    """Look at the log once: verify, cosign, bring the cosignature; whether there was something new.
    Raises Misbehaviour, NotProven, and what UNREACHABLE names."""
    note = client.checkpoint()
    cosignatures = witness.follow(note, client.tree)
    origin = parse_checkpoint(note.text).origin
    kept = witness.cosigned(hashlib.sha256(origin.encode()).hexdigest())
    if kept is not None and kept != client.brought:  # also what an earlier process kept, and could not bring
        client.bring(parse_note(kept))
    return bool(cosignatures)


def follow(witness: Witness, client: LogClient, stop: Event, pause: float = 1.0) -> None:
    """Watch the log until told to stop, every `pause` seconds; less and less often while that brings nothing. Raises
    Misbehaviour as soon as it contradicts itself."""
    failed = 0
    while not stop.is_set():
        try:
            watch(witness, client)
        except NotProven as problem:
            failed, what = failed + 1, f"the log shows what does not prove: {problem}"
        except UNREACHABLE as problem:
            failed, what = failed + 1, f"the log cannot be reached: {type(problem).__name__}"
        else:
            failed = 0
        wait = pause_after(failed, pause)
        if failed:
            log.warning("%s; it is asked again in %.1f s", what, wait)
        stop.wait(wait)


def pause_after(failed: int, pause: float) -> float:
    """Seconds until the log is asked again, after so many times in a row in vain: twice as long each time, no longer
    than LONGEST_PAUSE, and not all witnesses at one moment when it comes back."""
    if not failed:
        return pause
    longest = min(max(LONGEST_PAUSE, pause), pause * 2.0 ** min(failed, 32))
    return longest * random.uniform(0.5, 1)  # noqa: S311


class WitnessServer(ThreadingHTTPServer):
    """`add-checkpoint`, and the monitoring prefix, of one witness. Use as a context manager; it serves in a thread."""

    daemon_threads = True

    def __init__(self, witness: Witness, host: str = "127.0.0.1", port: int = 0) -> None:
        self.witness = witness
        super().__init__((host, port), _Handler)

    @property
    def url(self) -> str:
        """Where it answers."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}"

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        """A connection that broke is nobody's error; what else went wrong is named, without what was sent."""
        log.warning("a request was not answered: %s", type(sys.exception()).__name__)

    def start(self) -> None:
        """Serve in a thread of its own."""
        threading.Thread(target=self.serve_forever, name="witness", daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    server: WitnessServer

    def do_POST(self) -> None:
        said = self.headers.get("Content-Length", "")
        if self.path != "/add-checkpoint":
            self.close_connection = True
            self._answer(Verdict(404, b"there is /add-checkpoint\n"))
        elif not (said.isascii() and said.isdigit() and len(said) < 8 and int(said) <= LARGEST):
            self.close_connection = True
            self._answer(Verdict(400, b"the request says no length, or one that is too large\n"))
        else:
            self._answer(self.server.witness.add_checkpoint(self.rfile.read(int(said))))

    def do_GET(self) -> None:
        parts = self.path.strip("/").split("/")
        found = self.server.witness.cosigned(parts[0]) if len(parts) == 2 and parts[1] == "checkpoint" else None
        self._answer(Verdict(200, found) if found is not None else Verdict(404, b"nothing was cosigned\n"))

    def _answer(self, answer: Verdict) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.media_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not logged."""
