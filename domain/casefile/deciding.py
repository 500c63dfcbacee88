"""How a command becomes events: one function a command, found by the command's type.

A decider is pure: the same case, command, act and network give the same events. It raises a
`Refusal` when the rules do not allow the command; then nothing is recorded.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from functools import singledispatch
from uuid import UUID, uuid5

from ..agency_state import Agency
from ..codes import AgencyKind
from ..fact import Act, AgencyCode, Fact
from ..named import require_known
from ..refusal import AlreadyExists, Invalid, RecipientUnavailable, Unknown
from ..standing.rule import is_excluded, standing
from ..timing import at_the_latest_now, require_cause
from ..words import Words
from .evolving import fold_log, said
from .state import Case

Network = Mapping[AgencyCode, Agency]
"""The agencies as they are now, by code."""

Consequence = Callable[[Case | None, Case, Fact, Act], Iterable[Fact]]
"""(before, after, the first event of a decision, act) → further events of the same decision. There is no case before
the first."""

CONSEQUENCES: list[Consequence] = []
CONSEQUENCES_OF_ALL: list[Consequence] = []


def decide(command: Fact, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """The events that follow from a command; raises Refusal, and TypeError for what is no command.

    The table of standing is asked first: a decider meets no act that it has no row for, and a case where its row names
    a relation to one; then, whether the agencies that the command names are there. What is said to have happened before
    its cause is refused last."""
    standing(command, case, act)
    require_known(command, network)
    command = at_the_latest_now(command, act)
    if case is not None and is_excluded(case, act):  # the row asks for no relation: then there is no case, either
        decides(command, None, act, network)
        raise Unknown(what="case")
    events = decides(command, case, act, network)
    require_cause(command, case, act)
    return followed(events, case, act) if events else events


def followed(events: Sequence[Fact], case: Case | None, act: Act) -> Sequence[Fact]:
    """These events of a decision, what else follows from the first of them, and what from all of that."""
    after = fold_log(said(events, act.agency, act.at), case)
    assert after is not None
    more = [event for of in CONSEQUENCES for event in of(case, after, events[0], act)]
    if more:
        after = fold_log(said(more, act.agency, act.at), after)
        assert after is not None
    last = [event for of in CONSEQUENCES_OF_ALL for event in of(case, after, events[0], act)]
    return [*events, *more, *last]


@singledispatch
def decides(command: Fact, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """What a subject decides of a command of its own; `@decides.register` in the subject's file."""
    raise TypeError(f"{type(command).__name__} is not a command of the case")


def follows(consequence: Consequence) -> Consequence:
    """The function says what else follows from a decision of another subject, from what it changed of the case."""
    CONSEQUENCES.append(consequence)
    return consequence


def follows_all(consequence: Consequence) -> Consequence:
    """The function says what else follows from a decision and all that followed from it."""
    CONSEQUENCES_OF_ALL.append(consequence)
    return consequence


def fresh(taken: Container[object], new: UUID) -> None:
    """Raises AlreadyExists where the id is taken."""
    if new in taken:
        raise AlreadyExists(id=new)


def another(code: AgencyCode, act: Act, field: str) -> None:
    """Raises Invalid where an agency names itself."""
    if code == act.agency:
        raise Invalid(field=field, must=Words("harus instansi lain", "be another agency"))


def active(network: Network, code: AgencyCode) -> Agency:
    """The agency, if it is registered and active. Raises RecipientUnavailable."""
    agency = network.get(code)
    if agency is None or not agency.active:
        raise RecipientUnavailable(agency=code)
    return agency


def kind_of(recipient: str, network: Network) -> AgencyKind | None:
    """What kind of agency a recipient is, named itself or by its kind; None for one that is not known."""
    if recipient.startswith("kind:"):
        return AgencyKind.of(recipient.removeprefix("kind:"))
    agency = network.get(recipient)
    return agency.kind if agency is not None else None


def derived(parent: UUID, name: str) -> UUID:
    """An id that follows from another, so that deciding needs no randomness (RFC 9562, version 5)."""
    return uuid5(parent, name)
