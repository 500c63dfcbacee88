"""Breaking the glass: in an emergency a person opens what consent does not cover. At once, for a short time, for
named compartments, seen by the lead and by their own agency, and reviewed by somebody else.

The only thing asked of an agency's relation to the case is that it knows the case's id. That is acceptable:
an id is 122 random bits (RFC 9562, version 4), made by the service and told to those who know the case, so who
has one was told of the case by somebody who knew it; and who uses one is named to the lead at once. What is
refused is refused before the case is looked at, so that a refused attempt never tells whether there is one.
"""

from collections.abc import Sequence
from datetime import timedelta

from msgspec import Struct

from ..codes import GlassVerdict, LegalBasis, Role
from ..compartment import Compartment
from ..fact import Act, AgencyCode, Fact, GlassId, recorded
from ..refusal import (
    AgencyInactive,
    AlreadyExists,
    GlassNotOpen,
    Invalid,
    NotByTheSamePerson,
    NotForThisRole,
    StillRunning,
    Unknown,
    WrongMove,
)
from . import commands as c
from . import events as e
from .deciding import Network, decide
from .state import Case, Glass, words

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class GlassRule(Struct, frozen=True):
    """How long a glass may stay broken, on which grounds, and by when it is to be reviewed."""

    usual: timedelta
    longest: timedelta
    longest_because: str
    review: timedelta
    review_because: str
    bases: frozenset[LegalBasis]
    bases_because: str


RULE = GlassRule(
    usual=HOUR,
    longest=4 * HOUR,
    longest_because="half a shift: time to bring somebody to safety and to ask for consent, or for an override that a"
    " supervisor decides; a danger that lasts longer is a new decision, with a reason of its own",
    review=3 * DAY,
    review_because="UU 27/2022 art. 46: a failure to protect personal data is told within 3 x 24 hours; what turns out"
    " to be one must be known by then",
    bases=frozenset({LegalBasis.IMMINENT_DANGER, LegalBasis.CHILD_MANDATORY_REPORT}),
    bases_because="grounds on which a person must act before anybody can be asked; a court's order leaves the time for"
    " an override",
)

OPENERS = frozenset({Role.CASE_WORKER, Role.SUPERVISOR})
REVIEWERS = frozenset({Role.SUPERVISOR, Role.DATA_PROTECTION_OFFICER})
HIGHEST_REMINDER = 3


@decide.register
def break_glass(command: c.BreakGlass, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    lasts = _allowed(command, act, network)
    broken = recorded(
        e.GlassBroken,
        command,
        act,
        agency=act.agency,
        kind=act.kind,
        actor=act.actor,
        role=act.role,
        expires_at=act.at + lasts,
        review_due_at=act.at + RULE.review,
    )
    if case is None:
        raise Unknown(what="case")
    for glass in case.glasses.values():
        if glass.was_broken_by(act.agency, act.actor) and glass.is_open(act.at):
            raise AlreadyExists(glass=glass.id)
    if command.glass in case.glasses:
        raise AlreadyExists(id=command.glass) if _may_know(case, act.agency) else Unknown(what="case")
    return [broken]


@decide.register
def close_glass(command: c.CloseGlass, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    opened_by(case, command.glass, act)
    return [recorded(e.GlassClosed, command, act)]


@decide.register
def review_glass(command: c.ReviewGlass, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """An inquiry is a verdict for the time being; the others are the last word."""
    glass = reviewable(case, command.glass, act)
    if act.actor == glass.actor:
        raise NotByTheSamePerson(glass=glass.id)
    if glass.verdict not in (None, GlassVerdict.NEEDS_INQUIRY):
        raise AlreadyExists(glass=glass.id, verdict=glass.verdict)
    return [recorded(e.GlassReviewed, command, act, reviewer=act.actor)]


@decide.register
def raise_review(command: c.RaiseGlassReview, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """Each time the window passes again without a review, one level more."""
    if act.role is not Role.SYSTEM:
        raise NotForThisRole(needs=Role.SYSTEM)
    glass = case.glasses.get(command.glass) if case else None
    if glass is None:
        raise Unknown(what="glass")
    if glass.verdict is not None or glass.overdue >= HIGHEST_REMINDER:
        raise WrongMove(glass=glass.id, move="raise")
    due_at = glass.review_due_at + glass.overdue * RULE.review
    if act.at < due_at:
        raise StillRunning(due_at=due_at)
    return [recorded(e.GlassReviewOverdue, command, act, level=glass.overdue + 1)]


def opened_by(case: Case | None, id: GlassId, act: Act) -> Glass:
    """The glass, if this person broke it and it is still open. Raises Unknown, to everybody else; GlassNotOpen."""
    glass = case.glasses.get(id) if case else None
    if glass is None or not glass.was_broken_by(act.agency, act.actor):
        raise Unknown(what="glass")
    if not glass.is_open(act.at):
        raise GlassNotOpen(glass=id, expires_at=glass.expires_at)
    return glass


def reviewable(case: Case | None, id: GlassId, act: Act) -> Glass:
    """The glass, for a reviewer of the lead or of the agency for which it was broken.
    Raises NotForThisRole, Unknown."""
    if act.role not in REVIEWERS:
        raise NotForThisRole(needs=REVIEWERS)
    glass = case.glasses.get(id) if case else None
    if case is None or glass is None or act.agency not in (case.lead, glass.agency):
        raise Unknown(what="glass")
    return glass


def _allowed(command: c.BreakGlass, act: Act, network: Network) -> timedelta:
    """How long it lasts, if the person and what they say allow it; nothing here depends on the case.
    Raises NotForThisRole, AgencyInactive, Invalid."""
    agency = network.get(act.agency)
    if act.role not in OPENERS:
        raise NotForThisRole(needs=OPENERS)
    if agency is None or not agency.active:
        raise AgencyInactive(agency=act.agency)
    if command.basis not in RULE.bases:
        raise Invalid(field="basis", must=f"be one of {', '.join(sorted(RULE.bases))}")
    if not words(command.compartments) - {Compartment.COORDINATION}:
        raise Invalid(field="compartments", must="name at least one beside coordination")
    lasts = RULE.usual if command.minutes is None else command.minutes * MINUTE
    if lasts > RULE.longest:
        raise Invalid(field="minutes", must=f"be {RULE.longest // MINUTE} at most")
    return lasts


def _may_know(case: Case, agency: AgencyCode) -> bool:
    return case.is_known_to(agency) or any(glass.agency == agency for glass in case.glasses.values())
