"""What follows from a command on other people's clocks: whose word starts, moves, meets, ends or resumes which, and
that who recorded something learns nothing by what follows.

A matrix walks each command by each kind of agency, with each tie to the clock, against an account of its own; a
property plays the same insider in two cases that differ in what *others* did, and in nothing that the insider was told.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace
from story import (
    CLOCK,
    DAY,
    HOUR,
    NETWORK,
    NOON,
    R1,
    When,
    act,
    an_id,
    brought_to,
    clock,
    consent,
    draft,
    entries,
    fitting,
    incident_fields,
    later,
    moved,
    opened,
    say,
    sent,
    the_case,
)

from rujukan.domain.case import Case, decide
from rujukan.domain.case.beginning import BeginDuties
from rujukan.domain.case.clock_ends import EndClock, EndDuty, FindNotIndicated, MeetClock, ResumeClock
from rujukan.domain.case.fulfilment import AcceptReferral, ReceiveReferral
from rujukan.domain.case.identity import CorrectSurvivorIdentity, IdentifySurvivor
from rujukan.domain.case.incidents import CorrectIncident, RecordIncident
from rujukan.domain.case.intake import ReceiveReport, ReportReceived
from rujukan.domain.case.orders import RecordProtectionOrder, RequestProtection
from rujukan.domain.case.services import DeliverService
from rujukan.domain.case.striking import StrikeEntry
from rujukan.domain.casefile.clocks import ClockEnded, ClockMet, ClockResumed, ClockStarted, RaiseClock
from rujukan.domain.casefile.duties import ClocksRuledOut
from rujukan.domain.casefile.evolving import fold_log, said
from rujukan.domain.clock_codes import AskedOf, ClockDuty, ClockEnd, OrderKind
from rujukan.domain.codes import Channel, ReferralStatus, Reporter, Role, Service, Sex, StruckBecause
from rujukan.domain.fact import Act, Fact
from rujukan.domain.pathways import CURRENT
from rujukan.domain.refusal import Invalid, Refusal, WrongMove
from rujukan.domain.standing.clocks import LAW
from rujukan.domain.standing.rule import second_needed
from rujukan.domain.violence import ClockNeed, GbvType, ToldBy, ViolenceForm, YesNo

C, D, S = ClockNeed, ClockDuty, ReferralStatus
PEP = frozenset({C.HIV_PEP})
CARE = {"service": Service.HEALTH, "gave": PEP}
RAPE: dict[str, Any] = {
    "forms": frozenset({ViolenceForm.SEXUAL}),
    "gbv_type": GbvType.RAPE,
    "happened_at": NOON - 10 * HOUR,
    "told_by": ToldBy.SURVIVOR,
    "domestic": True,
}
EARLIER = {**RAPE, "happened_at": NOON - 6 * DAY}
NO_VIOLENCE = {
    **RAPE,
    "domestic": False,
    "gbv_type": GbvType.NOT_GBV,
    "forms": frozenset({ViolenceForm.OTHER}),
    "penetration": YesNo.NO,
}
FIRST, SECOND = incident_fields()["incident"], an_id("second incident")
OPEN = (S.RECEIVED, S.ACCEPTED, S.IN_PROGRESS)
SYSTEM = replace(act("uptd-ppa", Role.SYSTEM), agency="rujukan")


class Play:
    """A case under the present rules, as it goes on."""

    def __init__(self, *events: Fact | tuple[Fact, str], pathway: str = "2026-4") -> None:
        first = [
            replace(opened(), pathway=pathway),
            say(ReportReceived, channel=Channel.IN_PERSON, reporter=Reporter.SURVIVOR),
        ]
        self.log: list[Fact] = []
        found = fold_log(entries([*first, *events]))
        assert found is not None
        self.case: Case = found

    def told(self, *events: Fact, by: str = "uptd-ppa", at: datetime | None = None) -> None:
        found = fold_log(said(events, by, at), self.case)
        assert found is not None
        self.case, self.log = found, [*self.log, *events]

    def does(self, by: str | Act, what: type[Fact], at: timedelta = timedelta(0), **fields: Any) -> list[Fact]:
        """Said and recorded at that time; `recorded`: later."""
        recorded = NOON + fields.pop("recorded", at)
        command = say(what, NOON + at, **fields)
        who = replace(fitting(command, act(by) if isinstance(by, str) else by), at=recorded)
        events = list(decide(command, self.case, who, NETWORK))
        self.told(*events, by=who.agency, at=recorded)
        return events

    def refers(
        self, name: str, to: str, *of: str, status: S = S.IN_PROGRESS, clocks: Iterable[UUID] = (), **more: Any
    ) -> UUID:
        """The lead refers to that agency, which comes to that state."""
        id = R1 if name == "R1" else an_id(name)
        fields = {"service": Service.HEALTH, **more}
        self.told(
            consent(an_id(f"consent of {name}"), to=to, of=of),
            draft(id, to=to, of=of, clocks=tuple(clocks), **fields),
            sent(id),
        )
        for each in OPEN[: OPEN.index(status) + 1] if status in OPEN else ():
            self.told(moved(each, id), by=to)
        return id

    def clock(self, duty: D, incident: UUID = FIRST) -> Any:
        (found,) = [c for c in self.case.clocks.values() if c.duty is duty and c.incident == incident]
        return found

    def care(self, need: C) -> Any:
        (id,) = [
            e.clock
            for e in self.log
            if isinstance(e, ClockStarted)
            and e.need is need
            and self.case.clocks[e.clock].ended_as is not ClockEnd.SUPERSEDED
        ]
        return self.case.clocks[id]


# The matrix ------------------------------------------------------------------------------------------------------

POSITIONS = {
    "lead": "uptd-ppa",
    "police": "polres",
    "hospital": "rsud",
    "prosecution": "kejari",
    "told": "lbh",  # was sent what happened, and owes nothing
    "undertook": "psikolog",  # accepted a referral that names PEP
    "named": "rumah-aman",  # was sent one, and has not accepted
    "school": "disdik",  # was sent contact alone
}


@cache
def world() -> tuple[Case, Mapping[str, UUID]]:
    """One case in which every clock runs, and each of these is something to it."""
    play = Play()
    play.does("uptd-ppa", IdentifySurvivor, name="Penyintas A")
    play.does("uptd-ppa", RecordIncident, **incident_fields(**RAPE))
    play.refers("R1", "polres", "incident", status=S.RECEIVED, service=Service.LAW_ENFORCEMENT)
    play.does(SYSTEM, BeginDuties)
    pep = play.care(C.HIV_PEP).id
    play.refers("hospital's", "rsud", "incident", "health", "identity")
    play.refers("prosecution's", "kejari", "incident", service=Service.LAW_ENFORCEMENT)
    play.refers("told's", "lbh", "incident", "identity", service=Service.LEGAL_AID)
    play.refers("undertook's", "psikolog", "contact", service=Service.PSYCHOSOCIAL, clocks=[pep])
    play.refers("named's", "rumah-aman", "contact", status=S.RECEIVED, service=Service.SHELTER, clocks=[pep])
    play.refers("school's", "disdik", "contact", status=S.RECEIVED, service=Service.EDUCATION)
    ids = {"pep": pep, "report": play.clock(D.REPORT_TO_POLICE).id, "sv": play.clock(D.PROTECTION_SV).id}
    return play.case, ids


@cache
def protected() -> tuple[Case, Mapping[str, UUID]]:
    """The same, once the police protect her and asked the court."""
    case, ids = world()
    play = Play()
    play.case = case
    order = {"order": "1", "issued_by": "Polres", "valid_from": NOON.date()}
    play.does("polres", RecordProtectionOrder, HOUR, kind=OrderKind.POLICE, given_at=NOON + HOUR, **order)
    play.does("polres", RequestProtection, HOUR, asked=AskedOf.COURT)
    of = {"lpsk": D.LPSK_REQUEST, "court": D.COURT_DECISION}
    ends = [c.id for c in play.case.clocks.values() if c.duty is D.PROTECTION_END]
    return play.case, {**ids, "end": ends[0], **{name: play.clock(duty).id for name, duty in of.items()}}


def of_order(kind: OrderKind) -> dict[str, Any]:
    return {"kind": kind, "given_at": NOON + HOUR, "order": "1", "issued_by": "x", "valid_from": NOON.date()}


COMMANDS: dict[str, tuple[Any, type[Fact], dict[str, Any]]] = {
    "gave PEP": (world, DeliverService, {"delivery": an_id("d"), **CARE}),
    "meet PEP": (world, MeetClock, {"clock": "pep"}),
    "end PEP": (world, EndClock, {"clock": "pep", "how": ClockEnd.DECLINED}),
    "PEP not indicated": (world, FindNotIndicated, {"clock": "pep", "reason": "r"}),
    "not male": (world, IdentifySurvivor, {"name": "x", "sex": Sex.MALE}),
    "corrected male": (world, CorrectSurvivorIdentity, {"name": "x", "sex": Sex.MALE, "reason": "r"}),
    "acts earlier": (world, CorrectIncident, {**incident_fields(**EARLIER), "reason": "r"}),
    "no violence": (world, CorrectIncident, {**incident_fields(**NO_VIOLENCE), "reason": "r"}),
    "meet report": (world, MeetClock, {"clock": "report", "grounds": "g"}),
    "end report": (world, EndDuty, {"clock": "report", "ended_as": ClockEnd.NOT_DONE, "grounds": "g"}),
    "meet protection": (world, MeetClock, {"clock": "sv", "grounds": "g"}),
    "end protection": (world, EndDuty, {"clock": "sv", "ended_as": ClockEnd.DECLINED, "grounds": "g"}),
    "police order": (world, RecordProtectionOrder, of_order(OrderKind.POLICE)),
    "court order": (protected, RecordProtectionOrder, of_order(OrderKind.COURT)),
    "LPSK asked": (protected, RequestProtection, {"asked": AskedOf.LPSK}),
    "meet decision": (protected, MeetClock, {"clock": "court", "grounds": "g"}),
    "meet gap": (protected, MeetClock, {"clock": "end", "grounds": "g"}),
}  # fmt: skip

# whose word has an effect on a clock; 2: with a second person; -: none, whether it is refused or stands for itself
ACCOUNT = """
                   lead police hospital prosecution told undertook named school
