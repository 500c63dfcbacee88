"""Leases: who does which work; and that a process that is halted (SIGSTOP) is replaced, and does no harm when it
wakes."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from msgspec.structs import replace
from office import NAMES, Office, dump, head, opened_office, opened_runner, position, tell_one_case
from patience import PATIENCE_SECONDS

from rujukan.consumers.evidence.checkpoints import parse_checkpoint
from rujukan.domain.case.notes import RecordNote
from rujukan.infra import composition, database
from rujukan.infra.database import FOLLOWER, as_role
from rujukan.infra.lease import HALTED, Lease
from rujukan.infra.ledger.auditing import audit
from rujukan.infra.ledger.guard import Guard
from rujukan.infra.settings import Settings, to_environment

ENDED = -3.0
"""Seconds of a lease that is over when it begins: as if its keeper had been halted since."""


@pytest.fixture(scope="module")
def office(settings: Settings) -> Iterator[Office]:
    with opened_office(settings) as opened:
        tell_one_case(opened, composition.now())
        yield opened


@pytest.fixture
def db(settings: Settings) -> Iterator[psycopg.Connection]:
    with psycopg.connect(as_role(settings.database, FOLLOWER), autocommit=True) as connected:
        yield connected


@pytest.fixture
def other(settings: Settings) -> Iterator[psycopg.Connection]:
    with psycopg.connect(as_role(settings.database, FOLLOWER), autocommit=True) as connected:
        yield connected


def eventually(check: Callable[[], Any]) -> Any:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not (found := check()):
        assert time.monotonic() < give_up
        time.sleep(0.05)
    return found


# The lease ---------------------------------------------------------------------------------------------------


def test_one_holds_it_and_another_takes_it_once_it_is_given_back(db: psycopg.Connection) -> None:
    work = str(uuid4())
    first, second = Lease(work, 600), Lease(work, 600)
    assert first.hold(db) == {0}
    assert second.hold(db) == frozenset()
    assert first.hold(db) == {0}
    first.give_back(db)
    assert second.hold(db) == {0}
    assert first.hold(db) == frozenset()


def test_one_that_is_over_is_taken_and_who_had_it_finds_that(db: psycopg.Connection) -> None:
    work = str(uuid4())
    first, second = Lease(work, ENDED), Lease(work, 600)
    assert first.hold(db) == {0}
    assert first.keeps(db), "it is over, and nobody took it: nothing is lost"
    assert second.hold(db) == {0}
    assert not first.keeps(db)
    assert first.hold(db) == frozenset()
    first.give_back(db)
    assert second.keeps(db)


@pytest.mark.parametrize("ahead", ["100 years", "2 hours"])
def test_one_that_ends_far_ahead_is_free(db: psycopg.Connection, settings: Settings, ahead: str) -> None:
    """A bit of its end is another, and its keeper is gone: the work is done all the same, all shares of it."""
    work = str(uuid4())
    gone, here = Lease(work), Lease(work)
    assert gone.hold(db, 4) == {0, 1, 2, 3}
    for changed in ("leases SET until", "keepers SET seen_at"):
        db.execute(f"UPDATE follow.{changed} = now() + %s::interval WHERE work = %s", (ahead, work))
    assert here.hold(db, 4) == {0, 1, 2, 3}
    assert not gone.keeps(db)


def test_nobody_takes_it_from_who_is_in_a_transaction(db: psycopg.Connection, other: psycopg.Connection) -> None:
    work = str(uuid4())
    first, second = Lease(work, ENDED), Lease(work, 600)
    first.hold(db)
    with db.transaction():
        assert first.keeps(db)
        assert second.hold(other) == frozenset()
    assert second.hold(other) == {0}


def test_who_is_halted_with_half_of_a_pipeline_sent_is_replaced_too(
    settings: Settings, other: psycopg.Connection
) -> None:
    """The server sees no idle transaction then: it waits for the rest of what was begun."""
    work = str(uuid4())
    first, second = Lease(work, ENDED), Lease(work, 600)
    with psycopg.connect(as_role(settings.database, FOLLOWER), autocommit=True) as halted:
        halted.execute(HALTED)
        halted.execute("SET transaction_timeout = '1s'")  # not as long as it is, as nobody waits that long for a test
        first.hold(halted)
        with suppress(psycopg.OperationalError), halted.pipeline(), halted.transaction():
            first.keeps(halted)
            halted.execute("SELECT 1")
            halted.pgconn.send_flush_request()
            halted.pgconn.flush()
            eventually(lambda: second.hold(other))
    assert second.keeps(other)


@pytest.mark.parametrize("half_sent", [False, True])
def test_what_another_goes_on_with_a_halted_process_keeps_from_nobody(
    settings: Settings, other: psycopg.Connection, half_sent: bool
) -> None:
    """Not the lease itself, but rows that the work changes: publishers write down where each topic is."""
    assert re.findall(r"= '(\d+)s'", database.BRIEF) == ["10", "60"]
    limit = "SET LOCAL transaction_timeout" if half_sent else "SET LOCAL idle_in_transaction_session_timeout"
    row, is_taken_over = uuid4().int >> 65, False
    said = "SELECT pg_try_advisory_lock(%s)", (row,)
    tries = iter(range(9))  # on a machine that stands still for a second it ends before it is halted
    with closing(database.pool(as_role(settings.database, FOLLOWER), 2, "halted")) as pool:
        while not is_taken_over:
            next(tries)
            with suppress(*database.AWAY), database.brief(pool) as halted, ExitStack() as sending:
                halted.execute("SELECT pg_advisory_xact_lock(%s)", (row,))
                halted.execute(f"{limit} = '1s'")  # nobody waits for a test as long as it is
                if half_sent:
                    sending.enter_context(halted.pipeline())
                    halted.execute("SELECT 1")
                    halted.pgconn.send_flush_request()
                    halted.pgconn.flush()
                is_taken_over = eventually(lambda: other.execute(*said).fetchone() == (True,))
        with database.brief(pool) as again:
            assert again.execute("SELECT 1").fetchone() == (1,)


def test_what_a_pool_writes_for_others_to_go_on_with_is_bounded() -> None:
    """A transaction that is opened by hand has no bound: only what reads, or what people wait for, does so."""
    here = Path(database.__file__).parent
    by_hand = {
        file.relative_to(here).as_posix()
        for file in here.rglob("*.py")
        if ".connection() as db, db.transaction()" in file.read_text("utf-8")
    }
    assert by_hand == {"database.py", "delivery/facts.py", "delivery/holding.py"}


@pytest.mark.parametrize(("shares", "keepers"), [(1, 2), (4, 2), (5, 3), (7, 7), (3, 5)])
def test_shares_are_parted_evenly_and_each_is_one_s_alone(db: psycopg.Connection, shares: int, keepers: int) -> None:
    work = str(uuid4())
    leases = [Lease(work, 600) for _ in range(keepers)]
    assert leases[0].hold(db, shares) == set(range(shares))
    for _ in range(2):  # who has too much gives back when it asks the next time
        held = [lease.hold(db, shares) for lease in leases]
    assert sorted(share for each in held for share in each) == list(range(shares))
    fair = -(-shares // keepers)
    assert max(map(len, held)) <= fair
    leases[0].give_back(db)
    for _ in range(2):
        rest = [lease.hold(db, shares) for lease in leases[1:]]
    assert sorted(share for each in rest for share in each) == list(range(shares))


# Halted ------------------------------------------------------------------------------------------------------


@contextmanager
def process(settings: Settings, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """A real one, killed at the end."""
    started = subprocess.Popen(
        [sys.executable, "-m", "rujukan.infra.cli", name],
        env={**os.environ, **to_environment(replace(settings, kafka="-"))},
        stderr=subprocess.DEVNULL,
    )
    try:
        yield started
    finally:
        started.kill()
        started.wait()


def keepers(db: psycopg.Connection, work: str) -> set[Any]:
    rows = db.execute("SELECT keeper FROM follow.leases WHERE work = %s AND keeper IS NOT NULL", (work,))
    return {keeper for (keeper,) in rows}


@contextmanager
def held_up(settings: Settings, table: str) -> Iterator[Callable[[], object]]:
    """Nobody writes to that table; gives what waits until somebody wants to, in the middle of a transaction."""
    waits = "SELECT 1 FROM pg_locks WHERE relation = %s::regclass AND NOT granted"
    with psycopg.connect(settings.database) as holder, psycopg.connect(settings.database, autocommit=True) as looking:
        holder.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
        yield lambda: eventually(lambda: looking.execute(waits, (table,)).fetchone())
        holder.rollback()


@pytest.mark.thorough
@pytest.mark.parametrize("inside", [False, True], ids=["between two batches", "in the middle of one"])
def test_a_halted_worker_is_replaced_and_folds_nothing_twice_when_it_wakes(
    office: Office, settings: Settings, db: psycopg.Connection, inside: bool
) -> None:
    def there(name: str, at: int) -> Callable[[], bool]:
        return lambda: position(settings, name) >= at

    with ExitStack() as processes:
        first = processes.enter_context(process(settings, "worker"))
        eventually(lambda: all(there(name, head(settings))() for name in NAMES))
        (its,) = keepers(db, "views")
        case = office.opens(composition.now())
        if inside:
            with held_up(settings, "views.timeline") as until_it_waits:
                office.does("uptd-ppa", case, RecordNote, note=uuid4())
                until_it_waits()
                first.send_signal(signal.SIGSTOP)
        else:
            eventually(there("timeline", office.position))
            first.send_signal(signal.SIGSTOP)
        note = office.does("uptd-ppa", case, RecordNote, note=uuid4())
        second = processes.enter_context(process(settings, "worker"))
        eventually(lambda: all(there(name, note.position)() for name in NAMES))
        assert its not in keepers(db, "views")
        first.send_signal(signal.SIGCONT)
        last = office.does("uptd-ppa", case, RecordNote, note=uuid4())
        eventually(lambda: all(there(name, last.position)() for name in NAMES))
        second.kill()
        again = office.does("uptd-ppa", case, RecordNote, note=uuid4())
        eventually(lambda: all(there(name, again.position)() for name in NAMES))
        assert first.poll() is None, "it stood by, and goes on"
    followed = dump(settings)
    for name in NAMES:
        with opened_runner(settings) as runner:
            runner.rebuild(name)
    assert dump(settings) == followed


@pytest.mark.thorough
@pytest.mark.parametrize("inside", [False, True], ids=["between two batches", "in the middle of one"])
def test_a_halted_sealer_is_replaced_and_neither_forks_nor_gaps_when_it_wakes(
    office: Office, settings: Settings, db: psycopg.Connection, inside: bool
) -> None:
    def sealed(at: int) -> Callable[[], bool]:
        def check() -> bool:
            row = db.execute("SELECT coalesce(max(last_position), 0) FROM ledger.batches").fetchone()
            return bool(row and row[0] >= at)

        return check

    case = office.opens(composition.now())
    with ExitStack() as processes:
        first = processes.enter_context(process(settings, "sealer"))
        eventually(sealed(office.position))
        if inside:
            with held_up(settings, "ledger.batches") as until_it_waits:
                office.does("uptd-ppa", case, RecordNote, note=uuid4())
                until_it_waits()
                first.send_signal(signal.SIGSTOP)
        else:
            first.send_signal(signal.SIGSTOP)
        note = office.does("uptd-ppa", case, RecordNote, note=uuid4())
        second = processes.enter_context(process(settings, "sealer"))
        eventually(sealed(note.position))
        first.send_signal(signal.SIGCONT)
        last = office.does("uptd-ppa", case, RecordNote, note=uuid4())
        eventually(sealed(last.position))
        second.kill()
        again = office.does("uptd-ppa", case, RecordNote, note=uuid4())
        eventually(sealed(again.position))
        assert first.poll() is None, "it stood by, and goes on"
        newest = Guard(settings.ledger_guard)
        with composition.ledger(settings) as ledger:
            eventually(lambda: parse_checkpoint(newest.last().text).size == ledger.size())  # type: ignore[union-attr]
    found = audit(as_role(settings.database, FOLLOWER), composition.ledger_keys(settings), ())
    assert found.difference is None
