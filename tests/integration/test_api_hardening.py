"""What abuse of the API found, and must not find again: one caller's words that stop a process for everybody,
answers of 500, answers that tell too much, and promises that were not kept."""

import base64
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from conftest import Running, start_system
from kafka import KafkaAdminClient
from office import Office, until
from two import seconded

from rujukan.consumers.publishing.tails import tails
from rujukan.consumers.wire.kafka import topics
from rujukan.consumers.wire.kafka.access import options
from rujukan.domain.agency_keys import RegisterKey
from rujukan.domain.codes import Role
from rujukan.infra import composition
from rujukan.infra.issuer import usual_actor

OPENING = {"channel": "in-person", "reporter": "family", "urgency": "routine", "age_group": "adult"}
CONSENT = {
    "compartments": ["identity", "health"],
    "recipients": ["rsud", "polres", "lbh"],
    "purposes": ["care"],
    "given_by": ["survivor"],
    "obtained": "written",
}
REFERRAL = {"urgency": "routine", "purpose": "care", "compartments": ["identity", "health"]}
INCIDENT = {"forms": ["seksual"], "gbv_type": "rape"}
TOP = Path(__file__).parents[2]
PARTS = ("api", "worker", "publisher", "postgres", "broker")


@pytest.fixture(scope="module")
def own(places: Callable[[], Path]) -> Iterator[Running]:
    """A system for what might stop a part of it. When its tests are over, no part had to be started again."""
    started = start_system(places())
    system = started.system
    before = [system.pid(part) for part in PARTS]
    yield started
    try:
        system.check()
        assert system._restarts == {}
        assert [system.pid(part) for part in PARTS] == before
    finally:
        started.stop()


@pytest.fixture
def lead(running: Running) -> httpx.Client:
    """A case worker of the lead agency."""
    return running.client("uptd-ppa")


@pytest.fixture
def hospital(running: Running) -> httpx.Client:
    """A case worker of the hospital."""
    return running.client("rsud")


@pytest.fixture
def case(lead: httpx.Client) -> str:
    """The path of a fresh case of the lead agency."""
    return opened(lead)


def done(response: httpx.Response) -> dict[str, Any]:
    """What an act that must succeed answered."""
    assert response.is_success, response.text
    body: dict[str, Any] = response.json()
    return body


