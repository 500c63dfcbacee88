"""What agencies do for the survivor: assess, plan, deliver, follow up, meet, document."""

from datetime import date

import pytest
from msgspec.structs import replace
from story import (
    ACTION,
    CLOCK,
    CONFERENCE,
    DAY,
    DELIVERY,
    DOCUMENT,
    HOSPITAL,
    HOUR,
    LEAD,
    NEWER,
    NOON,
    NOTE,
    POLICE,
    R1,
    R2,
    SCHOOL,
    act,
    an_id,
    brought_to,
    clock,
    consent,
    given,
    later,
    opened,
    referred,
    say,
    written,
)

from rujukan.domain.case.assessments import (
    AgreeSafetyPlan,
    AssessNeeds,
    AssessRisk,
    NeedsAssessed,
    RiskAssessed,
    SafetyPlanAgreed,
)
from rujukan.domain.case.conferences import (
    ActionAgreed,
    ActionDone,
    AgreeAction,
    ConferenceHeld,
    FinishAction,
    HoldConference,
)
from rujukan.domain.case.documents import AttachDocument, DocumentAttached, Documents, DocumentSuperseded
from rujukan.domain.case.lifecycle import CaseClosed
from rujukan.domain.case.notes import (
    ContactAttempted,
    FollowUpRecorded,
    NoteRecorded,
    RecordContactAttempt,
    RecordFollowUp,
    RecordNote,
)
from rujukan.domain.case.orders import ProtectionOrderRecorded, RecordProtectionOrder
from rujukan.domain.case.services import DeliverService, ServiceDelivered
from rujukan.domain.casefile.clocks import ClockMet, ClockOverdue, MeetClock, RaiseClock
from rujukan.domain.codes import CloseReason, DocumentKind, Need, ReferralStatus, RiskLevel, Role, Service
from rujukan.domain.compartment import Compartment
from rujukan.domain.disclosure import Knowledge
from rujukan.domain.fact import CLOCK_SKEW, Fact
from rujukan.domain.refusal import (
    AlreadyExists,
    CaseNotOpen,
    InTheFuture,
    Invalid,
    NotForThisAgency,
    NotForThisRole,
    StillRunning,
    Unknown,
    WrongMove,
)

S = ReferralStatus

DOCUMENT_FIELDS = {
    "document": DOCUMENT,
    "kind": DocumentKind.VISUM,
    "compartment": "health",
    "media_type": "application/pdf",
    "size": 3,
    "sha256": "0" * 64,
}
ACTION_FIELDS = {"action": ACTION, "owner": "rsud", "what": "see her again", "due_on": date(2026, 3, 10)}
MEETING_FIELDS = {"conference": CONFERENCE, "attendees": frozenset({"uptd-ppa", "rsud"})}

ANY_PARTY_MAY: list[tuple[type[Fact], type[Fact], dict[str, object]]] = [
    (AssessNeeds, NeedsAssessed, {"needs": frozenset({Need.HEALTH}), "safety": "a plan is needed"}),
    (AssessRisk, RiskAssessed, {"level": RiskLevel.HIGH, "reasons": "threats"}),
    (AgreeSafetyPlan, SafetyPlanAgreed, {"plan": "a neighbour knows"}),
    (DeliverService, ServiceDelivered, {"delivery": DELIVERY, "service": Service.HEALTH, "health": "treated"}),
    (RecordNote, NoteRecorded, {"note": NOTE, "psychosocial": "she sleeps again"}),
    (RecordContactAttempt, ContactAttempted, {"note": NOTE, "reached": False, "means": "telephone"}),
    (RecordFollowUp, FollowUpRecorded, {"note": NOTE, "next_on": date(2026, 3, 10)}),
    (AttachDocument, DocumentAttached, DOCUMENT_FIELDS),
    (AgreeAction, ActionAgreed, ACTION_FIELDS),
    (
        RecordProtectionOrder,
        ProtectionOrderRecorded,
        {"order": "7/2026", "issued_by": "the court", "valid_from": date(2026, 3, 3)},
    ),
]
COMMANDS = [say(command, **fields) for command, _, fields in ANY_PARTY_MAY]
ids = [command.__name__ for command, _, _ in ANY_PARTY_MAY]


@pytest.mark.parametrize(("command", "event", "fields"), ANY_PARTY_MAY, ids=ids)
@pytest.mark.parametrize("by", [LEAD, HOSPITAL], ids=["lead", "recipient"])
def test_who_takes_part_records_the_work(
    command: type[Fact], event: type[Fact], fields: dict[str, object], by: Fact
) -> None:
    given(*referred()).when(say(command, **fields), by=by).then(say(event, **fields))


