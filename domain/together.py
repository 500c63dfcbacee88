"""Files of one case are destroyed as one would be: what keeps one of them, keeps all.

A file that ended as a second one of the same case holds what nobody wrote down twice. So while a legal hold stands on
any of them, or police, prosecution or court are asked or at work in one, nothing of the others is destroyed; and the
second one is kept at least as long as the file that lives on.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from . import retention
from .casefile.files import Files
from .casefile.state import Case
from .codes import PROCEEDINGS
from .fact import CaseId
from .refusal import HoldStands, NotDueYet, OpenReferrals

Find = Callable[[CaseId], Case | None]
"""The file of that number; None where it is destroyed."""


def family(id: CaseId, case: Case, find: Find) -> Mapping[CaseId, Case]:
    """All other files of the same case that there are."""
    found: dict[CaseId, Case] = {}
    looked, ahead = {id}, [*_beside(case)]
    while ahead:
        next = ahead.pop()
        if next in looked:
            continue
        looked.add(next)
        if (file := find(next)) is not None:
            found[next] = file
            ahead += _beside(file)
    return found


def lives_on(case: Case, find: Find) -> list[tuple[CaseId, Case]]:
    """The file into which this one was merged, and that into which that one was, and so on, as far as there is any."""
    found: list[tuple[CaseId, Case]] = []
    next = case.of(Files).merged_into
    while next is not None and next not in dict(found):
        file = find(next)
        if file is None:
            break
        found.append((next, file))
        next = file.of(Files).merged_into
    return found


def may_go(id: CaseId, case: Case, find: Find, by_time: bool, at: datetime) -> None:
    """Lets something of a file be destroyed as far as the other files of its case are concerned; `by_time`: because it
    was kept long enough. Raises HoldStands, OpenReferrals, NotDueYet, each with the number of the file that it is."""
    for other, file in family(id, case, find).items():
        if file.holds:
            raise HoldStands(holds=len(file.holds), case=other)
        before = [r.id for r in file.referrals.values() if r.status.is_open and r.recipient_kind in PROCEEDINGS]
        if before:
            raise OpenReferrals(referrals=before, case=other)
    if by_time:
        for other, file in lives_on(case, find):
            due = retention.CURRENT.due(file)
            if due is None or at < due:
                raise NotDueYet(due=due, case=other)


def _beside(case: Case) -> list[CaseId]:
    files = case.of(Files)
    return [*files.duplicates, *([files.merged_into] if files.merged_into is not None else [])]
