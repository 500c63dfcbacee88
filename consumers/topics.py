"""Topics: one an agency, with one partition, so that what an agency is told has one order.

Settings of the Kafka client that hold on Apache Kafka and on the embedded broker alike; what was measured,
and why each is there, stands in infra/services/README.md.
"""

from typing import Any, NamedTuple

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import TopicAlreadyExistsError

PREFIX = "rujukan.agency."
BACKOFF = {"reconnect_backoff_ms": 50, "reconnect_backoff_max_ms": 500}
PRODUCER: dict[str, Any] = {
    "acks": "all",
    "enable_idempotence": True,
    "linger_ms": 2,
    "max_block_ms": 3000,
    "request_timeout_ms": 3000,
    "delivery_timeout_ms": 5000,
    "allow_auto_create_topics": False,
    **BACKOFF,
}
CONSUMER: dict[str, Any] = {
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",
    "fetch_max_wait_ms": 50,
    "allow_auto_create_topics": False,
    "group_id": None,
    **BACKOFF,
}
ADMIN: dict[str, Any] = {"bootstrap_timeout_ms": 5000, **BACKOFF}


class Tail(NamedTuple):
    """What a topic ends with: its identity, and the headers of its last message (None: it is empty)."""

    topic_id: str
    last: dict[str, bytes] | None


def topic_of(agency: str) -> str:
    """The topic of an agency."""
    return PREFIX + agency


def partition(agency: str) -> TopicPartition:
    """The one partition of an agency's topic."""
    return TopicPartition(topic_of(agency), 0)


def ensure(admin: KafkaAdminClient, agencies: list[str], replication: int = 1) -> None:
    """Make the topics that are missing. A topic must be there before anything is sent to it."""
    for agency in agencies:
        try:
            admin.create_topics([NewTopic(topic_of(agency), num_partitions=1, replication_factor=replication)])
        except TopicAlreadyExistsError:
            continue


def identities(admin: KafkaAdminClient, agencies: list[str]) -> dict[str, str]:
    """Agency → its topic's id. A broker that came back without its data gives another, or none."""
    found = admin.describe_topics([topic_of(a) for a in agencies]) if agencies else []
    return {
        str(t["name"]).removeprefix(PREFIX): str(t["topic_id"])
        for t in found
        if not t.get("error_code") and t.get("partitions")
    }


def tails(bootstrap: str, admin: KafkaAdminClient, agencies: list[str]) -> dict[str, Tail]:
    """Agency → what its topic ends with."""
    ids = identities(admin, agencies)
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, **CONSUMER)
    try:
        return {agency: Tail(ids.get(agency, ""), _last(consumer, partition(agency))) for agency in agencies}
    finally:
        consumer.close()


def _last(consumer: KafkaConsumer, at: TopicPartition) -> dict[str, bytes] | None:
    """The headers of the last message. The embedded broker's end offset is that of the last batch's first
    message, so everything from there to the high water mark is read."""
    consumer.assign([at])
    end = consumer.end_offsets([at], timeout_ms=5000)[at]
    if end <= 0:
        return None
    consumer.seek(at, max(end - 1, 0))
    last: dict[str, bytes] | None = None
    for _ in range(200):
        for record in consumer.poll(timeout_ms=200).get(at, ()):
            last = dict(record.headers)
        mark = consumer.highwater(at)
        if last is not None and mark is not None and consumer.position(at) >= mark:
            return last
    return last
