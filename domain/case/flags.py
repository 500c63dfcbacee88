"""Flags: something about a case that must not be overlooked by a date, and for whom it is raised."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import NewType
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from ..casefile.deciding import Network, decides, fresh
from ..casefile.evolving import applies
from ..casefile.state import EMPTY, Case, Part
from ..casefile.waiting import waits
from ..codes import AgencyKind
from ..compartment import Coordination
from ..declaring import Audience, Step, asked, field, happened, name_fields
from ..fact import Act, AgencyCode, Details, Fact, Text, recorded
from ..persistent import put
from ..refusal import AlreadyDone
from ..standing.relations import Extent, Relation
from ..standing.roles import CASE_WORK
from ..standing.rows import TAKES_PART, Since, Thing
from ..words import Words

R = Relation

FlagId = NewType("FlagId", UUID)


class FlagFacts(Details, frozen=True, kw_only=True):
    """What it is about stands in the compartment that it is of; when and for whom is plain to lists."""

    flag: Coordination[FlagId]
    due_on: Coordination[date]
    seen_by: Coordination[frozenset[AgencyCode]] = frozenset()
    """Beside who raises it and the lead."""


def _for_whom(event: "FlagRaised | FlagLowered", case: Case) -> Mapping[AgencyCode, AgencyKind]:
    flag = case.of(Flags).raised[event.flag]
    return {agency: kind for agency, kind in case.participants().items() if agency in flag.holders}


HOLDERS = Audience(
    Words(
        "instansi yang memasangnya dan yang disebut di dalamnya, selama ikut serta dalam kasus",
        "the agency that raised it and those it names, while they take part in the case",
    ),
    _for_whom,
)


@happened(
    Words("Tanda pengingat dipasang", "Flag raised"),
    her=Words("Tanda pengingat dipasang", "A reminder was set"),
    means="Sesuatu tentang kasus ini tidak boleh terlewat sampai tanggal tersebut.",
    step=Step.SERVICES,
    to=HOLDERS,
)
class FlagRaised(FlagFacts, frozen=True, kw_only=True, tag="case.FlagRaised"):
    """Something about the case must not be overlooked by this date."""

    raised_by: Coordination[AgencyCode]


@happened(
    Words("Tanda pengingat dilepas", "Flag lowered"),
    her=Words("Tanda pengingat dilepas", "A reminder was taken away"),
    means="Tanda pengingat tidak diperlukan lagi.",
    step=Step.SERVICES,
    to=HOLDERS,
)
class FlagLowered(Fact, frozen=True, kw_only=True, tag="case.FlagLowered"):
    """The flag is needed no more."""

    flag: Coordination[FlagId]
    remark: Coordination[Text | None] = None


FLAG = Thing(
    "flag",
    Words("tanda pengingat", "flag"),
    find=lambda case, id: case.of(Flags).raised.get(id),
    whose={R.AUTHOR: lambda flag, case: flag.raised_by, R.LEAD: lambda flag, case: case.lead},
    since=Since(Words("tanda itu dipasang", "the flag was raised"), lambda flag: flag.raised_at),
)


@asked(
    "/cases/{case}/flags",
    by=CASE_WORK,
    where=TAKES_PART.naming("seen_by"),
    extent=Extent.OWN_WORDS,
    means="Memasang tanda pengingat pada kasus, untuk suatu tanggal.",
    tag="work",
    example={"due_on": "2026-04-01", "legal": "Masa penahanan terlapor berakhir."},
    mints="flag",
)
class RaiseFlag(FlagFacts, frozen=True, kw_only=True):
    """Raise a flag on a case, for a date."""


@asked(
    "/cases/{case}/flags/{flag}/lowering",
    by=CASE_WORK,
    where=TAKES_PART.to(FLAG, R.AUTHOR, R.LEAD, by="flag"),
    extent=Extent.MOVE,
    means="Melepas tanda pengingat.",
    tag="work",
    example={"remark": "Sudah diurus."},
)
class LowerFlag(Fact, frozen=True, kw_only=True):
    """Take a flag away."""

    flag: Coordination[FlagId]
    remark: Coordination[Text | None] = None


class Flag(Struct, frozen=True):
    raised_by: AgencyCode
    holders: frozenset[AgencyCode]
    """Who raised it, and whom it names. The lead sees every flag."""
    lowered: bool = False
    raised_at: datetime | None = None


class Flags(Part, frozen=True):
    raised: Mapping[FlagId, Flag] = EMPTY


@applies(FlagRaised)
def flag_raised(part: Flags, event: FlagRaised) -> Flags:
    flag = Flag(event.raised_by, event.seen_by | {event.raised_by}, raised_at=event.occurred_at)
    return replace(part, raised=put(part.raised, event.flag, flag))


@applies(FlagLowered)
def flag_lowered(part: Flags, event: FlagLowered) -> Flags:
    return replace(part, raised=put(part.raised, event.flag, replace(part.raised[event.flag], lowered=True)))


@waits(
    "flags",
    Words("tanda pengingat yang terpasang", "flags that are up"),
    Words(
        "Pasang tanda pengingat itu pada berkas yang diteruskan, lalu lepaskan di sini.",
        "Raise the flag in the file that lives on, then lower it here.",
    ),
    "LowerFlag",
)
def up(case: Case, at: datetime) -> Iterable[UUID]:
    return (id for id, flag in case.of(Flags).raised.items() if not flag.lowered)


@decides.register
def raise_flag(command: RaiseFlag, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    fresh(case.of(Flags).raised, command.flag)
    return [recorded(FlagRaised, command, act, raised_by=act.agency)]


@decides.register
def lower_flag(command: LowerFlag, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    if case.of(Flags).raised[command.flag].lowered:
        raise AlreadyDone(what="the flag's end", id=command.flag)
    return [recorded(FlagLowered, command, act)]


name_fields(
    flag=field("Tanda pengingat", "Flag"),
    seen_by=field("Terlihat oleh", "Seen by", ("Terlihat oleh", "Seen by")),
    raised_by=field("Dipasang oleh", "Raised by", ("Dipasang oleh", "Set by")),
)
