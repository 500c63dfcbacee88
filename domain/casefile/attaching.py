"""What is remembered of the documents that are attached to a case."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from ..codes import DocumentKind
from ..compartment import Compartment
from ..fact import AgencyCode, DocumentId
from ..standing.relations import Relation
from ..standing.rows import Since, Thing
from ..words import Words
from .state import EMPTY, Part

R = Relation


class Document(Struct, frozen=True):
    compartment: Compartment
    author: AgencyCode | None = None
    superseded_by: DocumentId | None = None
    attached_at: datetime | None = None
    kind: DocumentKind | None = None


class Documents(Part, frozen=True):
    attached: Mapping[DocumentId, Document] = EMPTY


ATTACHED = Thing(
    "document",
    Words("dokumen kasus", "document of the case"),
    find=lambda case, id: case.of(Documents).attached.get(id),
    whose={R.AUTHOR: lambda document, case: document.author},
    content=lambda document, case: ((document.author,), frozenset({document.compartment})),
    since=Since(Words("dokumen itu dilampirkan", "that document was attached"), lambda document: document.attached_at),
)
"""What an agency is to a document: who wrote it, or may open it now."""
