"""A consent that another agency says it heard: the lead asks her, and she says the same, or does not."""

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace
from story import (
    C1,
    C2,
    DAY,
    HOSPITAL,
    LEAD,
    NOON,
    POLICE,
    SCHOOL,
    Given,
    an_id,
    brought_to,
    closed,
    consent,
    given,
    later,
    opened,
    referred,
    reported,
    say,
    the_case,
    withdrawn,
)

from rujukan.domain.case.confirming import (
    ConfirmConsent,
    ConsentConfirmed,
    ConsentNotConfirmed,
    ContradictConsent,
    not_confirmed,
)
from rujukan.domain.case.fulfilment import ReferralHeld
from rujukan.domain.case.speaking import SpeakerSetAside
from rujukan.domain.codes import AgeGroup, ConsentBy, Obtained, ReferralStatus, Service
from rujukan.domain.fact import Act, Fact
from rujukan.domain.persons import SetAside
from rujukan.domain.refusal import (
    AlreadyDone,
    CaseNotOpen,
    ConsentFromWrongPerson,
    ConsentNotLive,
    NotForThisAgency,
    Unknown,
)

BY = ConsentBy
SHE = frozenset({BY.SURVIVOR})
TO_PSYCHOLOGIST: dict[str, Any] = {"to": "psikolog", "of": ("health", "psychosocial")}
HEARD: Sequence[Fact | tuple[Fact, str]] = (*referred(), reported(**TO_PSYCHOLOGIST))
"""The hospital works with her, and heard her agree to a psychologist."""


def fields(by: frozenset[ConsentBy] = SHE) -> dict[str, Any]:
    return {"consent": C2, "given_by": by, "obtained": Obtained.VERBAL}


CONFIRMS, CONFIRMED = say(ConfirmConsent, **fields()), say(ConsentConfirmed, **fields())
CONTRADICTS, CONTRADICTED = (
    say(ContradictConsent, consent=C2, remark="r"),
    say(ConsentNotConfirmed, consent=C2, remark="r"),
)
BOTH = pytest.mark.parametrize("command", [CONFIRMS, CONTRADICTS], ids=["confirmed", "contradicted"])


def waiting(*events: Fact | tuple[Fact, str], after: int = 0) -> list[Any]:
    return list(not_confirmed(the_case(*events), NOON + after * DAY))


def test_what_another_heard_waits_for_the_lead_and_what_the_lead_heard_does_not() -> None:
    assert waiting(*HEARD) == [C2]
    assert waiting(*referred()) == []


def test_she_says_the_same_and_it_holds_as_a_whole() -> None:
    after = given(*HEARD).when(CONFIRMS).then(CONFIRMED)
    assert after is not None
    assert after.consents[C2].confirmed
    assert after.consents[C2].live
    assert list(not_confirmed(after, NOON)) == []


def test_she_does_not_and_it_covers_nothing_any_more() -> None:
    after = given(*HEARD).when(CONTRADICTS).then(CONTRADICTED)
    assert after is not None
    assert not after.consents[C2].live
    assert list(not_confirmed(after, NOON)) == []


def test_what_was_sent_on_it_is_held_at_once() -> None:
    passed_on = brought_to(
        ReferralStatus.IN_PROGRESS,
        an_id("passed on"),
        sender="rsud",
        to="psikolog",
        service=Service.PSYCHOSOCIAL,
        of=("health",),
    )
    sent_on = [*HEARD, *((event, "rsud") for event in passed_on)]
    given(*sent_on).when(CONTRADICTS).then_only(ConsentNotConfirmed, ReferralHeld)
    given(*sent_on).when(CONFIRMS).then_only(ConsentConfirmed)


