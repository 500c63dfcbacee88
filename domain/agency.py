"""The agencies of the network: kind, services, members and their roles, public keys, status."""

from collections.abc import Iterable, Mapping, Sequence
from functools import singledispatch
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal
from uuid import UUID, uuid5

from msgspec import Meta, Struct
from msgspec.structs import replace

from .codes import AgencyKind, Role, Service
from .compartment import Coordination, Identity
from .fact import Act, ActorId, AgencyCode, Fact, Short, recorded
from .refusal import AlreadyExists, Invalid, NotForThisAgency, NotForThisRole, Unknown

AGENCIES = UUID("6f1c9a2e-1f0b-5d3a-9a57-52756a756b61")
"""Namespace of agency stream ids (RFC 9562, version 5)."""

HPKE_MLKEM768_X25519: Final = "hpke-mlkem768-x25519-hkdfsha256-aes256gcm"
"""RFC 9180 with the hybrid KEM ML-KEM-768 + X25519, HKDF-SHA256, AES-256-GCM."""

KeyId = Annotated[str, Meta(pattern="^[A-Za-z0-9._-]{1,64}$(?!\n)")]
PublicKey = Annotated[
    str, Meta(pattern="^[A-Za-z0-9_-]{1622}$(?!\n)", description="1,216 bytes in base64url, unpadded")
]

EMPTY: Mapping[Any, Any] = MappingProxyType({})


def agency_stream(code: AgencyCode) -> UUID:
    """The stream of an agency: fixed by its code, so that a code is registered once only."""
    return uuid5(AGENCIES, code)


# Events --------------------------------------------------------------------------------------------------------


class RegistrationFacts(Fact, frozen=True, kw_only=True):
    code: Coordination[AgencyCode]
    kind: Coordination[AgencyKind]
    name: Coordination[Short]
    name_en: Coordination[Short | None] = None
    area: Coordination[Short | None] = None


class AgencyRegistered(RegistrationFacts, frozen=True, kw_only=True, tag="agency.AgencyRegistered"):
    """The agency is part of the network."""


class ServicesFacts(Fact, frozen=True, kw_only=True):
    services: Coordination[frozenset[Service]]


class ServicesOffered(ServicesFacts, frozen=True, kw_only=True, tag="agency.ServicesOffered"):
    """From now on the agency offers these services, and no others."""


class KeyFacts(Fact, frozen=True, kw_only=True):
    key: Coordination[KeyId]
    public_key: Coordination[PublicKey]
    algorithm: Coordination[Literal["hpke-mlkem768-x25519-hkdfsha256-aes256gcm"]] = HPKE_MLKEM768_X25519


class KeyRegistered(KeyFacts, frozen=True, kw_only=True, tag="agency.KeyRegistered"):
    """From now on what the agency is told is sealed to this key."""


class KeyRetired(Fact, frozen=True, kw_only=True, tag="agency.KeyRetired"):
    """Nothing is sealed to this key any more."""

    key: Coordination[KeyId]


class MemberFacts(Fact, frozen=True, kw_only=True):
    member: Coordination[ActorId]
    roles: Coordination[Annotated[frozenset[Role], Meta(min_length=1)]]
    name: Identity[Short | None] = None


class MemberJoined(MemberFacts, frozen=True, kw_only=True, tag="agency.MemberJoined"):
    """A person or machine acts for the agency in these roles; also a change of roles."""


class MemberLeft(Fact, frozen=True, kw_only=True, tag="agency.MemberLeft"):
    """The member acts for the agency no more."""

    member: Coordination[ActorId]


class AgencySuspended(Fact, frozen=True, kw_only=True, tag="agency.AgencySuspended"):
    """The agency can neither act nor be referred to."""

    reason: Coordination[Short]


class AgencyReactivated(Fact, frozen=True, kw_only=True, tag="agency.AgencyReactivated"):
    """The agency takes part again."""


EVENTS: tuple[type[Fact], ...] = (
    AgencyRegistered,
    ServicesOffered,
    KeyRegistered,
    KeyRetired,
    MemberJoined,
    MemberLeft,
    AgencySuspended,
    AgencyReactivated,
)


# Commands ------------------------------------------------------------------------------------------------------


class RegisterAgency(RegistrationFacts, frozen=True, kw_only=True):
    """Add an agency to the network."""

    services: Coordination[frozenset[Service]] = frozenset()


class OfferServices(ServicesFacts, frozen=True, kw_only=True):
    """Say which services the agency offers."""


class RegisterKey(KeyFacts, frozen=True, kw_only=True):
    """Register the public key that messages are sealed to."""


class RetireKey(Fact, frozen=True, kw_only=True):
    """Stop sealing to a key."""

    key: Coordination[KeyId]


class AddMember(MemberFacts, frozen=True, kw_only=True):
    """Add a member, or change a member's roles."""


class RemoveMember(Fact, frozen=True, kw_only=True):
    """Take a member away."""

    member: Coordination[ActorId]


class SuspendAgency(Fact, frozen=True, kw_only=True):
    """Suspend an agency."""

    reason: Coordination[Short]


class ReactivateAgency(Fact, frozen=True, kw_only=True):
    """Let a suspended agency take part again."""


# State ---------------------------------------------------------------------------------------------------------


