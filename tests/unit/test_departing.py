"""Somebody who left their agency works on its cases no more: what they had taken is on call again."""

from typing import Any

import pytest
from msgspec.structs import replace
from story import (
    NETWORK,
    NOON,
    R1,
    SYSTEM,
    WORKER,
    act,
    an_id,
    brought_to,
    consent,
    given,
    opened,
    say,
    the_case,
    written,
)

from rujukan.domain.agency_state import Agency
from rujukan.domain.case import decide
from rujukan.domain.case.departing import AssignmentLapsed, LapseAssignment
from rujukan.domain.case.fulfilment import AcceptReferral, ReceiveReferral, ReferralReceived
from rujukan.domain.case.lead import CaseWorkerAssigned
from rujukan.domain.casefile.assigning import PersonAssigned
from rujukan.domain.casefile.staff import Accompanying, Staff, workers
from rujukan.domain.casefile.state import Case
from rujukan.domain.codes import AgencyKind, NeedToKnow, ReferralStatus, Role, Urgency
from rujukan.domain.custody import custody
from rujukan.domain.fact import Act, ActorId, Fact
from rujukan.domain.refusal import Unknown, WrongMove

S = ReferralStatus
NURSE, COLLEAGUE = ActorId(an_id("nurse")), ActorId(an_id("colleague"))
LAPSE = say(LapseAssignment, person=NURSE, agency="rsud")
LAPSED = say(AssignmentLapsed, person=NURSE, agency="rsud", kind=AgencyKind.HEALTH)


def hospital(**members: Role) -> dict[str, Agency]:
    """The network, with these members of the hospital."""
    people = {ActorId(an_id(who)): frozenset({role}) for who, role in members.items()}
    return {**NETWORK, "rsud": replace(NETWORK["rsud"], members=people, need_to_know=NeedToKnow.ASSIGNED)}


def taken(status: S = S.RECEIVED) -> list[Any]:
    """A referral that the nurse took in the night."""
    assigned = say(PersonAssigned, person=NURSE, agency="rsud", referral=R1), "rsud"
    return [opened(), consent(), *brought_to(status), assigned]


def by(who: ActorId) -> Act:
    return replace(act("rsud"), actor=who, need_to_know=NeedToKnow.ASSIGNED)


def can(command: Fact, case: Case, who: ActorId) -> bool:
    try:
        decide(command, case, by(who), hospital())
    except Unknown:
        return False
    return True


@pytest.mark.parametrize(
    ("status", "next"), [(S.REQUESTED, ReceiveReferral), (S.RECEIVED, AcceptReferral)], ids=["sent", "received"]
)
def test_what_who_left_had_taken_is_on_call_again(status: S, next: type[Fact]) -> None:
    before = the_case(*taken(status))
    assert not can(say(next, referral=R1), before, COLLEAGUE), "as it is not theirs"
    case = given(*taken(status)).when(LAPSE, by=SYSTEM, network=hospital()).then(LAPSED)
    assert case is not None
    assert case.of(Staff).waiting(case, "rsud")
    assert can(say(next, referral=R1), case, COLLEAGUE)


@pytest.mark.parametrize("role", [Role.CASE_WORKER, Role.SUPERVISOR])
def test_who_is_there_stays_assigned(role: Role) -> None:
    given(*taken()).when(LAPSE, by=SYSTEM, network=hospital(nurse=role)).refused(WrongMove, move="lapse")


@pytest.mark.parametrize("role", [Role.AGENCY_ADMINISTRATOR, Role.LEGAL_REVIEWER])
def test_who_has_another_role_now_has_left_the_work(role: Role) -> None:
    given(*taken()).when(LAPSE, by=SYSTEM, network=hospital(nurse=role)).then(LAPSED)


def test_it_is_recorded_once_and_of_nobody_who_was_never_assigned() -> None:
    given(*taken(), LAPSED).when(LAPSE, by=SYSTEM, network=hospital()).refused(WrongMove)
    given(opened()).when(LAPSE, by=SYSTEM, network=hospital()).refused(WrongMove)


def test_who_accompanied_her_and_left_accompanies_her_no_more() -> None:
    gone = {**NETWORK, "uptd-ppa": replace(NETWORK["uptd-ppa"], members={})}
    lapse = say(LapseAssignment, person=WORKER, agency="uptd-ppa")
    case = (
        given(opened(), say(CaseWorkerAssigned, worker=WORKER))
        .when(lapse, by=SYSTEM, network=gone)
        .then_only(AssignmentLapsed)
    )
    assert case.of(Accompanying).worker is None
    assert workers(case) == frozenset()
    lapsed = say(AssignmentLapsed, person=WORKER, agency="uptd-ppa", kind=NETWORK["uptd-ppa"].kind)
    told = [written(n, e) for n, e in enumerate([opened(), say(CaseWorkerAssigned, worker=WORKER), lapsed], 1)]
    assert custody(told, NOON).accompanied[-1].until == told[-1].at


def test_others_stay_assigned() -> None:
    both = [*taken(), (say(PersonAssigned, person=COLLEAGUE, agency="rsud"), "rsud")]
    elsewhere = (say(PersonAssigned, person=NURSE, agency="uptd-ppa"), "uptd-ppa")
    case = given(*both, elsewhere).when(LAPSE, by=SYSTEM, network=hospital()).then(LAPSED)
    assert case is not None
    assert workers(case) == {("rsud", COLLEAGUE), ("uptd-ppa", NURSE)}


@pytest.mark.parametrize("urgency", list(Urgency))
def test_an_emergency_is_on_call_until_somebody_says_that_they_have_it(urgency: Urgency) -> None:
    assigned = say(PersonAssigned, person=NURSE, agency="rsud", referral=R1), "rsud"
    sent = [opened(), consent(), *brought_to(S.REQUESTED, urgency=urgency), assigned]
    receives = say(ReceiveReferral, referral=R1)
    assert can(receives, the_case(*sent), COLLEAGUE) is (urgency is Urgency.EMERGENCY)
    received = the_case(*sent, (say(ReferralReceived, referral=R1), "rsud"))
    assert not can(say(AcceptReferral, referral=R1), received, COLLEAGUE)
    assert can(say(AcceptReferral, referral=R1), received, NURSE)
