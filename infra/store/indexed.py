"""An index of what of some topics stands where in the log, for evidence: it is selected from the log itself, and
nothing of it is left out in silence.

A process opens each record of these topics once and remembers where it stands. The first question after a start goes
through the whole log, later ones through what is new. One that does not open, or that is gone while a later one of its
stream is there, is named, and the others are taken in all the same. What was taken back for good (`rujukan recover`) is
forgotten, and so is all that was remembered once something damaged is whole again: all is read anew then.
"""

from collections.abc import Callable, Sequence
from uuid import UUID

from eventsourcing.persistence import Notification

from .event_store import Damage, EventStore, Opened

PAGE = 2_000
GONE = "one before it is not there"
"""Why a version is named that nothing stands for; the position is that of the next of its stream."""
MOVED = "its row is not there any more, or is another"


class LogIndex:
    """Follows some topics. Belongs to one thread at a time: who holds it has a lock."""

    def __init__(
        self,
        store: EventStore,
        topics: Sequence[str],
        forget: Callable[[], None],
        take: Callable[[Opened], None],
        *,
        among_others: bool = False,
    ) -> None:
        """`take` is called with each that opens, in the order of the log; `forget` before all begins anew.
        `among_others`: their streams have other topics, too, so that it does not show here where one of a stream is
        gone."""
        self._store = store
        self._topics = topics
        self._among_others = among_others
        self._forget = forget
        self._take = take
        self._begin(recoveries(self._store))

    def _begin(self, recovered: int) -> None:
        self._forget()
        self._recoveries_known = recovered
        self._upto = 0
        self.versions: dict[UUID, int] = {}
        """Stream → the version met last."""
        self._damage: dict[tuple[UUID, int], Damage] = {}
        """(stream, version) → what is the matter with it."""

    def catch_up(self) -> list[Damage]:
        """Take in what is new; what does not open or is gone, as far as that is known, in the order of the log."""
        now = recoveries(self._store)
        if now != self._recoveries_known or any(map(self._is_whole_again, self._damage.values())):
            self._begin(now)
        head = self._store.head()
        while page := self._next(head):
            for found in self._store.open_each(page):
                self._met(found)
            self._upto = page[-1].id
        self._upto = max(self._upto, head)
        return sorted(self._damage.values())

    def opened(self, positions: Sequence[int], fits: Callable[[Opened], bool]) -> tuple[list[Opened], list[Damage]]:
        """Those at these positions that are as they were taken in (`fits`), and what is the matter with the others."""
        found: dict[int, Opened] = {}
        damage: dict[int, Damage] = {}
        for one in self._store.opened_each(positions):
            if isinstance(one, Damage):
                damage[one.position] = one
            elif fits(one):
                found[one.position] = one
        for position in positions:
            if position not in found:
                damage.setdefault(position, Damage(position, UUID(int=0), 0, self._topics[0], MOVED))
        return [found[p] for p in positions if p in found], [damage[p] for p in sorted(damage)]

    def _next(self, head: int) -> Sequence[Notification]:
        select = self._store.recorder.select_notifications
        return select(self._upto, PAGE, head, self._topics, inclusive_of_start=False)

    def _met(self, found: Opened | Damage) -> None:
        stream, met = found.stream, self.versions.get(found.stream, 0)
        for version in range(met + 1, found.version) if not self._among_others else ():
            self._damage[stream, version] = Damage(found.position, stream, version, self._topics[0], GONE)
        self.versions[stream] = max(met, found.version)
        if isinstance(found, Damage):
            self._damage[stream, found.version] = found
        else:
            self._take(found)

    def _is_whole_again(self, damage: Damage) -> bool:
        with self._store.pool.connection() as db:
            row = db.execute(_STANDS_AT, (damage.stream, damage.version)).fetchone()
        if damage.why == GONE:
            return row is not None and row[0] < damage.position
        found = self._store.opened_each([damage.position])
        return any(isinstance(o, Opened) and (o.stream, o.version) == (damage.stream, damage.version) for o in found)


def recoveries(store: EventStore) -> int:
    """How often an older state was taken for good: what came after it is not there any more."""
    with store.pool.connection() as db:
        (joined, recovered) = db.execute(_RECOVERIES).fetchone() or (0, 0)
    return int(joined) + int(recovered)


_RECOVERIES = "SELECT (SELECT count(*) FROM ledger.joinings), delivery.recoveries()"
_STANDS_AT = "SELECT notification_id FROM log.stored_events WHERE originator_id = %s AND originator_version = %s"
