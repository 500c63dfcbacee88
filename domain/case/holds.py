"""Legal holds: while one stands, nothing of the case is destroyed.

A hold belongs to the agency that placed it, and says for what it is: an investigation, a trial, a claim, protection.
Several stand at once. Two people of its holder lift it, also when their agency takes part no more; two of the lead lift
another's on a court's order alone, which a prosecution or court attached since, and which two others have checked.

The proceedings place one by themselves (proceedings.py). One that nobody keeps lapses (keeping.py). Of before holds
had holders: first_hold.py.
"""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from ..casefile.deciding import Network, decides, fresh
from ..casefile.evolving import applies
from ..casefile.holding import (
    HELD_IT,
    HOLD,
    ORDERED_SINCE,
    CourtOrders,
    HoldFacts,
    HoldPlaced,
    holder_of,
    is_before,
    without_hold,
)
from ..casefile.state import Case
from ..causes import When
from ..codes import AgencyKind, HoldEnd, HoldKind
from ..compartment import Coordination, Legal
from ..declaring import Step, asked, field, happened, name_fields
from ..fact import Act, ActorId, AgencyCode, DocumentId, Fact, Short, Text, recorded
from ..field_words import NUMBER_OF_PAPER
from ..persistent import put
from ..refusal import AlreadyDone, Invalid, one_of
from ..standing.relations import Extent, Relation
from ..standing.roles import AUDITORS, HOLDS, SUPERVISORS
from ..standing.rows import KNOWS_ALSO_ENDED, LEADS_ALSO_ENDED, Ground, Row, Second, Since, Thing, Where
from ..words import Words

R, E = Relation, HoldEnd

STAGES = frozenset({E.WRITTEN_STOP, E.FINAL_JUDGMENT})
"""What ends the hold that the proceedings placed."""


@happened(
    Words("Larangan pemusnahan dicabut", "Hold lifted"),
    her=Words("Satu larangan menghapus data Anda berakhir", "A reason to keep your data ended"),
    means="Larangan itu berakhir atas persetujuan dua orang; yang lain, bila ada, tetap berlaku. `on_order`: atas "
    "penetapan atau putusan pengadilan itu.",
    step=Step.LEGAL,
    to=HELD_IT,
    calls={"rule": NUMBER_OF_PAPER},
)
class HoldLifted(HoldFacts, frozen=True, kw_only=True, tag="case.HoldLifted"):
    """That hold ended, by two people; others stay, if there are any. `on_order`: on that order of a court."""

    holder: Coordination[AgencyCode]
    holder_kind: Coordination[AgencyKind]
    ended_by: Coordination[HoldEnd]
    rule: Coordination[Short]
    on_order: Coordination[DocumentId | None] = None


@happened(
    Words("Penetapan atau putusan pengadilan diperiksa", "Court's order checked"),
    her=Words("Surat dari pengadilan diperiksa", "A paper of a court was checked"),
    means="Dua orang penanggung jawab menyatakan bahwa dokumen itu sesuai dengan yang ada pada pengadilan; larangan "
    "pemusnahan dapat dicabut atas dasar itu.",
    step=Step.LEGAL,
    calls={"rule": NUMBER_OF_PAPER},
)
class CourtOrderChecked(Fact, frozen=True, kw_only=True, tag="case.CourtOrderChecked"):
    """Two people of the lead say that the document is what the court has; a hold can be lifted on it."""

    document: Coordination[DocumentId]
    rule: Coordination[Short]
    """Its number in the court's register."""
    checked_by: Coordination[ActorId]


# What can be asked ---------------------------------------------------------------------------------------------

PAPER = Thing(
    "court order",
    Words(
        "penetapan atau putusan pengadilan, yang dilampirkan kejaksaan atau pengadilan sendiri",
        "court's order, which a prosecution or court attached itself",
    ),
    find=lambda case, id: case.of(CourtOrders).ordered_at.get(id),
    whose={},
    since=Since(
        Words("penetapan atau putusan itu dilampirkan", "that order was attached"), lambda attached_at: attached_at
    ),
)
ORDER = Thing(
    "court order",
    Words(
        "penetapan atau putusan pengadilan, yang dilampirkan kejaksaan atau pengadilan sendiri sejak larangan itu "
        "ditetapkan, dan yang telah diperiksa dua orang penanggung jawab",
        "court's order, which a prosecution or court attached itself since the hold was placed, and which two people "
        "of the lead have checked",
    ),
    find=lambda case, id: _checked(case, id),
    whose={R.ASKER: lambda order, case: order.checked_by},
    since=Since(
        Words("penetapan atau putusan itu dilampirkan", "that order was attached"), lambda order: order.attached_at
    ),
)
OF_THE_LAW = Where(
    Ground.CASE,
    frozenset({R.LEAD, R.LEGAL_PARTY}),
    open=False,
    needs="the lead, or a part for a legal purpose",
)
INVESTIGATES = Where(Ground.CASE, frozenset({R.INVESTIGATOR}), open=False, needs="police, prosecution or court")
HELD = KNOWS_ALSO_ENDED.to(HOLD, R.HOLDER, by="hold")
HELD_BY_OFFICE = KNOWS_ALSO_ENDED.to(HOLD, R.HOLDING_OFFICE, by="hold")
PRESENTED = LEADS_ALSO_ENDED.to(PAPER, by="document")
ORDERED = LEADS_ALSO_ENDED.to(HOLD, by="hold").to(ORDER, by="on_order", another_than=R.ASKER)


