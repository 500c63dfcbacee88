"""Clocks: windows of care and law (pathways.py). Incidents start them, services meet them, the system raises them.

Several subjects start and end clocks, so their whole story lies here, with what subjects share; how people end one
stands in case/clock_ends.py.

**How an end is told.** A window of care ends in one form, whatever the reason (`ClockEnded`): when, and by which
agency. How and why (given, declined, already positive, pregnant) is sealed with `health`. A duty of law that was met
says so (`ClockMet`).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Protocol
from uuid import UUID

from msgspec.structs import replace

from ..advised import ClockHasEnded
from ..causes import Cause, latest
from ..clock_codes import ClockDuty, ClockEnd, ClockStart
from ..codes import AgencyKind
from ..compartment import Compartment, Coordination, Health, Incident, Legal
from ..declaring import Audience, Shared, Step, asked, field, happened, name_fields
from ..fact import Act, AgencyCode, ClockId, DocumentId, Fact, IncidentId, ReferralId, Text, recorded
from ..persistent import put
from ..refusal import Invalid, StillRunning, Unknown, WrongMove
from ..standing.clocks import CARERS, LAW, sharers
from ..standing.relations import Extent, Relation
from ..standing.roles import ESCALATION
from ..standing.rows import ANYWHERE, Thing
from ..timing import overran
from ..violence import ClockNeed
from ..words import Words
from .deciding import Network, decides
from .evolving import applies
from .state import NOT_SUPERSEDED, Case, Clock, Status
from .waiting import waits

R = Relation


NOT_OVER: Mapping[str, None] = dict.fromkeys(
    ("met_at", "met_recorded_at", "met_by", "ended_at", "ended_recorded_at", "ended_by", "ended_as")
)
CARE_ENDS = frozenset({ClockDuty.CARE})
"""Duties of which it is sealed with `health` how they ended."""


def _sharers(event: "OfClock", case: Case) -> Mapping[AgencyCode, AgencyKind]:
    clock = case.clocks.get(event.clock)
    return sharers(clock, case) if clock is not None else {}


class OfClock(Protocol):
    """An event of one clock."""

    @property
    def clock(self) -> ClockId: ...


SHARERS = Audience(
    Words(
        "penerima rujukan terbuka yang terkait batas waktu ini, atau yang wajib dan menerima uraian kejadian",
        "the recipient of an open referral that shares the clock, or whose duty it is and who was sent what happened",
    ),
    _sharers,
)


ends = partial(
    happened, step=Step.REPORT, shared=Shared.STORY, to=SHARERS, about=lambda event: frozenset({Compartment.INCIDENT})
)
"""What became of a clock: told to whoever is told of it."""


def _duty_unsaid(fields: dict[str, Any]) -> dict[str, Any]:
    """Version 1 said neither what duty a clock stands for nor what began it."""
    return dict.fromkeys(("incident", "duty", "started_by", "guessed", "too_late")) | fields


def _known_unsaid(fields: dict[str, Any]) -> dict[str, Any]:
    """Version 2 was known of as it was recorded."""
    return {"known_at": None} | fields


def _shown_by_unsaid(fields: dict[str, Any]) -> dict[str, Any]:
    """Version 1 did not say what met it."""
    return dict.fromkeys(("document", "referral", "grounds")) | fields


@happened(
    Words("Batas waktu mulai berjalan", "Clock started"),
    her=Words(
        "Batas waktu bagi petugas (bukan bagi Anda) mulai berjalan", "A time limit for the agencies (not for you) began"
    ),
    means="Batas waktu mulai berjalan. Batas akhir dan jenis kewajibannya terlihat oleh penerima; layanan kesehatan "
    "mana yang dimaksud hanya oleh yang berhak atas data kejadian atau kesehatan. `guessed`: waktu kejadian tidak "
    "diketahui pasti; dihitung dari saat paling awal. `too_late`: sudah lewat sebelum jejaring mengetahuinya, bukan "
    "kelalaian siapa pun.",
    step=Step.REPORT,
    shared=Shared.STORY,
    to=SHARERS,
    earlier=(_duty_unsaid, _known_unsaid),
)
class ClockStarted(Fact, frozen=True, kw_only=True, tag="case.ClockStarted"):
    """A pathway's window opened. When it ends, and what duty it is, is plain to lists; which care it is for stays with
    the incident and with `health`. `guessed`: the time of what happened is a guess, and it counts from its earliest
    moment. `too_late`: it had closed before anybody of the network knew, and is nobody's breach."""

    clock: Coordination[ClockId]
    starts_at: Coordination[datetime]
    due_at: Coordination[datetime]
    pathway: Coordination[str]
    need: Incident[ClockNeed]
    care: Health[ClockNeed | None] = None
    """The need once more, for who keeps a window of care and may know health alone."""
    incident: Coordination[IncidentId | None] = None
    duty: Coordination[ClockDuty | None] = None
    started_by: Coordination[ClockStart | None] = None
    guessed: Coordination[bool | None] = None
    too_late: Coordination[bool | None] = None
    known_at: Coordination[datetime | None] = None
    """When who owes it could know of it, where it had run out by the time that this was recorded; else nothing."""


