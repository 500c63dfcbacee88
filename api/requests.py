"""What a request says beside its address: its body, and the headers of a write."""

import asyncio
import json
import re
from contextlib import suppress
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID, uuid4

import msgspec
from starlette.requests import Request

from ..domain.fact import Act
from ..domain.refusal import Unknown
from ..domain.words import Words
from .actions import MADE_HERE, OPENING, Action
from .application.once import Sent
from .misfit import AN_OBJECT, SHOWN, misfit, misfits
from .problems import BadRequest, unreadable

ONCE = Words("tiap isian sekali saja", "each field once: one stands in it twice")
NOTHING = Words("tidak diisi: sudah ada pada alamat", "nothing: it stands in the address already")
Said = TypeVar("Said", bound=msgspec.Struct)

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


def sent(request: Request, body: bytes, *, as_before: bytes | None = None) -> Sent | None:
    """What an Idempotency-Key came with: the address, and what the body means, a JSON object however it is written;
    None without a key. `as_before` is what older releases took for the body. Raises BadRequest for a key that is none,
    and for two."""
    keys = request.headers.getlist("idempotency-key")
    if not keys:
        return None
    if len(keys) > 1:
        raise BadRequest(400, "BadHeader", "One Idempotency-Key is enough.", header="Idempotency-Key")
    (key,) = keys
    if not (1 <= len(key) <= 200 and key.isprintable()):
        raise BadRequest(
            400, "BadHeader", "Idempotency-Key has 1 to 200 printable characters.", header="Idempotency-Key"
        )
    path = request.url.path.encode()
    before = body if as_before is None else as_before
    earlier = tuple(path + b" " + said for said in dict.fromkeys((before, _in_order(before))))
    return Sent(key, path.lower() + b" " + _canonical(body), earlier)


def _canonical(body: bytes) -> bytes:
    """A JSON object in the one form that all its spellings have, as RFC 8785 has one: no space, keys in order, each
    number once; no body is an empty object. Anything else as it is."""
    try:
        said = _numbers_once(msgspec.json.decode(body or b"{}"))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return body
    return msgspec.json.encode(said, order="sorted") if isinstance(said, dict) else body


def _in_order(body: bytes) -> bytes:
    """The form of before: 1 and 1.0 are two numbers, and nothing is no object."""
    if body[:1] in (b"{", b" ", b"\n", b"\r", b"\t"):
        with suppress(msgspec.MsgspecError, UnicodeError, RecursionError):
            return msgspec.json.encode(msgspec.json.decode(body), order="sorted")
    return body


def _numbers_once(said: Any) -> Any:
    """A number that is whole as an integer, however it was written."""
    match said:
        case float() if said.is_integer():
            return int(said)
        case dict():
            return {name: _numbers_once(value) for name, value in said.items()}
        case list():
            return [_numbers_once(value) for value in said]
    return said


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


def object_of(request: Request, body: bytes) -> dict[str, Any]:
    """The JSON object that a body is; an empty one where there is no body. Raises BadRequest."""
    if body:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise BadRequest(415, "NotJson", "Send Content-Type: application/json.")
        if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise BadRequest(415, "Encoded", "Send the body as it is, without Content-Encoding.")
    try:
        fields = msgspec.json.decode(body) if body else {}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BadRequest(400, "NotJson", "The body is not JSON.") from None
    if not isinstance(fields, dict):
        raise unreadable([misfit("$", AN_OBJECT)])
    _refuse_said_twice(body)
    return fields


def _refuse_said_twice(body: bytes) -> None:
    """Raises BadRequest where an object has a field twice: readers do not agree which of them counts."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise unreadable([misfit("$", ONCE)])
        return found

    if body:
        try:
            json.loads(body, object_pairs_hook=once, parse_int=len)  # what numbers are does not matter here
        except RecursionError:
            raise BadRequest(400, "NotJson", "The body is not JSON.") from None


def fields_of(action: Action, request: Request, body: bytes, act: Act) -> dict[str, Any]:
    """The command's JSON fields: the body's, those in the path, and those that may be left out."""
    fields = object_of(request, body)
    for name, value in request.path_params.items():
        if name in fields and name not in ("case", "code"):
            raise unreadable([misfit(f"$.{name}", NOTHING)])
        if name in action.command.__struct_fields__:
            fields[name] = value
    fields.setdefault("occurred_at", act.at.isoformat())
    if action.mints is not None and action is not OPENING:
        fields.setdefault(action.mints, str(uuid4()))
    return fields


def unsaid_in(action: Action) -> frozenset[str]:
    """The fields of an action's command that stand in no body: those of its address, and what the service makes."""
    return frozenset(re.findall(r"{(\w+)}", action.path)) | MADE_HERE


def read_body(of: type[Said], fields: dict[str, Any], unsaid: frozenset[str] = frozenset()) -> Said:
    """What these JSON fields say; `unsaid` are those of the type that no caller sends in a body. Raises BadRequest;
    nothing that was sent is in its message."""
    try:
        return msgspec.convert(fields, of)
    except (msgspec.MsgspecError, UnicodeError, OverflowError):
        raise unreadable(list(islice(misfits(fields, of, unsaid), SHOWN))) from None
