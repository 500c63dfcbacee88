"""`rujukan schemas`: what agencies receive, described; and the golden files, which it refuses to break."""

import argparse
import sys
from pathlib import Path
from typing import Any

from ..settings import Settings
from .evidence import Failed

DOCUMENTS = ("asyncapi", "page", "html", "known")


def add_commands(command: Any) -> None:
    """The command, added to the parser of cli.py."""
    schemas = command("schemas", run, "JSON Schemas of what agencies are told: list, print, or write them", data=False)
    schemas.add_argument(
        "what",
        nargs="?",
        metavar="WHAT",
        help="TOPIC[.vN] prints a schema; asyncapi the AsyncAPI document; page, html and known what EVENTS.md, "
        "/docs/events and consumers/wire/known_events.py say",
    )
    schemas.add_argument(
        "--write",
        type=Path,
        metavar="DIR",
        help="bring the schemas of a directory up to date; writes nothing where receivers would break",
    )


def run(settings: Settings, said: argparse.Namespace) -> int:
    """List, print or write."""
    from ..schemas import frozen

    if said.write is not None:
        if said.what is not None:
            raise Failed("--write writes every schema: name none")
        try:
            written = frozen.write(said.write, frozen.all_shapes())
        except frozen.Broken as broken:
            raise Failed(str(broken)) from None
        for name in written:
            print(name)
        print(f"{len(written)} written, {len(frozen.all_shapes()) - len(written)} were as they are")
        return 0
    if said.what is None:
        for name in frozen.all_shapes():
            print(name)
        return 0
    sys.stdout.write(_text(said.what))
    return 0


def _text(what: str) -> str:
    from ..schemas import frozen, known, markdown, serving

    match what:
        case "asyncapi":
            return serving.asyncapi_json().decode()
        case "page":
            return markdown.page()
        case "html":
            return serving.html()
        case "known":
            return known.module()
    found = [name for name in frozen.all_shapes() if what in (name.topic, str(name))]
    if not found:
        raise Failed(f"there is no schema of {what}; `rujukan schemas` lists those there are")
    return serving.schema(found[-1]).decode()
