"""A real Apache Kafka 4, one node that is broker and controller at once, started from Maven packages.

For tests and trials against the original: the same interface as the embedded broker, but messages are kept
on disk and survive a restart.  Needs Java 17 or newer and Maven on the PATH; Maven downloads Kafka's jars
on the first start (about 45 MB into Maven's own repository folder).
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
from collections.abc import Sequence
from pathlib import Path

from rujukan.infra.services.broker import HOST, BrokerError, BrokerProcess, free_port

MINIMUM_JAVA = 17
MAVEN_SECONDS = 600.0
FORMAT_SECONDS = 60.0

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


class ApacheKafka(BrokerProcess):
    """Apache Kafka with all its files in ``data_dir`` (created when missing): settings, messages, broker.log.

    Topics are not created by a client's mere question for them.  See :class:`BrokerProcess` for start, stop
    and liveness; :meth:`start` also raises BrokerError when Maven or the formatting of the storage fails.
    """

    start_seconds = 90.0

    def __init__(self, data_dir: Path, port: int | None = None) -> None:
        self._data_dir = data_dir.expanduser().resolve()
        super().__init__(self._data_dir / "broker.log", port)
        self._controller_port = free_port()
        while self._controller_port == self._port:
            self._controller_port = free_port()

    @staticmethod
    def available() -> bool:
        """True when Maven and a Java of version 17 or newer are on the PATH (asked once per process)."""
        return _available()

    def _command(self) -> Sequence[str]:
        self._data_dir.mkdir(parents=True, exist_ok=True)
        class_path = self._class_path()
        properties = self._data_dir / "server.properties"
        messages = self._data_dir / "messages"
        properties.write_text(
            _PROPERTIES.format(
                host=HOST,
                port=self._port,
                controller_port=self._controller_port,
                # A backslash escapes in a properties file.
                log_dir=str(messages).replace("\\", "\\\\"),
            ),
            encoding="utf-8",
        )
        logging = self._data_dir / "log4j2.properties"
        logging.write_text(_LOGGING, encoding="utf-8")
        java = (
            "java",
            "-Xms128m",
            "-Xmx512m",
            "-XX:+UseSerialGC",
            f"-Dlog4j2.configurationFile={logging.as_uri()}",
            "-cp",
            class_path,
        )
        if not (messages / "meta.properties").exists():
            cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            self._tool(
                [*java, "kafka.tools.StorageTool", "format", "-g", "-t", cluster, "-c", str(properties)],
                FORMAT_SECONDS,
            )
        return (*java, "kafka.Kafka", str(properties))

    def _class_path(self) -> str:
        """The jars Kafka needs, resolved by Maven and remembered in the data directory."""
        pom = importlib.resources.files("rujukan.infra.kafka").joinpath("pom.xml").read_text(encoding="utf-8")
        copy, cache = self._data_dir / "pom.xml", self._data_dir / "classpath.txt"
        if copy.exists() and cache.exists() and copy.read_text(encoding="utf-8") == pom:
            known = cache.read_text(encoding="utf-8").strip()
            if known and all(Path(jar).exists() for jar in known.split(os.pathsep)):
                return known
        cache.unlink(missing_ok=True)
        copy.write_text(pom, encoding="utf-8")
        self._tool(
            ["mvn", "-q", "-B", "-f", str(copy), "dependency:build-classpath", f"-Dmdep.outputFile={cache}"],
            MAVEN_SECONDS,
        )
        return cache.read_text(encoding="utf-8").strip()

    def _tool(self, command: Sequence[str], seconds: float) -> None:
        """Run a helper program to its end, its output going to the broker's log."""
        with self._log_file.open("ab") as log:
            try:
                subprocess.run(
                    list(command),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=self._data_dir,
                    timeout=seconds,
                    check=True,
                )
            except (OSError, subprocess.SubprocessError) as problem:
                raise BrokerError(f"{command[0]} failed ({problem}); see {self._log_file}") from problem


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
