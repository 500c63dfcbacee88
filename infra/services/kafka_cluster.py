"""A real Apache Kafka 4 with security on: a cluster of three nodes, or one node by itself, started from Maven packages.

Every node is broker and controller at once. TLS 1.3 on every listener. Clients come in by SASL/SCRAM-SHA-512; the nodes
know each other by their certificates. Nobody may do anything that no ACL allows, but for `rujukan-admin` and the nodes.

    cluster = KafkaCluster(directory)
    cluster.start()
    producer = KafkaProducer(**cluster.access(SERVICE_USER).options(), acks="all")
    cluster.brokers[0].kill()            # the two others go on
    cluster.brokers[0].start()           # on its port, with its data; returns when it is a member again

What a directory was begun with (authority, passwords, cluster, ports) stays: a later process finds it there.
"""

import json
import os
import secrets
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import KafkaError
from msgspec.structs import replace

from ...consumers import durable
from ...consumers.wire.kafka.access import KafkaAccess
from ..kafka.planning import ADMIN_USER, SERVICE_USER
from ..settings import Settings
from .apache_kafka import JavaBroker, class_path, new_cluster_id
from .broker import HOST, free_port
from .certificates import Authority

NODES = 3
REPLICATION = 3
MIN_IN_SYNC = 2
PROBE_MS = 3000

# The short session: a dead broker's partitions move to others, and it may register again, when it has run out.
_PROPERTIES = """\
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
inter.broker.listener.name=BROKERS
listeners=CLIENTS://{host}:{clients},BROKERS://{host}:{brokers},CONTROLLER://{host}:{controller}
advertised.listeners=CLIENTS://{host}:{clients},BROKERS://{host}:{brokers}
listener.security.protocol.map=CLIENTS:SASL_SSL,BROKERS:SSL,CONTROLLER:SSL
listener.name.clients.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.clients.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.clients.ssl.client.auth=none
listener.name.brokers.ssl.client.auth=required
listener.name.controller.ssl.client.auth=required
ssl.enabled.protocols=TLSv1.3
ssl.keystore.type=PEM
ssl.keystore.location={certificate}
ssl.truststore.type=PEM
ssl.truststore.location={authority}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=false
super.users={super_users}
log.dirs={messages}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
default.replication.factor={replication}
min.insync.replicas={in_sync}
unclean.leader.election.enable=false
offsets.topic.num.partitions={nodes}
offsets.topic.replication.factor={replication}
transaction.state.log.num.partitions={nodes}
transaction.state.log.replication.factor={replication}
transaction.state.log.min.isr={in_sync}
share.coordinator.state.topic.num.partitions={nodes}
share.coordinator.state.topic.replication.factor={replication}
share.coordinator.state.topic.min.isr={in_sync}
"""


class ClusterBroker(JavaBroker):
    """One node. It can be killed, stopped and started by itself; `start` returns when it is a member of the cluster."""

    heap_mb = 320
    java_options = ("-XX:TieredStopAtLevel=1",)
    """Three nodes start in 11 s instead of 15, and encryption is slower: nothing to measure throughput on."""

    def __init__(self, cluster: "KafkaCluster", node: int, ports: dict[str, int]) -> None:
        super().__init__(cluster.directory / f"node-{node}", ports["clients"])
        self.node = node
        self.ports = ports
        self._cluster = cluster

    def _class_path(self) -> str:
        return self._cluster.class_path

    def _properties(self) -> str:
        return self._cluster.properties_of(self)

    def _formatting(self) -> Sequence[str]:
        users = (f"SCRAM-SHA-512=[name={u},password={p}]" for u, p in self._cluster.passwords.items())
        return ("-t", self._cluster.id, *(word for user in users for word in ("--add-scram", user)))

    def _answers(self) -> bool:
        """Whether the cluster counts it among its brokers, as this node itself sees the cluster."""
        with suppress(OSError):
            socket.create_connection((HOST, self._port), timeout=1).close()
            return self.node in _members(self._cluster.access(ADMIN_USER, self.bootstrap))
        return False


