"""The agencies of the network, as the log has them."""

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import takewhile
from typing import NoReturn
from uuid import UUID

from ...domain import agency as agencies
from ...domain import judged
from ...domain.agency import agency_stream
from ...domain.agency_state import Agency
from ...domain.fact import ActorId, AgencyCode
from ...domain.judged import person_stream
from ...domain.memory import Memory
from .ports import Log

AGENCY_SECONDS = 1.0
"""How long an agency's state is used before the log is asked again: a suspension takes effect within this."""

AGENCIES_KEPT = 1_000
"""Some kB each, with their members."""


class Agencies(Mapping[AgencyCode, Agency]):
    """Agency by code, at most AGENCY_SECONDS old. Safe to share between threads.

    The log is asked for one agency at a time, so all of them cannot be told: who tries to go through them, or to count
    them, gets a TypeError, and not those that happen to be known here. The directory lists them.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._known: Memory[AgencyCode, tuple[float, Agency]] = Memory(AGENCIES_KEPT, lambda _: 1)

    def __getitem__(self, code: AgencyCode) -> Agency:
        asked, known = self._known.get(code) or (0.0, None)
        if known is not None and time.monotonic() - asked < AGENCY_SECONDS:
            return known
        fresh = agencies.fold(
            (w.event for w in self._log.read(agency_stream(code), known.version if known else 0)), known
        )
        if fresh is None:
            raise KeyError(code)
        self._known[code] = (time.monotonic(), fresh)
        return fresh

    def at(self, code: AgencyCode, instant: datetime) -> tuple[Agency, bool]:
        """An agency as it is, and whether it was active at an instant. Raises KeyError."""
        events = self._log.read(agency_stream(code))
        now = agencies.fold(w.event for w in events)
        if now is None:
            raise KeyError(code)
        then = agencies.fold(w.event for w in takewhile(lambda w: w.at <= instant, events))
        return now, then is not None and then.active

    def was_misjudged(self, person: ActorId) -> bool:
        """Whether something that this person did past consent, for whatever agency, was judged not justified, and that
        stands. The log is asked each time: who breaks the glass waits for nothing that is old."""
        return bool(self.misjudged(person))

    def misjudged(self, person: ActorId) -> frozenset[UUID]:
        """What this person did past consent, by its id, that was judged not justified, where that stands."""
        return judged.fold(w.event for w in self._log.read(person_stream(person)))

    def judged_so_far(self, person: ActorId) -> int:
        """How often what this person did was judged."""
        return len(self._log.read(person_stream(person)))

    def __iter__(self) -> Iterator[AgencyCode]:
        return self._refuse()

    def __len__(self) -> int:
        return self._refuse()

    def _refuse(self) -> NoReturn:
        raise TypeError("agencies are asked for by their code; the directory lists them")

    def fresh(self, code: AgencyCode) -> Agency:
        """An agency as the log has it now. Raises KeyError."""
        self.forget(code)
        return self[code]

    def forget(self, code: AgencyCode) -> None:
        """Ask the log the next time."""
        self._known.pop(code, None)
