"""A real Apache Kafka with security on: what an agency's credentials open, and what they do not."""

import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import UUID, uuid4

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ConfigResource, ResourcePattern, ResourceType
from kafka.admin import UserScramCredentialUpsertion as NewScramPassword
from kafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailedError,
)
from kafka.protocol.consumer import FetchRequest, OffsetCommitRequest, OffsetFetchRequest
from kafka.protocol.consumer.offsets import ListOffsetsRequest
from kafka.protocol.producer.produce import ProduceRequest
from kafka.record.memory_records import MemoryRecordsBuilder
from kafka.structs import OffsetAndMetadata
from msgspec.structs import replace
from patience import PATIENCE_SECONDS

from rujukan.api.application.casework import Casework
from rujukan.api.application.kinds import AGENCY, CASE
from rujukan.consumers.agency.inbox.notes import MOST_SAID
from rujukan.consumers.wire import acknowledgement
from rujukan.consumers.wire.acknowledgement import Acknowledgement, Failure, Mark
from rujukan.consumers.wire.envelope import Opener
from rujukan.consumers.wire.kafka import topics
from rujukan.consumers.wire.kafka.access import KafkaAccess, password_in
from rujukan.domain.agency import ReactivateAgency, SuspendAgency
from rujukan.domain.case.intake import OpenCase
from rujukan.domain.codes import AgeGroup, Channel, Reporter, Urgency
from rujukan.domain.fact import CaseId
from rujukan.infra import cli, composition
from rujukan.infra.delivery import acknowledging
from rujukan.infra.demo import network
from rujukan.infra.kafka import syncing
from rujukan.infra.kafka.planning import (
    ADMIN_USER,
    BYTES_IN,
    BYTES_OUT,
    SERVICE_USER,
    Allow,
    Forbid,
    Member,
    Options,
    Permission,
    Plan,
    topics_of,
    user_of,
)
from rujukan.infra.processes import system_act
from rujukan.infra.services.kafka_cluster import KafkaCluster
from rujukan.infra.settings import Settings, to_environment

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(not KafkaCluster.available(), reason="Java 17 and Maven are not here"),
]

MINE, OTHER, SUSPENDED = "lbh", "rsud", "disdik"
OWN, THEIRS = topics_of(MINE), topics_of(OTHER)
NOBODYS = "rujukan.agency.nobody"
TOPIC_REFUSED, GROUP_REFUSED, NO_SUCH_TOPIC_ID = 29, 30, 100
MEMBERS = [Member(member.code, True) for member in network.BONTANG]
QUICKLY = {**topics.ADMIN, "bootstrap_timeout_ms": 1000}


class World:
    """A cluster that was brought in line with eight agencies."""

    def __init__(self, cluster: KafkaCluster, credentials: Path) -> None:
        self.cluster = cluster
        self.credentials = credentials

    def sync(self, members: list[Member] = MEMBERS, new: str = "", **options: int) -> Plan:
        new_passwords = frozenset({new} if new else ())
        access = self.cluster.access(ADMIN_USER)
        return syncing.sync(access, members, Options(**options), self.credentials, new_passwords)

    def access(self, agency: str) -> KafkaAccess:
        password = password_in(self.credentials / f"{agency}.properties")
        return KafkaAccess(self.cluster.bootstrap, self.cluster.authority.certificate, user_of(agency), password)

    def admin(self, user: str = ADMIN_USER) -> KafkaAdminClient:
        return KafkaAdminClient(**topics.ADMIN, **self.cluster.access(user).options())


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    cluster = KafkaCluster(tmp_path_factory.mktemp("kafka"), nodes=1)
    made = World(cluster, tmp_path_factory.mktemp("handed-out") / "credentials")
    try:
        cluster.start()
        made.sync()
        yield made
    finally:
        cluster.stop()


@pytest.fixture(scope="module")
def malicious(world: World) -> Iterator[KafkaAdminClient]:
    """Who has one agency's credentials, and wants more."""
    client = KafkaAdminClient(**topics.ADMIN, **world.access(MINE).options())
    yield client
    client.close()


