"""`rujukan bench`: runs the harness in tests/benchmarks of a checkout."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HARNESS = Path("tests") / "benchmarks" / "harness.py"


class NoCheckout(Exception):
    """The benchmarks lie in a checkout, not in the installed package."""


def bench(what: Sequence[str], out: Path | None, seconds: float, workers: int) -> int:
    """Measure beside peers; the harness's exit status. Raises NoCheckout."""
    for top in (Path.cwd(), Path(__file__).resolve().parents[2]):
        if (top / HARNESS).exists():
            command = [sys.executable, str(top / HARNESS), *what, "--seconds", str(seconds), "--workers", str(workers)]
            return subprocess.run([*command, *(["--json", str(out)] if out else [])], check=False).returncode
    raise NoCheckout("run this in a checkout of Rujukan: the benchmarks are in its tests/benchmarks")
