"""Who consents at which age, and whether the child is asked: versioned data.

Source: IRC/UNICEF, Caring for Child Survivors of Sexual Abuse (2012), consent and assent by age and maturity;
UU 35/2014: who is not 18 yet is a child. UU 27/2022 art. 25 (2) and 26 (3) ask a parent or guardian for the data of a
child, or of a person with a disability: how that goes with an adolescent's own consent a network's lawyer confirms; her
own is the default. Who changes a row gives the table another `TERMS`, which each assessment of an age names.
"""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta, timezone
from enum import Enum

from msgspec import Struct

from .codes import AgeGroup, ConsentBy
from .persons import Capacity

A, B = AgeGroup, ConsentBy

TERMS = "2026-1"
ZONE = timezone(timedelta(hours=8), "WITA")
"""Where a birthday begins at midnight: Central Indonesia Time, that of Bontang."""
OLDEST = 120
"""Years. A date of birth before that is a slip."""
GRACE = timedelta(days=30)
"""How long what others agreed to for her goes on once she consents herself, unless she confirms it."""
WARNING = timedelta(days=30)
"""How long before that day she is to be asked."""

BEGINS: Mapping[AgeGroup, int] = {
    A.SMALL_CHILD: 0,
    A.SCHOOL_CHILD: 6,
    A.YOUNGER_ADOLESCENT: 12,
    A.OLDER_ADOLESCENT: 15,
    A.ADULT: 18,
}
"""Band → the age at which it begins, the youngest first."""

PARENTS = frozenset({B.PARENT, B.GUARDIAN, B.CAREGIVER})
INSTEAD = frozenset({B.TRUSTED_ADULT, B.INSTITUTION, B.CASE_WORKER})


class Assent(Enum):
    """What becomes of the child's own yes or no beside that of who speaks for her."""

    NOT_ASKED = "not-asked"
    ASKED = "asked"
    MAYBE = "maybe"
    """Her age is not known closely enough to say."""


class AgeRow(Struct, frozen=True):
    """Who consents for whom of that age. Each set is of capacities of which one is enough."""

    gives: frozenset[ConsentBy]
    by_decision: frozenset[ConsentBy] = frozenset()
    """Where a best-interest decision lets them."""
    with_reason: frozenset[ConsentBy] = frozenset()
    """Where it is said why no parent or guardian does."""
    assent: Assent = Assent.NOT_ASKED


ROWS: Mapping[AgeGroup, AgeRow] = {
    A.SMALL_CHILD: AgeRow(PARENTS, INSTEAD),
    A.SCHOOL_CHILD: AgeRow(PARENTS, INSTEAD, assent=Assent.ASKED),
    A.YOUNGER_ADOLESCENT: AgeRow(PARENTS, INSTEAD | {B.SURVIVOR}, frozenset({B.SURVIVOR}), Assent.ASKED),
    A.OLDER_ADOLESCENT: AgeRow(frozenset({B.SURVIVOR})),
    A.ADULT: AgeRow(frozenset({B.SURVIVOR})),
    A.YOUNG_CHILD: AgeRow(PARENTS, INSTEAD, assent=Assent.MAYBE),
    A.ADOLESCENT: AgeRow(PARENTS, INSTEAD | {B.SURVIVOR}, frozenset({B.SURVIVOR}), Assent.ASKED),
}
"""Band → its row. A small child is not asked; from 15 on she consents, and nobody for her."""

UNABLE = AgeRow(frozenset({B.SURVIVOR}), frozenset({B.GUARDIAN, B.INSTITUTION}))
DIED = AgeRow(frozenset({B.NEXT_OF_KIN}))
NOBODY = AgeRow(frozenset())
"""Of who cannot be asked now: nobody consents for her, whatever is written. Her vital interest is another ground."""

INSTEAD_OF_AGE: Mapping[Capacity, AgeRow] = {
    Capacity.UNABLE: UNABLE,
    Capacity.DIED: DIED,
    Capacity.CANNOT_NOW: NOBODY,
}
"""What she can do → the row that counts in the place of her age's, once she would consent herself."""

HERSELF = frozenset({A.OLDER_ADOLESCENT, A.ADULT})
CHILDREN = frozenset(A) - {A.ADULT}
BELOW_12 = frozenset({A.YOUNG_CHILD, A.SMALL_CHILD, A.SCHOOL_CHILD})
FROM_12 = CHILDREN - BELOW_12


class Band(Struct, frozen=True):
    """An age as the rules know it: its band, and when the next one begins."""

    group: AgeGroup
    next_from: datetime | None
    """None: there is no older one, or it is not known when."""


def born(on: date, at: datetime) -> Band:
    """The band of who was born on that day, then. Raises ValueError where that is not the age of a living person."""
    today = at.astimezone(ZONE).date()
    if not 0 <= _age(on, today) <= OLDEST:
        raise ValueError("nobody of that age lives")
    return _band(on, today)


def estimated(years: int, at: datetime) -> Band:
    """The band of who is that old at least, then. As young as can be: she stays a child until nobody can doubt it."""
    today = at.astimezone(ZONE).date()
    return _band(_birthday(today, -years), today)


def grown(band: Band, at: datetime) -> Band:
    """The band that it has become by then."""
    while band.next_from is not None and at >= band.next_from:
        older = _older(band.group)
        after = _older(older)
        years = BEGINS[after] - BEGINS[older] if after is not older else None
        day = band.next_from.astimezone(ZONE).date()
        band = Band(older, None if years is None else midnight(_birthday(day, years)))
    return band


def midnight(on: date) -> datetime:
    """When a day begins."""
    return datetime.combine(on, time(), ZONE)


def consents_herself_from(band: Band) -> datetime | None:
    """When she, who does not yet, will consent herself; None where that is not known, or she does."""
    while band.group not in HERSELF and band.next_from is not None:
        if _older(band.group) in HERSELF:
            return band.next_from
        band = grown(band, band.next_from)
    return None


def _band(on: date, today: date) -> Band:
    age = _age(on, today)
    group = [group for group, begins in BEGINS.items() if begins <= age][-1]
    older = _older(group)
    return Band(group, midnight(_birthday(on, BEGINS[older])) if older is not group else None)


def _older(group: AgeGroup) -> AgeGroup:
    """The next band; the oldest is its own."""
    bands = list(BEGINS)
    return bands[min(bands.index(group) + 1, len(bands) - 1)]


def _age(on: date, today: date) -> int:
    return today.year - on.year - ((today.month, today.day) < (on.month, on.day))


def _birthday(on: date, years: int) -> date:
    """The same day so many years later; who was born on 29 February is a year older on 1 March."""
    try:
        return on.replace(year=on.year + years)
    except ValueError:
        return date(on.year + years, 3, 1)
