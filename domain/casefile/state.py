"""The case as the rules remember it, folded from its events.

Only coordination fields are folded, so a case can be folded from events whose other compartments stay sealed: to
decide, the system never opens the story. What several subjects ask stands in `Case`; what one subject alone remembers
is its `Part`, declared in its own file and found by `case.of(Notes)`.
"""

from collections.abc import Iterable, Mapping, Set
from datetime import datetime, timedelta
from enum import Enum
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from ..clock_codes import ClockDuty, ClockEnd
from ..codes import (
    AgeGroup,
    AgencyKind,
    CloseReason,
    GlassVerdict,
    HoldKind,
    LegalBasis,
    Purpose,
    ReferralStatus,
    Service,
    Urgency,
)
from ..compartment import Compartment
from ..fact import (
    ActorId,
    AgencyCode,
    ClockId,
    ConsentId,
    GlassId,
    HoldId,
    IncidentId,
    ReferralId,
    TransferId,
)
from ..persistent import add, put
from ..words import Words
from .consent import NOTHING as NOTHING
from .consent import Consent as Consent
from .entry import Entry

P = TypeVar("P", bound="Part")

EMPTY: Mapping[Any, Any] = MappingProxyType({})
FIRST = HoldId(UUID(int=0))
"""The id of a hold that was placed before holds had ids."""


class Status(Enum):
    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"


class Referral(Struct, frozen=True):
    id: ReferralId
    sender: AgencyCode
    sender_kind: AgencyKind
    recipient: AgencyCode
    recipient_kind: AgencyKind
    service: Service
    urgency: Urgency
    purpose: Purpose
    compartments: frozenset[Compartment]
    clocks: tuple[ClockId, ...]
    redirects: ReferralId | None = None
    by_lead: bool = False
    """Its sender led when it was sent: what consent covers bounds it, and nothing else."""
    status: ReferralStatus = ReferralStatus.DRAFT
    sent_at: datetime | None = None
    due_at: datetime | None = None
    answered_at: datetime | None = None
    answer_recorded_at: datetime | None = None
    """When it was recorded that it was received, or ended before: as was said, at `answered_at`, or `ended_at`."""
    late: bool = False
    """The time to answer had run out when that was recorded, whatever was said."""
    accepted_at: datetime | None = None
    ended_at: datetime | None = None
    broken_off_at: datetime | None = None
    """When it was recorded that another than its recipient ended what that had in hand."""
    moved_at: datetime | None = None  # when it came into its present state, as was said
    told_at: datetime | None = None  # when its sending was recorded: from then on somebody can answer
    answer_within: timedelta | None = None
    escalations: int = 0
    delivery: timedelta | None = None
    """How long the recipient's system has to say that it arrived; None where the case's pathway has no such window."""
    undelivered: int = 0  # how often it was raised that it did not arrive
    entered_at: datetime | None = None
    """When it was recorded that it came into its state, or that somebody acted on it since."""
    stage: timedelta | None = None
    """How long it may be in its state until somebody acts; None where the case's pathway has no such window."""
    stalled: int = 0  # how often it was raised that nobody did
    endless: bool = False  # what is raised of it goes on until somebody acts
    replaced: bool = False
    """Another was sent in its place, which is neither cancelled nor rejected; or that one was replaced so."""
    left: bool = False  # rejected, and its sender decided that nobody else is asked
    by_machine: bool = False  # it came into its state by the word of its recipient's system, and of no person
    awaits: datetime | None = None  # until then it waits for an appointment that stands
    held_before_work: bool = False  # on hold, and no work on it began

    @property
    def stands_as(self) -> ReferralStatus:
        """Its state; of one that is on hold before work on it began, that it was accepted."""
        return ReferralStatus.ACCEPTED if self.held_before_work else self.status

    @property
    def acts_by(self) -> datetime | None:
        """By when somebody acts on it, or that is raised once more; None where nobody has to."""
        if self.stage is None or self.entered_at is None or self.replaced or self.left:
            return None
        due = self.entered_at + (self.stalled + 1) * self.stage
        return due if self.awaits is None else max(due, self.awaits)

    @property
    def window(self) -> timedelta:
        """How long the recipient has to answer; zero before it is sent."""
        if self.answer_within is not None:
            return self.answer_within
        return self.due_at - self.sent_at if self.due_at and self.sent_at else timedelta(0)


