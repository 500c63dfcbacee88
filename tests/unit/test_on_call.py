"""An emergency is always somebody's: every state of a referral, by who of its recipient has it, or is gone."""

from collections.abc import Mapping
from itertools import product
from typing import Any

import pytest
from msgspec.structs import replace
from story import NETWORK, R1, R2, SYSTEM, act, an_id, brought_to, consent, moved, opened, say, the_case

from rujukan.domain.case import Case, decide
from rujukan.domain.case.departing import AssignmentLapsed, LapseAssignment
from rujukan.domain.case.fulfilment import (
    AcceptReferral,
    ReceiveReferral,
    RejectReferral,
    ResumeReferral,
    StartReferral,
)
from rujukan.domain.case.staffing import AssignmentEnded, AssignPerson, PersonExcluded
from rujukan.domain.casefile.assigning import PersonAssigned
from rujukan.domain.casefile.evolving import fold_log, said
from rujukan.domain.casefile.staff import Staff
from rujukan.domain.codes import AgencyKind, NeedToKnow, ReferralStatus, RejectReason, Role, Service, Urgency
from rujukan.domain.fact import Act, ActorId, Fact
from rujukan.domain.refusal import NotAMember, NotForThisRole, Refusal, WrongMove

S = ReferralStatus
NURSE, COLLEAGUE, ASLEEP = (ActorId(an_id(who)) for who in ("nurse", "colleague", "asleep"))


def assigned(who: ActorId, referral: Any = R1) -> tuple[Fact, str]:
    return say(PersonAssigned, person=who, agency="rsud", referral=referral), "rsud"


def excluded(by: str) -> list[tuple[Fact, str]]:
    of = {"person": NURSE, "member_of": "rsud", "kind": AgencyKind.HEALTH, "placed_by": by, "reason": "r"}
    return [assigned(NURSE), (say(PersonExcluded, exclusion=an_id("exclusion"), **of), by)]


LEFT = say(AssignmentLapsed, person=NURSE, agency="rsud", kind=AgencyKind.HEALTH), "uptd-ppa"
ENDED = say(AssignmentEnded, person=NURSE, agency="rsud"), "rsud"
WHO: Mapping[str, list[Any]] = {
    "nobody yet": [],
    "somebody": [assigned(NURSE)],
    "of the case": [assigned(NURSE, None)],
    "who left": [assigned(NURSE), LEFT],
    "who is excluded, by their agency": excluded("rsud"),
    "who is excluded, by the lead": excluded("uptd-ppa"),
    "who is assigned no more": [assigned(NURSE), ENDED],
    "one of two who left": [assigned(NURSE), assigned(COLLEAGUE), LEFT],
    "who left, and is back": [assigned(NURSE), LEFT, assigned(NURSE)],
}
ON_CALL = """
                                  requested  received  accepted  in-progress  on-hold
nobody yet                        all        all       all       emergency    emergency
somebody                          emergency  none      none      none         none
of the case                       all        all       all       emergency    emergency
who left                          all        all       all       emergency    emergency
who is excluded, by their agency  all        all       all       emergency    emergency
who is excluded, by the lead      all        all       all       emergency    emergency
who is assigned no more           all        all       all       emergency    emergency
one of two who left               emergency  none      none      none         none
who left, and is back             emergency  none      none      none         none
"""
"""Who has the referral; then, by its state: whether whoever is there may take it, of every urgency (all), of an
emergency alone, or of none. What is not begun waits for everybody; what is, and is no emergency, for a supervisor."""
CELLS = [
    (line[:34].strip(), S(state), cell)
    for line in ON_CALL.strip("\n").splitlines()[1:]
    for state, cell in zip(ON_CALL.split("\n")[1].split(), line[34:].split(), strict=True)
]
MOVES: dict[S, list[Fact]] = {
    S.REQUESTED: [say(ReceiveReferral, referral=R1)],
    S.RECEIVED: [say(AcceptReferral, referral=R1), say(RejectReferral, referral=R1, reason=RejectReason.NO_CAPACITY)],
    S.ACCEPTED: [say(StartReferral, referral=R1)],
}
TAKE = say(AssignPerson, person=ASLEEP, referral=R1)


def case_of(who: str, state: S, urgency: Urgency) -> Case:
    return the_case(opened(), consent(), *brought_to(state, urgency=urgency), *WHO[who])


def whoever_is_there(who: ActorId = ASLEEP, role: Role = Role.CASE_WORKER) -> Act:
    return replace(act("rsud", role), actor=who, need_to_know=NeedToKnow.ASSIGNED)


HOSPITAL = {**NETWORK, "rsud": replace(NETWORK["rsud"], members={
    who: frozenset({Role.CASE_WORKER}) for who in (NURSE, COLLEAGUE, ASLEEP)
})}  # fmt: skip


