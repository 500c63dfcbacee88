"""Clients of the API that never come to an end: they are hung up on in time, and cost nobody else anything."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from urllib.parse import urlsplit

import pytest
from feeding import Feeding, eventually, serving
from patience import PATIENCE_SECONDS

from rujukan.api import requests
from rujukan.api.gate import ACKNOWLEDGED_SECONDS
from rujukan.api.limits import Limits
from rujukan.domain.codes import Role
from rujukan.domain.delivery import delivery_stream
from rujukan.infra.settings import Settings
from rujukan.infra.slow_heads import Protocol

OPENING = b'{"channel":"hotline","reporter":"survivor","urgency":"emergency","age_group":"adult"}'
SOON = 1.0


@pytest.fixture(scope="module")
def feeding(settings: Settings) -> Iterator[Feeding]:
    with serving(settings) as served:
        yield served


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "BODY_SECONDS", SOON)
    monkeypatch.setattr(Protocol, "head_seconds", SOON)


class Client:
    """A socket to the API, on which is said what a client would not."""

    def __init__(self, feeding: Feeding) -> None:
        at = urlsplit(feeding.url)
        self.socket = socket.create_connection((at.hostname, at.port), timeout=PATIENCE_SECONDS)
        self.close = self.socket.close

    def drips(self, text: bytes, pause: float = 0.1) -> None:
        """Byte by byte, until the other side has had enough."""
        with suppress(OSError):
            for n in range(len(text)):
                self.socket.sendall(text[n : n + 1])
                time.sleep(pause)
                if self.has_answer():
                    return

    def has_answer(self) -> bool:
        """Whether something came, or it was hung up."""
        self.socket.setblocking(False)
        try:
            self.socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            self.socket.settimeout(PATIENCE_SECONDS)
        return True

    def rest(self) -> bytes:
        """What is answered until it is hung up."""
        parts = []
        with suppress(ConnectionError):
            while part := self.socket.recv(65536):
                parts.append(part)
        return b"".join(parts)


def head(feeding: Feeding, length: int, method: str = "POST", role: Role = Role.CASE_WORKER) -> bytes:
    token = feeding.client("uptd-ppa", role).headers["authorization"]
    return (
        f"{method} /cases HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nPurpose-Of-Use: care\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def answering(feeding: Feeding, said: bytes, answer: bytes = b"") -> Client:
    """A client that said this before it was hung up on as too slow, and was answered so."""
    while True:
        client = Client(feeding)
        with suppress(ConnectionError):
            client.socket.sendall(said)
            if not answer or (heard := client.socket.recv(len(answer))):
                assert not answer or heard == answer
                return client
        client.close()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """With heads: here it is the body that is slow."""
    monkeypatch.setattr(Protocol, "head_seconds", PATIENCE_SECONDS)


@pytest.mark.usefixtures("patient")
@pytest.mark.thorough
def test_a_body_that_drips_is_answered_408_and_hung_up_on(feeding: Feeding) -> None:
    began = time.monotonic()
    with closing(answering(feeding, head(feeding, len(OPENING)))) as client:
        client.drips(OPENING)
        answer = client.rest()
        assert SOON - 0.1 < time.monotonic() - began < 300 * SOON
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"content-type: application/problem+json" in answer.lower()
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["type"] == "urn:rujukan:problem:too-slow"


@pytest.mark.thorough
@pytest.mark.usefixtures("patient")
def test_a_body_on_a_slow_line_that_gets_on_is_taken(feeding: Feeding, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "SLOWEST", 64)  # a line that is slower yet, where it must wait for a processor
    body, piece = OPENING.ljust(160 * 1024), 4096
    began = time.monotonic()
    with closing(answering(feeding, head(feeding, len(body)) + body[:piece])) as client:
        for n in range(piece, len(body), piece):
            time.sleep(3 * SOON * piece / len(body))
            client.socket.sendall(body[n : n + piece])
        assert time.monotonic() - began > 2 * SOON
        assert client.socket.recv(65536).startswith(b"HTTP/1.1 201 ")


@pytest.mark.thorough
@pytest.mark.parametrize("text", [b"", b"GET /health HT", b"GET /openapi.json HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 99])
def test_a_head_that_never_ends_is_hung_up_on(feeding: Feeding, text: bytes) -> None:
    began = time.monotonic()
    with closing(Client(feeding)) as client:
        client.drips(text)
        assert client.rest() == b""
        assert SOON - 0.1 < time.monotonic() - began < 300 * SOON


@pytest.mark.thorough
def test_so_is_the_head_of_a_second_request_and_a_body_that_nobody_reads(feeding: Feeding) -> None:
    for more in (b"GET /open", b"x" * 9):
        first = head(feeding, 0 if more.startswith(b"GET") else 99, "GET").replace(b"/cases", b"/openapi.json")
        with closing(answering(feeding, first, b"HTTP/1.1 200 ")) as client:
            client.drips(more)
            client.rest()


@pytest.mark.thorough
def test_a_stream_is_not_hung_up_on_while_nothing_happens(feeding: Feeding) -> None:
    token = feeding.client("rsud", Role.INTEGRATOR).headers["authorization"]
    asking = f"GET /subscription/stream?after=0 HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n\r\n".encode()
    with closing(answering(feeding, asking, b"HTTP/1.1 200 ")) as client:
        client.socket.settimeout(3 * SOON)
        with suppress(TimeoutError):
            while client.socket.recv(65536):
                pass
            pytest.fail("it was hung up")


def test_hundreds_of_them_keep_no_colleague_waiting(feeding: Feeding) -> None:
    person = feeding.client("uptd-ppa", Role.CASE_WORKER)
    begun = head(feeding, 99, role=Role.SUPERVISOR)
    with ExitStack() as open_ones:
        for n in range(300):
            client = open_ones.enter_context(closing(Client(feeding)))
            client.socket.sendall(begun if n % 2 else begun[:9])
        began = time.monotonic()
        assert person.post("/cases", json=json.loads(OPENING)).status_code == 201
        assert time.monotonic() - began < 300


EACH_SECOND = Limits().acknowledgements
AT_ONCE = int(EACH_SECOND * ACKNOWLEDGED_SECONDS)


@pytest.mark.thorough
def test_who_acknowledges_in_a_tight_loop_is_told_to_wait_and_harms_nobody(feeding: Feeding) -> None:
    feeding.case_with("rsud")
    feeding.case_with("lbh")
    assert feeding.head("rsud")
    eager, other = feeding.client("rsud", Role.INTEGRATOR), feeding.client("lbh", Role.INTEGRATOR)
    said = {"failed": [{"sequence": 1, "reason": "cannot-open"}]}
    began = time.monotonic()
    answers = [eager.post("/subscription/acknowledgements", json=said) for _ in range(4 * AT_ONCE)]
    allowed = AT_ONCE + (time.monotonic() - began) * EACH_SECOND + 1
    taken = [answer for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(taken) + len(refused) == len(answers)
    assert AT_ONCE <= len(taken) <= allowed
    if refused:  # on a machine that is fast enough to be too fast
        assert refused[0].headers["retry-after"] == "1"
        assert refused[0].json()["type"] == "urn:rujukan:problem:too-many"
    assert other.post("/subscription/acknowledgements", json={}).status_code == 200
    assert len(list(feeding.office.ports.log.read(delivery_stream("rsud")))) == 1, "what says nothing new is no event"
    assert eventually(lambda: eager.post("/subscription/acknowledgements", json=said).status_code == 200)