class Clock(Struct, frozen=True):
    id: ClockId
    due_at: datetime
    met_at: datetime | None = None
    starts_at: datetime | None = None
    told_at: datetime | None = None
    """When its start was recorded."""
    met_recorded_at: datetime | None = None
    """When it was recorded that it was met, as it was said to have been at `met_at`."""
    met_by: AgencyCode | None = None
    late: bool = False
    """It had run out when that was recorded, whatever was said."""
    overdue: bool = False
    """It was raised that it ran out."""
    author: AgencyCode | None = None
    """Whose word started it."""
    duty: ClockDuty | None = None
    """None: of a clock that began before clocks said so."""
    incident: IncidentId | None = None
    guessed: bool = False
    """The time of what happened is a guess."""
    too_late: bool = False
    """It had closed before anybody of the network knew: nobody's breach."""
    ended_at: datetime | None = None
    """When it ended, as was said, where nobody says in clear that it was met."""
    ended_recorded_at: datetime | None = None
    ended_by: AgencyCode | None = None
    ended_as: ClockEnd | None = None  # how, of a duty of law; of care that is sealed

    @property
    def is_over(self) -> bool:
        """Whether it was met, or ended otherwise."""
        return self.met_at is not None or self.ended_at is not None

    @property
    def runs(self) -> bool:
        """Whether somebody still has to do what it is for, in time or late."""
        return not self.is_over and not self.too_late


class Transfer(Struct, frozen=True):
    """Another agency is asked to lead, and has not answered."""

    id: TransferId
    to: AgencyCode
    to_kind: AgencyKind
    asked_at: datetime | None = None


class Glass(Struct, frozen=True):
    """What one person opened in an emergency."""

    id: GlassId
    agency: AgencyCode
    kind: AgencyKind
    actor: ActorId
    compartments: frozenset[Compartment]
    basis: LegalBasis
    expires_at: datetime
    review_due_at: datetime
    closed: bool = False
    verdict: GlassVerdict | None = None
    reviewer: ActorId | None = None
    """Who gave the verdict."""
    overdue: int = 0
    """How often it was raised that nobody reviewed it."""
    broken_at: datetime | None = None

    def is_open(self, at: datetime) -> bool:
        """Whether it lets its opener read at that time: it ends by itself, early by its opener, and at once by a
        reviewer who finds that it was not justified."""
        return not self.closed and self.verdict is not GlassVerdict.NOT_JUSTIFIED and at < self.expires_at

    def was_broken_by(self, agency: AgencyCode, actor: ActorId) -> bool:
        """Whether it is this person's, for this agency: a person of two agencies opened it for one of them."""
        return self.agency == agency and self.actor == actor


class Hold(Struct, frozen=True):
    """A legal hold that stands."""

    id: HoldId
    placed_at: datetime
    kind: HoldKind | None = None
    """None: of one that was placed before holds had kinds."""
    holder: AgencyCode | None = None
    """None: the lead's, whoever leads: one that the lead placed before holds had holders."""
    holder_kind: AgencyKind | None = None
    of_proceedings: bool = False
    """The proceedings placed it by themselves."""
    recorded_at: datetime | None = None
    """When its placing was recorded; None of one that was placed before holds had holders."""
    passed_by: tuple[ReferralId, ...] = ()
    """By which referrals it came to its holder; none where that placed it, or has it back."""
    kept_at: datetime | None = None  # when it was recorded last that its holder needs it
    lapses_at: datetime | None = None  # None where nobody was asked yet

    def held_by(self, case: "Case") -> tuple[AgencyCode, AgencyKind]:
        """Whose it is, and of which kind that is."""
        if self.holder is None or self.holder_kind is None:
            return case.lead, case.lead_kind
        return self.holder, self.holder_kind


