"""Finding a person's cases."""

import msgspec
from fastapi import FastAPI
from msgspec import Struct
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from rujukan.domain.authority import READERS
from rujukan.domain.compartment import Compartment
from rujukan.domain.nik import Nik
from rujukan.projections import people

from .casework import Casework
from .contract import HEADERS, PROBLEM, REF
from .identity import Caller, Identity, acting
from .ports import Ports
from .problems import as_problem, unreadable
from .secrets import nik_index
from .writing import body_of, correlation_of

PATH = "/cases/search"


class Search(Struct, frozen=True, forbid_unknown_fields=True):
    """A person, by national identity number. In the body, so that no log of addresses has it."""

    nik: Nik


class Found(Struct, frozen=True):
    """The caller's agency's cases of that person."""

    cases: list[str]


def add_routes(app: FastAPI, casework: Casework, identity: Identity, ports: Ports) -> None:
    """POST a number, get cases."""

    def search(request: Request, body: bytes, caller: Caller) -> Response:
        agency = casework.network.get(caller.agency)
        act = acting(caller, agency, READERS, request.headers.get("purpose-of-use"), ports.now())
        try:
            asked = msgspec.json.decode(body, type=Search)
        except msgspec.MsgspecError as error:
            raise unreadable(error) from None
        with ports.views.acting_for(act.agency) as db:
            found = people.cases_of(db, nik_index(ports.macs, asked.nik))
        for case in found:
            shown = (Compartment.IDENTITY,)
            casework.record_access(
                act, case, shown, "search", casework.basis(case, act, shown), correlation_of(request)
            )
        answer = msgspec.json.encode(Found([str(case) for case in found]))
        return Response(answer, 200, {"Cache-Control": "no-store"}, "application/json")

    async def post(request: Request) -> Response:
        async def inner(request: Request) -> Response:
            caller = identity.caller(request.headers.get("authorization"))
            return await run_in_threadpool(search, request, await body_of(request), caller)

        return await as_problem(request, inner)

    app.add_api_route(
        PATH,
        post,
        methods=["POST"],
        name="search_cases",
        response_model=None,
        tags=["lists"],
        summary="Find the cases of a person by national identity number",
        openapi_extra={
            "parameters": HEADERS,
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": {"$ref": REF.format(name="Search")},
                        "examples": {"example": {"value": {"nik": "6474014107120001"}}},
                    }
                },
            },
            "responses": {
                "200": {
                    "description": "Found among the agency's own cases",
                    "content": {"application/json": {"schema": {"$ref": REF.format(name="Found")}}},
                },
                **dict.fromkeys(("400", "401", "403", "422", "503"), PROBLEM),
            },
            "security": [{"access_token": []}],
        },
    )
