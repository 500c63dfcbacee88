"""How old she is, as far as the rules ask: her band of the age table, which moves with time.

A date of birth stays sealed; what follows of it for the rules is an event of its own. Several subjects bring about that
it is known, and several ask, so it lies here.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from ..age_table import HERSELF, TERMS, Band, born, grown
from ..codes import AgeGroup
from ..compartment import Coordination, Identity
from ..declaring import Shared, Step, field, happened, name_fields
from ..fact import Act, Fact, Short, Text, recorded
from ..persons import AgeBasis
from ..words import Words
from .evolving import applies
from .state import Case, Part

Years = Annotated[int, Meta(ge=0, le=120)]


class AgeFacts(Fact, frozen=True, kw_only=True):
    age_basis: Identity[AgeBasis | None] = None
    years_from: Identity[Years | None] = None
    years_to: Identity[Years | None] = None
    """An estimate: at least, and at most, that old when it was made."""
    remark: Identity[Text | None] = None


@happened(
    Words("Usia korban dinilai", "Survivor's age assessed"),
    her=Words("Usia Anda dicatat", "How old you are was recorded"),
    means="Kelompok usia penyintas sejak saat itu, dan atas dasar apa; usia bergerak bersama waktu. Siapa yang memberi "
    "persetujuan mengikutinya.",
    step=Step.REPORT,
    shared=Shared.COMMON,
)
class AgeAssessed(AgeFacts, frozen=True, kw_only=True, tag="case.AgeAssessed"):
    """The survivor's age group from then on, and on what that rests; it moves with time. Who consents follows from
    it."""

    age_group: Coordination[AgeGroup]
    age_table: Coordination[Short]
    """The version of the table of ages."""
    next_group_from: Coordination[datetime | None] = None
    """Told to nobody: it is her birthday."""


class Ages(Part, frozen=True):
    next_group_from: datetime | None = None
    """When the next band begins; None where that is not known, or there is none."""
    is_assessed: bool = False
    """Her age was said since the case was opened."""


@applies(AgeAssessed)
def age_assessed(case: Case, event: AgeAssessed) -> Case:
    after = replace(case, age_group=event.age_group)
    return after.with_part(Ages(event.next_group_from, is_assessed=True))


def band(case: Case) -> Band:
    """Her band, as it was assessed last."""
    return Band(case.age_group, case.of(Ages).next_group_from)


def age_of(case: Case, at: datetime) -> AgeGroup:
    """Her age group then."""
    return grown(band(case), at).group


def decides_herself(case: Case, at: datetime) -> bool:
    """Whether it was said how old she is, and at that age nobody consents for her."""
    return case.of(Ages).is_assessed and age_of(case, at) in HERSELF


def takes_her_word(case: Case, now: Band, at: datetime) -> bool:
    """Whether she, who decides herself by the age that was assessed, would not by this one: as that she cannot decide,
    it is not for one person to say."""
    return decides_herself(case, at) and now.group not in HERSELF


def follows_from_birth(case: Case, born_on: date | None, command: Fact, act: Act) -> Sequence[Fact]:
    """What follows for the rules where it is recorded when she was born: nothing where that changes nothing, or takes
    from her that she decides herself; then two people assess her age."""
    if born_on is None:
        return ()
    try:
        now = born(born_on, act.at)
    except ValueError:  # nobody of that age lives: it is kept as it was said
        return ()
    if (case.of(Ages).is_assessed and now == grown(band(case), act.at)) or takes_her_word(case, now, act.at):
        return ()
    return [assessed(command, act, now, AgeBasis.BIRTH_DATE)]


def assessed(command: Fact, act: Act, now: Band, basis: AgeBasis | None) -> AgeAssessed:
    """The event that she is of that band."""
    what = {"age_group": now.group, "next_group_from": now.next_from, "age_table": TERMS}
    return recorded(AgeAssessed, command, act, **what, age_basis=basis)


name_fields(
    age_group=field("Kelompok usia", "Age group", ("Kelompok usia", "Age group")),
    age_basis=field("Dasar usia", "What the age rests on", ("Dasar usia", "What your age rests on")),
    age_table=field("Versi tabel usia", "Version of the table of ages"),
    next_group_from=field("Kelompok usia berikutnya sejak", "Next age group from"),
    years_from=field("Usia paling sedikit (tahun)", "Age at least", ("Usia paling sedikit", "Age at least")),
    years_to=field("Usia paling banyak (tahun)", "Age at most", ("Usia paling banyak", "Age at most")),
)
