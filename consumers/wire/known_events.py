"""Which events this release knows: topic → the highest version of its schema. All up to it are known.

Written by `rujukan schemas known`; an agency's side has it instead of the domain, which it does not install.
"""

from typing import Final

PLACEHOLDERS: Final = frozenset({"delivery.Damaged", "delivery.Erased"})
HIGHEST: Final[dict[str, int]] = {
    "agency.HistoryRecovered": 1,
    "case.ActionAgreed": 1,
    "case.ActionDone": 1,
    "case.AllegedPerpetratorRecorded": 1,
    "case.CaseClosed": 1,
    "case.CaseErased": 1,
    "case.CaseMerged": 1,
    "case.CaseOpened": 1,
    "case.CaseReopened": 1,
    "case.CaseWorkerAssigned": 1,
    "case.ClockMet": 1,
    "case.ClockOverdue": 1,
    "case.ClockStarted": 1,
    "case.ConferenceHeld": 1,
    "case.ConsentExpired": 1,
    "case.ConsentGiven": 1,
    "case.ConsentNarrowed": 1,
    "case.ConsentOverridden": 1,
    "case.ConsentRefused": 1,
    "case.ConsentWithdrawn": 1,
    "case.ContactAttempted": 1,
    "case.DisclosureMade": 1,
    "case.DocumentAttached": 1,
    "case.DocumentSuperseded": 1,
    "case.DuplicateAbsorbed": 1,
    "case.ErasureRefused": 1,
    "case.ErasureRequested": 1,
    "case.FlagLowered": 1,
    "case.FlagRaised": 1,
    "case.FollowUpRecorded": 1,
    "case.GlassBroken": 1,
    "case.GlassClosed": 1,
    "case.GlassReviewOverdue": 1,
    "case.GlassReviewed": 1,
    "case.HoldLiftingAsked": 1,
    "case.HoldLiftingRefused": 1,
    "case.IncidentCorrected": 1,
    "case.IncidentRecorded": 1,
    "case.LeadTransferAccepted": 1,
    "case.LeadTransferAsked": 1,
    "case.LeadTransferDeclined": 1,
    "case.LegalHoldLifted": 1,
    "case.LegalHoldPlaced": 1,
    "case.NeedsAssessed": 1,
    "case.NoteRecorded": 1,
    "case.ProtectionOrderRecorded": 1,
    "case.ReferralAccepted": 1,
    "case.ReferralCancelled": 1,
    "case.ReferralCompleted": 1,
    "case.ReferralDrafted": 1,
    "case.ReferralEscalated": 1,
    "case.ReferralFailed": 1,
    "case.ReferralHeld": 1,
    "case.ReferralReceived": 1,
    "case.ReferralRejected": 1,
    "case.ReferralResumed": 1,
    "case.ReferralSent": 1,
    "case.ReferralStarted": 1,
    "case.ReferralUndelivered": 1,
    "case.ReportReceived": 1,
    "case.RiskAssessed": 1,
    "case.SafetyPlanAgreed": 1,
    "case.ServiceDelivered": 1,
    "case.SurvivorContactCorrected": 1,
    "case.SurvivorContactRecorded": 1,
    "case.SurvivorIdentified": 1,
    "case.SurvivorIdentityCorrected": 1,
    "erasure.DeletionAsked": 1,
}


def is_known(topic: str, schema: int) -> bool:
    """Whether a delivery of this topic and version can be understood here. A placeholder may bear the version of
    what stood there, which need not be known: it holds nothing."""
    return topic in PLACEHOLDERS or 1 <= schema <= HIGHEST.get(topic, 0)
