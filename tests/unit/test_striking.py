"""What is wrong is struck and stays; who was told of it is told that it is struck, and nobody is told of it anew."""

from datetime import timedelta

from story import (
    C2,
    DAY,
    DELIVERY,
    HOSPITAL,
    LEAD,
    NETWORK,
    NOON,
    NOTE,
    R1,
    R2,
    SCHOOL,
    SUPERVISOR,
    act,
    an_id,
    brought_to,
    closed,
    consent,
    given,
    incident_fields,
    later,
    moved,
    opened,
    referred,
    say,
    the_case,
    withdrawn,
    written,
)

from rujukan.domain.case import Case, decide
from rujukan.domain.case.assessments import RiskAssessed
from rujukan.domain.case.conferences import ActionAgreed
from rujukan.domain.case.incidents import AllegedPerpetratorRecorded, RecordIncident
from rujukan.domain.case.intake import CaseOpened
from rujukan.domain.case.notes import NoteRecorded
from rujukan.domain.case.services import DeliverService
from rujukan.domain.case.striking import (
    AccusedStatementRecorded,
    AllegedPerpetratorStruck,
    EntryStruck,
    RecordAccusedStatement,
    StrikeAllegedPerpetrator,
    StrikeEntry,
)
from rujukan.domain.casefile.clocks import ClockEnded, ClockResumed
from rujukan.domain.casefile.evolving import fold_log, said
from rujukan.domain.casefile.waiting import waiting
from rujukan.domain.codes import AgencyKind, ReferralStatus, Role, Service, StruckBecause
from rujukan.domain.compartment import Compartment
from rujukan.domain.declaring import HAPPENED
from rujukan.domain.disclosure import Knowledge, Written
from rujukan.domain.fact import Act, Fact
from rujukan.domain.refusal import AlreadyDone, BeforeItsCause, Invalid, NotForThisRole, Unknown
from rujukan.domain.standing.rule import second_needed
from rujukan.domain.survivor import Agency, Handling, Record, recorded
from rujukan.domain.survivor import struck as her_struck
from rujukan.domain.violence import ClockNeed, GbvType, RiskLevel, ViolenceForm, YesNo

S = ReferralStatus
WRONG = {"because": StruckBecause.ANOTHER_PERSON}
NOTED = say(NoteRecorded, note=NOTE, health="a fracture")
RISK = say(RiskAssessed, level=RiskLevel.LOW, reasons="he moved away")
HIM = say(AllegedPerpetratorRecorded, name="B.", relation="guru")
RIGHT = say(AllegedPerpetratorRecorded, name="B.", relation="guru", description="another man of that name")


def strike(entry: int, **more: object) -> StrikeEntry:
    return say(StrikeEntry, entry=entry, **{**WRONG, **more})


def struck(entry: int, **more: object) -> EntryStruck:
    return say(EntryStruck, entry=entry, **{**WRONG, **more})


def his(entry: int, **more: object) -> StrikeAllegedPerpetrator:
    return say(StrikeAllegedPerpetrator, entry=entry, grounds="identity card", **{**WRONG, **more})


def his_struck(entry: int, **more: object) -> AllegedPerpetratorStruck:
    return say(AllegedPerpetratorStruck, entry=entry, grounds="identity card", **{**WRONG, **more})


# What is struck --------------------------------------------------------------------------------------------------


def test_who_wrote_an_entry_strikes_it_once() -> None:
    given(opened(), NOTED).when(strike(2)).then(struck(2))
    given(opened(), NOTED, struck(2)).when(strike(2)).refused(AlreadyDone, entry=2)


def test_what_stands_in_its_place_is_another_entry_of_the_same_kind() -> None:
    given(opened(), RISK, RISK).when(strike(2, instead=3)).then(struck(2, instead=3))
    for wrong in (2, 4):
        given(opened(), RISK, RISK, NOTED).when(strike(2, instead=wrong)).refused(Invalid, field="instead")
    given(opened(), RISK, RISK, struck(3)).when(strike(2, instead=3)).refused(Invalid, field="instead")
    given(opened(), RISK).when(strike(2, instead=9)).refused(Unknown, what="entry")


