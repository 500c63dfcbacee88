"""The entries of a case's record that can be struck, by their numbers: what stands there, and what striking it undoes.

The number of an entry is that of the event in the case's own stream, as timeline, messages and report show it. An
event says of itself that it can be struck, and by which command (`struck_by`); a subject whose rules remember something
of it says how that is taken back (`@undoes`). What follows on clocks of one act is known by the act: the same author,
recorded at the same time, the entry first.
"""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from ..compartment import Compartment
from ..declaring import declared, event_type
from ..fact import AgencyCode, Fact
from ..persistent import put
from .entry import Entry
from .state import Case

Undo = Callable[[Case, UUID], Case]
"""(case, the id that the entry made) → the case without what that changed."""

_UNDO: dict[str, Undo] = {}


def undoes(event: type[Fact]) -> Callable[[Undo], Undo]:
    """The function takes back what an entry of this kind changed of what the rules remember. Raises TypeError where
    that is said already."""

    def declare(function: Undo) -> Undo:
        if _topic(event) in _UNDO:
            raise TypeError(f"what striking {event.__name__} undoes is said already")
        _UNDO[_topic(event)] = function
        return function

    return declare


def remember(
    before: Case | None, case: Case, event: Fact, author: AgencyCode, has: frozenset[Compartment], at: datetime
) -> Case:
    """The case after one more event, which remembers it as an entry where it can be struck, and which clocks started
    and ended by the act of the last entry. `at` is when it was recorded."""
    said = declared(event)
    if struck_by := said.struck_by:
        has = frozenset({Compartment.COORDINATION}) if said.says_in_clear else has
        entry = Entry(_topic(type(event)), struck_by, author, has, event.occurred_at, at, _made(event))
        return replace(case, entries=put(case.entries, case.version, entry), last_entry=case.version)
    clock = getattr(event, "clock", None)
    last = case.entries.get(case.last_entry)
    if clock is None or before is None or last is None or clock not in case.clocks:
        return case
    if (last.author, last.recorded_at) != (author, at):
        return case
    was = before.clocks.get(clock)
    if was is None:
        last = replace(last, started=(*last.started, clock))
    elif case.clocks[clock].is_over and not was.is_over:
        last = replace(last, ended=(*last.ended, clock))
    else:
        return case
    return replace(case, entries=put(case.entries, case.last_entry, last))


def strike(case: Case, number: int) -> Case:
    """The case in which that entry is struck."""
    entry = case.entries.get(number)
    if entry is None:
        return case
    undo = _UNDO.get(entry.topic)
    if undo is not None and entry.thing is not None:
        case = undo(case, entry.thing)
    return replace(case, entries=put(case.entries, number, replace(entry, struck=True)))


def is_struck_thing(case: Case, id: UUID) -> bool:
    """Whether the entry that made what has this id was struck."""
    return any(entry.struck and entry.thing == id for entry in case.entries.values())


def struck_in(event: Fact) -> int | None:
    """The number of the entry that an event strikes; None for one that strikes none."""
    found = getattr(event, declared(event).strikes, None)
    return found if isinstance(found, int) else None


def is_struck(case: Case, number: int) -> bool:
    """Whether the entry of that number was struck."""
    entry = case.entries.get(number)
    return entry is not None and entry.struck


def _made(event: Fact) -> UUID | None:
    """The first id that it names, which is of what it made."""
    values = (getattr(event, name) for name in event.__struct_fields__)
    return next((value for value in values if isinstance(value, UUID)), None)


def _topic(event: type[Fact]) -> str:
    return str(event_type(event).__struct_config__.tag)
