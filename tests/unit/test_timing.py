"""Nothing is said to have happened before its cause: every command there is, at any time, against an account of what
each answers that was written apart from it. What was entered late is possible, and stays what it is."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import pytest
from hypothesis import example
from hypothesis import given as for_any
from hypothesis import strategies as st
from msgspec.structs import replace
from standing_world import COMMANDS, COURT_ORDER, NETWORK, NOT_CHECKED, OPENER, POSITIONS, happened
from story import (
    C1,
    C2,
    CLOCK,
    CONFERENCE,
    DAY,
    DELIVERY,
    DOCUMENT,
    HOSPITAL,
    HOUR,
    LEAD,
    NEWER,
    NOON,
    R1,
    R2,
    SYSTEM,
    act,
    an_id,
    clock,
    consent,
    draft,
    draft_fields,
    fitting,
    given,
    later,
    moved,
    opened,
    say,
    sent,
    the_case,
    withdrawn,
    written,
)
from test_standing import AGENCY_COMMANDS, office_for

from rujukan.domain import agency_state, retention
from rujukan.domain.case import decide, fold
from rujukan.domain.case.clock_ends import MeetClock, ResumeClock
from rujukan.domain.case.conferences import AgreeAction, ConferenceHeld
from rujukan.domain.case.documents import AttachDocument, DocumentAttached
from rujukan.domain.case.first_hold import LegalHoldPlaced
from rujukan.domain.case.fulfilment import ReceiveReferral
from rujukan.domain.case.holds import LiftHoldOnOrder
from rujukan.domain.case.lifecycle import CaseClosed
from rujukan.domain.case.notes import RecordNote
from rujukan.domain.case.overrides import OverrideConsent
from rujukan.domain.case.referrals import DraftReferral, ReferralCancelled, ReferralSent, SendReferral
from rujukan.domain.case.reminders import EscalateReferral, ReferralEscalated
from rujukan.domain.case.services import DeliverService
from rujukan.domain.case.striking import RecordAccusedStatement, StrikeAllegedPerpetrator, StrikeEntry
from rujukan.domain.casefile.clocks import ClockMet, ClockOverdue
from rujukan.domain.casefile.evolving import fold_log
from rujukan.domain.casefile.state import FIRST
from rujukan.domain.causes import When
from rujukan.domain.codes import CloseReason, DocumentKind, ErasureBasis, ReferralStatus, Service
from rujukan.domain.custody import Ran, custody
from rujukan.domain.declaring import ASKED
from rujukan.domain.disclosure import Written
from rujukan.domain.erasure import AcknowledgeErasure, Asked, ErasureRecorded, acknowledge
from rujukan.domain.fact import CLOCK_SKEW, EARLIEST, Act, Fact
from rujukan.domain.history import as_of, facts
from rujukan.domain.refusal import BeforeItsCause, InTheFuture, NotAsItIsRecorded, Refusal
from rujukan.domain.timing import when
from rujukan.domain.webhook import Webhook

S = ReferralStatus
BEGAN = NOON - 200 * HOUR
"""When the first of all was said to have happened; each event an hour after the one before."""
NOW = NOON + 3 * DAY


class Answers(NamedTuple):
    """What a command answers: the last of these events that names what the command names by that field."""

    event: str
    by: str = ""
    state: ReferralStatus = S.IN_PROGRESS
    without: str = ""
    """Events that must not have happened for it to be possible."""
    time: datetime | None = None
    """When that was, where it is no event."""
    command: Fact | None = None
    """Another than the world's."""
    now: datetime = NOW
    ended: bool = False
    before_court: bool = False
    """The prosecution takes part, and attached a court's order."""
    pathway: str = "2026-2"


