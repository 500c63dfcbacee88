"""What the rules remember of a case, folded from its events.

`evolve` reads coordination fields only, so a case can be folded from events whose other
compartments stay sealed.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import Enum
from functools import singledispatch
from types import MappingProxyType
from typing import Any, TypeVar
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from ..codes import (
    AgeGroup,
    AgencyKind,
    CloseReason,
    ErasureBasis,
    GlassVerdict,
    LegalBasis,
    Purpose,
    ReferralStatus,
    Service,
    Urgency,
)
from ..compartment import Compartment
from ..fact import (
    ActionId,
    ActorId,
    AgencyCode,
    CaseId,
    ClockId,
    ConferenceId,
    ConsentId,
    DocumentId,
    ErasureId,
    Fact,
    GlassId,
    IncidentId,
    ReferralId,
    TransferId,
)
from ..pathways import PATHWAYS
from . import events as e

K = TypeVar("K")
V = TypeVar("V")

EMPTY: Mapping[Any, Any] = MappingProxyType({})
NOTHING: frozenset[Compartment] = frozenset()


class Status(Enum):
    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"


class Consent(Struct, frozen=True):
    """A consent, or an override that stands in its place."""

    id: ConsentId
    compartments: frozenset[Compartment]
    recipients: frozenset[str]
    purposes: frozenset[Purpose]
    expires_at: datetime | None
    ever: frozenset[str] = frozenset()
    """Every recipient it named before it was narrowed."""
    live: bool = True
    override: bool = False
    basis: LegalBasis | None = None
    rule: str | None = None
    """For an override: the ground, and the rule that was named."""

    def covers(self, agency: AgencyCode, kind: AgencyKind, at: datetime) -> bool:
        """Whether this names the agency, or its kind, and stands at that time."""
        if not self.live or (self.expires_at is not None and at >= self.expires_at):
            return False
        return agency in self.recipients or f"kind:{kind}" in self.recipients


class Referral(Struct, frozen=True):
    id: ReferralId
    sender: AgencyCode
    sender_kind: AgencyKind
    recipient: AgencyCode
    recipient_kind: AgencyKind
    service: Service
    urgency: Urgency
    purpose: Purpose
    compartments: frozenset[Compartment]
    clocks: tuple[ClockId, ...]
    redirects: ReferralId | None = None
    status: ReferralStatus = ReferralStatus.DRAFT
    sent_at: datetime | None = None
    due_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    escalations: int = 0
    delivery: timedelta | None = None
    """How long the recipient's system has to say that it arrived; None where the case's pathway has no such window."""
    undelivered: int = 0
    """How often it was raised that it did not arrive."""

    @property
    def window(self) -> timedelta:
        """How long the recipient has to answer; zero before it is sent."""
        return self.due_at - self.sent_at if self.due_at and self.sent_at else timedelta(0)


class Clock(Struct, frozen=True):
    id: ClockId
    due_at: datetime
    met_at: datetime | None = None
    overdue: bool = False
    """It was raised that it ran out."""


class Action(Struct, frozen=True):
    id: ActionId
    owner: AgencyCode
    done: bool = False


class Document(Struct, frozen=True):
    id: DocumentId
    compartment: Compartment
    author_known: bool = True
    superseded_by: DocumentId | None = None


class Transfer(Struct, frozen=True):
    id: TransferId
    to: AgencyCode
    to_kind: AgencyKind


class Erasure(Struct, frozen=True):
    """An erasure that was asked for and is not decided."""

    id: ErasureId
    compartments: frozenset[Compartment]
    basis: ErasureBasis
    asked_by: ActorId
    asked_at: datetime


class Glass(Struct, frozen=True):
    """What one person opened in an emergency."""

    id: GlassId
    agency: AgencyCode
    kind: AgencyKind
    actor: ActorId
    compartments: frozenset[Compartment]
    basis: LegalBasis
    expires_at: datetime
    review_due_at: datetime
    closed: bool = False
    verdict: GlassVerdict | None = None
    overdue: int = 0
    """How often it was raised that nobody reviewed it."""

    def is_open(self, at: datetime) -> bool:
        """Whether it lets its opener read at that time: it ends by itself, early by its opener, and at once by a
        reviewer who finds that it was not justified."""
        return not self.closed and self.verdict is not GlassVerdict.NOT_JUSTIFIED and at < self.expires_at

    def was_broken_by(self, agency: AgencyCode, actor: ActorId) -> bool:
        """Whether it is this person's, for this agency: a person of two agencies opened it for one of them."""
        return self.agency == agency and self.actor == actor


