"""Who of an agency works on a case, and who is kept from it: assigned, taken, excluded, and who may end that."""

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace
from story import NETWORK, NOON, R1, act, an_id, brought_to, consent, opened, say, the_case

from rujukan.domain.agency import NeedToKnowSet, SetNeedToKnow, evolve
from rujukan.domain.agency_state import Agency
from rujukan.domain.agency_state import decide as decide_of_agency
from rujukan.domain.case import Case, decide
from rujukan.domain.case.fulfilment import AcceptReferral, ReceiveReferral, ReferralAccepted, ReferralReceived
from rujukan.domain.case.intake import CaseOpened, OpenCase, ReportReceived
from rujukan.domain.case.lead import AssignCaseWorker, CaseWorkerAssigned
from rujukan.domain.case.notes import RecordNote
from rujukan.domain.case.staffing import (
    THEIR_AGENCY,
    AssignmentEnded,
    AssignPerson,
    EndAssignment,
    EndExclusion,
    ExcludePerson,
    ExclusionEnded,
    PersonExcluded,
)
from rujukan.domain.casefile import evolving
from rujukan.domain.casefile.assigning import PersonAssigned
from rujukan.domain.casefile.evolving import fold_log
from rujukan.domain.casefile.holding import HoldPlaced
from rujukan.domain.casefile.staff import Staff
from rujukan.domain.codes import (
    AgeGroup,
    AgencyKind,
    Channel,
    NeedToKnow,
    ReferralStatus,
    Reporter,
    Role,
    Service,
    Urgency,
)
from rujukan.domain.compartment import Compartment, compartments_of
from rujukan.domain.fact import Act, ActorId, CaseId, Fact
from rujukan.domain.kept_out import carried_over
from rujukan.domain.proposal import ApproveProposal, RefuseProposal
from rujukan.domain.refusal import AlreadyExists, Invalid, NotAMember, NotForThisAgency, Refusal, Unknown
from rujukan.domain.remembered import Field, facts
from rujukan.domain.standing.rule import Proposed, second_needed, standing

S = ReferralStatus
OFFICER, COLLEAGUE, CHIEF, DEPUTY = (ActorId(an_id(who)) for who in ("officer", "colleague", "chief", "deputy"))
EXCLUSION = an_id("exclusion")
PEOPLE = {
    OFFICER: frozenset({Role.CASE_WORKER}),
    COLLEAGUE: frozenset({Role.CASE_WORKER}),
    CHIEF: frozenset({Role.SUPERVISOR}),
    DEPUTY: frozenset({Role.SUPERVISOR}),
}
STAFFED = {code: replace(agency, members=PEOPLE) for code, agency in NETWORK.items()}
LEADER, OTHER_LEADER = (ActorId(an_id(who)) for who in ("leader", "other leader"))
LEADING = {LEADER: frozenset({Role.SUPERVISOR}), OTHER_LEADER: frozenset({Role.DATA_PROTECTION_OFFICER})}
APART = {
    **NETWORK,
    "polres": replace(NETWORK["polres"], members=PEOPLE),
    "uptd-ppa": replace(NETWORK["uptd-ppa"], members=LEADING),
}
"""In which nobody is of two agencies."""
NOTE = say(RecordNote, note=an_id("note"), legal="n")


def by(who: ActorId, agency: str = "polres", role: Role = Role.CASE_WORKER, *, narrow: bool = True) -> Act:
    """That person, for an agency that lets those alone work on its cases who are assigned."""
    setting = NeedToKnow.ASSIGNED if narrow else NeedToKnow.EVERYBODY
    return replace(act(agency, role), actor=who, need_to_know=setting)


def chief(agency: str = "polres") -> Act:
    return by(CHIEF, agency, Role.SUPERVISOR)


def leader() -> Act:
    return by(LEADER, "uptd-ppa", Role.SUPERVISOR)


