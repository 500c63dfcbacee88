"""Data keys: one for each stream and compartment, random, wrapped, kept in the database.

A new key is durable before anything is sealed under it: a process that kept a key which a crash of the server
took away would seal events that nobody could ever open.
"""

import os
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from threading import Lock
from uuid import UUID

from psycopg import Connection
from psycopg_pool import ConnectionPool

from rujukan.domain.compartment import Compartment

from .keyring import KEY_BYTES, KeyProvider

CACHED = 50_000

Keys = Mapping[Compartment, bytes]


class KeyGone(LookupError):
    """There is no key for that stream and compartment: nothing was ever sealed under it, or it was erased."""


class DataKeys:
    """The data keys of all streams. Safe to share between threads."""

    def __init__(self, pool: ConnectionPool[Connection], provider: KeyProvider) -> None:
        self._pool = pool
        self._provider = provider
        self._cache: OrderedDict[tuple[UUID, Compartment], bytes] = OrderedDict()
        self._lock = Lock()

    def for_sealing(self, stream: UUID, compartments: Iterable[Compartment]) -> Keys:
        """The keys of these compartments, made where there is none yet."""
        found, missing = self._cached(stream, compartments)
        if missing:
            with self._pool.connection() as db, db.transaction():
                fresh = [
                    (stream, int(c), self._provider.wrap(os.urandom(KEY_BYTES), _context(stream, c))) for c in missing
                ]
                with db.cursor() as cursor:
                    cursor.executemany(
                        "INSERT INTO log.data_keys (stream, compartment, wrapped) VALUES (%s, %s, %b)"
                        " ON CONFLICT DO NOTHING",
                        fresh,
                    )
                rows = db.execute(_SELECT, ([stream], [int(c) for c in missing]), binary=True).fetchall()
            found |= self._keep(rows).get(stream, {})
        return found

    def for_opening(self, stream: UUID, compartments: Iterable[Compartment]) -> Keys:
        """The keys of these compartments. Raises KeyGone where one is not there."""
        found, missing = self._cached(stream, compartments)
        if missing:
            with self._pool.connection() as db:
                rows = db.execute(_SELECT, ([stream], [int(c) for c in missing]), binary=True).fetchall()
            found |= self._keep(rows).get(stream, {})
            for compartment in missing:
                if compartment not in found:
                    raise KeyGone(f"{stream} has no key for {compartment.word}")
        return found

    def coordination(self, streams: Iterable[UUID]) -> Mapping[UUID, bytes]:
        """The coordination keys of many streams at once; streams without one are left out."""
        compartment = Compartment.COORDINATION
        with self._lock:
            found = {s: k for s in streams if (k := self._cache.get((s, compartment)))}
        missing = [s for s in set(streams) if s not in found]
        if missing:
            with self._pool.connection() as db:
                rows = db.execute(_SELECT, (missing, [int(compartment)]), binary=True).fetchall()
            found |= {stream: keys[compartment] for stream, keys in self._keep(rows).items()}
        return found

    def forget(self, stream: UUID) -> None:
        """Drop what is cached of a stream."""
        with self._lock:
            for compartment in Compartment:
                self._cache.pop((stream, compartment), None)

    def _cached(
        self, stream: UUID, compartments: Iterable[Compartment]
    ) -> tuple[dict[Compartment, bytes], list[Compartment]]:
        found: dict[Compartment, bytes] = {}
        missing: list[Compartment] = []
        with self._lock:
            for compartment in compartments:
                key = self._cache.get((stream, compartment))
                if key is None:
                    missing.append(compartment)
                else:
                    found[compartment] = key
        return found, missing

    def _keep(self, rows: Iterable[tuple[UUID, int, bytes]]) -> dict[UUID, dict[Compartment, bytes]]:
        kept: dict[UUID, dict[Compartment, bytes]] = {}
        for stream, number, wrapped in rows:
            compartment = Compartment(number)
            kept.setdefault(stream, {})[compartment] = self._provider.unwrap(wrapped, _context(stream, compartment))
        with self._lock:
            for stream, keys in kept.items():
                for compartment, key in keys.items():
                    self._cache[stream, compartment] = key
            while len(self._cache) > CACHED:
                self._cache.popitem(last=False)
        return kept


_SELECT = """
    SELECT stream, compartment, wrapped FROM log.data_keys
    WHERE stream = ANY(%b) AND compartment = ANY(%b::smallint[])
"""


def _context(stream: UUID, compartment: Compartment) -> bytes:
    return b"rujukan/data-key/1" + stream.bytes + bytes((compartment,))
