"""The system itself acts: it escalates, imports, and registers the first agencies."""

from uuid import UUID

from ..domain.codes import AgencyKind, Purpose, Role
from ..domain.fact import Act, ActorId
from .clock import now

SYSTEM_ACTOR = ActorId(UUID(int=0))
SYSTEM_AGENCY = "rujukan"


def system_act() -> Act:
    """An act of the system, now."""
    return Act(
        actor=SYSTEM_ACTOR,
        agency=SYSTEM_AGENCY,
        kind=AgencyKind.LEAD,
        role=Role.SYSTEM,
        purpose=Purpose.COORDINATION,
        at=now(),
    )
