"""The way on where the history in the database forked for good: there is no newer state to restore.

What was signed and told and is lost is lost, and said to be so. Numbers that agencies hold are not given again: each
agency's topic says what it was told, with ids, and the register takes that in, without content; it goes on above. What
the register told meanwhile under such a number is told anew, under a number of its own, but for what had to be deleted
since. Positions go on above all that
was given. The ledger that was signed cannot be unsigned, so another log begins, under another name, over the same
events: its tree at the size up to which the old one is whole is the old one's, which anybody can check.

All of it is one transaction, with the rights of the database's owner.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from itertools import groupby
from typing import NamedTuple
from uuid import UUID, uuid5

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from kafka import KafkaConsumer
from kafka.errors import KafkaTimeoutError
from msgspec import structs
from psycopg import Connection
from psycopg.rows import TupleRow

from ...consumers.publishing.tails import IDLE_POLLS
from ...consumers.wire.envelope import Attributes, Opener, Rejected
from ...consumers.wire.kafka import clients
from ...consumers.wire.kafka.access import Access, options
from ...consumers.wire.kafka.topics import CONSUMER, RESENT, partition
from ...domain.disclosure import RULE, delivery_id
from ...domain.fact import EARLIEST, LATEST
from ...domain.recovery import MOST_RANGES, Numbers, TellOfRecovery
from ..positions import GAPS
from ..store.sealed_record import author_of
from . import kept as kept_rows
from .additions import Gap, write_heads
from .cursors import LOST
from .digests import NONE, Digests
from .register import WORK
from .rows import COLUMNS, PLACES, WRITTEN, Row, columns_of, from_bits
from .sealing import Sealing

MARGIN = 1_000
"""So many positions are left out, behind all that are known to have been given."""
OTHERWISE = "the number was given before, to what is lost"
"""Why something is told anew under another number."""
STANDS_SECONDS = 5
"""How long nobody keeps the register, so that who kept it reads it anew."""


class Lost(NamedTuple):
    """What an agency was told and the register does not have, or has otherwise: number → how it went out."""

    agency: str
    numbers: Mapping[int, Attributes]
    again: tuple[int, ...]
    """Numbers behind the last that both have alike, under which the register has something else: that is told anew,
    above, in its order."""
    unknown: tuple[int, ...] = ()
    """Numbers that were given too, and of which neither knows for what: the topic begins behind them."""
    alike: int = 0
    """The last number that both have alike."""


class TakenIn(NamedTuple):
    """What is told anew: the numbers under which it was told, and the first of those under which it is."""

    again: Sequence[int]
    first: int | None


def told_on(access: Access, agency: str, service: Ed25519PublicKey) -> dict[int, Attributes]:
    """Number → what the agency's topic holds under it, last. Raises KafkaTimeoutError where its end is out of reach."""
    opener = Opener((), (service,))
    at = partition(agency)
    found: dict[int, Attributes] = {}
    with closing(clients.consumer(**CONSUMER, **options(access))) as consumer:
        consumer.assign([at])
        first, end = (ask([at], timeout_ms=10000)[at] for ask in (consumer.beginning_offsets, consumer.end_offsets))
        if end <= first:
            return {}
        consumer.seek(at, first)
        idle = 0
        while not _is_at_end(consumer, agency):
            records = consumer.poll(timeout_ms=200).get(at, ())
            idle = 0 if records else idle + 1
            if idle >= IDLE_POLLS:
                raise KafkaTimeoutError("the end of a topic is out of reach")
            for record in records:
                try:
                    attributes = opener.verified(record.headers, record.key, record.value)
                except Rejected:
                    continue
                if attributes.subject == agency and RESENT not in dict(record.headers):
                    found[int(attributes.sequence)] = attributes
    return found


def _is_at_end(consumer: KafkaConsumer, agency: str) -> bool:
    at = partition(agency)
    mark = consumer.highwater(at)
    return mark is not None and bool(consumer.position(at) >= mark)


def lost(db: Connection[TupleRow], agency: str, held: Mapping[int, Attributes]) -> Lost:
    """What of that the register does not have, or has otherwise. Where a topic does not reach back to what both have
    alike, nobody knows from where on they differ: all that the register has below is told anew."""
    known: dict[int, str] = dict(
        db.execute("SELECT sequence, id::text FROM delivery.told WHERE agency = %s", (agency,)).fetchall()
    )
    other = {number: about for number, about in sorted(held.items()) if known.get(number) != about.id}
    if not other:
        return Lost(agency, {}, ())
    alike = {number for number, id in known.items() if number in held and held[number].id == id}
    last = max((number for number in alike if number < min(other)), default=0)
    again = tuple(number for number in sorted(known) if number > last and number not in alike)
    unknown = tuple(number for number in range(1, max(other)) if number not in known and number not in held)
    return Lost(agency, other, again, unknown, last)


