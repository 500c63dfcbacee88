"""An agency's machine that is posted to: what it answers, and when; and what strangers get."""

import base64
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from feed_server import TOKEN, FeedServer
from patience import PATIENCE_SECONDS
from receiver import certified
from told import AGENCY, KEY, PINNED, sealed, told
from told import delivery as made
from webhook_keys import by, shown

from rujukan.consumers.agency.inbox.handling import NotNow, Rules
from rujukan.consumers.agency.inbox.inbox import SqliteInbox
from rujukan.consumers.agency.inbox.order import Gap
from rujukan.consumers.agency.subscribing.subscription import Subscription
from rujukan.consumers.agency.transports.feed import Feed
from rujukan.consumers.agency.transports.listener import Limits
from rujukan.consumers.agency.transports.webhook_source import WebhookSource
from rujukan.consumers.wire.envelope import Message, encoded_service_key, to_cloudevent
from rujukan.infra.webhooks.signature import signatures

SECRET, OTHER = ("whsec_" + base64.b64encode(letter * 32).decode() for letter in (b"a", b"b"))
SIGNER = Ed25519PrivateKey.generate()
MANY = told(10)
QUICK = Rules(tries=2, first_pause=0.01, longest_pause=0.05)


class Machine:
    """An agency's, which is posted to. `handle` may be set to misbehave."""

    def __init__(self, file: Path, **more: Any) -> None:
        self.seen: list[int] = []
        self.handle: Any = lambda delivery: None
        feed, rules = more.pop("feed", None), more.pop("rules", QUICK)
        keys = more.pop("keys", [SECRET])
        self.source = WebhookSource(AGENCY, ("127.0.0.1", 0), keys, feed=feed, **{"answer_seconds": 5.0, **more})
        self.subscription: Any = None
        self.inbox: Any = None
        self._stop = Event()
        self._thread = Thread(target=self._run, args=(file, feed, rules), daemon=True)
        self._thread.start()

    def _run(self, file: Path, feed: Feed | None, rules: Rules) -> None:
        self.inbox = SqliteInbox(file, self._handle)
        self.subscription = Subscription(self.source, [KEY], PINNED, self.inbox, feed=feed, rules=rules)
        self.subscription.run(self._stop)
        self.inbox.close()

    def _handle(self, delivery: Any, db: Any) -> None:
        self.handle(delivery)
        self.seen.append(delivery.sequence)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()


@contextmanager
def listening(file: Path, **more: Any) -> Iterator[Machine]:
    machine = Machine(file, **more)
    try:
        yield machine
    finally:
        machine.stop()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with listening(tmp_path / "inbox.db") as made:
        yield made


def request(message: Message, secret: str = SECRET, age: int = 0) -> tuple[dict[str, str], bytes]:
    """What the service posts."""
    event, now = to_cloudevent(message), int(time.time()) - age
    body = msgspec.json.encode(event)
    return {
        "content-type": "application/cloudevents+json",
        "webhook-id": event["id"],
        "webhook-timestamp": str(now),
        "webhook-signature": signatures([by(secret)], SIGNER.sign, event["id"], now, body),
    }, body


def post(machine: Machine, message: Message, secret: str = SECRET, age: int = 0, **change: str) -> int:
    headers, body = request(message, secret, age)
    return raw(machine, {**headers, **change}, body)


def raw(machine: Machine, headers: dict[str, str], body: bytes) -> int:
    return httpx.post(url(machine), headers=headers, content=body, timeout=PATIENCE_SECONDS).status_code


def url(machine: Machine, scheme: str = "http") -> str:
    return f"{scheme}://127.0.0.1:{machine.source.address[1]}/rujukan"


def eventually(check: Any, seconds: float = PATIENCE_SECONDS) -> bool:
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if check():
            return True
        time.sleep(0.01)
    return bool(check())


# When it is taken ----------------------------------------------------------------------------------------------


def test_a_post_is_answered_when_the_inbox_has_committed_it_and_a_repeat_too(tmp_path, machine):
    with sqlite3.connect(tmp_path / "inbox.db") as elsewhere:
        for message in MANY:
            assert post(machine, message) == 204
            row = elsewhere.execute("SELECT handled FROM rujukan_cursor").fetchone()
            assert row == (message.sequence,)
    assert [post(machine, message) for message in MANY] == [204] * 10
    assert machine.seen == list(range(1, 11))
    assert machine.subscription.again == 10


