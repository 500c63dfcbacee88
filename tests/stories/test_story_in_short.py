"""Stories in short, for every run: those that need two agencies only. The others are thorough."""

from collections.abc import Iterator

import pytest
from theatre import Story, Theatre, opened

from rujukan.infra.services.postgres import EmbeddedPostgres


@pytest.fixture(scope="module")
def theatre(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    with opened(postgres, tmp_path_factory.mktemp("stories"), ("uptd", "rsud")) as theatre:
        yield theatre


def test_a_child_says_no_and_her_fathers_yes_is_held(theatre: Theatre) -> None:
    s = theatre.story()
    s.at("2026-02-16 09:40")
    s.opens("uptd CW1", age_group="adult", account="Anak bercerita sendiri kepada pendamping")
    s.does("uptd CW1", "survivor/identity", name="Anak Sepuluh Tahun", born_on="2015-05-14", sex="female")
    assert s.get("uptd CW1")["age_group"] == "school-child"
    said = {"given_by": ["parent"], "child_assent": False, "assent_words": "Saya tidak mau ke sana"}
    s.consents("uptd CW1", "rsud", "identity incident", **said)
    about = {"recipient": "rsud", "service": "kesehatan", "urgency": "urgent", "purpose": "care"}
    letter = s.does("uptd CW1", "referrals", **about, compartments=["identity", "incident"])
    s.refused("uptd CW1", f"referrals/{letter}/sending", "consent-missing")
    assert s.is_nothing_to("rsud CW")

    (held,) = [c["consent"] for c in s.get("uptd CW1")["consents"] if c["held"]]
    best = {"outweighs": [held], "reason": "Lukanya harus dirawat hari ini"}
    s.approves("uptd SV", s.does("uptd CW1", "best-interest-decisions", **best))
    s.does("uptd CW1", f"referrals/{letter}/sending")
    assert s.knows("rsud") == s.may("identity incident") == {"identity", "incident"}


def test_a_father_agrees_and_is_accused_later(theatre: Theatre) -> None:
    s = theatre.story()
    s.at("2026-02-17 08:00")
    s.opens("uptd CW1", age_group="young-child", account="Ayahnya mengantar anak itu")
    s.does("uptd CW1", "survivor/identity", name="Anak Dua Tahun Itu", born_on="2023-05-14", sex="female")
    s.consents("uptd CW1", "rsud", "identity incident", given_by=["parent"])
    running = s.refers("uptd CW1", "rsud", "kesehatan", "identity")
    s.moves("rsud CW", running, "receipt", "acceptance", "start")

    s.at("14:00")
    s.does("uptd CW1", "speakers-set-aside", speakers=["parent"], set_aside="alleged-perpetrator")
    assert s.knows("rsud") == {"identity"}, "nobody asked to stop: her care goes on"
    (doubted,) = [c["consent"] for c in s.get("uptd CW1")["consents"] if c["doubted"]]
    letter = {"recipient": "rsud", "service": "visum", "urgency": "urgent", "purpose": "care"}
    later = s.does("uptd CW1", "referrals", **letter, compartments=["identity", "incident"])
    s.refused("uptd CW1", f"referrals/{later}/sending", "consent-missing")
    s.does("uptd CW1", f"consents/{doubted}/withdrawal", said_by=["parent"])
    assert s.knows("rsud") == {"identity"}, "and he takes nothing back"
    s.refused("uptd CW1", "stops", "consent-from-wrong-person", about="everything", said_by=["survivor"])

    best = {"outweighs": [doubted], "reason": "Perawatannya harus berlanjut"}
    s.approves("uptd SV", s.does("uptd CW1", "best-interest-decisions", **best))
    s.does("uptd CW1", f"referrals/{later}/sending")
    (decided,) = s.events("uptd CW1", "BestInterestDecided")
    assert decided["reason"] == best["reason"], "in the case itself, not in what was asked of a second person alone"


@pytest.mark.thorough
def test_she_did_not_come_and_that_is_put_before_both_at_once(theatre: Theatre) -> None:
    s = theatre.story()
    s.at("2026-06-02 10:00")
    s.opens("uptd CW1", age_group="adult", account="Ia bercerita sendiri")
    s.consents("uptd CW1", "rsud", "identity incident health safety", given_by=["survivor"])
    referral = s.refers("uptd CW1", "rsud", "kesehatan", "identity incident health safety")
    early = {"referral": referral, "appointed_for": "2026-06-03T09:00:00+08:00"}
    s.refused("rsud CW1", "appointments", "wrong-move", **early)
    s.moves("rsud CW1", referral, "receipt", "acceptance")
    first = s.does("rsud CW1", "appointments", **early, place="Poli Teratai pintu timur")
    assert [(e["appointment"], e["overdue"]) for e in s.reads("uptd CW1", "/appointments")["items"]] == [(first, False)]
    assert "Poli Teratai" not in s.get("uptd CW1", "timeline").__repr__(), "where is sealed with safety"

    s.at("2026-06-03 09:30")
    s.does("rsud CW1", f"appointments/{first}/missing", known_from="provider")
    for who in ("rsud SV", "uptd SV"):
        raised = s.reads(who, "/escalations")["items"]
        assert [(e["kind"], e["subject"]) for e in raised if e["case"] == s.case] == [("appointment-missed", first)], (
            who
        )
    assert status(s) == "accepted", "never in-progress"
    s.refused("rsud CW1", f"appointments/{first}/keeping", "already-exists")

    s.at("12:20")
    again = {"referral": referral, "appointed_for": "2026-06-03T17:30:00+08:00"}
    second = s.does("uptd CW1", "appointments", **again)
    for who in ("rsud SV", "uptd SV"):
        raised = [e["kind"] for e in s.reads(who, "/escalations")["items"] if e["case"] == s.case]
        assert "appointment-missed" not in raised, "she has another"
    s.refused("uptd CW1", f"appointments/{second}/keeping", "not-for-this-agency")
    s.at("17:30")
    s.does("rsud CW1", f"appointments/{second}/keeping")
    assert status(s) == "in-progress", "from the kept appointment, and nobody pressed start"

    third = s.does("rsud CW1", "appointments", referral=referral, appointed_for="2026-06-10T09:00:00+08:00")
    s.at("2026-06-10 13:01")
    (due,) = [e for e in s.reads("rsud CW1", "/appointments", overdue=True)["items"] if e["case"] == s.case]
    assert (due["appointment"], due["reminders"]) == (third, 1), "nobody said what came of it"
    kinds = [(e["kind"], e["recipient"]) for e in s.reads("rsud SV", "/escalations")["items"]]
    assert ("appointment-unclear", "rsud") in kinds
    paper = s.report()
    assert "Poli Teratai" not in paper
    assert "You came to your appointment" in paper


def status(s: Story) -> str:
    (sent,) = [e["status"] for e in s.reads("uptd CW1", "/outbox")["items"] if e["case"] == s.case]
    return str(sent)
