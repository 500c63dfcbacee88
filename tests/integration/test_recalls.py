"""A consent is withdrawn over HTTP: the lead sees who has to delete copies, and who did; an agency answers."""

from typing import Any

from conftest import Running

from rujukan.domain.codes import Purpose, Role

OPENING = {"channel": "in-person", "reporter": "survivor", "urgency": "urgent", "age_group": "adult"}
RULE = "Permenkes 24/2022: rekam medis disimpan 25 tahun"


def done(response: Any) -> dict[str, Any]:
    assert response.is_success, response.text
    body: dict[str, Any] = response.json()
    return body


def test_the_lead_sees_who_has_to_delete_copies_and_by_which_rule_one_keeps_some(running: Running) -> None:
    lead, officer = running.client("uptd-ppa"), running.client("uptd-ppa", Role.DATA_PROTECTION_OFFICER, Purpose.AUDIT)
    case = f"/cases/{done(lead.post('/cases', json=OPENING))['id']}"
    scope = {"compartments": ["health"], "recipients": ["rsud"], "purposes": ["care"]}
    said = {"given_by": ["survivor"], "obtained": "verbal"}
    consent = done(lead.post(f"{case}/consents", json={**scope, **said}))["id"]
    referral = {"recipient": "rsud", "service": "kesehatan", "urgency": "urgent", "purpose": "care"}
    drafted = done(lead.post(f"{case}/referrals", json={**referral, "compartments": ["health"]}))["id"]
    done(lead.post(f"{case}/referrals/{drafted}/sending"))
    done(lead.post(f"{case}/notes", json={"health": "seen"}))
    withdrawn = done(lead.post(f"{case}/consents/{consent}/withdrawal", json={}))
    entry = entry_of(officer, case, withdrawn["position"])
    assert (entry["status"], entry["basis"], entry["compartments"]) == ("recalled", "consent-withdrawn", ["health"])
    assert entry["copies"] == [{"agency": "rsud", "acknowledged_at": None, "acknowledged_by": None, "kept_basis": None}]
    assert entry["erased_at"] is None, "nothing is destroyed here"
    path = f"/erasures/{entry['erasure']}/acknowledgement"
    hospital = running.client("rsud", Role.DATA_PROTECTION_OFFICER, Purpose.AUDIT)
    answered = done(hospital.post(path, json={"kept_basis": RULE}))
    assert hospital.post(path, json={}).status_code == 409
    police = running.client("polres", Role.DATA_PROTECTION_OFFICER, Purpose.AUDIT)
    assert police.post(path, json={}).status_code == 404
    (copies,) = entry_of(officer, case, answered["position"])["copies"]
    assert (copies["agency"], copies["kept_basis"]) == ("rsud", RULE)
    assert copies["acknowledged_at"] is not None
    assert lead.get(case).is_success, "the case goes on"


def entry_of(officer: Any, case: str, position: int) -> dict[str, Any]:
    items = done(officer.get("/erasures", params={"wait_for": position}))["items"]
    (found,) = [entry for entry in items if f"/cases/{entry['case']}" == case]
    return dict(found)
