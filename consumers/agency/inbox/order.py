"""The order in which an agency is told, restored from whatever a transport does to it. Pure.

The numbers 1, 2, 3 … have no gaps, so one number says all that was handled, and whatever comes next is judged by its
own: the next one, a repeat, or one that comes too early and waits for those before it.
"""

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

LOOK_AHEAD = 1000
"""So many may wait for one that is missing; then the gap has to be closed or skipped before more is read."""


class Gap(NamedTuple):
    """Numbers that are missing: the first and the last."""

    first: int
    last: int


class Order(Generic[T]):
    """Puts what arrives into order. Holds no more than LOOK_AHEAD."""

    def __init__(self, done: int) -> None:
        self.done = done
        """Everything up to this number was handed on."""
        self._early: dict[int, T] = {}

    def take(self, number: int, what: T) -> list[T]:
        """What may be handed on now, in order: nothing where this is a repeat, or early."""
        if number > self.done:
            self._early.setdefault(number, what)
        return self._next()

    def waiting(self, number: int) -> T | None:
        """What waits under that number."""
        return self._early.get(number)

    def skip(self, gap: Gap) -> list[T]:
        """Go on without these; what may be handed on now."""
        self.done = max(self.done, gap.last)
        return self._next()

    @property
    def gap(self) -> Gap | None:
        """What is missing before that which waits."""
        return Gap(self.done + 1, min(self._early) - 1) if self._early else None

    @property
    def early(self) -> Collection[T]:
        """What waits."""
        return self._early.values()

    @property
    def full(self) -> bool:
        """Whether no more can wait."""
        return len(self._early) >= LOOK_AHEAD

    def _next(self) -> list[T]:
        ready: list[T] = []
        while self.done + 1 in self._early:
            self.done += 1
            ready.append(self._early.pop(self.done))
        return ready


def parts(what: Sequence[T], size: int) -> Iterator[list[T]]:
    """These in order, so many at once."""
    rest = iter(what)
    while part := list(islice(rest, size)):
        yield part
