"""What an agency says of what it was told: it arrived, it was handled, it could not be.

Marks are cumulative: a later acknowledgement says all that an earlier one said, so one that is lost delays and loses
nothing. Every mark carries the receipt that lies inside the seal of that very delivery, so nobody acknowledges what
they could not open. The same JSON goes over Kafka and over HTTP.
"""

from typing import Literal
from uuid import UUID

import msgspec
from msgspec import Struct

LARGEST = 64 * 1024
"""Bytes that one has at most on the way: ours say 500 things at once, in half of it. Compressed by who means harm, so
much becomes 64 MB in the memory of who reads it, and not a gigabyte: by gzip, which is all that the Kafka client reads
as it is installed here. A package for zstd beside it would let far more come of as little."""
Reason = Literal["not-ours", "bad-signature", "cannot-open", "unknown-schema", "handler-failed"]
"""Why a message went to the dead letters; says nothing of what is in it."""


class Mark(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything up to this sequence; `receipt` is the one in the delivery with this sequence."""

    sequence: int
    receipt: str


class Failure(Struct, frozen=True, forbid_unknown_fields=True):
    """What went to the dead letters."""

    sequence: int
    reason: Reason


class Acknowledgement(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A mark names the last delivery that could be opened; `failed` says what behind it could not."""

    received: Mark | None = None
    """Arrived, and was opened."""
    handled: Mark | None = None
    """The agency's handler committed it, or it went to the dead letters."""
    failed: list[Failure] = []
    recovered: list[int] = []
    """Replayed from the dead letters, and handled now."""
    deleted: list[UUID] = []
    """Erasures whose copies were deleted."""

    def to_json(self) -> bytes:
        return msgspec.json.encode(self)


def read(text: bytes) -> Acknowledgement:
    """Raises ValueError for what is none; the reason names no content."""
    try:
        return msgspec.json.decode(text, type=Acknowledgement)
    except msgspec.MsgspecError:
        raise ValueError("not an acknowledgement") from None