gave PEP           y    -      y        -           -    y         -     -
meet PEP           y    -      y        -           -    y         -     -
end PEP            y    -      y        -           -    -         -     -
PEP not indicated  -    -      y        -           -    -         -     -
not male           -    -      -        -           -    -         -     -
corrected male     y    -      -        -           -    -         -     -
acts earlier       y    -      -        -           -    -         -     -
no violence        y    -      -        -           -    -         -     -
meet report        2    2      -        -           -    -         -     -
end report         2    -      -        -           -    -         -     -
meet protection    2    2      -        -           -    -         -     -
end protection     2    2      -        -           -    -         -     -
police order       y    y      -        -           -    -         -     -
court order        y    -      -        y           -    -         -     -
LPSK asked         y    y      -        -           -    -         -     -
meet decision      2    -      -        2           -    -         -     -
meet gap           2    -      -        2           -    -         -     -
"""
TOLD_APART: dict[str, list[str]] = {}
for line in ACCOUNT.strip("\n").splitlines()[1:]:
    TOLD_APART[line[:19].strip()] = line[19:].split()

OF_CLOCKS = (ClockStarted, ClockMet, ClockEnded, ClockResumed, ClocksRuledOut)


def tries(name: str, by: Act) -> tuple[str, list[Fact]]:
    """What a command does to clocks: y, 2 or -; and the events."""
    state, what, fields = COMMANDS[name]
    case, ids = state()
    named = {**fields, **({"clock": ids[fields["clock"]]} if "clock" in fields else {})}
    command = say(what, NOON + 2 * HOUR, **named)
    who = replace(by, at=NOON + 2 * HOUR)
    try:
        events = list(decide(command, case, who, NETWORK))
    except Refusal:
        return "-", []
    if not any(isinstance(event, OF_CLOCKS) for event in events):
        return "-", events
    return "y" if second_needed(command, case, who) is None else "2", events


def test_the_account_tells_of_every_command() -> None:
    assert set(TOLD_APART) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_whose_word_has_an_effect_on_a_clock(name: str) -> None:
    role = Role.SUPERVISOR if COMMANDS[name][1] is EndDuty else Role.CASE_WORKER
    found = {position: tries(name, act(agency, role))[0] for position, agency in POSITIONS.items()}
    assert found == dict(zip(POSITIONS, TOLD_APART[name], strict=True))


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("agency", POSITIONS.values())
def test_a_machine_s_word_reaches_no_clock(name: str, agency: str) -> None:
    assert tries(name, act(agency, Role.INTEGRATOR))[0] == "-"


@pytest.mark.parametrize("role", [Role.CASE_WORKER, Role.LEGAL_REVIEWER])
def test_a_duty_of_law_is_ended_by_no_case_worker(role: Role) -> None:
    for name in ("end report", "end protection"):
        assert tries(name, act("uptd-ppa", role))[0] == tries(name, act("polres", role))[0] == "-"


def test_a_duty_ends_otherwise_by_decision_and_care_by_what_is_said_of_care() -> None:
    case, ids = world()
    end = say(EndClock, clock=ids["report"], how=ClockEnd.NOT_APPLICABLE, reason="r")
    decided = say(EndDuty, clock=ids["pep"], ended_as=ClockEnd.NOT_DONE, grounds="g")
    for command, role in ((end, Role.CASE_WORKER), (decided, Role.SUPERVISOR)):
        with pytest.raises(Invalid) as refused:
            decide(command, case, act("uptd-ppa", role), NETWORK)
        assert refused.value.about["field"] == "clock"


# Who resumes one -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("by", "role", "resumes"),
    [
        ("rsud", Role.CASE_WORKER, True),
        ("uptd-ppa", Role.SUPERVISOR, True),
        ("uptd-ppa", Role.CASE_WORKER, False),
        ("polres", Role.SUPERVISOR, False),
        ("psikolog", Role.CASE_WORKER, False),
        ("lbh", Role.SUPERVISOR, False),
    ],
)
def test_an_end_is_undone_by_who_recorded_it_a_clinician_or_the_lead_s_supervisor(
    by: str, role: Role, resumes: bool
) -> None:
    case, ids = world()
    play = Play()
    play.case = case
    play.does("rsud", MeetClock, HOUR, clock=ids["pep"])
    resume = say(ResumeClock, NOON + 2 * HOUR, clock=ids["pep"], reason="r")
    try:
        done = bool(decide(resume, play.case, later(act(by, role), 2 * HOUR), NETWORK))
    except Refusal:
        done = False
    assert done == resumes


@pytest.mark.parametrize(
    ("by", "role", "resumes"),
    [
        ("polres", Role.CASE_WORKER, False),
        ("polres", Role.SUPERVISOR, False),
        ("uptd-ppa", Role.CASE_WORKER, False),
        ("uptd-ppa", Role.SUPERVISOR, True),
    ],
)
def test_what_the_police_s_acceptance_met_of_others_the_police_do_not_undo(by: str, role: Role, resumes: bool) -> None:
    """Days after, when its time is over, that would make a breach of the lead's which was none."""
    met = (say(ClockMet, clock=CLOCK, in_time=True), "polres")
    duty = replace(clock(NOON + 3 * DAY), duty=ClockDuty.REPORT_TO_POLICE, need=ClockNeed.REPORT_TO_POLICE)
    began = replace(opened(), pathway=CURRENT.version)
    case = the_case(began, duty, met, consent(to="polres"), *brought_to(ReferralStatus.IN_PROGRESS, to="polres"))
    resume = say(ResumeClock, NOON + 4 * DAY, clock=CLOCK, reason="r")
    result = When(case, resume, later(act(by, role), 4 * DAY), NETWORK)
    assert bool(result.events) == resumes, repr(result.refusal)


