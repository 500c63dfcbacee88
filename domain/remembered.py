"""What the rules remember of a case, field by field, as JSON has it: read off the case itself and off every subject's
part, so that a subject that is added is among it without being named."""

from collections.abc import Iterator, Mapping, Set
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, get_args, get_type_hints
from uuid import UUID

from msgspec import Struct

from . import case as _subjects
from .casefile.state import Case, Clock, Consent, Part
from .refusal import plain

assert _subjects.__all__, "every subject has declared its part"

INNER = frozenset({"version", "words", "parts", "entries", "last_entry"})
"""Of a case: what counts or sums up its events, and says nothing that they do not."""
RECORDED = "recorded"
ENTRY = {"used_ids": "entry"}
"""Ids that are only remembered as taken: of notes, services, conferences' and others."""


class Field(NamedTuple):
    """One thing that the rules remember: `Field("referral", id, "status")`."""

    of: str
    id: UUID | None
    name: str


def facts(case: Case | None, at: datetime) -> Mapping[Field, Any]:
    """What the rules remember of a case at an instant."""
    if case is None:
        return {}
    found = dict(_fields(case))
    things = set(_things(Case).values())
    for part in sorted(Part.__subclasses__(), key=lambda part: part.__name__):
        for field, value in _fields(case.of(part)):
            of_a_thing = field.id is not None and field.of in things
            found[field._replace(name=f"{part.__name__.lower()}_{field.name}") if of_a_thing else field] = value
    for consent in case.consents.values():
        found[Field("consent", consent.id, "stands")] = _stands(consent, at)
    for clock in case.clocks.values():
        found[Field("clock", clock.id, "breached")] = _is_breached(clock, at)
    found[Field("case", None, "on_hold")] = case.on_hold
    found[Field("case", None, "lead_asked_of")] = case.transfer.to if case.transfer is not None else None
    return found


def _fields(of: Struct) -> Iterator[tuple[Field, Any]]:
    for name, thing in _things(type(of)).items():
        value = getattr(of, name)
        match value:
            case Mapping() if thing:
                for id, inside in value.items():
                    yield from _of_thing(thing, id, name, inside)
            case Set() if thing:
                yield from ((Field(thing, id, RECORDED), True) for id in value)
            case Struct():
                yield from _of_thing(name, getattr(value, "id", None), name, value)
            case _:
                yield Field("case", None, name), _plain(value)


def _of_thing(of: str, id: UUID | None, name: str, value: Any) -> Iterator[tuple[Field, Any]]:
    if not isinstance(value, Struct):
        yield Field(of, id, name), _plain(value)
        return
    for inner in value.__struct_fields__:
        if inner != "id":
            yield Field(of, id, inner), _plain(getattr(value, inner))


@cache
def _things(of: type[Struct]) -> dict[str, str]:
    """Field → what the things are called that it has by their ids: `referral`; empty for what has none."""
    found = {}
    for name, hint in get_type_hints(of).items():
        if name in of.__struct_fields__ and name not in INNER:
            inside = next(iter(get_args(hint)), None)
            is_id = getattr(inside, "__supertype__", inside) is UUID
            word = str(getattr(inside, "__name__", "")).removesuffix("Id").lower()
            is_set = "Set" in str(getattr(hint, "__origin__", "")) or "set" in str(getattr(hint, "__origin__", ""))
            found[name] = "" if not is_id else ENTRY.get(name, name.removesuffix("s")) if is_set else word
    return found


def _plain(value: Any) -> Any:
    match value:
        case Mapping():
            return {str(plain(key)): _plain(inside) for key, inside in value.items()}
        case Struct():
            return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
        case tuple() if any(isinstance(each, Struct) for each in value):
            return [_plain(each) for each in value]
    return plain(value)


def _stands(consent: Consent, at: datetime) -> bool:
    return consent.live and (consent.expires_at is None or at < consent.expires_at)


def _is_breached(clock: Clock, at: datetime) -> bool:
    return clock.late or clock.overdue or (clock.runs and at > clock.due_at)
