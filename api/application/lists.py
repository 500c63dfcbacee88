"""Queries of read models, asked in one place under row-level security: nobody else in this service's doors sees a
connection, or SQL."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from ...domain.fact import Act
from ...domain.standing.rule import sees_all
from ...projections import Listing
from .ports import Behind, Sight, Views

WAIT_SECONDS = 5.0

P = ParamSpec("P")
T = TypeVar("T")


def sight_of(who: Act | Sight) -> Sight:
    """Whose rows somebody is shown."""
    if isinstance(who, Sight):
        return who
    return Sight(who.agency, who.actor, "" if sees_all(who) else "assigned")


class Lists:
    """The read models. Safe to share between threads."""

    def __init__(self, views: Views) -> None:
        self._views = views

    def rows(
        self, listing: Listing, who: Act | Sight, asked: Mapping[str, object], *, mine: bool = False
    ) -> Sequence[Any]:
        """The rows of a declared list that somebody may see. `asked` is what the caller may say, by parameter of the
        query; their act says the rest, where the list asks for one. `mine`: of cases that they are assigned to."""
        given = {name: of(who) for name, of in listing.given.items()} if isinstance(who, Act) else {}
        sight = sight_of(who)._replace(only="mine") if mine else who
        return self.ask(sight, listing.query, **asked, **given)

    def ask(
        self,
        who: Act | Sight,
        query: Callable[Concatenate[Connection[TupleRow], P], T],
        /,
        *arguments: P.args,
        **named: P.kwargs,
    ) -> T:
        """What a read model's own query answers, to that person of that agency."""
        return self._views.ask(sight_of(who), query, *arguments, **named)

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
