"""Stop: what ends at once, what waits for the lead, and that no third agency ends another's emergency."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, settings
from hypothesis import given as for_any
from hypothesis import strategies as st
from msgspec.structs import replace
from story import (
    C1,
    C2,
    DAY,
    HOSPITAL,
    HOUR,
    LEAD,
    NETWORK,
    NOON,
    POLICE,
    R1,
    R2,
    R3,
    SYSTEM,
    act,
    an_id,
    brought_to,
    closed,
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
    scope,
    sent,
    the_case,
    withdrawn,
    written,
)

from rujukan.domain.case import Case, decide
from rujukan.domain.case.confirming import ConsentConfirmed
from rujukan.domain.case.consents import (
    ConsentRefused,
    ConsentWithdrawn,
    ExpireConsent,
    NarrowConsent,
    RefuseConsent,
    WithdrawConsent,
)
from rujukan.domain.case.fulfilment import ReferralHeld, ReferralResumed, ResumeReferral
from rujukan.domain.case.lead import AskLeadTransfer
from rujukan.domain.case.lifecycle import CloseCase
from rujukan.domain.case.merging import MergeCase
from rujukan.domain.case.referrals import ReferralCancelled, ReferralSent, SendReferral
from rujukan.domain.case.stopping import (
    HIGHEST_REMINDER,
    ConfirmStop,
    ContradictStop,
    RaiseStop,
    StopConfirmed,
    StopNotConfirmed,
    StopSharing,
    StopWaits,
)
from rujukan.domain.casefile.evolving import fold_log, said
from rujukan.domain.casefile.holding import HoldPlaced
from rujukan.domain.casefile.stopping import SharingStopped, touched
from rujukan.domain.casefile.waiting import StillWaits
from rujukan.domain.codes import (
    AgeGroup,
    AgencyKind,
    CloseReason,
    ConsentBy,
    EndReason,
    Obtained,
    Purpose,
    ReferralStatus,
    Service,
    StopAbout,
    Urgency,
)
from rujukan.domain.disclosure import Knowledge
from rujukan.domain.fact import Act, CaseId, Fact
from rujukan.domain.pathways import CONSENT_TIMES
from rujukan.domain.refusal import (
    AlreadyExists,
    BeyondReach,
    ConsentMissing,
    Invalid,
    NotForThisAgency,
    Refusal,
    StillRunning,
    Unknown,
    WrongMove,
)
from rujukan.domain.standing.reach import COORDINATION, Reaches

S, A = ReferralStatus, StopAbout
STOP, STOP2 = an_id("stop"), an_id("another stop")
SHE, CAREGIVER = frozenset({ConsentBy.SURVIVOR}), frozenset({ConsentBy.CAREGIVER})
TO_POLICE = consent(C2, to="polres", purposes=(Purpose.PROTECTION,))
WITH_POLICE = {"service": Service.LAW_ENFORCEMENT, "purpose": Purpose.PROTECTION}


def stop(about: StopAbout = A.EVERYTHING, by: frozenset[ConsentBy] = SHE, id: UUID = STOP, **more: object) -> Fact:
    return say(StopSharing, stop=id, about=about, said_by=by, **more)


def refuse(*to: str) -> RefuseConsent:
    return say(RefuseConsent, consent=an_id("refusal"), given_by=SHE, asked_for=frozenset(to))


def at_work(status: S = S.IN_PROGRESS, urgency: Urgency = Urgency.URGENT) -> list[Any]:
    """The hospital and the police both have a referral of the lead's, each on a consent of its own."""
    police = brought_to(status, R2, to="polres", urgency=urgency, **WITH_POLICE)
    return [*referred(status), TO_POLICE, *police]


def after(story: Sequence[Any], *events: Fact, by: Act) -> list[Any]:
    return [*story, *((event, by.agency) for event in events)]


def opens(case: Case | None, agency: str, kind: AgencyKind) -> bool:
    assert case is not None
    return bool(Reaches(case, NOON).of(agency, kind).anybody - COORDINATION)


HEARD = after(at_work(), *given(*at_work()).when(stop(), by=HOSPITAL).events, by=HOSPITAL)
"""The hospital heard her say stop to everything."""


