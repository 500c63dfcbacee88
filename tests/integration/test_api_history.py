"""Looking back over HTTP: as it was, as another agency could see it then, what changed, who held what; and that
every look is in the audit trail before its answer is."""

import json
import re
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from conftest import Running
from people import OPENING, RAPE, People, Three, three_agencies

from rujukan.domain.codes import Role
from rujukan.infra.issuer import usual_actor


class Told(NamedTuple):
    """A case with a referral that is sent, received, and whose consent is then withdrawn: the position after each."""

    id: str
    path: str
    opened: int
    noted: int
    sent: int
    received: int
    withdrawn: int
    referral: str


@pytest.fixture(scope="module")
def three(running: Running) -> Three:
    return three_agencies(running)


@pytest.fixture(scope="module")
def people(running: Running) -> People:
    return People(running)


@pytest.fixture(scope="module")
def told(people: People, three: Three) -> Told:
    lead, helper = three.lead, three.helper
    first = people.post(lead, "/cases", **OPENING)
    case = f"/cases/{first['id']}"
    people.post(lead, f"{case}/incidents", **RAPE)
    noted = people.post(lead, f"{case}/notes", health="Perlu PEP.", legal="Perkara 12/2026.")["position"]
    scope = {"recipients": [helper], "compartments": ["health"], "purposes": ["care"]}
    consent = people.post(lead, f"{case}/consents", **scope, given_by=["survivor"], obtained="written")["id"]
    about = {"recipient": helper, "service": "kesehatan", "urgency": "routine", "purpose": "care"}
    referral = people.post(lead, f"{case}/referrals", **about, compartments=["health"])["id"]
    sent = people.post(lead, f"{case}/referrals/{referral}/sending")["position"]
    received = people.post(helper, f"{case}/referrals/{referral}/receipt")["position"]
    withdrawn = people.post(lead, f"{case}/consents/{consent}/withdrawal")["position"]
    return Told(first["id"], case, first["position"], noted, sent, received, withdrawn, referral)


def events(found: dict[str, Any]) -> dict[int, dict[str, Any]]:
    return {e["position"]: e for e in found["events"]}


def note(found: dict[str, Any], told: Told) -> dict[str, Any]:
    return events(found)[told.noted]


# As it was -------------------------------------------------------------------------------------------------------


def test_the_lead_sees_the_case_as_it_was_at_a_position(people: People, three: Three, told: Told) -> None:
    found = people.get(three.lead, f"{told.path}/history", as_of=told.sent)
    assert found["as_of"]["position"] == told.sent
    assert found["state"]["referrals"][0]["status"] == "requested"
    assert [c["live"] for c in found["state"]["consents"]] == [True]
    assert max(events(found)) == told.sent
    assert note(found, told)["data"]["legal"] == "Perkara 12/2026."
    assert "entitled" not in note(found, told)


def test_an_instant_is_asked_for_with_its_zone(people: People, three: Three, told: Told) -> None:
    at = events(people.get(three.lead, f"{told.path}/history"))[told.sent]["recorded_at"]
    by_instant = people.get(three.lead, f"{told.path}/history", as_of=at)
    by_position = people.get(three.lead, f"{told.path}/history", as_of=told.sent)
    assert by_instant == by_position
    assert people.look(three.lead, f"{told.path}/history?as_of=2026-01-01T00:00:00+08:00").status_code == 200


@pytest.mark.parametrize(
    "wrong",
    ["yesterday", "-1", "2026-03-03T12:00:00", "2890-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9" * 30, ""],
)
def test_what_is_neither_position_nor_past_instant_is_refused(
    people: People, three: Three, told: Told, wrong: str
) -> None:
    for path in ("history", "custody"):
        assert people.look(three.lead, f"{told.path}/{path}", as_of=wrong).status_code == 400


def test_before_it_was_opened_there_is_no_state(people: People, three: Three, told: Told) -> None:
    found = people.get(three.lead, f"{told.path}/history", as_of=1)
    assert found["events"] == []
    assert "state" not in found


def test_the_helper_sees_its_part_and_only_what_it_may_read_now(people: People, three: Three, told: Told) -> None:
    found = people.get(three.helper, f"{told.path}/history", as_of=told.received)
    assert found["state"]["relation"] == "recipient"
    assert "consents" not in found["state"]
    assert told.noted not in events(found), "its consent was withdrawn since"
    assert {e["author"] for e in found["events"]} <= {three.lead, three.helper}
    assert told.sent in events(found)
    assert "state" not in people.get(three.helper, f"{told.path}/history", as_of=told.noted)


