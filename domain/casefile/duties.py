"""Duties of law: what an incident brings, and when each begins and is met, without anybody having to remember it.

What happened is sealed, so the rules remember no more than its consequence: which duties it brings (`DutiesFound`).
Each begins when what its law names comes about: her own report, that the police received one, that protection was
given. It is met by what is done in the case: the police's acceptance, the order, the request. So the police's windows
never run while the police know nothing, and no duty to report binds who is not bound, or a case that the police opened.

Whose act begins and meets which stands in standing/clocks.py. What begins by the act of somebody else, as what they
recorded answers to what others did, is put on record by the system (case/beginning.py): by their own deed nobody learns
what others did.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from ..causes import latest
from ..clock_codes import ClockDuty, ClockEnd, ClockStart
from ..codes import AgencyKind, Purpose, Reporter, Role
from ..compartment import Compartment, Coordination
from ..declaring import Step, field, happened, name_fields
from ..fact import Act, ActorId, AgencyCode, ClockId, Fact, IncidentId, recorded
from ..pathways import PATHWAYS
from ..persistent import put
from ..standing.clocks import Way, may
from ..triggers import BOUND
from ..violence import ClockNeed
from ..words import Words
from .clocks import ClockEnded, ClockMet, ClockStarted, in_time
from .deciding import follows
from .evolving import applies
from .state import EMPTY, Case, Clock, Part, Referral
from .windows import clock_id, is_for

D = ClockDuty

STARTS_REPORT = frozenset({Reporter.SURVIVOR, Reporter.PROFESSIONAL})
"""Whose word starts the time to report, where the incident does not say whose it was (UU 12/2022 art. 41(2))."""
NOT_YET = ClockId(UUID(int=0))
"""The id of a clock that is asked about before there is one."""
NOBODY = ActorId(UUID(int=0))
PROTECTIONS = (D.PROTECTION_SV, D.PROTECTION_DV)
BY_COURT = (D.COURT_DECISION, D.PROTECTION_END)
AFTER_PROTECTION = {D.PROTECTION_DV: D.COURT_REQUEST, D.PROTECTION_SV: D.LPSK_REQUEST}
"""The law that temporary protection is on → what the police ask for next."""


@happened(
    Words("Kewajiban instansi diketahui", "Duties found"),
    her=Words("Kewajiban petugas dicatat", "What the agencies have to do was recorded"),
    means="Kewajiban yang timbul dari sebuah kejadian. Batas waktunya mulai saat yang disebut undang-undang terjadi.",
    step=Step.REPORT,
)
class DutiesFound(Fact, frozen=True, kw_only=True, tag="case.DutiesFound"):
    """The duties that an incident brings. The time for each begins when what the law names comes about. `reported_at`:
    when she, or a professional whom the law names, reported it; null where that was somebody else."""

    incident: Coordination[IncidentId]
    duties: Coordination[frozenset[ClockDuty]]
    reported_at: Coordination[datetime | None]


@happened(
    Words("Batas waktu mana yang tidak berlaku baginya dicatat", "Which clocks do not apply recorded"),
    her=Words(
        "Batas waktu mana yang tidak berlaku bagi Anda dicatat", "Which time limits do not apply to you was recorded"
    ),
    means="Layanan yang batas waktunya tidak berlaku bagi korban; sebabnya tidak disebut. Kosong: semua "
    "mungkin berlaku.",
    step=Step.REPORT,
    calls={"needs": field("Yang tidak berlaku", "What does not apply", ("Yang tidak berlaku", "What does not apply"))},
)
class ClocksRuledOut(Fact, frozen=True, kw_only=True, tag="case.ClocksRuledOut"):
    """Care whose windows are not for her, without why. Empty: all may be."""

    needs: Coordination[frozenset[ClockNeed]]


class Found(Struct, frozen=True):
    duties: frozenset[ClockDuty]
    reported_at: datetime | None
    told_at: datetime
    recorded_at: datetime
    since: datetime | None = None
    """What the police received before was no report of it; None of the first incident, which the case is about."""


class Beginning(NamedTuple):
    """The time for a duty that began."""

    duty: ClockDuty
    incident: IncidentId
    since: datetime
    by: ClockStart
    known_at: datetime
    """When it could be known of by who owes it, by what was recorded."""


class Duties(Part, frozen=True):
    found: Mapping[IncidentId, Found] = EMPTY
    ruled_out: frozenset[ClockNeed] = frozenset()
    reports: tuple[datetime, ...] = ()
    """When she, or a professional, reported, as was said."""

    def reported_by(self, at: datetime) -> datetime | None:
        """The first such report up to that time."""
        return min((report for report in self.reports if report <= at), default=None)


@applies(DutiesFound)
def duties_found(case: Case, event: DutiesFound, author: AgencyCode | None, recorded_at: datetime) -> Case:
    """When another than the lead told of it is when that was recorded: nobody's word makes a report of an earlier
    one."""
    part = case.of(Duties)
    known = part.found.get(event.incident)
    since = known.since if known is not None else None
    if known is None and part.found:
        since = event.occurred_at if author == case.lead else recorded_at
    first = known.recorded_at if known is not None else recorded_at
    found = Found(event.duties, event.reported_at, event.occurred_at, first, since)
    return case.with_part(replace(part, found=put(part.found, event.incident, found)))


@applies(ClocksRuledOut)
def clocks_ruled_out(part: Duties, event: ClocksRuledOut) -> Duties:
    return replace(part, ruled_out=event.needs)


def reported(part: Duties, reporter: Reporter, at: datetime) -> Duties:
    """After a report by that kind of person."""
    return replace(part, reports=(*part.reports, at)) if reporter in STARTS_REPORT else part


@follows
def begin_and_meet(before: Case | None, after: Case, change: Fact, act: Act) -> Iterable[Fact]:
    """Duties whose time began by what was decided, and those that it met."""
    if before is None or not after.of(Duties).found:
        return
    took_over = change.occurred_at if before.lead != after.lead else None
    for began in beginning(after, took_over):
        if may_begin(began.duty, after, act):
            yield started(after, began, change.occurred_at, act)
    for referral in after.referrals.values():
        was = before.referrals.get(referral.id)
        if _is_accepted(referral) and (was is None or was.accepted_at is None):
            reported = [id for id, found in after.of(Duties).found.items() if _is_of(referral, found, after)]
            yield from _met(after, (D.REPORT_TO_POLICE,), referral.accepted_at or act.at, act, reported)


def beginning(case: Case, took_over: datetime | None = None) -> Iterator[Beginning]:
    """Duties whose time began, by all that is recorded, and of which that is not on record yet."""
    pathway = PATHWAYS.get(case.pathway)
    if pathway is None or not pathway.duties:
        return
    for incident, found in case.of(Duties).found.items():
        for duty in sorted(found.duties):
            if _has(case, incident, duty):
                continue
            since, by, known_at = _begins(case, duty, found, took_over)
            if since is not None:
                yield Beginning(duty, incident, since, by, known_at)


def started(case: Case, began: Beginning, at: datetime, act: Act) -> ClockStarted:
    """That it began. Where it had run out by then, though it could be known of before, it is no excuse that whoever
    owes it recorded that late."""
    event = _started(case, began.duty, began.incident, began.since, began.by, at)
    return replace(event, known_at=began.known_at) if began.known_at < event.due_at <= act.at else event


def order_given(
    case: Case, command: Fact, act: Act, given_at: datetime, attended_from: datetime | None, ends_at: datetime | None
) -> Iterator[Fact]:
    """What follows from temporary protection by the police: the duty is met; the next ones begin; it ends after so many
    days from when she was attended, and not from the paper."""
    yield from _met(case, PROTECTIONS, given_at, act)
    if not may_begin(D.PROTECTION_END, case, act):
        return
    lasts = PATHWAYS[case.pathway].protection_lasts
    for incident, found in case.of(Duties).found.items():
        for law in PROTECTIONS:
            if law not in found.duties:
                continue
            after, attended = AFTER_PROTECTION[law], attended_from or _police_know(case, found)[0] or given_at
            if not _has(case, incident, after):
                yield _started(case, after, incident, given_at, ClockStart.PROTECTION_GIVEN, command.occurred_at)
            end = min(ends_at or attended + lasts[law], attended + lasts[law])
            yield _started(
                case, D.PROTECTION_END, incident, attended, ClockStart.PROTECTION_GIVEN, command.occurred_at, end
            )


def court_decided(case: Case, act: Act, at: datetime) -> Iterator[Fact]:
    """What follows from a court's order: it was decided, and no gap is left where the police's protection ends."""
    yield from _met(case, BY_COURT, at, act)


def asked_for(case: Case, duty: ClockDuty, command: Fact, act: Act) -> Iterator[Fact]:
    """What follows when the court, or LPSK, was asked: the duty is met, and the court has its time."""
    yield from _met(case, (duty,), command.occurred_at, act)
    if duty is D.COURT_REQUEST and may_begin(duty, case, act):
        for clock in case.clocks.values():
            if clock.duty is duty and clock.incident is not None and not _has(case, clock.incident, D.COURT_DECISION):
                yield _started(
                    case, D.COURT_DECISION, clock.incident, command.occurred_at, ClockStart.COURT_ASKED,
                    command.occurred_at,
                )  # fmt: skip


def rule_out(
    case: Case, needs: frozenset[ClockNeed], said_by: frozenset[AgencyCode], command: Fact, act: Act
) -> Iterator[Fact]:
    """That these windows of care are not for her, or are again: those that run end by themselves, started in error.
    `said_by`: who said it so far. It follows from a word as strong as theirs alone."""
    part = case.of(Duties)
    way = Way.RULE_OUT if needs - part.ruled_out else Way.RULE_IN
    if needs == part.ruled_out or not may(way, None, case, act, said_by):
        return
    yield recorded(ClocksRuledOut, command, act, needs=needs)
    for clock in case.clocks.values():
        if clock.runs and any(is_for(clock, need) for need in needs):
            told = in_time(clock, command.occurred_at, act.at)
            yield recorded(
                ClockEnded, command, act, clock=clock.id, in_time=told, how=ClockEnd.STARTED_IN_ERROR,
                ended_as=None, reason=None, grounds=None,
            )  # fmt: skip


def meets_again(
    case: Case, duties: Container[ClockDuty], at: datetime, author: AgencyCode, recorded_at: datetime
) -> Iterator[ClockId]:
    """The clocks of these duties that what an agency recorded meets by itself, also those that were met before."""
    kind = case.participants().get(author)
    if kind is None or case.pathway not in PATHWAYS:
        return
    act = Act(
        actor=NOBODY, agency=author, kind=kind, role=Role.CASE_WORKER, purpose=Purpose.PROTECTION, at=recorded_at
    )  # who may record it in whatever role: all of them have the same rows
    for clock in case.clocks.values():
        superseded = clock.ended_as is ClockEnd.SUPERSEDED
        if clock.duty in duties and not superseded and can_be_of(clock, at, case) and may(Way.MEET, clock, case, act):
            yield clock.id


def may_begin(duty: ClockDuty, case: Case, act: Act) -> bool:
    """Whether the time for a duty begins by what somebody does: else it begins as the system finds it (`BeginDuties`),
    so that nobody else learns by their own deed what others did."""
    return may(Way.START, Clock(NOT_YET, act.at, duty=duty), case, act)


def takes_away(duty: ClockDuty, incident: IncidentId, case: Case, act: Act) -> bool:
    """Whether by somebody's correction a duty is none: each clock of it has to be theirs to move."""
    clocks = [c for c in case.clocks.values() if c.incident == incident and c.duty is duty]
    return all(may(Way.MOVE, clock, case, act) for clock in clocks or [Clock(NOT_YET, act.at, duty=duty)])


