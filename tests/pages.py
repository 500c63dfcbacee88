"""The blocks of the documents that are commands for a shell, in the order in which a reader meets them."""

import re
from pathlib import Path

TOP = Path(__file__).parents[1]
ROOMS = ("domain", "projections", "api", "consumers", "infra")
BLOCK = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHELL = ("sh", "bash", "shell", "console")
NOT_RUN = "# not run"
"""So a block begins, for the reader to see, that no test runs as it stands; the reason follows."""


def pages() -> list[Path]:
    """What people read who use it or run it."""
    return [TOP / "README.md", *sorted(page for room in ROOMS for page in (TOP / room).rglob("*.md"))]


def shell_blocks(page: Path) -> list[str]:
    """All of a page."""
    return [text for language, text in BLOCK.findall(page.read_text("utf-8")) if language in SHELL]


def to_run(page: Path) -> list[str]:
    """Those that say nothing else."""
    return [text for text in shell_blocks(page) if not text.startswith(NOT_RUN)]
