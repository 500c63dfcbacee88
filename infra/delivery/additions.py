"""What a batch of events adds to the register, and how it is written there: within the keeper's one transaction."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct, field
from psycopg import Connection
from psycopg.rows import TupleRow

from ...domain.casefile.state import compartments_named
from ...domain.compartment import Compartment
from ...domain.disclosure import Written
from ...domain.erasure import ErasureRecorded
from ..positions import HEADS, SEALING_KEYS, Positions
from ..store.event_store import Damage
from ..system_act import SYSTEM_AGENCY
from ..webhooks import rows as webhook_rows
from . import bell, cursors, facts
from .rows import Row, bits, columns_of


class Resealing(NamedTuple):
    """What an agency was told under these keys, up to a number, is published again under its newest key."""

    position: int
    agency: str
    keys: list[str]
    upto: int


class Recall(NamedTuple):
    """What an agency has to delete of the event at `position`, of all that it was told up to `upto` (`told.n`)."""

    agency: str
    position: int
    at_position: int
    case: UUID
    compartments: int
    upto: int
    recalled_at: datetime


class Deletion(NamedTuple):
    """An agency that is to be asked to delete copies, as `deleting.py` does."""

    at_position: int
    agency: str
    stream: UUID
    version: int
    compartments: int


class Gap(NamedTuple):
    """A number at which something could not be opened."""

    agency: str
    sequence: int
    position: int
    stream: UUID
    why: str


class Additions(Struct):
    """What a batch of events adds to the register."""

    rows: list[Row] = field(default_factory=list)
    keys: dict[str, str | None] = field(default_factory=dict)
    """Agency → the key that it has now; None where it has none any more."""
    resealings: list[Resealing] = field(default_factory=list)
    of_webhooks: list[tuple[Written, str]] = field(default_factory=list)
    """Events of webhooks, each with its agency's code."""
    recalls: list[Recall] = field(default_factory=list)
    deletions: list[Deletion] = field(default_factory=list)
    erased: list[tuple[int, ErasureRecorded]] = field(default_factory=list)
    """Each with its position."""
    expiries: dict[tuple[UUID, UUID], datetime | None] = field(default_factory=dict)
    """(case, consent) → when it runs out; None where that is no matter any more."""
    gaps: list[Gap] = field(default_factory=list)
    passed: list[tuple[str, int]] = field(default_factory=list)
    """Agencies' numbers at which damaged rows stand: nothing is missing there."""
    damage: list[Damage] = field(default_factory=list)
    """Of streams that are set aside."""

    def write(self, db: Connection[TupleRow], positions: Positions) -> None:
        """Put all of it on record, and wake who waits for it. For inside of the keeper's transaction."""
        heads = {row.agency: row.sequence for row in self.rows}
        if self.rows:
            db.cursor(binary=True).execute(
                _TOLD, [list(column) for column in zip(*map(columns_of, self.rows), strict=True)]
            )
            write_heads(db, positions, heads)
        for agency, key in self.keys.items():
            db.execute("DELETE FROM delivery.sealing_keys WHERE agency = %s", (agency,))
            if key is not None:
                db.execute(_SEALING_KEY, (agency, key, positions.of(SEALING_KEYS.name, agency, key)))
        for written, code in self.of_webhooks:
            about = written.event, written.version, written.position, written.at
            webhook_rows.follow(db, positions, code, *about)
        cursor = db.cursor()
        cursor.executemany(_RESEALING, self.resealings)
        cursor.executemany(_RECALL, self.recalls)
        cursor.executemany(_DELETION, self.deletions)
        cursor.executemany(_GAP, self.gaps)
        cursor.executemany(_PASSED, [(*number, cursors.LOST, facts.UNFIT) for number in self.passed])
        self._write_expiries(db)
        self._write_erased(db)
        facts.set_aside(db, self.damage, by_register=True)
        if self.rows or self.resealings:
            bell.ring(db, [*heads, *(resealing.agency for resealing in self.resealings)])

    def _write_expiries(self, db: Connection[TupleRow]) -> None:
        for (case, consent), at in self.expiries.items():
            db.execute("DELETE FROM delivery.expiries WHERE case_id = %s AND consent = %s", (case, consent))
            if at is not None:
                db.execute("INSERT INTO delivery.expiries VALUES (%s, %s, %s)", (case, consent, at))

    def _write_erased(self, db: Connection[TupleRow]) -> None:
        """Whoever was told of what was erased is to delete it."""
        for position, erased in self.erased:
            gone = compartments_named(erased.compartments)
            about = {"at": position, "stream": erased.case, "version": erased.version, "gone": bits(gone)}
            db.execute(_ERASED, about | {"system": SYSTEM_AGENCY})
            if Compartment.COORDINATION in gone:  # nothing of it runs out, or is to be told, any more
                for statement in _ERASED_WHOLE:
                    db.execute(statement, (erased.case,))


