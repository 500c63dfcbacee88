"""A case that does not open any more, as a record or a key of it is damaged, and how it is erased all the same.

A survivor may ask for that, and what was lost for good cannot be repaired first. To destroy keys nothing has to be
read: two people of the lead decide, as ever, by the same rules. What they ask and decide stands in the erasure's own
stream, which has a key of its own; who leads the case, and whether a hold stands, is said by what its records have in
clear. That is less than a whole case knows, so

- the whole case goes, and never a part of it;
- nobody can tell whether a retention has ended: that is no ground here;
- open referrals and openings that nobody judged keep nobody, as nobody could end or judge them.

The reasons that people give are not kept: they would outlive what is erased, of which they tell. What was asked for
while the case could not be read ends when it can be: then it is asked for again.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from .case import Network
from .case import decide as decide_case
from .case.erasure import (
    ApproveErasure,
    CaseErased,
    Erasing,
    Erasure,
    ErasureRefused,
    ErasureRequested,
    RefuseErasure,
    RequestErasure,
)
from .case.first_hold import LegalHoldLifted, LegalHoldPlaced
from .case.fulfilment import ReferralReceived
from .case.glass import GlassBroken
from .case.holds import HoldLifted
from .case.keeping import HoldLapsed
from .case.lead import LeadTransferAccepted
from .case.proceedings import HoldFell
from .casefile.holding import HoldPlaced
from .casefile.state import FIRST, Case, Hold, compartments_named
from .codes import PROCEEDINGS, AgeGroup, ErasureBasis, Urgency
from .compartment import ALL, Coordination
from .declaring import happened
from .erasure import ErasureRecorded, record
from .fact import Act, ActorId, AgencyCode, CaseId, ErasureId, Fact, recorded
from .refusal import Invalid
from .words import Words


@happened(Words("Penghapusan kasus rusak diminta", "Erasure of a damaged case asked for"))
class DamagedErasureAsked(Fact, frozen=True, kw_only=True, tag="erasure.DamagedErasureAsked"):
    """Somebody asks that a whole case be destroyed that cannot be read; another person decides."""

    erasure: Coordination[ErasureId]
    case: Coordination[CaseId]
    basis: Coordination[ErasureBasis]
    lead: Coordination[AgencyCode]
    asked_by: Coordination[ActorId]


@happened(Words("Penghapusan kasus rusak ditolak", "Erasure of a damaged case refused"))
class DamagedErasureRefused(Fact, frozen=True, kw_only=True, tag="erasure.DamagedErasureRefused"):
    """Nothing is destroyed: it was refused, or taken back."""

    erasure: Coordination[ErasureId]
    case: Coordination[CaseId]


class InClear(NamedTuple):
    """What a stored event says without being opened. `agency` acted; None where even that is damaged."""

    version: int
    topic: str
    agency: AgencyCode | None
    at: datetime | None = None
    """When it was recorded; None where even that is damaged."""


class Outline(Struct, frozen=True):
    """What is known of a case that does not open."""

    version: int
    """Of its last event."""
    lead: AgencyCode | None
    on_hold: bool
    opened_by: frozenset[AgencyCode]
    """Who broke a glass."""
    opened_at: datetime | None = None
    """When the first event that says so was recorded: the case was opened by then."""


def outline(rows: Sequence[InClear], network: Network) -> Outline | None:
    """None of what is no case. Who acted first leads, as others learn of a case by its lead; then who took the lead
    over. What police, prosecution or court received before their hold was an event is held, too."""
    if not rows or not rows[0].topic.startswith("case."):
        return None
    known = [row for row in rows if row.agency is not None and row.agency in network]
    took_over = [row for row in known if _is(row, LeadTransferAccepted)]
    lead = next((row.agency for row in (*reversed(took_over), *known)), None)
    placed = sum(_is(row, HoldPlaced) or _is(row, LegalHoldPlaced) for row in rows)
    if not placed:
        received = (row.agency for row in known if _is(row, ReferralReceived))
        placed = int(any(network[agency].kind in PROCEEDINGS for agency in received if agency is not None))
    held = placed - sum(
        any(_is(row, ended) for ended in (HoldLifted, HoldFell, HoldLapsed, LegalHoldLifted)) for row in rows
    )
    opened_by = frozenset(str(row.agency) for row in known if _is(row, GlassBroken))
    opened_at = next((row.at for row in rows if row.at is not None), None)
    return Outline(rows[-1].version, lead, held > 0, opened_by, opened_at)


def _is(row: InClear, event: type[Fact]) -> bool:
    return row.topic == event.__struct_config__.tag


class Wanted(Struct, frozen=True):
    """An erasure that was asked for on a stream of its own; `asked` is None once it was decided."""

    asked: DamagedErasureAsked | None
    version: int = 1


def fold(events: Iterable[Fact]) -> Wanted | None:
    """The erasure after these events of its stream; None before the first."""
    wanted: Wanted | None = None
    for event in events:
        asked = event if isinstance(event, DamagedErasureAsked) else None
        if wanted is None:
            wanted = Wanted(asked)
        else:
            decided = isinstance(event, DamagedErasureRefused | ErasureRecorded)
            wanted = replace(wanted, asked=None if decided else wanted.asked, version=wanted.version + 1)
    return wanted


def decide(
    command: RequestErasure | ApproveErasure | RefuseErasure,
    wanted: Wanted | None,
    case: CaseId,
    outline: Outline | None,
    told: Iterable[AgencyCode],
    act: Act,
    network: Network,
) -> Sequence[Fact]:
    """The events that follow, in the erasure's own stream: what would be decided of a whole case of which no more is
    known. `told` were told something of it, as the register says. Raises Refusal."""
    known = _as_known(outline, wanted, case, act, network) if outline is not None else None
    if known is not None and wanted is not None:
        known = known.using(command.erasure)
    said, *_ = decide_case(command, known, act, network)
    assert known is not None
    assert outline is not None
    match said:
        case ErasureRequested():
            if compartments_named(said.compartments) != ALL:
                raise Invalid(
                    field="whole",
                    must=Words(
                        "harus true: kasus yang catatannya rusak dihapus seutuhnya",
                        "be true: a case whose record is damaged goes as a whole",
                    ),
                )
            return [recorded(DamagedErasureAsked, said, act, case=case, lead=known.lead)]
        case CaseErased():
            return record(case, said, known, {*told, *outline.opened_by}, act, network)
        case ErasureRefused():
            return [recorded(DamagedErasureRefused, said, act, case=case)]
    raise AssertionError("unreachable")


def _as_known(outline: Outline, wanted: Wanted | None, id: CaseId, act: Act, network: Network) -> Case | None:
    """The case, as far as it is known, and no rule of erasure asks for more; none where nobody knows who leads it. What
    a lead asked for ends with it."""
    if outline.lead is None:
        return None
    known = Case(
        lead=outline.lead,
        lead_kind=network[outline.lead].kind,
        urgency=Urgency.ROUTINE,
        age_group=AgeGroup.ADULT,
        pathway="",
        version=outline.version,
        opened_at=outline.opened_at or act.at,
        holds={FIRST: Hold(FIRST, outline.opened_at or act.at)} if outline.on_hold else {},
    )
    asked = wanted.asked if wanted is not None else None
    if asked is None or asked.case != id or asked.lead != outline.lead:
        return known
    times = (asked.occurred_at, asked.occurred_at)
    return known.with_part(Erasing(Erasure(asked.erasure, ALL, asked.basis, asked.asked_by, *times)))


def end(erased: ErasureRecorded, act: Act) -> CaseErased:
    """The last event of the case, in the commit that erases it."""
    return recorded(CaseErased, erased, act)
