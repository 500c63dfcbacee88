"""How long whoever asks still waits: set where a request comes in, looked at wherever something may hang.

Without it each wait has a bound of its own, and a request that waits in several places waits for their sum.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_until: ContextVar[float] = ContextVar("until", default=float("inf"))


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Whatever is done inside the block, on this thread or on one that it hands work to, has so many seconds."""
    token = _until.set(min(_until.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _until.reset(token)


def left(most: float) -> float:
    """Seconds that may be waited here: `most`, or what is left of the request's time."""
    return max(0.0, min(most, _until.get() - time.monotonic()))
