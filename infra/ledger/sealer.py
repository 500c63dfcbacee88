"""The sealer: follows the log, adds each event's leaf, and signs the tree.

Leaves, the tiles they fill and the checkpoint over all are stored in one commit, and a batch is refused unless it
begins where the last one ended: a sealer that is killed anywhere, or a second one, makes no gap and no fork. What
was signed last stands in a file beside the database too: where the database does not extend it (an old backup was
restored, say), the sealer signs nothing and says so, to all (forks.py).
"""

import logging
import time
from collections.abc import Iterable, Iterator
from threading import Event

from psycopg import Connection
from psycopg.rows import TupleRow

from ...consumers.evidence import merkle
from ...consumers.evidence.checkpoints import Checkpoint, parse_checkpoint
from ...consumers.evidence.notes import verify
from ...consumers.evidence.records import leaf_entry
from ...consumers.evidence.refused import NotProven
from ...consumers.evidence.tiles import WIDTH, Tile, TiledTree, tile_of
from ..database import connect
from ..lease import HALTED, Lease
from ..store import forked
from ..store.forked import Forked
from ..store.given import GIVEN
from . import joining, store
from .forks import BY_GUARD
from .guard import Guard, NotExtended
from .log_key import LogKey
from .store import Batch

log = logging.getLogger(__name__)

INTERVAL = 0.2
"""Seconds between checkpoints while events come: what comes in between is sealed together."""
RARER = 50
"""On a slow disk checkpoints come further apart, so that at most one part in so many of the time is spent on them: who
appends waits for the same disk."""
LONGEST = 3.0
"""Seconds between checkpoints at most: one that took long once, as where a lock or the machine stood still, is no slow
disk."""
PAGE = 4_000
WORK = "sealing"
"""The lease under which it is done."""
STANDBY_SECONDS = 0.5
RENEW_SECONDS = 1.0
WIDEST_GAP = 10_000
"""More positions than these in a row that no event has are not listed: a new batch begins behind them."""


class Deposed(Exception):
    """Another seals now."""


