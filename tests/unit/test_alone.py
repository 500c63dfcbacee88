"""What takes two people: hypothesis plays two who have every hat of two agencies, in any order, with every command of
the catalogue and every proposal. Whatever they do, nothing that takes two is done by one of them: not with another hat,
for another agency, or having left one."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple
from uuid import UUID

import pytest
from account import Account
from any_command import OF_A_CASE, OF_AN_AGENCY, Maker, ids_in, is_the_system_s
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from msgspec.structs import replace
from some import examples
from story import (
    C1,
    DAY,
    HOLD,
    HOUR,
    NETWORK,
    NOON,
    NOTE,
    R1,
    R2,
    an_id,
    brought_to,
    clock,
    consent,
    held,
    incident,
    merged,
    opened,
    say,
)

from rujukan.domain import agency as agencies
from rujukan.domain import proposal as proposals
from rujukan.domain.agency import (
    AddMember,
    AgencyReactivated,
    AgencyRegistered,
    AgencySuspended,
    MemberJoined,
    NeedToKnowSet,
    RemoveMember,
    SuspendAgency,
)
from rujukan.domain.agency_keys import KeyRegistered, ResealingApproved, ResealingAsked
from rujukan.domain.agency_state import Agency
from rujukan.domain.agency_state import decide as decide_on_agency
from rujukan.domain.case import Case, decide
from rujukan.domain.case.ages import AssessAge
from rujukan.domain.case.clock_ends import EndDuty, MeetClock
from rujukan.domain.case.disclosures import DisclosureMade
from rujukan.domain.case.documents import DocumentAttached
from rujukan.domain.case.erasure import CaseErased, ErasureRequested, RequestErasure
from rujukan.domain.case.glass import GlassBroken, GlassReviewed
from rujukan.domain.case.her_report import SurvivorReportAllowed, require_leave
from rujukan.domain.case.holds import (
    CheckCourtOrder,
    CourtOrderChecked,
    HoldLifted,
    LiftHoldOnOrder,
    LiftLegalHold,
)
from rujukan.domain.case.incidents import AllegedPerpetratorRecorded
from rujukan.domain.case.intake import OpenCase
from rujukan.domain.case.keeping import EndUnconfirmedHold, HoldConfirmationDue
from rujukan.domain.case.lead import AcceptLeadTransfer, AskLeadTransfer, LeadTransferAccepted, LeadTransferAsked
from rujukan.domain.case.leave import AskGlassLeave, GlassAllowed
from rujukan.domain.case.merging import MergeCase, SeparateCase
from rujukan.domain.case.notes import NoteRecorded
from rujukan.domain.case.overrides import OverrideAsked, OverrideReviewed, SharedWithoutConsent
from rujukan.domain.case.speaking import HearSpeakerAgain, SpeakerSetAside
from rujukan.domain.case.staffing import ExcludePerson, ExclusionEnded, PersonExcluded
from rujukan.domain.case.striking import StrikeAllegedPerpetrator
from rujukan.domain.casefile.ages import AgeAssessed
from rujukan.domain.casefile.evolving import fold_log, said
from rujukan.domain.clock_codes import ClockDuty
from rujukan.domain.codes import (
    AgeGroup,
    AgencyKind,
    ConsentBy,
    DocumentKind,
    GlassVerdict,
    Purpose,
    ReferralStatus,
    Role,
    SharingBasis,
)
from rujukan.domain.declaring import ASKED
from rujukan.domain.fact import Act, ActorId, Fact, ProposalId
from rujukan.domain.persons import AgeBasis, SetAside
from rujukan.domain.proposal import ApproveProposal, Proposal, RefuseProposal, WithdrawProposal
from rujukan.domain.refusal import Refusal
from rujukan.domain.standing.rule import Proposed, roles_for, second_needed
from rujukan.domain.violence import ClockNeed
from rujukan.domain.webhook import WebhookSet

ANI, BUDI = (ActorId(an_id(name)) for name in ("Ani", "Budi"))
PEOPLE = (ANI, BUDI)
LEAD, HOSPITAL, NEW = "uptd-ppa", "rsud", "polres-baru"
OFFICES = (LEAD, HOSPITAL)
CODES = (*OFFICES, "polres", NEW)
ROLES = tuple(role for role in Role if role is not Role.SYSTEM)
POWER = {Role.SUPERVISOR, Role.LEGAL_REVIEWER, Role.DATA_PROTECTION_OFFICER, Role.AGENCY_ADMINISTRATOR}
CANNOT_WAIT = {SharingBasis.IMMINENT_DANGER, SharingBasis.VITAL_INTEREST, SharingBasis.FORWARDED_REPORT}
KEYS = ("k1", "k2", "k3")
COMMANDS = (*(c for c in OF_A_CASE if c not in (OpenCase, MergeCase) and not is_the_system_s(c)), *OF_AN_AGENCY)
MOST_TRIES = 6

people = st.sampled_from(PEOPLE)
seeds, numbers = st.integers(0, 2**32), st.integers(0, 9)


class Done(NamedTuple):
    """An event, who did it, and who had asked for it where it was proposed."""

    event: Fact
    person: ActorId
    asked_by: ActorId | None
    on: Any
    """What it was done to, as that was before."""


def always(done: Done) -> bool:
    return True


ASKED_FOR_BY: Mapping[type[Fact], type[Fact]] = {
    CaseErased: ErasureRequested,
    LeadTransferAccepted: LeadTransferAsked,
    SharedWithoutConsent: OverrideAsked,
    ResealingApproved: ResealingAsked,
}
"""What is done, and the event by which somebody else asked for it: of the same thing."""


def gives_power(done: Done) -> bool:
    """Power to somebody, or anything to oneself; not that somebody else is an agency's first administrator."""
    joined, agency = done.event, done.on
    assert isinstance(joined, MemberJoined)
    new = joined.roles - (agency.members.get(joined.member, frozenset()) if agency is not None else frozenset())
    held = {role for roles in agency.members.values() for role in roles} if agency is not None else set()
    is_own = joined.member in (done.person, done.asked_by)
    is_first = joined.roles == {Role.AGENCY_ADMINISTRATOR} and Role.AGENCY_ADMINISTRATOR not in held and not is_own
    return not is_first and bool(new & POWER or (is_own and new))


