"""Recomputes the ledger from the rows of the log, and names the first position that differs.

It trusts the log's public key and nothing else: not the batches, not the tiles, not the positions. What a signed
checkpoint covers must be in the rows: an event that was edited, deleted, put in, moved or swapped since is found.
A database that was rolled back as a whole is consistent in itself; a checkpoint from outside, a witness's or an
earlier one, shows it: hand it in as `known`.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from psycopg import Connection
from psycopg.rows import TupleRow

from ...consumers.evidence.checkpoints import parse_checkpoint
from ...consumers.evidence.joinings import check_joining
from ...consumers.evidence.notes import Note, PublicKey, verify
from ...consumers.evidence.records import entry_of, leaf_entry
from ...consumers.evidence.refused import Malformed, NotProven
from ...consumers.evidence.tiles import Tile, TiledTree
from ..database import maintain
from ..store.given import GIVEN
from . import joining, store
from .sealer import Edge
from .store import ENTRY_BYTES, Batch

PAGE = 20_000
"""Leaves that are recomputed at a time."""
BEFORE_ALL = -(2**63) - 1
"""No position is before it: an event put in before the first one is found too."""
TOPIC_AT = 87
"""Where a record's header says how long its topic is (infra/store/sealed_record.py)."""


class Difference(NamedTuple):
    """The first place at which the rows are not what was sealed. `position` is None where it is the tree."""

    position: int | None
    what: str


class Report(NamedTuple):
    """What was recomputed. `unsealed` counts events that came after the newest checkpoint."""

    leaves: int
    root: bytes
    unsealed: int
    difference: Difference | None


def audit(conninfo: str, keys: Sequence[PublicKey], known: Iterable[Note] = ()) -> Report:
    """Recompute everything, in one snapshot of the database. `known` are checkpoints seen before, by anybody."""
    with maintain(conninfo) as db, db.transaction():
        db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        edge = Edge()
        position, difference = BEFORE_ALL, None
        for batches in _pages(db):
            position, difference = _compare(db, edge, batches, position)
            if difference is None:
                difference = _compare_tiles(db, edge)
            if difference is not None:
                break
        row = db.execute(
            f"SELECT count(*) FROM log.stored_events WHERE notification_id >= %s AND {GIVEN}", (position + 1,)
        ).fetchone()
        unsealed = row[0] if row and difference is None else 0
        if difference is None:
            difference = _compare_heads(db, edge, keys, known) or _compare_joining(db, edge, keys) or _ahead(db)
        return Report(edge.size, edge.root, unsealed, difference)


def _ahead(db: Connection[TupleRow]) -> Difference | None:
    """An event under a number that the log has not given yet, which is never sealed."""
    row = db.execute(
        "SELECT min(notification_id) FROM log.stored_events"
        " WHERE notification_id > (SELECT last_value FROM log.stored_events_notification_id_seq)"
    ).fetchone()
    return Difference(row[0], "an event was put in ahead of the log") if row and row[0] is not None else None


def _pages(db: Connection[TupleRow]) -> Iterator[list[Batch]]:
    """The batches in order, about PAGE leaves at a time."""
    with db.cursor(name="batches", binary=True) as cursor:
        cursor.itersize = 2_000
        cursor.execute(
            "SELECT first_leaf, entries, first_position, last_position, skipped FROM ledger.batches ORDER BY first_leaf"
        )
        page: list[Batch] = []
        leaves = 0
        for row in cursor:
            page.append(Batch(*row))
            leaves += page[-1].leaves
            if leaves >= PAGE:
                yield page
                page, leaves = [], 0
        if page:
            yield page


def _compare(db: Connection[TupleRow], edge: Edge, batches: list[Batch], after: int) -> tuple[int, Difference | None]:
    """Compare the rows after a position with these batches, and add them to the tree."""
    last = batches[-1].last_position
    wrong = _misnumbered(batches, edge.size, after)
    if wrong is not None:
        return after, wrong
    rows = db.execute(_ROWS, (after + 1, last), binary=True).fetchall()
    entries = b"".join([b.entries for b in batches])
    positions = [p for b in batches for p in b.positions()]
    found = [leaf_entry(state) for _, _, state in rows]
    moved = next((p for p, place, state in rows if not _in_place(place, state)), None)
    if moved is None and b"".join(found) == entries and [p for p, _, _ in rows] == positions:
        for entry in found:
            edge.add(entry)
        return last, None
    return after, _first_difference([p for p, _, _ in rows], found, positions, entries, moved)


