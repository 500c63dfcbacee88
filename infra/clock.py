"""The time: the one home of it."""

from datetime import UTC, datetime


def now() -> datetime:
    """The time, to the microsecond."""
    return datetime.now(UTC)
