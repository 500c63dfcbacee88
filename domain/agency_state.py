"""An agency as the rules remember it, and what every decision on one asks first."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import singledispatch
from types import MappingProxyType
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct

from . import webhook as webhooks
from .calendar import Hours
from .codes import AgencyKind, NeedToKnow, Role, Service
from .fact import Act, ActorId, AgencyCode, Fact
from .refusal import Unknown
from .standing.rule import standing
from .timing import at_the_latest_now
from .words import Words

KeyId = Annotated[
    str,
    Meta(
        pattern="^[A-Za-z0-9._-]{1,64}$(?!\n)",
        extra={
            "must": Words(
                "nama kunci: huruf, angka, titik, tanda hubung, dan garis bawah, paling banyak 64",
                "a key's id: letters, digits, dots, hyphens and low lines, 64 at most",
            )
        },
    ),
]

EMPTY: Mapping[Any, Any] = MappingProxyType({})


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
    left: Mapping[ActorId, datetime] = EMPTY
    """When each of those who are no members any more left."""
    webhook: webhooks.Webhook | None = None
    need_to_know: NeedToKnow = NeedToKnow.EVERYBODY
    """Who of its members works on its cases."""
    hours: Hours | None = None
    """When people are there; None where it never said so."""
    holidays: frozenset[date] = frozenset()
    """Of a lead: days that are no working days of anybody in the cases that it leads."""
    recoveries: frozenset[UUID] = frozenset()
    """Recoveries of the service of which it was told."""
    misjudged: frozenset[tuple[ActorId, UUID]] = frozenset()
    """Who was judged not justified in what they did past consent for it, in whatever case, and in which act."""

    def has_member(self, actor: ActorId, roles: Iterable[Role]) -> bool:
        """Whether that person is a member in one of these roles."""
        return bool(self.members.get(actor, frozenset()) & frozenset(roles))

    def has_had_member(self, actor: ActorId, since: datetime | None) -> bool:
        """Whether that person is a member, or was one at some time since then (None: ever)."""
        left = self.left.get(actor)
        return actor in self.members or (left is not None and (since is None or left >= since))

    def was_misjudged(self, actor: ActorId) -> bool:
        """Whether something that this person did past consent for it was judged not justified, and that stands."""
        return any(actor == member for member, _ in self.misjudged)

    @property
    def has_administrator(self) -> bool:
        """Whether it has anybody to see to it."""
        return any(Role.AGENCY_ADMINISTRATOR in roles for roles in self.members.values())

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


def decide(command: Fact, agency: Agency | None, act: Act) -> Sequence[Fact]:
    """The events that follow from a command on one agency. Raises Refusal; TypeError for what is no command.

    The table of standing is asked first: a decider meets no act that it has no row for."""
    standing(command, agency, act)
    return decides(at_the_latest_now(command, act), agency, act)


@singledispatch
def decides(command: Fact, agency: Agency | None, act: Act) -> Sequence[Fact]:
    """What is decided of a command; `@decides.register` in the subject's file."""
    raise TypeError(f"{type(command).__name__} is not a command of the agency")


def require_agency(agency: Agency | None) -> Agency:
    """The agency, if there is one. Raises Unknown."""
    if agency is None:
        raise Unknown(what="agency")
    return agency
