"""A clock is met once, in time or late; one that ran out is raised once, by the system."""

import pytest
from msgspec.structs import replace
from story import (
    CLOCK,
    DAY,
    DELIVERY,
    HOUR,
    LEAD,
    NOON,
    R2,
    SCHOOL,
    SYSTEM,
    act,
    brought_to,
    clock,
    closed,
    consent,
    given,
    later,
    opened,
    say,
    written,
)

from rujukan.domain.case.clock_ends import MeetClock
from rujukan.domain.case.services import DeliverService
from rujukan.domain.casefile.clocks import ClockMet, ClockOverdue, RaiseClock
from rujukan.domain.codes import ReferralStatus, Role, Service
from rujukan.domain.compartment import Compartment
from rujukan.domain.disclosure import Knowledge
from rujukan.domain.fact import CLOCK_SKEW
from rujukan.domain.refusal import AlreadyExists, InTheFuture, NotForThisRole, StillRunning, Unknown, WrongMove

S = ReferralStatus

DELIVER = say(DeliverService, delivery=DELIVERY, service=Service.HEALTH, meets=(CLOCK,))
RAISE = say(RaiseClock, clock=CLOCK)
OVERDUE = say(ClockOverdue, clock=CLOCK)


# Meeting -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("due_after", "in_time"), [(2 * HOUR, True), (HOUR, True), (HOUR / 2, False)])
def test_a_clock_is_met_in_time_up_to_its_very_end(due_after: object, in_time: bool) -> None:
    met = say(MeetClock, NOON + HOUR, clock=CLOCK)
    given(opened(), clock(NOON + due_after)).when(met, by=later(LEAD, HOUR)).then(  # type: ignore[operator]
        say(ClockMet, NOON + HOUR, clock=CLOCK, in_time=in_time)
    )


def test_a_clock_is_not_met_in_the_future() -> None:
    ahead = NOON + HOUR
    given(opened(), clock()).when(say(MeetClock, ahead, clock=CLOCK)).refused(InTheFuture, occurred_at=ahead)
    given(opened(), clock()).when(replace(DELIVER, occurred_at=ahead)).refused(InTheFuture)
    within = NOON + CLOCK_SKEW
    given(opened(), clock()).when(say(MeetClock, within, clock=CLOCK)).then(
        say(ClockMet, NOON, clock=CLOCK, in_time=True)
    )


def test_a_clock_is_met_once() -> None:
    met = say(ClockMet, clock=CLOCK, in_time=True)
    given(opened(), clock(), met).when(say(MeetClock, clock=CLOCK)).refused(AlreadyExists, what="the clock's end")
    given(opened(), clock(), met).when(DELIVER).refused(AlreadyExists, what="the clock's end")


def test_a_clock_that_never_started_is_not_met() -> None:
    given(opened()).when(say(MeetClock, clock=CLOCK)).refused(Unknown, what="clock")
    given(opened(), clock()).when(say(MeetClock, clock=CLOCK), by=SCHOOL).refused(Unknown, what="case")


# Running out -------------------------------------------------------------------------------------------------


def test_a_clock_that_ran_out_is_raised_once() -> None:
    ran = [opened(), clock(NOON + DAY)]
    given(*ran).when_raised(RAISE, DAY - HOUR).refused(StillRunning, due_at=NOON + DAY)
    given(*ran).when_raised(RAISE, DAY).then(replace(OVERDUE, occurred_at=NOON + DAY))
    given(*ran, OVERDUE).when_raised(RAISE, 2 * DAY).refused(WrongMove, move="raise")


def test_a_clock_that_was_met_or_whose_case_is_closed_is_not_raised() -> None:
    late = later(SYSTEM, 2 * DAY)
    met = say(ClockMet, clock=CLOCK, in_time=True)
    given(opened(), clock(), met).when(RAISE, by=late).refused(WrongMove)
    given(opened(), clock(), closed()).when(RAISE, by=late).refused(WrongMove)
    given(opened()).when(RAISE, by=late).refused(Unknown, what="clock")
    given().when(RAISE, by=late).refused(Unknown, what="clock")


def test_a_clock_that_was_raised_can_be_met_late() -> None:
    met = say(MeetClock, NOON + 2 * DAY, clock=CLOCK)
    given(opened(), clock(), OVERDUE).when(met, by=later(LEAD, 2 * DAY)).then(
        say(ClockMet, NOON + 2 * DAY, clock=CLOCK, in_time=False)
    )


@pytest.mark.parametrize("role", [r for r in Role if r is not Role.SYSTEM])
def test_only_the_system_raises_a_clock(role: Role) -> None:
    given(opened(), clock()).when(RAISE, by=later(act("uptd-ppa", role), 2 * DAY), in_role=True).refused(NotForThisRole)


def test_who_shares_a_clock_is_told_that_it_ran_out() -> None:
    """The lead and who was referred to for it; not another agency with an open referral, whatever it may know."""
    referrals = [
        *brought_to(S.IN_PROGRESS, clocks=(CLOCK,)),
        *brought_to(S.IN_PROGRESS, R2, to="polres", service=Service.LAW_ENFORCEMENT),
    ]
    knowledge = Knowledge()
    for version, event in enumerate((opened(), consent(to=("rsud", "polres")), clock(), *referrals, OVERDUE), 1):
        author = "rujukan" if event is OVERDUE else "uptd-ppa"
        told = knowledge.follow(replace(written(version, event), author=author))
    assert {(t.agency, *t.compartments) for t in told if t.agency != "rujukan"} == {
        ("uptd-ppa", Compartment.COORDINATION),
        ("rsud", Compartment.COORDINATION),
    }
