"""Cursors of pages: opaque to callers, plain to us."""

import base64
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.requests import Request

from .problems import BadRequest

USUAL = 50


def next_page(last: tuple[Any, ...] | None) -> str | None:
    """The cursor after this row; None at the end of the list."""
    if last is None:
        return None
    return base64.urlsafe_b64encode(msgspec.json.encode(last)).rstrip(b"=").decode()


def place(value: Any) -> int:
    """A position or version in a cursor. Raises ValueError for what can be neither."""
    if not isinstance(value, int) or not 0 <= value < 2**63:
        raise ValueError
    return value


def page_of(request: Request, largest: int, *parts: Callable[[Any], Any]) -> tuple[int, tuple[Any, ...] | None]:
    """(limit, what the cursor says). Raises BadRequest for what is not a limit or not one of our cursors."""
    said = request.query_params.get("limit", str(USUAL))
    if not (said.isascii() and said.isdigit() and len(said) < 5 and 1 <= int(said) <= largest):
        raise BadRequest(400, "BadQuery", f"limit is a number from 1 to {largest}.", parameter="limit")
    cursor = request.query_params.get("cursor")
    if cursor is None:
        return int(said), None
    try:
        values = msgspec.json.decode(base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
        return int(said), tuple(part(value) for part, value in zip(parts, values, strict=True))
    except (ValueError, TypeError, OverflowError, msgspec.MsgspecError):
        raise BadRequest(400, "BadQuery", "cursor is not one that a page gave.", parameter="cursor") from None
