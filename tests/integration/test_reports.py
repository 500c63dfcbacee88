"""The reports over HTTP: who looked at a case, what a person looked at, what an agency held, what looks unusual."""

from typing import Any, NamedTuple
from uuid import uuid4

import psycopg
import pytest
from conftest import Running
from people import OPENING, PURPOSE, ROLES, People, Three, three_agencies

from rujukan.domain.codes import Purpose, Role
from rujukan.domain.oversight import LIMITS
from rujukan.infra.issuer import usual_actor

S, L, D = Role.SUPERVISOR, Role.LEGAL_REVIEWER, Role.DATA_PROTECTION_OFFICER
AUDITORS = (S, L, D)


class Told(NamedTuple):
    """A case that the helper works on under consent, and the lawyers' kind of agency under an override."""

    id: str
    referral: str
    consent: str
    override: str
    sent: int
    position: int


@pytest.fixture(scope="module")
def three(running: Running) -> Three:
    return three_agencies(running)


@pytest.fixture(scope="module")
def people(running: Running) -> People:
    return People(running)


@pytest.fixture(scope="module")
def told(running: Running, people: People, three: Three) -> Told:
    lead, helper = three.lead, three.helper
    id = people.post(lead, "/cases", **OPENING)["id"]
    case = f"/cases/{id}"
    people.post(lead, f"{case}/notes", health="Perlu PEP.", legal="Perkara.")
    scope = {"recipients": [helper], "purposes": ["care"]}
    given = {"given_by": ["survivor"], "obtained": "written"}
    consent = people.post(lead, f"{case}/consents", **scope, compartments=["health"], **given)["id"]
    named, paper = {"Content-Type": "application/pdf"}, {"kind": "court-order", "compartment": "legal"}
    worker = running.client(lead, Role.CASE_WORKER, Purpose.CARE)
    attached = worker.post(f"{case}/documents", params=paper, content=b"%PDF-1.7", headers=named)
    assert attached.status_code == 201, attached.text
    grounds = {
        "basis": "court-order",
        "rule": "Penetapan 12/2026",
        "reason": "perintah hakim",
        "document": attached.json()["id"],
    }
    asked = {**scope, "compartments": ["legal"], **grounds}
    override = running.client(lead, S, Purpose.CARE).post(f"{case}/consent-overrides", json=asked).json()["id"]
    second = running.client(lead, Role.LEGAL_REVIEWER, Purpose.LEGAL)
    approved = second.post(f"{case}/consent-overrides/{override}/approval", json={"reason": "sesuai perintah"})
    assert approved.is_success, approved.text
    about = {"recipient": helper, "service": "kesehatan", "urgency": "routine", "purpose": "care"}
    referral = people.post(lead, f"{case}/referrals", **about, compartments=["health", "legal"])["id"]
    sent = people.post(lead, f"{case}/referrals/{referral}/sending")["position"]
    position = people.post(helper, f"{case}/referrals/{referral}/receipt")["position"]
    people.get(helper, f"{case}/timeline", wait_for=position)
    people.get(lead, case, S)
    return Told(id, referral, consent, override, sent, position)


def last(people: People, three: Three, told: Told) -> int:
    position: int = people.post(three.lead, f"/cases/{told.id}/notes", subject="Terakhir.")["position"]
    return position


def report(people: People, three: Three, told: Told, name: str, who: str = "", role: Role = S, **query: Any) -> Any:
    """A report, after everything that happened so far."""
    found = people.get(who or three.lead, f"/reports/{name}", role, wait_for=last(people, three, told), **query)
    return found["items"]


# Who looked at this case -------------------------------------------------------------------------------------------


def test_case_access_tells_who_looked_for_what_and_on_which_basis(people: People, three: Three, told: Told) -> None:
    found = report(people, three, told, "case-access", case=told.id, limit=500)
    (timeline,) = [o for o in found if o["what"] == "timeline"]
    assert timeline["agency"] == three.helper
    assert timeline["actor"] == str(usual_actor(three.helper, Role.CASE_WORKER))
    assert (timeline["role"], timeline["purpose"]) == ("case-worker", "care")
    assert timeline["compartments"] == ["coordination", "health", "legal"]
    assert timeline["basis"].split("; ") == [
        f"override {told.override} court-order: Penetapan 12/2026",
        f"consent {told.consent}",
        f"referral {told.referral}",
    ]
    assert {o["case"] for o in found} == {told.id}


def test_the_rule_of_an_override_stays_sealed_in_the_log(
    running: Running, people: People, three: Three, told: Told
) -> None:
    """The audit trail's columns are in clear: they have ids and codes."""
    last(people, three, told)
    with psycopg.connect(running.settings.database) as db:
        found = [b for (b,) in db.execute("SELECT basis FROM views.audit WHERE basis LIKE %s", (f"%{told.override}%",))]
    assert found
    assert all("Penetapan" not in basis for basis in found)