@pytest.mark.parametrize("command", COMMANDS, ids=ids)
def test_an_outsider_records_nothing(command: Fact) -> None:
    given(*referred()).when(command, by=SCHOOL).refused(Unknown, what="case")


@pytest.mark.parametrize("command", COMMANDS, ids=ids)
def test_whose_referral_ended_records_no_more_work(command: Fact) -> None:
    given(*referred(S.FAILED)).when(command, by=HOSPITAL).refused(NotForThisAgency)


@pytest.mark.parametrize("command", COMMANDS, ids=ids)
def test_no_work_is_recorded_in_a_closed_case(command: Fact) -> None:
    given(opened(), say(CaseClosed, reason=CloseReason.GOALS_MET)).when(command).refused(CaseNotOpen)


@pytest.mark.parametrize("command", COMMANDS, ids=ids)
def test_no_work_is_recorded_before_it_was_done(command: Fact) -> None:
    given(*referred()).when(replace(command, occurred_at=NOON + HOUR)).refused(InTheFuture)


# Services and clocks -----------------------------------------------------------------------------------------


def deliver(**other: object) -> DeliverService:
    return say(DeliverService, delivery=DELIVERY, service=Service.HEALTH, **other)


@pytest.mark.parametrize("status", [S.ACCEPTED, S.IN_PROGRESS])
def test_a_recipient_delivers_under_a_referral_that_it_accepted(status: S) -> None:
    given(*referred(status)).when(deliver(referral=R1), by=HOSPITAL).then_only(ServiceDelivered)


@pytest.mark.parametrize("status", [S.REQUESTED, S.RECEIVED, S.ON_HOLD])
def test_nothing_is_delivered_under_a_referral_that_is_not_accepted_or_on_hold(status: S) -> None:
    given(*referred(status)).when(deliver(referral=R1), by=HOSPITAL).refused(WrongMove, status=status, move="deliver")


def test_only_the_recipient_delivers_under_a_referral() -> None:
    given(*referred()).when(deliver(referral=R1)).refused(NotForThisAgency, needs="recipient")
    given(*referred(), *brought_to(S.ACCEPTED, R2, to="polres")).when(deliver(referral=R1), by=POLICE).refused(
        Unknown, what="referral"
    )


def test_a_delivery_meets_the_clocks_it_names() -> None:
    given(*referred(), clock(NOON + DAY)).when(deliver(meets=(CLOCK,)), by=HOSPITAL).then(
        say(ServiceDelivered, delivery=DELIVERY, service=Service.HEALTH, meets=(CLOCK,)),
        say(ClockMet, clock=CLOCK, in_time=True),
    )


@pytest.mark.parametrize(("due_after", "in_time"), [(2 * HOUR, True), (HOUR, True), (HOUR / 2, False)])
def test_a_clock_is_met_in_time_up_to_its_very_end(due_after: object, in_time: bool) -> None:
    met = say(MeetClock, NOON + HOUR, clock=CLOCK)
    given(opened(), clock(NOON + due_after)).when(met, by=later(LEAD, HOUR)).then(  # type: ignore[operator]
        say(ClockMet, NOON + HOUR, clock=CLOCK, in_time=in_time)
    )


def test_a_clock_is_not_met_in_the_future() -> None:
    ahead = NOON + HOUR
    given(opened(), clock()).when(say(MeetClock, ahead, clock=CLOCK)).refused(InTheFuture, occurred_at=ahead)
    given(opened(), clock()).when(replace(deliver(meets=(CLOCK,)), occurred_at=ahead)).refused(InTheFuture)
    within = NOON + CLOCK_SKEW
    given(opened(), clock()).when(say(MeetClock, within, clock=CLOCK)).then(
        say(ClockMet, within, clock=CLOCK, in_time=True)
    )


def test_a_clock_that_a_delivery_names_twice_is_met_once() -> None:
    given(opened(), clock()).when(deliver(meets=(CLOCK, CLOCK))).then_only(ServiceDelivered, ClockMet)


def test_a_delivery_meets_its_clocks_in_the_order_it_names_them() -> None:
    clocks = [an_id(f"clock {n}") for n in range(6)]
    started = [replace(clock(), clock=id) for id in clocks]
    events = given(opened(), *started).when(deliver(meets=(*reversed(clocks), clocks[3]))).events
    assert [event.clock for event in events if isinstance(event, ClockMet)] == clocks[::-1]


