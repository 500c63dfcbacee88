"""Commands a second over HTTP, durable and sealed, with everything running on the same cores: PostgreSQL, broker,
API, projections, publisher, and the load itself."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness import UNLIMITED, Bench, Measured, beside

from rujukan.api.application.casework import Casework
from rujukan.domain.codes import Role
from rujukan.infra import composition
from rujukan.infra.demo import network
from rujukan.infra.issuer import usual_actor
from rujukan.infra.settings import Settings
from rujukan.infra.system import System

CONNECTIONS = (8, 32)
TARGET, TARGET_P99 = 600.0, 150.0


def run(bench: Bench) -> list[Measured]:
    found: list[Measured] = []
    with everything() as (system, token, _):
        load(system, token, 8, 2.0)
        for connections in CONNECTIONS:
            told = load(system, token, connections, max(bench.seconds, 5.0))
            assert told["errors"] == 0, told
            rate = told["commands"] / told["seconds"]
            name = f"over HTTP, {connections} connections"
            found.append(beside(name, rate, "commands/s", "target", TARGET))
            found.append(beside(f"{name}, p50", told["p50"], "ms", "target", TARGET_P99, True))
            found.append(beside(f"{name}, p99", told["p99"], "ms", "target", TARGET_P99, True))
        paced = load(system, token, 32, max(bench.seconds, 5.0), rate=TARGET)
        found.append(
            beside(f"over HTTP, at {TARGET:.0f} commands/s, p99", paced["p99"], "ms", "target", TARGET_P99, True)
        )
    return found


@contextmanager
def everything(limits: dict | None = None) -> Iterator[tuple[System, str, dict]]:
    """A whole system with its agencies, and a token of the lead's case worker; their keys. Without limits, unless they
    are said."""
    with tempfile.TemporaryDirectory(prefix="rujukan-bench-", ignore_cleanup_errors=True) as directory:
        system = System(Settings(data=Path(directory), port=0, **(limits or UNLIMITED)))
        system.start()
        try:
            settings = system.settings
            with composition.service(settings, connections=2) as ports:
                keys = network.set_up(Casework(ports.log, ports.macs), settings.data / "agencies")
            issuer = composition.issuer(settings)
            actor = usual_actor("uptd-ppa", Role.CASE_WORKER)
            yield system, issuer.token(actor, "uptd-ppa", [Role.CASE_WORKER]), keys
        finally:
            system.stop()


def load(system: System, token: str, connections: int, seconds: float, rate: float = 0, path: str = "-") -> dict:
    """Run the load; what it counted."""
    settings = system.settings
    script = str(Path(__file__).with_name("load.py"))
    arguments = [settings.host, str(settings.port), token, str(connections), str(seconds), str(rate), path]
    out = subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, check=True).stdout
    return dict(json.loads(out))
