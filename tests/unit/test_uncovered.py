"""The lead ends a referral between others that no consent covers any more, and no other."""

from typing import Any

import pytest
from msgspec.structs import replace
from story import (
    C2,
    C3,
    DAY,
    HOUR,
    LEAD,
    NETWORK,
    NOON,
    R2,
    SUPERVISOR,
    SYSTEM,
    When,
    act,
    an_id,
    brought_to,
    consent,
    given,
    incident,
    later,
    moved,
    override,
    referred,
    reported,
    say,
    scope,
    withdrawn,
    written,
)

from rujukan.domain.case import decide
from rujukan.domain.case.confirming import ConfirmConsent, ConsentConfirmed
from rujukan.domain.case.consents import ConsentGiven, ConsentReported, GiveConsent
from rujukan.domain.case.erasure import ErasureRequested, RequestErasure
from rujukan.domain.case.fulfilment import ReferralHeld, ResumeReferral
from rujukan.domain.case.lead import LeadTransferAccepted
from rujukan.domain.case.lifecycle import CaseClosed, CloseCase
from rujukan.domain.case.stopping import StopSharing
from rujukan.domain.case.uncovered import (
    EndAnnouncedReferral,
    EndUncoveredReferral,
    UncoveredEndAnnounced,
    UncoveredEndAnswered,
    UncoveredReferralEnded,
    announced_end,
)
from rujukan.domain.casefile.stopping import SharingStopped
from rujukan.domain.codes import (
    AgencyKind,
    CloseReason,
    ConsentBy,
    ErasureBasis,
    Obtained,
    Purpose,
    ReferralStatus,
    Service,
    StopAbout,
    Urgency,
)
from rujukan.domain.disclosure import Knowledge
from rujukan.domain.fact import Fact
from rujukan.domain.pathways import END_TIMES
from rujukan.domain.refusal import AlreadyDone, Invalid, OpenReferrals, StillRunning, WrongMove
from rujukan.domain.standing.rule import is_known_to, takes_part

S = ReferralStatus
OPEN = [s for s in S if s.is_open]
END = say(EndUncoveredReferral, referral=R2, reason="she asked for erasure")
ANNOUNCED = say(
    UncoveredEndAnnounced, referral=R2, reason="she asked for erasure", ends_at=NOON + DAY, rule=END_TIMES.version
)
EFFECT = say(EndAnnouncedReferral, referral=R2)
ENDED = say(UncoveredReferralEnded, referral=R2, reason="she asked for erasure")
ANSWERED = say(UncoveredEndAnswered, referral=R2)
CLOSE = say(CloseCase, reason=CloseReason.SURVIVOR_ASKED)
ERASE = say(
    RequestErasure, erasure=an_id("erasure"), whole=True, basis=ErasureBasis.SURVIVOR_REQUEST, reason="she asks"
)
STOPPED = say(
    SharingStopped,
    stop=an_id("stop"),
    about=StopAbout.EVERYTHING,
    said_by=frozenset({ConsentBy.SURVIVOR}),
)
PLACES: dict[str, dict[str, Any]] = {
    "psikolog": {"to": "psikolog", "service": Service.PSYCHOSOCIAL},
    "polres": {"to": "polres", "service": Service.LAW_ENFORCEMENT},
    "kejari": {"to": "kejari", "service": Service.LAW_ENFORCEMENT},
}


def between(status: ReferralStatus, to: str = "psikolog", urgency: Urgency = Urgency.URGENT) -> list[Any]:
    """The hospital, which is done, sent her on: that referral is in this state, and a consent covers it."""
    sent_on = brought_to(status, R2, sender="rsud", urgency=urgency, **PLACES[to])
    return [*referred(S.COMPLETED), consent(C2, to=to, purposes=Purpose), *((event, "rsud") for event in sent_on)]


