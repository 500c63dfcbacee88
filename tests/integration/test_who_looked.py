"""Which readings of a case there are: found in the log, whole or not at all."""

from collections.abc import Iterator
from typing import NamedTuple
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
from rujukan.infra.store.event_store import EventStore
from rujukan.infra.store.readings import Readings

superuser = damaging.superuser


class Told(NamedTuple):
    """Two cases, and the positions of three readings of the one."""

    hers: UUID
    other: UUID
    at: list[int]


def looked(at: UUID, what: str = "timeline", by: UUID | None = None, agency: str = "polres") -> AccessRecorded:
    return AccessRecorded(
        occurred_at=NOON,
        reader=ActorId(by or uuid4()),
        agency=agency,
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


@pytest.fixture
def told(store: EventStore) -> Told:
    """Three readings of a case that no other test knows, among others, in two streams."""
    hers, other, one, two = (uuid4() for _ in range(4))
    at = append(store, one, 0, looked(hers, "one"), looked(other))
    append(store, uuid4(), 0, note())
    at += append(store, two, 0, looked(other), looked(hers, "two"), looked(hers, "three"))
    return Told(hers, other, [at[0], at[3], at[4]])


def positions(readings: Readings, case: UUID) -> list[int]:
    """Where all of a case's stand; and nothing of any case is in the way."""
    looked = readings.of(case)
    assert looked.unread == []
    return [opened.position for opened in looked.found]


def named(readings: Readings, case: UUID) -> tuple[list[int], list[int]]:
    """Where those that open stand, and where something does not."""
    looked = readings.of(case)
    return [opened.position for opened in looked.found], [damage.position for damage in looked.unread]


def test_all_of_a_case_are_found_in_the_order_of_the_log(store: EventStore, told: Told) -> None:
    assert positions(Readings(store), told.hers) == told.at
    assert list(Readings(store).of(uuid4()).found) == []


def test_what_comes_later_is_found_too(store: EventStore, told: Told) -> None:
    readings = Readings(store)
    assert positions(readings, told.hers) == told.at
    (late,) = append(store, uuid4(), 0, looked(told.hers, "late"))
    assert positions(readings, told.hers) == [*told.at, late]


@pytest.mark.parametrize("known", [False, True], ids=["at the first question", "once it was known"])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_one_that_does_not_open_is_not_left_out(
    store: EventStore, told: Told, superuser: psycopg.Connection, which: int, known: bool
) -> None:
    readings = Readings(store)
    if known:
        assert positions(readings, told.hers) == told.at
    with flipped(superuser, STATE, told.at[which]):
        assert named(readings, told.hers) == ([at for at in told.at if at != told.at[which]], [told.at[which]])
        whole = [] if known else [told.at[which]]  # of which case it was, nobody can say, but who knew it
        assert named(readings, told.other)[1] == whole or named(readings, told.other)[1] == [told.at[which]]
    assert positions(readings, told.hers) == told.at, "it was put back"


@pytest.mark.parametrize(
    ("column", "to"), [("topic", "'case.NoteRecorded'"), ("originator_id", "gen_random_uuid()")], ids=lambda v: v
)
def test_one_whose_row_says_something_else_is_not_left_out(
    store: EventStore, told: Told, superuser: psycopg.Connection, column: str, to: str
) -> None:
    """The second but last of its stream: what stands behind it says that it is missing."""
    readings = Readings(store)
    where = "notification_id = %s"
    with changed(superuser, "log.stored_events", column, where, to, told.at[1]):
        found, unread = named(readings, told.hers)
        assert (found, len(unread)) == ([at for at in told.at if at != told.at[1]], 1)
    assert positions(readings, told.hers) == told.at


def test_a_page_of_a_case_s_readings_opens_that_page_and_no_more(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, readings = uuid4(), Readings(store)
    at = append(store, uuid4(), 0, *(looked(case, agency=("polres", "rsud")[n % 2]) for n in range(40)))
    whole = [o.position for o in readings.of(case).found]
    assert whole == at
    opened: list[int] = []
    opens = store.opened_each
    monkeypatch.setattr(store, "opened_each", lambda positions: opened.extend(positions) or opens(positions))
    for agency, these in ((None, at), ("polres", at[::2]), ("rsud", at[1::2])):
        opened.clear()
        pages: list[int] = []
        while more := readings.of(case, agency, pages[-1] if pages else 0, 7).found:
            pages += [o.position for o in more]
        assert pages == opened == these


def test_what_a_person_looked_at_for_an_agency_is_found_whatever_it_was_of(store: EventStore) -> None:
    person, hers, readings = uuid4(), uuid4(), Readings(store)
    mine = append(store, uuid4(), 0, looked(hers, by=person), looked(uuid4()), looked(uuid4(), by=person))
    append(store, uuid4(), 0, looked(hers, by=person, agency="rsud"))
    assert [o.position for o in readings.by(person, "polres").found] == [mine[0], mine[2]]
    assert [o.position for o in readings.by(person, "polres", mine[0], 1).found] == [mine[2]]
    assert list(readings.by(person, "lsm").found) == []


def test_what_was_taken_back_for_good_is_forgotten_and_what_stands_in_its_place_is_no_reading_of_hers(
    store: EventStore, superuser: psycopg.Connection
) -> None:
    """An older state is restored beneath a process that goes on: it says nothing until somebody recovered from it."""
    case, stream, readings = uuid4(), uuid4(), Readings(store)
    kept, *lost = append(store, stream, 0, looked(case), looked(case), looked(case))

    def of_case() -> list[int]:
        looked = readings.of(case)
        assert not looked.unread
        return [o.position for o in looked.found]

    assert of_case() == [kept, *lost]
    with superuser.transaction():
        superuser.execute("SET LOCAL session_replication_role = replica")
        superuser.execute("DELETE FROM log.stored_events WHERE notification_id > %s", (kept,))
    assert named(readings, case) == ([kept], lost)
    superuser.execute("SELECT setval('log.stored_events_notification_id_seq', %s)", (kept,))
    assert append(store, uuid4(), 0, looked(uuid4()), looked(uuid4())) == lost, "the numbers are given again"
    assert named(readings, case) == ([kept], lost)
    superuser.execute("INSERT INTO ledger.joinings (origin, of, note) VALUES ('rujukan/b', 'rujukan/a', '')")
    assert of_case() == [kept]
    (later,) = append(store, stream, 1, looked(case))
    assert of_case() == [kept, later]