@BOTH
@pytest.mark.parametrize("by", [HOSPITAL, POLICE, SCHOOL], ids=["who heard it", "police", "school"])
def test_nobody_else_answers_for_her(command: Fact, by: Act) -> None:
    """Least of all who says that it heard her."""
    when = given(*HEARD).when(command, by=by)
    assert isinstance(when.refusal, NotForThisAgency if by is HOSPITAL else NotForThisAgency | Unknown)


@BOTH
def test_what_the_lead_heard_itself_is_not_confirmed(command: Fact) -> None:
    """She said it to the lead: there is nobody to ask again."""
    its_own = replace(command, consent=C1)  # type: ignore[call-arg]
    given(opened(), consent()).when(its_own).refused(Unknown)
    given(opened()).when(its_own).refused(Unknown)


@BOTH
def test_one_answer_is_never_made_another(command: Fact) -> None:
    given(*HEARD, CONFIRMED).when(command).refused(AlreadyDone, id=C2)
    given(*HEARD, CONTRADICTED).when(command).refused(ConsentNotLive, consent=C2)


@BOTH
def test_what_she_took_back_or_what_ran_out_is_not_asked_about(command: Fact) -> None:
    given(*HEARD, withdrawn(C2)).when(command).refused(ConsentNotLive)
    limited = (*referred(), reported(**TO_PSYCHOLOGIST, until=NOON + DAY))
    late = later(LEAD, DAY)
    given(*limited).when(replace(command, occurred_at=late.at), by=late).refused(ConsentNotLive)
    assert waiting(*limited, after=0) == [C2]
    assert waiting(*limited, after=1) == []


def test_in_a_closed_case_her_no_is_recorded_and_her_yes_is_not() -> None:
    """What ends sharing is heard in every state of the file; what gives somebody more takes an open one."""
    given(*HEARD, closed()).when(CONTRADICTS).then(CONTRADICTED)
    given(*HEARD, closed()).when(CONFIRMS).refused(CaseNotOpen)


PARENTS, INSTEAD = {BY.PARENT, BY.GUARDIAN, BY.CAREGIVER}, {BY.TRUSTED_ADULT, BY.INSTITUTION, BY.CASE_WORKER}
MAY_AGREE = {
    AgeGroup.SMALL_CHILD: PARENTS | INSTEAD,
    AgeGroup.YOUNG_CHILD: PARENTS | INSTEAD,
    AgeGroup.SCHOOL_CHILD: PARENTS | INSTEAD,
    AgeGroup.YOUNGER_ADOLESCENT: PARENTS | INSTEAD | {BY.SURVIVOR},
    AgeGroup.ADOLESCENT: PARENTS | INSTEAD | {BY.SURVIVOR},
    AgeGroup.OLDER_ADOLESCENT: {BY.SURVIVOR},
    AgeGroup.ADULT: {BY.SURVIVOR},
}


def aged(age: AgeGroup) -> Given:
    first, *others = HEARD
    assert first == opened()
    return given(opened(age=age), *others)


@pytest.mark.parametrize("age", AgeGroup)
@pytest.mark.parametrize("who", BY)
def test_her_yes_is_confirmed_by_who_could_agree_for_her_at_her_age(age: AgeGroup, who: ConsentBy) -> None:
    """Whether her age was assessed since, or said as the case was opened: a parent does not confirm for an adult."""
    by = fields(frozenset({who}))
    when = aged(age).when(say(ConfirmConsent, **by))
    if who in MAY_AGREE[age]:
        when.then(say(ConsentConfirmed, **by))
    else:
        when.refused(ConsentFromWrongPerson, age_group=age)


def test_who_was_set_aside_confirms_nothing() -> None:
    aside = say(SpeakerSetAside, speakers=frozenset({BY.PARENT}), set_aside=SetAside.ALLEGED_PERPETRATOR)
    by_parent = say(ConfirmConsent, **fields(frozenset({BY.PARENT})))
    _, *others = HEARD
    given(opened(age=AgeGroup.SMALL_CHILD), *others, aside).when(by_parent).refused(ConsentFromWrongPerson)
