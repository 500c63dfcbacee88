"""Any command of the catalogue, with arguments made by the types of its fields, so that a command that is added joins
whoever plays with all of them. Ids are those of things that there are, agencies those of the network."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import Enum
from functools import cache
from random import Random
from re import findall
from types import MappingProxyType, UnionType
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from msgspec import Meta, convert
from msgspec.structs import replace
from standing_world import COMMANDS
from story import HOUR, NOON, an_id

from rujukan.domain.agency_state import decides as agency_decides
from rujukan.domain.casefile.deciding import decides
from rujukan.domain.codes import Purpose, Role
from rujukan.domain.compartment import Compartment, CompartmentWord
from rujukan.domain.declaring import ASKED
from rujukan.domain.fact import AgencyCode, Fact, Recipient, Short, Text
from rujukan.domain.standing.rows import Ground
from rujukan.domain.standing.rule import roles_for

OF_A_CASE: tuple[type[Fact], ...] = tuple(sorted((c for c in ASKED if c in decides.registry), key=lambda c: c.__name__))
"""Every command that is given on a case."""

_AGENCY, _RECIPIENT, _COMPARTMENT = (get_args(of)[1] for of in (AgencyCode, Recipient, CompartmentWord))
_FREE = {get_args(of)[1] for of in (Short, Text)}
"""What is said of text that may be anything."""
USUAL = 0.6
"""How often a field that nothing hangs on says what the example of its command says."""

OF_AN_AGENCY: tuple[type[Fact], ...] = tuple(
    sorted(
        (c for c in ASKED if c in agency_decides.registry and roles_for(c) != {Role.SYSTEM}), key=lambda c: c.__name__
    )
)
"""Every command of people that is given on an agency."""

Ids = Mapping[str, Sequence[UUID]]
"""What a kind of id is called → those that there are."""


@cache
def kinds_of_ids(of: type[Fact]) -> Mapping[str, str]:
    """Field → the kind of id that it is, or has several of."""
    found: dict[str, str] = {}
    for name, hint in get_type_hints(of, include_extras=True).items():
        rest: list[Any] = [hint]
        while rest:
            part = rest.pop()
            if isinstance(part, NewType):
                found[name] = part.__name__
            rest += get_args(part)
    return found


def ids_in(event: Fact) -> Iterable[tuple[str, UUID]]:
    """The ids that an event names, with the kind of each."""
    for name, kind in kinds_of_ids(type(event)).items():
        value = getattr(event, name)
        for id in value if isinstance(value, tuple | frozenset) else (value,):
            if isinstance(id, UUID):
                yield kind, id


class Maker:
    """Makes commands, all that is drawn from `seed`. `ids`: of what there is; `new` gives an id that nothing has."""

    def __init__(
        self,
        seed: str,
        now: datetime,
        ids: Ids,
        new: Callable[[], UUID],
        agencies: Sequence[str],
        kinds: Sequence[str] = (),
        names: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        """`names`: field of text that names a thing → what it may say."""
        self.random = Random(seed)
        self.now, self.ids, self.new, self.agencies, self.kinds = now, ids, new, agencies, kinds
        self.names = names

    def command(self, of: type[Fact]) -> Fact:
        """A command, with one of the ids that there are in each field that takes one; now and then said to have been
        given earlier."""
        said = _usual(of)
        made = {name: self._field(of, name, hint, getattr(said, name)) for name, hint in _hints(of)}
        earlier = self.random.choice((1, 30, 24 * 30)) if self.random.random() < 0.1 else 0
        return replace(said, **made, occurred_at=self.now - earlier * HOUR)

    def can(self, of: type[Fact]) -> bool:
        """Whether there is anything that a command of this kind can be about."""
        about = subject_of(of)
        return about is None or bool(self.ids.get(about[1]))

    def tries(self, command: Fact, most: int) -> Iterable[Fact]:
        """The command about one thing after another: of each that there is of the kind that it has to be about."""
        about = subject_of(type(command))
        if about is None:
            yield command
            return
        name, kind = about
        found = list(self.ids.get(kind, ()))
        self.random.shuffle(found)
        for id in found[:most]:
            yield replace(command, **{name: id})

    def _field(self, of: type[Fact], name: str, hint: Any, usual: Any) -> Any:
        if name == ASKED[of].mints:
            return self.new()
        if name in self.names:
            found = self.random.choice(self.names[name])
            return found if isinstance(usual, str) else frozenset({found})
        if not _matters(hint) and (_has_a_form(hint) or self.random.random() < USUAL):
            return usual
        return self._value(hint, ())

    def _value(self, hint: Any, metas: tuple[Any, ...]) -> Any:
        if isinstance(hint, NewType):
            found = self.ids.get(hint.__name__, ())
            return self.random.choice(found) if found else self.new()
        origin, args = get_origin(hint), get_args(hint)
        if origin is Annotated:
            return self._value(args[0], (*args[1:], *metas))
        if origin in (Union, UnionType):
            rest = [arg for arg in args if arg is not type(None)]
            is_left_out = len(rest) < len(args) and self.random.random() < (0.7 if _is_id(rest[0]) else 0.5)
            return None if is_left_out else self._value(self.random.choice(rest), metas)
        if origin is Literal:
            return self.random.choice(args)
        if origin in (frozenset, tuple):
            least = next((m.min_length for m in metas if isinstance(m, Meta) and m.min_length), 0)
            kinds = [part.__name__ for part in args if isinstance(part, NewType)]
            count = max(least, self.random.choice((0, 1, 1, 1, 2, 3)))
            if kinds and not self.ids.get(kinds[0]):
                count = least
            return origin(self._value(args[0], ()) for _ in range(count))
        return self._plain(hint, metas)

    def _plain(self, hint: Any, metas: tuple[Any, ...]) -> Any:
        if _AGENCY in metas:
            return self.random.choice(self.agencies)
        if _RECIPIENT in metas:
            return self.random.choice([*self.agencies, *self.agencies, *self.kinds])
        if _COMPARTMENT in metas:
            return self.random.choice([c.word for c in Compartment])
        if hint is UUID:
            return self.new()
        if hint is bool:
            return self.random.random() < 0.2
        if hint is int:
            return self.random.randint(1, 120)
        if hint is datetime:
            return self.now + self.random.choice((1, 2, 24, 24 * 30)) * HOUR
        if hint is date:
            return (self.now + timedelta(days=self.random.randint(1, 30))).date()
        if isinstance(hint, type) and issubclass(hint, Enum):
            return self.random.choice(list(hint))
        if hint is str:
            return "said"
        raise TypeError(f"nothing makes a {hint}: teach it here")


@cache
def _usual(of: type[Fact]) -> Fact:
    """An example of a command: that of its declaration, where there is no other."""
    if of in COMMANDS:
        return COMMANDS[of]
    declared = ASKED[of]
    in_its_path = {name: str(an_id(name)) for name in findall(r"{(\w+)}", declared.path or "")}
    known = {name: value for name, value in in_its_path.items() if name in of.__struct_fields__}
    own = (
        {"public_key": "A" * 1622} if "public_key" in declared.example else {}
    )  # the example's is registered by nobody
    return convert({"occurred_at": NOON.isoformat(), **known, **declared.example, **own}, of)


@cache
def subject_of(command: type[Fact]) -> tuple[str, str] | None:
    """The field that names what a command is about, and what kind of id that is; None where it makes what it names, or
    is about the case alone."""
    ids = kinds_of_ids(command)
    tied = [tie.by for row in ASKED[command].rows for tie in row.where.ties if tie.by]
    required = [name for name, hint in _hints(command) if isinstance(get_args(hint)[0], NewType)]
    named = [name for name in (*tied, *required) if name in ids and name in required and name != ASKED[command].mints]
    found = next((name for name in named if ids[name] not in ("ActorId", "CaseId")), None)
    return (found, ids[found]) if found is not None else None


def is_the_system_s(command: type[Fact]) -> bool:
    """Whether no person gives it."""
    return roles_for(command) == {Role.SYSTEM}


def is_of_cases(rows: Iterable[Any]) -> bool:
    """Whether rows of the table are about cases."""
    return all(row.where.ground in (Ground.CASE, Ground.NOTHING) for row in rows)


@cache
def _hints(of: type[Fact]) -> tuple[tuple[str, Any], ...]:
    hints = get_type_hints(of, include_extras=True)
    return tuple((name, hints[name]) for name in of.__struct_fields__ if name != "occurred_at")


@cache
def _matters(hint: Any) -> bool:
    """Whether standing or reach may hang on such a field: ids, agencies, roles, compartments, purposes, times."""
    if isinstance(hint, NewType) or hint in (_AGENCY, _RECIPIENT, _COMPARTMENT, Purpose, Role, datetime):
        return True
    return any(_matters(part) for part in get_args(hint) if part is not type(None))


@cache
def _has_a_form(hint: Any) -> bool:
    """Whether it is text that cannot be anything: a number, a hash, a type of media."""
    if isinstance(hint, Meta):
        return hint.pattern is not None and hint not in _FREE
    return any(_has_a_form(part) for part in get_args(hint) if isinstance(part, Meta) or get_args(part))


def _is_id(hint: Any) -> bool:
    return isinstance(hint, NewType) or any(_is_id(part) for part in get_args(hint))


NOTHING = an_id("nothing")
