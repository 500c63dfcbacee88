"""A million messages replayed from Kafka by `rujukan subscribe`, and what memory it holds meanwhile. It takes some ten
minutes, so `all` leaves it out; REPLAY_MESSAGES says another number."""

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Event, Thread

import psutil
from harness import Bench, Measured, beside

from rujukan.consumers.wire.envelope import encoded_service_key
from rujukan.consumers.wire.kafka import clients, topics
from rujukan.infra.services.apache_kafka import ApacheKafka
from rujukan.infra.services.broker import BrokerProcess, EmbeddedBroker

sys.path.insert(0, str(Path(__file__).parents[1]))
from told import AGENCY, CASES, KEY, PINNED, delivery, sealed

MESSAGES = int(os.environ.get("REPLAY_MESSAGES", "1000000"))
AT_ONCE = 2000
TARGET = 5000.0
LIMIT_SECONDS = 3600
WARM = 0.1
"""What it holds after this part of the messages, it needs for any number; the end is compared with that."""


class Memory:
    """What a process holds, as its work goes on. In MB, of the resident set."""

    def __init__(self, pid: int, done: Callable[[], int]) -> None:
        self._samples: list[tuple[int, float]] = []
        self._stop = Event()
        self._thread = Thread(target=self._watch, args=(psutil.Process(pid), done), daemon=True)
        self._thread.start()

    def _watch(self, process: psutil.Process, done: Callable[[], int]) -> None:
        while not self._stop.wait(0.5):
            try:
                held = process.memory_info().rss / 1e6
                if held:  # nothing once it has ended
                    self._samples.append((done(), held))
            except (psutil.Error, sqlite3.Error):
                continue

    def told(self, name: str) -> list[Measured]:
        """At the end beside the beginning, and the most."""
        self._stop.set()
        self._thread.join(5)
        held = [held for done, held in self._samples if done >= MESSAGES * WARM]
        after = f"after {MESSAGES * WARM:,.0f}"
        return [
            beside(f"{name}, memory after {MESSAGES:,}", held[-1], "MB", after, held[0], True),
            beside(f"{name}, most memory in between", max(held), "MB", after, held[0], True),
        ]


def run(bench: Bench) -> list[Measured]:
    is_kafka = ApacheKafka.available()
    broker: BrokerProcess = (
        ApacheKafka(bench.directory / "kafka") if is_kafka else EmbeddedBroker(bench.directory / "broker.log")
    )
    broker.start()
    try:
        _fill(broker.bootstrap)
        return _replay("replayed from Kafka", bench.directory, broker.bootstrap)
    finally:
        broker.stop()


def _fill(bootstrap: str) -> None:
    with closing(clients.admin(bootstrap_servers=bootstrap, **topics.ADMIN)) as admin:
        topics.ensure(admin, [AGENCY])
    with clients.ending(clients.producer(bootstrap_servers=bootstrap, **topics.PRODUCER)) as producer:
        for start in range(1, MESSAGES + 1, AT_ONCE):
            numbers = range(start, min(start + AT_ONCE, MESSAGES + 1))
            some = (delivery(n, CASES[n % 3]) for n in numbers)
            for m in sealed(some, in_case=lambda told: (told.sequence + 2) // 3):
                producer.send(topics.topic_of(AGENCY), value=m.value, key=m.key, headers=m.headers, partition=0)
            producer.flush(60)


def _replay(name: str, directory: Path, bootstrap: str) -> list[Measured]:
    inbox, key = directory / "replay.db", directory / "agency.key"
    key.write_bytes(KEY.to_json())
    key.chmod(0o600)
    asked = ["--key", str(key), "--service-key", encoded_service_key(PINNED), "--kafka", bootstrap]
    command = [sys.executable, "-m", "rujukan.infra.cli", "subscribe", AGENCY, *asked, "--inbox", str(inbox)]
    started = time.perf_counter()
    subscriber = subprocess.Popen([*command, "--from", "beginning"], stdout=subprocess.DEVNULL)
    memory = Memory(subscriber.pid, lambda: _handled(inbox))
    try:
        assert subscriber.wait(LIMIT_SECONDS) == 0
    finally:
        subscriber.kill()
    assert _handled(inbox) == MESSAGES
    rate = MESSAGES / (time.perf_counter() - started)
    size = beside("inbox after it", inbox.stat().st_size / 1e6, "MB", "-", None)
    return [beside(name, rate, "messages/s", "target", TARGET), *memory.told(name), size]


def _handled(inbox: Path) -> int:
    with closing(sqlite3.connect(f"file:{inbox}?mode=ro", uri=True, timeout=5)) as db:
        found = db.execute("SELECT max(handled) FROM rujukan_cursor").fetchone()
    return int(found[0] or 0)
