"""Everything that can happen in a case. Names and fields are stored for ever.

Where a command and its event say the same, they share a `…Facts` class. A field's type names its compartment;
ids, codes and times that the rules, lists and clocks need are `Coordination`; what tells the story is not.
"""

from datetime import date, datetime
from typing import Annotated

from msgspec import Meta

from ..codes import (
    AgeGroup,
    AgencyKind,
    Channel,
    ClockNeed,
    CloseReason,
    ConsentBy,
    DisclosureBasis,
    DocumentKind,
    EndReason,
    ErasureBasis,
    GbvType,
    GlassVerdict,
    LegalBasis,
    Need,
    Obtained,
    Outcome,
    Place,
    Purpose,
    RejectReason,
    Reporter,
    RiskLevel,
    Role,
    Service,
    Sex,
    Urgency,
    ViolenceForm,
)
from ..compartment import Contact, Coordination, Identity, Incident, Legal, Psychosocial, Safety
from ..fact import (
    ActionId,
    ActorId,
    AgencyCode,
    CaseId,
    ClockId,
    ConferenceId,
    ConsentId,
    Details,
    DisclosureId,
    DocumentId,
    ErasureId,
    Fact,
    GlassId,
    IncidentId,
    NoteId,
    ReferralId,
    ServiceId,
    Short,
    Text,
    TransferId,
)

Nik = Annotated[str, Meta(pattern="^[0-9]{16}$(?!\n)", description="National identity number, 16 digits")]
Recipient = Annotated[
    str,
    Meta(
        pattern="^(kind:)?[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$(?!\n)",
        description="An agency's code, or kind:KIND for every agency of that kind",
        examples=["rsud", "kind:health"],
    ),
]
CompartmentWord = Annotated[
    str,
    Meta(
        pattern="^(coordination|identity|contact|incident|health|psychosocial|legal|safety|economic)$(?!\n)",
        description="A compartment by its name",
    ),
]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$(?!\n)")]


# Intake ------------------------------------------------------------------------------------------------------


class ReportFacts(Fact, frozen=True, kw_only=True):
    channel: Coordination[Channel]
    reporter: Coordination[Reporter]
    reporter_name: Identity[Short | None] = None
    reporter_contact: Contact[Short | None] = None
    account: Incident[Text | None] = None


class ReportReceived(ReportFacts, frozen=True, kw_only=True, tag="case.ReportReceived"):
    """Somebody told a member agency what happened or may have happened."""


class CaseOpened(Fact, frozen=True, kw_only=True, tag="case.CaseOpened"):
    """An agency took the lead of a new case. `reference` is its own file number, if any."""

    lead: Coordination[AgencyCode]
    lead_kind: Coordination[AgencyKind]
    urgency: Coordination[Urgency]
    age_group: Coordination[AgeGroup]
    pathway: Coordination[str]
    reference: Coordination[Short | None] = None


class IdentityFacts(Fact, frozen=True, kw_only=True):
    name: Identity[Short]
    nik: Identity[Nik | None] = None
    nik_index: Coordination[Sha256 | None] = None
    """A keyed hash of the number, made by the service; told to nobody who is not told the identity."""
    born_on: Identity[date | None] = None
    sex: Identity[Sex] = Sex.UNKNOWN
    language: Identity[Short | None] = None
    guardian_name: Identity[Short | None] = None


class SurvivorIdentified(IdentityFacts, frozen=True, kw_only=True, tag="case.SurvivorIdentified"):
    """Who the survivor is."""


class SurvivorIdentityCorrected(IdentityFacts, frozen=True, kw_only=True, tag="case.SurvivorIdentityCorrected"):
    """What was recorded of the survivor's identity was wrong; this is right."""

    reason: Identity[Text]


class ContactFacts(Fact, frozen=True, kw_only=True):
    phone: Contact[Short | None] = None
    address: Contact[Text | None] = None
    safe_times: Safety[Short | None] = None
    safe_to_call: Safety[bool] = False


class SurvivorContactRecorded(ContactFacts, frozen=True, kw_only=True, tag="case.SurvivorContactRecorded"):
    """How, and when it is safe, to reach the survivor."""


