"""Silence at every stage is raised until somebody acts, first to who has to, then to the lead as well."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import example
from hypothesis import given as for_any
from hypothesis import strategies as st
from msgspec.structs import replace
from story import (
    DAY,
    DELIVERY,
    HOSPITAL,
    HOSPITAL_S_MACHINE,
    HOUR,
    LEAD,
    NETWORK,
    NOON,
    R1,
    R2,
    R3,
    SYSTEM,
    act,
    brought_to,
    closed,
    consent,
    draft,
    draft_fields,
    given,
    later,
    moved,
    opened,
    said,
    say,
    sent,
    the_case,
)

from rujukan.domain.case import decide
from rujukan.domain.case.fulfilment import (
    AcceptReferral,
    HoldReferral,
    ReferralCompleted,
    ReferralReadyAgain,
    ReferralResumed,
    ResumeReferral,
    StartReferral,
)
from rujukan.domain.case.referrals import DraftReferral, ReferralDrafted
from rujukan.domain.case.reminders import EscalateReferral, ReferralEscalated
from rujukan.domain.case.services import DeliverService, ServiceDelivered
from rujukan.domain.case.silence import LeaveRejected, RaiseStalled, ReferralNotRedirected, ReferralStalled
from rujukan.domain.casefile.evolving import fold_log
from rujukan.domain.casefile.evolving import said as _said
from rujukan.domain.codes import EndReason, Outcome, ReferralStatus, Role, Service, Urgency
from rujukan.domain.fact import Act, Fact
from rujukan.domain.pathways import CURRENT, V2026_3
from rujukan.domain.refusal import AlreadyDone, NotForThisAgency, StillRunning, WrongMove

S, U = ReferralStatus, Urgency
RAISE = say(RaiseStalled, referral=R1)
WATCHED = sorted(V2026_3.stages)
ENDED = [S.COMPLETED, S.FAILED, S.CANCELLED]


def in_state(status: ReferralStatus, **of: Any) -> list[Fact]:
    return [replace(opened(), pathway="2026-3"), consent(), *brought_to(status, **of)]


def stalled(status: ReferralStatus, level: int, to: str, after: timedelta) -> ReferralStalled:
    return say(ReferralStalled, NOON + after, referral=R1, status=status, level=level, to=to)


@pytest.mark.parametrize("urgency", list(U))
@pytest.mark.parametrize("status", WATCHED)
def test_each_state_has_its_window_and_is_raised_until_somebody_acts(status: S, urgency: Urgency) -> None:
    window = V2026_3.stages[status][urgency]
    events = in_state(status, urgency=urgency)
    first = "uptd-ppa" if status in (S.DRAFT, S.REJECTED) else "rsud"
    for level in range(1, 8):
        given(*events).when_raised(RAISE, level * window - HOUR / 60).refused(
            StillRunning, due_at=NOON + level * window
        )
        raised = stalled(status, level, first if level == 1 else "uptd-ppa", level * window)
        given(*events).when_raised(RAISE, level * window).then(raised)
        events.append(raised)


@pytest.mark.parametrize("status", ENDED)
def test_what_is_over_waits_for_nobody(status: ReferralStatus) -> None:
    given(*in_state(status)).when_raised(RAISE, 400 * DAY).refused(WrongMove)


WITHOUT: dict[str, Fact] = {
    "rejected": moved(S.REJECTED),
    "failed": moved(S.FAILED),
    **{
        f"completed, {outcome}": say(ReferralCompleted, referral=R1, outcome=outcome)
        for outcome in (Outcome.DID_NOT_ATTEND, Outcome.DECLINED)
    },
}
"""How a referral ends without what it was for, by the word of its recipient alone."""


@pytest.mark.parametrize("urgency", list(U))
@pytest.mark.parametrize("from_", [S.ACCEPTED, S.IN_PROGRESS, S.ON_HOLD])
@pytest.mark.parametrize("end", WITHOUT)
def test_whatever_a_recipient_says_without_the_service_waits_for_the_sender(end: str, from_: S, urgency: U) -> None:
    """An accepted emergency is not lost by a machine that says that nobody could be reached."""
    began = replace(opened(), pathway=CURRENT.version)
    events = [began, consent(), *brought_to(from_, urgency=urgency), WITHOUT[end]]
    window = CURRENT.stages[S.REJECTED][urgency]
    status = the_case(*events).referrals[R1].status
    given(*events).when_raised(RAISE, window).then(stalled(status, 1, "uptd-ppa", window))
    leave = say(LeaveRejected, referral=R1, note="she does not want it now")
    left = given(*events).when(leave).events
    given(*events, *left).when_raised(RAISE, 400 * DAY).refused(WrongMove)
    again = [draft(R2, redirects=R1), sent(R2)]
    given(*events, *again).when_raised(RAISE, 400 * DAY).refused(WrongMove)


@pytest.mark.parametrize("outcome", sorted(set(Outcome) - {Outcome.DID_NOT_ATTEND, Outcome.DECLINED}))
def test_what_was_done_waits_for_nobody_and_is_neither_left_nor_redirected(outcome: Outcome) -> None:
    began = replace(opened(), pathway=CURRENT.version)
    done = say(ReferralCompleted, referral=R1, outcome=outcome)
    events = [began, consent(), *brought_to(S.IN_PROGRESS), done]
    given(*events).when_raised(RAISE, 400 * DAY).refused(WrongMove)
    given(*events).when(say(LeaveRejected, referral=R1)).refused(WrongMove)


def test_what_was_sent_waits_for_an_answer_and_that_is_raised_without_end() -> None:
    events = in_state(S.REQUESTED)
    given(*events).when_raised(RAISE, 400 * DAY).refused(WrongMove)
    for level in range(1, 8):
        raised = say(ReferralEscalated, NOON + level * DAY, referral=R1, level=level)
        given(*events).when_raised(say(EscalateReferral, referral=R1), level * DAY).then(raised)
        events.append(raised)


def test_a_case_of_the_earlier_rules_keeps_them() -> None:
    for status in WATCHED:
        events = [opened(), consent(), *brought_to(status)]
        given(*events).when_raised(RAISE, 400 * DAY).refused(WrongMove)


def test_a_closed_case_is_quiet() -> None:
    given(*in_state(S.REJECTED), closed()).when_raised(RAISE, 400 * DAY).refused(WrongMove)


def test_work_that_is_long_by_its_nature_is_looked_at_less_often() -> None:
    long = in_state(S.IN_PROGRESS, to="psikolog", service=Service.PSYCHOSOCIAL)
    given(*long).when_raised(RAISE, 29 * DAY).refused(StillRunning, due_at=NOON + 30 * DAY)


def test_a_service_that_was_delivered_is_an_act() -> None:
    served = say(ServiceDelivered, NOON + 6 * DAY, delivery=DELIVERY, service=Service.HEALTH, referral=R1)
    events = said([*in_state(S.IN_PROGRESS), served], "rsud")
    case = fold_log(events)
    assert case is not None
    assert case.referrals[R1].acts_by == NOON + 13 * DAY


@pytest.mark.parametrize("by", [HOSPITAL, HOSPITAL_S_MACHINE], ids=["a person", "a machine"])
def test_no_machine_s_word_that_it_was_delivered_ends_the_silence(by: Act) -> None:
    """A system that says so every day would else keep an emergency from ever being raised."""
    case = the_case(*in_state(S.IN_PROGRESS, urgency=U.EMERGENCY))
    before, at = case.referrals[R1].acts_by, NOON + DAY
    serve = say(DeliverService, at, delivery=DELIVERY, service=Service.HEALTH, referral=R1)
    events = decide(serve, case, replace(by, at=at), NETWORK)
    after = fold_log(_said(events, "rsud", at), case)
    assert after is not None
    is_person = by is HOSPITAL
    assert after.referrals[R1].acts_by == (NOON + 4 * DAY if is_person else before)


def test_what_was_rejected_is_redirected_or_its_sender_says_that_it_is_not() -> None:
    """Story 12: put before the sender until it acts."""
    rejected = in_state(S.REJECTED)
    instead = [draft(R2, to="psikolog", service=Service.PSYCHOSOCIAL, redirects=R1), sent(R2)]
    given(*rejected, *instead).when_raised(RAISE, 400 * DAY).refused(WrongMove)
    leave = say(LeaveRejected, NOON + HOUR, referral=R1, note="she does not want it now")
    left = say(ReferralNotRedirected, NOON + HOUR, referral=R1, note="she does not want it now")
    given(*rejected).when(leave, by=later(LEAD, HOUR)).then(left)
    given(*rejected, left).when_raised(RAISE, 400 * DAY).refused(WrongMove)
    given(*rejected, left).when(leave, by=later(LEAD, HOUR)).refused(AlreadyDone)
    assert the_case(*rejected, left).referrals[R1].status is S.REJECTED


@pytest.mark.parametrize("status", list(S))
def test_what_was_rejected_is_replaced_by_what_was_sent_and_is_not_back(status: ReferralStatus) -> None:
    """A draft asks nobody, nor does what was taken back; what was rejected in its turn helps her no more."""
    rejected = in_state(S.REJECTED)
    instead = brought_to(status, R2, to="psikolog", service=Service.PSYCHOSOCIAL, redirects=R1)
    raised = given(*rejected, *instead).when_raised(RAISE, 400 * DAY)
    if status in (S.DRAFT, S.CANCELLED, S.REJECTED):
        assert [event.referral for event in raised.events if isinstance(event, ReferralStalled)] == [R1]
    else:
        raised.refused(WrongMove)


def test_one_that_was_rejected_in_its_turn_is_replaced_or_left_for_both() -> None:
    to_psychologist = brought_to(S.REJECTED, R2, to="psikolog", service=Service.PSYCHOSOCIAL, redirects=R1)
    rejected = [*in_state(S.REJECTED), *to_psychologist]
    to_shelter = brought_to(S.REQUESTED, R3, to="rumah-aman", service=Service.SHELTER, redirects=R2)
    leave = say(ReferralNotRedirected, referral=R2)
    for answer in ([*to_shelter], [leave]):
        for one in (R1, R2):
            again = replace(RAISE, referral=one)
            given(*rejected, *answer).when_raised(again, 400 * DAY).refused(WrongMove)
    taken_back = [*rejected, *to_shelter, moved(S.CANCELLED, R3)]
    for one in (R1, R2):
        given(*taken_back).when_raised(replace(RAISE, referral=one), 400 * DAY).then_only(ReferralStalled)


@pytest.mark.parametrize("by", ["rsud", "uptd-ppa"])
def test_who_rejected_it_redirects_it_for_nobody(by: str) -> None:
    """Else a recipient that has another referral open silences the reminder of the one that it rejected."""
    other = brought_to(S.ACCEPTED, R2, service=Service.FORENSIC)
    rejected = [*in_state(S.REJECTED), *other]
    fields = draft_fields(R3, "psikolog", Service.PSYCHOSOCIAL, redirects=R1)
    when = given(*rejected).when(say(DraftReferral, **fields), by=act(by))
    if by == "uptd-ppa":
        when.then_only(ReferralDrafted)
    else:
        when.refused(NotForThisAgency)


MOVES = st.lists(st.tuples(st.integers(1, 96), st.booleans()), min_size=1, max_size=40)


@for_any(MOVES, st.sampled_from(list(U)), st.sampled_from([S.ACCEPTED, S.IN_PROGRESS]))
@example([(47, True), (20, True)] * 12, U.EMERGENCY, S.IN_PROGRESS)
@example([(71, True), (23, True)] * 12, U.EMERGENCY, S.IN_PROGRESS)
@example([(3, True), (1, True)] * 12, U.EMERGENCY, S.ACCEPTED)
@example([(3, True), (23, True)] * 12, U.EMERGENCY, S.ACCEPTED)
def test_whoever_holds_and_resumes_work_keeps_nobody_from_hearing_of_it(
    moves: list[tuple[int, bool]], urgency: Urgency, held_from: S
) -> None:
    """In whatever order and how often, before work began and after: it is raised after the window of the state from
    which it is held, and to the lead after the second, and so on. What is held before anybody began is raised as if
    it was not: else an emergency would wait a day for the lead, and not eight hours."""
    case, now = the_case(*in_state(held_from, urgency=urgency)), NOON
    first = V2026_3.stages[held_from][urgency]
    longest = first if held_from is S.ACCEPTED else max(first, V2026_3.stages[S.ON_HOLD][urgency])
    raised: list[tuple[str, timedelta]] = []
    for hours, does in moves:
        until = now + hours * HOUR
        while (due := case.referrals[R1].acts_by) is not None and due <= until:
            at = max(due, now)
            (event,) = decide(replace(RAISE, occurred_at=at), case, replace(SYSTEM, at=at), NETWORK)
            assert isinstance(event, ReferralStalled)
            raised.append((event.to, at - NOON))
            case = fold_log(_said([event], "uptd-ppa", at), case) or case
        now = until
        if does:
            held = case.referrals[R1].status is S.ON_HOLD
            goes_on = ReferralResumed if held_from is S.IN_PROGRESS else ReferralReadyAgain
            move = say(goes_on, referral=R1) if held else moved(S.ON_HOLD)
            case = fold_log(_said([replace(move, occurred_at=now)], "rsud", now), case) or case
    passed = (now - NOON) // longest
    assert len(raised) >= passed
    assert not raised or raised[0][1] <= first
    assert [to for to, _ in raised] == ["rsud", *["uptd-ppa"] * (len(raised) - 1)][: len(raised)]
    assert all(after <= n * longest for n, (_, after) in enumerate(raised, 1))


MACHINE_MOVES: dict[S, list[type[Fact]]] = {
    S.RECEIVED: [AcceptReferral],
    S.ACCEPTED: [StartReferral],
    S.IN_PROGRESS: [HoldReferral],
    S.ON_HOLD: [ResumeReferral],
}
"""What keeps a referral open, by the state that it is in."""


@pytest.mark.parametrize("urgency", list(U))
@pytest.mark.parametrize("status", MACHINE_MOVES)
def test_a_machine_s_move_begins_no_window_and_a_person_s_does(status: S, urgency: Urgency) -> None:
    """It would else be raised a state's window later each time that a system answers by itself."""
    case = the_case(*in_state(status, urgency=urgency))
    due, at = case.referrals[R1].acts_by, NOON + HOUR / 2
    assert due is not None
    for move in MACHINE_MOVES[status]:
        more = {"reason": EndReason.WAITING} if move is HoldReferral else {}
        after = {}
        for by in (HOSPITAL_S_MACHINE, HOSPITAL):
            events = decide(say(move, at, referral=R1, **more), case, replace(by, at=at), NETWORK)
            found = fold_log(_said(events, "rsud", at), case)
            assert found is not None
            after[by.role] = found.referrals[R1]
        assert after[Role.INTEGRATOR].acts_by <= due
        if status not in (S.IN_PROGRESS, S.ON_HOLD):
            window = V2026_3.stages[after[Role.CASE_WORKER].status][urgency]
            assert after[Role.CASE_WORKER].acts_by == at + window


