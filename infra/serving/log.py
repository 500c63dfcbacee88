"""The event store as the application asks for it: its words for what went wrong, and no more of it than it needs."""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from uuid import UUID

from ...api.application.ports import (
    Changes,
    Forked,
    Gone,
    Moved,
    NotYetKnown,
    Repeated,
    Retryable,
    Unavailable,
    Unreadable,
    UsedBefore,
)
from ...domain.compartment import Compartment
from ...domain.damaged import InClear
from ...domain.disclosure import Written
from ...domain.fact import Act
from ..delivery.met import Met
from ..store import forked, group_commit
from ..store.data_keys import WITHIN_SECONDS, KeyGone
from ..store.event_store import Damaged, EventStore, Stream
from ..store.examining import in_clear, joined, registered
from ..store.following import written_of
from ..store.group_commit import Idempotency
from ..store.sealed_record import BrokenSeal
from ..store.transcoder import LaterRelease


class ApiLog:
    """The event store as the application asks for it."""

    def __init__(self, store: EventStore, met: Met) -> None:
        """`met` is told of what does not open."""
        self._store, self._met = store, met

    def append(
        self, changes: Sequence[Changes], act: Act, correlation: UUID, retryable: Retryable | None = None
    ) -> list[int]:
        try:
            return self._store.append(
                [Stream(c.stream, c.version, c.events, unkept=c.unkept) for c in changes],
                act,
                correlation=correlation,
                causation=correlation,
                idempotency=Idempotency(*retryable) if retryable else None,
            )
        except group_commit.Conflict:
            raise Moved from None
        except group_commit.Repeated:
            raise UsedBefore from None
        except forked.Forked as fork:
            raise Forked(str(fork)) from None
        except group_commit.LogUnavailable as away:
            raise Unavailable(str(away)) from None

    def read(self, stream: UUID, after: int = 0, upto: int | None = None) -> list[Written]:
        try:
            return [written_of(opened) for opened in self._store.read(stream, after, upto)]
        except KeyGone:
            if Compartment.COORDINATION in self._store.keys.erased(stream):
                raise Gone from None
            self._met.streams(stream)
            raise Unreadable from None
        except LaterRelease as later:
            raise NotYetKnown(str(later)) from None
        except BrokenSeal:
            self._met.streams(stream)
            raise Unreadable from None

    def in_clear(self, stream: UUID) -> list[InClear]:
        return in_clear(self._store, stream)

    def joined(self, stream: UUID) -> frozenset[UUID]:
        return joined(self._store, stream)

    def agencies(self) -> list[UUID]:
        return registered(self._store)

    def at(self, positions: Collection[int]) -> list[Written]:
        try:
            return [written_of(opened) for opened in self._store.opened(list(positions))]
        except Damaged as damaged:
            if damaged.damage.later:
                raise NotYetKnown(damaged.damage.why) from None
            self._met.positions(list(positions))
            raise Unreadable from None

    def erase(self, stream: UUID, version: int, compartments: Iterable[Compartment]) -> None:
        self._store.keys.erase(stream, version, compartments)
        time.sleep(WITHIN_SECONDS)

    def when_erased(self, forget: Callable[[UUID], object]) -> None:
        self._store.keys.when_erased(forget)

    def repeated(self, key: bytes) -> Repeated | None:
        try:
            found = self._store.repeated(key)
        except group_commit.LogUnavailable as away:
            raise Unavailable(str(away)) from None
        return Repeated(*found) if found else None
