"""A cluster of three brokers: one is killed while everything is written, and nothing that was acknowledged is lost."""

import time
from collections.abc import Iterator
from contextlib import closing
from threading import Event, Thread

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError
from patience import PATIENCE_SECONDS

from rujukan.consumers.wire.kafka import topics
from rujukan.infra.kafka import syncing
from rujukan.infra.kafka.planning import ADMIN_USER, SERVICE_USER, Member, Options, topics_of
from rujukan.infra.services.kafka_cluster import KafkaCluster

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(not KafkaCluster.available(), reason="Java 17 and Maven are not here"),
]
TOPIC = topics_of("rsud")[0]
AT = TopicPartition(TOPIC, 0)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    made = KafkaCluster(tmp_path_factory.mktemp("cluster"))
    try:
        made.start()
        sync(made)
        yield made
    finally:
        made.stop()


def sync(cluster: KafkaCluster, **options: int) -> list[str]:
    access, directory = cluster.access(ADMIN_USER), cluster.directory / "credentials"
    return [str(s) for s in syncing.sync(access, [Member("rsud", True)], Options(**options), directory).steps]


class Writer:
    """Writes numbers, one after the other, each when the last was acknowledged by all replicas in sync."""

    def __init__(self, cluster: KafkaCluster) -> None:
        self.written = 0
        self.longest = 0.0
        self._access = cluster.access(SERVICE_USER)
        self._stop = Event()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def wait_for(self, number: int) -> None:
        give_up = time.monotonic() + PATIENCE_SECONDS
        while self.written < number:
            assert time.monotonic() < give_up, f"{self.written} were written"
            time.sleep(0.02)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_SECONDS)

    def _run(self) -> None:
        patient = {**topics.PRODUCER, "delivery_timeout_ms": 30000, "max_block_ms": 30000}
        with closing(KafkaProducer(**patient, **self._access.options())) as producer:
            while not self._stop.is_set():
                began = time.monotonic()
                producer.send(TOPIC, b"%d" % self.written, partition=0).get(40)
                self.longest = max(self.longest, time.monotonic() - began)
                self.written += 1


def described(cluster: KafkaCluster) -> dict:
    with closing(KafkaAdminClient(**topics.ADMIN, **cluster.access(ADMIN_USER).options())) as admin:
        return admin.describe_topics([TOPIC])[0]["partitions"][0]


def in_sync(cluster: KafkaCluster) -> int:
    try:
        return len(described(cluster)["isr_nodes"])
    except KafkaError:
        return 0


def test_each_topic_is_kept_by_three_brokers_and_written_when_two_have_it(cluster):
    assert len(described(cluster)["replica_nodes"]) == 3
    assert sync(cluster, replication=3, min_insync=2)
    assert sync(cluster) == []


def test_a_topic_is_moved_to_fewer_brokers_and_back(cluster):
    for many in (2, 3):
        assert len(sync(cluster, replication=many)) == 3
        give_up = time.monotonic() + PATIENCE_SECONDS
        while in_sync(cluster) != many:
            assert time.monotonic() < give_up
            time.sleep(0.2)
        assert sync(cluster, replication=many) == []


def test_the_leader_is_killed_while_all_is_written_and_comes_back_with_its_data(cluster):
    writer = Writer(cluster)
    writer.wait_for(100)
    leader = cluster.brokers[described(cluster)["leader_id"] - 1]
    port, pid = leader.port, leader.pid
    leader.kill()
    assert leader.pid is None
    writer.wait_for(writer.written + 200)
    assert described(cluster)["leader_id"] != leader.node
    leader.start()
    assert (leader.port, leader.pid == pid) == (port, False)
    give_up = time.monotonic() + PATIENCE_SECONDS
    while in_sync(cluster) < 3:
        assert time.monotonic() < give_up, "it did not catch up"
        time.sleep(0.2)
    writer.wait_for(writer.written + 50)
    writer.stop()
    found: list[int] = []
    with closing(KafkaConsumer(**topics.CONSUMER, **cluster.access(SERVICE_USER).options())) as consumer:
        consumer.assign([AT])
        consumer.seek(AT, 0)
        while len(found) < writer.written and time.monotonic() < give_up + 60:
            found += [int(r.value) for records in consumer.poll(500).values() for r in records]
    assert found == list(range(writer.written))
    assert writer.longest < 30
