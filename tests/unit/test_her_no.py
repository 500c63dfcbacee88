"""Her own no stands against what others agree to for her later, until she says yes herself, or two people decide."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import example
from hypothesis import given as forall
from hypothesis import strategies as st
from msgspec.structs import replace
from story import (
    C1,
    C2,
    C3,
    DAY,
    HOUR,
    LEAD,
    NETWORK,
    NOON,
    SCHOOL,
    When,
    act,
    an_id,
    brought_to,
    given,
    later,
    opened,
    say,
    scope,
    the_case,
)

from rujukan.domain.case.ages import AssessAge
from rujukan.domain.case.confirming import ConfirmConsent
from rujukan.domain.case.consents import ConsentGiven, ConsentNarrowed, ConsentWithdrawn, GiveConsent, RefuseConsent
from rujukan.domain.case.identity import IdentifySurvivor
from rujukan.domain.case.incidents import AllegedPerpetratorRecorded, RecordAllegedPerpetrator
from rujukan.domain.case.speaking import (
    BestInterestDecided,
    CapacityRecorded,
    DecideBestInterest,
    SpeakerHeardAgain,
    SpeakerSetAside,
    held,
)
from rujukan.domain.case.stopping import ConfirmStop, ContradictStop, StopSharing
from rujukan.domain.casefile.ages import AgeAssessed
from rujukan.domain.casefile.evolving import fold_log
from rujukan.domain.casefile.evolving import said as as_said
from rujukan.domain.casefile.speaking import SaidWithoutEffect, Speaking
from rujukan.domain.casefile.state import Case
from rujukan.domain.casefile.stopping import SharingStopped, Stops, as_if_answered
from rujukan.domain.codes import AgeGroup, AgencyKind, ConsentBy, Obtained, Purpose, ReferralStatus, Service, StopAbout
from rujukan.domain.fact import Act, Fact
from rujukan.domain.persons import AgeBasis, Capacity, SetAside
from rujukan.domain.refusal import ConsentFromWrongPerson, Invalid
from rujukan.domain.standing.rule import second_needed

A, B = AgeGroup, ConsentBy
KINDS = {"rsud": AgencyKind.HEALTH, "polres": AgencyKind.POLICE, "disdik": AgencyKind.EDUCATION}
WHY = {"no_caregiver_because": "both are accused"}
ASLEEP = {"assent_not_asked": "she slept"}


def of(age: AgeGroup) -> list[Fact]:
    return [opened(), say(AgeAssessed, age_group=age, age_table="2026-1")]


def agrees(*by: ConsentBy, to: Iterable[str] = ("rsud",), id: Any = C1, **more: Any) -> GiveConsent:
    """Somebody agrees, an hour later."""
    return say(GiveConsent, NOON + HOUR, **scope(id, to=to), given_by=frozenset(by), obtained=Obtained.WRITTEN, **more)


def after(case: Case, command: Fact, by: Act = LEAD, at: timedelta = HOUR) -> Case:
    result = When(case, command, later(by, at), NETWORK)
    assert result.refusal is None, repr(result.refusal)
    found = fold_log(as_said(result.events, by.agency, NOON + at), case)
    assert found is not None
    return found


def reaches(case: Case, *agencies: str) -> set[str]:
    """Who of them gets something by a consent."""
    return {a for a in agencies or KINDS if case.shareable(a, KINDS[a], NOON + 10 * HOUR)}


# Every way of saying no, against every yes of others -------------------------------------------------------------

STOPPED = {"stop": C2, "said_by": frozenset({B.SURVIVOR})}
HERS = say(ConsentGiven, **scope(C3), given_by=frozenset({B.SURVIVOR}), obtained=Obtained.WRITTEN)
NOES: dict[str, list[Fact]] = {
    "refuses them": [say(SharingStopped, about=StopAbout.RECIPIENTS, recipients=frozenset({"rsud"}), **STOPPED)],
    "refuses their kind": [
        say(SharingStopped, about=StopAbout.RECIPIENTS, recipients=frozenset({"kind:health"}), **STOPPED)
    ],
    "refuses everybody": [say(SharingStopped, about=StopAbout.EVERYTHING, **STOPPED)],
    "takes hers back": [HERS, say(ConsentWithdrawn, consent=C3)],
    "takes hers back, said so": [
        HERS,
        say(SharingStopped, about=StopAbout.CONSENT, consent=C3, **STOPPED),
        say(ConsentWithdrawn, consent=C3),
    ],
    "narrows hers": [
        say(ConsentGiven, **scope(C3, to=("rsud", "disdik")), given_by=frozenset({B.SURVIVOR}), obtained="written"),
        say(ConsentNarrowed, **scope(C3, to="disdik")),
    ],
}
SPEAKERS: dict[str, tuple[AgeGroup, list[Fact], GiveConsent]] = {
    "a child's parent": (A.SCHOOL_CHILD, [], agrees(B.PARENT, **ASLEEP)),
    "an adolescent's parent": (A.YOUNGER_ADOLESCENT, [], agrees(B.PARENT, **ASLEEP)),
    "a guardian": (
        A.ADULT,
        [
            say(CapacityRecorded, capacity=Capacity.UNABLE),
            say(BestInterestDecided, decision=C2, lets=frozenset({B.GUARDIAN}), reason="r"),
        ],
        agrees(B.GUARDIAN),
    ),
    "next of kin": (A.ADULT, [say(CapacityRecorded, capacity=Capacity.DIED)], agrees(B.NEXT_OF_KIN)),
}


@pytest.mark.parametrize("no", NOES)
@pytest.mark.parametrize("speaker", SPEAKERS)
def test_what_she_refused_others_agree_to_in_vain(speaker: str, no: str) -> None:
    age, since, yes = SPEAKERS[speaker]
    case = after(the_case(*of(age), *NOES[no], *since), yes)
    assert reaches(case, "rsud") == set()
    assert C1 in set(held(case, NOON + HOUR)), "two people are to see that it waits"
    assert reaches(after(the_case(*of(age), *since), yes)) == {"rsud"}, "but for her no it would hold"


@pytest.mark.parametrize("speaker", SPEAKERS)
def test_two_people_outweigh_her_no_but_not_once_she_died(speaker: str) -> None:
    age, since, yes = SPEAKERS[speaker]
    case = after(the_case(*of(age), *NOES["refuses them"], *since), yes)
    outweigh = say(
        DecideBestInterest, NOON + 2 * HOUR, decision=C3, outweighs=frozenset({C1}), reason="PEP is due tonight"
    )
    if speaker == "next of kin":
        When(case, outweigh, later(LEAD, 2 * HOUR), {}).refused(Invalid, field="outweighs")
    else:
        decided = after(case, outweigh, at=2 * HOUR)
        assert reaches(decided, "rsud") == {"rsud"}
        assert C1 not in set(held(decided, NOON + 2 * HOUR))


def test_to_whom_she_did_not_refuse_it_gives_what_it_names() -> None:
    case = after(the_case(*of(A.SCHOOL_CHILD), *NOES["refuses them"]), agrees(B.PARENT, to=KINDS, **ASLEEP))
    assert reaches(case) == {"polres", "disdik"}


def test_what_she_agrees_to_now_is_no_more_refused() -> None:
    story = [*of(A.YOUNGER_ADOLESCENT), *NOES["refuses them"]]
    assert reaches(after(the_case(*story), agrees(B.PARENT, child_assent=True))) == {"rsud"}
    assert reaches(after(the_case(*story), agrees(B.SURVIVOR, **WHY))) == {"rsud"}


def test_a_no_that_a_school_heard_waits_for_the_lead_and_the_lead_s_answer_decides() -> None:
    stop = say(StopSharing, stop=C2, about=StopAbout.EVERYTHING, said_by=frozenset({B.SURVIVOR}))
    there = the_case(*of(A.SCHOOL_CHILD), *a_part_of_it())
    case = after(after(there, stop, by=SCHOOL, at=timedelta()), agrees(B.PARENT, **ASLEEP))
    assert as_if_answered(case).consents[C1].covers("rsud", AgencyKind.HEALTH, NOON + HOUR) is False
    no = after(case, say(ContradictStop, NOON + 2 * HOUR, stop=C2), at=2 * HOUR)
    assert reaches(as_if_answered(no), "rsud") == {"rsud"}
    confirm = say(ConfirmStop, NOON + 2 * HOUR, stop=C2, given_by=frozenset({B.SURVIVOR}), obtained=Obtained.VERBAL)
    assert reaches(after(case, confirm, at=2 * HOUR), "rsud") == set()


def a_part_of_it(to: str = "disdik", service: Service = Service.EDUCATION) -> list[Fact]:
    """The school takes part."""
    gave = say(ConsentGiven, **scope(C3, to=to, of=("incident",)), given_by=frozenset({B.PARENT}), obtained="written")
    return [gave, *brought_to(ReferralStatus.IN_PROGRESS, to=to, of=("incident",), service=service)]


# In any order --------------------------------------------------------------------------------------------------------

Cell = tuple[str, str, Purpose]
KIND_OF = {**KINDS, "klinik": AgencyKind.HEALTH}
"""The clinic is never named: it is of the hospital's kind."""
OF, FOR = ("health", "incident"), (Purpose.CARE, Purpose.LEGAL)
TO = st.frozensets(st.sampled_from([*sorted(KINDS), "kind:health"]), min_size=1, max_size=3)
SOME_OF, SOME_FOR = (st.frozensets(st.sampled_from(some), min_size=1) for some in (OF, FOR))


