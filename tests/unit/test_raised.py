"""Whatever insiders do, a referral is raised until somebody acts: hypothesis plays every agency, the lead among them,
and their machines, with every command in any order, while time passes and the system raises what is due.

An account apart, told from the log, says by when: a person of the recipient has acted, or it is raised, within the
window of the state that it was in when one of both came last. Whatever else moves it meanwhile puts nothing off. And an
emergency is somebody's who is not excluded, or waits for whoever is there."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import product
from typing import Any, ClassVar, NamedTuple
from uuid import UUID

import pytest
from any_command import OF_A_CASE, Maker, ids_in, is_the_system_s
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from msgspec.structs import replace
from some import examples, some
from story import (
    C1,
    HOUR,
    NETWORK,
    NOON,
    R1,
    R2,
    SYSTEM,
    WORKER,
    act,
    an_id,
    consent,
    draft_fields,
    incident,
    opened,
    say,
)

from rujukan.domain.case import Case, decide
from rujukan.domain.case.appointments import AppointmentTime
from rujukan.domain.case.attendance import AppointmentKept
from rujukan.domain.case.departing import AssignmentLapsed
from rujukan.domain.case.fulfilment import (
    AcceptReferral,
    HoldReferral,
    ReceiveReferral,
    ReferralAccepted,
    ReferralReceived,
    ReferralStarted,
    ResumeReferral,
    StartReferral,
)
from rujukan.domain.case.intake import OpenCase
from rujukan.domain.case.merging import MergeCase, SeparateCase
from rujukan.domain.case.referrals import DraftReferral, ReferralSent, SendReferral
from rujukan.domain.case.reminders import EscalateReferral, ReferralEscalated
from rujukan.domain.case.services import DeliverService, ServiceDelivered
from rujukan.domain.case.silence import OF_SENDER, RaiseStalled, ReferralStalled
from rujukan.domain.case.staffing import AssignmentEnded, AssignPerson, PersonExcluded
from rujukan.domain.casefile.appointed import Appointments, AppointmentStep
from rujukan.domain.casefile.assigning import PersonAssigned
from rujukan.domain.casefile.evolving import fold_log, said
from rujukan.domain.casefile.moves import stage
from rujukan.domain.casefile.staff import Staff
from rujukan.domain.casefile.state import Referral, Status
from rujukan.domain.codes import EndReason, NeedToKnow, ReferralStatus, Role, Urgency
from rujukan.domain.fact import ActorId, Fact, ReferralId
from rujukan.domain.meeting_times import APPOINTMENT_TIMES
from rujukan.domain.pathways import PATHWAYS
from rujukan.domain.refusal import Refusal
from rujukan.domain.standing.roles import AT_WORK
from rujukan.domain.standing.rule import roles_for

LEAD = "uptd-ppa"
AGENCIES = (LEAD, "rsud", "polres", "psikolog")
ROLES = tuple(role for role in Role if role is not Role.SYSTEM)
STAFFED = {
    code: replace(agency, members={act(code, role).actor: frozenset({role}) for role in ROLES})
    for code, agency in NETWORK.items()
}
SERVICES = {code: sorted(agency.services)[0] for code, agency in NETWORK.items()}
NARROW = {"rsud", "polres"}
"""Agencies that let those alone work on a case who are assigned."""
COMMANDS = tuple(c for c in OF_A_CASE if c not in (OpenCase, MergeCase, SeparateCase))
OF_PEOPLE = tuple(c for c in COMMANDS if not is_the_system_s(c))
OF_THE_SYSTEM = tuple(c for c in COMMANDS if is_the_system_s(c))
MOVES = (ReceiveReferral, AcceptReferral, StartReferral, HoldReferral, ResumeReferral, DeliverService)
ACTED = (ReferralReceived, ReferralAccepted, ReferralStarted, ServiceDelivered, AppointmentKept)
"""What a person of the recipient does for her, or towards that. To hold work and to resume it is no such thing."""
RAISED = (ReferralStalled, ReferralEscalated)
TICK = HOUR
"""How often the system looks."""
S = ReferralStatus

agencies, seeds = st.sampled_from(AGENCIES), st.integers(0, 2**32)
urgencies = st.sampled_from((Urgency.EMERGENCY, Urgency.EMERGENCY, Urgency.URGENT, Urgency.ROUTINE))


class Last(NamedTuple):
    """When a person of the recipient acted last, or it was raised, and by when one of both has to come again."""

    at: datetime
    until: datetime


class Watched(RuleBasedStateMachine):
    """A case under the present rules, and an account of who did what in it."""

    asked: ClassVar[Counter[str]] = Counter()
    accepted: ClassVar[Counter[str]] = Counter()
    raised: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.now, self.count, self.steps = NOON, 0, 0
        self.case: Case | None = None
        self.last: dict[ReferralId, Last] = {}
        self.assigned: dict[tuple[str, ActorId], set[UUID | None]] = {}
        self.excluded: set[ActorId] = set()
        people = [act(code, role).actor for code in AGENCIES for role in ROLES]
        self.ids: dict[str, list[UUID]] = {"ActorId": [WORKER, *people]}

    @property
    def there(self) -> Case:
        assert self.case is not None
        return self.case

    # The account

    def window(self, referral: Referral) -> timedelta | None:
        """How long it may be in the state that it is in."""
        if referral.status is S.REQUESTED:
            return referral.window
        return stage(self.there, referral, referral.status)

    def take_in(self, event: Fact, author: str, role: Role = Role.CASE_WORKER) -> None:
        self.case = fold_log(said([event], author, self.now), self.case)
        for kind, id in ids_in(event):
            known = self.ids.setdefault(kind, [])
            if id not in known:
                known.append(id)
        match event:
            case PersonAssigned():
                self.assigned.setdefault((event.agency, event.person), set()).add(event.referral)
            case AssignmentEnded() | AssignmentLapsed():
                self.assigned.pop((event.agency, event.person), None)
            case PersonExcluded():
                self.excluded.add(event.person)
                self.assigned = {who: to for who, to in self.assigned.items() if who[1] != event.person}
        id = getattr(event, "referral", None)
        if isinstance(event, AppointmentStep):
            id = self.there.of(Appointments).made[event.appointment].referral
        referral = self.there.referrals.get(id) if id is not None else None
        if referral is None:
            return
        by_recipient = author == referral.recipient and role is not Role.INTEGRATOR
        if isinstance(event, ReferralStalled):
            owes = referral.sender if referral.status in OF_SENDER else referral.recipient
            assert event.to == (owes if event.level == 1 else self.there.lead), "the first to who has to act"
        if isinstance(event, (ReferralSent, *RAISED)) or (isinstance(event, ACTED) and by_recipient):
            self.begins_anew(referral)
        elif referral.status is S.REJECTED and referral.id in self.last:
            self.begins_anew(referral)  # it is the sender's now
        elif isinstance(event, AppointmentTime) and referral.id in self.last:
            self.waits_for(referral, event.appointed_for)

    def waits_for(self, referral: Referral, at: datetime) -> None:
        """It waits for an appointment, no longer than its urgency allows."""
        last, times = self.last[referral.id], APPOINTMENT_TIMES
        most = min(at + times.after[referral.urgency], last.at + times.waits[referral.urgency])
        self.last[referral.id] = last._replace(until=max(last.until, most))

    def begins_anew(self, referral: Referral) -> None:
        window, first = self.window(referral), referral.due_at if referral.escalations == 0 else None
        if referral.status is S.REQUESTED and first is not None:
            self.last[referral.id] = Last(self.now, first)  # in working days, where it is routine
        elif window is not None:
            self.last[referral.id] = Last(self.now, self.now + window)

    # How something is done

    def attempt(self, command: Fact, agency: str, role: Role = Role.CASE_WORKER) -> bool:
        narrow = NeedToKnow.ASSIGNED if agency in NARROW else NeedToKnow.EVERYBODY
        by = replace(act(agency, role, self.now), need_to_know=narrow)
        by = replace(SYSTEM, at=self.now) if role is Role.SYSTEM else by
        try:
            events = decide(command, self.there, by, STAFFED)
        except Refusal:
            return False
        for event in events:
            self.take_in(event, agency, role)
        return bool(events)

    def new_id(self) -> UUID:
        self.count += 1
        return an_id(f"new {self.count}")

    def any_of(self, some: Sequence[type[Fact]], seed: int, by: Sequence[str], only: Sequence[Role] = ()) -> None:
        self.steps += 1
        maker = Maker(f"{seed} {self.steps}", self.now, self.ids, self.new_id, AGENCIES)
        of = maker.random.choice([c for c in some if maker.can(c)])
        command, order = maker.command(of), list(by)
        maker.random.shuffle(order)
        roles = [role for role in only or ROLES if role in roles_for(of)]
        maker.random.shuffle(roles)
        self.asked[of.__name__] += 1
        for about in maker.tries(command, 6):
            if any(self.attempt(about, agency, role) for agency in order for role in roles[:2]):
                self.accepted[of.__name__] += 1
                return

    # What happens

    @initialize(urgency=urgencies)
    def it_begins(self, urgency: Urgency = Urgency.EMERGENCY) -> None:
        newest = max(PATHWAYS, key=lambda version: tuple(map(int, version.split("-"))))
        for event in (
            replace(opened(), pathway=newest),
            incident(),
            consent(C1, to=AGENCIES[1:], of=("health", "incident")),
        ):
            self.take_in(event, LEAD)
        for id, to, of in ((R1, "rsud", "health"), (R2, "polres", "incident")):
            about = draft_fields(id, to, SERVICES[to], of=(of,), urgency=urgency)
            assert self.attempt(say(DraftReferral, self.now, **about), LEAD)
            assert self.attempt(say(SendReferral, self.now, referral=id), LEAD)

    @rule(to=st.sampled_from(AGENCIES[1:]), urgency=urgencies, by=agencies)
    def somebody_refers(self, to: str, urgency: Urgency, by: str) -> None:
        fields = draft_fields(self.new_id(), to, SERVICES[to], of=("health",), urgency=urgency)
        self.attempt(say(DraftReferral, self.now, **fields), by)
        sending = say(SendReferral, self.now, referral=fields["referral"], duplicate_reason="again")
        self.attempt(sending, by)

    @rule(agency=st.sampled_from(AGENCIES[1:]), role=st.sampled_from((Role.CASE_WORKER, Role.INTEGRATOR)), number=seeds)
    def a_recipient_or_its_machine_moves_one(self, agency: str, role: Role, number: int) -> None:
        mine = [r.id for r in self.there.open_referrals_to(agency)]
        if not mine:
            return
        for move in MOVES:
            more: dict[str, Any] = {"reason": EndReason.WAITING} if move is HoldReferral else {}
            more |= {"delivery": self.new_id(), "service": SERVICES[agency]} if move is DeliverService else {}
            if self.attempt(say(move, self.now, referral=mine[number % len(mine)], **more), agency, role):
                return

    @rule(agency=st.sampled_from(AGENCIES[1:]), number=seeds)
    def who_is_there_takes_one(self, agency: str, number: int) -> None:
        mine = [r.id for r in self.there.open_referrals_to(agency)]
        if mine:
            person = act(agency, Role.CASE_WORKER).actor
            about = say(AssignPerson, self.now, person=person, referral=mine[number % len(mine)])
            self.attempt(about, agency)

    @rule(seed=seeds)
    def somebody_does_something(self, seed: int) -> None:
        for _ in range(3):
            self.any_of(OF_PEOPLE, seed, AGENCIES)

    @rule(seed=seeds)
    def a_machine_does_something(self, seed: int) -> None:
        for _ in range(3):
            self.any_of([c for c in OF_PEOPLE if Role.INTEGRATOR in roles_for(c)], seed, AGENCIES, (Role.INTEGRATOR,))

    @rule(seed=seeds)
    def the_system_does_something(self, seed: int) -> None:
        self.any_of(OF_THE_SYSTEM, seed, (LEAD,), (Role.SYSTEM,))

    @rule(hours=st.sampled_from((1, 1, 2, 5, 30, 80)))
    def time_passes(self, hours: int) -> None:
        for _ in range(hours):
            self.now += TICK
            self.what_is_due_is_raised()
            self.nothing_waits_unseen()

    def what_is_due_is_raised(self) -> None:
        """As the system looks for it each time (infra/delivery/escalating.py)."""
        for id in list(self.there.referrals):
            for command in (RaiseStalled, EscalateReferral):
                if self.attempt(say(command, self.now, referral=id), LEAD, Role.SYSTEM):
                    self.raised[command.__name__] += 1

    # What must never come to pass

    @invariant()
    def nothing_waits_unseen(self) -> None:
        if self.case is None or self.case.is_erased or self.case.status is not Status.OPEN:
            return
        self.what_is_due_is_raised()
        for referral in self.case.referrals.values():
            rejected = referral.status is S.REJECTED and not (referral.replaced or referral.left)
            if referral.id in self.last and (referral.status.is_open or rejected):
                until = self.last[referral.id].until
                assert self.now <= until + TICK, f"{referral.urgency} {referral.status}: {self.now - until} late"

    @invariant()
    def an_emergency_is_somebody_s_or_waits_for_whoever_is_there(self) -> None:
        if self.case is None or self.case.is_erased:
            return
        staff = self.case.of(Staff)
        for referral in self.case.referrals.values():
            if referral.urgency is not Urgency.EMERGENCY or referral.sent_at is None or not referral.status.is_open:
                continue
            have = [who for who, to in self.assigned.items() if who[0] == referral.recipient and referral.id in to]
            assert have or staff.waits(referral)
            there = STAFFED[referral.recipient].members
            assert [who for who, roles in there.items() if roles & AT_WORK and who not in staff.excluded]


def machine_answers(tale: Watched) -> None:
    """A system accepts, begins, holds and resumes by itself, for a month."""
    tale.attempt(say(ReceiveReferral, tale.now, referral=R1), "rsud")
    for _ in range(40):
        for move in (AcceptReferral, StartReferral, DeliverService, HoldReferral, ResumeReferral):
            more: dict[str, Any] = {"reason": EndReason.WAITING} if move is HoldReferral else {}
            more |= {"delivery": tale.new_id(), "service": SERVICES["rsud"]} if move is DeliverService else {}
            tale.attempt(say(move, tale.now, referral=R1, **more), "rsud", Role.INTEGRATOR)
        tale.time_passes(17)


def nobody_does_anything(tale: Watched) -> None:
    for _ in range(10):
        tale.time_passes(80)


@pytest.mark.parametrize(("tried", "urgency"), some(product((machine_answers, nobody_does_anything), Urgency)))
def test_what_was_once_tried_is_raised(tried: Any, urgency: Urgency) -> None:
    tale = Watched()
    Watched.raised.clear()
    tale.it_begins(urgency)
    tried(tale)
    tale.nothing_waits_unseen()
    assert tale.there.referrals[R1].stalled or tale.there.referrals[R1].escalations


def test_whatever_insiders_do_a_referral_is_raised_until_somebody_acts() -> None:
    for counter in (Watched.asked, Watched.accepted, Watched.raised):
        counter.clear()
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Watched, settings=settings(max_examples=examples(60, least=6), stateful_step_count=30, deadline=None)
    )
    asked, accepted = sum(Watched.asked.values()), sum(Watched.accepted.values())
    assert accepted > asked / 20, "most of what they ask for means nothing"
