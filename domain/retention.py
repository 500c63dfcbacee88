"""How long a case is kept after it ended. Versioned data; a person decides, this says what falls due.

UU 27/2022 (personal data protection) art. 43 and 44 ask that personal data be erased or destroyed when it is no longer
needed and when its retention period ends; it names no period for referral files. So a case is kept at least as long as
the gravest offence can be prosecuted (UU 1/2023 art. 136: 20 years); which offence it was is sealed, so the longest
counts. For a child it is not counted before she is 18. The periods are DEFAULTS of this software, for the network to
replace with those of its own regulation (JRA, jadwal retensi arsip); each says so in its source. They run from when the
case's end was recorded. While a claim or the proceedings are pending, a legal hold stands, and nothing is destroyed
whatever the schedule says (case/holds.py).
"""

from datetime import datetime, timedelta

from msgspec import Struct

from .age_table import BEGINS, BELOW_12, FROM_12
from .casefile.state import Case, Status
from .codes import AgeGroup, CloseReason

YEAR = timedelta(days=365.25)
FULL_AGE = BEGINS[AgeGroup.ADULT]


class RetentionRule(Struct, frozen=True):
    """Cases that ended in this way are kept so long. Empty sets hold for all; the first rule that fits counts."""

    name: str
    keep: timedelta
    source: str
    statuses: frozenset[Status] = frozenset()
    reasons: frozenset[CloseReason] = frozenset()
    ages: frozenset[AgeGroup] = frozenset()

    def fits(self, case: Case) -> bool:
        """Whether the rule speaks of such a case."""
        return (
            (not self.statuses or case.status in self.statuses)
            and (not self.reasons or case.close_reason in self.reasons)
            and (not self.ages or case.age_group in self.ages)
        )


class Schedule(Struct, frozen=True):
    version: str
    rules: tuple[RetentionRule, ...]

    def rule_for(self, case: Case) -> RetentionRule:
        """The first rule that fits. The last fits every case."""
        return next(rule for rule in self.rules if rule.fits(case))

    def due(self, case: Case) -> datetime | None:
        """When the time for which the case is kept ends; None while it is open. It counts from when the end of the case
        was recorded, whenever that is said to have been."""
        ended_at = case.end_recorded_at or case.ended_at
        return None if ended_at is None else ended_at + self.rule_for(case).keep


V2026_1 = Schedule(
    version="2026-1",
    rules=(
        RetentionRule(
            "duplicate",
            1 * YEAR,
            "default: a file merged into another; what counts is kept there",
            statuses=frozenset({Status.MERGED}),
        ),
        RetentionRule(
            "young-child",
            25 * YEAR,
            "default: until a child of 0 to 11 years is a grown person who can ask for it herself",
            ages=BELOW_12,
        ),
        RetentionRule(
            "adolescent",
            15 * YEAR,
            "default: until an adolescent is a grown person who can ask for it herself",
            ages=FROM_12,
        ),
        RetentionRule(
            "lost-contact",
            10 * YEAR,
            "default: she may come back",
            reasons=frozenset({CloseReason.LOST_CONTACT, CloseReason.MOVED_AWAY}),
        ),
        RetentionRule(
            "imported",
            5 * YEAR,
            "default: the system of origin keeps its own",
            reasons=frozenset({CloseReason.IMPORTED}),
        ),
        RetentionRule("closed", 10 * YEAR, "default: every other case that ended"),
    ),
)

V2026_2 = Schedule(version="2026-2", rules=tuple(rule for rule in V2026_1.rules if rule.name != "duplicate"))
"""A file that was merged into another is kept as long as any that ended: it may be the only record of what happened.
Beside that it waits for the file that lives on (together.py). It holds for files that were merged before, too: what is
destroyed cannot be brought back, and no rule took effect by itself."""

PROSECUTION = 20
"""Years in which the gravest offences can be prosecuted (UU 1/2023 art. 136)."""
_SOURCE = "default: UU 1/2023 art. 136, the longest time to prosecute"


def _child(name: str, years_old: int, *ages: AgeGroup) -> RetentionRule:
    """Of children who are at least so old: as the youngest of them, until she is 18, and from then on."""
    keep = (FULL_AGE - years_old + PROSECUTION) * YEAR
    return RetentionRule(name, keep, f"{_SOURCE}, not counted before she is {FULL_AGE}", ages=frozenset(ages))


V2026_3 = Schedule(
    version="2026-3",
    rules=(
        _child("small-child", BEGINS[AgeGroup.SMALL_CHILD], AgeGroup.SMALL_CHILD, AgeGroup.YOUNG_CHILD),
        _child("school-child", BEGINS[AgeGroup.SCHOOL_CHILD], AgeGroup.SCHOOL_CHILD),
        _child(
            "younger-adolescent",
            BEGINS[AgeGroup.YOUNGER_ADOLESCENT],
            AgeGroup.YOUNGER_ADOLESCENT,
            AgeGroup.ADOLESCENT,
        ),
        _child("older-adolescent", BEGINS[AgeGroup.OLDER_ADOLESCENT], AgeGroup.OLDER_ADOLESCENT),
        RetentionRule("closed", PROSECUTION * YEAR, _SOURCE),
    ),
)
"""Shorter periods let a file go while its offence could still be prosecuted; what was imported is no exception, as the
system of origin may be gone by then. It holds for cases that ended before, too: they are kept for longer."""

SCHEDULES = {schedule.version: schedule for schedule in (V2026_1, V2026_2, V2026_3)}
"""Every version ever in use; none is ever edited."""

CURRENT = V2026_3
