"""Who knew what, when: an agency was entitled to know something; it said that this had arrived, and was handled. Three
facts, each from its own record. None is concluded from another.
"""

from datetime import datetime, timedelta

from msgspec import Struct

from ..domain.delivery import Arrival, Reason
from ..domain.history import Entitlement

CLOCKS = timedelta(minutes=1)
"""What went out as a placeholder so long after it was acknowledged may have before: clocks differ."""


class Entitled(Struct, frozen=True, omit_defaults=True):
    """From `at` on, the agency was entitled to know these compartments of the event; that it was sent is not said by
    that. `received_at`: it said that this had arrived and been opened, and `handled_at` that it was handled; `failed`:
    why it lies in its dead letters. `own`: the agency wrote it itself. `empty`: what went out was a placeholder, as a
    record was damaged, and brought nothing."""

    compartments: list[str]
    at: datetime
    received_at: datetime | None = None
    handled_at: datetime | None = None
    failed: Reason | None = None
    own: bool = False
    empty: bool = False


def entitled_of(by: Entitlement, arrival: Arrival, until: datetime) -> Entitled:
    """An entitlement, with what the agency had said of it until then."""
    words = sorted(c.word for c in by.compartments)
    if not by.sequence:
        return Entitled(words, by.since, own=True)
    received, empty_since = arrival.received_at, by.empty_since
    if empty_since is not None and empty_since <= (until if received is None else received + CLOCKS):
        return Entitled(words, by.since, failed=arrival.failed, empty=True)
    return Entitled(words, by.since, received, arrival.handled_at, arrival.failed)
