"""The register as the publisher asks for it."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack

from psycopg import Connection
from psycopg.rows import TupleRow

from ...consumers.publishing.supply import Supplied, TopicProgress
from ...consumers.wire.envelope import Message
from ...projections import directory
from ..database import Pool, brief
from ..positions import BEFORE, TOPICS
from ..store import forked
from .agency_keys import KeyDamaged
from .bell import Bell
from .sent import UNKNOWN, ToRecord, of_messages
from .telling import Tellings
from .told import SELECT, Telling, telling_of

log = logging.getLogger(__name__)

FOUND = 1_000
"""So many are put on record in one go."""


class PublisherSource:
    """What a publisher reads and writes down. Whoever is done with it closes it: nothing wakes its publisher then."""

    def __init__(self, tellings: Tellings, pool: Pool, bell: Bell) -> None:
        self._tellings = tellings
        self._pool = pool
        self._bell = bell
        self._positions = tellings.positions
        self._sendings = tellings.sendings
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
            rows = db.execute(_PLACES, (list(agencies),)).fetchall()
        return {
            agency: TopicProgress(topic, sequence)
            for agency, topic, sequence, digest, before in rows
            if before or self._positions.fits(digest, TOPICS.name, agency, topic, sequence)
        }

    def others(self, ends: Mapping[str, TopicProgress], *, anew: bool = False) -> dict[str, str]:
        known = {agency: end for agency, end in ends.items() if end.id}
        if not known:
            return {}
        about = list(known), [end.sequence for end in known.values()], [end.id for end in known.values()]
        with self._pool.connection() as db:
            differing = [agency for (agency,) in db.execute(_OTHERS, about)]
        found = {
            agency: f"the topic of {agency} ends with number {known[agency].sequence}, under which the register has"
            " something else, or nothing"
            for agency in differing
            if not self._is_damage(agency, known[agency].sequence)
        }
        with self._pool.connection() as db:
            for agency, why in found.items():
                forked.mark(db, _by(agency), why)
            if anew and (agree := [_by(agency) for agency in known if agency not in differing]):
                db.execute("DELETE FROM ledger.forks WHERE found_by = ANY(%s)", (agree,))
        return found

    def _is_damage(self, agency: str, sequence: int) -> bool:
        """Whether the register's row is at fault. What the topic has was sent: it is gone on from."""
        damaged = self._tellings.is_damaged(agency, sequence)
        if damaged:
            log.error("a row of the register is damaged: number %d of %s", sequence, agency)
        return damaged

    def remember(self, places: Mapping[str, TopicProgress]) -> None:
        with brief(self._pool) as db:
            self._remember(db, places)

    def sent(self, messages: Mapping[str, Sequence[Message]], places: Mapping[str, TopicProgress]) -> None:
        with brief(self._pool) as db:
            for agency in sorted(messages):
                self._sendings.write(db, agency, "kafka", of_messages(messages[agency]))
            self._remember(db, places)

    def found(self, ends: Mapping[str, TopicProgress]) -> None:
        before = self.places(ends)
        for agency, end in sorted(ends.items()):
            known = before.get(agency)
            upto = known.sequence if known is not None and known.topic_id == end.topic_id else 0
            if end.id and end.sequence > upto:
                self._found(agency, upto, end)

    def _found(self, agency: str, upto: int, end: TopicProgress) -> None:
        """Who sent it was killed between the broker's commit and the database's."""
        log.info(
            "found on the topic of %s, and not on record as sent: numbers %d to %d", agency, upto + 1, end.sequence
        )
        for start in range(upto, end.sequence, FOUND):  # it may be a whole history, which takes long
            behind = min(end.sequence, start + FOUND)
            with brief(self._pool) as db:
                rows = db.execute(_BETWEEN, (agency, start, behind)).fetchall()
                told = [_as_told(telling_of(row, self._tellings.digests)) for row in rows]
                self._sendings.write(db, agency, "kafka", told, found=True)
                self._remember(db, {agency: end if behind == end.sequence else end._replace(sequence=behind)})

    def _remember(self, db: Connection[TupleRow], places: Mapping[str, TopicProgress]) -> None:
        rows = [(agency, place.topic_id, place.sequence) for agency, place in places.items()]
        db.cursor().executemany(_REMEMBER, [(*row, self._positions.of(TOPICS.name, *row)) for row in rows])


def _as_told(telling: Telling) -> ToRecord:
    """A telling that was found on the topic: what lay inside is what the register has of it, at most."""
    whole = telling.is_whole
    about = telling.sequence, telling.id, telling.position if whole else 0, telling.case
    return ToRecord(*about, telling.compartments if whole else 0, UNKNOWN)


def _by(agency: str) -> str:
    """Who found it, where it was this agency's topic."""
    return f"the topic of {agency}"


_PLACES = f"SELECT agency, topic, sequence, digest, {BEFORE} FROM delivery.topics WHERE agency = ANY(%s)"
_BETWEEN = f"{SELECT} WHERE agency = %s AND sequence > %s AND sequence <= %s ORDER BY sequence"
_REMEMBER = (
    "INSERT INTO delivery.topics (agency, topic, sequence, digest) VALUES (%s, %s, %s, %s) ON CONFLICT (agency)"
    " DO UPDATE SET topic = excluded.topic, sequence = excluded.sequence, digest = excluded.digest"
)
_OTHERS = (
    "SELECT w.agency FROM unnest(%s::text[], %s::bigint[], %s::text[]) AS w (agency, sequence, id)"
    " LEFT JOIN delivery.told t ON t.agency = w.agency AND t.sequence = w.sequence"
    " WHERE t.id::text IS DISTINCT FROM w.id"
)
