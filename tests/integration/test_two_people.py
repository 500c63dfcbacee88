"""Two people over HTTP: what gives power waits for another person, who sees what it is."""

import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from conftest import Running
from patience import PATIENCE_SECONDS
from people import PURPOSE, approved

from rujukan.api.application.casework import Casework
from rujukan.consumers.wire.envelope import AgencyKey
from rujukan.domain.codes import AgencyKind, Purpose, Role
from rujukan.infra import composition, onboarding
from rujukan.infra.issuer import usual_actor

pytestmark = pytest.mark.usefixtures("asked_well")

ADMINISTRATOR, OFFICER = Role.AGENCY_ADMINISTRATOR, Role.DATA_PROTECTION_OFFICER
OPERATOR = "uptd-ppa"


class House:
    """An agency of its own with people in some roles, and whoever runs the network."""

    def __init__(self, running: Running, *roles: Role, kind: AgencyKind = AgencyKind.HEALTH) -> None:
        self.running = running
        self.code = f"two-{uuid4().hex[:8]}"
        with composition.service(running.settings, connections=2) as ports:
            system = Casework(ports.log, ports.macs)
            onboarding.register(system, self.code, kind, "RS", [])
            for role in roles:
                onboarding.add_member(system, self.code, usual_actor(self.code, role), [role], None)
        self.at = f"/agencies/{self.code}"

    def client(self, role: Role, agency: str | None = None) -> httpx.Client:
        return self.running.client(agency or self.code, role, PURPOSE.get(role, Purpose.COORDINATION))

    def joins(self, member: UUID, *roles: str, by: str | None = None) -> httpx.Response:
        said = {"member": str(member), "roles": list(roles)}
        return self.client(ADMINISTRATOR, by).post(f"{self.at}/members", json=said)

    def as_person(self, person: UUID, role: Role, agency: str | None = None) -> httpx.Client:
        token = self.running.issuer.token(person, agency or self.code, [role])
        purpose = PURPOSE.get(role, Purpose.COORDINATION).value
        headers = {"Authorization": f"Bearer {token}", "Purpose-Of-Use": purpose}
        return self.running.calling(headers)

    @contextmanager
    def as_member(self, person: UUID, role: Role, agency: str | None = None) -> Iterator[httpx.Client]:
        """The person, once the API has heard that they are a member."""
        with self.as_person(person, role, agency) as client:
            give_up = time.monotonic() + PATIENCE_SECONDS
            while role.value not in client.get("/me").json()["roles"]:
                assert time.monotonic() < give_up, "the API does not hear of it"
                time.sleep(0.05)
            yield client

    def roles_of(self, person: UUID, role: Role) -> list[str]:
        with self.as_person(person, role) as client:
            found: list[str] = client.get("/me").json()["roles"]
        return found


@pytest.fixture(scope="module")
def house(running: Running) -> House:
    return House(running, ADMINISTRATOR, OFFICER, Role.SUPERVISOR, Role.CASE_WORKER)


