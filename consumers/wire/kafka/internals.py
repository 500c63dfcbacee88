"""What kafka-python 3.0.12 has no public way to: every use of its private parts is here, each with its reason.

A release that changes one of these fails in `test_kafka_clients` (`abandon`), `test_publisher` (`commit`, `ask_for`) or
`test_agency_kafka` (`in_hand`).
"""

from collections.abc import Sequence
from contextlib import suppress

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError, KafkaTimeoutError


def commit(producer: KafkaProducer, seconds: float) -> None:
    """`producer.commit_transaction()`, which waits without a limit where the broker is away. Raises KafkaTimeoutError
    where it does not answer in time."""
    result = producer._transaction_manager.begin_commit()
    producer._sender.wakeup()
    if not result.wait(timeout_ms=seconds * 1000):
        raise KafkaTimeoutError("the broker did not say that the transaction is committed")


def ask_for(producer: KafkaProducer, names: Sequence[str]) -> None:
    """Where these topics are led: asked at once. The producer itself asks for one after the other when they are written
    to first, and so does `partitions_for`; what was given to it meanwhile would be too old."""
    for name in names:
        producer._sender.add_topic(name)
    for name in names[-1:]:
        with suppress(KafkaError):  # who sends to it will hear why
            producer.partitions_for(name)


def abandon(producer: KafkaProducer, seconds: float) -> None:
    """End a producer whose `close` raised, as messages wait for a broker that is away: its thread stays otherwise."""
    producer._sender.force_close()
    producer._sender.join(seconds)
    producer._closed = True  # or it tries all of that again when it is collected


def in_hand(consumer: KafkaConsumer) -> TopicPartition | None:
    """The partition at whose records the client broke off; it says so nowhere in public."""
    records = getattr(getattr(consumer, "_fetcher", None), "_next_partition_records", None)
    return getattr(records, "topic_partition", None)
