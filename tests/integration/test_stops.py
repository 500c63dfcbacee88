"""Over HTTP and the feed: whoever hears her say stop records it. What would end others' work waits for the lead, and
loudly; and what will run out soon is said well before."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from conftest import Running
from feeding import eventually
from test_reach_at_every_door import HOSPITAL, LEAD, Story, refused

from rujukan.consumers.wire.envelope import Delivery, Opener, from_cloudevent
from rujukan.domain.catalogue import topic_of
from rujukan.domain.codes import Purpose, Role
from rujukan.domain.disclosure import ENDS
from rujukan.infra import composition

pytestmark = pytest.mark.usefixtures("asked_well")

POLICE = "polres"
WORK = {HOSPITAL: ("kesehatan", "care", "health"), POLICE: ("perlindungan-polisi", "protection", "incident")}
SAID = {"said_by": ["survivor"]}


@pytest.fixture
def story(running: Running) -> Story:
    return Story(running)


def at_work(story: Story, agency: str, urgency: str = "urgent") -> tuple[str, str]:
    """An agency works on what the lead sent it; the consent, and the referral."""
    service, purpose, part = WORK[agency]
    consent = story.consent(LEAD, [part], [agency], (purpose,))
    about = {"recipient": agency, "service": service, "urgency": urgency, "purpose": purpose, "compartments": [part]}
    referral = str(story.post(LEAD, f"/cases/{story.case}/referrals", **about)["id"])
    story.move(LEAD, referral, "sending")
    for move in ("receipt", "acceptance", "start"):
        story.move(agency, referral, move)
    return consent, referral


def told(story: Story, agency: str) -> list[Delivery]:
    """What an agency's machine is told of the case, over its feed."""
    opener = Opener([story.running.keys[agency]], [story.running.service_key])
    machine = story.client(agency, Purpose.COORDINATION, Role.INTEGRATOR)
    fed = machine.get("/subscription/events", params={"case": story.case, "limit": 500}).json()
    return [opener.open(*from_cloudevent(event)) for event in fed]


def status(story: Story, referral: str) -> str:
    (found,) = [
        r for r in story.client(LEAD).get(f"/cases/{story.case}").json()["referrals"] if r["referral"] == referral
    ]
    return str(found["status"])


@pytest.mark.thorough
def test_the_police_end_no_emergency_of_the_hospital(story: Story) -> None:
    """Row d: they find a consent's id, and say stop."""
    consent, emergency = at_work(story, HOSPITAL, "emergency")
    _, of_police = at_work(story, POLICE)
    here = f"/cases/{story.case}"
    for move in ("withdrawal", "narrowing"):
        scope = {} if move == "withdrawal" else {"compartments": [], "recipients": [HOSPITAL], "purposes": ["care"]}
        known, unknown = (story.ask(POLICE, f"{here}/consents/{id}/{move}", **scope) for id in (consent, uuid4()))
        assert (known.status_code, known.json()) == (404, unknown.json()), "an id gives nothing"
    stop = story.post(POLICE, f"{here}/stops", about="everything", **SAID)["id"]
    assert status(story, emergency) == "in-progress"
    assert status(story, of_police) == "in-progress", "what they received stays with them (UU 27/2022 art. 15)"
    assert story.opened(HOSPITAL) == {"health"}
    assert story.opened(POLICE, Purpose.PROTECTION) == set()

    (waits,) = story.client(LEAD).get("/stops", params={"case": story.case}).json()["items"]
    assert (waits["stop"], waits["heard_by"], waits["said_by"]) == (stop, POLICE, ["survivor"])
    answer_by, since = (datetime.fromisoformat(waits[name]) for name in ("answer_by", "recorded_at"))
    assert abs(answer_by - since - timedelta(days=3)) < timedelta(minutes=1)
    for agency in (HOSPITAL, POLICE):
        assert story.client(agency).get("/stops", params={"case": story.case}).json()["items"] == []
        assert refused(story.ask(agency, f"{here}/stops/{stop}/contradiction")) == (403, "not-for-this-agency")

    assert eventually(lambda: any(d.topic == "case.StopWaits" for d in told(story, HOSPITAL)))
    assert {d.topic for d in told(story, LEAD)} >= {"case.SharingStopped", "case.StopWaits"}
    of_hospital = told(story, HOSPITAL)
    assert "case.SharingStopped" not in {d.topic for d in of_hospital}
    assert POLICE not in {d.author for d in of_hospital}, "nobody learns who else takes part"
    assert not [d for d in told(story, POLICE) if HOSPITAL in str((d.author, d.fields()))]

    another = story.draft(LEAD, HOSPITAL, ["health"])
    assert refused(story.ask(LEAD, f"{here}/referrals/{another}/sending")) == (409, "consent-missing")
    story.post(LEAD, f"{here}/stops/{stop}/confirmation", given_by=["survivor"], obtained="verbal")
    assert status(story, emergency) == "on-hold"
    assert story.opened(HOSPITAL) == set()
    assert story.client(LEAD).get("/stops", params={"case": story.case}).json()["items"] == []
    story.writes(again="later")
    assert story.sent(HOSPITAL) == set()


