"""PgBouncer between the service and its database: refused at the start where it shares sessions, and harmless where it
does not."""

import os
import pwd
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from conftest import copy, seed
from msgspec.structs import replace
from office import until
from patience import PATIENCE_SECONDS
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from rujukan.infra import composition
from rujukan.infra.database import FOLLOWER, SERVICE
from rujukan.infra.services.broker import free_port
from rujukan.infra.services.postgres import EmbeddedPostgres
from rujukan.infra.sessions import SessionsShared, check_sessions
from rujukan.infra.settings import Settings, to_environment

pytestmark = pytest.mark.skipif(shutil.which("pgbouncer") is None, reason="there is no PgBouncer")

PROCESSES = ("api", "worker", "publisher", "sealer")


@pytest.fixture(scope="module")
def settings(places: Callable[[], Path]) -> Iterator[Settings]:
    directory = places()
    for part in seed().iterdir():
        copy(part, directory / part.name)
    server = EmbeddedPostgres(directory / "postgres")
    yield Settings(data=directory, database=server.start(), kafka=f"127.0.0.1:{free_port()}", port=free_port())
    server.stop()


@contextmanager
def pooled(settings: Settings, mode: str, directory: Path) -> Iterator[Settings]:
    """The same through PgBouncer."""
    about, port = conninfo_to_dict(settings.database), free_port()
    users = "".join(f'"{user}" ""\n' for user in ("postgres", SERVICE, FOLLOWER))
    (directory / "users.txt").write_text(users)
    said = directory / "pgbouncer.ini"
    said.write_text(
        "[databases]\n"
        f"* = host={about['host']} port={about['port']}\n"
        "[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\npool_mode = {mode}\n"
        f"auth_type = trust\nauth_file = {directory / 'users.txt'}\nignore_startup_parameters = options\n"
    )
    directory.chmod(0o755)
    owner = pwd.getpwuid((settings.data / "postgres").stat().st_uid).pw_name
    as_owner = ("-u", owner) if os.geteuid() == 0 else ()  # it does not run as root
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(["pgbouncer", *as_owner, str(said)], stdout=log, stderr=log)
    try:
        until(lambda: listens(port))
        there = make_conninfo(host="127.0.0.1", port=port, user=about["user"], dbname=about["dbname"])
        yield replace(settings, database=there)
    finally:
        process.terminate()
        process.wait()


def listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


@pytest.fixture
def place(places: Callable[[], Path]) -> Path:
    return places()


@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_sessions_that_are_shared_are_found_also_where_others_are_served(
    settings: Settings, mode: str, place: Path
) -> None:
    with pooled(settings, mode, place) as through, ExitStack() as others:
        for busy in (False, True):
            if busy:
                for _ in range(3):
                    other = others.enter_context(psycopg.connect(through.database, autocommit=True))
                    other.execute("SELECT 1")
            with pytest.raises(SessionsShared, match="pool_mode"):
                check_sessions(through.database)


@pytest.mark.thorough
def test_all_that_begins_is_refused_and_says_why(settings: Settings, place: Path) -> None:
    with pooled(settings, "transaction", place) as through:
        with pytest.raises(SessionsShared):
            composition.prepare(through)
        started = {
            name: subprocess.Popen(
                [sys.executable, "-m", "rujukan.infra.cli", name],
                env={**os.environ, **to_environment(through)},
                stderr=subprocess.PIPE,
                text=True,
            )
            for name in PROCESSES
        }
        try:
            for process in started.values():
                _, said = process.communicate(timeout=PATIENCE_SECONDS)
                assert process.returncode == 1, said
                assert "rujukan: a pooler stands before the database" in said
                assert "Traceback" not in said
        finally:
            for process in started.values():
                process.kill()
                process.wait()


def test_one_that_keeps_each_session_for_its_client_is_let_be(settings: Settings, place: Path) -> None:
    with pooled(settings, "session", place) as through, psycopg.connect(through.database) as other:
        other.execute("SELECT 1")
        check_sessions(through.database)
    check_sessions(settings.database)
