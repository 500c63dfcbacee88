"""A primary that hangs, as where its machine is frozen or its disk is stuck, and one whose synchronous standby is gone:
whoever waits is answered in time, nothing is lost or doubled when it comes back, and the writer goes on by itself."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from office import APPENDING, frozen, held_up, rows, stored, until, writing
from patience import PATIENCE_SECONDS
from psycopg_pool import PoolTimeout

from rujukan.infra import database
from rujukan.infra.database import FOLLOWER, SERVICE, NoAnswer, as_role, pool
from rujukan.infra.migrations import migrate
from rujukan.infra.patience import within
from rujukan.infra.services.postgres import EmbeddedPostgres
from rujukan.infra.store import group_commit
from rujukan.infra.store.event_store import EventStore
from rujukan.infra.store.group_commit import GroupCommit, Idempotency, LogUnavailable, Repeated, Row
from rujukan.infra.store.recorder import LogRecorder, datastore


@pytest.fixture(scope="module")
def cluster(places: Callable[[], Path]) -> Iterator[EmbeddedPostgres]:
    """A server that can be broken."""
    server = EmbeddedPostgres(places() / "postgres")
    migrate(server.start())
    yield server
    server.stop()


@pytest.fixture
def db(cluster: EmbeddedPostgres) -> Iterator[psycopg.Connection]:
    with psycopg.connect(cluster.conninfo, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = local")
        yield connection


@contextmanager
def impatient() -> Iterator[None]:
    """Callers, and the writer, give up soon."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(group_commit, "RETRY_SECONDS", 1.0)
        patch.setattr(group_commit._Connection, "seconds", 0.3)
        patch.setattr(group_commit, "TRY_SECONDS", 0.1)
        yield


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else is given up because the machine is slow."""
    monkeypatch.setattr(group_commit, "RETRY_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr(group_commit._Connection, "seconds", PATIENCE_SECONDS)


@contextmanager
def without_its_standby(db: psycopg.Connection, conninfo: str) -> Iterator[None]:
    """Every commit waits for a standby that is not there."""
    db.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    db.execute("SELECT pg_reload_conf()")
    try:
        with ThreadPoolExecutor(1) as thread:
            until(lambda: _standby_counts(db, conninfo, thread))
        yield
    finally:
        db.execute("ALTER SYSTEM RESET synchronous_standby_names")
        db.execute("SELECT pg_reload_conf()")


def _standby_counts(db: psycopg.Connection, conninfo: str, thread: ThreadPoolExecutor) -> bool:
    """Whether commits wait for a standby already: the checkpointer says nowhere whether it has read the settings."""
    with psycopg.connect(conninfo, autocommit=True) as tries:
        done = thread.submit(tries.execute, "SELECT pg_logical_emit_message(true, 'test', '')")
        until(lambda: done.done() or awaiting_standby(db) == 1)
        if done.done():
            return False
        db.execute("SELECT pg_terminate_backend(%s)", (tries.info.backend_pid,))
        assert isinstance(done.exception(10), psycopg.OperationalError)
    until(lambda: awaiting_standby(db) == 0)
    return True


def awaiting_standby(db: psycopg.Connection) -> int:
    row = db.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'").fetchone()
    return row[0] if row else 0


def new_key() -> Idempotency:
    return Idempotency(uuid4().bytes, b"f", b"a")


def outcome(append: Future[list[int]]) -> Any:
    problem = append.exception(PATIENCE_SECONDS)
    return append.result() if problem is None else type(problem)


def truth(db: psycopg.Connection, writer: GroupCommit, first: list[Row], key: Idempotency) -> str:
    """What a retry under the same key learns; whichever it is, it is stored exactly once."""
    again = rows(uuid4())
    try:
        writer.append(again, key)
        said = "stored now"
    except Repeated:
        said = "stored before"
    there = [len(stored(db, [row.stream for row in command])) for command in (first, again)]
    assert there == ([0, 1] if said == "stored now" else [len(first), 0])
    return said


# A primary that hangs ----------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_who_waits_for_a_frozen_primary_is_told_in_time(cluster: EmbeddedPostgres, db: psycopg.Connection) -> None:
    """Frozen before the command is sent, and in the middle of it."""
    with writing(cluster.conninfo) as writer, ThreadPoolExecutor(4) as threads:
        writer.append(rows(uuid4()))
        before, middle, keys = rows(uuid4()), rows(uuid4()), (new_key(), new_key())
        with impatient(), frozen(cluster.pid):
            assert [outcome(threads.submit(writer.append, before, keys[0])), writer.state().lives] == [
                LogUnavailable,
                True,
            ]
            assert writer.state().failing_ms > 0
            until(lambda: writer.state().failing_ms > 1000)
            begun = time.process_time()
            with pytest.raises(LogUnavailable):  # nobody waits for what cannot be
                writer.append(rows(uuid4()))
            assert time.process_time() - begun < 1
        until(lambda: writer.state().failing_ms == 0)  # by itself: nobody asks meanwhile
        truth(db, writer, before, keys[0])
        with impatient(), ThreadPoolExecutor(1) as thread:
            db.execute("BEGIN")
            db.execute("SELECT pg_advisory_xact_lock(%s)", (APPENDING,))
            append = thread.submit(writer.append, middle, keys[1])
            until(lambda: held_up(db) == 1)
            with frozen(cluster.pid):
                assert outcome(append) is LogUnavailable
        db.execute("COMMIT")
        until(lambda: held_up(db) == 0)
        until(lambda: writer.state().failing_ms == 0)
        truth(db, writer, middle, keys[1])


@pytest.mark.thorough
def test_who_reads_from_a_frozen_primary_is_told_in_time(
    cluster: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "POOL_SECONDS", 0.5)
    for role, kind in ((SERVICE, database.AnsweringPeople), (FOLLOWER, database.Answering)):
        connected = pool(as_role(cluster.conninfo, role), 2, "reads")
        library = datastore(as_role(cluster.conninfo, role))
        reads: list[Callable[[], object]] = [
            lambda connected=connected: _one(connected),  # type: ignore[misc]
            LogRecorder(library).max_notification_id,
        ]
        with connected, library:
            for read in reads:
                read()
            with monkeypatch.context() as soon:
                soon.setattr(kind, "seconds", 0.3)
                with frozen(cluster.pid):
                    for read in reads:
                        for _ in range(3):  # on each idle connection, and then on none
                            with pytest.raises(database.AWAY):
                                read()
            for read in reads:
                until(lambda read=read: _works(read))  # type: ignore[misc]


def test_a_request_waits_no_longer_than_its_time_wherever_it_waits(cluster: EmbeddedPostgres) -> None:
    """All bounds are far off, but the request's is not: waiting for an answer, for a connection, and for a commit."""
    with pool(as_role(cluster.conninfo, SERVICE), 1, "reads") as connected, writing(cluster.conninfo) as writer:
        _one(connected)
        writer.append(rows(uuid4()))
        with frozen(cluster.pid):
            with within(0.3), pytest.raises(NoAnswer):
                _one(connected)
            with within(0.3), pytest.raises(PoolTimeout):
                _one(connected)
            with within(0.3), pytest.raises(LogUnavailable):
                writer.append(rows(uuid4()))
        until(lambda: _works(lambda: _one(connected)))
        writer.append(rows(uuid4()))


