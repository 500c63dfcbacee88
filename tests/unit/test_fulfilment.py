"""The referral's state machine: which move, from which state, by whom."""

import pytest
from msgspec.structs import replace
from story import (
    C1,
    C2,
    HOSPITAL,
    HOUR,
    LEAD,
    NOON,
    POLICE,
    R1,
    R2,
    R3,
    SCHOOL,
    act,
    an_id,
    brought_to,
    closed,
    consent,
    draft,
    given,
    moved,
    opened,
    referred,
    say,
    the_case,
)

from rujukan.domain.case.appointments import AppointmentMade
from rujukan.domain.case.attendance import AppointmentKept, KeepAppointment
from rujukan.domain.case.consents import ConsentWithdrawn, WithdrawConsent
from rujukan.domain.case.fulfilment import (
    AcceptReferral,
    CompleteReferral,
    FailReferral,
    HoldReferral,
    ReceiveReferral,
    ReferralAccepted,
    ReferralCompleted,
    ReferralReadyAgain,
    ReferralResumed,
    ReferralStarted,
    RejectReferral,
    ResumeReferral,
    StartReferral,
)
from rujukan.domain.case.referrals import CancelReferral, ReferralCancelled, ReferralSent, SendReferral
from rujukan.domain.codes import EndReason, Outcome, Purpose, ReferralStatus, RejectReason, Service
from rujukan.domain.fact import Fact
from rujukan.domain.refusal import CaseNotOpen, InTheFuture, Invalid, NotForThisAgency, Unknown, WrongMove

S = ReferralStatus

SEND = say(SendReferral, referral=R1)
RECEIVE = say(ReceiveReferral, referral=R1)
ACCEPT = say(AcceptReferral, referral=R1)
REJECT = say(RejectReferral, referral=R1, reason=RejectReason.NO_CAPACITY)
START = say(StartReferral, referral=R1)
HOLD = say(HoldReferral, referral=R1, reason=EndReason.WAITING)
RESUME = say(ResumeReferral, referral=R1)
COMPLETE = say(CompleteReferral, referral=R1, outcome=Outcome.DELIVERED)
FAIL = say(FailReferral, referral=R1, reason=EndReason.UNREACHABLE)
CANCEL = say(CancelReferral, referral=R1)
MOVES: dict[str, Fact] = {
    "send": SEND,
    "receive": RECEIVE,
    "accept": ACCEPT,
    "reject": REJECT,
    "start": START,
    "hold": HOLD,
    "resume": RESUME,
    "complete": COMPLETE,
    "fail": FAIL,
    "cancel": CANCEL,
}

HELD_BEFORE_WORK = [*referred(S.ACCEPTED), moved(S.ON_HOLD)]
READY = say(ReferralReadyAgain, referral=R1)
NEVER_CAME = say(CompleteReferral, referral=R1, outcome=Outcome.DID_NOT_ATTEND)
SENDER, RECIPIENT = act("lbh"), HOSPITAL
"""The sender here is not the lead, so that what the sender may is not taken for what the lead may."""

LEADS_TO: dict[tuple[S, str], S] = {
    (S.DRAFT, "send"): S.REQUESTED,
    (S.DRAFT, "cancel"): S.CANCELLED,
    (S.REQUESTED, "receive"): S.RECEIVED,
    (S.REQUESTED, "cancel"): S.CANCELLED,
    (S.RECEIVED, "accept"): S.ACCEPTED,
    (S.RECEIVED, "reject"): S.REJECTED,
    (S.RECEIVED, "cancel"): S.CANCELLED,
    (S.ACCEPTED, "start"): S.IN_PROGRESS,
    (S.ACCEPTED, "cancel"): S.CANCELLED,
    (S.ACCEPTED, "hold"): S.ON_HOLD,
    (S.IN_PROGRESS, "hold"): S.ON_HOLD,
    (S.IN_PROGRESS, "complete"): S.COMPLETED,
    (S.IN_PROGRESS, "fail"): S.FAILED,
    (S.IN_PROGRESS, "cancel"): S.CANCELLED,
    (S.ON_HOLD, "resume"): S.IN_PROGRESS,
    (S.ON_HOLD, "complete"): S.COMPLETED,
    (S.ON_HOLD, "fail"): S.FAILED,
    (S.ON_HOLD, "cancel"): S.CANCELLED,
    (S.ACCEPTED, "reject"): S.REJECTED,
    (S.ACCEPTED, "complete"): S.COMPLETED,
    (S.ACCEPTED, "fail"): S.FAILED,
}
"""All moves there are. What is not here is refused."""

