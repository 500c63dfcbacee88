"""Group commit: what arrives while one commit is under way shares the next.

Commands from many threads wait in a queue in front of one writer; each batch is one call of
`log.append_events`, one commit, one flush to disk. Each caller is answered only after its own events are
durable; a version conflict in one command never fails its neighbours.
"""

import logging
import queue
import time
from collections.abc import Sequence
from concurrent.futures import Future
from threading import Lock, Thread
from typing import NamedTuple
from uuid import UUID

import psycopg
from psycopg.rows import tuple_row

log = logging.getLogger(__name__)

MOST_COMMANDS = 512
MOST_BYTES = 8 * 2**20
RETRY_SECONDS = 20.0
"""How long a batch is tried again while the database is away, before its callers are told."""


class Row(NamedTuple):
    """One event to store."""

    stream: UUID
    version: int
    topic: str
    state: bytes


class Idempotency(NamedTuple):
    """What makes a repeated command harmless: keyed hashes of its key and content, and its answer to repeat."""

    key: bytes
    fingerprint: bytes
    answer: bytes


class Conflict(Exception):
    """Somebody else wrote to the stream first. Read it again and decide again."""


class Repeated(Exception):
    """The idempotency key was used before. Its first answer is stored."""


class LogUnavailable(Exception):
    """The database cannot be reached. Nothing is known to be stored; an idempotency key makes a retry safe."""


class _Append(NamedTuple):
    rows: Sequence[Row]
    idempotency: Idempotency | None
    done: "Future[list[int]]"
    size: int


