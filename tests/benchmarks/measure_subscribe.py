"""How many messages a second an agency's side takes from Kafka and from the feed: opened, verified, put in order, and
handled in its inbox's transactions; beside what kafka-python alone takes from the same topic."""

import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Any

from harness import Bench, Measured, beside
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

from rujukan.consumers.agency.inbox.inbox import Inbox, SqliteInbox
from rujukan.consumers.agency.kafka.source import KafkaSource
from rujukan.consumers.agency.postgres.inbox import PostgresInbox
from rujukan.consumers.agency.subscribing.subscription import Subscription
from rujukan.consumers.agency.transports.feed import Feed
from rujukan.consumers.agency.transports.feed_source import FeedSource
from rujukan.consumers.agency.transports.transport import Source
from rujukan.consumers.wire.kafka import topics
from rujukan.infra.services.broker import EmbeddedBroker

sys.path.insert(0, str(Path(__file__).parents[1]))
from feed_server import TOKEN, FeedServer
from told import AGENCY, KEY, PINNED, told

TARGET = 5000
MANY = 20_000


def run(bench: Bench) -> list[Measured]:
    messages = told(MANY)
    size = len(messages[0].value)
    broker = EmbeddedBroker(bench.directory / "broker.log")
    broker.start()
    try:
        admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap, **topics.ADMIN)
        topics.ensure(admin, [AGENCY])
        admin.close()
        producer = KafkaProducer(bootstrap_servers=broker.bootstrap, **topics.PRODUCER)
        for m in messages:
            producer.send(topics.topic_of(AGENCY), value=m.value, key=m.key, headers=m.headers, partition=0)
        producer.flush(60)
        producer.close()
        plain = _plain(broker.bootstrap)
        sqlite = _taken(bench, KafkaSource(AGENCY, broker.bootstrap), _sqlite(bench))
        postgres = _taken(bench, KafkaSource(AGENCY, broker.bootstrap), _postgres(bench))
    finally:
        broker.stop()
    with FeedServer(messages) as server:
        feed = _taken(bench, FeedSource(AGENCY, Feed(server.url, TOKEN)), _sqlite(bench, "feed"))
        server.shutdown()
    of = f"messages of {size:,} bytes"
    return [
        beside(f"subscribe, Kafka, SQLite inbox, {of}", sqlite, "messages/s", "target", TARGET),
        beside("the same", sqlite, "messages/s", "kafka-python alone", plain),
        beside(f"subscribe, Kafka, PostgreSQL inbox, {of}", postgres, "messages/s", "target", TARGET),
        beside(f"subscribe, pages of the feed, SQLite inbox, {of}", feed, "messages/s", "target", TARGET),
    ]


def _plain(bootstrap: str) -> float:
    """Messages a second that kafka-python takes, and nothing is done with."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, **topics.CONSUMER)
    at = topics.partition(AGENCY)
    consumer.assign([at])
    consumer.seek(at, 0)
    count, began = 0, 0.0
    while count < MANY:
        count += len(consumer.poll(timeout_ms=200, max_records=1000).get(at, ()))
        began = began or time.perf_counter()
    took = time.perf_counter() - began
    consumer.close()
    return MANY / took


def _taken(bench: Bench, source: Source, make: Callable[[Callable[[Any, Any], None]], Inbox[Any]]) -> float:
    """Messages a second, from the first that the handler got to the last."""
    stop, times = Event(), [0.0, 0.0]

    def handle(delivery: Any, db: Any) -> None:
        db.execute(f"INSERT INTO mine VALUES ({delivery.sequence})")
        if delivery.sequence in (1, MANY):
            times[delivery.sequence == MANY] = time.perf_counter()
            if delivery.sequence == MANY:
                stop.set()

    def receive() -> None:
        inbox = make(handle)
        inbox._db.execute("CREATE TABLE mine (n INTEGER)")
        Subscription(source, [KEY], PINNED, inbox).run(stop)
        inbox.close()

    thread = Thread(target=receive, daemon=True)
    thread.start()
    assert stop.wait(120)
    thread.join(10)
    return MANY / (times[1] - times[0])


def _sqlite(bench: Bench, name: str = "kafka") -> Callable[[Any], Inbox[sqlite3.Connection]]:
    return lambda handle: SqliteInbox(bench.directory / f"{name}.db", handle)


def _postgres(bench: Bench) -> Callable[[Any], Inbox[Any]]:
    return lambda handle: PostgresInbox(bench.conninfo, handle)
