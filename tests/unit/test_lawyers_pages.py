"""The pages for lawyers explain each sentence of the verifier's answer, as it stands in words.py, and quote refusals
as they are."""

import re
from pathlib import Path

import pytest

from rujukan.consumers import evidence
from rujukan.consumers.evidence.words import SAYS, by_count

HERE = Path(evidence.__file__).parent
PAGES = {"id": HERE / "UNTUK-AHLI-HUKUM.md", "en": HERE / "FOR-LAWYERS.md"}
OF_A_PROOF = {"proof"}
"""Sentences about a single proof, which is nothing that a court is given."""


class Many(dict[str, object]):
    """Whatever a sentence counts, it is more than one."""

    def __missing__(self, name: str) -> int:
        return 2


def explained(language: str) -> list[list[str]]:
    """The quoted pieces of each row of the table of sentences."""
    rows = [line.split("|")[1] for line in PAGES[language].read_text("utf-8").split("\n") if line.startswith("| ")]
    return [
        [p.strip(" .:") for p in row.split("…") if p.strip(" .:")] for row in rows[1:] if "report.id.pdf" not in row
    ]


@pytest.mark.parametrize(("language", "at"), [("id", 0), ("en", 1)])
def test_each_sentence_is_explained_in_its_words(language: str, at: int) -> None:
    sentences = {key: by_count(both[at], Many()) for key, both in SAYS.items() if key not in OF_A_PROOF}
    found = [
        {key for key, sentence in sentences.items() if re.search(".*".join(map(re.escape, pieces)), sentence)}
        for pieces in explained(language)
    ]
    assert all(len(keys) == 1 for keys in found), found
    assert set().union(*found) == sentences.keys()


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_refusals_are_quoted_as_the_code_says_them(page: Path) -> None:
    code = "".join(file.read_text("utf-8") for file in sorted(HERE.glob("*.py")))
    quoted = re.findall(r"`([^`]*(?:trusted|does not name|quorum asks)[^`]*)`", page.read_text("utf-8"))
    assert len(quoted) == 3
    for text in quoted:
        assert text.split(": ", 1)[-1] in code
