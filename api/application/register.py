"""The registers of what was told, and of what was sent, as the application asks for them."""

from collections.abc import Iterable, Sequence
from typing import Protocol
from uuid import UUID

from ...domain.delivery import ToldSoFar
from ...domain.disclosure import Remembered
from ...domain.fact import AgencyCode
from ...domain.history import Register
from ...domain.sending import SentOfCase


class OnRecord(Protocol):
    """The register, for what follows from a command: whoever was told."""

    def of_all(self, case: UUID) -> tuple[int, Sequence[Remembered]]:
        """How far the register followed the log, and what it has on record of a case, as it came about."""
        ...


class Deliveries(OnRecord, Protocol):
    """The register of what was told to whom."""

    def told(self, agency: AgencyCode, sequences: Iterable[int]) -> ToldSoFar:
        """How far what the agency was told goes, and the receipts that lie in these deliveries."""
        ...

    def of_case(self, agency: AgencyCode, case: UUID, position: int) -> Register:
        """All that the register has on the agency and a case, once it followed the log up to that position. Raises
        Unavailable where that takes too long."""
        ...

    def sent(self, agency: AgencyCode, case: UUID) -> SentOfCase:
        """What was sealed and sent to the agency of a case, as far as its register fits to itself and to the log."""
        ...
