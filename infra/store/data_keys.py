"""Data keys: one for each stream and compartment, random, wrapped, kept in the database.

A new key is durable before anything is sealed under it: a process that kept a key which a crash of the server
took away would seal events that nobody could ever open.

**Erased is erased in every process.** Keys are remembered under a lease: at least once in LEASE_SECONDS a process asks
the database what was erased since it last asked (one indexed query, whatever the number of reads), forgets those keys,
and tells whoever keeps something that was opened with them. While the database cannot be asked, the lease runs out
and nothing is opened. So LEASE_SECONDS after the tombstones are durable no process opens anything with those keys,
and who erases answers after that time. What a process was asked for before may still be on its way out; and a process
that is halted in the middle of an answer, by a debugger or a suspended machine, goes on where it was.
"""

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from threading import Event, Lock
from uuid import UUID, uuid4

import psycopg
from psycopg import Connection
from psycopg_pool import ConnectionPool, PoolTimeout

from ...domain.compartment import Compartment
from ...domain.memory import Memory
from ...domain.refusal import Erased, Unknown
from ..keys.home import UnwrapFailed, Wrapping

KEY_BYTES = 32
CACHED = 50_000
ENTRY_BYTES = 400
"""What one key weighs that is remembered, with its name."""
LEASE_SECONDS = 1.0
TRIES = 5
"""How often a key is read or wrapped again where it crosses with a rotation."""
WITHIN_SECONDS = LEASE_SECONDS + 0.1
"""How long after an erasure every process has forgotten the keys: a lease, and what clocks may differ in pace."""
ERASED, RETIRED = "RJ001", "RJ002"
"""What the database answers to a new key of an erased compartment, and to one wrapped under a retired key."""

Keys = Mapping[Compartment, bytes]
_Row = tuple[UUID, int, bytes]
"""A wrapped key: stream, compartment, and itself."""
Forget = Callable[[UUID], object]


class KeyGone(LookupError):
    """There is no key for that stream and compartment: nothing was ever sealed under it, or it was erased."""