REFERRALS = (
    "ReferralDrafted ReferralSent ReferralReceived ReferralAccepted ReferralStarted ReferralCompleted AppointmentMade"
    " QuestionAsked CancellationAsked"
)
OPENED = Answers("CaseOpened")
WAITS = "LeadTransferAsked SharingStopped RightAsked"
UNDECIDED = "HoldPlaced ErasureRequested"
UNSETTLED = (
    "ClockStarted ClockMet ConsentReported OverrideAsked SharedWithoutConsent ActionAgreed FlagRaised GlassBroken"
)
ATTACHED = say(
    AttachDocument,
    document=NEWER,
    kind=DocumentKind.VISUM,
    compartment="health",
    media_type="application/pdf",
    size=3,
    sha256="0" * 64,
    supersedes=DOCUMENT,
)
ENDED_CLOCK = an_id("clock that ended")
DELIVERED = say(DeliverService, delivery=DELIVERY, service=Service.HEALTH, referral=R1)
DRAFTED = say(DraftReferral, **draft_fields(an_id("new"), "lbh", Service.LEGAL_AID))
AGREED = say(AgreeAction, action=an_id("new"), owner="uptd-ppa", what="w", due_on=NOON.date(), conference=CONFERENCE)

ACCOUNT: dict[str, Answers | None] = {
    "OpenCase": None,
    "ReceiveReport": None,
    "RecordIncident": None,
    "IdentifySurvivor": Answers("CaseOpened", without="SurvivorIdentified"),
    "CorrectSurvivorIdentity": Answers("SurvivorIdentified"),
    "RecordSurvivorContact": Answers("CaseOpened", without="SurvivorContactRecorded"),
    "CorrectSurvivorContact": Answers("SurvivorContactRecorded"),
    "CorrectIncident": Answers("IncidentRecorded", "incident"),
    "RecordAllegedPerpetrator": OPENED,
    "AssessAge": OPENED,
    "ReassessUrgency": OPENED,
    "WarnOfMajority": Answers("", time=NOON),
    "RecordCapacity": OPENED,
    "DecideBestInterest": OPENED,
    "SetSpeakerAside": OPENED,
    "HearSpeakerAgain": OPENED,
    "AssessNeeds": OPENED,
    "AssessRisk": OPENED,
    "AgreeSafetyPlan": OPENED,
    "GiveConsent": OPENED,
    "RefuseConsent": OPENED,
    "OverrideConsent": OPENED._replace(command=replace(COMMANDS[OverrideConsent], document=DOCUMENT)),
    "ApproveOverride": Answers("OverrideAsked", "consent"),
    "RefuseOverride": Answers("OverrideAsked", "consent"),
    "ReviewOverride": Answers("SharedWithoutConsent", "consent"),
    "EndOverride": Answers("SharedWithoutConsent", "consent"),
    "NarrowConsent": Answers("ConsentGiven", "consent"),
    "WithdrawConsent": Answers("ConsentGiven", "consent"),
    "ConfirmConsent": Answers("ConsentReported", "consent"),
    "ContradictConsent": Answers("ConsentReported", "consent"),
    "WarnOfExpiry": Answers("", time=NOON + 5.75 * HOUR),
    "StopSharing": OPENED,
    "ConfirmStop": Answers("SharingStopped"),
    "ContradictStop": Answers("SharingStopped"),
    "RaiseStop": Answers("SharingStopped"),
    "AskRight": OPENED,
    "AnswerRight": Answers("RightAsked"),
    "RaiseRight": Answers("", time=NOON - DAY),
    "ExpireConsent": Answers("", time=NOW + HOUR, now=NOW + DAY),
    "DraftReferral": OPENED,
    "DraftReferral redirects": Answers(
        "ReferralCompleted", command=replace(DRAFTED, redirects=R1), by="redirects", state=S.CANCELLED
    )._replace(event="ReferralCancelled"),
    "DraftReferral parent": Answers("ReferralSent", command=replace(DRAFTED, parent=R2), by="parent"),
    "DraftReferral clocks": Answers("", time=NOON, command=replace(DRAFTED, clocks=(CLOCK,))),
    "SendReferral": Answers("ReferralDrafted", "referral", S.DRAFT),
    "CancelReferral": Answers("ReferralStarted", "referral"),
    "EndUncoveredReferral": Answers("ReferralStarted", "referral", without="ConsentGiven"),
    "AskCancellation": Answers("ReferralStarted", "referral", without="CancellationAsked"),
    "AgreeToCancellation": Answers("CancellationAsked", "referral"),
    "DeclineCancellation": Answers("CancellationAsked", "referral"),
    "RaiseCancellation": Answers("", time=NOON),
    "ReceiveReferral": Answers("ReferralSent", "referral", S.REQUESTED),
    "AcceptReferral": Answers("ReferralReceived", "referral", S.RECEIVED),
    "RejectReferral": Answers("ReferralReceived", "referral", S.RECEIVED),
    "StartReferral": Answers("ReferralAccepted", "referral", S.ACCEPTED),
    "HoldReferral": Answers("ReferralStarted", "referral"),
    "ResumeReferral": Answers("ReferralHeld", "referral", S.ON_HOLD),
    "CompleteReferral": Answers("ReferralStarted", "referral"),
    "FailReferral": Answers("ReferralHeld", "referral", S.ON_HOLD),
    "EscalateReferral": Answers("", state=S.REQUESTED, time=NOON + DAY),
    "RaiseUndelivered": Answers("ReferralSent", "referral", S.REQUESTED),
    "RaiseStalled": Answers("ReferralAccepted", "referral", S.ACCEPTED, pathway="2026-3"),
    "LeaveRejected": Answers("ReferralRejected", "referral", S.REJECTED),
    "DeliverService": Answers("ReferralAccepted", "referral"),
    "DeliverService meets": Answers("", time=NOON, command=replace(DELIVERED, meets=(CLOCK,))),
    "RecordNote": OPENED,
    "RecordContactAttempt": OPENED,
    "RecordFollowUp": OPENED,
    "AttachDocument": Answers("CaseOpened", without="DocumentAttached"),
    "AttachDocument supersedes": Answers("DocumentAttached", command=ATTACHED),
    "HoldConference": Answers("CaseOpened", without="ConferenceHeld"),
    "AgreeAction": OPENED,
    "AgreeAction conference": Answers("ConferenceHeld", command=AGREED),
    "FinishAction": Answers("ActionAgreed"),
    "RecordProtectionOrder": OPENED,
    "RequestProtection": OPENED,
    "StrikeEntry": Answers("NoteRecorded", command=replace(COMMANDS[StrikeEntry], entry=6)),
    "StrikeAllegedPerpetrator": Answers(
        "AllegedPerpetratorRecorded", command=replace(COMMANDS[StrikeAllegedPerpetrator], entry=7)
    ),
    "RecordAccusedStatement": Answers(
        "AllegedPerpetratorRecorded", command=replace(COMMANDS[RecordAccusedStatement], entry=7)
    ),
    "MakeAppointment": Answers("ReferralStarted", "referral"),
    "MoveAppointment": Answers("AppointmentMade", now=NOON - HOUR),
    "CancelAppointment": Answers("AppointmentMade"),
    "KeepAppointment": Answers("AppointmentMade"),
    "MissAppointment": Answers("", time=NOON),
    "RaiseAppointment": Answers("", time=NOON),
    "AskQuestion": Answers("ReferralStarted", "referral"),
    "AnswerQuestion": Answers("QuestionAsked"),
    "RaiseQuestion": Answers("", time=NOON),
    "AmendReferral": Answers("ReferralStarted", "referral"),
    "RaiseFlag": OPENED,
    "LowerFlag": Answers("FlagRaised"),
    "MeetClock": Answers("", time=NOON),
    "EndClock": Answers("", time=NOON),
    "EndDuty": Answers("", time=NOON),
    "FindNotIndicated": Answers("", time=NOON),
    "ResumeClock": Answers("ClockMet", "clock", command=say(ResumeClock, clock=ENDED_CLOCK, reason="a slip")),
    "RaiseClock": Answers("", time=NOON + DAY),
    "RemindOfClock": Answers("", time=NOON - DAY, now=NOON + 20 * HOUR, pathway="2026-5"),
    "AssignCaseWorker": OPENED,
    "AskLeadTransfer": Answers("CaseOpened", without="LeadTransferAsked"),
    "AcceptLeadTransfer": Answers("LeadTransferAsked"),
    "DeclineLeadTransfer": Answers("LeadTransferAsked"),
    "CloseCase": Answers("CaseOpened", without=f"{REFERRALS} {WAITS}"),
    "CloseCase after a referral": Answers("ReferralCancelled", state=S.CANCELLED, without=f"{WAITS} another"),
    "ReopenCase": Answers("CaseClosed", ended=True),
    "MergeCase": Answers("CaseOpened", without=f"{REFERRALS} {WAITS} {UNSETTLED} {UNDECIDED}"),
    "AbsorbDuplicate": OPENED,
    "DiscloseCase": OPENED,
    "AskSurvivorReport": OPENED,
    "PlaceLegalHold": OPENED,
    "LiftLegalHold": Answers("HoldPlaced"),
    "LiftHoldOnOrder": Answers("DocumentAttached", "on_order", before_court=True),
    "LiftHoldOnOrder of a hold of before": Answers(
        "DocumentAttached",
        "on_order",
        before_court=True,
        without="HoldPlaced",
        command=say(LiftHoldOnOrder, hold=FIRST, on_order=COURT_ORDER["document"], rule="r"),
    ),
    "RequestErasure": Answers("CaseOpened", without=UNDECIDED),
    "ApproveErasure": Answers("ErasureRequested", without="HoldPlaced"),
    "RefuseErasure": Answers("ErasureRequested"),
    "CloseGlass": Answers("GlassBroken", now=NOON),
    "ReviewGlass": Answers("GlassBroken"),
    "RaiseOverrideReview": Answers("", time=NOON + HOUR),
    "RaiseGlassReview": Answers("", time=NOON - HOUR),
}
"""Command (and what it names beside) → what it answers; None: it may be said of any time."""
PROPOSALS = {"ApproveProposal", "RefuseProposal", "WithdrawProposal"}
BY_THE_SYSTEM = {"TellOfRecovery", "GiveNotice"}
AS_RECORDED = {
    *AGENCY_COMMANDS,
    *PROPOSALS,
    *BY_THE_SYSTEM,
    "BreakGlass",
    "AskGlassLeave",
    "AcknowledgeDeliveries",
}
AS_RECORDED |= {
    "ConfirmLegalHold",
    "EndUnconfirmedHold",
    "AskToConfirmHold",
    "LapseHold",
    "CheckCourtOrder",
    "ApprovePostponedErasure",
    "EndAnnouncedReferral",
    "EndReferralForSender",
}
AS_RECORDED |= {"AssignPerson", "EndAssignment", "ExcludePerson", "EndExclusion", "SeparateCase", "LapseAssignment"}
AS_RECORDED |= {"CarryExclusion", "BeginDuties"}
"""What takes effect as it is recorded."""


