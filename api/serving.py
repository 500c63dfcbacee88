"""How a declared read is answered: who asks, what they ask, what has to be so before, then the answer, as JSON that
nobody keeps. And how the other routes run: once they are let in, on a thread, with problems for what is raised."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from ..domain.codes import Role
from ..domain.fact import Act, Fact
from ..domain.standing.readings import Reading, Who
from ..domain.standing.rows import Ground, Row
from ..domain.standing.rule import ask, is_for_role, roles_for, roles_of
from .application.lists import WAIT_SECONDS
from .application.ports import Behind
from .application.proposing import waiting
from .application.reading import Asked
from .application.rooms import Rooms
from .contract import read_operation
from .gate import Gate, Work
from .identity import Caller, Identity, acting, member
from .parameters import WAIT, read_all, refuse_unknown
from .reads import Read
from .requests import LARGEST_BODY, body_of, correlation_of, size_of

WITHIN_SECONDS = 20.0
"""How long a request that writes may wait for the database before it is answered 503."""


class Door:
    """The application, and who stands in front of it."""

    def __init__(self, app: FastAPI, rooms: Rooms, gate: Gate) -> None:
        self.app = app
        self.rooms = rooms
        self.gate = gate
        self.identity = Identity(rooms.tokens)
        self._read: dict[str, Sequence[Row]] = {}

    # Who ------------------------------------------------------------------------------------------------------

    def caller(self, request: Request) -> Caller:
        """Who the token says is calling. Raises NotAuthenticated."""
        return self.identity.caller(request.headers.get("authorization"))

    def act_of(self, request: Request, caller: Caller, roles: frozenset[Role]) -> Act:
        """The caller's act, in one of these roles, for the purpose that they say. Raises as `acting` does."""
        agency = self.rooms.network.get(caller.agency)
        return acting(caller, agency, roles, request.headers.get("purpose-of-use"), self.rooms.now())

    def giving(self, request: Request, caller: Caller, command: type[Fact]) -> Act:
        """The caller's act, in a role that may give this command. Raises as `acting` does."""
        return self.act_of(request, caller, roles_for(command))

    def is_read_there(self, path: str, act: Act) -> bool:
        """Whether something is to be read at an address, and by whoever acts."""
        return is_for_role(self._read.get(path, ()), act)

    # Reads ----------------------------------------------------------------------------------------------------

    def add(self, read: Read) -> None:
        """Answer GET with a declared read."""
        self._read[read.path] = read.may.rows
        self.app.add_api_route(
            read.path,
            self._route(read),
            methods=["GET"],
            name=read.operation,
            response_model=None,
            response_class=Response,
            tags=[read.tag],
            summary=read.summary,
            openapi_extra=read_operation(read),
        )

    def _route(self, read: Read) -> Callable[[Request], Awaitable[Response]]:
        if read.may.who is Who.EVERYBODY:
            return self._public(read)
        work = Work.FEED if read.may.for_machines else read.work

        def at_once(request: Request) -> Response:
            return as_response(read.call(**self._handed(read, request)))

        async def once_there(request: Request, caller: Caller) -> Response:
            handed = await self.gate.run(work, caller, self._handed, read, request)
            position = handed.pop(WAIT.argument, None)
            if position is not None:
                with self.gate.waits.place(caller.agency, caller.actor):
                    coming = asyncio.wrap_future(
                        await self.gate.run(work, caller, self.rooms.lists.expect, position, handed.get("case"))
                    )
                    try:
                        async with asyncio.timeout(WAIT_SECONDS):
                            await coming
                    except TimeoutError:
                        raise Behind from None
            return await self.gate.run(work, caller, lambda: as_response(read.call(**handed)))

        async def route(request: Request) -> Response:
            try:
                caller = self.caller(request)
                with self.gate.admitted(work, caller):
                    if not read.holds_thread:
                        return as_response(await read.call(**self._handed(read, request)))
                    if read.waits and WAIT.name in request.query_params:
                        return await once_there(request, caller)  # who waits holds no thread meanwhile
                    return await self.gate.run(work, caller, at_once, request)
            except Exception as error:
                return await self.gate.answer(error)

        return route

    def _public(self, read: Read) -> Callable[[Request], Awaitable[Response]]:
        """What is answered to everybody."""

        def at_once(request: Request) -> Response:
            return as_response(read.call(**self._handed(read, request)))

        async def route(request: Request) -> Response:
            try:
                if read.holds_thread:
                    return await self.gate.run(Work.PUBLIC, None, at_once, request)
                return as_response(await read.call(**self._handed(read, request)))
            except Exception as error:
                return await self.gate.answer(error)

        return route

    def _handed(self, read: Read, request: Request) -> dict[str, Any]:
        """What the call is handed, once all that has to be so is so."""
        handed: dict[str, Any] = {"rooms": self.rooms}
        may, act = read.may, None
        if read.for_purpose:
            act = self.act_of(request, self.caller(request), roles_of(may.rows))
            handed["asked"] = Asked(act, correlation_of(request))
        elif may.who is not Who.EVERYBODY:
            handed["asked"] = caller = self.caller(request)
            if may.who is Who.MEMBER:
                member(caller, self.rooms.network.get(caller.agency))
        values = read_all(read.parameters, request, self.rooms.now())
        if act is not None:
            about = self._about(may, values)
            ask(may.rows, about, act, values.get)
            if read.takes_known:
                handed["known"] = about
        if read.waits and values[WAIT.argument] is None:
            del values[WAIT.argument]
        return handed | values

    def _about(self, may: Reading, values: Mapping[str, Any]) -> Any:
        """What the row's relations are to, as it is now; None where there is none."""
        grounds = {row.where.ground for row in may.rows}
        if Ground.AGENCY in grounds:
            self.rooms.network.forget(values["code"])  # whoever changed it a moment ago has to see it
            return self.rooms.network.get(values["code"])
        if Ground.PROPOSAL in grounds:
            return waiting(self.rooms.casework, values["proposal"])
        if Ground.CASE in grounds or any(row.where.ties for row in may.rows):
            return self.rooms.casework.case(values["case"])
        return None

    # Posts ----------------------------------------------------------------------------------------------------

    def post(
        self,
        path: str,
        call: Callable[[Request, bytes, Caller], Response],
        operation: dict[str, Any],
        *,
        name: str,
        summary: str,
        tag: str,
        status: int = 200,
        largest: int = LARGEST_BODY,
        work: Work = Work.COMMAND,
    ) -> None:
        """Answer POST with the call, on a thread, once the caller is known and let in, and the body is here. From then
        on it has WITHIN_SECONDS, in whatever it waits for: also for a thread, while all of them wait."""

        may_ask = [p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"]

        async def called(request: Request, body: bytes, caller: Caller) -> Response:
            with self.rooms.within(WITHIN_SECONDS):
                return await self.gate.run(work, caller, call, request, body, caller)

        async def route(request: Request) -> Response:
            try:
                caller = self.caller(request)
                with self.gate.admitted(work, caller):
                    refuse_unknown(request.query_params, may_ask)
                    if largest <= LARGEST_BODY:
                        return await called(request, await body_of(request, largest), caller)
                    with self.gate.arriving(caller, min(size_of(request), largest)) as arrived:
                        body = await body_of(request, largest)
                        arrived(len(body))
                        return await called(request, body, caller)
            except Exception as error:
                return await self.gate.answer(error)

        self.add_post(path, route, operation, name=name, summary=summary, tag=tag, status=status)

    def add_post(
        self,
        path: str,
        route: Callable[[Request], Awaitable[Response]],
        operation: dict[str, Any],
        *,
        name: str,
        summary: str,
        tag: str,
        status: int = 200,
    ) -> None:
        """Answer POST with a route."""
        self.app.add_api_route(
            path,
            route,
            methods=["POST"],
            name=name,
            response_model=None,
            response_class=Response,
            tags=[tag],
            summary=summary,
            status_code=status,
            openapi_extra=operation,
        )


def as_response(body: object) -> Response:
    """A response as it is; everything else as JSON."""
    return body if isinstance(body, Response) else json_answer(body)


def json_answer(body: object, headers: dict[str, str] | None = None) -> Response:
    """JSON that nobody keeps, unless the headers say otherwise."""
    return Response(
        msgspec.json.encode(body), 200, {"Cache-Control": "no-store", **(headers or {})}, "application/json"
    )
