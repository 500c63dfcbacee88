"""How much of what all share one caller may take, and one agency, in one process.

What comes by the second has a budget: so much each second, and some seconds' worth in one go. An agency has one for all
its people, and each person a smaller one besides, which no colleague can use up. What lasts has places. Who asks for
more is told which limit it was, and when to ask again. Commands, an emergency and machines have budgets of their own:
who reads without end takes nothing of them.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil
from threading import Lock, RLock
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct

from ..domain.fact import AgencyCode
from ..domain.memory import Memory
from .problems import TooMany

OWN = 0.2
"""What each person has of their own, as a part of what their agency has for all."""
SECONDS = 10.0
"""So many seconds' worth may be taken in one go."""
MINUTE = 60.0
"""The same, of documents and deliveries."""
AN_AGENCY = 4
"""So many times what a person may have under way an agency may."""
AN_AGENCY_THAT_WAITS = 8
MOST = 1_000
"""What all agencies together may have under way, of requests and of reads that wait."""
MOST_STREAMS = 2_000
MOST_UPLOADS = 16
"""Documents on their way in, of all: each lies in memory until it is stored. An agency has half, a person a quarter."""
MIB = 2**20

KEPT_BYTES = 4 * MIB
"""Memory for what is left of each kind of budget. What was used longest ago is forgotten, and full again then."""
ENTRY_BYTES = 512


class Limits(Struct, frozen=True, kw_only=True):
    """What the operator says. 0 sets no limit."""

    reads: int = 10
    """Reads each second, of an agency's people. One that keeps a thread for long counts as several."""
    commands: int = 20
    """Commands each second, of an agency's people."""
    emergencies: int = 1
    """What is done and read in an emergency, each second, by each person."""
    requests: int = 64
    """Requests of one person that are under way at once."""
    waits: int = 8
    """Reads of one person that wait for a position."""
    pages: int = 20
    """Pages of the feed each second, of an agency's machines."""
    deliveries: int = 1_000
    """Messages each second that an agency's machines fetch."""
    acknowledgements: int = 10
    """Acknowledgements each second, of an agency's machines."""
    streams: int = 32
    """Streams and long-polls that an agency has open."""
    uploads: int = 60
    """MiB of documents each minute, of an agency's people."""
    documents: int = 20_480
    """MiB of documents that an agency may have stored, in all."""

    @classmethod
    def of_places(cls) -> "Limits":
        """Those of what is open or under way, and none of what comes by the second."""
        return cls(reads=0, commands=0, emergencies=0, pages=0, uploads=0)


WORDS = {
    "reads": "You read more often than you may, and what your agency has beyond that is used up.",
    "commands": "You write more often than you may, and what your agency has beyond that is used up. Nothing was done.",
    "emergencies": "You do this more often than you may in an emergency. What is open stays open. Nothing was done.",
    "requests": "Too many requests of this caller, or of this agency, are under way. Wait for their answers first.",
    "waits": "Too many reads of this caller, or of this agency, wait for a position. Wait for their answers first.",
    "pages": "The agency's machines ask for pages more often than they may. Ask with `wait`, or for a stream.",
    "deliveries": "The agency's machines fetched more than they may. Nothing is lost: go on behind what came last.",
    "acknowledgements": "The agency's machines acknowledge more often than they may. Say the newest only: it counts"
    " for all before it.",
    "streams": "Too many streams and long-polls of this agency are open. Close one first.",
    "uploads": "Too much was attached in a short time, by you or your agency. Nothing was stored.",
    "documents": "The agency has as many documents stored as it may. Nothing was stored. Ask whoever runs the service.",
    "public": "Too many ask for what is public. Nobody else waits for it.",
}
"""Limit → what a caller is told, before when to ask again."""


def too_many(limit: str, pause: float = 5.0) -> TooMany:
    """The refusal by a limit; it is over in so many seconds."""
    after = max(1, ceil(pause))
    return TooMany(limit, f"{WORDS[limit]} Send it again in {after} s, not sooner.", after)


class Rate(NamedTuple):
    """So much each second, and so much in one go."""

    each_second: float
    at_once: float


Whose = tuple[AgencyCode, UUID | None]
"""A person of an agency, or the agency."""


