"""What a witness has met of a log: the checkpoints that it cosigned, and those that the log signed and did not prove.

The first are what a later lie is held against, at whatever size. The second accuse nobody, and are kept until they can
be held against the log's tiles.
"""

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from ...evidence.checkpoints import Checkpoint, parse_checkpoint
from ...evidence.notes import Note, parse_note

MOST_COSIGNED = 10_000
"""Checkpoints of one log that were cosigned and are kept, the newest of them."""
MOST_UNPROVEN = 1_000
"""Checkpoints of one log that are kept unproven: those of the largest trees, as anybody can show an old one again."""

SCHEMA = """
    CREATE TABLE IF NOT EXISTS heads (origin TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL,
      note BLOB NOT NULL, proven INTEGER NOT NULL, PRIMARY KEY (origin, size, root));
    INSERT OR IGNORE INTO heads SELECT origin, size, root, note, 1 FROM cosigned;
"""


class Head(NamedTuple):
    """A checkpoint as the log signed it, and whether it was cosigned."""

    note: Note
    proven: bool

    @property
    def checkpoint(self) -> Checkpoint:
        """What it says."""
        return parse_checkpoint(self.note.text)


class Heads:
    """The table of them, in the witness's file. Each call belongs to the transaction that its caller opened."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        db.executescript(SCHEMA)

    def keep(self, checkpoint: Checkpoint, note: Note, *, proven: bool) -> None:
        """Keep what the log signed, with the most signatures that were met. What was proven once stays so."""
        self._db.execute(
            "INSERT INTO heads VALUES (?, ?, ?, ?, ?) ON CONFLICT (origin, size, root) DO UPDATE SET"
            " note = CASE WHEN length(excluded.note) > length(note) THEN excluded.note ELSE note END,"
            " proven = max(proven, excluded.proven)",
            (checkpoint.origin, checkpoint.size, checkpoint.root, note.data, proven),
        )
        most = MOST_COSIGNED if proven else MOST_UNPROVEN
        self._db.execute(
            "DELETE FROM heads WHERE origin = ?1 AND proven = ?2 AND size < (SELECT size FROM heads"
            " WHERE origin = ?1 AND proven = ?2 ORDER BY size DESC LIMIT 1 OFFSET ?3)",
            (checkpoint.origin, proven, most - 1),
        )

    def of_size(self, origin: str, size: int) -> Sequence[Head]:
        """Those of one size."""
        return self._read("size = ?", origin, size)

    def unproven(self, origin: str, most: int = MOST_UNPROVEN) -> Sequence[Head]:
        """Those that the log signed and did not prove; any so many of them, where there are more."""
        return self._read("NOT proven ORDER BY random() LIMIT ?", origin, most)

    def origins(self) -> Sequence[str]:
        """The logs that there are any of."""
        return [name for (name,) in self._db.execute("SELECT DISTINCT origin FROM heads ORDER BY origin")]

    def drop(self, checkpoint: Checkpoint) -> None:
        """It is settled: forget it, unless it was cosigned."""
        self._db.execute("DELETE FROM heads WHERE origin = ? AND size = ? AND root = ? AND NOT proven", checkpoint[:3])

    def _read(self, which: str, origin: str, *more: object) -> Sequence[Head]:
        rows = self._db.execute(f"SELECT note, proven FROM heads WHERE origin = ? AND {which}", (origin, *more))
        return [Head(parse_note(note), bool(proven)) for note, proven in rows.fetchall()]
