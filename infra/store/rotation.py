"""Rotation of the key-encryption key while the system works, and the erasure epoch that it makes.

The steps, each durable before the next, and each found done or undone by looking, so that whoever is killed anywhere is
finished by running it again:

1. A new key-encryption key is made, and is active: every process reads the keyring again before it wraps.
2. The old ones are retired in the database: from then on it refuses a new data key wrapped under one of them
   (`log.check_new_key`), and who meets that refusal reads the keyring and wraps again. What is left to do only shrinks.
3. The data keys wrapped under the old ones are wrapped anew, some hundreds a transaction, each only if it is still
   what was read. Nobody waits: who reads meanwhile opens the old wrapping or the new one.
4. When none is left under it, an old key-encryption key is destroyed.

A data key that does not open, or is not there, is left as it is, and named: what a backup has of it opens under an old
key-encryption key only, so that one stays until the data key is repaired, or its case erased. All others go on.

**Erasure epoch.** A copy of `log.data_keys` made before, in a backup, in a replica's old files, in what PostgreSQL did
not overwrite yet, is wrapped under keys that are destroyed now. So what was erased before the epoch is gone from all
of them; and for the same reason a backup made before an epoch is restored with the `log.data_keys` of after it
(ERASURE.md).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from ...domain.compartment import Compartment
from ..database import maintain
from ..keys.home import Rotation, UnwrapFailed, Wrapping
from ..locks import Lock
from .data_keys import context

BATCH = 500


class RotationRunning(Exception):
    """Somebody rotates the keys now."""


class NotFinished(Exception):
    """Data keys are still wrapped under a key that was to be destroyed; nothing was destroyed. Run it again."""


class Left(NamedTuple):
    """A data key that is damaged, and was left as it is."""

    stream: UUID
    compartment: Compartment
    why: str


class Rotated(NamedTuple):
    """What a rotation did. Where something was left, it is not finished: run it again when that is repaired."""

    active: str
    destroyed: list[str]
    wrapped_anew: int
    left: list[Left]


class KeyState(NamedTuple):
    """A key-encryption key: whether new keys are wrapped under it, how many are, and since when it is retired."""

    id: str
    state: str
    data_keys: int
    retired_at: datetime | None
    destroyed_at: datetime | None


def rotate(conninfo: str, keys: Rotation, done: Callable[[str], object] = lambda step: None) -> Rotated:
    """Replace the key-encryption key, or finish a rotation that was not finished. Needs the rights of the database's
    owner. `done` is told of each step. A key-encryption key under which something was left is not destroyed. Raises
    RotationRunning, NotFinished."""
    with _alone(conninfo) as db:
        if len(keys.ids()) == 1:
            keys.add()
        done("a new key-encryption key is active")
        *old, active = keys.ids()
        wrapped_anew = 0
        left: dict[str, list[Left]] = {}
        for id in old:
            _retire(db, id)
            done(f"{id} is retired")
            for count, damaged in _wrap_anew(db, keys, id):
                wrapped_anew += count
                left.setdefault(id, []).extend(damaged)
                done(f"{wrapped_anew} data keys are wrapped anew")
        elsewhere = _of_unknown(db, keys.ids()) + _missing(db)  # nobody can tell under which they were wrapped
        destroyed = []
        for id in old:
            if elsewhere or left.get(id):
                done(f"{id} stays, as data keys are damaged")
                continue
            _none_left(db, id)
            keys.destroy(id)
            destroyed.append(id)
            done(f"{id} is destroyed")
        db.execute(  # also those that somebody destroyed who was killed before this line
            "UPDATE log.retired_keks SET destroyed_at = clock_timestamp()"
            " WHERE destroyed_at IS NULL AND id <> ALL (%s)",
            (list(keys.ids()),),
        )
        return Rotated(
            active, destroyed, wrapped_anew, [*(each for some in left.values() for each in some), *elsewhere]
        )


def epoch(conninfo: str, keys: Rotation, done: Callable[[str], object] = lambda step: None) -> Iterator[Rotated]:
    """Rotate until what was erased before is dead in every copy of the database: once, or twice where a rotation of
    before an erasure had not been finished. It is not where something was left. Raises as `rotate`."""
    with maintain(conninfo) as db:
        row = db.execute("SELECT coalesce(max(n), 0) FROM log.erased_keys").fetchone()
        erased = row[0] if row else 0
        started = _now(db)
        while True:
            rotated = rotate(conninfo, keys, done)
            yield rotated
            if rotated.left:
                return
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


def _wrap_anew(db: Connection[TupleRow], keys: Rotation, id: str) -> Iterator[tuple[int, list[Left]]]:
    """Wraps every data key under `id` anew that opens; yields how many, batch by batch, and those that do not."""
    left: list[Left] = []
    while True:
        with db.transaction():
            db.execute(
                "SELECT pg_advisory_xact_lock_shared(%s)", (Lock.DATA_KEYS,)
            )  # before the rows, as who erases does
            passed = [one.stream for one in left], [int(one.compartment) for one in left]
            rows = db.execute(_WRAPPED_UNDER, (id, *passed, BATCH), binary=True).fetchall()
            if not rows:
                return
            plain = _opened(keys, rows)
            whole = [(row, key) for row, key in zip(rows, plain, strict=True) if key is not None]
            anew = keys.wrap_many([(key, _bound(row)) for row, key in whole])
            with db.cursor() as cursor:
                cursor.executemany(
                    "UPDATE log.data_keys SET wrapped = %b WHERE stream = %s AND compartment = %s",
                    [(wrapped, row[0], row[1]) for wrapped, (row, _) in zip(anew, whole, strict=True)],
                )
        damaged = [
            Left(row[0], Compartment(row[1]), "it does not open")
            for row, key in zip(rows, plain, strict=True)
            if key is None
        ]
        left += damaged
        yield len(whole), damaged


def _opened(keys: Rotation, rows: Sequence[TupleRow]) -> list[bytes | None]:
    """The data keys; None in the place of one that does not open."""
    try:
        return list(keys.unwrap_many([(row[2], _bound(row)) for row in rows]))
    except UnwrapFailed:
        return [opened(keys, row[0], row[1], row[2]) for row in rows]


def opened(keys: Wrapping, stream: UUID, compartment: int, wrapped: bytes) -> bytes | None:
    """A data key; None where it does not open."""
    try:
        return keys.unwrap_many([(wrapped, context(stream, Compartment(compartment)))])[0]
    except UnwrapFailed:
        return None


def _bound(row: TupleRow) -> bytes:
    return context(row[0], Compartment(row[1]))


def _of_unknown(db: Connection[TupleRow], ids: Sequence[str]) -> list[Left]:
    """Those that name a key-encryption key that there is not, as a bit of that name is another."""
    rows = db.execute(
        "SELECT stream, compartment FROM log.data_keys WHERE log.kek_of(wrapped) <> ALL(%s) ORDER BY 1, 2", (list(ids),)
    ).fetchall()
    return [Left(stream, Compartment(number), "it names no key-encryption key") for stream, number in rows]


def _missing(db: Connection[TupleRow]) -> list[Left]:
    """Of streams that are set aside, the coordination keys that are not there, and that nobody erased."""
    rows = db.execute(_MISSING, {"first": int(Compartment.COORDINATION)}).fetchall()
    return [Left(stream, Compartment.COORDINATION, "it is not there") for (stream,) in rows]


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


_WRAPPED_UNDER = """
    SELECT stream, compartment, wrapped FROM log.data_keys k WHERE log.kek_of(wrapped) = %s
      AND NOT EXISTS (
        SELECT FROM unnest(%s::uuid[], %s::int[]) AS l (s, c) WHERE l.s = k.stream AND l.c = k.compartment)
    ORDER BY stream, compartment LIMIT %s FOR UPDATE
"""
_MISSING = """
    SELECT d.stream FROM delivery.damaged d WHERE d.repaired_at IS NULL
      AND NOT EXISTS (SELECT FROM log.data_keys k WHERE k.stream = d.stream AND k.compartment = %(first)s)
      AND NOT EXISTS (SELECT FROM log.erased_keys e WHERE e.stream = d.stream AND e.compartment = %(first)s)
    ORDER BY 1
"""
