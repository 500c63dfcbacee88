"""Which readings of a case there are, found in the log itself: a court and a survivor are shown what no table of read
models can leave out, or add.

Of which case a reading was is sealed in it. So a process opens each reading once, and remembers where it stands: eight
bytes a reading. The first question after a start goes through the whole log, later ones through what is new.
"""

from array import array
from collections.abc import Sequence
from threading import Lock
from uuid import UUID

from eventsourcing.persistence import Notification

from ...domain.access import AccessRecorded
from ...domain.catalogue import topic_of
from .event_store import Damage, Damaged, EventStore, Opened

PAGE = 2_000
TOPIC = topic_of(AccessRecorded)


class Readings:
    """The readings of each case. Safe to share between threads."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._lock = Lock()
        self._upto = 0
        self._of: dict[UUID, array[int]] = {}
        """Case → the positions of its readings, in order."""
        self._unread: dict[int, Damage] = {}
        """Readings that do not open: of which case they are, nobody can say."""

    def of(self, case: UUID) -> Sequence[Opened]:
        """Every reading of a case up to now, in the order of the log.

        Raises Damaged where some reading, of whatever case, does not open: to leave it out would say that nobody
        looked. It is back once the operator has put the record back.
        """
        with self._lock:
            self._catch_up()
            if self._unread:
                raise Damaged(next(iter(self._unread.values())))
            positions = list(self._of.get(case, ()))
        return self._store.opened(positions)

    def _catch_up(self) -> None:
        for position in list(self._unread):
            self._take(self._store.recorder.select_notifications(position, 1, position))
        head = self._store.head()
        while page := self._store.recorder.select_notifications(
            self._upto, PAGE, head, [TOPIC], inclusive_of_start=False
        ):
            self._take(page)
            self._upto = page[-1].id
        self._upto = max(self._upto, head)

    def _take(self, page: Sequence[Notification]) -> None:
        for found in self._store.open_each(page):
            if isinstance(found, Damage):
                self._unread[found.position] = found
                continue
            late = self._unread.pop(found.position, None) is not None
            assert isinstance(found.event, AccessRecorded)
            known = self._of.setdefault(found.event.subject, array("Q"))
            known.append(found.position)
            if late:
                self._of[found.event.subject] = array("Q", sorted(known))