def referred(status: ReferralStatus = S.REQUESTED, *more: Any) -> Case:
    to = {"to": "polres", "service": Service.LAW_ENFORCEMENT, "of": ("identity",)}
    return the_case(opened(), consent(to=("polres",), of=("identity",)), *brought_to(status, R1, **to), *more)


def on(who: ActorId, agency: str = "polres", referral: Any = None) -> tuple[Fact, str]:
    return say(PersonAssigned, person=who, agency=agency, referral=referral), agency


def excluded(who: ActorId, agency: str = "polres", placed_by: str = "uptd-ppa", id: Any = EXCLUSION) -> Fact:
    kind = NETWORK[agency].kind
    of = {"person": who, "member_of": agency, "kind": kind, "placed_by": placed_by}
    return say(PersonExcluded, exclusion=id, reason="r", **of)


def done(command: Fact, case: Case | None, who: Act) -> Sequence[Fact]:
    return decide(command, case, who, STAFFED)


def exclude(who: ActorId, agency: str = "polres") -> ExcludePerson:
    return say(ExcludePerson, exclusion=an_id("new"), person=who, member_of=agency, reason="Saudara terlapor.")


# An agency's setting ---------------------------------------------------------------------------------------------


def test_every_member_works_on_an_agency_s_cases_unless_it_says_otherwise() -> None:
    assert Agency("polres", AgencyKind.POLICE, "Polres", 1).need_to_know is NeedToKnow.EVERYBODY
    assert done(NOTE, referred(S.ACCEPTED), by(OFFICER, narrow=False))


def test_an_agency_s_administrator_says_so_with_a_second_person() -> None:
    police = STAFFED["polres"]
    administrator = act("polres", Role.AGENCY_ADMINISTRATOR)
    command = say(SetNeedToKnow, need_to_know=NeedToKnow.ASSIGNED)
    (said,) = decide_of_agency(command, police, administrator)
    assert said == say(NeedToKnowSet, need_to_know=NeedToKnow.ASSIGNED)
    assert second_needed(command, police, administrator) is not None
    narrowed = evolve(police, said)
    assert narrowed.need_to_know is NeedToKnow.ASSIGNED
    with pytest.raises(AlreadyExists):
        decide_of_agency(command, narrowed, administrator)


# Assigned --------------------------------------------------------------------------------------------------------


def test_a_second_officer_who_was_never_assigned_finds_no_case() -> None:
    case = referred(S.ACCEPTED, on(OFFICER))
    assert done(NOTE, case, by(OFFICER))
    with pytest.raises(Unknown):
        done(NOTE, case, by(COLLEAGUE))


def test_who_is_assigned_at_one_agency_is_not_at_another() -> None:
    case = referred(S.ACCEPTED, on(OFFICER))
    with pytest.raises(Unknown):
        done(NOTE, case, by(OFFICER, "uptd-ppa"))


def test_who_opens_a_case_is_assigned_to_it() -> None:
    said = {"channel": Channel.HOTLINE, "reporter": Reporter.SURVIVOR, "urgency": Urgency.URGENT}
    command = say(OpenCase, age_group=AgeGroup.ADULT, **said)
    events = done(command, None, by(OFFICER, "uptd-ppa"))
    assert [type(e) for e in events] == [CaseOpened, ReportReceived, PersonAssigned]
    assert done(NOTE, the_case(*events), by(OFFICER, "uptd-ppa"))
    assert [type(e) for e in done(command, None, by(OFFICER, "uptd-ppa", narrow=False))] == [CaseOpened, ReportReceived]


def test_whoever_is_there_takes_a_referral_and_is_assigned_by_that() -> None:
    events = done(say(ReceiveReferral, referral=R1), referred(), by(OFFICER))
    assert [type(e) for e in events] == [ReferralReceived, PersonAssigned, HoldPlaced]
    taken = referred(S.REQUESTED, *((event, "polres") for event in events))
    with pytest.raises(Unknown):
        done(say(AcceptReferral, referral=R1), taken, by(COLLEAGUE))
    assert [type(e) for e in done(say(AcceptReferral, referral=R1), taken, by(OFFICER))] == [ReferralAccepted]


