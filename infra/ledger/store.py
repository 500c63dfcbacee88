"""What is sealed: leaves, tiles, checkpoints, cosignatures, and the proofs that are made from them.

A leaf is the entry of one stored event (consumers/evidence/records.py). Full tiles are stored; partial ones are
made from the batches and the tiles below, so nothing that was stored is ever changed.
"""

import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from psycopg import Connection
from psycopg.rows import TupleRow

from ...consumers.evidence import merkle, tiles
from ...consumers.evidence.checkpoints import Checkpoint, parse_checkpoint
from ...consumers.evidence.notes import Note, Signature, parse_note, parse_signature
from ...consumers.evidence.proofs import Proof
from ...consumers.evidence.tiles import ENTRIES, WIDTH, Levels, Tile, TiledTree
from ...domain.memory import Memory
from ..database import Pool
from ..store.given import GIVEN
from ..store.sealed_record import author_of
from . import joining

ENTRY_BYTES = 32
TILE_BYTES = 40_000
"""What a full tile weighs that is kept in memory, with the hashes above its own."""
TILES_BYTES = 512 * TILE_BYTES
HEADS_AT_ONCE = 500
"""Checkpoints that are read together where one with a quorum is looked for."""
TREES_KEPT = 4
"""Trees whose partial tiles are kept: those of the checkpoints that proofs were asked under last."""


class NotSealed(LookupError):
    """There is no leaf for that position (yet)."""


class Batch(NamedTuple):
    """Consecutive leaves that were sealed at once, and the positions that they stand for."""

    first_leaf: int
    entries: bytes
    first_position: int
    last_position: int
    skipped: Sequence[int]

    @property
    def leaves(self) -> int:
        """How many leaves it has."""
        return len(self.entries) // ENTRY_BYTES

    def positions(self) -> Iterable[int]:
        """The position of each leaf."""
        if not self.skipped:
            return range(self.first_position, self.last_position + 1)
        left_out = set(self.skipped)
        return (p for p in range(self.first_position, self.last_position + 1) if p not in left_out)


