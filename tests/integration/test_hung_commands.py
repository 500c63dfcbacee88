"""A primary that hangs: neither who keeps the read models nor a command waits for it without end. Each gives up, says
so, and works again when the primary does."""

from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from conftest import copy, seed
from office import frozen, until
from patience import PATIENCE_SECONDS

from rujukan.infra import cli, composition, database, migrations
from rujukan.infra.database import AWAY, FOLLOWER, as_role
from rujukan.infra.delivery import damaged
from rujukan.infra.demo.figures import figures
from rujukan.infra.keys.names import ROTATING
from rujukan.infra.ledger.auditing import audit
from rujukan.infra.services.postgres import EmbeddedPostgres
from rujukan.infra.settings import Settings, to_environment
from rujukan.infra.store import rotation

LOCKED_SECONDS = 0.5


class World:
    """A system's database that can be halted, and who works on it."""

    def __init__(self, settings: Settings, server: EmbeddedPostgres) -> None:
        self.settings = settings
        self.server = server
        self.db = psycopg.connect(settings.database, autocommit=True)

    @contextmanager
    def locked(self, table: str) -> Iterator[None]:
        """Whoever asks for that table waits."""
        with self.db.transaction():
            self.db.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            yield

    def waiting(self) -> int:
        row = self.db.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
        return row[0] if row else 0


@pytest.fixture(scope="module")
def world(places: Callable[[], Path]) -> Iterator[World]:
    directory = places()
    for part in seed().iterdir():
        copy(part, directory / part.name)
    server = EmbeddedPostgres(directory / "postgres")
    settings = Settings(data=directory, database=server.start(), kafka="nowhere:9092")
    made = World(settings, server)
    composition.sealer(settings).seal_all()
    yield made
    made.db.close()
    server.stop()


@contextmanager
def folding(world: World) -> Iterator[Callable[[], object]]:
    """A worker's runner, which has its connection and its shards."""
    with composition.follower(world.settings) as source, composition.runner(world.settings, source) as runner:
        runner.catch_up()

        def fold() -> None:
            runner._renewed = float("-inf")
            assert runner.hold()

        yield fold


@contextmanager
def rebuilding(world: World) -> Iterator[Callable[[], object]]:
    with composition.follower(world.settings) as source, composition.runner(world.settings, source) as runner:
        yield lambda: runner.rebuild("directory")


def audits(world: World) -> object:
    conninfo = as_role(world.settings.database, FOLLOWER)
    report = audit(conninfo, composition.ledger_keys(world.settings))
    assert report.difference is None
    return report


def puts_back(world: World) -> object:
    with composition.ledger(world.settings) as ledger:
        return damaged.put_back(world.settings.database, ledger, 1, world.settings.database)


def explains(world: World) -> object:
    return damaged._has(world.settings.database, 1, b"")


def rotates(world: World) -> object:
    return rotation.rotate(world.settings.database, composition.keys(world.settings, ROTATING).rotation())


def lists_keys(world: World) -> object:
    return rotation.states(world.settings.database, composition.keys(world.settings, ROTATING).rotation())


COMMANDS: dict[str, tuple[Callable[[World], object], str]] = {
    "migrate": (lambda world: migrations.migrate(world.settings.database), "public.migrations"),
    "rotate": (rotates, "log.retired_keks"),
    "keys": (lists_keys, "log.data_keys"),
    "audit": (audits, "ledger.batches"),
    "put back": (puts_back, "log.stored_events"),
    "explain": (explains, "log.stored_events"),
    "figures": (lambda world: figures(world.settings), "views.caseload"),
}
FOLLOWERS: dict[str, tuple[Callable[[World], Any], str]] = {
    "worker": (folding, "follow.leases"),
    "rebuild": (rebuilding, "follow.leases"),
}
"""Each with a table that it asks for."""


@contextmanager
def impatient() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database.Answering, "seconds", LOCKED_SECONDS)
        patch.setattr(database, "CONNECT_SECONDS", 2)
        patch.setattr(database, "POOL_SECONDS", LOCKED_SECONDS)
        yield


def outcome(done: Future[object]) -> BaseException | None:
    return done.exception(PATIENCE_SECONDS)


OFTEN = {"migrate", "put back", *FOLLOWERS}
"""Each kind of connection once."""


def rarely(names: Iterable[str], often: Collection[str]) -> list[Any]:
    return [pytest.param(name, marks=() if name in often else pytest.mark.thorough) for name in names]


@pytest.mark.thorough
@pytest.mark.parametrize("name", rarely([*COMMANDS, *FOLLOWERS], OFTEN))
def test_nobody_waits_without_end_for_a_primary_that_hangs_in_the_middle(world: World, name: str) -> None:
    with ExitStack() as closing:
        if name in COMMANDS:
            command, table = COMMANDS[name]
            work: Callable[[], object] = lambda: command(world)  # noqa: E731
        else:
            opened, table = FOLLOWERS[name]
            work = closing.enter_context(opened(world))
        thread = closing.enter_context(ThreadPoolExecutor(1))
        work()
        with world.locked(table), impatient():
            done = thread.submit(work)
            until(lambda: world.waiting() > 0 or done.done())
            with frozen(world.server.pid):
                assert isinstance(outcome(done), AWAY)
        work()


@pytest.mark.thorough
@pytest.mark.parametrize("name", rarely(COMMANDS, {"keys"}))
def test_a_command_that_begins_while_the_primary_hangs_gives_up(world: World, name: str) -> None:
    command, _ = COMMANDS[name]
    with impatient(), frozen(world.server.pid), pytest.raises(AWAY):
        command(world)
    command(world)


@pytest.mark.thorough
def test_whoever_asks_on_the_command_line_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All at once, as each waits for a while."""
    for name, value in to_environment(world.settings).items():
        monkeypatch.setenv(name, value)
    commands = [
        "migrate", "keys", "keys rotate --yes", "keys epoch --yes", "erasures", "retention", "damaged", "forks",
        "deliveries",
        "lag", "rebuild directory", "ledger verify", "ledger checkpoint", "agencies",
    ]  # fmt: skip
    with ThreadPoolExecutor(len(commands)) as threads, impatient(), frozen(world.server.pid):
        done = {command: threads.submit(cli.main, command.split()) for command in commands}
        assert {command: answer.result(PATIENCE_SECONDS) for command, answer in done.items()} == dict.fromkeys(
            commands, 1
        )
    said = capsys.readouterr().err.splitlines()
    told = [line for line in said if line.startswith("rujukan: ") and "away, or does not answer (" in line]
    assert len(told) == len(commands), said
