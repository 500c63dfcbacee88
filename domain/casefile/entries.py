"""The entries of a case's record that can be struck, by their numbers: what stands there, and what striking it undoes.

The number of an entry is that of the event in the case's own stream, as timeline, messages and report show it. An
event says of itself that it can be struck, and by which command (`struck_by`); a subject whose rules remember something
of it says how that is taken back (`@undoes`). What follows on clocks of one act is known by the act: the same author,
recorded at the same time, the entry first.

**Nothing that was struck meets a duty.** A clock that is over by an entry is known with it; so is each entry that meets
it as well (`@meets`). Once none of these stands, it runs again (`met_by_nothing`).
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from ..clock_codes import ClockEnd
from ..compartment import Compartment
from ..declaring import declared, event_type
from ..fact import AgencyCode, ClockId, DocumentId, Fact
from ..persistent import put
from .attaching import Documents
from .entry import Entry
from .state import Case, Clock

Undo = Callable[[Case, UUID], Case]
"""(case, the id that the entry made) → the case without what that changed."""

Meets = Callable[[Case, Any, AgencyCode, datetime], Iterable[ClockId]]
"""(the case with that event, it, its author, when it was recorded) → the clocks that it meets by what it says, those
too that another had met."""

_UNDO: dict[str, Undo] = {}
_MEETS: dict[str, Meets] = {}


def undoes(event: type[Fact]) -> Callable[[Undo], Undo]:
    """The function takes back what an entry of this kind changed of what the rules remember. Raises TypeError where
    that is said already."""

    def declare(function: Undo) -> Undo:
        if _topic(event) in _UNDO:
            raise TypeError(f"what striking {event.__name__} undoes is said already")
        _UNDO[_topic(event)] = function
        return function

    return declare


def meets(event: type[Fact]) -> Callable[[Meets], Meets]:
    """The function says which clocks an entry of this kind meets. Raises TypeError where that is said already."""

    def declare(function: Meets) -> Meets:
        if _topic(event) in _MEETS:
            raise TypeError(f"what {event.__name__} meets is said already")
        _MEETS[_topic(event)] = function
        return function

    return declare


def remember(
    before: Case | None, case: Case, event: Fact, author: AgencyCode, has: frozenset[Compartment], at: datetime
) -> Case:
    """The case after one more event, which remembers it as an entry where it can be struck, and which clocks started
    and ended by which. `at` is when it was recorded."""
    said = declared(event)
    if struck_by := said.struck_by:
        has = frozenset({Compartment.COORDINATION}) if said.says_in_clear else has
        topic = _topic(type(event))
        for_these = tuple(_MEETS[topic](case, event, author, at)) if topic in _MEETS else ()
        entry = Entry(topic, struck_by, author, has, event.occurred_at, at, _made(event), stands_for=for_these)
        return replace(case, entries=put(case.entries, case.version, entry), last_entry=case.version)
    clock = getattr(event, "clock", None)
    if clock is None or before is None or clock not in case.clocks:
        return case
    was, now = before.clocks.get(clock), case.clocks[clock]
    if was is None:
        return _noted(case, _of_its_act(case, author, at), started=clock)
    if _end(was) == _end(now):
        return case
    for number, entry in before.entries.items():
        if clock in entry.ended:
            left = tuple(id for id in entry.ended if id != clock)
            case = replace(case, entries=put(case.entries, number, replace(entry, ended=left)))
    if not now.is_over:
        return case
    paper = getattr(event, "document", None)
    return _noted(case, _of_its_act(case, author, at) if paper is None else _made_by(case, paper), ended=clock)


def _noted(case: Case, number: int | None, **clock: ClockId) -> Case:
    """The case that knows of a clock which started, or ended, by that entry; None: by none."""
    if number is None:
        return case
    ((how, id),) = clock.items()
    entry = case.entries[number]
    entry = replace(entry, **{how: (*getattr(entry, how), id)})
    return replace(case, entries=put(case.entries, number, entry))


def _of_its_act(case: Case, author: AgencyCode, at: datetime) -> int | None:
    """The number of the entry of the same act; None where the act made none."""
    last = case.entries.get(case.last_entry)
    return case.last_entry if last is not None and (last.author, last.recorded_at) == (author, at) else None


def _made_by(case: Case, id: UUID) -> int | None:
    return next((number for number, entry in case.entries.items() if entry.thing == id), None)


def _end(clock: Clock) -> tuple[object, ...]:
    return clock.met_at, clock.met_recorded_at, clock.ended_at, clock.ended_recorded_at, clock.ended_as


def met_by_nothing(case: Case) -> Iterator[tuple[Clock, int]]:
    """Clocks that are over by an entry that stands no more, and that no other meets, with that entry's number: those
    have to run again."""
    gone = [(n, e) for n, e in case.entries.items() if e.ended and not _stands(case, e)]
    if not gone:
        return
    others = [entry for entry in case.entries.values() if entry.stands_for and _stands(case, entry)]
    met = {id for entry in others for id in entry.stands_for}
    for number, entry in gone:
        for clock in (case.clocks[id] for id in entry.ended if id not in met):
            if clock.ended_as is not ClockEnd.SUPERSEDED:
                yield clock, number


def _stands(case: Case, entry: Entry) -> bool:
    """Whether an entry was not struck; of a paper that was replaced, whether what is in its place stands, and is a
    paper of its kind: only that shows the same."""
    attached = case.of(Documents).attached
    document = attached.get(DocumentId(entry.thing)) if entry.thing is not None else None
    seen = document
    while seen is not None and seen.superseded_by is not None and not entry.struck:
        number = _made_by(case, seen.superseded_by)
        seen = attached.get(seen.superseded_by)
        if number is None or seen is None or document is None or seen.kind is not document.kind:
            return False
        entry = case.entries[number]
    return not entry.struck


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
