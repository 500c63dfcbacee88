"""Legal holds: placed by whoever knows the case, lifted by its lead."""

import pytest
from story import HOSPITAL, LEAD, closed, given, merged, opened, referred, say, the_case

from rujukan.domain.case.holds import HoldLiftingAsked, LegalHoldLifted, LegalHoldPlaced, LiftLegalHold, PlaceLegalHold
from rujukan.domain.fact import Fact
from rujukan.domain.refusal import HoldStands, NotForThisAgency

PLACE = say(PlaceLegalHold, reason="a trial")
LIFT = say(LiftLegalHold, reason="the trial ended")

PLACED = say(LegalHoldPlaced, reason="a trial")
LIFTING = say(HoldLiftingAsked, asked_by=LEAD.actor, reason="the trial ended")
LIFTED = say(LegalHoldLifted, reason="the trial ended")


def test_a_hold_is_placed_once_and_lifted_once() -> None:
    case = given(opened()).when(PLACE).then(PLACED)
    assert case is not None
    assert case.on_hold
    given(opened(), PLACED).when(PLACE).refused(HoldStands, holds=1)
    assert the_case(opened(), PLACED, LIFTED).on_hold is False
    given(opened(), PLACED).when(LIFT).then(LIFTING)
    given(opened()).when(LIFT).refused(HoldStands, holds=0)


@pytest.mark.parametrize("ended", [closed(), merged()], ids=lambda event: type(event).__name__)
def test_an_ended_case_can_be_held_and_released(ended: Fact) -> None:
    given(opened(), ended).when(PLACE).then(PLACED)
    given(opened(), ended, PLACED).when(LIFT).then(LIFTING)


def test_whoever_knows_the_case_may_place_a_hold_but_only_the_lead_lifts_it() -> None:
    given(*referred()).when(PLACE, by=HOSPITAL).then(PLACED)
    given(*referred(), PLACED).when(LIFT, by=HOSPITAL).refused(NotForThisAgency, needs="lead")
