"""How the log that `rujukan recover` begins goes on from the one that ended: made, kept, and read.

What both have is the newest tree in the database that the old log signed before it signed what is lost: the database is
an older state of the same.
"""

from datetime import UTC, datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from ...consumers.evidence import merkle
from ...consumers.evidence.checkpoints import Checkpoint, parse_checkpoint
from ...consumers.evidence.joinings import Joining
from ...consumers.evidence.notes import Note, NoteSigner, PublicKey, parse_note, verify
from ...consumers.evidence.refused import NotProven
from ..keys.handles import Keys
from ..keys.names import LEDGER_JOINING
from .log_key import LogKeys

SLACK_SECONDS = 1
"""A checkpoint bears whole seconds."""


def join(db: Connection[TupleRow], origin: str, last: Note, lost: int, keys: Keys, now: datetime) -> Joining:
    """Write down how the log of that origin goes on from the one that signed `last`. For inside of the transaction that
    ends that one, before its tables are put aside."""
    ended = parse_checkpoint(last.text)
    old = LogKeys.of(ended.origin, keys)
    common = _common(db, ended, _signed_at(last, old))
    at = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    made = Joining(origin, ended, common, min(lost, ended.size - common.size), at)
    signing = [LogKeys.of(origin, keys).ed25519]
    if _is_by(last, old):  # the key of the one that ended is the same one, under another name
        signing.append(old.ed25519)
    sign = keys.signer(LEDGER_JOINING).sign
    note = Note(made.text, tuple(NoteSigner(key, sign).sign(made.text) for key in signing))
    db.execute("INSERT INTO ledger.joinings (origin, of, note) VALUES (%s, %s, %b)", (origin, ended.origin, note.data))
    return made


def of_log(db: Connection[TupleRow], origin: str) -> Note | None:
    """How the log of that origin goes on from another; None where it does not."""
    row = db.execute("SELECT note FROM ledger.joinings WHERE origin = %s", (origin,)).fetchone()
    return parse_note(bytes(row[0])) if row is not None else None


def began(db: Connection[TupleRow], ended: str) -> str | None:
    """Which log goes on from the one of that origin; None where none does."""
    row = db.execute("SELECT origin FROM ledger.joinings WHERE of = %s", (ended,)).fetchone()
    return str(row[0]) if row is not None else None


def _common(db: Connection[TupleRow], ended: Checkpoint, before: int | None) -> Checkpoint:
    row = db.execute(
        "SELECT note FROM ledger.checkpoints WHERE size <= %s"
        " AND (%s::bigint IS NULL OR made_at < to_timestamp(%s) + %s * interval '1 second') ORDER BY size DESC LIMIT 1",
        (ended.size, before, before, SLACK_SECONDS),
    ).fetchone()
    found = parse_checkpoint(parse_note(bytes(row[0])).text) if row is not None else None
    if found is None or (found.size == ended.size and found.root != ended.root):
        return Checkpoint(ended.origin, 0, merkle.EMPTY_ROOT)
    return Checkpoint(ended.origin, found.size, found.root)


def _is_by(note: Note, keys: LogKeys) -> bool:
    return bool(_signatures(note, keys))


def _signed_at(note: Note, keys: LogKeys) -> int | None:
    """When it was signed, as it says itself; None where it does not."""
    times = [time for time in _signatures(note, keys).values() if time is not None]
    return max(times, default=None)


def _signatures(note: Note, keys: LogKeys) -> dict[PublicKey, int | None]:
    try:
        return dict(verify(note, keys))
    except NotProven:
        return {}
