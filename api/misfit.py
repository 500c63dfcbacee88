"""Why a body does not fit: which field, where, what was expected there, and every value that is allowed.

Nothing that was sent is repeated, but for the name of a field that is none, where it has the form of a name: whoever
misspelt one has to see which.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from difflib import get_close_matches
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, NewType, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec
from msgspec import NODEFAULT, UNSET, Meta, Struct, UnsetType
from msgspec.structs import fields

NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
"""What a field or a parameter can be called: whatever else stands in that place, no problem repeats it."""
SHOWN = 10
"""How many misfits a problem names at most."""
_KINDS: dict[Any, str] = {
    bool: "true or false",
    int: "an integer",
    float: "a number",
    str: "a string",
    UUID: "a UUID",
    datetime: "an instant with its zone, as 2026-03-03T14:00:00+08:00",
    date: "a date, as 2026-03-03",
    dict: "an object",
    **dict.fromkeys((list, tuple, set, frozenset), "an array"),
}
_BOUNDS = {
    "description": "",
    "ge": "at least",
    "le": "at most",
    "min_length": "at least",
    "max_length": "at most",
}


class Misfit(Struct, frozen=True, omit_defaults=True):
    """One thing in a body that does not fit."""

    at: str
    """Where, from `$`, the body, on: `$.recipients[0]`."""
    expected: str
    allowed: list[str] | UnsetType = UNSET
    """All values, or all fields, that there can be."""
    meant: str | UnsetType = UNSET
    """The one of them that was misspelt, as it seems."""

    @property
    def sentence(self) -> str:
        """In words."""
        meant = f" Did you mean {self.meant}?" if self.meant is not UNSET else ""
        return f"At {self.at}: expected is {self.expected}.{meant}"


class _Part(NamedTuple):
    """A part of a struct, by the name it has in JSON."""

    hint: Any
    is_needed: bool


def misfits(value: Any, hint: Any, unsaid: frozenset[str] = frozenset(), at: str = "$") -> Iterator[Misfit]:
    """What of a value of JSON does not fit a type, in the order of the type's fields. `unsaid`: its fields that no body
    has. Nothing where all fits."""
    if _fits(value, hint):
        return
    base, meta = _plain(hint)
    if isinstance(base, type) and issubclass(base, Struct):
        yield from _of_struct(value, base, unsaid, at)
    elif (inner := _inside(base)) is not None and isinstance(value, list):
        found = [misfit for n, one in enumerate(value) for misfit in misfits(one, inner, at=f"{at}[{n}]")]
        yield from found or [Misfit(at, _expected(base, meta))]
    elif words := allowed_by(base, meta):
        yield Misfit(at, "one of the values that are allowed", list(words), meant_by(value, words))
    else:
        yield Misfit(at, _expected(base, meta))


def allowed_by(base: Any, meta: Mapping[str, Any]) -> tuple[str, ...]:
    """The values that a type allows, where they are a list: of a code list, of words, of compartments."""
    if isinstance(base, type) and issubclass(base, Enum):
        return tuple(str(code.value) for code in base)
    if get_origin(base) is Literal:
        return tuple(str(word) for word in get_args(base))
    return tuple(meta.get("allowed", ()))


def _of_struct(value: Any, struct: type[Struct], unsaid: frozenset[str], at: str) -> Iterator[Misfit]:
    if not isinstance(value, dict):
        yield Misfit(at, "an object")
        return
    parts = _parts(struct)
    may = [name for name in parts if name not in unsaid]
    for name in value:
        if name not in parts:
            where = f"{at}.{name}" if NAME.fullmatch(name) else at
            yield Misfit(where, "no field but those that are allowed", may, meant_by(name, may))
    for name, part in parts.items():
        if name in value:
            yield from misfits(value[name], part.hint, at=f"{at}.{name}")
        elif part.is_needed:
            yield Misfit(f"{at}.{name}", f"a value, as {name} is needed")


def _parts(struct: type[Struct]) -> dict[str, _Part]:
    hints = get_type_hints(struct, include_extras=True)
    return {
        f.encode_name: _Part(hints[f.name], f.default is NODEFAULT and f.default_factory is NODEFAULT)
        for f in fields(struct)
    }


def _fits(value: Any, hint: Any) -> bool:
    try:
        msgspec.convert(value, hint)
    except (msgspec.ValidationError, UnicodeError, OverflowError, RecursionError):
        return False
    return True


def _plain(hint: Any) -> tuple[Any, dict[str, Any]]:
    """A type without null and without what is said beside it, and that."""
    said: dict[str, Any] = {}
    while True:
        if get_origin(hint) is Annotated:
            for meta in get_args(hint)[1:]:
                if isinstance(meta, Meta):
                    bounds = {name: getattr(meta, name) for name in _BOUNDS}
                    said |= {name: value for name, value in bounds.items() if value is not None} | (meta.extra or {})
            hint = get_args(hint)[0]
        elif isinstance(hint, NewType):
            hint = hint.__supertype__
        elif get_origin(hint) in (Union, UnionType):
            left = [one for one in get_args(hint) if one not in (type(None), UnsetType)]
            said |= {"or": " or null"} if len(left) < len(get_args(hint)) else {}
            if len(left) != 1:
                return hint, said
            hint = left[0]
        else:
            return hint, said


def _inside(base: Any) -> Any:
    """What a collection is of; None for what is none."""
    return get_args(base)[0] if get_origin(base) in (list, tuple, set, frozenset) else None


def _expected(base: Any, meta: Mapping[str, Any]) -> str:
    """In words: the type's own, or what the kind of its values is called; and its bounds."""
    kind = _KINDS.get(get_origin(base) or base, "another value")
    words = meta.get("must") or meta.get("description") or kind
    counted = {list: " items", dict: " entries", str: " characters"}.get(_counted(base), "")
    bounds = [f"{word} {meta[name]:,}{counted}" for name, word in _BOUNDS.items() if word and name in meta]
    first = words[0].lower() if words[1:2].islower() else words[0]
    return ", ".join([first + words[1:], *bounds]) + str(meta.get("or", ""))


def _counted(base: Any) -> Any:
    return list if get_origin(base) in (list, tuple, set, frozenset) else get_origin(base) or base


def meant_by(said: Any, among: Sequence[str]) -> str | UnsetType:
    """Which of these was misspelt, as it seems."""
    close = get_close_matches(str(said)[:64].lower(), among, 1, 0.6) if isinstance(said, str) else []
    return close[0] if close else UNSET
