"""What the tests of the publisher share: an office whose acts it tells of, publishers as processes that can be killed
and halted, and the topics as who may read everything sees them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple
from uuid import UUID, uuid4

from kafka import KafkaAdminClient, KafkaConsumer
from msgspec.structs import replace
from office import Office, catch_up
from patience import PATIENCE_SECONDS

from rujukan.consumers.publishing.publisher import HISTORY, UNABLE_SECONDS
from rujukan.consumers.publishing.tails import tails
from rujukan.consumers.wire.envelope import AgencyKey, Attributes, CannotOpen, Delivery, Opener
from rujukan.consumers.wire.kafka import topics
from rujukan.consumers.wire.kafka.access import options
from rujukan.domain.agency_keys import ApproveResealing, AskResealing, RegisterKey
from rujukan.domain.case.notes import RecordNote
from rujukan.domain.codes import Role, Service
from rujukan.domain.fact import Fact
from rujukan.infra import composition
from rujukan.infra.delivery import damaged
from rujukan.infra.demo import network
from rujukan.infra.services.broker import BrokerProcess
from rujukan.infra.settings import Settings, to_environment
from rujukan.infra.store.following import Follower


class Seen(NamedTuple):
    """A message of a topic, as far as these keys open it."""

    attributes: Attributes
    resent: bool
    delivery: Delivery | None

    @property
    def sequence(self) -> int:
        return int(self.attributes.sequence)


class Publishing:
    """An office, a broker, and publishers in between."""

    def __init__(self, settings: Settings, office: Office, broker: BrokerProcess, logs: Path) -> None:
        self.broker = broker
        self.settings = replace(settings, kafka=broker.bootstrap, network=f"n{uuid4().hex[:8]}")
        self.office = office
        self.keys = network.set_up(office.casework, settings.data / "agencies")
        self.service = composition.service_key(settings)
        self._log = logs / "publisher.log"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._threads: list[tuple[Event, Thread]] = []
        self.started_at = catch_up(settings)
        """The log's position: what these tests did comes after it."""

    # Publishers ------------------------------------------------------------------------------------------------

    def process(
        self, patience: float = UNABLE_SECONDS, history: int = HISTORY, first: str = "", **other: str
    ) -> subprocess.Popen[bytes]:
        """A publisher that can be killed; so many seconds it waits where it can publish nothing, and before it takes
        part again; of a `history` that is sealed anew it sends so much at once; `other` settings than everybody's are
        its own. What is said to run `first` runs
        in it before it publishes."""
        run = (
            f"{first}\nfrom rujukan.infra import cli; from rujukan.consumers.publishing import publisher as p;"
            f" p.UNABLE_SECONDS = {patience}; p.HISTORY = {history};"
            " p.ASIDE_SECONDS = min(p.ASIDE_SECONDS, p.UNABLE_SECONDS); cli.main(['publisher'])"
        )
        with self._log.open("ab") as out:
            started = subprocess.Popen(
                [sys.executable, "-c", run],
                env={**os.environ, **to_environment(replace(self.settings, **other))},
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
            )
        self._processes.append(started)
        return started

    def thread(self) -> Callable[[], None]:
        """A publisher in this process; what stops it."""
        stop = Event()

        def publish() -> None:
            keeper = Thread(target=composition.keep_register, args=(self.settings, stop), daemon=True)
            keeper.start()
            with composition.publisher(self.settings) as publisher:
                publisher.run(stop)
            keeper.join(PATIENCE_SECONDS)

        thread = Thread(target=publish, daemon=True)
        thread.start()
        self._threads.append((stop, thread))

        def halt() -> None:
            stop.set()
            thread.join(PATIENCE_SECONDS)

        return halt

    def log(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    def halt(self) -> None:
        for stop, thread in self._threads:
            stop.set()
            thread.join(PATIENCE_SECONDS)
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self._processes:
            try:
                process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    # What is told ----------------------------------------------------------------------------------------------

    def case_with(self, *agencies: str) -> UUID:
        """A case whose health and incident these agencies may know."""
        case = self.office.opens(composition.now())
        services = {member.code: member.services[0] for member in network.BONTANG}
        for agency in agencies:
            self.office.consents(case, agency, "health")
            service: Service = services[agency]
            self.office.refers(case, agency, service, compartments=frozenset({"health"}))
        return case

    def note(self, case: UUID, text: str = "a note") -> int:
        return self.office.does("uptd-ppa", case, RecordNote, note=uuid4(), health=text).position

    def new_key(self, agency: str) -> AgencyKey:
        """A key of the agency that it uses from now on."""
        key = AgencyKey.generate(f"k{uuid4().hex[:8]}")
        said = RegisterKey(occurred_at=composition.now(), key=key.id, public_key=key.public)
        self._on_agency(agency, said, Role.AGENCY_ADMINISTRATOR)
        return key

    def reseal(self, agency: str, to: AgencyKey, *lost: AgencyKey) -> None:
        """Two people have the history under the lost keys sealed to another."""
        about = {"key": to.id, "lost": frozenset(key.id for key in lost)}
        now = composition.now()
        self._on_agency(agency, AskResealing(occurred_at=now, reason="a disk", **about), Role.AGENCY_ADMINISTRATOR)
        self._on_agency(agency, ApproveResealing(occurred_at=now, **about), Role.DATA_PROTECTION_OFFICER)

    def _on_agency(self, agency: str, command: Fact, role: Role) -> None:
        self.office.agrees(agency, command, role)

    def head(self, agency: str) -> int:
        """The newest sequence of the agency in the register, once that has everything."""
        with composition.follower(self.settings) as source:
            upto = source.head()
            until(lambda: self._reached(source) >= upto)
            with source.store.pool.connection() as db:
                row = db.execute("SELECT sequence FROM delivery.heads WHERE agency = %s", (agency,)).fetchone()
                return int(row[0]) if row else 0

    def _reached(self, source: Follower) -> int:
        with source.store.pool.connection() as db:
            row = db.execute("SELECT position FROM delivery.reached").fetchone()
            return int(row[0]) if row else 0

    # Topics ----------------------------------------------------------------------------------------------------

    @contextmanager
    def admin(self) -> Iterator[KafkaAdminClient]:
        client = KafkaAdminClient(**options(self.broker.bootstrap), **topics.ADMIN)
        try:
            yield client
        finally:
            client.close()

    def tail(self, agency: str) -> int:
        with self.admin() as admin:
            topics.ensure(admin, [agency])
            return tails(self.broker.bootstrap, admin, [agency], self.service)[agency].sequence

    def topic(self, agency: str, *keys: AgencyKey) -> list[Seen]:
        """All that is in the agency's topic for who reads what is committed, in order."""
        opener = Opener(keys, (self.service,))
        consumer = KafkaConsumer(**topics.CONSUMER, **options(self.broker.bootstrap))
        at = topics.partition(agency)
        try:
            consumer.assign([at])
            consumer.seek(at, consumer.beginning_offsets([at], timeout_ms=10000)[at])
            seen: list[Seen] = []
            give_up = time.monotonic() + PATIENCE_SECONDS
            while (mark := consumer.highwater(at)) is None or consumer.position(at) < mark:
                assert time.monotonic() < give_up, "the end of a topic is out of reach"
                records = consumer.poll(timeout_ms=200).get(at, ())
                for record in records:
                    attributes = opener.verified(record.headers, record.key, record.value)
                    try:
                        delivery = opener.unseal(attributes, record.value)
                    except CannotOpen:
                        delivery = None
                    seen.append(Seen(attributes, topics.RESENT in dict(record.headers), delivery))
            return seen
        finally:
            consumer.close()


@contextmanager
def publishing(settings: Settings, broker: BrokerProcess, logs: Path) -> Iterator[Publishing]:
    with composition.service(settings, connections=4) as ports:
        made = Publishing(settings, Office(ports), broker, logs)
        try:
            yield made
        finally:
            made.halt()


def take_up(settings: Settings) -> None:
    """Have what was set aside, or is missing, looked at again; returns when that was done."""
    with composition.follower(settings) as source, source.store.pool.connection() as db:
        damaged.take_up(db)

        def is_done() -> bool:
            source.keep_up()
            return all(entry.asked_at is None for entry in damaged.entries(db))

        until(is_done)


def missing(settings: Settings) -> int:
    """Of how many streams something is set aside or missing."""
    with composition.follower(settings) as source, source.store.pool.connection() as db:
        return sum(not entry.is_repaired for entry in damaged.entries(db))


def until(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> float:
    """Wait until it holds; how long that took. Raises AssertionError."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, "it did not come about"
        time.sleep(0.05)
    return time.monotonic() - started


def live(seen: Sequence[Seen]) -> list[int]:
    """The sequences that are not sent anew."""
    return [s.sequence for s in seen if not s.resent]
