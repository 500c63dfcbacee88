"""Silence is not acceptance: a referral that nobody answers in time is raised, without a timer in anybody's memory."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from conftest import Running
from patience import PATIENCE_SECONDS

from rujukan.domain.codes import Purpose, Role

CLOSES_AFTER = timedelta(hours=72)
"""Some windows of care after such an incident (domain/pathways.py)."""


def running_out(running: Running, **told: str) -> tuple[str, set[str]]:
    """The path of a case, and windows of care that close a few seconds after they began; later where that took long.
    `told`: what else is said of the incident."""
    lead = running.desk("uptd-ppa")
    opening = {"channel": "hotline", "reporter": "survivor", "urgency": "emergency", "age_group": "adult"}
    for seconds in (5, 20, 60):
        here = f"/cases/{lead.post('/cases', **opening)['id']}"
        closes = datetime.now(UTC) + timedelta(seconds=seconds)
        happened = (closes - CLOSES_AFTER).isoformat()
        lead.post(f"{here}/incidents", forms=["seksual"], gbv_type="rape", happened_at=happened, **told)
        if datetime.now(UTC) < closes:
            break
    due = {c["clock"] for c in lead.get(here)["clocks"] if datetime.fromisoformat(c["due_at"]) <= closes}
    return here, due


def raised(running: Running, here: str) -> set[str]:
    """What of the case the lead is told ran out."""
    entries = running.desk("uptd-ppa", Role.SUPERVISOR).get("/escalations", limit=500)["items"]
    return {entry["subject"] for entry in entries if entry["case"] == here.removeprefix("/cases/")}


def until_raised(running: Running, here: str, due: set[str]) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not due <= raised(running, here):
        assert time.monotonic() < give_up, "nobody raised it"
        time.sleep(0.2)


@pytest.mark.thorough
def test_the_worker_raises_what_ran_out_and_each_once(running: Running) -> None:
    here, due = running_out(running)
    assert due
    until_raised(running, here, due)
    another, more = running_out(running)
    until_raised(running, another, more)  # whoever did that looked at the first one again
    audit = running.desk("uptd-ppa", Role.LEGAL_REVIEWER, Purpose.AUDIT)
    topics = [e["topic"] for e in audit.get("/audit", subject=here.removeprefix("/cases/"), limit=500)["items"]]
    assert topics.count("case.ClockOverdue") == len(due)
