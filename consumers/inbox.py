"""The agency's inbox: what was handled, and how far its topic was read.

`handle` runs the handler and notes the delivery in one transaction of the agency's own database: a delivery
that comes again, after a crash or from a publisher that filled the topic anew, is handled once in effect.
The SQLite inbox is one file; another database takes its place by the same protocol.

**When something is erased** the service asks each agency that was told of it to delete its copies: a delivery of the
topic `erasure.DeletionAsked`, in order with all others. The inbox itself keeps no content. What the handler kept, the
`forget` function deletes, in the same transaction, and the inbox notes that it was done until the agency's
system has told the service (`POST /erasures/{erasure}/acknowledgement`). Without `forget` the handler gets it like
any other delivery, and has to see to it.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol
from uuid import UUID

from .envelope import Delivery

Handler = Callable[[Delivery, sqlite3.Connection], object]


class Deletion(NamedTuple):
    """Delete what was told of these compartments of that case; with `coordination` among them, all of it."""

    erasure: UUID
    case: UUID
    compartments: frozenset[str]


Forget = Callable[[Deletion, sqlite3.Connection], object]
DELETION_ASKED = "erasure.DeletionAsked"


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

    def __init__(self, file: Path | str, handler: Handler, forget: Forget | None = None) -> None:
        self._handler = handler
        self._forget = forget
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
            CREATE TABLE IF NOT EXISTS rujukan_deleted (
              erasure TEXT PRIMARY KEY, acknowledged INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
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
            if new and delivery.topic == DELETION_ASKED and self._forget is not None:
                deletion = deletion_of(delivery)
                self._forget(deletion, self._db)
                self._db.execute("INSERT OR IGNORE INTO rujukan_deleted (erasure) VALUES (?)", (str(deletion.erasure),))
            elif new:
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

    def unacknowledged(self) -> list[UUID]:
        """Erasures whose copies were deleted here, and of which the service was not told so yet."""
        rows = self._db.execute("SELECT erasure FROM rujukan_deleted WHERE NOT acknowledged ORDER BY erasure")
        return [UUID(erasure) for (erasure,) in rows]

    def acknowledged(self, erasure: UUID) -> None:
        """The service was told."""
        self._db.execute("UPDATE rujukan_deleted SET acknowledged = 1 WHERE erasure = ?", (str(erasure),))

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _move(self, topic: str, next: Place) -> None:
        self._db.execute("INSERT OR REPLACE INTO rujukan_place VALUES (?, ?, ?)", (topic, next.topic_id, next.offset))


def deletion_of(delivery: Delivery) -> Deletion:
    """What a delivery of DELETION_ASKED asks for."""
    said = delivery.fields()
    return Deletion(UUID(said["erasure"]), UUID(said["case"]), frozenset(said["compartments"]))