def test_a_clock_is_met_once() -> None:
    met = say(ClockMet, clock=CLOCK, in_time=True)
    given(opened(), clock(), met).when(say(MeetClock, clock=CLOCK)).refused(AlreadyExists, what="the clock's end")
    given(opened(), clock(), met).when(deliver(meets=(CLOCK,))).refused(AlreadyExists, what="the clock's end")


def test_a_clock_that_never_started_is_not_met() -> None:
    given(opened()).when(say(MeetClock, clock=CLOCK)).refused(Unknown, what="clock")
    given(opened(), clock()).when(say(MeetClock, clock=CLOCK), by=SCHOOL).refused(Unknown, what="case")


# Documents ---------------------------------------------------------------------------------------------------


def attach(**other: object) -> AttachDocument:
    return say(AttachDocument, **{**DOCUMENT_FIELDS, **other})


def attached(**other: object) -> DocumentAttached:
    return say(DocumentAttached, **{**DOCUMENT_FIELDS, **other})


SYSTEM = act("uptd-ppa", Role.SYSTEM)
RAISE = say(RaiseClock, clock=CLOCK)
OVERDUE = say(ClockOverdue, clock=CLOCK)


def test_a_clock_that_ran_out_is_raised_once() -> None:
    ran = [opened(), clock(NOON + DAY)]
    given(*ran).when(RAISE, by=later(SYSTEM, DAY - HOUR)).refused(StillRunning, due_at=NOON + DAY)
    given(*ran).when(RAISE, by=later(SYSTEM, DAY)).then(OVERDUE)
    given(*ran, OVERDUE).when(RAISE, by=later(SYSTEM, 2 * DAY)).refused(WrongMove, move="raise")


def test_a_clock_that_was_met_or_whose_case_is_closed_is_not_raised() -> None:
    late = later(SYSTEM, 2 * DAY)
    met = say(ClockMet, clock=CLOCK, in_time=True)
    given(opened(), clock(), met).when(RAISE, by=late).refused(WrongMove)
    closed = say(CaseClosed, reason=CloseReason.GOALS_MET)
    given(opened(), clock(), closed).when(RAISE, by=late).refused(WrongMove)
    given(opened()).when(RAISE, by=late).refused(Unknown, what="clock")
    given().when(RAISE, by=late).refused(Unknown, what="clock")


def test_a_clock_that_was_raised_can_be_met_late() -> None:
    met = say(MeetClock, NOON + 2 * DAY, clock=CLOCK)
    given(opened(), clock(), OVERDUE).when(met, by=later(LEAD, 2 * DAY)).then(
        say(ClockMet, NOON + 2 * DAY, clock=CLOCK, in_time=False)
    )


@pytest.mark.parametrize("role", [r for r in Role if r is not Role.SYSTEM])
def test_only_the_system_raises_a_clock(role: Role) -> None:
    given(opened(), clock()).when(RAISE, by=later(act("uptd-ppa", role), 2 * DAY)).refused(NotForThisRole)


def test_who_shares_a_clock_is_told_that_it_ran_out() -> None:
    """The lead and who was referred to for it; not another agency with an open referral, whatever it may know."""
    referrals = [
        *brought_to(ReferralStatus.IN_PROGRESS, clocks=(CLOCK,)),
        *brought_to(ReferralStatus.IN_PROGRESS, R2, to="polres", service=Service.LAW_ENFORCEMENT),
    ]
    knowledge = Knowledge()
    for version, event in enumerate((opened(), consent(to=("rsud", "polres")), clock(), *referrals, OVERDUE), 1):
        author = "rujukan" if event is OVERDUE else "uptd-ppa"
        told = knowledge.follow(replace(written(version, event), author=author))
    assert {(t.agency, *t.compartments) for t in told if t.agency != "rujukan"} == {
        ("uptd-ppa", Compartment.COORDINATION),
        ("rsud", Compartment.COORDINATION),
    }


def test_a_document_is_attached_once() -> None:
    given(opened(), attached()).when(attach()).refused(AlreadyExists, id=DOCUMENT)


def test_a_newer_document_stands_in_the_place_of_the_older_and_both_stay() -> None:
    case = (
        given(opened(), attached())
        .when(attach(document=NEWER, supersedes=DOCUMENT))
        .then(attached(document=NEWER, supersedes=DOCUMENT), say(DocumentSuperseded, document=DOCUMENT, by=NEWER))
    )
    assert case is not None
    assert set(case.of(Documents).attached) == {DOCUMENT, NEWER}
    assert case.of(Documents).attached[DOCUMENT].superseded_by == NEWER


