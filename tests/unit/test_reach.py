"""What an agency may open, share and change: no more than it may know itself, whoever else says so."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from story import (
    C1,
    C2,
    C3,
    CLOCK,
    DELIVERY,
    DOCUMENT,
    HOSPITAL,
    HOUR,
    LEAD,
    NETWORK,
    NEWER,
    NOON,
    NOTE,
    R1,
    R2,
    R3,
    brought_to,
    clock,
    consent,
    draft,
    draft_fields,
    incident,
    incident_fields,
    moved,
    opened,
    override,
    referred,
    reported,
    say,
    scope,
    the_case,
    withdrawn,
)
from story import given as given_that

from rujukan.domain.case import Case
from rujukan.domain.case.clock_ends import MeetClock
from rujukan.domain.case.confirming import ConfirmConsent, ConsentConfirmed, ConsentNotConfirmed, ContradictConsent
from rujukan.domain.case.consents import ConsentReported, ConsentWithdrawn, GiveConsent, WithdrawConsent
from rujukan.domain.case.documents import AttachDocument, DocumentAttached
from rujukan.domain.case.fulfilment import (
    ReferralHeld,
    ResumeReferral,
)
from rujukan.domain.case.identity import (
    CorrectSurvivorContact,
    CorrectSurvivorIdentity,
    IdentifySurvivor,
    RecordSurvivorContact,
    SurvivorContactRecorded,
    SurvivorIdentified,
)
from rujukan.domain.case.incidents import CorrectIncident
from rujukan.domain.case.notes import NoteRecorded
from rujukan.domain.case.referrals import DraftReferral, SendReferral
from rujukan.domain.case.services import DeliverService
from rujukan.domain.codes import (
    ConsentBy,
    DocumentKind,
    Obtained,
    Purpose,
    ReferralStatus,
    Service,
)
from rujukan.domain.compartment import ALL, Compartment
from rujukan.domain.fact import Fact
from rujukan.domain.refusal import AlreadyRecorded, BeyondReach, ConsentMissing, Unknown
from rujukan.domain.standing.reach import Reaches

S = ReferralStatus
C = Compartment
EVERYTHING = [c.word for c in ALL - {C.COORDINATION}]
NOTE_OF_ALL = say(NoteRecorded, note=NOTE, incident="i", health="h", psychosocial="p", legal="l", safety="s")
CONFIRMS = say(ConfirmConsent, consent=C2, given_by=frozenset({ConsentBy.SURVIVOR}), obtained=Obtained.VERBAL)


def gives(id: UUID = C2, **of_scope: Any) -> Fact:
    fields = {"given_by": frozenset({ConsentBy.SURVIVOR}), "obtained": Obtained.VERBAL}
    return say(GiveConsent, **scope(id, **of_scope), **fields)


def opens(case: Case, agency: str, author: str = "uptd-ppa", used_for: Purpose | None = None) -> set[str]:
    """The compartments of an author's words that an agency may open now, by name."""
    found = Reaches(case, NOON).of(agency, NETWORK[agency].kind, used_for)
    return {c.word for c in found.on(author)} - {"coordination"}


TO_PSYCHOLOGIST = {"to": "psikolog", "service": Service.PSYCHOSOCIAL}
FOR_HEALTH = [opened(), consent(of=("health",)), *brought_to(S.IN_PROGRESS, of=("health",))]
"""The hospital has a referral for `health` alone."""


def sent_on(of: Iterable[str] = ("health", "psychosocial"), referral: UUID = R2) -> list[Fact | tuple[Fact, str]]:
    """The hospital sends her on to a psychologist, who begins."""
    return [(event, "rsud") for event in brought_to(S.IN_PROGRESS, referral, sender="rsud", of=of, **TO_PSYCHOLOGIST)]


# What is everyday ------------------------------------------------------------------------------------------------


def test_a_hospital_that_hears_its_patient_agree_sends_her_on_at_once() -> None:
    """With what it was told, and what it wrote itself."""
    own = (say(NoteRecorded, note=NOTE, psychosocial="she cannot sleep"), "rsud")
    there = given_that(*FOR_HEALTH, own)
    there.when(gives(to="psikolog", of=("health", "psychosocial")), by=HOSPITAL).then_only(ConsentReported)
    heard = reported(to="psikolog", of=("health", "psychosocial"))
    drafted = (draft(R2, "rsud", of=("health", "psychosocial"), **TO_PSYCHOLOGIST), "rsud")
    sends = given_that(*FOR_HEALTH, own, heard, drafted).when(say(SendReferral, referral=R2), by=HOSPITAL)
    assert sends.refusal is None
    case = the_case(*FOR_HEALTH, own, heard, *sent_on())
    assert opens(case, "psikolog") == {"health"}
    assert opens(case, "psikolog", "rsud") == {"health", "psychosocial"}


