"""Who speaks for her: by her age, by what she can decide, by what two people decide to be best; and who does not."""

from collections.abc import Iterable
from typing import Any

import pytest
from story import C1, C2, LEAD, NOON, given, opened, say, scope, the_case

from rujukan.domain.age_table import GRACE
from rujukan.domain.case.ages import AssessAge
from rujukan.domain.case.consents import (
    ConsentGiven,
    ConsentRefused,
    ConsentWithdrawn,
    GiveConsent,
    NarrowConsent,
    RefuseConsent,
    WithdrawConsent,
)
from rujukan.domain.case.speaking import (
    BestInterestDecided,
    CapacityRecorded,
    DecideBestInterest,
    HearSpeakerAgain,
    RecordCapacity,
    SetSpeakerAside,
    SpeakerHeardAgain,
    SpeakerSetAside,
    held,
)
from rujukan.domain.case.stopping import StopSharing
from rujukan.domain.casefile.ages import AgeAssessed
from rujukan.domain.casefile.consenting import ConsentNarrowed
from rujukan.domain.casefile.speaking import SaidWithoutEffect
from rujukan.domain.casefile.state import NOTHING, Case
from rujukan.domain.casefile.stopping import SharingStopped, Stops, as_if_answered
from rujukan.domain.codes import AgeGroup, AgencyKind, ConsentBy, Obtained, StopAbout
from rujukan.domain.fact import Fact
from rujukan.domain.persons import AgeBasis, Capacity, Saying, SetAside
from rujukan.domain.refusal import AlreadyDone, ConsentFromWrongPerson, Invalid, Unknown
from rujukan.domain.standing.rule import second_needed

A, B = AgeGroup, ConsentBy
DECISION, STOP = C2, C2
WHY = {"no_caregiver_because": "both are accused"}
YES, NO = {"child_assent": True}, {"child_assent": False}


def of(age: AgeGroup) -> list[Fact]:
    """A case whose survivor is known to be of that age."""
    return [opened(), say(AgeAssessed, age_group=age, age_table="2026-1")]


def give(*by: ConsentBy, **more: Any) -> GiveConsent:
    return say(GiveConsent, **scope(C1), given_by=frozenset(by), obtained=Obtained.WRITTEN, **more)


def gave(*by: ConsentBy, **more: Any) -> ConsentGiven:
    return say(ConsentGiven, **scope(C1), given_by=frozenset(by), obtained=Obtained.WRITTEN, **more)


def decided(*lets: ConsentBy, outweighs: Iterable[Any] = ()) -> BestInterestDecided:
    fields = {"lets": frozenset(lets) or None, "outweighs": frozenset(outweighs) or None}
    return say(BestInterestDecided, decision=DECISION, reason="it is best for her", **fields)


def aside(*speakers: ConsentBy) -> SpeakerSetAside:
    return say(SpeakerSetAside, speakers=frozenset(speakers), set_aside=SetAside.ALLEGED_PERPETRATOR)


def can(capacity: Capacity) -> CapacityRecorded:
    return say(CapacityRecorded, capacity=capacity)


# The table of ages -------------------------------------------------------------------------------------------

WHO = """
                    alone  +yes  +no   +why   +decision
small-child         survivor:-     parent:y  guardian:y  trusted-adult:d  institution:d  case-worker:d  next-of-kin:-
school-child        survivor:-     parent:a  guardian:a  trusted-adult:D  institution:D  case-worker:D  next-of-kin:-
younger-adolescent  survivor:r     parent:a  guardian:a  trusted-adult:D  institution:D  case-worker:D  next-of-kin:-
older-adolescent    survivor:y     parent:-  guardian:-  trusted-adult:-  institution:-  case-worker:-  next-of-kin:-
adult               survivor:y     parent:-  guardian:-  trusted-adult:-  institution:-  case-worker:-  next-of-kin:-
"""
"""y: gives; a: with the child's assent said; r: with the reason why no parent does, or a decision; d: by a decision;
D: by a decision, with the child's assent said; -: gives nothing. DOMAIN.md's table, told again."""


def cells() -> Iterable[tuple[AgeGroup, ConsentBy, str]]:
    for line in WHO.strip().splitlines()[1:]:
        age, *said = line.split()
        for cell in said:
            by, _, how = cell.partition(":")
            yield A(age), B(by), how


