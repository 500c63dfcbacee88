"""Witnesses and logs that mean harm: forks through two processes, kills, floods, slow and endless answers, replays."""

import http.server
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Barrier, Event, Thread
from typing import Any

import httpx
import pytest
from patience import PATIENCE_SECONDS
from some import some
from test_ledger import fresh, ledger, public, seal, write  # noqa: F401

from rujukan.consumers.agency.witnessing.at_work import (
    LONGEST_PAUSE,
    UNREACHABLE,
    LogClient,
    WitnessServer,
    follow,
    watch,
)
from rujukan.consumers.agency.witnessing.witness import MOST_ALARMS, Witness
from rujukan.consumers.evidence import merkle, notes, policies
from rujukan.consumers.evidence.add_checkpoint import request
from rujukan.consumers.evidence.checkpoints import Checkpoint
from rujukan.consumers.evidence.notes import COSIGNATURE, COSIGNATURE_ML_DSA, ED25519, Note, SigningKey
from rujukan.consumers.evidence.refused import NotProven
from rujukan.consumers.evidence.tiles import ENTRIES, Tile, TiledTree
from rujukan.infra.ledger import witnessing as asking
from rujukan.infra.ledger.log_key import LogKey
from rujukan.infra.ledger.witnessing import Asked, Refused, ask_witnesses

LOG = LogKey(
    SigningKey("example.com/log", ED25519, b"1" * 32), SigningKey("example.com/log", COSIGNATURE_ML_DSA, b"2" * 32)
)
SEED = b"7" * 32


def tree(*entries: bytes) -> list[bytes]:
    return [merkle.leaf_hash(e) for e in entries]


def head(leaves: list[bytes]) -> Note:
    return LOG.sign(len(leaves), merkle.root_of(leaves), 1_800_000_000)


def proof(leaves: list[bytes], old: int) -> list[bytes]:
    return merkle.consistency_proof(old, len(leaves), lambda start, end: merkle.root_of(leaves[start:end]))


def asked(leaves: list[bytes], old: int) -> bytes:
    return request(old, proof(leaves, old), head(leaves))


GROWN = tree(*(bytes((n,)) for n in range(40)))


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Witness]]:
    made: list[Witness] = []

    def open_one(**more: Any) -> Witness:
        keys = [SigningKey("w.example", kind, SEED) for kind in (COSIGNATURE_ML_DSA, COSIGNATURE)]
        made.append(Witness(tmp_path / "w.db", keys, LOG.public, **more))
        return made[-1]

    yield open_one
    for witness in made:
        witness.close()


# Two on one file ------------------------------------------------------------------------------------------------------


@pytest.mark.thorough
@pytest.mark.parametrize("old", [0, 3])
def test_two_on_one_file_do_not_cosign_two_histories(opened, old):
    """As two processes have it: a connection each. Both are asked for another history at one moment."""
    for round in range(15):
        start = GROWN[: old + round + 1]
        first, second = opened(), opened()
        seen = first.seen(LOG.origin).size
        assert first.add_checkpoint(asked(start, seen)).status == 200
        answers: dict[int, int] = {}
        together = Barrier(2)

        def ask(n: int, witness: Witness, start: list[bytes] = start, answers: dict[int, int] = answers) -> None:
            mine = [*start, *tree(b"history %d" % n)]
            together.wait()  # noqa: B023
            answers[n] = witness.add_checkpoint(asked(mine, len(start))).status

        threads = [Thread(target=ask, args=(n, w)) for n, w in enumerate((first, second))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers.values()) == [200, 422]
        assert [e.why for e in first.alarms()] == ["the log has two trees of one size"]
        with sqlite3.connect(first._db.execute("PRAGMA database_list").fetchone()[2]) as db:
            db.execute("DELETE FROM cosigned")
            db.execute("DELETE FROM heads")
            db.execute("DELETE FROM evidence")
        db.close()


