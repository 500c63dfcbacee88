"""Queries of read models, asked in one place under row-level security: nobody else in this service's doors sees a
connection, or SQL."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from ...domain.fact import Act, AgencyCode
from ...projections import Listing
from .ports import Behind, Views

WAIT_SECONDS = 5.0

P = ParamSpec("P")
T = TypeVar("T")


class Lists:
    """The read models. Safe to share between threads."""

    def __init__(self, views: Views) -> None:
        self._views = views

    def rows(self, listing: Listing, agency: AgencyCode, act: Act | None, asked: Mapping[str, object]) -> Sequence[Any]:
        """The rows of a declared list that an agency may see. `asked` is what the caller may say, by parameter of the
        query; `act` says the rest, where the list asks for one."""
        given = {name: of(act) for name, of in listing.given.items()} if act is not None else {}
        return self.ask(agency, listing.query, **asked, **given)

    def ask(
        self,
        agency: AgencyCode,
        query: Callable[Concatenate[Connection[TupleRow], P], T],
        /,
        *arguments: P.args,
        **named: P.kwargs,
    ) -> T:
        """What a read model's own query answers, to that agency."""
        return self._views.ask(agency, query, *arguments, **named)

    def expect(self, position: int, case: UUID | None = None) -> "Future[None]":
        """Done once the read models took in a position; of one case, where only that is looked at. Who waits no longer
        cancels it. Raises BeyondHead, and Behind, now or later, where a read model is stopped before it."""
        return self._views.expect(position, case)

    def wait(self, position: int, seconds: float = WAIT_SECONDS) -> None:
        """Until the read models took in a position, on this thread. Raises Behind, BeyondHead."""
        coming = self.expect(position)
        try:
            coming.result(seconds)
        except TimeoutError:
            raise Behind from None
        finally:
            coming.cancel()

    def lag(self) -> Iterable[tuple[str, int]]:
        """(read model, positions behind)."""
        return self._views.lag()
