"""A referral that no consent covers any more, and that is not ended by who has it: the lead ends it.

Work that began is held when its cover ends, for a person to decide, and only its recipient, or its sender, ends it.
Two of them would keep a file from being closed, and from the erasure that she asked for, as long as they like. What she
lets them know is not the lead's to end; nor is what police, prosecution or court received (UU 27/2022 art. 15); and an
emergency is left alone until it was on hold for as long as a stop may wait for its answer.
"""

from collections.abc import Sequence

from ..casefile.deciding import Network, decides
from ..casefile.moves import PARTIES, REFERRAL, ReferralMove, leads_to
from ..casefile.state import Case, Referral
from ..codes import PROCEEDINGS, ReferralStatus, Urgency
from ..compartment import Coordination
from ..declaring import Step, asked, happened
from ..fact import Act, Fact, Text, recorded
from ..pathways import CONSENT_TIMES
from ..refusal import Invalid
from ..standing.reach import Reaches
from ..standing.relations import Extent
from ..standing.roles import SUPERVISORS
from ..standing.rows import LEADS
from ..words import Words

S = ReferralStatus


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
    """No consent covers it any more; the lead ended it, for this reason."""

    reason: Coordination[Text]


@asked(
    "/cases/{case}/referrals/{referral}/ending",
    by=SUPERVISORS,
    where=LEADS.to(REFERRAL, by="referral", states={s for s in S if s.is_open}, move="end"),
    extent=Extent.MOVE,
    means="Mengakhiri rujukan instansi lain yang tidak dicakup persetujuan lagi; pengirim dan penerimanya diberi tahu.",
    tag="referral",
    example={"reason": "Penyintas meminta datanya dihapus."},
)
class EndUncoveredReferral(ReferralMove, frozen=True, kw_only=True):
    """End a referral, whoever sent it, that no consent covers any more; its sender and recipient are told. Not one that
    police, prosecution or court received, nor an emergency, unless it was on hold for three days."""

    reason: Coordination[Text]


leads_to(UncoveredReferralEnded, S.CANCELLED, ends=True)


@decides.register
def end_uncovered(command: EndUncoveredReferral, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    referral = case.referrals[command.referral]
    if not Reaches(case, act.at).missing(referral):
        raise Invalid(
            field="referral",
            must=Words(
                "harus yang tidak lagi dicakup persetujuan: catat dahulu bahwa korban meminta berhenti",
                "be one that no consent covers any more: record first that she said stop",
            ),
        )
    if referral.recipient_kind in PROCEEDINGS and referral.answered_at is not None:
        raise Invalid(
            field="referral",
            must=Words(
                "tidak boleh yang sudah diterima polisi, kejaksaan, atau pengadilan",
                "be none that police, prosecution or court received",
            ),
        )
    if referral.urgency is Urgency.EMERGENCY and not _rests(referral, act):
        raise Invalid(
            field="referral",
            must=Words(
                "tidak boleh yang darurat, kecuali sudah ditunda tiga hari",
                "be no emergency, unless it was on hold for three days",
            ),
        )
    return [recorded(UncoveredReferralEnded, command, act)]


def _rests(referral: Referral, act: Act) -> bool:
    """Whether nobody has worked on it for as long as a stop may wait for its answer."""
    held_since = referral.moved_at if referral.status is S.ON_HOLD else None
    return held_since is not None and held_since + CONSENT_TIMES.answer <= act.at
