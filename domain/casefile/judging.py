"""What one person did alone, as it could not wait, and another person judges within a time: an opening in an emergency,
and sharing on a ground. The lead's verdict is the last word.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from ..codes import GlassVerdict
from ..fact import ActorId
from ..refusal import AlreadyDone, NotByTheSamePerson, NotForThisAgency, StillRunning, WrongMove
from ..standing.relations import Relation
from ..standing.roles import REVIEW
from ..words import Words
from .deciding import Network
from .state import Case, Glass
from .waiting import waits

WITHIN = timedelta(days=3)
WITHIN_BECAUSE = (
    "UU 27/2022 art. 46: a failure to protect personal data is told within 3 x 24 hours; what turns out to be one must"
    " be known by then"
)
HIGHEST_REMINDER = 3
"""How often it is raised that nobody judged it."""


class DoneAlone(Protocol):
    """What one person did alone."""

    @property
    def review_due_at(self) -> datetime | None:
        """None for what nobody has to judge: two people decided it."""
        ...

    @property
    def verdict(self) -> GlassVerdict | None: ...

    @property
    def overdue(self) -> int:
        """How often it was raised."""
        ...


def is_settled(verdict: GlassVerdict | None) -> bool:
    """Whether it was judged: an inquiry is a verdict for the time being."""
    return verdict not in (None, GlassVerdict.NEEDS_INQUIRY)


def due_at(done: DoneAlone) -> datetime | None:
    """When the time to judge it runs out, once more after each time that this was raised."""
    return done.review_due_at + done.overdue * WITHIN if done.review_due_at is not None else None


def next_reminder(done: DoneAlone, at: datetime, **which: UUID) -> int:
    """The level at which it is raised that nobody judged it: each time that the time passes again, one more. `which`
    names it in what is refused.
    Raises WrongMove where it was judged, or raised as often as it ever is; StillRunning."""
    due = due_at(done)
    if due is None or done.verdict is not None or done.overdue >= HIGHEST_REMINDER:
        raise WrongMove(**which, move="raise")
    if at < due:
        raise StillRunning(due_at=due)
    return done.overdue + 1


@waits(
    "glasses",
    Words("akses darurat yang belum dinilai", "emergency openings that nobody judged"),
    Words("Orang lain menilai setiap akses darurat itu.", "Another person judges each emergency opening."),
    "ReviewGlass",
)
def not_judged(case: Case, at: datetime) -> Iterable[UUID]:
    return (glass.id for glass in case.glasses.values() if not is_settled(glass.verdict))


def require_last_word(glass: Glass, case: Case, mine: frozenset[Relation], person: ActorId, network: Network) -> None:
    """Raises AlreadyDone, NotForThisAgency, NotByTheSamePerson for who has no word over the verdict that stands."""
    if glass.verdict is None or glass.reviewer is None:
        return
    of_the_lead = network[case.lead].has_member(glass.reviewer, REVIEW)
    is_final = is_settled(glass.verdict)
    if is_final and (of_the_lead or Relation.LEAD not in mine):
        raise AlreadyDone(glass=glass.id, verdict=glass.verdict)
    if of_the_lead and Relation.LEAD not in mine:
        raise NotForThisAgency(needs="lead")
    if is_final and person == glass.reviewer:
        raise NotByTheSamePerson(glass=glass.id)
