"""Two people: what one asks for, and another approves, refuses, or lets lapse.

A command that takes a second person says so beside its row of the table of standing (`@asked(…, second=…)`), and
nothing else of it changes. Given by one person, it is tried on the state as it is, and recorded here: a stream of its
own, which holds what was asked, word for word, so that the second person sees what they approve. Approved, it is
decided anew on the state as it is then, as the asker's act, and its events are stored in the commit of the approval;
what would be refused then is refused, and the proposal goes on waiting. That it ran out follows from the time.

What the asker may not, nobody approves; who approves is another person, by their id, in whatever agency or role, and
gains nothing by it. The system, which the operator runs on the command line, needs no second person.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, get_type_hints
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import fields, replace

from .causes import When
from .codes import AgencyKind, Purpose, Role
from .compartment import Compartment, Coordination, Health, Identity, Legal, Safety, compartments_of
from .declaring import ASKED, asked, field, happened, name_fields, unchanged
from .fact import Act, ActorId, AgencyCode, Fact, ProposalId, Short, Text, recorded
from .refusal import ProposalOver
from .standing.relations import Extent
from .standing.roles import LEGAL, PEOPLE, SECONDERS
from .standing.rows import PROPOSED, SECONDS, Second
from .standing.rule import Proposed, standing
from .timing import at_the_latest_now
from .words import Words

On = Literal["agency", "case"]
"""What kind of thing the command is given on."""
Decided = Literal["approved", "refused", "withdrawn"]


def _without_sealed(fields: dict[str, Any]) -> dict[str, Any]:
    """Version 1 had in clear why somebody's exclusion was to end, which may name another person. It is read no more."""
    if fields.get("operation") != "EndExclusion":
        return fields
    said = msgspec.json.decode(fields["said"])
    return {**fields, "said": msgspec.json.encode({k: v for k, v in said.items() if k != "reason"}).decode()}


@happened(
    Words("Usul diajukan kepada orang kedua", "Proposed to a second person"), earlier=(_without_sealed, unchanged)
)
class ProposalMade(Fact, frozen=True, kw_only=True, tag="proposal.ProposalMade"):
    """Somebody asks for what takes two people; another person decides."""

    proposal: Coordination[ProposalId]
    operation: Coordination[Short]
    """What is to be done: the command's name."""
    on: Coordination[On]
    target: Coordination[Short]
    """The agency's code, or the case's id."""
    said: Coordination[Text]
    """The command's fields, as JSON: those in clear to the rules, and of each reason that is sealed that it is here."""
    said_of_people: Identity[Text | None] = None
    """Those of identity, as JSON. What follows of a proposal on an agency does not repeat them."""
    said_of_law: Legal[Text | None] = None
    """Those of `legal`, as JSON: a reason that may name another person. What follows of the proposal refers to it."""
    said_of_health: Health[Text | None] = None
    said_of_safety: Safety[Text | None] = None
    """The same for those of `health` and `safety`."""
    asked_by: Coordination[ActorId]
    agency: Coordination[AgencyCode]
    kind: Coordination[AgencyKind]
    role: Coordination[Role]
    purpose: Coordination[Purpose]
    expires_at: Coordination[datetime]


class Decision(Fact, frozen=True, kw_only=True):
    proposal: Coordination[ProposalId]
    decided_by: Coordination[ActorId]


@happened(Words("Usul disetujui orang kedua", "Approved by a second person"))
class ProposalApproved(Decision, frozen=True, kw_only=True, tag="proposal.ProposalApproved"):
    """Another person approved it; what it says is done in the same commit."""

    asked_by: Coordination[ActorId]


@happened(Words("Usul ditolak orang kedua", "Refused by a second person"))
class ProposalRefused(Decision, frozen=True, kw_only=True, tag="proposal.ProposalRefused"):
    """Another person refused it; nothing is done."""

    reason: Coordination[Short]


@happened(Words("Usul dicabut", "Proposal taken back"))
class ProposalWithdrawn(Decision, frozen=True, kw_only=True, tag="proposal.ProposalWithdrawn"):
    """Who had asked for it took it back; nothing is done."""


