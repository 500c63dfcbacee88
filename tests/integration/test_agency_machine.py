"""An agency's machine: the command line with nothing but the agency extra, its sinks, and kill -9 at any moment."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from feed_server import TOKEN, FeedServer
from msgspec.structs import replace
from patience import PATIENCE_SECONDS
from told import AGENCY, CASES, KEY, PINNED, asked_to_delete, delivery, sealed, told

from rujukan.consumers.agency.inbox.handling import NotNow
from rujukan.consumers.agency.subscribing import sinks
from rujukan.consumers.wire.envelope import encoded_service_key

SERVER_PARTS = ("psycopg", "psycopg_pool", "eventsourcing", "fastapi", "starlette", "uvicorn", "httpx", "jwt", "rich")
ALONE = "".join(f"sys.modules[{name!r}] = None; " for name in (*SERVER_PARTS, "rujukan.api", "rujukan.projections"))
RUJUKAN = [sys.executable, "-c", f"import sys; {ALONE}from rujukan.infra.cli import main; sys.exit(main())"]


class Machine:
    """A directory with a key and a token, and a feed to subscribe to."""

    def __init__(self, directory: Path, server: FeedServer) -> None:
        self.directory, self.server = directory, server
        (directory / "rsud.key").touch(0o600)
        (directory / "rsud.key").write_bytes(KEY.to_json())
        (directory / "token").write_text(TOKEN)
        keys = ("--key", "rsud.key", "--service-key", encoded_service_key(PINNED))
        self.receive = (AGENCY, *keys, "--feed", server.url, "--token-file", "token")

    def run(self, *arguments: str, status: int = 0, path: str = "") -> Any:
        done = subprocess.run(
            [*RUJUKAN, *arguments],
            cwd=self.directory,
            env={**os.environ, "PATH": f"{path}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == status, done.stderr
        return done


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with FeedServer(told(6)) as server:
        yield Machine(tmp_path, server)
        server.shutdown()


def test_deliveries_come_as_lines_and_again_from_where_they_stopped(machine):
    first = machine.run("subscribe", *machine.receive, "--stop-after", "4").stdout.splitlines()
    assert [json.loads(line)["sequence"] for line in first] == [1, 2, 3, 4]
    assert json.loads(first[0])["data"] == {"n": 1}
    rest = machine.run("subscribe", *machine.receive, "--stop-after", "2", "--stream").stdout.splitlines()
    assert [json.loads(line)["sequence"] for line in rest] == [5, 6]
    assert machine.server.said[-1].handled.sequence == 6
    assert "rsud: handled to 6" in machine.run("inbox", AGENCY).stdout
    replayed = machine.run("subscribe", *machine.receive, "--from", "beginning", "--case", str(CASES[1])).stdout
    assert [json.loads(line)["sequence"] for line in replayed.splitlines()] == [1, 4]
    assert "rsud: handled to 6" in machine.run("inbox", AGENCY).stdout


@pytest.mark.thorough
def test_a_reader_that_goes_away_makes_no_dead_letters(machine):
    machine.server.messages = told(3000)
    with subprocess.Popen(
        [*RUJUKAN, "subscribe", *machine.receive], cwd=machine.directory, stdout=subprocess.PIPE
    ) as receiving:
        assert receiving.stdout is not None
        first = json.loads(receiving.stdout.readline())["sequence"]
        receiving.stdout.close()
        assert receiving.wait(PATIENCE_SECONDS) == 1
    assert first == 1
    assert machine.run("dead-letters", "list", AGENCY).stdout.startswith("there are no dead letters")


@pytest.mark.thorough
def test_deliveries_come_as_files_that_are_whole_and_for_nobody_else(machine):
    machine.run("subscribe", *machine.receive, "--to-directory", "in", "--from", "beginning")
    files = sorted((machine.directory / "in").iterdir())
    assert [json.loads(f.read_text())["sequence"] for f in files] == [1, 2, 3, 4, 5, 6]
    assert {f.stat().st_mode & 0o777 for f in files} == {0o600}
    machine.run("subscribe", *machine.receive, "--to-directory", "in", "--from", "4")
    assert sorted((machine.directory / "in").iterdir()) == files, "a delivery that comes again is the same file"


@pytest.mark.thorough
def test_a_command_that_fails_makes_dead_letters_that_can_be_shown_and_replayed(machine):
    script = machine.directory / "handle"
    script.write_text(
        '#!/bin/sh\nread -r line || true\ncase "$line" in *\'"sequence":2,\'*) test -e mended || exit 1;; esac\n'
        'echo "$line" >> handled\n'
    )
    script.chmod(0o700)
    command = ("--to-command", "./handle", "--tries", "1")
    machine.run("subscribe", *machine.receive, *command, "--stop-after", "5")
    handled = machine.directory / "handled"
    assert [json.loads(line)["sequence"] for line in handled.read_text().splitlines()] == [1, 3, 4, 5, 6]
    listed = machine.run("dead-letters", "list", AGENCY).stdout
    assert "handler-failed" in listed
    assert "sequence        2" in listed
    shown = machine.run("dead-letters", "show", AGENCY, "1").stdout
    assert json.loads(shown)["problem"] == "Failed"
    assert '"n":2' not in shown
    opened = machine.run("dead-letters", "show", *machine.receive[:1], "1", "--open", *machine.receive[1:]).stdout
    assert '"n":2' in opened
    again = machine.run("dead-letters", "replay", *machine.receive, "--to-command", "./handle", status=1)
    assert "the handler raised Failed" in again.stderr
    (machine.directory / "mended").touch()
    assert "recovered" in machine.run("dead-letters", "replay", *machine.receive, "--to-command", "./handle").stderr
    assert json.loads(handled.read_text().splitlines()[-1])["sequence"] == 2
    assert "recovered" in machine.run("dead-letters", "list", AGENCY).stdout
    machine.server.tell(*[m for m in told(7) if m.sequence == 7])
    machine.run("subscribe", *machine.receive, "--stop-after", "1")
    assert any(said.recovered == [2] for said in machine.server.said)


@pytest.mark.thorough
def test_what_is_missing_is_said_by_the_status(machine):
    machine.server.hidden = {3}
    receiving = subprocess.Popen(
        [*RUJUKAN, "subscribe", *machine.receive], cwd=machine.directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    file = machine.directory / "rsud.db"
    assert eventually(lambda: file.exists() and count(file, "SELECT count(*) FROM rujukan_gap") == 1)
    assert "missing 3 to 3: waits" in machine.run("inbox", AGENCY, status=3).stdout
    receiving.send_signal(signal.SIGTERM)
    out, problems = receiving.communicate(timeout=PATIENCE_SECONDS)
    assert receiving.returncode == 3
    assert b"3 to 3 are missing" in problems
    assert out.count(b"\n") == 2


@pytest.mark.thorough
@pytest.mark.parametrize("with_feed", [False, True])
def test_who_is_posted_to_and_has_no_way_back_is_told_so(machine, with_feed):
    secret = machine.directory / "secret"
    secret.touch(0o600)
    secret.write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
    listening = ("--listen", "127.0.0.1:0", "--webhook-secret-file", "secret")
    received = machine.receive if with_feed else machine.receive[:5]
    command = [*RUJUKAN, "subscribe", *received, *listening]
    receiving = subprocess.Popen(command, cwd=machine.directory, stderr=subprocess.PIPE, text=True)
    assert eventually(lambda: count(machine.directory / "rsud.db", "SELECT count(*) FROM rujukan_cursor") == 1)
    receiving.send_signal(signal.SIGTERM)
    _, problems = receiving.communicate(timeout=PATIENCE_SECONDS)
    assert receiving.returncode == 0
    assert ("without --feed nothing goes back" in problems) is not with_feed


@pytest.mark.thorough
def test_that_a_deletion_was_handled_is_acknowledged_only_where_that_means_deleted(machine):
    machine.server.messages = sealed([delivery(1), asked_to_delete(2)])
    machine.run("subscribe", *machine.receive, "--stop-after", "2")
    assert not any(said.deleted for said in machine.server.said)
    machine.run("subscribe", *machine.receive, "--stop-after", "2", "--inbox", "other.db", "--handled-is-deleted")
    assert machine.server.said[-1].deleted


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("subscribe", AGENCY, "--key", "rsud.key", "--service-key", "AA"), "say where Kafka is"),
        (("subscribe", AGENCY, "--service-key", "AA", "--feed", "http://127.0.0.1:1"), "token"),
        (("subscribe", AGENCY, "--service-key", "AA", "--kafka", "127.0.0.1:1"), "private key"),
        (("subscribe", AGENCY, "--key", "token", "--service-key", "AA", "--kafka", "127.0.0.1:1"), "chmod 600"),
        (("subscribe", AGENCY, "--service-key", "AA", "--kafka", "127.0.0.1:1", "--case", str(CASES[0])), "--from"),
        (("dead-letters", "show", AGENCY, "7"), "there is no inbox rsud.db"),
    ],
)
def test_what_is_wrong_is_explained(machine, arguments, says):
    refused = machine.run(*arguments, status=1)
    assert says in refused.stderr
    assert "Traceback" not in refused.stderr


# Sinks


class System(ThreadingHTTPServer):
    """The agency's own system."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.status = 200
        self.got: list[tuple[str, dict[str, Any]]] = []
        Thread(target=self.serve_forever, daemon=True).start()


