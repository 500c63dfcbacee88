"""Legal holds: while one stands, nothing of the case is destroyed.

A hold belongs to the agency that placed it, and says for what it is: an investigation, a trial, a claim, protection.
Several stand at once. Two people of its holder lift it, also when their agency takes part no more; two of the lead lift
another's on a court's order alone, which a prosecution or court attached to the case itself since the hold was placed.

The proceedings place one by themselves: when police, prosecution or court have received a referral, or come to lead.
It passes on when its holder sends the case to a prosecution or court that accepts it, and back where that was taken
back. It falls when they reject the referral of which it began, wrote nothing in the case, and have it for no other
reason. Else it ends when a stage ends the proceedings, as all are lifted. Of before holds had holders: first_hold.py.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from ..casefile.deciding import Network, decides, derived, follows, fresh
from ..casefile.evolving import applies
from ..casefile.moves import LEADS_TO, PARTIES, ReferralMove, stop_uncovered
from ..casefile.state import FIRST, NOTHING, Case, CourtOrders, Hold, Part, Referral
from ..codes import PROCEEDINGS, AgencyKind, HoldEnd, HoldKind, ReferralStatus
from ..compartment import Compartment, Coordination, Legal
from ..declaring import Audience, Step, asked, field, happened, name_fields
from ..fact import Act, AgencyCode, DocumentId, Fact, HoldId, ReferralId, Short, Text, recorded
from ..persistent import put
from ..refusal import Invalid
from ..standing.relations import Extent, Relation
from ..standing.roles import AUDITORS, HOLDS, SUPERVISORS
from ..standing.rows import KNOWS_ALSO_ENDED, LEADS_ALSO_ENDED, Ground, Row, Second, Since, Thing, Where
from ..words import PROCEEDING, Words

R, S, E = Relation, ReferralStatus, HoldEnd

TAKEN = frozenset({S.ACCEPTED, S.IN_PROGRESS, S.ON_HOLD, S.COMPLETED, S.FAILED})
"""States of a referral that its recipient accepted."""
RECEIVED = TAKEN | {S.RECEIVED}
"""States of a referral that its recipient has, or had, and did not reject."""
TAKEN_BACK = frozenset({S.REJECTED, S.CANCELLED})
STAGES = frozenset({E.WRITTEN_STOP, E.FINAL_JUDGMENT})
"""What ends the hold that the proceedings placed."""


class HoldFacts(Fact, frozen=True, kw_only=True):
    hold: Coordination[HoldId]


HOLDER = Audience(
    Words("pemegang larangan", "who holds it"),
    lambda event, case: {event.holder: event.holder_kind},
)


@happened(
    Words("Larangan pemusnahan ditetapkan", "Hold placed"),
    her=Words("Data Anda untuk sementara tidak boleh dihapus", "Your data may not be destroyed for now"),
    means="Tidak ada dari kasus ini yang boleh dimusnahkan, selama pemegang larangan mempertahankannya. "
    "`of_proceedings`: ditetapkan dengan sendirinya karena perkara ada pada kepolisian, kejaksaan, atau pengadilan.",
    step=Step.LEGAL,
    to=HOLDER,
    withheld={"reason": PROCEEDING},
)
class HoldPlaced(HoldFacts, frozen=True, kw_only=True, tag="case.HoldPlaced"):
    """Nothing of this case may be destroyed, as long as the holder keeps the hold. `of_proceedings`: it was placed by
    itself, as the case is before police, prosecution or court."""

    hold_kind: Coordination[HoldKind]
    holder: Coordination[AgencyCode]
    holder_kind: Coordination[AgencyKind]
    of_proceedings: Coordination[bool] = False
    reason: Legal[Text | None] = None


@happened(
    Words("Larangan pemusnahan beralih pemegang", "Hold passed on"),
    her=Words(
        "Larangan menghapus data Anda kini untuk kepentingan instansi lain",
        "Your data is now kept on behalf of another agency",
    ),
    means="Pemegangnya meneruskan kasus ke kejaksaan atau pengadilan, yang menyanggupinya dan kini memegang larangan "
    "itu; atau rujukan itu dibatalkan, dan larangan itu kembali kepada pengirimnya.",
    step=Step.LEGAL,
    to=PARTIES,
)
class HoldPassed(HoldFacts, frozen=True, kw_only=True, tag="case.HoldPassed"):
    """Its holder sent the case on to a prosecution or court, which accepted it and holds it now; or that referral was
    taken back, and its sender holds it again."""

    referral: Coordination[ReferralId]
    hold_kind: Coordination[HoldKind]
    holder: Coordination[AgencyCode]
    holder_kind: Coordination[AgencyKind]


@happened(
    Words("Larangan pemusnahan dicabut", "Hold lifted"),
    her=Words("Satu larangan menghapus data Anda berakhir", "A reason to keep your data ended"),
    means="Larangan itu berakhir atas persetujuan dua orang; yang lain, bila ada, tetap berlaku. `on_order`: atas "
    "penetapan atau putusan pengadilan itu.",
    step=Step.LEGAL,
    to=HOLDER,
)
class HoldLifted(HoldFacts, frozen=True, kw_only=True, tag="case.HoldLifted"):
    """That hold ended, by two people; others stay, if there are any. `on_order`: on that order of a court."""

    holder: Coordination[AgencyCode]
    holder_kind: Coordination[AgencyKind]
    ended_by: Coordination[HoldEnd]
    rule: Coordination[Short]
    on_order: Coordination[DocumentId | None] = None


@happened(
    Words("Larangan pemusnahan gugur", "Hold fell"),
    her=Words("Satu larangan menghapus data Anda tidak berlaku lagi", "A reason to keep your data is gone"),
    means="Kepolisian, kejaksaan, atau pengadilan menolak rujukan yang menjadi dasarnya, tidak mencatat apa pun "
    "dalam kasus ini, dan tidak menanganinya karena hal lain: larangan itu berakhir dengan sendirinya; yang lain, bila "
    "ada, tetap berlaku.",
    step=Step.LEGAL,
    to=HOLDER,
)
class HoldFell(HoldFacts, frozen=True, kw_only=True, tag="case.HoldFell"):
    """Police, prosecution or court rejected the referral of which it began, wrote nothing in the case, and have it for
    no other reason: that hold ended by itself; others stay, if there are any."""

    holder: Coordination[AgencyCode]
    holder_kind: Coordination[AgencyKind]
    referral: Coordination[ReferralId]
    """The one that they rejected, which says why."""


# What can be asked ---------------------------------------------------------------------------------------------

HOLD = Thing(
    "hold",
    Words("larangan pemusnahan", "hold"),
    find=lambda case, id: case.holds.get(id),
    whose={
        R.HOLDER: lambda hold, case: hold.held_by(case)[0],
        R.HOLDING_OFFICE: lambda hold, case: _office(*hold.held_by(case)),
        R.LEAD: lambda hold, case: case.lead,
    },
    known_to=frozenset({R.HOLDER, R.LEAD}),
    since=Since(Words("larangan itu ditetapkan", "the hold was placed"), lambda hold: hold.placed_at),
)
ORDER = Thing(
    "court order",
    Words(
        "penetapan atau putusan pengadilan, yang dilampirkan kejaksaan atau pengadilan sendiri sejak larangan itu "
        "ditetapkan",
        "court's order, which a prosecution or court attached itself since the hold was placed",
    ),
    find=lambda case, id: case.of(CourtOrders).ordered_at.get(id),
    whose={},
    since=Since(
        Words("penetapan atau putusan itu dilampirkan", "that order was attached"), lambda attached_at: attached_at
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
ORDERED = LEADS_ALSO_ENDED.to(HOLD, by="hold").to(ORDER, by="on_order")


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
    """End a hold, whoever holds it, on a court's order that was attached since the hold was placed: an older one says
    nothing of it. Where no court takes part, the order is served on the holder, who lifts the hold."""

    on_order: Coordination[DocumentId]
    rule: Coordination[Short]
    """The order, by its number."""


# What is remembered --------------------------------------------------------------------------------------------


class Reports(Part, frozen=True):
    """Referrals of which the proceedings' hold began, or with which it ended: none begins another."""

    reports: frozenset[ReferralId] = frozenset()


