"""Windows of an incident, and of what was given: how each is known again, and what follows care.

The id of a window follows from the incident, the need and when it is due. So who says a need in a command finds its
window, though the rules do not remember which is which.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

from ..clock_codes import ClockDuty, ClockEnd, ClockStart
from ..declaring import field, name_fields
from ..fact import ClockId, Fact
from ..pathways import PATHWAYS
from ..violence import ClockNeed
from ..words import Words
from .clocks import ClockEnded, ClockResumed, ClockStarted
from .deciding import derived
from .state import Case, Clock

MOST_CORRECTED = 8
"""How often the same time is said again of an incident, at most, for its windows to be found by what they are for."""


def superseded(clock: Clock, at: datetime) -> ClockEnded:
    """That a correction of the incident took a window's place. One of which it was raised that it ran out stays so."""
    return ClockEnded(occurred_at=at, clock=clock.id, in_time=not clock.overdue, ended_as=ClockEnd.SUPERSEDED)


def runs_again(clock: Clock, entry: int, at: datetime) -> ClockResumed:
    """That what met a clock was struck, or replaced by what does not show it: the entry of that number."""
    why = Words(f"Butir {entry} tidak berlaku lagi.", f"Entry {entry} does not hold any more.")
    said = f"{why.id} / {why.en}"
    of_care = clock.duty in (None, ClockDuty.CARE)
    grounds = None if of_care else said
    return ClockResumed(occurred_at=at, clock=clock.id, reason=said if of_care else None, grounds=grounds)


def follow_ups(gave: Iterable[ClockNeed], of: UUID, at: datetime, case: Case) -> list[Fact]:
    """The tests that follow care that was given."""
    pathway = PATHWAYS[case.pathway]
    return [
        ClockStarted(
            occurred_at=at,
            clock=_nth(of, need, at + window, 0),
            starts_at=at,
            due_at=at + window,
            pathway=pathway.version,
            need=need,
            care=need,
            duty=ClockDuty.CARE,
            started_by=ClockStart.TREATMENT,
            guessed=False,
            too_late=False,
        )
        for given in sorted(gave)
        for need, window in pathway.follow_ups.get(given, ())
    ]


def clock_id(case: Case, of: UUID, need: ClockNeed, due_at: datetime) -> ClockId:
    """The id of a window of an incident: the same for the same moment in whatever zone, and another one where a
    correction superseded that and is itself taken back."""
    id = _nth(of, need, due_at, 0)
    n = 0
    while id in case.clocks and case.clocks[id].ended_as is ClockEnd.SUPERSEDED:
        n += 1
        id = _nth(of, need, due_at, n)
    return id


def is_for(clock: Clock, need: ClockNeed) -> bool:
    """Whether a window of an incident is for that need: for who says the need in a command."""
    of = clock.incident
    return of is not None and any(_nth(of, need, clock.due_at, n) == clock.id for n in range(MOST_CORRECTED))


def _nth(of: UUID, need: ClockNeed, due_at: datetime, n: int) -> ClockId:
    again = f"#{n}" if n else ""
    return ClockId(derived(of, f"{need}@{due_at.astimezone(UTC).isoformat()}{again}"))


name_fields(
    care=field("Kebutuhan kesehatan", "Care needed", ("Untuk", "For")),
    guessed=field(
        "Waktu kejadian tidak pasti",
        "Time of the incident uncertain",
        ("Waktunya tidak pasti", "Its time is uncertain"),
    ),
    known_at=field(
        "Dapat diketahui sejak",
        "Could be known of since",
        ("Petugas dapat mengetahuinya sejak", "Could be known since"),
    ),
    started_by=field("Dihitung sejak", "Counted from", ("Dihitung sejak", "Counted from")),
    too_late=field(
        "Sudah lewat sebelum diketahui jejaring",
        "Closed before the network knew",
        ("Sudah lewat sebelum petugas tahu", "It had closed before the agencies knew"),
    ),
)
