"""Reports on who looked at what, who held what, and what looks unusual. Opening one is itself on the record."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import msgspec
from fastapi import FastAPI
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from rujukan.domain.agency import agency_stream
from rujukan.domain.authority import AUDITORS
from rujukan.domain.codes import Purpose, Role
from rujukan.domain.compartment import Compartment
from rujukan.domain.fact import Act
from rujukan.domain.oversight import LIMITS, REASONS, Finding, Look, Unusual, by_rule, unusual
from rujukan.projections import audit, holdings

from .asking import add_reading, json_answer, query_uuid, query_when, wait
from .casework import Casework
from .contract import read_operation
from .cursor import next_page, page_of, place
from .identity import Identity, acting
from .ports import Ports
from .problems import BadRequest
from .reading import LARGEST_PAGE, PAGE, WAIT, Page
from .writing import correlation_of

OVERSEERS = frozenset({Role.SUPERVISOR, Role.DATA_PROTECTION_OFFICER})
"""Roles that are shown unusual reading."""
USUAL_SPAN, LONGEST_SPAN = timedelta(days=7), timedelta(days=31)
MOST_LOOKS = 100_000
"""Readings that are judged at once; for more, ask for a shorter span."""


class Opening(Struct, frozen=True):
    """Somebody opened protected content: who, for which agency, in which role, of which case and compartments, for
    which purpose, on which basis, through which view, and when."""

    position: int
    at: datetime
    case: UUID
    actor: UUID
    agency: str
    role: str | None
    purpose: str | None
    compartments: list[str]
    basis: str | None
    what: str | None


class Rule(Struct, frozen=True):
    """A rule of the unusual, in both languages, with why it is one, and how many readings tripped it."""

    code: str
    id: str
    en: str
    reason_id: str
    reason_en: str
    count: int


class UnusualLook(Struct, frozen=True):
    """A reading that a supervisor should look at, and the rules that say so."""

    position: int
    at: datetime
    local_time: str
    case: UUID
    actor: UUID
    agency: str
    role: str
    purpose: str
    what: str
    rules: list[str]


class UnusualAccess(Struct, frozen=True, omit_defaults=True):
    """Unusual reading between two instants. Rules mark; a person judges."""

    since: datetime
    until: datetime
    rules: list[Rule]
    items: list[UnusualLook]
    next: str | None = None


ANSWERS: list[type] = [Opening, UnusualAccess]


def add_routes(app: FastAPI, casework: Casework, identity: Identity, ports: Ports) -> None:
    """The routes of the reports."""
    views = ports.views

    def begin(request: Request, roles: frozenset[Role] = AUDITORS) -> Act:
        caller = identity.caller(request.headers.get("authorization"))
        purpose = request.headers.get("purpose-of-use")
        return acting(caller, casework.network.get(caller.agency), roles, purpose, ports.now())

    def record(request: Request, act: Act, what: str) -> None:
        """A report on people shows no compartment of a case; that it was opened is kept with the agency."""
        casework.record_access(act, agency_stream(act.agency), (), what, "own", correlation_of(request))

    def case_access(request: Request) -> Response:
        act, (limit, after) = begin(request), page_of(request, LARGEST_PAGE, place)
        case = _needed(query_uuid(request, "case"), "case")
        casework.known(case, act)
        wait(request, views)
        shown = (Compartment.COORDINATION,)
        basis = casework.basis(case, act, shown)
        casework.record_access(act, case, shown, "case-access", basis, correlation_of(request))
        with views.acting_for(act.agency) as db:
            start = after[0] if after else 0
            found = audit.entries(db, subject=case, accesses_only=True, after=start, limit=limit)
        return _openings(ports, found, limit)

    def person_access(request: Request) -> Response:
        act, (limit, after) = begin(request), page_of(request, LARGEST_PAGE, place)
        actor = _needed(query_uuid(request, "actor"), "actor")
        wait(request, views)
        record(request, act, "person-access")
        with views.acting_for(act.agency) as db:
            start = after[0] if after else 0
            found = audit.entries(db, actor=actor, agency=act.agency, accesses_only=True, after=start, limit=limit)
        return _openings(ports, found, limit)

    def what_was_held(request: Request) -> Response:
        act, (limit, after) = begin(request), page_of(request, LARGEST_PAGE, place, str, UUID)
        agency = request.query_params.get("agency", act.agency)
        when = query_when(request, "at", act.at)
        wait(request, views)
        record(request, act, "holdings")
        with views.acting_for(act.agency) as db:
            start = cast("tuple[int, str, UUID] | None", after)
            found = holdings.holdings(db, agency, act.at if when is None else when, after=start, limit=limit)
        more = (found[-1].position, found[-1].relation, found[-1].of) if len(found) == limit else None
        return json_answer(Page(list(found), next_page(more)))

    def unusual_access(request: Request) -> Response:
        act, (limit, after) = begin(request, OVERSEERS), page_of(request, LARGEST_PAGE, place)
        since, until = _span(request, act.at)
        wait(request, views)
        record(request, act, "unusual-access")
        with views.acting_for(act.agency) as db:
            rows = audit.looks(db, since, until, LIMITS.grace, MOST_LOOKS + 1)
        if len(rows) > MOST_LOOKS:
            detail = f"There are more than {MOST_LOOKS:,} readings. Ask for a shorter span."
            raise BadRequest(400, "TooMany", detail, parameter="from")
        found = unusual([_look(row, casework) for row in rows])
        start = after[0] if after else 0
        page = [f for f in found if f.look.position > start][:limit]
        more = (page[-1].look.position,) if len(page) == limit else None
        return json_answer(UnusualAccess(since, until, _rules(found), [_marked(f) for f in page], next_page(more)))

    for path, call, answer, query in (
        ("/reports/case-access", case_access, Page, (("case", "string", "the case that was looked at"), *PAGE, WAIT)),
        (
            "/reports/person-access",
            person_access,
            Page,
            (("actor", "string", "a person of the caller's agency"), *PAGE, WAIT),
        ),
        (
            "/reports/holdings",
            what_was_held,
            Page,
            (
                ("agency", "string", "the caller's own when left out; another one's in cases that the caller leads"),
                ("at", "string", "an instant with its zone, or a position; now when left out"),
                *PAGE,
                WAIT,
            ),
        ),
        (
            "/reports/unusual-access",
            unusual_access,
            UnusualAccess,
            (
                ("from", "string", "an instant with its zone; 7 days before `to` when left out, 31 at most"),
                ("to", "string", "an instant with its zone; now when left out"),
                *PAGE,
                WAIT,
            ),
        ),
    ):
        add_reading(
            app,
            path,
            cast("Callable[[Request], Response]", call),
            "reports",
            read_operation(path, answer, *query),
            name=call.__name__,
        )


def _needed(value: UUID | None, name: str) -> UUID:
    if value is None:
        raise BadRequest(400, "BadQuery", f"{name} is needed.", parameter=name)
    return value


def bases(ports: Ports, found: Iterable[audit.Entry]) -> dict[int, str]:
    """Position → on what each of these readings stood, with the rules of overrides, opened from the log."""
    opened = ports.log.open({e.position: _COORDINATION for e in found})
    return {
        at: str(msgspec.json.decode(segments[Compartment.COORDINATION])["basis"])
        for at, (_, segments) in opened.items()
    }


def _openings(ports: Ports, found: list[audit.Entry], limit: int) -> Response:
    full = bases(ports, found)
    rows = [
        Opening(
            e.position,
            e.recorded_at,
            e.subject,
            e.actor,
            e.agency,
            e.role,
            e.purpose,
            e.compartments or [],
            full.get(e.position, e.basis),
            e.what,
        )
        for e in found
    ]
    return json_answer(Page(list(rows), next_page((found[-1].position,) if len(found) == limit else None)))


def _span(request: Request, now: datetime) -> tuple[datetime, datetime]:
    until = query_when(request, "to", now)
    until = now if until is None else until
    if not isinstance(until, datetime):
        raise BadRequest(400, "BadQuery", "to is an instant with its zone.", parameter="to")
    since = query_when(request, "from", now)
    since = until - USUAL_SPAN if since is None else since
    if not isinstance(since, datetime) or not since < until <= since + LONGEST_SPAN:
        detail = f"from is an instant with its zone, before `to`, by {LONGEST_SPAN.days} days at most."
        raise BadRequest(400, "BadQuery", detail, parameter="from")
    return since, until


def _look(row: dict[str, Any], casework: Casework) -> Look:
    agency = casework.network.get(row["agency"])
    codes = {"role": Role.of(row["role"]), "purpose": Purpose.of(row["purpose"])}
    return Look(**{**row, **codes, "kind": agency.kind if agency else None})


def _rules(found: Iterable[Finding]) -> list[Rule]:
    counts = by_rule(found)
    return [Rule(u.value, u.id, u.en, *REASONS[u], counts.get(u, 0)) for u in Unusual]


def _marked(finding: Finding) -> UnusualLook:
    look = finding.look
    local = look.at.astimezone(LIMITS.zone).strftime("%Y-%m-%d %H:%M %Z")
    return UnusualLook(
        look.position,
        look.at,
        local,
        look.case,
        look.actor,
        look.agency,
        look.role.value,
        look.purpose.value,
        look.what,
        [rule.value for rule in finding.rules],
    )


_COORDINATION = frozenset({Compartment.COORDINATION})
