"""Which readings there are, of a case or by a person, found in the log itself: a court and a survivor are shown what no
table of read models can leave out, or add.

Of which case a reading was is sealed in it. So a process opens each reading once, and remembers where it stands:
sixteen bytes a reading. The first question after a start goes through the whole log, later ones through what is new.
What was taken back for good (`rujukan recover`) is forgotten: all is read anew then.
"""

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from heapq import merge
from itertools import islice
from threading import Lock
from uuid import UUID

from eventsourcing.persistence import Notification

from ...domain.access import AccessRecorded
from ...domain.catalogue import topic_of
from .event_store import Damage, Damaged, EventStore, Opened

PAGE = 2_000
TOPIC = topic_of(AccessRecorded)


class Readings:
    """The readings of each case, and by each person. Safe to share between threads."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._lock = Lock()
        self._begin(self._recoveries())

    def _begin(self, recoveries: int) -> None:
        self._recoveries_known = recoveries
        self._upto = 0
        self._of: dict[UUID, dict[str, array[int]]] = {}
        """Case → agency → the positions of its people's readings, in order."""
        self._by: dict[tuple[UUID, str], array[int]] = {}
        """(person, agency) → the positions of their readings, in order."""
        self._versions: dict[UUID, int] = {}
        """Stream of readings → the version met last."""
        self._damage: Damage | None = None
        """The first reading that does not open, or is missing: of which case it is, nobody can say."""

    def of(self, case: UUID, agency: str | None = None, after: int = 0, limit: int | None = None) -> Sequence[Opened]:
        """The readings of a case up to now behind a position, by people of one agency where it is named, so many at
        most, in the order of the log.

        Raises Damaged where some reading, of whatever case, does not open or is gone: to leave it out would say that
        nobody looked. All of them are there again once the operator has put the record back.
        """

        def where() -> Iterable[Sequence[int]]:
            of_case = self._of.get(case, {})
            return of_case.values() if agency is None else [of_case.get(agency, array("Q"))]

        return self._found(where, lambda reading: reading.subject == case, after, limit)

    def by(self, person: UUID, agency: str, after: int = 0, limit: int | None = None) -> Sequence[Opened]:
        """The readings of a person for an agency, of whatever case or list. Raises Damaged, as `of`."""
        return self._found(
            lambda: [self._by.get((person, agency), array("Q"))],
            lambda reading: (reading.reader, reading.agency) == (person, agency),
            after,
            limit,
        )

    def _found(
        self,
        where: Callable[[], Iterable[Sequence[int]]],
        fits: Callable[[AccessRecorded], bool],
        after: int,
        limit: int | None,
    ) -> Sequence[Opened]:
        with self._lock:
            recoveries = self._recoveries()
            if self._damage is not None or recoveries != self._recoveries_known:
                self._begin(recoveries)
            self._catch_up()
            if self._damage is not None:
                raise Damaged(self._damage)
            parts = [islice(part, bisect_right(part, after), None) for part in where()]
            positions = list(islice(merge(*parts), limit))
        found = [o for o in self._store.opened(positions) if isinstance(o.event, AccessRecorded) and fits(o.event)]
        if gone := sorted(set(positions) - {opened.position for opened in found}):
            raise Damaged(Damage(gone[0], UUID(int=0), 0, TOPIC, "its row is not there any more, or is another"))
        return found

    def _recoveries(self) -> int:
        """How often an older state was taken for good: what came after it is not there any more."""
        with self._store.pool.connection() as db:
            (joined, recovered) = db.execute(_RECOVERIES).fetchone() or (0, 0)
        return int(joined) + int(recovered)

    def _catch_up(self) -> None:
        head = self._store.head()
        while self._damage is None and (page := self._next(head)):
            self._take(page)
            self._upto = page[-1].id
        self._upto = max(self._upto, head)

    def _next(self, head: int) -> Sequence[Notification]:
        select = self._store.recorder.select_notifications
        return select(self._upto, PAGE, head, [TOPIC], inclusive_of_start=False)

    def _take(self, page: Sequence[Notification]) -> None:
        for found in self._store.open_each(page):
            version = self._versions.get(found.stream, 0) + 1
            if isinstance(found, Damage):
                self._damage = found
            elif found.version != version:
                self._damage = Damage(found.position, found.stream, version, TOPIC, "one before it is not there")
            if isinstance(found, Damage) or self._damage is not None:
                return
            reading = found.event
            assert isinstance(reading, AccessRecorded)
            self._versions[found.stream] = version
            of_case = self._of.setdefault(reading.subject, {})
            of_case.setdefault(reading.agency, array("Q")).append(found.position)
            self._by.setdefault((reading.reader, reading.agency), array("Q")).append(found.position)


_RECOVERIES = "SELECT (SELECT count(*) FROM ledger.joinings), delivery.recoveries()"
