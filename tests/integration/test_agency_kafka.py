"""The agency's side on a real broker: its own topic, and those for acknowledgements and dead letters."""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from patience import PATIENCE_SECONDS
from told import AGENCY, CASES, KEY, PINNED, NoText, told

from rujukan.consumers.agency.inbox.handling import Rules
from rujukan.consumers.agency.inbox.inbox import SqliteInbox
from rujukan.consumers.agency.kafka.source import KafkaSource, from_kafka
from rujukan.consumers.agency.subscribing.replay import Begin, replay
from rujukan.consumers.agency.subscribing.subscription import Subscription
from rujukan.consumers.wire import acknowledgement
from rujukan.consumers.wire.acknowledgement import Failure, Mark
from rujukan.consumers.wire.envelope import Message
from rujukan.consumers.wire.kafka import topics
from rujukan.infra.services.apache_kafka import ApacheKafka
from rujukan.infra.services.broker import EmbeddedBroker

MANY = told(60)


@pytest.fixture(scope="module", params=["embedded", pytest.param("apache", marks=pytest.mark.thorough)])
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if request.param == "apache" and not ApacheKafka.available():
        pytest.skip("Java 17 and Maven are not here")
    directory = tmp_path_factory.mktemp("broker")
    made: Any = EmbeddedBroker(directory / "log") if request.param == "embedded" else ApacheKafka(directory)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def bootstrap(broker: Any) -> Iterator[str]:
    """A broker on which the agency has its three topics, all empty."""
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap, **topics.ADMIN)
    names = [topics.topic_of(AGENCY), topics.acks_of(AGENCY), topics.dead_letters_of(AGENCY)]
    admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=-1) for name in names])
    yield broker.bootstrap
    admin.delete_topics(names)
    admin.close()


def publish(bootstrap: str, messages: Sequence[Message]) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap, **topics.PRODUCER)
    for m in messages:
        producer.send(topics.topic_of(AGENCY), value=m.value, key=m.key, headers=m.headers, partition=0)
    producer.flush(20)
    producer.close()


def records(bootstrap: str, topic: str, seconds: float = PATIENCE_SECONDS) -> list[Any]:
    """All that is in a topic."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, **topics.CONSUMER)
    at = TopicPartition(topic, 0)
    consumer.assign([at])
    consumer.seek(at, 0)
    found: list[Any] = []
    give_up = time.monotonic() + seconds
    while consumer.highwater(at) is None or consumer.position(at) < consumer.highwater(at):
        assert time.monotonic() < give_up
        found += consumer.poll(100).get(at, ())
    consumer.close()
    return found


def eventually(check: Any, seconds: float = PATIENCE_SECONDS) -> bool:
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if check():
            return True
        time.sleep(0.05)
    return bool(check())


class Hospital:
    """A subscription in a thread; it fails at some."""

    def __init__(self, bootstrap: str, file: Path, failing: set[int] = frozenset()) -> None:  # type: ignore[assignment]
        self.seen: list[int] = []
        self._failing = failing
        self._stop = Event()
        self._thread = Thread(target=self._run, args=(bootstrap, file), daemon=True)
        self._thread.start()

    def _run(self, bootstrap: str, file: Path) -> None:
        inbox = SqliteInbox(file, self._handle)
        rules = Rules(tries=2, first_pause=0.01)
        Subscription(KafkaSource(AGENCY, bootstrap), [KEY], PINNED, inbox, rules=rules).run(self._stop)
        inbox.close()

    def _handle(self, delivery: Any, db: Any) -> None:
        if delivery.sequence in self._failing:
            raise RuntimeError("SECRET")
        self.seen.append(delivery.sequence)

    def end(self) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()


def test_what_is_handled_is_acknowledged_and_what_fails_is_in_the_dead_letters_as_it_came(bootstrap, tmp_path):
    publish(bootstrap, MANY[:30])
    hospital = Hospital(bootstrap, tmp_path / "inbox.db", {7})
    assert eventually(lambda: len(hospital.seen) >= 29)
    publish(bootstrap, MANY[30:40])
    assert eventually(lambda: len(hospital.seen) >= 39)
    hospital.end()
    assert hospital.seen == [n for n in range(1, 41) if n != 7]
    said = [acknowledgement.read(r.value) for r in records(bootstrap, topics.acks_of(AGENCY))]
    assert said[-1].handled == Mark(40, "receipt-40")
    assert Failure(7, "handler-failed") in [f for one in said for f in one.failed]
    assert len(said) < 20, "what is cumulative is not said for each"
    letter, *again = records(bootstrap, topics.dead_letters_of(AGENCY))
    assert all(one.value == letter.value for one in again), "it may come twice"
    assert (letter.value, letter.key) == (MANY[6].value, MANY[6].key)
    headers = dict(letter.headers)
    assert headers.items() >= dict(MANY[6].headers).items()
    assert (headers["rujukan-reason"], headers["rujukan-tries"]) == (b"handler-failed", b"2")
    again = Hospital(bootstrap, tmp_path / "inbox.db")
    publish(bootstrap, MANY[40:41])
    assert eventually(lambda: again.seen)
    again.end()
    assert again.seen == [41]


@pytest.mark.thorough
def test_a_replay_begins_at_a_time_a_position_a_sequence_or_the_beginning_and_of_one_case(bootstrap, tmp_path):
    publish(bootstrap, MANY[:20])
    time.sleep(1.1)
    between = datetime.now(UTC)
    time.sleep(0.1)
    publish(bootstrap, MANY[20:])
    seen: list[int] = []
    inbox = SqliteInbox(tmp_path / "inbox.db", lambda d, db: seen.append(d.sequence))
    for begin, case, expected in (
        (Begin(), None, range(1, 61)),
        (Begin(time=between), None, range(21, 61)),
        (Begin(position=180), None, range(40, 61)),
        (Begin(sequence=55), None, range(55, 61)),
        (Begin(sequence=50), CASES[0], range(51, 61, 3)),
    ):
        seen.clear()
        replay(from_kafka(AGENCY, bootstrap, begin), [KEY], PINNED, inbox, begin, case=case).run(Event())
        assert seen == list(expected), begin
    assert inbox.notes.cursor(AGENCY) is None
    inbox.close()


def test_records_that_the_client_cannot_read_are_passed_by(bootstrap, tmp_path, caplog):
    publish(bootstrap, MANY[:5])
    producer = KafkaProducer(bootstrap_servers=bootstrap, **topics.PRODUCER)
    for _ in range(3):
        producer.send(topics.topic_of(AGENCY), value=b"x", partition=0, headers=[(NoText("x"), b"")])
        producer.flush(20)
    producer.close()
    publish(bootstrap, MANY[5:10])
    hospital = Hospital(bootstrap, tmp_path / "inbox.db")
    assert eventually(lambda: len(hospital.seen) == 10)
    hospital.end()
    assert hospital.seen == list(range(1, 11))
    assert sum("cannot be read" in record.getMessage() for record in caplog.records) == 3
