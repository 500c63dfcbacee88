"""The application: routes, problems, and the contract."""

from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from . import (
    acknowledging,
    agency_keys,
    bundles,
    documents,
    emergency,
    erasing,
    history,
    ledger,
    messages,
    reading,
    reports,
    searching,
    subscribing,
    survivor,
    watching,
    webhooks,
    writing,
)
from .casework import Casework
from .contract import document
from .identity import Identity
from .ports import Ports
from .problems import answer

ANSWERS: list[type] = [
    *reading.ANSWERS,
    writing.Written,
    searching.Search,
    searching.Found,
    *ledger.ANSWERS,
    *messages.ANSWERS,
    *emergency.ANSWERS,
    *history.ANSWERS,
    *reports.ANSWERS,
    *survivor.ANSWERS,
    *agency_keys.ANSWERS,
    *subscribing.ANSWERS,
    *webhooks.ANSWERS,
    *acknowledging.ANSWERS,
]


def create_app(ports: Ports, version: str = "0.1.0") -> FastAPI:
    """The API on these adapters."""
    app = FastAPI(title="Rujukan", version=version, docs_url="/docs", redoc_url=None, redirect_slashes=False)
    identity = Identity(ports.tokens)
    casework = Casework(ports.log, ports.macs)
    writing.add_routes(app, casework, identity, ports)
    documents.add_routes(app, casework, identity, ports)
    searching.add_routes(app, casework, identity, ports)
    reading.add_routes(app, casework, identity, ports)
    agency_keys.add_routes(app, casework, identity, ports)
    erasing.add_routes(app, casework, identity, ports)
    ledger.add_routes(app, ports.ledger)
    bundles.add_routes(app, casework, identity, ports)
    messages.add_routes(app, ports.messages)
    emergency.add_routes(app, casework, identity, ports)
    history.add_routes(app, casework, identity, ports)
    reports.add_routes(app, casework, identity, ports)
    survivor.add_routes(app, casework, identity, ports)
    subscribing.add_routes(app, casework, identity, ports)
    webhooks.add_routes(app, casework, identity, ports)
    acknowledging.add_routes(app, casework, identity, ports)
    watching.add_routes(app, casework, identity, ports)

    async def as_problem(request: Request, error: Exception) -> Response:
        return answer(error)

    app.add_exception_handler(HTTPException, as_problem)
    app.add_exception_handler(Exception, as_problem)

    def openapi() -> dict[str, Any]:
        return document(app, ANSWERS, [erasing.ACKNOWLEDGING, acknowledging.ACKNOWLEDGING])

    app.openapi = openapi  # type: ignore[method-assign]
    app.state.casework = casework
    return app
