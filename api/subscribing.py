"""Subscribing over HTTP: what an agency is told, by pages, by long-poll, or as server-sent events.

The messages are those of the agency's Kafka topic, sealed to its key, and the cursor is the same: the sequence. Nobody
reads anything here, so no access is recorded: what was told, and may be fetched as often as wanted, the register says.
"""

import logging
import time
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from fastapi import FastAPI
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from rujukan.domain.agency_state import Agency
from rujukan.domain.refusal import KeyMissing, Refusal
from rujukan.projections import deliveries

from .asking import json_answer, query_number, query_uuid, query_when
from .casework import Casework
from .contract import PROBLEM, read_operation
from .event_stream import EventStream
from .identity import Caller, Identity, NotAuthenticated, subscriber
from .ports import Ports, Sealed
from .problems import BadRequest, as_problem
from .waiting import Waiting, rung

log = logging.getLogger(__name__)

PATH = "/subscription"
LARGEST_PAGE = 500
USUAL_PAGE = 100
LONGEST_WAIT = 30
LARGEST_SEQUENCE = 2**63 - 1

LOOK_SECONDS = 5.0
"""How often who waits looks for itself: at the agency and the token, and for what no bell told of."""
HEARTBEAT_SECONDS = 10.0
STREAM_PAGE = 20
"""How many messages a stream holds in memory."""

BATCH = "application/cloudevents-batch+json"


class Subscription(Struct, frozen=True):
    """How far the agency's sequence goes, and up to which the agency says it received and handled."""

    agency: str
    head: int
    received: int
    handled: int


ANSWERS: list[type] = [Subscription]


class Asked(NamedTuple):
    """What a page or stream is asked for: where it begins, and of which case."""

    after: int | None
    since: datetime | None
    position: int | None
    case: UUID | None


def add_routes(app: FastAPI, casework: Casework, identity: Identity, ports: Ports) -> None:
    """The routes of subscribing."""
    feed, waiting = ports.feed, Waiting()
    feed.when_told(waiting.ring)
    app.state.waiting = waiting

    def subscribed(caller: Caller) -> Agency:
        return subscriber(caller, casework.network.get(caller.agency), ports.now())

    def with_key(caller: Caller) -> Agency:
        agency = subscribed(caller)
        if not agency.public_keys:
            raise KeyMissing(agency=agency.code)
        return agency

    def begin(caller: Caller, asked: Asked) -> int:
        """The sequence after which to begin."""
        with_key(caller)
        if asked.since is None and asked.position is None:
            return asked.after or 0
        return feed.first_at(caller.agency, time=asked.since, position=asked.position)

    def state(caller: Caller) -> Subscription:
        code = subscribed(caller).code
        with ports.views.acting_for(code) as db:
            received, handled = deliveries.marks(db)
        return Subscription(code, feed.head(code), received, handled)

    async def show(request: Request) -> Response:
        caller = identity.caller(request.headers.get("authorization"))
        return json_answer(await waiting.look(state, caller))

    async def events(request: Request) -> Response:
        caller = identity.caller(request.headers.get("authorization"))
        asked = _asked(request, ports.now())
        limit = query_number(request, "limit", 1, LARGEST_PAGE, USUAL_PAGE)
        patience = query_number(request, "wait", 0, LONGEST_WAIT, 0)

        def look(after: int) -> tuple[int, Sequence[Sealed]]:
            with_key(caller)
            return feed.head(caller.agency), feed.page(caller.agency, after, limit, asked.case)

        cursor = await waiting.look(begin, caller, asked)
        head, found = await waiting.look(look, cursor)
        if patience and not found:
            with waiting.place(caller.agency), waiting.listening(caller.agency) as event:
                give_up = time.monotonic() + patience
                while True:
                    cursor = max(cursor, head)
                    head, found = await waiting.look(look, cursor)
                    left = give_up - time.monotonic()
                    if found or left <= 0 or waiting.closed:
                        break
                    await rung(event, min(left, LOOK_SECONDS))
        last = found[-1].sequence if found else cursor
        return _page(request, found, head, last if len(found) == limit else max(last, head), limit)

    async def stream(request: Request) -> Response:
        caller = identity.caller(request.headers.get("authorization"))
        asked = _asked(request, ports.now())
        said = request.headers.get("last-event-id")
        if said is not None:
            asked = Asked(_sequence(said), None, None, asked.case)
        after = await waiting.look(begin, caller, asked)
        waiting.take_place(caller.agency)
        return EventStream(sent(caller, after, asked.case), lambda: waiting.leave(caller.agency))

    async def sent(caller: Caller, after: int, case: UUID | None) -> AsyncIterator[bytes]:
        def look() -> tuple[int, Sequence[Sealed]]:
            with_key(caller)
            return feed.head(caller.agency), feed.page(caller.agency, after, STREAM_PAGE, case)

        yield b"retry: 2000\n\n"
        with waiting.listening(caller.agency) as event:
            quiet_since = time.monotonic()
            while not waiting.closed:
                try:
                    head, found = await waiting.look(look)
                except Exception as problem:  # raised from here it would be in the server's log with all its words
                    if not isinstance(problem, Refusal | NotAuthenticated):
                        log.warning("a stream ends: %s", type(problem).__name__)
                    yield b": ended; ask again to learn why\n\n"
                    return
                for sealed in found:
                    yield b"id: %d\ndata: %s\n\n" % (sealed.sequence, sealed.event)
                    after, quiet_since = sealed.sequence, time.monotonic()
                if len(found) == STREAM_PAGE:
                    continue
                after = max(after, head)
                if time.monotonic() - quiet_since >= HEARTBEAT_SECONDS:
                    yield b":\n\n"
                    quiet_since = time.monotonic()
                await rung(event, LOOK_SECONDS)

    for path, call, summary, operation in (
        ("", show, "How far the agency's sequence goes", read_operation(PATH, Subscription, purpose=False)),
        ("/events", events, "What the agency is told, by pages or long-poll", _events_operation()),
        ("/stream", stream, "What the agency is told, as server-sent events", _stream_operation()),
    ):
        app.add_api_route(
            PATH + path,
            _route(call),
            methods=["GET"],
            name=f"subscription_{call.__name__}",
            response_model=None,
            tags=["subscribing"],
            summary=summary,
            openapi_extra=operation,
        )