# What holds at once ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", [("rsud",), ("kind:health",), ("rsud", "polres"), ()], ids=str)
def test_a_later_refusal_ends_what_it_contradicts(to: tuple[str, ...]) -> None:
    """Today's fault: it was recorded, and the referral still went out."""
    story = given(opened(), consent(), draft()).when(refuse(*to))
    case = story.then_only(SharingStopped, ConsentRefused)
    assert not case.consents[C1].covers("rsud", AgencyKind.HEALTH, NOON)
    refused = [opened(), consent(), draft(), *story.events]
    given(*refused).when(say(SendReferral, referral=R1)).refused(ConsentMissing)
    given(*referred(S.ACCEPTED)).when(refuse(*to)).then_only(SharingStopped, ConsentRefused, ReferralCancelled)
    given(*referred()).when(refuse(*to)).then_only(SharingStopped, ConsentRefused, ReferralHeld)


def test_a_refusal_of_somebody_else_ends_nothing() -> None:
    given(*referred()).when(refuse("polres")).then_only(SharingStopped, ConsentRefused)
    given(*referred()).when(refuse("kind:police", "lbh")).then_only(SharingStopped, ConsentRefused)


def test_a_refusal_ends_no_consent_that_she_gave_later() -> None:
    earlier = say(RefuseConsent, NOON - HOUR, consent=an_id("refusal"), given_by=SHE, asked_for=frozenset({"rsud"}))
    story = given(opened(at=NOON - DAY), consent(), *brought_to(S.REQUESTED))
    story.when(earlier).then_only(SharingStopped, ConsentRefused)
    before = given(*referred()).when(refuse("rsud")).events
    resume = say(ResumeReferral, NOON + 2 * HOUR, referral=R1)
    given(*referred(), *before).when(resume, by=later(HOSPITAL, 2 * HOUR)).refused(ConsentMissing)
    anew = given(*referred(), *before, consent(C2, at=NOON + HOUR))
    assert anew.when(resume, by=later(HOSPITAL, 2 * HOUR)).refusal is None


def test_a_refusal_of_one_leaves_the_others_of_its_kind() -> None:
    case = given(opened(), consent(to="kind:health")).when(refuse("rsud")).then_only(SharingStopped, ConsentRefused)
    assert not case.consents[C1].covers("rsud", AgencyKind.HEALTH, NOON)
    assert case.consents[C1].covers("another-hospital", AgencyKind.HEALTH, NOON)


def test_what_concerns_us_stops_at_once_wherever_it_was_said() -> None:
    """A school that she tells is shown no id, and needs none."""
    case = given(*at_work()).when(stop(A.OURS), by=HOSPITAL).then_only(SharingStopped, ReferralHeld)
    assert not opens(case, "rsud", AgencyKind.HEALTH)
    assert opens(case, "polres", AgencyKind.POLICE)
    assert case.referrals[R2].status is S.IN_PROGRESS


def test_it_says_who_said_so() -> None:
    events = given(*referred()).when(stop(A.OURS), by=HOSPITAL).events
    assert events[0] == say(SharingStopped, stop=STOP, about=A.OURS, said_by=SHE)
    withdrawal = say(WithdrawConsent, consent=C1, said_by=SHE)
    _, heard, _ = given(*referred()).when(withdrawal).events
    assert isinstance(heard, SharingStopped)
    assert (heard.consent, heard.said_by) == (C1, SHE)


def test_the_lead_stops_everything_at_once() -> None:
    """But for what the police received, which stays with them."""
    for status, stopped in ((S.IN_PROGRESS, ReferralHeld), (S.ACCEPTED, ReferralCancelled)):
        case = given(*at_work(status)).when(stop()).then_only(SharingStopped, stopped)
        assert case.referrals[R2].status is status
        assert not opens(case, "polres", AgencyKind.POLICE), "nothing further is sent to them"
    given(*at_work(S.REQUESTED)).when(stop()).then_only(SharingStopped, ReferralCancelled, ReferralCancelled)