TAKES_TWO: Mapping[type[Fact], Callable[[Done], bool]] = {
    CaseErased: always,
    HoldLifted: always,
    LeadTransferAccepted: always,
    ResealingApproved: always,
    SharedWithoutConsent: lambda done: done.event.basis not in CANNOT_WAIT,  # type: ignore[attr-defined]
    DisclosureMade: lambda done: bool(done.event.compartments - {"coordination"}),  # type: ignore[attr-defined]
    SurvivorReportAllowed: always,
    GlassAllowed: always,
    MemberJoined: gives_power,
    KeyRegistered: lambda done: bool(done.on.public_keys),
    WebhookSet: always,
    AgencyRegistered: always,
    AgencyReactivated: always,
    NeedToKnowSet: always,
    ExclusionEnded: always,
    AgencySuspended: lambda done: done.on.kind is AgencyKind.LEAD,
}
"""What the issue says takes two people, and when."""

SUBJECTS = {event.__module__ for event in TAKES_TWO}
OF_POWER = tuple(command for command in COMMANDS if command.__module__ in SUBJECTS)
"""What is asked for, decided or prepared where something takes two."""

JUDGES: Mapping[type[Fact], tuple[type[Fact], ...]] = {
    GlassReviewed: (GlassBroken,),
    OverrideReviewed: (SharedWithoutConsent,),
}
"""A verdict, and what it judges."""


