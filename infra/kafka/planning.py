"""What a Kafka cluster should hold for the agencies, held against what it holds: the steps from one to the other.

Pure. For each agency three topics of one partition: what it is told, what it acknowledges, what it could not handle; a
user; and permissions that let it do with these, and with a consumer group of the topic's name, what it needs. It learns
of no other name. A suspended agency keeps topics and user, and may do nothing. The service may write what agencies are
told, read it and what they acknowledge, and nothing else: it does not make topics either.

What an option does not say stays as it is in the cluster, or is what `planning` says where it is new: a retention that
was made longer is not cut, and history with it, by who forgot to say it again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct

from ...consumers.wire import acknowledgement
from ...consumers.wire.kafka.topics import acks_of, dead_letters_of, topic_of
from ...domain.fact import AgencyCode

ADMIN_USER = "rujukan-admin"
SERVICE_USER = "rujukan-service"
USER_PREFIX = "agency-"
OURS = "rujukan."
"""What every name of ours begins with: topics, groups, transactional ids."""

RETENTION_DAYS = 30
"""Of a new topic. Who is off for longer heals its gap over HTTP."""
BYTES_IN, BYTES_OUT = 1024 * 1024, 20 * 1024 * 1024
"""Of a new user, each second and on each broker."""
MESSAGE_BYTES = 1024 * 1024
EVERY_TOPIC: Mapping[str, str] = {
    "cleanup.policy": "delete",
    "max.message.bytes": str(MESSAGE_BYTES + 64 * 1024),
    "message.timestamp.type": "LogAppendTime",
}
"""The broker's clock counts. A writer whose clock is an hour ahead would be refused (`message.timestamp.after.max.ms`),
and what one writes whose clock is behind by more than the retention would be deleted at once."""
WRITTEN_BY_AGENCY: Mapping[str, str] = {"retention.bytes": str(1024**3)}
"""What an agency writes cannot fill the disk."""
ACKNOWLEDGED: Mapping[str, str] = {**WRITTEN_BY_AGENCY, "max.message.bytes": str(acknowledgement.LARGEST)}
REPLICATION_AS_THE_BROKER_SAYS = -1
DAY_MS = 24 * 3600 * 1000


class Options(Struct, frozen=True, kw_only=True):
    """What an operator may say. Raises ValueError for what cannot be."""

    replication: int | None = None
    min_insync: int | None = None
    retention_days: int | None = None
    quota_bytes_in: int | None = None
    quota_bytes_out: int | None = None

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name.replace('_', ' ')} must be 1 or more")
        if self.replication and self.min_insync and self.min_insync > self.replication:
            raise ValueError("nothing could be written with more replicas in sync than there are")


class Member(NamedTuple):
    """An agency of the network."""

    code: AgencyCode
    active: bool


class Permission(NamedTuple):
    """One ACL, in Kafka's words: `User:agency-rsud` may `READ` the `TOPIC` of that `LITERAL` name."""

    principal: str
    operation: str
    resource: str
    name: str
    pattern: str = "LITERAL"
    host: str = "*"
    kind: str = "ALLOW"

    def __str__(self) -> str:
        prefix = "…" if self.pattern == "PREFIXED" else ""
        return f"{self.principal} {self.operation} {self.resource} {self.name}{prefix}"


class Topic(NamedTuple):
    """A topic that is there; the brokers of each partition; the settings that are its own."""

    name: str
    replicas: Sequence[Sequence[int]]
    settings: Mapping[str, str]


class Cluster(Struct, frozen=True, kw_only=True):
    """What a cluster holds. Users, permissions and quotas are None for a cluster that knows none."""

    brokers: Sequence[int]
    topics: Mapping[str, Topic]
    users: frozenset[str] | None = None
    permissions: frozenset[Permission] | None = None
    quotas: Mapping[str, Mapping[str, int]] | None = None


class MakeTopic(NamedTuple):
    name: str
    replication: int
    settings: Mapping[str, str]

    def __str__(self) -> str:
        return f"make topic {self.name}{_said(self.settings)}"


class Configure(NamedTuple):
    name: str
    settings: Mapping[str, str]

    def __str__(self) -> str:
        return f"set on topic {self.name}{_said(self.settings)}"


