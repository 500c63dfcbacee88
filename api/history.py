"""The routes that look back: a case as it was, as an agency could see it then, what changed, and who held what."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import takewhile
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from msgspec import Raw, Struct
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from rujukan.domain import agency as agencies
from rujukan.domain.agency import agency_stream
from rujukan.domain.authority import AUDITORS, READERS
from rujukan.domain.casefile.state import Case
from rujukan.domain.compartment import Compartment
from rujukan.domain.custody import Custody, custody
from rujukan.domain.disclosure import Written
from rujukan.domain.fact import Act, AgencyCode
from rujukan.domain.history import AsOf, Change, Seen, as_of, as_seen_by, diff, known_events, narrowed
from rujukan.domain.refusal import NotForThisAgency, NotForThisRole, Unknown

from .asking import add_reading, json_answer, path_uuid, query_when
from .casework import Casework
from .contract import read_operation
from .identity import Identity, acting
from .ports import Ports
from .problems import BadRequest
from .reading import CaseView, case_view
from .writing import correlation_of

HISTORIANS = READERS | AUDITORS
"""Roles that may look back. Who reads no content of a case otherwise sees none here: ids, codes and times only."""
Readable = Mapping[int, frozenset[Compartment]]


class Point(Struct, frozen=True, omit_defaults=True):
    """Where in the record a look back stands: the instant, and the last position it takes in (0: none)."""

    at: datetime
    position: int
    left_out: list[int] = []
    """Events that were stamped earlier than the instant but stand behind one that was not: ask by position."""


class Line(Struct, frozen=True):
    """One event without its content."""

    position: int
    version: int
    topic: str
    occurred_at: datetime
    recorded_at: datetime
    author: str


class HistoryEntry(Struct, frozen=True, omit_defaults=True):
    """One event of the case as it was: `data` is what the caller may open now. With `agency`: `told` is what that
    agency had been told of it by then, `could_open` what of that it could have opened again at that instant."""

    position: int
    version: int
    topic: str
    occurred_at: datetime
    recorded_at: datetime
    author: str
    data: Raw
    withheld: list[str] = []
    told: list[str] = []
    could_open: list[str] = []


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


ANSWERS: list[type] = [CaseHistory, CaseDiff, CaseCustody]

AS_OF = ("as_of", "string", "an instant with its zone, or a position; now when left out")
SEEN_BY = ("agency", "string", "as this agency could see it then: for auditors of the lead, or of that agency itself")


def add_routes(app: FastAPI, casework: Casework, identity: Identity, ports: Ports) -> None:
    """The routes that look back."""

    def begin(request: Request) -> tuple[Act, UUID, Case, Sequence[Written]]:
        """Who asks, of which case that they may know of, and all of its events."""
        caller = identity.caller(request.headers.get("authorization"))
        purpose = request.headers.get("purpose-of-use")
        act = acting(caller, casework.network.get(caller.agency), HISTORIANS, purpose, ports.now())
        case = path_uuid(request, "case")
        return act, case, casework.known(case, act), casework.written(case)

    def show_history(request: Request) -> Response:
        act, case, now, events = begin(request)
        then = _point(request, "as_of", events, act.at)
        other = request.query_params.get("agency")
        readable = _readable(casework, case, events, act)
        if other is None:
            leads = now.lead == act.agency
            seen = [Seen(w, frozenset(), frozenset()) for w in then.events if w.position in readable]
            known = then.case is not None and (leads or then.case.is_known_to(act.agency))
            state = case_view(case, then.case, act.agency, leads) if then.case and known else None
        else:
            _may_ask_for(other, act, now)
            kind, active = _agency_then(ports, other, then.at)
            seen = as_seen_by(then, other, kind, active)
            state = case_view(case, then.case, other) if then.case and then.case.is_known_to(other) else None
        entries = _opened(request, act, case, seen, readable)
        return json_answer(CaseHistory(case, _where(then), entries, state, other))

    def show_diff(request: Request) -> Response:
        act, case, now, events = begin(request)
        before, after = (_point(request, name, events, act.at, needed=True) for name in ("from", "to"))
        shown = events
        if now.lead != act.agency:
            shown = known_events(events, _readable(casework, case, events, act))
            before, after = narrowed(before, act.agency), narrowed(after, act.agency)
        try:
            found = diff(before, after)
        except ValueError:
            raise BadRequest(400, "BadQuery", "from is not later than to.", parameter="from") from None
        _record(casework, request, act, case, "history-diff")
        known = {w.position for w in shown}
        lines = [_line(w) for w in found.events if w.position in known]
        return json_answer(CaseDiff(case, _where(before), _where(after), lines, found.changes))

    def show_custody(request: Request) -> Response:
        act, case, now, events = begin(request)
        then = _point(request, "as_of", events, act.at)
        shown = then.events
        if now.lead != act.agency:
            shown = known_events(shown, _readable(casework, case, events, act))
        _record(casework, request, act, case, "custody")
        return json_answer(CaseCustody(case, _where(then), custody(shown, then.at)))

    def _opened(request: Request, act: Act, case: UUID, seen: Sequence[Seen], readable: Readable) -> list[HistoryEntry]:
        """These events, as far as the caller may open them now; opened after that was recorded."""
        may = {s.of.position: readable[s.of.position] for s in seen if s.of.position in readable}
        wanted = may if act.role in READERS else {}
        shown = frozenset(c for compartments in wanted.values() for c in compartments)
        own = bool(wanted) and all(s.of.author == act.agency for s in seen if s.of.position in wanted)
        _record(casework, request, act, case, "history", shown or _COORDINATION, own)
        opened = _open(ports, wanted)
        return [_entry(s, opened.get(s.of.position, {})) for s in seen]

    for path, call, answer, query in (
        ("/cases/{case}/history", show_history, CaseHistory, (AS_OF, SEEN_BY)),
        (
            "/cases/{case}/history/diff",
            show_diff,
            CaseDiff,
            (("from", "string", "an instant with its zone, or a position"), ("to", "string", "the later one")),
        ),
        ("/cases/{case}/custody", show_custody, CaseCustody, (AS_OF,)),
    ):
        add_reading(app, path, call, "history", read_operation(path, answer, *query))


def _point(request: Request, name: str, events: Sequence[Written], now: datetime, needed: bool = False) -> AsOf:
    when = query_when(request, name, now)
    if when is None and needed:
        raise BadRequest(400, "BadQuery", f"{name} is needed: a position, or an instant.", parameter=name)
    return _as_it_is(events, now) if when is None else as_of(events, when)


def _as_it_is(events: Sequence[Written], now: datetime) -> AsOf:
    """The whole case, whatever the times in it say."""
    return replace(as_of(events, events[-1].position), at=now)


def _readable(casework: Casework, case: UUID, events: Sequence[Written], act: Act) -> Readable:
    """Of the whole case, what the caller's agency may open now."""
    told = as_seen_by(_as_it_is(events, act.at), act.agency, act.kind)
    return casework.readable(case, {s.of.position: s.told for s in told}, act)


