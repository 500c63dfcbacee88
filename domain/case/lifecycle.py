"""How a case ends, and begins again."""

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from ..casefile.deciding import Network, decides
from ..casefile.evolving import applies
from ..casefile.files import Files
from ..casefile.moves import WORK_ENDED
from ..casefile.state import Case, Status
from ..casefile.stopping import stop_waits
from ..causes import Cause
from ..codes import CloseReason
from ..compartment import Coordination
from ..declaring import Shared, Step, asked, field, happened, name_fields
from ..fact import Act, Fact, Text, recorded
from ..refusal import CaseIsOpen, CaseNotOpen, Invalid, OpenReferrals
from ..standing.relations import Extent
from ..standing.roles import CASE_WORK
from ..standing.rows import LEADS, LEADS_ALSO_ENDED
from ..words import Words


@happened(
    Words("Kasus ditutup", "Case closed"),
    her=Words("Kasus ditutup", "The case was closed"),
    means="Pekerjaan berakhir, dengan alasan ini.",
    step=Step.LEAD,
    shared=Shared.COMMON,
)
class CaseClosed(Fact, frozen=True, kw_only=True, tag="case.CaseClosed"):
    """The work is over, for this reason."""

    reason: Coordination[CloseReason]
    summary: Coordination[Text | None] = None


@happened(
    Words("Kasus dibuka kembali", "Case re-opened"),
    her=Words("Kasus dibuka kembali", "The case was opened again"),
    means="Pekerjaan dimulai lagi.",
    step=Step.LEAD,
    shared=Shared.COMMON,
)
class CaseReopened(Fact, frozen=True, kw_only=True, tag="case.CaseReopened"):
    """Work begins again."""

    reason: Coordination[Text]


CLOSED = Cause(Words("kasus itu ditutup", "the case was closed"), lambda command, case, act: case.ended_at)


@asked(
    "/cases/{case}/closure",
    by=CASE_WORK,
    where=LEADS,
    extent=Extent.MOVE,
    answers=(WORK_ENDED,),
    means="Menutup kasus.",
    tag="life of the case",
    example={"reason": "goals-met"},
)
class CloseCase(Fact, frozen=True, kw_only=True):
    """Close the case."""

    reason: Coordination[CloseReason]
    summary: Coordination[Text | None] = None


@asked(
    "/cases/{case}/reopening",
    by=CASE_WORK,
    where=LEADS_ALSO_ENDED,
    extent=Extent.MOVE,
    answers=(CLOSED,),
    means="Membuka kembali kasus yang ditutup.",
    tag="life of the case",
    example={"reason": "Laporan baru."},
)
class ReopenCase(Fact, frozen=True, kw_only=True):
    """Open a closed case again."""

    reason: Coordination[Text]


@applies(CaseClosed)
def case_closed(case: Case, event: CaseClosed, recorded_at: datetime) -> Case:
    times = {"ended_at": event.occurred_at, "end_recorded_at": recorded_at}
    return replace(case, status=Status.CLOSED, close_reason=event.reason, **times)


@applies(CaseReopened)
def case_reopened(case: Case, event: CaseReopened) -> Case:
    times = {"began_at": event.occurred_at, "ended_at": None, "end_recorded_at": None}
    return replace(case, status=Status.OPEN, close_reason=None, **times)


@decides.register
def close_case(command: CloseCase, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    still = [r.id for r in case.referrals.values() if r.status.is_open]
    if still:
        raise OpenReferrals(referrals=still)
    if case.transfer is not None:
        raise Invalid(
            field="transfer", must=Words("harus dijawab sebelum kasus ditutup", "be answered before the case is closed")
        )
    if stop_waits(case):
        raise Invalid(
            field="stop", must=Words("harus dijawab sebelum kasus ditutup", "be answered before the case is closed")
        )
    return [recorded(CaseClosed, command, act)]


@decides.register
def reopen_case(command: ReopenCase, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    if case.status is Status.OPEN:
        raise CaseIsOpen()
    if case.status is Status.MERGED:
        raise CaseNotOpen(status=case.status, merged_into=case.of(Files).merged_into)
    return [recorded(CaseReopened, command, act)]


name_fields(
    summary=field("Ringkasan", "Summary", ("Ringkasan", "Summary")),
)
