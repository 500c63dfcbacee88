"""The routes that write: one for each action of the table."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import msgspec
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from rujukan.domain.agency_keys import RegisterKey
from rujukan.domain.authority import roles_for
from rujukan.domain.fact import Act, CaseId, Fact
from rujukan.domain.refusal import Invalid, Unknown
from rujukan.domain.webhook import SetWebhook

from .actions import AGENCY_ACTIONS, CASE_ACTIONS, OPENING, Action
from .casework import Casework, Done
from .contract import write_operation
from .identity import Caller, Identity, acting
from .ports import Ports
from .problems import BadRequest, as_problem, unreadable
from .secrets import nik_index

LARGEST_BODY = 256 * 1024
BODY_SECONDS = 20.0
"""So long a body may take, and longer where it brings SLOWEST bytes a second: a photograph over a telephone."""
SLOWEST = 16 * 1024


class Written(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a write answers: the id it made, the new version, its position in the log, which a read may ask to wait
    for, and where its receipt will be: the proof that it is in the ledger (C2SP tlog-proof), once it is sealed."""

    version: int
    position: int
    receipt: str
    id: str | None = None


def add_routes(app: FastAPI, casework: Casework, identity: Identity, ports: Ports) -> None:
    """One POST for each action."""

    def perform(action: Action, request: Request, body: bytes, caller: Caller) -> Response:
        command_type = action.command
        at = ports.now()
        agency = casework.network.get(caller.agency)
        act = acting(caller, agency, roles_for(command_type), request.headers.get("purpose-of-use"), at)
        fields = fields_of(action, request, body, act)
        if "nik_index" in command_type.__struct_fields__:
            _index_nik(fields, ports)
        made = uuid4() if action is OPENING else None
        command = read_command(command_type, fields)
        if isinstance(command, RegisterKey):
            _check_key(command, ports)
        if isinstance(command, SetWebhook):
            _check_url(command, ports)
        correlation = correlation_of(request)
        key = retry_key(request)
        content = b" ".join((request.url.path.encode(), body))
        if action in AGENCY_ACTIONS:
            code = fields.get("code") or request.path_params["code"]
            done = casework.act_on_agency(
                str(code),
                command,
                act,
                correlation=correlation,
                expected=expected_version(request),
                retry_key=key,
                content=content,
            )
        else:
            case = _uuid(made if made is not None else request.path_params["case"])
            minted = fields.get(action.mints) if action.mints and action is not OPENING else made
            done = casework.act_on_case(
                CaseId(case),
                command,
                act,
                correlation=correlation,
                id=_uuid(minted) if minted is not None else None,
                expected=expected_version(request),
                retry_key=key,
                content=content,
            )
        return written(done, action, request)

    def route(action: Action) -> Callable[[Request], Any]:
        async def call(request: Request) -> Response:
            async def inner(request: Request) -> Response:
                caller = identity.caller(request.headers.get("authorization"))
                body = await body_of(request)
                return await run_in_threadpool(perform, action, request, body, caller)

            return await as_problem(request, inner)

        return call

    for action in (OPENING, *CASE_ACTIONS, *AGENCY_ACTIONS):
        app.add_api_route(
            action.path,
            route(action),
            methods=["POST"],
            name=action.command.__name__,
            response_model=None,
            openapi_extra=write_operation(action),
            summary=(action.command.__doc__ or "").split("\n")[0].rstrip(".;"),
            tags=[action.tag],
            status_code=201 if action.mints else 200,
        )


def read_command(command: type[Fact], fields: dict[str, Any]) -> Fact:
    """The command that these JSON fields say. Raises BadRequest; nothing that was sent is in its message."""
    try:
        return msgspec.convert(fields, command)
    except msgspec.MsgspecError as error:
        raise unreadable(error) from None


def written(done: Done, action: Action, request: Request) -> Response:
    """The answer to a write."""
    headers = {"ETag": f'"{done.version}"', "Rujukan-Position": str(done.position)}
    if done.replayed:
        headers["Idempotent-Replayed"] = "true"
    if action.mints and done.id:
        headers["Location"] = f"{request.url.path.rstrip('/')}/{done.id}"
    body = msgspec.json.encode(Written(done.version, done.position, f"/ledger/receipts/{done.position}", done.id))
    return Response(body, 201 if action.mints else 200, headers, "application/json")


