"""What read models drop when something was erased.

They go by `erasure.ErasureRecorded`, which can be read for ever, and not by the case's own last event, which cannot:
so a rebuild, which does not see an erased case's events any more, comes to the same rows.
"""

from collections.abc import Sequence
from typing import LiteralString

from ..domain.casefile.state import compartments_named
from ..domain.compartment import Compartment
from ..domain.disclosure import Followed
from ..domain.erasure import ErasureRecorded
from .projection import Tables


def records(batch: Sequence[Followed], of: Compartment = Compartment.COORDINATION) -> list[ErasureRecorded]:
    """The erasures in a batch that took that compartment; by default those of whole cases."""
    found = (f.written.event for f in batch)
    return [e for e in found if isinstance(e, ErasureRecorded) and of in compartments_named(e.compartments)]


def drop(
    db: Tables, table: LiteralString, batch: Sequence[Followed], of: Compartment = Compartment.COORDINATION
) -> None:
    """Delete a table's rows of the cases of which that compartment was erased. To be called last in a fold: nothing of
    a case comes after its erasure."""
    if gone := [record.case for record in records(batch, of)]:
        db.execute(f"DELETE FROM {table} WHERE case_id = ANY(%s)", (gone,))
