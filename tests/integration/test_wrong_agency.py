"""Existence is protected: to who has no part in a case, it answers as one that was never opened.

An agency that never took part, and one that a referral was only drafted to, ask for everything under a case's
path, and get the same status, body and headers as for a case that nobody ever opened. A recipient sees its
own part, and nothing of the others'.
"""

import json
import re
import time
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
import msgspec
import pytest
from conftest import Running
from patience import PATIENCE_SECONDS

from rujukan.api.actions import CASE_ACTIONS, Action
from rujukan.consumers.wire.envelope import Delivery, Opener, from_cloudevent
from rujukan.domain.case.glass import BreakGlass
from rujukan.domain.codes import Purpose, Role
from rujukan.domain.standing.roles import PURPOSES
from rujukan.domain.standing.rule import commands_of
from rujukan.infra.issuer import usual_actor

pytestmark = pytest.mark.usefixtures("asked_well")

PEOPLE = (Role.CASE_WORKER, Role.SUPERVISOR, Role.LEGAL_REVIEWER, Role.INTEGRATOR)
OUTSIDERS = ("psikolog", "disdik")
"""One that never took part, and one that a referral is drafted to but not sent."""
READS = (
    "/cases/{case}",
    "/cases/{case}/timeline",
    "/cases/{case}/export",
    "/cases/{case}/documents/{document}",
    "/cases/{case}/history",
    "/cases/{case}/history/diff",
    "/cases/{case}/custody",
    "/cases/{case}/deliveries",
)
GLASS = "/cases/{case}/break-glass/{glass}"
EMERGENCY_READS = (GLASS, f"{GLASS}/timeline", f"{GLASS}/documents/{{document}}")
SHOWS = tuple(action for action in CASE_ACTIONS if action.command is not BreakGlass)
"""Who breaks the glass, whoever it is, finds the case, and is heard: tests/integration/test_break_glass.py."""

SECRETS = {
    "identity": "Mawar-Rahasia",
    "contact": "0811-rahasia",
    "incident": "kejadian-rahasia",
    "health": "medis-rahasia",
    "legal": "hukum-rahasia",
    "safety": "aman-rahasia",
}


class Told(NamedTuple):
    """A case in which much happened, and the ids of what is in it."""

    case: str
    ids: dict[str, str]
    position: int


class Desk:
    """A person's desk: posts and reads, and looks at the whole answer."""

    def __init__(self, running: Running, agency: str, role: Role = Role.CASE_WORKER) -> None:
        usual = next(purpose for purpose in (Purpose.CARE, Purpose.LEGAL, *Purpose) if purpose in PURPOSES[role])
        self._http = running.client(agency, role, usual)

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self._http.request(method, path, **more)

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        response = self.ask("POST", path, json=body)
        assert response.is_success, response.text
        found: dict[str, Any] = response.json()
        return found

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        response = self.ask("GET", path, params=query)
        assert response.is_success, response.text
        found: dict[str, Any] = response.json()
        return found


def who_may(action: Action) -> Role:
    """A role that may ask for this: so that it is the case that is unknown, not the role that is wrong."""
    return next(role for role in (*PEOPLE, *Role) if action.command in commands_of(role))