def test_what_a_machine_received_whoever_is_there_may_accept() -> None:
    received = referred(S.RECEIVED)
    assert [type(e) for e in done(say(AcceptReferral, referral=R1), received, by(OFFICER))] == [
        ReferralAccepted,
        PersonAssigned,
        HoldPlaced,
    ]


def test_a_referral_that_nobody_took_is_not_read_by_everybody() -> None:
    with pytest.raises(Unknown):
        done(NOTE, referred(), by(OFFICER))


def test_a_supervisor_assigns_and_ends_it() -> None:
    assert done(say(AssignPerson, person=OFFICER, referral=R1), referred(S.ACCEPTED), chief()) == [
        on(OFFICER, referral=R1)[0]
    ]
    case = referred(S.ACCEPTED, on(OFFICER, referral=R1))
    with pytest.raises(AlreadyExists):
        done(say(AssignPerson, person=OFFICER, referral=R1), case, chief())
    (ended,) = done(say(EndAssignment, person=OFFICER), case, chief())
    assert ended == say(AssignmentEnded, person=OFFICER, agency="polres")
    with pytest.raises(Unknown):
        done(NOTE, referred(S.ACCEPTED, on(OFFICER, referral=R1), (ended, "polres")), by(OFFICER))


def test_what_is_remembered_of_assignments_can_be_looked_back_on() -> None:
    case = referred(S.ACCEPTED, on(OFFICER, referral=R1), on(OFFICER), on(COLLEAGUE), excluded(CHIEF))
    found = facts(case, NOON)
    assert found[Field("exclusion", EXCLUSION, "person")] == str(CHIEF)
    assert any(str(R1) in str(value) for field, value in found.items() if field.name == "assigned")


def test_who_accepted_it_brings_in_a_colleague_and_nobody_else_does() -> None:
    case = referred(S.ACCEPTED, on(OFFICER, referral=R1))
    assert done(say(AssignPerson, person=COLLEAGUE, referral=R1), case, by(OFFICER))
    with pytest.raises(NotForThisAgency):
        done(say(AssignPerson, person=COLLEAGUE, referral=R1), case, by(COLLEAGUE, narrow=False))


def test_only_members_are_assigned() -> None:
    with pytest.raises(NotAMember):
        done(say(AssignPerson, person=an_id("nobody"), referral=R1), referred(S.ACCEPTED), chief())


def test_who_accompanies_the_survivor_is_assigned_until_another_does() -> None:
    case = the_case(opened(), say(CaseWorkerAssigned, worker=OFFICER))
    assert done(NOTE, case, by(OFFICER, "uptd-ppa"))
    with pytest.raises(Unknown):
        done(
            NOTE,
            the_case(opened(), *(say(CaseWorkerAssigned, worker=w) for w in (OFFICER, COLLEAGUE))),
            by(OFFICER, "uptd-ppa"),
        )


# Excluded --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("agency", ["uptd-ppa", "polres"])
def test_lead_and_own_agency_exclude_somebody(agency: str) -> None:
    who = chief() if agency == "polres" else by(LEADER, agency, Role.SUPERVISOR)
    (said,) = decide(exclude(OFFICER), referred(S.ACCEPTED), who, APART)
    assert isinstance(said, PersonExcluded)
    assert (said.person, said.member_of, said.placed_by) == (OFFICER, "polres", agency)


def test_no_third_agency_does_and_none_those_of_others() -> None:
    for case, agency, of in ((referred(S.ACCEPTED), "rsud", "polres"), (referred(S.ACCEPTED), "polres", "uptd-ppa")):
        with pytest.raises((Unknown, NotForThisAgency)):
            done(exclude(OFFICER, of), case, chief(agency))


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.SYSTEM}))
@pytest.mark.parametrize("agency", ["polres", "uptd-ppa"])
def test_to_who_is_excluded_there_is_no_case_for_whatever_agency(role: Role, agency: str) -> None:
    case = referred(S.ACCEPTED, on(OFFICER), excluded(OFFICER))
    assert case.of(Staff).excluded == {OFFICER}
    commands = (NOTE, say(AssignPerson, person=COLLEAGUE), exclude(COLLEAGUE))
    for command in commands:
        with pytest.raises(Refusal) as here:
            done(command, case, by(OFFICER, agency, role))
        with pytest.raises(Refusal) as nowhere:
            done(command, None, by(OFFICER, agency, role))
        assert (type(here.value), here.value.args) == (type(nowhere.value), nowhere.value.args)


