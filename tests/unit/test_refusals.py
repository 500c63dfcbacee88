"""Every refusal says, in Bahasa Indonesia and in English, what is the matter and what can be done next; and no advice
names an act that nobody can do."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from rujukan.api import problems
from rujukan.api.actions import AGENCY_ACTIONS, CASE_ACTIONS, OPENING, PROPOSAL_ACTIONS
from rujukan.api.app import DOORS
from rujukan.api.problem_words import FOR_PERSON, Name
from rujukan.domain import catalogue
from rujukan.domain.refusal import Invalid, Refusal
from rujukan.domain.words import LANGUAGES, Words
from rujukan.infra.cli import _parser
from rujukan.infra.importing.refused import refusals
from rujukan.infra.importing.xes import XesError

assert catalogue.DECLARED_IN, "every subject has declared what it refuses"
ACTIONS = (OPENING, *CASE_ACTIONS, *AGENCY_ACTIONS, *PROPOSAL_ACTIONS)
TOP = Path(__file__).parents[2]
REQUESTS = {f"POST {action.path}" for action in ACTIONS} | {f"GET {path}" for _, path in DOORS}


def every(of: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    for refusal in of.__subclasses__():
        yield refusal
        yield from every(refusal)


REFUSALS = sorted(every(), key=lambda refusal: refusal.__name__)


def sentences(words: Words) -> Iterator[str]:
    assert isinstance(words, Words)
    assert words.id != words.en
    for said in words:
        assert re.match(r"[A-Z]", said), said
        assert said.endswith("."), said
        assert "  " not in said, said
        yield said


def acts_in(said: str) -> Iterator[str]:
    """Requests and commands that a sentence names."""
    yield from re.findall(r"(?:GET|POST) /[a-z/{}-]+", said)
    yield from (f"`rujukan {name}`" for name in re.findall(r"`rujukan ([a-z-]+)", said))


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.__name__)
def test_a_refusal_says_what_is_the_matter_and_what_comes_next(refusal: type[Refusal]) -> None:
    assert "says" in vars(refusal), "its own"
    assert "mend" in vars(refusal), "its own"
    for words in (refusal.says, refusal.mend):
        assert list(sentences(words))


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.__name__)
def test_no_advice_names_what_cannot_be_done(refusal: type[Refusal]) -> None:
    commands = {f"`rujukan {name}`" for name in _parser()._subparsers._group_actions[0].choices}  # type: ignore[union-attr,union-attr]
    for said in (*refusal.says, *refusal.mend):
        assert set(acts_in(said)) <= REQUESTS | commands
    assert set(problems.acts_of(refusal.acts)) <= REQUESTS
    assert len(problems.acts_of(refusal.acts)) == len(refusal.acts)


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.__name__)
def test_its_problem_has_all_of_it(refusal: type[Refusal]) -> None:
    about = {"field": "id", "must": Words("harus lain", "be another")} if refusal is Invalid else {"id": "1"}
    said = msgspec.json.decode(problems.answer(refusal(**about)).body)
    assert said["type"] == problems.type_of(refusal.reason().__name__)
    if said["status"] != 404:  # what is not known says no more than what is not there
        for language in LANGUAGES:
            assert said["person"][language] == {
                "says": refusal.says.said_in(language),
                "next": said["person"][language]["next"] if refusal is Invalid else refusal.mend.said_in(language),
            }
        assert said.get("acts", []) == problems.acts_of(refusal.acts)


def musts() -> Iterator[tuple[str, ast.expr]]:
    """Where the rules say what a field has to be."""
    for room in ("domain", "api"):
        for file in (TOP / room).rglob("*.py"):
            for part in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(part, ast.Call) and ast.unparse(part.func).rpartition(".")[2] == "Invalid":
                    yield from ((str(file), word.value) for word in part.keywords if word.arg == "must")


def test_what_a_field_has_to_be_is_said_in_both_languages() -> None:
    """Its type asks for `Words`; here, that they are two and not one, each the end of a sentence."""
    found = list(musts())
    assert len(found) > 40
    texts = [[part.value for part in ast.walk(must) if isinstance(part, ast.Constant)] for _, must in found]
    said = [words for words in texts if len(words) == 2 and all(isinstance(word, str) for word in words)]
    assert len(said) > 30
    for indonesian, english in said:
        assert re.match("(harus|tidak boleh|paling) ", indonesian), indonesian
        assert indonesian != english
        assert not indonesian.endswith(".")


def test_a_value_that_does_not_fit_the_others_is_named_by_what_people_call_it() -> None:
    refused = Invalid(field="expires_at", must=Words("harus lebih kemudian daripada occurred_at", "be later"))
    said = msgspec.json.decode(problems.answer(refused).body)
    assert said["about"] == {"field": "expires_at", "must": "be later"}
    assert said["person"]["id"]["next"].startswith("Perbaiki ")
    assert "(expires_at): harus lebih kemudian daripada occurred_at." in said["person"]["id"]["next"]
    assert said["person"]["en"]["next"].endswith("(expires_at): it has to be later.")


def test_a_reason_met_otherwise_has_the_same_type() -> None:
    reasons = set(Refusal.__subclasses__())
    assert {refusal.reason() for refusal in REFUSALS} == reasons


@pytest.mark.parametrize("name", get_args(Name))
def test_so_does_every_other_problem(name: Name) -> None:
    for words in FOR_PERSON[name]:
        assert list(sentences(words))


def test_a_log_that_the_rules_refuse_is_told_which_value() -> None:
    with pytest.raises(XesError, match="field: nik; must: be real"), refusals(7):
        raise Invalid(field="nik", must=Words("harus nyata", "be real"))


def test_no_words_are_of_nothing() -> None:
    assert FOR_PERSON.keys() == set(get_args(Name))
