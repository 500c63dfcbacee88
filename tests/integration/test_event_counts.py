"""How many events there are up to a position costs what is new, and is right."""

from collections.abc import Iterator
from random import Random
from uuid import uuid4

import damaging
import psycopg
import pytest
from damaging import changed
from office import append, note, opened_store

from rujukan.infra.settings import Settings
from rujukan.infra.store import counting
from rujukan.infra.store.counting import EventCounts
from rujukan.infra.store.event_store import EventStore

superuser = damaging.superuser


@pytest.fixture(scope="module")
def store(settings: Settings) -> Iterator[EventStore]:
    with opened_store(settings) as opened:
        yield opened


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "BLOCK", 8)


def counted(db: psycopg.Connection, position: int) -> int:
    (found,) = db.execute("SELECT count(*) FROM log.stored_events WHERE notification_id <= %s", (position,)).fetchone()  # type: ignore[misc]
    return int(found)


def test_it_is_what_a_count_of_all_says_at_every_position_while_the_log_grows(
    store: EventStore, superuser: psycopg.Connection
) -> None:
    random, counts = Random(1), EventCounts(store)
    for _ in range(12):
        append(store, uuid4(), 0, *(note() for _ in range(random.randrange(1, 9))))
        if random.random() < 0.5:  # numbers that no event has
            superuser.execute("SELECT nextval('log.stored_events_notification_id_seq') FROM generate_series(1, 5)")
        head = store.head()
        for position in {0, 1, 7, 8, head, head + 1, *(random.randrange(head + 2) for _ in range(6))}:
            assert counts.upto(position) == counted(superuser, position), position


def test_what_was_counted_is_not_counted_again_unless_who_asks_says_so(
    store: EventStore, superuser: psycopg.Connection
) -> None:
    gone, *_ = append(store, uuid4(), 0, *(note() for _ in range(40)))
    counts, head = EventCounts(store), store.head()
    before = counts.upto(head)
    where, far = "notification_id = %s", "notification_id + 1099511627776"
    with changed(superuser, "log.stored_events", "notification_id", where, far, gone):
        assert counts.upto(head) == before
        assert counts.upto(head, anew=True) == counted(superuser, head) == before - 1
        assert counts.upto(gone - 1) == counted(superuser, gone - 1)
    assert counts.upto(head, anew=True) == before, "it was put back"
