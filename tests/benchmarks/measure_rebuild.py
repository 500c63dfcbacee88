"""Rebuilding read models from the log: read, open, fold, write. One process, one core beside PostgreSQL's. With
`--workers N`: so many processes rebuild, and follow, beside one. PostgreSQL works on the same cores, so that N are N
times as fast only where there are more than N."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from uuid import uuid4

import psycopg
from events import ACT, NOW
from harness import Bench, Measured, beside
from msgspec.structs import replace
from psycopg.sql import SQL, Identifier

from rujukan import projections
from rujukan.domain.case import decide, fold
from rujukan.domain.case.intake import OpenCase
from rujukan.domain.case.notes import RecordNote
from rujukan.domain.codes import AgeGroup, Channel, Reporter, Urgency
from rujukan.domain.fact import NoteId
from rujukan.infra import composition
from rujukan.infra.commands.rebuild import NOT_NEEDED, rebuild
from rujukan.infra.settings import Settings, to_environment
from rujukan.infra.store.event_store import EventStore, Stream

CASES = 600
NOTES = 98
TARGET = 25_000.0


SHARED = ("caseload", "timeline", "audit")
LONGER = 3
"""Processes take a second to start: what several rebuild has so many times as many events."""
LOOK_SECONDS = 0.002
WARM = 0.1
"""This part of the log is followed before the clock runs: processes take a second to start."""


def run(bench: Bench) -> list[Measured]:
    return [*_following(bench), *_shared(bench)] if bench.workers > 1 else _each(bench)


def _each(bench: Bench) -> list[Measured]:
    found: list[Measured] = []
    with bench.database() as settings:
        with composition.writer(settings) as store:
            written_cases(store)
        with composition.follower(settings) as source, composition.runner(settings, source) as runner:
            started = time.perf_counter()
            total = 0

            def count(batch: int) -> None:
                nonlocal total
                total += batch

            runner.catch_up(count)
            every = total / (time.perf_counter() - started)
            found.append(
                beside(
                    f"fold all {len(composition.NAMES)} read models at once",
                    every,
                    "events/s",
                    "target for one",
                    TARGET,
                )
            )
        for name in composition.NAMES:
            with composition.follower(settings) as source, composition.runner(settings, source) as runner:
                started = time.perf_counter()
                folded = runner.rebuild(name)
                rate = folded / (time.perf_counter() - started)
                found.append(beside(f"rebuild {name}", rate, "events/s", "target", TARGET))
    return found


def _following(bench: Bench) -> list[Measured]:
    """All read models, by worker processes that share them, behind a register that is there."""
    took = {}
    for workers in (1, bench.workers):
        with bench.database(shards=bench.workers) as settings:
            with composition.writer(settings) as store:
                written_cases(store)
            events = _registered(settings)
            with _at_work(settings, workers) as started:
                took[workers] = _followed(settings, events, started)
    one, several = ((1 - WARM) * events / took[workers] for workers in (1, bench.workers))
    name = f"{len(composition.NAMES)} read models followed by {bench.workers} workers"
    return [beside(name, several, "events/s", "by one", one)]


def _registered(settings: Settings) -> int:
    """Have the register kept until it is where the log is; where that is."""
    stop = Event()
    with ThreadPoolExecutor(1) as thread, psycopg.connect(settings.database, autocommit=True) as db:
        keeping = thread.submit(composition.keep_register, settings, stop)
        try:
            while not (at := db.execute(_REGISTERED).fetchone()) or not at[0]:
                if keeping.done():  # with an error: it keeps until it is stopped
                    keeping.result()
                time.sleep(LOOK_SECONDS)
        finally:
            stop.set()
        keeping.result()
    return int(at[1])


@contextmanager
def _at_work(settings: Settings, workers: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    environment = {**os.environ, **to_environment(replace(settings, kafka=NOT_NEEDED))}
    command = [sys.executable, "-m", "rujukan.infra.cli", "worker"]
    started = [subprocess.Popen(command, env=environment) for _ in range(workers)]
    try:
        yield started
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait()


def _followed(settings: Settings, upto: int, workers: list[subprocess.Popen[bytes]]) -> float:
    """Seconds from when the first part is followed until all is. A worker that ends meanwhile ends the measurement:
    what is left would follow more slowly, or never, and the figure would say nothing."""
    began = 0.0
    with psycopg.connect(settings.database, autocommit=True) as db:
        while True:
            least, mean = db.execute("SELECT min(position), avg(position) FROM follow.processors WHERE live").fetchone()
            now = time.perf_counter()
            began = began or (now if mean >= WARM * upto else 0.0)
            if least >= upto:
                return now - began
            if ended := [worker.returncode for worker in workers if worker.poll() is not None]:
                raise RuntimeError(f"{len(ended)} of {len(workers)} workers ended while measured, with {ended}")
            time.sleep(5 * LOOK_SECONDS)


_REGISTERED = (
    "SELECT r.position >= l.head, l.head FROM delivery.reached r,"
    " (SELECT max(notification_id) AS head FROM log.stored_events) l"
)


def _shared(bench: Bench) -> list[Measured]:
    """In several processes beside one; and how long a reader waits while the new tables are put in place."""
    found: list[Measured] = []
    with bench.database() as settings:
        settings = replace(settings, shards=bench.workers)
        with composition.writer(settings) as store:
            for _ in range(LONGER):
                written_cases(store)
        with composition.follower(settings) as source:
            events = source.head()
        for name in SHARED:
            took = {}
            for workers in (1, bench.workers):
                with _reading(settings, name) as pauses:
                    started = time.perf_counter()
                    rebuild(settings, name, workers)
                    took[workers] = time.perf_counter() - started
            one, several = (events / took[workers] for workers in (1, bench.workers))
            what = f"rebuild {name} in {bench.workers} processes"
            found.append(beside(what, several, "events/s", "in one", one))
            found.append(beside("a reader's longest pause meanwhile", max(pauses) * 1000, "ms", "target", 50, True))
    return found


@contextmanager
def _reading(settings: Settings, name: str) -> Iterator[list[float]]:
    """Reads its first table again and again; how long each took."""
    table = next(p for p in projections.ALL if p.name == name).tables[0]
    stop, pauses = Event(), [0.0]

    def read() -> None:
        with psycopg.connect(settings.database, autocommit=True) as db:
            while not stop.wait(LOOK_SECONDS):
                started = time.perf_counter()
                db.execute(SQL("SELECT * FROM {} LIMIT 50").format(Identifier("views", table))).fetchall()
                pauses.append(time.perf_counter() - started)

    with ThreadPoolExecutor(1) as thread:
        reader = thread.submit(read)
        try:
            yield pauses
        finally:
            stop.set()
        reader.result()


def written_cases(store: EventStore, notes: int = NOTES) -> None:
    opening = OpenCase(
        occurred_at=NOW,
        channel=Channel.HOTLINE,
        reporter=Reporter.SURVIVOR,
        urgency=Urgency.URGENT,
        age_group=AgeGroup.ADULT,
    )
    for _ in range(CASES):
        stream = uuid4()
        events = list(decide(opening, None, ACT, {}))
        case = fold(events)
        for _ in range(notes):
            note = RecordNote(occurred_at=NOW, note=NoteId(uuid4()), subject="s" * 100, psychosocial="p" * 220)
            events += decide(note, case, ACT, {})
        store.append([Stream(stream, 0, events)], ACT, correlation=stream, causation=stream)
