"""Dates and times as the survivor's report says them."""

from datetime import date, datetime

from .oversight import LIMITS
from .words import Language, Words

MONTHS = Words(
    "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember",
    "January February March April May June July August September October November December",
)


def moment(at: datetime, language: Language) -> str:
    """An instant in the local time of Bontang: 3 Maret 2026 pukul 20.00 WITA."""
    local = at.astimezone(LIMITS.zone)
    clock = f"pukul {local:%H.%M}" if language == "id" else f"{local:%H:%M}"
    return f"{day(local.date(), language)} {clock} WITA"


def day(on: date, language: Language) -> str:
    """A date in words."""
    return f"{on.day} {MONTHS.said_in(language).split()[on.month - 1]} {on.year}"


def in_words(said: str, language: Language) -> str:
    """A time or date in words; other text as it is."""
    try:
        return day(date.fromisoformat(said), language) if len(said) == 10 else moment(instant(said), language)
    except (ValueError, OverflowError):
        return said


def instant(said: str) -> datetime:
    """What a record says a time is. Raises ValueError for any other text."""
    found = datetime.fromisoformat(said)
    if "T" not in said or found.tzinfo is None:
        raise ValueError
    return found