class Edge:
    """The tree's right edge: of each level, the hashes that do not fill a tile yet."""

    def __init__(self, size: int = 0, levels: Iterable[list[bytes]] = ()) -> None:
        self.size = size
        self._levels = [list(level) for level in levels] or [[]]
        self.filled: list[tuple[int, int, bytes, bytes]] = []
        """(level, number, hashes, root) of the tiles filled since `taken`."""

    @classmethod
    def load(cls, db: Connection[TupleRow], size: int) -> "Edge":
        """The right edge of the stored tree of that size. Raises NotExtended where it is not all there."""
        levels: list[list[bytes]] = []
        level = 0
        while size >> (8 * level):
            width = (size >> (8 * level)) % WIDTH
            data = b""
            if width:
                read = store.read_tile(db, tile_of(level, (size >> (8 * level)) // WIDTH, size))
                if read is None:
                    raise NotExtended(f"the ledger lacks hashes of level {level} below leaf {size}")
                data = read
            levels.append([data[i : i + 32] for i in range(0, len(data), 32)])
            level += 1
        return cls(size, levels)

    def add(self, entry: bytes) -> None:
        """Add a leaf."""
        self._push(0, merkle.leaf_hash(entry))
        self.size += 1

    def _push(self, level: int, hash: bytes) -> None:
        if level == len(self._levels):
            self._levels.append([])
        hashes = self._levels[level]
        hashes.append(hash)
        if len(hashes) == WIDTH:
            root = merkle.root_of(hashes)
            number = (self.size + 1 >> 8 * (level + 1)) - 1
            self.filled.append((level, number, b"".join(hashes), root))
            self._levels[level] = []
            self._push(level + 1, root)

    @property
    def root(self) -> bytes:
        """The root of the tree. A shorter right subtree stands after its level's hashes as one more of them."""
        rest: bytes | None = None
        for hashes in self._levels:
            if items := hashes + ([rest] if rest is not None else []):
                rest = merkle.root_of(items)
        return rest if rest is not None else merkle.EMPTY_ROOT

    def taken(self) -> list[tuple[int, int, bytes, bytes]]:
        """The tiles filled since the last time."""
        filled, self.filled = self.filled, []
        return filled


class Sealer:
    """One sealer. A second one waits, in `run`, until the first is gone, or halted for some seconds."""

    def __init__(self, conninfo: str, key: LogKey, guard: Guard) -> None:
        self._conninfo = conninfo
        self._key = key
        self._guard = guard
        self._lease = Lease(WORK)

    def run(self, stop: Event) -> None:
        """Seal until told to stop. Raises NotExtended, Forked, and what breaks the connection to the database."""
        with connect(self._conninfo) as db:
            db.execute(HALTED)
            try:
                while not stop.is_set():
                    if not self._lease.hold(db):
                        stop.wait(STANDBY_SECONDS)
                        continue
                    try:
                        for _ in self._seal(db, stop):
                            pass
                    except Deposed:
                        log.info("another seals the ledger")
            finally:
                if not db.closed:
                    self._lease.give_back(db)

    def seal_all(self) -> int:
        """Seal what there is, and return; how many leaves were added. For tests, benchmarks and the command line."""
        with connect(self._conninfo) as db:
            while not self._lease.hold(db):
                time.sleep(STANDBY_SECONDS / 10)
            try:
                return sum(self._seal(db, None))
            finally:
                self._lease.give_back(db)

    def _seal(self, db: Connection[TupleRow], stop: Event | None) -> Iterator[int]:
        """Seal what there is, and, with a `stop`, what comes. Raises Deposed."""
        edge, position = self._load(db)
        listens = False
        while stop is None or not stop.is_set():
            began = time.monotonic()
            rows = db.execute(_PENDING, (position, PAGE), binary=True).fetchall()
            found = len(rows)
            rows = _before_a_gap(rows)
            if rows:
                position = self._add(db, edge, rows)
                yield len(rows)
            elif stop is None:
                return
            elif listens:
                for _ in db.notifies(timeout=RENEW_SECONDS, stop_after=1):
                    pass
                self._renew(db)
            if listens == bool(rows):  # who is busy looks anyway, and each append would wake it in vain
                db.execute("UNLISTEN stored_events" if listens else "LISTEN stored_events")
                listens = not listens
            if rows and stop is not None and found < PAGE and len(rows) == found:
                took = time.monotonic() - began
                left = min(max(INTERVAL, took * RARER), LONGEST) - took
                while left > RENEW_SECONDS and not stop.wait(RENEW_SECONDS):
                    self._renew(db)
                    left -= RENEW_SECONDS
                stop.wait(left)

    def _renew(self, db: Connection[TupleRow]) -> None:
        """Raises Deposed."""
        if not self._lease.hold(db):
            raise Deposed

    def _load(self, db: Connection[TupleRow]) -> tuple[Edge, int]:
        """The tree as it is stored, once it is sure that it extends what was signed."""
        if (begun := joining.began(db, self._key.origin)) is not None:
            raise NotExtended(f"the log {self._key.origin} ended, and {begun} goes on from it: RUJUKAN_LEDGER names it")
        last = store.newest_batch(db)
        size = last.first_leaf + last.leaves if last else 0
        edge = Edge.load(db, size)
        newest = store.checkpoint(db)
        if newest is not None:
            try:
                verify(newest, self._key.public)
            except NotProven as problem:
                raise NotExtended(f"the newest checkpoint in the database is not this log's: {problem}") from None
            if parse_checkpoint(newest.text) != Checkpoint(self._key.origin, size, edge.root):
                raise NotExtended("the stored tree is not the one that was signed")
        signed = self._guard.last()
        if signed is not None:
            try:
                self._check_extends(db, edge, parse_checkpoint(signed.text))
            except Forked as fork:
                forked.mark(db, BY_GUARD, str(fork))
                raise
        forked.clear(db, BY_GUARD)
        forked.check_marks(db)
        if newest is not None:
            self._guard.keep(newest)  # before anything is signed: it can be kept, and is behind by nothing
        return edge, _end_of(db, last) if last else 0

    def _check_extends(self, db: Connection[TupleRow], edge: Edge, signed: Checkpoint) -> None:
        if signed.origin != self._key.origin:
            raise NotExtended(f"what was signed last is of another log, {signed.origin}")
        if signed.size > edge.size:
            raise Forked(f"the database has {edge.size} leaves, and a tree of {signed.size} was signed before")

        def read(tile: Tile) -> bytes:
            return store.read_tile(db, tile) or b""

        try:
            was = TiledTree(signed.size, read).root
        except NotProven:
            was = b""
        if was != signed.root:
            raise Forked(f"the first {signed.size} leaves in the database are not those that were signed before")

    def _add(self, db: Connection[TupleRow], edge: Edge, rows: list[tuple[int, bytes]]) -> int:
        """The position up to which is sealed then. Raises Deposed."""
        entries = [leaf_entry(state) for _, state in rows]
        for entry in entries:
            edge.add(entry)
        first, last = rows[0][0], rows[-1][0]
        skipped = [] if last - first + 1 == len(rows) else sorted(set(range(first, last)) - {p for p, _ in rows})
        now = time.time()
        batch = Batch(edge.size - len(rows), b"".join(entries), first, last, skipped)
        lag = store.waited(rows[0][1], now)
        filled = edge.taken()
        note = self._key.sign(edge.size, edge.root, now)
        with forked.refused(), db.transaction():
            if not self._lease.keeps(db):
                raise Deposed
            db.execute(
                _ADD,
                (
                    batch.first_leaf,
                    batch.entries,
                    first,
                    last,
                    skipped,
                    lag,
                    [level for level, _, _, _ in filled],
                    [number for _, number, _, _ in filled],
                    [hashes for _, _, hashes, _ in filled],
                    [root for _, _, _, root in filled],
                    note.data,
                ),
            )
        signed = self._guard.last()
        if signed is None or parse_checkpoint(signed.text).size < edge.size:  # who was halted here is not the last
            self._guard.keep(note)
        return last


def _end_of(db: Connection[TupleRow], last: Batch) -> int:
    """The position up to which is sealed. The signature is over the entries and not over the positions of their batch,
    so the row is believed where it says twice the same, or where the record at the end is the one of its last entry.
    Raises NotExtended where it says neither."""
    says = {last.last_position, last.first_position + last.leaves + len(last.skipped) - 1}
    if len(says) == 1:
        return last.last_position
    found = db.execute(_RECORDS, (list(says),), binary=True).fetchall()
    right: list[int] = [position for position, state in found if leaf_entry(state) == last.entries[-32:]]
    if len(right) != 1:
        raise NotExtended("the newest row of the ledger does not say where it ends: `rujukan ledger verify` names it")
    log.error("the newest row of the ledger says wrongly where it begins or ends: it ends at position %d", right[0])
    db.execute(_NAME, (f"leaf {last.first_leaf}",))
    return right[0]


def _before_a_gap(rows: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """The rows up to the first wide gap. Sequences can be set to anything; a list of what is skipped can not."""
    for n in range(1, len(rows)):
        if rows[n][0] - rows[n - 1][0] > WIDEST_GAP:
            return rows[:n]
    return rows


_PENDING = (
    f"SELECT notification_id, state FROM log.stored_events WHERE notification_id > %s AND {GIVEN}"
    " ORDER BY notification_id LIMIT %s"
)
"""An event ahead of the numbers that the log has given was put in by somebody: `ledger verify` names it."""
_RECORDS = "SELECT notification_id, state FROM log.stored_events WHERE notification_id = ANY(%b::bigint[])"
_NAME = (
    "INSERT INTO follow.unfit (of_table, of_row, how) VALUES ('ledger.batches', %s, 'known by its record')"
    " ON CONFLICT DO NOTHING"
)
_ADD = (
    "SELECT ledger.add_batch(%b::bigint, %b::bytea, %b::bigint, %b::bigint, %b::bigint[], %b::int,"
    " %b::smallint[], %b::bigint[], %b::bytea[], %b::bytea[], %b::bytea)"
)
