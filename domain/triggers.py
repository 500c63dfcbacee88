"""What of an incident starts which window: the form of SIMFONI-PPA, the kinds of UU 12/2022 art. 4, what was said of
the act, and never a type of GBV alone. Read off what a command says; sealed facts are not remembered for it.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec import Struct

from .age_table import BELOW_12
from .clock_codes import ClockDuty
from .codes import AgeGroup, AgencyKind
from .violence import ClockNeed, GbvType, SexualKind, ViolenceForm, YesNo

K = SexualKind

SEXUAL = frozenset({GbvType.RAPE, GbvType.SEXUAL_ASSAULT, GbvType.FORCED_MARRIAGE})
EXPOSING = frozenset(
    {K.TORTURE, K.EXPLOITATION, K.SLAVERY, K.RAPE, K.ACTS_AGAINST_CHILD, K.PROSTITUTION, K.TRAFFICKING, K.DOMESTIC}
)
"""Kinds of act at which there may have been penetration, where nobody said."""
TOUCHING = EXPOSING | {K.PHYSICAL_HARASSMENT, K.OBSCENE_ACTS}
"""Kinds of act that leave what a doctor can find."""
BY_COMPLAINT = frozenset({K.NON_PHYSICAL_HARASSMENT, K.PHYSICAL_HARASSMENT, K.ELECTRONIC})
"""UU 12/2022 art. 7 and 14: of an adult without a disability investigated on her complaint only. To be confirmed by a
network's lawyer."""
BOUND = frozenset({AgencyKind.LEAD, AgencyKind.SOCIAL, AgencyKind.NGO})
"""UU 12/2022 art. 41: UPTD PPA, the social services' unit, community providers report to the police."""


class What(Struct, frozen=True, kw_only=True):
    """What was said of an incident, as far as it starts windows."""

    forms: frozenset[ViolenceForm]
    gbv_type: GbvType
    kinds: frozenset[SexualKind] = frozenset()
    penetration: YesNo | None = None
    pregnancy_possible: YesNo | None = None
    complains: YesNo | None = None
    disability: YesNo | None = None
    domestic: bool = False
    happened_at: datetime | None = None
    is_range: bool = False
    """Its time is a range, or said to be about."""
    age: AgeGroup = AgeGroup.ADULT
    ruled_out: frozenset[ClockNeed] = frozenset()
    """Windows of care that are known not to be for her."""

    @property
    def is_sexual(self) -> bool:
        """Sexual violence, also where it was done online, or as trafficking or exploitation."""
        return ViolenceForm.SEXUAL in self.forms or self.gbv_type in SEXUAL or bool(self.kinds)

    @property
    def exposed(self) -> bool:
        """Whether there was, or may have been, an exposure. What is not known is not "no"."""
        if self.penetration is not None:
            return self.penetration is not YesNo.NO
        return self.gbv_type in (GbvType.RAPE, GbvType.SEXUAL_ASSAULT) or bool(self.kinds & EXPOSING)

    @property
    def may_be_pregnant(self) -> bool:
        """Of a small child only where somebody says so."""
        if not self.exposed or self.pregnancy_possible is YesNo.NO:
            return False
        return self.pregnancy_possible is YesNo.YES or self.age not in BELOW_12

    @property
    def leaves_traces(self) -> bool:
        touched = self.gbv_type in (GbvType.RAPE, GbvType.SEXUAL_ASSAULT) or bool(self.kinds & TOUCHING)
        return touched or self.penetration in (YesNo.YES, YesNo.UNKNOWN)

    @property
    def is_reported_by_others(self) -> bool:
        """Whether others than she have to report it: not where the offence needs her complaint, and there is none."""
        hers = bool(self.kinds) and self.kinds <= BY_COMPLAINT and self.age is AgeGroup.ADULT
        return self.is_sexual and (not hers or YesNo.YES in (self.complains, self.disability))


class CareRule(Struct, frozen=True):
    """A window of care, counted from the earliest moment of the exposure."""

    need: ClockNeed
    window: timedelta
    when: Callable[[What], bool]
    source: str


class DutyRule(Struct, frozen=True):
    """A duty of law: how long it has, from what, and who owes it."""

    window: timedelta
    owed_by: frozenset[AgencyKind]
    source: str
    when: Callable[[What], bool] = lambda what: False
    """Whether what happened brings it; those that another act begins are brought by none."""


Duties = dict[ClockDuty, DutyRule]
