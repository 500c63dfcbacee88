"""The hands that open what is sealed, for the application's `reading` alone."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from ...api.application.ports import ReadingsFound, Unreadable
from ...domain.compartment import Compartment
from ...domain.fact import AgencyCode
from ..bundle.building import Bundles
from ..delivery.met import Met
from ..store.data_keys import KeyGone
from ..store.documents import DocumentStore
from ..store.event_store import Damage, Damaged, EventStore, OpenedAt
from ..store.following import written_of
from ..store.readings import Looked, Readings
from ..store.sealed_record import BrokenSeal


class ApiOpener:
    """What opens sealed events, documents and bundles. Raises Unreadable where a record, or a key, is damaged."""

    def __init__(
        self, store: EventStore, documents: DocumentStore, bundles: Bundles, looked: Readings, met: Met
    ) -> None:
        """`met` is told of what does not open."""
        self._store, self._documents, self._met = store, documents, met
        self._bundles, self._looked = bundles, looked

    def events(self, wanted: Mapping[int, frozenset[Compartment]]) -> OpenedAt:
        with _whole(lambda: self._met.positions(list(wanted))):
            return self._store.open_at(wanted)

    def document(self, case: UUID, document: UUID, compartment: Compartment) -> bytes | None:
        with _whole(lambda: self._met.streams(case)):
            return self._documents.get(case, document, compartment)

    def readings(
        self, case: UUID, agency: AgencyCode | None = None, after: int = 0, limit: int | None = None
    ) -> ReadingsFound:
        return self._as_looked(self._looked.of(case, agency, after, limit))

    def readings_by(self, person: UUID, agency: AgencyCode, after: int = 0, limit: int | None = None) -> ReadingsFound:
        return self._as_looked(self._looked.by(person, agency, after, limit))

    def readings_between(
        self, since: datetime, until: datetime, agency: AgencyCode, led: Collection[UUID], limit: int
    ) -> ReadingsFound:
        looked = self._looked.between(since, until, agency, led, limit)
        return ReadingsFound(looked.found, self._named(looked.unread))

    def _as_looked(self, looked: Looked) -> ReadingsFound:
        return ReadingsFound([written_of(o) for o in looked.found], self._named(looked.unread))

    def _named(self, unread: Sequence[Damage]) -> list[int]:
        if unread:
            self._met.positions([damage.position for damage in unread])
        return sorted({damage.position for damage in unread})

    def bundle(
        self,
        case: UUID,
        disclosure: UUID,
        names: Mapping[str, tuple[str, str]],
        *,
        reports: bool = True,
        witnessed: bool = True,
    ) -> bytes:
        with _damage(self._met):
            return self._bundles.make(case, disclosure, names, reports=reports, witnessed=witnessed)


@contextmanager
def _damage(met: Met) -> Iterator[None]:
    try:
        yield
    except Damaged as damaged:
        met.positions([damaged.damage.position])
        raise Unreadable from None


@contextmanager
def _whole(met: Callable[[], None]) -> Iterator[None]:
    try:
        yield
    except (BrokenSeal, KeyGone):
        met()
        raise Unreadable from None
