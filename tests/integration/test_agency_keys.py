"""Keys over HTTP: who sees them, and that history goes to another key only by two people."""

import base64
import hashlib
from uuid import uuid4

import httpx
import pytest
from conftest import Running

from rujukan.api.application.casework import Casework
from rujukan.consumers.wire.envelope import AgencyKey
from rujukan.domain.codes import AgencyKind, Purpose, Role
from rujukan.infra import composition, onboarding
from rujukan.infra.issuer import usual_actor

ADMINISTRATOR, OFFICER = Role.AGENCY_ADMINISTRATOR, Role.DATA_PROTECTION_OFFICER


class Office:
    """A hospital whose key is lost and which has registered another."""

    def __init__(self, running: Running) -> None:
        self.running, self.code = running, f"rs-{uuid4().hex[:8]}"
        self.lost, self.new = AgencyKey.generate("lost"), AgencyKey.generate("new")
        with composition.service(running.settings, connections=2) as ports:
            casework = Casework(ports.log, ports.macs)
            onboarding.register(casework, self.code, AgencyKind.HEALTH, "RS", [])
            for role in (ADMINISTRATOR, OFFICER, Role.CASE_WORKER):
                onboarding.add_member(casework, self.code, usual_actor(self.code, role), [role], None)
            for key in (self.lost, self.new):
                onboarding.register_key(casework, self.code, key.id, key.public)
        self.at = f"/agencies/{self.code}/keys"

    def client(self, role: Role, agency: str | None = None) -> httpx.Client:
        purpose = Purpose.AUDIT if role is OFFICER else Purpose.COORDINATION
        return self.running.client(agency or self.code, role, purpose)

    def post(self, role: Role, path: str, body: dict[str, object], agency: str | None = None) -> httpx.Response:
        return self.client(role, agency).post(f"{self.at}/new/resealing{path}", json=body)


@pytest.fixture(scope="module")
def office(running: Running) -> Office:
    return Office(running)


def problem(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["type"].removeprefix("urn:rujukan:problem:")


@pytest.mark.thorough
def test_history_goes_to_the_new_key_once_another_person_saw_it_and_said_so(office: Office) -> None:
    lost: dict[str, object] = {"lost": ["lost"]}
    asked = office.post(ADMINISTRATOR, "", {**lost, "reason": "Peladen terbakar."})
    assert asked.status_code == 200, asked.text

    assert problem(office.post(ADMINISTRATOR, "/approval", lost)) == (403, "not-for-this-agency")
    assert problem(office.post(Role.CASE_WORKER, "/approval", lost)) == (403, "not-for-this-role")
    assert problem(office.post(OFFICER, "/approval", lost, agency="uptd-ppa")) == (403, "not-for-this-agency")
    assert problem(office.post(OFFICER, "/approval", {"lost": ["lost", "new"]})) == (404, "unknown")

    seen = office.client(OFFICER).get(office.at).json()
    raw = base64.urlsafe_b64decode(office.new.public + "==")
    assert [k["key"] for k in seen["keys"]] == ["lost", "new"]
    assert [k["in_use"] for k in seen["keys"]] == [False, True]
    assert seen["keys"][1]["fingerprint"] == hashlib.sha256(raw).hexdigest()
    asker = str(usual_actor(office.code, ADMINISTRATOR))
    assert seen["resealing"] == {"key": "new", "lost": ["lost"], "reason": "Peladen terbakar.", "asked_by": asker}

    approved = office.post(OFFICER, "/approval", lost)
    assert approved.status_code == 200, approved.text
    now = office.client(ADMINISTRATOR, "uptd-ppa").get(office.at).json()
    assert [k["resealed_to"] for k in now["keys"]] == ["new", None]
    assert now["resealing"] is None


def test_keys_are_seen_by_their_keepers_and_the_lead(office: Office) -> None:
    for role, agency, said in (
        (ADMINISTRATOR, "rsud", (403, "not-for-this-agency")),
        (OFFICER, "uptd-ppa", (403, "not-for-this-agency")),
        (Role.CASE_WORKER, None, (403, "not-for-this-role")),
    ):
        assert problem(office.client(role, agency).get(office.at)) == said
    assert problem(office.client(ADMINISTRATOR, "uptd-ppa").get("/agencies/nobody/keys")) == (404, "unknown")
