"""What agencies acknowledge, taken in: over HTTP (api/acknowledging.py), and from their topics by the service
(infra/delivery/acknowledging.py).

The same word may come again, late, or by both ways: marks only grow, so that nothing is recorded twice.
"""

from uuid import UUID

from ...domain import delivery
from ...domain.delivery import AcknowledgeDeliveries, Marks
from ...domain.erasure import AcknowledgeErasure
from ...domain.fact import Act, AgencyCode
from ...domain.refusal import AlreadyExists
from .casework import Casework
from .kinds import ERASURE, delivery_of
from .register import Deliveries


class Acknowledgements:
    """Records what agencies acknowledge. Safe to share between threads."""

    def __init__(self, casework: Casework, deliveries: Deliveries) -> None:
        self._casework = casework
        self._deliveries = deliveries

    def take(self, agency: AgencyCode, command: AcknowledgeDeliveries, act: Act, correlation: UUID) -> Marks:
        """Record what is new, durably; the marks after it. What was deleted is acknowledged to each erasure; one that
        was acknowledged before is no matter. Raises Refusal, Moved, Unavailable."""
        kind = delivery_of(agency, self._deliveries.told(agency, delivery.named(command)))
        done = self._casework.handle(kind, agency, command, act, correlation=correlation)
        now = self._casework.latest if done.position else self._casework.state  # another process may have taken more
        marks = now(kind, agency) or Marks()
        for erasure in dict.fromkeys(command.deleted):
            said = AcknowledgeErasure(occurred_at=command.occurred_at, erasure=erasure)
            try:
                self._casework.handle(ERASURE, erasure, said, act, correlation=correlation)
            except AlreadyExists:
                continue
        return marks