class TwoPeople(RuleBasedStateMachine):
    asked: ClassVar[Counter[str]] = Counter()
    accepted: ClassVar[Counter[str]] = Counter()
    by_two: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.now, self.count, self.steps = NOON, 0, 0
        self.case: Case | None = None
        self.network: dict[str, Agency] = {}
        self.log: list[Done] = []
        self.authors: list[str] = []
        self.of_the_case: list[Fact] = []
        self.waiting: dict[UUID, tuple[Proposal, Fact, Act, str]] = {}
        self.ids: dict[str, list[UUID]] = {"ActorId": [ANI, BUDI, an_id("Citra")]}

    @initialize()
    def it_begins(self) -> None:
        everything = frozenset(ROLES)
        for code in OFFICES:
            members = dict.fromkeys(PEOPLE, everything)
            self.network[code] = replace(NETWORK[code], members=members, keys={"k1": "p"}, public_keys={"k1": "p"})
        self.network["polres"] = replace(NETWORK["polres"], active=False)
        for event, author in BEGINNING:
            self.take_in_case(event, an_id("who was there before"), author)

    # How something is done

    def act(self, person: ActorId, code: str, role: Role) -> Act | None:
        """Somebody acts, if they are a member in that role: without, their token is refused."""
        agency = self.network.get(code)
        if agency is None or not agency.active or not agency.has_member(person, (role,)):
            return None
        purpose = Purpose.COORDINATION
        return Act(actor=person, agency=code, kind=agency.kind, role=role, purpose=purpose, at=self.now)

    def new_id(self) -> UUID:
        self.count += 1
        return an_id(f"new {self.count}")

    def take_in_case(self, event: Fact, person: UUID, author: str, asked_by: ActorId | None = None) -> None:
        done = Done(event, ActorId(person), asked_by, self.case)
        self.case = fold_log(said([event], author, self.now), self.case)
        self.of_the_case.append(event)
        self.authors.append(author)
        self.judge(done)

    def take_in_agency(self, code: str, event: Fact, person: ActorId, asked_by: ActorId | None) -> None:
        before = self.network.get(code)
        self.network[code] = agencies.evolve(before, event)
        self.judge(Done(event, person, asked_by, before))

    def judge(self, done: Done) -> None:
        """What takes two was asked for by one person, and done by another."""
        for kind, id in ids_in(done.event):
            known = self.ids.setdefault(kind, [])
            if id not in known and kind != "ActorId":
                known.append(id)
        self.log.append(done)
        of = type(done.event)
        if of in TAKES_TWO and TAKES_TWO[of](done):
            others = {done.asked_by} if done.asked_by is not None else self.who_asked(done.event)
            assert others - {done.person}, f"one person alone: {of.__name__}"
            self.by_two[of.__name__] += 1
        for judged in JUDGES.get(of, ()):
            did = {d.person for d in self.log if type(d.event) is judged and are_of_one(d.event, done.event)}
            assert did
            assert done.person not in did, f"judges what they did: {of.__name__}"

    def who_asked(self, event: Fact) -> set[ActorId]:
        asking = ASKED_FOR_BY.get(type(event))
        found = [d for d in self.log if type(d.event) is asking and are_of_one(d.event, event)]
        return {d.person for d in found[-1:]}

    def attempt(self, command: Fact, by: Act, code: str | None) -> bool:
        """Somebody asks for it: on the case, or on that agency. What takes a second person is proposed."""
        state = self.case if code is None else self.network.get(code)
        try:
            events = self.decided(command, state, by)
            second = second_needed(command, state, by)
        except Refusal:
            return False
        if second is None:
            self.carry_out(events, by, code, None)
            return bool(events)
        id = ProposalId(self.new_id())
        made = proposals.propose(id, command, "case", "it", second, by, by.at + second.stands)
        waiting = proposals.fold([made])
        assert waiting is not None
        self.waiting[id] = (waiting, command, by, code or "")
        return True

    def decided(self, command: Fact, state: Any, by: Act) -> Any:
        if type(command) in OF_AN_AGENCY:
            return decide_on_agency(command, state, by)
        return decide(command, state, by, self.network)

    def carry_out(self, events: Any, by: Act, code: str | None, approved_by: ActorId | None) -> None:
        for event in events:
            person, asked_by = (by.actor, None) if approved_by is None else (approved_by, by.actor)
            if code is None:
                self.take_in_case(event, person, by.agency, asked_by)
            else:
                self.take_in_agency(code, event, person, asked_by)

    # What happens

    @rule(person=people, seed=seeds)
    def somebody_does_something(self, person: ActorId, seed: int) -> None:
        for _ in range(4):
            self.steps += 1
            self.attempt_by(person, seed)

    def attempt_by(self, person: ActorId, seed: int, kind: type[Fact] | None = None) -> None:
        """A command of that kind, or of any, most often where something takes two, about one thing or another, with
        whatever hat may."""
        names = {"key": KEYS, "lost": KEYS, "code": (NEW, "polres")}
        maker = Maker(f"{seed} {self.steps}", self.now, self.ids, self.new_id, CODES, names=names)
        any_of = maker.random.choice((OF_POWER, OF_POWER, COMMANDS))
        of = kind or maker.random.choice([c for c in any_of if maker.can(c)])
        command = maker.command(of)
        hats = [(code, role) for code in OFFICES for role in ROLES if role in roles_for(of)]
        maker.random.shuffle(hats)
        on: str | None = None
        if of in OF_AN_AGENCY:
            command = replace(command, occurred_at=self.now)
            on = getattr(command, "code", maker.random.choice([*OFFICES, *CODES]))
            if of in (SuspendAgency, RemoveMember) and on in OFFICES and maker.random.random() < 0.7:
                return  # or soon there is nobody left
        elif of is RequestErasure and maker.random.random() < 0.7:
            command = replace(command, whole=False)
        elif of is AssessAge:
            years = {"years_from": maker.random.choice((8, 30)), "years_to": None, "age_basis": AgeBasis.OBSERVED}
            command = replace(command, born_on=None, **years)
        self.asked[of.__name__] += 1
        for about in maker.tries(command, MOST_TRIES):
            for code, role in hats:
                by = self.act(person, code, role)
                if by is not None and self.attempt(about, by, on):
                    self.accepted[of.__name__] += 1
                    return

    @rule(
        person=people,
        number=numbers,
        answer=st.sampled_from((ApproveProposal,) * 3 + (RefuseProposal, WithdrawProposal)),
    )
    def somebody_answers_what_was_proposed(self, person: ActorId, number: int, answer: type[Fact]) -> None:
        """With whatever hat of theirs that may."""
        open_ones = [id for id, (p, *_) in self.waiting.items() if p.status(self.now) == "waiting"]
        if not open_ones:
            return
        self.answers(person, open_ones[number % len(open_ones)], answer)

    def answers(self, person: ActorId, id: UUID, answer: type[Fact]) -> bool:
        waiting, command, asked, code = self.waiting[id]
        more = {"reason": "r"} if answer is RefuseProposal else {}
        for hat in ((office, role) for office in OFFICES for role in ROLES):
            by = self.act(person, *hat)
            if by is None:
                continue
            state = self.network.get(code) if code else self.case
            try:
                word = say(answer, self.now, proposal=id, **more)
                events = proposals.decide(word, waiting, Proposed(command, asked, state), by)
                asker = self.act(asked.actor, asked.agency, asked.role)
                if answer is ApproveProposal and asker is None:
                    continue
                approved = answer is ApproveProposal
                now = replace(command, occurred_at=self.now)
                done = [*self.decided(now, state, replace(asked, at=self.now))] if approved else []
            except Refusal:
                continue
            for event in events:
                waiting = proposals.evolve(waiting, event)
            self.waiting[id] = (waiting, command, asked, code)
            self.carry_out(done, asked, code or None, by.actor)
            return True
        return False

    @rule(by=st.sampled_from((1, 1, 30, 24 * 8)))
    def time_passes(self, by: int) -> None:
        self.now += by * HOUR

    @invariant()
    def her_report_shows_more_than_the_lead_reaches_to_whom_two_allowed_it(self) -> None:
        if self.case is None or self.case.is_erased:
            return
        account = Account(self.of_the_case, self.authors, self.now)
        since = max((n for n, e in enumerate(self.of_the_case) if isinstance(e, LeadTransferAccepted)), default=0)
        allowed = [e for e in self.of_the_case[since:] if isinstance(e, SurvivorReportAllowed)]
        gone = {c.word for c in self.case.erased}
        shows_more = any(
            not account.reaches(account.lead(), word, author)
            for author in {*self.authors} - {account.lead()}
            for word in ("health", "psychosocial", "incident")
            if word not in gone and account.wrote(author, word)
        )
        for person in PEOPLE:
            may = not shows_more or any(e.reader == person and self.now < e.expires_at for e in allowed)
            try:
                require_leave(self.case, person, self.now)
            except Refusal:
                continue
            assert may, "one person alone makes her report"

    @invariant()
    def who_was_judged_not_justified_opens_nothing_more_alone(self) -> None:
        """Each opening after that verdict has a leave of its own, which a second person gave since."""
        for person in PEOPLE:
            misjudged, leaves = False, 0
            mine: set[UUID] = set()
            for event in self.of_the_case:
                if isinstance(event, GlassBroken) and event.actor == person:
                    assert not misjudged or leaves, "broke the glass again"
                    leaves, mine = 0, {*mine, event.glass}
                elif isinstance(event, GlassReviewed) and event.glass in mine:
                    misjudged = misjudged or event.verdict is GlassVerdict.NOT_JUSTIFIED
                elif isinstance(event, GlassAllowed) and event.actor == person:
                    leaves = 1


