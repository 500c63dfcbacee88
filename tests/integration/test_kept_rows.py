"""What is on record of cases beside what was told, and work that is still to be done, answers for itself: whichever bit
of it flips, or whichever row is gone, it is named; nobody is told past consent by it, it stops no other case, and what
was to be done is done."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import damaging
import fetching
import psycopg
import pytest
from damaging import believe_facts, case_with, damaged_streams, main_of, positions_of
from fetching import Place, consent_of, fetched, note
from flipping import flip, size
from office import catch_up, erases, finishes, until
from psycopg.rows import dict_row
from some import thorough

from rujukan.domain.case.consents import WithdrawConsent
from rujukan.domain.codes import Service
from rujukan.domain.delivery import Cursor
from rujukan.infra import composition
from rujukan.infra.database import SERVICE
from rujukan.infra.delivery import kept, putting_right
from rujukan.infra.delivery.additions import Gap, Resealing
from rujukan.infra.delivery.facts import UnfitRow, of_case
from rujukan.infra.keys import names
from rujukan.infra.node import Node
from rujukan.infra.positions import (
    DELETIONS,
    EXPIRIES,
    FACTS,
    GAPS,
    NOTICES,
    RECALLED,
    RESEALINGS,
    TALLIES,
    TIMES,
    Positions,
    Table,
)
from rujukan.infra.settings import Settings

place, superuser = fetching.place, damaging.superuser

WITHDRAWN = "what was withdrawn"
"""Nobody but the lead may read it."""


class Facts(NamedTuple):
    """A case of which something had to be deleted and something runs out, another, and a row of each table."""

    case: UUID
    other: UUID
    consent: UUID


@pytest.fixture(scope="module")
def node(settings: Settings) -> Iterator[Node]:
    with Node(settings, names.PUBLISHER, 4, SERVICE) as node:
        yield node


@pytest.fixture
def facts(place: Place, settings: Settings, superuser: psycopg.Connection) -> Facts:
    case, other = case_with(place, "rsud"), case_with(place, "rsud")
    note(place.office, case, WITHDRAWN)
    note(place.office, other, "elsewhere")
    catch_up(settings)
    place.office.does("uptd-ppa", case, WithdrawConsent, consent=consent_of(place.office, case))
    consent = place.office.consents(
        case, "polres", "health", expires_at=composition.now() + timedelta(days=30, seconds=uuid4().int % 9999)
    )
    catch_up(settings)
    positions = positions_of(settings)
    kept.add(
        superuser, positions, GAPS, [Gap("rsud", 10**6 + uuid4().int % 10**6, 0, other, "x", composition.now(), 7)]
    )
    kept.add(superuser, positions, RESEALINGS, [Resealing(10**9 + uuid4().int % 10**6, "rsud", ["k", "l"], 5, 5)])
    kept.change(superuser, positions, RESEALINGS, "position >= 1000000000", (), done_at=composition.now())
    said = superuser.execute("SELECT '{\"a\": 1}'::jsonb::text").fetchone() or ("",)
    kept.add(superuser, positions, NOTICES, [(uuid4(), "rsud", said[0], 1, composition.now())])
    return Facts(case, other, consent)


def where(table: Table, facts: Facts) -> str:
    """Which row of the table is damaged."""
    if table is GAPS:
        return f"stream = '{facts.other}' AND sequence >= 1000000"
    if table in (RESEALINGS, NOTICES):
        return f"{table.key[0]} = (SELECT max({table.key[0]}::text) FROM {table.name})::{_kind(table)}"
    if table is TALLIES:
        return f"case_id = '{facts.case}' AND agency = 'rsud'"
    return f"{'stream' if table is DELETIONS else 'case_id'} = '{facts.case}'"


def _kind(table: Table) -> str:
    return "bigint" if table is RESEALINGS else "uuid"


class Stored:
    """A stored row, past all triggers: damaged, and looked at again."""

    def __init__(self, db: psycopg.Connection, table: Table, facts: Facts) -> None:
        self.db, self.table = db, table
        with db.cursor(row_factory=dict_row) as cursor:
            found = cursor.execute(f"SELECT *, ctid::text FROM {table.name} WHERE {where(table, facts)}").fetchone()
        assert found is not None, table.name
        self.ctid = found.pop("ctid")
        self.was = found

    def bits(self) -> list[tuple[str, int]]:
        """Every bit of every column that has a value."""
        columns = (*self.table.columns, "digest")
        return [(c, bit) for c in columns for bit in range(size(self.db, self.table.name, c, self.ctid))]

    def flip(self, column: str, bit: int) -> bool:
        """Whether it could be."""
        ctid = flip(self.db, self.table.name, column, self.ctid, bit)
        self.ctid = ctid or self.ctid
        return ctid is not None

    def is_as_it_was(self) -> bool:
        """Whether the row stands there, in whatever place, and no other in its stead."""
        with self.db.cursor(row_factory=dict_row) as cursor:
            key = " AND ".join(f"{column} = %s" for column in self.table.key)
            sql = f"SELECT *, ctid::text FROM {self.table.name} WHERE {key}"
            found = cursor.execute(sql, [self.was[column] for column in self.table.key]).fetchone()
        if found is None:
            return False
        self.ctid = found.pop("ctid")
        return found == self.was


@contextmanager
def past_all_triggers(db: psycopg.Connection) -> Iterator[None]:
    with db.transaction():
        db.execute("SET LOCAL session_replication_role = replica")
        yield


def keep(settings: Settings) -> None:
    """The register's keeper looks, and looks again."""
    with composition.follower(settings) as source:
        source.keep_up()
        source.keep_up()