@ends(
    Words("Batas waktu dipenuhi", "Clock met"),
    her=Words("Yang harus dilakukan petugas sudah dilakukan", "What was due from the agencies was done"),
    means="Tindakan yang dibatasi waktunya telah dilakukan, pada `occurred_at`. Bukan `in_time` bila batasnya sudah "
    "terlewati saat itu dicatat, apa pun yang dikatakan. Kewajiban menurut undang-undang menyebut apa yang memenuhinya "
    "(`document`, `referral`, `grounds`), kecuali yang tercatat bersamanya.",
    earlier=(_shown_by_unsaid,),
)
class ClockMet(Fact, frozen=True, kw_only=True, tag="case.ClockMet"):
    """What the clock waited for was done at `occurred_at`. It is not `in_time` where it had run out when that was
    recorded, whatever is said. Of a duty of law it says what met it, unless that was recorded with it: a document or
    a referral of the case, or the grounds that a second person approved."""

    clock: Coordination[ClockId]
    in_time: Coordination[bool]
    document: Coordination[DocumentId | None] = None
    referral: Coordination[ReferralId | None] = None
    grounds: Legal[Text | None] = None


@ends(
    Words("Batas waktu tidak berjalan lagi", "Clock ended"),
    her=Words("Batas waktu bagi petugas tidak berjalan lagi", "A time limit for the agencies ended"),
    means="Batas waktu tidak berjalan lagi sejak `occurred_at`, dan bukan karena habis. Untuk layanan kesehatan, "
    "bagaimana (`how`) dan mengapa tersegel dalam data kesehatan, dengan bentuk yang sama apa pun sebabnya. "
    "Bukan `in_time` bila batasnya sudah terlewati saat itu dicatat, apa pun yang dikatakan.",
)
class ClockEnded(Fact, frozen=True, kw_only=True, tag="case.ClockEnded"):
    """A clock runs no more since `occurred_at`, and not because it ran out. Of care, how and why stands in `health`, in
    one form for every reason; of a duty of law in `ended_as`. It is not `in_time` where it had run out when that was
    recorded, whatever is said."""

    clock: Coordination[ClockId]
    in_time: Coordination[bool]
    ended_as: Coordination[ClockEnd | None] = None
    how: Health[ClockEnd | None] = None
    reason: Health[Text | None] = None
    grounds: Legal[Text | None] = None


@ends(
    Words("Batas waktu berjalan lagi", "Clock runs again"),
    her=Words("Batas waktu bagi petugas berjalan lagi", "A time limit for the agencies runs again"),
    means="Bahwa batas waktu tidak berjalan lagi dicatat karena keliru, atau yang memenuhinya tidak berlaku lagi; ia "
    "berjalan lagi, dengan batas akhir yang sama.",
)
class ClockResumed(Fact, frozen=True, kw_only=True, tag="case.ClockResumed"):
    """That a clock ended was recorded by mistake, or what met it does not hold any more: it runs again, due when it
    was."""

    clock: Coordination[ClockId]
    reason: Health[Text | None] = None
    grounds: Legal[Text | None] = None


