"""Key destruction follows the log: whatever is killed, an erasure that is in the log is carried out."""

from ...domain.compartment import Compartment
from ...domain.erasure import ErasureRecorded
from .event_store import EventStore


def finish_erasures(store: EventStore, after: int = 0) -> int:
    """Destroy the keys of every erasure in the log after a position whose keys are there still; the position reached.
    What the process that erased was killed before, this does after it; again, it changes nothing."""
    for opened in store.erasures(after):
        event = opened.event
        assert isinstance(event, ErasureRecorded)
        store.keys.erase(event.case, event.version, [Compartment.named(word) for word in event.compartments])
        after = opened.position
    return after
