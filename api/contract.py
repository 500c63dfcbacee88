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
from ..domain.patterns import for_others
from ..domain.standing.page import in_data, second_in_data, second_sentence, sentence, summary, time_of
from ..domain.standing.readings import Reading, Who
from .actions import AGENCY_ACTIONS, CASE_ACTIONS, MADE_HERE, OPENING, PROPOSAL_ACTIONS, Action
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
        "description": "The same key with the same request has one effect, however often it is sent: one key for each"
        " person of an agency; the same request is the same address and the same JSON, however it is written",
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

MISFIT: dict[str, Any] = {
    "at": {"type": "string", "examples": ["$.recipients[0]"], "description": "Where in the body, from `$` on"},
    "expected": {"type": "string", "description": "What is expected there"},
    "allowed": {"type": "array", "items": {"type": "string"}, "description": "All that is allowed there"},
    "meant": {"type": "string", "description": "The one of them that was misspelt, as it seems"},
}
MEND: dict[str, Any] = {
    "type": "object",
    "required": ["id", "en"],
    "properties": {"id": {"type": "string"}, "en": {"type": "string"}},
    "description": "What to do, for the person in front of the screen, in Bahasa Indonesia and English",
}
_WORDS: dict[str, Any] = {
    "type": "object",
    "required": ["says", "next"],
    "properties": {"says": {"type": "string"}, "next": {"type": "string"}},
}
PERSON: dict[str, Any] = {
    "type": "object",
    "required": ["id", "en"],
    "properties": {"id": _WORDS, "en": _WORDS},
    "description": "For the person in front of the screen, in Bahasa Indonesia and English: what is the matter, and"
    " what can be done next",
}
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
NOT_KNOWN = {
    **PROBLEM,
    "description": "Nobody is known to be calling",
    "headers": {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "RFC 6750"}},
}
METHOD_NOT_ALLOWED = {
    **PROBLEM,
    "description": "The address has other methods",
    "headers": {"Allow": {"schema": {"type": "string"}, "description": "All that it has"}},
}
TOO_SLOW = {**PROBLEM, "description": "The body did not arrive in time. Nothing was stored; send it again"}
TOO_LARGE = {**PROBLEM, "description": "The body is larger than it may be"}
NOT_JSON = {**PROBLEM, "description": "The body is of another media type, or is encoded"}
UNAVAILABLE = {
    **PROBLEM,
    "description": "It cannot be answered now. Send it again after as many seconds as `Retry-After` says; a write with"
    " the same Idempotency-Key, as it is not known whether it is stored",
    "headers": {"Retry-After": {"schema": {"type": "integer", "minimum": 1}, "description": "Seconds"}},
}
STORED = {
    "description": "Stored, durably",
    "headers": {
        "ETag": {"schema": {"type": "string"}, "description": "The new version"},
        "Rujukan-Position": {"schema": {"type": "integer"}, "description": "Position in the log"},
        "Location": {
            "schema": {"type": "string"},
            "description": "Where to read what was made, or the proposal that waits; absent where who wrote cannot",
        },
        "Idempotent-Replayed": {
            "schema": {"type": "string", "enum": ["true"]},
            "description": "The request came before with this Idempotency-Key: this is what it was answered then",
        },
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
            _add_what_any_may_answer(operation)
    actions = (OPENING, *CASE_ACTIONS, *AGENCY_ACTIONS, *PROPOSAL_ACTIONS, *more)
    commands = list(dict.fromkeys(action.command for action in actions))
    _, schemas = msgspec.json.schema_components([*commands, *answers], ref_template=REF)
    for action in actions:
        _trim(schemas[action.command.__name__], action, action.command)
        if not schemas[action.command.__name__]["required"]:
            found["paths"][action.path]["post"]["requestBody"]["required"] = False
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
            "person": PERSON,
            "acts": {
                "type": "array",
                "items": {"type": "string", "examples": ["POST /cases/{case}/consents"]},
                "description": "What can be done next, as operations of this document",
            },
            "parameter": {"type": "string", "description": "Of the query: which one it is about, with `bad-query`"},
            "header": {"type": "string", "description": "Which one it is about, with `bad-header`"},
            **MISFIT,
            "errors": {
                "type": "array",
                "items": {"type": "object", "required": ["at", "expected"], "properties": {**MISFIT, "mend": MEND}},
                "description": "All that does not fit, with `does-not-fit`; the first is said above, too",
            },
            "limit": {"type": "string", "examples": ["reads"], "description": "Which limit, with status 429"},
        },
    }
    components["securitySchemes"] = {
        "access_token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT (RFC 9068, typ at+jwt)"}
    }
    app.openapi_schema = with_patterns_for_others(found)
    return app.openapi_schema


def _add_what_any_may_answer(operation: dict[str, Any]) -> None:
    """What the doors in front of an operation answer, whatever the operation is."""
    answers = operation["responses"]
    answers |= {"400": PROBLEM, "405": METHOD_NOT_ALLOWED, "503": UNAVAILABLE}
    if "401" in answers:
        answers["401"] = NOT_KNOWN
    if not operation.pop(UNLIMITED, False):
        answers["429"] = TOO_MANY
    if "requestBody" in operation:
        answers |= {"408": TOO_SLOW, "413": TOO_LARGE}
        if "application/json" in operation["requestBody"]["content"]:
            answers["415"] = NOT_JSON


def with_patterns_for_others(schema: Any) -> Any:
    """A schema whose patterns every dialect can read."""
    if isinstance(schema, list):
        return [with_patterns_for_others(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: with_patterns_for_others(value) for name, value in schema.items()}
    if isinstance(pattern := found.get("pattern"), str):
        found["pattern"] = for_others(pattern)
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
