"""How old she is: her age group moves with time, and can be assessed anew; and so can how urgent her case is."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given as for_any
from hypothesis import strategies as st
from story import C1, C2, DAY, HOSPITAL, NOON, SYSTEM, given, later, opened, referred, say, scope

from rujukan.domain.age_table import (
    BEGINS,
    GRACE,
    HERSELF,
    WARNING,
    ZONE,
    born,
    consents_herself_from,
    estimated,
    grown,
)
from rujukan.domain.case.ages import AssessAge, ReassessUrgency, UrgencyReassessed, WarnOfMajority, WillConsentHerself
from rujukan.domain.case.consents import ConsentGiven
from rujukan.domain.case.identity import IdentifySurvivor, SurvivorIdentified
from rujukan.domain.casefile.ages import AgeAssessed, age_of
from rujukan.domain.casefile.consenting import ConsentNarrowed
from rujukan.domain.codes import AgeGroup, AgencyKind, ConsentBy, Obtained, Urgency
from rujukan.domain.persons import AgeBasis
from rujukan.domain.refusal import Invalid, StillRunning, WrongMove

A = AgeGroup
OF_THIRTEEN = date(2012, 9, 3)
FIFTEEN = datetime(2027, 9, 3, tzinfo=ZONE)


def at(year: int, month: int, day: int, hour: int = 12) -> datetime:
    return datetime(year, month, day, hour, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("then", "group"),
    [
        (at(2012, 9, 3), A.SMALL_CHILD),
        (at(2018, 9, 2), A.SMALL_CHILD),
        (at(2018, 9, 3), A.SCHOOL_CHILD),
        (at(2024, 9, 3), A.YOUNGER_ADOLESCENT),
        (at(2027, 9, 2, 23), A.YOUNGER_ADOLESCENT),
        (at(2027, 9, 3, 0), A.OLDER_ADOLESCENT),
        (at(2030, 9, 2), A.OLDER_ADOLESCENT),
        (at(2030, 9, 3), A.ADULT),
        (at(2099, 1, 1), A.ADULT),
    ],
)
def test_an_age_group_begins_at_midnight_of_the_birthday_where_she_lives(then: datetime, group: AgeGroup) -> None:
    assert born(OF_THIRTEEN, then).group is group
    assert grown(born(OF_THIRTEEN, at(2012, 9, 3)), then).group is group


@for_any(
    on=st.dates(date(1950, 1, 1), date(2025, 1, 1)),
    first=st.timedeltas(timedelta(0), 100 * 365 * DAY),
    more=st.timedeltas(timedelta(0), 100 * 365 * DAY),
)
def test_what_moved_with_time_is_what_it_would_be_found_to_be_then(on: date, first: timedelta, more: timedelta) -> None:
    then = datetime(on.year, on.month, on.day, 12, tzinfo=UTC) + first
    if then.year - on.year > 100 or (then + more).year - on.year > 110:
        return
    assert grown(born(on, then), then + more) == born(on, then + more)
    herself = consents_herself_from(born(on, then))
    assert (herself is None) == (born(on, then).group in HERSELF)


def test_of_an_estimate_the_youngest_age_counts() -> None:
    assert estimated(13, NOON).group is A.YOUNGER_ADOLESCENT
    assert grown(estimated(13, NOON), NOON + 700 * DAY).group is A.YOUNGER_ADOLESCENT
    assert grown(estimated(13, NOON), NOON + 732 * DAY).group is A.OLDER_ADOLESCENT
    said = say(AssessAge, years_from=13, years_to=16, age_basis=AgeBasis.CLINICIAN)
    case = given(opened()).when(said).then_only(AgeAssessed)
    assert age_of(case, NOON) is A.YOUNGER_ADOLESCENT


def test_who_was_born_on_the_29th_of_february_is_older_on_the_1st_of_march() -> None:
    assert born(date(2012, 2, 29), at(2027, 2, 28)).group is A.YOUNGER_ADOLESCENT
    assert born(date(2012, 2, 29), at(2027, 3, 1)).group is A.OLDER_ADOLESCENT


def test_a_case_that_was_opened_as_an_adults_follows_the_date_of_birth() -> None:
    case = (
        given(opened())
        .when(say(IdentifySurvivor, name="A", born_on=date(2014, 5, 1)))
        .then_only(SurvivorIdentified, AgeAssessed)
    )
    assert age_of(case, NOON) is A.SCHOOL_CHILD
    assert age_of(case, NOON + 365 * DAY) is A.YOUNGER_ADOLESCENT


def test_what_another_agency_says_of_her_birth_changes_no_rule() -> None:
    given(*referred()).when(say(IdentifySurvivor, name="A", born_on=date(2014, 5, 1)), by=HOSPITAL).then_only(
        SurvivorIdentified
    )


@pytest.mark.parametrize("born_on", [date(1850, 1, 1), date(2030, 1, 1)])
def test_a_date_of_birth_of_nobody_who_lives_is_kept_and_not_followed(born_on: date) -> None:
    given(opened()).when(say(IdentifySurvivor, name="A", born_on=born_on)).then_only(SurvivorIdentified)
    given(opened()).when(say(AssessAge, born_on=born_on)).refused(Invalid, field="born_on")


def test_an_age_is_said_by_a_birth_or_by_an_estimate_with_its_basis() -> None:
    given(opened()).when(say(AssessAge)).refused(Invalid, field="years_from")
    given(opened()).when(say(AssessAge, years_from=12)).refused(Invalid, field="years_from")
    said = say(AssessAge, years_from=12, years_to=11, age_basis=AgeBasis.SAID)
    given(opened()).when(said).refused(Invalid, field="years_to")


def test_the_urgency_of_a_case_can_be_assessed_anew() -> None:
    said = say(ReassessUrgency, urgency=Urgency.EMERGENCY, reason="he knows where she is")
    case = given(opened()).when(said).then_only(UrgencyReassessed)
    assert case.urgency is Urgency.EMERGENCY


# On the day she consents herself -----------------------------------------------------------------------------


def of_thirteen() -> AgeAssessed:
    return say(AgeAssessed, age_group=A.YOUNGER_ADOLESCENT, next_group_from=FIFTEEN, age_table="2026-1", age_basis=None)


def by_parent(id: object = C1) -> ConsentGiven:
    return say(
        ConsentGiven,
        **scope(id),  # type: ignore[arg-type]
        given_by=frozenset({ConsentBy.PARENT}),
        obtained=Obtained.WRITTEN,
        child_assent=True,
    )


def warn(then: datetime) -> tuple[WarnOfMajority, timedelta]:
    return say(WarnOfMajority), then - NOON


def test_thirty_days_before_it_is_said_and_what_others_gave_gets_an_end() -> None:
    hers = say(ConsentGiven, **scope(C2), given_by=frozenset({ConsentBy.SURVIVOR}), obtained=Obtained.WRITTEN)
    story = given(opened(), of_thirteen(), by_parent(), hers)
    story.when_raised(*warn(FIFTEEN - WARNING - DAY)).refused(StillRunning)
    case = story.when_raised(*warn(FIFTEEN - WARNING)).then_only(WillConsentHerself, ConsentNarrowed)
    assert case.consents[C1].expires_at == FIFTEEN + GRACE
    assert case.consents[C2].expires_at is None
    assert case.shareable("rsud", AgencyKind.HEALTH, FIFTEEN + GRACE - DAY)
    by = later(SYSTEM, FIFTEEN - NOON)
    told = say(WillConsentHerself, herself_from=FIFTEEN)
    given(opened(), of_thirteen(), told).when(say(WarnOfMajority, by.at), by=by).refused(WrongMove)


def test_nobody_is_told_of_whom_no_age_is_known_or_who_consents_herself() -> None:
    for before in ([opened()], [opened(age=A.OLDER_ADOLESCENT)]):
        given(*before).when_raised(*warn(FIFTEEN)).refused(WrongMove)


def test_each_band_is_older_than_the_one_before() -> None:
    assert list(BEGINS.values()) == sorted(BEGINS.values())
