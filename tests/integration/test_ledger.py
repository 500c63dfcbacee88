"""The ledger over a real log: what is sealed proves, what is changed is found, and nothing forks or gaps."""

import os
import random
import signal
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from conftest import fresh_settings
from msgspec.structs import replace
from office import ACT, another_keyring, note, opened_store, writing
from patience import PATIENCE_SECONDS
from psycopg import errors
from psycopg.sql import SQL, Identifier
from some import thorough

from rujukan.consumers.evidence import merkle, policies, proofs, records
from rujukan.consumers.evidence.checkpoints import parse_checkpoint
from rujukan.consumers.evidence.notes import verify
from rujukan.consumers.evidence.tiles import ENTRIES, Tile, entries_in, tile_of
from rujukan.infra import composition
from rujukan.infra.commands.evidence import Failed, _ledger
from rujukan.infra.database import FOLLOWER, SERVICE, as_role
from rujukan.infra.ledger import sealer as sealing
from rujukan.infra.ledger.auditing import Difference, audit
from rujukan.infra.ledger.guard import NotExtended
from rujukan.infra.ledger.publishing import WitnessPolicy
from rujukan.infra.ledger.sealer import Edge
from rujukan.infra.ledger.store import LedgerStore, NotSealed
from rujukan.infra.services.postgres import EmbeddedPostgres
from rujukan.infra.settings import Settings
from rujukan.infra.store.event_store import Stream
from rujukan.infra.store.forked import Forked
from rujukan.infra.store.group_commit import Row
from rujukan.infra.system import to_environment


@pytest.fixture
def fresh(postgres: EmbeddedPostgres, tmp_path: Path) -> Iterator[Settings]:
    """A database of this test's own."""
    with fresh_settings(postgres, tmp_path) as made:
        yield made


def write(settings: Settings, count: int, cases: int = 1) -> None:
    """So many sealed events, in so many streams."""
    with opened_store(settings) as store:
        for _ in range(cases):
            stream = uuid4()
            store.append(
                [Stream(stream, 0, [note(f"n{i}") for i in range(count)])], ACT, correlation=stream, causation=stream
            )


def seal(settings: Settings) -> int:
    return composition.sealer(settings).seal_all()


def public(settings: Settings):
    return composition.ledger_keys(settings)


def audited(settings: Settings, known=()):
    return audit(as_role(settings.database, FOLLOWER), public(settings), known)


@pytest.fixture
def ledger(fresh: Settings) -> Iterator[LedgerStore]:
    with composition.ledger(fresh) as store:
        yield store


def superuser(settings: Settings) -> psycopg.Connection:
    """Somebody who may do anything to the rows: the triggers are off for this session."""
    db = psycopg.connect(settings.database, autocommit=True)
    db.execute("SET session_replication_role = replica")
    return db


# What is sealed proves ------------------------------------------------------------------------------------------------


def test_every_event_is_a_leaf_in_the_order_of_positions(fresh, ledger):
    write(fresh, 5, cases=3)
    assert seal(fresh) == 15
    with psycopg.connect(fresh.database) as db:
        stored = db.execute("SELECT notification_id, state FROM log.stored_events ORDER BY 1").fetchall()
    leaves = [merkle.leaf_hash(records.entry_of(bytes(state))) for _, state in stored]
    head = parse_checkpoint(ledger.newest().text)
    assert (head.size, head.root) == (15, merkle.root_of(leaves))
    assert [ledger.leaf_of(position)[0] for position, _ in stored] == list(range(15))
    assert set(verify(ledger.newest(), public(fresh))) == set(public(fresh))


