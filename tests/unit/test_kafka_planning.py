"""What a Kafka cluster should hold for the agencies, and the steps to it."""

from pathlib import Path

import pytest

from rujukan.consumers.wire.kafka.access import KafkaAccess, password_in
from rujukan.infra.kafka.access import admin_access, service_access
from rujukan.infra.kafka.credentials import Credentials
from rujukan.infra.kafka.planning import (
    DAY_MS,
    SERVICE_USER,
    Allow,
    Cluster,
    Configure,
    Forbid,
    Limit,
    MakeTopic,
    MakeUser,
    Member,
    MoveReplicas,
    NewPassword,
    Options,
    Permission,
    Step,
    Topic,
    permissions_of,
    permissions_of_service,
    plan,
    topics_of,
)
from rujukan.infra.settings import Settings, from_environment, to_environment

RSUD, LBH = Member("rsud", True), Member("lbh", True)
EMPTY = Cluster(brokers=[1, 2, 3], topics={}, users=frozenset(), permissions=frozenset(), quotas={})


def after(found: Cluster, steps: list[Step]) -> Cluster:
    """The cluster when these steps are done."""
    topics, users = dict(found.topics), set(found.users or ())
    permissions, quotas = set(found.permissions or ()), {u: dict(r) for u, r in (found.quotas or {}).items()}
    for step in steps:
        match step:
            case MakeTopic(name, replication, settings):
                brokers = [*found.brokers][: replication if replication > 0 else 1]
                topics[name] = Topic(name, [brokers], settings)
            case Configure(name, settings):
                topics[name] = topics[name]._replace(settings={**topics[name].settings, **settings})
            case MoveReplicas(name, replicas):
                topics[name] = topics[name]._replace(replicas=[replicas])
            case MakeUser(user, _):
                assert user not in users
                users.add(user)
            case NewPassword(user, _):
                assert user in users
            case Allow(permission):
                permissions.add(permission)
            case Forbid(permission):
                permissions.remove(permission)
            case Limit(user, rates):
                quotas.setdefault(user, {}).update(rates)
    return Cluster(
        brokers=found.brokers,
        topics=topics,
        users=frozenset(users),
        permissions=frozenset(permissions),
        quotas=quotas,
    )


def synced(*agencies: Member, found: Cluster = EMPTY, **options: int) -> Cluster:
    done = after(found, list(plan(agencies, found, Options(**options)).steps))
    assert plan(agencies, done, Options(**options)).steps == [], "a second run has something to do"
    assert plan(agencies, done, Options()).steps == [], "what is not said does not stay"
    return done


def may(found: Cluster, user: str) -> set[tuple[str, str, str]]:
    return {(p.operation, p.resource, p.name) for p in found.permissions or () if p.principal == f"User:{user}"}


def test_an_agency_may_do_with_its_own_what_it_needs_and_nothing_else():
    assert may(synced(RSUD, LBH), "agency-rsud") == {
        ("READ", "TOPIC", "rujukan.agency.rsud"),
        ("READ", "GROUP", "rujukan.agency.rsud"),
        ("WRITE", "TOPIC", "rujukan.agency.rsud.acks"),
        ("READ", "TOPIC", "rujukan.agency.rsud.dead-letters"),
        ("WRITE", "TOPIC", "rujukan.agency.rsud.dead-letters"),
    }


def test_no_permission_of_an_agency_reaches_further_than_its_name():
    for permission in permissions_of("rsud"):
        assert (permission.pattern, permission.kind) == ("LITERAL", "ALLOW")
        assert permission.name in topics_of("rsud")


def test_the_service_neither_writes_acknowledgements_nor_reads_dead_letters_nor_makes_topics():
    found = synced(RSUD)
    assert ("WRITE", "TOPIC", "rujukan.agency.rsud.acks") not in may(found, SERVICE_USER)
    assert {op for op, _, name in may(found, SERVICE_USER) if "dead-letters" in name} == {"DESCRIBE"}
    assert {op for op, _, _ in may(found, SERVICE_USER)} == {"READ", "WRITE", "DESCRIBE"}
    assert ("WRITE", "TRANSACTIONAL_ID", "rujukan.") in may(found, SERVICE_USER)


def test_who_is_new_comes_beside_those_who_are_there():
    steps = plan([LBH, RSUD], synced(RSUD), Options()).steps
    assert steps
    assert all("lbh" in str(step) for step in steps)


