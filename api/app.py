"""The application over HTTP: routes, problems, and the contract."""

from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..domain.standing.readings import HISTORY_SEEN_BY, LEDGER, SEARCH, SUBSCRIPTION, Reading
from ..projections import LISTINGS
from . import (
    acknowledging,
    agency_keys,
    bundles,
    case_file,
    documents,
    emergency,
    erasing,
    health,
    history,
    ledger,
    messages,
    proposals,
    reference,
    reports,
    searching,
    subscribing,
    survivor,
    webhooks,
    writes,
)
from .application.ports import Ports
from .application.rooms import Rooms
from .contract import answers_of, document
from .docs_page import add_page
from .gate import Gate
from .limits import Limits
from .methods import HeadAsGet, methods_of
from .problems import answer, method_not_allowed
from .reads import Read, listed
from .serving import Door
from .subscribing import Subscribing

READS: tuple[Read, ...] = (
    *(listed(listing) for listing in LISTINGS),
    *case_file.READS,
    *documents.READS,
    *reference.READS,
    *health.READS,
    *agency_keys.READS,
    *proposals.READS,
    *ledger.READS,
    *bundles.READS,
    *messages.READS,
    *emergency.READS,
    *history.READS,
    *reports.READS,
    *survivor.READS,
    *webhooks.READS,
)
"""Every read that holds a thread; those of `subscribing` wait without one."""

DOORS: tuple[tuple[Reading, str], ...] = (
    *((read.may, read.path) for read in READS),
    *((SUBSCRIPTION, path) for path in subscribing.PATHS),
    (SEARCH, searching.PATH),
    (LEDGER, ledger.COSIGNATURES),
    (HISTORY_SEEN_BY, "/cases/{case}/history?agency="),
)
"""What is read where, and by which row of the table of standing."""

ANSWERS: list[Any] = [
    case_file.TimelineEntry,
    survivor.SurvivorReport,
    writes.Stored,
    *searching.ANSWERS,
    *ledger.ANSWERS,
    *acknowledging.ANSWERS,
]
"""What other routes answer."""


def create_app(ports: Ports, version: str = "0.1.0", limits: Limits | None = None) -> FastAPI:
    """The API on these adapters, within these limits; unless they are said, only within those of what is open or under
    way."""
    app = FastAPI(title="Rujukan", version=version, docs_url=None, redoc_url=None, redirect_slashes=False)
    rooms = Rooms.on(ports)
    door = Door(app, rooms, Gate(limits or Limits.of_places(), rooms.refused))
    feed = Subscribing(rooms, door.gate)
    for routes in (writes, documents, searching, erasing, ledger, acknowledging):
        routes.add_routes(door)
    add_page(app)
    reads = (*READS, *feed.reads)
    for read in reads:
        door.add(read)

    async def as_problem(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException) and error.status_code == 405:
            return method_not_allowed(methods_of(app, request))
        return answer(error)

    app.add_exception_handler(HTTPException, as_problem)
    app.add_exception_handler(Exception, as_problem)
    app.add_middleware(HeadAsGet)

    def openapi() -> dict[str, Any]:
        return document(app, [*answers_of(reads), *ANSWERS], [erasing.ACKNOWLEDGING, acknowledging.ACKNOWLEDGING])

    app.openapi = openapi  # type: ignore[method-assign]
    app.state.waiting = feed.waiting
    app.state.gate = door.gate
    return app
