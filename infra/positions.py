"""Where each of those that follow is, and by what it is known that the row that says so is as it was written.

Whoever follows goes on from a row: how far the register is, each agency's newest number, how far a topic was read. One
bit that flips upwards in one of them, and all that comes until then would be passed by, and nobody would know. So each
such row bears a digest, as the register's rows do (delivery/digests.py): a MAC under a key that the database does not
have. It is checked whenever the row is taken up, and by the register's keeper, who looks at all of them each second.

Of one bit that flipped the digest also says which: of all rows that differ in one bit, one alone has that digest. So
the row is put right, and nothing is guessed. Where more is wrong, see delivery/putting_right.py.

A row that somebody set back to an older state, with its digest, is believed. That loses nothing: what is followed
again is told again under its number and id, and whoever has it knows that.
"""

import hmac
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import LiteralString, NamedTuple
from uuid import UUID

import msgspec
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composed, Identifier

from .keys.home import Macs, UnwrapFailed
from .keys.names import REGISTER

BYTES = 16
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""From when PostgreSQL counts microseconds: its bits are of that number."""
_BEGINS = b"rujukan/position/1\0"
"""Nothing else that is made a MAC of with that key begins so: a row of the register begins with its number."""


class UnreadableTime(NamedTuple):
    """What a bit that flipped made of a time."""

    bits: int


class Table(NamedTuple):
    """One that says where somebody goes on."""

    name: str
    key: tuple[str, ...]
    """The columns that say whose row it is."""
    rest: tuple[str, ...]
    """The other columns that the digest is of."""
    only: str = "true"
    """Which rows anybody goes on from."""

    @property
    def columns(self) -> tuple[str, ...]:
        """All that the digest is of, in its order."""
        return self.key + self.rest

    def row_of(self, columns: Sequence[object]) -> str:
        """A row's name, for people."""
        key = (("live" if column else "beside") if isinstance(column, bool) else str(column) for column in columns)
        return " ".join(islice(key, len(self.key))) or "-"


TIMES = frozenset(("set_at", "done_at", "recalled_at", "expires_at", "since"))
"""Columns with a time: read as their bytes, as of a flipped bit a client may make no time at all."""
JSON = frozenset(("said",))


def selected(table: Table) -> Composed:
    """SQL for its columns, for `read`."""
    kinds = (
        "timestamptz_send({})" if name in TIMES else "{}::text" if name in JSON else "{}" for name in table.columns
    )
    named = (SQL(kind).format(Identifier(name)) for kind, name in zip(kinds, table.columns, strict=True))
    return SQL(", ").join(named)


def read(table: Table, columns: Sequence[object]) -> tuple[object, ...]:
    """The columns of a row that was selected so. In the place of a time that is none stands a number."""
    names = zip(table.columns, columns, strict=True)
    return tuple(_time(column) if name in TIMES and isinstance(column, bytes) else column for name, column in names)


REACHED = Table("delivery.reached", (), ("position", "expiries_known"))
HEADS = Table("delivery.heads", ("agency",), ("sequence",))
SEALING_KEYS = Table("delivery.sealing_keys", ("agency",), ("key_id",))
TOPICS = Table("delivery.topics", ("agency",), ("topic", "sequence"))
ACKNOWLEDGED = Table("delivery.acknowledgement_offsets", ("agency",), ("topic_id", "next_offset"))
WEBHOOKS = Table("delivery.webhooks", ("agency",), ("registration", "previous", "set_at", "active", "sent"))
PROCESSORS = Table("follow.processors", ("name", "live", "shard"), ("shards", "version", "position"))
RESEALINGS = Table("delivery.resealings", ("position",), ("agency", "keys", "upto", "sent", "done_at"))
DELETIONS = Table("delivery.deletions", ("at_position", "agency"), ("stream", "version", "compartments", "done_at"))
NOTICES = Table("delivery.notices", ("recovery", "agency"), ("said", "among", "done_at"))
RECALLED = Table(
    "delivery.recalled", ("agency", "position", "at_position"), ("case_id", "compartments", "upto", "recalled_at")
)
EXPIRIES = Table("delivery.expiries", ("case_id", "consent"), ("expires_at",))
GAPS = Table("delivery.gaps", ("agency", "sequence"), ("position", "stream", "why", "since", "told_again"))
TALLIES = Table("delivery.tallies", ("of_table", "agency", "case_id"), ("many", "digests"))
FACTS = (RECALLED, EXPIRIES, GAPS, DELETIONS, RESEALINGS, NOTICES, TALLIES)
"""What is on record of cases, and work that is still to be done (delivery/kept.py)."""
ALL = (REACHED, HEADS, SEALING_KEYS, TOPICS, ACKNOWLEDGED, WEBHOOKS, PROCESSORS)
BY_NAME = {table.name: table for table in (*ALL, *FACTS)}
BEFORE = "(SELECT positions_under IS NULL FROM delivery.reached)"
"""Whether rows may be from before they had digests: then each is believed, until the register's keeper gave them."""
FACTS_BEFORE = "SELECT facts_under IS NULL FROM delivery.reached"
"""The same of facts."""


