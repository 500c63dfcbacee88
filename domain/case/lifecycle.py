"""How a case ends, begins again, or turns out to be another."""

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from ..casefile.deciding import Network, decides
from ..casefile.evolving import applies
from ..casefile.state import Case, Part, Status
from ..casefile.stopping import stop_waits
from ..causes import Cause, latest
from ..codes import CloseReason, ReferralStatus
from ..compartment import Coordination
from ..declaring import Shared, Step, asked, field, happened, name_fields
from ..fact import Act, CaseId, Fact, Text, recorded
from ..refusal import AlreadyDone, CaseIsOpen, CaseNotOpen, Invalid, OpenReferrals
from ..standing.relations import Extent
from ..standing.roles import CASE_WORK, SUPERVISION
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


@happened(
    Words("Kasus digabungkan ke kasus lain", "Case merged into another"),
    her=Words("Berkas disatukan dengan berkas lain", "The file was merged into another"),
    means="Berkas ini berkas kedua dari kasus yang sama; `into` adalah yang diteruskan.",
    step=Step.LEAD,
)
class CaseMerged(Fact, frozen=True, kw_only=True, tag="case.CaseMerged"):
    """This file was a second one of the same case; `into` is the one that lives on."""

    into: Coordination[CaseId]


@happened(
    Words("Berkas ganda digabungkan ke kasus ini", "Duplicate file absorbed"),
    her=Words("Berkas ganda disatukan", "A duplicate file was taken in"),
    means="Berkas lain dari kasus yang sama berakhir; isinya dibaca bersama berkas ini.",
    step=Step.LEAD,
)
class DuplicateAbsorbed(Fact, frozen=True, kw_only=True, tag="case.DuplicateAbsorbed"):
    """Another file of the same case ended; what it holds is to be read with this one."""

    duplicate: Coordination[CaseId]


WORK_ENDED = Cause(
    Words(
        "kasus itu dibuka kembali, atau rujukan terakhirnya berakhir",
        "the case was last opened, or the last of its referrals ended",
    ),
    lambda command, case, act: latest((case.began_at, *(r.ended_at for r in case.referrals.values()))),
)
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


@asked(
    "/cases/{case}/merger",
    by=SUPERVISION,
    where=LEADS,
    extent=Extent.MOVE,
    answers=(WORK_ENDED,),
    means="Mengakhiri berkas ini sebagai berkas ganda dari kasus lain dari penanggung jawab yang sama.",
    tag="life of the case",
    example={"into": "00000000-0000-4000-8000-00000000000f"},
)
class MergeCase(Fact, frozen=True, kw_only=True):
    """End this file as a duplicate of another that the same agency leads."""

    into: Coordination[CaseId]


@asked(
    by=SUPERVISION,
    where=LEADS,
    extent=Extent.MOVE,
    means="Mencatat pada berkas yang diteruskan bahwa berkas gandanya berakhir.",
)
class AbsorbDuplicate(Fact, frozen=True, kw_only=True):
    """Note in the living file that a duplicate of it ended."""

    duplicate: Coordination[CaseId]


class Files(Part, frozen=True):
    """Other files of the same case."""

    merged_into: CaseId | None = None
    duplicates: frozenset[CaseId] = frozenset()


@applies(CaseClosed)
def case_closed(case: Case, event: CaseClosed, recorded_at: datetime) -> Case:
    times = {"ended_at": event.occurred_at, "end_recorded_at": recorded_at}
    return replace(case, status=Status.CLOSED, close_reason=event.reason, **times)


@applies(CaseReopened)
def case_reopened(case: Case, event: CaseReopened) -> Case:
    times = {"began_at": event.occurred_at, "ended_at": None, "end_recorded_at": None}
    return replace(case, status=Status.OPEN, close_reason=None, **times)


@applies(CaseMerged)
def case_merged(case: Case, event: CaseMerged, recorded_at: datetime) -> Case:
    return replace(
        case.with_part(replace(case.of(Files), merged_into=event.into)),
        status=Status.MERGED,
        ended_at=event.occurred_at,
        end_recorded_at=recorded_at,
    )


@applies(DuplicateAbsorbed)
def duplicate_absorbed(part: Files, event: DuplicateAbsorbed) -> Files:
    return replace(part, duplicates=part.duplicates | {event.duplicate})


@decides.register
def close_case(command: CloseCase, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    still = [r.id for r in case.referrals.values() if r.status.is_open]
    if still:
        raise OpenReferrals(referrals=still)
    if case.transfer is not None:
        raise Invalid(field="transfer", must="be answered before the case is closed")
    if stop_waits(case):
        raise Invalid(field="stop", must="be answered before the case is closed")
    return [recorded(CaseClosed, command, act)]


@decides.register
def reopen_case(command: ReopenCase, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    if case.status is Status.OPEN:
        raise CaseIsOpen()
    if case.status is Status.MERGED:
        raise CaseNotOpen(status=case.status, merged_into=case.of(Files).merged_into)
    return [recorded(CaseReopened, command, act)]


@decides.register
def merge_case(command: MergeCase, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    still = [r.id for r in case.referrals.values() if r.status.is_open or r.status is ReferralStatus.DRAFT]
    if still:
        raise OpenReferrals(referrals=still)
    if case.transfer is not None:
        raise Invalid(field="transfer", must="be answered before the case is merged")
    if stop_waits(case):
        raise Invalid(field="stop", must="be answered before the case is merged")
    return [recorded(CaseMerged, command, act)]


@decides.register
def absorb_duplicate(command: AbsorbDuplicate, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    if command.duplicate in case.of(Files).duplicates:
        raise AlreadyDone(duplicate=command.duplicate)
    return [recorded(DuplicateAbsorbed, command, act)]


name_fields(
    summary=field("Ringkasan", "Summary", ("Ringkasan", "Summary")),
    into=field("Digabungkan ke", "Merged into"),
    duplicate=field("Berkas ganda", "Duplicate"),
)
