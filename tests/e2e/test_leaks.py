"""A copy of the database, the topics and the logs tells nothing of what was written into protected fields; nor does
what is left where something went wrong: a handler that fails, a webhook that refuses, an acknowledgement that is
forged, a referral that nobody answers."""

import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple
from uuid import uuid4

import httpx
import psycopg
import pytest
from conftest import Running
from kafka import KafkaConsumer, TopicPartition
from patience import PATIENCE_SECONDS
from test_escalation import running_out
from two import seconded

from rujukan.consumers.agency.inbox.handling import Rules
from rujukan.consumers.agency.inbox.inbox import SqliteInbox
from rujukan.consumers.agency.kafka.source import KafkaSource
from rujukan.consumers.agency.subscribing.subscription import Subscription
from rujukan.consumers.wire.envelope import Delivery
from rujukan.consumers.wire.kafka import topics
from rujukan.domain.codes import Role
from rujukan.infra import composition
from rujukan.infra.demo import story
from rujukan.infra.demo.inboxes import Inboxes, entitled
from rujukan.infra.services.postgres import EmbeddedPostgres

pytestmark = [pytest.mark.timeout(600), pytest.mark.thorough]
MARK = f"PENANDA{uuid4().hex}"
NIK = "6474014107129931"


class Broken(NamedTuple):
    """What is left of what went wrong."""

    inbox: Path
    said: list[str]
    """The lines that the agency's side logged."""
    posts: list[bytes]
    """What was posted to a webhook that refused."""
    answers: list[httpx.Response]
    """What the service answered to what it refused."""
    streamed: bytes


class Lines(logging.Handler):
    """Keeps what is logged, with what was raised, as a file would have it."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextmanager
def refusing() -> Iterator[tuple[str, list[bytes]]]:
    """A webhook's receiver that answers with the marker everywhere: in the reason, in headers, in the body."""
    posts: list[bytes] = []

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posts.append(str(self.headers).encode() + self.rfile.read(int(self.headers["content-length"])))
            self.send_response(500, MARK)
            self.send_header("X-Why", MARK)
            self.send_header("Retry-After", MARK)
            self.end_headers()
            self.wfile.write(MARK.encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/{MARK}", posts
    server.shutdown()


def until(check: Callable[[], object]) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not check():
        assert time.monotonic() < give_up
        time.sleep(0.1)


@pytest.fixture(scope="module")
def broken(marked: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broken]:
    """The same system after much went wrong, with the marker in whatever was raised, sent and answered."""
    heard, stop = Lines(), Event()
    inbox_file = tmp_path_factory.mktemp("hospital") / "inbox.db"
    seen: list[Delivery] = []

    def fails(delivery: Delivery, _: object) -> None:
        seen.append(delivery)
        raise ValueError(f"{MARK}: {delivery.fields()}")

    def subscribe() -> None:
        inbox = SqliteInbox(inbox_file, fails)
        rules = Rules(tries=2, first_pause=0.01)
        source = KafkaSource("rsud", marked.settings.kafka)
        Subscription(source, [marked.keys["rsud"]], marked.service_key, inbox, rules=rules).run(stop)
        inbox.close()

    logging.getLogger("rujukan").addHandler(heard)
    receiving = Thread(target=subscribe, daemon=True)
    receiving.start()
    administrator = marked.client("rsud", Role.AGENCY_ADMINISTRATOR)
    machine = marked.client("rsud", Role.INTEGRATOR)
    with refusing() as (url, posts):
        asked = administrator.post("/agencies/rsud/webhook", json={"url": url})
        assert seconded(asked, marked.client("rsud", Role.SUPERVISOR)).status_code == 200
        until(lambda: posts)
        until(lambda: administrator.get("/agencies/rsud/webhook").json()["failures"])
        shown = administrator.get("/agencies/rsud/webhook").json()
        assert MARK not in str({**shown, "url": ""})
    path = "/subscription/acknowledgements"
    answers = [
        machine.post(path, json={"received": {"sequence": 1, "receipt": MARK}}),
        machine.post(path, json={"failed": [{"sequence": 1, "reason": MARK}]}),
        machine.post(path, json={MARK: 1}),
        machine.post(path, content=MARK.encode(), headers={"Content-Type": "application/json"}),
        machine.post(path, json={"deleted": [MARK]}),
        machine.get("/subscription/events", params={"after": MARK}),
        machine.get("/subscription/events", params={"since": MARK}),
        machine.get("/subscription/stream", headers={"Last-Event-ID": MARK}),
        administrator.post("/agencies/rsud/webhook", json={"url": f"https://user:{MARK}@rsud.example/{MARK}"}),
        administrator.post("/agencies/rsud/webhook", json={"url": f"https://{MARK}\u00ad.example/"}),
        administrator.post("/agencies/rsud/webhook", json={"url": f"http://10.0.0.1/{MARK}"}),
    ]
    streamed = machine.get("/subscription/events").content
    with machine.stream("GET", "/subscription/stream") as stream:
        for part in stream.iter_bytes():
            streamed += part
            if len(streamed) > 100_000:
                break
    escalate(marked)
    until(lambda: len(seen) >= 2 * machine.get("/subscription").json()["head"])
    stop.set()
    receiving.join(PATIENCE_SECONDS)
    logging.getLogger("rujukan").removeHandler(heard)
    assert MARK in str([delivery.fields() for delivery in seen]), "who may read it reads it"
    yield Broken(inbox_file, heard.lines, posts, answers, streamed)
    assert administrator.post("/agencies/rsud/webhook/removal", json={}).status_code == 200


def escalate(marked: Running) -> None:
    """A window of care that closes soon, with the marker in what it is of."""
    here, _ = running_out(marked, narrative=MARK)
    lead, scope = marked.desk("uptd-ppa"), {"compartments": ["health"], "recipients": ["rsud"], "purposes": ["care"]}
    lead.post(f"{here}/consents", **scope, given_by=["survivor"], obtained="verbal", witness=MARK)
    case, supervisor = here.removeprefix("/cases/"), marked.desk("uptd-ppa", Role.SUPERVISOR)
    until(lambda: any(e["case"] == case for e in supervisor.get("/escalations", limit=500)["items"]))


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
    ):
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
        assert inboxes.wait_for(entitled(source.store, set(running.keys)), 200)
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