@applies(HoldPlaced)
def hold_placed(case: Case, event: HoldPlaced, recorded_at: datetime) -> Case:
    of = (event.hold_kind, event.holder, event.holder_kind, event.of_proceedings)
    hold = Hold(event.hold, event.occurred_at, *of, recorded_at=recorded_at)
    after = replace(case.using(hold.id), holds=put(case.holds, hold.id, hold))
    return _reported_to(after, event.holder) if event.of_proceedings else after


@applies(HoldPassed)
def hold_passed(case: Case, event: HoldPassed) -> Case:
    went_on = event.holder == case.referrals[event.referral].recipient
    to = {"kind": event.hold_kind, "holder": event.holder, "holder_kind": event.holder_kind}
    passed = replace(case.holds[event.hold], **to, passed_by=event.referral if went_on else None)
    return _reported_to(replace(case, holds=put(case.holds, event.hold, passed)), event.holder)


@applies(HoldLifted, HoldFell)
def hold_lifted(case: Case, event: HoldLifted | HoldFell) -> Case:
    ends = case.holds[event.hold]
    after = replace(case, holds={id: hold for id, hold in case.holds.items() if id != event.hold})
    return _reported_to(after, event.holder) if ends.of_proceedings else after


def _reported_to(case: Case, agency: AgencyCode) -> Case:
    theirs = {r.id for r in case.referrals.values() if r.recipient == agency and r.status in RECEIVED}
    part = case.of(Reports)
    return case.with_part(replace(part, reports=part.reports | theirs))