HIRED = {who: frozenset({Role.CASE_WORKER}) for who in (LEADER, OTHER_LEADER, OFFICER, CHIEF)}
"""Of another agency, whose administrator alone made them its case workers."""


@pytest.mark.parametrize("status", [S.REQUESTED, S.IN_PROGRESS, None])
@pytest.mark.parametrize("of_another", ["rsud", "dinsos", "uptd-ppa"])
def test_who_is_of_another_agency_is_excluded_by_the_lead_alone_whether_that_takes_part_or_not(
    status: S | None, of_another: str
) -> None:
    """Any agency can make somebody its member: it would so keep others' people from their own case, and would learn
    from the answer who takes part."""
    more = [consent(an_id("c"), of=("health",)), *brought_to(status, an_id("r"), of=("health",))] if status else []
    case = referred(S.ACCEPTED, *more)
    members = {**APART[of_another].members, OFFICER: frozenset({Role.CASE_WORKER})}
    with pytest.raises(Invalid, match="no other agency") as refused:
        decide(exclude(OFFICER), case, chief(), {**APART, of_another: replace(APART[of_another], members=members)})
    with pytest.raises(Invalid) as judges:
        decide(exclude(DEPUTY), case, chief(), APART)
    assert refused.value.about == judges.value.about, "nor does it say why"


@pytest.mark.parametrize("ended", [S.CANCELLED, S.REJECTED, S.COMPLETED])
def test_who_takes_part_no_more_excludes_nobody(ended: S) -> None:
    case = referred(ended)
    with pytest.raises(NotForThisAgency):
        decide(exclude(OFFICER), case, chief(), APART)
    assert decide(exclude(OFFICER), case, leader(), APART)


def test_who_judges_at_an_agency_is_excluded_by_the_lead_alone() -> None:
    """Else one supervisor excludes the other, and cannot be excluded any more."""
    case, lead = referred(S.ACCEPTED), leader()
    with pytest.raises(Invalid, match="the lead excludes"):
        decide(exclude(DEPUTY), case, chief(), APART)
    assert decide(exclude(CHIEF), case, lead, APART)


def test_each_agency_of_theirs_is_told_in_an_event_of_its_own() -> None:
    lead = leader()
    both = {**APART, "rsud": replace(NETWORK["rsud"], members={**HIRED, DEPUTY: frozenset({Role.SUPERVISOR})})}
    case = referred(S.ACCEPTED, consent(an_id("c")), *brought_to(S.ACCEPTED, an_id("r")))
    said = decide(exclude(OFFICER), case, lead, both)
    told = [(e.member_of, [*THEIR_AGENCY.of(e, case)]) for e in said if isinstance(e, PersonExcluded)]
    assert told == [("polres", ["polres"]), ("rsud", ["rsud"])]
    after = fold_log(evolving.said(said, "uptd-ppa"), case)
    assert after is not None
    for id in after.of(Staff).exclusions:
        ended = decide(say(EndExclusion, exclusion=id, reason="r"), after, lead, both)
        assert {e.member_of for e in ended if isinstance(e, ExclusionEnded)} == {"polres", "rsud"}


