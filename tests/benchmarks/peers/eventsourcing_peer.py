"""The eventsourcing library's own PostgreSQL recorder, driven by threads: one JSON line a measurement."""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

import psycopg
from eventsourcing.persistence import ApplicationRecorder, InfrastructureFactory, StoredEvent
from eventsourcing.utils import Environment

LENGTH = 100
STREAMS = 200
PAGE = 1000
APPENDERS = (1, 8, 32, 128)


class Peer:
    def __init__(self, setup: dict[str, Any]) -> None:
        self.name: str = setup["peer"]
        self.conninfo: str = setup["conninfo"]
        self.seconds: float = setup["seconds"]
        self.connections: int = setup["connections"]
        self.event: dict[str, Any] = setup["event"]
        self.functions: bool = setup["functions"]

    def factory(self, clients: int) -> InfrastructureFactory[Any]:
        where = psycopg.conninfo.conninfo_to_dict(self.conninfo)
        env = {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": str(where["dbname"]),
            "POSTGRES_HOST": str(where.get("host", "")),
            "POSTGRES_PORT": str(where.get("port", 5432)),
            "POSTGRES_USER": str(where.get("user", "postgres")),
            "POSTGRES_PASSWORD": str(where.get("password", "")),
            "POSTGRES_POOL_SIZE": str(min(clients, self.connections)),
            "POSTGRES_MAX_OVERFLOW": "0",
            "POSTGRES_ENABLE_DB_FUNCTIONS": "yes" if self.functions else "no",
        }
        return InfrastructureFactory.construct(Environment(env=env))

    def stored(self, stream: UUID, n: int) -> StoredEvent:
        return StoredEvent(stream, n, "ReferralUpdated", json.dumps({**self.event, "sequence": n}).encode())

    def report(self, what: str, clients: int, unit: str, step: Callable[[int], int]) -> None:
        value = round(rate(clients, self.seconds, step))
        line = {"peer": self.name, "what": what, "clients": clients, "value": value, "unit": unit}
        print(json.dumps(line), flush=True)

    def append(self, clients: int) -> None:
        """One event a commit; a client begins a new stream every hundred events."""
        at = [(uuid4(), 0)] * clients

        def step(client: int) -> int:
            stream, n = at[client] if at[client][1] % LENGTH else (uuid4(), 0)
            recorder.insert_events([self.stored(stream, n)])
            at[client] = (stream, n + 1)
            return 1

        with self.factory(clients) as factory:
            recorder = factory.application_recorder()
            self.report("append", clients, "appends/s", step)

    def batch_and_read(self) -> None:
        with self.factory(8) as factory:
            recorder = factory.application_recorder()

            def fill() -> UUID:
                stream = uuid4()
                recorder.insert_events([self.stored(stream, n) for n in range(LENGTH)])
                return stream

            def batch(_: int) -> int:
                fill()
                return LENGTH

            for clients in (1, 8):
                self.report("batch", clients, "events/s", batch)

            streams = [fill() for _ in range(STREAMS)]
            with psycopg.connect(self.conninfo, autocommit=True) as admin:
                admin.execute("VACUUM ANALYZE")

            def read(_: int) -> int:
                events = [json.loads(e.state) for e in recorder.select_events(random.choice(streams))]
                if len(events) != LENGTH or events[-1]["sequence"] != LENGTH - 1:
                    raise RuntimeError("a stream came back wrong")
                return 1

            for clients in (1, 8):
                self.report("read", clients, "streams/s", read)
            self.report("scan", 1, "events/s", scan(recorder))


def scan(recorder: ApplicationRecorder) -> Callable[[int], int]:
    """Pages through the notification log, and begins again at its end."""
    after = 0

    def step(_: int) -> int:
        nonlocal after
        page = recorder.select_notifications(after + 1, PAGE)
        for notification in page:
            json.loads(notification.state)
        after = page[-1].id if len(page) == PAGE else 0
        return len(page)

    return step


def rate(clients: int, seconds: float, step: Callable[[int], int]) -> float:
    """What the steps did a second, after a warm-up; the first step that fails fails the measurement."""
    done = [0] * clients
    failures: list[BaseException] = []
    stop = threading.Event()

    def loop(client: int) -> None:
        try:
            while not stop.is_set():
                done[client] += step(client)
        except BaseException as failure:
            failures.append(failure)
            stop.set()

    threads = [threading.Thread(target=loop, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    stop.wait(seconds / 3)
    before, start = sum(done), time.perf_counter()
    stop.wait(seconds)
    after, end = sum(done), time.perf_counter()
    stop.set()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return (after - before) / (end - start)


def main(arguments: Sequence[str]) -> None:
    peer = Peer(json.loads(arguments[0]))
    for clients in APPENDERS:
        peer.append(clients)
    peer.batch_and_read()


if __name__ == "__main__":
    main(sys.argv[1:])
