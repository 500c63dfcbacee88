"""A referral whose sender is gone: the lead ends it.

A sender is gone that takes no part in the case any more, as the referral that brought it here ended, or another leads
now; and one whose agency is suspended. Who left can still take back what they sent, but nobody there looks at it, and a
suspended agency does nothing at all. So a supervisor of the lead ends it, and says why; its recipient is told, as of
every move. Work that its recipient accepted, and an emergency, that one ends: it is there, and a lead that could make a
sender gone (by ending what brought it here) would end others' work at once. Nor does the lead end what police,
prosecution or court received (UU 27/2022 art. 15). What nobody can end, as its recipient is suspended, too, waits until
that one is reinstated; but for work that is no emergency, which the lead ends then.
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
NOT_BEGUN = frozenset({S.DRAFT, S.REQUESTED, S.RECEIVED})
"""States in which nobody said that they do it."""


@happened(
    Words(
        "Rujukan tanpa pengirim yang aktif diakhiri penanggung jawab",
        "Referral without an active sender ended by the lead",
    ),
    her=Words(
        "Satu rujukan diakhiri, karena instansi yang mengirimnya tidak lagi mengurusnya",
        "A referral was ended, as the agency that sent it does not see to it any more",
    ),
    means="Pengirimnya tidak ikut serta lagi, atau instansinya dinonaktifkan; penanggung jawab mengakhirinya, dengan "
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
    means="Mengakhiri rujukan yang pengirimnya tidak ikut serta lagi atau dinonaktifkan. Yang sudah disanggupi "
    "penerimanya, yang darurat, kecuali konsep, dan yang sudah diterima polisi, kejaksaan, atau pengadilan, diakhiri "
    "penerimanya sendiri. Bila penerimanya juga dinonaktifkan, yang disanggupi dan bukan darurat dapat diakhiri.",
    tag="referral",
    example={"reason": "Instansi pengirimnya dinonaktifkan."},
)
class EndReferralForSender(ReferralMove, frozen=True, kw_only=True):
    """End a referral whose sender takes no part any more, or is suspended. Not one that its recipient accepted, no
    emergency but a draft, and none that police, prosecution or court received: its recipient ends that. Where the
    recipient is suspended, too, what it accepted and is no emergency can be ended."""

    reason: Coordination[Text]


leads_to(ReferralEndedForSender, S.CANCELLED, ends=True, breaks_off=True)


@decides.register
def end_for_sender(command: EndReferralForSender, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    referral = case.referrals[command.referral]
    if referral.sender in case.participants() and _works(referral.sender, network):
        must = Words(
            "harus yang pengirimnya tidak ikut serta lagi atau dinonaktifkan: selama pengirimnya masih ada, minta"
            " pengirim membatalkannya",
            "be one whose sender takes no part any more, or is suspended: while it is there, ask the sender to cancel"
            " it",
        )
        raise Invalid(field="referral", must=must)
    _require_left_to_us(referral, network)
    return [recorded(ReferralEndedForSender, command, act)]


def _works(agency: AgencyCode, network: Network) -> bool:
    """Whether an agency is of the network, and not suspended."""
    found = network.get(agency)
    return found is not None and found.active


def _require_left_to_us(referral: Referral, network: Network) -> None:
    """Raises Invalid for what its recipient ends alone."""
    if stays(referral):
        must = Words(
            "tidak boleh yang sudah diterima polisi, kejaksaan, atau pengadilan: mereka mengakhirinya sendiri",
            "be none that police, prosecution or court received: they end it themselves",
        )
        raise Invalid(field="referral", must=must)
    if referral.urgency is Urgency.EMERGENCY and referral.status is not S.DRAFT:
        must = Words(
            "tidak boleh yang darurat, kecuali masih konsep: penerimanya yang mengakhirinya",
            "be no emergency, unless it is a draft: its recipient ends it",
        )
        raise Invalid(field="referral", must=must)
    if referral.status not in NOT_BEGUN and _works(referral.recipient, network):
        must = Words(
            "tidak boleh yang sudah disanggupi penerimanya: penerimanya yang menyatakannya selesai atau gagal",
            "be none that its recipient accepted: that one completes or fails it",
        )
        raise Invalid(field="referral", must=must)
