"""Who may learn what of an event.

The rule, in the order it is asked:
1. An agency knows what it wrote itself.
2. The lead knows the coordination of every event of its case, and of the rest what consent lets it know.
3. Who is addressed by an event (sender and recipient of a referral once sent, owner of an action, attendee,
   the agency asked to lead, who shares a clock, whose consent ended, for whom a glass was broken) knows its
   coordination, and of the rest what it is entitled to.
4. Who has an open referral knows of the case's content what its referral shares *and* a live consent covers.
5. Nobody else learns anything, not even that the case exists.

When an agency's entitlement grows (a referral is sent, consent given, the lead taken over), it is told of
earlier events what it was not told yet; so what an agency was told is itself folded from the log.

When consent ends, what an agency was told and may open no more is recalled (recall.py): it has to delete it. Where
consent is given anew it is told of it again, under another id.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID, uuid5

from msgspec import Struct, field

from .case import events as e
from .case.state import NOTHING, Case, Glass, evolve
from .codes import AgencyKind, Purpose
from .compartment import Compartment
from .fact import ActorId, AgencyCode, Fact

COORDINATION = frozenset({Compartment.COORDINATION})
DELIVERIES = UUID("0d1a7b60-52c5-5b0e-8f5e-64656c697672")
"""Namespace of delivery ids (RFC 9562, version 5)."""


def delivery_id(agency: AgencyCode, position: int, compartments: Iterable[Compartment], recalls: int = 0) -> UUID:
    """The id of telling an agency these compartments of that event, after so many recalls: always the same."""
    again = f"/{recalls}" if recalls else ""
    return uuid5(DELIVERIES, f"{agency}/{position}/{sum(1 << c for c in compartments)}{again}")


CONTENT: tuple[type[Fact], ...] = (
    e.ReportReceived,
    e.SurvivorIdentified,
    e.SurvivorIdentityCorrected,
    e.SurvivorContactRecorded,
    e.SurvivorContactCorrected,
    e.IncidentRecorded,
    e.IncidentCorrected,
    e.AllegedPerpetratorRecorded,
    e.ClockStarted,
    e.ClockMet,
    e.NeedsAssessed,
    e.RiskAssessed,
    e.SafetyPlanAgreed,
    e.ServiceDelivered,
    e.NoteRecorded,
    e.ContactAttempted,
    e.FollowUpRecorded,
    e.DocumentAttached,
    e.ConferenceHeld,
    e.ProtectionOrderRecorded,
)
"""Events that tell the story: shared by compartment with whoever has an open referral that covers it."""

COMMON: tuple[type[Fact], ...] = (e.CaseOpened, e.LeadTransferAccepted, e.CaseReopened, e.CaseClosed)
"""Events whose coordination everyone who takes part needs: who leads, and whether the case lives."""


class Written(Struct, frozen=True, gc=False):
    """An event as it stands in the log: where, by whom, and which compartments it has something in."""

    position: int
    stream: UUID
    version: int
    topic: str
    event: Fact
    held: frozenset[Compartment]
    author: AgencyCode
    actor: UUID
    at: datetime
    correlation: UUID


class Told(Struct, frozen=True, gc=False):
    """An agency is to be told these compartments of that event: for the first time, or more than before."""

    agency: AgencyCode
    of: Written
    compartments: frozenset[Compartment]
    recalls: int = 0
    """How often before something of the case was recalled from it."""

    @property
    def id(self) -> UUID:
        """Always the same, and of no other telling."""
        return delivery_id(self.agency, self.of.position, self.compartments, self.recalls)


class Followed(Struct, frozen=True, gc=False):
    """An event as a follower of the log meets it: for one of a case, the case after it and who is told what."""

    written: Written
    case: Case | None = None
    tell: Sequence[Told] = ()


class Knowledge(Struct):
    """A case as it is followed through the log, and what each agency was told of it so far."""

    case: Case | None = None
    written: list[Written] = field(default_factory=list)
    told: dict[AgencyCode, dict[int, frozenset[Compartment]]] = field(default_factory=dict)
    recalled: dict[AgencyCode, dict[int, frozenset[Compartment]]] = field(default_factory=dict)
    """Of that, what it had to delete and was not told again since."""
    recalls: dict[AgencyCode, int] = field(default_factory=dict)

    def follow(self, new: Written) -> list[Told]:
        """Take in the case's next event; say who is to be told what, earlier events first."""
        before, after = self.case, evolve(self.case, new.event)
        tell: list[Told] = []
        for agency, kind in concerned(after).items():
            if _learns_more(before, after, agency, kind, new):
                tell += self._tell(after, agency, kind, self.written, new.at)
        self.written.append(new)
        everyone = {**concerned(after), **_addressed(new.event, after)}
        for agency in {new.author: None, **everyone}:
            tell += self._tell(after, agency, everyone.get(agency), (new,), new.at)
        if before is not None and isinstance(new.event, e.ConsentWithdrawn | e.ConsentNarrowed):
            for agency, versions in self.ended(after, new.at).items():
                gone = self.recalled.setdefault(agency, {})
                gone |= {version: gone.get(version, NOTHING) | these for version, these in versions.items()}
                self.recalls[agency] = self.recalls.get(agency, 0) + 1
        self.case = after
        return tell

    def ended(self, after: Case, now: datetime) -> dict[AgencyCode, dict[int, frozenset[Compartment]]]:
        """What each agency was told, may open now, and could open no more in the case as it would be after: agency →
        version → compartments. Its own words stay, and coordination: that it took part, it may know."""
        if self.case is None:
            return {}
        ended: dict[AgencyCode, dict[int, frozenset[Compartment]]] = {}
        kinds = _ever_concerned(self.case)
        for agency in self.told.keys() & kinds.keys():
            gone = self.recalled.get(agency, {})
            for of in self.written:
                told = self.told[agency].get(of.version, NOTHING) - gone.get(of.version, NOTHING) - COORDINATION
                if not told or of.author == agency:
                    continue
                kind = kinds[agency]
                open_now, open_after = (
                    still_readable(case, of, told, agency, kind, now) for case in (self.case, after)
                )
                if lost := open_now - open_after:
                    ended.setdefault(agency, {})[of.version] = lost
        return ended

    def _tell(
        self, case: Case, agency: AgencyCode, kind: AgencyKind | None, events: Iterable[Written], now: datetime
    ) -> Iterator[Told]:
        known, gone = self.told.setdefault(agency, {}), self.recalled.get(agency, {})
        entitled = entitlement(case, agency, kind, now) if kind is not None else NOTHING
        for of in events:
            before, deleted = known.get(of.version, NOTHING), gone.get(of.version, NOTHING)
            may = _may_learn(case, of, agency, kind, entitled)
            if not may <= before - deleted:
                known[of.version] = before | may
                if deleted:
                    gone[of.version] = deleted - may
                yield Told(agency, of, may, self.recalls.get(agency, 0))