@pytest.fixture(scope="module")
def told(running: Running) -> Told:
    """A case that the lead, the hospital and the police share, with something in every compartment."""
    lead, supervisor = Desk(running, "uptd-ppa"), Desk(running, "uptd-ppa", Role.SUPERVISOR)
    report = {"channel": "in-person", "reporter": "family", "urgency": "urgent", "age_group": "adult"}
    case = f"/cases/{lead.post('/cases', **report)['id']}"
    ids: dict[str, str] = {}
    lead.post(f"{case}/survivor/identity", name=SECRETS["identity"])
    lead.post(f"{case}/survivor/contact", phone=SECRETS["contact"])
    happened = {"forms": ["seksual"], "gbv_type": "rape", "narrative": SECRETS["incident"]}
    ids["incident"] = lead.post(f"{case}/incidents", **happened)["id"]
    ids["clock"] = lead.get(case)["clocks"][0]["clock"]
    lead.post(f"{case}/notes", health=SECRETS["health"], legal=SECRETS["legal"], safety=SECRETS["safety"])
    consent = {"purposes": ["care", "protection"], "given_by": ["survivor"], "obtained": "written"}
    shares = {"rsud": ["identity", "health"], "polres": ["identity", "contact", "incident"], "disdik": ["identity"]}
    for agency, compartments in shares.items():
        given = lead.post(f"{case}/consents", recipients=[agency], compartments=compartments, **consent)
        ids[f"consent of {agency}"] = given["id"]
    services = {"rsud": "kesehatan", "polres": "penegakan-hukum", "disdik": "pendidikan"}
    for agency, service in services.items():
        urgency = {"urgency": "routine", "purpose": "care"}
        clocks = {"clocks": [ids["clock"]]} if agency == "rsud" else {}
        share = {"compartments": shares[agency], **urgency, **clocks}
        drafted = lead.post(f"{case}/referrals", recipient=agency, service=service, **share)
        ids[f"referral to {agency}"] = drafted["id"]
        if agency != "disdik":
            lead.post(f"{case}/referrals/{drafted['id']}/sending")
    ids["consent"], ids["referral"] = ids["consent of rsud"], ids["referral to disdik"]
    asked = f"{case}/referrals/{ids['referral to rsud']}/questions"
    ids["question"] = lead.post(asked, asked_about="progress")["id"]
    ids["action"] = lead.post(f"{case}/actions", owner="uptd-ppa", what="Antar.", due_on="2030-01-01")["id"]
    document = lead.ask(
        "POST",
        f"{case}/documents",
        params={"kind": "visum", "compartment": "health"},
        content=b"visum",
        headers={"Content-Type": "application/pdf"},
    )
    ids["document"] = document.json()["id"]
    danger = {"basis": "imminent-danger", "rule": "UU 27/2022", "reason": "Bahaya."}
    ids["glass"] = lead.post(f"{case}/break-glass", compartments=["health"], **danger)["id"]
    kept_out = {"person": str(usual_actor("lbh", Role.CASE_WORKER)), "member_of": "lbh", "reason": "Saudara terlapor."}
    ids["exclusion"] = supervisor.post(f"{case}/exclusions", **kept_out)["id"]
    legal = Desk(running, "uptd-ppa", Role.LEGAL_REVIEWER)
    ids["hold"] = legal.post(f"{case}/legal-holds", hold_kind="claim", reason="Permohonan restitusi berjalan.")["id"]
    ids["person"] = str(usual_actor("uptd-ppa", Role.CASE_WORKER))
    ids["transfer"] = str(uuid4())
    ids["erasure"] = str(uuid4())
    named = {name for action in CASE_ACTIONS for name in re.findall(r"{(\w+)}", action.path)} - {"case"}
    for action in CASE_ACTIONS:  # what a subject makes of which this story tells nothing
        if action.mints in named - ids.keys():
            ids[action.mints] = Desk(running, "uptd-ppa", who_may(action)).post(
                action.path.format(**ids, case=case.removeprefix("/cases/")), **action.example
            )["id"]
    last = supervisor.post(f"{case}/notes", subject="Semua sudah.")
    lead.get("/cases", wait_for=last["position"], limit=1)
    return Told(case, ids, last["position"])


def headers_of(response: httpx.Response) -> list[tuple[str, str]]:
    return sorted((name, value) for name, value in response.headers.items() if name != "date")


def same_as_nothing(desk: Desk, told: Told, method: str, path: str, **more: Any) -> None:
    """Ask for the case and for one that nobody opened: no difference but the time of day."""
    here, nowhere = told.case, f"/cases/{uuid4()}"
    of_case = desk.ask(method, path.format(**told.ids, case=here.removeprefix("/cases/")), **more)
    of_nothing = desk.ask(method, path.format(**told.ids, case=nowhere.removeprefix("/cases/")), **more)
    assert of_case.status_code == of_nothing.status_code == 404, of_case.text
    assert of_case.content == of_nothing.content
    assert headers_of(of_case) == headers_of(of_nothing)