BY_SENDER = {"send", "cancel"}


def sub_referred(status: S) -> list[Fact]:
    """The legal aid office, itself part of the case by a referral, refers to the hospital: for care, what it was sent
    for care."""
    return [
        opened(),
        consent(),
        consent(C2, to="lbh"),
        *brought_to(S.IN_PROGRESS, R2, to="lbh", service=Service.LEGAL_AID),
        *brought_to(status, R1, sender="lbh"),
    ]


@pytest.mark.parametrize("status", list(S))
@pytest.mark.parametrize("move", list(MOVES))
@pytest.mark.parametrize("who", ["sender", "recipient", "lead", "another recipient", "outsider"])
def test_every_move_from_every_state_by_everybody(status: S, move: str, who: str) -> None:
    by = {"sender": SENDER, "recipient": RECIPIENT, "lead": LEAD, "another recipient": POLICE, "outsider": SCHOOL}[who]
    police = brought_to(S.ACCEPTED, R3, to="polres", of=("legal",), purpose=Purpose.PROTECTION)
    made = NEVER_CAME if (status, move) == (S.ACCEPTED, "complete") else MOVES[move]
    result = given(*sub_referred(status), *police).when(made, by=by)
    mover = "sender" if move in BY_SENDER else "recipient"

    if who == "outsider" or (who == "recipient" and status is S.DRAFT):
        result.refused(Unknown, what="case")
    elif who == "another recipient":
        result.refused(Unknown, what="referral")
    elif who == mover and (status, move) in LEADS_TO:
        after = the_case(*sub_referred(status), *police, *result.events)
        assert result.refusal is None
        assert after.referrals[R1].status is LEADS_TO[status, move]
        assert len(result.events) == 1
    elif who == mover:
        result.refused(WrongMove, referral=R1, status=status, move=move)
    else:
        result.refused(NotForThisAgency)


def test_each_move_is_recorded_as_it_was_made() -> None:
    note = "with a note"
    given(*referred(S.REQUESTED)).when(RECEIVE, by=HOSPITAL).then(moved(S.RECEIVED))
    given(*referred(S.RECEIVED)).when(say(AcceptReferral, referral=R1, note=note), by=HOSPITAL).then(
        say(ReferralAccepted, referral=R1, note=note)
    )
    given(*referred(S.RECEIVED)).when(REJECT, by=HOSPITAL).then(moved(S.REJECTED))
    given(*referred(S.ACCEPTED)).when(START, by=HOSPITAL).then(moved(S.IN_PROGRESS))
    given(*referred(S.IN_PROGRESS)).when(HOLD, by=HOSPITAL).then(moved(S.ON_HOLD))
    given(*referred(S.ACCEPTED)).when(HOLD, by=HOSPITAL).then(moved(S.ON_HOLD))
    given(*referred(S.ON_HOLD)).when(RESUME, by=HOSPITAL).then(say(ReferralResumed, referral=R1))
    given(*HELD_BEFORE_WORK).when(RESUME, by=HOSPITAL).then(say(ReferralReadyAgain, referral=R1))
    given(*referred(S.IN_PROGRESS)).when(COMPLETE, by=HOSPITAL).then(moved(S.COMPLETED))
    given(*referred(S.IN_PROGRESS)).when(FAIL, by=HOSPITAL).then(moved(S.FAILED))
    given(*referred(S.IN_PROGRESS)).when(CANCEL).then(moved(S.CANCELLED))


@pytest.mark.parametrize("outcome", list(Outcome))
def test_nobody_has_to_say_that_work_began_for_a_referral_to_end_and_nobody_says_that_it_was_done_without_it(
    outcome: Outcome,
) -> None:
    result = given(*referred(S.ACCEPTED)).when(say(CompleteReferral, referral=R1, outcome=outcome), by=HOSPITAL)
    if outcome in (Outcome.DID_NOT_ATTEND, Outcome.DECLINED):
        result.then(say(ReferralCompleted, referral=R1, outcome=outcome))
    else:
        result.refused(Invalid, field="outcome")


