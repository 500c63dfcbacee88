"""What is on record of cases and nobody can work out anew is put back from a backup by a command, as it was written:
and nothing that a backup adds, or that came after it, is lost or believed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import damaging
import fetching
import psycopg
import pytest
import test_kept_rows
from damaging import damaged_streams, main_of, positions_of
from fetching import Place, consent_of, fetched
from office import catch_up
from psycopg.conninfo import make_conninfo
from test_kept_rows import WITHDRAWN, Facts, keep, named, past_all_triggers

from rujukan.domain.case.consents import WithdrawConsent
from rujukan.infra import composition
from rujukan.infra.delivery import kept, putting_right
from rujukan.infra.positions import GAPS, NOTICES, REACHED, RECALLED, TALLIES, Table
from rujukan.infra.settings import Settings

pytestmark = pytest.mark.thorough

place, superuser = fetching.place, damaging.superuser
node, facts, looked_at = test_kept_rows.node, test_kept_rows.facts, test_kept_rows.looked_at
IN_BACKUP = (RECALLED, GAPS, NOTICES, TALLIES, REACHED)
OF_CASE = "WHERE case_id = %(case)s"
HOW = {
    "a row is gone": f"DELETE FROM delivery.recalled {OF_CASE}",
    "its agency": f"UPDATE delivery.recalled SET agency = 'lbh' {OF_CASE}",
    "its case": f"UPDATE delivery.recalled SET case_id = gen_random_uuid() {OF_CASE}",
    "what is to be deleted": f"UPDATE delivery.recalled SET compartments = 0 {OF_CASE}",
    "as who has no key writes it": f"UPDATE delivery.recalled SET upto = 0, digest = sha256('x') {OF_CASE}",
    "all of it": f"UPDATE delivery.recalled SET agency = 'lbh', upto = 0, position = 1, digest = sha256('y') {OF_CASE}",
    "its tally is gone": f"DELETE FROM delivery.tallies {OF_CASE} AND of_table = 'delivery.recalled'",
    "its tally": f"UPDATE delivery.tallies SET many = 9, digest = sha256('z') {OF_CASE}",
}


@contextmanager
def restored_backup(db: psycopg.Connection, settings: Settings) -> Iterator[str]:
    """A database that was restored from a backup of now: of what is put back from it, its rows."""
    name = f"b{uuid4().hex[:10]}"
    db.execute(f"CREATE DATABASE {name}")
    conninfo = make_conninfo(settings.database, dbname=name)
    with psycopg.connect(conninfo, autocommit=True) as there:
        there.execute("CREATE SCHEMA delivery")
        for table in IN_BACKUP:
            columns = db.execute(
                "SELECT quote_ident(attname) || ' ' || format_type(atttypid, atttypmod) FROM pg_attribute"
                " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
                (table.name,),
            ).fetchall()
            there.execute(f"CREATE TABLE {table.name} ({', '.join(column for (column,) in columns)})")
            with (
                db.cursor().copy(f"COPY {table.name} TO STDOUT") as out,
                there.cursor().copy(f"COPY {table.name} FROM STDIN") as into,
            ):
                for data in out:
                    into.write(data)
    yield conninfo


def rows(db: psycopg.Connection, table: Table) -> list[Any]:
    return db.execute(f"SELECT * FROM {table.name} ORDER BY {', '.join(table.key)}").fetchall()


def repair(settings: Settings, backup: str, *more: str) -> int:
    return main_of(settings, "damaged", "--backup", backup, *more)


@pytest.mark.parametrize("how", HOW)
def test_what_had_to_be_deleted_is_put_back_whatever_became_of_the_rows(
    place: Place, facts: Facts, settings: Settings, superuser: psycopg.Connection, how: str
) -> None:
    before = [rows(superuser, table) for table in (RECALLED, TALLIES)]
    with restored_backup(superuser, settings) as backup:
        with past_all_triggers(superuser):
            assert superuser.execute(HOW[how], {"case": facts.case}).rowcount
        keep(settings)
        assert facts.case in damaged_streams(settings)
        assert (RECALLED.name, putting_right.STANDS) in named(superuser)
        assert repair(settings, backup) == 1, "it says what the backup has, and changes nothing"
        assert (RECALLED.name, putting_right.STANDS) in named(superuser)
        assert repair(settings, backup, "--repair", "--yes") == 0
    assert [rows(superuser, table) for table in (RECALLED, TALLIES)] == before
    assert named(superuser) == []
    assert damaged_streams(settings) == set()
    keep(settings)
    assert named(superuser) == []
    assert WITHDRAWN not in fetched(settings, place, facts.case).notes
    assert fetched(settings, place, facts.other).notes == ["elsewhere"]


def withdraws_more(place: Place, settings: Settings, case: UUID) -> None:
    """Something has to be deleted that no backup of before has."""
    place.office.consents(case, "lbh", "health")
    catch_up(settings)
    place.office.does("uptd-ppa", case, WithdrawConsent, consent=consent_of(place.office, case))
    catch_up(settings)


def test_what_came_after_the_backup_stays_and_its_tally_says_whether_all_is_there(
    place: Place, facts: Facts, settings: Settings, superuser: psycopg.Connection
) -> None:
    with restored_backup(superuser, settings) as backup:
        withdraws_more(place, settings, facts.case)
        before = rows(superuser, RECALLED)
        with past_all_triggers(superuser):
            superuser.execute(HOW["what is to be deleted"] + " AND agency = 'rsud'", {"case": facts.case})
        keep(settings)
        assert repair(settings, backup, "--repair", "--yes") == 0
    assert rows(superuser, RECALLED) == before
    assert damaged_streams(settings) == set()


def test_a_tally_that_is_gone_is_not_taken_from_a_backup_from_before_the_case_moved_on(
    place: Place, facts: Facts, settings: Settings, superuser: psycopg.Connection
) -> None:
    """Nobody could say that nothing came after it, and is gone, too."""
    with restored_backup(superuser, settings) as backup:
        withdraws_more(place, settings, facts.case)
        with past_all_triggers(superuser):
            superuser.execute(HOW["its tally is gone"], {"case": facts.case})
        keep(settings)
        assert repair(settings, backup, "--repair", "--yes") == 1
        assert facts.case in damaged_streams(settings)
        assert (RECALLED.name, putting_right.STANDS) in named(superuser)
    assert WITHDRAWN not in fetched(settings, place, facts.case).notes
    with restored_backup(superuser, settings) as later:
        assert repair(settings, later, "--repair", "--yes") == 1, "no backup has it"
    with past_all_triggers(superuser):
        kept.count(superuser, positions_of(settings), RECALLED, _of(superuser, facts.case))
    keep(settings)
    assert main_of(settings, "damaged", "--again") == 0


def _of(db: psycopg.Connection, case: UUID) -> list[tuple[kept.Scope, int, bytes]]:
    sql = "SELECT agency, digest FROM delivery.recalled WHERE case_id = %s"
    return [(kept.Scope(agency, case), 1, digest) for agency, digest in db.execute(sql, (case,)).fetchall()]


def test_a_row_that_somebody_added_to_the_backup_is_not_taken(
    place: Place, facts: Facts, settings: Settings, superuser: psycopg.Connection
) -> None:
    with restored_backup(superuser, settings) as backup:
        with psycopg.connect(backup, autocommit=True) as there:
            there.execute("UPDATE delivery.recalled SET compartments = 0, digest = sha256('x')")
        before = rows(superuser, RECALLED)
        with past_all_triggers(superuser):
            superuser.execute(HOW["a row is gone"], {"case": facts.case})
        keep(settings)
        assert repair(settings, backup, "--repair", "--yes") == 1
        assert facts.case in damaged_streams(settings)
    test_kept_rows.put_back(superuser, [row for row in before if facts.case in row])
    keep(settings)
    assert main_of(settings, "damaged", "--again") == 0


@pytest.mark.parametrize(
    "how", ["UPDATE delivery.gaps SET why = 'y', position = 99", "UPDATE delivery.gaps SET agency = 'lbh'"]
)
def test_a_number_at_which_something_is_missing_is_put_back(
    facts: Facts, settings: Settings, superuser: psycopg.Connection, how: str
) -> None:
    before = rows(superuser, GAPS)
    with restored_backup(superuser, settings) as backup:
        with past_all_triggers(superuser):
            superuser.execute(f"{how} WHERE stream = %s", (facts.other,))
        keep(settings)
        assert named(superuser) == [(GAPS.name, putting_right.STANDS)]
        assert repair(settings, backup, "--repair", "--yes") == 0
    assert rows(superuser, GAPS) == before
    assert named(superuser) == []


@pytest.mark.parametrize("how", ["DELETE FROM {}", "UPDATE {} SET said = '{{}}', agency = 'polres'"])
def test_what_a_recovery_left_to_be_said_is_put_back(
    settings: Settings, superuser: psycopg.Connection, how: str
) -> None:
    recovery, positions = uuid4(), positions_of(settings)
    two = (recovery, "rsud", "{}", 2, composition.now()), (recovery, "lbh", '{"a": 1}', 2, composition.now())
    kept.add(superuser, positions, NOTICES, two)
    before = rows(superuser, NOTICES)
    with restored_backup(superuser, settings) as backup:
        with past_all_triggers(superuser):
            superuser.execute(f"{how.format(NOTICES.name)} WHERE recovery = %s AND agency = 'lbh'", (recovery,))
        keep(settings)
        assert named(superuser) == [(NOTICES.name, putting_right.STANDS)]
        assert repair(settings, backup, "--repair", "--yes") == 0
    assert rows(superuser, NOTICES) == before
    assert named(superuser) == []
