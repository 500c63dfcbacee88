"""Subscribing over HTTP: what an agency is told, by pages, by long-poll, or as server-sent events.

The messages are those of the agency's Kafka topic, sealed to its key, under the same numbers. A cursor is the number of
the last delivery that the agency has, and its id: where the register has another there, or none, the agency is told so,
as a number alone may be of a history that is not this one. Nobody reads anything here, so no access is recorded: what
was told, and may be fetched as often as wanted, the register says.
"""

import logging
import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from msgspec import Meta, Struct
from starlette.responses import Response

from ..domain.agency_state import Agency
from ..domain.delivery import CURSOR, Cursor
from ..domain.refusal import KeyMissing, Refusal
from ..domain.standing.readings import SUBSCRIPTION
from ..domain.words import Words
from ..projections import marks
from ..projections.listing import OfCase, Positive
from .application.ports import FeedPage, Sight
from .application.rooms import Rooms
from .contract import PROBLEM
from .event_stream import EventStream
from .gate import Gate
from .identity import Caller, NotAuthenticated, subscriber
from .problems import BadRequest, TooMany
from .reads import TEXT, Content, Read
from .waiting import Waiting, rung

log = logging.getLogger(__name__)

PATH = "/subscription"
PATHS = (PATH, f"{PATH}/events", f"{PATH}/stream")
LARGEST_PAGE = 500
USUAL_PAGE = 100
LONGEST_WAIT = 30

LOOK_SECONDS = 5.0
"""How often who waits looks for itself: at the agency and the token, and for what no bell told of."""
HEARTBEAT_SECONDS = 10.0
STREAM_PAGE = 20
"""How many messages a stream holds in memory."""

BATCH = "application/cloudevents-batch+json"


class Subscription(Struct, frozen=True):
    """How far the agency's sequence goes, and up to which the agency says it received and handled. `cursor` is what
    begins behind the head."""

    agency: str
    head: int
    cursor: str
    received: int
    handled: int


AtDelivery = Annotated[
    str,
    Meta(
        pattern=CURSOR,
        max_length=60,
        extra={"must": Words("nomor, atau nomor dan id: 57.UUID", "a sequence, or one and an id: 57.UUID")},
    ),
]
After = Annotated[
    AtDelivery,
    Meta(
        description="Begin after this delivery: its sequence, and behind a dot its id, as pages and streams give it."
        " From the beginning where nothing is said; 409 `another-history` where there is no such delivery",
        examples=["57.0b9f2f0c-8f0a-5b57-9d0e-3c1f0d2e4a61", "57"],
    ),
]
Since = Annotated[datetime, Meta(tz=True, description="begin with what was told at or after this time (RFC 3339)")]
From = Annotated[Positive, Meta(description="begin with what was told by events from this position of the log on")]
LastEvent = Annotated[
    AtDelivery,
    Meta(
        description="The id of the last event that arrived: goes before every parameter",
        extra={"header": "Last-Event-ID"},
    ),
]
Many = Annotated[int, Meta(ge=1, le=LARGEST_PAGE, description="how many, at most")]
Patience = Annotated[
    int, Meta(ge=0, le=LONGEST_WAIT, description="seconds that an empty answer waits for something new")
]


NO_CASE = UUID(int=0)
"""One that there is not."""


class Begin(NamedTuple):
    """Where a page or stream begins, and of which case it is."""

    after: str | None
    since: datetime | None
    position: int | None
    case: UUID | None

    def checked(self) -> "Begin":
        """Raises BadRequest where it is said in two ways."""
        said = [name for name in ("after", "since", "position") if getattr(self, name) is not None]
        if len(said) > 1:
            raise BadRequest(400, "BadQuery", "Say one of after, since and position.", parameter=said[1])
        return self


