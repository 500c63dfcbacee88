"""What one stop more does not do: keep help from her, ask twice, tell who else takes part, end what others were passed;
and what it does: it holds for what is recorded later."""

from typing import Any

import pytest
from msgspec.structs import replace
from story import (
    C1,
    C2,
    HOSPITAL,
    HOUR,
    LEAD,
    NOON,
    POLICE,
    R1,
    R2,
    R3,
    an_id,
    brought_to,
    consent,
    draft,
    given,
    later,
    moved,
    opened,
    override,
    referred,
    reported,
    say,
    sent,
)

from rujukan.domain.case.confirming import ConfirmConsent, ConsentConfirmed
from rujukan.domain.case.consents import ConsentWithdrawn, GiveConsent, RefuseConsent, WithdrawConsent
from rujukan.domain.case.fulfilment import ReferralHeld, ReferralResumed, ResumeReferral
from rujukan.domain.case.overrides import OverrideAsked
from rujukan.domain.case.referrals import ReferralSent, SendReferral
from rujukan.domain.case.stopping import StopConfirmed, StopNotConfirmed, StopSharing
from rujukan.domain.casefile.stopping import SharingStopped, touched
from rujukan.domain.codes import (
    AgencyKind,
    ConsentBy,
    EndReason,
    Obtained,
    ReferralStatus,
    Service,
    SharingBasis,
    StopAbout,
    Urgency,
)
from rujukan.domain.fact import Fact
from rujukan.domain.refusal import AlreadyDone, AlreadyExists, ConsentMissing

S, A = ReferralStatus, StopAbout
SHE, CAREGIVER = frozenset({ConsentBy.SURVIVOR}), frozenset({ConsentBy.CAREGIVER})
STOP, AGAIN = an_id("stop"), an_id("stop again")


def stop(about: StopAbout = A.EVERYTHING, id: Any = STOP, by: frozenset[ConsentBy] = SHE, at: Any = NOON) -> Fact:
    return say(StopSharing, at, stop=id, about=about, said_by=by)


def held(urgency: Urgency) -> list[Any]:
    """The hospital's work is on hold, the police take part."""
    police = brought_to(S.IN_PROGRESS, R2, to="polres", service=Service.LAW_ENFORCEMENT)
    on_hold = (say(ReferralHeld, referral=R1, reason=EndReason.WAITING), "rsud")
    return [
        opened(),
        consent(),
        *brought_to(S.IN_PROGRESS, urgency=urgency),
        on_hold,
        consent(C2, to="polres"),
        *police,
    ]


def heard(story: list[Any], by: Any = POLICE, **more: Any) -> list[Any]:
    return [*story, *((event, by.agency) for event in given(*story).when(stop(**more), by=by).events)]


def test_a_third_agency_keeps_nobody_from_an_emergency_that_is_held_or_new() -> None:
    urgent = heard(held(Urgency.EMERGENCY))
    resume = say(ResumeReferral, referral=R1)
    given(*urgent).when(resume, by=HOSPITAL).then_only(ReferralResumed)
    another = say(SendReferral, referral=R3, duplicate_reason="Datang lagi malam ini.")
    given(*urgent, draft(R3, urgency=Urgency.EMERGENCY)).when(another).then_only(ReferralSent)
    routine = heard(held(Urgency.ROUTINE))
    given(*routine).when(resume, by=HOSPITAL).refused(ConsentMissing)
    given(*routine, draft(R3)).when(say(SendReferral, referral=R3)).refused(ConsentMissing)


def test_but_who_heard_it_itself_goes_on_with_none() -> None:
    own = heard(held(Urgency.EMERGENCY), by=HOSPITAL)
    given(*own).when(say(ResumeReferral, referral=R1), by=HOSPITAL).refused(ConsentMissing)


@pytest.mark.parametrize("answer", [None, StopConfirmed, StopNotConfirmed])
def test_the_same_saying_is_put_before_the_lead_once(answer: type[Fact] | None) -> None:
    story, more = heard(held(Urgency.URGENT)), {}
    if answer is StopConfirmed:
        more = {"given_by": SHE, "obtained": Obtained.VERBAL}
    if answer is not None:
        story.append(say(answer, NOON + HOUR, stop=STOP, **more))
    at = NOON if answer is None else NOON + HOUR
    by = later(POLICE, 3 * HOUR)
    for said_at in {NOON, at}:
        given(*story).when(stop(id=AGAIN, at=said_at), by=by).refused(AlreadyDone)
    refusal = say(RefuseConsent, NOON, consent=an_id("refusal"), given_by=SHE)
    given(*story).when(refusal, by=by).refused(AlreadyDone)
    assert given(*story).when(stop(id=AGAIN, at=NOON + 2 * HOUR), by=by).refusal is None, "she may say it again"
    assert given(*story).when(stop(id=AGAIN), by=HOSPITAL).refusal is None, "to another, too"


