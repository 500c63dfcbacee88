"""People are reminded of a clock before it runs out, and again once it did, until somebody acts."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given as for_any
from hypothesis import strategies as st
from msgspec.structs import replace
from story import (
    CLOCK,
    DAY,
    HOUR,
    NOON,
    act,
    brought_to,
    clock,
    closed,
    consent,
    given,
    later,
    opened,
    say,
    the_case,
    written,
)

from rujukan.domain.case.clock_ends import ClockResumed
from rujukan.domain.case.reminding import ClockStillOverdue, ClockWarned, RemindOfClock, next_reminder
from rujukan.domain.casefile.clocks import ClockEnded, ClockMet, ClockOverdue, RaiseClock
from rujukan.domain.codes import ReferralStatus, Role
from rujukan.domain.compartment import Compartment
from rujukan.domain.disclosure import Knowledge
from rujukan.domain.fact import Fact
from rujukan.domain.pathways import CLOCK_STEPS, PATHWAYS
from rujukan.domain.refusal import NotForThisRole, StillRunning, Unknown, WrongMove

MINUTE = HOUR / 60
REMIND = say(RemindOfClock, clock=CLOCK)
MET = say(ClockMet, clock=CLOCK, in_time=True)


def running(window: timedelta, pathway: str = "2026-5") -> list[Fact]:
    return [replace(opened(), pathway=pathway), clock(NOON + window)]


def warned(after: timedelta, level: int, window: timedelta) -> ClockWarned:
    return say(ClockWarned, NOON + after, clock=CLOCK, due_at=NOON + window, level=level)


def overdue(window: timedelta) -> ClockOverdue:
    return say(ClockOverdue, NOON + window, clock=CLOCK)


def again(after: timedelta, level: int) -> ClockStillOverdue:
    return say(ClockStillOverdue, NOON + after, clock=CLOCK, level=level)


# Before it runs out ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "first", "second"),
    [
        (7 * DAY, 5 * DAY, 6 * DAY),  # two days before, a day before
        (4 * DAY, 2 * DAY, 3 * DAY),
        (3 * DAY, 36 * HOUR, 54 * HOUR),  # of a shorter one half, and a quarter
        (HOUR, 30 * MINUTE, 45 * MINUTE),
    ],
)
def test_it_is_said_two_days_and_a_day_before_and_of_a_short_one_at_half_and_a_quarter(
    window: timedelta, first: timedelta, second: timedelta
) -> None:
    events = running(window)
    for level, at in ((1, first), (2, second)):
        given(*events).when_raised(REMIND, at - MINUTE).refused(StillRunning, due_at=NOON + at)
        given(*events).when_raised(REMIND, at).then(warned(at, level, window))
        events.append(warned(at, level, window))
    given(*events).when_raised(REMIND, window - MINUTE).refused(WrongMove, move="remind")


def test_where_nobody_looked_for_long_the_last_warning_alone_is_given() -> None:
    given(*running(7 * DAY)).when_raised(REMIND, 7 * DAY - HOUR).then(warned(7 * DAY - HOUR, 2, 7 * DAY))


def test_that_it_ran_out_is_said_by_that_and_no_warning_follows() -> None:
    given(*running(DAY)).when_raised(REMIND, DAY).refused(WrongMove, move="remind")
    given(*running(DAY)).when_raised(say(RaiseClock, clock=CLOCK), DAY).then(overdue(DAY))


def test_of_one_that_was_known_of_late_it_is_counted_from_then() -> None:
    """Half of what was left, and not at once: that it began has just been said."""
    began = [replace(opened(), pathway="2026-5"), replace(clock(NOON + 12 * HOUR), starts_at=NOON - 60 * HOUR)]
    given(*began).when_raised(REMIND, MINUTE).refused(StillRunning, due_at=NOON + 6 * HOUR)


# Behind its end --------------------------------------------------------------------------------------------------


def test_it_is_said_again_after_a_day_three_a_week_and_each_four_days_until_somebody_acts() -> None:
    events = [*running(DAY), overdue(DAY)]
    steps = [2 * DAY, 4 * DAY, 8 * DAY, 12 * DAY, 16 * DAY, 20 * DAY]
    for level, at in enumerate(steps, 1):
        given(*events).when_raised(REMIND, at - MINUTE).refused(StillRunning, due_at=NOON + at)
        given(*events).when_raised(REMIND, at).then(again(at, level))
        events.append(again(at, level))
    for act_of_somebody in (MET, say(ClockEnded, clock=CLOCK, in_time=False)):
        given(*events, act_of_somebody).when_raised(REMIND, 60 * DAY).refused(WrongMove, move="remind")


def test_a_system_that_was_down_says_it_once_and_not_for_each_step_that_it_missed() -> None:
    events = [*running(DAY), overdue(DAY)]
    given(*events).when_raised(REMIND, 13 * DAY).then(again(13 * DAY, 4))
    given(*events, again(13 * DAY, 4)).when_raised(REMIND, 13 * DAY + HOUR).refused(StillRunning)


@for_any(
    st.lists(st.integers(0, 40 * 24).map(lambda n: n * HOUR), min_size=1, max_size=12),
    st.integers(1, 15 * 24).map(lambda n: n * HOUR),
)
def test_whenever_somebody_looks_each_step_is_said_once_at_most_and_the_next_lies_ahead(
    looks: list[timedelta], window: timedelta
) -> None:
    events, said = running(window), []
    for at in sorted(looks):
        if at >= window and overdue(window) not in events:
            events.append(overdue(window))
        case = the_case(*events)
        reminder = next_reminder(case, case.clocks[CLOCK])
        if reminder is None or reminder.at > NOON + at or (reminder.until or NOON + at + DAY) <= NOON + at:
            continue
        raised = _last(at, window)
        found = given(*events).when_raised(REMIND, at).then(raised)
        assert found is not None
        after = next_reminder(found, found.clocks[CLOCK])
        assert after is None or after.at > NOON + at
        events.append(raised)
        said.append((type(raised), raised.level))
    assert len(said) == len(set(said))


def _last(at: timedelta, window: timedelta) -> ClockWarned | ClockStillOverdue:
    """What is said then, counted another way: step by step."""
    if at < window:
        before = [min(48 * HOUR, window / 2), min(24 * HOUR, window / 4)]
        return warned(at, sum(window - each <= at for each in before), window)
    steps = [DAY, 3 * DAY, *(7 * DAY + n * 4 * DAY for n in range(20))]
    return again(at, sum(window + each <= at for each in steps))


# For whom --------------------------------------------------------------------------------------------------------


def test_a_case_keeps_the_rules_that_it_was_opened_under_and_one_that_ended_is_left_alone() -> None:
    for version in sorted(v for v, pathway in PATHWAYS.items() if pathway.clock_steps is None):
        given(*running(DAY, version)).when_raised(REMIND, DAY - MINUTE).refused(WrongMove, move="remind")
    given(*running(DAY), closed()).when_raised(REMIND, DAY - MINUTE).refused(WrongMove, move="remind")
    given(*running(DAY), MET).when_raised(REMIND, DAY - MINUTE).refused(WrongMove, move="remind")
    given(opened()).when_raised(REMIND, DAY).refused(Unknown, what="clock")
    given().when_raised(REMIND, DAY).refused(Unknown, what="clock")


def test_one_that_runs_again_is_warned_of_where_it_was_not() -> None:
    events = [*running(7 * DAY), warned(5 * DAY, 1, 7 * DAY), MET, say(ClockResumed, clock=CLOCK)]
    given(*events).when_raised(REMIND, 6 * DAY).then(warned(6 * DAY, 2, 7 * DAY))


def test_one_that_had_closed_before_anybody_knew_reminds_nobody() -> None:
    closed_before = replace(clock(NOON - HOUR), starts_at=NOON - 73 * HOUR, too_late=True)
    given(replace(opened(), pathway="2026-5"), closed_before).when_raised(REMIND, DAY).refused(WrongMove)
    ran_out = replace(closed_before, too_late=None)
    given(replace(opened(), pathway="2026-5"), ran_out).when_raised(REMIND, DAY).refused(WrongMove)


@pytest.mark.parametrize("role", [r for r in Role if r is not Role.SYSTEM])
def test_only_the_system_reminds(role: Role) -> None:
    by = later(act("uptd-ppa", role), DAY - MINUTE)
    given(*running(DAY)).when(REMIND, by=by, in_role=True).refused(NotForThisRole)


@pytest.mark.parametrize("said", [warned(12 * HOUR, 1, DAY), again(2 * DAY, 1)], ids=lambda e: type(e).__name__)
def test_the_lead_and_who_shares_the_clock_are_told_and_nobody_else(said: Fact) -> None:
    known = Knowledge()
    log = (
        opened(),
        consent(to=("rsud", "polres")),
        clock(NOON + DAY),
        *brought_to(ReferralStatus.IN_PROGRESS, clocks=(CLOCK,)),
        said,
    )
    for version, event in enumerate(log, 1):
        author = "rujukan" if event is said else "uptd-ppa"
        told = known.follow(replace(written(version, event), author=author))
    assert {(t.agency, *t.compartments) for t in told if t.agency != "rujukan"} == {
        ("uptd-ppa", Compartment.COORDINATION),
        ("rsud", Compartment.COORDINATION),
    }


def test_the_steps_are_in_order() -> None:
    """Or a warning would count as given before its time."""
    far = datetime(2027, 1, 1, tzinfo=NOON.tzinfo)
    warnings = CLOCK_STEPS.warnings(NOON, far)
    assert warnings == sorted(warnings)
    assert len(CLOCK_STEPS.after) > 1
    assert list(CLOCK_STEPS.after) == sorted(set(CLOCK_STEPS.after))
