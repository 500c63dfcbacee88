"""Two people: whatever takes a second person waits for one, and for nobody who is the first, or gains by it."""

from datetime import timedelta
from typing import Any, NamedTuple, get_type_hints
from uuid import UUID, uuid4

import pytest
from msgspec import NODEFAULT
from msgspec.json import decode, encode
from msgspec.structs import fields, replace
from paper_log import PaperLog, PaperMacs, PaperOpener, a_network
from standing_world import COMMANDS, happened
from story import DAY, LEAD, NOON, act, an_id, later, opened, say

from rujukan.api.application.casework import Casework
from rujukan.api.application.kinds import AGENCY, CASE
from rujukan.api.application.once import Done, Sent
from rujukan.api.application.ports import Moved
from rujukan.api.application.proposing import proposal_on, waiting
from rujukan.domain import agency as a
from rujukan.domain import agency_keys as k
from rujukan.domain import webhook as w
from rujukan.domain.agency import agency_stream
from rujukan.domain.case.ages import AssessAge
from rujukan.domain.case.speaking import RecordCapacity, SetSpeakerAside
from rujukan.domain.case.staffing import EndExclusion
from rujukan.domain.casefile.ages import AgeAssessed
from rujukan.domain.catalogue import upcast
from rujukan.domain.codes import AgeGroup, AgencyKind, Role
from rujukan.domain.compartment import Compartment, compartments_of
from rujukan.domain.declaring import ASKED
from rujukan.domain.fact import Act, ActorId, CaseId, Fact, ProposalId
from rujukan.domain.persons import AgeBasis, Capacity, SetAside
from rujukan.domain.proposal import (
    CARRIED,
    REASONS,
    TEXT,
    ApproveProposal,
    RefuseProposal,
    WithdrawProposal,
    command_of,
    fold,
    propose,
    refers,
)
from rujukan.domain.refusal import (
    AnotherPersonNeeded,
    NotAMember,
    NotForThisAgency,
    NotForThisRole,
    ProposalOver,
    Refusal,
    Unknown,
)
from rujukan.infra.store.transcoder import to_segments

TWO = [command for command, said in ASKED.items() if said.second is not None]
ADMINISTRATOR = act("rsud", Role.AGENCY_ADMINISTRATOR)
COLLEAGUE = act("rsud", Role.DATA_PROTECTION_OFFICER)
SUPERVISOR = act("rsud", Role.SUPERVISOR)
LEAD_S_SUPERVISOR = act("uptd-ppa", Role.SUPERVISOR)
OPERATOR = act("uptd-ppa", Role.AGENCY_ADMINISTRATOR)
STRANGER = act("polres", Role.AGENCY_ADMINISTRATOR)
SYSTEM = act("uptd-ppa", Role.SYSTEM)
NEWCOMER = ActorId(an_id("newcomer"))


class House(NamedTuple):
    """The application on paper, where `rsud` has an administrator and a data protection officer."""

    log: PaperLog
    casework: Casework

    def asks(self, command: Fact, by: Act = ADMINISTRATOR, to: str = "rsud", **more: Any) -> Done:
        return self.casework.handle(AGENCY, to, command, by, correlation=uuid4(), **more)

    def says(self, command: type[Fact], of: Done, by: Act, **more: Any) -> Done:
        id = ProposalId(UUID(of.id))
        kind = proposal_on(self.casework)
        return self.casework.handle(kind, id, say(command, by.at, proposal=id, **more), by, correlation=uuid4())

    def roles(self, member: ActorId, of: str = "rsud") -> frozenset[Role]:
        agency = self.casework.state(AGENCY, of)
        assert agency is not None
        return agency.members.get(member, frozenset())

    def lets_in(self, *people: Act, roles: frozenset[Role] | None = None) -> None:
        for who in people:
            joined = say(a.MemberJoined, member=who.actor, roles=roles or frozenset({who.role}))
            self.log.write(agency_stream(who.agency), SYSTEM, joined)


@pytest.fixture
def house() -> House:
    log = PaperLog()
    a_network(log, LEAD)
    made = House(log, Casework(log, PaperMacs()))
    made.lets_in(ADMINISTRATOR, COLLEAGUE, SUPERVISOR, OPERATOR, STRANGER)
    return made


