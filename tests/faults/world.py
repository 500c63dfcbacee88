"""A whole network as real processes: database, broker or brokers, the service's parts, a subscriber an agency, and a
relay before every server."""

import json
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import psycopg
from kafka import KafkaAdminClient
from msgspec.structs import replace
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from rujukan.api.application.casework import Casework
from rujukan.consumers.wire.envelope import encoded_service_key
from rujukan.consumers.wire.kafka import topics
from rujukan.consumers.wire.kafka.access import KafkaAccess, password_in
from rujukan.domain.codes import Role
from rujukan.infra import composition
from rujukan.infra.demo import network
from rujukan.infra.issuer import usual_actor
from rujukan.infra.kafka import syncing
from rujukan.infra.kafka.planning import ADMIN_USER, SERVICE_USER, Member, Options, user_of
from rujukan.infra.services.broker import HOST, EmbeddedBroker, free_port
from rujukan.infra.services.kafka_cluster import ClusterBroker, KafkaCluster
from rujukan.infra.services.postgres import PORT, EmbeddedPostgres
from rujukan.infra.settings import LIMIT, Settings, to_environment

from .parts import Broker, Database, Part, Program
from .quiet import Quiet
from .release import Release
from .wires import Wires

SERVICE = ("worker", "publisher", "publisher-2", "sealer", "api")
TRANSPORTS = {
    "uptd-ppa": "kafka, feed",
    "polres": "kafka",
    "rsud": "kafka, feed",
    "dinsos": "pages",
    "lbh": "stream",
    "rumah-aman": "kafka",
    "psikolog": "pages",
    "disdik": "kafka, feed",
}
"""How each agency receives: Kafka alone, Kafka with the feed to heal from, or the feed alone."""
START_SECONDS = 90.0


class Handled(NamedTuple):
    """A row that an agency's handler wrote."""

    id: str
    sequence: int
    case: str
    position: int
    topic: str
    shown: str
    """The compartments of which it had something."""


UNLIMITED: dict[str, Any] = {name: 0 for name in Settings.__struct_fields__ if name.startswith(LIMIT)}
"""What is tried here is whether all of it arrives, under as much load as can be."""


