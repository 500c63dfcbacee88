"""What she asks about her data is a thing: with a time to answer, raised until it is answered, and an answer."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given as for_any
from hypothesis import strategies as st
from msgspec.structs import replace
from story import (
    DAY,
    HOUR,
    LEAD,
    NETWORK,
    NOON,
    R1,
    R2,
    When,
    act,
    an_id,
    brought_to,
    closed,
    consent,
    given,
    later,
    opened,
    say,
    the_case,
    written,
)

from rujukan.domain.case.fulfilment import ReferralHeld
from rujukan.domain.case.rights import (
    AnswerRight,
    AskRight,
    RaiseRight,
    RightAnswered,
    RightAsked,
    Rights,
    RightWaits,
    due,
)
from rujukan.domain.case.speaking import SpeakerSetAside
from rujukan.domain.case.stopping import StopSharing
from rujukan.domain.casefile.ages import AgeAssessed
from rujukan.domain.casefile.deciding import derived
from rujukan.domain.casefile.evolving import fold_log
from rujukan.domain.casefile.evolving import said as as_said
from rujukan.domain.casefile.state import Case
from rujukan.domain.casefile.stopping import SharingStopped, Stops
from rujukan.domain.codes import (
    AgeGroup,
    AgencyKind,
    ConsentBy,
    Obtained,
    ReferralStatus,
    Role,
    Service,
    StopAbout,
)
from rujukan.domain.compartment import Compartment
from rujukan.domain.disclosure import Knowledge
from rujukan.domain.fact import Fact
from rujukan.domain.persons import Right, RightAnswer, SetAside
from rujukan.domain.refusal import (
    AlreadyExists,
    ConsentFromWrongPerson,
    Invalid,
    NotForThisAgency,
    NotForThisRole,
    StillRunning,
    Unknown,
    WrongMove,
)

RIGHT = an_id("right")
SHE, FATHER = frozenset({ConsentBy.SURVIVOR}), frozenset({ConsentBy.GUARDIAN})
DUE = NOON + 3 * DAY
SUPERVISOR = act("uptd-ppa", Role.SUPERVISOR)
RAISE = say(RaiseRight, right=RIGHT)
AT_RSUD = [consent(), *brought_to(ReferralStatus.IN_PROGRESS)]


def asks(kind: Right = Right.ACCESS, by: frozenset[ConsentBy] = SHE, **more: Any) -> AskRight:
    return say(AskRight, right=RIGHT, kind=kind, said_by=by, **more)


def was_asked(by: frozenset[ConsentBy] = SHE, **more: Any) -> RightAsked:
    return say(
        RightAsked, **{"right": RIGHT, "kind": Right.ACCESS, "said_by": by, "answer_by": DUE, "rule": "2026-1", **more}
    )


def answers(answer: RightAnswer = RightAnswer.GRANTED, **more: Any) -> AnswerRight:
    return say(AnswerRight, right=RIGHT, answer=answer, **more)


# Asking ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(Right))
def test_whatever_she_asks_is_to_be_answered_within_three_times_24_hours(kind: Right) -> None:
    command = asks(kind, obtained=Obtained.VERBAL, remark="her words")
    asked, *_ = _events(given(opened()).when(command))
    assert asked == was_asked(kind=kind, obtained=Obtained.VERBAL, remark="her words")


@pytest.mark.parametrize("kind", [kind for kind in Right if kind is not Right.WITHDRAWAL])
def test_whoever_takes_part_hears_it_and_it_ends_nothing(kind: Right) -> None:
    for agency in ("uptd-ppa", "rsud"):
        given(opened(), *AT_RSUD).when(asks(kind), by=act(agency)).then_only(RightAsked)
    given(opened(), *AT_RSUD).when(asks(), by=act("disdik")).refused(Unknown, what="case")


@pytest.mark.parametrize("said_by", [SHE, SHE | FATHER], ids=["she", "both"])
@pytest.mark.parametrize("agency", ["uptd-ppa", "rsud", "polres"])
def test_what_she_takes_back_stops_just_what_a_stop_to_everything_does(agency: str, said_by: Any) -> None:
    """The state of each consent and referral after it, and what waits for the lead, are those after a stop."""
    both = [consent(to=("rsud", "polres")), *AT_RSUD[1:]]
    police = brought_to(ReferralStatus.REQUESTED, R2, to="polres", service=Service.LAW_ENFORCEMENT, of=("incident",))
    story = given(opened(), *both, *police)
    stop = say(StopSharing, stop=derived(RIGHT, "stop"), about=StopAbout.EVERYTHING, said_by=said_by)
    stopped = story.when(stop, by=act(agency))
    asked = story.when(asks(Right.WITHDRAWAL, by=said_by), by=act(agency))
    after, as_stopped = (folded([opened(), *both, *police], when.events, agency) for when in (asked, stopped))
    assert after.consents == as_stopped.consents
    assert after.referrals == as_stopped.referrals
    assert after.of(Stops).heard == as_stopped.of(Stops).heard
    at_once = agency == "uptd-ppa"
    assert [heard.waits for heard in after.of(Stops).heard.values()] == [not at_once], "else the lead asks her"
    if at_once:
        assert not after.shareable("rsud", AgencyKind.HEALTH, NOON)


def test_what_another_takes_back_for_her_waits_for_its_answer_and_stops_nothing() -> None:
    """It may be the accused who asks: a stop asks whether it is, a right does not."""
    both = [replace(consent(to=("rsud", "polres")), given_by=FATHER), *AT_RSUD[1:]]
    for agency in ("uptd-ppa", "rsud"):
        given(opened(), *both).when(asks(Right.WITHDRAWAL, by=FATHER), by=act(agency)).then_only(RightAsked)


def test_who_works_on_no_case_stops_nothing_by_recording_it() -> None:
    officer = act("uptd-ppa", Role.DATA_PROTECTION_OFFICER)
    given(opened(), *AT_RSUD).when(asks(Right.WITHDRAWAL), by=officer).then_only(RightAsked)


def test_what_was_taken_back_already_is_asked_again_and_a_small_child_s_word_stops_nothing() -> None:
    story = given(opened(), *AT_RSUD)
    case = story.when(asks(Right.WITHDRAWAL), by=act("rsud")).then_only(RightAsked, SharingStopped, ReferralHeld)
    again = say(AskRight, right=an_id("again"), kind=Right.WITHDRAWAL, said_by=SHE)
    When(case, again, act("rsud"), NETWORK).then_only(RightAsked)
    small = say(AgeAssessed, age_group=AgeGroup.SMALL_CHILD, age_table="2026-1")
    given(opened(), small, *AT_RSUD).when(asks(Right.WITHDRAWAL)).then_only(RightAsked)


def test_it_is_counted_from_when_she_asked_however_late_that_is_recorded() -> None:
    told = replace(asks(), occurred_at=NOON)
    given(opened()).when(told, by=later(LEAD, 2 * DAY)).then(was_asked())


def test_an_id_is_taken_once_and_an_ended_file_still_hears_her() -> None:
    given(opened(), was_asked()).when(asks()).refused(AlreadyExists)
    given(opened(), closed()).when(asks()).then_only(RightAsked)


# Answering -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("after", "in_time"), [(HOUR, True), (3 * DAY, True), (3 * DAY + HOUR, False)])
def test_it_is_answered_in_time_up_to_the_very_end(after: timedelta, in_time: bool) -> None:
    command = replace(answers(), occurred_at=NOON + after)
    (found,) = _events(given(opened(), was_asked()).when(command, by=later(SUPERVISOR, after)))
    assert isinstance(found, RightAnswered)
    assert found.in_time is in_time


def test_an_answer_that_is_entered_late_is_late_whatever_is_said() -> None:
    (found,) = _events(given(opened(), was_asked()).when(answers(), by=later(SUPERVISOR, 4 * DAY)))
    assert isinstance(found, RightAnswered)
    assert found.in_time is False


@pytest.mark.parametrize("answer", [RightAnswer.PARTLY, RightAnswer.REFUSED])
def test_what_is_not_granted_says_why(answer: RightAnswer) -> None:
    given(opened(), was_asked()).when(answers(answer), by=SUPERVISOR).refused(Invalid, field="reason")
    given(opened(), was_asked()).when(answers(answer, reason="the psychologist's"), by=SUPERVISOR).then_only(
        RightAnswered
    )


def test_it_is_answered_once_by_the_lead_s_supervisor_or_data_protection_officer() -> None:
    case = given(opened(), *AT_RSUD, was_asked())
    for role in Role:
        when = case.when(answers(), by=act("uptd-ppa", role), in_role=True)
        if role in (Role.SUPERVISOR, Role.DATA_PROTECTION_OFFICER):
            when.then_only(RightAnswered)
        else:
            when.refused(NotForThisRole)
    case.when(answers(), by=act("rsud", Role.SUPERVISOR)).refused(NotForThisAgency)
    answered = say(RightAnswered, right=RIGHT, answer=RightAnswer.GRANTED, in_time=True)
    given(opened(), was_asked(), answered).when(answers(), by=SUPERVISOR).refused(Unknown)


def test_whom_she_accuses_has_an_answer_and_is_granted_nothing() -> None:
    """What he asks is recorded as anybody's is: so no answer at the counter tells him that he is set aside."""
    aside = say(SpeakerSetAside, speakers=FATHER, set_aside=SetAside.ALLEGED_PERPETRATOR)
    given(opened(), aside).when(asks(by=FATHER)).then(was_asked(FATHER))
    case = given(opened(), aside, was_asked(FATHER))
    for answer in (RightAnswer.GRANTED, RightAnswer.PARTLY):
        case.when(answers(answer, reason="r"), by=SUPERVISOR).refused(ConsentFromWrongPerson)
    case.when(answers(RightAnswer.REFUSED, reason="r"), by=SUPERVISOR).then_only(RightAnswered)