class Word(NamedTuple):
    """Somebody says something of these agencies, compartments and purposes; None: of all that there are."""

    word: str
    to: frozenset[str] = frozenset()
    of: frozenset[str] | None = None
    purposes: frozenset[Purpose] | None = None

    @property
    def cells(self) -> frozenset[Cell]:
        return frozenset(
            (agency, compartment, purpose)
            for agency, kind in KIND_OF.items()
            for compartment in self.of or OF
            for purpose in self.purposes or FOR
            if {agency, f"kind:{kind}"} & self.to
        )


YES = ("yes", "others", "others, and she assents", "a colleague says that she did")
WORDS = st.lists(
    st.one_of(
        st.builds(Word, st.sampled_from(("no", "stop")), TO, st.none() | SOME_OF, st.none() | SOME_FOR),
        st.builds(Word, st.sampled_from(YES), TO, SOME_OF, SOME_FOR),
        st.builds(Word, st.sampled_from(("two decide", "she says the same"))),
    ),
    max_size=8,
)
COLLEAGUE = act("lbh")
SHE_SAID = {"given_by": frozenset({B.SURVIVOR}), "obtained": Obtained.VERBAL}


def knows(case: Case) -> set[Cell]:
    """Each cell that consent gives somebody."""
    return {
        (agency, compartment.word, purpose)
        for agency, kind in KIND_OF.items()
        for purpose in FOR
        for compartment in case.shareable(agency, kind, NOON + DAY, purpose)
        if compartment.word in OF
    }


