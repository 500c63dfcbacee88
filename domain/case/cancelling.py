"""The sender asks the recipient to cancel a referral that it accepted, or works on; the recipient answers.

Who takes back at once what others work on leaves her with half of it, and them with people at her door. So the sender
asks, and says why, and the recipient agrees, which ends it, or declines, and says why. Until then it goes on as it is:
to ask ends no silence and puts nothing off. Who does not answer is reminded, then the lead is. What the survivor says
is another thing: it is recorded as a stop (stopping.py).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from ..casefile.deciding import Network, decides
from ..casefile.evolving import applies
from ..casefile.moves import PARTIES, REFERRAL, ReferralMove, leads_to
from ..casefile.state import EMPTY, Case, Part, Status
from ..causes import Cause
from ..codes import EndReason, ReferralStatus
from ..compartment import Coordination
from ..declaring import Step, asked, happened
from ..fact import Act, AgencyCode, Fact, ReferralId, Short, Text, recorded
from ..field_words import VERSION_OF_TIMES
from ..meeting_times import CANCELLATION_TIMES
from ..persistent import put
from ..refusal import AlreadyDone, StillRunning, Unknown, WrongMove
from ..standing.relations import Extent, Relation
from ..standing.roles import CASE_WORK, ESCALATION
from ..standing.rows import ANYWHERE, KNOWS
from ..words import Words

R = Relation
S = ReferralStatus

TAKEN_ON = frozenset({S.ACCEPTED, S.IN_PROGRESS, S.ON_HOLD})

said = partial(happened, step=Step.REFERRAL, to=PARTIES)


class CancellationStep(Fact, frozen=True, kw_only=True):
    """What happens to a request to cancel a referral."""

    referral: Coordination[ReferralId]


class CancellationFacts(CancellationStep, frozen=True, kw_only=True):
    reason: Coordination[EndReason]
    note: Coordination[Text | None] = None


@said(
    Words("Pembatalan rujukan diminta pengirimnya", "Cancellation of a referral asked for by its sender"),
    her=Words(
        "Instansi yang mengirim satu rujukan meminta agar rujukan itu dibatalkan",
        "The agency that sent a referral asked that it be cancelled",
    ),
    means="Pengirim meminta penerima membatalkan rujukan yang sudah disanggupi atau dikerjakan; sampai dijawab, "
    "keadaan rujukan tidak berubah.",
    calls={"rule": VERSION_OF_TIMES},
)
class CancellationAsked(CancellationFacts, frozen=True, kw_only=True, tag="case.CancellationAsked"):
    """The sender asks the recipient to cancel what that accepted, or works on; until it is answered the referral
    stays as it is."""

    due_at: Coordination[datetime]
    rule: Coordination[Short]


@said(
    Words("Rujukan dibatalkan atas permintaan pengirimnya", "Referral cancelled as its sender asked"),
    her=Words("Satu rujukan dibatalkan", "A referral was cancelled"),
    means="Penerima menyetujui pembatalan yang diminta pengirim.",
)
class ReferralCancelledAsAsked(ReferralMove, frozen=True, kw_only=True, tag="case.ReferralCancelledAsAsked"):
    """The recipient agreed to what the sender asked for: it is ended."""

    note: Coordination[Text | None] = None


@said(
    Words("Pembatalan rujukan tidak disetujui penerimanya", "Cancellation of a referral declined"),
    her=Words("Satu rujukan tidak jadi dibatalkan", "A referral was not cancelled after all"),
    means="Penerima tidak menyetujui pembatalan, dengan alasan ini; keadaan rujukan tidak berubah.",
)
class CancellationDeclined(CancellationStep, frozen=True, kw_only=True, tag="case.CancellationDeclined"):
    """The recipient does not agree, for this reason; the referral stays as it is."""

    reason: Coordination[Text]


@said(
    Words("Permintaan pembatalan tanpa jawaban dieskalasi", "Unanswered request to cancel escalated"),
    her=Words(
        "Permintaan untuk membatalkan satu rujukan belum dijawab; pengingat dikirim",
        "A request to cancel a referral has no answer yet; a reminder was sent",
    ),
    means="Penerima tidak menjawab pada waktunya; `level` menghitung berapa kali itu dieskalasi, `to` instansi yang "
    "penyelianya diminta menindaklanjuti.",
)
class CancellationUnanswered(CancellationStep, frozen=True, kw_only=True, tag="case.CancellationUnanswered"):
    """The recipient did not answer in time; `level` counts how often that was raised, `to` is the agency whose
    supervisors are to see to it."""

    level: Coordination[int]
    to: Coordination[AgencyCode]


class Wish(Struct, frozen=True):
    """That a sender asked to cancel a referral, the last time."""

    referral: ReferralId
    asked_at: datetime
    due_at: datetime
    window: timedelta
    answered: bool = False
    raised: int = 0
    """How often it was raised that nobody answered."""

    @property
    def raised_from(self) -> datetime:
        """When it is raised next that nobody answered."""
        return self.due_at + self.raised * self.window


class Wishes(Part, frozen=True):
    asked: Mapping[ReferralId, Wish] = EMPTY


def waits_for_answer(case: Case, referral: ReferralId) -> Wish | None:
    """What its recipient has to answer, in an open case; None where nobody asked, somebody answered, or it ended."""
    wish = case.of(Wishes).asked.get(referral)
    waits = wish is not None and not wish.answered and case.referrals[referral].status.is_open
    return wish if waits and case.status is Status.OPEN else None


ASKED_FOR = Cause(
    Words("pembatalannya diminta", "its cancellation was asked for"),
    lambda command, case, act: wish.asked_at if (wish := waits_for_answer(case, command.referral)) else None,
)
UNANSWERED = Cause(
    Words("waktu untuk menjawab permintaan itu habis", "the time to answer the request ran out"),
    lambda command, case, act: wish.raised_from if (wish := waits_for_answer(case, command.referral)) else None,
)


@asked(
    "/cases/{case}/referrals/{referral}/cancellation-request",
    by=CASE_WORK,
    where=KNOWS.to(REFERRAL, R.SENDER, by="referral", states=TAKEN_ON, move="ask to cancel"),
    extent=Extent.MOVE,
    means="Meminta penerima membatalkan rujukan yang sudah disanggupi atau dikerjakannya. Bila korban sendiri "
    "yang menghendakinya, catat permintaan menghentikan pembagian data (stops).",
    tag="referral",
    example={"reason": "duplicate", "note": "Rujukan yang sama sudah dikirim lebih dahulu."},
)
class AskCancellation(CancellationFacts, frozen=True, kw_only=True):
    """Ask the recipient to cancel what it accepted, or works on. Where it is the survivor who wants it, record
    that as a stop (`…/stops`)."""


@asked(
    "/cases/{case}/referrals/{referral}/cancellation-agreement",
    by=CASE_WORK,
    where=KNOWS.to(REFERRAL, R.ADDRESSEE, by="referral", states=TAKEN_ON, move="agree to cancel"),
    extent=Extent.MOVE,
    answers=(ASKED_FOR,),
    means="Menyetujui pembatalan yang diminta pengirim: rujukan berakhir.",
    tag="referral",
    example={"note": "Janji temunya sudah kami batalkan."},
)
class AgreeToCancellation(ReferralMove, frozen=True, kw_only=True):
    """Agree to what the sender asked for: it ends the referral."""

    note: Coordination[Text | None] = None


@asked(
    "/cases/{case}/referrals/{referral}/cancellation-refusal",
    by=CASE_WORK,
    where=KNOWS.to(REFERRAL, R.ADDRESSEE, by="referral", states=TAKEN_ON, move="decline to cancel"),
    extent=Extent.MOVE,
    answers=(ASKED_FOR,),
    means="Tidak menyetujui pembatalan yang diminta pengirim, dengan alasannya: keadaan rujukan tidak berubah.",
    tag="referral",
    example={"reason": "Pekerjaan sudah dimulai, dan korban ingin melanjutkan."},
)
class DeclineCancellation(CancellationStep, frozen=True, kw_only=True):
    """Decline what the sender asked for, and say why: the referral stays as it is."""

    reason: Coordination[Text]


@asked(
    by=ESCALATION,
    where=ANYWHERE,
    extent=Extent.MOVE,
    answers=(UNANSWERED,),
    means="Mengeskalasi bahwa penerima tidak menjawab permintaan pembatalan pada waktunya.",
)
class RaiseCancellation(CancellationStep, frozen=True, kw_only=True):
    """Raise that the recipient did not answer a request to cancel in time."""


leads_to(ReferralCancelledAsAsked, S.CANCELLED, ends=True)


@applies(CancellationAsked)
def cancellation_asked(part: Wishes, event: CancellationAsked, recorded_at: datetime) -> Wishes:
    return _changed(part, Wish(event.referral, event.occurred_at, event.due_at, event.due_at - recorded_at))


@applies(CancellationDeclined)
def cancellation_declined(part: Wishes, event: CancellationDeclined) -> Wishes:
    return _changed(part, replace(part.asked[event.referral], answered=True))


@applies(CancellationUnanswered)
def cancellation_unanswered(part: Wishes, event: CancellationUnanswered) -> Wishes:
    return _changed(part, replace(part.asked[event.referral], raised=event.level))


def _changed(part: Wishes, wish: Wish) -> Wishes:
    return replace(part, asked=put(part.asked, wish.referral, wish))


@decides.register
def ask_cancellation(command: AskCancellation, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    if waits_for_answer(case, command.referral) is not None:
        raise AlreadyDone(what="the request to cancel", id=command.referral)
    due_at = act.at + CANCELLATION_TIMES.answer[case.referrals[command.referral].urgency]
    return [recorded(CancellationAsked, command, act, due_at=due_at, rule=CANCELLATION_TIMES.version)]


@decides.register
def agree(command: AgreeToCancellation, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    _require_asked(case, command.referral, "agree to cancel")
    return [recorded(ReferralCancelledAsAsked, command, act)]


@decides.register
def decline(command: DeclineCancellation, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    _require_asked(case, command.referral, "decline to cancel")
    return [recorded(CancellationDeclined, command, act)]


@decides.register
def raise_cancellation(command: RaiseCancellation, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """Each time the window passes again without an answer, one level more; where several have passed by then, the last
    of them alone. The first to the recipient, the others to the lead."""
    if case is None or command.referral not in case.of(Wishes).asked:
        raise Unknown(what="referral")
    wish = _require_asked(case, command.referral, "raise")
    if act.at < wish.raised_from:
        raise StillRunning(due_at=wish.raised_from)
    passed = (act.at - wish.due_at) // wish.window if wish.window else wish.raised
    level = passed + 1
    to = case.lead if wish.raised else case.referrals[command.referral].recipient
    return [recorded(CancellationUnanswered, command, act, level=level, to=to)]


def _require_asked(case: Case, id: ReferralId, move: str) -> Wish:
    """What waits for an answer. Raises WrongMove where nothing does."""
    wish = waits_for_answer(case, id)
    if wish is None:
        raise WrongMove(referral=id, status=case.referrals[id].status, move=move)
    return wish