def _begins(
    case: Case, duty: ClockDuty, found: Found, took_over: datetime | None
) -> tuple[datetime | None, ClockStart, datetime]:
    match duty:
        case D.REPORT_TO_POLICE:
            return _report_begins(case, found, took_over), ClockStart.REPORT, found.recorded_at
        case D.PROTECTION_SV | D.PROTECTION_DV:
            since, known_at = _police_know(case, found)
            return since, ClockStart.POLICE_RECEIPT, known_at
        case _:
            return None, ClockStart.DECISION, found.recorded_at


def _report_begins(case: Case, found: Found, took_over: datetime | None) -> datetime | None:
    """When somebody who is bound knew of her report; None where nobody does, or the police have it."""
    accepted = (r for r in case.referrals.values() if _is_accepted(r))
    if case.lead_kind is AgencyKind.POLICE or any(_is_of(r, found, case) for r in accepted):
        return None
    later = min((at for at in case.of(Duties).reports if at > found.told_at), default=None)
    said = found.reported_at or later
    if said is None:
        return None
    if case.lead_kind in BOUND:
        return latest((said, took_over))
    heard = [r.answered_at for r in case.referrals.values() if r.recipient_kind in BOUND and _carries(r)]
    first = min((at for at in heard if at is not None), default=None)
    return latest((said, first)) if first is not None else None


