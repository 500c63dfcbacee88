"""The agency's side: receive, open, verify, dedupe, hand to a handler, commit after it.

    from rujukan.consumers.inbox import SqliteInbox
    from rujukan.consumers.subscription import Subscription

    def handle(delivery, db):            # db: the inbox's own connection; what it writes commits with it
        print(delivery.topic, delivery.fields())

    with open("rsud.key", "rb") as file:
        key = AgencyKey.from_json(file.read())
    Subscription("rsud", [key], service_key, "localhost:9092", SqliteInbox("inbox.db", handle)).run(stop)

The order in which an agency is told is the order in which its handler is called. A handler that raises is
called again with the same delivery; nothing after it is handled before it. A message that the service did
not sign, or that none of the keys opens, is noted with its reason and passed over.
"""

import logging
from collections.abc import Iterable
from pathlib import Path
from threading import Event

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from kafka import KafkaAdminClient, KafkaConsumer
from kafka.errors import KafkaError

from . import topics
from .envelope import AgencyKey, Opener, Rejected
from .inbox import Inbox, Place

log = logging.getLogger(__name__)

IDLE_POLLS = 5
"""After so many polls without a message it looks whether the topic is still the one it read."""


class HandlerFailed(Exception):
    """The agency's handler raised; the delivery will be handed to it again."""


class _TopicChanged(Exception):
    """The broker came back without its data."""


class Subscription:
    """One agency's subscription. `run` belongs to one thread."""

    def __init__(
        self, agency: str, keys: Iterable[AgencyKey], service: Ed25519PublicKey, bootstrap: str, inbox: Inbox
    ) -> None:
        self._opener = Opener(keys, (service,))
        self._bootstrap = bootstrap
        self._inbox = inbox
        self._agency = agency
        self._at = topics.partition(agency)
        self.handled = 0
        self.again = 0
        self.rejected = 0

    def run(self, stop: Event) -> None:
        """Receive until told to stop. Outages of the broker, and handlers that raise, are tried again."""
        pause = 0.1
        while not stop.is_set():
            try:
                self._session(stop)
                pause = 0.1
            except (KafkaError, _TopicChanged, HandlerFailed) as problem:
                log.warning("receiving starts again: %s", type(problem).__name__)
                stop.wait(pause)
                pause = min(pause * 2, 5.0)

    def _session(self, stop: Event) -> None:
        topic = self._at.topic
        admin = KafkaAdminClient(bootstrap_servers=self._bootstrap, **topics.ADMIN)
        consumer = KafkaConsumer(bootstrap_servers=self._bootstrap, **topics.CONSUMER)
        try:
            topic_id = self._identity(admin)
            if topic_id is None:
                stop.wait(0.5)
                return
            place = self._inbox.place(topic)
            offset = place.offset if place is not None and place.topic_id == topic_id else 0
            consumer.assign([self._at])
            consumer.seek(self._at, offset)
            idle = 0
            while not stop.is_set():
                records = consumer.poll(timeout_ms=200).get(self._at, ())
                for record in records:
                    self._take(record, Place(topic_id, record.offset + 1))
                    if stop.is_set():
                        return
                idle = 0 if records else idle + 1
                if idle >= IDLE_POLLS:
                    idle = 0
                    if self._identity(admin) != topic_id:
                        raise _TopicChanged
        finally:
            consumer.close()
            admin.close()

    def _take(self, record: "KafkaRecord", next: Place) -> None:
        try:
            delivery = self._opener.open(record.headers, record.key, record.value)
        except Rejected as reason:
            self.rejected += 1
            self._inbox.skip(self._at.topic, next, f"{type(reason).__name__}: {reason}")
            return
        try:
            new = self._inbox.handle(delivery, self._at.topic, next)
        except Exception as problem:
            raise HandlerFailed(type(problem).__name__) from problem
        self.handled += new
        self.again += not new

    def _identity(self, admin: KafkaAdminClient) -> str | None:
        return topics.identities(admin, [self._agency]).get(self._agency)


class KafkaRecord:
    """What is used of kafka-python's ConsumerRecord."""

    headers: list[tuple[str, bytes | None]]
    key: bytes | None
    value: bytes | None
    offset: int


def key_from(file: Path) -> AgencyKey:
    """The key in a file. Raises ValueError for what is not one, PermissionError where others may read it."""
    if file.stat().st_mode & 0o077:
        raise PermissionError(f"{file} can be read by others; chmod 600 it")
    return AgencyKey.from_json(file.read_bytes())
