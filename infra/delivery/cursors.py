"""Whether the register has the very delivery that a cursor names.

Somebody who holds number 57 goes on behind it. After a restore the register may have no 57, or another: what it tells
under 51 to 57 from then on would be passed over. The id tells them apart, also where nobody knows of the restore yet.
So no counter of restores is kept, or sent along: whoever restores an older state restores the counter too, and it would
say nothing until a person had raised it.
"""

from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from ...domain.delivery import Cursor
from ...domain.refusal import AnotherHistory
from .facts import UNFIT

LOST = UUID("6a1d5d0e-4f0c-5b68-9d43-6c6f73740000")
"""Stands for the stream of what is lost, where a number was given and the register does not know for what."""


def check(db: Connection[TupleRow], agency: str, at: Cursor) -> None:
    """Raises AnotherHistory where the agency was not told that: there is no such number, or another delivery has it. A
    number that was put on record by `rujukan recover` counts whatever its id: all that was told under it, and is not
    lost, is told anew, above. So does one that went out as a placeholder as its row was damaged, maybe with its id."""
    about = {"agency": agency, "sequence": at.sequence, "id": at.id, "lost": LOST, "unfit": UNFIT}
    row = db.execute(_KNOWN, about).fetchone()
    head, is_known = row if row is not None else (0, False)
    if not is_known and (at.sequence > head or at.id is not None):
        raise AnotherHistory(sequence=at.sequence, head=head)


def head(db: Connection[TupleRow], agency: str) -> Cursor:
    """The newest that the agency was told; 0 for none."""
    row = db.execute(
        "SELECT sequence, id FROM delivery.heads LEFT JOIN delivery.told USING (agency, sequence) WHERE agency = %s",
        (agency,),
    ).fetchone()
    return Cursor(int(row[0]), row[1]) if row is not None else Cursor(0)


_KNOWN = """
    SELECT coalesce((SELECT sequence FROM delivery.heads WHERE agency = %(agency)s), 0),
      EXISTS (SELECT FROM delivery.told WHERE agency = %(agency)s AND sequence = %(sequence)s
        AND (id = %(id)s::uuid OR stream = %(lost)s))
      OR EXISTS (SELECT FROM delivery.gaps WHERE agency = %(agency)s AND sequence = %(sequence)s AND why = %(unfit)s)
"""
