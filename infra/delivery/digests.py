"""The digest of a row of the register. Who reads a row knows by it that the row says what it said when it was written.

It is a MAC over all columns, under a key that the database does not have. So it finds a flipped bit, and it finds who
may write into the database and has no key: such a row would have content of any case sealed to an agency. A hash
without a key finds the first only, and costs as much.

It does not find a row that is gone, nor one of an older state that was restored: numbers without holes, and ids on the
agencies' topics, do.
"""

import hmac
import struct
from datetime import UTC, datetime, timedelta

from msgspec import structs
from psycopg import Connection
from psycopg.rows import TupleRow

from ..keys.home import Macs, UnwrapFailed
from ..keys.names import REGISTER
from ..positions import Positions, differ_in_one
from .rows import COLUMNS, Row

BYTES = 16
NONE = b""
"""The digest of a row from before there were any."""
PAGE = 5_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIXED = struct.Struct(">6qi16s16s16s")


class Digests:
    """Makes digests, and checks them. Safe to share between threads."""

    def __init__(self, macs: Macs) -> None:
        """`macs` makes MACs under `REGISTER`."""
        self._mac = macs.mac
        self.under = macs.mac(REGISTER, b"the register of what was told")[:BYTES]
        """Stands in the database for the key."""
        self.positions = Positions(macs)
        """The digests of rows from which somebody goes on."""

    def of(self, row: Row) -> bytes:
        """That of a row with these columns, whatever its own says."""
        at = (row.told_at - _EPOCH) // _MICROSECOND
        numbers = row.n, row.sequence, row.case_sequence, row.at_position, row.position, at, row.compartments
        fixed = _FIXED.pack(*numbers, row.stream.bytes, row.case.bytes, row.id.bytes)
        return self._mac(REGISTER, fixed + "\0".join((row.agency, row.key_id, row.rule)).encode())[:BYTES]

    def written(self, row: Row) -> Row:
        """The row with its digest."""
        return structs.replace(row, digest=self.of(row))

    def fits(self, row: Row) -> bool:
        """Whether a row is as it was written."""
        return hmac.compare_digest(self.of(row), row.digest)

    def known(self, db: Connection[TupleRow]) -> bool:
        """Whether every row that was there before digests were has its own by now. Raises UnwrapFailed where the
        register was written under another key: a keyring that is not the service's is no damage."""
        (under,) = db.execute("SELECT digests_under FROM delivery.reached").fetchone() or (None,)
        if under is not None and bytes(under) != self.under and not differ_in_one(bytes(under), self.under):
            raise UnwrapFailed("the register was written with another keyring")
        return under is not None

    def are_known(self, db: Connection[TupleRow]) -> None:
        """Put on record that every row has one."""
        db.execute("UPDATE delivery.reached SET digests_under = %s", (self.under,))


def give(db: Connection[TupleRow], digests: Digests, after: int) -> int | None:
    """Give rows behind that one that have no digest theirs, a page of them; up to which. None where none was left. For
    inside of a transaction."""
    rows = [Row(*columns) for columns in db.execute(_WITHOUT, (after,))]
    if not rows:
        return None
    db.execute(_GIVE, ([row.n for row in rows], [digests.of(row) for row in rows]))
    return rows[-1].n


_WITHOUT = f"SELECT {COLUMNS} FROM delivery.told WHERE n > %s AND digest = '' ORDER BY n LIMIT {PAGE}"
_GIVE = (
    "UPDATE delivery.told t SET digest = g.digest FROM unnest(%s::bigint[], %s::bytea[]) AS g (n, digest)"
    " WHERE t.n = g.n AND t.digest = ''"
)
