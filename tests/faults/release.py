"""An earlier release of the service, from the history of this repository."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from rujukan.consumers.wire.envelope import AgencyKey
from rujukan.infra.demo import network
from rujukan.infra.settings import Settings, to_environment

REPOSITORY = Path(__file__).parents[2]


class NotHere(Exception):
    """The history of the repository is not here, or does not go back that far."""


class Release(NamedTuple):
    """An earlier release, unpacked."""

    path: Path
    """Of its modules, as PYTHONPATH has it."""
    variables: frozenset[str]
    """By which it is told its settings."""

    @property
    def library(self) -> dict[str, str]:
        """The environment of who uses its modules."""
        return {"PYTHONPATH": str(self.path)}

    def environment(self, settings: Settings) -> dict[str, str]:
        """Of the service's processes."""
        said = to_environment(settings)
        return {**self.library, **{name: said[name] for name in said.keys() & self.variables}}

    def prepare(self, settings: Settings, keys: Path) -> dict[str, AgencyKey]:
        """Have it migrate the database and let the agencies in; agency → its key."""
        _python(self.environment(settings), _PREPARE, str(keys))
        return {m.code: AgencyKey.from_json((keys / f"{m.code}.key").read_bytes()) for m in network.BONTANG}


def unpacked(commit: str, to: Path) -> Release:
    """The release of which that is the last commit. Raises NotHere."""
    archive = to / "archive.tar"
    git = ["git", "archive", "-o", str(archive), commit]
    try:
        done = subprocess.run(git, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise NotHere("there is no git") from None
    if done.returncode:
        raise NotHere(f"git does not have {commit}: {done.stderr.strip()}")
    subprocess.run(["tar", "-xf", str(archive)], cwd=to, check=True)
    path = to / ".src"
    path.mkdir(exist_ok=True)
    (path / "rujukan").symlink_to("..")
    file, known = json.loads(_python({"PYTHONPATH": str(path)}, _KNOWN))
    assert Path(file).resolve().is_relative_to(to.resolve()), "the code that runs is not that of the release"
    return Release(path, frozenset(known))


def _python(environment: dict[str, str], program: str, *about: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", program, *about],
        env={**os.environ, **environment},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


_KNOWN = """
import json
from rujukan.infra import settings as s
print(json.dumps([s.__file__, [s.PREFIX + name.upper() for name in s.Settings.__struct_fields__]]))
"""
_PREPARE = """
import sys
from pathlib import Path
from rujukan.api.application.casework import Casework
from rujukan.infra import composition
from rujukan.infra.demo import network
from rujukan.infra.settings import from_environment
settings = from_environment()
composition.prepare(settings)
with composition.service(settings, connections=2) as ports:
    network.set_up(Casework(ports.log, ports.macs), Path(sys.argv[1]))
"""
