"""Characters that nobody sees: in a name, a number or a reference they make two that look the same differ, and turn
around what stands beside them (Unicode TR 36, section 3). Narratives are pasted from anywhere, so there only what turns
text around against its own letters is refused."""

import unicodedata

JOINERS = frozenset("\u200c\u200d")
"""They shape letters of some scripts, and belong to a name."""
OVERRIDES = frozenset("\u202d\u202e")
_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})


def is_plain(text: str) -> bool:
    """Whether a text of one line has only what is seen."""
    return all(c in JOINERS or unicodedata.category(c) not in _UNSEEN for c in text)


def reads_as_written(text: str) -> bool:
    """Whether a text of many lines is shown in the order in which it is written."""
    return text.isascii() or not any(c in OVERRIDES or "\x80" <= c <= "\x9f" for c in text)
