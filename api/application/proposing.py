"""Carries out what two people agree on: a command that waits, and the second person's word (domain/proposal.py)."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NoReturn
from uuid import UUID, uuid4

from msgspec.structs import replace

from ...domain import proposal as proposals
from ...domain.casefile.deciding import Network
from ...domain.declaring import ASKED
from ...domain.fact import Act, CaseId, Fact, ProposalId
from ...domain.proposal import ApproveProposal, Proposal, ProposalMade
from ...domain.refusal import NotAMember
from ...domain.standing.rows import Second
from ...domain.standing.rule import Proposed
from .consequences import Cases, Step, following, said_of
from .kinds import AGENCY, CASE, Kind, events_of
from .ports import Changes

ON: dict[proposals.On, tuple[Kind[Any, Any], Callable[[str], Any]]] = {
    "agency": (AGENCY, lambda code: code),
    "case": (CASE, lambda id: CaseId(UUID(id))),
}
"""What a proposal can be on: the kind of stream, and a stream's id from how the proposal names it."""


def proposal(kind: Kind[Any, Any], id: Any, command: Fact, second: Second, act: Act) -> ProposalMade:
    """The event that asks for a command on that stream by a second person."""
    on = next(word for word, (of, _) in ON.items() if of is kind)
    return proposals.propose(ProposalId(uuid4()), command, on, str(id), second, act, act.at + second.stands)


class Waiting(Proposed, frozen=True):
    """A proposal, with what it would be done to as that is now."""

    proposal: Proposal


def waiting(casework: Cases, id: ProposalId) -> Waiting | None:
    """The proposal of that id, decided or not; None where there is none."""
    found: Proposal | None = casework.state(_STORED, id)
    return _on_now(casework, found) if found is not None else None


def _on_now(casework: Cases, found: Proposal) -> Waiting:
    kind, named = ON[found.on]
    on = casework.state(kind, named(found.target))
    return Waiting(proposals.command_of(found), found.asked, on, found)


def proposal_on(casework: Cases) -> Kind[ProposalId, Proposal]:
    """The kind of stream that a second person's word is given on."""

    def decide(command: Fact, found: Proposal | None, act: Act, network: Network) -> Sequence[Fact]:
        proposed = _on_now(casework, found) if found is not None else None
        return proposals.decide(command, found, proposed, act)

    return dataclasses.replace(_STORED, decide=decide)


def _carry_out(step: Step[ProposalId], approved: Fact) -> Sequence[Changes]:
    """What was proposed, decided on the state as it is now, as the act of who asked for it, where they still may give
    it. Raises Refusal, Moved."""
    found = waiting(step.casework, step.id)
    assert found is not None
    kind, named = ON[found.proposal.on]
    asked, id = replace(found.asked, at=step.act.at), named(found.proposal.target)
    agency = step.casework.network.get(asked.agency)
    if agency is None or not agency.active or not agency.has_member(asked.actor, (asked.role,)):
        raise NotAMember(asked_by=asked.actor)
    asked = replace(asked, need_to_know=agency.need_to_know)
    sealed = step.casework.first_sealed(step.id, proposals.CARRIED[found.proposal.on])
    command = proposals.command_of(found.proposal, sealed)
    second = ASKED[type(command)].second
    if second is None or not second.keeps_time:
        command = replace(command, occurred_at=step.act.at)
    version = found.on.version if found.on is not None else 0
    then = Step(id, version, kind.decide(command, found.on, asked, step.casework.network), asked, step.casework)
    return [
        *following(kind.ahead, then, command),
        Changes(kind.stream(id), version, then.events),
        *following(kind.follows, then, command),
    ]


def _after(casework: Cases, id: ProposalId, approved: Fact) -> None:
    """What is done once the proposed command is durable."""
    found = waiting(casework, id)
    assert found is not None
    kind, named = ON[found.proposal.on]
    for after in said_of(kind.afterwards, found.command):
        after(casework, named(found.proposal.target), found.command)


def _decided_elsewhere(command: Fact, found: Proposal | None, act: Act, network: Network) -> NoReturn:
    raise TypeError("a proposal is decided on what it would be done to: proposal_on(casework)")


_STORED: Kind[ProposalId, Proposal] = Kind(
    "proposal",
    stream=lambda id: id,
    fold=lambda entries, proposal: proposals.fold(events_of(entries), proposal),
    decide=_decided_elsewhere,
    begins=proposals.begins,
    answers=str,
    follows={ApproveProposal: _carry_out},
    afterwards={ApproveProposal: _after},
)
