"""What a read may be asked. A function's parameters say it: by their types it is parsed, and shown in the contract.

    def show_timeline(…, *, case: UUID, limit: Limit = USUAL, cursor: tuple[Positive] | None = None) -> …

A parameter that stands in the path is part of the address: where it is none that there can be, nothing is there (404).
The others are the query's; whatever it has beside them is refused, as a filter that is misspelt would show too much.
"""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta
from starlette.datastructures import QueryParams
from starlette.requests import Request

from ..domain.fact import EARLIEST
from ..domain.letters import is_plain
from ..domain.refusal import Unknown
from ..projections.listing import IN_FUTURE, Positive
from . import cursors
from .misfit import NAME, meant_by
from .problems import BadRequest

LARGEST_PAGE = 500
USUAL = 50
Limit = Annotated[int, Meta(ge=1, le=LARGEST_PAGE, description="how many, at most")]

FORMS = "(ISO 8601: 2026-03-03T14:00:00+08:00, 2026-03-03T06:00Z, 20260303T060000Z)"
"""How an instant is written, among other ways."""

REF = "#/components/schemas/{name}"


@dataclass(frozen=True)
class Parameter:
    """One thing that may be asked."""

    name: str
    """In the address, the query or the header."""
    argument: str
    """Of the function."""
    type: Any
    default: Any = None
    is_needed: bool = False
    place: Literal["path", "query", "header"] = "query"

    def read(self, said: str, now: datetime) -> Any:
        """The value of what was said. Raises Unknown for a part of an address, BadRequest: a problem that names the
        parameter and what it may be, and repeats nothing."""
        try:
            return self._value(said, now)
        except (ValueError, TypeError, OverflowError, msgspec.MsgspecError):
            if self.place == "path":
                raise Unknown(what=self.name) from None
            raise self._bad(self._must_be()) from None

    def missing(self) -> Any:
        """What it is where nothing is said. Raises BadRequest where something has to be."""
        if self.is_needed:
            raise self._bad(f"{self.name} is needed.")
        return self.default

    def document(self) -> dict[str, Any]:
        """What the contract says of it."""
        schema, description = self._schema(), _description(self.type)
        if self.default is not None and not isinstance(self.default, Enum):
            schema["default"] = self.default
        found: dict[str, Any] = {"name": self.name, "in": self.place, "schema": schema}
        if self.is_needed or self.place == "path":
            found["required"] = True
        return found | ({"description": description} if description else {})

    @property
    def schemas(self) -> list[type]:
        """The named types that it refers to."""
        base = _base(self.type)
        return [base] if inspect.isclass(base) and issubclass(base, Enum) else []

    def _value(self, said: str, now: datetime) -> Any:
        base = _base(self.type)
        kinds = _kinds(base)
        if get_origin(base) is tuple:
            return cursors.read(said, base)
        if int in kinds and not (said.isascii() and said.isdigit()) and datetime not in kinds:
            raise ValueError
        if datetime in kinds and not (int in kinds and said.isascii() and said.isdigit()):
            return _instant(said, None if _has(self.type, IN_FUTURE) else now)
        if bool in kinds and said not in ("true", "false"):
            raise ValueError
        return msgspec.convert(said, Positive if kinds == {int, datetime} else self.type, strict=False)

    def _must_be(self) -> str:
        base = _base(self.type)
        kinds = _kinds(base)
        if get_origin(base) is tuple:
            return "cursor is not one that a page gave."
        if kinds == {int, datetime}:
            return f"{self.name} is a position, or an instant with its zone that is not in the future {FORMS}."
        if datetime in kinds:
            when = "" if _has(self.type, IN_FUTURE) else " that is not in the future"
            return f"{self.name} is an instant with its zone{when} {FORMS}."
        if int in kinds:
            schema = self._schema()
            return f"{self.name} is a number from {schema['minimum']} to {schema['maximum']}."
        if UUID in kinds:
            return f"{self.name} is a UUID."
        if bool in kinds:
            return f"{self.name} is true or false."
        if must := _extra(self.type).get("must"):
            return f"{self.name} is {must.en}."
        words = self.words
        return f"{self.name} is one of {', '.join(words)}." if words else f"{self.name} is not what it may be."

    @property
    def words(self) -> tuple[str, ...]:
        """The words that it may be, where they are few and known."""
        base = _base(self.type)
        if get_origin(base) is Literal:
            return tuple(str(word) for word in get_args(base))
        return tuple(code.value for code in base) if inspect.isclass(base) and issubclass(base, Enum) else ()

    def _schema(self) -> dict[str, Any]:
        base = _base(self.type)
        if get_origin(base) is tuple:
            return {"type": "string"}
        if datetime in _kinds(base):
            instant = {"type": "string", "format": "date-time"}
            return {"anyOf": [{"type": "integer", "minimum": 0}, instant]} if int in _kinds(base) else instant
        (schema,), _ = msgspec.json.schema_components([self.type], ref_template=REF)
        schema.pop("description", None)
        return schema

    def _bad(self, detail: str) -> BadRequest:
        return BadRequest(400, "BadQuery", detail, parameter="after" if self.place == "header" else self.name)


