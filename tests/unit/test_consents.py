"""Consent: from whom, for whom, for what and until when; and what stops when it ends."""

from datetime import timedelta

import pytest
from story import (
    C1,
    C2,
    DAY,
    HOSPITAL,
    HOUR,
    LEAD,
    NOON,
    R1,
    R2,
    SCHOOL,
    SUPERVISOR,
    SYSTEM,
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
    say,
    scope,
    sent,
    the_case,
    withdrawn,
)

from rujukan.domain.case.consents import (
    ConsentExpired,
    ConsentGiven,
    ConsentNarrowed,
    ConsentRefused,
    ConsentReported,
    ConsentWithdrawn,
    ExpireConsent,
    GiveConsent,
    NarrowConsent,
    RefuseConsent,
    WithdrawConsent,
)
from rujukan.domain.case.fulfilment import ReferralHeld, ReferralResumed, ResumeReferral
from rujukan.domain.case.lifecycle import CaseClosed
from rujukan.domain.case.overrides import OverrideConsent
from rujukan.domain.case.referrals import ReferralCancelled, SendReferral
from rujukan.domain.casefile.state import NOTHING
from rujukan.domain.casefile.stopping import SharingStopped
from rujukan.domain.codes import (
    AgeGroup,
    AgencyKind,
    CloseReason,
    ConsentBy,
    EndReason,
    Obtained,
    Purpose,
    ReferralStatus,
    SharingBasis,
)
from rujukan.domain.compartment import Compartment
from rujukan.domain.fact import Fact
from rujukan.domain.refusal import (
    AlreadyExists,
    CaseNotOpen,
    ConsentFromWrongPerson,
    ConsentMissing,
    ConsentNotLive,
    ConsentWidened,
    InTheFuture,
    Invalid,
    NotForThisAgency,
    NotForThisRole,
    RecipientUnavailable,
    StillRunning,
    Unknown,
)

S = ReferralStatus
SURVIVOR, CAREGIVER = ConsentBy.SURVIVOR, ConsentBy.CAREGIVER


def give(id: object = C1, *, by: tuple[ConsentBy, ...] = (SURVIVOR,), **other: object) -> GiveConsent:
    asked = {k: other.pop(k) for k in ("to", "of", "purposes", "until") if k in other}
    fields = {**scope(id, **asked), "given_by": frozenset(by), "obtained": Obtained.VERBAL, **other}  # type: ignore[arg-type]
    return say(GiveConsent, **fields)


def narrow(**of_scope: object) -> NarrowConsent:
    return say(NarrowConsent, **scope(**of_scope))  # type: ignore[arg-type]


WITHDRAW = say(WithdrawConsent, consent=C1)
OVERRIDE = say(
    OverrideConsent,
    **scope(of=("incident",)),
    basis=SharingBasis.IMMINENT_DANGER,
    rule="UU 12/2022",
    reason="she is in danger",
)


# Given, and by whom ------------------------------------------------------------------------------------------


def test_a_consent_is_recorded_as_it_was_given() -> None:
    given(opened()).when(give()).then(consent())


def test_a_consent_is_given_once() -> None:
    given(opened(), consent()).when(give()).refused(AlreadyExists, id=C1)


@pytest.mark.parametrize(
    ("age", "by", "more", "allowed"),
    [
        (AgeGroup.ADULT, (SURVIVOR,), {}, True),
        (AgeGroup.ADULT, (SURVIVOR, CAREGIVER), {}, True),
        (AgeGroup.ADULT, (CAREGIVER,), {}, False),
        (AgeGroup.ADOLESCENT, (SURVIVOR, CAREGIVER), {}, True),
        (AgeGroup.ADOLESCENT, (SURVIVOR,), {}, False),
        (AgeGroup.ADOLESCENT, (SURVIVOR,), {"no_caregiver_because": "he is the suspect"}, True),
        (AgeGroup.ADOLESCENT, (CAREGIVER,), {"child_assent": True}, True),
        (AgeGroup.YOUNG_CHILD, (CAREGIVER,), {"child_assent": True}, True),
        (AgeGroup.YOUNG_CHILD, (CAREGIVER,), {}, True),
        (AgeGroup.YOUNG_CHILD, (SURVIVOR,), {"child_assent": True}, False),
        (AgeGroup.YOUNG_CHILD, (SURVIVOR,), {"child_assent": True, "no_caregiver_because": "none is safe"}, False),
    ],
)
def test_who_consents_follows_the_survivors_age(
    age: AgeGroup, by: tuple[ConsentBy, ...], more: dict[str, object], allowed: bool
) -> None:
    result = given(opened(age=age)).when(give(by=by, **more))
    if allowed:
        result.then_only(ConsentGiven)
    else:
        result.refused(ConsentFromWrongPerson, age_group=age)


