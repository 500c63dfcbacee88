"""Acting over HTTP: what a write answers, how it is repeated or refused, and what the rules say to each."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import httpx
import pytest
from conftest import Running
from two import seconded

from rujukan.api.problems import type_of
from rujukan.domain import refusal as r
from rujukan.domain.casefile.waiting import StillWaits
from rujukan.domain.codes import Purpose, Role
from rujukan.domain.together import StillKept

Person = Callable[..., httpx.Client]

OPENING = {"channel": "in-person", "reporter": "family", "urgency": "routine", "age_group": "adult"}
CONSENT = {
    "compartments": ["identity", "incident", "health"],
    "recipients": ["rsud", "polres"],
    "purposes": ["care"],
    "given_by": ["survivor"],
    "obtained": "written",
}
REFERRAL = {
    "recipient": "rsud",
    "service": "kesehatan",
    "urgency": "routine",
    "purpose": "care",
    "compartments": ["identity", "health"],
}
INCIDENT = {"forms": ["seksual"], "gbv_type": "rape"}
HELD = {"hold_kind": "trial", "reason": "Perkara berjalan."}


@pytest.fixture(scope="module")
def person(running: Running) -> Person:
    """`person("rsud", Role.SUPERVISOR)` is a client that calls as that person."""
    return running.client


@pytest.fixture
def lead(person: Person) -> httpx.Client:
    """A case worker of the lead agency."""
    return person("uptd-ppa")


@pytest.fixture
def hospital(person: Person) -> httpx.Client:
    """A case worker of the hospital."""
    return person("rsud")


@pytest.fixture
def case(lead: httpx.Client) -> str:
    """The path of a fresh case of the lead agency."""
    return opened(lead)


def done(response: httpx.Response) -> dict[str, Any]:
    """What an act that must succeed answered."""
    assert response.is_success, response.text
    body: dict[str, Any] = response.json()
    return body


def opened(by: httpx.Client, **more: Any) -> str:
    return f"/cases/{done(by.post('/cases', json={**OPENING, **more}))['id']}"


def sent(by: httpx.Client, case: str, **more: Any) -> str:
    """The path of a referral to the hospital, consented to and sent."""
    done(by.post(f"{case}/consents", json=CONSENT))
    referral = f"{case}/referrals/{done(by.post(f'{case}/referrals', json={**REFERRAL, **more}))['id']}"
    done(by.post(f"{referral}/sending"))
    return referral


def version(by: httpx.Client, case: str) -> int:
    found: int = done(by.get(case))["version"]
    return found


def problem(response: httpx.Response) -> tuple[int, str]:
    """(status, last part of its type) of a problem document."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    body = response.json()
    assert body["status"] == response.status_code
    assert body.keys() >= {"type", "title", "detail"}
    return response.status_code, body["type"].removeprefix("urn:rujukan:problem:")


# What a write answers ------------------------------------------------------------------------------------------


def test_what_was_made_can_be_found_where_location_says(lead: httpx.Client) -> None:
    response = lead.post("/cases", json=OPENING)
    assert response.status_code == 201
    assert response.headers["Location"] == f"/cases/{response.json()['id']}"
    assert lead.get(response.headers["Location"]).json()["case"] == response.json()["id"]


def test_the_etag_of_a_write_is_that_of_the_next_read(lead: httpx.Client, case: str) -> None:
    response = lead.post(f"{case}/notes", json={"subject": "Kunjungan"})
    assert response.headers["ETag"] == lead.get(case).headers["ETag"] == f'"{response.json()["version"]}"'


def test_versions_and_positions_grow(lead: httpx.Client, case: str) -> None:
    first, second = (lead.post(f"{case}/notes", json={}) for _ in range(2))
    assert second.json()["version"] == first.json()["version"] + 1
    assert int(second.headers["Rujukan-Position"]) > int(first.headers["Rujukan-Position"])


def test_a_move_makes_nothing_so_has_no_location(lead: httpx.Client, case: str) -> None:
    response = lead.post(f"{case}/closure", json={"reason": "goals-met"})
    assert response.status_code == 200
    assert "Location" not in response.headers
    assert "id" not in response.json()


def test_a_list_that_waits_for_a_write_shows_it(lead: httpx.Client, person: Person) -> None:
    written = done(lead.post("/cases", json=OPENING))
    wait = {"wait_for": written["position"]}
    assert done(lead.get("/cases", params=wait))["items"][0]["case"] == written["id"]
    assert len(done(lead.get(f"/cases/{written['id']}/timeline", params=wait))["items"]) == 2
    audit = person("uptd-ppa", Role.SUPERVISOR).get("/audit", params={**wait, "subject": written["id"]})
    assert [e["topic"] for e in done(audit)["items"]][:2] == ["case.CaseOpened", "case.ReportReceived"]


