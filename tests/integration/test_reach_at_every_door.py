"""Over HTTP, the feed and Kafka: nobody opens, shares or changes more than they may know themselves, by whatever door,
and what is everyday stays easy. Agencies with rightful tokens, of a case that one of them leads."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from conftest import Running
from feeding import eventually
from kafka import KafkaConsumer
from patience import PATIENCE_SECONDS
from some import some

from rujukan.consumers.wire.envelope import Delivery, Opener, from_cloudevent
from rujukan.consumers.wire.kafka import topics
from rujukan.domain.codes import Purpose, Role
from rujukan.infra import composition

pytestmark = pytest.mark.usefixtures("asked_well")

LEAD, HOSPITAL, PSYCHOLOGIST, LAWYERS, POLICE = "uptd-ppa", "rsud", "psikolog", "lbh", "polres"
OPENING = {"channel": "in-person", "reporter": "survivor", "urgency": "urgent", "age_group": "adult"}
PARTS = ("incident", "health", "psychosocial", "legal", "safety")
EVERYTHING = ["identity", "contact", "incident", "health", "psychosocial", "legal", "safety", "economic"]
HEARD = {"given_by": ["survivor"], "obtained": "verbal"}
SERVICES = {HOSPITAL: "kesehatan", PSYCHOLOGIST: "psikososial", LAWYERS: "bantuan-hukum", POLICE: "penegakan-hukum"}


class Story:
    """A case of the lead's, with a mark in every compartment, and what is done in it."""

    def __init__(self, running: Running, **opening: str) -> None:
        self.running = running
        self.mark = uuid4().hex[:8]
        self.nik = f"647401{41 + int(self.mark[0], 16):02d}0190{1 + int(self.mark[1:6], 16) % 9999:04d}"
        self.case = self.post(LEAD, "/cases", **{**OPENING, **opening})["id"]
        here = f"/cases/{self.case}"
        self.post(LEAD, f"{here}/survivor/identity", name=self.of("identity"), nik=self.nik)
        self.post(LEAD, f"{here}/survivor/contact", phone=self.of("contact"), safe_times=self.of("safety"))
        self.incident = self.post(
            LEAD, f"{here}/incidents", forms=["fisik"], gbv_type="physical-assault", narrative=self.of("incident")
        )["id"]
        self.last = 0
        self.writes()
        self.document = self.attach(LEAD, "health")

    def of(self, part: str, by: str = LEAD) -> str:
        """What an agency says in a compartment."""
        return f"{by} {part} {self.mark}"

    def writes(self, again: str = "") -> None:
        """The lead writes in every compartment that a note has; `again` tells it apart from what was written before."""
        self.mark += again
        self.post(LEAD, f"/cases/{self.case}/notes", **{part: self.of(part) for part in PARTS})

    def client(self, agency: str, purpose: Purpose = Purpose.CARE, role: Role = Role.CASE_WORKER) -> httpx.Client:
        return self.running.client(agency, role, purpose)

    def ask(self, agency: str, path: str, **body: Any) -> httpx.Response:
        answer = self.client(agency).post(path, json=body)
        if answer.is_success:
            self.last = max(getattr(self, "last", 0), answer.json()["position"])
        return answer

    def post(self, agency: str, path: str, **body: Any) -> dict[str, Any]:
        answer = self.ask(agency, path, **body)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def attach(self, agency: str, part: str, **query: str) -> str:
        sent = {"params": {"kind": "visum", "compartment": part, **query}, "headers": {"Content-Type": "text/plain"}}
        answer = self.client(agency).post(f"/cases/{self.case}/documents", content=self.of(part).encode(), **sent)
        assert answer.is_success, answer.text
        self.last = answer.json()["position"]
        return str(answer.json()["id"])

    def consent(self, agency: str, of: list[str], to: list[str], purposes: tuple[str, ...] = ("care",)) -> str:
        about = {"compartments": of, "recipients": to, "purposes": [*purposes]}
        return str(self.post(agency, f"/cases/{self.case}/consents", **about, **HEARD)["id"])

    def draft(self, sender: str, to: str, of: list[str], purpose: str = "care") -> str:
        about = {"recipient": to, "service": SERVICES[to], "urgency": "urgent", "purpose": purpose, "compartments": of}
        return str(self.post(sender, f"/cases/{self.case}/referrals", **about)["id"])

    def refer(self, sender: str, to: str, of: list[str], **more: str) -> str:
        referral = self.draft(sender, to, of)
        self.move(sender, referral, "sending", **more)
        for move in ("receipt", "acceptance", "start"):
            self.move(to, referral, move)
        return referral

    def move(self, agency: str, referral: str, move: str, **body: Any) -> None:
        self.post(agency, f"/cases/{self.case}/referrals/{referral}/{move}", **body)

    def opened(self, agency: str, purpose: Purpose = Purpose.CARE, by: str = LEAD) -> set[str]:
        """The compartments of an agency's words that another opens, by any door: timeline, export, history, the
        document, the search by number."""
        client, here = self.client(agency, purpose), f"/cases/{self.case}"
        client.get("/cases", params={"wait_for": self.last, "limit": 1}).raise_for_status()
        found: set[str] = set()
        for door in ("timeline", "export", "history"):
            text = client.get(f"{here}/{door}").text
            assert '"nik_index":"' not in text, f"{door} shows by what the service finds a person"
            shown = {part for part in EVERYTHING if self.of(part, by) in text}
            assert not found or door == "timeline" or shown == found, f"{door} shows otherwise than the others"
            found |= shown
        if by == LEAD:
            document = client.get(f"{here}/documents/{self.document}").status_code == 200
            assert document == ("health" in found)
            cases = client.post("/cases/search", json={"nik": self.nik}).json()["cases"]
            assert (self.case in cases) == ("identity" in found)
        return found

    def sent(self, agency: str, by: str = LEAD) -> set[str]:
        """The compartments of an agency's words that the machine of another was sent: by its topic; and by the feed,
        which a machine may read from the beginning."""
        settings, key = self.running.settings, self.running.keys[agency]
        opener = Opener([key], [self.running.service_key])
        with composition.follower(settings) as source, source.store.pool.connection() as db:
            reached = "SELECT position FROM delivery.reached"
            assert eventually(lambda: (db.execute(reached).fetchone() or (0,))[0] >= self.last)
            row = db.execute("SELECT sequence FROM delivery.heads WHERE agency = %s", (agency,)).fetchone()
        over_topic = [*self.of_topic(agency, opener, row[0])] if row is not None else []
        over_feed = self.of_feed(agency, opener)
        assert not [d for d in (*over_topic, *over_feed) if d.fields().get("nik_index")], "it would join two cases"
        found, by_feed = (
            {part for part in EVERYTHING if any(self.of(part, by) in str(d.fields()) for d in deliveries)}
            for deliveries in (over_topic, over_feed)
        )
        assert by_feed <= found
        return found

    def fed_anew(self, agency: str) -> set[str]:
        """The compartments of the lead's words that a machine is sent which reads its feed again from the beginning."""
        said = [
            str(d.fields())
            for d in self.of_feed(agency, Opener([self.running.keys[agency]], [self.running.service_key]))
        ]
        return {part for part in EVERYTHING if any(self.of(part) in fields for fields in said)}

    def of_feed(self, agency: str, opener: Opener) -> list[Delivery]:
        machine = self.client(agency, Purpose.COORDINATION, Role.INTEGRATOR)
        fed = machine.get("/subscription/events", params={"case": self.case, "limit": 500}).json()
        return [opener.open(*from_cloudevent(event)) for event in fed]

    def of_topic(self, agency: str, opener: Opener, upto: int) -> Iterator[Delivery]:
        consumer = KafkaConsumer(bootstrap_servers=self.running.settings.kafka, **topics.CONSUMER)
        try:
            consumer.assign([topics.partition(agency)])
            consumer.seek_to_beginning(topics.partition(agency))
            give_up, sequence = time.monotonic() + PATIENCE_SECONDS, 0
            while sequence < upto:
                assert time.monotonic() < give_up
                for record in (r for records in consumer.poll(timeout_ms=200).values() for r in records):
                    sequence = int(dict(record.headers)["ce_sequence"])
                    delivery = opener.open(record.headers, record.key, record.value)
                    if str(delivery.case) == self.case:
                        yield delivery
        finally:
            consumer.close()


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("urn:rujukan:problem:")


