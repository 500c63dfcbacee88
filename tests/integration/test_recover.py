"""The way on after a restore to a state that lacks what was signed and told: numbers and positions go on above, what
was told meanwhile is told anew, and the log that begins is another."""

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from uuid import UUID, uuid4

import psycopg
import pytest
from conftest import fresh_settings
from msgspec.structs import replace
from office import Office, catch_up
from patience import PATIENCE_SECONDS
from publishing import Publishing, live, until
from test_forks import AGENCY, LOST, Restored, dropped, gone_on, marks, publishing_on

from rujukan.api.application.ports import Forked as NotStored
from rujukan.consumers.agency.inbox.inbox import SqliteInbox
from rujukan.consumers.agency.kafka.source import KafkaSource
from rujukan.consumers.agency.subscribing.subscription import Subscription
from rujukan.consumers.wire.envelope import Delivery
from rujukan.domain.case.notes import RecordNote
from rujukan.domain.delivery import AcknowledgeDeliveries, Mark, acknowledge, fold
from rujukan.infra import composition
from rujukan.infra.commands import recover
from rujukan.infra.commands.evidence import Failed
from rujukan.infra.database import FOLLOWER, as_role
from rujukan.infra.ledger.auditing import audit
from rujukan.infra.services.broker import EmbeddedBroker
from rujukan.infra.services.postgres import EmbeddedPostgres
from rujukan.infra.settings import Settings


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    made = EmbeddedBroker(tmp_path / "broker.log")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def restored(postgres: EmbeddedPostgres, broker: EmbeddedBroker, tmp_path: Path) -> Iterator[Restored]:
    with fresh_settings(postgres, tmp_path / "data") as fresh:
        made = gone_on(replace(fresh, kafka=broker.bootstrap), broker, tmp_path)
        try:
            yield made
        finally:
            dropped(made.earlier)


class Receiving:
    """An agency's subscriber, untouched by all of it."""

    def __init__(self, world: Publishing, file: Path) -> None:
        self.numbers: list[int] = []
        self.notes: list[str] = []
        self.made: Subscription | None = None
        self._stop = Event()
        key, bootstrap, service = world.keys[AGENCY], world.broker.bootstrap, world.service

        def handle(delivery: Delivery, db: object) -> None:
            self.numbers.append(delivery.sequence)
            if delivery.topic == "case.NoteRecorded" and (text := delivery.fields().get("health")):
                self.notes.append(text)

        def receive() -> None:
            self.made = Subscription(KafkaSource(AGENCY, bootstrap), [key], service, SqliteInbox(file, handle))
            self.made.run(self._stop)

        self._thread = Thread(target=receive, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_SECONDS)


def heads(settings: Settings) -> dict[str, int]:
    with psycopg.connect(settings.database) as db:
        return dict(db.execute("SELECT agency, sequence FROM delivery.heads").fetchall())


def position(settings: Settings) -> int:
    with psycopg.connect(settings.database) as db:
        row = db.execute("SELECT max(notification_id) FROM log.stored_events").fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.thorough
@pytest.mark.parametrize("meanwhile", [0, LOST - 2, LOST + 3])
def test_no_number_is_used_twice_and_all_that_is_told_arrives_once(
    restored: Restored, broker: EmbeddedBroker, tmp_path: Path, capsys: pytest.CaptureFixture[str], meanwhile: int
) -> None:
    newest, earlier = restored.newest, restored.earlier
    with publishing_on(newest, broker, tmp_path) as world:
        receiving = Receiving(world, tmp_path / "inbox.db")
        until(lambda: len(receiving.numbers) == heads(newest)[AGENCY])
        assert receiving.notes[-LOST:] == [f"lost {n}" for n in range(LOST)]
    with composition.service(restored.unguarded(tmp_path / "elsewhere"), connections=2) as ports:
        place = Office(ports)
        for n in range(meanwhile):  # before anybody who could know had looked
            note(place, restored.case, f"meanwhile {n}")
        catch_up(restored.unguarded(tmp_path / "elsewhere"))
    with composition.service(earlier, connections=2) as ports, pytest.raises(NotStored):
        note(Office(ports), restored.case, "refused")
    with pytest.raises(Failed, match="cannot be unsigned"):
        recover.run(earlier, Namespace(yes=True))
    assert marks(earlier) == ["what was signed"]
    second = replace(earlier, ledger="rujukan/second")
    assert recover.run(second, Namespace(yes=True)) == 0
    assert f"{AGENCY} holds deliveries that the service lacks" in capsys.readouterr().out
    assert marks(second) == []
    with publishing_on(second, broker, tmp_path) as world:
        until(lambda: _kept(second))
        world.note(restored.case, "after")
        world.thread()
        head = world.head(AGENCY)
        until(lambda: head in receiving.numbers)
        assert live(world.topic(AGENCY)) == list(range(1, head + 1)), "each number once, and none is missing"
        assert receiving.numbers == list(range(1, head + 1))
        told = [f"lost {n}" for n in range(LOST)] + [f"meanwhile {n}" for n in range(meanwhile)] + ["after"]
        assert receiving.notes[1:] == told
        assert receiving.made is not None
        assert receiving.made.dead == 0
        assert position(second) > position(newest)
    receiving.stop()
    with composition.service(second, connections=2) as ports:
        deliveries = ports.deliveries.told(AGENCY, [head])
        mark = Mark(head, deliveries.receipts[head])
        said = AcknowledgeDeliveries(occurred_at=composition.now(), received=mark, handled=mark)
        (event,) = acknowledge(AGENCY, said, fold([]), deliveries, Office(ports).act(AGENCY))
        assert event.handled == head
    assert composition.sealer(second).seal_all() > 0
    assert audit(as_role(second.database, FOLLOWER), composition.ledger_keys(second), ()).difference is None
    assert recover.run(second, Namespace(yes=True)) == 0
    assert "nothing to recover" in capsys.readouterr().out


def _kept(settings: Settings) -> bool:
    """Whether the register is kept again: who kept it has to read it anew first."""
    with psycopg.connect(settings.database) as db:
        row = db.execute("SELECT count(*) FROM follow.leases WHERE work = 'register' AND until > clock_timestamp()")
        return (row.fetchone() or (0,))[0] == 0


def note(office: Office, case: UUID, text: str) -> None:
    office.does("uptd-ppa", case, RecordNote, note=uuid4(), health=text)
