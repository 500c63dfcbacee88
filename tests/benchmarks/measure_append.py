"""Durable appends a second, one event a commit, sealed; beside stores that write in clear."""

import time
from threading import Thread
from uuid import uuid4

from events import ACT, one_compartment
from harness import Bench, Measured, beside

from rujukan.infra import composition
from rujukan.infra.store.event_store import EventStore, Stream

CLIENTS = (1, 8, 32, 128)


def run(bench: Bench) -> list[Measured]:
    ours: dict[int, float] = {}
    with bench.database() as settings, composition.writer(settings) as store:
        for clients in CLIENTS:
            _measure(store, clients, 1.0)
            ours[clients] = _measure(store, clients, bench.seconds)
        batch = _batch(store, bench.seconds)
    peers = bench.peers({"append", "batch"})
    found: list[Measured] = []
    for clients in CLIENTS:
        beside_us = [p for p in peers if p["what"] == "append" and p["clients"] == clients]
        found += [
            beside(f"append, {clients} clients", ours[clients], "events/s", p["peer"], p["value"]) for p in beside_us
        ] or [beside(f"append, {clients} clients", ours[clients], "events/s", "none", None)]
    found += [
        beside("append, 100 events a commit", batch, "events/s", p["peer"], p["value"])
        for p in peers
        if p["what"] == "batch" and p["clients"] == 1
    ]
    return found


def _measure(store: EventStore, clients: int, seconds: float) -> float:
    counts: list[int] = []

    def client() -> None:
        count, end = 0, time.perf_counter() + seconds
        while True:
            stream = uuid4()
            for version in range(100):
                if time.perf_counter() >= end:
                    counts.append(count)
                    return
                store.append([Stream(stream, version, [one_compartment()])], ACT, correlation=stream, causation=stream)
                count += 1

    threads = [Thread(target=client) for _ in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - started)


def _batch(store: EventStore, seconds: float) -> float:
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        stream = uuid4()
        events = [one_compartment() for _ in range(100)]
        store.append([Stream(stream, 0, events)], ACT, correlation=stream, causation=stream)
        count += 100
    return count / (time.perf_counter() - started)
