"""Whoever breaks, closes and reviews glasses, in whatever order and at whatever time: who can read what through
them, against an account of its own."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace
from some import examples
from story import HOUR, NETWORK, NOON, an_id, opened, say, written

from rujukan.domain import catalogue
from rujukan.domain.case import Case, decide, evolve
from rujukan.domain.case.glass import BreakGlass, CloseGlass, GlassMove, RaiseGlassReview, ReviewGlass
from rujukan.domain.case.notes import NoteRecorded
from rujukan.domain.codes import GlassVerdict, LegalBasis, Purpose, Role
from rujukan.domain.compartment import Compartment
from rujukan.domain.disclosure import Knowledge, Written, through_glass
from rujukan.domain.fact import Act, Fact
from rujukan.domain.refusal import Refusal
from rujukan.domain.standing.rule import is_known_to
from rujukan.infra.store.transcoder import to_event, to_segments, topic_of

LED_BY = "uptd-ppa"
WORDS = ("health", "legal", "safety")
LONGEST = 4 * HOUR


class Person(NamedTuple):
    """Somebody at one of their agencies. Dian works for two."""

    name: str
    agency: str
    role: Role


PEOPLE = (
    Person("Ani", LED_BY, Role.CASE_WORKER),
    Person("Budi", LED_BY, Role.SUPERVISOR),
    Person("Citra", LED_BY, Role.DATA_PROTECTION_OFFICER),
    Person("Dian", LED_BY, Role.SUPERVISOR),
    Person("Dian", "rsud", Role.CASE_WORKER),
    Person("Eka", "rsud", Role.SUPERVISOR),
    Person("Fitri", "polres", Role.CASE_WORKER),
    Person("Gita", "polres", Role.SUPERVISOR),
    Person("a machine", "polres", Role.INTEGRATOR),
)


class Account(NamedTuple):
    """What a glass lets whom read, until when, as an accountant who reads accepted commands alone has it."""

    opener: Person
    of: frozenset[str]
    until: datetime


people = st.sampled_from(PEOPLE)
numbers = st.integers(0, 3)
compartments = st.frozensets(st.sampled_from((*WORDS, "coordination")), min_size=1)


class GlassMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self.case: Case | None = None
        self.log: list[Written] = []
        self.knowledge = Knowledge()
        self.accounts: dict[UUID, Account] = {}
        self.said: dict[int, frozenset[str]] = {}
        """Version → the compartments in which a note says something."""

    def act(self, person: Person) -> Act:
        kind = NETWORK[person.agency].kind
        return Act(
            actor=an_id(person.name),
            agency=person.agency,
            kind=kind,
            role=person.role,
            purpose=Purpose.CARE,
            at=self.now,
        )

    def take_in(self, event: Fact, author: str) -> None:
        sealed = to_segments(event)
        topic = topic_of(event)
        known = to_event(
            topic, catalogue.version_of(topic), {Compartment.COORDINATION: sealed[Compartment.COORDINATION]}
        )
        self.case = evolve(self.case, known)
        of = replace(written(len(self.log) + 1, event, author, self.now), event=known)
        self.log.append(of)
        for told in self.knowledge.follow(of):
            if told.agency not in (LED_BY, author):
                assert isinstance(told.of.event, GlassMove)
                assert self.accounts[told.of.event.glass].opener.agency == told.agency
                assert told.compartments == {Compartment.COORDINATION}

    def asked(self, command: Fact, person: Person) -> bool:
        try:
            events = decide(command, self.case, self.act(person), NETWORK)
        except Refusal:
            return False
        for event in events:
            self.take_in(event, person.agency)
        return True

    def a_glass(self, number: int) -> UUID:
        return list(self.accounts)[-1 - number % len(self.accounts)] if self.accounts else an_id("nothing")

    @initialize()
    def open_case(self) -> None:
        self.take_in(opened(), LED_BY)

    @rule(by=st.sampled_from((timedelta(minutes=1), timedelta(minutes=59), HOUR, 30 * HOUR, 80 * HOUR)))
    def time_passes(self, by: timedelta) -> None:
        self.now += by

    @rule(of=st.frozensets(st.sampled_from(WORDS), min_size=1))
    def note(self, of: frozenset[str]) -> None:
        fields: dict[str, Any] = dict.fromkeys(of, "said")
        self.take_in(say(NoteRecorded, self.now, note=an_id(f"note {len(self.log)}"), **fields), LED_BY)
        self.said[len(self.log)] = of

    @rule(
        by=people, of=compartments, minutes=st.sampled_from((None, 1, 60, 240, 241)), basis=st.sampled_from(LegalBasis)
    )
    def break_glass(self, by: Person, of: frozenset[str], minutes: int | None, basis: LegalBasis) -> None:
        glass = an_id(f"glass {len(self.log)} {self.now}")
        had_one = any(a.opener[:2] == by[:2] and self.now < a.until for a in self.accounts.values())
        until = self.now + (HOUR if minutes is None else timedelta(minutes=minutes))
        self.accounts[glass] = Account(by, of - {"coordination"}, until)
        fields: dict[str, Any] = {"compartments": of, "basis": basis, "rule": "r", "reason": "s", "minutes": minutes}
        accepted = self.asked(say(BreakGlass, self.now, glass=glass, **fields), by)
        may = by.role in (Role.CASE_WORKER, Role.SUPERVISOR) and basis in (
            LegalBasis.IMMINENT_DANGER,
            LegalBasis.CHILD_MANDATORY_REPORT,
        )
        assert accepted == (may and minutes != 241 and of != {"coordination"} and not had_one)
        if not accepted:
            del self.accounts[glass]

    @rule(by=people, number=numbers)
    def close(self, by: Person, number: int) -> None:
        glass = self.a_glass(number)
        accepted = self.asked(say(CloseGlass, self.now, glass=glass), by)
        account = self.accounts.get(glass)
        assert accepted == (account is not None and account.opener[:2] == by[:2] and self.now < account.until)
        if account is not None and accepted:
            self.accounts[glass] = account._replace(until=self.now)

    @rule(by=people, number=numbers, verdict=st.sampled_from(GlassVerdict))
    def review(self, by: Person, number: int, verdict: GlassVerdict) -> None:
        glass = self.a_glass(number)
        if self.asked(say(ReviewGlass, self.now, glass=glass, verdict=verdict, remark="m"), by):
            account = self.accounts[glass]
            assert by.name != account.opener.name
            assert by.agency in (LED_BY, account.opener.agency)
            assert by.role in (Role.SUPERVISOR, Role.DATA_PROTECTION_OFFICER)
            if verdict is GlassVerdict.NOT_JUSTIFIED:
                self.accounts[glass] = account._replace(until=min(account.until, self.now))

    @rule(number=numbers)
    def raise_it(self, number: int) -> None:
        self.asked(say(RaiseGlassReview, self.now, glass=self.a_glass(number)), Person("system", LED_BY, Role.SYSTEM))

    @invariant()
    def a_glass_lets_its_opener_read_what_it_names_while_it_lasts_and_nothing_else_to_anybody(self) -> None:
        for id, glass in (self.case.glasses if self.case else {}).items():
            account = self.accounts[id]
            for at in (self.now, account.until - timedelta(microseconds=1), account.until, self.now + LONGEST):
                for person in PEOPLE:
                    its_own = person[:2] == account.opener[:2] and self.now <= at < account.until
                    for of in self.log:
                        named = self.said.get(of.version, frozenset()) & account.of if its_own else frozenset()
                        read = through_glass(glass, of, person.agency, an_id(person.name), max(at, self.now))
                        assert {x.word for x in read} == (named | {"coordination"} if named else set())

    @invariant()
    def who_broke_a_glass_takes_no_part(self) -> None:
        assert self.case is None or not any(is_known_to(self.case, person.agency) for person in PEOPLE[4:])


TestGlasses = GlassMachine.TestCase
TestGlasses.settings = settings(max_examples=examples(60), stateful_step_count=30, deadline=None)
