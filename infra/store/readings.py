"""Which readings there are, of a case or by a person, found in the log itself: a court and a survivor are shown what no
table of read models can leave out, or add.

Of which case a reading was is sealed in it, so an index of positions is kept (indexed.py): forty bytes a reading. The
record of a reading that does not open, or is gone, is named to whoever asks of any case: of which one it was, nobody
can say any more, and to leave it out would say that nobody looked. The readings that open are shown all the same: one
damaged record is no reason that nobody learns who looked at any case.
"""

from array import array
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import islice
from threading import Lock
from typing import NamedTuple
from uuid import UUID

from ...domain.access import AccessRecorded
from ...domain.catalogue import topic_of
from ...domain.disclosure import Written
from ...domain.oversight import SEARCHING
from .event_store import Damage, EventStore, Opened
from .following import written_of
from .indexed import PAGE, LogIndex
from .sealed_record import author_of

TOPIC = topic_of(AccessRecorded)


class Looked(NamedTuple):
    """Readings that open; and the records of readings that do not, or are gone: of whatever case they were."""

    found: Sequence[Opened]
    unread: Sequence[Damage]


class Between(NamedTuple):
    """The same, between two instants; without what of their records nobody asks for."""

    found: Sequence[Written]
    unread: Sequence[Damage]


class Readings:
    """The readings of each case, and by each person. Safe to share between threads."""

    def __init__(self, store: EventStore) -> None:
        self._lock = Lock()
        self._index = LogIndex(store, [TOPIC], self._forget, self._take)

    def _forget(self) -> None:
        self._of: dict[UUID, dict[str, array[int]]] = {}
        """Case → agency → the positions of its people's readings, in order."""
        self._by: dict[tuple[UUID, str], array[int]] = {}
        """(person, agency) → the positions of their readings, in order."""
        self._all = _Columns()

    def of(self, case: UUID, agency: str | None = None, after: int = 0, limit: int | None = None) -> Looked:
        """The readings of a case up to now behind a position, by people of one agency where it is named, so many at
        most, in the order of the log."""

        def where() -> Iterable[Sequence[int]]:
            of_case = self._of.get(case, {})
            return of_case.values() if agency is None else [of_case.get(agency, array("Q"))]

        return self._found(where, lambda reading: reading.subject == case, after, limit)

    def by(self, person: UUID, agency: str, after: int = 0, limit: int | None = None) -> Looked:
        """The readings of a person for an agency, of whatever case or list."""
        return self._found(
            lambda: [self._by.get((person, agency), array("Q"))],
            lambda reading: (reading.reader, reading.agency) == (person, agency),
            after,
            limit,
        )

    def between(self, since: datetime, until: datetime, agency: str, cases: Collection[UUID], limit: int) -> Between:
        """The readings of content, and the searches, from one instant to before another, that were for an agency or of
        these cases; so many at most, in the order of the log."""
        with self._lock:
            unread = self._index.catch_up()
            positions = self._all.between(_micros(since), _micros(until), agency, cases, limit)
        found: list[Written] = []
        gone: list[Damage] = []
        for n in range(0, len(positions), PAGE):  # of each only what is asked for is kept: they may be many
            opened, lost = self._index.opened(
                positions[n : n + PAGE],
                lambda one: isinstance(e := one.event, AccessRecorded) and (e.agency == agency or e.subject in cases),
            )
            found += [written_of(one) for one in opened]
            gone += lost
        return Between(found, sorted({*unread, *gone}))

    def _found(
        self,
        where: Callable[[], Iterable[Sequence[int]]],
        fits: Callable[[AccessRecorded], bool],
        after: int,
        limit: int | None,
    ) -> Looked:
        with self._lock:
            unread = self._index.catch_up()
            parts = [islice(part, bisect_right(part, after), None) for part in where()]
            positions = list(islice(merge(*parts), limit))
        found, gone = self._index.opened(
            positions, lambda opened: isinstance(opened.event, AccessRecorded) and fits(opened.event)
        )
        return Looked(found, sorted({*unread, *gone}))

    def _take(self, opened: Opened) -> None:
        reading = opened.event
        assert isinstance(reading, AccessRecorded)
        of_case = self._of.setdefault(reading.subject, {})
        of_case.setdefault(reading.agency, array("Q")).append(opened.position)
        self._by.setdefault((reading.reader, reading.agency), array("Q")).append(opened.position)
        if reading.compartments or reading.what == SEARCHING:
            self._all.add(opened.position, author_of(opened.state)[3], reading.agency, reading.subject)


class _Columns:
    """Readings by time: when, for which agency, of which case, as numbers."""

    def __init__(self) -> None:
        self._positions, self._times = array("Q"), array("q")
        self._agency, self._case = array("L"), array("L")
        self._agencies: dict[str, int] = {}
        self._cases: dict[UUID, int] = {}

    def add(self, position: int, at: datetime, agency: str, case: UUID) -> None:
        self._positions.append(position)
        self._times.append(_micros(at))
        self._agency.append(self._agencies.setdefault(agency, len(self._agencies)))
        self._case.append(self._cases.setdefault(case, len(self._cases)))

    def between(self, since: int, until: int, agency: str, cases: Collection[UUID], limit: int) -> list[int]:
        mine = self._agencies.get(agency)
        led = {self._cases[case] for case in cases if case in self._cases}
        rows = zip(self._positions, self._times, self._agency, self._case, strict=True)
        found = (at for at, when, by, of in rows if since <= when < until and (by == mine or of in led))
        return list(islice(found, limit))


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