class SurvivorContactCorrected(ContactFacts, frozen=True, kw_only=True, tag="case.SurvivorContactCorrected"):
    """What was recorded of the survivor's contact was wrong or is out of date; this is right."""

    reason: Contact[Text]


class IncidentFacts(Fact, frozen=True, kw_only=True):
    incident: Coordination[IncidentId]
    forms: Incident[frozenset[ViolenceForm]]
    gbv_type: Incident[GbvType]
    happened_at: Incident[Annotated[datetime, Meta(tz=True)] | None] = None
    place: Incident[Place] = Place.OTHER
    narrative: Incident[Text | None] = None
    domestic: Incident[bool] = False


class IncidentRecorded(IncidentFacts, frozen=True, kw_only=True, tag="case.IncidentRecorded"):
    """What happened. Which clocks it starts are events of their own."""


class IncidentCorrected(IncidentFacts, frozen=True, kw_only=True, tag="case.IncidentCorrected"):
    """What was recorded of an incident was wrong; this is right."""

    reason: Incident[Text]


class PerpetratorFacts(Fact, frozen=True, kw_only=True):
    name: Legal[Short | None] = None
    relation: Legal[Short | None] = None
    description: Legal[Text | None] = None
    danger: Safety[Text | None] = None


class AllegedPerpetratorRecorded(PerpetratorFacts, frozen=True, kw_only=True, tag="case.AllegedPerpetratorRecorded"):
    """Who is said to have done it (terlapor)."""


class ClockStarted(Fact, frozen=True, kw_only=True, tag="case.ClockStarted"):
    """A pathway's window opened. When it ends is plain to lists; for what stays with the incident."""

    clock: Coordination[ClockId]
    starts_at: Coordination[datetime]
    due_at: Coordination[datetime]
    pathway: Coordination[str]
    need: Incident[ClockNeed]


class ClockMet(Fact, frozen=True, kw_only=True, tag="case.ClockMet"):
    """What the clock waited for was done at `occurred_at`."""

    clock: Coordination[ClockId]
    in_time: Coordination[bool]


# Assessment --------------------------------------------------------------------------------------------------


class ClockOverdue(Fact, frozen=True, kw_only=True, tag="case.ClockOverdue"):
    """The clock ran out, and nobody had said that it was met."""

    clock: Coordination[ClockId]


class NeedsFacts(Details, frozen=True, kw_only=True):
    needs: Psychosocial[frozenset[Need]]


class NeedsAssessed(NeedsFacts, frozen=True, kw_only=True, tag="case.NeedsAssessed"):
    """What the survivor needs."""


class RiskFacts(Fact, frozen=True, kw_only=True):
    level: Safety[RiskLevel]
    reasons: Safety[Text]


class RiskAssessed(RiskFacts, frozen=True, kw_only=True, tag="case.RiskAssessed"):
    """How great the danger is, and why."""


class SafetyPlanFacts(Fact, frozen=True, kw_only=True):
    plan: Safety[Text]
    review_on: Safety[date | None] = None


class SafetyPlanAgreed(SafetyPlanFacts, frozen=True, kw_only=True, tag="case.SafetyPlanAgreed"):
    """What the survivor will do, and who stands by, when danger comes."""


# Consent -----------------------------------------------------------------------------------------------------


class Scope(Fact, frozen=True, kw_only=True):
    """Who may know what, why, until when. Coordination is always part of what a recipient may know."""

    consent: Coordination[ConsentId]
    compartments: Coordination[frozenset[CompartmentWord]]
    recipients: Coordination[Annotated[frozenset[Recipient], Meta(min_length=1)]]
    purposes: Coordination[Annotated[frozenset[Purpose], Meta(min_length=1)]]
    expires_at: Coordination[Annotated[datetime, Meta(tz=True)] | None] = None


class ConsentFacts(Scope, frozen=True, kw_only=True):
    given_by: Coordination[Annotated[frozenset[ConsentBy], Meta(min_length=1)]]
    obtained: Coordination[Obtained]
    child_assent: Coordination[bool] = False
    language: Coordination[Short] = "id"
    witness: Identity[Short | None] = None
    no_caregiver_because: Safety[Text | None] = None


class ConsentGiven(ConsentFacts, frozen=True, kw_only=True, tag="case.ConsentGiven"):
    """The survivor, or who speaks for a child, lets these recipients know this."""


