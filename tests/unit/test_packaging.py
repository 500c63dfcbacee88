"""What is installed is what stands in the checkout."""

import tomllib
from pathlib import Path

TOP = Path(__file__).parents[2]
ROOMS = ("domain", "projections", "api", "consumers", "infra")


def test_every_folder_with_code_is_installed() -> None:
    """Packages are listed, as the rooms stand at the top: who makes a new folder would otherwise miss it elsewhere."""
    folders = {file.parent.relative_to(TOP) for room in ROOMS for file in (TOP / room).rglob("*.py")}
    listed = tomllib.loads((TOP / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]
    assert sorted(listed) == sorted(".".join(("rujukan", *folder.parts)) for folder in folders)
