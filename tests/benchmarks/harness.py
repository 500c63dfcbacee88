"""Every number and its peer, in one run on one machine.

    rujukan bench append read seal rebuild http fair fanout topics [--json FILE]

The JSON is a list of {name, ours, unit, peer, peer_value, ratio}. Peers that need Node and npm are left out,
and said to be, where those are not there.
"""

import argparse
import importlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
from msgspec import Struct, structs
from psycopg.conninfo import make_conninfo
from rich.console import Console
from rich.table import Table

from rujukan.infra import composition
from rujukan.infra.services.postgres import EmbeddedPostgres
from rujukan.infra.settings import LIMIT, Settings

ALL = ("append", "read", "seal", "rebuild", "http", "fair", "fanout", "topics")
ALL += ("subscribe", "history", "ledger", "bundle", "standing", "long")
UNLIMITED: dict = {name: 0 for name in Settings.__struct_fields__ if name.startswith(LIMIT)}
"""How fast it is, whoever asks."""
LONG = ("replay",)
"""What takes ten minutes, and only by name."""


class Measured(Struct):
    """One number of ours beside one of a peer's, or a target. `ratio` is ours to the peer's, the way up is good."""

    name: str
    ours: float
    unit: str
    peer: str
    peer_value: float | None
    ratio: float | None


def beside(
    name: str, ours: float, unit: str, peer: str, value: float | None, lower_is_better: bool = False
) -> Measured:
    """A measurement with its ratio."""
    ratio = None if not value or not ours else round((value / ours) if lower_is_better else (ours / value), 3)
    return Measured(name, round(ours, 2), unit, peer, round(value, 2) if value else None, ratio)


class Bench:
    """Where the benchmarks run: a PostgreSQL server of their own, in a directory of their own."""

    def __init__(self, directory: Path, seconds: float, workers: int = 1) -> None:
        self.directory = directory
        self.seconds = seconds
        self.workers = workers
        self.postgres = EmbeddedPostgres(directory / "postgres")
        self.conninfo = self.postgres.start()
        self._peers: list[dict] | None = None

    @contextmanager
    def database(self, shards: int = 1) -> Iterator[Settings]:
        """A fresh migrated database, its read models in so many parts."""
        name = f"b{uuid4().hex[:12]}"
        with psycopg.connect(self.conninfo, autocommit=True) as db:
            db.execute(f"CREATE DATABASE {name}")
        database = make_conninfo(self.conninfo, dbname=name)
        settings = Settings(data=self.directory / name, database=database, network="bench", shards=shards)
        composition.prepare(settings)
        yield settings
        with psycopg.connect(self.conninfo, autocommit=True) as db:
            db.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def peers(self, what: set[str]) -> list[dict]:
        """The peers' numbers of these kinds, measured once in this run, on the same server."""
        from peers.peers import run

        if self._peers is None:
            self._peers = run(self.conninfo, self.directory / "peers", self.seconds)
        return [r for r in self._peers if r["what"] in what]


def timed(work: Callable[[], object], seconds: float, batch: int = 1) -> float:
    """How many times a second `work` runs, each run counting `batch`; it is run for so long, after one warm-up."""
    work()
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        work()
        count += batch
    return count / (time.perf_counter() - started)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="+", choices=(*ALL, *LONG, "all"))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--workers", type=int, default=1)
    said = parser.parse_args()
    what = ALL if "all" in said.what else [w for w in (*ALL, *LONG) if w in said.what]
    sys.path.insert(0, str(Path(__file__).parent))
    console, results = Console(), []
    with tempfile.TemporaryDirectory(prefix="rujukan-bench-", ignore_cleanup_errors=True) as directory:
        bench = Bench(Path(directory), said.seconds, said.workers)
        try:
            for name in what:
                with console.status(name):
                    results += importlib.import_module(f"measure_{name}").run(bench)
        finally:
            bench.postgres.stop()
    table = Table("what", "ours", "unit", "beside", "its value", "ratio")
    for m in results:
        table.add_row(
            m.name, f"{m.ours:,}", m.unit, m.peer, f"{m.peer_value:,}" if m.peer_value else "-", f"{m.ratio or '-'}"
        )
    console.print(table)
    if said.json:
        said.json.write_text(json.dumps([structs.asdict(m) for m in results], indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
