"""The register as the publisher asks for it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack

from ...consumers.publishing.supply import Supplied, TopicProgress
from ...projections import directory
from ..database import Pool
from .agency_keys import KeyDamaged
from .bell import Bell
from .telling import Telling, Tellings


class PublisherSource:
    """What a publisher reads and writes down. Whoever is done with it closes it: nothing wakes its publisher then."""

    def __init__(self, tellings: Tellings, pool: Pool, bell: Bell) -> None:
        self._tellings = tellings
        self._pool = pool
        self._bell = bell
        self._closing = ExitStack()
        self.waiting = tellings.waiting
        self.resealing, self.resealed = tellings.resealing, tellings.resealed
        self.close = self._closing.close

    def seal_all(self, tellings: Sequence[Telling], most: int) -> Supplied:
        """These, sealed and signed; an agency of which the stored keys are damaged is named, and no other waits."""
        supplied = self._tellings.seal_all(tellings, most)
        for problem in supplied.problems.values():
            if isinstance(problem, KeyDamaged):
                self._tellings.look_at(problem.stream)
        return supplied

    def when_told(self, call: Callable[[frozenset[str] | None], object]) -> None:
        self._closing.callback(self._bell.when_rung(call))

    def subscribers(self) -> list[str]:
        with self._pool.connection() as db:
            return directory.subscribers(db)

    def places(self, agencies: Iterable[str]) -> dict[str, TopicProgress]:
        with self._pool.connection() as db:
            rows = db.execute(
                "SELECT agency, topic, sequence FROM delivery.topics WHERE agency = ANY(%s)", (list(agencies),)
            ).fetchall()
        return {agency: TopicProgress(topic, sequence) for agency, topic, sequence in rows}

    def remember(self, places: Mapping[str, TopicProgress]) -> None:
        with self._pool.connection() as db:
            db.execute(
                "INSERT INTO delivery.topics (agency, topic, sequence) SELECT * FROM"
                " unnest(%s::text[], %s::text[], %s::bigint[]) ON CONFLICT (agency) DO UPDATE"
                " SET topic = excluded.topic, sequence = excluded.sequence",
                (list(places), [p.topic_id for p in places.values()], [p.sequence for p in places.values()]),
            )
