"""The agencies of the network: kind, services, members and their roles, public keys, status."""

from collections.abc import Iterable, Mapping, Sequence
from functools import singledispatch
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal
from uuid import UUID, uuid5

from msgspec import Meta, Struct
from msgspec.structs import replace

from . import webhook as webhooks
from .codes import AgencyKind, Role, Service
from .compartment import Coordination, Identity
from .fact import Act, ActorId, AgencyCode, Fact, Short, recorded
from .refusal import AlreadyExists, AnotherPersonNeeded, Invalid, NotForThisAgency, NotForThisRole, Unknown

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
    """Nothing new is sealed to this key. What was told under it stays sealed to it."""

    key: Coordination[KeyId]


class ResealingFacts(Fact, frozen=True, kw_only=True):
    key: Coordination[KeyId]
    lost: Coordination[Annotated[frozenset[KeyId], Meta(min_length=1, max_length=100)]]


class ResealingAsked(ResealingFacts, frozen=True, kw_only=True, tag="agency.ResealingAsked"):
    """The agency lost the private halves of these keys, and asks for all that was told under them under another."""

    reason: Coordination[Short]
    asked_by: Coordination[ActorId]


class ResealingApproved(ResealingFacts, frozen=True, kw_only=True, tag="agency.ResealingApproved"):
    """From now on what was told under the lost keys is sealed to this one."""

    asked_by: Coordination[ActorId]
    approved_by: Coordination[ActorId]


class ResealingRefused(ResealingFacts, frozen=True, kw_only=True, tag="agency.ResealingRefused"):
    """History stays sealed as it was."""

    reason: Coordination[Short]


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
    ResealingAsked,
    ResealingApproved,
    ResealingRefused,
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


class AskResealing(ResealingFacts, frozen=True, kw_only=True):
    """Say that private keys are lost, and ask for what was told under them under another; retires the lost ones."""

    reason: Coordination[Short]


class ApproveResealing(ResealingFacts, frozen=True, kw_only=True):
    """Let what was told under the lost keys be sealed to the other one, as another person asked."""


class RefuseResealing(ResealingFacts, frozen=True, kw_only=True):
    """Leave history sealed as it was."""

    reason: Coordination[Short]


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


class Resealing(Struct, frozen=True):
    """A re-sealing that was asked for and not decided."""

    key: KeyId
    lost: frozenset[KeyId]
    reason: str
    asked_by: ActorId


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
    """Key id → public key of the keys in use, the newest last."""
    public_keys: Mapping[str, str] = EMPTY
    """Key id → public key of every key ever registered, retired ones too, the newest last. An id is never used anew."""
    resealed: Mapping[str, str] = EMPTY
    """Lost key id → id of the key that what was told under it is sealed to now. One step: never itself a lost one."""
    resealing: Resealing | None = None
    members: Mapping[ActorId, frozenset[Role]] = EMPTY
    webhook: webhooks.Webhook | None = None

    def has_member(self, actor: ActorId, roles: Iterable[Role]) -> bool:
        """Whether that person is a member in one of these roles."""
        return bool(self.members.get(actor, frozenset()) & frozenset(roles))

    @property
    def sealing_key(self) -> tuple[str, str] | None:
        """(key id, public key) that the next message is sealed to; None before one is registered."""
        return next(reversed(list(self.keys.items())), None)

    def sealed_to(self, told_under: str) -> tuple[str, str] | None:
        """(key id, public key) that what was told under a key is sealed to; '' is for what was told before there was
        a key, which waits for the first one. None where there is no such key."""
        told_under = told_under or next(iter(self.public_keys), "")
        now = self.resealed.get(told_under, told_under)
        return (now, self.public_keys[now]) if now in self.public_keys else None


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
            after = _with_key(agency, event)
        case KeyRetired():
            after = replace(agency, keys={k: v for k, v in agency.keys.items() if k != event.key})
        case ResealingAsked():
            after = replace(agency, resealing=Resealing(event.key, event.lost, event.reason, event.asked_by))
        case ResealingApproved():
            after = replace(agency, resealing=None, resealed=_resealed(agency, event))
        case ResealingRefused():
            after = replace(agency, resealing=None)
        case MemberJoined():
            after = replace(agency, members={**agency.members, event.member: event.roles})
        case MemberLeft():
            after = replace(agency, members={m: r for m, r in agency.members.items() if m != event.member})
        case AgencySuspended():
            after = replace(agency, active=False)
        case AgencyReactivated():
            after = replace(agency, active=True)
        case _ if isinstance(event, webhooks.EVENTS):
            after = replace(agency, webhook=webhooks.evolve(agency.webhook, event, agency.version + 1))
    return replace(after, version=agency.version + 1)