ENDS: dict[str, tuple[Fact, Act]] = {
    "the lead hears it": (stop(), LEAD),
    "the lead withdraws it": (say(WithdrawConsent, consent=C2), LEAD),
    "the lead narrows it to nobody of theirs": (
        say(NarrowConsent, **scope(C2, to="polres", of=(), purposes=(Purpose.PROTECTION,))),
        LEAD,
    ),
    "a police officer hears it": (stop(A.OURS), POLICE),
    "a police officer withdraws it": (say(WithdrawConsent, consent=C2), POLICE),
    "it runs out": (say(ExpireConsent, NOON + DAY, consent=C2), later(SYSTEM, DAY)),
}


@pytest.mark.parametrize("to", ["polres", "kejari"])
@pytest.mark.parametrize("status", [s for s in S if s.is_open and s is not S.REQUESTED])
@pytest.mark.parametrize("how", ENDS)
def test_what_police_prosecution_or_court_received_goes_on_however_her_consent_ends(
    how: str, status: S, to: str
) -> None:
    """UU 27/2022 art. 15: whoever hears it, in whatever state; one word of an officer ends no report, either."""
    command, by = ENDS[how]
    agreed = consent(C2, to=to, purposes=(Purpose.PROTECTION,), until=NOON + DAY if how == "it runs out" else None)
    theirs = brought_to(status, R2, to=to, **WITH_POLICE)
    if isinstance(command, NarrowConsent):
        command = replace(command, recipients=frozenset({to}))
    by = act(to) if by == POLICE else by
    story = given(*referred(), agreed, *theirs).when(command, by=by)
    assert story.refusal is None
    after = fold_log(said(story.events, by.agency, by.at), story.case)
    assert after is not None
    assert after.referrals[R2].status is status
    assert to in after.participants()
    if status is S.ON_HOLD:
        given(*referred(), agreed, *theirs, withdrawn(C2)).when(say(ResumeReferral, referral=R2), by=act(to)).then_only(
            ReferralResumed, HoldPlaced
        )


def test_who_recorded_a_consent_ends_it_at_once() -> None:
    heard = reported(C2, to="psikolog", of=("health",))
    onward = [
        (draft(R2, "rsud", "psikolog", service=Service.PSYCHOSOCIAL, of=("health",)), "rsud"),
        (sent(R2), "rsud"),
        *((moved(s, R2), "psikolog") for s in (S.RECEIVED, S.ACCEPTED, S.IN_PROGRESS)),
    ]
    withdraw = say(WithdrawConsent, consent=C2)
    given(*referred(), heard, *onward).when(withdraw, by=HOSPITAL).then_only(ConsentWithdrawn, ReferralHeld)
    case = (
        given(*referred(), heard, *onward)
        .when(stop(), by=HOSPITAL)
        .then_only(SharingStopped, ReferralHeld, ReferralHeld)
    )
    assert {r.status for r in case.referrals.values()} == {S.ON_HOLD}


def test_sharing_without_consent_is_not_withdrawn_by_it() -> None:
    police = brought_to(S.IN_PROGRESS, R1, to="polres", service=Service.LAW_ENFORCEMENT)
    for said_ in (stop(), refuse("polres"), refuse()):
        story = given(opened(), override(to="polres"), *police).when(said_)
        assert not [e for e in story.events if isinstance(e, ReferralHeld)]
        assert opens(story.then_only(*map(type, story.events)), "polres", AgencyKind.POLICE)


# What waits ------------------------------------------------------------------------------------------------------


def test_what_would_stop_others_work_waits_for_the_lead() -> None:
    story = given(*at_work()).when(stop(), by=HOSPITAL)
    case = story.then_only(SharingStopped, ReferralHeld)
    assert story.events[0].answer_by == NOON + 3 * DAY  # type: ignore[attr-defined]
    assert opens(case, "polres", AgencyKind.POLICE), "its work goes on"
    assert touched(case, STOP) == {"polres": AgencyKind.POLICE}


def test_nothing_new_is_sent_on_what_waits() -> None:
    waits = [*HEARD, draft(R3, to="polres", **WITH_POLICE)]
    given(*waits).when(say(SendReferral, referral=R3)).refused(ConsentMissing)
    held = [*waits, (say(ReferralHeld, referral=R2, reason=EndReason.WAITING), "polres")]
    given(*held).when(say(ResumeReferral, referral=R2), by=POLICE).then_only(ReferralResumed, HoldPlaced)
    given(*waits).when(say(AskLeadTransfer, transfer=an_id("t"), to="polres", reason="r")).refused(ConsentMissing)
    onward = (draft(an_id("onward"), "polres", "rsud", purpose=Purpose.PROTECTION), "polres")
    story = given(*waits, onward).when(say(SendReferral, referral=an_id("onward")), by=POLICE)
    assert isinstance(story.refusal, BeyondReach | ConsentMissing)


