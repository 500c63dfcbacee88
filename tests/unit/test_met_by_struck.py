"""Nothing that was struck meets a duty: what met it is taken back with it, whoever strikes it, and the duty is due when
it was.

A random walk records orders, requests, care and papers, shows duties by papers, replaces and strikes, by several
agencies. After each act, and a look of the system, each clock that is over is held against the log itself: what its end
stands on, was that struck?
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from story import DAY, HOUR, NOON, act, an_id
from test_clock_rows import CARE, FIRST, SYSTEM, D, Play, of_order, protected, world

from rujukan.domain.case.beginning import BeginDuties
from rujukan.domain.case.clock_ends import FindNotIndicated, MeetClock, ResumeClock
from rujukan.domain.case.documents import AttachDocument, DocumentAttached, DocumentSuperseded
from rujukan.domain.case.orders import (
    ProtectionOrderRecorded,
    ProtectionRequested,
    RecordProtectionOrder,
    RequestProtection,
)
from rujukan.domain.case.services import DeliverService, ServiceDelivered
from rujukan.domain.case.striking import EntryStruck, StrikeEntry
from rujukan.domain.casefile.clocks import ClockEnded, ClockMet, ClockResumed, ClockStarted, RaiseClock
from rujukan.domain.clock_codes import AskedOf, OrderKind
from rujukan.domain.codes import DocumentKind, Role, StruckBecause
from rujukan.domain.fact import Fact
from rujukan.domain.refusal import Refusal, WrongMove
from rujukan.domain.standing.clocks import LAW

WRONG = {"because": StruckBecause.NOT_ACCURATE}
PAPER = {"media_type": "application/pdf", "size": 1, "sha256": "0" * 64, "compartment": "incident"}
AUTHORS = ("uptd-ppa", "polres", "rsud", "kejari")
ROLES = (Role.CASE_WORKER, Role.SUPERVISOR, Role.LEGAL_REVIEWER)
Entries = ProtectionOrderRecorded | ProtectionRequested | ServiceDelivered | DocumentAttached


class Acts(Play):
    """A case of which each event is kept with its number and the act that it is of."""

    def __init__(self) -> None:
        super().__init__()
        self.case, self.ids = protected()
        self.acts: list[list[tuple[int, Fact]]] = []
        self.of_lead: set[int] = set()
        self.hours = 2
        self.looks()
        self.met_before = {clock.id for clock in self.case.clocks.values() if clock.is_over}
        """By what was recorded before the walk, which it does not strike."""

    def acts_as(self, agency: str, role: Role, what: type[Fact], **fields: Any) -> list[Fact]:
        self.hours += 1
        number = self.case.version
        by = SYSTEM if agency == "system" else act(agency, role)
        try:
            events = self.does(by, what, self.hours * HOUR, **fields)
        except Refusal:
            return []
        self.acts.append(list(enumerate(events, number + 1)))
        self.of_lead |= {n for n, _ in self.acts[-1] if agency == self.case.lead}
        return events

    def looks(self) -> list[Fact]:
        return self.acts_as("system", Role.SYSTEM, BeginDuties)


def said_by(acts: list[list[tuple[int, Fact]]], kind: Any) -> Iterator[tuple[int, Any]]:
    yield from ((n, event) for each in acts for n, event in each if isinstance(event, kind))


def ends_of(acts: list[list[tuple[int, Fact]]]) -> dict[UUID, tuple[Fact, tuple[int, Fact]]]:
    """Clock → its end that was said last, and the first event of that act; none of a clock that runs again since, also
    where it began again (another order of the police with the same end)."""
    found: dict[UUID, tuple[Fact, tuple[int, Fact]]] = {}
    for each in acts:
        for _, event in each:
            if isinstance(event, ClockMet | ClockEnded):
                found[event.clock] = event, each[0]
            elif isinstance(event, ClockResumed | ClockStarted):
                found.pop(event.clock, None)
    return found


def event_of(acts: list[list[tuple[int, Fact]]], number: int) -> Fact:
    return next(event for each in acts for n, event in each if n == number)


def says_the_same(one: Fact, other: Fact) -> bool:
    name = {ProtectionOrderRecorded: "kind", ProtectionRequested: "asked"}.get(type(one))
    return type(one) is type(other) and name is not None and getattr(one, name) == getattr(other, name)


def stands_on_nothing(acts: list[list[tuple[int, Fact]]], but: set[int] | None = None) -> list[UUID]:
    """Clocks whose end stands on what was struck, by the log alone; of orders and requests that say the same, those of
    `but` alone count where it is given: not everybody's meets a duty, the lead's does. Where it is not, what a struck
    paper showed may be met by any that stands."""
    struck = {event.entry for _, event in said_by(acts, EntryStruck)}
    papers = {event.document: (n, event) for n, event in said_by(acts, DocumentAttached)}
    replaced = {event.document: event.by for _, event in said_by(acts, DocumentSuperseded)}
    found = []
    others = {n for n, _ in said_by(acts, ProtectionOrderRecorded | ProtectionRequested)} - struck
    for clock, (end, (number, first)) in ends_of(acts).items():
        if isinstance(end, ClockMet) and end.document is not None:
            kind, last, gone = papers[end.document][1].kind, end.document, papers[end.document][0] in struck
            while last in replaced and not gone:
                last = replaced[last]
                gone = papers[last][1].kind is not kind
            if (gone or papers[last][0] in struck) and (but is not None or not others):
                found.append(clock)
        elif isinstance(first, ProtectionOrderRecorded | ProtectionRequested):
            alike = [n for n, event in said_by(acts, type(first)) if says_the_same(first, event)]
            alike = [n for n in alike if but is None or n in but or event_of(acts, n) is first]
            if set(alike) <= struck:
                found.append(clock)
        elif isinstance(first, ServiceDelivered) and number in struck:
            found.append(clock)
    return found


class Striking(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.play = Acts()

    def entries(self, kind: Any = Entries) -> list[tuple[int, Any]]:
        return list(said_by(self.play.acts, kind))

    @rule(by=st.sampled_from(AUTHORS), kind=st.sampled_from(sorted(OrderKind)))
    def orders(self, by: str, kind: OrderKind) -> None:
        self.play.acts_as(by, Role.CASE_WORKER, RecordProtectionOrder, **of_order(kind))

    @rule(by=st.sampled_from(AUTHORS), asked=st.sampled_from(sorted(AskedOf)))
    def asks(self, by: str, asked: AskedOf) -> None:
        self.play.acts_as(by, Role.CASE_WORKER, RequestProtection, asked=asked)

    @rule(by=st.sampled_from(AUTHORS))
    def gives(self, by: str) -> None:
        id = an_id(f"care {self.play.hours}")
        self.play.acts_as(by, Role.CASE_WORKER, DeliverService, delivery=id, **CARE)

    @rule(by=st.sampled_from(AUTHORS), kind=st.sampled_from([DocumentKind.POLICE_REPORT, DocumentKind.OTHER]))
    def attaches(self, by: str, kind: DocumentKind) -> None:
        id = an_id(f"paper {self.play.hours}")
        self.play.acts_as(by, Role.CASE_WORKER, AttachDocument, document=id, kind=kind, **PAPER)

    @rule(
        by=st.sampled_from(AUTHORS),
        kind=st.sampled_from([DocumentKind.POLICE_REPORT, DocumentKind.OTHER]),
        which=st.integers(0, 9),
    )
    def replaces(self, by: str, kind: DocumentKind, which: int) -> None:
        if papers := self.entries(DocumentAttached):
            id, of = an_id(f"paper {self.play.hours}"), papers[which % len(papers)][1].document
            self.play.acts_as(by, Role.CASE_WORKER, AttachDocument, document=id, kind=kind, supersedes=of, **PAPER)

    @rule(by=st.sampled_from(AUTHORS), which=st.integers(0, 9), clock=st.sampled_from(["report", "sv", "court", "end"]))
    def shows(self, by: str, which: int, clock: str) -> None:
        if papers := self.entries(DocumentAttached):
            of = papers[which % len(papers)][1].document
            self.play.acts_as(by, Role.CASE_WORKER, MeetClock, clock=self.play.ids[clock], document=of)

    @rule(by=st.sampled_from(AUTHORS), role=st.sampled_from(ROLES), clock=st.sampled_from(["pep", "sv", "lpsk"]))
    def resumes(self, by: str, role: Role, clock: str) -> None:
        self.play.acts_as(by, role, ResumeClock, clock=self.play.ids[clock], reason="r")

    @rule()
    def is_not_indicated(self) -> None:
        self.play.acts_as("rsud", Role.CASE_WORKER, FindNotIndicated, clock=self.play.ids["pep"], reason="r")

    @rule(by=st.sampled_from(AUTHORS), role=st.sampled_from(ROLES), which=st.integers(0, 9))
    def strikes(self, by: str, role: Role, which: int) -> None:
        if entries := self.entries():
            self.play.acts_as(by, role, StrikeEntry, entry=entries[which % len(entries)][0], **WRONG)

    @invariant()
    def nothing_is_met_by_what_was_struck(self) -> None:
        met = self.play.met_before
        due = {clock.id: clock.due_at for clock in self.play.case.clocks.values()}
        before = set(stands_on_nothing(self.play.acts, self.play.of_lead)) - met
        again = [event.clock for event in self.play.looks() if isinstance(event, ClockResumed)]
        assert set(again) <= before, "what stands on something does not run again"
        assert set(stands_on_nothing(self.play.acts)) <= met
        assert all(self.play.case.clocks[id].due_at == at for id, at in due.items())
        for clock in again:
            assert self.play.case.clocks[clock].runs


TestStriking = Striking.TestCase


# Each kind once ------------------------------------------------------------------------------------------------------


def struck_by(play: Play, by: str, entry: int, at: timedelta, role: Role = Role.CASE_WORKER) -> list[type[Fact]]:
    return [type(event) for event in play.does(act(by, role), StrikeEntry, at, entry=entry, **WRONG)]


def with_paper() -> tuple[Play, int, UUID]:
    """The police attached a paper, by which the lead said that the report was made; and its entry."""
    play = Play()
    play.case, ids = world()
    play.does("polres", AttachDocument, HOUR, document=an_id("p"), kind=DocumentKind.POLICE_REPORT, **PAPER)
    entry = play.case.last_entry
    play.told(ClockMet(occurred_at=NOON + HOUR, clock=ids["report"], in_time=True, document=an_id("p")))
    assert not play.case.clocks[ids["report"]].runs
    return play, entry, ids["report"]


def test_who_strikes_a_paper_is_not_told_what_it_was_taken_for_and_the_system_says_so() -> None:
    play, entry, report = with_paper()
    due = play.case.clocks[report].due_at
    assert struck_by(play, "polres", entry, 2 * HOUR) == [EntryStruck]
    (again,) = play.does(SYSTEM, BeginDuties, 2 * HOUR)
    assert isinstance(again, ClockResumed)
    assert (again.clock, play.case.clocks[report].due_at) == (report, due)
    assert str(entry) in (again.grounds or "")
    with pytest.raises(WrongMove):
        play.does(SYSTEM, BeginDuties, 3 * HOUR)


def test_a_duty_that_is_due_again_is_raised_when_its_time_is_over() -> None:
    play, entry, report = with_paper()
    struck_by(play, "polres", entry, 5 * DAY)
    play.does(SYSTEM, BeginDuties, 5 * DAY)
    assert len(play.does(SYSTEM, RaiseClock, 5 * DAY, clock=report)) == 1
    assert play.case.clocks[report].overdue


@pytest.mark.parametrize(("kind", "runs"), [(DocumentKind.POLICE_REPORT, False), (DocumentKind.OTHER, True)])
def test_a_newer_paper_shows_it_where_it_is_of_that_kind(kind: DocumentKind, runs: bool) -> None:
    play, _, report = with_paper()
    newer = {"document": an_id("q"), "supersedes": an_id("p"), "kind": kind}
    play.does("polres", AttachDocument, 2 * HOUR, **newer, **PAPER)
    if not runs:
        assert not play.case.clocks[report].runs
        with pytest.raises(WrongMove):
            play.does(SYSTEM, BeginDuties, 3 * HOUR)
        struck_by(play, "polres", play.case.last_entry, 3 * HOUR)
    play.does(SYSTEM, BeginDuties, 4 * HOUR)
    assert play.case.clocks[report].runs


def test_a_court_s_order_takes_no_place_of_the_police_s_that_is_struck() -> None:
    """They are entries of one kind, and meet other duties."""
    play = Play()
    play.case, _ = world()
    play.does("polres", RecordProtectionOrder, HOUR, **of_order(OrderKind.POLICE))
    entry = play.case.last_entry
    play.does("polres", RequestProtection, HOUR, asked=AskedOf.COURT)
    play.does("uptd-ppa", RecordProtectionOrder, 2 * HOUR, **of_order(OrderKind.COURT))
    assert not play.clock(D.PROTECTION_SV, FIRST).runs
    struck_by(play, "polres", entry, 3 * HOUR)
    assert play.clock(D.PROTECTION_SV, FIRST).runs
    assert not play.clock(D.COURT_REQUEST, FIRST).runs, "that it was asked for was not struck"


def test_when_the_right_order_is_struck_too_the_duty_is_due_again() -> None:
    play = Play()
    play.case, ids = world()
    entries = []
    for hour in (1, 2):
        play.does("polres", RecordProtectionOrder, hour * HOUR, **of_order(OrderKind.POLICE))
        entries.append(play.case.last_entry)
    assert struck_by(play, "polres", entries[0], 3 * HOUR) == [EntryStruck]
    assert not play.case.clocks[ids["sv"]].runs
    assert ClockResumed in struck_by(play, "polres", entries[1], 4 * HOUR)
    assert play.case.clocks[ids["sv"]].runs


def test_what_ended_otherwise_since_stays_so_when_what_met_it_before_is_struck() -> None:
    play = Play()
    play.case, ids = world()
    play.does("rsud", DeliverService, HOUR, delivery=an_id("d"), **CARE)
    entry = play.case.last_entry
    play.does("rsud", FindNotIndicated, 2 * HOUR, clock=ids["pep"], reason="already positive")
    assert ClockResumed not in struck_by(play, "rsud", entry, 3 * HOUR)
    assert not play.case.clocks[ids["pep"]].runs


def test_the_system_resumes_nothing_that_was_not_struck() -> None:
    case, _ = protected()
    assert [c for c in case.clocks.values() if c.duty in LAW and c.is_over], "else the test shows nothing"
    play = Play()
    play.case = case
    with pytest.raises(WrongMove):
        play.does(SYSTEM, BeginDuties, 3 * HOUR)
