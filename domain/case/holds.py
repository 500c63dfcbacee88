"""Legal holds: while one stands, nothing of the case is erased. To lift one takes two people."""

from collections.abc import Sequence

from msgspec.structs import replace

from ..authority import HOLDS
from ..casefile.deciding import Network, decides, require_known, require_lead_of_any
from ..casefile.evolving import applies
from ..casefile.state import Case, Part
from ..compartment import Coordination, Legal
from ..declaring import Step, asked, happened
from ..fact import Act, ActorId, Fact, Text, recorded
from ..refusal import AlreadyExists, AnotherPersonNeeded, HoldStands, Unknown
from ..words import PROCEEDING, Words


@happened(
    Words("Larangan hapus demi hukum ditetapkan", "Legal hold placed"),
    her=Words("Penghapusan data ditahan", "Erasure of data was put on hold"),
    means="Tidak ada dari kasus ini yang boleh dihapus, dengan alasan ini.",
    step=Step.LEGAL,
    withheld={"reason": PROCEEDING},
)
class LegalHoldPlaced(Fact, frozen=True, kw_only=True, tag="case.LegalHoldPlaced"):
    """Nothing of this case may be erased, for this reason."""

    reason: Legal[Text]


@happened(
    Words("Larangan hapus demi hukum dicabut", "Legal hold lifted"),
    her=Words("Penahanan penghapusan dicabut", "The hold on erasure was lifted"),
    means="Larangan hapus berakhir.",
    step=Step.LEGAL,
    withheld={"reason": PROCEEDING},
)
class LegalHoldLifted(Fact, frozen=True, kw_only=True, tag="case.LegalHoldLifted"):
    """The hold ended."""

    reason: Legal[Text]


@happened(
    Words("Pencabutan larangan hapus diminta", "Lifting of the hold asked for"),
    her=Words("Pencabutan penahanan diminta", "An end of the hold on erasure was asked for"),
    means="Seseorang meminta larangan hapus berakhir; orang lain memutuskan.",
    step=Step.LEGAL,
)
class HoldLiftingAsked(Fact, frozen=True, kw_only=True, tag="case.HoldLiftingAsked"):
    """Somebody asks that the hold ends; another person decides."""

    asked_by: Coordination[ActorId]
    reason: Legal[Text]


@happened(
    Words("Pencabutan larangan hapus ditolak", "Lifting of the hold refused"),
    her=Words("Penahanan penghapusan tetap berlaku", "The hold on erasure stays"),
    means="Larangan hapus tetap berlaku.",
    step=Step.LEGAL,
)
class HoldLiftingRefused(Fact, frozen=True, kw_only=True, tag="case.HoldLiftingRefused"):
    """The hold stays."""

    reason: Legal[Text]


@asked("/cases/{case}/legal-hold", by=HOLDS, tag="life of the case", example={"reason": "Perkara berjalan."})
class PlaceLegalHold(Fact, frozen=True, kw_only=True):
    """Forbid erasure."""

    reason: Legal[Text]


@asked("/cases/{case}/legal-hold/lifting", by=HOLDS, tag="life of the case", example={"reason": "Putusan inkrah."})
class LiftLegalHold(Fact, frozen=True, kw_only=True):
    """Ask that erasure be allowed again; another person decides."""

    reason: Legal[Text]


@asked("/cases/{case}/legal-hold/lifting/approval", by=HOLDS, tag="life of the case", example={"reason": "Diperiksa."})
class ApproveHoldLifting(Fact, frozen=True, kw_only=True):
    """Allow erasure again, as another person asked."""

    reason: Legal[Text]


@asked("/cases/{case}/legal-hold/lifting/refusal", by=HOLDS, tag="life of the case", example={"reason": "Ada banding."})
class RefuseHoldLifting(Fact, frozen=True, kw_only=True):
    """Keep the legal hold, or take back the asking."""

    reason: Legal[Text]


class Lifting(Part, frozen=True):
    """That the hold end is asked for, and undecided."""

    ends_with_lead = True
    asked_by: ActorId | None = None


@applies(LegalHoldPlaced)
def legal_hold_placed(case: Case, event: LegalHoldPlaced) -> Case:
    return replace(case, on_hold=True)


@applies(LegalHoldLifted)
def legal_hold_lifted(case: Case, event: LegalHoldLifted) -> Case:
    return replace(case.with_part(replace(case.of(Lifting), asked_by=None)), on_hold=False)


@applies(HoldLiftingAsked)
def hold_lifting_asked(part: Lifting, event: HoldLiftingAsked) -> Lifting:
    return replace(part, asked_by=event.asked_by)


@applies(HoldLiftingRefused)
def hold_lifting_refused(part: Lifting, event: HoldLiftingRefused) -> Lifting:
    return replace(part, asked_by=None)


@decides.register
def place_hold(command: PlaceLegalHold, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    if require_known(case, act).on_hold:
        raise HoldStands(holds=1)
    return [recorded(LegalHoldPlaced, command, act)]


@decides.register
def lift_hold(command: LiftLegalHold, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """The first of two people asks; who approves is the second."""
    if _on_hold(case, act).of(Lifting).asked_by is not None:
        raise AlreadyExists(what="the asking")
    return [recorded(HoldLiftingAsked, command, act, asked_by=act.actor)]


@decides.register
def approve_lifting(command: ApproveHoldLifting, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    asked_by = _on_hold(case, act).of(Lifting).asked_by
    if asked_by is None:
        raise Unknown(what="the asking")
    if asked_by == act.actor:
        raise AnotherPersonNeeded()
    return [recorded(LegalHoldLifted, command, act)]


@decides.register
def refuse_lifting(command: RefuseHoldLifting, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """Who asked may take it back: that needs no second person."""
    if _on_hold(case, act).of(Lifting).asked_by is None:
        raise Unknown(what="the asking")
    return [recorded(HoldLiftingRefused, command, act)]


def _on_hold(case: Case | None, act: Act) -> Case:
    """The case, on hold, that the acting agency leads. Raises Unknown, NotForThisAgency, HoldStands."""
    now = require_lead_of_any(case, act)
    if not now.on_hold:
        raise HoldStands(holds=0)
    return now