@asked(
    "/proposals/{proposal}/approval",
    by=SECONDERS | LEGAL,
    where=SECONDS,
    extent=Extent.PROPOSED,
    when=When.NOW,
    means="Menyetujui yang diusulkan orang lain: segera dilakukan.",
    tag="two people",
)
class ApproveProposal(Fact, frozen=True, kw_only=True):
    """Approve what another person proposed: it is done at once."""

    proposal: Coordination[ProposalId]


@asked(
    "/proposals/{proposal}/refusal",
    by=SECONDERS | LEGAL,
    where=SECONDS,
    extent=Extent.MOVE,
    when=When.NOW,
    means="Menolak yang diusulkan orang lain.",
    tag="two people",
    example={"reason": "Belum diperiksa."},
)
class RefuseProposal(Fact, frozen=True, kw_only=True):
    """Refuse what another person proposed."""

    proposal: Coordination[ProposalId]
    reason: Coordination[Short]


@asked(
    "/proposals/{proposal}/withdrawal",
    by=PEOPLE,
    where=PROPOSED,
    extent=Extent.MOVE,
    when=When.NOW,
    means="Mencabut usul sendiri.",
    tag="two people",
)
class WithdrawProposal(Fact, frozen=True, kw_only=True):
    """Take back one's own proposal: that needs no second person."""

    proposal: Coordination[ProposalId]


class Proposal(Struct, frozen=True):
    """What was asked for, and what became of it."""

    id: ProposalId
    operation: str
    on: On
    target: str
    said: str
    asked: Act
    expires_at: datetime
    decided: Decided | None = None
    decided_by: ActorId | None = None
    version: int = 1

    def status(self, at: datetime) -> str:
        """`waiting`, `approved`, `refused`, `withdrawn` or `expired`."""
        return self.decided or ("expired" if at >= self.expires_at else "waiting")


REASONS = {
    Compartment.LEGAL: "said_of_law",
    Compartment.HEALTH: "said_of_health",
    Compartment.SAFETY: "said_of_safety",
}
SEALED = {Compartment.IDENTITY: "said_of_people", **REASONS}
"""Compartments in which a command that takes two people says something, and the field that holds it."""
CARRIED: Mapping[On, frozenset[Compartment]] = {
    "agency": frozenset({Compartment.HEALTH, Compartment.SAFETY}),
    "case": frozenset({Compartment.HEALTH, Compartment.SAFETY, Compartment.IDENTITY}),
}
"""Of these, what is approved says it again, as sealed: it is part of the case, and of her report. A reason of `legal`
may name another person, and stays where it was written; so does who a member of an agency is."""
TEXT = (str, str | None)
REFERS = Words("Lihat usul", "See proposal")


def refers(id: ProposalId) -> str:
    """What stands for a reason that is sealed in that proposal."""
    return f"{REFERS.id} {id}. / {REFERS.en} {id}."


def referred_to(text: str) -> ProposalId | None:
    """The proposal to which a text refers for a reason; None for any other text."""
    found = _REFERS.fullmatch(text)
    return ProposalId(UUID(found[1])) if found else None


_REFERS = re.compile(rf"{REFERS.id} ([0-9a-f-]{{36}})\. / {REFERS.en} \1\.", re.ASCII)


def propose(
    id: ProposalId, command: Fact, on: On, target: str, second: Second, act: Act, expires_at: datetime
) -> ProposalMade:
    """The event that asks for a command by a second person. A sealed code is in clear not even referred to: what is
    approved has it once that was opened."""
    said: dict[Compartment, dict[str, Any]] = {c: {} for c in (Compartment.COORDINATION, *SEALED)}
    of, values = compartments_of(type(command)), msgspec.to_builtins(command, order="deterministic")
    texts = get_type_hints(type(command))
    for name, value in values.items():
        if value is not None:
            said[of[name]][name] = value
            if of[name] in REASONS and texts[name] in TEXT:
                said[Compartment.COORDINATION][name] = refers(id)
    sealed = {keeps: msgspec.json.encode(said[c]).decode() for c, keeps in SEALED.items() if said[c]}
    return recorded(
        ProposalMade,
        command,
        act,
        occurred_at=act.at,
        proposal=id,
        operation=type(command).__name__,
        on=on,
        target=target,
        said=msgspec.json.encode(said[Compartment.COORDINATION]).decode(),
        asked_by=act.actor,
        agency=act.agency,
        kind=act.kind,
        role=act.role,
        purpose=act.purpose,
        expires_at=expires_at,
        **sealed,
    )


