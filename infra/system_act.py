"""The system itself acts: it escalates, imports, and registers the first agencies."""

from ..domain.codes import AgencyKind, Purpose, Role
from ..domain.fact import SYSTEM_ACTOR as SYSTEM_ACTOR
from ..domain.fact import SYSTEM_AGENCY as SYSTEM_AGENCY
from ..domain.fact import Act
from .clock import now


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