BEGINNING: tuple[tuple[Fact, str], ...] = (
    (opened(), LEAD),
    (incident(), LEAD),
    (consent(C1, to=("rsud", "uptd-ppa"), of=("incident",)), LEAD),
    *((event, LEAD) for event in brought_to(ReferralStatus.IN_PROGRESS, R1, of=("incident",))),
    (say(NoteRecorded, note=NOTE, psychosocial="what the lead may not open"), HOSPITAL),
    (
        say(
            PersonExcluded,
            exclusion=an_id("exclusion"),
            person=an_id("Dewi"),
            member_of=LEAD,
            kind=AgencyKind.LEAD,
            placed_by=LEAD,
            reason="kin",
        ),
        LEAD,
    ),
)


COURT_ORDER = say(
    DocumentAttached,
    document=an_id("order"),
    kind=DocumentKind.COURT_ORDER,
    compartment="legal",
    media_type="application/pdf",
    size=3,
    sha256="0" * 64,
)
HELD: tuple[tuple[Fact, str], ...] = (
    *((event, LEAD) for event in brought_to(ReferralStatus.IN_PROGRESS, R2, to="kejari")),
    (COURT_ORDER, "kejari"),
    (say(CourtOrderChecked, document=COURT_ORDER.document, rule="r", checked_by=an_id("who checked it")), LEAD),
    held(),
)
"""A legal hold, and a court's order, where it is about these."""