def test_a_consent_ends_after_it_was_given() -> None:
    given(opened()).when(give(until=NOON)).refused(Invalid, field="expires_at")
    given(opened()).when(give(until=NOON + HOUR)).then_only(ConsentGiven)


def test_a_refusal_is_recorded_and_lets_nobody_know_anything() -> None:
    refuse = say(RefuseConsent, consent=C1, given_by=frozenset({SURVIVOR}), asked_for=frozenset({"rsud"}))
    refused = say(ConsentRefused, consent=C1, given_by=frozenset({SURVIVOR}), asked_for=frozenset({"rsud"}))
    story = given(opened()).when(refuse)
    case = story.then_only(SharingStopped, ConsentRefused)
    assert story.events[1] == refused
    assert case.shareable("rsud", AgencyKind.HEALTH, NOON) == NOTHING
    given(opened(), refused).when(refuse).refused(AlreadyExists)
    given(opened(), refused).when(WITHDRAW).refused(ConsentNotLive, consent=C1)


ALL_COMMANDS = [
    give(),
    say(RefuseConsent, consent=C1, given_by=frozenset({SURVIVOR})),
    narrow(),
    WITHDRAW,
    OVERRIDE,
]


@pytest.mark.parametrize("command", ALL_COMMANDS, ids=lambda command: type(command).__name__)
def test_to_an_agency_outside_the_case_its_consents_do_not_exist(command: Fact) -> None:
    given(*referred()).when(command, by=SCHOOL).refused(Unknown, what="case")


@pytest.mark.parametrize("command", ALL_COMMANDS, ids=lambda command: type(command).__name__)
def test_an_agency_whose_referral_ended_records_no_consent(command: Fact) -> None:
    given(*referred(S.COMPLETED)).when(command, by=HOSPITAL).refused(NotForThisAgency)


def test_a_closed_case_takes_no_consent_and_what_takes_one_back() -> None:
    over = [opened(), consent(), say(CaseClosed, reason=CloseReason.GOALS_MET)]
    for command in ALL_COMMANDS:
        if isinstance(command, GiveConsent | OverrideConsent):
            given(*over).when(command).refused(CaseNotOpen)
        else:
            assert not isinstance(given(*over).when(command).refusal, CaseNotOpen | NotForThisAgency)


@pytest.mark.parametrize("command", ALL_COMMANDS, ids=lambda command: type(command).__name__)
def test_no_consent_is_recorded_from_the_future(command: Fact) -> None:
    ahead = type(command)(**{f: getattr(command, f) for f in command.__struct_fields__} | {"occurred_at": NOON + HOUR})
    before = [opened(), consent()] if isinstance(command, NarrowConsent | WithdrawConsent) else [opened()]
    given(*before).when(ahead, by=SUPERVISOR).refused(InTheFuture)


def test_a_recipient_may_record_a_consent_that_the_survivor_gave_there() -> None:
    given(*referred()).when(give(C2, to="psikolog", of=("psychosocial",)), by=HOSPITAL).then_only(ConsentReported)


# What a consent covers ---------------------------------------------------------------------------------------

INCIDENT_AND_HEALTH = frozenset({Compartment.COORDINATION, Compartment.INCIDENT, Compartment.HEALTH})


def test_a_consent_covers_its_compartments_and_coordination_for_its_recipient() -> None:
    case = the_case(opened(), consent())
    assert case.shareable("rsud", AgencyKind.HEALTH, NOON) == INCIDENT_AND_HEALTH
    assert case.shareable("polres", AgencyKind.POLICE, NOON) == NOTHING


def test_a_consent_for_a_kind_covers_every_agency_of_that_kind() -> None:
    case = the_case(opened(), consent(to="kind:health"))
    assert case.shareable("rsud", AgencyKind.HEALTH, NOON) == INCIDENT_AND_HEALTH
    assert case.shareable("rsud", AgencyKind.POLICE, NOON) == NOTHING


def test_a_consent_covers_its_purposes_only() -> None:
    case = the_case(opened(), consent(purposes=(Purpose.CARE,)))
    assert case.shareable("rsud", AgencyKind.HEALTH, NOON, Purpose.CARE) == INCIDENT_AND_HEALTH
    assert case.shareable("rsud", AgencyKind.HEALTH, NOON, Purpose.LEGAL) == NOTHING


