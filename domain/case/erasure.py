"""Erasure: two people destroy a compartment, or a whole case, for good.

One asks and names the ground, another approves; both act for the lead. A legal hold stands against either step, so
that one who asks learns early and a hold placed in between still counts. Hold and erasure are decided on one stream:
the store refuses the later of two that cross.

- The whole case goes when no referral is open and nobody is asked to lead, as others still work with it; and when every
  emergency opening of it was judged, as nobody can judge it afterwards. A part goes when no open referral carries any
  of it. What is open and stands on other agencies' word alone postpones either for two weeks; then a data protection
  officer goes on (casefile/at_work.py). All of that is in the file until it goes.
- Those who work with the file are told as it is asked for, and as it is refused: they answer while there is time.
- `legal` goes with the whole case only: holds, orders and the grounds of erasures are written there.
- `retention ended` is a ground once the schedule says so.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from .. import retention
from ..casefile.at_work import Kept, keeps
from ..casefile.deciding import Network, decides, fresh
from ..casefile.evolving import applies
from ..casefile.holding import lapse_at
from ..casefile.state import EMPTY, Case, Part, compartments_named
from ..casefile.waiting import waits
from ..causes import When
from ..codes import AgencyKind, ErasureBasis
from ..compartment import ALL, Compartment, CompartmentWord, Coordination, Legal
from ..declaring import Audience, Step, asked, field, happened, name_fields
from ..fact import Act, ActorId, AgencyCode, ErasureId, Fact, ReferralId, Text, recorded
from ..pathways import END_TIMES
from ..persistent import put
from ..refusal import AlreadyDone, HoldStands, Invalid, NotDueYet, OpenReferrals, StillRunning, StillUndecided
from ..standing.relations import Extent, Relation
from ..standing.roles import ERASURE, OFFICERS
from ..standing.rows import LEADS_ALSO_ENDED, Since, Thing
from ..words import Words

R = Relation


AT_WORK = Audience(
    Words("instansi yang rujukannya masih terbuka", "who has an open referral, as long as it is not decided"),
    lambda event, case: _at_work(event, case),
)


@happened(
    Words("Penghapusan diminta", "Erasure asked for"),
    her=Words("Penghapusan data Anda diminta", "Erasure of your data was asked for"),
    means="Seseorang meminta kelompok data ini dimusnahkan; orang lain memutuskan. Bila `coordination` termasuk, itu "
    "seluruh kasus, dan semuanya disebut.",
    step=Step.LEGAL,
    to=AT_WORK,
    calls={
        "compartments": field(
            "Kelompok data yang diminta dihapus",
            "Compartments to be erased",
            ("Data yang diminta dihapus", "Data that is to be erased"),
        )
    },
)
class ErasureRequested(Fact, frozen=True, kw_only=True, tag="case.ErasureRequested"):
    """Somebody asks that these compartments be destroyed; another person decides. With `coordination` among them
    it is the whole case, and all of them are named."""

    erasure: Coordination[ErasureId]
    compartments: Coordination[frozenset[CompartmentWord]]
    basis: Coordination[ErasureBasis]
    asked_by: Coordination[ActorId]
    reason: Legal[Text]


@happened(
    Words("Permintaan penghapusan ditolak atau dicabut", "Erasure refused, or its request taken back"),
    her=Words(
        "Permintaan menghapus data Anda ditolak atau dicabut",
        "The request to erase your data was refused, or taken back",
    ),
    means="Tidak ada yang dimusnahkan: ditolak, atau permintaannya dicabut.",
    step=Step.LEGAL,
    to=AT_WORK,
)
class ErasureRefused(Fact, frozen=True, kw_only=True, tag="case.ErasureRefused"):
    """Nothing is destroyed: it was refused, or taken back."""

    erasure: Coordination[ErasureId]
    reason: Legal[Text]


@happened(
    Words("Isi kasus dihapus", "Content of the case erased"),
    her=Words("Data Anda dihapus", "Your data was erased"),
    means="Kunci kelompok data ini dimusnahkan.",
    step=Step.LEGAL,
    calls={
        "compartments": field(
            "Kelompok data yang dihapus", "Erased compartments", ("Data yang dihapus", "Data that was erased")
        )
    },
)
class CaseErased(Fact, frozen=True, kw_only=True, tag="case.CaseErased"):
    """The data keys of these compartments are destroyed; what follows the log sees to it. When `coordination` is
    among them, this is the last event of the case, and cannot be read for long: `erasure.ErasureRecorded`, of the same
    commit, is what remains."""

    erasure: Coordination[ErasureId]
    compartments: Coordination[frozenset[CompartmentWord]]
    requested_by: Coordination[ActorId]
    approved_by: Coordination[ActorId]


ERASURE_ASKED = Thing(
    "erasure",
    Words("penghapusan yang diminta", "erasure that was asked for"),
    find=lambda case, id: _asked(case, id),
    whose={R.ASKER: lambda asked, case: asked.asked_by},
    since=Since(Words("penghapusan itu diminta", "the erasure was asked for"), lambda asked: asked.asked_at),
)


@asked(
    "/cases/{case}/erasures",
    by=ERASURE,
    where=LEADS_ALSO_ENDED,
    extent=Extent.WHOLE,
    means="Meminta kelompok data, atau seluruh kasus, dimusnahkan; orang lain memutuskan.",
    tag="erasure",
    example={"whole": True, "basis": "survivor-request", "reason": "Atas permintaan penyintas."},
    mints="erasure",
)
class RequestErasure(Fact, frozen=True, kw_only=True):
    """Ask that compartments, or the whole case, be destroyed; another person decides."""

    erasure: Coordination[ErasureId]
    basis: Coordination[ErasureBasis]
    compartments: Coordination[frozenset[CompartmentWord]] = frozenset()
    whole: Coordination[bool] = False
    """The whole case. One of the two is said, so that nothing is destroyed by leaving a field out."""
    reason: Legal[Text]


@asked(
    "/cases/{case}/erasures/{erasure}/approval",
    by=ERASURE,
    where=LEADS_ALSO_ENDED.to(ERASURE_ASKED, by="erasure", another_than=R.ASKER),
    extent=Extent.WHOLE,
    means="Memusnahkan yang diminta dimusnahkan orang lain. Tidak dapat dibatalkan.",
    tag="erasure",
)
class ApproveErasure(Fact, frozen=True, kw_only=True):
    """Destroy what another person asked to be destroyed. There is no way back."""

    erasure: Coordination[ErasureId]


@asked(
    "/cases/{case}/erasures/{erasure}/approval-though-postponed",
    by=OFFICERS,
    where=LEADS_ALSO_ENDED.to(ERASURE_ASKED, by="erasure", another_than=R.ASKER),
    extent=Extent.WHOLE,
    when=When.NOW,
    means="Memusnahkan yang diminta dimusnahkan orang lain dua minggu lalu atau lebih, walaupun ada rujukan yang "
    "bertumpu hanya pada keterangan instansi lain dan belum dikerjakan. Tidak dapat dibatalkan.",
    tag="erasure",
)
class ApprovePostponedErasure(ApproveErasure, frozen=True, kw_only=True):
    """Destroy what another person asked to be destroyed two weeks ago or more, though there are referrals that stand on
    what other agencies say alone, and on which no work began, or that nothing covers; or though somebody who was asked
    to lead is silent. There is no way back."""


@asked(
    "/cases/{case}/erasures/{erasure}/refusal",
    by=ERASURE,
    where=LEADS_ALSO_ENDED.to(ERASURE_ASKED, by="erasure"),
    extent=Extent.MOVE,
    means="Menolak penghapusan, atau mencabut permintaannya.",
    tag="erasure",
    example={"reason": "Perkara akan diajukan."},
)
class RefuseErasure(Fact, frozen=True, kw_only=True):
    """Refuse an erasure, or take back the asking."""

    erasure: Coordination[ErasureId]
    reason: Legal[Text]


class Erasure(Struct, frozen=True):
    """An erasure that was asked for and is not decided."""

    id: ErasureId
    compartments: frozenset[Compartment]
    basis: ErasureBasis
    asked_by: ActorId
    asked_at: datetime
    recorded_at: datetime
    """When the asking was recorded, whenever it is said to have been."""


class Erasing(Part, frozen=True):
    ends_with_lead = True
    asked: Erasure | None = None
    told: Mapping[ErasureId, Mapping[AgencyCode, AgencyKind]] = EMPTY
    """Who had an open referral as one was refused, with its kind."""


def _at_work(event: "ErasureRequested | ErasureRefused", case: Case) -> Mapping[AgencyCode, AgencyKind]:
    part = case.of(Erasing)
    if part.asked is not None and part.asked.id == event.erasure:
        return case.participants()
    return part.told.get(event.erasure, {})


@applies(ErasureRequested)
def erasure_requested(case: Case, event: ErasureRequested, recorded_at: datetime) -> Case:
    what = compartments_named(event.compartments)
    asked = Erasure(event.erasure, what, event.basis, event.asked_by, event.occurred_at, recorded_at)
    return case.with_part(replace(case.of(Erasing), asked=asked)).using(event.erasure)


@applies(ErasureRefused)
def erasure_refused(case: Case, event: ErasureRefused) -> Case:
    part = case.of(Erasing)
    return case.with_part(replace(part, asked=None, told=put(part.told, event.erasure, case.participants())))


@applies(CaseErased)
def case_erased(case: Case, event: CaseErased) -> Case:
    return replace(
        case.with_part(replace(case.of(Erasing), asked=None)),
        erased=case.erased | compartments_named(event.compartments),
    )


@waits(
    "erasure",
    Words("permintaan penghapusan yang belum diputuskan", "erasure that is not decided"),
    Words(
        "Orang kedua menyetujui atau menolak penghapusan itu, atau yang memintanya mencabutnya.",
        "A second person approves or refuses the erasure, or who asked for it takes it back.",
    ),
    "ApproveErasure",
    "RefuseErasure",
)
def not_decided(case: Case, at: datetime) -> Iterable[UUID]:
    asked = case.of(Erasing).asked
    return [asked.id] if asked is not None else []


@decides.register
def request_erasure(command: RequestErasure, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    fresh(case.used_ids, command.erasure)
    if bool(command.compartments) == command.whole:
        raise Invalid(
            field="compartments",
            must=Words(
                "harus disebut, atau seluruh kasus; salah satu saja", "be named, or the whole case; one of the two"
            ),
        )
    what = ALL if command.whole else compartments_named(command.compartments)
    if not command.whole and what & {Compartment.COORDINATION, Compartment.LEGAL}:
        raise Invalid(
            field="compartments",
            must=Words(
                "tidak boleh memuat koordinasi dan hukum, yang hanya terhapus bersama seluruh kasus",
                "leave coordination and legal, which go with the whole case only",
            ),
        )
    if what <= case.erased:
        raise AlreadyDone(what="the erasure", compartments=[w.word for w in what])
    if (undecided := case.of(Erasing).asked) is not None:
        raise StillUndecided(what="an undecided erasure", id=undecided.id)
    asked = Erasure(command.erasure, what, command.basis, act.actor, command.occurred_at, act.at)
    kept = _kept(case, asked, act)
    _may_go(case, asked, act, kept.stands)
    named = frozenset(w.word for w in what)
    return [recorded(ErasureRequested, command, act, compartments=named, asked_by=act.actor)]


@decides.register
def approve_erasure(command: ApproveErasure, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    asked = case.of(Erasing).asked
    assert asked is not None
    kept = _kept(case, asked, act)
    _may_go(case, asked, act, kept.before_the_law or kept.all)
    _not_before(kept.broken_off, act)
    return _erased(command, asked, act)


@decides.register
def approve_postponed(command: ApprovePostponedErasure, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    """A data protection officer's, who works on no case. It is no shorter way: where nothing postpones it, the other
    one is open."""
    asked = case.of(Erasing).asked
    assert asked is not None
    _not_before(asked.recorded_at + END_TIMES.postponed, act)
    kept = _kept(case, asked, act)
    _may_go(replace(case, transfer=None), asked, act, kept.stands or kept.unanswered)
    _not_before(max((*kept.postponing.values(), kept.broken_off or act.at)), act)
    return _erased(command, asked, act)


def _erased(command: ApproveErasure, asked: Erasure, act: Act) -> Sequence[Fact]:
    named = frozenset(w.word for w in asked.compartments)
    return [recorded(CaseErased, command, act, compartments=named, requested_by=asked.asked_by, approved_by=act.actor)]


@decides.register
def refuse_erasure(command: RefuseErasure, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    """Who asked may take it back: to keep things needs no second person."""
    return [recorded(ErasureRefused, command, act)]


def _asked(case: Case, id: ErasureId) -> Erasure | None:
    asked = case.of(Erasing).asked
    return asked if asked is not None and asked.id == id else None


def _kept(case: Case, asked: Erasure, act: Act) -> Kept:
    return keeps(case, asked.compartments, asked.recorded_at, act.at)


def _not_before(until: datetime | None, act: Act) -> None:
    if until is not None and act.at < until:
        raise StillRunning(due_at=until)


def _may_go(case: Case, asked: Erasure, act: Act, still_open: Sequence[ReferralId]) -> None:
    """Nothing goes while a hold stands, nor while any of these referrals is open.

    Raises HoldStands, OpenReferrals, Invalid, NotDueYet."""
    if case.holds:
        raise HoldStands(holds=len(case.holds), lapses_at=lapse_at(case.holds.values()))
    if still_open:
        raise OpenReferrals(referrals=list(still_open))
    if Compartment.COORDINATION in asked.compartments:
        if case.transfer is not None:
            raise Invalid(
                field="transfer",
                must=Words("harus dijawab sebelum kasus dihapus", "be answered before the case is erased"),
            )
        if any(glass.verdict is None for glass in case.glasses.values()):
            raise Invalid(
                field="glasses",
                must=Words("harus ditinjau sebelum kasus dihapus", "be judged before the case is erased"),
            )
    if asked.basis is ErasureBasis.RETENTION_ENDED:
        due = retention.CURRENT.due(case)
        if due is None or act.at < due:
            raise NotDueYet(due=due)


name_fields(
    erasure=field("Penghapusan", "Erasure"),
    requested_by=field("Diminta oleh orang", "Requested by"),
    approved_by=field("Disetujui oleh", "Approved by"),
)
