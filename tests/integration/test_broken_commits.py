"""A connection that breaks, at any moment of a commit and of the look-up behind it, twice in a row, or that hangs: each
command is answered once, with what is true, and the same idempotency key tells it later."""

import logging
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import product
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from cutting import Cut, Cutting
from office import APPENDING, held_up, rows, stored, until, writing
from patience import PATIENCE_SECONDS
from some import some

from rujukan.infra.settings import Settings
from rujukan.infra.store import group_commit
from rujukan.infra.store.group_commit import Conflict, Idempotency, LogUnavailable, Repeated, Row

MOMENTS = 16
"""More pieces than go to and fro when a connection is made, doubtful commands are looked for, and sent again."""
FIRST = (Cut(0, False), Cut(0, True), Cut(1, False))
"""The command does not reach the server; it does, and the line is cut at once; its answer is lost."""


@pytest.fixture
def db(settings: Settings) -> Iterator[psycopg.Connection]:
    with psycopg.connect(settings.database, autocommit=True) as connection:
        yield connection


@pytest.fixture
def relay(settings: Settings) -> Iterator[Cutting]:
    cutting = Cutting(settings.database)
    yield cutting
    cutting.close()


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No command is given up because the machine is slow; and nothing happens that nobody foresaw."""
    monkeypatch.setattr(group_commit, "RETRY_SECONDS", PATIENCE_SECONDS)
    yield
    assert not [r for r in caplog.get_records("call") if r.levelno >= logging.ERROR], "unforeseen"


class Once(Future[list[int]]):
    """Somebody who waits, and counts how often they are answered."""

    answers = 0

    def set_result(self, result: list[int]) -> None:
        self.answers += 1
        super().set_result(result)

    def set_exception(self, exception: BaseException | None) -> None:
        self.answers += 1
        super().set_exception(exception)


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> list[Once]:
    """Everybody who asked the writer since."""
    asked: list[Once] = []

    def made() -> Once:
        asked.append(Once())
        return asked[-1]

    monkeypatch.setattr(group_commit, "Future", made)
    return asked


def new_key() -> Idempotency:
    return Idempotency(uuid4().bytes, b"f", b"a")


def outcome(append: Future[list[int]]) -> Any:
    problem = append.exception(PATIENCE_SECONDS)
    return append.result() if problem is None else type(problem)


def positions_of(db: psycopg.Connection, command: list[Row]) -> list[int]:
    """Where a command is stored; nothing where it is not. It is never there by half, nor twice."""
    there = [row for row in stored(db, [r.stream for r in command]) if row[2] in {r.state for r in command}]
    assert len(there) in (0, len(command))
    return [row[3] for row in there]


@pytest.mark.thorough
@pytest.mark.parametrize("first", some(FIRST), ids=str)
def test_a_batch_outlasts_two_breaks(first: Cut, db: psycopg.Connection, relay: Cutting, answered: list[Once]) -> None:
    """Of three commands that share a commit one has an idempotency key, and one comes too late."""
    for behind, arrives in product(range(MOMENTS), (False, True)):
        with writing(relay.conninfo) as writer, ThreadPoolExecutor(4) as threads:
            taken, key = uuid4(), new_key()
            writer.append(rows(taken), new_key())
            writer.append(rows(uuid4()), new_key())  # its statement is prepared now, and goes in one piece
            plain, keyed, late = rows(uuid4(), uuid4(), each=2), rows(uuid4()), rows(uuid4(), taken)
            relay.be_silent()
            opening = threads.submit(writer.append, rows(uuid4()), new_key())
            until(lambda: writer.state().waiting == 1 and writer._waiting.empty())
            sent = [threads.submit(writer.append, *a) for a in ((plain, None), (keyed, key), (late, None))]
            until(lambda: writer._waiting.qsize() == 3)
            relay.cut(Cut(first.behind + 2, first.arrives), Cut(behind, arrives))  # behind the opening and its answer
            relay.be_silent(False)
            assert len(opening.result(PATIENCE_SECONDS)) == 1
            said = [outcome(append) for append in sent]
            at = f"cut at {behind}, arrives: {arrives}"
            assert said == [positions_of(db, plain), positions_of(db, keyed), Conflict], at
            assert len(said[0]) == 4, "the database was there in time"
            last = relay.cuts
            relay.cut()
            with pytest.raises(Repeated):
                writer.append(rows(uuid4()), key)
    assert last == 1, "there are no later moments"
    assert all(a.answers == 1 for a in answered)


@pytest.mark.thorough
def test_what_the_broken_connection_stores_late_is_no_conflict(
    db: psycopg.Connection, relay: Cutting, answered: list[Once]
) -> None:
    """The first connection breaks while its backend waits for its turn. A second one asks, in vain, whether the command
    is stored, sends it again, and waits behind; the first backend stores it. The second line is cut at any moment."""
    for behind, arrives, with_key in product(range(MOMENTS), (False, True), (False, True)):
        with writing(relay.conninfo) as writer, ThreadPoolExecutor(1) as threads:
            command, key = rows(uuid4(), each=2), new_key() if with_key else None
            for _ in range(2):
                writer.append(rows(uuid4()), new_key() if with_key else None)
            relay.cut(Cut(0, True), Cut(behind, arrives))
            with db.transaction():
                db.execute("SELECT pg_advisory_xact_lock(%s)", (APPENDING,))
                append = threads.submit(writer.append, command, key)
                until(lambda: relay.cuts == 2 or held_up(db) >= 2)
            assert outcome(append) == positions_of(db, command) != [], f"cut at {behind}, arrives: {arrives}"
            last = relay.cuts
            relay.cut()
    assert last == 1, "there are no later moments"
    assert all(a.answers == 1 for a in answered)


@pytest.mark.thorough
@pytest.mark.parametrize("arrives", [False, True])
def test_who_is_told_that_it_is_not_known_learns_it_by_the_same_key(
    arrives: bool, db: psycopg.Connection, relay: Cutting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "RETRY_SECONDS", 1.0)
    monkeypatch.setattr(group_commit._Connection, "seconds", 0.3)
    key, command, again = new_key(), rows(uuid4()), rows(uuid4())
    with writing(relay.conninfo) as writer, ThreadPoolExecutor(1) as threads:
        for _ in range(2):
            writer.append(rows(uuid4()), new_key())
        if arrives:  # the command is on its way when the line falls silent
            with db.transaction():
                db.execute("SELECT pg_advisory_xact_lock(%s)", (APPENDING,))
                append = threads.submit(writer.append, command, key)
                until(lambda: held_up(db) == 1)
                relay.be_silent()
        else:
            relay.be_silent()
            append = threads.submit(writer.append, command, key)
        assert outcome(append) is LogUnavailable
        relay.be_silent(False)
        monkeypatch.setattr(group_commit, "RETRY_SECONDS", PATIENCE_SECONDS)
        monkeypatch.setattr(group_commit._Connection, "seconds", PATIENCE_SECONDS)
        until(lambda: writer.state().failing_ms == 0)
        try:
            writer.append(again, key)
        except Repeated:
            assert positions_of(db, command)
            assert not positions_of(db, again)
        else:
            assert positions_of(db, again)
            assert not positions_of(db, command)
        assert not held_up(db)


def test_who_gave_up_while_it_waited_is_not_stored_later(
    db: psycopg.Connection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing(settings.database) as writer, ThreadPoolExecutor(2) as threads:
        with db.transaction():
            db.execute("SELECT pg_advisory_xact_lock(%s)", (APPENDING,))
            first = threads.submit(writer.append, rows(uuid4()))
            until(lambda: held_up(db) == 1)
            monkeypatch.setattr(group_commit, "RETRY_SECONDS", 0.2)
            late = rows(uuid4())
            assert outcome(threads.submit(writer.append, late)) is LogUnavailable
        assert len(outcome(first)) == 1
        monkeypatch.setattr(group_commit, "RETRY_SECONDS", PATIENCE_SECONDS)
        writer.append(rows(uuid4()))
        assert not positions_of(db, late)