def test_the_inbox_that_waits_for_a_referral_shows_it(lead: httpx.Client, hospital: httpx.Client, case: str) -> None:
    referral = sent(lead, case)
    position = lead.post(f"{case}/notes", json={}).headers["Rujukan-Position"]
    inbox = done(hospital.get("/inbox", params={"wait_for": position}))["items"]
    assert referral.endswith(inbox[0]["referral"])


@pytest.mark.parametrize("said", ["", "soon", "-1", "1.5", "1" * 19, "٣"])
def test_only_a_position_can_be_waited_for(lead: httpx.Client, said: str) -> None:
    assert problem(lead.get("/cases", params={"wait_for": said})) == (400, "bad-query")


# If-Match ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ['"{}"', 'W/"{}"', "{}", "*"])
def test_a_write_at_the_version_seen_goes_through(lead: httpx.Client, case: str, form: str) -> None:
    seen = {"If-Match": form.format(version(lead, case))}
    assert lead.post(f"{case}/notes", json={}, headers=seen).status_code == 201


@pytest.mark.parametrize("off", [-1, 1])
def test_a_write_at_another_version_is_refused_with_the_current_one(lead: httpx.Client, case: str, off: int) -> None:
    before = version(lead, case)
    response = lead.post(f"{case}/notes", json={}, headers={"If-Match": f'"{before + off}"'})
    assert problem(response) == (412, "version-mismatch")
    assert response.headers["ETag"] == f'"{before}"'
    assert version(lead, case) == before


@pytest.mark.parametrize("said", ["", '"', '""', "seven", '"7x"', "-1", '"-1"', '"1", "2"', "W/", '"²"', "1" * 12])
def test_what_is_no_etag_is_refused(lead: httpx.Client, case: str, said: str) -> None:
    response = lead.post(f"{case}/notes", json={}, headers={"If-Match": said.encode("latin-1")})
    assert problem(response) == (400, "bad-header")


# Idempotency-Key -----------------------------------------------------------------------------------------------


def test_a_request_sent_again_has_one_effect_and_one_answer(lead: httpx.Client, case: str) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    first = lead.post(f"{case}/notes", json={"subject": "Sekali"}, headers=key)
    lead.post(f"{case}/notes", json={"subject": "Di antaranya"})
    again = lead.post(f"{case}/notes", json={"subject": "Sekali"}, headers=key)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert (again.status_code, again.content) == (first.status_code, first.content)
    for name in ("ETag", "Rujukan-Position"):
        assert again.headers[name] == first.headers[name]
    assert version(lead, case) == first.json()["version"] + 1


def test_a_case_is_opened_once(lead: httpx.Client) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    first, again = (lead.post("/cases", json=OPENING, headers=key) for _ in range(2))
    assert again.json() == first.json()
    assert again.headers["Location"] == first.headers["Location"]


def test_an_act_on_an_agency_is_repeated_too(person: Person) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    body = {"member": str(uuid4()), "roles": ["case-worker"]}
    administrator = person("lbh", Role.AGENCY_ADMINISTRATOR)
    first, again = (administrator.post("/agencies/lbh/members", json=body, headers=key) for _ in range(2))
    assert done(again) == done(first)
    assert again.headers["Idempotent-Replayed"] == "true"


def test_a_key_with_another_body_or_path_is_refused(lead: httpx.Client, case: str) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    before = done(lead.post(f"{case}/notes", json={"subject": "A"}, headers=key))["version"]
    assert problem(lead.post(f"{case}/notes", json={"subject": "B"}, headers=key)) == (422, "key-reused")
    assert problem(lead.post(f"{opened(lead)}/notes", json={"subject": "A"}, headers=key)) == (422, "key-reused")
    assert problem(lead.post(f"{case}/notes", headers=key)) == (422, "key-reused")
    assert version(lead, case) == before


def test_a_key_is_the_callers_own(lead: httpx.Client, hospital: httpx.Client, person: Person, case: str) -> None:
    """Another agency, or a colleague, that happens to use the same key has an effect of its own."""
    sent(lead, case)
    key = {"Idempotency-Key": str(uuid4())}
    callers = (lead, hospital, person("uptd-ppa", Role.SUPERVISOR))
    answers = [done(caller.post(f"{case}/notes", json={"subject": "Sama"}, headers=key)) for caller in callers]
    assert len({answer["id"] for answer in answers}) == 3


def test_a_refused_request_does_not_use_up_its_key(lead: httpx.Client, case: str) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    assert problem(lead.post(f"{case}/reopening", json={"reason": "x"}, headers=key)) == (409, "case-is-open")
    done(lead.post(f"{case}/closure", json={"reason": "goals-met"}))
    assert lead.post(f"{case}/reopening", json={"reason": "x"}, headers=key).status_code == 200


def test_a_replay_needs_no_current_etag(lead: httpx.Client, case: str) -> None:
    """The first answer got lost on the way; the version it asked for has passed since, by its own effect."""
    headers = {"Idempotency-Key": str(uuid4()), "If-Match": f'"{version(lead, case)}"'}
    first, again = (lead.post(f"{case}/notes", json={}, headers=headers) for _ in range(2))
    assert done(again) == done(first)


