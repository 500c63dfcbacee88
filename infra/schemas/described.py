"""Shapes with words: what the API serves, and what the pages are made of."""

from collections.abc import Mapping
from inspect import getdoc
from typing import Any

from ...domain import catalogue
from ...domain.codes import CODE_LISTS
from ...domain.compartment import ALL
from ...domain.declaring import Step
from ...domain.field_words import COMPARTMENTS
from ...domain.words import Words
from ..report import labels
from .envelope_words import ACKNOWLEDGEMENT, ATTRIBUTES, DELIVERY, ENVELOPE
from .shapes import Name, Schema
from .words import PLACEHOLDERS, chapter

EARLIER = Words(
    "Bentuk lama: tidak disampaikan lagi, dan berlaku bagi yang pernah disampaikan dengannya.",
    "An earlier shape: it is told no more, and holds for what was told in it.",
)
_INDONESIAN = {topic: meaning for step in Step for topic, meaning in chapter(step).items()}


def described(name: Name, shape: Schema) -> Schema:
    """A shape with titles and descriptions in English, and in Indonesian as `x-title-id` and `x-description-id`."""
    fields = {field: _field(name, field, said) for field, said in shape.get("properties", {}).items()}
    head = {key: shape[key] for key in ("$schema", "$id")}
    about = _said(title(name), meaning(name))
    version = {"x-topic": name.topic, "x-version": name.version}
    return {**head, **about, **version, **shape, "properties": fields}


def title(name: Name) -> Words:
    """What a shape is called."""
    if name.topic in ENVELOPE:
        return ENVELOPE[name.topic][0]
    if name.topic in PLACEHOLDERS:
        return PLACEHOLDERS[name.topic][0]
    return Words(labels.event(name.topic, "id"), labels.event(name.topic, "en"))


def meaning(name: Name) -> Words:
    """What it means, in a sentence or two."""
    if name.topic in ENVELOPE:
        return ENVELOPE[name.topic][1]
    if name.topic in PLACEHOLDERS:
        return PLACEHOLDERS[name.topic][1]
    english = getdoc(catalogue.TOPICS[name.topic]) or ""
    said = Words(_INDONESIAN[name.topic], " ".join(english.split()))
    if name.version < catalogue.version_of(name.topic):
        return Words(f"{said.id} {EARLIER.id}", f"{said.en} {EARLIER.en}")
    return said


def field_title(name: Name, field: str) -> Words:
    """What a field is called; its own name where nobody gave it another."""
    if name.is_event:
        return Words(labels.field(name.topic, field, "id"), labels.field(name.topic, field, "en"))
    known = {"envelope.Delivery": DELIVERY, "envelope.Acknowledgement": ACKNOWLEDGEMENT}.get(name.topic, ATTRIBUTES)
    return known.get(field.removeprefix("ce_"), Words(field, field))


def _field(name: Name, field: str, shape: Schema) -> Schema:
    words = field_title(name, field)
    return {"title": words.en, "x-title-id": words.id, **_with_labels(name, shape)}


def _with_labels(name: Name, shape: Schema) -> Schema:
    """A field's shape with the labels of its codes, and those of the shapes inside."""
    found: dict[str, Any] = dict(shape)
    if "x-list" in shape:
        listed = shape["enum"] if "enum" in shape else shape["x-extensible-enum"]
        codes = [code for code in CODE_LISTS[shape["x-list"]] if code.value in listed]
        found["x-labels"] = {code.value: {"id": code.id, "en": code.en} for code in codes}
    elif shape.get("enum") == [c.word for c in sorted(ALL)]:
        found["x-labels"] = {w: COMPARTMENTS[w].label._asdict() for w in shape["enum"]}
    if "items" in shape:
        found["items"] = _with_labels(name, shape["items"])
    if "properties" in shape:
        found["properties"] = {field: _field(name, field, inner) for field, inner in shape["properties"].items()}
    return found


def _said(title: Words, meaning: Words) -> Mapping[str, str]:
    return {
        "title": title.en,
        "description": meaning.en,
        "x-title-id": title.id,
        "x-description-id": meaning.id,
    }