def test_a_document_is_superseded_once_and_by_one_of_its_own_compartment() -> None:
    superseded = [
        attached(),
        attached(document=NEWER, supersedes=DOCUMENT),
        say(DocumentSuperseded, document=DOCUMENT, by=NEWER),
    ]
    third = an_id("third document")
    given(opened(), *superseded).when(attach(document=third, supersedes=DOCUMENT)).refused(AlreadyExists, id=NEWER)
    given(opened(), attached()).when(attach(document=NEWER, supersedes=DOCUMENT, compartment="legal")).refused(
        Invalid, field="compartment"
    )
    given(opened()).when(attach(supersedes=NEWER)).refused(Unknown, what="document")
    given(opened()).when(attach(supersedes=DOCUMENT)).refused(Unknown, what="document")


# Conferences and actions -------------------------------------------------------------------------------------


def test_the_lead_holds_a_conference_of_those_who_take_part() -> None:
    given(*referred()).when(say(HoldConference, **MEETING_FIELDS)).then(say(ConferenceHeld, **MEETING_FIELDS))


def test_nobody_learns_of_a_case_by_being_named_in_it() -> None:
    meeting = say(HoldConference, **{**MEETING_FIELDS, "attendees": frozenset({"uptd-ppa", "disdik"})})
    given(*referred()).when(meeting).refused(NotForThisAgency, agencies=["disdik"])
    given(*referred(S.DRAFT)).when(say(HoldConference, **MEETING_FIELDS)).refused(NotForThisAgency, agencies=["rsud"])
    given(opened()).when(say(AgreeAction, **ACTION_FIELDS)).refused(NotForThisAgency, agencies=["rsud"])


def test_only_the_lead_holds_a_conference_and_each_once() -> None:
    hold = say(HoldConference, **MEETING_FIELDS)
    given(*referred()).when(hold, by=HOSPITAL).refused(NotForThisAgency, needs="lead")
    given(*referred()).when(hold, by=SCHOOL).refused(Unknown, what="case")
    given(*referred(), say(ConferenceHeld, **MEETING_FIELDS)).when(hold).refused(AlreadyExists, id=CONFERENCE)


def test_an_action_may_come_from_a_conference_that_was_held() -> None:
    agree = say(AgreeAction, **ACTION_FIELDS, conference=CONFERENCE)
    given(*referred()).when(agree).refused(Unknown, what="conference")
    given(*referred(), say(ConferenceHeld, **MEETING_FIELDS)).when(agree).then_only(ActionAgreed)


AGREED = say(ActionAgreed, **ACTION_FIELDS)
DONE = say(ActionDone, action=ACTION)
FINISH = say(FinishAction, action=ACTION)


def test_an_action_is_agreed_once() -> None:
    given(*referred(), AGREED).when(say(AgreeAction, **ACTION_FIELDS)).refused(AlreadyExists, id=ACTION)


def test_the_owner_or_the_lead_says_that_an_action_is_done() -> None:
    given(*referred(), AGREED).when(FINISH, by=HOSPITAL).then(DONE)
    given(*referred(), AGREED).when(FINISH).then(DONE)


def test_to_anybody_else_the_action_does_not_exist() -> None:
    police = brought_to(S.ACCEPTED, R2, to="polres")
    given(*referred(), *police, AGREED).when(FINISH, by=POLICE).refused(Unknown, what="action")
    given(*referred()).when(FINISH).refused(Unknown, what="action")
    given(*referred(), AGREED).when(FINISH, by=SCHOOL).refused(Unknown, what="case")


def test_an_action_is_done_once() -> None:
    given(*referred(), AGREED, DONE).when(FINISH).refused(AlreadyExists, what="the action's end", id=ACTION)


# Protection orders -------------------------------------------------------------------------------------------


def test_a_protection_order_does_not_end_before_it_begins() -> None:
    order = {"order": "7/2026", "issued_by": "the court", "valid_from": date(2026, 3, 3)}
    given(opened()).when(say(RecordProtectionOrder, **order, valid_until=date(2026, 3, 2))).refused(
        Invalid, field="valid_until"
    )
    given(opened()).when(say(RecordProtectionOrder, **order, valid_until=date(2026, 3, 3))).then_only(
        ProtectionOrderRecorded
    )
