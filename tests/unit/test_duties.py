"""What starts a window, when, for whom; and what meets it without anybody having to remember: rows of stories.md."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from story import (
    DAY,
    HOUR,
    NETWORK,
    NOON,
    POLICE,
    R1,
    act,
    an_id,
    consent,
    draft,
    fitting,
    incident_fields,
    opened,
    say,
    sent,
)

from rujukan.domain.case import Case, decide
from rujukan.domain.case.fulfilment import AcceptReferral, ReceiveReferral
from rujukan.domain.case.identity import IdentifySurvivor
from rujukan.domain.case.incidents import CorrectIncident, RecordIncident
from rujukan.domain.case.intake import ReceiveReport, ReportReceived
from rujukan.domain.case.orders import RecordProtectionOrder, RequestProtection
from rujukan.domain.case.services import DeliverService, ServiceDelivered
from rujukan.domain.casefile.clocks import ClockEnded, ClockStarted
from rujukan.domain.casefile.evolving import fold_log, said
from rujukan.domain.clock_codes import AskedOf, ClockDuty, ClockEnd, OrderKind
from rujukan.domain.codes import AgeGroup, Channel, ReferralStatus, Reporter, Service, Sex
from rujukan.domain.fact import Act, Fact
from rujukan.domain.refusal import Invalid
from rujukan.domain.violence import ClockNeed, GbvType, Place, SexualKind, ToldBy, ViolenceForm, YesNo

C, D, K, S = ClockNeed, ClockDuty, SexualKind, ReferralStatus

CARE = {C.HIV_PEP, C.HEPATITIS_B, C.FORENSIC_EVIDENCE}
OF_PREGNANCY = {C.EMERGENCY_CONTRACEPTION, C.PREGNANCY_TEST}


class Tale:
    """A case under the present pathway, as it goes on; every command at its own time."""

    def __init__(
        self, by: Reporter = Reporter.SURVIVOR, lead: str = "uptd-ppa", age: AgeGroup = AgeGroup.ADULT
    ) -> None:
        first = replace(opened(lead, age), pathway="2026-3")
        report = say(ReportReceived, channel=Channel.IN_PERSON, reporter=by)
        self.lead = act(lead)
        case = fold_log(said([first, report], lead))
        assert case is not None
        self.case: Case = case
        self.log: list[Fact] = []

    def told(self, *events: Fact, by: str = "uptd-ppa") -> "Tale":
        case = fold_log(said(events, by), self.case)
        assert case is not None
        self.case = case
        return self

    def does(self, command: Fact, by: Act | None = None) -> list[Fact]:
        who = replace(fitting(command, by or self.lead), at=max(command.occurred_at, NOON))
        events = list(decide(command, self.case, who, NETWORK))
        self.told(*events, by=who.agency)
        self.log += events
        return events

    def incident(self, at: timedelta = timedelta(0), **fields: Any) -> list[Fact]:
        return self.does(say(RecordIncident, NOON + at, **incident_fields(**{**RAPE, **fields})))

    def corrected(self, at: timedelta, **fields: Any) -> list[Fact]:
        said = {**incident_fields(**{**RAPE, **fields}), "reason": "she remembered"}
        return self.does(say(CorrectIncident, NOON + at, **said))

    def to_police(self, referral: Any = R1, of: tuple[str, ...] = ("incident",)) -> "Tale":
        shared = {"to": "polres", "service": Service.LAW_ENFORCEMENT, "of": of}
        return self.told(consent(to="polres", of=of), draft(referral, **shared), sent(referral))

    def clock(self, of: ClockDuty) -> Any:
        (found,) = [c for c in self.case.clocks.values() if c.duty is of and c.ended_as is not ClockEnd.SUPERSEDED]
        return found

    def has(self, of: ClockDuty) -> bool:
        return any(c.duty is of for c in self.case.clocks.values())


RAPE: dict[str, Any] = {
    "forms": frozenset({ViolenceForm.SEXUAL}),
    "gbv_type": GbvType.RAPE,
    "happened_at": NOON - 10 * HOUR,
}


def started(events: Iterable[Fact]) -> dict[ClockNeed, ClockStarted]:
    return {event.need: event for event in events if isinstance(event, ClockStarted)}


def care(events: Iterable[Fact]) -> set[ClockNeed]:
    return {need for need, clock in started(events).items() if clock.duty is D.CARE}


# What starts care ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "needs"),
    [
        ({}, CARE | OF_PREGNANCY),
        ({"penetration": YesNo.NO}, {C.FORENSIC_EVIDENCE}),
        ({"gbv_type": GbvType.SEXUAL_ASSAULT, "penetration": YesNo.UNKNOWN}, CARE | OF_PREGNANCY),
        ({"gbv_type": GbvType.SEXUAL_ASSAULT, "penetration": YesNo.NO}, {C.FORENSIC_EVIDENCE}),
        ({"pregnancy_possible": YesNo.NO}, CARE),
        ({"gbv_type": GbvType.NOT_GBV, "kinds": frozenset({K.EXPLOITATION, K.TRAFFICKING})}, CARE | OF_PREGNANCY),
        ({"gbv_type": GbvType.PSYCHOLOGICAL, "kinds": frozenset({K.NON_PHYSICAL_HARASSMENT})}, set()),
        ({"gbv_type": GbvType.PSYCHOLOGICAL, "place": Place.ONLINE}, set()),
        ({"gbv_type": GbvType.PHYSICAL_ASSAULT, "forms": frozenset({ViolenceForm.PHYSICAL})}, set()),
    ],
)
def test_care_is_started_by_what_was_done_and_not_by_the_type_alone(
    said: dict[str, Any], needs: set[ClockNeed]
) -> None:
    assert care(Tale().incident(**said)) == needs


def test_a_small_child_has_no_clock_of_pregnancy_unless_somebody_says_so() -> None:
    assert care(Tale(age=AgeGroup.YOUNG_CHILD).incident()) == CARE
    asked = Tale(age=AgeGroup.YOUNG_CHILD).incident(pregnancy_possible=YesNo.YES)
    assert care(asked) == CARE | OF_PREGNANCY


def test_a_man_has_no_clock_of_pregnancy_whenever_his_sex_is_recorded() -> None:
    """Story 8: none is started where it was known; one that was ends by itself, started in error."""
    known = Tale()
    known.does(say(IdentifySurvivor, name="Penyintas A", sex=Sex.MALE))
    assert care(known.incident()) == CARE
    late = Tale()
    late.incident()
    ended = [e for e in late.does(say(IdentifySurvivor, name="Penyintas A", sex=Sex.MALE)) if isinstance(e, ClockEnded)]
    assert [(e.how, e.ended_as) for e in ended] == [(ClockEnd.STARTED_IN_ERROR, None)] * 2
    assert {clock.due_at for clock in late.case.clocks.values() if clock.runs and clock.duty is D.CARE} == {
        NOON + 62 * HOUR,
        NOON + 14 * DAY - 10 * HOUR,
    }


def test_a_range_counts_from_its_earliest_moment_and_says_that_it_is_a_guess() -> None:
    """Story 1: between Saturday 18:00 and Sunday 12:00."""
    clock = started(Tale().incident(happened_at=NOON - 20 * HOUR, happened_until=NOON - 2 * HOUR))[C.HIV_PEP]
    assert (clock.starts_at, clock.guessed) == (NOON - 20 * HOUR, True)
    assert started(Tale().incident(roughly=True))[C.HIV_PEP].guessed
    assert not started(Tale().incident())[C.HIV_PEP].guessed
    assert started(Tale().incident(happened_at=None))[C.HIV_PEP].guessed


def test_repeated_abuse_counts_from_the_last_time() -> None:
    """Story 5: since about January, last on Sunday evening."""
    clocks = started(Tale().incident(repeated_since=NOON - 90 * DAY))
    assert clocks[C.HIV_PEP].starts_at == NOON - 10 * HOUR


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("happened_until", {"happened_until": NOON - 20 * HOUR}),
        ("happened_until", {"happened_at": None, "happened_until": NOON - HOUR}),
        ("happened_until", {"happened_until": NOON + HOUR}),
        ("repeated_since", {"repeated_since": NOON - HOUR}),
    ],
)
def test_a_range_has_its_order(field: str, said: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        Tale().incident(**said)
    assert refused.value.about["field"] == field


def test_what_had_closed_before_anybody_knew_is_so_and_what_is_open_runs() -> None:
    """Story 9: she comes on the sixth day."""
    clocks = started(Tale().incident(happened_at=NOON - 107 * HOUR))
    assert {need for need, clock in clocks.items() if clock.too_late} == {C.HIV_PEP, C.FORENSIC_EVIDENCE}
    assert not clocks[C.EMERGENCY_CONTRACEPTION].too_late
    assert not clocks[C.HEPATITIS_B].too_late


def test_who_knew_in_time_and_recorded_it_late_is_not_excused() -> None:
    """The case was opened while the window was open; that the incident was typed later changes nothing."""
    clock = started(Tale().incident(at=70 * HOUR))[C.HIV_PEP]
    assert not clock.too_late


# What a correction does ----------------------------------------------------------------------------------------


def test_a_correction_supersedes_in_one_act_and_leaves_nothing_on_the_board() -> None:
    """Story 9: it was Saturday, not Sunday. Eight clocks do not stay."""
    tale = Tale()
    before = care(tale.incident(happened_at=NOON - 107 * HOUR))
    events = tale.corrected(HOUR, happened_at=NOON - 133 * HOUR)
    ended = [e for e in events if isinstance(e, ClockEnded)]
    assert {e.ended_as for e in ended} == {ClockEnd.SUPERSEDED}
    assert len(ended) == len(before) == len(care(events))
    assert started(events)[C.EMERGENCY_CONTRACEPTION].too_late
    assert D.REPORT_TO_POLICE not in {c.duty for c in started(events).values()}, "it runs from her report"
    assert tale.clock(D.REPORT_TO_POLICE).due_at == NOON + 72 * HOUR
    assert sum(c.runs for c in tale.case.clocks.values() if c.duty is D.CARE) == 2


def test_a_correction_that_is_taken_back_starts_the_first_window_anew() -> None:
    tale = Tale()
    tale.incident()
    tale.corrected(HOUR, happened_at=NOON - 20 * HOUR)
    again = started(tale.corrected(2 * HOUR))
    assert again[C.HIV_PEP].due_at == NOON + 62 * HOUR
    assert sum(c.runs for c in tale.case.clocks.values() if c.duty is D.CARE) == 5


def test_a_correction_to_what_is_no_sexual_violence_takes_its_windows_away() -> None:
    tale = Tale()
    tale.incident()
    fist = {"forms": frozenset({ViolenceForm.PHYSICAL}), "gbv_type": GbvType.PHYSICAL_ASSAULT}
    tale.corrected(HOUR, **fist)
    assert not [clock for clock in tale.case.clocks.values() if clock.runs]


def test_what_was_given_is_not_asked_for_again_because_a_time_was_corrected() -> None:
    tale = Tale()
    tale.incident()
    pep = say(DeliverService, NOON + HOUR, delivery=an_id("pep"), service=Service.HEALTH, gave=frozenset({C.HIV_PEP}))
    tale.does(pep)
    assert C.HIV_PEP not in started(tale.corrected(2 * HOUR, happened_at=NOON - 20 * HOUR))


# What meets care -----------------------------------------------------------------------------------------------


def test_the_service_that_was_delivered_meets_its_clock_and_starts_its_follow_up() -> None:
    """Story 1 and 8: PEP *met* by the delivered service; tests at about 6 weeks and 3 months."""
    tale = Tale()
    clock = started(tale.incident())[C.HIV_PEP]
    gave = say(DeliverService, NOON + HOUR, delivery=an_id("pep"), service=Service.HEALTH, gave=frozenset({C.HIV_PEP}))
    events = tale.does(gave)
    assert [type(e) for e in events] == [ServiceDelivered, ClockEnded, ClockStarted, ClockStarted]
    assert [(e.clock, e.how) for e in events if isinstance(e, ClockEnded)] == [(clock.clock, ClockEnd.MET)]
    tests = [e for e in events if isinstance(e, ClockStarted)]
    assert [(e.need, e.due_at - e.starts_at) for e in tests] == [
        (C.HIV_FOLLOW_UP, 42 * DAY),
        (C.HIV_FOLLOW_UP, 90 * DAY),
    ]


def test_which_clock_of_care_a_service_met_is_not_told_in_clear() -> None:
    tale = Tale()
    clock = started(tale.incident())[C.HIV_PEP].clock
    (delivered, *_) = tale.does(say(DeliverService, delivery=an_id("d"), service=Service.HEALTH, meets=(clock,)))
    assert isinstance(delivered, ServiceDelivered)
    assert delivered.meets == ()


# The duty to report --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reporter", "told_by", "starts"),
    [
        (Reporter.SURVIVOR, None, True),
        (Reporter.PROFESSIONAL, None, True),
        (Reporter.WITNESS, None, False),
        (Reporter.FAMILY, None, False),
        (Reporter.PROFESSIONAL, ToldBy.TEACHER, False),
        (Reporter.FAMILY, ToldBy.SURVIVOR, True),
        (Reporter.ANONYMOUS, ToldBy.HEALTH_WORKER, True),
    ],
)
def test_whose_word_starts_the_time_to_report(reporter: Reporter, told_by: ToldBy | None, starts: bool) -> None:
    tale = Tale(reporter)
    tale.incident(told_by=told_by)
    assert tale.has(D.REPORT_TO_POLICE) == starts


def test_it_starts_when_the_boy_tells_it_himself_and_not_with_the_teacher() -> None:
    """Story 5: 10:05 the teacher, 13:30 the boy."""
    tale = Tale(Reporter.PROFESSIONAL)
    tale.incident(told_by=ToldBy.TEACHER)
    himself = say(ReceiveReport, NOON + 3 * HOUR, channel=Channel.IN_PERSON, reporter=Reporter.SURVIVOR)
    tale.does(himself)
    clock = tale.clock(D.REPORT_TO_POLICE)
    assert (clock.starts_at, clock.due_at) == (NOON + 3 * HOUR, NOON + 75 * HOUR)


@pytest.mark.parametrize(
    "said",
    [
        {"gbv_type": GbvType.PSYCHOLOGICAL, "place": Place.ONLINE},
        {
            "gbv_type": GbvType.NOT_GBV,
            "forms": frozenset({ViolenceForm.TRAFFICKING}),
            "kinds": frozenset({K.TRAFFICKING}),
        },
        *({"gbv_type": GbvType.PSYCHOLOGICAL, "kinds": frozenset({kind, K.RAPE})} for kind in K),
    ],
)
def test_sexual_violence_is_reported_by_its_form_and_kind(said: dict[str, Any]) -> None:
    tale = Tale()
    tale.incident(**said)
    assert tale.has(D.REPORT_TO_POLICE)


def test_a_complaint_offence_of_an_adult_is_hers_to_report() -> None:
    """Story 17: no red clock; it starts with her complaint, at its time."""
    words = {"gbv_type": GbvType.PSYCHOLOGICAL, "kinds": frozenset({K.NON_PHYSICAL_HARASSMENT})}
    tale = Tale()
    tale.incident(**words)
    assert not tale.has(D.REPORT_TO_POLICE)
    tale.corrected(30 * HOUR, **words, complains=YesNo.YES)
    assert tale.clock(D.REPORT_TO_POLICE).starts_at == NOON + 30 * HOUR
    for other in (Tale(age=AgeGroup.ADOLESCENT), Tale()):
        other.incident(**words, disability=YesNo.YES)
        assert other.has(D.REPORT_TO_POLICE)


@pytest.mark.parametrize(("lead", "binds"), [("uptd-ppa", True), ("dinsos", True), ("rsud", False), ("polres", False)])
def test_the_duty_to_report_binds_who_the_law_binds(lead: str, binds: bool) -> None:
    """Story 3 and 6: not the hospital that leads, and not the police, who opened it."""
    tale = Tale(lead=lead)
    tale.incident()
    assert tale.has(D.REPORT_TO_POLICE) == binds


def test_the_police_s_acceptance_meets_it_without_anybody_typing_it() -> None:
    tale = Tale().to_police()
    tale.incident()
    tale.does(say(ReceiveReferral, NOON + HOUR, referral=R1), POLICE)
    assert tale.clock(D.REPORT_TO_POLICE).runs, "received is not accepted"
    tale.does(say(AcceptReferral, NOON + 2 * HOUR, referral=R1), POLICE)
    clock = tale.clock(D.REPORT_TO_POLICE)
    assert (clock.met_at, clock.late) == (NOON + 2 * HOUR, False)


def test_what_does_not_say_what_happened_is_no_report() -> None:
    tale = Tale().to_police(of=("identity",))
    tale.incident()
    tale.does(say(ReceiveReferral, NOON + HOUR, referral=R1), POLICE)
    tale.does(say(AcceptReferral, NOON + 2 * HOUR, referral=R1), POLICE)
    assert tale.clock(D.REPORT_TO_POLICE).runs
    assert not tale.has(D.PROTECTION_SV)


# The police's windows ------------------------------------------------------------------------------------------


def test_the_police_s_windows_run_from_their_receipt_and_not_while_they_know_nothing() -> None:
    tale = Tale().to_police()
    tale.incident(domestic=True)
    assert not tale.has(D.PROTECTION_SV)
    assert not tale.has(D.PROTECTION_DV)
    tale.does(say(ReceiveReferral, NOON + 5 * HOUR, referral=R1), POLICE)
    for duty in (D.PROTECTION_SV, D.PROTECTION_DV):
        clock = tale.clock(duty)
        assert (clock.starts_at, clock.due_at) == (NOON + 5 * HOUR, NOON + 29 * HOUR)


def test_where_the_police_lead_they_run_from_when_they_knew() -> None:
    tale = Tale(lead="polres")
    tale.incident(at=2 * HOUR, domestic=True)
    assert tale.clock(D.PROTECTION_DV).starts_at == NOON


def attended(tale: Tale, **more: Any) -> list[Fact]:
    order = {"order": "1/2026", "issued_by": "Polres", "valid_from": NOON.date(), "kind": OrderKind.POLICE}
    return tale.does(say(RecordProtectionOrder, NOON + 14 * HOUR, **{**order, **more}))


def test_seven_days_of_protection_and_the_day_between() -> None:
    """Story 6: attended 19:40, given after 12 h 20 min, the court asked within a day, decided late."""
    tale = Tale(lead="polres")
    tale.incident(domestic=True, gbv_type=GbvType.PHYSICAL_ASSAULT, forms=frozenset({ViolenceForm.PHYSICAL}))
    assert not tale.has(D.REPORT_TO_POLICE)
    given = NOON + 12 * HOUR
    attended(tale, given_at=given)
    assert tale.clock(D.PROTECTION_DV).met_at == given
    assert tale.clock(D.COURT_REQUEST).due_at == given + DAY
    assert tale.clock(D.PROTECTION_END).due_at == NOON + 7 * DAY, "from when she was attended, not from the paper"
    tale.does(say(RequestProtection, NOON + 36 * HOUR, asked=AskedOf.COURT))
    assert tale.clock(D.COURT_REQUEST).met_at == NOON + 36 * HOUR
    assert tale.clock(D.COURT_DECISION).due_at == NOON + 36 * HOUR + 7 * DAY
    court = {"order": "2/2026", "issued_by": "PN", "valid_from": NOON.date(), "kind": OrderKind.COURT}
    with pytest.raises(Invalid):
        tale.does(say(RecordProtectionOrder, NOON + 8 * DAY, **court, given_at=NOON + 30 * HOUR))
    tale.does(say(RecordProtectionOrder, NOON + 8 * DAY, **court, given_at=NOON + 7 * DAY + 10 * HOUR))
    assert not tale.clock(D.COURT_DECISION).late
    assert tale.clock(D.PROTECTION_END).late, "no order stood between"


def test_sexual_violence_has_fourteen_days_and_lpsk() -> None:
    tale = Tale(lead="polres")
    tale.incident()
    attended(tale, given_at=NOON + 12 * HOUR)
    assert tale.clock(D.PROTECTION_SV).met_at == NOON + 12 * HOUR
    assert tale.clock(D.PROTECTION_END).due_at == NOON + 14 * DAY
    tale.does(say(RequestProtection, NOON + 20 * HOUR, asked=AskedOf.LPSK))
    assert tale.clock(D.LPSK_REQUEST).met_at == NOON + 20 * HOUR


def test_when_it_was_given_is_asked_for() -> None:
    with pytest.raises(Invalid) as refused:
        attended(Tale(lead="polres"))
    assert refused.value.about["field"] == "given_at"


def test_a_day_over_the_weekend_and_in_any_zone_is_a_day() -> None:
    """Windows of law are hours: nothing moves them."""
    tale = Tale()
    tale.incident()
    clock = tale.clock(D.REPORT_TO_POLICE)
    assert clock.due_at - clock.starts_at == timedelta(hours=72)
