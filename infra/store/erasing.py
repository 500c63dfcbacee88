"""Key destruction follows the log: whatever is killed, an erasure that is in the log is carried out."""

import logging

from ...domain.compartment import Compartment
from ...domain.erasure import ErasureRecorded
from .event_store import Damage, EventStore

log = logging.getLogger(__name__)
_said: set[int] = set()
"""Positions of damaged records that were named already: the log says each once."""


def finish_erasures(store: EventStore, after: int = 0) -> int:
    """Destroy the keys of every erasure in the log after a position whose keys are there still; the position reached.
    What the process that erased was killed before, this does after it; again, it changes nothing. It does not pass by
    the record of an erasure that is damaged: that is looked at again, and those behind it are carried out."""
    damaged = None
    for opened in store.erasures(after):
        if isinstance(opened, Damage):
            damaged = damaged or opened
            continue
        event = opened.event
        assert isinstance(event, ErasureRecorded)
        store.keys.erase(event.case, event.version, [Compartment.named(word) for word in event.compartments])
        after = opened.position if damaged is None else after
    if damaged is not None and damaged.position not in _said:
        _said.add(damaged.position)
        log.error("the record of an erasure is damaged, at position %d: %s", damaged.position, damaged.why)
    return after
