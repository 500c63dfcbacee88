"""Which role may ask for what, and for which purposes."""

import pytest

from rujukan.domain import agency
from rujukan.domain import authority as au
from rujukan.domain.case import commands as c
from rujukan.domain.case import decide
from rujukan.domain.codes import Purpose, Role
from rujukan.domain.fact import Fact
from rujukan.domain.refusal import NotForThisRole, PurposeNotAllowed

CASE_COMMANDS = {t for t in decide.registry if t is not object and issubclass(t, Fact) and t is not Fact}
AGENCY_COMMANDS = {t for t in agency.decide.registry if t is not object and issubclass(t, Fact) and t is not Fact}
PEOPLE = [r for r in Role if r not in (Role.SYSTEM, Role.INTEGRATOR)]


def test_every_command_that_is_written_is_decided() -> None:
    declared = {
        t for t in vars(c).values() if isinstance(t, type) and issubclass(t, Fact) and t.__module__ == c.__name__
    }
    assert declared == CASE_COMMANDS


def test_every_command_is_somebodys_to_give_and_nothing_else_is() -> None:
    assert frozenset().union(*au.COMMANDS.values()) == CASE_COMMANDS | AGENCY_COMMANDS


def test_every_role_has_its_commands_and_purposes() -> None:
    assert set(au.COMMANDS) == set(au.PURPOSES) == set(Role)


def test_a_machine_records_no_consent_and_sends_nothing_out() -> None:
    for command in (
        c.GiveConsent,
        c.RefuseConsent,
        c.NarrowConsent,
        c.WithdrawConsent,
        c.OverrideConsent,
        c.DraftReferral,
        c.SendReferral,
        c.CancelReferral,
        c.CloseCase,
    ):
        with pytest.raises(NotForThisRole):
            au.acting_role(command, [Role.INTEGRATOR])


@pytest.mark.parametrize("role", [r for r in PEOPLE if r is not Role.SUPERVISOR])
@pytest.mark.parametrize(
    "command", [c.OverrideConsent, c.AskLeadTransfer, c.AcceptLeadTransfer, c.MergeCase, c.AssignCaseWorker]
)
def test_grave_decisions_are_a_supervisors(command: type[Fact], role: Role) -> None:
    assert au.acting_role(command, [Role.SUPERVISOR]) is Role.SUPERVISOR
    with pytest.raises(NotForThisRole):
        au.acting_role(command, [role])


@pytest.mark.parametrize("command", [c.PlaceLegalHold, c.LiftLegalHold])
def test_legal_holds_are_for_the_reviewer_and_the_data_protection_officer(command: type[Fact]) -> None:
    assert {r for r in Role if command in au.COMMANDS[r]} == {Role.LEGAL_REVIEWER, Role.DATA_PROTECTION_OFFICER}


def test_only_the_system_escalates() -> None:
    assert [r for r in Role if c.EscalateReferral in au.COMMANDS[r]] == [Role.SYSTEM]


def test_administrators_see_to_agencies_and_never_to_cases() -> None:
    assert au.COMMANDS[Role.AGENCY_ADMINISTRATOR] == AGENCY_COMMANDS
    assert Role.AGENCY_ADMINISTRATOR not in au.READERS
    assert Role.DATA_PROTECTION_OFFICER not in au.READERS


def test_who_has_several_roles_acts_in_the_first_that_allows_it() -> None:
    roles = [Role.DATA_PROTECTION_OFFICER, Role.SUPERVISOR, Role.CASE_WORKER]
    assert au.acting_role(c.SendReferral, roles) is Role.SUPERVISOR
    assert au.reading_role(roles) is Role.SUPERVISOR
    assert au.reading_role(roles, au.AUDITORS) is Role.DATA_PROTECTION_OFFICER


def test_without_a_role_nothing_is_allowed() -> None:
    with pytest.raises(NotForThisRole) as refused:
        au.acting_role(c.OverrideConsent, [])
    assert refused.value.about["needs"] == ["supervisor"]
    with pytest.raises(NotForThisRole):
        au.reading_role([])
    with pytest.raises(NotForThisRole):
        au.reading_role([Role.AGENCY_ADMINISTRATOR])


def test_the_system_is_named_to_nobody_as_who_could_do_it() -> None:
    with pytest.raises(NotForThisRole) as refused:
        au.acting_role(c.EscalateReferral, [Role.SUPERVISOR])
    assert refused.value.about["needs"] == []


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("purpose", list(Purpose))
def test_a_role_acts_for_its_purposes_only(role: Role, purpose: Purpose) -> None:
    if purpose in au.PURPOSES[role]:
        au.check_purpose(role, purpose)
    else:
        with pytest.raises(PurposeNotAllowed) as refused:
            au.check_purpose(role, purpose)
        assert refused.value.about["role"] == role.value


def test_nobody_who_works_on_cases_acts_for_audit_and_no_auditor_for_care() -> None:
    assert Purpose.AUDIT not in au.PURPOSES[Role.CASE_WORKER] | au.PURPOSES[Role.SUPERVISOR]
    assert Purpose.CARE not in au.PURPOSES[Role.LEGAL_REVIEWER] | au.PURPOSES[Role.DATA_PROTECTION_OFFICER]
