"""Compartments: the kinds of knowledge in a case, each sealed under a key of its own.

A field says its compartment in its type: `narrative: Incident[str]`. The numbers are part of the
stored format (infra/store/sealed_record.py) and never change meaning.
"""

from enum import IntEnum
from typing import Annotated, TypeVar, get_args, get_origin, get_type_hints

from msgspec import Meta

T = TypeVar("T")


class Compartment(IntEnum):
    """One kind of knowledge about a case. Disclosure is decided, and keys are held, per compartment."""

    COORDINATION = 0
    IDENTITY = 1
    CONTACT = 2
    INCIDENT = 3
    HEALTH = 4
    PSYCHOSOCIAL = 5
    LEGAL = 6
    SAFETY = 7
    ECONOMIC = 8

    __hash__ = int.__hash__  # an Enum's own is ten times slower, and compartments are keys everywhere

    @property
    def word(self) -> str:
        """The name used in JSON and in the API: `health`, `coordination`, …"""
        return self.name.lower()

    @classmethod
    def named(cls, word: str) -> "Compartment":
        """The compartment of that name. Raises ValueError for an unknown one."""
        try:
            return cls[word.upper()]
        except KeyError:
            raise ValueError(f"no compartment is named {word!r}") from None


Coordination = Annotated[T, Compartment.COORDINATION]
Identity = Annotated[T, Compartment.IDENTITY]
Contact = Annotated[T, Compartment.CONTACT]
Incident = Annotated[T, Compartment.INCIDENT]
Health = Annotated[T, Compartment.HEALTH]
Psychosocial = Annotated[T, Compartment.PSYCHOSOCIAL]
Legal = Annotated[T, Compartment.LEGAL]
Safety = Annotated[T, Compartment.SAFETY]
Economic = Annotated[T, Compartment.ECONOMIC]

ALL = frozenset(Compartment)

CompartmentWord = Annotated[
    str,
    Meta(
        pattern="^(coordination|identity|contact|incident|health|psychosocial|legal|safety|economic)$(?!\n)",
        description="A compartment by its name",
        extra={"allowed": tuple(c.word for c in Compartment)},
    ),
]


def compartments_of(cls: type) -> dict[str, Compartment]:
    """Field name → compartment, in the order of the fields.

    Raises TypeError for a field that declares none, or more than one.
    """
    hints = get_type_hints(cls, include_extras=True)
    fields: tuple[str, ...] = cls.__struct_fields__  # type: ignore[attr-defined]
    found: dict[str, Compartment] = {}
    for name in fields:
        hint = hints[name]
        said = [a for a in get_args(hint)[1:] if isinstance(a, Compartment)] if get_origin(hint) else []
        if len(said) != 1:
            raise TypeError(f"{cls.__name__}.{name} declares {len(said)} compartments; it needs exactly one")
        found[name] = said[0]
    return found
