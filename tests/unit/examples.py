"""One event of every topic with something said in every field. Frozen: tests/golden/events_v1.json, and those
of later versions, are these."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from freeze import example as made_by_its_types
from story import NETWORK, an_id

from rujukan.domain import access as x
from rujukan.domain import agency as a
from rujukan.domain import catalogue
from rujukan.domain import codes as k
from rujukan.domain import delivery as d
from rujukan.domain import erasure as r
from rujukan.domain import violence as v
from rujukan.domain import webhook as w
from rujukan.domain.agency_keys import KeyRegistered, KeyRetired, ResealingApproved, ResealingAsked, ResealingRefused
from rujukan.domain.case.assessments import NeedsAssessed, RiskAssessed, SafetyPlanAgreed
from rujukan.domain.case.conferences import ActionAgreed, ActionDone, ConferenceHeld
from rujukan.domain.case.consents import ConsentGiven, ConsentNarrowed, ConsentRefused, ConsentWithdrawn
from rujukan.domain.case.disclosures import DisclosureMade
from rujukan.domain.case.documents import DocumentAttached, DocumentSuperseded
from rujukan.domain.case.erasure import CaseErased, ErasureRefused, ErasureRequested
from rujukan.domain.case.first_hold import HoldLiftingAsked, HoldLiftingRefused, LegalHoldLifted, LegalHoldPlaced
from rujukan.domain.case.fulfilment import (
    ReferralAccepted,
    ReferralCompleted,
    ReferralFailed,
    ReferralHeld,
    ReferralReceived,
    ReferralRejected,
    ReferralResumed,
    ReferralStarted,
)
from rujukan.domain.case.glass import GlassBroken, GlassClosed, GlassReviewed, GlassReviewOverdue
from rujukan.domain.case.identity import (
    SurvivorContactCorrected,
    SurvivorContactRecorded,
    SurvivorIdentified,
    SurvivorIdentityCorrected,
)
from rujukan.domain.case.incidents import AllegedPerpetratorRecorded, IncidentCorrected, IncidentRecorded
from rujukan.domain.case.intake import CaseOpened, ReportReceived
from rujukan.domain.case.lead import CaseWorkerAssigned, LeadTransferAccepted, LeadTransferAsked, LeadTransferDeclined
from rujukan.domain.case.lifecycle import CaseClosed, CaseReopened
from rujukan.domain.case.merging import CaseMerged, DuplicateAbsorbed
from rujukan.domain.case.notes import ContactAttempted, FollowUpRecorded, NoteRecorded
from rujukan.domain.case.orders import ProtectionOrderRecorded
from rujukan.domain.case.overrides import ConsentOverridden
from rujukan.domain.case.referrals import ReferralCancelled, ReferralDrafted, ReferralSent
from rujukan.domain.case.reminders import ReferralEscalated, ReferralUndelivered
from rujukan.domain.case.services import ServiceDelivered
from rujukan.domain.casefile.clocks import ClockEnded, ClockMet, ClockOverdue, ClockResumed, ClockStarted
from rujukan.domain.fact import Fact
from rujukan.domain.persons import Identifier, NikWarning

AT = datetime(2026, 3, 3, 20, 0, 0, 123456, tzinfo=timezone(timedelta(hours=8)))
LATER = datetime(2026, 3, 6, 12, 0, tzinfo=UTC)
DAY = date(2026, 3, 9)

DETAILS = {
    "incident": "of the incident",
    "health": "of health",
    "psychosocial": "of how she is",
    "legal": "of the law",
    "safety": "of safety",
    "economic": "of work and money",
}
SCOPE: dict[str, Any] = {
    "consent": an_id("consent"),
    "compartments": frozenset({"health", "incident", "coordination"}),
    "recipients": frozenset({"rsud", "kind:police"}),
    "purposes": frozenset({k.Purpose.CARE, k.Purpose.LEGAL}),
    "expires_at": LATER,
}
REPORT: dict[str, Any] = {
    "channel": k.Channel.HOTLINE,
    "reporter": k.Reporter.WITNESS,
    "reporter_name": "Pelapor A",
    "reporter_contact": "0000",
    "reporter_safe_to_call": False,
    "account": "kata “saksi” — baris\nkedua",
}
IDENTITY: dict[str, Any] = {
    "name": "Penyintas A",
    "nik": "6474010000000000",
    "nik_index": "0f" * 32,
    "identifier": Identifier.FAMILY_CARD,
    "identifier_number": "6474 0100 0000",
    "nik_warning": NikWarning.NO_SUCH_NUMBER,
    "born_on": date(1990, 1, 2),
    "sex": k.Sex.FEMALE,
    "language": "id",
    "guardian_name": "Wali A",
}
CONTACT: dict[str, Any] = {"phone": "0000", "address": "a street", "safe_times": "mornings", "safe_to_call": True}
INCIDENT: dict[str, Any] = {
    "incident": an_id("incident"),
    "forms": frozenset({v.ViolenceForm.SEXUAL, v.ViolenceForm.PHYSICAL}),
    "gbv_type": v.GbvType.RAPE,
    "happened_at": LATER,
    "place": v.Place.HOUSEHOLD,
    "narrative": "what happened",
    "domestic": True,
    "kinds": frozenset({v.SexualKind.RAPE}),
    "happened_until": LATER,
    "roughly": True,
    "repeated_since": AT,
    "penetration": v.YesNo.YES,
    "pregnancy_possible": v.YesNo.UNKNOWN,
    "complains": v.YesNo.YES,
    "disability": v.YesNo.NO,
    "told_by": v.ToldBy.HEALTH_WORKER,
}
REFERRAL = {"referral": an_id("referral")}
NOTE = {"note": an_id("note")}
GLASS = {"glass": an_id("glass")}

RESEALING: dict[str, Any] = {"key": "k3", "lost": frozenset({"k1", "k2"})}
FIELDS: dict[type[Fact], dict[str, Any]] = {
    ReportReceived: REPORT,
    CaseOpened: {
        "lead": "uptd-ppa",
        "lead_kind": k.AgencyKind.LEAD,
        "urgency": k.Urgency.EMERGENCY,
        "age_group": k.AgeGroup.ADOLESCENT,
        "pathway": "2026-1",
        "reference": "7/2026",
    },
    SurvivorIdentified: IDENTITY,
    SurvivorIdentityCorrected: {**IDENTITY, "reason": "misheard", "corrects": "uptd-ppa"},
    SurvivorContactRecorded: CONTACT,
    SurvivorContactCorrected: {**CONTACT, "reason": "a new number", "corrects": "uptd-ppa"},
    IncidentRecorded: INCIDENT,
    IncidentCorrected: {**INCIDENT, "reason": "a slip"},
    AllegedPerpetratorRecorded: {
        "name": "Terlapor A",
        "relation": "neighbour",
        "description": "tall",
        "danger": "owns a knife",
        "speaks_as": frozenset({k.ConsentBy.GUARDIAN}),
    },
    ClockStarted: {
        "clock": an_id("clock"),
        "starts_at": AT,
        "due_at": LATER,
        "pathway": "2026-1",
        "need": v.ClockNeed.HIV_PEP,
        "care": v.ClockNeed.HIV_PEP,
        "incident": an_id("incident"),
        "duty": k.ClockDuty.CARE,
        "started_by": k.ClockStart.INCIDENT,
        "guessed": True,
        "too_late": False,
        "known_at": AT,
    },
    ClockEnded: {
        "clock": an_id("clock"),
        "in_time": True,
        "ended_as": k.ClockEnd.SUPERSEDED,
        "how": k.ClockEnd.NOT_INDICATED,
        "reason": "immune",
        "grounds": "her word",
    },
    ClockResumed: {"clock": an_id("clock"), "reason": "a slip", "grounds": "a slip"},
    ClockMet: {
        "clock": an_id("clock"),
        "in_time": True,
        "document": an_id("document"),
        "referral": an_id("referral"),
        "grounds": "received by telephone",
    },
    ClockOverdue: {"clock": an_id("clock")},
    NeedsAssessed: {**DETAILS, "needs": frozenset({v.Need.SHELTER, v.Need.HEALTH})},
    RiskAssessed: {"level": v.RiskLevel.EXTREME, "reasons": "threats"},
    SafetyPlanAgreed: {"plan": "a neighbour knows", "review_on": DAY},
    ConsentGiven: {
        **SCOPE,
        "given_by": frozenset({k.ConsentBy.SURVIVOR, k.ConsentBy.CAREGIVER}),
        "obtained": k.Obtained.THUMBPRINT,
        "child_assent": True,
        "language": "en",
        "witness": "Saksi A",
        "no_caregiver_because": "none is safe",
        "assent_words": "yes, the doctor",
        "assent_not_asked": "she slept",
        "speaker": "her grandmother",
        "by_alleged": False,
        "supporter": "her sister",
        "interpreter": "Juru bahasa A",
        "text_version": "2026-1",
        "limits_told": "the duty to report",
        "recorded_how": "a note read back to her",
        "decision": an_id("decision"),
    },
    ConsentRefused: {
        "consent": an_id("consent"),
        "given_by": frozenset({k.ConsentBy.SURVIVOR}),
        "asked_for": frozenset({"rsud", "kind:police"}),
        "compartments": frozenset({"health"}),
        "purposes": frozenset({k.Purpose.LEGAL}),
        "remark": "not now",
        "by_alleged": False,
    },
    ConsentNarrowed: {**SCOPE, "said_by": frozenset({k.ConsentBy.SURVIVOR})},
    ConsentWithdrawn: {"consent": an_id("consent")},
    ConsentOverridden: {
        **SCOPE,
        "basis": k.LegalBasis.CHILD_MANDATORY_REPORT,
        "rule": "UU 35/2014",
        "decided_by": an_id("supervisor"),
        "reason": "a child",
        "survivor_told": True,
    },
    ReferralDrafted: {
        **DETAILS,
        **REFERRAL,
        "recipient": "rsud",
        "service": k.Service.FORENSIC,
        "urgency": k.Urgency.URGENT,
        "purpose": k.Purpose.CARE,
        "compartments": frozenset({"incident", "health"}),
        "clocks": (an_id("clock"), an_id("second clock")),
        "redirects": an_id("earlier referral"),
        "parent": an_id("parent referral"),
        "sender": "uptd-ppa",
        "sender_kind": k.AgencyKind.LEAD,
        "recipient_kind": k.AgencyKind.HEALTH,
    },
    ReferralSent: {**REFERRAL, "due_at": LATER, "duplicate_reason": "a second examination", "working_days": 3},
    ReferralReceived: {**REFERRAL, "person_has_it": False},
    ReferralAccepted: {**REFERRAL, "note": "tomorrow", "by_machine": True},
    ReferralRejected: {**REFERRAL, "reason": k.RejectReason.OUT_OF_AREA, "note": "too far"},
    ReferralStarted: {**REFERRAL, "by_machine": True},
    ReferralHeld: {**REFERRAL, "reason": k.EndReason.WAITING},
    ReferralResumed: REFERRAL,
    ReferralCompleted: {**REFERRAL, "outcome": k.Outcome.PARTIAL, "note": "half"},
    ReferralFailed: {**REFERRAL, "reason": k.EndReason.UNREACHABLE, "note": "moved"},
    ReferralCancelled: {**REFERRAL, "reason": k.EndReason.CONSENT_WITHDRAWN},
    ReferralEscalated: {**REFERRAL, "level": 2},
    ReferralUndelivered: {**REFERRAL, "level": 1, "to": "rsud"},
    ServiceDelivered: {
        **DETAILS,
        **REFERRAL,
        "delivery": an_id("delivery"),
        "service": k.Service.HEALTH,
        "meets": (an_id("clock"),),
        "gave": frozenset({v.ClockNeed.HIV_PEP}),
        "by_machine": True,
    },
    NoteRecorded: {**DETAILS, **NOTE, "subject": "a visit"},
    ContactAttempted: {**NOTE, "reached": True, "means": "telephone", "remark": "she answered"},
    FollowUpRecorded: {**DETAILS, **NOTE, "next_on": DAY},
    DocumentAttached: {
        **DETAILS,
        "document": an_id("document"),
        "kind": k.DocumentKind.VISUM,
        "compartment": "health",
        "media_type": "application/pdf",
        "size": 1234,
        "sha256": "0123456789abcdef" * 4,
        "supersedes": an_id("older document"),
    },
    DocumentSuperseded: {"document": an_id("older document"), "by": an_id("document")},
    ConferenceHeld: {**DETAILS, "conference": an_id("conference"), "attendees": frozenset({"rsud", "polres"})},
    ActionAgreed: {
        "action": an_id("action"),
        "owner": "rsud",
        "what": "see her again",
        "due_on": DAY,
        "conference": an_id("conference"),
    },
    ActionDone: {"action": an_id("action"), "remark": "seen"},
    ProtectionOrderRecorded: {
        "order": "7/2026",
        "issued_by": "the court",
        "valid_from": DAY,
        "valid_until": date(2026, 9, 9),
        "terms": "stay away",
        "kind": k.OrderKind.POLICE,
        "given_at": AT,
        "attended_from": AT,
        "ends_at": LATER,
    },
    CaseWorkerAssigned: {"worker": an_id("worker")},
    LeadTransferAsked: {
        "transfer": an_id("transfer"),
        "to": "lbh",
        "to_kind": k.AgencyKind.LEGAL_AID,
        "reason": "she moved",
    },
    LeadTransferAccepted: {"transfer": an_id("transfer"), "lead": "lbh", "lead_kind": k.AgencyKind.LEGAL_AID},
    LeadTransferDeclined: {"transfer": an_id("transfer"), "reason": "no capacity"},
    CaseClosed: {"reason": k.CloseReason.GOALS_MET, "summary": "she is well"},
    CaseReopened: {"reason": "it began again"},
    CaseMerged: {"into": an_id("other case")},
    DuplicateAbsorbed: {"duplicate": an_id("other case")},
    DisclosureMade: {
        "disclosure": an_id("disclosure"),
        "recipient": "the court",
        "basis": k.DisclosureBasis.COURT_ORDER,
        "rule": "1/Pen.Pid/2026",
        "compartments": frozenset({"incident", "legal"}),
        "as_of": 12,
        "withheld_events": (3, 4),
    },
    LegalHoldPlaced: {"reason": "a trial"},
    LegalHoldLifted: {"reason": "the trial ended"},
    HoldLiftingAsked: {"asked_by": an_id("reviewer"), "reason": "the trial ended"},
    HoldLiftingRefused: {"reason": "an appeal"},
    ErasureRequested: {
        "erasure": an_id("erasure"),
        "compartments": frozenset({"health", "contact"}),
        "basis": k.ErasureBasis.SURVIVOR_REQUEST,
        "asked_by": an_id("reviewer"),
        "reason": "she asks for it",
    },
    ErasureRefused: {"erasure": an_id("erasure"), "reason": "an appeal"},
    CaseErased: {
        "erasure": an_id("erasure"),
        "compartments": frozenset({"health", "contact"}),
        "requested_by": an_id("reviewer"),
        "approved_by": an_id("officer"),
    },
    GlassBroken: {
        **GLASS,
        "compartments": frozenset({"health", "contact"}),
        "basis": k.LegalBasis.IMMINENT_DANGER,
        "rule": "UU 12/2022",
        "reason": "she does not wake up",
        "agency": "rsud",
        "kind": k.AgencyKind.HEALTH,
        "actor": an_id("opener"),
        "role": k.Role.CASE_WORKER,
        "expires_at": LATER,
        "review_due_at": LATER,
    },
    GlassClosed: GLASS,
    GlassReviewed: {
        **GLASS,
        "verdict": k.GlassVerdict.JUSTIFIED,
        "remark": "nobody could be asked",
        "reviewer": an_id("reviewer"),
    },
    GlassReviewOverdue: {**GLASS, "level": 1},
    a.AgencyRegistered: {
        "code": "rsud",
        "kind": k.AgencyKind.HEALTH,
        "name": NETWORK["rsud"].name,
        "name_en": "Hospital",
        "area": "Bontang",
    },
    a.ServicesOffered: {"services": frozenset({k.Service.HEALTH, k.Service.FORENSIC})},
    KeyRegistered: {"key": "k1", "public_key": "A" * 1622},
    KeyRetired: {"key": "k1"},
    a.MemberJoined: {
        "member": an_id("member"),
        "roles": frozenset({k.Role.CASE_WORKER, k.Role.SUPERVISOR}),
        "name": "Pendamping A",
    },
    a.MemberLeft: {"member": an_id("member")},
    a.AgencySuspended: {"reason": "an inquiry"},
    a.AgencyReactivated: {},
    ResealingAsked: {**RESEALING, "reason": "the server burnt", "asked_by": an_id("administrator")},
    ResealingApproved: {**RESEALING, "asked_by": an_id("administrator"), "approved_by": an_id("officer")},
    ResealingRefused: {**RESEALING, "reason": "nobody knows of a fire"},
    w.WebhookSet: {"url": "https://rsud.example/rujukan"},
    w.WebhookRemoved: {},
    w.WebhookDisabled: {"reason": "failing"},
    w.WebhookEnabled: {},
    w.WebhookReplayed: {"after": 17},
    x.AccessRecorded: {
        "reader": an_id("reader"),
        "agency": "rsud",
        "role": k.Role.CASE_WORKER,
        "purpose": k.Purpose.CARE,
        "subject": UUID(int=1),
        "compartments": frozenset({"health", "coordination"}),
        "what": "timeline",
        "basis": "consent",
        "lines": ("12", "12.health"),
    },
    r.ErasureRecorded: {
        "erasure": an_id("erasure"),
        "case": an_id("case"),
        "version": 7,
        "compartments": frozenset({"health", "contact"}),
        "basis": k.ErasureBasis.RETENTION_ENDED,
        "lead": "uptd-ppa",
        "requested_by": an_id("reviewer"),
        "requested_at": LATER,
        "approved_by": an_id("officer"),
    },
    r.DeletionAsked: {
        "erasure": an_id("erasure"),
        "case": an_id("case"),
        "compartments": frozenset({"health", "contact"}),
        "agency": "rsud",
    },
    r.ErasureAcknowledged: {"erasure": an_id("erasure"), "case": an_id("case"), "agency": "rsud"},
    d.Acknowledged: {
        "agency": "rsud",
        "received": 9,
        "handled": 8,
        "failed": (d.Failure(4, "cannot-open"), d.Failure(7, "handler-failed")),
        "recovered": (3,),
    },
    r.CopiesKept: {
        "erasure": an_id("recall"),
        "case": an_id("case"),
        "agency": "rsud",
        "kept_basis": "medical records are kept for 25 years",
    },
    r.RecallRecorded: {
        "erasure": an_id("recall"),
        "case": an_id("case"),
        "consent": an_id("consent"),
        "version": 7,
        "ended": "narrowed",
        "compartments": frozenset({"health", "contact"}),
        "lead": "uptd-ppa",
        "recorded_by": an_id("reviewer"),
    },
}

EXAMPLES: dict[str, Fact] = {
    catalogue.topic_of(event): event(**{"occurred_at": AT, **fields}) for event, fields in FIELDS.items()
} | {topic: made_by_its_types(event) for topic, event in catalogue.TOPICS.items() if event not in FIELDS}
"""Topic → an event of it: those of the first release by hand, a newer one as `python -m tests.freeze` makes it."""
