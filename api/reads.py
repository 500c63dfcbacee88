"""A read, declared once: its address, who may ask, what it may be asked, and what it answers. From the declaration come
the route (`serving`), the parser (`parameters`) and the contract (`contract`).

Lists out of read models are declared beside their queries (projections/); what opens content, and what is no list,
beside the function that answers it, here in api/.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from inspect import iscoroutinefunction
from typing import Annotated, Any, get_origin

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from ..domain.standing.readings import Reading, Who
from ..projections import Listing
from ..projections.listing import Positive
from .application.ports import Sight
from .application.reading import Asked
from .application.rooms import Rooms
from .cursors import next_page
from .gate import Work
from .identity import Caller
from .parameters import USUAL, WAIT, Limit, Parameter, parameters_of


class Page(Struct, frozen=True, omit_defaults=True):
    """One page of a list; `next` is the cursor of the one after, absent at the end."""

    items: list[Any]
    next: str | None = None


def page(found: Sequence[Any], limit: int, cursor: Callable[[Any], tuple[Any, ...]]) -> Page:
    """A page that has a next one where it is full."""
    return Page(list(found), next_page(cursor(found[-1]) if len(found) == limit else None))


@cache
def page_of(item: Any, name: str = "") -> type[Struct]:
    """A page of these, for the contract."""
    named = name or f"{item.__name__}Page"
    said = {"__doc__": "One page; `next` is the cursor of the one after, absent at the end."}
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = [("items", list[item]), ("next", str | UnsetType, UNSET)]
    return msgspec.defstruct(named, fields, namespace=said)


class Content(Struct, frozen=True):
    """An answer that is no JSON of a type of ours, by media type."""

    media: dict[str, dict[str, Any]]
    description: str = "What the caller may know"
    headers: dict[str, Any] = {}


BINARY: dict[str, Any] = {"type": "string", "format": "binary"}
TEXT: dict[str, Any] = {"type": "string"}


@dataclass(frozen=True)
class Read:
    """`call(rooms, asked, **parameters)` answers: a struct, or a response of its own. `asked` says who asks
    (`Asked`, or `Caller` where no role is asked for) and is left out where everybody may.

    One that is a coroutine holds no thread; every other runs on one.
    """

    path: str
    call: Callable[..., Any]
    answer: Any
    tag: str
    may: Reading
    """Who may ask: its rows of the table of standing, asked before anything is waited for. `known`, if the call takes
    it, is the case that was asked about."""
    waits: bool = False
    """It reads lists, and can be asked to wait until they reached a position."""
    name: str = ""
    summary: str | None = None
    work: Work = Work.READ
    """On which threads, and of which budget, where a token is asked for and no machine."""
    problems: tuple[str, ...] = ("400", "401", "403", "404", "503")
    more: dict[str, Any] = field(default_factory=dict)
    """Further answers, for the contract: status → response."""
    asks: tuple[Parameter, ...] | None = None
    """What may be asked of it, where the call's own parameters do not say so."""

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """What may be asked of it."""
        own = parameters_of(self.call, self.path, HANDED) if self.asks is None else self.asks
        return (*own, WAIT) if self.waits else own

    @property
    def takes_known(self) -> bool:
        """Whether the call is handed the case."""
        return "known" in self.call.__annotations__

    @property
    def for_purpose(self) -> bool:
        """Whether it is for a role and a purpose."""
        return bool(self.may.rows) and not self.may.for_machines

    @property
    def holds_thread(self) -> bool:
        """Decided here for every read."""
        return not iscoroutinefunction(self.call)

    @property
    def is_limited(self) -> bool:
        """Whether it may be refused with 429: all may, but for what a probe asks."""
        return self.holds_thread or self.may.who is not Who.EVERYBODY

    @property
    def operation(self) -> str:
        """The operation's name."""
        return self.name or self.call.__name__


HANDED = ("rooms", "asked", "caller", "known")
"""What a call is handed beside its parameters."""
LIMIT = Parameter("limit", "limit", Limit, USUAL)
Mine = Annotated[bool, Meta(description="only of cases that the caller is assigned to")]
MINE = Parameter("mine", "mine", Mine, False)


def listed(listing: Listing) -> Read:
    """The read that a declared list is: a page of its rows."""
    begins = next((name for name in ("after", "before") if name in listing.query.__annotations__), "")
    own = parameters_of(listing.query, listing.path, ("db", "limit", *listing.given), {begins: "cursor"})
    filters = tuple(p for p in own if p.argument != begins) + ((MINE,) if listing.mine else ())
    cursor = next((p for p in own if p.argument == begins), None)
    alone = cursor is not None and get_origin(cursor.type) is not tuple
    if cursor is not None:
        cursor = replace(cursor, type=tuple[Positive] if alone else cursor.type, default=None)

    def rows(rooms: Rooms, asked: Asked | Caller, **said: Any) -> Page:
        who = Sight(asked.agency, asked.actor) if isinstance(asked, Caller) else asked.act
        mine = said.pop(MINE.argument, False)
        goes_on = said.pop(begins, None)
        if goes_on is not None:
            said[begins] = goes_on[0] if alone else goes_on
        found = rooms.lists.rows(listing, who, said, mine=mine)
        if listing.cursor is None:
            return Page(list(found))
        return page(found, said["limit"], listing.cursor)

    return Read(
        listing.path,
        rows,
        page_of(listing.item),
        listing.tag,
        listing.may,
        waits=True,
        name=listing.name or listing.query.__name__,
        asks=filters if cursor is None else (*filters, LIMIT, cursor),
    )