def test_a_suspended_agency_loses_every_permission_first_and_nothing_else():
    before = synced(RSUD, LBH)
    planned = plan([Member("rsud", False), LBH], before, Options())
    assert {s.permission for s in planned.steps if isinstance(s, Forbid)} == permissions_of("rsud")
    assert len(planned.steps) == len(permissions_of("rsud"))
    away = after(before, list(planned.steps))
    back = plan([RSUD, LBH], away, Options()).steps
    assert {s.permission for s in back if isinstance(s, Allow)} == permissions_of("rsud")
    assert len(back) == len(permissions_of("rsud")), "its password is the same"


def test_what_is_taken_back_is_taken_back_before_anything_is_made():
    mixed = plan([Member("rsud", False), LBH], synced(RSUD), Options()).steps
    kinds = [type(step) for step in mixed]
    assert kinds.index(MakeTopic) > max(n for n, kind in enumerate(kinds) if kind is Forbid)
    assert kinds.index(Allow) > kinds.index(Limit), "it could write without a limit"


def test_a_permission_of_ours_that_should_not_be_goes_and_a_strangers_is_said():
    curious = Permission("User:agency-rsud", "READ", "TOPIC", "rujukan.agency.lbh")
    gone = Permission("User:agency-left", "READ", "TOPIC", "rujukan.agency.left")
    everybody = Permission("User:*", "DESCRIBE", "TOPIC", "rujuk", "PREFIXED")
    other = Permission("User:shop", "READ", "TOPIC", "orders")
    clean = synced(RSUD, LBH)
    assert clean.permissions is not None
    dirty = Cluster(
        brokers=clean.brokers,
        topics=clean.topics,
        users=clean.users,
        permissions=clean.permissions | {curious, gone, everybody, other},
        quotas=clean.quotas,
    )
    planned = plan([RSUD, LBH], dirty, Options())
    assert {str(step) for step in planned.steps} == {str(Forbid(curious)), str(Forbid(gone))}
    assert planned.notices == [f"not ours, and left as it is: {everybody}"]


def test_retention_that_was_said_once_stays_until_it_is_said_again():
    found = synced(RSUD, retention_days=365)
    assert found.topics["rujukan.agency.rsud"].settings["retention.ms"] == str(365 * DAY_MS)
    assert {type(s) for s in plan([RSUD], found, Options(retention_days=30)).steps} == {Configure}
    assert synced(RSUD).topics["rujukan.agency.rsud"].settings["retention.ms"] == str(30 * DAY_MS)


def test_replicas_are_added_beside_those_there_are():
    one = synced(RSUD, replication=1)
    steps = plan([RSUD], one, Options(replication=3)).steps
    assert {type(s) for s in steps} == {MoveReplicas}
    for step in steps:
        assert isinstance(step, MoveReplicas)
        assert step.replicas[0] == one.topics[step.name].replicas[0][0], "the leader that has the messages stays"
        assert sorted(step.replicas) == [1, 2, 3]
    three = synced(RSUD, found=one, replication=3)
    fewer = plan([RSUD], three, Options(replication=2)).steps
    assert all(isinstance(s, MoveReplicas) and len(s.replicas) == 2 for s in fewer)


def test_a_topic_with_several_partitions_is_pointed_at():
    found = synced(RSUD)
    name = "rujukan.agency.rsud"
    broken = {**found.topics, name: found.topics[name]._replace(replicas=[[1], [2]])}
    planned = plan(
        [RSUD],
        Cluster(brokers=[1], topics=broken, users=found.users, permissions=found.permissions, quotas=found.quotas),
        Options(),
    )
    assert "no one order" in planned.notices[0]


@pytest.mark.parametrize(
    "options", [{"replication": 0}, {"retention_days": -1}, {"quota_bytes_in": 0}, {"replication": 1, "min_insync": 2}]
)
def test_what_cannot_be_is_refused(options):
    with pytest.raises(ValueError, match=r"must be|replicas"):
        Options(**options)


def test_more_replicas_than_brokers_or_a_password_of_nobody_are_refused():
    with pytest.raises(ValueError, match="there are 3"):
        plan([RSUD], EMPTY, Options(replication=4))
    with pytest.raises(ValueError, match="no agency lbh"):
        plan([RSUD], EMPTY, Options(), frozenset({"lbh"}))


def test_a_cluster_without_users_gets_topics_and_says_so():
    planned = plan([RSUD], Cluster(brokers=[1], topics={}), Options())
    assert {type(s) for s in planned.steps} == {MakeTopic}
    assert "everybody" in planned.notices[0]


def test_a_thousand_agencies_are_planned_without_a_step_between_them():
    many = [Member(f"agency-{n}", n % 10 != 0) for n in range(1000)]
    found = synced(*many)
    assert found.permissions is not None
    assert len(found.permissions) == 900 * len(permissions_of("x")) + len(permissions_of_service(m.code for m in many))


