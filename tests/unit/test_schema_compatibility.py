"""Which change of a shape breaks a receiver: each rule, by name."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from rujukan.infra.schemas.compatibility import Kind, breaks, breaks_of_all
from rujukan.infra.schemas.shapes import ACKNOWLEDGEMENT, Name, Schema, present

NAME = Name("case.Example", 1)
SHAPE: Schema = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "urn:rujukan:schema:case.Example:1",
    "type": "object",
    "required": ["at", "urgency"],
    "properties": {
        "at": {"type": "string", "format": "date-time", "x-compartment": "coordination"},
        "urgency": {"type": "string", "enum": ["low", "high"], "x-list": "urgencies", "x-compartment": "coordination"},
        "service": {"type": "string", "x-extensible-enum": ["care", "other"], "x-compartment": "health"},
        "note": {"type": ["string", "null"], "maxLength": 200, "x-compartment": "health"},
        "needs": {"type": "array", "items": {"type": "string", "enum": ["food"]}, "x-compartment": "safety"},
    },
}
GONE = object()


def changed(path: str, value: Any, shape: Schema = SHAPE) -> Schema:
    """The shape with one thing set, or gone."""
    made = deepcopy(shape)
    *way, last = path.split("/")
    at = made
    for part in way:
        at = at[part]
    if value is GONE:
        del at[last]
    else:
        at[last] = value
    return made


@pytest.mark.parametrize(
    ("path", "value", "kind", "where"),
    [
        ("properties/note", GONE, Kind.FIELD_REMOVED, "note"),
        ("required", ["at", "urgency", "note"], Kind.FIELD_REQUIRED, "note"),
        ("required", ["at"], Kind.FIELD_OPTIONAL, "urgency"),
        ("properties/at/type", "integer", Kind.TYPE_CHANGED, "at"),
        ("properties/note/type", "string", Kind.TYPE_CHANGED, "note"),
        ("properties/service/type", ["string", "null"], Kind.TYPE_CHANGED, "service"),
        ("properties/needs/items", GONE, Kind.TYPE_CHANGED, "needs"),
        ("properties/needs/items/type", "integer", Kind.TYPE_CHANGED, "needs[]"),
        ("type", "array", Kind.TYPE_CHANGED, ""),
        ("properties/urgency/enum", ["low"], Kind.VALUE_REMOVED, "urgency"),
        ("properties/urgency/enum", ["low", "high", "highest"], Kind.VALUE_ADDED, "urgency"),
        ("properties/urgency/enum", ["low", "high", None], Kind.VALUE_ADDED, "urgency"),
        ("properties/needs/items/enum", ["food", "shelter"], Kind.VALUE_ADDED, "needs[]"),
        ("properties/service/x-extensible-enum", ["other"], Kind.VALUE_REMOVED, "service"),
        ("properties/urgency/enum", GONE, Kind.LIST_OPENED, "urgency"),
        ("properties/note/enum", ["one"], Kind.LIST_CLOSED, "note"),
        ("properties/note/x-compartment", "legal", Kind.COMPARTMENT_CHANGED, "note"),
        ("properties/note/x-compartment", GONE, Kind.COMPARTMENT_CHANGED, "note"),
        ("properties/note/maxLength", 100, Kind.LIMIT_CHANGED, "note"),
        ("properties/note/maxLength", 300, Kind.LIMIT_CHANGED, "note"),
        ("properties/note/maxLength", GONE, Kind.LIMIT_CHANGED, "note"),
        ("properties/note/pattern", "^a$", Kind.LIMIT_CHANGED, "note"),
        ("properties/at/format", "date", Kind.LIMIT_CHANGED, "at"),
        ("properties/needs/uniqueItems", True, Kind.LIMIT_CHANGED, "needs"),
        ("additionalProperties", False, Kind.LIMIT_CHANGED, ""),
        ("$id", "urn:rujukan:schema:case.Example:2", Kind.LIMIT_CHANGED, ""),
        ("properties/note/a-keyword-nobody-heard-of", 1, Kind.LIMIT_CHANGED, "note"),
    ],
)
def test_a_change_that_breaks_is_named(path: str, value: Any, kind: Kind, where: str) -> None:
    (found,) = breaks(NAME, SHAPE, changed(path, value))
    assert (found.name, found.kind, found.where) == (NAME, kind, where)
    assert str(found).startswith(f"case.Example.v1 {where}".rstrip() + ": ")
    assert str(found).endswith(f"({kind})")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("properties/new", {"type": "string", "x-compartment": "legal"}),
        ("properties/service/x-extensible-enum", ["care", "visum", "other"]),
        ("properties/urgency/enum", ["high", "low"]),
        ("properties/urgency/x-list", "degrees"),
        ("properties/note/title", "Note"),
        ("properties/note/description", "What there is to say"),
        ("properties/note/x-title-id", "Catatan"),
        ("properties/urgency/x-labels", {"low": {"id": "rendah", "en": "low"}}),
        ("title", "Example"),
        ("required", ["urgency", "at"]),
    ],
)
def test_what_breaks_nobody_passes(path: str, value: Any) -> None:
    assert breaks(NAME, SHAPE, changed(path, value)) == []


def test_a_new_field_must_not_have_to_be_there() -> None:
    """What was written under this version has none."""
    new = changed("properties/new", {"type": "string", "x-compartment": "coordination"})
    (found,) = breaks(NAME, SHAPE, changed("required", ["at", "urgency", "new"], new))
    assert (found.kind, found.where) == (Kind.FIELD_REQUIRED, "new")


def test_nothing_is_added_where_nothing_else_was_to_come() -> None:
    closed = changed("additionalProperties", False)
    (found,) = breaks(NAME, closed, changed("properties/new", {"type": "string"}, closed))
    assert (found.kind, found.where) == (Kind.FIELD_ADDED, "new")


@pytest.mark.parametrize(
    ("path", "was", "is_", "kind"),
    [
        ("service", "x-extensible-enum", "enum", Kind.LIST_CLOSED),
        ("urgency", "enum", "x-extensible-enum", Kind.LIST_OPENED),
    ],
)
def test_a_list_stays_open_or_closed(path: str, was: str, is_: str, kind: Kind) -> None:
    new = deepcopy(SHAPE)
    new["properties"][path][is_] = new["properties"][path].pop(was)
    (found,) = breaks(NAME, SHAPE, new)
    assert (found.kind, found.where) == (kind, path)


def test_one_change_of_a_field_deep_inside_says_where() -> None:
    deep: Schema = {"type": "object", "properties": {"list": {"type": "array", "items": SHAPE}}}
    new = deepcopy(deep)
    del new["properties"]["list"]["items"]["properties"]["note"]
    assert [f.where for f in breaks(NAME, deep, new)] == ["list[].note"]


def test_every_break_of_several_is_told() -> None:
    new = changed("properties/note", GONE, changed("properties/at/type", "integer"))
    assert {f.kind for f in breaks(NAME, SHAPE, new)} == {Kind.FIELD_REMOVED, Kind.TYPE_CHANGED}


# Of all of them ------------------------------------------------------------------------------------------------


def test_a_topic_or_a_version_that_is_gone_is_named() -> None:
    second = Name("case.Example", 2)
    promised = {NAME: SHAPE, second: SHAPE}
    assert [f.kind for f in breaks_of_all(promised, {})] == [Kind.TOPIC_GONE, Kind.TOPIC_GONE]
    (found,) = breaks_of_all(promised, {second: SHAPE})
    assert (found.name, found.kind) == (NAME, Kind.VERSION_GONE)


def test_a_new_topic_or_a_new_version_breaks_nobody() -> None:
    other = changed("properties/note", GONE)
    now = {NAME: SHAPE, Name("case.Example", 2): other, Name("case.Other", 1): other}
    assert breaks_of_all({NAME: SHAPE}, now) == []


# What agencies write -------------------------------------------------------------------------------------------

ANSWER = present()[ACKNOWLEDGEMENT]
REASONS = "properties/failed/items/properties/reason/enum"
OF_A_MARK = "properties/received/required"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (REASONS, [*ANSWER["properties"]["failed"]["items"]["properties"]["reason"]["enum"], "another"]),
        (REASONS, GONE),
        (OF_A_MARK, ["sequence"]),
        ("properties/recovered/type", ["array", "null"]),
        ("properties/new", {"type": "string"}),
    ],
)
def test_the_service_may_ask_less_of_what_agencies_write(path: str, value: Any) -> None:
    assert breaks(ACKNOWLEDGEMENT, ANSWER, changed(path, value, ANSWER)) == []


@pytest.mark.parametrize(
    ("path", "value", "kind"),
    [
        (REASONS, ["not-ours"], Kind.VALUE_REMOVED),
        ("required", ["received"], Kind.FIELD_REQUIRED),
        ("properties/recovered", GONE, Kind.FIELD_REMOVED),
        ("properties/received/type", "object", Kind.TYPE_CHANGED),
        ("properties/recovered/items/enum", [1], Kind.LIST_CLOSED),
    ],
)
def test_and_must_not_ask_more(path: str, value: Any, kind: Kind) -> None:
    assert {f.kind for f in breaks(ACKNOWLEDGEMENT, ANSWER, changed(path, value, ANSWER))} == {kind}


def test_every_kind_of_break_has_a_test_here() -> None:
    text = Path(__file__).read_text("utf-8")
    assert [kind for kind in Kind if f"Kind.{kind.name}" not in text] == []


# Every schema there is -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in present() if n.is_event], ids=str)
def test_no_field_of_an_event_can_be_touched_unseen(name: Name) -> None:
    shape = present()[name]
    assert breaks(name, shape, deepcopy(shape)) == []
    for field in shape["properties"]:
        assert {f.kind for f in breaks(name, shape, changed(f"properties/{field}", GONE, shape))} == {
            Kind.FIELD_REMOVED
        }
        for keyword, value in shape["properties"][field].items():
            if keyword != "x-list":
                other = {"a": "b"} if keyword == "items" else ["null"] if isinstance(value, list) else f"not {value}"
                found = breaks(name, shape, changed(f"properties/{field}/{keyword}", other, shape))
                assert found, f"{field} {keyword}"
                assert all(f.where.startswith(field) for f in found)
