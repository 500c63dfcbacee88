"""Read models folded in shards, by one process or several, are those that are folded whole."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from msgspec.structs import replace
from office import (
    NAMES,
    POSITIONS,
    Office,
    Rows,
    believe_rows,
    catch_up,
    dump,
    erases,
    further,
    head,
    opened_office,
    opened_runner,
    tell_erasures,
    tell_lateness,
    tell_one_case,
)
from patience import PATIENCE_SECONDS
from some import thorough

from rujukan import projections
from rujukan.domain.case.notes import RecordNote
from rujukan.infra import composition
from rujukan.infra.cli import main
from rujukan.infra.settings import Settings, to_environment
from rujukan.projections import runner as runner_module
from rujukan.projections import wait_for
from rujukan.projections.shards import Shard, shard_of

HOUR = timedelta(hours=1)
BY_CASE = [p.name for p in projections.ALL if p.by_case]


@pytest.fixture(scope="module")
def office(settings: Settings) -> Iterator[Office]:
    with opened_office(settings) as opened:
        for number in range(4):
            told = tell_one_case(opened, composition.now() - (number + 2) * HOUR)
        for action, fields in further(told):
            opened.does("uptd-ppa", told, action.command, **fields)
        gone = tell_one_case(opened, composition.now() - HOUR)
        erases(opened, gone)
        tell_erasures(opened, composition.now() - HOUR)
        tell_lateness(opened)
        yield opened


@pytest.fixture
def whole(office: Office, settings: Settings) -> Rows:
    """What one process folds, in one part."""
    for name in NAMES:
        with opened_runner(settings) as runner:
            runner.rebuild(name)
    catch_up(settings)
    return shown(settings)


def in_shards(settings: Settings, shards: int) -> Settings:
    """Settings by which what is rebuilt is folded in so many."""
    return replace(settings, shards=shards)


def as_said(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line has these settings."""
    for variable, value in to_environment(replace(settings, kafka="-")).items():
        monkeypatch.setenv(variable, value)


def shown(settings: Settings) -> Rows:
    """The rows, but for what each shard remembers for itself."""
    found = dump(settings)
    del found[POSITIONS], found["marked"]
    return found


def parts(settings: Settings) -> dict[str, int]:
    return {name: shards for name, _, shards, _ in dump(settings)[POSITIONS]}


def begin_again(settings: Settings) -> None:
    """Empty read models, folded in the shards that they are folded in."""
    with psycopg.connect(settings.database, autocommit=True) as db, db.transaction():
        for p in projections.ALL:
            for table in p.tables:
                db.execute(f"TRUNCATE views.{table}")
        believe_rows(db)
        db.execute("UPDATE follow.processors SET position = 0")


def test_python_and_sql_part_the_cases_alike_and_evenly(settings: Settings) -> None:
    cases = [uuid4() for _ in range(2_000)] + [UUID(int=0), UUID(int=2**128 - 1)]
    with psycopg.connect(settings.database) as db:
        for shards in (1, 2, 3, 8, 64):
            rows = db.execute(
                "SELECT follow.shard_of(c, %s) FROM unnest(%s::uuid[]) WITH ORDINALITY AS x (c, n) ORDER BY n",
                (shards, cases),
            ).fetchall()
            assert [shard for (shard,) in rows] == [shard_of(case, shards) for case in cases]
            assert {shard_of(case, shards) for case in cases} == set(range(shards))


@pytest.mark.thorough
@pytest.mark.parametrize("shards", [2, thorough(5)])
def test_what_is_rebuilt_in_shards_is_the_same(settings: Settings, whole: Rows, shards: int) -> None:
    for name in NAMES:
        with opened_runner(in_shards(settings, shards)) as runner:
            runner.rebuild(name)
    assert parts(settings) == {name: shards if name in BY_CASE else 1 for name in NAMES}
    assert shown(settings) == whole


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("workers", "batch"),
    [thorough(1, 7), thorough(3, 7), (3, 2_000)],
)
def test_what_several_follow_in_shards_is_the_same(
    office: Office, settings: Settings, whole: Rows, workers: int, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each process reads and opens what is of its shards, and moves them alone."""
    for name in NAMES:
        with opened_runner(in_shards(settings, 4)) as runner:
            runner.rebuild(name)
    monkeypatch.setattr(runner_module, "BATCH", batch)
    begin_again(settings)
    start, done = Barrier(workers), Barrier(workers)

    def run(number: int) -> frozenset[Shard]:
        with opened_runner(settings) as runner:
            start.wait()
            runner.catch_up()
            done.wait()
            held: Any = runner.hold()
            return frozenset(held)

    with ThreadPoolExecutor(workers) as threads:
        list(threads.map(run, range(workers)))
    assert {position for *_, position in dump(settings)[POSITIONS]} == {head(settings)}
    assert shown(settings) == whole


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["timeline", thorough("deliveries")])
def test_another_helps_to_rebuild_a_read_model(settings: Settings, whole: Rows, name: str) -> None:
    settings, helping = in_shards(settings, 4), list[Future[int]]()

    def help_it() -> int:
        with opened_runner(settings) as second:
            return second.help_rebuild(name)

    with opened_runner(settings) as first, ThreadPoolExecutor(1) as thread:
        first.rebuild(name, begun=lambda: helping.append(thread.submit(help_it)))
        assert helping[0].result(PATIENCE_SECONDS) >= 0
    assert shown(settings) == whole


@pytest.mark.thorough
def test_several_processes_rebuild_a_read_model(
    settings: Settings, whole: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_said(in_shards(settings, 2), monkeypatch)
    assert main(["rebuild", "timeline", "--workers", "2"]) == 0
    assert shown(settings) == whole
    assert parts(settings)["timeline"] == 2


def test_more_processes_than_shards_are_refused(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    as_said(in_shards(settings, 4), monkeypatch)
    assert main(["rebuild", "timeline", "--workers", "9"]) != 0
    assert "RUJUKAN_SHARDS" in capsys.readouterr().err


@pytest.mark.thorough
def test_who_reads_a_case_waits_for_its_shard_alone(office: Office, settings: Settings, whole: Rows) -> None:
    for name in NAMES:
        with opened_runner(in_shards(settings, 2)) as runner:
            runner.rebuild(name)
    case = tell_one_case(office, composition.now())
    note = office.does("uptd-ppa", case, RecordNote, note=uuid4())
    catch_up(settings)
    mine = shard_of(case, 2)
    with psycopg.connect(settings.database, autocommit=True) as db:
        believe_rows(db)
        db.execute(
            "UPDATE follow.processors SET position = 0, stopped_at = now(), again_at = 'infinity'"
            " WHERE shards = 2 AND shard <> %s",
            (mine,),
        )
        assert wait_for(db, note.position, NAMES, 0, case)
        assert not wait_for(db, note.position, NAMES, 600)
        believe_rows(db)
        db.execute("UPDATE follow.processors SET position = %s, stopped_at = NULL, again_at = NULL", (head(settings),))
