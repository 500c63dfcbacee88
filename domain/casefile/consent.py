"""What a consent gives, and what a no takes out of it: both are of cells: an agency, a compartment, a purpose.

*Not my health data to the school* is a no to some cells, and *nothing to the school* one to more. A later yes of hers
takes out of a no just what it covers: she may agree that the school has her number, and say nothing of her health.
"""

from collections.abc import Iterable, Mapping, Set
from datetime import datetime
from types import MappingProxyType

from msgspec import Struct

from ..codes import AgencyKind, ConsentBy, LegalBasis, Purpose, SharingBasis
from ..compartment import Compartment
from ..fact import AgencyCode, ConsentId, StopId

NOTHING: frozenset[Compartment] = frozenset()
COORDINATION = frozenset({Compartment.COORDINATION})


class Cells(Struct, frozen=True):
    """Whom, what, and for what: every cell of these."""

    to: frozenset[str]
    """Agencies, and kinds of them."""
    compartments: frozenset[Compartment] | None = None
    purposes: frozenset[Purpose] | None = None
    """None: of all."""

    def has(self, names: Set[str], compartment: Compartment, purpose: Purpose) -> bool:
        """Whether that cell is one of them. `names`: the agency's, by its code and by its kind."""
        return (
            not names.isdisjoint(self.to)
            and (self.compartments is None or compartment in self.compartments)
            and (self.purposes is None or purpose in self.purposes)
        )


class No(Cells, frozen=True):
    """What somebody said no to."""

    but: tuple[Cells, ...] = ()
    """To what of it they said yes since."""

    def has(self, names: Set[str], compartment: Compartment, purpose: Purpose) -> bool:
        """Whether it is a no to that cell still."""
        return Cells.has(self, names, compartment, purpose) and not any(
            yes.has(names, compartment, purpose) for yes in self.but
        )


class Consent(Struct, frozen=True):
    """A consent, or an override that stands in its place."""

    id: ConsentId
    compartments: frozenset[Compartment]
    recipients: frozenset[str]
    purposes: frozenset[Purpose]
    expires_at: datetime | None
    first: Cells = Cells(frozenset())
    """What it named before it was narrowed."""
    live: bool = True
    override: bool = False
    reported_by: AgencyCode | None = None
    """Who heard it, where that was not the lead."""
    confirmed: bool = False
    """The lead asked the survivor, and she said the same."""
    basis: LegalBasis | SharingBasis | None = None
    rule: str | None = None
    """For an override: the ground, and the rule that was named."""
    made_by: AgencyCode | None = None
    """For an override: who made it, where that was not the lead."""
    given_at: datetime | None = None
    changed_at: datetime | None = None
    """When it was given, and last narrowed, as was said."""
    given_by: frozenset[ConsentBy] = frozenset()
    """Who said yes; nobody to what is shared without consent."""
    stopped: tuple[No, ...] = ()
    """Of what somebody said stop: it gives that no more."""
    left: tuple[No, ...] = ()
    """Of what an agency heard her say stop to itself: it gives it that no more. What it had passed on goes on."""
    waiting: Mapping[StopId, No] = MappingProxyType({})
    """Stop that the lead has to answer → what it would stop: of that nothing new is sent on this."""
    warned: bool = False
    """It was said that it will run out soon."""
    held: bool = False
    """Who speaks for the child said yes, and the child no: it covers nothing until two people decide what is best."""
    doubted: bool = False
    """Who gave it for her was set aside since: what runs on it goes on, and nothing new is sent on it."""
    is_hers: bool = False
    """She said yes herself, or assented to it, as who recorded it said."""
    taken_back_at: datetime | None = None
    refused: tuple[No, ...] = ()
    """What she refused before others agreed to it for her, or said that she did: it gives none of that until she says
    yes herself, or two people decide."""

    @property
    def ever(self) -> frozenset[str]:
        """Every recipient it named before it was narrowed."""
        return self.first.to

    @property
    def content(self) -> frozenset[Compartment]:
        """What it is about: coordination only where it names nothing else, as that is part of whatever it gives."""
        return self.compartments - COORDINATION or COORDINATION

    @property
    def now(self) -> Cells:
        """What it names now."""
        return Cells(self.recipients, self.compartments | COORDINATION, self.purposes)

    @property
    def is_reported(self) -> bool:
        """Whether it holds for more than its reporter could pass on only once the lead confirms it."""
        return self.reported_by is not None and not self.confirmed

    @property
    def bounded_by(self) -> AgencyCode | None:
        """For no more than whose reach it holds: of who reported it, until the lead confirms it; of who overrode
        consent in another's case. None: for all that it names."""
        return self.reported_by if self.is_reported else self.made_by

    @property
    def is_her_word(self) -> bool:
        """Whether the lead heard her say yes, first or when it asked her: another's word that she did is not hers."""
        return self.is_hers and not self.is_reported

    def covers(self, agency: AgencyCode, kind: AgencyKind, at: datetime, passed_on: bool = False) -> bool:
        """Whether this gives the agency anything at that time. `passed_on`: for what the agency passed on to others."""
        return bool(self.gives(agency, kind, at, passed_on=passed_on))

    def gives(
        self,
        agency: AgencyCode,
        kind: AgencyKind,
        at: datetime,
        purpose: Purpose | None = None,
        passed_on: bool = False,
    ) -> frozenset[Compartment]:
        """What this gives the agency, as it is named or by its kind, at that time and for that purpose (None: for any
        of its own)."""
        if self.expires_at is not None and at >= self.expires_at:
            return NOTHING
        purposes = self.purposes if purpose is None else (purpose,)
        return NOTHING.union(*(self.leaves(agency, kind, p, passed_on) for p in purposes))

    def leaves(
        self, agency: AgencyCode, kind: AgencyKind, purpose: Purpose, passed_on: bool = False
    ) -> frozenset[Compartment]:
        """Of what this names, what nobody said no to, whether its time is over or not. Coordination goes with whatever
        is left; where nothing is, it goes, too."""
        if not self.live or self.held or purpose not in self.purposes or not self.names(agency, kind):
            return NOTHING
        noes = (*self.stopped, *self.refused, *(() if passed_on else self.left))
        if not noes:
            return self.compartments | COORDINATION
        names = {agency, f"kind:{kind}"}
        left = frozenset(c for c in self.content if not any(no.has(names, c, purpose) for no in noes))
        return left | COORDINATION if left else NOTHING

    def names(self, agency: AgencyCode, kind: AgencyKind) -> bool:
        """Whether this names the agency, or its kind."""
        return agency in self.recipients or f"kind:{kind}" in self.recipients

    def touched(self, noes: Iterable[No]) -> frozenset[tuple[str, Compartment, Purpose]]:
        """The cells that these take from it, by the words of who said no."""
        return frozenset(
            (word, compartment, purpose)
            for no in noes
            for word in no.to
            for compartment in self.content
            for purpose in self.purposes
            if no.has({word}, compartment, purpose)
        )
