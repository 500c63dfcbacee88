"""The clocks: which incident starts which, from when, for how long, and on whose word."""

from datetime import timedelta

import pytest
from story import NOON

from rujukan.domain.codes import Urgency
from rujukan.domain.pathways import CURRENT, PATHWAYS, V2026_1, V2026_2, Pathway
from rujukan.domain.violence import ClockNeed, GbvType

HOURS = timedelta(hours=1)

# need: (hours, from the incident, by type, domestic, what the source says)
RULES = {
    ClockNeed.HIV_PEP: (72, True, {GbvType.RAPE}, False, "WHO"),
    ClockNeed.EMERGENCY_CONTRACEPTION: (120, True, {GbvType.RAPE}, False, "WHO"),
    ClockNeed.HEPATITIS_B: (14 * 24, True, {GbvType.RAPE}, False, "WHO"),
    ClockNeed.FORENSIC_EVIDENCE: (72, True, {GbvType.RAPE, GbvType.SEXUAL_ASSAULT}, False, "practice guidance"),
    ClockNeed.REPORT_TO_POLICE: (
        3 * 24,
        False,
        {GbvType.RAPE, GbvType.SEXUAL_ASSAULT, GbvType.FORCED_MARRIAGE},
        False,
        "UU 12/2022 art. 41",
    ),
    ClockNeed.TEMPORARY_PROTECTION_SV: (
        24,
        False,
        {GbvType.RAPE, GbvType.SEXUAL_ASSAULT, GbvType.FORCED_MARRIAGE},
        False,
        "UU 12/2022 art. 42",
    ),
    ClockNeed.POLICE_PROTECTION_DV: (24, False, set(), True, "UU 23/2004 art. 16"),
}


def test_every_need_of_the_first_versions_has_its_rule() -> None:
    assert {rule.need for rule in V2026_1.rules} == set(RULES)


@pytest.mark.parametrize("need", list(RULES))
def test_a_window_is_as_long_as_its_source_says(need: ClockNeed) -> None:
    hours, from_incident, types, domestic, source = RULES[need]
    (rule,) = (rule for rule in V2026_1.rules if rule.need is need)
    assert rule.window == hours * HOURS
    assert rule.runs_from == ("incident" if from_incident else "report")
    assert rule.types == types
    assert rule.domestic is domestic
    assert source in rule.source


@pytest.mark.parametrize("domestic", [False, True])
@pytest.mark.parametrize("gbv_type", list(GbvType))
def test_an_incident_starts_exactly_the_clocks_of_its_type(gbv_type: GbvType, domestic: bool) -> None:
    happened = NOON - 5 * HOURS
    clocks = {need: (start, due) for need, start, due in V2026_2.clocks(gbv_type, domestic, happened, NOON)}
    expected = {}
    for need, (hours, from_incident, types, at_home, _) in RULES.items():
        if gbv_type in types or (at_home and domestic):
            start = happened if from_incident else NOON
            expected[need] = (start, start + hours * HOURS)
    assert clocks == expected


def test_where_the_time_of_the_incident_is_not_known_its_clocks_run_from_the_report() -> None:
    assert {start for _, start, _ in V2026_2.clocks(GbvType.RAPE, False, None, NOON)} == {NOON}


def test_a_referral_is_answered_within_an_hour_a_day_or_three_days() -> None:
    assert CURRENT.answers == {
        Urgency.EMERGENCY: HOURS,
        Urgency.URGENT: 24 * HOURS,
        Urgency.ROUTINE: 72 * HOURS,
    }


def test_a_referral_arrives_within_ten_minutes_two_hours_or_a_day() -> None:
    assert CURRENT.deliveries == {Urgency.EMERGENCY: HOURS / 6, Urgency.URGENT: 2 * HOURS, Urgency.ROUTINE: 24 * HOURS}
    assert all(CURRENT.deliveries[u] < CURRENT.answers[u] for u in Urgency), "found before the answer is due"


def test_a_case_of_the_first_version_has_the_rules_that_it_had() -> None:
    assert V2026_1.deliveries == {}
    assert (V2026_2.rules, V2026_2.answers) == (V2026_1.rules, V2026_1.answers)
    assert not V2026_2.care
    assert not V2026_2.duties
    assert not V2026_2.stages


def test_every_version_answers_every_urgency_and_is_found_by_its_name() -> None:
    assert CURRENT in PATHWAYS.values()
    for version, pathway in PATHWAYS.items():
        assert isinstance(pathway, Pathway)
        assert pathway.version == version
        assert set(pathway.answers) == set(Urgency)


def test_every_window_of_today_names_its_source() -> None:
    assert all(rule.source for rule in (*CURRENT.care, *CURRENT.duties.values()))
    assert all(set(windows) == set(Urgency) for windows in CURRENT.stages.values())
    assert {need.value for need in ClockNeed} >= {duty.value for duty in CURRENT.duties}
