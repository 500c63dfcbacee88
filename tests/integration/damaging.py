"""Stored values that are damaged for a while, as a disk or a superuser could do it; what is set aside then, and taken
up again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from fetching import Place
from msgspec.structs import replace

from rujukan.domain.codes import Service
from rujukan.infra import composition
from rujukan.infra.cli import main
from rujukan.infra.delivery import damaged
from rujukan.infra.keys.names import FOLLOWING, REGISTER
from rujukan.infra.positions import Positions
from rujukan.infra.settings import Settings, to_environment

STATE = "state", "log.stored_events", "notification_id = %s"
KEY = "wrapped", "log.data_keys", "stream::text || compartment = %s"
"""A column, its table, and which row: the record at a position; the key of a stream and compartment (`f"{case}0"`)."""
SERVICES = {"rsud": Service.HEALTH, "polres": Service.LAW_ENFORCEMENT}


@pytest.fixture
def superuser(settings: Settings) -> Iterator[psycopg.Connection]:
    """Who may do anything to the rows. A test file takes it as its own: `superuser = damaging.superuser`."""
    with psycopg.connect(settings.database, autocommit=True) as db:
        yield db


def case_with(place: Place, *agencies: str) -> UUID:
    """A new case, of which these agencies may know what concerns health."""
    case = place.office.opens(composition.now())
    for agency in agencies:
        place.office.consents(case, agency, "health")
        place.office.refers(case, agency, SERVICES[agency], compartments=frozenset({"health"}))
    return case


# Damage ----------------------------------------------------------------------------------------------------------


@contextmanager
def flipped(
    db: psycopg.Connection, what: tuple[str, str, str], of: object, byte: Callable[[int], int] = lambda size: size - 1
) -> Iterator[None]:
    """One bit of a stored value is another; and put right at the end."""
    column, table, where = what
    row = db.execute(f"SELECT {column} FROM {table} WHERE {where}", (of,)).fetchone()
    assert row is not None
    whole: bytes = row[0]
    at = byte(len(whole))

    def put(value: bytes) -> None:
        with db.transaction():
            db.execute("SET LOCAL session_replication_role = replica")  # no trigger refuses
            db.execute(f"UPDATE {table} SET {column} = %s WHERE {where}", (value, of))

    put(whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :])
    try:
        yield
    finally:
        put(whole)


@contextmanager
def changed(db: psycopg.Connection, table: str, column: str, where: str, to: str, *values: Any) -> Iterator[None]:
    """A column of one row says something else, past all triggers; and is put right at the end."""

    def put(sql: str, *with_these: Any) -> Any:
        with db.transaction():
            db.execute("SET LOCAL session_replication_role = replica")
            return db.execute(sql, with_these).fetchone()

    row = put(f"SELECT ctid::text, {column} FROM {table} WHERE {where}", *values)
    assert row is not None
    (ctid,) = put(f"UPDATE {table} SET {column} = {to} WHERE ctid = %s::tid RETURNING ctid::text", row[0])
    try:
        yield
    finally:
        put(f"UPDATE {table} SET {column} = %s WHERE ctid = %s::tid RETURNING 1", row[1], ctid)


@contextmanager
def gone(db: psycopg.Connection, stream: UUID) -> Iterator[None]:
    """The key of the stream's coordination is not there, and nobody erased it; and it is back at the end."""
    row = db.execute("DELETE FROM log.data_keys WHERE stream = %s AND compartment = 0 RETURNING wrapped", (stream,))
    (wrapped,) = row.fetchone() or (b"",)
    try:
        yield
    finally:
        db.execute("INSERT INTO log.data_keys (stream, compartment, wrapped) VALUES (%s, 0, %s)", (stream, wrapped))


def last_position(db: psycopg.Connection, stream: UUID) -> int:
    """Where the last record of a stream stands."""
    (at,) = db.execute(
        "SELECT max(notification_id) FROM log.stored_events WHERE originator_id = %s", (stream,)
    ).fetchone() or (0,)
    return int(at)


def positions_of(settings: Settings) -> Positions:
    """What rows are written with, by who may: so that what a test writes is believed."""
    return Positions(composition.keys(settings, FOLLOWING).macs(REGISTER))


def believe_facts(db: psycopg.Connection) -> None:
    """From here on what is on record of cases may be without a digest, and not counted, as before there were any; the
    register's keeper gives each its own."""
    db.execute("UPDATE delivery.reached SET facts_under = NULL")
    db.execute("DELETE FROM delivery.tallies")


# What is set aside -------------------------------------------------------------------------------------------------


def entries(settings: Settings) -> list[damaged.Entry]:
    """All that is damaged now."""
    with composition.follower(settings) as source, source.store.pool.connection() as db:
        return [entry for entry in damaged.entries(db) if not entry.is_repaired]


def damaged_streams(settings: Settings) -> set[UUID]:
    """The streams of all that."""
    return {entry.stream for entry in entries(settings)}


def look_again(settings: Settings) -> None:
    """Have what is set aside looked at again."""
    with composition.follower(settings) as source, source.store.pool.connection() as db:
        damaged.take_up(db)
        source.keep_up()


def take_up(settings: Settings) -> None:
    """The same, and have the read models built anew with it."""
    with composition.follower(settings) as source, source.store.pool.connection() as db:
        damaged.take_up(db)
        source.keep_up()
        repaired = damaged.repaired(db)
        with composition.runner(settings, source) as runner:
            for name in composition.NAMES:
                runner.rebuild(name)
        damaged.built_anew(db, repaired)


def main_of(settings: Settings, *arguments: str) -> int:
    """An operator's command, by these settings; its exit status."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in to_environment(replace(settings, kafka=settings.kafka or "nowhere:1")).items():
            environment.setenv(name, value)
        return main(arguments)
