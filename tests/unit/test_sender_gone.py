"""The lead ends a referral whose sender is gone, and no other; what its recipient accepted, and an emergency, that one
ends."""

from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace
from story import (
    C2,
    DAY,
    LEAD,
    NETWORK,
    NOON,
    R2,
    SUPERVISOR,
    act,
    brought_to,
    consent,
    given,
    referred,
    say,
    suspended,
    written,
)

from rujukan.domain.agency_state import Agency
from rujukan.domain.case.lead import LeadTransferAccepted
from rujukan.domain.case.lifecycle import CaseClosed, CloseCase
from rujukan.domain.case.referrals import CancelReferral, ReferralCancelled
from rujukan.domain.case.sender_gone import EndReferralForSender, ReferralEndedForSender
from rujukan.domain.codes import AgencyKind, CloseReason, Purpose, ReferralStatus, Role, Service, Urgency
from rujukan.domain.custody import custody
from rujukan.domain.disclosure import Knowledge
from rujukan.domain.fact import Fact
from rujukan.domain.refusal import Invalid, NotForThisRole, OpenReferrals, WrongMove
from rujukan.domain.standing.rule import takes_part

S = ReferralStatus
OPEN = [s for s in S if s.is_open or s is S.DRAFT]
ENDED_BY_LEAD = [S.DRAFT, S.REQUESTED, S.RECEIVED]
END = say(EndReferralForSender, referral=R2, reason="its hospital is suspended")
ENDED = say(ReferralEndedForSender, referral=R2, reason="its hospital is suspended")
CLOSE = say(CloseCase, reason=CloseReason.GOALS_MET)
PLACES: dict[str, dict[str, Any]] = {
    "psikolog": {"to": "psikolog", "service": Service.PSYCHOSOCIAL},
    "polres": {"to": "polres", "service": Service.LAW_ENFORCEMENT},
    "kejari": {"to": "kejari", "service": Service.LAW_ENFORCEMENT},
}


def between(
    status: ReferralStatus,
    hospital: ReferralStatus = S.IN_PROGRESS,
    to: str = "psikolog",
    urgency: Urgency = Urgency.URGENT,
) -> list[Any]:
    """The hospital, whose own referral is in that state, sent her on; a consent covers it."""
    sent_on = brought_to(status, R2, sender="rsud", urgency=urgency, **PLACES[to])
    return [*referred(hospital), consent(C2, to=to, purposes=Purpose), *((event, "rsud") for event in sent_on)]


GONE: Mapping[str, tuple[ReferralStatus, Mapping[str, Agency]]] = {
    "suspended": (S.IN_PROGRESS, suspended("rsud")),
    "done": (S.COMPLETED, NETWORK),
    "taken back": (S.CANCELLED, NETWORK),
    "failed": (S.FAILED, NETWORK),
}


@pytest.mark.parametrize("why", GONE)
@pytest.mark.parametrize("status", ENDED_BY_LEAD)
def test_what_a_gone_sender_left_keeps_the_file_from_nothing(status: ReferralStatus, why: str) -> None:
    hospital, network = GONE[why]
    case = between(status, hospital)
    if status.is_open:
        given(*case).when(CLOSE, by=LEAD).refused(OpenReferrals)
    after = given(*case).when(END, by=SUPERVISOR, network=network).then(ENDED)
    assert after is not None
    assert after.referrals[R2].status is S.CANCELLED
    assert not takes_part(after, "psikolog")
    if hospital is not S.IN_PROGRESS:
        given(*case, ENDED).when(CLOSE, by=LEAD).then_only(CaseClosed)


@pytest.mark.parametrize("status", ENDED_BY_LEAD)
def test_who_led_before_is_gone_too(status: ReferralStatus) -> None:
    """What they sent as the lead stays theirs, and they may be nobody to this case any more."""
    sent_by_them = brought_to(status, R2, **PLACES["psikolog"])
    passed_on = say(LeadTransferAccepted, transfer=R2, lead="dinsos", lead_kind=AgencyKind.SOCIAL)
    case = given(*referred(S.COMPLETED), consent(C2, to="psikolog", purposes=Purpose), *sent_by_them, passed_on)
    case.when(END, by=act("dinsos", Role.SUPERVISOR)).then(ENDED)


