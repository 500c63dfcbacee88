"""From the log to the agencies' handlers, on the embedded broker always and on Apache Kafka where it can run."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import TopicAlreadyExistsError
from msgspec.structs import replace
from patience import PATIENCE_SECONDS

from rujukan.api.application.casework import Casework
from rujukan.api.application.kinds import AGENCY, CASE
from rujukan.consumers.agency.inbox.handling import Rules
from rujukan.consumers.agency.inbox.inbox import SqliteInbox
from rujukan.consumers.agency.kafka.source import KafkaSource
from rujukan.consumers.agency.subscribing.subscription import Subscription
from rujukan.consumers.wire import acknowledgement, envelope
from rujukan.consumers.wire.kafka import topics
from rujukan.domain.agency_keys import RegisterKey, RetireKey
from rujukan.domain.case.consents import GiveConsent
from rujukan.domain.case.erasure import ApproveErasure, RequestErasure
from rujukan.domain.case.fulfilment import ReceiveReferral
from rujukan.domain.case.intake import OpenCase
from rujukan.domain.case.notes import RecordNote
from rujukan.domain.case.referrals import CancelReferral, DraftReferral, SendReferral
from rujukan.domain.codes import (
    AgeGroup,
    Channel,
    ConsentBy,
    ErasureBasis,
    Obtained,
    Purpose,
    Reporter,
    Role,
    Service,
    Urgency,
)
from rujukan.domain.fact import Act, CaseId, ConsentId, ErasureId, NoteId, ReferralId
from rujukan.infra import composition
from rujukan.infra.demo import network
from rujukan.infra.demo.inboxes import entitled
from rujukan.infra.services.apache_kafka import ApacheKafka
from rujukan.infra.services.broker import EmbeddedBroker
from rujukan.infra.system_act import system_act

from rujukan.infra.issuer import usual_actor  # isort: skip

MARKER = "MARKER-in-health"
FORMER: list[envelope.AgencyKey] = []
"""Keys that the hospital used for a while in these tests: what was told under them stays sealed to them."""


@pytest.fixture(scope="module", params=["embedded", pytest.param("apache", marks=pytest.mark.thorough)])
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    if request.param == "apache" and not ApacheKafka.available():
        pytest.skip("Java 17 and Maven are not here")
    directory = tmp_path_factory.mktemp("broker")
    made = EmbeddedBroker(directory / "log") if request.param == "embedded" else ApacheKafka(directory)
    made.start()
    yield made
    made.stop()


class World:
    """A database with eight agencies, and one publisher that can be stopped and started."""

    def __init__(self, settings, ports, keys, bootstrap: str, directory: Path) -> None:
        self.settings, self.ports, self.keys, self.bootstrap, self.directory = (
            settings,
            ports,
            keys,
            bootstrap,
            directory,
        )
        self.casework = Casework(ports.log, ports.macs)
        self.service_key = composition.service_key(settings)
        self.stops: list[tuple[Event, Thread]] = []

    def publisher(self) -> Event:
        return self._run(self._publish)

    def subscription(
        self, agency: str, handler=lambda d, db: None, key=None, file=None, forget=None
    ) -> tuple[Subscription, SqliteInbox]:
        inbox: list = []
        made = Event()

        def run(stop: Event) -> None:
            box = SqliteInbox(self.directory / (file or f"{agency}-{uuid4()}.db"), handler, forget)
            source = KafkaSource(agency, self.bootstrap)
            keys = [key] if key else [self.keys[agency], *FORMER]
            sub = Subscription(source, keys, self.service_key, box, rules=Rules(first_pause=0.05))
            inbox.extend((sub, box))
            made.set()
            sub.run(stop)

        self._run(run)
        made.wait(PATIENCE_SECONDS)
        return inbox[0], inbox[1]

    def _publish(self, stop: Event) -> None:
        keeper = Thread(target=composition.keep_register, args=(self.settings, stop), daemon=True)
        keeper.start()
        with composition.publisher(replace(self.settings, kafka=self.bootstrap)) as publisher:
            publisher.run(stop)
        keeper.join(PATIENCE_SECONDS)

    def _run(self, work) -> Event:
        stop = Event()
        thread = Thread(target=work, args=(stop,), daemon=True)
        thread.start()
        self.stops.append((stop, thread))
        return stop

    def halt(self) -> None:
        for stop, thread in self.stops:
            stop.set()
            thread.join(PATIENCE_SECONDS)
        self.stops.clear()

    def act(self, agency: str, role: Role = Role.CASE_WORKER) -> Act:
        kind = next(m.kind for m in network.BONTANG if m.code == agency)
        return Act(
            actor=usual_actor(agency, role),
            agency=agency,
            kind=kind,
            role=role,
            purpose=Purpose.CARE,
            at=datetime.now(UTC),
        )

    def do(self, case, command, agency: str = "uptd-ppa", role: Role = Role.CASE_WORKER) -> None:
        self.casework.handle(CASE, case, command, self.act(agency, role), correlation=uuid4())

    def case_with_hospital(
        self, recipient: str = "rsud", service: Service = Service.HEALTH
    ) -> tuple[CaseId, ReferralId]:
        case, consent, referral = CaseId(uuid4()), ConsentId(uuid4()), ReferralId(uuid4())
        now = datetime.now(UTC)
        self.do(
            case,
            OpenCase(
                occurred_at=now,
                channel=Channel.HOTLINE,
                reporter=Reporter.SURVIVOR,
                urgency=Urgency.URGENT,
                age_group=AgeGroup.ADULT,
            ),
        )
        self.do(
            case,
            GiveConsent(
                occurred_at=now,
                consent=consent,
                compartments=frozenset({"health"}),
                recipients=frozenset({recipient}),
                purposes=frozenset({Purpose.CARE}),
                given_by=frozenset({ConsentBy.SURVIVOR}),
                obtained=Obtained.VERBAL,
            ),
        )
        self.note(case)
        self.do(
            case,
            DraftReferral(
                occurred_at=now,
                referral=referral,
                recipient=recipient,
                service=service,
                urgency=Urgency.EMERGENCY,
                purpose=Purpose.CARE,
                compartments=frozenset({"health"}),
            ),
        )
        self.do(case, SendReferral(occurred_at=now, referral=referral))
        return case, referral

    def note(self, case) -> None:
        self.do(case, RecordNote(occurred_at=datetime.now(UTC), note=NoteId(uuid4()), health=MARKER, safety="secret"))

    def entitled(self, agency: str, after: int = 0) -> set[str]:
        with composition.follower(self.settings) as source:
            return entitled(source.store, {agency}, after)[agency]

    def head(self) -> int:
        with composition.follower(self.settings) as source:
            return source.head()


@pytest.fixture
def world(settings, broker, tmp_path) -> Iterator[World]:
    with composition.service(settings, connections=4) as ports:
        keys = network.set_up(Casework(ports.log, ports.macs), settings.data / "agencies")
        with composition.follower(settings) as source, composition.runner(settings, source) as runner:
            runner.catch_up()
        made = World(settings, ports, keys, broker.bootstrap, tmp_path)
        yield made
        made.halt()


def eventually(check, seconds: float = PATIENCE_SECONDS) -> bool:
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if check():
            return True
        time.sleep(0.05)
    return bool(check())


def test_an_agency_handles_exactly_what_it_may_know_once_and_in_order(world):
    seen: list = []
    world.publisher()
    world.subscription("rsud", lambda d, db: seen.append(d))
    world.subscription("psikolog", lambda d, db: pytest.fail("an agency that took no part was told something"))
    case, referral = world.case_with_hospital()
    world.do(case, ReceiveReferral(occurred_at=datetime.now(UTC), referral=referral), "rsud")
    expected = world.entitled("rsud")
    assert eventually(lambda: {d.id for d in seen} >= expected)
    told = [d.id for d in seen if d.topic != envelope.ERASED]
    assert set(told) == expected
    assert len(told) == len(expected)
    mine = [d for d in seen if d.case == case]
    by_topic = {d.topic: d for d in mine}
    assert by_topic["case.NoteRecorded"].fields()["health"] == MARKER
    assert by_topic["case.NoteRecorded"].withheld == ["safety"]
    assert "case.ConsentGiven" not in by_topic
    told_before = [d.topic for d in mine[: [d.topic for d in mine].index("case.ReferralSent")]]
    assert told_before == ["case.CaseOpened", "case.NoteRecorded", "case.ReferralDrafted"]


@pytest.mark.thorough
def test_a_publisher_that_stops_goes_on_without_loss_or_repetition(world):
    seen: list[str] = []
    stop = world.publisher()
    sub, _ = world.subscription("rsud", lambda d, db: seen.append(d.id))
    case, _ = world.case_with_hospital()
    assert eventually(lambda: set(seen) >= world.entitled("rsud"))
    stop.set()
    for _ in range(5):
        world.note(case)
    world.publisher()
    assert eventually(lambda: set(seen) >= world.entitled("rsud"))
    assert len(seen) == len(set(seen))
    assert sub.again == 0, "the publisher sent something twice"


@pytest.mark.thorough
def test_a_subscriber_that_stops_goes_on_behind_what_it_handled(world):
    first: list[str] = []
    second: list[str] = []
    world.publisher()
    world.subscription("rsud", lambda d, db: first.append(d.id), file="same.db")
    case, _ = world.case_with_hospital()
    assert eventually(lambda: set(first) >= world.entitled("rsud"))
    world.halt()
    world.note(case)
    world.publisher()
    world.subscription("rsud", lambda d, db: second.append(d.id), file="same.db")
    assert eventually(lambda: set(first) | set(second) >= world.entitled("rsud"))
    assert not set(first) & set(second)


@pytest.mark.thorough
def test_a_handler_that_fails_gets_the_delivery_again_and_nothing_overtakes_it(world):
    failures = iter([True, True, False])
    order: list[int] = []

    def handler(d, db: sqlite3.Connection):
        if not order and next(failures, False):
            raise RuntimeError
        if d.topic != envelope.ERASED:
            order.append(d.position)

    world.publisher()
    world.subscription("rsud", handler)
    world.case_with_hospital()
    expected = world.entitled("rsud")
    assert eventually(lambda: len(order) >= len(expected))
    assert len(order) == len(expected)


def test_a_forged_message_is_passed_over_and_noted(world):
    topics.ensure(KafkaAdminClient(bootstrap_servers=world.bootstrap, **topics.ADMIN), ["lbh"])
    producer = KafkaProducer(bootstrap_servers=world.bootstrap, **topics.PRODUCER)
    producer.send(topics.topic_of("lbh"), value=b"forged", key=b"k", headers=[], partition=0).get(PATIENCE_SECONDS)
    producer.close()
    sub, _ = world.subscription("lbh", file="forged.db")
    assert eventually(lambda: sub.rejected >= 1)
    with sqlite3.connect(world.directory / "forged.db") as db:
        reasons = db.execute("SELECT reason, sequence FROM rujukan_dead_letter").fetchall()
    assert ("not-ours", None) in reasons


@pytest.mark.thorough
def test_what_others_write_to_a_topic_does_not_stop_the_publisher(world):
    seen: list[str] = []
    stop = world.publisher()
    sub, _ = world.subscription("rsud", lambda d, db: seen.append(d.id))
    case, _ = world.case_with_hospital()
    assert eventually(lambda: set(seen) >= world.entitled("rsud"))
    stop.set()
    producer = KafkaProducer(bootstrap_servers=world.bootstrap, **topics.PRODUCER)
    for n in range(20):
        producer.send(topics.topic_of("rsud"), value=b"forged", key=b"k", headers=[("n", b"%d" % n)], partition=0)
    producer.flush(10)
    producer.close()
    world.note(case)
    world.publisher()
    assert eventually(lambda: set(seen) >= world.entitled("rsud"))
    assert len(seen) == len(set(seen))
    assert sub.again == 0, "the publisher lost its place"


@pytest.mark.thorough
def test_the_topic_tells_nothing(world):
    world.publisher()
    case, _ = world.case_with_hospital()
    expected = len(world.entitled("rsud"))
    consumer = KafkaConsumer(bootstrap_servers=world.bootstrap, **topics.CONSUMER)
    at = topics.partition("rsud")
    consumer.assign([at])
    consumer.seek(at, 0)
    records: list = []
    assert eventually(lambda: records.extend(consumer.poll(200).get(at, ())) or len(records) >= expected)
    consumer.close()
    outside = b" ".join([r.value + r.key + b" ".join(n.encode() + v for n, v in r.headers) for r in records])
    for telling in (MARKER.encode(), b"health", b"NoteRecorded", str(case).encode(), case.bytes, b"kesehatan"):
        assert telling not in outside


@pytest.mark.thorough
def test_a_topic_that_comes_back_empty_is_filled_again_and_handled_once(world, broker):
    if not isinstance(broker, EmbeddedBroker):
        return  # Apache Kafka keeps its data
    seen: list[str] = []
    world.publisher()
    world.subscription("rsud", lambda d, db: seen.append(d.id))
    case, _ = world.case_with_hospital()
    assert eventually(lambda: set(seen) >= world.entitled("rsud"))
    broker.stop()
    broker.start()
    world.note(case)
    assert eventually(lambda: set(seen) >= world.entitled("rsud"))
    assert len(seen) == len(set(seen))


@pytest.mark.thorough
def test_a_new_key_is_used_from_the_next_message_on(world):
    seen: list[str] = []
    world.publisher()
    case, _ = world.case_with_hospital()
    new = envelope.AgencyKey.generate(f"new-{uuid4()}")
    FORMER.append(new)
    world.casework.handle(
        AGENCY,
        "rsud",
        RegisterKey(occurred_at=datetime.now(UTC), key=new.id, public_key=new.public),
        system_act(),
        correlation=uuid4(),
    )
    world.note(case)
    sub, _ = world.subscription("rsud", lambda d, db: seen.append(d.id), key=new)
    assert eventually(lambda: len(seen) >= 1)
    assert eventually(lambda: sub.dead >= 1), "what was sealed to the old key does not open with the new one"
    world.casework.handle(
        AGENCY, "rsud", RetireKey(occurred_at=datetime.now(UTC), key=new.id), system_act(), correlation=uuid4()
    )


def deleted_by(world, agency: str) -> list:
    """The erasures of which an agency says, in its own topic, that it deleted its copies."""
    consumer = KafkaConsumer(bootstrap_servers=world.bootstrap, **topics.CONSUMER)
    at = TopicPartition(topics.acks_of(agency), 0)
    consumer.assign([at])
    consumer.seek(at, 0)
    said = [acknowledgement.read(r.value) for _ in range(5) for r in consumer.poll(200).get(at, ())]
    consumer.close()
    return [erasure for one in said for erasure in one.deleted]


@pytest.mark.thorough
def test_an_erasure_reaches_each_agency_that_was_told_and_its_inbox_deletes(world):
    """In order with the rest, about the case by its number and pseudonym, and with no word of who else took part."""
    shelter = "rumah-aman"  # to which no other test tells anything
    kept: list = []
    asked: list = []
    admin = KafkaAdminClient(bootstrap_servers=world.bootstrap, **topics.ADMIN)
    with suppress(TopicAlreadyExistsError):
        admin.create_topics([NewTopic(topics.acks_of(shelter), num_partitions=1, replication_factor=-1)])
    admin.close()
    before = world.head()
    world.publisher()

    def forget(deletion, db):
        asked.append(deletion)
        kept[:] = [d for d in kept if d.case != deletion.case]

    world.subscription(shelter, lambda d, db: kept.append(d), forget=forget, file="deleting.db")
    world.subscription("psikolog", lambda d, db: pytest.fail("an agency that took no part was told something"))
    case, referral = world.case_with_hospital(shelter, Service.SHELTER)
    other, _ = world.case_with_hospital(shelter, Service.SHELTER)
    world.do(case, CancelReferral(occurred_at=datetime.now(UTC), referral=referral))
    assert eventually(lambda: {d.case for d in kept} >= {case, other})
    erasure = ErasureId(uuid4())
    request = RequestErasure(
        occurred_at=datetime.now(UTC),
        erasure=erasure,
        basis=ErasureBasis.SURVIVOR_REQUEST,
        whole=True,
        reason="she asks",
    )
    world.do(case, request, role=Role.SUPERVISOR)
    world.do(case, ApproveErasure(occurred_at=datetime.now(UTC), erasure=erasure), role=Role.LEGAL_REVIEWER)
    assert eventually(lambda: case in {d.case for d in asked})
    deletion = asked[-1]
    assert (deletion.erasure, deletion.case, len(deletion.compartments)) == (erasure, case, 9)
    assert case not in {d.case for d in kept}
    assert other in {d.case for d in kept}
    assert eventually(lambda: erasure in deleted_by(world, shelter)), "the inbox acknowledges it by itself"
    told = world.entitled(shelter, before)
    assert told, "a topic that is filled anew tells of the erasure, and of nothing that was erased"
    again: list = []
    world.subscription(shelter, lambda d, db: again.append(d))
    assert eventually(lambda: {d.id for d in again} >= told)
    message = next(d for d in again if d.topic == "erasure.DeletionAsked" and d.case == case)
    assert message.fields().keys() == {"occurred_at", "erasure", "case", "compartments", "agency"}
