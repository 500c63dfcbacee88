"""How a clock ends: met, declined, not applicable, not indicated, started in error; and that an end was a mistake.

Of care nobody but who has `health` is told which it was.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec.structs import replace
from story import (
    C2,
    CLOCK,
    DAY,
    DELIVERY,
    HOSPITAL,
    HOUR,
    LEAD,
    NETWORK,
    NOON,
    R1,
    R2,
    SYSTEM,
    an_id,
    brought_to,
    clock,
    consent,
    given,
    later,
    opened,
    say,
    the_case,
    written,
)

from rujukan.domain.case import decide
from rujukan.domain.case.clock_ends import (
    BY_DECISION,
    OTHERWISE,
    EndClock,
    EndDuty,
    FindNotIndicated,
    MeetClock,
    ResumeClock,
)
from rujukan.domain.case.documents import DocumentAttached
from rujukan.domain.case.services import DeliverService
from rujukan.domain.casefile.clocks import ClockEnded, ClockMet, ClockResumed, ClockStarted, RaiseClock
from rujukan.domain.casefile.evolving import evolve
from rujukan.domain.clock_codes import ClockDuty, ClockEnd
from rujukan.domain.codes import DocumentKind, ReferralStatus, Service
from rujukan.domain.compartment import Compartment
from rujukan.domain.custody import custody
from rujukan.domain.disclosure import Knowledge
from rujukan.domain.fact import Fact
from rujukan.domain.refusal import AlreadyDone, Invalid, NotForThisAgency, Refusal, Unknown, WrongMove
from rujukan.domain.standing.clocks import LAW
from rujukan.domain.standing.roles import AUDITORS
from rujukan.domain.standing.rows import LEADS
from rujukan.domain.standing.rule import roles_of, second_needed
from rujukan.domain.violence import ClockNeed
from rujukan.infra.store.transcoder import to_segments

S = ReferralStatus


def care(**other: Any) -> ClockStarted:
    """A clock of care, of which it is sealed how it ends."""
    return replace(clock(), duty=ClockDuty.CARE, need=ClockNeed.HIV_PEP, care=ClockNeed.HIV_PEP, **other)


def duty(of: ClockDuty = ClockDuty.PROTECTION_DV, **other: Any) -> ClockStarted:
    return replace(clock(), duty=of, need=ClockNeed.POLICE_PROTECTION_DV, **other)


def end(how: ClockEnd, why: str | None = None) -> EndClock:
    return say(EndClock, clock=CLOCK, how=how, reason=why)


def decides(how: ClockEnd = ClockEnd.NOT_DONE) -> EndDuty:
    return say(EndDuty, clock=CLOCK, ended_as=how, grounds="she said so")


MET = say(MeetClock, clock=CLOCK)
MET_SO = say(MeetClock, clock=CLOCK, grounds="Laporan diterima lisan oleh piket, nomornya menyusul.")


def attach(of: str = "legal", at: datetime = NOON) -> tuple[UUID, Fact]:
    said = {"kind": DocumentKind.POLICE_REPORT, "media_type": "application/pdf", "size": 1, "sha256": "0" * 64}
    paper = an_id("paper")
    return paper, say(DocumentAttached, at, document=paper, compartment=of, **said)


SHARED = [consent(of=("health",)), *brought_to(S.IN_PROGRESS, of=("health",), clocks=(CLOCK,))]
NOT_INDICATED = say(FindNotIndicated, clock=CLOCK, reason="immune")


# Which ends there are ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", sorted(OTHERWISE))
def test_nobody_has_to_say_met_for_what_was_not_done(how: ClockEnd) -> None:
    given(opened(), care()).when(end(how, "she said so")).then(
        say(ClockEnded, clock=CLOCK, in_time=True, how=how, reason="she said so")
    )


@pytest.mark.parametrize("how", sorted(BY_DECISION))
def test_a_duty_of_law_that_is_not_done_ends_by_decision_with_its_grounds(how: ClockEnd) -> None:
    given(opened(), duty()).when(decides(how)).then(
        say(ClockEnded, clock=CLOCK, in_time=True, ended_as=how, grounds="she said so")
    )


def test_she_owes_nobody_a_reason_and_who_decides_for_her_does() -> None:
    given(opened(), care()).when(end(ClockEnd.DECLINED)).then_only(ClockEnded)
    for how in OTHERWISE - {ClockEnd.DECLINED}:
        given(opened(), care()).when(end(how)).refused(Invalid, field="reason")


@pytest.mark.parametrize("how", sorted(set(ClockEnd) - OTHERWISE))
def test_no_other_end_is_said_by_this(how: ClockEnd) -> None:
    """*Met* is said by its own command, *not indicated* by a clinician, *superseded* by a correction."""
    given(opened(), care()).when(end(how, "so")).refused(Invalid, field="how")


def test_not_indicated_is_a_clinicians_word() -> None:
    given(opened(), care(), *SHARED).when(NOT_INDICATED, by=LEAD).refused(NotForThisAgency)
    given(opened(), care(), *SHARED).when(NOT_INDICATED, by=HOSPITAL).then(
        say(ClockEnded, clock=CLOCK, in_time=True, how=ClockEnd.NOT_INDICATED, reason="immune")
    )
    given(opened(), duty(), *SHARED).when(NOT_INDICATED, by=HOSPITAL).refused(Invalid, field="clock")


def test_a_clinicians_word_takes_the_place_of_what_was_said_before() -> None:
    """Story 7: declined at the lead at 10:20; the doctor, told by her, says at 11:40 why it is not needed."""
    declined = given(opened(), care(), *SHARED).when(end(ClockEnd.DECLINED)).events
    case = given(opened(), care(), *SHARED, *declined).when(
        replace(NOT_INDICATED, occurred_at=NOON + HOUR), by=later(HOSPITAL, HOUR)
    )
    after = case.then_only(ClockEnded).clocks[CLOCK]
    assert (after.ended_at, after.ended_by, after.ended_as) == (NOON + HOUR, "rsud", None)


def test_a_clock_ends_once() -> None:
    for started, otherwise, met in ((care(), end(ClockEnd.DECLINED), MET), (duty(), decides(), MET_SO)):
        for first in (otherwise, met):
            ended = given(opened(), started).when(first).events
            for second in (otherwise, met):
                given(opened(), started, *ended).when(second).refused(AlreadyDone, what="the clock's end")


def test_an_end_that_was_a_mistake_is_undone() -> None:
    resume = say(ResumeClock, NOON + HOUR, clock=CLOCK, reason="the wrong one")
    for started, otherwise, met in ((care(), end(ClockEnd.DECLINED), MET), (duty(), decides(), MET_SO)):
        for first in (otherwise, met):
            ended = given(opened(), started).when(first).events
            case = given(opened(), started, *ended).when(resume, by=later(LEAD, HOUR)).then_only(ClockResumed)
            assert case.clocks[CLOCK].runs
            assert case.clocks[CLOCK].due_at == started.due_at
        given(opened(), started).when(resume, by=later(LEAD, HOUR)).refused(Invalid, field="clock")


def test_what_a_correction_superseded_stays_so() -> None:
    over = say(ClockEnded, clock=CLOCK, in_time=True, ended_as=ClockEnd.SUPERSEDED)
    for command in (end(ClockEnd.DECLINED), say(MeetClock, clock=CLOCK), NOT_INDICATED):
        given(opened(), care(), *SHARED, over).when(command, by=HOSPITAL).refused(Invalid, field="clock")
    given(opened(), care(), over).when(say(ResumeClock, clock=CLOCK, reason="so")).refused(Invalid, field="clock")


# What met a duty of law ------------------------------------------------------------------------------------------

ACCEPTING = {
    ClockDuty.REPORT_TO_POLICE: "polres",
    ClockDuty.COURT_REQUEST: "kejari",
}
"""Duties that a referral shows to be met, and who has to have accepted it, of those who are tried."""
OF_LAW = sorted(LAW)


@pytest.mark.parametrize("of", OF_LAW)
def test_that_a_duty_of_law_was_met_is_not_said_without_what_met_it(of: ClockDuty) -> None:
    given(opened(), duty(of)).when(MET).refused(Invalid, field="grounds")


@pytest.mark.parametrize("of", OF_LAW)
def test_a_paper_of_the_case_shows_it_and_one_person_says_so(of: ClockDuty) -> None:
    """Attached long after what it shows, too."""
    paper, attached = attach(at=NOON + 5 * HOUR)
    command = say(MeetClock, NOON + HOUR, clock=CLOCK, document=paper)
    when = given(opened(), duty(of), attached).when(command, by=later(LEAD, 6 * HOUR))
    when.then(say(ClockMet, NOON + HOUR, clock=CLOCK, in_time=True, document=paper))
    assert second_needed(command, when.case, LEAD) is None


@pytest.mark.parametrize("of", OF_LAW)
def test_grounds_alone_take_another_person_of_the_lead(of: ClockDuty) -> None:
    when = given(opened(), duty(of)).when(MET_SO)
    when.then(say(ClockMet, clock=CLOCK, in_time=True, grounds=MET_SO.grounds))
    second = second_needed(MET_SO, when.case, LEAD)
    assert second is not None
    assert roles_of(second.rows) == AUDITORS
    assert all(row.where is LEADS for row in second.rows)


@pytest.mark.parametrize("state", [s for s in S if s is not S.DRAFT])
@pytest.mark.parametrize("of", OF_LAW)
def test_a_referral_shows_it_that_was_accepted_by_whom_the_law_means(of: ClockDuty, state: S) -> None:
    for to in ("polres", "kejari", "rsud"):
        sent_there = [consent(to=to, of=("incident",)), *brought_to(state, to=to, of=("incident",))]
        when = given(opened(), duty(of), *sent_there).when(say(MeetClock, clock=CLOCK, referral=R1))
        accepted = the_case(opened(), duty(of), *sent_there).referrals[R1].accepted_at is not None
        if ACCEPTING.get(of) == to and accepted:
            when.then(say(ClockMet, clock=CLOCK, in_time=True, referral=R1))
        else:
            when.refused(Invalid, field="referral")


@pytest.mark.parametrize("of", sorted(ACCEPTING))
def test_what_was_accepted_before_a_duty_began_shows_nothing_of_it(of: ClockDuty) -> None:
    """The police have her case since a year; of what happened to her last night nobody told them."""
    to = ACCEPTING[of]
    there = [consent(to=to, of=("incident",)), *brought_to(S.IN_PROGRESS, to=to, of=("incident",))]
    accepted = the_case(opened(), *there).referrals[R1].accepted_at
    assert accepted is not None
    for began, shows in ((accepted - HOUR, True), (accepted, True), (accepted + HOUR, False)):
        clock = duty(of, starts_at=began, due_at=NOON + 3 * DAY)
        command = say(MeetClock, NOON + 2 * DAY, clock=CLOCK, referral=R1)
        when = given(opened(), *there, clock).when(command, by=later(LEAD, 2 * DAY))
        if shows:
            when.then_only(ClockMet)
        else:
            when.refused(Invalid, field="referral")


def test_what_shows_it_is_there_and_somebody_who_may_know_it_names_it() -> None:
    """A document that one may not open is not there, nor is another's referral."""
    paper, attached = attach(of="psychosocial")
    theirs = [consent(of=("incident",)), *brought_to(S.IN_PROGRESS, of=("incident",), clocks=(CLOCK,))]
    others = [consent(C2, to="polres", of=("incident",)), *brought_to(S.ACCEPTED, R2, to="polres", of=("incident",))]
    there = given(opened(), duty(ClockDuty.REPORT_TO_POLICE), attached, *theirs, *others)
    for named in ({"document": paper}, {"document": an_id("nothing")}, {"referral": R2}):
        there.when(say(MeetClock, clock=CLOCK, **named), by=HOSPITAL).refused(Unknown)