def _one(connected: database.Pool) -> None:
    with connected.connection() as connection:
        connection.execute("SELECT 1")


def _works(read: Callable[[], object]) -> bool:
    try:
        read()
    except database.AWAY:
        return False
    return True


# A synchronous standby that is gone --------------------------------------------------------------------------


@pytest.mark.thorough
def test_who_waits_for_a_standby_that_is_gone_is_told_in_time(
    cluster: EmbeddedPostgres, db: psycopg.Connection
) -> None:
    key, first, taken = new_key(), rows(uuid4(), uuid4(), each=2), uuid4()
    with writing(cluster.conninfo) as writer, ThreadPoolExecutor(4) as threads:
        writer.append(rows(taken))
        with without_its_standby(db, cluster.conninfo):
            with impatient():
                assert outcome(threads.submit(writer.append, first, key)) is LogUnavailable
                many = [threads.submit(writer.append, rows(uuid4())) for _ in range(4)]
                assert {outcome(append) for append in many} == {LogUnavailable}
                assert writer.state().failing_ms > 0
                assert awaiting_standby(db) == 1, "the others wait behind it, and not for the standby themselves"
                until(lambda: writer.state().failing_ms > 1500)
                assert awaiting_standby(db) == 1
            assert stored(db, [row.stream for row in first]) == []
        until(lambda: writer.state().failing_ms == 0)
        assert truth(db, writer, first, key) == "stored before"


def test_an_answer_lost_after_the_commit_is_found_again_once_the_standby_has_it(
    cluster: EmbeddedPostgres, db: psycopg.Connection
) -> None:
    """The commit waits for a standby that is not there; its connection is killed then: stored, visible, but not durable
    on the standby, so that nobody may be told yet."""
    key, command = new_key(), rows(uuid4(), uuid4(), each=2)
    with (
        writing(cluster.conninfo) as writer,
        ThreadPoolExecutor(3) as threads,
        pool(as_role(cluster.conninfo, SERVICE), 2, "reads") as reads,
    ):
        store = EventStore(LogRecorder(datastore(cluster.conninfo), writer), None, reads)  # type: ignore[arg-type]
        writer.append(rows(uuid4()))
        with without_its_standby(db, cluster.conninfo):
            first = threads.submit(writer.append, command, key)
            until(lambda: awaiting_standby(db) == 1)
            db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
            until(lambda: len(stored(db, [row.stream for row in command])) == 4)
            until(lambda: awaiting_standby(db) == 1)  # the writer found it, and waits again
            asks = threads.submit(store.repeated, key.key)
            with within(0.3), pytest.raises(LogUnavailable):
                store.repeated(key.key)
            assert not first.done()
            assert not asks.done()
        positions = first.result(PATIENCE_SECONDS)
        assert asks.result(PATIENCE_SECONDS) == (key.fingerprint, key.answer, positions[-1])
        assert [row[3] for row in stored(db, [row.stream for row in command])] == positions
        assert truth(db, writer, command, key) == "stored before"
