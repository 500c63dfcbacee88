"""Erasure and the lifting of a hold: two people, no hold, nothing open; and what remains afterwards."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import given as each
from hypothesis import strategies as st
from msgspec.structs import replace
from story import (
    C1,
    CASE,
    HOLD,
    HOSPITAL,
    HOSPITAL_S_MACHINE,
    HOUR,
    LAWYER,
    LEAD,
    NETWORK,
    NOON,
    R1,
    SCHOOL,
    SUPERVISOR,
    SYSTEM,
    TRANSFER,
    act,
    an_id,
    broken_glass,
    consent,
    fitting,
    given,
    held,
    incident,
    opened,
    referred,
    say,
    the_case,
)

from rujukan.domain import erasure as r
from rujukan.domain import retention
from rujukan.domain.age_table import BEGINS
from rujukan.domain.case import Case, decide, evolve
from rujukan.domain.case.erasure import (
    ApproveErasure,
    CaseErased,
    Erasing,
    ErasureRefused,
    ErasureRequested,
    RefuseErasure,
    RequestErasure,
)
from rujukan.domain.case.glass import GlassBroken, GlassReviewed
from rujukan.domain.case.holds import HoldLifted, LiftLegalHold, PlaceLegalHold
from rujukan.domain.case.lead import LeadTransferAccepted, LeadTransferAsked
from rujukan.domain.case.lifecycle import CaseClosed, CaseReopened, ReopenCase
from rujukan.domain.case.notes import NoteRecorded
from rujukan.domain.casefile.holding import HoldPlaced
from rujukan.domain.codes import (
    AgeGroup,
    AgencyKind,
    CloseReason,
    ErasureBasis,
    GlassVerdict,
    HoldEnd,
    HoldKind,
    ReferralStatus,
    Role,
)
from rujukan.domain.compartment import ALL, Compartment
from rujukan.domain.disclosure import Written, audience, may_open
from rujukan.domain.fact import Act, Fact
from rujukan.domain.refusal import (
    AlreadyExists,
    AnotherPersonNeeded,
    HoldStands,
    Invalid,
    NotDueYet,
    NotForThisAgency,
    OpenReferrals,
    Refusal,
    Unknown,
)
from rujukan.domain.standing.reach import Reaches
from rujukan.infra.store.transcoder import to_segments, topic_of

ERASURE = an_id("erasure")
OFFICER = act("uptd-ppa", Role.DATA_PROTECTION_OFFICER)
EVERY = frozenset(w.word for w in Compartment)


def asking(**other: Any) -> RequestErasure:
    fields = {"erasure": ERASURE, "basis": ErasureBasis.SURVIVOR_REQUEST, "whole": True, "reason": "she asks"}
    return say(RequestErasure, **(fields | other))


def asked(by: Act = SUPERVISOR, of: frozenset[str] = EVERY, basis: Any = ErasureBasis.SURVIVOR_REQUEST) -> Fact:
    return say(ErasureRequested, erasure=ERASURE, compartments=of, basis=basis, asked_by=by.actor, reason="she asks")


def erased(of: frozenset[str] = EVERY) -> CaseErased:
    return say(CaseErased, erasure=ERASURE, compartments=of, requested_by=SUPERVISOR.actor, approved_by=OFFICER.actor)


def glass_of(agency: str, *compartments: str) -> GlassBroken:
    """Somebody of that agency opened these compartments in an emergency."""
    return broken_glass(agency, an_id("opener"), of=compartments, review_within=HOUR)


APPROVE = say(ApproveErasure, erasure=ERASURE)
REFUSE = say(RefuseErasure, erasure=ERASURE, reason="not now")
REFUSED = say(ErasureRefused, erasure=ERASURE, reason="not now")
PLACE = say(PlaceLegalHold, hold=HOLD, hold_kind=HoldKind.TRIAL, reason="a trial")
LIFT = say(LiftLegalHold, hold=HOLD, ended_by=HoldEnd.FINAL_JUDGMENT, rule="7/2026")
LIFTED = say(
    HoldLifted,
    hold=HOLD,
    holder="uptd-ppa",
    holder_kind=AgencyKind.LEAD,
    ended_by=HoldEnd.FINAL_JUDGMENT,
    rule="7/2026",
)
CLOSED = say(CaseClosed, reason=CloseReason.GOALS_MET)


# Two people --------------------------------------------------------------------------------------------------


def test_one_asks_and_another_erases() -> None:
    given(opened()).when(asking(), by=SUPERVISOR).then(asked())
    case = given(opened(), asked()).when(APPROVE, by=OFFICER).then(erased())
    assert case is not None
    assert (case.is_erased, case.of(Erasing).asked, case.erased) == (True, None, ALL)


@pytest.mark.parametrize("role", [Role.DATA_PROTECTION_OFFICER, Role.LEGAL_REVIEWER, Role.SUPERVISOR])
def test_who_asked_does_not_approve_in_whatever_role(role: Role) -> None:
    same = replace(SUPERVISOR, role=role)
    given(opened(), asked(SUPERVISOR)).when(APPROVE, by=same).refused(AnotherPersonNeeded)


def test_who_asked_does_not_approve_for_another_agency() -> None:
    elsewhere = replace(HOSPITAL, actor=SUPERVISOR.actor)
    given(*referred(ReferralStatus.COMPLETED), asked()).when(APPROVE, by=elsewhere).refused(NotForThisAgency)


@pytest.mark.parametrize("by", [SUPERVISOR, OFFICER], ids=["who asked", "another"])
def test_to_keep_things_one_person_is_enough(by: Act) -> None:
    case = given(opened(), asked()).when(REFUSE, by=by).then(REFUSED)
    assert case is not None
    assert case.of(Erasing).asked is None


# What stands against it --------------------------------------------------------------------------------------


def test_a_hold_stands_against_asking_and_against_approving() -> None:
    given(opened(), held()).when(asking(), by=SUPERVISOR).refused(HoldStands, holds=1)
    given(opened(), asked(), held()).when(APPROVE, by=OFFICER).refused(HoldStands, holds=1)
    given(opened(), asked(), held(), LIFTED).when(APPROVE, by=OFFICER).then(erased())


@pytest.mark.parametrize("status", [s for s in ReferralStatus if s.is_open])
def test_a_case_that_others_work_with_is_not_erased_whole(status: ReferralStatus) -> None:
    given(*referred(status)).when(asking(), by=SUPERVISOR).refused(OpenReferrals, referrals=[str(R1)])
    given(*referred(status), asked()).when(APPROVE, by=OFFICER).refused(OpenReferrals)
    part = asking(whole=False, compartments=frozenset({"economic"}))
    given(*referred(status)).when(part, by=SUPERVISOR).then(asked(of=frozenset({"economic"})))


def test_a_case_whose_lead_is_asked_for_is_not_erased() -> None:
    moving = say(LeadTransferAsked, transfer=TRANSFER, to="lbh", to_kind=AgencyKind.LEGAL_AID, reason="she moved")
    covers = consent(C1, to="lbh", of=("legal",))
    given(opened(), covers, moving).when(asking(), by=SUPERVISOR).refused(Invalid, field="transfer")


def test_an_emergency_opening_that_nobody_judged_keeps_the_whole_case() -> None:
    broken = glass_of("rsud", "health")
    verdict = {"verdict": GlassVerdict.JUSTIFIED, "remark": "seen", "reviewer": OFFICER.actor}
    judged = say(GlassReviewed, glass=broken.glass, **verdict)
    given(opened(), broken).when(asking(), by=SUPERVISOR).refused(Invalid, field="glasses")
    given(opened(), broken, judged).when(asking(), by=SUPERVISOR).then_only(ErasureRequested)


def test_what_the_former_leads_people_asked_ends_with_its_lead() -> None:
    moved = say(LeadTransferAccepted, transfer=TRANSFER, lead="lbh", lead_kind=AgencyKind.LEGAL_AID)
    given(opened(), asked(), moved).when(APPROVE, by=LAWYER).refused(Unknown, what="erasure")


@pytest.mark.parametrize("command", [asking(), APPROVE, REFUSE], ids=lambda command: type(command).__name__)
def test_only_the_lead_erases_and_to_strangers_there_is_no_case(command: Fact) -> None:
    given(*referred(ReferralStatus.COMPLETED), asked()).when(command, by=HOSPITAL).refused(NotForThisAgency)
    given(opened(), asked()).when(command, by=SCHOOL).refused(Unknown, what="case")


@pytest.mark.parametrize(
    ("whole", "compartments"), [(False, ()), (True, ("health",)), (False, ("coordination",)), (False, ("legal",))]
)
def test_what_is_to_go_is_said_plainly(whole: bool, compartments: Sequence[str]) -> None:
    command = asking(whole=whole, compartments=frozenset(compartments))
    given(opened()).when(command, by=SUPERVISOR).refused(Invalid, field="compartments")


def test_one_erasure_at_a_time_and_each_once() -> None:
    given(opened(), asked()).when(asking(erasure=an_id("second")), by=OFFICER).refused(AlreadyExists)
    given(opened(), asked(), REFUSED).when(asking(), by=OFFICER).refused(AlreadyExists)
    health = frozenset({"health"})
    again = asking(erasure=an_id("second"), whole=False, compartments=health)
    given(opened(), asked(of=health), erased(health)).when(again, by=SUPERVISOR).refused(AlreadyExists)
    given(opened(), asked()).when(replace(APPROVE, erasure=an_id("second")), by=OFFICER).refused(Unknown)


# Retention ---------------------------------------------------------------------------------------------------


def test_retention_is_a_ground_once_it_ended() -> None:
    kept = retention.CURRENT.rule_for(the_case(opened(), CLOSED)).keep
    over = asking(basis=ErasureBasis.RETENTION_ENDED)
    given(opened()).when(over, by=SUPERVISOR).refused(NotDueYet)
    early = replace(SUPERVISOR, at=NOON + kept - HOUR)
    given(opened(), CLOSED).when(over, by=early).refused(NotDueYet, due=(NOON + kept).isoformat())
    given(opened(), CLOSED).when(over, by=replace(SUPERVISOR, at=NOON + kept)).then_only(ErasureRequested)
    reopened = [CLOSED, say(CaseReopened, reason="again")]
    given(opened(), *reopened).when(over, by=replace(SUPERVISOR, at=NOON + kept)).refused(NotDueYet)


def test_every_case_that_ended_has_a_rule_and_children_are_kept_for_longer() -> None:
    def keep(age: AgeGroup, reason: CloseReason) -> timedelta:
        return retention.CURRENT.rule_for(the_case(opened(age=age), say(CaseClosed, reason=reason))).keep

    for reason in CloseReason:
        assert timedelta(0) < keep(AgeGroup.ADULT, reason) < keep(AgeGroup.ADOLESCENT, reason)
        assert keep(AgeGroup.ADOLESCENT, reason) < keep(AgeGroup.YOUNG_CHILD, reason)
    assert all(rule.source for rule in retention.CURRENT.rules)


def test_no_case_is_let_go_while_the_gravest_offence_can_be_prosecuted_counted_from_her_eighteenth_birthday() -> None:
    """Of each band the youngest counts, and of a band that says less exactly how old she is the youngest of that."""
    youngest = {**BEGINS, AgeGroup.YOUNG_CHILD: 0, AgeGroup.ADOLESCENT: 12}
    assert youngest.keys() == set(AgeGroup)
    for reason in CloseReason:
        for age, years in youngest.items():
            ended = the_case(opened(age=age), say(CaseClosed, reason=reason))
            due = retention.CURRENT.due(ended)
            assert due is not None
            assert due >= NOON + (max(0, 18 - years) + 20) * retention.YEAR


def test_no_schedule_lets_go_sooner_than_the_one_before() -> None:
    for before, now in pairwise(retention.SCHEDULES.values()):
        for age, reason in product(AgeGroup, CloseReason):
            case = the_case(opened(age=age), say(CaseClosed, reason=reason))
            assert now.rule_for(case).keep >= before.rule_for(case).keep


# Afterwards --------------------------------------------------------------------------------------------------


def test_an_erased_case_is_known_to_nobody() -> None:
    for command in (
        asking(erasure=an_id("second")),
        PLACE,
        say(ReopenCase, reason="x"),
    ):
        given(opened(), asked(), erased()).when(command, by=SUPERVISOR).refused(Unknown, what="case")


def written(*events: Fact, author: str = "uptd-ppa") -> list[Written]:
    """The events as they stand in the log, written by that agency."""
    return [
        Written(
            n,
            CASE,
            n,
            topic_of(event),
            event,
            frozenset(to_segments(event)),
            author,
            LEAD.actor,
            NOON,
            an_id("correlation"),
        )
        for n, event in enumerate(events, 1)
    ]


def test_what_was_erased_is_told_to_nobody_any_more() -> None:
    story = written(opened(), consent(to="rsud", of=("incident", "health")), incident())
    case = the_case(*(w.event for w in story), asked(of=frozenset({"incident"})), erased(frozenset({"incident"})))
    gone = {Compartment.INCIDENT}
    for agency in ("uptd-ppa", "rsud"):
        kind = NETWORK[agency].kind
        assert not audience(case, story[2], agency, kind, NOON) & gone
        assert not may_open(Reaches(case, NOON), story[2], ALL, agency, kind) & gone
    whole = evolve(evolve(case, asked()), erased())
    assert all(not audience(whole, w, "uptd-ppa", AgencyKind.LEAD, NOON) for w in story)


def recorded_of(compartments: frozenset[str], *story: Fact, told: Iterable[str] = ()) -> Sequence[Fact]:
    before = the_case(*story, asked(of=compartments))
    return r.record(CASE, erased(compartments), before, told, OFFICER, NETWORK)


def test_the_record_names_what_who_and_when() -> None:
    (record,) = recorded_of(EVERY, *referred(ReferralStatus.COMPLETED), incident())
    assert record == say(
        r.ErasureRecorded,
        erasure=ERASURE,
        case=CASE,
        version=11,
        compartments=EVERY,
        basis=ErasureBasis.SURVIVOR_REQUEST,
        lead="uptd-ppa",
        requested_by=SUPERVISOR.actor,
        requested_at=NOON,
        approved_by=OFFICER.actor,
    )


def test_each_agency_that_was_told_is_asked_once() -> None:
    recorded = recorded_of(EVERY, opened(), glass_of("lbh", "health"), told=["rsud", "nobody of the network"])
    common = {"erasure": ERASURE, "case": CASE, "compartments": EVERY}
    assert recorded[1:] == [say(r.DeletionAsked, **common, agency=agency) for agency in ("lbh", "rsud")]
    asking = r.ask(_asked(*recorded), ["uptd-ppa", "rsud", "lbh"], SYSTEM)
    assert asking == [say(r.DeletionAsked, **common, agency="uptd-ppa")]
    assert r.ask(_asked(*recorded, *asking), ["uptd-ppa", "rsud", "lbh"], SYSTEM) == []


def _asked(*events: Fact) -> r.Asked:
    found = r.fold(events)
    assert found is not None
    return found


def test_who_could_open_it_in_an_emergency_is_asked_too() -> None:
    broken = glass_of("lbh", "health")
    for gone, expected in (("health", ["lbh"]), ("safety", [])):
        note = say(NoteRecorded, note=an_id("note"), health="of health")
        _, *deletions = recorded_of(frozenset({gone}), opened(), note, broken)
        assert [d.agency for d in deletions if isinstance(d, r.DeletionAsked)] == expected


def test_an_agency_that_was_asked_acknowledges_once() -> None:
    events = recorded_of(EVERY, *referred(ReferralStatus.COMPLETED), told=["rsud"])
    command = say(r.AcknowledgeErasure, erasure=ERASURE)
    (done,) = r.acknowledge(command, r.fold(events), HOSPITAL_S_MACHINE)
    assert done == say(r.ErasureAcknowledged, erasure=ERASURE, case=CASE, agency="rsud")
    after = r.fold([*events, done])
    assert after is not None
    assert (after.version, after.acknowledged) == (len(events) + 1, {"rsud"})
    with pytest.raises(AlreadyExists):
        r.acknowledge(command, after, HOSPITAL_S_MACHINE)
    for asked_of in (None, after):
        with pytest.raises(Unknown):
            r.acknowledge(command, asked_of, fitting(command, SCHOOL))


@each(st.lists(st.tuples(st.sampled_from(["asked", "says so"]), st.sampled_from(["rsud", "lbh"])), max_size=8))
def test_who_is_asked_for_more_has_not_deleted_it_yet(story: list[tuple[str, str]]) -> None:
    events = [*recorded_of(EVERY, opened(), told=[])]
    last: dict[str, str] = {}
    common = {"erasure": ERASURE, "case": CASE}
    for what, agency in story:
        if what == "asked":
            events.append(say(r.DeletionAsked, **common, agency=agency, compartments=EVERY))
        elif agency in last:
            events.append(say(r.ErasureAcknowledged, **common, agency=agency))
        else:
            continue
        last[agency] = what
    after = _asked(*events)
    assert after.acknowledged == {agency for agency, what in last.items() if what == "says so"}
    by = replace(HOSPITAL, role=Role.DATA_PROTECTION_OFFICER)
    match last.get("rsud"):
        case "asked":
            assert r.acknowledge(say(r.AcknowledgeErasure, erasure=ERASURE), after, by)
        case "says so":
            with pytest.raises(AlreadyExists):
                r.acknowledge(say(r.AcknowledgeErasure, erasure=ERASURE), after, by)


# Whatever is tried -------------------------------------------------------------------------------------------

PEOPLE = [SUPERVISOR, OFFICER, act("uptd-ppa", Role.LEGAL_REVIEWER), replace(OFFICER, role=Role.SUPERVISOR)]
TRIED = [
    asking(),
    asking(erasure=an_id("part"), whole=False, compartments=frozenset({"health"})),
    APPROVE,
    say(ApproveErasure, erasure=an_id("part")),
    REFUSE,
    PLACE,
    replace(PLACE, hold=an_id("another hold")),
    LIFT,
    replace(LIFT, hold=an_id("another hold")),
]


@each(st.lists(st.tuples(st.sampled_from(TRIED), st.sampled_from(PEOPLE)), max_size=14))
def test_nothing_is_erased_but_by_two_people_and_nothing_under_a_hold(
    tried: list[tuple[Fact, Act]],
) -> None:
    """The account is kept from the events alone: who asked last, and which holds stand."""
    case: Case | None = the_case(opened())
    holds, asked_erasure = set(), None
    for command, by in tried:
        try:
            (event,) = decide(command, case, by, NETWORK)
        except Refusal:
            continue
        match event:
            case HoldPlaced():
                assert event.hold not in holds
                holds.add(event.hold)
            case HoldLifted():
                holds.remove(event.hold)
            case ErasureRequested():
                assert not holds
                asked_erasure = by.actor
            case CaseErased():
                assert not holds
                assert (event.requested_by, event.approved_by) == (asked_erasure, by.actor)
                assert event.requested_by != event.approved_by
        case = evolve(case, event)
