"""Rights: she asks to see, correct, restrict or erase what is recorded, or takes back what she agreed to.

Whoever takes part hears it and records it. It is a thing with a time to answer (UU 27/2022; `RIGHT_TIMES`), put before
the lead a day before that passes, when it does, and each day after, until it is answered. The answer is a supervisor's
or a data protection officer's word. It moves nothing by itself: what was granted is done by the act that is there for
it (a correction, an erasure by two people, her report), and what stood against it is said as the reason. What she takes
back waits for no answer: that is a stop, too (casefile/stopping.py), which acts at once or is put before the lead.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NewType
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from ..casefile.ages import age_of
from ..casefile.asking_her import SaidBy, who_reported
from ..casefile.deciding import Network, decides, derived, fresh
from ..casefile.evolving import applies
from ..casefile.speaking import heard, is_nobodys
from ..casefile.state import EMPTY, Case, Part
from ..casefile.stopping import SharingStopped, hear
from ..casefile.waiting import waits
from ..causes import Cause
from ..codes import ConsentBy, Obtained, StopAbout
from ..compartment import Coordination, Legal, Psychosocial
from ..declaring import Step, asked, field, happened, name_fields
from ..fact import Act, AgencyCode, Fact, Short, Text, recorded
from ..field_words import VERSION_OF_TIMES
from ..pathways import RIGHT_TIMES
from ..persistent import put
from ..persons import Right, RightAnswer
from ..refusal import AlreadyDone, ConsentFromWrongPerson, Invalid, StillRunning, Unknown, WrongMove
from ..standing.relations import Extent, Relation
from ..standing.roles import CASE_WORK, ESCALATION, OFFICERS, REVIEW
from ..standing.rows import ANYWHERE, LEADS_ALSO_ENDED, TAKES_PART_ALSO_ENDED, Row, Since, Thing
from ..standing.rule import extent_of
from ..timing import overran
from ..words import Words

R = Relation

RightId = NewType("RightId", UUID)

SAYS_WHY = frozenset({RightAnswer.PARTLY, RightAnswer.REFUSED})


class OfRight(Fact, frozen=True, kw_only=True):
    right: Coordination[RightId]


class RightFacts(OfRight, frozen=True, kw_only=True):
    kind: Coordination[Right]
    said_by: Coordination[SaidBy]
    obtained: Coordination[Obtained | None] = None
    remark: Psychosocial[Text | None] = None
    """In her words."""


class AnswerFacts(OfRight, frozen=True, kw_only=True):
    answer: Coordination[RightAnswer]
    reason: Legal[Text | None] = None


ASKED_FOR_HER = who_reported(lambda event, case: case.of(Rights).asked[event.right].heard_by)


@happened(
    Words("Permintaan atas haknya dicatat", "Request about her rights recorded"),
    her=Words("Permintaan tentang data Anda dicatat", "A request about your data was recorded"),
    means="Penyintas, atau yang berbicara baginya, meminta melihat, memperbaiki, membatasi, atau menghapus data, atau "
    "mencabut persetujuannya. Penanggung jawab menjawab paling lambat pada `answer_by`.",
    step=Step.CONSENT,
    calls={"rule": VERSION_OF_TIMES},
)
class RightAsked(RightFacts, frozen=True, kw_only=True, tag="case.RightAsked"):
    """The survivor, or who speaks for her, asked to see, correct, restrict or erase what is recorded, or took back what
    was agreed to. The lead answers by `answer_by`."""

    answer_by: Coordination[datetime]
    rule: Coordination[Short]
    """The version of the times by which it is to be answered."""


@happened(
    Words("Permintaan atas haknya menunggu jawaban", "Request about her rights waits for an answer"),
    her=Words("Permintaan tentang data Anda belum dijawab", "A request about your data has no answer yet"),
    means="Penanggung jawab diingatkan: `level` 1 sebelum waktu menjawab habis, 2 saat habis, selebihnya setiap hari.",
    step=Step.CONSENT,
    to=ASKED_FOR_HER,
)
class RightWaits(OfRight, frozen=True, kw_only=True, tag="case.RightWaits"):
    """The lead is reminded: `level` 1 before the time to answer runs out, 2 when it does, more each day after."""

    level: Coordination[int]
    answer_by: Coordination[datetime]


@happened(
    Words("Permintaan atas haknya dijawab", "Request about her rights answered"),
    her=Words("Permintaan tentang data Anda dijawab", "A request about your data was answered"),
    means="Penanggung jawab menjawab permintaan itu. Bukan `in_time` bila waktu menjawab sudah lewat saat itu dicatat, "
    "apa pun yang dikatakan.",
    step=Step.CONSENT,
    to=ASKED_FOR_HER,
)
class RightAnswered(AnswerFacts, frozen=True, kw_only=True, tag="case.RightAnswered"):
    """The lead answered what was asked. It is not `in_time` where the time had run out when that was recorded, whatever
    is said."""

    in_time: Coordination[bool]


class AskedRight(Struct, frozen=True):
    id: RightId
    heard_by: AgencyCode | None
    asked_at: datetime
    recorded_at: datetime
    answer_by: datetime
    said_by: SaidBy
    raised: int = 0
    answered: bool = False


class Rights(Part, frozen=True):
    asked: Mapping[RightId, AskedRight] = EMPTY


WAITING = Thing(
    "right",
    Words("permintaan yang belum dijawab", "a request that has no answer"),
    find=lambda case, id: found if (found := case.of(Rights).asked.get(id)) and not found.answered else None,
    whose={R.LEAD: lambda right, case: case.lead},
    since=Since(Words("permintaan itu disampaikan", "it was asked"), lambda right: right.asked_at),
)


def due(right: AskedRight) -> datetime:
    """When it is to be raised next that it waits."""
    return _step(right, right.raised)


def _step(right: AskedRight, raised: int) -> datetime:
    before = right.answer_by - RIGHT_TIMES.warning
    return before if not raised else right.answer_by + (raised - 1) * RIGHT_TIMES.again


def _raised_from(command: Any, case: Case, act: Act) -> datetime | None:
    return due(case.of(Rights).asked[command.right])


DUE = Cause(Words("permintaan itu menunggu", "it was to be raised that it waits"), _raised_from)


@asked(
    "/cases/{case}/rights",
    by=CASE_WORK,
    where=LEADS_ALSO_ENDED,
    extent=Extent.WHOLE,
    or_else=(
        Row(CASE_WORK, TAKES_PART_ALSO_ENDED, Extent.HEARD),
        Row(OFFICERS, TAKES_PART_ALSO_ENDED, Extent.OWN_WORDS),
    ),
    means="Mencatat bahwa penyintas, atau yang berbicara baginya, meminta melihat, memperbaiki, membatasi, atau "
    "menghapus data, atau mencabut persetujuannya. Penanggung jawab menjawab dalam 3 x 24 jam. Bila ia sendiri "
    "mencabut persetujuannya, itu dicatat sekaligus sebagai permintaan menghentikan seluruh pembagian data, kecuali "
    "ucapan itu tidak dihitung atau permintaan yang sama sudah tercatat. Bila orang lain yang mencabutnya, atau hanya "
    "sebagian yang dicabut, catat juga permintaan menghentikan pembagian data (stops).",
    tag="consent",
    example={"kind": "access", "said_by": ["survivor"], "obtained": "verbal"},
    mints="right",
)
class AskRight(RightFacts, frozen=True, kw_only=True):
    """Record that the survivor, or who speaks for her, asked to see, correct, restrict or erase what is recorded, or
    took back what was agreed to. The lead answers within 3 x 24 hours. Where she herself takes
    back what was agreed to, that is recorded as a stop to everything, too, unless that word does not count, or the same
    stop is recorded. Where another takes it back, or only a part is taken back, record a stop, too."""


@asked(
    "/cases/{case}/rights/{right}/answer",
    by=REVIEW,
    where=LEADS_ALSO_ENDED.to(WAITING, by="right"),
    extent=Extent.MOVE,
    means="Menjawab permintaan atas haknya: dikabulkan, sebagian, ditolak dengan alasan, atau dicabut.",
    tag="consent",
    example={"answer": "partly", "reason": "Keterangan kepada psikolog hanya atas persetujuannya."},
)
class AnswerRight(AnswerFacts, frozen=True, kw_only=True):
    """Answer what was asked: granted, in part, refused with the reason, or taken back by who asked."""


@asked(
    by=ESCALATION,
    where=ANYWHERE,
    extent=Extent.MOVE,
    answers=(DUE,),
    means="Mengingatkan penanggung jawab bahwa permintaan atas haknya belum dijawab.",
)
class RaiseRight(OfRight, frozen=True, kw_only=True):
    """Remind the lead that what was asked has no answer."""


@applies(RightAsked)
def right_asked(case: Case, event: RightAsked, author: AgencyCode | None, recorded_at: datetime) -> Case:
    part = case.of(Rights)
    right = AskedRight(event.right, author, event.occurred_at, recorded_at, event.answer_by, event.said_by)
    return case.with_part(replace(part, asked=put(part.asked, event.right, right)))


@applies(RightWaits)
def right_waits(part: Rights, event: RightWaits) -> Rights:
    return _became(part, event.right, raised=event.level)


@applies(RightAnswered)
def right_answered(part: Rights, event: RightAnswered) -> Rights:
    return _became(part, event.right, answered=True)


def _became(part: Rights, id: RightId, **what: Any) -> Rights:
    return replace(part, asked=put(part.asked, id, replace(part.asked[id], **what)))


@waits(
    "rights",
    Words("permintaan atas haknya yang belum dijawab", "requests about her rights that have no answer"),
    Words("Jawab permintaan itu.", "Answer the request."),
    "AnswerRight",
)
def unanswered(case: Case, at: datetime) -> Iterable[UUID]:
    return (id for id, right in case.of(Rights).asked.items() if not right.answered)


@decides.register
def ask_right(command: AskRight, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    """Whoever asks has an answer: also somebody who is set aside, or does not speak for her."""
    fresh(case.of(Rights).asked, command.right)
    by = command.occurred_at + RIGHT_TIMES.answer
    asked = recorded(RightAsked, command, act, answer_by=by, rule=RIGHT_TIMES.version)
    return [asked, *_stop(command, case, act)] if command.kind is Right.WITHDRAWAL else [asked]


def _stop(command: AskRight, case: Case, act: Act) -> Iterable[SharingStopped]:
    """What she takes back stops as when she says stop: a right on a list that stops nothing would be none. It has to be
    her own word, to who works on cases: of another, who may be the accused, the lead asks her before it answers.
    Nothing stops where nobody's word counts, or where the same was said already."""
    extent = extent_of(command, case, act)
    if ConsentBy.SURVIVOR not in command.said_by or extent is Extent.OWN_WORDS:
        return
    reports = extent is Extent.HEARD
    named = {"stop": derived(command.right, "stop"), "consent": None, "recipients": frozenset[str]()}
    whole = {"compartments": None, "purposes": None, "remark": None}
    try:
        if not is_nobodys(case, command.said_by, None, act.at, reports):
            yield hear(case, StopAbout.EVERYTHING, command, act, reports, **named, **whole)
    except (ConsentFromWrongPerson, AlreadyDone):
        return