def test_an_entry_is_struck_also_when_the_case_or_the_referral_is_over() -> None:
    case = referred(S.COMPLETED)
    given(opened(), NOTED, closed()).when(strike(2)).then(struck(2))
    given(*case, (NOTED, "rsud")).when(strike(len(case) + 1), by=HOSPITAL).then(struck(len(case) + 1))


def test_what_has_a_correction_or_an_end_of_its_own_is_no_entry_that_is_struck() -> None:
    for number in (1, 2, 3):
        given(*referred()).when(strike(number)).refused(Unknown, what="entry")


def test_another_s_entry_is_struck_by_a_supervisor_of_the_lead_who_may_open_it() -> None:
    case = [opened(), consent(to=("rsud", "uptd-ppa")), *brought_to(S.IN_PROGRESS), (NOTED, "rsud")]
    given(*case).when(strike(len(case)), by=SUPERVISOR).then(struck(len(case)))
    given(*case).when(strike(len(case)), by=LEAD, in_role=True).refused(Unknown)
    unread = [*referred(), (NOTED, "rsud")]
    given(*unread).when(strike(len(unread)), by=SUPERVISOR).refused(Unknown, what="entry")


def test_nobody_else_strikes_it_nor_learns_that_there_is_such_an_entry() -> None:
    case = [*referred(), NOTED]
    given(*case).when(strike(len(case)), by=HOSPITAL).refused(Unknown, what="entry")
    given(*case).when(strike(len(case)), by=SCHOOL).refused(Unknown, what="case")


def test_it_is_not_struck_before_it_was_recorded() -> None:
    early = say(StrikeEntry, NOON - DAY, entry=2, **WRONG)
    given(opened(), NOTED).when(early).refused(BeforeItsCause)


def test_a_task_that_was_never_agreed_waits_no_more() -> None:
    agreed = say(ActionAgreed, action=an_id("a"), owner="uptd-ppa", what="w", due_on=NOON.date())
    assert "actions" in waiting(the_case(opened(), agreed), NOON)
    assert "actions" not in waiting(the_case(opened(), agreed, struck(2)), NOON)


# Clocks --------------------------------------------------------------------------------------------------------------


def told(case: Case, command: Fact, by: Act, after: timedelta) -> Case:
    """The case after what somebody does, so long after NOON."""
    who = later(by, after)
    fields = {f: getattr(command, f) for f in command.__struct_fields__ if f != "occurred_at"}
    command = type(command)(occurred_at=who.at, **fields)
    found = fold_log(said(decide(command, case, who, NETWORK), who.agency, who.at), case)
    assert found is not None
    return found


def case_with_care() -> Case:
    begun = say(
        CaseOpened, lead="uptd-ppa", lead_kind=opened().lead_kind, urgency=opened().urgency,
        age_group=opened().age_group, pathway="2026-4",
    )  # fmt: skip
    case = the_case(begun, consent(to=("rsud", "uptd-ppa")), *brought_to(S.IN_PROGRESS))
    fields = incident_fields(happened_at=NOON - timedelta(hours=5))
    fields |= {"gbv_type": GbvType.RAPE, "forms": frozenset({ViolenceForm.SEXUAL}), "penetration": YesNo.YES}
    return told(case, say(RecordIncident, **fields), LEAD, timedelta(hours=1))


def test_care_that_was_given_to_somebody_else_is_due_again_for_her() -> None:
    """PEP was recorded in the wrong file: her window runs on, and its follow-up tests are nobody's."""
    given_care = say(
        DeliverService, delivery=DELIVERY, service=Service.HEALTH, referral=R1, gave=frozenset({ClockNeed.HIV_PEP})
    )
    before = case_with_care()
    after = told(before, given_care, HOSPITAL, timedelta(hours=2))
    ended = {id for id, c in after.clocks.items() if c.is_over}
    assert len(ended) == 1
    assert len(after.clocks) > len(before.clocks)
    (number,) = [n for n, e in after.entries.items() if e.topic == "case.ServiceDelivered"]
    strikes = say(StrikeEntry, NOON + timedelta(hours=3), entry=number, **WRONG)
    events = decide(strikes, after, later(HOSPITAL, timedelta(hours=3)), NETWORK)
    assert [type(e) for e in events] == [EntryStruck, ClockResumed]
    by_lead = decide(strikes, after, later(SUPERVISOR, timedelta(hours=3)), NETWORK)
    assert [type(e) for e in by_lead[:2]] == [EntryStruck, ClockResumed]
    assert {type(e) for e in by_lead[2:]} == {ClockEnded}
    now = fold_log(said(by_lead, "uptd-ppa", NOON + timedelta(hours=3)), after)
    assert now is not None
    assert {id for id, c in now.clocks.items() if c.runs} == {id for id, c in before.clocks.items() if c.runs}


