"""Group commit: what arrives while one commit is under way shares the next.

Commands from many threads wait in a queue in front of one writer; each batch is one call of
`log.append_events`, one commit, one flush to disk. Each caller is answered only after its own events are
durable; a version conflict in one command never fails its neighbours.

**Each command is answered once, with what is true.** A command that was sent and not answered is in doubt: the
connection broke, or the server said nothing for ANSWER_SECONDS and the connection was given up. It is looked for by its
bytes (every record has a random salt, so an equal row is this very write) before it is sent again, and again where it
is refused then, as the backend of the broken connection may have stored it meanwhile. No caller waits longer than
RETRY_SECONDS. Who is told nothing else by then is told that it is not known; the same idempotency key gives the truth.

**Found is not yet durable.** A row may be seen that no standby has, where the primary was started anew or somebody
ended the wait for a standby. So what was found is answered after one more commit, which comes after it in the
write-ahead log.
"""

import logging
import queue
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from threading import Lock, Thread
from typing import ClassVar, NamedTuple
from uuid import UUID

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow, tuple_row

from ..database import Answering, patient
from ..patience import left
from . import appending, forked
from .appending import Command, Conflict, Idempotency, Named, Repeated, Row, Unmoved
from .forked import Check, Forked

__all__ = ["Conflict", "GroupCommit", "Idempotency", "LogUnavailable", "Named", "Repeated", "Row", "Unmoved", "Writing"]

log = logging.getLogger(__name__)

MOST_COMMANDS = 512
MOST_BYTES = 8 * 2**20
RETRY_SECONDS = 20.0
"""How long a caller waits at most, however the database is: the writer tries its command again all that time."""
ANSWER_SECONDS = 6.0
"""How long the server may take for one batch. Then the connection is given up, and the next host of the conninfo that
takes writes is asked: a primary that hangs is replaced within a caller's patience."""
LOCK_SECONDS = 3.0
"""How long the server lets a batch wait for its turn: of a connection that was given up nothing stays behind for long
but what it had begun to commit."""
TRY_SECONDS = 1.0
"""How often a writer that stores nothing, and for which nobody waits, tries whether it can again."""


class LogUnavailable(Exception):
    """It is not known whether it is stored, or will be. The same idempotency key makes a retry safe."""


class Writing(NamedTuple):
    """How the writer is."""

    waiting: int
    """Commands whose callers wait."""
    oldest_ms: int
    """How long the oldest of them has waited."""
    failing_ms: int
    """How long nothing could be stored; 0 where the last that was sent was stored, or refused for a reason."""
    lives: bool
    """False where its thread ended: this process stores nothing any more."""


class _Append(Command):
    """A command that waits for its answer."""

    def __init__(
        self,
        rows: Sequence[Row],
        idempotency: Idempotency | None,
        documents: Sequence[Named] = (),
        unmoved: Sequence[Unmoved] = (),
    ) -> None:
        super().__init__(rows, idempotency, documents, unmoved)
        self.done: Future[list[int]] = Future()
        self.size = sum(len(r.state) for r in rows)
        self.since = time.monotonic()
        self.until = self.since + left(RETRY_SECONDS)

    def answer(self, said: list[int] | Exception) -> None:
        """Answer its caller, who may be gone."""
        if isinstance(said, Exception):
            self.done.set_exception(said)
        else:
            self.done.set_result(said)


class _Connection(Answering[TupleRow]):
    seconds: ClassVar[float] = ANSWER_SECONDS


