"""Reports, the survivor, the incident and the clocks it starts."""

from datetime import timedelta, timezone

import pytest
from msgspec.structs import replace
from story import (
    DAY,
    HOSPITAL,
    HOUR,
    INCIDENT,
    LEAD,
    NETWORK,
    NOON,
    OTHER_CASE,
    POLICE,
    SCHOOL,
    act,
    an_id,
    given,
    incident,
    incident_fields,
    later,
    opened,
    referred,
    report,
    say,
    the_case,
)

from rujukan.domain.case import decide, evolve, fold
from rujukan.domain.case.identity import (
    CorrectSurvivorContact,
    CorrectSurvivorIdentity,
    IdentifySurvivor,
    RecordSurvivorContact,
    SurvivorContactCorrected,
    SurvivorContactRecorded,
    SurvivorIdentified,
    SurvivorIdentityCorrected,
)
from rujukan.domain.case.incidents import (
    AllegedPerpetratorRecorded,
    CorrectIncident,
    IncidentCorrected,
    RecordAllegedPerpetrator,
    RecordIncident,
)
from rujukan.domain.case.intake import CaseOpened, OpenCase, ReceiveReport, ReportReceived
from rujukan.domain.case.lifecycle import CaseClosed, CaseMerged
from rujukan.domain.casefile.clocks import ClockStarted
from rujukan.domain.codes import (
    AgeGroup,
    AgencyKind,
    Channel,
    ClockNeed,
    CloseReason,
    GbvType,
    ReferralStatus,
    Reporter,
    Urgency,
)
from rujukan.domain.fact import CLOCK_SKEW, Fact
from rujukan.domain.refusal import AlreadyExists, CaseNotOpen, InTheFuture, Invalid, NotForThisAgency, Unknown

OPEN = say(
    OpenCase,
    channel=Channel.IN_PERSON,
    reporter=Reporter.SURVIVOR,
    account="what she said",
    urgency=Urgency.URGENT,
    age_group=AgeGroup.ADULT,
)
IDENTITY = {"name": "Penyintas A"}
CONTACT = {"phone": "0000", "safe_times": "mornings"}


# Opening -----------------------------------------------------------------------------------------------------


def test_a_report_opens_a_case_that_the_acting_agency_leads() -> None:
    given().when(OPEN, by=LEAD).then(opened(), report())


def test_any_member_agency_may_receive_the_first_report() -> None:
    case = given().when(OPEN, by=HOSPITAL).then_only(CaseOpened, ReportReceived)
    assert (case.lead, case.lead_kind) == ("rsud", AgencyKind.HEALTH)


def test_a_case_keeps_the_pathway_version_it_was_opened_under() -> None:
    assert given().when(OPEN).then_only(CaseOpened, ReportReceived).pathway == "2026-2"


def test_a_case_is_opened_once() -> None:
    given(opened()).when(OPEN).refused(AlreadyExists, what="case")


def test_a_stream_begins_with_the_opening_of_its_case() -> None:
    with pytest.raises(ValueError, match="begins with CaseOpened"):
        evolve(None, report())


def test_every_event_counts_one_version() -> None:
    assert the_case(opened(), report(), incident()).version == 3
    assert fold([]) is None


def test_what_is_no_command_of_a_case_is_not_decided() -> None:
    with pytest.raises(TypeError, match="not a command"):
        decide(report(), None, LEAD, NETWORK)


# Reports -----------------------------------------------------------------------------------------------------


def test_further_reports_join_the_case() -> None:
    further = say(ReceiveReport, channel=Channel.HOTLINE, reporter=Reporter.WITNESS)
    given(opened()).when(further).then(say(ReportReceived, channel=Channel.HOTLINE, reporter=Reporter.WITNESS))


def test_an_agency_with_an_open_referral_may_add_a_report() -> None:
    further = say(ReceiveReport, channel=Channel.AGENCY, reporter=Reporter.PROFESSIONAL)
    given(*referred()).when(further, by=HOSPITAL).then_only(ReportReceived)


# Who may add to a case ---------------------------------------------------------------------------------------

ADDITIONS = [
    say(ReceiveReport, channel=Channel.HOTLINE, reporter=Reporter.WITNESS),
    say(IdentifySurvivor, **IDENTITY),
    say(CorrectSurvivorIdentity, **IDENTITY, reason="a slip"),
    say(RecordSurvivorContact, **CONTACT),
    say(CorrectSurvivorContact, **CONTACT, reason="a slip"),
    say(RecordIncident, **incident_fields()),
    say(CorrectIncident, **incident_fields(), reason="a slip"),
    say(RecordAllegedPerpetrator, relation="neighbour"),
]