def test_a_consent_covers_nothing_from_the_moment_it_expires() -> None:
    case = the_case(opened(), consent(until=NOON + HOUR))
    just_before = NOON + HOUR - HOUR / 3600
    assert case.shareable("rsud", AgencyKind.HEALTH, just_before) == INCIDENT_AND_HEALTH
    assert case.shareable("rsud", AgencyKind.HEALTH, NOON + HOUR) == NOTHING


def test_consents_add_up() -> None:
    case = the_case(opened(), consent(C1, of=("health",)), consent(C2, of=("legal",)))
    assert case.shareable("rsud", AgencyKind.HEALTH, NOON) == {
        Compartment.COORDINATION,
        Compartment.HEALTH,
        Compartment.LEGAL,
    }


# Narrowed ----------------------------------------------------------------------------------------------------


def test_a_consent_can_be_narrowed_without_a_reason() -> None:
    case = given(opened(), consent()).when(narrow(of=("health",))).then(say(ConsentNarrowed, **scope(of=("health",))))
    assert case is not None
    assert case.shareable("rsud", AgencyKind.HEALTH, NOON) == {Compartment.COORDINATION, Compartment.HEALTH}


@pytest.mark.parametrize(
    ("before", "asked"),
    [
        ({}, {"of": ("health", "legal")}),
        ({}, {"to": ("rsud", "polres")}),
        ({}, {"purposes": (Purpose.CARE, Purpose.LEGAL)}),
        ({"until": NOON + HOUR}, {"until": NOON + DAY}),
        ({"until": NOON + HOUR}, {"until": None}),
    ],
    ids=["a compartment", "a recipient", "a purpose", "a later end", "no end"],
)
def test_narrowing_adds_nothing(before: dict[str, object], asked: dict[str, object]) -> None:
    given(opened(), consent(**before)).when(narrow(**asked)).refused(ConsentWidened, consent=C1)


def test_narrowing_may_bring_the_end_nearer() -> None:
    given(opened(), consent()).when(narrow(until=NOON + HOUR)).then_only(ConsentNarrowed)
    given(opened(), consent(until=NOON + DAY)).when(narrow(until=NOON + HOUR)).then_only(ConsentNarrowed)


def test_a_consent_for_a_kind_can_be_narrowed_to_agencies_of_that_kind() -> None:
    case = given(opened(), consent(to="kind:health")).when(narrow(to="rsud")).then_only(ConsentNarrowed)
    assert case.shareable("rsud", AgencyKind.HEALTH, NOON) == INCIDENT_AND_HEALTH
    assert case.shareable("another-hospital", AgencyKind.HEALTH, NOON) == NOTHING
    given(opened(), consent(to=("kind:health", "lbh"))).when(narrow(to=("rsud", "lbh"))).then_only(ConsentNarrowed)


@pytest.mark.parametrize("to", ["polres", "kind:police", "kind:lead", ("rsud", "polres")])
def test_narrowing_a_consent_for_a_kind_names_nobody_of_another_kind(to: str | tuple[str, ...]) -> None:
    given(opened(), consent(to="kind:health")).when(narrow(to=to)).refused(ConsentWidened, consent=C1)


def test_a_consent_names_agencies_that_are_there() -> None:
    given(opened()).when(give(to="nowhere")).refused(RecipientUnavailable, agency="nowhere")
    given(opened(), consent(to="kind:health")).when(narrow(to="nowhere")).refused(RecipientUnavailable)


def test_a_consent_for_an_agency_is_not_narrowed_to_its_kind() -> None:
    given(opened(), consent(to="rsud")).when(narrow(to="kind:health")).refused(ConsentWidened, consent=C1)


def test_a_narrowed_consent_remembers_whom_it_named_before() -> None:
    narrowed = [say(ConsentNarrowed, **scope(to=to)) for to in (("rsud", "polres"), "rsud")]
    case = the_case(opened(), consent(to=("rsud", "polres", "lbh")), *narrowed)
    assert case.consents[C1].recipients == {"rsud"}
    assert case.consents[C1].ever == {"rsud", "polres", "lbh"}


def test_an_expired_consent_can_be_neither_narrowed_nor_withdrawn() -> None:
    expiring = [opened(), consent(until=NOON + HOUR), *brought_to(S.IN_PROGRESS)]
    for command in (narrow(of=("health",), until=NOON + HOUR), WITHDRAW):
        given(*expiring).when(command, by=later(LEAD, HOUR)).refused(ConsentNotLive, consent=C1)
        just_before = later(LEAD, HOUR - timedelta(microseconds=1))
        assert given(*expiring).when(command, by=just_before).refusal is None


