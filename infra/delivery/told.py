"""A telling: one row of `delivery.told`, as the register writes it and as it is read for a transport."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct

from ...domain.compartment import Compartment
from ...domain.disclosure import Told
from ...domain.erasure import DeletionAsked
from .facts import from_bits


class Row(NamedTuple):
    """A telling as it is written: the table's columns, in their order. `compartments` is a bit set."""

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


class Telling(Struct, frozen=True, gc=False):
    """A telling as it is read. `compartments` is a bit set, `told_at` the recording of the event that let it be
    told."""

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
    recalled: int = 0
    """Of the compartments, those that had to be deleted since."""

    def told_compartments(self) -> frozenset[Compartment]:
        """Those that the row has."""
        return from_bits(self.compartments)

    def told(self) -> frozenset[Compartment]:
        """The compartments it is told of, as long as it need not delete them."""
        return from_bits(self.compartments & ~self.recalled)


SELECT = (
    "SELECT n, t.agency, sequence, case_sequence, at_position, position, stream, case_id, compartments, key_id,"
    " told_at, id FROM delivery.told t"
)
"""For `Telling(*row)`."""


def case_of(told: Told) -> UUID:
    """The case of what is told: that of which copies are to be deleted, for a request to delete them."""
    event = told.of.event
    return event.case if isinstance(event, DeletionAsked) else told.of.stream