class KafkaCluster:
    """Kafka nodes on this machine, with all their files in `directory`, which their owner alone may enter.

    `users` are let in with passwords made here, beside `rujukan-admin` and `rujukan-service`: no ACL allows them
    anything at first. Nodes outlive this process when `stop` is not called.
    """

    def __init__(self, directory: Path, nodes: int = NODES, users: Sequence[str] = ()) -> None:
        self.directory = directory.expanduser().resolve()
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.authority = Authority(self.directory)
        begun = self._begun(nodes, users)
        self.id: str = begun["id"]
        self.passwords: dict[str, str] = begun["passwords"]
        self.brokers = [ClusterBroker(self, n, ports) for n, ports in enumerate(begun["ports"], start=1)]
        self.class_path = ""

    @staticmethod
    def available() -> bool:
        """Whether Java and Maven are here."""
        return JavaBroker.available()

    @property
    def bootstrap(self) -> str:
        """The addresses of all nodes."""
        return ",".join(broker.bootstrap for broker in self.brokers)

    def access(self, user: str, bootstrap: str = "") -> KafkaAccess:
        """How one of the users that the cluster began with comes in. Raises KeyError for another."""
        return KafkaAccess(bootstrap or self.bootstrap, self.authority.certificate, user, self.passwords[user])

    def settings(self, settings: Settings) -> Settings:
        """These settings, on this cluster: as the service, and with what it takes to administer it."""
        return replace(
            settings,
            kafka=self.bootstrap,
            kafka_ca=self.authority.certificate,
            kafka_user=SERVICE_USER,
            kafka_password=self._password_file(SERVICE_USER),
            kafka_admin_user=ADMIN_USER,
            kafka_admin_password=self._password_file(ADMIN_USER),
        )

    def start(self) -> str:
        """Start every node that does not run; returns the addresses when all are members. Raises BrokerError."""
        self.class_path = class_path(self.directory, self.directory / "maven.log")
        with ThreadPoolExecutor(len(self.brokers)) as pool:
            for _ in pool.map(lambda broker: broker.start(), self.brokers):
                pass
        return self.bootstrap

    def stop(self) -> None:
        """Stop every node."""
        with ThreadPoolExecutor(len(self.brokers)) as pool:
            for _ in pool.map(lambda broker: broker.stop(), self.brokers):
                pass

    def properties_of(self, broker: ClusterBroker) -> str:
        """A node's settings; its certificate is made where it has none."""
        certificate = self.directory / f"node-{broker.node}.pem"
        if not certificate.exists():
            self.authority.issue(_name(broker.node), (HOST, "localhost"), certificate)
        nodes = len(self.brokers)
        supers = (f"User:{ADMIN_USER}", *(f"User:CN={_name(b.node)}" for b in self.brokers))
        return _PROPERTIES.format(
            host=HOST,
            node=broker.node,
            nodes=nodes,
            voters=",".join(f"{b.node}@{HOST}:{b.ports['controller']}" for b in self.brokers),
            certificate=certificate,
            authority=self.authority.certificate,
            super_users=";".join(supers),
            messages=self.directory / f"node-{broker.node}" / "messages",
            replication=min(nodes, REPLICATION),
            in_sync=min(nodes, MIN_IN_SYNC),
            **broker.ports,
        )

    def _password_file(self, user: str) -> Path:
        file = self.directory / f"{user}.password"
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(self.passwords[user])
        return file

    def _begun(self, nodes: int, users: Sequence[str]) -> dict[str, Any]:
        """What the directory was begun with, or is begun with now."""
        file = self.directory / "cluster.json"
        with suppress(FileNotFoundError):
            return dict(json.loads(file.read_text()))
        taken: set[int] = set()
        while len(taken) < 3 * nodes:
            taken.add(free_port())
        free = iter(taken)
        begun = {
            "id": new_cluster_id(),
            "ports": [{name: next(free) for name in ("clients", "brokers", "controller")} for _ in range(nodes)],
            "passwords": {user: secrets.token_urlsafe(32) for user in (ADMIN_USER, SERVICE_USER, *users)},
        }
        durable.create(file, json.dumps(begun).encode())
        return begun


def _name(node: int) -> str:
    return f"rujukan-kafka-{node}"


def _members(access: KafkaAccess) -> set[int]:
    """The ids of the cluster's brokers; none where it cannot be asked."""
    try:
        admin = KafkaAdminClient(bootstrap_timeout_ms=PROBE_MS, request_timeout_ms=PROBE_MS, **access.options())
    except KafkaError:
        return set()
    try:
        return {int(broker["broker_id"]) for broker in admin.describe_cluster()["brokers"]}
    except (KafkaError, KeyError):
        return set()
    finally:
        admin.close()
