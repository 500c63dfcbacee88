"""Another witness, torchwood's litewitness in Go, and ours: it cosigns our log, and both answer the same to the same.

Where there is no Go, or its modules cannot be had, or no ssh-agent, which holds its key, this is skipped.
"""

import os
import random
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from from_registries import fetch
from patience import PATIENCE_SECONDS
from test_ledger import fresh, ledger, public, seal, write  # noqa: F401

from rujukan.consumers.agency.witnessing.witness import Witness
from rujukan.consumers.evidence import merkle, notes
from rujukan.consumers.evidence.add_checkpoint import request
from rujukan.consumers.evidence.checkpoints import Checkpoint
from rujukan.consumers.evidence.coding import to_base64
from rujukan.consumers.evidence.notes import COSIGNATURE, ED25519, Note, PublicKey, SigningKey, parse_signature
from rujukan.consumers.evidence.policies import parse_policy
from rujukan.infra.ledger.witnessing import Asked
from rujukan.infra.services.broker import free_port

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(900)]  # the first build compiles its SQLite

LITEWITNESS = "filippo.io/torchwood/cmd/litewitness@v0.9.0"
NAME = "litewitness.example/w"


class Other(NamedTuple):
    """A litewitness that runs."""

    url: str
    key: PublicKey
    database: Path

    def knows(self, log: PublicKey) -> None:
        """As its operator has it know a log, of which it has seen nothing."""
        with closing(sqlite3.connect(self.database, 30)) as db, db:
            db.execute("INSERT INTO log VALUES (?, 0, ?)", (log.name, to_base64(merkle.EMPTY_ROOT)))
            db.execute("INSERT INTO key VALUES (?, ?)", (log.name, log.vkey))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    go = shutil.which("go")
    if go is None or shutil.which("ssh-agent") is None:
        pytest.skip("there is no Go, or no ssh-agent")
    bin = tmp_path_factory.mktemp("bin")
    fetch(
        "Go's modules, for a Go that is new enough", [go, "install", LITEWITNESS], env={**os.environ, "GOBIN": str(bin)}
    )
    return bin / "litewitness"


@pytest.fixture
def other(program: Path, tmp_path: Path) -> Iterator[Other]:
    with tempfile.TemporaryDirectory() as short:  # the path of a socket has about a hundred characters
        agent, key, database = f"{short}/a", tmp_path / "key", tmp_path / "litewitness.db"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        holding = subprocess.Popen(["ssh-agent", "-D", "-a", agent], stdout=subprocess.DEVNULL)
        until(lambda: Path(agent).exists())
        named = {**os.environ, "SSH_AUTH_SOCK": agent}
        subprocess.run(["ssh-add", "-q", str(key)], env=named, check=True, stderr=subprocess.DEVNULL)
        shown = subprocess.run(["ssh-keygen", "-l", "-f", str(key)], capture_output=True, text=True, check=True)
        at = f"127.0.0.1:{free_port()}"
        said = ["-db", str(database), "-name", NAME, "-ssh-agent", agent, "-key", shown.stdout.split()[1]]
        log = tmp_path / "litewitness.log"
        with log.open("wb") as out:
            running = subprocess.Popen([str(program), *said, "-listen", at], stderr=out, stdout=out)
        try:
            until(lambda: "listening" in log.read_text() or running.poll() is not None)
            (vkey,) = (word for word in log.read_text().split() if word.startswith("vkey="))
            until(lambda: answers(at))
            yield Other(f"http://{at}", notes.parse_vkey(vkey.removeprefix("vkey=").strip('"')), database)
        finally:
            for child in (running, holding):
                child.terminate()
                child.wait(PATIENCE_SECONDS)


def answers(at: str) -> bool:
    try:
        httpx.get(f"http://{at}/")
    except httpx.HTTPError:
        return False
    return True


def until(condition: object) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < give_up
        time.sleep(0.05)


