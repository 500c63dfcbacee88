"""The one legal hold that a case could have before holds had holders: it is of who placed it. That of the lead is the
lead's, whoever leads.

These events are recorded no more. What was recorded stands beside the others, and is lifted as they are (holds.py):
else two of the lead would lift what police had placed. Whoever had asked for its end asks again.
"""

from msgspec.structs import replace

from ..casefile.evolving import applies
from ..casefile.state import FIRST, Case, Hold
from ..compartment import Coordination, Legal
from ..declaring import Step, happened
from ..fact import ActorId, AgencyCode, Fact, Text
from ..persistent import put
from ..words import PROCEEDING, Words


@happened(
    Words("Larangan pemusnahan untuk proses hukum ditetapkan", "Legal hold placed"),
    her=Words("Data Anda untuk sementara tidak boleh dihapus", "Your data may not be destroyed for now"),
    means="Tidak ada dari kasus ini yang boleh dimusnahkan, dengan alasan ini. Larangan itu milik yang "
    "menetapkannya. Tidak dicatat lagi: lihat `case.HoldPlaced`.",
    step=Step.LEGAL,
    withheld={"reason": PROCEEDING},
)
class LegalHoldPlaced(Fact, frozen=True, kw_only=True, tag="case.LegalHoldPlaced"):
    """Nothing of this case may be destroyed, for this reason. It is a hold of who placed it. Recorded no more: see
    `case.HoldPlaced`."""

    reason: Legal[Text]


@happened(
    Words("Larangan pemusnahan untuk proses hukum dicabut", "Legal hold lifted"),
    her=Words("Satu larangan menghapus data Anda berakhir", "A reason to keep your data ended"),
    means="Larangan itu berakhir. Tidak dicatat lagi: lihat `case.HoldLifted`.",
    step=Step.LEGAL,
    withheld={"reason": PROCEEDING},
)
class LegalHoldLifted(Fact, frozen=True, kw_only=True, tag="case.LegalHoldLifted"):
    """That hold ended. Recorded no more: see `case.HoldLifted`."""

    reason: Legal[Text]


@happened(
    Words("Pencabutan larangan pemusnahan diminta", "Lifting of the hold asked for"),
    her=Words("Diminta agar larangan menghapus data Anda berakhir", "An end of that reason to keep was asked for"),
    means="Seseorang meminta larangan pemusnahan berakhir; orang lain memutuskan. Tidak dicatat lagi: pencabutan "
    "menunggu orang kedua sebagai usul.",
    step=Step.LEGAL,
    withheld={"reason": PROCEEDING},
)
class HoldLiftingAsked(Fact, frozen=True, kw_only=True, tag="case.HoldLiftingAsked"):
    """Somebody asks that the hold ends; another person decides. Recorded no more: a lifting waits for its second person
    as a proposal."""

    asked_by: Coordination[ActorId]
    reason: Legal[Text]


@happened(
    Words("Pencabutan larangan pemusnahan ditolak", "Lifting of the hold refused"),
    her=Words("Larangan menghapus data Anda tetap berlaku", "The reason to keep your data still stands"),
    means="Larangan pemusnahan tetap berlaku. Tidak dicatat lagi.",
    step=Step.LEGAL,
    withheld={"reason": PROCEEDING},
)
class HoldLiftingRefused(Fact, frozen=True, kw_only=True, tag="case.HoldLiftingRefused"):
    """The hold stays. Recorded no more."""

    reason: Legal[Text]


@applies(LegalHoldPlaced)
def legal_hold_placed(case: Case, event: LegalHoldPlaced, author: AgencyCode | None) -> Case:
    known = {**case.former_leads, **{r.recipient: r.recipient_kind for r in case.referrals.values()}}
    kind = known.get(author) if author is not None and author != case.lead else None
    hold = Hold(FIRST, event.occurred_at, holder=author if kind is not None else None, holder_kind=kind)
    return replace(case, holds=put(case.holds, FIRST, hold))


@applies(LegalHoldLifted)
def legal_hold_lifted(case: Case, event: LegalHoldLifted) -> Case:
    return replace(case, holds={id: hold for id, hold in case.holds.items() if id != FIRST})
