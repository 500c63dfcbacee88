"""2. Thirteen, with a mother who is safe.

The alleged perpetrator is an adult neighbour. Her mother believes her and brings her. `uptd` leads; `rsud`, `psi`,
`polres`, `sekolah`.
"""

from collections.abc import Iterator

import pytest
from theatre import Story, not_yet, opened

from rujukan.infra.services.postgres import EmbeddedPostgres

pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module")
def story(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with opened(postgres, tmp_path_factory.mktemp("stories")) as theatre:
        yield theatre.story()


def test_thirteen_with_a_mother_who_is_safe(story: Story) -> None:
    s = story

    # 1: 08:30 she says herself what happened
    s.at("2026-02-13 08:30")
    s.opens("uptd CW1", age_group="adolescent", reporter="family", account="Anak bercerita sendiri kepada pendamping")
    s.does("uptd CW1", "survivor/identity", name="Anak Tiga Belas", born_on="2012-09-03", sex="female")
    s.does("uptd CW1", "survivor/contact", phone="nomor ibu 0812", safe_to_call=True)
    happened = {"forms": ["seksual"], "gbv_type": "rape", "place": "lainnya", "narrative": "Terjadi di rumah tetangga"}
    s.does("uptd CW1", "incidents", **happened, happened_at="2026-02-12T15:00:00+08:00",
           happened_until="2026-02-12T16:00:00+08:00", pregnancy_possible="yes", told_by="survivor")  # fmt: skip
    s.notes_everything("uptd CW1")

    # 2: 09:15 her mother consents, with her assent; she says no to the school
    s.at("09:15")
    assert s.get("uptd CW1")["age_group"] == "younger-adolescent"
    both = {
        "given_by": ["parent"],
        "speaker": "Ibu kandung anak",
        "child_assent": True,
        "assent_words": "Ya, dokternya boleh",
    }
    s.consents("uptd CW1", "rsud", "identity contact incident health", **both)
    s.consents("uptd CW1", "psi", "identity contact incident psychosocial", **both)
    s.consents("uptd CW1", "polres", "identity contact incident", "legal", **both)
    s.does("uptd CW1", "consent-refusals", given_by=["survivor"], asked_for=["sekolah"])

    # 3: 09:20 the mother wants the school told as well
    s.at("09:20")
    against = {"given_by": ["parent"], "child_assent": False, "assent_words": "Jangan, sekolah tidak boleh tahu"}
    to_school = s.consents("uptd CW1", "sekolah", "identity psychosocial", **against)
    (held,) = [c for c in s.get("uptd CW1")["consents"] if c["consent"] == to_school]
    assert (held["held"], held["given_by"]) == (True, ["parent"])
    told = {"recipient": "sekolah", "service": "pendidikan", "urgency": "urgent", "purpose": "care"}
    letter = s.does("uptd CW1", "referrals", **told, compartments=["identity"])
    s.refused("uptd CW1", f"referrals/{letter}/sending", "consent-missing")

    clocks = s.clocks()
    assert clocks["hiv-pep"].due == clocks["forensic-evidence"].due == "2026-02-15 15:00"
    assert clocks["emergency-contraception"].due == "2026-02-17 15:00"
    assert clocks["hepatitis-b"].due == "2026-02-26 15:00"
    assert clocks["report-to-police"].due == "2026-02-16 08:30"

    # 4: 09:40 three referrals
    s.at("09:40")
    health = [clocks[need].id for need in ("hiv-pep", "forensic-evidence", "emergency-contraception", "hepatitis-b")]
    to_hospital = s.refers(
        "uptd CW1", "rsud", "kesehatan", "identity contact incident health", urgency="emergency", clocks=health
    )
    to_psychologist = s.refers("uptd CW1", "psi", "psikososial", "identity contact incident psychosocial")
    to_police = s.refers(
        "uptd CW1",
        "polres",
        "penegakan-hukum",
        "identity contact incident",
        "legal",
        clocks=[clocks["report-to-police"].id],
    )
    s.at("09:58")
    s.moves("rsud CW", to_hospital, "receipt", "acceptance", "start")
    s.moves("psi CW", to_psychologist, "receipt", "acceptance", "start")
    s.moves("polres CW", to_police, "receipt")
    s.at("11:00")
    s.moves("polres CW", to_police, "acceptance", "start")

    # 5: 13:00 the examination
    s.at("11:20")
    with not_yet("the investigator's letter is a kind of document, linked to the referral"):
        s.attaches("polres CW", "visum-letter", "legal", "Permintaan visum", referral=to_police)
    s.at("13:20")
    s.does(
        "rsud CW",
        "services",
        service="kesehatan",
        referral=to_hospital,
        health="PEP dan kontrasepsi darurat diberikan",
        meets=[clocks["hiv-pep"].id, clocks["emergency-contraception"].id],
    )
    s.at("16:00")
    visum = s.attaches("rsud CW", "visum", "legal", "Visum et repertum")

    # 6: the psychologist writes
    s.at("2026-02-20 10:00")
    s.does("psi CW", "notes", psychosocial="Yang dikatakannya kepada psikolog")

    # What must be true then
    assert s.knows("rsud") == s.may("identity contact incident health")
    assert s.knows("psi") == s.may("identity contact incident psychosocial")
    assert s.knows("polres") == s.may("identity contact incident")
    assert s.is_nothing_to("sekolah CW")
    with not_yet("the visum reaches the police that asked for it, and nothing else of the hospital's record does"):
        assert s.get("polres CW", f"documents/{visum}")
    met = s.clocks()
    assert met["hiv-pep"].met == met["emergency-contraception"].met == "2026-02-13 13:20"
    assert met["report-to-police"].met == "2026-02-13 11:00", "by the acceptance, nobody having typed it"

    # Step 6: her mother asks to see what the psychologist wrote; the girl does not want that
    s.at("2026-02-24 09:00")
    s.does("uptd CW1", "rights", kind="access", said_by=["parent"], obtained="verbal", remark="Apa kata anak saya?")
    (asked,) = s.reads("uptd SV", "/rights", case=s.case)["items"]
    assert (asked["kind"], asked["said_by"], asked["answer_by"]) == ("access", ["parent"], "2026-02-27T01:00:00Z")
    right = asked["right"]
    s.refused("uptd CW1", f"rights/{right}/answer", "not-for-this-role", answer="granted")
    s.refused("uptd SV", f"rights/{right}/answer", "invalid", answer="partly")
    s.at("2026-02-26 10:00")
    s.does("uptd SV", f"rights/{right}/answer", answer="partly",
           reason="Yang dikatakannya kepada psikolog hanya atas persetujuannya")  # fmt: skip
    assert [e["in_time"] for e in s.events("uptd CW1", "RightAnswered")] == [True]
    assert s.reads("uptd SV", "/rights", case=s.case)["items"] == []
    assert s.is_nothing_to("sekolah CW")

    # 7: thirty days before she is 15
    s.at("2027-08-04 09:00")
    (asked,) = s.reads("uptd CW1", "/coming-of-age", case=s.case)["items"]
    assert asked["herself_from"] == "2027-09-02T16:00:00Z", "3 September, midnight"
    assert s.reads("rsud CW", "/coming-of-age")["items"] == []

    # From 3 September on her mother neither gives nor takes back; she takes back each alone; the rest lapses in October
    s.at("2027-09-03 09:00")
    assert s.get("uptd CW1")["age_group"] == "older-adolescent"
    mother = {"compartments": ["health"], "recipients": ["rsud"], "purposes": ["care"], "obtained": "written"}
    s.refused("uptd CW1", "consents", "consent-from-wrong-person", **mother, given_by=["parent"], child_assent=True)
    live = {c["recipients"][0]: c for c in s.get("uptd CW1")["consents"] if c["live"] and not c["held"]}
    s.does("uptd CW1", f"consents/{live['rsud']['consent']}/withdrawal", said_by=["parent"])
    assert s.events("uptd CW1", "SaidWithoutEffect")[-1]["saying"] == "withdrawal"
    s.does("uptd CW1", f"consents/{live['polres']['consent']}/withdrawal", said_by=["survivor"])
    s.at("2027-10-03 00:01")
    assert [c["recipients"] for c in s.get("uptd CW1")["consents"] if c["live"]] == []
    assert s.knows("psi") == s.knows("rsud") == frozenset()

    # Custody: each was answered within the hour, by the hospital after 18 minutes
    held = {h["recipient"]: h["since"] for h in s.custody()["referrals"] if h["status"] == "received"}
    assert held["rsud"] == held["psi"] == "2026-02-13T01:58:00Z"

    # Her report: her mother agreed and she agreed; she did not want her school to know, and it was not told
    report = s.report()
    assert '"Parent"' in report
    assert "Ya, dokternya boleh" in report
    assert "Jangan, sekolah tidak boleh tahu" in report
    assert s.is_nothing_to("sekolah CW")