def _police_know(case: Case, found: Found) -> tuple[datetime | None, datetime]:
    """When the police received a report of it, or knew; and when what they received was sent."""
    since = _since(found, case)
    if case.lead_kind is AgencyKind.POLICE:
        return since or min(case.opened_at, found.told_at), found.recorded_at
    heard = [
        (max(r.answered_at, since or r.answered_at), r.told_at or found.recorded_at)
        for r in case.referrals.values()
        if r.recipient_kind is AgencyKind.POLICE and r.answered_at and _carries(r) and _is_of(r, found, case)
    ]
    return min(heard, default=(None, found.recorded_at))


def _carries(referral: Referral) -> bool:
    return Compartment.INCIDENT in referral.compartments


def _is_accepted(referral: Referral) -> bool:
    """Whether the police accepted a referral that says what happened."""
    return referral.recipient_kind is AgencyKind.POLICE and referral.accepted_at is not None and _carries(referral)


def _is_of(referral: Referral, found: Found, case: Case) -> bool:
    """Whether a referral can be a report of that incident: it was sent, or received by a person, since that was
    told."""
    since = _since(found, case)
    return since is None or any(at is not None and at >= since for at in (referral.told_at, referral.answered_at))


def _since(found: Found, case: Case) -> datetime | None:
    """From when on something can be of that incident, by the rules of the case; None: always."""
    return found.since if PATHWAYS[case.pathway].each_incident else None