# As another could see it then --------------------------------------------------------------------------------------


def entitled(found: dict[str, Any], told: Told) -> list[str]:
    """To what of the note the agency was entitled."""
    return sorted({c for known in note(found, told)["entitled"] for c in known["compartments"]})


def test_what_the_helper_was_entitled_to_and_could_open_before_and_after_the_withdrawal(
    people: People, three: Three, told: Told
) -> None:
    query = {"role": Role.LEGAL_REVIEWER, "agency": three.helper}
    nothing = people.get(three.lead, f"{told.path}/history", as_of=told.noted, **query)
    assert nothing["events"] == []
    assert "state" not in nothing
    before = people.get(three.lead, f"{told.path}/history", as_of=told.received, **query)
    assert entitled(before, told) == note(before, told)["could_open"] == ["coordination", "health"]
    assert "consents" not in before["state"]
    after = people.get(three.lead, f"{told.path}/history", as_of=told.withdrawn, **query)
    assert entitled(after, told) == ["coordination", "health"]
    assert "could_open" not in note(after, told)


def test_of_what_nobody_acknowledged_it_is_said_that_they_were_entitled_and_no_more(
    people: People, three: Three, told: Told
) -> None:
    """The agency has no key, so nothing was ever sent to it."""
    query = {"role": Role.LEGAL_REVIEWER, "agency": three.helper}
    found = people.get(three.lead, f"{told.path}/history", as_of=told.received, **query)
    sent = events(found)[told.sent]
    assert [set(known) for known in sent["entitled"]] == [{"compartments", "at"}]
    assert sent["entitled"][0]["at"] == sent["recorded_at"]
    assert [known.get("own", False) for known in events(found)[told.received]["entitled"]] == [True, False]
    (delivered,) = people.get(three.lead, f"{told.path}/custody")["deliveries"]
    assert (delivered["referral"], delivered["recipient"]) == (told.referral, three.helper)
    assert [set(known) for known in delivered["entitled"]] == [{"compartments", "at"}]
    words = json.dumps([found, delivered])
    assert not re.search(r'"(told|sent|received|handled)\w*":', words), "nothing is said that nobody can show"


def test_who_of_the_agency_opened_it_stands_beside(people: People, three: Three, told: Told) -> None:
    people.get(three.helper, f"{told.path}/timeline")
    query = {"role": Role.LEGAL_REVIEWER, "agency": three.helper}
    found = people.get(three.lead, f"{told.path}/history", **query)
    looked = [o for o in found["openings"] if o["what"] == "timeline"]
    assert looked
    assert {o["agency"] for o in found["openings"]} == {three.helper}
    assert {o["actor"] for o in looked} == {str(usual_actor(three.helper, Role.CASE_WORKER))}
    before = people.get(three.lead, f"{told.path}/history", as_of=told.withdrawn, **query)
    assert [o for o in before.get("openings", ()) if o["what"] == "timeline"] == []


def test_a_data_protection_officer_is_shown_what_was_told_without_its_content(
    people: People, three: Three, told: Told
) -> None:
    query = {"role": Role.DATA_PROTECTION_OFFICER, "agency": three.helper, "as_of": told.received}
    found = people.get(three.lead, f"{told.path}/history", **query)
    assert entitled(found, told) == ["coordination", "health"]
    assert {str(e["data"]) for e in found["events"]} == {"{}"}


def test_only_auditors_of_the_lead_or_of_that_agency_ask_what_it_could_see(
    people: People, three: Three, told: Told
) -> None:
    path = f"{told.path}/history"
    for role in (Role.CASE_WORKER, Role.INTEGRATOR):
        refused = people.look(three.lead, path, role, agency=three.helper)
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:rujukan:problem:not-for-this-role")
    refused = people.look(three.helper, path, Role.LEGAL_REVIEWER, agency=three.lead)
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:rujukan:problem:not-for-this-agency")
    own = people.get(three.helper, path, Role.LEGAL_REVIEWER, agency=three.helper, as_of=told.received)
    assert note(own, told)["could_open"] == ["coordination", "health"]
    assert note(own, told)["data"] == {}, "now it may open it no more"
    assert people.look(three.lead, path, Role.LEGAL_REVIEWER, agency="nobody").status_code == 404


