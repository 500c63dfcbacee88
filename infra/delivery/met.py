"""What somebody met that does not open, who may set nothing aside: the API, or an operator who names a stream. It is
noted, and the register's keeper looks at the whole stream a moment later.

So damage is named whoever meets it first: also that of what was followed and sent long ago, which nothing that follows
the log reads again.
"""

import logging
from collections.abc import Sequence
from uuid import UUID

from psycopg import Connection, Error
from psycopg.rows import TupleRow
from psycopg_pool import PoolTimeout

from ..database import Pool
from ..store.event_store import EventStore
from ..store.examining import damage_of, half_damage_of
from ..store.following import AWAY
from ..unforeseen import where
from .facts import log_damage, set_aside

log = logging.getLogger(__name__)


class Met:
    """Notes it, with the rights of whoever writes events. It raises nothing: who met damage is told that already."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def streams(self, *streams: UUID) -> None:
        """Something of these does not open."""
        self._note(_MEET, list(streams))

    def positions(self, positions: Sequence[int]) -> None:
        """Something at one of these positions does not open."""
        self._note(_MEET_AT, list(positions))

    def _note(self, sql: str, what: list[UUID] | list[int]) -> None:
        try:
            with self._pool.connection() as db:
                db.execute(sql, (what,))
        except (Error, PoolTimeout) as problem:
            log.warning("a record that does not open could not be noted: %s", type(problem).__name__)


def meet(db: Connection[TupleRow], streams: Sequence[UUID]) -> list[UUID]:
    """Have these looked at, also where they were before; those that there are."""
    return [stream for (stream,) in db.execute(_LOOK, (list(streams),)).fetchall()]


def unlooked(db: Connection[TupleRow]) -> list[UUID]:
    """Streams that nobody looked at since."""
    return [stream for (stream,) in db.execute(_UNLOOKED).fetchall()]


def look_into(store: EventStore, db: Connection[TupleRow], stream: UUID) -> None:
    """Set the stream aside where a record of it does not open; keep in mind what does not where the rest of it does;
    forget it where all opens, or it was erased. Raises what says that the database, or the home of the keys, is
    away."""
    try:
        if (damage := damage_of(store, stream)) is not None:
            if damage.later:
                return
            if set_aside(db, [damage]):
                log_damage(damage)
        elif (damage := half_damage_of(store, stream)) is not None:
            db.execute(_STAYS, damage._asdict())
            return
    except AWAY:
        raise
    except Exception as problem:  # no record, however damaged, ends the keeper
        db.execute(_STAYS_SO, (where(problem), stream))
        return
    db.execute("DELETE FROM delivery.met WHERE stream = %s", (stream,))


_MEET = "SELECT delivery.meet(%s::uuid[])"
_MEET_AT = "SELECT delivery.meet_at(%s::bigint[])"
_LOOK = """
    INSERT INTO delivery.met (stream)
      SELECT DISTINCT originator_id FROM log.stored_events WHERE originator_id = ANY (%s)
    ON CONFLICT (stream) DO UPDATE SET looked_at = NULL RETURNING stream
"""
_UNLOOKED = "SELECT stream FROM delivery.met WHERE looked_at IS NULL ORDER BY since"
_STAYS = """
    UPDATE delivery.met SET looked_at = clock_timestamp(), version = %(version)s, position = %(position)s,
      topic = %(topic)s, why = %(why)s WHERE stream = %(stream)s
"""
_STAYS_SO = "UPDATE delivery.met SET looked_at = clock_timestamp(), why = %s WHERE stream = %s"