@decides.register
def answer_right(command: AnswerRight, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    """Whom she accuses, or who is not safe for her, is granted nothing."""
    right = case.of(Rights).asked[command.right]
    if command.reason is None and command.answer in SAYS_WHY:
        raise Invalid(
            field="reason",
            must=Words(
                "harus menyebut mengapa, bila tidak seluruhnya dikabulkan", "say why, where not all of it is granted"
            ),
        )
    if command.answer in (RightAnswer.GRANTED, RightAnswer.PARTLY) and not heard(case, right.said_by, None):
        raise ConsentFromWrongPerson(age_group=age_of(case, act.at), given_by=right.said_by)
    late = overran(right.answer_by, command.occurred_at, act.at, right.recorded_at)
    return [recorded(RightAnswered, command, act, in_time=not late)]


@decides.register
def raise_right(command: RaiseRight, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """Once at each step, in whatever state the file is; where several have passed by then, the last of them alone."""
    right = case.of(Rights).asked.get(command.right) if case is not None else None
    if case is None or right is None:
        raise Unknown(what="right")
    if right.answered:
        raise WrongMove(right=right.id, move="raise")
    if act.at < due(right):
        raise StillRunning(due_at=due(right))
    level = right.raised + 1
    while _step(right, level) <= act.at:
        level += 1
    return [recorded(RightWaits, command, act, level=level, answer_by=right.answer_by)]


name_fields(
    right=field("Permintaan", "Request"),
    answer=field("Jawaban", "Answer", ("Jawaban", "Answer")),
)