@pytest.fixture
def story(running: Running) -> Story:
    return Story(running)


def for_health(story: Story) -> tuple[str, str]:
    """The hospital has a referral for health alone; the consent, and the referral."""
    consent = story.consent(LEAD, ["health"], [HOSPITAL])
    return consent, story.refer(LEAD, HOSPITAL, ["health"])


def test_a_hospital_that_hears_its_patient_agree_sends_her_on_at_once(story: Story) -> None:
    for_health(story)
    story.post(HOSPITAL, f"/cases/{story.case}/notes", psychosocial=story.of("psychosocial", HOSPITAL))
    story.consent(HOSPITAL, ["health", "psychosocial"], [PSYCHOLOGIST])
    story.refer(HOSPITAL, PSYCHOLOGIST, ["health", "psychosocial"])
    assert story.opened(PSYCHOLOGIST) == {"health"}
    assert story.opened(PSYCHOLOGIST, by=HOSPITAL) == {"psychosocial"}
    assert (story.sent(PSYCHOLOGIST), story.sent(PSYCHOLOGIST, by=HOSPITAL)) == ({"health"}, {"psychosocial"})


@pytest.mark.thorough
def test_what_its_beneficiary_says_she_agreed_to_waits_for_the_lead(story: Story) -> None:
    """Row a: for all compartments, to whom nobody named; and back to who said it."""
    for_health(story)
    consent = story.consent(HOSPITAL, EVERYTHING, [LAWYERS, HOSPITAL])
    here = f"/cases/{story.case}"
    beyond = story.draft(HOSPITAL, LAWYERS, EVERYTHING)
    answer = story.ask(HOSPITAL, f"{here}/referrals/{beyond}/sending")
    assert refused(answer) == (403, "beyond-reach")
    assert set(answer.json()["about"]["compartments"]) == set(EVERYTHING) - {"health"}
    story.refer(HOSPITAL, LAWYERS, ["health"])
    story.consent(LAWYERS, EVERYTHING, [HOSPITAL])
    story.refer(LAWYERS, HOSPITAL, ["health"])
    assert story.opened(LAWYERS) == {"health"}
    assert story.opened(HOSPITAL) == {"health"}
    assert story.sent(LAWYERS) == story.sent(HOSPITAL) == {"health"}
    (shown,) = [c for c in story.client(LEAD).get(here).json()["consents"] if c["consent"] == consent]
    assert (shown["reported_by"], set(shown["waits"])) == (HOSPITAL, set(EVERYTHING) - {"health"})
    assert refused(story.ask(HOSPITAL, f"{here}/consents/{consent}/confirmation", **HEARD)) == (
        403,
        "not-for-this-agency",
    )
    story.post(LEAD, f"{here}/consents/{consent}/confirmation", **HEARD)
    (shown,) = [c for c in story.client(LEAD).get(here).json()["consents"] if c["consent"] == consent]
    assert shown["waits"] == []
    story.refer(LEAD, HOSPITAL, EVERYTHING, duplicate_reason="Lebih banyak dibagikan.")
    assert story.opened(HOSPITAL) == set(EVERYTHING) - {"economic"}, "she said the same, and the lead refers"
    assert story.sent(HOSPITAL) == set(EVERYTHING) - {"economic"}
    assert story.sent(LAWYERS) == {"health"}


