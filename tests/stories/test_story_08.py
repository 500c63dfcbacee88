"""8. The man who missed two appointments.

A man, 34; attacked by colleagues in a workers' camp. Comes to `lsm`; lead `uptd`; `rsud`, `psi`.
"""

from collections.abc import Iterator

import pytest
from theatre import Story, not_yet, opened

from rujukan.infra.services.postgres import EmbeddedPostgres

pytestmark = pytest.mark.thorough

OFFICE = {"known_from": "provider"}


@pytest.fixture(scope="module")
def story(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with opened(postgres, tmp_path_factory.mktemp("stories")) as theatre:
        yield theatre.story()


def test_the_man_who_missed_two_appointments(story: Story) -> None:
    s = story

    # 1: Tuesday 10:00 he is heard, and the case opened
    s.at("2026-06-02 10:00")
    s.opens("uptd CW1", age_group="adult", account="Ia bercerita sendiri kepada LSM", channel="agency")
    s.does("uptd CW1", "survivor/identity", name="Pria Tiga Puluh Empat", born_on="1992-02-02", sex="male")
    reached = {"phone": "nomor teman 0812", "safe_times": "pesan sesudah pukul 20.00", "note": "jangan telepon kamp"}
    with not_yet("one sentence of caution beside several numbers"):
        s.does("uptd CW1", "survivor/contact", **reached)
    s.does("uptd CW1", "survivor/contact", phone="nomor teman 0812", safe_times="pesan sesudah pukul 20.00")
    s.does(
        "uptd CW1",
        "incidents",
        forms=["seksual", "fisik"],
        gbv_type="rape",
        place="tempat-kerja",
        narrative="Diserang rekan kerja di mes",
        happened_at="2026-06-01T23:00:00+08:00",
        penetration="yes",
        told_by="survivor",
    )
    s.consents("uptd CW1", "rsud", "identity contact incident health", given_by=["survivor"])
    s.consents("uptd CW1", "psi", "identity contact psychosocial", given_by=["survivor"])
    clocks = s.clocks()
    assert clocks["hiv-pep"].due == "2026-06-04 23:00"
    assert clocks["report-to-police"].due == "2026-06-05 10:00"
    assert "emergency-contraception" not in clocks, "and no row says that it was ended"

    # 2: 11:00 the hospital: accepted, and a time
    s.at("11:00")
    care = s.refers("uptd CW1", "rsud", "kesehatan", "identity contact incident health")
    s.at("11:30")
    s.moves("rsud CW1", care, "receipt", "acceptance")
    first = s.does("rsud CW1", "appointments", referral=care, appointed_for="2026-06-03T09:00:00+08:00")

    # 3: Wednesday 09:30 he did not come
    s.at("2026-06-03 09:30")
    s.does("rsud CW1", f"appointments/{first}/missing", **OFFICE)
    assert status(s, care) == "accepted", "never in-progress"
    (missed,) = s.events("uptd CW1", "AppointmentMissed")
    assert missed["known_from"] == "provider"
    for who in ("rsud SV", "uptd SV"):
        assert ("appointment-missed", first) in raised(s, who), "put before both at once"
    assert s.clocks()["hiv-pep"].met is None, "it runs on"

    # 4: another time, and he came
    s.at("12:20")
    second = s.does("rsud CW1", "appointments", referral=care, appointed_for="2026-06-03T17:30:00+08:00")
    assert ("appointment-missed", first) not in raised(s, "uptd SV")
    s.at("17:30")
    s.does("rsud CW1", f"appointments/{second}/keeping")
    assert status(s, care) == "in-progress", "from the kept appointment"
    s.at("17:50")
    given = {"service": "kesehatan", "referral": care, "gave": ["hiv-pep"], "health": "Dosis pertama PEP diberikan"}
    s.does("rsud CW1", "services", **given)
    assert s.clocks()["hiv-pep"].met == "2026-06-03 17:50"
    s.refused("rsud CW1", f"appointments/{first}/keeping", "already-exists")

    # 5: the psychologist: moved by him, then missed twice
    talk = s.refers("uptd CW1", "psi", "psikososial", "identity contact psychosocial")
    s.moves("psi CW1", talk, "receipt")
    s.at("2026-06-04 09:00")
    s.moves("psi CW1", talk, "acceptance")
    third = s.does("psi CW1", "appointments", referral=talk, appointed_for="2026-06-10T15:00:00+08:00")
    s.at("2026-06-09 10:00")
    assert not [e for e in s.events("uptd CW1", "ReferralStalled") if e["referral"] == talk], "it waits for its day"
    later = {"appointed_for": "2026-06-17T15:00:00+08:00", "changed_by": "survivor"}
    s.does("psi CW1", f"appointments/{third}/moving", **later)
    s.at("2026-06-17 16:00")
    s.does("psi CW1", f"appointments/{third}/missing", **OFFICE)
    fourth = s.does("psi CW1", "appointments", referral=talk, appointed_for="2026-06-24T15:00:00+08:00")
    s.at("2026-06-24 16:00")
    s.does("psi CW1", f"appointments/{fourth}/missing", **OFFICE)

    # 6: the end, with the door left open
    s.at("2026-06-25 09:00")
    question = s.does("psi CW1", f"referrals/{talk}/questions", asked_about="did-not-attend")
    assert [e["question"] for e in s.reads("uptd CW1", "/questions", case=s.case)["items"]] == [question]
    s.does("uptd CW1", f"questions/{question}/answer", reply="not-now", psychosocial="Ia bilang belum sekarang")
    assert s.knows("psi") == s.may("identity contact psychosocial"), "the answer is in what the referral shares"
    (answered,) = s.events("psi CW1", "QuestionAnswered")
    assert answered["reply"] == "not-now"
    s.does("psi CW1", f"referrals/{talk}/completion", outcome="did-not-attend", note="Pintu tetap terbuka")
    assert len([e for e in s.events("uptd CW1", "AppointmentMoved") if e["changed_by"] == "survivor"]) == 1
    assert len([e for e in s.events("uptd CW1", "AppointmentMissed") if e["appointment"] in (third, fourth)]) == 2
    assert not [e for e in s.events("uptd CW1", "ReferralStarted") if e["referral"] == talk], "it never began"
    assert s.knows("psi") == frozenset(), "nobody else's words from then"

    # 7: he comes by himself: a new referral, not the old one opened again
    s.at("2026-09-01 10:00")
    s.refused("psi CW1", f"referrals/{talk}/start", "wrong-move")
    s.refers("uptd CW1", "psi", "psikososial", "identity contact psychosocial")

    paper = s.report()
    for said in ("An appointment was made for you", "You came to your appointment", "you may ask for another time"):
        assert said in paper
    assert "korban" not in paper.lower()


def status(s: Story, referral: str) -> str:
    (found,) = [e["status"] for e in s.reads("uptd CW1", "/outbox")["items"] if e["referral"] == referral]
    return str(found)


def raised(s: Story, who: str) -> set[tuple[str, str]]:
    return {(e["kind"], e["subject"]) for e in s.reads(who, "/escalations")["items"] if e["case"] == s.case}
