"""What agencies acknowledge, taken in: from their topics on a broker, and over HTTP. The agency's end is a plain client
of Kafka here, which opens what it is sent and says so."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import psycopg
import pytest
from conftest import Running
from kafka import KafkaConsumer, KafkaProducer
from msgspec.structs import replace
from office import Office, believe_rows, catch_up, erases, opened_office
from patience import PATIENCE_SECONDS
from some import some
from test_damaged import STATE, entries, flipped
from told import NoText

from rujukan.api.application.ports import Moved
from rujukan.consumers.wire.acknowledgement import Acknowledgement, Failure, Mark
from rujukan.consumers.wire.envelope import AgencyKey, Delivery, Opener
from rujukan.consumers.wire.kafka import topics
from rujukan.domain import delivery
from rujukan.domain.case.notes import RecordNote
from rujukan.domain.case.referrals import CancelReferral
from rujukan.domain.codes import Purpose, Role, Service
from rujukan.domain.delivery import Acknowledged, delivery_stream
from rujukan.domain.erasure import ErasureAcknowledged, erasure_stream
from rujukan.infra import composition
from rujukan.infra.cli import main
from rujukan.infra.delivery import acknowledging, damaged
from rujukan.infra.delivery.acknowledging import PACE_SECONDS, AcknowledgementReader
from rujukan.infra.locks import Lock
from rujukan.infra.services.broker import EmbeddedBroker
from rujukan.infra.settings import Settings, to_environment
from rujukan.projections import marks, referral_box


def eventually(check: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
    give_up = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < give_up
        time.sleep(0.05)
    return found


def opened(bootstrap: str, agency: str, key: AgencyKey, service: Any, enough: Callable[[list[Delivery]], Any]) -> Any:
    """What the agency's topic has, opened with its key, as soon as that is enough; what `enough` says then."""
    opener, found = Opener([key], [service]), list[Delivery]()
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, **topics.CONSUMER)
    try:
        consumer.assign([topics.partition(agency)])
        consumer.seek_to_beginning(topics.partition(agency))
        give_up = time.monotonic() + PATIENCE_SECONDS
        while not (said := enough(found)):
            assert time.monotonic() < give_up
            for records in consumer.poll(timeout_ms=200).values():
                found += [opener.open(r.headers, r.key, r.value) for r in records]
        return said
    finally:
        consumer.close()


def mark(of: Delivery) -> Mark:
    return Mark(of.sequence, of.receipt)


class World:
    """Eight agencies, a broker, a publisher, and a reader of acknowledgements that can be stopped and started."""

    def __init__(self, settings: Settings, office: Office, broker: EmbeddedBroker) -> None:
        self.settings = replace(settings, kafka=broker.bootstrap)
        self.office, self.broker = office, broker
        self.keys = {
            file.stem: AgencyKey.from_json(file.read_bytes()) for file in (settings.data / "agencies").glob("*.key")
        }
        self.service = composition.service_key(settings)

    @contextmanager
    def reading(self) -> Iterator[AcknowledgementReader]:
        stop = Event()
        with composition.acknowledgement_reader(self.settings) as reader:
            thread = Thread(target=reader.run, args=(stop,), daemon=True)
            thread.start()
            yield reader
            stop.set()
            thread.join(PATIENCE_SECONDS)

    def refers(self, to: str = "rsud", service: Service = Service.HEALTH) -> tuple[UUID, UUID]:
        case = self.office.opens(composition.now())
        self.office.consents(case, to, "incident")
        return case, self.office.refers(case, to, service)

    def opens(self, agency: str, case: UUID, topic: str = "case.ReferralSent") -> Delivery:
        """What the agency was sent of that case, opened: the last of that topic."""

        def enough(found: list[Delivery]) -> Delivery | None:
            return next((d for d in found if d.case == case and d.topic == topic), None)

        one: Delivery = opened(self.broker.bootstrap, agency, self.keys[agency], self.service, enough)
        return one

    def says(self, agency: str, *said: Acknowledgement | bytes) -> int:
        """Say these; the offset of the last."""
        producer = KafkaProducer(bootstrap_servers=self.broker.bootstrap, **topics.PRODUCER)
        for one in said:
            value = one if isinstance(one, bytes) else one.to_json()
            sent = producer.send(topics.acks_of(agency), value=value, partition=0)
        offset = sent.get(timeout=PATIENCE_SECONDS).offset
        producer.close(timeout=5)
        return int(offset)

    def all_is_read(self) -> None:
        """Read what was said so far: a reader that was killed may not have noted how far it was."""
        with self.reading():
            for agency in ("rsud", "polres"):
                at = self.says(agency, b"")
                eventually(lambda agency=agency, at=at: self.offsets().get(agency, ("", 0))[1] > at)

    def recorded(self, agency: str) -> list[Acknowledged]:
        events = (w.event for w in self.office.ports.log.read(delivery_stream(agency)))
        return [event for event in events if isinstance(event, Acknowledged)]

    def marks(self, agency: str) -> tuple[int, int]:
        now = delivery.fold(self.recorded(agency))
        return now.received, now.handled

    def offsets(self) -> dict[str, tuple[str, int]]:
        with psycopg.connect(self.settings.database) as db:
            rows = db.execute("SELECT agency, topic_id, next_offset FROM delivery.acknowledgement_offsets")
            return {agency: (id, offset) for agency, id, offset in rows}


