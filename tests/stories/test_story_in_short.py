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


@pytest.mark.thorough
def test_what_came_of_an_appointment_is_answered_corrected_and_never_drops_away(theatre: Theatre) -> None:
    s = theatre.story()
    s.at("2026-06-02 10:00")
    s.opens("uptd CW1", age_group="adult", account="Ia bercerita sendiri")
    s.consents("uptd CW1", "rsud", "incident health", given_by=["survivor"])
    care = s.refers("uptd CW1", "rsud", "kesehatan", "incident health")
    s.moves("rsud CW1", care, "receipt", "acceptance")
    first = s.does("rsud CW1", "appointments", referral=care, appointed_for="2026-06-03T09:00:00+08:00")

    def raised(who: str) -> set[str]:
        return {e["kind"] for e in s.reads(who, "/escalations")["items"] if e["case"] == s.case}

    def waits() -> list[tuple[str, bool]]:
        items = s.reads("uptd CW1", "/appointments", case=s.case)["items"]
        return [(e["appointment"], e["overdue"]) for e in items]

    # Her time passed: it is not moved any more, unless that was agreed before; and then the lead looks at it
    s.at("2026-06-03 09:30")
    later = {"appointed_for": "2026-06-04T09:00:00+08:00", "changed_by": "survivor"}
    s.refused("rsud CW1", f"appointments/{first}/moving", "invalid", **later)
    s.refused("rsud CW1", f"appointments/{first}/cancellation", "invalid", changed_by="survivor")
    s.does("rsud CW1", f"appointments/{first}/moving", **later, occurred_at="2026-06-03T08:00:00+08:00")
    assert "appointment-moved-late" in raised("uptd SV")

    # Kept, by mistake: struck, and said anew; the referral that began is held
    s.at("2026-06-04 09:30")
    s.does("rsud CW1", f"appointments/{first}/keeping")
    assert "appointment-moved-late" not in raised("uptd SV")
    assert waits() == []
    (kept,) = [e for e in s.get("uptd CW1", "timeline", limit=500)["items"] if e["topic"] == "case.AppointmentKept"]
    s.does("rsud CW1", "struck-entries", entry=kept["version"], because="not-accurate")
    assert waits() == [(first, False)]
    s.refused("rsud CW1", f"appointments/{first}/moving", "already-exists", **later)
    s.at("15:00")
    assert waits() == [(first, True)]
    assert "appointment-unclear" in raised("rsud SV")
    s.does("uptd CW1", f"appointments/{first}/missing", known_from="survivor")
    assert "appointment-missed" in raised("uptd SV")

    # The work ends: what had its time waits still, what was to come is cancelled, and says so
    second = s.does("rsud CW1", "appointments", referral=care, appointed_for="2026-06-04T16:00:00+08:00")
    third = s.does("rsud CW1", "appointments", referral=care, appointed_for="2026-06-09T09:00:00+08:00")
    s.at("17:00")
    s.does("rsud CW1", f"referrals/{care}/failure", reason="unreachable")
    (dropped,) = s.events("uptd CW1", "AppointmentCancelled")
    assert (dropped["appointment"], dropped["ended_with"]) == (third, "referral")
    assert [e for e, _ in waits()] == [second]

    # The case is closed before somebody said what came of it: that is on record, and it can be said later
    s.does("uptd CW1", f"referrals/{care}/no-redirect")
    s.does("uptd CW1", "closure", reason="lost-contact")
    assert [e["appointment"] for e in s.events("uptd CW1", "AppointmentUnclear")][-1] == second
    s.does("rsud CW1", f"appointments/{second}/missing", known_from="provider")
    paper = s.report()
    assert "You came to your appointment (struck" in paper
    assert paper.count("An appointment passed") == 2


def status(s: Story) -> str:
    (sent,) = [e["status"] for e in s.reads("uptd CW1", "/outbox")["items"] if e["case"] == s.case]
    return str(sent)
