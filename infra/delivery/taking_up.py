"""Takes up again what was set aside, once somebody says that it is repaired (`rujukan damaged --again`), and tells anew
what could not be opened when its turn came, or waited too long: under numbers of its own.

The register's keeper does this between two batches, in its own transactions.
"""

from typing import NamedTuple
from uuid import UUID

from msgspec import structs
from psycopg import Connection
from psycopg.rows import TupleRow

from ...domain.compartment import Compartment
from ...domain.disclosure import Followed, delivery_id
from ..positions import GAPS, Positions
from ..store.data_keys import KeyGone
from ..store.event_store import Damage, EventStore, OutOfPlace
from ..store.following import Learning, Still
from ..store.sealed_record import BrokenSeal
from ..unforeseen import where
from . import facts, kept
from .additions import Additions
from .digests import Digests
from .numbering import Numbers, Unnumbered, counts_of
from .rows import COLUMNS, Row, from_bits


def aside(db: Connection[TupleRow]) -> dict[UUID, int]:
    """Stream → the version from which on the register does not follow it."""
    return dict(db.execute(_ASIDE).fetchall())


def ahead(db: Connection[TupleRow]) -> list[Damage]:
    """Records under numbers that the log has not given yet. They were moved, and nobody meets them: what follows from
    them, the end of a consent say, may not be on record."""
    why = "it stands under a number that was not given yet"
    found = db.execute(_AHEAD).fetchall()
    return [Damage(position, stream, version, topic, why) for position, stream, version, topic in found]


class Asked(NamedTuple):
    """A stream that is said to be repaired."""

    stream: UUID
    left_from: int | None
    """The version from which on it was left out; None for one that the register followed to the end."""
    ends_unknown: bool
    """Whether it was set aside before its recalls and expiries were on record."""


def asked(db: Connection[TupleRow]) -> list[Asked]:
    """The streams that are said to be repaired, those first that were set aside first."""
    return [Asked(*row) for row in db.execute(_ASKED).fetchall()]


def left_out(
    store: EventStore,
    digests: Digests,
    stream: UUID,
    left_from: int | None,
    reached: int,
    still: Still = lambda: None,
) -> list[Followed]:
    """What of the stream was left out up to that position, worked out as it would have been; nothing of one that was
    erased. Raises what is still wrong. `still` is called in between."""
    with store.pool.connection() as db:
        if kept.unfit(db, digests.positions, stream):
            raise facts.UnfitRow
        told = [row for row in _missing(db, digests, stream) if row.stream == stream]
    try:
        store.open_at({row.position: from_bits(row.compartments) for row in told})
        whole = store.read(stream)
    except KeyGone:
        if Compartment.COORDINATION in store.keys.erased(stream):
            return []
        raise
    if ahead := [o.version for o in whole if o.position > max(reached, store.head())]:
        raise OutOfPlace(ahead[0], "stands under another number")
    if lost := {row.position for row in told} - {o.position for o in whole}:
        raise BrokenSeal(f"an event of the stream is not at its number: {min(lost)}")
    opened = [o for o in whole if o.position <= reached]
    later = [o for o in opened if left_from is not None and o.version >= left_from]
    if not later:
        return []
    with store.pool.connection() as db:
        before = facts.of_case(db, digests, stream, later[0].position)
    learning = Learning(store, lambda _: before, still=still)
    taken: list[Followed] = []
    try:
        for one in later:
            still()
            taken.append(learning.follow(one))
        return taken
    finally:
        learning.close()


def is_repaired(db: Connection[TupleRow], digests: Digests, numbers: Numbers, stream: UUID) -> None:
    """Put on record that the stream is followed again, and tell anew what was missing of it. Within a transaction."""
    db.execute(_REPAIRED, (stream,))
    tell_again(db, digests, numbers, stream)


def is_still_wrong(db: Connection[TupleRow], stream: UUID, problem: Exception) -> None:
    """Put on record that the stream waits for another repair, and why."""
    said = (where(problem), stream)
    db.execute("UPDATE delivery.damaged SET asked_at = NULL, why = %s WHERE stream = %s", said)


def end_erased(db: Connection[TupleRow], positions: Positions) -> None:
    """End what is set aside, or missing, of streams whose keys were destroyed since: nothing of them is there to be
    repaired, or told. They may be met between the erasure and that. For inside of a transaction."""
    db.execute(_END_ERASED)
    kept.change(db, positions, GAPS, _ERASED, (), told_again=0)


def unlooked(db: Connection[TupleRow]) -> set[UUID]:
    """Streams of which something went out as a placeholder, and that are not set aside: whoever sends may not be
    allowed to look what is the matter, or to set them aside."""
    return {stream for (stream,) in db.execute(_UNLOOKED, (facts.LATE,)).fetchall()}