class _Question(Future[None]):
    """What was erased? One is put to the database for all who want to know meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.put_at = time.monotonic()


class DataKeys:
    """The data keys of all streams. Safe to share between threads."""

    def __init__(self, pool: ConnectionPool[Connection], wrapping: Wrapping) -> None:
        self._pool = pool
        self._wrapping = wrapping
        self._cache: Memory[tuple[UUID, Compartment], bytes] = Memory(CACHED * ENTRY_BYTES, lambda _: ENTRY_BYTES)
        self._lock = Lock()
        self._asking: _Question | None = None
        """The question that is put to the database now."""
        self._until = 0.0
        self._known = 0
        self._forget: list[Forget] = []

    def when_erased(self, forget: Forget) -> Callable[[], None]:
        """Have this called with each stream of which something was erased, in whatever thread learns of it; until the
        answer is called."""
        self._forget.append(forget)
        return lambda: self._forget.remove(forget)

    def for_sealing(self, stream: UUID, compartments: Iterable[Compartment]) -> Keys:
        """The keys of these compartments, made where there is none yet. Raises Erased, or Unknown where the whole
        case was: nothing is added to what was erased."""
        self.renew()
        found, missing = self._cached(stream, compartments)
        if missing:
            self._make(stream, missing)
            found |= self._read([stream], missing).get(stream, {})
            if gone := [c for c in missing if c not in found]:
                if not self.erased(stream) >= set(gone):
                    raise KeyGone(f"{stream} has a key that does not open")
                raise Erased(compartments=[c.word for c in gone])
        return found

    def for_opening(self, stream: UUID, compartments: Iterable[Compartment]) -> Keys:
        """The keys of these compartments. Raises KeyGone where one is not there."""
        self.renew()
        found, missing = self._cached(stream, compartments)
        if missing:
            found |= self._read([stream], missing).get(stream, {})
            for compartment in missing:
                if compartment not in found:
                    raise KeyGone(f"{stream} has no key for {compartment.word}")
        return found

    def coordination(self, streams: Iterable[UUID]) -> Mapping[UUID, bytes]:
        """The coordination keys of many streams at once; streams of which none is there, or does not open, are left
        out (`lost`)."""
        self.renew()
        compartment = Compartment.COORDINATION
        with self._lock:
            found = {s: k for s in streams if (k := self._cache.get((s, compartment)))}
        missing = [s for s in set(streams) if s not in found]
        if missing:
            found |= {stream: keys[compartment] for stream, keys in self._read(missing, [compartment]).items()}
        return found

    def lost(self, streams: Iterable[UUID]) -> frozenset[UUID]:
        """Of these streams, those whose coordination key nobody erased: where it is not there, or does not open, it is
        damaged."""
        asked = list(streams)
        with self._pool.connection() as db:
            rows = db.execute(
                "SELECT stream FROM log.erased_keys WHERE stream = ANY(%s) AND compartment = %s",
                (asked, int(Compartment.COORDINATION)),
            ).fetchall()
        return frozenset(asked) - {stream for (stream,) in rows}

    def erased(self, stream: UUID) -> frozenset[Compartment]:
        """What was erased of a stream."""
        with self._pool.connection() as db:
            rows = db.execute("SELECT compartment FROM log.erased_keys WHERE stream = %s", (stream,)).fetchall()
        return frozenset(Compartment(c) for (c,) in rows)

    def is_done(self, stream: UUID, compartments: Iterable[Compartment]) -> bool:
        """Whether these were erased, and no key of theirs is there, nor was put back from a copy."""
        asked = [int(c) for c in compartments]
        with self._pool.connection() as db:
            row = db.execute(
                "SELECT (SELECT count(*) FROM log.erased_keys WHERE stream = %(s)s AND compartment = ANY(%(c)s)),"
                " EXISTS (SELECT FROM log.data_keys WHERE stream = %(s)s AND compartment = ANY(%(c)s))",
                {"s": stream, "c": asked},
            ).fetchone()
        return row == (len(set(asked)), False)

    def erase(self, stream: UUID, version: int, compartments: Iterable[Compartment]) -> bool:
        """Destroy these keys for good, as the stream's event of that version says; False where there is no such event.
        Durable on return; every process has forgotten them WITHIN_SECONDS later. May be called again."""
        with self._pool.connection() as db:
            row = db.execute(
                "SELECT log.erase_keys(%s, %s, %s::smallint[])", (stream, version, [int(c) for c in compartments])
            ).fetchone()
        self.renew(at_once=True)
        return row is not None and row[0] is not None

    def erase_proposal(self, proposal: UUID, case: UUID, version: int, compartments: Iterable[Compartment]) -> bool:
        """The same of a proposal on that case, but for coordination, as the case's event of that version says; False
        where there is no such event, or no such proposal."""
        with self._pool.connection() as db:
            row = db.execute(
                "SELECT log.erase_proposal_keys(%s, %s, %s, %s::smallint[])",
                (proposal, case, version, [int(c) for c in compartments]),
            ).fetchone()
        self.renew(at_once=True)
        return row is not None and row[0] is not None

    def forget(self, stream: UUID) -> None:
        """Drop what is cached of a stream."""
        with self._lock:
            for compartment in Compartment:
                self._cache.pop((stream, compartment), None)

    def renew(self, at_once: bool = False) -> None:
        """Begin a new lease where the last one ran out: learn what was erased, and forget it. Raises what the database
        raises where it cannot be asked; then nothing may be opened."""
        called = time.monotonic()
        while True:
            with self._lock:
                if not at_once and time.monotonic() < self._until:
                    return
                asking, mine = self._asking, self._asking is None
                if asking is None:
                    asking = self._asking = _Question()
            if mine:
                self._ask(asking)
            problem = asking.exception()  # all wait for one answer, and nobody holds a lock meanwhile
            if at_once and asking.put_at < called:
                continue  # who asks at once wants the answer to a question that was put after that
            if problem is not None:
                raise problem
            return

    def _ask(self, asking: "_Question") -> None:
        """Put the question to the database, and the answer into effect."""
        try:
            with self._pool.connection() as db:
                asked = time.monotonic()
                rows = db.execute(
                    "SELECT n, stream FROM log.erased_keys WHERE n > %s ORDER BY n", (self._known,)
                ).fetchall()
            with self._lock:
                self._known = rows[-1][0] if rows else self._known
                for _, stream in rows:
                    for compartment in Compartment:
                        self._cache.pop((stream, compartment), None)
            for stream in {stream for _, stream in rows}:
                for forget in tuple(self._forget):
                    forget(stream)
            self._wrapping.refresh()  # so that destroyed key-encryption keys do not live on in this process either
        except BaseException as problem:
            with self._lock:
                self._asking = None
            asking.set_exception(problem)
            return
        with self._lock:
            self._until = asked + LEASE_SECONDS
            self._asking = None
        asking.set_result(None)

    def watch(self, stop: Event) -> None:
        """Keep the lease new until told to stop, so that no request waits for it, and what was erased does not stay
        in the memory of a process that nobody asks for anything."""
        while not stop.wait(LEASE_SECONDS / 2):
            try:
                self.renew(at_once=True)
            except (psycopg.Error, PoolTimeout, OSError, ValueError):
                continue  # the lease runs out; who wants to open something is told why

    def _make(self, stream: UUID, missing: Sequence[Compartment]) -> None:
        for tried in range(TRIES):
            wrapped = self._wrapping.wrap_many([(os.urandom(KEY_BYTES), context(stream, c)) for c in missing])
            try:
                with self._pool.connection() as db:
                    db.execute(_INSERT, (stream, [int(c) for c in missing], wrapped))
                return
            except psycopg.Error as refused:
                if refused.sqlstate == ERASED:
                    gone = self.erased(stream)
                    if Compartment.COORDINATION in gone:
                        raise Unknown(what="case") from None
                    raise Erased(compartments=[c.word for c in missing if c in gone]) from None
                if refused.sqlstate != RETIRED or tried == TRIES - 1:
                    raise
                self._wrapping.refresh()  # wrapped under a key that was retired meanwhile

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

    def _read(self, streams: list[UUID], compartments: Iterable[Compartment]) -> dict[UUID, dict[Compartment, bytes]]:
        """The keys as the database has them now, remembered unless something was erased while they were read."""
        for tried in range(TRIES):
            known = self._known
            with self._pool.connection() as db:
                rows = db.execute(_SELECT, (streams, [int(c) for c in compartments]), binary=True).fetchall()
            try:
                return self._keep(rows, known)
            except UnwrapFailed:
                if tried == TRIES - 1:  # until then: they were wrapped anew between the reading of row and keyring
                    return self._keep(self._undamaged(rows), known)
        raise AssertionError("unreachable")

    def _undamaged(self, rows: Sequence[_Row]) -> list[_Row]:
        """Those of these keys that open. Where none does, and none of any other stream's either, the keyring is not the
        one that they were wrapped with: that says nothing of the keys. Raises UnwrapFailed."""
        found = [row for row in rows if self._opens(row)]
        if not found:
            with self._pool.connection() as db:
                about = {"streams": [stream for stream, _, _ in rows], "from": uuid4()}
                others = db.execute(_OTHERS, about, binary=True).fetchall()
            if not any(self._opens(row) for row in others):
                raise UnwrapFailed("no data key can be unwrapped with this keyring")
        return found

    def _opens(self, row: _Row) -> bool:
        stream, number, wrapped = row
        try:
            self._wrapping.unwrap_many([(wrapped, context(stream, Compartment(number)))])
        except UnwrapFailed:
            return False
        return True

    def _keep(self, rows: Sequence[_Row], known: int) -> dict[UUID, dict[Compartment, bytes]]:
        whose = [(stream, Compartment(number)) for stream, number, _ in rows]
        opened = self._wrapping.unwrap_many([(row[2], context(*of)) for row, of in zip(rows, whose, strict=True)])
        kept: dict[UUID, dict[Compartment, bytes]] = {}
        for (stream, compartment), key in zip(whose, opened, strict=True):
            kept.setdefault(stream, {})[compartment] = key
        with self._lock:
            if self._known != known:
                return kept  # good for this once: what was erased must not come back into the cache
            for stream, keys in kept.items():
                for compartment, key in keys.items():
                    self._cache[stream, compartment] = key
        return kept


_INSERT = """
    INSERT INTO log.data_keys (stream, compartment, wrapped)
    SELECT %b, c, w FROM unnest(%b::smallint[], %b::bytea[]) AS k (c, w) ON CONFLICT DO NOTHING
"""
"""In one statement: who is halted between two keeps the lock that those wait for who erase."""
_SELECT = """
    SELECT stream, compartment, wrapped FROM log.data_keys k
    WHERE stream = ANY(%b) AND compartment = ANY(%b::smallint[])
      AND NOT EXISTS (SELECT FROM log.erased_keys e WHERE e.stream = k.stream AND e.compartment = k.compartment)
"""
_OTHERS = """
    (SELECT stream, compartment, wrapped FROM log.data_keys WHERE NOT stream = ANY(%(streams)b) LIMIT 20)
    UNION ALL
    (SELECT stream, compartment, wrapped FROM log.data_keys WHERE stream >= %(from)b AND NOT stream = ANY(%(streams)b)
      ORDER BY stream LIMIT 20)
"""
# Of one page, and of all over the table: a page that is torn says nothing of the keyring.
# A key that somebody put back, from a backup, say, past the trigger that refuses it, stays erased.


def context(stream: UUID, compartment: Compartment) -> bytes:
    """What a data key's wrapping is bound to."""
    return b"rujukan/data-key/1" + stream.bytes + bytes((compartment,))
