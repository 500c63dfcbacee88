"""What an operator says of the database reaches every connection: hosts to choose from, timeouts, certificates."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from msgspec.structs import replace
from office import rows, until, writing
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from rujukan.infra import composition
from rujukan.infra.database import CONNECT_SECONDS, FOLLOWER, SERVICE, as_role, connect, pool, without_password
from rujukan.infra.requirements import Unmet, explain
from rujukan.infra.services.postgres import EmbeddedPostgres
from rujukan.infra.settings import Settings
from rujukan.infra.store.recorder import datastore
from rujukan.infra.system import System, running

SAID = {
    "application_name": "someone",
    "connect_timeout": "7",
    "keepalives_idle": "11",
    "keepalives_interval": "3",
    "options": "-c work_mem=7MB",
    "sslmode": "disable",
    "sslrootcert": "/nowhere/authority.pem",
    "target_session_attrs": "read-write",
    "tcp_user_timeout": "9000",
}


@pytest.mark.parametrize("role", [SERVICE, FOLLOWER])
def test_every_parameter_arrives_at_every_connection(settings: Settings, role: str) -> None:
    said = make_conninfo(as_role(settings.database, role), **SAID)
    with (
        datastore(said) as library,
        library.get_connection() as of_library,
        pool(said, 1, "said") as pooled,
        pooled.connection() as of_pool,
        connect(said) as alone,
    ):
        for connection in (of_library, of_pool, alone):
            there = connection.info.get_parameters()
            assert {name: there.get(name) for name in SAID} == SAID
            assert connection.execute("SHOW work_mem").fetchone() in ({"work_mem": "7MB"}, ("7MB",))


def test_a_host_is_not_tried_for_ever_unless_that_is_said(settings: Settings) -> None:
    with pool(as_role(settings.database, SERVICE), 1, "unsaid") as pooled, pooled.connection() as connection:
        assert connection.info.get_parameters()["connect_timeout"] == str(CONNECT_SECONDS)


@pytest.mark.parametrize(
    "said",
    [
        "postgresql://owner:opensesame@db.example/rujukan?sslpassword=opensesame&sslmode=require",
        "host=db.example user=owner password=opensesame dbname=rujukan sslmode=require",
    ],
)
def test_a_password_is_neither_shown_nor_kept(said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a system writes down for the commands beside it, and what anybody prints."""
    assert conninfo_to_dict(without_password(said)) == {
        "user": "owner",
        "host": "db.example",
        "dbname": "rujukan",
        "sslmode": "require",
    }
    system = System(replace(Settings(), data=tmp_path, database=said, kafka="kafka.example:9092"))
    system._remember()
    print(without_password(system.settings.database), system.settings)
    kept = tmp_path / "run.json"
    assert kept.stat().st_mode & 0o077 == 0
    assert "opensesame" not in kept.read_text() + capsys.readouterr().out
    assert running(Settings(data=tmp_path)).database == without_password(said)


def test_what_lacks_is_said_at_the_start_and_nothing_is_done(settings: Settings, tmp_path: Path) -> None:
    """On a server that asks for no password; what one that does is asked, test_external_postgres.py asks."""
    nowhere = make_conninfo(settings.database, dbname="nowhere")
    with pytest.raises(Unmet, match="there is no database nowhere: CREATE DATABASE nowhere OWNER postgres"):
        composition.prepare(replace(settings, database=nowhere))
    not_owner = make_conninfo(settings.database, user=SERVICE)
    with pytest.raises(Unmet) as unmet:
        composition.prepare(replace(settings, database=not_owner))
    assert [line.partition(":")[0] for line in str(unmet.value).splitlines()] == ["owner", "role"]
    away = make_conninfo(settings.database, host=str(tmp_path))
    with pytest.raises(Unmet, match="it is away, or does not answer"):
        composition.prepare(replace(settings, database=away))
    assert explain(settings.database) is None


@pytest.fixture
def pair(places: Callable[[], Path]) -> Iterator[tuple[EmbeddedPostgres, EmbeddedPostgres]]:
    """A primary, and a hot standby of it."""
    primary, standby = EmbeddedPostgres(places() / "postgres"), EmbeddedPostgres(places() / "postgres")
    primary.start()
    host = str(conninfo_to_dict(primary.conninfo)["host"])
    standby.data_dir.parent.chmod(0o755)
    standby.data_dir.mkdir(mode=0o700)
    os.chown(standby.data_dir, primary.data_dir.stat().st_uid, -1)
    command = ("pg_basebackup", "-h", host, "-U", "postgres", "-D", str(standby.data_dir), "-R", "-X", "stream")
    copied = primary._run(*command, "-c", "fast", folder=Path("/"))
    assert copied.returncode == 0, copied.stdout
    standby.start()
    yield primary, standby
    standby.stop()
    primary.stop()


@pytest.mark.thorough
def test_of_several_hosts_the_primary_is_found_and_after_a_promotion_its_successor(
    pair: tuple[EmbeddedPostgres, EmbeddedPostgres], tmp_path: Path
) -> None:
    primary, standby = pair
    hosts = [str(conninfo_to_dict(server.conninfo)["host"]) for server in (standby, primary)]
    both = make_conninfo(
        dbname="postgres", user="postgres", host=",".join(hosts), port="5432,5432", target_session_attrs="read-write"
    )
    composition.prepare(replace(Settings(), data=tmp_path, database=both, network="tests"))
    with writing(both) as writer, datastore(as_role(both, SERVICE)) as library, library.get_connection() as reads:
        writer.append(rows(uuid4()))
        assert reads.execute("SELECT pg_is_in_recovery() AS is_standby").fetchone() == {"is_standby": False}
        with psycopg.connect(standby.conninfo, autocommit=True) as there:
            until(lambda: _count(there) == 1)
            primary.stop()
            there.execute("SELECT pg_promote()")
            writer.append(rows(uuid4()))
            assert _count(there) == 2


def _count(db: psycopg.Connection) -> int:
    row = db.execute("SELECT count(*) FROM log.stored_events").fetchone()
    return row[0] if row else 0
