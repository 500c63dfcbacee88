"""One word for one thing: what the glossary rejects is said nowhere that a person reads."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import rujukan
from rujukan.consumers.evidence.words import VERDICTS
from rujukan.domain.catalogue import TOPICS
from rujukan.domain.codes import CODE_LISTS
from rujukan.domain.declaring import FIELDS, HAPPENED, words_of
from rujukan.domain.glossary import GLOSSARY
from rujukan.domain.survivor_words import code_for_her
from rujukan.domain.words import LANGUAGES

TOP = Path(rujukan.domain.__file__).parents[1]
PARTS = ("domain", "projections", "api", "consumers", "infra")
PAGES = (
    TOP / "consumers" / "EVENTS.md",
    TOP / "consumers" / "evidence" / "UNTUK-AHLI-HUKUM.md",
    TOP / "domain" / "standing" / "TABLE.md",
)
STEMS = sorted({stem for term in GLOSSARY for stem in term.rejected})


def literals(source: str) -> Iterator[str]:
    """Every text of a module that is no docstring: what it may show to a person. English has none of the stems."""
    for node in ast.walk(ast.parse(source)):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else ():
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                statement.value.value = ""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def rejected_in(text: str, stem: str) -> list[str]:
    """Each place, with a little of what stands around it."""
    places = re.finditer(rf"\b{stem}", text, re.IGNORECASE)
    return [text[max(0, place.start() - 60) : place.end() + 40] for place in places]


@pytest.fixture(scope="module")
def said() -> dict[str, list[str]]:
    """File → what it says."""
    found = {
        str(file.relative_to(TOP)): list(literals(file.read_text("utf-8")))
        for part in PARTS
        for file in sorted((TOP / part).rglob("*.py"))
        if file.name != "glossary.py"
    }
    return found | {str(page.relative_to(TOP)): [page.read_text("utf-8")] for page in PAGES}


@pytest.mark.parametrize("stem", STEMS)
def test_a_word_that_is_rejected_is_used_nowhere(stem: str, said: dict[str, list[str]]) -> None:
    found = {file: hits for file, texts in said.items() if (hits := [h for t in texts for h in rejected_in(t, stem)])}
    assert found == {}


def test_her_paper_speaks_to_her_and_not_of_her() -> None:
    """A code, an event or a field that her report names calls her *you*, whatever the record calls her."""
    of_her = re.compile(r"\b(korban|penyintas|baginya)\b|\bsurvivor", re.IGNORECASE)
    codes = [code_for_her(code, language) for of in CODE_LISTS.values() for code in of for language in LANGUAGES]
    events = [text for said in HAPPENED.values() for text in (said.her or ())]
    fields = [text for words in FIELDS.values() for text in (words.her or ())]
    own = [text for said in HAPPENED.values() for words in said.calls.values() for text in (words.her or ())]
    assert [text for text in (*codes, *events, *fields, *own) if of_her.search(text)] == []


def test_what_others_may_have_said_for_her_is_not_told_to_her_as_her_own_word() -> None:
    """A parent consents, stops and confirms for a child: *you* would be untrue of it."""
    for topic, event in TOPICS.items():
        her = HAPPENED[event].her
        if her is None or not {"given_by", "said_by"} & set(event.__struct_fields__):
            continue
        assert not re.search(r"\bAnda (tidak )?(membenarkan|setuju|menyetujui|meminta|ditanya|mencabut)", her.id), topic
        assert not re.search(r"\byou (were|did|agreed|asked|said|withdrew)", her.en, re.IGNORECASE), topic


def test_a_verdict_of_the_verifier_is_no_word_of_the_courts() -> None:
    """*Sah* is said of evidence that is admitted, *terbukti* of a deed, *putusan* of a judgment."""
    for said in (text for both in VERDICTS.values() for text in both):
        assert not re.search(r"\b(SAH|TERBUKTI|PUTUSAN|VALID|GUILTY|PROVEN)\b", said, re.IGNORECASE), said


def test_whoever_recorded_is_called_by_no_word_for_who_did_it() -> None:
    for name in ("actor", "raised_by", "recorded_by", "reader", "worker"):
        words = FIELDS[name]
        for said in (words.label.id, words.her.id if words.her else ""):
            assert not re.search(r"pelaku|terlapor|tersangka|terdakwa", said, re.IGNORECASE), name


def test_no_term_rejects_what_another_one_chooses() -> None:
    chosen = [word for term in GLOSSARY for word in (term.record, term.hers) if word is not None]
    assert [(word, stem) for word in chosen for stem in STEMS if rejected_in(word, stem)] == []
    assert len({term.record for term in GLOSSARY}) == len(GLOSSARY)
    assert len({term.en for term in GLOSSARY}) == len(GLOSSARY)


def test_a_field_is_named_by_its_event_only_where_it_has_it_and_everybody_s_name_would_mislead() -> None:
    for event, said in HAPPENED.items():
        assert said.calls.keys() <= set(event.__struct_fields__)
        assert all(words != FIELDS[field] for field, words in said.calls.items())


def test_a_rule_of_law_is_named_only_where_a_basis_stands_on_it() -> None:
    """A court, and she, would look for the law *2026-1*, which is the version of the network's times."""
    for topic, event in TOPICS.items():
        words = words_of(event, "rule") if "rule" in event.__struct_fields__ else None
        if words is None or "basis" in event.__struct_fields__:
            continue
        assert not any(re.search("hukum|law", said, re.IGNORECASE) for said in (*words.label, *(words.her or ()))), (
            topic
        )


def test_what_is_called_shared_or_referred_to_is_shared_with_somebody_inside() -> None:
    """Data that is erased, opened or handed over outside was not shared with an agency, nor given by who said no."""
    for topic, event in TOPICS.items():
        named = {field: words for field in event.__struct_fields__ if (words := words_of(event, field)) and words.her}
        her = {words.her.id for words in named.values() if words.her}
        if HAPPENED[event].her is None:
            continue
        assert "Data yang dibagikan" not in her or named.keys() & {"recipient", "recipients"}, topic
        assert "Dirujuk ke" not in her or topic.startswith("case.Referral"), topic
        assert "Diberikan oleh" not in her or "Refused" not in topic, topic
