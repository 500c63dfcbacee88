"""Bring agencies, their members and keys into the network from the command line, as the system itself.

The first agency cannot be registered by anybody's token. Later ones can be registered by the lead's
administrators over the API.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid4

from ..api.application.casework import Casework
from ..api.application.kinds import AGENCY
from ..domain.agency import AddMember, RegisterAgency
from ..domain.agency_keys import RegisterKey
from ..domain.codes import AgencyKind, Role, Service
from ..domain.fact import ActorId, AgencyCode, Fact
from ..domain.refusal import AlreadyExists
from .system_act import system_act


def register(
    casework: Casework,
    code: AgencyCode,
    kind: AgencyKind,
    name: str,
    services: Iterable[Service],
    name_en: str | None = None,
) -> bool:
    """Register an agency; whether it was new."""
    act = system_act()
    return _once(
        casework,
        code,
        RegisterAgency(
            occurred_at=act.at, code=code, kind=kind, name=name, name_en=name_en, services=frozenset(services)
        ),
    )


def add_member(casework: Casework, code: AgencyCode, member: UUID, roles: Iterable[Role], name: str | None) -> None:
    """Let a person or machine act for an agency in these roles."""
    act = system_act()
    _once(
        casework,
        code,
        AddMember(occurred_at=act.at, member=ActorId(member), roles=frozenset(roles), name=name),
    )


def register_key(casework: Casework, code: AgencyCode, key: str, public: str) -> bool:
    """Register an agency's public key; whether it was new."""
    act = system_act()
    return _once(casework, code, RegisterKey(occurred_at=act.at, key=key, public_key=public))


def act(casework: Casework, code: AgencyCode, command: type[Fact], **said: Any) -> bool:
    """Give a command on an agency; whether it was new."""
    return _once(casework, code, command(occurred_at=system_act().at, **said))


def _once(casework: Casework, code: AgencyCode, command: Fact) -> bool:
    try:
        casework.handle(AGENCY, code, command, system_act(), correlation=uuid4())
    except AlreadyExists:
        return False
    return True
