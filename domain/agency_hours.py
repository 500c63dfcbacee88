"""When people are at an agency: its zone, its working days and hours, and the days on which it is closed."""

from collections.abc import Sequence
from datetime import date, time
from typing import Annotated

from msgspec import Meta

from .agency_state import Agency, decides, require_agency
from .calendar import Hours, Weekday, Zone
from .codes import AgencyKind
from .compartment import Coordination
from .declaring import asked, field, happened, name_fields
from .fact import Act, Fact, recorded
from .refusal import AlreadyExists, Invalid
from .standing.relations import Extent
from .standing.roles import ADMINISTRATION
from .standing.rows import OWN_OR_SYSTEM
from .words import Words

MOST_CLOSED = 200
"""Days on which an agency says ahead that it is closed: some years of holidays."""
MOST_WORKING_DAYS = 30
NOT_THE_LEAD = Words(
    "harus instansi penanggung jawab: hari libur jejaring adalah satu daftar; hari libur instansi lain dinyatakan"
    " bersama jam kerjanya",
    "be of a lead agency: the network's holidays are one list, and others say days of their own with their hours",
)


TimeOfDay = Annotated[
    str,
    Meta(
        pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$(?!\n)",
        extra={"must": Words("jam dan menit, 00:00 sampai 23:59", "hours and minutes, 00:00 to 23:59")},
    ),
]
WorkingDays = Annotated[int, Meta(ge=1, le=MOST_WORKING_DAYS)]
"""How many working days of the recipient somebody has."""


class HoursFacts(Fact, frozen=True, kw_only=True):
    zone: Coordination[Zone]
    workdays: Coordination[Annotated[frozenset[Weekday], Meta(min_length=1)]]
    opens: Coordination[TimeOfDay]
    closes: Coordination[TimeOfDay]
    closed_on: Coordination[Annotated[frozenset[date], Meta(max_length=MOST_CLOSED)]]
    """Holidays, and whatever else keeps everybody away, in the days of its zone."""


class HolidayFacts(Fact, frozen=True, kw_only=True):
    holidays: Coordination[Annotated[frozenset[date], Meta(max_length=MOST_CLOSED)]]


@happened(Words("Hari libur jejaring ditetapkan", "Network's holidays set"))
class HolidaysSet(HolidayFacts, frozen=True, kw_only=True, tag="agency.HolidaysSet"):
    """From now on these days are no working days of anybody, in the cases that this agency leads. What is due already
    stays due."""


@happened(Words("Jam kerja instansi ditetapkan", "Agency's working hours set"))
class HoursSet(HoursFacts, frozen=True, kw_only=True, tag="agency.HoursSet"):
    """From now on these are the days and hours at which people are at the agency. What is due already stays due."""


@asked(
    "/agencies/{code}/hours",
    by=ADMINISTRATION,
    where=OWN_OR_SYSTEM,
    extent=Extent.AGENCY,
    means="Menyatakan zona waktu, hari dan jam kerja instansi, dan hari liburnya.",
    tag="agencies",
    example={
        "zone": "wita",
        "workdays": ["monday", "tuesday", "wednesday", "thursday", "friday"],
        "opens": "08:00",
        "closes": "16:00",
        "closed_on": ["2026-12-25"],
    },
)
class SetHours(HoursFacts, frozen=True, kw_only=True):
    """Say the agency's zone, its working days and hours, and the days on which it is closed."""


@asked(
    "/agencies/{code}/holidays",
    by=ADMINISTRATION,
    where=OWN_OR_SYSTEM,
    extent=Extent.AGENCY,
    means="Menyatakan hari libur jejaring, bagi kasus yang menjadi tanggung jawab instansi ini.",
    tag="agencies",
    example={"holidays": ["2026-03-19", "2026-03-20"]},
)
class SetHolidays(HolidayFacts, frozen=True, kw_only=True):
    """Say the holidays of the network, as a lead agency keeps them: one list, which replaces the one before. Others'
    own days stand beside it, with their hours."""


def hours_of(said: HoursFacts) -> Hours:
    """As the agency said it."""
    opens, closes = time.fromisoformat(said.opens), time.fromisoformat(said.closes)
    return Hours(said.zone, said.workdays, opens, closes, said.closed_on)


@decides.register
def set_hours(command: SetHours, agency: Agency | None, act: Act) -> Sequence[Fact]:
    said = hours_of(command)
    if said.opens >= said.closes:
        raise Invalid(field="closes", must=Words("harus sesudah jam buka", "be after the hour at which it opens"))
    if require_agency(agency).hours == said:
        raise AlreadyExists(what="setting")
    return [recorded(HoursSet, command, act)]


@decides.register
def set_holidays(command: SetHolidays, agency: Agency | None, act: Act) -> Sequence[Fact]:
    known = require_agency(agency)
    if known.kind is not AgencyKind.LEAD:
        raise Invalid(field="code", must=NOT_THE_LEAD)
    if known.holidays == command.holidays:
        raise AlreadyExists(what="setting")
    return [recorded(HolidaysSet, command, act)]


name_fields(
    holidays=field("Hari libur jejaring", "Network's holidays"),
    zone=field("Zona waktu", "Time zone"),
    workdays=field("Hari kerja", "Working days"),
    opens=field("Buka pukul", "Opens at"),
    closes=field("Tutup pukul", "Closes at"),
    closed_on=field("Hari libur", "Closed on"),
)
