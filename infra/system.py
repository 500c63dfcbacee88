"""The whole system under one supervisor: PostgreSQL, broker, migrations, API, workers, publishers, sealer.

What is not given by the settings is embedded, with its data in the data directory. A process that dies is
started again; a stop ends all of them, those who ask before those who answer, the database last. Where the
supervisor is killed its processes end with it; the embedded PostgreSQL and broker stay, and the next start goes on with
the one and ends the other.
"""

import errno
import fcntl
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Self, TextIO

from msgspec.structs import replace

from ..consumers import durable
from . import composition, network_name, passfile
from .database import without_password
from .lifeline import Lifeline
from .services.broker import EmbeddedBroker, free_port
from .services.postgres import EmbeddedPostgres
from .settings import Settings, to_environment

log = logging.getLogger(__name__)

WATCH_SECONDS = 0.2
START_SECONDS = 60.0
STOP_SECONDS = 10.0
LEFT_SECONDS = 10.0
"""How long a start waits for the port where the processes of a supervisor that was killed may be ending."""
LOCK = "lock"
"""Held while a system runs; the supervisor's process id stands in it."""
OWN_MACHINE = "127.0.0.0/8,::1/128"


class AlreadyRunning(Exception):
    """Another supervisor runs on this data directory."""


class NotStarted(Exception):
    """A part did not come up. Its log tells why."""


def processes(settings: Settings) -> tuple[str, ...]:
    """The processes beside database and broker. What is behind the API need not be there for it to answer, and is
    started when it does."""
    more = (("worker", settings.workers), ("publisher", settings.publishers))
    return (
        "worker",
        "publisher",
        "sealer",
        "api",
        *(f"{name}-{n}" for name, count in more for n in range(2, count + 1)),
    )


