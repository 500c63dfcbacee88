"""What a long case costs, a note, beside a short one: folded, written to, and shown a page of. And what a follower
holds in memory after many cases, beside after a tenth of them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median
from uuid import UUID, uuid4

from events import ACT, NOW
from harness import Bench, Measured, beside
from measure_rebuild import written_cases
from msgspec.structs import replace

from rujukan.api.application.casework import Casework
from rujukan.api.application.kinds import CASE
from rujukan.api.application.lists import Lists
from rujukan.api.application.reading import Asked, Reading
from rujukan.domain.case import decide, fold
from rujukan.domain.case.intake import OpenCase
from rujukan.domain.case.notes import RecordNote
from rujukan.domain.codes import AgeGroup, Channel, Reporter, Urgency
from rujukan.domain.compartment import Compartment
from rujukan.domain.fact import Act, Fact, NoteId
from rujukan.infra import composition
from rujukan.infra.settings import to_environment
from rujukan.infra.store.event_store import EventStore, Stream
from rujukan.projections import timeline

SHORT, LONG = 1_000, 10_000
AT_ONCE = 500
PAGE = 50
TRIES = 7
MEMORY_MB = 8
CASES = 3_000
"""As many as weigh several times that."""


def run(bench: Bench) -> list[Measured]:
    found: list[Measured] = []
    with bench.database() as settings, composition.service(settings, connections=4) as ports:
        with composition.writer(settings) as store:
            cases = {notes: _written(store, notes) for notes in (SHORT, LONG)}
            events = {notes: [opened.event for opened in store.read(case)] for notes, case in cases.items()}
        with composition.follower(settings) as source, composition.runner(settings, source) as runner:
            runner.catch_up()
        casework = Casework(ports.log, ports.macs, ports.deliveries)
        reading, lists = Reading(casework, ports.log, ports.opener), Lists(ports.views)
        folded = {n: _ms(lambda n=n: fold(events[n])) / n * 1e3 for n in cases}
        read = {n: _ms(lambda n=n: Casework(ports.log, ports.macs).case(cases[n]), 3) / n * 1e3 for n in cases}
        for case in cases.values():
            casework.handle(CASE, case, _note(), _now(), correlation=uuid4())
        written = {
            n: _ms(lambda n=n: casework.handle(CASE, cases[n], _note(), _now(), correlation=uuid4())) for n in cases
        }
        shown = {n: _ms(lambda n=n: _page(reading, lists, casework, cases[n], n // 2)) for n in cases}
        short = f"of {SHORT:,}"
        found.append(beside(f"fold a case of {LONG:,} notes, a note", folded[LONG], "µs", short, folded[SHORT], True))
        found.append(beside("the same, read and opened from the store", read[LONG], "µs", short, read[SHORT], True))
        found.append(beside("a note more in it, stored", written[LONG], "ms", short, written[SHORT], True))
        found.append(beside(f"a page of {PAGE} of its timeline", shown[LONG], "ms", short, shown[SHORT], True))
    return found + _follower(bench)


def _follower(bench: Bench) -> list[Measured]:
    """A process of its own that follows with little memory for cases."""
    with bench.database() as settings:
        settings = replace(settings, case_memory_mb=MEMORY_MB)
        with composition.writer(settings) as store:
            for _ in range(CASES // 600):
                written_cases(store, notes=8)
        out = subprocess.run(
            [sys.executable, "-c", _FOLLOWS],
            env=to_environment(settings) | _here(),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    tenth, all_of_them = json.loads(out.splitlines()[-1])
    name = f"a follower of {CASES:,} cases, {MEMORY_MB} MiB for cases: it holds"
    return [beside(name, all_of_them, "MB", f"after {CASES // 10:,}", tenth, True)]


_FOLLOWS = """
import json, psutil
from rujukan.infra import composition
from rujukan.infra.settings import from_environment
held = lambda: psutil.Process().memory_info().rss / 1e6
on, seen, found = from_environment(), 0, []
with composition.follower(on) as source, composition.runner(on, source) as runner:
    total = source.head()
    def count(batch):
        global seen
        seen += batch
        if not found and seen >= total / 10:
            found.append(held())
    runner.catch_up(count)
    print(json.dumps([*found, held()]))
"""


def _here() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}


def _ms(work: Callable[[], object], tries: int = TRIES) -> float:
    took = []
    for _ in range(tries):
        began = time.perf_counter()
        work()
        took.append(1e3 * (time.perf_counter() - began))
    return median(took)


def _page(reading: Reading, lists: Lists, casework: Casework, case: UUID, after: int) -> None:
    """As the API makes it: what the list says was told, put on record as read, and opened."""
    act = _now()
    rows = lists.ask(act, timeline.entries, case, after=after, limit=PAGE)
    told = {row.position: frozenset(map(Compartment, row.compartments)) for row in rows}
    seen = reading.open(Asked(act, uuid4()), case, casework.readable(case, told, act), "timeline").seen
    assert len(seen) == PAGE


def _now() -> Act:
    return replace(ACT, at=composition.now())


def _note() -> Fact:
    return RecordNote(occurred_at=NOW, note=NoteId(uuid4()), subject="s" * 100, psychosocial="p" * 220)


def _written(store: EventStore, notes: int) -> UUID:
    opening = OpenCase(
        occurred_at=NOW,
        channel=Channel.HOTLINE,
        reporter=Reporter.SURVIVOR,
        urgency=Urgency.URGENT,
        age_group=AgeGroup.ADULT,
    )
    case, version = uuid4(), 0
    events = list(decide(opening, None, ACT, {}))
    known = fold(events)
    while version < notes:
        while len(events) < AT_ONCE:
            events += decide(_note(), known, ACT, {})
        store.append([Stream(case, version, events)], ACT, correlation=case, causation=case)
        version, events = version + len(events), []
    return case
