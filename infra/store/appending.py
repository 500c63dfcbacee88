"""One batch of commands, as the database is asked to store it: `log.append_events`, one statement and one commit.

A command that was sent and not answered may be stored. It is looked for by its bytes: every record has a random salt,
so an equal row is this very write.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple, TypeVar
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow

from ..locks import Lock
from . import forked
from .forked import Forked


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


class Named(NamedTuple):
    """A document that an event of a command names, and the agency whose it is. Its bytes are stored before."""

    stream: UUID
    document: UUID
    agency: str


class Unmoved(NamedTuple):
    """A stream that a command reads and does not write: it is stored only where that is still at that version."""

    stream: UUID
    version: int


class Conflict(Exception):
    """Somebody else wrote to the stream first. Read it again and decide again."""


class Repeated(Exception):
    """The idempotency key was used before. Its first answer is stored."""


class Command:
    """Rows to store in one commit, all or none; of none, a commit that changes nothing. `sent`: the server was handed
    it once, so that it may be stored."""

    def __init__(
        self,
        rows: Sequence[Row],
        idempotency: Idempotency | None,
        documents: Sequence[Named] = (),
        unmoved: Sequence[Unmoved] = (),
    ) -> None:
        self.rows = rows
        self.documents = documents
        self.unmoved = unmoved
        self.idempotency = idempotency
        self.sent = False


C = TypeVar("C", bound=Command)


def append(db: psycopg.Connection[TupleRow], batch: Sequence[C]) -> dict[C, list[int] | Exception]:
    """Send a batch; what each of its commands is to be answered: its positions once they are durable, Conflict or
    Repeated. Raises Forked, and what broke the connection."""
    before = {command for command in batch if command.sent}
    for command in batch:
        command.sent = True
    if not any(command.rows for command in batch):
        settle(db)
        return {command: [] for command in batch}
    try:
        with forked.refused():
            answer = _append(db, batch)
    except Forked:
        for command in batch:
            command.sent = command in before
        raise
    refused = {n: why for n, why, _ in answer if n is not None}
    positions = iter([position for n, _, position in answer if n is None])
    said: dict[C, list[int] | Exception] = {}
    for n, command in enumerate(batch):
        match refused.get(n):
            case None:
                said[command] = [next(positions) for _ in command.rows]
            case "repeated":
                said[command] = Repeated()
            case _:
                said[command] = Conflict()
    # A backend that was given up may have stored it while this one waited for its turn.
    doubtful = [command for n, command in enumerate(batch) if n in refused and command in before]
    if doubtful:
        said |= look_up(db, doubtful)
    return said


def _append(db: psycopg.Connection[TupleRow], batch: Sequence[Command]) -> list[TupleRow]:
    """What the database answers. Documents are named in the commit of the events that name them."""
    if not any(command.documents for command in batch):
        return db.execute(_APPEND, _columns(batch), binary=True).fetchall()
    with db.transaction():
        answer = db.execute(_APPEND, _columns(batch), binary=True).fetchall()
        refused = {n for n, _, _ in answer if n is not None}
        named = [document for n, command in enumerate(batch) if n not in refused for document in command.documents]
        if named:
            db.execute(_NAME, tuple(map(list, zip(*named, strict=True))))
    return answer


def look_up(db: psycopg.Connection[TupleRow], doubtful: Sequence[C]) -> dict[C, list[int]]:
    """The positions of those that are stored, once they are durable."""
    rows = [(n, row) for n, command in enumerate(doubtful) for row in command.rows]
    found: dict[C, list[int]] = {}
    for n, position in db.execute(
        _FIND,
        (
            [n for n, _ in rows],
            [r.stream for _, r in rows],
            [r.version for _, r in rows],
            [sha256(r.state).digest() for _, r in rows],
        ),
        binary=True,
        prepare=False,
    ):
        found.setdefault(doubtful[n], []).append(position)
    if found:
        settle(db)
    return found


def settle(db: psycopg.Connection[TupleRow]) -> None:
    """Returns when all that could be read before is durable, on the standbys too."""
    db.execute(_SETTLE, prepare=False)


def check_versions(rows: Sequence[Row]) -> None:
    """Raises ValueError unless there is a row, and each stream's versions run on from its first."""
    if not rows:
        raise ValueError("there is nothing to append")
    last: dict[UUID, int] = {}
    for row in rows:
        if row.stream in last and row.version != last[row.stream] + 1:
            raise ValueError("the versions of a stream run on")
        last[row.stream] = row.version


def _columns(batch: Sequence[Command]) -> Sequence[Sequence[object]]:
    """What `_APPEND` takes: the rows, the first version of each stream of each command (of one that it only reads, the
    one that would come next), and the idempotency keys, each with the number of its command in the batch."""
    rows = [(n, row) for n, command in enumerate(batch) for row in command.rows]
    firsts: dict[tuple[int, UUID], int] = {}
    for n, row in rows:
        firsts.setdefault((n, row.stream), row.version)
    for n, command in enumerate(batch):
        for read in command.unmoved:
            firsts.setdefault((n, read.stream), read.version + 1)
    keyed = [(n, c.idempotency, c.rows[-1]) for n, c in enumerate(batch) if c.idempotency]
    return (
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
    )


_APPEND = (
    "SELECT refused_command, why, notification_id FROM log.append_events("
    "%b::int[], %b::uuid[], %b::bigint[], %b::text[], %b::bytea[], %b::int[], %b::uuid[], %b::bigint[],"
    " %b::int[], %b::bytea[], %b::bytea[], %b::bytea[], %b::uuid[], %b::bigint[])"
)
_NAME = "SELECT log.name_documents(%s::uuid[], %s::uuid[], %s::text[])"
_FIND = (
    "SELECT w.n, e.notification_id"
    " FROM unnest(%b::int[], %b::uuid[], %b::bigint[], %b::bytea[]) AS w (n, stream, version, hash)"
    " JOIN log.stored_events e ON e.originator_id = w.stream AND e.originator_version = w.version"
    " AND sha256(e.state) = w.hash ORDER BY e.notification_id"
)
_SETTLE = (
    f"SELECT pg_logical_emit_message(true, 'rujukan', '') FROM (SELECT pg_advisory_xact_lock({Lock.APPENDING})) AS turn"
)
"""A commit that changes nothing, in its turn: behind one that waits for a standby, so that not more and more do."""