def test_who_was_sent_on_goes_on_when_the_hospital_has_done_its_work() -> None:
    heard = reported(to="psikolog", of=("health",))
    done = the_case(*FOR_HEALTH, heard, *sent_on(("health",)), moved(S.COMPLETED))
    assert opens(done, "psikolog") == {"health"}
    assert opens(done, "rsud") == set()
    failed = the_case(*FOR_HEALTH, heard, *sent_on(("health",)), moved(S.FAILED))
    assert opens(failed, "psikolog") == {"health"}


def test_what_the_hospital_was_refused_or_taken_back_from_nobody_has_through_it() -> None:
    heard = reported(to="psikolog", of=("health",))
    for status in (S.REJECTED, S.CANCELLED):
        case = the_case(*FOR_HEALTH, heard, *sent_on(("health",)), moved(status))
        assert opens(case, "psikolog") == set()
        assert opens(case, "psikolog", "rsud") == {"health"}, "its own words it may share"


def test_the_lead_lets_others_share_what_it_has_not_opened_itself() -> None:
    """She consents to that; and the psychologist's words reach the hospital, though the lead may not open them."""
    case = the_case(
        opened(),
        consent(C1, to=("rsud", "psikolog"), of=("psychosocial",)),
        *brought_to(S.IN_PROGRESS, R2, of=("psychosocial",), **TO_PSYCHOLOGIST),
        *brought_to(S.IN_PROGRESS, R1, of=("psychosocial",)),
    )
    assert opens(case, "uptd-ppa", "psikolog") == set()
    assert opens(case, "rsud", "psikolog") == {"psychosocial"}


def test_who_hears_that_the_lead_may_know_says_so_and_shares_its_own_words() -> None:
    case = the_case(*FOR_HEALTH, reported(to="uptd-ppa", of=("health",)))
    assert opens(case, "uptd-ppa", "rsud") == {"health"}
    assert opens(case, "uptd-ppa", "polres") == {"health"}, "the hospital may pass on what it reaches"
    assert opens(the_case(*FOR_HEALTH, reported(to="uptd-ppa", of=("legal",))), "uptd-ppa", "polres") == set()


# a: consent as its beneficiary's claim ---------------------------------------------------------------------------


def test_what_a_recipient_says_she_agreed_to_gives_nobody_more_than_it_may_know_itself() -> None:
    whole = [*FOR_HEALTH, reported(to=("lbh", "rsud", "psikolog"), of=EVERYTHING)]
    case = the_case(*whole, *sent_on(EVERYTHING))
    assert opens(case, "rsud") == {"health"}
    assert opens(case, "psikolog") == {"health"}
    assert opens(case, "psikolog", "polres") == {"health"}


def test_nobody_sends_on_what_it_may_not_open_and_did_not_write() -> None:
    for of, beyond in ((EVERYTHING, set(EVERYTHING) - {"health"}), (("contact",), {"contact"})):
        drafted = (draft(R2, "rsud", of=of, **TO_PSYCHOLOGIST), "rsud")
        there = given_that(*FOR_HEALTH, reported(to="psikolog", of=EVERYTHING), drafted)
        there.when(say(SendReferral, referral=R2), by=HOSPITAL).refused(BeyondReach, compartments=beyond)


def test_a_referral_of_coordination_alone_passes_nothing_on() -> None:
    mere = [opened(), consent(of=()), *brought_to(S.IN_PROGRESS, of=()), reported(to="psikolog", of=("health",))]
    there = given_that(*mere, (draft(R2, "rsud", of=("health",), **TO_PSYCHOLOGIST), "rsud"))
    there.when(say(SendReferral, referral=R2), by=HOSPITAL).refused(BeyondReach, compartments=["health"])


def test_what_was_sent_for_care_is_not_sent_on_for_prosecution() -> None:
    to_police = {"to": "polres", "service": Service.LAW_ENFORCEMENT, "of": ("health",), "purpose": Purpose.LEGAL}
    heard = reported(to="polres", of=("health",), purposes=(Purpose.LEGAL,))
    there = given_that(*FOR_HEALTH, heard, (draft(R2, "rsud", **to_police), "rsud"))
    there.when(say(SendReferral, referral=R2), by=HOSPITAL).refused(BeyondReach, compartments=["health"])


