"""A telling: one row of `delivery.told`, as the register writes it and as it is read for a transport."""

from collections.abc import Sequence
from uuid import UUID, uuid5

from msgspec import structs
from psycopg.rows import TupleRow

from ...domain.compartment import Compartment
from ...domain.disclosure import Told
from ...domain.erasure import DeletionAsked
from ...domain.fact import EARLIEST
from .cursors import LOST
from .digests import Digests
from .rows import COLUMNS, Entry, Row, from_bits


class Telling(Entry, frozen=True, gc=False):
    """The entry as it is told."""

    is_whole: bool
    """Whether its row is as it was written."""
    recalled: int = 0
    """Of the compartments, those that had to be deleted since."""

    def told_compartments(self) -> frozenset[Compartment]:
        """Those that the row has."""
        return from_bits(self.compartments)

    def told(self) -> frozenset[Compartment]:
        """The compartments it is told of, as long as it need not delete them."""
        return from_bits(self.compartments & ~self.recalled)


SELECT = f"SELECT {COLUMNS} FROM delivery.told t"
"""For `telling_of`."""


def telling_of(row: TupleRow, digests: Digests) -> Telling:
    """A row that was selected, as a telling."""
    return Telling(*row[: len(Entry.__struct_fields__)], digests.fits(Row(*row)))  # type: ignore[call-arg]  # and one


def placeholder(telling: Telling) -> Telling:
    """What is said at the number of a row that is not as it was written: nothing that may be wrong, and that somebody
    could not read or would miss."""
    in_case = telling.case_sequence if 0 < telling.case_sequence < 1 << 31 else 1
    return structs.replace(telling, position=0, case_sequence=in_case, key_id="")


def missing(agency: str, sequence: int) -> Telling:
    """Stands for a row that is not there, though later ones are."""
    case, id = uuid5(LOST, f"{agency}/{sequence}/case"), uuid5(LOST, f"{agency}/{sequence}/gone")
    return Telling(0, agency, sequence, 1, 0, 0, LOST, case, 0, "", EARLIEST, id, is_whole=False)


def in_order(found: Sequence[Telling], agency: str, after: int, head: int, limit: int) -> list[Telling]:
    """The tellings under the numbers behind `after`, of an agency to which `head` were given, at most so many: each
    whole row in its place; in the place of one that is not there, what says so. A row that is not as it was written
    stands where a number lacks its own, and nowhere else."""
    at = {t.sequence: t for t in found if t.sequence <= head}
    whole = max((number for number, t in at.items() if t.is_whole), default=after)
    tellings = [at.get(number) or missing(agency, number) for number in range(after + 1, min(whole, after + limit) + 1)]
    while len(tellings) < limit and (next := at.get(after + len(tellings) + 1)) is not None:
        tellings.append(next)
    return tellings


def case_of(told: Told) -> UUID:
    """The case of what is told: that of which copies are to be deleted, for a request to delete them."""
    event = told.of.event
    return event.case if isinstance(event, DeletionAsked) else told.of.stream
