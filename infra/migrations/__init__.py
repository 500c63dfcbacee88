"""Forward-only migrations: `NNNN_name.sql`, applied in order, each once, in a transaction of its own."""

import hashlib
from importlib.resources import files

import psycopg

from ..locks import Lock


class MigrationChanged(Exception):
    """A migration that was applied is no longer what it was. Write a new one instead."""


def migrate(conninfo: str) -> list[str]:
    """Apply what is missing; the names of those applied now. Needs the rights of the database's owner.

    Safe to call from several processes at once. Raises MigrationChanged.
    """
    applied: list[str] = []
    with psycopg.connect(conninfo, autocommit=True) as db:
        db.execute("SELECT pg_advisory_lock(%s)", (Lock.MIGRATING,))
        db.execute(
            "CREATE TABLE IF NOT EXISTS public.migrations ("
            " name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        done: dict[str, str] = dict(db.execute("SELECT name, sha256 FROM public.migrations").fetchall())
        for file in sorted(files(__package__).iterdir(), key=lambda f: f.name):
            if not file.name.endswith(".sql"):
                continue
            sql = file.read_bytes()
            digest = hashlib.sha256(sql).hexdigest()
            if file.name in done:
                if done[file.name] != digest:
                    raise MigrationChanged(file.name)
                continue
            with db.transaction():
                db.execute(sql)
                db.execute("INSERT INTO public.migrations (name, sha256) VALUES (%s, %s)", (file.name, digest))
            applied.append(file.name)
    return applied
