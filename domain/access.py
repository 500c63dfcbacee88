"""The access log: that somebody opened protected content is an event, recorded before it is shown."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta

from .case.events import CompartmentWord
from .codes import Purpose, Role
from .compartment import Coordination
from .fact import ActorId, AgencyCode, Fact


class AccessRecorded(Fact, frozen=True, kw_only=True, tag="access.AccessRecorded"):
    """This person, for this agency, in this role and for this purpose, was shown these compartments."""

    reader: Coordination[ActorId]
    agency: Coordination[AgencyCode]
    role: Coordination[Role]
    purpose: Coordination[Purpose]
    subject: Coordination[UUID]
    """The stream that was read: a case."""
    compartments: Coordination[frozenset[CompartmentWord]]
    what: Coordination[Annotated[str, Meta(max_length=60)]]
    """Which view was shown: `timeline`, `document`, …"""
    basis: Coordination[Annotated[str, Meta(max_length=60)]]
    """Why it was allowed: `own`, `lead`, `consent`."""


EVENTS: tuple[type[Fact], ...] = (AccessRecorded,)