@pytest.mark.parametrize("why", GONE)
@pytest.mark.parametrize("urgency", list(Urgency))
@pytest.mark.parametrize("status", [s for s in OPEN if s not in ENDED_BY_LEAD])
def test_work_that_was_accepted_its_recipient_ends(status: ReferralStatus, urgency: Urgency, why: str) -> None:
    """Else a lead ends what brought the sender here, and a minute later the work of whom that one asked. Where nobody
    is there to end it, the lead does, but for an emergency: somebody may be on the way to her."""
    hospital, network = GONE[why]
    case = given(*between(status, hospital, urgency=urgency))
    case.when(END, by=SUPERVISOR, network=network).refused(Invalid, field="referral")
    nobody_there = {**network, "psikolog": replace(NETWORK["psikolog"], active=False)}
    when = case.when(END, by=SUPERVISOR, network=nobody_there)
    if urgency is Urgency.EMERGENCY:
        when.refused(Invalid, field="referral")
    else:
        when.then(ENDED)


@pytest.mark.parametrize("hospital", [s for s in S if s.is_open])
@pytest.mark.parametrize("status", OPEN)
def test_a_sender_who_is_there_ends_it_itself(status: ReferralStatus, hospital: ReferralStatus) -> None:
    case = given(*between(status, hospital))
    case.when(END, by=SUPERVISOR).refused(Invalid, field="referral")
    case.when(say(CancelReferral, referral=R2), by=act("rsud")).then_only(ReferralCancelled)


@pytest.mark.parametrize("status", OPEN)
def test_the_lead_s_own_is_not_ended_so(status: ReferralStatus) -> None:
    end = replace(END, referral=R2)
    own = [consent(C2, to="psikolog", purposes=Purpose), *brought_to(status, R2, **PLACES["psikolog"])]
    given(*referred(), *own).when(end, by=SUPERVISOR).refused(Invalid, field="referral")


@pytest.mark.parametrize("status", [s for s in S if s not in OPEN])
def test_what_is_over_is_not_ended(status: ReferralStatus) -> None:
    given(*between(status, S.COMPLETED)).when(END, by=SUPERVISOR).refused(WrongMove)


def test_it_takes_a_supervisor() -> None:
    given(*between(S.ACCEPTED, S.COMPLETED)).when(END, by=LEAD, in_role=True).refused(NotForThisRole)


@pytest.mark.parametrize("why", GONE)
@pytest.mark.parametrize("status", ENDED_BY_LEAD)
def test_an_emergency_that_was_sent_is_its_recipient_s_to_end(status: ReferralStatus, why: str) -> None:
    hospital, network = GONE[why]
    case = given(*between(status, hospital, urgency=Urgency.EMERGENCY))
    when = case.when(END, by=SUPERVISOR, network=network)
    nobody_there = {**network, "psikolog": replace(NETWORK["psikolog"], active=False)}
    for at_hand in (when, case.when(END, by=SUPERVISOR, network=nobody_there)):
        if status is S.DRAFT:
            at_hand.then(ENDED)
        else:
            at_hand.refused(Invalid, field="referral")


@pytest.mark.parametrize("to", ["polres", "kejari"])
@pytest.mark.parametrize("status", OPEN)
def test_what_police_or_court_received_is_theirs_to_end(status: ReferralStatus, to: str) -> None:
    when = given(*between(status, S.COMPLETED, to)).when(END, by=SUPERVISOR)
    if status in (S.DRAFT, S.REQUESTED):
        when.then(ENDED)
    else:
        when.refused(Invalid, field="referral")


@pytest.mark.parametrize(("status", "concerned"), [(S.RECEIVED, {"rsud", "psikolog"}), (S.DRAFT, {"rsud"})])
def test_sender_and_recipient_are_told_why(status: ReferralStatus, concerned: set[str]) -> None:
    """Of a draft, of which its recipient knows nothing, its sender alone."""
    knowledge, shares = Knowledge(), set[str]()
    for n, event in enumerate([*between(status, S.COMPLETED), ENDED], start=1):
        shares = {told.agency for told in knowledge.learn(written(n, *_said(event))).tell if told.of.event is ENDED}
    assert shares - {"uptd-ppa"} == concerned


def test_custody_says_that_nobody_had_it_any_more_and_who_had() -> None:
    log = [written(n, *_said(event)) for n, event in enumerate([*between(S.IN_PROGRESS, S.COMPLETED), ENDED], start=1)]
    found = [held for held in custody(log, NOON + DAY).referrals if held.referral == R2]
    assert [held.status for held in found][-2:] == [S.IN_PROGRESS, S.CANCELLED]
    assert found[-1].holder == "psikolog"


def _said(event: Any) -> tuple[Fact, str]:
    return event if isinstance(event, tuple) else (event, "uptd-ppa")
