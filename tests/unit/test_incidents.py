"""The incident, the clocks it starts, and who is alleged to have done it."""

from datetime import timedelta, timezone

import pytest
from story import DAY, HOUR, INCIDENT, LEAD, NOON, an_id, given, incident, incident_fields, later, opened, say, the_case

from rujukan.domain.case.incidents import (
    AllegedPerpetratorRecorded,
    CorrectIncident,
    IncidentCorrected,
    RecordAllegedPerpetrator,
    RecordIncident,
)
from rujukan.domain.casefile.clocks import ClockStarted
from rujukan.domain.fact import Fact
from rujukan.domain.refusal import AlreadyExists, Invalid, Unknown
from rujukan.domain.violence import ClockNeed, GbvType


def started(*events: Fact) -> dict[ClockNeed, ClockStarted]:
    return {event.need: event for event in events if isinstance(event, ClockStarted)}


def test_an_incident_is_recorded_once() -> None:
    given(opened()).when(say(RecordIncident, **incident_fields())).then(incident())
    given(opened(), incident()).when(say(RecordIncident, **incident_fields())).refused(AlreadyExists, id=INCIDENT)


def test_an_incident_that_nobody_recorded_cannot_be_corrected() -> None:
    given(opened(), incident()).when(
        say(CorrectIncident, **incident_fields(incident=an_id("another")), reason="a slip")
    ).refused(Unknown, what="incident")


def test_rape_starts_the_clocks_of_care_from_the_incident_and_those_of_protection_from_the_report() -> None:
    happened = NOON - 10 * HOUR
    rape = say(RecordIncident, **incident_fields(gbv_type=GbvType.RAPE, happened_at=happened))
    clocks = started(*given(opened()).when(rape).events)
    assert {need: clock.due_at for need, clock in clocks.items()} == {
        ClockNeed.HIV_PEP: happened + 72 * HOUR,
        ClockNeed.EMERGENCY_CONTRACEPTION: happened + 120 * HOUR,
        ClockNeed.HEPATITIS_B: happened + 14 * DAY,
        ClockNeed.FORENSIC_EVIDENCE: happened + 72 * HOUR,
        ClockNeed.REPORT_TO_POLICE: NOON + 72 * HOUR,
        ClockNeed.TEMPORARY_PROTECTION_SV: NOON + 24 * HOUR,
    }
    assert {clock.starts_at for clock in clocks.values()} == {happened, NOON}
    assert {clock.pathway for clock in clocks.values()} == {"2026-2"}


def test_violence_within_the_household_starts_the_clock_of_police_protection_whatever_its_type() -> None:
    domestic = say(RecordIncident, **incident_fields(gbv_type=GbvType.PSYCHOLOGICAL, domestic=True))
    clocks = started(*given(opened()).when(domestic).events)
    assert {need: clock.due_at for need, clock in clocks.items()} == {ClockNeed.POLICE_PROTECTION_DV: NOON + DAY}


def test_two_incidents_have_clocks_of_their_own() -> None:
    first = given(opened()).when(say(RecordIncident, **incident_fields(gbv_type=GbvType.RAPE))).events
    second = (
        given(opened(), *first)
        .when(say(RecordIncident, **incident_fields(incident=an_id("second"), gbv_type=GbvType.RAPE)))
        .events
    )
    assert not {clock.clock for clock in started(*first).values()} & {
        clock.clock for clock in started(*second).values()
    }
    assert len(started(*second)) == 6


def test_the_same_recording_always_starts_the_same_clocks() -> None:
    record = say(RecordIncident, **incident_fields(gbv_type=GbvType.RAPE))
    assert given(opened()).when(record).events == given(opened()).when(record).events


