"""A case leaves the network: who is given what of it, on which basis; that is recorded before there is a file."""

from typing import Any

import pytest
from msgspec.structs import replace
from story import HOSPITAL, LEAD, POLICE, an_id, closed, given, opened, referred, report, say, withdrawn

from rujukan.domain.case.disclosures import DiscloseCase, DisclosureMade
from rujukan.domain.case.notes import NoteRecorded
from rujukan.domain.codes import DisclosureBasis, Role
from rujukan.domain.compartment import Compartment
from rujukan.domain.fact import Act
from rujukan.domain.refusal import AlreadyExists, BasisTooNarrow, Invalid, NotForThisAgency, NotForThisRole
from rujukan.domain.standing.rule import second_needed

D = DisclosureBasis
ID = an_id("disclosure")
WORDS = {c.word for c in Compartment}
REVIEWER = replace(LEAD, role=Role.LEGAL_REVIEWER)
NEVER = {
    D.COURT_ORDER: set[str](),
    D.SURVIVOR_REQUEST: set[str](),
    D.INVESTIGATION: {"contact", "safety", "psychosocial", "economic"},
    D.PROSECUTION: {"contact", "safety", "economic"},
    D.RESTITUTION: {"contact", "safety"},
    D.AUDIT: WORDS - {"coordination"},
}
"""Basis → what leaves the system on it never."""


def fields(*of: str, basis: DisclosureBasis = D.COURT_ORDER, **more: Any) -> dict[str, Any]:
    about = {"disclosure": ID, "recipient": "Pengadilan Negeri", "basis": basis, "rule": "1/Pen.Pid/2026"}
    return {**about, "compartments": frozenset(of), **more}


def disclosing(*of: str, **more: Any) -> DiscloseCase:
    return say(DiscloseCase, **fields(*of, **more))


def made(*of: str, **more: Any) -> DisclosureMade:
    return say(DisclosureMade, **fields(*of, **more))


def test_what_this_page_tries_are_all_bases_that_there_are() -> None:
    assert set(NEVER) == set(D)


@pytest.mark.parametrize("basis", D)
@pytest.mark.parametrize("word", sorted(WORDS))
def test_a_basis_covers_what_it_covers_and_no_more(basis: DisclosureBasis, word: str) -> None:
    when = given(opened()).when(disclosing(word, basis=basis), by=REVIEWER)
    if word in NEVER[basis]:
        when.refused(BasisTooNarrow, basis=basis, compartments=frozenset({Compartment.named(word)}))
    else:
        when.then(made(word, basis=basis))


def test_what_is_beyond_the_basis_is_named_and_nothing_of_it_is_handed_over() -> None:
    beyond = frozenset({Compartment.CONTACT, Compartment.SAFETY})
    of = disclosing("incident", "contact", "safety", basis=D.PROSECUTION)
    given(opened()).when(of, by=REVIEWER).refused(BasisTooNarrow, compartments=beyond)


@pytest.mark.parametrize("by", [HOSPITAL, POLICE], ids=["its recipient", "a stranger"])
def test_it_is_the_leads_to_hand_over(by: Act) -> None:
    when = given(*referred()).when(disclosing("health"), by=by)
    assert when.refusal is not None
    if by is HOSPITAL:
        when.refused(NotForThisAgency)


@pytest.mark.parametrize("role", [Role.CASE_WORKER, Role.INTEGRATOR, Role.AGENCY_ADMINISTRATOR])
def test_not_everybody_of_the_lead_hands_a_case_over(role: Role) -> None:
    when = given(opened()).when(disclosing("health"), by=replace(LEAD, role=role), in_role=True)
    when.refused(NotForThisRole)


def test_content_takes_two_people_and_coordination_alone_does_not() -> None:
    case = given(opened()).case
    for of, two in ((("health",), True), (("coordination", "safety"), True), (("coordination",), False), ((), False)):
        assert (second_needed(disclosing(*of), case, REVIEWER) is not None) == two, of


def test_her_withdrawal_does_not_stand_against_a_courts_order_nor_does_the_end_of_the_case() -> None:
    given(*referred(), withdrawn()).when(disclosing("health"), by=REVIEWER).then(made("health"))
    given(opened(), closed()).when(disclosing("health"), by=REVIEWER).then(made("health"))


def test_an_id_is_of_one_disclosure() -> None:
    given(opened(), made("legal")).when(disclosing("health"), by=REVIEWER).refused(AlreadyExists)


def test_events_are_withheld_that_there_are() -> None:
    of_three = given(opened(), report(), say(NoteRecorded, note=an_id("note"), health="h"))
    of_three.when(disclosing("health", withheld_events=(1, 3)), by=REVIEWER).then(
        made("health", withheld_events=(1, 3))
    )
    of_three.when(disclosing("health", withheld_events=(1, 4)), by=REVIEWER).refused(Invalid, field="withheld_events")
