"""Topics: one an agency, with one partition, so that what an agency is told has one order.

Settings of the Kafka client that hold on Apache Kafka and on the embedded broker alike; what was measured,
and why each is there, stands in infra/services/README.md.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import KafkaTimeoutError, TopicAlreadyExistsError

from .envelope import Rejected, verified

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
LOOK_BACK = 8
IDLE_POLLS = 25
"""Polls, of 0.2 s, that may bring nothing before a topic's end is held to be out of reach: a broker that died and came
back without its data while it was read never says where the end is."""
ADMIN: dict[str, Any] = {"bootstrap_timeout_ms": 5000, **BACKOFF}


Cursor = tuple[int, int]
START: Cursor = (0, 0)


class Tail(NamedTuple):
    """What a topic ends with: its identity, and the cursor of the last message that the service signed."""

    topic_id: str
    cursor: Cursor


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


def tails(bootstrap: str, admin: KafkaAdminClient, agencies: list[str], service: Ed25519PublicKey) -> dict[str, Tail]:
    """Agency → what its topic ends with. What others wrote there counts for nothing."""
    ids = identities(admin, agencies)
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, **CONSUMER)
    try:
        return {agency: Tail(ids.get(agency, ""), _cursor(consumer, agency, service)) for agency in agencies}
    finally:
        consumer.close()


def _cursor(consumer: KafkaConsumer, agency: str, service: Ed25519PublicKey) -> Cursor:
    """The last cursor that was sent, looking back further and further for a message of the service's own."""
    at = partition(agency)
    consumer.assign([at])
    first = consumer.beginning_offsets([at], timeout_ms=5000)[at]
    end = consumer.end_offsets([at], timeout_ms=5000)[at]
    back = LOOK_BACK
    while end > first:
        start = max(first, end - back)
        found = max(_sent(consumer, at, start, agency, service), default=START)
        if found != START or start == first:
            return found
        back *= 16
    return START


def _sent(
    consumer: KafkaConsumer, at: TopicPartition, start: int, agency: str, service: Ed25519PublicKey
) -> Iterator[Cursor]:
    """The cursors of the service's own messages from an offset to the end. The embedded broker's end offset is
    that of the last batch's first message, so the high water mark of a fetch says where the end is.
    Raises KafkaTimeoutError where no fetch says it."""
    consumer.seek(at, start)
    idle = 0
    while idle < IDLE_POLLS:
        records = consumer.poll(timeout_ms=200).get(at, ())
        idle = 0 if records else idle + 1
        for record in records:
            try:
                attributes = verified(record.headers, record.key, record.value, service)
            except Rejected:
                continue
            if attributes.subject == agency:
                position, _, n = attributes.cursor.partition(".")
                yield int(position), int(n)
        mark = consumer.highwater(at)
        if mark is not None and consumer.position(at) >= mark:
            return
    raise KafkaTimeoutError("the end of a topic is out of reach")
