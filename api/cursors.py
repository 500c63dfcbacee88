"""Cursors of pages: opaque to callers, plain to us."""

import base64
from datetime import datetime
from typing import Any

import msgspec

from ..domain.fact import EARLIEST, LATEST


def next_page(last: tuple[Any, ...] | None) -> str | None:
    """The cursor after this row; None at the end of the list."""
    if last is None:
        return None
    parts = [part.isoformat() if isinstance(part, datetime) else part for part in last]
    return base64.urlsafe_b64encode(msgspec.json.encode(parts)).rstrip(b"=").decode()


def read(cursor: str, parts: Any) -> tuple[Any, ...]:
    """What a cursor of ours says, as a tuple of these types. Raises ValueError or MsgspecError for another."""
    content = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
    found: tuple[Any, ...] = msgspec.json.decode(content, type=parts)
    if not all(map(_can_be, found)):
        raise ValueError("no row ends with that")
    return found


def _can_be(part: Any) -> bool:
    """Whether a row can have it: an instant that every zone can say, and text that the database can hold."""
    match part:
        case datetime():
            return EARLIEST <= part <= LATEST
        case str():
            return "\x00" not in part
    return True