@pytest.mark.parametrize(("age", "by", "how"), list(cells()), ids=lambda x: str(x))
def test_who_consents_at_which_age(age: AgeGroup, by: ConsentBy, how: str) -> None:
    def gives(*more_events: Fact, **more: Any) -> bool | None:
        story = given(*of(age), *more_events).when(give(by, **more))
        if story.refusal is None:
            return story.events == [story.events[0]]
        assert isinstance(story.refusal, ConsentFromWrongPerson | Invalid), repr(story.refusal)
        return False

    decision = decided(by)
    found = {
        "alone": gives(),
        "yes": gives(**YES),
        "why": gives(**WHY),
        "decision": gives(decision),
        "decision, yes": gives(decision, **YES),
    }
    small = age is A.SMALL_CHILD  # who is not asked, so that nothing may stand there
    told = {
        "y": {"alone", "why", "decision"} | (set() if small else {"yes", "decision, yes"}),
        "a": {"yes", "decision, yes"},
        "r": {"why", "decision", "decision, yes"},
        "d": {"decision"},
        "D": {"decision, yes"},
        "-": set(),
    }[how]
    assert {name for name, may in found.items() if may} == told


def test_a_small_child_is_not_asked_and_no_word_of_hers_is_needed() -> None:
    given(*of(A.SMALL_CHILD)).when(give(B.PARENT)).then_only(ConsentGiven)
    for said in (YES, NO):
        given(*of(A.SMALL_CHILD)).when(give(B.PARENT, **said)).refused(Invalid, field="child_assent")


def test_a_child_who_could_not_be_asked_is_no_yes() -> None:
    given(*of(A.SCHOOL_CHILD)).when(give(B.PARENT)).refused(Invalid, field="child_assent")
    case = given(*of(A.SCHOOL_CHILD)).when(give(B.PARENT, assent_not_asked="she slept")).then_only(ConsentGiven)
    assert case.shareable("rsud", AgencyKind.HEALTH, NOON)


def test_the_consent_names_the_decision_that_lets_them() -> None:
    story = given(*of(A.SMALL_CHILD), decided(B.TRUSTED_ADULT)).when(give(B.TRUSTED_ADULT, speaker="her grandmother"))
    story.then(gave(B.TRUSTED_ADULT, speaker="her grandmother", decision=DECISION))


def test_a_decision_that_there_is_not_or_that_lets_others_is_named_by_no_consent() -> None:
    named = {"decision": DECISION, **YES}
    for by in (B.PARENT, B.TRUSTED_ADULT):
        given(*of(A.SCHOOL_CHILD)).when(give(by, **named)).refused(Unknown, what="best-interest decision")
    other = say(BestInterestDecided, decision=C1, lets=frozenset({B.TRUSTED_ADULT}), reason="r")
    lets_another = [*of(A.SCHOOL_CHILD), other, decided(B.INSTITUTION)]
    given(*lets_another).when(give(B.TRUSTED_ADULT, **named)).refused(Invalid, field="decision")
    given(*lets_another).when(give(B.INSTITUTION, **named)).then_only(ConsentGiven)


# A child's no ------------------------------------------------------------------------------------------------


def test_a_childs_no_holds_what_her_parent_agreed_to_until_two_people_decide() -> None:
    story = given(*of(A.YOUNGER_ADOLESCENT)).when(give(B.PARENT, **NO))
    case = story.then_only(ConsentGiven)
    assert case.shareable("rsud", AgencyKind.HEALTH, NOON) == NOTHING
    outweigh = say(DecideBestInterest, decision=DECISION, outweighs=frozenset({C1}), reason="it is best for her")
    assert second_needed(outweigh, case, LEAD) is not None, "it takes two people"
    after = given(*of(A.YOUNGER_ADOLESCENT), gave(B.PARENT, **NO)).when(outweigh).then_only(BestInterestDecided)
    assert after.shareable("rsud", AgencyKind.HEALTH, NOON)


def test_only_what_is_held_is_outweighed() -> None:
    outweigh = say(DecideBestInterest, decision=DECISION, outweighs=frozenset({C1}), reason="r")
    given(*of(A.YOUNGER_ADOLESCENT)).when(outweigh).refused(Unknown, what="consent")
    given(*of(A.YOUNGER_ADOLESCENT), gave(B.PARENT, **YES)).when(outweigh).refused(AlreadyDone)


