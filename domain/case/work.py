"""What agencies do for the survivor: assess, plan, deliver, follow up, meet, document."""

from collections.abc import Iterable, Sequence

from ..codes import ReferralStatus, Role
from ..compartment import Compartment
from ..fact import Act, ClockId, Fact, recorded
from ..refusal import AlreadyExists, Invalid, NotForThisAgency, NotForThisRole, StillRunning, Unknown, WrongMove
from . import commands as c
from . import events as e
from .deciding import Network, decide, fresh, joined, led, party
from .state import Case, Status

WORKING = frozenset({ReferralStatus.ACCEPTED, ReferralStatus.IN_PROGRESS})


@decide.register
def assess_needs(command: c.AssessNeeds, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    joined(case, act)
    return [recorded(e.NeedsAssessed, command, act)]


@decide.register
def assess_risk(command: c.AssessRisk, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    joined(case, act)
    return [recorded(e.RiskAssessed, command, act)]


@decide.register
def agree_safety_plan(command: c.AgreeSafetyPlan, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    joined(case, act)
    return [recorded(e.SafetyPlanAgreed, command, act)]


@decide.register
def deliver_service(command: c.DeliverService, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    now = joined(case, act)
    fresh(now.noted, command.delivery)
    if command.referral is not None:
        referral = party(now, command.referral, act)
        if referral.recipient != act.agency:
            raise NotForThisAgency(needs="recipient")
        if referral.status not in WORKING:
            raise WrongMove(referral=referral.id, status=referral.status, move="deliver")
    return [recorded(e.ServiceDelivered, command, act), *_met(command.meets, command, now, act)]


@decide.register
def meet_clock(command: c.MeetClock, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    return _met((command.clock,), command, joined(case, act), act)


@decide.register
def raise_clock(command: c.RaiseClock, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """Once, when it has run out."""
    if act.role is not Role.SYSTEM:
        raise NotForThisRole(needs=Role.SYSTEM)
    clock = case.clocks.get(command.clock) if case else None
    if case is None or clock is None:
        raise Unknown(what="clock")
    if case.status is not Status.OPEN or clock.met_at is not None or clock.overdue:
        raise WrongMove(clock=clock.id, move="raise")
    if act.at < clock.due_at:
        raise StillRunning(due_at=clock.due_at)
    return [recorded(e.ClockOverdue, command, act)]


@decide.register
def record_note(command: c.RecordNote, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    fresh(joined(case, act).noted, command.note)
    return [recorded(e.NoteRecorded, command, act)]


@decide.register
def record_contact_attempt(
    command: c.RecordContactAttempt, case: Case | None, act: Act, network: Network
) -> Sequence[Fact]:
    fresh(joined(case, act).noted, command.note)
    return [recorded(e.ContactAttempted, command, act)]


@decide.register
def record_follow_up(command: c.RecordFollowUp, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    fresh(joined(case, act).noted, command.note)
    return [recorded(e.FollowUpRecorded, command, act)]


@decide.register
def attach_document(command: c.AttachDocument, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    now = joined(case, act)
    fresh(now.documents, command.document)
    attached = recorded(e.DocumentAttached, command, act)
    if command.supersedes is None:
        return [attached]
    old = now.documents.get(command.supersedes)
    if old is None:
        raise Unknown(what="document")
    if old.superseded_by is not None:
        raise AlreadyExists(what="a newer document", id=old.superseded_by)
    if old.compartment is not Compartment.named(command.compartment):
        raise Invalid(field="compartment", must="be that of the document it supersedes")
    superseded = e.DocumentSuperseded(occurred_at=command.occurred_at, document=command.supersedes, by=command.document)
    return [attached, superseded]


@decide.register
def hold_conference(command: c.HoldConference, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    now = led(case, act)
    fresh(now.conferences, command.conference)
    _taking_part(command.attendees, now, act)
    return [recorded(e.ConferenceHeld, command, act)]


@decide.register
def agree_action(command: c.AgreeAction, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    now = joined(case, act)
    fresh(now.actions, command.action)
    _taking_part((command.owner,), now, act)
    if command.conference is not None and command.conference not in now.conferences:
        raise Unknown(what="conference")
    return [recorded(e.ActionAgreed, command, act)]


@decide.register
def finish_action(command: c.FinishAction, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    now = joined(case, act)
    action = now.actions.get(command.action)
    if action is None or act.agency not in (action.owner, now.lead):
        raise Unknown(what="action")
    if action.done:
        raise AlreadyExists(what="the action's end", id=action.id)
    return [recorded(e.ActionDone, command, act)]


@decide.register
def record_protection_order(
    command: c.RecordProtectionOrder, case: Case | None, act: Act, network: Network
) -> Sequence[Fact]:
    joined(case, act)
    if command.valid_until is not None and command.valid_until < command.valid_from:
        raise Invalid(field="valid_until", must="not be before valid_from")
    return [recorded(e.ProtectionOrderRecorded, command, act)]


def _met(clocks: Iterable[ClockId], command: Fact, case: Case, act: Act) -> list[Fact]:
    met: list[Fact] = []
    for id in dict.fromkeys(clocks):
        clock = case.clocks.get(id)
        if clock is None:
            raise Unknown(what="clock")
        if clock.met_at is not None:
            raise AlreadyExists(what="the clock's end", id=id)
        in_time = command.occurred_at <= clock.due_at
        met.append(recorded(e.ClockMet, command, act, clock=id, in_time=in_time))
    return met


def _taking_part(agencies: Iterable[str], case: Case, act: Act) -> None:
    """Nobody may learn of a case by being named in it; and who does not lead names only itself and the lead, so
    that nobody can find out who else takes part."""
    if act.agency != case.lead:
        outside = [a for a in agencies if a not in (act.agency, case.lead)]
    else:
        outside = [a for a in agencies if not case.takes_part(a)]
    if outside:
        raise NotForThisAgency(needs="to take part in the case", agencies=outside)
