"""A walk through a case: random commands of random agencies, with an account of the log kept another way.

`Walk` is a state machine of hypothesis without invariants; who inherits it says what must hold.
The functions above it tell, from the list of events alone and without the case's state, who led,
which consent stood, and where a referral was: what the rules are checked against.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from story import HOUR, NETWORK, NOON, act, an_id, say

from rujukan.domain.case import Case, decide
from rujukan.domain.case.clock_ends import MeetClock
from rujukan.domain.case.conferences import ActionAgreed, AgreeAction, FinishAction, HoldConference
from rujukan.domain.case.confirming import ConfirmConsent, ContradictConsent
from rujukan.domain.case.consents import (
    ConsentReported,
    GiveConsent,
    NarrowConsent,
    WithdrawConsent,
)
from rujukan.domain.case.documents import AttachDocument
from rujukan.domain.case.fulfilment import (
    AcceptReferral,
    CompleteReferral,
    FailReferral,
    HoldReferral,
    ReceiveReferral,
    ReferralAccepted,
    ReferralCompleted,
    ReferralFailed,
    ReferralHeld,
    ReferralReadyAgain,
    ReferralReceived,
    ReferralRejected,
    ReferralResumed,
    ReferralStarted,
    RejectReferral,
    ResumeReferral,
    StartReferral,
)
from rujukan.domain.case.identity import IdentifySurvivor
from rujukan.domain.case.incidents import RecordIncident
from rujukan.domain.case.intake import CaseOpened, OpenCase
from rujukan.domain.case.lead import (
    AcceptLeadTransfer,
    AskLeadTransfer,
    DeclineLeadTransfer,
    LeadTransferAccepted,
    LeadTransferAsked,
)
from rujukan.domain.case.lifecycle import CaseClosed, CaseReopened, CloseCase, ReopenCase
from rujukan.domain.case.merging import CaseMerged
from rujukan.domain.case.notes import RecordNote
from rujukan.domain.case.overrides import (
    ApproveOverride,
    EndOverride,
    OverrideAsked,
    OverrideConsent,
    RefuseOverride,
    SharedWithoutConsent,
)
from rujukan.domain.case.referrals import (
    CancelReferral,
    DraftReferral,
    ReferralCancelled,
    ReferralDrafted,
    ReferralSent,
    SendReferral,
)
from rujukan.domain.case.reminders import EscalateReferral
from rujukan.domain.case.services import DeliverService
from rujukan.domain.case.stopping import ConfirmStop, ContradictStop, StopSharing
from rujukan.domain.casefile.clocks import ClockStarted
from rujukan.domain.casefile.consenting import Scope
from rujukan.domain.casefile.evolving import said, take
from rujukan.domain.casefile.stopping import SharingStopped
from rujukan.domain.codes import (
    AgeGroup,
    Channel,
    CloseReason,
    ConsentBy,
    DocumentKind,
    EndReason,
    Obtained,
    Outcome,
    Purpose,
    RejectReason,
    Reporter,
    Role,
    Service,
    SharingBasis,
    StopAbout,
    Urgency,
)
from rujukan.domain.fact import Act, Fact
from rujukan.domain.refusal import AlreadyExists, NotForThisRole, Refusal, Unknown
from rujukan.domain.violence import GbvType, ViolenceForm

LED_BY = "uptd-ppa"
AGENCIES = ("uptd-ppa", "rsud", "polres", "lbh")
OUTSIDER = "disdik"
"""Is in the network, is never referred to, and must never learn anything."""

STATUS_AFTER: dict[type[Fact], str] = {
    ReferralDrafted: "draft",
    ReferralSent: "requested",
    ReferralReceived: "received",
    ReferralAccepted: "accepted",
    ReferralRejected: "rejected",
    ReferralStarted: "in-progress",
    ReferralHeld: "on-hold",
    ReferralReadyAgain: "accepted",
    ReferralResumed: "in-progress",
    ReferralCompleted: "completed",
    ReferralFailed: "failed",
    ReferralCancelled: "cancelled",
}
SENT_AND_NOT_ENDED = {"requested", "received", "accepted", "in-progress", "on-hold"}


# The account -------------------------------------------------------------------------------------------------


def led_by(log: Sequence[Fact]) -> str:
    """Who leads, by the last event that says so."""
    for event in reversed(log):
        if isinstance(event, CaseOpened | LeadTransferAccepted):
            return event.lead
    raise ValueError("a case has a lead")


def led_before(log: Sequence[Fact]) -> set[str]:
    """Who led once and does not lead now."""
    led = {event.lead for event in log if isinstance(event, CaseOpened | LeadTransferAccepted)}
    return led - {led_by(log)}


def drafts(log: Sequence[Fact]) -> dict[UUID, ReferralDrafted]:
    return {event.referral: event for event in log if isinstance(event, ReferralDrafted)}


def status_of(log: Sequence[Fact], referral: UUID) -> str:
    """Where a referral is, by the last event that moved it."""
    for event in reversed(log):
        if getattr(event, "referral", None) == referral and type(event) in STATUS_AFTER:
            return STATUS_AFTER[type(event)]
    raise ValueError("no such referral")


def was_sent(log: Sequence[Fact], referral: UUID) -> bool:
    return any(isinstance(event, ReferralSent) and event.referral == referral for event in log)


def open_to(log: Sequence[Fact], agency: str) -> list[ReferralDrafted]:
    """The referrals to that agency that were sent and have not ended."""
    return [
        draft
        for id, draft in drafts(log).items()
        if draft.recipient == agency and status_of(log, id) in SENT_AND_NOT_ENDED
    ]


def named(agencies: frozenset[str], recipients: frozenset[str]) -> frozenset[str]:
    """Those of the first that the second name, themselves or by their kind."""
    by_kind = {code for code, agency in NETWORK.items() if f"kind:{agency.kind.value}" in recipients}
    return agencies & (recipients | by_kind)


def is_closed(log: Sequence[Fact]) -> bool:
    lives = [event for event in log if isinstance(event, CaseClosed | CaseReopened | CaseMerged)]
    return bool(lives) and not isinstance(lives[-1], CaseReopened)


# The walk ----------------------------------------------------------------------------------------------------

agencies = st.sampled_from(AGENCIES)
roles = st.sampled_from((Role.CASE_WORKER, Role.SUPERVISOR))
words = st.frozensets(st.sampled_from(("incident", "health", "legal", "safety")), min_size=1)
purpose = st.sampled_from((Purpose.CARE, Purpose.LEGAL))
recipients = st.frozensets(st.sampled_from((*AGENCIES, "kind:health", "kind:police")), min_size=1, max_size=3)
purposes = st.frozensets(purpose, min_size=1)
abouts = st.sampled_from((StopAbout.EVERYTHING, StopAbout.OURS, StopAbout.RECIPIENTS))
numbers = st.integers(0, 2)
steps = st.integers(1, 5)
SERVICE_OF = {code: sorted(agency.services)[0] for code, agency in NETWORK.items()}
TEXTS = {"incident": "i", "health": "h", "legal": "l", "safety": "s"}

MOVES: dict[str, Callable[[UUID, datetime], Fact]] = {
    "send": lambda r, at: say(SendReferral, at, referral=r),
    "receive": lambda r, at: say(ReceiveReferral, at, referral=r),
    "accept": lambda r, at: say(AcceptReferral, at, referral=r),
    "reject": lambda r, at: say(RejectReferral, at, referral=r, reason=RejectReason.NO_CAPACITY),
    "start": lambda r, at: say(StartReferral, at, referral=r),
    "hold": lambda r, at: say(HoldReferral, at, referral=r, reason=EndReason.WAITING),
    "resume": lambda r, at: say(ResumeReferral, at, referral=r),
    "complete": lambda r, at: say(CompleteReferral, at, referral=r, outcome=Outcome.DELIVERED),
    "fail": lambda r, at: say(FailReferral, at, referral=r, reason=EndReason.UNREACHABLE),
    "cancel": lambda r, at: say(CancelReferral, at, referral=r),
}


class Walk(RuleBasedStateMachine):
    """The case so far: `log` is its events, `authors` and `times` are who recorded each and when."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self.case: Case | None = None
        self.printed = repr(None)
        """`repr` of the case, as it was made: nothing changes a state that there is."""
        self.log: list[Fact] = []
        self.authors: list[str] = []
        self.times: list[datetime] = []
        self.count = 0

    def accepted(self, command: Fact, by: Act, event: Fact) -> None:
        """Called for each event, after it was taken into `log` and `case`."""

    def attempt(self, command: Fact, agency: str, role: Role = Role.CASE_WORKER) -> bool:
        """Ask; take in what follows. An agency outside the case always gets the same answer."""
        by = act(agency, role, self.now)
        states = [(self.case, self.printed)]
        self.outsider_is_refused(command)
        try:
            events = decide(command, self.case, by, NETWORK)
        except Refusal:
            assert repr(self.case) == self.printed, "deciding changed the state"
            return False
        assert decide(command, self.case, by, NETWORK) == events, "deciding twice differs"
        for event in events:
            self.case = take(self.case, said([event], agency)[0])
            self.printed = repr(self.case)
            states.append((self.case, self.printed))
            self.log.append(event)
            self.authors.append(agency)
            self.times.append(self.now)
            self.accepted(command, by, event)
        for state, printed in states[:-1] or states:
            assert repr(state) == printed, "deciding or evolving changed a state"
        return True

    def outsider_is_refused(self, command: Fact) -> None:
        answer: type[Refusal] | None = None
        try:
            decide(command, self.case, act(OUTSIDER, Role.SUPERVISOR, self.now), NETWORK)
        except Refusal as refusal:
            answer = type(refusal)
        expected: type[Refusal] | None = Unknown
        if isinstance(command, OpenCase):
            expected = None if self.case is None else AlreadyExists
        if isinstance(command, EscalateReferral):
            expected = NotForThisRole
        assert answer is expected

    def new_id(self, kind: str) -> UUID:
        self.count += 1
        return an_id(f"{kind} {self.count}")

    def one_of(self, number: int, kind: type[Fact], field: str) -> UUID:
        """The id of one of the latest three such events; of nothing, where there is none."""
        found = [getattr(event, field) for event in self.log if isinstance(event, kind)]
        return found[-1 - number % min(3, len(found))] if found else an_id("nothing")

    def one_who_takes_part(self, number: int) -> str:
        """The lead, or one of those with an open referral."""
        others = sorted({drafted.recipient for agency in AGENCIES for drafted in open_to(self.log, agency)})
        found = [led_by(self.log), *others]
        return found[number % len(found)]

    # What is done

    @initialize()
    def open_case(self) -> None:
        self.attempt(
            say(
                OpenCase,
                self.now,
                channel=Channel.IN_PERSON,
                reporter=Reporter.SURVIVOR,
                account="a",
                urgency=Urgency.URGENT,
                age_group=AgeGroup.ADULT,
            ),
            LED_BY,
        )

    @rule(by=st.sampled_from((timedelta(seconds=1), HOUR, 30 * HOUR)))
    def time_passes(self, by: timedelta) -> None:
        self.now += by

    @rule(agency=agencies, of=words, to=recipients, purposes=purposes, lasts=st.sampled_from((None, 2, 48)))
    def give_consent(self, agency: str, of: frozenset[str], to: frozenset[str], purposes: Any, lasts: Any) -> None:
        self.attempt(
            say(
                GiveConsent,
                self.now,
                consent=self.new_id("consent"),
                compartments=of,
                recipients=to,
                purposes=purposes,
                expires_at=self.now + lasts * HOUR if lasts else None,
                given_by=frozenset({ConsentBy.SURVIVOR}),
                obtained=Obtained.VERBAL,
                witness="Saksi A",
                no_caregiver_because="none is safe",
            ),
            agency,
        )

    @rule(agency=agencies, role=roles, of=words, to=recipients)
    def override(self, agency: str, role: Role, of: frozenset[str], to: frozenset[str]) -> None:
        self.attempt(
            say(
                OverrideConsent,
                self.now,
                consent=self.new_id("consent"),
                compartments=of,
                recipients=to,
                purposes=frozenset({Purpose.CARE, Purpose.LEGAL}),
                basis=SharingBasis.COURT_ORDER,
                rule="an order",
                reason="ordered",
                document=an_id("the order"),
            ),
            agency,
            role,
        )

    @precondition(lambda self: any(isinstance(event, OverrideAsked) for event in self.log))
    @rule(agency=agencies, number=numbers, approved=st.booleans())
    def answer_a_sharing_without_consent(self, agency: str, number: int, approved: bool) -> None:
        """By a legal reviewer, who is another person than who asked, or is the same."""
        consent = self.one_of(number, OverrideAsked, "consent")
        command = ApproveOverride if approved else RefuseOverride
        for who in (agency, led_by(self.log)):
            self.attempt(say(command, self.now, consent=consent, reason="r"), who, Role.LEGAL_REVIEWER)

    @precondition(lambda self: any(isinstance(event, SharedWithoutConsent) for event in self.log))
    @rule(agency=agencies, number=numbers)
    def end_a_sharing_without_consent(self, agency: str, number: int) -> None:
        consent = self.one_of(number, SharedWithoutConsent, "consent")
        self.attempt(say(EndOverride, self.now, consent=consent, reason="r"), agency, Role.SUPERVISOR)

    @rule(agency=agencies, number=numbers, of=words, to=recipients, purposes=purposes)
    def narrow(self, agency: str, number: int, of: frozenset[str], to: frozenset[str], purposes: Any) -> None:
        consent = self.one_of(number, Scope, "consent")
        scopes = [event for event in self.log if isinstance(event, Scope) and event.consent == consent]
        if scopes:
            to = named(to, scopes[-1].recipients) or scopes[-1].recipients
            of = of & scopes[-1].compartments
            purposes = (purposes & scopes[-1].purposes) or scopes[-1].purposes
        self.attempt(
            say(
                NarrowConsent,
                self.now,
                consent=consent,
                compartments=of,
                recipients=to,
                purposes=purposes,
                expires_at=scopes[-1].expires_at if scopes else None,
            ),
            agency,
        )

    @precondition(lambda self: any(isinstance(event, ConsentReported) for event in self.log))
    @rule(agency=agencies, number=numbers, confirmed=st.booleans())
    def answer_a_reported_consent(self, agency: str, number: int, confirmed: bool) -> None:
        """By the lead, and by whoever else tries."""
        consent = self.one_of(number, ConsentReported, "consent")
        for who in (agency, led_by(self.log)):
            if confirmed:
                by = frozenset({ConsentBy.SURVIVOR})
                self.attempt(say(ConfirmConsent, self.now, consent=consent, given_by=by, obtained=Obtained.VERBAL), who)
            else:
                self.attempt(say(ContradictConsent, self.now, consent=consent), who)

    @precondition(lambda self: any(isinstance(event, Scope) for event in self.log))
    @rule(who=numbers, number=numbers)
    def withdraw(self, who: int, number: int) -> None:
        agency = self.one_who_takes_part(who)
        self.attempt(say(WithdrawConsent, self.now, consent=self.one_of(number, Scope, "consent")), agency)

    @rule(
        agency=agencies,
        about=st.sampled_from((StopAbout.EVERYTHING, StopAbout.OURS, StopAbout.RECIPIENTS)),
        to=recipients,
    )
    def stop(self, agency: str, about: StopAbout, to: frozenset[str]) -> None:
        named = to if about is StopAbout.RECIPIENTS else frozenset[str]()
        she = frozenset({ConsentBy.SURVIVOR})
        id = self.new_id("stop")
        self.attempt(say(StopSharing, self.now, stop=id, about=about, said_by=she, recipients=named), agency)

    @precondition(lambda self: any(isinstance(event, SharingStopped) for event in self.log))
    @rule(agency=agencies, number=numbers, confirmed=st.booleans())
    def answer_a_stop(self, agency: str, number: int, confirmed: bool) -> None:
        """By the lead, and by whoever else tries."""
        stop = self.one_of(number, SharingStopped, "stop")
        for who in (agency, led_by(self.log)):
            if confirmed:
                by = frozenset({ConsentBy.SURVIVOR})
                self.attempt(say(ConfirmStop, self.now, stop=stop, given_by=by, obtained=Obtained.VERBAL), who)
            else:
                self.attempt(say(ContradictStop, self.now, stop=stop), who)

    @rule(sender=agencies, to=agencies, of=words, purpose=purpose, wrong=numbers)
    def draft(self, sender: str, to: str, of: frozenset[str], purpose: Purpose, wrong: int) -> None:
        clocks = [event.clock for event in self.log if isinstance(event, ClockStarted)]
        self.attempt(
            say(
                DraftReferral,
                self.now,
                referral=self.new_id("referral"),
                recipient=to,
                service=Service.OTHER if wrong == 2 else SERVICE_OF[to],
                urgency=Urgency.URGENT,
                purpose=purpose,
                compartments=of,
                clocks=tuple(clocks[:1]),
                **TEXTS,
            ),
            sender,
        )

    @rule(
        number=numbers,
        to=st.sampled_from(("rsud", "rsud", "polres", "lbh")),
        of=words,
        purpose=purpose,
        lasts=st.sampled_from((None, None, 2)),
        steps=steps,
    )
    def refer(self, number: int, to: str, of: frozenset[str], purpose: Purpose, lasts: int | None, steps: int) -> None:
        """The usual way: consent, draft, send, and some steps on."""
        sender = self.one_who_takes_part(number)
        self.give_consent(sender, of, frozenset({to}), frozenset({purpose}), lasts)
        self.draft(sender, to, of, purpose, 0)
        self.go_on(0, steps)

    @precondition(lambda self: drafts(self.log))
    @rule(number=numbers, of=words, purpose=purpose)
    def consent_for_a_recipient(self, number: int, of: frozenset[str], purpose: Purpose) -> None:
        """Which may be for another purpose than its referral's."""
        recipient = drafts(self.log)[self.one_of(number, ReferralDrafted, "referral")].recipient
        self.give_consent(led_by(self.log), of, frozenset({recipient}), frozenset({purpose}), None)

    @precondition(lambda self: drafts(self.log))
    @rule(number=numbers, end=st.sampled_from(("complete", "fail", "cancel")))
    def end(self, number: int, end: str) -> None:
        """The next steps to the end; what ended moves no more, whoever asks."""
        self.go_on(number, 4)
        self.move_by_who_may(number, end)
        for move in ("cancel", "resume", "fail"):
            self.move_by_who_may(number, move)

    @precondition(lambda self: drafts(self.log))
    @rule(number=numbers, move=st.sampled_from(sorted(MOVES)))
    def move_by_who_may(self, number: int, move: str) -> None:
        referral = self.one_of(number, ReferralDrafted, "referral")
        draft = drafts(self.log).get(referral)
        if draft is not None:
            who = draft.sender if move in ("send", "cancel") else draft.recipient
            self.attempt(MOVES[move](referral, self.now), who)

    @precondition(lambda self: drafts(self.log))
    @rule(number=numbers, steps=steps)
    def go_on(self, number: int, steps: int) -> None:
        """The next steps forward."""
        referral = self.one_of(number, ReferralDrafted, "referral")
        for _ in range(steps):
            if referral in drafts(self.log):
                forward = {"draft": "send", "requested": "receive", "received": "accept", "accepted": "start"}
                self.move_by_who_may(number, forward.get(status_of(self.log, referral), "resume"))

    @rule(agency=agencies, number=numbers, move=st.sampled_from(sorted(MOVES)))
    def move_by_anybody(self, agency: str, number: int, move: str) -> None:
        self.attempt(MOVES[move](self.one_of(number, ReferralDrafted, "referral"), self.now), agency)

    @rule(number=numbers, role=st.sampled_from((Role.SYSTEM, Role.SUPERVISOR)))
    def escalate(self, number: int, role: Role) -> None:
        referral = self.one_of(number, ReferralDrafted, "referral")
        self.attempt(say(EscalateReferral, self.now, referral=referral), LED_BY, role)

    @rule(agency=agencies, gbv_type=st.sampled_from((GbvType.RAPE, GbvType.DENIAL)), domestic=st.booleans())
    def record_incident(self, agency: str, gbv_type: GbvType, domestic: bool) -> None:
        self.attempt(
            say(
                RecordIncident,
                self.now,
                incident=self.new_id("incident"),
                forms=frozenset({ViolenceForm.SEXUAL}),
                gbv_type=gbv_type,
                domestic=domestic,
                narrative="n",
            ),
            agency,
        )

    @rule(
        who=numbers,
        number=numbers,
        work=st.sampled_from(("meet_clock", "identify", "deliver", "attach", "finish_action")),
        anybody=st.none() | agencies,
    )
    def work(self, who: int, number: int, work: str, anybody: str | None) -> None:
        agency = anybody or self.one_who_takes_part(who)
        match work:
            case "meet_clock":
                self.meet_clock(agency, number)
            case "identify":
                self.identify(agency)
            case "deliver":
                self.deliver(agency, number)
            case "attach":
                self.attach(agency, "health" if number else "legal")
            case "finish_action":
                self.finish_action(agency, number)

    def meet_clock(self, agency: str, number: int) -> None:
        self.attempt(say(MeetClock, self.now, clock=self.one_of(number, ClockStarted, "clock")), agency)

    @rule(number=numbers, of=st.just(frozenset(TEXTS)) | words)
    def note(self, number: int, of: frozenset[str]) -> None:
        agency, fields = self.one_who_takes_part(number), {word: TEXTS[word] for word in of}
        self.attempt(say(RecordNote, self.now, note=self.new_id("note"), **fields), agency)

    def identify(self, agency: str) -> None:
        self.attempt(say(IdentifySurvivor, self.now, name="Penyintas A"), agency)

    def deliver(self, agency: str, number: int) -> None:
        self.attempt(
            say(
                DeliverService,
                self.now,
                delivery=self.new_id("delivery"),
                service=Service.HEALTH,
                referral=self.one_of(number, ReferralDrafted, "referral"),
                health="h",
            ),
            agency,
        )

    def attach(self, agency: str, compartment: str) -> None:
        self.attempt(
            say(
                AttachDocument,
                self.now,
                document=self.new_id("document"),
                kind=DocumentKind.OTHER,
                compartment=compartment,
                media_type="text/plain",
                size=1,
                sha256="0" * 64,
                **{compartment: "a document"},
            ),
            agency,
        )

    @rule(agency=agencies, number=numbers)
    def confer(self, agency: str, number: int) -> None:
        attendees = frozenset({agency, self.one_who_takes_part(number)})
        self.attempt(
            say(
                HoldConference,
                self.now,
                conference=self.new_id("conference"),
                attendees=attendees,
                **TEXTS,
            ),
            led_by(self.log),
        )

    @rule(number=numbers, owner=agencies)
    def agree_action(self, number: int, owner: str) -> None:
        agency, action = self.one_who_takes_part(number), self.new_id("action")
        self.attempt(say(AgreeAction, self.now, action=action, owner=owner, what="w", due_on=date(2026, 4, 1)), agency)

    def finish_action(self, agency: str, number: int) -> None:
        self.attempt(say(FinishAction, self.now, action=self.one_of(number, ActionAgreed, "action")), agency)

    @rule(agency=agencies, to=agencies)
    def ask_transfer(self, agency: str, to: str) -> None:
        for who in (agency, led_by(self.log)):
            asked = say(AskLeadTransfer, self.now, transfer=self.new_id("transfer"), to=to, reason="r")
            self.attempt(asked, who, Role.SUPERVISOR)

    @precondition(lambda self: any(isinstance(event, LeadTransferAsked) for event in self.log))
    @rule(agency=agencies, answer=st.sampled_from((AcceptLeadTransfer, DeclineLeadTransfer)))
    def answer_transfer(self, agency: str, answer: type[Fact]) -> None:
        asked = next(event for event in reversed(self.log) if isinstance(event, LeadTransferAsked))
        for who in (agency, asked.to):
            self.attempt(say(answer, self.now, transfer=asked.transfer), who, Role.SUPERVISOR)

    @precondition(lambda self: len(self.log) > 20 and not is_closed(self.log))
    @rule(agency=agencies)
    def close(self, agency: str) -> None:
        self.attempt(say(CloseCase, self.now, reason=CloseReason.GOALS_MET), agency)

    @precondition(lambda self: len(self.log) > 20)
    @rule(agency=agencies)
    def reopen(self, agency: str) -> None:
        for who in (agency, led_by(self.log)):
            self.attempt(say(ReopenCase, self.now, reason="again"), who)
