"""A consent is withdrawn over HTTP: the lead sees who has to delete copies, and who did; an agency answers."""

from typing import Any
from uuid import UUID, uuid4

import fetching
import psycopg
import pytest
from conftest import Running
from damaging import case_with
from fetching import Place, consent_of, note
from office import catch_up

from rujukan.api.application.kinds import ERASURE
from rujukan.api.application.ports import Changes
from rujukan.domain import recall
from rujukan.domain.case.consents import WithdrawConsent
from rujukan.domain.codes import Purpose, Role
from rujukan.domain.compartment import Compartment
from rujukan.domain.erasure import AcknowledgeErasure, DeletionAsked, RecallRecorded, erasure_stream
from rujukan.infra.settings import Settings
from rujukan.infra.system_act import system_act

pytestmark = pytest.mark.usefixtures("asked_well")

place = fetching.place

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


@pytest.mark.thorough
def test_who_is_asked_for_more_after_it_confirmed_is_not_shown_as_done(place: Place, settings: Settings) -> None:
    """The register told it more meanwhile: the copies of that are still there."""
    office, case = place.office, case_with(place, "rsud")
    note(office, case, "told")
    catch_up(settings)
    office.does("uptd-ppa", case, WithdrawConsent, consent=consent_of(office, case))
    catch_up(settings)
    with psycopg.connect(settings.database) as db:
        row = db.execute("SELECT erasure FROM views.erasure WHERE case_id = %s", (case,)).fetchone()
    assert row is not None
    erasure: UUID = row[0]
    stream, officer = erasure_stream(erasure), office.act("rsud", Role.DATA_PROTECTION_OFFICER)

    def is_done() -> bool:
        catch_up(settings)
        with psycopg.connect(settings.database) as db:
            row = db.execute("SELECT acknowledged_at FROM views.erasure_copy WHERE erasure = %s", (erasure,)).fetchone()
        return row is not None and row[0] is not None

    def confirms() -> None:
        said = AcknowledgeErasure(occurred_at=officer.at, erasure=erasure)
        office.casework.handle(ERASURE, erasure, said, officer, correlation=uuid4())

    assert not is_done()
    confirms()
    assert is_done()
    record, *others = [w.event for w in office.ports.log.read(stream)]
    assert isinstance(record, RecallRecorded)
    asked = [event for event in others if isinstance(event, DeletionAsked)]
    more = recall.ask(record, asked, {"rsud": frozenset({Compartment.LEGAL})}, system_act())
    assert more
    office.ports.log.append([Changes(stream, 1 + len(others), list(more))], system_act(), uuid4())
    assert not is_done()
    confirms()
    assert is_done()


def entry_of(officer: Any, case: str, position: int) -> dict[str, Any]:
    items = done(officer.get("/erasures", params={"wait_for": position}))["items"]
    (found,) = [entry for entry in items if f"/cases/{entry['case']}" == case]
    return dict(found)
