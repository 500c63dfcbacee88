"""Append-only, as the database enforces it: by privilege for the roles, by trigger for everyone."""

from collections.abc import Callable, Iterator
from typing import LiteralString
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors

from rujukan.infra.database import FOLLOWER, SERVICE, as_role
from rujukan.infra.settings import Settings
from rujukan.infra.store.group_commit import GroupCommit, Idempotency, Row

As = Callable[[str], psycopg.Connection]

APPEND: LiteralString = "SELECT * FROM log.append_events(" + ", ".join(["'{}'"] * 14) + ")"
INSERT_EVENT: LiteralString = (
    "INSERT INTO log.stored_events (originator_id, originator_version, topic, state)"
    " VALUES (gen_random_uuid(), 1, 'case.NoteRecorded', 'x')"
)
INSERT_KEY: LiteralString = (
    "INSERT INTO log.data_keys (stream, compartment, wrapped) VALUES (gen_random_uuid(), 0, 'x')"
)
INSERT_DOCUMENT: LiteralString = (
    "INSERT INTO log.documents (stream, document, sealed) VALUES (gen_random_uuid(), gen_random_uuid(), 'x')"
)
NAME_DOCUMENTS: LiteralString = (
    "SELECT log.name_documents(array_agg(stream), array_agg(document), array_agg('rsud'::text)) FROM log.documents"
)
INSERT_ANSWER: LiteralString = "INSERT INTO log.idempotency_keys VALUES ('x', 'x', 'x', 1)"

CHANGES: dict[LiteralString, LiteralString] = {
    "stored_events": "state = state",
    "documents": "sealed = sealed",
    "data_keys": "wrapped = wrapped",
    "idempotency_keys": "answer = answer",
    "named_documents": "document = document",
    "document_room": "bytes = bytes",
}
"""A change to each table of the log."""


def changes(table: LiteralString) -> tuple[LiteralString, ...]:
    """Every way to change what a table holds."""
    return (
        f"UPDATE log.{table} SET {CHANGES[table]}",
        f"DELETE FROM log.{table}",
        f"TRUNCATE log.{table}",
        f"TRUNCATE log.{table} CASCADE",
        f"MERGE INTO log.{table} t USING (SELECT 1) x ON true WHEN MATCHED THEN DELETE",
        f"DROP TABLE log.{table}",
        f"ALTER TABLE log.{table} DISABLE TRIGGER ALL",
        f"CREATE TRIGGER mine BEFORE INSERT ON log.{table} FOR EACH ROW EXECUTE FUNCTION log.refuse_change()",
    )


@pytest.fixture(scope="module", autouse=True)
def rows(settings: Settings) -> None:
    """One row in each table of the log."""
    writer = GroupCommit(as_role(settings.database, SERVICE))
    writer.append([Row(uuid4(), 1, "case.NoteRecorded", b"state")], Idempotency(b"key", b"fingerprint", b"answer"))
    writer.close()
    with psycopg.connect(as_role(settings.database, SERVICE), autocommit=True) as db:
        db.execute(INSERT_KEY)
        db.execute(INSERT_DOCUMENT)
        db.execute(NAME_DOCUMENTS)


@pytest.fixture
def connected(settings: Settings) -> Iterator[As]:
    """`connected("rujukan_service")`."""
    opened: list[psycopg.Connection] = []

    def as_one(role: str) -> psycopg.Connection:
        db = psycopg.connect(as_role(settings.database, role), autocommit=True)
        opened.append(db)
        return db

    yield as_one
    for db in opened:
        db.close()


def counts(db: psycopg.Connection) -> list[int]:
    found = [db.execute(f"SELECT count(*) FROM log.{table}").fetchone() for table in CHANGES]
    return [row[0] for row in found if row is not None]


@pytest.mark.parametrize("role", [SERVICE, FOLLOWER])
@pytest.mark.parametrize("table", CHANGES)
def test_no_role_may_change_what_the_log_holds(connected: As, role: str, table: LiteralString) -> None:
    owner = connected("postgres")
    before = counts(owner)
    db = connected(role)
    for statement in changes(table):
        with pytest.raises(errors.InsufficientPrivilege):
            db.execute(statement)
    assert counts(owner) == before


@pytest.mark.parametrize("role", [SERVICE, FOLLOWER])
def test_no_role_may_write_an_event_or_an_answer_beside_the_function(connected: As, role: str) -> None:
    db = connected(role)
    for statement in (INSERT_EVENT, INSERT_ANSWER, "COPY log.stored_events FROM STDIN"):
        with pytest.raises(errors.InsufficientPrivilege):
            db.execute(statement)