def ask(client: KafkaAdminClient, request: Any) -> Any:
    """Send a message as it is: what a client would not send, as it sees in the metadata that it may not."""
    return client._manager.run(client._manager.send, request)


def ids(world: World, *names: str) -> dict[str, UUID]:
    with closing(world.admin()) as admin:
        return {t["name"]: UUID(str(t["topic_id"])) for t in admin.describe_topics(list(names))}


def send(access: KafkaAccess, topic: str, value: bytes = b"x", **more: Any) -> Any:
    producer = KafkaProducer(**{**topics.PRODUCER, **more}, **access.options())
    try:
        if more:
            producer.init_transactions()
        return producer.send(topic, value, partition=0).get(PATIENCE_SECONDS)
    finally:
        producer.close(timeout=1)


def read(access: KafkaAccess, topic: str, many: int, seconds: float = 15.0) -> list[Any]:
    with closing(KafkaConsumer(**topics.CONSUMER, **access.options())) as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        consumer.seek(TopicPartition(topic, 0), 0)
        return polled(consumer, many, seconds)


def polled(consumer: KafkaConsumer, many: int = 1, seconds: float = 15.0) -> list[Any]:
    found: list[Any] = []
    give_up = time.monotonic() + seconds
    while len(found) < many and time.monotonic() < give_up:
        found += [r for records in consumer.poll(200).values() for r in records]
    return found


# Names -------------------------------------------------------------------------------------------------------


def test_an_agency_sees_no_name_but_its_own(world, malicious):
    assert sorted(malicious.list_topics()) == sorted(OWN)
    with closing(world.admin()) as admin:
        assert len(admin.list_topics()) >= 3 * len(MEMBERS)
    assert malicious.list_groups() == []


def test_a_topic_of_another_answers_as_one_that_is_not_there(malicious):
    answers = {t["name"]: t for t in malicious.describe_topics([*THEIRS, NOBODYS])}
    assert set(answers) == {*THEIRS, NOBODYS}
    for name, answer in answers.items():
        assert {**answer, "name": ""} == {**answers[NOBODYS], "name": ""}, name
        assert answer["error_code"] == TOPIC_REFUSED


def test_who_guesses_a_name_or_even_an_id_reads_nothing(world, malicious):
    def fetched(version: int, **topic: Any) -> Any:
        partition = FetchRequest.FetchTopic.FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1000)
        wanted = FetchRequest.FetchTopic(**topic, partitions=[partition])
        request = FetchRequest(
            max_wait_ms=1, min_bytes=0, max_bytes=1000, topics=[wanted], max_version=version, min_version=version
        )
        return ask(malicious, request).responses[0].partitions[0]

    known = ids(world, THEIRS[0], OWN[0])
    assert fetched(13, topic_id=known[OWN[0]]).error_code == 0, "the question is a proper one"
    for answer in (fetched(12, topic=THEIRS[0]), fetched(13, topic_id=known[THEIRS[0]])):
        assert answer.error_code == TOPIC_REFUSED
        assert not answer.records
    assert fetched(13, topic_id=uuid4()).error_code == NO_SUCH_TOPIC_ID


@pytest.mark.parametrize("topic", [*THEIRS, NOBODYS])
def test_who_guesses_a_name_learns_no_offset(malicious, topic):
    wanted = ListOffsetsRequest.ListOffsetsTopic
    partition = wanted.ListOffsetsPartition(partition_index=0, timestamp=-1)
    request = ListOffsetsRequest(isolation_level=0, topics=[wanted(name=topic, partitions=[partition])])
    answer = ask(malicious, request).topics[0].partitions[0]
    assert (answer.error_code, answer.offset) == (TOPIC_REFUSED, -1)


# Writing -----------------------------------------------------------------------------------------------------


