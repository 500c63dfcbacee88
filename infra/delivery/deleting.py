"""Asks agencies to delete copies: behind the register, with the facts from it.

Whoever ends a consent, or erases, asks in the same commit every agency that was told, as far as the register has it on
record. When the register follows that event, it says who is to be asked at all (`delivery.deletions`): by then it may
have told more, by what stood in the log before. Whoever is missing is asked here, in the recall's or the erasure's own
stream. This may be killed at any moment, and goes on: the stream says who was asked, and its version lets only one of
several write.
"""

import logging
from collections.abc import Iterator, Sequence
from itertools import islice
from operator import itemgetter
from threading import Event
from typing import NamedTuple
from uuid import UUID

from ...api.application.ports import Clock
from ...domain import erasure as erasures
from ...domain import recall
from ...domain.casefile.evolving import fold_log
from ...domain.compartment import Compartment
from ...domain.disclosure import Written
from ...domain.erasure import DeletionAsked, ErasureRecorded, RecallRecorded, erasure_stream
from ...domain.fact import Act, ActorId, AgencyCode, CaseId, Fact
from ..database import Pool, brief
from ..positions import DELETIONS, Positions
from ..store.data_keys import KeyGone
from ..store.event_store import Conflict, Damage, EventStore, Opened, Stream
from ..store.following import AWAY, written_of
from ..system_act import system_act
from ..unforeseen import where
from . import kept
from .facts import look_at, put_aside
from .rows import from_bits

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.25
AT_ONCE = 100
LATER_SECONDS = 30.0
"""When what went wrong is tried again: a case of which a record is damaged, say."""


class Due(NamedTuple):
    """These agencies are to delete these compartments, because of the event at `position`, of that stream and
    version."""

    position: int
    stream: UUID
    version: int
    of: dict[AgencyCode, frozenset[Compartment]]


class NotThere(LookupError):
    """The event from which a request follows is not at its number: its row was moved, changed, or is gone."""

    def __init__(self, position: int) -> None:
        super().__init__(f"the event at position {position} is not there")


class Deletions:
    """Asks whoever is still to be asked. Belongs to one thread."""

    def __init__(self, store: EventStore, pool: Pool, now: Clock, positions: Positions) -> None:
        """`store` writes; `pool` has the rights of who follows."""
        self._positions = positions
        self._store = store
        self._pool = pool
        self._now = now
        self._later: dict[int, float] = {}

    def run(self, stop: Event) -> None:
        """Look every moment until told to stop."""
        while not stop.wait(LOOK_SECONDS):
            self.once()

    def once(self) -> int:
        """Ask for what is due. Returns for how many ends of consents, and erasures, that was done."""
        done = 0
        now = self._now().timestamp()
        self._later = {position: at for position, at in self._later.items() if at > now}
        for due in list(self._due()):
            try:
                self._ask(due)
            except AWAY:
                raise
            except Conflict:
                continue  # another asked meanwhile: the next look sees that
            except NotThere as problem:
                log.error("deletion not asked for: %s", problem)
                self._later[due.position] = self._now().timestamp() + LATER_SECONDS
                put_aside(self._pool, Damage(due.position, due.stream, due.version, "?", "it is not at its number"))
                continue
            except Exception as problem:  # one case keeps none of the others from being asked
                log.error("deletion not asked for, position %d: %s", due.position, where(problem))
                self._later[due.position] = self._now().timestamp() + LATER_SECONDS
                look_at(self._store, self._pool, due.stream)
                continue
            with brief(self._pool) as db:
                about = due.position, list(due.of)
                kept.change(db, self._positions, DELETIONS, _OF_THESE, about, done_at=self._now())
            done += 1
        return done

    def _due(self) -> Iterator[Due]:
        with self._pool.connection() as db:
            rows = kept.whole_rows(db, self._positions, DELETIONS, _DUE, (list(self._later),))
        of: dict[tuple[int, UUID, int], dict[AgencyCode, frozenset[Compartment]]] = {}
        for position, agency, stream, version, compartments, _ in sorted(rows, key=itemgetter(0, 1)):
            of.setdefault((position, stream, version), {})[agency] = from_bits(compartments)
        for (position, stream, version), lost in islice(of.items(), AT_ONCE):
            yield Due(position, stream, version, lost)

    def _ask(self, due: Due) -> None:
        found = self._store.opened([due.position])
        if not found and self._is_erased(due):
            return  # who was told anything of it is asked because of that
        if not found or not _is_of(due, found[0]):
            raise NotThere(due.position)
        said, act = written_of(found[0]), system_act()
        if isinstance(said.event, ErasureRecorded):
            self._append(erasure_stream(said.event.erasure), said, act, due)
        else:
            self._recall(said, act, due)

    def _is_erased(self, due: Due) -> bool:
        """Whether the event stands at its number, and does not open as its case was erased."""
        with self._pool.connection() as db:
            row = db.execute(_STANDS, (due.position, due.stream, due.version)).fetchone()
        return row is not None and Compartment.COORDINATION in self._store.keys.erased(due.stream)

    def _append(self, stream: UUID, said: Written, act: Act, due: Due) -> None:
        asked = erasures.fold(opened.event for opened in self._store.read(stream))
        if asked is None:
            raise LookupError("the erasure is not on record")
        self._store_all(stream, asked.version, erasures.ask(asked, due.of, act), said, act)

    def _recall(self, ends: Written, act: Act, due: Due) -> None:
        stream = erasure_stream(recall.recall_id(ends.stream, ends.version))
        if before := [opened.event for opened in self._store.read(stream)]:
            record, *others = before
            assert isinstance(record, RecallRecorded)
            asked = (event for event in others if isinstance(event, DeletionAsked))
            self._store_all(stream, len(before), recall.ask(record, asked, due.of, act), ends, act)
            return
        try:
            case = fold_log(written_of(opened) for opened in self._store.read(ends.stream, upto=ends.version))
        except KeyGone:
            if Compartment.COORDINATION in self._store.keys.erased(ends.stream):
                return
            raise
        assert case is not None
        about = CaseId(ends.stream), ends.version, ends.event, ActorId(ends.actor), case.lead
        self._store_all(stream, 0, recall.record(*about, due.of, act), ends, act)

    def _store_all(self, stream: UUID, version: int, events: Sequence[Fact], said: Written, act: Act) -> None:
        if events:
            because = said.correlation
            self._store.append([Stream(stream, version, events)], act, correlation=because, causation=because)


def _is_of(due: Due, found: Opened) -> bool:
    """Whether that is the event from which the request follows, or the record of the erasure that is this event."""
    event = found.event
    about = (event.case, event.version) if isinstance(event, ErasureRecorded) else (found.stream, found.version)
    return about == (due.stream, due.version)


_STANDS = "SELECT FROM log.stored_events WHERE notification_id = %s AND originator_id = %s AND originator_version = %s"
_OF_THESE = "at_position = %s AND agency = ANY(%s) AND done_at IS NULL"
_DUE = "done_at IS NULL AND at_position <> ALL(%s) ORDER BY at_position, agency LIMIT 5000"
