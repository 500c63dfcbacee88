"""Mappings and sets of which every version stays as it was: a new one costs little, however large the old one is.

Small ones are plain and copied, which is fastest for the few things that most cases have; from MANY on they share what
did not change (a hash array mapped trie). Both kinds are equal where they hold the same, and go in the same order.
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from typing import TypeVar

from immutables import Map

K = TypeVar("K")
V = TypeVar("V")
MANY = 32


def put(mapping: Mapping[K, V], key: K, value: V) -> Mapping[K, V]:
    """The mapping with that value under that key, in the key's place, or behind all others."""
    if len(mapping) < MANY:
        return {**mapping, key: value}
    return (mapping if isinstance(mapping, Table) else Table(mapping.items())).put(key, value)


def add(items: Set[K], item: K) -> Set[K]:
    """The set with that item."""
    if len(items) < MANY:
        return frozenset({*items, item})
    return (items if isinstance(items, Items) else Items(items)).add(item)


class Table(Mapping[K, V]):
    """A mapping in the order in which its keys came."""

    __slots__ = ("_next", "_places")

    def __init__(self, items: Iterable[tuple[K, V]] = ()) -> None:
        placed = {key: (place, value) for place, (key, value) in enumerate(dict(items).items())}
        self._places: Map[K, tuple[int, V]] = Map(placed)
        self._next = len(placed)

    def put(self, key: K, value: V) -> "Table[K, V]":
        """This with that value under that key."""
        known = self._places.get(key)
        changed: Table[K, V] = Table.__new__(Table)
        changed._places = self._places.set(key, (self._next if known is None else known[0], value))
        changed._next = self._next + (known is None)
        return changed

    def __getitem__(self, key: K) -> V:
        return self._places[key][1]

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def __iter__(self) -> Iterator[K]:
        return (key for key, _ in sorted(self._places.items(), key=lambda item: item[1][0]))

    def __len__(self) -> int:
        return len(self._places)

    def __repr__(self) -> str:
        return repr(dict(self))


class Items(Set[K]):
    """A set."""

    __slots__ = ("_there",)

    def __init__(self, items: Iterable[K] = ()) -> None:
        self._there: Map[K, None] = Map(dict.fromkeys(items))

    def add(self, item: K) -> "Items[K]":
        """This with that item."""
        more: Items[K] = Items.__new__(Items)
        more._there = self._there.set(item, None)
        return more

    def __contains__(self, item: object) -> bool:
        return item in self._there

    def __iter__(self) -> Iterator[K]:
        return iter(self._there)

    def __len__(self) -> int:
        return len(self._there)

    def __repr__(self) -> str:
        return repr(frozenset(self))