def test_whoever_finds_the_file_held_waits_and_whoever_cannot_keep_does_not_cosign(opened, monkeypatch):
    monkeypatch.setattr("rujukan.consumers.agency.witnessing.witness.BUSY_SECONDS", 0.2)
    witness, other = opened(), opened()
    other._db.execute("BEGIN IMMEDIATE")
    answer = witness.add_checkpoint(asked(GROWN, 0))
    assert answer.status == 500
    assert b"\xe2\x80\x94" not in answer.body
    other._db.execute("COMMIT")
    assert witness.add_checkpoint(asked(GROWN, 0)).status == 200


def test_what_is_not_kept_is_not_cosigned(opened):
    """The disk is full when the transaction ends."""
    witness = opened()
    witness._db.execute("PRAGMA query_only = 1")
    assert witness.add_checkpoint(asked(GROWN, 0)).status == 500
    assert witness.cosigned("") is None
    assert witness.seen(LOG.origin).size == 0
    witness._db.execute("PRAGMA query_only = 0")
    assert witness.add_checkpoint(asked(GROWN, 0)).status == 200


SERVE = """
import sys
from pathlib import Path
from rujukan.consumers.evidence.notes import COSIGNATURE, SigningKey, parse_vkey
from rujukan.consumers.agency.witnessing.witness import Witness
from rujukan.consumers.agency.witnessing.at_work import WitnessServer
witness = Witness(Path(sys.argv[1]), [SigningKey("w.example", COSIGNATURE, b"7" * 32)], [parse_vkey(sys.argv[2])])
server = WitnessServer(witness)
print(server.url, flush=True)
server.serve_forever()
"""


@pytest.mark.thorough
def test_a_witness_killed_at_any_moment_never_goes_back_on_what_it_answered(tmp_path):
    """Killed between its writing and its answer too: it then cosigns the same tree again, and no other of that size."""
    answered, size = 0, 0
    for n in range(8):
        child = subprocess.Popen(
            [sys.executable, "-c", SERVE, tmp_path / "w.db", LOG.public[0].vkey], stdout=subprocess.PIPE, text=True
        )
        url = child.stdout.readline().strip() + "/add-checkpoint"
        killer = threading.Timer(0.01 * n, child.send_signal, (signal.SIGKILL,))
        killer.start()
        try:
            while size < len(GROWN):
                answer = httpx.post(url, content=asked(GROWN[: size + 1], size), timeout=PATIENCE_SECONDS)
                if answer.status_code == 409:
                    size = int(answer.text)
                    continue
                assert answer.status_code == 200
                size = answered = size + 1
        except httpx.HTTPError:
            pass
        killer.join()
        child.kill()
        child.wait()
        child.stdout.close()
    keys = [SigningKey("w.example", COSIGNATURE, SEED)]
    witness = Witness(tmp_path / "w.db", keys, LOG.public)
    seen = witness.seen(LOG.origin)
    assert seen.size >= answered
    assert seen.root == merkle.root_of(GROWN[: seen.size])
    if seen.size:
        assert witness.add_checkpoint(asked(GROWN[: seen.size], seen.size)).status == 200
        other = [*GROWN[: seen.size - 1], *tree(b"another")]
        assert witness.add_checkpoint(request(seen.size, [], head(other))).status == 422
    witness.close()


# What a log, or who replays it, may send ------------------------------------------------------------------------------


def test_one_lie_is_one_alarm_however_it_is_dressed(opened):
    alarms: list[Any] = []
    witness = opened(alarm=alarms.append)
    witness.add_checkpoint(asked(GROWN, 0))
    fork = head([*GROWN[:-1], *tree(b"another")])
    for old in range(10):
        for hashes in ([], [bytes(32)], [os.urandom(32)]):
            for signatures in (fork.signatures, fork.signatures[:1], fork.signatures[1:], fork.signatures * 20):
                note = Note(fork.text, signatures)
                assert witness.add_checkpoint(request(old, hashes, note)).status in (403, 422)
    assert len(alarms) == len(witness.alarms()) == 1