@asked(
    "/cases/{case}/legal-holds",
    by=HOLDS,
    where=OF_THE_LAW,
    or_else=(Row(SUPERVISORS, INVESTIGATES, Extent.MOVE),),
    extent=Extent.MOVE,
    means="Melarang pemusnahan.",
    tag="life of the case",
    example={"hold_kind": "claim", "reason": "Permohonan restitusi berjalan."},
    mints="hold",
)
class PlaceLegalHold(HoldFacts, frozen=True, kw_only=True):
    """Forbid that anything of the case be destroyed."""

    hold_kind: Coordination[HoldKind]
    reason: Legal[Text]


@asked(
    "/cases/{case}/legal-holds/{hold}/lifting",
    by=HOLDS,
    where=HELD,
    or_else=(Row(SUPERVISORS, HELD_BY_OFFICE, Extent.MOVE),),
    second=Second((Row(AUDITORS, HELD, Extent.MOVE),)),
    extent=Extent.MOVE,
    means="Mengakhiri larangan pemusnahan milik instansinya.",
    tag="life of the case",
    example={"ended_by": "claim-ended", "rule": "Putusan 7/2026"},
)
class LiftLegalHold(HoldFacts, frozen=True, kw_only=True):
    """End a hold of the agency's own. That of the proceedings ends by a written stop or a final judgment alone."""

    ended_by: Coordination[HoldEnd]
    rule: Coordination[Short]
    """The letter or judgment that it stands on, by its number."""


@asked(
    "/cases/{case}/court-orders/{document}/check",
    by=HOLDS,
    where=PRESENTED,
    second=Second((Row(AUDITORS, PRESENTED, Extent.MOVE),)),
    extent=Extent.MOVE,
    when=When.NOW,
    means="Menyatakan bahwa penetapan atau putusan yang dilampirkan itu sesuai dengan yang ada pada pengadilan.",
    tag="life of the case",
    example={"rule": "12/Pdt.P/2026/PN Bon"},
)
class CheckCourtOrder(Fact, frozen=True, kw_only=True):
    """Say that an order which was attached is what the court has: asked for at its registry, not read off the paper.
    Whoever attached it may gain by it, and the system cannot tell a court from a prosecution."""

    document: Coordination[DocumentId]
    rule: Coordination[Short]
    """Its number in the court's register."""


@asked(
    "/cases/{case}/legal-holds/{hold}/lifting-on-order",
    by=HOLDS,
    where=ORDERED,
    second=Second((Row(AUDITORS, ORDERED, Extent.MOVE),)),
    extent=Extent.MOVE,
    means="Mengakhiri larangan pemusnahan, siapa pun pemegangnya, atas penetapan atau putusan pengadilan.",
    tag="life of the case",
    example={"on_order": "00000000-0000-4000-8000-00000000000d", "rule": "Penetapan 12/2026"},
)
class LiftHoldOnOrder(HoldFacts, frozen=True, kw_only=True):
    """End a hold, whoever holds it, on a court's order that was attached since the hold was placed (an older one says
    nothing of it), and that another than who ends it has checked with the court. Where no court takes part, the order
    is served on the holder, who lifts the hold."""

    on_order: Coordination[DocumentId]
    rule: Coordination[Short]
    """The order, by its number."""


# What is remembered, and decided --------------------------------------------------------------------------------


@applies(HoldLifted)
def hold_lifted(case: Case, event: HoldLifted) -> Case:
    return without_hold(case, event.hold)


class CheckedOrder(Struct, frozen=True):
    """A court's order that a hold can be lifted on."""

    attached_at: datetime
    checked_by: ActorId


def _checked(case: Case, id: DocumentId) -> CheckedOrder | None:
    orders = case.of(CourtOrders)
    if id not in orders.ordered_at or id not in orders.checked_by:
        return None
    return CheckedOrder(orders.ordered_at[id], orders.checked_by[id])


@applies(CourtOrderChecked)
def court_order_checked(part: CourtOrders, event: CourtOrderChecked) -> CourtOrders:
    return replace(part, checked_by=put(part.checked_by, event.document, event.checked_by))


@decides.register
def place_hold(command: PlaceLegalHold, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    """Beside those that stand: each belongs to who placed it."""
    fresh(case.used_ids, command.hold)
    fresh(case.holds, command.hold)
    return [recorded(HoldPlaced, command, act, holder=act.agency, holder_kind=act.kind)]


@decides.register
def lift_hold(command: LiftLegalHold, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    hold = case.holds[command.hold]
    is_before_them = hold.of_proceedings and is_before(case, hold.held_by(case)[0])
    ends = STAGES if is_before_them else frozenset(E) - {E.COURT_ORDER}
    if command.ended_by not in ends:
        raise Invalid(field="ended_by", must=one_of(ends))
    return [recorded(HoldLifted, command, act, **holder_of(case, command.hold))]


@decides.register
def check_order(command: CheckCourtOrder, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    if command.document in case.of(CourtOrders).checked_by:
        raise AlreadyDone(what="the check", id=command.document)
    return [recorded(CourtOrderChecked, command, act, checked_by=act.actor)]


@decides.register
def lift_on_order(command: LiftHoldOnOrder, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    hold = case.holds[command.hold]
    if case.of(CourtOrders).ordered_at[command.on_order] < max(hold.placed_at, hold.recorded_at or hold.placed_at):
        raise Invalid(field="on_order", must=ORDERED_SINCE)
    return [recorded(HoldLifted, command, act, ended_by=E.COURT_ORDER, **holder_of(case, command.hold))]


name_fields(
    ended_by=field("Berakhir karena", "Ended by", ("Berakhir karena", "Why it ended")),
    checked_by=field("Diperiksa oleh", "Checked by"),
    on_order=field("Penetapan atau putusan pengadilan", "Court's order"),
)
