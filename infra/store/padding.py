"""What is sealed is made as long as anything of its kind. The length of a sealed segment stands in clear in every copy
of a database, and would tell how a clock ended, or whether she was told.

An answer of a fixed extent (a code, a yes or no, an instant, an id, a number, or that nothing was said) counts as many
bytes as the longest that could stand there, and a list of codes counts as if it named all. Then all is rounded up. So
two events of one type that differ in nothing but such answers have segments of equal length. The length of a text shows
to a step of 64 bytes, that of a long one to an eighth of it.

The white space stands before the last brace of the JSON object. Every reader of JSON passes over it, those of earlier
releases and of bundles among them: the format of the sealed record is as it was. What was sealed before has none, and
is read as ever. It hides no presence: which compartments an event has, its header says.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import inspect

from ...domain import catalogue
from ...domain.compartment import Compartment
from ...domain.fact import Fact

STEP: Final = 64
"""Bytes to which a segment is rounded up; one of more than 1,024 bytes, to a sixteenth of the power of two above it."""

_encoded = msgspec.json.Encoder(order="deterministic").encode


class _Extent(NamedTuple):
    """How many bytes of JSON the longest answer of a kind has, and how many a given one has."""

    longest: int
    of: Callable[[Any], int] | None = None
    """None where all have as many."""


_NULL = len("null")
_FIXED: Mapping[type[inspect.Type], _Extent] = {
    inspect.BoolType: _Extent(len("false"), lambda value: 5 - value),
    inspect.UUIDType: _Extent(38),
    inspect.DateType: _Extent(12),
    inspect.DateTimeType: _Extent(len('"2026-03-03T14:00:00.123456+08:00"'), lambda value: len(_encoded(value))),
    inspect.IntType: _Extent(20, lambda value: len(str(value))),
}


def padded(topic: str, event: Fact, segments: Mapping[Compartment, bytes]) -> dict[Compartment, bytes]:
    """The segments of an event of this topic, each as long as its answers let it be."""
    answers = _answers(topic)
    return {compartment: _padded(event, text, answers[compartment]) for compartment, text in segments.items()}


def bare(text: bytes) -> bytes:
    """A segment's JSON without its padding."""
    return text[:-1].rstrip(b" ") + b"}" if text[-2:-1] == b" " else text


def rounded(size: int) -> int:
    """The length that what has so many bytes is given."""
    step = max(STEP, 1 << size.bit_length() >> 4)
    return -(-size // step) * step


def _padded(event: Fact, text: bytes, answers: "_Answers") -> bytes:
    longest, each = answers
    size = len(text) + longest
    for name, of in each:
        size -= of(getattr(event, name))
    return text[:-1].ljust(rounded(max(size, len(text))) - 1) + b"}"


_Answers = tuple[int, tuple[tuple[str, Callable[[Any], int]], ...]]
"""How many bytes the longest answers have together; the fields that they stand in, and how many a given one has."""


@cache
def _answers(topic: str) -> dict[Compartment, _Answers]:
    found: dict[Compartment, list[tuple[str, int, Callable[[Any], int]]]] = {c: [] for c in Compartment}
    kind = inspect.type_info(catalogue.TOPICS[topic])
    assert isinstance(kind, inspect.StructType)
    for field in kind.fields:
        extent = _extent(field.type)
        if extent is not None and extent.of is not None:
            found[catalogue.COMPARTMENTS[topic][field.name]].append((field.name, extent.longest, extent.of))
    return {
        compartment: (sum(longest for _, longest, _ in fields), tuple((name, of) for name, _, of in fields))
        for compartment, fields in found.items()
    }


def _extent(kind: inspect.Type) -> _Extent | None:
    """None for what has the length that somebody gave it."""
    match kind:
        case inspect.UnionType(types=(one, inspect.NoneType())) | inspect.UnionType(types=(inspect.NoneType(), one)):
            return _or_null(_extent(one))
        case inspect.FrozenSetType(item_type=item):
            return _some_of(codes) if (codes := _codes(item)) else None
        case _ if codes := _codes(kind):
            return _one_of(codes)
        case inspect.Metadata(type=inner):
            return _extent(inner)
        case _:
            return _FIXED.get(type(kind))


def _codes(kind: inspect.Type) -> dict[Any, int]:
    """Of a list of codes each, and its bytes; empty for what is none."""
    match kind:
        case inspect.Metadata(extra={"allowed": words}):
            return {word: len(_encoded(word)) for word in words}
        case inspect.Metadata(type=inner):
            return _codes(inner)
        case inspect.EnumType(cls=cls):
            return {member: len(_encoded(member)) for member in cls}
        case inspect.LiteralType(values=values):
            return {value: len(_encoded(value)) for value in values}
        case _:
            return {}


def _or_null(extent: _Extent | None) -> _Extent | None:
    if extent is None:
        return None
    longest, of = extent
    of = of or (lambda value: longest)
    return _Extent(max(longest, _NULL), lambda value: _NULL if value is None else of(value))


def _one_of(codes: Mapping[Any, int]) -> _Extent:
    longest = max(codes.values())
    return _Extent(longest, lambda value: codes.get(value, longest))


def _some_of(codes: Mapping[Any, int]) -> _Extent:
    """A list of codes, each at most once: as if all were named."""
    longest = sum(codes.values()) + len(codes) + 1
    return _Extent(longest, lambda values: sum(codes.get(v, 0) for v in values) + max(1, len(values)) + 1)
