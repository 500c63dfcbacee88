"""The routes that read. Lists show ids, codes and times; opening content is recorded before it is shown (D7)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import msgspec
from fastapi import FastAPI
from msgspec import Raw, Struct
from starlette.requests import Request
from starlette.responses import Response

from rujukan.domain.authority import AUDITORS, READERS
from rujukan.domain.case.erasure import Erasing
from rujukan.domain.case.holds import Lifting
from rujukan.domain.case.lead import Accompanying
from rujukan.domain.case.lifecycle import Files
from rujukan.domain.casefile.state import Case
from rujukan.domain.codes import CODE_LISTS, Role
from rujukan.domain.compartment import Compartment
from rujukan.domain.fact import Act, AgencyCode
from rujukan.domain.refusal import Unknown
from rujukan.projections import audit, caseload, deadlines, directory, referral_box, timeline

from .asking import add_reading, json_answer
from .asking import path_uuid as _path_uuid
from .asking import query_uuid as _query_uuid
from .asking import wait as _wait
from .casework import Casework
from .contract import read_operation
from .cursor import next_page, page_of, place
from .identity import Identity, acting, member
from .ports import Ports
from .writing import correlation_of

LARGEST_PAGE = 500
UNSEALED_MS = 60_000
EXPORTED = 100_000
"""The most events of one case that an export has."""
EXPORT_HEADERS = {"Cache-Control": "no-store", "Content-Disposition": 'attachment; filename="case.ndjson"'}


class Page(Struct, frozen=True, omit_defaults=True):
    """One page of a list; `next` is the cursor of the one after, absent at the end."""

    items: list[Any]
    next: str | None = None


class TimelineEntry(Struct, frozen=True, omit_defaults=True):
    """One event of a case: `data` is what the caller may know of it, `withheld` names what it may not."""

    position: int
    version: int
    topic: str
    occurred_at: datetime
    recorded_at: datetime
    author: str
    data: Raw
    withheld: list[str] = []


class ReferralView(Struct, frozen=True):
    referral: UUID
    sender: str
    recipient: str
    service: str
    urgency: str
    status: str
    due_at: datetime | None


class ConsentView(Struct, frozen=True):
    consent: UUID
    compartments: list[str]
    recipients: list[str]
    purposes: list[str]
    live: bool
    override: bool
    expires_at: datetime | None


class CaseView(Struct, frozen=True, omit_defaults=True):
    """A case as the caller's agency may see it: the lead all of its coordination, others their own part."""

    case: UUID
    relation: str
    lead: str
    status: str
    urgency: str
    opened_at: datetime
    referrals: list[ReferralView]
    version: int
    age_group: str | None = None
    worker: UUID | None = None
    consents: list[ConsentView] | None = None
    clocks: list[dict[str, Any]] | None = None
    on_hold: bool | None = None
    merged_into: UUID | None = None
    hold_lifting_asked_by: UUID | None = None
    erasure: UUID | None = None
    """Asked for, and undecided."""
    erased: list[str] | None = None


class CodeView(Struct, frozen=True):
    code: str
    id: str
    en: str


class Me(Struct, frozen=True):
    """Who the caller is here, and what they may act for."""

    actor: UUID
    agency: str
    kind: str
    roles: list[str]


class Sealing(Struct, frozen=True):
    """`behind`: events that are not in the ledger yet; `lag_ms`: how long the oldest of them has waited, or, where
    there is none, the newest sealed ones had."""

    behind: int
    lag_ms: int


class Health(Struct, frozen=True):
    """`status` is `ok`, or `unsealed` where events have waited a minute for the ledger. `behind`: read model →
    positions of the log it has not taken in."""

    status: str
    behind: dict[str, int]
    ledger: Sealing


ANSWERS: list[type] = [Page, TimelineEntry, CaseView, CodeView, Me, Health, Sealing]

PAGE = (("limit", "integer", "1 to 500, 50 when left out"), ("cursor", "string", "`next` of the page before"))
WAIT = ("wait_for", "integer", "a position: answer when the lists have reached it (5 seconds at most)")


