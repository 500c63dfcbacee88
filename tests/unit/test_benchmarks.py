"""Benchmarks are no tests; but each can be begun."""

import subprocess
import sys
from pathlib import Path

import pytest

from rujukan.infra.cli import MEASURES

HERE = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.parametrize("measure", MEASURES)
def test_a_measure_that_the_command_line_names_can_be_loaded(measure: str) -> None:
    load = f"import measure_{measure}; assert callable(measure_{measure}.run)"
    subprocess.run([sys.executable, "-W", "ignore", "-c", load], cwd=HERE, check=True, timeout=60)
