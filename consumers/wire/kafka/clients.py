"""Clients of kafka-python that leave nothing behind.

Where no broker can be reached, the constructors of kafka-python 3.0.12 raise and leave a thread and its sockets. Where
messages wait for one that is away, closing a producer raises and leaves its thread with them. Who starts again for as
long as an outage takes would run out of descriptors, or memory, before it is over.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient

from .internals import abandon

T = TypeVar("T")
CLOSE_SECONDS = 1.0


def admin(**config: Any) -> KafkaAdminClient:
    """A client that administers, connected. Raises KafkaError."""
    return _whole(KafkaAdminClient, config)


def consumer(**config: Any) -> KafkaConsumer:
    """A consumer, connected. Raises KafkaError."""
    return _whole(KafkaConsumer, config)


def producer(**config: Any) -> KafkaProducer:
    """A producer, connected; to be ended with `end`. Raises KafkaError."""
    return _whole(KafkaProducer, config)


def end(producer: KafkaProducer) -> None:
    """Close a producer; what it has not sent in a second it does not send."""
    try:
        producer.close(timeout=CLOSE_SECONDS)
    except KafkaError:
        abandon(producer, CLOSE_SECONDS)


@contextmanager
def ending(producer: KafkaProducer) -> Iterator[KafkaProducer]:
    """A producer that is ended."""
    try:
        yield producer
    finally:
        end(producer)


def _whole(make: Callable[..., T], config: dict[str, Any]) -> T:
    """All of a client, or nothing of it."""
    made: list[KafkaNetClient] = []

    def network(**more: Any) -> KafkaNetClient:
        made.append(KafkaNetClient(**more))
        return made[0]

    try:
        return make(kafka_client=network, **config)
    except BaseException:
        for client in made:
            client.close()
        raise
