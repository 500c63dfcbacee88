"""A row from which somebody goes on answers for itself: whichever bit of it flips, nobody goes on from it, nothing is
lost, told twice or stopped for others, and the row is named."""

import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import damaging
import fetching
import psycopg
import pytest
from damaging import case_with, main_of
from fetching import Place, note
from office import NAMES, catch_up
from some import thorough

from rujukan.api.application.ports import Unavailable
from rujukan.consumers.publishing.supply import TopicProgress
from rujukan.domain.webhook import SetWebhook
from rujukan.infra import composition
from rujukan.infra.database import SERVICE
from rujukan.infra.delivery import acknowledging, putting_right
from rujukan.infra.delivery.digests import Digests
from rujukan.infra.delivery.facts import Facts, position
from rujukan.infra.delivery.publishing import PublisherSource
from rujukan.infra.keys import names
from rujukan.infra.keys.home import UnwrapFailed
from rujukan.infra.keys.local import LocalKeyring
from rujukan.infra.node import Node
from rujukan.infra.positions import (
    ACKNOWLEDGED,
    ALL,
    FACTS,
    HEADS,
    PROCESSORS,
    REACHED,
    SEALING_KEYS,
    TOPICS,
    WEBHOOKS,
    Table,
)
from rujukan.infra.serving.vitals import AHEAD, vitals
from rujukan.infra.settings import Settings
from rujukan.infra.webhooks.rows import Rows
from rujukan.projections import Runner
from rujukan.projections.processors import Reach, reach

place, superuser = fetching.place, damaging.superuser

ONE_OF_EACH = "('rsud', 'timeline')"
"""Of each table one row is damaged: the hospital's, the timeline's."""
ERA = datetime(2000, 1, 1, tzinfo=UTC)
"""From which the database counts the microseconds of a time."""
MARKS = ("digests_under", "positions_under", "facts_under")
"""What stands for the keys, beside how far the register is."""


class At(NamedTuple):
    """One bit of a stored row."""

    table: Table
    column: str
    byte: int
    bit: int


def bits_of(db: psycopg.Connection, table: Table) -> list[At]:
    """Every bit of every column that says where somebody goes on, and of what vouches for it."""
    found: list[At] = []
    for column in (*table.columns, "digest", *(MARKS if table is REACHED else ())):
        (size,) = db.execute(f"SELECT length({sent(db, table, column)}) FROM {of(table)}").fetchone() or (0,)
        found += [At(table, column, byte, bit) for byte in range(size) for bit in range(8)]
    return found


def of(table: Table) -> str:
    """The one row that is damaged."""
    return table.name if table is REACHED else f"{table.name} WHERE {table.key[0]} IN {ONE_OF_EACH}"


def kind(db: psycopg.Connection, table: Table, column: str) -> str:
    sql = "SELECT atttypid::regtype::text FROM pg_attribute WHERE attrelid = %s::regclass AND attname = %s"
    (found,) = db.execute(sql, (table.name, column)).fetchone() or ("",)
    return str(found)


def sent(db: psycopg.Connection, table: Table, column: str) -> str:
    """SQL for the column's bytes."""
    if kind(db, table, column) == "timestamp with time zone":
        return f"timestamptz_send({column})"
    return {"bytea": column, "text": f"convert_to({column}, 'UTF8')", "boolean": f"boolsend({column})"}.get(
        kind(db, table, column), f"{'int4' if kind(db, table, column) == 'integer' else 'int8'}send({column})"
    )


def flip(db: psycopg.Connection, at: At) -> bool:
    """Have that bit flipped; whether it could be: no database has a text that is none, or two rows of one name."""
    table, column = at.table, at.column
    (now,) = db.execute(f"SELECT {sent(db, table, column)} FROM {of(table)}").fetchone() or (b"",)
    data = bytearray(now)
    data[at.byte] ^= 1 << at.bit
    try:
        value: Any = {
            "bytea": lambda: bytes(data),
            "text": data.decode,
            "boolean": lambda: bool(data[0]),
            "timestamp with time zone": lambda: ERA + timedelta(microseconds=struct.unpack(">q", data)[0]),
            "integer": lambda: struct.unpack(">i", data)[0],
            "bigint": lambda: struct.unpack(">q", data)[0],
        }[kind(db, table, column)]()
        if value is True and now == b"\x01":
            return False  # another true
        with past_all_triggers(db):
            db.execute(f"UPDATE {of(table).replace(' WHERE', f' SET {column} = %s WHERE', 1)}" if " WHERE" in of(table)
                       else f"UPDATE {table.name} SET {column} = %s", (value,))  # fmt: skip
    except (UnicodeDecodeError, OverflowError, psycopg.DataError, psycopg.IntegrityError):
        return False
    return True


