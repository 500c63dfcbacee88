"""The little that an inbox asks of a database, and SQLite behind it. PostgreSQL is in ../postgres.

SQL is written once, in what both understand, with `?` for parameters.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

C_co = TypeVar("C_co", covariant=True)
Row = tuple[Any, ...]

BUSY_SECONDS = 60
"""How long it waits while another process, a replay say, is writing."""
OUTAGES = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
}
TABLES = """
    CREATE TABLE IF NOT EXISTS rujukan_cursor (
      name TEXT PRIMARY KEY,
      handled BIGINT NOT NULL,
      opened BIGINT NOT NULL DEFAULT 0,
      receipt TEXT NOT NULL DEFAULT '',
      topic_id TEXT,
      place BIGINT,
      trying BIGINT NOT NULL DEFAULT 0,
      tries INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE IF NOT EXISTS rujukan_case (
      name TEXT NOT NULL, pseudonym TEXT NOT NULL, handled BIGINT NOT NULL, PRIMARY KEY (name, pseudonym)
    );
    CREATE TABLE IF NOT EXISTS rujukan_recent (
      name TEXT NOT NULL, slot INTEGER NOT NULL, number BIGINT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (name, slot)
    );
    CREATE TABLE IF NOT EXISTS rujukan_gap (
      name TEXT NOT NULL,
      first BIGINT NOT NULL,
      last BIGINT NOT NULL,
      state TEXT NOT NULL,
      found_at TEXT NOT NULL,
      PRIMARY KEY (name, first)
    );
    CREATE TABLE IF NOT EXISTS rujukan_dead_letter (
      n {number},
      name TEXT NOT NULL,
      digest TEXT NOT NULL,
      sequence BIGINT,
      id TEXT NOT NULL,
      pseudonym TEXT NOT NULL,
      key_id TEXT NOT NULL,
      reason TEXT NOT NULL,
      problem TEXT NOT NULL,
      tries INTEGER NOT NULL,
      at TEXT NOT NULL,
      state TEXT NOT NULL DEFAULT 'open',
      sent INTEGER NOT NULL DEFAULT 0,
      sealed {bytes},
      UNIQUE (name, digest)
    );
    CREATE INDEX IF NOT EXISTS rujukan_dead_letter_sequence ON rujukan_dead_letter (name, sequence);
    CREATE TABLE IF NOT EXISTS rujukan_to_say (
      n {number},
      name TEXT NOT NULL,
      what TEXT NOT NULL,
      first BIGINT NOT NULL DEFAULT 0,
      last BIGINT NOT NULL DEFAULT 0,
      word TEXT NOT NULL DEFAULT ''
    );
    CREATE INDEX IF NOT EXISTS rujukan_to_say_name ON rujukan_to_say (name, n);
    CREATE TABLE IF NOT EXISTS rujukan_waits (name TEXT PRIMARY KEY, why TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS rujukan_fresh (name TEXT PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS rujukan_begun (
      name TEXT NOT NULL, number BIGINT NOT NULL, processes INTEGER NOT NULL, PRIMARY KEY (name, number)
    );
"""


class Done(Protocol):
    """What a statement gave."""

    @property
    def rowcount(self) -> int: ...
    def fetchall(self) -> list[Any]: ...
    def fetchone(self) -> Any: ...


class Database(Protocol[C_co]):
    """A connection, of one thread. It is made again where it broke."""

    errors: tuple[type[Exception], ...]
    """What is raised where the database itself fails."""

    def is_outage(self, problem: Exception) -> bool:
        """Whether this, raised where a handler wrote, is of the database rather than of the handler."""
        ...

    @property
    def connection(self) -> C_co:
        """What a handler writes through: it commits with the inbox."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """All of it, or nothing."""
        ...

    def savepoint(self) -> AbstractContextManager[None]:
        """The same, inside of a transaction."""
        ...

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> Done: ...

    def each(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """The same statement with each of these."""
        ...

    def put(self, table: str, key: Sequence[str], value: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Rows of these columns, first those of the key, each in the place of one that has its key. Keys differ."""
        ...

    def close(self) -> None: ...


class Sqlite:
    """One SQLite file, which several processes may use."""

    errors: tuple[type[Exception], ...] = (sqlite3.OperationalError, sqlite3.IntegrityError, sqlite3.InternalError)
    """What may pass. A ProgrammingError does not: another thread's connection, or a file that is no inbox."""

    def __init__(self, file: Path | str) -> None:
        self._is_inside = False
        self.connection = sqlite3.connect(file, isolation_level=None, timeout=BUSY_SECONDS)
        if file != ":memory:":
            Path(file).chmod(0o600)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = FULL")
        self.connection.executescript(TABLES.format(number="INTEGER PRIMARY KEY AUTOINCREMENT", bytes="BLOB"))

    def is_outage(self, problem: Exception) -> bool:
        return isinstance(problem, sqlite3.Error) and getattr(problem, "sqlite_errorcode", 0) & 0xFF in OUTAGES

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.connection.execute("BEGIN IMMEDIATE")
        self._is_inside = True
        try:
            yield
            self.connection.execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise
        finally:
            self._is_inside = False

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        self.connection.execute("SAVEPOINT rujukan")
        try:
            yield
        except BaseException:
            if self.connection.in_transaction:  # a full disk ends all of it
                self.connection.execute("ROLLBACK TO rujukan")
                self.connection.execute("RELEASE rujukan")
            raise
        self.execute("RELEASE rujukan")

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> sqlite3.Cursor:
        self._check()
        return self.connection.execute(sql, parameters)

    def each(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        self._check()
        self.connection.executemany(sql, rows)

    def put(self, table: str, key: Sequence[str], value: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        marks = ", ".join("?" for _ in (*key, *value))
        self.each(upsert(table, key, value, f"VALUES ({marks})"), rows)

    def _check(self) -> None:
        """Nothing is written by itself that belongs to a transaction: a full disk ends one, and so may a handler."""
        if self._is_inside and not self.connection.in_transaction:
            raise sqlite3.OperationalError("the transaction was ended from elsewhere")

    def close(self) -> None:
        self.connection.close()


def upsert(table: str, key: Sequence[str], value: Sequence[str], rows: str) -> str:
    """The statement that puts these rows in the place of those that have their keys."""
    changes = ", ".join(f"{column} = excluded.{column}" for column in value)
    columns = ", ".join((*key, *value))
    return f"INSERT INTO {table} ({columns}) {rows} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"
