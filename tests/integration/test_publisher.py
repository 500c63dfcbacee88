"""The publisher: histories sealed anew, what is in nobody else's way, take-over, fencing, and topics that lost
something; on the embedded broker always, and on Apache Kafka where it can run."""

import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread, current_thread

import psycopg
import pytest
from faults.wires import Line, Wires
from faults.world import RelayedBroker
from kafka.admin import ConfigResource, ConfigResourceType
from patience import PATIENCE_SECONDS
from publishing import Publishing, live, missing, publishing, take_up, until

from rujukan.consumers.agency.inbox.inbox import SqliteInbox
from rujukan.consumers.agency.kafka.source import KafkaSource
from rujukan.consumers.agency.subscribing.subscription import Subscription
from rujukan.consumers.publishing import publisher as publishers
from rujukan.consumers.wire.envelope import DAMAGED, ERASED
from rujukan.consumers.wire.kafka import topics
from rujukan.domain.case.consents import WithdrawConsent
from rujukan.domain.codes import Service
from rujukan.infra import composition
from rujukan.infra.database import FOLLOWER, as_role
from rujukan.infra.delivery.shares import WORK, LeasedShares
from rujukan.infra.services.apache_kafka import ApacheKafka
from rujukan.infra.services.broker import BrokerProcess, EmbeddedBroker, free_port
from rujukan.infra.settings import Settings


@pytest.fixture(scope="module", params=["embedded", pytest.param("apache", marks=pytest.mark.thorough)])
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    if request.param == "apache" and not ApacheKafka.available():
        pytest.skip("Java 17 and Maven are not here")
    directory = tmp_path_factory.mktemp("broker")
    made = EmbeddedBroker(directory / "log") if request.param == "embedded" else ApacheKafka(directory)
    made.start()
    yield made
    made.stop()


@contextmanager
def relayed(wires: Wires, directory: Path) -> Iterator[RelayedBroker]:
    """A broker that everybody reaches through a relay."""
    made = RelayedBroker(directory / "broker.log")
    made.advertised = wires.before("broker", made.port)
    made.start()
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def processes(request: pytest.FixtureRequest, broker: BrokerProcess) -> None:
    """For what takes long: on Apache Kafka, and on the embedded broker only where that is left out or cannot run."""
    if request.config.getoption("thorough") and isinstance(broker, EmbeddedBroker) and ApacheKafka.available():
        pytest.skip("tried on Apache Kafka")


@pytest.fixture
def world(settings: Settings, broker: BrokerProcess, tmp_path: Path) -> Iterator[Publishing]:
    with publishing(settings, broker, tmp_path) as made:
        yield made


# A history sealed anew -----------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_a_history_is_sealed_anew_whole_in_order_and_what_is_new_does_not_wait(world: Publishing) -> None:
    old = world.new_key("lbh")
    case = world.case_with("lbh")
    for _ in range(350):
        world.note(case)
    world.thread()
    head = world.head("lbh")
    until(lambda: world.tail("lbh") == head)
    told_before = [s for s in world.topic("lbh", old) if s.delivery is not None]
    new = world.new_key("lbh")
    world.reseal("lbh", new, old)
    world.note(case, "said meanwhile")
    until(lambda: _resealed(world, "lbh"))
    seen = world.topic("lbh", new)
    again = [s for s in seen if s.resent]
    assert [s.sequence for s in again] == [s.sequence for s in told_before]
    assert all(s.delivery is not None for s in again), "the new key opens all of it"
    assert [s.attributes.id for s in again] == [s.attributes.id for s in told_before]
    head = world.head("lbh")
    until(lambda: world.tail("lbh") == head)
    assert live(world.topic("lbh")) == list(range(1, head + 1))
    places = [n for n, s in enumerate(world.topic("lbh", new)) if s.sequence == head and not s.resent]
    last = max(n for n, s in enumerate(seen) if s.resent)
    assert places[0] < last, "what was said meanwhile came before the end of the history"


