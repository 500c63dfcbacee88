"""A copy of the database, the topics and the logs tells nothing of what was written into protected fields."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from conftest import Running
from kafka import KafkaConsumer

from rujukan.consumers import topics
from rujukan.infra import composition
from rujukan.infra.demo import story
from rujukan.infra.demo.inboxes import Inboxes, entitled
from rujukan.infra.services.postgres import EmbeddedPostgres

MARK = f"PENANDA{uuid4().hex}"
NIK = "6474014107129931"


@pytest.fixture(scope="module")
def marked(running: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A system in which a case was worked on whose every protected field has the marker in it."""
    lead, hospital = running.desk("uptd-ppa"), running.desk("rsud")
    opening = {"channel": "hotline", "reporter": "family", "urgency": "urgent", "age_group": "adult"}
    told = {"reporter_name": MARK, "reporter_contact": MARK, "account": MARK, "reference": MARK}
    here = f"/cases/{lead.post('/cases', **opening, **told)['id']}"
    details = dict.fromkeys(("incident", "health", "psychosocial", "legal", "safety", "economic"), MARK)
    for path, body in (
        ("survivor/identity", {"name": MARK, "nik": NIK, "language": MARK, "guardian_name": MARK}),
        ("survivor/contact", {"phone": MARK, "address": MARK, "safe_times": MARK}),
        ("incidents", {"forms": ["fisik"], "gbv_type": "rape", "narrative": MARK}),
        ("alleged-perpetrators", {"name": MARK, "relation": MARK, "description": MARK, "danger": MARK}),
        ("needs-assessments", {"needs": ["health"], **details}),
        ("risk-assessments", {"level": "extreme", "reasons": MARK}),
        ("safety-plans", {"plan": MARK}),
        ("notes", {"subject": MARK, **details}),
        ("follow-ups", details),
        ("contact-attempts", {"reached": True, "means": MARK, "remark": MARK}),
        ("protection-orders", {"order": MARK, "issued_by": MARK, "valid_from": "2026-03-01", "terms": MARK}),
        ("legal-hold", {}),
    ):
        if path != "legal-hold":
            lead.post(f"{here}/{path}", **body)
    everything = ["identity", "contact", "incident", "health", "psychosocial", "legal", "safety", "economic"]
    lead.post(
        f"{here}/consents",
        compartments=everything,
        recipients=["rsud"],
        purposes=["care"],
        given_by=["survivor"],
        obtained="written",
        witness=MARK,
    )
    referral = lead.post(
        f"{here}/referrals",
        recipient="rsud",
        service="kesehatan",
        urgency="emergency",
        purpose="care",
        compartments=everything,
        **details,
    )["id"]
    lead.post(f"{here}/referrals/{referral}/sending")
    hospital.post(f"{here}/referrals/{referral}/receipt")
    last = hospital.post(f"{here}/referrals/{referral}/acceptance", note=MARK)
    hospital._http.post(
        f"{here}/documents",
        params={"kind": "visum", "compartment": "health"},
        content=MARK.encode(),
        headers={**hospital.headers, "Content-Type": "text/plain"},
    ).raise_for_status()
    opened = lead.get(f"{here}/timeline", wait_for=last["position"])
    assert MARK in str(opened), "who may read it reads it"
    lead._http.post(f"{here}/notes", json={"subject": 7, "health": MARK}, headers=lead.headers)
    lead._http.post(f"{here}/notes", content=MARK, headers=lead.headers)
    inboxes = Inboxes(running.keys, running.service_key, running.settings.kafka, tmp_path_factory.mktemp("inboxes"))
    with composition.follower(running.settings) as source:
        assert inboxes.wait_for(entitled(source, set(running.keys)), 60)
    inboxes.stop()
    return running


def telling(raw: bytes) -> list[str]:
    """Which of the markers are there, in any of the forms a copy may hold them in."""
    forms = {
        "marker": MARK.encode(),
        "marker in hex": MARK.encode().hex().encode(),
        "marker in utf-16": MARK.encode("utf-16-le"),
        "national id": NIK.encode(),
        "national id in hex": NIK.encode().hex().encode(),
    }
    return [name for name, form in forms.items() if form in raw]


def test_a_full_dump_of_the_database_tells_nothing(marked):
    dump = subprocess.run(
        [EmbeddedPostgres(marked.settings.data / "postgres").bin_path / "pg_dump", marked.settings.database],
        capture_output=True,
        check=True,
    ).stdout
    assert b"stored_events" in dump
    assert b"views" in dump
    assert telling(dump) == []


def test_the_files_of_the_database_tell_nothing(marked):
    with psycopg.connect(marked.settings.database, autocommit=True) as db:
        db.execute("CHECKPOINT")
    for file in (marked.settings.data / "postgres").rglob("*"):
        if file.is_file():
            assert telling(file.read_bytes()) == [], file.name


def test_the_topics_tell_nothing(marked):
    consumer = KafkaConsumer(bootstrap_servers=marked.settings.kafka, **topics.CONSUMER)
    seen = 0
    for agency in marked.keys:
        at = topics.partition(agency)
        consumer.assign([at])
        consumer.seek(at, 0)
        for _ in range(3):
            for record in consumer.poll(300).get(at, ()):
                seen += 1
                raw = b" ".join([record.value, record.key, *(n.encode() + v for n, v in record.headers)])
                assert telling(raw) == []
    consumer.close()
    assert seen > 20


def test_the_logs_tell_nothing(marked):
    logs = [f for f in marked.settings.data.rglob("*log*") if f.is_file() and "postgres/base" not in str(f)]
    assert logs
    for file in logs:
        assert telling(file.read_bytes()) == [], file.name


def test_no_key_lies_where_the_sealed_data_lies(marked):
    with psycopg.connect(marked.settings.database) as db:
        keys = db.execute("SELECT wrapped FROM log.data_keys").fetchall()
    ring = Path(marked.settings.keyring_file).read_text()
    assert keys
    assert all(len(k) > 60 and bytes(k).hex() not in ring for (k,) in keys)


def test_the_story_of_the_demo_runs_here_too(marked):
    told = story.tell(marked.system.url, marked.issuer)
    assert len(told.cases) == 2
