"""A newcomer's first hour, by the documents' own blocks: each is run as it stands, in order, in one shell and a fresh
directory; then what goes wrong in a first hour. Every block for a shell is run by a test, or says why not."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pages import NOT_RUN, TOP, pages, shell_blocks, to_run

from rujukan.infra.services.broker import free_port

README, QUICKSTART = TOP / "README.md", TOP / "consumers" / "QUICKSTART.md"
SET_UP = "pip install"
BESIDE = (TOP / "api" / "README.md", TOP / "consumers" / "README.md", TOP / "infra" / "README.md")
"""Their blocks work on what the README's made, and are run before its last, which stops it."""
WRONG_KEY = """
rujukan keygen wrong.key > /dev/null
rujukan subscribe rsud --key wrong.key --service-key service.pub --feed http://localhost:8129 --token-file rsud.token \
  --inbox wrong.db > wrong.out 2> wrong.err &
until grep -q "which none of the keys here opens" wrong.err; do sleep 0.2; done
kill $!; if wait $!; then false; fi
test ! -s wrong.out
if rujukan inbox rsud --inbox wrong.db > wrong.state; then false; fi
grep -q "waits: number 1 is sealed to the key 1" wrong.state
rujukan subscribe rsud --key rsud.key --service-key service.pub --feed http://localhost:8129 --token-file rsud.token \
  --inbox wrong.db --stop-after 3 > right.out
test $(wc -l < right.out) = 3
"""
KILLED = """
rujukan deliveries > before.txt
kill -KILL $(cat .rujukan/lock); wait %1 || true
rujukan up > again.log 2>&1 &
until curl -sf localhost:8129/health > /dev/null; do sleep 0.2; done
rujukan deliveries > after.txt
awk 'NR == FNR { told[$1] = $2; next } { if ($2 + 0 < told[$1] + 0) lost = 1; delete told[$1] }
  END { for (agency in told) lost = 1; exit lost }' before.txt after.txt
"""
SECOND_START = """
rujukan up > second.log 2>&1 &
until curl -sf localhost:8129/health > /dev/null; do sleep 0.2; done
rujukan agencies > listed.txt
grep -q rsud listed.txt
rujukan down
"""


def test_every_block_for_a_shell_is_run_or_says_why_not() -> None:
    run = {README, QUICKSTART, *BESIDE}
    for page in pages():
        for block in shell_blocks(page):
            first = block.splitlines()[0]
            assert page in run or first.startswith(NOT_RUN), f"{page.relative_to(TOP)}: {first}"
            if first.startswith(NOT_RUN):
                reason = first.partition(":")[2].strip()
                assert len(reason.split()) > 3, f"{page.relative_to(TOP)} does not say why: {first}"
                for named in re.findall(r"tests/\S+\.py", reason):
                    assert (TOP / named.rstrip(")")).is_file(), named


def ran(script: list[str], here: Path, seconds: float, port: int) -> subprocess.CompletedProcess[str]:
    """In one shell, as whoever pastes them has; where one fails it ends."""
    end = "trap 'rujukan down > /dev/null 2>&1 || true; kill $(jobs -p) 2> /dev/null || true' EXIT"
    text = "\n".join(["set -euo pipefail", end, *script]).replace("8129", str(port))
    environment = {name: said for name, said in os.environ.items() if not name.startswith(("RUJUKAN_", "PYTEST"))}
    return subprocess.run(
        ["bash", "-m", "-c", text],
        cwd=here,
        env={**environment, "RUJUKAN_PORT": str(port)},
        capture_output=True,
        text=True,
        timeout=seconds,
    )


@pytest.mark.thorough
@pytest.mark.timeout(1800)
def test_what_the_documents_say_works_as_it_stands(places: Callable[[], Path]) -> None:
    here = places()
    (here / ".venv").symlink_to(sys.prefix)
    blocks = [block for block in to_run(README) if SET_UP not in block]
    assert "rujukan down" in blocks[-1]
    beside = [block for page in BESIDE for block in to_run(page)]
    done = ran([*blocks[:-1], *beside, WRONG_KEY, KILLED, blocks[-1], SECOND_START], here, 1700, free_port())
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    sent = [line for line in done.stdout.splitlines() if line.startswith('{"topic":"case.ReferralSent"')]
    assert len(sent) == 2, "over Kafka and over HTTP"
    assert "PASSED THE CHECK" in done.stdout
    assert "events are what was sealed" in done.stdout


@pytest.mark.thorough
@pytest.mark.timeout(3000)
def test_the_first_command_sets_it_up_and_plays_the_main_job(places: Callable[[], Path]) -> None:
    """In what somebody has who cloned it, and nothing else."""
    here = places()
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=TOP, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("this is no clone")
    for name in filter(None, listed.stdout.decode().split("\0")):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_bytes((TOP / name).read_bytes())
    (first,) = [block for block in to_run(README) if SET_UP in block]
    done = ran([first], here, 2900, free_port())
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
