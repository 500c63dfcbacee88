"""An agency on a slow line: what waits for it is far more than arrives within the time that a request may take."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event, Timer

import pytest
from faults.wires import Line, Wires
from faults.world import RelayedBroker
from kafka import KafkaAdminClient, KafkaProducer
from told import AGENCY, KEY, PINNED, told

from rujukan.consumers.agency.inbox.inbox import SqliteInbox
from rujukan.consumers.agency.kafka.source import FETCH_BYTES, KafkaSource
from rujukan.consumers.agency.subscribing.subscription import Subscription
from rujukan.consumers.wire.envelope import Delivery
from rujukan.consumers.wire.kafka import topics

BYTES_PER_SECOND = 500_000
REQUEST_SECONDS = 1.2
MANY = 800


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[str]:
    """A broker behind a narrow line, with more on the agency's topic than comes over it within two requests' time."""
    wires = Wires(lambda: {"agency": os.getpid()})
    broker = RelayedBroker(tmp_path / "broker.log")
    broker.advertised = wires.before("broker", broker.port)
    broker.start()
    relayed = broker.bootstrap
    with closing(KafkaAdminClient(bootstrap_servers=relayed, **topics.ADMIN)) as admin:
        topics.ensure(admin, [AGENCY])
    producer = KafkaProducer(bootstrap_servers=relayed, **topics.PRODUCER)
    sent = 0
    for m in told(MANY):
        producer.send(topics.topic_of(AGENCY), value=m.value, key=m.key, headers=m.headers, partition=0)
        sent += len(m.value)
    producer.flush(20)
    producer.close()
    assert sent > 2 * REQUEST_SECONDS * BYTES_PER_SECOND
    assert FETCH_BYTES < REQUEST_SECONDS * BYTES_PER_SECOND
    wires.connect("agency", "broker", Line(bytes_per_second=BYTES_PER_SECOND))
    yield relayed
    wires.close()
    broker.stop()


@pytest.mark.thorough
def test_a_subscriber_gets_on_however_much_waits(narrow, tmp_path, monkeypatch):
    monkeypatch.setitem(topics.CONSUMER, "request_timeout_ms", int(REQUEST_SECONDS * 1000))
    handled: list[int] = []
    stop = Event()

    def handle(delivery: Delivery, db: object) -> None:
        handled.append(delivery.sequence)
        if len(handled) == MANY:
            stop.set()

    patience = Timer(60, stop.set)
    patience.start()
    inbox = SqliteInbox(tmp_path / "inbox.db", handle)
    Subscription(KafkaSource(AGENCY, narrow), [KEY], PINNED, inbox).run(stop)
    patience.cancel()
    inbox.close()
    assert handled == list(range(1, MANY + 1))
