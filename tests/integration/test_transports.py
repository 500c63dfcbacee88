"""What holds over every transport: the same messages, the same order, the same words back."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from feed_server import TOKEN, FeedServer
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from told import AGENCY, KEY, PINNED, told

from rujukan.consumers import acknowledgement, topics
from rujukan.consumers.acknowledgement import Acknowledgement, Failure, Mark
from rujukan.consumers.envelope import Message
from rujukan.consumers.feed import Feed
from rujukan.consumers.feed_source import FeedSource
from rujukan.consumers.inbox import Rules, SqliteInbox
from rujukan.consumers.kafka_source import KafkaSource
from rujukan.consumers.order import Gap
from rujukan.consumers.subscription import Subscription
from rujukan.consumers.transport import Source
from rujukan.infra.services.broker import EmbeddedBroker

MANY = told(40)
RULES = Rules(tries=2, first_pause=0.01)


class Carrier:
    """A transport with its two ends: `send` puts messages in, `source` takes them out, `said` is what came back."""

    def __init__(
        self,
        send: Callable[[Sequence[Message]], None],
        source: Callable[[], Source],
        said: Callable[[], list[Acknowledgement]],
    ) -> None:
        self.send, self.source, self.said = send, source, said


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    broker = EmbeddedBroker(tmp_path_factory.mktemp("broker") / "log")
    broker.start()
    yield broker.bootstrap
    broker.stop()


@pytest.fixture(params=["kafka", "pages", "stream"])
def carrier(request: pytest.FixtureRequest) -> Iterator[Carrier]:
    if request.param == "kafka":
        with over_kafka(request.getfixturevalue("broker")) as made:
            yield made
        return
    with FeedServer() as server:
        feed = Feed(server.url, TOKEN)
        yield Carrier(
            lambda messages: server.tell(*messages),
            lambda: FeedSource(AGENCY, feed, stream=request.param == "stream"),
            lambda: list(server.said),
        )
        server.shutdown()


@contextmanager
def over_kafka(bootstrap: str) -> Iterator[Carrier]:
    names = [topics.topic_of(AGENCY), topics.acks_of(AGENCY), topics.dead_letters_of(AGENCY)]
    admin = KafkaAdminClient(bootstrap_servers=bootstrap, **topics.ADMIN)
    admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=-1) for name in names])
    producer = KafkaProducer(bootstrap_servers=bootstrap, **topics.PRODUCER)
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, **topics.CONSUMER)
    at = TopicPartition(topics.acks_of(AGENCY), 0)
    consumer.assign([at])
    consumer.seek(at, 0)
    heard: list[Acknowledgement] = []

    def send(messages: Sequence[Message]) -> None:
        for m in messages:
            producer.send(topics.topic_of(AGENCY), value=m.value, key=m.key, headers=m.headers, partition=0)
        producer.flush(20)

    def said() -> list[Acknowledgement]:
        heard.extend(acknowledgement.read(r.value) for r in consumer.poll(100).get(at, ()))
        return heard

    yield Carrier(send, lambda: KafkaSource(AGENCY, bootstrap), said)
    consumer.close()
    producer.close()
    admin.delete_topics(names)
    admin.close()


class Agency:
    """An agency's machine, over that carrier; it fails at some deliveries."""

    def __init__(self, carrier: Carrier, file: Path, failing: frozenset[int] = frozenset()) -> None:
        self.seen: list[int] = []
        self.subscription: Any = None
        self._failing = failing
        self._stop = Event()
        self._thread = Thread(target=self._run, args=(carrier.source(), file), daemon=True)
        self._thread.start()

    def _run(self, source: Source, file: Path) -> None:
        inbox = SqliteInbox(file, self._handle)
        self.subscription = Subscription(source, [KEY], PINNED, inbox, rules=RULES)
        self.subscription.run(self._stop)
        inbox.close()

    def _handle(self, delivery: Any, db: Any) -> None:
        if delivery.sequence in self._failing:
            raise RuntimeError
        self.seen.append(delivery.sequence)

    def saw(self, count: int) -> list[int]:
        """What the handler saw, once it saw so many."""
        assert eventually(lambda: len(self.seen) >= count), self.seen
        return list(self.seen)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive()


def eventually(check: Callable[[], object], seconds: float = 40.0) -> bool:
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if check():
            return True
        time.sleep(0.02)
    return bool(check())


def test_once_in_order_across_restarts_and_what_was_handled_is_said(carrier, tmp_path):
    carrier.send(MANY[:20])
    agency = Agency(carrier, tmp_path / "inbox.db")
    assert agency.saw(20) == list(range(1, 21))
    carrier.send(MANY[20:25])
    assert agency.saw(25) == list(range(1, 26))
    agency.stop()
    carrier.send(MANY[25:])
    again = Agency(carrier, tmp_path / "inbox.db")
    assert again.saw(15) == list(range(26, 41))
    again.stop()
    last = Mark(40, "receipt-40")
    assert eventually(lambda: carrier.said()[-1:] == [Acknowledgement(received=last, handled=last)])


def test_repeats_and_reorderings_change_nothing(carrier, tmp_path):
    carrier.send(random.sample([*MANY, *MANY[10:20], *MANY[:5]], 55))
    agency = Agency(carrier, tmp_path / "inbox.db")
    assert agency.saw(40) == list(range(1, 41))
    agency.stop()
    assert agency.seen == list(range(1, 41))


def test_what_is_missing_is_waited_for(carrier, tmp_path):
    carrier.send([m for m in MANY if m.sequence not in (7, 8)])
    agency = Agency(carrier, tmp_path / "inbox.db")
    assert eventually(lambda: agency.subscription and agency.subscription.gap == Gap(7, 8))
    assert agency.seen == [1, 2, 3, 4, 5, 6]
    carrier.send(MANY[6:8])
    assert agency.saw(40) == list(range(1, 41))
    agency.stop()


def test_a_delivery_that_fails_for_good_is_said_to_have_and_stops_no_other(carrier, tmp_path):
    carrier.send(MANY[:10])
    agency = Agency(carrier, tmp_path / "inbox.db", frozenset({3}))
    assert agency.saw(9) == [1, 2, *range(4, 11)]
    assert eventually(lambda: Failure(3, "handler-failed") in [f for said in carrier.said() for f in said.failed])
    assert eventually(lambda: carrier.said()[-1].handled == Mark(10, "receipt-10"))
    agency.stop()
