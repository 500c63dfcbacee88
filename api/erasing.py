"""Erasures and retention: what was destroyed, who has to delete copies, and what falls due."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from rujukan.domain.authority import AUDITORS, roles_for
from rujukan.domain.erasure import AcknowledgeErasure
from rujukan.projections import erasures, retention

from .actions import Action
from .asking import add_reading, asker, wait
from .casework import Casework
from .contract import read_operation, write_operation
from .cursor import page_of, place
from .identity import Identity
from .ports import Ports
from .problems import BadRequest, as_problem
from .reading import LARGEST_PAGE, PAGE, WAIT, Page, _page
from .writing import body_of, correlation_of, fields_of, read_command, retry_key, written

ACKNOWLEDGING = Action("/erasures/{erasure}/acknowledgement", AcknowledgeErasure, "erasure", {})
DUE = (("until", "string", "only what falls due until this time"), ("held", "boolean", "only what is held"))
NEVER = datetime.max.isoformat() + "+00:00"


def add_routes(app: FastAPI, casework: Casework, identity: Identity, ports: Ports) -> None:
    """GET what was erased and what falls due; POST that a copy was deleted."""

    act_of = asker(casework, identity, ports)

    def list_erasures(request: Request) -> Response:
        act, (limit, after) = act_of(request, AUDITORS), page_of(request, LARGEST_PAGE, place)
        wait(request, ports.views)
        with ports.views.acting_for(act.agency) as db:
            found = erasures.erasures(db, before=after[0] if after else None, limit=limit)
        return _page(found, limit, lambda e: (e.position,))

    def list_retention(request: Request) -> Response:
        act = act_of(request, AUDITORS)
        limit, after = page_of(request, LARGEST_PAGE, datetime.fromisoformat, UUID)
        wait(request, ports.views)
        with ports.views.acting_for(act.agency) as db:
            found = retention.due(
                db,
                until=_time(request.query_params.get("until")),
                held_only=request.query_params.get("held") == "true",
                after=(after[0], after[1]) if after else None,
                limit=limit,
            )
        return _page(found, limit, lambda e: (e.due_at.isoformat() if e.due_at else NEVER, e.case))

    def acknowledge(request: Request, body: bytes) -> Response:
        act = act_of(request, roles_for(AcknowledgeErasure))
        command = read_command(AcknowledgeErasure, fields_of(ACKNOWLEDGING, request, body, act))
        assert isinstance(command, AcknowledgeErasure)
        done = casework.acknowledge_erasure(
            command,
            act,
            correlation=correlation_of(request),
            retry_key=retry_key(request),
            content=b" ".join((request.url.path.encode(), body)),
        )
        return written(done, ACKNOWLEDGING, request)

    async def post(request: Request) -> Response:
        async def inner(request: Request) -> Response:
            return await run_in_threadpool(acknowledge, request, await body_of(request))

        return await as_problem(request, inner)

    reads: tuple[tuple[str, Callable[[Request], Response], tuple[tuple[str, str, str], ...]], ...] = (
        ("/erasures", list_erasures, (*PAGE, WAIT)),
        ("/retention", list_retention, (*DUE, *PAGE, WAIT)),
    )
    for path, call, query in reads:
        extra: dict[str, Any] = read_operation(path, Page, *query)
        add_reading(app, path, call, "erasure", extra)
    app.add_api_route(
        ACKNOWLEDGING.path,
        post,
        methods=["POST"],
        name=AcknowledgeErasure.__name__,
        response_model=None,
        tags=["erasure"],
        summary="Say that the agency deleted what it was told",
        openapi_extra=write_operation(ACKNOWLEDGING),
    )


def _time(said: str | None) -> datetime | None:
    try:
        time = datetime.fromisoformat(said) if said is not None else None
    except ValueError:
        time = None
        said = "no time"
    if said is not None and (time is None or time.tzinfo is None):
        raise BadRequest(400, "BadQuery", "until is a time with its zone (RFC 3339).", parameter="until")
    return time
