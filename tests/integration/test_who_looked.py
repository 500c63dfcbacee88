"""Which readings of a case there are: found in the log, whole or not at all."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import damaging
import psycopg
import pytest
from damaging import STATE, changed, flipped
from office import NOON, append, note, opened_store

from rujukan.domain.access import AccessRecorded
from rujukan.domain.codes import Purpose, Role
from rujukan.domain.fact import ActorId
from rujukan.infra.settings import Settings
from rujukan.infra.store.event_store import Damaged, EventStore
from rujukan.infra.store.readings import Readings

superuser = damaging.superuser
HERS, OTHER = uuid4(), uuid4()


def looked(at: UUID, what: str = "timeline") -> AccessRecorded:
    return AccessRecorded(
        occurred_at=NOON,
        reader=ActorId(uuid4()),
        agency="polres",
        role=Role.CASE_WORKER,
        purpose=Purpose.CARE,
        subject=at,
        compartments=frozenset({"health"}),
        what=what,
        basis="own",
    )


@pytest.fixture(scope="module")
def store(settings: Settings) -> Iterator[EventStore]:
    with opened_store(settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def told(store: EventStore) -> list[int]:
    """The positions of three readings of a case, among others, in two streams."""
    one, two = uuid4(), uuid4()
    at = append(store, one, 0, looked(HERS, "one"), looked(OTHER))
    append(store, uuid4(), 0, note())
    at += append(store, two, 0, looked(OTHER), looked(HERS, "two"), looked(HERS, "three"))
    return [at[0], at[3], at[4]]


def positions(readings: Readings) -> list[int]:
    return [opened.position for opened in readings.of(HERS)]


def test_all_of_a_case_are_found_in_the_order_of_the_log(store: EventStore, told: list[int]) -> None:
    assert positions(Readings(store)) == told
    assert list(Readings(store).of(uuid4())) == []


def test_what_comes_later_is_found_too(store: EventStore, told: list[int]) -> None:
    readings = Readings(store)
    assert positions(readings) == told
    (late,) = append(store, uuid4(), 0, looked(HERS, "late"))
    assert positions(readings) == [*told, late]
    told.append(late)


@pytest.mark.parametrize("known", [False, True], ids=["at the first question", "once it was known"])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_one_that_does_not_open_is_not_left_out(
    store: EventStore, told: list[int], superuser: psycopg.Connection, which: int, known: bool
) -> None:
    readings = Readings(store)
    if known:
        assert positions(readings) == told
    with flipped(superuser, STATE, told[which]), pytest.raises(Damaged):
        positions(readings)
    assert positions(readings) == told, "it was put back"


@pytest.mark.parametrize(
    ("column", "to"), [("topic", "'case.NoteRecorded'"), ("originator_id", "gen_random_uuid()")], ids=lambda v: v
)
def test_one_whose_row_says_something_else_is_not_left_out(
    store: EventStore, told: list[int], superuser: psycopg.Connection, column: str, to: str
) -> None:
    """The second but last of its stream: what stands behind it says that it is missing."""
    readings = Readings(store)
    where = "notification_id = %s"
    with changed(superuser, "log.stored_events", column, where, to, told[1]), pytest.raises(Damaged):
        positions(readings)
    assert positions(readings) == told
