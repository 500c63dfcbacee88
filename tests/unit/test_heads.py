"""Whoever asks the log for its head, or for what comes next, goes no further than the numbers that were given.

A row that a flipped bit, or somebody, put far ahead would be the head for ever, and all that comes would be passed by.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from rujukan.infra.store.given import GIVEN

TOP = Path(__file__).parents[2]
ROOMS = ("api", "consumers", "domain", "infra", "projections")
READ = re.compile(r"\b(?:FROM|JOIN)\s+(?:log\.)?stored_events\b")
NEXT = re.compile(r"\bnotification_id\s*>")
NAMED = re.compile(r"\b(?:originator_id|notification_id)\s*=")
"""Rows of a stream, or under numbers that the caller has."""
BOUNDED = re.compile(
    r"notification_id\s*<=\s*(?:%s|\(\s*SELECT last_value FROM log\.stored_events_notification_id_seq\s*\))"
)
AHEAD = re.compile(r"notification_id\s*>\s*\(\s*SELECT last_value FROM log\.stored_events_notification_id_seq\s*\)")
"""Who looks for just such a row."""
ALL = {
    ("infra/commands/recover.py", "SELECT count(*) FROM log.stored_events"): "how many there are, wherever they stand",
    (
        "infra/delivery/damaged.py",
        "SELECT least(min(notification_id), 0) - 1 FROM log.stored_events",
    ): "a number that none has, for as long as two change theirs",
    ("infra/demo/figures.py", "SELECT count(*) FROM log.stored_events"): "the same",
}


def texts(file: Path) -> Iterator[str]:
    """The strings of a module, each put together; what is put into it is looked up among its own names."""
    tree = ast.parse(file.read_text())
    named = {"GIVEN": GIVEN}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            named.setdefault(node.targets[0].id, text(node.value, named))
    inside = {part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr) and node not in inside:
            yield text(node, named)


def text(node: ast.AST, named: dict[str, str]) -> str:
    match node:
        case ast.Constant(value=str(said)):
            return said
        case ast.JoinedStr(values=parts):
            return "".join(text(part, named) for part in parts)
        case ast.FormattedValue(value=ast.Name(id=name)):
            return named.get(name, "?")
    return ""


def unbounded(sql: str) -> list[str]:
    """The reads of the log in a statement that have no end."""
    reads = [found.start() for found in READ.finditer(sql)]
    parts = (sql[start:end] for start, end in zip(reads, [*reads, len(sql)][1:], strict=True))
    return [part for part in parts if not ends(part)]


def ends(read: str) -> bool:
    """Whether it stops at the numbers that were given, names what it reads, or looks for what is ahead."""
    return bool(BOUNDED.search(read) or AHEAD.search(read) or (NAMED.search(read) and not NEXT.search(read)))


@pytest.mark.thorough
def test_whoever_reads_the_log_names_what_or_stops_at_the_numbers_that_were_given():
    files = [file for room in ROOMS for file in (TOP / room).rglob("*.py")]
    sql = [(str(file.relative_to(TOP)), said) for file in files for said in texts(file) if READ.search(said)]
    assert len(sql) > 15, "they are found"
    assert {(file, said) for file, said in sql if unbounded(said)} == ALL.keys()


def functions() -> dict[str, str]:
    """The functions of the database, each as the last migration left it."""
    found: dict[str, str] = {}
    for file in sorted((TOP / "infra" / "migrations").glob("*.sql")):
        found |= re.findall(r"FUNCTION (\w+\.\w+)[^;]*?AS \$\$(.*?)\$\$", file.read_text(), re.DOTALL)
    return found


def test_the_functions_of_the_database_too():
    assert len(functions()) > 8, "they are found"
    held = "delivery.held"  # a case whose consent ended ahead of the log waits until the register has set it aside
    assert {name for name, body in functions().items() if unbounded(body)} == {held}


def test_a_read_without_an_end_is_found():
    assert unbounded("SELECT max(notification_id) FROM log.stored_events")
    assert unbounded(f"SELECT 1 FROM log.stored_events WHERE {GIVEN} UNION SELECT state FROM log.stored_events")
    assert not unbounded(f"SELECT max(notification_id) FROM log.stored_events WHERE {GIVEN}")
    assert not unbounded("SELECT state FROM log.stored_events WHERE notification_id = ANY(%s)")
