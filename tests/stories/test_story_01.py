"""1. The toddler whose father is the suspect.

Her father, who has custody and is her guardian, is the alleged perpetrator. Her mother works abroad and cannot be
reached. Her grandmother is safe. A midwife of `rsud` reports; `uptd` leads; `polres`, `dinsos`.
"""

from collections.abc import Iterator

import pytest
from theatre import Refused, Story, opened

from rujukan.infra.services.postgres import EmbeddedPostgres

pytestmark = pytest.mark.thorough

SCOPE = {"compartments": ["health"], "recipients": ["rsud"], "purposes": ["care"], "obtained": "written"}
CARE = "identity contact incident health"
PROTECTION = "identity incident safety contact"
INCIDENT = {
    "forms": ["seksual", "fisik"],
    "gbv_type": "sexual-assault",
    "place": "rumah-tangga",
    "domestic": True,
    "narrative": "Diceritakan bidan yang memeriksanya",
}


@pytest.fixture(scope="module")
def story(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with opened(postgres, tmp_path_factory.mktemp("stories")) as theatre:
        yield theatre.story()


def test_the_toddler_whose_father_is_the_suspect(story: Story) -> None:
    s = story

    # 1, 2: 09:40 the case is opened
    s.at("2026-02-16 09:40")
    s.opens(
        "uptd CW1",
        urgency="emergency",
        age_group="young-child",
        reporter="professional",
        channel="agency",
        account="Bidan melihat memar pada anak itu",
        reporter_contact="nomor bidan di RSUD",
    )
    s.does("uptd CW1", "survivor/identity", name="Anak Dua Tahun", born_on="2023-05-14", sex="female")
    reached = {"phone": "nomor nenek 0811", "safe_times": "tidak sebelum pukul 12.00", "safe_to_call": True}
    s.does("uptd CW1", "survivor/contact", **reached)
    between = {"happened_at": "2026-02-14T18:00:00+08:00", "happened_until": "2026-02-15T12:00:00+08:00"}
    s.does("uptd CW1", "incidents", **INCIDENT, **between, penetration="unknown", told_by="health-worker")
    s.does("uptd CW1", "alleged-perpetrators", relation="orang tua", name="Nama Ayah Itu", danger="Ayah dapat datang")
    s.notes_everything("uptd CW1")

    assert s.get("uptd CW1")["age_group"] == "small-child", "it follows from the date of birth"
    s.does("uptd CW1", "speakers-set-aside", speakers=["guardian"], set_aside="alleged-perpetrator")

    # 3: 10:05 the father telephones: "I allow nothing, and I take everything back"
    s.at("10:05")
    father = {"given_by": ["guardian"], "remark": "Saya tidak mengizinkan apa pun"}
    s.does("uptd CW1", "consent-refusals", **father)
    takes_back = {"about": "everything", "said_by": ["guardian"], "remark": "Semuanya saya cabut kembali"}
    s.does("uptd CW1", "stops", **takes_back)
    said = s.events("uptd CW1", "SaidWithoutEffect")
    assert [(e["saying"], e["said_by"]) for e in said] == [("refusal", ["guardian"]), ("stop", ["guardian"])]
    assert s.get("uptd CW1")["consents"] == []
    assert s.reads("uptd CW1", "/stops", case=s.case)["items"] == []

    # 4: 10:20 two people let the grandmother speak for the child
    s.at("10:20")
    s.refused(
        "uptd CW1", "consents", "consent-from-wrong-person", **SCOPE, given_by=["trusted-adult"], by_alleged=False
    )
    lets = {"lets": ["trusted-adult"], "reason": "Ayah terlapor, ibu tidak terjangkau, nenek aman"}
    waits = s.does("uptd CW1", "best-interest-decisions", **lets)
    with pytest.raises(Refused):
        s.approves("uptd CW1 as SV", waits)  # herself, in another hat
    s.approves("uptd SV", waits)
    (decision,) = s.events("uptd CW1", "BestInterestDecided")

    # 5: 10:25 she consents; the child is not asked
    s.at("10:25")
    s.refused(
        "uptd CW1", "consents", "invalid", **SCOPE, given_by=["trusted-adult"], by_alleged=False, child_assent=True
    )
    s.refused("uptd CW1", "consents", "consent-from-wrong-person", **SCOPE, given_by=["survivor"])
    s.consents(
        "uptd CW1",
        "rsud",
        CARE,
        given_by=["trusted-adult"],
        by_alleged=False,
        speaker="Nenek dari pihak ibu",
        expires_at="2026-05-16T00:00:00+08:00",
        text_version="2026-1",
        language="id",
        limits_told="Kewajiban lapor kekerasan terhadap anak",
    )
    (given,) = s.events("uptd CW1", "ConsentGiven")
    assert (given["given_by"], given["decision"]) == (["trusted-adult"], decision["decision"])
    assert given["child_assent"] is None

    clocks = s.clocks()
    assert clocks["forensic-evidence"].due == "2026-02-17 18:00"
    assert "emergency-contraception" not in clocks
    assert (clocks["hiv-pep"].due, clocks["hepatitis-b"].due) == ("2026-02-17 18:00", "2026-02-28 18:00")
    assert not clocks.keys() & {"temporary-protection-sv", "police-protection-dv"}, "the police know nothing yet"

    # 6: 10:30 the emergency referral to the hospital
    s.at("10:30")
    to_hospital = s.refers(
        "uptd CW1", "rsud", "kesehatan", CARE, urgency="emergency", clocks=[clocks["forensic-evidence"].id]
    )
    s.at("10:36")
    s.moves("rsud CW", to_hospital, "receipt")
    s.at("10:41")
    s.moves("rsud CW", to_hospital, "acceptance", "start")

    # 7: 10:45 one person shares with the police and social services, as it is an emergency
    s.at("10:45")
    basis = {"basis": "child-mandatory-report", "rule": "UU 35/2014", "reason": "wajib lapor: anak dua tahun"}
    shared = s.does(
        "uptd CW1",
        "consent-overrides",
        compartments=PROTECTION.split(),
        recipients=["polres", "dinsos"],
        purposes=["protection"],
        survivor_told=False,
        **basis,
    )
    to_police = s.refers(
        "uptd CW1",
        "polres",
        "perlindungan-polisi",
        PROTECTION,
        "protection",
        urgency="emergency",
        clocks=[clocks["report-to-police"].id],
    )
    to_social = s.refers("uptd CW1", "dinsos", "rehabilitasi-sosial", PROTECTION, "protection")
    s.at("11:05")
    s.moves("polres CW", to_police, "receipt")
    s.moves("dinsos CW", to_social, "receipt", "acceptance")
    s.at("11:30")
    s.moves("polres CW", to_police, "acceptance", "start")

    # 8: PEP, temporary protection
    s.at("12:15")
    s.does("rsud CW", "services", service="kesehatan", health="PEP dosis pertama diberikan", referral=to_hospital,
           gave=["hiv-pep"])  # fmt: skip
    s.at("15:40")
    order = {"order": "SP.Lindung/12/II/2026", "issued_by": "Polres Bontang", "valid_from": "2026-02-16"}
    given = {"kind": "police", "given_at": "2026-02-16T15:30:00+08:00"}
    s.does("polres CW", "protection-orders", **order, **given)

    # What must be true then
    assert s.knows("rsud") == s.may(CARE)
    assert s.knows("polres") == s.knows("dinsos") == s.may(PROTECTION)
    assert s.is_nothing_to("sekolah CW")
    clocks = s.clocks()
    assert clocks["report-to-police"].met == "2026-02-16 11:30", "by the acceptance, nobody having typed it"
    assert clocks["hiv-pep"].met == "2026-02-16 12:15"
    for law in ("temporary-protection-sv", "police-protection-dv"):
        assert (clocks[law].starts, clocks[law].due) == ("2026-02-16 11:05", "2026-02-17 11:05")
        assert clocks[law].met == "2026-02-16 15:30"
    for asked in ("lpsk-request", "court-order-request"):
        assert (clocks[asked].due, clocks[asked].met) == ("2026-02-17 15:30", None)

    # CW1 does not review her own sharing, for another agency or in another role neither; SV2 does by 02-19 10:45
    (view,) = [c for c in s.get("uptd SV2")["consents"] if c["consent"] == shared]
    assert view["review_due_at"] == "2026-02-19T02:45:00Z"
    judged = {"verdict": "justified", "remark": "anak dua tahun dalam bahaya"}
    s.refused("uptd CW1", f"consent-overrides/{shared}/review", "not-for-this-role", **judged)
    s.refused("uptd CW1 as SV", f"consent-overrides/{shared}/review", "not-by-the-same-person", **judged)
    s.at("2026-02-19 10:45")
    raised = [e for e in s.reads("uptd SV2", "/escalations")["items"] if e["kind"] == "sharing-review"]
    assert [e["subject"] for e in raised] == [shared]
    s.does("uptd SV2", f"consent-overrides/{shared}/review", **judged)

    # dinsos refers on no more than it was sent
    on = {"recipient": "lsm", "service": "psikososial", "urgency": "urgent", "purpose": "protection"}
    s.consents("dinsos CW", "lsm", CARE, "protection", given_by=["trusted-adult"], by_alleged=False)
    onward = s.does("dinsos CW", "referrals", **on, compartments=["identity", "health"])
    refusal = s.refused("dinsos CW", f"referrals/{onward}/sending", "beyond-reach")
    assert refusal.about["about"]["compartments"] == ["health"]

    # The consent ends on 2026-05-16, and that is warned of before
    s.at("2026-05-15 09:00")
    ending = s.reads("uptd CW1", "/expiring-consents")["items"]
    assert "2026-05-15T16:00:00Z" in [e["expires_at"] for e in ending if e["case"] == s.case]

    # Custody: uptd led from 09:40; the hospital held its referral from 10:36
    custody = s.custody()
    assert [(led["agency"], led["since"]) for led in custody["led"]] == [("uptd", "2026-02-16T01:40:00Z")]
    held = [h for h in custody["referrals"] if h["referral"] == to_hospital and h["holder"] == "rsud"]
    assert held[0]["since"] == "2026-02-16T02:36:00Z"

    # Her report: who spoke for her, and who was not heard, and why
    report = s.report()
    assert "Nenek dari pihak ibu" in report
    assert "Somebody who could speak for you is not heard for you" in report
    assert "Is the alleged perpetrator" in report
    assert "Other trusted adult" in report
    assert "assent" not in report
