"""What the benchmarks of the publisher share: cases that many agencies are told of, publishers as processes, and the
plain Kafka client beside them, which does the same with the same bytes and does no work of ours."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event, Thread
from uuid import UUID, uuid4

import psycopg
from harness import Bench
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from msgspec.structs import replace

from rujukan.consumers.wire.envelope import AgencyKey
from rujukan.consumers.wire.kafka import topics
from rujukan.domain.agency import AgencyRegistered, agency_stream
from rujukan.domain.agency_keys import KeyRegistered
from rujukan.domain.case.consents import ConsentGiven
from rujukan.domain.case.intake import CaseOpened
from rujukan.domain.case.notes import NoteRecorded
from rujukan.domain.case.referrals import ReferralDrafted, ReferralSent
from rujukan.domain.codes import (
    AgeGroup,
    AgencyKind,
    ConsentBy,
    Obtained,
    Purpose,
    Service,
    Urgency,
)
from rujukan.domain.fact import Fact, NoteId
from rujukan.infra import composition
from rujukan.infra.processes import system_act
from rujukan.infra.services.apache_kafka import ApacheKafka
from rujukan.infra.services.broker import BrokerProcess, EmbeddedBroker
from rujukan.infra.settings import Settings, to_environment
from rujukan.infra.store.event_store import EventStore, Stream

TEXT = "She was seen at the clinic, and comes again in two weeks. " * 6


@contextmanager
def brokers(bench: Bench) -> Iterator[Callable[[], Iterator[tuple[str, BrokerProcess]]]]:
    """Each broker that can run here, one after the other."""
    made: list[BrokerProcess] = []

    def each() -> Iterator[tuple[str, BrokerProcess]]:
        kinds: list[tuple[str, Callable[[], BrokerProcess]]] = [
            ("embedded broker", lambda: EmbeddedBroker(bench.directory / f"broker-{uuid4().hex[:6]}.log"))
        ]
        if ApacheKafka.available():
            kinds.append(("Apache Kafka", lambda: ApacheKafka(bench.directory / f"kafka-{uuid4().hex[:6]}")))
        for name, make in kinds:
            broker = make()
            made.append(broker)
            broker.start()
            yield name, broker
            broker.stop()

    try:
        yield each
    finally:
        for broker in made:
            broker.stop()


class Network:
    """Agencies that all have the same key, and cases that each are told to some of them."""

    def __init__(self, settings: Settings, agencies: int, cases: int) -> None:
        self.settings = settings
        self.key = AgencyKey.generate("1")
        self.codes = [f"ngo-{n:04}" for n in range(agencies)]
        self._versions: dict[UUID, int] = {}
        with composition.writer(settings) as store:
            for code in self.codes:
                self._append(store, agency_stream(code), *self._registration(code))
            for n in range(cases):
                self._append(store, uuid4(), *self._case(self.codes[n::cases]), is_case=True)
        with composition.follower(settings) as source, composition.runner(settings, source) as runner:
            runner.catch_up()

    def note(self, each: int) -> None:
        """So many notes in each case; its agencies are told of each."""
        with composition.writer(self.settings) as store:
            for case in self._versions:
                for start in range(0, each, 100):
                    notes = (
                        say(NoteRecorded, note=NoteId(uuid4()), health=TEXT) for _ in range(min(100, each - start))
                    )
                    self._append(store, case, *notes, is_case=True)

    def _append(self, store: EventStore, stream: UUID, *events: Fact, is_case: bool = False) -> None:
        version = self._versions.get(stream, 0)
        store.append([Stream(stream, version, events)], system_act(), correlation=uuid4(), causation=uuid4())
        if is_case:
            self._versions[stream] = version + len(events)

    def _registration(self, code: str) -> list[Fact]:
        registered = say(AgencyRegistered, code=code, kind=AgencyKind.NGO, name=code)
        return [registered, say(KeyRegistered, key=self.key.id, public_key=self.key.public)]

    def _case(self, codes: Sequence[str]) -> list[Fact]:
        about = {"compartments": frozenset({"health"}), "recipients": frozenset({f"kind:{AgencyKind.NGO}"})}
        events: list[Fact] = [
            say(
                CaseOpened,
                lead="rujukan",
                lead_kind=AgencyKind.LEAD,
                urgency=Urgency.URGENT,
                age_group=AgeGroup.ADULT,
                pathway="2026-1",
            ),
            say(
                ConsentGiven,
                consent=uuid4(),
                **about,
                purposes=frozenset({Purpose.CARE}),
                given_by=frozenset({ConsentBy.SURVIVOR}),
                obtained=Obtained.VERBAL,
            ),
        ]
        for code in codes:
            referral = uuid4()
            events.append(
                say(
                    ReferralDrafted,
                    referral=referral,
                    sender="rujukan",
                    sender_kind=AgencyKind.LEAD,
                    recipient=code,
                    recipient_kind=AgencyKind.NGO,
                    service=Service.HEALTH,
                    urgency=Urgency.URGENT,
                    purpose=Purpose.CARE,
                    compartments=frozenset({"health"}),
                )
            )
            events.append(say(ReferralSent, referral=referral, due_at=datetime.now(UTC)))
        return events

    def told(self) -> int:
        """How many tellings the register has for agencies with a topic."""
        return self._sum("SELECT coalesce(sum(sequence), 0) FROM delivery.heads WHERE agency LIKE 'ngo-%'")

    def sent(self) -> int:
        """How many were sent, as far as it is remembered: to the second."""
        return self._sum("SELECT coalesce(sum(sequence), 0) FROM delivery.topics")

    def registered(self) -> bool:
        """Whether the register has everything."""
        behind = "SELECT (SELECT max(notification_id) FROM log.stored_events) - position FROM delivery.reached"
        return self._sum(behind) == 0

    def _sum(self, sql: str) -> int:
        with psycopg.connect(self.settings.database, autocommit=True) as db:
            row = db.execute(sql).fetchone()  # type: ignore[arg-type]
        return int(row[0]) if row else 0


@contextmanager
def publishers(settings: Settings, count: int) -> Iterator[None]:
    """So many publishers, each a process."""
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "rujukan.infra.cli", "publisher"],
            env={**os.environ, **to_environment(settings)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(count)
    ]
    try:
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(20)


def elapsed(reached: Callable[[], bool], limit: float = 180.0) -> float:
    """Seconds until it is so."""
    started = time.perf_counter()
    while not reached():
        assert time.perf_counter() - started < limit, "it takes too long"
        time.sleep(0.02)
    return time.perf_counter() - started


def read(bootstrap: str, agency: str, take: Callable[[ConsumerRecord], object]) -> tuple[list[ConsumerRecord], float]:
    """Everything in an agency's topic, each record given to `take`; and in how many seconds."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, **topics.CONSUMER)
    at = topics.partition(agency)
    try:
        consumer.assign([at])
        consumer.seek(at, 0)
        found: list[ConsumerRecord] = list(consumer.poll(timeout_ms=10_000).get(at, ()))
        started = time.perf_counter()
        warm = len(found)
        while (mark := consumer.highwater(at)) is None or consumer.position(at) < mark:
            for record in consumer.poll(timeout_ms=500).get(at, ()):
                take(record)
                found.append(record)
        return found[warm:], time.perf_counter() - started
    finally:
        consumer.close()