def named(db: psycopg.Connection) -> list[tuple[str, str]]:
    """What is named, each (table, what was done about it)."""
    return [(one.table, one.how) for one in putting_right.listed(db)]


@pytest.fixture(autouse=True)
def looked_at(superuser: psycopg.Connection) -> Iterator[None]:
    superuser.execute("DELETE FROM follow.unfit")
    yield
    superuser.execute("DELETE FROM follow.unfit")


@pytest.mark.parametrize("every", [97, thorough(7)])
@pytest.mark.parametrize("table", FACTS, ids=lambda table: table.name)
def test_every_flipped_bit_of_every_column_is_found_named_and_put_right_and_no_case_is_set_aside(
    facts: Facts, settings: Settings, superuser: psycopg.Connection, table: Table, every: int
) -> None:
    row, tried = Stored(superuser, table, facts), 0
    with composition.follower(settings) as source:
        for column, bit in row.bits()[::every]:
            if not row.flip(column, bit):
                continue
            tried += 1
            source.keep_up()
            assert row.is_as_it_was(), (column, bit)
            assert named(superuser) == [(table.name, putting_right.PUT_RIGHT)], (column, bit)
            superuser.execute("DELETE FROM follow.unfit")
    assert tried * every > 100
    assert damaged_streams(settings) == set()
    assert main_of(settings, "damaged") == 0


# What had to be deleted -------------------------------------------------------------------------------------------

AT_ONCE = "in a bit of its position"
CHANGES = {
    AT_ONCE: "SET position = position # 4",
    "in its agency": "SET agency = 'lbh'",
    "in its case": "SET case_id = gen_random_uuid()",
    "in what is to be deleted": "SET compartments = 0",
    "in up to where": "SET upto = 0",
    "as who has no key writes it": "SET compartments = 0, digest = sha256('x')",
}


OTHERS = [thorough(how) for how in ("gone", *CHANGES) if how != AT_ONCE]
"""Each has the read models built anew, which takes long."""