class RefusalFacts(Fact, frozen=True, kw_only=True):
    consent: Coordination[ConsentId]
    given_by: Coordination[Annotated[frozenset[ConsentBy], Meta(min_length=1)]]
    asked_for: Coordination[frozenset[Recipient]] = frozenset()
    remark: Psychosocial[Text | None] = None


class ConsentRefused(RefusalFacts, frozen=True, kw_only=True, tag="case.ConsentRefused"):
    """Asked, and said no. Needs no reason."""


class ConsentNarrowed(Scope, frozen=True, kw_only=True, tag="case.ConsentNarrowed"):
    """A live consent now covers only this."""


class ConsentWithdrawn(Fact, frozen=True, kw_only=True, tag="case.ConsentWithdrawn"):
    """A consent covers nothing any more. Needs no reason."""

    consent: Coordination[ConsentId]


class OverrideFacts(Scope, frozen=True, kw_only=True):
    basis: Coordination[LegalBasis]
    rule: Coordination[Short]
    decided_by: Coordination[ActorId]
    reason: Legal[Text]
    survivor_told: Coordination[bool] = False


class ConsentOverridden(OverrideFacts, frozen=True, kw_only=True, tag="case.ConsentOverridden"):
    """Something may be shared without consent, under a rule that is named, by a person who decided."""


# Referral ----------------------------------------------------------------------------------------------------


class DraftFacts(Details, frozen=True, kw_only=True):
    referral: Coordination[ReferralId]
    recipient: Coordination[AgencyCode]
    service: Coordination[Service]
    urgency: Coordination[Urgency]
    purpose: Coordination[Purpose]
    compartments: Coordination[frozenset[CompartmentWord]]
    clocks: Coordination[tuple[ClockId, ...]] = ()
    redirects: Coordination[ReferralId | None] = None
    parent: Coordination[ReferralId | None] = None


class ReferralDrafted(DraftFacts, frozen=True, kw_only=True, tag="case.ReferralDrafted"):
    """Prepared; the recipient knows nothing of it yet."""

    sender: Coordination[AgencyCode]
    sender_kind: Coordination[AgencyKind]
    recipient_kind: Coordination[AgencyKind]


class ReferralMove(Fact, frozen=True, kw_only=True):
    referral: Coordination[ReferralId]


class ReferralSent(ReferralMove, frozen=True, kw_only=True, tag="case.ReferralSent"):
    """draft → requested. The recipient may know the compartments shared; an answer is due."""

    due_at: Coordination[datetime]


class ReferralReceived(ReferralMove, frozen=True, kw_only=True, tag="case.ReferralReceived"):
    """requested → received: a person at the recipient has it."""


class ReferralAccepted(ReferralMove, frozen=True, kw_only=True, tag="case.ReferralAccepted"):
    """received → accepted."""

    note: Coordination[Text | None] = None


class ReferralRejected(ReferralMove, frozen=True, kw_only=True, tag="case.ReferralRejected"):
    """received → rejected."""

    reason: Coordination[RejectReason]
    note: Coordination[Text | None] = None


class ReferralStarted(ReferralMove, frozen=True, kw_only=True, tag="case.ReferralStarted"):
    """accepted → in-progress."""


class ReferralHeld(ReferralMove, frozen=True, kw_only=True, tag="case.ReferralHeld"):
    """in-progress → on-hold."""

    reason: Coordination[EndReason]


class ReferralResumed(ReferralMove, frozen=True, kw_only=True, tag="case.ReferralResumed"):
    """on-hold → in-progress."""


class ReferralCompleted(ReferralMove, frozen=True, kw_only=True, tag="case.ReferralCompleted"):
    """in-progress → completed: the loop to the sender is closed."""

    outcome: Coordination[Outcome]
    note: Coordination[Text | None] = None


class ReferralFailed(ReferralMove, frozen=True, kw_only=True, tag="case.ReferralFailed"):
    """in-progress → failed."""

    reason: Coordination[EndReason]
    note: Coordination[Text | None] = None


class ReferralCancelled(ReferralMove, frozen=True, kw_only=True, tag="case.ReferralCancelled"):
    """Ended by the sender, or because the consent it stood on was withdrawn."""

    reason: Coordination[EndReason]


