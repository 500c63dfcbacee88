"""A referral that no consent covers any more, and that is not ended by who has it: the lead ends it.

Work that began is held when its cover ends, for a person to decide, and only its recipient, or its sender, ends it.
Two of them would keep a file from being closed, and from the erasure that she asked for, as long as they like. But the
lead ends nothing of others at once: its end is announced to sender and recipient (`END_TIMES`, by urgency), who can ask
her, or say on which ground they go on; what covers it again by then is the answer, and it goes on. Of what she took
back, what another reports of her is no answer until the lead has asked her. Else it ends by itself. An emergency is
left alone until it was on hold as long as a stop may wait for its answer.

What she lets them know is not the lead's to end; nor is what police, prosecution or court received (UU 27/2022 art.
15).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from ..casefile.deciding import Network, decides, follows
from ..casefile.evolving import applies
from ..casefile.moves import PARTIES, REFERRAL, ReferralMove, leads_to, stays
from ..casefile.state import EMPTY, Case, Part, Referral
from ..causes import When
from ..codes import ReferralStatus, Urgency
from ..compartment import Coordination
from ..declaring import Step, asked, field, happened
from ..fact import Act, Fact, ReferralId, Short, Text, recorded
from ..field_words import VERSION_OF_TIMES
from ..pathways import END_TIMES
from ..persistent import put
from ..refusal import AlreadyDone, Invalid, StillRunning, Unknown, WrongMove
from ..standing.reach import Reaches
from ..standing.relations import Extent
from ..standing.roles import ESCALATION, SUPERVISORS
from ..standing.rows import ANYWHERE, LEADS
from ..words import Words

S = ReferralStatus


@happened(
    Words("Rujukan akan diakhiri penanggung jawab", "End of an uncovered referral announced"),
    her=Words(
        "Satu rujukan akan diakhiri karena tidak ada lagi persetujuan untuk itu",
        "A referral will be ended, as there is no consent for it any more",
    ),
    means="Tidak ada persetujuan yang mencakupnya lagi, dan penanggung jawab akan mengakhirinya pada `ends_at`, dengan "
    "alasan ini, kecuali sampai saat itu ada persetujuan atau dasar yang mencakupnya.",
    step=Step.REFERRAL,
    to=PARTIES,
    calls={
        "ends_at": field("Akan diakhiri pada", "To be ended at", ("Akan diakhiri pada", "To be ended at")),
        "rule": VERSION_OF_TIMES,
    },
)
class UncoveredEndAnnounced(ReferralMove, frozen=True, kw_only=True, tag="case.UncoveredEndAnnounced"):
    """No consent covers it any more, and the lead ends it at `ends_at`, for this reason, unless a consent or a ground
    covers it by then."""

    reason: Coordination[Text]
    ends_at: Coordination[datetime]
    rule: Coordination[Short]
    """The version of the times by which it is announced."""


@happened(
    Words("Rujukan tidak jadi diakhiri: tercakup lagi", "Uncovered referral is covered again"),
    her=Words(
        "Satu rujukan tidak jadi diakhiri, karena ada lagi persetujuan atau aturan hukum untuk itu",
        "A referral is not ended after all, as there is consent, or a rule of law, for it again",
    ),
    means="Ada persetujuan atau dasar yang mencakupnya lagi; pengakhiran yang diberitahukan tidak berlaku.",
    step=Step.REFERRAL,
    to=PARTIES,
)
class UncoveredEndAnswered(ReferralMove, frozen=True, kw_only=True, tag="case.UncoveredEndAnswered"):
    """A consent or a ground covers it again; the end that was announced does not take place."""


@happened(
    Words(
        "Rujukan yang tidak lagi dicakup persetujuan diakhiri penanggung jawab", "Uncovered referral ended by the lead"
    ),
    her=Words(
        "Satu rujukan diakhiri karena tidak ada lagi persetujuan untuk itu",
        "A referral was ended, as there is no consent for it any more",
    ),
    means="Tidak ada persetujuan yang mencakupnya lagi; penanggung jawab mengakhirinya, dengan alasan ini.",
    step=Step.REFERRAL,
    to=PARTIES,
)
class UncoveredReferralEnded(ReferralMove, frozen=True, kw_only=True, tag="case.UncoveredReferralEnded"):
    """No consent covers it any more; the lead ended it, for this reason. Announced before, since there are such
    announcements."""

    reason: Coordination[Text]


@asked(
    "/cases/{case}/referrals/{referral}/ending",
    by=SUPERVISORS,
    where=LEADS.to(REFERRAL, by="referral", states={s for s in S if s.is_open}, move="end"),
    extent=Extent.MOVE,
    means="Memberitahukan bahwa rujukan instansi lain yang tidak dicakup persetujuan lagi akan diakhiri; pengirim dan "
    "penerimanya dapat menjawab sampai saat itu.",
    tag="referral",
    example={"reason": "Penyintas meminta datanya dihapus."},
)
class EndUncoveredReferral(ReferralMove, frozen=True, kw_only=True):
    """Announce the end of a referral, whoever sent it, that no consent covers any more: its sender and recipient can
    answer until then. Not of one that police, prosecution or court received, nor of an emergency that is not on
    hold."""

    reason: Coordination[Text]


@asked(
    by=ESCALATION,
    where=ANYWHERE,
    extent=Extent.MOVE,
    when=When.NOW,
    means="Mengakhiri rujukan yang pengakhirannya diberitahukan dan yang sampai saat itu tidak tercakup lagi.",
)
class EndAnnouncedReferral(ReferralMove, frozen=True, kw_only=True):
    """End a referral whose end was announced, and that nothing covers by then."""


class Announced(Struct, frozen=True):
    """That a referral will be ended."""

    ends_at: datetime
    reason: str


class Endings(Part, frozen=True):
    """Referrals whose end is announced; of some that ended otherwise since, too."""

    ends_with_lead = True
    announced: Mapping[ReferralId, Announced] = EMPTY


def announced_end(case: Case, referral: Referral) -> datetime | None:
    """When a referral will be ended; None of one whose end nobody announced, or that ended since."""
    announced = case.of(Endings).announced.get(referral.id)
    return announced.ends_at if announced is not None and referral.status.is_open else None


leads_to(UncoveredReferralEnded, S.CANCELLED, ends=True)


@applies(UncoveredEndAnnounced)
def end_announced(part: Endings, event: UncoveredEndAnnounced) -> Endings:
    return replace(part, announced=put(part.announced, event.referral, Announced(event.ends_at, event.reason)))


@applies(UncoveredEndAnswered)
def end_answered(part: Endings, event: UncoveredEndAnswered) -> Endings:
    return replace(part, announced={id: end for id, end in part.announced.items() if id != event.referral})


@decides.register
def end_uncovered(command: EndUncoveredReferral, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    referral = case.referrals[command.referral]
    if announced_end(case, referral) is not None:
        raise AlreadyDone(what="the announcement", id=referral.id)
    if not Reaches(case, act.at).missing(referral):
        raise Invalid(
            field="referral",
            must=Words(
                "harus yang tidak lagi dicakup persetujuan: catat dahulu bahwa korban meminta berhenti",
                "be one that no consent covers any more: record first that she said stop",
            ),
        )
    if stays(referral):
        raise Invalid(
            field="referral",
            must=Words(
                "tidak boleh yang sudah diterima polisi, kejaksaan, atau pengadilan",
                "be none that police, prosecution or court received",
            ),
        )
    if referral.urgency is Urgency.EMERGENCY and referral.status is not S.ON_HOLD:
        raise Invalid(
            field="referral",
            must=Words("tidak boleh yang darurat dan tidak sedang ditunda", "be no emergency that is not on hold"),
        )
    ends_at = act.at + END_TIMES.windows[referral.urgency]
    return [recorded(UncoveredEndAnnounced, command, act, ends_at=ends_at, rule=END_TIMES.version)]


@decides.register
def end_as_announced(command: EndAnnouncedReferral, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    referral = case.referrals.get(command.referral) if case is not None else None
    if case is None or referral is None:
        raise Unknown(what="referral")
    ends_at = announced_end(case, referral)
    if ends_at is None:
        raise WrongMove(referral=referral.id, status=referral.status, move="end")
    if act.at < ends_at:
        raise StillRunning(due_at=ends_at)
    if not Reaches(case, act.at).missing(referral):
        return [recorded(UncoveredEndAnswered, command, act)]
    reason = case.of(Endings).announced[referral.id].reason
    return [recorded(UncoveredReferralEnded, command, act, reason=reason)]


@follows
def covered_again(before: Case | None, after: Case, change: Fact, act: Act) -> Iterable[Fact]:
    """What covers a referral whose end was announced answers that, whoever recorded it."""
    if before is None or after.consents is before.consents or not after.of(Endings).announced:
        return
    was, now = Reaches(before, act.at), Reaches(after, act.at)
    for id in after.of(Endings).announced:
        referral = after.referrals[id]
        if announced_end(after, referral) is not None and was.missing(referral) and not now.missing(referral):
            yield UncoveredEndAnswered(occurred_at=act.at, referral=id)