def test_of_care_nobody_has_to_show_anything() -> None:
    given(opened(), care()).when(MET).then_only(ClockEnded)
    given(opened(), care()).when(MET_SO).refused(Invalid, field="grounds")
    assert second_needed(MET, the_case(opened(), care()), LEAD) is None


@pytest.mark.parametrize("of", OF_LAW)
def test_no_service_meets_a_duty_of_law(of: ClockDuty) -> None:
    """Else who says that they gave something says *met* without what the law asks."""
    serve = say(DeliverService, delivery=DELIVERY, service=Service.LAW_ENFORCEMENT, meets=(CLOCK,))
    given(opened(), duty(of)).when(serve).refused(Invalid, field="meets")


# What is told of it --------------------------------------------------------------------------------------------

ENDS = {
    "met": (say(MeetClock, clock=CLOCK), HOSPITAL),
    "declined": (end(ClockEnd.DECLINED), HOSPITAL),
    "not-applicable": (end(ClockEnd.NOT_APPLICABLE, "r"), HOSPITAL),
    "not-indicated": (NOT_INDICATED, HOSPITAL),
    "started-in-error": (end(ClockEnd.STARTED_IN_ERROR, "r"), HOSPITAL),
}


def test_all_ends_of_care_look_alike_without_health() -> None:
    """In form, in who is told, in custody: nobody who lacks `health` can tell one from another."""
    seen = []
    for command, by in ENDS.values():
        events = [opened(), care(), *SHARED]
        (ended,) = given(*events).when(command, by=by).events
        segments = to_segments(ended)
        assert segments.keys() == {Compartment.COORDINATION, Compartment.HEALTH}
        knowledge = Knowledge()
        for version, event in enumerate([*events, ended], 1):
            told = knowledge.follow(written(version, event, "rsud" if event is ended else "uptd-ppa"))
        to_lead = [t.compartments for t in told if t.agency == "uptd-ppa"]
        ran = custody((written(n, e, "rsud") for n, e in enumerate([*events, ended], 1)), NOON + 9 * DAY).clocks
        seen.append((type(ended), segments[Compartment.COORDINATION], to_lead, ran))
    assert all(each == seen[0] for each in seen)
    assert seen[0][2] == [frozenset({Compartment.COORDINATION})]