@pytest.mark.parametrize("agency", OUTSIDERS)
@pytest.mark.parametrize("action", SHOWS, ids=lambda action: action.command.__name__)
def test_an_outsider_acts_on_the_case_as_on_none(running: Running, told: Told, action: Action, agency: str) -> None:
    same_as_nothing(Desk(running, agency, who_may(action)), told, "POST", action.path, json=action.example)


@pytest.mark.parametrize("agency", OUTSIDERS)
@pytest.mark.parametrize("etag", ['"1"', '"999"', "*"])
def test_an_etag_does_not_make_the_case_show(running: Running, told: Told, agency: str, etag: str) -> None:
    seen = {"If-Match": etag}
    same_as_nothing(Desk(running, agency), told, "POST", "/cases/{case}/notes", json={}, headers=seen)


@pytest.mark.parametrize("agency", OUTSIDERS)
def test_an_idempotency_key_does_not_make_the_case_show(running: Running, told: Told, agency: str) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    for _ in range(2):
        same_as_nothing(Desk(running, agency), told, "POST", "/cases/{case}/notes", json={}, headers=key)


@pytest.mark.parametrize("agency", OUTSIDERS)
def test_an_outsider_attaches_nothing(running: Running, told: Told, agency: str) -> None:
    query = {"kind": "photo", "compartment": "health"}
    named = {"Content-Type": "image/png"}
    same_as_nothing(
        Desk(running, agency), told, "POST", "/cases/{case}/documents", params=query, content=b"x", headers=named
    )


NEEDED = {"/cases/{case}/history/diff": {"from": 1, "to": 2}}
"""Parameters without which a read is refused whatever case it names."""


@pytest.mark.parametrize("agency", OUTSIDERS)
@pytest.mark.parametrize("role", PEOPLE)
@pytest.mark.parametrize("path", READS)
def test_an_outsider_reads_the_case_as_none(running: Running, told: Told, path: str, role: Role, agency: str) -> None:
    same_as_nothing(Desk(running, agency, role), told, "GET", path, params=NEEDED.get(path, {}))


@pytest.mark.parametrize("agency", OUTSIDERS)
@pytest.mark.parametrize("path", EMERGENCY_READS)
def test_what_another_opened_in_an_emergency_is_none_to_an_outsider(
    running: Running, told: Told, path: str, agency: str
) -> None:
    """Not even to a supervisor, who might break a glass and might review one."""
    same_as_nothing(Desk(running, agency, Role.SUPERVISOR), told, "GET", path)


def test_nothing_under_a_case_is_left_out_above(running: Running) -> None:
    document = running.http.get("/openapi.json").json()
    under_a_case = {(m, path) for path, item in document["paths"].items() if "{case}" in path for m in item}
    asked = {("post", action.path) for action in CASE_ACTIONS} | {("get", path) for path in (*READS, *EMERGENCY_READS)}
    bundles = ("get", "/cases/{case}/disclosures/{disclosure}/bundle")  # tests/integration/test_bundles.py
    assert under_a_case == asked | {("post", "/cases/{case}/documents"), bundles}


@pytest.mark.parametrize("agency", OUTSIDERS)
def test_no_list_of_an_outsider_shows_the_case(running: Running, told: Told, agency: str) -> None:
    """Nor does the trail show what was done in it, or the clocks that run in it; not even by name."""
    worker, supervisor = Desk(running, agency), Desk(running, agency, Role.SUPERVISOR)
    case = told.case.removeprefix("/cases/")
    for path in ("/cases", "/inbox", "/outbox", "/deadlines", "/escalations"):
        everything = {"all": "true"} if path == "/deadlines" else {}
        assert case not in json.dumps(worker.get(path, limit=500, wait_for=told.position, **everything))
    for box in ("/inbox", "/outbox"):
        assert worker.get(box, case=case) == {"items": []}
    assert supervisor.get("/audit", subject=case, wait_for=told.position) == {"items": []}
    assert supervisor.get("/audit", subject=case) == supervisor.get("/audit", subject=str(uuid4()))


