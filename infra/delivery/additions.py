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
from .. import clock
from ..positions import DELETIONS, GAPS, HEADS, RESEALINGS, SEALING_KEYS, Positions
from ..store.event_store import Damage
from ..system_act import SYSTEM_AGENCY
from ..webhooks import rows as webhook_rows
from . import bell, cursors, facts, kept
from .kept import Recall
from .rows import Row, bits, columns_of


class Resealing(NamedTuple):
    """What an agency was told under these keys, up to a number, is published again under its newest key."""

    position: int
    agency: str
    keys: list[str]
    upto: int
    sent: int = 0
    done_at: datetime | None = None


class Deletion(NamedTuple):
    """An agency that is to be asked to delete copies, as `deleting.py` does."""

    at_position: int
    agency: str
    stream: UUID
    version: int
    compartments: int
    done_at: datetime | None = None


class Gap(NamedTuple):
    """A number at which something could not be opened."""

    agency: str
    sequence: int
    position: int
    stream: UUID
    why: str
    since: datetime
    told_again: int | None = None


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
        kept.add(db, positions, RESEALINGS, self.resealings)
        kept.add_recalls(db, positions, self.recalls)
        kept.add(db, positions, DELETIONS, self.deletions)
        kept.add(db, positions, GAPS, self.gaps)
        passed = [Gap(*number, 0, cursors.LOST, facts.UNFIT, clock.now(), 0) for number in self.passed]
        kept.add(db, positions, GAPS, passed)
        kept.put_expiries(db, positions, self.expiries)
        self._write_erased(db, positions)
        facts.set_aside(db, self.damage, by_register=True)
        if self.rows or self.resealings:
            bell.ring(db, [*heads, *(resealing.agency for resealing in self.resealings)])

    def _write_erased(self, db: Connection[TupleRow], positions: Positions) -> None:
        """Whoever was told of what was erased is to delete it."""
        for position, erased in self.erased:
            kept.add(db, positions, DELETIONS, deletions_of(db, position, erased))
            if Compartment.COORDINATION in compartments_named(erased.compartments):
                # nothing of it runs out, or is to be told, any more
                kept.forget_expiries(db, erased.case)
                kept.change(db, positions, GAPS, "stream = %s AND told_again IS NULL", (erased.case,), told_again=0)
                for statement in _ERASED_WHOLE:
                    db.execute(statement, (erased.case,))


def deletions_of(db: Connection[TupleRow], position: int, erased: ErasureRecorded) -> list[Deletion]:
    """Who is to delete what was erased with the event at that position, as far as it is on record: who was told of it
    before, or may have been."""
    gone = bits(compartments_named(erased.compartments))
    about = {"at": position, "stream": erased.case, "gone": gone, "system": SYSTEM_AGENCY}
    agencies = db.execute(_ERASED, about).fetchall()
    return [Deletion(position, agency, erased.case, erased.version, gone) for (agency,) in agencies]


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
_ERASED = """
    SELECT agency FROM (
      SELECT agency FROM delivery.told WHERE stream = %(stream)s AND case_id = %(stream)s
        AND compartments & %(gone)s <> 0 AND at_position <= %(at)s
      UNION
      SELECT agency FROM delivery.unfit u WHERE %(stream)s IN (u.stream, u.case_id)
    ) t JOIN delivery.heads USING (agency) WHERE agency <> %(system)s
"""
"""Also who is named by a row that is not as it was written: rather one is asked too many."""
_ERASED_WHOLE = (
    "UPDATE delivery.damaged SET repaired_at = clock_timestamp() WHERE stream = %s AND repaired_at IS NULL",
    "DELETE FROM delivery.met WHERE stream = %s",
)