class Tried(NamedTuple):
    command: Fact
    case: Any
    by: Act
    not_before: datetime | None


@cache
def tried(name: str) -> Tried:
    """A command, a case in which it is possible now, and since when."""
    answers = ACCOUNT[name] or Answers("")
    command = answers.command or COMMANDS[next(c for c in COMMANDS if c.__name__ == name.split()[0])]
    log = _spread(answers)
    case = None if name == "OpenCase" else the_case(*log)
    log = [event for event, _ in log]
    by = next(by for by in _everybody(answers.now) if _refusal(replace(command, occurred_at=by.at), case, by) is None)
    not_before = answers.time
    if answers.event:
        thing = getattr(command, answers.by) if answers.by else None
        names = (type(e).__name__ == answers.event and (thing is None or thing in _ids(e)) for e in log)
        not_before = max(e.occurred_at for e, named in zip(log, names, strict=True) if named)
    if name == "RaiseUndelivered":
        assert not_before is not None
        not_before += 2 * HOUR  # by when something urgent is to have arrived
    if name == "RaiseStalled":
        assert not_before is not None
        not_before += DAY  # by when work on something urgent is to have begun
    return Tried(command, case, by, not_before)


def _spread(answers: Answers) -> list[Any]:
    """The world, an event an hour, without what stands in the way."""
    more = [
        say(ConferenceHeld, conference=CONFERENCE, attendees=frozenset({"uptd-ppa"})),
        say(DocumentAttached, **{**_fields(ATTACHED), "document": DOCUMENT, "supersedes": None}),
        *([say(LegalHoldPlaced, reason="r")] if answers.before_court else []),
    ]
    first, *others = happened(answers.state, ended=answers.ended)
    first = replace(first, pathway=answers.pathway)
    others.sort(key=_is_order)  # behind the holds: an older paper is not about them
    out = answers.without.split()
    log: list[Any] = []
    over = [replace(clock(NOON + 400 * DAY), clock=ENDED_CLOCK), say(ClockMet, clock=ENDED_CLOCK, in_time=True)]
    for n, entry in enumerate([first, *more, *others, *over]):
        event, author = entry if isinstance(entry, tuple) else (entry, "uptd-ppa")
        if not answers.before_court and _ids(event) & COURT:
            continue
        if type(event).__name__ in out or ("another" in out and _ids(event) & ANOTHER):
            continue
        lasts = {"expires_at": NOW + HOUR} if type(event).__name__ == "ConsentGiven" else {}
        order = {"document": DOCUMENT} if type(event).__name__ == "OverrideAsked" else {}
        log.append((replace(event, occurred_at=BEGAN + n * HOUR, **lasts, **order), author))
    return log