def test_an_unknown_consent_can_be_neither_narrowed_nor_withdrawn() -> None:
    given(opened()).when(narrow()).refused(Unknown, what="consent")
    given(opened()).when(WITHDRAW).refused(Unknown, what="consent")


def test_a_withdrawn_consent_can_be_neither_narrowed_nor_withdrawn_again() -> None:
    given(opened(), consent(), withdrawn()).when(narrow()).refused(ConsentNotLive, consent=C1)
    given(opened(), consent(), withdrawn()).when(WITHDRAW).refused(ConsentNotLive, consent=C1)


def test_a_narrowed_override_is_an_override_still() -> None:
    case = the_case(opened(), override(), say(ConsentNarrowed, **scope(of=("health",))))
    assert case.consents[C1].override


# Withdrawn ---------------------------------------------------------------------------------------------------


def test_a_withdrawn_consent_covers_nothing() -> None:
    case = given(opened(), consent()).when(WITHDRAW).then(withdrawn())
    assert case is not None
    assert case.shareable("rsud", AgencyKind.HEALTH, NOON) == NOTHING


@pytest.mark.parametrize("status", [S.REQUESTED, S.RECEIVED, S.ACCEPTED])
def test_when_consent_ends_a_referral_on_which_no_work_began_is_cancelled(status: S) -> None:
    given(*referred(status)).when(WITHDRAW).then(
        withdrawn(), say(ReferralCancelled, referral=R1, reason=EndReason.CONSENT_WITHDRAWN)
    )


def test_when_consent_ends_work_that_began_is_held_for_a_person_to_decide() -> None:
    given(*referred(S.IN_PROGRESS)).when(WITHDRAW).then(
        withdrawn(), say(ReferralHeld, referral=R1, reason=EndReason.CONSENT_WITHDRAWN)
    )


@pytest.mark.parametrize("status", [S.DRAFT, S.ON_HOLD, S.REJECTED, S.COMPLETED, S.FAILED, S.CANCELLED])
def test_when_consent_ends_a_referral_that_shares_nothing_now_stays_as_it_is(status: S) -> None:
    given(*referred(status)).when(WITHDRAW).then(withdrawn())


def test_when_one_consent_ends_a_referral_that_another_covers_goes_on() -> None:
    given(*referred(), consent(C2)).when(WITHDRAW).then(withdrawn())


def test_when_one_consent_ends_only_the_referrals_that_stood_on_it_stop() -> None:
    both = [
        *referred(S.ACCEPTED),
        consent(C2, to="polres", of=("legal",), purposes=(Purpose.PROTECTION,)),
        *brought_to(S.ACCEPTED, R2, to="polres", of=("legal",), purpose=Purpose.PROTECTION),
    ]
    after = given(*both).when(WITHDRAW).then_only(ConsentWithdrawn, ReferralCancelled)
    assert {r.id: r.status for r in after.referrals.values()} == {R1: S.CANCELLED, R2: S.ACCEPTED}


def test_what_stood_on_a_consent_stops_in_the_order_in_which_it_was_drafted() -> None:
    """Whether it is held or cancelled: the order is part of what is stored."""
    held, cancelled = brought_to(S.IN_PROGRESS), brought_to(S.REQUESTED, R2)
    given(opened(), consent(), *held, *cancelled).when(WITHDRAW).then_only(
        ConsentWithdrawn, ReferralHeld, ReferralCancelled
    )
    given(opened(), consent(), *cancelled, *held).when(WITHDRAW).then_only(
        ConsentWithdrawn, ReferralCancelled, ReferralHeld
    )


@pytest.mark.parametrize("status", [S.REQUESTED, S.IN_PROGRESS])
def test_when_a_consent_ends_a_referral_that_it_did_not_cover_stays_as_it_is(status: S) -> None:
    """Its own consent ran out before; that is not what was withdrawn now."""
    ran_out = [opened(), consent(until=NOON + HOUR), *brought_to(status), consent(C2, to="polres", of=("legal",))]
    withdraw = say(WithdrawConsent, consent=C2)
    given(*ran_out).when(withdraw, by=later(LEAD, 2 * HOUR)).then(withdrawn(C2))
    narrower = say(NarrowConsent, **scope(C2, to="polres", of=()))
    given(*ran_out).when(narrower, by=later(LEAD, 2 * HOUR)).then_only(ConsentNarrowed)