def can(command: Fact, case: Case, by: Act) -> bool:
    try:
        decide(command, case, by, HOSPITAL)
    except Refusal:
        return False
    return True


def test_the_matrix_is_of_every_state_in_which_a_referral_is_somebody_s() -> None:
    assert {state for _, state, _ in CELLS} == {s for s in S if s.is_open and s is not S.DRAFT}
    assert {who for who, _, _ in CELLS} == WHO.keys()


@pytest.mark.parametrize(("who", "state", "cell"), CELLS, ids=lambda v: str(getattr(v, "value", v)))
def test_who_is_there_takes_what_nobody_has(who: str, state: S, cell: str) -> None:
    for urgency in Urgency:
        case = case_of(who, state, urgency)
        waits = cell == "all" or (cell == "emergency" and urgency is Urgency.EMERGENCY)
        assert (urgency, case.of(Staff).waiting(case, "rsud")) == (urgency, waits)
        is_emergency = urgency is Urgency.EMERGENCY
        takes = [*MOVES.get(state, []), *([TAKE] if is_emergency else [])]
        for command in takes:
            assert (urgency, command, can(command, case, whoever_is_there())) == (urgency, command, waits)
        assert is_emergency or not can(TAKE, case, whoever_is_there()), "what is no emergency is received, or accepted"
        if not waits:
            continue
        for command in [*MOVES.get(state, [])[:1], *([TAKE] if is_emergency else [])]:
            after = fold_log(said(decide(command, case, whoever_is_there(), HOSPITAL), "rsud"), case)
            assert after is not None
            heard = command is not TAKE or state is not S.REQUESTED or urgency is not Urgency.EMERGENCY
            assert after.of(Staff).waiting(after, "rsud") is not heard, "theirs, once a person said so"
            assert ("rsud", ASLEEP) in after.of(Staff).assigned


@pytest.mark.parametrize("urgency", list(Urgency))
@pytest.mark.parametrize("who", [*WHO])
def test_what_was_held_before_work_began_waits_like_what_was_accepted(who: str, urgency: Urgency) -> None:
    """Else its recipient's system, which holds it, would take it from whoever is there."""
    accepted, hold = case_of(who, S.ACCEPTED, urgency), moved(S.ON_HOLD)
    case = fold_log(said([hold], "rsud"), accepted)
    assert case is not None
    assert case.of(Staff).waiting(case, "rsud") is accepted.of(Staff).waiting(accepted, "rsud")
    resume = say(ResumeReferral, referral=R1)
    assert can(resume, case, whoever_is_there()) is case.of(Staff).waiting(case, "rsud")
    if case.of(Staff).waiting(case, "rsud"):
        after = fold_log(said(decide(resume, case, whoever_is_there(), HOSPITAL), "rsud"), case)
        assert after is not None
        assert after.referrals[R1].status is S.ACCEPTED
        assert not after.of(Staff).waiting(after, "rsud"), "who resumes it has it"


@pytest.mark.parametrize(("state", "urgency"), [*product((s for s in S if s.is_open and s is not S.DRAFT), Urgency)])
def test_who_is_excluded_is_not_on_call(state: S, urgency: Urgency) -> None:
    case = case_of("who is excluded, by the lead", state, urgency)
    for command in [*MOVES.get(state, []), replace(TAKE, person=NURSE), TAKE]:
        assert not can(command, case, whoever_is_there(NURSE))


def test_who_is_there_takes_it_themselves_and_hands_it_to_nobody() -> None:
    case = case_of("who left", S.IN_PROGRESS, Urgency.EMERGENCY)
    assert can(TAKE, case, whoever_is_there())
    assert not can(replace(TAKE, person=COLLEAGUE), case, whoever_is_there())


@pytest.mark.parametrize("urgency", list(Urgency))
@pytest.mark.parametrize(("theirs", "came"), list(product((s for s in S if s.is_open and s is not S.DRAFT), repeat=2)))
def test_what_waits_lets_nobody_take_a_colleague_s_referral_nor_the_case(theirs: S, came: S, urgency: Urgency) -> None:
    """Each time that something comes in, whoever likes would else read all that the agency may open."""
    log = [opened(), consent(), *brought_to(theirs), assigned(NURSE)]
    case = the_case(*log, *brought_to(came, R2, urgency=urgency, service=Service.FORENSIC))
    nosy = whoever_is_there()
    for command in [*MOVES.get(theirs, []), TAKE, replace(TAKE, referral=None)]:
        assert not can(command, case, nosy)
    case = the_case(*log, *brought_to(came, R2, urgency=urgency, service=Service.FORENSIC), assigned(COLLEAGUE, R2))
    for referral, person in product((R1, None), (COLLEAGUE, ASLEEP)):
        assert not can(replace(TAKE, referral=referral, person=person), case, whoever_is_there(COLLEAGUE))
    assert can(replace(TAKE, referral=R2), case, whoever_is_there(COLLEAGUE)), "who has it calls another to it"