@pytest.mark.parametrize("own", [False, True], ids=["carried alone", "beside one of its own"])
def test_in_another_file_of_the_case_it_ends_for_all_of_their_agencies_too(own: bool) -> None:
    """Also once the files were separated, and nothing of the first stands there; and nothing else ends with it."""
    lead = leader()
    both = {**APART, "rsud": replace(NETWORK["rsud"], members={**HIRED, DEPUTY: frozenset({Role.SUPERVISOR})})}
    first = referred(S.ACCEPTED, consent(an_id("c")), *brought_to(S.ACCEPTED, an_id("r")))
    after = fold_log(evolving.said(decide(exclude(OFFICER), first, lead, both), "uptd-ppa"), first)
    assert after is not None
    other = the_case(opened(), *((excluded(OFFICER, id=an_id("its own")),) if own else ()))
    files = {CaseId(an_id("first")): after, CaseId(an_id("second")): other}
    carried = carried_over(files, NOON)[CaseId(an_id("second"))]
    copies = {event.exclusion for event in carried}
    assert {event.member_of for event in carried} == {"polres", "rsud"}
    there = fold_log(evolving.said(carried, "uptd-ppa"), other)
    assert there is not None
    for id in copies:
        ended = decide(say(EndExclusion, exclusion=id, reason="r"), there, lead, both)
        assert {e.exclusion for e in ended if isinstance(e, ExclusionEnded)} == copies
    if own:
        (ended,) = decide(say(EndExclusion, exclusion=an_id("its own"), reason="r"), there, lead, both)
        assert isinstance(ended, ExclusionEnded)


def test_no_exclusion_ends_by_another_that_an_agency_s_own_is_in_the_way_of() -> None:
    """It shut out the deputy, and the chief is to be kept out now: who of both may see the case two people of the lead
    say, who are shown which one stands in the way; or the agency names another."""
    case = referred(S.ACCEPTED, excluded(DEPUTY, placed_by="polres"))
    with pytest.raises(Invalid, match="a supervisor") as refused:
        decide(exclude(CHIEF), case, leader(), APART)
    assert refused.value.about["exclusions"] == [str(EXCLUSION)]
    assert case.of(Staff).excluded == {DEPUTY}
    end = say(EndExclusion, exclusion=EXCLUSION, reason="r")
    assert second_needed(end, case, leader()) is not None
    ended = fold_log(evolving.said(decide(end, case, leader(), APART), "uptd-ppa"), case)
    assert ended is not None
    assert decide(exclude(CHIEF), ended, leader(), APART)
    named = {
        **APART,
        "polres": replace(APART["polres"], members={**PEOPLE, an_id("new"): frozenset({Role.SUPERVISOR})}),
    }
    assert decide(exclude(CHIEF), case, leader(), named)


def test_what_stands_in_the_way_is_shown_to_who_may_end_it_alone() -> None:
    """An agency is not told whom the lead excluded by what it is refused."""
    two = {who: frozenset({Role.CASE_WORKER}) for who in (OFFICER, COLLEAGUE)}
    by_chief = replace(chief(), actor=OFFICER, role=Role.SUPERVISOR)
    network = {**APART, "polres": replace(NETWORK["polres"], members=two)}
    with pytest.raises(Invalid, match="somebody who can work") as refused:
        decide(
            exclude(COLLEAGUE), referred(S.REQUESTED, excluded(OFFICER)), replace(by_chief, actor=an_id("x")), network
        )
    assert "exclusions" not in refused.value.about


def test_who_is_of_the_lead_too_is_named_as_its_own() -> None:
    """Else one person excludes the lead's own supervisor, as a member of another agency."""
    lead = leader()
    network = {**APART, "rsud": replace(NETWORK["rsud"], members={**HIRED, DEPUTY: frozenset({Role.SUPERVISOR})})}
    with pytest.raises(Invalid, match="agency of theirs"):
        decide(exclude(OTHER_LEADER, "rsud"), referred(S.ACCEPTED), lead, network)
    with pytest.raises(Invalid, match="agency of theirs"):
        decide(exclude(OFFICER, "rsud"), referred(S.ACCEPTED), lead, network)


