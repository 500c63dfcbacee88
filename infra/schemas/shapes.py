"""Shapes: the JSON Schema (2020-12) of every event that an agency can be told of, and of the message around it.

`data` of a delivery holds the fields of the compartments told, and no others. Coordination is told to whoever is told
anything, and stored whole, so its fields are required; every other field is optional, and is absent where it is
withheld. A compartment is told whole or not at all.

A code list that has a catch-all (`other`, `lainnya`) may grow: who meets a value that they do not know takes it for
that one (`x-extensible-enum`). One that has none is closed (`enum`), and grows only with a new version. Fields may be
added where they break nobody, so readers pass over what they do not know.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, get_args, get_type_hints

import msgspec

from ...consumers.wire.acknowledgement import Acknowledgement
from ...consumers.wire.batch import LARGEST
from ...consumers.wire.envelope import ATTRIBUTES, CONTENT_TYPE, DAMAGED, ERASED, KEY_FINGERPRINT, TYPE, Delivery
from ...domain import catalogue
from ...domain.codes import CODE_LISTS
from ...domain.compartment import ALL, Compartment, CompartmentWord
from ...domain.patterns import for_others

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ENVELOPE = int(TYPE.rpartition("v")[2])
CATCH_ALL = frozenset({"other", "lainnya"})
LISTS = {codes.__name__: name for name, codes in CODE_LISTS.items()}
"""Class of a code list → the name under which the API serves it."""
COMPARTMENT_WORDS = [c.word for c in sorted(ALL)]

NUMBERS = frozenset({"sequence", "casesequence", "position", "caseversion", "schemaversion"})
FIXED = {"specversion": "1.0", "type": TYPE}
NUMBER: Schema = {"type": "string", "pattern": "^[0-9]{1,18}$"}
BASE64URL: Schema = {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"}


class Name(NamedTuple):
    """What a shape is of: a topic, or a part of the message, in one version."""

    topic: str
    version: int

    def __str__(self) -> str:
        return f"{self.topic}.v{self.version}"

    @classmethod
    def of(cls, text: str) -> "Name":
        """The name that was written so. Raises ValueError for what is none."""
        found = re.fullmatch(r"([A-Za-z]+\.[A-Za-z]+)\.v([1-9][0-9]{0,5})", text)
        if not found:
            raise ValueError(f"{text} is not the name of a schema")
        return cls(found[1], int(found[2]))

    @property
    def is_event(self) -> bool:
        """Whether it is of what lies in `data`, not of what carries it."""
        return not self.topic.startswith("envelope.")

    @property
    def is_sent_by_agency(self) -> bool:
        """Whether agencies write it and the service reads it."""
        return self.topic == ACKNOWLEDGEMENT.topic


HINT = KEY_FINGERPRINT.removeprefix("ce_")
DELIVERY = Name("envelope.Delivery", ENVELOPE)
HEADERS = Name("envelope.Headers", ENVELOPE)
CLOUDEVENT = Name("envelope.CloudEvent", ENVELOPE)
ACKNOWLEDGEMENT = Name("envelope.Acknowledgement", 1)
PLACEHOLDERS = (Name(DAMAGED, 1), Name(ERASED, 1))
"""What stands in the place of an event: it holds nothing, and `schema` may be that of the event."""


@cache
def present() -> Mapping[Name, Schema]:
    """Every shape that is written today, in the order of names."""
    events = {Name(topic, catalogue.version_of(topic)): event(topic) for topic in catalogue.TOLD}
    found = {
        **events,
        **{name: _closed(name, {}) for name in PLACEHOLDERS},
        DELIVERY: delivery(),
        HEADERS: headers(),
        CLOUDEVENT: cloudevent(),
        ACKNOWLEDGEMENT: acknowledgement(),
    }
    return dict(sorted(found.items()))


def event(topic: str) -> Schema:
    """The shape of `data` for a topic, as it is written now."""
    of = catalogue.TOPICS[topic]
    fields = _properties(of)
    fields.pop("type")  # the struct's tag, which is not written
    hints = get_type_hints(of, include_extras=True)
    compartments = catalogue.COMPARTMENTS[topic]
    for name, schema in fields.items():
        if datetime in _parts(hints[name]):
            schema["format"] = "date-time"
        schema["x-compartment"] = compartments[name].word
    required = [name for name in fields if compartments[name] is Compartment.COORDINATION]
    return {**_head(Name(topic, catalogue.version_of(topic))), "required": required, "properties": fields}


def delivery() -> Schema:
    """The shape of what lies inside the seal."""
    fields = _properties(Delivery)
    fields["recorded_at"]["format"] = "date-time"
    fields["data"] = {"type": "object"}
    words: Schema = {"type": "array", "items": {"type": "string", "enum": COMPARTMENT_WORDS}, "uniqueItems": True}
    fields["compartments"] = fields["withheld"] = words
    fields.pop("id")  # the attribute outside: who opens a delivery puts it in
    return {**_head(DELIVERY), "required": list(fields), "properties": fields}


def acknowledgement() -> Schema:
    """The shape of what an agency says of what it was told."""
    return _closed(ACKNOWLEDGEMENT, _properties(Acknowledgement))


def headers() -> Schema:
    """The shape of a message's headers in Kafka (CloudEvents, binary mode)."""
    fields = {f"ce_{name}": schema for name, schema in _attributes()}
    return _required_but_the_hint(HEADERS, {**fields, "content-type": {"type": "string", "const": CONTENT_TYPE}})


