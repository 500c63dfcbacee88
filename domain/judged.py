"""Who was judged not justified in what they did past consent: a fact of their agency and of the person, so that it
counts in every case, and for whatever agency they act: two hats of one person are one person.

A verdict is given in one case (case/glass.py, case/overrides.py); that it was given is recorded with the agency for
which the person acted, and in a stream of the person's own, in the same commit, and outlives the case.
"""

from collections.abc import Iterable
from typing import Protocol, runtime_checkable
from uuid import UUID, uuid5

from .compartment import Coordination
from .declaring import field as named
from .declaring import happened, name_fields
from .fact import ActorId, AgencyCode, Fact
from .words import Words


class VerdictFacts(Fact, frozen=True, kw_only=True):
    agency: Coordination[AgencyCode]
    member: Coordination[ActorId]
    judged: Coordination[UUID]
    """The emergency opening, or the sharing, by its id."""


@happened(Words("Tindakan tanpa persetujuan dinilai tidak beralasan", "An act past consent was judged not justified"))
class JudgedNotJustified(VerdictFacts, frozen=True, kw_only=True, tag="agency.JudgedNotJustified"):
    """What this person opened, or shared, without consent was judged not justified."""


@happened(Words("Tindakan tanpa persetujuan dinilai lain", "An act past consent was judged otherwise"))
class JudgedOtherwise(VerdictFacts, frozen=True, kw_only=True, tag="agency.JudgedOtherwise"):
    """The verdict that it was not justified stands no more."""


EVENTS = (JudgedNotJustified, JudgedOtherwise)
PEOPLE = UUID("0b6f2f0c-7d0e-5d0a-9c57-70656f706c65")
"""Namespace of the streams of people (RFC 9562, version 5)."""


@runtime_checkable
class KnowsPeople(Protocol):
    """Knows of each person, whatever agency they act for."""

    def was_misjudged(self, person: ActorId) -> bool:
        """Whether something that this person did past consent was judged not justified, and that stands."""
        ...


def person_stream(person: ActorId) -> UUID:
    """Where it is recorded how what a person did was judged."""
    return uuid5(PEOPLE, str(person))


def fold(events: Iterable[Fact]) -> frozenset[UUID]:
    """What of a person's was judged not justified, and that stands."""
    found: set[UUID] = set()
    for event in events:
        match event:
            case JudgedNotJustified():
                found.add(event.judged)
            case JudgedOtherwise():
                found.discard(event.judged)
    return frozenset(found)


name_fields(judged=named("Yang dinilai", "What was judged"))
