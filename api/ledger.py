"""The ledger over HTTP: checkpoint and tiles (C2SP tlog-tiles), receipts (tlog-proof), and cosignatures that
witnesses bring. Public: an entry is a hash that tells nothing of its event; what is told is how many there are.
"""

from typing import Any

from fastapi import FastAPI
from msgspec import Struct
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from .asking import add_reading, json_answer
from .contract import PROBLEM, path_parameters
from .ports import Ledger
from .problems import BadRequest, as_problem
from .writing import body_of

PREFIX = "/ledger"
LARGEST_NOTE = 512 * 1024
TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"
FOREVER = "public, max-age=31536000, immutable"


class Taken(Struct, frozen=True):
    """How many cosignatures were new."""

    taken: int


class LogKeys(Struct, frozen=True):
    """The log's verifier keys (C2SP signed-note vkeys). Compare them with what you were given in another way."""

    keys: list[str]


ANSWERS: list[type] = [Taken, LogKeys]


def add_routes(app: FastAPI, ledger: Ledger) -> None:
    """The routes of the ledger."""

    def checkpoint(request: Request) -> Response:
        found = ledger.checkpoint()
        if found is None:
            raise BadRequest(404, "NotSealedYet", "Nothing is sealed yet.")
        return Response(found, 200, {"Cache-Control": "no-cache"}, TEXT)

    def tile(request: Request) -> Response:
        found = ledger.tile("tile/" + request.path_params["tile"])
        if found is None:
            raise BadRequest(404, "Unknown", "The tree has no such tile.")
        return Response(found, 200, {"Cache-Control": FOREVER}, BYTES)

    def receipt(request: Request) -> Response:
        said = request.path_params["position"]
        if not (said.isascii() and said.isdigit() and len(said) < 19):
            raise BadRequest(404, "Unknown", "A position is a number.")
        witnessed = request.query_params.get("witnessed") == "true"
        return Response(ledger.receipt(int(said), witnessed), 200, {"Cache-Control": "no-store"}, TEXT)

    def keys(request: Request) -> Response:
        return json_answer(LogKeys(list(ledger.keys())))

    def take(request: Request, body: bytes) -> Response:
        return json_answer(Taken(ledger.take_cosignatures(body)))

    async def bring(request: Request) -> Response:
        async def inner(request: Request) -> Response:
            return await run_in_threadpool(take, request, await body_of(request, LARGEST_NOTE))

        return await as_problem(request, inner)

    text: dict[str, Any] = {"text/plain": {"schema": {"type": "string"}}}
    binary: dict[str, Any] = {BYTES: {"schema": {"type": "string", "format": "binary"}}}
    witnessed = {
        "name": "witnessed",
        "in": "query",
        "schema": {"type": "boolean"},
        "description": "only under a checkpoint that enough witnesses cosigned",
    }
    for path, call, content, parameters in (
        ("/checkpoint", checkpoint, text, []),
        ("/tile/{tile:path}", tile, binary, []),
        ("/receipts/{position}", receipt, text, [witnessed]),
        ("/keys", keys, {"application/json": {"schema": {"$ref": "#/components/schemas/LogKeys"}}}, []),
    ):
        add_reading(
            app,
            PREFIX + path,
            call,
            "ledger",
            {
                "parameters": [*path_parameters(path.replace(":path", "")), *parameters],
                "responses": {
                    "200": {"description": "As the specification has it", "content": content},
                    "404": PROBLEM,
                },
                "security": [],
            },
            name=f"ledger_{call.__name__}",
            summary=call.__name__.capitalize(),
        )
    app.add_api_route(
        f"{PREFIX}/cosignatures",
        bring,
        methods=["POST"],
        name="ledger_cosignatures",
        response_model=None,
        tags=["ledger"],
        summary="Bring a witness's cosignatures under a checkpoint",
        openapi_extra={
            "requestBody": {"required": True, "content": text},
            "responses": {
                "200": {
                    "description": "How many were new",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Taken"}}},
                },
                **dict.fromkeys(("413", "422"), PROBLEM),
            },
            "security": [],
        },
    )
