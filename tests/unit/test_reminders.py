"""Silence is raised, and so is what did not arrive: by the system, each time the window passes again."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from story import (
    DAY,
    HOSPITAL,
    HOUR,
    NOON,
    R1,
    SYSTEM,
    act,
    given,
    later,
    moved,
    opened,
    referred,
    say,
    the_case,
    written,
)

from rujukan.domain.case.fulfilment import ReceiveReferral
from rujukan.domain.case.reminders import EscalateReferral, RaiseUndelivered, ReferralEscalated, ReferralUndelivered
from rujukan.domain.codes import ReferralStatus, Role, Urgency
from rujukan.domain.disclosure import Knowledge
from rujukan.domain.refusal import NotForThisRole, StillRunning, Unknown, WrongMove

S = ReferralStatus

NOT_LATER = timedelta(0)
ESCALATE = say(EscalateReferral, referral=R1)
UNDELIVERED = say(RaiseUndelivered, referral=R1)


def escalated(level: int, after: timedelta = NOT_LATER) -> ReferralEscalated:
    return say(ReferralEscalated, NOON + after, referral=R1, level=level)


def undelivered(level: int, to: str, after: timedelta = NOT_LATER) -> ReferralUndelivered:
    return say(ReferralUndelivered, NOON + after, referral=R1, level=level, to=to)


# Nobody answered ---------------------------------------------------------------------------------------------


def test_silence_is_raised_when_the_window_has_passed_and_again_each_time_it_passes_again() -> None:
    events = [*referred(S.REQUESTED)]
    for level in (1, 2, 3):
        given(*events).when_raised(ESCALATE, level * DAY - HOUR).refused(StillRunning, due_at=NOON + level * DAY)
        given(*events).when_raised(ESCALATE, level * DAY).then(escalated(level, level * DAY))
        events.append(escalated(level))
    given(*events).when_raised(ESCALATE, 30 * DAY).refused(WrongMove, move="escalate")


def test_what_is_not_due_yet_says_when_it_is_due_next() -> None:
    """Not when it was due first."""
    once = [*referred(S.REQUESTED), escalated(1)]
    given(*once).when_raised(ESCALATE, DAY).refused(StillRunning, due_at=NOON + 2 * DAY)


@pytest.mark.parametrize("status", [s for s in S if s not in (S.DRAFT, S.REQUESTED)])
def test_what_was_answered_is_not_escalated(status: S) -> None:
    given(*referred(status)).when_raised(ESCALATE, 2 * DAY).refused(WrongMove, status=status)


def test_a_draft_waits_for_nobody() -> None:
    given(*referred(S.DRAFT)).when_raised(ESCALATE, 2 * DAY).refused(Unknown, what="referral")
    given().when(ESCALATE, by=SYSTEM).refused(Unknown, what="referral")


def test_escalation_moves_the_referral_nowhere() -> None:
    case = the_case(*referred(S.REQUESTED), escalated(1))
    assert case.referrals[R1].status is S.REQUESTED
    given(*referred(S.REQUESTED), escalated(1)).when(say(ReceiveReferral, referral=R1), by=HOSPITAL).then(
        moved(S.RECEIVED)
    )


@pytest.mark.parametrize("role", [r for r in Role if r is not Role.SYSTEM])
def test_only_the_system_escalates(role: Role) -> None:
    late = later(act("uptd-ppa", role), 2 * DAY)
    given(*referred(S.REQUESTED)).when(ESCALATE, by=late, in_role=True).refused(NotForThisRole)


# It did not arrive -------------------------------------------------------------------------------------------


def test_what_did_not_arrive_is_raised_to_the_recipient_first_and_then_to_the_lead() -> None:
    events = [*referred(S.REQUESTED)]
    for level, to in ((1, "rsud"), (2, "uptd-ppa"), (3, "uptd-ppa")):
        early = level * 2 * HOUR - timedelta(microseconds=1)
        given(*events).when_raised(UNDELIVERED, early).refused(StillRunning, due_at=NOON + level * 2 * HOUR)
        given(*events).when_raised(UNDELIVERED, level * 2 * HOUR).then(undelivered(level, to, level * 2 * HOUR))
        events.append(undelivered(level, to))
    given(*events).when_raised(UNDELIVERED, 30 * DAY).refused(WrongMove, move="raise")


@pytest.mark.parametrize(
    ("urgency", "window"), [(Urgency.EMERGENCY, HOUR / 6), (Urgency.URGENT, 2 * HOUR), (Urgency.ROUTINE, DAY)]
)
def test_how_soon_it_is_to_arrive_follows_from_its_urgency(urgency: Urgency, window: timedelta) -> None:
    events = referred(S.REQUESTED, urgency=urgency)
    given(*events).when_raised(UNDELIVERED, window - HOUR / 60).refused(StillRunning, due_at=NOON + window)
    given(*events).when_raised(UNDELIVERED, window).then(undelivered(1, "rsud", window))


@pytest.mark.parametrize("status", [s for s in S if s not in (S.DRAFT, S.REQUESTED)])
def test_what_was_answered_has_arrived(status: S) -> None:
    given(*referred(status)).when_raised(UNDELIVERED, 2 * DAY).refused(WrongMove, status=status)


def test_a_case_of_the_first_pathway_has_no_such_window() -> None:
    first = replace(opened(), pathway="2026-1")
    log = [first, *referred(S.REQUESTED)[1:]]
    given(*log).when_raised(UNDELIVERED, 2 * DAY).refused(Unknown, what="referral")


def test_that_it_did_not_arrive_counts_apart_from_that_nobody_answered() -> None:
    case = the_case(*referred(S.REQUESTED), undelivered(1, "rsud"), escalated(1), undelivered(2, "uptd-ppa"))
    assert (case.referrals[R1].escalations, case.referrals[R1].undelivered) == (1, 2)
    assert case.referrals[R1].status is S.REQUESTED


def test_lead_and_recipient_are_told_of_both_and_nobody_else() -> None:
    for event in (undelivered(1, "rsud"), escalated(2)):
        knowledge = Knowledge()
        for version, before in enumerate((*referred(S.REQUESTED), event), 1):
            author = "rujukan" if before is event else "uptd-ppa"
            told = knowledge.follow(replace(written(version, before), author=author))
        assert {t.agency for t in told} == {"rujukan", "uptd-ppa", "rsud"}


@pytest.mark.parametrize("role", [r for r in Role if r is not Role.SYSTEM])
def test_only_the_system_says_that_it_did_not_arrive(role: Role) -> None:
    late = later(act("uptd-ppa", role), 2 * DAY)
    given(*referred(S.REQUESTED)).when(UNDELIVERED, by=late, in_role=True).refused(NotForThisRole)
