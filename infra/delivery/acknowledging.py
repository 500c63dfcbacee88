"""Reads what agencies acknowledge on their topics, and has it recorded.

One reader works at a time, under a lease. Another waits, and goes on where the first was halted for some seconds. The
database says how far each topic was read. That is written after the events, by the reader that still holds the lease:
whatever fails in between, some is read again, and says nothing new. What is no acknowledgement, or one that the rules
refuse, is counted and passed by. The broker's ACLs say who may write to a topic; the receipt in a mark shows that it is
the agency's own.

What an agency says within a quarter of a second becomes one event: marks are cumulative, so the highest says it all.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from threading import Event
from typing import Any
from uuid import UUID, uuid4

import msgspec
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from msgspec.structs import replace
from psycopg import Connection
from psycopg.rows import TupleRow

from ...api.application.acknowledgements import Acknowledgements
from ...api.application.casework import Casework
from ...api.application.ports import Clock, Unavailable, Unreadable
from ...consumers.wire import acknowledgement
from ...consumers.wire.kafka import clients, topics
from ...consumers.wire.kafka.access import Access, options
from ...consumers.wire.kafka.internals import in_hand
from ...consumers.wire.kafka.unreadable import UNREADABLE, pass_by
from ...domain.agency import agency_stream
from ...domain.codes import Purpose, Role
from ...domain.delivery import AcknowledgeDeliveries, Mark, delivery_stream
from ...domain.erasure import erasure_stream
from ...domain.fact import Act, AgencyCode
from ...domain.refusal import AgencyInactive, Refusal
from ..database import AWAY, connect
from ..lease import HALTED, Lease
from ..positions import ACKNOWLEDGED, BEFORE, Positions
from ..system_act import SYSTEM_ACTOR
from ..unforeseen import where

log = logging.getLogger(__name__)

WORK = "acknowledgements"
"""The lease under which they are read."""
STANDBY_SECONDS = 0.5
LOOK_SECONDS = 1.0
"""How often it looks for agencies that are new, and whether the topics are still those that it read."""
LATER_SECONDS = 10.0
"""When what could not be taken in, as something stored is damaged, or for whatever else, is tried again."""
PACE_SECONDS = 0.25
"""How long what an agency says is gathered into one event."""
MOST_REFUSED = 16
"""After so many refusals in a batch the rest of it is taken or refused in the parts that it has."""
POLL_MS = 100
FETCH: dict[str, Any] = {
    "max_partition_fetch_bytes": acknowledgement.LARGEST,
    "fetch_max_bytes": 16 * acknowledgement.LARGEST,
    "fetch_max_wait_ms": int(PACE_SECONDS * 1000),
}
"""At once: what an agency wrote compressed is larger here. And what is gathered for a while need not be asked for more
often: a broker that says nothing new twenty times a second took a tenth of a processor from who has nothing to do."""
AGAIN_SECONDS = 0.5


class Deposed(Exception):
    """Another reads now."""


class Taking:
    """Has acknowledgements recorded in the name of the agencies whose they are."""

    def __init__(
        self,
        acknowledgements: Acknowledgements,
        casework: Casework,
        now: Clock,
        look_at: Callable[[UUID], object] = lambda stream: None,
    ) -> None:
        """`look_at` sets a stream aside if it is damaged."""
        self._acknowledgements = acknowledgements
        self._casework = casework
        self._now = now
        self._look_at = look_at
        self.refused = 0

    def take(self, agency: AgencyCode, said: Sequence[AcknowledgeDeliveries]) -> None:
        """Record what is new in these. Where the rules refuse them together, halves are tried, so that one that is
        forged keeps none of the others from being recorded; but not for as long as somebody likes to forge, as all
        agencies wait here for each other. Raises Moved, Unavailable; Unreadable where what is stored of the agency, or
        of a deletion that it confirms, is damaged."""
        parts, refused = [said] if said else [], 0
        while parts:
            part = parts.pop()
            try:
                self._acknowledgements.take(agency, merged(part), self._act(agency), uuid4())
            except Unreadable:
                erasures = {erasure_stream(erasure) for one in part for erasure in one.deleted}
                for stream in (agency_stream(agency), delivery_stream(agency), *erasures):
                    self._look_at(stream)
                raise
            except Refusal as refusal:
                middle = len(part) // 2
                if middle and refused < MOST_REFUSED:
                    parts += part[middle:], part[:middle]
                    continue
                refused += len(part)
                log.warning("acknowledgements of %s are refused, %d: %s", agency, len(part), type(refusal).__name__)
        self.refused += refused

    def read(self, value: bytes | None) -> AcknowledgeDeliveries:
        """Raises ValueError for what is no acknowledgement."""
        fields = msgspec.to_builtins(acknowledgement.read(value or b""))
        try:
            return msgspec.convert({**fields, "occurred_at": self._now()}, AcknowledgeDeliveries)
        except msgspec.MsgspecError:
            raise ValueError("not an acknowledgement") from None

    def _act(self, code: AgencyCode) -> Act:
        """The agency's system acts, through its topic: which of its machines, nobody knows. Raises AgencyInactive."""
        agency = self._casework.network.get(code)
        if agency is None or not agency.active:
            raise AgencyInactive(agency=code)
        return Act(
            actor=SYSTEM_ACTOR,
            agency=code,
            kind=agency.kind,
            role=Role.INTEGRATOR,
            purpose=Purpose.COORDINATION,
            at=self._now(),
        )