class MoveReplicas(NamedTuple):
    name: str
    replicas: Sequence[int]

    def __str__(self) -> str:
        return f"keep topic {self.name} on brokers {' '.join(map(str, self.replicas))}"


class MakeUser(NamedTuple):
    """With a password of its own, which goes into the file of that name."""

    user: str
    file: str

    def __str__(self) -> str:
        return f"make user {self.user}"


class NewPassword(NamedTuple):
    user: str
    file: str

    def __str__(self) -> str:
        return f"give user {self.user} a new password"


class Allow(NamedTuple):
    permission: Permission

    def __str__(self) -> str:
        return f"allow {self.permission}"


class Forbid(NamedTuple):
    permission: Permission

    def __str__(self) -> str:
        return f"take back {self.permission}"


class Limit(NamedTuple):
    user: str
    rates: Mapping[str, int]

    def __str__(self) -> str:
        return f"limit user {self.user}{_said(self.rates)}"


Step = MakeTopic | Configure | MoveReplicas | MakeUser | NewPassword | Allow | Forbid | Limit

ORDER = (Forbid, MakeTopic, Configure, MoveReplicas, MakeUser, NewPassword, Limit, Allow)
"""What is to be taken back is taken back first; nobody may do anything before there is a limit to it."""


class Plan(NamedTuple):
    """Steps in the order in which they are to be done, and what a person should look at."""

    steps: Sequence[Step]
    notices: Sequence[str]


def user_of(agency: AgencyCode) -> str:
    """The user that an agency comes in as."""
    return USER_PREFIX + agency


def topics_of(agency: AgencyCode) -> tuple[str, str, str]:
    """What it is told, what it acknowledges, what it could not handle."""
    return topic_of(agency), acks_of(agency), dead_letters_of(agency)


def permissions_of(agency: AgencyCode) -> frozenset[Permission]:
    """What an agency may do. To read or write something is, in Kafka, to see its name too."""
    principal = f"User:{user_of(agency)}"
    deliveries, acks, dead_letters = topics_of(agency)
    return frozenset(
        {
            Permission(principal, "READ", "TOPIC", deliveries),
            Permission(principal, "WRITE", "TOPIC", acks),
            Permission(principal, "READ", "TOPIC", dead_letters),
            Permission(principal, "WRITE", "TOPIC", dead_letters),
            Permission(principal, "READ", "GROUP", deliveries),
        }
    )


def permissions_of_service(agencies: Iterable[AgencyCode]) -> frozenset[Permission]:
    """What the publisher and the reader of acknowledgements need, topic by topic: a prefix would let them write
    what only agencies may say. That all three topics are there the publisher looks before it sends."""
    principal = f"User:{SERVICE_USER}"
    found = {Permission(principal, op, "TRANSACTIONAL_ID", OURS, "PREFIXED") for op in ("WRITE", "DESCRIBE")}
    for agency in agencies:
        deliveries, acks, _ = topics_of(agency)
        found |= {Permission(principal, op, "TOPIC", deliveries) for op in ("WRITE", "READ")}
        found |= {Permission(principal, "READ", "TOPIC", acks)}
        found |= {Permission(principal, "DESCRIBE", "TOPIC", name) for name in topics_of(agency)}
    return frozenset(found)