class Positions:
    """Makes the digests of these rows, and checks them. Safe to share between threads."""

    def __init__(self, macs: Macs) -> None:
        """`macs` makes MACs under `REGISTER`."""
        self._mac = macs.mac
        self.under = macs.mac(REGISTER, _BEGINS + b"under")[:BYTES]
        """Stands in the database for the key."""

    def of(self, table: str, *columns: object) -> bytes:
        """The digest of a row of that table with these columns, in the order of `Table.columns`."""
        return self._mac(REGISTER, _BEGINS + msgspec.msgpack.encode((table, columns)))[:BYTES]

    def fits(self, digest: bytes, table: str, *columns: object) -> bool:
        """Whether a row is as it was written."""
        return hmac.compare_digest(self.of(table, *columns), digest)

    def right(self, digest: bytes, table: str, *columns: object) -> tuple[object, ...] | None:
        """What was written, where one bit flipped since, in a column or in the digest; None where more did."""
        if differ_in_one(self.of(table, *columns), digest):
            return columns
        for n, column in enumerate(columns):
            for other in flips(column):
                was = (*columns[:n], other, *columns[n + 1 :])
                if self.fits(digest, table, *was):
                    return was
        return None

    def known(self, db: Connection[TupleRow], mark: LiteralString = "positions_under") -> bool:
        """Whether all rows have digests by now; with `facts_under`, facts. Raises UnwrapFailed where another keyring
        wrote them."""
        (under,) = db.execute(SQL("SELECT {} FROM delivery.reached").format(Identifier(mark))).fetchone() or (None,)
        if under is None:
            return False
        if bytes(under) != self.under and not differ_in_one(self.under, bytes(under)):
            raise UnwrapFailed("the positions were written with another keyring")
        return True

    def register_is_at(self, db: Connection[TupleRow]) -> int | None:
        """How far the register followed the log; None where the row that says so is not as it was written."""
        row = db.execute(f"SELECT position, expiries_known, digest, {BEFORE} FROM delivery.reached").fetchone()
        if row is None:
            return 0
        position, expiries_known, digest, before = row
        return int(position) if before or self.fits(digest, REACHED.name, position, expiries_known) else None


def flips(column: object) -> Iterator[object]:
    """All values that differ from this one in one bit of it as it is stored."""
    match column:
        case bool():
            yield not column
        case int():
            for bits in (32, 64):
                for bit in range(bits):
                    yield _signed((column ^ 1 << bit) & (1 << bits) - 1, bits)
        case str():
            for text in _flipped(column.encode()):
                try:
                    yield text.decode()
                except UnicodeDecodeError:
                    continue
        case bytes():
            yield from _flipped(column)
        case UnreadableTime():
            for bit in range(64):
                if isinstance(time := _time((column.bits ^ 1 << bit).to_bytes(8)), datetime):
                    yield time
        case UUID():
            for id in _flipped(column.bytes):
                yield UUID(bytes=id)
        case datetime():
            since = (column - _EPOCH) // timedelta(microseconds=1)
            for bit in range(62):
                try:
                    yield _EPOCH + timedelta(microseconds=since ^ 1 << bit)
                except OverflowError:
                    continue
        case list():
            for n, item in enumerate(column):
                for other_item in flips(item):
                    yield [*column[:n], other_item, *column[n + 1 :]]


def _time(data: bytes) -> datetime | UnreadableTime:
    """A time by its eight bytes."""
    try:
        return _EPOCH + timedelta(microseconds=int.from_bytes(data, signed=True))
    except OverflowError:
        return UnreadableTime(int.from_bytes(data))


def _signed(number: int, bits: int) -> int:
    return number - (1 << bits) if number >> bits - 1 else number


def _flipped(data: bytes) -> Iterator[bytes]:
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        yield bytes(changed)


def differ_in_one(one: bytes, other: bytes) -> bool:
    """Whether one bit is all that differs."""
    return len(one) == len(other) and (int.from_bytes(one) ^ int.from_bytes(other)).bit_count() == 1