@pytest.mark.thorough
@pytest.mark.parametrize("how", [AT_ONCE, *OTHERS])
def test_what_was_withdrawn_is_told_to_nobody_whatever_becomes_of_the_row_that_says_so(
    place: Place, facts: Facts, settings: Settings, superuser: psycopg.Connection, how: str
) -> None:
    assert WITHDRAWN not in fetched(settings, place, facts.case).notes
    rows = superuser.execute("SELECT * FROM delivery.recalled WHERE case_id = %s", (facts.case,)).fetchall()
    with past_all_triggers(superuser):
        if how == "gone":
            superuser.execute("DELETE FROM delivery.recalled WHERE case_id = %s", (facts.case,))
        else:
            superuser.execute(f"UPDATE delivery.recalled {CHANGES[how]} WHERE case_id = %s", (facts.case,))
    told = fetched(settings, place, facts.case)
    assert WITHDRAWN not in told.notes, "before anybody has looked"
    keep(settings)
    told = fetched(settings, place, facts.other)
    assert told.notes == ["elsewhere"], "nobody else waits"
    assert told.numbers == list(range(1, len(told.numbers) + 1))
    assert WITHDRAWN not in fetched(settings, place, facts.case).notes
    if how == AT_ONCE:
        assert damaged_streams(settings) == set()
        assert {what for _, what in named(superuser)} == {putting_right.PUT_RIGHT}
        return
    assert damaged_streams(settings) == {facts.case}
    assert (RECALLED.name, putting_right.STANDS) in named(superuser)
    assert main_of(settings, "damaged", "--again") == 1, "until it is put back"
    put_back(superuser, rows)
    keep(settings)
    assert main_of(settings, "damaged", "--again") == 0
    assert named(superuser) == []
    assert WITHDRAWN not in fetched(settings, place, facts.case).notes
    assert damaged_streams(settings) == set()


def put_back(db: psycopg.Connection, rows: list[Any]) -> None:
    """As an operator does from a backup."""
    with past_all_triggers(db):
        for row in rows:
            db.execute("DELETE FROM delivery.recalled WHERE position = ANY(%s)", ([row[1], row[1] ^ 4],))
            db.execute(f"INSERT INTO delivery.recalled VALUES ({', '.join(['%s'] * len(row))})", row)


@pytest.mark.thorough
def test_who_acts_on_what_is_on_record_of_a_case_knows_when_it_is_not_whole(
    facts: Facts, superuser: psycopg.Connection, node: Node, settings: Settings
) -> None:
    rows = superuser.execute("SELECT * FROM delivery.recalled WHERE case_id = %s", (facts.case,)).fetchall()
    assert of_case(superuser, node.digests, facts.case)
    with past_all_triggers(superuser):
        superuser.execute("DELETE FROM delivery.recalled WHERE case_id = %s", (facts.case,))
    with pytest.raises(UnfitRow):
        of_case(superuser, node.digests, facts.case)
    assert node.on_record.of_all(facts.case)[1], "who ends a consent meanwhile asks whoever was told"
    put_back(superuser, rows)
    keep(settings)


# When consents run out ---------------------------------------------------------------------------------------------


@pytest.mark.thorough
@pytest.mark.parametrize("how", ["gone", "set to later", "set to before", "its tally is gone"])
def test_when_a_consent_runs_out_is_read_anew_of_the_log_and_nothing_is_told_past_it(
    place: Place, settings: Settings, superuser: psycopg.Connection, how: str
) -> None:
    case, other = place.office.opens(composition.now()), case_with(place, "rsud")
    place.office.consents(case, "rsud", "health", expires_at=(soon := composition.now() + timedelta(seconds=1.5)))
    place.office.refers(case, "rsud", Service.HEALTH, compartments=frozenset({"health"}))
    note(place.office, case, WITHDRAWN)
    note(place.office, other, "elsewhere")
    catch_up(settings)
    with past_all_triggers(superuser):
        match how:
            case "gone":
                superuser.execute("DELETE FROM delivery.expiries WHERE case_id = %s", (case,))
            case "its tally is gone":
                superuser.execute("DELETE FROM delivery.tallies WHERE case_id = %s", (case,))
            case _:
                to = f"expires_at {'+' if how == 'set to later' else '-'} interval '3 days'"
                superuser.execute(f"UPDATE delivery.expiries SET expires_at = {to} WHERE case_id = %s", (case,))
    until(lambda: composition.now() > soon)
    with composition.escalator(settings) as escalator:
        escalator.once()
        assert fetched(settings, place, case).notes == [], "before anybody has looked"
        keep(settings)
        assert {table for table, _ in named(superuser)} <= {EXPIRIES.name, TALLIES.name}
        assert (EXPIRIES.name, putting_right.FROM_REGISTER) in named(superuser)
        escalator.once()
    catch_up(settings)
    told = fetched(settings, place, case)
    assert told.notes == []
    assert "case.ConsentExpired" in told.topics
    assert fetched(settings, place, other).notes == ["elsewhere"]
    assert damaged_streams(settings) == set()


