"""Key destruction follows the log: whatever is killed, an erasure that is in the log is carried out."""

from collections.abc import Callable

from ...domain.compartment import Compartment
from ...domain.erasure import ErasureRecorded
from .event_store import Damage, EventStore


def finish_erasures(store: EventStore, after: int = 0, damaged: Callable[[Damage], object] = lambda _: None) -> int:
    """Destroy the keys of every erasure in the log after a position whose keys are there still; the position reached.
    What the process that erased was killed before, this does after it; again, it changes nothing. `damaged` is told of
    a record that does not open: the erasures behind it are carried out, and it is looked at again."""
    whole = True
    for opened in store.erasures(after):
        if isinstance(opened, Damage):
            damaged(opened)
            whole = False
            continue
        event = opened.event
        assert isinstance(event, ErasureRecorded)
        gone = [Compartment.named(word) for word in event.compartments]
        if not store.keys.is_done(event.case, gone):
            store.keys.erase(event.case, event.version, gone)
        if whole:
            after = opened.position
    return after