@pytest.mark.parametrize("urgency", [Urgency.EMERGENCY, Urgency.ROUTINE])
@pytest.mark.parametrize("status", [S.REQUESTED, S.RECEIVED, S.ACCEPTED, S.IN_PROGRESS])
@pytest.mark.parametrize("said_", [stop(), refuse(), refuse("rsud"), refuse("kind:health")], ids=str)
def test_a_third_agency_ends_no_work_of_another(said_: Fact, status: S, urgency: Urgency) -> None:
    """Row d: the police withdrew it, and the hospital's emergency was cancelled."""
    hospital = brought_to(status, R1, urgency=urgency)
    story = given(opened(), consent(), *hospital, TO_POLICE, *at_work()[-5:]).when(said_, by=POLICE)
    assert story.refusal is None
    case = fold_log(said(story.events, "polres", NOON), story.case)
    assert case is not None
    assert case.referrals[R1].status is status
    assert opens(case, "rsud", AgencyKind.HEALTH)


def test_nor_who_recorded_the_consent_that_it_runs_on() -> None:
    heard = reported(C2, to="psikolog", of=("health",))
    emergency = [
        draft(R2, to="psikolog", service=Service.PSYCHOSOCIAL, of=("health",), urgency=Urgency.EMERGENCY),
        sent(R2),
    ]
    for said_ in (say(WithdrawConsent, consent=C2), stop(), stop(A.RECIPIENTS, recipients=frozenset({"psikolog"}))):
        case = given(*referred(), heard, *emergency).when(said_, by=HOSPITAL)
        assert R2 not in [getattr(e, "referral", None) for e in case.events]
    narrow = say(NarrowConsent, **scope(C2, to="psikolog", of=()))
    given(*referred(), heard, *emergency).when(narrow, by=HOSPITAL).refused(NotForThisAgency)


def test_an_id_alone_gives_nothing() -> None:
    """The police found it in their audit list."""
    for of in (C1, an_id("of nothing")):
        given(*at_work()).when(say(WithdrawConsent, consent=of), by=POLICE).refused(Unknown, what="consent")
        given(*at_work()).when(say(NarrowConsent, **scope(of, of=())), by=POLICE).refused(Unknown, what="consent")
        given(*at_work()).when(stop(A.CONSENT, consent=of), by=POLICE).refused(NotForThisAgency, needs="lead")
    given(*at_work()).when(stop(A.CONSENT, consent=an_id("none"))).refused(Unknown, what="consent")


def test_one_of_two_that_a_consent_names_stops_itself_alone() -> None:
    both = [opened(), consent(to=("rsud", "polres")), *brought_to(S.IN_PROGRESS)]
    both += brought_to(S.IN_PROGRESS, R2, to="polres", service=Service.LAW_ENFORCEMENT)
    for said_ in (say(WithdrawConsent, consent=C1), stop(A.CONSENT, consent=C1)):
        case = given(*both).when(said_, by=HOSPITAL).then_only(SharingStopped, ReferralHeld)
        assert case.referrals[R2].status is S.IN_PROGRESS
        assert not opens(case, "rsud", AgencyKind.HEALTH)
        assert opens(case, "polres", AgencyKind.POLICE)
    given(*both).when(say(NarrowConsent, **scope(C1, of=())), by=HOSPITAL).refused(NotForThisAgency)


