"""What is remembered of the documents that are attached to a case."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from ..compartment import Compartment
from ..fact import AgencyCode, DocumentId
from .state import EMPTY, Part


class Document(Struct, frozen=True):
    compartment: Compartment
    author: AgencyCode | None = None
    superseded_by: DocumentId | None = None
    attached_at: datetime | None = None


class Documents(Part, frozen=True):
    attached: Mapping[DocumentId, Document] = EMPTY