@pytest.mark.thorough
def test_a_log_that_lies_a_thousand_times_does_not_fill_the_disk(opened):
    witness = opened(alarm=lambda _: None)
    witness.add_checkpoint(asked(GROWN, 0))
    for n in range(MOST_ALARMS + 50):
        assert witness.add_checkpoint(request(0, [], head([*GROWN[:-1], *tree(b"%d" % n)]))).status == 422
    assert len(witness.alarms()) == MOST_ALARMS


def test_an_alarm_that_cannot_be_passed_on_is_kept_and_answered(opened):
    def broken(_: object) -> None:
        raise FileNotFoundError("no such command")

    witness = opened(alarm=broken)
    witness.add_checkpoint(asked(GROWN, 0))
    assert witness.add_checkpoint(request(0, [], head([*GROWN[:-1], *tree(b"x")]))).status == 422
    assert len(witness.alarms()) == 1


def test_lines_that_no_signature_of_the_log_covers_are_not_cosigned(opened):
    """The log's ML-DSA signature covers origin, size and root. A stranger adds a line below them."""
    witness = opened()
    honest = head(GROWN)
    note = Note(honest.text + "the log agrees to this\n", honest.signatures[1:])
    notes.verify(note, LOG.public)
    assert witness.add_checkpoint(request(0, [], note)).status == 403
    assert witness.seen(LOG.origin).size == 0
    assert witness.add_checkpoint(request(0, [], Note(honest.text, honest.signatures[1:]))).status == 200


def test_a_signature_said_a_hundred_times_is_kept_once(opened):
    witness = opened()
    honest = head(GROWN)
    assert witness.add_checkpoint(request(0, [], Note(honest.text, honest.signatures[:1] * 128))).status == 200
    row = witness._db.execute("SELECT note FROM cosigned").fetchone()
    assert len(notes.parse_note(row[0]).signatures) == 3


@pytest.mark.parametrize("now", [-1e12, -1.0, 0.0, 1e18, 1e30])
def test_a_clock_that_is_wrong_stops_no_witness(opened, now):
    witness = opened(now=lambda: now)
    answer = witness.add_checkpoint(asked(GROWN, 0))
    assert answer.status == 200
    cosigned = Note(head(GROWN).text, tuple(notes.parse_signature(x) for x in answer.body.decode().splitlines()))
    assert len(notes.verify(cosigned, [k.public for k in witness.keys])) == 2


def test_an_old_checkpoint_sent_again_changes_nothing(opened):
    witness = opened()
    for size in range(1, len(GROWN)):
        assert witness.add_checkpoint(asked(GROWN[:size], size - 1)).status == 200
    for size in range(1, len(GROWN) - 1):
        assert witness.add_checkpoint(asked(GROWN[:size], size - 1)).status == 409
    assert not witness.alarms()
    assert witness.seen(LOG.origin).size == len(GROWN) - 1


# A witness's server ---------------------------------------------------------------------------------------------------