class Subscribing:
    """The reads of subscribing. They hold no thread: what has to be looked up, a few threads of `Waiting` look up."""

    def __init__(self, rooms: Rooms, gate: Gate) -> None:
        self.waiting = Waiting()
        self._rooms = rooms
        self._gate = gate
        rooms.feed.when_told(self.waiting.ring)

    @property
    def reads(self) -> tuple[Read, ...]:
        """How far it goes; pages; a stream."""
        more = {"409": PROBLEM}
        return (
            _read("", self.state, Subscription, "How far the agency's sequence goes"),
            _read("/events", self.events, PAGES, "What the agency is told, by pages or long-poll", more),
            _read("/stream", self.stream, STREAM, "What the agency is told, as server-sent events", more),
        )

    async def state(self, rooms: Rooms, asked: Caller) -> Subscription:
        return await self.waiting.look(self._state, asked)

    async def events(
        self,
        rooms: Rooms,
        asked: Caller,
        *,
        after: After | None = None,
        since: Since | None = None,
        position: From | None = None,
        case: OfCase | None = None,
        limit: Many = USUAL_PAGE,
        wait: Patience = 0,
    ) -> Response:
        begin = Begin(after, since, position, case).checked()
        at = await self.waiting.look(self._begins, asked, begin)
        fetched = self._gate.deliveries.take(asked.agency, amount=0)
        page = await self.waiting.look(self._look, asked, at, limit, case)
        if wait and not page.messages:
            with self._gate.streams.place(asked.agency), self.waiting.listening(asked.agency) as event:
                give_up = time.monotonic() + wait
                while True:
                    page = await self.waiting.look(self._look, asked, page.upto, limit, case)
                    left = give_up - time.monotonic()
                    if page.messages or left <= 0 or self.waiting.closed:
                        break
                    await rung(event, min(left, LOOK_SECONDS))
        self._gate.deliveries.owe(fetched, len(page.messages))
        goes_on: dict[str, Any] = {"after": page.upto, "limit": limit}
        goes_on |= {"wait": wait} if wait else {}
        return _answer(page, goes_on | ({"case": case} if case else {}))

    async def stream(
        self,
        rooms: Rooms,
        asked: Caller,
        *,
        last_event: LastEvent | None = None,
        after: After | None = None,
        since: Since | None = None,
        position: From | None = None,
        case: OfCase | None = None,
    ) -> Response:
        begin = Begin(after, since, position, case).checked()
        if last_event is not None:
            begin = Begin(last_event, None, None, case)
        start = await self.waiting.look(self._begins, asked, begin)
        await self.waiting.look(self._look, asked, start, 0, case)  # what is wrong with it is said before it begins
        places = self._gate.streams
        places.take(asked.agency)
        return EventStream(self._sent(asked, start, case), lambda: places.leave(asked.agency))

    async def _sent(self, caller: Caller, at: Cursor, case: UUID | None) -> AsyncIterator[bytes]:
        yield b"retry: 2000\n\n"
        with self.waiting.listening(caller.agency) as event:
            quiet_since = time.monotonic()
            while not self.waiting.closed:
                page: FeedPage | None
                try:
                    fetched = self._gate.deliveries.take(caller.agency, amount=0)
                    page = await self.waiting.look(self._look, caller, at, STREAM_PAGE, case)
                except TooMany:  # it comes at the pace that the agency may have
                    page = None
                except Exception as problem:  # raised from here it would be in the server's log with all its words
                    if not isinstance(problem, Refusal | NotAuthenticated):
                        log.warning("a stream ends: %s", type(problem).__name__)
                    yield b": ended; ask again to learn why\n\n"
                    return
                if page is not None:
                    self._gate.deliveries.owe(fetched, len(page.messages))
                    for sealed in page.messages:
                        yield b"id: %s\ndata: %s\n\n" % (str(sealed.at).encode(), sealed.event)
                        quiet_since = time.monotonic()
                    at = page.upto
                    if len(page.messages) == STREAM_PAGE:
                        continue
                if time.monotonic() - quiet_since >= HEARTBEAT_SECONDS:
                    yield b":\n\n"
                    quiet_since = time.monotonic()
                await rung(event, LOOK_SECONDS)

    # On the threads of `Waiting` -----------------------------------------------------------------------------

    def _state(self, caller: Caller) -> Subscription:
        code = self._subscribed(caller).code
        received, handled = self._rooms.lists.ask(Sight(code, caller.actor), marks.marks)
        head = self._rooms.feed.head(code)
        return Subscription(code, head.sequence, str(head), received, handled)

    def _begins(self, caller: Caller, begin: Begin) -> Cursor:
        """What to begin after."""
        self._with_key(caller)
        if begin.since is None and begin.position is None:
            return Cursor.read(begin.after or "0")
        return Cursor(self._rooms.feed.first_at(caller.agency, time=begin.since, position=begin.position))

    def _look(self, caller: Caller, at: Cursor, limit: int, case: UUID | None) -> FeedPage:
        """What comes after the cursor. Each look asks anew whether the register has that: a database may be restored
        under a stream."""
        self._with_key(caller)
        if case is not None and self._rooms.casework.hides(case, caller):
            case = NO_CASE
        return self._rooms.feed.page(caller.agency, at, limit, case)

    def _subscribed(self, caller: Caller) -> Agency:
        return subscriber(caller, self._rooms.network.get(caller.agency), self._rooms.now())

    def _with_key(self, caller: Caller) -> None:
        agency = self._subscribed(caller)
        if not agency.public_keys:
            raise KeyMissing(agency=agency.code)


def _answer(page: FeedPage, goes_on: dict[str, Any]) -> Response:
    """A page, and where the next one is; it begins where this one ends, also where nothing was there yet."""
    headers = {
        "Rujukan-Head": str(page.head.sequence),
        "Link": f'<{PATH}/events?{urlencode(goes_on)}>; rel="next"',
        "Cache-Control": "no-store",
    }
    return Response(b"[" + b",".join(s.event for s in page.messages) + b"]", 200, headers, BATCH)


def _read(path: str, call: Any, answer: Any, summary: str, more: dict[str, Any] | None = None) -> Read:
    name = f"subscription_{call.__name__ if path else 'show'}"
    return Read(PATH + path, call, answer, "subscribing", SUBSCRIPTION, name=name, summary=summary, more=more or {})


EVENT = {"type": "object", "description": "A CloudEvents 1.0 event, its data sealed to the agency's key"}
PAGES = Content(
    {BATCH: {"type": "array", "items": EVENT}},
    "Sealed messages in the order of their sequence",
    {
        "Rujukan-Head": {"schema": {"type": "integer"}, "description": "The agency's newest sequence"},
        "Link": {
            "schema": {"type": "string"},
            "description": 'The page behind this one, rel="next". Where its `after` is less than the head and this page'
            " is not full, something waits a moment for what has to be told before: ask again",
        },
    },
)
STREAM = Content(
    {"text/event-stream": TEXT},
    "Server-sent events: `id` is the sequence and the delivery's id, `data` a CloudEvent as JSON; comments in between",
)
