"""Who takes part in a case, and what nobody else may: rules over the commands of many subjects."""

from datetime import date, timedelta

import pytest
from msgspec.structs import replace
from story import (
    ACTION,
    DELIVERY,
    DOCUMENT,
    HOLD,
    HOSPITAL,
    HOUR,
    LEAD,
    NOON,
    NOTE,
    OTHER_CASE,
    POLICE,
    SCHOOL,
    TO_LAWYERS,
    TRANSFER,
    WORKER,
    act,
    closed,
    given,
    incident,
    incident_fields,
    merged,
    opened,
    referred,
    say,
)

from rujukan.domain.case.assessments import AgreeSafetyPlan, AssessNeeds, AssessRisk
from rujukan.domain.case.conferences import AgreeAction
from rujukan.domain.case.documents import AttachDocument
from rujukan.domain.case.holds import LiftLegalHold, PlaceLegalHold
from rujukan.domain.case.identity import (
    CorrectSurvivorContact,
    CorrectSurvivorIdentity,
    IdentifySurvivor,
    RecordSurvivorContact,
    SurvivorContactRecorded,
    SurvivorIdentified,
)
from rujukan.domain.case.incidents import CorrectIncident, RecordAllegedPerpetrator, RecordIncident
from rujukan.domain.case.intake import ReceiveReport, ReportReceived
from rujukan.domain.case.lead import AcceptLeadTransfer, AskLeadTransfer, AssignCaseWorker, DeclineLeadTransfer
from rujukan.domain.case.lifecycle import CloseCase, ReopenCase
from rujukan.domain.case.merging import AbsorbDuplicate, MergeCase
from rujukan.domain.case.notes import RecordContactAttempt, RecordFollowUp, RecordNote
from rujukan.domain.case.orders import RecordProtectionOrder
from rujukan.domain.case.services import DeliverService
from rujukan.domain.codes import (
    Channel,
    CloseReason,
    DocumentKind,
    HoldEnd,
    HoldKind,
    ReferralStatus,
    Reporter,
    Service,
)
from rujukan.domain.fact import CLOCK_SKEW, Fact
from rujukan.domain.refusal import CaseNotOpen, InTheFuture, NotForThisAgency, Unknown
from rujukan.domain.violence import Need, RiskLevel

S = ReferralStatus

WORK = [
    say(AssessNeeds, needs=frozenset({Need.HEALTH}), safety="a plan is needed"),
    say(AssessRisk, level=RiskLevel.HIGH, reasons="threats"),
    say(AgreeSafetyPlan, plan="a neighbour knows"),
    say(DeliverService, delivery=DELIVERY, service=Service.HEALTH, health="treated"),
    say(RecordNote, note=NOTE, psychosocial="she sleeps again"),
    say(RecordContactAttempt, note=NOTE, reached=False, means="telephone"),
    say(RecordFollowUp, note=NOTE, next_on=date(2026, 3, 10)),
    say(
        AttachDocument,
        document=DOCUMENT,
        kind=DocumentKind.VISUM,
        compartment="health",
        media_type="application/pdf",
        size=3,
        sha256="0" * 64,
    ),
    say(AgreeAction, action=ACTION, owner="rsud", what="see her again", due_on=date(2026, 3, 10)),
    say(RecordProtectionOrder, order="7/2026", issued_by="the court", valid_from=date(2026, 3, 3)),
]
"""What whoever takes part does for the survivor; that it may, each subject's own file says."""

IDENTITY = {"name": "Penyintas A"}
CONTACT = {"phone": "0000", "safe_times": "mornings", "safe_to_call": None}
ADDITIONS = [
    say(ReceiveReport, channel=Channel.HOTLINE, reporter=Reporter.WITNESS),
    say(IdentifySurvivor, **IDENTITY),
    say(CorrectSurvivorIdentity, **IDENTITY, reason="a slip"),
    say(RecordSurvivorContact, **CONTACT),
    say(CorrectSurvivorContact, **CONTACT, reason="a slip"),
    say(RecordIncident, **incident_fields()),
    say(CorrectIncident, **incident_fields(), reason="a slip"),
    say(RecordAllegedPerpetrator, relation="neighbour"),
]
"""What is added to what is known of her and of what happened."""

ASSIGN = say(AssignCaseWorker, worker=WORKER)
ASK = say(AskLeadTransfer, transfer=TRANSFER, to="lbh", reason="she moved")
ACCEPT = say(AcceptLeadTransfer, transfer=TRANSFER)
DECLINE = say(DeclineLeadTransfer, transfer=TRANSFER, reason="no capacity")
CLOSE = say(CloseCase, reason=CloseReason.GOALS_MET)
REOPEN = say(ReopenCase, reason="it began again")
MERGE = say(MergeCase, into=OTHER_CASE)
ABSORB = say(AbsorbDuplicate, duplicate=OTHER_CASE)
PLACE = say(PlaceLegalHold, hold=HOLD, hold_kind=HoldKind.TRIAL, reason="a trial")
LIFT = say(LiftLegalHold, hold=HOLD, ended_by=HoldEnd.FINAL_JUDGMENT, rule="7/2026")
DECISIONS = [ASSIGN, ASK, ACCEPT, DECLINE, CLOSE, REOPEN, MERGE, ABSORB, PLACE, LIFT]
"""What is decided over the life of the case."""


