"""A case at an instant: as it was, as an agency could see it then, and what changed between two instants.

The order of the log is the truth; an instant is a question to it. `as_of` takes the longest beginning of the case
in which nothing was recorded later than the instant, so that what it shows had certainly been written by then.
Where server clocks disagree an event can stand behind one with a later time; such events are left out and named,
and asking by position takes them in.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import takewhile
from typing import Any, NamedTuple
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from .casefile.evolving import fold_log
from .casefile.state import NOTHING, Case
from .codes import AgencyKind
from .compartment import Compartment
from .disclosure import Written, holds, may_open
from .fact import EARLIEST, AgencyCode
from .remembered import facts
from .sending import SentOfCase
from .standing.reach import Reaches
from .standing.rule import is_known_to

When = int | datetime
"""A position of the log, or an instant."""


class AsOf(Struct, frozen=True):
    """A case as it was. `at` is the instant at which consents and clocks are looked at: for a position, when the
    last event up to it was recorded."""

    events: Sequence[Written]
    case: Case | None
    at: datetime
    left_out: Sequence[int] = ()
    """Positions of events whose recorded time lies before the instant, but which stand behind a later one."""


class Entitlement(NamedTuple):
    """On record: by the event at `at` an agency was entitled to know these compartments of the one at `position`, from
    then on (`since`). That it was sent, arrived or was read is not said by this."""

    at: int
    position: int
    compartments: frozenset[Compartment]
    since: datetime = EARLIEST
    sequence: int = 0
    """Under which of the agency's numbers it is sent; 0 for none: the agency wrote it itself."""
    empty_since: datetime | None = None
    """Since when what went out under that number was a placeholder, as a record was damaged: it brought nothing."""


class Register(NamedTuple):
    """What the register of deliveries has on an agency and a case. What is not as it was written is named: nobody knows
    what it said."""

    entitled: Sequence[Entitlement]
    changed: Sequence[int] = ()
    """The numbers, as they stand there now, of rows that are not as they were written."""
    missing: int = 0
    """So many rows are not there, or name another case or agency now."""
    elsewhere: int = 0
    """So many rows that are not as they were written name another case: they may be of this one."""
    beside: frozenset[int] = frozenset()
    """The numbers of what it was told of the case that is no event of the case itself: that copies are to be deleted,
    that something unusual was done."""


def missing_from(register: Register, sent: SentOfCase) -> int:
    """So many of its rows are not there: the numbers count them, or something of the case was sent under theirs."""
    known = {e.sequence for e in register.entitled} | {*register.changed} | register.beside
    return max(register.missing, len({s.sequence for s in sent.sent} - known))


class Seen(Struct, frozen=True, gc=False):
    """An event as an agency could know it: what it was entitled to of it, by which entitlements, and what of that it
    could have opened again."""

    of: Written
    entitled: frozenset[Compartment]
    could_open: frozenset[Compartment]
    by: tuple[Entitlement, ...] = ()


class Change(Struct, frozen=True):
    """A field that has another value than before; None where there was, or is, no such thing."""

    of: str
    id: UUID | None
    field: str
    before: Any
    after: Any


class Difference(Struct, frozen=True):
    """What changed from one instant to a later one."""

    events: Sequence[Written]
    changes: Sequence[Change]


def as_of(events: Sequence[Written], when: When) -> AsOf:
    """The case as it was at a position or an instant. `events` are all of the case's, in its order."""
    if isinstance(when, datetime):
        then = list(takewhile(lambda w: w.at <= when, events))
        left_out = [w.position for w in events[len(then) :] if w.at <= when]
        return AsOf(then, fold_log(then), when, left_out)
    then = list(takewhile(lambda w: w.position <= when, events))
    return AsOf(then, fold_log(then), max((w.at for w in then), default=EARLIEST))


def as_seen_by(
    then: AsOf, register: Iterable[Entitlement], agency: AgencyCode, kind: AgencyKind, active: bool = True
) -> list[Seen]:
    """What an agency had been entitled to know by then, and what of that it could have opened again at that instant:
    with the consents that stood then, if the agency was active and might know of the case. `register`: all that it has
    on the agency and the case. What an agency wrote itself it knew, whatever the register has."""
    if then.case is None:
        return []
    reaches, may = Reaches(then.case, then.at), active and is_known_to(then.case, agency)
    last = then.events[-1].position
    by: dict[int, list[Entitlement]] = {}
    for w in then.events:
        if w.author == agency:
            by[w.position] = [Entitlement(w.position, w.position, holds(w), w.at)]
    for entitled in register:
        if entitled.at <= last:
            by.setdefault(entitled.position, []).append(entitled)
    known = {at: frozenset(c for e in found for c in e.compartments) for at, found in by.items()}
    return [
        Seen(w, has, may_open(reaches, w, has, agency, kind) if may else NOTHING, tuple(by[w.position]))
        for w in then.events
        if (has := known.get(w.position, NOTHING))
    ]


def diff(before: AsOf, after: AsOf) -> Difference:
    """What happened between two instants of the same case, and what it changed. An expiry is a change without an
    event. Raises ValueError where `after` is not the later one."""
    if len(before.events) > len(after.events) or before.at > after.at:
        raise ValueError("the second instant is not the later one")
    was, now = facts(before.case, before.at), facts(after.case, after.at)
    changed = [f for f in {**was, **now} if was.get(f) != now.get(f)]
    return Difference(
        after.events[len(before.events) :], [Change(*f, before=was.get(f), after=now.get(f)) for f in changed]
    )


def part_of(case: Case, agency: AgencyCode) -> Case:
    """A case as far as an agency that does not lead it may know its state: who leads it, whether it lives, and the
    agency's own referrals."""
    mine = {
        r.id: r
        for r in case.referrals.values()
        if r.sender == agency or (r.recipient == agency and r.sent_at is not None)
    }
    return Case(
        lead=case.lead,
        lead_kind=case.lead_kind,
        urgency=case.urgency,
        age_group=case.age_group,
        pathway=case.pathway,
        version=case.version,
        opened_at=case.opened_at,
        status=case.status,
        holds={hold.id: hold for hold in case.holds.values() if hold.held_by(case)[0] == agency},
        referrals=mine,
        transfer=case.transfer if case.transfer is not None and case.transfer.to == agency else None,
    )


def known_events(events: Iterable[Written], readable: Mapping[int, frozenset[Compartment]]) -> list[Written]:
    """Those events of which an agency may open the coordination."""
    return [w for w in events if Compartment.COORDINATION in readable.get(w.position, NOTHING)]


def narrowed(then: AsOf, agency: AgencyCode) -> AsOf:
    """The state reduced to an agency's own part; none where it could not know of the case then."""
    known = then.case is not None and is_known_to(then.case, agency)
    return replace(then, case=part_of(then.case, agency) if known and then.case is not None else None)