def test_a_clock_that_ended_is_no_breach_of_anybody() -> None:
    events = [written(n, e) for n, e in enumerate([opened(), care()], 1)]
    (ended,) = given(opened(), care()).when(end(ClockEnd.DECLINED)).events
    (ran,) = custody([*events, written(3, ended)], NOON + 9 * DAY).clocks
    assert (ran.ended_at, ran.ended_by, ran.breached_at, ran.held_by) == (NOON, "uptd-ppa", None, ())


def test_who_keeps_a_clock_of_care_with_health_alone_is_told_what_for() -> None:
    knowledge, told = Knowledge(), []
    for version, event in enumerate([opened(), care(), *SHARED], 1):
        told += knowledge.follow(written(version, event))
    (of,) = [t.compartments for t in told if t.agency == "rsud" and isinstance(t.of.event, ClockStarted)]
    assert of == {Compartment.COORDINATION, Compartment.HEALTH}


# Running out ---------------------------------------------------------------------------------------------------


def test_what_ended_is_never_raised() -> None:
    for command, by in ENDS.values():
        events = given(opened(), care(), *SHARED).when(command, by=by).events
        given(opened(), care(), *SHARED, *events).when_raised(say(RaiseClock, clock=CLOCK), 2 * DAY).refused(WrongMove)


