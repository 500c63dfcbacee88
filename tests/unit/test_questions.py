"""Questions on a referral: asked by one of its parties, answered by the other; what they may say; and silence."""

from typing import Any

import pytest
from story import (
    HOSPITAL,
    HOUR,
    LEAD,
    NOON,
    POLICE,
    R1,
    SCHOOL,
    an_id,
    brought_to,
    consent,
    given,
    later,
    opened,
    referred,
    say,
    the_case,
    withdrawn,
    written,
)

from rujukan.domain.case.questions import (
    AnswerQuestion,
    AskQuestion,
    QuestionAnswered,
    QuestionAsked,
    QuestionUnanswered,
    RaiseQuestion,
)
from rujukan.domain.codes import ReferralStatus, Urgency
from rujukan.domain.disclosure import Knowledge
from rujukan.domain.fact import Fact
from rujukan.domain.meeting_times import QUESTION_TIMES
from rujukan.domain.referral_codes import QuestionAbout, QuestionReply
from rujukan.domain.refusal import AlreadyDone, ConsentMissing, NotForThisAgency, StillRunning, Unknown, WrongMove

S, U = ReferralStatus, Urgency
ID = an_id("question")
ASKED_IT = {"question": ID, "referral": R1, "asked_about": QuestionAbout.DID_NOT_ATTEND}
ASK = say(AskQuestion, **ASKED_IT)
ANSWER = say(AnswerQuestion, question=ID, reply=QuestionReply.NOT_NOW)
ANSWERED = say(QuestionAnswered, question=ID, reply=QuestionReply.NOT_NOW)


def asked(by: str = "rsud", to: str = "uptd-ppa", urgency: U = U.URGENT, **more: Any) -> tuple[QuestionAsked, str]:
    times = {"due_at": NOON + QUESTION_TIMES.answer[urgency], "rule": QUESTION_TIMES.version}
    return say(QuestionAsked, **ASKED_IT, asking=by, to=to, **times, **more), by


def test_the_recipient_asks_the_sender_and_the_sender_the_recipient() -> None:
    given(*referred()).when(ASK, by=HOSPITAL).then(asked()[0])
    given(*referred()).when(ASK, by=LEAD).then(asked("uptd-ppa", "rsud")[0])


@pytest.mark.parametrize("status", [s for s in S if not s.is_open])
def test_nobody_asks_about_a_referral_that_is_not_open(status: S) -> None:
    given(*referred(status)).when(ASK, by=LEAD).refused(WrongMove, referral=R1, status=status, move="ask about")


def test_what_is_asked_is_in_what_the_other_may_open() -> None:
    """The hospital is sent identity and health; the lead may know nothing of hers."""
    case = [opened(), consent(of=("identity", "health")), *brought_to(S.IN_PROGRESS, of=("identity", "health"))]
    health = say(AskQuestion, **ASKED_IT, health="is the dose right")
    given(*case).when(health, by=LEAD).then_only(QuestionAsked)
    given(*case).when(health, by=HOSPITAL).refused(ConsentMissing, recipient="uptd-ppa", compartments={"health"})
    lead_may = consent(an_id("for the lead"), to="uptd-ppa", of=("health",))
    given(*case, lead_may).when(health, by=HOSPITAL).then_only(QuestionAsked)
    legal = say(AskQuestion, **ASKED_IT, legal="who is her lawyer")
    given(*case).when(legal, by=LEAD).refused(ConsentMissing, recipient="rsud", compartments={"legal"})


def test_nothing_is_asked_or_answered_in_words_past_her_no() -> None:
    case = [opened(), consent(of=("identity", "health")), *brought_to(S.IN_PROGRESS, of=("identity", "health"))]
    over = [*case, asked()[0], withdrawn()]
    in_words = say(AnswerQuestion, question=ID, reply=QuestionReply.OTHER, health="she is worse")
    given(*case, asked()).when(in_words, by=LEAD).then_only(QuestionAnswered)
    given(*over).when(in_words, by=LEAD).refused(ConsentMissing)
    given(*over).when(ANSWER, by=LEAD).then(ANSWERED)


