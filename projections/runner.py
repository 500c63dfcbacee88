"""Keeps read models up to date.

Position and change commit in one transaction, and the position is read under a row lock at its start, so
the effect of every event is exactly once however many runners there are and wherever one dies. The positions
are kept by the `eventsourcing` library's tracking recorder.
"""

import hashlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

import psycopg
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier, Literal

from ..domain.disclosure import Followed
from .projection import Projection

log = logging.getLogger(__name__)

SCHEMA = "views"
BATCH = 2_000


class Log(Protocol):
    """What the runner needs of the log."""

    def after(self, position: int, limit: int) -> Sequence[Followed]:
        """The next events after a position, at most so many."""
        ...

    def pages(self, after: int) -> Iterator[Sequence[Followed]]:
        """All events after a position, page by page, to the end that the log has then."""
        ...

    def head(self) -> int:
        """The position of the newest event, 0 for none."""
        ...


class RebuildRunning(Exception):
    """Somebody rebuilds this read model now."""


class Lag(NamedTuple):
    """How far a read model is behind: in positions of the log."""

    projection: str
    position: int
    behind: int


class Runner:
    """Folds the log into read models. One runner belongs to one thread."""

    def __init__(
        self, projections: Sequence[Projection], log: Log, conninfo: str, tracking: PostgresTrackingRecorder
    ) -> None:
        self._projections = {p.name: p for p in projections}
        self._log = log
        self._conninfo = conninfo
        self._tracking = tracking
        self._db: Connection[TupleRow] | None = None

    def prepare(self) -> list[str]:
        """Make what tables are missing; the names of read models whose tables are those of an older version, which
        are to be rebuilt before anything is folded. Safe to call from several processes at once."""
        older: list[str] = []
        with self._open() as db, db.transaction():
            db.execute("SELECT pg_advisory_xact_lock(727164913)")
            self._tracking.create_table()
            db.execute("GRANT SELECT ON views.notification_tracking TO rujukan_service")
            for projection in self._projections.values():
                there = db.execute(
                    "SELECT to_regclass(%s), obj_description(to_regclass(%s), 'pg_class')",
                    (f"{SCHEMA}.{projection.tables[0]}",) * 2,
                ).fetchone()
                if there is not None and there[0] is not None and there[1] != _shape(projection):
                    older.append(projection.name)
                elif there is not None and there[0] is None:
                    _search(db, SCHEMA)
                    _make(db, projection)
                    db.execute(
                        "INSERT INTO notification_tracking VALUES (%s, 0) ON CONFLICT DO NOTHING", (projection.name,)
                    )
        return older

    def catch_up(self, done: Callable[[int], object] = lambda count: None) -> int:
        """Fold until nothing new is in the log; the position reached. `done` is told of each batch's size."""
        while True:
            head = self._log.head()
            position, count = self._step(self._log.after, head)
            done(count)
            if count == 0:
                return position

    def take(self, batch: Sequence[Followed]) -> None:
        """Fold a batch that was read already; what some projection missed before it is read from the log."""
        first, last = batch[0].written.position, batch[-1].written.position

        def here(after: int, limit: int) -> Sequence[Followed]:
            if after >= first - 1:
                return [f for f in batch if f.written.position > after]
            return self._log.after(after, limit)

        while True:
            position, count = self._step(here)
            if position >= last or count == 0:
                return

    def lag(self) -> list[Lag]:
        """How far each read model is behind the log."""
        head = self._log.head()
        return [Lag(name, at, max(0, head - at)) for name, at in self._positions(self._connected()).items()]

    def rebuild(self, name: str, done: Callable[[int], object] = lambda count: None) -> int:
        """Fold a read model anew from the whole log, in tables of its own, while the old ones serve; then
        put them in place at once. Returns how many events were folded. Raises KeyError for an unknown name,
        RebuildRunning."""
        projection = self._projections[name]
        shadow = f"rebuild_{name}"
        folded, position = 0, 0
        with self._open() as db:
            alone = db.execute("SELECT pg_try_advisory_lock(727164915, hashtext(%s))", (name,)).fetchone()
            if alone is None or not alone[0]:
                raise RebuildRunning(f"{name} is being rebuilt already")
            with db.transaction():
                db.execute(SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(Identifier(shadow)))
                db.execute(SQL("CREATE SCHEMA {}").format(Identifier(shadow)))
                _search(db, shadow)
                _make(db, projection)
            for batch in self._log.pages(position):
                with db.transaction(), db.cursor() as cursor:
                    db.execute("SET LOCAL synchronous_commit = off")
                    _search(db, shadow)
                    projection.fold(cursor, batch)
                position = batch[-1].written.position
                folded += len(batch)
                done(len(batch))
            with db.transaction(), db.cursor() as cursor:
                live = self._positions(db)[name]
                _search(db, shadow)
                while position < live or self._log.head() > position:
                    batch = self._log.after(position, BATCH)
                    if not batch:
                        break
                    projection.fold(cursor, batch)
                    position = batch[-1].written.position
                    folded += len(batch)
                for table in projection.tables:
                    db.execute(SQL("DROP TABLE {}").format(Identifier(SCHEMA, table)))
                for table in reversed(projection.tables):
                    move = SQL("ALTER TABLE {} SET SCHEMA {}").format(Identifier(shadow, table), Identifier(SCHEMA))
                    db.execute(move)
                _search(db, SCHEMA)
                db.execute(
                    "UPDATE notification_tracking SET notification_id = %s WHERE application_name = %s",
                    (max(position, live), name),
                )
                db.execute(SQL("DROP SCHEMA {} CASCADE").format(Identifier(shadow)))
            # Not by hanging up, which the server may notice after the next one asks.
            db.execute("SELECT pg_advisory_unlock(727164915, hashtext(%s))", (name,))
        return folded

    def _step(self, read: Callable[[int, int], Sequence[Followed]], head: int = 0) -> tuple[int, int]:
        """One batch in one transaction: (the position now reached by all, events folded). Where nothing can be
        read up to `head`, which the log had before, all of that was erased, and is passed by."""
        db = self._connected()
        try:
            with db.transaction(), db.cursor() as cursor:
                positions = self._positions(db)
                behind = min(positions.values())
                batch = read(behind, BATCH)
                if not batch:
                    for name, position in positions.items():
                        if position < head:
                            self._tracking._insert_tracking(cursor, Tracking(name, head))  # type: ignore[arg-type]
                    return max(behind, head), 0
                last = batch[-1].written.position
                _search(db, SCHEMA)
                for name, position in positions.items():
                    if position >= last:
                        continue
                    new = batch if position == behind else [f for f in batch if f.written.position > position]
                    self._projections[name].fold(cursor, new)
                    self._tracking._insert_tracking(cursor, Tracking(name, last))  # type: ignore[arg-type]
            return last, len(batch)
        except (psycopg.OperationalError, psycopg.InterfaceError):
            self._forget()
            raise

    def _positions(self, db: Connection[TupleRow]) -> dict[str, int]:
        """Where each read model is, locked until the transaction ends."""
        rows = db.execute(
            "SELECT application_name, notification_id FROM views.notification_tracking"
            " WHERE application_name = ANY(%s) ORDER BY application_name FOR UPDATE",
            (list(self._projections),),
        ).fetchall()
        return dict(rows)

    def _open(self) -> Connection[TupleRow]:
        return psycopg.connect(self._conninfo, autocommit=True, connect_timeout=10)

    def _connected(self) -> Connection[TupleRow]:
        if self._db is None or self._db.closed:
            self._db = self._open()
        return self._db

    def _forget(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None


def wait_for(db: Connection[TupleRow], position: int, projections: Iterable[str], seconds: float) -> bool:
    """Wait until these read models have taken in a position; whether they did before the time ran out."""
    give_up = time.monotonic() + seconds
    names = list(projections)
    while True:
        row = db.execute(
            "SELECT count(*) FROM views.notification_tracking"
            " WHERE application_name = ANY(%s) AND notification_id >= %s",
            (names, position),
        ).fetchone()
        if row is not None and row[0] == len(names):
            return True
        if time.monotonic() > give_up:
            return False
        time.sleep(0.01)


def _make(db: Connection[TupleRow], projection: Projection) -> None:
    """Make a read model's tables; the first says in its comment what they were made from."""
    db.execute(projection.ddl)
    about = SQL("COMMENT ON TABLE {} IS {}")
    db.execute(about.format(Identifier(projection.tables[0]), Literal(_shape(projection))))


def _shape(projection: Projection) -> str:
    return "ddl " + hashlib.sha256(projection.ddl.encode()).hexdigest()


def _search(db: Connection[TupleRow], schema: str) -> None:
    db.execute(SQL("SET LOCAL search_path TO {}").format(Identifier(schema)))
