"""The time: the one home of it."""

import re
from datetime import UTC, datetime

INSTANT = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)(?!\d)")


def now() -> datetime:
    """The time, to the microsecond."""
    return datetime.now(UTC)


def local(at: datetime) -> datetime:
    """In the zone of the network, as its people read a clock."""
    from ..domain.oversight import LIMITS  # an agency's command needs no domain to know the time

    return at.astimezone(LIMITS.zone)


def locally(text: str) -> str:
    """A text for people, with each instant of it in the zone of the network. What is shown can be said as it is: to the
    microsecond, with its zone."""
    return INSTANT.sub(lambda found: local(datetime.fromisoformat(found[0])).isoformat(), text)
