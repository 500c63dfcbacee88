"""3. The unconscious woman at the hospital.

Nobody knows her; a doctor takes her for 25 to 35. `rsud` opens and leads; `rs-b` has a neurosurgeon. Later her sister
goes to `uptd`; `polres`.
"""

from collections.abc import Iterator

import pytest
from theatre import Story, Theatre, not_yet, opened

from rujukan.infra.services.postgres import EmbeddedPostgres

pytestmark = pytest.mark.thorough

SCOPE = {"compartments": ["health"], "recipients": ["rs-b"], "purposes": ["care"], "obtained": "verbal"}
VITAL = {
    "compartments": ["health", "identity"],
    "purposes": ["care"],
    "basis": "vital-interest",
    "rule": "UU 27/2022 pasal 20",
    "reason": "Tidak sadar, perlu bedah saraf",
    "on_word_of": "Dokter jaga malam itu",
}


@pytest.fixture(scope="module")
def theatre(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    with opened(postgres, tmp_path_factory.mktemp("stories")) as theatre:
        yield theatre


def test_the_unconscious_woman_at_the_hospital(theatre: Theatre) -> None:
    s = theatre.story()

    # 1: 23:50 the ambulance
    s.at("2026-03-07 23:50")
    s.opens("rsud CW1", urgency="emergency", age_group="adult", reporter="professional", account="Dibawa ambulans 119")
    s.does("rsud CW1", "age", years_from=25, years_to=35, age_basis="clinician")
    s.does("rsud CW1", "survivor/identity", name="Perempuan tidak dikenal", identifier="none", sex="female")
    between = {"happened_at": "2026-03-07T22:00:00+08:00", "happened_until": "2026-03-07T23:30:00+08:00"}
    happened = {"forms": ["seksual"], "gbv_type": "rape", "place": "fasilitas-umum", "told_by": "health-worker"}
    s.does("rsud CW1", "incidents", **happened, **between, narrative="Ditemukan di tepi jalan")
    s.notes_everything("rsud CW1")
    (age,) = s.events("rsud CW1", "AgeAssessed")
    assert (age["years_from"], age["years_to"], age["age_basis"]) == (25, 35, "clinician")
    s.refused("rsud CW1", "capacity", "invalid", capacity="cannot-now")
    s.does("rsud CW1", "capacity", capacity="cannot-now", on_word_of="Dokter jaga malam itu")

    # nobody's consent can be written for her
    for by in ("survivor", "caregiver", "parent", "guardian", "trusted-adult", "case-worker", "next-of-kin"):
        s.refused("rsud CW1", "consents", "consent-from-wrong-person", **SCOPE, given_by=[by])

    # 2: 00:15 vital interest, towards care and nobody else
    s.at("2026-03-08 00:15")
    shared = s.does("rsud CW1", "consent-overrides", **VITAL, recipients=["rs-b"])
    refusal = s.refused("rsud CW1", "consent-overrides", "invalid", **VITAL, recipients=["polres"])
    assert refusal.about["about"]["field"] == "recipients"
    to_surgeon = s.refers("rsud CW1", "rs-b", "kesehatan", "health identity", urgency="emergency")
    s.at("00:24")
    s.moves("rs-b CW", to_surgeon, "receipt", "acceptance", "start")
    assert s.knows("rs-b") == s.may("health identity")
    clocks = s.clocks("rsud CW")
    assert clocks["hiv-pep"].due == clocks["forensic-evidence"].due == "2026-03-10 22:00"
    assert clocks["hepatitis-b"].due == "2026-03-21 22:00"
    assert "report-to-police" not in clocks, "a hospital owes none"
    (view,) = [c for c in s.get("rsud SV1")["consents"] if c["consent"] == shared]
    assert view["review_due_at"] == "2026-03-10T16:15:00Z"
    judged = {"verdict": "justified", "remark": "Nyawanya terancam"}
    s.refused("rsud CW1 as SV", f"consent-overrides/{shared}/review", "not-by-the-same-person", **judged)

    # 3: 00:30 the hospital tells the mandated lead
    s.at("00:30")
    with not_yet("a report is forwarded to the mandated lead, whose duty person acknowledges it"):
        s.does("rsud CW1", "forwarded-reports", to="uptd", account="Belum dapat ditanya")

    # 4: 02:10 PEP
    s.at("02:10")
    s.does("rsud CW1", "services", service="kesehatan", health="PEP dosis pertama", gave=["hiv-pep"])
    assert s.clocks("rsud CW")["hiv-pep"].met == "2026-03-08 02:10"

    # 5: 09:00 her sister reports to uptd, which learns nothing of the ward, nor that there is a file there
    s.at("09:00")
    s.does("rsud CW1", "stops", about="everything", said_by=["trusted-adult"], remark="Kata kakaknya di telepon")
    assert s.knows("rs-b") == s.may("health identity"), "her sister ends nothing"
    assert s.is_nothing_to("uptd CW1")
    sisters = _sister_reports(theatre)

    # 6: 13:45 she is asked
    s.at("13:45")
    s.does("rsud CW1", "capacity", capacity="able")
    s.consents("rsud CW1", "rs-b", "health identity", given_by=["survivor"], obtained="verbal", recorded_how="Dicatat")
    s.does("rsud CW1", "consent-refusals", given_by=["survivor"], asked_for=["polres"], remark="Belum sekarang")
    s.does("rsud CW1", f"clocks/{clocks['hepatitis-b'].id}/other-end", how="declined", reason="Ia tidak menghendakinya")
    s.refused("rsud CW1", "consents", "consent-from-wrong-person", **SCOPE, given_by=["trusted-adult"])
    (view,) = [c for c in s.get("rsud SV1")["consents"] if c["consent"] == shared]
    assert not view["live"], "vital interest ended with its hours; asked in between, somebody has to end it"
    assert s.knows("rs-b") == s.may("health identity"), "by her own consent from then on"

    # why and how the clock ended is sealed with health
    assert "Ia tidak menghendakinya" in str(s.events("rsud CW1", "ClockEnded"))

    # 7: 13:50 who she is; uptd leads from 9 March, by two people of two agencies
    s.at("13:50")
    hers = {"name": "Nama Perempuan Itu", "nik": "6474015506980001", "born_on": "1998-06-15", "sex": "female"}
    s.does("rsud CW1", "survivor/identity/corrections", **hers, reason="Ia sendiri mengatakannya")
    (corrected,) = s.events("rsud CW1", "SurvivorIdentityCorrected")
    assert corrected["nik_warning"] is None
    assert [age["age_basis"] for age in s.events("rsud CW1", "AgeAssessed")] == ["clinician"], "an adult stays one"
    with not_yet("two agencies with a file of the same person learn of it, with no name"):
        assert sisters.reads("uptd SV1", "/matches")["items"]
    s.at("2026-03-09 10:00")
    s.consents("rsud CW1", "uptd", "identity contact incident health", "coordination", given_by=["survivor"])
    asked = s.does("rsud SV1", "lead-transfers", to="uptd", reason="Ia setuju UPTD mendampingi")
    s.does("uptd SV1", f"lead-transfers/{asked}/acceptance")
    assert s.get("uptd SV1")["lead"] == "uptd"

    # 8: 2026-03-10 16:00 she wants the police now
    s.at("2026-03-10 16:00")
    s.consents("uptd CW1", "polres", "identity contact incident", "legal", given_by=["survivor"])
    to_police = s.refers("uptd CW1", "polres", "penegakan-hukum", "identity contact incident", "legal")
    s.at("17:20")
    s.moves("polres CW", to_police, "receipt", "acceptance")
    assert s.knows("polres") == s.may("identity incident")

    # Custody: the hospital led until 9 March 10:00, then uptd
    led = [(led["agency"], led["since"]) for led in s.custody()["led"]]
    assert led == [("rsud", "2026-03-07T15:50:00Z"), ("uptd", "2026-03-09T02:00:00Z")]


def _sister_reports(theatre: Theatre) -> Story:
    """At uptd: a file of its own."""
    s = theatre.story()
    s.opens("uptd CW1", age_group="adult", reporter="family", account="Adik saya tidak pulang sejak kemarin")
    s.does("uptd CW1", "survivor/identity", name="Nama Menurut Kakaknya", nik="6474015506980001", sex="female")
    return s