def problem(response: httpx.Response) -> tuple[int, str]:
    """(status, last part of its type) of a problem document."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    return response.status_code, response.json()["type"].removeprefix("urn:rujukan:problem:")


def opened(by: httpx.Client) -> str:
    return f"/cases/{done(by.post('/cases', json=OPENING))['id']}"


def shared(by: httpx.Client, case: str, recipient: str = "rsud", service: str = "kesehatan") -> int:
    """Consent and a referral that was sent; the position of the sending."""
    done(by.post(f"{case}/consents", json=CONSENT))
    referral = done(by.post(f"{case}/referrals", json={**REFERRAL, "recipient": recipient, "service": service}))["id"]
    position: int = done(by.post(f"{case}/referrals/{referral}/sending"))["position"]
    return position


def handed_over(running: Running, case: str) -> None:
    """The hospital leads now."""
    done(running.client("uptd-ppa").post(f"{case}/consents", json=CONSENT))
    supervisor, new = running.client("uptd-ppa", Role.SUPERVISOR), running.client("rsud", Role.SUPERVISOR)
    asked = done(supervisor.post(f"{case}/lead-transfers", json={"to": "rsud", "reason": "Rawat inap."}))["id"]
    done(new.post(f"{case}/lead-transfers/{asked}/acceptance"))


def every(by: httpx.Client, path: str, **query: Any) -> list[dict[str, Any]]:
    """All items of a list, page by page."""
    found: list[dict[str, Any]] = []
    while True:
        page = done(by.get(path, params={**query, "limit": 500}))
        found += page["items"]
        if not page.get("next"):
            return found
        query["cursor"] = page["next"]


# What stops a process stops it for everybody -------------------------------------------------------------------


def lists_go_on(running: Running) -> bool:
    """Whether the worker takes in what is written now, and lists show it."""
    lead = running.client("uptd-ppa")
    written = done(lead.post("/cases", json=OPENING))
    shown = done(lead.get("/cases", params={"wait_for": written["position"], "limit": 1}))["items"]
    return [row["case"] for row in shown] == [written["id"]]


def publishing_goes_on(running: Running, within: float = 30) -> bool:
    """Whether the police is told of a referral that is sent now."""
    lead = running.client("uptd-ppa")
    access = running.settings.kafka
    admin = KafkaAdminClient(**options(access), **topics.ADMIN)
    try:
        topics.ensure(admin, ["polres"])
        before = tails(access, admin, ["polres"], running.service_key)["polres"].sequence
        shared(lead, opened(lead), "polres", "penegakan-hukum")
        give_up = time.monotonic() + within
        while time.monotonic() < give_up:
            if tails(access, admin, ["polres"], running.service_key)["polres"].sequence > before:
                return True
        return False
    finally:
        admin.close()


@pytest.mark.thorough
def test_a_word_of_a_list_that_ends_in_a_newline_is_refused(own: Running) -> None:
    lead = own.client("uptd-ppa")
    case = opened(lead)
    consent = {**CONSENT, "compartments": ["health\n"]}
    assert problem(lead.post(f"{case}/consents", json=consent)) == (422, "does-not-fit")
    assert lead.get(case).status_code == 200
    assert lists_go_on(own)


def test_a_nul_in_an_agencys_name_is_refused(own: Running) -> None:
    administrator = own.client("uptd-ppa", Role.AGENCY_ADMINISTRATOR)
    agency = {"code": "nul", "kind": "ngo", "name": "a\0b"}
    assert problem(administrator.post("/agencies", json=agency)) == (422, "does-not-fit")
    assert lists_go_on(own)


def test_a_time_that_no_list_could_order_is_refused(own: Running) -> None:
    lead = own.client("uptd-ppa")
    early = lead.post("/cases", json={**OPENING, "occurred_at": "0001-01-01T00:00:00+14:00"})
    assert problem(early) == (422, "invalid")
    assert lists_go_on(own)


@pytest.mark.parametrize("key", ["_" * 1610, "_" * 1622, "A" * 1622], ids=["short", "no point", "zeros"])
def test_a_key_that_nothing_can_be_sealed_to_is_refused(own: Running, key: str) -> None:
    administrator = own.client("lbh", Role.AGENCY_ADMINISTRATOR)
    response = administrator.post("/agencies/lbh/keys", json={"key": "bad", "public_key": key})
    assert problem(response)[0] == 422
    assert key not in response.text


@pytest.mark.thorough
def test_no_key_that_is_published_is_registered(own: Running) -> None:
    """Who copies the request out of the documents would have everybody read what their agency is told."""
    body = own.http.get("/openapi.json").json()["paths"]["/agencies/{code}/keys"]["post"]["requestBody"]
    (example,) = (said["value"] for said in body["content"]["application/json"]["examples"].values())
    administrator = own.client("rsud", Role.AGENCY_ADMINISTRATOR)
    for key in {example["public_key"], *published()}:
        response = administrator.post("/agencies/rsud/keys", json={**example, "public_key": key})
        assert problem(response) == (422, "invalid"), response.text
        assert response.json()["about"]["field"] == "public_key"


def published() -> set[str]:
    """Whatever in the repository has the form of a public key."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=TOP, capture_output=True, check=True).stdout
    form = re.compile(rb"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{1622}(?![A-Za-z0-9_-])")
    files = [TOP / name.decode() for name in listed.split(b"\0") if name]
    return {found.decode() for file in files if file.is_file() for found in form.findall(file.read_bytes())}


def test_a_bad_key_that_was_stored_before_keys_were_checked_keeps_nobody_else_waiting(own: Running) -> None:
    with composition.service(own.settings, connections=2) as ports:
        office = Office(ports)
        bad = RegisterKey(occurred_at=composition.now(), key="bad", public_key="_" * 1622)
        office.agrees("lbh", bad)
    lead = own.client("uptd-ppa")
    shared(lead, opened(lead), "lbh", "bantuan-hukum")
    until(lambda: b"nothing can be sealed to the key of lbh" in (own.system.logs / "publisher.log").read_bytes())
    assert publishing_goes_on(own)


