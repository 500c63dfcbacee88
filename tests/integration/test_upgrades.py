"""Migrations on a large log: what takes long is built beforehand; what somebody holds is not waited for without end."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from patience import PATIENCE_SECONDS
from psycopg.conninfo import make_conninfo

from rujukan.infra import migrations
from rujukan.infra.locks import Lock
from rujukan.infra.services.postgres import EmbeddedPostgres

README = (Path(__file__).parents[2] / "infra" / "README.md").read_text()
BEFOREHAND = [
    " ".join(statement.split()) for statement in re.findall(r"^CREATE INDEX CONCURRENTLY [^;]+", README, re.MULTILINE)
]
"""What an operator is told to do."""
BUILT = [statement.split()[3] for statement in BEFOREHAND]


@pytest.fixture
def database(postgres: EmbeddedPostgres) -> Iterator[str]:
    name = f"u{uuid4().hex[:12]}"
    with psycopg.connect(postgres.conninfo, autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    yield make_conninfo(postgres.conninfo, dbname=name)
    with psycopg.connect(postgres.conninfo, autocommit=True) as db:
        db.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def before(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database of before 0010."""
    earlier = tmp_path / "earlier"
    earlier.mkdir()
    for file in files(migrations.__package__ or "").iterdir():
        if file.name.endswith(".sql") and file.name < "0010":
            (earlier / file.name).write_bytes(file.read_bytes())
    with monkeypatch.context() as then:
        then.setattr(migrations, "files", lambda package: earlier)
        assert migrations.migrate(database)[-1].startswith("0009")
    return database


def indexes(db: psycopg.Connection) -> dict[str, tuple[int, str]]:
    """Name → the file that it lies in, and what it is."""
    found = db.execute(
        "SELECT c.relname, c.relfilenode, pg_get_indexdef(c.oid) FROM pg_class c"
        " WHERE c.relkind = 'i' AND c.relnamespace::regnamespace::text IN ('log', 'ledger', 'delivery', 'follow')"
    ).fetchall()
    return {name: (file, what) for name, file, what in found}


def test_an_index_that_was_built_beforehand_is_not_built_again(before: str) -> None:
    with psycopg.connect(before, autocommit=True) as db:
        for statement in BEFOREHAND:
            db.execute(statement)
        built = {name: about for name, about in indexes(db).items() if name in BUILT}
        assert len(built) == len(BUILT)
        assert migrations.migrate(before)[0].startswith("0010")
        after = indexes(db)
    assert built.items() <= after.items()


def test_it_is_the_same_as_the_one_that_the_migration_builds(before: str) -> None:
    migrations.migrate(before)
    with psycopg.connect(before, autocommit=True) as db:
        by_migration = {name: what for name, (_, what) in indexes(db).items()}
        db.execute("SET search_path = log, delivery")
        for name in BUILT:
            db.execute(f"DROP INDEX {name}")
        db.execute("RESET search_path")
        for statement in BEFOREHAND:
            db.execute(statement)
        assert {name: what for name, (_, what) in indexes(db).items()} == by_migration


def test_one_that_was_not_built_to_its_end_is_refused(before: str) -> None:
    with psycopg.connect(before, autocommit=True) as db:
        for n in (1, 2):
            db.execute(
                "INSERT INTO delivery.told SELECT %s, 'rsud', %s, 1, 1, 1, gen_random_uuid(), gen_random_uuid(), 1, '',"
                " now(), gen_random_uuid()",
                (n, n),
            )
        with pytest.raises(psycopg.errors.UniqueViolation):
            db.execute("CREATE UNIQUE INDEX CONCURRENTLY told_at_position_idx ON delivery.told (at_position)")
        with pytest.raises(migrations.NotBuilt, match="told_at_position_idx"):
            migrations.migrate(before)
        db.execute("DROP INDEX delivery.told_at_position_idx")
        migrations.migrate(before)
        assert "told_at_position_idx" in indexes(db)


@pytest.mark.thorough
def test_a_table_or_a_turn_that_somebody_holds_is_not_waited_for_without_end(
    before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "LOCK_SECONDS", 1)
    monkeypatch.setattr(migrations, "MIGRATING_SECONDS", 1)
    turn = f"SELECT pg_advisory_xact_lock({Lock.MIGRATING})"
    for statement in ("SELECT count(*) FROM delivery.told", turn):
        with psycopg.connect(before) as reader, ThreadPoolExecutor(1) as thread:
            reader.execute(statement)
            done = thread.submit(migrations.migrate, before)
            assert isinstance(done.exception(PATIENCE_SECONDS), migrations.Blocked)
    assert migrations.migrate(before)
