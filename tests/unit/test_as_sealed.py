"""A command says nothing in clear that its event seals: what waits for a second person is kept as it was said."""

from functools import cache
from itertools import product

import pytest
from msgspec.structs import replace
from standing_world import COMMANDS, NETWORK, OPENER, POSITIONS, world
from story import NOON, act

from rujukan.domain.case import decide
from rujukan.domain.codes import ReferralStatus, Role
from rujukan.domain.compartment import Compartment, compartments_of
from rujukan.domain.fact import Act, Fact
from rujukan.domain.refusal import Refusal

S = ReferralStatus
IN_CLEAR = Compartment.COORDINATION
BY = [act(agency, role) for agency, role in product(POSITIONS.values(), Role)]


@cache
def cases() -> list[object]:
    return [world(status, ended=ended) for status in (S.IN_PROGRESS, *S) for ended in (False, True)]


def decided(command: Fact) -> list[Fact]:
    """What follows of it, given by whoever may; nothing where this world has nobody who may."""
    for case, by in product([*cases(), None], [*BY, *(replace(by, actor=OPENER) for by in BY)]):
        events = _tried(replace(command, occurred_at=NOON), case, by)
        if events:
            return events
    return []


def _tried(command: Fact, case: object, by: Act) -> list[Fact]:
    try:
        return list(decide(command, case, by, NETWORK))  # type: ignore[arg-type]
    except Refusal:
        return []


SEEN = ("EndExclusion", "LiftLegalHold", "RecordNote", "RefuseErasure", "BreakGlass", "CheckCourtOrder")
"""Some of which this world has an event, so that the test says something."""


@pytest.mark.parametrize("of", COMMANDS, ids=lambda of: of.__name__)
def test_a_command_seals_what_its_event_seals(of: type[Fact]) -> None:
    events = decided(COMMANDS[of])
    assert events or of.__name__ not in SEEN
    said = compartments_of(of)
    for event in events[:1]:
        sealed = {name: c for name, c in compartments_of(type(event)).items() if c is not IN_CLEAR}
        assert {name: said[name] for name in sealed if name in said} == {n: c for n, c in sealed.items() if n in said}
