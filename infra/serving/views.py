"""The read models as the application asks for them."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from psycopg import Connection
from psycopg.rows import TupleRow

from rujukan import projections
from rujukan.domain.fact import AgencyCode

from ..database import Pool

NAMES = tuple(p.name for p in projections.ALL)
"""Of all read models."""


class ApiViews:
    """Reads them under row-level security."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @contextmanager
    def acting_for(self, agency: AgencyCode) -> Iterator[Connection[TupleRow]]:
        with self._pool.connection() as db, db.transaction():
            db.execute("SELECT set_config('rujukan.agency', %s, true)", (agency,))
            yield db

    def wait_for(self, position: int, seconds: float) -> bool:
        with self._pool.connection() as db:
            return projections.wait_for(db, position, NAMES, seconds)

    def lag(self) -> Iterable[tuple[str, int]]:
        with self._pool.connection() as db:
            return db.execute(
                "SELECT application_name, greatest(0, coalesce((SELECT max(notification_id) FROM log.stored_events), 0)"
                " - notification_id) FROM views.notification_tracking WHERE application_name = ANY(%s)",
                (list(NAMES),),
            ).fetchall()
