"""Reminders of a clock: that it will run out, and again that it ran out, until somebody acts.

When is data of the case's pathway (`ClockSteps`). That it ran out is said first, and once, by `ClockOverdue`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from ..casefile.clocks import SHARERS
from ..casefile.deciding import Network, decides
from ..casefile.evolving import applies
from ..casefile.state import EMPTY, Case, Clock, Part, Status
from ..causes import Cause
from ..compartment import Coordination
from ..declaring import Step, asked, happened
from ..fact import Act, ClockId, Fact, recorded
from ..pathways import PATHWAYS
from ..persistent import put
from ..refusal import StillRunning, Unknown, WrongMove
from ..standing.relations import Extent
from ..standing.roles import ESCALATION
from ..standing.rows import ANYWHERE
from ..words import Words


@happened(
    Words("Batas waktu akan habis", "Clock runs out soon"),
    her=Words("Batas waktu bagi petugas akan habis; petugas diingatkan", "A time limit for the agencies runs out soon"),
    means="Batas waktu akan habis pada `due_at`, dan belum ada yang mengakhirinya; `level` menyebut peringatan "
    "keberapa.",
    step=Step.REPORT,
    to=SHARERS,
)
class ClockWarned(Fact, frozen=True, kw_only=True, tag="case.ClockWarned"):
    """The clock will run out at `due_at`, and nobody has ended it; `level` numbers the warnings."""

    clock: Coordination[ClockId]
    due_at: Coordination[datetime]
    level: Coordination[int]


@happened(
    Words("Batas waktu yang terlewati dieskalasi lagi", "Clock that ran out escalated again"),
    her=Words(
        "Batas waktu bagi petugas sudah terlewati; petugas diingatkan lagi",
        "A time limit for the agencies has run out; they were reminded again",
    ),
    means="Batas waktu sudah habis, hal itu sudah disampaikan, dan belum ada yang mengakhirinya; `level` menyebut "
    "tahap keberapa sejak itu.",
    step=Step.REPORT,
    to=SHARERS,
)
class ClockStillOverdue(Fact, frozen=True, kw_only=True, tag="case.ClockStillOverdue"):
    """The clock ran out, that was raised, and nobody has ended it since; `level` numbers the
    times since then."""

    clock: Coordination[ClockId]
    level: Coordination[int]


def _reminds_at(command: "RemindOfClock", case: Case, act: Act) -> datetime | None:
    reminder = next_reminder(case, case.clocks[command.clock])
    return reminder.at if reminder is not None else None


REMINDS = Cause(Words("waktunya untuk mengingatkan tiba", "it was time to remind of it"), _reminds_at)


@asked(
    by=ESCALATION,
    where=ANYWHERE,
    extent=Extent.MOVE,
    answers=(REMINDS,),
    means="Mengingatkan bahwa sebuah batas waktu akan habis, atau bahwa yang sudah terlewati belum ditindaklanjuti.",
)
class RemindOfClock(Fact, frozen=True, kw_only=True):
    """Say that a clock will run out, or that nobody acted on one that did."""

    clock: Coordination[ClockId]


class Reminders(Part, frozen=True):
    """The last step that was said of each clock."""

    warned: Mapping[ClockId, int] = EMPTY
    again: Mapping[ClockId, int] = EMPTY
    """Behind its end."""


class Reminder(NamedTuple):
    """When people are to be reminded of a clock next."""

    at: datetime
    until: datetime | None
    """From then on another event says it: that it ran out."""


@applies(ClockWarned)
def clock_warned(part: Reminders, event: ClockWarned) -> Reminders:
    return replace(part, warned=put(part.warned, event.clock, event.level))


@applies(ClockStillOverdue)
def clock_still_overdue(part: Reminders, event: ClockStillOverdue) -> Reminders:
    return replace(part, again=put(part.again, event.clock, event.level))


@decides.register
def remind_of_clock(command: RemindOfClock, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """Once at each step; where several have passed by then, the last of them alone."""
    clock = case.clocks.get(command.clock) if case else None
    if case is None or clock is None:
        raise Unknown(what="clock")
    reminder = next_reminder(case, clock)
    if case.status is not Status.OPEN or reminder is None or (reminder.until is not None and act.at >= reminder.until):
        raise WrongMove(clock=clock.id, move="remind")
    if act.at < reminder.at:
        raise StillRunning(due_at=reminder.at)
    if clock.overdue:
        return [recorded(ClockStillOverdue, command, act, level=_steps(case, clock, act.at))]
    level = sum(at <= act.at for at in _warnings(case, clock))
    return [recorded(ClockWarned, command, act, due_at=clock.due_at, level=level)]


def next_reminder(case: Case, clock: Clock) -> Reminder | None:
    """When people are to be reminded of a clock next; None where nobody has to be, by the case's pathway or as it runs
    no more. One that had run out before that was recorded is nobody's to be reminded of."""
    pathway = PATHWAYS.get(case.pathway)
    steps = pathway.clock_steps if pathway is not None else None
    if steps is None or not clock.runs:
        return None
    if clock.overdue:
        return Reminder(steps.again_at(clock.due_at, case.of(Reminders).again.get(clock.id, 0)), None)
    if clock.told_at is not None and clock.due_at <= clock.told_at:
        return None
    left = _warnings(case, clock)[case.of(Reminders).warned.get(clock.id, 0) :]
    return Reminder(left[0], clock.due_at) if left else None


def _warnings(case: Case, clock: Clock) -> list[datetime]:
    """Counted from when it was recorded that it runs: that says as much as a warning does."""
    steps = PATHWAYS[case.pathway].clock_steps
    assert steps is not None
    return steps.warnings(clock.told_at or clock.starts_at or clock.due_at, clock.due_at)


def _steps(case: Case, clock: Clock, at: datetime) -> int:
    """How many steps behind its end have passed by then."""
    steps, passed = PATHWAYS[case.pathway].clock_steps, case.of(Reminders).again.get(clock.id, 0)
    assert steps is not None
    while steps.again_at(clock.due_at, passed) <= at:
        passed += 1
    return passed
