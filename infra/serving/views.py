"""The read models as the application asks for them."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Concatenate, ParamSpec, TypeVar
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from ... import projections
from ...domain.fact import AgencyCode
from ..database import Pool, acting_for

P = ParamSpec("P")
T = TypeVar("T")

NAMES = tuple(p.name for p in projections.ALL)
"""Of all read models."""


class ApiViews:
    """Reads them under row-level security."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def acting_for(self, agency: AgencyCode) -> AbstractContextManager[Connection[TupleRow]]:
        """A connection that sees that agency's rows only, in a transaction. No door is handed one: it asks."""
        return acting_for(self._pool, agency)

    def ask(
        self,
        agency: AgencyCode,
        query: Callable[Concatenate[Connection[TupleRow], P], T],
        /,
        *arguments: P.args,
        **named: P.kwargs,
    ) -> T:
        with self.acting_for(agency) as db:
            return query(db, *arguments, **named)

    def wait_for(self, position: int, seconds: float, case: UUID | None = None) -> bool:
        with self._pool.connection() as db:
            return projections.wait_for(db, position, NAMES, seconds, case)

    def lag(self) -> Iterable[tuple[str, int]]:
        with self._pool.connection() as db:
            return db.execute(
                "SELECT name, greatest(0, coalesce((SELECT max(notification_id) FROM log.stored_events), 0)"
                " - min(position)) FROM follow.processors WHERE live AND name = ANY(%s) GROUP BY name ORDER BY name",
                (list(NAMES),),
            ).fetchall()
