"""19. The man who wants it corrected.

A man, 45, is named as alleged perpetrator; nobody has judged. A second man has the same name. `uptd` leads; `polres`,
`lbh` and later `psi`. What he asks as a right, with its clock and one neutral answer, and the match of his name are not
built.
"""

from collections.abc import Iterator

import pytest
from theatre import Story, Theatre, not_yet, opened

from rujukan.infra.services.postgres import EmbeddedPostgres

pytestmark = pytest.mark.thorough

WRONG, RIGHT = "Usia 40, guru honorer, tampak dekat rumah", "Usia 45, pegawai negeri, tampak dekat rumah"
DENIAL = "Ia berada di Samarinda hari itu"


@pytest.fixture(scope="module")
def theatre(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    with opened(postgres, tmp_path_factory.mktemp("stories")) as theatre:
        yield theatre


def accused(s: Story, who: str) -> list[dict[str, object]]:
    """What somebody is shown as recorded of the alleged perpetrator, with the number of what struck it."""
    entries = s.get(who, "timeline", limit=500)["items"]
    return [entry for entry in entries if entry["topic"] == "case.AllegedPerpetratorRecorded"]


def strikes(s: Story, who: str) -> list[dict[str, object]]:
    entries = s.get(who, "timeline", limit=500)["items"]
    return [entry for entry in entries if entry["topic"] == "case.AllegedPerpetratorStruck"]


def test_the_man_who_wants_it_corrected(theatre: Theatre) -> None:
    s = theatre.story()

    # 1: what is recorded of him, and who is told of it
    s.at("2026-07-01 09:00")
    s.opens("uptd CW1", age_group="older-adolescent")
    s.consents("uptd CW1", "polres lbh", "incident legal", "protection legal", given_by=["survivor"])
    s.does("uptd CW1", "alleged-perpetrators", relation="guru", name="Tuan B", description=WRONG)
    to_police = s.refers("uptd CW1", "polres", "penegakan-hukum", "incident legal", "legal")
    to_lawyers = s.refers("uptd CW1", "lbh", "bantuan-hukum", "incident legal", "legal")
    s.moves("polres CW", to_police, "receipt", "acceptance", "start")
    s.moves("lbh CW", to_lawyers, "receipt", "acceptance", "start")
    (old,) = accused(s, "polres CW")
    assert WRONG in str(old["data"])
    s.does("lbh CW", f"referrals/{to_lawyers}/completion", outcome="service-delivered")

    # 2, 3: a letter comes; what he asks as a right is not built
    s.at("2026-08-10 11:00")
    with not_yet("a right asked by another person than the survivor, with its clock"):
        s.does("uptd DPO", "rights", kind=["access", "correction", "erasure"], asked_at="2026-08-10T09:00:00+08:00")

    # 4: age and occupation are right in a new entry, and the old one is struck, by two people
    s.at("2026-08-12 10:00")
    s.does("uptd CW1", "alleged-perpetrators", relation="guru", name="Tuan B", description=RIGHT)
    right = accused(s, "uptd CW1")[-1]["version"]
    wrong = {"entry": old["version"], "because": "not-accurate", "instead": right, "grounds": "Kartu identitas"}
    s.refused("uptd CW1", "struck-entries", "unknown", entry=old["version"], because="not-accurate")
    waits = s.does("uptd DPO", "struck-alleged-perpetrators", **wrong)
    assert all(entry.get("struck_by") is None for entry in accused(s, "uptd CW1")), "one person strikes nothing"
    s.approves("uptd SV", waits)
    s.does(
        "uptd DPO", "alleged-perpetrators/statements", entry=right, statement=DENIAL, source="Surat bertanggal 10-08"
    )
    for who in ("uptd CW1", "polres CW"):
        (first, second), (strike,) = accused(s, who), strikes(s, who)
        assert WRONG in str(first["data"]), "the old value stays"
        assert first["struck_by"] == strike["version"]
        assert RIGHT in str(second["data"])
        assert "struck_by" not in second
    # who has it no more is told the number, and nothing else
    (strike,) = strikes(s, "lbh CW")
    said = {name for name, value in strike["data"].items() if value is not None}  # type: ignore[attr-defined]
    assert said == {"occurred_at", "entry", "because", "instead"}
    assert RIGHT not in theatre.fed("lbh", s.case)

    # 6: it was another man: struck, and told to nobody anew
    s.at("2026-08-20 09:00")
    s.approves(
        "uptd SV",
        s.does("uptd DPO", "struck-alleged-perpetrators", entry=right, because="another-person", grounds="Orang lain"),
    )
    assert len(strikes(s, "polres CW")) == 2
    s.consents("uptd CW1", "psi", "incident legal", "care", given_by=["survivor"])
    to_psychologist = s.refers("uptd CW1", "psi", "psikososial", "incident legal")
    s.moves("psi CW", to_psychologist, "receipt", "acceptance", "start")
    assert accused(s, "psi CW") == []
    for words in (WRONG, RIGHT, "Tuan B"):
        assert words not in theatre.fed("psi", s.case)
    assert s.get("uptd CW1")["status"] == "open", "nothing else changed"

    # her report says that it was corrected, and neither who he is nor what he says
    report = s.report()
    assert "What was written about who is said to have done it was struck" in report
    assert "(struck 20 August 2026" in report
    for words in (DENIAL, WRONG, RIGHT, "Tuan B"):
        assert words not in report