def test_another_agency_s_auditor_is_told_of_its_own_people_only(people: People, three: Three, told: Told) -> None:
    found = report(people, three, told, "case-access", three.helper, case=told.id, limit=500)
    assert {o["agency"] for o in found} == {three.helper}


def test_case_access_is_itself_recorded_and_pages(people: People, three: Three, told: Told) -> None:
    for _ in range(4):
        report(people, three, told, "case-access", case=told.id, role=D)
    found = report(people, three, told, "case-access", case=told.id, limit=500)
    mine = [o for o in found if o["what"] == "case-access" and o["role"] == "data-protection-officer"]
    assert len(mine) >= 3
    page = people.get(three.lead, "/reports/case-access", S, case=told.id, limit=2)
    following = people.get(three.lead, "/reports/case-access", S, case=told.id, limit=2, cursor=page["next"])
    assert page["items"] + following["items"] == found[:4]


def test_a_case_that_one_may_not_know_of_has_no_report(people: People, three: Three, told: Told) -> None:
    for role in AUDITORS:
        here = people.look(three.stranger, "/reports/case-access", role, case=told.id)
        nowhere = people.look(three.stranger, "/reports/case-access", role, case=str(uuid4()))
        assert here.status_code == nowhere.status_code == 404
        assert here.content == nowhere.content


# What did this person look at --------------------------------------------------------------------------------------


def test_person_access_tells_what_a_person_of_one_s_own_agency_opened(people: People, three: Three, told: Told) -> None:
    worker = str(usual_actor(three.helper, Role.CASE_WORKER))
    found = report(people, three, told, "person-access", three.helper, actor=worker)
    assert {o["what"] for o in found if o["case"] == told.id} == {"timeline"}
    assert report(people, three, told, "person-access", actor=worker) == [], "it is another agency's"
    watcher = str(usual_actor(three.helper, S))
    watched = report(people, three, told, "person-access", three.helper, role=L, actor=watcher)
    assert "person-access" in {o["what"] for o in watched}


# What did an agency hold -------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_holdings_at_an_instant_of_one_s_own_and_in_the_cases_one_leads(
    people: People, three: Three, told: Told
) -> None:
    def held(who: str, agency: str, at: int) -> list[tuple[str, str]]:
        found = report(people, three, told, "holdings", who, agency=agency, at=at, limit=500)
        return [(h["relation"], h["status"]) for h in found if h["case"] == told.id]

    assert held(three.helper, three.helper, told.sent - 1) == []
    assert held(three.helper, three.helper, told.sent) == [("recipient", "requested")]
    assert held(three.lead, three.helper, told.position) == [("recipient", "received")]
    assert held(three.lead, three.lead, told.position) == [("lead", "open"), ("sender", "received")]
    assert held(three.helper, three.lead, told.position) == []
    assert held(three.stranger, three.helper, told.position) == []
    assert report(people, three, told, "holdings", three.helper) == report(
        people, three, told, "holdings", three.helper, agency=three.helper
    )


# What looks unusual ------------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_who_reads_many_cases_in_which_they_did_nothing_is_marked(people: People, three: Three, told: Told) -> None:
    """A supervisor, for care and not for supervision, browses."""
    cases = [people.post(three.lead, "/cases", **OPENING)["id"] for _ in range(22)]
    client = people._running.client(three.lead, S, Purpose.CARE)
    for case in cases:
        assert client.get(f"/cases/{case}").is_success
    position = last(people, three, told)
    found = people.get(three.lead, "/reports/unusual-access", S, wait_for=position, limit=500)
    browser = str(usual_actor(three.lead, S))
    marked = [look for look in found["items"] if look["actor"] == browser and look["case"] in cases]
    assert [look["case"] for look in marked] == cases
    assert all("no-relation" in look["rules"] for look in marked)
    bulk = [look["case"] for look in marked if "bulk" in look["rules"]]
    assert bulk == cases[19:], "the one told above is the first that this supervisor opened"
    assert {r["code"]: r["count"] for r in found["rules"]}["bulk"] >= 2
    assert all(r["id"] and r["en"] and r["reason_id"] and r["reason_en"] for r in found["rules"])
    page = people.get(three.lead, "/reports/unusual-access", S, limit=1)
    rest = people.get(three.lead, "/reports/unusual-access", S, limit=1, cursor=page["next"])
    assert page["items"] + rest["items"] == found["items"][:2]


