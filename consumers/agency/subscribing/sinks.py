"""Handlers that hand deliveries on to an agency's own system: lines, files, a command, an HTTP endpoint.

Their effects are outside of the inbox's database, so after a crash one may come again: by its `id` it can be told.
"""

import http.client
import os
import shlex
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

import msgspec

from ... import durable
from ...wire.envelope import Delivery
from ..inbox.handling import Leaving, NotNow
from ..transports.feed import LOOPBACK

Sink = Callable[[Delivery, Any], object]

TEMPORARY = 75
"""EX_TEMPFAIL (sysexits.h): the command cannot do it now, and will be asked again."""
SECONDS = 30
BUSY = (408, 425, 429, 502, 503, 504)


class Failed(Exception):
    """The agency's own system refused a delivery."""


def to_json(delivery: Delivery) -> bytes:
    """A delivery, as all sinks write it."""
    return msgspec.json.encode(delivery)


def to_lines(out: TextIO) -> Sink:
    """One line of JSON a delivery. Where nobody reads them any more the program ends: that is no failure."""

    def write(delivery: Delivery, _: Any) -> None:
        try:
            out.write(to_json(delivery).decode() + "\n")
            out.flush()
        except BrokenPipeError:
            raise Leaving(1) from None

    return write


def to_directory(directory: Path) -> Sink:
    """One file a delivery, `SEQUENCE-ID.json`: written under another name, forced to disk, renamed. A file with that
    name is whole, and a delivery that comes again is the same file."""
    durable.directory(directory, 0o700)

    def write(delivery: Delivery, _: Any) -> None:
        name = f"{delivery.sequence:012d}-{delivery.id}.json"
        unfinished = directory / f".{name}.unfinished"
        try:
            durable.replace(directory / name, to_json(delivery), beside=unfinished)
        except OSError as problem:
            raise NotNow(os.strerror(problem.errno or 0)) from None

    return write


def to_command(command: str | Sequence[str], seconds: float | None = None) -> Sink:
    """Runs a command, without a shell, with the delivery on its standard input. Status 0: it is handled; 75: not now;
    any other: it failed."""
    words = shlex.split(command) if isinstance(command, str) else list(command)
    if not words:
        raise ValueError("say which command")

    def run(delivery: Delivery, _: Any) -> None:
        try:
            done = subprocess.run(words, input=to_json(delivery), timeout=seconds, check=False)
        except OSError:
            raise NotNow("the command cannot be started") from None
        if done.returncode == TEMPORARY:
            raise NotNow
        if done.returncode != 0:
            raise Failed

    return run


def to_webhook(url: str, secret: str = "") -> Sink:
    """POSTs each delivery to an address of the agency's own, with `Idempotency-Key`. 2xx: it is handled. What cannot be
    reached, or is busy, is tried for as long as it takes; any other answer is a failure."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("the address begins with http:// or https://")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError("what survivors said goes to another machine over TLS only: the address begins with https://")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    host, port = parts.hostname, parts.port
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def post(delivery: Delivery, _: Any) -> None:
        headers = {"Content-Type": "application/json", "Idempotency-Key": delivery.id}
        if secret:
            headers["Authorization"] = f"Bearer {secret}"
        connection = kind(host, port, timeout=SECONDS)
        try:
            connection.request("POST", path, to_json(delivery), headers)
            answer = connection.getresponse()
            answer.read(65536)
        except (OSError, http.client.HTTPException):
            raise NotNow("it cannot be reached") from None
        finally:
            connection.close()
        if answer.status in BUSY:
            raise NotNow
        if not 200 <= answer.status < 300:
            raise Failed

    return post
