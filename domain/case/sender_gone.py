"""A referral whose sender is gone: the lead ends it.

A sender is gone that takes no part in the case any more, as the referral that brought it here ended, or another leads
now; and one whose agency is suspended. Who left can still take back what they sent, but nobody there looks at it, and a
suspended agency does nothing at all. So a supervisor of the lead ends it, and says why; its recipient is told, as of
every move. A recipient who is there has the last word on what a third does not judge: on an emergency that runs, and on
what police, prosecution or court received (UU 27/2022 art. 15).
"""

from collections.abc import Sequence

from ..casefile.deciding import Network, decides
from ..casefile.moves import PARTIES, REFERRAL, ReferralMove, leads_to, stays
from ..casefile.state import Case, Referral
from ..causes import When
from ..codes import ReferralStatus, Urgency
from ..compartment import Coordination
from ..declaring import Step, asked, happened
from ..fact import Act, AgencyCode, Fact, Text, recorded
from ..refusal import Invalid
from ..standing.relations import Extent
from ..standing.roles import SUPERVISORS
from ..standing.rows import LEADS
from ..words import Words

S = ReferralStatus

OPEN_OR_DRAFT = frozenset(s for s in S if s.is_open or s is S.DRAFT)
NOT_RUNNING = frozenset({S.DRAFT, S.ON_HOLD})
"""States of an emergency in which nobody is on the way to her."""


@happened(
    Words("Rujukan yang pengirimnya tidak ada lagi diakhiri penanggung jawab", "Referral of a gone sender ended"),
    her=Words(
        "Satu rujukan diakhiri, karena instansi yang mengirimnya tidak ikut serta lagi",
        "A referral was ended, as the agency that sent it takes no part any more",
    ),
    means="Pengirimnya tidak ikut serta lagi, atau instansinya ditangguhkan; penanggung jawab mengakhirinya, dengan "
    "alasan ini.",
    step=Step.REFERRAL,
    to=PARTIES,
)
class ReferralEndedForSender(ReferralMove, frozen=True, kw_only=True, tag="case.ReferralEndedForSender"):
    """Its sender takes no part any more, or is suspended; the lead ended it, for this reason."""

    reason: Coordination[Text]


@asked(
    "/cases/{case}/referrals/{referral}/ending-for-sender",
    by=SUPERVISORS,
    where=LEADS.to(REFERRAL, by="referral", states=OPEN_OR_DRAFT, move="end"),
    extent=Extent.MOVE,
    when=When.NOW,
    means="Mengakhiri rujukan yang pengirimnya tidak ikut serta lagi atau ditangguhkan. Rujukan darurat yang sedang "
    "berjalan, dan yang sudah diterima polisi, kejaksaan, atau pengadilan, diakhiri penerimanya sendiri.",
    tag="referral",
    example={"reason": "Instansi pengirimnya ditangguhkan."},
)
class EndReferralForSender(ReferralMove, frozen=True, kw_only=True):
    """End a referral whose sender takes no part any more, or is suspended. Not an emergency that runs, nor one that
    police, prosecution or court received: its recipient ends that, unless it is suspended, too."""

    reason: Coordination[Text]


leads_to(ReferralEndedForSender, S.CANCELLED, ends=True, breaks_off=True)


@decides.register
def end_for_sender(command: EndReferralForSender, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    referral = case.referrals[command.referral]
    if referral.sender in case.participants() and _works(referral.sender, network):
        must = Words(
            "harus yang pengirimnya tidak ikut serta lagi atau ditangguhkan: pengirim yang masih ada membatalkannya"
            " sendiri",
            "be one whose sender takes no part any more, or is suspended: a sender that is there cancels it itself",
        )
        raise Invalid(field="referral", must=must)
    if _works(referral.recipient, network):
        _require_left_to_us(referral)
    return [recorded(ReferralEndedForSender, command, act)]


def _works(agency: AgencyCode, network: Network) -> bool:
    """Whether an agency is of the network, and not suspended."""
    found = network.get(agency)
    return found is not None and found.active


def _require_left_to_us(referral: Referral) -> None:
    """Raises Invalid for what its recipient, who is there, ends alone."""
    if stays(referral):
        must = Words(
            "tidak boleh yang sudah diterima polisi, kejaksaan, atau pengadilan: mereka mengakhirinya sendiri",
            "be none that police, prosecution or court received: they end it themselves",
        )
        raise Invalid(field="referral", must=must)
    if referral.urgency is Urgency.EMERGENCY and referral.status not in NOT_RUNNING:
        must = Words(
            "tidak boleh yang darurat dan sedang berjalan: penerimanya mengakhirinya",
            "be no emergency that runs: its recipient ends it",
        )
        raise Invalid(field="referral", must=must)
