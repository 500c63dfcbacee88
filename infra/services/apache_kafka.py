"""A real Apache Kafka 4, one node that is broker and controller at once, started from Maven packages.

For tests and trials against the original: the same interface as the embedded broker, but messages are kept
on disk and survive a restart.  It is open to everybody on this machine; kafka_cluster.py has one with security
on, and several brokers, and stands on what is shared here.  Needs Java 17 or newer and Maven on the PATH; Maven
downloads Kafka's jars on the first start (about 45 MB into Maven's own repository folder).
"""

from __future__ import annotations

import base64
import functools
import importlib.resources
import os
import re
import shutil
import subprocess
import uuid
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

from .broker import HOST, BrokerError, BrokerProcess, free_port

MINIMUM_JAVA = 17
MAVEN_SECONDS = 600.0
FORMAT_SECONDS = 60.0

_resolved: dict[str, str] = {}
"""pom.xml → the jars that it means: Maven takes seconds to say so again for every new directory."""

# The short broker session: a killed broker may register again only when its old session has run out.
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={log_dir}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=2000
default.replication.factor=1
min.insync.replicas=1
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
"""

_LOGGING = """\
rootLogger.level=warn
rootLogger.appenderRef.console.ref=console
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{ISO8601} %p %c{1} %m%n
"""


class JavaBroker(BrokerProcess):
    """An Apache Kafka node with all its files in ``data_dir`` (created when missing): settings, messages, broker.log.

    Subclasses say its settings.  See :class:`BrokerProcess` for start, stop and liveness; :meth:`start` also
    raises BrokerError when Maven or the formatting of the storage fails.
    """

    start_seconds = 90.0
    heap_mb = 512
    java_options: Sequence[str] = ()

    def __init__(self, data_dir: Path, port: int | None = None) -> None:
        self._data_dir = data_dir.expanduser().resolve()
        self._messages = self._data_dir / "messages"
        super().__init__(self._data_dir / "broker.log", port)

    @staticmethod
    def available() -> bool:
        """True when Maven and a Java of version 17 or newer are on the PATH (asked once per process)."""
        return _available()

    @abstractmethod
    def _properties(self) -> str:
        """The node's settings."""

    def _formatting(self) -> Sequence[str]:
        """What the storage tool is told beside the settings, before the first start."""
        return ("-t", new_cluster_id())

    def _command(self) -> Sequence[str]:
        self._data_dir.mkdir(parents=True, exist_ok=True)
        class_path = self._class_path()
        properties = self._data_dir / "server.properties"
        properties.write_text(self._properties(), encoding="utf-8")
        logging = self._data_dir / "log4j2.properties"
        logging.write_text(_LOGGING, encoding="utf-8")
        java = (
            "java",
            f"-Xms{min(self.heap_mb, 128)}m",
            f"-Xmx{self.heap_mb}m",
            "-XX:+UseSerialGC",
            *self.java_options,
            f"-Dlog4j2.configurationFile={logging.as_uri()}",
            "-cp",
            class_path,
        )
        if not (self._messages / "meta.properties").exists():
            told = ("kafka.tools.StorageTool", "format", "-g", "-c", str(properties), *self._formatting())
            self._java_tool([*java[1:], *told])
        return (*java, "kafka.Kafka", str(properties))

    def _class_path(self) -> str:
        """The jars Kafka needs, resolved by Maven and remembered in the data directory."""
        return class_path(self._data_dir, self._log_file)

    def _java_tool(self, arguments: Sequence[str]) -> None:
        """Run a Java program. Passwords are among its arguments, so these go through a file that nobody else can read;
        and among what it prints is what came of them, so that is not kept."""
        file = self._data_dir / "java.arguments"
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            out.writelines(f'"{_escaped(argument)}"\n' for argument in arguments)
        try:
            _run(["java", f"@{file}"], FORMAT_SECONDS, self._data_dir, self._log_file, keep=False)
        finally:
            file.unlink()


class ApacheKafka(JavaBroker):
    """One node without security.  Topics are not created by a client's mere question for them."""

    def __init__(self, data_dir: Path, port: int | None = None) -> None:
        super().__init__(data_dir, port)
        self._controller_port = free_port()
        while self._controller_port == self._port:
            self._controller_port = free_port()

    def _properties(self) -> str:
        return _PROPERTIES.format(
            host=HOST,
            port=self._port,
            controller_port=self._controller_port,
            log_dir=_escaped(str(self._messages)),
        )


def new_cluster_id() -> str:
    """A name for a Kafka cluster, as Kafka makes them: none that a command would take for an option."""
    while (name := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        continue
    return name


def class_path(directory: Path, log_file: Path) -> str:
    """The jars Kafka needs, resolved by Maven, and remembered in a directory and this process. Raises BrokerError."""
    pom = importlib.resources.files("rujukan.infra.kafka").joinpath("pom.xml").read_text(encoding="utf-8")
    copy, cache = directory / "pom.xml", directory / "classpath.txt"
    kept = [_resolved.get(pom, "")]
    if copy.exists() and cache.exists() and copy.read_text(encoding="utf-8") == pom:
        kept.append(cache.read_text(encoding="utf-8").strip())
    for known in kept:
        if known and all(Path(jar).exists() for jar in known.split(os.pathsep)):
            return known
    cache.unlink(missing_ok=True)
    copy.write_text(pom, encoding="utf-8")
    maven = ["mvn", "-q", "-B", "-f", str(copy), "dependency:build-classpath", f"-Dmdep.outputFile={cache}"]
    _run(maven, MAVEN_SECONDS, directory, log_file)
    _resolved[pom] = cache.read_text(encoding="utf-8").strip()
    return _resolved[pom]


def _escaped(text: str) -> str:
    """As a properties file and a file of Java arguments take it: a backslash escapes there."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _run(command: Sequence[str], seconds: float, directory: Path, log_file: Path, keep: bool = True) -> None:
    """Run a helper program to its end, its errors going to a log, and what it prints too where that may be kept."""
    with log_file.open("ab") as log:
        try:
            subprocess.run(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=log if keep else subprocess.DEVNULL,
                stderr=log,
                cwd=directory,
                timeout=seconds,
                check=True,
            )
        except (OSError, subprocess.SubprocessError) as problem:
            raise BrokerError(f"{command[0]} failed ({problem}); see {log_file}") from problem


@functools.cache
def _available() -> bool:
    if shutil.which("mvn") is None or shutil.which("java") is None:
        return False
    try:
        answer = subprocess.run(
            ["java", "-version"], capture_output=True, text=True, check=True, timeout=20, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        return False
    # 'openjdk version "17.0.15" 2025-04-15'; up to Java 8 the number began with "1."
    found = re.search(r'version "(\d+)', answer.stderr + answer.stdout)
    return found is not None and int(found.group(1)) >= MINIMUM_JAVA
