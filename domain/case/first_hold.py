"""The one legal hold that a case could have before holds had holders: it is the lead's, whoever leads.

These events are recorded no more. What was recorded keeps its meaning: the hold stands beside the others, and is lifted
as they are (holds.py). Whoever had asked for its end asks again.
"""

from msgspec.structs import replace

from ..casefile.evolving import applies
from ..casefile.state import FIRST, Case, Hold
from ..compartment import Coordination, Legal
from ..declaring import Step, happened
from ..fact import ActorId, Fact, Text
from ..persistent import put
from ..words import PROCEEDING, Words


@happened(
    Words("Larangan pemusnahan demi hukum ditetapkan", "Legal hold placed"),
    her=Words("Data Anda dilarang dimusnahkan", "Your data may not be destroyed for now"),
    means="Tidak ada dari kasus ini yang boleh dimusnahkan, dengan alasan ini. Larangan itu milik penanggung jawab "
    "kasus. Tidak dicatat lagi: lihat `case.HoldPlaced`.",
    step=Step.LEGAL,
    withheld={"reason": PROCEEDING},
)
class LegalHoldPlaced(Fact, frozen=True, kw_only=True, tag="case.LegalHoldPlaced"):
    """Nothing of this case may be destroyed, for this reason. It is the lead's hold. Recorded no more: see
    `case.HoldPlaced`."""

    reason: Legal[Text]


@happened(
    Words("Larangan pemusnahan demi hukum dicabut", "Legal hold lifted"),
    her=Words("Satu larangan pemusnahan data Anda berakhir", "A reason to keep your data ended"),
    means="Larangan penanggung jawab kasus berakhir. Tidak dicatat lagi: lihat `case.HoldLifted`.",
    step=Step.LEGAL,
    withheld={"reason": PROCEEDING},
)
class LegalHoldLifted(Fact, frozen=True, kw_only=True, tag="case.LegalHoldLifted"):
    """The lead's hold ended. Recorded no more: see `case.HoldLifted`."""

    reason: Legal[Text]


@happened(
    Words("Pencabutan larangan pemusnahan diminta", "Lifting of the hold asked for"),
    her=Words("Diminta agar larangan pemusnahan data Anda berakhir", "An end of that reason to keep was asked for"),
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
    her=Words("Larangan pemusnahan data Anda tetap berlaku", "The reason to keep your data still stands"),
    means="Larangan pemusnahan tetap berlaku. Tidak dicatat lagi.",
    step=Step.LEGAL,
    withheld={"reason": PROCEEDING},
)
class HoldLiftingRefused(Fact, frozen=True, kw_only=True, tag="case.HoldLiftingRefused"):
    """The hold stays. Recorded no more."""

    reason: Legal[Text]


@applies(LegalHoldPlaced)
def legal_hold_placed(case: Case, event: LegalHoldPlaced) -> Case:
    return replace(case, holds=put(case.holds, FIRST, Hold(FIRST, event.occurred_at)))


@applies(LegalHoldLifted)
def legal_hold_lifted(case: Case, event: LegalHoldLifted) -> Case:
    return replace(case, holds={id: hold for id, hold in case.holds.items() if id != FIRST})
