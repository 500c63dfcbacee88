"""What follows from a state, for who asks: whoever took a step too early or too late is told which there are."""

from collections.abc import Mapping, Set
from typing import Any

from ..advised import ForClinicians
from ..codes import Role
from ..declaring import ASKED
from ..refusal import NotForThisAgency, WrongMove
from .relations import Relation
from .rows import Thing, Tie


def not_for(needed: Relation, called: Mapping[Relation, str]) -> NotForThisAgency:
    """That it takes another relation than the caller's, and who has it."""
    return (ForClinicians if needed is Relation.CLINICIAN else NotForThisAgency)(needs=called[needed])


def wrong_move(tie: Tie, thing: Any, mine: Set[Relation], role: Role) -> WrongMove:
    """That a thing's state does not allow what was asked, with what it does allow."""
    refusal = WrongMove(referral=thing.id, status=thing.status, move=tie.move)
    refusal.with_acts(moves_from(tie.thing, thing.status, mine, role))
    return refusal


def moves_from(thing: Thing, status: object, mine: Set[Relation], role: Role) -> tuple[str, ...]:
    """The commands that a person in this role may give on a thing in this state, being this to it. It tells of nothing
    but the table: whether more stands in the way is asked when the command is given."""
    return tuple(
        command.__name__
        for command, said in ASKED.items()
        if said.path is not None
        and any(
            tie.thing.name == thing.name and status in tie.states and mine & tie.relations
            for row in said.rows
            if role in row.roles
            for tie in row.where.ties
        )
    )