def test_an_agency_writes_its_acknowledgements_and_dead_letters_and_nothing_else(world, malicious):
    for topic in OWN[1:]:
        assert send(world.access(MINE), topic).offset >= 0
    for topic in (OWN[0], *THEIRS, NOBODYS):
        with pytest.raises(TopicAuthorizationFailedError):
            send(world.access(MINE), topic)


@pytest.mark.parametrize("topic", [OWN[0], *THEIRS])
def test_a_message_sent_past_the_client_is_refused_too(malicious, topic):
    batch = MemoryRecordsBuilder(2, 0, 1000)
    batch.append(timestamp=None, key=None, value=b"x")
    batch.close()
    data = ProduceRequest.TopicProduceData
    part = data.PartitionProduceData(index=0, records=batch.buffer())
    sent = [data(name=topic, partition_data=[part])]
    request = ProduceRequest(transactional_id=None, acks=-1, timeout_ms=5000, topic_data=sent, max_version=9)
    assert ask(malicious, request).responses[0].partition_responses[0].error_code == TOPIC_REFUSED


def test_the_longest_acknowledgement_of_ours_is_taken_and_what_is_longer_is_none(world):
    failed = [Failure(10**12 + n, "handler-failed") for n in range(MOST_SAID)]
    last = Mark(10**12, "r" * 64)
    longest = Acknowledgement(received=last, handled=last, failed=failed).to_json()
    assert send(world.access(MINE), OWN[1], longest).offset >= 0
    too_long = b"x" * acknowledgement.LARGEST
    with pytest.raises(MessageSizeTooLargeError):
        send(world.access(MINE), OWN[1], too_long)
    assert send(world.access(MINE), OWN[2], too_long).offset >= 0, "a dead letter may be"


def test_what_an_agency_wrote_compressed_is_read_a_little_at_a_time(world):
    """30 kB in the topic are 30 MB for the service that reads it: it has two of them in memory, and not all."""
    packing = {"compression_type": "gzip", "max_request_size": 10**9}
    at, bomb = TopicPartition(OWN[1], 0), b"0" * 30_000_000
    with closing(KafkaProducer(**{**topics.PRODUCER, **packing}, **world.access(MINE).options())) as producer:
        first = producer.send(at.topic, bomb, partition=0).get(PATIENCE_SECONDS).offset
        for _ in range(5):
            producer.send(at.topic, bomb, partition=0).get(PATIENCE_SECONDS)
    service = world.cluster.access(SERVICE_USER)
    with closing(KafkaConsumer(**{**topics.CONSUMER, **acknowledging.FETCH}, **service.options())) as consumer:
        consumer.assign([at])
        consumer.seek(at, first)
        read: list[int] = []
        while sum(read) < 6:
            read += [len(records) for records in consumer.poll(200).values()]
    assert max(read) <= 2


def test_what_an_agency_claims_of_the_time_counts_for_nothing(world):
    far = int((time.time() + 10 * 365 * 24 * 3600) * 1000)
    with closing(KafkaProducer(**topics.PRODUCER, **world.access(MINE).options())) as producer:
        stored = producer.send(OWN[1], b"x", partition=0, timestamp_ms=far).get(PATIENCE_SECONDS)
    assert abs(stored.timestamp / 1000 - time.time()) < 24 * 3600, "it would stay for ten years"


def test_an_agency_cannot_take_its_own_acknowledgements_back_out(world, malicious):
    with pytest.raises(TopicAuthorizationFailedError):
        read(world.access(MINE), OWN[1], 1)
    with pytest.raises(TopicAuthorizationFailedError):
        malicious.delete_records({TopicPartition(OWN[1], 0): -1})


# Groups and transactions -------------------------------------------------------------------------------------