@pytest.mark.parametrize("sizes", [(1,), (255, 1), (256,), (257, 300), (100,) * 7, thorough((65_600,))])
def test_tiles_give_the_tree_whatever_the_batches_were(fresh, ledger, sizes, monkeypatch):
    """65,600 leaves fill a tile of level 1."""
    entries = [os.urandom(8) for _ in range(sum(sizes))]
    at = 0
    for size in sizes:
        with writing(as_role(fresh.database, SERVICE)) as writer:
            for i in range(at, at + size, 5_000):
                stream = uuid4()
                states = entries[i : min(i + 5_000, at + size)]
                writer.append([Row(stream, n + 1, "x", state) for n, state in enumerate(states)])
        at += size
        assert seal(fresh) == size
    leaves = [merkle.leaf_hash(records.leaf_entry(e)) for e in entries]
    tree = ledger.tree(len(leaves))
    assert tree.root == merkle.root_of(leaves) == parse_checkpoint(ledger.newest().text).root
    for index in {0, len(leaves) - 1, len(leaves) // 2}:
        merkle.verify_inclusion(leaves[index], index, len(leaves), tree.inclusion(index), tree.root)
    for old in {1, sizes[0], len(leaves) // 3 + 1, len(leaves)}:
        merkle.verify_consistency(old, merkle.root_of(leaves[:old]), len(leaves), tree.root, tree.consistency(old))
    last = tile_of(ENTRIES, (len(leaves) - 1) // 256, len(leaves))
    assert entries_in(ledger.tile(last), last) == [records.leaf_entry(e) for e in entries[last.number * 256 :]]
    assert ledger.tile(Tile(0, len(leaves) // 256 + 1)) is None
    assert audited(fresh).difference is None


def test_a_receipt_proves_its_event_under_the_logs_key(fresh, ledger):
    write(fresh, 40)
    seal(fresh)
    policy = policies.parse_policy(f"log {public(fresh)[0].vkey}\nquorum none\n".encode())
    with psycopg.connect(fresh.database) as db:
        for position, state in db.execute("SELECT notification_id, state FROM log.stored_events").fetchall():
            proof = proofs.parse_proof(ledger.proof(position).data)
            assert proofs.verify_proof(proof, records.entry_of(bytes(state)), policy).checkpoint.size == 40
    with pytest.raises(NotSealed):
        ledger.proof(41)


def test_positions_that_no_event_has_are_passed_over(fresh, ledger):
    write(fresh, 3)
    with superuser(fresh) as db:
        db.execute("SELECT nextval('log.stored_events_notification_id_seq') FROM generate_series(1, 4)")
    write(fresh, 3)
    assert seal(fresh) == 6
    assert [ledger.leaf_of(p)[0] for p in (1, 2, 3, 8, 9, 10)] == list(range(6))
    with pytest.raises(NotSealed):
        ledger.leaf_of(5)
    assert audited(fresh).difference is None


def test_a_record_that_cannot_be_read_is_sealed_all_the_same(fresh):
    with writing(as_role(fresh.database, SERVICE)) as writer:
        writer.append([Row(uuid4(), 1, "x", b"\x02\xff")])
    assert seal(fresh) == 1
    assert audited(fresh).leaves == 1


# What is changed is found ---------------------------------------------------------------------------------------------

EDITS = {
    "content": (
        "UPDATE log.stored_events SET state = set_byte(state, length(state) - 1,"
        " get_byte(state, length(state) - 1) # 1) WHERE notification_id = 7",
        Difference(7, "the event was edited"),
    ),
    "header": (
        "UPDATE log.stored_events SET state = set_byte(state, 40, get_byte(state, 40) # 1) WHERE notification_id = 7",
        Difference(7, "the event was edited"),
    ),
    "deleted": ("DELETE FROM log.stored_events WHERE notification_id = 7", Difference(7, "an event was deleted")),
    "cut off": ("DELETE FROM log.stored_events WHERE notification_id > 15", Difference(16, "an event was deleted")),
    "put in": (
        "INSERT INTO log.stored_events SELECT gen_random_uuid(), 1, topic, state, 8 FROM log.stored_events"
        " WHERE notification_id = 9",
        Difference(8, "an event was put in that was never sealed"),
    ),
    "swapped": (
        "UPDATE log.stored_events s SET state = o.state, originator_version = -o.originator_version, topic = o.topic"
        " FROM log.stored_events o WHERE s.notification_id IN (5, 6) AND o.notification_id = 11 - s.notification_id",
        Difference(5, "the event of position 6 stands here"),
    ),
    "moved to another stream": (
        "UPDATE log.stored_events SET originator_id = gen_random_uuid() WHERE notification_id = 7",
        Difference(7, "the row names another stream, version or topic than its record"),
    ),
    "relabelled": (
        "UPDATE log.stored_events SET topic = 'case.CaseClosed' WHERE notification_id = 7",
        Difference(7, "the row names another stream, version or topic than its record"),
    ),
    "renumbered": (
        "UPDATE log.stored_events SET notification_id = 8 WHERE notification_id = 7",
        Difference(7, "an event was deleted"),
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_what_a_superuser_does_to_the_rows_is_found_and_its_position_named(fresh, edit):
    write(fresh, 7)
    with superuser(fresh) as db:
        db.execute("SELECT nextval('log.stored_events_notification_id_seq')")  # so that 8 is free
    write(fresh, 12)
    seal(fresh)
    assert audited(fresh).difference is None
    sql, expected = EDITS[edit]
    with superuser(fresh) as db:
        assert db.execute(sql).rowcount
    assert audited(fresh).difference == expected


def test_rows_and_batches_changed_together_are_found_by_the_signed_root(fresh):
    """Who edits an event and the ledger's own copy of its entry cannot sign the tree that comes of it."""
    write(fresh, 10)
    seal(fresh)
    with superuser(fresh) as db:
        db.execute(EDITS["content"][0])
        (state,) = db.execute("SELECT state FROM log.stored_events WHERE notification_id = 7").fetchone()
        db.execute(
            "UPDATE ledger.batches SET entries = overlay(entries PLACING %s FROM 193)", (records.entry_of(state),)
        )
    assert audited(fresh).difference == Difference(None, "the first 10 leaves are not those that were signed")


def test_a_whole_database_rolled_back_is_found_by_a_checkpoint_from_outside(fresh, ledger):
    write(fresh, 10)
    seal(fresh)
    write(fresh, 10)
    seal(fresh)
    seen = ledger.newest()
    roll_back(fresh, 10)
    assert audited(fresh).difference is None
    expected = Difference(None, "a tree of 20 leaves was signed; the database has 10")
    assert audited(fresh, [seen]).difference == expected


def roll_back(settings: Settings, size: int) -> None:
    """As a restored backup leaves it."""
    with superuser(settings) as db:
        db.execute("DELETE FROM log.stored_events WHERE notification_id > %s", (size,))
        db.execute("DELETE FROM ledger.batches WHERE first_leaf >= %s", (size,))
        db.execute("DELETE FROM ledger.checkpoints WHERE size > %s", (size,))
        db.execute("SELECT setval('log.stored_events_notification_id_seq', %s, false)", (size + 1,))


def test_the_command_holds_the_rows_against_what_lies_at_hand(fresh, ledger, capsys):
    said, fresh = Namespace(what="verify", known=[]), replace(fresh, kafka="none")
    write(fresh, 6)
    seal(fresh)
    write(fresh, 4)
    seal(fresh)
    assert _ledger(fresh, said) == 0
    assert f"signed last, as {fresh.ledger_guard} has it" in capsys.readouterr().out
    roll_back(fresh, 6)
    with pytest.raises(Failed, match="a tree of 10 leaves was signed; the database has 6"):
        _ledger(fresh, said)
    other = composition.ledger_key(replace(fresh, ledger="example.com/another"))
    for elsewhere in (other.sign(10, bytes(32), 0.0).data, None):
        if elsewhere is None:
            fresh.ledger_guard.unlink()
        else:
            fresh.ledger_guard.write_bytes(elsewhere)
        assert _ledger(fresh, said) == 0
        assert "says nothing of this log" in capsys.readouterr().out
    fresh.ledger_guard.write_bytes(b"rubbish")
    with pytest.raises(NotExtended, match="does not say what was signed last"):
        _ledger(fresh, said)


def test_the_sealer_signs_nothing_over_a_database_that_was_rolled_back(fresh, ledger):
    write(fresh, 10)
    seal(fresh)
    write(fresh, 10)
    seal(fresh)
    roll_back(fresh, 10)
    guarded = fresh.ledger_guard.rename(fresh.ledger_guard.with_name("aside"))
    write(fresh, 15)  # by who does not see what was signed
    guarded.rename(fresh.ledger_guard)
    with pytest.raises(Forked, match="a tree of 20 was signed before"):
        seal(fresh)
    assert ledger.size() == 10


def test_the_sealer_signs_nothing_over_a_history_that_was_rewritten(fresh, ledger):
    """The rows, the batches and the tiles say another history; the file beside the database does not."""
    write(fresh, 10)
    seal(fresh)
    with superuser(fresh) as db:
        for table in ("log.stored_events", "ledger.batches", "ledger.checkpoints"):
            db.execute(SQL("DELETE FROM {}").format(Identifier(*table.split("."))))
    other = replace(fresh, data=fresh.data / "elsewhere", keyring=fresh.keyring_file)
    write(replace(fresh, keyring=fresh.keyring_file), 12)
    composition.sealer(other).seal_all()
    with pytest.raises(Forked, match="are not those that were signed before"):
        seal(fresh)


def test_a_checkpoint_that_another_key_signed_is_not_gone_on_from(fresh):
    write(fresh, 3)
    keyring = another_keyring(fresh.data / "other" / "keyring.json")
    composition.sealer(replace(fresh, keyring=keyring, ledger="rujukan/other")).seal_all()
    fresh.ledger_guard.unlink()
    with pytest.raises(NotExtended, match="not this log's"):
        seal(fresh)


# Nothing forks or gaps ------------------------------------------------------------------------------------------------


def test_the_ledgers_rows_cannot_be_changed_by_the_roles_nor_by_the_owner(fresh):
    write(fresh, 300)
    seal(fresh)
    for table in ("batches", "tiles", "checkpoints", "cosignatures"):
        for role in (SERVICE, FOLLOWER):
            with psycopg.connect(as_role(fresh.database, role), autocommit=True) as db:
                for change in (f"DELETE FROM ledger.{table}", f"TRUNCATE ledger.{table}"):
                    with pytest.raises(errors.InsufficientPrivilege):
                        db.execute(change)
        with psycopg.connect(fresh.database, autocommit=True) as db, pytest.raises(errors.InsufficientPrivilege):
            db.execute(f"DELETE FROM ledger.{table}")


def test_a_batch_that_does_not_begin_where_the_last_one_ended_is_refused(fresh):
    write(fresh, 10)
    sealer = composition.sealer(fresh)
    with psycopg.connect(as_role(fresh.database, FOLLOWER), autocommit=True) as db:
        edge, position = sealer._load(db)
        found = db.execute(sealing._PENDING, (position, 100), binary=True).fetchall()
        seal(fresh)
        assert sealer._lease.hold(db)
        with pytest.raises(psycopg.DatabaseError) as refused:
            sealer._add(db, edge, found)
    assert refused.value.sqlstate == "RU001"


def sealer_process(settings: Settings) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "rujukan.infra.cli", "sealer"],
        env={**os.environ, **to_environment(replace(settings, kafka="-"))},
        stderr=subprocess.DEVNULL,
    )


def until_sealed(ledger: LedgerStore, size: int, seconds: float = PATIENCE_SECONDS) -> None:
    give_up = time.monotonic() + seconds
    while ledger.size() < size:
        assert time.monotonic() < give_up, f"{ledger.size()} of {size} leaves were sealed"
        time.sleep(0.05)


@pytest.mark.thorough
def test_of_two_sealers_one_works_and_the_other_takes_over(fresh, ledger):
    first, second = sealer_process(fresh), sealer_process(fresh)
    try:
        write(fresh, 20)
        until_sealed(ledger, 20)
        with psycopg.connect(fresh.database) as db:
            holders = db.execute("SELECT count(keeper) FROM follow.leases WHERE work = 'sealing'").fetchone()
        assert holders == (1,)
        first.kill()
        write(fresh, 20)
        until_sealed(ledger, 40)
        assert audited(fresh).difference is None
    finally:
        first.kill()
        second.kill()
        first.wait()
        second.wait()


@pytest.mark.thorough
def test_a_sealer_killed_at_random_under_load_neither_forks_nor_gaps(fresh, ledger):
    """SEALER_KILLS=100 is the long form. Every checkpoint ever seen must be extended."""
    kills = int(os.environ.get("SEALER_KILLS", "8"))
    seen = []
    written = 0
    child = sealer_process(fresh)
    try:
        for _ in range(kills):
            write(fresh, 1)
            written += 1
            until_sealed(ledger, written)  # it works now; it is killed while it does
            for _ in range(random.randint(1, 4)):
                write(fresh, 25)
                written += 25
                time.sleep(random.random() * 0.15)
                if (now := ledger.newest()) is not None:
                    seen.append(now)
            child.send_signal(signal.SIGKILL)
            child.wait()
            child = sealer_process(fresh)
        until_sealed(ledger, written)
    finally:
        child.kill()
        child.wait()
    assert audited(fresh, seen).difference is None
    newest = parse_checkpoint(ledger.newest().text)
    for note_seen in seen:
        old = parse_checkpoint(note_seen.text)
        proof = ledger.tree(newest.size).consistency(old.size)
        merkle.verify_consistency(old.size, old.root, newest.size, newest.root, proof)


@pytest.mark.thorough
def test_a_checkpoint_that_was_held_up_delays_the_next_by_seconds_at_most(fresh, ledger):
    child = sealer_process(fresh)
    try:
        write(fresh, 1)
        until_sealed(ledger, 1)
        with psycopg.connect(fresh.database) as db:
            db.execute("LOCK TABLE ledger.batches IN EXCLUSIVE MODE")
            write(fresh, 1)
            time.sleep(1.0)
        until_sealed(ledger, 2)
        write(fresh, 1)
        until_sealed(ledger, 3, 4 * sealing.LONGEST)
    finally:
        child.kill()
        child.wait()


@pytest.mark.thorough
def test_the_clock_may_jump_either_way(fresh, ledger, monkeypatch):
    for jump in (0, 10**9, -(10**9)):
        monkeypatch.setattr(sealing.time, "time", lambda jump=jump: 1_800_000_000.0 + jump)
        write(fresh, 5)
        seal(fresh)
    assert ledger.size() == 15
    assert audited(fresh).difference is None


def test_the_edge_of_a_tree_is_loaded_as_it_was_left(fresh):
    write(fresh, 300)
    seal(fresh)
    write(fresh, 300)
    with psycopg.connect(as_role(fresh.database, FOLLOWER), autocommit=True) as db:
        loaded = Edge.load(db, 300)
        assert loaded.size == 300
        (stored,) = db.execute("SELECT note FROM ledger.checkpoints ORDER BY size DESC LIMIT 1").fetchone()
        assert parse_checkpoint(bytes(stored).decode().split("\n\n")[0] + "\n").root == loaded.root


def test_what_waits_to_be_sealed_is_counted_and_timed(fresh, ledger):
    assert ledger.lag() == (0, 0)
    write(fresh, 3)
    behind, waited = ledger.lag()
    assert behind == 3
    assert waited > 0  # NOON of the office lies in the past
    seal(fresh)
    assert ledger.lag()[0] == 0


def test_a_policy_half_written_leaves_what_it_said_before(fresh):
    file = fresh.witness_policy
    file.parent.mkdir(parents=True, exist_ok=True)
    policy = WitnessPolicy(file)
    assert policy.now() is None
    file.write_text("quorum none\n")
    said = policy.now()
    assert said is not None
    file.write_text("quorum no")
    os.utime(file, (1, 1))
    assert policy.now() == said


@pytest.mark.thorough
@pytest.mark.parametrize("column", ["first_position", "last_position"])
@pytest.mark.parametrize("every", [9, thorough(1)])
def test_a_flipped_bit_in_where_the_ledger_ends_has_nothing_passed_by(fresh, ledger, column, every):
    write(fresh, 3)
    seal(fresh)
    write(fresh, 3)
    with psycopg.connect(fresh.database, autocommit=True) as db:
        for (name,) in db.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = 'ledger.batches'::regclass AND contype = 'c'"
        ).fetchall():
            db.execute(SQL("ALTER TABLE ledger.batches DROP CONSTRAINT {}").format(Identifier(name)))
        db.execute("ALTER TABLE ledger.batches DISABLE TRIGGER append_only")
        for bit in range(0, 63, every):
            write(fresh, 2)
            newest = "WHERE first_leaf = (SELECT max(first_leaf) FROM ledger.batches)"
            row = db.execute(f"SELECT first_leaf, {column} FROM ledger.batches {newest}").fetchone()
            assert row is not None
            db.execute(f"UPDATE ledger.batches SET {column} = {column} # (1::bigint << {bit}) {newest}")
            assert seal(fresh) == (5 if bit == 0 else 2), bit
            named = db.execute("DELETE FROM follow.unfit RETURNING of_table, of_row").fetchall()
            assert named == [("ledger.batches", f"leaf {row[0]}")], bit
            db.execute(f"UPDATE ledger.batches SET {column} = %s WHERE first_leaf = %s", (row[1], row[0]))
        count = db.execute("SELECT count(*) FROM log.stored_events").fetchone()
    assert ledger.size() == count[0]
    assert audited(fresh).difference is None
