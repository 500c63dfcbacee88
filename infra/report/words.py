"""The report's own sentences, by language."""

from typing import Any

from msgspec import structs

from ...consumers.evidence.words import by_count
from .sentences import Words
from .words_en import EN
from .words_id import ID

__all__ = ["WORDS", "Words"]


class Counted(str):
    """A sentence that says one thing in the singular (`[n:clock|clocks]`)."""

    def format(self, *args: Any, **about: Any) -> str:
        return by_count(self, about).format(*args, **about)


def _counted(words: Words) -> Words:
    texts: dict[str, Any] = {name: Counted(said) for name, said in structs.asdict(words).items() if type(said) is str}
    return structs.replace(words, **texts)


WORDS = {"id": ID, "en": _counted(EN)}