# What is the caller's fault is no 500 --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/cases?status=%00", "/cases?relation=%00", "/inbox?status=%00", "/agencies?service=%00"]
)
def test_a_nul_in_a_filter_is_a_bad_query(lead: httpx.Client, path: str) -> None:
    assert problem(lead.get(path)) == (400, "bad-query")


@pytest.mark.parametrize("path", ["/cases", "/inbox", "/outbox"])
@pytest.mark.parametrize("value", [10**30, 2**63, -1, "9" * 30, 1e300, None])
def test_a_cursor_that_is_no_position_is_bad(lead: httpx.Client, path: str, value: Any) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps([value]).encode()).rstrip(b"=").decode()
    assert problem(lead.get(path, params={"cursor": cursor}))[0] == 400


@pytest.mark.parametrize("agency", ["\ud800", "\x00", "rsud\n", ""])
@pytest.mark.parametrize("path", ["/me", "/agencies"])
def test_a_token_whose_agency_is_no_code_is_not_accepted(running: Running, agency: str, path: str) -> None:
    token = running.issuer.token(uuid4(), agency, [Role.CASE_WORKER])
    response = running.http.get(path, headers={"Authorization": f"Bearer {token}"})
    assert problem(response) == (401, "not-authenticated")


# Documents -----------------------------------------------------------------------------------------------------


def attach(by: httpx.Client, case: str, content: bytes, **headers: str) -> httpx.Response:
    named = {"Content-Type": "image/png", **{name.replace("_", "-"): value for name, value in headers.items()}}
    query = {"kind": "photo", "compartment": "health"}
    return by.post(f"{case}/documents", params=query, content=content, headers=named)


def test_a_document_that_is_sent_again_with_its_key_is_stored_once(lead: httpx.Client, case: str) -> None:
    key = str(uuid4())
    first, again = (attach(lead, case, b"x", Idempotency_Key=key) for _ in range(2))
    assert first.status_code == 201
    assert again.json() == first.json()


def test_a_document_that_was_refused_does_not_stand_in_for_the_next(lead: httpx.Client, case: str) -> None:
    key = str(uuid4())
    assert problem(attach(lead, case, b"A", Idempotency_Key=key, If_Match='"99"'))[0] == 412
    attached = attach(lead, case, b"B", Idempotency_Key=key)
    assert attached.status_code == 201
    done(lead.get("/cases", params={"wait_for": attached.json()["position"], "limit": 1}))
    assert lead.get(attached.headers["Location"]).content == b"B"


# What an answer does not tell ----------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["a\nRAHASIA", "x - at `RAHASIA", "RAHASIA", "x` - at `$.RAHASIA"])
def test_an_unknown_field_is_not_repeated(lead: httpx.Client, field: str) -> None:
    response = lead.post("/cases", json={**OPENING, field: 1})
    assert problem(response) == (422, "does-not-fit")
    assert "RAHASIA" not in response.text


def test_a_recipient_cannot_find_out_who_else_takes_part(lead: httpx.Client, hospital: httpx.Client, case: str) -> None:
    shared(lead, case)
    shared(lead, case, "polres", "penegakan-hukum")
    takes_part, does_not = (
        hospital.post(f"{case}/actions", json={"owner": owner, "what": "x", "due_on": "2030-01-01"})
        for owner in ("polres", "disdik")
    )
    assert problem(takes_part) == problem(does_not) == (403, "not-for-this-agency")
    assert takes_part.text.replace("polres", "") == does_not.text.replace("disdik", "")


def test_who_is_no_member_does_not_read_the_directory(running: Running) -> None:
    token = running.issuer.token(uuid4(), "rsud", [Role.CASE_WORKER])
    response = running.http.get("/agencies", headers={"Authorization": f"Bearer {token}"})
    assert problem(response) == (403, "not-a-member")


def test_who_led_is_told_no_more_of_the_clocks(
    running: Running, lead: httpx.Client, hospital: httpx.Client, case: str
) -> None:
    done(lead.post(f"{case}/incidents", json=INCIDENT))
    handed_over(running, case)
    clock = done(hospital.get(case))["clocks"][0]["clock"]
    met = done(hospital.post(f"{case}/clocks/{clock}/end"))["position"]
    known = {
        by: [row for row in every(by, "/deadlines", all="true", wait_for=met) if row["case"] == case[7:]]
        for by in (lead, hospital)
    }
    assert {row["clock"] for row in known[hospital] if row["ended_at"]} == {clock}
    assert {row["clock"] for row in known[lead]} == {row["clock"] for row in known[hospital]}
    assert not [row for row in known[lead] if row["met_at"] or row["ended_at"]]


