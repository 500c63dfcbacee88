"""All files of one case are one: who is kept from one is kept from all, what keeps one keeps all, who leads one leads
all. Hypothesis merges, separates, excludes, holds and hands on; an account written apart says what has to hold."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from msgspec.structs import replace
from paper_log import PaperLog, PaperMacs, a_network
from some import examples
from story import (
    C2,
    DAY,
    GLASS,
    LEAD,
    NOON,
    R2,
    TRANSFER,
    act,
    an_id,
    broken_glass,
    brought_to,
    consent,
    held,
    incident,
    opened,
    say,
)

from rujukan.api.application.casework import Casework
from rujukan.api.application.kinds import CASE as CASE_KIND
from rujukan.api.application.of_one_case import not_carried
from rujukan.api.application.proposing import proposal_on
from rujukan.domain.agency import MemberJoined, agency_stream
from rujukan.domain.case.erasure import ApproveErasure, Erasing, RefuseErasure, RequestErasure
from rujukan.domain.case.glass import GlassReviewed
from rujukan.domain.case.holds import HoldLifted
from rujukan.domain.case.lead import AcceptLeadTransfer, AskLeadTransfer, LeadTransferAccepted
from rujukan.domain.case.merging import MergeCase, MergerTold, SeparateCase
from rujukan.domain.case.staffing import CarryExclusion, EndExclusion, ExcludePerson, PersonExcluded
from rujukan.domain.case.stopping import ConfirmStop, StopSharing
from rujukan.domain.casefile.deciding import derived
from rujukan.domain.casefile.emergency import misjudged
from rujukan.domain.casefile.staff import Staff
from rujukan.domain.casefile.state import Case, Status
from rujukan.domain.codes import (
    AgencyKind,
    ConsentBy,
    ErasureBasis,
    GlassVerdict,
    HoldEnd,
    HoldKind,
    Obtained,
    ReferralStatus,
    Role,
    Service,
    StopAbout,
)
from rujukan.domain.compartment import Compartment
from rujukan.domain.disclosure import Knowledge
from rujukan.domain.fact import Act, ActorId, CaseId, Fact, ProposalId
from rujukan.domain.judged import person_stream
from rujukan.domain.proposal import ApproveProposal
from rujukan.domain.refusal import HoldStands, Invalid, OpenReferrals, Refusal, Unknown
from rujukan.domain.standing.reach import Reaches
from rujukan.domain.together import StillKept

S = ReferralStatus
A, B, C = (CaseId(an_id(f"file {letter}")) for letter in "ABC")
FILES = (A, B, C)
MINUTE = timedelta(minutes=1)
LEADS = ("uptd-ppa", "lbh")


def member(name: str) -> ActorId:
    return ActorId(an_id(name))


STAFF = {
    "uptd-ppa": {"U1": Role.SUPERVISOR, "U2": Role.SUPERVISOR, "U3": Role.CASE_WORKER},
    "lbh": {"L1": Role.SUPERVISOR, "L2": Role.CASE_WORKER},
    "rsud": {"H1": Role.SUPERVISOR, "H2": Role.SUPERVISOR, "H3": Role.CASE_WORKER},
}
"""Agency → who can be excluded, and each one's role. Who acts in these stories is somebody else."""
OF = {member(name): agency for agency, people in STAFF.items() for name in people}