@pytest.mark.parametrize("agency", OUTSIDERS)
def test_asking_in_vain_leaves_no_record_for_the_lead_to_be_counted_by(
    running: Running, told: Told, agency: str
) -> None:
    """The trail of the case holds what was opened; who got nothing opened nothing."""
    supervisor = Desk(running, "uptd-ppa", Role.SUPERVISOR)
    case = told.case.removeprefix("/cases/")
    Desk(running, agency).ask("GET", told.case)
    position = Desk(running, "uptd-ppa").post(f"{told.case}/notes")["position"]
    trail = supervisor.get("/audit", subject=case, wait_for=position, limit=500)["items"]
    assert agency not in {entry["agency"] for entry in trail}


# The recipient -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("agency", "other"), [("rsud", "polres"), ("polres", "rsud")])
def test_a_recipient_sees_its_own_referral_and_no_other(running: Running, told: Told, agency: str, other: str) -> None:
    seen = Desk(running, agency).get(told.case)
    assert [r["referral"] for r in seen["referrals"]] == [told.ids[f"referral to {agency}"]]
    assert seen["relation"] == "recipient"
    assert not seen.keys() & {"consents", "clocks", "worker", "age_group", "on_hold", "merged_into"}
    said = json.dumps([seen, Desk(running, agency).get(f"{told.case}/timeline", limit=500)])
    for hidden in (other, "disdik", told.ids[f"referral to {other}"], told.ids[f"consent of {other}"]):
        assert hidden not in said, hidden


@pytest.mark.parametrize(
    ("agency", "shared"), [("rsud", {"identity", "health"}), ("polres", {"identity", "contact", "incident"})]
)
def test_a_recipient_reads_what_was_shared_and_nothing_else(
    running: Running, told: Told, agency: str, shared: set[str]
) -> None:
    said = json.dumps(Desk(running, agency).get(f"{told.case}/timeline", limit=500))
    for compartment, secret in SECRETS.items():
        assert (secret in said) == (compartment in shared), compartment


@pytest.mark.parametrize(("agency", "other"), [("rsud", "polres"), ("polres", "rsud")])
def test_what_a_recipient_is_sent_tells_nothing_of_the_others(
    running: Running, told: Told, agency: str, other: str
) -> None:
    """Not even opened: neither who they are, nor that they are, nor what was shared with them."""
    case = told.case.removeprefix("/cases/")
    machine = running.client(agency, Role.INTEGRATOR)
    opener = Opener([running.keys[agency]], [running.service_key])

    def sent() -> list[Delivery]:
        events = machine.get("/subscription/events", params={"case": case, "limit": 500}).json()
        return [opener.open(*from_cloudevent(event)) for event in events]

    give_up = time.monotonic() + PATIENCE_SECONDS
    while not any(d.topic == "case.ReferralSent" for d in sent()) and time.monotonic() < give_up:
        time.sleep(0.1)
    said = " ".join(msgspec.json.encode(delivery).decode() for delivery in sent())
    assert told.ids[f"referral to {agency}"] in said
    for hidden in (other, "disdik", told.ids[f"referral to {other}"], told.ids[f"consent of {other}"]):
        assert hidden not in said, hidden
    shared = {"rsud": {"identity", "health"}, "polres": {"identity", "contact", "incident"}}[agency]
    for compartment, secret in SECRETS.items():
        assert (secret in said) == (compartment in shared), compartment