def plan(
    agencies: Sequence[Member], found: Cluster, options: Options, new_passwords: frozenset[AgencyCode] = frozenset()
) -> Plan:
    """How the cluster comes to hold what these agencies need. Raises ValueError for a password of nobody, or more
    replicas than brokers."""
    if unknown := new_passwords - {agency.code for agency in agencies}:
        raise ValueError(f"there is no agency {', '.join(sorted(unknown))}")
    if options.replication and options.replication > len(found.brokers):
        raise ValueError(f"{options.replication} replicas need as many brokers; there are {len(found.brokers)}")
    making: list[Step] = []
    notices: list[str] = []
    for agency in agencies:
        more_settings: Sequence[Mapping[str, str]] = ({}, ACKNOWLEDGED, WRITTEN_BY_AGENCY)
        for name, more in zip(topics_of(agency.code), more_settings, strict=True):
            making += _topic(name, more, found, options, notices)
    if found.users is None or found.permissions is None or found.quotas is None:
        if new_passwords:
            raise ValueError("the cluster knows no users")
        return Plan(making, [*notices, "the cluster lets everybody do everything: topics only"])
    granting: list[Step] = []
    if SERVICE_USER not in found.users:
        granting.append(MakeUser(SERVICE_USER, SERVICE_USER))
    for agency in agencies:
        granting += _user(agency.code, found.users, found.quotas, options, agency.code in new_passwords)
    wanted = permissions_of_service(a.code for a in agencies).union(
        *(permissions_of(a.code) for a in agencies if a.active)
    )
    granting += map(Allow, sorted(wanted - found.permissions))
    ours = {p for p in found.permissions if _is_our_principal(p.principal)}
    notices += (f"not ours, and left as it is: {p}" for p in sorted(found.permissions - ours) if _concerns_us(p))
    steps = [*map(Forbid, sorted(ours - wanted)), *making, *granting]
    return Plan(sorted(steps, key=lambda step: ORDER.index(type(step))), notices)


def _topic(name: str, more: Mapping[str, str], found: Cluster, options: Options, notices: list[str]) -> Iterator[Step]:
    """The steps to one topic."""
    fixed = {**EVERY_TOPIC, **more}
    if options.min_insync is not None:
        fixed["min.insync.replicas"] = str(options.min_insync)
    if options.retention_days is not None:
        fixed["retention.ms"] = str(options.retention_days * DAY_MS)
    topic = found.topics.get(name)
    if topic is None:
        settings = {"retention.ms": str(RETENTION_DAYS * DAY_MS)} | fixed
        yield MakeTopic(name, options.replication or REPLICATION_AS_THE_BROKER_SAYS, settings)
        return
    if changed := {key: value for key, value in fixed.items() if topic.settings.get(key) != value}:
        yield Configure(name, changed)
    if len(topic.replicas) != 1:
        notices.append(f"topic {name} has {len(topic.replicas)} partitions, and should have one: it has no one order")
    elif options.replication and len(topic.replicas[0]) != options.replication:
        yield MoveReplicas(name, _replicas(name, topic.replicas[0], found.brokers, options.replication))


def _replicas(name: str, now: Sequence[int], brokers: Sequence[int], many: int) -> Sequence[int]:
    """So many of the brokers: those that have it already, in their order, then others, not the same for every topic."""
    start = sum(name.encode()) % len(brokers)
    others = [b for b in (*brokers[start:], *brokers[:start]) if b not in now]
    return [*now, *others][:many]


def _user(
    agency: AgencyCode,
    users: frozenset[str],
    quotas: Mapping[str, Mapping[str, int]],
    options: Options,
    new_password: bool,
) -> Iterator[Step]:
    """The steps to one agency's user and its limits."""
    user = user_of(agency)
    if user not in users:
        yield MakeUser(user, agency)
    elif new_password:
        yield NewPassword(user, agency)
    now = quotas.get(user, {})
    said = {"producer_byte_rate": options.quota_bytes_in, "consumer_byte_rate": options.quota_bytes_out}
    usual = {"producer_byte_rate": BYTES_IN, "consumer_byte_rate": BYTES_OUT}
    rates = {key: value or now.get(key, usual[key]) for key, value in said.items()}
    if changed := {key: rate for key, rate in rates.items() if now.get(key) != rate}:
        yield Limit(user, changed)


def _is_our_principal(principal: str) -> bool:
    return principal == f"User:{SERVICE_USER}" or principal.startswith(f"User:{USER_PREFIX}")


def _concerns_us(permission: Permission) -> bool:
    """Whether it reaches something of ours: by its name, by a prefix of it, or by naming everything."""
    if permission.resource == "CLUSTER" or permission.name == "*":
        return True
    if permission.pattern == "PREFIXED":
        return OURS.startswith(permission.name) or permission.name.startswith(OURS)
    return permission.name.startswith(OURS)


def _said(settings: Mapping[str, str] | Mapping[str, int]) -> str:
    return "".join(f" {key}={value}" for key, value in sorted(settings.items()))