def test_a_narrowed_consent_stops_what_it_no_longer_covers() -> None:
    given(*referred(S.REQUESTED)).when(narrow(of=("health",))).then_only(ConsentNarrowed, ReferralCancelled)
    given(*referred(S.IN_PROGRESS)).when(narrow(of=("health",))).then_only(ConsentNarrowed, ReferralHeld)
    given(*referred(S.IN_PROGRESS)).when(narrow(until=NOON + DAY)).then_only(ConsentNarrowed)


def test_a_referral_cannot_be_sent_after_the_consent_was_withdrawn() -> None:
    given(opened(), consent(), draft(), withdrawn()).when(say(SendReferral, referral=R1)).refused(ConsentMissing)


def test_held_work_does_not_go_on_before_there_is_consent_again() -> None:
    held = given(*referred()).when(WITHDRAW).events
    resume = say(ResumeReferral, referral=R1)
    given(*referred(), *held).when(resume, by=HOSPITAL).refused(ConsentMissing, recipient="rsud")
    given(*referred(), *held, consent(C2)).when(resume, by=HOSPITAL).then(say(ReferralResumed, referral=R1))


def test_the_recipient_may_pass_on_that_the_survivor_withdrew() -> None:
    given(*referred()).when(WITHDRAW, by=HOSPITAL).then_only(ConsentWithdrawn, ReferralHeld)


def test_an_ended_consent_ends_the_referral_as_that_is_recorded() -> None:
    """Until then it went on, whenever she is said to have withdrawn it."""
    at, by = NOON + 2 * HOUR, later(LEAD, 3 * HOUR)
    events = given(*referred(S.REQUESTED)).when(say(WithdrawConsent, at, consent=C1), by=by).events
    assert [event.occurred_at for event in events] == [at, by.at]


# Overridden: test_overrides.py ---------------------------------------------------------------------------------


def test_an_override_is_neither_withdrawn_nor_narrowed_as_a_consent_is() -> None:
    for command in (WITHDRAW, narrow(of=("health",))):
        given(opened(), override(), draft(), sent(), moved(S.RECEIVED)).when(command).refused(Invalid, field="consent")


# A consent that ran out ------------------------------------------------------------------------------------------

UNTIL = NOON + DAY
EXPIRE = say(ExpireConsent, UNTIL, consent=C1)
THEN = later(SYSTEM, DAY)
RAN_OUT = say(ConsentExpired, UNTIL, consent=C1, expires_at=UNTIL)


def for_a_day(status: S) -> list[Fact]:
    return [opened(), consent(until=UNTIL), *brought_to(status)]


def test_when_its_time_is_over_that_is_put_on_record() -> None:
    given(opened(), consent(until=UNTIL)).when(EXPIRE, by=THEN).then(RAN_OUT)


@pytest.mark.parametrize(
    ("status", "stops"),
    [(S.REQUESTED, ReferralCancelled), (S.ACCEPTED, ReferralCancelled), (S.IN_PROGRESS, ReferralHeld)],
)
def test_what_stood_on_it_stops_as_if_it_were_withdrawn_and_says_why(status: S, stops: type[Fact]) -> None:
    stopped = say(stops, UNTIL, referral=R1, reason=EndReason.CONSENT_EXPIRED)
    given(*for_a_day(status)).when(EXPIRE, by=THEN).then(RAN_OUT, stopped)


def test_what_another_consent_covers_goes_on() -> None:
    given(*for_a_day(S.IN_PROGRESS), consent(C2)).when(EXPIRE, by=THEN).then(RAN_OUT)


def test_a_draft_that_nothing_ever_covered_is_not_stopped_by_it() -> None:
    given(opened(), consent(until=UNTIL), draft(to="polres")).when(EXPIRE, by=THEN).then(RAN_OUT)


def test_it_runs_out_once_at_its_time_and_by_the_system_alone() -> None:
    story = given(opened(), consent(until=UNTIL))
    story.when(say(ExpireConsent, consent=C1), by=SYSTEM).refused(StillRunning)
    story.when(EXPIRE, by=later(LEAD, DAY), in_role=True).refused(NotForThisRole)
    given(opened(), consent()).when(EXPIRE, by=THEN).refused(Unknown)
    given(opened(), consent(until=UNTIL), RAN_OUT).when(EXPIRE, by=THEN).refused(ConsentNotLive)
    given(opened(), consent(until=UNTIL), withdrawn()).when(EXPIRE, by=THEN).refused(ConsentNotLive)


def test_it_runs_out_in_a_case_that_was_closed_too_as_copies_lie_at_agencies_all_the_same() -> None:
    given(opened(), consent(until=UNTIL), closed()).when(EXPIRE, by=THEN).then(RAN_OUT)
