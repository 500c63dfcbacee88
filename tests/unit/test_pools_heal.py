"""Pools of connections while the database is away: they ask for it every second, however long that lasts. The library's
own pauses double, so that everybody would come back as long after the database as it was away. Nobody waits here: what
would be waited for is noted, and done at once."""

import time
from collections.abc import Callable

import psycopg_pool
import pytest
from patience import PATIENCE_SECONDS
from psycopg_pool.pool import AddConnection

from rujukan.infra import database
from rujukan.infra.services.broker import free_port
from rujukan.infra.store.recorder import datastore

TRIES = 12


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Between two tries to connect."""
    found: list[float] = []

    def at_once(pool: psycopg_pool.ConnectionPool, task: object, delay: float) -> None:
        if isinstance(task, AddConnection) and len(found) < TRIES:
            found.append(delay)
            pool.run_task(task)

    monkeypatch.setattr(psycopg_pool.ConnectionPool, "schedule_task", at_once)
    return found


def of_everybody(conninfo: str) -> psycopg_pool.ConnectionPool:
    return database.pool(conninfo, 1, "followers")


def of_the_log(conninfo: str) -> psycopg_pool.ConnectionPool:
    pool = datastore(conninfo, 1).pool
    pool.open()
    return pool


@pytest.mark.parametrize("made", [of_everybody, of_the_log])
def test_a_pool_tries_again_every_second_however_long_the_database_is_away(
    pauses: list[float], made: Callable[[str], psycopg_pool.ConnectionPool]
) -> None:
    pool = made(f"host=127.0.0.1 port={free_port()} user=nobody dbname=nothing")
    give_up = time.monotonic() + PATIENCE_SECONDS
    while len(pauses) < TRIES and time.monotonic() < give_up:
        time.sleep(0.01)
    pool.close()
    assert len(pauses) == TRIES
    assert max(pauses) <= database.AGAIN_SECONDS
