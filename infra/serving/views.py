"""The read models as the application asks for them."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import Concatenate, ParamSpec, TypeVar
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from ... import projections
from ...api.application.ports import Behind, BeyondHead, Sight
from ...domain.fact import AgencyCode
from ..database import Pool, acting_for
from ..store.given import GIVEN
from .waiting import WaitingRoom

P = ParamSpec("P")
T = TypeVar("T")

NAMES = tuple(p.name for p in projections.ALL)
"""Of all read models."""
_HEAD = f"SELECT coalesce(max(notification_id), 0) FROM log.stored_events WHERE {GIVEN}"


def reach(db: Connection[TupleRow], position: int, case: UUID | None) -> projections.Reach:
    """Whether all read models took in a position; of one case, where that is given."""
    return projections.reach(db, position, NAMES, case)


def _there() -> "Future[None]":
    there: Future[None] = Future()
    there.set_result(None)
    return there


class ApiViews:
    """Reads them under row-level security."""

    def __init__(self, pool: Pool, room: WaitingRoom) -> None:
        self._pool = pool
        self._room = room

    def acting_for(
        self, agency: AgencyCode, person: UUID | None = None, only: str = ""
    ) -> AbstractContextManager[Connection[TupleRow]]:
        """A connection that sees that agency's rows only, as far as that person may (`Sight`), in a transaction. No
        door is handed one: it asks."""
        return acting_for(self._pool, agency, person, only)

    def ask(
        self,
        sight: Sight,
        query: Callable[Concatenate[Connection[TupleRow], P], T],
        /,
        *arguments: P.args,
        **named: P.kwargs,
    ) -> T:
        with self.acting_for(*sight) as db:
            return query(db, *arguments, **named)

    def expect(self, position: int, case: UUID | None = None) -> "Future[None]":
        coming = self._room.expect(position, case)
        try:
            with self._pool.connection() as db:
                now = reach(db, position, case)
                if now is projections.Reach.THERE:
                    coming.cancel()
                    return _there()
                row = db.execute(_HEAD).fetchone()
            if row is None or position > row[0]:
                raise BeyondHead
            if now is projections.Reach.STANDING:
                raise Behind
        except BaseException:
            coming.cancel()
            raise
        return coming

    def lag(self) -> Iterable[tuple[str, int]]:
        with self._pool.connection() as db:
            return db.execute(
                f"SELECT name, greatest(0, ({_HEAD}) - min(position)) FROM follow.processors"
                " WHERE live AND name = ANY(%s) GROUP BY name ORDER BY name",
                (list(NAMES),),
            ).fetchall()
