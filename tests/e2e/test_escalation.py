"""Silence is not acceptance: a referral that nobody answers in time is raised, without a timer in anybody's memory."""

import time
from datetime import UTC, datetime, timedelta

from patience import PATIENCE_SECONDS

from rujukan.domain.codes import Purpose, Role


def test_a_referral_that_nobody_answers_is_raised_level_by_level(running):
    lead, hospital = running.desk("uptd-ppa"), running.desk("rsud")
    ago = (datetime.now(UTC) - timedelta(minutes=90)).isoformat()
    opening = {"channel": "hotline", "reporter": "survivor", "urgency": "emergency", "age_group": "adult"}
    here = f"/cases/{lead.post('/cases', **opening)['id']}"
    scope = {"compartments": ["health"], "recipients": ["rsud"], "purposes": ["care"]}
    lead.post(f"{here}/consents", **scope, given_by=["survivor"], obtained="verbal")
    draft = {"recipient": "rsud", "service": "kesehatan", "urgency": "emergency", "purpose": "care"}
    referral = lead.post(f"{here}/referrals", **draft, compartments=["health"])["id"]
    lead.post(f"{here}/referrals/{referral}/sending", occurred_at=ago)

    def entry() -> dict:
        return next(e for e in hospital.get("/inbox", limit=500)["items"] if e["referral"] == referral)

    give_up = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up:
        items = hospital.get("/inbox", limit=500)["items"]
        if any(e["referral"] == referral and e["escalations"] for e in items):
            break
        time.sleep(0.3)
    assert entry()["breached"]
    assert entry()["escalations"] == 1, "an hour's window that is half past its second is raised once"
    time.sleep(6)
    assert entry()["escalations"] == 1
    audit = running.desk("uptd-ppa", Role.LEGAL_REVIEWER, Purpose.AUDIT)
    topics = [e["topic"] for e in audit.get("/audit", subject=here.removeprefix("/cases/"), limit=500)["items"]]
    assert topics.count("case.ReferralEscalated") == 1
    hospital.post(f"{here}/referrals/{referral}/receipt")
