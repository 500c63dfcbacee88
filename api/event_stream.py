"""A response of server-sent events (WHATWG HTML, § 9.2) that ends when nobody takes them.

One event is on its way at a time: the next is asked for when the connection took the last one, so who reads slowly
holds back its own stream, and nothing piles up here.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

log = logging.getLogger(__name__)

STALLED_SECONDS = 60.0
"""How long a connection may take nothing before it is given up."""


class EventStream(StreamingResponse):
    """Sends what the iterator gives, until it ends, or the connection does."""

    def __init__(self, events: AsyncIterator[bytes], ended: Callable[[], object]) -> None:
        """`ended` is called once, however it ends."""
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(events, 200, headers, "text/event-stream")
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def in_time(message: Message) -> None:
            async with asyncio.timeout(STALLED_SECONDS):
                await send(message)

        try:
            await super().__call__(scope, receive, in_time)
        except (TimeoutError, ClientDisconnect):
            log.info("a stream was cut off: nobody took it")
        finally:
            self._ended()