@pytest.mark.parametrize("key", ["", "k" * 201, "a\tb", "\xa0", "\xad"])
def test_a_key_is_printable_and_not_long(lead: httpx.Client, case: str, key: str) -> None:
    assert problem(lead.post(f"{case}/notes", json={}, headers={"Idempotency-Key": key.encode("latin-1")})) == (
        400,
        "bad-header",
    )


# Ids and times of the caller -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resource", "name", "body"),
    [
        ("consents", "consent", CONSENT),
        ("consent-refusals", "consent", {"given_by": ["survivor"]}),
        ("referrals", "referral", REFERRAL),
        ("incidents", "incident", INCIDENT),
        ("conferences", "conference", {"attendees": ["uptd-ppa"]}),
        ("actions", "action", {"owner": "uptd-ppa", "what": "Antar.", "due_on": "2030-01-01"}),
    ],
)
def test_an_id_is_taken_once(lead: httpx.Client, case: str, resource: str, name: str, body: dict[str, Any]) -> None:
    chosen = {**body, name: str(uuid4())}
    assert done(lead.post(f"{case}/{resource}", json=chosen))["id"] == chosen[name]
    response = lead.post(f"{case}/{resource}", json=chosen)
    assert problem(response) == (409, "already-exists")
    assert response.json()["about"] == {"id": chosen[name]}


def test_the_id_of_a_case_is_not_the_callers_to_choose(lead: httpx.Client, case: str) -> None:
    """A taken id would tell that there is such a case."""
    for id in (case.removeprefix("/cases/"), str(uuid4())):
        assert problem(lead.post("/cases", json={**OPENING, "case": id})) == (422, "does-not-fit")


def test_when_it_happened_is_kept_as_it_was_said(lead: httpx.Client) -> None:
    said = "2026-02-28T23:59:59.123456+08:00"
    written = done(lead.post("/cases", json={**OPENING, "occurred_at": said}))
    entry = done(lead.get(f"/cases/{written['id']}/timeline", params={"wait_for": written["position"]}))["items"][0]
    assert datetime.fromisoformat(entry["occurred_at"]) == datetime.fromisoformat(said)
    assert datetime.fromisoformat(entry["data"]["occurred_at"]).isoformat() == said
    assert datetime.now(UTC) - datetime.fromisoformat(entry["recorded_at"]) < timedelta(minutes=1)


def test_a_clock_that_runs_a_little_ahead_is_tolerated_and_the_future_is_not(lead: httpx.Client, case: str) -> None:
    def note(ahead: timedelta) -> httpx.Response:
        return lead.post(f"{case}/notes", json={"occurred_at": (datetime.now(UTC) + ahead).isoformat()})

    assert note(timedelta(minutes=4)).status_code == 201
    assert problem(note(timedelta(minutes=6))) == (422, "in-the-future")
    assert problem(note(timedelta(days=365_000))) == (422, "in-the-future")


@pytest.mark.parametrize("said", ["2026-03-01T10:00:00", "2026-03-01", "yesterday", "2026-02-30T10:00:00Z", ""])
def test_a_time_has_a_date_and_a_zone(lead: httpx.Client, case: str, said: str) -> None:
    assert problem(lead.post(f"{case}/notes", json={"occurred_at": said})) == (422, "does-not-fit")


# Duplicates and the lead ---------------------------------------------------------------------------------------


def test_a_duplicate_ends_and_names_the_file_that_lives_on(lead: httpx.Client, person: Person, case: str) -> None:
    supervisor, living = person("uptd-ppa", Role.SUPERVISOR), opened(lead)
    before = version(lead, living)
    done(supervisor.post(f"{case}/merger", json={"into": living.removeprefix("/cases/")}))
    ended = done(lead.get(case))
    assert (ended["status"], ended["merged_into"]) == ("merged", living.removeprefix("/cases/"))
    assert version(lead, living) == before + 1
    assert problem(lead.post(f"{case}/notes", json={})) == (409, "case-not-open")
    assert problem(lead.post(f"{case}/reopening", json={"reason": "x"})) == (409, "case-not-open")
    assert lead.post(f"{living}/notes", json={}).status_code == 201


def test_what_waits_in_a_duplicate_is_named_with_the_next_act(person: Person, case: str) -> None:
    said = merged_with_a_flag(person, case).json()
    assert list(said["about"]) == ["flags"]
    assert said["acts"] == ["POST /cases/{case}/flags/{flag}/lowering"]
    assert said["person"]["en"]["says"].endswith(": flags that are up (1).")
    assert "lower it here" in said["person"]["en"]["next"]
    assert said["person"]["id"]["says"].endswith(": tanda pengingat yang terpasang (1).")


