"""How a case ends, begins again, or turns out to be another."""

import pytest
from msgspec.structs import replace
from story import (
    HOSPITAL,
    OTHER_CASE,
    R1,
    R2,
    TO_LAWYERS,
    TRANSFER,
    an_id,
    brought_to,
    closed,
    given,
    merged,
    opened,
    referred,
    say,
)

from rujukan.domain.case.lead import LeadTransferAsked, LeadTransferDeclined
from rujukan.domain.case.lifecycle import (
    AbsorbDuplicate,
    CaseReopened,
    CloseCase,
    DuplicateAbsorbed,
    Files,
    MergeCase,
    ReopenCase,
)
from rujukan.domain.casefile.state import Status
from rujukan.domain.codes import AgencyKind, CloseReason, ReferralStatus
from rujukan.domain.refusal import AlreadyExists, CaseIsOpen, CaseNotOpen, Invalid, NotForThisAgency, OpenReferrals

S = ReferralStatus

CLOSE = say(CloseCase, reason=CloseReason.GOALS_MET)
REOPEN = say(ReopenCase, reason="it began again")
MERGE = say(MergeCase, into=OTHER_CASE)
ABSORB = say(AbsorbDuplicate, duplicate=OTHER_CASE)

ASKED = say(LeadTransferAsked, transfer=TRANSFER, to="lbh", to_kind=AgencyKind.LEGAL_AID, reason="she moved")
DECLINED = say(LeadTransferDeclined, transfer=TRANSFER, reason="no capacity")
REOPENED = say(CaseReopened, reason="it began again")


# Closing and re-opening --------------------------------------------------------------------------------------


def test_a_case_is_closed_with_a_reason() -> None:
    case = given(opened()).when(CLOSE).then(closed())
    assert case is not None
    assert case.status is Status.CLOSED


@pytest.mark.parametrize("status", [s for s in S if s.is_open])
def test_a_case_with_an_open_referral_is_not_closed(status: S) -> None:
    given(*referred(status)).when(CLOSE).refused(OpenReferrals, referrals=[str(R1)])


def test_two_referrals_are_both_named_when_they_keep_a_case_open() -> None:
    second = brought_to(S.REQUESTED, R2, to="polres")
    given(*referred(), *second).when(CLOSE).refused(OpenReferrals, referrals=sorted([str(R1), str(R2)]))


@pytest.mark.parametrize("status", [s for s in S if not s.is_open])
def test_ended_referrals_and_drafts_keep_no_case_open(status: S) -> None:
    given(*referred(status)).when(CLOSE).then(closed())


def test_a_case_is_not_closed_while_another_agency_is_asked_to_lead() -> None:
    given(opened(), TO_LAWYERS, ASKED).when(CLOSE).refused(Invalid, field="transfer")


def test_a_closed_case_is_reopened_by_its_lead() -> None:
    case = given(opened(), closed()).when(REOPEN).then(REOPENED)
    assert case is not None
    assert case.status is Status.OPEN
    given(*referred(S.COMPLETED), closed()).when(REOPEN, by=HOSPITAL).refused(NotForThisAgency)


def test_an_open_case_is_not_reopened() -> None:
    given(opened()).when(REOPEN).refused(CaseIsOpen)


# Duplicates --------------------------------------------------------------------------------------------------


def test_a_duplicate_ends_for_good_and_names_the_case_that_lives_on() -> None:
    case = given(opened()).when(MERGE).then(merged())
    assert case is not None
    assert (case.status, case.of(Files).merged_into) == (Status.MERGED, OTHER_CASE)
    given(opened(), merged()).when(REOPEN).refused(CaseNotOpen, status="merged", merged_into=OTHER_CASE)


@pytest.mark.parametrize("status", [s for s in S if s.is_open or s is S.DRAFT])
def test_a_duplicate_with_referrals_under_way_is_not_merged(status: S) -> None:
    given(*referred(status)).when(MERGE).refused(OpenReferrals, referrals=[str(R1)])


def test_a_case_is_not_merged_while_another_agency_is_asked_to_lead() -> None:
    given(opened(), TO_LAWYERS, ASKED).when(MERGE).refused(Invalid, field="transfer")
    given(opened(), TO_LAWYERS, ASKED, DECLINED).when(MERGE).then(merged())


def test_a_duplicate_is_absorbed_once() -> None:
    absorbed = say(DuplicateAbsorbed, duplicate=OTHER_CASE)
    given(opened(), absorbed).when(ABSORB).refused(AlreadyExists, duplicate=OTHER_CASE)
    given(opened(), absorbed).when(replace(ABSORB, duplicate=an_id("third case"))).then_only(DuplicateAbsorbed)


def test_the_living_case_notes_its_duplicate() -> None:
    case = given(opened()).when(ABSORB).then(say(DuplicateAbsorbed, duplicate=OTHER_CASE))
    assert case is not None
    assert case.of(Files).duplicates == {OTHER_CASE}


def test_a_file_that_had_taken_in_a_duplicate_still_names_it_when_it_ends_as_one_itself() -> None:
    case = given(opened(), say(DuplicateAbsorbed, duplicate=an_id("third case"))).when(MERGE).then(merged())
    assert case is not None
    assert case.of(Files) == Files(merged_into=OTHER_CASE, duplicates=frozenset({an_id("third case")}))