def _may_ask_for(agency: AgencyCode, act: Act, case: Case) -> None:
    if act.role not in AUDITORS:
        raise NotForThisRole(needs=AUDITORS)
    if act.agency not in (case.lead, agency):
        raise NotForThisAgency(needs="lead")


def _agency_then(ports: Ports, code: AgencyCode, at: datetime) -> tuple[Any, bool]:
    """An agency's kind, and whether it was active at an instant. Raises Unknown."""
    events = ports.log.read(agency_stream(code))
    now = agencies.fold(w.event for w in events)
    if now is None:
        raise Unknown(what="agency")
    then = agencies.fold(w.event for w in takewhile(lambda w: w.at <= at, events))
    return now.kind, then is not None and then.active


def _record(
    casework: Casework,
    request: Request,
    act: Act,
    case: UUID,
    what: str,
    shown: frozenset[Compartment] | None = None,
    own: bool = False,
) -> None:
    compartments = shown or _COORDINATION
    basis = casework.basis(case, act, compartments, own)
    casework.record_access(act, case, compartments, what, basis, correlation_of(request))


def _open(ports: Ports, wanted: Readable) -> Mapping[int, Mapping[Compartment, bytes]]:
    return {at: segments for at, (_, segments) in ports.log.open(wanted).items()} if wanted else {}


def _entry(seen: Seen, opened: Mapping[Compartment, bytes]) -> HistoryEntry:
    of = seen.of
    data = b"{" + b",".join(p[1:-1] for p in opened.values() if len(p) > 2) + b"}"
    return HistoryEntry(
        of.position,
        of.version,
        of.topic,
        of.event.occurred_at,
        of.at,
        of.author,
        Raw(data),
        sorted(c.word for c in of.held if c not in opened),
        sorted(c.word for c in seen.told),
        sorted(c.word for c in seen.could_open),
    )


def _line(of: Written) -> Line:
    return Line(of.position, of.version, of.topic, of.event.occurred_at, of.at, of.author)


def _where(then: AsOf) -> Point:
    return Point(then.at, then.events[-1].position if then.events else 0, list(then.left_out))


_COORDINATION = frozenset({Compartment.COORDINATION})