@contextmanager
def past_all_triggers(db: psycopg.Connection) -> Iterator[None]:
    with db.transaction():
        db.execute("SET LOCAL session_replication_role = replica")
        yield


class World:
    """A register and read models that are kept, by one who kept them before or by one who begins; and what an agency
    was told."""

    def __init__(self, settings: Settings, place: Place, db: psycopg.Connection) -> None:
        self._settings = settings
        self._place = place
        self.db = db
        self._open = ExitStack()
        self.node = self._open.enter_context(Node(settings, names.PUBLISHER, 4, SERVICE))
        self.publishing = PublisherSource(self.node.tellings, self.node.follower_pool, self.node.bell)
        self.webhooks = Rows(self.node.follower_pool, self.node.digests.positions, 60.0, lease_seconds=0)
        self._kept = self._keeper()
        self.case = case_with(place, "rsud")
        self.noted = [note(place.office, self.case, "the first")]
        self.goes_on()
        said = SetWebhook(occurred_at=composition.now(), url="https://rsud.example/hook")
        place.office.agrees("rsud", said)
        self.goes_on()
        self.remembers()

    def remembers(self) -> None:
        """What a publisher and a reader of acknowledgements write down."""
        self.publishing.remember({"rsud": TopicProgress("topic", 1)})
        digest = self.node.digests.positions.of(ACKNOWLEDGED.name, "rsud", "acks", 7)
        row = "VALUES ('rsud', 'acks', 7, %s) ON CONFLICT DO NOTHING"
        self.db.execute(f"INSERT INTO delivery.acknowledgement_offsets {row}", (digest,))

    def _keeper(self) -> tuple[Facts, Runner]:
        source = self._open.enter_context(composition.follower(self._settings))
        return source, self._open.enter_context(composition.runner(self._settings, source))

    def goes_on(self, *, anew: bool = False) -> None:
        """Something is written, and followed: by who did before, or who begins."""
        self.noted.append(note(self._place.office, self.case, f"number {len(self.noted)}"))
        source, runner = self._kept
        if anew:
            runner.give_back()
            catch_up(self._settings)
        else:
            source.keep_up()
            runner.catch_up()

    def takes_nothing_from(self, at: At) -> None:
        """Before anybody has looked: who would go on from the row does not."""
        with self.node.follower_pool.connection() as db:
            if at.table is REACHED and at.column not in MARKS:
                with pytest.raises(Unavailable):
                    position(db, self.node.digests.positions)
            if at.table is ACKNOWLEDGED:
                assert acknowledging.read_to(db, {"rsud": "acks"}, self.node.digests.positions) == {}
        if at.table is WEBHOOKS:
            assert self.webhooks.claim(8) == []
        if at.table is TOPICS:
            assert self.publishing.places(["rsud"]) == {}

    def is_whole(self, about: object) -> None:
        """Everything that was written was told once, under numbers without holes, and is in the read models."""
        told = self.db.execute(
            "SELECT sequence, position FROM delivery.told WHERE agency = 'rsud' ORDER BY 1"
        ).fetchall()
        assert [sequence for sequence, _ in told] == list(range(1, len(told) + 1)), about
        assert sorted(at for _, at in told if at in self.noted) == self.noted, about
        heads = self.db.execute("SELECT agency, sequence FROM delivery.heads ORDER BY 1").fetchall()
        newest = self.db.execute("SELECT agency, max(sequence) FROM delivery.told GROUP BY 1 ORDER BY 1").fetchall()
        assert heads == newest, about
        at = self.db.execute("SELECT name, live, shard, position FROM follow.processors ORDER BY 1").fetchall()
        (head,) = self.db.execute("SELECT max(notification_id) FROM log.stored_events").fetchone() or (0,)
        assert at == [(name, True, 0, head) for name in sorted(NAMES)], about
        shown = "SELECT count(*) FROM views.timeline WHERE case_id = %s AND agency = 'rsud' AND position = ANY(%s)"
        assert self.db.execute(shown, (self.case, self.noted)).fetchone() == (len(self.noted),), about
        keys = self.db.execute("SELECT agency FROM delivery.sealing_keys WHERE agency LIKE 'rsu_'").fetchall()
        assert keys == [("rsud",)], about
        assert {claim.agency for claim in self.webhooks.claim(8)} == {"rsud"}, about
        assert putting_right.look(self.db, self.node.digests, lambda: None) == 0, about

    def close(self) -> None:
        self._open.close()


@pytest.fixture(scope="module")
def world(settings: Settings, place: Place) -> Iterator[World]:
    with psycopg.connect(settings.database, autocommit=True) as db:
        world = World(settings, place, db)
        yield world
        world.close()


