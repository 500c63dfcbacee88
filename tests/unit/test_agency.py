"""The agencies of the network: who registers, changes, suspends them, and what is refused."""

from collections.abc import Sequence

import pytest
from story import LEAD, NOON, act, an_id, say

from rujukan.domain import agency as a
from rujukan.domain import agency_state
from rujukan.domain.agency_keys import KeyRegistered, RegisterKey, RetireKey
from rujukan.domain.agency_state import Agency
from rujukan.domain.codes import AgencyKind, Role, Service
from rujukan.domain.fact import Act, Fact
from rujukan.domain.refusal import (
    AlreadyExists,
    InTheFuture,
    Invalid,
    NotForThisAgency,
    NotForThisRole,
    Refusal,
    Unknown,
)

OPERATOR = act("uptd-ppa", Role.AGENCY_ADMINISTRATOR)
OWN = act("rsud", Role.AGENCY_ADMINISTRATOR)
OTHER = act("polres", Role.AGENCY_ADMINISTRATOR)
SYSTEM = act("polres", Role.SYSTEM)
MEMBER = an_id("member")
KEY = "A" * 1622

WHO = {"code": "rsud", "kind": AgencyKind.HEALTH, "name": "RSUD", "area": "Bontang"}
REGISTERED = say(a.AgencyRegistered, **WHO)
JOINED = say(a.MemberJoined, member=MEMBER, roles=frozenset({Role.CASE_WORKER}))
FIRST_KEY = say(KeyRegistered, key="k1", public_key=KEY)
SECOND_KEY = say(KeyRegistered, key="k2", public_key=KEY)
SUSPENDED = say(a.AgencySuspended, reason="an inquiry")


def decided(events: Sequence[Fact], command: Fact, by: Act) -> Agency | None:
    before = a.fold(events)
    return a.fold(agency_state.decide(command, before, by), before)


def refused(events: Sequence[Fact], command: Fact, by: Act, why: type[Refusal]) -> None:
    with pytest.raises(Refusal) as refusal:
        agency_state.decide(command, a.fold(events), by)
    assert isinstance(refusal.value, why)


def test_the_lead_registers_an_agency() -> None:
    assert agency_state.decide(say(a.RegisterAgency, **WHO), None, OPERATOR) == [REGISTERED]
    agency = decided([], say(a.RegisterAgency, **WHO, services=frozenset({Service.HEALTH})), OPERATOR)
    assert agency is not None
    assert (agency.code, agency.kind, agency.services, agency.active) == (
        "rsud",
        AgencyKind.HEALTH,
        {Service.HEALTH},
        True,
    )


def test_an_agency_is_registered_once() -> None:
    refused([REGISTERED], say(a.RegisterAgency, **WHO), OPERATOR, AlreadyExists)
    assert a.agency_stream("rsud") == a.agency_stream("rsud") != a.agency_stream("polres")


@pytest.mark.parametrize(
    "command",
    [say(a.RegisterAgency, **WHO), say(a.SuspendAgency, reason="x"), say(a.ReactivateAgency)],
    ids=lambda command: type(command).__name__,
)
def test_only_the_lead_or_the_system_runs_the_network(command: Fact) -> None:
    refused([REGISTERED], command, OTHER, NotForThisAgency)


def test_the_system_runs_the_network_too() -> None:
    assert agency_state.decide(say(a.RegisterAgency, **WHO), None, SYSTEM) == [REGISTERED]
    assert agency_state.decide(say(a.OfferServices, services=frozenset()), a.fold([REGISTERED]), SYSTEM)


OF_ITS_OWN = [
    say(a.OfferServices, services=frozenset({Service.HEALTH})),
    say(RegisterKey, key="k1", public_key=KEY),
    say(RetireKey, key="k1"),
    say(a.AddMember, member=MEMBER, roles=frozenset({Role.CASE_WORKER})),
    say(a.RemoveMember, member=MEMBER),
]


@pytest.mark.parametrize("command", OF_ITS_OWN, ids=lambda command: type(command).__name__)
def test_an_agency_is_changed_by_its_own_people_only(command: Fact) -> None:
    with_administrator = say(a.AddMember, member=an_id("administrator"), roles=frozenset({Role.AGENCY_ADMINISTRATOR}))
    administrator = agency_state.decide(with_administrator, a.fold([REGISTERED]), SYSTEM)[0]
    refused([REGISTERED, administrator, JOINED, FIRST_KEY], command, OTHER, NotForThisAgency)
    refused([REGISTERED, administrator, JOINED, FIRST_KEY], command, OPERATOR, NotForThisAgency)


def test_the_networks_operator_lets_an_agencys_first_administrator_in_and_nobody_else_does() -> None:
    first = say(a.AddMember, member=MEMBER, roles=frozenset({Role.AGENCY_ADMINISTRATOR}))
    refused([REGISTERED], first, OTHER, NotForThisAgency)
    assert agency_state.decide(first, a.fold([REGISTERED]), OPERATOR)