@pytest.mark.thorough
def test_an_agency_that_lost_its_key_handles_its_history_once_it_is_sealed_anew(
    world: Publishing, tmp_path: Path
) -> None:
    """The lost key opens nothing any more: what was told under it waits, with all behind it, until two agreed."""
    agency = "disdik"
    first, before = world.new_key(agency), world.case_with(agency)
    second = world.new_key(agency)  # whoever has the last key alone lacks this one, too
    world.note(before)
    world.reseal(agency, second, first)
    world.thread()
    until(lambda: _resealed(world, agency))
    lost = world.new_key(agency)
    case = world.case_with(agency)
    for _ in range(20):
        world.note(case)
    head = world.head(agency)
    until(lambda: world.tail(agency) == head)
    under_lost = [s.sequence for s in world.topic(agency, lost) if s.delivery is not None]
    new = world.new_key(agency)
    handled: list[int] = []
    stop, subscriptions = Event(), []

    def receive() -> None:
        box = SqliteInbox(tmp_path / "inbox.db", lambda delivery, db: handled.append(delivery.sequence))
        source = KafkaSource(agency, world.broker.bootstrap)
        subscriptions.append(Subscription(source, [new], world.service, box))
        subscriptions[0].run(stop)

    receiving = Thread(target=receive, daemon=True)
    receiving.start()
    try:
        until(lambda: bool(subscriptions) and subscriptions[0].opening.words)
        assert not handled
        world.reseal(agency, new, lost)
        until(lambda: set(handled) >= set(under_lost))
        world.note(case)
        until(lambda: world.head(agency) in handled)
    finally:
        stop.set()
        receiving.join(PATIENCE_SECONDS)
    assert len(handled) == len(set(handled))
    assert [n for n in handled if n in under_lost] == under_lost


@pytest.mark.thorough
def test_a_key_that_is_lost_after_another_takes_the_whole_history_along(world: Publishing) -> None:
    first, case = world.new_key("dinsos"), world.case_with("dinsos")
    second = world.new_key("dinsos")
    world.note(case)
    world.reseal("dinsos", second, first)
    third = world.new_key("dinsos")
    world.note(case)
    world.reseal("dinsos", third, second)
    world.note(case)
    world.thread()
    until(lambda: _resealed(world, "dinsos"))
    head = world.head("dinsos")
    until(lambda: world.tail("dinsos") == head)
    mine = {s.sequence for s in world.topic("dinsos", third) if s.delivery is not None}
    assert mine == _sequences_of(world, "dinsos", case)


@pytest.mark.thorough
@pytest.mark.usefixtures("processes")
def test_a_publisher_killed_in_the_middle_of_a_history_leaves_nothing_out(world: Publishing) -> None:
    old, case = world.new_key("psikolog"), world.case_with("psikolog")
    for _ in range(300):
        world.note(case)
    process = world.process()
    head = world.head("psikolog")
    until(lambda: world.tail("psikolog") == head)
    new = world.new_key("psikolog")
    world.reseal("psikolog", new, old)
    until(lambda: _sent_anew(world, "psikolog") > 0)
    process.kill()
    process.wait()
    world.process()
    until(lambda: _resealed(world, "psikolog"))
    again = [s.sequence for s in world.topic("psikolog", new) if s.resent]
    place = {sequence: n for n, sequence in enumerate(sorted(_sequences_of(world, "psikolog", case)))}
    assert set(again) == set(place)
    steps = {place[b] - place[a] for a, b in pairwise(again)}
    assert all(step == 1 or -publishers.HISTORY < step <= 0 for step in steps), (
        "nothing is passed over, and where sending was broken off, only the part that was under way comes again"
    )
    assert live(world.topic("psikolog")) == list(range(1, world.head("psikolog") + 1))


@pytest.mark.thorough
@pytest.mark.usefixtures("processes")
def test_a_key_that_is_lost_before_a_history_was_sealed_to_it_leaves_all_of_it_to_the_next_in_order(
    world: Publishing, tmp_path: Path
) -> None:
    """A publisher is killed in the middle of it; two agree anew before the next begins."""
    agency = "lbh"
    first, case = world.new_key(agency), world.case_with(agency)
    for _ in range(60):
        world.note(case)
    process = world.process(history=2)
    head = world.head(agency)
    until(lambda: world.tail(agency) == head)
    history = sorted(_sequences_of(world, agency, case))
    second = world.new_key(agency)
    world.reseal(agency, second, first)
    until(lambda: _sent_anew(world, agency) > 0)
    process.kill()
    process.wait()
    world.note(case)
    third = world.new_key(agency)
    world.reseal(agency, third, second)
    with _register_kept(world):
        world.head(agency)
    world.process(history=2)
    until(lambda: _resealed(world, agency))
    world.note(case)
    head = world.head(agency)
    until(lambda: world.tail(agency) == head)
    anew = [s.sequence for s in world.topic(agency, third) if s.resent and s.delivery is not None]
    assert [n for n in anew if n in history] == history, "whole, in order, and once"
    handled: list[int] = []
    stop = Event()

    def receive() -> None:
        box = SqliteInbox(tmp_path / "inbox.db", lambda delivery, db: handled.append(delivery.sequence))
        Subscription(KafkaSource(agency, world.broker.bootstrap), [third], world.service, box).run(stop)

    receiving = Thread(target=receive, daemon=True)
    receiving.start()
    try:
        until(lambda: set(handled) >= {*history, head})
    finally:
        stop.set()
        receiving.join(PATIENCE_SECONDS)
    assert [n for n in handled if n in history] == history


