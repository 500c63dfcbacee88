"""A command names things that are there: each id that each command holds, in its address or its body, is tried with one
that nothing has. What would be stored of it would point nowhere, and somebody would think that it was said."""

from typing import Any, get_args, get_origin, get_type_hints

import pytest
import standing_world
from any_command import OF_A_CASE, kinds_of_ids
from msgspec.structs import replace
from story import NETWORK, act, an_id
from test_timing import ACCOUNT, Tried, tried

from rujukan.domain.case import decide
from rujukan.domain.codes import Role
from rujukan.domain.declaring import ASKED
from rujukan.domain.fact import Fact
from rujukan.domain.refusal import Invalid, NotAMember, NotForThisAgency, NotForThisRole, Unknown
from rujukan.domain.standing.rule import roles_for

NOWHERE = an_id("what there is not")
BY_OTHERS = {("MergeCase", "into"), ("AbsorbDuplicate", "duplicate"), ("AttachDocument", "document")}
"""Of another file, whose door looks there (api/application/consequences.py); and what is made as it is named."""
OF_KEEPING = {
    "ApprovePostponedErasure",
    "AskToConfirmHold",
    "CheckCourtOrder",
    "ConfirmLegalHold",
    "EndAnnouncedReferral",
    "EndReferralForSender",
    "EndUnconfirmedHold",
    "LapseHold",
}
"""Of what waits, or ends as it is recorded: tried in the world in which all of it is."""
PEOPLE = {"AssignPerson", "CarryExclusion", "EndAssignment", "ExcludePerson", "EndExclusion", "LapseAssignment"}
"""Of people and their agencies: tried in test_staffing.py."""


def references(command: type[Fact]) -> list[str]:
    """The fields that name what has to be there already."""
    made = ASKED[command].mints
    return [field for field in kinds_of_ids(command) if field != made and (command.__name__, field) not in BY_OTHERS]


POSSIBLE = [name for name in ACCOUNT if any(c.__name__ == name for c in OF_A_CASE) and name != "OpenCase"]
COMMANDS = {c.__name__: c for c in OF_A_CASE}


@pytest.mark.parametrize("name", [name for name in POSSIBLE if references(COMMANDS[name])])
def test_what_is_not_there_is_not_named(name: str) -> None:
    possible = tried(name)
    assert decide(replace(possible.command, occurred_at=possible.by.at), possible.case, possible.by, NETWORK)
    for field in references(COMMANDS[name]):
        with pytest.raises((Unknown, NotAMember, Invalid)):
            given(possible, field)


def given(possible: Tried, field: str) -> None:
    """The command, with an id in that field that nothing has."""
    many = holder(get_type_hints(type(possible.command))[field])
    named = many([NOWHERE]) if many is not None else NOWHERE
    wrong = replace(possible.command, **{field: named}, occurred_at=possible.by.at)
    decide(wrong, possible.case, possible.by, NETWORK)


def holder(hint: Any) -> type | None:
    """The type that holds several of what a field is; None where it is one."""
    found = (get_origin(part) for part in (hint, *get_args(hint)))
    return next((part for part in found if part in (tuple, frozenset)), None)


def test_every_command_that_names_something_is_tried() -> None:
    named = {c.__name__ for c in OF_A_CASE if references(c)}
    assert named - set(POSSIBLE) == PEOPLE | OF_KEEPING


@pytest.mark.parametrize("name", sorted(OF_KEEPING))
def test_what_is_not_there_is_named_by_nobody(name: str) -> None:
    """Whoever asks, of every agency and in every role: to none of them is it there."""
    command, case = standing_world.COMMANDS[COMMANDS[name]], standing_world.world()
    for field in references(COMMANDS[name]):
        wrong = replace(command, **{field: NOWHERE})
        for agency in standing_world.POSITIONS.values():
            for role in Role:
                with pytest.raises((Unknown, NotForThisRole, NotForThisAgency)) as refused:
                    decide(wrong, case, act(agency, role), dict(NETWORK))
                if agency == "uptd-ppa" and role in roles_for(COMMANDS[name]):
                    assert isinstance(refused.value, Unknown), (field, role)