class GroupCommit:
    """The one writer of a process. `append` may be called from any thread."""

    def __init__(self, conninfo: str, check: Check = forked.check_marks) -> None:
        """`check` is asked about each new connection before anything is stored over it."""
        self._check = check
        said = conninfo_to_dict(patient(conninfo))
        said["options"] = f"{said.get('options', '')} -c lock_timeout={int(LOCK_SECONDS * 1000)}".strip()
        self._conninfo = make_conninfo("", **said)
        self._waiting: queue.SimpleQueue[_Append | None] = queue.SimpleQueue()
        self._put_back: list[_Append] = []
        self._asked: dict[_Append, None] = {}
        self._failing_since: float | None = None
        self._db: psycopg.Connection[TupleRow] | None = None
        self._closed = False
        self._door = Lock()
        self._thread = Thread(target=self._run, name="group-commit", daemon=True)
        self._thread.start()

    def append(
        self,
        rows: Sequence[Row],
        idempotency: Idempotency | None = None,
        documents: Sequence[Named] = (),
        unmoved: Sequence[Unmoved] = (),
    ) -> list[int]:
        """Store these events, and that they name these documents, in one commit, all or none, and only where those
        streams did not move; their positions, in order, once they are durable.

        Raises Conflict, Repeated, LogUnavailable, Forked, and ValueError where the versions of a stream do not run on.
        """
        appending.check_versions(rows)
        return self._ask(_Append(rows, idempotency, documents, unmoved))

    def settle(self) -> None:
        """Returns when all that could be read before is durable, on the standbys too. Raises LogUnavailable."""
        self._ask(_Append((), None))

    def check(self) -> None:
        """Raises LogUnavailable where nothing could be stored for as long as a caller waits: who comes now need not
        wait that long to learn the same."""
        since = self._failing_since
        if since is not None and time.monotonic() - since > RETRY_SECONDS:
            raise LogUnavailable("nothing can be stored at present")

    def state(self) -> Writing:
        """How it is now."""
        now = time.monotonic()
        with self._door:
            oldest = next(iter(self._asked), None)
            waiting, since = len(self._asked), self._failing_since
        return Writing(
            waiting,
            int((now - oldest.since) * 1000) if oldest else 0,
            int((now - since) * 1000) if since is not None else 0,
            self._thread.is_alive(),
        )

    def close(self) -> None:
        """Write what waits, then stop."""
        with self._door:
            self._closed = True
            self._waiting.put(None)
        self._thread.join()
        while not self._waiting.empty():
            late = self._waiting.get()
            if late is not None and late.done.set_running_or_notify_cancel():
                late.answer(LogUnavailable("the store is closed"))
        self._disconnect()

    def _ask(self, append: _Append) -> list[int]:
        self.check()
        with self._door:
            if self._closed:
                raise LogUnavailable("the store is closed")
            self._asked[append] = None
            self._waiting.put(append)
        try:
            return append.done.result(append.until - time.monotonic())
        except TimeoutError:
            if not append.done.cancel() and append.done.done():
                return append.done.result()  # it came at the last moment
            raise LogUnavailable("the database did not answer in time") from None
        finally:
            with self._door:
                self._asked.pop(append, None)

    def _run(self) -> None:
        while True:
            batch = self._next_batch()
            if batch is None:
                return
            try:
                self._commit(batch)
            except Exception as problem:
                self._failed(problem)
                if len(batch) > 1:
                    self._one_by_one(batch)  # one of them is at fault, and its neighbours are not
                else:
                    _refuse(batch, problem)

    def _one_by_one(self, batch: list[_Append]) -> None:
        for append in batch:
            if append.done.done():
                continue
            try:
                self._commit([append])
            except Exception as problem:
                self._failed(problem)
                _refuse([append], problem)

    def _failed(self, problem: Exception) -> None:
        """What nobody foresaw. The connection is not trusted any more: it may be in the middle of something."""
        log.error("commands were not stored: unforeseen %s", type(problem).__name__)
        self._disconnect()

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
                item = self._next()
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
            if not append.done.set_running_or_notify_cancel():
                continue  # its caller waited long enough, and was told that it is not stored
            taken |= names
            batch.append(append)
            size += append.size
            if len(batch) >= MOST_COMMANDS or size >= MOST_BYTES:
                break
        self._put_back.extend(candidates)
        return batch

    def _next(self) -> _Append | None:
        """What comes next. While nothing can be stored, it is tried meanwhile whether it can be again."""
        while self._failing_since is not None:
            try:
                return self._waiting.get(timeout=TRY_SECONDS)
            except queue.Empty:
                try:
                    appending.settle(self._connected())
                    self._failing_since = None
                except _AWAY:
                    self._disconnect()
                except Forked:  # who asks is told so
                    self._disconnect()
                    self._failing_since = None
                except Exception as problem:  # whatever it is, the writer lives on
                    self._failed(problem)
        return self._waiting.get()

    def _commit(self, batch: list[_Append]) -> None:
        """Store a batch, and answer each of its commands. Raises what nobody foresaw."""
        pause = 0.05
        while batch := _in_time(batch):
            try:
                db = self._connected()
                if doubtful := [append for append in batch if append.sent]:
                    found = appending.look_up(db, doubtful)
                    batch = [append for append in batch if append not in found]
                    _answer(found)
                if batch:
                    _answer(appending.append(db, batch))
                self._failing_since = None
                return
            except Forked as fork:
                self._disconnect()
                self._failing_since = None
                for append in batch:
                    append.answer(LogUnavailable("the history in the database forked") if append.sent else fork)
                return
            except _AWAY as problem:
                self._disconnect()
                if self._failing_since is None:
                    self._failing_since = time.monotonic()
                    log.warning("nothing is stored at present: %s", type(problem).__name__)
                time.sleep(pause)
                pause = min(pause * 2, 1.0)

    def _connected(self) -> psycopg.Connection[TupleRow]:
        if self._db is None:
            db = _Connection.connect(self._conninfo, autocommit=True, row_factory=tuple_row)
            try:
                self._check(db)
            except BaseException:
                db.close()
                raise
            db.prepare_threshold = 1  # what is in doubt is sent again in as few round trips as can be
            self._db = db
        return self._db

    def _disconnect(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None


_AWAY = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction)
"""What it looks like when the primary is away, or is the primary no more, or keeps nobody's turn."""


def _answer(said: Mapping[_Append, list[int] | Exception]) -> None:
    for append, answer in said.items():
        append.answer(answer)


def _in_time(batch: Iterable[_Append]) -> list[_Append]:
    """Those whose callers still wait. The others were told that it is not known, or are told so now."""
    now = time.monotonic()
    waiting = []
    for append in batch:
        if append.until > now:
            waiting.append(append)
        else:
            append.answer(LogUnavailable("the database did not answer in time"))
    return waiting


def _refuse(batch: Iterable[_Append], problem: Exception) -> None:
    for append in batch:
        if not append.done.done():
            append.answer(LogUnavailable(type(problem).__name__))
