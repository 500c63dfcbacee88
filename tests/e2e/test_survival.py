"""Killed in the middle of load, part by part: nothing acknowledged is lost, nothing doubled, and the system recovers by
itself. What agencies are told through all of that, and through worse, is tried in tests/faults."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

import psycopg
import pytest
from conftest import Running, start_system
from faults.load import Person
from patience import PATIENCE_SECONDS

from rujukan.domain.case.notes import NoteRecorded
from rujukan.domain.codes import Role
from rujukan.infra import composition
from rujukan.infra.database import FOLLOWER, as_role
from rujukan.infra.demo.story import Desk
from rujukan.infra.issuer import usual_actor
from rujukan.projections import wait_for

pytestmark = pytest.mark.thorough
PARTS = ("api", "worker", "publisher", "broker", "postgres")
CLIENTS = 4
PAUSE_SECONDS = 0.02
"""Between two notes of a client: what is killed has something in hand all the same, and time to come back."""


@pytest.fixture(scope="module")
def fragile(places: Callable[[], Path]) -> Iterator[Running]:
    """A system of its own, watched by its supervisor, that tests may kill parts of."""
    running = start_system(places())
    stop = Event()
    watcher = Thread(target=running.system.watch, args=(stop,), daemon=True)
    watcher.start()
    yield running
    stop.set()
    watcher.join(PATIENCE_SECONDS)
    running.system.stop()


def shared_case(running: Running) -> tuple[str, str]:
    """A case of the lead in which the hospital takes part; (case, referral)."""
    lead, hospital = running.desk("uptd-ppa"), running.desk("rsud")
    opening = {"channel": "hotline", "reporter": "survivor", "urgency": "urgent", "age_group": "adult"}
    here = f"/cases/{lead.post('/cases', **opening)['id']}"
    lead.post(
        f"{here}/consents",
        compartments=["health"],
        recipients=["rsud"],
        purposes=["care"],
        given_by=["survivor"],
        obtained="verbal",
    )
    referral = lead.post(
        f"{here}/referrals",
        recipient="rsud",
        service="kesehatan",
        urgency="urgent",
        purpose="care",
        compartments=["health"],
    )["id"]
    lead.post(f"{here}/referrals/{referral}/sending")
    for move in ("receipt", "acceptance", "start"):
        hospital.post(f"{here}/referrals/{referral}/{move}")
    return here, referral


class Client:
    """Writes notes, each with an idempotency key, again and again until it is answered; keeps what was answered."""

    def __init__(self, running: Running, here: str, agency: str) -> None:
        self.acknowledged: dict[str, int] = {}
        self.asked = 0
        token = running.issuer.token(usual_actor(agency, Role.CASE_WORKER), agency, [Role.CASE_WORKER])
        self._person = Person(running.system.url, token)
        self._notes = f"{here}/notes"

    def run(self, stop: Event) -> None:
        while not stop.wait(PAUSE_SECONDS):
            note = str(uuid4())
            self.asked += 1
            self.acknowledged[note] = self._person.post(self._notes, note=note, health="x")["position"]
        self._person.close()


def under_load(running: Running, here: str, kills: list[str], pause: tuple[float, float]) -> list[Client]:
    """Run clients while these parts are killed, one after the other, until each of them was answered behind that."""
    clients = [Client(running, here, agency) for agency in ("uptd-ppa", "rsud") * (CLIENTS // 2)]
    stop = Event()
    threads = [Thread(target=client.run, args=(stop,), daemon=True) for client in clients]
    for thread in threads:
        thread.start()
    try:
        for part in kills:
            time.sleep(random.uniform(*pause))
            with suppress(ProcessLookupError):  # it died by the last kill, and is not started again yet
                if pid := running.system.pid(part):
                    os.kill(pid, signal.SIGKILL)
        answered_since(clients)
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
    return clients


def answered_since(clients: list[Client]) -> None:
    """Wait until each asked once more from now on, and was answered: the second answer is to what was asked since."""
    enough = [len(client.acknowledged) + 2 for client in clients]
    give_up = time.monotonic() + PATIENCE_SECONDS
    while any(len(client.acknowledged) < so_many for client, so_many in zip(clients, enough, strict=True)):
        assert time.monotonic() < give_up, "somebody is not answered any more"
        time.sleep(PAUSE_SECONDS)


def notes(running: Running, here: str) -> list[tuple[str, int]]:
    """(note, position) of every note in the log."""
    case = here.removeprefix("/cases/")
    return [
        (str(o.event.note), o.position)
        for o in (f.written for f in running.log())
        if isinstance(o.event, NoteRecorded) and str(o.stream) == case
    ]


def recovered(running: Running) -> None:
    """Wait until the lists have everything that is in the log now."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    head = None
    while time.monotonic() < give_up:
        with suppress(psycopg.OperationalError), psycopg.connect(running.settings.database) as db:
            head = head or db.execute("SELECT coalesce(max(notification_id), 0) FROM log.stored_events").fetchone()
            if head and wait_for(db, head[0], composition.NAMES, 1):
                return
        time.sleep(0.2)
    pytest.fail("the system did not recover")


def check(running: Running, here: str, clients: list[Client]) -> None:
    """Nothing acknowledged is lost, nothing is doubled."""
    recovered(running)
    stored = notes(running, here)
    acknowledged = {note: position for client in clients for note, position in client.acknowledged.items()}
    assert len(stored) == len({note for note, _ in stored}), "a command had its effect twice"
    assert acknowledged.items() <= dict(stored).items(), "something acknowledged is lost"
    assert len(acknowledged) == sum(client.asked for client in clients)
    assert acknowledged


def rows(running: Running, table: str) -> list[tuple]:
    with psycopg.connect(as_role(running.settings.database, FOLLOWER)) as db:
        return sorted(db.execute(f"SELECT * FROM views.{table}").fetchall(), key=str)


@pytest.mark.parametrize("part", PARTS)
def test_nothing_is_lost_or_doubled_when_a_part_is_killed(fragile, part):
    here, _ = shared_case(fragile)
    clients = under_load(fragile, here, [part, part], (0.5, 1.5))
    check(fragile, here, clients)


def test_what_the_lists_say_after_all_that_is_what_a_rebuild_says(fragile):
    recovered(fragile)
    tables = ("referral_box", "caseload", "timeline", "deadline", "audit", "agency", "holding")
    before = {table: rows(fragile, table) for table in tables}
    with composition.follower(fragile.settings) as source, composition.runner(fragile.settings, source) as runner:
        for name in composition.NAMES:
            runner.rebuild(name)
    assert {table: rows(fragile, table) for table in tables} == before


def test_the_state_survives_a_clean_stop_and_start(places):
    directory = places()
    running = start_system(directory)
    here, referral = shared_case(running)
    running.system.stop()
    again = start_system(directory)
    try:
        recovered(again)
        found = again.desk("uptd-ppa").get(here)
        assert found["referrals"][0]["referral"] == referral
        assert [e["referral"] for e in again.desk("rsud").get("/inbox")["items"]] == [referral]
        assert isinstance(again.desk("rsud"), Desk)
    finally:
        again.system.stop()
