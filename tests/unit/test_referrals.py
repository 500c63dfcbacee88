"""A referral is drafted, and sent under a consent that covers all of it."""

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
)

from rujukan.domain.case.referrals import DraftReferral, ReferralDrafted, ReferralSent, SendReferral
from rujukan.domain.codes import AgencyKind, Purpose, ReferralStatus, Service, Urgency
from rujukan.domain.compartment import Compartment
from rujukan.domain.refusal import (
    AlreadyExists,
    AlreadyReferred,
    ConsentMissing,
    Invalid,
    NotForThisAgency,
    RecipientUnavailable,
    Unknown,
    WrongMove,
)

S = ReferralStatus

SEND = say(SendReferral, referral=R1)


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
    with_lawyers = [
        opened(),
        consent(),
        consent(C2, to="lbh", of=("legal",), purposes=(Purpose.LEGAL,)),
        *brought_to(S.IN_PROGRESS, R2, to="lbh", service=Service.LEGAL_AID, of=("legal",), purpose=Purpose.LEGAL),
    ]
    on = drafting(referral=R3, to="psikolog", service=Service.PSYCHOSOCIAL, parent=R1)
    given(*referred(S.COMPLETED)).when(on).refused(Invalid, field="parent")
    given(opened()).when(on).refused(Unknown, what="referral")
    given(*with_lawyers, draft(sender="lbh")).when(replace(on, parent=R2), by=LAWYER).then_only(ReferralDrafted)
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


def test_a_recipient_of_an_ended_referral_sends_none_of_its_drafts() -> None:
    events = [*referred(), draft(R2, sender="rsud", to="psikolog", service=Service.PSYCHOSOCIAL), moved(S.COMPLETED)]
    given(*events).when(say(SendReferral, referral=R2), by=HOSPITAL).refused(NotForThisAgency)


# Beside one that is open -------------------------------------------------------------------------------------

AGAIN = say(SendReferral, referral=R2)
WITH_A_REASON = say(SendReferral, referral=R2, duplicate_reason="Pemeriksaan lanjutan bulan depan.")


@pytest.mark.parametrize("status", [S.REQUESTED, S.RECEIVED, S.ACCEPTED, S.IN_PROGRESS, S.ON_HOLD])
def test_another_for_the_same_beside_one_that_is_open_is_sent_with_a_reason(status: ReferralStatus) -> None:
    """It may be a slip, and may be meant: nobody is kept from it, who says why."""
    twice = given(*referred(status), draft(R2))
    twice.when(AGAIN).refused(AlreadyReferred, referrals=[R1], recipient="rsud", service=Service.HEALTH)
    case = twice.when(WITH_A_REASON).then_only(ReferralSent)
    assert case.referrals[R2].status is S.REQUESTED
    (event,) = given(*referred(status), draft(R2)).when(WITH_A_REASON).events
    assert isinstance(event, ReferralSent)
    assert event.duplicate_reason == "Pemeriksaan lanjutan bulan depan."


@pytest.mark.parametrize("status", [S.DRAFT, S.REJECTED, S.COMPLETED, S.FAILED, S.CANCELLED])
def test_none_is_asked_for_where_nothing_is_open(status: ReferralStatus) -> None:
    given(*referred(status), draft(R2)).when(AGAIN).then_only(ReferralSent)


def test_nor_for_another_service_or_another_agency() -> None:
    examined = draft(R2, service=Service.FORENSIC)
    given(*referred(), examined).when(AGAIN).then_only(ReferralSent)
    elsewhere = draft(R2, to="psikolog", service=Service.PSYCHOSOCIAL)
    given(*referred(), consent(C2, to="psikolog"), elsewhere).when(AGAIN).then_only(ReferralSent)


def test_who_may_not_know_of_the_open_one_is_not_told_that_there_is_one() -> None:
    """To all but its sender, its recipient and the lead a referral does not exist; the lead sees all."""
    by_police = [*brought_to(S.ACCEPTED, R3, to="polres"), draft(R2, sender="polres")]
    given(*referred(), consent(C2, to="polres"), *by_police).when(AGAIN, by=POLICE).then_only(ReferralSent)
    of_police = [*brought_to(S.ACCEPTED, R3, to="polres"), draft(R1, sender="polres"), sent(R1)]
    given(opened(), consent(), consent(C2, to="polres"), *of_police, draft(R2)).when(AGAIN).refused(
        AlreadyReferred, referrals=[R1]
    )
