"""A case that cannot be read: what its records say in clear, and how two people have it erased."""

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

import pytest
from histories import RULE, History, frozen
from story import CASE, HOLD, NETWORK, NOON, SUPERVISOR, act, held, referred, say

from rujukan.domain import damaged
from rujukan.domain.case import fold
from rujukan.domain.case.erasure import ApproveErasure, RefuseErasure, RequestErasure
from rujukan.domain.case.first_hold import LegalHoldLifted, LegalHoldPlaced
from rujukan.domain.case.fulfilment import ReferralReceived
from rujukan.domain.case.holds import HoldLifted
from rujukan.domain.case.lead import LeadTransferAccepted
from rujukan.domain.codes import AgencyKind, ErasureBasis, HoldEnd, Role
from rujukan.domain.compartment import ALL
from rujukan.domain.damaged import DamagedErasureAsked, InClear, Outline
from rujukan.domain.erasure import DeletionAsked, ErasureRecorded
from rujukan.domain.erasure import fold as fold_erasure
from rujukan.domain.fact import Act, Fact
from rujukan.domain.refusal import AlreadyExists, AnotherPersonNeeded, HoldStands, Invalid, NotDueYet, Unknown

OFFICER = act("uptd-ppa", Role.DATA_PROTECTION_OFFICER)
ERASURE = uuid4()
KNOWN = Outline(7, "uptd-ppa", False, frozenset({"polres"}))
ASKS = {"erasure": ERASURE, "whole": True, "basis": ErasureBasis.SURVIVOR_REQUEST, "reason": "she asks"}


def in_clear(*events: Fact | tuple[Fact, str]) -> list[InClear]:
    said = [event if isinstance(event, tuple) else (event, "uptd-ppa") for event in events]
    return [InClear(n, event.__struct_config__.tag, who) for n, (event, who) in enumerate(said, 1)]  # type: ignore[arg-type]


def decide(
    command: Any, *before: Fact, by: Act = SUPERVISOR, known: Outline | None = KNOWN, told: Iterable[str] = ()
) -> list[Fact]:
    return list(damaged.decide(command, damaged.fold(before), CASE, known, told, by, NETWORK))


# What is known -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("history", [pytest.param(h, id=name) for name, h in frozen(RULE).items()])
def test_it_is_what_the_whole_case_says_while_that_opens(history: History) -> None:
    """Of each case that was ever told: who leads, and whether a hold stands, at every version. Who takes the lead says
    so, and nobody else."""
    rows = [
        InClear(w.version, w.topic, w.event.lead if isinstance(w.event, LeadTransferAccepted) else w.author)
        for w in history.written
    ]
    for n in range(1, len(rows) + 1):
        case = fold(w.event for w in history.written[:n])
        found = damaged.outline(rows[:n], NETWORK)
        assert case is not None
        assert found is not None
        assert (found.version, found.lead, found.on_hold) == (n, case.lead, case.on_hold)


def test_holds_are_counted_and_the_lead_may_be_another() -> None:
    held, lifted = say(LegalHoldPlaced, reason="r"), say(LegalHoldLifted, reason="r")
    moved = say(LeadTransferAccepted, transfer=uuid4(), lead="lbh", lead_kind=AgencyKind.LEGAL_AID)
    rows = in_clear(*referred(), held, (moved, "lbh"), lifted, held)
    assert [found and found.on_hold for found in (damaged.outline(rows[:n], NETWORK) for n in (-3, -2, -1))] == [
        True,
        True,
        False,
    ]
    found = damaged.outline(rows, NETWORK)
    assert found is not None
    assert (found.lead, found.on_hold) == ("lbh", True)


@pytest.mark.parametrize("to", ["polres", "kejari", "rsud"])
def test_what_the_police_received_is_held_also_where_no_hold_was_placed_with_it(to: str) -> None:
    """Of a log of before. Where the proceedings placed one, it goes by that."""
    received = [(event, to) if isinstance(event, ReferralReceived) else event for event in referred(to=to)]
    theirs, over = held(by="polres", of_proceedings=True), (lifted_by("polres"), "polres")
    found = [damaged.outline(in_clear(*received, *more), NETWORK) for more in ((), (theirs,), (theirs, over))]
    assert [one and one.on_hold for one in found] == [to != "rsud", True, False]


def lifted_by(agency: str) -> HoldLifted:
    holder = {"holder": agency, "holder_kind": NETWORK[agency].kind}
    return say(HoldLifted, hold=HOLD, **holder, ended_by=HoldEnd.FINAL_JUDGMENT, rule="7/2026")


