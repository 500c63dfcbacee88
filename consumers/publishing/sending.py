"""One transaction to the broker: all of it is there, or nothing, and who is refused is named."""

from collections.abc import Iterable, Mapping

from kafka import KafkaProducer
from kafka.errors import (
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)

from ..wire.envelope import Message
from ..wire.kafka.internals import commit
from ..wire.kafka.topics import topic_of

SEND_SECONDS = 15.0
OF_ONE_TOPIC = (
    InvalidTopicError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)
"""What a broker refuses of one topic, and would refuse again."""


class Refused(Exception):
    """The broker refuses what is for these agencies."""

    def __init__(self, problems: Mapping[str, Exception]) -> None:
        super().__init__(", ".join(sorted(problems)))
        self.problems = problems


def send(producer: KafkaProducer, sealed: Mapping[str, Iterable[Message]]) -> None:
    """Send these in one transaction, and wait until the broker has it. Raises KafkaError, and Refused where it is one
    topic's own."""
    producer.begin_transaction()
    problems: dict[str, Exception] = {}
    sending = []
    for agency, messages in sealed.items():
        try:
            for m in messages:
                future = producer.send(topic_of(agency), value=m.value, key=m.key, headers=m.headers, partition=0)
                sending.append((agency, future))
        except OF_ONE_TOPIC as problem:
            problems[agency] = problem
    if not problems:
        producer.flush(SEND_SECONDS)
    failed: Exception | None = None
    for agency, future in sending if not problems else ():
        try:
            future.get(timeout=SEND_SECONDS)
        except KafkaError as problem:
            failed = problem
            if isinstance(problem, OF_ONE_TOPIC) and _is_of(problem, topic_of(agency)):
                problems[agency] = problem
    if problems:
        raise Refused(problems)
    if failed is not None:
        raise failed
    commit(producer, SEND_SECONDS)


def _is_of(problem: Exception, topic: str) -> bool:
    """Whether this topic is the cause: where a transaction may not write to one, all that is in it fails, and the
    error names the one."""
    named = problem.args[0] if isinstance(problem, TopicAuthorizationFailedError) and problem.args else topic
    return topic == named if isinstance(named, str) else topic in named