@forall(WORDS)
@example(
    [
        Word("no", frozenset({"rsud"})),
        Word("yes", frozenset({"rsud"}), frozenset({"incident"}), frozenset(FOR)),
        Word("others", frozenset({"rsud"}), frozenset(OF), frozenset(FOR)),
    ]
)
@example(
    [
        Word("no", frozenset({"disdik"}), frozenset({"health"})),
        Word("others", frozenset({"disdik"}), frozenset(OF), frozenset(FOR)),
    ]
)
@example(
    [
        Word("no", frozenset({"kind:health"})),
        Word("yes", frozenset({"rsud"}), frozenset({"health"}), frozenset({Purpose.CARE})),
        Word("others", frozenset({"rsud", "kind:health"}), frozenset(OF), frozenset(FOR)),
    ]
)
@example(
    [
        Word("stop", frozenset({"rsud"}), frozenset({"health"})),
        Word("a colleague says that she did", frozenset({"rsud"}), frozenset(OF), frozenset(FOR)),
        Word("others", frozenset({"rsud"}), frozenset(OF), frozenset(FOR)),
        Word("she says the same"),
    ]
)
def test_of_each_cell_the_last_word_that_is_hers_decides_until_two_people_do(words: list[Word]) -> None:
    """Told again without consents: of each agency, compartment and purpose, what she said last, and who may know."""
    case = the_case(*of(A.YOUNGER_ADOLESCENT), *a_part_of_it("lbh", Service.LEGAL_AID))
    hers, know = dict[Cell, bool](), set[Cell]()
    waits, reported = list[frozenset[Cell]](), dict[Any, frozenset[Cell]]()
    for n, word in enumerate(words, 1):
        at, id, cells, by = n * HOUR, an_id(f"word {n}"), word.cells, LEAD
        about = {"compartments": word.of, "purposes": word.purposes}
        match word.word:
            case "no" | "stop":
                how: dict[str, Any] = {"consent": id, "given_by": frozenset({B.SURVIVOR}), "asked_for": word.to}
                if word.word == "stop":
                    how = {"stop": id, "about": StopAbout.RECIPIENTS, "recipients": word.to}
                    how["said_by"] = frozenset({B.SURVIVOR})
                command: Fact = say(RefuseConsent if word.word == "no" else StopSharing, NOON + at, **how, **about)
                hers |= dict.fromkeys(cells, False)
                know -= cells
                waits = [left for each in waits if (left := each - cells)]
                reported = {each: left - cells for each, left in reported.items()}
            case "two decide":
                if not (ids := frozenset(held(case, NOON + at))):
                    assert not waits
                    continue
                command = say(DecideBestInterest, NOON + at, decision=id, outweighs=ids, reason="it is best for her")
                know |= frozenset[Cell]().union(*waits)
                waits = []
            case "she says the same":
                waiting = [each for each in reported if case.consents[each].live]
                if not waiting:
                    continue
                command = say(ConfirmConsent, NOON + at, consent=waiting[0], **SHE_SAID)
                said = reported.pop(waiting[0])
                hers |= dict.fromkeys(said, True)
                know |= said
            case _:
                who = B.PARENT if word.word.startswith("others") else B.SURVIVOR
                more = WHY if who is B.SURVIVOR else ASLEEP if word.word == "others" else {"child_assent": True}
                given_by = {"given_by": frozenset({who}), "obtained": Obtained.WRITTEN, **more}
                command = say(
                    *(GiveConsent, NOON + at), consent=id, recipients=word.to, expires_at=None, **about, **given_by
                )
                if word.word == "others":
                    no = frozenset(cell for cell in cells if hers.get(cell) is False)
                    know |= cells - no
                    waits += [no] if no else []
                elif who is B.SURVIVOR and word.word != "yes":
                    by = COLLEAGUE
                    reported[id] = cells
                else:
                    hers |= dict.fromkeys(cells, True)
                    know |= cells
        case = after(case, command, by=by, at=at)
        assert knows(case) == know


