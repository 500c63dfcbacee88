"""A read model that cannot be folded stops alone, is named with its reason, and goes on once it can."""

import logging
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from office import (
    NAMES,
    Office,
    believe_rows,
    catch_up,
    dump,
    head,
    opened_office,
    opened_runner,
    position,
    tell_one_case,
)
from some import some

from rujukan import projections
from rujukan.infra import composition
from rujukan.infra.settings import Settings
from rujukan.projections import Stopped, stopped, wait_for
from rujukan.projections import runner as runner_module

SAID = "RAHASIA: her new address"
OTHER = "audit"


@pytest.fixture(scope="module")
def office(settings: Settings) -> Iterator[Office]:
    with opened_office(settings) as opened:
        yield opened


@pytest.fixture
def before(office: Office, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> int:
    """Where all were before a case was told that is not folded yet."""
    catch_up(settings)
    monkeypatch.setattr(runner_module, "BATCH", 40)
    here = head(settings)
    tell_one_case(office, composition.now())
    return here


def raises_at(monkeypatch: pytest.MonkeyPatch, name: str, bad: int) -> None:
    """The read model's fold raises when it meets the event at that position, after it changed something."""
    of = next(p for p in projections.ALL if p.name == name)
    fold = of.fold

    def fold_or_raise(self: Any, db: Any, batch: Any) -> None:
        fold(self, db, batch)
        if any(f.written.position == bad for f in batch):
            raise ZeroDivisionError(SAID)

    monkeypatch.setattr(of, "fold", fold_or_raise)


def standing(settings: Settings) -> list[Stopped]:
    with psycopg.connect(settings.database, autocommit=True) as db:
        return stopped(db)


def try_now(settings: Settings) -> None:
    """As after its pause."""
    with psycopg.connect(settings.database, autocommit=True) as db:
        db.execute("UPDATE follow.processors SET again_at = now() WHERE again_at IS NOT NULL")
    catch_up(settings)


@pytest.mark.thorough
@pytest.mark.parametrize("name", some(NAMES, len(NAMES)))
def test_it_stops_right_before_what_it_cannot_take_in_and_all_others_go_on(
    settings: Settings, before: int, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = before + 17
    with monkeypatch.context() as broken:
        raises_at(broken, name, bad)
        catch_up(settings)
        assert {other: position(settings, other) for other in NAMES} == {
            other: bad - 1 if other == name else head(settings) for other in NAMES
        }
        (found,) = standing(settings)
        assert (found.name, found.shard, found.position, found.tries) == (name, 0, bad - 1, 1)
        assert found.why.startswith("ZeroDivisionError at test_stopped.py:")
        try_now(settings)
        (again,) = standing(settings)
        assert (again.position, again.since, again.tries) == (bad - 1, found.since, 2)
    try_now(settings)
    assert standing(settings) == []
    mended = dump(settings)
    with opened_runner(settings) as runner:
        runner.rebuild(name)
    assert dump(settings) == mended


@pytest.mark.thorough
def test_it_is_said_loudly_at_first_and_never_what_was_in_it(
    settings: Settings, before: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as broken, caplog.at_level(logging.INFO):
        raises_at(broken, "flags", before + 3)
        catch_up(settings)
        for _ in range(8):
            try_now(settings)
        said = [r.args[-1] for r in caplog.records if r.args and r.getMessage().startswith("READ MODEL flags STOPPED")]
    assert said == [1, 2, 4, 8]
    assert SAID not in caplog.text
    with psycopg.connect(settings.database) as db:
        assert SAID not in repr(db.execute("SELECT * FROM follow.processors").fetchall())
    try_now(settings)
    assert standing(settings) == []


@pytest.mark.thorough
def test_its_pauses_grow_up_to_a_minute(settings: Settings, before: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = []
    with monkeypatch.context() as broken:
        raises_at(broken, "flags", before + 3)
        catch_up(settings)
        with psycopg.connect(settings.database, autocommit=True) as db:
            for tries in (1, 2, 3, 20, 2_000_000):
                db.execute("UPDATE follow.processors SET tries = %s WHERE tries > 0", (tries - 1,))
                try_now(settings)
                row = db.execute("SELECT again_at - now() FROM follow.processors WHERE tries > 0").fetchone()
                assert row is not None
                pauses.append(row[0].total_seconds())
    assert pauses[0] < pauses[1] < pauses[2] < pauses[3] <= 60
    assert pauses[4] <= 60
    with opened_runner(settings) as runner:
        runner.catch_up()
        assert position(settings, "flags") == before + 2, "before its pause is over it is left alone"
    try_now(settings)


def test_nobody_waits_for_what_is_stopped(settings: Settings, before: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With ten minutes to wait: who waited would be seen."""
    with monkeypatch.context() as broken:
        raises_at(broken, "flags", before + 3)
        catch_up(settings)
        with psycopg.connect(settings.database, autocommit=True) as db:
            assert not wait_for(db, head(settings), NAMES, 600)
            assert not wait_for(db, before + 3, ["flags"], 600)
            assert wait_for(db, before + 2, ["flags"], 0)
            assert wait_for(db, head(settings), [name for name in NAMES if name != "flags"], 0)
    try_now(settings)


@pytest.mark.thorough
def test_one_that_fell_behind_holds_up_none_of_the_others(
    settings: Settings, before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch that was read is folded by all that are there before anything older is."""
    monkeypatch.setattr(runner_module, "BATCH", 1)
    with psycopg.connect(settings.database, autocommit=True) as db:
        believe_rows(db)
        db.execute("UPDATE follow.processors SET position = 0 WHERE name = 'flags'")
        db.execute("TRUNCATE views.flag")
    with composition.follower(settings) as source, composition.runner(settings, source) as runner:
        new = source.after(before, 1000)
        runner.take(new, seconds=0)
        assert {name: position(settings, name) for name in NAMES if name != "flags"} == dict.fromkeys(
            (name for name in NAMES if name != "flags"), new[-1].written.position
        )
        assert position(settings, "flags") < before
    catch_up(settings)
    assert position(settings, "flags") == head(settings)


@pytest.mark.thorough
def test_one_that_fell_behind_has_its_turn_also_where_what_is_new_takes_all_the_time(
    settings: Settings, before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine that is so busy that each fold takes a second."""
    passed = 0.0
    fold, monotonic = runner_module.fold, time.monotonic

    def slow(*said: Any) -> None:
        nonlocal passed
        fold(*said)
        passed += 1.0

    monkeypatch.setattr(runner_module, "fold", slow)
    monkeypatch.setattr(runner_module.time, "monotonic", lambda: monotonic() + passed)
    with psycopg.connect(settings.database, autocommit=True) as db:
        believe_rows(db)
        db.execute("UPDATE follow.processors SET position = 0 WHERE name = 'flags'")
        db.execute("TRUNCATE views.flag")
    with composition.follower(settings) as source, composition.runner(settings, source) as runner:
        runner.take(source.after(before, 1000), seconds=0.5)
    assert position(settings, "flags") > 0
    catch_up(settings)


def test_a_fold_whose_connection_breaks_stops_nothing(
    settings: Settings, before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = next(p for p in projections.ALL if p.name == "flags")

    def break_off(self: Any, db: Any, batch: Any) -> None:
        db.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with monkeypatch.context() as broken:
        broken.setattr(of, "fold", break_off)
        with pytest.raises(psycopg.OperationalError):
            catch_up(settings)
    assert standing(settings) == []
    catch_up(settings)
    assert position(settings, "flags") == head(settings)