def test_each_table_from_which_somebody_goes_on_is_one_of_these(superuser: psycopg.Connection) -> None:
    found = superuser.execute(
        "SELECT attrelid::regclass::text FROM pg_attribute WHERE attname = 'digest' AND NOT attisdropped AND"
        " attrelid IN (SELECT oid FROM pg_class WHERE relkind = 'r') ORDER BY 1"
    )
    others = {"delivery.told", "delivery.sent"}
    assert {name for (name,) in found} == {table.name for table in (*ALL, *FACTS)} | others


@pytest.mark.thorough
@pytest.mark.parametrize("every", [97, thorough(23)])
@pytest.mark.parametrize("table", ALL, ids=lambda table: table.name)
def test_every_flipped_bit_of_every_column_is_found_named_and_put_right_and_nothing_is_lost(
    world: World, settings: Settings, table: Table, every: int
) -> None:
    tried = 0
    for n, at in enumerate(bits_of(world.db, table)[::every]):
        if not flip(world.db, at):
            continue
        tried += 1
        world.takes_nothing_from(at)
        world.goes_on(anew=n % 4 == 3)
        world.is_whole(at)
        named = [(one.table, one.how) for one in putting_right.listed(world.db)]
        if named:
            assert named == [(table.name, putting_right.PUT_RIGHT)], at
            assert vitals(world.db, 0.0).damaged == 1
        else:
            assert table in (PROCESSORS, HEADS), "who kept it wrote it anew meanwhile"
        world.db.execute("DELETE FROM follow.unfit")
    assert tried * every > 150


BEYOND_ONE_BIT = {
    REACHED: "UPDATE delivery.reached SET position = position + 1006",
    HEADS: "UPDATE delivery.heads SET sequence = sequence - 6 WHERE agency = 'rsud'",
    SEALING_KEYS: "UPDATE delivery.sealing_keys SET key_id = 'what was never one' WHERE agency = 'rsud'",
    TOPICS: "UPDATE delivery.topics SET sequence = 1006 WHERE agency = 'rsud'",
    WEBHOOKS: "UPDATE delivery.webhooks SET sent = 1006, active = false",
    ACKNOWLEDGED: "UPDATE delivery.acknowledgement_offsets SET next_offset = 1006 WHERE agency = 'rsud'",
}
"""What somebody wrote who may do anything in the database, and has no key."""
DONE = {WEBHOOKS: putting_right.STANDS, REACHED: putting_right.FROM_REGISTER, HEADS: putting_right.FROM_REGISTER}


@pytest.mark.parametrize("anew", [False, thorough(True)])
@pytest.mark.parametrize("table", BEYOND_ONE_BIT, ids=lambda table: table.name)
def test_what_is_wrong_in_more_than_a_bit_is_worked_out_from_what_is_right_and_named(
    world: World, settings: Settings, table: Table, anew: bool
) -> None:
    world.remembers()
    with past_all_triggers(world.db):
        world.db.execute(BEYOND_ONE_BIT[table])
    world.goes_on(anew=anew)
    world.goes_on(anew=anew)
    named = [(one.table, one.how) for one in putting_right.listed(world.db)]
    assert named == [(table.name, DONE.get(table, putting_right.DROPPED))]
    if table is SEALING_KEYS:
        assert world.db.execute("SELECT FROM delivery.sealing_keys WHERE agency = 'rsud'").fetchone() is None
        digest = world.node.digests.positions.of(table.name, "rsud", "1")
        world.db.execute("INSERT INTO delivery.sealing_keys VALUES ('rsud', '1', %s)", (digest,))
    assert main_of(settings, "damaged") == 1, "until somebody has looked"
    assert main_of(settings, "damaged", "--again") == 0
    world.is_whole(table.name)
    assert main_of(settings, "damaged") == 0


@pytest.mark.thorough
@pytest.mark.parametrize("how", ["gone", "set back"])
def test_an_agency_whose_newest_number_is_gone_or_was_set_back_with_its_digest_is_given_no_number_twice(
    world: World, how: str
) -> None:
    world.db.execute("DELETE FROM delivery.heads WHERE agency = 'rsud'")
    if how == "set back":
        told = world.db.execute("SELECT max(sequence) - 3 FROM delivery.told WHERE agency = 'rsud'").fetchone() or (0,)
        digest = world.node.digests.positions.of(HEADS.name, "rsud", told[0])
        world.db.execute("INSERT INTO delivery.heads VALUES ('rsud', %s, %s)", (told[0], digest))
    world.goes_on(anew=True)
    world.is_whole(how)
    world.db.execute("DELETE FROM follow.unfit")