def name(command: Fact) -> str:
    return type(command).__name__


# Work --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", WORK, ids=name)
def test_an_outsider_records_nothing(command: Fact) -> None:
    given(*referred()).when(command, by=SCHOOL).refused(Unknown, what="case")


@pytest.mark.parametrize("command", WORK, ids=name)
def test_whose_referral_ended_records_no_more_work(command: Fact) -> None:
    given(*referred(S.FAILED)).when(command, by=HOSPITAL).refused(NotForThisAgency)


@pytest.mark.parametrize("command", WORK, ids=name)
def test_no_work_is_recorded_in_a_closed_case(command: Fact) -> None:
    given(opened(), closed()).when(command).refused(CaseNotOpen)


@pytest.mark.parametrize("command", WORK, ids=name)
def test_no_work_is_recorded_before_it_was_done(command: Fact) -> None:
    given(*referred()).when(replace(command, occurred_at=NOON + HOUR)).refused(InTheFuture)


# Additions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ADDITIONS, ids=name)
def test_to_an_agency_outside_it_the_case_does_not_exist(command: Fact) -> None:
    given(*referred()).when(command, by=SCHOOL).refused(Unknown, what="case")
    given().when(command, by=LEAD).refused(Unknown, what="case")


@pytest.mark.parametrize("command", ADDITIONS, ids=name)
def test_an_agency_whose_referral_ended_adds_no_more(command: Fact) -> None:
    given(*referred(S.COMPLETED)).when(command, by=HOSPITAL).refused(NotForThisAgency)


CORRECTED = (CorrectSurvivorIdentity, CorrectSurvivorContact)
"""What she may have put right at any time: test_every_state.py."""
ADDED = [command for command in ADDITIONS if not isinstance(command, CORRECTED)]


@pytest.mark.parametrize("command", ADDED, ids=name)
def test_nothing_is_added_to_a_closed_case(command: Fact) -> None:
    given(opened(), closed()).when(command).refused(CaseNotOpen, status="closed")


def test_nothing_is_added_to_a_case_that_was_merged_into_another() -> None:
    for command in ADDED:
        given(opened(), merged()).when(command).refused(CaseNotOpen, status="merged")


def test_the_recipient_of_a_mere_draft_knows_of_no_case() -> None:
    given(*referred(S.DRAFT)).when(ADDITIONS[0], by=HOSPITAL).refused(Unknown, what="case")


def test_the_police_are_no_part_of_a_case_because_another_agency_is() -> None:
    given(*referred()).when(ADDITIONS[0], by=POLICE).refused(Unknown)
    given(*referred()).when(ADDITIONS[0], by=act("rsud")).then_only(ReportReceived)


@pytest.mark.parametrize("command", ADDITIONS, ids=name)
def test_nothing_happens_in_the_future(command: Fact) -> None:
    ahead = replace(command, occurred_at=NOON + CLOCK_SKEW + timedelta(seconds=1))
    before = [
        opened(),
        say(SurvivorIdentified, **IDENTITY),
        say(SurvivorContactRecorded, **CONTACT),
        incident(),
    ]
    if isinstance(command, IdentifySurvivor | RecordSurvivorContact | RecordIncident):
        before = [opened()]
    given(*before).when(ahead).refused(InTheFuture, recorded_at=NOON)
    within = replace(command, occurred_at=NOON + CLOCK_SKEW)
    assert given(*before).when(within).refusal is None


# Decisions over the life of the case -------------------------------------------------------------------------


@pytest.mark.parametrize("command", DECISIONS, ids=name)
def test_to_an_outsider_the_case_does_not_exist(command: Fact) -> None:
    given(opened(), TO_LAWYERS).when(command, by=SCHOOL).refused(Unknown, what="case")
    given().when(command).refused(Unknown, what="case")


@pytest.mark.parametrize("command", [ASSIGN, ASK, CLOSE, REOPEN, MERGE, ABSORB], ids=name)
def test_only_the_lead_decides_over_the_life_of_the_case(command: Fact) -> None:
    given(*referred()).when(command, by=HOSPITAL).refused(NotForThisAgency, needs="lead")


@pytest.mark.parametrize("command", [ASSIGN, ASK, ACCEPT, CLOSE, MERGE, ABSORB], ids=name)
def test_a_closed_case_is_reopened_first(command: Fact) -> None:
    given(opened(), closed()).when(command).refused(CaseNotOpen, status="closed")


@pytest.mark.parametrize("command", [ASSIGN, ASK, CLOSE, MERGE, ABSORB], ids=name)
def test_nothing_of_it_is_recorded_from_the_future(command: Fact) -> None:
    given(opened(), TO_LAWYERS).when(replace(command, occurred_at=NOON + HOUR)).refused(InTheFuture)
