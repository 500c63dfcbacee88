"""Topics: one an agency, with one partition, so that what an agency is told has one order.

Settings of the Kafka client that hold on Apache Kafka and on the embedded broker alike; what was measured,
and why each is there, stands in infra/services/README.md.
"""

from collections.abc import Callable, Sequence
from typing import Any

from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import KafkaError, NoError, TopicAlreadyExistsError, for_code

from .names import PREFIX as PREFIX
from .names import acks_of as acks_of
from .names import agency_of
from .names import dead_letters_of as dead_letters_of
from .names import topic_of as topic_of

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
    "metrics_enabled": False,
    **BACKOFF,
}
ONE_PARTITION = {"num_partitions": 1, "replication_factor": -1}
SLICE = 250
"""How many topics are looked at at once."""
RESENT = "rujukan-resent"
"""Header of a message that was sealed anew to another key: it says nothing of how far the topic goes."""
ADMIN: dict[str, Any] = {"bootstrap_timeout_ms": 5000, **BACKOFF}


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


def agencies(admin: KafkaAdminClient) -> set[str]:
    """Those that have a topic for what they are told, of the topics that may be seen."""
    return {agency for topic in admin.list_topics() if (agency := agency_of(str(topic))) is not None}


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