@pytest.mark.thorough
def test_one_supervisor_shares_nothing_past_consent_that_the_hospital_may_not_know(story: Story) -> None:
    """Row c: for everything, on whatever ground, without an end. What a ground does allow one person to do at once goes
    no further than what the hospital was sent; the rest waits for another, and covers nothing."""
    for_health(story)
    here, chief = f"/cases/{story.case}", story.client(HOSPITAL, Purpose.CARE, Role.SUPERVISOR)
    said = {"rule": "x", "reason": "Kata saya.", "recipients": [POLICE], "purposes": ["protection"]}
    beyond_the_ground: list[dict[str, Any]] = [
        {"basis": "child-mandatory-report", "compartments": ["incident"]},
        {"basis": "imminent-danger", "compartments": EVERYTHING},
        {"basis": "imminent-danger", "compartments": ["incident"], "recipients": [POLICE, "kind:education"]},
        {"basis": "imminent-danger", "compartments": ["incident"], "purposes": ["statistics"]},
        {"basis": "court-order", "compartments": EVERYTHING},
        {"basis": "health-worker-report", "compartments": ["health"]},
    ]
    for more in beyond_the_ground:
        assert refused(chief.post(f"{here}/consent-overrides", json={**said, **more})) == (422, "invalid"), more
    for basis, answer in (("imminent-danger", "beyond-reach"), ("health-worker-report", "beyond-reach")):
        about = {**said, "basis": basis, "compartments": ["incident"]}
        assert chief.post(f"{here}/consent-overrides", json=about).status_code == 201
        referral = story.draft(HOSPITAL, POLICE, ["incident"], "protection")
        assert refused(story.ask(HOSPITAL, f"{here}/referrals/{referral}/sending")) == (403, answer)
    assert story.opened(POLICE) == set()
    assert story.sent(POLICE) == set()


