"""The publisher: sends each agency, through its own topic, what it was told.

What to send, the register says; where it stopped, each topic: the last message there that carries the service's
signature has the sequence that was sent, if it is what the register has under that number, by its id: a database that
was restored to an older state gives the same numbers again. Where it is not, nothing is sent. A topic that came back
empty is filled again; one that retention emptied is not: that it is the same topic, and how far it was written, is
remembered in the database.

Several publishers share the agencies: an agency belongs to a share, a share to one publisher for as long as its lease
runs (`Shares`). Who reaches no broker takes none. Each share is published under a transactional id of its own. Who
takes a share over makes the broker refuse everything of who had it before (KIP-98: `init_transactions` raises the id's
epoch), so a publisher that was halted and wakes up cannot publish any more; and a transaction is there as a whole or
not at all.

An agency to which nothing can be sent now, as its key is none or its topic refuses, is set aside for a while: no other
waits for it. A history that is sealed anew to another key goes between what is new, a little with each transaction.

What is in memory is bounded, whatever an agency is behind and whoever is away: the next transaction is read only when
the broker has the last one, and has BATCH messages or BATCH_BYTES at most.
"""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from threading import Event, Thread
from typing import Any, Protocol
from zlib import crc32

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from kafka import KafkaAdminClient, KafkaProducer

from ..wire.envelope import Message
from ..wire.kafka import clients, topics
from ..wire.kafka.access import Access, options
from ..wire.kafka.internals import ask_for
from ..wire.kafka.topics import topic_of
from .asking import Asking
from .sending import SEND_SECONDS, Refused, send
from .supply import Again, Supply, TopicProgress
from .tails import Tail, tails

log = logging.getLogger(__name__)

SHARES = 4
BATCH = 1000
BATCH_BYTES = 8 * 1024 * 1024
TOPICS = 50
"""So many topics are written to in one transaction: the broker marks its end in each of them, and in time. Where that
is too slow, fewer."""
HISTORY = 100
"""So many messages of histories that are sealed anew go with each transaction."""
LEASE_SECONDS = 3.0
RENEW_SECONDS = 0.5
IDLE_SECONDS = 0.5
WATCH_SECONDS = 1.0
"""How often it looks whether the topics are still those it wrote to, and for agencies that are new."""
ASIDE_SECONDS = 10.0
"""When an agency that was set aside is tried again."""
MOMENT_SECONDS = 0.25
DOUBT_SECONDS = 2.0
"""When a publisher that reaches the database, and publishes nothing, asks whether a broker answers at all. Where none
does within ASK_SECONDS, it leaves its shares to another."""
UNABLE_SECONDS = 15.0
"""When it does so also where one answers: it may not be let in, or be too slow."""


class Shares(Protocol):
    """Which publisher holds which share of the agencies. Leases end by themselves."""

    def hold(self, most: int) -> frozenset[int]:
        """Say that this publisher lives, keep its shares for LEASE_SECONDS, take what is free, and give back what is
        more than a fair part of `most`. Returns the shares it holds."""
        ...

    def others(self) -> bool:
        """Whether another publisher lives."""
        ...

    def give_back(self) -> None:
        """Release everything."""
        ...


def share_of(agency: str) -> int:
    """The share that an agency belongs to, the same for every publisher."""
    return crc32(agency.encode()) % SHARES


