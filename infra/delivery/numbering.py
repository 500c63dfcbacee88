"""The numbers under which agencies are told: 1, 2, 3 … for each agency, and again within each of its cases.

The keeper of the register gives them in memory, so they are ahead of what is on record until its batch is committed.
Where that fails, `Numbers` is read anew, and no number is lost.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from ...domain.compartment import Compartment
from ...domain.disclosure import RULE
from .digests import NONE, Digests
from .rows import COLUMNS, Row, bits

Counts = dict[tuple[UUID, str], int]
"""(case, agency) → how much the agency was told of it."""


class Unnumbered(NamedTuple):
    """A telling that has no number yet."""

    agency: str
    at_position: int
    position: int
    stream: UUID
    case: UUID
    compartments: frozenset[Compartment]
    told_at: datetime
    id: UUID


class Numbers:
    """The last numbers that were given, and the key that each agency has now."""

    def __init__(
        self,
        digests: Digests,
        n: int = 0,
        heads: dict[str, int] | None = None,
        keys: dict[str, str] | None = None,
        taken: AbstractSet[tuple[str, int]] = frozenset(),
    ) -> None:
        self._digests = digests
        self._taken = taken
        self._passed: list[tuple[str, int]] = []
        self.n = n
        """Of all tellings, in one order."""
        self.heads = heads if heads is not None else {}
        """Agency → its newest number."""
        self.keys = keys if keys is not None else {}
        """Agency → the key that its next telling is sealed to."""

    @classmethod
    def on_record(cls, db: Connection[TupleRow], digests: Digests, n: int) -> "Numbers":
        """As the register has them; `n` is that of its last row. A number where a damaged row stands is passed by: it
        goes out as a placeholder. An agency's newest number is that of its newest row, also where what says it was set
        back."""
        keys: dict[str, str] = dict(db.execute("SELECT agency, key_id FROM delivery.sealing_keys").fetchall())
        heads: dict[str, int] = dict(db.execute("SELECT agency, sequence FROM delivery.heads").fetchall())
        above = [Row(*columns) for columns in db.execute(_ABOVE)]
        for row in above:
            if digests.fits(row):
                heads[row.agency] = max(heads[row.agency], row.sequence)
        return cls(digests, n, heads, keys, {(row.agency, row.sequence) for row in above})

    def give(self, telling: Unnumbered, counts: Counts) -> Row:
        """The telling under the next numbers. `counts` has the case's, and goes on with them."""
        agency, at_position, position, stream, case, compartments, told_at, id = telling
        self.n += 1
        sequence = self.heads.get(agency, 0) + 1
        while (agency, sequence) in self._taken:
            self._passed.append((agency, sequence))
            sequence += 1
        self.heads[agency] = sequence
        count = counts[case, agency] = counts.get((case, agency), 0) + 1
        key = self.keys.get(agency, "")
        of = at_position, position, stream, case, bits(compartments)
        return self._digests.written(Row(self.n, agency, sequence, count, *of, key, told_at, id, RULE, NONE))

    def take_passed(self) -> list[tuple[str, int]]:
        """The numbers that were passed by since this was asked last: under them nothing was told."""
        passed, self._passed = self._passed, []
        return passed


def counts_of(db: Connection[TupleRow], cases: Iterable[UUID]) -> Counts:
    """How much each agency was told of these cases, as the register has it."""
    cases = list(cases)
    if not cases:
        return {}
    found = db.execute(
        "SELECT case_id, agency, max(case_sequence) FROM delivery.told WHERE case_id = ANY(%s)"
        " GROUP BY case_id, agency",
        (cases,),
    )
    return {(case, agency): count for case, agency, count in found}


_ABOVE = (
    f"SELECT t.* FROM delivery.heads h CROSS JOIN LATERAL (SELECT {COLUMNS} FROM delivery.told t"
    " WHERE t.agency = h.agency AND t.sequence > h.sequence) t"
)
"""Rows that stand above an agency's newest number all the same."""