# Recall --------------------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_an_agency_is_asked_to_delete_what_it_was_told_when_consent_is_withdrawn(world: Publishing) -> None:
    office, key = world.office, world.new_key("dinsos")
    case = office.opens(composition.now())
    consent = office.consents(case, "dinsos", "health")
    office.refers(case, "dinsos", Service.SOCIAL_REHABILITATION, compartments=frozenset({"health"}))
    world.note(case)
    office.does("uptd-ppa", case, WithdrawConsent, consent=consent)
    world.note(case, "dinsos is told this only when she consents again")
    office.consents(case, "dinsos", "health")
    office.refers(case, "dinsos", Service.SOCIAL_REHABILITATION, compartments=frozenset({"health"}))
    world.thread()
    head = world.head("dinsos")
    until(lambda: world.tail("dinsos") == head)
    told = [s.delivery for s in world.topic("dinsos", key) if s.delivery is not None and s.delivery.case == case]
    names = [delivery.topic for delivery in told]
    withdrawn, asked = names.index("case.ConsentWithdrawn"), names.index("erasure.DeletionAsked")
    others = [n for n, name in enumerate(names) if name == "case.NoteRecorded"]
    assert withdrawn < asked < min(others)
    assert names.index(ERASED) < withdrawn, "sent only now, what she does not consent to any more is not shown"
    assert told[asked].fields()["compartments"] == ["health"]
    assert [told[n].fields()["health"] for n in others] == [
        "a note",
        "dinsos is told this only when she consents again",
    ], "on a new consent it is told of what it was not to know in between"
    assert len({delivery.id for delivery in told}) == len(told)


# In nobody else's way ------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_an_event_that_does_not_open_holds_up_nobody_and_is_told_once_it_is_repaired(world: Publishing) -> None:
    key = world.new_key("rsud")
    mine, other = world.case_with("rsud"), world.case_with("rsud", "rumah-aman")
    hit = world.note(mine, "hit by a flipped bit")
    world.note(mine, "in the same case")
    with _altered(world.settings, hit):
        world.thread()
        world.note(other)
        for agency in ("rsud", "rumah-aman"):
            head = world.head(agency)
            until(lambda agency=agency, head=head: world.tail(agency) == head)
        told = [s.delivery for s in world.topic("rsud", key) if s.delivery is not None]
        assert [d.position for d in told if d.topic == DAMAGED] == [hit]
        take_up(world.settings)
        assert missing(world.settings) == 1, "it is not repaired"
    take_up(world.settings)
    until(lambda: missing(world.settings) == 0)
    head = world.head("rsud")
    until(lambda: world.tail("rsud") == head)
    assert live(world.topic("rsud")) == list(range(1, head + 1))
    last = [s.delivery for s in world.topic("rsud", key) if s.delivery is not None][-1]
    assert (last.position, last.fields()["health"]) == (hit, "hit by a flipped bit")


def test_a_topic_that_refuses_holds_up_its_agency_alone(
    monkeypatch: pytest.MonkeyPatch, world: Publishing, caplog: pytest.LogCaptureFixture
) -> None:
    if isinstance(world.broker, EmbeddedBroker):
        pytest.skip("the embedded broker takes messages of any size")
    monkeypatch.setattr(publishers, "ASIDE_SECONDS", 0.5)
    monkeypatch.setattr(publishers, "share_of", lambda agency: 0)
    case = world.case_with("lbh", "psikolog")
    world.thread()
    until(lambda: all(world.tail(a) == world.head(a) for a in ("lbh", "psikolog")))
    before = world.tail("lbh")
    _most_bytes(world, "lbh", 100)
    world.note(case)
    until(lambda: world.tail("psikolog") == world.head("psikolog"))
    until(lambda: "the topic of lbh refuses" in caplog.text)
    assert world.tail("lbh") == before
    _most_bytes(world, "lbh", 1_000_000)
    until(lambda: world.tail("lbh") == world.head("lbh"))
    for agency in ("lbh", "psikolog"):
        assert live(world.topic(agency)) == list(range(1, world.head(agency) + 1))