class GroupCommit:
    """The one writer of a process. `append` may be called from any thread."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._waiting: queue.SimpleQueue[_Append | None] = queue.SimpleQueue()
        self._put_back: list[_Append] = []
        self._db: psycopg.Connection | None = None
        self._closed = False
        self._door = Lock()
        self._thread = Thread(target=self._run, name="group-commit", daemon=True)
        self._thread.start()

    def append(self, rows: Sequence[Row], idempotency: Idempotency | None = None) -> list[int]:
        """Store these events in one commit, all or none; their positions, in order, once they are durable.

        Raises Conflict, Repeated, LogUnavailable, and ValueError where the versions of a stream do not run on.
        """
        _check(rows)
        done: Future[list[int]] = Future()
        with self._door:
            if self._closed:
                raise LogUnavailable("the store is closed")
            self._waiting.put(_Append(rows, idempotency, done, sum(len(r.state) for r in rows)))
        return done.result()

    def close(self) -> None:
        """Write what waits, then stop."""
        with self._door:
            self._closed = True
            self._waiting.put(None)
        self._thread.join()
        while not self._waiting.empty():
            late = self._waiting.get()
            if late is not None:
                late.done.set_exception(LogUnavailable("the store is closed"))
        if self._db is not None:
            self._db.close()

    def _run(self) -> None:
        while True:
            batch = self._next_batch()
            if batch is None:
                return
            try:
                self._commit(batch)
            except Exception as problem:
                if len(batch) > 1 and not isinstance(problem, LogUnavailable):
                    self._one_by_one(batch)  # one of them is at fault, and its neighbours are not
                    continue
                error = problem if isinstance(problem, LogUnavailable) else LogUnavailable(type(problem).__name__)
                log.error("a batch of %d commands was not stored: %s", len(batch), type(problem).__name__)
                for append in batch:
                    if not append.done.done():
                        append.done.set_exception(error)

    def _one_by_one(self, batch: list[_Append]) -> None:
        for append in batch:
            try:
                if not append.done.done():
                    self._commit([append])
            except Exception as problem:
                log.error("a command was not stored: %s", type(problem).__name__)
                append.done.set_exception(LogUnavailable(type(problem).__name__))

    def _next_batch(self) -> list[_Append] | None:
        """What waits, up to a limit; of commands on one stream, or with one idempotency key, only the first."""
        batch: list[_Append] = []
        taken: set[UUID | bytes] = set()
        size = 0
        candidates, self._put_back = self._put_back, []
        while True:
            if not candidates:
                if self._waiting.empty() and (batch or self._put_back):
                    break
                item = self._waiting.get()
                if item is None:
                    if not batch and not self._put_back:
                        return None
                    self._waiting.put(None)
                    break
                candidates = [item]
            append = candidates.pop(0)
            names: set[UUID | bytes] = {row.stream for row in append.rows}
            if append.idempotency:
                names.add(append.idempotency.key)
            if names & taken:
                self._put_back.append(append)
                continue
            taken |= names
            batch.append(append)
            size += append.size
            if len(batch) >= MOST_COMMANDS or size >= MOST_BYTES:
                break
        self._put_back.extend(candidates)
        return batch

    def _commit(self, batch: list[_Append]) -> None:
        """Store a batch. When the connection breaks, what did get stored is found again by its bytes:
        every record has a random salt, so an equal row is this very write."""
        give_up = time.monotonic() + RETRY_SECONDS
        pause = 0.05
        unsure = False
        while True:
            try:
                db = self._connected()
                if unsure:
                    batch = [append for append in batch if not self._was_stored(db, append)]
                    if not batch:
                        return None
                return self._append(db, batch, unsure)
            except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction) as problem:
                unsure = True
                self._disconnect()
                if time.monotonic() > give_up:
                    raise LogUnavailable(type(problem).__name__) from None
                time.sleep(pause)
                pause = min(pause * 2, 1.0)

    def _append(self, db: psycopg.Connection, batch: list[_Append], unsure: bool = False) -> None:
        rows = [(n, row) for n, append in enumerate(batch) for row in append.rows]
        firsts: dict[tuple[int, UUID], int] = {}
        for n, row in rows:
            firsts.setdefault((n, row.stream), row.version)
        keyed = [(n, a.idempotency, a.rows[-1]) for n, a in enumerate(batch) if a.idempotency]
        answer = db.execute(
            _APPEND,
            (
                [n for n, _ in rows],
                [r.stream for _, r in rows],
                [r.version for _, r in rows],
                [r.topic for _, r in rows],
                [r.state for _, r in rows],
                [n for n, _ in firsts],
                [stream for _, stream in firsts],
                list(firsts.values()),
                [n for n, _, _ in keyed],
                [i.key for _, i, _ in keyed],
                [i.fingerprint for _, i, _ in keyed],
                [i.answer for _, i, _ in keyed],
                [last.stream for _, _, last in keyed],
                [last.version for _, _, last in keyed],
            ),
            binary=True,
        ).fetchall()
        refused = {command: why for command, why, _ in answer if command is not None}
        positions = iter([position for command, _, position in answer if command is None])
        for n, append in enumerate(batch):
            why = refused.get(n)
            if why is None:
                append.done.set_result([next(positions) for _ in append.rows])
            elif unsure and why == "conflict" and self._was_stored(db, append):
                continue  # the backend of the broken connection stored it while this one waited
            else:
                append.done.set_exception(Repeated() if why == "repeated" else Conflict())

    def _was_stored(self, db: psycopg.Connection, append: _Append) -> bool:
        row = append.rows[0]
        same = db.execute(
            "SELECT notification_id FROM log.stored_events"
            " WHERE originator_id = %s AND originator_version = %s AND state = %b",
            (row.stream, row.version, row.state),
        ).fetchone()
        if same is None:
            return False
        append.done.set_result(list(range(same[0], same[0] + len(append.rows))))
        return True

    def _connected(self) -> psycopg.Connection:
        if self._db is None:
            self._db = psycopg.connect(self._conninfo, autocommit=True, row_factory=tuple_row, connect_timeout=5)
            self._db.prepare_threshold = 0
        return self._db

    def _disconnect(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None


def _check(rows: Sequence[Row]) -> None:
    """Raises ValueError unless there is a row, and each stream's versions run on from its first."""
    if not rows:
        raise ValueError("there is nothing to append")
    last: dict[UUID, int] = {}
    for row in rows:
        if row.stream in last and row.version != last[row.stream] + 1:
            raise ValueError("the versions of a stream run on")
        last[row.stream] = row.version


_APPEND = (
    "SELECT refused_command, why, notification_id FROM log.append_events("
    "%b::int[], %b::uuid[], %b::bigint[], %b::text[], %b::bytea[], %b::int[], %b::uuid[], %b::bigint[],"
    " %b::int[], %b::bytea[], %b::bytea[], %b::bytea[], %b::uuid[], %b::bigint[])"
)