class Case(Struct, frozen=True):
    lead: AgencyCode
    lead_kind: AgencyKind
    urgency: Urgency
    age_group: AgeGroup
    pathway: str
    version: int
    opened_at: datetime
    status: Status = Status.OPEN
    former_leads: Mapping[AgencyCode, AgencyKind] = EMPTY
    worker: ActorId | None = None
    referrals: Mapping[ReferralId, Referral] = EMPTY
    consents: Mapping[ConsentId, Consent] = EMPTY
    clocks: Mapping[ClockId, Clock] = EMPTY
    incidents: Mapping[IncidentId, datetime] = EMPTY
    """Each incident, with when it was reported: the first with the case's opening, later ones when they were told."""
    documents: Mapping[DocumentId, Document] = EMPTY
    actions: Mapping[ActionId, Action] = EMPTY
    conferences: frozenset[ConferenceId] = frozenset()
    transfer: Transfer | None = None
    noted: frozenset[UUID] = frozenset()
    """Ids of notes, contact attempts, follow-ups, deliveries and transfers: none is taken twice."""
    merged_into: CaseId | None = None
    duplicates: frozenset[CaseId] = frozenset()
    identified: bool = False
    reachable: bool = False
    on_hold: bool = False
    hold_lifting: ActorId | None = None
    """Who asked that the hold end, while that is undecided."""
    erasure: Erasure | None = None
    erased: frozenset[Compartment] = NOTHING
    """What was destroyed; with coordination among it, the case is no more."""
    ended_at: datetime | None = None
    close_reason: CloseReason | None = None
    glasses: Mapping[GlassId, Glass] = EMPTY

    @property
    def is_erased(self) -> bool:
        """Whether the whole case was."""
        return Compartment.COORDINATION in self.erased

    def shareable(
        self, agency: AgencyCode, kind: AgencyKind, at: datetime, purpose: Purpose | None = None
    ) -> frozenset[Compartment]:
        """What consent lets that agency know at that time, for that purpose (None: for any).
        Coordination is part of every coverage; without any, the set is empty."""
        found = NOTHING
        for consent in self.consents.values():
            if consent.covers(agency, kind, at) and (purpose is None or purpose in consent.purposes):
                found |= consent.compartments | {Compartment.COORDINATION}
        return found

    def open_referrals_to(self, agency: AgencyCode) -> Iterable[Referral]:
        """Referrals sent to that agency and not ended."""
        return (r for r in self.referrals.values() if r.recipient == agency and r.status.is_open)

    def takes_part(self, agency: AgencyCode) -> bool:
        """Whether the agency leads the case or has an open referral of it."""
        return agency == self.lead or any(True for _ in self.open_referrals_to(agency))

    def is_known_to(self, agency: AgencyCode) -> bool:
        """Whether the agency may know that this case exists: it leads or led, was sent a referral, or is asked to
        lead. Nobody knows of one that was erased."""
        return not self.is_erased and (
            agency == self.lead
            or agency in self.former_leads
            or any(
                r.recipient == agency and r.status is not ReferralStatus.DRAFT and r.sent_at is not None
                for r in self.referrals.values()
            )
            or (self.transfer is not None and self.transfer.to == agency)
        )


def fold(events: Iterable[Fact], case: Case | None = None) -> Case | None:
    """The state after these events; None before the first."""
    for event in events:
        case = evolve(case, event)
    return case


