"""The register of what was sealed and sent: `delivery.sent`. A row for each delivery, each time that it was sent.

A row is written once the receiver had it: with the publisher's own position, in the transaction in which a webhook
counts as posted, and before a page of the feed is answered. One case is left: who sends over Kafka ends between the
broker's commit and the database's. The topic then has more than the register: it is found there when the topic is
looked at, and is put on record as found. What an agency was sent again of its history, under another key, is sent once
more then, and on record once.

The rows of an agency have numbers without gaps, and each bears a MAC under a key that the database does not have. What
that does not show (the newest rows are gone; whoever has the key wrote others) the log does: every few seconds what is
new is vouched for there (`vouching.py`). So whoever reads finds out what is changed or gone, and says so.
"""

import hmac
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from msgspec import Struct, structs
from psycopg import Connection
from psycopg.rows import TupleRow

from ...consumers.evidence.sendings import Sending
from ...consumers.wire.envelope import Message
from ..keys.home import Macs
from ..keys.names import REGISTER
from ..locks import Lock
from .rows import bits, by_words, from_bits

BYTES = 16
UNKNOWN = "-"
"""In the place of a key's fingerprint."""
_BEGINS = b"rujukan/sent/1\0"
"""Nothing else that is made a MAC of with that key begins so."""


class ToRecord(NamedTuple):
    """What is to be put on record of a delivery that was sent."""

    sequence: int
    id: UUID
    position: int
    case: UUID
    compartments: int
    key: str


class Row(Struct, frozen=True, gc=False):
    """A row. `digest` is of all the others."""

    agency: str
    number: int
    sequence: int
    id: UUID
    position: int
    case: UUID
    compartments: int
    transport: str
    key: str
    found: bool
    sent_at: datetime
    digest: bytes

    @property
    def sending(self) -> Sending:
        """As the log vouches for it."""
        return Sending(
            self.number,
            self.sequence,
            str(self.id),
            self.position,
            tuple(sorted(c.word for c in from_bits(self.compartments))),
            self.transport,
            self.key,
            self.found,
            self.sent_at.astimezone(UTC).isoformat(timespec="microseconds"),
        )


class Sendings:
    """Makes rows, and knows those that are as they were written. Safe to share between threads."""

    def __init__(self, macs: Macs) -> None:
        """`macs` makes MACs under `REGISTER`."""
        self._mac = macs.mac

    def digest(self, row: Row) -> bytes:
        """That of a row with these columns, whatever its own says. Bits that stand for no compartment count, too."""
        said = f"{row.agency}\n{row.case}\n{row.compartments}\n{row.sending.line}"
        return self._mac(REGISTER, _BEGINS + said.encode())[:BYTES]

    def fits(self, row: Row) -> bool:
        """Whether a row is as it was written."""
        return hmac.compare_digest(self.digest(row), row.digest)

    def write(
        self,
        db: Connection[TupleRow],
        agency: str,
        transport: str,
        sent: Sequence[ToRecord],
        found: bool = False,
    ) -> None:
        """Put on record that these were sent. For inside of a transaction; who writes for several agencies goes in the
        order of their codes."""
        if not sent:
            return
        db.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (Lock.SENDING, agency))
        newest = [Row(*columns) for columns in db.execute(_NEWEST, (agency,))]
        before = next((row.number for row in newest if self.fits(row)), max((r.number for r in newest), default=0))
        (now,) = db.execute("SELECT clock_timestamp()").fetchone() or (datetime.now(UTC),)
        rows = [self._row(agency, before + n, transport, of, found, now) for n, of in enumerate(sent, 1)]
        columns = [list(column) for column in zip(*(_columns(row) for row in rows), strict=True)]
        db.execute(_INSERT, columns)

    def _row(self, agency: str, number: int, transport: str, of: ToRecord, found: bool, at: datetime) -> Row:
        of_which = of.sequence, of.id, of.position, of.case, of.compartments
        row = Row(agency, number, *of_which, transport, of.key, found, at, b"")
        return structs.replace(row, digest=self.digest(row))


def of_messages(messages: Iterable[Message]) -> list[ToRecord]:
    """What is to be put on record of messages once they were sent."""
    return [
        ToRecord(m.sequence, UUID(m.id), of.position, of.case, bits(by_words(of.compartments)), of.key)
        for m in messages
        if (of := m.of) is not None
    ]


def rows_of(db: Connection[TupleRow], agency: str, case: UUID) -> list[Row]:
    """The rows that name this agency and case, in order."""
    return [Row(*columns) for columns in db.execute(f"{_SELECT} AND case_id = %s ORDER BY number", (agency, case))]


def rows_behind(db: Connection[TupleRow], agency: str, number: int, most: int) -> list[Row]:
    """The agency's rows behind that number, in order, so many at most."""
    return [
        Row(*columns)
        for columns in db.execute(f"{_SELECT} AND number > %s ORDER BY number LIMIT %s", (agency, number, most))
    ]


def _columns(row: Row) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in Row.__struct_fields__)


WRITTEN = "agency, number, sequence, id, position, case_id, compartments, transport, key, found, sent_at, digest"
_READ = WRITTEN.replace("sent_at", "least(greatest(sent_at, '1900-01-01+00'), '9999-01-01+00')")
_SELECT = f"SELECT {_READ} FROM delivery.sent WHERE agency = %s"
_NEWEST = f"{_SELECT} ORDER BY number DESC LIMIT 5"
"""One whose number a flipped bit made larger is passed by."""
_INSERT = (
    f"INSERT INTO delivery.sent ({WRITTEN}) SELECT * FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::uuid[],"
    " %s::bigint[], %s::uuid[], %s::int[], %s::text[], %s::text[], %s::boolean[], %s::timestamptz[], %s::bytea[])"
)