@pytest.mark.parametrize("age", [A.OLDER_ADOLESCENT, A.ADULT])
def test_no_decision_lets_anybody_speak_for_who_decides_herself(age: AgeGroup) -> None:
    story = [*of(age), decided(*(set(B) - {B.SURVIVOR}))]
    for by in set(B) - {B.SURVIVOR}:
        given(*story).when(give(by)).refused(ConsentFromWrongPerson)
    given(*story, can(Capacity.UNABLE)).when(give(B.GUARDIAN)).then_only(ConsentGiven)


# What she can decide -----------------------------------------------------------------------------------------


def test_support_takes_nothing_from_her() -> None:
    story = given(*of(A.ADULT), can(Capacity.SUPPORTED)).when(give(B.SURVIVOR, supporter="her sister"))
    story.then(gave(B.SURVIVOR, supporter="her sister"))
    given(*of(A.ADULT), can(Capacity.SUPPORTED)).when(give(B.GUARDIAN)).refused(ConsentFromWrongPerson)


def test_for_an_adult_who_cannot_be_asked_now_nobody_consents() -> None:
    for by in B:
        given(*of(A.ADULT), can(Capacity.CANNOT_NOW)).when(give(by)).refused(ConsentFromWrongPerson)
    given(*of(A.ADULT), can(Capacity.CANNOT_NOW), can(Capacity.ABLE)).when(give(B.SURVIVOR)).then_only(ConsentGiven)


def test_for_an_adult_who_cannot_decide_a_guardian_does_by_decision() -> None:
    unable = say(RecordCapacity, capacity=Capacity.UNABLE, reason="r")
    assert second_needed(unable, the_case(*of(A.ADULT)), LEAD) is not None
    assert second_needed(say(RecordCapacity, capacity=Capacity.ABLE), the_case(*of(A.ADULT)), LEAD) is None
    given(*of(A.ADULT), can(Capacity.UNABLE)).when(give(B.GUARDIAN)).refused(ConsentFromWrongPerson)
    given(*of(A.ADULT), can(Capacity.UNABLE), decided(B.GUARDIAN)).when(give(B.GUARDIAN)).then_only(ConsentGiven)


def test_that_she_cannot_be_asked_rests_on_somebodys_word() -> None:
    given(*of(A.ADULT)).when(say(RecordCapacity, capacity=Capacity.CANNOT_NOW)).refused(Invalid, field="on_word_of")


def test_for_who_died_her_next_of_kin_does() -> None:
    given(*of(A.ADULT)).when(give(B.NEXT_OF_KIN)).refused(ConsentFromWrongPerson)
    given(*of(A.ADULT), can(Capacity.DIED)).when(give(B.NEXT_OF_KIN)).then_only(ConsentGiven)
    given(*of(A.ADULT), can(Capacity.DIED)).when(give(B.SURVIVOR)).refused(ConsentFromWrongPerson)


# Who does not speak for her ----------------------------------------------------------------------------------

SAYINGS: dict[Saying, tuple[Fact, type[Fact]]] = {
    Saying.CONSENT: (give(B.GUARDIAN), ConsentGiven),
    Saying.REFUSAL: (say(RefuseConsent, consent=C2, given_by=frozenset({B.GUARDIAN})), ConsentRefused),
    Saying.WITHDRAWAL: (say(WithdrawConsent, consent=C1, said_by=frozenset({B.GUARDIAN})), SharingStopped),
    Saying.STOP: (
        say(StopSharing, stop=STOP, about=StopAbout.EVERYTHING, said_by=frozenset({B.GUARDIAN})),
        SharingStopped,
    ),
}


@pytest.mark.parametrize("saying", Saying, ids=lambda saying: saying.value)
def test_a_guardian_whom_she_accuses_gives_and_withdraws_nothing(saying: Saying) -> None:
    command, otherwise = SAYINGS[saying]
    before = [] if saying is Saying.CONSENT else [gave(B.PARENT)]
    story = given(*of(A.SMALL_CHILD), *before, aside(B.GUARDIAN))
    case = story.when(command).then_only(SaidWithoutEffect)
    assert case.consents == story.case.consents
    assert case.of(Stops).heard == {}
    (said,) = story.when(command).events
    assert isinstance(said, SaidWithoutEffect)
    assert (said.saying, said.said_by) == (saying, {B.GUARDIAN})
    another = say(type(command), **{**_fields(command), "by_alleged": False})
    assert otherwise in [type(event) for event in story.when(another).events], "another guardian is heard"
    accused = say(type(command), **{**_fields(command), "by_alleged": True})
    given(*of(A.SMALL_CHILD), *before).when(accused).then_only(SaidWithoutEffect)