def fold(events: Iterable[Fact], proposal: Proposal | None = None) -> Proposal | None:
    """The proposal after these events; None before the first."""
    for event in events:
        proposal = evolve(proposal, event)
    return proposal


def begins(first: Fact) -> bool:
    """Whether a stream with this first event is a proposal."""
    return isinstance(first, ProposalMade)


def evolve(proposal: Proposal | None, event: Fact) -> Proposal:
    """The proposal after one more event. Raises ValueError where a stream begins with anything but the asking."""
    if proposal is None:
        if not isinstance(event, ProposalMade):
            raise ValueError(f"a proposal begins with ProposalMade, not {type(event).__name__}")
        asked_by = Act(
            actor=event.asked_by,
            agency=event.agency,
            kind=event.kind,
            role=event.role,
            purpose=event.purpose,
            at=event.occurred_at,
        )
        return Proposal(event.proposal, event.operation, event.on, event.target, event.said, asked_by, event.expires_at)
    assert isinstance(event, Decision)
    return replace(proposal, decided=_decided(event), decided_by=event.decided_by, version=proposal.version + 1)


def _decided(event: Decision) -> Decided:
    match event:
        case ProposalApproved():
            return "approved"
        case ProposalRefused():
            return "refused"
    return "withdrawn"


def command_of(proposal: Proposal, sealed: Mapping[Compartment, bytes] | None = None) -> Fact:
    """The command that is asked for. For a reason that is sealed in the proposal it refers to that, or says it where
    it is among what was opened of the proposal's first event (`sealed`). Raises ProposalOver where this release has no
    such command any more."""
    kind = next((command for command in ASKED if command.__name__ == proposal.operation), None)
    if kind is None or ASKED[kind].second is None:
        raise ProposalOver(proposal=proposal.id)
    said = msgspec.json.decode(proposal.said)
    of = compartments_of(kind)
    unsaid = (f.encode_name for f in fields(kind) if f.required and of[f.name] in REASONS)  # of before it was said
    for compartment, segment in (sealed or {}).items():
        reasons = msgspec.json.decode(segment).get(SEALED[compartment])
        said |= msgspec.json.decode(reasons) if reasons is not None else {}
    return msgspec.convert({**dict.fromkeys(unsaid, refers(proposal.id)), **said}, type=kind)


def decide(command: Fact, proposal: Proposal | None, proposed: Proposed | None, act: Act) -> Sequence[Fact]:
    """The events that follow from a command on a proposal; `proposed` is the same, on what it would be done to as that
    is now. Raises Refusal; TypeError for what is no command."""
    standing(command, proposed, act)
    command = at_the_latest_now(command, act)
    assert proposal is not None
    if proposal.status(act.at) != "waiting":
        raise ProposalOver(proposal=proposal.id, status=proposal.status(act.at))
    match command:
        case ApproveProposal():
            by = {"asked_by": proposal.asked.actor, "decided_by": act.actor}
            return [recorded(ProposalApproved, command, act, **by)]
        case RefuseProposal():
            return [recorded(ProposalRefused, command, act, decided_by=act.actor)]
        case WithdrawProposal():
            return [recorded(ProposalWithdrawn, command, act, decided_by=act.actor)]
    raise TypeError(f"{type(command).__name__} is not a command of a proposal")


name_fields(
    proposal=field("Usul", "Proposal"),
    operation=field("Yang diminta dilakukan", "What is to be done"),
    on=field("Mengenai", "On"),
    target=field("Instansi atau kasusnya", "Agency or case"),
    said=field("Isi permintaan", "What was asked"),
    said_of_people=field("Isi permintaan tentang orang", "What was asked, of people"),
    said_of_law=field("Alasan permintaan, tersegel", "Why it was asked, sealed"),
    said_of_health=field("Alasan permintaan tentang kesehatan", "Why it was asked, of health"),
    said_of_safety=field("Alasan permintaan tentang keselamatan", "Why it was asked, of safety"),
)
