"""A story in short, for every run: one that needs two agencies only. The others are thorough."""

from collections.abc import Iterator

import pytest
from theatre import Story, opened

from rujukan.infra.services.postgres import EmbeddedPostgres


@pytest.fixture(scope="module")
def story(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with opened(postgres, tmp_path_factory.mktemp("stories"), ("uptd", "rsud")) as theatre:
        yield theatre.story()


def test_a_child_says_no_and_her_fathers_yes_is_held(story: Story) -> None:
    s = story
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