def test_what_she_says_counts_whoever_is_set_aside() -> None:
    given(*of(A.YOUNGER_ADOLESCENT), gave(B.SURVIVOR), aside(B.PARENT, B.GUARDIAN)).when(
        say(WithdrawConsent, consent=C1, said_by=frozenset({B.SURVIVOR}))
    ).then_only(ConsentWithdrawn, SharingStopped)


@pytest.mark.parametrize("by", [B.GUARDIAN, B.CAREGIVER])
def test_what_a_guardian_gave_who_is_accused_later_is_put_before_the_lead(by: ConsentBy) -> None:
    """What runs on it goes on, as nobody asked to stop; nothing new is sent on it, but in an emergency."""
    until_then = [*of(A.SMALL_CHILD), gave(by)]
    later = say(SetSpeakerAside, speakers=frozenset({B.GUARDIAN}), set_aside=SetAside.ALLEGED_PERPETRATOR)
    case = given(*until_then).when(later).then_only(SpeakerSetAside)
    assert case.shareable("rsud", AgencyKind.HEALTH, NOON)
    assert as_if_answered(case).shareable("rsud", AgencyKind.HEALTH, NOON) == NOTHING
    assert waiting_in(case) == {C1}
    outweigh = say(DecideBestInterest, decision=DECISION, outweighs=frozenset({C1}), reason="he agreed to her care")
    upheld = given(*until_then, aside(B.GUARDIAN)).when(outweigh).then_only(BestInterestDecided)
    assert as_if_answered(upheld).shareable("rsud", AgencyKind.HEALTH, NOON)
    assert waiting_in(upheld) == set()


@pytest.mark.parametrize("by", [(B.PARENT,), (B.SURVIVOR,), (B.GUARDIAN, B.PARENT)], ids=str)
def test_what_others_gave_or_gave_too_stands_whoever_is_set_aside(by: tuple[ConsentBy, ...]) -> None:
    case = the_case(*of(A.YOUNGER_ADOLESCENT), gave(*by), aside(B.GUARDIAN))
    assert as_if_answered(case).shareable("rsud", AgencyKind.HEALTH, NOON)
    assert waiting_in(case) == set()


def waiting_in(case: Case) -> set[Any]:
    """The consents that wait for two people."""
    return set(held(case, NOON))


def narrow(*by: ConsentBy, **more: Any) -> NarrowConsent:
    return say(NarrowConsent, **scope(C1, of=("health",)), said_by=frozenset(by) or None, **more)


def test_whoever_narrows_a_consent_is_named_and_who_is_set_aside_narrows_nothing() -> None:
    story = given(*of(A.SMALL_CHILD), gave(B.PARENT))
    (narrowed,) = story.when(narrow(B.PARENT)).events
    assert isinstance(narrowed, ConsentNarrowed)
    assert narrowed.said_by == {B.PARENT}
    story.when(narrow(B.PARENT, by_alleged=True)).then_only(SaidWithoutEffect)
    given(*of(A.SMALL_CHILD), gave(B.PARENT), aside(B.GUARDIAN)).when(narrow(B.GUARDIAN)).then_only(SaidWithoutEffect)
    given(*of(A.OLDER_ADOLESCENT), gave(B.SURVIVOR)).when(narrow(B.PARENT)).then_only(SaidWithoutEffect)
    (unsaid,) = story.when(narrow()).events
    assert isinstance(unsaid, ConsentNarrowed)
    assert unsaid.said_by is None, "nobody said who: that is no statement of hers"


SAID_BY_HER: list[Fact] = [
    say(RefuseConsent, consent=C2, given_by=frozenset({B.SURVIVOR})),
    say(WithdrawConsent, consent=C1, said_by=frozenset({B.SURVIVOR})),
    say(StopSharing, stop=STOP, about=StopAbout.EVERYTHING, said_by=frozenset({B.SURVIVOR})),
    narrow(B.SURVIVOR),
]


