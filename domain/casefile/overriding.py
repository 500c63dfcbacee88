"""What is remembered of sharing without consent: what was asked for, what was decided, what another found of it; and
what agencies and people are to each.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from ..codes import AgencyKind, GlassVerdict, Purpose, SharingBasis
from ..compartment import CompartmentWord, Coordination
from ..declaring import Audience
from ..fact import ActorId, AgencyCode, ConsentId, DocumentId, Fact, Recipient, Short
from ..persistent import put
from ..standing.relations import Relation
from ..standing.rows import Since, Thing
from ..words import Words
from .judging import is_settled
from .state import EMPTY, Case, Part
from .waiting import waits

R = Relation


class Wanted(Struct, frozen=True):
    """Sharing without consent that was asked for: what for, by whom, and whether that is decided."""

    agency: AgencyCode | None
    asked_by: ActorId
    compartments: frozenset[CompartmentWord]
    recipients: frozenset[Recipient]
    purposes: frozenset[Purpose]
    expires_at: datetime | None
    basis: SharingBasis
    rule: Short
    survivor_told: bool | None
    document: DocumentId | None
    decided: bool = False
    asked_at: datetime | None = None


class Made(Struct, frozen=True):
    """Sharing without consent that was decided, and what another found of it."""

    agency: AgencyCode | None
    person: ActorId
    review_due_at: datetime | None
    verdict: GlassVerdict | None = None
    judged_by_lead: bool = False
    made_at: datetime | None = None
    overdue: int = 0
    """How often it was raised that nobody judged it."""

    @property
    def is_judged(self) -> bool:
        return is_settled(self.verdict)


class Overrides(Part, frozen=True):
    asked: Mapping[ConsentId, Wanted] = EMPTY
    made: Mapping[ConsentId, Made] = EMPTY

    def agency_of(self, id: ConsentId) -> AgencyCode | None:
        """Whose it is: of who asked, where another approved it."""
        found = self.asked.get(id) or self.made.get(id)
        return found.agency if found is not None else None

    def settling(self, id: ConsentId) -> "Overrides":
        """What was asked under that id, if anything was, is decided."""
        wanted = self.asked.get(id)
        return self if wanted is None else replace(self, asked=put(self.asked, id, replace(wanted, decided=True)))


class OfOverride(Fact, frozen=True, kw_only=True):
    consent: Coordination[ConsentId]


def _maker(event: OfOverride, case: Case) -> Mapping[AgencyCode, AgencyKind]:
    made_by = case.of(Overrides).agency_of(event.consent)
    return {agency: kind for agency, kind in case.participants().items() if agency == made_by}


MAKER = Audience(
    Words("instansi yang membagikan atau memintanya, selama ikut serta", "the agency that shares, while it takes part"),
    _maker,
)


WANTED = Thing(
    "override",
    Words("permintaan membagikan data tanpa persetujuan", "asking to share without consent"),
    find=lambda case, id: found if (found := case.of(Overrides).asked.get(id)) and not found.decided else None,
    whose={
        R.AUTHOR: lambda asked, case: asked.agency,
        R.LEAD: lambda asked, case: case.lead,
        R.ASKER: lambda asked, case: asked.asked_by,
    },
    since=Since(Words("pembagian data itu diminta", "the sharing was asked for"), lambda asked: asked.asked_at),
)
DECIDED = Since(Words("pembagian data itu diputuskan", "the sharing was decided"), lambda made: made.made_at)
SHARING = Thing(
    "override",
    Words("pembagian data tanpa persetujuan", "sharing without consent"),
    find=lambda case, id: case.of(Overrides).made.get(id),
    whose={R.AUTHOR: lambda made, case: made.agency, R.LEAD: lambda made, case: case.lead},
    since=DECIDED,
)
TO_JUDGE = Thing(
    "override",
    Words("pembagian data tanpa persetujuan oleh satu orang", "sharing without consent by one person"),
    find=lambda case, id: found if (found := case.of(Overrides).made.get(id)) and found.review_due_at else None,
    whose={
        R.AUTHOR: lambda made, case: None if made.is_judged else made.agency,
        R.LEAD: lambda made, case: None if made.is_judged and made.judged_by_lead else case.lead,
        R.OPENED_BY: lambda made, case: made.person,
        R.OPENED_FOR: lambda made, case: made.agency,
        R.OWNER: lambda made, case: case.lead,
    },
    known_to=frozenset({R.OPENED_FOR, R.OWNER}),
    since=DECIDED,
)
"""Its agency judges it once; the lead's verdict is the last word."""


@waits(
    "overrides_asked",
    Words(
        "permintaan membagikan data tanpa persetujuan yang belum diputuskan",
        "undecided requests to share without consent",
    ),
    Words(
        "Orang lain menyetujui atau menolak permintaan itu.",
        "Another person approves or refuses the sharing that was asked for.",
    ),
    "ApproveOverride",
    "RefuseOverride",
)
def not_decided(case: Case, at: datetime) -> Iterable[UUID]:
    return (id for id, wanted in case.of(Overrides).asked.items() if not wanted.decided)


@waits(
    "overrides",
    Words("pembagian data tanpa persetujuan yang belum dinilai", "sharing without consent that nobody judged"),
    Words(
        "Orang lain menilai pembagian data oleh satu orang itu.",
        "Another person judges what one person shared alone.",
    ),
    "ReviewOverride",
)
def not_judged(case: Case, at: datetime) -> Iterable[UUID]:
    return (id for id, made in case.of(Overrides).made.items() if made.review_due_at and not made.is_judged)
