"""Key destruction follows the log: whatever is killed, an erasure that is in the log is carried out.

What was said of a case where it takes two people stands in proposals, each a stream with keys of its own. Their sealed
parts die with the case: a reason to set a speaker aside tells as much of her as the case does.
"""

import time
from collections.abc import Callable
from uuid import UUID

from ...domain.catalogue import topic_of
from ...domain.compartment import Compartment, compartments_of
from ...domain.erasure import ErasureRecorded
from ...domain.proposal import ProposalMade
from .event_store import Damage, EventStore, Opened
from .indexed import LogIndex

SEALED = frozenset(compartments_of(ProposalMade).values()) - {Compartment.COORDINATION}
"""Compartments of a proposal that hold what people said; who asked for what stays."""
LOOK_SECONDS = 10.0
"""So often it looks for proposals on what is erased, where nothing more was."""


class Erasing:
    """Carries out the erasures of a log, as often as it is asked. Belongs to one thread at a time."""

    def __init__(self, store: EventStore, damaged: Callable[[Damage], object] = lambda _: None) -> None:
        """`damaged` is told of a record of an erasure that does not open: the erasures behind it are carried out, and
        it is looked at again."""
        self._store, self._damaged = store, damaged
        self._reached, self._looked, self._is_whole = 0, 0.0, True
        self._about: dict[UUID, list[UUID]] = {}
        """Case → the proposals on it."""
        self._erased: set[UUID] = set()
        self._proposals = LogIndex(store, [topic_of(ProposalMade)], self._forget, self._take, among_others=True)

    def finish(self) -> int:
        """Destroy the keys of every erasure in the log whose keys are there still; the position reached. What the
        process that erased was killed before, this does after it; again, it changes nothing."""
        for opened in self._found():
            if isinstance(opened, Damage):
                self._damaged(opened)
                self._is_whole = False
                continue
            event = opened.event
            assert isinstance(event, ErasureRecorded)
            self._carry_out(event)
            if self._is_whole:
                self._reached = opened.position
        return self._reached

    def _found(self) -> list[Opened | Damage]:
        """The erasures that are not carried out yet; all of them where a proposal came to light that was made while its
        case was erased, or that was damaged until now."""
        while True:
            before, self._is_whole = self._reached, True
            found = self._store.erasures(before)
            if not found and time.monotonic() - self._looked < LOOK_SECONDS:
                return found
            self._looked = time.monotonic()
            self._proposals.catch_up()
            if self._reached == before:
                return found

    def _carry_out(self, event: ErasureRecorded) -> None:
        keys, gone = self._store.keys, [Compartment.named(word) for word in event.compartments]
        if not keys.is_done(event.case, gone):
            keys.erase(event.case, event.version, gone)
        self._erased.add(event.case)
        sealed = sorted(SEALED.intersection(gone))
        for proposal in self._about.get(event.case, ()) if sealed else ():
            if not keys.is_done(proposal, sealed):
                keys.erase_proposal(proposal, event.case, event.version, sealed)

    def _forget(self) -> None:
        self._about.clear()
        self._erased.clear()
        self._reached = 0

    def _take(self, opened: Opened) -> None:
        event = opened.event
        if isinstance(event, ProposalMade) and event.on == "case":
            case = UUID(event.target)
            self._about.setdefault(case, []).append(opened.stream)
            if case in self._erased:
                self._reached = 0


def finish_erasures(store: EventStore, damaged: Callable[[Damage], object] = lambda _: None) -> int:
    """Carry out all erasures of the log; the position reached."""
    return Erasing(store, damaged).finish()