def _is_order(entry: Any) -> bool:
    return COURT_ORDER["document"] in _ids(entry[0] if isinstance(entry, tuple) else entry)


COURT = {an_id("to the prosecution"), COURT_ORDER["document"], NOT_CHECKED}
ANOTHER = {R2, an_id("to another"), an_id("mere draft")}


def _everybody(at: datetime) -> list[Act]:
    by = [act(agency, role, at) for agency in POSITIONS.values() for role in _ROLES]
    return [*by, *(replace(each, actor=OPENER) for each in by)]


_ROLES = list(type(LEAD.role))


def _ids(event: Fact) -> set[Any]:
    return {value for value in _fields(event).values() if isinstance(value, type(R1))}


def _fields(of: Fact) -> dict[str, Any]:
    return {name: getattr(of, name) for name in of.__struct_fields__}


def _refusal(command: Fact, case: Any, by: Act) -> Refusal | None:
    try:
        decide(command, case, by, NETWORK)
    except Refusal as refusal:
        return refusal
    return None


@pytest.mark.parametrize("name", ACCOUNT)
@for_any(back=st.timedeltas(timedelta(0), 400 * HOUR))
@example(back=timedelta(0))
@example(back=NOW - EARLIEST)
def test_nothing_is_said_to_have_happened_before_its_cause(name: str, back: timedelta) -> None:
    command, case, by, not_before = tried(name)
    said = replace(command, occurred_at=max(by.at - back, EARLIEST))
    if not_before is None or said.occurred_at >= not_before:
        assert all(event.occurred_at >= (not_before or EARLIEST) for event in decide(said, case, by, NETWORK))
    else:
        with pytest.raises(BeforeItsCause) as refused:
            decide(said, case, by, NETWORK)
        about = refused.value.about
        assert (about["field"], about["not_before"]) == ("occurred_at", not_before.isoformat())
        assert about["cause"]
        assert about["sebab"]