class ReferralEscalated(ReferralMove, frozen=True, kw_only=True, tag="case.ReferralEscalated"):
    """Nobody answered in time; `level` counts how often that was raised."""

    level: Coordination[int]


class ReferralUndelivered(ReferralMove, frozen=True, kw_only=True, tag="case.ReferralUndelivered"):
    """The recipient's system did not say in time that it arrived; `level` counts how often that was raised, `to` is the
    agency whose supervisors are to see to it: the recipient first, then the lead."""

    level: Coordination[int]
    to: Coordination[AgencyCode]


# Work --------------------------------------------------------------------------------------------------------


class ServiceFacts(Details, frozen=True, kw_only=True):
    delivery: Coordination[ServiceId]
    service: Coordination[Service]
    referral: Coordination[ReferralId | None] = None
    meets: Coordination[tuple[ClockId, ...]] = ()


class ServiceDelivered(ServiceFacts, frozen=True, kw_only=True, tag="case.ServiceDelivered"):
    """Help reached the survivor."""


class NoteFacts(Details, frozen=True, kw_only=True):
    note: Coordination[NoteId]
    subject: Coordination[Short | None] = None


class NoteRecorded(NoteFacts, frozen=True, kw_only=True, tag="case.NoteRecorded"):
    """Something worth keeping."""


class ContactAttemptFacts(Fact, frozen=True, kw_only=True):
    note: Coordination[NoteId]
    reached: Coordination[bool]
    means: Contact[Short]
    remark: Contact[Text | None] = None


class ContactAttempted(ContactAttemptFacts, frozen=True, kw_only=True, tag="case.ContactAttempted"):
    """Somebody tried to reach the survivor."""


class FollowUpFacts(Details, frozen=True, kw_only=True):
    note: Coordination[NoteId]
    next_on: Coordination[date | None] = None


class FollowUpRecorded(FollowUpFacts, frozen=True, kw_only=True, tag="case.FollowUpRecorded"):
    """How the survivor is since, and when to ask again."""


class DocumentFacts(Details, frozen=True, kw_only=True):
    document: Coordination[DocumentId]
    kind: Coordination[DocumentKind]
    compartment: Coordination[CompartmentWord]
    media_type: Coordination[Annotated[str, Meta(pattern=r"^[\w.+-]+/[\w.+-]+$(?!\n)", max_length=100)]]
    size: Coordination[Annotated[int, Meta(ge=0)]]
    sha256: Coordination[Sha256]
    supersedes: Coordination[DocumentId | None] = None


class DocumentAttached(DocumentFacts, frozen=True, kw_only=True, tag="case.DocumentAttached"):
    """A document's hash and kind; its bytes lie sealed under the key of its compartment."""


class DocumentSuperseded(Fact, frozen=True, kw_only=True, tag="case.DocumentSuperseded"):
    """A newer document stands in this one's place. Both stay."""

    document: Coordination[DocumentId]
    by: Coordination[DocumentId]


class ConferenceFacts(Details, frozen=True, kw_only=True):
    conference: Coordination[ConferenceId]
    attendees: Coordination[Annotated[frozenset[AgencyCode], Meta(min_length=1)]]


class ConferenceHeld(ConferenceFacts, frozen=True, kw_only=True, tag="case.ConferenceHeld"):
    """Agencies met over one case (rapat koordinasi kasus)."""


class ActionFacts(Fact, frozen=True, kw_only=True):
    action: Coordination[ActionId]
    owner: Coordination[AgencyCode]
    what: Coordination[Text]
    due_on: Coordination[date]
    conference: Coordination[ConferenceId | None] = None


class ActionAgreed(ActionFacts, frozen=True, kw_only=True, tag="case.ActionAgreed"):
    """An agency took on a task by a date."""


class ActionDone(Fact, frozen=True, kw_only=True, tag="case.ActionDone"):
    """The task is done."""

    action: Coordination[ActionId]
    remark: Coordination[Text | None] = None


class ProtectionOrderFacts(Fact, frozen=True, kw_only=True):
    order: Legal[Short]
    issued_by: Legal[Short]
    valid_from: Legal[date]
    valid_until: Legal[date | None] = None
    terms: Legal[Text | None] = None