def joins(*roles: Role, member: ActorId = NEWCOMER, **more: Any) -> a.AddMember:
    return say(a.AddMember, member=member, roles=frozenset(roles), **more)


# One person is not enough ----------------------------------------------------------------------------------------

GRAVE = [Role.SUPERVISOR, Role.LEGAL_REVIEWER, Role.DATA_PROTECTION_OFFICER, Role.AGENCY_ADMINISTRATOR]


@pytest.mark.parametrize("role", GRAVE)
@pytest.mark.parametrize("second", [COLLEAGUE, SUPERVISOR, OPERATOR], ids=["officer", "supervisor", "operator"])
def test_power_is_given_by_two(house: House, role: Role, second: Act) -> None:
    asked = house.asks(joins(role))
    assert (asked.waits, house.roles(NEWCOMER)) == (True, frozenset())
    done = house.says(ApproveProposal, asked, second)
    assert (done.waits, house.roles(NEWCOMER)) == (False, frozenset({role}))


@pytest.mark.parametrize("role", sorted(set(Role) - {*GRAVE, Role.SYSTEM}))
def test_work_is_given_by_one_and_to_oneself_by_two(house: House, role: Role) -> None:
    assert not house.asks(joins(role)).waits
    own = joins(role, Role.AGENCY_ADMINISTRATOR, member=ADMINISTRATOR.actor)
    asked = house.asks(own)
    assert asked.waits
    house.says(ApproveProposal, asked, COLLEAGUE)
    assert house.roles(ADMINISTRATOR.actor) == {role, Role.AGENCY_ADMINISTRATOR}


def test_power_is_taken_away_by_one(house: House) -> None:
    house.lets_in(replace(ADMINISTRATOR, actor=NEWCOMER), roles=frozenset({Role.SUPERVISOR, Role.LEGAL_REVIEWER}))
    assert not house.asks(joins(Role.SUPERVISOR)).waits
    assert house.roles(NEWCOMER) == {Role.SUPERVISOR}
    assert not house.asks(say(a.RemoveMember, member=NEWCOMER)).waits
    own = joins(Role.AGENCY_ADMINISTRATOR, member=ADMINISTRATOR.actor)  # as it was
    assert not house.asks(own).waits


def unseating(member: ActorId) -> list[Fact]:
    """Each way to make an administrator none."""
    return [say(a.RemoveMember, member=member), joins(Role.CASE_WORKER, member=member)]


@pytest.mark.parametrize("way", [0, 1])
def test_another_administrator_is_taken_away_by_two_and_never_by_those_two_alone_who_are_concerned(
    house: House, way: int
) -> None:
    house.lets_in(replace(ADMINISTRATOR, actor=NEWCOMER))
    asked = house.asks(unseating(NEWCOMER)[way])
    assert asked.waits
    assert house.roles(NEWCOMER) == {Role.AGENCY_ADMINISTRATOR}
    for nobody in (ADMINISTRATOR, replace(ADMINISTRATOR, actor=NEWCOMER)):
        with pytest.raises(AnotherPersonNeeded):
            house.says(ApproveProposal, asked, nobody)
    house.says(ApproveProposal, asked, COLLEAGUE)
    assert Role.AGENCY_ADMINISTRATOR not in house.roles(NEWCOMER)


def test_an_administrator_goes_alone(house: House) -> None:
    house.lets_in(replace(ADMINISTRATOR, actor=NEWCOMER))
    assert not house.asks(say(a.RemoveMember, member=ADMINISTRATOR.actor)).waits
    assert house.roles(ADMINISTRATOR.actor) == frozenset()


def test_the_first_administrator_is_let_in_by_one(house: House) -> None:
    first = joins(Role.AGENCY_ADMINISTRATOR)
    assert not house.asks(first, OPERATOR, "lbh").waits
    asked = house.asks(joins(Role.AGENCY_ADMINISTRATOR, member=ActorId(an_id("next"))), to="lbh", by=_at("lbh"))
    assert asked.waits


def _at(agency: str) -> Act:
    return replace(act(agency, Role.AGENCY_ADMINISTRATOR), actor=NEWCOMER)


