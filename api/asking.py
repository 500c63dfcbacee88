"""What every route that reads does: run on a thread, look into path and query, answer JSON that nobody keeps."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from rujukan.domain.codes import Role
from rujukan.domain.fact import EARLIEST, Act
from rujukan.domain.history import When
from rujukan.domain.refusal import Unknown

from .casework import Casework
from .identity import Identity, acting
from .ports import Ports, Views
from .problems import BadRequest, Behind, as_problem

WAIT_SECONDS = 5.0


def add_reading(
    app: FastAPI,
    path: str,
    call: Callable[[Request], Response],
    tag: str,
    operation: dict[str, Any],
    *,
    name: str | None = None,
    summary: str | None = None,
) -> None:
    """Answer GET at this path with the call, on a thread; `operation` is what OpenAPI says of it."""
    app.add_api_route(
        path,
        _on_a_thread(call),
        methods=["GET"],
        name=name or call.__name__,
        response_model=None,
        tags=[tag],
        summary=summary,
        openapi_extra=operation,
    )


def _on_a_thread(call: Callable[[Request], Response]) -> Callable[[Request], Any]:
    async def inner(request: Request) -> Response:
        if any("\x00" in value for value in request.query_params.values()):
            raise BadRequest(400, "BadQuery", "A query value has no NUL.")
        return await run_in_threadpool(call, request)

    async def route(request: Request) -> Response:
        return await as_problem(request, inner)

    return route


def asker(casework: Casework, identity: Identity, ports: Ports) -> Callable[[Request, frozenset[Role]], Act]:
    """Says who asks: the act of a request's caller, in one of the roles that may read this. Raises as `acting` does."""

    def act_of(request: Request, roles: frozenset[Role]) -> Act:
        caller = identity.caller(request.headers.get("authorization"))
        purpose = request.headers.get("purpose-of-use")
        return acting(caller, casework.network.get(caller.agency), roles, purpose, ports.now())

    return act_of


def wait(request: Request, views: Views) -> None:
    said = request.query_params.get("wait_for")
    if said is None:
        return
    if not (said.isascii() and said.isdigit() and len(said) < 19):
        raise BadRequest(400, "BadQuery", "wait_for is a position.", parameter="wait_for")
    if not views.wait_for(int(said), WAIT_SECONDS):
        raise Behind()


def json_answer(body: object, headers: dict[str, str] | None = None) -> Response:
    return Response(
        msgspec.json.encode(body), 200, {"Cache-Control": "no-store", **(headers or {})}, "application/json"
    )


def path_uuid(request: Request, name: str) -> UUID:
    try:
        return UUID(request.path_params[name])
    except ValueError:
        raise Unknown(what=name) from None


def query_uuid(request: Request, name: str) -> UUID | None:
    said = request.query_params.get(name)
    try:
        return UUID(said) if said is not None else None
    except ValueError:
        raise BadRequest(400, "BadQuery", f"{name} is a UUID.", parameter=name) from None


def query_number(request: Request, name: str, least: int, most: int, usual: int) -> int:
    """A number within these bounds. Raises BadRequest for another."""
    said = request.query_params.get(name)
    if said is None:
        return usual
    if not (said.isascii() and said.isdigit() and len(said) < 20 and least <= int(said) <= most):
        raise BadRequest(400, "BadQuery", f"{name} is a number from {least} to {most}.", parameter=name)
    return int(said)


def query_when(request: Request, name: str, now: datetime) -> When | None:
    """A position, or an instant with its zone that is not in the future; None where nothing is said.
    Raises BadRequest."""
    said = request.query_params.get(name)
    if said is None:
        return None
    if said.isascii() and said.isdigit() and len(said) < 19:
        return int(said)
    try:  # a "+" that was not escaped arrives as a space
        instant = datetime.fromisoformat(re.sub(r" (\d\d:?\d\d)\Z", r"+\1", said))
        if instant.tzinfo is None or not EARLIEST <= instant <= now:
            raise ValueError
    except (ValueError, OverflowError):
        detail = f"{name} is a position, or an instant with its zone that is not in the future."
        raise BadRequest(400, "BadQuery", detail, parameter=name) from None
    return instant


def query_choice(request: Request, name: str, choices: tuple[str, ...], usual: str) -> str:
    """One of a few words. Raises BadRequest for another."""
    said = request.query_params.get(name, usual)
    if said not in choices:
        raise BadRequest(400, "BadQuery", f"{name} is one of {', '.join(choices)}.", parameter=name)
    return said