def test_a_merger_made_by_mistake_is_undone_by_two_people(lead: httpx.Client, person: Person, case: str) -> None:
    supervisor, living = person("uptd-ppa", Role.SUPERVISOR), opened(lead)
    done(supervisor.post(f"{case}/merger", json={"into": living.removeprefix("/cases/")}))
    asked = supervisor.post(f"{case}/separation", json={"reason": "dua orang berbeda"})
    assert done(lead.get(case))["status"] == "merged", "it waits for a second person"
    done(seconded(asked, person("uptd-ppa", Role.DATA_PROTECTION_OFFICER, Purpose.AUDIT)))
    assert done(lead.get(case))["status"] == "open"
    assert lead.post(f"{case}/notes", json={}).status_code == 201
    assert problem(supervisor.post(f"{case}/separation", json={"reason": "x"})) == (409, "wrong-move")


def test_a_case_is_merged_into_an_open_one_of_the_same_lead_only(lead: httpx.Client, person: Person, case: str) -> None:
    supervisor = person("uptd-ppa", Role.SUPERVISOR)
    closed, foreign = opened(lead), opened(person("rsud"))
    done(lead.post(f"{closed}/closure", json={"reason": "goals-met"}))
    into = {"itself": case, "foreign": foreign, "nothing": f"/cases/{uuid4()}", "closed": closed}
    answers = {
        what: problem(supervisor.post(f"{case}/merger", json={"into": other.removeprefix("/cases/")}))
        for what, other in into.items()
    }
    assert answers == {
        "itself": (404, "unknown"),
        "foreign": (404, "unknown"),
        "nothing": (404, "unknown"),
        "closed": (409, "case-not-open"),
    }
    assert done(lead.get(case))["status"] == "open"


def test_the_lead_changes_when_it_was_asked_and_accepted(lead: httpx.Client, person: Person, case: str) -> None:
    supervisor, hospital = person("uptd-ppa", Role.SUPERVISOR), person("rsud", Role.SUPERVISOR)
    done(lead.post(f"{case}/consents", json=CONSENT))
    assert hospital.get(case).status_code == 404
    asked = done(supervisor.post(f"{case}/lead-transfers", json={"to": "rsud", "reason": "Rawat inap."}))["id"]
    assert done(hospital.get(case))["lead"] == "uptd-ppa"
    elsewhere = person("polres", Role.SUPERVISOR).post(f"{case}/lead-transfers/{asked}/acceptance")
    assert problem(elsewhere) == (404, "unknown")
    done(hospital.post(f"{case}/lead-transfers/{asked}/acceptance"))
    found = done(hospital.get(case))
    assert (found["lead"], found["relation"]) == ("rsud", "lead")
    assert done(lead.get(case))["relation"] == "former"
    assert problem(lead.post(f"{case}/notes", json={})) == (403, "not-for-this-agency")
    assert problem(hospital.post(f"{case}/lead-transfers/{asked}/acceptance")) == (404, "unknown")


def test_who_sent_a_referral_may_take_it_back_after_it_led(lead: httpx.Client, person: Person, case: str) -> None:
    referral = sent(lead, case, recipient="polres", service="penegakan-hukum")
    asked = done(
        person("uptd-ppa", Role.SUPERVISOR).post(f"{case}/lead-transfers", json={"to": "rsud", "reason": "Rawat inap."})
    )
    done(person("rsud", Role.SUPERVISOR).post(f"{case}/lead-transfers/{asked['id']}/acceptance"))
    assert problem(person("rsud").post(f"{referral}/cancellation")) == (403, "not-for-this-agency")
    assert lead.post(f"{referral}/cancellation").status_code == 200


def test_who_declines_the_lead_knows_nothing_of_the_case_any_more(
    lead: httpx.Client, person: Person, case: str
) -> None:
    supervisor, hospital = person("uptd-ppa", Role.SUPERVISOR), person("rsud", Role.SUPERVISOR)
    done(lead.post(f"{case}/consents", json=CONSENT))
    asked = done(supervisor.post(f"{case}/lead-transfers", json={"to": "rsud", "reason": "Rawat inap."}))["id"]
    done(hospital.post(f"{case}/lead-transfers/{asked}/declination", json={"reason": "Penuh."}))
    assert hospital.get(case).status_code == 404
    assert done(lead.get(case))["lead"] == "uptd-ppa"


# Documents -----------------------------------------------------------------------------------------------------

VISUM = b"%PDF-1.7 visum et repertum \x00\xff"
HEALTH = {"kind": "visum", "compartment": "health"}


def attached(by: httpx.Client, case: str, content: bytes = VISUM, **more: str) -> httpx.Response:
    query = {**HEALTH, **more}
    return by.post(f"{case}/documents", params=query, content=content, headers={"Content-Type": "application/pdf"})


def test_a_document_comes_back_as_it_was_sent(lead: httpx.Client, case: str) -> None:
    response = attached(lead, case)
    lead.get("/cases", params={"wait_for": done(response)["position"]})
    back = lead.get(response.headers["Location"])
    assert back.content == VISUM
    assert back.headers["Content-Type"] == "application/pdf"
    assert back.headers["Cache-Control"] == "no-store"
    assert back.headers["Content-Disposition"] == "attachment"
    assert back.headers["X-Content-Type-Options"] == "nosniff"