def write_heads(db: Connection[TupleRow], positions: Positions, heads: Mapping[str, int]) -> None:
    """Say which is the newest number of each of these agencies."""
    digests = [positions.of(HEADS.name, agency, sequence) for agency, sequence in heads.items()]
    db.execute(_HEADS, (list(heads), list(heads.values()), digests))


_TOLD = """
    INSERT INTO delivery.told (n, agency, sequence, case_sequence, at_position, position, stream, case_id, compartments,
      key_id, told_at, id, rule, digest)
    SELECT * FROM unnest(%b::int8[], %b::text[], %b::int8[], %b::int8[], %b::int8[], %b::int8[], %b::uuid[], %b::uuid[],
      %b::int4[], %b::text[], %b::timestamptz[], %b::uuid[], %b::text[], %b::bytea[])
"""
_HEADS = (
    "INSERT INTO delivery.heads (agency, sequence, digest) SELECT * FROM unnest(%s::text[], %s::bigint[], %s::bytea[])"
    " ON CONFLICT (agency) DO UPDATE SET sequence = excluded.sequence, digest = excluded.digest"
)
_SEALING_KEY = "INSERT INTO delivery.sealing_keys (agency, key_id, digest) VALUES (%s, %s, %s)"
_RESEALING = (
    "INSERT INTO delivery.resealings (position, agency, keys, upto) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"
)
_RECALL = (
    "INSERT INTO delivery.recalled (agency, position, at_position, case_id, compartments, upto, recalled_at)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
)
_DELETION = (
    "INSERT INTO delivery.deletions (at_position, agency, stream, version, compartments) VALUES (%s, %s, %s, %s, %s)"
    " ON CONFLICT DO NOTHING"
)
_GAP = (
    "INSERT INTO delivery.gaps (agency, sequence, position, stream, why) VALUES (%s, %s, %s, %s, %s)"
    " ON CONFLICT DO NOTHING"
)
_PASSED = (
    "INSERT INTO delivery.gaps (agency, sequence, position, stream, why, told_again) VALUES (%s, %s, 0, %s, %s, 0)"
    " ON CONFLICT DO NOTHING"
)
_ERASED = """
    INSERT INTO delivery.deletions (at_position, agency, stream, version, compartments)
    SELECT %(at)s, agency, %(stream)s, %(version)s, %(gone)s FROM (
      SELECT agency FROM delivery.told
        WHERE stream = %(stream)s AND case_id = %(stream)s AND compartments & %(gone)s <> 0
      UNION
      SELECT agency FROM delivery.unfit u WHERE %(stream)s IN (u.stream, u.case_id)
    ) t JOIN delivery.heads USING (agency) WHERE agency <> %(system)s
    ON CONFLICT DO NOTHING
"""
"""Also who is named by a row that is not as it was written: rather one is asked too many."""
_ERASED_WHOLE = (
    "DELETE FROM delivery.expiries WHERE case_id = %s",
    "UPDATE delivery.gaps SET told_again = 0 WHERE stream = %s AND told_again IS NULL",
    "UPDATE delivery.damaged SET repaired_at = clock_timestamp() WHERE stream = %s AND repaired_at IS NULL",
    "DELETE FROM delivery.met WHERE stream = %s",
)