class World:
    """Everything. `kind`: `embedded`, a broker that keeps nothing; `secured`, one Kafka node; `cluster`, three;
    `standby`, the first of these, and a database whose commits wait for a synchronous standby."""

    def __init__(
        self,
        directory: Path,
        kind: str = "embedded",
        disk: Callable[[Path], None] | None = None,
        release: Release | None = None,
    ) -> None:
        """`disk` prepares the directory in which the first node of a cluster keeps its messages, before it starts. An
        earlier `release` prepares the database, and all processes are of it."""
        self.directory = directory
        self.kind = kind
        self.parts: dict[str, Part] = {}
        self.wires = Wires(self._pids)
        self.cluster: KafkaCluster | None = None
        self.settings = Settings(data=directory, **UNLIMITED)
        self.told_otherwise: set[UUID] = set()
        """Cases of which another rule said for a while what is told."""
        self.quiet = Quiet()
        self.release = release
        self.lost: list[range] = []
        """Positions of the log that were lost for good, by a restore."""
        self._disk = disk
        self._began = time.monotonic()

    # From nothing to all of it ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Start all of it; returns when the API answers and every agency's topic is there."""
        postgres = EmbeddedPostgres(self.directory / "postgres")
        self._run(Database("database", postgres))
        conninfo = self._database("database", postgres)
        if self.kind == "standby":
            conninfo = self._with_standby(postgres)
        self._start_brokers()
        port = free_port()
        self.settings = replace(self.settings, database=conninfo, port=port, network="faults", kafka=self.bootstrap)
        self.api = f"http://{HOST}:{port}"
        feed = f"http://{HOST}:{self.wires.before('api', port)}"
        if self.release is None:
            composition.prepare(self.settings)
            with composition.service(self.settings, connections=2) as ports:
                self.keys = network.set_up(Casework(ports.log, ports.macs), self.directory / "agencies")
        else:
            self.keys = self.release.prepare(self.settings, self.directory / "agencies")
        self._let_in()
        self.issuer = composition.issuer(self.settings)
        self.service_key = composition.service_key(self.settings)
        for name in SERVICE:
            self._run(self._program(name))
        self._wait_until_ready()
        for agency in self.keys:
            self._run(self._subscriber(agency, feed))

    def stop(self) -> None:
        """Stop all of it, who asks before who answers."""
        self.wires.mend()
        for part in reversed(self.parts.values()):
            part.close()
        self.wires.close()

    def _start_brokers(self) -> None:
        if self.kind in ("embedded", "standby"):
            broker = RelayedBroker(self.directory / "broker.log")
            broker.advertised = self.wires.before("broker", broker.port)
            self.bootstrap = broker.bootstrap
            self._run(Broker("broker", broker))
            return
        self.cluster = RelayedCluster(self.directory / "kafka", nodes=1 if self.kind == "secured" else 3)
        self.cluster.relay(self.wires)
        if self._disk is not None:
            self._disk(self.cluster.directory / "node-1" / "messages")
        self.cluster.start()
        for node in self.cluster.brokers:
            self._run(Broker(f"broker-{node.node}", node))
        self.bootstrap = self.cluster.bootstrap
        self.settings = self.cluster.settings(self.settings)

    def _let_in(self) -> None:
        """Agencies get what `rujukan agencies sync` gives them."""
        members = [Member(member.code, True) for member in network.BONTANG]
        self._passwords = self.directory / "credentials"
        if self.cluster is not None:
            syncing.sync(self.cluster.access(ADMIN_USER), members, Options(), self._passwords)

    def _database(self, name: str, postgres: EmbeddedPostgres) -> str:
        """The database behind its relay."""
        return f"postgresql://postgres@{HOST}:{self._relayed(name, postgres)}/postgres"

    def _relayed(self, name: str, postgres: EmbeddedPostgres) -> int:
        folder = parse_qs(urlsplit(postgres.conninfo).query)["host"][0]
        return self.wires.before(name, f"{folder}/.s.PGSQL.{PORT}")

    def _with_standby(self, primary: EmbeddedPostgres) -> str:
        """Both hosts, as an operator names them: whichever takes writes."""
        standby = EmbeddedPostgres(self.directory / "standby")
        with psycopg.connect(primary.conninfo, autocommit=True) as db:
            db.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")  # is copied, and holds after a promotion
            copied_from(primary, standby)
            self._run(Database("standby", standby))
            db.execute("SELECT pg_reload_conf()")
        ports = (self._relayed(name, server) for name, server in (("standby", standby), ("database", primary)))
        return make_conninfo(
            dbname="postgres",
            user="postgres",
            host=f"{HOST},{HOST}",
            port=",".join(map(str, ports)),
            target_session_attrs="read-write",
        )

    def servers(self, name: str) -> list[str]:
        """The relays that lead to a part: to the database, both, as either may be the one that takes writes."""
        return ["database", "standby"] if name == "database" and "standby" in self.parts else [name]

    def command(self, name: str) -> list[str]:
        """What runs a part of the service."""
        return [sys.executable, "-m", "rujukan.infra.cli", name.removesuffix("-2")]

    def environment(self) -> dict[str, str]:
        """What a part of the service is told."""
        return to_environment(self.settings) if self.release is None else self.release.environment(self.settings)

    def second(self, name: str) -> None:
        """Run a second process of this kind."""
        self._run(self._program(f"{name}-2"))

    def without_second(self, name: str) -> None:
        """Stop it again."""
        self.parts.pop(f"{name}-2").close()

    def _program(self, name: str) -> Program:
        return Program(name, self.command(name), self.environment(), self.directory / f"{name}.log")

    def _subscriber(self, agency: str, feed: str) -> Program:
        transport = TRANSPORTS[agency]
        access = self.access(agency)
        about = {
            "agency": agency,
            "key": str(self.directory / "agencies" / f"{agency}.key"),
            "service": encoded_service_key(self.service_key),
            "inbox": str(self.inbox(agency)),
            "kafka": access.bootstrap if "kafka" in transport else "",
            "ca": str(access.ca or ""),
            "user": access.user,
            "password": access.password,
            "feed": feed if transport != "kafka" else "",
            "token": self.token(agency, Role.INTEGRATOR, 24 * 3600),
            "stream": transport == "stream",
        }
        file = self.directory / f"subscriber-{agency}.json"
        file.touch(0o600)
        file.write_text(json.dumps(about))
        program = Path(__file__).with_name("subscriber.py")
        name = subscriber(agency)
        library = self.release.library if self.release else {}
        return Program(name, [sys.executable, str(program), str(file)], library, self.directory / f"{name}.log")

    def _run(self, part: Part) -> None:
        self.parts[part.name] = part
        part.up()

    def _pids(self) -> dict[str, int]:
        return {name: pid for name, part in list(self.parts.items()) if (pid := part.pid)}

    def _wait_until_ready(self) -> None:
        give_up = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up:
            try:
                if httpx.get(f"{self.api}/health", timeout=2).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        raise TimeoutError(f"the API does not answer: see {self.directory}/api.log")

    # What faults and checks ask for ----------------------------------------------------------------------------

    @property
    def brokers(self) -> list[str]:
        """The names of the brokers."""
        return [name for name in self.parts if name.startswith("broker")]

    @property
    def subscribers(self) -> list[str]:
        """The names of the subscribers."""
        return [subscriber(agency) for agency in self.keys]

    def token(self, agency: str, role: Role = Role.CASE_WORKER, seconds: int = 24 * 3600) -> str:
        """A token of a person of an agency."""
        return self.issuer.token(usual_actor(agency, role), agency, [role], seconds)

    def access(self, agency: str = "") -> KafkaAccess:
        """How an agency comes to its topic; how the service does, where none is named."""
        if self.cluster is None:
            return KafkaAccess(self.bootstrap)
        if not agency:
            return self.cluster.access(SERVICE_USER)
        password = password_in(self._passwords / f"{agency}.properties")
        return KafkaAccess(self.cluster.bootstrap, self.cluster.authority.certificate, user_of(agency), password)

    def admin(self) -> KafkaAdminClient:
        """Who administers the brokers. Close it."""
        access = self.access() if self.cluster is None else self.cluster.access(ADMIN_USER)
        return KafkaAdminClient(**topics.ADMIN, **access.options())

    def inbox(self, agency: str) -> Path:
        """An agency's inbox."""
        return self.directory / f"{agency}.db"

    def handled(self, agency: str, after: int = 0) -> list[Handled]:
        """What an agency's handler wrote, from log position `after` on, in the order in which it did."""
        return [
            Handled(*row)
            for row in self.rows(
                agency,
                "SELECT id, sequence, case_id, position, topic, shown FROM handled WHERE position > ? ORDER BY n",
                after,
            )
        ]

    def asked(self) -> psycopg.Connection[Any]:
        """A connection to the database, past its relay, as its owner."""
        database = self.parts["database"]
        assert isinstance(database, Database)
        return psycopg.connect(database.server.conninfo, autocommit=True)

    def rows(self, agency: str, sql: str, *values: object) -> list[tuple]:
        """Rows of an agency's inbox; none where there is no such table yet."""
        if not self.inbox(agency).exists():
            return []
        with closing(sqlite3.connect(self.inbox(agency), timeout=20)) as db:
            try:
                return db.execute(sql, values).fetchall()
            except sqlite3.OperationalError as problem:
                if "no such table" not in str(problem):
                    raise
                return []

    def counted(self, agency: str, what: str) -> int:
        """What an agency's subscriptions counted, one after the other; what one counted in its last half second before
        it was killed is missing."""
        files = self.directory.glob(f"{agency}.*.json")
        return sum(json.loads(file.read_text())[what] for file in files)

    def log_of(self, part: str) -> str:
        """What a part said."""
        file = self.directory / f"{part}.log"
        return file.read_text(errors="replace") if file.exists() else ""