# Take-over -----------------------------------------------------------------------------------------------------


@pytest.mark.thorough
@pytest.mark.usefixtures("processes")
def test_the_agencies_of_a_publisher_that_is_killed_are_told_by_another_within_seconds(world: Publishing) -> None:
    case = world.case_with("rsud", "polres", "disdik", "rumah-aman")
    agencies = ("rsud", "polres", "disdik", "rumah-aman", "uptd-ppa")
    one, _ = world.process(), world.process()
    until(lambda: all(world.tail(a) == world.head(a) for a in agencies))
    world.note(case)
    one.kill()
    one.wait()
    world.note(case)
    took = until(lambda: all(world.tail(a) == world.head(a) for a in agencies))
    print(f"taken over after {took:.1f} s")
    for agency in agencies:
        assert live(world.topic(agency)) == list(range(1, world.head(agency) + 1))


@pytest.mark.thorough
@pytest.mark.usefixtures("processes")
def test_a_publisher_that_never_reached_the_broker_takes_nothing(world: Publishing) -> None:
    cut_off = world.process(kafka=f"127.0.0.1:{free_port()}")
    until(lambda: "no broker answers" in world.log())
    assert _held(world) == set()
    world.process()
    until(lambda: _held(world) == {(publishers.SHARES,)})
    holder = _holders(world)
    case = world.case_with("lbh", "rsud", "polres", "dinsos")
    heads = {agency: world.head(agency) for agency in ("uptd-ppa", "lbh", "rsud", "polres", "dinsos")}
    until(lambda: all(world.tail(agency) == head for agency, head in heads.items()))
    world.note(case)
    until(lambda: world.tail("uptd-ppa") == heads["uptd-ppa"] + 1)
    assert cut_off.poll() is None
    until(lambda: _held(world) == {(publishers.SHARES,)})
    assert _holders(world) == holder


