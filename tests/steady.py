"""Whether the suite is green every time: whole runs in a row, each in another order of files and of tests, beside loops
that keep processors busy. Stops at the first red one, and says with which seed it comes in that order again.

`--backwards` is one run in the reverse of the usual order: together they are both orders of any two tests of a file.

    python -m tests.steady --runs 10 --busy 4
    python -m tests.steady --backwards
    python -m tests.steady --runs 1 --busy 4 --seed 12345 -- tests/integration
"""

import argparse
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it so often; 0 when every run was green."""
    parser = argparse.ArgumentParser(prog="python -m tests.steady", description=__doc__.split("\n\n")[0])
    parser.add_argument("--runs", type=int, default=10, help="so many whole runs, 10 if not said")
    parser.add_argument("--busy", type=int, default=4, help="beside so many busy loops, 4 if not said")
    parser.add_argument("--seed", type=int, help="of the first run's order; each further one's is the next")
    parser.add_argument("--backwards", action="store_true", help="one run, the last test of the usual order first")
    parser.add_argument("pytest", nargs="*", help="what else pytest is told, after --")
    asked = parser.parse_args(arguments)
    first = random.randrange(10**6) if asked.seed is None else asked.seed
    with busy(asked.busy):
        if asked.backwards:
            return subprocess.run(
                [sys.executable, "-m", "pytest", "--backwards", *asked.pytest], check=False
            ).returncode
        for n, seed in enumerate(range(first, first + asked.runs), 1):
            began = time.monotonic()
            if code := subprocess.run(in_order(seed, asked.pytest), check=False).returncode:
                print(f"run {n} of {asked.runs} is red. The same order: --runs 1 --seed {seed}", flush=True)
                return code
            print(f"run {n} of {asked.runs}: green, seed {seed}, {time.monotonic() - began:.0f} s", flush=True)
    return 0


def in_order(seed: int, more: Sequence[str]) -> list[str]:
    """The command of a run in the order that the seed says. What tests draw themselves stays as it is."""
    order = ["-p", "pytest_randomly", f"--randomly-seed={seed}", "--randomly-dont-reset-seed"]
    return [sys.executable, "-m", "pytest", *order, *more]


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that do nothing but compute; they end when this one does, however it ends."""
    program = f"import os\nwhile os.getppid() == {os.getpid()}:\n    sum(range(100_000))"
    loops = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


if __name__ == "__main__":
    sys.exit(main())