class Part(Struct, frozen=True):
    """What one subject remembers of a case. A subject's part begins as its defaults say."""

    ends_with_lead: ClassVar[bool] = False
    """Whether it begins anew when another agency takes the lead: what the former lead's people asked ends with it."""


NOT_SUPERSEDED = Words(
    "tidak boleh yang sudah digantikan perbaikan data kejadian", "not be superseded by a correction of the incident"
)
"""What a clock has to be that somebody ends."""


class Case(Struct, frozen=True):
    lead: AgencyCode
    lead_kind: AgencyKind
    urgency: Urgency
    age_group: AgeGroup
    pathway: str
    version: int
    opened_at: datetime
    status: Status = Status.OPEN
    former_leads: Mapping[AgencyCode, AgencyKind] = EMPTY
    transfer: Transfer | None = None
    referrals: Mapping[ReferralId, Referral] = EMPTY
    consents: Mapping[ConsentId, Consent] = EMPTY
    clocks: Mapping[ClockId, Clock] = EMPTY
    glasses: Mapping[GlassId, Glass] = EMPTY
    used_ids: Set[UUID] = frozenset()
    """Ids of notes, contact attempts, follow-ups, deliveries, transfers, disclosures, holds and erasures: none is taken
    twice."""
    holds: Mapping[HoldId, Hold] = EMPTY  # legal holds that stand: while one does, nothing is erased
    erased: frozenset[Compartment] = NOTHING
    """What was destroyed; with coordination among it, the case is no more."""
    began_at: datetime | None = None  # when it was opened, or last opened again, as was said
    ended_at: datetime | None = None
    end_recorded_at: datetime | None = None
    """When it was recorded that the case ended, as it was said to have at `ended_at`."""
    close_reason: CloseReason | None = None
    entries: Mapping[int, Entry] = EMPTY  # what can be struck, by its number
    last_entry: int = 0
    words: Mapping[AgencyCode, frozenset[Compartment]] = EMPTY  # in which compartments each agency wrote something
    parts: Mapping[type[Part], Part] = EMPTY

    def of(self, part: type[P]) -> P:
        """What a subject remembers of this case."""
        found = self.parts.get(part)
        return found if isinstance(found, part) else part()

    def using(self, id: UUID) -> "Case":
        """The case in which that id is taken."""
        return replace(self, used_ids=add(self.used_ids, id))

    def with_part(self, part: Part) -> "Case":
        """The case in which a subject remembers this."""
        return replace(self, parts=put(self.parts, type(part), part))

    @property
    def is_erased(self) -> bool:
        """Whether the whole case was."""
        return Compartment.COORDINATION in self.erased

    @property
    def on_hold(self) -> bool:
        """Whether a legal hold stands."""
        return bool(self.holds)

    def shareable(
        self, agency: AgencyCode, kind: AgencyKind, at: datetime, purpose: Purpose | None = None
    ) -> frozenset[Compartment]:
        """What consent lets that agency know at that time, for that purpose (None: for any), whoever wrote it. What is
        bounded by another's reach is not in it. Coordination is part of every coverage; without any, the set is
        empty."""
        found = NOTHING
        for consent in self.consents.values():
            if consent.bounded_by is None:
                found |= consent.gives(agency, kind, at, purpose)
        return found

    def open_referrals_to(self, agency: AgencyCode) -> Iterable[Referral]:
        """Referrals sent to that agency and not ended."""
        return (r for r in self.referrals.values() if r.recipient == agency and r.status.is_open)

    def participants(self) -> Mapping[AgencyCode, AgencyKind]:
        """Who takes part now, with its kind: the lead, and each agency with an open referral."""
        by_referral = {r.recipient: r.recipient_kind for r in self.referrals.values() if r.status.is_open}
        return {self.lead: self.lead_kind, **by_referral}

    def glasses_of(self, agency: AgencyCode, actor: ActorId | None = None) -> Iterable[Glass]:
        """What was opened in an emergency for that agency, by that person (None: by any)."""
        return (g for g in self.glasses.values() if g.agency == agency and actor in (None, g.actor))


def compartments_named(words: Iterable[str]) -> frozenset[Compartment]:
    """Compartments by their names."""
    return frozenset(Compartment.named(w) for w in words)