def test_who_is_asked_answers_once_and_the_lead_where_they_are_gone() -> None:
    given(*referred(), asked()).when(ANSWER, by=LEAD).then(ANSWERED)
    given(*referred(), asked()).when(ANSWER, by=HOSPITAL).refused(NotForThisAgency)
    given(*referred(), asked("uptd-ppa", "rsud")).when(ANSWER, by=HOSPITAL).then(ANSWERED)
    given(*referred(), asked("uptd-ppa", "rsud")).when(ANSWER, by=LEAD).refused(NotForThisAgency)
    given(*referred(), asked(), ANSWERED).when(ANSWER, by=LEAD).refused(AlreadyDone)
    between = [opened(), consent(to=("rsud", "psikolog")), *brought_to(S.ACCEPTED, an_id("to rsud"))]
    between += brought_to(S.ACCEPTED, R1, sender="rsud", to="psikolog")
    given(*between, asked("psikolog", "rsud")).when(ANSWER, by=LEAD).then(ANSWERED)


def test_to_all_others_there_is_none() -> None:
    for stranger in (POLICE, SCHOOL):
        given(*referred(), asked()).when(ANSWER, by=stranger).refused(Unknown)
    known = [*referred(), *brought_to(S.ACCEPTED, an_id("another"), to="polres")]
    given(*known, asked()).when(ANSWER, by=POLICE).refused(Unknown, what="question")


def test_the_lead_sees_that_there_is_one_between_others_and_not_what_it_says() -> None:
    shared = ("identity", "psychosocial")
    events: list[Fact | tuple[Fact, str]] = [
        opened(),
        consent(to=("rsud", "psikolog"), of=shared),
        *brought_to(S.ACCEPTED, an_id("to rsud"), of=shared),
        *brought_to(S.ACCEPTED, R1, sender="rsud", to="psikolog", of=shared),
        asked("psikolog", "rsud", psychosocial="she speaks of her father"),
    ]
    knows, found = Knowledge(), dict[str, set[str]]()
    for n, entry in enumerate(events, 1):
        event, author = entry if isinstance(entry, tuple) else (entry, "uptd-ppa")
        for told in knows.follow(written(n, event, author)):
            if isinstance(told.of.event, QuestionAsked):
                found.setdefault(told.agency, set()).update(c.word for c in told.compartments)
    whole = {"coordination", "psychosocial"}
    assert found == {"uptd-ppa": {"coordination"}, "rsud": whole, "psikolog": whole}


@pytest.mark.parametrize("urgency", list(U))
def test_silence_is_raised_until_somebody_answers_to_the_lead_from_the_second_time_on(urgency: U) -> None:
    window, raise_it = QUESTION_TIMES.answer[urgency], say(RaiseQuestion, question=ID)
    events: list[Any] = [*referred(urgency=urgency), asked("uptd-ppa", "rsud", urgency)]
    for level in range(1, 6):
        given(*events).when_raised(raise_it, level * window - HOUR / 60).refused(StillRunning)
        to = "rsud" if level == 1 else "uptd-ppa"
        raised = say(QuestionUnanswered, NOON + level * window, question=ID, level=level, to=to)
        given(*events).when_raised(raise_it, level * window).then(raised)
        events.append(raised)
    given(*events, (ANSWERED, "rsud")).when_raised(raise_it, 90 * window).refused(WrongMove)


def test_a_question_ends_with_its_referral_and_is_no_act_on_it() -> None:
    raise_it, window = say(RaiseQuestion, question=ID), QUESTION_TIMES.answer[U.URGENT]
    ended = [*referred(S.COMPLETED), asked()]
    given(*ended).when_raised(raise_it, window).refused(WrongMove)
    before, after = the_case(*referred(S.ACCEPTED)), the_case(*referred(S.ACCEPTED), asked())
    assert before.referrals == after.referrals
    assert later(LEAD, window).at == NOON + window
