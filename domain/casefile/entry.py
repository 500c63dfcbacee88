"""An entry of a case's record that can be struck: what the rules remember of it."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from ..compartment import Compartment
from ..fact import AgencyCode, ClockId


class Entry(Struct, frozen=True):
    """What stands at a number of the case's own stream, and which clocks it started and ended."""

    topic: str
    struck_by: str
    """The command that strikes it."""
    author: AgencyCode
    compartments: frozenset[Compartment]
    said_at: datetime
    recorded_at: datetime
    thing: UUID | None = None
    """The id that it made."""
    started: tuple[ClockId, ...] = ()
    ended: tuple[ClockId, ...] = ()
    """Those that are over by it: by its own act, or as it is the paper that was named."""
    stands_for: tuple[ClockId, ...] = ()
    """Those that it meets by what it says, also where another had met them before."""
    struck: bool = False
