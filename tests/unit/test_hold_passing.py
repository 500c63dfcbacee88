"""The proceedings' hold goes where the case goes, and comes back the same way: over any number of steps."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from story import (
    NETWORK,
    NOON,
    R1,
    act,
    an_id,
    brought_to,
    consent,
    held,
    moved,
    opened,
    say,
    sent,
    the_case,
    withdrawn,
)

from rujukan.domain.agency_state import Agency
from rujukan.domain.case import Case, decide
from rujukan.domain.case.consents import WithdrawConsent
from rujukan.domain.case.fulfilment import AcceptReferral, RejectReferral
from rujukan.domain.case.proceedings import HoldPassed
from rujukan.domain.case.referrals import CancelReferral, ReferralDrafted
from rujukan.domain.casefile.evolving import fold_log, said
from rujukan.domain.codes import AgencyKind, HoldKind, Purpose, ReferralStatus, RejectReason, Role, Service, Urgency
from rujukan.domain.fact import Act, Fact

S = ReferralStatus
LONGEST = 6
COURTS = [f"court-{n}" for n in range(LONGEST)]
WAY = ["polres", *COURTS]
OF_COURTS = {
    code: Agency(code, AgencyKind.JUSTICE, code, 1, services=frozenset({Service.LAW_ENFORCEMENT})) for code in COURTS
}
THEIRS = an_id("the hold of the police")


def step(n: int) -> Any:
    return an_id(f"step {n}")


def sent_on(n: int) -> list[tuple[Fact, str]]:
    """The n-th of the way sends it to the next, which received it."""
    kinds = {"sender_kind": AgencyKind.POLICE if n == 0 else AgencyKind.JUSTICE, "recipient_kind": AgencyKind.JUSTICE}
    of = {
        "recipient": WAY[n + 1],
        "service": Service.LAW_ENFORCEMENT,
        "urgency": Urgency.URGENT,
        "purpose": Purpose.LEGAL,
    }
    draft = say(ReferralDrafted, referral=step(n), sender=WAY[n], **kinds, **of, compartments=frozenset({"incident"}))
    return [(event, WAY[n]) for event in (draft, sent(step(n)), moved(S.RECEIVED, step(n)))]


def by(agency: str, role: Role = Role.CASE_WORKER) -> Act:
    kind = AgencyKind.POLICE if agency == "polres" else AgencyKind.JUSTICE
    return Act(actor=an_id(agency), agency=agency, kind=kind, role=role, purpose=Purpose.LEGAL, at=NOON)


def goes(case: Case, command: Fact, who: Act) -> Case:
    after = fold_log(said(decide(command, case, who, {**NETWORK, **OF_COURTS}), who.agency), case)
    assert after is not None
    return after


def gone_on(steps: int) -> Case:
    """The police's hold has passed so many steps on; each on a consent of its own."""
    agreed = [consent(an_id(f"consent {n}"), to=WAY[n + 1], purposes=Purpose) for n in range(steps)]
    case = the_case(
        opened(), consent(to="polres", purposes=Purpose), *brought_to(S.IN_PROGRESS, R1, to="polres"), *agreed
    )
    case = (
        fold_log(said([held(THEIRS, "polres", HoldKind.INVESTIGATION, of_proceedings=True)[0]], "polres"), case) or case
    )
    for n in range(steps):
        for event, author in sent_on(n):
            case = fold_log(said([event], author), case) or case
        case = goes(case, say(AcceptReferral, referral=step(n)), by(WAY[n + 1]))
        assert holder(case) == WAY[n + 1]
    return case


def holder(case: Case) -> str | None:
    (hold,) = (hold for hold in case.holds.values() if hold.id == THEIRS)
    return hold.holder


def expected(steps: int, taken_back: Sequence[int]) -> str:
    """Who received it last by a step that was not taken back; the police, where all were."""
    return WAY[max((n + 1 for n in range(steps) if n not in taken_back), default=0)]


@given(st.integers(1, LONGEST).flatmap(lambda n: st.tuples(st.just(n), st.permutations(range(n)), st.integers(0, n))))
@example((2, [1, 0], 2))
@example((2, [0, 1], 2))
@example((3, [1, 2, 0], 3))
def test_it_is_with_who_has_the_case_of_the_last_step_that_stands(way: tuple[int, list[int], int]) -> None:
    steps, order, many = way
    case, taken_back = gone_on(steps), list[int]()
    for n in order[:many]:
        case = goes(case, say(CancelReferral, referral=step(n)), by(WAY[n]))
        taken_back.append(n)
        assert holder(case) == expected(steps, taken_back)
        assert len([hold for hold in case.holds.values() if hold.of_proceedings]) == 1


@given(st.integers(1, LONGEST).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1), min_size=1))))
@example((3, {0, 1}))
@example((2, {0, 1}))
def test_it_goes_nowhere_where_one_consent_carried_several_steps_and_she_takes_it_back(
    way: tuple[int, set[int]],
) -> None:
    """What prosecution and court received stays with them."""
    steps, over = way
    case = gone_on(steps)
    for n in over:
        case = fold_log(said([withdrawn(an_id(f"consent {n}"))], "uptd-ppa"), case) or case
    shared = consent(an_id("shared"), to={WAY[n + 1] for n in over}, purposes=Purpose)
    case = fold_log(said([shared], "uptd-ppa"), case) or case
    after = goes(case, say(WithdrawConsent, consent=an_id("shared")), act("uptd-ppa"))
    assert all(after.referrals[step(n)].status.is_open for n in range(steps))
    assert holder(after) == expected(steps, [])


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_each_of_the_way_back_is_told(steps: int) -> None:
    """Who loses it, and who has it again; each step is one event, to its sender and recipient."""
    case = gone_on(steps)
    for n in range(steps - 1):
        case = goes(case, say(CancelReferral, referral=step(n)), by(WAY[n]))
    last = say(CancelReferral, referral=step(steps - 1))
    events = decide(last, case, by(WAY[steps - 1]), {**NETWORK, **OF_COURTS})
    back = [event for event in events if isinstance(event, HoldPassed)]
    assert [event.referral for event in back] == [step(n) for n in reversed(range(steps))]
    assert back[-1].holder == "polres"
    assert back[-1].hold_kind is HoldKind.INVESTIGATION


def test_what_was_rejected_where_it_had_passed_with_the_receipt_goes_all_the_way_back() -> None:
    """Of an old log: police, prosecution, court; the court rejects, the prosecution is taken back."""
    case = gone_on(1)
    passed = {"hold": THEIRS, "referral": step(1), "hold_kind": HoldKind.TRIAL, "holder_kind": AgencyKind.JUSTICE}
    for event, author in [*sent_on(1), (say(HoldPassed, holder=WAY[2], **passed), WAY[2])]:
        case = fold_log(said([event], author), case) or case
    case = goes(case, say(RejectReferral, referral=step(1), reason=RejectReason.OUT_OF_AREA), by(WAY[2]))
    assert holder(case) == WAY[1]
    assert holder(goes(case, say(CancelReferral, referral=step(0)), by("polres"))) == "polres"