# Work that is still to be done -------------------------------------------------------------------------------------


@pytest.mark.parametrize("why", ["a consent ended", thorough("it was erased")])
@pytest.mark.parametrize(
    "how", ["DELETE FROM", thorough("UPDATE {} SET agency = 'psikolog'"), thorough("UPDATE {} SET done_at = now()")]
)
def test_who_is_to_delete_copies_is_asked_though_the_row_that_says_so_is_gone_or_changed(
    place: Place, settings: Settings, superuser: psycopg.Connection, why: str, how: str
) -> None:
    case = case_with(place, "rsud")
    note(place.office, case, "told behind the end, so the register alone knows that it was")
    if why == "a consent ended":
        place.office.does("uptd-ppa", case, WithdrawConsent, consent=consent_of(place.office, case))
    else:
        finishes(place.office, case)
        erases(place.office, case, "health")
    with composition.follower(settings) as source:
        source.keep_up()
    change = how.format("delivery.deletions") if "{}" in how else f"{how} delivery.deletions"
    with past_all_triggers(superuser):
        assert superuser.execute(f"{change} WHERE stream = %s AND agency = 'rsud'", (case,)).rowcount
    with composition.deletions(settings) as asking:
        asking.once()
        keep(settings)
        assert (DELETIONS.name, putting_right.FROM_REGISTER) in named(superuser)
        asking.once()
        keep(settings)
        assert asking.once() == 0, "once"
    row = "SELECT count(*) FROM delivery.deletions WHERE stream = %s AND agency = 'rsud' AND done_at IS NOT NULL"
    assert superuser.execute(row, (case,)).fetchone() == (1,)
    assert fetched(settings, place, case).topics.count("erasure.DeletionAsked") == 1


@pytest.mark.thorough
@pytest.mark.parametrize("how", ["DELETE FROM", "UPDATE {} SET upto = 0", "UPDATE {} SET done_at = now()"])
def test_a_resealing_that_two_people_approved_is_done_though_its_row_is_gone_or_changed(
    place: Place, settings: Settings, superuser: psycopg.Connection, node: Node, how: str
) -> None:
    from rujukan.consumers.wire.envelope import AgencyKey
    from rujukan.domain.agency_keys import ApproveResealing, AskResealing, RegisterKey
    from rujukan.domain.codes import Role

    case = case_with(place, "rsud")
    note(place.office, case, "before")
    catch_up(settings)
    key, now = AgencyKey.generate(f"k{uuid4().hex[:8]}"), composition.now()
    lost = superuser.execute("SELECT key_id FROM delivery.sealing_keys WHERE agency = 'rsud'").fetchone() or ("",)
    about: dict[str, Any] = {"key": key.id, "lost": frozenset(lost)}
    for said, role in (
        (RegisterKey(occurred_at=now, key=key.id, public_key=key.public), Role.AGENCY_ADMINISTRATOR),
        (AskResealing(occurred_at=now, reason="a disk", **about), Role.AGENCY_ADMINISTRATOR),
        (ApproveResealing(occurred_at=now, **about), Role.DATA_PROTECTION_OFFICER),
    ):
        place.office.agrees("rsud", said, role)
    catch_up(settings)
    change = how.format("delivery.resealings") if "{}" in how else f"{how} delivery.resealings"
    with past_all_triggers(superuser):
        assert superuser.execute(f"{change} WHERE agency = 'rsud' AND done_at IS NULL").rowcount == 1
    head = node.tellings.head("rsud").sequence
    assert node.tellings.resealing({"rsud": head}, 1000) == [], "nobody believes it"
    keep(settings)
    (again,) = node.tellings.resealing({"rsud": head}, 1000)
    assert {telling.key_id for telling in again.tellings} >= {*lost}
    assert [t.sequence for t in again.tellings] == [  # also what was sealed anew once, to the key that is lost now
        t.sequence for t in node.tellings.after("rsud", Cursor(0), 1000) if t.key_id != key.id
    ]
    node.tellings.resealed(again.job, again.to)
    assert node.tellings.resealing({"rsud": head}, 1000) == []
    place.keys["rsud"] = key