@pytest.mark.parametrize("name", [name for name, answers in ACCOUNT.items() if answers])
@pytest.mark.parametrize("by_a", [timedelta(microseconds=1), timedelta(minutes=3)])
def test_its_cause_is_the_very_limit(name: str, by_a: timedelta) -> None:
    command, case, by, not_before = tried(name)
    assert not_before is not None
    assert _refusal(replace(command, occurred_at=not_before), case, by) is None
    assert type(_refusal(replace(command, occurred_at=not_before - by_a), case, by)) is BeforeItsCause


def test_the_account_is_of_every_command() -> None:
    """One that is added is written down here, too, by whoever knows what it answers."""
    told = {name.split()[0] for name in ACCOUNT} | AS_RECORDED | {"AcknowledgeErasure"}
    assert {command.__name__ for command in ASKED} == told
    assert {c.__name__ for c in ASKED if when(c) is When.NOW} == AS_RECORDED
    assert {c.__name__ for c in ASKED if when(c) is When.ANY_TIME} == {n for n, a in ACCOUNT.items() if a is None}


@pytest.mark.parametrize("name", AGENCY_COMMANDS)
@for_any(back=st.timedeltas(timedelta(0), 10 * DAY))
@example(back=CLOCK_SKEW)
def test_what_changes_an_agency_takes_effect_as_it_is_recorded(name: str, back: timedelta) -> None:
    possible: dict[str, dict[str, Any]] = {
        "AskResealing": {"resealing": None},
        "EnableWebhook": {"webhook": Webhook("https://rsud.example/rujukan", 1, disabled="gone")},
    }
    office = replace(office_for(name), **possible.get(name, {})) if name != "RegisterAgency" else None
    command = replace(AGENCY_COMMANDS[name], occurred_at=NOON - back)
    found = []
    for by in (act(agency, role) for agency in ("rsud", "uptd-ppa") for role in _ROLES):
        try:
            found.append({event.occurred_at for event in agency_state.decide(command, office, by)})
        except NotAsItIsRecorded as refused:
            found.append({refused.about["field"]})
        except Refusal:
            continue
    assert found
    assert all(each == ({NOON} if back <= CLOCK_SKEW else {"occurred_at"}) for each in found)


