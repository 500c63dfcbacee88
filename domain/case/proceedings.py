"""The hold that the proceedings place by themselves: what is before police, prosecution or court is not destroyed.

It begins when they have received a referral, or come to lead. It passes on when its holder sends the case, for a legal
purpose and with what happened, to a prosecution or court that accepts it: what carries no report passes nothing on. It
comes back the same way, step by step, as those referrals are taken back: also over many. Where it is lifted there, or
lapses, whoever passed it on and works on the case still has one of its own again. It falls when they reject the
referral of which it began, wrote nothing in the case, and have it for no other reason. Else it ends when a stage ends
the proceedings, as all holds are lifted (holds.py).
"""

from collections.abc import Iterable, Sequence, Set
from datetime import datetime
from itertools import takewhile
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from ..casefile.deciding import derived, follows
from ..casefile.evolving import applies
from ..casefile.holding import (
    HELD_IT,
    RECEIVED,
    TAKEN,
    HoldFacts,
    HoldPlaced,
    Reports,
    came_from,
    is_before,
    reported_to,
    without_hold,
)
from ..casefile.moves import LEADS_TO, PARTIES, ReferralMove, stop_uncovered
from ..casefile.state import FIRST, NOTHING, Case, Hold, Referral
from ..codes import PROCEEDINGS, AgencyKind, HoldKind, Purpose, ReferralStatus
from ..compartment import Compartment, Coordination
from ..declaring import Step, happened
from ..fact import Act, AgencyCode, Fact, HoldId, ReferralId
from ..persistent import put
from ..words import Words

S = ReferralStatus

TAKEN_BACK = frozenset({S.REJECTED, S.CANCELLED})


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
    Words("Larangan pemusnahan gugur", "Hold fell"),
    her=Words("Satu larangan menghapus data Anda tidak berlaku lagi", "A reason to keep your data is gone"),
    means="Kepolisian, kejaksaan, atau pengadilan menolak rujukan yang menjadi dasarnya, tidak mencatat apa pun "
    "dalam kasus ini, dan tidak menanganinya karena hal lain: larangan itu berakhir dengan sendirinya; yang lain, bila "
    "ada, tetap berlaku.",
    step=Step.LEGAL,
    to=HELD_IT,
)
class HoldFell(HoldFacts, frozen=True, kw_only=True, tag="case.HoldFell"):
    """Police, prosecution or court rejected the referral of which it began, wrote nothing in the case, and have it for
    no other reason: that hold ended by itself; others stay, if there are any."""

    holder: Coordination[AgencyCode]
    holder_kind: Coordination[AgencyKind]
    referral: Coordination[ReferralId]
    """The one that they rejected, which says why."""


@applies(HoldPassed)
def hold_passed(case: Case, event: HoldPassed, recorded_at: datetime) -> Case:
    hold, went_on = case.holds[event.hold], event.holder == case.referrals[event.referral].recipient
    to = {"kind": event.hold_kind, "holder": event.holder, "holder_kind": event.holder_kind}
    before = tuple(takewhile(lambda step: step != event.referral, hold.passed_by))
    way = (*hold.passed_by, event.referral) if went_on else before
    passed = replace(hold, **to, passed_by=way, kept_at=recorded_at, lapses_at=None)
    return reported_to(replace(case, holds=put(case.holds, event.hold, passed)), event.holder)


@applies(HoldFell)
def hold_fell(case: Case, event: HoldFell) -> Case:
    return without_hold(case, event.hold)


@follows
def hold_of_the_proceedings(before: Case | None, after: Case, change: Fact, act: Act) -> Iterable[Fact]:
    """Their hold begins with the report that they received, and passes on with the case, and back."""
    if after.lead_kind in PROCEEDINGS and (before is None or before.lead != after.lead):
        yield from _placed(after, after.lead, after.lead_kind, derived(FIRST, after.lead), act)
    if before is None:
        return
    yield from _again(before, after, change, act)
    if isinstance(change, ReferralMove) and change.referral in after.referrals:
        yield from _moved(before, after, [change], act)
    stopped = (event for event in stop_uncovered(before, after, change, act) if isinstance(event, ReferralMove))
    yield from _moved(before, after, [move for move in stopped if LEADS_TO[type(move)] in TAKEN_BACK], act)


