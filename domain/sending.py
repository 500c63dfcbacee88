"""What vouches for the register of what was sent: an event of the log, in a stream for each agency.

That something was sealed and sent is a row of a register (`delivery.sent`). So that none can be changed or be gone
unseen, the log says of an agency's rows, some at a time: from which number to which, and for each case how many, and
their hash. Which case that is only who knows the case can tell.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, NamedTuple
from uuid import UUID, uuid5

from msgspec import Meta, Struct

from .compartment import Compartment, Coordination
from .declaring import field, happened, name_fields
from .fact import AgencyCode, Fact
from .words import Words

SENDINGS = UUID("0d3c5b0a-6d0f-5c4e-8f2a-73656e74206f")
"""Namespace of these streams (RFC 9562, version 5)."""

Transport = Literal["kafka", "feed", "webhook"]
Hex = Annotated[str, Meta(pattern=r"^([0-9a-f]{32}|[0-9a-f]{64})$(?!\n)")]
"""Of 16 or 32 bytes."""


def sendings_stream(agency: AgencyCode) -> UUID:
    """The stream of what vouches for an agency's sendings."""
    return uuid5(SENDINGS, agency)


class OfCase(Struct, frozen=True, forbid_unknown_fields=True):
    """Of one case's sendings among these: how many, and the hash of their lines. `case` is a pseudonym."""

    case: Hex
    rows: Annotated[int, Meta(ge=1)]
    digest: Hex


@happened(Words("Pengiriman kepada instansi dicatat", "Sendings to an agency put on record"))
class SendingsRecorded(Fact, frozen=True, kw_only=True, tag="delivery.SendingsRecorded"):
    """The agency's sendings with these numbers, from `since` to `upto`, are on record as these hashes say."""

    agency: Coordination[AgencyCode]
    since: Coordination[int]
    upto: Coordination[int]
    sendings: Coordination[tuple[OfCase, ...]]
    gone: Coordination[tuple[int, ...]] = ()
    """Numbers among these under which no row was any more, or none as it was written: nobody knows of which case."""


class Sent(NamedTuple):
    """A delivery was sealed to a key and sent: over which transport, and when the receiver had it. `found`: it was
    found on the agency's topic at that instant, as who sent it came no further. `vouched`: the log says so, too."""

    number: int
    sequence: int
    at: datetime
    transport: Transport
    key: str
    """SHA-256 of the public key, in hex; empty where it is not known."""
    compartments: frozenset[Compartment]
    found: bool = False
    vouched: bool = False


class SentOfCase(NamedTuple):
    """What was sent to an agency of a case, and what of its register does not fit: nobody knows what it said."""

    sent: Sequence[Sent]
    changed: Sequence[int] = ()
    """The numbers of rows that are not as they were written: of those named, it may be another case's."""
    missing: int = 0
    """So many rows of the case, which the log vouches for, are not there or are others."""
    elsewhere: int = 0
    """So many rows of the agency are not as they were written, or not there, and may be of this case."""
    unread: Sequence[int] = ()
    """Positions of the log where something stands, or stood, that vouches for sendings, and does not open."""


name_fields(
    since=field("Dari nomor", "From number"),
    upto=field("Sampai nomor", "Up to number"),
    sendings=field("Pengiriman", "Sendings"),
    gone=field("Tidak utuh", "Not whole"),
)
