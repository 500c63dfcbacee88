"""What is set aside, for operators: the list, what the ledger and a backup say of it, the repair, and the wish that it
be taken up again (taking_up.py).

A damaged record is put back from a backup only where the backup has the very bytes that the ledger's entry was made of.
The record is then what it was, and every proof of it holds. A data key is put back where it opens in the backup, and
the one in place does not.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from ...consumers.evidence.records import leaf_entry
from ...domain.compartment import Compartment
from ..database import connect, maintain
from ..keys.home import Wrapping
from ..ledger.store import LedgerStore
from ..locks import Lock
from ..store.data_keys import KeyGone
from ..store.event_store import EventStore
from ..store.rotation import opened
from ..store.sealed_record import BrokenSeal, MovedRow, check_row, parse


class Entry(NamedTuple):
    """A stream that is set aside, or of which something could not be opened when its turn came. `numbers`: agency →
    the number at which it is missing."""

    stream: UUID
    version: int
    position: int
    topic: str
    why: str
    since: datetime
    asked_at: datetime | None
    is_set_aside: bool
    is_repaired: bool
    """It was taken up, and the read models that passed it by are to be built anew."""
    numbers: dict[str, int]


Repaired = dict[UUID, datetime]
"""Stream → when it was taken up."""


class Explained(NamedTuple):
    """What the ledger says of a damaged record, and what the backup has."""

    leaf: int | None
    """Its entry in the ledger; None where it was not sealed yet."""
    row_holds: bool | None
    """Whether the row that stands at its number is what was sealed, with all its columns; None where it was not sealed
    yet."""
    backup_holds: bool | None
    """Whether the backup has what was sealed; None where none was named, or it was not sealed yet."""
    amiss: str = ""
    """What is the matter with the row, where it does not hold."""


def entries(db: Connection[TupleRow]) -> list[Entry]:
    """Everything that is set aside or missing now, or does not open to who reads it, the oldest first."""
    with db.cursor(row_factory=class_row(Entry)) as cursor:
        return cursor.execute(_ENTRIES).fetchall()


def repaired(db: Connection[TupleRow]) -> Repaired:
    """What was taken up by now, and the read models do not have: for `built_anew`, once each of them was built anew
    since."""
    return dict(db.execute(_REPAIRED).fetchall())


def built_anew(db: Connection[TupleRow], had: Repaired) -> None:
    """The read models have these. Not what was taken up after they began, as some of them passed that by."""
    db.execute(_BUILT_ANEW, (list(had), list(had.values())))


def take_up(db: Connection[TupleRow], streams: Sequence[UUID] | None = None) -> int:
    """Ask the register to look again at these streams, or at all that there are. Returns of how many that was asked."""
    wanted = {"streams": list(streams) if streams is not None else None}
    with db.transaction():
        db.execute(_MISSING_TOO, wanted)
        return db.execute(_ASK, wanted).rowcount + db.execute(_ASK_MET, wanted).rowcount


def look_again(db: Connection[TupleRow]) -> None:
    """Ask the register to look again at what was met, and goes on."""
    db.execute(_ASK_MET, {"streams": None})


def is_looking(db: Connection[TupleRow]) -> bool:
    """Whether the register was asked to look, and has not yet."""
    (waits,) = db.execute(_WAITS).fetchone() or (False,)
    return bool(waits)


def stream_at(db: Connection[TupleRow], position: int) -> UUID | None:
    """Whose record stands at a position; None where none does."""
    row = db.execute(_AT, (position,)).fetchone()
    return UUID(str(row[0])) if row else None


def explain(store: LedgerStore, db: Connection[TupleRow], position: int, backup: str | None = None) -> Explained:
    """What the ledger says of the record at a position, and whether a backup (a database) has it."""
    try:
        leaf, entry = store.leaf_of(position)
    except LookupError:
        return Explained(None, None, None)
    amiss = _amiss(db.execute(_RECORD, (position,), binary=True).fetchone(), entry)
    return Explained(leaf, not amiss, _has(backup, position, entry) if backup is not None else None, amiss)


def opens(store: EventStore, position: int) -> bool:
    """Whether all of the record at a position opens, or was erased. Raises what says that the keys are away."""
    try:
        store.open_at({position: frozenset(Compartment)})
    except (BrokenSeal, KeyGone):
        return False
    return True


def otherwise(db: Connection[TupleRow], stream: UUID, backup: str) -> list[int]:
    """The numbers at which a backup has records of the stream that are not there so: changed, moved, or gone."""
    here = set(db.execute(_OF_STREAM, (stream,), binary=True).fetchall())
    with connect(backup) as there:
        if not _is_there(there, "log.stored_events"):
            return []
        kept = set(there.execute(_OF_STREAM, (stream,), binary=True).fetchall())
    return sorted(position for position, *_ in kept - here)


def put_back(owner: str, store: LedgerStore, position: int, backup: str) -> bool:
    """Put the record back at its number from a backup, which has what the ledger's entry was made of; False where it
    has not, or the row holds. `owner` is the database with the rights of its owner. Raises LookupError for what was
    never sealed: then nothing says what is right."""
    _, entry = store.leaf_of(position)
    kept = _kept(backup, position)
    if kept is None or _amiss(kept, entry):
        return False
    with maintain(owner) as db, db.transaction():
        row = db.execute(_RECORD, (position,), binary=True).fetchone()
        if not _amiss(row, entry):
            return False
        db.execute("ALTER TABLE log.stored_events DISABLE TRIGGER append_only")
        _move(db, kept, position)
        if not db.execute(_CHANGE, (*kept, position), binary=True).rowcount:
            db.execute(_ADD, (*kept, position), binary=True)
        db.execute("ALTER TABLE log.stored_events ENABLE TRIGGER append_only")
    return True


def _move(db: Connection[TupleRow], kept: TupleRow, position: int) -> None:
    """Where the record's place in its stream is taken by a row under another number, that row and the one that stands
    here change numbers."""
    found = db.execute(_ELSEWHERE, (kept[0], kept[1], position), binary=True).fetchone()
    if found is None:
        return
    (aside,) = db.execute("SELECT least(min(notification_id), 0) - 1 FROM log.stored_events").fetchone() or (-1,)
    for old, new in ((position, aside), (found[0], position), (aside, found[0])):
        db.execute("UPDATE log.stored_events SET notification_id = %s WHERE notification_id = %s", (new, old))


def keys_in(backup: str, db: Connection[TupleRow], keys: Wrapping, stream: UUID) -> dict[Compartment, bytes]:
    """The wrapped data keys of a stream that open in the backup, and in the database, `db`, do not, or are not there;
    none of what was erased."""
    with connect(backup) as there:
        kept = _wrapped(there, stream)
    here = _wrapped(db, stream)
    gone = {number for (number,) in db.execute("SELECT compartment FROM log.erased_keys WHERE stream = %s", (stream,))}
    return {
        Compartment(number): wrapped
        for number, wrapped in kept.items()
        if number not in gone
        and opened(keys, stream, number, wrapped) is not None
        and (number not in here or opened(keys, stream, number, here[number]) is None)
    }


def put_keys_back(owner: str, keys: Wrapping, stream: UUID, backup: str) -> int:
    """Put those back; how many. Also under a key-encryption key that was retired since: who rotates wraps them anew.
    `owner` is the database with the rights of its owner."""
    with maintain(owner) as db, db.transaction():
        db.execute("SELECT pg_advisory_xact_lock_shared(%s)", (Lock.DATA_KEYS,))  # nothing is erased meanwhile
        found = keys_in(backup, db, keys, stream)
        db.execute("ALTER TABLE log.data_keys DISABLE TRIGGER check_new_key")
        for compartment, wrapped in found.items():
            db.execute(_PUT_KEY, (stream, int(compartment), wrapped))
        db.execute("ALTER TABLE log.data_keys ENABLE TRIGGER check_new_key")
    return len(found)


def _wrapped(db: Connection[TupleRow], stream: UUID) -> dict[int, bytes]:
    if not _is_there(db, "log.data_keys"):
        return {}
    rows = db.execute("SELECT compartment, wrapped FROM log.data_keys WHERE stream = %b", (stream,), binary=True)
    return dict(rows.fetchall())


def _has(backup: str, position: int, entry: bytes) -> bool:
    return not _amiss(_kept(backup, position), entry)


def _amiss(row: TupleRow | None, entry: bytes) -> str:
    """What is the matter with the row of that entry of the ledger; nothing where it is what was sealed."""
    if row is None:
        return "no row stands there"
    stream, version, topic, state = row
    if leaf_entry(state) != entry:
        return "the row is not what was sealed"
    try:
        check_row(parse(state), stream, version, topic)
    except MovedRow:
        return "the row names another stream, version or topic than its record"
    except BrokenSeal:
        return ""  # what was no record was sealed as it was
    return ""


def _kept(backup: str, position: int) -> TupleRow | None:
    """The record in a backup, which may be of some tables alone."""
    with connect(backup) as there:
        if not _is_there(there, "log.stored_events"):
            return None
        return there.execute(_RECORD, (position,), binary=True).fetchone()


def _is_there(db: Connection[TupleRow], table: str) -> bool:
    row = db.execute("SELECT to_regclass(%s) IS NOT NULL", (table,)).fetchone()
    return bool(row and row[0])


_RECORD = "SELECT originator_id, originator_version, topic, state FROM log.stored_events WHERE notification_id = %b"
_OF_STREAM = (
    "SELECT notification_id, originator_version, topic, sha256(state) FROM log.stored_events WHERE originator_id = %b"
)
_ELSEWHERE = (
    "SELECT notification_id FROM log.stored_events WHERE originator_id = %b AND originator_version = %b"
    " AND notification_id <> %b"
)
_CHANGE = (
    "UPDATE log.stored_events SET originator_id = %b, originator_version = %b, topic = %b, state = %b"
    " WHERE notification_id = %b"
)
_ADD = (
    "INSERT INTO log.stored_events (originator_id, originator_version, topic, state, notification_id)"
    " VALUES (%b, %b, %b, %b, %b)"
)
_PUT_KEY = (
    "INSERT INTO log.data_keys (stream, compartment, wrapped) VALUES (%s, %s, %b)"
    " ON CONFLICT (stream, compartment) DO UPDATE SET wrapped = excluded.wrapped"
)
_ENTRIES = """
    SELECT coalesce(d.stream, g.stream) AS stream, coalesce(d.version, g.version) AS version,
      coalesce(d.position, g.position) AS position, coalesce(d.topic, g.topic) AS topic, coalesce(d.why, g.why) AS why,
      coalesce(d.since, g.since) AS since, d.asked_at, d.stream IS NOT NULL AND d.repaired_at IS NULL AS is_set_aside,
      d.repaired_at IS NOT NULL AND g.stream IS NULL AS is_repaired,
      coalesce(g.numbers, '{}') AS numbers
    FROM (SELECT * FROM delivery.damaged WHERE repaired_at IS NULL OR views_behind) d FULL JOIN (
      SELECT g.stream, min(g.position) AS position, min(g.since) AS since, min(g.why) AS why,
        (array_agg(coalesce(s.originator_version, 1) ORDER BY g.position))[1] AS version,
        (array_agg(coalesce(s.topic, '?') ORDER BY g.position))[1] AS topic,
        jsonb_object_agg(g.agency, g.sequence) AS numbers
      FROM delivery.gaps g LEFT JOIN log.stored_events s ON s.notification_id = g.position
      WHERE g.told_again IS NULL GROUP BY g.stream
    ) g USING (stream)
    UNION ALL
    SELECT m.stream, m.version, m.position, m.topic, m.why, m.since, NULL, false, false, '{}'
      FROM delivery.met m WHERE m.looked_at IS NOT NULL
        AND NOT EXISTS (SELECT FROM delivery.damaged d WHERE d.stream = m.stream AND d.repaired_at IS NULL)
        AND NOT EXISTS (SELECT FROM delivery.gaps g WHERE g.stream = m.stream AND g.told_again IS NULL)
    ORDER BY since, position
