"""What can be asked of a case. The case itself is named beside the command, never in it."""

from typing import Annotated

from msgspec import Meta

from ..codes import AgeGroup, CloseReason, EndReason, ErasureBasis, Outcome, RejectReason, Urgency
from ..compartment import Contact, Coordination, Identity, Incident, Legal
from ..fact import (
    ActionId,
    ActorId,
    AgencyCode,
    CaseId,
    ClockId,
    ConsentId,
    ErasureId,
    Fact,
    Short,
    Text,
    TransferId,
)
from .events import (
    ActionFacts,
    CompartmentWord,
    ConferenceFacts,
    ConsentFacts,
    ContactAttemptFacts,
    ContactFacts,
    DisclosureFacts,
    DocumentFacts,
    DraftFacts,
    FollowUpFacts,
    GlassFacts,
    GlassMove,
    GlassReviewFacts,
    IdentityFacts,
    IncidentFacts,
    NeedsFacts,
    NoteFacts,
    OverrideFacts,
    PerpetratorFacts,
    ProtectionOrderFacts,
    ReferralMove,
    RefusalFacts,
    ReportFacts,
    RiskFacts,
    SafetyPlanFacts,
    Scope,
    ServiceFacts,
)


class OpenCase(ReportFacts, frozen=True, kw_only=True):
    """Receive a report and open a case that the acting agency leads."""

    urgency: Coordination[Urgency]
    age_group: Coordination[AgeGroup]
    reference: Coordination[Short | None] = None


class ReceiveReport(ReportFacts, frozen=True, kw_only=True):
    """Add a further report to a case."""


class IdentifySurvivor(IdentityFacts, frozen=True, kw_only=True):
    """Record who the survivor is."""


class CorrectSurvivorIdentity(IdentityFacts, frozen=True, kw_only=True):
    """Correct who the survivor is."""

    reason: Identity[Text]


class RecordSurvivorContact(ContactFacts, frozen=True, kw_only=True):
    """Record how to reach the survivor."""


class CorrectSurvivorContact(ContactFacts, frozen=True, kw_only=True):
    """Correct how to reach the survivor."""

    reason: Contact[Text]


class RecordIncident(IncidentFacts, frozen=True, kw_only=True):
    """Record what happened; the pathway's clocks start."""


class CorrectIncident(IncidentFacts, frozen=True, kw_only=True):
    """Correct what was recorded of an incident."""

    reason: Incident[Text]


class RecordAllegedPerpetrator(PerpetratorFacts, frozen=True, kw_only=True):
    """Record who is said to have done it."""


class AssessNeeds(NeedsFacts, frozen=True, kw_only=True):
    """Record what the survivor needs."""


class AssessRisk(RiskFacts, frozen=True, kw_only=True):
    """Record how great the danger is."""


class AgreeSafetyPlan(SafetyPlanFacts, frozen=True, kw_only=True):
    """Record the safety plan."""


class GiveConsent(ConsentFacts, frozen=True, kw_only=True):
    """Record a consent."""


class RefuseConsent(RefusalFacts, frozen=True, kw_only=True):
    """Record that consent was refused."""


class NarrowConsent(Scope, frozen=True, kw_only=True):
    """Record that a consent now covers less."""


class WithdrawConsent(Fact, frozen=True, kw_only=True):
    """Record that a consent was withdrawn; what stood on it stops."""

    consent: Coordination[ConsentId]


class OverrideConsent(OverrideFacts, frozen=True, kw_only=True):
    """Share without consent, on a legal basis."""


class DraftReferral(DraftFacts, frozen=True, kw_only=True):
    """Prepare a referral."""


class SendReferral(ReferralMove, frozen=True, kw_only=True):
    """Send a drafted referral to its recipient."""


class ReceiveReferral(ReferralMove, frozen=True, kw_only=True):
    """Say that a person at the recipient has the referral."""


class AcceptReferral(ReferralMove, frozen=True, kw_only=True):
    """Take the referral on."""

    note: Coordination[Text | None] = None


class RejectReferral(ReferralMove, frozen=True, kw_only=True):
    """Decline the referral."""

    reason: Coordination[RejectReason]
    note: Coordination[Text | None] = None


class StartReferral(ReferralMove, frozen=True, kw_only=True):
    """Begin the work that was referred."""


class HoldReferral(ReferralMove, frozen=True, kw_only=True):
    """Pause the work that was referred."""

    reason: Coordination[EndReason]


class ResumeReferral(ReferralMove, frozen=True, kw_only=True):
    """Go on after a pause; consent must still cover it."""


class CompleteReferral(ReferralMove, frozen=True, kw_only=True):
    """End the referral with its outcome."""

    outcome: Coordination[Outcome]
    note: Coordination[Text | None] = None


class FailReferral(ReferralMove, frozen=True, kw_only=True):
    """End the referral without what was asked for."""

    reason: Coordination[EndReason]
    note: Coordination[Text | None] = None


class CancelReferral(ReferralMove, frozen=True, kw_only=True):
    """Take the referral back."""

    reason: Coordination[EndReason] = EndReason.BY_SENDER


class EscalateReferral(ReferralMove, frozen=True, kw_only=True):
    """Raise that nobody answered in time."""


