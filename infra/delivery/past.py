"""What lies before the register kept recalls and expiries: read from the log, once, by the first keeper of a release
that keeps them.

A case that does not open then is set aside, with a mark: what is to be deleted of it, and when its consents run out,
nobody knows. Whoever takes it up again, once it is repaired, reads it here first.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from ...domain.catalogue import topic_of
from ...domain.compartment import Compartment
from ...domain.disclosure import ENDS
from ..positions import Positions
from ..store import following
from ..store.data_keys import KeyGone
from ..store.event_store import Damage, EventStore, Opened
from ..store.following import AWAY, Learning
from ..unforeseen import where
from . import facts, kept
from .kept import Recall
from .rows import bits
from .working_out import expiry_of

OF_CONSENTS = (
    "case.ConsentGiven",
    "case.ConsentOverridden",
    "case.ConsentNarrowed",
    "case.ConsentWithdrawn",
    "case.ConsentExpired",
    "case.OverrideEnded",
)
"""Topics that say when a consent runs out, or that it is over."""


class Past:
    """The log up to where the register is, read by its keeper."""

    def __init__(
        self,
        store: EventStore,
        db: Connection[TupleRow],
        positions: Positions,
        reached: int,
        still_keeper: Callable[[], object],
    ) -> None:
        """`still_keeper` is asked again and again, and raises where another keeps the register meanwhile."""
        self._store = store
        self._db = db
        self._positions = positions
        self._reached = reached
        self._still_keeper = still_keeper

    def write_down(self) -> None:
        """Put on record what had to be deleted, and when consents run out, page by page. Raises what `still_keeper`
        does; the next keeper begins again then, and nothing is there twice."""
        self._recalls()
        self._expiries()

    def write_down_of(self, case: UUID, left_from: int | None) -> None:
        """The same of one case, as far as the register followed it: not from that version on. Raises what does not
        open; writes nothing of a case that was erased."""
        try:
            self._recalls_of(case, left_from)
            self._expire(self._followed(case, left_from))
        except KeyGone:
            if Compartment.COORDINATION not in self._store.keys.erased(case):
                raise

    def expiries_anew(self, case: UUID, left_from: int | None) -> None:
        """When consents of a case run out, as the log says it. Raises what does not open."""
        try:
            found = self._followed(case, left_from)
        except KeyGone:
            if Compartment.COORDINATION not in self._store.keys.erased(case):
                raise
            found = []
        with self._db.transaction():
            kept.forget_expiries(self._db, case)
            self._expire(found)

    def _recalls(self) -> None:
        """What had to be deleted before that was kept here: by the one rule that there was then."""
        cases: dict[UUID, Damage | None] = {}
        for found in self._all_of([topic_of(event) for event in ENDS]):
            cases.setdefault(found.stream, found if isinstance(found, Damage) else None)
        for case, damage in cases.items():
            try:
                self._recalls_of(case)
            except AWAY:
                raise
            except KeyGone as gone:
                if Compartment.COORDINATION not in self._store.keys.erased(case):
                    self._set_aside(damage or self._damage(case, gone))
            except Exception as problem:
                self._set_aside(damage or self._damage(case, problem))
            self._still_keeper()

    def _recalls_of(self, case: UUID, left_from: int | None = None) -> None:
        learning = Learning(self._store, lambda _: ())
        try:
            for opened in self._followed(case, left_from):
                self._still_keeper()
                followed = learning.follow(opened)
                if not followed.recall:
                    continue
                at, when = followed.written.position, followed.written.at
                (upto,) = self._db.execute(_UPTO, {"case": case, "at": at}).fetchone() or (0,)
                recalls = [
                    Recall(recall.agency, recall.of.position, at, case, bits(recall.compartments), upto, when)
                    for recall in followed.recall
                ]
                with self._db.transaction():
                    kept.add_recalls(self._db, self._positions, recalls)
        finally:
            learning.close()

    def _followed(self, case: UUID, left_from: int | None) -> list[Opened]:
        """What of the case the register followed."""
        return [
            opened
            for opened in self._store.read(case)
            if opened.position <= self._reached and (left_from is None or opened.version < left_from)
        ]

    def _damage(self, case: UUID, problem: Exception) -> Damage:
        row = self._db.execute(
            "SELECT notification_id, originator_version, topic FROM log.stored_events WHERE originator_id = %s"
            " ORDER BY originator_version LIMIT 1",
            (case,),
        ).fetchone()
        position, version, topic = row or (0, 1, "")
        return Damage(position, case, version, topic, where(problem))

    def _set_aside(self, damage: Damage) -> None:
        facts.log_damage(damage)
        facts.set_aside(self._db, [damage])
        self._db.execute("UPDATE delivery.damaged SET ends_unknown = true WHERE stream = %s", (damage.stream,))

    def _expiries(self) -> None:
        """When consents run out that were given before that was kept here."""
        for page in self._pages_of(OF_CONSENTS):
            for found in page:
                if isinstance(found, Damage):
                    self._set_aside(found)
            self._expire(found for found in page if not isinstance(found, Damage))

    def _expire(self, events: Iterable[Opened]) -> None:
        """When the consents run out that these events are about; what comes later in the log counts."""
        found: dict[tuple[UUID, UUID], datetime | None] = {}
        for opened in events:
            found |= expiry_of(opened.stream, opened.event)
        if found:
            erased = {case for (case,) in self._db.execute(_ERASED, ([case for case, _ in found],))}
            with self._db.transaction():
                kept.put_expiries(
                    self._db,
                    self._positions,
                    {(case, consent): at for (case, consent), at in found.items() if at is None or case not in erased},
                )

    def _all_of(self, topics: Sequence[str]) -> Iterator[Opened | Damage]:
        for page in self._pages_of(topics):
            yield from page

    def _pages_of(self, topics: Sequence[str]) -> Iterator[Sequence[Opened | Damage]]:
        """The events of these topics, with the lease kept."""
        position = 0
        while page := self._store.recorder.select_notifications(
            position, following.PAGE, self._reached, topics, inclusive_of_start=False
        ):
            position = page[-1].id
            self._still_keeper()
            yield self._store.open_each(page)


_UPTO = """
    SELECT coalesce(max(n), 0) FROM delivery.told WHERE case_id = %(case)s AND at_position BETWEEN 1 AND %(at)s
      AND n < coalesce((SELECT min(n) FROM delivery.told WHERE case_id = %(case)s AND at_position > %(at)s), 1e18)
"""
"""The last that was told of a case before something of it had to be deleted: what was told again since came after."""
_ERASED = "SELECT stream FROM log.erased_keys WHERE compartment = 0 AND stream = ANY (%s)"