def test_the_case_holds_the_documents_hash_and_size(lead: httpx.Client, case: str) -> None:
    written = done(attached(lead, case))
    entry = done(lead.get(f"{case}/timeline", params={"wait_for": written["position"]}))["items"][-1]
    assert entry["topic"] == "case.DocumentAttached"
    assert entry["data"]["sha256"] == hashlib.sha256(VISUM).hexdigest()
    assert entry["data"]["size"] == len(VISUM)


def test_who_was_told_the_compartment_may_open_the_document(
    lead: httpx.Client, hospital: httpx.Client, person: Person, case: str
) -> None:
    sent(lead, case)
    health, legal = attached(lead, case), attached(lead, case, compartment="legal", kind="court-document")
    lead.get("/cases", params={"wait_for": done(legal)["position"]})
    assert hospital.get(health.headers["Location"]).content == VISUM
    assert problem(hospital.get(legal.headers["Location"])) == (404, "unknown")
    assert problem(person("polres").get(health.headers["Location"])) == (404, "unknown")
    assert problem(lead.get(f"{case}/documents/{uuid4()}")) == (404, "unknown")


def test_a_document_is_attached_by_who_takes_part(person: Person, case: str) -> None:
    assert problem(attached(person("polres"), case)) == (404, "unknown")


def test_a_document_has_bytes_and_not_too_many(lead: httpx.Client, case: str) -> None:
    assert problem(attached(lead, case, b"")) == (422, "does-not-fit")
    assert problem(attached(lead, case, bytes(16 * 1024 * 1024 + 1))) == (413, "too-large")


def test_a_newer_document_stands_in_the_place_of_the_older_once(lead: httpx.Client, case: str) -> None:
    old = done(attached(lead, case))["id"]
    new = done(attached(lead, case, b"new", supersedes=old))
    lead.get("/cases", params={"wait_for": new["position"]})
    assert lead.get(f"{case}/documents/{old}").content == VISUM, "both stay"
    assert problem(attached(lead, case, b"newer", supersedes=old)) == (409, "already-exists")
    assert problem(attached(lead, case, b"newer", supersedes=str(uuid4()))) == (404, "unknown")
    moved = attached(lead, case, b"newer", supersedes=new["id"], compartment="legal")
    assert problem(moved) == (422, "invalid")


@pytest.mark.parametrize("wrong", [{"kind": "poem"}, {"compartment": "gossip"}, {"supersedes": "x"}])
def test_what_a_document_is_must_fit(lead: httpx.Client, case: str, wrong: dict[str, str]) -> None:
    assert problem(attached(lead, case, **wrong)) == (422, "does-not-fit")


def test_a_media_type_is_one(lead: httpx.Client, case: str) -> None:
    response = lead.post(f"{case}/documents", params=HEALTH, content=VISUM, headers={"Content-Type": "pdf"})
    assert problem(response) == (422, "does-not-fit")


# Refusals ------------------------------------------------------------------------------------------------------


class Act(NamedTuple):
    """One refused act: what leads up to it, and the act itself."""

    refusal: type[r.Refusal]
    status: int
    type: str
    happens: Callable[[Person, str], httpx.Response]


def identified_twice(person: Person, case: str) -> httpx.Response:
    bunga = {"name": "Bunga (nama samaran)"}
    done(person("uptd-ppa").post(f"{case}/survivor/identity", json=bunga))
    return person("uptd-ppa").post(f"{case}/survivor/identity", json=bunga)


ERASURE = {"basis": "survivor-request", "compartments": ["health"], "reason": "she asks"}


def approved_by_who_asked(person: Person, case: str) -> httpx.Response:
    supervisor = person("uptd-ppa", Role.SUPERVISOR)
    erasure = done(supervisor.post(f"{case}/erasures", json=ERASURE))["id"]
    return supervisor.post(f"{case}/erasures/{erasure}/approval", json={})


def disclosed_beyond_its_basis(person: Person, case: str) -> httpx.Response:
    reviewer = person("uptd-ppa", Role.LEGAL_REVIEWER, purpose=Purpose.LEGAL)
    body = {"recipient": "Polres", "basis": "investigation", "rule": "B/1", "compartments": ["safety"]}
    return reviewer.post(f"{case}/disclosures", json=body)


def erased_before_its_time(person: Person, case: str) -> httpx.Response:
    early = {**ERASURE, "basis": "retention-ended"}
    return person("uptd-ppa", Role.SUPERVISOR).post(f"{case}/erasures", json=early)


def taken_back_twice(person: Person, case: str) -> httpx.Response:
    administrator = person("rsud", Role.AGENCY_ADMINISTRATOR)
    joins = {"member": str(uuid4()), "roles": ["supervisor"]}
    proposal = administrator.post("/agencies/rsud/members", json=joins).headers["Location"]
    done(administrator.post(f"{proposal}/withdrawal"))
    return administrator.post(f"{proposal}/withdrawal")


