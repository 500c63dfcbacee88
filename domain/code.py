"""What a code is: a word that is stored for ever, with its labels."""

from enum import StrEnum
from typing import Self


class Code(StrEnum):
    """A code with its labels: `code.id` in Indonesian, `code.en` in English."""

    id: str
    en: str

    __hash__ = str.__hash__

    def __new__(cls, value: str, label_id: str, label_en: str) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.id = label_id
        member.en = label_en
        return member

    @classmethod
    def of(cls, value: str) -> Self:
        """The code of that value. Raises ValueError for one that is not on the list."""
        for member in cls:
            if member.value == value:
                return member
        raise ValueError(f"not a code of {cls.__name__}")
