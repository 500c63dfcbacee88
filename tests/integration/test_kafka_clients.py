"""An outage that lasts: who starts again and again leaves neither threads nor descriptors behind."""

import gc
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from kafka.errors import KafkaError
from patience import PATIENCE_SECONDS
from some import some
from told import AGENCY

from rujukan.consumers.agency.kafka.source import KafkaReplies, KafkaSource
from rujukan.consumers.agency.transports.transport import Last, Unreachable
from rujukan.consumers.wire.acknowledgement import Acknowledgement
from rujukan.consumers.wire.kafka import clients, topics
from rujukan.infra.services.broker import EmbeddedBroker, free_port

TIMES = 8


def held() -> tuple[int, int]:
    return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))


def settles_at(before: tuple[int, int], tries: int = 1) -> bool:
    """Whether fewer are left than one for each try: what else lives in this process may open one meanwhile."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up:
        gc.collect()
        threads, descriptors = held()
        if threads < before[0] + tries and descriptors < before[1] + tries:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.thorough
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors where Linux lists them")
@pytest.mark.parametrize("make", some([clients.admin, clients.consumer, clients.producer]))
def test_a_client_that_reaches_nobody_leaves_nothing_behind(make: Callable[..., object]) -> None:
    nobody = f"127.0.0.1:{free_port()}"  # this process holds the port: before what is held is counted
    before = held()
    for _ in range(TIMES):
        with pytest.raises(KafkaError):
            make(bootstrap_servers=nobody, bootstrap_timeout_ms=200)
    assert settles_at(before, TIMES)


@pytest.mark.thorough
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors where Linux lists them")
def test_a_subscriber_that_finds_no_broker_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(topics.ADMIN, "bootstrap_timeout_ms", 200)
    monkeypatch.setitem(topics.PRODUCER, "bootstrap_timeout_ms", 200)
    nobody = f"127.0.0.1:{free_port()}"
    before = held()
    source, replies = KafkaSource(AGENCY, nobody), KafkaReplies(AGENCY, nobody)
    for _ in range(TIMES):
        with pytest.raises(Unreachable):
            source.start(None, Last(0))
        with pytest.raises(Unreachable):
            replies.acknowledge(Acknowledgement())
    assert settles_at(before, TIMES)


@pytest.mark.thorough
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors where Linux lists them")
def test_a_producer_with_messages_for_a_broker_that_is_gone_ends(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path / "log")
    broker.start()
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap, **topics.ADMIN)
    topics.ensure(admin, [AGENCY])
    admin.close()
    before = held()
    producers = [clients.producer(bootstrap_servers=broker.bootstrap, **topics.PRODUCER) for _ in range(2)]
    for producer in producers:
        producer.send(topics.topic_of(AGENCY), value=b"x", partition=0).get(timeout=PATIENCE_SECONDS)
    broker.kill()
    for producer in producers:
        producer.send(topics.topic_of(AGENCY), value=b"x", partition=0)
        clients.end(producer)
    broker.stop()
    assert settles_at(before)
