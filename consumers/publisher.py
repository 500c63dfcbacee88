"""The publisher: sends each agency, through its own topic, what it was told.

It keeps no state of its own. What to send, the register says; where it stopped, each topic: the last message there
that carries the service's signature has the sequence that was sent. A topic that came back empty is filled again.

Several publishers share the agencies: an agency belongs to a share, a share to one publisher for as long as its lease
runs (`Shares`). Each share is published under a transactional id of its own. Who takes a share over makes the broker
refuse everything of who had it before (KIP-98: `init_transactions` raises the id's epoch), so a publisher that was
halted and wakes up cannot publish any more; and a transaction is there as a whole or not at all.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from threading import Event, Thread
from typing import Any, Protocol, TypeVar
from zlib import crc32

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import KafkaTimeoutError

from . import topics
from .envelope import Message
from .kafka_access import Access, options
from .topics import topic_of

log = logging.getLogger(__name__)

SHARES = 4
BATCH = 1000
LEASE_SECONDS = 3.0
RENEW_SECONDS = 0.5
IDLE_SECONDS = 0.5
WATCH_SECONDS = 1.0
"""How often it looks whether the topics are still those it wrote to, and for agencies that are new."""
SEND_SECONDS = 10.0


class Waiting(Protocol):
    """Something told to an agency."""

    @property
    def agency(self) -> str: ...
    @property
    def sequence(self) -> int: ...


W = TypeVar("W", bound=Waiting)


class Source(Protocol[W]):
    """The register, as the publisher needs it."""

    def subscribers(self) -> Sequence[str]:
        """The agencies that take part and have a key."""
        ...

    def waiting(self, sent: Mapping[str, int], limit: int) -> Sequence[W]:
        """What comes after what was sent to each agency, in order for each; about so many."""
        ...

    def seal_all(self, tellings: Sequence[W]) -> Mapping[str, Sequence[Message]]:
        """Agency → its messages, sealed and signed, in order."""
        ...

    def wait(self, heard: int, seconds: float) -> int:
        """Until something was told since `heard`, or so many seconds passed; what to give as `heard` next."""
        ...


class Shares(Protocol):
    """Which publisher holds which share of the agencies. Leases end by themselves."""

    def hold(self, most: int, seconds: float) -> frozenset[int]:
        """Say that this publisher lives, keep its shares for so long, take what is free, and give back what is more
        than a fair part of `most`. Returns the shares it holds."""
        ...

    def give_back(self) -> None:
        """Release everything."""
        ...


class TopicsChanged(Exception):
    """A topic is not the one that was written to, or there are agencies that were not there: look again."""


def share_of(agency: str) -> int:
    """The share that an agency belongs to, the same for every publisher."""
    return crc32(agency.encode()) % SHARES


class Publisher:
    """One publisher of several, or the only one."""

    def __init__(
        self, source: Source[Any], shares: Shares, access: Access, service: Ed25519PublicKey, network: str
    ) -> None:
        self._source = source
        self._shares = shares
        self._access = access
        self._service = service
        self._network = network
        self._running: dict[int, tuple[Event, Thread]] = {}
        self._until = 0.0
        self._sent: dict[int, int] = {}

    @property
    def sent(self) -> int:
        """How many messages this publisher sent."""
        return sum(self._sent.values())

    def run(self, stop: Event) -> None:
        """Publish the shares that it holds until told to stop. Raises what `Shares` raises, with all shares halted."""
        try:
            while not stop.is_set():
                asked = time.monotonic()
                held = self._shares.hold(SHARES, LEASE_SECONDS)
                self._until = asked + LEASE_SECONDS
                for share in set(self._running) - held:
                    self._halt(share)
                for share in held - set(self._running):
                    self._start(share)
                stop.wait(RENEW_SECONDS)
        finally:
            for share in list(self._running):
                self._halt(share)
        self._shares.give_back()

    def _start(self, share: int) -> None:
        stop = Event()
        thread = Thread(target=self._publish, args=(share, stop), name=f"share-{share}", daemon=True)
        self._running[share] = stop, thread
        thread.start()

    def _halt(self, share: int) -> None:
        stop, thread = self._running.pop(share)
        stop.set()
        thread.join(SEND_SECONDS)

    def _publish(self, share: int, stop: Event) -> None:
        """Publish one share. Whatever goes wrong with the broker, it starts again from what the topics hold."""
        pause = 0.2
        while not stop.is_set():
            if not self._has_lease():
                stop.wait(RENEW_SECONDS)  # another may have the share: whoever begins a session halts that of the other
                continue
            try:
                self._session(share, stop)
                pause = 0.2
            except TopicsChanged:
                log.info("publishing starts again: topics changed")
            except Exception as problem:
                log.warning("publishing starts again: %s", type(problem).__name__)
                stop.wait(pause)
                pause = min(pause * 2, 5.0)

    def _session(self, share: int, stop: Event) -> None:
        mine = [agency for agency in self._source.subscribers() if share_of(agency) == share]
        if not mine:
            stop.wait(WATCH_SECONDS)
            return
        admin = KafkaAdminClient(**topics.ADMIN, **options(self._access))
        producer = None
        try:
            topics.ensure(admin, mine)
            producer = KafkaProducer(
                **topics.PRODUCER,
                **options(self._access),
                transactional_id=f"rujukan.{self._network}.share.{share}",
            )
            producer.init_transactions()
            tails = topics.tails(self._access, admin, mine, self._service)
            sent = {agency: tail.sequence for agency, tail in tails.items()}
            ids = {agency: tail.topic_id for agency, tail in tails.items()}
            looked, heard = time.monotonic(), -1
            while not stop.is_set() and self._has_lease():
                waiting = self._source.waiting(sent, BATCH)
                if waiting:
                    self._send(producer, self._source.seal_all(waiting), sent)
                    self._sent[share] = self._sent.get(share, 0) + len(waiting)
                else:
                    heard = self._source.wait(heard, IDLE_SECONDS)
                if time.monotonic() - looked >= WATCH_SECONDS:
                    self._look(admin, share, ids)
                    looked = time.monotonic()
        finally:
            if producer is not None:
                producer.close(timeout=1)
            admin.close()

    def _has_lease(self) -> bool:
        return time.monotonic() < self._until

    def _look(self, admin: KafkaAdminClient, share: int, ids: Mapping[str, str]) -> None:
        now = [agency for agency in self._source.subscribers() if share_of(agency) == share]
        if sorted(now) != sorted(ids) or topics.identities(admin, sorted(ids)) != ids:
            raise TopicsChanged

    def _send(self, producer: KafkaProducer, sealed: Mapping[str, Sequence[Message]], sent: dict[str, int]) -> None:
        """Send these in one transaction, and wait until the broker has it. Raises KafkaError."""
        producer.begin_transaction()
        sending = [
            producer.send(topic_of(agency), value=message.value, key=message.key, headers=message.headers, partition=0)
            for agency, messages in sealed.items()
            for message in messages
        ]
        producer.flush(SEND_SECONDS)
        for future in sending:
            future.get(timeout=SEND_SECONDS)
        _commit(producer)
        for agency, messages in sealed.items():
            sent[agency] = messages[-1].sequence


def _commit(producer: KafkaProducer) -> None:
    """`producer.commit_transaction()`, which waits without a limit where the broker is away (kafka-python 3.0.12)."""
    result = producer._transaction_manager.begin_commit()
    producer._sender.wakeup()
    if not result.wait(timeout_ms=SEND_SECONDS * 1000):
        raise KafkaTimeoutError("the broker did not say that the transaction is committed")
