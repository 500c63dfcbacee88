"""Forward-only migrations: `NNNN_name.sql`, applied in order, each once, in a transaction of its own.

How long a statement takes has no bound, as an index on a large log takes what it takes; a server that hangs is given up
all the same. A lock has one: whoever wants what a migration waits for waits behind it.

An index that is there already, under its name, is not built again: an operator of a large log builds it beforehand,
with CREATE INDEX CONCURRENTLY, while everything runs (infra/README.md).
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from importlib.resources.abc import Traversable

from psycopg import Connection
from psycopg.errors import LockNotAvailable
from psycopg.rows import TupleRow

from ..database import maintain
from ..locks import Lock

MIGRATING_SECONDS = 60
"""How long it is waited for somebody else who migrates."""
LOCK_SECONDS = 10
"""How long a migration waits for a table that somebody else reads or changes."""


class MigrationChanged(Exception):
    """A migration that was applied is no longer what it was. Write a new one instead."""


class NotBuilt(Exception):
    """An index that was built beforehand is not whole. Drop it, and build it again or leave it out."""


class Blocked(Exception):
    """Somebody else migrates, or holds a table that a migration needs. What was applied before stays; run it again."""


def migrate(conninfo: str) -> list[str]:
    """Apply what is missing; the names of those applied now. Needs the rights of the database's owner.

    Safe to call from several processes at once. Raises MigrationChanged, NotBuilt, Blocked, and NoAnswer where the
    server hangs.
    """
    applied: list[str] = []
    with maintain(conninfo) as db, _in_time():
        db.execute(f"SET lock_timeout = '{MIGRATING_SECONDS}s'")
        db.execute("SELECT pg_advisory_lock(%s)", (Lock.MIGRATING,))
        db.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
        db.execute(
            "CREATE TABLE IF NOT EXISTS public.migrations ("
            " name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        done: dict[str, str] = dict(db.execute("SELECT name, sha256 FROM public.migrations").fetchall())
        for file in _all():
            sql = file.read_bytes()
            digest = hashlib.sha256(sql).hexdigest()
            if file.name in done:
                if done[file.name] != digest:
                    raise MigrationChanged(file.name)
                continue
            _check_indexes(db)
            with db.transaction():
                db.execute(_INDEX.sub(rb"\1 IF NOT EXISTS ", sql))
                db.execute("INSERT INTO public.migrations (name, sha256) VALUES (%s, %s)", (file.name, digest))
            applied.append(file.name)
    return applied


def lacking(conninfo: str) -> list[str]:
    """The names of those that were not applied yet. Raises what says that the database is away."""
    with maintain(conninfo) as db:
        (there,) = db.execute("SELECT to_regclass('public.migrations') IS NOT NULL").fetchone() or (False,)
        done = {name for (name,) in db.execute("SELECT name FROM public.migrations").fetchall()} if there else set()
    return [file.name for file in _all() if file.name not in done]


def _all() -> list[Traversable]:
    there = sorted(files(__package__).iterdir(), key=lambda file: file.name)
    return [file for file in there if file.name.endswith(".sql")]


def _check_indexes(db: Connection[TupleRow]) -> None:
    """Raises NotBuilt."""
    row = db.execute(
        "SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class c ON c.oid = indrelid"
        " WHERE NOT indisvalid AND c.relnamespace::regnamespace::text IN ('log', 'ledger', 'delivery', 'follow')"
    ).fetchone()
    if row is not None:
        raise NotBuilt(f"the index {row[0]} was not built to its end: drop it, and build it again or leave it out")


_INDEX = re.compile(rb"^(CREATE (?:UNIQUE )?INDEX) (?=\w+ ON )", re.MULTILINE)


@contextmanager
def _in_time() -> Iterator[None]:
    try:
        yield
    except LockNotAvailable:
        raise Blocked("somebody else migrates, or holds a table for long: end that, and run it again") from None
