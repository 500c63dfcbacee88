"""The agencies of the network, as the log has them."""

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from itertools import takewhile
from uuid import UUID

from ...domain import agency as agencies
from ...domain import judged
from ...domain.agency import AgencyRegistered, agency_stream
from ...domain.agency_state import Agency
from ...domain.fact import ActorId, AgencyCode
from ...domain.judged import person_stream
from ...domain.memory import Memory
from .ports import Log, Unreadable

AGENCY_SECONDS = 1.0
"""How long an agency's state is used before the log is asked again: a suspension takes effect within this."""

AGENCIES_KEPT = 1_000
"""Some kB each, with their members."""


class Agencies(Mapping[AgencyCode, Agency]):
    """Agency by code, at most AGENCY_SECONDS old. Safe to share between threads.

    The log is asked for one agency at a time: to go through all of them takes as many questions as there are agencies.
    One that cannot be read is left out then. For lists there is the directory.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._codes: dict[UUID, AgencyCode] = {}
        """Stream → code, of those whose registration was read: a code is for ever."""
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
        for stream in self._log.agencies():
            with suppress(Unreadable):
                if stream not in self._codes:
                    self._codes[stream] = self._registered(stream)
                self[self._codes[stream]]  # it is left out where it cannot be read
                yield self._codes[stream]

    def _registered(self, stream: UUID) -> AgencyCode:
        (written,) = self._log.read(stream, upto=1)
        assert isinstance(written.event, AgencyRegistered)
        return written.event.code

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def fresh(self, code: AgencyCode) -> Agency:
        """An agency as the log has it now. Raises KeyError."""
        self.forget(code)
        return self[code]

    def forget(self, code: AgencyCode) -> None:
        """Ask the log the next time."""
        self._known.pop(code, None)
