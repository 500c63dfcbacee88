"""The referral's state machine: which move, from which state, by whom."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from story import (
    C2,
    CLOCK,
    DAY,
    HOSPITAL,
    HOUR,
    LAWYER,
    LEAD,
    NETWORK,
    NOON,
    POLICE,
    R1,
    R2,
    R3,
    SCHOOL,
    act,
    brought_to,
    clock,
    consent,
    draft,
    draft_fields,
    given,
    later,
    moved,
    opened,
    referred,
    say,
    sent,
    suspended,
    the_case,
    withdrawn,
    written,
)

from rujukan.domain.case.fulfilment import (
    AcceptReferral,
    CompleteReferral,
    FailReferral,
    HoldReferral,
    ReceiveReferral,
    ReferralAccepted,
    ReferralResumed,
    RejectReferral,
    ResumeReferral,
    StartReferral,
)
from rujukan.domain.case.lifecycle import CaseClosed
from rujukan.domain.case.referrals import CancelReferral, DraftReferral, ReferralDrafted, ReferralSent, SendReferral
from rujukan.domain.case.reminders import EscalateReferral, RaiseUndelivered, ReferralEscalated, ReferralUndelivered
from rujukan.domain.codes import (
    AgencyKind,
    CloseReason,
    EndReason,
    Outcome,
    Purpose,
    ReferralStatus,
    RejectReason,
    Role,
    Service,
    Urgency,
)
from rujukan.domain.compartment import Compartment
from rujukan.domain.disclosure import Knowledge
from rujukan.domain.fact import Fact
from rujukan.domain.refusal import (
    AlreadyExists,
    CaseNotOpen,
    ConsentMissing,
    InTheFuture,
    Invalid,
    NotForThisAgency,
    NotForThisRole,
    RecipientUnavailable,
    StillRunning,
    Unknown,
    WrongMove,
)

S = ReferralStatus

SEND = say(SendReferral, referral=R1)
RECEIVE = say(ReceiveReferral, referral=R1)
ACCEPT = say(AcceptReferral, referral=R1)
REJECT = say(RejectReferral, referral=R1, reason=RejectReason.NO_CAPACITY)
START = say(StartReferral, referral=R1)
HOLD = say(HoldReferral, referral=R1, reason=EndReason.WAITING)
RESUME = say(ResumeReferral, referral=R1)
COMPLETE = say(CompleteReferral, referral=R1, outcome=Outcome.DELIVERED)
FAIL = say(FailReferral, referral=R1, reason=EndReason.UNREACHABLE)
CANCEL = say(CancelReferral, referral=R1)
ESCALATE = say(EscalateReferral, referral=R1)
MOVES: dict[str, Fact] = {
    "send": SEND,
    "receive": RECEIVE,
    "accept": ACCEPT,
    "reject": REJECT,
    "start": START,
    "hold": HOLD,
    "resume": RESUME,
    "complete": COMPLETE,
    "fail": FAIL,
    "cancel": CANCEL,
}

SENDER, RECIPIENT = act("lbh"), HOSPITAL
"""The sender here is not the lead, so that what the sender may is not taken for what the lead may."""

LEADS_TO: dict[tuple[S, str], S] = {
    (S.DRAFT, "send"): S.REQUESTED,
    (S.DRAFT, "cancel"): S.CANCELLED,
    (S.REQUESTED, "receive"): S.RECEIVED,
    (S.REQUESTED, "cancel"): S.CANCELLED,
    (S.RECEIVED, "accept"): S.ACCEPTED,
    (S.RECEIVED, "reject"): S.REJECTED,
    (S.RECEIVED, "cancel"): S.CANCELLED,
    (S.ACCEPTED, "start"): S.IN_PROGRESS,
    (S.ACCEPTED, "cancel"): S.CANCELLED,
    (S.IN_PROGRESS, "hold"): S.ON_HOLD,
    (S.IN_PROGRESS, "complete"): S.COMPLETED,
    (S.IN_PROGRESS, "fail"): S.FAILED,
    (S.IN_PROGRESS, "cancel"): S.CANCELLED,
    (S.ON_HOLD, "resume"): S.IN_PROGRESS,
    (S.ON_HOLD, "complete"): S.COMPLETED,
    (S.ON_HOLD, "fail"): S.FAILED,
    (S.ON_HOLD, "cancel"): S.CANCELLED,
}
"""All moves there are. What is not here is refused."""

BY_SENDER = {"send", "cancel"}


def sub_referred(status: S) -> list[Fact]:
    """The legal aid office, itself part of the case by a referral, refers to the hospital."""
    return [
        opened(),
        consent(),
        consent(C2, to="lbh", of=("legal",), purposes=(Purpose.LEGAL,)),
        *brought_to(S.IN_PROGRESS, R2, to="lbh", service=Service.LEGAL_AID, of=("legal",), purpose=Purpose.LEGAL),
        *brought_to(status, R1, sender="lbh"),
    ]


@pytest.mark.parametrize("status", list(S))
@pytest.mark.parametrize("move", list(MOVES))
@pytest.mark.parametrize("who", ["sender", "recipient", "lead", "another recipient", "outsider"])
def test_every_move_from_every_state_by_everybody(status: S, move: str, who: str) -> None:
    by = {"sender": SENDER, "recipient": RECIPIENT, "lead": LEAD, "another recipient": POLICE, "outsider": SCHOOL}[who]
    police = brought_to(S.ACCEPTED, R3, to="polres", of=("legal",), purpose=Purpose.PROTECTION)
    result = given(*sub_referred(status), *police).when(MOVES[move], by=by)
    mover = "sender" if move in BY_SENDER else "recipient"

    if who == "outsider" or (who == "recipient" and status is S.DRAFT):
        result.refused(Unknown, what="case")
    elif who == "another recipient":
        result.refused(Unknown, what="referral")
    elif who == mover and (status, move) in LEADS_TO:
        after = the_case(*sub_referred(status), *police, *result.events)
        assert result.refusal is None
        assert after.referrals[R1].status is LEADS_TO[status, move]
        assert len(result.events) == 1
    elif who == mover:
        result.refused(WrongMove, referral=R1, status=status, move=move)
    else:
        result.refused(NotForThisAgency)


def test_each_move_is_recorded_as_it_was_made() -> None:
    note = "with a note"
    given(*referred(S.REQUESTED)).when(RECEIVE, by=HOSPITAL).then(moved(S.RECEIVED))
    given(*referred(S.RECEIVED)).when(say(AcceptReferral, referral=R1, note=note), by=HOSPITAL).then(
        say(ReferralAccepted, referral=R1, note=note)
    )
    given(*referred(S.RECEIVED)).when(REJECT, by=HOSPITAL).then(moved(S.REJECTED))
    given(*referred(S.ACCEPTED)).when(START, by=HOSPITAL).then(moved(S.IN_PROGRESS))
    given(*referred(S.IN_PROGRESS)).when(HOLD, by=HOSPITAL).then(moved(S.ON_HOLD))
    given(*referred(S.ON_HOLD)).when(RESUME, by=HOSPITAL).then(say(ReferralResumed, referral=R1))
    given(*referred(S.IN_PROGRESS)).when(COMPLETE, by=HOSPITAL).then(moved(S.COMPLETED))
    given(*referred(S.IN_PROGRESS)).when(FAIL, by=HOSPITAL).then(moved(S.FAILED))
    given(*referred(S.IN_PROGRESS)).when(CANCEL).then(moved(S.CANCELLED))


@pytest.mark.parametrize("move", [m for m in MOVES if m != "cancel"])
def test_no_move_is_made_in_the_future(move: str) -> None:
    status = next(s for (s, m) in LEADS_TO if m == move)
    ahead = replace(MOVES[move], occurred_at=NOON + HOUR)
    by = LEAD if move in BY_SENDER else HOSPITAL
    given(*referred(status)).when(ahead, by=by).refused(InTheFuture)


@pytest.mark.parametrize("move", list(MOVES))
def test_no_move_is_made_of_a_referral_that_is_not_there(move: str) -> None:
    by = LEAD if move in BY_SENDER else HOSPITAL
    given(*referred()).when(replace(MOVES[move], referral=R3), by=by).refused(Unknown, what="referral")


@pytest.mark.parametrize("move", list(MOVES))
def test_no_move_is_made_in_a_closed_case(move: str) -> None:
    closed = say(CaseClosed, reason=CloseReason.GOALS_MET)
    by = LEAD if move in BY_SENDER else HOSPITAL
    given(*referred(S.COMPLETED), closed).when(MOVES[move], by=by).refused(CaseNotOpen)


def test_a_recipient_of_an_ended_referral_sends_none_of_its_drafts() -> None:
    events = [*referred(), draft(R2, sender="rsud", to="psikolog", service=Service.PSYCHOSOCIAL), moved(S.COMPLETED)]
    given(*events).when(say(SendReferral, referral=R2), by=HOSPITAL).refused(NotForThisAgency)


# Drafts ------------------------------------------------------------------------------------------------------


def drafting(**other: object) -> DraftReferral:
    return say(DraftReferral, **draft_fields(**other))  # type: ignore[arg-type]


def test_a_draft_names_its_sender_and_the_kinds_of_both() -> None:
    case = given(opened()).when(drafting()).then(draft())
    assert case is not None
    assert (case.referrals[R1].sender, case.referrals[R1].sender_kind) == ("uptd-ppa", AgencyKind.LEAD)
    assert case.referrals[R1].recipient_kind is AgencyKind.HEALTH
    assert case.referrals[R1].status is S.DRAFT


def test_a_draft_needs_no_consent_yet() -> None:
    given(opened()).when(drafting()).then_only(ReferralDrafted)


def test_coordination_is_shared_by_every_referral() -> None:
    assert Compartment.COORDINATION in the_case(opened(), draft(of=("health",))).referrals[R1].compartments


def test_a_referral_is_drafted_once() -> None:
    given(opened(), draft()).when(drafting()).refused(AlreadyExists, id=R1)


def test_a_referral_goes_to_another_agency() -> None:
    given(opened()).when(drafting(to="uptd-ppa", service=Service.COORDINATION)).refused(Invalid, field="recipient")


def test_a_referral_goes_to_an_agency_of_the_network_that_is_active() -> None:
    given(opened()).when(drafting(to="nowhere")).refused(RecipientUnavailable, agency="nowhere")
    given(opened()).when(drafting(), network=suspended("rsud")).refused(RecipientUnavailable, agency="rsud")


def test_a_referral_shares_only_clocks_of_the_case() -> None:
    given(opened()).when(drafting(clocks=(CLOCK,))).refused(Unknown, what="clock")
    given(opened(), clock()).when(drafting(clocks=(CLOCK,))).then_only(ReferralDrafted)


def test_an_outsider_drafts_nothing() -> None:
    given(opened()).when(drafting(), by=SCHOOL).refused(Unknown, what="case")
    given(*referred(S.COMPLETED)).when(drafting(referral=R2, to="lbh"), by=HOSPITAL).refused(NotForThisAgency)


def test_a_recipient_may_refer_on() -> None:
    on = drafting(referral=R2, to="psikolog", service=Service.PSYCHOSOCIAL, parent=R1)
    case = given(*referred()).when(on, by=HOSPITAL).then_only(ReferralDrafted)
    assert (case.referrals[R2].sender, case.referrals[R2].sender_kind) == ("rsud", AgencyKind.HEALTH)


def test_a_sub_referral_names_an_open_parent_that_its_sender_is_party_to() -> None:
    on = drafting(referral=R3, to="psikolog", service=Service.PSYCHOSOCIAL, parent=R1)
    given(*referred(S.COMPLETED)).when(on).refused(Invalid, field="parent")
    given(opened()).when(on).refused(Unknown, what="referral")
    given(*sub_referred(S.DRAFT)).when(replace(on, parent=R2), by=LAWYER).then_only(ReferralDrafted)
    police = brought_to(S.ACCEPTED, R3, to="polres")
    not_theirs = drafting(referral=CLOCK, to="psikolog", parent=R1)
    given(*referred(), *police).when(not_theirs, by=POLICE).refused(Unknown, what="referral")


@pytest.mark.parametrize("status", [S.REJECTED, S.CANCELLED, S.FAILED])
def test_a_referral_that_came_to_nothing_may_be_redirected(status: S) -> None:
    again = drafting(referral=R2, to="psikolog", redirects=R1)
    case = given(*referred(status)).when(again).then_only(ReferralDrafted)
    assert case.referrals[R2].redirects == R1


@pytest.mark.parametrize(
    "status", [S.DRAFT, S.REQUESTED, S.RECEIVED, S.ACCEPTED, S.IN_PROGRESS, S.ON_HOLD, S.COMPLETED]
)
def test_a_referral_that_stands_is_not_redirected(status: S) -> None:
    again = drafting(referral=R2, to="psikolog", redirects=R1)
    given(*referred(status)).when(again).refused(WrongMove, status=status, move="redirect")


def test_only_a_known_referral_is_redirected() -> None:
    given(opened()).when(drafting(referral=R2, redirects=R1)).refused(Unknown, what="referral")


# Sending -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("urgency", "answer_within"),
    [(Urgency.EMERGENCY, HOUR), (Urgency.URGENT, DAY), (Urgency.ROUTINE, 3 * DAY)],
)
def test_an_answer_is_due_by_the_urgency(urgency: Urgency, answer_within: object) -> None:
    given(opened(), consent(), draft(urgency=urgency)).when(SEND).then(
        say(ReferralSent, referral=R1, due_at=NOON + answer_within)  # type: ignore[operator]
    )


@pytest.mark.parametrize(
    ("of_consent", "missing"),
    [
        ({"to": "polres"}, ["coordination", "health", "incident"]),
        ({"to": "kind:police"}, ["coordination", "health", "incident"]),
        ({"of": ("health",)}, ["incident"]),
        ({"purposes": (Purpose.LEGAL,)}, ["coordination", "health", "incident"]),
        ({"until": NOON}, ["coordination", "health", "incident"]),
    ],
    ids=["another recipient", "another kind", "less", "another purpose", "expired"],
)
def test_a_referral_is_sent_only_under_a_consent_that_covers_all_of_it(
    of_consent: dict[str, object], missing: list[str]
) -> None:
    given(opened(), consent(**of_consent), draft()).when(SEND).refused(
        ConsentMissing, recipient="rsud", purpose=Purpose.CARE, compartments=missing
    )


def test_without_any_consent_not_even_coordination_is_sent() -> None:
    given(opened(), draft(of=())).when(SEND).refused(ConsentMissing, compartments=["coordination"])


def test_a_consent_for_the_recipients_kind_will_do() -> None:
    given(opened(), consent(to="kind:health"), draft()).when(SEND).then(sent())


def test_two_consents_may_cover_a_referral_together() -> None:
    given(opened(), consent(of=("health",)), consent(C2, of=("incident",)), draft()).when(SEND).then(sent())


def test_consent_is_asked_at_the_time_of_recording() -> None:
    expiring = [opened(), consent(until=NOON + HOUR), draft()]
    given(*expiring).when(SEND, by=later(LEAD, HOUR)).refused(ConsentMissing)
    given(opened(), consent(), withdrawn(), draft()).when(SEND).refused(ConsentMissing)


def test_a_referral_is_sent_only_to_an_active_agency_that_offers_the_service() -> None:
    given(opened(), consent(), draft()).when(SEND, network=suspended("rsud")).refused(RecipientUnavailable)
    given(opened(), consent(), draft(service=Service.LEGAL_AID)).when(SEND).refused(
        RecipientUnavailable, agency="rsud", service=Service.LEGAL_AID
    )
    without = {code: agency for code, agency in NETWORK.items() if code != "rsud"}
    given(opened(), consent(), draft()).when(SEND, network=without).refused(RecipientUnavailable)


# Silence -----------------------------------------------------------------------------------------------------

SYSTEM = act("uptd-ppa", Role.SYSTEM)


def escalated(level: int) -> ReferralEscalated:
    return say(ReferralEscalated, referral=R1, level=level)


def test_silence_is_raised_when_the_window_has_passed_and_again_each_time_it_passes_again() -> None:
    events = [*referred(S.REQUESTED)]
    for level in (1, 2, 3):
        early = later(SYSTEM, level * DAY - HOUR)
        given(*events).when(ESCALATE, by=early).refused(StillRunning, due_at=NOON + level * DAY)
        given(*events).when(ESCALATE, by=later(SYSTEM, level * DAY)).then(escalated(level))
        events.append(escalated(level))
    given(*events).when(ESCALATE, by=later(SYSTEM, 30 * DAY)).refused(WrongMove, move="escalate")


def test_what_is_not_due_yet_says_when_it_is_due_next() -> None:
    """Not when it was due first."""
    once = [*referred(S.REQUESTED), escalated(1)]
    given(*once).when(ESCALATE, by=later(SYSTEM, DAY)).refused(StillRunning, due_at=NOON + 2 * DAY)


@pytest.mark.parametrize("status", [s for s in S if s not in (S.DRAFT, S.REQUESTED)])
def test_what_was_answered_is_not_escalated(status: S) -> None:
    given(*referred(status)).when(ESCALATE, by=later(SYSTEM, 2 * DAY)).refused(WrongMove, status=status)


def test_a_draft_waits_for_nobody() -> None:
    given(*referred(S.DRAFT)).when(ESCALATE, by=later(SYSTEM, 2 * DAY)).refused(Unknown, what="referral")
    given().when(ESCALATE, by=SYSTEM).refused(Unknown, what="referral")


def undelivered(level: int, to: str) -> ReferralUndelivered:
    return say(ReferralUndelivered, referral=R1, level=level, to=to)


UNDELIVERED = say(RaiseUndelivered, referral=R1)


def test_what_did_not_arrive_is_raised_to_the_recipient_first_and_then_to_the_lead() -> None:
    events = [*referred(S.REQUESTED)]
    for level, to in ((1, "rsud"), (2, "uptd-ppa"), (3, "uptd-ppa")):
        early = later(SYSTEM, level * 2 * HOUR - timedelta(microseconds=1))
        given(*events).when(UNDELIVERED, by=early).refused(StillRunning, due_at=NOON + level * 2 * HOUR)
        given(*events).when(UNDELIVERED, by=later(SYSTEM, level * 2 * HOUR)).then(undelivered(level, to))
        events.append(undelivered(level, to))
    given(*events).when(UNDELIVERED, by=later(SYSTEM, 30 * DAY)).refused(WrongMove, move="raise")


@pytest.mark.parametrize(
    ("urgency", "window"), [(Urgency.EMERGENCY, HOUR / 6), (Urgency.URGENT, 2 * HOUR), (Urgency.ROUTINE, DAY)]
)
def test_how_soon_it_is_to_arrive_follows_from_its_urgency(urgency: Urgency, window: timedelta) -> None:
    events = referred(S.REQUESTED, urgency=urgency)
    given(*events).when(UNDELIVERED, by=later(SYSTEM, window - HOUR / 60)).refused(StillRunning, due_at=NOON + window)
    given(*events).when(UNDELIVERED, by=later(SYSTEM, window)).then(undelivered(1, "rsud"))


@pytest.mark.parametrize("status", [s for s in S if s not in (S.DRAFT, S.REQUESTED)])
def test_what_was_answered_has_arrived(status: S) -> None:
    given(*referred(status)).when(UNDELIVERED, by=later(SYSTEM, 2 * DAY)).refused(WrongMove, status=status)


def test_a_case_of_the_first_pathway_has_no_such_window() -> None:
    first = replace(opened(), pathway="2026-1")
    log = [first, *referred(S.REQUESTED)[1:]]
    given(*log).when(UNDELIVERED, by=later(SYSTEM, 2 * DAY)).refused(Unknown, what="referral")


def test_that_it_did_not_arrive_counts_apart_from_that_nobody_answered() -> None:
    case = the_case(*referred(S.REQUESTED), undelivered(1, "rsud"), escalated(1), undelivered(2, "uptd-ppa"))
    assert (case.referrals[R1].escalations, case.referrals[R1].undelivered) == (1, 2)
    assert case.referrals[R1].status is S.REQUESTED


def test_lead_and_recipient_are_told_of_both_and_nobody_else() -> None:
    for event in (undelivered(1, "rsud"), escalated(2)):
        knowledge = Knowledge()
        for version, before in enumerate((*referred(S.REQUESTED), event), 1):
            author = "rujukan" if before is event else "uptd-ppa"
            told = knowledge.follow(replace(written(version, before), author=author))
        assert {t.agency for t in told} == {"rujukan", "uptd-ppa", "rsud"}


@pytest.mark.parametrize("role", [r for r in Role if r is not Role.SYSTEM])
def test_only_the_system_says_that_it_did_not_arrive(role: Role) -> None:
    late = later(act("uptd-ppa", role), 2 * DAY)
    given(*referred(S.REQUESTED)).when(UNDELIVERED, by=late).refused(NotForThisRole, needs="system")


def test_escalation_moves_the_referral_nowhere() -> None:
    case = the_case(*referred(S.REQUESTED), escalated(1))
    assert case.referrals[R1].status is S.REQUESTED
    given(*referred(S.REQUESTED), escalated(1)).when(RECEIVE, by=HOSPITAL).then(moved(S.RECEIVED))


@pytest.mark.parametrize("role", [r for r in Role if r is not Role.SYSTEM])
def test_only_the_system_escalates(role: Role) -> None:
    late = later(act("uptd-ppa", role), 2 * DAY)
    given(*referred(S.REQUESTED)).when(ESCALATE, by=late).refused(NotForThisRole, needs="system")
