"""`rujukan rebuild`: a read model folded anew, by one process or several."""

import os
import subprocess
import sys
from contextlib import ExitStack

from msgspec.structs import replace

from .. import composition
from ..settings import Settings, to_environment

NOT_NEEDED = "-"
"""What is said of Kafka where nobody asked for it: only the database is used."""


def rebuild(settings: Settings, name: str, workers: int = 1) -> int:
    """Fold it anew, in so many processes, this one among them (more than there are shards find nothing to do); how
    many events this one folded. Raises RebuildRunning."""
    with ExitStack() as closing:
        source = closing.enter_context(composition.follower(settings))
        runner = closing.enter_context(composition.runner(settings, source))

        def begun() -> None:
            for _ in range(workers - 1):
                helper = subprocess.Popen(
                    [sys.executable, "-m", "rujukan.infra.cli", "rebuild", name, "--help-another"],
                    env={**os.environ, **to_environment(replace(settings, kafka=settings.kafka or NOT_NEEDED))},
                )
                closing.callback(_end, helper)

        return runner.rebuild(name, begun=begun)


def help_another(settings: Settings, name: str) -> int:
    """Fold shards of what another process rebuilds; how many events were folded here."""
    with composition.follower(settings) as source, composition.runner(settings, source) as runner:
        return runner.help_rebuild(name)


def _end(helper: subprocess.Popen[bytes]) -> None:
    helper.terminate()
    helper.wait()