def _with_key(agency: Agency, event: KeyRegistered) -> Agency:
    """An id that was registered before keeps its first key: history under it goes to nobody else."""
    public_key = agency.public_keys.get(event.key, event.public_key)
    keys, public_keys = {**agency.keys, event.key: public_key}, {**agency.public_keys, event.key: public_key}
    return replace(agency, keys=keys, public_keys=public_keys)


def _resealed(agency: Agency, event: ResealingApproved) -> Mapping[str, str]:
    """What had been sealed anew to a key that is lost in its turn goes along."""
    moved = {old: event.key if new in event.lost else new for old, new in agency.resealed.items()}
    return {**moved, **dict.fromkeys(sorted(event.lost), event.key)}


def moved(before: Agency, after: Agency) -> frozenset[KeyId]:
    """The keys under which something was told that is sealed to another key since; '' stands for none, as in
    `Agency.sealed_to`."""
    return frozenset(key for key in ("", *before.public_keys) if before.sealed_to(key) != after.sealed_to(key))


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
    if command.key in _own(agency, act).public_keys:
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
def _(command: AskResealing, agency: Agency | None, act: Act) -> Sequence[Fact]:
    own = _existing(agency)
    if act.role is not Role.AGENCY_ADMINISTRATOR:  # nor the system: a person has to stand for it
        raise NotForThisRole(role=act.role, needs=[Role.AGENCY_ADMINISTRATOR])
    if act.agency != own.code:
        raise NotForThisAgency(needs=own.code)
    if own.resealing is not None:
        raise AlreadyExists(what="an undecided re-sealing", key=own.resealing.key)
    _may_take_over(command, own)
    retired = [recorded(KeyRetired, command, act, key=key) for key in sorted(command.lost & own.keys.keys())]
    return [*retired, recorded(ResealingAsked, command, act, asked_by=act.actor)]


@decide.register
def _(command: ApproveResealing, agency: Agency | None, act: Act) -> Sequence[Fact]:
    own, asked = _judged(command, agency, act)
    _may_take_over(command, own)
    return [recorded(ResealingApproved, command, act, asked_by=asked.asked_by, approved_by=act.actor)]


@decide.register
def _(command: RefuseResealing, agency: Agency | None, act: Act) -> Sequence[Fact]:
    _judged(command, agency, act)
    return [recorded(ResealingRefused, command, act)]


def _may_take_over(command: AskResealing | ApproveResealing, agency: Agency) -> None:
    """The lost keys are the agency's, the other is in use. Raises Unknown, Invalid."""
    if not command.lost | {command.key} <= agency.public_keys.keys():
        raise Unknown(what="key")
    if command.key in command.lost or command.key not in agency.keys:
        raise Invalid(field="key", must="be one in use, and none of the lost")


def _judged(command: ApproveResealing | RefuseResealing, agency: Agency | None, act: Act) -> tuple[Agency, Resealing]:
    """The re-sealing that this person may decide. A decision names what it decides, so that a request that took the
    place of the one somebody saw is not decided unseen. Raises Unknown, NotForThisAgency, AnotherPersonNeeded."""
    found = _existing(agency)
    of_the_agency = act.agency == found.code and act.role is Role.DATA_PROTECTION_OFFICER
    of_the_lead = act.kind is AgencyKind.LEAD and act.role is Role.AGENCY_ADMINISTRATOR
    if not (of_the_agency or of_the_lead):
        raise NotForThisAgency(needs=[found.code, AgencyKind.LEAD])
    asked = found.resealing
    if asked is None or (asked.key, asked.lost) != (command.key, command.lost):
        raise Unknown(what="re-sealing")
    if asked.asked_by == act.actor:
        raise AnotherPersonNeeded()
    return found, asked


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


@decide.register(webhooks.SetWebhook)
@decide.register(webhooks.RemoveWebhook)
@decide.register(webhooks.EnableWebhook)
@decide.register(webhooks.ReplayWebhook)
def _(command: Fact, agency: Agency | None, act: Act) -> Sequence[Fact]:
    return webhooks.decide(command, _own(agency, act).webhook, act)


@decide.register
def _(command: webhooks.DisableWebhook, agency: Agency | None, act: Act) -> Sequence[Fact]:
    if act.role is not Role.SYSTEM:
        raise NotForThisRole(role=act.role)
    return webhooks.decide(command, _existing(agency).webhook, act)


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
