"""`rujukan status` and `rujukan down`: whether a system runs on a data directory, and its end."""

import argparse
import os
import signal
import time

from ..settings import Settings
from ..system import running, supervisor
from .evidence import Failed

NOTHING_RUNS = 3
"""Status of `rujukan status` where nothing runs, as the one of a service."""
DOWN_SECONDS = 60.0


def status(settings: Settings, said: argparse.Namespace) -> int:
    """Print what runs on the data directory; 3 where nothing does."""
    pid = supervisor(settings.data)
    if pid is None:
        print(f"nothing runs on {settings.data}")
        return NOTHING_RUNS
    there = running(settings)
    print(f"a system runs on {settings.data}: process {pid}, API http://{there.host}:{there.port}")
    print("how its work goes: rujukan health")
    return 0


def down(settings: Settings, said: argparse.Namespace) -> int:
    """Stop the system that runs on the data directory, as Ctrl-C does. Raises Failed where it does not stop."""
    pid = supervisor(settings.data)
    if pid is None:
        print(f"nothing runs on {settings.data}: there is nothing to stop")
        return 0
    os.kill(pid, signal.SIGTERM)
    give_up = time.monotonic() + DOWN_SECONDS
    while supervisor(settings.data) is not None:
        if time.monotonic() > give_up:
            raise Failed(f"process {pid} was told to stop and still runs after {DOWN_SECONDS:.0f} s: see its logs")
        time.sleep(0.1)
    print(f"stopped: process {pid} on {settings.data}")
    return 0