WAIT = Parameter(
    "wait_for",
    "wait_for",
    Annotated[int, Meta(ge=0, le=10**18 - 1, description="a position that the lists are to have reached; 5 s at most")],
)


def parameters_of(
    call: Callable[..., Any], path: str, beside: Sequence[str] = (), renamed: Mapping[str, str] | None = None
) -> tuple[Parameter, ...]:
    """What a function may be asked: its keywords, but for those `beside`. A trailing underscore is not part of a name;
    `renamed` has other names."""
    hints = get_type_hints(call, include_extras=True)
    in_path = set(re.findall(r"{(\w+)", path))
    found = []
    for argument, parameter in inspect.signature(call).parameters.items():
        if argument in beside:
            continue
        type_ = _without_none(hints[argument])
        name = (renamed or {}).get(argument, argument.rstrip("_"))
        place: Literal["path", "query", "header"] = "path" if name in in_path else "query"
        if header := _extra(type_).get("header"):
            name, place = str(header), "header"
        needed = parameter.default is inspect.Parameter.empty
        default = None if needed else parameter.default
        found.append(Parameter(name, argument, type_, default, needed, place))
    return tuple(found)


def read_all(parameters: Sequence[Parameter], request: Request, now: datetime) -> dict[str, Any]:
    """Argument → value, of what a request says. Raises Unknown for an address that can be none, BadRequest."""
    values: dict[str, Any] = {}
    for parameter in parameters:
        if parameter.place == "path":
            values[parameter.argument] = parameter.read(request.path_params[parameter.name], now)
    query = request.query_params
    refuse_unknown(query, [p.name for p in parameters if p.place == "query"])
    for parameter in parameters:
        if parameter.place != "path":
            said = (query if parameter.place == "query" else request.headers).get(parameter.name)
            values[parameter.argument] = parameter.missing() if said is None else parameter.read(said, now)
    return values


def refuse_unknown(query: QueryParams, allowed: Sequence[str]) -> None:
    """Raises BadRequest where a query says something that may not be asked, or one thing twice, or what nobody sees."""
    unseen = next((name for name in allowed if not is_plain(query.get(name, ""))), None)
    if unseen is not None:
        raise BadRequest(400, "BadQuery", f"{unseen} has characters that are not seen; type it.", parameter=unseen)
    twice = next((name for name in allowed if len(query.getlist(name)) > 1), None)
    if twice is not None:
        raise BadRequest(400, "BadQuery", f"{twice} is said more than once.", parameter=twice)
    unknown = next((name for name in query if name not in allowed), None)
    if unknown is None:
        return
    may = f"It may be asked {', '.join(allowed)}." if allowed else "It may be asked nothing."
    named = {"parameter": unknown} if NAME.fullmatch(unknown) else {}
    if (meant := meant_by(unknown, allowed)) is not UNSET:
        named["meant"] = meant
    raise BadRequest(400, "BadQuery", f"The query asks what this does not know. {may}", **named, allowed=list(allowed))


def _instant(said: str, latest: datetime | None) -> datetime:
    """An instant with its zone, not behind the latest. A "+" that was not escaped arrives as a space."""
    instant = datetime.fromisoformat(re.sub(r" (\d\d:?\d\d)\Z", r"+\1", said))
    if instant.tzinfo is None or (latest is not None and not EARLIEST <= instant <= latest):
        raise ValueError
    return instant


def _without_none(hint: Any) -> Any:
    if get_origin(hint) in (Union, UnionType):
        left = [part for part in get_args(hint) if part is not type(None)]
        return left[0] if len(left) == 1 else Union[tuple(left)]  # noqa: UP007 - made of a list
    return hint


def _base(hint: Any) -> Any:
    """A type without what is said beside it."""
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _kinds(base: Any) -> set[Any]:
    return {_base(part) for part in get_args(base)} if get_origin(base) in (Union, UnionType) else {base}


def _extra(hint: Any) -> dict[str, Any]:
    said = hint.__metadata__ if get_origin(hint) is Annotated else ()
    return {name: value for meta in said if isinstance(meta, Meta) for name, value in (meta.extra or {}).items()}


def _has(hint: Any, extra: dict[str, str]) -> bool:
    return extra.items() <= _extra(hint).items()


def _description(hint: Any) -> str | None:
    said = hint.__metadata__ if get_origin(hint) is Annotated else ()
    return next((m.description for m in reversed(said) if isinstance(m, Meta) and m.description), None)
