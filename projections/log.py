"""The log, as read models are folded from it."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol
from uuid import UUID

from ..domain.disclosure import Followed


class Log(Protocol):
    """What runner and rebuild need of the log."""

    def after(self, position: int, limit: int) -> Sequence[Followed]:
        """The next events after a position, at most so many, and fewer where they take long; none where there is
        nothing more."""
        ...

    def pages(self, after: int) -> Iterator[Sequence[Followed]]:
        """All events after a position, part by part, to the end that the log has then."""
        ...

    def head(self) -> int:
        """The position of the newest event, 0 for none."""
        ...

    def only(self, wanted: Callable[[UUID, str], bool]) -> None:
        """From now on leave out, unopened, the events of whose stream and topic this says no."""
        ...

    def meanwhile(self, call: Callable[[], object]) -> None:
        """From now on call this again and again while events are read."""
        ...
