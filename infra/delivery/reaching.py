"""What is told again long after it was told, as far as the agency reaches it now.

A first delivery is of what somebody was entitled to a moment ago, and asks the register alone (holding.py). But a
machine may read its feed from the beginning for ever, set a webhook anew, have it replayed, or sealed to another
key; and what an agency was told while its referral was open, it does not open again when that is over. So of what was
told before the last few days the rule of reach is asked as it holds now, as a page of the API asks it. What is out of
reach keeps its number, and shows as withheld; with a new referral it is in reach again.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from ...domain.casefile.evolving import fold_log
from ...domain.casefile.state import Case
from ...domain.disclosure import Written, may_be_told_again
from ...domain.memory import Memory
from ...domain.standing.reach import Reaches
from ..clock import now as by_the_clock
from ..store.data_keys import KeyGone
from ..store.event_store import EventStore
from ..store.following import EVENT_BYTES, FILE_BYTES, written_of
from ..store.sealed_record import BrokenSeal
from .rows import bits
from .told import Telling

LATELY = timedelta(days=7)
"""What was told within these days may still be on its way for the first time: a machine that stood still over a long
weekend loses nothing that its people worked on."""
MOST_BYTES = 32 * 1024 * 1024


class _File(Struct, frozen=True):
    """A case as it was read last."""

    version: int
    case: Case
    written: Mapping[int, Written]
    """Position → the event there."""


class Reaching:
    """Asks the rule of reach about tellings. Safe to share between threads."""

    def __init__(self, store: EventStore, now: Callable[[], datetime] = by_the_clock) -> None:
        self._store = store
        self._now = now
        self._files: Memory[UUID, _File] = Memory(MOST_BYTES, lambda file: FILE_BYTES + EVENT_BYTES * file.version)
        self.close = store.keys.when_erased(lambda stream: self._files.pop(stream, None))
        """Ends it: it is not to be used again, and nothing holds what it knows of the cases."""

    def beyond(self, tellings: Sequence[Telling]) -> tuple[Mapping[int, int], set[UUID]]:
        """Number of a telling → what of it the agency reaches no more, as a bit set; of those only that were told long
        ago. And the cases of which nobody knows, as they do not open."""
        try:
            return self._beyond(tellings), set()
        except BrokenSeal:
            found: dict[int, int] = {}
            unknown: set[UUID] = set()
            for stream in {t.stream for t in tellings}:
                try:
                    found |= self._beyond([t for t in tellings if t.stream == stream])
                except BrokenSeal:
                    unknown.add(stream)
            return found, unknown

    def _beyond(self, tellings: Sequence[Telling]) -> Mapping[int, int]:
        now = self._now()
        old = [t for t in tellings if t.stream == t.case and t.position and t.told_at < now - LATELY]
        files = self._read({t.stream for t in old})
        reaches = {stream: Reaches(file.case, now) for stream, file in files.items()}
        found: dict[int, int] = {}
        for telling in old:
            file = files.get(telling.stream)
            of = file.written.get(telling.position) if file is not None else None
            if of is not None:
                told = telling.told_compartments()
                may = may_be_told_again(reaches[telling.stream], of, told, telling.agency)
                if told - may:
                    found[telling.n] = bits(told - may)
        return found

    def _read(self, streams: set[UUID]) -> dict[UUID, _File]:
        """Those of them that are cases, as they are now; none of one that was erased."""
        if not streams:
            return {}
        with self._store.pool.connection() as db:
            versions: dict[UUID, int] = dict(db.execute(_VERSIONS, (list(streams),)).fetchall())
        files: dict[UUID, _File] = {}
        for stream, version in versions.items():
            known = self._files.get(stream)
            if known is None or known.version != version:
                try:
                    written = [written_of(opened) for opened in self._store.read(stream, 0, version)]
                except KeyGone:
                    continue  # that it was erased is said where it is opened
                case = fold_log(written)
                assert case is not None
                known = self._files[stream] = _File(version, case, {w.position: w for w in written})
            files[stream] = known
        return files


_VERSIONS = (
    "SELECT originator_id, max(originator_version) FROM log.stored_events e WHERE originator_id = ANY(%s)"
    " AND EXISTS (SELECT FROM log.stored_events f WHERE f.originator_id = e.originator_id AND f.originator_version = 1"
    " AND f.topic LIKE 'case.%%') GROUP BY originator_id"
)
