"""`rujukan history` looks back through the API: as the person whose token it has, and on the record."""

import json
import re
from uuid import UUID

import pytest
from conftest import Running

from rujukan.domain.codes import Purpose, Role
from rujukan.infra.cli import main
from rujukan.infra.issuer import usual_actor


@pytest.fixture(scope="module")
def case(running: Running) -> str:
    lead = running.desk("uptd-ppa")
    opened = lead.post("/cases", channel="hotline", reporter="survivor", urgency="urgent", age_group="adult")
    about = {"recipients": ["rsud"], "compartments": ["health"], "purposes": ["care"]}
    lead.post(f"/cases/{opened['id']}/consents", **about, given_by=["survivor"], obtained="verbal")
    draft = {"recipient": "rsud", "service": "kesehatan", "urgency": "urgent", "purpose": "care"}
    referral = lead.post(f"/cases/{opened['id']}/referrals", **draft, compartments=["health"], health="PEP")
    lead.post(f"/cases/{opened['id']}/referrals/{referral['id']}/sending")
    return str(opened["id"])


@pytest.fixture
def url(running: Running, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the API is; a legal reviewer's token is in the environment."""
    actor = usual_actor("uptd-ppa", Role.LEGAL_REVIEWER)
    monkeypatch.setenv("RUJUKAN_TOKEN", running.issuer.token(actor, "uptd-ppa", [Role.LEGAL_REVIEWER]))
    return running.system.url


def test_it_prints_the_case_as_of_now_as_an_agency_could_see_it_and_its_custody(
    case: str, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["history", case, "--url", url]) == 0
    assert "uptd-ppa -> rsud, kesehatan, requested" in capsys.readouterr().out
    assert main(["history", case, "--url", url, "--agency", "rsud"]) == 0
    seen = capsys.readouterr().out
    assert "as rsud could see it" in seen
    assert re.search(": coordination health; sent.*; received: not known; handled: not known", seen)
    assert "entitled from" in seen
    assert "told" not in seen
    assert "case.ConsentGiven" not in seen
    assert main(["history", case, "--url", url, "--custody"]) == 0
    held = capsys.readouterr().out
    assert "requested with uptd-ppa" in held
    for shown in (seen, held):
        assert re.findall(r"T[0-9:.]+\+08:00", shown), "as the clocks of the network have it"
        assert not re.findall(r"T[0-9:.]+(?:Z|\+00:00)", shown)


def test_it_prints_a_diff_and_the_answer_as_json(case: str, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", case, "--url", url, "--json"]) == 0
    events = json.loads(capsys.readouterr().out)["events"]
    (sent,) = [n for n, event in enumerate(events) if event["topic"] == "case.ReferralSent"]
    ends = [str(event["position"]) for event in events[sent - 1 : sent + 1]]
    assert main(["history", case, "--url", url, "--diff", *ends]) == 0
    assert "status draft -> requested" in capsys.readouterr().out


def test_every_look_is_on_the_record(running: Running, case: str, url: str) -> None:
    assert main(["history", case, "--url", url, "--purpose", "audit"]) == 0
    last = running.desk("uptd-ppa").post(f"/cases/{case}/notes", subject="Terakhir.")["position"]
    trail = running.desk("uptd-ppa", Role.SUPERVISOR, Purpose.SUPERVISION).get(
        "/audit", subject=case, accesses="true", limit=500, wait_for=last
    )["items"]
    entry = trail[-1]
    assert (entry["what"], entry["role"], entry["purpose"]) == ("history", "legal-reviewer", "audit")
    assert UUID(entry["actor"]) == usual_actor("uptd-ppa", Role.LEGAL_REVIEWER)


def test_without_a_token_or_with_another_agency_s_there_is_no_way_in(
    running: Running, case: str, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    actor = usual_actor("disdik", Role.LEGAL_REVIEWER)
    stranger = running.issuer.token(actor, "disdik", [Role.LEGAL_REVIEWER])
    assert main(["history", case, "--url", url, "--token", stranger]) == 1
    assert "No such thing is known to you" in capsys.readouterr().err
    monkeypatch.delenv("RUJUKAN_TOKEN")
    assert main(["history", case, "--url", url]) == 1
    assert "RUJUKAN_TOKEN" in capsys.readouterr().err


def test_what_does_not_go_together_is_said(case: str, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in (["--custody", "--agency", "rsud"], ["--diff", "1", "2", "--custody"]):
        assert main(["history", case, "--url", url, *wrong]) == 1
        assert capsys.readouterr().err.startswith("rujukan: ")
