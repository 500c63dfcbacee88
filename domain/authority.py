"""Which role may ask for what, and for which purposes. The default is no.

The relation to the case (lead, sender, recipient) is the deciders' business; this is about the person.
"""

from . import agency as a
from . import delivery as d
from . import erasure as x
from . import webhook as w
from .case import commands as c
from .codes import Purpose, Role
from .fact import Fact

MACHINE_WORK: frozenset[type[Fact]] = frozenset(
    {
        c.OpenCase,
        c.ReceiveReport,
        c.ReceiveReferral,
        c.AcceptReferral,
        c.RejectReferral,
        c.StartReferral,
        c.HoldReferral,
        c.ResumeReferral,
        c.CompleteReferral,
        c.FailReferral,
        c.DeliverService,
        c.RecordNote,
        c.AttachDocument,
    }
)
"""What an agency's own system may do by itself. A consent, or a referral sent out, takes a person."""

CASE_WORK: frozenset[type[Fact]] = MACHINE_WORK | {
    c.IdentifySurvivor,
    c.CorrectSurvivorIdentity,
    c.RecordSurvivorContact,
    c.CorrectSurvivorContact,
    c.RecordIncident,
    c.CorrectIncident,
    c.RecordAllegedPerpetrator,
    c.AssessNeeds,
    c.AssessRisk,
    c.AgreeSafetyPlan,
    c.GiveConsent,
    c.RefuseConsent,
    c.NarrowConsent,
    c.WithdrawConsent,
    c.DraftReferral,
    c.SendReferral,
    c.CancelReferral,
    c.MeetClock,
    c.RecordContactAttempt,
    c.RecordFollowUp,
    c.HoldConference,
    c.AgreeAction,
    c.FinishAction,
    c.RecordProtectionOrder,
    c.CloseCase,
    c.ReopenCase,
}

HOLDS: frozenset[type[Fact]] = frozenset({c.PlaceLegalHold, c.LiftLegalHold, c.ApproveHoldLifting, c.RefuseHoldLifting})

ERASURE: frozenset[type[Fact]] = frozenset({c.RequestErasure, c.ApproveErasure, c.RefuseErasure})
"""It takes two people, both of the lead, in any of these roles: supervisor, legal reviewer, data protection officer."""

ACKNOWLEDGEMENT: frozenset[type[Fact]] = frozenset({x.AcknowledgeErasure, d.AcknowledgeDeliveries})

EMERGENCY: frozenset[type[Fact]] = frozenset({c.BreakGlass, c.CloseGlass})
"""For persons, never for machines, and not for the system either."""

SUPERVISION: frozenset[type[Fact]] = CASE_WORK | {
    c.OverrideConsent,
    c.AssignCaseWorker,
    c.AskLeadTransfer,
    c.AcceptLeadTransfer,
    c.DeclineLeadTransfer,
    c.MergeCase,
    c.AbsorbDuplicate,
}

ADMINISTRATION: frozenset[type[Fact]] = frozenset(
    {
        a.RegisterAgency,
        a.OfferServices,
        a.RegisterKey,
        a.RetireKey,
        a.AddMember,
        a.RemoveMember,
        a.SuspendAgency,
        a.ReactivateAgency,
    }
)

WEBHOOKS: frozenset[type[Fact]] = frozenset({w.SetWebhook, w.RemoveWebhook, w.EnableWebhook, w.ReplayWebhook})

ESCALATION: frozenset[type[Fact]] = frozenset(
    {c.EscalateReferral, c.RaiseUndelivered, c.RaiseClock, c.RaiseGlassReview}
)
"""What the system raises when time runs out."""

RESEALING: frozenset[type[Fact]] = frozenset({a.ApproveResealing, a.RefuseResealing})
"""By another person than the administrator who asked, and never by the system."""

COMMANDS: dict[Role, frozenset[type[Fact]]] = {
    Role.CASE_WORKER: CASE_WORK | EMERGENCY,
    Role.SUPERVISOR: SUPERVISION | EMERGENCY | ERASURE | ACKNOWLEDGEMENT | {c.ReviewGlass},
    Role.LEGAL_REVIEWER: HOLDS | ERASURE | {c.AttachDocument, c.RecordProtectionOrder, c.RecordNote, c.DiscloseCase},
    Role.DATA_PROTECTION_OFFICER: HOLDS | ERASURE | ACKNOWLEDGEMENT | RESEALING | {c.ReviewGlass},
    Role.AGENCY_ADMINISTRATOR: ADMINISTRATION | RESEALING | WEBHOOKS | {a.AskResealing},
    Role.INTEGRATOR: MACHINE_WORK | ACKNOWLEDGEMENT,
    Role.SYSTEM: SUPERVISION | ADMINISTRATION | ESCALATION | {w.DisableWebhook},
}

PURPOSES: dict[Role, frozenset[Purpose]] = {
    Role.CASE_WORKER: frozenset(
        {Purpose.CARE, Purpose.PROTECTION, Purpose.LEGAL, Purpose.COORDINATION, Purpose.SURVIVOR_REQUEST}
    ),
    Role.SUPERVISOR: frozenset(
        {Purpose.CARE, Purpose.PROTECTION, Purpose.LEGAL, Purpose.COORDINATION, Purpose.SUPERVISION}
    ),
    Role.LEGAL_REVIEWER: frozenset({Purpose.LEGAL, Purpose.AUDIT}),
    Role.DATA_PROTECTION_OFFICER: frozenset({Purpose.AUDIT, Purpose.SURVIVOR_REQUEST}),
    Role.AGENCY_ADMINISTRATOR: frozenset({Purpose.COORDINATION}),
    Role.INTEGRATOR: frozenset({Purpose.CARE, Purpose.PROTECTION, Purpose.LEGAL, Purpose.COORDINATION}),
    Role.SYSTEM: frozenset(Purpose),
}

KEEPERS = frozenset({Role.AGENCY_ADMINISTRATOR, Role.DATA_PROTECTION_OFFICER})
"""Roles that may see an agency's keys, and what is asked for them."""

READERS = frozenset({Role.CASE_WORKER, Role.SUPERVISOR, Role.LEGAL_REVIEWER, Role.INTEGRATOR})
"""Roles that may open protected content of their agency's cases."""

SUBSCRIBERS = frozenset({Role.INTEGRATOR})
"""Roles that may fetch what their agency is told, sealed to its key. Only who has the key can read it, so it is no
reading of content, and no access is recorded: the register says for ever what was told."""

AUDITORS = frozenset({Role.SUPERVISOR, Role.LEGAL_REVIEWER, Role.DATA_PROTECTION_OFFICER})
"""Roles that may see who did what, without its content."""


def roles_for(command: type[Fact]) -> frozenset[Role]:
    """The roles that may give this command."""
    return frozenset(role for role in Role if command in COMMANDS[role])
