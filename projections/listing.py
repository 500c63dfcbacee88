"""A list, declared beside its query: the path under which it is served, who may ask for it, what may be asked, and what
its rows are. From it come the route, the parser, the refusal of what is not asked for, and the contract (api/).

    def cases(db, *, status: CaseStatus | None = None, before: int | None = None, limit: int = 50) -> list[CaseEntry]: …

    CASES = Listing("/cases", cases, CaseEntry, "lists", readings.CASES, cursor=lambda entry: (entry.position,))

The query's parameters are the filters: their types say what may be asked, a `Meta(description=…)` what it means.
`limit`, and `after` or `before`, from which the next page goes on, make it a list with pages. What is not the caller's
to say (`now`, which box) is `given`.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta

from ..domain.fact import Act
from ..domain.standing.readings import Reading

Positive = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Instant = Annotated[datetime, Meta(tz=True)]
OfCase = Annotated[UUID, Meta(description="of this case only")]
IN_FUTURE = {"may": "lie in the future"}
"""In a `Meta(extra=…)`: an instant that may be still to come."""


@dataclass(frozen=True)
class Listing:
    """A list out of a read model. `query` takes a connection that sees the asking agency's rows only."""

    path: str
    """A part in braces is a parameter of the query."""
    query: Callable[..., Sequence[Any]]
    item: type
    """What a row is; its name is also that of its schema in the contract."""
    tag: str
    may: Reading
    """Who may ask: its row of the table of standing."""
    cursor: Callable[[Any], tuple[Any, ...]] | None = None
    """What a page ends with: from there `after` or `before` goes on."""
    given: Mapping[str, Callable[[Act], object]] = field(default_factory=dict)
    """Parameters of the query that follow from who asks, and when."""
    mine: bool = False
    """It is of work: whoever asks can have those rows alone that are of cases they are assigned to (`mine`)."""
    name: str = ""
    """Of the operation; that of the query where nothing is said."""


def now(act: Act) -> datetime:
    """When somebody asks; for `given`."""
    return act.at


def always(value: object) -> Callable[[Act], object]:
    """The same, whoever asks; for `given`."""
    return lambda act: value


def listings(read_models: Iterable[type]) -> tuple[Listing, ...]:
    """The lists that are declared in the files of these read models, in the order of the files."""
    found = {model.__module__: vars(sys.modules[model.__module__]) for model in read_models}
    return tuple(value for names in found.values() for value in names.values() if isinstance(value, Listing))
