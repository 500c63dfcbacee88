"""The agency's inbox: what was handled, and how far its topic was read.

`handle` runs the handler and notes the delivery in one transaction of the agency's own database: a delivery
that comes again, after a crash or from a publisher that filled the topic anew, is handled once in effect.
The SQLite inbox is one file; another database takes its place by the same protocol.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from .envelope import Delivery

Handler = Callable[[Delivery, sqlite3.Connection], object]


class Place(NamedTuple):
    """How far a topic was read: the topic's identity, and the offset to read next."""

    topic_id: str
    offset: int


class Inbox(Protocol):
    """What the subscription needs of an inbox."""

    def place(self, topic: str) -> Place | None:
        """How far that topic was read; None at first."""
        ...

    def handle(self, delivery: Delivery, topic: str, next: Place) -> bool:
        """Handle a delivery, once in effect, and move on; False when it was handled before."""
        ...

    def skip(self, topic: str, next: Place, reason: str) -> None:
        """Move on past a message that cannot be handled, and note why."""
        ...


class SqliteInbox:
    """An inbox in one SQLite file. The handler gets the connection: what it writes there commits with the inbox."""

    def __init__(self, file: Path | str, handler: Handler) -> None:
        self._handler = handler
        self._db = sqlite3.connect(file, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(
            """
            CREATE TABLE IF NOT EXISTS rujukan_handled (id TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
            CREATE TABLE IF NOT EXISTS rujukan_place (
              topic TEXT PRIMARY KEY, topic_id TEXT NOT NULL, next INTEGER NOT NULL) WITHOUT ROWID;
            CREATE TABLE IF NOT EXISTS rujukan_rejected (
              topic TEXT, topic_id TEXT, offset INTEGER, reason TEXT, PRIMARY KEY (topic, topic_id, offset));
            """
        )

    def place(self, topic: str) -> Place | None:
        row = self._db.execute("SELECT topic_id, next FROM rujukan_place WHERE topic = ?", (topic,)).fetchone()
        return Place(*row) if row else None

    def handle(self, delivery: Delivery, topic: str, next: Place) -> bool:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            new = self._db.execute(
                "INSERT OR IGNORE INTO rujukan_handled VALUES (?, ?)", (delivery.id, delivery.position)
            ).rowcount
            if new:
                self._handler(delivery, self._db)
            self._move(topic, next)
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        return bool(new)

    def skip(self, topic: str, next: Place, reason: str) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute(
            "INSERT OR REPLACE INTO rujukan_rejected VALUES (?, ?, ?, ?)",
            (topic, next.topic_id, next.offset - 1, reason),
        )
        self._move(topic, next)
        self._db.execute("COMMIT")

    def rejected(self) -> list[tuple[str, int, str]]:
        """(topic, offset, reason) of what could not be handled."""
        return self._db.execute("SELECT topic, offset, reason FROM rujukan_rejected ORDER BY topic, offset").fetchall()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _move(self, topic: str, next: Place) -> None:
        self._db.execute("INSERT OR REPLACE INTO rujukan_place VALUES (?, ?, ?)", (topic, next.topic_id, next.offset))
