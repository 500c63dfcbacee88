"""A case at an instant: as it was, as an agency could see it then, what changed, and who held what."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from msgspec.structs import replace
from some import examples
from story import (
    CLOCK,
    DAY,
    HOUR,
    NETWORK,
    NOON,
    NOTE,
    R1,
    TRANSFER,
    WORKER,
    clock,
    consent,
    draft,
    moved,
    opened,
    referred,
    report,
    say,
    scope,
    sent,
    withdrawn,
    written,
)
from walk import AGENCIES, OUTSIDER, Walk

from rujukan.domain.case.conferences import ActionAgreed
from rujukan.domain.case.consents import ConsentGiven
from rujukan.domain.case.first_hold import LegalHoldPlaced
from rujukan.domain.case.lead import CaseWorkerAssigned, LeadTransferAccepted, LeadTransferAsked
from rujukan.domain.case.lifecycle import CaseClosed
from rujukan.domain.case.notes import NoteRecorded
from rujukan.domain.case.referrals import ReferralCancelled, ReferralDrafted
from rujukan.domain.casefile.clocks import ClockMet
from rujukan.domain.casefile.evolving import fold_log
from rujukan.domain.clock_codes import ClockDuty
from rujukan.domain.codes import AgencyKind, EndReason, ReferralStatus
from rujukan.domain.compartment import Compartment
from rujukan.domain.custody import Custody, custody
from rujukan.domain.disclosure import Knowledge, Written, may_open
from rujukan.domain.fact import Act, Fact
from rujukan.domain.history import AsOf, Entitlement, as_of, as_seen_by, diff, narrowed
from rujukan.domain.pathways import PATHWAYS
from rujukan.domain.remembered import Field, facts
from rujukan.domain.standing.reach import Reaches
from rujukan.domain.standing.rule import is_known_to

S = ReferralStatus
HEALTH = AgencyKind.HEALTH


def told_at(*told: tuple[datetime, Fact] | tuple[datetime, Fact, str]) -> list[Written]:
    """A case as it stands in the log: each event with when it was recorded, and by whom (the lead, unless said)."""
    return [written(n, t[1], *t[2:], at=t[0]) for n, t in enumerate(told, 1)]


def hourly(*events: Fact) -> list[Written]:
    """One event an hour, from NOON on."""
    return told_at(*((NOON + n * HOUR, event) for n, event in enumerate(events)))


def note(**said: str) -> NoteRecorded:
    return say(NoteRecorded, note=NOTE, **said)


def on_record(events: Sequence[Written], agency: str) -> list[Entitlement]:
    """What the register has of what the agency was told by these events."""
    knowledge = Knowledge()
    told = [(w.position, t) for w in events for t in knowledge.follow(w)]
    return [Entitlement(at, t.of.position, t.compartments) for at, t in told if t.agency == agency]


def seen(then: AsOf, agency: str) -> dict[str, tuple[set[str], set[str]]]:
    """Kind of event → (what the agency had been told of it, what it could open again)."""
    found = as_seen_by(then, on_record(then.events, agency), agency, NETWORK[agency].kind)
    return {type(s.of.event).__name__: ({c.word for c in s.entitled}, {c.word for c in s.could_open}) for s in found}


# As it was -------------------------------------------------------------------------------------------------------


def test_a_case_as_of_a_position_is_folded_from_what_stood_there_by_then() -> None:
    log = hourly(*referred(S.ACCEPTED))
    for position in range(1, len(log) + 1):
        then = as_of(log, position)
        assert then.case == fold_log(log[:position])
        assert then.at == NOON + (position - 1) * HOUR


def test_a_case_as_of_an_instant_has_what_was_recorded_by_then_whenever_it_had_happened() -> None:
    late = say(NoteRecorded, NOON - DAY, note=NOTE)
    log = told_at((NOON, opened()), (NOON + 2 * HOUR, late))
    assert len(as_of(log, NOON + HOUR).events) == 1
    assert len(as_of(log, NOON + 2 * HOUR).events) == 2


@pytest.mark.parametrize("when", [0, NOON - HOUR])
def test_before_it_was_opened_there_was_no_case(when: int | datetime) -> None:
    then = as_of(hourly(opened(), report()), when)
    assert then.case is None
    assert not then.events
    assert not as_seen_by(then, [Entitlement(1, 1, frozenset(Compartment))], "uptd-ppa", AgencyKind.LEAD)


def test_where_clocks_disagree_nothing_is_shown_that_was_recorded_later_and_what_is_left_out_is_named() -> None:
    ahead = NOON + 3 * HOUR
    log = told_at((NOON, opened()), (ahead, report()), (NOON + HOUR, note(health="h")), (ahead, note(legal="l")))
    then = as_of(log, NOON + 2 * HOUR)
    assert [w.position for w in then.events] == [1]
    assert then.left_out == [3]
    assert [w.position for w in as_of(log, 3).events] == [1, 2, 3]
    assert not as_of(log, ahead).left_out


# As an agency could see it ---------------------------------------------------------------------------------------


def test_before_its_referral_was_sent_an_agency_knew_nothing_and_then_what_went_before_too() -> None:
    log = hourly(opened(), report(), consent(), draft(incident="i"), sent())
    assert not seen(as_of(log, 4), "rsud")
    after = seen(as_of(log, 5), "rsud")
    assert after["ReferralDrafted"] == ({"coordination", "incident"}, {"coordination", "incident"})
    assert after["ReportReceived"] == ({"coordination", "incident"}, {"coordination", "incident"})


def test_what_was_told_stays_told_when_consent_is_withdrawn_and_can_be_opened_no_more() -> None:
    log = hourly(*referred(), note(health="h"), withdrawn())
    before, after = (seen(as_of(log, len(log) - n), "rsud") for n in (1, 0))
    assert before["NoteRecorded"] == ({"coordination", "health"}, {"coordination", "health"})
    assert after["NoteRecorded"] == ({"coordination", "health"}, set())


def test_a_consent_that_expired_between_two_instants_closes_what_was_told_without_any_event() -> None:
    log = hourly(opened(), note(health="h"), consent(until=NOON + DAY), draft(), sent())
    stood, expired = (seen(as_of(log, NOON + DAY + by), "rsud") for by in (-HOUR, timedelta(0)))
    assert stood["NoteRecorded"] == ({"coordination", "health"}, {"coordination", "health"})
    assert expired["NoteRecorded"] == ({"coordination", "health"}, set())


def test_later_consents_say_nothing_about_what_could_be_seen_before() -> None:
    other = say(ConsentGiven, **scope(WORKER, of=("legal",)), given_by=frozenset(), obtained="verbal")
    log = hourly(*referred(), note(health="h", legal="l"), other)
    assert seen(as_of(log, len(log) - 1), "rsud")["NoteRecorded"][0] == {"coordination", "health"}


def test_the_new_lead_sees_from_the_transfer_on_and_the_former_one_keeps_what_it_was_told() -> None:
    asked = say(LeadTransferAsked, transfer=TRANSFER, to="lbh", to_kind=AgencyKind.LEGAL_AID, reason="r")
    moved_on = say(LeadTransferAccepted, transfer=TRANSFER, lead="lbh", lead_kind=AgencyKind.LEGAL_AID)
    log = told_at(
        (NOON, opened()),
        (NOON + HOUR, note(legal="l")),
        (NOON + 2 * HOUR, asked),
        (NOON + 3 * HOUR, moved_on, "lbh"),
        (NOON + 4 * HOUR, say(ActionAgreed, action=WORKER, owner="lbh", what="w", due_on=NOON.date()), "lbh"),
    )
    assert seen(as_of(log, 3), "lbh").keys() == {"LeadTransferAsked"}
    assert seen(as_of(log, 4), "lbh")["NoteRecorded"] == ({"coordination"}, {"coordination"})
    former = seen(as_of(log, 5), "uptd-ppa")
    assert former["NoteRecorded"] == ({"coordination", "legal"}, {"coordination", "legal"})
    assert "ActionAgreed" not in former


def test_a_suspended_agency_had_been_told_and_could_open_nothing() -> None:
    then = as_of(hourly(*referred()), 99)
    found = as_seen_by(then, on_record(then.events, "rsud"), "rsud", HEALTH, active=False)
    assert found
    assert all(s.entitled and not s.could_open for s in found)


# What changed ----------------------------------------------------------------------------------------------------


def changes(log: Sequence[Written], a: int | datetime, b: int | datetime) -> dict[tuple[str, str], tuple[Any, Any]]:
    found = diff(as_of(log, a), as_of(log, b))
    return {(c.of, c.field): (c.before, c.after) for c in found.changes}


def test_a_diff_names_the_events_in_between_and_the_fields_they_changed() -> None:
    log = hourly(*referred(S.REQUESTED), moved(S.RECEIVED), withdrawn())
    found = diff(as_of(log, 4), as_of(log, 6))
    assert [type(w.event).__name__ for w in found.events] == ["ReferralReceived", "ConsentWithdrawn"]
    assert (
        changes(log, 4, 6).items()
        >= {
            ("referral", "status"): ("requested", "received"),
            ("referral", "answered_at"): (None, NOON.isoformat()),
            ("consent", "stands"): (True, False),
        }.items()
    )


def test_status_lead_hold_and_worker_are_among_what_changes() -> None:
    log = hourly(
        opened(),
        say(CaseWorkerAssigned, worker=WORKER),
        say(LegalHoldPlaced, reason="a trial"),
        say(LeadTransferAccepted, transfer=TRANSFER, lead="lbh", lead_kind=AgencyKind.LEGAL_AID),
        say(CaseClosed, reason="goals-met"),
    )
    assert changes(log, 1, 3) == {
        ("case", "worker"): (None, str(WORKER)),
        ("case", "on_hold"): (False, True),
        ("hold", "placed_at"): (None, NOON.isoformat()),
        ("hold", "of_proceedings"): (None, False),
        ("hold", "passed_by"): (None, []),
    }
    assert (
        changes(log, 3, 5).items()
        >= {
            ("case", "status"): ("open", "closed"),
            ("case", "close_reason"): (None, "goals-met"),
            ("case", "lead"): ("uptd-ppa", "lbh"),
            ("case", "former_leads"): ({}, {"uptd-ppa": "lead"}),
            ("case", "worker"): (str(WORKER), None),
        }.items()
    )


def test_an_expiry_and_a_breach_are_changes_without_an_event() -> None:
    log = hourly(opened(), consent(until=NOON + 2 * DAY), clock(due_at=NOON + DAY))
    found = diff(as_of(log, NOON + 5 * HOUR), as_of(log, NOON + 3 * DAY))
    assert not found.events
    assert {(c.of, c.field, c.after) for c in found.changes} == {
        ("consent", "stands", False),
        ("clock", "breached", True),
    }


def test_a_diff_looks_forward_only() -> None:
    log = hourly(opened(), report())
    with pytest.raises(ValueError, match="later"):
        diff(as_of(log, 2), as_of(log, 1))
    assert not diff(as_of(log, 1), as_of(log, 1)).changes


def test_before_an_agency_could_know_of_the_case_there_was_none_for_it() -> None:
    log = hourly(*referred(S.REQUESTED))
    assert narrowed(as_of(log, 3), "rsud").case is None
    assert narrowed(as_of(log, 4), "rsud").case is not None


def test_who_does_not_lead_sees_no_change_of_what_is_others() -> None:
    to_lawyers = draft(WORKER, to="lbh", of=("legal",))
    log = hourly(*referred(S.REQUESTED), say(CaseWorkerAssigned, worker=WORKER), to_lawyers, moved(S.RECEIVED))
    mine = [narrowed(as_of(log, at), "rsud") for at in (4, 7)]
    assert {c.id for c in diff(*mine).changes} == {R1}


# Custody ---------------------------------------------------------------------------------------------------------


def held(found: Custody) -> list[tuple[str, str, float, float | None]]:
    """(holder, status, from, until), in hours after NOON."""
    return [
        (h.holder, h.status.value, (h.since - NOON) / HOUR, (h.until - NOON) / HOUR if h.until else None)
        for h in found.referrals
    ]


def test_a_referral_is_its_sender_s_until_somebody_received_it() -> None:
    log = hourly(opened(), consent(), draft(), sent(), moved(S.RECEIVED), moved(S.ACCEPTED), moved(S.IN_PROGRESS))
    assert held(custody(log, NOON + DAY)) == [
        ("uptd-ppa", "draft", 2, 3),
        ("uptd-ppa", "requested", 3, 4),
        ("rsud", "received", 4, 5),
        ("rsud", "accepted", 5, 6),
        ("rsud", "in-progress", 6, None),
    ]


@pytest.mark.parametrize(("before", "holder"), [((), "uptd-ppa"), ((S.RECEIVED,), "rsud")])
def test_what_nobody_received_was_its_sender_s_to_the_end(before: tuple[S, ...], holder: str) -> None:
    log = hourly(opened(), consent(), draft(), sent(), *map(moved, before), moved(S.CANCELLED))
    last = custody(log, NOON + DAY).referrals[-1]
    assert (last.status, last.holder) == (S.CANCELLED, holder)


@pytest.mark.parametrize("answer", [S.RECEIVED, S.REJECTED])
def test_receipt_and_rejection_are_answers(answer: S) -> None:
    (asked,) = custody(hourly(opened(), consent(), draft(), sent(), moved(answer)), NOON + 9 * DAY).clocks
    assert (asked.met_at, asked.ended_at, asked.breached_at) == (NOON, None, None)


@pytest.mark.parametrize(("after", "breached"), [(HOUR, None), (2 * DAY, NOON + DAY)])
def test_a_cancelling_is_no_answer(after: timedelta, breached: datetime | None) -> None:
    cancelled = say(ReferralCancelled, NOON + after, referral=R1, reason=EndReason.BY_SENDER)
    log = [*hourly(*referred(S.REQUESTED)), written(5, cancelled, "uptd-ppa", NOON + after)]
    (asked,) = custody(log, NOON + 9 * DAY).clocks
    assert (asked.met_at, asked.ended_at, asked.breached_at) == (None, NOON + after, breached)


def test_who_led_and_who_was_case_worker_from_when_to_when() -> None:
    log = hourly(
        opened(),
        say(CaseWorkerAssigned, worker=WORKER),
        say(LeadTransferAccepted, transfer=TRANSFER, lead="lbh", lead_kind=AgencyKind.LEGAL_AID),
    )
    found = custody(log, NOON + DAY)
    assert [(led.agency, led.since, led.until) for led in found.led] == [
        ("uptd-ppa", NOON, NOON + 2 * HOUR),
        ("lbh", NOON + 2 * HOUR, None),
    ]
    assert [(a.agency, a.until) for a in found.accompanied] == [("uptd-ppa", NOON + 2 * HOUR)]


def ran(log: Sequence[Written], at: datetime, referral: bool = False) -> tuple[datetime | None, datetime | None]:
    """(met, breached) of the one clock of that kind."""
    (found,) = [c for c in custody(log, at).clocks if (c.referral is not None) == referral]
    return found.met_at, found.breached_at


def test_a_clock_is_breached_when_it_ran_out_as_of_the_instant_asked() -> None:
    due = NOON + DAY
    log = hourly(opened(), clock(due_at=due))
    assert ran(log, due) == (None, None)
    assert ran(log, due + timedelta(microseconds=1)) == (None, due)


def test_a_clock_met_in_time_is_never_breached_and_one_met_late_always_was() -> None:
    due = NOON + DAY
    for met_at, breached_at in ((due, None), (due + HOUR, due)):
        met = say(ClockMet, met_at, clock=CLOCK, in_time=met_at <= due)
        log = told_at((NOON, opened()), (NOON, clock(due_at=due)), (met_at, met))
        assert ran(log, NOON + 9 * DAY) == (met_at, breached_at)


def test_silence_breaches_the_time_to_answer() -> None:
    log = hourly(*referred(S.REQUESTED))
    assert ran(log, NOON + 2 * DAY, referral=True) == (None, NOON + DAY)
    answered = [*log, written(5, moved(S.RECEIVED), "rsud", NOON + 5 * HOUR)]
    assert ran(answered, NOON + 2 * DAY, referral=True) == (NOON, None)


def test_a_breach_names_who_led_and_who_held_the_file_then() -> None:
    shared = [clock(), consent(), draft(clocks=(CLOCK,)), sent(at=NOON + HOUR), moved(S.RECEIVED)]
    lead_moves = say(LeadTransferAccepted, transfer=TRANSFER, lead="lbh", lead_kind=AgencyKind.LEGAL_AID)
    log = [*hourly(opened(), *shared), written(7, lead_moves, "lbh", NOON + 2 * DAY)]
    (breach,) = [c for c in custody(log, NOON + 3 * DAY).clocks if c.breached_at]
    assert breach.clock == CLOCK
    assert breach.held_by == ("uptd-ppa", "rsud")


def test_custody_of_what_one_agency_knows_leaves_out_the_others() -> None:
    log = hourly(*referred(S.REQUESTED))
    unknown = [w for w in log if not isinstance(w.event, ReferralDrafted)]
    assert not custody(unknown, NOON + DAY).referrals
    assert custody(unknown, NOON + DAY).led


# Whatever happens ------------------------------------------------------------------------------------------------


class HistoryMachine(Walk):
    """Random commands of random agencies; at the end, every position is looked back at."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[Written] = []

    def accepted(self, command: Fact, by: Act, event: Fact) -> None:
        self.written.append(written(len(self.log), event, by.agency, by.at))

    def teardown(self) -> None:
        if not self.written:
            return
        head = as_of(self.written, len(self.written))
        assert head.case == self.case
        assert as_of(self.written, self.now).case == self.case
        knowledge = Knowledge()
        told: dict[str, list[Entitlement]] = {agency: [] for agency in (*AGENCIES, OUTSIDER)}
        for w in self.written:
            for t in knowledge.follow(w):
                told[t.agency].append(Entitlement(w.position, t.of.position, t.compartments))
            then = as_of(self.written, w.position)
            assert then.case == knowledge.case == fold_log(self.written[: w.position])
            for agency in (*AGENCIES, OUTSIDER):
                self.sees_what_it_was_told(then, knowledge, agency, told[agency])
        self.changes_add_up()
        self.somebody_leads_and_holds(custody(self.written, self.now))

    def sees_what_it_was_told(
        self, then: AsOf, knowledge: Knowledge, agency: str, on_record: list[Entitlement]
    ) -> None:
        told = {v: c for v, c in knowledge.told.get(agency, {}).items() if c}
        found = as_seen_by(then, on_record, agency, NETWORK[agency].kind)
        assert {s.of.version: s.entitled for s in found} == told
        assert knowledge.case is not None
        for s in found:
            again = may_open(Reaches(knowledge.case, then.at), s.of, s.entitled, agency, NETWORK[agency].kind)
            assert s.could_open == (again if is_known_to(knowledge.case, agency) else frozenset())
            assert s.could_open <= s.entitled | (
                s.of.compartments_present if s.of.author == agency else frozenset()
            ) | {Compartment.INCIDENT}

    def changes_add_up(self) -> None:
        """What changed from step to step leads from nothing to what is there."""
        now: dict[Field, Any] = {}
        before = as_of(self.written, 0)
        for w in self.written:
            after = as_of(self.written, w.position)
            for change in diff(before, after).changes:
                now[Field(change.of, change.id, change.field)] = change.after
            before = after
        assert {f: v for f, v in now.items() if v is not None} == {
            f: v for f, v in facts(before.case, before.at).items() if v is not None
        }

    def somebody_leads_and_holds(self, found: Custody) -> None:
        assert self.case is not None
        assert [led.agency for led in found.led if led.until is None] == [self.case.lead]
        last = {h.referral: h for h in found.referrals}
        assert {id: h.status for id, h in last.items()} == {r.id: r.status for r in self.case.referrals.values()}
        for span in found.referrals:
            assert span.until is None or span.since <= span.until
        for ran in found.clocks:
            if ran.clock is not None:
                known = self.case.clocks[ran.clock]
                assert (ran.due_at, ran.met_at) == (known.due_at, known.met_at)