@happened(
    Words("Batas waktu terlewati", "Clock ran out"),
    her=Words("Batas waktu bagi petugas terlewati", "A time limit for the agencies ran out"),
    means="Batas waktu habis, dan belum ada yang menyatakan bahwa tindakannya telah dilakukan.",
    step=Step.REPORT,
    to=SHARERS,
)
class ClockOverdue(Fact, frozen=True, kw_only=True, tag="case.ClockOverdue"):
    """The clock ran out, and nobody had said that it was met."""

    clock: Coordination[ClockId]


BEGUN = Words("batas waktu itu mulai berjalan", "the clock began")
MET_CLOCK = Cause(BEGUN, lambda command, case, act: _began(case, (command.clock,)))
MET_CLOCKS = Cause(BEGUN, lambda command, case, act: _began(case, command.meets))
OF_CLOCK = (ClockStarted, ClockMet, ClockEnded, ClockResumed, ClockOverdue)
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
        R.SHARER: lambda clock, case: frozenset(sharers(clock, case)),
        R.CLINICIAN: lambda clock, case: frozenset(
            agency for agency, kind in case.participants().items() if kind in CARERS
        ),
    },
    content=lambda clock, case: ((clock.author,), frozenset({Compartment.INCIDENT})),
)
"""What an agency is to a clock: who may know what it is for, or shares it, may say that it was met."""
CONCERNED = (R.LEAD, R.AUTHOR, R.SHARER, R.REACHES)


def is_of_law(event: Fact, case: Case) -> bool:
    """Whether an event is one of a clock of a duty of law."""
    clock = case.clocks.get(event.clock) if isinstance(event, OF_CLOCK) else None
    return clock is not None and clock.duty in LAW


@applies(ClockStarted)
def clock_started(case: Case, event: ClockStarted, author: AgencyCode | None, recorded_at: datetime) -> Case:
    clock = Clock(
        event.clock,
        event.due_at,
        author=author,
        starts_at=event.starts_at,
        told_at=event.known_at or recorded_at,
        duty=event.duty,
        incident=event.incident,
        guessed=event.guessed is True,
        too_late=event.too_late is True,
    )
    return replace(case, clocks=put(case.clocks, event.clock, clock))


@applies(ClockMet)
def clock_met(case: Case, event: ClockMet, author: AgencyCode | None, recorded_at: datetime) -> Case:
    before = case.clocks[event.clock]
    late = _is_late(before, event.occurred_at, recorded_at)
    return _became(case, before, met_at=event.occurred_at, met_recorded_at=recorded_at, met_by=author, late=late)


@applies(ClockEnded)
def clock_ended(case: Case, event: ClockEnded, author: AgencyCode | None, recorded_at: datetime) -> Case:
    """What takes the place of an end that was in time is as in time as its event says, and was known as early."""
    before = case.clocks[event.clock]
    in_place = before.is_over and event.in_time
    late = not event.in_time if before.is_over else _is_late(before, event.occurred_at, recorded_at)
    known = before.met_recorded_at or before.ended_recorded_at if in_place else None
    times = {"ended_at": event.occurred_at, "ended_recorded_at": known or recorded_at, "late": before.late or late}
    return _became(case, before, **times, ended_by=author, ended_as=event.ended_as)


@applies(ClockResumed)
def clock_resumed(case: Case, event: ClockResumed) -> Case:
    return _became(case, case.clocks[event.clock], late=False)


def _became(case: Case, clock: Clock, **how: Any) -> Case:
    """The case in which a clock ended that way, and no other; in none where nothing is said: then it runs."""
    after = replace(clock, **{**NOT_OVER, **how})
    return replace(case, clocks=put(case.clocks, clock.id, after))


@applies(ClockOverdue)
def clock_overdue(case: Case, event: ClockOverdue) -> Case:
    raised = replace(case.clocks[event.clock], overdue=True)
    return replace(case, clocks=put(case.clocks, event.clock, raised))