# What changed, and custody -----------------------------------------------------------------------------------------


def test_a_diff_tells_events_and_fields(people: People, three: Three, told: Told) -> None:
    found = people.get(three.lead, f"{told.path}/history/diff", **{"from": told.sent, "to": told.withdrawn})
    assert [e["topic"] for e in found["events"]] == [
        "case.ReferralReceived",
        "case.ConsentWithdrawn",
        "case.ReferralCancelled",
    ]
    changed = {(c["of"], c["field"]): (c["before"], c["after"]) for c in found["changes"]}
    assert changed["consent", "stands"] == (True, False)
    assert changed["referral", "status"] == ("requested", "cancelled")
    theirs = people.get(three.helper, f"{told.path}/history/diff", **{"from": told.sent, "to": told.withdrawn})
    assert {c["of"] for c in theirs["changes"]} == {"referral"}


def test_a_diff_needs_both_ends_in_order(people: People, three: Three, told: Told) -> None:
    path = f"{told.path}/history/diff"
    for query in ({}, {"from": told.sent}, {"from": told.withdrawn, "to": told.sent}):
        assert people.look(three.lead, path, **query).status_code == 400


def test_custody_names_holders_and_clocks(people: People, three: Three, told: Told) -> None:
    found = people.get(three.lead, f"{told.path}/custody", Role.SUPERVISOR, as_of=told.received)["custody"]
    assert [(h["holder"], h["status"]) for h in found["referrals"]] == [
        (three.lead, "draft"),
        (three.lead, "requested"),
        (three.helper, "received"),
    ]
    assert [led["agency"] for led in found["led"]] == [three.lead]
    assert {c["referral"] for c in found["clocks"]} == {None, told.referral}
    assert all(c["breached_at"] is None for c in found["clocks"])
    theirs = people.get(three.helper, f"{told.path}/custody")["custody"]
    assert {c["referral"] for c in theirs["clocks"]} == {told.referral}


# Who may, and that it is recorded ----------------------------------------------------------------------------------

ROUTES = ("history", "history/diff?from=1&to=2", "custody")


@pytest.mark.parametrize("route", ROUTES)
def test_to_an_agency_that_has_no_part_there_is_no_such_case(
    people: People, three: Three, told: Told, route: str
) -> None:
    here = people.look(three.stranger, f"{told.path}/{route}", Role.LEGAL_REVIEWER)
    nowhere = people.look(three.stranger, f"/cases/{uuid4()}/{route}", Role.LEGAL_REVIEWER)
    assert here.status_code == nowhere.status_code == 404
    assert here.content == nowhere.content


@pytest.mark.parametrize(("route", "what"), [(r, r.partition("?")[0].replace("/", "-")) for r in ROUTES])
def test_every_look_back_is_in_the_audit_trail_with_role_purpose_and_basis(
    people: People, three: Three, told: Told, route: str, what: str
) -> None:
    before = len(people.accesses(three.lead, told.id, what))
    assert people.look(three.lead, f"{told.path}/{route}", Role.LEGAL_REVIEWER).is_success
    assert people.look(three.helper, f"{told.path}/{route}").is_success
    new = people.accesses(three.lead, told.id, what)[before:]
    assert [(e["agency"], e["role"], e["purpose"]) for e in new] == [
        (three.lead, "legal-reviewer", "legal"),
        (three.helper, "case-worker", "care"),
    ]
    assert "lead" in new[0]["basis"].split("; ")
    assert f"referral {told.referral}" not in new[1]["basis"], "it was cancelled or is held; consent is gone"
    assert all("coordination" in e["compartments"] for e in new)
    assert UUID(new[0]["actor"]) == usual_actor(three.lead, Role.LEGAL_REVIEWER)


def test_a_role_that_may_not_look_back_is_refused(running: Running, three: Three, told: Told) -> None:
    token = running.issuer.token(usual_actor(three.lead, Role.CASE_WORKER), three.lead, [Role.AGENCY_ADMINISTRATOR])
    headers = {"Authorization": f"Bearer {token}", "Purpose-Of-Use": "coordination"}
    for route in ROUTES:
        assert running.http.get(f"{told.path}/{route}", headers=headers).status_code == 403