@pytest.mark.thorough
def test_who_lost_her_consent_does_not_resume_on_its_own_word(story: Story) -> None:
    """Row b."""
    consent, referral = for_health(story)
    story.post(LEAD, f"/cases/{story.case}/consents/{consent}/withdrawal")
    story.consent(HOSPITAL, ["health"], [HOSPITAL])
    answer = story.ask(HOSPITAL, f"/cases/{story.case}/referrals/{referral}/resumption")
    assert refused(answer) == (409, "consent-missing")
    assert story.opened(HOSPITAL) == set()
    story.writes(again="later")
    assert story.sent(HOSPITAL) == set()


ENDS: dict[str, Callable[[Story, str], None]] = {
    "rejected": lambda s, r: (
        s.move(HOSPITAL, r, "receipt"),
        s.move(HOSPITAL, r, "rejection", reason="no-capacity"),
    )[0],
    "cancelled before anybody received it": lambda s, r: s.move(LEAD, r, "cancellation"),
    "completed": lambda s, r: (
        *(s.move(HOSPITAL, r, move) for move in ("receipt", "acceptance", "start")),
        s.move(HOSPITAL, r, "completion", outcome="service-delivered"),
    )[0],
}


@pytest.mark.thorough
@pytest.mark.parametrize("ended", some(ENDS))
def test_a_referral_that_is_over_opens_nothing_of_others_words(story: Story, ended: str) -> None:
    """Row e: her consent stands all the while."""
    story.consent(LEAD, EVERYTHING, [HOSPITAL])
    referral = story.draft(LEAD, HOSPITAL, EVERYTHING)
    story.move(LEAD, referral, "sending")
    assert story.opened(HOSPITAL) == set(EVERYTHING) - {"economic"}
    story.post(HOSPITAL, f"/cases/{story.case}/notes", health=story.of("health", HOSPITAL))
    ENDS[ended](story, referral)
    assert story.opened(HOSPITAL) == set()
    assert story.opened(HOSPITAL, by=HOSPITAL) == {"health"}, "its own words stay"
    assert story.client(HOSPITAL).get(f"/cases/{story.case}").json()["relation"] == "former"
    story.writes(again="later")
    assert story.sent(HOSPITAL) == set()


CONSENT_ENDS: dict[str, Callable[[Story, str], object]] = {
    "withdrawn": lambda s, c: s.post(LEAD, f"/cases/{s.case}/consents/{c}/withdrawal"),
    "narrowed": lambda s, c: s.post(
        LEAD,
        f"/cases/{s.case}/consents/{c}/narrowing",
        compartments=["health"],
        recipients=[HOSPITAL],
        purposes=["care"],
    ),
}