def test_a_correction_of_when_it_happened_starts_the_clock_anew_and_takes_none_away() -> None:
    before = given(opened()).when(say(RecordIncident, **incident_fields(gbv_type=GbvType.RAPE))).events
    earlier = NOON - 20 * HOUR
    correction = say(
        CorrectIncident, **incident_fields(gbv_type=GbvType.RAPE, happened_at=earlier), reason="she remembered"
    )
    after = given(opened(), *before).when(correction).events
    anew = started(*after)
    assert isinstance(after[0], IncidentCorrected)
    assert anew[ClockNeed.HIV_PEP].due_at == earlier + 72 * HOUR
    case = the_case(opened(), *before, *after)
    assert {clock.clock for clock in started(*before).values()} < set(case.clocks)


def test_a_correction_that_leaves_a_window_where_it_was_starts_no_second_clock() -> None:
    told = incident_fields(gbv_type=GbvType.RAPE, happened_at=NOON - HOUR)
    before = given(opened()).when(say(RecordIncident, **told)).events
    correction = say(CorrectIncident, **{**told, "narrative": "in other words"}, reason="a slip")
    given(opened(), *before).when(correction).then_only(IncidentCorrected)


def test_the_same_moment_in_another_zone_is_the_same_clock() -> None:
    wita = timezone(timedelta(hours=8))
    told = incident_fields(gbv_type=GbvType.RAPE, happened_at=NOON - HOUR)
    before = given(opened()).when(say(RecordIncident, **told)).events
    there = {**told, "happened_at": (NOON - HOUR).astimezone(wita)}
    correction = say(CorrectIncident, NOON.astimezone(wita), **there, reason="a slip")
    given(opened(), *before).when(correction).then_only(IncidentCorrected)
    elsewhere = given(opened(at=NOON.astimezone(wita))).when(say(RecordIncident, NOON.astimezone(wita), **there))
    ids = {need: clock.clock for need, clock in started(*before).items()}
    assert {need: clock.clock for need, clock in started(*elsewhere.events).items()} == ids


def test_the_clocks_of_the_report_run_from_the_opening_however_late_the_incident_is_recorded() -> None:
    rape = say(RecordIncident, NOON + 5 * HOUR, **incident_fields(gbv_type=GbvType.RAPE))
    clocks = started(*given(opened()).when(rape, by=later(LEAD, 5 * HOUR)).events)
    assert {clock.starts_at for clock in clocks.values()} == {NOON}
    assert clocks[ClockNeed.REPORT_TO_POLICE].due_at == NOON + 72 * HOUR
    assert {clock.occurred_at for clock in clocks.values()} == {NOON + 5 * HOUR}


def test_the_clocks_of_the_report_run_from_its_telling_where_that_was_before_the_opening() -> None:
    rape = say(RecordIncident, NOON - 5 * HOUR, **incident_fields(gbv_type=GbvType.RAPE))
    clocks = started(*given(opened()).when(rape).events)
    assert {clock.starts_at for clock in clocks.values()} == {NOON - 5 * HOUR}


def test_a_late_correction_starts_no_clock_of_the_report_anew() -> None:
    told = incident_fields(gbv_type=GbvType.RAPE)
    before = given(opened()).when(say(RecordIncident, **told)).events
    correction = say(CorrectIncident, NOON + 30 * HOUR, **told, reason="a slip")
    given(opened(), *before).when(correction, by=later(LEAD, 30 * HOUR)).then_only(IncidentCorrected)


@pytest.mark.parametrize("command", [RecordIncident, CorrectIncident])
def test_nothing_is_told_before_it_happened(command: type[Fact]) -> None:
    fields = incident_fields(happened_at=NOON + HOUR)
    before = [opened()]
    if command is CorrectIncident:
        fields, before = {**fields, "reason": "a slip"}, [opened(), incident()]
    given(*before).when(say(command, **fields)).refused(Invalid, field="happened_at")


def test_the_alleged_perpetrator_is_recorded() -> None:
    given(opened()).when(say(RecordAllegedPerpetrator, relation="neighbour")).then(
        say(AllegedPerpetratorRecorded, relation="neighbour")
    )