@pytest.mark.parametrize("command", SAID_BY_HER, ids=lambda command: type(command).__name__)
def test_a_small_child_is_not_asked_for_a_no_either(command: Fact) -> None:
    given(*of(A.SMALL_CHILD), gave(B.PARENT)).when(command).refused(ConsentFromWrongPerson)
    assert given(*of(A.SCHOOL_CHILD), gave(B.PARENT, **YES)).when(command).events


def test_nobody_outweighs_her_no_once_she_decides_herself() -> None:
    outweigh = say(DecideBestInterest, decision=DECISION, outweighs=frozenset({C1}), reason="r")
    story = [*of(A.YOUNGER_ADOLESCENT), gave(B.PARENT, **NO), *of(A.OLDER_ADOLESCENT)[1:]]
    given(*story).when(outweigh).refused(Invalid, field="outweighs")


@pytest.mark.parametrize(
    ("before", "found"),
    [
        (of(A.YOUNGER_ADOLESCENT), say(AssessAge, years_from=16, age_basis=AgeBasis.CLINICIAN)),
        ([*of(A.ADULT), can(Capacity.UNABLE)], say(RecordCapacity, capacity=Capacity.ABLE)),
    ],
    ids=["older than was thought", "able again"],
)
def test_who_is_found_to_decide_herself_is_asked_what_of_others_consents_stands(
    before: list[Fact], found: Fact
) -> None:
    story = given(*before, gave(B.GUARDIAN)).when(found)
    (narrowed,) = [event for event in story.events if isinstance(event, ConsentNarrowed)]
    assert (narrowed.expires_at, narrowed.said_by) == (NOON + GRACE, None)
    hers = given(*before, gave(B.SURVIVOR)).when(found)
    assert ConsentNarrowed not in [type(event) for event in hers.events]


def test_that_she_died_takes_two_people() -> None:
    died = say(RecordCapacity, capacity=Capacity.DIED)
    assert second_needed(died, the_case(*of(A.ADULT)), LEAD) is not None


def test_nobody_sets_her_aside_and_who_is_set_aside_takes_one_person_or_two() -> None:
    def put_aside(why: SetAside, *speakers: ConsentBy) -> SetSpeakerAside:
        return say(SetSpeakerAside, speakers=frozenset(speakers), set_aside=why)

    given(opened()).when(put_aside(SetAside.NOT_SAFE, B.SURVIVOR)).refused(Invalid, field="speakers")
    case = the_case(opened())
    assert second_needed(put_aside(SetAside.ALLEGED_PERPETRATOR, B.GUARDIAN), case, LEAD) is None
    assert second_needed(put_aside(SetAside.NOT_SAFE, B.PARENT), case, LEAD) is not None
    given(opened(), aside(B.PARENT)).when(put_aside(SetAside.NOT_SAFE, B.PARENT)).refused(AlreadyDone)


def test_who_was_set_aside_by_mistake_is_heard_again_by_two_people() -> None:
    again = say(HearSpeakerAgain, speakers=frozenset({B.GUARDIAN}), reason="another man")
    assert second_needed(again, the_case(opened()), LEAD) is not None
    given(opened()).when(again).refused(AlreadyDone)
    case = given(*of(A.SMALL_CHILD), aside(B.GUARDIAN)).when(again).then_only(SpeakerHeardAgain)
    assert (
        given(*of(A.SMALL_CHILD), aside(B.GUARDIAN), say(SpeakerHeardAgain, speakers=frozenset({B.GUARDIAN})))
        .when(give(B.GUARDIAN))
        .then_only(ConsentGiven)
        .consents
    )
    assert case.consents == {}


def test_once_she_consents_herself_nobody_takes_back_what_was_given_for_her() -> None:
    by_parent = say(WithdrawConsent, consent=C1, said_by=frozenset({B.PARENT}))
    given(*of(A.YOUNGER_ADOLESCENT), gave(B.PARENT, **YES)).when(by_parent).then_only(ConsentWithdrawn, SharingStopped)
    given(*of(A.OLDER_ADOLESCENT), gave(B.PARENT, **YES)).when(by_parent).then_only(SaidWithoutEffect)
    hers = say(WithdrawConsent, consent=C1, said_by=frozenset({B.SURVIVOR}))
    given(*of(A.OLDER_ADOLESCENT), gave(B.PARENT, **YES)).when(hers).then_only(ConsentWithdrawn, SharingStopped)


def _fields(of: Fact) -> dict[str, Any]:
    return {name: getattr(of, name) for name in of.__struct_fields__ if name != "occurred_at"}
