"""A lost private key: history goes to another key only where two people say so, whatever anybody asks for."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace
from some import examples
from story import act, an_id, say

from rujukan.domain import agency as a
from rujukan.domain import agency_keys, agency_state, catalogue
from rujukan.domain.agency_keys import (
    ApproveResealing,
    AskResealing,
    KeyRegistered,
    KeyRetired,
    RefuseResealing,
    RegisterKey,
    ResealingApproved,
    ResealingAsked,
    RetireKey,
)
from rujukan.domain.agency_state import Agency, Resealing
from rujukan.domain.codes import AgencyKind, Role
from rujukan.domain.fact import Act, Fact
from rujukan.domain.refusal import (
    AlreadyExists,
    AnotherPersonNeeded,
    Invalid,
    NotForThisAgency,
    NotForThisRole,
    Refusal,
    Unknown,
)
from rujukan.infra.store.transcoder import to_event, to_segments, topic_of


def by(name: str, agency: str, role: Role) -> Act:
    return replace(act(agency, role), actor=an_id(name))


ADMINISTRATOR = by("Ani", "rsud", Role.AGENCY_ADMINISTRATOR)
OFFICER = by("Budi", "rsud", Role.DATA_PROTECTION_OFFICER)
OFFICER_TOO = by("Ani", "rsud", Role.DATA_PROTECTION_OFFICER)
OF_THE_LEAD = by("Citra", "uptd-ppa", Role.AGENCY_ADMINISTRATOR)
ASKED_BY = ADMINISTRATOR.actor

PUBLIC = {name: letter * 1622 for name, letter in (("k1", "A"), ("k2", "B"), ("k3", "C"), ("k4", "D"))}
REGISTERED = say(a.AgencyRegistered, code="rsud", kind=AgencyKind.HEALTH, name="RSUD")
KEYS = [REGISTERED, *(say(KeyRegistered, key=k, public_key=PUBLIC[k]) for k in ("k1", "k2", "k3"))]
RETIRED = [*KEYS, say(KeyRetired, key="k1")]

FIRST = {"key": "k3", "lost": frozenset({"k1"})}
ASK = say(AskResealing, **FIRST, reason="the server burnt")
APPROVE = say(ApproveResealing, **FIRST)
REFUSE = say(RefuseResealing, **FIRST, reason="nobody knows of a fire")
ASKED = say(ResealingAsked, **FIRST, reason="the server burnt", asked_by=ASKED_BY)
APPROVED = say(ResealingApproved, **FIRST, asked_by=ASKED_BY, approved_by=OFFICER.actor)


def after(events: Sequence[Fact]) -> Agency:
    agency = a.fold(events)
    assert agency is not None
    return agency


def refused(events: Sequence[Fact], command: Fact, who: Act, why: type[Refusal]) -> None:
    with pytest.raises(Refusal) as refusal:
        agency_state.decide(command, a.fold(events), who)
    assert isinstance(refusal.value, why)


# Keys ----------------------------------------------------------------------------------------------------------


def test_a_retired_key_is_remembered_as_what_was_told_under_it_stays_sealed_to_it() -> None:
    agency = after(RETIRED)
    assert list(agency.keys) == ["k2", "k3"]
    assert agency.public_keys == {k: PUBLIC[k] for k in ("k1", "k2", "k3")}
    assert agency.sealed_to("k1") == ("k1", PUBLIC["k1"])


def test_what_was_told_before_there_was_a_key_waits_for_the_first() -> None:
    assert after([REGISTERED]).sealed_to("") is None
    assert after(RETIRED).sealed_to("") == ("k1", PUBLIC["k1"])
    assert after([*RETIRED, ASKED, APPROVED]).sealed_to("") == ("k3", PUBLIC["k3"])


def test_nothing_is_sealed_to_a_key_nobody_registered() -> None:
    assert after(KEYS).sealed_to("k9") is None


def test_whoever_registers_a_key_is_not_handed_history() -> None:
    refused(RETIRED, say(RegisterKey, key="k1", public_key=PUBLIC["k4"]), ADMINISTRATOR, AlreadyExists)
    agency = after([*RETIRED, say(KeyRegistered, key="k4", public_key=PUBLIC["k4"])])
    assert [agency.sealed_to(k) for k in ("k1", "k2")] == [(k, PUBLIC[k]) for k in ("k1", "k2")]


def test_an_id_that_an_older_log_registered_anew_keeps_its_first_key() -> None:
    agency = after([*RETIRED, say(KeyRegistered, key="k1", public_key=PUBLIC["k4"])])
    assert agency.sealed_to("k1") == ("k1", PUBLIC["k1"])
    assert agency.keys["k1"] == agency.public_keys["k1"] == PUBLIC["k1"]


# Asking --------------------------------------------------------------------------------------------------------


def test_an_administrator_asks_and_nothing_moves_yet() -> None:
    assert agency_state.decide(ASK, a.fold(RETIRED), ADMINISTRATOR) == [ASKED]
    agency = after([*RETIRED, ASKED])
    assert agency.resealing == Resealing("k3", frozenset({"k1"}), "the server burnt", ASKED_BY)
    assert agency.sealed_to("k1") == ("k1", PUBLIC["k1"])


def test_a_lost_key_that_is_in_use_is_retired_at_once_as_nobody_could_read_what_comes() -> None:
    both = say(AskResealing, key="k1", lost=frozenset({"k3", "k2"}), reason="the server burnt")
    events = agency_state.decide(both, a.fold(KEYS), ADMINISTRATOR)
    assert events[:2] == [say(KeyRetired, key="k2"), say(KeyRetired, key="k3")]
    assert isinstance(events[2], ResealingAsked)
    assert after([*KEYS, *events]).sealing_key == ("k1", PUBLIC["k1"])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"lost": frozenset({"k9"})}, Unknown),
        ({"key": "k9"}, Unknown),
        ({"key": "k1", "lost": frozenset({"k2"})}, Invalid),
        ({"lost": frozenset({"k1", "k3"})}, Invalid),
    ],
    ids=["a lost key nobody registered", "a new key nobody registered", "the new one retired", "the new one lost too"],
)
def test_lost_keys_are_the_agencys_and_the_new_one_is_in_use(change: dict[str, Any], why: type[Refusal]) -> None:
    refused(RETIRED, replace(ASK, **change), ADMINISTRATOR, why)


def test_who_asks_says_which_keys_are_lost() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"occurred_at": "2026-03-03T12:00:00Z", "key": "k3", "lost": [], "reason": "x"}, AskResealing)


@pytest.mark.parametrize(
    ("who", "why"),
    [
        (by("Dian", "polres", Role.AGENCY_ADMINISTRATOR), NotForThisAgency),
        (OF_THE_LEAD, NotForThisAgency),
        (OFFICER, NotForThisRole),
        (by("the system", "rsud", Role.SYSTEM), NotForThisRole),
    ],
    ids=["another agency's", "the lead's", "the agency's officer", "the system"],
)
def test_only_an_administrator_of_the_agency_asks(who: Act, why: type[Refusal]) -> None:
    refused(RETIRED, ASK, who, why)


def test_one_request_waits_at_a_time() -> None:
    refused([*RETIRED, ASKED], replace(ASK, key="k2"), ADMINISTRATOR, AlreadyExists)


# Deciding ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", [OFFICER, OF_THE_LEAD], ids=["the agency's officer", "the lead's administrator"])
def test_another_person_approves_and_history_moves(who: Act) -> None:
    (approved,) = agency_state.decide(APPROVE, a.fold([*RETIRED, ASKED]), who)
    assert approved == say(ResealingApproved, **FIRST, asked_by=ASKED_BY, approved_by=who.actor)
    agency = after([*RETIRED, ASKED, approved])
    assert agency.resealing is None
    assert agency.resealed == {"k1": "k3"}
    assert [agency.sealed_to(k) for k in ("k1", "k2")] == [("k3", PUBLIC["k3"]), ("k2", PUBLIC["k2"])]


def test_another_person_refuses_and_it_can_be_asked_anew() -> None:
    (said,) = agency_state.decide(REFUSE, a.fold([*RETIRED, ASKED]), OFFICER)
    agency = after([*RETIRED, ASKED, said])
    assert (agency.resealing, agency.resealed) == (None, {})
    assert agency_state.decide(ASK, agency, ADMINISTRATOR) == [ASKED]


@pytest.mark.parametrize("command", [APPROVE, REFUSE], ids=lambda command: type(command).__name__)
@pytest.mark.parametrize(
    ("who", "why"),
    [
        (OFFICER_TOO, AnotherPersonNeeded),
        (by("Ani", "uptd-ppa", Role.AGENCY_ADMINISTRATOR), AnotherPersonNeeded),
        (by("Eka", "rsud", Role.AGENCY_ADMINISTRATOR), NotForThisAgency),
        (by("Eka", "uptd-ppa", Role.DATA_PROTECTION_OFFICER), NotForThisAgency),
        (by("Eka", "polres", Role.DATA_PROTECTION_OFFICER), NotForThisAgency),
        (by("the system", "uptd-ppa", Role.SYSTEM), NotForThisRole),
    ],
    ids=[
        "who asked, in another role",
        "who asked, at another agency",
        "a second administrator",
        "the lead's officer",
        "another agency's officer",
        "the system",
    ],
)
def test_nobody_else_decides(command: Fact, who: Act, why: type[Refusal]) -> None:
    refused([*RETIRED, ASKED], command, who, why)


def test_two_administrators_of_the_lead_do_it_for_the_lead_itself() -> None:
    lead = [say(a.AgencyRegistered, code="uptd-ppa", kind=AgencyKind.LEAD, name="UPTD"), *RETIRED[1:]]
    asking = by("Dian", "uptd-ppa", Role.AGENCY_ADMINISTRATOR)
    asked = agency_state.decide(ASK, a.fold(lead), asking)
    refused([*lead, *asked], APPROVE, asking, AnotherPersonNeeded)
    assert agency_state.decide(APPROVE, a.fold([*lead, *asked]), OF_THE_LEAD)


@pytest.mark.parametrize(
    "events",
    [RETIRED, [*RETIRED, ASKED, APPROVED], [*RETIRED, replace(ASKED, key="k2")]],
    ids=["none", "done", "other"],
)
def test_a_decision_names_what_waits(events: Sequence[Fact]) -> None:
    refused(events, APPROVE, OFFICER, Unknown)


def test_a_request_for_other_lost_keys_is_not_approved_unseen() -> None:
    asked = replace(ASKED, lost=frozenset({"k1", "k2"}))
    refused([*RETIRED, say(KeyRetired, key="k2"), asked], APPROVE, OFFICER, Unknown)


def test_history_does_not_move_to_a_key_that_was_retired_in_between() -> None:
    retired = [*RETIRED, ASKED, say(KeyRetired, key="k3")]
    refused(retired, APPROVE, OFFICER, Invalid)
    assert agency_state.decide(REFUSE, a.fold(retired), OFFICER)


def test_what_moved_is_what_is_sealed_to_another_key_than_before() -> None:
    before, moved = after([*RETIRED, ASKED]), after([*RETIRED, ASKED, APPROVED])
    assert agency_keys.moved(before, moved) == {"k1", ""}, (
        "k1 was the first: what was told before there was a key goes along"
    )
    asked = say(ResealingAsked, key="k2", lost=frozenset({"k3"}), reason="a theft", asked_by=ASKED_BY)
    approved = say(ResealingApproved, key="k2", lost=frozenset({"k3"}), asked_by=ASKED_BY, approved_by=OFFICER.actor)
    again = after([*RETIRED, ASKED, APPROVED, asked, approved])
    assert agency_keys.moved(moved, again) == {"k3", "k1", ""}, "and what had moved to the lost one goes on with it"
    newer = say(KeyRegistered, key="k4", public_key=PUBLIC["k4"])
    assert agency_keys.moved(again, a.evolve(again, newer)) == frozenset(), "a new key moves nothing"


def test_the_key_that_history_moved_to_may_be_lost_in_its_turn() -> None:
    again = {"key": "k2", "lost": frozenset({"k3"})}
    events = [*RETIRED, ASKED, APPROVED, say(KeyRetired, key="k3")]
    events += [say(ResealingAsked, **again, reason="again", asked_by=ASKED_BY)]
    events += [say(ResealingApproved, **again, asked_by=ASKED_BY, approved_by=OFFICER.actor)]
    agency = after(events)
    assert agency.resealed == {"k1": "k2", "k3": "k2"}
    assert agency.sealed_to("") == agency.sealed_to("k1") == agency.sealed_to("k3") == ("k2", PUBLIC["k2"])


# Whatever anybody asks for -------------------------------------------------------------------------------------

PEOPLE = (ADMINISTRATOR, OFFICER, OFFICER_TOO, OF_THE_LEAD, by("Ani", "uptd-ppa", Role.AGENCY_ADMINISTRATOR))
names = st.sampled_from(("k1", "k2", "k3", "k4", "k5"))
people = st.sampled_from(PEOPLE)
lost_keys = st.frozensets(names, min_size=1, max_size=3)


class KeysMachine(RuleBasedStateMachine):
    """An account of its own: where each key's history lies, moved by approvals alone, one after another."""

    @initialize()
    def begin(self) -> None:
        self.log: list[Fact] = [REGISTERED]
        self.agency = after(self.log)
        self.registered: dict[str, str] = {}
        self.lies_under: dict[str, str] = {}
        self.waiting: tuple[Any, Act] | None = None
        self.gone: set[str] = set()

    def ask_for(self, command: Fact, who: Act) -> bool:
        try:
            events = agency_state.decide(command, self.agency, who)
        except Refusal:
            return False
        for event in events:
            topic = topic_of(event)
            stored = to_event(topic, catalogue.version_of(topic), to_segments(event))
            self.log.append(stored)
            self.agency = a.evolve(self.agency, stored)
        return True

    @rule(key=names, letter=st.sampled_from("ABCDEF"))
    def register(self, key: str, letter: str) -> None:
        new = self.ask_for(say(RegisterKey, key=key, public_key=letter * 1622), ADMINISTRATOR)
        assert new is (key not in self.registered)
        self.registered.setdefault(key, letter * 1622)
        self.lies_under.setdefault(key, key)

    @rule(key=names)
    def retire(self, key: str) -> None:
        self.ask_for(say(RetireKey, key=key), ADMINISTRATOR)

    @rule(key=names, lost=lost_keys, who=people)
    def ask(self, key: str, lost: frozenset[str], who: Act) -> None:
        if self.ask_for(say(AskResealing, key=key, lost=lost, reason="lost"), who):
            assert who is ADMINISTRATOR
            assert self.waiting is None
            self.waiting = ((key, lost), who)

    @rule(who=people, approve=st.booleans())
    def decide_what_waits(self, who: Act, approve: bool) -> None:
        if self.waiting is not None:
            self.decide(*self.waiting[0], who, approve)

    @rule(key=names, lost=lost_keys, who=people, approve=st.booleans())
    def decide(self, key: str, lost: frozenset[str], who: Act, approve: bool) -> None:
        about = {"key": key, "lost": lost}
        command = say(ApproveResealing, **about) if approve else say(RefuseResealing, **about, reason="no")
        if not self.ask_for(command, who):
            return
        assert self.waiting is not None
        asked, by_whom = self.waiting
        assert asked == (key, lost)
        assert who.actor != by_whom.actor
        self.waiting = None
        if approve:
            self.lies_under = {k: key if k in lost or now in lost else now for k, now in self.lies_under.items()}
            self.gone |= lost

    @invariant()
    def history_lies_where_two_people_put_it(self) -> None:
        assert {k: self.agency.sealed_to(k) for k in self.registered} == {
            k: (now, self.registered[now]) for k, now in self.lies_under.items()
        }

    @invariant()
    def no_key_is_forgotten_and_none_takes_anothers_name(self) -> None:
        assert self.agency.public_keys == self.registered

    @invariant()
    def nothing_is_sealed_to_a_lost_key(self) -> None:
        assert not self.gone & (self.agency.keys.keys() | set(self.agency.resealed.values()))

    @invariant()
    def once_there_is_a_key_there_is_always_one_in_use(self) -> None:
        assert bool(self.agency.keys) is bool(self.registered)

    @invariant()
    def the_log_alone_tells_all_of_it(self) -> None:
        assert a.fold(self.log) == self.agency


KeysMachine.TestCase.settings = settings(max_examples=examples(60), stateful_step_count=30, deadline=None)
TestWhateverAnybodyAsksFor = KeysMachine.TestCase
