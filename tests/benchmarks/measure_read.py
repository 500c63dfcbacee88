"""Whole 100-event streams read, opened and decoded a second; beside stores that read in clear."""

import subprocess
import sys
import time
from pathlib import Path
from uuid import UUID, uuid4

from events import ACT, one_compartment
from harness import Bench, Measured, beside, timed

from rujukan.infra import composition
from rujukan.infra import settings as settings_of
from rujukan.infra.store.event_store import Stream

STREAMS = 200
PROCESSES = 2


def run(bench: Bench) -> list[Measured]:
    with bench.database() as settings:
        with composition.writer(settings) as store:
            streams = [uuid4() for _ in range(STREAMS)]
            for stream in streams:
                events = [one_compartment() for _ in range(100)]
                store.append([Stream(stream, 0, events)], ACT, correlation=stream, causation=stream)
            turn = iter(range(10**9))
            one = timed(lambda: store.read(streams[next(turn) % STREAMS]), bench.seconds)
            pages, started = 0, time.perf_counter()
            at = 0
            while page := store.recorder.select_notifications(at, 2000, inclusive_of_start=False):
                pages += len(store.open_all(page))
                at = page[-1].id
            scan = pages / (time.perf_counter() - started)
        environment = settings_of.to_environment(settings)
        command = [sys.executable, str(Path(__file__)), str(bench.seconds), *map(str, streams)]
        children = [
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)
        ]
        several = sum(float(child.communicate()[0]) for child in children)
    peers = bench.peers({"read", "scan"})
    found: list[Measured] = []
    for p in peers:
        if p["what"] == "read" and p["clients"] == 1:
            found.append(beside("read 100-event streams, one reader", one, "streams/s", p["peer"], p["value"]))
        elif p["what"] == "read":
            name = f"read 100-event streams, {PROCESSES} processes"
            found.append(beside(name, several, "streams/s", f"{p['peer']}, {p['clients']} clients", p["value"]))
        else:
            found.append(beside("scan the log, opened", scan, "events/s", p["peer"], p["value"]))
    return found


def _child(seconds: float, streams: list[UUID]) -> None:
    with composition.writer(settings_of.from_environment()) as store:
        turn = iter(range(10**9))
        print(timed(lambda: store.read(streams[next(turn) % len(streams)]), seconds))


if __name__ == "__main__":
    _child(float(sys.argv[1]), [UUID(s) for s in sys.argv[2:]])