# Who is told ---------------------------------------------------------------------------------------------------------


def log(*events: Fact | tuple[Fact, str]) -> list[Written]:
    pairs = [e if isinstance(e, tuple) else (e, "uptd-ppa") for e in events]
    return [written(n, event, author) for n, (event, author) in enumerate(pairs, 1)]


def told_last(*events: Fact | tuple[Fact, str]) -> dict[str, set[str]]:
    """Agency → what it is told of the last event."""
    knowledge, entries = Knowledge(), log(*events)
    tell = [t for one in entries for t in knowledge.follow(one) if t.of is entries[-1]]
    return {t.agency: {c.word for c in t.compartments} for t in tell}


def test_who_was_told_the_old_is_told_the_new_and_who_was_not_is_not() -> None:
    police = brought_to(S.IN_PROGRESS, R2, to="polres", service=Service.LAW_ENFORCEMENT, of=("incident",))
    case = [opened(), consent(to=("rsud", "polres")), *brought_to(S.IN_PROGRESS), *police, NOTED]
    of = told_last(*case, struck(len(case), health="of another patient"))
    assert of == {"uptd-ppa": {"coordination", "health"}, "rsud": {"coordination", "health"}}


def test_who_has_it_no_more_is_told_the_number_and_nothing_else() -> None:
    over = [*referred(S.IN_PROGRESS), NOTED, moved(S.COMPLETED)]
    assert told_last(*over, struck(len(over) - 1, health="x"))["rsud"] == {"coordination"}
    recalled = [*referred(S.IN_PROGRESS), NOTED, withdrawn(), moved(S.CANCELLED)]
    assert told_last(*recalled, struck(len(recalled) - 2, health="x"))["rsud"] == {"coordination"}


def test_what_was_struck_is_told_to_nobody_anew_but_the_lead() -> None:
    """A wrong man is not named to the next who is sent the case."""
    case = [opened(), HIM, his_struck(2)]
    later_on = [
        consent(C2, to="polres", of=("legal", "incident")),
        *brought_to(S.REQUESTED, R2, to="polres", of=("legal",)),
    ]
    knowledge = Knowledge()
    tell = [t for one in log(*case, *later_on) for t in knowledge.follow(one)]
    assert not [t for t in tell if t.agency == "polres" and t.of.version in (2, 3)]
    unstruck = Knowledge()
    told_him = [t for one in log(opened(), HIM, *later_on) for t in unstruck.follow(one)]
    assert [t for t in told_him if t.agency == "polres" and t.of.version == 2], "else the test shows nothing"


def test_what_was_told_before_is_not_widened_after_it_was_struck() -> None:
    note = say(NoteRecorded, note=NOTE, health="h", legal="l")
    case = [*referred(), note, struck(len(referred()) + 1), consent(C2, to="rsud", of=("legal",))]
    knowledge = Knowledge()
    tell = [t for one in log(*case) for t in knowledge.follow(one) if t.agency == "rsud"]
    of_note = {c for t in tell if t.of.version == len(referred()) + 1 for c in t.compartments}
    assert Compartment.LEGAL not in of_note


# What she is shown ---------------------------------------------------------------------------------------------------


def test_her_report_says_of_what_was_struck_that_it_was_on_every_line_that_she_may_choose() -> None:
    records = [
        Record(7, "case.NoteRecorded", NOON, "rsud", {"health": "a fracture"}, 2),
        Record(8, "case.NoteRecorded", NOON, "rsud", {"health": "a cough"}, 3),
        Record(9, "case.EntryStruck", NOON + DAY, "rsud", {"entry": 2, "because": "not-accurate"}, 4),
    ]
    at = her_struck(records)
    assert at == {2: (NOON + DAY, "not-accurate")}
    first, second, _ = (
        recorded(r, "en", lambda code: Agency(code, AgencyKind.HEALTH), was_struck=at.get(r.version)) for r in records
    )
    mark = "(struck 4 March 2026 20:00 WITA: Not accurate)"
    assert first.title.endswith(mark)
    assert [item.label.endswith(mark) for item in first.items] == [True]
    assert "struck" not in second.title + second.items[0].label


