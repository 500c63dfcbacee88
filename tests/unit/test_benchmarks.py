"""Benchmarks are no tests; but each can be begun."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from patience import PATIENCE_SECONDS

from rujukan.infra.cli import MEASURES

HERE = Path(__file__).parents[1] / "benchmarks"

LOAD = """
import importlib, json, sys
broken = {}
for measure in sys.argv[1:]:
    try:
        assert callable(importlib.import_module(f"measure_{measure}").run)
    except Exception as problem:
        broken[measure] = repr(problem)
print(json.dumps(broken))
"""


@pytest.fixture(scope="module")
def broken() -> dict[str, str]:
    """The measures that cannot be loaded, with what happened. One process loads all: most of it is the same imports."""
    command = [sys.executable, "-W", "ignore", "-c", LOAD, *MEASURES]
    done = subprocess.run(command, cwd=HERE, check=True, timeout=PATIENCE_SECONDS, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("measure", MEASURES)
def test_a_measure_that_the_command_line_names_can_be_loaded(measure: str, broken: dict[str, str]) -> None:
    assert measure not in broken, broken[measure]