@pytest.mark.thorough
def test_a_publisher_that_is_cut_off_leaves_its_agencies_to_another_until_it_reaches_the_broker_again(
    settings: Settings, tmp_path: Path
) -> None:
    """The embedded broker, as that is reached nowhere but through the relay that it says it is at."""
    processes: dict[str, int] = {}
    with (
        closing(Wires(lambda: processes)) as wires,
        relayed(wires, tmp_path) as broker,
        publishing(settings, broker, tmp_path) as world,
    ):
        agencies = ("uptd-ppa", "lbh", "rsud", "polres", "dinsos")
        case = world.case_with(*agencies[1:])
        processes["cut off"] = world.process(patience=600.0).pid  # that none answers it finds long before
        until(lambda: _held(world) == {(publishers.SHARES,)})
        world.process()
        until(lambda: _held(world) == {(publishers.SHARES // 2,)})
        wires.connect("cut off", "broker", Line(silent=True))
        world.note(case)
        took = until(lambda: all(world.tail(agency) == world.head(agency) for agency in agencies))
        print(f"taken over after {took:.1f} s")
        until(lambda: _held(world) == {(publishers.SHARES,)})
        for _ in range(35):
            time.sleep(0.1)
            assert _held(world) <= {(publishers.SHARES,)}, "it comes back before it reaches the broker"
        wires.mend()
        until(lambda: _held(world) == {(publishers.SHARES // 2,)})
        world.note(case)
        until(lambda: all(world.tail(agency) == world.head(agency) for agency in agencies))
        for agency in agencies:
            assert live(world.topic(agency)) == list(range(1, world.head(agency) + 1))


@pytest.mark.thorough
@pytest.mark.usefixtures("processes")
def test_a_publisher_that_was_halted_past_its_lease_publishes_nothing_when_it_wakes_up(world: Publishing) -> None:
    case = world.case_with("rsud", "polres", "disdik")
    agencies = ("rsud", "polres", "disdik", "uptd-ppa")
    halted = world.process()
    until(lambda: all(world.tail(a) == world.head(a) for a in agencies))
    for _ in range(30):
        world.note(case)
    halted.send_signal(signal.SIGSTOP)
    for _ in range(30):
        world.note(case)
    world.process()
    until(lambda: all(world.tail(a) == world.head(a) for a in agencies))
    halted.send_signal(signal.SIGCONT)
    for _ in range(30):
        world.note(case)
    until(lambda: all(world.tail(a) == world.head(a) for a in agencies))
    for agency in agencies:
        assert live(world.topic(agency)) == list(range(1, world.head(agency) + 1)), "once each, under read_committed"


@pytest.mark.thorough
@pytest.mark.usefixtures("processes")
def test_a_publisher_that_was_halted_while_it_wrote_down_what_it_sent_is_replaced(world: Publishing) -> None:
    """It keeps the rows of its agencies' topics from whoever goes on, until the database ends its transaction."""
    case = world.case_with("rsud", "polres", "disdik")
    agencies = ("rsud", "polres", "disdik", "uptd-ppa")
    halts = (
        "import os, signal, time; from rujukan.infra.delivery.publishing import PublisherSource as Source\n"
        "written = Source._remember\n"
        "def halting(self, db, places):\n"
        "    written(self, db, places)\n"
        "    if any(place.sequence for place in places.values()):\n"
        "        os.kill(os.getpid(), signal.SIGSTOP)\n"
        "        time.sleep(1)\n"  # another thread may be the first to stop
        "Source._remember = halting"
    )
    halted = world.process(first=halts)
    until(lambda: "(stopped)" in Path(f"/proc/{halted.pid}/status").read_text())
    world.process()
    for _ in range(3):
        world.note(case)
        until(lambda: all(world.tail(a) == world.head(a) for a in agencies))
    for agency in agencies:
        assert live(world.topic(agency)) == list(range(1, world.head(agency) + 1))


@pytest.mark.thorough
def test_a_share_that_is_slow_to_end_keeps_no_lease_from_being_renewed(
    world: Publishing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another takes its part while the broker answers nothing: what is under way does not end, and what is kept is."""
    renewed: list[frozenset[int]] = []
    stuck, answers, stop = set(), Event(), Event()
    hold, send = LeasedShares.hold, publishers.send

    def holding(shares: LeasedShares, most: int) -> frozenset[int]:
        held = hold(shares, most)
        if shares is not other:
            renewed.append(held)
        return held

    def sending(*said: object) -> None:
        stuck.add(current_thread())
        answers.wait()
        send(*said)  # type: ignore[arg-type]

    for agency in ("rsud", "polres", "disdik", "lbh"):
        world.note(world.case_with(agency))
    monkeypatch.setattr(LeasedShares, "hold", holding)
    monkeypatch.setattr(publishers, "send", sending)
    with (
        closing(LeasedShares(as_role(world.settings.database, FOLLOWER), 600.0)) as other,
        composition.publisher(world.settings) as publisher,
    ):
        Thread(target=composition.keep_register, args=(world.settings, stop), daemon=True).start()
        running = Thread(target=publisher.run, args=(stop,), daemon=True)
        running.start()
        try:
            until(lambda: {share for held in renewed for share in held} == set(range(publishers.SHARES)))
            until(lambda: len(stuck) > 1)
            until(lambda: len(other.hold(publishers.SHARES)) == publishers.SHARES // 2)
            before = len(renewed)
            until(lambda: len(renewed) > before + 5)
            assert sum(thread.is_alive() for thread in stuck) > 1, "nothing of it has ended"
            assert len(renewed[-1]) == publishers.SHARES // 2
        finally:
            answers.set()
            stop.set()
            running.join(PATIENCE_SECONDS)
            other.give_back()
    assert not running.is_alive()


# Topics that lost something ------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_a_broker_that_lost_its_data_is_filled_again(world: Publishing) -> None:
    if not isinstance(world.broker, EmbeddedBroker):
        pytest.skip("Apache Kafka keeps its data")
    case = world.case_with("rsud")
    world.thread()
    until(lambda: world.tail("rsud") == world.head("rsud"))
    world.broker.stop()
    world.broker.start()
    world.note(case)
    until(lambda: world.tail("rsud") == world.head("rsud"))
    assert live(world.topic("rsud")) == list(range(1, world.head("rsud") + 1))


def test_a_topic_that_retention_emptied_goes_on_and_one_that_was_made_anew_is_filled(world: Publishing) -> None:
    if isinstance(world.broker, EmbeddedBroker):
        pytest.skip("the embedded broker has no retention")
    case = world.case_with("polres")
    halt = world.thread()
    until(lambda: world.tail("polres") == world.head("polres"))
    until(lambda: _remembered(world, "polres") == world.head("polres"))
    halt()
    head = world.head("polres")
    with world.admin() as admin:
        admin.delete_records({topics.partition("polres"): -1})
    assert world.topic("polres") == []
    world.note(case)
    halt = world.thread()
    until(lambda: world.tail("polres") == head + 1)
    assert live(world.topic("polres")) == [head + 1], "what retention took does not come again"
    halt()
    with world.admin() as admin:
        admin.delete_topics([topics.topic_of("polres")])
    world.thread()
    until(lambda: world.tail("polres") == head + 1)
    assert live(world.topic("polres")) == list(range(1, head + 2))


# Looking at the register -----------------------------------------------------------------------------------------


def _one(world: Publishing, sql: str, *values: object) -> object:
    with psycopg.connect(world.settings.database, autocommit=True) as db:
        row = db.execute(sql, values).fetchone()  # type: ignore[arg-type]
    return row[0] if row else None


def _resealed(world: Publishing, agency: str) -> bool:
    done = "SELECT count(*) > 0 AND bool_and(done_at IS NOT NULL) FROM delivery.resealings"
    return bool(_one(world, f"{done} WHERE agency = %s AND position > %s", agency, world.started_at))


def _sent_anew(world: Publishing, agency: str) -> int:
    sent = "SELECT coalesce(max(sent), 0) FROM delivery.resealings WHERE agency = %s AND position > %s"
    return int(str(_one(world, sent, agency, world.started_at)))


def _remembered(world: Publishing, agency: str) -> object:
    return _one(world, "SELECT sequence FROM delivery.topics WHERE agency = %s", agency)


@contextmanager
def _register_kept(world: Publishing) -> Iterator[None]:
    """By somebody who publishes nothing."""
    stop = Event()
    keeper = Thread(target=composition.keep_register, args=(world.settings, stop), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        stop.set()
        keeper.join(PATIENCE_SECONDS)


def _sequences_of(world: Publishing, agency: str, case: object) -> set[int]:
    with psycopg.connect(world.settings.database, autocommit=True) as db:
        found = db.execute("SELECT sequence FROM delivery.told WHERE agency = %s AND case_id = %s", (agency, case))
        return {sequence for (sequence,) in found}


@contextmanager
def _altered(settings: Settings, position: int) -> Iterator[None]:
    """One byte of an event's last segment is another, as a superuser could do it; and put right at the end."""
    with psycopg.connect(settings.database, autocommit=True) as db:
        row = db.execute("SELECT state FROM log.stored_events WHERE notification_id = %s", (position,)).fetchone()
        assert row is not None
        whole: bytes = row[0]

        def put(state: bytes) -> None:
            with db.transaction():
                db.execute("SET LOCAL session_replication_role = replica")  # no trigger refuses
                db.execute("UPDATE log.stored_events SET state = %s WHERE notification_id = %s", (state, position))

        put(whole[:-1] + bytes((whole[-1] ^ 1,)))
        yield
        put(whole)


def _most_bytes(world: Publishing, agency: str, most: int) -> None:
    """No larger message is taken by the agency's topic."""
    about = ConfigResource(ConfigResourceType.TOPIC, topics.topic_of(agency), {"max.message.bytes": str(most)})
    with world.admin() as admin:
        admin.alter_configs([about])


def _holders(world: Publishing) -> set[object]:
    """Who held a share last."""
    with psycopg.connect(world.settings.database) as db:
        return set(db.execute("SELECT keeper FROM follow.leases WHERE work = %s AND keeper IS NOT NULL", (WORK,)))


def _held(world: Publishing) -> set[tuple[int]]:
    """How many shares each publisher holds."""
    with psycopg.connect(world.settings.database) as db:
        return {
            (int(count),)
            for (count,) in db.execute(
                "SELECT count(*) FROM follow.leases WHERE work = %s AND keeper IS NOT NULL AND until > now()"
                " GROUP BY keeper",
                (WORK,),
            )
        }
