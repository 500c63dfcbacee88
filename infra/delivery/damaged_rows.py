"""Rows of the register that are not as they were written: found, listed, and put back from a backup.

The keeper looks through the register for them, round and round, a page each second, whether anybody asks for them or
not. What a row does not say any more (whose it is, under which number) nobody would ask for.
"""

import logging
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from ..database import connect, maintain
from .digests import Digests
from .rows import COLUMNS, PLACES, WRITTEN, Row, columns_of

log = logging.getLogger(__name__)

PAGE = 500
"""Rows that are looked at in one go, in some milliseconds: nearly two million in an hour."""


class Unfit(NamedTuple):
    """A row that is not as it was written. What it names may be wrong."""

    n: int
    agency: str
    sequence: int
    stream: UUID
    case: UUID
    since: datetime


def look(db: Connection[TupleRow], digests: Digests, after: int, page: int = PAGE) -> int:
    """Look at the rows behind that one, and again at those that were damaged; put on record which are. Up to which it
    came: -1 at the end, where it begins anew. For the keeper: all rows have their digests then."""
    look_again(db, digests)
    found = [Row(*columns) for columns in db.execute(_BEHIND, (after, page))]
    for row in found:
        about = row.n, row.agency, row.sequence, row.stream, row.case
        if not digests.fits(row) and db.execute(_UNFIT, about).rowcount:
            log.error("a row of the register is not as it was written: row %d", row.n)
    return found[-1].n if found else -1


def look_again(db: Connection[TupleRow], digests: Digests) -> None:
    """Look at those that were damaged; they are none any more where they are whole, or not there."""
    if again := [n for (n,) in db.execute("SELECT n FROM delivery.unfit")]:
        found = [Row(*columns) for columns in db.execute(_ROWS, (again,))]
        whole = {*again} - {row.n for row in found if not digests.fits(row)}
        db.execute("DELETE FROM delivery.unfit WHERE n = ANY(%s)", (list(whole),))


def listed(db: Connection[TupleRow]) -> list[Unfit]:
    """Those that were found so far, and are not known to be whole since."""
    found = db.execute("SELECT n, agency, sequence, stream, case_id, since FROM delivery.unfit ORDER BY n")
    return [Unfit(*row) for row in found]


def in_backup(backup: str, digests: Digests, unfit: Unfit) -> Row | None:
    """What was written, as a backup has it whole: at the row's number of all, or at its agency's. None where it has
    not."""
    with connect(backup) as there:
        if there.execute(_HAS_DIGESTS).fetchone() is None:
            return None
        found = [Row(*row) for row in there.execute(_OF, (unfit.n, unfit.agency, unfit.sequence, unfit.n))]
    return next((row for row in found if digests.fits(row)), None)


def put_back(owner: str, digests: Digests, unfit: Unfit, kept: Row) -> bool:
    """Put what was written in the row's place; False where the row is whole by now, or gone, or what was written stands
    elsewhere. `owner` is the database with the rights of its owner."""
    with maintain(owner) as db, db.transaction():
        here = db.execute(_ROWS, ([unfit.n],)).fetchone()
        if here is None or digests.fits(Row(*here)):
            return False
        if db.execute(_ELSEWHERE, (unfit.n, kept.n, kept.agency, kept.sequence, kept.id)).fetchone() is not None:
            return False
        db.execute("ALTER TABLE delivery.told DISABLE TRIGGER append_only")
        db.execute("DELETE FROM delivery.told WHERE n = %s", (unfit.n,))
        db.execute("ALTER TABLE delivery.told ENABLE TRIGGER append_only")
        db.execute("DELETE FROM delivery.unfit WHERE n = %s", (unfit.n,))
        db.execute(_PUT, columns_of(kept))
    return True


_BEHIND = f"SELECT {COLUMNS} FROM delivery.told WHERE n > %s ORDER BY n LIMIT %s"
_ROWS = f"SELECT {COLUMNS} FROM delivery.told WHERE n = ANY(%s)"
_OF = f"SELECT {COLUMNS} FROM delivery.told WHERE n = %s OR (agency = %s AND sequence = %s) ORDER BY n <> %s"
_PUT = f"INSERT INTO delivery.told ({WRITTEN}) VALUES ({PLACES})"
_ELSEWHERE = "SELECT FROM delivery.told WHERE n <> %s AND (n = %s OR (agency = %s AND sequence = %s) OR id = %s)"
_HAS_DIGESTS = (
    "SELECT FROM pg_attribute WHERE attrelid = to_regclass('delivery.told') AND attname = 'digest' AND NOT attisdropped"
)
_UNFIT = (
    "INSERT INTO delivery.unfit (n, agency, sequence, stream, case_id) VALUES (%s, %s, %s, %s, %s)"
    " ON CONFLICT (n) DO NOTHING"
)