def test_the_operator_s_command_line_needs_no_second_person(house: House) -> None:
    assert not house.asks(joins(Role.SUPERVISOR), SYSTEM).waits
    assert house.roles(NEWCOMER) == {Role.SUPERVISOR}


# Keys, webhooks and agencies ------------------------------------------------------------------------------------------


def test_after_the_first_a_key_is_taken_into_use_by_two_and_retired_by_one(house: House) -> None:
    """Whoever has the newest key's private half reads all that the agency is told."""
    first, own, next = (say(k.RegisterKey, key=f"k{n}", public_key="A" * 1622) for n in range(3))
    assert not house.asks(first).waits
    asked, other = house.asks(own), house.asks(next)
    assert (asked.waits, _keys(house)) == (True, ["k0"])
    with pytest.raises(AnotherPersonNeeded):
        house.says(ApproveProposal, asked, replace(COLLEAGUE, actor=ADMINISTRATOR.actor))
    with pytest.raises(Unknown):
        house.says(ApproveProposal, asked, OPERATOR)  # it is its own agency's
    house.says(ApproveProposal, other, COLLEAGUE)
    assert _keys(house) == ["k0", "k2"]
    assert not house.asks(say(k.RetireKey, key="k2")).waits
    assert not house.asks(own, SYSTEM).waits


def _keys(house: House) -> list[str]:
    agency = house.casework.state(AGENCY, "rsud")
    assert agency is not None
    return list(agency.keys)


def test_a_webhook_is_set_by_two_and_removed_by_one(house: House) -> None:
    asked = house.asks(say(w.SetWebhook, url="https://rsud.example/rujukan"))
    assert asked.waits
    with pytest.raises(Unknown):
        house.says(ApproveProposal, asked, OPERATOR)  # it is its own agency's
    house.says(ApproveProposal, asked, SUPERVISOR)
    assert not house.asks(say(w.ReplayWebhook, after=1)).waits
    assert not house.asks(say(w.RemoveWebhook)).waits


def test_an_agency_is_registered_and_brought_back_by_two(house: House) -> None:
    new = say(a.RegisterAgency, code="polres-2", kind=AgencyKind.POLICE, name="Polres")
    asked = house.asks(new, OPERATOR, "polres-2")
    assert (asked.waits, house.casework.state(AGENCY, "polres-2")) == (True, None)
    for second in (SUPERVISOR, STRANGER):
        with pytest.raises(Unknown):
            house.says(ApproveProposal, asked, second)
    house.says(ApproveProposal, asked, LEAD_S_SUPERVISOR)
    assert house.casework.state(AGENCY, "polres-2") is not None

    assert not house.asks(say(a.SuspendAgency, reason="r"), OPERATOR).waits, "in danger one is enough"
    back = house.asks(say(a.ReactivateAgency), OPERATOR)
    assert back.waits
    house.says(ApproveProposal, back, LEAD_S_SUPERVISOR)


def test_one_lead_is_not_put_out_by_one_person(house: House) -> None:
    assert house.asks(say(a.SuspendAgency, reason="r"), OPERATOR, "uptd-ppa").waits


# Nor is one with two hats ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", sorted({Role.AGENCY_ADMINISTRATOR, Role.DATA_PROTECTION_OFFICER, Role.SUPERVISOR}))
@pytest.mark.parametrize("agency", ["rsud", "uptd-ppa"])
def test_two_hats_make_no_two_people(house: House, agency: str, role: Role) -> None:
    hat = replace(act(agency, role), actor=ADMINISTRATOR.actor)
    house.lets_in(hat)
    asked = house.asks(joins(Role.SUPERVISOR))
    with pytest.raises(AnotherPersonNeeded):
        house.says(ApproveProposal, asked, hat)
    assert house.roles(NEWCOMER) == frozenset()


def test_who_gains_by_it_is_no_second_person(house: House) -> None:
    asked = house.asks(joins(Role.SUPERVISOR, member=COLLEAGUE.actor))
    for gains in (COLLEAGUE, replace(OPERATOR, actor=COLLEAGUE.actor)):
        with pytest.raises(AnotherPersonNeeded):
            house.says(ApproveProposal, asked, gains)
    house.says(ApproveProposal, asked, OPERATOR)
    assert house.roles(COLLEAGUE.actor) == {Role.SUPERVISOR}