def _learns_more(before: Case | None, after: Case, agency: AgencyCode, kind: AgencyKind, new: Written) -> bool:
    """Whether an event gives an agency reason to know of earlier ones what it was not told."""
    if isinstance(new.event, e.ReferralSent) and after.referrals[new.event.referral].recipient == agency:
        return True
    if before is None or (agency == after.lead != before.lead):
        return True
    if after.referrals is before.referrals and after.consents is before.consents:
        return False  # most events change nothing that an entitlement comes of
    return not entitlement(after, agency, kind, new.at) <= entitlement(before, agency, kind, new.at)


def audience(
    case: Case, of: Written, agency: AgencyCode, kind: AgencyKind | None, now: datetime
) -> frozenset[Compartment]:
    """The compartments of an event that an agency may learn now; empty where it may not know of it."""
    entitled = entitlement(case, agency, kind, now) if kind is not None else NOTHING
    return _may_learn(case, of, agency, kind, entitled)


def _may_learn(
    case: Case, of: Written, agency: AgencyCode, kind: AgencyKind | None, entitled: frozenset[Compartment]
) -> frozenset[Compartment]:
    """The same, once it is known what of the case the agency is entitled to."""
    holds = _holds(of) - case.erased
    if case.is_erased:
        return NOTHING
    if agency == of.author:
        return holds
    if kind is None:
        return NOTHING
    if agency == case.lead or agency in _addressed(of.event, case):
        return holds & (entitled | COORDINATION)
    if isinstance(of.event, COMMON) and entitled:
        return COORDINATION
    if isinstance(of.event, CONTENT) and holds & entitled - COORDINATION:
        return holds & entitled
    return NOTHING