def test_what_had_closed_before_anybody_knew_is_never_raised() -> None:
    closed = care(too_late=True, starts_at=NOON - 3 * DAY, due_at=NOON - HOUR)
    given(opened(), closed).when_raised(say(RaiseClock, clock=CLOCK), 2 * DAY).refused(WrongMove)
    (ran,) = custody([written(1, opened()), written(2, closed)], NOON + DAY).clocks
    assert (ran.too_late, ran.breached_at, ran.held_by) == (True, None, ())


def test_what_had_run_out_stays_a_breach_however_it_ends() -> None:
    late = later(LEAD, 2 * DAY)
    said_in_time = end(ClockEnd.DECLINED)
    given(opened(), care()).when(said_in_time, by=late).then(
        say(ClockEnded, clock=CLOCK, in_time=False, how=ClockEnd.DECLINED)
    )


# Its life ------------------------------------------------------------------------------------------------------


class LifeOfAClock(RuleBasedStateMachine):
    """Whatever is done to a clock, in whatever order: it runs, or it is over, and a breach that was raised stays."""

    def __init__(self) -> None:
        super().__init__()
        self.started = care()
        self.case = the_case(opened(), self.started, *SHARED)
        self.now = NOON
        self.running, self.raised, self.ended = True, False, 0

    def tries(self, command: Fact, by: Any = HOSPITAL) -> bool:
        act = replace(by, at=self.now)
        try:
            events = decide(replace(command, occurred_at=self.now), self.case, act, NETWORK)
        except Refusal:
            return False
        for event in events:
            self.case = evolve(self.case, event, act.agency, self.now)
        return True

    @rule(hours=st.integers(1, 30))
    def wait(self, hours: int) -> None:
        self.now += hours * HOUR

    @rule(name=st.sampled_from(sorted(ENDS)))
    def end(self, name: str) -> None:
        command, by = ENDS[name]
        passes = self.tries(command, by)
        assert passes == (self.running or name == "not-indicated")
        if passes:
            self.running, self.ended = False, self.ended + 1

    @rule()
    def undo(self) -> None:
        assert self.tries(say(ResumeClock, clock=CLOCK, reason="a slip")) == (not self.running)
        self.running = True

    @rule()
    def raise_it(self) -> None:
        due = self.now >= self.started.due_at
        passes = self.tries(say(RaiseClock, clock=CLOCK), SYSTEM)
        assert passes == (due and self.running and not self.raised)
        self.raised |= passes

    @precondition(lambda self: self.ended > 0)
    @invariant()
    def is_one_of_two(self) -> None:
        clock = self.case.clocks[CLOCK]
        assert clock.runs == self.running == (clock.ended_at is None)
        assert clock.met_at is None
        assert clock.overdue == self.raised


TestLifeOfAClock = LifeOfAClock.TestCase