def take_in(db: Connection[TupleRow], found: Lost, sealing: Sealing, now: datetime) -> TakenIn:
    """Put on record that these numbers were given, without content, and go on above them. For inside of the
    transaction."""
    agency, digests = found.agency, sealing.digests
    about = db.execute(
        "SELECT (SELECT coalesce(max(n), 0) FROM delivery.told), coalesce(max(sequence), 0),"
        " array_agg(DISTINCT case_id), (SELECT key_id FROM delivery.sealing_keys WHERE agency = %s)"
        " FROM delivery.told WHERE agency = %s",
        (agency, agency),
    ).fetchone()
    if not found.numbers or about is None:
        return TakenIn((), None)
    n, head, cases, key = about
    head = max(head, *found.numbers)
    case_of = {sealing.pseudonym(agency, case): case for case in cases or ()}
    kept = _kept(db, digests, agency, found.again)
    db.execute("ALTER TABLE delivery.told DISABLE TRIGGER append_only")
    db.execute("DELETE FROM delivery.told WHERE agency = %s AND sequence = ANY(%s)", (agency, list(found.again)))
    db.execute("ALTER TABLE delivery.told ENABLE TRIGGER append_only")
    counts: dict[UUID, int] = {}

    def count(case: UUID) -> int:
        if case not in counts:
            row = db.execute(
                "SELECT max(case_sequence) FROM delivery.told WHERE agency = %s AND case_id = %s", (agency, case)
            ).fetchone()
            counts[case] = (row[0] if row is not None else 0) or 0
        counts[case] += 1
        return counts[case]

    def put(sequence: int, in_case: int, case: UUID, key: str, told_at: datetime, id: UUID) -> None:
        nonlocal n
        n += 1
        row = Row(n, agency, sequence, in_case, 0, 0, LOST, case, 0, key, told_at, id, RULE, NONE)
        db.execute(_TOLD, columns_of(digests.written(row)))

    first, given = min(found.numbers), {about.id for about in found.numbers.values()}
    for row in kept:
        if row.sequence < first:
            put(row.sequence, row.case_sequence, row.case, row.key_id, row.told_at, row.id)
    for sequence, sent in found.numbers.items():
        case = case_of.get(sent.partitionkey) or uuid5(LOST, sent.partitionkey)
        put(sequence, int(sent.casesequence), case, key or sent.keyid, now, UUID(sent.id))
    for sequence in found.unknown:
        case = uuid5(LOST, agency)
        put(sequence, count(case), case, key or "", now, uuid5(LOST, f"{agency}/{sequence}"))
    for row in kept:
        if row.sequence > first and row.sequence not in found.numbers:  # it may have gone out by another way
            id = row.id if str(row.id) not in given else uuid5(LOST, f"{agency}/{row.sequence}")
            put(row.sequence, count(row.case), row.case, row.key_id, row.told_at, id)
    # What had to be deleted since is left out: consented to anew, it is told as what was never told.
    again = [row for row in kept if row.stream != LOST and row.compartments]
    for told_as, row in enumerate(again, head + 1):
        n += 1
        id = delivery_id(agency, row.position, from_bits(row.compartments), again=row.sequence)
        at = row.at_position, row.position, row.stream, row.case, row.compartments, row.key_id, row.told_at
        told = Row(n, agency, told_as, count(row.case), *at, id, row.rule, NONE)
        db.execute(_TOLD, columns_of(digests.written(told)))
        db.execute("DELETE FROM delivery.gaps WHERE agency = %s AND sequence = %s", (agency, row.sequence))
        gap = Gap(agency, row.sequence, row.position, row.stream, OTHERWISE, now, told_as)
        kept_rows.add(db, digests.positions, GAPS, [gap])
    write_heads(db, digests.positions, {agency: head + len(again)})
    return TakenIn([row.sequence for row in again], head + 1 if again else None)