def evolve(case: Case | None, event: Fact) -> Case:
    """The state after one more event. Raises ValueError where a stream does not begin with CaseOpened."""
    if case is None:
        if not isinstance(event, e.CaseOpened):
            raise ValueError(f"a case begins with CaseOpened, not {type(event).__name__}")
        return Case(
            lead=event.lead,
            lead_kind=event.lead_kind,
            urgency=event.urgency,
            age_group=event.age_group,
            pathway=event.pathway,
            version=1,
            opened_at=event.occurred_at,
        )
    return replace(_after(event, case), version=case.version + 1)


def words(compartments: Iterable[str]) -> frozenset[Compartment]:
    """Compartments by their names."""
    return frozenset(Compartment.named(w) for w in compartments)


def _with(mapping: Mapping[K, V], key: K, value: V) -> Mapping[K, V]:
    return {**mapping, key: value}


def _move(case: Case, referral: ReferralId, status: ReferralStatus, **more: Any) -> Case:
    moved = replace(case.referrals[referral], status=status, **more)
    return replace(case, referrals=_with(case.referrals, referral, moved))


@singledispatch
def _after(event: Fact, case: Case) -> Case:
    """Most events change nothing that a rule depends on."""
    return case


@_after.register
def _(event: e.SurvivorIdentified, case: Case) -> Case:
    return replace(case, identified=True)


@_after.register
def _(event: e.SurvivorContactRecorded, case: Case) -> Case:
    return replace(case, reachable=True)


@_after.register
def _(event: e.IncidentRecorded, case: Case) -> Case:
    reported_at = event.occurred_at if case.incidents else min(case.opened_at, event.occurred_at)
    return replace(case, incidents=_with(case.incidents, event.incident, reported_at))


@_after.register
def _(event: e.ClockStarted, case: Case) -> Case:
    clock = Clock(event.clock, event.due_at)
    return replace(case, clocks=_with(case.clocks, event.clock, clock))


@_after.register
def _(event: e.ClockMet, case: Case) -> Case:
    met = replace(case.clocks[event.clock], met_at=event.occurred_at)
    return replace(case, clocks=_with(case.clocks, event.clock, met))


@_after.register
def _(event: e.ClockOverdue, case: Case) -> Case:
    raised = replace(case.clocks[event.clock], overdue=True)
    return replace(case, clocks=_with(case.clocks, event.clock, raised))


@_after.register
def _(event: e.ConsentGiven, case: Case) -> Case:
    return replace(case, consents=_with(case.consents, event.consent, _consent(event)))


@_after.register
def _(event: e.ConsentOverridden, case: Case) -> Case:
    consent = replace(_consent(event), override=True, basis=event.basis, rule=event.rule)
    return replace(case, consents=_with(case.consents, event.consent, consent))


@_after.register
def _(event: e.ConsentNarrowed, case: Case) -> Case:
    before = case.consents[event.consent]
    kept = {"override": before.override, "basis": before.basis, "rule": before.rule, "ever": before.ever}
    narrowed = replace(_consent(event), **kept)
    return replace(case, consents=_with(case.consents, event.consent, narrowed))


@_after.register
def _(event: e.ConsentWithdrawn, case: Case) -> Case:
    ended = replace(case.consents[event.consent], live=False)
    return replace(case, consents=_with(case.consents, event.consent, ended))


@_after.register
def _(event: e.ConsentRefused, case: Case) -> Case:
    refused = Consent(event.consent, NOTHING, event.asked_for, frozenset(), None, event.asked_for, live=False)
    return replace(case, consents=_with(case.consents, event.consent, refused))


