"""Brings what an agency has to say to the service, beside the handling and never in its way.

Only the newest matters: what is said is cumulative. So while the service cannot be reached nothing piles up here; what
must not be lost is in the inbox until it was heard.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from ...wire.acknowledgement import Acknowledgement
from ..transports.transport import DeadLetter, NotAdmitted, Replies, Unreachable

log = logging.getLogger(__name__)
T = TypeVar("T")

EVERY_SECONDS = 0.2
LONGEST_PAUSE = 30.0
LAST_SECONDS = 5.0
"""So long it tries to bring the last word before it goes."""


class Parcel(NamedTuple):
    """Something to bring. `rows` are the inbox's notes that are done with when it is heard."""

    said: Acknowledgement
    rows: Sequence[tuple[int, int]] = ()
    letters: Sequence[DeadLetter] = ()


class Courier:
    """One thread. Offer it parcels; ask it what was heard."""

    def __init__(self, replies: Replies) -> None:
        self._replies = replies
        self._changed = threading.Condition()
        self._waiting: Parcel | None = None
        self._last = Acknowledgement()
        self._heard: list[Parcel] = []
        self._ending = False
        self._said, self._letters = _Patience("acknowledgements"), _Patience("dead letters")
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._thread.start()

    @property
    def takes_letters(self) -> bool:
        """Whether dead letters would be brought now."""
        return self._letters.is_over

    @property
    def refused(self) -> NotAdmitted | None:
        """That what is said is not taken from whoever brings it, where it is so."""
        return self._said.refused

    def offer(self, parcel: Parcel) -> None:
        """Bring this, rather than what waits still."""
        with self._changed:
            if parcel.said != self._last or parcel.letters:
                self._waiting = parcel
                self._changed.notify()

    def heard(self) -> list[Parcel]:
        """What was heard since this was asked last."""
        with self._changed:
            heard, self._heard = self._heard, []
            return heard

    def close(self) -> None:
        """Bring what waits, if that is possible at once, and end."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        self._thread.join(LAST_SECONDS)

    def _run(self) -> None:
        while parcel := self._next():
            if parcel.said != self._last:
                if not self._said.tries(self._replies.acknowledge, parcel.said):
                    self._put_back(parcel)
                    self._rest(self._said.pause)
                    continue
                with self._changed:
                    self._last = Acknowledgement(received=parcel.said.received, handled=parcel.said.handled)
                    self._heard.append(parcel._replace(letters=()))
            unheard = self._unheard(parcel.letters)
            if unheard and self._letters.is_over and self._letters.tries(self._replies.dead_letters, unheard):
                with self._changed:
                    self._heard.append(Parcel(parcel.said, (), unheard))
            self._rest(EVERY_SECONDS)
        self._replies.close()

    def _rest(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._ending, seconds)

    def _next(self) -> Parcel | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting is not None or self._ending)
            parcel, self._waiting = self._waiting, None
            return parcel

    def _unheard(self, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
        """Those that were not brought a moment ago, of which the inbox does not know yet."""
        with self._changed:
            brought = {letter.n for parcel in self._heard for letter in parcel.letters}
        return [letter for letter in letters if letter.n not in brought]

    def _put_back(self, parcel: Parcel) -> None:
        with self._changed:
            if self._waiting is None and not self._ending:
                self._waiting = parcel


class _Patience:
    """Tries again after pauses that grow. Dead letters that find no topic keep no acknowledgement waiting."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._again_at = 0.0
        self.pause = 0.0
        self.refused: NotAdmitted | None = None

    @property
    def is_over(self) -> bool:
        """Whether it is time to try."""
        return time.monotonic() >= self._again_at

    def tries(self, bring: Callable[[T], None], what: T) -> bool:
        """Whether it was brought."""
        try:
            bring(what)
        except Unreachable as problem:
            self.refused = problem if isinstance(problem, NotAdmitted) else None
            if not self.pause:
                log.warning("%s are not heard: %s", self._what, problem)
            self.pause = max(min(max(self.pause * 2, EVERY_SECONDS), LONGEST_PAUSE), problem.after)
            self._again_at = time.monotonic() + self.pause
            return False
        self.pause = 0.0
        self.refused = None
        return True