def test_to_a_stranger_there_is_no_proposal(house: House) -> None:
    asked = house.asks(joins(Role.SUPERVISOR))
    for command, more in ((ApproveProposal, {}), (RefuseProposal, {"reason": "r"}), (WithdrawProposal, {})):
        with pytest.raises(Unknown):
            house.says(command, asked, STRANGER, **more)
        with pytest.raises(Unknown):
            house.says(command, asked._replace(id=str(uuid4())), COLLEAGUE, **more)
    with pytest.raises(NotForThisRole):
        house.says(ApproveProposal, asked, act("rsud", Role.CASE_WORKER))
    with pytest.raises(Unknown):
        house.says(WithdrawProposal, asked, act("rsud", Role.CASE_WORKER))
    assert house.roles(NEWCOMER) == frozenset()


# What becomes of it ----------------------------------------------------------------------------------------------


def test_what_is_decided_or_over_is_decided_no_more(house: House) -> None:
    refused, taken_back, done = (house.asks(joins(Role.SUPERVISOR)) for _ in range(3))
    house.says(RefuseProposal, refused, COLLEAGUE, reason="r")
    house.says(WithdrawProposal, taken_back, ADMINISTRATOR)
    house.says(ApproveProposal, done, COLLEAGUE)
    house.asks(say(a.RemoveMember, member=NEWCOMER))
    for decided in (refused, taken_back, done):
        with pytest.raises(ProposalOver):
            house.says(ApproveProposal, decided, COLLEAGUE)
        with pytest.raises(ProposalOver):
            house.says(WithdrawProposal, decided, ADMINISTRATOR)
    late = house.asks(joins(Role.SUPERVISOR))
    with pytest.raises(ProposalOver):
        house.says(ApproveProposal, late, later(COLLEAGUE, 7 * DAY))
    assert house.roles(NEWCOMER) == frozenset()
    house.says(ApproveProposal, late, later(COLLEAGUE, 7 * DAY - timedelta(seconds=1)))
    assert house.roles(NEWCOMER) == {Role.SUPERVISOR}


def test_who_asked_must_still_be_allowed_to(house: House) -> None:
    asked = house.asks(joins(Role.SUPERVISOR))
    other = replace(ADMINISTRATOR, actor=ActorId(an_id("another administrator")))
    house.lets_in(other)
    gone = house.asks(say(a.RemoveMember, member=ADMINISTRATOR.actor), other)
    house.says(ApproveProposal, gone, COLLEAGUE)
    with pytest.raises(NotAMember):
        house.says(ApproveProposal, asked, COLLEAGUE)
    assert house.roles(NEWCOMER) == frozenset()


def test_it_is_decided_on_the_state_as_it_is_then(house: House) -> None:
    """Another process gives another role between the look and the commit: nothing of it is lost."""
    asked = house.asks(joins(Role.SUPERVISOR))
    house.log.before_append.append(lambda: house.lets_in(replace(ADMINISTRATOR, actor=ActorId(an_id("between")))))
    house.says(ApproveProposal, asked, COLLEAGUE)
    assert house.roles(NEWCOMER) == {Role.SUPERVISOR}
    assert house.roles(ActorId(an_id("between"))) == {Role.AGENCY_ADMINISTRATOR}


def test_two_words_at_once_have_one_effect(house: House) -> None:
    asked, elsewhere = house.asks(joins(Role.SUPERVISOR)), house._replace(casework=Casework(house.log, PaperMacs()))
    house.log.before_append.append(lambda: elsewhere.says(RefuseProposal, asked, SUPERVISOR, reason="r"))
    with pytest.raises((ProposalOver, Moved)):
        house.says(ApproveProposal, asked, COLLEAGUE)
    assert house.roles(NEWCOMER) == frozenset()


def test_what_would_be_refused_is_not_proposed(house: House) -> None:
    before = list(house.log.events)
    with pytest.raises(NotForThisAgency):
        house.asks(joins(Role.SUPERVISOR), STRANGER)
    with pytest.raises(Refusal):
        house.asks(joins(Role.SYSTEM, Role.SUPERVISOR))
    assert house.log.events == before


