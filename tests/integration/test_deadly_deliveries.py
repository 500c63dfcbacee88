"""Deliveries that end every process which handles them: counted, set aside, and the rest goes on."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from feed_server import FeedServer
from patience import PATIENCE_SECONDS
from psycopg.conninfo import make_conninfo
from told import AGENCY, KEY, PINNED, told

from rujukan.consumers.agency.inbox.inbox import Inbox, SqliteInbox
from rujukan.consumers.agency.postgres.inbox import PostgresInbox
from rujukan.consumers.wire.envelope import encoded_service_key

LAST = 40
ENDS = {7: "os._exit(1)", 8: "os.kill(os.getpid(), SIGSEGV)", 20: "os.kill(os.getpid(), SIGKILL)", 33: "sys.exit(2)"}
"""Sequence → what the handler does at it, after it wrote. 8 comes right behind another."""
DEATHS = 2
SUBSCRIBER = """
import os, sys, threading
from pathlib import Path
from signal import SIGKILL, SIGSEGV
from rujukan.consumers.wire.envelope import service_key
from rujukan.consumers.agency.transports.feed import Feed
from rujukan.consumers.agency.transports.feed_source import FeedSource
from rujukan.consumers.agency.inbox.handling import Rules
from rujukan.consumers.agency.inbox.inbox import SqliteInbox
from rujukan.consumers.agency.postgres.inbox import PostgresInbox
from rujukan.consumers.agency.subscribing.keys import key_from
from rujukan.consumers.agency.subscribing.subscription import Subscription

_, where, url, pin, last, ends = sys.argv
ends = eval(ends)
stop = threading.Event()

def handle(delivery, db):
    db.execute(f"INSERT INTO mine VALUES ({delivery.sequence})")
    if delivery.sequence in ends:
        exec(ends[delivery.sequence])
    if delivery.sequence == int(last):
        stop.set()

inbox = (PostgresInbox if "=" in where else SqliteInbox)(where, handle)
source = FeedSource("rsud", Feed(url, "token-of-rsud"))
rules = Rules(deaths=int(os.environ["DEATHS"]), first_pause=0.01)
Subscription(source, [key_from(Path("rsud.key"))], service_key(pin), inbox, rules=rules).run(stop)
"""
Make = Callable[[Any], Inbox[Any]]


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Make]]:
    """Where an inbox is that several processes use, and how it is opened here."""
    if request.param == "sqlite":
        where = str(tmp_path / "inbox.db")
        yield where, lambda handler: SqliteInbox(where, handler)
        return
    server = request.getfixturevalue("postgres").conninfo
    name = f"deadly{uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name}")
    where = make_conninfo(server, dbname=name)
    yield where, lambda handler: PostgresInbox(where, handler)
    with psycopg.connect(server, autocommit=True) as db:
        db.execute(f"DROP DATABASE {name} WITH (FORCE)")


class Subscriber:
    """A program that is started again whenever it ends, as a service manager does."""

    def __init__(self, directory: Path, where: str, url: str) -> None:
        (directory / "rsud.key").touch(0o600)
        (directory / "rsud.key").write_bytes(KEY.to_json())
        self._directory = directory
        self._program = [sys.executable, "-c", SUBSCRIBER, where, url, encoded_service_key(PINNED), str(LAST)]

    def run(self, ends: dict[int, str], deaths: int = DEATHS) -> int:
        """Its status."""
        return subprocess.run(
            [*self._program, repr(ends)],
            cwd=self._directory,
            env={**os.environ, "DEATHS": str(deaths)},
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE_SECONDS,
            check=False,
        ).returncode


@pytest.mark.thorough
def test_what_ends_every_process_becomes_a_dead_letter_and_the_rest_is_handled_once(place, tmp_path):
    where, opened = place
    with closing(opened(lambda d, db: None)) as inbox, FeedServer(told(LAST)) as server:
        with inbox.transaction():
            inbox._db.execute("CREATE TABLE mine (n INTEGER)")
        subscriber = Subscriber(tmp_path, where, server.url)
        statuses = []
        while not statuses or statuses[-1] != 0:
            statuses.append(subscriber.run(ENDS))
            assert len(statuses) < 20, "it dies for ever"
        server.shutdown()
        assert {1, 2, -11, -9} <= set(statuses)
        assert len(statuses) == 1 + len(ENDS) * DEATHS + 1, "the first death is not counted, as nobody was watched yet"
        mine = [n for (n,) in inbox._db.execute("SELECT n FROM mine").fetchall()]
        assert mine == [n for n in range(1, LAST + 1) if n not in ENDS]
        letters = [(at.sequence, at.reason, at.problem, at.tries) for at in inbox.letters.all(AGENCY)]
        assert letters == [(n, "handler-failed", "ProcessDied", DEATHS) for n in ENDS]
        assert {f.sequence for said in server.said for f in said.failed} == set(ENDS)
        assert inbox._db.execute("SELECT count(*) FROM rujukan_begun").fetchone()[0] == 0, "it said goodbye"
