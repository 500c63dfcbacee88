"""Sharing without consent: on which ground, by whom, for whom, towards whom, how far and how long; by one person who is
reviewed, or by two."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from story import (
    C1,
    C2,
    DAY,
    DOCUMENT,
    HOSPITAL,
    HOUR,
    LEAD,
    NETWORK,
    NOON,
    SUPERVISOR,
    SYSTEM,
    act,
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
    say,
    scope,
    sent,
    the_case,
)

from rujukan.domain.case.documents import DocumentAttached
from rujukan.domain.case.overrides import (
    ApproveOverride,
    EndOverride,
    OverrideAsked,
    OverrideConsent,
    OverrideEnded,
    OverrideRefused,
    OverrideReviewed,
    OverrideReviewOverdue,
    RaiseOverrideReview,
    RefuseOverride,
    ReviewOverride,
    SharedWithoutConsent,
)
from rujukan.domain.case.referrals import ReferralCancelled, SendReferral
from rujukan.domain.casefile.judging import HIGHEST_REMINDER, WITHIN
from rujukan.domain.codes import (
    AgeGroup,
    AgencyKind,
    DocumentKind,
    GlassVerdict,
    Purpose,
    ReferralStatus,
    Role,
    SharingBasis,
    Urgency,
)
from rujukan.domain.compartment import ALL, Compartment
from rujukan.domain.fact import Act, Fact
from rujukan.domain.refusal import (
    AlreadyExists,
    AnotherPersonNeeded,
    ConsentNotLive,
    Invalid,
    NotByTheSamePerson,
    NotForThisAgency,
    NotForThisRole,
    RecipientUnavailable,
    StillRunning,
    Unknown,
    WrongMove,
)
from rujukan.domain.standing.bases import BASES, TERMS

B, K, P, S = SharingBasis, AgencyKind, Purpose, ReferralStatus
OFFICER = act("uptd-ppa", Role.DATA_PROTECTION_OFFICER)
REVIEWER = act("uptd-ppa", Role.LEGAL_REVIEWER)
NURSE_IN_CHARGE = act("rsud", Role.SUPERVISOR)
AGENCIES = {agency.kind: agency.code for agency in NETWORK.values()}
NEEDS = {B.COURT_ORDER: {"document": DOCUMENT}, B.VITAL_INTEREST: {"on_word_of": "dr. S."}}
"""What a ground asks for beside."""


ATTACHED = say(
    DocumentAttached,
    document=DOCUMENT,
    kind=DocumentKind.COURT_DOCUMENT,
    compartment="legal",
    media_type="application/pdf",
    size=3,
    sha256="0" * 64,
)


def shares(basis: SharingBasis = B.IMMINENT_DANGER, id: Any = C2, **other: Any) -> OverrideConsent:
    """To share the least that the ground is for, with whom it is for."""
    row = BASES[basis]
    to = AGENCIES[next(k for k in K if k in (row.towards or set(K)) and k in AGENCIES)]
    about = {"to": to, "of": (min(row.at_most - {Compartment.COORDINATION}).word,), "purposes": [min(row.purposes)]}
    about |= {name: other.pop(name) for name in ("to", "of", "purposes", "until") if name in other}
    fields = {"basis": basis, "rule": "r", "reason": "r", **NEEDS.get(basis, {}), **other}
    return say(OverrideConsent, **scope(id, **about), **fields)


def by_whom(basis: SharingBasis, role: Role | None = None) -> Act:
    """Somebody who may use a ground, of an agency that takes part."""
    row = BASES[basis]
    agency = "uptd-ppa" if not row.of or K.LEAD in row.of else "rsud"
    return act(agency, role or min(row.by, key=list(Role).index))


def a_case(basis: SharingBasis, urgency: Urgency = Urgency.EMERGENCY) -> list[Fact]:
    """A case whom the ground may concern, in which lead and hospital take part."""
    age = AgeGroup.ADOLESCENT if BASES[basis].concerns else AgeGroup.ADULT
    return [replace(opened(age=age), urgency=urgency), consent(), *brought_to(S.IN_PROGRESS), ATTACHED]


def shared_alone(id: Any, by: Act) -> SharedWithoutConsent:
    about = {"basis": B.IMMINENT_DANGER, "rule": "r", "reason": "r", "decided_by": by.actor, "bases": TERMS}
    return say(SharedWithoutConsent, **scope(id), **about, review_due_at=NOON + WITHIN)


# The table --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("basis", list(B))
def test_every_ground_has_its_row_and_is_used_within_it(basis: SharingBasis) -> None:
    by = by_whom(basis)
    after = given(*a_case(basis)).when(shares(basis), by=by).then_only(SharedWithoutConsent)
    assert after.consents[C2].override
    made = given(*a_case(basis)).when(shares(basis), by=by).events[0]
    assert isinstance(made, SharedWithoutConsent)
    assert (made.decided_by, made.bases, made.review_due_at) == (by.actor, TERMS, NOON + WITHIN)
    usual = BASES[basis].usual
    assert made.expires_at == (NOON + usual if usual is not None else None)


@pytest.mark.parametrize("basis", list(B))
def test_no_ground_goes_further_than_its_row(basis: SharingBasis) -> None:
    row, case, by = BASES[basis], given(*a_case(basis)), by_whom(basis)
    for compartment in ALL - row.at_most - {Compartment.COORDINATION}:
        case.when(shares(basis, of=(compartment.word,)), by=by).refused(Invalid, field="compartments")
    for purpose in set(P) - row.purposes:
        case.when(shares(basis, purposes=(purpose,)), by=by).refused(Invalid, field="purposes")
    for agency in NETWORK.values():
        result = case.when(shares(basis, to=agency.code), by=by)
        assert (result.refusal is None) == (not row.towards or agency.kind in row.towards), agency.code
        of_kind = case.when(shares(basis, to=f"kind:{agency.kind.value}"), by=by)
        assert (of_kind.refusal is None) == (result.refusal is None)
    case.when(shares(basis, to="nobody"), by=by).refused(RecipientUnavailable, agency="nobody")
    if row.longest is not None:
        case.when(shares(basis, until=NOON + row.longest + HOUR), by=by).refused(Invalid, field="expires_at")
        assert case.when(shares(basis, until=NOON + row.longest), by=by).refusal is None
    case.when(shares(basis, until=NOON), by=by).refused(Invalid, field="expires_at")


@pytest.mark.parametrize("basis", list(B))
def test_who_may_use_a_ground_and_for_whom(basis: SharingBasis) -> None:
    row, case = BASES[basis], given(*a_case(basis))
    for role in (Role.CASE_WORKER, Role.SUPERVISOR, Role.LEGAL_REVIEWER):
        found = case.when(shares(basis), by=by_whom(basis, role)).refusal
        assert (found is None) == (role in row.by), role
        assert found is None or found.about["field"] == "basis"
    for agency in ("uptd-ppa", "rsud"):
        found = case.when(shares(basis), by=replace(act(agency), role=by_whom(basis).role)).refusal
        assert (found is None) == (not row.of or NETWORK[agency].kind in row.of), agency
        assert found is None or found.about["field"] == "basis"
    if row.concerns:
        adult = given(replace(opened(), urgency=Urgency.EMERGENCY))
        adult.when(shares(basis), by=LEAD).refused(Invalid, field="basis")


def test_an_order_is_attached_and_who_cannot_be_asked_is_somebody_s_word() -> None:
    order, vital = shares(B.COURT_ORDER, document=None), shares(B.VITAL_INTEREST, on_word_of=None)
    given(*a_case(B.COURT_ORDER)).when(order, by=SUPERVISOR).refused(Invalid, field="document")
    given(*a_case(B.VITAL_INTEREST)).when(vital, by=LEAD).refused(Invalid, field="on_word_of")
    elsewhere = shares(B.COURT_ORDER, document=an_id("a document of another case"))
    given(*a_case(B.COURT_ORDER)).when(elsewhere, by=SUPERVISOR).refused(Unknown, what="document")


def test_it_is_shared_once_and_then_sent() -> None:
    given(opened(), consent(C2)).when(shares(), by=LEAD).refused(AlreadyExists, id=C2)
    given(opened(), override(), draft()).when(say(SendReferral, referral=draft().referral)).then(sent())


# Alone, and reviewed ------------------------------------------------------------------------------------------------

ALONE = [opened(), (shared_alone(C1, LEAD), "uptd-ppa")]
OF_HOSPITAL = [*referred(), (shared_alone(C2, HOSPITAL), "rsud")]


def judges(verdict: GlassVerdict, id: Any = C1) -> ReviewOverride:
    return say(ReviewOverride, consent=id, verdict=verdict, remark="seen")


def test_a_case_worker_at_night_shares_alone_what_cannot_wait() -> None:
    case = [opened(), consent(), *brought_to(S.IN_PROGRESS)]  # not an emergency in itself
    for basis in (B.IMMINENT_DANGER, B.VITAL_INTEREST, B.FORWARDED_REPORT):
        given(*case).when(shares(basis), by=LEAD).then_only(SharedWithoutConsent)


def test_another_person_reviews_it_and_what_was_not_justified_ends() -> None:
    given(*ALONE).when(judges(GlassVerdict.JUSTIFIED), by=OFFICER).then_only(OverrideReviewed)
    begun = [*ALONE, draft(), sent(), moved(S.RECEIVED)]
    ended = given(*begun).when(judges(GlassVerdict.NOT_JUSTIFIED), by=OFFICER)
    after = ended.then_only(OverrideEnded, OverrideReviewed, ReferralCancelled)
    assert not after.consents[C1].live


def test_a_review_that_nobody_gives_is_raised_each_time_the_window_passes() -> None:
    """By the system alone, of what one person did; not of what two decided, or somebody judged."""
    raising, known = say(RaiseOverrideReview, consent=C1), [*ALONE]
    due = shared_alone(C1, LEAD).review_due_at
    assert due is not None
    for level in range(1, HIGHEST_REMINDER + 1):
        due_at = due + (level - 1) * WITHIN
        given(*known).when(raising, by=replace(SYSTEM, at=due_at - timedelta(microseconds=1))).refused(StillRunning)
        overdue = say(OverrideReviewOverdue, due_at, consent=C1, level=level)
        given(*known).when(replace(raising, occurred_at=due_at), by=replace(SYSTEM, at=due_at)).then(overdue)
        known.append(overdue)
    much_later = later(SYSTEM, 300 * DAY)
    given(*known).when(raising, by=much_later).refused(WrongMove)
    given(*ALONE).when(raising, by=later(SUPERVISOR, 30 * DAY), in_role=True).refused(NotForThisRole)
    given(opened()).when(raising, by=much_later).refused(Unknown)
    judged = say(OverrideReviewed, consent=C1, verdict=GlassVerdict.NEEDS_INQUIRY, remark="r", reviewer=OFFICER.actor)
    given(*ALONE, judged).when(raising, by=much_later).refused(WrongMove)
    by_two = replace(shared_alone(C1, LEAD), review_due_at=None)
    given(opened(), (by_two, "uptd-ppa")).when(raising, by=much_later).refused(WrongMove)


def test_nobody_reviews_what_they_shared_themselves_in_whatever_hat() -> None:
    for agency, role in (("uptd-ppa", Role.SUPERVISOR), ("uptd-ppa", Role.DATA_PROTECTION_OFFICER)):
        same = replace(act(agency, role), actor=LEAD.actor)
        given(*ALONE).when(judges(GlassVerdict.JUSTIFIED), by=same).refused(NotByTheSamePerson)
    as_lead = replace(act("uptd-ppa", Role.SUPERVISOR), actor=HOSPITAL.actor)
    given(*OF_HOSPITAL).when(judges(GlassVerdict.JUSTIFIED, C2), by=as_lead).refused(NotByTheSamePerson)


def test_the_lead_s_verdict_is_the_last_word() -> None:
    judged = [
        *OF_HOSPITAL,
        (say(OverrideReviewed, consent=C2, verdict=GlassVerdict.JUSTIFIED, remark="r", reviewer=C1), "rsud"),
    ]
    given(*judged).when(judges(GlassVerdict.NOT_JUSTIFIED, C2), by=NURSE_IN_CHARGE).refused(NotForThisAgency)
    after = given(*judged).when(judges(GlassVerdict.NOT_JUSTIFIED, C2), by=OFFICER)
    final = after.then_only(OverrideEnded, OverrideReviewed)
    again = judges(GlassVerdict.JUSTIFIED, C2)
    for by in (NURSE_IN_CHARGE, OFFICER):
        assert isinstance(_refused(final, again, by), NotForThisAgency | Unknown)


def _refused(case: Any, command: Fact, by: Act) -> Any:
    from rujukan.domain.case import decide
    from rujukan.domain.refusal import Refusal

    try:
        decide(command, case, by, NETWORK)
    except Refusal as refusal:
        return refusal
    return None


# By two, before ----------------------------------------------------------------------------------------------------

ORDER = shares(B.COURT_ORDER, to="rsud", of=("legal",))
ASKED = given(opened(), ATTACHED).when(ORDER, by=SUPERVISOR).events
APPROVES, REFUSES = say(ApproveOverride, consent=C2, reason="seen"), say(RefuseOverride, consent=C2, reason="no")


def test_what_can_wait_takes_two_people_before() -> None:
    asked = given(opened(), ATTACHED).when(ORDER, by=SUPERVISOR).then_only(OverrideAsked)
    assert C2 not in asked.consents, "it covers nothing yet"
    after = given(opened(), ATTACHED, *ASKED).when(APPROVES, by=REVIEWER)
    (made,) = after.events
    assert isinstance(made, SharedWithoutConsent)
    assert (made.asked_by, made.decided_by, made.review_due_at) == (SUPERVISOR.actor, REVIEWER.actor, None)
    assert (made.document, made.compartments, made.recipients) == (DOCUMENT, {"legal"}, {"rsud"})
    assert after.then_only(SharedWithoutConsent).consents[C2].override


def test_who_asked_is_not_the_second_person_in_whatever_hat() -> None:
    for role in (Role.SUPERVISOR, Role.LEGAL_REVIEWER, Role.DATA_PROTECTION_OFFICER):
        same = replace(act("uptd-ppa", role), actor=SUPERVISOR.actor)
        given(opened(), ATTACHED, *ASKED).when(APPROVES, by=same).refused(AnotherPersonNeeded)


def test_what_is_refused_or_decided_is_over() -> None:
    refused = given(opened(), ATTACHED, *ASKED).when(REFUSES, by=SUPERVISOR).events
    assert [type(event) for event in refused] == [OverrideRefused]
    given(opened(), ATTACHED, *ASKED, *refused).when(APPROVES, by=REVIEWER).refused(Unknown, what="override")
    approved = given(opened(), ATTACHED, *ASKED).when(APPROVES, by=REVIEWER).events
    given(opened(), ATTACHED, *ASKED, *approved).when(APPROVES, by=OFFICER).refused(Unknown, what="override")
    given(opened(), ATTACHED, *ASKED).when(ORDER, by=SUPERVISOR).refused(AlreadyExists, id=C2)


def test_its_time_counts_from_the_approval() -> None:
    report = shares(B.SEXUAL_VIOLENCE_REPORT)
    asked = given(opened()).when(report, by=LEAD).events
    (made,) = given(opened(), *asked).when(APPROVES, by=later(REVIEWER, DAY)).events
    assert isinstance(made, SharedWithoutConsent)
    assert made.expires_at == NOON + DAY + timedelta(days=90)


# Its end -----------------------------------------------------------------------------------------------------------

ENDS = say(EndOverride, consent=C1, reason="she can be asked now")


def test_a_supervisor_ends_it_with_a_reason_and_what_stood_on_it_stops() -> None:
    begun = [*ALONE, draft(), sent(), moved(S.RECEIVED)]
    given(*begun).when(ENDS, by=SUPERVISOR).then_only(OverrideEnded, ReferralCancelled)
    given(*begun).when(ENDS, by=LEAD, in_role=True).refused(NotForThisRole, needs=["supervisor"])
    ended = [*ALONE, say(OverrideEnded, consent=C1, reason="r")]
    given(*ended).when(ENDS, by=SUPERVISOR).refused(ConsentNotLive)
    given(*OF_HOSPITAL).when(replace(ENDS, consent=C1), by=SUPERVISOR).refused(Unknown)  # a consent is none


def test_an_override_of_an_earlier_release_ends_as_any() -> None:
    given(opened(), override()).when(ENDS, by=SUPERVISOR).then_only(OverrideEnded)
    given(opened(), override()).when(judges(GlassVerdict.JUSTIFIED), by=OFFICER).refused(Unknown)
    assert the_case(opened(), override()).consents[C1].live
