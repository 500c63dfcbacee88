"""The hands that open what is sealed, for the application's `reading` alone."""

from ..bundle.building import Bundles
from ..store.documents import DocumentStore
from ..store.event_store import EventStore


class ApiOpener:
    """What opens sealed events, documents and bundles."""

    def __init__(self, store: EventStore, documents: DocumentStore, bundles: Bundles) -> None:
        self.events, self.document, self.bundle = store.open_at, documents.get, bundles.make