UNCONFIRMED: tuple[tuple[Fact, str], ...] = (
    held(of_proceedings=True),
    (
        say(
            HoldConfirmationDue,
            hold=HOLD,
            holder="uptd-ppa",
            holder_kind=AgencyKind.LEAD,
            lapses_at=NOON - 9 * DAY,
            rule="2026-1",
        ),
        LEAD,
    ),
)
"""One of the proceedings that its holder did not confirm."""


def are_of_one(one: Fact, other: Fact) -> bool:
    """Whether two events are of the same thing: of whatever ids both have, but for people's."""
    mine = {kind: id for kind, id in ids_in(one) if kind != "ActorId"}
    return all(mine[kind] == id for kind, id in ids_in(other) if kind in mine)


def test_who_asked_for_the_lead_to_pass_on_does_not_accept_it_having_left() -> None:
    """Rows g, j: an administrator takes themselves off the lead's list in between."""
    tale = TwoPeople()
    tale.it_begins()
    transfer = an_id("transfer")
    for command, code, role, on in (
        (say(AskLeadTransfer, transfer=transfer, to=HOSPITAL, reason="r"), LEAD, Role.SUPERVISOR, None),
        (say(RemoveMember, member=ANI), LEAD, Role.AGENCY_ADMINISTRATOR, LEAD),
        (say(AcceptLeadTransfer, transfer=transfer), HOSPITAL, Role.SUPERVISOR, None),
    ):
        by = tale.act(ANI, code, role)
        assert by is not None
        accepted = tale.attempt(command, by, on)
        assert accepted is not isinstance(command, AcceptLeadTransfer)
    by = tale.act(BUDI, HOSPITAL, Role.SUPERVISOR)
    assert by is not None
    assert not tale.attempt(command, by, None), "is of the lead, too"


