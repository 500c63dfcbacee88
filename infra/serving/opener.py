"""The hands that open what is sealed, for the application's `reading` alone."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from uuid import UUID

from ...api.application.ports import ReadingsFound, Unreadable
from ...domain.compartment import Compartment
from ...domain.fact import AgencyCode
from ..bundle.building import Bundles
from ..delivery.met import Met
from ..store.data_keys import KeyGone
from ..store.documents import DocumentStore
from ..store.event_store import Damaged, EventStore, OpenedAt
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

    def _as_looked(self, looked: Looked) -> ReadingsFound:
        if looked.unread:
            self._met.positions([damage.position for damage in looked.unread])
        return ReadingsFound(
            [written_of(o) for o in looked.found], sorted({damage.position for damage in looked.unread})
        )

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