def test_what_a_caregiver_takes_back_that_she_gave_waits_also_where_the_lead_heard_it() -> None:
    """A caregiver may be whom she has to be protected from."""
    hers = [opened(age=AgeGroup.ADOLESCENT), consent(), *brought_to(S.IN_PROGRESS)]
    for by in (LEAD, HOSPITAL):
        story = given(*hers).when(stop(by=CAREGIVER), by=by)
        case = story.then_only(SharingStopped)
        assert story.events[0].answer_by is not None  # type: ignore[attr-defined]
        assert opens(case, "rsud", AgencyKind.HEALTH)
        another = say(SendReferral, referral=R2, duplicate_reason="Pemeriksaan kedua.")
        given(*hers, draft(R2), (story.events[0], by.agency)).when(another).then_only(ReferralSent)
    story = given(*hers).when(say(WithdrawConsent, consent=C1, said_by=CAREGIVER))
    story.then_only(SharingStopped)
    confirm = say(ConfirmStop, stop=STOP, given_by=SHE, obtained=Obtained.VERBAL)
    heard = given(*hers).when(stop(by=CAREGIVER)).events
    given(*hers, *heard).when(confirm).then_only(StopConfirmed, ReferralHeld)


def test_nor_does_a_caregiver_take_back_what_they_gave_along_with_her() -> None:
    along = [opened(age=AgeGroup.ADOLESCENT), replace(consent(), given_by=SHE | CAREGIVER), *brought_to(S.IN_PROGRESS)]
    case = given(*along).when(stop(by=CAREGIVER)).then_only(SharingStopped)
    assert opens(case, "rsud", AgencyKind.HEALTH)
    given(*along).when(stop(by=SHE)).then_only(SharingStopped, ReferralHeld)


def test_once_the_lead_confirmed_it_with_her_a_consent_is_its_reporters_to_end_no_more() -> None:
    heard = reported(C2, to="psikolog", of=("health",))
    told = say(ConsentConfirmed, consent=C2, given_by=SHE, obtained=Obtained.VERBAL)
    onward = [
        (draft(R2, "rsud", "psikolog", service=Service.PSYCHOSOCIAL, of=("health",)), "rsud"),
        (sent(R2), "rsud"),
        *((moved(s, R2), "psikolog") for s in (S.RECEIVED, S.ACCEPTED, S.IN_PROGRESS)),
    ]
    for said_ in (say(WithdrawConsent, consent=C2), stop()):
        story = given(*referred(), heard, *onward, told).when(said_, by=HOSPITAL)
        assert not [e for e in story.events if getattr(e, "referral", None) == R2], "others' work waits for the lead"


def test_the_lead_does_not_close_over_a_stop_that_waits() -> None:
    over = [*HEARD, *(moved(S.COMPLETED, referral) for referral in (R1, R2))]
    given(*over).when(say(CloseCase, reason=CloseReason.GOALS_MET)).refused(Invalid, field="stop")
    given(*over).when(say(MergeCase, into=CaseId(an_id("other")))).refused(StillWaits)


# What becomes of it ----------------------------------------------------------------------------------------------

CONFIRM = say(ConfirmStop, stop=STOP, given_by=SHE, obtained=Obtained.VERBAL)


def test_the_lead_asks_her_and_confirms_it() -> None:
    case = given(*HEARD).when(CONFIRM).then_only(StopConfirmed)
    assert not opens(case, "polres", AgencyKind.POLICE)
    assert case.referrals[R2].status is S.IN_PROGRESS, "what they received stays with them"
    given(*HEARD).when(CONFIRM, by=HOSPITAL).refused(NotForThisAgency)
    given(*HEARD).when(CONFIRM, by=POLICE).refused(NotForThisAgency)


def test_or_she_did_not_say_so_and_what_waited_goes_on() -> None:
    otherwise = say(ContradictStop, stop=STOP)
    case = given(*HEARD, draft(R3, to="polres", **WITH_POLICE)).when(otherwise).then_only(StopNotConfirmed)
    assert opens(case, "polres", AgencyKind.POLICE)
    assert not opens(case, "rsud", AgencyKind.HEALTH), "what stopped at once stays so"
    on = [*HEARD, draft(R3, to="polres", **WITH_POLICE), say(StopNotConfirmed, stop=STOP)]
    another = say(SendReferral, referral=R3, duplicate_reason="Laporan kedua.")
    given(*on).when(another).then_only(ReferralSent)
    for again in (otherwise, CONFIRM):
        given(*on).when(again).refused(Unknown, what="stop")


def test_two_stops_are_answered_each_for_itself() -> None:
    second = stop(A.RECIPIENTS, id=STOP2, recipients=frozenset({"polres"}))
    both = after(HEARD, *given(*HEARD).when(second, by=POLICE).events, by=POLICE)
    found = [*both, draft(R3, to="polres", **WITH_POLICE), say(StopNotConfirmed, stop=STOP2)]
    given(*found).when(say(SendReferral, referral=R3)).refused(ConsentMissing)