def told_again_after_it_was_erased(person: Person, case: str) -> httpx.Response:
    erasure = done(person("uptd-ppa", Role.SUPERVISOR).post(f"{case}/erasures", json=ERASURE))["id"]
    reviewer = person("uptd-ppa", Role.LEGAL_REVIEWER, purpose=Purpose.LEGAL)
    done(reviewer.post(f"{case}/erasures/{erasure}/approval", json={}))
    return person("uptd-ppa").post(f"{case}/notes", json={"health": "of health"})


def withdrawn_twice(person: Person, case: str) -> httpx.Response:
    lead = person("uptd-ppa")
    consent = done(lead.post(f"{case}/consents", json=CONSENT))["id"]
    done(lead.post(f"{case}/consents/{consent}/withdrawal"))
    return lead.post(f"{case}/consents/{consent}/withdrawal")


def narrowed_to_more(person: Person, case: str) -> httpx.Response:
    lead = person("uptd-ppa")
    consent = done(lead.post(f"{case}/consents", json=CONSENT))["id"]
    wider = {k: CONSENT[k] for k in ("recipients", "purposes")} | {"compartments": ["identity", "legal"]}
    return lead.post(f"{case}/consents/{consent}/narrowing", json=wider)


def merged_with_a_flag(person: Person, case: str) -> httpx.Response:
    done(person("uptd-ppa").post(f"{case}/flags", json={"due_on": "2026-04-01"}))
    return person("uptd-ppa", Role.SUPERVISOR).post(f"{case}/merger", json={"into": str(uuid4())})


def closed_with_a_referral(person: Person, case: str) -> httpx.Response:
    sent(person("uptd-ppa"), case)
    return person("uptd-ppa").post(f"{case}/closure", json={"reason": "goals-met"})


def accepted_before_received(person: Person, case: str) -> httpx.Response:
    return person("rsud").post(f"{sent(person('uptd-ppa'), case)}/acceptance")


def cancelled_by_the_recipient(person: Person, case: str) -> httpx.Response:
    return person("rsud").post(f"{sent(person('uptd-ppa'), case)}/cancellation")


def sent_without_consent(person: Person, case: str) -> httpx.Response:
    lead = person("uptd-ppa")
    referral = done(lead.post(f"{case}/referrals", json=REFERRAL))["id"]
    return lead.post(f"{case}/referrals/{referral}/sending")


def sent_beside_one_that_is_open(person: Person, case: str) -> httpx.Response:
    sent(person("uptd-ppa"), case)
    lead = person("uptd-ppa")
    referral = done(lead.post(f"{case}/referrals", json=REFERRAL))["id"]
    return lead.post(f"{case}/referrals/{referral}/sending")


def shared_beyond_its_reach(person: Person, case: str) -> httpx.Response:
    """The hospital, which was told of identity and health, sends on what happened."""
    sent(person("uptd-ppa"), case)
    onward = {**REFERRAL, "recipient": "polres", "service": "penegakan-hukum", "compartments": ["incident"]}
    referral = done(person("rsud").post(f"{case}/referrals", json=onward))["id"]
    return person("rsud").post(f"{case}/referrals/{referral}/sending")


def sent_for_a_service_not_offered(person: Person, case: str) -> httpx.Response:
    lead = person("uptd-ppa")
    done(lead.post(f"{case}/consents", json=CONSENT))
    referral = done(lead.post(f"{case}/referrals", json={**REFERRAL, "service": "pendidikan"}))["id"]
    return lead.post(f"{case}/referrals/{referral}/sending")


def noted_in_a_closed_case(person: Person, case: str) -> httpx.Response:
    done(person("uptd-ppa").post(f"{case}/closure", json={"reason": "goals-met"}))
    return person("uptd-ppa").post(f"{case}/notes", json={})


def erased_under_a_hold(person: Person, case: str) -> httpx.Response:
    done(person("uptd-ppa", Role.LEGAL_REVIEWER, Purpose.LEGAL).post(f"{case}/legal-holds", json=HELD))
    return person("uptd-ppa", Role.SUPERVISOR).post(f"{case}/erasures", json=ERASURE)


def erased_under_a_hold_of_a_file_that_another_leads(person: Person, case: str) -> httpx.Response:
    """They were one when it was placed; since then they were separated, and the other one was handed on."""
    lead, supervisor = person("uptd-ppa"), person("uptd-ppa", Role.SUPERVISOR)
    living = opened(lead)
    done(supervisor.post(f"{case}/merger", json={"into": living.removeprefix("/cases/")}))
    done(person("uptd-ppa", Role.LEGAL_REVIEWER, Purpose.LEGAL).post(f"{living}/legal-holds", json=HELD))
    asked = supervisor.post(f"{case}/separation", json={"reason": "dua orang berbeda"})
    done(seconded(asked, person("uptd-ppa", Role.DATA_PROTECTION_OFFICER, Purpose.AUDIT)))
    done(lead.post(f"{living}/consents", json=CONSENT))
    transfer = done(supervisor.post(f"{living}/lead-transfers", json={"to": "rsud", "reason": "Rawat inap."}))["id"]
    done(person("rsud", Role.SUPERVISOR).post(f"{living}/lead-transfers/{transfer}/acceptance"))
    refused = supervisor.post(f"{case}/erasures", json=ERASURE)
    assert refused.json().get("about", {}) == {}
    assert living.removeprefix("/cases/") not in refused.text
    return refused


