"""What agencies are sent, described: schemas, the AsyncAPI document, and a page for people. All of it is public."""

from typing import Any

from fastapi import FastAPI
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from .asking import add_reading, json_answer
from .contract import PROBLEM, path_parameters
from .ports import Messages
from .problems import BadRequest

JSON_SCHEMA = "application/schema+json"
ASYNCAPI = "application/vnd.aai.asyncapi+json;version=3.0.0"
KEPT = {"Cache-Control": "public, max-age=300"}


class SchemaVersion(Struct, frozen=True):
    """A schema that is served."""

    topic: str
    version: int
    href: str


class SchemaVersions(Struct, frozen=True):
    """All of them."""

    schemas: list[SchemaVersion]


ANSWERS: list[type] = [SchemaVersions]


def add_routes(app: FastAPI, messages: Messages) -> None:

    def schemas(request: Request) -> Response:
        found = [SchemaVersion(topic, n, f"/schemas/{topic}/{n}") for topic, n in messages.names()]
        return json_answer(SchemaVersions(found), KEPT)

    def schema(request: Request) -> Response:
        topic, said = request.path_params["topic"], request.path_params["version"]
        is_number = said.isascii() and said.isdigit() and len(said) < 7 and not said.startswith("0")
        found = messages.schema(topic, int(said)) if is_number else None
        if found is None:
            raise BadRequest(404, "NoSuchSchema", "There is no such schema; /schemas lists those there are.")
        return Response(found, 200, KEPT, JSON_SCHEMA)

    def asyncapi(request: Request) -> Response:
        return Response(messages.asyncapi(), 200, KEPT, ASYNCAPI)

    def events(request: Request) -> Response:
        text, policy = messages.page()
        headers = {**KEPT, "Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"}
        return Response(text, 200, headers, "text/html; charset=utf-8")

    anything: dict[str, Any] = {"schema": {"type": "object"}}
    listed: dict[str, Any] = {"schema": {"$ref": "#/components/schemas/SchemaVersions"}}
    for path, call, content, summary in (
        ("/schemas", schemas, {"application/json": listed}, "Every schema of what agencies are told"),
        ("/schemas/{topic}/{version}", schema, {JSON_SCHEMA: anything}, "The JSON Schema of an event's data"),
        ("/asyncapi.json", asyncapi, {ASYNCAPI: anything}, "The AsyncAPI 3.0 document of an agency's subscription"),
        ("/docs/events", events, {"text/html": {"schema": {"type": "string"}}}, "The same for people"),
    ):
        add_reading(
            app,
            path,
            call,
            "messages",
            {
                "parameters": path_parameters(path),
                "responses": {
                    "200": {"description": "The same for everybody", "content": content},
                    **({"404": PROBLEM} if "{" in path else {}),
                },
                "security": [],
            },
            name=f"messages_{call.__name__}",
            summary=summary,
        )