# Honest paths ----------------------------------------------------------------------------------------------------


def test_the_lead_records_from_the_paper_what_the_police_did() -> None:
    case, ids = world()
    play = Play()
    play.case = case
    play.does("uptd-ppa", RecordProtectionOrder, 3 * DAY, **of_order(OrderKind.POLICE))
    assert play.case.clocks[ids["sv"]].met_at == NOON + HOUR
    assert play.clock(D.LPSK_REQUEST).runs


def test_a_hospital_that_knows_health_alone_gives_pep() -> None:
    play = Play()
    play.does("uptd-ppa", RecordIncident, **incident_fields(**RAPE))
    play.refers("R1", "rsud", "contact", "health")
    play.does("rsud", DeliverService, HOUR, delivery=an_id("d"), **CARE)
    assert not play.care(C.HIV_PEP).runs


def test_a_hospital_that_knows_nothing_of_it_gives_what_it_gives_and_meets_nothing() -> None:
    play = Play()
    play.does("uptd-ppa", RecordIncident, **incident_fields(**RAPE))
    play.refers("R1", "rsud", "contact")
    events = play.does("rsud", DeliverService, HOUR, delivery=an_id("d"), **CARE)
    assert {e.need for e in events if isinstance(e, ClockStarted)} == {C.HIV_FOLLOW_UP}, "of its own word"
    assert play.care(C.HIV_PEP).runs