@_after.register
def _(event: e.ReferralDrafted, case: Case) -> Case:
    referral = Referral(
        id=event.referral,
        sender=event.sender,
        sender_kind=event.sender_kind,
        recipient=event.recipient,
        recipient_kind=event.recipient_kind,
        service=event.service,
        urgency=event.urgency,
        purpose=event.purpose,
        compartments=words(event.compartments) | {Compartment.COORDINATION},
        clocks=event.clocks,
        redirects=event.redirects,
    )
    return replace(case, referrals=_with(case.referrals, event.referral, referral))


@_after.register
def _(event: e.ReferralSent, case: Case) -> Case:
    pathway = PATHWAYS.get(case.pathway)
    delivery = pathway.deliveries.get(case.referrals[event.referral].urgency) if pathway else None
    times = {"sent_at": event.occurred_at, "due_at": event.due_at, "delivery": delivery}
    return _move(case, event.referral, ReferralStatus.REQUESTED, **times)


@_after.register
def _(event: e.ReferralReceived, case: Case) -> Case:
    return _move(case, event.referral, ReferralStatus.RECEIVED, answered_at=event.occurred_at)


@_after.register
def _(event: e.ReferralAccepted, case: Case) -> Case:
    return _move(case, event.referral, ReferralStatus.ACCEPTED)


@_after.register
def _(event: e.ReferralRejected, case: Case) -> Case:
    return _move(case, event.referral, ReferralStatus.REJECTED, ended_at=event.occurred_at)


@_after.register
def _(event: e.ReferralStarted, case: Case) -> Case:
    return _move(case, event.referral, ReferralStatus.IN_PROGRESS)


@_after.register
def _(event: e.ReferralHeld, case: Case) -> Case:
    return _move(case, event.referral, ReferralStatus.ON_HOLD)


@_after.register
def _(event: e.ReferralResumed, case: Case) -> Case:
    return _move(case, event.referral, ReferralStatus.IN_PROGRESS)


@_after.register
def _(event: e.ReferralCompleted, case: Case) -> Case:
    return _move(case, event.referral, ReferralStatus.COMPLETED, ended_at=event.occurred_at)


@_after.register
def _(event: e.ReferralFailed, case: Case) -> Case:
    return _move(case, event.referral, ReferralStatus.FAILED, ended_at=event.occurred_at)


@_after.register
def _(event: e.ReferralCancelled, case: Case) -> Case:
    return _move(case, event.referral, ReferralStatus.CANCELLED, ended_at=event.occurred_at)


@_after.register
def _(event: e.ReferralEscalated, case: Case) -> Case:
    return _move(case, event.referral, case.referrals[event.referral].status, escalations=event.level)


@_after.register
def _(event: e.ReferralUndelivered, case: Case) -> Case:
    return _move(case, event.referral, case.referrals[event.referral].status, undelivered=event.level)


@_after.register
def _(event: e.DocumentAttached, case: Case) -> Case:
    document = Document(event.document, Compartment.named(event.compartment))
    return replace(case, documents=_with(case.documents, event.document, document))


@_after.register
def _(event: e.DocumentSuperseded, case: Case) -> Case:
    old = replace(case.documents[event.document], superseded_by=event.by)
    return replace(case, documents=_with(case.documents, event.document, old))


@_after.register
def _(event: e.ConferenceHeld, case: Case) -> Case:
    return replace(case, conferences=case.conferences | {event.conference})


@_after.register
def _(event: e.ActionAgreed, case: Case) -> Case:
    return replace(case, actions=_with(case.actions, event.action, Action(event.action, event.owner)))


@_after.register
def _(event: e.ActionDone, case: Case) -> Case:
    done = replace(case.actions[event.action], done=True)
    return replace(case, actions=_with(case.actions, event.action, done))


@_after.register
def _(event: e.CaseWorkerAssigned, case: Case) -> Case:
    return replace(case, worker=event.worker)


@_after.register
def _(event: e.NoteFacts | e.ContactAttemptFacts | e.FollowUpFacts, case: Case) -> Case:
    return replace(case, noted=case.noted | {event.note})


@_after.register
def _(event: e.ServiceDelivered, case: Case) -> Case:
    return replace(case, noted=case.noted | {event.delivery})