class Budget:
    """What people and agencies may take by the second. Safe to share between threads."""

    def __init__(
        self,
        limit: str,
        agency: Rate | None,
        person: Rate | None = None,
        clock: Callable[[], float] = time.monotonic,
        kept_bytes: int = KEPT_BYTES,
    ) -> None:
        """`limit` is its name. A person's own is taken first, then the agency's. Without either there is no limit."""
        self._limit, self._agency, self._person, self._clock = limit, agency, person, clock
        self._lock = Lock()
        self._left: Memory[Whose, tuple[float, float]] = Memory(kept_bytes, lambda _: ENTRY_BYTES)
        """What is left, and as of when."""

    @classmethod
    def shared(
        cls, limit: str, each_second: float, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> "Budget":
        """An agency's, and the smaller ones of its people; 0 sets no limit."""
        if not each_second:
            return cls(limit, None)
        own = each_second * OWN
        return cls(limit, Rate(each_second, each_second * seconds), Rate(own, own * seconds), clock)

    @classmethod
    def of_agencies(
        cls, limit: str, each_second: float, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> "Budget":
        """An agency's, whoever asks for it."""
        return cls(limit, Rate(each_second, each_second * seconds) if each_second else None, None, clock)

    @classmethod
    def of_people(
        cls, limit: str, each_second: float, at_once: float, clock: Callable[[], float] = time.monotonic
    ) -> "Budget":
        """Each person's own, which nobody shares."""
        return cls(limit, None, Rate(each_second, at_once) if each_second else None, clock)

    def take(self, agency: AgencyCode, person: UUID | None = None, amount: float = 1) -> Whose | None:
        """Take so much, and say of whose; where something is left it may be more than that, and is owed. None where
        there is no limit. Raises TooMany."""
        with self._lock:
            now, pause = self._clock(), 0.0
            for whose, rate in self._rates(agency, person):
                left = self._now(whose, rate, now)
                if left >= 1:
                    self._left[whose] = left - amount, now
                    return whose
                until = (1 - left) / rate.each_second
                pause = min(pause or until, until)
        if pause:
            raise too_many(self._limit, pause)
        return None

    def owe(self, whose: Whose | None, amount: float) -> None:
        """Take so much more, or less, of what was taken of."""
        if whose is None:
            return
        rate = self._agency if whose[1] is None else self._person
        assert rate is not None
        with self._lock:
            now = self._clock()
            self._left[whose] = min(rate.at_once, self._now(whose, rate, now) - amount), now

    def __len__(self) -> int:
        """Of how many it knows what is left."""
        return len(self._left)

    def _rates(self, agency: AgencyCode, person: UUID | None) -> Iterator[tuple[Whose, Rate]]:
        if person is not None and self._person is not None:
            yield (agency, person), self._person
        if self._agency is not None:
            yield (agency, None), self._agency

    def _now(self, whose: Whose, rate: Rate, now: float) -> float:
        left, at = self._left.get(whose, (rate.at_once, now))
        return min(rate.at_once, left + max(0.0, now - at) * rate.each_second)


class Places:
    """How many of something a person, an agency and all together may have open. Safe to share between threads."""

    def __init__(self, limit: str, of_a_person: int, of_an_agency: int, most: int) -> None:
        """`limit` is its name. 0 sets no limit."""
        self._limit = limit
        self._of_a_person, self._of_an_agency, self._most = of_a_person, of_an_agency, most
        self._lock = RLock()  # a signal may come in the middle of what the same thread does
        self._open = 0
        self._agencies: Counter[AgencyCode] = Counter()
        self._people: Counter[Whose] = Counter()

    def take(self, agency: AgencyCode, person: UUID | None = None) -> None:
        """Count one more, until `leave`. Raises TooMany."""
        with self._lock:
            if (
                self._over(self._people[agency, person], self._of_a_person)
                or self._over(self._agencies[agency], self._of_an_agency)
                or self._over(self._open, self._most)
            ):
                raise too_many(self._limit)
            self._open += 1
            self._agencies[agency] += 1
            self._people[agency, person] += 1

    def leave(self, agency: AgencyCode, person: UUID | None = None) -> None:
        """It ended."""
        with self._lock:
            self._open -= 1
            self._agencies[agency] -= 1
            self._people[agency, person] -= 1
            if not self._people[agency, person]:
                del self._people[agency, person]
            if not self._agencies[agency]:
                del self._agencies[agency]

    @contextmanager
    def place(self, agency: AgencyCode, person: UUID | None = None) -> Iterator[None]:
        """`take`, and `leave` at the end."""
        self.take(agency, person)
        try:
            yield
        finally:
            self.leave(agency, person)

    def __len__(self) -> int:
        """Of how many people it knows something: of those who have something open."""
        return len(self._people)

    @staticmethod
    def _over(there: int, most: int) -> bool:
        return bool(most) and there >= most
