"""Who looked at a case, from the audit trail."""

from uuid import UUID

from ..domain.fact import Act
from ..projections import audit
from ..projections.audit import AuditEntry
from .application.rooms import Rooms

AT_ONCE = 1_000


def all_readings(rooms: Rooms, act: Act, case: UUID) -> list[AuditEntry]:
    """Every opening of content of a case that the acting agency may see, in the order of the log."""
    found = list[AuditEntry]()
    while page := rooms.lists.ask(
        act,
        audit.entries,
        subject=case,
        accesses_only=True,
        after=found[-1].position if found else 0,
        limit=AT_ONCE,
    ):
        found += page
    return found