"""
_REPAIRED = "SELECT stream, repaired_at FROM delivery.damaged WHERE repaired_at IS NOT NULL AND views_behind"
_BUILT_ANEW = """
    UPDATE delivery.damaged d SET views_behind = false
    FROM unnest(%s::uuid[], %s::timestamptz[]) AS h (stream, repaired_at)
    WHERE d.stream = h.stream AND d.repaired_at = h.repaired_at
"""
_MISSING_TOO = """
    INSERT INTO delivery.damaged AS d (stream, version, position, topic, why)
    SELECT DISTINCT ON (g.stream) g.stream, coalesce(s.originator_version, 1), g.position, coalesce(s.topic, '?'), g.why
      FROM delivery.gaps g LEFT JOIN log.stored_events s ON s.notification_id = g.position
      WHERE g.told_again IS NULL AND (%(streams)s::uuid[] IS NULL OR g.stream = ANY(%(streams)s))
      ORDER BY g.stream, s.originator_version
    ON CONFLICT (stream) DO UPDATE SET version = excluded.version, position = excluded.position, topic = excluded.topic,
      why = excluded.why, since = clock_timestamp(), repaired_at = NULL, left_from = NULL
      WHERE d.repaired_at IS NOT NULL
"""
_ASK = """
    UPDATE delivery.damaged SET asked_at = clock_timestamp()
    WHERE repaired_at IS NULL AND (%(streams)s::uuid[] IS NULL OR stream = ANY(%(streams)s))
"""
_ASK_MET = """
    UPDATE delivery.met SET looked_at = NULL
    WHERE (%(streams)s::uuid[] IS NULL OR stream = ANY(%(streams)s))
      AND NOT EXISTS (SELECT FROM delivery.damaged d WHERE d.stream = met.stream AND d.asked_at IS NOT NULL)
"""
_WAITS = """
    SELECT EXISTS (SELECT FROM delivery.damaged WHERE asked_at IS NOT NULL)
      OR EXISTS (SELECT FROM delivery.met WHERE looked_at IS NULL)
"""
_AT = "SELECT originator_id FROM log.stored_events WHERE notification_id = %s"
