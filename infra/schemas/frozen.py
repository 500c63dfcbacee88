"""Shapes as they were promised: one small file for each, which no later version of the code may break.

`tests/golden/schemas/` holds all of them; `earlier/`, beside this file and installed with it, those of versions that
are written no more and still told, as history is. When a topic's version counts up, its golden file is copied there.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from .compatibility import Break, breaks_of_all
from .shapes import Name, Schema, present

SUFFIX = ".json"


class Broken(Exception):
    """Somebody would be broken. Says each break in words."""

    def __init__(self, found: list[Break]) -> None:
        self.found = found
        lines = "".join(f"\n  {one}" for one in found)
        super().__init__(f"receivers would break; give the topic a new version in domain/catalogue.py:{lines}")


@cache
def all_shapes() -> Mapping[Name, Schema]:
    """Every shape that can be met: those of today, and the earlier ones."""
    return dict(sorted({**read(files(__package__) / "earlier"), **present()}.items()))


def read(directory: Traversable | Path) -> dict[Name, Schema]:
    """The shapes in a directory; none where there is none. Raises ValueError for a file that is no shape."""
    if not directory.is_dir():
        return {}
    found: dict[Name, Schema] = {}
    for file in directory.iterdir():
        if not file.name.endswith(SUFFIX):
            continue
        name, shape = Name.of(file.name.removesuffix(SUFFIX)), json.loads(file.read_text("utf-8"))
        if not isinstance(shape, dict):
            raise ValueError(f"{file.name} is not a schema")
        found[name] = shape
    return found


def text_of(shape: Schema) -> str:
    """A shape as its file has it: a keyword a line, and a field a line."""
    lines = []
    for keyword, value in shape.items():
        if keyword == "properties" and value:
            fields = ",\n".join(f"  {_json(name)}: {_json(field)}" for name, field in value.items())
            lines.append(f' "properties": {{\n{fields}\n }}')
        else:
            lines.append(f" {_json(keyword)}: {_json(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def stale(directory: Path, now: Mapping[Name, Schema]) -> list[Name]:
    """Shapes whose file in a directory is missing or says something else."""
    there = read(directory)
    return [name for name, shape in now.items() if there.get(name) != shape]


def write(directory: Path, now: Mapping[Name, Schema]) -> list[Name]:
    """Bring a directory up to date; the shapes that were written. Raises Broken, with nothing written, where what
    stands there promised more. Never takes a file away."""
    if found := breaks_of_all(read(directory), now):
        raise Broken(found)
    directory.mkdir(parents=True, exist_ok=True)
    written = stale(directory, now)
    for name in written:
        (directory / f"{name}{SUFFIX}").write_text(text_of(now[name]), "utf-8")
    return written


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
