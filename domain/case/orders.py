"""Protection: temporary by the police, by a court's order, and what the police ask for next.

Temporary protection lasts so many days from when she was first attended, and not from the paper: until when is plain to
lists, number and terms are not. When it was given and when that was recorded stand beside each other.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Annotated, Any

from msgspec import Meta

from ..casefile.deciding import Network, decides
from ..casefile.duties import BY_COURT, PROTECTIONS, asked_for, court_decided, meets_again, order_given
from ..casefile.entries import meets
from ..casefile.state import Case, Clock
from ..causes import latest
from ..clock_codes import AskedOf, ClockDuty, OrderKind
from ..compartment import Compartment, Coordination, Legal
from ..declaring import Shared, Step, asked, field, happened, name_fields
from ..fact import Act, AgencyCode, ClockId, Fact, Short, Text, recorded
from ..pathways import PATHWAYS
from ..refusal import Invalid
from ..standing.clocks import Way, may
from ..standing.relations import Extent
from ..standing.roles import CASE_WORK, LEGAL
from ..standing.rows import TAKES_PART
from ..words import Words

SAYS_WHEN = Words("harus menyebut kapan diberikan, seperti dalam suratnya", "say when it was given, as the paper does")
NOT_BEFORE_ASKED = Words("tidak boleh sebelum pengadilan dimohon", "not be before the court was asked")
ASKS = {AskedOf.COURT: ClockDuty.COURT_REQUEST, AskedOf.LPSK: ClockDuty.LPSK_REQUEST}
MEETS = {OrderKind.POLICE: PROTECTIONS, OrderKind.COURT: BY_COURT}
"""Whose order meets which duties."""
Instant = Annotated[datetime, Meta(tz=True)]
UNSAID_BEFORE = ("kind", "given_at", "attended_from", "ends_at")


def _kind_unsaid(fields: dict[str, Any]) -> dict[str, Any]:
    """Version 1 did not say whose order it was, and had days where there are hours."""
    return dict.fromkeys(UNSAID_BEFORE) | fields


class ProtectionOrderFacts(Fact, frozen=True, kw_only=True):
    kind: Coordination[OrderKind | None] = None
    given_at: Coordination[Instant | None] = None
    attended_from: Coordination[Instant | None] = None
    """When the police first received or attended her."""
    ends_at: Coordination[Instant | None] = None
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
    earlier=(_kind_unsaid,),
    struck_by="StrikeEntry",
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
    """Record a protection order. That of the police meets their duty, and begins what follows, by the word of police
    who were sent what happened, or of the lead who has the paper; a court's by the court's, the prosecution's, or the
    lead's. By others it is recorded, and nothing follows."""


class RequestFacts(Fact, frozen=True, kw_only=True):
    asked: Coordination[AskedOf]
    request: Legal[Short | None] = None


@happened(
    Words("Pelindungan lanjutan dimohonkan", "Further protection asked for"),
    her=Words("Pelindungan lanjutan bagi Anda dimohonkan", "Further protection for you was asked for"),
    means="Pengadilan atau LPSK dimohon melindungi korban (UU 23/2004 Pasal 16 ayat 3, UU 12/2022 Pasal 43).",
    step=Step.SERVICES,
    shared=Shared.STORY,
    about=lambda event: frozenset({Compartment.LEGAL}),
    struck_by="StrikeEntry",
)
class ProtectionRequested(RequestFacts, frozen=True, kw_only=True, tag="case.ProtectionRequested"):
    """A court, or LPSK, was asked to protect the survivor (UU 23/2004 art. 16(3), UU 12/2022 art. 43)."""


@asked(
    "/cases/{case}/protection-requests",
    by=CASE_WORK | LEGAL,
    where=TAKES_PART,
    extent=Extent.OWN_WORDS,
    means="Mencatat bahwa pengadilan atau LPSK dimohon melindungi korban.",
    tag="work",
    example={"asked": "court", "request": "12/VII/2026"},
)
class RequestProtection(RequestFacts, frozen=True, kw_only=True):
    """Record that a court, or LPSK, was asked for protection. It meets the duty to ask by the word of who owes that, or
    of the lead; by others it is recorded, and nothing follows."""


@meets(ProtectionOrderRecorded)
def met_by_order(
    case: Case, event: ProtectionOrderRecorded, author: AgencyCode, recorded_at: datetime
) -> Iterator[ClockId]:
    if event.kind is not None and event.given_at is not None:
        yield from meets_again(case, MEETS[event.kind], event.given_at, author, recorded_at)


@meets(ProtectionRequested)
def met_by_request(
    case: Case, event: ProtectionRequested, author: AgencyCode, recorded_at: datetime
) -> Iterator[ClockId]:
    yield from meets_again(case, (ASKS[event.asked],), event.occurred_at, author, recorded_at)


@decides.register
def record_protection_order(command: RecordProtectionOrder, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    if command.valid_until is not None and command.valid_until < command.valid_from:
        raise Invalid(field="valid_until", must=Words("tidak boleh sebelum valid_from", "not be before valid_from"))
    at = command.given_at
    if command.kind is not None and at is None:
        raise Invalid(field="given_at", must=SAYS_WHEN)
    if at is not None and at > command.occurred_at:
        raise Invalid(field="given_at", must=Words("tidak boleh sesudah occurred_at", "not be after occurred_at"))
    said = recorded(ProtectionOrderRecorded, command, act)
    if at is None or not PATHWAYS[case.pathway].duties:
        return [said]
    if command.kind is OrderKind.POLICE:
        return [said, *order_given(case, command, act, at, command.attended_from, command.ends_at)]
    if command.kind is not OrderKind.COURT:
        return [said]
    decided = [c.starts_at for c in case.clocks.values() if c.duty is ClockDuty.COURT_DECISION and _meets(c, case, act)]
    asked_at = latest(decided)
    if asked_at is not None and at < asked_at:
        raise Invalid(field="given_at", must=NOT_BEFORE_ASKED)
    return [said, *court_decided(case, act, at)]


def _meets(clock: Clock, case: Case, act: Act) -> bool:
    return may(Way.MEET, clock, case, act)


@decides.register
def request_protection(command: RequestProtection, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    more = asked_for(case, ASKS[command.asked], command, act) if PATHWAYS[case.pathway].duties else ()
    return [recorded(ProtectionRequested, command, act), *more]


name_fields(
    given_at=field("Diberikan", "Given", ("Diberikan", "Given")),
    attended_from=field(
        "Korban diterima atau ditangani sejak", "Attended since", ("Ditangani sejak", "Attended since")
    ),
    ends_at=field("Berakhir", "Ends", ("Berakhir", "Ends")),
    asked=field("Dimohonkan kepada", "Asked of", ("Dimohonkan kepada", "Asked of")),
    request=field("Nomor permohonan", "Number of the request", ("Nomor permohonan", "Number of the request")),
    order=field("Nomor surat atau penetapan", "Number of the order", ("Nomor surat", "Number of the paper")),
    issued_by=field("Dikeluarkan oleh", "Issued by", ("Dikeluarkan oleh", "Issued by")),
    valid_from=field("Berlaku sejak", "Valid from", ("Berlaku dari", "Valid from")),
    valid_until=field("Berlaku sampai", "Valid until", ("Berlaku sampai", "Valid until")),
    terms=field("Ketentuan", "Terms", ("Isi", "Terms")),
)