@pytest.mark.parametrize("how", ["DELETE FROM {}", thorough("UPDATE {} SET said = '{{}}'")])
def test_what_a_recovery_left_to_be_said_is_missed_where_it_is_gone_or_changed(
    settings: Settings, superuser: psycopg.Connection, how: str
) -> None:
    recovery, positions = uuid4(), positions_of(settings)
    row = (recovery, "rsud", "{}", 2, composition.now()), (recovery, "lbh", '{"a": 1}', 2, composition.now())
    kept.add(superuser, positions, NOTICES, row)
    with past_all_triggers(superuser):
        superuser.execute(f"{how.format(NOTICES.name)} WHERE recovery = %s AND agency = 'lbh'", (recovery,))
    keep(settings)
    assert named(superuser) == [(NOTICES.name, putting_right.STANDS)]
    assert main_of(settings, "damaged", "--again") == 1
    superuser.execute("DELETE FROM delivery.notices WHERE recovery = %s", (recovery,))
    keep(settings)
    assert named(superuser) == []


# Releases and keyrings ---------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_rows_from_before_there_were_digests_are_given_theirs_and_counted(
    place: Place, facts: Facts, settings: Settings, superuser: psycopg.Connection
) -> None:
    def all_rows() -> list[Any]:
        tables = (f"SELECT * FROM {table.name} ORDER BY {', '.join(table.key)}" for table in FACTS)
        return [superuser.execute(sql).fetchall() for sql in tables]

    before = all_rows()
    with past_all_triggers(superuser):
        for table in FACTS:
            superuser.execute(f"UPDATE {table.name} SET digest = ''")
        believe_facts(superuser)
    assert WITHDRAWN not in fetched(settings, place, facts.case).notes
    keep(settings)
    assert all_rows() == before
    assert named(superuser) == []


@pytest.mark.thorough
@pytest.mark.parametrize("table", [table for table in FACTS if table is not TALLIES], ids=lambda table: table.name)
def test_a_process_of_the_release_before_that_writes_no_digest_stands_still(
    facts: Facts, superuser: psycopg.Connection, table: Table
) -> None:
    column = table.rest[-1]
    to = "now()" if column in TIMES else f"coalesce({column}, 0) + 1"
    with pytest.raises((psycopg.errors.CheckViolation, psycopg.errors.InsufficientPrivilege)):
        superuser.execute(f"UPDATE {table.name} SET {column} = {to}")


def test_a_tally_that_is_added_to_says_how_many_rows_there_are(
    facts: Facts, settings: Settings, superuser: psycopg.Connection
) -> None:
    positions: Positions = positions_of(settings)
    for n in range(3):
        kept.put_expiries(superuser, positions, {(facts.case, uuid4()): composition.now() + timedelta(days=n + 1)})
    rows = kept.expiries(superuser, positions, [facts.case])
    assert (len(rows.rows), rows.unfit) == (4, frozenset())
    kept.put_expiries(superuser, positions, {(row[0], row[1]): None for row in rows.rows})
    assert kept.expiries(superuser, positions, [facts.case]) == kept.Kept([], frozenset())
    assert (
        superuser.execute("SELECT FROM delivery.tallies WHERE case_id = %s AND agency = ''", (facts.case,)).fetchall()
        == []
    )
