"""The lease of the data keys where the database is slow to answer: nobody waits for more than one question to it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from threading import Barrier, Thread
from uuid import uuid4

import psycopg
import pytest
from msgspec.structs import replace
from office import until
from patience import PATIENCE_SECONDS
from psycopg_pool import ConnectionPool, PoolTimeout

from rujukan.domain.compartment import Compartment
from rujukan.infra import composition
from rujukan.infra.database import SERVICE, Pool, as_role
from rujukan.infra.locks import Lock
from rujukan.infra.settings import Settings, to_environment
from rujukan.infra.store.data_keys import DataKeys, KeyGone

READERS = 12
POOL_SECONDS = 3.0


@pytest.fixture
def one_connection(settings: Settings) -> Iterator[Pool]:
    with ConnectionPool(
        as_role(settings.database, SERVICE), min_size=1, max_size=1, timeout=POOL_SECONDS, kwargs={"autocommit": True}
    ) as pool:
        yield pool


@pytest.mark.thorough
def test_who_cannot_ask_is_told_together_with_all_who_wait(one_connection: Pool, settings: Settings) -> None:
    keys = DataKeys(one_connection, composition.home(settings))
    told: list[type[BaseException]] = []
    together = Barrier(READERS)

    def read() -> None:
        together.wait()
        try:
            keys.for_opening(uuid4(), [Compartment.COORDINATION])
        except (PoolTimeout, KeyGone) as problem:
            told.append(type(problem))

    readers = [Thread(target=read) for _ in range(READERS)]
    with one_connection.connection():
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join(PATIENCE_SECONDS)
    assert told == [PoolTimeout] * READERS
    waited = one_connection.get_stats()["requests_errors"]
    assert waited <= READERS // 2, "one question is put for all who want to know, or for those who came late another"


def test_who_erased_asks_after_that_whatever_was_asked_before(one_connection: Pool, settings: Settings) -> None:
    """The first question waits for a connection; who comes at once puts another."""
    keys = DataKeys(one_connection, composition.home(settings))
    with one_connection.connection():
        first = Thread(target=keys.renew)
        first.start()
        while one_connection.get_stats()["requests_waiting"] < 1:
            first.join(0.01)
        at_once = Thread(target=keys.renew, args=(True,))
        at_once.start()
    for asking in (first, at_once):
        asking.join(PATIENCE_SECONDS)
        assert not asking.is_alive()
    assert one_connection.get_stats()["requests_num"] >= 3


MAKES_KEYS = """
from uuid import uuid4
from rujukan.domain.compartment import Compartment
from rujukan.infra import composition
from rujukan.infra.settings import from_environment
with composition.acting(from_environment()) as node:
    node.data_keys.for_sealing(uuid4(), [Compartment.COORDINATION, Compartment.HEALTH])
"""


@pytest.mark.thorough
def test_who_is_halted_as_it_makes_a_key_holds_up_no_erasure(settings: Settings) -> None:
    """A halted client commits nothing. Whoever erases wants the lock alone; and all who make keys wait behind that."""
    asked = "SELECT pid FROM pg_locks WHERE relation = 'log.data_keys'::regclass AND NOT granted"
    waits = "SELECT wait_event = 'ClientRead' FROM pg_stat_activity WHERE pid = %s"
    with psycopg.connect(settings.database) as holder, psycopg.connect(settings.database, autocommit=True) as db:
        holder.execute("LOCK TABLE log.data_keys IN SHARE MODE")
        environment = {**os.environ, **to_environment(replace(settings, kafka="-"))}
        process = subprocess.Popen([sys.executable, "-c", MAKES_KEYS], env=environment)
        try:
            until(lambda: db.execute(asked).fetchone() is not None)
            (pid,) = db.execute(asked).fetchone() or (0,)
            process.send_signal(signal.SIGSTOP)
            holder.rollback()
            until(lambda: db.execute(waits, (pid,)).fetchone() == (True,))
            with db.transaction():
                assert db.execute("SELECT pg_try_advisory_xact_lock(%s)", (Lock.DATA_KEYS,)).fetchone() == (True,)
            process.send_signal(signal.SIGCONT)
            assert process.wait(PATIENCE_SECONDS) == 0
        finally:
            process.kill()
            process.wait()
