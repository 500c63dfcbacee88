"""The OpenAPI 3.1 document: schemas from the domain's own types, an example for every action."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ..domain.compartment import compartments_of
from ..domain.declaring import ASKED
from ..domain.fact import Fact
from ..domain.standing.page import in_data, second_in_data, second_sentence, sentence, summary, time_of
from ..domain.standing.readings import Reading, Who
from .actions import AGENCY_ACTIONS, CASE_ACTIONS, OPENING, PROPOSAL_ACTIONS, Action
from .parameters import REF
from .reads import Content, Read

HEADERS: list[dict[str, Any]] = [
    {
        "name": "Purpose-Of-Use",
        "in": "header",
        "required": True,
        "description": "What the caller acts for",
        "schema": {"type": "string", "examples": ["care"]},
    },
    {
        "name": "X-Correlation-Id",
        "in": "header",
        "description": "Ties the events of one piece of work together",
        "schema": {"type": "string", "format": "uuid"},
    },
]
WRITE_HEADERS: list[dict[str, Any]] = [
    *HEADERS,
    {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "The same key with the same request has one effect, however often it is sent",
        "schema": {"type": "string", "maxLength": 200},
    },
    {
        "name": "If-Match",
        "in": "header",
        "description": "The case's ETag; the write is refused with 412 when the case moved on",
        "schema": {"type": "string", "examples": ['"7"']},
    },
]

UNLIMITED = "x-unlimited"
"""Marks an operation that no limit refuses, until the document is made."""
MADE_HERE = frozenset({"nik_index"})
"""Fields of commands that the service makes and no caller sends."""

PROBLEM = {
    "description": "A problem (RFC 9457); `type` is stable",
    "content": {"application/problem+json": {"schema": {"$ref": REF.format(name="Problem")}}},
}
TOO_MANY = {
    **PROBLEM,
    "description": "The caller, or its agency, asked for more than it may: `limit` names what of. Send it again after"
    " as many seconds as `Retry-After` says; nothing was done",
    "headers": {"Retry-After": {"schema": {"type": "integer", "minimum": 1}, "description": "Seconds"}},
}
STORED = {
    "description": "Stored, durably",
    "headers": {
        "ETag": {"schema": {"type": "string"}, "description": "The new version"},
        "Rujukan-Position": {"schema": {"type": "integer"}, "description": "Position in the log"},
    },
    "content": {"application/json": {"schema": {"$ref": REF.format(name="Stored")}}},
}


def write_operation(action: Action) -> dict[str, Any]:
    """What the document says of one action."""
    responses: dict[str, Any] = {"201" if action.mints else "200": STORED}
    responses.update(dict.fromkeys(("400", "401", "403", "404", "409", "412", "422", "503"), PROBLEM))
    rows, second = ASKED[action.command].rows, ASKED[action.command].second
    said = f"{summary(action.command)}\n\n{sentence(rows)}\n\n`occurred_at`: {time_of(action.command, 'en')}."
    if second is not None:
        responses["202"] = {**STORED, "description": "It waits for a second person: `id` is that of the proposal"}
        said += f"\n\n{second_sentence(second)}"
    return {
        "description": said,
        "x-standing": in_data(rows),
        **({"x-second-person": second_in_data(second)} if second is not None else {}),
        "parameters": [*path_parameters(action.path), *WRITE_HEADERS],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": REF.format(name=action.command.__name__)},
                    "examples": {"example": {"value": action.example}},
                }
            },
        },
        "responses": responses,
        "security": [{"access_token": []}],
    }


def path_parameters(path: str) -> list[dict[str, Any]]:
    """The parameters that stand in a path."""
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", path)
    ]


def read_operation(read: Read) -> dict[str, Any]:
    """What the document says of a read."""
    answers = read.answer if isinstance(read.answer, Content) else Content({"application/json": _schema(read.answer)})
    ok: dict[str, Any] = {
        "description": answers.description,
        "content": {media: {"schema": schema} for media, schema in answers.media.items()},
    }
    if answers.headers:
        ok["headers"] = answers.headers
    return {
        **standing_of(read.may),
        **({} if read.is_limited else {UNLIMITED: True}),
        "parameters": [*(p.document() for p in read.parameters), *(HEADERS if read.for_purpose else ())],
        "responses": {
            "200": ok,
            **dict.fromkeys(read.problems, PROBLEM),
            **read.more,
        },
        "security": [] if read.may.who is Who.EVERYBODY else [{"access_token": []}],
    }


def standing_of(reading: Reading) -> dict[str, Any]:
    """What the document says of who may read."""
    said = sentence(reading.rows) if reading.who is None else f"Who may: {reading.who.value.en}."
    return {
        "description": f"{reading.words.en}.\n\n{said}",
        "x-standing": in_data(reading.rows) if reading.who is None else reading.who.name.lower(),
    }


def _schema(answer: Any) -> dict[str, Any]:
    (schema,), _ = msgspec.json.schema_components([answer], ref_template=REF)
    return schema


def answers_of(reads: Sequence[Read]) -> list[Any]:
    """The named types that these reads answer with, and are asked."""
    found = [read.answer for read in reads if not isinstance(read.answer, Content)]
    return [*found, *(named for read in reads for parameter in read.parameters for named in parameter.schemas)]


def document(app: FastAPI, answers: Sequence[Any], more: Sequence[Action] = ()) -> dict[str, Any]:
    """The whole document. `answers` are the types that reads answer with, `more` the actions beside the table's."""
    if app.openapi_schema:
        return app.openapi_schema
    found = get_openapi(
        title="Rujukan",
        version=app.version,
        openapi_version="3.1.0",
        summary="Secure inter-agency referral: sealed events, agency read models, provable history",
        routes=app.routes,
    )
    for item in found["paths"].values():
        for operation in item.values():
            operation.get("responses", {}).pop("422", None) if "requestBody" not in operation else None
            operation["responses"].pop("default", None)
            if not operation.pop(UNLIMITED, False):
                operation["responses"]["429"] = TOO_MANY
    actions = (OPENING, *CASE_ACTIONS, *AGENCY_ACTIONS, *PROPOSAL_ACTIONS, *more)
    commands = list(dict.fromkeys(action.command for action in actions))
    _, schemas = msgspec.json.schema_components([*commands, *answers], ref_template=REF)
    for action in actions:
        _trim(schemas[action.command.__name__], action, action.command)
    components = found.setdefault("components", {})
    components.setdefault("schemas", {}).update(schemas)
    components["schemas"]["Problem"] = {
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string", "examples": ["urn:rujukan:problem:consent-missing"]},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "about": {"type": "object"},
            "limit": {"type": "string", "examples": ["reads"], "description": "Which limit, with status 429"},
        },
    }
    components["securitySchemes"] = {
        "access_token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT (RFC 9068, typ at+jwt)"}
    }
    app.openapi_schema = found
    return found


def _trim(schema: dict[str, Any], action: Action, command: type[Fact]) -> None:
    """A body leaves out what stands in the path, and may leave out what has a default; compartments are shown."""
    in_path = set(re.findall(r"{(\w+)}", action.path))
    optional = {"occurred_at", action.mints}
    schema["required"] = [f for f in schema.get("required", ()) if f not in in_path | optional]
    for name in in_path | MADE_HERE:
        schema["properties"].pop(name, None)
    for name, compartment in compartments_of(command).items():
        if name in schema["properties"]:
            schema["properties"][name]["x-compartment"] = compartment.word
