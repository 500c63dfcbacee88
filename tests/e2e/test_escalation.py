"""Silence is not acceptance: a referral that nobody answers in time is raised, without a timer in anybody's memory."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from conftest import Running
from patience import PATIENCE_SECONDS

from rujukan.domain.codes import Purpose, Role


def sent(running: Running, ago: timedelta) -> tuple[str, str]:
    """The path of a case, and its referral to the hospital, which was asked for so long ago."""
    lead = running.desk("uptd-ppa")
    at = (datetime.now(UTC) - ago).isoformat()
    opening = {"channel": "hotline", "reporter": "survivor", "urgency": "emergency", "age_group": "adult"}
    here = f"/cases/{lead.post('/cases', **opening)['id']}"
    scope = {"compartments": ["health"], "recipients": ["rsud"], "purposes": ["care"]}
    lead.post(f"{here}/consents", **scope, given_by=["survivor"], obtained="verbal")
    draft = {"recipient": "rsud", "service": "kesehatan", "urgency": "emergency", "purpose": "care"}
    referral = lead.post(f"{here}/referrals", **draft, compartments=["health"])["id"]
    lead.post(f"{here}/referrals/{referral}/sending", occurred_at=at)
    return here, referral


def entry(running: Running, referral: str) -> dict[str, Any]:
    """What the hospital's inbox says of it."""
    items = running.desk("rsud").get("/inbox", limit=500)["items"]
    return next((e for e in items if e["referral"] == referral), {"escalations": 0})


def until_raised(running: Running, referral: str) -> dict[str, Any]:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not (found := entry(running, referral))["escalations"]:
        assert time.monotonic() < give_up, "nobody raised it"
        time.sleep(0.2)
    return found


@pytest.mark.thorough
def test_a_referral_that_nobody_answers_is_raised_level_by_level(running: Running) -> None:
    here, referral = sent(running, timedelta(minutes=90))
    found = until_raised(running, referral)
    assert found["breached"]
    assert found["escalations"] == 1, "an hour's window that is half past its second is raised once"
    _, another = sent(running, timedelta(minutes=90))
    until_raised(running, another)  # whoever did that looked at the first one again
    assert entry(running, referral)["escalations"] == 1
    audit = running.desk("uptd-ppa", Role.LEGAL_REVIEWER, Purpose.AUDIT)
    topics = [e["topic"] for e in audit.get("/audit", subject=here.removeprefix("/cases/"), limit=500)["items"]]
    assert topics.count("case.ReferralEscalated") == 1
    running.desk("rsud").post(f"{here}/referrals/{referral}/receipt")
