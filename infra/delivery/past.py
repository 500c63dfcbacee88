"""What lies before the register kept recalls and expiries: read from the log, once, by the first keeper of a release
that keeps them."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from ...domain.case.consents import ENDS
from ...domain.catalogue import topic_of
from ...domain.compartment import Compartment
from ..store import following
from ..store.data_keys import KeyGone
from ..store.event_store import Damage, EventStore, Opened
from ..store.following import AWAY, Learning
from ..unforeseen import where
from . import facts
from .facts import bits
from .working_out import expiry_of

OF_CONSENTS = (
    "case.ConsentGiven",
    "case.ConsentOverridden",
    "case.ConsentNarrowed",
    "case.ConsentWithdrawn",
    "case.ConsentExpired",
)
"""Topics that say when a consent runs out, or that it is over."""


class Past:
    """The log up to where the register is, read by its keeper."""

    def __init__(
        self, store: EventStore, db: Connection[TupleRow], reached: int, still_keeper: Callable[[], None]
    ) -> None:
        """`still_keeper` is asked again and again, and raises where another keeps the register meanwhile."""
        self._store = store
        self._db = db
        self._reached = reached
        self._still_keeper = still_keeper

    def write_down(self) -> None:
        """Put on record what had to be deleted, and when consents run out. Raises what `still_keeper` does; the next
        keeper begins again then, and nothing is there twice."""
        self._recalls()
        self._expiries()

    def _recalls(self) -> None:
        """What had to be deleted before that was kept here: by the one rule that there was then. A case that does not
        open is set aside: what is to be deleted of it nobody knows."""
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
                    self._set_aside(case, damage, gone)
            except Exception as problem:
                self._set_aside(case, damage, problem)
            self._still_keeper()

    def _recalls_of(self, case: UUID) -> None:
        learning = Learning(self._store, lambda _: ())
        try:
            for opened in self._store.read(case):
                self._still_keeper()
                if opened.position <= self._reached:
                    followed = learning.follow(opened)
                    for recall in followed.recall:
                        at = followed.written
                        of = recall.agency, recall.of.position, at.position, case, bits(recall.compartments)
                        self._db.execute(_RECALL, (*of, at.position, at.at))
        finally:
            learning.close()

    def _set_aside(self, case: UUID, damage: Damage | None, problem: Exception) -> None:
        if damage is None:
            row = self._db.execute(
                "SELECT notification_id, originator_version, topic FROM log.stored_events WHERE originator_id = %s"
                " ORDER BY originator_version LIMIT 1",
                (case,),
            ).fetchone()
            position, version, topic = row or (0, 1, "")
            damage = Damage(position, case, version, topic, where(problem))
        facts.log_damage(damage)
        facts.set_aside(self._db, [damage])

    def _expiries(self) -> None:
        """When consents run out that were given before that was kept here."""
        found: dict[tuple[UUID, UUID], datetime | None] = {}
        for opened in self._all_of(OF_CONSENTS):
            if not isinstance(opened, Damage):
                found |= expiry_of(opened.stream, opened.event)
        with self._db.transaction():
            for (case, consent), at in found.items():
                if at is not None:
                    self._db.execute(_EXPIRY, {"case": case, "consent": consent, "at": at})
            self._db.execute("UPDATE delivery.reached SET expiries_known = true")

    def _all_of(self, topics: Sequence[str]) -> Iterator[Opened | Damage]:
        """The events of these topics, page by page, with the lease kept."""
        position = 0
        while page := self._store.recorder.select_notifications(
            position, following.PAGE, self._reached, topics, inclusive_of_start=False
        ):
            position = page[-1].id
            yield from self._store.open_each(page)
            self._still_keeper()


_RECALL = (
    "INSERT INTO delivery.recalled (agency, position, at_position, case_id, compartments, upto, recalled_at) VALUES"
    " (%s, %s, %s, %s, %s, (SELECT coalesce(max(n), 0) FROM delivery.told WHERE at_position <= %s), %s)"
    " ON CONFLICT DO NOTHING"
)
_EXPIRY = (
    "INSERT INTO delivery.expiries SELECT %(case)s, %(consent)s, %(at)s"
    " WHERE NOT EXISTS (SELECT FROM log.erased_keys WHERE stream = %(case)s AND compartment = 0)"
    " ON CONFLICT DO NOTHING"
)
