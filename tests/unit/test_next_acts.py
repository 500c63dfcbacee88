"""Who is refused because of a state is told which acts lead on from it, and no other ones."""

import pytest
from story import CLOCK, HOSPITAL, LEAD, R1, clock, given, opened, referred, say

from rujukan.domain.advised import ClockHasEnded, ForClinicians, LeaveNeeded
from rujukan.domain.case.clock_ends import EndClock, FindNotIndicated, ResumeClock
from rujukan.domain.case.fulfilment import (
    AcceptReferral,
    CompleteReferral,
    FailReferral,
    HoldReferral,
    ReceiveReferral,
    RejectReferral,
    ResumeReferral,
    StartReferral,
)
from rujukan.domain.case.referrals import CancelReferral, SendReferral
from rujukan.domain.casefile.clocks import ClockMet, ClockResumed
from rujukan.domain.clock_codes import ClockEnd
from rujukan.domain.codes import EndReason, Outcome, ReferralStatus, RejectReason
from rujukan.domain.fact import Act
from rujukan.domain.refusal import AlreadyExists, AnotherPersonNeeded, NotForThisAgency, WrongMove

MOVES = (
    say(SendReferral, referral=R1),
    say(CancelReferral, referral=R1, reason=EndReason.BY_SENDER),
    say(ReceiveReferral, referral=R1),
    say(AcceptReferral, referral=R1),
    say(RejectReferral, referral=R1, reason=RejectReason.NO_CAPACITY),
    say(StartReferral, referral=R1),
    say(HoldReferral, referral=R1, reason=EndReason.WAITING),
    say(ResumeReferral, referral=R1),
    say(CompleteReferral, referral=R1, outcome=Outcome.DID_NOT_ATTEND),
    say(FailReferral, referral=R1, reason=EndReason.UNREACHABLE),
)


@pytest.mark.parametrize("by", [LEAD, HOSPITAL], ids=["sender", "recipient"])
@pytest.mark.parametrize("status", list(ReferralStatus))
def test_who_takes_a_step_out_of_turn_is_told_each_step_that_there_is(status: ReferralStatus, by: Act) -> None:
    """Each move of a referral is tried in each of its states, by each of the two."""
    tried = {type(move).__name__: given(*referred(status)).when(move, by=by) for move in MOVES}
    can = {name for name, then in tried.items() if then.refusal is None}
    refused = [then.refusal for then in tried.values() if isinstance(then.refusal, WrongMove)]
    for refusal in refused:
        _, _, acts = refusal.for_person()
        assert set(acts) & tried.keys() == can
    assert refused or status is ReferralStatus.DRAFT, (
        "of a draft its sender can do all, and its recipient knows nothing"
    )


@pytest.mark.parametrize("how", [ClockEnd.DECLINED, ClockEnd.NOT_APPLICABLE])
def test_who_ends_a_clock_that_ended_by_mistake_is_told_to_resume_it(how: ClockEnd) -> None:
    met = say(ClockMet, clock=CLOCK, in_time=True)
    again = given(opened(), clock(), met).when(say(EndClock, clock=CLOCK, how=how, reason="she said so"))
    again.refused(AlreadyExists)
    assert isinstance(again.refusal, ClockHasEnded)
    assert again.refusal.for_person()[2] == ("ResumeClock",)
    given(opened(), clock(), met).when(say(ResumeClock, clock=CLOCK, reason="a mistake")).then_only(ClockResumed)


def test_the_lead_is_not_told_that_the_lead_can_say_what_a_clinician_says() -> None:
    found = given(opened(), clock()).when(say(FindNotIndicated, clock=CLOCK, reason="immune"))
    found.refused(NotForThisAgency, needs="health service")
    assert isinstance(found.refusal, ForClinicians)


def test_leave_names_the_act_that_asks_for_it() -> None:
    leave = LeaveNeeded(ask="/x").with_acts(("AskGlassLeave",))
    assert leave.reason() is AnotherPersonNeeded
    assert leave.for_person()[2] == ("AskGlassLeave",)
    assert LeaveNeeded().for_person()[2] == (), "another's acts are not its own"
