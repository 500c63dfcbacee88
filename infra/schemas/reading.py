"""What a person reads of the schemas: the same for the page in the docs and the one that the API serves."""

from collections.abc import Mapping
from typing import NamedTuple

from ...domain import catalogue
from ...domain.codes import CODE_LISTS
from ...domain.declaring import Step
from ...domain.field_words import COMPARTMENTS
from ...domain.words import Words
from .described import field_title, meaning, title
from .frozen import all_shapes
from .shapes import ACKNOWLEDGEMENT, COMPARTMENT_WORDS, DELIVERY, HEADERS, NUMBER, PLACEHOLDERS, Name, Schema
from .words import LEAD_IS_TOLD, chapter, told_to

RULES: tuple[tuple[str, str], ...] = (
    (
        "What is there",
        "`data` of a delivery has the fields of the compartments that the agency is told (`compartments`), and not "
        "those of others (`withheld`). Coordination is told to whoever is told anything: its fields are always there. "
        "Every other field is absent where its compartment is withheld, or where nothing was said in it; a compartment "
        "is told whole or not at all. `null` says that nothing was said. It is not `false`, and no "
        "default stands for it.",
    ),
    ("Who is told", f"It stands with each event. {LEAD_IS_TOLD.en}"),
    (
        "What may change",
        "Under one version nothing does, but: a field may be added that need not be there (pass over those that you do "
        "not know), and a value to a list that may grow (take one that you do not know for `other`, or `lainnya`). "
        "Everything else is a new version, beside the old one, whose schema stays. What was recorded under an old "
        "version is told in the present one, also when it is told again. In version 1, `safe_to_call`, `child_assent`, "
        "`survivor_told` and `domestic` false, `sex` unknown, `place` lainnya and a consent's `language` id are also "
        "what stood where nobody said anything: they are told as `null`. What a record has in another compartment than "
        "it would have today is there still, and `withheld` from whoever is not told that compartment.",
    ),
    (
        "A schema of the future",
        "A topic that is not here, or a version above those here, is of a later release than your side. It goes to "
        "your handler all the same, unless it says which it knows (`--strict`, `Rules.knows`): then it waits, with all "
        "behind it, until your side was brought up to date, and is no dead letter.",
    ),
)
"""What holds for all of them."""


class Field(NamedTuple):
    """A field, as a row of a table."""

    name: str
    title: Words
    type: str
    list: str | None
    """The code list that its values come from."""
    compartment: str | None
    required: bool


class Article(NamedTuple):
    """An event, or a part of the message around it."""

    name: Name
    anchor: str
    """Its topic; an earlier version has its version behind it."""
    title: Words
    meaning: Words
    told: list[Words]
    fields: list[Field]


class Chapter(NamedTuple):
    """A step of the work, with its events by topic."""

    title: Words
    entries: list[Article]


class CodeList(NamedTuple):
    """A code list, for who reads its values."""

    name: str
    may_grow: bool
    codes: list[tuple[str, Words]]


def chapters() -> list[Chapter]:
    """Every event that an agency can be told of, by the steps of the work; a topic's versions behind each other."""
    shapes = all_shapes()
    found = []
    for step in Step:
        topics = chapter(step)
        names = [name for name in shapes if name.topic in topics]
        found.append(Chapter(step.value, [entry(name, shapes[name]) for name in sorted(names)]))
    return found


def around() -> list[Article]:
    """What carries an event, and what an agency answers."""
    return [entry(name, all_shapes()[name]) for name in (DELIVERY, HEADERS, ACKNOWLEDGEMENT)]


def entry(name: Name, shape: Schema) -> Article:
    """What a person reads of one shape."""
    told: list[Words] = []
    if name.is_event:
        told = told_to(None if name in PLACEHOLDERS else catalogue.TOPICS[name.topic])
    must = shape.get("required", ())
    fields = [
        Field(
            field,
            field_title(name, field),
            type_of(said),
            _list_of(said),
            said.get("x-compartment"),
            field in must,
        )
        for field, said in shape.get("properties", {}).items()
    ]
    latest = max(n.version for n in all_shapes() if n.topic == name.topic)
    anchor = name.topic if name.version == latest else str(name)
    return Article(name, anchor, title(name), meaning(name), told, fields)


def code_lists() -> list[CodeList]:
    """The code lists that fields of events take their values from, by name."""
    used: dict[str, bool] = {}
    for name, shape in all_shapes().items():
        for said in shape.get("properties", {}).values() if name.is_event else ():
            inner = said.get("items", said)
            if "x-list" in inner:
                used[inner["x-list"]] = "x-extensible-enum" in inner
    return [
        CodeList(name, grows, [(code.value, Words(code.id, code.en)) for code in CODE_LISTS[name]])
        for name, grows in sorted(used.items())
    ]


def compartments() -> Mapping[str, Words]:
    """What each compartment is called."""
    return {word: COMPARTMENTS[word].label for word in COMPARTMENT_WORDS}


def type_of(shape: Schema) -> str:
    """A type in a few words."""
    if "const" in shape:
        return f"always `{shape['const']}`"
    types = [shape["type"]] if isinstance(shape.get("type"), str) else list(shape.get("type", ()))
    null = ", or null" if "null" in types else ""
    kinds = [t for t in types if t != "null"]
    if "array" in kinds:
        set_of = "set" if shape.get("uniqueItems") else "list"
        least = ", at least one" if shape.get("minItems") else ""
        return f"{set_of} of {type_of(shape['items'])}{least}{null}"
    if "x-list" in shape:
        return f"code of {shape['x-list']}{null}"
    if "enum" in shape:
        return ("compartment" if shape["enum"] == COMPARTMENT_WORDS else "one of a list") + null
    if "object" in kinds:
        inner = ", ".join(shape.get("properties", ()))
        return (f"object: {inner}" if inner else "object") + null
    word = shape.get("format") or _SAID_BY_PATTERN.get(shape.get("pattern", "")) or kinds[0].replace("string", "text")
    longest = f", at most {shape['maxLength']:,} characters" if "maxLength" in shape else ""
    return f"{word}{longest}{null}"


_AGENCY = "[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$"
_SAID_BY_PATTERN = {
    f"^{_AGENCY}": "agency's code",
    f"^(kind:)?{_AGENCY}": "agency's code, or `kind:KIND`",
    "^[0-9a-f]{64}$": "64 hexadecimal digits",
    "^[0-9]{16}$": "16 digits",
    NUMBER["pattern"]: "digits",
}


def _list_of(shape: Schema) -> str | None:
    found: str | None = shape.get("items", shape).get("x-list")
    return found
