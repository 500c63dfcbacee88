"""Who may learn what of an event.

The rule, in the order it is asked:
1. An agency knows what it wrote itself.
2. The lead knows the coordination of every event of its case, and of the rest what consent lets it know.
3. Who is addressed by an event (sender and recipient of a referral once sent, owner of an action, attendee,
   the agency asked to lead, who shares a clock, whose consent ended, for whom a glass was broken) knows its
   coordination, and of the rest what it is entitled to.
4. Who has an open referral knows of the case's content what it reaches (standing/reach.py): what its referral shares
   *and* a live consent covers, and, where the sender does not lead, what the sender could pass on.
   But of a duty of law only the lead and who is addressed learn: when the police's time began, or that they have a
   report, says who else takes part.
5. Who was told of an entry that is struck is told that it is, whether it still takes part or not: at least its number.
   What was struck is told to nobody any more but the lead.
6. Nobody else learns anything, not even that the case exists.

What it may open again is less: what it was told, as far as it reaches that now, for the purpose that it says. With its
referral, with the consent, with the lead that ends at once; what it wrote itself it opens for ever.

When an agency's entitlement grows (a referral is sent, consent given, the lead taken over), it is told of
earlier events what it was not told yet.

When consent ends, what an agency was told and may open no more is recalled (recall.py): it has to delete it. Where
consent is given anew it is told of it again, under another id.

**What was told is a fact.** This rule says once, when an event is first followed, what an agency is told of it; the
register keeps that for ever, with the version of the rule that said so. Whoever asks later what was told asks the
register, never this rule: a later version may answer otherwise, and copies lie at an agency by what was sent.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias
from uuid import UUID, uuid5

from msgspec import Struct, field

from .case.confirming import ConsentNotConfirmed
from .case.consents import ConsentExpired, ConsentWithdrawn
from .case.overrides import OverrideEnded
from .case.referrals import ReferralSent
from .case.stopping import StopConfirmed
from .casefile.clocks import is_of_law
from .casefile.consenting import ConsentNarrowed
from .casefile.entries import is_struck, struck_in
from .casefile.evolving import fold_log, take
from .casefile.holding import has_report
from .casefile.state import NOTHING, Case, Glass
from .casefile.stopping import SharingStopped
from .codes import AgencyKind, Purpose
from .compartment import Compartment
from .declaring import Shared, declared
from .erasure import DeletionAsked
from .fact import ActorId, AgencyCode, Fact
from .notices import NoticeGiven
from .recovery import HistoryRecovered
from .standing.reach import NONE, Reaches, Words

RULE = "2026-7"
"""The version of this rule. Who changes what it answers for any case gives it another, and freezes a history of the
one before in tests/golden/histories."""
COORDINATION = frozenset({Compartment.COORDINATION})
Notice: TypeAlias = DeletionAsked | HistoryRecovered | NoticeGiven
"""What is told to the agency that it names, whole, and to nobody else."""
ENDS = (
    ConsentNarrowed,
    ConsentWithdrawn,
    ConsentExpired,
    ConsentNotConfirmed,
    SharingStopped,
    StopConfirmed,
    OverrideEnded,
)
"""Events that end a consent, in whole or in part. `delivery.held` (infra/migrations) names their topics, too."""
DELIVERIES = UUID("0d1a7b60-52c5-5b0e-8f5e-64656c697672")
"""Namespace of delivery ids (RFC 9562, version 5)."""


def delivery_id(
    agency: AgencyCode,
    position: int,
    compartments: Iterable[Compartment],
    recalls: int = 0,
    again: int = 0,
    digest: bytes = b"",
) -> UUID:
    """The id of telling an agency these compartments of that event, after so many recalls: always the same. `again`:
    the number at which it was to be told, and could not be opened. `digest` is the record's: where a backup was
    restored another event may come to stand at a position, and it has another id."""
    more = (f"/{recalls}" if recalls else "") + (f"/again/{again}" if again else "")
    more += f"/of/{digest.hex()}" if digest else ""
    return uuid5(DELIVERIES, f"{agency}/{position}/{sum(1 << c for c in compartments)}{more}")


def tells_story(event: Fact) -> bool:
    """Whether an event is shared by compartment with whoever has an open referral that covers it."""
    return declared(event).shared is Shared.STORY


class Written(Struct, frozen=True, gc=False):
    """An event as it stands in the log: where, by whom, and which compartments it has something in."""

    position: int
    stream: UUID
    version: int
    topic: str
    event: Fact
    compartments_present: frozenset[Compartment]
    author: AgencyCode
    actor: UUID
    at: datetime
    correlation: UUID
    digest: bytes = b""
    """Of its sealed record, which no other event has: the first half of its SHA-256."""


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
        of = self.of
        return delivery_id(self.agency, of.position, self.compartments, self.recalls, digest=of.digest)


class Recalled(Struct, frozen=True, gc=False):
    """An agency has to delete these compartments of what it was told of that event."""

    agency: AgencyCode
    of: Written
    compartments: frozenset[Compartment]


class Remembered(NamedTuple):
    """What the register has on record of a case: an agency was told these compartments of the event at `position`, or,
    with `recalled_at`, had to delete them, by the event at that position."""

    agency: AgencyCode
    position: int
    compartments: frozenset[Compartment]
    recalled_at: int | None = None


class Learned(NamedTuple):
    """What follows from an event: who is told what, and who has to delete what."""

    tell: Sequence[Told] = ()
    recall: Sequence[Recalled] = ()


class Followed(Struct, frozen=True, gc=False):
    """An event as a follower of the log meets it: for one of a case, the case after it, who is told what, and who has
    to delete what."""

    written: Written
    case: Case | None = None
    tell: Sequence[Told] = ()
    recall: Sequence[Recalled] = ()


class Knowledge(Struct):
    """A case as it is followed through the log, and what is on record of what each agency was told of it so far."""

    case: Case | None = None
    written: list[Written] = field(default_factory=list)
    told: dict[AgencyCode, dict[int, frozenset[Compartment]]] = field(default_factory=dict)
    recalled: dict[AgencyCode, dict[int, frozenset[Compartment]]] = field(default_factory=dict)
    """Of that, what it had to delete and was not told again since."""
    recalls: dict[AgencyCode, int] = field(default_factory=dict)

    @classmethod
    def remembered(cls, written: Sequence[Written], facts: Iterable[Remembered]) -> "Knowledge":
        """A case after these events, with what was told of it, by whatever rule; `facts` as they came about."""
        known = cls(fold_log(written), list(written))
        version = {w.position: w.version for w in written}
        recalls: dict[AgencyCode, set[int]] = {}
        for agency, position, compartments, recalled_at in facts:
            of = version.get(position)
            if of is None:
                continue
            told, gone = known.told.setdefault(agency, {}), known.recalled.setdefault(agency, {})
            if recalled_at is None:
                told[of] = told.get(of, NOTHING) | compartments
                gone[of] = gone.get(of, NOTHING) - compartments
            else:
                gone[of] = gone.get(of, NOTHING) | compartments
                recalls.setdefault(agency, set()).add(recalled_at)
        known.recalls = {agency: len(at) for agency, at in recalls.items()}
        return known

    def follow(self, new: Written) -> Sequence[Told]:
        """Take in the case's next event; say who is to be told what, earlier events first."""
        return self.learn(new).tell

    def learn(self, new: Written) -> Learned:
        """Take in the case's next event; say who is to be told what, earlier events first, and who has to delete
        what."""
        before, after = self.case, take(self.case, new)
        was, reaches = Reaches(before, new.at) if before is not None else None, Reaches(after, new.at)
        tell: list[Told] = []
        for agency, kind in after.participants().items():
            if _learns_more(was, reaches, agency, kind, new):
                tell += self._tell(reaches, agency, kind, self.written)
        self.written.append(new)
        everyone = {**after.participants(), **_addressed(new.event, after)}
        told_of_struck = self._told_of_what(new.event)
        for agency in {new.author: None, **everyone, **told_of_struck}:
            has_old = agency in told_of_struck and not after.is_erased
            tell += self._tell(reaches, agency, everyone.get(agency), (new,), has_old)
        recall = self.ended(after, new.at) if isinstance(new.event, ENDS) else []
        for agency, of, compartments in ((r.agency, r.of.version, r.compartments) for r in recall):
            gone = self.recalled.setdefault(agency, {})
            gone[of] = gone.get(of, NOTHING) | compartments
        for agency in {r.agency for r in recall}:
            self.recalls[agency] = self.recalls.get(agency, 0) + 1
        self.case = after
        return Learned(tell, recall)

    def ended(self, after: Case, now: datetime) -> list[Recalled]:
        """What each agency was told, did not have to delete yet, and may keep no more in the case as it is after the
        end of a consent. Its own words stay, and the coordination that it may still know."""
        return list(self._ended(after, now))

    def _ended(self, after: Case, now: datetime) -> Iterator[Recalled]:
        if self.case is None:
            return
        kinds, reaches = _ever_participants(self.case), Reaches(after, now)
        for agency in sorted(self.told):
            gone = self.recalled.get(agency, {})
            for of in self.written:
                has = self.told[agency].get(of.version, NOTHING) - gone.get(of.version, NOTHING) - after.erased
                if of.author == agency or not has - COORDINATION:
                    continue
                kind = kinds.get(agency)  # who never took part was told by another rule, and keeps nothing
                stays = may_keep(reaches, of, has, agency, kind) if kind is not None else COORDINATION
                lost = has - stays
                if lost - COORDINATION:
                    yield Recalled(agency, of, lost)

    def _told_of_what(self, event: Fact) -> Mapping[AgencyCode, None]:
        """Who was told of the entry that an event strikes, whether they still have that or not."""
        number = struck_in(event)
        if number is None:
            return {}
        return {agency: None for agency in sorted(self.told) if self.told[agency].get(number)}

    def _tell(
        self,
        reaches: Reaches,
        agency: AgencyCode,
        kind: AgencyKind | None,
        events: Iterable[Written],
        speaks_to_it: bool = False,
    ) -> Iterator[Told]:
        known, gone = self.told.setdefault(agency, {}), self.recalled.get(agency, {})
        reached = reaches.of(agency, kind) if kind is not None else NONE
        for of in events:
            before, deleted = known.get(of.version, NOTHING), gone.get(of.version, NOTHING)
            may = _may_learn(reaches.case, of, agency, kind, reached)
            if speaks_to_it:
                may |= holds(of) & (reached.on(of.author) | COORDINATION)
            if is_struck(reaches.case, of.version) and agency not in (of.author, reaches.case.lead):
                may &= before - deleted
            if not may <= before - deleted:
                known[of.version] = before | may
                if deleted:
                    gone[of.version] = deleted - may
                yield Told(agency, of, may, self.recalls.get(agency, 0))


