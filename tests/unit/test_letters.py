"""No command brings in what nobody sees: in names and references no control, bidirectional or invisible character, in
narratives none that turns text around. Each text field of each command is tried."""

import unicodedata
from datetime import UTC, datetime
from typing import Any, get_args, get_type_hints
from uuid import uuid4

import msgspec
import pytest

from rujukan.domain.catalogue import TOPICS
from rujukan.domain.codes import AgencyKind, Purpose, Role
from rujukan.domain.declaring import ASKED
from rujukan.domain.fact import Act, ActorId, Details, Fact, Short, Text, parts_of, recorded
from rujukan.domain.letters import is_plain, reads_as_written
from rujukan.domain.refusal import Invalid

NOW = datetime(2026, 3, 3, 6, tzinfo=UTC)
ACT = Act(
    actor=ActorId(uuid4()),
    agency="uptd-ppa",
    kind=AgencyKind.LEAD,
    role=Role.CASE_WORKER,
    purpose=Purpose.CARE,
    at=NOW,
)
LINE, TEXT = get_args(Short)[1], get_args(Text)[1]
UNSEEN = {
    "the names turned around": "\u202e",
    "an isolate": "\u2066",
    "an embedding, as a telephone pastes it": "\u202a",
    "a mark": "\u200f",
    "no width": "\u200b",
    "a byte order mark": "\ufeff",
    "a soft hyphen": "\u00ad",
    "a line": "\u2028",
    "C1": "\u0085",
    "a tag": "\U000e0041",
    "of private use": "\ue000",
    "of no use yet": "\u0378",
    "half of a pair": "\ud800",
    "a joiner of nothing": "\u200d",
    "a filler": "\u3164",
    "a blank of Braille": "\u2800",
    "a grapheme joiner": "\u034f",
    "a variation": "\ufe0f",
    "two lines": "\n",
    "a tabulator": "\t",
}
UNSEEN_IN_A_TEXT = ("\u202e", "\u202d", "\u0085", "\x00", "\x0b", "\x1b", "\x7f", "a\rb", "\ud800")
PASTED = ("\n", "\r\n", "\t", "\u200f", "\u202a", "\ufeff", "\u2028", "❤\ufe0f", "👨\u200d👩")
SEEN = ("Bunga", "Ni Luh Ayu", "Núñez-O’Hara", "雅子", "عائشة", "ক্\u200dষ", "e\u0301", "No. 12/VeR/2026", "👩🏽")


def with_text(command: type[Fact], kind: object) -> list[str]:
    hints = get_type_hints(command, include_extras=True)
    return [name for name in command.__struct_fields__ if kind in parts_of(hints[name])]


def given(command: type[Fact], field: str, text: str) -> Fact:
    """A command as a door would have read it, of which only that field and the time count."""
    made = msgspec.defstruct(
        command.__name__, [(field, get_type_hints(command, include_extras=True)[field])], bases=(Fact,), kw_only=True
    )
    said: Any = msgspec.convert({"occurred_at": NOW.isoformat(), field: text}, made)
    return said


def event_with(field: str) -> type[Fact]:
    return msgspec.defstruct("Said", [(field, Any)], bases=(Fact,), kw_only=True)


def refused(command: type[Fact], field: str, text: str) -> None:
    """As it does not fit, or by the rules: either names the field."""
    with pytest.raises((msgspec.ValidationError, Invalid), match=field):
        recorded(event_with(field), given(command, field, text), ACT)


@pytest.mark.parametrize("command", ASKED, ids=lambda command: command.__name__)
def test_no_command_brings_in_what_nobody_sees(command: type[Fact]) -> None:
    for field in with_text(command, LINE):
        for letter in UNSEEN.values():
            refused(command, field, f"a{letter}b")
        for nothing in (" ", "\u00a0\u3000"):
            refused(command, field, nothing)
        for name in SEEN:
            assert recorded(event_with(field), given(command, field, name), ACT)
    for field in with_text(command, TEXT):
        for letter in UNSEEN_IN_A_TEXT:
            refused(command, field, f"a{letter}b")
        refused(command, field, " \n\t")
        for letter in PASTED:
            assert recorded(event_with(field), given(command, field, f"ditempel {letter} dari pesan"), ACT)


ODD = (range(0x3400), range(0xD7F0, 0xD810), range(0xF8F0, 0x10000), range(0xE0000, 0xE0200))
"""Where the characters are that are no letters of Han, Hangul and the like; of all others one in so many is tried."""
EVERY = [chr(n) for n in sorted({n for part in ODD for n in part} | set(range(0, 0x110000, 37)))]
BIDI = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def test_of_all_characters_none_that_is_not_seen_stands_in_a_name() -> None:
    """By their properties, not by a list of ours."""
    plain = {c for c in EVERY if is_plain(f"a{c}b")}
    for c in plain:
        assert unicodedata.category(c)[0] in "LMNPSZ", hex(ord(c))
        assert unicodedata.category(c) not in ("Zl", "Zp"), hex(ord(c))
        assert unicodedata.bidirectional(c) not in BIDI, hex(ord(c))
    assert len(plain) > 10_000
    assert {c for c in EVERY if 31 < ord(c) < 127} <= plain
    written = {c for c in EVERY if reads_as_written(f"a{c}b")}
    assert {c for c in written if unicodedata.category(c) == "Cc"} == {"\n", "\t"}
    assert plain <= written


def test_a_field_that_has_texts_inside_is_looked_into() -> None:
    """A list of names, or something with fields of its own."""
    part = msgspec.defstruct("Part", [("note", str)], frozen=True)
    hints: dict[str, tuple[Any, Any]] = {
        "names": (frozenset[Short], frozenset({"Siti", "a\u200bb"})),
        "parts": (tuple[part, ...], (part("a\u202eb"),)),  # type: ignore[valid-type]
        "words": (dict[str, str], {"a": "b\x1b"}),
    }
    for field, (hint, wrong) in hints.items():
        made = msgspec.defstruct("Said", [(field, hint)], bases=(Fact,), kw_only=True)
        with pytest.raises(Invalid, match=field):
            recorded(event_with(field), made(occurred_at=NOW, **{field: wrong}), ACT)


def test_every_text_is_one_or_the_other() -> None:
    """A field of another kind of text has its own characters, which its pattern names one by one."""
    for command in ASKED:
        hints = get_type_hints(command, include_extras=True)
        for name in command.__struct_fields__:
            parts = list(parts_of(hints[name]))
            if str not in parts or LINE in parts or TEXT in parts:
                continue
            (schema,), _ = msgspec.json.schema_components([hints[name]])
            assert "pattern" in repr(schema) or "enum" in repr(schema) or "maxLength" in repr(schema), (command, name)


def test_what_is_stored_stays_readable() -> None:
    """Events of before have whatever was written; only commands are asked."""
    old = msgspec.json.encode({"occurred_at": NOW, "incident": "a\u202eb"})
    assert msgspec.json.decode(old, type=Details).incident == "a\u202eb"
    assert TOPICS


@pytest.mark.parametrize("name", SEEN)
def test_names_of_the_world_are_plain(name: str) -> None:
    assert is_plain(name)
    assert reads_as_written(name)
