"""Characters that nobody sees: in a name, a number or a reference they make two that look the same differ, and turn
around what stands beside them (Unicode TR 36, section 3). Narratives are pasted from anywhere, so there only what turns
text around against its own letters is refused, and what is no character of a text: of the control characters a line
break and a tab are.
"""

import unicodedata

JOINERS = frozenset("\u200c\u200d")
"""They shape letters of some scripts, and belong to a name there (Unicode UAX 31, section 2.3)."""
OVERRIDES = frozenset("\u202d\u202e")
FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\u2800")
"""Letters and marks by their category that are drawn as nothing."""
_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_VIRAMA = 9
"""The combining class of what a joiner follows in the scripts of India."""


def is_plain(text: str) -> bool:
    """Whether a text of one line has only what is seen, and something of that."""
    if text.isspace():
        return False
    return (text.isascii() and text.isprintable()) or all(
        _is_seen(c, b) for c, b in zip(text, " " + text, strict=False)
    )


def reads_as_written(text: str) -> bool:
    """Whether a text of many lines is shown in the order in which it is written, and says something."""
    if text.isspace():
        return False
    return all(_is_of_a_text(c) for c in set(text.replace("\r\n", "\n")) if not c.isascii() or c < " " or c == "\x7f")


def _is_seen(c: str, before: str) -> bool:
    if c in JOINERS:
        return unicodedata.combining(before) == _VIRAMA or unicodedata.bidirectional(before) == "AL"
    return unicodedata.category(c) not in _UNSEEN and c not in FILLERS and not _is_variation(c)


def _is_variation(c: str) -> bool:
    """Whether it chooses how the letter before it is drawn."""
    return "\ufe00" <= c <= "\ufe0f" or "\u180b" <= c <= "\u180f" or "\U000e0100" <= c <= "\U000e01ef"


def _is_of_a_text(c: str) -> bool:
    return c in "\n\t" or (unicodedata.category(c) not in ("Cc", "Cs") and c not in OVERRIDES)