def late(db: Connection[TupleRow], positions: Positions) -> list[UUID]:
    """Cases of which something waited too long for the end of a consent, and need wait no more."""
    found = db.execute(_LATE, (facts.LATE,)).fetchall()
    return [stream for (stream,) in found if not kept.unfit(db, positions, stream)]


def tell_again(db: Connection[TupleRow], digests: Digests, numbers: Numbers, stream: UUID) -> None:
    """Tell what could not be opened when its turn came, as far as it need not be deleted since, under numbers of its
    own. What a row names that is not as it was written is told to nobody: it stays missing. Within a transaction."""
    new = Additions()
    found = _missing(db, digests, stream)
    counts = counts_of(db, {row.case for row in found})
    for row in found:
        if compartments := from_bits(row.compartments):
            id = delivery_id(row.agency, row.position, compartments, again=row.sequence)
            about = row.agency, row.at_position, row.position, row.stream, row.case, compartments
            new.rows.append(numbers.give(Unnumbered(*about, row.told_at, id), counts))
    new.passed = numbers.take_passed()
    new.write(db, digests.positions)
    for row in found:
        (head,) = db.execute("SELECT sequence FROM delivery.heads WHERE agency = %s", (row.agency,)).fetchone() or (0,)
        to = {"position": row.position, "stream": row.stream, "told_again": head}
        kept.change(db, digests.positions, GAPS, "agency = %s AND sequence = %s", (row.agency, row.sequence), **to)


def _missing(db: Connection[TupleRow], digests: Digests, stream: UUID) -> list[Row]:
    """What of the stream was to be told at numbers, and could not be: the rows that are as they were written, without
    the compartments that had to be deleted since."""
    rows = [row for columns in db.execute(_MISSING, (stream,)) if digests.fits(row := Row(*columns))]
    recalls = kept.recalls(db, digests.positions, {kept.Scope(row.agency, row.case) for row in rows})
    gone = kept.gone(recalls)
    return [
        structs.replace(row, compartments=row.compartments & ~gone(row.agency, row.position, row.n))
        for row in rows
        if kept.Scope(row.agency, row.case) not in recalls.unfit
    ]


_AHEAD = (
    "SELECT notification_id, originator_id, originator_version, topic FROM log.stored_events"
    " WHERE notification_id > (SELECT last_value FROM log.stored_events_notification_id_seq) ORDER BY 3"
)
_ASIDE = "SELECT stream, left_from FROM delivery.damaged WHERE repaired_at IS NULL AND left_from IS NOT NULL"
_ASKED = (
    "SELECT stream, left_from, ends_unknown FROM delivery.damaged WHERE asked_at IS NOT NULL AND repaired_at IS NULL"
    " ORDER BY since"
)
_REPAIRED = (
    "UPDATE delivery.damaged SET repaired_at = clock_timestamp(), asked_at = NULL, views_behind = true,"
    " left_from = NULL, ends_unknown = false WHERE stream = %s"
)
_END_ERASED = """
    UPDATE delivery.damaged d SET repaired_at = clock_timestamp()
    WHERE d.repaired_at IS NULL AND EXISTS (
      SELECT FROM log.erased_keys e WHERE e.stream = d.stream AND e.compartment = 0
    )
"""
_ERASED = (
    "told_again IS NULL AND EXISTS (SELECT FROM log.erased_keys e WHERE e.stream = gaps.stream AND e.compartment = 0)"
)
_LATE = """
    SELECT DISTINCT g.stream FROM delivery.gaps g WHERE g.told_again IS NULL AND g.why = %s
      AND NOT EXISTS (SELECT FROM delivery.damaged d WHERE d.stream = g.stream AND d.repaired_at IS NULL)
      AND NOT EXISTS (SELECT FROM delivery.expiries e WHERE e.case_id = g.stream AND e.expires_at <= now())
"""
_UNLOOKED = """
    SELECT DISTINCT g.stream FROM delivery.gaps g WHERE g.told_again IS NULL AND g.why <> %s
      AND NOT EXISTS (SELECT FROM delivery.damaged d WHERE d.stream = g.stream AND d.repaired_at IS NULL)
"""
_MISSING = f"""
    SELECT t.* FROM delivery.gaps g JOIN LATERAL (
      SELECT {COLUMNS} FROM delivery.told t WHERE t.agency = g.agency AND t.sequence = g.sequence
    ) t ON true
    WHERE g.stream = %s AND g.told_again IS NULL ORDER BY t.n
"""
