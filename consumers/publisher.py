"""The publisher: tells each agency, through its own topic, sealed to its own key, what it may know.

It keeps no state of its own. Where it stopped, each topic says: its last message carries the cursor it was
sent for, messages are sent in the order of cursors, and the producer is idempotent, so what a topic holds is
always a prefix of what it is to hold. After a crash the publisher goes on behind it; a topic that came back
empty is filled again from the log, which is the truth.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from threading import Event
from typing import Any, NamedTuple, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PublicKey
from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import KafkaError
from msgspec import Raw

from rujukan.domain.catalogue import version_of
from rujukan.domain.compartment import Compartment
from rujukan.domain.disclosure import Followed, Told
from rujukan.domain.erasure import DeletionAsked

from . import envelope, topics
from .envelope import Attributes, Delivery
from .topics import START, Cursor

log = logging.getLogger(__name__)

WATCH_SECONDS = 1.0
"""How often it looks whether the topics are still those it wrote to, and for agencies that are new."""


class Source(Protocol):
    """The log, as the publisher needs it."""

    def follow(self, after: int, stop: Event, pause: float) -> Iterator[Sequence[Followed]]:
        """Events after a position, in batches, as they come; an empty batch whenever `pause` seconds passed."""
        ...

    def open(
        self, wanted: Mapping[int, frozenset[Compartment]]
    ) -> Mapping[int, tuple[frozenset[Compartment], Mapping[Compartment, bytes]]]:
        """Position → (compartments the event has, JSON of those wanted)."""
        ...

    def subscribers(self) -> Mapping[str, tuple[str, str]]:
        """Agency → (key id, public key) of those that are told."""
        ...


class BrokerLostData(Exception):
    """A topic is not the one that was written to: it is to be filled again."""


class _Subscriber(NamedTuple):
    key_id: str
    key: MLKEM768X25519PublicKey


class Publisher:
    """One publisher. Only one may run at a time; who starts it makes sure (infra/processes.py)."""

    def __init__(
        self, source: Source, bootstrap: str, signer: Ed25519PrivateKey, pseudonyms: bytes, network: str
    ) -> None:
        self._source = source
        self._bootstrap = bootstrap
        self._signer = signer
        self._pseudonyms = pseudonyms
        self._network = network
        self._subscribers: dict[str, _Subscriber] = {}
        self._topic_ids: dict[str, str] = {}
        self.sent = 0

    def run(self, stop: Event) -> None:
        """Publish until told to stop. Whatever goes wrong with the broker, it starts again from what topics hold."""
        pause = 0.2
        while not stop.is_set():
            try:
                self._session(stop)
                pause = 0.2
            except (KafkaError, BrokerLostData) as problem:
                log.warning("publishing starts again: %s", type(problem).__name__)
                stop.wait(pause)
                pause = min(pause * 2, 5.0)

    def _session(self, stop: Event) -> None:
        admin = KafkaAdminClient(bootstrap_servers=self._bootstrap, **topics.ADMIN)
        producer = None
        try:
            cursors = self._resume(admin)
            producer = KafkaProducer(bootstrap_servers=self._bootstrap, **topics.PRODUCER)
            looked = time.monotonic()
            after = min((p for p, _ in cursors.values()), default=0)
            for batch in self._source.follow(max(0, after - 1), stop, WATCH_SECONDS):
                self._publish(producer, batch, cursors)
                if time.monotonic() - looked >= WATCH_SECONDS:
                    looked = time.monotonic()
                    if self._changed(admin):
                        return
        finally:
            if producer is not None:
                producer.close(timeout=1)
            admin.close()

    def _resume(self, admin: KafkaAdminClient) -> dict[str, Cursor]:
        """Where each agency's topic ends."""
        self._subscribers = dict(self._sealable())
        agencies = sorted(self._subscribers)
        topics.ensure(admin, agencies)
        tails = topics.tails(self._bootstrap, admin, agencies, self._signer.public_key())
        self._topic_ids = {agency: tail.topic_id for agency, tail in tails.items()}
        return {agency: tail.cursor for agency, tail in tails.items()}

    def _sealable(self) -> Iterator[tuple[str, _Subscriber]]:
        for agency, (id, key) in self._source.subscribers().items():
            try:
                yield agency, _Subscriber(id, envelope.public_key(key))
            except ValueError:
                log.error("nothing can be sealed to the key of %s; it is told nothing", agency)

    def _changed(self, admin: KafkaAdminClient) -> bool:
        """Whether there is an agency, or a key, that was not there. Raises BrokerLostData."""
        if topics.identities(admin, sorted(self._subscribers)) != self._topic_ids:
            raise BrokerLostData
        now = {agency: subscriber.key_id for agency, subscriber in self._sealable()}
        return now != {agency: s.key_id for agency, s in self._subscribers.items()}

    def _publish(self, producer: KafkaProducer, batch: Sequence[Followed], cursors: dict[str, Cursor]) -> None:
        """Send what the batch lets agencies know, and wait until the broker has it."""
        due = list(self._due(batch, cursors))
        wanted: dict[int, frozenset[Compartment]] = {}
        for _, told in due:
            wanted[told.of.position] = wanted.get(told.of.position, frozenset()) | told.compartments
        opened = self._source.open(wanted) if wanted else {}
        sending: list[Any] = []
        for cursor, told in due:
            if told.of.position not in opened:
                continue  # erased since: there is nothing to tell
            held, segments = opened[told.of.position]
            sending.append(self._send(producer, cursor, told, held, segments))
        for future in sending:
            future.get(timeout=10)
        for cursor, told in due:
            cursors[told.agency] = cursor
        self.sent += len(sending)

    def _due(self, batch: Sequence[Followed], cursors: Mapping[str, Cursor]) -> Iterator[tuple[Cursor, Told]]:
        for followed in batch:
            count: dict[str, int] = {}
            for told in followed.tell:
                n = count[told.agency] = count.get(told.agency, 0) + 1
                cursor = (followed.written.position, n)
                if told.agency in self._subscribers and cursor > cursors.get(told.agency, START):
                    yield cursor, told

    def _send(
        self,
        producer: KafkaProducer,
        cursor: Cursor,
        told: Told,
        held: frozenset[Compartment],
        segments: Mapping[Compartment, bytes],
    ) -> Any:
        of, to = told.of, self._subscribers[told.agency]
        case = of.event.case if isinstance(of.event, DeletionAsked) else of.stream
        shown = {c: segments[c] for c in sorted(told.compartments) if c in segments}
        delivery = Delivery(
            topic=of.topic,
            schema=version_of(of.topic),
            case=case,
            version=of.version,
            position=of.position,
            recorded_at=of.at,
            author=of.author,
            actor=of.actor,
            compartments=[c.word for c in shown],
            withheld=[c.word for c in sorted(held) if c not in shown],
            data=Raw(b"{" + b",".join(s[1:-1] for s in shown.values() if len(s) > 2) + b"}"),
        )
        attributes = Attributes(
            id=envelope.delivery_id(told.agency, of.position, told.compartments),
            source=f"urn:rujukan:{self._network}",
            subject=told.agency,
            position=str(of.position),
            cursor=f"{cursor[0]}.{cursor[1]}",
            keyid=to.key_id,
            key=envelope.pseudonym(self._pseudonyms, told.agency, case),
        )
        headers, value = envelope.seal(delivery, attributes, to.key, self._signer)
        return producer.send(
            topics.topic_of(told.agency), value=value, key=attributes.key.encode(), headers=list(headers), partition=0
        )