def kept_until(db: Connection[TupleRow], found: Iterable[Lost], signed: bool) -> datetime | None:
    """Up to when all that was recorded is kept for certain: the last event that somebody else knows too, from a topic
    or, where a head is what tells, by the log. None where there is none. For before anything is taken in."""
    rows = [(lost.agency, lost.alike) for lost in found]
    row = db.execute(
        "SELECT state FROM log.stored_events WHERE notification_id = greatest("
        " (SELECT max(at_position) FROM delivery.told JOIN unnest(%s::text[], %s::bigint[]) AS a (agency, sequence)"
        "  USING (agency, sequence)),"
        " CASE WHEN %s THEN (SELECT max(last_position) FROM ledger.batches) END)",
        ([agency for agency, _ in rows], [alike for _, alike in rows], signed),
    ).fetchone()
    if row is None:
        return None
    try:
        at = author_of(bytes(row[0]))[3]
    except (struct.error, IndexError, ValueError, OverflowError):  # a damaged record says no time
        return None
    return at if EARLIEST <= at <= LATEST else None


def notice(recovery: UUID, lost: Lost, taken: TakenIn, kept: datetime | None, events: int) -> TellOfRecovery:
    """What an agency is to be told of it."""
    return TellOfRecovery(
        occurred_at=kept or EARLIEST,
        recovery=recovery,
        lost_numbers=_in_ranges([*lost.numbers, *lost.unknown]),
        told_again=_in_ranges(taken.again),
        told_again_from=taken.first,
        kept_until=kept,
        lost_events=events,
    )


def ranges(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """1, 2, 3, 7 as (1, 3), (7, 7)."""
    for _, group in groupby(enumerate(sorted(numbers)), lambda pair: pair[1] - pair[0]):
        run = [number for _, number in group]
        yield run[0], run[-1]


def _in_ranges(numbers: Iterable[int]) -> tuple[Numbers, ...]:
    found = [Numbers(first, last) for first, last in ranges(numbers)]
    return tuple(found) if len(found) <= MOST_RANGES else (Numbers(found[0].first, found[-1].last),)


def go_on(db: Connection[TupleRow], given: int, lacking: int) -> int:
    """Let positions go on above all that were given: `given` is the highest that is known, `lacking` how many events
    are. Returns the next. For inside of the transaction."""
    (last,) = db.execute("SELECT last_value FROM log.stored_events_notification_id_seq").fetchone() or (0,)
    beyond = max(int(last) + lacking, given) + MARGIN
    db.execute("SELECT setval('log.stored_events_notification_id_seq', %s)", (beyond,))
    db.execute(
        "UPDATE follow.leases SET keeper = gen_random_uuid(), until = clock_timestamp() + %s * interval '1 second'"
        " WHERE work = %s",
        (STANDS_SECONDS, WORK),
    )
    return beyond + 1


def end_log(db: Connection[TupleRow], name: str) -> None:
    """Put the ledger's tables aside, under that name, that another log may begin. For inside of the transaction."""
    for table in ("batches", "tiles", "checkpoints", "cosignatures"):
        db.execute(f'CREATE TABLE ledger."{table} {name}" AS TABLE ledger.{table}')
    for table in ("cosignatures", "checkpoints", "tiles", "batches"):
        db.execute(f"ALTER TABLE ledger.{table} DISABLE TRIGGER append_only")
        db.execute(f"DELETE FROM ledger.{table}")
        db.execute(f"ALTER TABLE ledger.{table} ENABLE TRIGGER append_only")


def _kept(db: Connection[TupleRow], digests: Digests, agency: str, numbers: Sequence[int]) -> list[Row]:
    """What stands at numbers that were given to something else, without what had to be deleted since; of a row that is
    not as it was written, or of a case of which it is not known what had to be deleted, nothing."""
    rows = [Row(*columns) for columns in db.execute(_KEPT, (agency, list(numbers)))]
    recalls = kept_rows.recalls(db, digests.positions, {kept_rows.Scope(agency, row.case) for row in rows})
    gone = kept_rows.gone(recalls)
    kept: list[Row] = []
    for row in rows:
        is_known = digests.fits(row) and kept_rows.Scope(agency, row.case) not in recalls.unfit
        left = row.compartments & ~gone(agency, row.position, row.n) if is_known else 0
        kept.append(structs.replace(row, compartments=left))
    return kept


_KEPT = f"SELECT {COLUMNS} FROM delivery.told WHERE agency = %s AND sequence = ANY(%s) ORDER BY sequence"
_TOLD = f"INSERT INTO delivery.told ({WRITTEN}) VALUES ({PLACES})"