def consent_of_an_adult_by_somebody_else(person: Person, case: str) -> httpx.Response:
    return person("uptd-ppa").post(f"{case}/consents", json={**CONSENT, "given_by": ["caregiver"]})


def a_stranger_accompanies(person: Person, case: str) -> httpx.Response:
    supervisor = person("uptd-ppa", Role.SUPERVISOR)
    return supervisor.post(f"{case}/case-worker", json={"worker": str(uuid4())})


def happened_after_it_was_told(person: Person, case: str) -> httpx.Response:
    later = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    return person("uptd-ppa").post(f"{case}/incidents", json={**INCIDENT, "happened_at": later})


DANGER = {"compartments": ["health"], "basis": "imminent-danger", "rule": "UU 27/2022", "reason": "Tidak sadar."}


def noted_before_there_was_a_case(person: Person, case: str) -> httpx.Response:
    before = (datetime.now(UTC) - timedelta(days=365)).isoformat()
    return person("uptd-ppa").post(f"{case}/notes", json={"occurred_at": before})


def opened_in_an_emergency_an_hour_ago(person: Person, case: str) -> httpx.Response:
    ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    return person("rsud", purpose=Purpose.CARE).post(f"{case}/break-glass", json={**DANGER, "occurred_at": ago})


def closed_glass_read(person: Person, case: str) -> httpx.Response:
    doctor = person("rsud", purpose=Purpose.CARE)
    glass = f"{case}/break-glass/{done(doctor.post(f'{case}/break-glass', json=DANGER))['id']}"
    done(doctor.post(f"{glass}/closure"))
    return doctor.get(f"{glass}/timeline")


def reviewed_by_the_opener(person: Person, case: str) -> httpx.Response:
    supervisor = person("rsud", Role.SUPERVISOR)
    glass = done(supervisor.post(f"{case}/break-glass", json=DANGER))["id"]
    return supervisor.post(f"{case}/break-glass/{glass}/review", json={"verdict": "justified", "remark": "Perlu."})


REFUSED: tuple[Act, ...] = (
    Act(r.Unknown, 404, "unknown", lambda person, case: person("polres").post(f"{case}/notes", json={})),
    Act(
        r.InTheFuture,
        422,
        "in-the-future",
        lambda person, case: person("uptd-ppa").post(f"{case}/notes", json={"occurred_at": "9999-12-31T00:00:00Z"}),
    ),
    Act(r.AlreadyExists, 409, "already-exists", identified_twice),
    Act(r.CaseNotOpen, 409, "case-not-open", noted_in_a_closed_case),
    Act(
        r.CaseIsOpen,
        409,
        "case-is-open",
        lambda person, case: person("uptd-ppa").post(f"{case}/reopening", json={"reason": "x"}),
    ),
    Act(r.OpenReferrals, 409, "open-referrals", closed_with_a_referral),
    Act(StillWaits, 409, "still-waits", merged_with_a_flag),
    Act(r.NotForThisAgency, 403, "not-for-this-agency", cancelled_by_the_recipient),
    Act(
        r.NotForThisRole,
        403,
        "not-for-this-role",
        lambda person, case: person("uptd-ppa", Role.INTEGRATOR).post(f"{case}/consents", json=CONSENT),
    ),
    Act(
        r.PurposeNotAllowed,
        403,
        "purpose-not-allowed",
        lambda person, case: person("uptd-ppa", purpose=Purpose.STATISTICS).post(f"{case}/notes", json={}),
    ),
    Act(r.BeyondReach, 403, "beyond-reach", shared_beyond_its_reach),
    Act(r.ConsentMissing, 409, "consent-missing", sent_without_consent),
    Act(r.AlreadyReferred, 409, "already-referred", sent_beside_one_that_is_open),
    Act(r.BasisTooNarrow, 409, "basis-too-narrow", disclosed_beyond_its_basis),
    Act(r.ConsentFromWrongPerson, 422, "consent-from-wrong-person", consent_of_an_adult_by_somebody_else),
    Act(r.ConsentNotLive, 409, "consent-not-live", withdrawn_twice),
    Act(r.ConsentWidened, 422, "consent-widened", narrowed_to_more),
    Act(r.RecipientUnavailable, 409, "recipient-unavailable", sent_for_a_service_not_offered),
    Act(r.WrongMove, 409, "wrong-move", accepted_before_received),
    Act(r.HoldStands, 409, "hold-stands", erased_under_a_hold),
    Act(StillKept, 409, "still-kept", erased_under_a_hold_of_a_file_that_another_leads),
    Act(r.AnotherPersonNeeded, 403, "another-person-needed", approved_by_who_asked),
    Act(r.NotDueYet, 409, "not-due-yet", erased_before_its_time),
    Act(r.Erased, 409, "erased", told_again_after_it_was_erased),
    Act(r.Invalid, 422, "invalid", happened_after_it_was_told),
    Act(r.BeforeItsCause, 422, "before-its-cause", noted_before_there_was_a_case),
    Act(r.NotAsItIsRecorded, 422, "not-as-it-is-recorded", opened_in_an_emergency_an_hour_ago),
    Act(r.NotAMember, 403, type_of("NotAMember").removeprefix("urn:rujukan:problem:"), a_stranger_accompanies),
    Act(
        r.AgencyInactive,
        403,
        "agency-inactive",
        lambda person, case: person("not-registered").post(f"{case}/notes", json={}),
    ),
    Act(r.GlassNotOpen, 403, "glass-not-open", closed_glass_read),
    Act(r.ProposalOver, 409, "proposal-over", taken_back_twice),
    Act(r.NotByTheSamePerson, 403, "not-by-the-same-person", reviewed_by_the_opener),
)
NOT_OVER_HTTP = {r.StillRunning}
"""Only the system itself escalates, and asks too early."""
OF_SUBSCRIBERS = {r.AnotherHistory, r.KeyMissing, r.NotTold, r.WrongReceipt}
"""Shown in test_cursors.py, test_subscribing.py and test_acknowledgements.py."""


