"""Whoever is killed while a case is erased: once the erasure is in the log, the keys go, and nobody reads it again."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from threading import Event, Thread
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
from conftest import Running, start_system
from msgspec.structs import replace
from patience import PATIENCE_SECONDS

from rujukan.domain.codes import Purpose, Role
from rujukan.infra.services.broker import free_port
from rujukan.infra.settings import to_environment

pytestmark = pytest.mark.thorough
ROUNDS = int(os.environ.get("SURVIVAL_ROUNDS", "5"))


@pytest.fixture(scope="module")
def fragile(places: Callable[[], Any]) -> Iterator[Running]:
    running = start_system(places())
    stop = Event()
    watcher = Thread(target=running.system.watch, args=(stop,), daemon=True)
    watcher.start()
    yield running
    stop.set()
    watcher.join(PATIENCE_SECONDS)
    running.stop()


def answered(post: Callable[[], httpx.Response]) -> httpx.Response:
    """What is answered in the end, with one idempotency key, whoever dies meanwhile."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up:
        try:
            response = post()
            if response.status_code not in (409, 503):
                return response
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    pytest.fail("nobody answered for a minute")


def erasable(running: Running) -> tuple[str, str]:
    """A case with something in it whose erasure was asked; (case, erasure)."""
    worker = running.client("uptd-ppa")
    opening = {"channel": "hotline", "reporter": "survivor", "urgency": "urgent", "age_group": "adult"}
    case = answered(lambda: worker.post("/cases", json=opening)).json()["id"]
    answered(lambda: worker.post(f"/cases/{case}/notes", json={"health": "of health"}))
    asking = {"whole": True, "basis": "survivor-request", "reason": "she asks"}
    supervisor = running.client("uptd-ppa", Role.SUPERVISOR)
    return case, answered(lambda: supervisor.post(f"/cases/{case}/erasures", json=asking)).json()["id"]


def test_an_erasure_is_carried_out_whoever_is_killed(fragile: Running) -> None:
    officer = fragile.client("uptd-ppa", Role.DATA_PROTECTION_OFFICER, Purpose.AUDIT)
    for part in ("api", *(random.choice(("api", "worker", "postgres")) for _ in range(ROUNDS))):
        case, erasure = erasable(fragile)
        path = f"/cases/{case}/erasures/{erasure}/approval"
        killer = Thread(target=kill, args=(fragile, part, random.uniform(0.0, 0.25)))
        killer.start()
        done = answered(lambda path=path, key=erasure: officer.post(path, json={}, headers={"Idempotency-Key": key}))
        killer.join()
        assert done.status_code == 200, done.text
        with connected(fragile) as db:
            assert keys_of(db, case) == 0
        found = answered(lambda case=case: fragile.client("uptd-ppa").get(f"/cases/{case}"))
        assert found.status_code == 404


def test_the_worker_finishes_what_the_api_was_killed_before(fragile: Running) -> None:
    """The client does not ask again: the erasure that is in the log is carried out all the same."""
    officer = fragile.client("uptd-ppa", Role.DATA_PROTECTION_OFFICER, Purpose.AUDIT)
    for _ in range(ROUNDS):
        case, erasure = erasable(fragile)
        killer = Thread(target=kill, args=(fragile, "api", random.uniform(0.0, 0.03)))
        killer.start()
        with contextlib.suppress(httpx.TransportError):
            officer.post(f"/cases/{case}/erasures/{erasure}/approval", json={})
        killer.join()
        give_up = time.monotonic() + PATIENCE_SECONDS
        with connected(fragile) as db:
            if not erased(db, case):
                continue
            while keys_of(db, case):
                assert time.monotonic() < give_up, "nobody destroyed the keys"
                time.sleep(0.05)


@pytest.fixture
def second(fragile: Running) -> Iterator[httpx.Client]:
    """A second API process on the same database."""
    settings = replace(fragile.settings, port=free_port())
    process = subprocess.Popen(
        [sys.executable, "-m", "rujukan.infra.cli", "api"], env={**os.environ, **to_environment(settings)}
    )
    with httpx.Client(base_url=f"http://127.0.0.1:{settings.port}", timeout=PATIENCE_SECONDS) as http:
        answered(lambda: http.get("/health"))
        yield http
    process.terminate()
    process.wait(PATIENCE_SECONDS)


def test_a_second_process_shows_nothing_once_the_first_said_that_it_is_erased(
    fragile: Running, second: httpx.Client
) -> None:
    """It has the case, its keys and its content at hand, and is asked for them all the time."""
    worker, officer = (
        fragile.client("uptd-ppa"),
        fragile.client("uptd-ppa", Role.DATA_PROTECTION_OFFICER, Purpose.AUDIT),
    )
    case, erasure = erasable(fragile)
    stop = Event()
    shown: list[float] = []

    def read() -> None:
        while not stop.is_set():
            asked = time.monotonic()
            found = second.get(f"/cases/{case}/timeline", headers=dict(worker.headers))
            if found.status_code == 200 and "of health" in found.text:
                shown.append(asked)

    reading = Thread(target=read)
    reading.start()
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not shown and time.monotonic() < give_up:
        time.sleep(0.05)
    done = answered(lambda: officer.post(f"/cases/{case}/erasures/{erasure}/approval", json={}))
    at = time.monotonic()
    time.sleep(0.5)
    stop.set()
    reading.join(PATIENCE_SECONDS)
    assert done.status_code == 200
    assert shown, "it was shown before"
    assert max(shown) < at
    assert second.get(f"/cases/{case}/timeline", headers=dict(worker.headers)).status_code == 404


def kill(running: Running, part: str, after: float) -> None:
    time.sleep(after)
    if pid := running.system.pid(part):
        os.kill(pid, signal.SIGKILL)


def connected(running: Running) -> psycopg.Connection:
    """A connection, once the server that was killed is back."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return psycopg.connect(running.settings.database, autocommit=True)
        except psycopg.OperationalError:
            assert time.monotonic() < give_up, "the database did not come back"
            time.sleep(0.1)


def keys_of(db: psycopg.Connection, case: str) -> int:
    row = db.execute("SELECT count(*) FROM log.data_keys WHERE stream = %s", (UUID(case),)).fetchone()
    assert row is not None
    return int(row[0])


def erased(db: psycopg.Connection, case: str) -> bool:
    return bool(
        db.execute(
            "SELECT 1 FROM log.stored_events WHERE originator_id = %s AND topic = 'case.CaseErased'", (UUID(case),)
        ).fetchone()
    )
