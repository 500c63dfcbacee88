"""A consent that will run out soon is said to, once, while she can be asked."""

from datetime import timedelta

import pytest
from story import (
    C1,
    DAY,
    HOUR,
    NOON,
    SYSTEM,
    Fact,
    closed,
    consent,
    given,
    later,
    opened,
    override,
    referred,
    say,
    scope,
    withdrawn,
    written,
)

from rujukan.domain.case.consents import ConsentExpired, ConsentNarrowed
from rujukan.domain.case.expiring import ConsentExpiring, WarnOfExpiry
from rujukan.domain.disclosure import Knowledge
from rujukan.domain.refusal import ConsentNotLive, NotForThisRole, StillRunning, Unknown, WrongMove

WARN = say(WarnOfExpiry, consent=C1)


@pytest.mark.parametrize(
    ("lasts", "before"),
    [
        (timedelta(days=365), timedelta(days=7)),
        (timedelta(days=28), timedelta(days=7)),
        (8 * DAY, 2 * DAY),
        (4 * HOUR, HOUR),
    ],
    ids=str,
)
def test_it_is_said_a_week_before_or_when_a_quarter_of_a_shorter_time_is_left(
    lasts: timedelta, before: timedelta
) -> None:
    story = given(opened(), consent(until=NOON + lasts))
    story.when_raised(WARN, lasts - before - timedelta(seconds=1)).refused(StillRunning)
    at = NOON + lasts - before
    story.when_raised(WARN, lasts - before).then(
        say(ConsentExpiring, at, consent=C1, expires_at=NOON + lasts, rule="2026-1")
    )


def test_it_is_said_once_while_it_stands_in_an_open_case_and_by_the_system_alone() -> None:
    lasting: list[Fact] = [opened(), consent(until=NOON + 4 * DAY)]
    warned = given(*lasting).when_raised(WARN, 3 * DAY).events
    given(*lasting, *warned).when_raised(WARN, 3 * DAY + HOUR).refused(WrongMove)
    given(*lasting, closed()).when_raised(WARN, 3 * DAY).refused(WrongMove)
    given(*lasting, withdrawn()).when_raised(WARN, 3 * DAY).refused(ConsentNotLive)
    given(*lasting).when_raised(WARN, 4 * DAY).refused(ConsentNotLive)
    given(opened(), consent()).when_raised(WARN, 4 * DAY).refused(WrongMove)
    given(opened()).when_raised(WARN, 4 * DAY).refused(Unknown)
    given(*lasting).when(WARN, by=later(SYSTEM, HOUR)).refused(StillRunning)
    given(*lasting).when(WARN, in_role=True).refused(NotForThisRole)


def test_a_sharing_without_consent_is_warned_of_too() -> None:
    given(opened(), override(until=NOON + 24 * HOUR)).when_raised(WARN, 18 * HOUR).then_only(ConsentExpiring)


def test_one_that_was_narrowed_to_an_earlier_end_is_warned_of_anew() -> None:
    narrowed = say(ConsentNarrowed, **scope(until=NOON + 4 * HOUR))
    story = given(opened(), consent(until=NOON + 4 * DAY), narrowed)
    story.when_raised(WARN, 3 * HOUR).then_only(ConsentExpiring)


def test_the_lead_and_whom_it_names_are_told() -> None:
    warned = say(ConsentExpiring, consent=C1, expires_at=NOON + DAY, rule="2026-1")
    knowledge, told = Knowledge(), set[str]()
    for n, event in enumerate([*referred(), warned], 1):
        told = {t.agency for t in knowledge.follow(written(n, event)) if t.of.event is warned}
    assert told == {"uptd-ppa", "rsud"}


def test_what_was_warned_of_runs_out_as_it_does_otherwise() -> None:
    warned = say(ConsentExpiring, consent=C1, expires_at=NOON + DAY, rule="2026-1")
    expired = say(ConsentExpired, NOON + DAY, consent=C1, expires_at=NOON + DAY)
    case = given(opened(), consent(until=NOON + DAY), warned, expired).case
    assert case is not None
    assert not case.consents[C1].live