@pytest.mark.parametrize(
    ("who", "agency", "before", "two"),
    [
        (OFFICER, "polres", None, False),
        (OFFICER, "polres", excluded(COLLEAGUE, id=an_id("first")), True),
        (OFFICER, "polres", excluded(COLLEAGUE, "rsud", id=an_id("first")), False),
        (OFFICER, "polres", excluded(OFFICER, placed_by="polres", id=an_id("first")), False),
        (OTHER_LEADER, "uptd-ppa", None, True),
    ],
)
def test_a_second_one_of_an_agency_and_the_lead_s_own_take_two(
    who: ActorId, agency: str, before: Any, two: bool
) -> None:
    """One person keeps somebody out at once; all of an agency, or those who judge at the lead, one person does not."""
    case = referred(S.ACCEPTED, *([before] if before else []))
    assert (second_needed(exclude(who, agency), case, leader()) is not None) is two


def test_to_who_is_to_be_excluded_there_is_no_such_proposal() -> None:
    """They would refuse it."""
    asked_by = by(LEADER, "uptd-ppa", Role.SUPERVISOR, narrow=False)
    waits = Proposed(exclude(OTHER_LEADER, "uptd-ppa"), asked_by, referred(S.ACCEPTED))
    for command in (ApproveProposal, RefuseProposal):
        said = say(command, proposal=an_id("proposal"), **({"reason": "r"} if command is RefuseProposal else {}))
        for role in (Role.SUPERVISOR, Role.DATA_PROTECTION_OFFICER):
            with pytest.raises(Unknown):
                standing(said, waits, by(OTHER_LEADER, "uptd-ppa", role, narrow=False))
            standing(said, waits, by(an_id("a third"), "uptd-ppa", role, narrow=False))


def test_one_supervisor_remains() -> None:
    case, lead = referred(S.ACCEPTED, excluded(CHIEF)), leader()
    with pytest.raises(Invalid, match="a supervisor"):
        decide(exclude(DEPUTY), case, lead, APART)
    assert decide(exclude(CHIEF), referred(S.ACCEPTED), lead, APART)


def test_somebody_remains_who_can_work_on_it_where_there_is_no_supervisor() -> None:
    two = {who: frozenset({Role.CASE_WORKER}) for who in (OFFICER, COLLEAGUE)}
    network, lead = (
        {**APART, "polres": replace(NETWORK["polres"], members=two)},
        leader(),
    )
    assert decide(exclude(OFFICER), referred(S.REQUESTED), lead, network)
    with pytest.raises(Invalid, match="somebody who can work"):
        decide(exclude(OFFICER), referred(S.REQUESTED, excluded(COLLEAGUE)), lead, network)


def test_those_remain_at_each_agency_of_theirs_that_takes_part_and_at_no_other() -> None:
    """Who made themself the one supervisor of a friend's agency could else be kept from nothing."""
    alone = {OFFICER: frozenset({Role.SUPERVISOR})}
    network, lead = {**APART, "rsud": replace(NETWORK["rsud"], members=alone)}, leader()
    assert decide(exclude(OFFICER), referred(S.ACCEPTED), lead, network)
    takes_part = (consent(an_id("c")), *brought_to(S.REQUESTED, an_id("r")))
    with pytest.raises(Invalid, match="a supervisor"):
        decide(exclude(OFFICER), referred(S.ACCEPTED, *takes_part), lead, network)


def test_two_remain_of_the_lead_who_can_end_it() -> None:
    """Else one supervisor would exclude all others of the lead, and nobody could end that with them."""
    case, lead = referred(S.ACCEPTED), leader()
    with pytest.raises(Invalid, match="two people"):
        decide(exclude(OTHER_LEADER, "uptd-ppa"), case, lead, APART)
    three = {**APART, "uptd-ppa": replace(APART["uptd-ppa"], members={**LEADING, CHIEF: frozenset({Role.SUPERVISOR})})}
    assert decide(exclude(OTHER_LEADER, "uptd-ppa"), case, lead, {**three, "polres": NETWORK["polres"]})


