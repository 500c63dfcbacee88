"""No command brings in what nobody sees: in names and references no control, bidirectional or invisible character, in
narratives none that turns text around. Each text field of each command is tried."""

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
}
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


@pytest.mark.parametrize("command", ASKED, ids=lambda command: command.__name__)
def test_no_command_brings_in_what_nobody_sees(command: type[Fact]) -> None:
    for field in with_text(command, LINE):
        for letter in UNSEEN.values():
            wrong = given(command, field, f"a{letter}b")
            with pytest.raises(Invalid, match=field):
                recorded(event_with(field), wrong, ACT)
        for name in SEEN:
            assert recorded(event_with(field), given(command, field, name), ACT)
    for field in with_text(command, TEXT):
        for letter in ("\u202e", "\u202d", "\u0085"):
            wrong = given(command, field, f"a{letter}b")
            with pytest.raises(Invalid, match=field):
                recorded(event_with(field), wrong, ACT)
        for letter in ("\n", "\u200f", "\u202a", "\ufeff"):
            assert recorded(event_with(field), given(command, field, f"ditempel {letter} dari pesan"), ACT)


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
