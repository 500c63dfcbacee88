"""What an event and a command declare of themselves, beside their fields: read from here by everything that lists them.

An event says, in its subject's file, what it is called, whom it speaks to and on which page it stands (`@happened`); a
command says who may give it, how far it goes and where it is posted (`@asked`); a field is named once (`name_fields`).
The catalogue of topics, the disclosure rule, the routes, the contract, the schemas, the report and the survivor's paper
are derived from these tables, so that nothing else has to know how many events or commands there are.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from typing import Any, NamedTuple, TypeVar

from .causes import Cause, When
from .codes import AgencyKind, Role
from .compartment import Compartment
from .fact import AgencyCode, Fact
from .standing.relations import Extent
from .standing.rows import Row, Second, Where
from .words import Words

F = TypeVar("F", bound=Fact)
Upcast = Callable[[dict[str, Any]], dict[str, Any]]
"""Fields as JSON has them, of an older version of an event → as the next version has them. Fields that are sealed are
absent, before and after; one that is added to what is sealed is left out again (catalogue.py)."""


class Step(Enum):
    """A step of the work: the chapters in which events are described to integrators."""

    REPORT = Words("Laporan dan pembukaan kasus", "Report and opening")
    CONSENT = Words("Persetujuan", "Consent")
    ASSESSMENT = Words("Penilaian dan rencana", "Assessment and plan")
    REFERRAL = Words("Rujukan", "Referral")
    SERVICES = Words("Layanan dan tindak lanjut", "Services and follow-up")
    LEAD = Words("Penanggung jawab dan penutupan", "Lead and closure")
    EMERGENCY = Words("Akses darurat", "Emergency access")
    NETWORK = Words("Layanan itu sendiri", "The service itself")
    LEGAL = Words("Penyerahan berkas, larangan pemusnahan, penghapusan", "Disclosure, legal hold, erasure")


class Shared(Enum):
    """With whom an event is shared beside its author, the lead and whom it speaks to (disclosure.py)."""

    NOT = "not"
    STORY = "story"
    """It tells the story: by compartment, with whoever has an open referral that covers it."""
    COMMON = "common"
    """Its coordination is needed by everybody who takes part: who leads, and whether the case lives."""


class Audience(NamedTuple):
    """Whom an event speaks to by its nature: in words, and worked out of the event and the case after it."""

    words: Words
    of: Callable[[Any, Any], Mapping[AgencyCode, AgencyKind]]


class Happened(NamedTuple):
    """What an event declares."""

    label: Words
    """What the record calls it: reports to courts, schemas."""
    her: Words | None
    """What the survivor's report calls it; None for what is no part of her file."""
    means: str | None
    """What it means, in Indonesian; the English is the event's docstring. None for what agencies are not told of."""
    step: Step | None
    shared: Shared
    to: Audience | None
    about: Callable[[Any], frozenset[Compartment]] | None
    """Compartments that it is about without holding a field of them: a document's bytes are its compartment's."""
    withheld: Mapping[str, Words]
    """Field → why the survivor's report does not show it."""
    calls: Mapping[str, "FieldWords"]
    """Field → what it is called in this event, where everybody's name for it would mislead."""
    earlier: tuple["Upcast", ...]
    """Of each version of its shape that is written no more, the oldest first: how its fields are read as the next has
    them."""
    struck_by: str = ""
    """The command that strikes an entry of this kind, by its class's name; empty for what no command strikes."""
    strikes: str = ""
    """The field that names the entry that it strikes: who was told of that is told of this."""
    says_in_clear: bool = False
    """What it says is coordination, and what is sealed is a remark beside it: the lead may strike it unread."""


class Asked(NamedTuple):
    """What a command declares."""

    rows: tuple[Row, ...]
    """Its rows of the table of standing: who may give it, in what relation, how far. One of them is enough."""
    means: str
    """What it does, in Indonesian; the English is the command's docstring."""
    path: str | None
    """Where it is posted; None for what has a door of its own, or is the system's to raise."""
    tag: str
    """The chapter of the API in which it stands."""
    example: Mapping[str, Any]
    mints: str | None
    """The field that names what the command makes; a caller may leave it out."""
    second: Second | None = None
    """When it takes a second person, and who that may be; None where one is always enough."""
    answers: tuple[Cause, ...] = ()
    """What it answers beside the case and the things that its rows tie it to."""
    when: When | None = None
    """When what it says can have happened; None where its rows say it (timing.py)."""


