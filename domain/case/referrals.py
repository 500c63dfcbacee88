"""The referral's state machine. States and names follow FHIR R4 `Task.status`.

draft ─▶ requested ─▶ received ─▶ accepted ─▶ in-progress ⇄ on-hold ─▶ completed | failed
             │            └─▶ rejected            (cancelled: by the sender, or when consent is withdrawn)
             └─▶ cancelled

Only the recipient moves it through received … completed; only the sender cancels.
"""

from collections.abc import Sequence
from typing import Literal

from ..codes import ReferralStatus, Role
from ..compartment import Compartment
from ..fact import Act, Fact, ReferralId, recorded
from ..pathways import PATHWAYS
from ..refusal import (
    ConsentMissing,
    Invalid,
    NotForThisAgency,
    NotForThisRole,
    RecipientUnavailable,
    StillRunning,
    Unknown,
    WrongMove,
)
from . import commands as c
from . import events as e
from .deciding import Network, active, decide, fresh, joined, opened, party
from .state import Case, Referral

S = ReferralStatus

MAY_CANCEL = frozenset({S.DRAFT, S.REQUESTED, S.RECEIVED, S.ACCEPTED, S.IN_PROGRESS, S.ON_HOLD})
MAY_BE_REDIRECTED = frozenset({S.REJECTED, S.CANCELLED, S.FAILED})
HIGHEST_ESCALATION = 3


@decide.register
def draft(command: c.DraftReferral, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    now = joined(case, act)
    fresh(now.referrals, command.referral)
    recipient = active(network, command.recipient)
    if command.recipient == act.agency:
        raise Invalid(field="recipient", must="be another agency")
    for clock in command.clocks:
        if clock not in now.clocks:
            raise Unknown(what="clock")
    if command.redirects is not None:
        old = party(now, command.redirects, act)
        if old.status not in MAY_BE_REDIRECTED:
            raise WrongMove(referral=old.id, status=old.status, move="redirect")
    if command.parent is not None and not party(now, command.parent, act).status.is_open:
        raise Invalid(field="parent", must="be an open referral")
    return [
        recorded(
            e.ReferralDrafted, command, act, sender=act.agency, sender_kind=act.kind, recipient_kind=recipient.kind
        )
    ]


@decide.register
def send(command: c.SendReferral, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    now = joined(case, act)
    referral = _from(now, command.referral, act, "sender", {S.DRAFT}, "send")
    recipient = active(network, referral.recipient)
    if referral.service not in recipient.services:
        raise RecipientUnavailable(agency=referral.recipient, service=referral.service)
    _covered(now, referral, act)
    due_at = command.occurred_at + PATHWAYS[now.pathway].answers[referral.urgency]
    return [recorded(e.ReferralSent, command, act, due_at=due_at)]


@decide.register
def receive(command: c.ReceiveReferral, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    _from(opened(case, act), command.referral, act, "recipient", {S.REQUESTED}, "receive")
    return [recorded(e.ReferralReceived, command, act)]


@decide.register
def accept(command: c.AcceptReferral, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    _from(opened(case, act), command.referral, act, "recipient", {S.RECEIVED}, "accept")
    return [recorded(e.ReferralAccepted, command, act)]


@decide.register
def reject(command: c.RejectReferral, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    _from(opened(case, act), command.referral, act, "recipient", {S.RECEIVED}, "reject")
    return [recorded(e.ReferralRejected, command, act)]


@decide.register
def start(command: c.StartReferral, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    _from(opened(case, act), command.referral, act, "recipient", {S.ACCEPTED}, "start")
    return [recorded(e.ReferralStarted, command, act)]


@decide.register
def hold(command: c.HoldReferral, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    _from(opened(case, act), command.referral, act, "recipient", {S.IN_PROGRESS}, "hold")
    return [recorded(e.ReferralHeld, command, act)]


@decide.register
def resume(command: c.ResumeReferral, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    now = opened(case, act)
    referral = _from(now, command.referral, act, "recipient", {S.ON_HOLD}, "resume")
    _covered(now, referral, act)
    return [recorded(e.ReferralResumed, command, act)]


@decide.register
def complete(command: c.CompleteReferral, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    _from(opened(case, act), command.referral, act, "recipient", {S.IN_PROGRESS, S.ON_HOLD}, "complete")
    return [recorded(e.ReferralCompleted, command, act)]


@decide.register
def fail(command: c.FailReferral, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    _from(opened(case, act), command.referral, act, "recipient", {S.IN_PROGRESS, S.ON_HOLD}, "fail")
    return [recorded(e.ReferralFailed, command, act)]


@decide.register
def cancel(command: c.CancelReferral, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    _from(opened(case, act), command.referral, act, "sender", MAY_CANCEL, "cancel")
    return [recorded(e.ReferralCancelled, command, act)]


@decide.register
def escalate(command: c.EscalateReferral, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """Silence is not acceptance: each time the window passes again without an answer, one level more."""
    if act.role is not Role.SYSTEM:
        raise NotForThisRole(needs=Role.SYSTEM)
    referral = case.referrals.get(command.referral) if case else None
    if referral is None or referral.due_at is None:
        raise Unknown(what="referral")
    level = referral.escalations + 1
    if referral.status is not S.REQUESTED or level > HIGHEST_ESCALATION:
        raise WrongMove(referral=referral.id, status=referral.status, move="escalate")
    due_at = referral.due_at + referral.escalations * referral.window
    if act.at < due_at:
        raise StillRunning(due_at=due_at)
    return [recorded(e.ReferralEscalated, command, act, level=level)]


@decide.register
def raise_undelivered(command: c.RaiseUndelivered, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """Each time the window passes again and the recipient's system is silent, one level more: the first to the
    recipient's supervisors, the others to the lead. That it is silent, who asks has looked up."""
    if act.role is not Role.SYSTEM:
        raise NotForThisRole(needs=Role.SYSTEM)
    referral = case.referrals.get(command.referral) if case else None
    if case is None or referral is None or referral.sent_at is None or referral.delivery is None:
        raise Unknown(what="referral")
    level = referral.undelivered + 1
    if referral.status is not S.REQUESTED or level > HIGHEST_ESCALATION:
        raise WrongMove(referral=referral.id, status=referral.status, move="raise")
    due_at = referral.sent_at + level * referral.delivery
    if act.at < due_at:
        raise StillRunning(due_at=due_at)
    to = referral.recipient if level == 1 else case.lead
    return [recorded(e.ReferralUndelivered, command, act, level=level, to=to)]


def _from(
    case: Case,
    referral: ReferralId,
    act: Act,
    who: Literal["sender", "recipient"],
    states: set[ReferralStatus] | frozenset[ReferralStatus],
    move: str,
) -> Referral:
    """The referral, if this agency is the one that makes the move and its state allows it."""
    found = party(case, referral, act)
    if act.agency != (found.sender if who == "sender" else found.recipient):
        raise NotForThisAgency(needs=who)
    if found.status not in states:
        raise WrongMove(referral=referral, status=found.status, move=move)
    return found


def _covered(case: Case, referral: Referral, act: Act) -> None:
    """Raises ConsentMissing unless live consent covers recipient, purpose and every compartment."""
    allowed = case.shareable(referral.recipient, referral.recipient_kind, act.at, referral.purpose)
    missing = (referral.compartments | {Compartment.COORDINATION}) - allowed
    if missing:
        raise ConsentMissing(recipient=referral.recipient, purpose=referral.purpose, compartments=missing)