def test_where_the_first_is_damaged_to_its_header_who_acted_next_leads() -> None:
    first, *rest = in_clear(*referred())
    found = damaged.outline([first._replace(agency=None), *rest], NETWORK)
    assert found is not None
    assert found.lead == "uptd-ppa"
    for nobody in ("", "uptd-ppb", None):
        found = damaged.outline([row._replace(agency=nobody) for row in (first, *rest)], NETWORK)
        assert found is not None
        assert found.lead is None


def test_a_stream_of_another_kind_is_no_case() -> None:
    assert damaged.outline([], NETWORK) is None
    assert damaged.outline([InClear(1, "agency.AgencyRegistered", "rsud")], NETWORK) is None
    with pytest.raises(Unknown):
        decide(say(RequestErasure, **ASKS), known=None)


# How it is decided ---------------------------------------------------------------------------------------------


def test_two_people_erase_it_and_who_was_told_or_opened_it_is_to_delete_it() -> None:
    (asked,) = decide(say(RequestErasure, **ASKS))
    assert isinstance(asked, DamagedErasureAsked)
    record, *to_delete = decide(say(ApproveErasure, erasure=ERASURE), asked, by=OFFICER, told=["rsud", "gone", "rsud"])
    assert isinstance(record, ErasureRecorded)
    assert (record.case, record.version, record.lead) == (CASE, KNOWN.version + 1, "uptd-ppa")
    assert (record.requested_by, record.approved_by) == (SUPERVISOR.actor, OFFICER.actor)
    assert record.compartments == {compartment.word for compartment in ALL}
    assert record.requested_at == NOON
    assert [event.agency for event in to_delete if isinstance(event, DeletionAsked)] == ["polres", "rsud"]
    erasure = fold_erasure([asked, record, *to_delete])
    assert erasure is not None
    assert (erasure.record, erasure.version, erasure.told) == (record, 4, {"polres", "rsud"})
    assert fold_erasure([asked]) is None
    last = damaged.end(record, OFFICER)
    assert (last.erasure, last.compartments, last.approved_by) == (ERASURE, record.compartments, OFFICER.actor)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"whole": False, "compartments": frozenset({"health"})}, Invalid),
        ({"whole": True, "compartments": frozenset({"health"})}, Invalid),
        ({"whole": False}, Invalid),
        ({"basis": ErasureBasis.RETENTION_ENDED}, NotDueYet),
    ],
)
def test_what_cannot_be_told_of_a_case_that_nobody_can_read_is_refused(said: dict[str, object], why: type) -> None:
    with pytest.raises(why):
        decide(say(RequestErasure, **{**ASKS, **said}))


def test_nobody_else_and_no_one_person_decides() -> None:
    (asked,) = decide(say(RequestErasure, **ASKS))
    with pytest.raises(AnotherPersonNeeded):
        decide(say(ApproveErasure, erasure=ERASURE), asked)
    commands = (say(ApproveErasure, erasure=ERASURE), say(RefuseErasure, erasure=ERASURE, reason="r"))
    for command in (*commands, say(RequestErasure, **ASKS)):
        with pytest.raises(Unknown):
            decide(command, asked, by=act("rsud", Role.SUPERVISOR))
    moved = damaged.Outline(8, "lbh", False, frozenset())
    for command in commands:
        with pytest.raises(Unknown):  # what a lead asked for ends with it
            decide(command, asked, by=act("lbh", Role.SUPERVISOR), known=moved)
        with pytest.raises(Unknown):
            damaged.decide(command, damaged.fold([asked]), uuid4(), KNOWN, (), OFFICER, NETWORK)  # type: ignore[arg-type]
        with pytest.raises(Unknown):
            decide(command, by=OFFICER)


def test_once_decided_it_is_decided() -> None:
    (asked,) = decide(say(RequestErasure, **ASKS))
    (refused,) = decide(say(RefuseErasure, erasure=ERASURE, reason="r"), asked)
    record, *_ = decide(say(ApproveErasure, erasure=ERASURE), asked, by=OFFICER)
    for end in (refused, record):
        with pytest.raises(Unknown):
            decide(say(ApproveErasure, erasure=ERASURE), asked, end, by=OFFICER)
        with pytest.raises(AlreadyExists):
            decide(say(RequestErasure, **ASKS), asked, end)


def test_a_hold_stands_against_both_steps() -> None:
    held = damaged.Outline(8, "uptd-ppa", True, frozenset())
    (asked,) = decide(say(RequestErasure, **ASKS))
    with pytest.raises(HoldStands):
        decide(say(RequestErasure, **ASKS), known=held)
    with pytest.raises(HoldStands):
        decide(say(ApproveErasure, erasure=ERASURE), asked, by=OFFICER, known=held)