class LedgerStore:
    """Reads the ledger. Safe to share between threads."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._full: Memory[tuple[int, int], Levels] = Memory(TILES_BYTES, lambda _: TILE_BYTES)
        self._trees: Memory[Checkpoint, TiledTree] = Memory(TREES_KEPT, lambda _: 1)

    def size(self) -> int:
        """How many leaves are sealed."""
        newest = self.newest()
        return parse_checkpoint(newest.text).size if newest else 0

    def newest(self, size: int | None = None) -> Note | None:
        """The newest checkpoint, or the one of a size, with all that was put under it."""
        with self._pool.connection() as db:
            return checkpoint(db, size)

    def joining(self, origin: str) -> Note | None:
        """How the log of that origin goes on from another (joining.py); None where it does not."""
        with self._pool.connection() as db:
            return joining.of_log(db, origin)

    def witnessed(self, leaves: int, has_quorum: Callable[[Note], bool]) -> Note | None:
        """The newest checkpoint of at least so many leaves whose cosignatures make a quorum; None where none has."""
        with self._pool.connection() as db:
            return next(filter(has_quorum, _cosigned(db, leaves, newest_first=True)), None)

    def covering(self, leaves: int, has_quorum: Callable[[Note], bool] | None) -> Note | None:
        """The oldest checkpoint of at least so many leaves, of those that have a quorum of signatures where that is
        asked for: the same whenever it is asked, once there is one. None where there is none."""
        with self._pool.connection() as db:
            row = db.execute("SELECT min(size) FROM ledger.checkpoints WHERE size >= %s", (leaves,)).fetchone()
            oldest = checkpoint(db, row[0]) if row is not None and row[0] is not None else None
            if oldest is None or has_quorum is None or has_quorum(oldest):
                return oldest
            # It had no quorum as it is, so no other has one without a witness.
            return next(filter(has_quorum, _cosigned(db, leaves)), None)

    def leaves_of(self, positions: Sequence[int]) -> Mapping[int, int]:
        """Position → leaf, in one round trip. Raises NotSealed where one is not sealed."""
        if beyond := [p for p in positions if not 0 < p < 1 << 63]:
            raise NotSealed(f"there is no position {min(beyond)}")
        with self._pool.connection() as db:
            rows = db.execute(_LEAVES, (list(positions),), binary=True).fetchall()
        found = {
            position: first_leaf + position - first - sum(s < position for s in skipped)
            for position, first_leaf, first, last, skipped in rows
            if position <= last and position not in skipped
        }
        if missing := set(positions) - found.keys():
            raise NotSealed(f"position {min(missing)} is not sealed")
        return found

    def tile(self, tile: Tile) -> bytes | None:
        """A tile or entry bundle; None where the tree does not have it."""
        with self._pool.connection() as db:
            return read_tile(db, tile)

    def leaf_of(self, position: int) -> tuple[int, bytes]:
        """(leaf, entry) of a position. Raises NotSealed."""
        leaf = self.leaves_of((position,))[position]
        with self._pool.connection() as db:
            row = db.execute(_ENTRY, (leaf, leaf), binary=True).fetchone()
        if row is None:
            raise NotSealed(f"position {position} is not sealed")
        return leaf, row[0]

    def tree(self, size: int) -> TiledTree:
        """The tree at that size; it reads as it is asked."""

        def read(tile: Tile) -> bytes:
            data = self.tile(tile)
            if data is None:
                raise NotSealed(f"the ledger has no {tile.path}")
            return data

        return TiledTree(size, read, self._full)

    def proof(self, position: int, note: Note | None = None) -> Proof:
        """The inclusion proof of a position, under a checkpoint or the newest. Raises NotSealed."""
        leaf = self.leaves_of((position,))[position]
        under = note or self.newest()
        if under is None:
            raise NotSealed("nothing is sealed yet")
        head = parse_checkpoint(under.text)
        if leaf >= head.size:
            raise NotSealed(f"position {position} is not under that checkpoint")
        tree = self._trees.get(head)
        if tree is None:
            tree = self._trees[head] = self.tree(head.size)
        return Proof(leaf, tree.inclusion(leaf), under)

    def take_cosignatures(self, checkpoint: Checkpoint, signatures: Iterable[Signature]) -> int:
        """Keep cosignatures, which were checked, under the checkpoint of that size; how many are new.
        Raises NotSealed where that is not a checkpoint of this ledger."""
        own = self.newest(checkpoint.size)
        if own is None or parse_checkpoint(own.text) != checkpoint:
            raise NotSealed("that is not a checkpoint of this ledger")
        with self._pool.connection() as db:
            return sum(
                db.execute(
                    "INSERT INTO ledger.cosignatures (size, name, key_id, line) VALUES (%s, %s, %b, %s)"
                    " ON CONFLICT DO NOTHING",
                    (checkpoint.size, s.name, s.key_id, s.line.rstrip("\n")),
                ).rowcount
                for s in signatures
            )

    def lag(self) -> tuple[int, int]:
        """(events that are not sealed yet, milliseconds that the oldest of them has waited; where there is none, what
        the newest batch had waited)."""
        with self._pool.connection() as db:
            row = db.execute(_LAG, binary=True).fetchone()
        if row is None:
            return 0, 0
        behind, oldest, lag = row
        return (behind, waited(oldest, time.time())) if behind else (0, lag)


def waited(record: bytes, now: float) -> int:
    """Milliseconds since an event was recorded."""
    try:
        return max(0, min(2**31 - 1, int((now - author_of(record)[3].timestamp()) * 1000)))
    except (struct.error, IndexError, ValueError, OverflowError):
        return 0  # a damaged record says no time


def checkpoint(db: Connection[TupleRow], size: int | None = None) -> Note | None:
    """The newest checkpoint, or the one of a size, with its cosignatures."""
    row = db.execute(
        "SELECT size, note FROM ledger.checkpoints WHERE %s::bigint IS NULL OR size = %s ORDER BY size DESC LIMIT 1",
        (size, size),
        binary=True,
    ).fetchone()
    if row is None:
        return None
    note = parse_note(row[1])
    lines = db.execute(
        "SELECT line FROM ledger.cosignatures WHERE size = %s ORDER BY name, key_id", (row[0],)
    ).fetchall()
    return Note(note.text, (*note.signatures, *(parse_signature(line) for (line,) in lines)))


def _cosigned(db: Connection[TupleRow], leaves: int, *, newest_first: bool = False) -> Iterator[Note]:
    """Every checkpoint of at least so many leaves that somebody cosigned, with its cosignatures, in order of size; they
    are read a page at a time, however many there are."""
    before, order = ("<", "DESC") if newest_first else (">", "ASC")
    last: int | None = None
    while True:
        rows = db.execute(
            "SELECT c.size, c.note, s.lines FROM ledger.checkpoints c CROSS JOIN LATERAL (SELECT"
            " array_agg(line ORDER BY name, key_id) AS lines FROM ledger.cosignatures WHERE size = c.size) s"
            " WHERE c.size IN (SELECT DISTINCT size FROM ledger.cosignatures WHERE size >= %(leaves)s"
            f" AND (%(last)s::bigint IS NULL OR size {before} %(last)s) ORDER BY size {order} LIMIT %(page)s)"
            f" ORDER BY c.size {order}",
            {"leaves": leaves, "last": last, "page": HEADS_AT_ONCE},
            binary=True,
        ).fetchall()
        for _, text, lines in rows:
            note = parse_note(text)
            yield Note(note.text, (*note.signatures, *map(parse_signature, lines)))
        if len(rows) < HEADS_AT_ONCE:
            return
        last = rows[-1][0]


def read_tile(db: Connection[TupleRow], tile: Tile) -> bytes | None:
    """A tile or entry bundle; None where the tree does not have it."""
    start = tile.number * WIDTH
    if tile.level == ENTRIES:
        entries = _entries(db, start, tile.width)
        return tiles.bundle(entries) if len(entries) == tile.width else None
    if tile.width == WIDTH:
        row = db.execute(
            "SELECT hashes FROM ledger.tiles WHERE level = %s AND number = %s", (tile.level, tile.number), binary=True
        ).fetchone()
        return row[0] if row else None
    if tile.level == 0:
        hashes = [merkle.leaf_hash(entry) for entry in _entries(db, start, tile.width)]
    else:
        below = tile.level - 1
        rows = db.execute(
            "SELECT root FROM ledger.tiles WHERE level = %s AND number >= %s AND number < %s ORDER BY number",
            (below, start, start + tile.width),
            binary=True,
        )
        hashes = [root for (root,) in rows]
    return b"".join(hashes) if len(hashes) == tile.width else None


def newest_batch(db: Connection[TupleRow]) -> Batch | None:
    """The batch that was sealed last."""
    return _batch(db, "%s::int IS NULL ORDER BY first_leaf DESC LIMIT 1", None)


def _batch(db: Connection[TupleRow], where: str, value: object) -> Batch | None:
    row = db.execute(f"{_BATCH} WHERE {where}", (value,), binary=True).fetchone()
    return Batch(*row) if row else None


def _entries(db: Connection[TupleRow], start: int, count: int) -> list[bytes]:
    """The entries of consecutive leaves, as many as there are."""
    rows = db.execute(
        f"{_BATCH} WHERE first_leaf < %s AND first_leaf >= coalesce("
        "(SELECT max(first_leaf) FROM ledger.batches WHERE first_leaf <= %s), 0) ORDER BY first_leaf",
        (start + count, start),
        binary=True,
    )
    found: list[bytes] = []
    for batch in map(Batch._make, rows):
        first = max(0, start - batch.first_leaf)
        last = min(batch.leaves, start + count - batch.first_leaf)
        found += [batch.entries[i * ENTRY_BYTES : (i + 1) * ENTRY_BYTES] for i in range(first, last)]
    return found


_LAG = (
    "WITH last AS (SELECT last_position, lag_ms FROM ledger.batches ORDER BY first_leaf DESC LIMIT 1),"
    " waiting AS (SELECT notification_id, state FROM log.stored_events"
    f" WHERE notification_id > coalesce((SELECT last_position FROM last), 0) AND {GIVEN})"
    " SELECT (SELECT count(*) FROM waiting), (SELECT state FROM waiting ORDER BY notification_id LIMIT 1),"
    " coalesce((SELECT lag_ms FROM last), 0)"
)
_LEAVES = (
    "SELECT p, first_leaf, first_position, last_position, skipped FROM unnest(%b::bigint[]) AS p JOIN LATERAL"
    " (SELECT first_leaf, first_position, last_position, skipped FROM ledger.batches WHERE first_position <= p"
    " ORDER BY first_position DESC LIMIT 1) b ON true"
)
_ENTRY = (
    "SELECT substring(entries FROM ((%b::bigint - first_leaf) * 32 + 1)::int FOR 32) FROM ledger.batches"
    " WHERE first_leaf <= %b::bigint ORDER BY first_leaf DESC LIMIT 1"
)
_BATCH = "SELECT first_leaf, entries, first_position, last_position, skipped FROM ledger.batches"