def copied_from(primary: EmbeddedPostgres, standby: EmbeddedPostgres) -> None:
    """Make a server a standby of another: its data are copied, and whatever it had is gone."""
    host = str(conninfo_to_dict(primary.conninfo)["host"])
    shutil.rmtree(standby.data_dir, ignore_errors=True)
    standby.data_dir.parent.chmod(0o755)
    standby.data_dir.mkdir(mode=0o700)
    os.chown(standby.data_dir, primary.data_dir.stat().st_uid, -1)
    command = ("pg_basebackup", "-h", host, "-U", "postgres", "-D", str(standby.data_dir), "-R", "-X", "stream")
    done = primary._run(*command, "-c", "fast", folder=Path("/"))
    assert done.returncode == 0, done.stdout


def subscriber(agency: str) -> str:
    """The part's name."""
    return f"subscriber {agency}"


class RelayedBroker(EmbeddedBroker):
    """The embedded broker, saying that it is where its relay is."""

    advertised = 0

    @property
    def bootstrap(self) -> str:
        return f"{HOST}:{self.advertised}"

    def _command(self) -> Sequence[str]:
        command = list(super()._command())
        command[command.index("--advertised-listener-url") + 1] = f"tcp://{HOST}:{self.advertised}"
        return command


class RelayedCluster(KafkaCluster):
    """A cluster whose nodes say, to clients and to each other, that they are where their relays are."""

    def relay(self, wires: Wires) -> None:
        """Put a relay before each node."""
        self._relays = {
            (broker.node, listener): wires.before(f"broker-{broker.node}", broker.ports[listener])
            for broker in self.brokers
            for listener in ("clients", "brokers")
        }

    @property
    def bootstrap(self) -> str:
        return ",".join(f"{HOST}:{self._relays[broker.node, 'clients']}" for broker in self.brokers)

    def properties_of(self, broker: ClusterBroker) -> str:
        said = super().properties_of(broker)
        old = [line for line in said.splitlines() if line.startswith("advertised.listeners=")]
        clients, brokers = (self._relays[broker.node, listener] for listener in ("clients", "brokers"))
        return said.replace(old[0], f"advertised.listeners=CLIENTS://{HOST}:{clients},BROKERS://{HOST}:{brokers}")