class _Answering(BaseHTTPRequestHandler):
    server: System

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.got.append((self.headers["Idempotency-Key"], body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not logged."""


def test_a_webhook_gets_each_with_its_id_and_what_it_answers_counts():
    with System() as system:
        post = sinks.to_webhook(f"http://127.0.0.1:{system.server_address[1]}/in?x=1")
        one = replace(delivery(1), id="the-id")
        post(one, None)
        assert [(key, body["sequence"]) for key, body in system.got] == [("the-id", 1)]
        for status, problem in ((503, NotNow), (429, NotNow), (400, sinks.Failed), (500, sinks.Failed)):
            system.status = status
            with pytest.raises(problem):
                post(one, None)
        system.shutdown()
    with pytest.raises(NotNow):
        post(one, None)


def test_plaintext_goes_to_another_machine_over_tls_only():
    for url in ("http://simrs.rsud.example/in", "ftp://localhost", "localhost"):
        with pytest.raises(ValueError, match="begins with"):
            sinks.to_webhook(url)
    sinks.to_webhook("https://simrs.rsud.example/in")


def test_a_command_says_with_its_status_whether_it_failed_or_cannot_now(tmp_path):
    sinks.to_command("sh -c 'cat > /dev/null'")(delivery(1), None)
    with pytest.raises(sinks.Failed):
        sinks.to_command("sh -c 'exit 1'")(delivery(1), None)
    for command in ("sh -c 'exit 75'", str(tmp_path / "not-there")):
        with pytest.raises(NotNow):
            sinks.to_command(command)(delivery(1), None)
    with pytest.raises(ValueError, match="which command"):
        sinks.to_command("")


def test_no_shell_sees_a_command(tmp_path):
    sinks.to_command(["touch", str(tmp_path / "a; touch b")])(delivery(1), None)
    assert [f.name for f in tmp_path.iterdir()] == ["a; touch b"]


# Survival

KILLED = """
import sys, time
from pathlib import Path
from threading import Event
from rujukan.consumers.wire.envelope import service_key
from rujukan.consumers.agency.transports.feed import Feed
from rujukan.consumers.agency.transports.feed_source import FeedSource
from rujukan.consumers.agency.inbox.handling import Rules
from rujukan.consumers.agency.inbox.inbox import SqliteInbox
from rujukan.consumers.agency.subscribing.keys import key_from
from rujukan.consumers.agency.subscribing.subscription import Subscription

def handle(delivery, db):
    time.sleep(0.001)
    if delivery.sequence % 50 == 0:
        raise RuntimeError
    db.execute("INSERT INTO mine (sequence) VALUES (?)", (delivery.sequence,))

inbox = SqliteInbox("inbox.db", handle)
source = FeedSource("rsud", Feed(sys.argv[1], "token-of-rsud"))
rules = Rules(together=16, tries=2, first_pause=0.01)
Subscription(source, [key_from(Path("rsud.key"))], service_key(sys.argv[2]), inbox, rules=rules).run(Event())
"""


@pytest.mark.thorough
def test_killed_at_random_while_it_handles_it_handles_each_once_and_in_order(machine):
    kills = int(os.environ.get("SURVIVAL_ROUNDS", "6"))
    last = 1000 + max(0, kills - 6) * 150
    machine.server.messages = told(last)
    file = machine.directory / "inbox.db"
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE mine (n INTEGER PRIMARY KEY, sequence INTEGER)")
    program = [sys.executable, "-c", KILLED, machine.server.url, encoded_service_key(PINNED)]
    for n in range(kills + 1):
        process = subprocess.Popen(program, cwd=machine.directory)
        before = count(file, "SELECT count(*) FROM mine")
        try:
            if n < kills:
                assert eventually(
                    lambda before=before: (
                        count(file, "SELECT count(*) FROM mine") > before or before == last - last // 50
                    )
                )
                time.sleep(random.uniform(0, 0.15))
            else:
                assert eventually(lambda: machine.server.said and machine.server.said[-1].handled.sequence == last)
        finally:
            process.kill()
            process.wait()
    with sqlite3.connect(file) as db:
        handled = [sequence for (sequence,) in db.execute("SELECT sequence FROM mine ORDER BY n")]
        dead = [sequence for (sequence,) in db.execute("SELECT sequence FROM rujukan_dead_letter ORDER BY sequence")]
    assert handled == [n for n in range(1, last + 1) if n % 50]
    assert dead == list(range(50, last + 1, 50))
    assert {f.sequence for said in machine.server.said for f in said.failed} == set(dead)


def count(file: Path, sql: str) -> int:
    with sqlite3.connect(file, timeout=PATIENCE_SECONDS) as db:
        try:
            return int(db.execute(sql).fetchone()[0])
        except sqlite3.OperationalError:
            return 0


def eventually(check: Any, seconds: float = PATIENCE_SECONDS) -> bool:
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if check():
            return True
        time.sleep(0.02)
    return bool(check())
