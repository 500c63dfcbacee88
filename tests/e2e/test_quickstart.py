"""The quickstart page, run as it stands: every block, in order, in one shell."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pages import NOT_RUN

from rujukan.infra.services.broker import free_port

PAGE = Path(__file__).parents[2] / "consumers" / "QUICKSTART.md"
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.thorough
@pytest.mark.timeout(300)
def test_every_block_of_the_quickstart_works(places: Callable[[], Path]) -> None:
    here = places()
    script = ["set -euo pipefail", "trap 'kill -TERM %1; wait %1' EXIT"]
    for language, text in BLOCK.findall(PAGE.read_text("utf-8")):
        if language == "sh":
            script += [] if text.startswith(NOT_RUN) else [text]
        else:
            (here / text.splitlines()[0].removeprefix("# ")).write_text(text)
    port = str(free_port())
    ran = subprocess.run(
        ["bash", "-m", "-c", "\n".join(script).replace("8129", port)],
        cwd=here,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=850,
    )
    assert ran.returncode == 0, ran.stderr
    sent = [line for line in ran.stdout.splitlines() if "case.ReferralSent" in line]
    assert len(sent) == 3, "received by the command over Kafka and over HTTP, and by the handler"
    assert '"handled_at":"2' in ran.stdout