def test_while_the_handler_cannot_the_service_is_to_come_again(tmp_path):
    away = Event()

    def handle(delivery: Any) -> None:
        if not away.is_set():
            raise NotNow

    with listening(tmp_path / "inbox.db", answer_seconds=0.3) as machine:
        machine.handle = handle
        answer = httpx.post(url(machine), headers=request(MANY[0])[0], content=request(MANY[0])[1])
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert post(machine, MANY[0]) == 503
        away.set()
        assert eventually(lambda: machine.seen == [1])
        assert eventually(lambda: [post(machine, m) for m in MANY[:2]] == [204, 204])
    assert machine.seen == [1, 2]


def test_while_the_inbox_cannot_be_written_the_service_is_to_come_again(tmp_path):
    with listening(tmp_path / "inbox.db", answer_seconds=0.3) as machine:
        assert eventually(lambda: post(machine, MANY[0]) == 204)
        with sqlite3.connect(tmp_path / "inbox.db", isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")  # as a long backup does
            assert post(machine, MANY[1]) == 503
            other.execute("ROLLBACK")
        assert eventually(lambda: post(machine, MANY[1]) == 204)
    assert machine.seen == [1, 2]


def test_what_fails_for_good_is_a_dead_letter_and_the_next_is_posted(machine):
    def handle(delivery: Any) -> None:
        if delivery.sequence == 2:
            raise RuntimeError

    machine.handle = handle
    assert [post(machine, m) for m in MANY[:3]] == [204] * 3
    assert machine.seen == [1, 3]
    assert machine.subscription.dead == 1


def test_one_that_comes_too_early_is_not_taken_until_the_feed_closed_the_gap(tmp_path):
    with FeedServer(MANY) as server:
        server.token = "another"
        feed = Feed(server.url, TOKEN)
        with listening(tmp_path / "inbox.db", feed=feed, answer_seconds=0.3) as machine:
            assert eventually(lambda: post(machine, MANY[0]) == 204)
            assert post(machine, MANY[4]) == 503
            assert eventually(lambda: machine.subscription.gap == Gap(2, 4))
            server.token = TOKEN
            assert eventually(lambda: post(machine, MANY[4]) == 204)
            assert machine.seen == [1, 2, 3, 4, 5]
            assert eventually(lambda: server.said and server.said[-1].handled and server.said[-1].handled.sequence == 5)
        server.shutdown()


def test_what_waits_when_it_stops_is_posted_again_to_the_next(tmp_path):
    with listening(tmp_path / "inbox.db", answer_seconds=20.0) as machine:
        stuck = Event()
        machine.handle = lambda delivery: stuck.set() or (_ for _ in ()).throw(NotNow)
        answers: list[int] = []
        posting = Thread(target=lambda: answers.append(post(machine, MANY[0])))
        posting.start()
        assert stuck.wait(PATIENCE_SECONDS)
    posting.join(PATIENCE_SECONDS)
    assert answers == [503]
    with listening(tmp_path / "inbox.db") as again:
        assert post(again, MANY[0]) == 204
    assert again.seen == [1]


def test_what_the_service_did_not_sign_inside_is_refused_and_the_real_one_is_taken(machine):
    """So that a service whose key is pinned wrongly does not believe that all was delivered."""
    forged = sealed([made(1)], signer=Ed25519PrivateKey.generate())[0]
    for_another = sealed([made(1)], agency="polres")[0]
    assert [post(machine, m) for m in (forged, for_another, MANY[0])] == [422, 422, 204]
    assert machine.seen == [1]


def test_the_command_listens_and_what_it_handled_before_it_stops_is_taken(tmp_path):
    for name, text in (("rsud.key", KEY.to_json()), ("secret", SECRET.encode())):
        (tmp_path / name).touch(0o600)
        (tmp_path / name).write_bytes(text)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "rujukan.infra.cli", "subscribe", AGENCY, "--key", "rsud.key", "--service-key"]
    command += [encoded_service_key(PINNED), "--listen", f"127.0.0.1:{port}", "--webhook-secret-file", "secret"]
    running = subprocess.Popen([*command, "--stop-after", "2"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    answers: list[int] = []

    def posted() -> bool:
        headers, body = request(MANY[len(answers)])
        with suppress(httpx.ConnectError):
            answers.append(httpx.post(f"http://127.0.0.1:{port}/", headers=headers, content=body).status_code)
        return len(answers) == 2

    assert eventually(posted)
    out, _ = running.communicate(timeout=PATIENCE_SECONDS)
    assert answers == [204, 204]
    assert [msgspec.json.decode(line)["sequence"] for line in out.splitlines()] == [1, 2]
    assert running.returncode == 0


# What is no message --------------------------------------------------------------------------------------------


def test_what_is_not_signed_or_too_old_is_refused(machine, caplog):
    assert post(machine, MANY[0], secret=OTHER) == 401
    assert post(machine, MANY[0], age=400) == 401
    assert post(machine, MANY[0], age=-400) == 401
    headers, body = request(MANY[0])
    assert raw(machine, headers, body.replace(b'"1"', b'"2"', 1)) == 401
    del headers["webhook-signature"]
    assert raw(machine, headers, body) == 401
    assert machine.seen == []
    assert "clocks" in caplog.text
    assert base64.b64encode(b"b" * 32).decode() not in caplog.text


def test_a_signed_request_that_is_no_message_is_refused(machine):
    body = request(MANY[0])[1]
    for answer, wrong, kind in (
        (400, b"{}", "application/cloudevents+json"),
        (400, b"[" * 100_000, "application/cloudevents+json"),
        (400, b"\xff", "application/cloudevents+json"),
        (415, body, "application/json"),
    ):
        now = int(time.time())
        said = signatures([by(SECRET)], SIGNER.sign, "x", now, wrong)
        about = {"content-type": kind, "webhook-id": "x", "webhook-timestamp": str(now), "webhook-signature": said}
        assert raw(machine, about, wrong) == answer
    assert post(machine, MANY[0]) == 204


def test_the_secret_may_be_replaced_while_it_runs_or_be_the_services_public_key(tmp_path):
    keys = [SECRET]
    with listening(tmp_path / "inbox.db", keys=lambda: list(keys)) as machine:
        assert post(machine, MANY[0]) == 204
        keys[:] = [OTHER]
        assert post(machine, MANY[1]) == 401
        assert post(machine, MANY[1], OTHER) == 204
        keys[:] = [shown(SIGNER)]
        assert post(machine, MANY[2], SECRET) == 204
        keys[:] = ["no key"]
        assert post(machine, MANY[3]) == 503


# Strangers -----------------------------------------------------------------------------------------------------


def ask(machine: Machine, text: bytes, seconds: float = 20.0) -> bytes:
    """What comes back to these bytes, until it hangs up."""
    with socket.create_connection(machine.source.address, timeout=seconds) as plain:
        plain.sendall(text)
        found = b""
        while part := plain.recv(65536):
            found += part
        return found


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", 411),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length : 1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", 400),
        (b"\x16\x03\x01 hello\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nA: " + b"a" * 40_000 + b"\r\n\r\n", 431),
    ],
)
def test_what_is_no_request_is_refused_at_once_and_hung_up_on(machine, text, status):
    answer = ask(machine, text)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"onnection: close" in answer