def test_who_reaches_identity_may_say_what_the_lead_left_open_and_rule_in_what_it_ruled_out() -> None:
    play = Play()
    play.does("uptd-ppa", RecordIncident, **incident_fields(**RAPE))
    play.refers("R1", "rsud", "identity", "health", "incident")
    play.does("rsud", IdentifySurvivor, HOUR, name="x", sex=Sex.MALE)
    assert not play.care(C.EMERGENCY_CONTRACEPTION).runs
    play.does("uptd-ppa", IdentifySurvivor, HOUR, name="x", sex=Sex.MALE)
    found = play.does("rsud", CorrectSurvivorIdentity, 2 * HOUR, name="x", sex=Sex.FEMALE, reason="r")
    assert [e.needs for e in found if isinstance(e, ClocksRuledOut)] == [frozenset()], "the safer way"
    with_male = play.does("rsud", CorrectSurvivorIdentity, 3 * HOUR, name="x", sex=Sex.MALE, reason="r")
    assert not [e for e in with_male if isinstance(e, OF_CLOCKS)], "the lead said it itself"


def test_what_a_recipient_corrects_begins_what_is_new_and_moves_nothing_until_the_lead_says_so() -> None:
    play = Play()
    touched = {**RAPE, "gbv_type": GbvType.SEXUAL_ASSAULT, "penetration": YesNo.NO}
    play.does("uptd-ppa", RecordIncident, **incident_fields(**touched))
    play.refers("R1", "rsud", "identity", "health", "incident")
    evidence = play.care(C.FORENSIC_EVIDENCE)
    right = {**incident_fields(**{**RAPE, "happened_at": NOON - 5 * DAY}), "reason": "r"}
    play.does("rsud", CorrectIncident, HOUR, **right)
    assert play.case.clocks[evidence.id].runs
    assert play.care(C.HEPATITIS_B).runs
    assert play.clock(D.REPORT_TO_POLICE).runs
    play.does("uptd-ppa", CorrectIncident, 2 * HOUR, **right)
    assert play.case.clocks[evidence.id].ended_as is ClockEnd.SUPERSEDED
    assert play.care(C.FORENSIC_EVIDENCE).too_late


