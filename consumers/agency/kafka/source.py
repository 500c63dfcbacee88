"""Kafka as a transport: the agency's own topic, read by assignment and from a place of its own, so without a group;
and on the way back two topics that it may write to: what it acknowledges, and its dead letters."""

import logging
import time
from collections.abc import Iterable, Sequence
from datetime import datetime

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import AuthorizationError, KafkaError, SaslAuthenticationFailedError

from ...wire.acknowledgement import Acknowledgement
from ...wire.kafka import clients, topics
from ...wire.kafka.access import Access, options
from ...wire.kafka.internals import in_hand
from ...wire.kafka.unreadable import UNREADABLE, pass_by
from ..subscribing.replay import Begin
from ..transports.transport import Arrived, Bookmark, DeadLetter, Last, NotAdmitted, Replies, Unreachable

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""So often, while nothing comes, it looks whether the topic is still the one it reads."""
SEND_SECONDS = 10.0
FETCH_BYTES = 256 * 1024
"""What is asked for at once. An answer that takes longer than a request may, 30 s, is thrown away and asked for again:
an agency on a slow line would never get on. So much comes in time at 9 kB/s, and costs nothing on a fast line."""
FETCH = {"max_poll_records": 1000, "fetch_max_bytes": FETCH_BYTES, "max_partition_fetch_bytes": FETCH_BYTES}


REFUSED = (AuthorizationError, SaslAuthenticationFailedError)


class _Door:
    """Whether the broker lets us in."""

    def __init__(self) -> None:
        self._refused_since: float | None = None

    def problem(self, problem: Exception) -> Unreachable:
        """What is raised for it."""
        if not isinstance(problem, REFUSED):
            return Unreachable(type(problem).__name__)
        if self._refused_since is None:
            self._refused_since = time.monotonic()
        return NotAdmitted(f"Kafka answers {type(problem).__name__}", self._refused_since)

    def opened(self) -> None:
        """It does."""
        self._refused_since = None


class KafkaSource:
    """Messages from the agency's topic. With `since` it begins at that time rather than where it is sent."""

    def __init__(self, agency: str, access: Access, *, since: datetime | None = None) -> None:
        self.agency = agency
        self._access = access
        self._since = since
        self._at = topics.partition(agency)
        self._door = _Door()
        self._topic_id = ""
        self._looked = 0.0
        self._clients: tuple[KafkaAdminClient, KafkaConsumer] | None = None

    def start(self, place: Bookmark | None, last: Last) -> None:  # noqa: ARG002  # repeats are cheap to pass over
        self.close()
        try:
            admin = clients.admin(**topics.ADMIN, **options(self._access))
            try:
                consumer = clients.consumer(**topics.CONSUMER, **FETCH, **options(self._access))
            except BaseException:
                admin.close()
                raise
            self._clients = admin, consumer
            self._topic_id = self._identity()
            consumer.assign([self._at])
            consumer.seek(self._at, self._offset(consumer, place))
            self._door.opened()
        except (KafkaError, OSError) as problem:
            raise self._door.problem(problem) from None

    def receive(self, seconds: float) -> Sequence[Arrived]:
        if self._clients is None:
            raise Unreachable("not connected")
        try:
            records = self._clients[1].poll(timeout_ms=int(seconds * 1000)).get(self._at, ())
            if not records and time.monotonic() - self._looked > LOOK_SECONDS and self._identity() != self._topic_id:
                raise Unreachable("the topic is another than before")
        except UNREADABLE as problem:
            if in_hand(self._clients[1]) is None:
                raise Unreachable(type(problem).__name__) from None
            passed = pass_by(self._clients[1], self._at) - 1
            log.critical("offset %d of the topic cannot be read (%s): passed by", passed, type(problem).__name__)
            return ()
        except (KafkaError, OSError) as problem:
            raise self._door.problem(problem) from None
        return [
            Arrived(r.headers, r.key, r.value, Bookmark(self._topic_id, r.offset + 1), r.timestamp / 1000)
            for r in records
        ]

    def settled(self, waiting: Sequence[Arrived], refused: Sequence[Arrived]) -> None:
        """Nobody waits: the place is kept in the inbox."""

    @property
    def at_end(self) -> bool:
        if self._clients is None:
            return False
        mark = self._clients[1].highwater(self._at)
        return mark is not None and self._clients[1].position(self._at) >= mark

    def replies(self) -> Replies:
        return KafkaReplies(self.agency, self._access)

    def close(self) -> None:
        connected, self._clients = self._clients, None
        for client in connected or ():
            client.close()

    def _identity(self) -> str:
        """The topic's id: a broker that lost its data gives another."""
        assert self._clients is not None
        found = topics.identities(self._clients[0], [self.agency]).get(self.agency)
        if found is None:
            topic = topics.partition(self.agency).topic
            raise Unreachable(
                f"the topic {topic} is not there: look at the agency's code, or ask whoever runs the service for its"
                " topics (rujukan agencies sync)"
            )
        self._looked = time.monotonic()
        return found

    def _offset(self, consumer: KafkaConsumer, place: Bookmark | None) -> int:
        if place is not None and place.topic_id == self._topic_id:
            return place.offset
        first: int = consumer.beginning_offsets([self._at])[self._at]
        if self._since is not None:
            found = consumer.offsets_for_times({self._at: int(self._since.timestamp() * 1000)}).get(self._at)
            return first if found is None else int(found.offset)
        return first


class KafkaReplies:
    """Writes to the agency's topics for acknowledgements and dead letters. Connects when there is something to say."""

    def __init__(self, agency: str, access: Access) -> None:
        self._agency = agency
        self._access = access
        self._producer: KafkaProducer | None = None
        self._door = _Door()

    def acknowledge(self, said: Acknowledgement) -> None:
        self._send(topics.acks_of(self._agency), [(said.to_json(), None, [])])

    def dead_letters(self, letters: Iterable[DeadLetter]) -> None:
        self._send(
            topics.dead_letters_of(self._agency),
            [
                (letter.sealed.value or b"", letter.sealed.key, letter.headers())
                for letter in letters
                if letter.sealed is not None
            ],
        )

    def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            clients.end(producer)

    def _send(self, topic: str, messages: Sequence[tuple[bytes, bytes | None, list[tuple[str, bytes]]]]) -> None:
        try:
            if self._producer is None:
                self._producer = clients.producer(**topics.PRODUCER, **options(self._access))
            sending = [
                self._producer.send(topic, value=value, key=key, headers=headers, partition=0)
                for value, key, headers in messages
            ]
            self._producer.flush(SEND_SECONDS)
            for future in sending:
                future.get(timeout=SEND_SECONDS)
            self._door.opened()
        except (KafkaError, OSError) as problem:
            self.close()
            raise self._door.problem(problem) from None


def from_kafka(agency: str, access: Access, begin: Begin) -> KafkaSource:
    """The topic, as a replay reads it."""
    return KafkaSource(agency, access, since=begin.time)