def test_the_group_of_another_can_be_neither_joined_nor_looked_at_nor_moved(world, malicious):
    consumer = KafkaConsumer(**{**topics.CONSUMER, "group_id": THEIRS[0]}, **world.access(MINE).options())
    with closing(consumer):
        consumer.subscribe([OWN[0]])
        with pytest.raises(GroupAuthorizationFailedError):
            polled(consumer)
    for attempt in (
        lambda: malicious.describe_groups([THEIRS[0]]),
        lambda: malicious.list_group_offsets({THEIRS[0]: None}),
        lambda: malicious.delete_groups([THEIRS[0]]),
        lambda: malicious.alter_group_offsets(THEIRS[0], {TopicPartition(OWN[0], 0): OffsetAndMetadata(9, "", -1)}),
    ):
        with pytest.raises(GroupAuthorizationFailedError):
            attempt()


def test_nor_by_who_asks_its_coordinator_directly(malicious):
    of = OffsetCommitRequest.OffsetCommitRequestTopic
    at = of.OffsetCommitRequestPartition(partition_index=0, committed_offset=9, committed_metadata="")
    moved = OffsetCommitRequest(
        group_id=THEIRS[0],
        generation_id_or_member_epoch=-1,
        member_id="",
        topics=[of(name=OWN[0], partitions=[at])],
        max_version=8,
    )
    assert ask(malicious, moved).topics[0].partitions[0].error_code == GROUP_REFUSED
    looked = OffsetFetchRequest(group_id=THEIRS[0], topics=None, max_version=7, min_version=7)
    assert ask(malicious, looked).error_code == GROUP_REFUSED


def test_its_own_group_it_can_use(world):
    access = world.access(MINE)
    with closing(KafkaConsumer(**{**topics.CONSUMER, "group_id": OWN[0]}, **access.options())) as consumer:
        consumer.assign([TopicPartition(OWN[0], 0)])
        consumer.commit({TopicPartition(OWN[0], 0): OffsetAndMetadata(0, "", -1)})
        assert consumer.committed(TopicPartition(OWN[0], 0)) == 0


@pytest.mark.parametrize("id", ["rujukan.development.share.0", "rujukan.agency.lbh", "anything"])
def test_an_agency_cannot_halt_the_publisher_by_its_transactional_id(world, malicious, id):
    with pytest.raises(TransactionalIdAuthorizationFailedError):
        send(world.access(MINE), OWN[1], transactional_id=id)
    with pytest.raises(TransactionalIdAuthorizationFailedError):
        malicious.describe_transactions([id])
    assert all(found == [] for found in malicious.list_transactions().values())


# Administration ----------------------------------------------------------------------------------------------

ALTERATIONS: dict[str, tuple[type[KafkaError], Callable[[KafkaAdminClient], object]]] = {
    "make a topic": (TopicAuthorizationFailedError, lambda a: a.create_topics({f"{OWN[0]}.more": {}})),
    "delete its topic": (TopicAuthorizationFailedError, lambda a: a.delete_topics([OWN[0]])),
    "delete another's": (TopicAuthorizationFailedError, lambda a: a.delete_topics([THEIRS[0]])),
    "divide its topic": (TopicAuthorizationFailedError, lambda a: a.create_partitions({OWN[2]: 2})),
    "cut its topic": (TopicAuthorizationFailedError, lambda a: a.delete_records({TopicPartition(OWN[2], 0): -1})),
    "move its topic": (
        ClusterAuthorizationFailedError,
        lambda a: a.alter_partition_reassignments({TopicPartition(OWN[0], 0): [1]}),
    ),
    "choose leaders": (ClusterAuthorizationFailedError, lambda a: a.elect_leaders(0)),
    "look at the quorum": (ClusterAuthorizationFailedError, lambda a: a.describe_metadata_quorum()),
}


@pytest.mark.parametrize("what", ALTERATIONS)
def test_an_agency_cannot(malicious, what):
    refusal, attempt = ALTERATIONS[what]
    with pytest.raises(refusal):
        attempt(malicious)