def add_routes(app: FastAPI, casework: Casework, identity: Identity, ports: Ports) -> None:
    """The routes that read."""
    views, now = ports.views, ports.now

    def act_of(request: Request, readers: frozenset[Role] = READERS) -> Act:
        caller = identity.caller(request.headers.get("authorization"))
        purpose = request.headers.get("purpose-of-use")
        return acting(caller, casework.network.get(caller.agency), readers, purpose, now())

    def inbox(request: Request) -> Response:
        return _referrals(request, "in")

    def outbox(request: Request) -> Response:
        return _referrals(request, "out")

    def _referrals(request: Request, box: str) -> Response:
        act, (limit, after) = act_of(request), page_of(request, LARGEST_PAGE, place)
        _wait(request, views)
        with views.acting_for(act.agency) as db:
            found = referral_box.referrals(
                db,
                box,
                act.at,
                status=request.query_params.get("status"),
                case=_query_uuid(request, "case"),
                before=after[0] if after else None,
                limit=limit,
            )
        return _page(found, limit, lambda e: (e.position,))

    def list_cases(request: Request) -> Response:
        act, (limit, after) = act_of(request), page_of(request, LARGEST_PAGE, place)
        _wait(request, views)
        with views.acting_for(act.agency) as db:
            found = caseload.cases(
                db,
                status=request.query_params.get("status"),
                relation=request.query_params.get("relation"),
                before=after[0] if after else None,
                limit=limit,
            )
        return _page(found, limit, lambda e: (e.position,))

    def show_case(request: Request) -> Response:
        act, case = act_of(request), _path_uuid(request, "case")
        known = casework.known(case, act)
        shown = (Compartment.COORDINATION,)
        casework.record_access(act, case, shown, "case", casework.basis(case, act, shown), correlation_of(request))
        return json_answer(case_view(case, known, act.agency), {"ETag": f'"{known.version}"'})

    def show_timeline(request: Request) -> Response:
        act, case = act_of(request), _path_uuid(request, "case")
        limit, after = page_of(request, LARGEST_PAGE, place)
        casework.known(case, act)
        _wait(request, views)
        with views.acting_for(act.agency) as db:
            found = timeline.entries(db, case, after=after[0] if after else 0, limit=limit)
        entries = _opened(case, found, act, request, "timeline")
        more = (found[-1].version,) if len(found) == limit else None
        return json_answer(Page(entries, next_page(more)))

    def export(request: Request) -> Response:
        act, case = act_of(request), _path_uuid(request, "case")
        casework.known(case, act)
        _wait(request, views)
        with views.acting_for(act.agency) as db:
            found = timeline.entries(db, case, limit=EXPORTED)
        entries = _opened(case, found, act, request, "export")
        return Response(msgspec.json.Encoder().encode_lines(entries), 200, EXPORT_HEADERS, "application/x-ndjson")

    def _opened(
        case: UUID, found: Sequence[timeline.Entry], act: Act, request: Request, what: str
    ) -> list[TimelineEntry]:
        """What of these entries the agency may open now, opened, after that was recorded."""
        told = {e.position: frozenset(Compartment(c) for c in e.compartments) for e in found}
        opened = ports.log.open(casework.readable(case, told, act))
        shown = frozenset(c for _, segments in opened.values() for c in segments)
        if shown:
            own = all(e.author == act.agency for e in found if e.position in opened)
            basis = casework.basis(case, act, shown, own)
            casework.record_access(act, case, shown, what, basis, correlation_of(request))
        return [_entry(e, *opened[e.position]) for e in found if e.position in opened]

    def list_deadlines(request: Request) -> Response:
        act, (limit, after) = act_of(request), page_of(request, LARGEST_PAGE, datetime.fromisoformat, UUID)
        _wait(request, views)
        open_only = request.query_params.get("all") != "true"
        with views.acting_for(act.agency) as db:
            found = deadlines.deadlines(
                db, act.at, after=cast("tuple[datetime, UUID] | None", after), open_only=open_only, limit=limit
            )
        return _page(found, limit, lambda e: (e.due_at.isoformat(), e.clock))

    def list_audit(request: Request) -> Response:
        act, (limit, after) = act_of(request, AUDITORS), page_of(request, LARGEST_PAGE, place)
        _wait(request, views)
        with views.acting_for(act.agency) as db:
            found = audit.entries(
                db,
                subject=_query_uuid(request, "subject"),
                actor=_query_uuid(request, "actor"),
                accesses_only=request.query_params.get("accesses") == "true",
                after=after[0] if after else 0,
                limit=limit,
            )
        return _page(found, limit, lambda e: (e.position,))

    def list_agencies(request: Request) -> Response:
        caller = identity.caller(request.headers.get("authorization"))
        member(caller, casework.network.get(caller.agency))
        _wait(request, views)
        with views.acting_for(caller.agency) as db:
            query = request.query_params
            return json_answer(Page(list(directory.agencies(db, query.get("service"), query.get("kind")))))

    def me(request: Request) -> Response:
        caller = identity.caller(request.headers.get("authorization"))
        agency = casework.network.get(caller.agency)
        roles = [r.value for r in caller.roles if agency is not None and agency.has_member(caller.actor, (r,))]
        return json_answer(Me(caller.actor, caller.agency, agency.kind.value if agency else "", roles))

    def codes(request: Request) -> Response:
        found = CODE_LISTS.get(request.path_params["list"])
        if found is None:
            raise Unknown(what="code list")
        return json_answer(Page([CodeView(c.value, c.id, c.en) for c in found]), {"Cache-Control": "max-age=3600"})

    def code_lists(request: Request) -> Response:
        return json_answer(Page(sorted(CODE_LISTS)), {"Cache-Control": "max-age=3600"})

    def health(request: Request) -> Response:
        return json_answer(_health(dict(views.lag()), Sealing(*ports.ledger.lag())))

    def jwks(request: Request) -> Response:
        return json_answer(ports.tokens.jwks(), {"Cache-Control": "max-age=300"})

    case_query = (
        ("status", "string", "open, closed or merged"),
        ("relation", "string", "lead, recipient, asked or former"),
    )
    box_query = (("status", "string", "a referral status"), ("case", "string", "of this case only"))
    for path, call, answer, query, tag in (
        ("/inbox", inbox, Page, (*box_query, *PAGE, WAIT), "lists"),
        ("/outbox", outbox, Page, (*box_query, *PAGE, WAIT), "lists"),
        ("/cases", list_cases, Page, (*case_query, *PAGE, WAIT), "lists"),
        ("/cases/{case}", show_case, CaseView, (), "case"),
        ("/cases/{case}/timeline", show_timeline, Page, (*PAGE, WAIT), "case"),
        ("/cases/{case}/export", export, TimelineEntry, (WAIT,), "case"),
        ("/deadlines", list_deadlines, Page, (("all", "boolean", "also those met"), *PAGE, WAIT), "lists"),
        (
            "/audit",
            list_audit,
            Page,
            (
                ("subject", "string", "of this case or agency only"),
                ("actor", "string", "by this person only"),
                ("accesses", "boolean", "openings of content only"),
                *PAGE,
                WAIT,
            ),
            "audit",
        ),
        ("/agencies", list_agencies, Page, (("service", "string", ""), ("kind", "string", ""), WAIT), "agencies"),
        ("/me", me, Me, (), "agencies"),
        ("/codes", code_lists, Page, (), "codes"),
        ("/codes/{list}", codes, Page, (), "codes"),
        ("/health", health, Health, (), "operation"),
        ("/.well-known/jwks.json", jwks, Page, (), "operation"),
    ):
        open_to_all = tag in ("codes", "operation")
        extra: dict[str, Any] = {"security": []} if open_to_all else {}
        add_reading(
            app,
            path,
            call,
            tag,
            read_operation(path, answer, *query, purpose=not open_to_all and tag != "agencies", **extra),
        )