def test_who_recorded_an_incident_and_owes_no_care_moves_its_own() -> None:
    play = Play()
    play.refers("R1", "disdik", "psychosocial", service=Service.EDUCATION)
    play.does("disdik", RecordIncident, **incident_fields(**RAPE))
    before = play.care(C.HIV_PEP)
    play.does(
        "disdik", CorrectIncident, HOUR, **incident_fields(**{**RAPE, "happened_at": NOON - 20 * HOUR}), reason="r"
    )
    assert play.case.clocks[before.id].ended_as is ClockEnd.SUPERSEDED


def test_a_clinicians_finding_keeps_that_care_was_in_time() -> None:
    """PEP after two hours; on day 10 it is found that it was not indicated."""
    play = Play()
    play.does("uptd-ppa", RecordIncident, **incident_fields(**RAPE))
    play.refers("R1", "rsud", "health", "incident")
    play.does("rsud", DeliverService, 2 * HOUR, delivery=an_id("d"), **CARE)
    pep = play.care(C.HIV_PEP).id
    for at in (3 * HOUR, 10 * DAY):
        (found,) = play.does("rsud", FindNotIndicated, at, clock=pep, reason="already positive", recorded=10 * DAY)
        assert isinstance(found, ClockEnded)
        assert (found.in_time, found.occurred_at <= play.case.clocks[pep].due_at) == (True, True)
        assert not play.case.clocks[pep].late


def test_a_clinicians_finding_mends_no_care_that_was_late() -> None:
    play = Play()
    play.does("uptd-ppa", RecordIncident, **incident_fields(**RAPE))
    play.refers("R1", "rsud", "health", "incident")
    pep = play.care(C.HIV_PEP).id
    play.does("rsud", MeetClock, 5 * DAY, clock=pep)
    (found,) = play.does("rsud", FindNotIndicated, HOUR, clock=pep, reason="r", recorded=6 * DAY)
    assert isinstance(found, ClockEnded)
    assert (found.in_time, play.case.clocks[pep].late) == (False, True)


# Each incident has its own report --------------------------------------------------------------------------------


def reported_once() -> Play:
    play = Play()
    play.does("uptd-ppa", RecordIncident, **incident_fields(**RAPE))
    play.refers("R1", "polres", "incident", status=S.IN_PROGRESS, service=Service.LAW_ENFORCEMENT)
    play.does("polres", RecordProtectionOrder, HOUR, **of_order(OrderKind.POLICE))
    return play


def test_a_second_rape_is_to_be_reported_though_the_police_have_the_first() -> None:
    play = reported_once()
    again = {**RAPE, "happened_at": NOON + 29 * DAY}
    play.does("uptd-ppa", RecordIncident, 30 * DAY, **{**incident_fields(**again), "incident": SECOND})
    report = play.clock(D.REPORT_TO_POLICE, SECOND)
    assert (report.starts_at, report.runs) == (NOON + 30 * DAY, True)
    assert not [c for c in play.case.clocks.values() if c.duty is D.PROTECTION_SV and c.incident == SECOND]


