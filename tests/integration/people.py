"""Agencies that nobody else's tests act for, and their people over HTTP."""

import time
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
from conftest import Running
from patience import PATIENCE_SECONDS

from rujukan.api.application.casework import Casework
from rujukan.domain.codes import AgencyKind, Purpose, Role, Service
from rujukan.infra import composition, onboarding
from rujukan.infra.issuer import usual_actor

ROLES = (Role.CASE_WORKER, Role.SUPERVISOR, Role.LEGAL_REVIEWER, Role.DATA_PROTECTION_OFFICER, Role.INTEGRATOR)
OPENING = {"channel": "in-person", "reporter": "family", "urgency": "urgent", "age_group": "adult"}
RAPE = {"forms": ["seksual"], "gbv_type": "rape", "narrative": "Diceritakan korban."}
PURPOSE = {
    Role.CASE_WORKER: Purpose.CARE,
    Role.SUPERVISOR: Purpose.SUPERVISION,
    Role.LEGAL_REVIEWER: Purpose.LEGAL,
    Role.DATA_PROTECTION_OFFICER: Purpose.AUDIT,
    Role.INTEGRATOR: Purpose.CARE,
}


def known(client: httpx.Client) -> httpx.Client:
    """The client, once the API has heard that this person is a member: what it knew of an agency holds for a while.
    Nothing is read for that: no purpose is said."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while client.get("/audit", headers={"Purpose-Of-Use": ""}).json()["type"].endswith(":not-a-member"):
        assert time.monotonic() < give_up, "the API does not hear of it"
        time.sleep(0.05)
    return client


def approved(running: Running, proposed: httpx.Response, by: str, role: Role = Role.SUPERVISOR) -> httpx.Response:
    """What a second person's approval is answered, of what the first was told to wait for."""
    assert proposed.status_code == 202, proposed.text
    assert proposed.json()["waits"]
    purpose = PURPOSE.get(role, Purpose.COORDINATION)
    return running.client(by, role, purpose).post(f"{proposed.headers['Location']}/approval")


class Three(NamedTuple):
    """A lead, one that it refers to, and one that has no part."""

    lead: str
    helper: str
    stranger: str


def three_agencies(running: Running) -> Three:
    """Three agencies that were just registered, each with a person in every role."""
    found = Three(*(f"{name}-{uuid4().hex[:8]}" for name in ("lead", "helper", "stranger")))
    kinds = (AgencyKind.LEAD, AgencyKind.HEALTH, AgencyKind.EDUCATION)
    with composition.service(running.settings, connections=2) as ports:
        system = Casework(ports.log, ports.macs)
        for code, kind in zip(found, kinds, strict=True):
            onboarding.register(system, code, kind, "Mitra", [Service.HEALTH])
            for role in ROLES:
                onboarding.add_member(system, code, usual_actor(code, role), [role], None)
    return found


class People:
    """Looks, reads and posts as a person of an agency, in a role and for the purpose that goes with it."""

    def __init__(self, running: Running) -> None:
        self._running = running

    def look(self, who: str, path: str, role: Role = Role.CASE_WORKER, **query: Any) -> httpx.Response:
        return self._running.client(who, role, PURPOSE[role]).get(path, params=query or None)

    def get(self, who: str, path: str, role: Role = Role.CASE_WORKER, **query: Any) -> dict[str, Any]:
        response = self.look(who, path, role, **query)
        assert response.is_success, response.text
        found: dict[str, Any] = response.json()
        return found

    def post(self, agency: str, path: str, **body: Any) -> dict[str, Any]:
        response = self._running.client(agency, Role.CASE_WORKER, Purpose.CARE).post(path, json=body)
        assert response.is_success, response.text
        found: dict[str, Any] = response.json()
        return found

    def accesses(self, agency: str, case: str, what: str) -> list[dict[str, Any]]:
        last = self.post(agency, f"/cases/{case}/notes", subject="Terakhir.")["position"]
        query = {"subject": case, "accesses": "true", "limit": 500, "wait_for": last}
        trail = self.get(agency, "/audit", Role.SUPERVISOR, **query)["items"]
        return [entry for entry in trail if entry["what"] == what]