@pytest.mark.parametrize("act", REFUSED, ids=lambda act: act.refusal.__name__)
def test_a_refusal_has_its_status_and_its_stable_type(person: Person, case: str, act: Act) -> None:
    assert problem(act.happens(person, case)) == (act.status, act.type)


def test_every_refusal_is_shown_above() -> None:
    assert {act.refusal for act in REFUSED} == set(r.Refusal.__subclasses__()) - NOT_OVER_HTTP - OF_SUBSCRIBERS


def test_a_refusal_says_what_it_is_about_and_records_nothing(lead: httpx.Client, case: str) -> None:
    before = version(lead, case)
    draft = done(lead.post(f"{case}/referrals", json=REFERRAL))["id"]
    response = lead.post(f"{case}/referrals/{draft}/sending")
    assert response.json()["about"] == {
        "recipient": "rsud",
        "purpose": "care",
        "compartments": ["coordination", "health", "identity"],
    }
    assert version(lead, case) == before + 1, "the draft alone"


def test_what_is_unknown_says_nothing_about_itself(lead: httpx.Client, case: str) -> None:
    """A case, a referral or a consent that is not known answer in the same words."""
    answers = [
        lead.post(path)
        for path in (
            f"/cases/{uuid4()}/consents/{uuid4()}/withdrawal",
            f"{case}/consents/{uuid4()}/withdrawal",
            f"{case}/referrals/{uuid4()}/sending",
            f"{case}/clocks/{uuid4()}/end",
        )
    ]
    assert len({answer.content for answer in answers}) == 1
    assert "about" not in answers[0].json()


# Agencies ------------------------------------------------------------------------------------------------------


def test_only_the_leads_administrators_register_agencies(person: Person) -> None:
    body = {"code": f"lsm-{uuid4().hex[:8]}", "kind": "ngo", "name": "LSM Mitra"}
    elsewhere = person("rsud", Role.AGENCY_ADMINISTRATOR).post("/agencies", json=body)
    assert problem(elsewhere) == (403, "not-for-this-agency")
    administrator = person("uptd-ppa", Role.AGENCY_ADMINISTRATOR)
    asked = administrator.post("/agencies", json=body)
    assert done(seconded(asked, person("uptd-ppa", Role.SUPERVISOR)))["id"] == asked.json()["id"]
    assert problem(administrator.post("/agencies", json=body)) == (409, "already-exists")


def test_an_agency_sees_to_itself_alone(person: Person) -> None:
    administrator = person("rsud", Role.AGENCY_ADMINISTRATOR)
    member = {"member": str(uuid4()), "roles": ["case-worker"]}
    assert problem(administrator.post("/agencies/polres/members", json=member)) == (403, "not-for-this-agency")
    assert problem(administrator.post("/agencies/nowhere/members", json=member)) == (404, "unknown")
    gone = administrator.post(f"/agencies/rsud/members/{UUID(int=7)}/removal")
    assert problem(gone) == (404, "unknown")


def test_nobody_becomes_the_system(person: Person) -> None:
    member = {"member": str(uuid4()), "roles": ["system"]}
    response = person("rsud", Role.AGENCY_ADMINISTRATOR).post("/agencies/rsud/members", json=member)
    assert problem(response) == (403, "not-for-this-role")
