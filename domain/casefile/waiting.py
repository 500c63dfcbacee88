"""What runs in a case, or waits for somebody to act on it: each subject says what of it does (`@waits`). A file that
ends as a second one of the same case has nothing of it: nobody could act on it there any more, and whom it concerns
would see it open for ever."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from ..refusal import Refusal
from ..words import Words
from .state import Case

Of = Callable[[Case, datetime], Iterable[UUID]]
"""(case, now) → those that wait."""


EACH = range(len(Words._fields))
"""Each language of `Words`."""


class Waits(NamedTuple):
    """A kind of thing that can wait."""

    name: str
    """What `StillWaits` lists their ids under."""
    words: Words
    next: Words
    """What settles it."""
    acts: tuple[str, ...]
    """Commands that do, by their class's name."""
    of: Of


class StillWaits(Refusal):
    says = Words(
        "Di berkas ini masih ada yang berjalan, atau menunggu seseorang.",
        "Something in this file still runs, or waits for somebody.",
    )
    mend = Words(
        "Selesaikan dahulu setiap hal yang disebut, atau gabungkan berkas yang lain itu ke berkas ini.",
        "Settle each thing that is named first, or merge the other file into this one.",
    )

    def __init__(self, *kinds: Waits, **about: Any) -> None:
        """`about` has the ids of what waits, by the names of its kinds."""
        super().__init__(**about)
        self._kinds = kinds

    def for_person(self) -> tuple[Words, Words, tuple[str, ...]]:
        if not self._kinds:
            return super().for_person()
        of = [(kind, len(self.about[kind.name])) for kind in self._kinds]
        what = Words(*(", ".join(f"{kind.words[n]} ({count})" for kind, count in of) for n in EACH))
        says = Words(*(f"{self.says[n][:-1]}: {what[n]}." for n in EACH))
        mend = Words(*(" ".join((self.mend[n], *(kind.next[n] for kind in self._kinds))) for n in EACH))
        return says, mend, tuple(dict.fromkeys(act for kind in self._kinds for act in kind.acts))


WAITS: dict[str, Waits] = {}


def waits(name: str, words: Words, next: Words, *acts: str) -> Callable[[Of], Of]:
    """The function says which of a subject's things wait. Raises TypeError for a name that is taken."""

    def declare(of: Of) -> Of:
        if name in WAITS:
            raise TypeError(f"what waits as {name} is said already")
        WAITS[name] = Waits(name, words, next, acts, of)
        return of

    return declare


def waiting(case: Case, at: datetime) -> dict[str, list[UUID]]:
    """All that waits in a case, by its kind."""
    found = {name: list(kind.of(case, at)) for name, kind in WAITS.items()}
    return {name: ids for name, ids in found.items() if ids}


def require_settled(case: Case, at: datetime) -> None:
    """Raises StillWaits, which names all of it."""
    if found := waiting(case, at):
        raise StillWaits(*(WAITS[name] for name in found), **found)
