"""An idempotency key makes a retry safe for a stated time, and is then forgotten, a piece at a time."""

import random
from collections.abc import Iterator
from datetime import timedelta
from threading import Event, Thread
from uuid import uuid4

import psycopg
import pytest
from office import HOUR, Office, opened_office, until
from psycopg import errors

from rujukan.api.application.kinds import CASE
from rujukan.api.application.once import Done, Sent
from rujukan.domain.case.notes import NoteRecorded, RecordNote
from rujukan.domain.fact import CaseId
from rujukan.infra import composition
from rujukan.infra.database import FOLLOWER, SERVICE, Pool, as_role, pool
from rujukan.infra.settings import Settings
from rujukan.infra.store import forgetting

DAY = timedelta(days=1)
VALID = 30 * DAY


@pytest.fixture
def follower(settings: Settings) -> Iterator[Pool]:
    connected = pool(as_role(settings.database, FOLLOWER), 2, "forgetting")
    yield connected
    connected.close()


@pytest.fixture
def db(settings: Settings) -> Iterator[psycopg.Connection]:
    with psycopg.connect(settings.database, autocommit=True) as connected:
        yield connected


def keys_of(db: psycopg.Connection, ages: list[timedelta]) -> list[bytes]:
    """Keys that were used so long ago."""
    made = [uuid4().bytes for _ in ages]
    with db.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO log.idempotency_keys VALUES (%s, '', '', 1, now() - %s)", list(zip(made, ages, strict=True))
        )
    return made


def left(db: psycopg.Connection, keys: list[bytes]) -> set[bytes]:
    return {bytes(key) for (key,) in db.execute("SELECT key FROM log.idempotency_keys WHERE key = ANY(%s)", (keys,))}


def test_exactly_the_older_ones_are_forgotten_a_piece_at_a_time(
    db: psycopg.Connection, follower: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = random.Random(6)
    monkeypatch.setattr(forgetting, "PIECE", 40)
    ages = [draw.choice((0.9, 1.1)) * VALID + draw.uniform(-1, 1) * DAY for _ in range(300)]
    keys = keys_of(db, ages)
    old = {key for key, age in zip(keys, ages, strict=True) if age > VALID}
    gone: list[int] = []
    while forgotten := forgetting.forget_keys(follower, VALID):
        gone.append(forgotten)
        assert left(db, keys) >= set(keys) - old
    assert max(gone) <= 40
    assert left(db, keys) == set(keys) - old


def test_a_worker_forgets_and_goes_on(db: psycopg.Connection, follower: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "PIECE", 10)
    keys, stop = keys_of(db, [2 * VALID] * 35), Event()
    working = Thread(target=forgetting.keep_forgetting, args=(follower, VALID, stop))
    working.start()
    try:
        until(lambda: not left(db, keys))
    finally:
        stop.set()
        working.join()


def test_nobody_forgets_a_young_one_or_deletes_it_otherwise(db: psycopg.Connection, settings: Settings) -> None:
    (key,) = keys_of(db, [23 * HOUR])
    for role in (SERVICE, FOLLOWER):
        with psycopg.connect(as_role(settings.database, role), autocommit=True) as other:
            with pytest.raises((errors.InvalidParameterValue, errors.InsufficientPrivilege)):
                other.execute("SELECT log.forget_idempotency_keys('22 hours', 10)")
            with pytest.raises(errors.InsufficientPrivilege):
                other.execute("DELETE FROM log.idempotency_keys")
    with psycopg.connect(as_role(settings.database, SERVICE)) as api, pytest.raises(errors.InsufficientPrivilege):
        api.execute("SELECT log.forget_idempotency_keys('100 days', 10)")
    assert left(db, [key])


def test_a_retry_within_the_time_has_one_effect_and_an_older_key_is_used_anew(
    db: psycopg.Connection, follower: Pool, settings: Settings
) -> None:
    with opened_office(settings) as office:
        case = office.opens(composition.now() - HOUR)
        once = Sent(f"once-{uuid4()}", b"a note")
        assert not noted(office, case, once).replayed
        forgetting.forget_keys(follower, VALID)
        assert noted(office, case, once).replayed
        with db.transaction():
            db.execute("SET LOCAL session_replication_role = replica")
            db.execute("UPDATE log.idempotency_keys SET made_at = now() - %s", (VALID + DAY,))
        assert noted(office, case, once).replayed, "as long as it is there"
        while forgetting.forget_keys(follower, VALID):
            pass
        assert not noted(office, case, once).replayed
        assert sum(isinstance(w.event, NoteRecorded) for w in office.ports.log.read(case)) == 2


def noted(office: Office, case: CaseId, once: Sent) -> Done:
    act = office.act("uptd-ppa")
    command = RecordNote(occurred_at=act.at, note=uuid4())
    return office.casework.handle(CASE, CaseId(case), command, act, correlation=uuid4(), sent=once)


def test_those_to_be_forgotten_are_found_by_an_index(db: psycopg.Connection) -> None:
    db.execute("SET enable_seqscan = off")
    plan = db.execute(
        "EXPLAIN SELECT key FROM log.idempotency_keys WHERE made_at < now() - interval '1 day' ORDER BY made_at LIMIT 9"
    ).fetchall()
    assert "idempotency_keys_made_at_idx" in "".join(line for (line,) in plan)