class AcknowledgementReader:
    """Reads the topics of all agencies. Belongs to one thread."""

    def __init__(
        self,
        access: Access,
        conninfo: str,
        agencies: Callable[[], Sequence[str]],
        taking: Taking,
        positions: Positions,
    ) -> None:
        self._access = access
        self._positions = positions
        self._conninfo = conninfo
        self._agencies = agencies
        self._taking = taking
        self._lease = Lease(WORK)
        self._passed: dict[TopicPartition, tuple[int, int]] = {}
        """Topic where the client breaks off, as it cannot read a record → how many records were passed by at once, and
        the offset behind the record at which it broke off. It is twice as many each time: what lies together in one
        batch cannot be read because of one of them. A later acknowledgement says it all again."""
        self.read = 0
        self.garbage = 0

    def run(self, stop: Event) -> None:
        """Read until told to stop; wait while another does. Raises what broke the connection to the database."""
        with connect(self._conninfo) as db:
            db.execute(HALTED)
            try:
                while not stop.is_set():
                    if not self._lease.hold(db):
                        stop.wait(STANDBY_SECONDS)
                        continue
                    try:
                        self._session(db, stop)
                    except Deposed:
                        log.info("another reads acknowledgements")
                    except (KafkaError, OSError, AssertionError, *UNREADABLE) as problem:
                        log.warning("reading acknowledgements starts again: %s", type(problem).__name__)
                        stop.wait(AGAIN_SECONDS)
            finally:
                if not db.closed:
                    self._lease.give_back(db)

    def _session(self, db: Connection[TupleRow], stop: Event) -> None:
        reached = options(self._access)
        with (
            closing(clients.admin(**topics.ADMIN, **reached)) as admin,
            closing(clients.consumer(**{**topics.CONSUMER, **FETCH}, **reached)) as consumer,
        ):
            ids: dict[str, str] = {}
            gathered = _Gathered()
            looked = float("-inf")
            while not stop.is_set():
                if time.monotonic() - looked >= LOOK_SECONDS:
                    looked = time.monotonic()
                    self._renew(db)
                    found = topics.identities(admin, self._agencies(), topics.acks_of)
                    if found != ids:
                        ids, gathered = found, _Gathered()
                        _assign(db, consumer, ids, self._positions)
                if not ids:
                    stop.wait(LOOK_SECONDS)
                    continue
                for at, records in self._polled(consumer, gathered).items():
                    said = [one for record in records if (one := self._read(record.value)) is not None]
                    gathered.add(_agency_of(at), said, records[-1].offset + 1)
                for agency, said, upto in gathered.ripe():
                    self._renew(db)
                    try:
                        self._taking.take(agency, said)
                    except Unreadable:
                        log.error("what %s acknowledges waits: something that is stored of it is damaged", agency)
                        gathered.put_off(agency, said, upto)
                        continue
                    except (*AWAY, Unavailable):
                        raise
                    except Exception as problem:  # one agency keeps none of the others waiting
                        log.error("what %s acknowledges waits: unforeseen %s", agency, where(problem))
                        gathered.put_off(agency, said, upto)
                        continue
                    self._note(db, agency, ids[agency], upto)

    def _renew(self, db: Connection[TupleRow]) -> None:
        """Raises Deposed."""
        if not self._lease.hold(db):
            raise Deposed

    def _note(self, db: Connection[TupleRow], agency: str, topic_id: str, upto: int) -> None:
        """Up to where an agency's topic was read. Raises Deposed: then another has read on meanwhile."""
        with db.transaction():
            if not self._lease.keeps(db):
                raise Deposed
            digest = self._positions.of(ACKNOWLEDGED.name, agency, topic_id, upto)
            db.execute(_STORE, (agency, topic_id, upto, digest))

    def _polled(self, consumer: KafkaConsumer, gathered: "_Gathered") -> dict[TopicPartition, list[Any]]:
        """What came. A record that the client cannot read (headers that are no UTF-8, a compression that is not
        installed) is passed by in its own topic, as all agencies are read here. Of many in a row twice as many are
        passed by each time; as that leads past good ones too, it goes back, until what was passed by is bad only."""
        try:
            found: dict[TopicPartition, list[Any]] = consumer.poll(timeout_ms=POLL_MS)
        except UNREADABLE as problem:
            at = in_hand(consumer)
            if at is None:
                raise
            step = 2 * self._passed.get(at, (0, 0))[0] or 1
            behind = consumer.position(at) + 1
            gathered.add(_agency_of(at), [], behind)
            if pass_by(consumer, at, step) > behind and consumer.position(at) == consumer.highwater(at):
                consumer.seek(at, behind)
                step = 0
            self._passed[at] = step, behind
            self.garbage += 1
            log.warning("what %s wrote cannot be read (%s): passed by", _agency_of(at), type(problem).__name__)
            return {}
        for at in list(found):
            steps, behind = self._passed.pop(at, (1, 0))
            if steps > 1 and found[at][0].offset > behind:
                del found[at]
                consumer.seek(at, behind)
        return found

    def _read(self, value: bytes | None) -> AcknowledgeDeliveries | None:
        try:
            said = self._taking.read(value)
        except ValueError:
            self.garbage += 1
            return None
        self.read += 1
        return said


