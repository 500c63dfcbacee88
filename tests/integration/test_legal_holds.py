"""Legal holds over HTTP: nothing that is before the police is destroyed, and their hold is lifted by nobody else."""

from collections.abc import Callable
from uuid import uuid4

import httpx
import pytest
from conftest import Running
from people import PURPOSE

from rujukan.domain.codes import Purpose, Role

pytestmark = pytest.mark.usefixtures("asked_well")

LEAD, POLICE, AID = "uptd-ppa", "polres", "lbh"
REVIEWER, OFFICER, SUPERVISOR = Role.LEGAL_REVIEWER, Role.DATA_PROTECTION_OFFICER, Role.SUPERVISOR
OPENING = {"channel": "in-person", "reporter": "survivor", "urgency": "urgent", "age_group": "adult"}
SHARED = ["identity", "contact", "incident", "legal"]
ERASING = {"basis": "survivor-request", "compartments": ["incident", "identity", "health"], "reason": "Diminta."}
HOLDING = {"hold_kind": "investigation", "reason": "Penyidikan."}
STOPPED = {"ended_by": "written-stop", "rule": "SP3/7/2026"}

Person = Callable[..., httpx.Client]


def answer(response: httpx.Response) -> tuple[int, str]:
    """How it is answered: its status, and the problem, or the id of a proposal that waits."""
    found = response.json()
    return response.status_code, found.get("type", "").removeprefix("urn:rujukan:problem:")


@pytest.fixture
def person(running: Running) -> Person:
    def client(agency: str, role: Role = Role.CASE_WORKER) -> httpx.Client:
        return running.client(agency, role, PURPOSE.get(role, Purpose.COORDINATION))

    return client


@pytest.fixture
def case(person: Person) -> str:
    return f"/cases/{done(person(LEAD).post('/cases', json=OPENING))['id']}"


def done(response: httpx.Response) -> dict[str, str]:
    assert response.status_code < 300, response.text
    found: dict[str, str] = response.json()
    return found


def referred(person: Person, case: str, to: str, service: str, purpose: str) -> str:
    """A referral that the lead sent; its path."""
    said = {"compartments": SHARED, "recipients": [to], "purposes": [purpose], "given_by": ["survivor"]}
    done(person(LEAD).post(f"{case}/consents", json={**said, "obtained": "written"}))
    draft = {"recipient": to, "service": service, "urgency": "urgent", "purpose": purpose, "compartments": SHARED}
    referral = f"{case}/referrals/{done(person(LEAD).post(f'{case}/referrals', json=draft))['id']}"
    done(person(LEAD).post(f"{referral}/sending", json={}))
    return referral


def moved(person: Person, referral: str, by: str, *moves: str) -> None:
    for move in moves:
        said = {"outcome": "service-delivered"} if move == "completion" else {}
        done(person(by).post(f"{referral}/{move}", json=said))


def erasing(person: Person, case: str) -> tuple[int, str]:
    return answer(person(LEAD, SUPERVISOR).post(f"{case}/erasures", json=ERASING))


