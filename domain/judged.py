"""Who was judged not justified in what they did past consent: a fact of their agency, so that it counts in every case.

A verdict is given in one case (case/glass.py, case/overrides.py); that it was given is recorded with the agency for
which the person acted, in the same commit, and outlives the case.
"""

from uuid import UUID

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

name_fields(judged=named("Yang dinilai", "What was judged"))
