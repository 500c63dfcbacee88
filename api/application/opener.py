"""The hands that open what is sealed. Nobody but this package may hold them (an import contract says so): what they
give leaves through `reading`, which records it first."""

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from ...domain.compartment import Compartment
from ...domain.disclosure import Written

Wanted = Mapping[int, frozenset[Compartment]]
"""Position → the compartments to open there."""
Opened = Mapping[int, tuple[frozenset[Compartment], Mapping[Compartment, bytes]]]
"""Position → (compartments the event has, JSON objects of those wanted)."""


class Opener(Protocol):
    """Opens sealed events and documents."""

    def events(self, wanted: Wanted) -> Opened:
        """What is wanted of these events. What was erased meanwhile is left out, a whole case with its positions."""
        ...

    def document(self, case: UUID, document: UUID, compartment: Compartment) -> bytes | None:
        """A document's bytes; None where there is none."""
        ...

    def readings(self, case: UUID) -> Sequence[Written]:
        """Every reading of a case that the log has, in its order, opened."""
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
