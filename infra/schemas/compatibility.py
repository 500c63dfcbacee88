"""Which change of a shape breaks who reads or writes it. Pure.

A version of a shape holds for all that was ever written under it, and for all that will be: history is told again,
so what is promised less breaks readers of tomorrow's messages, and what is promised more is untrue of yesterday's.
Hence almost nothing may change: an optional field may be added, and a value to a list that says it may grow
(`x-extensible-enum`). What only describes (titles, examples) binds nobody and is passed over. Every other difference
is a break, also one in a keyword that this module has never heard of; it takes a new version, under which the old
one stays what it was.

Of what agencies write and the service reads, the service may ask for less: a field need not be there any more,
a type or value more is taken.
"""

from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from msgspec import Struct

from .shapes import Name, Schema


class Kind(StrEnum):
    """Each kind of break."""

    TOPIC_GONE = "topic-gone"
    VERSION_GONE = "version-gone"
    FIELD_REMOVED = "field-removed"
    FIELD_ADDED = "field-added"
    FIELD_REQUIRED = "field-required"
    FIELD_OPTIONAL = "field-optional"
    TYPE_CHANGED = "type-changed"
    VALUE_REMOVED = "value-removed"
    VALUE_ADDED = "value-added"
    LIST_OPENED = "list-opened"
    LIST_CLOSED = "list-closed"
    COMPARTMENT_CHANGED = "compartment-changed"
    LIMIT_CHANGED = "limit-changed"


class Break(NamedTuple):
    """One change that breaks somebody."""

    name: Name
    kind: Kind
    where: str
    """The field, with dots and `[]` where it lies deeper; empty for the whole."""
    said: str

    def __str__(self) -> str:
        place = f"{self.name} {self.where}".rstrip()
        return f"{place}: {self.said} ({self.kind})"


OPEN, CLOSED = "x-extensible-enum", "enum"
DESCRIBES = frozenset(
    {"title", "description", "default", "examples", "deprecated", "$comment", "x-list", "x-labels", "x-title-id"}
    | {"x-description-id"}
)
COMPARED = frozenset({"type", "properties", "required", "items", "x-compartment", OPEN, CLOSED})


def breaks_of_all(promised: Mapping[Name, Schema], now: Mapping[Name, Schema]) -> list[Break]:
    """What breaks who relies on what was promised. New topics and new versions break nobody."""
    found: list[Break] = []
    topics = {name.topic for name in now}
    for name, shape in promised.items():
        if name.topic not in topics:
            found.append(Break(name, Kind.TOPIC_GONE, "", "the topic is gone: what was told of it cannot be read"))
        elif name not in now:
            found.append(Break(name, Kind.VERSION_GONE, "", "the version is gone: what was told in it cannot be read"))
        else:
            found += breaks(name, shape, now[name])
    return found


def breaks(name: Name, promised: Schema, now: Schema) -> list[Break]:
    """What breaks who relies on the shape that was promised under this name."""
    return [
        Break(name, kind, where, said) for kind, where, said in _Comparison(name.is_sent_by_agency).of(promised, now)
    ]


Found = Iterator[tuple[Kind, str, str]]


class _Comparison(Struct, frozen=True):
    may_ask_less: bool

    def of(self, old: Schema, new: Schema, at: str = "") -> Found:
        yield from self._types(old, new, at)
        yield from self._values(old, new, at)
        if old.get("x-compartment") != new.get("x-compartment"):
            was, is_ = old.get("x-compartment", "none"), new.get("x-compartment", "none")
            yield Kind.COMPARTMENT_CHANGED, at, f"its compartment was {was}, and is {is_}"
        yield from self._fields(old, new, at)
        if "items" in old and "items" in new:
            yield from self.of(old["items"], new["items"], f"{at}[]")
        elif "items" in old or "items" in new:
            yield Kind.TYPE_CHANGED, at, "what it is a list of is said no more, or was not said"
        for keyword in sorted((set(old) | set(new)) - COMPARED - DESCRIBES):
            if keyword not in old:
                yield Kind.LIMIT_CHANGED, at, f"{keyword} is {_shown(new[keyword])}, and was not said"
            elif keyword not in new:
                yield Kind.LIMIT_CHANGED, at, f"{keyword} was {_shown(old[keyword])}, and is not said"
            elif _differ(old[keyword], new[keyword]):
                yield Kind.LIMIT_CHANGED, at, f"{keyword} was {_shown(old[keyword])}, and is {_shown(new[keyword])}"

    def _types(self, old: Schema, new: Schema, at: str) -> Found:
        was, is_ = _words(old.get("type")), _words(new.get("type"))
        if was == is_ or (self.may_ask_less and was < is_):
            return
        yield Kind.TYPE_CHANGED, at, f"its type was {' or '.join(sorted(was))}, and is {' or '.join(sorted(is_))}"

    def _values(self, old: Schema, new: Schema, at: str) -> Found:
        was, is_ = _listed(old), _listed(new)
        if was is None or is_ is None:
            if was is not None and not (self.may_ask_less and is_ is None):
                yield Kind.LIST_OPENED, at, "it was one of a list of values, and is anything"
            if is_ is not None:
                yield Kind.LIST_CLOSED, at, "it was anything, and is one of a list of values"
            return
        if OPEN in old and CLOSED in new:
            yield Kind.LIST_CLOSED, at, "its list of values could grow, and is closed"
        if CLOSED in old and OPEN in new and not self.may_ask_less:
            yield Kind.LIST_OPENED, at, "its list of values was closed, and may grow"
        for value in was:
            if value not in is_:
                yield Kind.VALUE_REMOVED, at, f"{_shown(value)} is no value any more"
        if CLOSED in old and not self.may_ask_less:
            for value in is_:
                if value not in was:
                    yield Kind.VALUE_ADDED, at, f"{_shown(value)} is a new value of a closed list"

    def _fields(self, old: Schema, new: Schema, at: str) -> Found:
        were, are = old.get("properties", {}), new.get("properties", {})
        must_before, must_now = set(old.get("required", ())), set(new.get("required", ()))
        for field, shape in were.items():
            if field not in are:
                yield Kind.FIELD_REMOVED, _join(at, field), "it is gone"
            else:
                yield from self.of(shape, are[field], _join(at, field))
        for field in are:
            if field not in were and field not in must_now and not self.may_ask_less and _is_closed(old):
                yield Kind.FIELD_ADDED, _join(at, field), "it is new, where no other field was to come"
        for field in sorted(must_now - must_before):
            yield Kind.FIELD_REQUIRED, _join(at, field), "it must be there, and need not before"
        for field in sorted((must_before - must_now) & set(are)):
            if not self.may_ask_less:
                yield Kind.FIELD_OPTIONAL, _join(at, field), "it was always there, and may be absent"


def _is_closed(schema: Schema) -> bool:
    return schema.get("additionalProperties") is False


def _listed(schema: Schema) -> Collection[Any] | None:
    found: Collection[Any] | None = schema.get(OPEN, schema.get(CLOSED))
    return found


def _words(of: Any) -> frozenset[str]:
    if of is None:
        return frozenset({"anything"})
    return frozenset({of} if isinstance(of, str) else of)


def _join(at: str, field: str) -> str:
    return f"{at}.{field}" if at else field


def _differ(old: Any, new: Any) -> bool:
    """JSON tells true from 1, Python's `==` does not."""
    return bool(old != new) or isinstance(old, bool) != isinstance(new, bool)


def _shown(value: Any) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= 60 else text[:59] + "…"
