"""`rujukan agencies sync`: bring a Kafka cluster in line with the agencies of the network."""

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ..settings import Settings
from .evidence import Failed

if TYPE_CHECKING:
    from ..kafka.planning import Member

CATCH_UP_SECONDS = 10.0


OF_SYNC = (
    *("replication", "min_insync", "retention", "quota_bytes_in", "quota_bytes_out", "credentials", "new_password"),
    "dry_run",
)


def add_sync(parser: argparse.ArgumentParser) -> None:
    """`sync`, and what goes with it."""
    parser.add_argument(
        "what", nargs="?", choices=("list", "sync"), default="list", help="sync: topics, users, permissions, quotas"
    )
    kafka = parser.add_argument_group("sync", "what is not said stays as it is, or is usual where it is new")
    kafka.add_argument("--replication", type=int, metavar="N", help="brokers that keep each topic")
    kafka.add_argument("--min-insync", type=int, metavar="N", help="that must have a message before it counts")
    kafka.add_argument("--retention", type=int, metavar="DAYS", help="how long messages stay (new topics: 30)")
    kafka.add_argument("--quota-bytes-in", type=int, metavar="N", help="an agency may write each second (1 MiB)")
    kafka.add_argument("--quota-bytes-out", type=int, metavar="N", help="an agency may read each second (20 MiB)")
    kafka.add_argument("--credentials", type=Path, metavar="DIR", help="for new passwords (default DATA/credentials)")
    kafka.add_argument("--new-password", action="append", default=[], metavar="CODE", help="of this agency")
    kafka.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")


def sync(settings: Settings, said: argparse.Namespace) -> int:
    """Bring Kafka in line with the agencies."""
    from kafka.errors import KafkaError

    from ..kafka import syncing
    from ..kafka.access import admin_access
    from ..kafka.planning import Options
    from ..system import running

    settings = running(settings)
    options = Options(
        replication=said.replication,
        min_insync=said.min_insync,
        retention_days=said.retention,
        quota_bytes_in=said.quota_bytes_in,
        quota_bytes_out=said.quota_bytes_out,
    )
    credentials = said.credentials or settings.data / "credentials"
    try:
        planned = syncing.sync(
            admin_access(settings),
            members(settings),
            options,
            credentials,
            frozenset(said.new_password),
            said.dry_run,
            lambda step: print(f"would {step}" if said.dry_run else step, flush=True),
        )
    except KafkaError as problem:
        raise Failed(f"Kafka could not be asked: {type(problem).__name__}") from problem
    for notice in planned.notices:
        print(f"notice: {notice}", file=sys.stderr)
    if not planned.steps:
        print("nothing to do")
    return 0


def members(settings: Settings) -> "list[Member]":
    """The network's agencies, as the list has them once it is up to date."""
    from ...api.application.ports import NOBODY
    from ...projections import directory
    from .. import composition
    from ..kafka.planning import Member

    with composition.acting(settings) as node:
        give_up = time.monotonic() + CATCH_UP_SECONDS
        while any(behind for _, behind in node.views.lag()) and time.monotonic() < give_up:
            time.sleep(0.05)
        return [Member(agency.code, agency.active) for agency in node.views.ask(NOBODY, directory.members)]
