"""Which reading is marked as unusual, and which is not: each rule, and each exception from it."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from rujukan.domain.calendar import WEEK, Hours, Weekday, Zone
from rujukan.domain.codes import AgencyKind, Purpose, Role
from rujukan.domain.oversight import LIMITS, REASONS, SEARCHING, Finding, Look, Unusual, by_rule, unusual

TUESDAY = datetime(2026, 3, 3, 2, 0, tzinfo=UTC)
"""10:00 in Bontang."""
USUAL = Look(
    position=1,
    case=UUID(int=1),
    agency="uptd-ppa",
    kind=AgencyKind.LEAD,
    actor=UUID(int=7),
    role=Role.CASE_WORKER,
    purpose=Purpose.CARE,
    what="timeline",
    at=TUESDAY,
    acted=True,
    accompanied=False,
    took_part=True,
)


def rules(**other: Any) -> set[Unusual]:
    return {rule for finding in unusual([replace(USUAL, **other)]) for rule in finding.rules}


def many(cases: int, apart: timedelta = timedelta(seconds=1), **other: Any) -> list[Finding]:
    """One person opens so many cases, one after another."""
    looks = [replace(USUAL, position=n, case=UUID(int=n), at=TUESDAY + n * apart, **other) for n in range(1, cases + 1)]
    return unusual(looks)


def test_a_worker_who_reads_a_case_they_work_on_in_the_morning_is_not_marked() -> None:
    assert not rules()


def test_every_rule_has_its_reason() -> None:
    assert set(REASONS) == set(Unusual)


def test_bulk_begins_with_the_case_after_a_caseload_within_the_window() -> None:
    assert not many(LIMITS.cases)
    found = many(LIMITS.cases + 2)
    assert [f.look.position for f in found] == [LIMITS.cases + 1, LIMITS.cases + 2]
    assert by_rule(found) == {Unusual.BULK: 2}


def searching(**other: Any) -> Look:
    return replace(USUAL, what=SEARCHING, acted=False, took_part=False, **other)


def searched(times: int, apart: timedelta = timedelta(seconds=1), **other: Any) -> list[Finding]:
    """One person searches so often, one search after another, with no relation to anything."""
    looks = [searching(position=n, at=TUESDAY + n * apart) for n in range(1, times + 1)]
    return unusual([replace(look, **other) for look in looks])


def test_a_run_of_searches_is_marked_whatever_was_found_and_a_day_of_calls_is_not() -> None:
    assert not searched(LIMITS.searches)
    assert by_rule(searched(LIMITS.searches + 2)) == {Unusual.SEARCHES: 2}
    assert not searched(60, timedelta(minutes=4))
    night = searched(1, at=TUESDAY + timedelta(hours=14))
    assert by_rule(night) == {Unusual.OUT_OF_HOURS: 1}


def test_searches_make_no_bulk_of_readings_and_readings_no_run_of_searches() -> None:
    looks = [replace(USUAL, position=n, case=UUID(int=n), at=TUESDAY + timedelta(seconds=n)) for n in range(1, 41)]
    mixed = [replace(look, what=SEARCHING) if look.position % 2 else look for look in looks]
    assert not unusual(mixed)


def test_many_cases_over_the_day_or_one_case_many_times_or_by_many_people_are_not_bulk() -> None:
    assert not many(LIMITS.cases + 5, timedelta(minutes=5))
    again = [replace(USUAL, position=n, at=TUESDAY + timedelta(seconds=n)) for n in range(100)]
    assert not unusual(again)
    crowd = [replace(USUAL, position=n, case=UUID(int=n), actor=UUID(int=n)) for n in range(100)]
    assert not unusual(crowd)


def test_a_machine_that_reads_in_bulk_is_marked_like_a_person() -> None:
    assert many(LIMITS.cases + 1, role=Role.INTEGRATOR)


@pytest.mark.parametrize(
    ("reader", "marked"),
    [
        ({"acted": False}, True),
        ({"acted": False, "accompanied": True}, False),
        ({"acted": False, "role": Role.SUPERVISOR, "purpose": Purpose.SUPERVISION}, False),
        ({"acted": False, "role": Role.SUPERVISOR, "purpose": Purpose.CARE}, True),
        ({"acted": False, "role": Role.LEGAL_REVIEWER, "purpose": Purpose.LEGAL}, False),
        ({"acted": False, "role": Role.CASE_WORKER, "purpose": Purpose.LEGAL}, True),
        ({"acted": False, "role": Role.INTEGRATOR}, False),
    ],
)
def test_who_neither_accompanies_nor_acts_nor_oversees_has_no_relation(reader: dict[str, Any], marked: bool) -> None:
    assert (Unusual.NO_RELATION in rules(**reader)) == marked


def test_a_reader_of_an_agency_that_takes_no_part_any_more_is_marked() -> None:
    assert rules(took_part=False) == {Unusual.NO_PART}


@pytest.mark.parametrize(
    ("utc", "marked"),
    [
        (datetime(2026, 3, 2, 22, 0, tzinfo=UTC), False),  # Tuesday 06:00 in Bontang
        (datetime(2026, 3, 2, 21, 59, tzinfo=UTC), True),
        (datetime(2026, 3, 3, 11, 59, tzinfo=UTC), False),
        (datetime(2026, 3, 3, 12, 0, tzinfo=UTC), True),  # 20:00
        (datetime(2026, 3, 6, 17, 0, tzinfo=UTC), True),  # Saturday 01:00 there, Friday here
        (datetime(2026, 3, 7, 2, 0, tzinfo=UTC), True),
        (datetime(2026, 3, 8, 23, 0, tzinfo=UTC), False),  # Monday 07:00 there, Sunday here
    ],
)
def test_hours_are_those_of_bontang(utc: datetime, marked: bool) -> None:
    assert (Unusual.OUT_OF_HOURS in rules(at=utc)) == marked


def marked_at(at: datetime, hours: Hours | None = None, holidays: frozenset[date] = frozenset()) -> bool:
    said = {USUAL.agency: hours} if hours is not None else {}
    found = unusual([replace(USUAL, at=at)], LIMITS, said, holidays)
    return any(Unusual.OUT_OF_HOURS in finding.rules for finding in found)


def test_an_agency_that_said_its_zone_and_days_is_asked_by_those() -> None:
    here = Hours(Zone.WIT, frozenset({Weekday.TUESDAY, Weekday.SATURDAY}), time(8), time(16), frozenset())
    six_there = datetime(2026, 3, 2, 21, 0, tzinfo=UTC)  # Tuesday 06:00 in the east, 05:00 in Bontang
    assert (marked_at(six_there), marked_at(six_there, here)) == (True, False)
    saturday = datetime(2026, 3, 7, 2, 0, tzinfo=UTC)
    assert (marked_at(saturday), marked_at(saturday, here)) == (True, False)
    wednesday = TUESDAY + timedelta(days=1)
    assert (marked_at(wednesday), marked_at(wednesday, here)) == (False, True)
    assert marked_at(TUESDAY, replace(here, closed_on=frozenset({TUESDAY.date()})))


def test_a_holiday_of_the_network_is_nobody_s_working_day() -> None:
    everyday = Hours(Zone.WITA, frozenset(WEEK), time(8), time(16))
    for hours in (None, everyday):
        assert marked_at(TUESDAY, hours, frozenset({TUESDAY.date()}))
        assert not marked_at(TUESDAY, hours, frozenset({TUESDAY.date() + timedelta(days=1)}))


def test_whoever_sets_an_agency_s_hours_hides_no_night() -> None:
    always = Hours(Zone.WITA, frozenset(WEEK), time(0), time(23, 59))
    assert marked_at(TUESDAY + timedelta(hours=16), always)


def test_services_that_never_close_and_machines_read_at_night() -> None:
    night = TUESDAY + timedelta(hours=16)
    assert rules(at=night) == {Unusual.OUT_OF_HOURS}
    assert not rules(at=night, kind=AgencyKind.HEALTH)
    assert not rules(at=night, role=Role.INTEGRATOR)


def test_a_survivor_s_report_is_always_shown_to_who_oversees() -> None:
    assert rules(what="survivor-report") == {Unusual.EVERYTHING}


def test_a_reading_names_every_rule_that_it_tripped() -> None:
    night = TUESDAY + timedelta(hours=16)
    assert rules(at=night, acted=False, took_part=False) == {
        Unusual.OUT_OF_HOURS,
        Unusual.NO_RELATION,
        Unusual.NO_PART,
    }
