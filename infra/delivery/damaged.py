"""What is set aside, for operators: the list, what the ledger and a backup say of it, the repair, and the wish that it
be taken up again (taking_up.py).

A damaged record is put back from a backup only where the backup has the very bytes that the ledger's entry was made of.
The record is then what it was, and every proof of it holds.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from ...consumers.evidence.records import leaf_entry
from ..ledger.store import LedgerStore


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


class Explained(NamedTuple):
    """What the ledger says of a damaged record, and what the backup has."""

    leaf: int | None
    """Its entry in the ledger; None where it was not sealed yet."""
    row_holds: bool | None
    """Whether the row is what was sealed, so that the damage is in a key; None where it was not sealed yet."""
    backup_holds: bool | None
    """Whether the backup has what was sealed; None where none was named, or it was not sealed yet."""


def entries(db: Connection[TupleRow]) -> list[Entry]:
    """Everything that is set aside or missing now, the oldest first."""
    with db.cursor(row_factory=class_row(Entry)) as cursor:
        return cursor.execute(_ENTRIES).fetchall()


def built_anew(db: Connection[TupleRow]) -> None:
    """The read models have what was taken up."""
    db.execute("UPDATE delivery.damaged SET views_behind = false WHERE repaired_at IS NOT NULL")


def take_up(db: Connection[TupleRow], streams: Sequence[UUID] | None = None) -> int:
    """Ask the register to look again at these streams, or at all that there are. Returns of how many that was asked."""
    wanted = list(streams) if streams is not None else None
    with db.transaction():
        db.execute(_MISSING_TOO, {"streams": wanted})
        return db.execute(_ASK, {"streams": wanted}).rowcount


def explain(store: LedgerStore, db: Connection[TupleRow], position: int, backup: str | None = None) -> Explained:
    """What the ledger says of the record at a position, and whether a backup (a database) has it."""
    row = db.execute("SELECT state FROM log.stored_events WHERE notification_id = %b", (position,), binary=True)
    found = row.fetchone()
    if found is None:
        return Explained(None, None, None)
    state: bytes = found[0]
    try:
        leaf, entry = store.leaf_of(position)
    except LookupError:
        return Explained(None, None, None)
    return Explained(leaf, leaf_entry(state) == entry, _has(backup, position, entry) if backup is not None else None)


def put_back(owner: str, store: LedgerStore, position: int, backup: str) -> bool:
    """Put the record back from a backup, which has what the ledger's entry was made of; False where it has not, or the
    row holds. `owner` is the database with the rights of its owner. Raises KeyError for what was never sealed: then
    nothing says what is right."""
    _, entry = store.leaf_of(position)
    with psycopg.connect(backup) as there:
        kept = there.execute(_RECORD, (position,), binary=True).fetchone()
    if kept is None or leaf_entry(kept[3]) != entry:
        return False
    with psycopg.connect(owner) as db:
        row = db.execute(_RECORD, (position,), binary=True).fetchone()
        if row is not None and leaf_entry(row[3]) == entry and row[:3] == kept[:3]:
            return False
        db.execute("ALTER TABLE log.stored_events DISABLE TRIGGER append_only")
        changed = db.execute(
            "UPDATE log.stored_events SET originator_id = %b, originator_version = %b, topic = %b, state = %b"
            " WHERE notification_id = %b",
            (*kept, position),
            binary=True,
        )
        db.execute("ALTER TABLE log.stored_events ENABLE TRIGGER append_only")
    return bool(changed.rowcount)


def _has(backup: str, position: int, entry: bytes) -> bool:
    with psycopg.connect(backup) as there:
        row = there.execute(_RECORD, (position,), binary=True).fetchone()
    return row is not None and leaf_entry(row[3]) == entry


_RECORD = "SELECT originator_id, originator_version, topic, state FROM log.stored_events WHERE notification_id = %b"
_ENTRIES = """
    SELECT coalesce(d.stream, g.stream) AS stream, coalesce(d.version, g.version) AS version,
      coalesce(d.position, g.position) AS position, coalesce(d.topic, g.topic) AS topic, coalesce(d.why, g.why) AS why,
      coalesce(d.since, g.since) AS since, d.asked_at, d.stream IS NOT NULL AND d.repaired_at IS NULL AS is_set_aside,
      d.repaired_at IS NOT NULL AS is_repaired,
      coalesce(g.numbers, '{}') AS numbers
    FROM (SELECT * FROM delivery.damaged WHERE repaired_at IS NULL OR views_behind) d FULL JOIN (
      SELECT g.stream, min(g.position) AS position, min(g.since) AS since, min(g.why) AS why,
        (array_agg(s.originator_version ORDER BY g.position))[1] AS version,
        (array_agg(s.topic ORDER BY g.position))[1] AS topic, jsonb_object_agg(g.agency, g.sequence) AS numbers
      FROM delivery.gaps g JOIN log.stored_events s ON s.notification_id = g.position
      WHERE g.told_again IS NULL GROUP BY g.stream
    ) g USING (stream) ORDER BY since, position
"""
_MISSING_TOO = """
    INSERT INTO delivery.damaged AS d (stream, version, position, topic, why)
    SELECT DISTINCT ON (g.stream) g.stream, s.originator_version, g.position, s.topic, g.why
      FROM delivery.gaps g JOIN log.stored_events s ON s.notification_id = g.position
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