def test_a_glass_is_broken_now_whether_there_is_such_a_case_or_not() -> None:
    said = replace(COMMANDS[next(c for c in COMMANDS if c.__name__ == "BreakGlass")], occurred_at=NOON - HOUR)
    for case in (None, the_case(*happened())):
        assert type(_refusal(said, case, act("disdik"))) is NotAsItIsRecorded


def test_an_agency_has_not_deleted_before_it_was_asked() -> None:
    record = say(
        ErasureRecorded,
        erasure=an_id("erasure"),
        case=an_id("case"),
        version=1,
        compartments=frozenset({"health"}),
        basis=ErasureBasis.SURVIVOR_REQUEST,
        lead="uptd-ppa",
        requested_by=OPENER,
        requested_at=NOON,
        approved_by=C1,
    )
    asked = Asked(record, told=frozenset({"rsud"}))  # type: ignore[arg-type]
    by = later(fitting(say(AcknowledgeErasure, erasure=record.erasure), HOSPITAL), DAY)  # type: ignore[attr-defined]
    done = say(AcknowledgeErasure, NOON, erasure=record.erasure)  # type: ignore[attr-defined]
    assert [event.occurred_at for event in acknowledge(done, asked, by)] == [NOON]
    with pytest.raises(BeforeItsCause):
        acknowledge(replace(done, occurred_at=NOON - HOUR), asked, by)


# Of which consent, and by whose clock ----------------------------------------------------------------------------


def test_a_referral_is_not_sent_before_the_consent_that_covers_it() -> None:
    """The first of several that cover it together; one that was narrowed since still covers from when it was given."""
    both = [consent(C1, of=("incident",), at=NOON + HOUR), consent(C2, of=("health",), at=NOON + 2 * HOUR)]
    story = given(opened(), draft(), *both, consent(an_id("later"), at=NOON + 5 * HOUR))
    by = later(LEAD, DAY)
    story.when(say(SendReferral, NOON + HOUR, referral=R1), by=by).refused(
        BeforeItsCause, not_before=NOON + 2 * HOUR, cause="the consent that covers it was given"
    )
    story.when(say(SendReferral, NOON + 2 * HOUR, referral=R1), by=by).then_only(ReferralSent)


def test_what_is_done_now_is_possible_whatever_was_said_before() -> None:
    """Also where the clock of whoever sent it ran ahead, before that was set right."""
    ahead = [opened(), consent(), draft(), sent(at=NOON + 3 * HOUR)]
    given(*ahead).when(say(ReceiveReferral, NOON, referral=R1), by=HOSPITAL).then(moved(S.RECEIVED))


def test_a_clock_that_runs_ahead_is_set_right() -> None:
    """So that whoever answers a moment later answers something that was."""
    for ahead in (timedelta(seconds=1), CLOCK_SKEW):
        said = say(SendReferral, NOON + ahead, referral=R1)
        given(opened(), consent(), draft()).when(said).then(sent(at=NOON))
    further = say(SendReferral, NOON + CLOCK_SKEW + timedelta(seconds=1), referral=R1)
    given(opened(), consent(), draft()).when(further).refused(InTheFuture)