async def body_of(request: Request, largest: int = LARGEST_BODY) -> bytes:
    """The request's body. Raises BadRequest for one that is too large, or comes too slowly."""
    parts: list[bytes] = []
    size = 0
    began = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(BODY_SECONDS) as limit:
            async for part in request.stream():
                size += len(part)
                if size > largest:
                    raise BadRequest(413, "TooLarge", f"The body may have {largest:,} bytes at most.")
                parts.append(part)
                limit.reschedule(began + BODY_SECONDS + size / SLOWEST)
    except TimeoutError:
        detail = f"A body comes within {BODY_SECONDS:.0f} s, and a large one at {SLOWEST // 1024} KiB/s. Send it again."
        raise BadRequest(408, "TooSlow", detail, headers={"Connection": "close"}) from None
    return b"".join(parts)


def correlation_of(request: Request) -> UUID:
    """The caller's X-Correlation-Id, or a new one. Raises BadRequest for one that is no UUID."""
    said = request.headers.get("x-correlation-id")
    return _uuid(said, "X-Correlation-Id") if said else uuid4()


def retry_key(request: Request) -> str | None:
    """The Idempotency-Key. Raises BadRequest for one that is none."""
    key = request.headers.get("idempotency-key")
    if key is not None and not (1 <= len(key) <= 200 and key.isprintable()):
        raise BadRequest(
            400, "BadHeader", "Idempotency-Key has 1 to 200 printable characters.", header="Idempotency-Key"
        )
    return key


def expected_version(request: Request) -> int | None:
    """The version in If-Match. Raises BadRequest for one that is none."""
    said = request.headers.get("if-match")
    if said is None or said.strip() == "*":
        return None
    number = said.strip().removeprefix("W/").strip('"')
    if not (number.isascii() and number.isdigit() and len(number) < 12):
        raise BadRequest(400, "BadHeader", 'If-Match is the ETag of the case: "7".', header="If-Match")
    return int(number)


def _index_nik(fields: dict[str, Any], ports: Ports) -> None:
    """The number's keyed hash is the service's to make."""
    if "nik_index" in fields:
        raise BadRequest(422, "DoesNotFit", "The body does not fit its schema.", at="$.nik_index", expected="nothing")
    if isinstance(nik := fields.get("nik"), str):
        fields["nik_index"] = nik_index(ports.macs, nik)


def _check_key(command: RegisterKey, ports: Ports) -> None:
    try:
        ports.check_key(command.public_key)
    except ValueError:
        raise Invalid(field="public_key", must="be one that a message can be sealed to") from None


def _check_url(command: SetWebhook, ports: Ports) -> None:
    try:
        ports.webhooks.check(command.url)
    except ValueError as refused:
        raise Invalid(field="url", must=str(refused)) from None


def fields_of(action: Action, request: Request, body: bytes, act: Act) -> dict[str, Any]:
    """The command's JSON fields: the body's, those in the path, and those that may be left out."""
    if body:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise BadRequest(415, "NotJson", "Send Content-Type: application/json.")
    try:
        fields = msgspec.json.decode(body) if body else {}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BadRequest(400, "NotJson", "The body is not JSON.") from None
    if not isinstance(fields, dict):
        raise BadRequest(422, "DoesNotFit", "The body is a JSON object.", at="$", expected="object")
    for name, value in request.path_params.items():
        if name in fields and name not in ("case", "code"):
            raise BadRequest(422, "DoesNotFit", "It stands in the path already.", at=f"$.{name}", expected="nothing")
        if name in action.command.__struct_fields__:
            fields[name] = value
    fields.setdefault("occurred_at", act.at.isoformat())
    if action.mints is not None and action is not OPENING:
        fields.setdefault(action.mints, str(uuid4()))
    return fields


def _uuid(value: object, name: str = "id") -> UUID:
    try:
        return UUID(str(value))
    except ValueError:
        if name != "id":
            raise BadRequest(400, "BadHeader", f"{name} is a UUID.", header=name) from None
        raise Unknown(what="id") from None