def _moved(before: Case, after: Case, moves: Sequence[ReferralMove], act: Act) -> Iterable[Fact]:
    """What becomes of their holds as referrals move, all of them at once."""
    ours = [hold for hold in after.holds.values() if hold.of_proceedings]
    to = {m.referral: LEADS_TO.get(type(m), after.referrals[m.referral].status) for m in moves}
    taken_back = {id for id, status in to.items() if status in TAKEN_BACK}
    for hold in ours:
        yield from _back(after, hold, taken_back, act)
    for id, status in to.items():
        if not any(id in hold.passed_by for hold in ours):
            yield from _came(before, after, after.referrals[id], status, act)


def _again(before: Case, after: Case, change: Fact, act: Act) -> Iterable[Fact]:
    """Its own hold, of whoever had passed on one that ended, and has the case still; not where it ended on a court's
    order, which binds them, too."""
    if before.holds is after.holds or getattr(change, "on_order", None) is not None:
        return
    had_it: dict[AgencyCode, AgencyKind] = {}
    for hold in (hold for id, hold in before.holds.items() if id not in after.holds and hold.of_proceedings):
        had_it |= came_from(before, hold)
    for agency, kind in had_it.items():
        open_there = [r for r in after.open_referrals_to(agency) if r.status in RECEIVED]
        if kind in PROCEEDINGS and (open_there or agency == after.lead):
            yield from _placed(after, agency, kind, derived(_of(open_there, agency), "again"), act)


def _of(reports: Sequence[Referral], agency: AgencyCode) -> UUID:
    return reports[0].id if reports else derived(FIRST, agency)


def _came(before: Case, after: Case, referral: Referral, status: S, act: Act) -> Iterable[Fact]:
    """What becomes of their holds by a referral with which none has passed on yet."""
    ours = [hold for hold in after.holds.values() if hold.of_proceedings]
    if status is S.REJECTED:
        words = before.words.get(referral.recipient, NOTHING) - {Compartment.COORDINATION}
        if not words and not is_before(after, referral.recipient):
            yield from (_fallen(hold, referral, act) for hold in ours if hold.holder == referral.recipient)
    elif _is_new_report(before, referral):
        passing = [hold for hold in ours if _passes(hold, referral)]
        if status in TAKEN:
            to = (referral.recipient, referral.recipient_kind)
            yield from (_passed_to(hold, referral, *to, act) for hold in passing)
        if not passing:
            yield from _placed(after, referral.recipient, referral.recipient_kind, derived(referral.id, "hold"), act)


def _back(case: Case, hold: Hold, taken_back: Set[ReferralId], act: Act) -> Iterable[HoldPassed]:
    """Step by step as far as it came by referrals that are taken back, now or before: each sender has it again, and the
    last of them keeps it. Where it went on from who is taken back from, it stays until that step is taken back, too."""
    if not taken_back & set(hold.passed_by):
        return
    for step in reversed(hold.passed_by):
        by = case.referrals[step]
        if step not in taken_back and by.status not in TAKEN_BACK:
            return
        yield _passed_to(hold, by, by.sender, by.sender_kind, act)


def _is_new_report(before: Case, referral: Referral) -> bool:
    """Whether police, prosecution or court have a referral by now of which no hold of theirs is known yet."""
    if referral.recipient_kind not in PROCEEDINGS or referral.id in before.of(Reports).reports:
        return False
    was = before.referrals.get(referral.id)
    return referral.status in RECEIVED or (was is not None and was.status in RECEIVED)


def _passes(hold: Hold, by: Referral) -> bool:
    is_report = by.purpose is Purpose.LEGAL and Compartment.INCIDENT in by.compartments
    return is_report and hold.holder == by.sender != by.recipient and by.recipient_kind is AgencyKind.JUSTICE


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
