"""How a case ends, and begins again."""

import pytest
from story import (
    HOSPITAL,
    R1,
    R2,
    TO_LAWYERS,
    TRANSFER,
    brought_to,
    closed,
    given,
    opened,
    referred,
    say,
)

from rujukan.domain.case.lead import LeadTransferAsked, LeadTransferDeclined
from rujukan.domain.case.lifecycle import CaseReopened, CloseCase, ReopenCase
from rujukan.domain.casefile.state import Status
from rujukan.domain.codes import AgencyKind, CloseReason, ReferralStatus
from rujukan.domain.refusal import CaseIsOpen, Invalid, NotForThisAgency, OpenReferrals

S = ReferralStatus

CLOSE = say(CloseCase, reason=CloseReason.GOALS_MET)
REOPEN = say(ReopenCase, reason="it began again")

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