class Publisher:
    """One publisher of several, or the only one."""

    def __init__(
        self, supply: Supply[Any], shares: Shares, access: Access, service: Ed25519PublicKey, network: str
    ) -> None:
        self._supply = supply
        self._shares = shares
        self._access = access
        self._service = service
        self._network = network
        self._running: dict[int, tuple[Event, Thread]] = {}
        self._ending: dict[int, Thread] = {}
        """Share → what published it last, and was told to end."""
        self._until = 0.0
        self._worked: dict[int, float] = {}
        """Share that has agencies → when it was last published as it should, or begun."""
        self._sent: dict[int, int] = {}
        self._topics: dict[int, int] = {}
        """Share → how many topics its next transaction writes to, where the last ones were too slow."""
        self._asking: Asking | None = None
        self._aside = Aside()
        self._held = Aside()
        """Of these a history waits, and what is new goes on."""
        self._bells = tuple(Event() for _ in range(SHARES))
        supply.when_told(self._ring)

    @property
    def sent(self) -> int:
        """How many messages this publisher sent."""
        return sum(self._sent.values())

    def run(self, stop: Event) -> None:
        """Publish the shares that it holds until told to stop. Raises what `Shares` raises, with all shares halted."""
        self._reach(stop)
        try:
            while not stop.is_set():
                asked = time.monotonic()
                held = self._shares.hold(SHARES)
                self._until = asked + LEASE_SECONDS
                self._halt(set(self._running) - held)
                for share in held - set(self._running):
                    if not self._is_ending(share):
                        self._start(share)
                if self._is_unable() and self._shares.others():
                    self._stand_back(stop)
                stop.wait(RENEW_SECONDS)
        except BaseException:
            self._end(LEASE_SECONDS)
            raise
        self._end(SEND_SECONDS)
        self._shares.give_back()

    def _is_unable(self) -> bool:
        """Whether nothing of what it holds could be published for a moment, and no broker answers; or for long. Shares
        without agencies do not count."""
        worked = [at for share in self._running if (at := self._worked.get(share)) is not None]
        since = time.monotonic() - max(worked) if worked else 0.0
        if since > UNABLE_SECONDS:
            return True
        if since <= DOUBT_SECONDS:
            self._asking = None
            return False
        if self._asking is None:
            self._asking = Asking(self._access)
        answers = self._asking.answers()
        if answers:
            self._asking = None  # it is slow, or this is: it is asked again
        return answers is False

    def _stand_back(self, stop: Event) -> None:
        """Leave everything to another: this one may be cut off from the broker, or not let in there."""
        log.warning("it cannot publish, and leaves that to another publisher for a while")
        self._until = 0.0
        self._halt(set(self._running))  # what is under way, who takes over makes the broker refuse
        self._shares.give_back()
        self._asking = None
        stop.wait(ASIDE_SECONDS)
        self._reach(stop)

    def _reach(self, stop: Event) -> None:
        """Wait until a broker answers: a share that is held by who reaches none is published by nobody."""
        said = ""
        while not stop.is_set():
            try:
                clients.admin(**topics.ADMIN, **options(self._access)).close()
                return
            except Exception as problem:
                if said != (said := type(problem).__name__):
                    log.warning("no broker answers: %s", said)
                stop.wait(WATCH_SECONDS)

    def _start(self, share: int) -> None:
        stop = Event()
        self._worked[share] = time.monotonic()
        thread = Thread(target=self._publish, args=(share, stop), name=f"share-{share}", daemon=True)
        self._running[share] = stop, thread
        thread.start()

    def _halt(self, shares: Iterable[int]) -> None:
        """Publish these no more. It does not wait until they end, so that the leases of the others are renewed in time:
        who has the share now makes the broker refuse what is still under way."""
        for share in shares:
            stop, self._ending[share] = self._running.pop(share)
            stop.set()

    def _is_ending(self, share: int) -> bool:
        """Whether what published it last has not ended yet. It ends by itself: within SEND_SECONDS it looks."""
        if (thread := self._ending.get(share)) is not None and not thread.is_alive():
            del self._ending[share]
        return share in self._ending

    def _end(self, seconds: float) -> None:
        """Publish nothing any more. What does not end in time may end later: without a lease it begins nothing."""
        self._halt(set(self._running))
        give_up = time.monotonic() + seconds
        for thread in self._ending.values():
            thread.join(max(0.0, give_up - time.monotonic()))

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
            except Refused as refused:
                for agency, problem in refused.problems.items():
                    self._aside.put(agency, f"the topic of {agency} refuses: {type(problem).__name__}")
            except Exception as problem:
                self._topics[share] = max(1, self._topics.get(share, TOPICS) // 4)
                log.warning("publishing starts again: %s", type(problem).__name__)
                stop.wait(pause)
                pause = min(pause * 2, 5.0)

    def _session(self, share: int, stop: Event) -> None:
        if not self._mine(share):
            self._worked.pop(share, None)
            stop.wait(WATCH_SECONDS)
            return
        reached = options(self._access)
        with ExitStack() as open_clients:
            admin = open_clients.enter_context(closing(clients.admin(**topics.ADMIN, **reached)))
            named = f"rujukan.{self._network}.share.{share}"
            producer = clients.producer(**topics.PRODUCER, **reached, transactional_id=named)
            open_clients.enter_context(clients.ending(producer))
            producer.init_transactions()
            written: dict[str, TopicProgress] = {}
            remembered: dict[str, TopicProgress] = {}
            bell, looked, history = self._bells[share], 0.0, True
            while not stop.is_set() and self._has_lease():
                if time.monotonic() - looked >= WATCH_SECONDS:
                    self._look(admin, producer, share, written)
                    self._remember(written, remembered)
                    looked, history = time.monotonic(), True
                bell.clear()
                sent, history = self._turn(producer, share, written, history)
                self._worked[share] = time.monotonic()
                if not sent:
                    bell.wait(IDLE_SECONDS)  # what nobody rang for is found by looking
            if self._has_lease():
                self._remember(written, remembered)

    def _ring(self, agencies: Iterable[str] | None) -> None:
        """Wake the shares of these, or all: who has nothing to do keeps out of the others' way."""
        for share in range(SHARES) if agencies is None else {share_of(agency) for agency in agencies}:
            self._bells[share].set()

    def _has_lease(self) -> bool:
        return time.monotonic() < self._until

    def _mine(self, share: int) -> list[str]:
        return [agency for agency in self._supply.subscribers() if share_of(agency) == share]

    def _look(
        self, admin: KafkaAdminClient, producer: KafkaProducer, share: int, written: dict[str, TopicProgress]
    ) -> None:
        """Bring `written` up to date: who is new, who takes part no more, whose topic is another than it was."""
        mine = self._mine(share)
        for agency in written.keys() - set(mine):
            del written[agency]
        ids = topics.identities(admin, mine)
        new = [a for a in mine if a not in written or ids.get(a) != written[a].topic_id]
        new = [agency for agency in new if not self._aside.holds(agency)]
        if not new:
            return
        for agency, problem in topics.ensure(admin, new).items():
            self._aside.put(agency, f"the topic of {agency} cannot be made: {problem.__name__}")
            written.pop(agency, None)
            new.remove(agency)
        before = self._supply.places(new)
        ends = {
            agency: _goes_on(tail, before.get(agency))
            for agency, tail in tails(self._access, admin, new, self._service).items()
        }
        written |= ends
        self._keep_back(self._supply.others(ends, anew=True), written)
        self._supply.found({agency: end for agency, end in ends.items() if agency in written})
        ask_for(producer, [topic_of(agency) for agency in new])

    def _remember(self, written: Mapping[str, TopicProgress], remembered: dict[str, TopicProgress]) -> None:
        if changed := {a: place for a, place in written.items() if remembered.get(a) != place}:
            self._supply.remember(changed)
            remembered |= changed

    def _turn(
        self, producer: KafkaProducer, share: int, written: dict[str, TopicProgress], history: bool
    ) -> tuple[int, bool]:
        """Send what waits, in one transaction, and a part of a history with it, if that is to be looked for. Returns
        how many were sent, and whether there was some of a history."""
        sent = {agency: place.sequence for agency, place in written.items() if not self._aside.holds(agency)}
        most = self._topics.get(share, TOPICS)
        new = self._seal(self._supply.waiting(sent, BATCH * most // TOPICS, most), self._aside)
        whole = {agency: sequence for agency, sequence in sent.items() if not self._held.holds(agency)}
        again = [self._resealed(part) for part in self._supply.resealing(whole, HISTORY)] if history else []
        other = self._supply.others({agency: written[agency] for agency in new})
        self._keep_back(other, written)
        new = {agency: messages for agency, messages in new.items() if agency not in other}
        again = [(part, messages) for part, messages in again if part.agency not in other]
        sending = {agency: list(messages) for agency, messages in new.items()}
        for part, messages in again:
            sending.setdefault(part.agency, []).extend(messages)
        count = sum(map(len, sending.values()))
        if count:
            send(producer, sending)
            self._supply.sent(sending, {a: _behind(written[a], new.get(a, ())) for a in sending})
        self._topics[share] = min(TOPICS, most * 2)
        for agency, sealed in new.items():  # it goes behind the others: next time it is their turn first
            written[agency] = _behind(written.pop(agency), sealed)
        for part, _ in again:
            self._supply.resealed(part.job, part.to)
        self._sent[share] = self._sent.get(share, 0) + count
        return count, bool(again)

    def _keep_back(self, forked: Mapping[str, str], written: dict[str, TopicProgress]) -> None:
        """Send these nothing; look at their topics again in a while."""
        for agency, why in forked.items():
            self._aside.put(agency, why)
            written.pop(agency, None)

    def _resealed(self, part: Again[Any]) -> tuple[Again[Any], list[Message]]:
        """A part of a history, sealed anew, as far as that goes."""
        sealed = self._seal(part.tellings, self._held).get(part.agency, ())
        if len(sealed) < len(part.tellings):
            part = part._replace(to=sealed[-1].sequence if sealed else 0)
        return part, [m._replace(headers=[*m.headers, (topics.RESENT, b"1")]) for m in sealed]

    def _seal(self, tellings: Sequence[Any], aside: "Aside") -> Mapping[str, Sequence[Message]]:
        sealed = self._supply.seal_all(tellings, BATCH_BYTES)
        for agency, problem in sealed.problems.items():
            aside.put(agency, f"{problem}")
        for agency in sealed.held:
            aside.wait(agency)
        return sealed.messages


class Aside:
    """Agencies that are set aside for a while, so that nobody else waits for what is the matter with them."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._said: dict[str, str] = {}

    def put(self, agency: str, why: str) -> None:
        """Set it aside. `why`, which names no content, is logged where it is new."""
        self._until[agency] = time.monotonic() + ASIDE_SECONDS
        if self._said.get(agency) != why:
            self._said[agency] = why
            log.error("set aside: %s", why)

    def wait(self, agency: str) -> None:
        """Leave it out for a moment: it waits for something that comes by itself."""
        self._until[agency] = time.monotonic() + MOMENT_SECONDS

    def holds(self, agency: str) -> bool:
        """Whether it is not its turn yet."""
        return time.monotonic() < self._until.get(agency, 0.0)


def _behind(place: TopicProgress, sealed: Sequence[Message]) -> TopicProgress:
    """Where a topic is with these behind it."""
    return place._replace(sequence=sealed[-1].sequence, id=sealed[-1].id) if sealed else place


def _goes_on(tail: Tail, before: TopicProgress | None) -> TopicProgress:
    """How far a topic was written. Where it has no message of ours: retention took them if it is the
    topic that was written before, cut at its beginning; otherwise it lost them, or never had any."""
    if not tail.sequence and tail.cut and before is not None and before.topic_id == tail.topic_id:
        return before
    return TopicProgress(tail.topic_id, tail.sequence, tail.id)