def _learns_more(was: Reaches | None, now: Reaches, agency: AgencyCode, kind: AgencyKind, new: Written) -> bool:
    """Whether an event gives an agency reason to know of earlier ones what it was not told."""
    if isinstance(new.event, ReferralSent) and now.case.referrals[new.event.referral].recipient == agency:
        return True
    if was is None or (agency == now.case.lead != was.case.lead):
        return True
    if now.case.referrals is was.case.referrals and now.case.consents is was.case.consents:
        return False  # most events change nothing that reach comes of
    return not now.of(agency, kind) <= was.of(agency, kind)


def audience(
    case: Case, of: Written, agency: AgencyCode, kind: AgencyKind | None, now: datetime
) -> frozenset[Compartment]:
    """The compartments of an event that an agency may learn now; empty where it may not know of it."""
    return _may_learn(case, of, agency, kind, Reaches(case, now).of(agency, kind) if kind is not None else NONE)


def _may_learn(
    case: Case, of: Written, agency: AgencyCode, kind: AgencyKind | None, reached: Words
) -> frozenset[Compartment]:
    """The same, once it is known what of the case the agency reaches."""
    there, entitled = holds(of) - case.erased, reached.on(of.author)
    if case.is_erased:
        return NOTHING
    if agency == of.author:
        return there
    if kind is None:
        return NOTHING
    if agency == case.lead or agency in _addressed(of.event, case):
        return there & (entitled | COORDINATION)
    if declared(of.event).shared is Shared.COMMON and entitled:
        return COORDINATION
    if tells_story(of.event) and not is_of_law(of.event, case) and there & entitled - COORDINATION:
        return there & entitled
    return NOTHING