def test_it_is_raised_at_once_and_again_when_the_time_to_answer_passes() -> None:
    raise_it = say(RaiseStop, stop=STOP)
    story = list(HEARD)
    due = [0 * HOUR, CONSENT_TIMES.answer, 2 * CONSENT_TIMES.answer, 3 * CONSENT_TIMES.answer]
    assert len(due) == HIGHEST_REMINDER
    for level, at in enumerate(due, 1):
        if at:
            given(*story).when_raised(raise_it, at - HOUR).refused(StillRunning)
        raised = given(*story).when_raised(raise_it, at)
        raised.then_only(StopWaits)
        assert raised.events[0].level == level  # type: ignore[attr-defined]
        story += raised.events
    given(*story).when_raised(raise_it, 9 * CONSENT_TIMES.answer).refused(WrongMove)
    given(*HEARD, say(StopNotConfirmed, stop=STOP)).when_raised(raise_it, DAY).refused(WrongMove)
    given(*HEARD, closed()).when_raised(raise_it, DAY).then_only(StopWaits)
    ours = after(at_work(), *given(*at_work()).when(stop(A.OURS), by=HOSPITAL).events, by=HOSPITAL)
    given(*ours).when_raised(raise_it, DAY).refused(Unknown)


def test_who_would_be_stopped_is_told_that_it_waits_and_not_who_else_takes_part() -> None:
    """The recorder is told of nobody; nobody is told of the recorder."""
    log = [*(e if isinstance(e, tuple) else (e, "uptd-ppa") for e in HEARD)]
    waits = say(StopWaits, stop=STOP, level=1, answer_by=NOON)
    events = [*(written(n, *entry) for n, entry in enumerate(log, 1))]
    events.append(replace(written(len(log) + 1, waits), author="rujukan"))
    knowledge = Knowledge()
    told = [(t.agency, type(t.of.event)) for event in events for t in knowledge.follow(event)]
    assert {agency for agency, event in told if event is SharingStopped} == {"rsud", "uptd-ppa"}
    assert {agency for agency, event in told if event is StopWaits} == {"polres", "uptd-ppa", "rujukan"}


def test_it_is_recorded_once_and_says_what_it_is_about() -> None:
    given(*HEARD).when(stop()).refused(AlreadyExists)
    given(*referred()).when(stop(A.CONSENT)).refused(Invalid, field="consent")
    given(*referred()).when(stop(A.EVERYTHING, consent=C1)).refused(Invalid, field="consent")
    given(*referred()).when(stop(A.RECIPIENTS)).refused(Invalid, field="recipients")
    given(*referred()).when(stop(A.OURS, recipients=frozenset({"rsud"}))).refused(Invalid, field="recipients")


# Whoever says it, in whatever way --------------------------------------------------------------------------------

AGENCIES = {code: NETWORK[code].kind for code in ("uptd-ppa", "rsud", "polres", "lbh")}
OFFERS = {"rsud": Service.HEALTH, "polres": Service.LAW_ENFORCEMENT, "lbh": Service.LEGAL_AID}
WORDS = ("rsud", "polres", "lbh", "kind:health", "kind:police", "uptd-ppa")
DRAFTS = {code: an_id(f"draft to {code}") for code in OFFERS}
states = st.sampled_from((S.REQUESTED, S.RECEIVED, S.ACCEPTED, S.IN_PROGRESS, S.COMPLETED))


@st.composite
def stories(draw: st.DrawFn) -> list[Any]:
    """A case with consents of the lead, and one that somebody reported, on which referrals run."""
    story: list[Any] = [opened()]
    for id in (C1, C2):
        to = draw(st.frozensets(st.sampled_from(WORDS), min_size=1, max_size=3))
        story.append(consent(id, to=to, of=("health",)))
    for n, code in enumerate(OFFERS):
        urgency = draw(st.sampled_from((Urgency.EMERGENCY, Urgency.ROUTINE)))
        of_draft = {"to": code, "service": OFFERS[code], "of": ("health",), "urgency": urgency}
        story += brought_to(draw(states), an_id(f"referral {n}"), **of_draft)
        story.append(draft(DRAFTS[code], **of_draft))
    by = draw(st.sampled_from(("rsud", "polres")))
    story.append(reported(an_id("reported"), by, to=draw(st.sampled_from(WORDS)), of=("health",)))
    return story


