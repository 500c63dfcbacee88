"""The survivor's report over HTTP: all of her own data in plain words, nothing that endangers others, on the record."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from conftest import Running
from people import OPENING, People, Three, approved, three_agencies

from rujukan.domain.codes import Purpose, Role
from rujukan.domain.survivor_paper import paper
from rujukan.infra.issuer import usual_actor

MARKERS = {
    "name": "Penanda-Nama",
    "address": "Penanda-Alamat",
    "narrative": "Penanda-Kejadian",
    "health": "Penanda-Kesehatan",
    "psychosocial": "Penanda-Psikososial",
    "perpetrator": "Penanda-Terlapor",
    "reporter": "Penanda-Pelapor",
    "witness": "Penanda-Saksi",
    "plan": "Penanda-Rencana",
}
OTHERS = ("perpetrator", "reporter", "witness")
NOT_ON_PAPER = ("address", "plan")


@pytest.fixture(scope="module")
def three(running: Running) -> Three:
    return three_agencies(running)


@pytest.fixture(scope="module")
def people(running: Running) -> People:
    return People(running)


@pytest.fixture(scope="module")
def case(running: Running, people: People, three: Three) -> str:
    """A case with a marker in every kind of data; the psychosocial note is the helper's, and not for the lead."""
    lead, helper = three.lead, three.helper
    id = people.post(lead, "/cases", **OPENING, reporter_name=MARKERS["reporter"])["id"]
    case = f"/cases/{id}"
    people.post(lead, f"{case}/survivor/identity", name=MARKERS["name"])
    people.post(lead, f"{case}/survivor/contact", address=MARKERS["address"])
    happened = {"forms": ["seksual"], "gbv_type": "rape", "narrative": MARKERS["narrative"]}
    people.post(lead, f"{case}/incidents", **happened)
    people.post(lead, f"{case}/alleged-perpetrators", name=MARKERS["perpetrator"])
    people.post(lead, f"{case}/safety-plans", plan=MARKERS["plan"])
    scope = {"recipients": [helper], "compartments": ["health"], "purposes": ["care"], "witness": MARKERS["witness"]}
    people.post(lead, f"{case}/consents", **scope, given_by=["survivor"], obtained="written")
    about = {"recipient": helper, "service": "kesehatan", "urgency": "routine", "purpose": "care"}
    referral = people.post(lead, f"{case}/referrals", **about, compartments=["health"])["id"]
    people.post(lead, f"{case}/referrals/{referral}/sending")
    noted = people.post(helper, f"{case}/notes", health=MARKERS["health"], psychosocial=MARKERS["psychosocial"])[
        "position"
    ]
    people.get(helper, f"{case}/timeline", wait_for=noted)
    alone = ask(running, lead, case=id)
    assert (alone.status_code, alone.json()["type"]) == (403, "urn:rujukan:problem:another-person-needed")
    for role in (Role.CASE_WORKER, Role.DATA_PROTECTION_OFFICER):
        reader = running.client(lead, role, Purpose.SURVIVOR_REQUEST)
        asked = reader.post(f"{case}/survivor-report-leave", json={"obtained": "verbal"})
        assert ask(running, lead, role, case=id).status_code == 403
        assert approved(running, asked, lead).is_success
    return str(id)


def ask(
    running: Running,
    who: str,
    role: Role = Role.CASE_WORKER,
    purpose: Purpose = Purpose.SURVIVOR_REQUEST,
    **query: str,
) -> httpx.Response:
    return running.client(who, role, purpose).get("/reports/survivor", params=query)


def shown(found: dict[str, Any]) -> str:
    return " ".join(str(item["value"]) for entry in found["recorded"] for item in entry["items"])


def test_she_is_told_all_of_her_own_data_whatever_consent_lets_the_lead_know(
    running: Running, three: Three, people: People, case: str
) -> None:
    lead_reads = str(people.get(three.lead, f"/cases/{case}/timeline"))
    assert MARKERS["psychosocial"] not in lead_reads
    found = ask(running, three.lead, case=case).json()
    screen, text = shown(found), found["text"]
    for name, marker in MARKERS.items():
        assert (marker in screen) == (name not in OTHERS), name
        assert marker not in text, name
    assert all(marker not in str(found) for name, marker in MARKERS.items() if name in OTHERS)


