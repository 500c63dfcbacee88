"""NIK, the national identity number: 16 digits: area (6), birth date DDMMYY (day + 40 for women), serial (4).

Source: Permendagri on population administration; the layout is that of every KTP. The number is sealed with the
identity; lists know it by a keyed hash only.
"""

from datetime import date
from typing import Annotated

from msgspec import Meta

from .codes import Sex
from .persons import NikWarning
from .words import Words

Nik = Annotated[
    str,
    Meta(
        pattern="^[0-9]{16}$(?!\n)",
        description="National identity number, 16 digits",
        extra={"must": Words("NIK, 16 angka", "national identity number, 16 digits")},
    ),
]

WOMAN = 40


def warning(nik: str, born_on: date | None, sex: Sex | None) -> NikWarning | None:
    """What does not fit in a number of 16 digits; None where all does."""
    day, month, year = int(nik[6:8]), int(nik[8:10]), int(nik[10:12])
    woman = day > WOMAN
    if not (1 <= month <= 12 and 1 <= day - WOMAN * woman <= 31) or nik[12:] == "0000" or nik[:2] < "11":
        return NikWarning.NO_SUCH_NUMBER
    if (sex is Sex.FEMALE and not woman) or (sex is Sex.MALE and woman):
        return NikWarning.OTHER_SEX
    if born_on is not None and (born_on.day, born_on.month, born_on.year % 100) != (day - WOMAN * woman, month, year):
        return NikWarning.OTHER_BIRTH
    return None
