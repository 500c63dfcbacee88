"""Bring every file that is generated up to date: `python -m tests.freeze`.

A new event gets its golden example, made by its types; schemas, EVENTS.md, the events that agencies know and the table
of standing are written anew. What stands in a golden file is never changed: where it would, this refuses and says so.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import msgspec
from msgspec import inspect

from rujukan.api.app import DOORS
from rujukan.domain import catalogue
from rujukan.domain.fact import Fact
from rujukan.domain.standing import page as standing
from rujukan.infra.schemas import frozen, known, markdown
from rujukan.infra.store.transcoder import to_segments

TOP = Path(__file__).parents[1]
EVENTS = TOP / "tests" / "golden" / "events_v1.json"
STANDING = TOP / "domain" / "standing" / "TABLE.md"
SCHEMAS = TOP / "tests" / "golden" / "schemas"
EXAMPLES = UUID("5d7f5a42-7c7e-5a0b-9b5e-6578616d706c")
"""Namespace of example ids (RFC 9562, version 5)."""
AT = "2026-03-03T20:00:00.123456+08:00"
WORDS = ("rsud", "health", "0f" * 32, "6474010000000000", "application/pdf", "https://rsud.example/rujukan", "A" * 1622)
"""What fits some pattern of a text."""


def example(event: type[Fact]) -> Fact:
    """An event of that kind with something said in every field, always the same."""
    said = dict(_fields(event))
    return msgspec.convert({**said, "occurred_at": AT, "type": catalogue.topic_of(event)}, event)


def _fields(event: type[Fact]) -> Iterator[tuple[str, Any]]:
    found = inspect.type_info(event)
    assert isinstance(found, inspect.StructType)
    for field in found.fields:
        yield field.encode_name, _value(field.type, f"{event.__name__}/{field.name}", field.default)


def _value(of: inspect.Type, name: str, default: Any) -> Any:
    """A value of that type, as JSON has it, and another than the default. Raises TypeError for a type that is new."""
    match of:
        case inspect.Metadata():
            return _value(of.type, name, default)
        case inspect.UnionType():
            return _value(next(t for t in of.types if not isinstance(t, inspect.NoneType)), name, default)
        case inspect.EnumType():
            return next(code.value for code in of.cls if code != default)
        case inspect.LiteralType():
            return next(value for value in of.values if value != default)
        case inspect.FrozenSetType() | inspect.VarTupleType():
            return [_value(of.item_type, name, None)]
        case inspect.StructType():
            return dict(_fields(of.cls))
        case inspect.UUIDType():
            return str(uuid5(EXAMPLES, name))
        case inspect.DateTimeType():
            return datetime(2026, 3, 6, 12, tzinfo=UTC).isoformat()
        case inspect.DateType():
            return "2026-03-09"
        case inspect.BoolType():
            return not default
        case inspect.IntType():
            return max(of.ge or 0, 3)
        case inspect.StrType():
            fits = (word for word in (f"of {name}", *WORDS) if of.pattern is None or re.search(of.pattern, word))
            return next(fits)
    raise TypeError(f"say in tests/freeze.py what an example of {of} is")


def golden_events() -> str:
    """The golden file, with the events that it lacks behind those that it has."""
    there: dict[str, Any] = json.loads(EVENTS.read_text("utf-8"))
    for topic, event in catalogue.TOPICS.items():
        if topic not in there:
            segments = {c.word: text.decode() for c, text in to_segments(example(event)).items()}
            there[topic] = {"schema": catalogue.version_of(topic), "segments": segments}
    return json.dumps(there, ensure_ascii=False, indent=1) + "\n"


def standing_page() -> str:
    """Who may do what, on one page."""
    doors: dict[str, list[str]] = {}
    for reading, path in DOORS:
        doors.setdefault(reading.name, []).append(path)
    return standing.page(doors)


def freeze_history() -> list[str]:
    """What the disclosure rule tells of the told cases: those that its version's file lacks, of a new event say. None
    that is there is changed."""
    sys.path[:0] = [str(TOP / "tests" / "unit"), str(TOP / "tests")]
    import histories

    file = histories.FOLDER / f"{histories.RULE}.json"
    there = json.loads(file.read_text("utf-8")) if file.exists() else {}
    told = histories.histories()
    if told.keys() <= there.keys():
        return []
    lacking = json.loads(histories.as_text({name: told[name] for name in told if name not in there}))
    file.write_text(json.dumps(there | lacking, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return [str(file.relative_to(TOP))]


def main() -> int:
    """Write what is not as it should be, and name it."""
    try:
        written = [f"{name}{frozen.SUFFIX}" for name in frozen.write(SCHEMAS, frozen.all_shapes())]
    except frozen.Broken as broken:
        print(broken, file=sys.stderr)
        return 1
    generated: dict[Path, Callable[[], str]] = {
        EVENTS: golden_events,
        TOP / "consumers" / "EVENTS.md": markdown.page,
        TOP / "consumers" / "wire" / "known_events.py": known.module,
        STANDING: standing_page,
    }
    for file, make in generated.items():
        if (text := make()) != (file.read_text("utf-8") if file.exists() else ""):
            file.write_text(text, "utf-8")
            written.append(str(file.relative_to(TOP)))
    written += freeze_history()
    print("\n".join(written) if written else "everything is up to date")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
