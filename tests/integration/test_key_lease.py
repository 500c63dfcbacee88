"""The lease of the data keys where the database is slow to answer: nobody waits for more than one question to it."""

from collections.abc import Iterator
from threading import Barrier, Thread
from uuid import uuid4

import pytest
from patience import PATIENCE_SECONDS
from psycopg_pool import ConnectionPool, PoolTimeout

from rujukan.domain.compartment import Compartment
from rujukan.infra import composition
from rujukan.infra.database import SERVICE, Pool, as_role
from rujukan.infra.settings import Settings
from rujukan.infra.store.data_keys import DataKeys, KeyGone

READERS = 12
POOL_SECONDS = 3.0


@pytest.fixture
def one_connection(settings: Settings) -> Iterator[Pool]:
    with ConnectionPool(
        as_role(settings.database, SERVICE), min_size=1, max_size=1, timeout=POOL_SECONDS, kwargs={"autocommit": True}
    ) as pool:
        yield pool


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