def test_the_police_s_window_runs_from_when_they_received_this_one() -> None:
    play = reported_once()
    again = {**RAPE, "happened_at": NOON + 29 * DAY}
    play.does("uptd-ppa", RecordIncident, 30 * DAY, **{**incident_fields(**again), "incident": SECOND})
    second = an_id("second report")
    play.told(
        draft(second, to="polres", of=("incident",), service=Service.LAW_ENFORCEMENT), sent(second, NOON + 31 * DAY),
        at=NOON + 31 * DAY,
    )  # fmt: skip
    play.does("polres", ReceiveReferral, 31 * DAY + HOUR, referral=second)
    assert play.clock(D.PROTECTION_SV, SECOND).starts_at == NOON + 31 * DAY + HOUR
    play.does("polres", AcceptReferral, 31 * DAY + 2 * HOUR, referral=second)
    assert play.clock(D.REPORT_TO_POLICE, SECOND).met_at == NOON + 31 * DAY + 2 * HOUR


def test_an_acceptance_of_the_first_meets_no_later_report() -> None:
    play = Play()
    play.does("uptd-ppa", RecordIncident, **incident_fields(**RAPE))
    play.refers("R1", "polres", "incident", status=S.RECEIVED, service=Service.LAW_ENFORCEMENT)
    again = {**RAPE, "happened_at": NOON + 29 * DAY}
    play.does("uptd-ppa", RecordIncident, 30 * DAY, **{**incident_fields(**again), "incident": SECOND})
    play.does("polres", AcceptReferral, 30 * DAY, referral=R1)
    assert not play.clock(D.REPORT_TO_POLICE).runs
    assert play.clock(D.REPORT_TO_POLICE, SECOND).runs


def told_again() -> Play:
    """A second rape on day 29, which the police received on day 31; of the first they protect her since day 0."""
    play = reported_once()
    again = {**RAPE, "happened_at": NOON + 29 * DAY}
    play.does("uptd-ppa", RecordIncident, 30 * DAY, **{**incident_fields(**again), "incident": SECOND})
    second, at = an_id("second report"), NOON + 31 * DAY
    play.told(
        draft(second, to="polres", of=("incident",), service=Service.LAW_ENFORCEMENT), sent(second, at), at=at
    )  # fmt: skip
    play.does("polres", ReceiveReferral, 31 * DAY + HOUR, referral=second)
    return play


def test_protection_that_was_given_before_she_was_raped_again_meets_no_duty_of_that() -> None:
    play = told_again()
    play.does("polres", RecordProtectionOrder, 31 * DAY + 2 * HOUR, **of_order(OrderKind.POLICE))
    assert play.clock(D.PROTECTION_SV, SECOND).runs
    of_now = of_order(OrderKind.POLICE) | {"given_at": NOON + 31 * DAY}
    play.does("polres", RecordProtectionOrder, 31 * DAY + 3 * HOUR, **of_now)
    assert not play.clock(D.PROTECTION_SV, SECOND).runs, "else nothing could meet it"


def test_what_was_asked_before_she_was_raped_again_meets_no_duty_of_that() -> None:
    play = told_again()
    of_now = of_order(OrderKind.POLICE) | {"given_at": NOON + 31 * DAY}
    play.does("polres", RecordProtectionOrder, 31 * DAY + 2 * HOUR, **of_now)
    late = {"asked": AskedOf.LPSK, "recorded": 31 * DAY + 3 * HOUR}
    play.does("polres", RequestProtection, 2 * HOUR, **late)
    assert not play.clock(D.LPSK_REQUEST, FIRST).runs
    assert play.clock(D.LPSK_REQUEST, SECOND).runs


def test_care_that_was_given_before_an_exposure_meets_no_window_of_that() -> None:
    """The hospital types on day 30 what it gave after the first rape; the second was on day 29."""
    play = Play()
    play.does("uptd-ppa", RecordIncident, **incident_fields(**RAPE))
    play.refers("R1", "rsud", "incident", "health")
    again = {**RAPE, "happened_at": NOON + 29 * DAY}
    (first,) = [e.clock for e in play.log if isinstance(e, ClockStarted) and e.need is C.HIV_PEP]
    play.does("uptd-ppa", RecordIncident, 30 * DAY, **{**incident_fields(**again), "incident": SECOND})
    (second,) = [e.clock for e in play.log if isinstance(e, ClockStarted) and e.need is C.HIV_PEP and e.clock != first]
    play.does("rsud", DeliverService, 2 * HOUR, delivery=an_id("d"), recorded=30 * DAY, **CARE)
    assert not play.case.clocks[first].runs
    assert play.case.clocks[second].runs
    play.does("rsud", DeliverService, 30 * DAY, delivery=an_id("e"), **CARE)
    assert not play.case.clocks[second].runs


