"""How events change a case: one function an event, named after it, in the file of its subject."""

from collections.abc import Callable, Iterable
from datetime import datetime
from inspect import signature
from typing import Any, NamedTuple, Protocol, TypeVar, get_type_hints

from msgspec.structs import replace

from ..compartment import Compartment
from ..declaring import declared, event_type
from ..fact import AgencyCode, Fact, said_in
from ..persistent import put
from .entries import remember
from .state import NOTHING, Case, Part

S = TypeVar("S", bound=Case | Part)
E = TypeVar("E", bound=Fact)
Evolver = Callable[..., S]
"""(before, event) → after. Where it matters whose word it is, or when it was recorded, which may be long after it
happened, the function names `author`, or `recorded_at`, too."""


class Entry(Protocol):
    """An event as it stands in the log, or will."""

    @property
    def event(self) -> Fact: ...

    @property
    def author(self) -> AgencyCode: ...

    @property
    def compartments_present(self) -> frozenset[Compartment]: ...

    @property
    def at(self) -> datetime | None: ...


class Said(NamedTuple):
    """An event that was decided, as it will stand in the log."""

    event: Fact
    author: AgencyCode
    compartments_present: frozenset[Compartment]
    at: datetime | None = None
    """When it is recorded; None where nobody says: when it happened."""


def said(events: Iterable[Fact], author: AgencyCode, at: datetime | None = None) -> list[Said]:
    """Events that an agency's act led to, at that time."""
    return [Said(event, author, said_in(event), at) for event in events]


_BEGINNING: dict[type[Fact], Callable[[Any], Case]] = {}
_EVOLVERS: dict[type[Fact], tuple[type[Case] | type[Part], tuple[str, ...], Callable[..., Any]]] = {}
"""Event → what it changes, what matters beside it, and how."""


def begins(event: type[E]) -> Callable[[Callable[[E], Case]], Callable[[E], Case]]:
    """The function makes a case of this event, the first of its stream."""

    def declare(function: Callable[[E], Case]) -> Callable[[E], Case]:
        _BEGINNING[event] = function
        return function

    return declare


def applies(*events: type[Fact]) -> Callable[[Evolver[S]], Evolver[S]]:
    """The function says what these events change: of the case where it takes the case, of its subject's part where it
    takes that. Raises TypeError where an event has one already."""

    def declare(function: Evolver[S]) -> Evolver[S]:
        of = next(iter(get_type_hints(function).values()))
        beside = tuple(name for name in signature(function).parameters if name in ("author", "recorded_at"))
        for event in events:
            if event in _EVOLVERS:
                raise TypeError(f"what {event.__name__} changes is said already")
            _EVOLVERS[event] = of, beside, function
        return function

    return declare


def take(case: Case | None, entry: Entry) -> Case:
    """The state after one more event of the log: whose it is, and in which compartments it says something, is known.
    Raises as `evolve` does."""
    after, author = evolve(case, entry.event, entry.author, entry.at), entry.author
    about = declared(entry.event).about
    has = entry.compartments_present if about is None else entry.compartments_present | about(entry.event)
    after = remember(case, after, entry.event, author, has, entry.at or entry.event.occurred_at)
    known = after.words.get(author, NOTHING)
    return after if has <= known else replace(after, words=put(after.words, author, known | has))


def evolve(case: Case | None, event: Fact, author: AgencyCode | None = None, at: datetime | None = None) -> Case:
    """The state after one more event, by whoever wrote it; most change nothing that a rule depends on. `at` is when it
    was recorded; where nobody says, when it happened. No event is refused, whatever time it says.
    Raises ValueError where a stream does not begin with CaseOpened."""
    if case is None:
        begin = _BEGINNING.get(event_type(type(event)))
        if begin is None:
            raise ValueError(f"a case begins with CaseOpened, not {type(event).__name__}")
        return begin(event)
    evolver = _EVOLVERS.get(event_type(type(event)))
    if evolver is None:
        return replace(case, version=case.version + 1)
    of, beside, function = evolver
    handed: dict[str, Any] = {}
    if beside:
        known = {"author": author, "recorded_at": at or event.occurred_at}
        handed = {name: known[name] for name in beside}
    if issubclass(of, Part):
        return replace(
            case, parts=put(case.parts, of, function(case.of(of), event, **handed)), version=case.version + 1
        )
    after: Case = function(case, event, **handed)
    if after.lead != case.lead and after.parts:
        after = replace(after, parts={of: part for of, part in after.parts.items() if not of.ends_with_lead})
    return replace(after, version=case.version + 1)


def fold(events: Iterable[Fact], case: Case | None = None, at: datetime | None = None) -> Case | None:
    """The state after these events, of which it is not known who wrote them; None before the first. `at` is when all of
    them were recorded."""
    for event in events:
        case = evolve(case, event, at=at)
    return case


def fold_log(entries: Iterable[Entry], case: Case | None = None) -> Case | None:
    """The state after these events of the log; None before the first."""
    for entry in entries:
        case = take(case, entry)
    return case
