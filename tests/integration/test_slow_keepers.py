"""Work that takes longer than a lease: whoever is slow keeps it, and who stands by does not begin it anew."""

from collections import Counter
from collections.abc import Callable
from random import Random
from threading import Event, Thread
from typing import Any
from uuid import UUID

import damaging
import fetching
import psycopg
import pytest
from damaging import case_with
from fetching import Place, note
from msgspec.structs import replace
from office import NAMES, catch_up, until

from rujukan.infra import composition, processes
from rujukan.infra.keys import names
from rujukan.infra.lease import Lease
from rujukan.infra.locks import LeaseLost
from rujukan.infra.node import Node
from rujukan.infra.settings import Settings
from rujukan.infra.store import following
from rujukan.infra.store.event_store import Damage, EventStore
from rujukan.infra.store.following import CaseFiles, Follower, Learning
from rujukan.projections import Deliveries, runner

EVENTS = 40
LEASE_SECONDS = 0.3
EVENT_SECONDS = 0.04
"""What an event takes here: all of them take some leases."""

place, superuser = fetching.place, damaging.superuser


@pytest.fixture
def leases_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that is measured in leases is shorter in the same measure."""
    monkeypatch.setattr(Lease.__init__, "__defaults__", (LEASE_SECONDS,))
    monkeypatch.setattr(following, "PART_SECONDS", LEASE_SECONDS / 3, raising=False)
    monkeypatch.setattr(runner, "RENEW_SECONDS", LEASE_SECONDS / 3)


def slow(monkeypatch: pytest.MonkeyPatch, files: type[CaseFiles] | type[Learning]) -> None:
    follow: Callable[..., Any] = files.follow

    def slowly(self: Any, opened: Any) -> Any:
        Event().wait(EVENT_SECONDS)
        return follow(self, opened)

    monkeypatch.setattr(files, "follow", slowly)


def many(place: Place, settings: Settings) -> UUID:
    """A case, known up to its referral, and then many notes that nobody has followed."""
    case = case_with(place, "rsud")
    catch_up(settings)
    for n in range(EVENTS):
        note(place.office, case, f"{n}")
    return case


def at_the_head(db: psycopg.Connection, position: str) -> bool:
    row = db.execute(f"SELECT ({position}) = max(notification_id) FROM log.stored_events").fetchone()
    return bool(row and row[0])


@pytest.mark.thorough
@pytest.mark.usefixtures("leases_are_short")
def test_two_keepers_of_the_register_do_not_depose_each_other_for_ever(
    place: Place, settings: Settings, superuser: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(place, settings)
    slow(monkeypatch, Learning)
    stop = Event()
    keepers = [Thread(target=composition.keep_register, args=(settings, stop), daemon=True) for _ in range(2)]
    for keeper in keepers:
        keeper.start()
    try:
        until(lambda: at_the_head(superuser, "SELECT position FROM delivery.reached"))
    finally:
        stop.set()
        for keeper in keepers:
            keeper.join()


@pytest.mark.thorough
@pytest.mark.usefixtures("leases_are_short")
def test_two_workers_do_not_take_shards_from_each_other_for_ever(
    place: Place, settings: Settings, superuser: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(place, settings)
    with composition.follower(settings) as source:
        source.keep_up()
    slow(monkeypatch, CaseFiles)
    stop = Event()
    with Node(settings, names.WORKER, 8) as node:
        workers = [Thread(target=processes._project, args=(node, stop), daemon=True) for _ in range(2)]
        for worker in workers:
            worker.start()
        try:
            behind = "SELECT min(position) FROM follow.processors WHERE live"
            until(lambda: at_the_head(superuser, behind))
        finally:
            stop.set()
            for worker in workers:
                worker.join()


@pytest.mark.thorough
@pytest.mark.usefixtures("leases_are_short")
def test_a_rebuild_and_its_helper_do_not_take_shards_from_each_other_for_ever(
    place: Place, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(place, settings)
    catch_up(settings)
    slow(monkeypatch, CaseFiles)
    begun = Event()

    def helping() -> None:
        begun.wait()
        with composition.follower(settings) as source, composition.runner(settings, source) as helper:
            helper.help_rebuild(NAMES[0])

    helper = Thread(target=helping, daemon=True)
    helper.start()
    with composition.follower(settings) as source, composition.runner(settings, source) as leading:
        assert leading.rebuild(NAMES[0], begun=begun.set) > 0
    helper.join()


@pytest.mark.thorough
def test_a_long_case_is_read_a_part_at_a_time_and_who_lost_the_lease_stops_in_the_middle(
    place: Place, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = many(place, settings)
    monkeypatch.setattr(following, "READ_AT_ONCE", 5)
    damage: list[Damage] = []
    with composition.follower(settings) as source:
        last = source.store.read(case)[-1]
        page = source.store.recorder.select_notifications(last.position, 1)
        asked = 0

        def still() -> None:
            nonlocal asked
            asked += 1
            if asked == EVENTS // 5:
                raise LeaseLost

        learning = Learning(source.store, lambda _: (), still=still)
        follower = Follower(source.store, learning, damage.append, still=still)
        with pytest.raises(LeaseLost):
            follower.take(page)
        assert damage == [], "the record is as whole as it was"
        (followed,) = follower.take(page)
        assert followed.written.version == last.version
        assert asked > 2 * (EVENTS // 5)
        learning.close()


@pytest.mark.thorough
def test_what_is_parted_is_what_it_is_as_a_whole(
    place: Place, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(place, settings)
    with composition.follower(settings) as source:
        source.keep_up()
        whole = [f.written.position for page in source.pages(0) for f in page]
        monkeypatch.setattr(following, "PART_SECONDS", 0.0)
        parts = list(source.pages(0))
        assert [f.written.position for part in parts for f in part] == whole
        assert {len(part) for part in parts} == {1}


@pytest.mark.thorough
def test_what_who_follows_remembers_weighs_no_more_than_it_may_and_all_is_followed_alike(
    place: Place, settings: Settings
) -> None:
    """So with any number of cases: what is let go of is read again."""
    for n in range(60):
        note(place.office, case_with(place, "rsud"), f"{n}")
    with composition.follower(settings) as source:
        source.keep_up()
        whole = [(f.written, f.case, f.tell) for page in source.pages(0) for f in page]
    most, small = 0, replace(settings, case_memory_mb=1)
    with composition.follower(small) as source:
        found = []
        for page in source.pages(0):
            for f in page:
                found.append((f.written, f.case, f.tell))
                most = max(most, source.files._files._files.weight)
    assert found == whole
    assert small.case_bytes / 2 < most <= small.case_bytes


@pytest.fixture
def read_whole(monkeypatch: pytest.MonkeyPatch) -> Counter[UUID]:
    """How often each stream was read from its first record on."""
    found: Counter[UUID] = Counter()
    read = EventStore.read

    def counted(self: EventStore, stream: UUID, after: int = 0, upto: int | None = None) -> Any:
        found[stream] += not after
        return read(self, stream, after, upto)

    monkeypatch.setattr(EventStore, "read", counted)
    return found


@pytest.mark.thorough
def test_who_follows_at_two_places_in_turns_reads_no_case_again_at_each_turn(
    place: Place, settings: Settings, read_whole: Counter[UUID]
) -> None:
    """As a worker does of whose read models some fell behind. Reading a long case takes longer than a turn, and neither
    place would come nearer to the end of a log that grows."""
    cases = [case_with(place, "rsud") for _ in range(2)]
    for n in range(EVENTS):
        note(place.office, cases[n % 2], f"{n}")
    with composition.follower(settings) as source:
        source.keep_up()
        every = {f.written.position: f for page in source.pages(0) for f in page}
    own = sorted(position for position, f in every.items() if f.written.stream in cases)
    for seed in range(5):
        random, at = Random(seed), {"behind": own[len(own) // 4], "in front": own[-EVENTS // 2]}
        read_whole.clear()
        with composition.follower(settings) as source:
            while at["behind"] < own[-1]:
                who = "behind" if at["in front"] == own[-1] else random.choice(sorted(at))
                for f in source.after(at[who], random.randint(1, 3)):
                    at[who] = f.written.position
                    expected = every[at[who]]
                    assert (f.written, f.case, f.tell) == (expected.written, expected.case, expected.tell)
                at["in front"] = max(at.values())  # from where they met, they are one place
        assert max(read_whole[case] for case in cases) <= 2, "once for each place"


@pytest.mark.thorough
def test_read_models_of_which_some_fell_behind_come_together_though_long_cases_take_long_to_read(
    place: Place,
    settings: Settings,
    superuser: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    read_whole: Counter[UUID],
) -> None:
    """Given a worker that was killed when some read models had taken in what is new, and others not, when another goes
    on while each turn hands on an event alone, then all are where the log is, and each case was read once a place."""
    case = case_with(place, "rsud")
    catch_up(settings)
    for n in range(EVENTS):
        note(place.office, case, f"{n}")
    fold = Deliveries.fold

    def dies(self: Deliveries, db: Any, batch: Any) -> None:
        raise SystemExit("killed in the middle of all read models")

    monkeypatch.setattr(Deliveries, "fold", dies)
    with composition.follower(settings) as source, composition.runner(settings, source) as dying:
        source.keep_up()
        with pytest.raises(SystemExit):
            dying.catch_up()
    monkeypatch.setattr(Deliveries, "fold", fold)
    live = "SELECT count(DISTINCT position) FROM follow.processors WHERE live"
    assert superuser.execute(live).fetchone() == (2,)
    for n in range(EVENTS):
        note(place.office, case, f"later {n}")
    with composition.follower(settings) as source:
        source.keep_up()
    monkeypatch.setattr(following, "PART_SECONDS", 0.0)
    monkeypatch.setattr(processes, "LAGGARDS_SECONDS", 0.1)
    read_whole.clear()
    stop = Event()
    with Node(settings, names.WORKER, 8) as node:
        worker = Thread(target=processes._project, args=(node, stop), daemon=True)
        worker.start()
        try:
            until(lambda: at_the_head(superuser, "SELECT min(position) FROM follow.processors WHERE live"))
        finally:
            stop.set()
            worker.join()
    assert read_whole[case] <= 2, "once for each place"
