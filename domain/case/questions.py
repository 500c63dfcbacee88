"""Questions on a referral, from one of its parties to the other, and their answers.

What is asked is a code that both may know, and words in compartments: of those only such as the other party may open
now, by the referral and a consent, so that a question is no way around either. The lead sees that there is one. Who
does not answer is reminded, then the lead is: the lead may answer, too, where the one who was asked is gone. A question
is no act on the referral: to ask every day keeps nobody from being raised.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import NewType
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from ..casefile.deciding import Network, decides, fresh
from ..casefile.evolving import applies
from ..casefile.moves import REFERRAL
from ..casefile.state import EMPTY, Case, Part, Referral, Status
from ..causes import Cause
from ..codes import AgencyKind, ReferralStatus
from ..compartment import Compartment, Coordination
from ..declaring import Audience, Step, asked, field, happened, name_fields
from ..fact import Act, AgencyCode, Details, Fact, ReferralId, Short, recorded, said_in
from ..field_words import VERSION_OF_TIMES
from ..meeting_times import QUESTION_TIMES
from ..persistent import put
from ..referral_codes import QuestionAbout, QuestionReply
from ..refusal import AlreadyDone, ConsentMissing, StillRunning, Unknown, WrongMove
from ..standing.reach import Reaches
from ..standing.relations import Extent, Relation
from ..standing.roles import CASE_WORK, ESCALATION
from ..standing.rows import ANYWHERE, KNOWS, Since, Thing
from ..words import Words

R = Relation
S = ReferralStatus

QuestionId = NewType("QuestionId", UUID)

COORDINATION = frozenset({Compartment.COORDINATION})


class QuestionStep(Details, frozen=True, kw_only=True):
    """What happens to a question."""

    question: Coordination[QuestionId]


def _concerned(event: "QuestionStep | QuestionUnanswered", case: Case) -> Mapping[AgencyCode, AgencyKind]:
    question = case.of(Questions).asked.get(event.question)
    if question is None:
        return {}
    referral = case.referrals[question.referral]
    sender = {referral.sender: referral.sender_kind} if referral.sender in case.participants() else {}
    return {**sender, referral.recipient: referral.recipient_kind}


PARTIES = Audience(
    Words(
        "pengirim rujukannya, selama ikut serta, dan penerimanya",
        "the sender of its referral, while they take part, and its recipient",
    ),
    _concerned,
)
said = partial(happened, step=Step.REFERRAL, to=PARTIES)


class QuestionFacts(QuestionStep, frozen=True, kw_only=True):
    referral: Coordination[ReferralId]
    asked_about: Coordination[QuestionAbout]


@said(
    Words("Pertanyaan diajukan", "Question asked"),
    her=Words("Instansi bertanya tentang rujukan Anda", "An agency asked something about your referral"),
    means="Satu pihak rujukan bertanya kepada pihak lainnya; penanggung jawab melihat bahwa ada pertanyaan.",
    calls={"rule": VERSION_OF_TIMES},
)
class QuestionAsked(QuestionFacts, frozen=True, kw_only=True, tag="case.QuestionAsked"):
    """One party of a referral asks the other; the lead sees that there is a question."""

    to: Coordination[AgencyCode]
    due_at: Coordination[datetime]
    asking: Coordination[AgencyCode]
    rule: Coordination[Short]


@said(
    Words("Pertanyaan dijawab", "Question answered"),
    her=Words("Pertanyaan itu dijawab", "That question was answered"),
    means="Jawaban bagi yang bertanya.",
)
class QuestionAnswered(QuestionStep, frozen=True, kw_only=True, tag="case.QuestionAnswered"):
    """What who asked is told."""

    reply: Coordination[QuestionReply]


@said(
    Words("Pertanyaan tanpa jawaban dieskalasi", "Unanswered question escalated"),
    her=Words("Pertanyaan itu belum dijawab; instansinya diingatkan", "It had no answer, and a reminder was sent"),
    means="Tidak dijawab pada waktunya; `level` menghitung berapa kali itu dieskalasi, `to` instansi yang penyelianya "
    "diminta menindaklanjuti.",
)
class QuestionUnanswered(Fact, frozen=True, kw_only=True, tag="case.QuestionUnanswered"):
    """Nobody answered in time; `level` counts how often that was raised, `to` is the agency whose supervisors are to
    see to it."""

    question: Coordination[QuestionId]
    level: Coordination[int]
    to: Coordination[AgencyCode]


class Question(Struct, frozen=True):
    id: QuestionId
    referral: ReferralId
    asking: AgencyCode
    to: AgencyCode
    asked_at: datetime
    due_at: datetime
    window: timedelta
    answered: bool = False
    raised: int = 0
    """How often it was raised that nobody answered."""


class Questions(Part, frozen=True):
    asked: Mapping[QuestionId, Question] = EMPTY


def waits_for_answer(case: Case, question: Question) -> bool:
    """Whether somebody has to answer it: its referral is open, and nobody did."""
    return not question.answered and case.referrals[question.referral].status.is_open


def _lead_beside(question: Question, case: Case) -> AgencyCode | None:
    return case.lead if case.lead != question.asking else None


QUESTION = Thing(
    "question",
    Words("pertanyaan", "question"),
    find=lambda case, id: case.of(Questions).asked.get(id),
    whose={
        R.AUTHOR: lambda question, case: question.asking,
        R.ADDRESSEE: lambda question, case: question.to,
        R.LEAD: _lead_beside,
    },
    known_to=frozenset({R.AUTHOR, R.ADDRESSEE, R.LEAD}),
    since=Since(Words("pertanyaan itu diajukan", "the question was asked"), lambda question: question.asked_at),
)
UNANSWERED = Cause(
    Words("waktu untuk menjawab pertanyaan itu habis", "the time to answer the question ran out"),
    lambda command, case, act: _raised_from(case.of(Questions).asked[command.question]),
)


@asked(
    "/cases/{case}/referrals/{referral}/questions",
    by=CASE_WORK,
    where=KNOWS.to(
        REFERRAL, R.SENDER, R.ADDRESSEE, by="referral", states={s for s in S if s.is_open}, move="ask about"
    ),
    extent=Extent.CONSENT,
    means="Bertanya kepada pihak lain dari rujukan, dengan apa yang boleh dibukanya sekarang.",
    tag="referral",
    example={"asked_about": "did-not-attend"},
    mints="question",
)
class AskQuestion(QuestionFacts, frozen=True, kw_only=True):
    """Ask the other party of a referral, in what that may open now."""


@asked(
    "/cases/{case}/questions/{question}/answer",
    by=CASE_WORK,
    where=KNOWS.to(QUESTION, R.ADDRESSEE, R.LEAD, by="question"),
    extent=Extent.CONSENT,
    means="Menjawab pertanyaan, dengan apa yang boleh dibuka yang bertanya sekarang.",
    tag="referral",
    example={"reply": "not-now"},
)
class AnswerQuestion(QuestionStep, frozen=True, kw_only=True):
    """Answer a question, in what who asked may open now."""

    reply: Coordination[QuestionReply]


@asked(
    by=ESCALATION,
    where=ANYWHERE,
    extent=Extent.MOVE,
    answers=(UNANSWERED,),
    means="Mengeskalasi bahwa tidak ada yang menjawab pertanyaan pada waktunya.",
)
class RaiseQuestion(Fact, frozen=True, kw_only=True):
    """Raise that nobody answered a question in time."""

    question: Coordination[QuestionId]


@applies(QuestionAsked)
def question_asked(part: Questions, event: QuestionAsked, recorded_at: datetime) -> Questions:
    window = event.due_at - recorded_at
    question = Question(event.question, event.referral, event.asking, event.to, event.occurred_at, event.due_at, window)
    return _changed(part, question)


@applies(QuestionAnswered)
def question_answered(part: Questions, event: QuestionAnswered) -> Questions:
    return _changed(part, replace(part.asked[event.question], answered=True))


@applies(QuestionUnanswered)
def question_unanswered(part: Questions, event: QuestionUnanswered) -> Questions:
    return _changed(part, replace(part.asked[event.question], raised=event.level))


def _changed(part: Questions, question: Question) -> Questions:
    return replace(part, asked=put(part.asked, question.id, question))


@decides.register
def ask(command: AskQuestion, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    fresh(case.of(Questions).asked, command.question)
    referral = case.referrals[command.referral]
    pair = (referral.sender, referral.recipient)
    asking, to = pair if act.agency == referral.sender else pair[::-1]
    _require_opened_by(to, command, case, referral, act)
    due_at = act.at + QUESTION_TIMES.answer[referral.urgency]
    return [recorded(QuestionAsked, command, act, to=to, asking=asking, due_at=due_at, rule=QUESTION_TIMES.version)]


@decides.register
def answer(command: AnswerQuestion, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    question = case.of(Questions).asked[command.question]
    if question.answered:
        raise AlreadyDone(what="the answer", id=question.id)
    _require_opened_by(question.asking, command, case, case.referrals[question.referral], act)
    return [recorded(QuestionAnswered, command, act)]


@decides.register
def raise_question(command: RaiseQuestion, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """Each time the window passes again without an answer, one level more: the first to who was asked, the others to
    the lead."""
    question = case.of(Questions).asked.get(command.question) if case else None
    if case is None or question is None:
        raise Unknown(what="question")
    if case.status is not Status.OPEN or not waits_for_answer(case, question):
        raise WrongMove(question=question.id, move="raise")
    due_at = _raised_from(question)
    if act.at < due_at:
        raise StillRunning(due_at=due_at)
    level = question.raised + 1
    return [recorded(QuestionUnanswered, command, act, level=level, to=question.to if level == 1 else case.lead)]


def _raised_from(question: Question) -> datetime:
    return question.due_at + question.raised * question.window


def _require_opened_by(to: AgencyCode, said: Fact, case: Case, referral: Referral, act: Act) -> None:
    """Raises ConsentMissing where words are in a compartment that the other party may not open now."""
    kind = {referral.recipient: referral.recipient_kind, referral.sender: referral.sender_kind}[to]
    opens = Reaches(case, act.at).of(to, kind).on(act.agency)
    if missing := said_in(said) - COORDINATION - opens:
        raise ConsentMissing(recipient=to, purpose=referral.purpose, compartments=missing)


name_fields(
    question=field("Pertanyaan", "Question"),
    asked_about=field("Yang ditanyakan", "What is asked", ("Yang ditanyakan", "What was asked")),
    asking=field("Yang bertanya", "Who asks", ("Yang bertanya", "Who asked")),
    reply=field("Jawaban", "Answer", ("Jawaban", "Answer")),
)
