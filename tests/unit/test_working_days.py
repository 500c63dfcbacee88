"""What is due within working days is due by the calendar of the agency that has to act; hours stay hours."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import example
from hypothesis import given as for_any
from hypothesis import strategies as st
from msgspec.structs import replace
from story import NETWORK, NOON, R1, act, consent, draft, given, opened, say

from rujukan.domain.agency import evolve
from rujukan.domain.agency_hours import (
    MOST_CLOSED,
    MOST_WORKING_DAYS,
    HolidaysSet,
    HoursSet,
    SetHolidays,
    SetHours,
    hours_of,
)
from rujukan.domain.agency_state import decide as decide_of_agency
from rujukan.domain.calendar import WEEK, Hours, Weekday, Zone
from rujukan.domain.case.referrals import ReferralSent, SendReferral
from rujukan.domain.codes import Role, Urgency
from rujukan.domain.refusal import AlreadyExists, Invalid

OFFICE_WEEK = frozenset(WEEK[:5])
HOLIDAYS = frozenset(date(2026, 3, day) for day in range(19, 25))
OFFICE = Hours(Zone.WITA, OFFICE_WEEK, time(8), time(16), HOLIDAYS)
SAID = {"zone": Zone.WITA, "workdays": OFFICE_WEEK, "opens": "08:00", "closes": "16:00", "closed_on": HOLIDAYS}
SEND = say(SendReferral, referral=R1, working_days=3)
SPRING = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))


def at(day: int, hour: int, zone: Zone = Zone.WITA) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=zone.offset)


# The calendar ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("begins", "days", "ends"),
    [
        (at(13, 16), 3, at(18, 16)),  # Friday to Wednesday: the story of the letter that nobody opened
        (at(13, 9), 1, at(16, 16)),
        (at(14, 9), 1, at(16, 16)),  # a Saturday counts no more than the Sunday behind it
        (at(18, 9), 1, at(25, 16)),  # behind the holidays
        (at(16, 23, Zone.WIB), 1, at(18, 16)),  # it is the 17th there already
    ],
)
def test_the_day_on_which_it_begins_does_not_count_nor_does_a_day_that_is_closed(
    begins: datetime, days: int, ends: datetime
) -> None:
    assert OFFICE.end_of(begins, days) == ends


@for_any(
    begins=SPRING,
    days=st.integers(1, MOST_WORKING_DAYS),
    zone=st.sampled_from(Zone),
    week=st.frozensets(st.sampled_from(Weekday), min_size=1),
    closed=st.frozensets(st.dates(date(2026, 1, 1), date(2027, 6, 1)), max_size=40),
)
def test_so_many_working_days_lie_between(
    begins: datetime, days: int, zone: Zone, week: frozenset[Weekday], closed: frozenset[date]
) -> None:
    """Counted the other way round: day by day from the end, each with the words that the agency said."""
    office = Hours(zone, week, time(8), time(15, 30), closed)
    ends = office.end_of(begins, days)
    first, last = begins.astimezone(zone.offset).date(), ends.astimezone(zone.offset).date()
    between = [last - timedelta(days=n) for n in range((last - first).days)]
    worked = [day for day in between if day not in closed and day.strftime("%A").lower() in week]
    assert len(worked) == days
    assert worked[0] == last
    assert ends.astimezone(zone.offset).time() == time(15, 30)


# What an agency says of itself -----------------------------------------------------------------------------------


def test_an_agency_says_when_its_people_are_there() -> None:
    hospital, administrator = NETWORK["rsud"], act("rsud", Role.AGENCY_ADMINISTRATOR)
    (event,) = decide_of_agency(say(SetHours, **SAID), hospital, administrator)
    assert event == say(HoursSet, **SAID)
    known = evolve(hospital, event)
    assert hospital.hours is None, "nothing is taken for granted of who said nothing"
    assert known.hours == OFFICE == hours_of(event)
    with pytest.raises(AlreadyExists):
        decide_of_agency(say(SetHours, **SAID), known, administrator)
    assert decide_of_agency(say(SetHours, **{**SAID, "closes": "15:00"}), known, administrator)


@pytest.mark.parametrize("closes", ["08:00", "07:59", "00:00"])
def test_nobody_closes_before_they_open(closes: str) -> None:
    with pytest.raises(Invalid) as refused:
        decide_of_agency(
            say(SetHours, **{**SAID, "closes": closes}), NETWORK["rsud"], act("rsud", Role.AGENCY_ADMINISTRATOR)
        )
    assert refused.value.field == "closes"


# The network's holidays ------------------------------------------------------------------------------------------


def test_the_network_s_holidays_are_one_list_which_a_lead_keeps() -> None:
    lead, administrator = NETWORK["uptd-ppa"], act("uptd-ppa", Role.AGENCY_ADMINISTRATOR)
    command = say(SetHolidays, holidays=HOLIDAYS)
    (event,) = decide_of_agency(command, lead, administrator)
    assert event == say(HolidaysSet, holidays=HOLIDAYS)
    known = evolve(lead, event)
    assert (lead.holidays, known.holidays) == (frozenset(), HOLIDAYS)
    with pytest.raises(AlreadyExists):
        decide_of_agency(command, known, administrator)
    (fewer,) = decide_of_agency(replace(command, holidays=frozenset()), known, administrator)
    assert evolve(known, fewer).holidays == frozenset(), "it takes the place of the list before"


def test_another_than_a_lead_says_its_own_days_with_its_hours() -> None:
    with pytest.raises(Invalid) as refused:
        decide_of_agency(say(SetHolidays, holidays=HOLIDAYS), NETWORK["rsud"], act("rsud", Role.AGENCY_ADMINISTRATOR))
    assert refused.value.field == "code"


@for_any(
    begins=SPRING,
    days=st.integers(1, MOST_WORKING_DAYS),
    own=st.frozensets(st.dates(date(2026, 1, 1), date(2027, 6, 1)), max_size=20),
    common=st.frozensets(st.dates(date(2026, 1, 1), date(2027, 6, 1)), max_size=20),
)
def test_the_network_s_days_and_an_agency_s_own_stand_beside_each_other(
    begins: datetime, days: int, own: frozenset[date], common: frozenset[date]
) -> None:
    apart = replace(OFFICE, closed_on=own).end_of(begins, days, common)
    assert apart == replace(OFFICE, closed_on=own | common).end_of(begins, days)


# A referral's answer ---------------------------------------------------------------------------------------------


def told(urgency: Urgency, hours: Hours | None = OFFICE):  # type: ignore[no-untyped-def]
    """Sending a referral of that urgency, on a Tuesday at 20.00 there, to an agency with those hours."""
    network = {**NETWORK, "rsud": replace(NETWORK["rsud"], hours=hours)}
    case = given(opened(), consent(), draft(urgency=urgency))
    return lambda command: case.when(command, network=network)


def test_an_answer_is_due_within_working_days_of_the_recipient() -> None:
    due_at = datetime(2026, 3, 6, 16, tzinfo=Zone.WITA.offset)
    case = told(Urgency.ROUTINE)(SEND).then(say(ReferralSent, referral=R1, working_days=3, due_at=due_at))
    assert case is not None
    assert case.referrals[R1].due_at == due_at


def test_the_holidays_of_who_leads_the_case_are_no_working_days_of_its_recipient() -> None:
    """Of no other lead: with 4 and 5 March closed, the third day is Tuesday the 10th."""
    days = frozenset({date(2026, 3, 4), date(2026, 3, 5)})
    lead = replace(NETWORK["uptd-ppa"], holidays=days)
    network = {**NETWORK, "rsud": replace(NETWORK["rsud"], hours=OFFICE), "uptd-ppa": lead}
    case = given(opened(), consent(), draft(urgency=Urgency.ROUTINE))
    due_at = datetime(2026, 3, 10, 16, tzinfo=Zone.WITA.offset)
    case.when(SEND, network=network).then(say(ReferralSent, referral=R1, working_days=3, due_at=due_at))
    elsewhere = {**network, "uptd-ppa": NETWORK["uptd-ppa"], "dp3akb": lead}
    before = datetime(2026, 3, 6, 16, tzinfo=Zone.WITA.offset)
    case.when(SEND, network=elsewhere).then(say(ReferralSent, referral=R1, working_days=3, due_at=before))
    for urgency in Urgency:  # hours are hours
        hours = given(opened(), consent(), draft(urgency=urgency)).when(say(SendReferral, referral=R1), network=network)
        after = hours.then_only(ReferralSent)
        assert after.referrals[R1].due_at == NOON + after.referrals[R1].window


def test_what_says_no_working_days_is_due_within_hours_whatever_the_recipient_s_calendar_is() -> None:
    command = say(SendReferral, referral=R1)
    for urgency in Urgency:
        after = told(urgency)(command).then_only(ReferralSent)
        assert after.referrals[R1].due_at == NOON + after.referrals[R1].window


@pytest.mark.parametrize("urgency", [Urgency.EMERGENCY, Urgency.URGENT])
def test_what_is_urgent_never_waits_for_a_working_day(urgency: Urgency) -> None:
    told(urgency)(SEND).refused(Invalid, field="working_days")


def test_nobody_guesses_when_people_are_there() -> None:
    told(Urgency.ROUTINE, hours=None)(SEND).refused(Invalid, field="working_days")


@for_any(
    st.frozensets(st.sampled_from(Weekday), min_size=1),
    st.frozensets(st.dates(date(2026, 3, 1), date(2031, 1, 1)), max_size=MOST_CLOSED),
    st.sampled_from(Zone),
    st.integers(1, MOST_WORKING_DAYS),
)
@example(frozenset({Weekday.MONDAY}), frozenset(date(2026, 3, 2) + timedelta(weeks=n) for n in range(200)), Zone.WIT, 1)
def test_whatever_a_recipient_says_of_its_calendar_the_answer_is_due_soon(
    workdays: frozenset[Weekday], closed_on: frozenset[date], zone: Zone, days: int
) -> None:
    """Else who is to answer says itself that it never has to."""
    hours = Hours(zone, workdays, time(8), time(16), closed_on)
    after = told(Urgency.ROUTINE, hours)(replace(SEND, working_days=days)).then_only(ReferralSent)
    due_at = after.referrals[R1].due_at
    assert due_at is not None
    assert NOON < due_at <= NOON + timedelta(days=2 * days + 14)
