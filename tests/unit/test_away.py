"""Whoever takes an error for damage, and sets a case aside until a person acts, first lets pass whatever says that the
database, or the home of the keys, is away."""

import ast
from pathlib import Path

TOP = Path(__file__).parents[2]
JUDGED = {
    "Damage",
    "_damage",
    "damage_of",
    "half_damage_of",
    "is_still_wrong",
    "look_at",
    "put_aside",
    "set_aside",
    "_set_aside",
}
"""What sets aside, or says that a record is damaged."""
NOTHING_ASKED = {"infra/store/event_store.py"}
"""Opens what was read before: it asks nobody."""


def judges(file: Path) -> list[ast.Try]:
    """Where a module takes any error for damage."""
    tries = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Try)]
    return [node for node in tries if any(_is_any(h) and JUDGED & _called(h) for h in node.handlers)]


def _is_any(handler: ast.ExceptHandler) -> bool:
    return isinstance(handler.type, ast.Name) and handler.type.id == "Exception"


def _called(handler: ast.ExceptHandler) -> set[str]:
    calls = [node.func for node in ast.walk(handler) if isinstance(node, ast.Call)]
    return {call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "") for call in calls}


def _names(handler: ast.ExceptHandler) -> set[str]:
    return {node.id for node in ast.walk(handler.type or handler) if isinstance(node, ast.Name)}


def _passes_on(node: ast.Try) -> bool:
    before = node.handlers[: next(n for n, h in enumerate(node.handlers) if _is_any(h))]
    return any("AWAY" in _names(h) and not JUDGED & _called(h) for h in before)


def test_what_is_away_is_no_damage():
    found = {str(file.relative_to(TOP)): judges(file) for file in (TOP / "infra").rglob("*.py")}
    judging = {file: nodes for file, nodes in found.items() if nodes}
    assert len(judging) > 5, "they are found"
    for file, nodes in judging.items():
        if file in NOTHING_ASKED:
            continue
        assert all(map(_passes_on, nodes)), f"{file} takes what is away for damage"
        if file != "infra/store/following.py":
            assert "store.following import AWAY" in (TOP / file).read_text(), f"{file} knows the half of what is away"
