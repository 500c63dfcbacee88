"""From a command to another agency's handler, through commit, seal, Kafka, open and verify; and how much of it."""

import sqlite3
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread

import httpx
from fanning import round_trip
from harness import Bench, Measured, beside
from measure_http import everything, load

from rujukan.consumers.agency.inbox.inbox import SqliteInbox
from rujukan.consumers.agency.kafka.source import KafkaSource
from rujukan.consumers.agency.subscribing.subscription import Subscription
from rujukan.consumers.wire.envelope import Delivery
from rujukan.domain.codes import Purpose, Role
from rujukan.infra import composition
from rujukan.infra.demo.story import Desk

RATE = 200.0
TARGET_P50, TARGET_P99 = 50.0, 250.0
LATEST_SECONDS = 60.0
"""Then what was told is taken to be lost."""
NOTE = "case.NoteRecorded"
"""What a command of the load records."""


def run(bench: Bench) -> list[Measured]:
    delays: list[float] = []
    with everything() as (system, token, keys), tempfile.TemporaryDirectory() as directory:
        settings = system.settings
        issuer = composition.issuer(settings)
        with httpx.Client(base_url=system.url, timeout=30) as http:
            lead = Desk(http, issuer, "uptd-ppa", Role.CASE_WORKER, Purpose.CARE)
            here = ",".join(_case(lead) for _ in range(8))
        stop = Event()

        def handle(delivery: Delivery, db: sqlite3.Connection) -> None:
            if delivery.topic == NOTE:
                delays.append((datetime.now(UTC) - delivery.recorded_at).total_seconds() * 1000)

        def receive() -> None:
            inbox = SqliteInbox(Path(directory) / "rsud.db", handle)
            service = composition.service_key(settings)
            Subscription(KafkaSource("rsud", settings.kafka), [keys["rsud"]], service, inbox).run(stop)

        thread = Thread(target=receive, daemon=True)
        thread.start()
        warm = load(system, token, 4, 2.0, rate=50, path=here)
        wait_for(delays, warm["commands"])
        delays.clear()
        told = load(system, token, 8, max(bench.seconds, 5.0), rate=RATE, path=here)
        wait_for(delays, told["commands"])
        stop.set()
        thread.join(5)
        plain = round_trip(settings.kafka, RATE, max(bench.seconds, 5.0))
    delays.sort()
    name = f"command to another agency's handler, {told['commands'] / told['seconds']:.0f} commands/s"
    found: list[Measured] = []
    for label, part, target in (("p50", 0.5, TARGET_P50), ("p99", 0.99, TARGET_P99)):
        ours, theirs = (measured[int(len(measured) * part)] for measured in (delays, plain))
        found.append(beside(f"{name}, {label}", ours, "ms", "target", target, True))
        found.append(beside(f"{name}, {label}", ours, "ms", "plain kafka-python, produced to polled", theirs, True))
    return found


def wait_for(delays: list[float], notes: int) -> None:
    """Until the handler had so many."""
    give_up = time.monotonic() + LATEST_SECONDS
    while len(delays) < notes:
        assert time.monotonic() < give_up, (len(delays), notes)
        time.sleep(0.1)


def _case(lead: Desk) -> str:
    opening = {"channel": "hotline", "reporter": "survivor", "urgency": "urgent", "age_group": "adult"}
    here = f"/cases/{lead.post('/cases', **opening)['id']}"
    scope = {"compartments": ["health"], "purposes": ["care"]}
    lead.post(f"{here}/consents", **scope, recipients=["rsud"], given_by=["survivor"], obtained="verbal")
    draft = {"recipient": "rsud", "service": "kesehatan", "urgency": "urgent", "purpose": "care"}
    referral = lead.post(f"{here}/referrals", **draft, compartments=["health"])["id"]
    lead.post(f"{here}/referrals/{referral}/sending")
    return here