@pytest.mark.parametrize("command", ADDITIONS, ids=lambda command: type(command).__name__)
def test_to_an_agency_outside_it_the_case_does_not_exist(command: Fact) -> None:
    given(*referred()).when(command, by=SCHOOL).refused(Unknown, what="case")
    given().when(command, by=LEAD).refused(Unknown, what="case")


@pytest.mark.parametrize("command", ADDITIONS, ids=lambda command: type(command).__name__)
def test_an_agency_whose_referral_ended_adds_no_more(command: Fact) -> None:
    given(*referred(ReferralStatus.COMPLETED)).when(command, by=HOSPITAL).refused(NotForThisAgency)


@pytest.mark.parametrize("command", ADDITIONS, ids=lambda command: type(command).__name__)
def test_nothing_is_added_to_a_closed_case(command: Fact) -> None:
    closed = say(CaseClosed, reason=CloseReason.GOALS_MET)
    given(opened(), closed).when(command).refused(CaseNotOpen, status="closed")


def test_the_recipient_of_a_mere_draft_knows_of_no_case() -> None:
    given(*referred(ReferralStatus.DRAFT)).when(ADDITIONS[0], by=HOSPITAL).refused(Unknown, what="case")


@pytest.mark.parametrize("command", ADDITIONS, ids=lambda command: type(command).__name__)
def test_nothing_happens_in_the_future(command: Fact) -> None:
    ahead = replace(command, occurred_at=NOON + CLOCK_SKEW + timedelta(seconds=1))
    before = [
        opened(),
        say(SurvivorIdentified, **IDENTITY),
        say(SurvivorContactRecorded, **CONTACT),
        incident(),
    ]
    if isinstance(command, IdentifySurvivor | RecordSurvivorContact | RecordIncident):
        before = [opened()]
    given(*before).when(ahead).refused(InTheFuture, recorded_at=NOON)
    within = replace(command, occurred_at=NOON + CLOCK_SKEW)
    assert given(*before).when(within).refusal is None


# The survivor ------------------------------------------------------------------------------------------------


def test_the_survivor_is_identified_once_and_then_corrected() -> None:
    who = say(SurvivorIdentified, **IDENTITY)
    given(opened()).when(say(IdentifySurvivor, **IDENTITY)).then(who)
    given(opened(), who).when(say(IdentifySurvivor, **IDENTITY)).refused(AlreadyExists, what="survivor identity")
    correction = {"name": "Penyintas B", "reason": "misheard"}
    given(opened(), who).when(say(CorrectSurvivorIdentity, **correction)).then(
        say(SurvivorIdentityCorrected, **correction)
    )


def test_what_was_never_recorded_of_her_identity_cannot_be_corrected() -> None:
    given(opened()).when(say(CorrectSurvivorIdentity, **IDENTITY, reason="misheard")).refused(
        Unknown, what="survivor identity"
    )


def test_her_contact_is_recorded_once_and_then_corrected() -> None:
    how = say(SurvivorContactRecorded, **CONTACT)
    given(opened()).when(say(RecordSurvivorContact, **CONTACT)).then(how)
    given(opened(), how).when(say(RecordSurvivorContact, **CONTACT)).refused(AlreadyExists, what="survivor contact")
    given(opened(), how).when(say(CorrectSurvivorContact, phone="1111", reason="new number")).then(
        say(SurvivorContactCorrected, phone="1111", reason="new number")
    )


def test_what_was_never_recorded_of_her_contact_cannot_be_corrected() -> None:
    given(opened()).when(say(CorrectSurvivorContact, phone="1111", reason="new number")).refused(
        Unknown, what="survivor contact"
    )


def test_it_is_not_safe_to_call_until_somebody_says_so() -> None:
    recorded = given(opened()).when(say(RecordSurvivorContact, phone="0000")).events[0]
    assert recorded.safe_to_call is False  # type: ignore[attr-defined]


def test_the_alleged_perpetrator_is_recorded() -> None:
    given(opened()).when(say(RecordAllegedPerpetrator, relation="neighbour")).then(
        say(AllegedPerpetratorRecorded, relation="neighbour")
    )


# The incident and its clocks ---------------------------------------------------------------------------------


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


# Merging, seen from intake -----------------------------------------------------------------------------------


def test_nothing_is_added_to_a_case_that_was_merged_into_another() -> None:
    merged = say(CaseMerged, into=OTHER_CASE)
    for command in ADDITIONS:
        given(opened(), merged).when(command).refused(CaseNotOpen, status="merged")


def test_the_police_are_no_part_of_a_case_because_another_agency_is() -> None:
    given(*referred()).when(ADDITIONS[0], by=POLICE).refused(Unknown)
    given(*referred()).when(ADDITIONS[0], by=act("rsud")).then_only(ReportReceived)