@pytest.mark.thorough
def test_what_she_says_counts_in_a_file_that_was_closed(story: Story) -> None:
    """A caregiver's word waits for the lead, on its list; her own ends it, and copies are asked back."""
    consent, referral = at_work(story, HOSPITAL)
    story.move(HOSPITAL, referral, "completion", outcome="service-delivered")
    here = f"/cases/{story.case}"
    story.post(LEAD, f"{here}/closure", reason="goals-met")
    assert refused(story.ask(LEAD, f"{here}/notes", subject="more work")) == (409, "case-not-open")
    stop = story.post(LEAD, f"{here}/stops", about="everything", said_by=["caregiver"])["id"]
    story.client(LEAD).get("/cases", params={"wait_for": story.last, "limit": 1}).raise_for_status()
    (waits,) = story.client(LEAD).get("/stops", params={"case": story.case}).json()["items"]
    assert waits["stop"] == stop
    assert "erasure.DeletionAsked" not in {d.topic for d in told(story, HOSPITAL)}
    story.post(LEAD, f"{here}/consents/{consent}/withdrawal", **SAID)
    assert eventually(lambda: "erasure.DeletionAsked" in {d.topic for d in told(story, HOSPITAL)})


def test_a_refusal_keeps_the_referral_at_home(story: Story) -> None:
    story.consent(LEAD, ["health"], [HOSPITAL])
    referral = story.draft(LEAD, HOSPITAL, ["health"])
    story.post(LEAD, f"/cases/{story.case}/consent-refusals", given_by=["survivor"], asked_for=["kind:health"])
    answer = story.ask(LEAD, f"/cases/{story.case}/referrals/{referral}/sending")
    assert refused(answer) == (409, "consent-missing")


def test_a_consent_that_will_run_out_is_said_to(running: Running) -> None:
    then, until = datetime.now(UTC) - timedelta(days=9), datetime.now(UTC) + timedelta(days=1)
    story = Story(running, occurred_at=then.isoformat())
    about = {"compartments": ["health"], "recipients": [HOSPITAL], "purposes": ["care"], "given_by": ["survivor"]}
    times = {"occurred_at": then.isoformat(), "expires_at": until.isoformat()}
    consent = story.post(LEAD, f"/cases/{story.case}/consents", **about, obtained="verbal", **times)["id"]
    story.refer(LEAD, HOSPITAL, ["health"])
    for agency in (LEAD, HOSPITAL):
        assert eventually(lambda agency=agency: "case.ConsentExpiring" in {d.topic for d in told(story, agency)})  # type: ignore[misc]
    (soon,) = story.client(LEAD).get("/expiring-consents", params={"case": story.case}).json()["items"]
    assert (soon["consent"], datetime.fromisoformat(soon["expires_at"])) == (consent, until)
    assert story.client(HOSPITAL).get("/expiring-consents", params={"case": story.case}).json()["items"] == []


def test_whatever_ends_a_consent_holds_what_was_told_on_it(running: Running) -> None:
    """Between the end and when the register has followed it, nothing is told again: of every kind of end."""
    with composition.follower(running.settings) as source, source.store.pool.connection() as db:
        row = db.execute("SELECT pg_get_functiondef('delivery.held(uuid[])'::regprocedure)").fetchone()
    assert row is not None
    assert [topic_of(event) for event in ENDS if f"'{topic_of(event)}'" not in row[0]] == []