TestHistoryMachine = HistoryMachine.TestCase
TestHistoryMachine.settings = settings(max_examples=examples(60), stateful_step_count=40, deadline=None)


@pytest.mark.parametrize("of", [("incident", "health"), ("health",)])
def test_a_duty_of_the_police_was_held_by_the_police_that_knew_of_it_before_the_lead(of: tuple[str, ...]) -> None:
    """What the police were sent, so that they owe it, they hold; a referral without what happened brings no duty."""
    protection = replace(clock(NOON + DAY), duty=ClockDuty.PROTECTION_SV, pathway=max(PATHWAYS))
    to_police = draft(to="polres", of=of)
    log = hourly(opened(), consent(), protection, to_police, sent(), moved(S.RECEIVED))
    (ran_out,) = [c for c in custody(log, NOON + 9 * DAY).clocks if c.clock is not None]
    assert ran_out.held_by == (("polres", "uptd-ppa") if "incident" in of else ("uptd-ppa",))


def test_a_clock_of_care_was_held_by_the_lead_and_by_whom_it_was_shared_with() -> None:
    care = replace(clock(NOON + DAY), duty=ClockDuty.CARE, pathway=max(PATHWAYS))
    log = hourly(opened(), consent(), care, draft(clocks=(CLOCK,)), sent(), moved(S.RECEIVED))
    (ran_out,) = [c for c in custody(log, NOON + 9 * DAY).clocks if c.clock is not None]
    assert ran_out.held_by == ("uptd-ppa", "rsud")