def produce(bootstrap: str, topic: str, records: Sequence[ConsumerRecord], batch: int = 1000) -> float:
    """Send the same bytes in transactions of the same size, and do nothing else; how many a second."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, **topics.PRODUCER, transactional_id=uuid4().hex)
    try:
        producer.init_transactions()
        started = time.perf_counter()
        for start in range(0, len(records), batch):
            producer.begin_transaction()
            for r in records[start : start + batch]:
                producer.send(topic, value=r.value, key=r.key, headers=r.headers, partition=0)
            producer.commit_transaction()
        return len(records) / (time.perf_counter() - started)
    finally:
        producer.close()


def round_trip(bootstrap: str, rate: float, seconds: float) -> list[float]:
    """Milliseconds from a plain producer's call to a plain consumer's, each message by itself, sorted."""
    topic, stop = f"plain-{uuid4().hex[:8]}", Event()
    admin = KafkaAdminClient(bootstrap_servers=bootstrap, **topics.ADMIN)
    admin.create_topics({topic: {"num_partitions": 1, "replication_factor": -1}})
    admin.close()
    delays: list[float] = []

    def receive() -> None:
        consumer = KafkaConsumer(bootstrap_servers=bootstrap, **topics.CONSUMER)
        consumer.assign([TopicPartition(topic, 0)])
        consumer.seek_to_beginning()
        while not stop.is_set():
            for records in consumer.poll(timeout_ms=200).values():
                delays.extend((time.time() - float(r.value)) * 1000 for r in records)
        consumer.close()

    thread = Thread(target=receive, daemon=True)
    thread.start()
    producer = KafkaProducer(bootstrap_servers=bootstrap, **topics.PRODUCER)
    started, count = time.monotonic(), 0
    while (now := time.monotonic() - started) < seconds:
        if now * rate > count:
            producer.send(topic, value=str(time.time()).encode().ljust(2048), partition=0)
            count += 1
        else:
            time.sleep(0.001)
    producer.flush(10)
    producer.close()
    elapsed(lambda: len(delays) >= count, 30)
    stop.set()
    thread.join(5)
    return sorted(delays)


def on(settings: Settings, broker: BrokerProcess) -> Settings:
    """The same database, and topics of this broker."""
    return replace(settings, kafka=broker.bootstrap)


def say(what: type[Fact], **fields: object) -> Fact:
    return what(**{"occurred_at": datetime.now(UTC), **fields})