def test_two_who_say_it_of_each_other_stand_on_nothing() -> None:
    """The hospital for the psychologist, the psychologist for the hospital: neither leads back to the lead."""
    back = brought_to(S.IN_PROGRESS, R3, sender="psikolog", of=EVERYTHING)
    case = the_case(
        *FOR_HEALTH,
        reported(C2, to="psikolog", of=EVERYTHING),
        *sent_on(EVERYTHING),
        reported(C3, by="psikolog", to="rsud", of=EVERYTHING),
        *((event, "psikolog") for event in back),
        withdrawn(C1),
    )
    assert opens(case, "rsud") == opens(case, "psikolog") == set()
    assert opens(case, "rsud", "polres") == opens(case, "psikolog", "polres") == set()


def test_more_waits_and_shows_until_the_lead_has_asked_her() -> None:
    claimed = [*FOR_HEALTH, reported(to=("psikolog", "rsud"), of=EVERYTHING)]
    case = the_case(*claimed)
    assert {c.word for c in Reaches(case, NOON).waiting(case.consents[C2])} == {*EVERYTHING} - {"health"}
    confirmed = given_that(*claimed).when(CONFIRMS, by=LEAD).then_only(ConsentConfirmed)
    assert not Reaches(confirmed, NOON).waiting(confirmed.consents[C2])
    assert opens(confirmed, "rsud") == {"health"}, "its referral shares no more"


def test_what_she_does_not_confirm_is_over_and_what_stood_on_it_stops() -> None:
    heard = [*FOR_HEALTH, reported(to="psikolog", of=("health",)), *sent_on(("health",))]
    after = (
        given_that(*heard)
        .when(say(ContradictConsent, consent=C2), by=LEAD)
        .then_only(ConsentNotConfirmed, ReferralHeld)
    )
    assert opens(after, "psikolog") == opens(after, "psikolog", "rsud") == set()


def test_who_overrides_her_consent_in_another_s_case_gives_nobody_more_than_it_reaches() -> None:
    """Row c: whom it names, on whatever basis."""
    over = (override(C2, to=("psikolog", "rsud"), of=EVERYTHING, purposes=(Purpose.CARE,)), "rsud")
    case = the_case(*FOR_HEALTH, over, *sent_on(("health", "psychosocial")))
    assert opens(case, "rsud") == opens(case, "psikolog") == {"health"}
    assert opens(case, "psikolog", "rsud") == {"health", "psychosocial"}
    gone = the_case(*FOR_HEALTH, over, *sent_on(("health", "psychosocial")), withdrawn(C1))
    assert opens(gone, "rsud") == opens(gone, "psikolog") == set()
    given_that(*FOR_HEALTH, over).when(replace(CONFIRMS, consent=C2), by=LEAD).refused(Unknown, what="consent")


# b: withdrawn, and said anew by who lost it ----------------------------------------------------------------------


@pytest.mark.parametrize("ended", ["withdrawn", "expired"])
def test_who_lost_her_consent_does_not_get_it_back_by_its_own_word(ended: str) -> None:
    until = NOON - HOUR if ended == "expired" else None
    lost = [opened(), consent(until=until), *brought_to(S.IN_PROGRESS), moved(S.ON_HOLD)]
    lost += [withdrawn()] if ended == "withdrawn" else []
    again = [*lost, reported(to="rsud", of=("incident", "health"))]
    assert opens(the_case(*again), "rsud") == set()
    resumes = given_that(*again).when(say(ResumeReferral, referral=R1), by=HOSPITAL)
    resumes.refused(ConsentMissing, compartments=["coordination", "health", "incident"])
    confirmed = given_that(*again).when(CONFIRMS, by=LEAD).then_only(ConsentConfirmed)
    assert opens(confirmed, "rsud") == {"incident", "health"}


def test_a_friend_s_word_does_not_keep_a_withdrawn_referral_going() -> None:
    """What the psychologist says it heard for the hospital covers the psychologist's own words, not the lead's."""
    there = [*FOR_HEALTH, reported(C2, to="psikolog", of=("health",)), *sent_on(("health",))]
    there += [reported(C3, by="psikolog", to="rsud", of=("health",))]
    after = given_that(*there).when(say(WithdrawConsent, consent=C1), by=LEAD).then_only(ConsentWithdrawn, ReferralHeld)
    assert opens(after, "rsud") == set()
    assert opens(after, "psikolog") == set()
    assert opens(after, "rsud", "psikolog") == {"health"}


# e: after the end ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [S.REJECTED, S.CANCELLED, S.COMPLETED, S.FAILED])
def test_a_referral_that_is_over_gives_nothing_of_others_words(status: S) -> None:
    case = the_case(*referred(status))
    assert opens(case, "rsud") == set()
    assert Reaches(case, NOON).of("rsud", NETWORK["rsud"].kind).on("uptd-ppa") == frozenset()