class Desk:
    """The application on paper, with three files that one agency leads. The hospital had a part in two of them."""

    def __init__(self) -> None:
        self.log, self.now = PaperLog(), NOON
        a_network(self.log, LEAD)
        for agency, people in STAFF.items():
            acting = {act(agency, role).actor: role for role in (Role.SUPERVISOR, Role.DATA_PROTECTION_OFFICER)}
            for who, role in {**acting, **{member(name): role for name, role in people.items()}}.items():
                joined = say(MemberJoined, member=who, roles=frozenset({role}), name="N")
                self.log.write(agency_stream(agency), LEAD, joined)
        for file in FILES:
            over = [consent(), *brought_to(S.COMPLETED)] if file != C else []
            self.log.write(file, LEAD, opened(), consent(C2, to=LEADS, of=("legal",)), incident(), *over)
        self.casework = Casework(self.log, PaperMacs())

    def by(self, agency: str, role: Role = Role.SUPERVISOR) -> Act:
        return act(agency, role, self.now)

    def says(self, command: Fact, by: Act, on: UUID) -> Any:
        said = replace(command, occurred_at=self.now)
        return self.casework.handle(CASE_KIND, CaseId(on), said, replace(by, at=self.now), correlation=uuid4())

    def two_say(self, command: Fact, agency: str, on: UUID) -> None:
        """One asks, and another of the same agency approves."""
        assert self.as_many_say(command, self.by(agency), on)

    def as_many_say(self, command: Fact, who: Act, on: UUID) -> bool:
        """One says it and, where that takes two people, another of the same agency approves; whether it did."""
        asked = self.says(command, who, on)
        if not asked.waits:
            return False
        approves = say(ApproveProposal, self.now, proposal=UUID(asked.id))
        on_it = proposal_on(self.casework)
        by = self.by(who.agency, Role.DATA_PROTECTION_OFFICER)
        self.casework.handle(on_it, ProposalId(UUID(asked.id)), approves, by, correlation=uuid4())
        return True

    def merge(self, file: UUID, into: UUID) -> None:
        self.says(say(MergeCase, into=into), self.by(self.case(file).lead), file)

    def separate(self, file: UUID) -> None:
        self.two_say(say(SeparateCase, reason="r"), self.case(file).lead, file)

    def exclude(self, who: str, file: UUID, by: str | None = None) -> UUID:
        id, person = uuid4(), member(who)
        said = say(ExcludePerson, exclusion=id, person=person, member_of=OF[person], reason="r")
        self.as_many_say(said, self.by(by or self.case(file).lead), file)
        return id

    def end(self, exclusion: UUID, file: UUID) -> None:
        self.two_say(say(EndExclusion, exclusion=exclusion, reason="r"), self.case(file).lead, file)

    def hand_on(self, file: UUID, to: str) -> None:
        transfer = uuid4()
        self.says(say(AskLeadTransfer, transfer=transfer, to=to, reason="r"), self.by(self.case(file).lead), file)
        self.says(say(AcceptLeadTransfer, transfer=transfer), self.by(to), file)

    def hold(self, file: UUID, by: str = "polres", **more: Any) -> UUID:
        id = uuid4()
        placed, _ = held(id, by, **more)
        self.log.write(file, self.by(by), replace(placed, occurred_at=self.now))
        return id

    def lift(self, hold: UUID, file: UUID) -> None:
        placed = self.case(file).holds[hold]  # type: ignore[index]
        holder = {"holder": placed.holder, "holder_kind": placed.holder_kind}
        ended = say(HoldLifted, self.now, hold=hold, **holder, ended_by=HoldEnd.WRITTEN_STOP, rule="r")
        self.log.write(file, self.by("polres"), ended)

    def ask_to_erase(self, file: UUID, **more: Any) -> UUID:
        erasure = uuid4()
        what = more or {"compartments": frozenset({"health"})}
        asks = say(RequestErasure, erasure=erasure, basis=ErasureBasis.SURVIVOR_REQUEST, reason="r", **what)
        self.says(asks, self.by(self.case_or_lead(file)), file)
        return erasure

    def approve(self, erasure: UUID, file: UUID) -> None:
        by = self.by(self.case_or_lead(file), Role.DATA_PROTECTION_OFFICER)
        self.says(say(ApproveErasure, erasure=erasure), by, file)

    def case_or_lead(self, file: UUID) -> str:
        return "uptd-ppa" if file in self.log.damaged else self.case(file).lead

    def case(self, file: UUID) -> Case:
        found = self.casework.case(file)
        assert found is not None
        return found

    def excluded(self, file: UUID) -> set[ActorId]:
        return set(self.case(file).of(Staff).excluded)

    def damage(self, file: UUID) -> None:
        self.log.damaged.add(file)
        self.casework._drop(file)

    def pass_time(self, by: timedelta = MINUTE) -> None:
        self.now += by


@pytest.fixture
def desk() -> Desk:
    return Desk()


# In any order ----------------------------------------------------------------------------------------------------


