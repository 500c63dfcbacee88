"""Absence is no answer: false, zero, empty and not said stay four things, in every field of every event, when it is
stored, told, read and printed."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from examples import EXAMPLES
from msgspec import inspect
from stored import opened

from rujukan.domain import catalogue, survivor
from rujukan.domain.compartment import Compartment
from rujukan.domain.declaring import words_of
from rujukan.domain.fact import Fact, said_in
from rujukan.domain.words import LANGUAGES
from rujukan.infra.bundle.facts import fields_of
from rujukan.infra.report.labels import Reader
from rujukan.infra.store.transcoder import shown, to_event, to_segments

AT = datetime(2026, 3, 3, 12, tzinfo=UTC)
NO = {"id": "tidak", "en": "no"}


def bare(event: Fact) -> dict[str, Any]:
    """What cannot be left out of it."""
    return {f.name: getattr(event, f.name) for f in msgspec.structs.fields(event) if f.required}


def smallest(of: inspect.Type) -> Iterator[Any]:
    """The values of a type that a careless reader takes for nothing."""
    match of:
        case inspect.Metadata():
            yield from smallest(of.type)
        case inspect.UnionType():
            for one in of.types:
                yield from smallest(one)
        case inspect.BoolType():
            yield False
        case inspect.IntType():
            yield of.ge or 0
        case inspect.EnumType():
            yield from of.cls
        case inspect.LiteralType():
            yield from of.values
        case inspect.FrozenSetType() if not of.min_length:
            yield frozenset()
        case inspect.VarTupleType() if not of.min_length:
            yield ()


def each() -> Iterator[Any]:
    """Every such value of every field of every event."""
    for topic, event in EXAMPLES.items():
        found = inspect.type_info(type(event))
        assert isinstance(found, inspect.StructType)
        for field in found.fields:
            for value in smallest(field.type):
                said = value.value if hasattr(value, "value") else "empty" if value in ((), frozenset()) else value
                yield pytest.param(topic, field.name, value, id=f"{topic}-{field.name}-{said}")


NOBODY_SAYS_NOTHING = {
    "failed", "recovered", "told_again", "said_by", "recipients", "asked_for", "clocks", "meets", "seen_by",
    "withheld_events", "lines", "gone",
}  # fmt: skip
"""Lists that somebody makes whole: one that is empty names none, and its absence could say nothing else."""
ONE_VALUE = {"algorithm"}
"""It says the only thing that it can say."""
MADE_BY_THE_SERVICE = {"of_proceedings"}
"""No command says it: the service makes it of what happened, each time."""


EACH = list(each())


def with_only(topic: str, field: str, value: Any) -> Fact:
    event = EXAMPLES[topic]
    made: Fact = type(event)(**{**bare(event), field: value})
    return made


@pytest.mark.parametrize("topic", list(EXAMPLES))
def test_what_may_be_left_out_has_no_default_that_somebody_could_have_said(topic: str) -> None:
    for field in msgspec.structs.fields(EXAMPLES[topic]):
        if field.required or field.name in NOBODY_SAYS_NOTHING | ONE_VALUE | MADE_BY_THE_SERVICE:
            continue
        assert field.default is None, field.name


@pytest.mark.parametrize(("topic", "field", "value"), EACH)
def test_what_was_said_survives_storing_telling_and_reading(topic: str, field: str, value: Any) -> None:
    event, version = with_only(topic, field, value), catalogue.version_of(topic)
    where = catalogue.COMPARTMENTS[topic][field]
    assert where in said_in(event)
    segments = to_segments(event)
    assert getattr(to_event(topic, version, segments), field) == value
    told = msgspec.json.decode(shown(topic, version, segments)[where])
    assert msgspec.json.encode(told[field]) == msgspec.json.encode(value)


@pytest.mark.parametrize(("topic", "field", "value"), EACH)
def test_what_was_not_said_is_none_of_what_could_have_been(topic: str, field: str, value: Any) -> None:
    event, version = EXAMPLES[topic], catalogue.version_of(topic)
    if field in bare(event).keys() | NOBODY_SAYS_NOTHING | ONE_VALUE | MADE_BY_THE_SERVICE:
        return
    silent: Fact = type(event)(**bare(event))
    segments = to_segments(silent)
    assert getattr(to_event(topic, version, segments), field) in (None, msgspec.UNSET)
    for text in shown(topic, version, segments).values():
        assert msgspec.json.decode(text).get(field) is None


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("topic", "field", "value"), [p for p in EACH if p.values[2] is False])
def test_no_is_printed_as_no_and_what_was_not_said_never_is(topic: str, field: str, value: bool, language: Any) -> None:
    """In the report, and on her screen."""
    where = catalogue.COMPARTMENTS[topic][field]
    (said,) = fields_of(topic, where, {field: value})
    assert Reader(language, ()).value(topic, field, said.value) == NO[language]
    silent = [Reader(language, ()).value(topic, f.name, f.value) for f in fields_of(topic, where, {field: None})]
    words = words_of(catalogue.TOPICS[topic], field)
    assert words is not None
    assert silent == ([words.unsaid.said_in(language)] if words.unsaid else [])
    if words.her is not None:
        assert on_her_screen(topic, {field: value}, language) == {words.her.said_in(language): NO[language]}
        unsaid = {words.her.said_in(language): words.unsaid.said_in(language)} if words.unsaid else {}
        assert on_her_screen(topic, {field: None}, language) == unsaid


def on_her_screen(topic: str, values: dict[str, Any], language: Any) -> dict[str, str | None]:
    """Of her own report, where it is one: what is said there of another who reported is withheld."""
    own = {"reporter": "survivor"} if {(topic, name) for name in values} & survivor.HER_OWN_REPORT else {}
    shown = [_items(topic, said, language) for said in ({**own, **values}, own)]
    return {label: value for label, value in shown[0].items() if label not in shown[1]}


def _items(topic: str, values: dict[str, Any], language: Any) -> dict[str, str | None]:
    record = survivor.Record(1, topic, AT, "uptd-ppa", values)
    entry = survivor.recorded(record, language, lambda code: survivor.Agency(code, None))
    return {item.label: item.value for item in entry.items}


# How to reach her ----------------------------------------------------------------------------------------------------

REACHED = ["case.SurvivorContactRecorded", "case.SurvivorContactCorrected"]
C = Compartment


def of_version_1(topic: str, *compartments: Compartment, **said: Any) -> dict[str, Any]:
    """What is shown of it to who may open these compartments."""
    fields = {**opened(topic, 1), **said}
    held = {C.CONTACT: ("phone", "address", "reason"), C.SAFETY: ("safe_times", "safe_to_call")}
    segments = {C.COORDINATION: b'{"occurred_at":"2026-03-03T12:00:00Z"}'} | {
        c: msgspec.json.encode({name: fields[name] for name in held[c] if name in fields}) for c in compartments
    }
    today = shown(topic, 1, segments)
    assert today.keys() == segments.keys()
    return {name: value for text in today.values() for name, value in msgspec.json.decode(text).items()}


@pytest.mark.parametrize("topic", REACHED)
def test_who_is_shown_an_old_number_without_its_caveat_is_told_that_nothing_is_said_of_it(topic: str) -> None:
    seen = of_version_1(topic, C.CONTACT)
    assert (seen["phone"], seen["safe_to_call"], seen["safe_times"]) == ("0000", None, None)
    assert "phone" not in of_version_1(topic)
    assert "safe_to_call" not in of_version_1(topic), "nobody is told of a caveat who is told no number"


@pytest.mark.parametrize("topic", REACHED)
@pytest.mark.parametrize(("was", "reads"), [(True, True), (False, None)])
def test_a_no_of_before_is_not_told_from_silence_and_a_yes_stays(topic: str, was: bool, reads: bool | None) -> None:
    for open_to in ((C.CONTACT, C.SAFETY), (C.SAFETY,)):
        seen = of_version_1(topic, *open_to, safe_to_call=was)
        assert (seen["safe_to_call"], seen["safe_times"]) == (reads, "mornings")


@pytest.mark.parametrize("topic", REACHED)
@pytest.mark.parametrize(("safe", "id", "en"), [(None, "tidak disebutkan", "not said"), (False, "tidak", "no")])
def test_a_number_is_never_printed_bare(topic: str, safe: bool | None, id: str, en: str) -> None:
    for language, says in (("id", id), ("en", en)):
        read = Reader(language, ())
        fields = fields_of(topic, C.CONTACT, {"phone": "0000", "safe_to_call": safe})
        printed = {f.name: read.value(topic, f.name, f.value) for f in fields}
        assert printed == {"phone": "0000", "safe_to_call": says}
        assert says in on_her_screen(topic, {"phone": "0000", "safe_to_call": safe}, language).values()
