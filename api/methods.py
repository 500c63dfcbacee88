"""Methods: HEAD answers as GET does, without the body (RFC 9110 § 9.3.2), and who asks by a method that an address does
not have is told all that it has."""

import asyncio

from fastapi import FastAPI
from starlette.requests import Request
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadAsGet:
    """Hands HEAD on as GET, and keeps the body back. It is recorded as what it is: a reading."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        answered = asyncio.Event()

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                answered.set()

        async def gone_once_answered() -> Message:
            """A stream ends as if the caller had hung up: all that was asked for is said."""
            await answered.wait()
            return {"type": "http.disconnect"}

        listening = {
            **scope["asgi"],
            "spec_version": "2.3",
        }  # of later ones a stream looks at what sending raises instead
        await self._app({**scope, "method": "GET", "asgi": listening}, gone_once_answered, without_body)


def methods_of(app: FastAPI, request: Request) -> list[str]:
    """The methods of the address that a request has, whatever its own is."""
    found = {method for route in app.routes for method in _methods(route, request)}
    return sorted(found | ({"HEAD"} if "GET" in found else set()))


def _methods(route: BaseRoute, request: Request) -> set[str]:
    matched, _ = route.matches(request.scope)
    return set(route.methods or ()) if isinstance(route, Route) and matched is not Match.NONE else set()