def test_cases_of_before_keep_the_rule_that_they_began_under() -> None:
    play = Play(pathway="2026-3")
    play.does("uptd-ppa", RecordIncident, **incident_fields(**RAPE))
    play.refers("R1", "polres", "incident", status=S.IN_PROGRESS, service=Service.LAW_ENFORCEMENT)
    again = {**RAPE, "happened_at": NOON + 29 * DAY}
    found = play.does("uptd-ppa", RecordIncident, 30 * DAY, **{**incident_fields(**again), "incident": SECOND})
    assert D.REPORT_TO_POLICE not in {e.duty for e in found if isinstance(e, ClockStarted)}


# Late entry by who owes it ---------------------------------------------------------------------------------------


def test_police_that_enter_receipt_and_order_late_are_late() -> None:
    """Both are recorded on day 3, and said to have been on day 0: the window ran out while they had been sent it."""
    play = Play()
    play.does("uptd-ppa", RecordIncident, **incident_fields(**RAPE))
    play.told(
        consent(to="polres", of=("incident",)),
        draft(to="polres", of=("incident",), service=Service.LAW_ENFORCEMENT),
        sent(),
    )
    play.does("polres", ReceiveReferral, HOUR, referral=R1, recorded=3 * DAY)
    clock = play.clock(D.PROTECTION_SV)
    assert clock.told_at == NOON
    raised = decide(say(RaiseClock, NOON + 3 * DAY, clock=clock.id), play.case, later(SYSTEM, 3 * DAY), NETWORK)
    assert len(raised) == 1, "it is raised though it had run out when it was recorded"
    play.does("polres", RecordProtectionOrder, 8 * HOUR, **of_order(OrderKind.POLICE), recorded=3 * DAY)
    assert play.case.clocks[clock.id].late


def test_an_intake_on_paper_that_is_typed_late_blames_nobody() -> None:
    """Typed on day 9: she told it on day 0, it was reported on day 1."""
    play = Play()
    play.does("uptd-ppa", RecordIncident, **incident_fields(**RAPE), recorded=9 * DAY)
    report = play.clock(D.REPORT_TO_POLICE)
    play.does("uptd-ppa", MeetClock, DAY, clock=report.id, grounds="in the paper file", recorded=9 * DAY)
    assert not play.case.clocks[report.id].late


# What the system begins ------------------------------------------------------------------------------------------


def test_what_another_recorded_begins_a_duty_by_the_system_and_tells_the_recorder_nothing() -> None:
    play = Play()
    play.refers("R1", "disdik", "psychosocial", service=Service.EDUCATION)
    found = play.does("disdik", RecordIncident, **incident_fields(**RAPE))
    assert not [e for e in found if isinstance(e, ClockStarted) and e.duty is not D.CARE]
    (began,) = play.does(SYSTEM, BeginDuties, HOUR)
    assert isinstance(began, ClockStarted)
    assert (began.duty, began.starts_at) == (D.REPORT_TO_POLICE, NOON)
    assert play.case.clocks[began.clock].author == "rujukan"
    with pytest.raises(WrongMove):
        play.does(SYSTEM, BeginDuties, 2 * HOUR)


def test_what_the_lead_does_next_begins_it_too() -> None:
    play = Play()
    play.refers("R1", "disdik", "psychosocial", service=Service.EDUCATION)
    play.does("disdik", RecordIncident, **incident_fields(**RAPE))
    play.does("uptd-ppa", ReceiveReport, HOUR, channel=Channel.IN_PERSON, reporter=Reporter.FAMILY)
    assert play.clock(D.REPORT_TO_POLICE).author == "uptd-ppa"


# The property ----------------------------------------------------------------------------------------------------

WHAT_OTHERS_DID = ("nothing", "sent", "received", "accepted", "protected", "given", "male")


@cache
def case_where(others: str) -> Case:
    """A case in which the school was sent `psychosocial`; and what others did, of which it was told nothing."""
    play = Play()
    play.refers("R1", "disdik", "psychosocial", "contact", service=Service.EDUCATION, status=S.IN_PROGRESS)
    play.does("uptd-ppa", RecordIncident, **incident_fields(**RAPE))
    order = WHAT_OTHERS_DID.index(others)
    if others in ("sent", "received", "accepted", "protected"):
        play.refers("police's", "polres", "incident", status=S.REQUESTED, service=Service.LAW_ENFORCEMENT)
    if order >= 2 and others in ("received", "accepted", "protected"):
        play.does("polres", ReceiveReferral, HOUR, referral=an_id("police's"))
    if others in ("accepted", "protected"):
        play.does("polres", AcceptReferral, HOUR, referral=an_id("police's"))
    if others == "protected":
        play.does("polres", RecordProtectionOrder, HOUR, **of_order(OrderKind.POLICE))
        play.does("polres", RequestProtection, HOUR, asked=AskedOf.COURT)
    if others == "given":
        play.does("uptd-ppa", DeliverService, HOUR, delivery=an_id("x"), **CARE)
    if others == "male":
        play.does("uptd-ppa", IdentifySurvivor, HOUR, name="she", sex=Sex.MALE)
    return play.case