def problem(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["type"].removeprefix("urn:rujukan:problem:")


# Powerful roles --------------------------------------------------------------------------------------------------


def test_an_administrator_does_not_make_themselves_the_second_person(house: House) -> None:
    me = usual_actor(house.code, ADMINISTRATOR)
    asked = house.joins(me, "agency-administrator", "data-protection-officer")
    proposal = asked.headers["Location"]
    assert (asked.status_code, asked.json()["waits"], asked.json()["id"]) == (202, True, proposal.rpartition("/")[2])
    assert problem(house.client(ADMINISTRATOR).post(f"{proposal}/approval")) == (403, "another-person-needed")
    assert house.roles_of(me, OFFICER) == []

    seen = house.client(OFFICER).get(proposal).json()
    assert (seen["operation"], seen["target"], seen["asked_by"]) == ("AddMember", house.code, str(me))
    assert seen["said"]["roles"] == ["agency-administrator", "data-protection-officer"]
    assert (seen["now"], seen["status"]) == ({"roles": ["agency-administrator"]}, "waiting")

    assert house.client(OFFICER).post(f"{proposal}/refusal", json={"reason": "Rangkap."}).status_code == 200
    assert problem(house.client(Role.SUPERVISOR).post(f"{proposal}/approval")) == (409, "proposal-over")
    assert house.client(ADMINISTRATOR).get(proposal).json()["status"] == "refused"
    assert house.roles_of(me, OFFICER) == []


@pytest.mark.parametrize("role", ["supervisor", "legal-reviewer", "data-protection-officer", "agency-administrator"])
def test_power_is_given_once_another_approves_it(house: House, role: str) -> None:
    new = uuid4()
    asked = house.joins(new, role)
    assert house.roles_of(new, Role.of(role)) == []
    assert approved(house.running, asked, house.code).status_code == 200
    assert house.roles_of(new, Role.of(role)) == [role]
    assert problem(approved(house.running, asked, house.code)) == (409, "proposal-over")


def test_the_same_person_for_another_agency_is_no_other_person(running: Running, house: House) -> None:
    me = usual_actor(house.code, ADMINISTRATOR)
    with composition.service(running.settings, connections=2) as ports:
        system = Casework(ports.log, ports.macs)
        onboarding.add_member(system, OPERATOR, me, [ADMINISTRATOR], None)
    proposal = house.joins(uuid4(), "supervisor").headers["Location"]
    with house.as_member(me, ADMINISTRATOR, OPERATOR) as other_hat:
        answer = other_hat.post(f"{proposal}/approval")
    assert problem(answer) == (403, "another-person-needed")


def test_who_runs_the_network_lets_the_first_administrator_in_and_nobody_else(running: Running) -> None:
    new, first, worker = House(running), uuid4(), uuid4()
    for roles in (("case-worker",), ("case-worker", "agency-administrator"), ("supervisor",)):
        assert problem(new.joins(worker, *roles, by=OPERATOR)) == (403, "not-for-this-agency")
    me = usual_actor(OPERATOR, ADMINISTRATOR)
    assert new.joins(me, "agency-administrator", by=OPERATOR).status_code == 202, "nor themselves, alone"
    assert new.joins(first, "agency-administrator", by=OPERATOR).status_code == 200
    assert problem(new.joins(worker, "agency-administrator", by=OPERATOR)) == (403, "not-for-this-agency")
    with new.as_person(first, ADMINISTRATOR) as administrator:
        member: dict[str, Any] = {"member": str(worker), "roles": ["case-worker"]}
        assert administrator.post(f"{new.at}/members", json=member).status_code == 200
        member = {"member": str(first), "roles": ["case-worker", "agency-administrator"]}
        own = administrator.post(f"{new.at}/members", json=member)
    assert approved(running, own, OPERATOR).status_code == 200, (
        "an agency's only administrator has the operator's people"
    )
    assert new.roles_of(first, Role.CASE_WORKER) == ["case-worker"]


# What content goes to --------------------------------------------------------------------------------------------


def test_an_administrator_alone_turns_no_content_to_a_key_of_their_own(house: House) -> None:
    administrator, first, own = house.client(ADMINISTRATOR), AgencyKey.generate("first"), AgencyKey.generate("own")
    registered = administrator.post(f"{house.at}/keys", json={"key": "first", "public_key": first.public})
    assert registered.status_code == 200, registered.text
    asked = administrator.post(f"{house.at}/keys", json={"key": "own", "public_key": own.public})
    proposal = asked.headers["Location"]
    assert asked.status_code == 202
    assert problem(administrator.post(f"{proposal}/approval")) == (403, "another-person-needed")
    assert [k["key"] for k in administrator.get(f"{house.at}/keys").json()["keys"]] == ["first"]
    only = administrator.post(f"{house.at}/keys/first/retirement")
    assert problem(only) == (422, "invalid"), "what is sealed to the real key goes on"

    seen = house.client(OFFICER).get(proposal).json()
    assert seen["fingerprint"] == sha256(urlsafe_b64decode(own.public + "==")).hexdigest()
    assert list(seen["now"]["keys"]) == ["first"]
    assert problem(house.client(Role.SUPERVISOR, OPERATOR).post(f"{proposal}/approval")) == (404, "unknown")
    assert approved(house.running, asked, house.code, OFFICER).status_code == 200
    assert [k["key"] for k in administrator.get(f"{house.at}/keys").json()["keys"]] == ["first", "own"]


def test_an_administrator_alone_has_nothing_posted_to_an_address_of_their_own(house: House) -> None:
    administrator = house.client(ADMINISTRATOR)
    asked = administrator.post(f"{house.at}/webhook", json={"url": "https://mine.example/rujukan"})
    assert asked.status_code == 202
    assert problem(administrator.post(f"{asked.headers['Location']}/approval")) == (403, "another-person-needed")
    assert problem(administrator.get(f"{house.at}/webhook")) == (404, "unknown")
    assert house.client(OFFICER).get(asked.headers["Location"]).json()["now"] == {"url": None}
    assert approved(house.running, asked, house.code, OFFICER).status_code == 200
    assert administrator.get(f"{house.at}/webhook").json()["url"] == "https://mine.example/rujukan"
    assert administrator.post(f"{house.at}/webhook/removal").status_code == 200, "what ends it takes one"


# Agencies --------------------------------------------------------------------------------------------------------


def test_one_administrator_registers_no_agency_and_brings_none_back(running: Running) -> None:
    operator, code = running.client(OPERATOR, ADMINISTRATOR), f"polres-{uuid4().hex[:8]}"
    asked = operator.post("/agencies", json={"code": code, "kind": "police", "name": "Polres"})
    assert asked.status_code == 202
    assert problem(operator.post(f"{asked.headers['Location']}/approval")) == (403, "another-person-needed")
    early = operator.post(f"/agencies/{code}/members", json={"member": str(uuid4()), "roles": ["case-worker"]})
    assert problem(early) == (404, "unknown")
    assert approved(running, asked, OPERATOR).status_code == 200

    suspended = operator.post(f"/agencies/{code}/suspension", json={"reason": "Bukan polisi."})
    assert suspended.status_code == 200, "in danger one is enough"
    back = operator.post(f"/agencies/{code}/reactivation")
    assert back.status_code == 202
    assert approved(running, back, OPERATOR).status_code == 200


def test_no_lead_puts_another_out_by_one_person(running: Running) -> None:
    other = House(running, ADMINISTRATOR, kind=AgencyKind.LEAD)
    asked = other.client(ADMINISTRATOR).post(f"/agencies/{OPERATOR}/suspension", json={"reason": "r"})
    assert asked.status_code == 202
    assert problem(other.client(ADMINISTRATOR).post(f"{asked.headers['Location']}/approval"))[0] == 403
    theirs = running.client(OPERATOR, Role.SUPERVISOR, Purpose.SUPERVISION)
    refused = theirs.post(f"{asked.headers['Location']}/refusal", json={"reason": "Tidak."})
    assert refused.status_code == 200


# Emergencies -----------------------------------------------------------------------------------------------------

OPENING = {"channel": "in-person", "reporter": "survivor", "urgency": "urgent", "age_group": "adult"}
GLASS = {"compartments": ["health"], "basis": "imminent-danger", "rule": "UU 27/2022", "reason": "Bahaya."}


def opened(house: House) -> str:
    """A case of the lead's, in which the house has no part."""
    return str(house.running.client(OPERATOR).post("/cases", json=OPENING).headers["Location"])


def judged(house: House, at: str, verdict: str, role: Role = Role.SUPERVISOR, by: str | None = None) -> httpx.Response:
    said = {"verdict": verdict, "remark": "Diperiksa."}
    return house.client(role, by).post(f"{at}/review", json=said)


def made(answer: httpx.Response) -> str:
    """Where what was made is asked for by those who may: below the address that it was posted to."""
    return f"{answer.request.url.path}/{answer.json()['id']}"


def test_the_lead_s_verdict_outranks_that_of_the_opener_s_colleague(house: House) -> None:
    worker = house.client(Role.CASE_WORKER)
    glass = made(worker.post(f"{opened(house)}/break-glass", json=GLASS))
    assert judged(house, glass, "justified").status_code == 200
    assert problem(judged(house, glass, "not-justified", OFFICER)) == (409, "already-exists")
    assert worker.get(f"{glass}/timeline").status_code == 200
    assert judged(house, glass, "not-justified", by=OPERATOR).status_code == 200
    assert problem(worker.get(f"{glass}/timeline")) == (403, "glass-not-open")
    assert problem(judged(house, glass, "justified")) == (409, "already-exists")
    assert house.client(Role.SUPERVISOR).get(glass).json()["reviews"][-1]["verdict"] == "not-justified"


def test_who_was_judged_not_justified_breaks_no_glass_alone(running: Running) -> None:
    house = House(running, ADMINISTRATOR, OFFICER, Role.SUPERVISOR, Role.CASE_WORKER)  # of whom nobody was judged yet
    case, worker = opened(house), house.client(Role.CASE_WORKER)
    glass = made(worker.post(f"{case}/break-glass", json=GLASS))
    assert problem(worker.post(f"{case}/break-glass-leave")) == (404, "unknown"), "there is nothing to ask for yet"
    assert judged(house, glass, "not-justified", by=OPERATOR).status_code == 200
    for _ in range(3):
        assert problem(worker.post(f"{case}/break-glass", json=GLASS)) == (403, "another-person-needed")

    asked = worker.post(f"{case}/break-glass-leave")
    assert problem(worker.post(f"{asked.headers['Location']}/approval"))[0] == 403
    assert problem(house.client(Role.SUPERVISOR, "polres").post(f"{asked.headers['Location']}/approval"))[0] == 404
    assert problem(worker.post(f"{case}/break-glass", json=GLASS)) == (403, "another-person-needed")
    assert approved(house.running, asked, house.code).status_code == 200
    again = worker.post(f"{case}/break-glass", json=GLASS)
    assert again.status_code == 201, again.text
    assert worker.post(f"{made(again)}/closure").status_code == 200
    assert problem(worker.post(f"{case}/break-glass", json=GLASS)) == (403, "another-person-needed"), "it was for one"
    by_the_lead = worker.post(f"{case}/break-glass-leave")
    assert approved(house.running, by_the_lead, OPERATOR).status_code == 200


# What leaves, and what she is shown ------------------------------------------------------------------------------


def test_one_legal_reviewer_takes_no_content_out_of_the_network(running: Running, house: House) -> None:
    case, disclosure = opened(house), str(uuid4())
    reviewer = running.client(OPERATOR, Role.LEGAL_REVIEWER, Purpose.LEGAL)
    spoken = {"recipient": "a friend", "basis": "survivor-request", "rule": "spoken", "disclosure": disclosure}
    asked = reviewer.post(f"{case}/disclosures", json={**spoken, "compartments": ["identity", "health"]})
    bundle = f"{case}/disclosures/{disclosure}/bundle"
    assert asked.status_code == 202
    assert problem(reviewer.post(f"{asked.headers['Location']}/approval")) == (403, "another-person-needed")
    assert problem(house.client(OFFICER).post(f"{asked.headers['Location']}/approval")) == (404, "unknown")
    assert problem(reviewer.get(bundle)) == (404, "unknown")
    seen = running.client(OPERATOR, Role.SUPERVISOR, Purpose.SUPERVISION).get(asked.headers["Location"]).json()
    assert (seen["operation"], seen["said"]["recipient"], seen["said"]["rule"]) == (
        "DiscloseCase",
        "a friend",
        "spoken",
    )
    assert approved(running, asked, OPERATOR).status_code == 200
    there = reviewer.get(bundle)
    assert there.is_success or problem(there)[1] == "not-sealed-yet"


def test_a_new_lead_s_case_worker_shows_nobody_more_than_the_lead_may_open_alone(
    running: Running, house: House
) -> None:
    """The survivor consented to one compartment for the new lead; her report shows all."""
    case, lead = opened(house), running.client(OPERATOR)
    assert lead.post(f"{case}/notes", json={"psychosocial": "Rahasia."}).status_code == 201
    consent = {"compartments": ["incident"], "recipients": [house.code], "purposes": ["care"]}
    said = {**consent, "given_by": ["survivor"], "obtained": "verbal"}
    assert lead.post(f"{case}/consents", json=said).status_code == 201
    chief = running.client(OPERATOR, Role.SUPERVISOR, Purpose.SUPERVISION)
    asked = chief.post(f"{case}/lead-transfers", json={"to": house.code, "reason": "r"})
    accepted = house.client(Role.SUPERVISOR).post(f"{made(asked)}/acceptance")
    assert accepted.status_code == 200, accepted.text

    worker = running.client(house.code, Role.CASE_WORKER, Purpose.SURVIVOR_REQUEST)
    query = {"case": case.rpartition("/")[2]}
    assert problem(worker.get("/reports/survivor", params=query)) == (403, "another-person-needed")
    leave = worker.post(f"{case}/survivor-report-leave", json={"obtained": "written"})
    assert problem(worker.post(f"{leave.headers['Location']}/approval"))[0] == 403
    assert problem(worker.get("/reports/survivor", params=query)) == (403, "another-person-needed")
    assert approved(running, leave, house.code, OFFICER).status_code == 200
    assert "Rahasia." in worker.get("/reports/survivor", params=query).text
    officer = running.client(house.code, OFFICER, Purpose.SURVIVOR_REQUEST)
    assert problem(officer.get("/reports/survivor", params=query)) == (403, "another-person-needed"), "it is one's own"


# The lead --------------------------------------------------------------------------------------------------------


def test_one_person_does_not_hand_a_case_from_one_agency_of_theirs_to_another(running: Running, house: House) -> None:
    me = uuid4()
    with composition.service(running.settings, connections=2) as ports:
        system = Casework(ports.log, ports.macs)
        for agency in (OPERATOR, house.code):
            onboarding.add_member(system, agency, me, [Role.SUPERVISOR], None)
    case, lead = opened(house), running.client(OPERATOR)
    consent = {"compartments": ["incident"], "recipients": [house.code], "purposes": ["care"]}
    said = {**consent, "given_by": ["survivor"], "obtained": "verbal"}
    assert lead.post(f"{case}/consents", json=said).status_code == 201
    with house.as_member(me, Role.SUPERVISOR, OPERATOR) as one_hat:
        asked = one_hat.post(f"{case}/lead-transfers", json={"to": house.code, "reason": "Penyintas dirawat."})
    accepted = f"{made(asked)}/acceptance"
    with house.as_member(me, Role.SUPERVISOR) as other_hat:
        answer = other_hat.post(accepted)
    assert problem(answer) == (403, "another-person-needed")
    left = running.client(OPERATOR, ADMINISTRATOR).post(f"/agencies/{OPERATOR}/members/{me}/removal")
    assert left.status_code == 200
    with house.as_member(me, Role.SUPERVISOR) as other_hat:
        answer = other_hat.post(accepted)
    assert problem(answer) == (403, "another-person-needed"), "who asked for it left in between"
    assert house.client(Role.SUPERVISOR).post(accepted).status_code == 200


def test_to_others_there_is_no_proposal(house: House) -> None:
    proposal = house.joins(uuid4(), "supervisor").headers["Location"]
    nowhere = f"/proposals/{uuid4()}"
    stranger = house.client(Role.SUPERVISOR, "polres")
    for path in ("/approval", "/withdrawal"):
        answers = [stranger.post(f"{at}{path}") for at in (proposal, nowhere)]
        assert answers[0].content == answers[1].content
        assert problem(answers[0]) == (404, "unknown")
    answers = [stranger.get(at) for at in (proposal, nowhere)]
    assert answers[0].content == answers[1].content
    assert problem(answers[0]) == (404, "unknown")
    assert house.client(ADMINISTRATOR).post(f"{proposal}/withdrawal").status_code == 200


def listed(client: httpx.Client, after: httpx.Response) -> list[dict[str, Any]]:
    """What waits for the caller, once the list took in that proposal, or what became of it."""
    answer = client.get("/proposals", params={"wait_for": after.json()["position"], "limit": 500})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def test_what_waits_is_listed_for_whoever_may_decide_it_the_oldest_first_and_for_nobody_else(
    running: Running,
) -> None:
    """Whoever gains by it, or asked, is no second person, and is not shown it."""
    house = House(running, ADMINISTRATOR, OFFICER, Role.SUPERVISOR, Role.CASE_WORKER)
    first, last = house.joins(uuid4(), "supervisor"), house.joins(uuid4(), "legal-reviewer")
    ids = [answer.json()["id"] for answer in (first, last)]

    def mine(client: httpx.Client) -> list[str]:
        return [entry["proposal"] for entry in listed(client, last) if entry["proposal"] in ids]

    for who in (house.client(OFFICER), house.client(Role.SUPERVISOR), house.client(Role.SUPERVISOR, "uptd-ppa")):
        assert mine(who) == ids
    assert mine(house.client(ADMINISTRATOR)) == []
    assert mine(house.client(ADMINISTRATOR, "polres")) == mine(house.client(Role.SUPERVISOR, "rsud")) == []
    assert problem(house.client(Role.CASE_WORKER).get("/proposals")) == (403, "not-for-this-role")
    shown = next(entry for entry in listed(house.client(OFFICER), last) if entry["proposal"] == ids[0])
    assert (shown["operation"], shown["target"], shown["agency"]) == ("AddMember", house.code, house.code)
    assert shown["waits_seconds"] >= 0
    assert "said" not in shown
    gains = house.joins(usual_actor(house.code, Role.SUPERVISOR), "supervisor", "legal-reviewer")
    assert gains.json()["id"] not in {e["proposal"] for e in listed(house.client(Role.SUPERVISOR), gains)}
    assert gains.json()["id"] in {e["proposal"] for e in listed(house.client(OFFICER), gains)}
    page = house.client(OFFICER).get("/proposals", params={"limit": 1}).json()
    rest = house.client(OFFICER).get("/proposals", params={"limit": 500, "cursor": page["next"]}).json()
    assert [e["proposal"] for e in page["items"] + rest["items"]][:2] == ids
    for id, path in zip((*ids, gains.json()["id"]), ("approval", "refusal", "refusal"), strict=True):
        said = {"reason": "r"} if path == "refusal" else {}
        done = house.client(OFFICER).post(f"/proposals/{id}/{path}", json=said)
        assert done.status_code == 200, done.text
    assert not {*ids, gains.json()["id"]} & {e["proposal"] for e in listed(house.client(OFFICER), done)}


def test_what_waits_in_a_case_is_listed_for_its_lead_alone(running: Running) -> None:
    opening = {"channel": "in-person", "reporter": "survivor", "urgency": "urgent", "age_group": "adult"}
    case = running.client("uptd-ppa", Role.CASE_WORKER, Purpose.CARE).post("/cases", json=opening).json()["id"]
    said = {"recipient": "c", "basis": "survivor-request", "rule": "r", "compartments": ["health"]}
    asked = running.client("uptd-ppa", Role.LEGAL_REVIEWER, Purpose.LEGAL).post(f"/cases/{case}/disclosures", json=said)
    assert asked.status_code == 202, asked.text
    for agency, sees in (("uptd-ppa", True), ("rsud", False), ("polres", False)):
        found = listed(running.client(agency, Role.SUPERVISOR, Purpose.SUPERVISION), asked)
        assert (asked.json()["id"] in {entry["proposal"] for entry in found}) == sees
