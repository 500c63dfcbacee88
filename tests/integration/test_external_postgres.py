"""A PostgreSQL that somebody else runs: over TCP, with passwords (SCRAM), and an owner who is no superuser. What is
asked of it is asked at the start, each failure is a line with its cause and its remedy, and the remedies help."""

import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from office import until
from psycopg.conninfo import make_conninfo

from rujukan.infra import cli
from rujukan.infra.requirements import LEAST
from rujukan.infra.services.broker import free_port
from rujukan.infra.services.postgres import _library

pytestmark = pytest.mark.thorough

OWNER, SERVICE, FOLLOWER = "rujukan_owner", "rujukan_service", "rujukan_follower"
PASSWORDS = {OWNER: "own:er\\pw", SERVICE: "servicepw", FOLLOWER: "followerpw"}
SERVERS = {
    **{str(version): Path(place) for version, place in _library().POSTGRES_VERSIONS.items()},
    **{place.parent.name: place for place in Path("/usr/lib/postgresql").glob("*/bin") if (place / "initdb").exists()},
}
"""Every PostgreSQL that is here."""
OLD = sorted(version for version in SERVERS if int(version) < LEAST)


class Cluster:
    """A server as its administrator makes it."""

    def __init__(self, directory: Path, binaries: Path) -> None:
        self.port, self._binaries, self._data = free_port(), binaries, directory / "data"
        self._owner = "pgserver" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        if os.geteuid() == 0:
            shutil.chown(directory, self._owner)
        (directory / "secret").write_text("superpw")
        self._run("initdb", "-A", "scram-sha-256", "-U", "postgres", "--pwfile", str(directory / "secret"), "-D", ".")
        with (self._data / "postgresql.conf").open("a") as said:
            said.write(
                f"listen_addresses = '127.0.0.1'\nport = {self.port}\nunix_socket_directories = ''\nfsync = off\n"
            )
        self._run("pg_ctl", "-D", ".", "-w", "-l", "log", "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", ".", "-w", "-m", "immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        if not self._data.exists():
            self._data.mkdir(mode=0o700)
            if os.geteuid() == 0:
                shutil.chown(self._data, self._owner)
        command = [str(self._binaries / program), *arguments]
        user = self._owner if os.geteuid() == 0 else None
        subprocess.run(command, cwd=self._data, user=user, check=True, stdout=subprocess.DEVNULL)

    def conninfo(self, user: str = OWNER, database: str = "rujukan", **more: str) -> str:
        return make_conninfo(host="127.0.0.1", port=self.port, user=user, dbname=database, **more)

    def administer(self, *statements: str) -> None:
        """As the server's administrator."""
        with psycopg.connect(self.conninfo("postgres", "postgres", password="superpw"), autocommit=True) as db:
            for statement in statements:
                db.execute(statement)

    def anew(self, *statements: str) -> None:
        """A database of the owner's, and no role of the service."""
        self.administer("DROP DATABASE IF EXISTS rujukan WITH (FORCE)")
        with psycopg.connect(self.conninfo("postgres", "postgres", password="superpw"), autocommit=True) as db:
            for role in PASSWORDS:
                if db.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is not None:
                    db.execute(f"DROP OWNED BY {role}")
                    db.execute(f"DROP ROLE {role}")
        self.administer(OWNED, DATABASE, *statements)


def with_password(statement: str) -> str:
    """The same, with the password of the role that it speaks of for the one that is left out."""
    role = next((role for role in PASSWORDS if role in statement), OWNER)
    return statement.replace("'…'", f"'{PASSWORDS[role]}'")


PAGE = Path(__file__).parents[2] / "infra" / "README.md"
BLOCK = re.search(r"^```sql\n(CREATE ROLE.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
assert BLOCK is not None
BY_THE_PAGE = [with_password(statement) for statement in BLOCK.group(1).split(";\n") if statement]
"""What the page has an administrator do: the owner, the roles, what the owner may, and the database."""
(OWNED,) = [statement for statement in BY_THE_PAGE if OWNER in statement and "PASSWORD" in statement]
(DATABASE,) = [statement for statement in BY_THE_PAGE if "CREATE DATABASE" in statement]
READY = tuple(statement for statement in BY_THE_PAGE if statement not in (OWNED, DATABASE))
"""The same without owner and database, which each test here begins with."""


@pytest.fixture(scope="module")
def cluster(places: Callable[[], Path]) -> Iterator[Cluster]:
    server = Cluster(places(), SERVERS[max(SERVERS, key=int)])
    yield server
    server.stop()


@pytest.fixture
def passfile(tmp_path: Path) -> Path:
    """In libpq's form, good for every port and database; with the characters that it escapes."""
    return written(tmp_path / "passwords", PASSWORDS)


def written(file: Path, passwords: dict[str, str]) -> Path:
    escaped = {role: word.replace("\\", "\\\\").replace(":", "\\:") for role, word in passwords.items()}
    file.write_text("".join(f"127.0.0.1:*:*:{role}:{word}\n" for role, word in escaped.items()))
    file.chmod(0o600)
    return file


Say = Callable[..., tuple[int, str, list[str]]]


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    """Says a command with that database; its status, its output, and the lines of its failure."""

    def said(database: str, *command: str) -> tuple[int, str, list[str]]:
        monkeypatch.setenv("RUJUKAN_DATABASE", database)
        monkeypatch.setenv("RUJUKAN_NETWORK", "tests")
        monkeypatch.setenv("RUJUKAN_KAFKA", "127.0.0.1:1")
        status = cli.main([*command, "--data", str(tmp_path / "data")])
        answer = capsys.readouterr()
        lines = [line for line in answer.err.splitlines() if not line.startswith("a new keyring is made")]
        for word in (*PASSWORDS.values(), "superpw", "not-it"):
            assert word not in answer.out + answer.err
        assert all(line.startswith("rujukan: ") for line in lines), lines
        return status, answer.out, lines

    return said


def test_an_owner_without_the_rights_of_a_superuser_runs_the_whole_system(
    cluster: Cluster, passfile: Path, tmp_path: Path, say: Say
) -> None:
    """Named once, by a path that is good in this directory only; what is kept of it is good everywhere, and holds no
    password."""
    cluster.anew(*READY)
    data, port = tmp_path / "data", free_port()
    said = {
        "RUJUKAN_DATABASE": cluster.conninfo(passfile=passfile.name),
        "RUJUKAN_NETWORK": "tests",
        "RUJUKAN_DATA": str(data),
        "RUJUKAN_PORT": str(port),
    }
    command = [sys.executable, "-m", "rujukan.infra.cli"]
    log = tmp_path / "up.log"
    with log.open("wb") as out:
        up = subprocess.Popen(
            [*command, "up"], cwd=tmp_path, env={**os.environ, **said}, stdout=out, stderr=out, start_new_session=True
        )
    try:
        until(lambda: "Ctrl-C stops everything" in log.read_text() or up.poll() is not None)
        assert up.poll() is None, log.read_text()
        elsewhere = {**os.environ, "RUJUKAN_DATA": str(data)}
        for asked in (
            ("agencies", "--add", "uptd-ppa", "--kind", "lead", "--label", "UPTD PPA", "--member", "supervisor"),
            ("ledger", "verify"),
            ("deliveries",),
            ("keys", "rotate", "--yes"),
        ):
            ran = subprocess.run([*command, *asked], cwd="/", env=elsewhere, capture_output=True, text=True)
            assert ran.returncode == 0, (asked, ran.stderr)
            assert ran.stdout.strip()
        until(lambda: json.loads(_health(port))["status"] == "ok")
    finally:
        up.send_signal(signal.SIGTERM)
        up.wait()
    assert (data / "run.json").stat().st_mode & 0o077 == 0
    for file in (log, data / "run.json", *(data / "logs").iterdir()):
        assert not any(word in file.read_text() for word in PASSWORDS.values()), file
    assert "ERROR" not in "".join(file.read_text() for file in (data / "logs").iterdir())


def _health(port: int) -> bytes:
    import httpx

    try:
        return httpx.get(f"http://127.0.0.1:{port}/health").content
    except httpx.TransportError:
        return b'{"status": ""}'


def test_an_owner_who_may_make_roles_makes_them_and_is_told_what_is_left(
    cluster: Cluster, passfile: Path, say: Say
) -> None:
    """PostgreSQL 16 and later give who makes a role no right to act as it."""
    cluster.anew(f"ALTER ROLE {OWNER} CREATEROLE")
    database = cluster.conninfo(passfile=str(passfile))
    status, _, lines = say(database, "migrate")
    assert status == 1
    assert [f"login of {role}" in line for role, line in zip((SERVICE, FOLLOWER), lines, strict=True)] == [True] * 2
    _remedy(cluster, lines)
    status, out, lines = say(database, "migrate")
    assert (status, lines) == (0, [])
    assert "applied 0001_log.sql" in out
    assert say(database, "migrate")[1].startswith("nothing to apply")


LACKING: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "no right to act as the followers": (READY[:2], [f"{OWNER} may not act as {FOLLOWER}"]),
    "half a right to act as them": (
        (*READY[:2], f"GRANT {FOLLOWER} TO {OWNER} WITH INHERIT FALSE"),
        [f"{OWNER} may not act as {FOLLOWER}"],
    ),
    "no roles": (
        (),
        [f"{SERVICE} is not there", f"{FOLLOWER} is not there", f"{OWNER} may not act as {FOLLOWER}"],
    ),
    "not the owner": (
        (*READY, "ALTER DATABASE rujukan OWNER TO postgres"),
        [f"{OWNER} does not own rujukan"],
    ),
    "a role without a login": ((*READY, f"ALTER ROLE {SERVICE} NOLOGIN"), [f"{SERVICE} may not log in"]),
    "roles without a password": (
        (*READY, f"ALTER ROLE {SERVICE} PASSWORD NULL", f"ALTER ROLE {FOLLOWER} PASSWORD NULL"),
        [f"it does not take the password of {SERVICE}", f"it does not take the password of {FOLLOWER}"],
    ),
    "a role that may do all": ((*READY, f"ALTER ROLE {SERVICE} SUPERUSER"), [f"{SERVICE} may do all"]),
    "a role that sees all rows": ((*READY, f"ALTER ROLE {SERVICE} BYPASSRLS"), [f"{SERVICE} may do all"]),
    "a role that is another": ((*READY, f"GRANT {FOLLOWER} TO {SERVICE}"), [f"{SERVICE} is a member of {FOLLOWER}"]),
    "a role that owns all": (
        (*READY, f"GRANT {OWNER} TO {SERVICE}"),
        [f"{SERVICE} is a member of {OWNER}", f"{SERVICE} is a member of {FOLLOWER}"],
    ),
    "no database": ((*READY, "DROP DATABASE rujukan"), ["there is no database rujukan"]),
    "another encoding": (
        (
            *READY,
            "DROP DATABASE rujukan",
            f"CREATE DATABASE rujukan OWNER {OWNER} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0",
        ),
        ["rujukan is in LATIN1"],
    ),
}


@pytest.mark.parametrize("what", LACKING)
def test_what_lacks_is_a_line_each_and_what_helps_stands_in_it(
    cluster: Cluster, passfile: Path, say: Say, what: str
) -> None:
    prepared, named = LACKING[what]
    cluster.anew(*prepared)
    database = cluster.conninfo(passfile=str(passfile))
    status, out, lines = say(database, "migrate")
    assert (status, out) == (1, "")
    assert len(lines) == len(named), lines
    assert all(words in line for words, line in zip(named, lines, strict=True)), lines
    if what != "another encoding":  # to be emptied, and made anew
        _remedy(cluster, lines)
        status, _, lines = say(database, "migrate")
        assert (status, lines) == (0, [])


def _remedy(cluster: Cluster, lines: list[str]) -> None:
    """Do what the lines say, as the server's administrator."""
    for line in lines:
        found = re.search(r"(CREATE ROLE|CREATE DATABASE|ALTER|GRANT|REVOKE) .*$", line)
        assert found, line
        statement = found.group().partition(", or")[0]
        cluster.administer(with_password(statement))


def test_a_password_that_is_wrong_or_lacks_is_said_whose_it_is(
    cluster: Cluster, tmp_path: Path, passfile: Path, say: Say
) -> None:
    """Before anything is set up, and behind it, when other commands are said."""
    cluster.anew(*READY)
    for role in PASSWORDS:
        wrong = written(tmp_path / "wrongly", {**PASSWORDS, role: "not-it"})
        status, _, lines = say(cluster.conninfo(passfile=str(wrong)), "migrate")
        assert (status, len(lines)) == (1, 1)
        assert f"does not take the password of {role}" in lines[0]
        lacking = written(tmp_path / "lacking", {who: word for who, word in PASSWORDS.items() if who != role})
        status, _, lines = say(cluster.conninfo(passfile=str(lacking)), "migrate")
        assert (status, len(lines)) == (1, 1)
        assert f"asks {role} for a password" in lines[0]
    assert say(cluster.conninfo(passfile=str(passfile)), "migrate")[0] == 0
    wrong = written(tmp_path / "wrongly", {**PASSWORDS, OWNER: "not-it"})
    for command in (("keys",), ("recover", "--yes"), ("migrate",)):
        status, _, lines = say(cluster.conninfo(passfile=str(wrong)), *command)
        assert (status, len(lines)) == (1, 1), command
        assert f"does not take the password of {OWNER}" in lines[0], command


def test_a_database_that_was_not_set_up_is_named_as_that(cluster: Cluster, passfile: Path, say: Say) -> None:
    cluster.anew(*READY)
    for command in (("agencies",), ("lag",), ("ledger", "verify"), ("retention",), ("deliveries",), ("damaged",)):
        status, _, lines = say(cluster.conninfo(passfile=str(passfile)), *command)
        assert (status, len(lines)) == (1, 1), (command, lines)
        assert "rujukan migrate" in lines[0], (command, lines)


def test_a_passfile_that_others_can_read_is_refused(cluster: Cluster, passfile: Path, say: Say) -> None:
    cluster.anew(*READY)
    for mode in (0o640, 0o604, 0o644):
        passfile.chmod(mode)
        status, _, lines = say(cluster.conninfo(passfile=str(passfile)), "migrate")
        assert (status, len(lines)) == (1, 1)
        assert f"others can read: chmod 600 {passfile}" in lines[0]
    passfile.chmod(0o600)
    assert say(cluster.conninfo(passfile=str(passfile)), "migrate")[0] == 0


def test_a_system_that_cannot_work_with_its_database_does_not_start(
    cluster: Cluster, passfile: Path, tmp_path: Path
) -> None:
    cluster.anew()
    ran = subprocess.run(
        [sys.executable, "-m", "rujukan.infra.cli", "up", "--port", "0"],
        env={
            **os.environ,
            "RUJUKAN_DATABASE": cluster.conninfo(passfile=str(passfile)),
            "RUJUKAN_NETWORK": "tests",
            "RUJUKAN_DATA": str(tmp_path / "data"),
        },
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stdout) == (1, "")
    assert [line.partition(" may not")[0] for line in ran.stderr.splitlines()] == [
        *(f"rujukan: role: {role} is not there, and {OWNER}" for role in (SERVICE, FOLLOWER)),
        f"rujukan: role: {OWNER}",
    ]


@pytest.mark.skipif(not OLD, reason=f"there is no PostgreSQL before {LEAST}")
@pytest.mark.parametrize("version", OLD)
def test_an_older_server_is_refused_and_left_as_it_was(
    places: Callable[[], Path], passfile: Path, say: Say, version: str
) -> None:
    """Migrations applied there, the API answered, and nothing was sealed or told."""
    server = Cluster(places(), SERVERS[version])
    try:
        server.anew(*(statement.partition(" WITH ")[0] for statement in READY))
        status, _, lines = say(server.conninfo(passfile=str(passfile)), "migrate")
        assert (status, len(lines)) == (1, 1)
        assert f"this is PostgreSQL {version}." in lines[0]
        assert f"{LEAST} or later" in lines[0]
        with psycopg.connect(server.conninfo(passfile=str(passfile))) as db:
            assert db.execute("SELECT to_regnamespace('log')").fetchone() == (None,)
    finally:
        server.stop()