class OneCase(RuleBasedStateMachine):
    """What one agency, and another that takes over, do with three files."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk()
        self.into: dict[UUID, UUID] = {}
        self.lead = dict.fromkeys(FILES, "uptd-ppa")
        self.out: dict[UUID, set[UUID]] = {file: set() for file in FILES}
        """File → exclusions that hold there, each by its id where it was placed."""
        self.person: dict[UUID, ActorId] = {}
        self.holds: dict[UUID, UUID] = {}
        """Hold → the file on which it stands."""
        self.binds: dict[UUID, set[UUID]] = {}
        """Hold → files that were one with that while it stood."""

    def group(self, file: UUID) -> set[UUID]:
        found = {file}
        while True:
            more = {b for a, b in self.into.items() if a in found} | {a for a, b in self.into.items() if b in found}
            if more <= found:
                return found
            found |= more

    def tried(self, attempt: Callable[[], object], *refusals: type[Refusal]) -> bool:
        self.desk.pass_time()
        try:
            attempt()
        except refusals:
            return False
        return True

    @precondition(lambda self: len(self.into) < 2)
    @rule(n=st.integers(0, 2), other=st.integers(1, 2))
    def merge(self, n: int, other: int) -> None:
        file, into = FILES[n], FILES[(n + other) % 3]
        if self.tried(lambda: self.desk.merge(file, into), Refusal):
            self.into[file] = into
            group = self.group(file)
            out = set[UUID]().union(*(self.out[one] for one in group))
            for one in group:
                self.out[one] = set(out)
            for hold, at in self.holds.items():
                if at in group:
                    self.binds[hold] |= group

    @precondition(lambda self: self.into)
    @rule(n=st.integers(0, 1))
    def separate(self, n: int) -> None:
        file = sorted(self.into)[n % len(self.into)]
        self.desk.pass_time()
        self.desk.separate(file)
        del self.into[file]

    @rule(file=st.sampled_from(FILES), who=st.sampled_from(sorted(OF)), own=st.booleans())
    def exclude(self, file: UUID, who: ActorId, own: bool) -> None:
        id = uuid4()
        said = say(ExcludePerson, exclusion=id, person=who, member_of=OF[who], reason="r")
        by = self.desk.by(OF[who] if own else self.lead[file])
        if self.tried(lambda: self.desk.as_many_say(said, by, file), Refusal):
            self.person[id] = who
            for one in self.group(file):
                self.out[one].add(id)

    @rule(file=st.sampled_from(FILES), n=st.integers(0, 20))
    def end(self, file: UUID, n: int) -> None:
        standing = sorted(self.desk.case(file).of(Staff).exclusions)
        if not standing:
            return
        id = standing[n % len(standing)]
        before = {one: self.desk.excluded(one) for one in FILES}
        if not self.tried(lambda: self.desk.end(id, file), Refusal):
            assert {one: self.desk.excluded(one) for one in FILES} == before
            return
        over = next(token for token in self.out[file] if id in self.names(token))
        for one in self.group(file):
            self.out[one].discard(over)

    def names(self, token: UUID) -> set[UUID]:
        """Under which ids an exclusion can stand: its own where it was placed, and one that follows from that and the
        file wherever it was carried to, and carried on from there."""
        found = {token}
        for _ in FILES:
            found |= {derived(id, str(file)) for id in found for file in FILES}
        return found

    @rule(file=st.sampled_from(FILES))
    def hold(self, file: UUID) -> None:
        self.desk.pass_time()
        hold = self.desk.hold(file)
        self.holds[hold], self.binds[hold] = file, set(self.group(file))

    @rule(n=st.integers(0, 9))
    def lift(self, n: int) -> None:
        if self.holds:
            self.desk.pass_time()
            hold = sorted(self.holds)[n % len(self.holds)]
            self.desk.lift(hold, self.holds.pop(hold))

    @rule(n=st.integers(0, 2))
    def hand_on(self, n: int) -> None:
        living = [file for file in FILES if file not in self.into]
        file = living[n % len(living)]
        to = next(lead for lead in LEADS if lead != self.lead[file])
        self.desk.pass_time()
        self.desk.hand_on(file, to)
        for one in self.group(file):
            self.lead[one] = to

    @invariant()
    def who_is_kept_from_one_file_is_kept_from_all_that_are_one_with_it(self) -> None:
        for file in FILES:
            for other in self.group(file):
                assert self.desk.excluded(file) == self.desk.excluded(other)

    @invariant()
    def who_was_excluded_is_until_that_ended_and_nobody_else_is(self) -> None:
        for file in FILES:
            assert self.desk.excluded(file) == {self.person[token] for token in self.out[file]}

    @invariant()
    def who_leads_one_leads_all_that_are_one_with_it(self) -> None:
        assert {file: self.desk.case(file).lead for file in FILES} == self.lead

    @rule(file=st.sampled_from(FILES))
    def erase(self, file: UUID) -> None:
        self.what_stood_while_they_were_one_keeps_both(file)

    def teardown(self) -> None:
        for file in FILES:
            self.what_stood_while_they_were_one_keeps_both(file)

    def what_stood_while_they_were_one_keeps_both(self, file: UUID) -> None:
        kept_by = {self.holds[hold] for hold in self.holds if file in self.binds[hold]}
        refused_for, erasure = None, None
        try:
            erasure = self.desk.ask_to_erase(file)
        except (HoldStands, StillKept) as refusal:
            refused_for = refusal
        assert (refused_for is not None) == bool(kept_by), "as what stood while they were one says"
        if erasure is not None:
            self.desk.says(say(RefuseErasure, erasure=erasure, reason="r"), self.desk.by(self.lead[file]), file)
        elif file not in kept_by and refused_for is not None:
            of_others = {str(one) for one in kept_by if self.lead[one] != self.lead[file]}
            assert refused_for.about.get("case") not in of_others, "nothing is told of what another agency leads"


def test_files_of_one_case_are_one_whatever_is_done_in_whatever_order() -> None:
    run_state_machine_as_test(
        OneCase, settings=settings(max_examples=examples(60, 8), stateful_step_count=25, deadline=None)
    )


# Who is kept from it ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("excluded_from", [A, B], ids=["the duplicate", "the living file"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_who_is_excluded_from_one_file_is_from_both_whenever_that_was(
    desk: Desk, excluded_from: UUID, when: str
) -> None:
    if when == "before":
        desk.exclude("H3", excluded_from)
    desk.merge(A, B)
    if when == "after":
        desk.exclude("H3", excluded_from)
    person = replace(desk.by("rsud", Role.CASE_WORKER), actor=member("H3"))
    for file in (A, B):
        assert desk.casework.hides(file, person)
        with pytest.raises(Unknown):
            desk.casework.known(file, person)
    desk.separate(A)
    assert desk.excluded(A) == desk.excluded(B) == {member("H3")}, "until that is ended in each"


def test_it_ends_in_all_files_where_it_was_placed_and_in_none_where_it_was_carried(desk: Desk) -> None:
    placed = desk.exclude("H3", A)
    desk.merge(A, B)
    (carried,) = desk.case(B).of(Staff).exclusions
    with pytest.raises(Invalid, match="ends where it was placed"):
        desk.end(carried, B)
    desk.end(placed, A)
    assert desk.excluded(A) == desk.excluded(B) == set()


def test_it_holds_while_another_of_the_other_file_stands(desk: Desk) -> None:
    placed = desk.exclude("H3", A)
    desk.exclude("H3", B)
    desk.merge(A, B)
    desk.end(placed, A)
    assert desk.excluded(A) == desk.excluded(B) == {member("H3")}


def test_a_merger_that_leaves_an_agency_no_supervisor_is_refused_as_the_exclusion_would_be(desk: Desk) -> None:
    desk.exclude("H1", A)
    desk.exclude("H2", B)
    desk.exclude("L1", C)
    chief = act("rsud", Role.SUPERVISOR).actor
    said = say(ExcludePerson, exclusion=uuid4(), person=chief, member_of="rsud", reason="r")
    desk.as_many_say(said, desk.by("uptd-ppa"), A)  # H2 is a supervisor still, in this file
    with pytest.raises(Invalid, match="a supervisor who is not excluded"):
        desk.merge(A, B)
    desk.merge(C, A)
    with pytest.raises(Invalid, match="a supervisor who is not excluded"):
        desk.exclude("H2", C)
    assert desk.excluded(A) == desk.excluded(C)


def test_a_merger_that_leaves_the_lead_one_person_who_can_end_an_exclusion_is_refused(desk: Desk) -> None:
    """Two hats are one person: nobody could let anybody in any more."""
    desk.exclude("U1", A)
    desk.exclude("U2", B)
    officer = act("uptd-ppa", Role.DATA_PROTECTION_OFFICER).actor
    of = {"member_of": "uptd-ppa", "kind": AgencyKind.LEAD, "placed_by": "uptd-ppa"}
    desk.log.write(B, desk.by("uptd-ppa"), say(PersonExcluded, exclusion=uuid4(), person=officer, reason="r", **of))
    with pytest.raises(Invalid, match="two people who can end an exclusion"):
        desk.merge(A, B)
    assert desk.case(A).status is Status.OPEN


def test_no_agency_is_told_of_another_s_excluded_people_nor_of_a_file_that_it_may_not_know(desk: Desk) -> None:
    desk.exclude("H3", A)
    desk.exclude("U3", A)
    desk.exclude("L2", C)
    versions = {file: desk.case(file).version for file in FILES}
    desk.merge(A, C)
    desk.exclude("H1", A)
    for file in FILES:
        known = Knowledge()
        for written in desk.casework.written(file):
            for told in known.learn(written).tell:
                event = told.of.event
                if told.of.version <= versions[file] or told.agency == desk.case(file).lead:
                    continue
                assert isinstance(event, MergerTold | PersonExcluded)
                if isinstance(event, PersonExcluded):
                    assert (file, told.agency, OF[event.person]) == (A, "rsud", "rsud")
    reasons = [w.event.reason for w in desk.casework.written(C) if isinstance(w.event, PersonExcluded)]
    assert not any(str(A) in reason for reason in reasons)
    assert {e.placed_by for e in desk.case(C).of(Staff).exclusions.values()} == {"uptd-ppa"}, "who knows of that file"


def test_what_was_carried_by_an_earlier_release_is_known_as_the_same(desk: Desk) -> None:
    """It was carried into the living file alone, under the id that it has today."""
    placed = desk.exclude("H3", A)
    desk.merge(A, B)
    assert set(desk.case(B).of(Staff).exclusions) == {derived(placed, str(A))}


@pytest.mark.parametrize("where", [A, B])
def test_what_was_not_carried_is_made_up_for(desk: Desk, where: UUID) -> None:
    """An earlier release carried it one way, at the merger; what did not open then was left out."""
    other = B if where == A else A
    desk.merge(A, B)
    desk.damage(other)
    desk.exclude("H3", where)
    desk.log.damaged.clear()
    assert desk.excluded(other) == set()
    for file, left in not_carried(desk.casework, CaseId(where)):
        fields = {name: getattr(left, name) for name in CarryExclusion.__struct_fields__}
        desk.says(CarryExclusion(**fields), desk.by("uptd-ppa", Role.SYSTEM), file)
    assert desk.excluded(A) == desk.excluded(B) == {member("H3")}
    assert not_carried(desk.casework, A) == not_carried(desk.casework, B) == []


# What keeps it ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("held_file", "other"), [(A, B), (B, A)])
def test_a_hold_that_stood_while_they_were_one_binds_both_until_its_holder_lifts_it(
    desk: Desk, held_file: UUID, other: UUID
) -> None:
    desk.merge(A, B)
    early = desk.ask_to_erase(other)
    desk.pass_time()
    hold = desk.hold(held_file)
    desk.pass_time()
    desk.says(say(RefuseErasure, erasure=early, reason="r"), desk.by("uptd-ppa"), other)
    desk.separate(A)
    for file in (A, B):
        with pytest.raises(HoldStands):
            desk.ask_to_erase(file)
    desk.pass_time()
    desk.lift(hold, held_file)
    for file in (A, B):
        desk.approve(desk.ask_to_erase(file), file)


def test_a_hold_that_comes_after_the_separation_binds_its_own_file_alone(desk: Desk) -> None:
    desk.merge(A, B)
    desk.pass_time()
    desk.separate(A)
    desk.pass_time()
    desk.hold(B)
    desk.ask_to_erase(A)
    with pytest.raises(HoldStands):
        desk.ask_to_erase(B)


def test_a_hold_on_a_third_file_of_the_case_binds_one_that_was_separated_from_it(desk: Desk) -> None:
    desk.merge(A, B)
    desk.merge(C, B)
    desk.hold(C)
    desk.pass_time()
    desk.separate(A)
    with pytest.raises(HoldStands):
        desk.ask_to_erase(A)


def test_what_becomes_one_with_the_other_after_the_separation_does_not(desk: Desk) -> None:
    desk.merge(A, B)
    desk.pass_time()
    desk.separate(A)
    desk.hold(C)
    desk.pass_time()
    desk.merge(C, B)
    desk.ask_to_erase(A)


def test_files_under_two_leads_tell_each_other_nothing_of_what_stands_in_the_way(desk: Desk) -> None:
    desk.merge(A, B)
    desk.hold(B)
    desk.pass_time()
    desk.separate(A)
    desk.hand_on(B, "lbh")
    with pytest.raises(StillKept) as refusal:
        desk.ask_to_erase(A)
    assert (refusal.value.about, refusal.value.args) == ({}, ("StillKept()",))


def led_apart(desk: Desk) -> None:
    """By an earlier release a duplicate stayed with who had led it."""
    desk.merge(A, B)
    desk.pass_time()
    handed = say(LeadTransferAccepted, desk.now, transfer=TRANSFER, lead="lbh", lead_kind=AgencyKind.LEGAL_AID)
    desk.log.write(B, desk.by("lbh"), handed)
    desk.pass_time()


def test_of_files_under_two_leads_none_keeps_the_other_for_ever(desk: Desk) -> None:
    led_apart(desk)
    hold = desk.hold(B, by="lbh", kind=HoldKind.CLAIM)
    desk.log.write(B, desk.by("lbh"), consent(an_id("to police"), to="polres", of=("incident",)))
    desk.log.write(B, desk.by("lbh"), *brought_to(S.REQUESTED, R2, to="polres", service=Service.LAW_ENFORCEMENT, of=()))
    with pytest.raises(StillKept):
        desk.ask_to_erase(A)
    desk.pass_time(2 * DAY)  # police did not answer in time
    desk.ask_to_erase(A)
    desk.pass_time()
    desk.lift(hold, B)
    desk.hold(B, of_proceedings=True)
    with pytest.raises(StillKept):
        desk.approve(desk.case(A).of(Erasing).asked.id, A)  # type: ignore[union-attr]


def test_what_the_lead_of_the_other_placed_before_they_parted_binds(desk: Desk) -> None:
    desk.hold(B, by="uptd-ppa", kind=HoldKind.CLAIM)
    led_apart(desk)
    with pytest.raises(StillKept):
        desk.ask_to_erase(A)


def test_a_hold_that_is_placed_on_the_other_as_an_erasure_is_decided_is_seen(desk: Desk) -> None:
    desk.merge(A, B)
    erasure = desk.ask_to_erase(A)
    desk.log.before_append.append(lambda: desk.hold(B))
    with pytest.raises(HoldStands):
        desk.approve(erasure, A)
    assert not desk.log.erased


def test_a_hold_that_is_placed_as_an_erasure_is_asked_for_is_seen(desk: Desk) -> None:
    desk.merge(A, B)
    desk.log.before_append.append(lambda: desk.hold(A))
    with pytest.raises(HoldStands):
        desk.ask_to_erase(B)


@pytest.mark.parametrize(("damaged", "held_file"), [(A, B), (B, A), (A, C), (C, A)])
def test_a_file_that_does_not_open_asks_the_others_and_is_asked(desk: Desk, damaged: UUID, held_file: UUID) -> None:
    desk.merge(A, B)
    desk.merge(B, C)
    desk.hold(held_file)
    desk.damage(damaged)
    with pytest.raises(HoldStands):
        desk.ask_to_erase(damaged, whole=True)
    desk.log.damaged.clear()
    desk.damage(held_file)
    with pytest.raises(HoldStands):
        desk.ask_to_erase(damaged)


def test_a_damaged_file_goes_once_nothing_keeps_it_and_not_while_another_moves(desk: Desk) -> None:
    desk.merge(A, B)
    desk.damage(A)
    erasure = desk.ask_to_erase(A, whole=True)
    desk.log.before_append.append(lambda: desk.hold(B))
    with pytest.raises(HoldStands):
        desk.approve(erasure, A)
    desk.lift(next(iter(desk.case(B).holds)), B)
    desk.approve(erasure, A)
    assert A in desk.log.erased


def test_nor_does_the_police_s_referral_in_a_file_of_the_same_lead_run_out(desk: Desk) -> None:
    desk.merge(A, B)
    desk.log.write(B, desk.by("uptd-ppa"), consent(an_id("to police"), to="polres", of=("incident",)))
    to_police = brought_to(S.REQUESTED, R2, to="polres", service=Service.LAW_ENFORCEMENT, of=())
    desk.log.write(B, desk.by("uptd-ppa"), *to_police)
    desk.pass_time(9 * DAY)
    with pytest.raises(OpenReferrals):
        desk.ask_to_erase(A)


# Who leads it ----------------------------------------------------------------------------------------------------


def test_who_takes_the_lead_takes_the_duplicates_along_and_reaches_no_more_of_them(desk: Desk) -> None:
    desk.merge(A, B)
    desk.hand_on(B, "lbh")
    duplicate = desk.case(A)
    assert (duplicate.lead, duplicate.status, set(duplicate.former_leads)) == ("lbh", Status.MERGED, {"uptd-ppa"})
    reached = Reaches(duplicate, desk.now).of("lbh", AgencyKind.LEGAL_AID)
    assert reached.on("uptd-ppa") <= {Compartment.COORDINATION, Compartment.LEGAL}, "what a consent there names it for"
    desk.separate(A)
    assert desk.case(A).lead == "lbh"


def test_where_the_police_take_the_lead_their_hold_begins_in_each_file(desk: Desk) -> None:
    desk.merge(A, B)
    desk.log.write(B, desk.by("uptd-ppa"), consent(an_id("to police"), to="polres", of=("incident",)))
    desk.hand_on(B, "polres")
    for file in (A, B):
        assert [hold.holder for hold in desk.case(file).holds.values()] == ["polres"]


def test_a_separated_file_stays_with_who_leads_it(desk: Desk) -> None:
    desk.merge(A, B)
    desk.separate(A)
    desk.hand_on(B, "lbh")
    assert (desk.case(A).lead, desk.case(B).lead) == ("uptd-ppa", "lbh")


# What she said ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said_by", [ConsentBy.SURVIVOR, ConsentBy.CAREGIVER])
def test_what_of_it_she_stopped_in_one_file_stops_in_all_of_them_and_no_more(desk: Desk, said_by: ConsentBy) -> None:
    desk.merge(A, B)
    stop, word = an_id("stop"), {"about": StopAbout.EVERYTHING, "compartments": frozenset({"health"})}
    before = {file: desk.case(file).shareable("rsud", AgencyKind.HEALTH, desk.now) for file in (A, B)}
    said = say(StopSharing, stop=stop, said_by=frozenset({said_by}), **word)
    desk.says(said, desk.by("uptd-ppa", Role.CASE_WORKER), B)
    if said_by is ConsentBy.CAREGIVER:  # the lead asks her, and she says so
        says = {"given_by": frozenset({ConsentBy.SURVIVOR}), "obtained": Obtained.VERBAL}
        desk.says(say(ConfirmStop, stop=stop, **says), desk.by("uptd-ppa", Role.CASE_WORKER), B)
    for file in (A, B):
        after = desk.case(file).shareable("rsud", AgencyKind.HEALTH, desk.now)
        assert before[file] - after == {Compartment.HEALTH}


# What was judged -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("judged_in", [A, B])
def test_what_was_judged_not_justified_in_one_file_counts_in_the_other(desk: Desk, judged_in: UUID) -> None:
    """Also where that was before such a verdict counted in every case."""
    doctor = replace(desk.by("rsud", Role.CASE_WORKER), actor=member("H3"))
    reviewed = say(GlassReviewed, glass=GLASS, verdict=GlassVerdict.NOT_JUSTIFIED, remark="r", reviewer=uuid4())
    desk.log.write(judged_in, desk.by("rsud"), broken_glass(who=doctor.actor), reviewed)
    other = B if judged_in == A else A
    assert not misjudged(desk.case(other), doctor.actor, "rsud", desk.casework.network)
    desk.merge(A, B)
    assert misjudged(desk.case(other), doctor.actor, "rsud", desk.casework.network)
    topics = desk.log.topics(person_stream(doctor.actor))
    assert topics == ["agency.JudgedNotJustified"]
    desk.separate(A)
    desk.merge(A, B)
    assert desk.log.topics(person_stream(doctor.actor)) == topics, "once"