@pytest.fixture
def world(told_world: World) -> World:
    """The one world, in which nothing is left to be read of what other tests said."""
    told_world.all_is_read()
    return told_world


@pytest.fixture(scope="module")
def told_world(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    broker = EmbeddedBroker(Path(tmp_path_factory.mktemp("broker")) / "log")
    broker.start()
    stop = Event()
    with opened_office(settings) as office:
        catch_up(settings)
        made = World(settings, office, broker)
        keeper = Thread(target=composition.keep_register, args=(settings, stop), daemon=True)
        with composition.publisher(made.settings) as publisher:
            publishing = Thread(target=publisher.run, args=(stop,), daemon=True)
            keeper.start()
            publishing.start()
            yield made
            stop.set()
            publishing.join(PATIENCE_SECONDS)
            keeper.join(PATIENCE_SECONDS)
    broker.stop()


def test_what_an_agency_opened_its_sender_sees(world: World) -> None:
    case, referral = world.refers()
    one = world.opens("rsud", case)
    _, before = world.marks("rsud")
    with world.reading() as reader:
        world.says("rsud", Acknowledgement(received=mark(one)))
        eventually(lambda: world.marks("rsud") == (one.sequence, before))
        world.says("rsud", Acknowledgement(received=mark(one), handled=mark(one)))
        eventually(lambda: world.marks("rsud") == (one.sequence, one.sequence))
        assert (reader.read, reader.garbage) == (2, 0)
    catch_up(world.settings)
    with world.office.ports.views.acting_for("uptd-ppa") as db:
        (entry,) = referral_box.referrals(db, "out", composition.now(), case=case)
    assert entry.referral == referral
    assert entry.received_at is not None
    assert entry.handled_at is not None
    assert entry.received_at < entry.handled_at
    with world.office.ports.views.acting_for("rsud") as db:
        assert marks.marks(db) == (one.sequence, one.sequence)
    with world.office.ports.views.acting_for("polres") as db:
        assert marks.marks(db) == world.marks("polres")


@pytest.mark.thorough
def test_the_operator_sees_who_is_behind(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one = world.opens("rsud", world.refers()[0])
    with world.reading():
        world.says("rsud", Acknowledgement(received=mark(one)))
        eventually(lambda: world.marks("rsud")[0] == one.sequence)
    catch_up(world.settings)
    for variable, value in to_environment(world.settings).items():
        monkeypatch.setenv(variable, value)
    assert main(["deliveries"]) == 0
    rows = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines()[1:]}
    told, received, handled, behind, failed = (int(n) for n in rows["rsud"][:5])
    assert (received, handled) == world.marks("rsud")
    marks = delivery.fold(world.recorded("rsud"))
    assert (behind, failed) == (told - handled, len(marks.failed - marks.recovered))
    assert rows["rsud"][5] != "never"
    assert rows["uptd-ppa"][1:] == ["0", "0", rows["uptd-ppa"][0], "0", "never"]


@pytest.mark.thorough
def test_what_is_forged_or_garbage_is_counted_and_hides_nothing_that_is_true(world: World) -> None:
    """On a broker without ACLs anybody writes anywhere: what shows no receipt of the agency's own has no effect."""
    case, _ = world.refers()
    other, _ = world.refers("polres", Service.LAW_ENFORCEMENT)
    mine, theirs = world.opens("rsud", case), world.opens("polres", other)
    before, theirs_before = world.marks("rsud"), world.marks("polres")
    assert before < (mine.sequence, mine.sequence)
    ahead = Mark(mine.sequence + 1000, mine.receipt)
    wrong = Mark(mine.sequence, "A" * 22)
    with world.reading() as reader:
        world.says("rsud", Acknowledgement(received=ahead), Acknowledgement(received=wrong))
        world.says("polres", Acknowledgement(received=mark(mine)))
        eventually(lambda: reader._taking.refused == 3)
        assert world.marks("rsud") == before
        assert world.marks("polres") == theirs_before
        world.says(
            "rsud",
            b"",
            b"\xff\xfe",
            b"[]",
            b'{"received":{"sequence":-1,"receipt":""}}',
            b'{"received":{"sequence":1e400,"receipt":""}}',
            b'{"unheard":1}',
            b"[" * 100_000,
            Acknowledgement(received=wrong),
            Acknowledgement(handled=mark(mine)),
            Acknowledgement(received=ahead),
            Acknowledgement(failed=[Failure(mine.sequence + 1000, "cannot-open")]),
        )
        eventually(lambda: world.marks("rsud") == (mine.sequence, mine.sequence))
        eventually(lambda: reader.garbage == 7)
        eventually(lambda: reader._taking.refused == 6)
        world.says("polres", Acknowledgement(received=mark(theirs)))
        eventually(lambda: world.marks("polres") == (theirs.sequence, theirs_before[1]))


@pytest.mark.thorough
def test_what_is_said_quickly_becomes_few_events(world: World) -> None:
    case, _ = world.refers()
    for _ in range(60):
        world.office.does("uptd-ppa", case, RecordNote, note=uuid4(), incident="more")

    def all_notes(found: list[Delivery]) -> list[Delivery]:
        notes = [d for d in found if d.case == case and d.topic == "case.NoteRecorded"]
        return notes if len(notes) == 60 else []

    notes = opened(world.broker.bootstrap, "rsud", world.keys["rsud"], world.service, all_notes)
    before, started = len(world.recorded("rsud")), time.monotonic()
    with world.reading() as reader:
        for note in notes:
            world.says("rsud", Acknowledgement(received=mark(note), handled=mark(note)))
        eventually(lambda: world.marks("rsud") == (notes[-1].sequence, notes[-1].sequence))
        assert reader.read == 60
    took = time.monotonic() - started
    assert len(world.recorded("rsud")) - before <= took / PACE_SECONDS + 1


@pytest.mark.thorough
def test_what_is_read_again_says_nothing_new(world: World) -> None:
    """As after a crash between the event and the offset."""
    case, _ = world.refers()
    one = world.opens("rsud", case)
    said = Acknowledgement(handled=mark(one), failed=[Failure(one.sequence - 1, "handler-failed")])
    with world.reading():
        world.says("rsud", said, replace(said, failed=[], recovered=[one.sequence - 1]))
        eventually(lambda: [e.recovered for e in world.recorded("rsud")[-1:]] == [(one.sequence - 1,)])
    upto = world.offsets()["rsud"]  # noted before the reader ended
    before = world.recorded("rsud")
    with psycopg.connect(world.settings.database, autocommit=True) as db:
        believe_rows(db)
        db.execute("UPDATE delivery.acknowledgement_offsets SET next_offset = 0 WHERE agency = 'rsud'")
    with world.reading() as reader:
        eventually(lambda: world.offsets().get("rsud") == upto)
        assert reader.read >= 2
    assert world.recorded("rsud") == before


@pytest.mark.thorough
def test_one_reads_and_another_goes_on_where_it_stops(world: World) -> None:
    case, _ = world.refers()
    one = world.opens("rsud", case)
    with world.reading() as second_to_be, psycopg.connect(world.settings.database, autocommit=True) as db:

        def reading() -> int:
            row = db.execute("SELECT count(keeper) FROM follow.leases WHERE work = 'acknowledgements'").fetchone()
            return row[0] if row else 0

        eventually(reading)
        with world.reading() as waits:
            world.says("rsud", Acknowledgement(received=mark(one)))
            eventually(lambda: world.marks("rsud")[0] == one.sequence)
            assert (second_to_be.read, waits.read, reading()) == (1, 0, 1)
    with world.reading() as waits:
        world.says("rsud", Acknowledgement(handled=mark(one)))
        eventually(lambda: world.marks("rsud") == (one.sequence, one.sequence))
        assert waits.read == 1, "it read on, and not again"


@pytest.mark.thorough
def test_deleted_copies_are_acknowledged_to_their_erasure(world: World) -> None:
    case, referral = world.refers()
    world.opens("rsud", case)
    world.office.does("uptd-ppa", case, CancelReferral, referral=referral)
    erasure = erases(world.office, case)
    asked = world.opens("rsud", case, "erasure.DeletionAsked")
    with world.reading() as reader:
        said = Acknowledgement(handled=mark(asked), deleted=[erasure])
        world.says("rsud", said)

        def acknowledged() -> list[ErasureAcknowledged]:
            events = (w.event for w in world.office.ports.log.read(erasure_stream(erasure)))
            return [event for event in events if isinstance(event, ErasureAcknowledged)]

        eventually(lambda: [x.agency for x in acknowledged()] == ["rsud"])
        world.says("rsud", said)
        eventually(lambda: reader.read == 2)
        world.says("polres", Acknowledgement(deleted=[erasure]))  # who was never told cannot have deleted
        world.says("rsud", Acknowledgement(deleted=[uuid4()]))
        eventually(lambda: reader._taking.refused == 2)
        assert len(acknowledged()) == 1


@pytest.mark.thorough
def test_a_topic_that_was_made_anew_is_read_from_its_start(world: World) -> None:
    case, _ = world.refers()
    one = world.opens("rsud", case)
    with world.reading():
        at = world.says("rsud", *[Acknowledgement(received=mark(one))] * 2)
        eventually(lambda: world.marks("rsud")[0] == one.sequence)
        id, offset = eventually(lambda: (found := world.offsets()["rsud"])[1] > at and found)
        world.broker.stop()
        world.broker.start()
        again = world.opens("rsud", case)  # once the publisher filled its topic anew, the others are there too
        assert again.receipt == one.receipt
        world.says("rsud", Acknowledgement(handled=mark(again)))
        eventually(lambda: world.marks("rsud")[1] == one.sequence)
        new = eventually(lambda: (found := world.offsets()["rsud"]) != (id, offset) and found)
        assert new[0] != id
        assert new[1] < offset


@pytest.mark.thorough
def test_who_forges_many_keeps_no_other_agency_waiting(world: World, caplog: pytest.LogCaptureFixture) -> None:
    case, _ = world.refers()
    mine = world.opens("rsud", case)
    forged = [Acknowledgement(handled=Mark(1, f"RAHASIA{n}")) for n in range(2000)]
    unknown = [Acknowledgement(deleted=[uuid4()]) for _ in range(1000)]
    world.says("polres", *forged, *unknown)
    before = world.marks("polres")
    with world.reading() as reader:
        world.says("rsud", Acknowledgement(handled=mark(mine)))
        eventually(lambda: reader.read >= 3000 and world.marks("rsud")[1] >= mine.sequence)
        eventually(lambda: reader._taking.refused == 3000)
    assert world.marks("polres") == before
    said = [record.getMessage() for record in caplog.records if "are refused" in record.getMessage()]
    assert len(said) < 600, "the log does not grow with what is forged"
    assert "RAHASIA" not in caplog.text


@pytest.mark.thorough
def test_of_whom_something_stored_is_damaged_keeps_no_other_agency_waiting(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acknowledging, "LATER_SECONDS", 1.0)
    cases = {"rsud": world.refers()[0], "polres": world.refers("polres", Service.LAW_ENFORCEMENT)[0]}
    sent = {agency: world.opens(agency, case) for agency, case in cases.items()}
    with world.reading():
        world.says("rsud", Acknowledgement(received=mark(sent["rsud"])))
        eventually(lambda: world.marks("rsud")[0] == sent["rsud"].sequence)
    stream = delivery_stream("rsud")
    with psycopg.connect(world.settings.database, autocommit=True) as db:
        (at,) = db.execute(
            "SELECT max(notification_id) FROM log.stored_events WHERE originator_id = %s", (stream,)
        ).fetchone() or (0,)
        with world.reading():
            with flipped(db, STATE, at):
                world.says("rsud", Acknowledgement(handled=mark(sent["rsud"])))
                eventually(lambda: stream in {entry.stream for entry in entries(world.settings)})
                world.says("polres", Acknowledgement(handled=mark(sent["polres"])))
                eventually(lambda: world.marks("polres")[1] == sent["polres"].sequence)
            damaged.take_up(db)
            eventually(lambda: not entries(world.settings))
            eventually(lambda: world.marks("rsud")[1] == sent["rsud"].sequence)


@pytest.mark.thorough
@pytest.mark.parametrize("problem", some([AssertionError, KeyError, Moved]), ids=lambda problem: problem.__name__)
def test_what_nobody_foresaw_of_one_agency_keeps_no_other_waiting(
    world: World, monkeypatch: pytest.MonkeyPatch, problem: type[Exception]
) -> None:
    monkeypatch.setattr(acknowledging, "LATER_SECONDS", 1.0)
    cases = {"rsud": world.refers()[0], "polres": world.refers("polres", Service.LAW_ENFORCEMENT)[0]}
    sent = {agency: world.opens(agency, case) for agency, case in cases.items()}
    met, mended = Event(), Event()
    with world.reading() as reader:
        take = reader._taking.take

        def takes(agency: str, said: Any) -> None:
            if agency == "rsud" and not mended.is_set():
                met.set()
                raise problem
            take(agency, said)

        monkeypatch.setattr(reader._taking, "take", takes)
        world.says("rsud", Acknowledgement(handled=mark(sent["rsud"])))
        assert met.wait(PATIENCE_SECONDS)
        world.says("polres", Acknowledgement(handled=mark(sent["polres"])))
        eventually(lambda: world.marks("polres")[1] == sent["polres"].sequence)
        mended.set()
        eventually(lambda: world.marks("rsud")[1] == sent["rsud"].sequence)


@pytest.mark.thorough
def test_a_record_that_no_client_can_read_keeps_no_other_agency_waiting(world: World) -> None:
    mine, _ = world.refers()
    theirs, _ = world.refers("polres", Service.LAW_ENFORCEMENT)
    one, other = world.opens("rsud", mine), world.opens("polres", theirs)
    with world.reading() as reader:
        producer = KafkaProducer(bootstrap_servers=world.broker.bootstrap, **{**topics.PRODUCER, "linger_ms": 100})
        good = Acknowledgement(received=mark(other)).to_json()
        for n in range(60):  # one batch; nothing in it behind the second can be read
            headers = [(NoText("x"), b"")] if n == 1 else []
            producer.send(topics.acks_of("polres"), value=good, partition=0, headers=headers)
        producer.flush(20)
        world.says("polres", Acknowledgement(handled=mark(other)))  # right behind them, and not passed by with them
        world.says("rsud", Acknowledgement(received=mark(one)))
        eventually(lambda: world.marks("rsud")[0] == one.sequence)
        eventually(lambda: world.marks("polres") == (other.sequence, other.sequence))
        assert 1 <= reader.garbage <= 40, "fewer looks than there are records"
        producer.close(timeout=5)
    with world.reading() as reader:
        world.says("rsud", Acknowledgement(handled=mark(one)))
        eventually(lambda: world.marks("rsud")[1] == one.sequence)
        assert reader.garbage == 0, "and nobody comes back to it"


# The reader, killed ------------------------------------------------------------------------------------------

READER = """
from threading import Event
from rujukan.infra import composition
from rujukan.infra.settings import from_environment

with composition.acknowledgement_reader(from_environment()) as reader:
    reader.run(Event())
"""


@contextmanager
def another_reader(world: World) -> Iterator[subprocess.Popen[bytes]]:
    """A reader in a process of its own, killed at the end."""
    environment = {**os.environ, **to_environment(world.settings)}
    process = subprocess.Popen([sys.executable, "-c", READER], env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def waiting_for(world: World, lock: str, waits: str) -> Iterator[Callable[[], object]]:
    """Holds a lock of the database; gives what waits until another wants it."""
    with psycopg.connect(world.settings.database) as holder, psycopg.connect(world.settings.database) as looking:
        looking.autocommit = True
        holder.execute(lock)
        yield lambda: eventually(lambda: looking.execute(waits).fetchone())
        holder.rollback()


AT_ITS_EVENT = (
    f"SELECT pg_advisory_xact_lock({Lock.APPENDING})",
    f"SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = {Lock.APPENDING} AND NOT granted",
)
AT_ITS_OFFSET = (
    "LOCK TABLE delivery.acknowledgement_offsets IN SHARE MODE",
    "SELECT 1 FROM pg_locks WHERE relation = 'delivery.acknowledgement_offsets'::regclass AND NOT granted",
)


@pytest.mark.thorough
@pytest.mark.parametrize("at", [AT_ITS_EVENT, AT_ITS_OFFSET], ids=["before the event", "between event and offset"])
def test_killed_with_what_it_read_in_its_hand_it_loses_nothing_and_says_nothing_twice(
    world: World, at: tuple[str, str]
) -> None:
    case, _ = world.refers()
    one = world.opens("rsud", case)
    said = Acknowledgement(handled=mark(one), failed=[Failure(one.sequence - 2, "handler-failed")])
    before = len(world.recorded("rsud"))
    with waiting_for(world, *at) as until_it_waits, another_reader(world):
        world.says("rsud", said)
        until_it_waits()
    with another_reader(world):
        eventually(lambda: world.marks("rsud") == (one.sequence, one.sequence))
        case, _ = world.refers()
        after = world.opens("rsud", case)
        world.says("rsud", Acknowledgement(received=mark(after)))  # what comes behind it is read once it was
        eventually(lambda: world.marks("rsud")[0] == after.sequence)
    first, *rest = world.recorded("rsud")[before:]
    assert (first.handled, [f.sequence for f in first.failed]) == (one.sequence, [one.sequence - 2])
    assert [(e.received, e.handled, e.failed) for e in rest] == [(after.sequence, one.sequence, ())]


@pytest.mark.thorough
@pytest.mark.parametrize("at", [None, AT_ITS_EVENT, AT_ITS_OFFSET], ids=["idle", "at its event", "at its offset"])
def test_a_halted_reader_is_replaced_and_says_nothing_twice_when_it_wakes(
    world: World, at: tuple[str, str] | None
) -> None:
    case, _ = world.refers()
    one = world.opens("rsud", case)
    said = Acknowledgement(handled=mark(one), failed=[Failure(one.sequence - 2, "handler-failed")])
    before = len(world.recorded("rsud"))
    with another_reader(world) as first:
        eventually(lambda: reads(world))
        if at is not None:
            with waiting_for(world, *at) as until_it_waits:
                world.says("rsud", said)
                until_it_waits()
                first.send_signal(signal.SIGSTOP)
        else:
            first.send_signal(signal.SIGSTOP)
            world.says("rsud", said)
        with another_reader(world) as second:
            eventually(lambda: world.marks("rsud") == (one.sequence, one.sequence))
            first.send_signal(signal.SIGCONT)
            case, _ = world.refers()
            after = world.opens("rsud", case)
            world.says("rsud", Acknowledgement(received=mark(after)))
            eventually(lambda: world.marks("rsud")[0] == after.sequence)
            upto = eventually(lambda: world.offsets().get("rsud"))
            second.kill()
            world.says("rsud", Acknowledgement(handled=mark(after)))
            eventually(lambda: world.marks("rsud") == (after.sequence, after.sequence))
            assert world.offsets()["rsud"][1] >= upto[1]
            assert first.poll() is None, "it stood by, and goes on"
    first_event, *rest = world.recorded("rsud")[before:]
    assert (first_event.handled, [f.sequence for f in first_event.failed]) == (one.sequence, [one.sequence - 2])
    assert [(e.received, e.handled, e.failed) for e in rest] == [
        (after.sequence, one.sequence, ()),
        (after.sequence, after.sequence, ()),
    ]


def reads(world: World) -> bool:
    """Whether somebody reads acknowledgements now."""
    with psycopg.connect(world.settings.database) as db:
        row = db.execute("SELECT count(*) FROM follow.leases WHERE work = 'acknowledgements' AND until > now()")
        return row.fetchone() == (1,)


@pytest.mark.thorough
def test_killed_at_random_while_agencies_say_much_it_notes_each_word_once(world: World) -> None:
    notes_of = {"rsud": 25, "polres": 25}
    cases = {
        agency: world.refers(agency, Service.LAW_ENFORCEMENT if agency == "polres" else Service.HEALTH)[0]
        for agency in notes_of
    }
    for agency, count in notes_of.items():
        for _ in range(count):
            world.office.does("uptd-ppa", cases[agency], RecordNote, note=uuid4(), incident="more")

    def told(agency: str) -> list[Delivery]:
        def enough(found: list[Delivery]) -> list[Delivery]:
            notes = [d for d in found if d.case == cases[agency] and d.topic == "case.NoteRecorded"]
            return notes if len(notes) == notes_of[agency] else []

        key = world.keys[agency]
        notes: list[Delivery] = opened(world.broker.bootstrap, agency, key, world.service, enough)
        return notes

    deliveries = {agency: told(agency) for agency in notes_of}
    before = {agency: len(world.recorded(agency)) for agency in notes_of}
    stop = Event()

    def saying() -> None:
        for turn in zip(*deliveries.values(), strict=True):
            for agency, one in zip(deliveries, turn, strict=True):
                failed = [Failure(one.sequence, "handler-failed")] if one.sequence % 3 == 0 else []
                world.says(agency, Acknowledgement(handled=mark(one), failed=failed))
            stop.wait(0.05)

    thread = Thread(target=saying)
    thread.start()
    try:
        for _ in range(int(os.environ.get("SURVIVAL_ROUNDS", "3"))):
            with another_reader(world):
                read = world.offsets()
                eventually(lambda read=read: world.offsets() != read or not thread.is_alive())
                time.sleep(random.uniform(0, 0.4))
        with another_reader(world):
            for agency, all_of_it in deliveries.items():
                eventually(lambda a=agency, last=all_of_it[-1].sequence: world.marks(a) == (last, last))
    finally:
        stop.set()
        thread.join(PATIENCE_SECONDS)
    for agency, all_of_it in deliveries.items():
        events = world.recorded(agency)[before[agency] :]
        assert [e.handled for e in events] == sorted({e.handled for e in events}), "marks only move forward"
        failed = [f.sequence for e in events for f in e.failed]
        assert failed == [d.sequence for d in all_of_it if d.sequence % 3 == 0], "each once, none lost"


# Over HTTP ---------------------------------------------------------------------------------------------------

PATH = "/subscription/acknowledgements"
OPENING = {"channel": "hotline", "reporter": "survivor", "urgency": "emergency", "age_group": "adult"}
SCOPE = {"compartments": ["health"], "recipients": ["rsud"], "purposes": ["care"]}
DRAFT = {"recipient": "rsud", "service": "kesehatan", "urgency": "emergency", "purpose": "care"}


class Posting:
    """A case of the lead with a referral to the hospital, whose machine opens what it is sent."""

    def __init__(self, running: Running) -> None:
        self.running = running
        lead = running.client("uptd-ppa", purpose=Purpose.CARE)
        self.here = lead.post("/cases", json=OPENING).headers["Location"]
        lead.post(f"{self.here}/consents", json={**SCOPE, "given_by": ["survivor"], "obtained": "verbal"})
        made = lead.post(f"{self.here}/referrals", json={**DRAFT, "compartments": ["health"]})
        self.referral = made.json()["id"]
        sent = lead.post(f"{self.here}/referrals/{self.referral}/sending", json={})
        assert sent.is_success, sent.text
        self.position = sent.json()["position"]
        case = UUID(self.here.removeprefix("/cases/"))

        def enough(found: list[Delivery]) -> Delivery | None:
            return next((d for d in found if d.case == case and d.topic == "case.ReferralSent"), None)

        service = running.service_key
        self.one: Delivery = opened(running.settings.kafka, "rsud", running.keys["rsud"], service, enough)

    def machine(self, agency: str = "rsud", role: Role = Role.INTEGRATOR) -> httpx.Client:
        purpose = {Role.DATA_PROTECTION_OFFICER: Purpose.AUDIT}.get(role, Purpose.COORDINATION)
        return self.running.client(agency, role, purpose)

    def post(self, body: Mapping[str, Any], agency: str = "rsud", role: Role = Role.INTEGRATOR) -> httpx.Response:
        return self.machine(agency, role).post(PATH, json=body)

    def mark(self) -> dict[str, Any]:
        return {"sequence": self.one.sequence, "receipt": self.one.receipt}


@pytest.fixture(scope="module")
def posting(running: Running) -> Posting:
    return Posting(running)


def problem(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["type"].removeprefix("urn:rujukan:problem:")


@pytest.mark.thorough
def test_over_http_what_nobody_can_show_is_refused(posting: Posting) -> None:
    sequence, receipt = posting.one.sequence, posting.one.receipt
    assert problem(posting.post({"received": {"sequence": sequence, "receipt": "B" * 22}})) == (403, "wrong-receipt")
    assert problem(posting.post({"handled": {"sequence": 10**9, "receipt": receipt}})) == (409, "not-told")
    assert problem(posting.post({"received": posting.mark()}, agency="dinsos"))[0] in (403, 409)
    assert problem(posting.post({"received": posting.mark()}, role=Role.CASE_WORKER)) == (403, "not-for-this-role")
    assert problem(posting.post({"received": {"sequence": 0, "receipt": receipt}})) == (422, "does-not-fit")
    assert problem(posting.post({"read": posting.mark()})) == (422, "does-not-fit")
    assert problem(posting.post({"deleted": [str(uuid4())]})) == (404, "unknown")
    assert posting.running.http.post(PATH, json={"received": posting.mark()}).status_code == 401


def test_over_http_the_marks_come_back_and_the_sender_sees_them(posting: Posting) -> None:
    received = posting.post({"received": posting.mark()})
    assert received.status_code == 200
    assert received.json()["received"] >= posting.one.sequence
    handled = posting.post({"handled": posting.mark()}).json()
    assert handled["handled"] >= posting.one.sequence
    assert posting.post({}).json() == handled, "nothing new is an answer too"
    assert msgspec.json.decode(posting.post({"received": posting.mark()}).content) == handled

    machine = posting.machine()
    eventually(lambda: handled.items() <= machine.get("/subscription").json().items())
    without = {"Authorization": machine.headers["Authorization"]}
    answer = posting.running.http.post(PATH, json={"handled": posting.mark()}, headers=without)
    assert answer.json() == handled, "a machine need not say for which purpose"

    lead = posting.running.client("uptd-ppa", purpose=Purpose.CARE)

    def entry() -> dict[str, Any] | None:
        items = lead.get("/outbox", params={"case": posting.here.removeprefix("/cases/")}).json()["items"]
        return next((i for i in items if i["referral"] == posting.referral and i["handled_at"]), None)

    found = eventually(entry)
    assert found["received_at"] <= found["handled_at"]
    assert (found["undelivered"], found["delivery_failed"]) == (False, None)


def test_over_http_the_lead_alone_sees_who_is_how_far(posting: Posting) -> None:
    path = f"{posting.here}/deliveries"
    lead = posting.running.client("uptd-ppa", purpose=Purpose.CARE)
    found = lead.get(path, params={"wait_for": posting.position}).json()["items"]
    assert {item["agency"] for item in found} == {"uptd-ppa", "rsud"}
    assert all(item["told"] >= item["received"] >= item["handled"] for item in found)
    recipient, stranger = posting.running.client("rsud", purpose=Purpose.CARE), posting.running.client("lbh")
    assert problem(recipient.get(path)) == (403, "not-for-this-agency")
    assert problem(stranger.get(path)) == (404, "unknown")


def test_over_http_escalations_are_for_supervisors_and_who_leads(posting: Posting) -> None:
    for agency, role, status in (
        ("rsud", Role.SUPERVISOR, 200),
        ("uptd-ppa", Role.CASE_WORKER, 200),
        ("rsud", Role.LEGAL_REVIEWER, 403),
        ("rsud", Role.INTEGRATOR, 403),
    ):
        assert posting.machine(agency, role).get("/escalations").status_code == status, (agency, role)