# Until it is answered --------------------------------------------------------------------------------------------


def test_the_lead_is_reminded_a_day_before_when_it_is_over_and_each_day_until_it_is_answered() -> None:
    events: list[Fact] = [opened(), was_asked()]
    for level, days in enumerate([2, 3, 4, 5, 6, 7], 1):
        given(*events).when_raised(RAISE, days * DAY - HOUR).refused(StillRunning, due_at=NOON + days * DAY)
        waits = say(RightWaits, NOON + days * DAY, right=RIGHT, level=level, answer_by=DUE)
        given(*events).when_raised(RAISE, days * DAY).then(waits)
        events.append(waits)
    given(*events, closed()).when_raised(RAISE, 8 * DAY).then_only(RightWaits)
    answered = say(RightAnswered, right=RIGHT, answer=RightAnswer.GRANTED, in_time=False)
    given(*events, answered).when_raised(RAISE, 90 * DAY).refused(WrongMove)
    given(opened()).when_raised(RAISE, DAY).refused(Unknown, what="right")
    given().when_raised(RAISE, DAY).refused(Unknown, what="right")


@for_any(st.lists(st.integers(0, 30 * 24), min_size=1, max_size=10))
def test_whenever_somebody_looks_a_step_is_said_once_and_the_next_lies_ahead(hours: list[int]) -> None:
    events: list[Fact] = [opened(), was_asked()]
    levels: list[int] = []
    for hour in sorted(hours):
        right = the_case(*events).of(Rights).asked[RIGHT]
        if due(right) > NOON + hour * HOUR:
            continue
        (raised,) = _events(given(*events).when_raised(RAISE, hour * HOUR))
        assert isinstance(raised, RightWaits)
        events.append(raised)
        levels.append(raised.level)
        assert due(the_case(*events).of(Rights).asked[RIGHT]) > NOON + hour * HOUR
        assert raised.level == 1 + max(0, (hour - 48) // 24)
    assert levels == sorted(set(levels))


@pytest.mark.parametrize("role", [r for r in Role if r is not Role.SYSTEM])
def test_only_the_system_raises_it(role: Role) -> None:
    by = later(act("uptd-ppa", role), 3 * DAY)
    given(opened(), was_asked()).when(RAISE, by=by, in_role=True).refused(NotForThisRole)


# Who knows -------------------------------------------------------------------------------------------------------


def test_the_lead_and_who_heard_it_know_of_it_and_nobody_else() -> None:
    waits = say(RightWaits, right=RIGHT, level=1, answer_by=DUE)
    answered = say(RightAnswered, right=RIGHT, answer=RightAnswer.REFUSED, reason="r", in_time=True)
    to_two = [consent(to=("rsud", "polres")), *brought_to(ReferralStatus.IN_PROGRESS, R1)]
    knowledge, told = Knowledge(), set()
    log = [opened(), *to_two, was_asked(remark="her words"), waits, answered]
    for version, event in enumerate(log, 1):
        author = {waits: "rujukan", log[-3]: "rsud"}.get(event, "uptd-ppa")
        for t in knowledge.follow(replace(written(version, event), author=author)):
            if t.of.version == version and version > len(log) - 3:
                told |= {(t.agency, c) for c in t.compartments}
    assert {agency for agency, _ in told} - {"rujukan"} == {"uptd-ppa", "rsud"}
    assert ("rsud", Compartment.LEGAL) not in told, "why it was refused is not told on"


def folded(before: list[Fact], events: list[Fact], agency: str) -> Case:
    found = fold_log(as_said(events, agency, NOON), the_case(*before))
    assert found is not None
    return found


def _events(when: Any) -> list[Fact]:
    assert when.refusal is None, when.refusal
    return list(when.events)