def test_what_she_narrowed_or_took_back_is_a_no_to_just_that() -> None:
    """A parent agrees to all of it for her, later."""
    both = say(ConsentGiven, **scope(C3, of=OF, purposes=FOR), given_by=frozenset({B.SURVIVOR}), obtained="written")
    parent = replace(agrees(B.PARENT, **ASLEEP), compartments=frozenset(OF), purposes=frozenset(FOR))
    narrowed = say(ConsentNarrowed, **scope(C3, of=("incident",), purposes=FOR))
    back = say(ConsentWithdrawn, consent=C3)
    all_of_it = Word("others", frozenset({"rsud"})).cells
    health = Word("no", frozenset({"rsud"}), frozenset({"health"})).cells
    assert knows(after(the_case(*of(A.SCHOOL_CHILD), both, narrowed), parent)) == all_of_it - health
    only_incident = replace(both, compartments=frozenset({"incident"}))
    assert knows(after(the_case(*of(A.SCHOOL_CHILD), only_incident, back), parent)) == health
    assert knows(after(the_case(*of(A.SCHOOL_CHILD), both, narrowed, back), parent)) == set()


# Who was set aside ---------------------------------------------------------------------------------------------------

MAY_BE_THE_SAME = sorted(set(B) - {B.SURVIVOR, B.CASE_WORKER})


@pytest.mark.parametrize("speaks_as", MAY_BE_THE_SAME)
@pytest.mark.parametrize("aside_as", MAY_BE_THE_SAME)
def test_who_is_set_aside_agrees_to_nothing_in_another_hat(aside_as: ConsentBy, speaks_as: ConsentBy) -> None:
    died = speaks_as is B.NEXT_OF_KIN
    can = [say(CapacityRecorded, capacity=Capacity.DIED)] if died else []
    lets = [say(BestInterestDecided, decision=C2, lets=frozenset({speaks_as}), reason="r")] if not died else []
    aside = say(SpeakerSetAside, speakers=frozenset({aside_as}), set_aside=SetAside.ALLEGED_PERPETRATOR)
    story = given(*of(A.SMALL_CHILD), *can, *lets, aside)
    unsaid, theirs = (
        story.when(agrees(speaks_as, **said), by=later(LEAD, HOUR)) for said in ({}, {"by_alleged": True})
    )
    assert isinstance(unsaid.refusal, Invalid) or [type(event) for event in unsaid.events] == [SaidWithoutEffect]
    theirs.then_only(SaidWithoutEffect)
    story.when(agrees(speaks_as, by_alleged=False), by=later(LEAD, HOUR)).then_only(ConsentGiven)


