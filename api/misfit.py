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

from ..domain.declaring import FIELDS
from ..domain.words import LANGUAGES, Language, Words

NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
"""What a field or a parameter can be called: whatever else stands in that place, no problem repeats it."""
SHOWN = 10
"""How many misfits a problem names at most."""
_TEXT = Words("teks", "a string")
_KINDS: dict[Any, Words] = {
    bool: Words("true atau false", "true or false"),
    int: Words("bilangan bulat", "an integer"),
    float: Words("bilangan", "a number"),
    str: _TEXT,
    UUID: Words("UUID", "a UUID"),
    datetime: Words(
        "waktu dengan zonanya, seperti 2026-03-03T14:00:00+08:00 (ISO 8601)",
        "an instant with its zone, as 2026-03-03T14:00:00+08:00 (ISO 8601)",
    ),
    date: Words("tanggal, seperti 2026-03-03", "a date, as 2026-03-03"),
    dict: Words("objek", "an object"),
    **dict.fromkeys((list, tuple, set, frozenset), Words("daftar (array)", "an array")),
}
ANOTHER = Words("nilai lain", "another value")
AN_OBJECT = Words("objek", "an object")
_ONE_OF_THEM = Words("salah satu nilai yang diperbolehkan", "one of the values that are allowed")
_NO_FIELD = Words("hanya isian yang diperbolehkan", "no field but those that are allowed")
_NULL = Words(" atau null", " or null")
_BOUNDS = {
    "description": Words("", ""),
    "ge": Words("sedikitnya", "at least"),
    "le": Words("paling banyak", "at most"),
    "min_length": Words("sedikitnya", "at least"),
    "max_length": Words("paling banyak", "at most"),
}
_COUNTED = {
    list: Words(" butir", " items"),
    dict: Words(" entri", " entries"),
    str: Words(" karakter", " characters"),
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
    mend: dict[Language, str] = {}
    """What to do, for a person, in both languages."""

    @property
    def sentence(self) -> str:
        """In words."""
        meant = f" Did you mean {self.meant}?" if self.meant is not UNSET else ""
        return f"At {self.at}: expected is {self.expected}.{meant}"


def misfit(
    at: str, expected: Words, allowed: Sequence[str] | None = None, said: Any = None, is_field: bool = True
) -> Misfit:
    """One thing that does not fit: where, what is expected there, all that is allowed; which of it `said` means.
    What is no field here (`is_field`) is called as it was sent: a label is another form's field."""
    field = re.match(r"\$\.(\w+)", at)
    named = FIELDS.get(field[1]) if field and is_field else None
    called = named.label if named else Words("isi permintaan", "the body") if at == "$" else Words(at[2:], at[2:])
    mend: dict[Language, str] = {
        "id": f"Perbaiki {called.id}: {expected.id}.",
        "en": f"Mend {called.en}: expected is {expected.en}.",
    }
    if allowed is None:
        return Misfit(at, expected.en, mend=mend)
    return Misfit(at, expected.en, list(allowed), meant_by(said, allowed), mend)


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
        found = [each for n, one in enumerate(value) for each in misfits(one, inner, at=f"{at}[{n}]")]
        yield from found or [misfit(at, _expected(base, meta))]
    elif words := allowed_by(base, meta):
        yield misfit(at, _ONE_OF_THEM, words, value)
    else:
        yield misfit(at, _expected(base, meta))


def allowed_by(base: Any, meta: Mapping[str, Any]) -> tuple[str, ...]:
    """The values that a type allows, where they are a list: of a code list, of words, of compartments."""
    if isinstance(base, type) and issubclass(base, Enum):
        return tuple(str(code.value) for code in base)
    if get_origin(base) is Literal:
        return tuple(str(word) for word in get_args(base))
    return tuple(meta.get("allowed", ()))


def _of_struct(value: Any, struct: type[Struct], unsaid: frozenset[str], at: str) -> Iterator[Misfit]:
    if not isinstance(value, dict):
        yield misfit(at, AN_OBJECT)
        return
    parts = _parts(struct)
    may = [name for name in parts if name not in unsaid]
    for name in value:
        if name not in parts:
            where = f"{at}.{name}" if NAME.fullmatch(name) else at
            yield misfit(where, _NO_FIELD, may, name, is_field=where == at)
    for name, part in parts.items():
        if name in value:
            yield from misfits(value[name], part.hint, at=f"{at}.{name}")
        elif part.is_needed:
            needed = Words(f"wajib diisi dengan {_kind(part.hint).id}", f"{_kind(part.hint).en}, as {name} is needed")
            yield misfit(f"{at}.{name}", needed, _values(part.hint))


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
            said |= {"or": True} if len(left) < len(get_args(hint)) else {}
            if len(left) != 1:
                return hint, said
            hint = left[0]
        else:
            return hint, said


def _inside(base: Any) -> Any:
    """What a collection is of; None for what is none."""
    return get_args(base)[0] if get_origin(base) in (list, tuple, set, frozenset) else None


def _kind(hint: Any) -> Words:
    """What a field takes, with its values where they are a list."""
    base, meta = _plain(hint)
    words = allowed_by(base, meta)
    return _ONE_OF_THEM if words else _expected(base, meta)


def _values(hint: Any) -> tuple[str, ...] | None:
    """All values that a field, or each item of it, can have; None where they are no list."""
    base, meta = _plain(hint)
    inner = _inside(base)
    return allowed_by(base, meta) or (_values(inner) if inner is not None else None)


def _expected(base: Any, meta: Mapping[str, Any]) -> Words:
    """The type's own words, or what the kind of its values is called; and its bounds."""
    kind = meta.get("must") or _KINDS.get(get_origin(base) or base, ANOTHER)
    counted = _COUNTED.get(_counted(base), Words("", ""))
    null = _NULL if meta.get("or") else Words("", "")
    said = {}
    for n, language in enumerate(LANGUAGES):
        bounds = [f"{word[n]} {meta[name]:,}{counted[n]}" for name, word in _BOUNDS.items() if word.en and name in meta]
        said[language] = ", ".join([kind[n], *bounds]) + null[n]
    return Words(**said)


def _counted(base: Any) -> Any:
    return list if get_origin(base) in (list, tuple, set, frozenset) else get_origin(base) or base


def meant_by(said: Any, among: Sequence[str]) -> str | UnsetType:
    """Which of these was misspelt, as it seems."""
    close = get_close_matches(str(said)[:64].lower(), among, 1, 0.6) if isinstance(said, str) else []
    return close[0] if close else UNSET
