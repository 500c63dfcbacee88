"""Reading what was opened in an emergency, and judging it.

It is read straight from the log, because no list of the opener's agency has it; only by the person who broke the
glass, only what its compartments cover, only while it lasts. Each opening is recorded before it is shown, with
the glass as its correlation, so that the audit trail of a glass is one query.
"""

from datetime import datetime
from typing import Any, cast
from uuid import UUID

import msgspec
from fastapi import FastAPI
from msgspec import Raw, Struct
from starlette.requests import Request
from starlette.responses import Response

from rujukan.domain.case.documents import DocumentAttached
from rujukan.domain.case.glass import OPENERS, REVIEWERS, GlassBroken, GlassReviewed, opened_by, reviewable
from rujukan.domain.casefile.state import Glass
from rujukan.domain.compartment import Compartment
from rujukan.domain.disclosure import Written, through_glass
from rujukan.domain.fact import Act, GlassId
from rujukan.domain.refusal import Unknown
from rujukan.projections import emergencies

from .asking import WAIT_SECONDS, add_reading, asker, json_answer, path_uuid
from .casework import Casework
from .contract import HEADERS, PROBLEM, path_parameters, read_operation
from .cursor import next_page, page_of, place
from .identity import Identity
from .ports import Ports
from .problems import BadRequest, Behind
from .reading import LARGEST_PAGE, PAGE, WAIT, Page, TimelineEntry

LIST = "/break-glass"
GLASS = "/cases/{case}/break-glass/{glass}"
DOCUMENT = f"{GLASS}/documents/{{document}}"
REVIEWED = frozenset({Compartment.COORDINATION, Compartment.LEGAL})
"""What a reviewer is shown: who opened what, and the reason, which is said to the reviewer and not of the survivor."""


class ReviewView(Struct, frozen=True):
    """One review of a broken glass."""

    reviewer: UUID
    agency: str
    reviewed_at: datetime
    verdict: str
    remark: str | None


class GlassView(Struct, frozen=True):
    """A broken glass, for who judges it."""

    case: UUID
    glass: UUID
    agency: str
    actor: UUID
    role: str
    compartments: list[str]
    basis: str
    rule: str
    reason: str | None
    opened_at: datetime
    expires_at: datetime
    is_open: bool
    review_due_at: datetime
    reviews: list[ReviewView]


ANSWERS: list[type] = [GlassView, ReviewView]