class ProtectionOrderRecorded(ProtectionOrderFacts, frozen=True, kw_only=True, tag="case.ProtectionOrderRecorded"):
    """A court or the police protect the survivor (UU 23/2004 art. 16-28, UU 12/2022 art. 42)."""


# Life of the case --------------------------------------------------------------------------------------------


class CaseWorkerAssigned(Fact, frozen=True, kw_only=True, tag="case.CaseWorkerAssigned"):
    """A person of the lead agency accompanies the survivor from now on."""

    worker: Coordination[ActorId]


class LeadTransferAsked(Fact, frozen=True, kw_only=True, tag="case.LeadTransferAsked"):
    """The lead asks another agency to take the case over."""

    transfer: Coordination[TransferId]
    to: Coordination[AgencyCode]
    to_kind: Coordination[AgencyKind]
    reason: Coordination[Text]


class LeadTransferAccepted(Fact, frozen=True, kw_only=True, tag="case.LeadTransferAccepted"):
    """The asked agency leads from now on."""

    transfer: Coordination[TransferId]
    lead: Coordination[AgencyCode]
    lead_kind: Coordination[AgencyKind]


class LeadTransferDeclined(Fact, frozen=True, kw_only=True, tag="case.LeadTransferDeclined"):
    """The asked agency will not lead."""

    transfer: Coordination[TransferId]
    reason: Coordination[Text | None] = None


class CaseClosed(Fact, frozen=True, kw_only=True, tag="case.CaseClosed"):
    """The work is over, for this reason."""

    reason: Coordination[CloseReason]
    summary: Coordination[Text | None] = None


class CaseReopened(Fact, frozen=True, kw_only=True, tag="case.CaseReopened"):
    """Work begins again."""

    reason: Coordination[Text]


class CaseMerged(Fact, frozen=True, kw_only=True, tag="case.CaseMerged"):
    """This file was a second one of the same case; `into` is the one that lives on."""

    into: Coordination[CaseId]


class DuplicateAbsorbed(Fact, frozen=True, kw_only=True, tag="case.DuplicateAbsorbed"):
    """Another file of the same case ended; what it holds is to be read with this one."""

    duplicate: Coordination[CaseId]


class DisclosureFacts(Fact, frozen=True, kw_only=True):
    disclosure: Coordination[DisclosureId]
    recipient: Coordination[Short]
    basis: Coordination[DisclosureBasis]
    rule: Coordination[Short]
    """The order, letter or article that it stands on, by its number."""
    compartments: Coordination[frozenset[CompartmentWord]]
    as_of: Coordination[Annotated[int, Meta(ge=0, le=2**53)] | None] = None
    """The position of the log up to which the case is disclosed; all that came before this when absent."""
    withheld_events: Coordination[tuple[Annotated[int, Meta(ge=1, le=2**31)], ...]] = ()
    """Versions of events of which nothing is disclosed but that they are there."""


class DisclosureMade(DisclosureFacts, frozen=True, kw_only=True, tag="case.DisclosureMade"):
    """A bundle of the case was made for somebody outside, on this basis."""


class LegalHoldPlaced(Fact, frozen=True, kw_only=True, tag="case.LegalHoldPlaced"):
    """Nothing of this case may be erased, for this reason."""

    reason: Legal[Text]


class LegalHoldLifted(Fact, frozen=True, kw_only=True, tag="case.LegalHoldLifted"):
    """The hold ended."""

    reason: Legal[Text]


class HoldLiftingAsked(Fact, frozen=True, kw_only=True, tag="case.HoldLiftingAsked"):
    """Somebody asks that the hold ends; another person decides."""

    asked_by: Coordination[ActorId]
    reason: Legal[Text]


class HoldLiftingRefused(Fact, frozen=True, kw_only=True, tag="case.HoldLiftingRefused"):
    """The hold stays."""

    reason: Legal[Text]


class ErasureRequested(Fact, frozen=True, kw_only=True, tag="case.ErasureRequested"):
    """Somebody asks that these compartments be destroyed; another person decides. With `coordination` among them
    it is the whole case, and all of them are named."""

    erasure: Coordination[ErasureId]
    compartments: Coordination[frozenset[CompartmentWord]]
    basis: Coordination[ErasureBasis]
    asked_by: Coordination[ActorId]
    reason: Legal[Text]


