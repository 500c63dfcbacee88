"""Legal holds: while one stands, nothing of the case is erased. To lift one takes two people."""

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from ..casefile.deciding import Network, decides
from ..casefile.evolving import applies
from ..casefile.state import Case, Part
from ..causes import Cause
from ..compartment import Coordination, Legal
from ..declaring import Step, asked, happened
from ..fact import Act, ActorId, Fact, Text, recorded
from ..refusal import AlreadyExists, HoldStands
from ..standing.relations import Extent, Relation
from ..standing.roles import HOLDS
from ..standing.rows import KNOWS_ALSO_ENDED, LEADS_ALSO_ENDED, Since, Thing
from ..words import PROCEEDING, Words

R = Relation


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


LIFTING = Thing(
    "the asking",
    Words("permintaan pencabutan larangan", "asking that the hold end"),
    find=lambda case, id: _lifting(case, id),
    whose={R.ASKER: lambda lifting, case: lifting.asked_by},
    since=Since(Words("pencabutan itu diminta", "its lifting was asked for"), lambda lifting: lifting.asked_at),
)
HELD = Cause(Words("larangan itu ditetapkan", "the hold was placed"), lambda command, case, act: case.held_since)


@asked(
    "/cases/{case}/legal-hold",
    by=HOLDS,
    where=KNOWS_ALSO_ENDED,
    extent=Extent.MOVE,
    means="Melarang penghapusan.",
    tag="life of the case",
    example={"reason": "Perkara berjalan."},
)
class PlaceLegalHold(Fact, frozen=True, kw_only=True):
    """Forbid erasure."""

    reason: Legal[Text]


@asked(
    "/cases/{case}/legal-hold/lifting",
    by=HOLDS,
    where=LEADS_ALSO_ENDED,
    extent=Extent.MOVE,
    answers=(HELD,),
    means="Meminta penghapusan diizinkan lagi; orang lain memutuskan.",
    tag="life of the case",
    example={"reason": "Putusan inkrah."},
)
class LiftLegalHold(Fact, frozen=True, kw_only=True):
    """Ask that erasure be allowed again; another person decides."""

    reason: Legal[Text]


@asked(
    "/cases/{case}/legal-hold/lifting/approval",
    by=HOLDS,
    where=LEADS_ALSO_ENDED.to(LIFTING, another_than=R.ASKER),
    extent=Extent.MOVE,
    means="Mengizinkan penghapusan lagi, sebagaimana diminta orang lain.",
    tag="life of the case",
    example={"reason": "Diperiksa."},
)
class ApproveHoldLifting(Fact, frozen=True, kw_only=True):
    """Allow erasure again, as another person asked."""

    reason: Legal[Text]


@asked(
    "/cases/{case}/legal-hold/lifting/refusal",
    by=HOLDS,
    where=LEADS_ALSO_ENDED.to(LIFTING),
    extent=Extent.MOVE,
    means="Mempertahankan larangan hapus, atau menarik kembali permintaannya.",
    tag="life of the case",
    example={"reason": "Ada banding."},
)
class RefuseHoldLifting(Fact, frozen=True, kw_only=True):
    """Keep the legal hold, or take back the asking."""

    reason: Legal[Text]


class Lifting(Part, frozen=True):
    """That the hold end is asked for, and undecided."""

    ends_with_lead = True
    asked_by: ActorId | None = None
    asked_at: datetime | None = None


@applies(LegalHoldPlaced)
def legal_hold_placed(case: Case, event: LegalHoldPlaced) -> Case:
    return replace(case, on_hold=True, held_since=event.occurred_at)


@applies(LegalHoldLifted)
def legal_hold_lifted(case: Case, event: LegalHoldLifted) -> Case:
    return replace(case.with_part(replace(case.of(Lifting), asked_by=None)), on_hold=False, held_since=None)


@applies(HoldLiftingAsked)
def hold_lifting_asked(part: Lifting, event: HoldLiftingAsked) -> Lifting:
    return replace(part, asked_by=event.asked_by, asked_at=event.occurred_at)


@applies(HoldLiftingRefused)
def hold_lifting_refused(part: Lifting, event: HoldLiftingRefused) -> Lifting:
    return replace(part, asked_by=None)


@decides.register
def place_hold(command: PlaceLegalHold, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    if case.on_hold:
        raise HoldStands(holds=1)
    return [recorded(LegalHoldPlaced, command, act)]


@decides.register
def lift_hold(command: LiftLegalHold, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    """The first of two people asks; who approves is the second."""
    _require_hold(case)
    if case.of(Lifting).asked_by is not None:
        raise AlreadyExists(what="the asking")
    return [recorded(HoldLiftingAsked, command, act, asked_by=act.actor)]


@decides.register
def approve_lifting(command: ApproveHoldLifting, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    return [recorded(LegalHoldLifted, command, act)]


@decides.register
def refuse_lifting(command: RefuseHoldLifting, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    """Who asked may take it back: that needs no second person."""
    return [recorded(HoldLiftingRefused, command, act)]


def _require_hold(case: Case) -> None:
    """Raises HoldStands where none stands."""
    if not case.on_hold:
        raise HoldStands(holds=0)


def _lifting(case: Case, id: None) -> "Lifting | None":
    _require_hold(case)
    lifting = case.of(Lifting)
    return lifting if lifting.asked_by is not None else None