@waits(
    "clocks",
    Words("batas waktu yang berjalan", "clocks that run"),
    Words(
        "Nyatakan terpenuhi batas waktu yang tindakannya sudah dilakukan, atau akhiri yang tidak berlaku atau tidak"
        " diinginkannya. Yang belum dilakukan harus tetap dapat dipenuhi: gabungkan berkas yang lain ke berkas ini.",
        "End a clock once what it is for was done, or end one that she declined or that does not apply. What was not"
        " done has to stay possible: merge the other file into this one.",
    ),
    "MeetClock",
    "EndClock",
    "EndDuty",
)
def running(case: Case, at: datetime) -> Iterable[UUID]:
    """Those that did not end, and of which it was not raised that they ran out. One that had run out before anybody
    recorded it is never raised."""
    for clock in case.clocks.values():
        had_run_out = clock.told_at is not None and clock.due_at <= clock.told_at
        if clock.runs and not clock.overdue and not had_run_out:
            yield clock.id


@decides.register
def raise_clock(command: RaiseClock, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """Once, when it has run out."""
    clock = case.clocks.get(command.clock) if case else None
    if case is None or clock is None:
        raise Unknown(what="clock")
    if case.status is not Status.OPEN or not clock.runs or clock.overdue:
        raise WrongMove(clock=clock.id, move="raise")
    if act.at < clock.due_at:
        raise StillRunning(due_at=clock.due_at)
    return [recorded(ClockOverdue, command, act)]


NOTHING_SHOWN: Mapping[str, None] = dict.fromkeys(("document", "referral", "grounds"))


def met(clocks: Iterable[ClockId], command: Fact, case: Case, act: Act, **shown: Any) -> list[Fact]:
    """That these clocks were met, each once; `shown`: by what a duty of law was. Raises AlreadyExists."""
    found: list[Fact] = []
    for id in dict.fromkeys(clocks):
        clock = case.clocks[id]
        if clock.duty in CARE_ENDS:
            found.append(ended(clock, ClockEnd.MET, command, act))
            continue
        require_running(clock)
        told = in_time(clock, command.occurred_at, act.at)
        found.append(recorded(ClockMet, command, act, clock=id, in_time=told, **{**NOTHING_SHOWN, **shown}))
    return found


def ended(clock: Clock, how: ClockEnd, command: Fact, act: Act, why: str | None = None, again: bool = False) -> Fact:
    """That a clock ended, in the form in which that is told of its duty. `again`: it may have ended already, and ends
    otherwise now: in time where it had ended so, and then not later than when it was due. Raises AlreadyExists, Invalid
    for what a correction has superseded."""
    require_running(clock, again)
    at, was_in_time = command.occurred_at, clock.is_over and not clock.late
    if was_in_time and at > clock.due_at:
        at = clock.met_at or clock.ended_at or at
    told = {"clock": clock.id, "in_time": was_in_time or in_time(clock, at, act.at), "occurred_at": at}
    if clock.duty in CARE_ENDS or clock.duty is None:  # of an older clock nobody can tell which it is
        sealed = {"how": how, "reason": why, "grounds": None, "ended_as": None}
    else:
        sealed = {"ended_as": how, "grounds": why, "reason": None, "how": None}
    return recorded(ClockEnded, command, act, **told, **sealed)


def require_running(clock: Clock, again: bool = False) -> None:
    """Raises AlreadyExists for a clock that ended, Invalid where it takes no other end."""
    if clock.ended_as is ClockEnd.SUPERSEDED:
        raise Invalid(field="clock", must=NOT_SUPERSEDED)
    if not again and clock.is_over:
        raise ClockHasEnded(what="the clock's end", id=clock.id)


def in_time(clock: Clock, said_at: datetime, recorded_at: datetime) -> bool:
    """Whether a window had not run out when it was recorded that it ended."""
    return not (clock.late or _is_late(clock, said_at, recorded_at))


def _began(case: Case, clocks: Iterable[ClockId]) -> datetime | None:
    return latest(case.clocks[id].starts_at for id in clocks if id in case.clocks)


def _is_late(clock: Clock, said_at: datetime, recorded_at: datetime) -> bool:
    if clock.too_late:
        return False
    return clock.overdue or overran(clock.due_at, said_at, recorded_at, clock.told_at or recorded_at)


name_fields(
    clock=field("Batas waktu", "Clock"),
    starts_at=field("Mulai", "Starts", ("Mulai", "From")),
    need=field("Kebutuhan", "Need", ("Untuk", "For")),
    in_time=field("Tepat waktu", "In time", ("Tepat waktu", "In time")),
    duty=field("Kewajiban", "Duty"),
)
