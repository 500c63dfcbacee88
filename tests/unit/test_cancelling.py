"""The sender asks to cancel what its recipient works on; the recipient agrees, or declines and says why. Until then,
and after a no, it goes on as it was."""

from typing import Any

import pytest
from msgspec.structs import replace
from story import (
    C2,
    HOSPITAL,
    HOUR,
    LEAD,
    NOON,
    R1,
    R2,
    act,
    brought_to,
    closed,
    consent,
    given,
    moved,
    opened,
    referred,
    say,
    the_case,
    withdrawn,
    written,
)

from rujukan.domain.case.cancelling import (
    TAKEN_ON,
    AgreeToCancellation,
    AskCancellation,
    CancellationAsked,
    CancellationDeclined,
    CancellationUnanswered,
    DeclineCancellation,
    RaiseCancellation,
    ReferralCancelledAsAsked,
    waits_for_answer,
)
from rujukan.domain.case.consents import ConsentWithdrawn, WithdrawConsent
from rujukan.domain.case.fulfilment import ReferralHeld
from rujukan.domain.case.lifecycle import CaseClosed, CloseCase
from rujukan.domain.case.referrals import ReferralCancelled
from rujukan.domain.case.silence import RaiseStalled, ReferralStalled
from rujukan.domain.codes import CloseReason, EndReason, ReferralStatus, Role, Urgency
from rujukan.domain.disclosure import Knowledge
from rujukan.domain.meeting_times import CANCELLATION_TIMES
from rujukan.domain.pathways import CURRENT
from rujukan.domain.refusal import AlreadyDone, NotForThisAgency, NotForThisRole, OpenReferrals, StillRunning, WrongMove
from rujukan.domain.standing.rule import takes_part

S = ReferralStatus
WINDOWS = CANCELLATION_TIMES.answer
ASK = say(AskCancellation, referral=R1, reason=EndReason.DUPLICATE, note="another has her")
AGREE = say(AgreeToCancellation, referral=R1)
DECLINE = say(DeclineCancellation, referral=R1, reason="she wants to go on")
AGREED = say(ReferralCancelledAsAsked, referral=R1)
DECLINED = say(CancellationDeclined, referral=R1, reason="she wants to go on")
RAISE = say(RaiseCancellation, referral=R1)


def asked(urgency: Urgency = Urgency.URGENT) -> CancellationAsked:
    due_at = NOON + WINDOWS[urgency]
    rule = CANCELLATION_TIMES.version
    return say(
        CancellationAsked, referral=R1, reason=EndReason.DUPLICATE, note="another has her", due_at=due_at, rule=rule
    )


@pytest.mark.parametrize("urgency", list(Urgency))
@pytest.mark.parametrize("status", list(S))
def test_what_its_recipient_has_taken_on_is_asked_for(status: S, urgency: Urgency) -> None:
    when = given(*referred(status, urgency=urgency)).when(ASK)
    if status not in TAKEN_ON:
        when.refused(WrongMove)
        return
    after = when.then(asked(urgency))
    assert after is not None
    assert after.referrals[R1].status is status, "it goes on as it was"
    assert takes_part(after, "rsud")


@pytest.mark.parametrize("status", sorted(TAKEN_ON))
def test_its_recipient_agrees_and_it_is_ended(status: S) -> None:
    after = given(*referred(status), asked()).when(AGREE, by=HOSPITAL).then(AGREED)
    assert after is not None
    assert after.referrals[R1].status is S.CANCELLED
    assert not takes_part(after, "rsud")
    given(*referred(status), asked(), AGREED).when(say(CloseCase, reason=CloseReason.OTHER)).then_only(CaseClosed)


@pytest.mark.parametrize("status", sorted(TAKEN_ON))
def test_its_recipient_declines_and_it_goes_on(status: S) -> None:
    after = given(*referred(status), asked()).when(DECLINE, by=HOSPITAL).then(DECLINED)
    assert after is not None
    assert after.referrals[R1].status is status
    assert waits_for_answer(after, R1) is None
    declined = given(*referred(status), asked(), DECLINED)
    declined.when(say(CloseCase, reason=CloseReason.OTHER)).refused(OpenReferrals)
    declined.when(AGREE, by=HOSPITAL).refused(WrongMove)
    declined.when(DECLINE, by=HOSPITAL).refused(WrongMove)
    declined.when(ASK).then(asked())


def test_one_request_waits_at_a_time_and_none_is_answered_that_nobody_made() -> None:
    given(*referred(), asked()).when(ASK).refused(AlreadyDone)
    for answer in (AGREE, DECLINE):
        given(*referred()).when(answer, by=HOSPITAL).refused(WrongMove)
        given(*referred(), asked(), moved(S.COMPLETED)).when(answer, by=HOSPITAL).refused(WrongMove)