@pytest.mark.parametrize("status", OPEN)
def test_what_is_covered_by_none_keeps_the_file_from_nothing(status: ReferralStatus) -> None:
    uncovered = [*between(status), withdrawn(C2)]
    given(*uncovered).when(CLOSE).refused(OpenReferrals, referrals=[R2])
    given(*uncovered).when(END, by=SUPERVISOR).then(ANNOUNCED)
    announced = given(*uncovered, ANNOUNCED)
    announced.when_raised(EFFECT, DAY - HOUR).refused(StillRunning)
    after = announced.when_raised(EFFECT, DAY).then(replace(ENDED, occurred_at=NOON + DAY))
    assert after is not None
    assert after.referrals[R2].status is S.CANCELLED
    assert not takes_part(after, "psikolog")
    assert is_known_to(after, "psikolog"), "it is told so, and sees what became of it"
    given(*uncovered, ENDED).when(CLOSE).then_only(CaseClosed)
    given(*uncovered, ENDED).when(ERASE, by=SUPERVISOR).then_only(ErasureRequested)


def test_her_stop_then_its_end() -> None:
    """As it goes: she says stop to everything, running work is held, nobody ends it, the lead does."""
    running = between(S.IN_PROGRESS)
    stop = say(StopSharing, stop=an_id("stop"), about=StopAbout.EVERYTHING, said_by=frozenset({ConsentBy.SURVIVOR}))
    held = given(*running).when(stop, by=LEAD).then_only(SharingStopped, ReferralHeld)
    assert held.referrals[R2].status is S.ON_HOLD
    given(*running, STOPPED, moved(S.ON_HOLD, R2)).when(END, by=SUPERVISOR).then(ANNOUNCED)


@pytest.mark.parametrize("status", OPEN)
def test_what_she_lets_them_know_is_not_the_lead_s_to_end(status: ReferralStatus) -> None:
    """Whoever heard that she agreed, and on whatever else it stands."""
    sent_on = [(event, "rsud") for event in brought_to(status, R2, sender="rsud", **PLACES["psikolog"])]
    of = {"to": "psikolog", "of": ("incident", "health")}
    for covers in (consent(C2, **of), reported(C2, **of), override(C2, **of)):
        given(*referred(), covers, *sent_on).when(END, by=SUPERVISOR).refused(Invalid, field="referral")


@pytest.mark.parametrize("status", [s for s in S if s is not S.DRAFT and not s.is_open])
def test_what_is_over_is_not_ended(status: ReferralStatus) -> None:
    given(*between(status), withdrawn(C2)).when(END, by=SUPERVISOR).refused(WrongMove)


@pytest.mark.parametrize("to", ["polres", "kejari"])
@pytest.mark.parametrize("status", OPEN)
def test_what_police_or_court_received_stays_there(status: ReferralStatus, to: str) -> None:
    when = given(*between(status, to), withdrawn(C2)).when(END, by=SUPERVISOR)
    if status is S.REQUESTED:
        when.then(ANNOUNCED)
    else:
        when.refused(Invalid, field="referral")


# Nobody is ended at once ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("urgency", list(Urgency))
@pytest.mark.parametrize("status", OPEN)
def test_nothing_of_others_ends_before_its_window_whoever_announced_it(
    status: ReferralStatus, urgency: Urgency
) -> None:
    """A day where it is urgent, three where it is not; an emergency is on hold for three days before."""
    uncovered, window = [*between(status, urgency=urgency), withdrawn(C2)], END_TIMES.windows[urgency]
    when = given(*uncovered).when(END, by=SUPERVISOR)
    if urgency is Urgency.EMERGENCY and status is not S.ON_HOLD:
        when.refused(Invalid, field="referral")
        return
    announced = replace(ANNOUNCED, ends_at=NOON + window)
    when.then(announced)
    assert window == {Urgency.ROUTINE: 3 * DAY, Urgency.URGENT: DAY, Urgency.EMERGENCY: 3 * DAY}[urgency]
    given(*uncovered, announced).when(END, by=SUPERVISOR).refused(AlreadyDone)
    for after in (HOUR, window - HOUR, window, 30 * DAY):
        raised = given(*uncovered, announced).when_raised(EFFECT, after)
        if after < window:
            raised.refused(StillRunning)
        else:
            raised.then(replace(ENDED, occurred_at=NOON + after))
    given(*uncovered).when_raised(EFFECT, 30 * DAY).refused(WrongMove)


