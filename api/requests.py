"""What a request says beside its address: its body, and the headers of a write."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import msgspec
from starlette.requests import Request

from ..domain.fact import Act, Fact
from ..domain.refusal import Unknown
from .actions import OPENING, Action
from .application.once import Sent
from .problems import BadRequest, unreadable

LARGEST_BODY = 256 * 1024
BODY_SECONDS = 20.0
"""So long a body may take, and longer where it brings SLOWEST bytes a second: a photograph over a telephone."""
SLOWEST = 16 * 1024


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


def size_of(request: Request) -> int:
    """How many bytes the request says that its body has; 0 where it does not say."""
    said = request.headers.get("content-length", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 16 else 0


def correlation_of(request: Request) -> UUID:
    """The caller's X-Correlation-Id, or a new one. Raises BadRequest for one that is no UUID."""
    said = request.headers.get("x-correlation-id")
    if said is None or not said:
        return uuid4()
    try:
        return UUID(said)
    except ValueError:
        raise BadRequest(400, "BadHeader", "X-Correlation-Id is a UUID.", header="X-Correlation-Id") from None


def sent(request: Request, *parts: bytes) -> Sent | None:
    """What an Idempotency-Key came with: the address and these parts; None without one. Raises BadRequest for a key
    that is none."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not (1 <= len(key) <= 200 and key.isprintable()):
        raise BadRequest(
            400, "BadHeader", "Idempotency-Key has 1 to 200 printable characters.", header="Idempotency-Key"
        )
    return Sent(key, b" ".join((request.url.path.encode(), *parts)))


def expected_version(request: Request) -> int | None:
    """The version in If-Match. Raises BadRequest for one that is none."""
    said = request.headers.get("if-match")
    if said is None or said.strip() == "*":
        return None
    number = said.strip().removeprefix("W/").strip('"')
    if not (number.isascii() and number.isdigit() and len(number) < 12):
        raise BadRequest(400, "BadHeader", 'If-Match is the ETag of the case: "7".', header="If-Match")
    return int(number)


def id_of(value: object, what: str = "id") -> UUID:
    """An id in an address or a body. Raises Unknown for what is none: there is nothing of that id."""
    try:
        return UUID(str(value))
    except ValueError:
        raise Unknown(what=what) from None


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


def read_command(command: type[Fact], fields: dict[str, Any]) -> Fact:
    """The command that these JSON fields say. Raises BadRequest; nothing that was sent is in its message."""
    try:
        return msgspec.convert(fields, command)
    except msgspec.MsgspecError as error:
        raise unreadable(error) from None