def cloudevent() -> Schema:
    """The shape of the same message over HTTP (CloudEvents, JSON)."""
    value: Schema = {"type": "string", "contentEncoding": "base64"}
    content: Schema = {"type": "string", "const": CONTENT_TYPE}
    return _required_but_the_hint(CLOUDEVENT, {**dict(_attributes()), "datacontenttype": content, "data_base64": value})


def _attributes() -> Iterator[tuple[str, Schema]]:
    for name in ("specversion", *ATTRIBUTES):
        if name in FIXED:
            yield name, {"type": "string", "const": FIXED[name]}
        else:
            yield name, NUMBER if name in NUMBERS else {"type": "string"}
    digits = len(str(LARGEST))
    yield "batch", {"type": "string", "pattern": rf"^[0-9]{{1,{digits}}}\.[0-9]{{1,{digits}}}\.[A-Za-z0-9_-]*$"}
    yield "signature", BASE64URL
    yield HINT, {"type": "string", "pattern": "^[0-9a-f]{64}$"}


def _head(name: Name) -> Schema:
    return {"$schema": DIALECT, "$id": f"urn:rujukan:schema:{name.topic}:{name.version}", "type": "object"}


def _required_but_the_hint(name: Name, fields: Schema) -> Schema:
    """Messages of before do not say which key they are sealed to by its fingerprint."""
    required = [field for field in fields if field.removeprefix("ce_") != HINT]
    return {**_head(name), "required": required, "properties": fields}


def _closed(name: Name, fields: Schema) -> Schema:
    return {**_head(name), "properties": fields, "additionalProperties": False}


def _properties(of: type) -> dict[str, Schema]:
    """The fields of a struct as msgspec writes them, without what does not bind a reader."""
    (top,), parts = msgspec.json.schema_components([of], ref_template="{name}")
    found: dict[str, Schema] = _plain(parts[top["$ref"]], parts)["properties"]
    return found


def _plain(schema: Any, parts: Mapping[str, Schema]) -> Any:
    """A schema with its references put in, its code lists named, and nothing that only describes."""
    if isinstance(schema, list):
        return [_plain(one, parts) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"]
        return _codes(name, parts[name]) if name in LISTS else _plain(parts[name], parts)
    if schema.get("pattern") == _COMPARTMENT_PATTERN:
        return {"type": "string", "enum": COMPARTMENT_WORDS}
    if "anyOf" in schema:
        return _nullable([_plain(one, parts) for one in schema["anyOf"]])
    plain = {key: _plain(value, parts) for key, value in schema.items() if key not in {*_NOT_BINDING, "properties"}}
    if "properties" in schema:
        plain["properties"] = {name: _plain(one, parts) for name, one in schema["properties"].items()}
    if "pattern" in plain:
        plain["pattern"] = for_others(plain["pattern"])
    if "enum" in plain and "type" not in plain:
        plain = {"type": "string", **plain}
    return plain


def _codes(name: str, schema: Schema) -> Schema:
    values = [code.value for code in CODE_LISTS[LISTS[name]]]
    assert sorted(values) == sorted(schema["enum"])
    keyword = "x-extensible-enum" if CATCH_ALL & set(values) else "enum"
    return {"type": "string", keyword: values, "x-list": LISTS[name]}


def _nullable(either: list[Schema]) -> Schema:
    """One of two, where the other is null."""
    some, none = either
    if none != {"type": "null"}:
        raise TypeError(f"not one type or null: {either}")
    null = {**some, "type": [some["type"], "null"]}
    if "enum" in null:
        null["enum"] = [*null["enum"], None]
    return null


def _parts(hint: Any) -> set[Any]:
    """A type and the types it is made of."""
    found, rest = set(), [hint]
    while rest:
        of = rest.pop()
        found |= {of} if isinstance(of, type) else set()
        rest += [part for part in get_args(of) if not isinstance(part, str)]
    return found


_NOT_BINDING = frozenset({"title", "description", "default", "examples"})
_COMPARTMENT_PATTERN = get_args(CompartmentWord)[1].pattern
