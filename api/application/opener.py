"""The hands that open what is sealed. Nobody but this package may hold them (an import contract says so): what they
give leaves through `reading`, which records it first."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from ...domain.compartment import Compartment
from ...domain.disclosure import Written
from ...domain.fact import AgencyCode

Wanted = Mapping[int, frozenset[Compartment]]
"""Position → the compartments to open there."""
Opened = Mapping[int, tuple[frozenset[Compartment], Mapping[Compartment, bytes]]]
"""Position → (compartments the event has, JSON objects of those wanted)."""


class ReadingsFound(NamedTuple):
    """Readings that the log has, and its positions of those that do not open, or are gone before them: of which case
    those were, nobody can say."""

    found: Sequence[Written]
    unread: Sequence[int]


class Opener(Protocol):
    """Opens sealed events and documents."""

    def events(self, wanted: Wanted) -> Opened:
        """What is wanted of these events. What was erased meanwhile is left out, a whole case with its positions."""
        ...

    def document(self, case: UUID, document: UUID, compartment: Compartment) -> bytes | None:
        """A document's bytes; None where there is none."""
        ...

    def readings(
        self, case: UUID, agency: AgencyCode | None = None, after: int = 0, limit: int | None = None
    ) -> ReadingsFound:
        """The readings of a case that the log has behind a position, in its order, opened: those by people of one
        agency where it is named, so many at most."""
        ...

    def readings_by(self, person: UUID, agency: AgencyCode, after: int = 0, limit: int | None = None) -> ReadingsFound:
        """The same, by a person for an agency, of whatever case or list."""
        ...

    def readings_between(
        self, since: datetime, until: datetime, agency: AgencyCode, led: Collection[UUID], limit: int
    ) -> ReadingsFound:
        """The same, of content or a search, between two instants: those for an agency, and those of the cases that it
        leads."""
        ...

    def bundle(
        self,
        case: UUID,
        disclosure: UUID,
        names: Mapping[str, tuple[str, str]],
        *,
        reports: bool = True,
        witnessed: bool = True,
    ) -> bytes:
        """The file of a disclosure that was recorded. `names` are each agency's names in Indonesian and English. Raises
        KeyError for an unknown disclosure, NotSealedYet."""
        ...