def test_sent_again_it_is_one_proposal(house: House) -> None:
    key = Sent("once", b"the same")
    first, again = (house.asks(joins(Role.SUPERVISOR), sent=key) for _ in range(2))
    assert again == first._replace(replayed=True)


def test_the_second_person_sees_what_they_approve_and_its_name_stays_sealed(house: House) -> None:
    asked = house.asks(joins(Role.SUPERVISOR, name="Anggota A"))
    found = waiting(house.casework, ProposalId(UUID(asked.id)))
    assert found is not None
    assert found.command == joins(Role.SUPERVISOR)
    assert "Anggota A" not in found.proposal.said
    house.says(ApproveProposal, asked, COLLEAGUE)
    joined = [w.event for w in house.log.events if isinstance(w.event, a.MemberJoined)][-1]
    assert joined == say(a.MemberJoined, member=NEWCOMER, roles=frozenset({Role.SUPERVISOR}))


def test_why_an_exclusion_is_to_end_is_sealed_and_what_follows_refers_to_it() -> None:
    """It may name who is kin to whom: neither the rules nor who lists what waits read it."""
    command = say(EndExclusion, exclusion=an_id("exclusion"), reason="She is the sister of A.")
    second = ASKED[EndExclusion].second
    assert second is not None
    made = propose(ProposalId(an_id("proposal")), command, "case", str(an_id("case")), second, SUPERVISOR, NOON + DAY)
    in_clear = {c.word: text.decode() for c, text in to_segments(made).items() if c is Compartment.COORDINATION}
    assert "sister" not in str(in_clear)
    assert made.said_of_law is not None
    assert "sister" in made.said_of_law
    proposal = fold([made])
    assert proposal is not None
    assert command_of(proposal).reason == f"Lihat usul {proposal.id}. / See proposal {proposal.id}."  # type: ignore[attr-defined]
    assert command_of(proposal) == replace(command, reason=command_of(proposal).reason)  # type: ignore[attr-defined]


BY_TWO: dict[type[Fact], dict[str, Any]] = {
    RecordCapacity: {"capacity": Capacity.UNABLE},
    SetSpeakerAside: {"set_aside": SetAside.NOT_SAFE},
}
"""As which it takes two people."""
WITH_REASONS = [command for command in TWO if REASONS.keys() & set(compartments_of(command).values())]


@pytest.mark.parametrize("of", WITH_REASONS, ids=lambda of: of.__name__)
def test_of_every_command_a_sealed_reason_stays_sealed_and_what_follows_refers_to_it(of: type[Fact]) -> None:
    """Said or left out: what was not said is not referred to, where it need not be."""
    second, id = ASKED[of].second, ProposalId(an_id("proposal"))
    assert second is not None
    sealed = {name: compartment for name, compartment in compartments_of(of).items() if compartment in REASONS}
    said = replace(COMMANDS[of], **dict.fromkeys(sealed, "She is the sister of A."))
    required = {f.name for f in fields(of) if f.required}
    left_out = replace(COMMANDS[of], **dict.fromkeys(sealed.keys() - required, None))
    for command in (said, left_out):
        made = propose(id, command, "case", str(an_id("case")), second, SUPERVISOR, NOON + DAY)
        proposal = fold([made])
        assert proposal is not None
        assert "sister" not in to_segments(made)[Compartment.COORDINATION].decode()
        given = {name for name in sealed if getattr(command, name) is not None}
        texts = {name for name in given if get_type_hints(of)[name] in TEXT}
        for name in given:
            kept = getattr(made, REASONS[sealed[name]])
            assert decode(kept)[name] == getattr(command, name)
        shown = {**dict.fromkeys(given, None), **dict.fromkeys(texts, refers(id))}
        assert command_of(proposal) == replace(command, **shown)