@pytest.mark.thorough
@pytest.mark.parametrize("ended", some(CONSENT_ENDS))
def test_who_she_is_no_door_says_once_her_consent_to_that_ended(story: Story, ended: str) -> None:
    """The search by number neither: it would say of anybody whether the case is theirs."""
    consent = story.consent(LEAD, ["identity", "health"], [HOSPITAL])
    story.refer(LEAD, HOSPITAL, ["identity", "health"])
    assert story.opened(HOSPITAL) == {"identity", "health"}
    assert story.sent(HOSPITAL) == {"identity", "health"}
    assert story.fed_anew(HOSPITAL) == {"identity", "health"}
    CONSENT_ENDS[ended](story, consent)
    assert story.opened(HOSPITAL) == ({"health"} if ended == "narrowed" else set())
    story.sent(HOSPITAL)  # once all that follows from the end is on record
    assert story.fed_anew(HOSPITAL) == ({"health"} if ended == "narrowed" else set()), "row f"
    assert story.opened(LEAD) >= {"identity"}


@pytest.mark.thorough
def test_who_she_is_no_door_says_once_her_consent_to_that_ran_out(story: Story) -> None:
    lasts, shared = 2, False
    while not shared:
        ends = datetime.now(UTC) + timedelta(seconds=lasts)
        about = {"compartments": ["identity"], "recipients": [HOSPITAL], "purposes": ["care"]}
        story.post(LEAD, f"/cases/{story.case}/consents", **about, **HEARD, expires_at=ends.isoformat())
        referral = story.draft(LEAD, HOSPITAL, ["identity"])
        shared = story.ask(LEAD, f"/cases/{story.case}/referrals/{referral}/sending").is_success
        lasts *= 2
    assert eventually(lambda: datetime.now(UTC) > ends)
    assert story.opened(HOSPITAL) == set()
    anew = {"compartments": ["identity"], "recipients": [HOSPITAL], "purposes": ["care"]}
    story.ask(HOSPITAL, f"/cases/{story.case}/consents", **anew, **HEARD)
    assert story.opened(HOSPITAL) == set(), "row b: what ran out does not come back by its own word"
    assert story.opened(LEAD) >= {"identity"}


@pytest.mark.thorough
def test_what_was_shared_for_care_is_not_opened_for_prosecution(story: Story) -> None:
    for_health(story)
    assert story.opened(HOSPITAL, Purpose.CARE) == story.opened(HOSPITAL, Purpose.COORDINATION) == {"health"}
    for purpose in (Purpose.LEGAL, Purpose.PROTECTION, Purpose.SURVIVOR_REQUEST):
        assert story.opened(HOSPITAL, purpose) == set()


@pytest.mark.thorough
def test_what_it_may_not_know_an_agency_does_not_change(story: Story) -> None:
    """Row k: it answers as what does not exist."""
    for_health(story)
    here, reason = f"/cases/{story.case}", {"reason": "Keliru."}
    story.post(HOSPITAL, f"{here}/survivor/contact", phone=story.of("contact", HOSPITAL))
    clock = story.client(LEAD).get(here).json()["clocks"]
    tried = {
        f"{here}/survivor/identity/corrections": {"name": "Orang lain", **reason},
        f"{here}/incidents/{story.incident}/corrections": {"forms": [], "gbv_type": "denial", **reason},
        **{f"{here}/clocks/{c['clock']}/end": {} for c in clock},
    }
    for path, body in tried.items():
        there, nowhere = (
            story.ask(HOSPITAL, path.replace(story.case, case), **body) for case in (story.case, str(uuid4()))
        )
        assert there.status_code == nowhere.status_code == 404, path
        assert there.json() == nowhere.json()
    safety = story.attach(LEAD, "safety")
    query = {"kind": "visum", "compartment": "safety", "supersedes": safety}
    sent = story.client(HOSPITAL).post(f"{here}/documents", params=query, content=b"x")
    assert sent.status_code == 404
    assert story.opened(LEAD) >= {"contact", "identity", "incident"}
    assert story.sent(HOSPITAL) == {"health"}
