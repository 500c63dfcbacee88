"""The hands that open what is sealed, for the application's `reading` alone."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from uuid import UUID

from ...api.application.ports import Unreadable
from ...domain.compartment import Compartment
from ..bundle.building import Bundles
from ..store.data_keys import KeyGone
from ..store.documents import DocumentStore
from ..store.event_store import EventStore, OpenedAt
from ..store.sealed_record import BrokenSeal


class ApiOpener:
    """What opens sealed events, documents and bundles. Raises Unreadable where a record, or a key, is damaged."""

    def __init__(self, store: EventStore, documents: DocumentStore, bundles: Bundles) -> None:
        self._store, self._documents = store, documents
        self.bundle = bundles.make

    def events(self, wanted: Mapping[int, frozenset[Compartment]]) -> OpenedAt:
        with _whole():
            return self._store.open_at(wanted)

    def document(self, case: UUID, document: UUID, compartment: Compartment) -> bytes | None:
        with _whole():
            return self._documents.get(case, document, compartment)


@contextmanager
def _whole() -> Iterator[None]:
    try:
        yield
    except (BrokenSeal, KeyGone):
        raise Unreadable from None
