"""Sealed lengths: a copy of the database tells no coded answer by them, and what is padded reads as what is not."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID, uuid4

import pytest
from examples import EXAMPLES
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import fields, replace

from rujukan.domain import catalogue
from rujukan.domain.compartment import Compartment
from rujukan.domain.fact import Fact
from rujukan.infra.store import padding, sealed_record
from rujukan.infra.store.sealed_record import Header
from rujukan.infra.store.transcoder import merged, to_event, to_segments

KEYS = {c: bytes((int(c) + 1,)) * 32 for c in Compartment}
WITA = timezone(timedelta(hours=8))
TIMES = (datetime(2026, 3, 3, tzinfo=UTC), datetime(2026, 3, 3, 14, 0, 0, 123456, tzinfo=WITA))
TOPICS = sorted(EXAMPLES)


def answers(kind: Any) -> list[Any]:
    """What else could have been answered in a field of that kind, where answers of it have a fixed extent."""
    kind = getattr(kind, "__supertype__", kind)
    if get_origin(kind) in (Union, UnionType):
        (one,) = [k for k in get_args(kind) if k is not type(None)] if len(get_args(kind)) == 2 else [None]
        found = answers(one)
        return [*found, None] if found else []
    if get_origin(kind) is Literal:
        return list(get_args(kind))
    if get_origin(kind) is frozenset:
        codes = answers(get_args(kind)[0]) if isinstance(get_args(kind)[0], type) else []
        of_codes = bool(codes) and isinstance(codes[0], Enum)
        return [frozenset(codes[:n]) for n in range(len(codes) + 1)] if of_codes else []
    if kind is bool:
        return [True, False]
    if kind is int:
        return [0, 9, 10, 12_345]
    if kind is UUID:
        return [uuid4()]
    if kind is datetime:
        return list(TIMES)
    return list(kind) if isinstance(kind, type) and issubclass(kind, Enum) else []


def otherwise(event: Fact) -> Iterator[tuple[str, Fact]]:
    """The event with each of its coded answers said otherwise, one at a time; and the field."""
    hints = get_type_hints(type(event))
    for field in fields(event):
        for other in answers(hints[field.name]):
            yield field.name, replace(event, **{field.name: other})


def sealed_lengths(topic: str, event: Fact) -> dict[Compartment, int]:
    """How long the segments are that are stored of it, by what a copy of the database shows."""
    header = Header(uuid4(), 1, topic, catalogue.version_of(topic), TIMES[0], uuid4(), "uptd-ppa", uuid4(), uuid4())
    state = sealed_record.seal(header, padding.padded(topic, event, to_segments(event)), KEYS)
    return {c: len(s.ciphertext) for c, s in sealed_record.parse(state).segments.items()}


@pytest.mark.parametrize("topic", TOPICS)
def test_events_that_differ_in_coded_answers_have_sealed_parts_of_equal_length(topic: str) -> None:
    """Of the parts that both have: that nothing was said in one the header tells in clear."""
    as_it_is = sealed_lengths(topic, EXAMPLES[topic])
    for field, other in otherwise(EXAMPLES[topic]):
        lengths = sealed_lengths(topic, other)
        both = lengths.keys() & as_it_is.keys()
        assert {c: lengths[c] for c in both} == {c: as_it_is[c] for c in both}, field


def test_coded_answers_are_found_in_events() -> None:
    """Else the test above could not fail: without padding most types of events tell some."""
    telling = {
        topic
        for topic, event in EXAMPLES.items()
        for _, other in otherwise(event)
        for c, text in to_segments(other).items()
        if len(text) != len(to_segments(event).get(c, text))
    }
    assert len(telling) > len(EXAMPLES) / 2
    assert "case.ClockEnded" in telling


def test_all_coded_answers_at_once_have_the_length_of_none() -> None:
    """However the answers fall together: each is drawn, for an event with many."""
    event = EXAMPLES["case.IncidentRecorded"]
    expected = sealed_lengths("case.IncidentRecorded", event)
    for field, other in otherwise(event):
        for again, both in otherwise(other):
            lengths = sealed_lengths("case.IncidentRecorded", both)
            assert lengths == {c: expected[c] for c in lengths}, (field, again)


@pytest.mark.parametrize("words", [(), ("health",), tuple(c.word for c in Compartment)])
def test_which_compartments_are_shared_shows_in_no_length(words: tuple[str, ...]) -> None:
    draft = EXAMPLES["case.ReferralDrafted"]
    shared = replace(draft, compartments=frozenset(words))
    assert sealed_lengths("case.ReferralDrafted", shared) == sealed_lengths("case.ReferralDrafted", draft)


@pytest.mark.parametrize("topic", TOPICS)
def test_padded_it_reads_as_what_is_not_in_this_release_and_in_earlier_ones(topic: str) -> None:
    event = EXAMPLES[topic]
    plain = to_segments(event)
    padded = padding.padded(topic, event, plain)
    assert {c: padding.bare(text) for c, text in padded.items()} == plain
    assert {c: padding.bare(text) for c, text in plain.items()} == plain
    assert {c: json.loads(text) for c, text in padded.items()} == {c: json.loads(text) for c, text in plain.items()}
    assert json.loads(merged(padded.values())) == json.loads(merged(plain.values()))
    schema = catalogue.version_of(topic)
    assert to_event(topic, schema, padded) == to_event(topic, schema, plain)


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=3_000))
def test_a_text_shows_by_no_more_than_a_step(text: str) -> None:
    topic, note = "case.NoteRecorded", EXAMPLES["case.NoteRecorded"]
    event = replace(note, health=text)
    (plain, padded) = (to_segments(event), padding.padded(topic, event, to_segments(event)))
    size = len(plain[Compartment.HEALTH])
    assert len(padded[Compartment.HEALTH]) == padding.rounded(size)
    assert padding.bare(padded[Compartment.HEALTH]) == plain[Compartment.HEALTH]


@given(st.integers(2, 200_000))
def test_a_length_is_one_of_few_and_costs_little(size: int) -> None:
    length = padding.rounded(size)
    assert size <= length <= size + max(padding.STEP, size // 8)
    assert padding.rounded(length) == length
    assert length % padding.STEP == 0
    assert len({padding.rounded(n) for n in range(size, size + padding.STEP)}) <= 2
