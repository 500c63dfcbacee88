"""Code lists and refusals: every code is labelled in both languages, and every reason can be told."""

import re
from datetime import date
from uuid import UUID

import pytest
from story import NOON

from rujukan.domain import clock_codes, codes, persons, referral_codes, refusal, violence
from rujukan.domain.code import Code
from rujukan.domain.codes import CODE_LISTS, ReferralStatus
from rujukan.domain.compartment import Compartment
from rujukan.domain.refusal import Refusal, Unknown, plain
from rujukan.domain.violence import GBV_TO_FORM, GbvType

EVERY = [code for codes_ in CODE_LISTS.values() for code in codes_]
LISTED = (codes.__name__, persons.__name__, violence.__name__, clock_codes.__name__, referral_codes.__name__)
LISTS = [t for t in Code.__subclasses__() if t.__module__ in LISTED]


def test_every_list_is_served_under_one_name() -> None:
    assert sorted(t.__name__ for t in CODE_LISTS.values()) == sorted(t.__name__ for t in LISTS)
    assert len(set(CODE_LISTS.values())) == len(CODE_LISTS)


@pytest.mark.parametrize("code", EVERY, ids=lambda code: f"{type(code).__name__}.{code.name}")
def test_every_code_has_a_label_in_indonesian_and_in_english(code: Code) -> None:
    for label in (code.id, code.en):
        assert isinstance(label, str)
        assert label.strip() == label != ""


@pytest.mark.parametrize("name", list(CODE_LISTS))
def test_the_values_and_labels_of_a_list_are_its_own(name: str) -> None:
    members = list(CODE_LISTS[name].__members__.values())
    assert len({m.value for m in members}) == len(members) == len(list(CODE_LISTS[name]))
    assert len({m.id for m in members}) == len({m.en for m in members}) == len(members)


@pytest.mark.parametrize("code", EVERY, ids=lambda code: f"{type(code).__name__}.{code.name}")
def test_a_code_is_a_lower_case_word_and_equals_its_text(code: Code) -> None:
    assert re.fullmatch("[a-z][a-z-]*[a-z]", code.value)
    assert code == code.value == str(code)
    assert hash(code) == hash(code.value)
    assert type(code)(code.value) is code


def test_every_type_of_gbvims_has_its_form_in_simfoni() -> None:
    assert set(GBV_TO_FORM) == set(GbvType)


def test_referral_states_are_those_of_fhir_task() -> None:
    fhir = {"draft", "requested", "received", "accepted", "rejected", "ready", "cancelled", "in-progress", "on-hold"}
    assert {s.value for s in ReferralStatus} <= fhir | {"failed", "completed", "entered-in-error"}
    assert {s.value for s in ReferralStatus if s.is_open} == {
        "requested",
        "received",
        "accepted",
        "in-progress",
        "on-hold",
    }


def test_compartments_keep_their_numbers_for_ever() -> None:
    assert {c.word: int(c) for c in Compartment} == {
        "coordination": 0,
        "identity": 1,
        "contact": 2,
        "incident": 3,
        "health": 4,
        "psychosocial": 5,
        "legal": 6,
        "safety": 7,
        "economic": 8,
    }
    assert all(Compartment.named(c.word) is c for c in Compartment)
    with pytest.raises(ValueError, match="no compartment"):
        Compartment.named("gossip")


# Refusals ----------------------------------------------------------------------------------------------------

REFUSALS = [t for t in vars(refusal).values() if isinstance(t, type) and issubclass(t, Refusal)]


@pytest.mark.parametrize("why", REFUSALS, ids=lambda why: why.__name__)
def test_every_refusal_says_why_in_a_sentence_of_its_own(why: type[Refusal]) -> None:
    assert why.says.en.endswith(".")
    assert [t for t in REFUSALS if t.says == why.says] == [why]


def test_what_a_refusal_is_about_is_plain() -> None:
    about = Unknown(
        id=UUID(int=1),
        status=ReferralStatus.DRAFT,
        compartments={Compartment.HEALTH, Compartment.CONTACT},
        at=NOON,
        on=date(2026, 3, 3),
        count=3,
        none=None,
    ).about
    assert about == {
        "id": str(UUID(int=1)),
        "status": "draft",
        "compartments": ["contact", "health"],
        "at": "2026-03-03T12:00:00+00:00",
        "on": "2026-03-03",
        "count": 3,
        "none": None,
    }
    assert plain(1.5) == "1.5"
    assert "status=draft" in str(Unknown(status=ReferralStatus.DRAFT))
