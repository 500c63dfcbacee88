"""Topics: one an agency, with one partition, so that what an agency is told has one order.

Settings of the Kafka client that hold on Apache Kafka and on the embedded broker alike; what was measured,
and why each is there, stands in infra/services/README.md.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError, KafkaTimeoutError, NoError, TopicAlreadyExistsError, for_code

from ..envelope import Opener, Rejected
from . import clients
from .access import Access, options

PREFIX = "rujukan.agency."
BACKOFF = {"reconnect_backoff_ms": 50, "reconnect_backoff_max_ms": 500}
PRODUCER: dict[str, Any] = {
    "acks": "all",
    "batch_size": 128 * 1024,
    "enable_idempotence": True,
    "linger_ms": 2,
    "max_block_ms": 10000,
    "request_timeout_ms": 5000,
    "delivery_timeout_ms": 10000,
    "retry_backoff_ms": 2,
    "transaction_timeout_ms": 20000,
    "allow_auto_create_topics": False,
    "metrics_enabled": False,
    **BACKOFF,
}
CONSUMER: dict[str, Any] = {
    "isolation_level": "read_committed",
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",
    "fetch_max_wait_ms": 50,
    "allow_auto_create_topics": False,
    "group_id": None,
    **BACKOFF,
}
ONE_PARTITION = {"num_partitions": 1, "replication_factor": -1}
LOOK_BACK = 8
SLICE = 250
"""How many topics are looked at at once."""
RESENT = "rujukan-resent"
"""Header of a message that was sealed anew to another key: it says nothing of how far the topic goes."""
IDLE_POLLS = 25
"""Polls, of 0.2 s, that may bring nothing before a topic's end is held to be out of reach: a broker that died and came
back without its data while it was read never says where the end is."""
ADMIN: dict[str, Any] = {"bootstrap_timeout_ms": 5000, **BACKOFF}


class Tail(NamedTuple):
    """What a topic ends with: its identity, the highest sequence there that the service signed, 0 for none, and
    whether retention took something from its beginning."""

    topic_id: str
    sequence: int
    cut: bool


def topic_of(agency: str) -> str:
    """The topic of an agency."""
    return PREFIX + agency


def acks_of(agency: str) -> str:
    """The topic where an agency says what it received and handled."""
    return f"{topic_of(agency)}.acks"


def dead_letters_of(agency: str) -> str:
    """The topic where an agency puts what it could not handle."""
    return f"{topic_of(agency)}.dead-letters"


def partition(agency: str) -> TopicPartition:
    """The one partition of an agency's topic."""
    return TopicPartition(topic_of(agency), 0)


def ensure(admin: KafkaAdminClient, agencies: Sequence[str]) -> dict[str, type[KafkaError]]:
    """Make the topics that are missing, as the broker makes topics by default (`rujukan agencies sync` makes them as an
    operator wants them): deliveries, acknowledgements and dead letters. A topic must be there before anything is sent
    to it. Returns the agencies to whom nothing can be delivered, each with the broker's reason."""
    failed: dict[str, type[KafkaError]] = {}
    for name in (topic_of, acks_of, dead_letters_of):
        there = identities(admin, agencies, name)
        missing = {name(agency): agency for agency in agencies if agency not in there}
        for start in range(0, len(missing), SLICE):
            new = dict.fromkeys(list(missing)[start : start + SLICE], ONE_PARTITION)
            for topic in admin.create_topics(new, raise_errors=False)["topics"]:
                problem = for_code(topic["error_code"])
                if name is topic_of and problem is not NoError and problem is not TopicAlreadyExistsError:
                    failed[missing[str(topic["name"])]] = problem
    return failed


def identities(
    admin: KafkaAdminClient, agencies: Sequence[str], name: Callable[[str], str] = topic_of
) -> dict[str, str]:
    """Agency → its topic's id; by `name` which of its topics. A broker that came back without its data gives another,
    or none."""
    found: dict[str, str] = {}
    for start in range(0, len(agencies), SLICE):
        asked = {name(agency): agency for agency in agencies[start : start + SLICE]}
        for topic in admin.describe_topics(list(asked)):
            if not topic.get("error_code") and topic.get("partitions"):
                found[asked[str(topic["name"])]] = str(topic["topic_id"])
    return found


def tails(
    access: Access, admin: KafkaAdminClient, agencies: Sequence[str], service: Ed25519PublicKey
) -> dict[str, Tail]:
    """Agency → what its topic ends with. What others wrote there counts for nothing."""
    ids = identities(admin, agencies)
    opener = Opener((), (service,))
    with closing(clients.consumer(**CONSUMER, **options(access))) as consumer:
        found: dict[str, Tail] = {}
        for start in range(0, len(agencies), SLICE):
            found |= _tails(consumer, agencies[start : start + SLICE], opener, ids)
        return found


def _tails(consumer: KafkaConsumer, agencies: Sequence[str], opener: Opener, ids: Mapping[str, str]) -> dict[str, Tail]:
    """What each ends with, looking back further and further for a message of its own."""
    at = {partition(agency): agency for agency in agencies}
    consumer.assign(list(at))
    first = consumer.beginning_offsets(list(at), timeout_ms=10000)
    end = consumer.end_offsets(list(at), timeout_ms=10000)
    found = dict.fromkeys(agencies, 0)
    looking = {p: end[p] for p in at if end[p] > first[p]}
    back = LOOK_BACK
    while looking:
        start = {p: max(first[p], end[p] - back) for p in looking}
        for p, sequence in _read_to_end(consumer, start, opener, at).items():
            found[at[p]] = sequence
        looking = {p: end[p] for p in looking if not found[at[p]] and start[p] > first[p]}
        back *= 16
    return {agency: Tail(ids.get(agency, ""), found[agency], first[p] > 0) for p, agency in at.items()}


def _read_to_end(
    consumer: KafkaConsumer, start: Mapping[TopicPartition, int], opener: Opener, at: Mapping[TopicPartition, str]
) -> dict[TopicPartition, int]:
    """The highest sequence of the service's own messages from these offsets to the ends. The embedded broker's end
    offset is that of the last batch's first message, so the high water mark of a fetch says where the end is.
    Raises KafkaTimeoutError where no fetch says it."""
    consumer.assign(list(start))
    for p, offset in start.items():
        consumer.seek(p, offset)
    found: dict[TopicPartition, int] = {}
    left, idle = set(start), 0
    while left:
        polled = consumer.poll(timeout_ms=200)
        idle = 0 if polled else idle + 1
        for p, records in polled.items():
            for record in records:
                try:
                    attributes = opener.verified(record.headers, record.key, record.value)
                except Rejected:
                    continue
                if attributes.subject == at[p] and RESENT not in dict(record.headers):
                    found[p] = max(found.get(p, 0), int(attributes.sequence))
        for p in list(left):
            mark = consumer.highwater(p)
            if mark is not None and consumer.position(p) >= mark:
                left.discard(p)
        if left and idle >= IDLE_POLLS:
            raise KafkaTimeoutError("the end of a topic is out of reach")
    return found