def test_it_cosigns_our_log_as_it_grows_and_its_cosignatures_meet_a_policy(fresh, ledger, other):  # noqa: F811
    log = public(fresh)[0]
    other.knows(log)
    policy = parse_policy(f"log {log.vkey}\nwitness lite {other.key.vkey}\nquorum lite\n".encode())
    with httpx.Client() as http:
        for count in (1, 1, 2, 5, 300):
            write(fresh, count)
            seal(fresh)
            asked = Asked(other.url, other.key, http)  # a new process each time, which learns the size by 409
            assert asked.ask(ledger.newest(), ledger) == 1
            assert set(policy.check(ledger.newest()).witnesses) == {"lite"}


def history(text: bytes, most: int, common: int) -> list[bytes]:
    return [merkle.leaf_hash(b"%d" % n if n < common else b"%s %d" % (text, n)) for n in range(most)]


def test_both_answer_the_same_to_the_same(other, tmp_path):
    """Checkpoints of two histories, with proofs of either, whole and damaged; and what is no request."""
    chance = random.Random(7)
    log, stranger = (SigningKey("rujukan.example/log", ED25519, seed * 32) for seed in (b"1", b"2"))
    other.knows(log.public)
    ours = Witness(tmp_path / "ours.db", [SigningKey("w.example", COSIGNATURE, b"7" * 32)], [log.public])
    trees = [history(b"honest", 90, 0), history(b"honest", 90, 0), history(b"fork", 90, 20)]
    trees[1] = trees[0]
    statuses: list[int] = []

    def head(leaves: list[bytes], size: int, key: SigningKey = log, name: str = "rujukan.example/log") -> Note:
        text = Checkpoint(name, size, merkle.root_of(leaves[:size])).text
        return Note(text, (key.sign(text),))

    with httpx.Client() as http:
        for _ in range(400):
            seen = ours.seen("rujukan.example/log").size
            leaves, proving = chance.choice(trees), chance.choice(trees)
            size = chance.randint(max(0, seen - 2), min(90, seen + 3))
            old = chance.choice((seen, seen, seen, chance.randint(0, size + 1)))
            hashes = (
                merkle.consistency_proof(old, size, lambda start, end, of=proving: merkle.root_of(of[start:end]))
                if old <= size
                else []
            )
            if old and hashes:
                hashes = chance.choice((hashes, hashes, hashes[:-1], hashes[::-1], [*hashes, bytes(32)]))
            note = chance.choice((head(leaves, size),) * 6 + (head(leaves, size, stranger),))
            if old == 0 and (hashes or size == 0):
                continue  # it looks at no proof from nothing, and at no root of nothing
            body = request(old, hashes, note)
            body = chance.choice((body,) * 9 + (body.replace(b"old ", b"new "), body.replace(b"\n\n", b"\n", 1)))
            answer = ours.add_checkpoint(body)
            theirs = http.post(f"{other.url}/add-checkpoint", content=body)
            told = 409 if ours.alarms() and old != seen else answer.status  # a fork is told before what else is wrong
            assert theirs.status_code == told, (seen, old, size, body)
            statuses.append(told)
            if answer.status == told == 409:
                assert theirs.content == answer.body
                assert theirs.headers["Content-Type"] == answer.media_type
            if answer.status == 200:
                cosigned = Note(note.text, (parse_signature(theirs.text.removesuffix("\n")),))
                assert set(notes.verify(cosigned, [other.key])) == {other.key}
            ours._db.execute("DELETE FROM evidence")  # it raises no alarm, and goes on
            ours._db.execute("DELETE FROM heads WHERE NOT proven")
        elsewhere = request(0, [], head(trees[0], 3, SigningKey("else.example", ED25519, b"1" * 32), "else.example"))
        assert http.post(f"{other.url}/add-checkpoint", content=elsewhere).status_code == 404
        assert ours.add_checkpoint(elsewhere).status == 404
    assert {200, 400, 403, 409, 422} <= set(statuses)
    ours.close()
