"""The parts of a world: real processes that somebody keeps running, as systemd does, until told otherwise."""

import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event, RLock, Thread

from rujukan.infra.services.broker import BrokerError, BrokerProcess
from rujukan.infra.services.postgres import EmbeddedPostgres, PostgresError

LOOK_SECONDS = 0.1
AGAIN_SECONDS = 0.5
"""Between two starts of a part that does not stay up."""


class Part(ABC):
    """Something that runs, and is started again when it dies, unless it is kept down."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.starts = 0
        self._lock = RLock()
        self._down = True
        self._stop = Event()
        self._keeper: Thread | None = None

    @property
    @abstractmethod
    def pid(self) -> int | None:
        """Its process; None while it does not run."""

    @abstractmethod
    def _start(self) -> None:
        """Start it. Raises what it raises where that does not succeed."""

    @abstractmethod
    def _end(self) -> None:
        """Stop it as an operator does."""

    def up(self) -> None:
        """Run it, and keep it running."""
        with self._lock:
            self._down = False
            if self.pid is None:
                self._start()
                self.starts += 1
        if self._keeper is None:
            self._keeper = Thread(target=self._keep, name=f"keep-{self.name}", daemon=True)
            self._keeper.start()

    def kill(self, down: bool = False) -> None:
        """SIGKILL; `down`: and do not start it again."""
        self._down = down or self._down
        self._signal(signal.SIGKILL)

    def release(self) -> None:
        """Start it again: it was kept down long enough."""
        self._down = False

    def rest(self) -> None:
        """Stop it as an operator does, until it is released."""
        with self._lock:
            self._down = True
            self._end()

    def halt(self) -> None:
        """Take its time away, as a machine does that swaps or moves: SIGSTOP."""
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """Stop it for good."""
        self._stop.set()
        self._down = True
        if self._keeper is not None:
            self._keeper.join(60)
        self.wake()
        with self._lock:
            self._end()

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):  # it died already, and is not started again yet
            if pid := self.pid:
                os.kill(pid, number)

    def _keep(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            if self._down or self.pid is not None:
                continue
            with self._lock:
                if self._down or self._stop.is_set():
                    continue
                began = time.monotonic()
                with suppress(BrokerError, PostgresError, OSError):
                    self._start()
                    self.starts += 1
            if self.starts > 1 and time.monotonic() - began < AGAIN_SECONDS:
                self._stop.wait(AGAIN_SECONDS)


class Program(Part):
    """A command."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        super().__init__(name)
        self.environment = dict(environment)
        """May be changed: it counts from the next start on."""
        self.command = list(command)
        """So may this."""
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def _start(self) -> None:
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                self.command,
                env={**os.environ, **self.environment},
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def _end(self) -> None:
        process = self._process
        if process is None:
            return
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Database(Part):
    """PostgreSQL. Killed is its postmaster: what serves connections notices, and goes too."""

    def __init__(self, name: str, server: EmbeddedPostgres) -> None:
        super().__init__(name)
        self.server = server

    @property
    def pid(self) -> int | None:
        return self.server.pid

    def _start(self) -> None:
        self.server.start()

    def _end(self) -> None:
        self.server.stop()


class Broker(Part):
    """A broker."""

    def __init__(self, name: str, server: BrokerProcess) -> None:
        super().__init__(name)
        self.server = server

    @property
    def pid(self) -> int | None:
        return self.server.pid

    def _start(self) -> None:
        self.server.start()

    def _end(self) -> None:
        self.server.stop()
