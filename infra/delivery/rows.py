"""A row of the register: its columns, in their order, as they are written and read."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from ...domain.compartment import Compartment

ALL = tuple(Compartment)


class Row(NamedTuple):
    """A telling as it is written. `compartments` is a bit set; `digest` is of all the others (digests.py)."""

    n: int
    agency: str
    sequence: int
    case_sequence: int
    at_position: int
    position: int
    stream: UUID
    case: UUID
    compartments: int
    key_id: str
    told_at: datetime
    id: UUID
    rule: str
    digest: bytes


WRITTEN = (
    "n, agency, sequence, case_sequence, at_position, position, stream, case_id, compartments, key_id, told_at, id,"
    " rule, digest"
)
COLUMNS = WRITTEN.replace("told_at", "least(greatest(told_at, '1900-01-01+00'), '9999-01-01+00') AS told_at")
"""For `Row(*columns)`. What a flipped bit makes of a time, no client may be able to read."""


def bits(compartments: Iterable[Compartment]) -> int:
    """Compartments as the register writes them."""
    return sum(1 << c for c in compartments)


def from_bits(number: int) -> frozenset[Compartment]:
    """The compartments of a bit set."""
    return frozenset(c for c in ALL if number >> c & 1)
