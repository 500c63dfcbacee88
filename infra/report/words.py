"""The report's own sentences, by language."""

from .sentences import Words
from .words_en import EN
from .words_id import ID

__all__ = ["EN", "ID", "WORDS", "Words"]

WORDS = {"id": ID, "en": EN}