# Passwords, and the settings that lead to them ---------------------------------------------------------------


@pytest.fixture
def access(tmp_path):
    ca = tmp_path / "ca.pem"
    ca.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    return KafkaAccess("kafka:9093", ca, "rujukan-admin", "secret")


def test_a_file_that_is_there_keeps_its_password(tmp_path, access):
    made = Credentials(tmp_path / "made")
    first = made.password_for_new("rsud", "agency-rsud", access)
    assert made.password_for_new("rsud", "agency-rsud", access) == first
    assert password_in(tmp_path / "made" / "rsud.properties") == first
    assert len(first) >= 43
    assert "AAAA\\n\\\n" in (tmp_path / "made" / "rsud.properties").read_text()


def test_a_new_password_is_in_place_only_when_it_holds(tmp_path, access):
    made, file = Credentials(tmp_path), tmp_path / "rsud.properties"
    first = made.password_for_new("rsud", "agency-rsud", access)
    made.password_for_change("rsud", "agency-rsud", access)
    second = made.password_for_change("rsud", "agency-rsud", access)
    assert password_in(file) == first
    made.changed("rsud")
    assert password_in(file) == second != first
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_password_that_others_can_read_is_none(tmp_path):
    file = tmp_path / "password"
    file.write_text("secret\n")
    file.chmod(0o640)
    with pytest.raises(PermissionError, match="chmod 600"):
        password_in(file)
    file.chmod(0o600)
    assert password_in(file) == "secret"
    file.write_text("no\npassword\n")
    with pytest.raises(ValueError, match="no password"):
        password_in(file)


def test_the_settings_say_who_comes_in(tmp_path):
    ca, secret = tmp_path / "ca.pem", tmp_path / "secret"
    ca.touch()
    secret.write_text("of-the-service")
    secret.chmod(0o600)
    said = {
        "RUJUKAN_KAFKA": "a:1,b:2",
        "RUJUKAN_KAFKA_CA": str(ca),
        "RUJUKAN_KAFKA_USER": "rujukan-service",
        "RUJUKAN_KAFKA_PASSWORD": str(secret),
    }
    settings = from_environment(said)
    found = service_access(settings)
    assert found == KafkaAccess("a:1,b:2", ca, "rujukan-service", "of-the-service")
    assert found.options()["security_protocol"] == "SASL_SSL"
    assert "of-the-service" not in repr(found) + repr(settings) + str(to_environment(settings))
    assert from_environment(to_environment(settings)) == settings
    assert admin_access(settings) == KafkaAccess("a:1,b:2", ca), "the service's password is not the administrator's"


def test_settings_that_do_not_fit_together_are_refused(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("x")
    secret.chmod(0o600)
    with pytest.raises(ValueError, match="RUJUKAN_KAFKA"):
        service_access(Settings())
    with pytest.raises(ValueError, match="RUJUKAN_KAFKA_USER"):
        service_access(Settings(kafka="a:1", kafka_password=secret))
    with pytest.raises(ValueError, match="RUJUKAN_KAFKA_ADMIN_USER"):
        admin_access(Settings(kafka="a:1", kafka_admin_user="x"))
    with pytest.raises(ValueError, match="TLS only"):
        service_access(Settings(kafka="a:1", kafka_user="x", kafka_password=secret))


def test_credentials_are_given_as_librdkafka_takes_them_too(tmp_path: Path) -> None:
    """Of the file for others: so it is right also where that was written by a run that was ended."""
    ca = tmp_path / "authority.pem"
    ca.write_text("-----BEGIN CERTIFICATE-----\nMIIB\nAAE=\n-----END CERTIFICATE-----\n")
    made, access = Credentials(tmp_path / "out"), KafkaAccess("a:1,b:2", ca)
    for is_new in (True, False):
        make = made.password_for_new if is_new else made.password_for_change
        password = make("rsud", "agency-rsud", access)
        if not is_new:
            made.changed("rsud")
        assert (tmp_path / "out" / "rsud.librdkafka").read_text().splitlines() == [
            "bootstrap.servers=a:1,b:2",
            "security.protocol=SASL_SSL",
            "sasl.username=agency-rsud",
            f"sasl.password={password}",
            "sasl.mechanisms=SCRAM-SHA-512",
            "ssl.ca.location=rsud.ca.pem",
        ]
        assert (tmp_path / "out" / "rsud.ca.pem").read_text() == ca.read_text()
        assert {oct(file.stat().st_mode & 0o777) for file in (tmp_path / "out").iterdir()} == {"0o600"}
