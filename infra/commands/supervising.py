"""`rujukan status` and `rujukan down`: whether a system runs on a data directory, and its end."""

import argparse
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ..settings import Settings
from ..system import running, supervisor
from .evidence import Failed

if TYPE_CHECKING:
    from ..services.postgres import EmbeddedPostgres

NOTHING_RUNS = 3
"""Status of `rujukan status` where nothing runs, as the one of a service."""
DOWN_SECONDS = 60.0


def status(settings: Settings, said: argparse.Namespace) -> int:
    """Print what runs on the data directory; 3 where nothing does."""
    pid = supervisor(settings.data)
    if pid is None:
        left = _left(settings.data)
        database = left.postmaster() if left is not None else None
        more = ""
        if database is not None:
            more = f" but its database (process {database.pid}): rujukan up goes on with it, rujukan down stops it"
        print(f"nothing runs on {settings.data}{more}")
        return NOTHING_RUNS
    there = running(settings)
    print(f"a system runs on {settings.data}: process {pid}, API http://{there.host}:{there.port}")
    print("how its work goes: rujukan health")
    return 0


def _left(data: Path) -> "EmbeddedPostgres | None":
    """The embedded database, which outlives a supervisor that is killed; None where there is none, or where what
    would look is not installed."""
    if not (data / "postgres" / "postmaster.pid").exists():
        return None
    try:
        from ..services.postgres import EmbeddedPostgres
    except ImportError:
        return None
    return EmbeddedPostgres(data / "postgres")


def down(settings: Settings, said: argparse.Namespace) -> int:
    """Stop the system that runs on the data directory, as Ctrl-C does. Raises Failed where it does not stop."""
    pid = supervisor(settings.data)
    if pid is None:
        left = _left(settings.data)
        database = left.postmaster() if left is not None else None
        if left is None or database is None:
            there = "" if settings.data.exists() else ", which is not there"
            print(f"nothing runs on {settings.data}{there}: there is nothing to stop")
            return 0
        left.stop()
        print(f"stopped: the database (process {database.pid}) on {settings.data}, all that was left of a system")
        return 0
    os.kill(pid, signal.SIGTERM)
    give_up = time.monotonic() + DOWN_SECONDS
    while supervisor(settings.data) is not None:
        if time.monotonic() > give_up:
            raise Failed(f"process {pid} was told to stop and still runs after {DOWN_SECONDS:.0f} s: see its logs")
        time.sleep(0.1)
    print(f"stopped: process {pid} on {settings.data}")
    return 0
