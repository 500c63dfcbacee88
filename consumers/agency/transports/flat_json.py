"""JSON from outside, which may be anything: read so that no answer costs more than its bytes are worth.

What the service sends is flat: objects with a few texts. A text of another kind can be small and yet become very much:
brackets in brackets until the stack is full, or millions of empty objects. How much it becomes shows before it is
read, by counting what every part of JSON needs one of.
"""

from typing import TypeVar

import msgspec

T = TypeVar("T")

PARTS = 64
"""An object has no more parts than this; the service's have 17."""


def read(text: bytes, kind: type[T], objects: int = 1) -> T:
    """What a text says that may hold so many objects. Raises ValueError for what is no JSON, not of this kind, or of
    more parts than that; nothing else."""
    if sum(map(text.count, (b",", b"[", b"{"))) > PARTS * (objects + 1):
        raise ValueError("of more parts than were asked for")
    try:
        return msgspec.json.decode(text, type=kind)
    except RecursionError:
        raise ValueError("too deep") from None
