"""How events change a case: one function an event, named after it, in the file of its subject."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar, get_type_hints

from msgspec.structs import replace

from ..declaring import event_type
from ..fact import Fact
from ..persistent import put
from .state import Case, Part

S = TypeVar("S", bound=Case | Part)
E = TypeVar("E", bound=Fact)
Evolver = Callable[[S, E], S]

_BEGINNING: dict[type[Fact], Callable[[Any], Case]] = {}
_EVOLVERS: dict[type[Fact], tuple[type[Case] | type[Part], Callable[[Any, Any], Any]]] = {}


def begins(event: type[E]) -> Callable[[Callable[[E], Case]], Callable[[E], Case]]:
    """The function makes a case of this event, the first of its stream."""

    def declare(function: Callable[[E], Case]) -> Callable[[E], Case]:
        _BEGINNING[event] = function
        return function

    return declare


def applies(*events: type[E]) -> Callable[[Evolver[S, E]], Evolver[S, E]]:
    """The function says what these events change: of the case where it takes the case, of its subject's part where it
    takes that. Raises TypeError where an event has one already."""

    def declare(function: Evolver[S, E]) -> Evolver[S, E]:
        of = next(iter(get_type_hints(function).values()))
        for event in events:
            if event in _EVOLVERS:
                raise TypeError(f"what {event.__name__} changes is said already")
            _EVOLVERS[event] = of, function
        return function

    return declare


def evolve(case: Case | None, event: Fact) -> Case:
    """The state after one more event; most change nothing that a rule depends on.
    Raises ValueError where a stream does not begin with CaseOpened."""
    if case is None:
        begin = _BEGINNING.get(event_type(type(event)))
        if begin is None:
            raise ValueError(f"a case begins with CaseOpened, not {type(event).__name__}")
        return begin(event)
    evolver = _EVOLVERS.get(event_type(type(event)))
    if evolver is None:
        return replace(case, version=case.version + 1)
    of, function = evolver
    if issubclass(of, Part):
        return replace(case, parts=put(case.parts, of, function(case.of(of), event)), version=case.version + 1)
    after: Case = function(case, event)
    if after.lead != case.lead and after.parts:
        after = replace(after, parts={of: part for of, part in after.parts.items() if not of.ends_with_lead})
    return replace(after, version=case.version + 1)


def fold(events: Iterable[Fact], case: Case | None = None) -> Case | None:
    """The state after these events; None before the first."""
    for event in events:
        case = evolve(case, event)
    return case
