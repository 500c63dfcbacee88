"""Who is excluded from one file of a case is excluded from all of them: each file says so itself, so that every door
which asks one file is right. What was carried over stands under an id that follows from where it was placed, and ends
with it.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from msgspec.structs import replace

from .case.staffing import CARRIED_OVER, ExclusionEnded, PersonExcluded
from .casefile.deciding import Network, derived
from .casefile.remaining import agencies_of, began, require_two, require_workers, together_of
from .casefile.staff import Exclusion, Staff
from .casefile.state import Case
from .fact import CaseId, ExclusionId, Fact
from .refusal import Invalid
from .standing.rule import is_known_to
from .words import Words

Files = Mapping[CaseId, Case]
"""Files of one case, by their numbers."""
ENDED_ELSEWHERE = "Berakhir di berkas lain dari kasus ini. / Ended in another file of this case."


def carried_over(files: Files, at: datetime) -> Mapping[CaseId, Sequence[PersonExcluded]]:
    """What is still to be recorded in each of the files of one case: who is excluded from one, is from all. It is told
    to nobody but the lead and the person's own agency, and names no file; where who placed it may not know of a file,
    that file's lead stands in its place there."""
    return {to: [*_carried(files, to, into, at)] for to, into in files.items()}


def _carried(files: Files, to: CaseId, into: Case, at: datetime) -> Iterable[PersonExcluded]:
    for of, placed in _placed(files):
        id, standing = _copy(of, placed.id), files[of].of(Staff).exclusions
        if of != to and not {id, placed.id} & into.of(Staff).exclusions.keys():
            yield PersonExcluded(
                occurred_at=at,
                exclusion=id,
                person=placed.person,
                member_of=placed.member_of,
                kind=placed.kind,
                placed_by=placed.placed_by if is_known_to(into, placed.placed_by) else into.lead,
                reason=CARRIED_OVER,
                together=derived(placed.together or together_of(began(placed, standing)), str(of)),
            )


def is_carried(exclusion: ExclusionId, to: CaseId, files: Files) -> bool:
    """Whether an exclusion in that file was carried over from another one of these."""
    return any(_copy(of, placed.id) == exclusion for of, placed in _standing(files) if of != to)


def ended_along(ended: ExclusionEnded, of: CaseId, files: Files, at: datetime) -> Mapping[CaseId, Sequence[Fact]]:
    """What ends in the other files of the case with an exclusion that is ended where it was placed. Raises Invalid for
    one that was carried over, and stands where it was placed."""
    if is_carried(ended.exclusion, of, files):
        raise Invalid(
            field="exclusion",
            must=Words(
                "harus ditetapkan di berkas ini: pengecualian berakhir di tempat penetapannya",
                "be one that was placed in this file: it ends where it was placed",
            ),
        )
    over = {(of, ended.exclusion)}
    ahead = [*over]
    while ahead:
        at_file, id = ahead.pop()
        same = {id, _copy(at_file, id)}
        more = {(file, placed.id) for file, placed in _standing(files) if placed.id in same} - over
        over |= more
        ahead += sorted(more)
    said: dict[CaseId, list[Fact]] = {}
    for file, id in sorted(over - {(of, ended.exclusion)}):
        said.setdefault(file, []).append(replace(ended, occurred_at=at, exclusion=id, reason=ENDED_ELSEWHERE))
    return said


def require_remaining(files: Files, network: Network, field: str) -> None:
    """Lets everybody who is excluded from one of these files be excluded from all of them: as where they are excluded
    one by one, each agency of theirs that takes part in any file keeps who sees to its work, and each lead two people
    who can end it. Raises Invalid."""
    everybody = frozenset(placed.person for _, placed in _standing(files))
    if not everybody:
        return
    of = {placed.member_of for id, placed in _placed(files) if _is_asked_for(placed, files[id])}
    at_work = of | {code for case in files.values() for code in case.participants()}
    theirs = [agency for agency in agencies_of(network, everybody) if agency.code in at_work]
    for case in files.values():
        before = case.of(Staff).excluded
        require_workers(theirs, before, everybody, field)
        require_two(network[case.lead], before, everybody, field)


def _is_asked_for(placed: Exclusion, case: Case) -> bool:
    return began(placed, case.of(Staff).exclusions) == placed.id


def _standing(files: Files) -> Iterable[tuple[CaseId, Exclusion]]:
    return ((id, placed) for id, case in files.items() for placed in case.of(Staff).exclusions.values())


def _placed(files: Files) -> list[tuple[CaseId, Exclusion]]:
    """Exclusions where they were placed: all but those that were carried over from another of these files."""
    copies = [(of, _copy(of, placed.id)) for of, placed in _standing(files)]
    return [(id, one) for id, one in _standing(files) if not any(one.id == copy and id != of for of, copy in copies)]


def _copy(of: CaseId, exclusion: ExclusionId) -> ExclusionId:
    """The id under which what was placed in a file stands in the others."""
    return ExclusionId(derived(exclusion, str(of)))