def test_its_sender_asks_and_its_recipient_answers_and_no_machine_does() -> None:
    """Nor the lead, where it is neither."""
    between = [*brought_to(S.IN_PROGRESS, R1, sender="psikolog")]
    case = [opened(), consent(), consent(C2, to="psikolog"), *brought_to(S.IN_PROGRESS, R2, to="psikolog"), *between]
    given(*case).when(ASK, by=act("psikolog")).then(asked())
    for by in (LEAD, HOSPITAL):
        given(*case).when(ASK, by=by).refused(NotForThisAgency)
    for answer in (AGREE, DECLINE):
        for by in (LEAD, act("psikolog")):
            given(*case, asked()).when(answer, by=by).refused(NotForThisAgency)
        given(*case, asked()).when(answer, by=act("rsud", Role.INTEGRATOR), in_role=True).refused(NotForThisRole)


# Until it is answered --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("urgency", list(Urgency))
def test_that_nobody_answers_is_raised_until_somebody_does(urgency: Urgency) -> None:
    """First to who was asked, then to the lead, each time that the window passes again."""
    log: list[Any] = [*referred(urgency=urgency), asked(urgency)]
    window = WINDOWS[urgency]
    for level in range(1, 6):
        given(*log).when_raised(RAISE, level * window - HOUR / 2).refused(StillRunning)
        to = "rsud" if level == 1 else "uptd-ppa"
        raised = say(CancellationUnanswered, NOON + level * window, referral=R1, level=level, to=to)
        given(*log).when_raised(RAISE, level * window).then(raised)
        log.append(raised)
    once = say(CancellationUnanswered, NOON + 90 * window, referral=R1, level=90, to="uptd-ppa")
    given(*log).when_raised(RAISE, 90 * window).then(once)
    for over in (DECLINED, AGREED, moved(S.COMPLETED), moved(S.FAILED)):
        given(*log, over).when_raised(RAISE, 30 * window).refused(WrongMove)
    again = replace(asked(urgency), due_at=NOON + 2 * window)
    given(*log, DECLINED, again).when_raised(RAISE, 2 * window - HOUR / 2).refused(StillRunning)


@pytest.mark.parametrize("urgency", list(Urgency))
@pytest.mark.parametrize("status", sorted(TAKEN_ON))
def test_to_ask_and_to_decline_puts_nothing_off(status: S, urgency: Urgency) -> None:
    """Else a sender who asks every day, and a recipient who says no, keep everybody from hearing that nothing is
    done."""
    begun = [replace(opened(), pathway=CURRENT.version), consent(), *brought_to(status, urgency=urgency)]
    due = the_case(*begun).referrals[R1].acts_by
    assert due is not None
    later_on = [replace(event, occurred_at=NOON + HOUR / 4) for event in (asked(urgency), DECLINED)]
    for log in (begun, [*begun, *later_on[:1]], [*begun, *later_on]):
        assert the_case(*log).referrals[R1].acts_by == due
        stalled = given(*log).when_raised(say(RaiseStalled, referral=R1), due - NOON)
        stalled.then_only(ReferralStalled)


@pytest.mark.parametrize(
    ("status", "follows"), [(S.ACCEPTED, ReferralCancelled), (S.IN_PROGRESS, ReferralHeld)], ids=["accepted", "begun"]
)
def test_what_she_takes_back_waits_for_no_answer(status: S, follows: type[Any]) -> None:
    for log in (referred(status), [*referred(status), asked()]):
        given(*log).when(say(WithdrawConsent, consent=withdrawn().consent)).then_only(ConsentWithdrawn, follows)


def test_nothing_is_raised_in_a_file_that_ended() -> None:
    given(*referred(), asked(), AGREED, closed()).when_raised(RAISE, 30 * HOUR).refused(WrongMove)


UNANSWERED = say(CancellationUnanswered, referral=R1, level=1, to="rsud")


@pytest.mark.parametrize("event", [asked(), DECLINED, AGREED, UNANSWERED])
def test_both_parties_are_told_and_nobody_else(event: Any) -> None:
    """Each with the reason: it is theirs to answer, and to act by."""
    knowledge, told = Knowledge(), set[str]()
    between = [*brought_to(S.IN_PROGRESS, R1, sender="psikolog")]
    others = brought_to(S.IN_PROGRESS, R2, to="psikolog")
    log = [opened(), consent(), consent(C2, to="psikolog"), *others, *between, asked()]
    for n, each in enumerate([*log, event], start=1):
        told = {t.agency for t in knowledge.learn(written(n, each)).tell if t.of.event is each}
    assert told == {"uptd-ppa", "psikolog", "rsud"}