def _misnumbered(batches: Sequence[Batch], size: int, after: int) -> Difference | None:
    """Whether batches do not follow each other, or name other positions than they have leaves."""
    for batch in batches:
        span = batch.last_position - batch.first_position + 1
        skipped = batch.skipped
        sound = (
            batch.first_leaf == size
            and after < batch.first_position
            and 0 < batch.leaves == span - len(set(skipped))
            and len(batch.entries) == batch.leaves * ENTRY_BYTES
            and all(batch.first_position < p < batch.last_position for p in skipped)
        )
        if not sound:
            return Difference(batch.first_position, "the batch that begins here names other leaves or positions")
        size, after = size + batch.leaves, batch.last_position
    return None


def _in_place(place: bytes, state: bytes) -> bool:
    """Whether a record stands in the row that its header names: stream, version and topic. What is no record,
    and was sealed as it is, names none."""
    end = TOPIC_AT + 1 + state[TOPIC_AT] if len(state) > TOPIC_AT else 0
    if place == state[3:27] + state[TOPIC_AT + 1 : end]:
        return True
    try:
        entry_of(state)
    except Malformed:
        return True
    return False


def _first_difference(
    stored: Sequence[int], found: Sequence[bytes], sealed: Sequence[int], entries: bytes, moved: int | None
) -> Difference:
    was = {p: entries[i * ENTRY_BYTES : (i + 1) * ENTRY_BYTES] for i, p in enumerate(sealed)}
    now = dict(zip(stored, found, strict=True))
    for position in sorted(was.keys() | now.keys()):
        if position not in now:
            return Difference(position, "an event was deleted")
        if position not in was:
            return Difference(position, "an event was put in that was never sealed")
        if now[position] != was[position]:
            other = next((p for p, entry in was.items() if entry == now[position]), None)
            if other is not None:
                return Difference(position, f"the event of position {other} stands here")
            return Difference(position, "the event was edited")
        if position == moved:
            return Difference(position, "the row names another stream, version or topic than its record")
    return Difference(None, "the batches are not in the order of positions")


def _compare_tiles(db: Connection[TupleRow], edge: Edge) -> Difference | None:
    for level, number, hashes, root in edge.taken():
        row = db.execute(
            "SELECT hashes, root FROM ledger.tiles WHERE level = %s AND number = %s", (level, number), binary=True
        ).fetchone()
        if row is None or row[0] != hashes or row[1] != root:
            return Difference(None, f"{Tile(level, number).path} is not what the events hash to")
    return None


def _compare_heads(
    db: Connection[TupleRow], edge: Edge, keys: Sequence[PublicKey], known: Iterable[Note]
) -> Difference | None:
    """The newest checkpoint, the newest that were cosigned, and those that were handed in."""
    newest = store.checkpoint(db)
    if newest is None and edge.size:
        return Difference(None, "there are leaves, and no checkpoint")
    if newest is not None and parse_checkpoint(newest.text).size != edge.size:
        return Difference(None, "the newest checkpoint is not of this many leaves")
    cosigned = db.execute("SELECT DISTINCT size FROM ledger.cosignatures ORDER BY size DESC LIMIT 100").fetchall()
    own = [newest] if newest is not None else []
    notes = [*own, *(n for (size,) in cosigned if (n := store.checkpoint(db, size))), *known]

    def read(tile: Tile) -> bytes:
        return store.read_tile(db, tile) or b""

    for note in notes:
        try:
            verify(note, keys)
            head = parse_checkpoint(note.text)
            if head.size > edge.size:
                return Difference(None, f"a tree of {head.size} leaves was signed; the database has {edge.size}")
            root = edge.root if head.size == edge.size else TiledTree(head.size, read).root
            if head.root != root:
                return Difference(None, f"the first {head.size} leaves are not those that were signed")
        except NotProven as problem:
            return Difference(None, f"a checkpoint is not the log's: {problem}")
    return None


def _compare_joining(db: Connection[TupleRow], edge: Edge, keys: Sequence[PublicKey]) -> Difference | None:
    """Where the log goes on from another: that the tree has the root that is said to be of both."""
    origin = keys[0].name
    note = joining.of_log(db, origin)
    if note is None:
        return None
    try:
        common = check_joining(note, keys, origin).common
        if common.size > edge.size:
            return None  # it is sealed anew from its first leaf, and has not come so far

        def read(tile: Tile) -> bytes:
            return store.read_tile(db, tile) or b""

        if TiledTree(common.size, read).root != common.root:
            return Difference(None, f"the first {common.size} leaves are not those of {common.origin}, which ended")
    except NotProven as problem:
        return Difference(None, f"how the log goes on from another is not said as it should be: {problem}")
    return None


_ROWS = (
    "SELECT notification_id, uuid_send(originator_id) || int8send(originator_version) || convert_to(topic, 'UTF8'),"
    " state FROM log.stored_events WHERE notification_id >= %s AND notification_id <= %s ORDER BY notification_id"
)
