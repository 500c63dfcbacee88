"""Rotation of the key-encryption key while the system works, and the erasure epoch that it makes.

The steps, each durable before the next, and each found done or undone by looking, so that whoever is killed anywhere is
finished by running it again:

1. A new key-encryption key is made, and is active: every process reads the keyring again before it wraps.
2. The old ones are retired in the database: from then on it refuses a new data key wrapped under one of them
   (`log.check_new_key`), and who meets that refusal reads the keyring and wraps again. What is left to do only shrinks.
3. The data keys wrapped under the old ones are wrapped anew, some hundreds a transaction, each only if it is still
   what was read. Nobody waits: who reads meanwhile opens the old wrapping or the new one.
4. When none is left under it, an old key-encryption key is destroyed.

**Erasure epoch.** A copy of `log.data_keys` made before, in a backup, in a replica's old files, in what PostgreSQL did
not overwrite yet, is wrapped under keys that are destroyed now. So what was erased before the epoch is gone from all
of them; and for the same reason a backup made before an epoch is restored with the `log.data_keys` of after it
(ERASURE.md).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from psycopg import Connection
from psycopg.rows import TupleRow

from ...domain.compartment import Compartment
from ..database import maintain
from ..keys.home import Rotation
from ..locks import Lock
from .data_keys import context

BATCH = 500


class RotationRunning(Exception):
    """Somebody rotates the keys now."""


class NotFinished(Exception):
    """Data keys are still wrapped under a key that was to be destroyed; nothing was destroyed. Run it again."""


class Rotated(NamedTuple):
    """What a rotation did."""

    active: str
    destroyed: list[str]
    wrapped_anew: int


class KeyState(NamedTuple):
    """A key-encryption key: whether new keys are wrapped under it, how many are, and since when it is retired."""

    id: str
    state: str
    data_keys: int
    retired_at: datetime | None
    destroyed_at: datetime | None


def rotate(conninfo: str, keys: Rotation, done: Callable[[str], object] = lambda step: None) -> Rotated:
    """Replace the key-encryption key, or finish a rotation that was not finished. Needs the rights of the database's
    owner. `done` is told of each step. Raises RotationRunning, NotFinished."""
    with _alone(conninfo) as db:
        if len(keys.ids()) == 1:
            keys.add()
        done("a new key-encryption key is active")
        *old, active = keys.ids()
        wrapped_anew = 0
        for id in old:
            _retire(db, id)
            done(f"{id} is retired")
            for count in _wrap_anew(db, keys, id):
                wrapped_anew += count
                done(f"{wrapped_anew} data keys are wrapped anew")
        for id in old:
            _none_left(db, id)
            keys.destroy(id)
            done(f"{id} is destroyed")
        db.execute(  # also those that somebody destroyed who was killed before this line
            "UPDATE log.retired_keks SET destroyed_at = clock_timestamp()"
            " WHERE destroyed_at IS NULL AND id <> ALL (%s)",
            (list(keys.ids()),),
        )
        return Rotated(active, old, wrapped_anew)


def epoch(conninfo: str, keys: Rotation, done: Callable[[str], object] = lambda step: None) -> Iterator[Rotated]:
    """Rotate until what was erased before is dead in every copy of the database: once, or twice where a rotation of
    before an erasure had not been finished. Raises as `rotate`."""
    with maintain(conninfo) as db:
        row = db.execute("SELECT coalesce(max(n), 0) FROM log.erased_keys").fetchone()
        erased = row[0] if row else 0
        started = _now(db)
        while True:
            yield rotate(conninfo, keys, done)
            row = db.execute(
                "SELECT count(*) FROM log.retired_keks"
                " WHERE destroyed_at IS NOT NULL AND destroyed_at > %s AND erased_to >= %s",
                (started, erased),
            ).fetchone()
            if row is not None and row[0]:
                return


def states(conninfo: str, keys: Rotation) -> list[KeyState]:
    """Every key-encryption key there is or was, the active one last."""
    with maintain(conninfo) as db:
        wrapped: dict[str, int] = dict(
            db.execute("SELECT log.kek_of(wrapped), count(*) FROM log.data_keys GROUP BY 1").fetchall()
        )
        retired = {
            id: (at, destroyed)
            for id, at, destroyed in db.execute(
                "SELECT id, retired_at, destroyed_at FROM log.retired_keks ORDER BY retired_at"
            )
        }
    here = keys.ids()
    found: list[KeyState] = []
    for id in dict.fromkeys([*retired, *wrapped, *here]):
        state = "active" if id == here[-1] else "being replaced" if id in here else "destroyed"
        found.append(KeyState(id, state, wrapped.get(id, 0), *retired.get(id, (None, None))))
    return sorted(found, key=lambda k: k.state == "active")


def _retire(db: Connection[TupleRow], id: str) -> None:
    """Nothing new is wrapped under it once this is durable: who was about to holds the lock until it is there."""
    with db.transaction():
        db.execute("SELECT pg_advisory_xact_lock(%s)", (Lock.DATA_KEYS,))
        db.execute(
            "INSERT INTO log.retired_keks (id, erased_to)"
            " VALUES (%s, coalesce((SELECT max(n) FROM log.erased_keys), 0)) ON CONFLICT DO NOTHING",
            (id,),
        )


def _wrap_anew(db: Connection[TupleRow], keys: Rotation, id: str) -> Iterator[int]:
    """Wraps every data key under `id` anew; yields how many, batch by batch."""
    while True:
        with db.transaction():
            db.execute(
                "SELECT pg_advisory_xact_lock_shared(%s)", (Lock.DATA_KEYS,)
            )  # before the rows, as who erases does
            rows = db.execute(
                "SELECT stream, compartment, wrapped FROM log.data_keys WHERE log.kek_of(wrapped) = %s"
                " ORDER BY stream, compartment LIMIT %s FOR UPDATE",
                (id, BATCH),
                binary=True,
            ).fetchall()
            if not rows:
                return
            bound = [context(stream, Compartment(number)) for stream, number, _ in rows]
            opened = keys.unwrap_many([(row[2], of) for row, of in zip(rows, bound, strict=True)])
            anew = keys.wrap_many(list(zip(opened, bound, strict=True)))
            with db.cursor() as cursor:
                cursor.executemany(
                    "UPDATE log.data_keys SET wrapped = %b WHERE stream = %s AND compartment = %s",
                    [(wrapped, stream, number) for wrapped, (stream, number, _) in zip(anew, rows, strict=True)],
                )
        yield len(rows)


def _none_left(db: Connection[TupleRow], id: str) -> None:
    with db.transaction():
        db.execute("SELECT pg_advisory_xact_lock(%s)", (Lock.DATA_KEYS,))
        row = db.execute("SELECT count(*) FROM log.data_keys WHERE log.kek_of(wrapped) = %s", (id,)).fetchone()
    if row is None or row[0]:
        raise NotFinished(f"{row[0] if row else 'some'} data keys are still wrapped under {id}; run it again")


def _now(db: Connection[TupleRow]) -> datetime:
    row = db.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    at: datetime = row[0]
    return at


@contextmanager
def _alone(conninfo: str) -> Iterator[Connection[TupleRow]]:
    with maintain(conninfo) as db:
        row = db.execute("SELECT pg_try_advisory_lock(%s)", (Lock.ROTATING,)).fetchone()
        if row is None or not row[0]:
            raise RotationRunning("the keys are being rotated already")
        try:
            yield db
        finally:  # not by hanging up, which the server may notice after the next one asks
            if not db.closed:
                db.execute("SELECT pg_advisory_unlock(%s)", (Lock.ROTATING,))
