"""Words in the two languages of the people who use this: Bahasa Indonesia and English."""

from typing import Literal, NamedTuple

Language = Literal["id", "en"]
LANGUAGES: tuple[Language, ...] = ("id", "en")


class Words(NamedTuple):
    """The same in both languages."""

    id: str
    en: str

    def said_in(self, language: Language) -> str:
        return self.id if language == "id" else self.en


OF_OTHERS = Words("data orang lain", "another person's data")
PROCEEDING = Words("alasan proses hukum", "reasons of a legal proceeding")
"""Why a field is withheld from the survivor's report."""
