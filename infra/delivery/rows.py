"""A row of the register: its columns, in their order, as they are written and read (told.py: as they are told)."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct, structs

from ...domain.compartment import Compartment

ALL = tuple(Compartment)


class Entry(Struct, frozen=True, gc=False):
    """What the register says of a telling. `compartments` is a bit set, `told_at` the recording of the event that let
    it be told."""

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


class Row(Entry, frozen=True, gc=False):
    """The entry as it is written. `digest` is of all the others (digests.py)."""

    rule: str
    digest: bytes


WRITTEN = (
    "n, agency, sequence, case_sequence, at_position, position, stream, case_id, compartments, key_id, told_at, id,"
    " rule, digest"
)
COLUMNS = WRITTEN.replace("told_at", "least(greatest(told_at, '1900-01-01+00'), '9999-01-01+00') AS told_at")
"""For `Row(*columns)`. What a flipped bit makes of a time, no client may be able to read."""

PLACES = ", ".join(["%s"] * len(Row.__struct_fields__))
"""For `columns_of`, in the place of `WRITTEN`."""


def columns_of(row: Row) -> tuple[Any, ...]:
    """What is written of a row, column by column."""
    return structs.astuple(row)


def by_words(words: Iterable[str]) -> frozenset[Compartment]:
    """The compartments that are called so."""
    return frozenset(Compartment.named(word) for word in words)


def bits(compartments: Iterable[Compartment]) -> int:
    """Compartments as the register writes them."""
    return sum(1 << c for c in compartments)


def from_bits(number: int) -> frozenset[Compartment]:
    """The compartments of a bit set."""
    return frozenset(c for c in ALL if number >> c & 1)