class _Gathered:
    """What each agency said since its last event, and up to where its topic was read."""

    def __init__(self) -> None:
        self._said: dict[str, tuple[list[AcknowledgeDeliveries], int]] = {}
        self._taken: dict[str, float] = {}

    def add(self, agency: str, said: list[AcknowledgeDeliveries], upto: int) -> None:
        before = self._said.get(agency)
        self._said[agency] = ((before[0] if before else []) + said, upto)

    def put_off(self, agency: str, said: list[AcknowledgeDeliveries], upto: int) -> None:
        """It cannot be taken in now: it is tried again later, together with what comes until then."""
        self.add(agency, [merged(said)] if said else [], upto)
        self._taken[agency] = time.monotonic() + LATER_SECONDS

    def ripe(self) -> list[tuple[str, list[AcknowledgeDeliveries], int]]:
        """What need not wait any more: of agencies whose last event is long enough ago."""
        now = time.monotonic()
        ripe = [a for a in self._said if now - self._taken.get(a, float("-inf")) >= PACE_SECONDS]
        self._taken |= dict.fromkeys(ripe, now)
        return [(agency, *self._said.pop(agency)) for agency in ripe]


def merged(said: Sequence[AcknowledgeDeliveries]) -> AcknowledgeDeliveries:
    """One acknowledgement that says what these say."""
    if len(said) == 1:
        return said[0]
    return replace(
        said[-1],
        received=_highest(one.received for one in said),
        handled=_highest(one.handled for one in said),
        failed=tuple(f for one in said for f in one.failed),
        recovered=tuple(s for one in said for s in one.recovered),
        deleted=tuple(x for one in said for x in one.deleted),
    )


def _highest(marks: Iterable[Mark | None]) -> Mark | None:
    return max((mark for mark in marks if mark is not None), key=lambda mark: mark.sequence, default=None)


def _assign(db: Connection[TupleRow], consumer: KafkaConsumer, ids: dict[str, str], positions: Positions) -> None:
    """Read on where each topic was read to; and one that was made anew from its start."""
    stored = read_to(db, ids, positions)
    partitions = {agency: TopicPartition(topics.acks_of(agency), 0) for agency in ids}
    consumer.assign(list(partitions.values()))
    for agency, at in partitions.items():
        if agency in stored:
            consumer.seek(at, stored[agency])
        else:
            consumer.seek_to_beginning(at)


def read_to(db: Connection[TupleRow], ids: Mapping[str, str], positions: Positions) -> dict[str, int]:
    """Up to where these topics (agency → id) were read, of those that are the ones that were read. None of one of which
    the row that says it is not as it was written: read again from its start, it says nothing new."""
    return {
        agency: offset
        for agency, id, offset, digest, before in db.execute(_READ, (list(ids),))
        if id == ids[agency] and (before or positions.fits(digest, ACKNOWLEDGED.name, agency, id, offset))
    }


def _agency_of(at: TopicPartition) -> str:
    return str(at.topic).removeprefix(topics.PREFIX).removesuffix(".acks")


_READ = (
    f"SELECT agency, topic_id, next_offset, digest, {BEFORE} FROM delivery.acknowledgement_offsets"
    " WHERE agency = ANY(%s)"
)
_STORE = (
    "INSERT INTO delivery.acknowledgement_offsets (agency, topic_id, next_offset, digest) VALUES (%s, %s, %s, %s)"
    " ON CONFLICT (agency) DO UPDATE SET topic_id = excluded.topic_id, next_offset = excluded.next_offset,"
    " digest = excluded.digest"
)