def test_who_lets_an_agency_s_first_administrator_in_is_not_that_one_alone() -> None:
    """Row j: they would fill the other agency by themselves."""
    tale = TwoPeople()
    tale.it_begins()
    by = tale.act(ANI, LEAD, Role.AGENCY_ADMINISTRATOR)
    assert by is not None
    first = {"roles": frozenset({Role.AGENCY_ADMINISTRATOR})}
    tale.attempt(say(AddMember, member=ANI, **first), by, "polres")
    assert not tale.network["polres"].has_administrator
    assert len(tale.waiting) == 1
    tale.attempt(say(AddMember, member=an_id("Citra"), **first), by, "polres")
    assert tale.network["polres"].has_administrator


ELSEWHERE = (AskGlassLeave, RemoveMember, ExcludePerson)
"""There is nothing to ask for before a verdict (test_glass.py); taking an administrator away takes two others
(test_seconds.py); so does excluding somebody, as two more remain (test_staffing.py)."""
OF_LAW = [(replace(clock(), duty=ClockDuty.REPORT_TO_POLICE, need=ClockNeed.REPORT_TO_POLICE), LEAD)]
BEFORE: dict[type[Fact], Any] = {
    LiftLegalHold: HELD,
    LiftHoldOnOrder: HELD,
    CheckCourtOrder: [entry for entry in HELD if not isinstance(entry[0], CourtOrderChecked)],
    EndUnconfirmedHold: UNCONFIRMED,
    EndDuty: OF_LAW,
    MeetClock: OF_LAW,
    SeparateCase: [(merged(), LEAD)],
    AssessAge: [(say(AgeAssessed, age_group=AgeGroup.ADULT, age_table="2026-1"), LEAD)],
    StrikeAllegedPerpetrator: [(say(AllegedPerpetratorRecorded, relation="guru"), LEAD)] * 90,
    HearSpeakerAgain: [(say(SpeakerSetAside, speakers=frozenset(ConsentBy), set_aside=SetAside.NOT_SAFE), LEAD)],
}
"""What was there before it can be asked for."""
SECONDED = [command for command in COMMANDS if ASKED[command].second and command not in ELSEWHERE]
"""What is proposed."""


@pytest.mark.parametrize("of", SECONDED, ids=lambda of: of.__name__)
def test_with_no_hat_is_who_asked_the_second_person(of: type[Fact]) -> None:
    """In one way or another, for one agency or the other."""
    proposed = approved = 0
    for seed in range(60):
        tale = TwoPeople()
        tale.it_begins()
        for event, author in BEFORE.get(of, ()):
            tale.take_in_case(event, an_id("who was there before"), author)
        tale.attempt_by(ANI, seed, of)
        for id in list(tale.waiting):
            log, proposed = len(tale.log), proposed + 1
            assert not tale.answers(ANI, id, ApproveProposal)
            assert len(tale.log) == log
            approved += tale.answers(BUDI, id, ApproveProposal)
    assert proposed >= approved > 0


def test_nothing_that_takes_two_is_done_by_one() -> None:
    for counter in (TwoPeople.asked, TwoPeople.accepted, TwoPeople.by_two):
        counter.clear()
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        TwoPeople,
        settings=settings(max_examples=examples(80), stateful_step_count=40, deadline=None),
    )
    asked, accepted = sum(TwoPeople.asked.values()), sum(TwoPeople.accepted.values())
    assert accepted > asked / 8, "most of what they ask for means nothing"
