"""What waits for a second person, as that person has to see it before they decide."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from ..domain.agency_keys import fingerprint
from ..domain.fact import Act, ProposalId
from ..domain.proposal import ApproveProposal
from ..domain.refusal import Refusal
from ..domain.standing.readings import PROPOSAL, PROPOSALS
from ..domain.standing.rule import standing
from ..projections import proposals
from ..projections.listing import Positive
from .application.ports import Unreadable
from .application.proposing import waiting
from .application.reading import Asked
from .application.rooms import Rooms
from .parameters import USUAL, Limit
from .reads import Page, Read, page, page_of

AT_ONCE = 100
"""Proposals that are looked at in one go."""


class ProposalView(Struct, frozen=True):
    """What one person asks for: nothing but this is done when another approves it."""

    proposal: UUID
    operation: str
    """What is to be done: the name of the operation."""
    on: str
    """agency or case."""
    target: str
    """The agency's code, or the case's id."""
    said: dict[str, Any]
    """Its fields, but for what is sealed: a person's name, a reason that may name another person. Who asked says that
    to the second person."""
    now: dict[str, Any]
    """Of those fields, what the agency has now: who gains a role holds these today."""
    fingerprint: str | None
    """Of a public key among them: SHA-256 in hex, to be compared with the agency by another way than this one."""
    asked_by: UUID
    agency: str
    role: str
    asked_at: datetime
    expires_at: datetime
    status: str
    """waiting, approved, refused, withdrawn or expired."""
    decided_by: UUID | None


def show_proposal(
    rooms: Rooms, asked: Asked, *, proposal: Annotated[UUID, Meta(description="the proposal")]
) -> ProposalView:
    found = waiting(rooms.casework, ProposalId(proposal))
    assert found is not None  # the table was asked about it
    about, said = found.proposal, msgspec.json.decode(found.proposal.said)
    key = said.get("public_key")
    return ProposalView(
        about.id,
        about.operation,
        about.on,
        about.target,
        said,
        _now(found.on, said),
        fingerprint(key) if isinstance(key, str) else None,
        about.asked.actor,
        about.asked.agency,
        about.asked.role.value,
        about.asked.at,
        about.expires_at,
        about.status(asked.act.at),
        about.decided_by,
    )


class WaitingProposal(Struct, frozen=True):
    """What waits for the caller, as its second person; GET /proposals/{proposal} shows what it says."""

    proposal: UUID
    operation: str
    """What is to be done: the name of the operation."""
    on: str
    """agency or case."""
    target: str
    """The agency's code, or the case's id."""
    asked_by: UUID
    agency: str
    role: str
    asked_at: datetime
    waits_seconds: int
    """How long it has waited."""
    expires_at: datetime


PageCursor = tuple[Positive]


def list_proposals(rooms: Rooms, asked: Asked, *, limit: Limit = USUAL, cursor: PageCursor | None = None) -> Page:
    """What the caller may approve or refuse, the oldest first: of each the table of standing is asked, as it is when
    one is approved."""
    act, after, found = asked.act, cursor[0] if cursor else 0, list[tuple[int, WaitingProposal]]()
    while len(found) < limit:
        some = rooms.lists.ask(act, proposals.waiting, act.at, after, AT_ONCE)
        for waits in some:
            after = waits.position
            if (mine := _waits_for(rooms, ProposalId(waits.proposal), act)) is not None:
                found.append((waits.position, mine))
        if len(some) < AT_ONCE:
            break
    shown = found[:limit]
    return Page([entry for _, entry in shown], page(shown, limit, lambda entry: (entry[0],)).next)


def _waits_for(rooms: Rooms, id: ProposalId, act: Act) -> WaitingProposal | None:
    try:
        found = waiting(rooms.casework, id)
        standing(ApproveProposal(occurred_at=act.at, proposal=id), found, act)
    except (Refusal, Unreadable):
        return None
    assert found is not None
    about = found.proposal
    if about.status(act.at) != "waiting":
        return None
    waits = int((act.at - about.asked.at).total_seconds())
    by = about.asked.actor, about.asked.agency, about.asked.role.value, about.asked.at
    return WaitingProposal(about.id, about.operation, about.on, about.target, *by, waits, about.expires_at)


def _now(on: Any, said: dict[str, Any]) -> dict[str, Any]:
    """What stands now of what would change."""
    members = getattr(on, "members", {})
    found: dict[str, Any] = {}
    if "member" in said:
        found["roles"] = sorted(role.value for role in members.get(UUID(said["member"]), ()))
    if "public_key" in said and on is not None:
        found["keys"] = {key: fingerprint(public) for key, public in on.keys.items()}
    if "url" in said and on is not None:
        found["url"] = on.webhook.url if on.webhook is not None else None
    return found


READS = (
    Read(
        "/proposals",
        list_proposals,
        page_of(WaitingProposal),
        "two people",
        PROPOSALS,
        waits=True,
        summary="What waits for the caller as its second person",
    ),
    Read(
        "/proposals/{proposal}",
        show_proposal,
        ProposalView,
        "two people",
        PROPOSAL,
        summary="What waits for a second person, and what became of it",
    ),
)