@pytest.mark.parametrize("speaks_as", MAY_BE_THE_SAME)
def test_whoever_names_the_accused_sets_them_aside_and_another_agency_than_the_lead_silences_nobody(
    speaks_as: ConsentBy,
) -> None:
    accused = say(RecordAllegedPerpetrator, relation="her father", speaks_as=frozenset({speaks_as}))
    gave = say(ConsentGiven, **scope(C1), given_by=frozenset({speaks_as}), obtained=Obtained.WRITTEN)
    story = given(*of(A.SMALL_CHILD), gave)
    case = story.when(accused).then_only(AllegedPerpetratorRecorded, SpeakerSetAside)
    assert case.consents[C1].doubted
    assert case.of(Speaking).set_aside == {speaks_as}
    When(case, accused, LEAD, NETWORK).then_only(AllegedPerpetratorRecorded)
    given(*of(A.SMALL_CHILD), *a_part_of_it()).when(accused, by=SCHOOL).then_only(AllegedPerpetratorRecorded)


def test_naming_the_accused_sets_nobody_aside_of_whom_it_is_not_said_and_never_her() -> None:
    accused = say(RecordAllegedPerpetrator, relation="a neighbour")
    given(*of(A.ADULT)).when(accused).then_only(AllegedPerpetratorRecorded)
    hers = say(RecordAllegedPerpetrator, speaks_as=frozenset({B.SURVIVOR}))
    given(*of(A.ADULT)).when(hers).refused(Invalid, field="speakers")


@pytest.mark.parametrize("by", [B.PARENT, B.GUARDIAN, B.CAREGIVER])
def test_what_a_guardian_gave_who_was_set_aside_by_mistake_holds_again(by: ConsentBy) -> None:
    speakers = {"speakers": frozenset({by})}
    story = [
        *of(A.SMALL_CHILD),
        say(ConsentGiven, **scope(C1), given_by=frozenset({by}), obtained=Obtained.WRITTEN),
        say(SpeakerSetAside, **speakers, set_aside=SetAside.ALLEGED_PERPETRATOR),
    ]
    assert the_case(*story).consents[C1].doubted
    assert not the_case(*story, say(SpeakerHeardAgain, **speakers, reason="the wrong man")).consents[C1].doubted


# One person does not make a child of her ------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [A.OLDER_ADOLESCENT, A.ADULT])
@pytest.mark.parametrize("years", range(3, 30))
def test_that_she_decides_no_more_by_her_age_takes_two_people(before: AgeGroup, years: int) -> None:
    assess = say(AssessAge, years_from=years, age_basis=AgeBasis.OBSERVED)
    case = the_case(*of(before))
    assert bool(second_needed(assess, case, LEAD)) is (years < 15)
    assert second_needed(assess, the_case(opened()), LEAD) is None, "who is asked first says what is known"
    child = say(AgeAssessed, age_group=A.SCHOOL_CHILD, age_table="2026-1")
    assert second_needed(assess, the_case(opened(), child), LEAD) is None, "who decides nothing has nothing to lose"


def test_nor_does_a_date_of_birth_that_is_recorded_beside_the_age_that_was_assessed() -> None:
    child = say(IdentifySurvivor, name="B", born_on=NOON.date().replace(year=NOON.year - 5))
    assert AgeAssessed in [type(event) for event in given(opened()).when(child).events]
    assert AgeAssessed not in [type(event) for event in given(*of(A.ADULT)).when(child).events]


def test_whoever_hears_a_small_child_say_stop_records_it_and_the_lead_asks() -> None:
    stop = say(StopSharing, stop=C2, about=StopAbout.EVERYTHING, said_by=frozenset({B.SURVIVOR}))
    story = [*of(A.SMALL_CHILD), *a_part_of_it()]
    given(*story).when(stop).refused(ConsentFromWrongPerson)
    case = after(the_case(*story), stop, by=SCHOOL, at=timedelta())
    assert case.of(Stops).heard[C2].waits
