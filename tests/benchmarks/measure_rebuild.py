"""Rebuilding read models from the log: read, open, fold, write. One process, one core beside PostgreSQL's."""

import time
from uuid import uuid4

from events import ACT, NOW
from harness import Bench, Measured, beside

from rujukan.domain.case import decide, fold
from rujukan.domain.case.intake import OpenCase
from rujukan.domain.case.notes import RecordNote
from rujukan.domain.codes import AgeGroup, Channel, Reporter, Urgency
from rujukan.domain.fact import NoteId
from rujukan.infra import composition
from rujukan.infra.store.event_store import EventStore, Stream

CASES = 600
NOTES = 98
TARGET = 25_000.0


def run(bench: Bench) -> list[Measured]:
    found: list[Measured] = []
    with bench.database() as settings:
        with composition.writer(settings) as store:
            _cases(store)
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


def _cases(store: EventStore) -> None:
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
        for _ in range(NOTES):
            note = RecordNote(occurred_at=NOW, note=NoteId(uuid4()), subject="s" * 100, psychosocial="p" * 220)
            events += decide(note, case, ACT, {})
        store.append([Stream(stream, 0, events)], ACT, correlation=stream, causation=stream)