def test_an_agency_cannot_change_settings_passwords_or_permissions(world, malicious):
    keep = ConfigResource("topic", OWN[2], {"retention.ms": "1"})
    assert "TopicAuthorizationFailed" in malicious.alter_configs([keep], raise_on_unknown=False)["topic"][OWN[2]]
    for user in (user_of(MINE), user_of(OTHER), ADMIN_USER):
        refused = malicious.alter_user_scram_credentials([NewScramPassword(user, "SCRAM-SHA-512", "mine")])
        assert refused[user] is not None
    everything = ResourcePattern(ResourceType.TOPIC, THEIRS[0])
    mine = ACL(f"User:{user_of(MINE)}", "*", ACLOperation.READ, ACLPermissionType.ALLOW, everything)
    assert malicious.create_acls([mine]) == {"succeeded": [], "failed": [ClusterAuthorizationFailedError]}
    assert malicious.describe_configs([ConfigResource("broker", "1")])["broker"]["1"] == {}
    assert world.sync().steps == [], "something changed"


def test_the_service_writes_what_agencies_are_told_and_not_what_they_say(world):
    service = world.cluster.access(SERVICE_USER)
    with closing(world.admin(SERVICE_USER)) as client:
        for attempt in (lambda: client.create_topics({NOBODYS: {}}), lambda: client.delete_topics([OWN[0]])):
            with pytest.raises(TopicAuthorizationFailedError):
                attempt()
    for topic in THEIRS[1:]:
        with pytest.raises(TopicAuthorizationFailedError):
            send(service, topic)


# Coming in ---------------------------------------------------------------------------------------------------


def test_who_has_no_password_or_a_wrong_one_or_no_tls_does_not_come_in(world):
    right = world.access(MINE)
    KafkaAdminClient(**topics.ADMIN, **right.options()).close()
    for wrong in (
        replace(right, password="guessed").options(),
        replace(right, user=user_of(OTHER)).options(),
        replace(right, user="nobody").options(),
        replace(right, user="", password="").options(),
        {"bootstrap_servers": right.bootstrap},
    ):
        with pytest.raises(KafkaTimeoutError):
            KafkaAdminClient(**QUICKLY, **wrong)


def test_a_client_does_not_give_its_password_to_a_broker_that_its_authority_does_not_know(world, tmp_path):
    from rujukan.infra.services.certificates import Authority

    other = Authority(tmp_path).certificate
    with pytest.raises(KafkaTimeoutError):
        KafkaAdminClient(**QUICKLY, **replace(world.access(MINE), ca=other).options())


@pytest.mark.parametrize("listener", ["brokers", "controller"])
def test_only_who_has_a_nodes_certificate_speaks_to_it_as_a_node(world, listener):
    node = world.cluster.brokers[0]
    plain = ssl.create_default_context(cafile=str(world.cluster.authority.certificate))
    known = ssl.create_default_context(cafile=str(world.cluster.authority.certificate))
    known.load_cert_chain(world.cluster.directory / "node-1.pem")

    def stays_open(context: ssl.SSLContext, seconds: float) -> bool:
        with socket.create_connection(("127.0.0.1", node.ports[listener]), timeout=seconds) as raw:
            try:
                with context.wrap_socket(raw, server_hostname="127.0.0.1") as connection:
                    return connection.recv(1) != b""
            except TimeoutError:
                return True  # it waits for what we say
            except (ssl.SSLError, ConnectionError):
                return False

    assert stays_open(known, 1)
    assert not stays_open(plain, 20)


# Bringing it in line -----------------------------------------------------------------------------------------


def test_passwords_are_in_files_for_their_owner_only_and_nowhere_else(world):
    files = sorted(world.credentials.glob("*.properties"))
    assert [f.name for f in files] == sorted(f"{m.code}.properties" for m in MEMBERS)
    assert len(list(world.credentials.iterdir())) == 3 * len(MEMBERS)
    assert {f.stat().st_mode & 0o777 for f in world.credentials.iterdir()} == {0o600}
    assert world.credentials.stat().st_mode & 0o777 == 0o700
    passwords = [password_in(f).encode() for f in files]
    assert len({*passwords}) == len(MEMBERS)
    for file in (p for p in world.cluster.directory.rglob("*") if p.is_file()):
        content = file.read_bytes()
        assert not any(p in content for p in passwords), file