@pytest.mark.parametrize(
    "command",
    [*OF_ITS_OWN, say(a.SuspendAgency, reason="x"), say(a.ReactivateAgency)],
    ids=lambda command: type(command).__name__,
)
def test_an_agency_that_was_never_registered_is_unknown(command: Fact) -> None:
    refused([], command, OPERATOR, Unknown)


def test_an_agency_offers_these_services_and_no_others() -> None:
    first = decided([REGISTERED], say(a.OfferServices, services=frozenset({Service.HEALTH})), OWN)
    assert first is not None
    assert first.services == {Service.HEALTH}
    then = decided(
        [REGISTERED, say(a.ServicesOffered, services=frozenset({Service.HEALTH}))],
        say(a.OfferServices, services=frozenset({Service.FORENSIC})),
        OWN,
    )
    assert then is not None
    assert then.services == {Service.FORENSIC}


def test_messages_are_sealed_to_the_newest_key() -> None:
    assert a.fold([REGISTERED]).sealing_key is None  # type: ignore[union-attr]
    agency = a.fold([REGISTERED, FIRST_KEY, SECOND_KEY])
    assert agency is not None
    assert agency.sealing_key == ("k2", KEY)
    without = decided([REGISTERED, FIRST_KEY, SECOND_KEY], say(RetireKey, key="k2"), OWN)
    assert without is not None
    assert without.sealing_key == ("k1", KEY)


def test_a_key_is_registered_once() -> None:
    refused([REGISTERED, FIRST_KEY], say(RegisterKey, key="k1", public_key=KEY), OWN, AlreadyExists)
    assert agency_state.decide(say(RegisterKey, key="k2", public_key=KEY), a.fold([REGISTERED, FIRST_KEY]), OWN) == [
        SECOND_KEY
    ]


def test_the_only_key_is_not_retired_and_an_unknown_one_neither() -> None:
    refused([REGISTERED, FIRST_KEY], say(RetireKey, key="k1"), OWN, Invalid)
    refused([REGISTERED, FIRST_KEY], say(RetireKey, key="k9"), OWN, Unknown)


def test_members_join_change_roles_and_leave() -> None:
    joined = decided([REGISTERED], say(a.AddMember, member=MEMBER, roles=frozenset({Role.CASE_WORKER})), OWN)
    assert joined is not None
    assert joined.has_member(MEMBER, (Role.CASE_WORKER,))
    assert not joined.has_member(MEMBER, (Role.SUPERVISOR,))
    changed = decided([REGISTERED, JOINED], say(a.AddMember, member=MEMBER, roles=frozenset({Role.SUPERVISOR})), OWN)
    assert changed is not None
    assert changed.members == {MEMBER: {Role.SUPERVISOR}}
    left = decided([REGISTERED, JOINED], say(a.RemoveMember, member=MEMBER), OWN)
    assert left is not None
    assert not left.members


def test_who_is_no_member_cannot_leave() -> None:
    refused([REGISTERED], say(a.RemoveMember, member=MEMBER), OWN, Unknown)


def test_nobody_joins_as_the_system_itself() -> None:
    both = frozenset({Role.CASE_WORKER, Role.SYSTEM})
    refused([REGISTERED], say(a.AddMember, member=MEMBER, roles=both), OWN, NotForThisRole)


def test_an_agency_is_suspended_and_takes_part_again() -> None:
    gone = decided([REGISTERED], say(a.SuspendAgency, reason="an inquiry"), OPERATOR)
    assert gone is not None
    assert not gone.active
    back = decided([REGISTERED, SUSPENDED], say(a.ReactivateAgency), OPERATOR)
    assert back is not None
    assert back.active


def test_an_agency_is_suspended_once_and_reactivated_only_when_suspended() -> None:
    refused([REGISTERED, SUSPENDED], say(a.SuspendAgency, reason="again"), OPERATOR, AlreadyExists)
    refused([REGISTERED], say(a.ReactivateAgency), OPERATOR, Unknown)


def test_no_agency_is_registered_in_the_future() -> None:
    refused([], say(a.RegisterAgency, NOON.replace(hour=23), **WHO), OPERATOR, InTheFuture)


def test_a_stream_of_an_agency_begins_with_its_registration() -> None:
    with pytest.raises(ValueError, match="begins with AgencyRegistered"):
        a.evolve(None, JOINED)


def test_every_event_of_an_agency_counts_one_version() -> None:
    agency = a.fold([REGISTERED, JOINED, say(a.MemberLeft, member=MEMBER)])
    assert agency is not None
    assert agency.version == 3


def test_what_is_no_command_of_an_agency_is_not_decided() -> None:
    with pytest.raises(TypeError, match="not a command"):
        agency_state.decide(REGISTERED, None, LEAD)