def test_a_full_dump_of_the_database_tells_nothing(marked, broken):
    dump = subprocess.run(
        [EmbeddedPostgres(marked.settings.data / "postgres").bin_path / "pg_dump", marked.settings.database],
        capture_output=True,
        check=True,
    ).stdout
    assert b"stored_events" in dump
    assert b"views" in dump
    assert b"status 500" in dump or b"no connection" in dump, "of the webhook that refused"
    assert telling(dump) == []


def test_the_files_of_the_database_tell_nothing(marked, broken):
    with psycopg.connect(marked.settings.database, autocommit=True) as db:
        db.execute("CHECKPOINT")
    for file in (marked.settings.data / "postgres").rglob("*"):
        if file.is_file():
            assert telling(file.read_bytes()) == [], file.name


def test_the_topics_tell_nothing(marked, broken):
    """Those of deliveries, of acknowledgements and of dead letters."""
    consumer = KafkaConsumer(bootstrap_servers=marked.settings.kafka, **topics.CONSUMER)
    seen: dict[str, int] = {}
    for name in [t for a in marked.keys for t in (topics.topic_of(a), topics.acks_of(a), topics.dead_letters_of(a))]:
        at = TopicPartition(name, 0)
        if not consumer.partitions_for_topic(name):
            continue
        consumer.assign([at])
        consumer.seek(at, 0)
        give_up = time.monotonic() + PATIENCE_SECONDS
        while (mark := consumer.highwater(at)) is None or consumer.position(at) < mark:
            assert time.monotonic() < give_up
            for record in consumer.poll(300).get(at, ()):
                seen[name] = seen.get(name, 0) + 1
                raw = b" ".join([record.value, record.key or b"", *(n.encode() + v for n, v in record.headers)])
                assert telling(raw) == [], name
    consumer.close()
    assert sum(seen.values()) > 20
    assert seen[topics.acks_of("rsud")]
    assert seen[topics.dead_letters_of("rsud")]


def test_the_logs_tell_nothing(marked, broken):
    logs = [f for f in marked.settings.data.rglob("*log*") if f.is_file() and "postgres/base" not in str(f)]
    assert logs
    for file in logs:
        assert telling(file.read_bytes()) == [], file.name


def test_what_an_agency_logs_of_a_handler_that_fails_tells_nothing(broken):
    assert any("ValueError" in line for line in broken.said), "the class of what was raised is said"
    assert telling("\n".join(broken.said).encode()) == []


def test_an_inbox_tells_nothing_of_what_could_not_be_handled(broken):
    for file in broken.inbox.parent.iterdir():
        assert telling(file.read_bytes()) == [], file.name
        assert file.stat().st_mode & 0o077 == 0, f"{file.name} is for its owner alone"
    listing = [sys.executable, "-m", "rujukan.infra.cli", "dead-letters", "list", "rsud", "--inbox", str(broken.inbox)]
    shown = [*listing[:4], "show", "rsud", "1", *listing[6:]]
    for command in (listing, shown):
        said = subprocess.run(command, capture_output=True, check=True)
        assert b"ValueError" in said.stdout
        assert telling(said.stdout + said.stderr) == []


def test_what_is_posted_and_streamed_tells_nothing(broken):
    assert len(broken.streamed) > 100_000
    assert telling(broken.streamed) == []
    for post in broken.posts:
        assert telling(post) == []


def test_what_is_refused_is_not_repeated(broken):
    for answer in broken.answers:
        assert 400 <= answer.status_code < 500, answer.text
        assert telling(answer.content + str(answer.headers).encode()) == [], answer.text


def test_no_key_lies_where_the_sealed_data_lies(marked):
    with psycopg.connect(marked.settings.database) as db:
        keys = db.execute("SELECT wrapped FROM log.data_keys").fetchall()
    ring = Path(marked.settings.keyring_file).read_text()
    assert keys
    assert all(len(k) > 60 and bytes(k).hex() not in ring for (k,) in keys)


def test_the_story_of_the_demo_runs_here_too(marked):
    told = story.tell(marked.system.url, marked.issuer)
    assert len(told.cases) == 2