def test_what_stood_on_a_consent_stops_as_its_end_is_recorded() -> None:
    """Said to have been withdrawn while the referral was not sent yet: it went on until somebody heard of it."""
    at_ten = replace(withdrawn(), occurred_at=NOON + HOUR)
    log = [opened(), consent(), draft(), sent(at=NOON + 2 * HOUR)]
    said = say(COMMANDS_BY_NAME["WithdrawConsent"], NOON + HOUR, consent=C1)
    events = given(*log).when(said, by=later(LEAD, 3 * HOUR)).events
    assert events[0] == at_ten
    assert [(type(e), e.occurred_at) for e in events[1:]] == [(ReferralCancelled, NOON + 3 * HOUR)]


COMMANDS_BY_NAME = {command.__name__: command for command in COMMANDS}


# Old logs --------------------------------------------------------------------------------------------------------


@for_any(st.lists(st.timedeltas(-50000 * DAY, 10 * DAY), min_size=40, max_size=40))
def test_a_log_is_folded_whatever_times_it_says(shifts: Sequence[timedelta]) -> None:
    """And goes on: what is done now is possible in any state that it may be in."""
    told = [e[0] if isinstance(e, tuple) else e for e in happened(S.REQUESTED)]
    events = [replace(e, occurred_at=NOON + shifts[n % len(shifts)]) for n, e in enumerate(told)]
    case = fold(events)
    by = act("rsud", at=NOON + 20 * DAY)
    assert decide(say(ReceiveReferral, by.at, referral=R1), case, by, NETWORK)
    log = [written(n, event, at=NOON + n * HOUR) for n, event in enumerate(events, 1)]
    assert custody(log, NOON + 100 * DAY).referrals
    assert facts(as_of(log, NOON + 100 * DAY).case, NOON + 100 * DAY)


# What was entered late -------------------------------------------------------------------------------------------


def log_of(*entries: tuple[datetime, Fact]) -> list[Written]:
    return [written(n, event, at=at) for n, (at, event) in enumerate(entries, 1)]


def clock_in(log: Sequence[Written], at: datetime, referral: bool = False) -> Ran:
    (found,) = [ran for ran in custody(log, at).clocks if (ran.referral is not None) == referral]
    return found


MET_AT_TWO = say(ClockMet, NOON + 2 * HOUR, clock=CLOCK, in_time=True)


def test_a_breach_that_stands_stays_beside_what_is_said_of_before() -> None:
    """Said at 17:40 to have been done at 14:00, of a clock that ran out at 16:00."""
    recorded_at = NOON + timedelta(hours=5, minutes=40)
    log = log_of((NOON, opened()), (NOON, clock(NOON + 4 * HOUR)), (recorded_at, MET_AT_TWO))
    assert clock_in(log, NOON + DAY) == Ran(
        CLOCK,
        None,
        NOON,
        NOON + 4 * HOUR,
        met_at=NOON + 2 * HOUR,
        met_recorded_at=recorded_at,
        breached_at=NOON + 4 * HOUR,
        held_by=("uptd-ppa",),
    )
    case = fold_log(log)
    assert case is not None
    assert case.clocks[CLOCK].late
    values = {field.name: value for field, value in facts(case, NOON + DAY).items() if field.of == "clock"}
    assert values["breached"] is True
    assert values["met_recorded_at"] == recorded_at.isoformat()


def test_what_was_recorded_in_time_was_in_time() -> None:
    log = log_of((NOON, opened()), (NOON, clock(NOON + 4 * HOUR)), (NOON + 4 * HOUR, MET_AT_TWO))
    assert clock_in(log, NOON + DAY).breached_at is None
    case = fold_log(log)
    assert case is not None
    assert not case.clocks[CLOCK].late


def test_a_window_that_had_closed_before_anybody_knew_goes_by_what_is_said() -> None:
    """What was brought in from elsewhere, years after: nobody could have said it in time."""
    log = log_of((NOON + DAY, opened()), (NOON + DAY, clock(NOON + 4 * HOUR)), (NOON + 2 * DAY, MET_AT_TWO))
    assert clock_in(log, NOON + 3 * DAY).breached_at is None
    late = replace(MET_AT_TWO, occurred_at=NOON + 5 * HOUR)
    log = log_of((NOON + DAY, opened()), (NOON + DAY, clock(NOON + 4 * HOUR)), (NOON + 2 * DAY, late))
    assert clock_in(log, NOON + 3 * DAY).breached_at == NOON + 4 * HOUR


