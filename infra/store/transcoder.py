"""Events to sealed segments and back: the one home of JSON.

Each compartment's fields of an event are one JSON object; compartments in which nothing is said have none.
Opened again, an event has `msgspec.UNSET` in the fields of compartments that stay sealed, or have nothing.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast

import msgspec
from msgspec import UNSET, UnsetType

from ...domain import catalogue
from ...domain.compartment import Compartment
from ...domain.fact import Fact

_encoder = msgspec.json.Encoder(order="deterministic")


class _Shape(NamedTuple):
    """How one topic is written and read."""

    fields: tuple[tuple[Compartment, tuple[tuple[str, Any], ...]], ...]
    decoder: msgspec.json.Decoder[Fact]
    opened: type[Fact]


def topic_of(event: Fact) -> str:
    """The stable name that the event is stored under."""
    return catalogue.topic_of(type(event))


def to_segments(event: Fact) -> dict[Compartment, bytes]:
    """The event's plaintext by compartment, as JSON. A compartment in which all is at its default has none,
    coordination excepted; one in which something is said is written whole."""
    segments: dict[Compartment, bytes] = {}
    for compartment, fields in _SHAPES[topic_of(event)].fields:
        values = {name: getattr(event, name) for name, _ in fields}
        if any(values[name] != default for name, default in fields):
            segments[compartment] = _encoder.encode(values)
    return segments


def shown(topic: str, schema: int, segments: Mapping[Compartment, bytes]) -> dict[Compartment, bytes]:
    """The segments in the present shape, whatever version they were stored in, and null in fields that the service
    keeps for itself (`catalogue.WITHHELD`): schemas require them."""
    kept = catalogue.WITHHELD.get(topic, frozenset())
    if not kept and schema == catalogue.version_of(topic):
        return dict(segments)
    return {
        compartment: _encoder.encode({name: None if name in kept else said for name, said in fields.items()})
        for compartment, fields in _as_today(topic, schema, segments).items()
    }


def _as_today(topic: str, schema: int, segments: Mapping[Compartment, bytes]) -> dict[Compartment, catalogue.Fields]:
    opened = {c: msgspec.json.decode(text, type=catalogue.Fields) for c, text in segments.items()}
    return catalogue.as_today(topic, schema, opened)


def merged(segments: Iterable[bytes]) -> bytes:
    """One JSON object of several."""
    segments = list(segments)
    if len(segments) == 1:
        return segments[0]
    inner = b",".join(s[1:-1] for s in segments if len(s) > 2)
    return b"{" + inner + b"}"


class LaterRelease(Exception):
    """Something is of a release later than this, which knows no such topic, or not that version of its schema. What
    meets it waits: it is no damage."""


def later(topic: str, schema: int) -> str:
    """What is to be said of an event of a later release; empty for what this one knows."""
    known = catalogue.version_of(topic) if topic in _SHAPES else 0
    if schema <= known:
        return ""
    return f"{topic} in version {schema} of its schema; this release knows {f'version {known}' if known else 'none'}"


def to_event(topic: str, schema: int, segments: Mapping[Compartment, bytes]) -> Fact:
    """The event, with UNSET in fields whose compartment is not among the segments and which were said.

    Raises LaterRelease for an unknown topic or version, msgspec.ValidationError where the shape does not fit.
    """
    if why := later(topic, schema):
        raise LaterRelease(why)
    shape = _SHAPES[topic]
    if schema == catalogue.version_of(topic):
        return shape.decoder.decode(merged(segments.values()))
    today = _as_today(topic, schema, segments).values()
    return msgspec.convert({name: said for fields in today for name, said in fields.items()}, shape.opened)


def _shape(topic: str, event: type[Fact]) -> _Shape:
    declared = catalogue.COMPARTMENTS[topic]
    known = {f.name: f for f in msgspec.structs.fields(event)}
    by_compartment: dict[Compartment, list[tuple[str, Any]]] = {}
    for name, compartment in declared.items():
        # Coordination is written whole, so that the rules never meet a field that is not there.
        keep = compartment is Compartment.COORDINATION or known[name].default is msgspec.NODEFAULT
        by_compartment.setdefault(compartment, []).append((name, _NEVER if keep else known[name].default))
    sealed = [
        (name, known[name].type | UnsetType, UNSET)
        for name, compartment in declared.items()
        if compartment is not Compartment.COORDINATION
    ]
    opened = cast(
        type[Fact],
        msgspec.defstruct(
            event.__name__,
            sealed,
            bases=(event,),
            kw_only=True,
            frozen=True,
            tag=topic,
            forbid_unknown_fields=False,
            gc=False,
        ),
    )
    return _Shape(
        tuple((c, tuple(fields)) for c, fields in sorted(by_compartment.items())),
        msgspec.json.Decoder(opened),
        opened,
    )


class _Never:
    """Equal to nothing: the default of a field that is always written."""

    def __eq__(self, other: object) -> bool:
        return False

    def __hash__(self) -> int:
        return 0


_NEVER = _Never()
_SHAPES: dict[str, _Shape] = {topic: _shape(topic, event) for topic, event in catalogue.TOPICS.items()}
