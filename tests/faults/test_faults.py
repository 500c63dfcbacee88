"""What delivery survives: README.md here. `FAULT_ROUNDS`, `_SEED`, `_KINDS`, `_REPORT`, `_FILES`, `_WITHIN`."""

import os
import random
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rujukan.infra.services.kafka_cluster import KafkaCluster

from .catalogue import can_mount
from .earlier import RELEASES
from .release import NotHere, Release, unpacked
from .rounds import keep, run, run_and_upgraded, say
from .world import World

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "0"))
SEED = int(os.environ.get("FAULT_SEED", random.randrange(10**6) if ROUNDS else 1))
KINDS = os.environ.get("FAULT_KINDS", "embedded,secured,standby" + (",cluster" if ROUNDS else "")).split(",")
SHORT = {"embedded": 8, "secured": 2, "cluster": 4, "standby": 2}
ASKED_FOR = any(name.startswith("FAULT_") for name in os.environ)
"""A run that does not ask for it by name leaves it out, unless it is thorough."""
DISK = f"size={192 + 2 * ROUNDS}m"
"""Of the broker whose disk is filled: enough for what is written while none does."""


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=() if ASKED_FOR else pytest.mark.thorough) for kind in KINDS]
)
@pytest.mark.timeout(600 + 60 * ROUNDS)
def test_whatever_goes_wrong_every_agency_handles_exactly_what_it_may_know_once_and_in_order(kind, places):
    if kind in ("secured", "cluster") and not KafkaCluster.available():
        pytest.skip("Java 17 and Maven are not here")
    rounds = ROUNDS or SHORT[kind]
    say(f"FAULT_KINDS={kind} FAULT_SEED={SEED} FAULT_ROUNDS={rounds} repeats these faults")
    kept, within = os.environ.get("FAULT_FILES"), os.environ.get("FAULT_WITHIN")
    with world_of(kind, Path(kept) / f"{kind}-{SEED}" if kept else places()) as (world, disk):
        say(f"files: {world.directory}")
        report = run(world, SEED, rounds, disk, short=not ROUNDS, within=float(within) if within else None)
    print("\n".join(report.lines()))
    if file := os.environ.get("FAULT_REPORT"):
        keep(report, file)
    assert report.rounds >= rounds
    assert report.refused_opening


EARLIER = RELEASES if ASKED_FOR else list(RELEASES)[:2]


@pytest.mark.thorough
@pytest.mark.parametrize("release", EARLIER)
def test_what_an_earlier_release_told_is_a_fact_for_this_one_and_asked_back(release, places):
    """Its own processes, from the history, run the system under load; then this release runs it."""
    directory = places()
    (directory / "release").mkdir()
    try:
        earlier = unpacked(RELEASES[release], directory / "release")
    except NotHere as why:
        pytest.skip(f"the release cannot be had: {why}")
    with world_of("embedded", directory, earlier) as (world, _):
        say(f"files: {world.directory}")
        print("\n".join(run_and_upgraded(world, SEED).lines()))


@contextmanager
def world_of(kind: str, directory: Path, release: Release | None = None) -> Iterator[tuple[World, Path | None]]:
    """A world that runs; and where it has a small disk, where that is."""
    mounted: list[Path] = []

    def mount(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", DISK, "tmpfs", str(folder)], check=False)
        if done.returncode == 0:
            mounted.append(folder)

    why = can_mount(directory) if kind == "cluster" else "it has one broker"
    disk: Callable[[Path], None] | None = None if why else mount
    world = World(directory, kind, disk, release)
    try:
        world.start()
        if not mounted:
            say(f"no disk is filled: {why or 'it could not be mounted'}")
        yield world, mounted[0] if mounted else None
    finally:
        world.stop()
        for folder in mounted:
            subprocess.run(["umount", "-l", str(folder)], check=False)
