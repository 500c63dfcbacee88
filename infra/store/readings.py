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
        self._begin()

    def _begin(self) -> None:
        self._upto = 0
        self._of: dict[UUID, array[int]] = {}
        """Case → the positions of its readings, in order."""
        self._versions: dict[UUID, int] = {}
        """Stream of readings → the version met last."""
        self._damage: Damage | None = None
        """The first reading that does not open, or is missing: of which case it is, nobody can say."""

    def of(self, case: UUID) -> Sequence[Opened]:
        """Every reading of a case up to now, in the order of the log.

        Raises Damaged where some reading, of whatever case, does not open or is gone: to leave it out would say that
        nobody looked. All of them are there again once the operator has put the record back.
        """
        with self._lock:
            if self._damage is not None:
                self._begin()
            self._catch_up()
            if self._damage is not None:
                raise Damaged(self._damage)
            positions = list(self._of.get(case, ()))
        found = self._store.opened(positions)
        if gone := sorted(set(positions) - {opened.position for opened in found}):
            raise Damaged(Damage(gone[0], case, 0, TOPIC, "its row is not there any more"))
        return found

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
            assert isinstance(found.event, AccessRecorded)
            self._versions[found.stream] = version
            self._of.setdefault(found.event.subject, array("Q")).append(found.position)
