"""How a command becomes events: one function a command, found by the command's type.

A decider is pure: the same case, command, act and network give the same events. It raises a
`Refusal` when the rules do not allow the command; then nothing is recorded.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from functools import singledispatch
from uuid import UUID, uuid5

from ..agency_state import Agency
from ..fact import Act, AgencyCode, Fact
from ..refusal import AlreadyExists, CaseNotOpen, NotForThisAgency, RecipientUnavailable, Unknown
from .evolving import fold
from .state import Case, Status

Network = Mapping[AgencyCode, Agency]
"""The agencies as they are now, by code."""

Consequence = Callable[[Case, Case, Fact, Act], Iterable[Fact]]
"""(before, after, the first event of a decision, act) → further events of the same decision."""

CONSEQUENCES: list[Consequence] = []


def decide(command: Fact, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """The events that follow from a command; raises Refusal, and TypeError for what is no command."""
    events = decides(command, case, act, network)
    if case is None or not events:
        return events
    after = fold(events, case)
    assert after is not None
    return [*events, *(event for of in CONSEQUENCES for event in of(case, after, events[0], act))]


@singledispatch
def decides(command: Fact, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """What a subject decides of a command of its own; `@decides.register` in the subject's file."""
    raise TypeError(f"{type(command).__name__} is not a command of the case")


def follows(consequence: Consequence) -> Consequence:
    """The function says what else follows from a decision of another subject, from what it changed of the case."""
    CONSEQUENCES.append(consequence)
    return consequence


def require_known(case: Case | None, act: Act) -> Case:
    """The case, open or not, if this agency may know of it. Raises Unknown."""
    if case is None or not case.is_known_to(act.agency):
        raise Unknown(what="case")
    return case


def require_open(case: Case | None, act: Act) -> Case:
    """The case, if this agency may know of it and it is open. Raises Unknown, CaseNotOpen."""
    known = require_known(case, act)
    if known.status is not Status.OPEN:
        raise CaseNotOpen(status=known.status)
    return known


def require_lead(case: Case | None, act: Act) -> Case:
    """The open case that the acting agency leads. Raises Unknown, CaseNotOpen, NotForThisAgency."""
    found = require_open(case, act)
    if act.agency != found.lead:
        raise NotForThisAgency(needs="lead")
    return found


def require_lead_of_any(case: Case | None, act: Act) -> Case:
    """The case, open or ended, that the acting agency leads. Raises Unknown, NotForThisAgency."""
    found = require_known(case, act)
    if act.agency != found.lead:
        raise NotForThisAgency(needs="lead")
    return found


def require_participant(case: Case | None, act: Act) -> Case:
    """The open case in which the acting agency takes part: it leads, or has an open referral.
    Raises Unknown, CaseNotOpen, NotForThisAgency."""
    found = require_open(case, act)
    if not found.takes_part(act.agency):
        raise NotForThisAgency(needs="an open referral, or the lead")
    return found


def require_taking_part(agencies: Iterable[str], case: Case, act: Act) -> None:
    """Nobody may learn of a case by being named in it; and who does not lead names only itself and the lead, so
    that nobody can find out who else takes part."""
    if act.agency != case.lead:
        outside = [a for a in agencies if a not in (act.agency, case.lead)]
    else:
        outside = [a for a in agencies if not case.takes_part(a)]
    if outside:
        raise NotForThisAgency(needs="to take part in the case", agencies=outside)


def fresh(taken: Container[object], new: UUID) -> None:
    """Raises AlreadyExists where the id is taken."""
    if new in taken:
        raise AlreadyExists(id=new)


def active(network: Network, code: AgencyCode) -> Agency:
    """The agency, if it is registered and active. Raises RecipientUnavailable."""
    agency = network.get(code)
    if agency is None or not agency.active:
        raise RecipientUnavailable(agency=code)
    return agency


def derived(parent: UUID, name: str) -> UUID:
    """An id that follows from another, so that deciding needs no randomness (RFC 9562, version 5)."""
    return uuid5(parent, name)
