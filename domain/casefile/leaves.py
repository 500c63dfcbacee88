"""Who broke a glass that was judged not justified, and may break one again only as a second person allows it."""

from collections.abc import Mapping
from datetime import datetime

from ..codes import GlassVerdict
from ..fact import ActorId
from ..refusal import AnotherPersonNeeded
from .state import EMPTY, Case, Part


class Leaves(Part, frozen=True):
    """Who may open once more, though one of their openings was not justified, and until when."""

    until: Mapping[ActorId, datetime] = EMPTY


def misjudged(case: Case, person: ActorId) -> bool:
    """Whether an opening of theirs, for whatever agency, was not justified."""
    return any(g.actor == person and g.verdict is GlassVerdict.NOT_JUSTIFIED for g in case.glasses.values())


def require_leave(case: Case, person: ActorId, at: datetime) -> None:
    """Raises AnotherPersonNeeded where it takes a second person's leave, and there is none."""
    until = case.of(Leaves).until.get(person)
    if misjudged(case, person) and (until is None or at >= until):
        raise AnotherPersonNeeded(ask="/cases/{case}/break-glass-leave")
