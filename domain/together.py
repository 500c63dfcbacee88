"""Files of one case are destroyed as one would be: what keeps one of them, keeps all.

A file that ended as a second one of the same case holds what nobody wrote down twice. So while a legal hold stands on
any of them, or police, prosecution or court are asked or at work in one, nothing of the others is destroyed; and the
second one is kept at least as long as the file that lives on. What stood on one as they were separated binds the other
until its holder lifts it; what comes later binds its own file alone.

Files can come to be led by two agencies. Then each learns no more than that something stands in the way, and none keeps
the other for ever by what is its own to end: the proceedings' holds bind both, and what stood before the leads parted;
what police, prosecution or court were asked does until they have to answer; and no file waits for the end of another.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from msgspec import Struct

from . import retention
from .casefile.files import Files
from .casefile.holding import lapse_at
from .casefile.state import Case, Hold
from .codes import PROCEEDINGS
from .damaged import Outline
from .fact import AgencyCode, CaseId, HoldId
from .refusal import HoldStands, NotDueYet, OpenReferrals, Refusal
from .words import Words


class StillKept(Refusal):
    says = Words(
        "Ada yang menghalangi: data dari kasus yang sama masih harus disimpan.",
        "Something stands in the way: data of the same case has to be kept still.",
    )
    mend = Words(
        "Coba lagi nanti. Bila penyintas memintanya, catat permintaannya, dan beri tahu ia apa yang masih disimpan.",
        "Try again later. Where the survivor asks for it, record what she asked, and tell her that it is kept still.",
    )


class Damaged(Struct, frozen=True):
    """A file that does not open: what is known of it all the same."""

    outline: Outline
    joined: frozenset[CaseId]
    """Files that were ever one with it."""

    @property
    def lead(self) -> AgencyCode | None:
        return self.outline.lead

    @property
    def version(self) -> int:
        return self.outline.version


File = Case | Damaged
Find = Callable[[CaseId], File | None]
"""The file of that number; None where it is destroyed."""

EVER = datetime.min.replace(tzinfo=UTC)


class Link(NamedTuple):
    """Two files are one, or were."""

    to: CaseId
    since: datetime
    until: datetime | None
    """None: they are one now."""
    holds: frozenset[HoldId] = frozenset()
    """What stood in `to` as they were separated."""


class Beside(NamedTuple):
    """A file that is asked before something of another is destroyed."""

    id: CaseId
    file: File
    until: datetime | None
    """None: they are one now. Else when they ceased to be: what stood then binds still."""
    holds: frozenset[HoldId]
    """What stood in it then, by its own record."""


def family(id: CaseId, case: Case, find: Find) -> Mapping[CaseId, Case]:
    """All other files of the same case that there are, and that open."""
    return {one.id: one.file for one in beside(id, case, find) if one.until is None and isinstance(one.file, Case)}


def beside(id: CaseId, file: File, find: Find) -> list[Beside]:
    """All files that are one with that one, and those that were, at a time when all between them were."""
    found: dict[CaseId, Beside] = {}
    ahead: list[tuple[CaseId, File, datetime, datetime | None]] = [(id, file, EVER, None)]
    while ahead:
        at, of, since, until = ahead.pop()
        for link in _links(at, of, find):
            began, ended = max(since, link.since), _earlier(until, link.until)
            if link.to == id or (ended is not None and ended < began):
                continue
            known = found.get(link.to)
            if known is not None and (known.until is None or (ended is not None and ended <= known.until)):
                continue
            if (there := known.file if known is not None else find(link.to)) is not None:
                found[link.to] = Beside(link.to, there, ended, link.holds)
                ahead.append((link.to, there, began, ended))
    return list(found.values())


def lives_on(case: Case, find: Find) -> list[tuple[CaseId, Case]]:
    """The file into which this one was merged, and that into which that one was, and so on, as far as there is any."""
    found: list[tuple[CaseId, Case]] = []
    next = case.of(Files).merged_into
    while next is not None and next not in dict(found):
        file = find(next)
        if not isinstance(file, Case):
            break
        found.append((next, file))
        next = file.of(Files).merged_into
    return found


def may_go(id: CaseId, file: File, find: Find, by_time: bool, at: datetime) -> Iterable[tuple[CaseId, int]]:
    """Lets something of a file be destroyed as far as the other files of its case are concerned; `by_time`: because it
    was kept long enough. Returns which were asked, each at its version: it holds for as long as they are there.

    Raises HoldStands, OpenReferrals, NotDueYet, each with the number of the file that it is, where the same agency
    leads both; else StillKept, with nothing."""
    others = beside(id, file, find)
    for one in others:
        try:
            _ask(one, file, at)
        except (HoldStands, OpenReferrals):
            if _is_led_apart(file, one.file):
                raise StillKept from None
            raise
    if by_time and isinstance(file, Case):
        for other, living in lives_on(file, find):
            due = retention.CURRENT.due(living)
            if not _is_led_apart(file, living) and (due is None or at < due):
                raise NotDueYet(due=due, case=other)
    return [(one.id, one.file.version) for one in others]


def _ask(one: Beside, of: File, at: datetime) -> None:
    if isinstance(one.file, Damaged):
        if one.file.outline.on_hold:
            raise HoldStands(holds=1, case=one.id)
        return
    apart = _is_led_apart(of, one.file)
    holds = [hold for hold in one.file.holds.values() if _binds(hold, one) and not (apart and _is_later(hold, one, of))]
    if holds:
        raise HoldStands(holds=len(holds), case=one.id, lapses_at=lapse_at(holds))
    if one.until is None:
        asked = (r for r in one.file.referrals.values() if r.status.is_open and r.recipient_kind in PROCEEDINGS)
        before = [r.id for r in asked if not apart or (r.due_at is not None and at < r.due_at)]
        if before:
            raise OpenReferrals(referrals=before, case=one.id)


def _binds(hold: Hold, one: Beside) -> bool:
    """Whether a hold of another file stood while they were one."""
    return one.until is None or hold.id in one.holds or (hold.recorded_at or hold.placed_at) <= one.until


def _is_later(hold: Hold, one: Beside, of: File) -> bool:
    """Whether somebody else than the proceedings placed a hold once the two files were led apart."""
    parted = max((file.of(Files).led_since or EVER for file in (one.file, of) if isinstance(file, Case)), default=EVER)
    of_theirs = hold.of_proceedings or hold.holder_kind in PROCEEDINGS
    return not of_theirs and (hold.recorded_at or hold.placed_at) > parted


def _is_led_apart(one: File, other: File) -> bool:
    """Whether two agencies lead them; where nobody knows who leads one, nothing is told of it."""
    return one.lead is None or one.lead != other.lead


def _links(id: CaseId, file: File, find: Find) -> Iterator[Link]:
    if isinstance(file, Damaged):
        for other in sorted(file.joined):
            yield from _back(id, other, find)
        return
    files = file.of(Files)
    for other in (*files.duplicates, *([files.merged_into] if files.merged_into is not None else [])):
        yield Link(other, files.joined_at.get(other, EVER), None)
    for other, was in files.apart.items():
        there = find(other)
        theirs = there.of(Files).apart.get(id) if isinstance(there, Case) else None
        yield Link(other, was.since, was.until, theirs.holds if theirs is not None else frozenset())


def _back(id: CaseId, other: CaseId, find: Find) -> Iterator[Link]:
    """What the other file says of its links to one that does not open; where that does not open either, they are one
    as far as anybody knows."""
    there = find(other)
    if isinstance(there, Case):
        yield from (link._replace(to=other) for link in _links(other, there, lambda _: None) if link.to == id)
    elif there is not None:
        yield Link(other, EVER, None)


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return other if one is None else one if other is None else min(one, other)
