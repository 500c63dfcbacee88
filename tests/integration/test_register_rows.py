"""A row of the register answers for itself: whichever bit of it flips, it is found, it is told to nobody, and nothing
that is made of it shows anybody what is not theirs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import damaging
import fetching
import psycopg
import pytest
from damaging import case_with, entries, look_again, main_of
from fetching import Place, Told, consent_of, fetched, note
from office import catch_up
from psycopg.conninfo import make_conninfo
from some import thorough

from rujukan.domain.case.consents import WithdrawConsent
from rujukan.domain.compartment import Compartment
from rujukan.domain.delivery import Cursor
from rujukan.domain.disclosure import RULE
from rujukan.domain.history import Register
from rujukan.infra import composition
from rujukan.infra.database import SERVICE
from rujukan.infra.delivery import damaged_rows
from rujukan.infra.delivery.digests import Digests
from rujukan.infra.delivery.facts import UnfitRow, of_case
from rujukan.infra.keys import names
from rujukan.infra.keys.home import UnwrapFailed
from rujukan.infra.keys.local import LocalKeyring
from rujukan.infra.node import Node
from rujukan.infra.settings import Settings

place, superuser = fetching.place, damaging.superuser

NUMBERS = {"n": 63, "sequence": 63, "case_sequence": 63, "at_position": 63, "position": 63, "compartments": 31}
UUIDS = {"stream": 128, "case_id": 128, "id": 128}
TEXTS = ("agency", "key_id", "rule")
COLUMNS = (*NUMBERS, *UUIDS, *TEXTS, "told_at", "digest")
MINE, SECRET = "mine", "of a case that it may not know"


def bits_of(row: dict[str, Any]) -> list[tuple[str, int]]:
    """Every bit of every column of a row. Of a text those that leave it a text."""
    of_texts = [(c, 8 * n + bit) for c in TEXTS for n in range(len(row[c])) for bit in range(7)]
    fixed = NUMBERS | UUIDS | {"told_at": 59, "digest": 8 * len(row["digest"])}
    return [(column, bit) for column, many in fixed.items() for bit in range(many)] + of_texts


def flip(column: str, bit: int) -> str:
    """SQL for the column with that bit flipped."""
    if column in NUMBERS:
        kind = "int4" if column == "compartments" else "int8"
        return f"{column} # (1::{kind} << {bit})"
    if column in UUIDS:
        return f"encode(set_bit(uuid_send({column}), {bit}, 1 - get_bit(uuid_send({column}), {bit})), 'hex')::uuid"
    if column == "told_at":
        micros = f"((extract(epoch FROM told_at) * 1000000)::int8 # (1::int8 << {bit}))"
        return f"'epoch'::timestamptz + {micros} * interval '1 microsecond'"
    if column == "digest":
        return f"set_bit(digest, {bit}, 1 - get_bit(digest, {bit}))"
    of = f"convert_to({column}, 'UTF8')"
    return f"convert_from(set_bit({of}, {bit}, 1 - get_bit({of}, {bit})), 'UTF8')"


def row_at(db: psycopg.Connection, agency: str, position: int) -> dict[str, Any]:
    with db.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        row = cursor.execute("SELECT * FROM delivery.told WHERE agency = %s AND position = %s", (agency, position))
        found = row.fetchone()
    assert found is not None
    return found


@contextmanager
def flipped(db: psycopg.Connection, row: dict[str, Any], column: str, bit: int) -> Iterator[bool]:
    """One bit of the row is another, and the whole row is put right at the end. Whether that could be: no database
    has a text with a zero, a time of the year 300,000, or two rows under one number."""
    with db.transaction():
        db.execute("SET LOCAL session_replication_role = replica")
        try:
            with db.transaction():
                changed = db.execute(
                    f"UPDATE delivery.told SET {column} = {flip(column, bit)} WHERE n = %s RETURNING ctid", (row["n"],)
                ).fetchone()
        except (psycopg.DataError, psycopg.IntegrityError):
            changed = None
    try:
        yield changed is not None
    finally:
        with db.transaction():
            db.execute("SET LOCAL session_replication_role = replica")
            if changed is not None:
                db.execute("DELETE FROM delivery.told WHERE ctid = %s", changed)
                db.execute(
                    f"INSERT INTO delivery.told ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})",
                    list(row.values()),
                )


@pytest.fixture
def node(settings: Settings) -> Iterator[Node]:
    with Node(settings, names.PUBLISHER, 4, SERVICE) as node:
        yield node


def looked_through(node: Node, db: psycopg.Connection) -> list[damaged_rows.Unfit]:
    """The damaged rows that are found where the register is looked through."""
    damaged_rows.look(db, node.digests, -1, page=1_000_000)
    return damaged_rows.listed(db)


def is_told_of(node: Node, position: int) -> bool:
    """Whether a whole telling of the event is read for the hospital."""
    found = node.tellings.after("rsud", Cursor(0), 5_000)
    assert [t.sequence for t in found] == list(range(1, len(found) + 1)), "numbers have no holes"
    return any(t.is_whole and t.position == position for t in found)


@pytest.mark.parametrize("every", [16, thorough(1)])
def test_every_flipped_bit_of_every_column_is_found_and_by_it_nobody_is_told(
    place: Place, settings: Settings, superuser: psycopg.Connection, node: Node, every: int
) -> None:
    """By whoever reads a row: who tells, who recalls and erases, who looks back, who looks through."""
    case = case_with(place, "rsud")
    at = note(place.office, case, MINE)
    note(place.office, case, "behind it")
    catch_up(settings)
    row = row_at(superuser, "rsud", at)
    told = len(node.on_record.of_all(case)[1])
    whole = node.on_record.of_agency("rsud", case)
    assert whole == Register(whole.entitled), "nothing is named where all is as it was written"
    tried = 0
    for column, bit in bits_of(row)[::every]:
        with flipped(superuser, row, column, bit) as could_be:
            if not could_be:
                continue
            tried += 1
            assert not is_told_of(node, at), (column, bit)
            assert len(node.on_record.of_all(case)[1]) == told - 1, (column, bit)
            back = node.on_record.of_agency("rsud", case)
            assert len(back.entitled) == len(whole.entitled) - 1, (column, bit)
            assert len(back.changed) + back.missing == 1, "what is left out is named"
            assert len(looked_through(node, superuser)) == 1, (column, bit)
            with pytest.raises(UnfitRow):
                of_case(superuser, node.digests, case)
    assert looked_through(node, superuser) == []
    assert tried * every > 900
    assert is_told_of(node, at)


def test_who_looks_back_is_told_of_the_last_row_too_once_the_register_was_looked_through(
    place: Place, settings: Settings, superuser: psycopg.Connection, node: Node
) -> None:
    """Behind the last row stands none that would miss it: which case it was of, nobody can tell any more."""
    case = case_with(place, "rsud")
    at = note(place.office, case, MINE)
    catch_up(settings)
    row = row_at(superuser, "rsud", at)
    with flipped(superuser, row, "case_id", 5) as could_be:
        assert could_be
        assert len(looked_through(node, superuser)) == 1
        assert node.on_record.of_agency("rsud", case).elsewhere == 1
    assert looked_through(node, superuser) == []
    assert node.on_record.of_agency("rsud", case).elsewhere == 0


MORE_COLUMNS = [thorough(column) for column in COLUMNS if column != "compartments"]


@pytest.mark.thorough
@pytest.mark.parametrize("column", ["compartments", *MORE_COLUMNS])
def test_a_row_that_is_taken_up_while_a_bit_of_it_is_flipped_shows_nothing_and_once_it_is_whole_what_it_should(
    place: Place, settings: Settings, superuser: psycopg.Connection, column: str
) -> None:
    mine, secret = case_with(place, "rsud"), case_with(place)
    at = note(place.office, mine, MINE, legal=SECRET)
    note(place.office, mine, "behind it")
    note(place.office, secret, SECRET, legal=SECRET)
    catch_up(settings)
    row = row_at(superuser, "rsud", at)
    bits = [bit for of, bit in bits_of(row) if of == column]
    if column == "compartments":
        bits = [Compartment.LEGAL]
    for bit in Random(column).sample(bits, len(bits)):
        with flipped(superuser, row, column, bit) as could_be:
            if not could_be:
                continue
            told = fetched(settings, place, mine)
            assert told.numbers == list(range(1, len(told.numbers) + 1)), bit
            assert main_of(settings, "damaged", "--again") == 1, "it is named, and still damaged"
            told = fetched(settings, place, mine)
            assert told.notes == ["behind it"]
            assert_nothing_of_others(told)
        assert main_of(settings, "damaged", "--again") == 0
        told = fetched(settings, place, mine)
        assert MINE in told.notes, bit
        assert_nothing_of_others(told)
        return


def assert_nothing_of_others(told: Told, *about: object) -> None:
    shown = [value for delivery in told.sent for value in delivery.fields().values()]
    assert SECRET not in shown, about


def past_all_triggers(db: psycopg.Connection, sql: str, *values: object) -> None:
    with db.transaction():
        db.execute("SET LOCAL session_replication_role = replica")
        db.execute(sql, values)


@pytest.mark.thorough
def test_a_row_that_stands_at_a_number_that_is_given_next_stops_nobody(
    place: Place, settings: Settings, superuser: psycopg.Connection
) -> None:
    hit, case = case_with(place, "rsud"), case_with(place, "rsud")
    at = note(place.office, hit, MINE)
    catch_up(settings)
    row = row_at(superuser, "rsud", at)
    past_all_triggers(superuser, "UPDATE delivery.told SET sequence = sequence + 2 WHERE n = %s", row["n"])
    try:
        for text in ("one", "two", "three"):
            note(place.office, case, text)
            catch_up(settings)
        told = fetched(settings, place, case)
        assert told.notes == ["one", "two", "three"]
        assert told.numbers == list(range(1, len(told.numbers) + 1))
    finally:
        past_all_triggers(superuser, "UPDATE delivery.told SET sequence = %s WHERE n = %s", row["sequence"], row["n"])
    assert main_of(settings, "damaged", "--again") == 0
    told = fetched(settings, place, hit)
    assert told.notes == [MINE, MINE], "at its number, and where it was told again"
    assert told.numbers == list(range(1, len(told.numbers) + 1))


@pytest.mark.thorough
def test_what_a_damaged_row_told_is_recalled_once_it_is_whole(
    place: Place, settings: Settings, superuser: psycopg.Connection
) -> None:
    """Until then nobody knows who has copies, so the case waits, and says so."""
    case = case_with(place, "rsud")
    at = note(place.office, case, MINE)
    catch_up(settings)
    row = row_at(superuser, "rsud", at)
    with flipped(superuser, row, "compartments", Compartment.HEALTH):
        place.office.does("uptd-ppa", case, WithdrawConsent, consent=consent_of(place.office, case))
        catch_up(settings)
        assert [entry.stream for entry in entries(settings)] == [case]
    assert main_of(settings, "damaged", "--again") == 0
    recalled = superuser.execute("SELECT position FROM delivery.recalled WHERE case_id = %s", (case,)).fetchall()
    assert (at,) in recalled
    with composition.deletions(settings) as asking:
        asking.once()
    catch_up(settings)
    told = fetched(settings, place, case)
    assert told.notes == []
    assert "erasure.DeletionAsked" in told.topics


@pytest.mark.thorough
def test_a_row_is_put_back_from_a_backup_that_has_what_was_written(
    place: Place, settings: Settings, superuser: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    case = case_with(place, "rsud")
    at = [note(place.office, case, f"{n}") for n in range(3)]
    catch_up(settings)
    name = f"b{uuid4().hex[:10]}"
    superuser.execute(f"CREATE DATABASE {name}")
    backup = make_conninfo(settings.database, dbname=name)
    rows = superuser.execute("SELECT * FROM delivery.told").fetchall()
    with psycopg.connect(backup, autocommit=True) as there:
        there.execute("CREATE SCHEMA delivery")
        there.execute(
            "CREATE TABLE delivery.told (n bigint, agency text, sequence bigint, case_sequence bigint, at_position"
            " bigint, position bigint, stream uuid, case_id uuid, compartments int, key_id text, told_at timestamptz,"
            " id uuid, rule text, digest bytea)"
        )
        there.cursor().executemany(f"INSERT INTO delivery.told VALUES ({', '.join(['%s'] * 14)})", rows)
        for change, position in zip(
            ("compartments = 1023", "sequence = sequence + 4096", "n = n + 4096"), at, strict=True
        ):
            past_all_triggers(superuser, f"UPDATE delivery.told SET {change} WHERE position = %s", position)
        look_again(settings)
        assert main_of(settings, "damaged") == 1
        assert fetched(settings, place, case).notes == []
        there.execute("UPDATE delivery.told SET rule = 'x'")
        assert main_of(settings, "damaged", "--backup", backup, "--repair", "--yes") == 1, "it is not what was written"
        there.execute("UPDATE delivery.told SET rule = %s", (RULE,))
        assert main_of(settings, "damaged", "--backup", backup, "--repair", "--yes") == 0, capsys.readouterr().out
    assert {MINE, "0", "1", "2"} >= {*fetched(settings, place, case).notes} == {"0", "1", "2"}
    assert superuser.execute("SELECT n FROM delivery.unfit").fetchall() == []


def test_rows_from_before_there_were_digests_are_given_theirs_before_anything_is_told(
    place: Place, settings: Settings, superuser: psycopg.Connection, node: Node
) -> None:
    case = case_with(place, "rsud")
    note(place.office, case, MINE)
    catch_up(settings)
    written = superuser.execute("SELECT n, digest FROM delivery.told ORDER BY n").fetchall()
    past_all_triggers(superuser, "UPDATE delivery.told SET digest = ''")
    superuser.execute("UPDATE delivery.reached SET digests_under = NULL")
    supplied = node.tellings.seal_all(node.tellings.waiting({"rsud": 0}, 100, 8))
    assert (supplied.messages, supplied.held) == ({}, {"rsud"}), "held, and no placeholder"
    with psycopg.connect(settings.database, autocommit=True) as db:
        assert of_case(db, node.digests, case), "who withdraws meanwhile asks whoever was told"
    note(place.office, case, "behind it")
    catch_up(settings)
    assert superuser.execute("SELECT n, digest FROM delivery.told ORDER BY n").fetchall()[: len(written)] == written
    assert fetched(settings, place, case).notes == [MINE, "behind it"]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        superuser.execute("UPDATE delivery.told SET digest = ''")


def test_another_keyring_is_no_damage(place: Place, settings: Settings, node: Node, tmp_path: Path) -> None:
    case_with(place, "rsud")
    catch_up(settings)
    other = Digests(LocalKeyring(tmp_path / "keyring.json"))
    with node.follower_pool.connection() as db, pytest.raises(UnwrapFailed):
        other.known(db)


@pytest.mark.thorough
def test_a_row_that_somebody_wrote_who_has_no_key_is_told_to_nobody(
    place: Place, settings: Settings, superuser: psycopg.Connection
) -> None:
    """Who may do anything in the database would have content of any case sealed to an agency."""
    mine, secret = case_with(place, "rsud"), case_with(place)
    note(place.office, mine, MINE)
    at = note(place.office, secret, SECRET, legal=SECRET)
    catch_up(settings)
    superuser.execute(
        "INSERT INTO delivery.told SELECT max(n) + 1, 'rsud', (SELECT sequence + 1 FROM delivery.heads WHERE agency ="
        " 'rsud'), 1, %(at)s, %(at)s, %(case)s, %(case)s, 1023, '', now(), gen_random_uuid(), '2026-1', %(digest)s"
        " FROM delivery.told",
        {"at": at, "case": secret, "digest": bytes(16)},
    )
    past_all_triggers(superuser, "UPDATE delivery.heads SET sequence = sequence + 1 WHERE agency = 'rsud'")
    assert_nothing_of_others(fetched(settings, place, mine))
    assert main_of(settings, "damaged", "--again") == 1
    note(place.office, mine, "behind it")
    catch_up(settings)
    told = fetched(settings, place, mine)
    assert told.notes == [MINE, "behind it"]
    assert_nothing_of_others(told)
