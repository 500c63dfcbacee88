"""Who leads, to whom the lead is handed, and who accompanies the survivor."""

import pytest
from msgspec.structs import replace
from story import (
    C1,
    C2,
    HOUR,
    LAWYER,
    NETWORK,
    NOON,
    NOTE,
    R1,
    TO_LAWYERS,
    TRANSFER,
    WORKER,
    an_id,
    closed,
    consent,
    given,
    later,
    opened,
    referred,
    say,
    suspended,
    the_case,
    withdrawn,
)

from rujukan.domain.case.lead import (
    AcceptLeadTransfer,
    Accompanying,
    AskLeadTransfer,
    AssignCaseWorker,
    CaseWorkerAssigned,
    DeclineLeadTransfer,
    LeadTransferAccepted,
    LeadTransferAsked,
    LeadTransferDeclined,
)
from rujukan.domain.case.lifecycle import CloseCase
from rujukan.domain.case.notes import RecordNote
from rujukan.domain.case.referrals import CancelReferral, ReferralCancelled, SendReferral
from rujukan.domain.codes import AgencyKind, CloseReason, EndReason, ReferralStatus, Role
from rujukan.domain.fact import ActorId
from rujukan.domain.refusal import (
    AnotherPersonNeeded,
    ConsentMissing,
    Invalid,
    NotAMember,
    NotForThisAgency,
    RecipientUnavailable,
    Unknown,
)
from rujukan.domain.standing.rule import is_known_to, takes_part

S = ReferralStatus

ASSIGN = say(AssignCaseWorker, worker=WORKER)
ASK = say(AskLeadTransfer, transfer=TRANSFER, to="lbh", reason="she moved")
ACCEPT = say(AcceptLeadTransfer, transfer=TRANSFER)
DECLINE = say(DeclineLeadTransfer, transfer=TRANSFER, reason="no capacity")
CLOSE = say(CloseCase, reason=CloseReason.GOALS_MET)
NOTED = say(RecordNote, note=NOTE, health="h")

ASSIGNED = say(CaseWorkerAssigned, worker=WORKER)
ASKED = say(LeadTransferAsked, transfer=TRANSFER, to="lbh", to_kind=AgencyKind.LEGAL_AID, reason="she moved")
ACCEPTED = say(LeadTransferAccepted, transfer=TRANSFER, lead="lbh", lead_kind=AgencyKind.LEGAL_AID)
DECLINED = say(LeadTransferDeclined, transfer=TRANSFER, reason="no capacity")


# Case worker -------------------------------------------------------------------------------------------------


def test_nobody_hands_a_case_from_one_agency_of_theirs_to_another() -> None:
    of_both = replace(LAWYER, actor=ActorId(WORKER))
    given(opened(), TO_LAWYERS, ASKED).when(ACCEPT, by=of_both).refused(AnotherPersonNeeded)
    given(opened(), TO_LAWYERS, ASKED).when(DECLINE, by=of_both).then(DECLINED)


def test_a_member_of_the_lead_accompanies_the_survivor() -> None:
    case = given(opened()).when(ASSIGN).then(ASSIGNED)
    assert case is not None
    assert case.of(Accompanying).worker == WORKER


def test_who_is_no_case_worker_of_the_lead_is_not_assigned() -> None:
    given(opened()).when(say(AssignCaseWorker, worker=an_id("stranger"))).refused(NotAMember)
    lead = replace(NETWORK["uptd-ppa"], members={WORKER: frozenset({Role.AGENCY_ADMINISTRATOR})})
    given(opened()).when(ASSIGN, network={**NETWORK, "uptd-ppa": lead}).refused(NotAMember, worker=WORKER)


# Lead transfer -----------------------------------------------------------------------------------------------


def test_the_lead_is_asked_for_and_accepted() -> None:
    given(opened(), TO_LAWYERS).when(ASK).then(ASKED)
    case = given(opened(), TO_LAWYERS, ASKED, ASSIGNED).when(ACCEPT, by=LAWYER).then(ACCEPTED)
    assert case is not None
    assert (case.lead, case.lead_kind, case.transfer) == ("lbh", AgencyKind.LEGAL_AID, None)
    assert case.of(Accompanying).worker is None


