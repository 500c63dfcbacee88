"""Connections to PostgreSQL: made in one home, where none of them waits for an answer without end."""

import ast
import re
from pathlib import Path

import pytest

from rujukan.consumers.agency.postgres import inbox
from rujukan.infra.database import Answering, Maintaining, options
from rujukan.infra.serving import vitals
from rujukan.infra.store import group_commit

TOP = Path(__file__).parents[2]
ROOMS = ("domain", "projections", "api", "consumers", "infra")
MAKES = re.compile(r"(?:psycopg|[A-Za-z_.]*\b_?[A-Z]\w*)\.connect|(?:\w+\.)*(?:Async)?(?:Null)?ConnectionPool")
"""What makes a connection, or a pool of them: `psycopg.connect`, a class's `connect`, a pool."""
PLACES = {
    ("infra/database.py", "Answering.connect"),
    ("infra/database.py", "Maintaining.connect"),
    ("infra/store/group_commit.py", "_Connection.connect"),  # an answer is waited for as long as a batch may take
    ("infra/serving/vitals.py", "_Looking.connect"),  # no longer than a probe has patience
    ("infra/store/recorder.py", "ConnectionPool"),  # ours, with what `options` says
    ("consumers/agency/postgres/inbox.py", "Answering.connect"),  # an agency's own, for as long as its handlers take
}


@pytest.mark.thorough
def test_connections_are_made_where_somebody_bounds_how_long_they_wait() -> None:
    found = set()
    for room in ROOMS:
        for file in (TOP / room).rglob("*.py"):
            tree = ast.parse(file.read_text())
            name = str(file.relative_to(TOP))
            found |= {(name, made) for call in ast.walk(tree) if (made := _made(call)) is not None}
            found |= {(name, f"from {of} import {what}") for of, what in _imported(tree)}
    assert found == PLACES


def test_each_of_them_gives_up_who_does_not_answer() -> None:
    of_pools = options("", 1, 1)["connection_class"]
    for kind in (group_commit._Connection, vitals._Looking, Maintaining, of_pools):
        assert issubclass(kind, Answering)
        assert 0 < kind.seconds <= Answering.seconds
    assert 0 < inbox.Answering.seconds <= Answering.seconds


def _made(call: ast.AST) -> str | None:
    if not isinstance(call, ast.Call):
        return None
    name = ast.unparse(call.func)
    return name if MAKES.fullmatch(name) and not name.startswith("sqlite3.") else None


def _imported(tree: ast.AST) -> set[tuple[str, str]]:
    """Under a name that does not tell that it is psycopg's."""
    return {
        (str(node.module), alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("psycopg")
        for alias in node.names
        if alias.name == "connect" or (alias.asname and alias.name.endswith(("Connection", "ConnectionPool")))
    } | {
        ("psycopg", str(alias.asname))
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name.startswith("psycopg") and alias.asname
    }
