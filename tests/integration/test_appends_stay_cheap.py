"""What an append reads does not grow with the log, also where the log was empty when its plan was made, and the planner
has not looked at the tables since."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest
from office import rows, until, writing
from test_ledger import fresh  # noqa: F401

from rujukan.infra.settings import Settings
from rujukan.infra.store.group_commit import Idempotency

APPENDS = 3000
TOGETHER = 30
"""So many wait for one commit: what is looked up for all of them is joined, and a join can be planned badly."""


def looked_at(db: psycopg.Connection) -> int:
    """Rows and index entries that were read of what grows with the log."""
    (tables,) = db.execute(
        "SELECT sum(seq_tup_read) FROM pg_stat_user_tables WHERE relname IN ('stored_events', 'idempotency_keys')"
    ).fetchone()
    (indexes,) = db.execute(
        "SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname IN ('stored_events', 'idempotency_keys')"
    ).fetchone()
    return int(tables + indexes)


@pytest.mark.thorough
def test_an_append_reads_no_more_in_a_long_log_than_in_a_short_one(fresh: Settings) -> None:  # noqa: F811
    with psycopg.connect(fresh.database, autocommit=True) as db:
        db.execute("ALTER TABLE log.stored_events SET (autovacuum_enabled = off)")  # it would mend the plan, at times
        db.execute("ALTER TABLE log.idempotency_keys SET (autovacuum_enabled = off)")
        with writing(fresh.database, "cheap") as writer, ThreadPoolExecutor(TOGETHER) as together:

            def append(n: int) -> None:
                key = n.to_bytes(32, "big")
                writer.append(rows(uuid4(), each=2), Idempotency(key, key, b"answer"))

            list(together.map(append, range(APPENDS)))
        until(
            lambda: not db.execute("SELECT FROM pg_stat_activity WHERE application_name = 'cheap'").fetchall()
        )  # a session says what it read when it ends
        (stored,) = db.execute("SELECT count(*) FROM log.stored_events").fetchone()
        assert stored == 2 * APPENDS
        assert looked_at(db) < 20 * APPENDS
