"""What is installed is what stands in the checkout."""

import re
import tomllib
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
ROOMS = ("domain", "projections", "api", "consumers", "infra")
TEXTS = {".py", ".md", ".toml", ".txt", ".sql", ".mjs", ".json", ".yaml", ".yml", ".html", ".js", "", ".sh"}
BY_NAME = re.compile(r"\b(?:install|uvx?|pipx?|download|wheel)\b[^\n]*?(?<![\w./-])rujukan(?:\[|['\"`]|\s*$)")
"""A package that is asked for by its name alone: whoever publishes one under it on an index gives a court its verifier,
and an agency its subscriber."""


def test_every_folder_with_code_is_installed() -> None:
    """Packages are listed, as the rooms stand at the top: who makes a new folder would otherwise miss it elsewhere."""
    folders = {file.parent.relative_to(TOP) for room in ROOMS for file in (TOP / room).rglob("*.py")}
    listed = tomllib.loads((TOP / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]
    assert sorted(listed) == sorted(".".join(("rujukan", *folder.parts)) for folder in folders)


def test_nothing_says_to_install_it_by_a_name_that_anybody_can_register() -> None:
    files = [file for room in ROOMS for file in (TOP / room).rglob("*") if file.suffix in TEXTS and file.is_file()]
    files += [*TOP.glob("*.md"), TOP / "pyproject.toml", *(TOP / "tests").glob("*.md")]
    named = {
        str(file.relative_to(TOP)): found
        for file in files
        if (found := [line for line in file.read_text("utf-8").splitlines() if is_by_name(line)])
    }
    assert named == {}


def is_by_name(line: str) -> bool:
    return BY_NAME.search(line) is not None and "--no-index" not in line


@pytest.mark.parametrize(
    "line",
    [
        "pip install 'rujukan[verify]'",
        'python -m pip install -U "rujukan[agency]"',
        "`pip install rujukan`",
        "uvx --from rujukan",
        "    pip install rujukan",
    ],
)
def test_that_is_told_from_what_names_a_file(line: str) -> None:
    assert is_by_name(line)
    assert not is_by_name(line.replace("rujukan", "./rujukan-0.1.0-py3-none-any.whl"))