def _health(behind: dict[str, int], ledger: Sealing) -> Health:
    unsealed = ledger.behind > 0 and ledger.lag_ms > UNSEALED_MS
    return Health("unsealed" if unsealed else "ok", behind, ledger)


def _entry(entry: timeline.Entry, held: frozenset[Compartment], opened: Mapping[Compartment, bytes]) -> TimelineEntry:
    data = b"{" + b",".join(p[1:-1] for p in opened.values() if len(p) > 2) + b"}"
    return TimelineEntry(
        entry.position,
        entry.version,
        entry.topic,
        entry.occurred_at,
        entry.recorded_at,
        entry.author,
        Raw(data),
        sorted(c.word for c in held if c not in opened),
    )


def case_view(id: UUID, case: Case, agency: AgencyCode, leads: bool | None = None) -> CaseView:
    """A case as an agency may see it; `leads`, where given, says in its place whether all of it is shown."""
    leads = case.lead == agency if leads is None else leads
    referrals = [
        ReferralView(r.id, r.sender, r.recipient, r.service.value, r.urgency.value, r.status.value, r.due_at)
        for r in case.referrals.values()
        if leads or r.sender == agency or (r.recipient == agency and r.sent_at is not None)
    ]
    common = CaseView(
        case=id,
        relation=_relation(case, agency),
        version=case.version,
        lead=case.lead,
        status=case.status.value,
        urgency=case.urgency.value,
        opened_at=case.opened_at,
        referrals=referrals,
    )
    if not leads:
        return common
    asked = case.of(Erasing).asked
    return msgspec.structs.replace(
        common,
        age_group=case.age_group.value,
        worker=case.of(Accompanying).worker,
        consents=[
            ConsentView(
                c.id,
                sorted(x.word for x in c.compartments),
                sorted(c.recipients),
                sorted(p.value for p in c.purposes),
                c.live,
                c.override,
                c.expires_at,
            )
            for c in case.consents.values()
        ],
        clocks=[{"clock": c.id, "due_at": c.due_at, "met_at": c.met_at} for c in case.clocks.values()],
        on_hold=case.on_hold,
        merged_into=case.of(Files).merged_into,
        hold_lifting_asked_by=case.of(Lifting).asked_by,
        erasure=asked.id if asked else None,
        erased=sorted(c.word for c in case.erased) or None,
    )


def _relation(case: Case, agency: AgencyCode) -> str:
    if agency == case.lead:
        return "lead"
    if case.takes_part(agency):
        return "recipient"
    return "asked" if case.transfer is not None and case.transfer.to == agency else "former"


def _page(found: Sequence[Any], limit: int, cursor: Callable[[Any], tuple[Any, ...]]) -> Response:
    return json_answer(Page(list(found), next_page(cursor(found[-1]) if len(found) == limit else None)))