def test_what_is_another_s_is_not_shown_to_her() -> None:
    records = [
        Record(7, "case.NoteRecorded", NOON, "rsud", {"health": "a fracture"}, 2),
        Record(
            9, "case.EntryStruck", NOON + DAY, "rsud", {"entry": 2, "because": "another-person", "health": "of B."}, 3
        ),
    ]
    at = her_struck(records)
    for record in (
        recorded(r, "en", lambda code: Agency(code, AgencyKind.HEALTH), was_struck=at.get(r.version)) for r in records
    ):
        assert "It is about another person" in record.title + str(record.items)
        assert not {"a fracture", "of B."} & {item.value for item in record.items}
        assert [item.line for item in record.items if item.handling is Handling.WITHHELD] == [None]


# The alleged perpetrator -------------------------------------------------------------------------------------------


def test_a_record_of_the_alleged_perpetrator_takes_two_people() -> None:
    case = the_case(opened(), HIM, RIGHT)
    assert second_needed(his(2), case, LEAD) is not None
    assert second_needed(his(2, instead=3), case, act("uptd-ppa", Role.DATA_PROTECTION_OFFICER)) is not None
    given(opened(), HIM, RIGHT).when(his(2, instead=3)).then(his_struck(2, instead=3))


def test_it_is_no_entry_that_one_person_strikes() -> None:
    given(opened(), HIM).when(strike(2)).refused(Unknown, what="entry")
    given(opened(), NOTED).when(his(2)).refused(Unknown, what="entry")


def test_a_data_protection_officer_of_the_lead_strikes_what_another_wrote_and_the_lead_may_open() -> None:
    officer = act("uptd-ppa", Role.DATA_PROTECTION_OFFICER)
    of = [opened(), consent(to=("polres", "uptd-ppa"), of=("legal", "incident", "safety"))]
    of += brought_to(S.IN_PROGRESS, R1, to="polres", service=Service.LAW_ENFORCEMENT, of=("legal",))
    case = [*of, (HIM, "polres")]
    given(*case).when(his(len(case)), by=officer, in_role=True).then(his_struck(len(case)))
    hidden = [opened(), consent(to="polres", of=("legal",))]
    hidden += brought_to(S.IN_PROGRESS, R1, to="polres", service=Service.LAW_ENFORCEMENT, of=("legal",))
    unread = [*hidden, (HIM, "polres")]
    given(*unread).when(his(len(unread)), by=officer, in_role=True).refused(Unknown)


def test_what_he_says_stands_beside_and_strikes_nothing() -> None:
    said_by_him = say(RecordAccusedStatement, entry=2, statement="I was elsewhere", source="letter")
    case = (
        given(opened(), HIM)
        .when(said_by_him, by=act("uptd-ppa", Role.DATA_PROTECTION_OFFICER))
        .then(say(AccusedStatementRecorded, entry=2, statement="I was elsewhere", source="letter"))
    )
    assert case is not None
    assert not case.entries[2].struck
    given(opened(), HIM).when(said_by_him, by=LEAD, in_role=True).refused(NotForThisRole)


def test_everything_that_tells_a_story_is_struck_or_has_a_correction_of_its_own() -> None:
    """An event that is added says which."""
    own = {
        # corrected, superseded, resumed, withdrawn, ended or answered by a command of their own
        "IncidentRecorded", "IncidentCorrected", "SurvivorIdentified", "SurvivorIdentityCorrected",
        "SurvivorContactRecorded", "SurvivorContactCorrected", "ClockStarted", "ClockMet", "ClockEnded",
        "ClockResumed",
    }  # fmt: skip
    stories = {e.__name__ for e, said in HAPPENED.items() if said.shared.value == "story" and not said.struck_by}
    assert stories == own
