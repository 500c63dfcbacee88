"""What the system raises of a referral: that nobody answered in time, that it did not arrive in time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ..casefile.deciding import Network, decides
from ..casefile.evolving import applies
from ..casefile.moves import PARTIES, ReferralMove, noted
from ..casefile.state import Case, Referral
from ..causes import Cause
from ..codes import ReferralStatus
from ..compartment import Coordination
from ..declaring import Step, asked, happened
from ..fact import Act, AgencyCode, Fact, recorded
from ..refusal import StillRunning, Unknown, WrongMove
from ..standing.relations import Extent
from ..standing.roles import ESCALATION
from ..standing.rows import ANYWHERE
from ..words import Words

HIGHEST_ESCALATION = 3
"""Of cases opened before 2026-3; since then it goes on until somebody acts."""


@happened(
    Words("Rujukan tanpa jawaban dieskalasi", "Unanswered referral escalated"),
    her=Words("Rujukan belum dijawab; instansinya diingatkan", "A referral had no answer, and a reminder was sent"),
    means="Tidak dijawab pada waktunya; `level` menghitung berapa kali itu dieskalasi.",
    step=Step.REFERRAL,
    to=PARTIES,
)
class ReferralEscalated(ReferralMove, frozen=True, kw_only=True, tag="case.ReferralEscalated"):
    """Nobody answered in time; `level` counts how often that was raised."""

    level: Coordination[int]


@happened(
    Words("Rujukan belum sampai di sistem penerima, dieskalasi", "Undelivered referral escalated"),
    her=Words(
        "Rujukan belum sampai di sistem instansi yang dituju; instansinya diingatkan",
        "A referral had not arrived in the agency's system, and a reminder was sent",
    ),
    means="Sistem penerima belum menyatakan pada waktunya bahwa rujukan sampai; `level` menghitung berapa kali "
    "itu dieskalasi, `to` instansi yang penyelianya diminta menindaklanjuti.",
    step=Step.REFERRAL,
    to=PARTIES,
)
class ReferralUndelivered(ReferralMove, frozen=True, kw_only=True, tag="case.ReferralUndelivered"):
    """The recipient's system did not say in time that it arrived; `level` counts how often that was raised, `to` is the
    agency whose supervisors are to see to it: the recipient first, then the lead."""

    level: Coordination[int]
    to: Coordination[AgencyCode]


def _answer_due(command: Any, case: Case, act: Act) -> datetime | None:
    referral = case.referrals[command.referral]
    return referral.due_at + referral.escalations * referral.window if referral.due_at else None


def _arrival_due(command: Any, case: Case, act: Act) -> datetime | None:
    return _arrives_by(case.referrals[command.referral])


UNANSWERED = Cause(Words("waktu untuk menjawab habis", "the time to answer ran out"), _answer_due)
UNDELIVERED = Cause(Words("waktu untuk sampai habis", "the time to arrive ran out"), _arrival_due)


@asked(
    by=ESCALATION,
    where=ANYWHERE,
    extent=Extent.MOVE,
    answers=(UNANSWERED,),
    means="Mengeskalasi bahwa tidak ada yang menjawab pada waktunya.",
)
class EscalateReferral(ReferralMove, frozen=True, kw_only=True):
    """Raise that nobody answered in time."""


@asked(
    by=ESCALATION,
    where=ANYWHERE,
    extent=Extent.MOVE,
    answers=(UNDELIVERED,),
    means="Mengeskalasi bahwa sistem penerima tidak menyatakan pada waktunya bahwa rujukan sampai.",
)
class RaiseUndelivered(ReferralMove, frozen=True, kw_only=True):
    """Raise that the recipient's system did not say in time that the referral arrived."""


@applies(ReferralEscalated)
def referral_escalated(case: Case, event: ReferralEscalated) -> Case:
    return noted(case, event, escalations=event.level)


@applies(ReferralUndelivered)
def referral_undelivered(case: Case, event: ReferralUndelivered) -> Case:
    return noted(case, event, undelivered=event.level)


@decides.register
def escalate(command: EscalateReferral, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """Silence is not acceptance: each time the window passes again without an answer, one level more, until there is
    one."""
    referral = case.referrals.get(command.referral) if case else None
    if referral is None or referral.due_at is None:
        raise Unknown(what="referral")
    level = referral.escalations + 1
    last = level > HIGHEST_ESCALATION and not referral.endless
    if referral.status is not ReferralStatus.REQUESTED or last:
        raise WrongMove(referral=referral.id, status=referral.status, move="escalate")
    due_at = referral.due_at + referral.escalations * referral.window
    if act.at < due_at:
        raise StillRunning(due_at=due_at)
    return [recorded(ReferralEscalated, command, act, level=level)]


@decides.register
def raise_undelivered(command: RaiseUndelivered, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """Each time the window passes again and the recipient's system is silent, one level more: the first to the
    recipient's supervisors, the others to the lead. That it is silent, who asks has looked up."""
    referral = case.referrals.get(command.referral) if case else None
    if case is None or referral is None or referral.sent_at is None or referral.delivery is None:
        raise Unknown(what="referral")
    level = referral.undelivered + 1
    if referral.status is not ReferralStatus.REQUESTED or level > HIGHEST_ESCALATION:
        raise WrongMove(referral=referral.id, status=referral.status, move="raise")
    due_at = _arrives_by(referral)
    assert due_at is not None
    if act.at < due_at:
        raise StillRunning(due_at=due_at)
    to = referral.recipient if level == 1 else case.lead
    return [recorded(ReferralUndelivered, command, act, level=level, to=to)]


def _arrives_by(referral: Referral) -> datetime | None:
    """When it is to be raised next that it did not arrive; counted from when it was told, not from when it is said to
    have been sent."""
    told_at = referral.told_at or referral.sent_at
    if told_at is None or referral.delivery is None:
        return None
    return told_at + (referral.undelivered + 1) * referral.delivery