def delivered(needs: frozenset[C]) -> tuple[type[Fact], dict[str, Any]]:
    return DeliverService, {"delivery": an_id("of the school"), "service": Service.EDUCATION, "gave": needs}


def told(kind: GbvType, by: ToldBy, at_home: bool) -> tuple[type[Fact], dict[str, Any]]:
    of = {**RAPE, "gbv_type": kind, "told_by": by, "domestic": at_home}
    return RecordIncident, {**incident_fields(**of), "incident": SECOND}


commands = st.one_of(
    st.builds(delivered, st.frozensets(st.sampled_from(sorted(C)), min_size=1, max_size=3)),
    st.builds(lambda kind: (RecordProtectionOrder, of_order(kind)), st.sampled_from(sorted(OrderKind))),
    st.builds(lambda asked: (RequestProtection, {"asked": asked}), st.sampled_from(sorted(AskedOf))),
    st.builds(lambda sex: (IdentifySurvivor, {"name": "x", "sex": sex}), st.sampled_from(sorted(Sex))),
    st.builds(
        lambda reporter: (ReceiveReport, {"channel": Channel.IN_PERSON, "reporter": reporter}),
        st.sampled_from(sorted(Reporter)),
    ),
    st.builds(told, st.sampled_from(sorted(GbvType)), st.sampled_from(sorted(ToldBy)), st.booleans()),
)


@given(
    command=commands, others=st.sampled_from(WHAT_OTHERS_DID), role=st.sampled_from([Role.CASE_WORKER, Role.SUPERVISOR])
)
@example(command=(IdentifySurvivor, {"name": "x", "sex": Sex.MALE}), others="male", role=Role.CASE_WORKER)
@example(command=(RequestProtection, {"asked": AskedOf.LPSK}), others="protected", role=Role.CASE_WORKER)
@example(command=(RecordProtectionOrder, of_order(OrderKind.COURT)), others="protected", role=Role.CASE_WORKER)
def test_by_what_follows_from_its_own_word_nobody_learns_what_others_did(
    command: tuple[type[Fact], dict[str, Any]], others: str, role: Role
) -> None:
    """The same answers, event for event, whatever others did that the school was not told; and no clock of theirs
    ends."""
    what, fields = command
    said_now = say(what, NOON + 2 * HOUR, **fields)
    by = later(act("disdik", role), 2 * HOUR)

    def tried(case: Case) -> Any:
        try:
            return list(decide(said_now, case, by, NETWORK))
        except Refusal as refusal:
            return type(refusal), refusal.about

    found = tried(case_where(others))
    assert found == tried(case_where("nothing")) or (what is RecordIncident and _but_ruled_out(found, others))
    if isinstance(found, list):
        of_others = {e.clock for e in found if isinstance(e, ClockMet | ClockEnded | ClockResumed)}
        assert not of_others & case_where(others).clocks.keys()


def _but_ruled_out(found: Any, others: str) -> bool:
    """Windows that are not for her, as the lead said, do not begin: that much a recorder sees of what is known of
    her."""
    return others == "male" and not {e.need for e in found if isinstance(e, ClockStarted)} & {
        C.EMERGENCY_CONTRACEPTION,
        C.PREGNANCY_TEST,
    }


def test_who_records_the_right_order_and_strikes_the_wrong_one_loses_no_duty() -> None:
    play = Play()
    play.case, _ = world()
    order = {"issued_by": "Polres", "valid_from": NOON.date(), "kind": OrderKind.POLICE, "given_at": NOON + HOUR}
    play.does("uptd-ppa", RecordProtectionOrder, HOUR, order="1", **order)
    wrong = play.case.last_entry
    play.does("uptd-ppa", RecordProtectionOrder, 2 * HOUR, order="2", **order)
    right = play.case.last_entry
    before = [(c.id, c.runs, c.ended_as, c.met_at) for c in play.case.clocks.values() if c.duty in LAW]
    assert wrong != right
    strike = {"entry": wrong, "instead": right, "because": StruckBecause.NOT_ACCURATE}
    assert [type(e).__name__ for e in play.does("uptd-ppa", StrikeEntry, 3 * HOUR, **strike)] == ["EntryStruck"]
    assert [(c.id, c.runs, c.ended_as, c.met_at) for c in play.case.clocks.values() if c.duty in LAW] == before