class Agency(Struct, frozen=True):
    code: AgencyCode
    kind: AgencyKind
    name: str
    version: int
    name_en: str | None = None
    area: str | None = None
    services: frozenset[Service] = frozenset()
    active: bool = True
    keys: Mapping[str, str] = EMPTY
    """Key id → public key of the keys not retired, the newest last."""
    members: Mapping[ActorId, frozenset[Role]] = EMPTY

    def has_member(self, actor: ActorId, roles: Iterable[Role]) -> bool:
        """Whether that person is a member in one of these roles."""
        return bool(self.members.get(actor, frozenset()) & frozenset(roles))

    @property
    def sealing_key(self) -> tuple[str, str] | None:
        """(key id, public key) that the next message is sealed to; None before one is registered."""
        return next(reversed(list(self.keys.items())), None)


def fold(events: Iterable[Fact], agency: Agency | None = None) -> Agency | None:
    """The agency after these events; None before the first."""
    for event in events:
        agency = evolve(agency, event)
    return agency


def evolve(agency: Agency | None, event: Fact) -> Agency:
    """The agency after one more event. Raises ValueError where a stream begins with anything but its registration."""
    if agency is None:
        if not isinstance(event, AgencyRegistered):
            raise ValueError(f"an agency begins with AgencyRegistered, not {type(event).__name__}")
        return Agency(event.code, event.kind, event.name, 1, event.name_en, event.area)
    after = agency
    match event:
        case ServicesOffered():
            after = replace(agency, services=event.services)
        case KeyRegistered():
            after = replace(agency, keys={**agency.keys, event.key: event.public_key})
        case KeyRetired():
            after = replace(agency, keys={k: v for k, v in agency.keys.items() if k != event.key})
        case MemberJoined():
            after = replace(agency, members={**agency.members, event.member: event.roles})
        case MemberLeft():
            after = replace(agency, members={m: r for m, r in agency.members.items() if m != event.member})
        case AgencySuspended():
            after = replace(agency, active=False)
        case AgencyReactivated():
            after = replace(agency, active=True)
    return replace(after, version=agency.version + 1)


# Decisions -----------------------------------------------------------------------------------------------------


@singledispatch
def decide(command: Fact, agency: Agency | None, act: Act) -> Sequence[Fact]:
    """The events that follow from a command on one agency. Raises Refusal; TypeError for what is no command."""
    raise TypeError(f"{type(command).__name__} is not a command of the agency")


@decide.register
def _(command: RegisterAgency, agency: Agency | None, act: Act) -> Sequence[Fact]:
    _operator(act)
    if agency is not None:
        raise AlreadyExists(agency=command.code)
    registered = recorded(AgencyRegistered, command, act)
    return [registered, recorded(ServicesOffered, command, act)] if command.services else [registered]


@decide.register
def _(command: OfferServices, agency: Agency | None, act: Act) -> Sequence[Fact]:
    _own(agency, act)
    return [recorded(ServicesOffered, command, act)]


@decide.register
def _(command: RegisterKey, agency: Agency | None, act: Act) -> Sequence[Fact]:
    if command.key in _own(agency, act).keys:
        raise AlreadyExists(key=command.key)
    return [recorded(KeyRegistered, command, act)]


@decide.register
def _(command: RetireKey, agency: Agency | None, act: Act) -> Sequence[Fact]:
    own = _own(agency, act)
    if command.key not in own.keys:
        raise Unknown(what="key")
    if len(own.keys) == 1:
        raise Invalid(field="key", must="not be the agency's only one; register its successor first")
    return [recorded(KeyRetired, command, act)]


@decide.register
def _(command: AddMember, agency: Agency | None, act: Act) -> Sequence[Fact]:
    found = _existing(agency)
    if any(Role.AGENCY_ADMINISTRATOR in roles for roles in found.members.values()):
        _own(agency, act)
    else:
        _operator(act, found)  # somebody has to let the first administrator in
    if Role.SYSTEM in command.roles:
        raise NotForThisRole(role=Role.SYSTEM)
    return [recorded(MemberJoined, command, act)]


@decide.register
def _(command: RemoveMember, agency: Agency | None, act: Act) -> Sequence[Fact]:
    if command.member not in _own(agency, act).members:
        raise Unknown(what="member")
    return [recorded(MemberLeft, command, act)]


@decide.register
def _(command: SuspendAgency, agency: Agency | None, act: Act) -> Sequence[Fact]:
    _operator(act)
    if not _existing(agency).active:
        raise AlreadyExists(what="suspension")
    return [recorded(AgencySuspended, command, act)]


@decide.register
def _(command: ReactivateAgency, agency: Agency | None, act: Act) -> Sequence[Fact]:
    _operator(act)
    if _existing(agency).active:
        raise Unknown(what="suspension")
    return [recorded(AgencyReactivated, command, act)]


def _existing(agency: Agency | None) -> Agency:
    if agency is None:
        raise Unknown(what="agency")
    return agency


def _own(agency: Agency | None, act: Act) -> Agency:
    """The agency that the act is for, or any for the system. Raises Unknown, NotForThisAgency."""
    found = _existing(agency)
    if act.agency != found.code and act.role is not Role.SYSTEM:
        raise NotForThisAgency(needs=found.code)
    return found


def _operator(act: Act, own: Agency | None = None) -> None:
    """The network is run by the lead agency's administrators. Raises NotForThisAgency."""
    if own is not None and act.agency == own.code:
        return
    if act.role is not Role.SYSTEM and act.kind is not AgencyKind.LEAD:
        raise NotForThisAgency(needs=AgencyKind.LEAD)