def test_quotas_are_set_and_changed(world):
    def rates(user: str) -> dict[str, int]:
        with syncing.Administration(world.cluster.access(ADMIN_USER)) as cluster:
            return dict((cluster.found([]).quotas or {}).get(user, {}))

    usual = {"producer_byte_rate": BYTES_IN, "consumer_byte_rate": BYTES_OUT}
    assert rates(user_of(MINE)) == usual
    assert rates(SERVICE_USER) == {}
    assert len(world.sync(quota_bytes_in=5_000_000).steps) == len(MEMBERS)
    assert rates(user_of(MINE)) == usual | {"producer_byte_rate": 5_000_000}
    assert world.sync().steps == [], "what is not said stays"
    world.sync(quota_bytes_in=BYTES_IN)


def test_a_topic_keeps_what_an_operator_said_once(world):
    def settings() -> dict[str, str]:
        with syncing.Administration(world.cluster.access(ADMIN_USER)) as cluster:
            return dict(cluster.found(OWN).topics[OWN[0]].settings)

    world.sync(retention_days=90, min_insync=1)
    said = settings()
    assert said["retention.ms"] == str(90 * 24 * 3600 * 1000)
    assert (said["min.insync.replicas"], said["cleanup.policy"]) == ("1", "delete")
    assert world.sync().steps == []
    assert settings() == said
    with pytest.raises(ValueError, match="as many brokers"):
        world.sync(replication=3)


def test_what_somebody_allowed_one_of_ours_by_hand_is_taken_back_and_others_are_pointed_at(world):
    def by_hand(principal: str, name: str) -> Permission:
        pattern = ResourcePattern(ResourceType.TOPIC, name)
        acl = ACL(principal, "*", ACLOperation.READ, ACLPermissionType.ALLOW, pattern)
        with closing(world.admin()) as admin:
            assert not admin.create_acls([acl])["failed"]
        return Permission(principal, "READ", "TOPIC", name)

    curious = by_hand(f"User:{user_of(MINE)}", THEIRS[0])
    stranger = by_hand("User:monitoring", "*")
    planned = world.sync()
    assert planned.steps == [Forbid(curious)]
    assert planned.notices == [f"not ours, and left as it is: {stranger}"]
    assert world.sync().steps == []


def test_a_suspended_agency_may_do_nothing_and_its_topic_waits_for_it(world):
    access = world.access(SUSPENDED)
    deliveries, acks, _ = topics_of(SUSPENDED)
    send(world.cluster.access(SERVICE_USER), deliveries)
    with closing(KafkaConsumer(**topics.CONSUMER, **access.options())) as consumer:
        consumer.assign([TopicPartition(deliveries, 0)])
        consumer.seek(TopicPartition(deliveries, 0), 0)
        assert polled(consumer)
        planned = world.sync([Member(m.code, m.code != SUSPENDED) for m in MEMBERS])
        assert {type(step) for step in planned.steps} == {Forbid}
        send(world.cluster.access(SERVICE_USER), deliveries)
        with pytest.raises(TopicAuthorizationFailedError):  # on the connection that was there before
            polled(consumer)
    with pytest.raises(TopicAuthorizationFailedError):
        send(access, acks)
    with closing(KafkaAdminClient(**topics.ADMIN, **access.options())) as client:
        assert client.list_topics() == []
    assert {type(step) for step in world.sync().steps} == {Allow}
    assert len(read(access, deliveries, 2)) == 2, "the same password, and all that was told meanwhile"


