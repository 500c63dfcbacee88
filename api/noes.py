"""What of a consent somebody said no to, as a page shows it."""

from msgspec import Struct

from ..domain.casefile.consent import Consent, No


class NoView(Struct, frozen=True):
    to: str
    """An agency, or a kind of them."""
    purpose: str
    compartments: list[str]


def words_of(*noes: No) -> list[str]:
    """The agencies, and kinds of them, that these are to."""
    return sorted(set[str]().union(*(no.to for no in noes)))


def no_to(of: Consent) -> list[NoView]:
    """What it gives no more, or not yet."""
    found: dict[tuple[str, str], list[str]] = {}
    for word, compartment, purpose in of.touched((*of.stopped, *of.left, *of.refused)):
        found.setdefault((word, purpose.value), []).append(compartment.word)
    return [NoView(*to, sorted(compartments)) for to, compartments in sorted(found.items())]