def test_who_searches_for_one_person_after_another_is_marked_though_nobody_is_found(
    people: People, three: Three, told: Told
) -> None:
    """Each search is on record with the agency, and none says for whom; others' agencies see nothing of it."""
    client = people._running.client(three.helper, Role.CASE_WORKER, Purpose.CARE)
    numbers = [f"647401410712{n:04}" for n in range(1, LIMITS.searches + 4)]
    for nik in numbers:
        found = client.post("/cases/search", json={"nik": nik})
        assert found.json() == {"cases": [], "merged": []}, found.text
    position = last(people, three, told)
    marked = people.get(three.helper, "/reports/unusual-access", S, wait_for=position, limit=500)
    who = str(usual_actor(three.helper, Role.CASE_WORKER))
    run = [look for look in marked["items"] if look["what"] == "searching" and "searches" in look["rules"]]
    assert [look["actor"] for look in run] == [who] * 3
    assert all(set(look["rules"]) <= {"searches", "out-of-hours"} for look in run)
    trail = people.get(three.helper, "/audit", S, actor=who, accesses="true", limit=500)["items"]
    assert sum(entry["what"] == "searching" for entry in trail) == len(numbers)
    assert not any(nik in str(trail) + str(marked) for nik in numbers)
    others = people.get(three.lead, "/reports/unusual-access", S, wait_for=position, limit=500)["items"]
    assert not any(look["what"] == "searching" for look in others)


def test_reading_by_an_agency_that_takes_no_part_any_more_is_marked(people: People, three: Three, told: Told) -> None:
    id = people.post(three.lead, "/cases", **OPENING)["id"]
    scope = {"recipients": [three.helper], "purposes": ["care"], "compartments": ["health"]}
    people.post(three.lead, f"/cases/{id}/consents", **scope, given_by=["survivor"], obtained="written")
    about = {"recipient": three.helper, "service": "kesehatan", "urgency": "routine", "purpose": "care"}
    referral = people.post(three.lead, f"/cases/{id}/referrals", **about, compartments=["health"])["id"]
    people.post(three.lead, f"/cases/{id}/referrals/{referral}/sending")
    people.post(three.helper, f"/cases/{id}/referrals/{referral}/receipt")
    people.get(three.helper, f"/cases/{id}")
    people.post(three.helper, f"/cases/{id}/referrals/{referral}/rejection", reason="no-capacity")
    people.get(three.helper, f"/cases/{id}")
    position = last(people, three, told)
    for overseer in (three.lead, three.helper):
        found = people.get(overseer, "/reports/unusual-access", S, wait_for=position, limit=500)
        of_case = [look["rules"] for look in found["items"] if look["case"] == id]
        assert ["no-part" in rules for rules in of_case if set(rules) - {"out-of-hours"}] == [True]


@pytest.mark.parametrize(
    "span",
    [
        {"from": "yesterday"},
        {"from": "1"},
        {"from": "2026-01-01T00:00:00Z", "to": "2026-03-01T00:00:00Z"},
        {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"},
        {"to": "2890-01-01T00:00:00Z"},
        {"to": "0001-01-01T00:00:00Z"},
    ],
)
def test_a_span_that_is_none_or_too_long_is_refused(people: People, three: Three, span: dict[str, str]) -> None:
    assert people.look(three.lead, "/reports/unusual-access", S, **span).status_code == 400


# Who may, and that it is recorded ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["case-access", "person-access", "holdings", "unusual-access"])
@pytest.mark.parametrize("role", ROLES)
def test_who_may_open_a_report(people: People, three: Three, told: Told, name: str, role: Role) -> None:
    query = {"case-access": {"case": told.id}, "person-access": {"actor": told.id}}.get(name, {})
    may = (S, D) if name == "unusual-access" else AUDITORS
    answer = people.look(three.lead, f"/reports/{name}", role, **query)
    assert answer.status_code == (200 if role in may else 403)


@pytest.mark.parametrize("name", ["person-access", "holdings", "unusual-access"])
def test_that_a_report_was_opened_is_on_the_record_of_the_agency(
    people: People, three: Three, told: Told, name: str
) -> None:
    query = {"actor": str(usual_actor(three.lead, Role.CASE_WORKER))} if name == "person-access" else {}
    before = last(people, three, told)
    report(people, three, told, name, role=D, **query)
    officer = str(usual_actor(three.lead, D))
    trail = people.get(three.lead, "/audit", S, actor=officer, limit=500, wait_for=last(people, three, told))["items"]
    assert [(e["what"], e["purpose"]) for e in trail if e["position"] > before] == [(name, PURPOSE[D].value)]


@pytest.mark.parametrize(("name", "missing"), [("case-access", "case"), ("person-access", "actor")])
def test_what_a_report_is_about_is_needed(people: People, three: Three, name: str, missing: str) -> None:
    answer = people.look(three.lead, f"/reports/{name}", S)
    assert (answer.status_code, answer.json()["parameter"]) == (400, missing)