@_after.register
def _(event: e.LeadTransferAsked, case: Case) -> Case:
    transfer = Transfer(event.transfer, event.to, event.to_kind)
    return replace(case, transfer=transfer, noted=case.noted | {event.transfer})


@_after.register
def _(event: e.LeadTransferAccepted, case: Case) -> Case:
    former = {a: k for a, k in _with(case.former_leads, case.lead, case.lead_kind).items() if a != event.lead}
    case = replace(case, erasure=None, hold_lifting=None)  # what the former lead's people asked ends with its lead
    return replace(case, lead=event.lead, lead_kind=event.lead_kind, former_leads=former, transfer=None, worker=None)


@_after.register
def _(event: e.LeadTransferDeclined, case: Case) -> Case:
    return replace(case, transfer=None)


@_after.register
def _(event: e.CaseClosed, case: Case) -> Case:
    return replace(case, status=Status.CLOSED, ended_at=event.occurred_at, close_reason=event.reason)


@_after.register
def _(event: e.CaseReopened, case: Case) -> Case:
    return replace(case, status=Status.OPEN, ended_at=None, close_reason=None)


@_after.register
def _(event: e.CaseMerged, case: Case) -> Case:
    return replace(case, status=Status.MERGED, merged_into=event.into, ended_at=event.occurred_at)


@_after.register
def _(event: e.DuplicateAbsorbed, case: Case) -> Case:
    return replace(case, duplicates=case.duplicates | {event.duplicate})


@_after.register
def _(event: e.DisclosureMade, case: Case) -> Case:
    return replace(case, noted=case.noted | {event.disclosure})


@_after.register
def _(event: e.LegalHoldPlaced, case: Case) -> Case:
    return replace(case, on_hold=True)


@_after.register
def _(event: e.LegalHoldLifted, case: Case) -> Case:
    return replace(case, on_hold=False, hold_lifting=None)


@_after.register
def _(event: e.HoldLiftingAsked, case: Case) -> Case:
    return replace(case, hold_lifting=event.asked_by)


@_after.register
def _(event: e.HoldLiftingRefused, case: Case) -> Case:
    return replace(case, hold_lifting=None)


@_after.register
def _(event: e.ErasureRequested, case: Case) -> Case:
    what = words(event.compartments)
    asked = Erasure(event.erasure, what, event.basis, event.asked_by, event.occurred_at)
    return replace(case, erasure=asked, noted=case.noted | {event.erasure})


@_after.register
def _(event: e.ErasureRefused, case: Case) -> Case:
    return replace(case, erasure=None)


@_after.register
def _(event: e.CaseErased, case: Case) -> Case:
    return replace(case, erasure=None, erased=case.erased | words(event.compartments))


@_after.register
def _(event: e.GlassBroken, case: Case) -> Case:
    glass = Glass(
        id=event.glass,
        agency=event.agency,
        kind=event.kind,
        actor=event.actor,
        compartments=words(event.compartments),
        basis=event.basis,
        expires_at=event.expires_at,
        review_due_at=event.review_due_at,
    )
    return replace(case, glasses=_with(case.glasses, event.glass, glass))


@_after.register
def _(event: e.GlassClosed, case: Case) -> Case:
    return _change(case, event.glass, closed=True)


@_after.register
def _(event: e.GlassReviewed, case: Case) -> Case:
    return _change(case, event.glass, verdict=event.verdict)


@_after.register
def _(event: e.GlassReviewOverdue, case: Case) -> Case:
    return _change(case, event.glass, overdue=event.level)


def _change(case: Case, glass: GlassId, **changed: Any) -> Case:
    return replace(case, glasses=_with(case.glasses, glass, replace(case.glasses[glass], **changed)))


def _consent(event: e.Scope) -> Consent:
    return Consent(
        event.consent,
        words(event.compartments),
        event.recipients,
        event.purposes,
        event.expires_at,
        event.recipients,
    )
