"""Who is let in, and on which threads: every request passes here once its caller is known.

A refusal by a limit is counted by the limit's name alone, and is held for a moment before it is answered: who asks
again at once, whatever it was told, costs little.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum, auto
from typing import ParamSpec, TypeVar

from starlette.responses import Response

from ..domain.standing.roles import SUBSCRIBERS
from .application.vitals import Refused
from .identity import Caller
from .lanes import Lane
from .limits import (
    AN_AGENCY,
    AN_AGENCY_THAT_WAITS,
    MIB,
    MINUTE,
    MOST,
    MOST_STREAMS,
    MOST_UPLOADS,
    Budget,
    Limits,
    Places,
    too_many,
)
from .problems import TooMany, answer

HOLD_SECONDS = 0.5
MOST_HELD = 1_000
"""Refusals beyond that are answered at once."""
MOST_PUBLIC = 256
"""Requests for what is public that wait for a thread."""
EMERGENCIES_AT_ONCE = 20
ACKNOWLEDGED_SECONDS = 2.0
"""So many seconds' worth of acknowledgements may come in one go."""

P = ParamSpec("P")
T = TypeVar("T")


class Work(Enum):
    """What a request is. No kind waits for another."""

    COMMAND = auto()
    READ = auto()
    EMERGENCY = auto()
    """Breaking the glass, and reading through it."""
    LONG = auto()
    """A read that works for seconds: a bundle, a report, a whole case."""
    PUBLIC = auto()
    """What is answered without a token."""
    FEED = auto()
    """What agencies' machines fetch. It waits without a thread, and has a few of its own to look."""
    MARKS = auto()
    """What agencies' machines acknowledge."""


THREADS = {
    Work.COMMAND: 24,
    Work.READ: 4,
    Work.EMERGENCY: 8,
    Work.LONG: 2,
    Work.PUBLIC: 2,
    Work.MARKS: 2,
}
"""Few where others' work is processor time: each that runs takes the interpreter from a command for a moment."""
COUNTED_BY_TIME = frozenset({Work.READ, Work.LONG})
OF_MACHINES = frozenset({Work.FEED, Work.MARKS})


A_READ_SECONDS, DEAREST = 0.005, 20.0
"""A read out of what all of an agency share counts as several, as many as this at most, where it keeps a thread for
longer than that: a machine that is slow, or busy, lets fewer in, so that those who write do not pay for it. What is a
person's own is counted as it is."""
_spent: ContextVar[list[float]] = ContextVar("spent")
"""Seconds that a request kept threads."""


class Gate:
    """Limits and threads of one API process."""

    def __init__(self, limits: Limits, refused: Refused) -> None:
        self.limits = limits
        self._refused = refused
        self.clock: Callable[[], float] = time.monotonic
        self._held = 0
        self._lanes = {work: Lane(work.name.lower(), threads) for work, threads in THREADS.items()}
        reads, rare = Budget.shared("reads", limits.reads), limits.emergencies
        self._budgets = {
            Work.COMMAND: Budget.shared("commands", limits.commands),
            Work.READ: reads,
            Work.LONG: reads,
            Work.EMERGENCY: Budget.of_people("emergencies", rare, rare * EMERGENCIES_AT_ONCE),
            Work.FEED: Budget.of_agencies("pages", limits.pages),
            Work.MARKS: Budget.of_agencies("acknowledgements", limits.acknowledgements, ACKNOWLEDGED_SECONDS),
        }
        of_a_person = limits.requests
        self._requests = {
            work: Places("requests", of_a_person, of_a_person * AN_AGENCY, MOST if of_a_person else 0)
            for work in THREADS
        }
        self.waits = Places("waits", limits.waits, limits.waits * AN_AGENCY_THAT_WAITS, MOST if limits.waits else 0)
        self.streams = Places("streams", 0, limits.streams, MOST_STREAMS)
        self.deliveries = Budget.of_agencies("deliveries", limits.deliveries, MINUTE)
        self._uploads = Budget.shared("uploads", limits.uploads * MIB / MINUTE, MINUTE)
        most = MOST_UPLOADS if limits.uploads else 0
        self._arriving = Places("uploads", most // 4, most // 2, most)

    @contextmanager
    def admitted(self, work: Work, caller: Caller) -> Iterator[None]:
        """Let a caller's request in, until it ends. Raises TooMany."""
        if work in OF_MACHINES and not SUBSCRIBERS & frozenset(caller.roles):
            work = Work.READ  # nobody uses up what is the machines' and is refused only then
        if work is Work.FEED:
            self._budgets[work].take(caller.agency)
            yield
            return
        budget = self._budgets[work]
        with self._requests[work].place(caller.agency, caller.actor):
            whose = budget.take(caller.agency, caller.actor)
            spent: list[float] = []
            token = _spent.set(spent)
            try:
                yield
            finally:
                _spent.reset(token)
                if work in COUNTED_BY_TIME and whose is not None and whose[1] is None:
                    budget.owe(whose, min(max(1.0, sum(spent) / A_READ_SECONDS), DEAREST) - 1)

    @contextmanager
    def arriving(self, caller: Caller, size: int) -> Iterator[Callable[[int], None]]:
        """Let a caller's document in, of so many bytes as far as it says; say how many came. Raises TooMany."""
        with self._arriving.place(caller.agency, caller.actor):
            whose = self._uploads.take(caller.agency, caller.actor, size)
            yield lambda came: self._uploads.owe(whose, came - size)

    async def run(
        self, work: Work, caller: Caller | None, call: Callable[P, T], *arguments: P.args, **named: P.kwargs
    ) -> T:
        """What the call answers, made on a thread for such work, when it is this caller's turn. Raises TooMany where
        nobody is known to call, and too many do."""
        lane = self._lanes[work]
        if caller is None and len(lane) >= MOST_PUBLIC:
            raise too_many("public")
        spent = _spent.get(None)

        def timed() -> T:
            began = self.clock()
            try:
                return call(*arguments, **named)
            finally:
                if spent is not None:
                    spent.append(self.clock() - began)

        return await lane.run(caller and (caller.agency, caller.actor), timed)

    async def answer(self, error: Exception) -> Response:
        """The problem that an error becomes."""
        if isinstance(error, TooMany):
            self._refused.count(error.limit)
            if self._held < MOST_HELD:
                self._held += 1
                try:
                    await asyncio.sleep(HOLD_SECONDS)
                finally:
                    self._held -= 1
        return answer(error)
