"""A case in which somebody is everything that one can be to it, and one command of every kind that fits it.

uptd-ppa leads, and lbh did before; rsud and rumah-aman hold referrals, dinsos did; polres is asked to lead; psikolog
has a mere draft, and disdik nothing. The hospital wrote, owns and was sent what commands are about.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from msgspec.structs import replace
from story import (
    ACTION,
    C1,
    C2,
    C3,
    CLOCK,
    CONFERENCE,
    DAY,
    DELIVERY,
    DOCUMENT,
    GLASS,
    HOLD,
    HOUR,
    NETWORK,
    NEWER,
    NOON,
    NOTE,
    OPENER,
    OTHER_CASE,
    R1,
    R2,
    R3,
    TRANSFER,
    WORKER,
    an_id,
    broken_glass,
    brought_to,
    clock,
    closed,
    consent,
    draft,
    draft_fields,
    held,
    incident,
    incident_fields,
    opened,
    say,
    scope,
    the_case,
)

from rujukan.domain.age_table import WARNING
from rujukan.domain.case import Case
from rujukan.domain.case import glass as g
from rujukan.domain.case.ages import AssessAge, ReassessUrgency, WarnOfMajority
from rujukan.domain.case.amending import AmendReferral
from rujukan.domain.case.appointments import AppointmentMade, CancelAppointment, MakeAppointment, MoveAppointment
from rujukan.domain.case.assessments import AgreeSafetyPlan, AssessNeeds, AssessRisk
from rujukan.domain.case.attendance import KeepAppointment, MissAppointment, RaiseAppointment
from rujukan.domain.case.beginning import BeginDuties
from rujukan.domain.case.cancelling import (
    AgreeToCancellation,
    AskCancellation,
    CancellationAsked,
    DeclineCancellation,
    RaiseCancellation,
)
from rujukan.domain.case.clock_ends import EndClock, EndDuty, FindNotIndicated, MeetClock, ResumeClock
from rujukan.domain.case.conferences import ActionAgreed, AgreeAction, FinishAction, HoldConference
from rujukan.domain.case.confirming import ConfirmConsent, ContradictConsent
from rujukan.domain.case.consents import (
    ConsentReported,
    ExpireConsent,
    GiveConsent,
    NarrowConsent,
    RefuseConsent,
    WithdrawConsent,
)
from rujukan.domain.case.departing import LapseAssignment
from rujukan.domain.case.disclosures import DiscloseCase
from rujukan.domain.case.documents import AttachDocument, DocumentAttached
from rujukan.domain.case.erasure import (
    ApproveErasure,
    ApprovePostponedErasure,
    ErasureRequested,
    RefuseErasure,
    RequestErasure,
)
from rujukan.domain.case.expiring import WarnOfExpiry
from rujukan.domain.case.flags import FlagRaised, LowerFlag, RaiseFlag
from rujukan.domain.case.fulfilment import (
    AcceptReferral,
    CompleteReferral,
    FailReferral,
    HoldReferral,
    ReceiveReferral,
    RejectReferral,
    ResumeReferral,
    StartReferral,
)
from rujukan.domain.case.her_report import AskSurvivorReport
from rujukan.domain.case.holds import CheckCourtOrder, CourtOrderChecked, LiftHoldOnOrder, LiftLegalHold, PlaceLegalHold
from rujukan.domain.case.identity import (
    CorrectSurvivorContact,
    CorrectSurvivorIdentity,
    IdentifySurvivor,
    RecordSurvivorContact,
    SurvivorContactRecorded,
    SurvivorIdentified,
)
from rujukan.domain.case.incidents import (
    AllegedPerpetratorRecorded,
    CorrectIncident,
    RecordAllegedPerpetrator,
    RecordIncident,
)
from rujukan.domain.case.intake import OpenCase, ReceiveReport
from rujukan.domain.case.keeping import AskToConfirmHold, ConfirmLegalHold, EndUnconfirmedHold, LapseHold
from rujukan.domain.case.lead import (
    AcceptLeadTransfer,
    AskLeadTransfer,
    AssignCaseWorker,
    DeclineLeadTransfer,
    LeadTransferAccepted,
    LeadTransferAsked,
)
from rujukan.domain.case.leave import AskGlassLeave
from rujukan.domain.case.lifecycle import CloseCase, ReopenCase
from rujukan.domain.case.merging import AbsorbDuplicate, MergeCase, SeparateCase
from rujukan.domain.case.notes import NoteRecorded, RecordContactAttempt, RecordFollowUp, RecordNote
from rujukan.domain.case.orders import RecordProtectionOrder, RequestProtection
from rujukan.domain.case.overrides import (
    ApproveOverride,
    EndOverride,
    OverrideAsked,
    OverrideConsent,
    RaiseOverrideReview,
    RefuseOverride,
    ReviewOverride,
    SharedWithoutConsent,
)
from rujukan.domain.case.questions import AnswerQuestion, AskQuestion, QuestionAsked, RaiseQuestion
from rujukan.domain.case.referrals import CancelReferral, DraftReferral, SendReferral
from rujukan.domain.case.reminders import EscalateReferral, RaiseUndelivered
from rujukan.domain.case.reminding import RemindOfClock
from rujukan.domain.case.rights import AnswerRight, AskRight, RaiseRight, RightAsked
from rujukan.domain.case.sender_gone import EndReferralForSender
from rujukan.domain.case.services import DeliverService
from rujukan.domain.case.silence import LeaveRejected, RaiseStalled
from rujukan.domain.case.speaking import (
    BestInterestDecided,
    DecideBestInterest,
    HearSpeakerAgain,
    RecordCapacity,
    SetSpeakerAside,
    SpeakerSetAside,
)
from rujukan.domain.case.staffing import (
    AssignPerson,
    CarryExclusion,
    EndAssignment,
    EndExclusion,
    ExcludePerson,
    PersonExcluded,
)
from rujukan.domain.case.stopping import ConfirmStop, ContradictStop, RaiseStop, StopSharing
from rujukan.domain.case.striking import RecordAccusedStatement, StrikeAllegedPerpetrator, StrikeEntry
from rujukan.domain.case.uncovered import EndAnnouncedReferral, EndUncoveredReferral
from rujukan.domain.casefile.ages import AgeAssessed
from rujukan.domain.casefile.assigning import PersonAssigned
from rujukan.domain.casefile.clocks import RaiseClock
from rujukan.domain.casefile.stopping import SharingStopped
from rujukan.domain.clock_codes import AskedOf, ClockDuty, ClockEnd
from rujukan.domain.codes import (
    AgeGroup,
    AgencyKind,
    Channel,
    CloseReason,
    ConsentBy,
    DisclosureBasis,
    DocumentKind,
    EndReason,
    ErasureBasis,
    GlassVerdict,
    HoldEnd,
    HoldKind,
    LegalBasis,
    Obtained,
    Outcome,
    Purpose,
    ReferralStatus,
    RejectReason,
    Reporter,
    Service,
    SharingBasis,
    StopAbout,
    StruckBecause,
    Urgency,
)
from rujukan.domain.fact import Fact
from rujukan.domain.persons import AgeBasis, Capacity, Right, RightAnswer, SetAside
from rujukan.domain.referral_codes import AppointmentBy, QuestionAbout, QuestionReply
from rujukan.domain.violence import ClockNeed, Need, RiskLevel

S = ReferralStatus

ERASURE, FLAG, NEW = an_id("erasure"), an_id("flag"), an_id("new")
APPOINTMENT, QUESTION = an_id("appointment"), an_id("question")
STOP, DUTY = an_id("stop"), an_id("clock of a duty")
RIGHT = an_id("right")
WISHED, ALONE = an_id("asked to share"), an_id("shared alone")
EXCLUSION, KIN, ON_IT = an_id("exclusion"), an_id("who is kin"), an_id("case-worker of rsud")
ASKER = an_id("who asked")

GROUNDS = {"basis": SharingBasis.COURT_ORDER, "rule": "r", "reason": "r"}
DONE_ALONE = {"decided_by": OPENER, "bases": "2026-1", "review_due_at": NOON + HOUR}
SHARED = ("identity", "contact", "incident", "health", "safety")

COURT_ORDER: dict[str, Any] = {
    "document": an_id("court order"),
    "kind": DocumentKind.COURT_ORDER,
    "compartment": "legal",
    "media_type": "application/pdf",
    "size": 3,
    "sha256": "0" * 64,
}

NOT_CHECKED = an_id("court order that nobody checked")

POSITIONS = {
    "lead": "uptd-ppa",
    "party": "rsud",
    "other": "rumah-aman",
    "was": "dinsos",
    "led": "lbh",
    "asked": "polres",
    "drafted": "psikolog",
    "nobody": "disdik",
}
"""What an agency is to the case, in one word → an agency that is it. `party`: it also wrote, owns and was sent what the
command is about; `other`: another recipient; `was`: the recipient of a referral that ended."""

PLACES = {
    "rsud": {"to": "rsud", "service": Service.HEALTH},
    "rumah-aman": {"to": "rumah-aman", "service": Service.SHELTER},
    "dinsos": {"to": "dinsos", "service": Service.SOCIAL_REHABILITATION},
    "psikolog": {"to": "psikolog", "service": Service.PSYCHOSOCIAL},
}


def world(
    status: ReferralStatus = S.IN_PROGRESS, sender: str = "uptd-ppa", to: str = "rsud", ended: bool = False
) -> Case:
    """The case, with the referral `R1` in that state from that agency to that one."""
    return the_case(*happened(status, sender, to, ended))


def happened(
    status: ReferralStatus = S.IN_PROGRESS, sender: str = "uptd-ppa", to: str = "rsud", ended: bool = False
) -> list[Fact]:
    """What made it so."""
    moved_here = say(LeadTransferAccepted, transfer=an_id("first transfer"), lead="uptd-ppa", lead_kind=AgencyKind.LEAD)
    events = [
        opened(lead="lbh"),
        moved_here,
        consent(C1, to=("rsud", "rumah-aman", "dinsos", "psikolog", "polres"), of=SHARED, until=NOON + HOUR),
        (say(NoteRecorded, note=an_id("to be struck"), health="h"), "rsud"),
        (say(AllegedPerpetratorRecorded, relation="neighbour"), "rsud"),
        say(
            ConsentReported,
            **scope(C3, to="psikolog", of=("psychosocial",)),
            given_by=frozenset({ConsentBy.SURVIVOR}),
            obtained=Obtained.VERBAL,
            reported_by="rsud",
        ),
        (
            say(SharingStopped, stop=STOP, about=StopAbout.RECIPIENTS, recipients=frozenset({"lbh"}), answer_by=NOON),
            "rsud",
        ),
        (
            say(
                RightAsked,
                right=RIGHT,
                kind=Right.ACCESS,
                said_by=frozenset({ConsentBy.SURVIVOR}),
                answer_by=NOON,
                rule="2026-1",
            ),
            "rsud",
        ),
        (say(OverrideAsked, **scope(WISHED), **GROUNDS, asked_by=ASKER), "rsud"),
        (say(SharedWithoutConsent, **scope(ALONE, to="lbh"), **GROUNDS, **DONE_ALONE), "rsud"),
        say(SurvivorIdentified, name="Penyintas A"),
        say(
            AgeAssessed,
            age_group=AgeGroup.YOUNGER_ADOLESCENT,
            next_group_from=NOON + WARNING,
            age_table="2026-1",
            age_basis=AgeBasis.BIRTH_DATE,
        ),
        say(BestInterestDecided, decision=an_id("decision"), lets=frozenset({ConsentBy.SURVIVOR}), reason="r"),
        say(SpeakerSetAside, speakers=frozenset({ConsentBy.NEXT_OF_KIN}), set_aside=SetAside.NOT_SAFE),
        say(SurvivorContactRecorded, phone="0000"),
        incident(),
        clock(),
        replace(clock(), clock=DUTY, duty=ClockDuty.REPORT_TO_POLICE, need=ClockNeed.REPORT_TO_POLICE),
        *brought_to(S.ACCEPTED, R2, of=SHARED, **PLACES["rsud"]),
        *brought_to(S.ACCEPTED, an_id("to another"), of=("safety",), **PLACES["rumah-aman"]),
        *brought_to(S.COMPLETED, an_id("ended"), **PLACES["dinsos"]),
        draft(an_id("mere draft"), **PLACES["psikolog"]),
        *brought_to(status, R1, sender=sender, **PLACES[to]),
        say(LeadTransferAsked, transfer=TRANSFER, to="polres", to_kind=AgencyKind.POLICE, reason="r"),
        say(ActionAgreed, action=ACTION, owner="rsud", what="w", due_on=date(2026, 3, 10)),
        (
            say(
                QuestionAsked,
                question=QUESTION,
                referral=R1,
                asked_about=QuestionAbout.PROGRESS,
                asking="rsud",
                to="uptd-ppa",
                due_at=NOON,
                rule="2026-1",
            ),
            "rsud",
        ),
        say(CancellationAsked, referral=R1, reason=EndReason.DUPLICATE, due_at=NOON, rule="2026-1"),
        say(
            AppointmentMade,
            appointment=APPOINTMENT,
            referral=R1,
            made_by="rsud",
            appointed_for=NOON,
            due_at=NOON,
            rule="2026-1",
        ),
        say(FlagRaised, flag=FLAG, due_on=date(2026, 3, 10), seen_by=frozenset({"rumah-aman"}), raised_by="rsud"),
        broken_glass("rsud", OPENER, review_within=-HOUR),
        (say(PersonAssigned, person=ON_IT, agency="rsud"), "rsud"),
        (
            say(
                PersonExcluded,
                exclusion=EXCLUSION,
                person=KIN,
                member_of="rsud",
                kind=AgencyKind.HEALTH,
                placed_by="rsud",
                reason="r",
            ),
            "rsud",
        ),
        *brought_to(S.ACCEPTED, an_id("to the prosecution"), to="kejari", service=Service.LAW_ENFORCEMENT),
        (say(DocumentAttached, **COURT_ORDER), "kejari"),
        (say(DocumentAttached, **{**COURT_ORDER, "document": NOT_CHECKED}), "kejari"),
        say(CourtOrderChecked, document=COURT_ORDER["document"], rule="r", checked_by=ASKER),
        held(by="rsud", kind=HoldKind.CLAIM),
        say(
            ErasureRequested,
            erasure=ERASURE,
            compartments=frozenset({"economic"}),
            basis=ErasureBasis.SURVIVOR_REQUEST,
            asked_by=ASKER,
            reason="r",
        ),
    ]
    return [*events, *([closed()] if ended else [])]


NONE: frozenset[str] = frozenset()
IDENTITY: dict[str, Any] = {"name": "Penyintas A"}
CONTACT: dict[str, Any] = {"phone": "0000", "safe_to_call": None}
REPORT: dict[str, Any] = {"channel": Channel.HOTLINE, "reporter": Reporter.WITNESS}
MOVE: dict[str, UUID] = {"referral": R1}

COMMANDS: Mapping[type[Fact], Fact] = {
    type(command): command
    for command in (
        say(OpenCase, **REPORT, urgency=Urgency.URGENT, age_group=AgeGroup.ADULT),
        say(ReceiveReport, **REPORT),
        say(IdentifySurvivor, **IDENTITY),
        say(CorrectSurvivorIdentity, **IDENTITY, reason="r"),
        say(RecordSurvivorContact, **CONTACT),
        say(CorrectSurvivorContact, **CONTACT, reason="r"),
        say(RecordIncident, **{**incident_fields(), "incident": NEW}),
        say(CorrectIncident, **incident_fields(), reason="r"),
        say(RecordAllegedPerpetrator, relation="neighbour"),
        say(AssessNeeds, needs=frozenset({Need.HEALTH})),
        say(AssessRisk, level=RiskLevel.HIGH, reasons="r"),
        say(AgreeSafetyPlan, plan="p"),
        say(
            GiveConsent,
            **scope(C2),
            given_by=frozenset({ConsentBy.SURVIVOR}),
            obtained=Obtained.VERBAL,
        ),
        say(ConfirmConsent, consent=C3, given_by=frozenset({ConsentBy.SURVIVOR}), obtained=Obtained.VERBAL),
        say(ContradictConsent, consent=C3),
        say(RefuseConsent, consent=C2, given_by=frozenset({ConsentBy.SURVIVOR})),
        say(NarrowConsent, **scope(C1, of=("health",), until=NOON + HOUR)),
        say(WithdrawConsent, consent=C1),
        say(ExpireConsent, NOON, consent=C1),
        say(WarnOfExpiry, NOON, consent=C1),
        say(AssessAge, years_from=25, years_to=35, age_basis=AgeBasis.CLINICIAN),
        say(ReassessUrgency, urgency=Urgency.EMERGENCY, reason="r"),
        say(WarnOfMajority),
        say(RecordCapacity, capacity=Capacity.SUPPORTED),
        say(DecideBestInterest, decision=NEW, lets=frozenset({ConsentBy.GUARDIAN}), reason="r"),
        say(SetSpeakerAside, speakers=frozenset({ConsentBy.GUARDIAN}), set_aside=SetAside.ALLEGED_PERPETRATOR),
        say(HearSpeakerAgain, speakers=frozenset({ConsentBy.NEXT_OF_KIN})),
        say(StopSharing, stop=NEW, about=StopAbout.OURS, said_by=frozenset({ConsentBy.SURVIVOR})),
        say(ConfirmStop, stop=STOP, given_by=frozenset({ConsentBy.SURVIVOR}), obtained=Obtained.VERBAL),
        say(ContradictStop, stop=STOP),
        say(RaiseStop, NOON, stop=STOP),
        say(AskRight, right=NEW, kind=Right.ACCESS, said_by=frozenset({ConsentBy.SURVIVOR})),
        say(AnswerRight, right=RIGHT, answer=RightAnswer.GRANTED),
        say(RaiseRight, NOON, right=RIGHT),
        say(
            OverrideConsent,
            **scope(C2),
            **GROUNDS,
            document=COURT_ORDER["document"],
        ),
        say(ApproveOverride, consent=WISHED, reason="r"),
        say(RefuseOverride, consent=WISHED, reason="r"),
        say(ReviewOverride, consent=ALONE, verdict=GlassVerdict.JUSTIFIED, remark="r"),
        say(EndOverride, consent=ALONE, reason="r"),
        say(RaiseOverrideReview, consent=ALONE),
        say(DraftReferral, **draft_fields(NEW, "lbh", Service.LEGAL_AID)),
        say(SendReferral, **MOVE, duplicate_reason="r"),
        say(CancelReferral, **MOVE),
        say(ReceiveReferral, **MOVE),
        say(AcceptReferral, **MOVE),
        say(RejectReferral, **MOVE, reason=RejectReason.NO_CAPACITY),
        say(StartReferral, **MOVE),
        say(HoldReferral, **MOVE, reason=EndReason.WAITING),
        say(ResumeReferral, **MOVE),
        say(CompleteReferral, **MOVE, outcome=Outcome.DELIVERED),
        say(FailReferral, **MOVE, reason=EndReason.UNREACHABLE),
        say(EndUncoveredReferral, **MOVE, reason="r"),
        say(EndAnnouncedReferral, **MOVE),
        say(EndReferralForSender, **MOVE, reason="r"),
        say(AskCancellation, **MOVE, reason=EndReason.DUPLICATE),
        say(AgreeToCancellation, **MOVE),
        say(DeclineCancellation, **MOVE, reason="r"),
        say(RaiseCancellation, **MOVE),
        say(EscalateReferral, **MOVE),
        say(RaiseUndelivered, **MOVE),
        say(RaiseStalled, **MOVE),
        say(LeaveRejected, **MOVE),
        say(AskQuestion, question=NEW, asked_about=QuestionAbout.PROGRESS, **MOVE),
        say(AnswerQuestion, question=QUESTION, reply=QuestionReply.GO_ON),
        say(RaiseQuestion, question=QUESTION),
        say(AmendReferral, **MOVE, raised_to=Urgency.EMERGENCY),
        say(MakeAppointment, appointment=NEW, appointed_for=NOON + 30 * DAY, **MOVE),
        say(MoveAppointment, appointment=APPOINTMENT, appointed_for=NOON + 30 * DAY, changed_by=AppointmentBy.SURVIVOR),
        say(CancelAppointment, appointment=APPOINTMENT, changed_by=AppointmentBy.PROVIDER, remark="r"),
        say(KeepAppointment, appointment=APPOINTMENT),
        say(MissAppointment, appointment=APPOINTMENT, known_from=AppointmentBy.PROVIDER),
        say(RaiseAppointment, appointment=APPOINTMENT),
        say(DeliverService, delivery=DELIVERY, service=Service.HEALTH, **MOVE),
        say(RecordNote, note=NOTE, health="h"),
        say(RecordContactAttempt, note=NOTE, reached=False, means="m"),
        say(RecordFollowUp, note=NOTE),
        say(
            AttachDocument,
            document=DOCUMENT,
            kind=DocumentKind.VISUM,
            compartment="health",
            media_type="application/pdf",
            size=3,
            sha256="0" * 64,
        ),
        say(HoldConference, conference=CONFERENCE, attendees=frozenset({"uptd-ppa"})),
        say(AgreeAction, action=NEW, owner="uptd-ppa", what="w", due_on=date(2026, 3, 10)),
        say(FinishAction, action=ACTION),
        say(RecordProtectionOrder, order="7", issued_by="c", valid_from=date(2026, 3, 3)),
        say(RequestProtection, asked=AskedOf.COURT),
        say(RaiseFlag, flag=NEW, due_on=date(2026, 3, 10)),
        say(LowerFlag, flag=FLAG),
        say(MeetClock, clock=CLOCK),
        say(EndClock, clock=CLOCK, how=ClockEnd.DECLINED),
        say(EndDuty, clock=DUTY, ended_as=ClockEnd.NOT_DONE, grounds="g"),
        say(FindNotIndicated, clock=CLOCK, reason="immune"),
        say(ResumeClock, clock=CLOCK, reason="a slip"),
        say(RaiseClock, clock=CLOCK),
        say(RemindOfClock, clock=CLOCK),
        say(BeginDuties),
        say(StrikeEntry, entry=4, because=StruckBecause.ANOTHER_PERSON),
        say(StrikeAllegedPerpetrator, entry=5, because=StruckBecause.ANOTHER_PERSON, grounds="g"),
        say(RecordAccusedStatement, entry=5, statement="s", source="letter"),
        say(AssignCaseWorker, worker=WORKER),
        say(AskLeadTransfer, transfer=NEW, to="rsud", reason="r"),
        say(AcceptLeadTransfer, transfer=TRANSFER),
        say(DeclineLeadTransfer, transfer=TRANSFER),
        say(AssignPerson, person=WORKER, **MOVE),
        say(EndAssignment, person=ON_IT),
        say(ExcludePerson, exclusion=NEW, person=WORKER, member_of="rsud", reason="r"),
        say(EndExclusion, exclusion=EXCLUSION, reason="r"),
        say(
            CarryExclusion, exclusion=NEW, person=WORKER, member_of="rsud", kind=AgencyKind.HEALTH, placed_by="uptd-ppa"
        ),
        say(LapseAssignment, person=ON_IT, agency="rsud"),
        say(CloseCase, reason=CloseReason.GOALS_MET),
        say(ReopenCase, reason="r"),
        say(MergeCase, into=OTHER_CASE),
        say(AbsorbDuplicate, duplicate=OTHER_CASE),
        say(SeparateCase, reason="r"),
        say(
            DiscloseCase, disclosure=NEW, recipient="c", basis=DisclosureBasis.AUDIT, rule="r", compartments=frozenset()
        ),
        say(AskSurvivorReport, obtained=Obtained.WRITTEN),
        say(PlaceLegalHold, hold=NEW, hold_kind=HoldKind.TRIAL, reason="r"),
        say(LiftLegalHold, hold=HOLD, ended_by=HoldEnd.CLAIM_ENDED, rule="r"),
        say(ConfirmLegalHold, hold=HOLD),
        say(EndUnconfirmedHold, hold=HOLD),
        say(AskToConfirmHold, hold=HOLD),
        say(LapseHold, hold=HOLD),
        say(CheckCourtOrder, document=NOT_CHECKED, rule="r"),
        say(LiftHoldOnOrder, hold=HOLD, on_order=COURT_ORDER["document"], rule="r"),
        say(
            RequestErasure,
            erasure=NEW,
            basis=ErasureBasis.SURVIVOR_REQUEST,
            compartments=frozenset({"economic"}),
            reason="r",
        ),
        say(ApproveErasure, erasure=ERASURE),
        say(ApprovePostponedErasure, erasure=ERASURE),
        say(RefuseErasure, erasure=ERASURE, reason="r"),
        say(
            g.BreakGlass,
            glass=NEW,
            compartments=frozenset({"health"}),
            basis=LegalBasis.IMMINENT_DANGER,
            rule="r",
            reason="r",
        ),
        say(AskGlassLeave),
        say(g.CloseGlass, glass=GLASS),
        say(g.ReviewGlass, glass=GLASS, verdict=GlassVerdict.JUSTIFIED, remark="r"),
        say(g.RaiseGlassReview, glass=GLASS),
    )
}
"""One of every command of a case."""

__all__ = ["COMMANDS", "NETWORK", "NEWER", "POSITIONS", "R3", "Purpose", "world"]
