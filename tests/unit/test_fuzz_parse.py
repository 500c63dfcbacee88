"""Whatever bytes arrive: a reader refuses them in its own words, and never falls over."""

import json
from typing import Any

import msgspec
import pytest
from examples import EXAMPLES
from hypothesis import given, settings
from hypothesis import strategies as st
from some import examples
from story import CASE, NOON, NOTE

from rujukan.domain import catalogue
from rujukan.domain.compartment import Compartment
from rujukan.domain.declaring import ASKED
from rujukan.domain.fact import Fact
from rujukan.infra.store import transcoder
from rujukan.infra.store.sealed_record import BrokenSeal, Header, parse, seal, unseal

KEY = b"k" * 32
CASE_AND_AGENCY = sorted((command for command in ASKED if catalogue.DECLARED_IN), key=lambda command: command.__name__)


def records() -> st.SearchStrategy[bytes]:
    """Sealed records of real events."""
    header = Header(CASE, 1, "", 1, NOON, NOTE, "uptd-ppa", NOTE, NOTE)
    sealed = [
        seal(header._replace(topic=topic), transcoder.to_segments(event), dict.fromkeys(Compartment, KEY))
        for topic, event in list(EXAMPLES.items())[:20]
    ]
    return st.sampled_from(sealed)


def try_to_open(state: bytes) -> None:
    """Parse, and open all there is, as a reader does who holds the keys."""
    try:
        record = parse(state)
        for compartment in record.held:
            unseal(record, compartment, KEY)
    except BrokenSeal:
        return


@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_opened_or_refused_with_a_broken_seal(state: bytes) -> None:
    try_to_open(state)


@given(st.binary(max_size=300), st.integers(0, 2**16 - 1), st.integers(0, 2**16 - 1))
def test_bytes_that_begin_like_a_record_are_opened_or_refused_with_a_broken_seal(
    rest: bytes, length: int, bits: int
) -> None:
    try_to_open(b"\x02" + length.to_bytes(2, "big") + rest[:82] + bits.to_bytes(2, "big") + rest[82:])


@given(records(), st.data())
@settings(max_examples=examples(300))
def test_mutated_records_are_opened_or_refused_with_a_broken_seal(state: bytes, data: st.DataObject) -> None:
    mutated = bytearray(state)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(0, len(mutated) - 1)))
        match data.draw(st.sampled_from(("set", "cut", "put", "double"))):
            case "set":
                mutated[at : at + 1] = bytes((data.draw(st.integers(0, 255)),))
            case "cut":
                del mutated[at : at + data.draw(st.integers(1, 40))]
            case "put":
                mutated[at:at] = data.draw(st.binary(max_size=8))
            case "double":
                mutated[at:at] = mutated[at : at + 40]
    try_to_open(bytes(mutated))


# JSON --------------------------------------------------------------------------------------------------------

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
"""Any JSON."""

said = st.sampled_from(
    sorted(
        {
            json.dumps(value)
            for event in EXAMPLES.values()
            for segment in transcoder.to_segments(event).values()
            for value in json.loads(segment).values()
        }
    )
).map(json.loads)
"""What events say in some field."""


def decode_or_refuse(kind: type[Fact], text: bytes) -> Fact | None:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


@given(st.sampled_from(CASE_AND_AGENCY), values)
@settings(max_examples=examples(200))
def test_any_json_is_a_command_or_refused(kind: type[Fact], value: Any) -> None:
    decode_or_refuse(kind, json.dumps(value).encode())


@given(st.sampled_from(CASE_AND_AGENCY), st.data())
@settings(max_examples=examples(300))
def test_json_with_a_commands_fields_is_a_command_or_refused(kind: type[Fact], data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(kind.__struct_fields__), unique=True))
    fields = {name: data.draw(said | values) for name in names}
    command = decode_or_refuse(kind, json.dumps({"occurred_at": "2026-03-03T12:00:00Z", **fields}).encode())
    if command is not None:
        assert decode_or_refuse(kind, msgspec.json.encode(command)) == command


@given(st.sampled_from(CASE_AND_AGENCY), st.binary(max_size=60))
@settings(max_examples=examples(200))
def test_bytes_that_are_no_json_are_refused(kind: type[Fact], text: bytes) -> None:
    decode_or_refuse(kind, text)


@pytest.mark.parametrize("kind", CASE_AND_AGENCY, ids=lambda kind: kind.__name__)
def test_a_command_takes_no_field_that_it_does_not_know_and_no_time_without_a_zone(kind: type[Fact]) -> None:
    for extra in ({"occurred_at": "2026-03-03T12:00:00Z", "gossip": 1}, {"occurred_at": "2026-03-03T12:00:00"}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(json.dumps(extra), type=kind)


@given(st.sampled_from(sorted(catalogue.TOPICS)), st.dictionaries(st.sampled_from(list(Compartment)), values))
@settings(max_examples=examples(200))
def test_any_segments_are_an_event_or_refused(topic: str, segments: dict[Compartment, Any]) -> None:
    objects = {c: json.dumps({"said": value}).encode() for c, value in segments.items()}
    try:
        assert isinstance(transcoder.to_event(topic, 1, objects), catalogue.TOPICS[topic])
    except msgspec.ValidationError:
        return
