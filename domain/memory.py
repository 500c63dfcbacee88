"""What was used last, up to a weight: the one policy of everything that a process remembers to save itself work."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, MutableMapping
from threading import Lock
from typing import Any, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Memory(MutableMapping[K, V]):
    """A mapping that keeps what was read or put last, and lets go of the rest: all of it together weighs no more than
    `most`. Safe to share between threads.

    A value is weighed when it is put. One that grew is put again, and weighed anew. One that is heavier than `most` is
    not kept.
    """

    def __init__(self, most: int, weigh: Callable[[V], int]) -> None:
        """`weigh` gives a value's weight, in the unit of `most`, bytes say, with all that is kept for its sake. It is
        called at each put, so it estimates rather than counts."""
        self.most = most
        self._weigh = weigh
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._lock = Lock()
        self._weight = 0

    @property
    def weight(self) -> int:
        """What all of it weighs."""
        return self._weight

    def __getitem__(self, key: K) -> V:
        with self._lock:
            value, _ = self._kept[key]
            self._kept.move_to_end(key)
            return value

    def __setitem__(self, key: K, value: V) -> None:
        self.put(key, value)

    def put(self, key: K, value: V, unless: Callable[[V], bool] | None = None) -> None:
        """Keep it in the place of what is there, unless that is better: nobody else puts in between."""
        weight = self._weigh(value)
        with self._lock:
            if unless is not None and (known := self._kept.get(key)) is not None and unless(known[0]):
                return
            self._drop(key)
            self._kept[key] = value, weight
            self._weight += weight
            while self._weight > self.most:
                self._weight -= self._kept.popitem(last=False)[1][1]

    def __delitem__(self, key: K) -> None:
        with self._lock:
            if not self._drop(key):
                raise KeyError(key)

    def pop(self, key: K, default: Any = None) -> Any:
        """Let go of it: what it was, or `default`."""
        with self._lock:
            value, _ = self._kept.get(key, (default, 0))
            self._drop(key)
            return value

    def __contains__(self, key: object) -> bool:
        return key in self._kept

    def __iter__(self) -> Iterator[K]:
        """Its keys now, what was used longest ago first."""
        with self._lock:
            return iter(list(self._kept))

    def __len__(self) -> int:
        return len(self._kept)

    def _drop(self, key: K) -> bool:
        dropped = self._kept.pop(key, None)
        if dropped is not None:
            self._weight -= dropped[1]
        return dropped is not None
