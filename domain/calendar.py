"""Working days: at which days and hours people are somewhere, and when the last of so many working days ends.

Windows of law and of care are hours: they never move for a night, a Sunday or a holiday. Only a window that says
*working days* asks this, and then it is the calendar of the agency that has to act.
"""

from collections.abc import Set
from datetime import date, datetime, time, timedelta, timezone

from msgspec import Struct

from .code import Code


class Zone(Code):
    """The zones of Indonesia (Keputusan Presiden 41/1987). None of them changes its clocks within the year."""

    WIB = "wib", "WIB (UTC+7)", "WIB (UTC+7)"
    WITA = "wita", "WITA (UTC+8)", "WITA (UTC+8)"
    WIT = "wit", "WIT (UTC+9)", "WIT (UTC+9)"

    @property
    def offset(self) -> timezone:
        """What a clock there is ahead of UTC, by its name."""
        return timezone(timedelta(hours=_AHEAD[self]), self.name)


_AHEAD = {Zone.WIB: 7, Zone.WITA: 8, Zone.WIT: 9}


class Weekday(Code):
    MONDAY = "monday", "Senin", "Monday"
    TUESDAY = "tuesday", "Selasa", "Tuesday"
    WEDNESDAY = "wednesday", "Rabu", "Wednesday"
    THURSDAY = "thursday", "Kamis", "Thursday"
    FRIDAY = "friday", "Jumat", "Friday"
    SATURDAY = "saturday", "Sabtu", "Saturday"
    SUNDAY = "sunday", "Minggu", "Sunday"


WEEK = tuple(Weekday)


class Hours(Struct, frozen=True):
    """The days and hours at which people are at an agency."""

    zone: Zone
    workdays: frozenset[Weekday]
    opens: time
    closes: time
    closed_on: frozenset[date] = frozenset()

    def works_on(self, day: date, holidays: Set[date] = frozenset()) -> bool:
        """Whether people are there on that day, which is none of the network's holidays."""
        return WEEK[day.weekday()] in self.workdays and day not in self.closed_on and day not in holidays

    def end_of(self, at: datetime, days: int, holidays: Set[date] = frozenset()) -> datetime:
        """When the last of so many working days ends, with the close of that day; none of the network's holidays is
        one. The day of `at` itself, in the
        agency's zone, does not count, as none does on which something begins."""
        day = at.astimezone(self.zone.offset).date()
        while days:
            day += timedelta(days=1)
            days -= self.works_on(day, holidays)
        return datetime.combine(day, self.closes, self.zone.offset)
