"""Two files turn out to be of one case: the second one ends, and the other lives on. And the way back.

A file ends so only once nothing in it runs, or waits for somebody (casefile/waiting.py): nobody could act on it there
any more. What it holds stays where it is, and is read with the file that lives on. All who may know of it are told that
it ended; the number of the file that lives on is told, in that file, to who may know of both. Who was excluded stays
so in the file that lives on, after a separation too, until that is ended there. Nothing of either is destroyed while
something keeps the other (domain/together.py).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec.structs import replace

from ..casefile.deciding import Network, decides
from ..casefile.evolving import applies
from ..casefile.files import Files
from ..casefile.moves import WORK_ENDED
from ..casefile.state import Case, Status
from ..casefile.waiting import require_settled
from ..causes import When
from ..codes import AgencyKind
from ..compartment import Coordination
from ..declaring import Audience, Step, asked, field, happened, name_fields
from ..fact import Act, AgencyCode, CaseId, Fact, Text, recorded
from ..persistent import put
from ..refusal import AlreadyDone, WrongMove
from ..standing.relations import Extent
from ..standing.roles import REVIEW, SUPERVISION, SUPERVISORS
from ..standing.rows import LEADS, LEADS_ALSO_ENDED, Row, Second
from ..standing.rule import is_known_to
from ..words import Words


def _knowing(case: Case) -> Mapping[AgencyCode, AgencyKind]:
    referred = {r.recipient: r.recipient_kind for r in case.referrals.values()}
    kinds = {**case.former_leads, **referred, case.lead: case.lead_kind}
    return {agency: kind for agency, kind in kinds.items() if is_known_to(case, agency)}


ALL_WHO_KNOW = Audience(
    Words(
        "semua instansi yang boleh tahu kasusnya, juga yang rujukannya sudah berakhir",
        "every agency that may know of the case, those whose referral ended too",
    ),
    lambda event, case: _knowing(case),
)
WHO_KNOWS_BOTH = Audience(
    Words("instansi yang boleh tahu kedua berkas itu", "an agency that may know of both files"),
    lambda event, case: {event.agency: event.kind},
)
WHO_WAS_TOLD = Audience(
    Words("instansi yang diberi tahu tentang penggabungannya", "the agencies that were told of the merger"),
    lambda event, case: case.of(Files).told.get(event.duplicate, {}),
)


@happened(
    Words("Kasus digabungkan ke kasus lain", "Case merged into another"),
    her=Words("Berkas digabungkan ke berkas lain", "The file was merged into another"),
    means="Berkas ini berkas kedua dari kasus yang sama; `into` adalah yang diteruskan.",
    step=Step.LEAD,
)
class CaseMerged(Fact, frozen=True, kw_only=True, tag="case.CaseMerged"):
    """This file was a second one of the same case; `into` is the one that lives on."""

    into: Coordination[CaseId]


@happened(
    Words("Diberitahukan bahwa berkas ini berakhir sebagai berkas ganda", "Told that this file ended as a second one"),
    her=Words("Instansi diberi tahu bahwa berkas ini berakhir", "Agencies were told that this file ended"),
    means="Pekerjaan diteruskan di berkas lain dari kasus yang sama. Yang boleh tahu berkas itu diberi tahu nomornya "
    "di sana.",
    step=Step.LEAD,
    to=ALL_WHO_KNOW,
)
class MergerTold(Fact, frozen=True, kw_only=True, tag="case.MergerTold"):
    """Work goes on in another file of the same case. Who may know of that one is told its number there."""


@happened(
    Words("Berkas dipisahkan kembali dari kasus lain", "File separated from another case again"),
    her=Words("Berkas dipisahkan kembali dari berkas lain", "The file was separated from another again"),
    means="Dua orang menemukan bahwa penggabungan itu keliru: berkas ini dipakai kembali, seperti sebelum digabungkan.",
    step=Step.LEAD,
)
class CaseSeparated(Fact, frozen=True, kw_only=True, tag="case.CaseSeparated"):
    """Two people found that the merger was a mistake: this file lives again, as it was before."""

    was_merged_into: Coordination[CaseId]
    reason: Coordination[Text]


@happened(
    Words("Diberitahukan bahwa berkas ini dipakai kembali", "Told that this file lives again"),
    her=Words("Instansi diberi tahu bahwa berkas ini dipakai kembali", "Agencies were told that this file lives again"),
    means="Penggabungan berkas ini dibatalkan: pekerjaan berlanjut di sini.",
    step=Step.LEAD,
    to=ALL_WHO_KNOW,
)
class SeparationTold(Fact, frozen=True, kw_only=True, tag="case.SeparationTold"):
    """The merger of this file was undone: work goes on here."""


@happened(
    Words("Berkas ganda digabungkan ke kasus ini", "Duplicate file absorbed"),
    her=Words("Berkas ganda digabungkan", "A duplicate file was taken in"),
    means="Berkas lain dari kasus yang sama berakhir; isinya dibaca bersama berkas ini.",
    step=Step.LEAD,
)
class DuplicateAbsorbed(Fact, frozen=True, kw_only=True, tag="case.DuplicateAbsorbed"):
    """Another file of the same case ended; what it holds is to be read with this one."""

    duplicate: Coordination[CaseId]


@happened(
    Words("Diberitahukan bahwa berkas ganda diteruskan di sini", "Told that a duplicate file goes on in this one"),
    her=Words(
        "Instansi diberi tahu bahwa berkas lain diteruskan di sini", "An agency was told that another file goes on here"
    ),
    means="Berkas `duplicate`, yang diketahui instansi itu, berakhir; kasusnya diteruskan di berkas ini.",
    step=Step.LEAD,
    to=WHO_KNOWS_BOTH,
)
class DuplicateTold(Fact, frozen=True, kw_only=True, tag="case.DuplicateTold"):
    """The file `duplicate`, which that agency may know of, ended; its case goes on in this one."""

    duplicate: Coordination[CaseId]
    agency: Coordination[AgencyCode]
    kind: Coordination[AgencyKind]


@happened(
    Words("Berkas ganda dipisahkan kembali dari kasus ini", "Duplicate file separated again"),
    her=Words("Berkas lain dipisahkan kembali", "Another file was separated again"),
    means="Berkas `duplicate` ternyata bukan berkas ganda dari kasus ini, dan dipakai kembali.",
    step=Step.LEAD,
    to=WHO_WAS_TOLD,
)
class DuplicateReleased(Fact, frozen=True, kw_only=True, tag="case.DuplicateReleased"):
    """The file `duplicate` was no second one of this case after all, and lives again."""

    duplicate: Coordination[CaseId]


@asked(
    "/cases/{case}/merger",
    by=SUPERVISION,
    where=LEADS,
    extent=Extent.MOVE,
    answers=(WORK_ENDED,),
    means="Mengakhiri berkas ini sebagai berkas ganda dari kasus lain yang penanggung jawabnya sama.",
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


@asked(
    "/cases/{case}/separation",
    by=SUPERVISORS,
    where=LEADS_ALSO_ENDED,
    extent=Extent.MOVE,
    second=Second((Row(REVIEW, LEADS_ALSO_ENDED, Extent.MOVE),)),
    when=When.NOW,
    means="Membatalkan penggabungan yang keliru: berkas ini dipakai kembali, seperti sebelum digabungkan.",
    tag="life of the case",
    example={"reason": "Ternyata dua orang berbeda."},
)
class SeparateCase(Fact, frozen=True, kw_only=True):
    """Undo a merger that was a mistake: this file lives again, as it was before."""

    reason: Coordination[Text]


@applies(CaseMerged)
def case_merged(case: Case, event: CaseMerged, recorded_at: datetime) -> Case:
    return replace(
        case.with_part(replace(case.of(Files), merged_into=event.into).joined(event.into, recorded_at)),
        status=Status.MERGED,
        ended_at=event.occurred_at,
        end_recorded_at=recorded_at,
    )


@applies(CaseSeparated)
def case_separated(case: Case, event: CaseSeparated, recorded_at: datetime) -> Case:
    files = case.of(Files).parted(event.was_merged_into, recorded_at, frozenset(case.holds))
    alone = case.with_part(replace(files, merged_into=None))
    return replace(alone, status=Status.OPEN, ended_at=None, end_recorded_at=None)


@applies(DuplicateAbsorbed)
def duplicate_absorbed(part: Files, event: DuplicateAbsorbed, recorded_at: datetime) -> Files:
    taken = replace(part, duplicates=part.duplicates | {event.duplicate}, told=put(part.told, event.duplicate, {}))
    return taken.joined(event.duplicate, recorded_at)


@applies(DuplicateTold)
def duplicate_told(part: Files, event: DuplicateTold) -> Files:
    told = {**part.told.get(event.duplicate, {}), event.agency: event.kind}
    return replace(part, told=put(part.told, event.duplicate, told))


@applies(DuplicateReleased)
def duplicate_released(case: Case, event: DuplicateReleased, recorded_at: datetime) -> Case:
    files = case.of(Files).parted(event.duplicate, recorded_at, frozenset(case.holds))
    return case.with_part(replace(files, duplicates=files.duplicates - {event.duplicate}))


@decides.register
def merge_case(command: MergeCase, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    require_settled(case, act.at)
    return [recorded(CaseMerged, command, act), MergerTold(occurred_at=act.at)]


@decides.register
def absorb_duplicate(command: AbsorbDuplicate, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    if command.duplicate in case.of(Files).duplicates:
        raise AlreadyDone(duplicate=command.duplicate)
    return [recorded(DuplicateAbsorbed, command, act)]


@decides.register
def separate_case(command: SeparateCase, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    into = case.of(Files).merged_into
    if into is None:
        raise WrongMove(status=case.status, move="separate")
    return [recorded(CaseSeparated, command, act, was_merged_into=into), SeparationTold(occurred_at=act.at)]


def told_of_both(duplicate: CaseId, of: Case, into: Case, at: datetime) -> Sequence[DuplicateTold]:
    """What the file that lives on tells of a duplicate, to each agency beside its lead that may know of both."""
    both = {agency: kind for agency, kind in _knowing(into).items() if is_known_to(of, agency) and agency != into.lead}
    return [DuplicateTold(occurred_at=at, duplicate=duplicate, agency=a, kind=both[a]) for a in sorted(both)]


def released(duplicate: CaseId, separated: CaseSeparated) -> DuplicateReleased:
    """What the file that lived on says of it, whoever leads that by now."""
    return DuplicateReleased(occurred_at=separated.occurred_at, duplicate=duplicate)


JOININGS = (CaseMerged, MergerTold, DuplicateAbsorbed, CaseSeparated, SeparationTold, DuplicateReleased)
"""What is recorded, in one commit, of two files that are merged or separated: by this they are found where the words of
one do not open."""

name_fields(
    into=field("Digabungkan ke", "Merged into"),
    was_merged_into=field("Dipisahkan dari", "Separated from"),
    duplicate=field("Berkas ganda", "Duplicate"),
)