@pytest.mark.parametrize("agency", OUTSIDERS)
def test_a_subscription_of_an_outsider_tells_of_the_case_as_of_none(running: Running, told: Told, agency: str) -> None:
    machine = running.client(agency, Role.INTEGRATOR)
    asked = [told.case.removeprefix("/cases/"), str(uuid4())]
    pages = [machine.get("/subscription/events", params={"case": case}) for case in asked]
    assert [page.json() for page in pages] == [[], []]
    of_case, of_none = (
        [(n, v.replace(case, "CASE")) for n, v in headers_of(page)] for page, case in zip(pages, asked, strict=True)
    )
    assert of_case == of_none


@pytest.mark.parametrize("role", [Role.CASE_WORKER, Role.SUPERVISOR])
def test_how_far_others_are_is_the_leads_alone_and_what_is_refused_names_nobody(
    running: Running, told: Told, role: Role
) -> None:
    for agency in ("rsud", "polres"):
        answer = Desk(running, agency, role).ask("GET", f"{told.case}/deliveries")
        assert answer.status_code == 403
        for other in ("uptd-ppa", "rsud", "polres", "disdik"):
            assert other not in answer.text


def test_a_recipient_sees_the_clocks_it_shares(running: Running, told: Told) -> None:
    case = told.case.removeprefix("/cases/")
    for agency, clocks in (("rsud", {told.ids["clock"]}), ("polres", set())):
        items = Desk(running, agency).get("/deadlines", limit=500, all="true")["items"]
        assert {item["clock"] for item in items if item["case"] == case} == clocks


def test_a_recipients_trail_is_what_it_did_itself(running: Running, told: Told) -> None:
    case = told.case.removeprefix("/cases/")
    Desk(running, "rsud").get(told.case)
    trail = Desk(running, "rsud", Role.SUPERVISOR).get("/audit", limit=500, subject=case)["items"]
    assert {entry["agency"] for entry in trail} <= {"rsud"}


@pytest.mark.parametrize("resource", ["referral to polres", "referral to disdik"])
def test_anothers_referral_is_as_unknown_as_none(running: Running, told: Told, resource: str) -> None:
    hospital = Desk(running, "rsud")
    for move in ("receipt", "acceptance", "completion", "cancellation", "sending"):
        body = {"outcome": "service-delivered"} if move == "completion" else {}
        answers = [
            hospital.ask("POST", f"{told.case}/referrals/{referral}/{move}", json=body)
            for referral in (told.ids[resource], uuid4())
        ]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].content == answers[1].content
        assert headers_of(answers[0]) == headers_of(answers[1])


def test_a_document_that_was_not_shared_is_as_unknown_as_none(running: Running, told: Told) -> None:
    police = Desk(running, "polres")
    answers = [police.ask("GET", f"{told.case}/documents/{d}") for d in (told.ids["document"], uuid4())]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content
    assert headers_of(answers[0]) == headers_of(answers[1])


def test_who_takes_part_is_told_the_version_of_the_case_and_a_list_tells_it_the_lead_alone(
    running: Running, told: Told
) -> None:
    """It is what they write upon; a list would tell at a glance where others were at work."""
    seen = [Desk(running, agency).ask("GET", told.case) for agency in ("uptd-ppa", "rsud", "polres")]
    assert len({(answer.headers["ETag"], answer.json()["version"]) for answer in seen}) == 1
    case = told.case.removeprefix("/cases/")
    row = next(r for r in Desk(running, "rsud").get("/cases", limit=500)["items"] if r["case"] == case)
    assert row["version"] is None
    assert row["worker"] is None
    assert row["open_referrals"] == 1


def test_what_others_do_does_not_move_a_recipients_list(running: Running, told: Told) -> None:
    """A row's place among the others would tell when something happened that it may not know of."""
    case, lead, hospital = told.case.removeprefix("/cases/"), Desk(running, "uptd-ppa"), Desk(running, "rsud")

    def row() -> dict[str, Any]:
        return next(r for r in hospital.get("/cases", limit=500)["items"] if r["case"] == case)

    before = row()
    position = lead.post(f"{told.case}/notes", legal="Hanya untuk bantuan hukum.")["position"]
    hospital.get("/cases", wait_for=position, limit=1)
    assert row() == before