def test_a_new_password_is_one_agencys_and_ends_the_old_one(world):
    before, others = world.access("dinsos"), world.access(OTHER)
    world.sync(new="dinsos")
    after = world.access("dinsos")
    assert after.password != before.password
    KafkaAdminClient(**topics.ADMIN, **after.options()).close()
    with pytest.raises(KafkaTimeoutError):
        KafkaAdminClient(**QUICKLY, **before.options())
    assert world.access(OTHER) == others
    assert sorted(f.suffix for f in world.credentials.glob("dinsos*")) == [".librdkafka", ".pem", ".properties"]
    with pytest.raises(ValueError, match="no agency"):
        world.sync(new="nobody")


# The whole way -----------------------------------------------------------------------------------------------


@pytest.fixture
def secured(settings: Settings, world: World) -> Settings:
    return world.cluster.settings(settings)


def test_the_command_brings_kafka_in_line_and_says_no_password(secured, world, monkeypatch, capsys, tmp_path):
    for name, value in to_environment(secured).items():
        monkeypatch.setenv(name, value)
    with composition.service(secured, connections=4) as ports:
        casework = Casework(ports.log, ports.macs)
        network.set_up(casework, secured.data / "agencies")
        with composition.follower(secured) as source, composition.runner(secured, source) as runner:
            runner.catch_up()
            assert cli.main(["agencies", "sync", "--credentials", str(world.credentials)]) == 0
            assert capsys.readouterr().out == "nothing to do\n"
            away = SuspendAgency(occurred_at=datetime.now(UTC), reason="moved out")
            casework.handle(AGENCY, SUSPENDED, away, system_act(), correlation=uuid4())
            runner.catch_up()
            again = ["agencies", "sync", "--credentials", str(tmp_path), "--new-password", "rumah-aman"]
            assert cli.main([*again, "--dry-run"]) == 0
            would = capsys.readouterr().out
            assert all(line.startswith("would ") for line in would.splitlines())
            assert not list(tmp_path.iterdir()), "a dry run changed something"
            assert cli.main(again) == 0
            did = capsys.readouterr()
            assert did.out == would.replace("would ", "")
            assert "take back User:agency-disdik READ TOPIC rujukan.agency.disdik\n" in did.out
            assert password_in(tmp_path / "rumah-aman.properties") not in did.out + did.err
            casework.handle(
                AGENCY, SUSPENDED, ReactivateAgency(occurred_at=datetime.now(UTC)), system_act(), correlation=uuid4()
            )
            runner.catch_up()
            assert cli.main(["agencies", "sync", "--credentials", str(world.credentials)]) == 0
    assert re.search("allow User:agency-disdik", capsys.readouterr().out)
    assert cli.main(["agencies", "sync", "--replication", "2", "--min-insync", "3"]) == 1
    assert "replicas in sync" in capsys.readouterr().err


def test_the_service_publishes_and_the_agency_reads_its_own(secured, world):
    with composition.service(secured, connections=4) as ports:
        casework = Casework(ports.log, ports.macs)
        keys = network.set_up(casework, secured.data / "agencies")
        with composition.follower(secured) as source, composition.runner(secured, source) as runner:
            runner.catch_up()
        case, act = CaseId(uuid4()), replace(system_act(), agency="uptd-ppa")
        opened = OpenCase(
            occurred_at=act.at,
            channel=Channel.HOTLINE,
            reporter=Reporter.SURVIVOR,
            urgency=Urgency.URGENT,
            age_group=AgeGroup.ADULT,
        )
        casework.handle(CASE, case, opened, act, correlation=uuid4())
    stop = Event()
    threads = [Thread(target=composition.keep_register, args=(secured, stop), daemon=True)]
    threads.append(Thread(target=_publish, args=(secured, stop), daemon=True))
    for thread in threads:
        thread.start()
    try:
        found = read(world.access("uptd-ppa"), topics_of("uptd-ppa")[0], 2, 40)
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
    opener = Opener([keys["uptd-ppa"]], (composition.service_key(secured),))
    told = [opener.open(r.headers, r.key, r.value).topic for r in found]
    assert told == ["case.CaseOpened", "case.ReportReceived"]


def _publish(settings: Settings, stop: Event) -> None:
    with composition.publisher(settings) as publisher:
        publisher.run(stop)