def may_open(
    reaches: Reaches,
    of: Written,
    told: frozenset[Compartment],
    agency: AgencyCode,
    kind: AgencyKind,
    used_for: Purpose | None = None,
) -> frozenset[Compartment]:
    """What an agency may open again of what it was told, for that purpose (None: for any that it was told for): its own
    words always, others' as far as it reaches them now, and of the story nothing where it reaches no content. That it
    took part stays: the coordination of what was addressed to it."""
    case = reaches.case
    if agency == of.author:
        return holds(of) - case.erased
    may = (told - case.erased) & reaches.of(agency, kind, used_for).on(of.author)
    if agency == case.lead or not tells_story(of.event) or agency in _addressed(of.event, case):
        return may | told & COORDINATION
    return may if may - COORDINATION else NOTHING


def may_keep(
    reaches: Reaches, of: Written, told: frozenset[Compartment], agency: AgencyCode, kind: AgencyKind
) -> frozenset[Compartment]:
    """What an agency may keep copies of: what a consent still lets it know, whether its work is over or not; of police,
    prosecution and court that received a report, all that they were told until then."""
    case = reaches.case
    if agency == of.author:
        return holds(of) - case.erased
    if has_report(case, agency, kind):
        return told - case.erased
    stands = reaches.consented(agency, kind).on(of.author)
    if agency == case.lead or not tells_story(of.event):
        stands |= COORDINATION
    return (told - case.erased) & stands


