"""A database that was restored to an earlier state, beside a guard, topics and subscribers that were not: nothing is
stored, sealed or told, and everybody says so; and back on the newest state all goes on."""

import shutil
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple
from uuid import UUID, uuid4

import psycopg
import pytest
from msgspec.structs import replace
from office import Office, catch_up
from patience import PATIENCE_SECONDS
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from publishing import Publishing, live, until

from rujukan.api.application.ports import Forked as NotStored
from rujukan.api.application.ports import Unavailable
from rujukan.api.application.vitals import Word, words
from rujukan.api.problems import answer
from rujukan.consumers.agency.inbox.inbox import SqliteInbox
from rujukan.consumers.agency.kafka.source import KafkaSource
from rujukan.consumers.agency.subscribing.subscription import Subscription
from rujukan.domain.case.notes import RecordNote
from rujukan.domain.codes import Role
from rujukan.domain.delivery import AcknowledgeDeliveries, Cursor, Mark, acknowledge, fold
from rujukan.domain.refusal import WrongReceipt
from rujukan.infra import composition
from rujukan.infra.commands import forks
from rujukan.infra.commands.health import NO_WRITER
from rujukan.infra.database import FOLLOWER
from rujukan.infra.services.broker import EmbeddedBroker
from rujukan.infra.serving.vitals import vitals
from rujukan.infra.settings import Settings
from rujukan.infra.store.forked import Forked

AGENCY = "rsud"
LOST = 7


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    made = EmbeddedBroker(tmp_path_factory.mktemp("broker") / "log")
    made.start()
    yield made
    made.stop()


@contextmanager
def publishing_on(settings: Settings, broker: EmbeddedBroker, logs: Path) -> Iterator[Publishing]:
    """An office and publishers on these very settings."""
    with composition.service(settings, connections=4) as ports:
        made = Publishing(settings, Office(ports), broker, logs)
        made.settings = settings
        try:
            yield made
        finally:
            made.halt()


class Restored(NamedTuple):
    """The newest state, and one of an hour ago."""

    newest: Settings
    earlier: Settings
    case: UUID

    def unguarded(self, place: Path) -> Settings:
        """The earlier state, as a process sees it that cannot read the guard's file."""
        return replace(self.earlier, data=place, keyring=self.newest.keyring_file)


def copied(settings: Settings) -> Settings:
    """The database as it is now, beside it; nobody may be connected."""
    name, copy = conninfo_to_dict(settings.database)["dbname"], f"t{uuid4().hex[:12]}"
    with psycopg.connect(make_conninfo(settings.database, dbname="template1"), autocommit=True) as db:
        db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        db.execute(f"CREATE DATABASE {copy} TEMPLATE {name}")
        db.execute(f"GRANT CREATE ON DATABASE {copy} TO {FOLLOWER}")
    return replace(settings, database=make_conninfo(settings.database, dbname=copy))


def dropped(settings: Settings) -> None:
    with psycopg.connect(make_conninfo(settings.database, dbname="template1"), autocommit=True) as db:
        db.execute(f"DROP DATABASE {conninfo_to_dict(settings.database)['dbname']} WITH (FORCE)")


@pytest.fixture(scope="module")
def kept(settings: Settings, broker: EmbeddedBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restored]:
    made = gone_on(replace(settings, kafka=broker.bootstrap), broker, tmp_path_factory.mktemp("logs"))
    yield made
    dropped(made.earlier)


def gone_on(newest: Settings, broker: EmbeddedBroker, logs: Path) -> Restored:
    """An agency is told something, the database is copied, and all goes on for a while."""
    with publishing_on(newest, broker, logs) as world:
        case = world.case_with(AGENCY)
        world.note(case, "before")
        world.thread()
        head = world.head(AGENCY)
        until(lambda: world.tail(AGENCY) == head)
        composition.sealer(newest).seal_all()
    earlier = copied(newest)
    with publishing_on(newest, broker, logs) as world:
        for n in range(LOST):
            world.note(case, f"lost {n}")
        world.thread()
        head = world.head(AGENCY)
        until(lambda: world.tail(AGENCY) == head)
        composition.sealer(newest).seal_all()
    return Restored(newest, earlier, case)


@pytest.fixture
def restored(kept: Restored) -> Iterator[Restored]:
    """The earlier state, restored; the guard, the topics and the keys are what they were."""
    made = kept._replace(earlier=copied(kept.earlier))
    yield made
    dropped(made.earlier)


