"""What a refusal is: a reason that is stable, about what, in words for people; and how a value is shown."""

from collections.abc import Iterable
from datetime import date, datetime
from enum import Enum
from typing import Any, ClassVar, Self
from uuid import UUID

from .words import Words


class Refusal(Exception):
    """A command that the rules do not allow. Nothing was recorded."""

    says: ClassVar[Words] = Words("Aturan tidak mengizinkan ini.", "The rules do not allow this.")
    mend: ClassVar[Words] = Words("Tanyakan kepada penyelia Anda.", "Ask your supervisor.")
    acts: ClassVar[tuple[str, ...]] = ()
    """Commands that are the next act, by their class's name."""

    def __init__(self, **about: Any) -> None:
        self._acts: tuple[str, ...] = ()
        self.about = {k: plain(v) for k, v in about.items()}
        super().__init__(f"{type(self).__name__}({', '.join(f'{k}={v}' for k, v in self.about.items())})")

    def with_acts(self, acts: Iterable[str]) -> Self:
        """The same, where the next act depends on what was met: these commands do it."""
        self._acts = tuple(acts)
        return self

    def for_person(self) -> tuple[Words, Words, tuple[str, ...]]:
        """What is said of it, what can be done next, and the commands that do that."""
        return self.says, self.mend, self._acts or self.acts

    @classmethod
    def reason(cls) -> "type[Refusal]":
        """The stable reason that it is."""
        return next(of for of in cls.__mro__ if of.__base__ is Refusal or of is Refusal)


def one_of(values: Iterable[str]) -> Words:
    """What a field has to be of which some values are allowed here."""
    listed = ", ".join(sorted(values))
    return Words(f"harus salah satu dari {listed}", f"be one of {listed}")


def plain(value: Any) -> Any:
    """A value as JSON has it: codes and ids as text, sets as sorted lists."""
    match value:
        case Enum():
            return value.name.lower() if isinstance(value, int) else value.value
        case UUID():
            return str(value)
        case datetime() | date():
            return value.isoformat()
        case str() | int() | None:
            return value
        case Iterable():
            return sorted(plain(v) for v in value)
        case _:
            return str(value)