def test_who_drips_is_hung_up_on_and_who_is_silent_gives_way_to_who_speaks(tmp_path):
    limits = Limits(connections=4, read_seconds=0.6)
    with listening(tmp_path / "inbox.db", limits=limits) as machine:
        began = time.monotonic()
        with socket.create_connection(machine.source.address, timeout=300) as slow, suppress(OSError):
            while time.monotonic() - began < 300:
                slow.sendall(b"P")
                time.sleep(0.1)
        assert 0.5 < time.monotonic() - began < 300
    limits = Limits(connections=4, read_seconds=600)
    with listening(tmp_path / "other.db", limits=limits) as machine:
        silent = [socket.create_connection(machine.source.address) for _ in range(20)]
        began = time.monotonic()
        assert post(machine, MANY[0]) == 204
        assert time.monotonic() - began < 300, "nobody was waited for"
        for one in silent:
            one.close()


def test_several_are_taken_over_one_connection(machine):
    with httpx.Client() as client:
        for message in MANY[:4]:
            headers, body = request(message)
            assert client.post(url(machine), headers=headers, content=body).status_code == 204
    assert machine.seen == [1, 2, 3, 4]


def test_over_tls_and_with_a_certificate_that_is_renewed_meanwhile(tmp_path, monkeypatch):
    monkeypatch.setattr("rujukan.consumers.agency.transports.listener.LOOK_SECONDS", 0.1)
    first, second = (certified(make(tmp_path / name), "127.0.0.1") for name in ("first", "second"))
    shown = tmp_path / "shown.pem"
    shown.write_bytes(first.read_bytes())

    def over_tls(trusted: Path, message: Message) -> int:
        headers, body = request(message)
        trust = ssl.create_default_context(cafile=trusted)
        return httpx.post(url(machine, "https"), headers=headers, content=body, verify=trust).status_code

    with listening(tmp_path / "inbox.db", certificate=shown) as machine:
        assert over_tls(first, MANY[0]) == 204
        with pytest.raises(httpx.HTTPError):
            over_tls(second, MANY[1])
        shown.write_bytes(second.read_bytes())

        def taken() -> bool:
            try:
                return over_tls(second, MANY[1]) == 204
            except httpx.HTTPError:
                return False

        assert eventually(taken)
    assert machine.seen == [1, 2]


def make(directory: Path) -> Path:
    directory.mkdir()
    return directory