# What was promised ---------------------------------------------------------------------------------------------


def test_a_code_does_not_end_in_a_newline(running: Running) -> None:
    administrator = running.client("uptd-ppa", Role.AGENCY_ADMINISTRATOR)
    response = administrator.post("/agencies", json={"code": "rsud\n", "kind": "ngo", "name": "x"})
    assert problem(response) == (422, "does-not-fit")


@pytest.mark.parametrize("purpose", ["care", "supervision"])
def test_a_member_acts_in_that_of_the_tokens_roles_that_it_has(running: Running, purpose: str) -> None:
    """The token's first role is not the member's, by the agency's own record; the second is."""
    member = usual_actor("uptd-ppa", Role.SUPERVISOR)
    token = running.issuer.token(member, "uptd-ppa", [Role.CASE_WORKER, Role.SUPERVISOR])
    headers = {"Authorization": f"Bearer {token}", "Purpose-Of-Use": purpose}
    assert running.http.post("/cases", json=OPENING, headers=headers).status_code == 201


def test_who_is_asked_to_lead_finds_the_case_in_a_list(
    running: Running, lead: httpx.Client, hospital: httpx.Client, case: str
) -> None:
    done(lead.post(f"{case}/consents", json=CONSENT))
    supervisor = running.client("uptd-ppa", Role.SUPERVISOR)
    asked = done(supervisor.post(f"{case}/lead-transfers", json={"to": "rsud", "reason": "Rawat inap."}))
    rows = every(hospital, "/cases", relation="asked", wait_for=asked["position"])
    assert case[7:] in {row["case"] for row in rows}
    assert done(hospital.get(case))["relation"] == "asked"


@pytest.mark.parametrize(
    ("resource", "name", "body"),
    [
        ("notes", "note", {}),
        ("follow-ups", "note", {}),
        ("services", "delivery", {"service": "kesehatan"}),
        ("contact-attempts", "note", {"reached": False, "means": "telepon"}),
    ],
)
def test_an_id_is_taken_once(lead: httpx.Client, case: str, resource: str, name: str, body: dict[str, Any]) -> None:
    chosen = {**body, name: str(uuid4())}
    first, again = (lead.post(f"{case}/{resource}", json=chosen) for _ in range(2))
    assert first.status_code == 201
    assert problem(again) == (409, "already-exists")


def test_a_wrong_method_is_told_which_is_allowed(running: Running) -> None:
    response = running.http.delete("/cases")
    assert problem(response) == (405, "method-not-allowed")
    assert response.headers["Allow"] == "GET, HEAD, POST"


def test_every_word_of_a_problems_type_stands_alone(running: Running) -> None:
    token = running.issuer.token(uuid4(), "uptd-ppa", [Role.CASE_WORKER])
    headers = {"Authorization": f"Bearer {token}", "Purpose-Of-Use": "care"}
    assert problem(running.http.post("/cases", json=OPENING, headers=headers)) == (403, "not-a-member")


@pytest.mark.thorough
def test_an_act_upon_an_older_version_of_an_agency_is_refused(running: Running) -> None:
    administrator = running.client("uptd-ppa", Role.AGENCY_ADMINISTRATOR)
    code = f"a-{uuid4().hex[:8]}"
    asked = administrator.post("/agencies", json={"code": code, "kind": "ngo", "name": "Mitra"})
    done(seconded(asked, running.client("uptd-ppa", Role.SUPERVISOR)))
    path, reason = f"/agencies/{code}/suspension", {"reason": "Tutup."}
    stale = administrator.post(path, json=reason, headers={"If-Match": '"0"'})
    assert problem(stale)[0] == 412
    assert stale.headers["ETag"] == '"1"'
    seen = {"If-Match": '"1"'}
    assert administrator.post(path, json=reason, headers=seen).status_code == 200