@pytest.mark.parametrize("by", [HOSPITAL, None])
def test_what_she_took_back_a_consent_of_before_does_not_give_again(by: Any) -> None:
    """A consent that is entered late covered again."""
    told = {"by": by} if by is not None else {}
    story = [opened(at=NOON - 9 * HOUR), consent(at=NOON - 8 * HOUR), *brought_to(S.REQUESTED)]
    said = given(*story).when(stop(A.OURS if by else A.EVERYTHING), **told).events
    story += [(event, "rsud" if by else "uptd-ppa") for event in said]
    late, anew = consent(C2, at=NOON - HOUR), consent(C2, at=NOON + HOUR)
    send = say(SendReferral, NOON + 2 * HOUR, referral=R3)
    for given_late, refused in ((late, True), (anew, False)):
        now = given(*story, given_late, draft(R3))
        sending = now.when(send, by=later(LEAD, 2 * HOUR))
        assert isinstance(sending.refusal, ConsentMissing) is refused


@pytest.mark.parametrize("confirmed", [True, False])
def test_a_stop_that_waited_holds_for_it_as_for_the_others(confirmed: bool) -> None:
    story = heard(held(Urgency.URGENT))
    if confirmed:
        story.append(say(StopConfirmed, stop=STOP, given_by=SHE, obtained=Obtained.VERBAL))
    story += [consent(an_id("late"), at=NOON - HOUR, to="rsud"), draft(R3)]
    given(*story).when(say(SendReferral, referral=R3)).refused(ConsentMissing)


def test_what_a_caregiver_says_of_us_tells_nothing_of_others() -> None:
    found = set()
    for given_by in (SHE, CAREGIVER):
        story = [opened(), replace(consent(), given_by=CAREGIVER), *brought_to(S.IN_PROGRESS)]
        from_others = [*story, replace(consent(C2, to="polres"), given_by=given_by)]
        for known in (story, from_others):
            event = given(*known).when(stop(A.OURS, by=CAREGIVER), by=HOSPITAL).events[0]
            assert isinstance(event, SharingStopped)
            found.add(event.answer_by)
    assert len(found) == 1
    assert None not in found, "the lead asks her"


def test_who_is_named_alone_takes_nothing_from_a_third_unasked() -> None:
    onward = [
        reported(C2, to="psikolog", of=("health",)),
        say(ConsentConfirmed, consent=C2, given_by=SHE, obtained=Obtained.VERBAL),
        (draft(R2, "rsud", "psikolog", service=Service.PSYCHOSOCIAL, of=("health",)), "rsud"),
        (sent(R2), "rsud"),
        *((moved(s, R2), "psikolog") for s in (S.RECEIVED, S.ACCEPTED, S.IN_PROGRESS)),
    ]
    withdraw = say(WithdrawConsent, consent=C1)
    given(*referred()).when(withdraw, by=HOSPITAL).then_only(ConsentWithdrawn, ReferralHeld)
    story = given(*referred(), *onward).when(withdraw, by=HOSPITAL)
    case = story.then_only(SharingStopped, ReferralHeld)
    assert case.referrals[R2].status is S.IN_PROGRESS
    (heard_,) = (e for e in story.events if isinstance(e, SharingStopped))
    assert heard_.answer_by is not None, "the lead asks her"
    assert touched(case, heard_.stop) == {"psikolog": AgencyKind.PSYCHOSOCIAL}, (
        "who works with it is told that it waits"
    )


def test_no_consent_takes_the_id_of_a_sharing_that_waits_for_its_decision() -> None:
    made = override()
    fields = {name: getattr(made, name) for name in ("compartments", "recipients", "purposes")}
    asked = say(
        OverrideAsked,
        **{**fields, "consent": C1, "expires_at": NOON + HOUR, "basis": SharingBasis.COURT_ORDER, "rule": "r"},
        reason="r",
        asked_by=LEAD.actor,
    )
    story = given(opened(), asked)
    like = consent()
    spoken = {name: getattr(like, name) for name in ("compartments", "recipients", "purposes", "given_by", "obtained")}
    story.when(say(GiveConsent, consent=C1, **spoken)).refused(AlreadyExists)
    story.when(say(RefuseConsent, consent=C1, given_by=SHE)).refused(AlreadyExists)


def test_a_consent_is_confirmed_once() -> None:
    told = say(ConsentConfirmed, consent=C2, given_by=SHE, obtained=Obtained.VERBAL)
    story = given(*referred(), reported(C2, to="psikolog", of=("health",)), told)
    story.when(say(ConfirmConsent, consent=C2, given_by=SHE, obtained=Obtained.VERBAL)).refused(AlreadyDone)
