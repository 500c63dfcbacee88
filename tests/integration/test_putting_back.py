"""Whatever happened to a record, the operator is told what is so, and puts it back from a backup."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import damaging
import fetching
import psycopg
import pytest
from damaging import KEY, case_with, entries, flipped
from fetching import Place, fetched, note
from office import Office, catch_up
from psycopg.conninfo import make_conninfo
from test_damaged import main_of

from rujukan.domain.compartment import Compartment
from rujukan.infra import composition, system
from rujukan.infra.settings import Settings

place, superuser = fetching.place, damaging.superuser
FAR = 1 << 40
ROW = "UPDATE log.stored_events SET {} WHERE notification_id = %s"
DAMAGE = {
    "a bit of the record": (
        ROW.format("state = set_byte(state, 120, get_byte(state, 120) # 1)"),
        "not what was sealed",
    ),
    "its topic": (ROW.format("topic = topic || 'x'"), "names another"),
    "its version": (ROW.format("originator_version = originator_version + 1048576"), "names another"),
    "its stream": (ROW.format("originator_id = gen_random_uuid()"), "names another"),
    "its number": (ROW.format(f"notification_id = notification_id + {FAR}"), "no row stands there"),
    "the row is gone": ("DELETE FROM log.stored_events WHERE notification_id = %s", "no row stands there"),
}


@contextmanager
def backup_of(db: psycopg.Connection, settings: Settings) -> Iterator[str]:
    """A database that was restored from a backup: of the log, its rows."""
    name = f"b{uuid4().hex[:10]}"
    columns = "originator_id, originator_version, topic, state, notification_id"
    rows = db.execute(f"SELECT {columns} FROM log.stored_events").fetchall()
    db.execute(f"CREATE DATABASE {name}")
    conninfo = make_conninfo(settings.database, dbname=name)
    with psycopg.connect(conninfo, autocommit=True) as there:
        there.execute("CREATE SCHEMA log")
        there.execute(
            "CREATE TABLE log.stored_events"
            " (originator_id uuid, originator_version bigint, topic text, state bytea, notification_id bigint)"
        )
        there.cursor().executemany(f"INSERT INTO log.stored_events ({columns}) VALUES (%s, %s, %s, %s, %s)", rows)
    yield conninfo


def damage(db: psycopg.Connection, sql: str, *values: object) -> None:
    """Past all triggers."""
    with db.transaction():
        db.execute("SET LOCAL session_replication_role = replica")
        db.execute(sql, values)


def of_case(said: str, case: UUID) -> str:
    """What is said of that case."""
    return said.partition(f"{case}  since")[2].partition("  since")[0]


@pytest.mark.thorough
def test_the_operator_is_told_what_is_so_of_every_damage_and_puts_all_of_it_back(
    place: Place,
    settings: Settings,
    superuser: psycopg.Connection,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(system, "running", lambda settings: settings)
    office = place.office
    cases = {how: case_with(place, "rsud") for how in (*DAMAGE, "one half", "the other", "a key")}
    at = {how: note(office, case, f"RAHASIA {how}") for how, case in cases.items()}
    catch_up(settings)
    unfollowed = {how: case_with(place, "rsud") for how in ("its number", "the row is gone")}
    first, behind = ({how: note(office, case, f"RAHASIA {n}") for how, case in unfollowed.items()} for n in (1, 2))
    composition.sealer(settings).seal_all()
    with backup_of(superuser, settings) as backup:
        for how in unfollowed:
            damage(superuser, DAMAGE[how][0], first[how])
        catch_up(settings)
        for how, (sql, _) in DAMAGE.items():
            damage(superuser, sql, at[how])
        one, other = at["one half"], at["the other"]
        for old, new in ((one, -one), (other, one), (-one, other)):
            damage(superuser, f"UPDATE log.stored_events SET notification_id = {new} WHERE notification_id = %s", old)
        with flipped(superuser, KEY, f"{cases['a key']}{int(Compartment.HEALTH)}"):
            with composition.service(settings, connections=4) as ports:  # what has no key in its memory
                assert fetched(settings, place._replace(office=Office(ports)), cases["a key"]).notes == []
            assert {entry.stream for entry in entries(settings)} == {*cases.values(), *unfollowed.values()}
            assert main_of(settings, "damaged") == 1
            said = capsys.readouterr().out
        assert "a data key is damaged" in of_case(said, cases["a key"])
        for how, case in unfollowed.items():
            assert f"position {behind[how]}: the row is what the ledger has" in of_case(said, case)
            assert "it opens: what is wrong is another" in of_case(said, case)
        for how, (_, words) in DAMAGE.items():
            assert f"position {at[how]}: " in of_case(said, cases[how]), how
            assert words in of_case(said, cases[how]), how
        assert "not what was sealed" in of_case(said, cases["one half"])
        assert main_of(settings, "damaged", "--again") == 1
        still = {*cases.values(), *unfollowed.values()} - {cases["a key"]}
        assert {entry.stream for entry in entries(settings)} == still
        assert main_of(settings, "damaged", "--backup", backup, "--repair", "--yes") == 0, capsys.readouterr().out
        assert "RAHASIA" not in said + capsys.readouterr().out
    assert entries(settings) == []
    for how, case in cases.items():
        assert fetched(settings, place, case).notes[-1] == f"RAHASIA {how}"
    for case in unfollowed.values():
        assert fetched(settings, place, case).notes == ["RAHASIA 1", "RAHASIA 2"], "also what nobody had followed yet"
