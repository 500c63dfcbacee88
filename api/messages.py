"""What agencies are sent, described: schemas, the AsyncAPI document, and a page for people. All of it is public."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct
from starlette.responses import Response

from ..domain.standing import readings
from .application.rooms import Rooms
from .problems import BadRequest
from .reads import TEXT, Content, Read
from .serving import json_answer

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


def schemas(rooms: Rooms) -> Response:
    found = [SchemaVersion(topic, n, f"/schemas/{topic}/{n}") for topic, n in rooms.messages.names()]
    return json_answer(SchemaVersions(found), KEPT)


def schema(rooms: Rooms, *, topic: str, version: str) -> Response:
    is_number = version.isascii() and version.isdigit() and len(version) < 7 and not version.startswith("0")
    found = rooms.messages.schema(topic, int(version)) if is_number else None
    if found is None:
        raise BadRequest(404, "NoSuchSchema", "There is no such schema; /schemas lists those there are.")
    return Response(found, 200, KEPT, JSON_SCHEMA)


def asyncapi(rooms: Rooms) -> Response:
    return Response(rooms.messages.asyncapi(), 200, KEPT, ASYNCAPI)


def events(rooms: Rooms) -> Response:
    text, policy = rooms.messages.page()
    headers = {**KEPT, "Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"}
    return Response(text, 200, headers, "text/html; charset=utf-8")


FOR_ALL = "The same for everybody"
ANYTHING: dict[str, Any] = {"type": "object"}


def _public(path: str, call: Callable[..., Any], answer: Any, summary: str) -> Read:
    problems = ("400", "404") if "{" in path else ("400",)
    name = f"messages_{call.__name__}"
    return Read(path, call, answer, "messages", readings.MESSAGES, name=name, summary=summary, problems=problems)


READS = (
    _public("/schemas", schemas, SchemaVersions, "Every schema of what agencies are told"),
    _public(
        "/schemas/{topic}/{version}",
        schema,
        Content({JSON_SCHEMA: ANYTHING}, FOR_ALL),
        "The JSON Schema of an event's data",
    ),
    _public(
        "/asyncapi.json",
        asyncapi,
        Content({ASYNCAPI: ANYTHING}, FOR_ALL),
        "The AsyncAPI 3.0 document of an agency's subscription",
    ),
    _public("/docs/events", events, Content({"text/html": TEXT}, FOR_ALL), "The same for people"),
)