def _has(case: Case, incident: IncidentId, duty: ClockDuty) -> bool:
    return any(
        c.incident == incident and c.duty is duty and c.ended_as is not ClockEnd.SUPERSEDED
        for c in case.clocks.values()
    )


def _started(
    case: Case,
    duty: ClockDuty,
    incident: IncidentId,
    since: datetime,
    by: ClockStart,
    at: datetime,
    due_at: datetime | None = None,
) -> ClockStarted:
    pathway = PATHWAYS[case.pathway]
    due = due_at or since + pathway.duties[duty].window
    need = ClockNeed.of(duty.value)
    return ClockStarted(
        occurred_at=at,
        clock=clock_id(case, incident, need, due),
        starts_at=since,
        due_at=due,
        pathway=pathway.version,
        need=need,
        incident=incident,
        duty=duty,
        started_by=by,
        guessed=False,
        too_late=False,
    )


def _met(
    case: Case,
    duties: tuple[ClockDuty, ...],
    at: datetime,
    act: Act,
    incidents: Container[IncidentId | None] | None = None,
) -> Iterator[ClockMet]:
    """That duties of these incidents (None: of all) were met."""
    for clock in case.clocks.values():
        of_these = clock.duty in duties and (incidents is None or clock.incident in incidents)
        if of_these and clock.runs and can_be_of(clock, at, case) and may(Way.MEET, clock, case, act):
            yield ClockMet(occurred_at=_not_before(clock, at), clock=clock.id, in_time=in_time(clock, at, act.at))


def can_be_of(clock: Clock, at: datetime, case: Case) -> bool:
    """Whether what was done then can be for the incident of a clock: what was done before somebody told of a later one
    was for an earlier one. Of the first, what the police did before they had the paper counts, as from when it ran."""
    found = case.of(Duties).found.get(clock.incident) if clock.incident is not None else None
    since = _since(found, case) if found is not None else None
    return since is None or at >= since


def _not_before(clock: Clock, at: datetime) -> datetime:
    return max(at, clock.starts_at) if clock.starts_at is not None else at


name_fields(
    duties=field("Kewajiban", "Duties", ("Kewajiban petugas", "What the agencies have to do")),
    reported_at=field("Dilaporkan", "Reported", ("Dilaporkan", "Reported")),
)