class RaiseUndelivered(ReferralMove, frozen=True, kw_only=True):
    """Raise that the recipient's system did not say in time that the referral arrived."""


class RaiseClock(Fact, frozen=True, kw_only=True):
    """Raise that a clock ran out."""

    clock: Coordination[ClockId]


class MeetClock(Fact, frozen=True, kw_only=True):
    """Say that what a clock waits for was done outside the system."""

    clock: Coordination[ClockId]


class DeliverService(ServiceFacts, frozen=True, kw_only=True):
    """Record that a service was delivered."""


class RecordNote(NoteFacts, frozen=True, kw_only=True):
    """Record a note."""


class RecordContactAttempt(ContactAttemptFacts, frozen=True, kw_only=True):
    """Record that somebody tried to reach the survivor."""


class RecordFollowUp(FollowUpFacts, frozen=True, kw_only=True):
    """Record a follow-up."""


class AttachDocument(DocumentFacts, frozen=True, kw_only=True):
    """Attach a document whose bytes are stored already."""


class HoldConference(ConferenceFacts, frozen=True, kw_only=True):
    """Record a case conference."""


class AgreeAction(ActionFacts, frozen=True, kw_only=True):
    """Record a task that an agency took on."""


class FinishAction(Fact, frozen=True, kw_only=True):
    """Say that an agreed task is done."""

    action: Coordination[ActionId]
    remark: Coordination[Text | None] = None


class RecordProtectionOrder(ProtectionOrderFacts, frozen=True, kw_only=True):
    """Record a protection order."""


class AssignCaseWorker(Fact, frozen=True, kw_only=True):
    """Name the person who accompanies the survivor."""

    worker: Coordination[ActorId]


class AskLeadTransfer(Fact, frozen=True, kw_only=True):
    """Ask another agency to lead."""

    transfer: Coordination[TransferId]
    to: Coordination[AgencyCode]
    reason: Coordination[Text]


class AcceptLeadTransfer(Fact, frozen=True, kw_only=True):
    """Take the lead."""

    transfer: Coordination[TransferId]


class DeclineLeadTransfer(Fact, frozen=True, kw_only=True):
    """Decline the lead."""

    transfer: Coordination[TransferId]
    reason: Coordination[Text | None] = None


class CloseCase(Fact, frozen=True, kw_only=True):
    """Close the case."""

    reason: Coordination[CloseReason]
    summary: Coordination[Text | None] = None


class ReopenCase(Fact, frozen=True, kw_only=True):
    """Open a closed case again."""

    reason: Coordination[Text]


class MergeCase(Fact, frozen=True, kw_only=True):
    """End this file as a duplicate of another that the same agency leads."""

    into: Coordination[CaseId]


class AbsorbDuplicate(Fact, frozen=True, kw_only=True):
    """Note in the living file that a duplicate of it ended."""

    duplicate: Coordination[CaseId]


class DiscloseCase(DisclosureFacts, frozen=True, kw_only=True):
    """Make a bundle of the case for a court or another outside the network."""


class PlaceLegalHold(Fact, frozen=True, kw_only=True):
    """Forbid erasure."""

    reason: Legal[Text]


class LiftLegalHold(Fact, frozen=True, kw_only=True):
    """Ask that erasure be allowed again; another person decides."""

    reason: Legal[Text]


class ApproveHoldLifting(Fact, frozen=True, kw_only=True):
    """Allow erasure again, as another person asked."""

    reason: Legal[Text]


class RefuseHoldLifting(Fact, frozen=True, kw_only=True):
    """Keep the legal hold, or take back the asking."""

    reason: Legal[Text]


class RequestErasure(Fact, frozen=True, kw_only=True):
    """Ask that compartments, or the whole case, be destroyed; another person decides."""

    erasure: Coordination[ErasureId]
    basis: Coordination[ErasureBasis]
    compartments: Coordination[frozenset[CompartmentWord]] = frozenset()
    whole: Coordination[bool] = False
    """The whole case. One of the two is said, so that nothing is destroyed by leaving a field out."""
    reason: Legal[Text]


class ApproveErasure(Fact, frozen=True, kw_only=True):
    """Destroy what another person asked to be destroyed. There is no way back."""

    erasure: Coordination[ErasureId]


class RefuseErasure(Fact, frozen=True, kw_only=True):
    """Refuse an erasure, or take back the asking."""

    erasure: Coordination[ErasureId]
    reason: Legal[Text]


class BreakGlass(GlassFacts, frozen=True, kw_only=True):
    """Open, in an emergency, what no consent covers: at once, for a time, and not unseen."""

    minutes: Coordination[Annotated[int, Meta(ge=1, le=1_000_000)] | None] = None
    """For how long; as long as is usual, when left out."""


class CloseGlass(GlassMove, frozen=True, kw_only=True):
    """End an emergency opening before its time is over."""


class ReviewGlass(GlassReviewFacts, frozen=True, kw_only=True):
    """Judge an emergency opening by somebody else."""


class RaiseGlassReview(GlassMove, frozen=True, kw_only=True):
    """Raise that nobody reviewed an emergency opening in time."""
