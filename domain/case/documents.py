"""Documents: their hash and kind stand in the case, their bytes lie sealed beside it."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from msgspec import Meta
from msgspec.structs import replace

from ..casefile.attaching import ATTACHED, Document, Documents
from ..casefile.deciding import Network, decides, fresh
from ..casefile.entries import undoes
from ..casefile.evolving import applies
from ..casefile.holding import CourtOrders
from ..casefile.state import Case
from ..codes import AgencyKind, DocumentKind
from ..compartment import Compartment, CompartmentWord, Coordination
from ..declaring import Shared, Step, asked, field, happened, name_fields
from ..fact import Act, AgencyCode, Details, DocumentId, Fact, Sha256, recorded
from ..persistent import put
from ..refusal import AlreadyReplaced, Invalid
from ..standing.relations import Extent, Relation
from ..standing.roles import LEGAL, MACHINE_WORK
from ..standing.rows import TAKES_PART
from ..words import Words

R = Relation


class DocumentFacts(Details, frozen=True, kw_only=True):
    document: Coordination[DocumentId]
    kind: Coordination[DocumentKind]
    compartment: Coordination[CompartmentWord]
    media_type: Coordination[
        Annotated[
            str,
            Meta(
                pattern=r"^[\w.+-]+/[\w.+-]+$(?!\n)",
                max_length=100,
                extra={"must": Words("jenis media, seperti image/png", "a media type, as image/png")},
            ),
        ]
    ]
    size: Coordination[Annotated[int, Meta(ge=0)]]
    sha256: Coordination[Sha256]
    supersedes: Coordination[DocumentId | None] = None


@happened(
    Words("Dokumen dilampirkan", "Document attached"),
    her=Words("Dokumen dilampirkan", "A document was attached"),
    means="Sidik digital (nilai hash) dan jenis sebuah dokumen; isinya tersegel dengan kunci kelompok datanya.",
    step=Step.SERVICES,
    shared=Shared.STORY,
    about=lambda event: frozenset({Compartment.named(event.compartment)}),
    struck_by="StrikeEntry",
)
class DocumentAttached(DocumentFacts, frozen=True, kw_only=True, tag="case.DocumentAttached"):
    """A document's hash and kind; its bytes lie sealed under the key of its compartment."""


@happened(
    Words("Dokumen digantikan", "Document superseded"),
    her=Words("Dokumen digantikan", "A document was replaced"),
    means="Dokumen yang lebih baru menggantikannya. Keduanya tetap ada.",
    step=Step.SERVICES,
)
class DocumentSuperseded(Fact, frozen=True, kw_only=True, tag="case.DocumentSuperseded"):
    """A newer document stands in this one's place. Both stay."""

    document: Coordination[DocumentId]
    by: Coordination[DocumentId]


OLDER = replace(ATTACHED, words=Words("dokumen yang digantikan", "document that is replaced"))


@asked(
    by=MACHINE_WORK | LEGAL,
    where=TAKES_PART.to(OLDER, R.AUTHOR, R.REACHES, by="supersedes"),
    extent=Extent.OWN_WORDS,
    means="Melampirkan dokumen yang isinya sudah disimpan.",
)
class AttachDocument(DocumentFacts, frozen=True, kw_only=True):
    """Attach a document whose bytes are stored already."""


@applies(DocumentAttached)
def document_attached(case: Case, event: DocumentAttached, author: AgencyCode | None) -> Case:
    document = Document(Compartment.named(event.compartment), author, attached_at=event.occurred_at, kind=event.kind)
    part = case.of(Documents)
    after = case.with_part(replace(part, attached=put(part.attached, event.document, document)))
    if event.kind is not DocumentKind.COURT_ORDER or author is None:
        return after
    if case.participants().get(author) is not AgencyKind.JUSTICE:
        return after
    orders = case.of(CourtOrders)
    return after.with_part(replace(orders, ordered_at=put(orders.ordered_at, event.document, event.occurred_at)))


@applies(DocumentSuperseded)
def document_superseded(case: Case, event: DocumentSuperseded) -> Case:
    part = case.of(Documents)
    old = replace(part.attached[event.document], superseded_by=event.by)
    return no_order(case.with_part(replace(part, attached=put(part.attached, event.document, old))), event.document)


@undoes(DocumentAttached)
def no_order(case: Case, document: UUID) -> Case:
    """A court's order that is replaced, or struck, lifts no hold."""
    orders = case.of(CourtOrders)
    if document not in orders.ordered_at:
        return case
    left = {id: at for id, at in orders.ordered_at.items() if id != document}
    return case.with_part(replace(orders, ordered_at=left))


@decides.register
def attach_document(command: AttachDocument, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    there = case.of(Documents).attached
    fresh(there, command.document)
    attached = recorded(DocumentAttached, command, act)
    if command.supersedes is None:
        return [attached]
    old = there[command.supersedes]
    if old.superseded_by is not None:
        raise AlreadyReplaced(what="a newer document", id=old.superseded_by)
    if old.compartment is not Compartment.named(command.compartment):
        raise Invalid(
            field="compartment",
            must=Words("harus sama dengan dokumen yang digantikan", "be that of the document it supersedes"),
        )
    superseded = DocumentSuperseded(occurred_at=command.occurred_at, document=command.supersedes, by=command.document)
    return [attached, superseded]


name_fields(
    document=field("Dokumen", "Document"),
    compartment=field("Kelompok data", "Compartment", ("Kelompok data", "Kind of data")),
    media_type=field("Jenis media", "Media type"),
    size=field("Ukuran (bita)", "Size (bytes)"),
    sha256=field("SHA-256", "SHA-256"),
    supersedes=field("Menggantikan", "Supersedes"),
    by=field("Digantikan oleh", "By"),
)