@for_any(st.lists(st.integers(1, 96), min_size=1, max_size=12), st.sampled_from(list(U)))
@example([1, 1, 1, 1, 1], U.EMERGENCY)
def test_however_a_machine_moves_a_referral_it_is_raised_as_if_it_had_not(hours: list[int], urgency: Urgency) -> None:
    case, now = the_case(*in_state(S.RECEIVED, urgency=urgency)), NOON
    due = case.referrals[R1].acts_by
    assert due is not None
    for later_by in hours:
        now += later_by * HOUR
        (move,) = MACHINE_MOVES[case.referrals[R1].status]
        more = {"reason": EndReason.WAITING} if move is HoldReferral else {}
        events = decide(say(move, now, referral=R1, **more), case, replace(HOSPITAL_S_MACHINE, at=now), NETWORK)
        case = fold_log(_said(events, "rsud", now), case) or case
        acts_by = case.referrals[R1].acts_by
        assert acts_by is not None
        assert acts_by <= due
    at = max(due, now)
    (raised,) = decide(replace(RAISE, occurred_at=at), case, replace(SYSTEM, at=at), NETWORK)
    assert isinstance(raised, ReferralStalled)
    assert (raised.level, raised.to) == (1, "rsud")


def test_each_move_begins_its_own_window() -> None:
    accepted = in_state(S.ACCEPTED)
    assert the_case(*accepted).referrals[R1].acts_by == NOON + DAY
    raised = stalled(S.ACCEPTED, 1, "rsud", DAY)
    started = brought_to(S.IN_PROGRESS)[-1]
    case = the_case(*accepted, raised, replace(started, occurred_at=NOON + 2 * DAY))
    assert (case.referrals[R1].stalled, case.referrals[R1].acts_by) == (0, NOON + 9 * DAY)
    assert HOSPITAL.agency == case.referrals[R1].recipient