@st.composite
def sayings(draw: st.DrawFn) -> tuple[Fact, str]:
    words = draw(st.frozensets(st.sampled_from(WORDS), min_size=1, max_size=2))
    named = draw(st.sampled_from((C1, C2, an_id("reported"))))
    by = draw(st.sampled_from((SHE, SHE | CAREGIVER)))
    command: Fact = draw(
        st.sampled_from(
            (
                stop(A.EVERYTHING, by),
                stop(A.OURS, by),
                stop(A.CONSENT, by, consent=named),
                stop(A.RECIPIENTS, by, recipients=words),
                refuse(*words),
                refuse(),
                say(WithdrawConsent, consent=named, said_by=by),
                say(WithdrawConsent, consent=named),
            )
        )
    )
    return command, draw(st.sampled_from(sorted(AGENCIES)))


def contradicted(command: Fact, case: Case, by: str, agency: str) -> bool:
    """Whether all that gave an agency anything is taken back by that: told from the command alone."""
    kinds = {agency, f"kind:{AGENCIES[agency]}"}
    words = getattr(command, "asked_for", None)
    about = getattr(command, "about", None)
    if isinstance(command, RefuseConsent):
        return not words or bool(kinds & words)
    if about is A.EVERYTHING:
        return True
    if about is A.RECIPIENTS:
        return bool(kinds & command.recipients)  # type: ignore[attr-defined]
    if about is A.OURS:
        return agency == by
    others = [c for c in case.consents.values() if c.id != command.consent and kinds & c.recipients]  # type: ignore[attr-defined]
    return not others


@settings(suppress_health_check=[HealthCheck.too_slow])  # how quick the machine is says nothing
@for_any(stories(), sayings())
@example(at_work(), (stop(), "polres"))
@example(at_work(urgency=Urgency.EMERGENCY), (refuse("polres"), "rsud"))
def test_nothing_that_it_contradicts_is_sent_or_opened_and_no_third_agency_ends_an_emergency(
    story: list[Any], saying: tuple[Fact, str]
) -> None:
    command, by = saying
    before = the_case(*story)  # type: ignore[arg-type]
    try:
        events = decide(command, before, act(by), NETWORK)
    except Refusal:
        return  # it takes no part, or does not know that consent
    case = fold_log(said(events, by, NOON), before)
    assert case is not None
    for agency in OFFERS:
        if not contradicted(command, case, by, agency):
            continue
        urgent = DRAFTS[agency] in case.referrals and case.referrals[DRAFTS[agency]].urgency is Urgency.EMERGENCY
        if urgent and by not in (agency, "uptd-ppa"):
            continue  # a third agency keeps no emergency from her
        sending = given_case(case, say(SendReferral, referral=DRAFTS.get(agency, R1)))
        assert sending is None, f"{agency} is sent what she said no to"
        concerned = by in (agency, "uptd-ppa")
        if concerned and getattr(command, "about", None) is not None:
            assert not opens(case, agency, AGENCIES[agency]), f"{agency} opens it still"
    for referral in before.referrals.values():
        third = by not in (referral.sender, referral.recipient, before.lead)
        if referral.urgency is Urgency.EMERGENCY and referral.status.is_open and third:
            assert case.referrals[referral.id].status is referral.status, "a third agency ended an emergency"
            kind = AGENCIES[referral.recipient]
            if any(case.referrals[r.id].status is S.CANCELLED for r in before.open_referrals_to(by)):
                continue  # nobody passes on what they do not hold any more
            reached = Reaches(before, NOON).of(referral.recipient, kind).anybody
            assert reached <= Reaches(case, NOON).of(referral.recipient, kind).anybody, "or took what it needs"


def given_case(case: Case, command: Fact) -> Sequence[Fact] | None:
    """What follows from the lead's command; None where it is refused."""
    try:
        return decide(command, case, LEAD, NETWORK)
    except Refusal:
        return None