def _route(call: Any) -> Any:
    async def inner(request: Request) -> Response:
        if any("\x00" in value for value in request.query_params.values()):
            raise BadRequest(400, "BadQuery", "A query value has no NUL.")
        answer: Response = await call(request)
        return answer

    async def route(request: Request) -> Response:
        return await as_problem(request, inner)

    return route


def _asked(request: Request, now: datetime) -> Asked:
    """Where to begin, and of which case. Raises BadRequest."""
    said = [name for name in ("after", "since", "position") if name in request.query_params]
    if len(said) > 1:
        raise BadRequest(400, "BadQuery", "Say one of after, since and position.", parameter=said[1])
    after = request.query_params.get("after")
    since = query_when(request, "since", now)
    if isinstance(since, int):
        raise BadRequest(400, "BadQuery", "since is an instant with its zone.", parameter="since")
    position = query_number(request, "position", 0, LARGEST_SEQUENCE, 0) if "position" in said else None
    return Asked(None if after is None else _sequence(after), since, position, query_uuid(request, "case"))


def _sequence(said: str) -> int:
    if not (said.isascii() and said.isdigit() and len(said) < 19):
        raise BadRequest(400, "BadQuery", "after, or Last-Event-ID, is a sequence.", parameter="after")
    return int(said)


def _page(request: Request, found: Sequence[Sealed], head: int, after: int, limit: int) -> Response:
    """A page, and where the next one is; it begins where this one ends, also where nothing was there yet."""
    query: dict[str, str | int] = {"after": after, "limit": limit}
    query |= {name: request.query_params[name] for name in ("wait", "case") if name in request.query_params}
    headers = {
        "Rujukan-Head": str(head),
        "Link": f'<{PATH}/events?{urlencode(query)}>; rel="next"',
        "Cache-Control": "no-store",
    }
    return Response(b"[" + b",".join(s.event for s in found) + b"]", 200, headers, BATCH)


_BEGIN = (
    ("after", "integer", "begin after this sequence; from the beginning where nothing is said"),
    ("since", "string", "begin with what was told at or after this time (RFC 3339)"),
    ("position", "integer", "begin with what was told by events from this position of the log on"),
    ("case", "string", "of this case only"),
)


def _events_operation() -> dict[str, Any]:
    more = (
        ("limit", "integer", f"1 to {LARGEST_PAGE}, usually {USUAL_PAGE}"),
        ("wait", "integer", f"seconds, at most {LONGEST_WAIT}, that an empty answer waits for something new"),
    )
    found = read_operation(f"{PATH}/events", Subscription, *_BEGIN, *more, purpose=False)
    event = {"type": "object", "description": "A CloudEvents 1.0 event, its data sealed to the agency's key"}
    found["responses"]["200"] = {
        "description": "Sealed messages in the order of their sequence",
        "headers": {
            "Rujukan-Head": {"schema": {"type": "integer"}, "description": "The agency's newest sequence"},
            "Link": {"schema": {"type": "string"}, "description": 'The page behind this one, rel="next"'},
        },
        "content": {BATCH: {"schema": {"type": "array", "items": event}}},
    }
    found["responses"] |= {"409": PROBLEM, "429": PROBLEM}
    return found


def _stream_operation() -> dict[str, Any]:
    found = read_operation(f"{PATH}/stream", Subscription, *_BEGIN, purpose=False)
    found["parameters"].append(
        {
            "name": "Last-Event-ID",
            "in": "header",
            "description": "The id of the last event that arrived: goes before every parameter",
            "schema": {"type": "integer"},
        }
    )
    found["responses"]["200"] = {
        "description": "Server-sent events: `id` is the sequence, `data` a CloudEvent as JSON; comments in between",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
    found["responses"] |= {"409": PROBLEM, "429": PROBLEM}
    return found
