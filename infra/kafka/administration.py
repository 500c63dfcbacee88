"""A Kafka cluster as its administrator sees and changes it, in the words of planning.py."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from types import TracebackType
from typing import Any, Self, TypeVar

from kafka import TopicPartition
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ConfigResource,
    ConfigResourceType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from kafka.errors import for_code
from kafka.protocol.admin import AlterClientQuotasRequest, DescribeClientQuotasRequest

from ...consumers.wire.kafka import clients, topics
from ...consumers.wire.kafka.access import KafkaAccess
from .credentials import Credentials
from .planning import (
    Allow,
    Cluster,
    Configure,
    Forbid,
    Limit,
    MakeTopic,
    MakeUser,
    MoveReplicas,
    NewPassword,
    Permission,
    Step,
    Topic,
)

AT_ONCE = 200
"""So many topics or permissions go with one request."""
ITERATIONS = 8192
"""Of PBKDF2 over a password of 256 random bits, which needs none; Kafka wants 4,096."""
ANY_NAME = 2
"""In a filter of quotas: whoever has one."""

T = TypeVar("T")


class NotDone(Exception):
    """The cluster refused something."""


class Administration:
    """A connection. Use as a context manager. Raises KafkaError where the cluster cannot be asked."""

    def __init__(self, access: KafkaAccess) -> None:
        self._access = access
        self._admin = clients.admin(**topics.ADMIN, **access.options())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._admin.close()

    def found(self, names: Sequence[str]) -> Cluster:
        """What the cluster holds, of topics those of these names. Who comes in without a user administers a cluster
        that knows none."""
        brokers = sorted(int(broker["broker_id"]) for broker in self._admin.describe_cluster()["brokers"])
        there = {topic.name: topic for part in _parts(names) for topic in self._topics(part)}
        if not self._access.user:
            return Cluster(brokers=brokers, topics=there)
        return Cluster(
            brokers=brokers,
            topics=there,
            users=frozenset(self._users()),
            permissions=frozenset(self._permissions()),
            quotas=dict(self._quotas()),
        )

    def do(self, steps: Sequence[Step], credentials: Credentials) -> Iterator[Step]:
        """Do these steps, those of a kind together where they follow each other; each is given when it is done.
        Raises KafkaError, NotDone."""
        for kind, same in groupby(steps, type):
            for part in _parts(list(same)):
                self._do(kind, part, credentials)
                yield from part

    def _do(self, kind: type[Any], steps: Sequence[Any], credentials: Credentials) -> None:
        if kind is MakeTopic:
            self._admin.create_topics({s.name: _new(s) for s in steps}, wait_for_metadata=True)
        elif kind is Configure:
            of = [ConfigResource(ConfigResourceType.TOPIC, s.name, dict(s.settings)) for s in steps]
            answers = self._admin.alter_configs(of, raise_on_unknown=False)["topic"]
            _check([f"{name}: {answer}" for name, answer in answers.items() if answer != "OK"])
        elif kind is MoveReplicas:
            self._admin.alter_partition_reassignments({TopicPartition(s.name, 0): list(s.replicas) for s in steps})
        elif kind is MakeUser:
            self._set({s.user: credentials.password_for_new(s.file, s.user, self._access) for s in steps})
        elif kind is NewPassword:
            self._set({s.user: credentials.password_for_change(s.file, s.user, self._access) for s in steps})
            for step in steps:
                credentials.changed(step.file)
        elif kind is Allow:
            refused = self._admin.create_acls([_acl(s.permission) for s in steps])["failed"]
            _check(refused)
        elif kind is Forbid:
            answers = self._admin.delete_acls([_exactly(s.permission) for s in steps])
            _check([error for _, _, error in answers if error is not for_code(0)])
        elif kind is Limit:
            self._limit(steps)

    def _topics(self, names: Sequence[str]) -> Iterator[Topic]:
        described = [t for t in self._admin.describe_topics(list(names)) if not t["error_code"] and t["partitions"]]
        if not described:
            return
        wanted = [ConfigResource(ConfigResourceType.TOPIC, topic["name"]) for topic in described]
        settings = self._admin.describe_configs(wanted, config_filter="modified")["topic"]
        for topic in described:
            replicas = [tuple(p["replica_nodes"]) for p in topic["partitions"]]
            own = {key: str(about["value"]) for key, about in settings[topic["name"]].items()}
            yield Topic(topic["name"], replicas, own)

    def _users(self) -> Iterator[str]:
        for user, about in self._admin.describe_user_scram_credentials().items():
            if any(c["mechanism"] is ScramMechanism.SCRAM_SHA_512 for c in about["credential_infos"]):
                yield user

    def _permissions(self) -> Iterator[Permission]:
        anything = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
        acls, _ = self._admin.describe_acls(ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ANY, anything))
        for acl in acls:
            of = acl.resource_pattern
            yield Permission(
                acl.principal,
                acl.operation.name,
                of.resource_type.name,
                of.resource_name,
                of.pattern_type.name,
                acl.host,
                acl.permission_type.name,
            )

    def _quotas(self) -> Iterator[tuple[str, dict[str, int]]]:
        of = DescribeClientQuotasRequest.ComponentData(entity_type="user", match_type=ANY_NAME, match=None)
        answer = self._ask(DescribeClientQuotasRequest(components=[of], strict=True))
        if answer.error_code:
            raise for_code(answer.error_code)(answer.error_message)
        for entry in answer.entries or ():
            yield entry.entity[0].entity_name, {value.key: int(value.value) for value in entry.values}

    def _limit(self, steps: Sequence[Limit]) -> None:
        entry = AlterClientQuotasRequest.EntryData
        entries = [
            entry(
                entity=[entry.EntityData(entity_type="user", entity_name=step.user)],
                ops=[entry.OpData(key=key, value=float(rate), remove=False) for key, rate in step.rates.items()],
            )
            for step in steps
        ]
        answer = self._ask(AlterClientQuotasRequest(entries=entries, validate_only=False))
        _check([for_code(e.error_code) for e in answer.entries if e.error_code])

    def _set(self, passwords: dict[str, str]) -> None:
        with_password = [
            UserScramCredentialUpsertion(user, ScramMechanism.SCRAM_SHA_512, password, ITERATIONS)
            for user, password in passwords.items()
        ]
        answers = self._admin.alter_user_scram_credentials(with_password)
        _check([f"a password for {user}" for user, problem in answers.items() if problem is not None])

    def _ask(self, request: Any) -> Any:
        """Ask what kafka-python 3.0.12 has the message for, and no method."""
        return self._admin._manager.run(self._admin._manager.send, request)


def _parts(many: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(many), AT_ONCE):
        yield many[start : start + AT_ONCE]


def _new(step: MakeTopic) -> dict[str, Any]:
    return {"num_partitions": 1, "replication_factor": step.replication, "configs": dict(step.settings)}


def _acl(permission: Permission) -> ACL:
    return ACL(*_words(permission), ResourcePattern(*_pattern(permission)))


def _exactly(permission: Permission) -> ACLFilter:
    return ACLFilter(*_words(permission), ResourcePatternFilter(*_pattern(permission)))


def _words(permission: Permission) -> tuple[str, str, Any, Any]:
    kind = ACLPermissionType[permission.kind]
    return permission.principal, permission.host, ACLOperation[permission.operation], kind


def _pattern(permission: Permission) -> tuple[Any, str, Any]:
    return ResourceType[permission.resource], permission.name, ACLResourcePatternType[permission.pattern]


def _check(problems: Sequence[object]) -> None:
    if problems:
        raise NotDone(f"the cluster refused {len(problems)} of what it was asked; the first: {problems[0]}")
