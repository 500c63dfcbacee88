"""Protection orders."""

from collections.abc import Sequence
from datetime import date

from ..casefile.deciding import Network, decides
from ..casefile.state import Case
from ..compartment import Legal
from ..declaring import Shared, Step, asked, field, happened, name_fields
from ..fact import Act, Fact, Short, Text, recorded
from ..refusal import Invalid
from ..standing.relations import Extent
from ..standing.roles import CASE_WORK, LEGAL
from ..standing.rows import TAKES_PART
from ..words import Words


class ProtectionOrderFacts(Fact, frozen=True, kw_only=True):
    order: Legal[Short]
    issued_by: Legal[Short]
    valid_from: Legal[date]
    valid_until: Legal[date | None] = None
    terms: Legal[Text | None] = None


@happened(
    Words(
        "Pelindungan sementara (polisi) atau perintah perlindungan (pengadilan) dicatat",
        "Temporary protection (police) or protection order (court) recorded",
    ),
    her=Words("Pelindungan oleh polisi atau pengadilan dicatat", "Protection by the police or a court was recorded"),
    means="Pelindungan sementara oleh polisi, atau perintah perlindungan oleh pengadilan (UU 23/2004, UU 12/2022).",
    step=Step.SERVICES,
    shared=Shared.STORY,
)
class ProtectionOrderRecorded(ProtectionOrderFacts, frozen=True, kw_only=True, tag="case.ProtectionOrderRecorded"):
    """A court or the police protect the survivor (UU 23/2004 art. 16-28, UU 12/2022 art. 42)."""


@asked(
    "/cases/{case}/protection-orders",
    by=CASE_WORK | LEGAL,
    where=TAKES_PART,
    extent=Extent.OWN_WORDS,
    means="Mencatat pelindungan sementara oleh polisi atau perintah perlindungan oleh pengadilan.",
    tag="work",
    example={"order": "1/Pen.PK/2026", "issued_by": "PN Bontang", "valid_from": "2026-03-03"},
)
class RecordProtectionOrder(ProtectionOrderFacts, frozen=True, kw_only=True):
    """Record a protection order."""


@decides.register
def record_protection_order(command: RecordProtectionOrder, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    if command.valid_until is not None and command.valid_until < command.valid_from:
        raise Invalid(field="valid_until", must=Words("tidak boleh sebelum valid_from", "not be before valid_from"))
    return [recorded(ProtectionOrderRecorded, command, act)]


name_fields(
    order=field("Nomor surat atau penetapan", "Number of the order", ("Nomor surat", "Number of the paper")),
    issued_by=field("Dikeluarkan oleh", "Issued by", ("Dikeluarkan oleh", "Issued by")),
    valid_from=field("Berlaku sejak", "Valid from", ("Berlaku dari", "Valid from")),
    valid_until=field("Berlaku sampai", "Valid until", ("Berlaku sampai", "Valid until")),
    terms=field("Ketentuan", "Terms", ("Isi", "Terms")),
)