def test_what_an_agency_placed_keeps_the_lead_from_excluding_nobody() -> None:
    """That two of an agency could not end an exclusion of its own any more: the lead ends any."""
    two = {
        CHIEF: frozenset({Role.SUPERVISOR}),
        DEPUTY: frozenset({Role.SUPERVISOR}),
        OFFICER: frozenset({Role.CASE_WORKER}),
    }
    network = {**APART, "polres": replace(NETWORK["polres"], members=two)}
    case = referred(S.ACCEPTED, excluded(OFFICER, placed_by="polres"))
    assert decide(exclude(CHIEF), case, leader(), network)


def test_who_is_excluded_has_taken_nothing() -> None:
    """An emergency that they took is for somebody else to take."""
    case = referred(S.ACCEPTED, on(OFFICER, referral=R1), on(COLLEAGUE), excluded(OFFICER))
    assert set(case.of(Staff).assigned) == {("polres", COLLEAGUE)}


@pytest.mark.parametrize("at", ["polres", "rsud"])
def test_who_has_the_role_of_a_machine_gives_it_up_first_at_whatever_agency(at: str) -> None:
    machine = {**APART[at].members, OFFICER: frozenset({Role.INTEGRATOR})}
    network = {**APART, at: replace(APART[at], members=machine)}
    with pytest.raises(Invalid, match="machine"):
        decide(exclude(OFFICER), referred(S.ACCEPTED), leader(), network)


def test_who_is_excluded_is_assigned_to_nothing() -> None:
    case = referred(S.ACCEPTED, excluded(OFFICER), excluded(COLLEAGUE, "uptd-ppa", id=an_id("other")))
    with pytest.raises(Invalid):
        done(say(AssignPerson, person=OFFICER, referral=R1), case, chief())
    with pytest.raises(Invalid):
        done(say(AssignCaseWorker, worker=COLLEAGUE), case, chief("uptd-ppa"))


def test_who_placed_it_and_the_lead_end_it_with_a_second_person_and_nobody_else() -> None:
    case = referred(S.ACCEPTED, excluded(OFFICER, placed_by="polres"))
    command = say(EndExclusion, exclusion=EXCLUSION, reason="r")
    for who in (chief(), chief("uptd-ppa")):
        (ended,) = done(command, case, who)
        assert isinstance(ended, ExclusionEnded)
        assert second_needed(command, case, who) is not None
    for agency in ("rsud", "dinsos"):
        with pytest.raises(Unknown):
            done(command, case, chief(agency))
    with pytest.raises(Unknown):
        done(command, referred(S.ACCEPTED, excluded(OFFICER)), chief())


def test_why_it_ended_is_sealed_as_why_it_began_is() -> None:
    """It can name her brother, and who he is to whom: an agency that is told that it ended is not told why."""
    assert {compartments_of(event)["reason"] for event in (PersonExcluded, ExclusionEnded)} == {Compartment.LEGAL}


def test_it_lasts_while_one_of_two_stands() -> None:
    both = (excluded(OFFICER, placed_by="polres"), excluded(OFFICER, id=an_id("other")))
    ended = say(
        ExclusionEnded, exclusion=EXCLUSION, person=OFFICER, member_of="polres", kind=AgencyKind.POLICE, reason="r"
    )
    assert referred(S.ACCEPTED, *both, ended).of(Staff).excluded == {OFFICER}
    assert referred(S.ACCEPTED, both[0], ended).of(Staff).excluded == frozenset()


def test_the_same_agency_excludes_somebody_once() -> None:
    with pytest.raises(AlreadyExists):
        decide(exclude(OFFICER), referred(S.ACCEPTED, excluded(OFFICER)), leader(), APART)


def test_their_agency_s_systems_are_told_where_it_may_know_the_case() -> None:
    for case, agency, told in ((referred(S.ACCEPTED), "polres", True), (referred(S.ACCEPTED), "disdik", False)):
        said = excluded(OFFICER, agency)
        assert (agency in THEIR_AGENCY.of(said, case)) is told
