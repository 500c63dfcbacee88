"""`rujukan import`: brings a log of another system in, or says what that would do."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from ..settings import Settings
from .arguments import require_place


def add_command(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Say what it takes."""
    added = command("import", run, "import a log in XES (IEEE 1849) as cases and referrals")
    added.add_argument("file", type=Path, help="the log: .xes, gzip, or a .zip that holds one")
    added.add_argument(
        "--map", type=Path, metavar="FILE", help="which agency a group is: .toml or .json, [groups] “Group 1” = “rsud”"
    )
    added.add_argument("--dry-run", action="store_true", help="say what would be imported, and store nothing")
    added.add_argument(
        "--anyway", action="store_true", help="also where cases that were erased, or are damaged, may come in again"
    )
    added.add_argument("--json", type=Path, metavar="FILE", help="write the report there too")


def run(settings: Settings, said: argparse.Namespace) -> int:
    """Import, and print what became what. The status of a dry run is 1 where the import would be refused."""
    from ..importing import bringing
    from ..system import running

    require_place("--json", said.json)
    planned, figures = bringing.bring_in(
        running(settings), said.file, mapping=said.map, dry_run=said.dry_run, anyway=said.anyway
    )
    for line in bringing.said(planned, figures, said.dry_run):
        print(line)
    if said.json:
        report = bringing.as_json(planned, figures, said.dry_run)
        said.json.write_text(json.dumps(report, indent=2, ensure_ascii=False))
    doubtful = figures.cases and (figures.erased or figures.damaged) and not said.anyway
    return int(said.dry_run and bool(planned.questions or doubtful))
