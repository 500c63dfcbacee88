"""Who leads, who accompanies, and how a case ends, begins again, or turns out to be another."""

import pytest
from msgspec.structs import replace
from story import (
    C1,
    C2,
    HOSPITAL,
    HOUR,
    LAWYER,
    LEAD,
    NETWORK,
    NOON,
    NOTE,
    OTHER_CASE,
    R1,
    R2,
    SCHOOL,
    TRANSFER,
    WORKER,
    an_id,
    brought_to,
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

from rujukan.domain.case.holds import HoldLiftingAsked, LegalHoldLifted, LegalHoldPlaced, LiftLegalHold, PlaceLegalHold
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
from rujukan.domain.case.lifecycle import (
    AbsorbDuplicate,
    CaseClosed,
    CaseMerged,
    CaseReopened,
    CloseCase,
    DuplicateAbsorbed,
    Files,
    MergeCase,
    ReopenCase,
)
from rujukan.domain.case.notes import RecordNote
from rujukan.domain.case.referrals import CancelReferral, ReferralCancelled, SendReferral
from rujukan.domain.casefile.state import Status
from rujukan.domain.codes import AgencyKind, CloseReason, EndReason, ReferralStatus, Role
from rujukan.domain.fact import Fact
from rujukan.domain.refusal import (
    AlreadyExists,
    CaseIsOpen,
    CaseNotOpen,
    ConsentMissing,
    HoldStands,
    InTheFuture,
    Invalid,
    NotAMember,
    NotForThisAgency,
    OpenReferrals,
    RecipientUnavailable,
    Unknown,
)

S = ReferralStatus

ASSIGN = say(AssignCaseWorker, worker=WORKER)
ASK = say(AskLeadTransfer, transfer=TRANSFER, to="lbh", reason="she moved")
ACCEPT = say(AcceptLeadTransfer, transfer=TRANSFER)
DECLINE = say(DeclineLeadTransfer, transfer=TRANSFER, reason="no capacity")
CLOSE = say(CloseCase, reason=CloseReason.GOALS_MET)
REOPEN = say(ReopenCase, reason="it began again")
MERGE = say(MergeCase, into=OTHER_CASE)
ABSORB = say(AbsorbDuplicate, duplicate=OTHER_CASE)
PLACE = say(PlaceLegalHold, reason="a trial")
LIFT = say(LiftLegalHold, reason="the trial ended")

ASSIGNED = say(CaseWorkerAssigned, worker=WORKER)
ASKED = say(LeadTransferAsked, transfer=TRANSFER, to="lbh", to_kind=AgencyKind.LEGAL_AID, reason="she moved")
ACCEPTED = say(LeadTransferAccepted, transfer=TRANSFER, lead="lbh", lead_kind=AgencyKind.LEGAL_AID)
DECLINED = say(LeadTransferDeclined, transfer=TRANSFER, reason="no capacity")
CLOSED = say(CaseClosed, reason=CloseReason.GOALS_MET)
REOPENED = say(CaseReopened, reason="it began again")
MERGED = say(CaseMerged, into=OTHER_CASE)
PLACED = say(LegalHoldPlaced, reason="a trial")
LIFTING = say(HoldLiftingAsked, asked_by=LEAD.actor, reason="the trial ended")
LIFTED = say(LegalHoldLifted, reason="the trial ended")

NOTED = say(RecordNote, note=NOTE, health="h")

TO_LAWYERS = consent(C1, to="lbh", of=("legal",))
ALL = [ASSIGN, ASK, ACCEPT, DECLINE, CLOSE, REOPEN, MERGE, ABSORB, PLACE, LIFT]


def name(command: Fact) -> str:
    return type(command).__name__


@pytest.mark.parametrize("command", ALL, ids=name)
def test_to_an_outsider_the_case_does_not_exist(command: Fact) -> None:
    given(opened(), TO_LAWYERS).when(command, by=SCHOOL).refused(Unknown, what="case")
    given().when(command).refused(Unknown, what="case")


@pytest.mark.parametrize("command", [ASSIGN, ASK, CLOSE, REOPEN, MERGE, ABSORB, LIFT], ids=name)
def test_only_the_lead_decides_over_the_life_of_the_case(command: Fact) -> None:
    given(*referred()).when(command, by=HOSPITAL).refused(NotForThisAgency, needs="lead")


@pytest.mark.parametrize("command", [ASSIGN, ASK, ACCEPT, CLOSE, MERGE, ABSORB], ids=name)
def test_a_closed_case_is_reopened_first(command: Fact) -> None:
    given(opened(), CLOSED).when(command).refused(CaseNotOpen, status="closed")


@pytest.mark.parametrize("command", [ASSIGN, ASK, CLOSE, MERGE, ABSORB, PLACE], ids=name)
def test_nothing_of_it_is_recorded_from_the_future(command: Fact) -> None:
    given(opened(), TO_LAWYERS).when(replace(command, occurred_at=NOON + HOUR)).refused(InTheFuture)


# Case worker -------------------------------------------------------------------------------------------------


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
    given(*handed_over).when(CLOSE, by=LAWYER).then(CLOSED)


def test_a_former_lead_knows_the_case_still() -> None:
    case = the_case(opened(), TO_LAWYERS, ASKED, ACCEPTED)
    assert dict(case.former_leads) == {"uptd-ppa": AgencyKind.LEAD}
    assert case.is_known_to("uptd-ppa")
    assert not case.takes_part("uptd-ppa")
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


# Closing and re-opening --------------------------------------------------------------------------------------


def test_a_case_is_closed_with_a_reason() -> None:
    case = given(opened()).when(CLOSE).then(CLOSED)
    assert case is not None
    assert case.status is Status.CLOSED


@pytest.mark.parametrize("status", [s for s in S if s.is_open])
def test_a_case_with_an_open_referral_is_not_closed(status: S) -> None:
    given(*referred(status)).when(CLOSE).refused(OpenReferrals, referrals=[str(R1)])


@pytest.mark.parametrize("status", [s for s in S if not s.is_open])
def test_ended_referrals_and_drafts_keep_no_case_open(status: S) -> None:
    given(*referred(status)).when(CLOSE).then(CLOSED)


def test_a_case_is_not_closed_while_another_agency_is_asked_to_lead() -> None:
    given(opened(), TO_LAWYERS, ASKED).when(CLOSE).refused(Invalid, field="transfer")


def test_a_closed_case_is_reopened_by_its_lead() -> None:
    case = given(opened(), CLOSED).when(REOPEN).then(REOPENED)
    assert case is not None
    assert case.status is Status.OPEN
    given(*referred(S.COMPLETED), CLOSED).when(REOPEN, by=HOSPITAL).refused(NotForThisAgency)


def test_an_open_case_is_not_reopened() -> None:
    given(opened()).when(REOPEN).refused(CaseIsOpen)


# Duplicates --------------------------------------------------------------------------------------------------


def test_a_duplicate_ends_for_good_and_names_the_case_that_lives_on() -> None:
    case = given(opened()).when(MERGE).then(MERGED)
    assert case is not None
    assert (case.status, case.of(Files).merged_into) == (Status.MERGED, OTHER_CASE)
    given(opened(), MERGED).when(REOPEN).refused(CaseNotOpen, status="merged", merged_into=OTHER_CASE)


@pytest.mark.parametrize("status", [s for s in S if s.is_open or s is S.DRAFT])
def test_a_duplicate_with_referrals_under_way_is_not_merged(status: S) -> None:
    given(*referred(status)).when(MERGE).refused(OpenReferrals, referrals=[str(R1)])


def test_a_case_is_not_merged_while_another_agency_is_asked_to_lead() -> None:
    given(opened(), TO_LAWYERS, ASKED).when(MERGE).refused(Invalid, field="transfer")
    given(opened(), TO_LAWYERS, ASKED, DECLINED).when(MERGE).then(MERGED)


def test_a_duplicate_is_absorbed_once() -> None:
    absorbed = say(DuplicateAbsorbed, duplicate=OTHER_CASE)
    given(opened(), absorbed).when(ABSORB).refused(AlreadyExists, duplicate=OTHER_CASE)
    given(opened(), absorbed).when(replace(ABSORB, duplicate=an_id("third case"))).then_only(DuplicateAbsorbed)


def test_the_living_case_notes_its_duplicate() -> None:
    case = given(opened()).when(ABSORB).then(say(DuplicateAbsorbed, duplicate=OTHER_CASE))
    assert case is not None
    assert case.of(Files).duplicates == {OTHER_CASE}


# Legal holds -------------------------------------------------------------------------------------------------


def test_a_hold_is_placed_once_and_lifted_once() -> None:
    case = given(opened()).when(PLACE).then(PLACED)
    assert case is not None
    assert case.on_hold
    given(opened(), PLACED).when(PLACE).refused(HoldStands, holds=1)
    assert the_case(opened(), PLACED, LIFTED).on_hold is False
    given(opened(), PLACED).when(LIFT).then(LIFTING)
    given(opened()).when(LIFT).refused(HoldStands, holds=0)


@pytest.mark.parametrize("ended", [CLOSED, MERGED], ids=name)
def test_an_ended_case_can_be_held_and_released(ended: Fact) -> None:
    given(opened(), ended).when(PLACE).then(PLACED)
    given(opened(), ended, PLACED).when(LIFT).then(LIFTING)


def test_whoever_knows_the_case_may_place_a_hold_but_only_the_lead_lifts_it() -> None:
    given(*referred()).when(PLACE, by=HOSPITAL).then(PLACED)
    given(*referred(), PLACED).when(LIFT, by=HOSPITAL).refused(NotForThisAgency, needs="lead")


def test_two_referrals_are_both_named_when_they_keep_a_case_open() -> None:
    second = brought_to(S.REQUESTED, R2, to="polres")
    given(*referred(), *second).when(CLOSE).refused(OpenReferrals, referrals=sorted([str(R1), str(R2)]))