RAW = {
    "no length": b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\n\r\n",
    "a length that is no number": b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: \xb2\r\n\r\n",
    "a length of many digits": b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: "
    + b"9" * 5000
    + b"\r\n\r\n",
    "a length below nothing": b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "a length that is too large": b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n",
    "chunks": b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "rubbish": b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n\xff\xff\xff\xff",
    "another path": b"POST //add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.thorough
@pytest.mark.parametrize("kind", RAW)
def test_a_witness_answers_rubbish_with_a_status_and_goes_on(opened, kind, capfd):
    witness = opened()
    with WitnessServer(witness) as server:
        server.start()
        with socket.create_connection(server.server_address[:2], timeout=PATIENCE_SECONDS) as line:
            line.sendall(RAW[kind])
            said = line.recv(4096)
        assert said.split(b" ")[1] in (b"400", b"404")
        assert httpx.post(f"{server.url}/add-checkpoint", content=asked(GROWN, 0)).status_code == 200
        server.shutdown()
    assert "Traceback" not in capfd.readouterr().err


# A log that an agency's witness fetches from --------------------------------------------------------------------------


class Answering(http.server.BaseHTTPRequestHandler):
    """Answers as the test says."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.answer(self)

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def says(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def endless(self, piece: bytes, pause: float = 0) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while not self.server.over.is_set():
                self.wfile.write(piece)
                self.server.over.wait(pause)
        except OSError:
            pass
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(answer: Callable[[Any], None]) -> Iterator[Any]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.daemon_threads = True
    server.answer, server.asked, server.over = answer, [], Event()
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def hurried(monkeypatch):
    monkeypatch.setattr("rujukan.consumers.agency.witnessing.at_work.SECONDS", 0.5)
    monkeypatch.setattr(asking, "SECONDS", 0.5)


@pytest.mark.thorough
@pytest.mark.parametrize("to", ["http", "file", "ftp"])
def test_a_log_sends_its_witness_nowhere_else(opened, to):
    with serving(lambda h: h.says(200, head(GROWN).data)) as elsewhere:
        target = {"http": elsewhere.url + "/checkpoint", "file": "file:///etc/passwd", "ftp": "ftp://127.0.0.1/x"}[to]
        with serving(lambda h: h.says(302, b"", Location=target)) as log:
            with pytest.raises(OSError, match="302"):
                watch(opened(), LogClient(log.url))
            with pytest.raises(OSError, match="302"):
                LogClient(log.url).bring(head(GROWN))
        assert elsewhere.asked == []


@pytest.mark.parametrize("scheme", ["file:///etc/passwd", "ftp://x/", "data:,x", "//x", "/etc/passwd"])
def test_a_log_is_asked_over_http_alone(scheme):
    with pytest.raises(ValueError, match="http"):
        LogClient(scheme)


@pytest.mark.thorough
@pytest.mark.parametrize("pause", [0, 0.05])
def test_a_log_that_never_stops_answering_is_left(opened, hurried, pause):
    began = time.monotonic()
    piece = b"x" * (100_000 if not pause else 1)
    left = pytest.raises((*UNREACHABLE, NotProven))
    with serving(lambda h: h.endless(piece, pause)) as log, left:
        watch(opened(), LogClient(log.url))
    assert time.monotonic() - began < 300


@pytest.mark.thorough
@pytest.mark.parametrize("tile", some([b"", b"x", bytes(31), bytes(33), bytes(256 * 32), bytes(10**6)]))
def test_a_log_of_more_leaves_than_there_can_be_is_asked_for_few_tiles_and_not_believed(opened, tile):
    witness = opened()
    witness.add_checkpoint(asked(GROWN, 0))
    for size in (10**6, 2**40 + 12345, 2**63 - 1):
        vast = LOG.sign(size, os.urandom(32), 0)

        def answer(h: Any, vast: Note = vast) -> None:
            h.says(200, vast.data if h.path == "/checkpoint" else tile)

        with serving(answer) as log:
            with pytest.raises(NotProven):
                watch(witness, LogClient(log.url))
            assert len(log.asked) < 200
    assert not witness.alarms()
    assert witness.seen(LOG.origin).size == len(GROWN)


class Told:
    """A stop that comes after so many looks, and keeps how long was waited after each."""

    def __init__(self, looks: int) -> None:
        self.waited: list[float] = []
        self._looks = looks

    def is_set(self) -> bool:
        return len(self.waited) == self._looks

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        return self.is_set()


@pytest.mark.parametrize("away", [ConnectionRefusedError, NotProven])
def test_a_log_that_is_away_is_asked_less_and_less_often_and_not_by_all_at_once(opened, away, monkeypatch, caplog):
    looks = iter([True, *[False] * 12, True, False])

    def look(*_: object) -> None:
        if not next(looks):
            raise away

    monkeypatch.setattr("rujukan.consumers.agency.witnessing.at_work.watch", look)
    stop = Told(15)
    follow(opened(), LogClient("http://127.0.0.1:1"), stop, 1.0)  # type: ignore[arg-type]
    first, *failed, back, again = stop.waited
    assert (first, back) == (1.0, 1.0)
    for n, waited in enumerate(failed, 1):
        assert 0.5 <= waited / min(2.0**n, LONGEST_PAUSE) <= 1
    assert 1 <= again <= 2
    assert len(set(failed)) == len(failed)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == len(failed) + 1
    assert all(f"again in {waited:.1f} s" in line for line, waited in zip(said, [*failed, again], strict=True))


def test_tiles_that_grew_and_are_kept_no_more_are_read_from_the_full_ones():
    full = tree(*(b"%d" % n for n in range(256)))
    held = Tile(0, 0, 40)

    def answer(h: Any) -> None:
        h.says(200, b"".join(full)) if h.path == "/tile/0/000" else h.says(404, b"")

    with serving(answer) as log:
        client = LogClient(log.url)
        assert client.tile(held) == b"".join(full[:40])
        assert client.tree(40).root == merkle.root_of(full[:40])
        with pytest.raises(OSError, match="404"):
            client.tile(held._replace(level=ENTRIES))


def test_what_could_not_be_brought_is_brought_the_next_time_also_by_another_process(opened):
    taken: list[bytes] = []
    up = Event()

    def answer(h: Any) -> None:
        if h.command == "POST" and up.is_set():
            taken.append(h.body)
        if h.command == "POST":
            h.says(200 if up.is_set() else 503, b"")
        elif h.path == "/checkpoint":
            h.says(200, head(GROWN).data)
        else:
            h.says(200, b"".join(GROWN))

    with serving(answer) as log:
        first, client = opened(), LogClient(log.url)
        with pytest.raises(OSError, match="503"):
            watch(first, client)
        up.set()
        assert not watch(opened(), LogClient(log.url))
        assert not watch(first, client)
        assert not watch(first, client)
    assert len(taken) == 2
    cosigned = notes.parse_note(taken[0])
    assert len(notes.verify(cosigned, [k.public for k in first.keys])) == 2


def test_a_log_that_shows_less_than_before_is_refused_and_what_it_shows_is_kept(opened):
    """Its tiles are gone: nobody can say whether that was its tree."""
    witness = opened()
    witness.add_checkpoint(asked(GROWN, 0))

    def gone(tile: Tile) -> bytes:
        raise ConnectionError(tile.path)

    for size in (10, 10, 5):
        with pytest.raises(NotProven, match=f"shows {size} leaves; 40 were"):
            witness.follow(head(GROWN[:size]), lambda size: TiledTree(size, gone))
    assert not witness.alarms()
    assert sorted(head.size for head in witness.unproven(LOG.origin)) == [5, 10]


# A witness that the log asks ------------------------------------------------------------------------------------------


class Tree:
    """What a ledger gives to who asks witnesses: proofs, and a place for cosignatures."""

    def __init__(self) -> None:
        self.taken: list[Any] = []

    def tree(self, size: int) -> Any:
        leaves = GROWN[:size]

        class Of:
            def consistency(self, old: int) -> list[bytes]:
                return proof(leaves, old)

        return Of()

    def take_cosignatures(self, checkpoint: Checkpoint, signatures: Any) -> int:
        self.taken += signatures
        return len(signatures)

    def newest(self) -> Note:
        return head(GROWN)


WITNESS = SigningKey("w.example", COSIGNATURE, SEED)
OTHERS = SigningKey("w.example", COSIGNATURE, b"8" * 32)


def cosignature(text: str = head(GROWN).text, key: SigningKey = WITNESS) -> bytes:
    return key.sign(text, 1_800_000_000).line.encode()


ANSWERS: dict[str, tuple[int, bytes]] = {
    "nothing": (200, b""),
    "rubbish": (200, b"\xff\xfe\x00"),
    "no signature": (200, b"thank you\n"),
    "for another checkpoint": (200, cosignature(head(GROWN[:5]).text)),
    "with another key": (200, cosignature(key=OTHERS)),
    "a line of another separator": (200, cosignature().replace(b"\n", b"\x0c")),
    "much": (200, cosignature() * 2000),
    "409 with rubbish": (409, b"\xff"),
    "409 with words": (409, b"five\n"),
    "409 with too many digits": (409, b"9" * 100),
    "409 below nothing": (409, b"-1\n"),
    "409 beyond the tree": (409, b"9223372036854775807\n"),
    "409 and again": (409, b"3\n"),
    "a redirection": (307, b""),
    "an error": (500, b"sorry"),
}


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ANSWERS)
def test_whatever_a_witness_answers_only_its_cosignature_of_this_checkpoint_is_taken(kind):
    status, body = ANSWERS[kind]
    store = Tree()
    with serving(lambda h: h.says(status, body, Location="http://127.0.0.1:1/")) as server, httpx.Client() as client:
        asked_one = Asked(server.url, WITNESS.public, client)
        for _ in range(2):
            with pytest.raises(Refused):
                asked_one.ask(head(GROWN), store)
        assert store.taken == []
        server.answer = lambda h: h.says(200, cosignature())
        assert asked_one.ask(head(GROWN), store) == 1  # it may have been mistaken: it is asked again


def test_a_cosignature_among_others_is_taken_alone():
    store = Tree()
    lines = cosignature() + OTHERS.sign(head(GROWN).text, 5).line.encode()
    with serving(lambda h: h.says(200, lines)) as server, httpx.Client() as client:
        assert Asked(server.url, WITNESS.public, client).ask(head(GROWN), store) == 1
    assert [s.key_id for s in store.taken] == [WITNESS.public.key_id]


@pytest.mark.thorough
@pytest.mark.parametrize("pause", [0, 0.05])
def test_a_witness_that_never_stops_answering_is_left(hurried, pause):
    began = time.monotonic()
    piece = b"x" * (10_000 if not pause else 1)
    with serving(lambda h: h.endless(piece, pause)) as server, httpx.Client() as client, pytest.raises(Refused):
        Asked(server.url, WITNESS.public, client).ask(head(GROWN), Tree())
    assert time.monotonic() - began < 300


@pytest.mark.thorough
def test_a_slow_witness_keeps_no_other_waiting_and_one_that_was_away_is_asked_again(
    fresh,  # noqa: F811
    ledger,  # noqa: F811
    tmp_path,
    monkeypatch,
):
    """On a real ledger that gets no new event meanwhile."""

    monkeypatch.setattr(asking, "AGAIN_SECONDS", 0.3)
    write(fresh, 3)
    seal(fresh)
    up = Event()
    keys = {
        name: SigningKey(f"{name}.example", COSIGNATURE, os.urandom(32)) for name in ("slow", "away", "bad", "good")
    }
    witnesses = {n: Witness(tmp_path / f"{n}.db", [k], public(fresh)) for n, k in keys.items()}

    def answer(name: str) -> Callable[[Any], None]:
        def says(h: Any) -> None:
            if name == "slow":
                h.server.over.wait(60)
            if name == "bad" or (name == "away" and not up.is_set()):
                return h.says(500, b"")
            found = witnesses[name].add_checkpoint(h.body)
            return h.says(found.status, found.body)

        return says

    stop = Event()
    with ExitStack() as open_now:
        servers = {name: open_now.enter_context(serving(answer(name))) for name in keys}
        lines = "".join(f"witness {n} {k.public.vkey} {servers[n].url}\n" for n, k in keys.items())
        policy = tmp_path / "policy"
        policy.write_text("half of a policy\n")
        thread = Thread(target=ask_witnesses, args=(ledger, policy, stop), daemon=True)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        policy.write_text(f"log {public(fresh)[0].vkey}\n{lines}quorum good\n")
        try:
            until(lambda: "good" in seen(ledger, policy))
            assert "away" not in seen(ledger, policy)
            up.set()
            until(lambda: {"good", "away"} <= seen(ledger, policy))
            assert len(servers["good"].asked) < 4
        finally:
            stop.set()
            servers["slow"].over.set()
            thread.join(PATIENCE_SECONDS)
    for witness in witnesses.values():
        witness.close()


def seen(store: Any, policy: Path) -> set[str]:
    try:
        return set(policies.parse_policy(policy.read_bytes())._replace(quorum=b"none").check(store.newest()).witnesses)
    except NotProven:
        return set()


def until(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.05)