class ErasureRefused(Fact, frozen=True, kw_only=True, tag="case.ErasureRefused"):
    """Nothing is destroyed: it was refused, or taken back."""

    erasure: Coordination[ErasureId]
    reason: Legal[Text]


class CaseErased(Fact, frozen=True, kw_only=True, tag="case.CaseErased"):
    """The data keys of these compartments are destroyed; what follows the log sees to it. When `coordination` is
    among them, this is the last event of the case, and cannot be read for long: `erasure.ErasureRecorded`, of the same
    commit, is what remains."""

    erasure: Coordination[ErasureId]
    compartments: Coordination[frozenset[CompartmentWord]]
    requested_by: Coordination[ActorId]
    approved_by: Coordination[ActorId]


# Emergency ---------------------------------------------------------------------------------------------------


class GlassMove(Fact, frozen=True, kw_only=True):
    glass: Coordination[GlassId]


class GlassFacts(GlassMove, frozen=True, kw_only=True):
    compartments: Coordination[Annotated[frozenset[CompartmentWord], Meta(min_length=1)]]
    basis: Coordination[LegalBasis]
    rule: Coordination[Short]
    reason: Legal[Text]


class GlassBroken(GlassFacts, frozen=True, kw_only=True, tag="case.GlassBroken"):
    """In an emergency a person opened compartments that no consent let them know, until a time."""

    agency: Coordination[AgencyCode]
    kind: Coordination[AgencyKind]
    actor: Coordination[ActorId]
    role: Coordination[Role]
    expires_at: Coordination[datetime]
    review_due_at: Coordination[datetime]


class GlassClosed(GlassMove, frozen=True, kw_only=True, tag="case.GlassClosed"):
    """The person who had opened them needed them no longer."""


class GlassReviewFacts(GlassMove, frozen=True, kw_only=True):
    verdict: Coordination[GlassVerdict]
    remark: Legal[Text]


class GlassReviewed(GlassReviewFacts, frozen=True, kw_only=True, tag="case.GlassReviewed"):
    """Another person judged whether the emergency was one. What was not justified is closed by that."""

    reviewer: Coordination[ActorId]


class GlassReviewOverdue(GlassMove, frozen=True, kw_only=True, tag="case.GlassReviewOverdue"):
    """Nobody reviewed it in time; `level` counts how often that was raised."""

    level: Coordination[int]


EVENTS: tuple[type[Fact], ...] = (
    ReportReceived,
    CaseOpened,
    SurvivorIdentified,
    SurvivorIdentityCorrected,
    SurvivorContactRecorded,
    SurvivorContactCorrected,
    IncidentRecorded,
    IncidentCorrected,
    AllegedPerpetratorRecorded,
    ClockStarted,
    ClockMet,
    ClockOverdue,
    NeedsAssessed,
    RiskAssessed,
    SafetyPlanAgreed,
    ConsentGiven,
    ConsentRefused,
    ConsentNarrowed,
    ConsentWithdrawn,
    ConsentOverridden,
    ReferralDrafted,
    ReferralSent,
    ReferralReceived,
    ReferralAccepted,
    ReferralRejected,
    ReferralStarted,
    ReferralHeld,
    ReferralResumed,
    ReferralCompleted,
    ReferralFailed,
    ReferralCancelled,
    ReferralEscalated,
    ReferralUndelivered,
    ServiceDelivered,
    NoteRecorded,
    ContactAttempted,
    FollowUpRecorded,
    DocumentAttached,
    DocumentSuperseded,
    ConferenceHeld,
    ActionAgreed,
    ActionDone,
    ProtectionOrderRecorded,
    CaseWorkerAssigned,
    LeadTransferAsked,
    LeadTransferAccepted,
    LeadTransferDeclined,
    CaseClosed,
    CaseReopened,
    CaseMerged,
    DuplicateAbsorbed,
    DisclosureMade,
    LegalHoldPlaced,
    LegalHoldLifted,
    HoldLiftingAsked,
    HoldLiftingRefused,
    ErasureRequested,
    ErasureRefused,
    CaseErased,
    GlassBroken,
    GlassClosed,
    GlassReviewed,
    GlassReviewOverdue,
)
"""The closed list. `catalogue.py` reads it."""