@pytest.mark.parametrize("status", [S.IN_PROGRESS, S.ON_HOLD])
def test_what_covers_it_again_by_then_is_the_answer(status: ReferralStatus) -> None:
    uncovered = [*between(status), withdrawn(C2), ANNOUNCED]
    heard = {"given_by": frozenset({ConsentBy.SURVIVOR}), "obtained": Obtained.VERBAL}
    answer = say(GiveConsent, **scope(C3, to="psikolog"), **heard)
    after = given(*uncovered).when(answer, by=LEAD).then_only(ConsentGiven, UncoveredEndAnswered)
    assert announced_end(after, after.referrals[R2]) is None
    with pytest.raises(WrongMove):
        decide(replace(EFFECT, occurred_at=NOON + 9 * DAY), after, later(SYSTEM, 9 * DAY), NETWORK)
    on_a_ground = override(C3, to="psikolog")
    given(*uncovered, on_a_ground).when_raised(EFFECT, DAY).then(replace(ANSWERED, occurred_at=NOON + DAY))


def test_what_its_sender_heard_of_her_answers_it_once_she_says_so_to_the_lead() -> None:
    """She took it back: another's word that she agrees again is not hers."""
    sent_on = [(event, "rsud") for event in brought_to(S.IN_PROGRESS, R2, sender="rsud", **PLACES["psikolog"])]
    running = [*referred(), (incident(), "rsud"), consent(C2, to="psikolog"), *sent_on, withdrawn(C2), ANNOUNCED]
    heard = {"given_by": frozenset({ConsentBy.SURVIVOR}), "obtained": Obtained.VERBAL}
    answer = say(GiveConsent, **scope(C3, to="psikolog"), **heard)
    case = given(*running).when(answer, by=act("rsud")).then_only(ConsentReported)
    confirm = say(ConfirmConsent, consent=C3, **heard)
    When(case, confirm, LEAD, NETWORK).then_only(ConsentConfirmed, UncoveredEndAnswered)


def test_what_ended_otherwise_is_ended_by_no_announcement() -> None:
    over = [*between(S.ON_HOLD), withdrawn(C2), ANNOUNCED, moved(S.COMPLETED, R2)]
    given(*over).when_raised(EFFECT, DAY).refused(WrongMove)


def test_what_a_former_lead_announced_ends_with_its_lead() -> None:
    taken = say(LeadTransferAccepted, transfer=an_id("t"), lead="lbh", lead_kind=AgencyKind.LEGAL_AID)
    given(*between(S.ON_HOLD), withdrawn(C2), ANNOUNCED, taken).when_raised(EFFECT, DAY).refused(WrongMove)


def test_its_sender_and_recipient_are_told_and_nobody_else() -> None:
    knowledge, told = Knowledge(), set[str]()
    events: list[tuple[Fact, str]] = [
        event if isinstance(event, tuple) else (event, "uptd-ppa")
        for event in [*between(S.IN_PROGRESS), *brought_to(S.IN_PROGRESS, an_id("r3"), to="dinsos"), withdrawn(C2)]
    ]
    for n, (event, author) in enumerate([*events, (ANNOUNCED, "uptd-ppa"), (ENDED, "uptd-ppa")], start=1):
        told = {t.agency for t in knowledge.learn(written(n, event, author, NOON)).tell if t.of.event is event}
        assert n <= len(events) or told == {"uptd-ppa", "rsud", "psikolog"}


def test_after_it_nothing_goes_on() -> None:
    over = [*between(S.ON_HOLD), withdrawn(C2), ENDED]
    resume = say(ResumeReferral, referral=R2)
    given(*over).when(resume, by=act("psikolog")).refused(WrongMove)