@pytest.mark.parametrize("urgency", list(Urgency))
def test_what_a_machine_alone_began_waits_for_somebody_until_they_have_it(urgency: Urgency) -> None:
    case = case_of("nobody yet", S.ACCEPTED, urgency)
    machine = act("rsud", Role.INTEGRATOR)
    began = fold_log(said(decide(MOVES[S.ACCEPTED][0], case, machine, HOSPITAL), "rsud"), case)
    assert began is not None
    assert began.referrals[R1].status is S.IN_PROGRESS
    assert began.of(Staff).waiting(began, "rsud")
    has_it = fold_log(said([assigned(NURSE)[0]], "rsud"), began)
    assert has_it is not None
    assert not has_it.of(Staff).waiting(has_it, "rsud")


def test_who_may_not_move_a_referral_does_not_have_it() -> None:
    """A legal reviewer reads; an emergency that one of them had would be on call for nobody."""
    lawyers = {**HOSPITAL["rsud"].members, COLLEAGUE: frozenset({Role.LEGAL_REVIEWER})}
    network = {**HOSPITAL, "rsud": replace(HOSPITAL["rsud"], members=lawyers)}
    case, chief = case_of("nobody yet", S.IN_PROGRESS, Urgency.EMERGENCY), act("rsud", Role.SUPERVISOR)
    with pytest.raises(NotAMember):
        decide(replace(TAKE, person=COLLEAGUE), case, chief, network)
    assert decide(replace(TAKE, person=COLLEAGUE, referral=None), case, chief, network)


@pytest.mark.parametrize("who", [*WHO])
def test_no_machine_s_word_ends_that_an_emergency_is_on_call(who: str) -> None:
    """Whatever a machine may do from whatever state: it says that it was delivered, and a person that they have it; so
    does the system not say it, which receives for the people of a log that is imported."""
    for state in (s for s in S if s.is_open and s is not S.DRAFT):
        case = case_of(who, state, Urgency.EMERGENCY)
        before = case.of(Staff).waiting(case, "rsud")
        for role, command in product((Role.INTEGRATOR, Role.SYSTEM), MOVES.get(state, [])):
            by = whoever_is_there(ActorId(an_id("a machine")), role)
            try:
                events = decide(command, case, by, HOSPITAL)
            except NotForThisRole:
                continue
            after = fold_log(said(events, "rsud"), case)
            assert after is not None
            open_still = after.referrals[R1].status.is_open
            assert not before or not open_still or after.of(Staff).waiting(after, "rsud")


@pytest.mark.parametrize("who", ["nobody yet", "somebody", "of the case"])
def test_what_the_system_received_waits_until_a_person_says_that_they_have_it(who: str) -> None:
    """Also who was assigned before: they may be asleep. Afterwards it is theirs."""
    case = case_of(who, S.REQUESTED, Urgency.EMERGENCY)
    system = whoever_is_there(ActorId(an_id("the system")), Role.SYSTEM)
    for command in (say(ReceiveReferral, referral=R1), say(AcceptReferral, referral=R1)):
        case = fold_log(said(decide(command, case, system, HOSPITAL), "rsud"), case) or case
        assert case.of(Staff).waiting(case, "rsud")
    for command in (say(StartReferral, referral=R1), TAKE, replace(TAKE, person=NURSE)):
        has_it = whoever_is_there(command.person if isinstance(command, AssignPerson) else NURSE)
        after = fold_log(said(decide(command, case, has_it, HOSPITAL), "rsud"), case)
        assert after is not None
        assert not after.of(Staff).waiting(after, "rsud")


@pytest.mark.parametrize("referral", [R1, None])
def test_who_became_a_legal_reviewer_has_a_referral_no_more_and_may_be_on_the_case(referral: Any) -> None:
    """One administrator makes its only worker a legal reviewer: nobody would have it, and it would be on call for
    nobody."""
    reviews = {**HOSPITAL["rsud"].members, NURSE: frozenset({Role.LEGAL_REVIEWER})}
    network = {**HOSPITAL, "rsud": replace(HOSPITAL["rsud"], members=reviews)}
    case = the_case(
        opened(), consent(), *brought_to(S.IN_PROGRESS, urgency=Urgency.EMERGENCY), assigned(NURSE, referral)
    )
    lapse = say(LapseAssignment, person=NURSE, agency="rsud")
    if referral is None:
        with pytest.raises(WrongMove):
            decide(lapse, case, SYSTEM, network)
        return
    after = fold_log(said(decide(lapse, case, SYSTEM, network), "uptd-ppa"), case)
    assert after is not None
    assert after.of(Staff).waiting(after, "rsud")
