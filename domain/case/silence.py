"""Silence at every stage: that nobody acted on a referral in the state that it is in.

Each state has its window, by urgency and service (pathways.py): a draft that was not sent, a referral that was
received, accepted, begun, held, or rejected and not redirected; so does what failed, or was completed as she did not
attend or declined: that is its recipient's word alone. Each time the window passes again that is raised once
more, first to who has to act, then to the lead as well, until somebody does: no level is the last. To hold work and to
resume it is no such act.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from ..casefile.deciding import Network, decides
from ..casefile.evolving import applies
from ..casefile.moves import PARTIES, REFERRAL, ReferralMove, in_its_place, noted
from ..casefile.state import Case, Referral, Status
from ..causes import Cause
from ..codes import ReferralStatus
from ..compartment import Coordination
from ..declaring import Step, asked, field, happened, name_fields
from ..fact import Act, AgencyCode, Fact, Text, recorded
from ..refusal import AlreadyDone, StillRunning, Unknown, WrongMove
from ..standing.relations import Extent, Relation
from ..standing.roles import CASE_WORK, ESCALATION
from ..standing.rows import ANYWHERE, KNOWS
from ..words import Words

R = Relation
S = ReferralStatus

WITHOUT = frozenset({S.REJECTED, S.FAILED, S.COMPLETED})
"""States in which a referral can have ended without what it was for."""
OF_SENDER = WITHOUT | {S.DRAFT}
"""States in which it is the sender who has to act, where anybody has."""

said = partial(happened, step=Step.REFERRAL, to=PARTIES)


@said(
    Words("Rujukan tanpa tindak lanjut dieskalasi", "Referral without a next step escalated"),
    her=Words(
        "Rujukan belum ditindaklanjuti; instansinya diingatkan", "Nothing followed on a referral; a reminder was sent"
    ),
    means="Tidak ada yang menindaklanjuti rujukan pada waktunya dalam keadaannya sekarang; `level` menghitung berapa "
    "kali itu dieskalasi, `to` instansi yang penyelianya diminta menindaklanjuti.",
)
class ReferralStalled(ReferralMove, frozen=True, kw_only=True, tag="case.ReferralStalled"):
    """Nobody acted in time on the referral in the state that it is in; `level` counts how often that was raised, `to`
    is the agency whose supervisors are to see to it."""

    status: Coordination[ReferralStatus]
    level: Coordination[int]
    to: Coordination[AgencyCode]


@said(
    Words("Rujukan yang ditolak tidak dialihkan", "Rejected referral not redirected"),
    her=Words("Rujukan yang ditolak tidak diganti", "A rejected referral was not replaced"),
    means="Pengirim memutuskan bahwa tidak ada instansi lain yang diminta menggantikannya.",
)
class ReferralNotRedirected(ReferralMove, frozen=True, kw_only=True, tag="case.ReferralNotRedirected"):
    """The sender decided that nobody else is asked in its place."""

    note: Coordination[Text | None] = None


STALLED = Cause(
    Words("waktu untuk menindaklanjutinya habis", "the time to act on it ran out"),
    lambda command, case, act: acts_by(case, case.referrals[command.referral]),
)


@asked(
    by=ESCALATION,
    where=ANYWHERE,
    extent=Extent.MOVE,
    answers=(STALLED,),
    means="Mengeskalasi bahwa rujukan tidak ditindaklanjuti pada waktunya dalam keadaannya sekarang.",
)
class RaiseStalled(ReferralMove, frozen=True, kw_only=True):
    """Raise that nobody acted in time on a referral in the state that it is in."""


@asked(
    "/cases/{case}/referrals/{referral}/no-redirect",
    by=CASE_WORK,
    where=KNOWS.to(REFERRAL, R.SENDER, by="referral", states=WITHOUT, move="redirect"),
    extent=Extent.MOVE,
    means="Memutuskan bahwa rujukan yang ditolak, gagal, atau selesai tanpa layanan tidak dialihkan.",
    tag="referral",
    example={"note": "Korban tidak menginginkannya lagi."},
)
class LeaveRejected(ReferralMove, frozen=True, kw_only=True):
    """Decide that nobody else is asked in the place of a referral that was rejected, failed, or was completed without
    the service."""

    note: Coordination[Text | None] = None


@applies(ReferralStalled)
def referral_stalled(case: Case, event: ReferralStalled) -> Case:
    return noted(case, event, stalled=event.level)


@applies(ReferralNotRedirected)
def referral_not_redirected(case: Case, event: ReferralNotRedirected) -> Case:
    left = noted(case, event, left=True)
    return in_its_place(left, left.referrals[event.referral].redirects)


@decides.register
def raise_stalled(command: RaiseStalled, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """Each time the window passes again and nobody acted, one level more."""
    referral = case.referrals.get(command.referral) if case else None
    if case is None or referral is None:
        raise Unknown(what="referral")
    due_at = acts_by(case, referral)
    if due_at is None:
        raise WrongMove(referral=referral.id, status=referral.status, move="raise")
    if act.at < due_at:
        raise StillRunning(due_at=due_at)
    level = referral.stalled + 1
    owes = referral.sender if referral.status in OF_SENDER else referral.recipient
    to = owes if level == 1 else case.lead
    return [recorded(ReferralStalled, command, act, status=referral.status, level=level, to=to)]


@decides.register
def leave_rejected(command: LeaveRejected, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    referral = case.referrals[command.referral]
    if referral.stage is None and referral.status is S.COMPLETED:
        raise WrongMove(referral=referral.id, status=referral.status, move="redirect")
    if referral.replaced or referral.left:
        raise AlreadyDone(what="the referral that ended")
    return [recorded(ReferralNotRedirected, command, act)]


def acts_by(case: Case, referral: Referral) -> datetime | None:
    """By when somebody acts on a referral in its state, or it is raised once more; None where nobody has to."""
    return referral.acts_by if case.status is Status.OPEN else None


name_fields(status=field("Keadaan rujukan", "State of the referral", ("Keadaan rujukan", "State of the referral")))