def may_be_told_again(
    reaches: Reaches, of: Written, told: frozenset[Compartment], agency: AgencyCode
) -> frozenset[Compartment]:
    """What of that an agency is sent once more, long after it was told: what it may open again, for any purpose. Who
    never took part keeps the coordination of what was addressed to it."""
    case = reaches.case
    kind = _ever_participants(case).get(agency) or _addressed(of.event, case).get(agency)
    if agency == of.author:
        return told
    return may_open(reaches, of, told, agency, kind) if kind is not None else told & COORDINATION


def through_glass(glass: Glass, of: Written, agency: AgencyCode, actor: UUID, now: datetime) -> frozenset[Compartment]:
    """What a broken glass lets a person read of an event: of the story what its compartments cover, with its
    coordination; nothing to anybody but who broke it, and nothing once it ended."""
    if not (glass.was_broken_by(agency, ActorId(actor)) and glass.is_open(now) and tells_story(of.event)):
        return NOTHING
    covered = holds(of) & glass.compartments - COORDINATION
    return covered | COORDINATION if covered else NOTHING


def _ever_participants(case: Case) -> Mapping[AgencyCode, AgencyKind]:
    """Who leads, led, or was referred to."""
    referred = {r.recipient: r.recipient_kind for r in case.referrals.values() if r.sent_at is not None}
    return {**case.former_leads, **referred, case.lead: case.lead_kind}


def holds(of: Written) -> frozenset[Compartment]:
    """The compartments that an event has something in, or is about."""
    about = declared(of.event).about
    return of.compartments_present if about is None else of.compartments_present | about(of.event)


def _addressed(event: Fact, case: Case) -> Mapping[AgencyCode, AgencyKind]:
    """Whom an event speaks to by its nature."""
    to = declared(event).to
    return {} if to is None else to.of(event, case)