@pytest.mark.thorough
def test_a_read_model_of_which_nobody_knows_where_it_is_stands_named_alone_and_is_built_anew(
    world: World, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with past_all_triggers(world.db):
        world.db.execute("UPDATE follow.processors SET position = position + 1006 WHERE name = 'timeline'")
    at = "SELECT position FROM follow.processors WHERE name = 'flags'"
    before = world.db.execute(at).fetchone()
    world.goes_on()
    assert world.db.execute(at).fetchone() != before, "the others go on"
    found = vitals(world.db, 0.0)
    assert found.damaged == 1
    assert [(view.name, view.why) for view in found.views if view.why] == [("timeline", AHEAD)]
    (last,) = world.db.execute("SELECT max(notification_id) FROM log.stored_events").fetchone() or (0,)
    assert reach(world.db, last, ["timeline"]) is Reach.STANDING, "who waits for it is told so"
    assert main_of(settings, "damaged") == 1
    assert "follow.processors, timeline live 0" in capsys.readouterr().out
    assert main_of(settings, "damaged", "--again") == 0, capsys.readouterr().out
    world.goes_on()
    world.is_whole("built anew")


def test_nothing_is_told_while_it_is_not_known_how_far_the_register_is(world: World) -> None:
    """A consent may have ended behind it."""
    tellings = world.node.tellings
    with past_all_triggers(world.db):
        world.db.execute("UPDATE delivery.reached SET position = position + 1006")
    supplied = tellings.seal_all(tellings.waiting({"rsud": 0}, 100, 8))
    assert (supplied.messages, supplied.held) == ({}, {"rsud"}), "held, and no placeholder"
    with pytest.raises(Unavailable):
        world.node.on_record.of_all(world.case)
    world.goes_on()
    assert tellings.seal_all(tellings.waiting({"rsud": 0}, 100, 8)).messages.keys() == {"rsud"}
    world.db.execute("DELETE FROM follow.unfit")


def test_rows_from_before_there_were_digests_are_given_theirs_and_nobody_waits(world: World) -> None:
    world.remembers()
    digests = {t.name: world.db.execute(f"SELECT digest FROM {t.name} ORDER BY digest").fetchall() for t in ALL}
    with past_all_triggers(world.db):
        for table in ALL:
            world.db.execute(f"UPDATE {table.name} SET digest = ''")
        world.db.execute("UPDATE delivery.reached SET positions_under = NULL")
    assert world.publishing.places(["rsud"]).keys() == {"rsud"}, "believed, until they have theirs"
    world.goes_on(anew=True)
    world.is_whole("given")
    for table in (TOPICS, ACKNOWLEDGED, SEALING_KEYS):
        assert world.db.execute(f"SELECT digest FROM {table.name} ORDER BY digest").fetchall() == digests[table.name]
    for table in ALL:
        column = table.rest[-1]
        to = {REACHED: f"NOT {column}", SEALING_KEYS: "'x'"}.get(table, f"{column} + 1")
        with pytest.raises(psycopg.errors.CheckViolation):
            world.db.execute(f"UPDATE {table.name} SET {column} = {to}")


def test_another_keyring_is_no_damage(world: World, tmp_path: Path) -> None:
    with pytest.raises(UnwrapFailed):
        Digests(LocalKeyring(tmp_path / "keyring.json")).positions.known(world.db)


@pytest.mark.thorough
def test_where_the_newest_row_of_an_agency_is_damaged_too_its_number_is_not_given_again(
    world: World, settings: Settings
) -> None:
    """What was told at that number waits until the row is whole; nothing else takes its place."""
    (n, sequence) = world.db.execute(
        "SELECT n, sequence FROM delivery.told WHERE agency = 'rsud' ORDER BY sequence DESC LIMIT 1"
    ).fetchone() or (0, 0)
    with past_all_triggers(world.db):
        world.db.execute("UPDATE delivery.told SET agency = 'lbh', sequence = 1006 WHERE n = %s", (n,))
        world.db.execute("DELETE FROM delivery.heads WHERE agency = 'rsud'")
    world.goes_on(anew=True)
    newest = "SELECT min(sequence) FROM delivery.told WHERE agency = 'rsud' AND position = %s"
    assert world.db.execute(newest, (world.noted[-1],)).fetchone() == (sequence + 1,)
    with past_all_triggers(world.db):
        world.db.execute("UPDATE delivery.told SET agency = 'rsud', sequence = %s WHERE n = %s", (sequence, n))
    assert main_of(settings, "damaged", "--again") == 0
    world.goes_on()
    told = Counter(at for (at,) in world.db.execute("SELECT position FROM delivery.told WHERE agency = 'rsud'"))
    assert told.keys() >= {*world.noted}
    assert {at for at, times in told.items() if times > 1} <= {*world.noted[-3:-1]}, "what waited is told again"
