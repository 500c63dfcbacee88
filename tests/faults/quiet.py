"""Quiet: nobody writes meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class Quiet:
    """Kept by one thread at a time. Who writes says so, and waits while it is kept."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._writing = 0
        self._is_kept = False

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Something is written inside the block, to its end."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_kept)
            self._writing += 1
        try:
            yield
        finally:
            with self._changed:
                self._writing -= 1
                self._changed.notify_all()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Nobody writes inside the block: what was begun is at its end, nothing begins."""
        with self._changed:
            self._is_kept = True
            self._changed.wait_for(lambda: not self._writing)
        try:
            yield
        finally:
            with self._changed:
                self._is_kept = False
                self._changed.notify_all()
