"""The routes that look back: a case as it was, as an agency could see it then, what changed, and who held what."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, NamedTuple
from uuid import UUID

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from ..domain.case.referrals import ReferralDrafted, ReferralSent
from ..domain.casefile.state import NOTHING, Case
from ..domain.codes import AgencyKind
from ..domain.compartment import Compartment
from ..domain.custody import Custody, custody
from ..domain.delivery import Arrival
from ..domain.disclosure import Written
from ..domain.fact import Act, AgencyCode
from ..domain.history import (
    AsOf,
    Change,
    Entitlement,
    Register,
    Seen,
    When,
    as_of,
    as_seen_by,
    diff,
    known_events,
    narrowed,
)
from ..domain.refusal import Unknown
from ..domain.sending import Sent
from ..domain.standing import readings
from ..domain.standing.relations import Extent
from ..domain.standing.rule import ask, extent_for, is_known_to, leads
from .application.reading import COORDINATION, Asked, OnRecord, Segments
from .application.rooms import Rooms
from .case_file import CaseView, Data, Line, case_view, data_of
from .knowing import Entitled, RegisterDamage, SendingsDamage, damage_of, damage_of_sendings, entitled_of
from .problems import BadRequest
from .reads import Read
from .reports import Opening, opening_of

Readable = Mapping[int, frozenset[Compartment]]


class Known(NamedTuple):
    """What an agency said of its deliveries, and what was sent to it."""

    arrived: Mapping[int, Arrival]
    sent: Sequence[Sent]

    def of(self, by: Entitlement, until: datetime) -> Entitled:
        """An entitlement with all that is on record of it until then."""
        return entitled_of(by, self.arrived.get(by.sequence, Arrival()), until, self.sent)


NOTHING_KNOWN = Known({}, ())

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
    """One event of the case as it was: `data` is what the caller may open now. With `agency`: `entitled` is what that
    agency had been entitled to know of it by then, `could_open` what it could have opened again at that instant."""

    data: Data
    withheld: list[str] = field(default_factory=list)
    entitled: list[Entitled] = field(default_factory=list)
    could_open: list[str] = field(default_factory=list)


class CaseHistory(Struct, frozen=True, omit_defaults=True):
    """A case as of an instant or a position. With `agency`: `seen_by` is that agency, and `openings` who of it opened
    something of the case by then. `register`: what of its register does not fit; `sendings`: what does not of that of
    what was sent; `unread`: the log's positions of readings that do not open, or are gone: of which case they were,
    nobody can say, so somebody may have opened more than is shown."""

    case: UUID
    as_of: Point
    events: list[HistoryEntry]
    state: CaseView | None = None
    seen_by: str | None = None
    openings: list[Opening] = []
    register: RegisterDamage | None = None
    sendings: SendingsDamage | None = None
    unread: list[int] = []


class CaseDiff(Struct, frozen=True, rename={"from_": "from"}):
    """What changed in a case between two instants."""

    case: UUID
    from_: Point
    to: Point
    events: list[Line]
    changes: Sequence[Change]


class Delivered(Struct, frozen=True):
    """That a referral was sent, as the recipient could know it: from when on it was entitled to, when that was sealed
    and sent, and when it said that this had arrived, and was handled. `register`, `sendings`: what of the two
    registers does not fit."""

    referral: UUID
    recipient: str
    entitled: list[Entitled]
    register: RegisterDamage | None = None
    sendings: SendingsDamage | None = None


class CaseCustody(Struct, frozen=True):
    """Who led, who held which referral, which clock ran out, and which referral reached its recipient, as of an
    instant."""

    case: UUID
    as_of: Point
    custody: Custody
    deliveries: list[Delivered]


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
    on_record = rooms.register.of_case(act.agency, case, events[-1].position)
    readable = _readable(rooms, case, events, on_record, act)
    if agency is not None:
        return _seen_by(rooms, asked, case, agency, then, events, readable)
    whole = leads(known, act.agency)
    seen = [Seen(w, NOTHING, NOTHING) for w in then.events if w.position in readable]
    knew = then.case is not None and (whole or is_known_to(then.case, act.agency))
    state = case_view(case, then.case, act.agency, then.at, whole) if then.case and knew else None
    opened, _ = _opened(rooms, asked, case, seen, readable, then.at)
    return CaseHistory(case, _where(then), opened, state, register=None if whole else damage_of(on_record, events))


def _seen_by(
    rooms: Rooms,
    asked: Asked,
    case: UUID,
    agency: AgencyCode,
    then: AsOf,
    events: Sequence[Written],
    readable: Readable,
) -> CaseHistory:
    """What another agency knew."""
    kind, active = _agency_then(rooms, agency, then.at)
    register = rooms.register.of_case(agency, case, events[-1].position)
    seen = as_seen_by(then, register.entitled, agency, kind, active)
    state = case_view(case, then.case, agency, then.at) if then.case and is_known_to(then.case, agency) else None
    arrived = rooms.arrivals.at(agency, {by.sequence: by.since for s in seen for by in s.by if by.sequence}, then.at)
    sent = rooms.register.sent(agency, case)
    shown, under = _opened(rooms, asked, case, seen, readable, then.at, Known(arrived, sent.sent))
    looked = rooms.reading.readings(asked, case, under, agency=agency)
    return CaseHistory(
        case,
        _where(then),
        shown,
        state,
        agency,
        [opening_of(w) for w in looked.found if w.at <= then.at],
        damage_of(register, events, sent),
        damage_of_sendings(sent),
        list(looked.unread),
    )


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
        shown = known_events(events, _readable_now(rooms, case, events, act))
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
        shown = known_events(shown, _readable_now(rooms, case, events, act))
    rooms.reading.show(asked, case, COORDINATION, "custody")
    parties = None if whole else act.agency
    delivered = list(_delivered(rooms, case, shown, then, events, parties))
    return CaseCustody(case, _where(then), custody(shown, then.at), delivered)


READS = (
    Read("/cases/{case}/history", show_history, CaseHistory, "history", readings.HISTORY),
    Read("/cases/{case}/history/diff", show_diff, CaseDiff, "history", readings.HISTORY_DIFF),
    Read("/cases/{case}/custody", show_custody, CaseCustody, "history", readings.CUSTODY),
)


def _opened(
    rooms: Rooms,
    asked: Asked,
    case: UUID,
    seen: Sequence[Seen],
    readable: Readable,
    until: datetime,
    known: Known = NOTHING_KNOWN,
) -> tuple[list[HistoryEntry], OnRecord]:
    """These events, as far as the caller may open them now."""
    may = [(s.of, readable[s.of.position]) for s in seen if s.of.position in readable]
    wanted = may if extent_for(readings.HISTORY.rows, asked.act) is Extent.OPENABLE else []
    shown = frozenset(c for _, compartments in wanted for c in compartments)
    under = rooms.reading.open(asked, case, wanted, "history", shown=shown or COORDINATION)
    segments = {s.of.position: s.segments for s in under.seen}
    return [_entry(s, segments.get(s.of.position, {}), known, until) for s in seen], under


def _point(when: When | None, events: Sequence[Written], now: datetime) -> AsOf:
    return _as_it_is(events, now) if when is None else as_of(events, when)


def _as_it_is(events: Sequence[Written], now: datetime) -> AsOf:
    """The whole case, whatever the times in it say."""
    return replace(as_of(events, events[-1].position), at=now)


def _delivered(
    rooms: Rooms, case: UUID, shown: Sequence[Written], then: AsOf, events: Sequence[Written], party: str | None
) -> Iterator[Delivered]:
    """Of each referral that was sent, how its recipient could know; of those alone that an agency sent, or was sent,
    where one is named."""
    drafts = {w.event.referral: w.event for w in shown if isinstance(w.event, ReferralDrafted)}
    sent = [(w, draft) for w in shown if isinstance(w.event, ReferralSent) and (draft := drafts.get(w.event.referral))]
    sent = [(w, draft) for w, draft in sent if party in (None, draft.sender, draft.recipient)]
    positions = {w.position for w, _ in sent}
    for recipient in sorted({draft.recipient for _, draft in sent}):
        register = rooms.register.of_case(recipient, case, events[-1].position)
        by = {e.sequence: e for e in register.entitled if e.at <= then.events[-1].position}
        told = {e.sequence: e.since for e in by.values() if e.position in positions}
        of = rooms.register.sent(recipient, case)
        known = Known(rooms.arrivals.at(recipient, told, then.at), of.sent)
        damage = damage_of(register, events, of), damage_of_sendings(of)
        for w, draft in sent:
            if draft.recipient == recipient:
                knew = [known.of(e, then.at) for e in by.values() if e.position == w.position and e.compartments]
                yield Delivered(draft.referral, recipient, knew, *damage)


def _readable_now(rooms: Rooms, case: UUID, events: Sequence[Written], act: Act) -> Readable:
    return _readable(rooms, case, events, rooms.register.of_case(act.agency, case, events[-1].position), act)


def _readable(rooms: Rooms, case: UUID, events: Sequence[Written], register: Register, act: Act) -> Readable:
    """Of the whole case, what the caller's agency may open now."""
    seen = as_seen_by(_as_it_is(events, act.at), register.entitled, act.agency, act.kind)
    found = rooms.casework.readable(case, {s.of.position: s.entitled for s in seen}, act)
    return {written.position: may for written, may in found}


def _agency_then(rooms: Rooms, code: AgencyCode, at: datetime) -> tuple[AgencyKind, bool]:
    """An agency's kind, and whether it was active at an instant. Raises Unknown."""
    try:
        agency, active = rooms.network.at(code, at)
    except KeyError:
        raise Unknown(what="agency") from None
    return agency.kind, active


def _entry(seen: Seen, segments: Segments, known: Known, until: datetime) -> HistoryEntry:
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
        [known.of(by, until) for by in seen.by if by.compartments],
        sorted(c.word for c in seen.could_open),
    )


def _line(of: Written) -> Line:
    return Line(of.position, of.version, of.topic, of.event.occurred_at, of.at, of.author)


def _where(then: AsOf) -> Point:
    return Point(then.at, then.events[-1].position if then.events else 0, list(then.left_out))
