"""Which role may ask for what, and for which purposes."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from rujukan.api.identity import Caller, acting
from rujukan.domain import agency_state
from rujukan.domain.agency_state import Agency
from rujukan.domain.case.consents import GiveConsent, NarrowConsent, RefuseConsent, WithdrawConsent
from rujukan.domain.case.glass import BreakGlass, CloseGlass, RaiseGlassReview, ReviewGlass
from rujukan.domain.case.holds import LiftHoldOnOrder, LiftLegalHold, PlaceLegalHold
from rujukan.domain.case.intake import CaseOpened
from rujukan.domain.case.lead import AcceptLeadTransfer, AskLeadTransfer, AssignCaseWorker
from rujukan.domain.case.lifecycle import CloseCase
from rujukan.domain.case.merging import MergeCase
from rujukan.domain.case.overrides import EndOverride, OverrideConsent
from rujukan.domain.case.referrals import CancelReferral, DraftReferral, SendReferral
from rujukan.domain.case.reminders import EscalateReferral
from rujukan.domain.casefile.deciding import decides
from rujukan.domain.codes import AgencyKind, Purpose, Role
from rujukan.domain.declaring import ASKED
from rujukan.domain.delivery import AcknowledgeDeliveries
from rujukan.domain.erasure import AcknowledgeErasure
from rujukan.domain.fact import ActorId, Fact
from rujukan.domain.notices import GiveNotice
from rujukan.domain.proposal import ApproveProposal, RefuseProposal, WithdrawProposal
from rujukan.domain.recovery import TellOfRecovery
from rujukan.domain.refusal import AgencyInactive, NotAMember, NotForThisRole, PurposeNotAllowed
from rujukan.domain.standing.roles import PURPOSES, READERS
from rujukan.domain.standing.rule import commands_of, roles_for
from rujukan.domain.webhook import DisableWebhook

CASE_COMMANDS = {t for t in decides.registry if t is not object and issubclass(t, Fact) and t is not Fact}
AGENCY_COMMANDS = {
    t for t in agency_state.decides.registry if t is not object and issubclass(t, Fact) and t is not Fact
}
OF_PROPOSALS: set[type[Fact]] = {ApproveProposal, RefuseProposal, WithdrawProposal}
PEOPLE = [r for r in Role if r not in (Role.SYSTEM, Role.INTEGRATOR)]


def test_every_command_that_is_declared_is_decided() -> None:
    """By its stream: a case, an agency, a proposal, what an agency acknowledges, or a notice."""
    told = {AcknowledgeErasure, AcknowledgeDeliveries, GiveNotice}
    assert set(ASKED) == CASE_COMMANDS | AGENCY_COMMANDS | OF_PROPOSALS | told


def test_every_command_is_somebodys_to_give_and_nothing_else_is() -> None:
    assert all(roles_for(command) for command in ASKED)
    assert roles_for(CaseOpened) == frozenset()


def test_every_role_has_its_commands_and_purposes() -> None:
    assert all(commands_of(role) for role in Role)
    assert set(PURPOSES) == set(Role)


def test_a_machine_records_no_consent_and_sends_nothing_out() -> None:
    for command in (
        GiveConsent,
        RefuseConsent,
        NarrowConsent,
        WithdrawConsent,
        OverrideConsent,
        DraftReferral,
        SendReferral,
        CancelReferral,
        CloseCase,
    ):
        assert Role.INTEGRATOR not in roles_for(command)


@pytest.mark.parametrize("role", [r for r in PEOPLE if r is not Role.SUPERVISOR])
@pytest.mark.parametrize("command", [EndOverride, AskLeadTransfer, AcceptLeadTransfer, MergeCase, AssignCaseWorker])
def test_grave_decisions_are_a_supervisors(command: type[Fact], role: Role) -> None:
    assert Role.SUPERVISOR in roles_for(command)
    assert role not in roles_for(command)


@pytest.mark.parametrize("command", [PlaceLegalHold, LiftLegalHold, LiftHoldOnOrder])
def test_legal_holds_are_for_the_reviewer_and_the_officer_and_for_supervisors_of_the_police(
    command: type[Fact],
) -> None:
    supervisor = {Role.SUPERVISOR} if command is not LiftHoldOnOrder else set()
    who = {Role.LEGAL_REVIEWER, Role.DATA_PROTECTION_OFFICER} | supervisor
    assert {r for r in Role if command in commands_of(r)} == who


def test_only_the_system_escalates() -> None:
    assert [r for r in Role if EscalateReferral in commands_of(r)] == [Role.SYSTEM]


def test_people_who_do_casework_break_a_glass_and_supervisors_and_officers_judge_it() -> None:
    assert {r for r in Role if BreakGlass in commands_of(r)} == {Role.CASE_WORKER, Role.SUPERVISOR}
    assert roles_for(CloseGlass) == roles_for(BreakGlass)
    assert roles_for(ReviewGlass) == {Role.SUPERVISOR, Role.DATA_PROTECTION_OFFICER}
    assert roles_for(RaiseGlassReview) == {Role.SYSTEM}


def test_administrators_see_to_agencies_and_never_to_cases() -> None:
    of_agencies = AGENCY_COMMANDS - {DisableWebhook, TellOfRecovery}
    assert commands_of(Role.AGENCY_ADMINISTRATOR) == of_agencies | OF_PROPOSALS
    assert Role.AGENCY_ADMINISTRATOR not in READERS
    assert Role.DATA_PROTECTION_OFFICER not in READERS


MEMBER = ActorId(UUID(int=5))
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def office(*roles: Role, active: bool = True) -> Agency:
    members = {MEMBER: frozenset(roles)} if roles else {}
    return Agency("rsud", AgencyKind.HEALTH, "RSUD", 1, members=members, active=active)


def caller(*roles: Role) -> Caller:
    return Caller(MEMBER, "rsud", roles)


def test_who_has_several_roles_acts_in_the_first_that_allows_it_and_fits_the_purpose() -> None:
    roles = (Role.CASE_WORKER, Role.SUPERVISOR)
    may = roles_for(SendReferral)
    assert acting(caller(*roles), office(*roles), may, "care", NOW).role is Role.CASE_WORKER
    assert acting(caller(*roles), office(*roles), may, "supervision", NOW).role is Role.SUPERVISOR
    assert acting(caller(*roles), office(Role.SUPERVISOR), may, "care", NOW).role is Role.SUPERVISOR


def test_a_role_that_only_the_token_names_is_none() -> None:
    with pytest.raises(NotAMember):
        acting(caller(Role.SUPERVISOR), office(Role.CASE_WORKER), roles_for(EndOverride), "care", NOW)
    with pytest.raises(NotAMember):
        acting(caller(Role.CASE_WORKER), office(), READERS, "care", NOW)


def test_nobody_acts_for_an_agency_that_is_suspended_or_unknown() -> None:
    for where in (office(Role.CASE_WORKER, active=False), None):
        with pytest.raises(AgencyInactive):
            acting(caller(Role.CASE_WORKER), where, READERS, "care", NOW)


def test_without_a_role_that_may_nothing_is_allowed_and_who_may_is_said() -> None:
    with pytest.raises(NotForThisRole) as refused:
        acting(caller(Role.CASE_WORKER), office(Role.CASE_WORKER), roles_for(EndOverride), "care", NOW)
    assert refused.value.about["needs"] == ["supervisor"]


def test_the_system_is_named_to_nobody_as_who_could_do_it() -> None:
    with pytest.raises(NotForThisRole) as refused:
        acting(caller(Role.SUPERVISOR), office(Role.SUPERVISOR), roles_for(EscalateReferral), "care", NOW)
    assert refused.value.about["needs"] == []


@pytest.mark.parametrize("role", [r for r in Role if r is not Role.SYSTEM])
@pytest.mark.parametrize("purpose", list(Purpose))
def test_a_role_acts_for_its_purposes_only(role: Role, purpose: Purpose) -> None:
    everyone = frozenset(Role)
    if purpose in PURPOSES[role]:
        assert acting(caller(role), office(role), everyone, purpose.value, NOW).purpose is purpose
    else:
        with pytest.raises(PurposeNotAllowed) as refused:
            acting(caller(role), office(role), everyone, purpose.value, NOW)
        assert refused.value.about["role"] == role.value


def test_without_a_purpose_nothing_is_allowed() -> None:
    for said in (None, "", "curiosity"):
        with pytest.raises(PurposeNotAllowed):
            acting(caller(Role.CASE_WORKER), office(Role.CASE_WORKER), READERS, said, NOW)


def test_nobody_who_works_on_cases_acts_for_audit_and_no_auditor_for_care() -> None:
    assert Purpose.AUDIT not in PURPOSES[Role.CASE_WORKER] | PURPOSES[Role.SUPERVISOR]
    assert Purpose.CARE not in PURPOSES[Role.LEGAL_REVIEWER] | PURPOSES[Role.DATA_PROTECTION_OFFICER]