@pytest.mark.parametrize("outcome", list(Outcome))
def test_to_hold_what_was_not_begun_says_of_no_work_that_it_was_done(outcome: Outcome) -> None:
    result = given(*HELD_BEFORE_WORK).when(say(CompleteReferral, referral=R1, outcome=outcome), by=HOSPITAL)
    if outcome in (Outcome.DID_NOT_ATTEND, Outcome.DECLINED):
        result.then(say(ReferralCompleted, referral=R1, outcome=outcome))
    else:
        result.refused(Invalid, field="outcome")


def test_what_was_held_before_work_began_is_accepted_again_as_often_as_it_is_held() -> None:
    case = given(*HELD_BEFORE_WORK, READY).when(HOLD, by=HOSPITAL).then(moved(S.ON_HOLD))
    assert case is not None
    assert case.referrals[R1].stands_as is S.ACCEPTED
    given(*HELD_BEFORE_WORK, READY, moved(S.ON_HOLD)).when(RESUME, by=HOSPITAL).then(READY)
    given(*HELD_BEFORE_WORK, READY).when(START, by=HOSPITAL).then(moved(S.IN_PROGRESS))
    begun = [*HELD_BEFORE_WORK, READY, moved(S.IN_PROGRESS), moved(S.ON_HOLD)]
    given(*begun).when(RESUME, by=HOSPITAL).then(say(ReferralResumed, referral=R1))
    given(*HELD_BEFORE_WORK).when(START, by=HOSPITAL).refused(WrongMove)
    given(*HELD_BEFORE_WORK).when(FAIL, by=HOSPITAL).then(moved(S.FAILED))


def test_it_was_accepted_when_it_was_accepted_first() -> None:
    later_on = replace(READY, occurred_at=NOON + HOUR)
    assert the_case(*HELD_BEFORE_WORK, later_on).referrals[R1].accepted_at == NOON


def test_it_stops_as_no_consent_covers_it_like_what_was_not_begun() -> None:
    given(*HELD_BEFORE_WORK).when(say(WithdrawConsent, consent=C1)).then_only(ConsentWithdrawn, ReferralCancelled)
    given(*referred(S.ON_HOLD)).when(say(WithdrawConsent, consent=C1)).then_only(ConsentWithdrawn)


def test_work_on_it_begins_as_she_came_though_it_was_on_hold() -> None:
    made = say(
        AppointmentMade,
        appointment=an_id("appointment"),
        referral=R1,
        made_by="rsud",
        appointed_for=NOON,
        due_at=NOON,
        rule="2026-1",
    )
    came = say(KeepAppointment, appointment=made.appointment)
    for log in ([*referred(S.ACCEPTED), made], [*HELD_BEFORE_WORK, made]):
        given(*log).when(came, by=HOSPITAL).then_only(AppointmentKept, ReferralStarted)


def test_what_is_rejected_after_it_was_accepted_waits_for_its_sender_to_redirect_it() -> None:
    case = given(*referred(S.ACCEPTED)).when(REJECT, by=HOSPITAL).then(moved(S.REJECTED))
    assert case is not None
    assert case.referrals[R1].answered_at == NOON, "it was received, and rejected after that"
    again = draft(R2, redirects=R1)
    given(*referred(S.ACCEPTED), moved(S.REJECTED), again).when(say(SendReferral, referral=R2)).then_only(ReferralSent)


@pytest.mark.parametrize("move", [m for m in MOVES if m != "cancel"])
def test_no_move_is_made_in_the_future(move: str) -> None:
    status = next(s for (s, m) in LEADS_TO if m == move)
    ahead = replace(MOVES[move], occurred_at=NOON + HOUR)
    by = LEAD if move in BY_SENDER else HOSPITAL
    given(*referred(status)).when(ahead, by=by).refused(InTheFuture)


@pytest.mark.parametrize("move", list(MOVES))
def test_no_move_is_made_of_a_referral_that_is_not_there(move: str) -> None:
    by = LEAD if move in BY_SENDER else HOSPITAL
    given(*referred()).when(replace(MOVES[move], referral=R3), by=by).refused(Unknown, what="referral")


@pytest.mark.parametrize("move", list(MOVES))
def test_no_move_is_made_in_a_closed_case(move: str) -> None:
    by = LEAD if move in BY_SENDER else HOSPITAL
    given(*referred(S.COMPLETED), closed()).when(MOVES[move], by=by).refused(CaseNotOpen)