def stored(settings: Settings) -> tuple[int, int]:
    """How many events, and tellings, the database has."""
    with psycopg.connect(settings.database) as db:
        row = db.execute(
            "SELECT (SELECT count(*) FROM log.stored_events), (SELECT count(*) FROM delivery.told)"
        ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def goes_on_asking(office: Office) -> None:
    """As a client does: what a connection that ended had in hand is in doubt."""
    for _ in range(10):
        try:
            office.opens(composition.now())
        except NotStored:
            raise
        except (psycopg.OperationalError, Unavailable):
            continue


def in_topic(world: Publishing) -> list[tuple[int, str]]:
    return [(s.sequence, s.attributes.id) for s in world.topic(AGENCY)]


def marks(settings: Settings) -> list[str]:
    with psycopg.connect(settings.database) as db:
        return [by for (by,) in db.execute("SELECT found_by FROM ledger.forks ORDER BY 1")]


@pytest.mark.thorough
def test_a_process_that_sees_the_guard_stores_nothing_from_its_first_command_on_and_all_learn_it(
    restored: Restored, tmp_path: Path
) -> None:
    before = stored(restored.earlier)
    with composition.service(restored.earlier, connections=2) as ports:
        office = Office(ports)
        for _ in range(2):
            with pytest.raises(NotStored) as refused:
                office.opens(composition.now())
        with pytest.raises(NotStored):
            ports.feed.page(AGENCY, Cursor(0), 10)
    assert marks(restored.earlier) == ["what was signed"]
    said = answer(refused.value)
    assert (said.status_code, b'"urn:rujukan:problem:history-forked"' in bytes(said.body)) == (503, True)
    with composition.service(restored.unguarded(tmp_path), connections=2) as ports:
        with pytest.raises(NotStored):
            Office(ports).opens(composition.now())
        with pytest.raises(NotStored):
            ports.feed.page(AGENCY, Cursor(10_000), 10)  # whose cursor is ahead learns it too
    catch_up(restored.earlier)
    with pytest.raises(Forked):
        composition.sealer(restored.earlier).seal_all()
    assert stored(restored.earlier) == before


def test_a_connection_that_stood_before_the_restore_stores_nothing_after_it(restored: Restored) -> None:
    """A restore ends every connection; the next one is asked first."""
    with composition.service(restored.earlier, connections=2) as ports:
        office = Office(ports)
        guard = restored.newest.ledger_guard
        aside = guard.with_name("aside")
        guard.rename(aside)
        office.opens(composition.now())
        aside.rename(guard)
        with psycopg.connect(restored.earlier.database, autocommit=True) as db:
            db.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        before = stored(restored.earlier)
        with pytest.raises(NotStored):
            goes_on_asking(office)
    assert stored(restored.earlier) == before


def test_the_sealer_has_it_known_and_takes_it_back_once_the_guard_agrees(restored: Restored) -> None:
    with pytest.raises(Forked, match="was signed before"):
        composition.sealer(restored.earlier).seal_all()
    assert marks(restored.earlier) == ["what was signed"]
    signed = restored.newest.ledger_guard.read_bytes()
    with composition.ledger(restored.earlier) as ledger:
        newest = ledger.newest()
        assert newest is not None
        restored.newest.ledger_guard.write_bytes(newest.data)  # as if the file had been another system's
    composition.sealer(restored.earlier).seal_all()
    assert marks(restored.earlier) == []
    restored.newest.ledger_guard.write_bytes(signed)


@pytest.mark.thorough
def test_a_publisher_without_the_guard_finds_it_by_the_topic_and_sends_nothing(
    restored: Restored, broker: EmbeddedBroker, tmp_path: Path
) -> None:
    """It took the topic's last number for what was sent: what was written under those numbers since never arrived, and
    counted as handled."""
    settings = restored.unguarded(tmp_path)
    with publishing_on(settings, broker, tmp_path) as world:
        told = in_topic(world)
        for n in range(LOST + 3):  # the same agency is told the same parts under the same numbers and positions
            world.note(restored.case, f"other {n}")
        world.thread()
        until(lambda: f"the topic of {AGENCY}" in marks(settings))
        with pytest.raises(NotStored):
            world.note(restored.case, "refused")
        before = stored(settings)
        assert in_topic(world) == told
    assert stored(settings) == before


@pytest.mark.thorough
def test_a_topic_that_is_ahead_of_the_register_is_found(
    restored: Restored, broker: EmbeddedBroker, tmp_path: Path
) -> None:
    settings = restored.unguarded(tmp_path)
    with publishing_on(settings, broker, tmp_path) as world:
        told = in_topic(world)
        world.thread()
        until(lambda: f"the topic of {AGENCY}" in marks(settings))
        assert in_topic(world) == told


@pytest.mark.thorough
def test_a_mark_given_under_other_ids_is_refused(restored: Restored, tmp_path: Path) -> None:
    """The same number, position and parts: the receipt is of another delivery all the same."""
    with composition.service(restored.newest, connections=2) as ports:
        head = ports.deliveries.told(AGENCY, []).head
        receipt = ports.deliveries.told(AGENCY, [head]).receipts[head]
    settings = restored.unguarded(tmp_path)
    with composition.service(settings, connections=2) as ports:
        office = Office(ports)
        while ports.deliveries.told(AGENCY, []).head < head:
            office.does("uptd-ppa", restored.case, RecordNote, note=uuid4(), health="another")
            catch_up(settings)
        told = ports.deliveries.told(AGENCY, [head])
        mark = Mark(head, receipt)
        said = AcknowledgeDeliveries(occurred_at=composition.now(), received=mark, handled=mark)
        act = office.act(AGENCY, Role.INTEGRATOR)
        with pytest.raises(WrongReceipt):
            acknowledge(AGENCY, said, fold([]), told, act)


@pytest.mark.thorough
def test_back_on_the_newest_state_all_goes_on(restored: Restored, broker: EmbeddedBroker, tmp_path: Path) -> None:
    with composition.service(restored.earlier, connections=2) as ports, pytest.raises(NotStored):
        Office(ports).opens(composition.now())
    handled: list[int] = []
    stop = Event()
    with publishing_on(restored.newest, broker, tmp_path) as world:
        key = world.keys[AGENCY]

        def receive() -> None:
            box = SqliteInbox(tmp_path / "inbox.db", lambda delivery, db: handled.append(delivery.sequence))
            Subscription(KafkaSource(AGENCY, broker.bootstrap), [key], world.service, box).run(stop)

        receiving = Thread(target=receive, daemon=True)
        receiving.start()
        try:
            world.thread()
            world.note(restored.case, "after")
            head = world.head(AGENCY)
            until(lambda: head in handled)
        finally:
            stop.set()
            receiving.join(PATIENCE_SECONDS)
        assert handled == list(range(1, head + 1))
        assert live(world.topic(AGENCY)) == handled
    assert composition.sealer(restored.newest).seal_all() > 0


def test_a_damaged_guard_stops_the_sealer_alone(restored: Restored) -> None:
    shutil.copy(restored.newest.ledger_guard, restored.newest.ledger_guard.with_name("kept"))
    restored.newest.ledger_guard.write_bytes(b"\x00")
    with composition.service(restored.newest, connections=2) as ports:
        Office(ports).opens(composition.now())
    restored.newest.ledger_guard.with_name("kept").rename(restored.newest.ledger_guard)


def test_health_says_it(restored: Restored) -> None:
    with psycopg.connect(restored.earlier.database) as db:
        assert words(vitals(db, time.time()), NO_WRITER)["history"] is Word.OK
    with composition.service(restored.earlier, connections=2) as ports, pytest.raises(NotStored):
        Office(ports).opens(composition.now())
    with psycopg.connect(restored.earlier.database) as db:
        assert words(vitals(db, time.time()), NO_WRITER)["history"] is Word.DAMAGED


def test_the_command_says_what_is_lacking(restored: Restored, capsys: pytest.CaptureFixture[str]) -> None:
    assert forks.run(restored.newest, Namespace()) == 0
    assert "goes on from all that is known" in capsys.readouterr().out
    with psycopg.connect(restored.earlier.database) as db:
        row = db.execute("SELECT sequence FROM delivery.heads WHERE agency = %s", (AGENCY,)).fetchone()
    assert row is not None
    assert forks.run(restored.earlier, Namespace()) == 1
    said = capsys.readouterr().out
    assert "are lacking" in said
    assert f"{AGENCY}: told up to number " in said
    assert f"the register goes to {row[0]}" in said
    assert marks(restored.earlier) == ["what was signed"]