class System:
    """A running system. Use as a context manager, and call `watch` to keep it running."""

    def __init__(self, settings: Settings) -> None:
        self.settings = replace(settings, data=settings.data.resolve(), database=passfile.absolute(settings.database))
        self.logs = self.settings.data / "logs"
        self._names = processes(settings)
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._postgres: EmbeddedPostgres | None = None
        self._broker: EmbeddedBroker | None = None
        self._lock: TextIO | None = None
        self._lifeline: Lifeline | None = None
        self._restarts: dict[str, list[float]] = {}

    def start(self) -> None:
        """Start everything; returns when the API answers. Raises AlreadyRunning, NotNamed, NamedOtherwise,
        NotStarted."""
        data = self.settings.data
        data.mkdir(parents=True, exist_ok=True)
        self._take_lock()
        name = network_name.keep(self.settings.network, data, embedded=not self.settings.database)
        self.settings = replace(self.settings, network=name)
        self.logs.mkdir(exist_ok=True)
        before = self._remembered()
        if self.settings.port:
            self._take_port(LEFT_SECONDS if before.get("port") == self.settings.port else 0)
        self._lifeline = Lifeline()
        if not self.settings.database:
            self._postgres = EmbeddedPostgres(data / "postgres")
            self.settings = replace(
                self.settings,
                database=self._postgres.start(),
                webhook_networks=self.settings.webhook_networks or OWN_MACHINE,
            )
        if not self.settings.kafka:
            self._broker = EmbeddedBroker(self.logs / "broker.log", before.get("broker_port") or free_port())
            self._broker.end_left_behind()
            self.settings = replace(self.settings, kafka=self._broker.start())
        if self.settings.port == 0:
            self.settings = replace(self.settings, port=before.get("port") or free_port())
            self._take_port(LEFT_SECONDS)
        self._remember()
        composition.prepare(self.settings)
        network_name.keep_in(self.settings.database, self.settings.network)
        for name in self._names:
            self._children[name] = self._spawn(name)
            if name == "api":
                self._wait_until_ready()

    @property
    def url(self) -> str:
        """Where the API answers."""
        return f"http://{self.settings.host}:{self.settings.port}"

    def pid(self, name: str) -> int:
        """The process id of a part: postgres, broker, or one of `processes`."""
        if name == "postgres" and self._postgres is not None:
            return int(self._postgres.pid or 0)
        if name == "broker" and self._broker is not None:
            return int(self._broker.pid or 0)
        return self._children[name].pid

    def watch(self, stop: Event) -> None:
        """Start again what dies, until told to stop."""
        while not stop.wait(WATCH_SECONDS):
            self.check()

    def check(self) -> None:
        """Start again what died since the last look."""
        if self._postgres is not None and not self._postgres.is_alive():
            self._again("postgres", self._postgres.start)
        if self._broker is not None and not self._broker.is_alive():
            self._again("broker", self._broker.start)
        for name, child in list(self._children.items()):
            if child.poll() is not None:
                self._again(name, lambda name=name: self._children.__setitem__(name, self._spawn(name)))  # type: ignore[misc]

    def stop(self) -> None:
        """Stop everything: the API, on which others call; then at once what follows the log, as none of those
        misses another; then the broker and the database, on which all of them call."""
        self._end("api")
        self._end(*self._children)
        if self._broker is not None:
            self._broker.stop()
        if self._postgres is not None:
            self._postgres.stop()
        if self._lifeline is not None:
            self._lifeline.let_go()
            self._lifeline = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _end(self, *names: str) -> None:
        """Ask processes to end, all at once, and kill those that still run after 10 s."""
        ending = [child for name in names if (child := self._children.pop(name, None)) and child.poll() is None]
        for child in ending:
            child.send_signal(signal.SIGTERM)
        give_up = time.monotonic() + STOP_SECONDS
        for child in ending:
            try:
                child.wait(max(0.0, give_up - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def _spawn(self, name: str) -> subprocess.Popen[bytes]:
        assert self._lifeline is not None
        end = self._lifeline.end
        with (self.logs / f"{name}.log").open("ab") as out:
            return subprocess.Popen(
                [sys.executable, "-m", "rujukan.infra.cli", name.partition("-")[0], "--lifeline", str(end)],
                pass_fds=(end,),
                env={**os.environ, **to_environment(self.settings)},
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def _again(self, name: str, start: Callable[[], object]) -> None:
        """Start a part again; slower when it keeps dying."""
        recent = [t for t in self._restarts.get(name, []) if time.monotonic() - t < 30]
        if len(recent) >= 3 and time.monotonic() - recent[-1] < min(2.0 ** (len(recent) - 3), 10):
            return
        self._restarts[name] = [*recent, time.monotonic()]
        log.warning("%s died and is started again", name)
        try:
            start()
        except Exception as problem:
            log.error("%s did not start: %s", name, type(problem).__name__)

    def _wait_until_ready(self) -> None:
        give_up = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up:
            for name, child in self._children.items():
                if child.poll() is not None:
                    raise NotStarted(f"{name} ended at once: see {self.logs / name}.log")
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:  # noqa: S310
                    behind = json.load(answer)["behind"]
                    if len(behind) == len(composition.NAMES):
                        return
            except (urllib.error.URLError, OSError, ValueError, KeyError):
                pass
            time.sleep(0.05)
        raise NotStarted(f"the API did not answer within {START_SECONDS:.0f} s: see {self.logs}")

    def _take_port(self, seconds: float) -> None:
        """Whoever else answers there would be taken for this API, and be sent everybody's tokens. Raises NotStarted
        where it is taken, after so many seconds."""
        give_up = time.monotonic() + seconds
        while (why := _why_not(self.settings.host, self.settings.port)) is not None:
            if why != errno.EADDRINUSE or time.monotonic() >= give_up:
                break
            time.sleep(0.1)
        if why is not None:
            at = f"{self.settings.host}:{self.settings.port}"
            raise NotStarted(
                f"the API cannot listen on {at}: {os.strerror(why)}. End what does, or say another port"
                " (rujukan up --port N, RUJUKAN_PORT; 0 for a free one)"
            )

    def _take_lock(self) -> None:
        self._lock = (self.settings.data / LOCK).open("a+")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            self._lock = None
            raise AlreadyRunning(_where(self.settings.data)) from None
        self._lock.truncate(0)
        self._lock.write(str(os.getpid()))
        self._lock.flush()

    def _remembered(self) -> dict[str, int]:
        try:
            return dict(json.loads(self._run_file.read_text())["ports"])
        except (OSError, ValueError, KeyError):
            return {}

    def _remember(self) -> None:
        """Where everything is, for the other commands and for the next start."""
        about = {
            "api": self.url,
            "database": without_password(self.settings.database),
            "kafka": self.settings.kafka,
            "ports": {
                "port": self.settings.port,
                **({"broker_port": self._broker.port} if self._broker else {}),
            },
        }
        durable.replace(self._run_file, json.dumps(about, indent=2).encode())

    @property
    def _run_file(self) -> Path:
        return self.settings.data / "run.json"


def _why_not(host: str, port: int) -> int | None:
    """The number of the error that keeps a server from listening there; None where nothing does."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as problem:
            return problem.errno
    return None


def _where(data: Path) -> str:
    """That a system runs there already, and where: also while it starts, when it has said no address yet."""
    said = f"a system runs on {data} already"
    with suppress(OSError, ValueError, KeyError, TypeError):
        said += f" (process {supervisor(data)}, API {json.loads((data / 'run.json').read_text())['api']})"
    return f"{said}: use that one (rujukan status), stop it (rujukan down), or say another directory (--data)"


def supervisor(data: Path) -> int | None:
    """The process of the supervisor that runs on this data directory; None where none does."""
    try:
        with (data / LOCK).open() as held:
            try:
                fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(held.read() or 0) or None
    except (FileNotFoundError, ValueError):
        pass
    return None


def running(settings: Settings) -> Settings:
    """The settings of the system that runs, or ran last, on this data directory. Raises NotStarted."""
    if settings.database and settings.network:
        _check_name(settings)
    if settings.database and settings.kafka:
        return settings
    try:
        about = json.loads((settings.data / "run.json").read_text())
    except (OSError, ValueError):
        raise NotStarted(f"nothing ran on {settings.data} yet: start it with `rujukan up`") from None
    port = settings.port if not about["ports"].get("port") else about["ports"]["port"]
    return replace(
        settings,
        data=settings.data.resolve(),
        database=settings.database or about["database"],
        kafka=settings.kafka or about["kafka"],
        port=port,
    )


def _check_name(settings: Settings) -> None:
    """Raises NamedOtherwise, where the database knows the network by another name than is said. Where it cannot be
    asked, the command says so itself."""
    from .database import AWAY, FOLLOWER, as_role, connect

    with suppress(*AWAY), connect(as_role(settings.database, FOLLOWER)) as db:
        network_name.check(db, settings.network)