def test_a_breach_that_was_raised_stays_and_is_not_met_in_time() -> None:
    raised = say(ClockOverdue, NOON + DAY, clock=CLOCK)
    story = given(opened(), clock(), raised)
    story.when(say(MeetClock, NOON + HOUR, clock=CLOCK), by=later(LEAD, 2 * DAY)).then(
        say(ClockMet, NOON + HOUR, clock=CLOCK, in_time=False)
    )


def test_an_answer_that_was_escalated_for_stays_late_whatever_is_said_of_it() -> None:
    received = replace(moved(S.RECEIVED), occurred_at=NOON + HOUR)
    escalated = say(ReferralEscalated, NOON + DAY, referral=R1, level=1)
    log = log_of(
        (NOON, opened()),
        (NOON, consent()),
        (NOON, draft()),
        (NOON, sent()),
        (NOON + DAY, escalated),
        (NOON + DAY + HOUR, received),
    )
    ran = clock_in(log, NOON + 2 * DAY, referral=True)
    assert (ran.met_at, ran.met_recorded_at, ran.breached_at) == (NOON + HOUR, NOON + DAY + HOUR, NOON + DAY)
    case = fold_log(log)
    assert case is not None
    assert case.referrals[R1].late
    assert case.referrals[R1].answer_recorded_at == NOON + DAY + HOUR


def test_nobody_is_late_in_answering_what_they_were_not_told() -> None:
    """Typed on the third day, said to have been sent on the first: the time to answer runs from when it was typed."""
    by = later(LEAD, 3 * DAY)
    case = given(opened(), consent(), draft()).when(say(SendReferral, NOON, referral=R1), by=by).then_only(ReferralSent)
    referral = case.referrals[R1]
    assert (referral.sent_at, referral.due_at) == (NOON, NOON + 4 * DAY)
    log = log_of((NOON, opened()), (NOON, consent()), (NOON, draft()), (by.at, sent(at=NOON)))
    log[-1] = replace(log[-1], event=say(ReferralSent, NOON, referral=R1, due_at=NOON + 4 * DAY))
    known = fold_log(log)
    assert known is not None
    assert known.referrals[R1].window == DAY
    for level in (0, 1, 2):
        due_at = NOON + (4 + level) * DAY
        with pytest.raises(Refusal):
            decide(
                say(EscalateReferral, due_at - HOUR, referral=R1), known, later(SYSTEM, due_at - HOUR - NOON), NETWORK
            )
        raised = decide(say(EscalateReferral, due_at, referral=R1), known, later(SYSTEM, due_at - NOON), NETWORK)
        known = fold(raised, known)
        assert known is not None


def test_a_case_is_kept_from_when_its_end_was_recorded() -> None:
    closed_long_ago = say(CaseClosed, EARLIEST, reason=CloseReason.GOALS_MET)
    case = fold_log(log_of((NOON, opened()), (NOON + DAY, closed_long_ago)))
    assert case is not None
    assert retention.CURRENT.due(case) == NOON + DAY + retention.PROSECUTION * retention.YEAR
    now = fold_log(log_of((NOON, opened()), (NOON + DAY, replace(closed_long_ago, occurred_at=NOON + DAY))))
    assert now is not None
    assert retention.CURRENT.due(case) == retention.CURRENT.due(now)


def test_late_entry_stays_possible() -> None:
    """Today is said what was done last week, in its order."""
    by, hospital = later(LEAD, 9 * DAY), later(HOSPITAL, 9 * DAY)
    log: list[Fact] = [opened(), consent(at=NOON + HOUR)]
    for command, who in (
        (say(DraftReferral, NOON + 2 * HOUR, **draft_fields()), by),
        (say(SendReferral, NOON + 3 * HOUR, referral=R1), by),
        (say(ReceiveReferral, NOON + 4 * HOUR, referral=R1), hospital),
    ):
        log += decide(command, the_case(*log), who, NETWORK)
    assert the_case(*log).referrals[R1].status is S.RECEIVED
    assert decide(say(RecordNote, NOON + 2 * HOUR, note=an_id("n")), the_case(*log), by, NETWORK)
