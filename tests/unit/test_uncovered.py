"""The lead ends a referral between others that no consent covers any more, and no other."""

from typing import Any

import pytest
from msgspec.structs import replace
from story import (
    C2,
    DAY,
    HOUR,
    LEAD,
    NOON,
    R2,
    SUPERVISOR,
    act,
    an_id,
    brought_to,
    consent,
    given,
    later,
    moved,
    override,
    referred,
    reported,
    say,
    withdrawn,
    written,
)

from rujukan.domain.case.erasure import ErasureRequested, RequestErasure
from rujukan.domain.case.fulfilment import ReferralHeld, ResumeReferral
from rujukan.domain.case.lifecycle import CaseClosed, CloseCase
from rujukan.domain.case.stopping import StopSharing
from rujukan.domain.case.uncovered import EndUncoveredReferral, UncoveredReferralEnded
from rujukan.domain.casefile.stopping import SharingStopped
from rujukan.domain.codes import (
    CloseReason,
    ConsentBy,
    ErasureBasis,
    Purpose,
    ReferralStatus,
    Service,
    StopAbout,
    Urgency,
)
from rujukan.domain.disclosure import Knowledge
from rujukan.domain.fact import Fact
from rujukan.domain.refusal import Invalid, OpenReferrals, WrongMove
from rujukan.domain.standing.rule import is_known_to, takes_part

S = ReferralStatus
OPEN = [s for s in S if s.is_open]
END = say(EndUncoveredReferral, referral=R2, reason="she asked for erasure")
ENDED = say(UncoveredReferralEnded, referral=R2, reason="she asked for erasure")
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
    given(*uncovered).when(ERASE, by=SUPERVISOR).refused(OpenReferrals, referrals=[R2])
    after = given(*uncovered).when(END, by=SUPERVISOR).then(ENDED)
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
    given(*running, STOPPED, moved(S.ON_HOLD, R2)).when(END, by=SUPERVISOR).then(ENDED)


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
        when.then(ENDED)
    else:
        when.refused(Invalid, field="referral")


@pytest.mark.parametrize("status", OPEN)
def test_an_emergency_is_left_alone_until_it_was_on_hold_for_three_days(status: ReferralStatus) -> None:
    urgent = [*between(status, urgency=Urgency.EMERGENCY), withdrawn(C2)]
    for after in (HOUR, 3 * DAY - HOUR, 3 * DAY, 30 * DAY):
        when = given(*urgent).when(replace(END, occurred_at=NOON + after), by=later(SUPERVISOR, after))
        if status is S.ON_HOLD and after >= 3 * DAY:
            when.then(replace(ENDED, occurred_at=NOON + after))
        else:
            when.refused(Invalid, field="referral")


def test_its_sender_and_recipient_are_told_and_nobody_else() -> None:
    knowledge, told = Knowledge(), set[str]()
    events: list[tuple[Fact, str]] = [
        event if isinstance(event, tuple) else (event, "uptd-ppa")
        for event in [*between(S.IN_PROGRESS), *brought_to(S.IN_PROGRESS, an_id("r3"), to="dinsos"), withdrawn(C2)]
    ]
    for n, (event, author) in enumerate([*events, (ENDED, "uptd-ppa")], start=1):
        told = {t.agency for t in knowledge.learn(written(n, event, author, NOON)).tell if t.of.event is event}
    assert told == {"uptd-ppa", "rsud", "psikolog"}


def test_after_it_nothing_goes_on() -> None:
    over = [*between(S.ON_HOLD), withdrawn(C2), ENDED]
    resume = say(ResumeReferral, referral=R2)
    given(*over).when(resume, by=act("psikolog")).refused(WrongMove)