@pytest.mark.parametrize("of", [c for c in WITH_REASONS if CARRIED["case"] & set(compartments_of(c).values())])
def test_what_is_approved_says_a_sealed_reason_of_the_case_again_sealed(of: type[Fact]) -> None:
    """A court, and she, read the case, not what was asked of a second person."""
    log, case = PaperLog(), CaseId(an_id("case"))
    a_network(log, LEAD)
    casework = Casework(log, PaperMacs(), opener=PaperOpener(log))
    House(log, casework).lets_in(LEAD, LEAD_S_SUPERVISOR)
    for said in happened():
        event, author = said if isinstance(said, tuple) else (said, LEAD.agency)
        log.write(case, act(author), event)
    sealed = {name for name, compartment in compartments_of(of).items() if compartment in CARRIED["case"]}
    given = {**dict.fromkeys(sealed, "Her father threatens her."), **BY_TWO.get(of, {})}
    command = replace(COMMANDS[of], **given, occurred_at=NOON)
    asked = casework.handle(CASE, case, command, replace(LEAD, at=NOON), correlation=uuid4())
    assert asked.waits
    kind, id = proposal_on(casework), ProposalId(UUID(asked.id))
    casework.handle(kind, id, say(ApproveProposal, NOON, proposal=id), LEAD_S_SUPERVISOR, correlation=uuid4())
    (done,) = [w.event for w in log.events if w.stream == case][len(happened()) :]
    assert {name: getattr(done, name) for name in sealed} == {name: given[name] for name in sealed}
    assert "Her father threatens her." in given.values()
    assert "threatens" not in to_segments(done)[Compartment.COORDINATION].decode()


def test_who_she_is_is_sealed_in_what_is_asked_of_a_case_and_said_again_in_what_follows() -> None:
    log, case = PaperLog(), CaseId(an_id("case"))
    a_network(log, LEAD)
    casework = Casework(log, PaperMacs(), opener=PaperOpener(log))
    House(log, casework).lets_in(LEAD, LEAD_S_SUPERVISOR)
    for event in (opened(), say(AgeAssessed, age_group=AgeGroup.ADULT, age_table="2026-1")):
        log.write(case, act(LEAD.agency), event)
    younger = say(AssessAge, years_from=13, years_to=14, age_basis=AgeBasis.CLINICIAN, remark="wrist X-ray")
    asked = casework.handle(CASE, case, younger, replace(LEAD, at=NOON), correlation=uuid4())
    assert asked.waits, "nobody says alone that she decides no more"
    kind, id = proposal_on(casework), ProposalId(UUID(asked.id))
    found = waiting(casework, id)
    assert found is not None
    assert "X-ray" not in found.proposal.said
    casework.handle(kind, id, say(ApproveProposal, NOON, proposal=id), LEAD_S_SUPERVISOR, correlation=uuid4())
    (done,) = [w.event for w in log.events if w.stream == case][2:]
    assert isinstance(done, AgeAssessed)
    assert (done.age_group, done.age_basis) == (AgeGroup.YOUNGER_ADOLESCENT, AgeBasis.CLINICIAN)


def test_what_was_recorded_in_clear_before_is_shown_no_more() -> None:
    said = {"occurred_at": NOON.isoformat(), "exclusion": str(an_id("exclusion")), "reason": "She is the sister of A."}
    stored = {"operation": "EndExclusion", "said": encode(said).decode()}
    shown = upcast("proposal.ProposalMade", 1, stored)
    assert "sister" not in str(shown)
    assert decode(shown["said"]) == {name: value for name, value in said.items() if name != "reason"}
    other = {"operation": "LiftLegalHold", "said": encode({"reason": "r"}).decode()}
    assert upcast("proposal.ProposalMade", 1, other) == other


# All that takes two ----------------------------------------------------------------------------------------------


def test_what_a_proposal_does_not_hold_can_be_left_out() -> None:
    """It holds what the rules read, and, sealed, people's names, and reasons that may name somebody, to which what
    follows refers; nothing else of a command that takes two."""
    for command in TWO:
        for name, compartment in compartments_of(command).items():
            left_out = next(f for f in fields(command) if f.name == name).default is not NODEFAULT
            refers = compartment in REASONS and (left_out or get_type_hints(command)[name] in TEXT)
            held = compartment is Compartment.COORDINATION or (compartment is Compartment.IDENTITY and left_out)
            held |= refers
            assert held, (command.__name__, name)


def test_whoever_is_to_be_second_could_be_another() -> None:
    """More than one role may, and never the system alone."""
    for command in TWO:
        second = ASKED[command].second
        assert second is not None
        assert all(row.roles - {Role.SYSTEM} for row in second.rows), command.__name__
        assert ASKED[command].path is not None