def add_routes(app: FastAPI, casework: Casework, identity: Identity, ports: Ports) -> None:
    """The routes of an emergency; breaking, closing and reviewing are actions (actions.py)."""

    act_of = asker(casework, identity, ports)

    def opened(request: Request) -> tuple[Act, UUID, Glass]:
        """Who asks, the case, and the glass that this person broke and that is still open."""
        act, case = act_of(request, OPENERS), path_uuid(request, "case")
        return act, case, opened_by(casework.case(case), GlassId(path_uuid(request, "glass")), act)

    def readable(act: Act, case: UUID, glass: Glass) -> list[tuple[Written, frozenset[Compartment]]]:
        found = ((w, through_glass(glass, w, act.agency, act.actor, act.at)) for w in casework.written(case))
        return [(written, may) for written, may in found if may]

    def record(act: Act, case: UUID, glass: Glass, shown: frozenset[Compartment]) -> None:
        casework.record_access(act, case, shown, "break-glass", f"break-glass:{glass.basis}", glass.id)

    def show_opened_timeline(request: Request) -> Response:
        act, case, glass = opened(request)
        limit, after = page_of(request, LARGEST_PAGE, place)
        behind = after[0] if after else 0
        found = [(w, may) for w, may in readable(act, case, glass) if w.version > behind][:limit]
        segments = ports.log.open({w.position: may for w, may in found})
        held = [(w, segments[w.position][1]) for w, _ in found if w.position in segments]
        # That there is nothing is an answer too: then what was asked for is recorded.
        record(act, case, glass, frozenset(c for _, of in held for c in of) or glass.compartments)
        more = (found[-1][0].version,) if len(found) == limit else None
        return json_answer(Page([_entry(w, of) for w, of in held], next_page(more)))

    def show_opened_document(request: Request) -> Response:
        act, case, glass = opened(request)
        document = path_uuid(request, "document")
        attached = next(
            (
                w.event
                for w, _ in readable(act, case, glass)
                if isinstance(w.event, DocumentAttached) and w.event.document == document
            ),
            None,
        )
        compartment = Compartment.named(attached.compartment) if attached else None
        if attached is None or compartment not in glass.compartments:
            raise Unknown(what="document")
        record(act, case, glass, frozenset({compartment}))
        content = ports.documents.get(case, document, compartment)
        if content is None:
            raise Unknown(what="document")
        headers = {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"}
        return Response(content, 200, {"Cache-Control": "no-store", **headers}, attached.media_type)

    def show_glass(request: Request) -> Response:
        act, case, id = act_of(request, REVIEWERS), path_uuid(request, "case"), GlassId(path_uuid(request, "glass"))
        glass = reviewable(casework.case(case), id, act)
        written = [
            w
            for w in casework.written(case)
            if isinstance(w.event, GlassBroken | GlassReviewed) and w.event.glass == id
        ]
        segments = ports.log.open({w.position: REVIEWED for w in written})
        said = {w.position: _said(segments[w.position][1]) for w in written if w.position in segments}
        casework.record_access(act, case, REVIEWED, "break-glass-review", "review", id)
        return json_answer(_glass_view(case, glass, written, said, act))

    def list_glasses(request: Request) -> Response:
        act = act_of(request, REVIEWERS)
        limit, after = page_of(request, LARGEST_PAGE, datetime.fromisoformat, UUID)
        _wait(request)
        with ports.views.acting_for(act.agency) as db:
            found = emergencies.emergencies(
                db,
                act.at,
                after=cast("tuple[datetime, UUID] | None", after),
                waiting_only=request.query_params.get("all") != "true",
                limit=limit,
            )
        last = (found[-1].review_due_at.isoformat(), found[-1].glass) if len(found) == limit else None
        return json_answer(Page(list(found), next_page(last)))

    def _wait(request: Request) -> None:
        said = request.query_params.get("wait_for")
        if said is None:
            return
        if not (said.isascii() and said.isdigit() and len(said) < 19):
            raise BadRequest(400, "BadQuery", "wait_for is a position.", parameter="wait_for")
        if not ports.views.wait_for(int(said), WAIT_SECONDS):
            raise Behind()

    everything = ("all", "boolean", "also those that ended and were judged")
    of_document = {
        "parameters": [*path_parameters(DOCUMENT), *HEADERS],
        "responses": {
            "200": {"description": "The document's bytes", "content": {"application/octet-stream": {}}},
            **dict.fromkeys(("401", "403", "404", "503"), PROBLEM),
        },
        "security": [{"access_token": []}],
    }
    for path, call, operation in (
        (LIST, list_glasses, read_operation(LIST, Page, everything, *PAGE, WAIT)),
        (GLASS, show_glass, read_operation(GLASS, GlassView)),
        (f"{GLASS}/timeline", show_opened_timeline, read_operation(f"{GLASS}/timeline", Page, *PAGE)),
        (DOCUMENT, show_opened_document, of_document),
    ):
        add_reading(app, path, call, "emergency", operation)


def _entry(written: Written, opened: Any) -> TimelineEntry:
    """What was opened of an event. What was not is not named: the opener learns of no other compartment."""
    data = b"{" + b",".join(p[1:-1] for p in opened.values() if len(p) > 2) + b"}"
    return TimelineEntry(
        written.position,
        written.version,
        written.topic,
        written.event.occurred_at,
        written.at,
        written.author,
        Raw(data),
    )


def _said(segments: Any) -> dict[str, Any]:
    """The fields of a glass's event that were opened."""
    return {name: value for json in segments.values() for name, value in msgspec.json.decode(json).items()}


def _glass_view(
    case: UUID, glass: Glass, written: list[Written], said: dict[int, dict[str, Any]], act: Act
) -> GlassView:
    broken = next(w for w in written if isinstance(w.event, GlassBroken))
    of = cast(GlassBroken, broken.event)
    reviews = [
        ReviewView(w.event.reviewer, w.author, w.at, w.event.verdict.value, said.get(w.position, {}).get("remark"))
        for w in written
        if isinstance(w.event, GlassReviewed)
    ]
    return GlassView(
        case=case,
        glass=glass.id,
        agency=glass.agency,
        actor=glass.actor,
        role=of.role.value,
        compartments=sorted(c.word for c in glass.compartments),
        basis=glass.basis.value,
        rule=of.rule,
        reason=said.get(broken.position, {}).get("reason"),
        opened_at=broken.at,
        expires_at=glass.expires_at,
        is_open=glass.is_open(act.at),
        review_due_at=glass.review_due_at,
        reviews=reviews,
    )
