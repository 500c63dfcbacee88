"""Erasure: two people destroy a compartment, or a whole case, for good.

One asks and names the ground, another approves; both act for the lead. A legal hold stands against either step, so
that one who asks learns early and a hold placed in between still counts. Hold and erasure are decided on one stream:
the store refuses the later of two that cross.

- The whole case goes when no referral is open and nobody is asked to lead, as others still work with it; and when every
  emergency opening of it was judged, as nobody can judge it afterwards.
- `legal` goes with the whole case only: holds, orders and the grounds of erasures are written there.
- `retention ended` is a ground once the schedule says so.
"""

from collections.abc import Sequence

from .. import retention
from ..codes import ErasureBasis
from ..compartment import ALL, Compartment
from ..fact import Act, Fact, recorded
from ..refusal import (
    AlreadyExists,
    AnotherPersonNeeded,
    HoldStands,
    Invalid,
    NotDueYet,
    NotForThisAgency,
    OpenReferrals,
    Unknown,
)
from . import commands as c
from . import events as e
from .deciding import Network, decide, existing, fresh
from .state import Case, Erasure, words


@decide.register
def request_erasure(command: c.RequestErasure, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    now = _of_the_lead(case, act)
    fresh(now.noted, command.erasure)
    if bool(command.compartments) == command.whole:
        raise Invalid(field="compartments", must="be named, or the whole case; one of the two")
    what = ALL if command.whole else words(command.compartments)
    if not command.whole and what & {Compartment.COORDINATION, Compartment.LEGAL}:
        raise Invalid(field="compartments", must="leave coordination and legal, which go with the whole case only")
    if what <= now.erased:
        raise AlreadyExists(what="the erasure", compartments=[w.word for w in what])
    if now.erasure is not None:
        raise AlreadyExists(what="an undecided erasure", id=now.erasure.id)
    asked = Erasure(command.erasure, what, command.basis, act.actor, command.occurred_at)
    _may_go(now, asked, act)
    named = frozenset(w.word for w in what)
    return [recorded(e.ErasureRequested, command, act, compartments=named, asked_by=act.actor)]


@decide.register
def approve_erasure(command: c.ApproveErasure, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    now = _of_the_lead(case, act)
    asked = _asked(command, now)
    if asked.asked_by == act.actor:
        raise AnotherPersonNeeded()
    _may_go(now, asked, act)
    named = frozenset(w.word for w in asked.compartments)
    return [
        recorded(e.CaseErased, command, act, compartments=named, requested_by=asked.asked_by, approved_by=act.actor)
    ]


@decide.register
def refuse_erasure(command: c.RefuseErasure, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """Who asked may take it back: to keep things needs no second person."""
    _asked(command, _of_the_lead(case, act))
    return [recorded(e.ErasureRefused, command, act)]


def _of_the_lead(case: Case | None, act: Act) -> Case:
    """The case, open or ended, that the acting agency leads. Raises Unknown, NotForThisAgency."""
    now = existing(case, act)
    if act.agency != now.lead:
        raise NotForThisAgency(needs="lead")
    return now


def _asked(command: c.ApproveErasure | c.RefuseErasure, case: Case) -> Erasure:
    if case.erasure is None or case.erasure.id != command.erasure:
        raise Unknown(what="erasure")
    return case.erasure


def _may_go(case: Case, asked: Erasure, act: Act) -> None:
    """Raises HoldStands, OpenReferrals, Invalid, NotDueYet."""
    if case.on_hold:
        raise HoldStands(holds=1)
    if Compartment.COORDINATION in asked.compartments:
        still = [r.id for r in case.referrals.values() if r.status.is_open]
        if still:
            raise OpenReferrals(referrals=still)
        if case.transfer is not None:
            raise Invalid(field="transfer", must="be answered before the case is erased")
        if any(glass.verdict is None for glass in case.glasses.values()):
            raise Invalid(field="glasses", must="be judged before the case is erased")
    if asked.basis is ErasureBasis.RETENTION_ENDED:
        due = retention.CURRENT.due(case)
        if due is None or act.at < due:
            raise NotDueYet(due=due)
