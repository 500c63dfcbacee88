"""That an older state of the service was restored, and there is no newer one: what each agency is told of it.

An agency that holds deliveries of what is lost knows more than the service does. It alone can say what still holds: the
reports, the consents and their ends. So it is told which of its numbers are lost, which are told anew, and up to when
what was recorded is kept. An agency that lost nothing is told nothing.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from .agency_state import Agency, decides, require_agency
from .compartment import Coordination
from .declaring import Step, asked, field, happened, name_fields
from .delivery import Number
from .fact import Act, AgencyCode, Fact, recorded
from .refusal import AlreadyDone
from .standing.relations import Extent
from .standing.roles import ESCALATION
from .standing.rows import SYSTEM_ONLY
from .words import Words

MOST_RANGES = 500


class Numbers(Struct, frozen=True):
    """Numbers of deliveries, from the first to the last."""

    first: Number
    last: Number


Ranges = Annotated[tuple[Numbers, ...], Meta(max_length=MOST_RANGES)]


class RecoveryFacts(Fact, frozen=True, kw_only=True):
    recovery: Coordination[UUID]
    lost_numbers: Coordination[Ranges]
    """Under these the agency was told what the service does not have any more."""
    told_again: Coordination[Ranges] = ()
    """What the service told under these since is told anew, under numbers of its own."""
    told_again_from: Coordination[Number | None] = None
    """The first of those."""
    kept_until: Coordination[datetime | None] = None
    """All that was recorded up to then is kept; None where nothing is known to be."""
    lost_events: Coordination[Annotated[int, Meta(ge=0)]]
    """So many events of the whole network are lost, or more."""


@happened(
    Words("Layanan dipulihkan ke keadaan lama", "Service restored to an older state"),
    means="Layanan dipulihkan dari cadangan lama, dan yang lebih baru tidak ada lagi. Instansi ini menyimpan kiriman "
    "yang tidak ada lagi pada layanan. Periksalah apa yang dicatat sejak `kept_until`, dan kirimkan lagi yang masih "
    "berlaku: laporan, persetujuan dan pencabutannya, permintaan penghapusan.",
    step=Step.NETWORK,
)
class HistoryRecovered(RecoveryFacts, frozen=True, kw_only=True, tag="agency.HistoryRecovered"):
    """An older state of the service was restored, and there is no newer one. This agency holds deliveries that the
    service does not have any more. Look at what was recorded since `kept_until`, and send again what still holds:
    reports, consents and their ends, requests to erase."""

    agency: Coordination[AgencyCode]


@asked(
    by=ESCALATION,
    where=SYSTEM_ONLY,
    extent=Extent.AGENCY,
    means="Memberi tahu instansi bahwa kiriman yang disimpannya hilang pada layanan.",
)
class TellOfRecovery(RecoveryFacts, frozen=True, kw_only=True):
    """Tell an agency what of its deliveries is lost."""


@decides.register
def tell_of_recovery(command: TellOfRecovery, agency: Agency | None, act: Act) -> Sequence[Fact]:
    """Once of each recovery. Raises AlreadyExists."""
    found = require_agency(agency)
    if command.recovery in found.recoveries:
        raise AlreadyDone(what="the notice")
    return [recorded(HistoryRecovered, command, act, agency=found.code)]


name_fields(
    recovery=field("Pemulihan", "Recovery"),
    lost_numbers=field("Nomor yang hilang", "Numbers lost"),
    told_again=field("Nomor yang dikirim ulang", "Numbers told anew"),
    told_again_from=field("Dikirim ulang mulai nomor", "Told anew from number on"),
    kept_until=field("Catatan utuh sampai", "Kept up to"),
    lost_events=field("Peristiwa yang hilang, sekurangnya", "Events lost, at least"),
    first=field("Pertama", "First"),
    last=field("Terakhir", "Last"),
)
