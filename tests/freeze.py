"""Bring every file that is generated up to date: `python -m tests.freeze`.

A new event gets its golden example, made by its types, and so does a new version of one; the schema of a version that
is written no more goes to where it is served from; schemas, EVENTS.md, the events that agencies know and the table of
standing are written anew. What stands in a golden file is never changed: where it would, this refuses and says so.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
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
EVENTS = TOP / "tests" / "golden"
STANDING = TOP / "domain" / "standing" / "TABLE.md"
SCHEMAS = TOP / "tests" / "golden" / "schemas"
EARLIER = TOP / "infra" / "schemas" / "earlier"
EXAMPLES = UUID("5d7f5a42-7c7e-5a0b-9b5e-6578616d706c")
"""Namespace of example ids (RFC 9562, version 5)."""
AT = "2026-03-03T20:00:00.123456+08:00"
WORDS = (
    "rsud",
    "health",
    "08:00",
    "0f" * 32,
    "6474010000000000",
    "application/pdf",
    "https://rsud.example/rujukan",
    "A" * 1622,
)
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


def events_file(version: int) -> Path:
    """The golden file of the events that have that version."""
    return EVENTS / f"events_v{version}.json"


def golden_events(version: int) -> str:
    """That file, with the events that it lacks behind those that it has."""
    file = events_file(version)
    there: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    from examples import EXAMPLES

    for topic in catalogue.TOPICS:
        if topic not in there and catalogue.version_of(topic) == version:
            segments = {c.word: text.decode() for c, text in to_segments(EXAMPLES[topic]).items()}
            there[topic] = {"schema": version, "segments": segments}
    return json.dumps(there, ensure_ascii=False, indent=1) + "\n"


def keep_earlier() -> list[str]:
    """Copy the schemas of versions that are written no more to where they are served from; what was copied."""
    copied = []
    for name, shape in frozen.read(SCHEMAS).items():
        file = EARLIER / f"{name}{frozen.SUFFIX}"
        if name.topic in catalogue.TOLD and name.version < catalogue.version_of(name.topic) and not file.exists():
            EARLIER.mkdir(exist_ok=True)
            file.write_text(frozen.text_of(shape), "utf-8")
            copied.append(str(file.relative_to(TOP)))
    return copied


def standing_page() -> str:
    """Who may do what, on one page."""
    doors: dict[str, list[str]] = {}
    for reading, path in DOORS:
        doors.setdefault(reading.name, []).append(path)
    return standing.page(doors)


def freeze_history() -> list[str]:
    """What the disclosure rule tells of the told cases: those that its version's file lacks, of a new event say. None
    that is there is changed."""
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
    sys.path[:0] = [str(TOP / "tests" / "unit"), str(TOP / "tests")]
    kept = keep_earlier()
    try:
        written = kept + [f"{name}{frozen.SUFFIX}" for name in frozen.write(SCHEMAS, frozen.all_shapes())]
    except frozen.Broken as broken:
        print(broken, file=sys.stderr)
        return 1
    generated: dict[Path, Callable[[], str]] = {
        **{events_file(n): partial(golden_events, n) for n in (1, *sorted(set(catalogue.VERSIONS.values())))},
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