def test_the_former_lead_decides_no_more() -> None:
    handed_over = [opened(), TO_LAWYERS, ASKED, ACCEPTED]
    given(*handed_over).when(CLOSE).refused(NotForThisAgency, needs="lead")
    given(*handed_over).when(NOTED).refused(NotForThisAgency)
    given(*handed_over).when(CLOSE, by=LAWYER).then(closed())


def test_a_former_lead_knows_the_case_still() -> None:
    case = the_case(opened(), TO_LAWYERS, ASKED, ACCEPTED)
    assert dict(case.former_leads) == {"uptd-ppa": AgencyKind.LEAD}
    assert is_known_to(case, "uptd-ppa")
    assert not takes_part(case, "uptd-ppa")
    assert not the_case(opened(), TO_LAWYERS, ASKED).former_leads


def test_who_leads_again_is_no_former_lead() -> None:
    back = say(LeadTransferAccepted, transfer=an_id("back"), lead="uptd-ppa", lead_kind=AgencyKind.LEAD)
    case = the_case(opened(), TO_LAWYERS, ASKED, ACCEPTED, back)
    assert (case.lead, dict(case.former_leads)) == ("uptd-ppa", {"lbh": AgencyKind.LEGAL_AID})


@pytest.mark.parametrize("status", [s for s in S if s.is_open or s is S.DRAFT])
def test_a_former_lead_still_cancels_a_referral_that_it_sent_and_nobody_else_does(status: S) -> None:
    handed_over = [*referred(status), consent(C2, to="lbh", of=("legal",)), ASKED, ACCEPTED]
    cancel = say(CancelReferral, referral=R1)
    given(*handed_over).when(cancel).then(say(ReferralCancelled, referral=R1, reason=EndReason.BY_SENDER))
    given(*handed_over).when(cancel, by=LAWYER).refused(NotForThisAgency, needs="sender")


def test_a_former_lead_sends_none_of_its_drafts() -> None:
    handed_over = [*referred(S.DRAFT), consent(C2, to="lbh", of=("legal",)), ASKED, ACCEPTED]
    given(*handed_over).when(say(SendReferral, referral=R1)).refused(NotForThisAgency)


def test_a_declined_transfer_leaves_the_lead_where_it_was() -> None:
    case = given(opened(), TO_LAWYERS, ASKED).when(DECLINE, by=LAWYER).then(DECLINED)
    assert case is not None
    assert (case.lead, case.transfer) == ("uptd-ppa", None)
    given(opened(), TO_LAWYERS, ASKED, DECLINED).when(DECLINE, by=LAWYER).refused(Unknown, what="case")


def test_the_lead_is_handed_only_to_who_may_know_the_case() -> None:
    given(opened()).when(ASK).refused(ConsentMissing, recipient="lbh", compartments=["coordination"])
    given(opened(), TO_LAWYERS, ASKED, withdrawn()).when(ACCEPT, by=LAWYER).refused(ConsentMissing, recipient="lbh")
    expiring = consent(C1, to="lbh", of=("legal",), until=NOON + HOUR)
    given(opened(), expiring, ASKED).when(ACCEPT, by=later(LAWYER, HOUR)).refused(ConsentMissing)


def test_the_lead_is_handed_to_another_active_agency() -> None:
    given(opened()).when(replace(ASK, to="uptd-ppa")).refused(Invalid, field="to")
    given(opened(), TO_LAWYERS).when(ASK, network=suspended("lbh")).refused(RecipientUnavailable, agency="lbh")
    given(opened()).when(replace(ASK, to="nowhere")).refused(RecipientUnavailable, agency="nowhere")


def test_one_agency_at_a_time_is_asked_to_lead() -> None:
    given(opened(), TO_LAWYERS, ASKED).when(replace(ASK, transfer=an_id("second"))).refused(Invalid, field="transfer")


def test_only_the_asked_agency_answers_and_only_what_it_was_asked() -> None:
    for answer in (ACCEPT, DECLINE):
        given(opened(), TO_LAWYERS, ASKED).when(answer).refused(Unknown, what="transfer")
        other = replace(answer, transfer=an_id("second"))
        given(opened(), TO_LAWYERS, ASKED).when(other, by=LAWYER).refused(Unknown, what="transfer")
        given(opened()).when(answer).refused(Unknown, what="transfer")