def test_nothing_is_erased_while_it_is_before_the_police_and_nobody_else_lifts_their_hold(
    person: Person, case: str
) -> None:
    referral = referred(person, case, POLICE, "penegakan-hukum", "legal")
    assert erasing(person, case) == (409, "open-referrals")
    moved(person, referral, POLICE, "receipt")
    assert erasing(person, case) == (409, "hold-stands")
    moved(person, referral, POLICE, "acceptance", "start")
    assert erasing(person, case) == (409, "hold-stands")
    moved(person, referral, POLICE, "completion")
    assert erasing(person, case) == (409, "hold-stands"), "it never ends because a referral was completed"

    (hold,) = done(person(LEAD).get(case))["holds"]
    assert (hold["holder"], hold["kind"], hold["of_proceedings"]) == (POLICE, "investigation", True)
    lifting = f"{case}/legal-holds/{hold['hold']}/lifting"
    for role in (REVIEWER, OFFICER):
        assert answer(person(LEAD, role).post(lifting, json=STOPPED)) == (403, "not-for-this-agency")
    paper = {"kind": "court-order", "compartment": "legal"}
    named = {"Content-Type": "application/pdf"}
    attached = done(person(LEAD).post(f"{case}/documents", params=paper, content=b"%PDF-1.7", headers=named))["id"]
    ordered = {"on_order": attached, "rule": "Penetapan 1/2026"}
    assert answer(person(LEAD, REVIEWER).post(f"{lifting}-on-order", json=ordered)) == (404, "unknown")

    (theirs,) = done(person(POLICE).get(case))["holds"]
    assert theirs == hold, "who holds it sees it, also when they take part no more"
    needless = {**STOPPED, "ended_by": "no-longer-needed"}
    assert answer(person(POLICE, REVIEWER).post(lifting, json=needless)) == (422, "invalid")
    waits = person(POLICE, SUPERVISOR).post(lifting, json=STOPPED)
    assert waits.status_code == 202
    approval = f"{waits.headers['Location']}/approval"
    for role in (SUPERVISOR, REVIEWER, OFFICER):
        assert answer(person(LEAD, role).post(approval, json={})) == (404, "unknown")
    assert answer(person(POLICE, SUPERVISOR).post(approval, json={})) == (403, "another-person-needed")
    assert erasing(person, case) == (409, "hold-stands"), "asking ends nothing"
    assert person(POLICE, OFFICER).post(approval, json={}).status_code == 200
    assert "holds" not in done(person(LEAD).get(case))
    assert erasing(person, case)[0] == 201


def test_an_erasure_that_was_asked_before_is_not_approved_once_they_have_it(person: Person, case: str) -> None:
    asked = person(LEAD, SUPERVISOR).post(f"{case}/erasures", json=ERASING)
    approval = f"{case}/erasures/{done(asked)['id']}/approval"
    referral = referred(person, case, POLICE, "penegakan-hukum", "legal")
    assert answer(person(LEAD, OFFICER).post(approval, json={})) == (409, "open-referrals")
    moved(person, referral, POLICE, "receipt")
    assert answer(person(LEAD, OFFICER).post(approval, json={})) == (409, "hold-stands")


def test_a_former_recipient_places_no_hold_and_learns_of_none(person: Person, case: str) -> None:
    """By nothing: whether a hold stands or not, each answer is the same, but for what the answer calls itself."""
    referral = referred(person, case, AID, "bantuan-hukum", "legal")
    mine = done(person(AID, REVIEWER).post(f"{case}/legal-holds", json={**HOLDING, "hold_kind": "claim"}))["id"]
    moved(person, referral, AID, "receipt", "acceptance", "start", "completion")
    guessed = uuid4()

    def answers() -> list[tuple[int, str]]:
        by = person(AID, REVIEWER)
        asked = (
            by.post(f"{case}/legal-holds", json=HOLDING),
            by.post(f"{case}/legal-holds/{guessed}/lifting", json=STOPPED),
        )
        return [answer(response) for response in asked]

    assert answers() == [(403, "not-for-this-agency"), (404, "unknown")]
    placed = done(person(LEAD, REVIEWER).post(f"{case}/legal-holds", json={**HOLDING, "hold": str(guessed)}))["id"]
    assert answers() == [(403, "not-for-this-agency"), (404, "unknown")]
    by_lead = {hold["hold"] for hold in done(person(LEAD).get(case))["holds"]}
    assert by_lead == {mine, placed}
    assert [hold["hold"] for hold in done(person(AID, REVIEWER).get(case))["holds"]] == [mine]
    over = {"ended_by": "claim-ended", "rule": "Putusan 7/2026"}
    lifting = person(AID, REVIEWER).post(f"{case}/legal-holds/{mine}/lifting", json=over)
    assert lifting.status_code == 202, "its own it lifts, though it takes part no more"
    assert person(AID, OFFICER).post(f"{lifting.headers['Location']}/approval", json={}).status_code == 200


def test_a_supervisor_of_the_police_places_a_hold_and_one_of_the_hospital_none(person: Person, case: str) -> None:
    referred(person, case, POLICE, "penegakan-hukum", "protection")
    referred(person, case, "rsud", "kesehatan", "care")
    assert person(POLICE, SUPERVISOR).post(f"{case}/legal-holds", json=HOLDING).status_code == 201
    for role in (SUPERVISOR, REVIEWER, OFFICER):
        refused = person("rsud", role).post(f"{case}/legal-holds", json=HOLDING)
        assert answer(refused) == (403, "not-for-this-agency")