@pytest.mark.parametrize("status", [S.REQUESTED, S.RECEIVED, S.ACCEPTED, S.IN_PROGRESS, S.ON_HOLD])
def test_while_it_is_open_it_gives_what_it_shares(status: S) -> None:
    assert opens(the_case(*referred(status)), "rsud") == {"incident", "health"}


# k: write wider than read ----------------------------------------------------------------------------------------

KNOWN = [
    opened(),
    say(SurvivorIdentified, name="Penyintas A"),
    say(SurvivorContactRecorded, phone="0000", safe_times="mornings"),
    incident(),
    clock(),
    say(
        DocumentAttached,
        document=DOCUMENT,
        kind=DocumentKind.VISUM,
        compartment="legal",
        media_type="application/pdf",
        size=3,
        sha256="0" * 64,
    ),
    consent(of=("health",)),
    *brought_to(S.IN_PROGRESS, of=("health",)),
]
"""All of it the lead's word; the hospital may know `health` alone."""

NEW_NUMBER = {"phone": "0001", "reason": "a new number"}
NOBODY_SAID = {"safe_to_call": None}
BEYOND = {
    "survivor identity": say(CorrectSurvivorIdentity, name="Penyintas B", reason="a slip"),
    "survivor contact": say(CorrectSurvivorContact, **NEW_NUMBER, **NOBODY_SAID),
    "incident": say(CorrectIncident, **incident_fields(), reason="a slip"),
    "clock": say(MeetClock, clock=CLOCK),
    "document": say(
        AttachDocument,
        document=NEWER,
        kind=DocumentKind.VISUM,
        compartment="legal",
        media_type="application/pdf",
        size=3,
        sha256="0" * 64,
        supersedes=DOCUMENT,
    ),
}


@pytest.mark.parametrize("what", BEYOND)
def test_what_it_may_not_know_an_agency_does_not_change_nor_learn_of(what: str) -> None:
    """It answers as what does not exist."""
    given_that(*KNOWN).when(BEYOND[what], by=HOSPITAL).refused(Unknown, what=what)
    nothing = [opened(), consent(of=("health",)), *brought_to(S.IN_PROGRESS, of=("health",))]
    given_that(*nothing).when(BEYOND[what], by=HOSPITAL).refused(Unknown, what=what)


@pytest.mark.parametrize("what", BEYOND)
def test_the_lead_changes_its_own_words_and_who_may_know_them_does_too(what: str) -> None:
    assert given_that(*KNOWN).when(BEYOND[what], by=LEAD).refusal is None
    everything = [*KNOWN[:-4], consent(of=EVERYTHING), *brought_to(S.IN_PROGRESS, of=EVERYTHING)]
    assert given_that(*everything).when(BEYOND[what], by=HOSPITAL).refusal is None


def test_other_means_to_what_it_may_not_know_are_closed_too() -> None:
    delivers = say(DeliverService, delivery=DELIVERY, service=Service.HEALTH, meets=(CLOCK,))
    given_that(*KNOWN).when(delivers, by=HOSPITAL).refused(Unknown, what="clock")
    refers = say(DraftReferral, **draft_fields(R2, "lbh", Service.LEGAL_AID, of=(), clocks=(CLOCK,)))
    given_that(*KNOWN).when(refers, by=HOSPITAL).refused(Unknown, what="clock")


def test_who_shares_a_clock_ends_it() -> None:
    shared = [opened(), clock(), consent(of=("health",)), *brought_to(S.IN_PROGRESS, of=("health",), clocks=(CLOCK,))]
    assert given_that(*shared).when(say(MeetClock, clock=CLOCK), by=HOSPITAL).refusal is None


def test_who_may_not_see_what_is_recorded_records_what_it_heard_beside_it() -> None:
    """A patient tells the hospital her number: it is not told that the lead has another, and overwrites nothing."""
    for command in (say(RecordSurvivorContact, phone="0002"), say(IdentifySurvivor, name="Penyintas A")):
        assert given_that(*KNOWN).when(command, by=HOSPITAL).refusal is None
        given_that(*KNOWN).when(command, by=LEAD).refused(AlreadyRecorded)


def test_who_may_know_the_number_says_whether_it_is_safe() -> None:
    """A hospital that hears *he holds the telephone* can say so, whatever else it may not know."""
    of_contact = [*KNOWN[:-4], consent(of=("contact",)), *brought_to(S.IN_PROGRESS, of=("contact",))]
    for is_safe in (None, False, True):
        says = say(CorrectSurvivorContact, **NEW_NUMBER, safe_to_call=is_safe, safe_times="mornings")
        assert given_that(*of_contact).when(says, by=HOSPITAL).refusal is None
