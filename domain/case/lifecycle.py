"""Who leads, who accompanies, and how a case ends, begins again, or turns out to be another."""

from collections.abc import Sequence

from ..codes import ReferralStatus, Role
from ..compartment import Compartment
from ..fact import Act, Fact, recorded
from ..refusal import (
    AlreadyExists,
    AnotherPersonNeeded,
    CaseIsOpen,
    CaseNotOpen,
    ConsentMissing,
    HoldStands,
    Invalid,
    NotAMember,
    NotForThisAgency,
    OpenReferrals,
    Unknown,
)
from . import commands as c
from . import events as e
from .deciding import Network, active, decide, existing, fresh, led, opened
from .state import Case, Status


@decide.register
def assign_worker(command: c.AssignCaseWorker, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    now = led(case, act)
    if not network[now.lead].has_member(command.worker, (Role.CASE_WORKER, Role.SUPERVISOR)):
        raise NotAMember(worker=command.worker)
    return [recorded(e.CaseWorkerAssigned, command, act)]


@decide.register
def ask_transfer(command: c.AskLeadTransfer, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """The new lead will know the case, so consent must cover it."""
    now = led(case, act)
    fresh(now.noted, command.transfer)
    to = active(network, command.to)
    if command.to == now.lead:
        raise Invalid(field="to", must="be another agency")
    if now.transfer is not None:
        raise Invalid(field="transfer", must="wait until the earlier one is answered")
    if not now.shareable(command.to, to.kind, act.at):
        raise ConsentMissing(recipient=command.to, compartments=[Compartment.COORDINATION])
    return [recorded(e.LeadTransferAsked, command, act, to_kind=to.kind)]


@decide.register
def accept_transfer(command: c.AcceptLeadTransfer, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    now = opened(case, act)
    _asked(command, now, act)
    if not now.shareable(act.agency, act.kind, act.at):
        raise ConsentMissing(recipient=act.agency, compartments=[Compartment.COORDINATION])
    return [recorded(e.LeadTransferAccepted, command, act, lead=act.agency, lead_kind=act.kind)]


@decide.register
def decline_transfer(command: c.DeclineLeadTransfer, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    _asked(command, opened(case, act), act)
    return [recorded(e.LeadTransferDeclined, command, act)]


@decide.register
def close_case(command: c.CloseCase, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    now = led(case, act)
    still = [r.id for r in now.referrals.values() if r.status.is_open]
    if still:
        raise OpenReferrals(referrals=still)
    if now.transfer is not None:
        raise Invalid(field="transfer", must="be answered before the case is closed")
    return [recorded(e.CaseClosed, command, act)]


@decide.register
def reopen_case(command: c.ReopenCase, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    now = existing(case, act)
    if act.agency != now.lead:
        raise NotForThisAgency(needs="lead")
    if now.status is Status.OPEN:
        raise CaseIsOpen()
    if now.status is Status.MERGED:
        raise CaseNotOpen(status=now.status, merged_into=now.merged_into)
    return [recorded(e.CaseReopened, command, act)]


@decide.register
def merge_case(command: c.MergeCase, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    now = led(case, act)
    still = [r.id for r in now.referrals.values() if r.status.is_open or r.status is ReferralStatus.DRAFT]
    if still:
        raise OpenReferrals(referrals=still)
    if now.transfer is not None:
        raise Invalid(field="transfer", must="be answered before the case is merged")
    return [recorded(e.CaseMerged, command, act)]


@decide.register
def absorb_duplicate(command: c.AbsorbDuplicate, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    if command.duplicate in led(case, act).duplicates:
        raise AlreadyExists(duplicate=command.duplicate)
    return [recorded(e.DuplicateAbsorbed, command, act)]


@decide.register
def place_hold(command: c.PlaceLegalHold, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    if existing(case, act).on_hold:
        raise HoldStands(holds=1)
    return [recorded(e.LegalHoldPlaced, command, act)]


@decide.register
def lift_hold(command: c.LiftLegalHold, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """The first of two people asks; who approves is the second."""
    now = _held(case, act)
    if now.hold_lifting is not None:
        raise AlreadyExists(what="the asking")
    return [recorded(e.HoldLiftingAsked, command, act, asked_by=act.actor)]


@decide.register
def approve_lifting(command: c.ApproveHoldLifting, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    now = _held(case, act)
    if now.hold_lifting is None:
        raise Unknown(what="the asking")
    if now.hold_lifting == act.actor:
        raise AnotherPersonNeeded()
    return [recorded(e.LegalHoldLifted, command, act)]


@decide.register
def refuse_lifting(command: c.RefuseHoldLifting, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """Who asked may take it back: that needs no second person."""
    if _held(case, act).hold_lifting is None:
        raise Unknown(what="the asking")
    return [recorded(e.HoldLiftingRefused, command, act)]


def _held(case: Case | None, act: Act) -> Case:
    """The case, on hold, that the acting agency leads. Raises Unknown, NotForThisAgency, HoldStands."""
    now = existing(case, act)
    if act.agency != now.lead:
        raise NotForThisAgency(needs="lead")
    if not now.on_hold:
        raise HoldStands(holds=0)
    return now


def _asked(command: c.AcceptLeadTransfer | c.DeclineLeadTransfer, case: Case, act: Act) -> None:
    if case.transfer is None or case.transfer.id != command.transfer or case.transfer.to != act.agency:
        raise Unknown(what="transfer")
