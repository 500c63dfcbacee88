"""A referral is amended by its sender: more urgent, or more shared; never less, and never past consent or reach."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from story import (
    HOSPITAL,
    HOUR,
    LEAD,
    NOON,
    POLICE,
    R1,
    an_id,
    brought_to,
    consent,
    given,
    later,
    opened,
    referred,
    say,
    the_case,
    withdrawn,
    written,
)

from rujukan.domain.case.amending import AmendReferral, ReferralAmended
from rujukan.domain.case.assessments import SafetyPlanAgreed
from rujukan.domain.codes import ReferralStatus, Urgency
from rujukan.domain.compartment import Compartment
from rujukan.domain.custody import custody
from rujukan.domain.disclosure import Knowledge
from rujukan.domain.fact import Fact
from rujukan.domain.pathways import CURRENT
from rujukan.domain.refusal import BeyondReach, ConsentMissing, Invalid, NotForThisAgency, Unknown

S, U = ReferralStatus, Urgency
RAISE = say(AmendReferral, referral=R1, raised_to=U.EMERGENCY)
SHARE = say(AmendReferral, referral=R1, adds=frozenset({"safety"}))


def watched(status: S, urgency: U, **of: Any) -> list[Fact]:
    first, *others = referred(status, urgency=urgency, **of)
    return [replace(first, pathway=CURRENT.version), *others]


@pytest.mark.parametrize("status", [s for s in S if s.is_open])
def test_it_becomes_more_urgent_in_every_open_state(status: S) -> None:
    events = watched(status, U.ROUTINE)
    case = given(*events).when(RAISE, by=LEAD).then_only(ReferralAmended)
    assert case.referrals[R1].urgency is U.EMERGENCY
    assert case.referrals[R1].status is status
    if status in CURRENT.stages:
        assert case.referrals[R1].acts_by == NOON + CURRENT.stages[status][U.EMERGENCY]


def test_it_is_answered_sooner_and_not_later() -> None:
    sooner = say(ReferralAmended, referral=R1, raised_to=U.EMERGENCY, due_at=NOON + CURRENT.answers[U.EMERGENCY])
    given(*watched(S.REQUESTED, U.URGENT)).when(RAISE, by=LEAD).then(sooner)
    late = timedelta(hours=23, minutes=30)
    before = the_case(*watched(S.REQUESTED, U.URGENT)).referrals[R1].due_at
    raised_late = given(*watched(S.REQUESTED, U.URGENT)).when(RAISE, by=later(LEAD, late))
    assert raised_late.then_only(ReferralAmended).referrals[R1].due_at == before


def test_it_never_becomes_less_urgent() -> None:
    for urgency in (U.ROUTINE, U.URGENT):
        lower = say(AmendReferral, referral=R1, raised_to=urgency)
        given(*watched(S.ACCEPTED, U.URGENT)).when(lower, by=LEAD).refused(Invalid, field="raised_to")


def test_more_is_shared_where_she_agreed_to_that() -> None:
    agreed = [opened(), consent(of=("identity", "safety")), *brought_to(S.ACCEPTED, of=("identity",))]
    case = given(*agreed).when(SHARE, by=LEAD).then_only(ReferralAmended)
    assert Compartment.SAFETY in case.referrals[R1].compartments
    given(*agreed, withdrawn()).when(SHARE, by=LEAD).refused(ConsentMissing)
    narrow = [opened(), consent(of=("identity",)), *brought_to(S.ACCEPTED, of=("identity",))]
    given(*narrow).when(SHARE, by=LEAD).refused(ConsentMissing, compartments={"safety"})


def test_who_does_not_lead_shares_no_more_than_it_may_open() -> None:
    events = [
        opened(),
        consent(to=("rsud", "psikolog"), of=("identity", "safety")),
        say(SafetyPlanAgreed, plan="stay with her aunt"),
        *brought_to(S.ACCEPTED, an_id("to rsud"), of=("identity",)),
        *brought_to(S.ACCEPTED, R1, sender="rsud", to="psikolog", of=("identity",)),
    ]
    given(*events).when(SHARE, by=HOSPITAL).refused(BeyondReach, compartments={"safety"})


def test_who_is_sent_more_is_told_what_was_said_before() -> None:
    events = [
        opened(),
        consent(of=("identity", "safety")),
        say(SafetyPlanAgreed, plan="stay with her aunt"),
        *brought_to(S.ACCEPTED, of=("identity",)),
    ]
    knows = Knowledge()
    told = [each for n, e in enumerate(events, 1) for each in knows.follow(written(n, e))]
    assert not [t for t in told if t.agency == "rsud" and isinstance(t.of.event, SafetyPlanAgreed)]
    amended = say(ReferralAmended, referral=R1, adds=frozenset({"safety"}))
    now = knows.follow(written(len(events) + 1, amended))
    (plan,) = [t for t in now if t.agency == "rsud" and isinstance(t.of.event, SafetyPlanAgreed)]
    assert Compartment.SAFETY in plan.compartments


def test_nothing_is_amended_by_saying_nothing_new() -> None:
    again = say(AmendReferral, referral=R1, adds=frozenset({"identity"}))
    given(*watched(S.ACCEPTED, U.URGENT, of=("identity",))).when(again, by=LEAD).refused(Invalid, field="adds")


def test_only_its_sender_amends_it() -> None:
    given(*watched(S.ACCEPTED, U.URGENT)).when(RAISE, by=HOSPITAL).refused(NotForThisAgency)
    given(*watched(S.ACCEPTED, U.URGENT)).when(RAISE, by=POLICE).refused(Unknown)


def test_custody_counts_from_the_time_that_was_amended() -> None:
    amended = say(ReferralAmended, referral=R1, raised_to=U.EMERGENCY, due_at=NOON + HOUR)
    log = [written(n, e) for n, e in enumerate([*watched(S.REQUESTED, U.URGENT), amended], 1)]
    (ran,) = [r for r in custody(log, NOON + 2 * HOUR).clocks if r.referral == R1]
    assert (ran.due_at, ran.breached_at) == (NOON + HOUR, NOON + HOUR)
