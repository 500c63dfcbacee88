"""A million messages: published, then replayed from Kafka and from the feed, and what memory each process holds
meanwhile. It takes half an hour, so `all` leaves it out; REPLAY_MESSAGES says another number."""

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event, Thread

import psutil
import psycopg
from fanning import Network, elapsed, on, publishers
from harness import Bench, Measured, beside
from msgspec.structs import replace

from rujukan.consumers.envelope import encoded_service_key
from rujukan.domain.codes import Role
from rujukan.infra import composition
from rujukan.infra.issuer import EmbeddedIssuer, usual_actor
from rujukan.infra.services.apache_kafka import ApacheKafka
from rujukan.infra.services.broker import HOST, BrokerProcess, EmbeddedBroker, free_port
from rujukan.infra.settings import Settings, to_environment

MESSAGES = int(os.environ.get("REPLAY_MESSAGES", "1000000"))
CASES = 50
TARGET = 5000.0
LIMIT_SECONDS = 3600
WARM = 0.1
"""What a process holds after this part of the messages, it needs for any number; the end is compared with that."""


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
            except (psutil.Error, sqlite3.Error, psycopg.Error):
                continue

    def told(self, name: str) -> list[Measured]:
        """At the end beside the beginning, and the most."""
        self._stop.set()
        self._thread.join(5)
        warm = next(held for done, held in self._samples if done >= MESSAGES * WARM)
        most = max(held for done, held in self._samples if done >= MESSAGES * WARM)
        after = f"after {MESSAGES * WARM:,.0f}"
        return [
            beside(f"{name}, memory after {MESSAGES:,}", self._samples[-1][1], "MB", after, warm, True),
            beside(f"{name}, most memory in between", most, "MB", after, warm, True),
        ]


def run(bench: Bench) -> list[Measured]:
    is_kafka = ApacheKafka.available()
    broker: BrokerProcess = (
        ApacheKafka(bench.directory / "kafka") if is_kafka else EmbeddedBroker(bench.directory / "broker.log")
    )
    broker.start()
    try:
        with bench.database() as fresh:
            settings = replace(on(fresh, broker), port=free_port())
            network = Network(settings, 1, CASES)
            return [*_published(settings, network), *_replayed(bench.directory, settings, network)]
    finally:
        broker.stop()


def _published(settings: Settings, network: Network) -> list[Measured]:
    """All notes are written first: the publisher is behind by all of them, as after a broker lost everything."""
    network.note(MESSAGES // CASES)
    with publishers(settings, 1) as pids:
        memory = Memory(pids[0], network.sent)
        took = elapsed(lambda: network.sent() == network.told() >= MESSAGES, LIMIT_SECONDS)
        name = "published, registered anew"
        return [beside(name, network.sent() / took, "messages/s", "-", None), *memory.told(name)]


def _replayed(directory: Path, settings: Settings, network: Network) -> list[Measured]:
    agency = network.codes[0]
    key, token = directory / "agency.key", directory / "token"
    for file, text in ((key, network.key.to_json()), (token, _token(settings, agency).encode())):
        file.write_bytes(text)
        file.chmod(0o600)
    service = encoded_service_key(composition.signing_key(composition.keyring(settings)).public_key())
    asked = ["subscribe", agency, "--key", str(key), "--service-key", service, "--from", "beginning"]
    found = _replay("replayed from Kafka", directory / "kafka.db", [*asked, "--kafka", settings.kafka], network)
    with _process(settings, "api") as api:
        time.sleep(5)
        inbox = directory / "feed.db"
        memory = Memory(api.pid, lambda: _handled(inbox))
        feed = ["--feed", f"http://{HOST}:{settings.port}", "--token-file", str(token)]
        found += _replay("replayed from the feed", inbox, [*asked, *feed], network)
        return [*found, *memory.told("API that serves the feed")]


def _replay(name: str, inbox: Path, arguments: Sequence[str], network: Network) -> list[Measured]:
    started = time.perf_counter()
    with _process(network.settings, *arguments, "--inbox", str(inbox)) as subscriber:
        memory = Memory(subscriber.pid, lambda: _handled(inbox))
        assert subscriber.wait(LIMIT_SECONDS) == 0
    assert _handled(inbox) == network.told()
    rate = network.told() / (time.perf_counter() - started)
    return [beside(name, rate, "messages/s", "target", TARGET), *memory.told(name)]


def _handled(inbox: Path) -> int:
    with closing(sqlite3.connect(f"file:{inbox}?mode=ro", uri=True, timeout=5)) as db:
        found = db.execute("SELECT max(handled) FROM rujukan_cursor").fetchone()
    return int(found[0] or 0)


def _token(settings: Settings, agency: str) -> str:
    issuer = EmbeddedIssuer(composition.keyring(settings), settings.issuer, settings.audience)
    return issuer.token(usual_actor(agency, Role.INTEGRATOR), agency, [Role.INTEGRATOR], LIMIT_SECONDS)


@contextmanager
def _process(settings: Settings, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "rujukan.infra.cli", *arguments],
        env={**os.environ, **to_environment(settings)},
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)
