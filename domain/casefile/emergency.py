"""What bounds breaking the glass: how long, on which grounds, whose leave it takes to do it again."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from ..advised import LeaveNeeded
from ..codes import GlassVerdict, LegalBasis
from ..fact import ActorId, AgencyCode, GlassId
from ..judged import KnowsPeople
from ..refusal import GlassNotOpen
from .deciding import Network
from .state import EMPTY, Case, Glass, Part

HOUR = timedelta(hours=1)


class GlassRule(Struct, frozen=True):
    """How long a glass may stay broken, and on which grounds."""

    usual: timedelta
    longest: timedelta
    longest_because: str
    bases: frozenset[LegalBasis]
    bases_because: str


RULE = GlassRule(
    usual=HOUR,
    longest=4 * HOUR,
    longest_because="half a shift: time to bring somebody to safety and to ask for consent, or for an override that a"
    " supervisor decides; a danger that lasts longer is a new decision, with a reason of its own",
    bases=frozenset({LegalBasis.IMMINENT_DANGER, LegalBasis.CHILD_MANDATORY_REPORT}),
    bases_because="grounds on which a person must act before anybody can be asked; a court's order leaves the time for"
    " an override",
)


class Leaves(Part, frozen=True):
    """Who may open once more, though one of their openings was not justified, and until when."""

    until: Mapping[ActorId, datetime] = EMPTY


def misjudged(case: Case, person: ActorId, acts_for: AgencyCode, network: Network) -> bool:
    """Whether an opening of theirs in this case was not justified; or what they did past consent in any case, for
    whatever agency. (Verdicts of before stand with the agency alone, which is asked where they act for that.)"""
    here = any(g.actor == person and g.verdict is GlassVerdict.NOT_JUSTIFIED for g in case.glasses.values())
    agency = network.get(acts_for)
    if here or (agency is not None and agency.was_misjudged(person)):
        return True
    if isinstance(network, KnowsPeople):
        return network.was_misjudged(person)
    return any(other.was_misjudged(person) for other in network.values())


def require_leave(case: Case, person: ActorId, acts_for: AgencyCode, network: Network, at: datetime) -> None:
    """Raises AnotherPersonNeeded where it takes a second person's leave, and there is none."""
    until = case.of(Leaves).until.get(person)
    if misjudged(case, person, acts_for, network) and (until is None or at >= until):
        raise LeaveNeeded(ask="/cases/{case}/break-glass-leave").with_acts(("AskGlassLeave",))


def still_open(case: Case, id: GlassId, at: datetime) -> Glass:
    """The glass, if it lets its opener read at that time. Raises GlassNotOpen."""
    glass = case.glasses[id]
    if not glass.is_open(at):
        raise GlassNotOpen(glass=id, expires_at=glass.expires_at)
    return glass
