"""What an agency may open, share and change: no more than it may know itself, whoever else says so."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from account import TAKEN_BACK, Account
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec.structs import replace
from some import examples
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
    act,
    an_id,
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
    written,
)
from story import given as given_that

from rujukan.domain.case import Case, decide
from rujukan.domain.case.confirming import ConfirmConsent, ConsentConfirmed, ConsentNotConfirmed, ContradictConsent
from rujukan.domain.case.consents import ConsentReported, ConsentWithdrawn, GiveConsent, WithdrawConsent
from rujukan.domain.case.documents import AttachDocument, DocumentAttached
from rujukan.domain.case.fulfilment import (
    AcceptReferral,
    CompleteReferral,
    ReceiveReferral,
    ReferralHeld,
    RejectReferral,
    ResumeReferral,
    StartReferral,
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
from rujukan.domain.case.notes import NoteRecorded, RecordNote
from rujukan.domain.case.overrides import OverrideConsent
from rujukan.domain.case.referrals import CancelReferral, DraftReferral, SendReferral
from rujukan.domain.case.services import DeliverService
from rujukan.domain.casefile.clocks import MeetClock
from rujukan.domain.casefile.evolving import fold_log, said
from rujukan.domain.codes import (
    ConsentBy,
    DocumentKind,
    Obtained,
    Outcome,
    Purpose,
    ReferralStatus,
    RejectReason,
    Role,
    Service,
    SharingBasis,
)
from rujukan.domain.compartment import ALL, Compartment
from rujukan.domain.disclosure import Knowledge, Written, may_open
from rujukan.domain.fact import Fact
from rujukan.domain.refusal import AlreadyRecorded, BeyondReach, ConsentMissing, Refusal, Unknown
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
BEYOND = {
    "survivor identity": say(CorrectSurvivorIdentity, name="Penyintas B", reason="a slip"),
    "survivor contact": say(CorrectSurvivorContact, **NEW_NUMBER),
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


def test_who_corrects_a_number_says_when_it_is_safe_only_where_it_may_know_that() -> None:
    of_contact = [*KNOWN[:-4], consent(of=("contact",)), *brought_to(S.IN_PROGRESS, of=("contact",))]
    assert given_that(*of_contact).when(say(CorrectSurvivorContact, **NEW_NUMBER), by=HOSPITAL).refusal is None
    safe = say(CorrectSurvivorContact, **NEW_NUMBER, safe_to_call=True)
    given_that(*of_contact).when(safe, by=HOSPITAL).refused(BeyondReach, compartments=["safety"])


# Whatever insiders do together -----------------------------------------------------------------------------------

INSIDERS = ("rsud", "polres", "psikolog")
PURPOSES = (Purpose.CARE, Purpose.LEGAL, Purpose.COORDINATION)
SERVICES = {"rsud": Service.HEALTH, "polres": Service.LAW_ENFORCEMENT, "psikolog": Service.PSYCHOSOCIAL}
PARTS = ("incident", "health", "legal", "safety")

MOVES: dict[str, Callable[[UUID, datetime], Fact]] = {
    "receive": lambda r, at: say(ReceiveReferral, at, referral=r),
    "accept": lambda r, at: say(AcceptReferral, at, referral=r),
    "start": lambda r, at: say(StartReferral, at, referral=r),
    "resume": lambda r, at: say(ResumeReferral, at, referral=r),
    "reject": lambda r, at: say(RejectReferral, at, referral=r, reason=RejectReason.NO_CAPACITY),
    "complete": lambda r, at: say(CompleteReferral, at, referral=r, outcome=Outcome.DELIVERED),
    "cancel": lambda r, at: say(CancelReferral, at, referral=r),
}

insiders = st.sampled_from(INSIDERS)
compartments = st.frozensets(st.sampled_from(PARTS))
scopes = st.fixed_dictionaries(
    {
        "of": compartments,
        "to": st.frozensets(st.sampled_from((*INSIDERS, "uptd-ppa", "kind:health", "kind:police")), min_size=1),
        "purposes": st.frozensets(st.sampled_from(PURPOSES), min_size=1),
    }
)


class Insiders(RuleBasedStateMachine):
    """Everybody but the lead colludes: whatever they say in whatever order, of the lead's words none of them opens what
    neither the lead's consents, nor confirmed ones, let one of them know by a referral of the lead's."""

    def __init__(self) -> None:
        super().__init__()
        self.case: Case | None = None
        self.log: list[Written] = []
        self.knowledge = Knowledge()
        self.now, self.count = NOON, 0
        for event in (opened(), NOTE_OF_ALL):
            self.take_in(event, "uptd-ppa")

    def take_in(self, event: Fact, author: str) -> None:
        self.case = fold_log(said([event], author), self.case)
        self.log.append(written(len(self.log) + 1, event, author, self.now))
        self.knowledge.follow(self.log[-1])

    def attempt(self, command: Fact, agency: str, role: Role = Role.CASE_WORKER) -> None:
        try:
            events = decide(command, self.case, act(agency, role, at=self.now), NETWORK)
        except Refusal:
            return
        for event in events:
            self.take_in(event, agency)

    def new_id(self) -> UUID:
        self.count += 1
        return an_id(f"new {self.count}")

    def one_of(self, ids: Iterable[UUID], number: int) -> UUID:
        found = list(ids)
        return found[number % len(found)] if found else an_id("nothing")

    def give(self, agency: str, about: dict[str, Any], lasts: int | None) -> None:
        until = self.now + lasts * HOUR if lasts else None
        self.attempt(replace(gives(self.new_id(), until=until, **about), occurred_at=self.now), agency)

    def refer(self, sender: str, to: str, of: frozenset[str], purpose: Purpose) -> None:
        referral = self.new_id()
        fields = draft_fields(referral, to, SERVICES[to], of=of, purpose=purpose)
        self.attempt(say(DraftReferral, self.now, **fields), sender)
        self.attempt(say(SendReferral, self.now, referral=referral), sender)

    # What the lead does, with her consent

    @rule(about=scopes, lasts=st.sampled_from((None, None, 2)))
    def the_lead_records_consent(self, about: dict[str, Any], lasts: int | None) -> None:
        self.give("uptd-ppa", about, lasts)

    @rule(to=insiders, of=compartments, purpose=st.sampled_from(PURPOSES))
    def the_lead_refers(self, to: str, of: frozenset[str], purpose: Purpose) -> None:
        self.refer("uptd-ppa", to, of, purpose)

    @rule(number=st.integers(0, 9))
    def she_withdraws(self, number: int) -> None:
        assert self.case is not None
        self.attempt(say(WithdrawConsent, self.now, consent=self.one_of(self.case.consents, number)), "uptd-ppa")

    @rule(number=st.integers(0, 9), confirmed=st.booleans())
    def the_lead_asks_her_about_what_was_reported(self, number: int, confirmed: bool) -> None:
        assert self.case is not None
        consent = self.one_of((c.id for c in self.case.consents.values() if c.is_reported), number)
        about = {"consent": consent, "given_by": frozenset({ConsentBy.SURVIVOR}), "obtained": Obtained.VERBAL}
        if confirmed:
            self.attempt(say(ConfirmConsent, self.now, **about), "uptd-ppa")
        else:
            self.attempt(say(ContradictConsent, self.now, consent=consent), "uptd-ppa")

    @rule(number=st.integers(0, 9))
    def the_lead_takes_a_referral_back(self, number: int) -> None:
        assert self.case is not None
        self.attempt(say(CancelReferral, self.now, referral=self.one_of(self.case.referrals, number)), "uptd-ppa")

    @rule(hours=st.sampled_from((1, 30)))
    def time_passes(self, hours: int) -> None:
        self.now += hours * HOUR

    # What the others do, in whatever order

    @rule(agency=insiders, about=scopes)
    def somebody_says_that_she_agreed(self, agency: str, about: dict[str, Any]) -> None:
        self.give(agency, about, None)

    @rule(agency=insiders, about=scopes)
    def somebody_overrides_her(self, agency: str, about: dict[str, Any]) -> None:
        danger = {"basis": SharingBasis.IMMINENT_DANGER, "rule": "r", "reason": "r"}
        command = say(OverrideConsent, self.now, **scope(self.new_id(), **about), **danger)
        self.attempt(command, agency, Role.SUPERVISOR)

    @rule(agency=insiders, to=insiders, of=compartments, purpose=st.sampled_from(PURPOSES))
    def somebody_refers_on(self, agency: str, to: str, of: frozenset[str], purpose: Purpose) -> None:
        about = {"of": of, "to": frozenset({to}), "purposes": frozenset({purpose})}
        self.give(agency, about, None)
        self.refer(agency, to, of, purpose)

    @rule(agency=insiders, number=st.integers(0, 9), move=st.sampled_from(sorted(MOVES)))
    def somebody_moves(self, agency: str, number: int, move: str) -> None:
        assert self.case is not None
        for referral in (self.one_of(self.case.referrals, number),):
            self.attempt(MOVES[move](referral, self.now), agency)

    @rule(agency=insiders, number=st.integers(0, 9), ends=st.booleans())
    def somebody_tries_to_speak_for_the_lead(self, agency: str, number: int, ends: bool) -> None:
        assert self.case is not None
        consent = self.one_of(self.case.consents, number)
        about = {"consent": consent, "given_by": frozenset({ConsentBy.SURVIVOR}), "obtained": Obtained.VERBAL}
        self.attempt(say(ConfirmConsent, self.now, **about), agency)
        if ends:
            self.attempt(say(ContradictConsent, self.now, consent=consent), agency)

    @rule(agency=insiders, of=compartments)
    def somebody_writes(self, agency: str, of: frozenset[str]) -> None:
        self.attempt(say(RecordNote, self.now, note=self.new_id(), **{word: word for word in of}), agency)

    # What must never come to pass

    @invariant()
    def nobody_opens_of_the_lead_s_words_what_was_given_to_none_of_them(self) -> None:
        assert self.case is not None
        given_to_some = self.given_by_the_lead()
        reaches = Reaches(self.case, self.now)
        for agency in INSIDERS:
            for version, told in self.knowledge.told.get(agency, {}).items():
                of = self.log[version - 1]
                if of.author == "uptd-ppa":
                    opened = may_open(reaches, of, told, agency, NETWORK[agency].kind)
                    assert {c.word for c in opened} - {"coordination"} <= given_to_some, agency

    def given_by_the_lead(self) -> set[str]:
        """What a consent of the lead's, or one that it confirmed, lets one of them know by a referral that the lead
        sent and nobody refused or took back."""
        account = Account([w.event for w in self.log], [w.author for w in self.log], self.now)
        found: set[str] = set()
        for referral in account.referrals:
            if referral.sender != "uptd-ppa" or account.was(referral.referral, TAKEN_BACK):
                continue
            names = {referral.recipient, f"kind:{NETWORK[referral.recipient].kind.value}"}
            for said_once in account.consents:
                now = account.scope(said_once.consent)
                asked = not isinstance(said_once, ConsentReported) or account.is_confirmed(said_once.consent)
                if now is not None and asked and names & now.recipients and referral.purpose in now.purposes:
                    found |= now.compartments & referral.compartments
        return found


TestInsiders = Insiders.TestCase
TestInsiders.settings = settings(max_examples=examples(120), stateful_step_count=40, deadline=None)
