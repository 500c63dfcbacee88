"""Group commit: one writer, many callers, one flush to disk for all who wait; and what a dying database leaves."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier, Event
from typing import NamedTuple
from uuid import UUID, uuid4

import psycopg
import pytest
from office import APPENDING, held_up, kill, rows, stored, until, writing
from patience import PATIENCE_SECONDS

from rujukan.infra.migrations import migrate
from rujukan.infra.services.postgres import EmbeddedPostgres
from rujukan.infra.settings import Settings
from rujukan.infra.store import group_commit
from rujukan.infra.store.group_commit import Conflict, GroupCommit, Idempotency, LogUnavailable, Repeated, Row, Unmoved


class Command(NamedTuple):
    """Two streams with two rows each, to be stored whole or not at all."""

    rows: list[Row]
    positions: list[int] | None


@pytest.fixture
def writer(settings: Settings) -> Iterator[GroupCommit]:
    with writing(settings.database) as started:
        yield started


@pytest.fixture
def db(settings: Settings) -> Iterator[psycopg.Connection]:
    with psycopg.connect(settings.database, autocommit=True) as connection:
        yield connection


@contextmanager
def all_waiting(db: psycopg.Connection, writer: GroupCommit) -> Iterator[None]:
    """Nobody can append meanwhile: the writer is held in the middle of a commit, and who comes now waits."""
    with ThreadPoolExecutor(1) as thread:
        with db.transaction():
            db.execute("SELECT pg_advisory_xact_lock(%s)", (APPENDING,))
            first = thread.submit(writer.append, rows(uuid4()))
            until(lambda: held_up(db) == 1)
            yield
        first.result()


def queued(writer: GroupCommit, many: int) -> None:
    until(lambda: writer._waiting.qsize() == many)


def commits(db: psycopg.Connection, positions: list[int]) -> int:
    """In how many transactions these were stored."""
    row = db.execute(
        "SELECT count(DISTINCT xmin::text) FROM log.stored_events WHERE notification_id = ANY(%s)", (positions,)
    ).fetchone()
    assert row is not None
    return int(row[0])


def check(db: psycopg.Connection, commands: list[Command]) -> None:
    """What was acknowledged stands there exactly once, where it was said to; nothing is there by half."""
    found: dict[UUID, list[tuple[int, bytes, int]]] = {}
    for stream, version, state, position in stored(db, [r.stream for c in commands for r in c.rows]):
        found.setdefault(stream, []).append((version, state, position))
    for command in commands:
        there = [row for stream in dict.fromkeys(r.stream for r in command.rows) for row in found.get(stream, [])]
        if command.positions is None:
            assert there == [] or [row[:2] for row in there] == [(r.version, r.state) for r in command.rows]
        else:
            expected = [(r.version, r.state, p) for r, p in zip(command.rows, command.positions, strict=True)]
            assert there == expected


# Sharing a commit --------------------------------------------------------------------------------------------


def test_a_caller_is_answered_only_when_everyone_can_see_its_events(writer: GroupCommit, settings: Settings) -> None:
    def one(number: int) -> None:
        with psycopg.connect(settings.database, autocommit=True) as other:
            for _ in range(10):
                mine = rows(uuid4(), each=2)
                positions = writer.append(mine)
                seen = stored(other, [mine[0].stream])
                assert [(row[2], row[3]) for row in seen] == [
                    (row.state, p) for row, p in zip(mine, positions, strict=True)
                ]

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(one, range(8)))


def test_a_caller_is_answered_only_when_its_events_are_on_disk(writer: GroupCommit, db: psycopg.Connection) -> None:
    for _ in range(20):
        written = db.execute("SELECT pg_current_wal_insert_lsn()").fetchone()
        assert written is not None
        writer.append(rows(uuid4()))
        assert db.execute("SELECT pg_current_wal_flush_lsn() > %s::pg_lsn", written).fetchone() == (True,)


def test_sixty_four_threads_share_commits(writer: GroupCommit, db: psycopg.Connection) -> None:
    start = Barrier(64)

    def one(number: int) -> list[int]:
        start.wait()
        return [p for _ in range(8) for p in writer.append(rows(uuid4()))]

    with ThreadPoolExecutor(64) as threads:
        positions = [p for found in threads.map(one, range(64)) for p in found]
    assert len(set(positions)) == 512
    assert commits(db, positions) < 512 / 4


def test_what_waited_together_is_stored_in_one_commit(writer: GroupCommit, db: psycopg.Connection) -> None:
    with ThreadPoolExecutor(20) as threads:
        with all_waiting(db, writer):
            answers = [threads.submit(writer.append, rows(uuid4(), uuid4())) for _ in range(20)]
            queued(writer, 20)
        positions = [p for answer in answers for p in answer.result()]
    assert len(set(positions)) == 40
    assert commits(db, positions) == 1


def test_what_was_decided_on_a_stream_that_moved_is_not_stored(writer: GroupCommit) -> None:
    """Also where it writes nothing there: it only read it."""
    read = uuid4()
    writer.append(rows(read))
    assert writer.append(rows(uuid4()), unmoved=[Unmoved(read, 1)])
    assert writer.append(rows(uuid4()), unmoved=[Unmoved(uuid4(), 0)])
    for not_there in (Unmoved(read, 0), Unmoved(read, 2), Unmoved(uuid4(), 1)):
        with pytest.raises(Conflict):
            writer.append(rows(uuid4()), unmoved=[not_there])
    writer.append(rows(read, version=2))
    with pytest.raises(Conflict):
        writer.append(rows(uuid4()), unmoved=[Unmoved(read, 1)])


def test_a_conflict_or_a_repeated_key_does_not_fail_its_neighbours(writer: GroupCommit, db: psycopg.Connection) -> None:
    taken, key = uuid4(), Idempotency(uuid4().bytes, b"f", b"a")
    writer.append(rows(taken), key)
    good = [rows(uuid4(), each=2) for _ in range(3)]
    with ThreadPoolExecutor(8) as threads:
        with all_waiting(db, writer):
            answers: list[Future[list[int]]] = []
            for command, idempotency in (
                (good[0], None),
                (rows(taken), None),
                (good[1], Idempotency(uuid4().bytes, b"f", b"a")),
                (rows(uuid4()), key),
                (rows(uuid4(), taken), None),
                (rows(uuid4(), version=7), None),
                (good[2], None),
            ):
                answers.append(threads.submit(writer.append, command, idempotency))
                queued(writer, len(answers))
        wait(answers)
    nothing = type(None)
    outcomes = [type(answer.exception()) for answer in answers]
    assert outcomes == [nothing, Conflict, nothing, Repeated, Conflict, Conflict, nothing]
    check(db, [Command(command, answers[n].result()) for command, n in zip(good, (0, 2, 6), strict=True)])
    assert commits(db, [p for n in (0, 2, 6) for p in answers[n].result()]) == 1


def test_of_two_commands_that_waited_at_the_same_version_the_first_wins(
    writer: GroupCommit, db: psycopg.Connection
) -> None:
    stream = uuid4()
    first, second = rows(stream), rows(stream)
    with ThreadPoolExecutor(2) as threads:
        with all_waiting(db, writer):
            won = threads.submit(writer.append, first)
            queued(writer, 1)
            lost = threads.submit(writer.append, second)
            queued(writer, 2)
        assert len(won.result()) == 1
        assert isinstance(lost.exception(), Conflict)
    check(db, [Command(first, won.result())])


def test_commands_on_one_stream_that_waited_together_are_stored_in_their_order(
    writer: GroupCommit, db: psycopg.Connection
) -> None:
    stream = uuid4()
    with ThreadPoolExecutor(5) as threads:
        with all_waiting(db, writer):
            answers = []
            for version in range(1, 6):
                answers.append(threads.submit(writer.append, rows(stream, version=version)))
                queued(writer, version)
        positions = [answer.result()[0] for answer in answers]
    assert positions == sorted(positions)
    assert [row[1] for row in stored(db, [stream])] == [1, 2, 3, 4, 5]


def test_a_batch_is_limited_and_the_rest_follows(
    writer: GroupCommit, db: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "MOST_COMMANDS", 4)
    with ThreadPoolExecutor(10) as threads:
        with all_waiting(db, writer):
            answers = [threads.submit(writer.append, rows(uuid4())) for _ in range(10)]
            queued(writer, 10)
        positions = [answer.result()[0] for answer in answers]
    assert commits(db, positions) == 3


# Ending ------------------------------------------------------------------------------------------------------


def test_closing_writes_what_waits(settings: Settings, db: psycopg.Connection) -> None:
    with writing(settings.database) as writer, ThreadPoolExecutor(12) as threads:
        stream = uuid4()
        with all_waiting(db, writer):
            commands = [*(rows(stream, version=n + 1) for n in range(3)), *(rows(uuid4()) for _ in range(7))]
            waiting = []
            for number, command in enumerate(commands):
                waiting.append(threads.submit(writer.append, command))
                queued(writer, number + 1)
            closing = threads.submit(writer.close)
            queued(writer, 11)
        closing.result(PATIENCE_SECONDS)
        positions = [answer.result(PATIENCE_SECONDS)[0] for answer in waiting]
    states = {row[3]: row[2] for row in stored(db, [row.stream for command in commands for row in command])}
    assert states == {p: command[0].state for p, command in zip(positions, commands, strict=True)}


# When the database dies --------------------------------------------------------------------------------------


class Load:
    """Threads that append command after command until told to stop."""

    def __init__(self, writer: GroupCommit, threads: int) -> None:
        self.tried = 0
        self._stop = Event()
        self._writer = writer
        self._pool = ThreadPoolExecutor(threads)
        self._running = [self._pool.submit(self._append) for _ in range(threads)]

    def _append(self) -> list[Command]:
        done = []
        while not self._stop.is_set():
            command = rows(uuid4(), uuid4(), each=2)
            try:
                done.append(Command(command, self._writer.append(command)))
            except LogUnavailable:
                done.append(Command(command, None))
            self.tried += 1
        return done

    def stop(self) -> list[Command]:
        """Everything that was tried."""
        self._stop.set()
        done = [command for running in self._running for command in running.result(PATIENCE_SECONDS)]
        self._pool.shutdown()
        return done


@pytest.mark.thorough
def test_killing_the_writer_s_connection_loses_and_doubles_nothing(settings: Settings, db: psycopg.Connection) -> None:
    name = f"writer {uuid4().hex[:8]}"
    kills = 0
    with writing(settings.database, name) as writer:
        load = Load(writer, 12)
        end = time.monotonic() + 1.5
        while time.monotonic() < end or kills < 15 or load.tried <= 50:
            killed = db.execute(
                "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE application_name = %s",
                (name,),
            ).fetchone()
            kills += killed[0] if killed else 0
            before = load.tried  # something gets through in between, however slow the machine is
            until(lambda before=before: load.tried > before)
            time.sleep(0.04 + 0.001 * (kills % 40))
        commands = load.stop()
    assert len(commands) > 50
    assert all(command.positions for command in commands), "every command outlasts a lost connection"
    check(db, commands)


@pytest.fixture(scope="module")
def cluster(places: Callable[[], Path]) -> Iterator[EmbeddedPostgres]:
    """A server that can be broken."""
    server = EmbeddedPostgres(places() / "postgres")
    migrate(server.start())
    yield server
    server.stop()


@pytest.mark.thorough
def test_a_server_killed_under_load_keeps_every_acknowledged_event(cluster: EmbeddedPostgres) -> None:
    with writing(cluster.conninfo) as writer:
        load = Load(writer, 12)
        for _ in range(2):
            before = load.tried
            until(lambda before=before: load.tried > before + 50)
            kill(cluster)
            cluster.start()
        before = load.tried
        until(lambda: load.tried > before + 50)
        commands = load.stop()
    with psycopg.connect(cluster.conninfo) as db:
        check(db, commands)


@pytest.mark.thorough
def test_who_waits_for_an_absent_database_is_told_when_the_time_is_over(
    settings: Settings, postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "RETRY_SECONDS", 0.3)
    name = psycopg.conninfo.conninfo_to_dict(settings.database)["dbname"]
    stream = uuid4()
    with (
        psycopg.connect(postgres.conninfo, autocommit=True) as elsewhere,
        writing(settings.database) as writer,
        ThreadPoolExecutor(5) as threads,
    ):
        writer.append(rows(stream))
        elsewhere.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        try:
            elsewhere.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
            begun = time.monotonic()
            answers = [threads.submit(writer.append, rows(uuid4())) for _ in range(5)]
            wait(answers, 300)
            assert [type(answer.exception()) for answer in answers] == [LogUnavailable] * 5
            assert 0.3 <= time.monotonic() - begun < 300
        finally:
            elsewhere.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        until(lambda: writer.state().failing_ms == 0)
        assert writer.append(rows(stream, version=2)), "the writer goes on when the database is back"


def test_a_database_that_returns_in_time_was_never_away_to_the_caller(
    settings: Settings, postgres: EmbeddedPostgres
) -> None:
    name = psycopg.conninfo.conninfo_to_dict(settings.database)["dbname"]
    with (
        psycopg.connect(postgres.conninfo, autocommit=True) as elsewhere,
        writing(settings.database) as writer,
        ThreadPoolExecutor(1) as thread,
    ):
        writer.append(rows(uuid4()))
        elsewhere.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        try:
            elsewhere.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
            answer = thread.submit(writer.append, rows(uuid4()))
            time.sleep(0.3)
            assert not answer.done()
        finally:
            elsewhere.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        assert len(answer.result(PATIENCE_SECONDS)) == 1