@pytest.mark.parametrize("role", [SERVICE, FOLLOWER])
def test_no_role_may_move_the_counter_of_positions(connected: As, role: str) -> None:
    db = connected(role)
    for statement in (
        "SELECT nextval('log.stored_events_notification_id_seq')",
        "SELECT setval('log.stored_events_notification_id_seq', 1)",
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            db.execute(statement)


def test_the_service_may_append_read_and_add_keys_and_documents(connected: As) -> None:
    db = connected(SERVICE)
    assert db.execute(APPEND).fetchall() == []
    for statement in (INSERT_KEY, INSERT_DOCUMENT):
        db.execute(statement)
    assert all(count > 0 for count in counts(db))


def test_the_follower_may_read_events_and_keys_and_nothing_else_of_the_log(connected: As) -> None:
    db = connected(FOLLOWER)
    for table in ("stored_events", "data_keys"):
        assert db.execute(f"SELECT count(*) FROM log.{table}").fetchone() is not None
    for statement in (
        APPEND,
        INSERT_KEY,
        INSERT_DOCUMENT,
        "SELECT * FROM log.documents",
        "SELECT * FROM log.idempotency_keys",
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            db.execute(statement)


@pytest.mark.parametrize(("role", "other"), [(SERVICE, FOLLOWER), (FOLLOWER, SERVICE), (SERVICE, "postgres")])
def test_no_role_may_become_another(connected: As, role: str, other: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        connected(role).execute(f"SET ROLE {other}")


@pytest.mark.parametrize("role", [SERVICE, FOLLOWER])
def test_no_role_may_switch_the_triggers_off_or_add_to_the_log_s_schema(connected: As, role: str) -> None:
    db = connected(role)
    for statement in (
        "SET session_replication_role = replica",
        "CREATE TABLE log.mine (x int)",
        "CREATE TABLE public.mine (x int)",
        "CREATE OR REPLACE FUNCTION log.refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "DROP FUNCTION log.append_events",
        "DROP SCHEMA log CASCADE",
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            db.execute(statement)


@pytest.mark.parametrize("table", ["stored_events", "documents", "named_documents"])
def test_the_triggers_refuse_changes_even_by_the_superuser(connected: As, table: LiteralString) -> None:
    db = connected("postgres")
    before = counts(db)
    for statement in changes(table)[:5]:
        with pytest.raises(errors.InsufficientPrivilege, match=f"{table} is append-only"):
            db.execute(statement)
    with pytest.raises(errors.InsufficientPrivilege, match="append-only"):
        db.execute(f"UPDATE log.{table} SET {CHANGES[table]} WHERE false")
    assert counts(db) == before


def test_everybody_else_may_do_nothing_with_the_log(connected: As) -> None:
    db = connected("postgres")
    db.execute("CREATE ROLE rujukan_stranger LOGIN")
    try:
        stranger = connected("rujukan_stranger")
        for statement in (APPEND, INSERT_EVENT, *(f"SELECT * FROM log.{table}" for table in CHANGES)):
            with pytest.raises(errors.InsufficientPrivilege):
                stranger.execute(statement)
        for schema in ("log", "views", "public"):
            with pytest.raises(errors.InsufficientPrivilege):
                stranger.execute(f"CREATE TABLE {schema}.mine (x int)")
        with pytest.raises(errors.InsufficientPrivilege):
            stranger.execute("SELECT * FROM follow.processors")
    finally:
        db.execute("DROP ROLE rujukan_stranger")


def test_nothing_in_the_log_is_granted_to_public(connected: As) -> None:
    db = connected("postgres")
    tables = db.execute(
        "SELECT c.relname, a.privilege_type FROM pg_class c, aclexplode(c.relacl) a"
        " WHERE c.relnamespace = 'log'::regnamespace AND a.grantee = 0"
    ).fetchall()
    functions = db.execute(
        "SELECT p.proname FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a"
        " WHERE p.pronamespace = 'log'::regnamespace AND a.grantee = 0 AND p.prosecdef"
    ).fetchall()
    schemas = db.execute(
        "SELECT n.nspname FROM pg_namespace n, aclexplode(n.nspacl) a"
        " WHERE n.nspname IN ('log', 'views') AND a.grantee = 0"
    ).fetchall()
    assert (tables, functions, schemas) == ([], [], [])
