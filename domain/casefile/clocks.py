"""Clocks: windows of care and law (pathways.py). Incidents start them, services meet them, the system raises them.

Several subjects start and meet clocks, so their whole story lies here, with what subjects share.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from ..causes import Cause, latest
from ..codes import AgencyKind
from ..compartment import Compartment, Coordination, Incident
from ..declaring import Audience, Shared, Step, asked, field, happened, name_fields
from ..fact import Act, AgencyCode, ClockId, Fact, recorded
from ..persistent import put
from ..refusal import AlreadyDone, StillRunning, Unknown, WrongMove
from ..standing.relations import Extent, Relation
from ..standing.roles import CASE_WORK, ESCALATION
from ..standing.rows import ANYWHERE, TAKES_PART, Thing
from ..timing import overran
from ..violence import ClockNeed
from ..words import Words
from .deciding import Network, decides
from .evolving import applies
from .state import Case, Clock, Status
from .waiting import waits

R = Relation


def _sharers(event: "ClockStarted | ClockMet | ClockOverdue", case: Case) -> Mapping[AgencyCode, AgencyKind]:
    return {
        r.recipient: r.recipient_kind for r in case.referrals.values() if event.clock in r.clocks and r.status.is_open
    }


SHARERS = Audience(
    Words(
        "penerima rujukan terbuka yang terkait batas waktu ini",
        "the recipient of an open referral that shares the clock",
    ),
    _sharers,
)


@happened(
    Words("Batas waktu mulai berjalan", "Clock started"),
    her=Words(
        "Batas waktu bagi petugas (bukan bagi Anda) mulai berjalan", "A time limit for the agencies (not for you) began"
    ),
    means="Batas waktu mulai berjalan. Batas akhirnya terlihat oleh penerima; tujuannya hanya oleh yang berhak atas "
    "data kejadian.",
    step=Step.REPORT,
    shared=Shared.STORY,
    to=SHARERS,
)
class ClockStarted(Fact, frozen=True, kw_only=True, tag="case.ClockStarted"):
    """A pathway's window opened. When it ends is plain to lists; for what stays with the incident."""

    clock: Coordination[ClockId]
    starts_at: Coordination[datetime]
    due_at: Coordination[datetime]
    pathway: Coordination[str]
    need: Incident[ClockNeed]


@happened(
    Words("Batas waktu dipenuhi", "Clock met"),
    her=Words("Yang harus dilakukan petugas sudah dilakukan", "What was due from the agencies was done"),
    means="Tindakan yang dibatasi waktunya telah dilakukan, pada `occurred_at`. Bukan `in_time` bila batasnya sudah "
    "terlewati saat itu dicatat, apa pun yang dikatakan.",
    step=Step.REPORT,
    shared=Shared.STORY,
    to=SHARERS,
    about=lambda event: frozenset({Compartment.INCIDENT}),
)
class ClockMet(Fact, frozen=True, kw_only=True, tag="case.ClockMet"):
    """What the clock waited for was done at `occurred_at`. It is not `in_time` where it had run out when that was
    recorded, whatever is said."""

    clock: Coordination[ClockId]
    in_time: Coordination[bool]


@happened(
    Words("Batas waktu terlewati", "Clock ran out"),
    her=Words("Batas waktu bagi petugas terlewati", "A time limit for the agencies ran out"),
    means="Batas waktu berakhir, dan belum ada yang menyatakan bahwa tindakannya telah dilakukan.",
    step=Step.REPORT,
    to=SHARERS,
)
class ClockOverdue(Fact, frozen=True, kw_only=True, tag="case.ClockOverdue"):
    """The clock ran out, and nobody had said that it was met."""

    clock: Coordination[ClockId]


BEGUN = Words("batas waktu itu mulai berjalan", "the clock began")
MET_CLOCK = Cause(BEGUN, lambda command, case, act: _began(case, (command.clock,)))
MET_CLOCKS = Cause(BEGUN, lambda command, case, act: _began(case, command.meets))
RAN_OUT = Cause(
    Words("batas waktu itu habis", "the clock ran out"), lambda command, case, act: case.clocks[command.clock].due_at
)


@asked(
    by=ESCALATION,
    where=ANYWHERE,
    extent=Extent.MOVE,
    answers=(RAN_OUT,),
    means="Mengingatkan bahwa sebuah batas waktu terlewati.",
)
class RaiseClock(Fact, frozen=True, kw_only=True):
    """Raise that a clock ran out."""

    clock: Coordination[ClockId]