def entitlement(case: Case, agency: AgencyCode, kind: AgencyKind, now: datetime) -> frozenset[Compartment]:
    """The compartments of the case that the agency has a reason, and consent, to know now."""
    entitled = NOTHING
    if agency == case.lead:
        entitled = COORDINATION | case.shareable(agency, kind, now)
    asked: dict[Purpose, frozenset[Compartment]] = {}
    for referral in case.open_referrals_to(agency):
        asked[referral.purpose] = asked.get(referral.purpose, COORDINATION) | referral.compartments
    for purpose, compartments in asked.items():
        entitled |= COORDINATION | compartments & case.shareable(agency, kind, now, purpose)
    return entitled


def still_readable(
    case: Case, of: Written, told: frozenset[Compartment], agency: AgencyCode, kind: AgencyKind, now: datetime
) -> frozenset[Compartment]:
    """What an agency may open again of what it was told: its own words and what was addressed to it always, the
    story as long as consent stands."""
    told -= case.erased
    if agency == of.author:
        return _holds(of) - case.erased
    stands = case.shareable(agency, kind, now)
    if agency == case.lead or not isinstance(of.event, CONTENT):
        stands |= COORDINATION
    return told & stands


def through_glass(glass: Glass, of: Written, agency: AgencyCode, actor: UUID, now: datetime) -> frozenset[Compartment]:
    """What a broken glass lets a person read of an event: of the story what its compartments cover, with its
    coordination; nothing to anybody but who broke it, and nothing once it ended."""
    if not (glass.was_broken_by(agency, ActorId(actor)) and glass.is_open(now) and isinstance(of.event, CONTENT)):
        return NOTHING
    covered = _holds(of) & glass.compartments - COORDINATION
    return covered | COORDINATION if covered else NOTHING


def concerned(case: Case) -> Mapping[AgencyCode, AgencyKind]:
    """Who takes part now: the lead, and each agency with an open referral."""
    found = {case.lead: case.lead_kind}
    for referral in case.referrals.values():
        if referral.status.is_open:
            found[referral.recipient] = referral.recipient_kind
    return found


def _ever_concerned(case: Case) -> Mapping[AgencyCode, AgencyKind]:
    """Who leads, led, or was referred to."""
    referred = {r.recipient: r.recipient_kind for r in case.referrals.values() if r.sent_at is not None}
    return {**case.former_leads, **referred, case.lead: case.lead_kind}


def _holds(of: Written) -> frozenset[Compartment]:
    """The compartments that an event has something in, or is about: a document's bytes are its compartment's,
    and what a clock was for is the incident's."""
    match of.event:
        case e.DocumentAttached():
            return of.held | {Compartment.named(of.event.compartment)}
        case e.ClockMet():
            return of.held | {Compartment.INCIDENT}
        case _:
            return of.held


def _addressed(event: Fact, case: Case) -> Mapping[AgencyCode, AgencyKind]:
    """Whom an event speaks to by its nature."""
    match event:
        case e.ReferralMove() | e.DraftFacts():
            referral = case.referrals.get(event.referral)
            if referral is None:
                return {}
            sender = {referral.sender: referral.sender_kind}
            return sender if referral.sent_at is None else {**sender, referral.recipient: referral.recipient_kind}
        case e.ClockStarted() | e.ClockMet() | e.ClockOverdue():
            return {
                r.recipient: r.recipient_kind
                for r in case.referrals.values()
                if event.clock in r.clocks and r.status.is_open
            }
        case e.ConsentWithdrawn() | e.ConsentNarrowed():
            consent = case.consents[event.consent]
            return {
                r.recipient: r.recipient_kind
                for r in case.referrals.values()
                if r.status.is_open and _names(consent.ever, r.recipient, r.recipient_kind)
            }
        case e.ConferenceHeld():
            return {a: k for a, k in concerned(case).items() if a in event.attendees}
        case e.ActionAgreed() | e.ActionDone():
            owner = case.actions[event.action].owner
            return {a: k for a, k in concerned(case).items() if a == owner}
        case e.GlassMove():
            glass = case.glasses[event.glass]
            return {glass.agency: glass.kind}
        case e.LeadTransferAsked():
            return {event.to: event.to_kind}
        case e.LeadTransferAccepted():
            return case.former_leads
        case _:
            return {}


def _names(recipients: Iterable[str], agency: AgencyCode, kind: AgencyKind) -> bool:
    return agency in recipients or f"kind:{kind}" in recipients
