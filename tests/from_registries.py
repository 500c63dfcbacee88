"""What tests need from a package registry, which may be slow or away: then they say so and are skipped, none is red."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

FETCH_SECONDS = 300.0
"""Then what a test needs is not to be had here: below the bound of a test, which would end the whole worker."""


def fetch(
    what: str, command: Sequence[str | Path], cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> None:
    """Have the command fetch it; the test is skipped where that fails or takes longer than anybody waits for it."""
    try:
        done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, timeout=FETCH_SECONDS)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{what}: not had from its registry within {FETCH_SECONDS:.0f} s")
    if done.returncode:
        why = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        pytest.skip(f"{what}: cannot be had from its registry here: {' '.join(why)[:200]}")