def defaults_unsaid(**defaults: Any) -> Upcast:
    """Field → what an older version stored where nobody said anything, as JSON has it. Nobody can tell it from what
    somebody said, so the next version reads it as not said."""

    def read(fields: dict[str, Any]) -> dict[str, Any]:
        silent = {name for name, default in defaults.items() if name in fields and fields[name] == default}
        return {name: None if name in silent else said for name, said in fields.items()}

    return read


def unchanged(fields: dict[str, Any]) -> dict[str, Any]:
    """Of a version to which nothing was added but what may be said: all that was said stays as it was."""
    return fields


def not_asked(*names: str) -> Upcast:
    """Of fields that an older version had not: nothing was said of them."""

    def read(fields: dict[str, Any]) -> dict[str, Any]:
        return {**dict.fromkeys(names), **fields}

    return read


HAPPENED: dict[type[Fact], Happened] = {}
ASKED: dict[type[Fact], Asked] = {}
FIELDS: dict[str, "FieldWords"] = {}
"""Field → what it is called."""

NOTHING: Mapping[str, Words] = {}
NONE_OF_ITS_OWN: Mapping[str, "FieldWords"] = {}


@cache
def event_type(of: type[Fact]) -> type[Fact]:
    """The declared event that a class is, or was made from: an event that is read in part, while some of it stays
    sealed, is of a class made from the event's own."""
    return next((base for base in of.__mro__ if base in HAPPENED), of)


def declared(event: Fact) -> Happened:
    """What an event declares. Raises KeyError for one that is none."""
    return HAPPENED[event_type(type(event))]


def happened(
    label: Words,
    *,
    her: Words | None = None,
    means: str | None = None,
    step: Step | None = None,
    shared: Shared = Shared.NOT,
    to: Audience | None = None,
    about: Callable[[Any], frozenset[Compartment]] | None = None,
    withheld: Mapping[str, Words] = NOTHING,
    calls: Mapping[str, "FieldWords"] = NONE_OF_ITS_OWN,
    earlier: "tuple[Upcast, ...]" = (),
    struck_by: str = "",
    strikes: str = "",
    says_in_clear: bool = False,
) -> Callable[[type[F]], type[F]]:
    """Declare an event. Raises TypeError for one without a topic, or declared twice."""

    def declare(event: type[F]) -> type[F]:
        if not isinstance(event.__struct_config__.tag, str) or event in HAPPENED:
            raise TypeError(f"{event.__name__} has no topic, or is declared already")
        of = (label, her, means, step, shared, to, about, withheld, calls, earlier, struck_by, strikes, says_in_clear)
        HAPPENED[event] = Happened(*of)
        return event

    return declare


def asked(
    path: str | None = None,
    *,
    by: frozenset[Role],
    where: Where,
    extent: Extent,
    means: str,
    or_else: tuple[Row, ...] = (),
    tag: str = "",
    example: Mapping[str, Any] = NOTHING,
    mints: str | None = None,
    second: Second | None = None,
    answers: tuple[Cause, ...] = (),
    when: When | None = None,
) -> Callable[[type[F]], type[F]]:
    """Declare a command, with its row of the table of standing (`or_else`: its further ones; `second`: it takes two
    people). Raises TypeError for one that is declared twice."""

    def declare(command: type[F]) -> type[F]:
        if command in ASKED:
            raise TypeError(f"{command.__name__} is declared already")
        rows = (Row(by, where, extent), *or_else)
        ASKED[command] = Asked(rows, means, path, tag, example, mints, second, answers, when)
        return command

    return declare


class FieldWords(NamedTuple):
    """What a field is called."""

    label: Words
    her: Words | None
    """What the survivor's report calls it; None for what says nothing to a person: an id, a hash."""
    unsaid: Words | None = None
    """What stands where nothing was said of it: for what must not be guessed. None where nothing stands."""


def field(id: str, en: str, her: tuple[str, str] | None = None, unsaid: tuple[str, str] | None = None) -> FieldWords:
    """The words of a field: in the record, in the survivor's report, and where nothing was said of it."""
    return FieldWords(Words(id, en), Words(*her) if her else None, Words(*unsaid) if unsaid else None)


def words_of(event: type[Fact] | None, name: str) -> FieldWords | None:
    """What a field is called in an event: by the event's own name for it, or everybody's. None where it has none."""
    own = HAPPENED[event].calls if event in HAPPENED else NONE_OF_ITS_OWN
    return own.get(name) or FIELDS.get(name)


def name_fields(**fields: FieldWords) -> None:
    """Declare what fields are called. Raises TypeError where one has other words already."""
    for name, words in fields.items():
        if FIELDS.setdefault(name, words) != words:
            raise TypeError(f"the field {name} is named {FIELDS[name].label.en!r} elsewhere; name yours otherwise")
