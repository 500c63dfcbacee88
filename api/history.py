"""The routes that look back: a case as it was, as an agency could see it then, what changed, and who held what."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from ..domain.casefile.state import Case
from ..domain.codes import AgencyKind
from ..domain.compartment import Compartment
from ..domain.custody import Custody, custody
from ..domain.disclosure import Written
from ..domain.fact import Act, AgencyCode
from ..domain.history import AsOf, Change, Seen, When, as_of, as_seen_by, diff, known_events, narrowed
from ..domain.refusal import Unknown
from ..domain.standing import readings
from ..domain.standing.relations import Extent
from ..domain.standing.rule import ask, extent_for, is_known_to, leads
from .application.reading import COORDINATION, Asked, Segments
from .application.rooms import Rooms
from .case_file import CaseView, Data, Line, case_view, data_of
from .problems import BadRequest
from .reads import Read

Readable = Mapping[int, frozenset[Compartment]]

AsOfWhen = Annotated[When, Meta(description="an instant with its zone, or a position; now when left out")]
SeenBy = Annotated[
    AgencyCode,
    Meta(description="as this agency could see it then: for auditors of the lead, or of that agency itself"),
]


class Point(Struct, frozen=True, omit_defaults=True):
    """Where in the record a look back stands: the instant, and the last position it takes in (0: none)."""

    at: datetime
    position: int
    left_out: list[int] = []
    """Events that were stamped earlier than the instant but stand behind one that was not: ask by position."""


class HistoryEntry(Line, frozen=True, omit_defaults=True):
    """One event of the case as it was: `data` is what the caller may open now. With `agency`: `told` is what that
    agency had been told of it by then, `could_open` what of that it could have opened again at that instant."""

    data: Data
    withheld: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    could_open: list[str] = field(default_factory=list)


class CaseHistory(Struct, frozen=True, omit_defaults=True):
    """A case as of an instant or a position. `seen_by` is the agency whose sight it is, where that was asked."""

    case: UUID
    as_of: Point
    events: list[HistoryEntry]
    state: CaseView | None = None
    seen_by: str | None = None


class CaseDiff(Struct, frozen=True, rename={"from_": "from"}):
    """What changed in a case between two instants."""

    case: UUID
    from_: Point
    to: Point
    events: list[Line]
    changes: Sequence[Change]


class CaseCustody(Struct, frozen=True):
    """Who led, who held which referral, and which clock ran out, as of an instant."""

    case: UUID
    as_of: Point
    custody: Custody


def show_history(
    rooms: Rooms,
    asked: Asked,
    known: Case,
    *,
    case: UUID,
    as_of: AsOfWhen | None = None,
    agency: SeenBy | None = None,
) -> CaseHistory:
    act = asked.act
    if agency is not None:
        ask(readings.HISTORY_SEEN_BY.rows, known, act, {"agency": agency}.get)
    events = rooms.casework.written(case)
    then = _point(as_of, events, act.at)
    readable = _readable(rooms, case, events, act)
    if agency is None:
        mine, whole = act.agency, leads(known, act.agency)
        seen = [Seen(w, frozenset(), frozenset()) for w in then.events if w.position in readable]
        knew = then.case is not None and (whole or is_known_to(then.case, mine))
        state = case_view(case, then.case, mine, then.at, whole) if then.case and knew else None
    else:
        kind, active = _agency_then(rooms, agency, then.at)
        told = rooms.register.of_case(agency, case, events[-1].position)
        seen = as_seen_by(then, told, agency, kind, active)
        state = case_view(case, then.case, agency, then.at) if then.case and is_known_to(then.case, agency) else None
    return CaseHistory(case, _where(then), _opened(rooms, asked, case, seen, readable), state, agency)


def show_diff(
    rooms: Rooms,
    asked: Asked,
    known: Case,
    *,
    case: UUID,
    from_: Annotated[When, Meta(description="an instant with its zone, or a position")],
    to: Annotated[When, Meta(description="the later one")],
) -> CaseDiff:
    act, events = asked.act, rooms.casework.written(case)
    whole = leads(known, act.agency)
    before, after = _point(from_, events, act.at), _point(to, events, act.at)
    shown = events
    if not whole:
        shown = known_events(events, _readable(rooms, case, events, act))
        before, after = narrowed(before, act.agency), narrowed(after, act.agency)
    try:
        found = diff(before, after)
    except ValueError:
        raise BadRequest(400, "BadQuery", "from is not later than to.", parameter="from") from None
    rooms.reading.show(asked, case, COORDINATION, "history-diff")
    positions = {w.position for w in shown}
    lines = [_line(w) for w in found.events if w.position in positions]
    return CaseDiff(case, _where(before), _where(after), lines, found.changes)


def show_custody(rooms: Rooms, asked: Asked, known: Case, *, case: UUID, as_of: AsOfWhen | None = None) -> CaseCustody:
    act, events = asked.act, rooms.casework.written(case)
    whole = leads(known, act.agency)
    then = _point(as_of, events, act.at)
    shown = then.events
    if not whole:
        shown = known_events(shown, _readable(rooms, case, events, act))
    rooms.reading.show(asked, case, COORDINATION, "custody")
    return CaseCustody(case, _where(then), custody(shown, then.at))


READS = (
    Read("/cases/{case}/history", show_history, CaseHistory, "history", readings.HISTORY),
    Read("/cases/{case}/history/diff", show_diff, CaseDiff, "history", readings.HISTORY_DIFF),
    Read("/cases/{case}/custody", show_custody, CaseCustody, "history", readings.CUSTODY),
)


def _opened(rooms: Rooms, asked: Asked, case: UUID, seen: Sequence[Seen], readable: Readable) -> list[HistoryEntry]:
    """These events, as far as the caller may open them now."""
    may = [(s.of, readable[s.of.position]) for s in seen if s.of.position in readable]
    wanted = may if extent_for(readings.HISTORY.rows, asked.act) is Extent.OPENABLE else []
    shown = frozenset(c for _, compartments in wanted for c in compartments)
    opened = rooms.reading.open(asked, case, wanted, "history", shown=shown or COORDINATION).seen
    segments = {s.of.position: s.segments for s in opened}
    return [_entry(s, segments.get(s.of.position, {})) for s in seen]


def _point(when: When | None, events: Sequence[Written], now: datetime) -> AsOf:
    return _as_it_is(events, now) if when is None else as_of(events, when)


def _as_it_is(events: Sequence[Written], now: datetime) -> AsOf:
    """The whole case, whatever the times in it say."""
    return replace(as_of(events, events[-1].position), at=now)


def _readable(rooms: Rooms, case: UUID, events: Sequence[Written], act: Act) -> Readable:
    """Of the whole case, what the caller's agency may open now."""
    on_record = rooms.register.of_case(act.agency, case, events[-1].position)
    told = as_seen_by(_as_it_is(events, act.at), on_record, act.agency, act.kind)
    found = rooms.casework.readable(case, {s.of.position: s.told for s in told}, act)
    return {written.position: may for written, may in found}


def _agency_then(rooms: Rooms, code: AgencyCode, at: datetime) -> tuple[AgencyKind, bool]:
    """An agency's kind, and whether it was active at an instant. Raises Unknown."""
    try:
        agency, active = rooms.network.at(code, at)
    except KeyError:
        raise Unknown(what="agency") from None
    return agency.kind, active


def _entry(seen: Seen, segments: Segments) -> HistoryEntry:
    of = seen.of
    return HistoryEntry(
        of.position,
        of.version,
        of.topic,
        of.event.occurred_at,
        of.at,
        of.author,
        data_of(segments),
        sorted(c.word for c in of.compartments_present if c not in segments),
        sorted(c.word for c in seen.told),
        sorted(c.word for c in seen.could_open),
    )


def _line(of: Written) -> Line:
    return Line(of.position, of.version, of.topic, of.event.occurred_at, of.at, of.author)


def _where(then: AsOf) -> Point:
    return Point(then.at, then.events[-1].position if then.events else 0, list(then.left_out))