CLOCK = Thing(
    "clock",
    Words("batas waktu", "clock"),
    find=lambda case, id: case.clocks.get(id),
    whose={
        R.LEAD: lambda clock, case: case.lead,
        R.AUTHOR: lambda clock, case: clock.author,
        R.SHARER: lambda clock, case: {
            r.recipient for r in case.referrals.values() if clock.id in r.clocks and r.status.is_open
        },
    },
    content=lambda clock, case: ((clock.author,), frozenset({Compartment.INCIDENT})),
)
"""What an agency is to a clock: who may know what it is for, or shares it, may say that it was met."""
CONCERNED = (R.LEAD, R.AUTHOR, R.SHARER, R.REACHES)


@asked(
    "/cases/{case}/clocks/{clock}/end",
    by=CASE_WORK,
    where=TAKES_PART.to(CLOCK, *CONCERNED, by="clock"),
    extent=Extent.OWN_WORDS,
    answers=(MET_CLOCK,),
    means="Menyatakan bahwa tindakan yang dibatasi waktunya telah dilakukan di luar sistem.",
    tag="work",
)
class MeetClock(Fact, frozen=True, kw_only=True):
    """Say that what a clock waits for was done outside the system."""

    clock: Coordination[ClockId]


@applies(ClockStarted)
def clock_started(case: Case, event: ClockStarted, author: AgencyCode | None, recorded_at: datetime) -> Case:
    clock = Clock(event.clock, event.due_at, author=author, starts_at=event.starts_at, told_at=recorded_at)
    return replace(case, clocks=put(case.clocks, event.clock, clock))


@applies(ClockMet)
def clock_met(case: Case, event: ClockMet, recorded_at: datetime) -> Case:
    before = case.clocks[event.clock]
    late = _is_late(before, event.occurred_at, recorded_at)
    met = replace(before, met_at=event.occurred_at, met_recorded_at=recorded_at, late=late)
    return replace(case, clocks=put(case.clocks, event.clock, met))


@applies(ClockOverdue)
def clock_overdue(case: Case, event: ClockOverdue) -> Case:
    raised = replace(case.clocks[event.clock], overdue=True)
    return replace(case, clocks=put(case.clocks, event.clock, raised))


@waits(
    "clocks",
    Words("batas waktu yang berjalan", "clocks that run"),
    Words(
        "Nyatakan terpenuhi batas waktu yang tindakannya sudah dilakukan. Yang belum dilakukan harus tetap dapat"
        " dipenuhi: gabungkan berkas yang lain ke berkas ini.",
        "End a clock once what it is for was done. What was not done has to stay possible: merge the other file into"
        " this one.",
    ),
    "MeetClock",
)
def running(case: Case, at: datetime) -> Iterable[UUID]:
    """Those that are not met, and of which it was not raised that they ran out. One that had run out before anybody
    recorded it is never raised."""
    for clock in case.clocks.values():
        had_run_out = clock.told_at is not None and clock.due_at <= clock.told_at
        if clock.met_at is None and not clock.overdue and not had_run_out:
            yield clock.id


@decides.register
def meet_clock(command: MeetClock, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    return met((command.clock,), command, case, act)


@decides.register
def raise_clock(command: RaiseClock, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """Once, when it has run out."""
    clock = case.clocks.get(command.clock) if case else None
    if case is None or clock is None:
        raise Unknown(what="clock")
    if case.status is not Status.OPEN or clock.met_at is not None or clock.overdue:
        raise WrongMove(clock=clock.id, move="raise")
    if act.at < clock.due_at:
        raise StillRunning(due_at=clock.due_at)
    return [recorded(ClockOverdue, command, act)]


def met(clocks: Iterable[ClockId], command: Fact, case: Case, act: Act) -> list[Fact]:
    """That these clocks were met, each once. Raises AlreadyExists."""
    ended: list[Fact] = []
    for id in dict.fromkeys(clocks):
        clock = case.clocks[id]
        if clock.met_at is not None:
            raise AlreadyDone(what="the clock's end", id=id)
        in_time = not _is_late(clock, command.occurred_at, act.at)
        ended.append(recorded(ClockMet, command, act, clock=id, in_time=in_time))
    return ended


def _began(case: Case, clocks: Iterable[ClockId]) -> datetime | None:
    return latest(case.clocks[id].starts_at for id in clocks if id in case.clocks)


def _is_late(clock: Clock, said_at: datetime, recorded_at: datetime) -> bool:
    return clock.overdue or overran(clock.due_at, said_at, recorded_at, clock.told_at or recorded_at)


name_fields(
    clock=field("Batas waktu", "Clock"),
    starts_at=field("Mulai", "Starts", ("Mulai", "From")),
    need=field("Kebutuhan", "Need", ("Untuk", "For")),
    in_time=field("Tepat waktu", "In time", ("Tepat waktu", "In time")),
)