# What is decided -----------------------------------------------------------------------------------------------


@decides.register
def place_hold(command: PlaceLegalHold, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    """Beside those that stand: each belongs to who placed it."""
    fresh(case.used_ids, command.hold)
    fresh(case.holds, command.hold)
    return [recorded(HoldPlaced, command, act, holder=act.agency, holder_kind=act.kind)]


@decides.register
def lift_hold(command: LiftLegalHold, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    hold = case.holds[command.hold]
    is_before_them = hold.of_proceedings and _is_before(case, hold.held_by(case)[0])
    ends = STAGES if is_before_them else frozenset(E) - {E.COURT_ORDER}
    if command.ended_by not in ends:
        raise Invalid(field="ended_by", must=f"be {' or '.join(sorted(ends))}")
    return [recorded(HoldLifted, command, act, **_holder(case, command.hold))]


@decides.register
def lift_on_order(command: LiftHoldOnOrder, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    hold = case.holds[command.hold]
    if case.of(CourtOrders).ordered_at[command.on_order] < max(hold.placed_at, hold.recorded_at or hold.placed_at):
        raise Invalid(field="on_order", must="have been attached since the hold was placed")
    return [recorded(HoldLifted, command, act, ended_by=E.COURT_ORDER, **_holder(case, command.hold))]


@follows
def hold_of_the_proceedings(before: Case | None, after: Case, change: Fact, act: Act) -> Iterable[Fact]:
    """While a case is before police, prosecution or court, nothing of it is destroyed: their hold begins with the
    report that they received, and passes on with the case."""
    if after.lead_kind in PROCEEDINGS and (before is None or before.lead != after.lead):
        yield from _placed(after, after.lead, after.lead_kind, derived(FIRST, after.lead), act)
    if before is None:
        return
    if isinstance(change, ReferralMove) and change.referral in after.referrals:
        yield from _moved(before, after, change, act)
    for stopped in stop_uncovered(before, after, change, act):
        if isinstance(stopped, ReferralMove) and LEADS_TO[type(stopped)] in TAKEN_BACK:
            yield from _moved(before, after, stopped, act)


def _moved(before: Case, after: Case, move: ReferralMove, act: Act) -> Iterable[Fact]:
    """What becomes of their holds as a referral moves."""
    referral = after.referrals[move.referral]
    status = LEADS_TO.get(type(move), referral.status)
    ours = [hold for hold in after.holds.values() if hold.of_proceedings]
    if status in TAKEN_BACK:
        passed = [hold for hold in ours if hold.passed_by == referral.id]
        yield from (_passed_to(hold, referral, referral.sender, referral.sender_kind, act) for hold in passed)
        if passed:
            return
    if status is S.REJECTED:
        words = before.words.get(referral.recipient, NOTHING) - {Compartment.COORDINATION}
        if not words and not _is_before(after, referral.recipient):
            yield from (_fallen(hold, referral, act) for hold in ours if hold.holder == referral.recipient)
    elif _is_new_report(before, referral):
        passing = [hold for hold in ours if _passes(hold, referral)]
        if status in TAKEN:
            to = (referral.recipient, referral.recipient_kind)
            yield from (_passed_to(hold, referral, *to, act) for hold in passing)
        if not passing:
            yield from _placed(after, referral.recipient, referral.recipient_kind, derived(referral.id, "hold"), act)


def _is_new_report(before: Case, referral: Referral) -> bool:
    """Whether police, prosecution or court have a referral by now of which no hold of theirs is known yet."""
    if referral.recipient_kind not in PROCEEDINGS or referral.id in before.of(Reports).reports:
        return False
    was = before.referrals.get(referral.id)
    return referral.status in RECEIVED or (was is not None and was.status in RECEIVED)


def _is_before(case: Case, agency: AgencyCode) -> bool:
    """Whether police, prosecution or court have, or had, the case: they lead or led, or received a referral that they
    did not reject. What is taken back later stays received."""
    received = (r for r in case.referrals.values() if r.recipient == agency and r.answered_at is not None)
    return agency in {case.lead, *case.former_leads} or any(r.status is not S.REJECTED for r in received)


def _passes(hold: Hold, by: Referral) -> bool:
    return hold.holder == by.sender != by.recipient and by.recipient_kind is AgencyKind.JUSTICE


def _passed_to(hold: Hold, by: Referral, holder: AgencyCode, kind: AgencyKind, act: Act) -> HoldPassed:
    of: dict[str, Any] = {"holder": holder, "holder_kind": kind, "hold_kind": _kind_at(kind)}
    return HoldPassed(occurred_at=act.at, hold=hold.id, referral=by.id, **of)


def _fallen(hold: Hold, by: Referral, act: Act) -> HoldFell:
    of: dict[str, Any] = {"holder": by.recipient, "holder_kind": by.recipient_kind}
    return HoldFell(occurred_at=act.at, hold=hold.id, referral=by.id, **of)


def _kind_at(kind: AgencyKind) -> HoldKind:
    return HoldKind.INVESTIGATION if kind is AgencyKind.POLICE else HoldKind.TRIAL


def _placed(case: Case, agency: AgencyCode, kind: AgencyKind, id: UUID, act: Act) -> Iterable[HoldPlaced]:
    """The hold that the proceedings place at an agency, once."""
    if any(hold.of_proceedings and hold.holder == agency for hold in case.holds.values()):
        return
    while id in case.used_ids:
        id = derived(id, "again")
    yield HoldPlaced(
        occurred_at=act.at,
        hold=HoldId(id),
        hold_kind=_kind_at(kind),
        holder=agency,
        holder_kind=kind,
        of_proceedings=True,
    )


def _office(agency: AgencyCode, kind: AgencyKind) -> AgencyCode | None:
    return agency if kind in PROCEEDINGS else None


def _holder(case: Case, id: HoldId) -> dict[str, Any]:
    holder, kind = case.holds[id].held_by(case)
    return {"holder": holder, "holder_kind": kind}


name_fields(
    hold=field("Larangan pemusnahan", "Hold"),
    hold_kind=field("Jenis larangan pemusnahan", "Kind of hold", ("Untuk apa", "For what")),
    holder=field("Pemegang larangan", "Holder", ("Untuk kepentingan", "On behalf of")),
    holder_kind=field("Jenis pemegang", "Kind of holder"),
    of_proceedings=field("Ditetapkan oleh proses hukum", "Placed by the proceedings"),
    ended_by=field("Berakhir karena", "Ended by", ("Berakhir karena", "Why it ended")),
    on_order=field("Penetapan atau putusan pengadilan", "Court's order"),
)