def test_on_paper_is_what_she_chose_line_by_line(running: Running, three: Three, case: str) -> None:
    found = ask(running, three.lead, case=case).json()
    items = [item for entry in found["recorded"] for item in entry["items"]]
    marked = {name: item for name, marker in MARKERS.items() for item in items if marker in str(item["value"])}
    assert {name for name, item in marked.items() if item["line"] is None} == set(NOT_ON_PAPER)
    chosen = ",".join(marked[name]["line"] for name in ("name", "health"))
    printed = ask(running, three.lead, case=case, format="text", lines=chosen).text
    assert {name for name, marker in MARKERS.items() if marker in printed} == {"name", "health"}
    assert "jangan dibawa pulang" in found["before_printing"]
    for wrong in ("999999999", f"{chosen.split('.')[0]}.nik", "x", f"{chosen},"):
        refused = ask(running, three.lead, case=case, lines=wrong)
        assert (refused.status_code, refused.json()["parameter"]) == (400, "lines"), wrong


def test_it_tells_who_looked_and_why_itself_among_them(running: Running, three: Three, case: str) -> None:
    found = ask(running, three.lead, Role.DATA_PROTECTION_OFFICER, case=case, language="en").json()
    helper = next(look for look in found["looked"] if look["what"] == "the timeline" and "Health" in look["data"])
    assert (helper["role"], helper["purpose"]) == ("Case worker", "Care and accompaniment")
    assert "consent was given for it" in helper["why"]
    last = found["looked"][-1]
    assert (last["what"], last["why"]) == ("this report, as you asked", "you asked for it")
    assert last["role"] == "Data protection officer"


@pytest.mark.parametrize(("language", "words"), [("id", "CATATAN LAYANAN"), ("en", "SERVICE NOTES")])
def test_it_is_plain_text_in_either_language(
    running: Running, three: Three, case: str, language: str, words: str
) -> None:
    answer = ask(running, three.lead, case=case, language=language, format="text")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.text.startswith(words)
    assert answer.text == paper([], [], "en" if language == "en" else "id"), "it is the same for everybody"
    usual = ask(running, three.lead, case=case, format="text").text
    assert usual.startswith("CATATAN LAYANAN")


def test_only_for_her_request_by_the_lead_s_case_worker_or_officer(running: Running, three: Three, case: str) -> None:
    for role, purpose in (
        (Role.CASE_WORKER, Purpose.CARE),
        (Role.DATA_PROTECTION_OFFICER, Purpose.AUDIT),
        (Role.SUPERVISOR, Purpose.SURVIVOR_REQUEST),
        (Role.LEGAL_REVIEWER, Purpose.LEGAL),
        (Role.INTEGRATOR, Purpose.CARE),
    ):
        assert ask(running, three.lead, role, purpose, case=case).status_code == 403, role
    refused = ask(running, three.helper, case=case)
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:rujukan:problem:not-for-this-agency")
    here, nowhere = (ask(running, three.stranger, case=c) for c in (case, str(uuid4())))
    assert here.status_code == nowhere.status_code == 404
    assert here.content == nowhere.content


@pytest.mark.parametrize("wrong", [{}, {"case": "x"}, {"language": "jv"}, {"format": "pdf"}])
def test_what_is_asked_wrongly_is_refused(running: Running, three: Three, case: str, wrong: dict[str, str]) -> None:
    query = wrong if "case" in wrong or not wrong else {"case": case, **wrong}
    assert ask(running, three.lead, **query).status_code == 400


def test_opening_it_is_on_the_record_with_every_kind_of_data_and_shown_to_the_supervisor(
    running: Running, three: Three, people: People, case: str
) -> None:
    before = people.post(three.lead, f"/cases/{case}/notes", subject="Sebelum.")["position"]
    assert ask(running, three.lead, case=case).is_success
    new = [e for e in people.accesses(three.lead, case, "survivor-report") if e["position"] > before]
    assert [(e["purpose"], e["basis"], e["role"]) for e in new] == [
        ("survivor-request", "survivor-request", "case-worker")
    ]
    assert {"identity", "contact", "incident", "health", "psychosocial", "safety"} <= set(new[0]["compartments"])
    assert new[0]["actor"] == str(usual_actor(three.lead, Role.CASE_WORKER))
    marked = people.get(three.lead, "/reports/unusual-access", Role.SUPERVISOR, limit=500)["items"]
    assert "everything" in next(look["rules"] for look in marked if look["position"] == new[0]["position"])
