"""Who may know what of a case, told from its log alone and another way than the rules do: by looking for one reason,
step by step back to the lead, without the case's state. What the rules are checked against."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from uuid import UUID

from story import NETWORK

from rujukan.domain.case.amending import ReferralAmended
from rujukan.domain.case.cancelling import ReferralCancelledAsAsked
from rujukan.domain.case.confirming import ConsentConfirmed, ConsentNotConfirmed
from rujukan.domain.case.consents import ConsentExpired, ConsentGiven, ConsentReported, ConsentWithdrawn
from rujukan.domain.case.fulfilment import ReferralCompleted, ReferralFailed, ReferralRejected
from rujukan.domain.case.intake import CaseOpened
from rujukan.domain.case.lead import LeadTransferAccepted
from rujukan.domain.case.overrides import ConsentOverridden, OverrideEnded, SharedWithoutConsent
from rujukan.domain.case.referrals import ReferralCancelled, ReferralDrafted, ReferralSent
from rujukan.domain.case.sender_gone import ReferralEndedForSender
from rujukan.domain.case.speaking import BestInterestDecided
from rujukan.domain.case.stopping import StopConfirmed
from rujukan.domain.case.uncovered import UncoveredReferralEnded
from rujukan.domain.casefile.clocks import ClockMet
from rujukan.domain.casefile.consenting import Scope
from rujukan.domain.casefile.stopping import SharingStopped
from rujukan.domain.codes import ConsentBy, Purpose, StopAbout, Urgency
from rujukan.domain.fact import Fact
from rujukan.infra.store.transcoder import to_segments

LOOKS_AT_ALL = (Purpose.COORDINATION, Purpose.SUPERVISION, Purpose.AUDIT)
GIVEN = (ConsentGiven, ConsentReported, ConsentOverridden, SharedWithoutConsent)
OVER = (ConsentWithdrawn, ConsentExpired, ConsentNotConfirmed, OverrideEnded)
TAKEN_BACK = (
    ReferralRejected,
    ReferralCancelled,
    ReferralCancelledAsAsked,
    UncoveredReferralEnded,
    ReferralEndedForSender,
)
ENDED = (*TAKEN_BACK, ReferralCompleted, ReferralFailed)


class Account:
    """A log as it is now, and who wrote each event of it."""

    def __init__(self, log: Sequence[Fact], authors: Sequence[str], at: datetime) -> None:
        self.log, self.authors, self.at = tuple(log), tuple(authors), at
        for asked_often in ("lets", "scope", "lead", "was", "bound", "is_stopped", "is_confirmed"):
            setattr(self, asked_often, cache(getattr(self, asked_often)))
        self.consents = [e for e in log if isinstance(e, GIVEN)]
        self.sent = {e.referral: n for n, e in enumerate(log) if isinstance(e, ReferralSent)}
        self.referrals = [e for e in log if isinstance(e, ReferralDrafted) and e.referral in self.sent]

    def reaches(self, who: str, word: str, by: str, used_for: Purpose | None = None) -> bool:
        """Whether an agency may open that compartment of what another wrote, for that purpose."""
        if who == self.lead() and any(self.lets(who, word, by, p) for p in Purpose if _serves(used_for, p)):
            return True
        return any(
            _serves(used_for, r.purpose) and self.brings(r, word, by)
            for r in self.referrals
            if r.recipient == who and not self.was(r.referral, ENDED)
        )

    def lets(
        self, who: str, word: str, by: str, purpose: Purpose, path: frozenset[object] = frozenset(), reads: bool = True
    ) -> bool:
        """Whether some consent lets an agency know that, for exactly that purpose: to read it, or to have passed it
        on."""
        names = {who, f"kind:{NETWORK[who].kind.value}"}
        for consent in self.consents:
            now = self.scope(consent.consent)
            if now is None or purpose not in now.purposes or not names & now.recipients or self.is_held(consent):
                continue
            if word not in {"coordination", *now.compartments} or self.is_stopped(who, consent, reads):
                continue
            bound = self.bound(consent)
            if bound is None or bound == by or self.passes(bound, word, by, purpose, path):
                return True
        return False

    def bound(self, consent: Scope) -> str | None:
        """Whose word alone it is: not the lead's, and not confirmed by it."""
        at = next(n for n, e in enumerate(self.log) if e is consent)
        if isinstance(consent, ConsentReported):
            return None if self.is_confirmed(consent.consent) else consent.reported_by
        return None if self.authors[at] == self.lead(at) else self.authors[at]

    def brings(self, referral: ReferralDrafted, word: str, by: str, path: frozenset[object] = frozenset()) -> bool:
        """Whether a referral brings its recipient that."""
        amended = [(n, e) for n, e in enumerate(self.log) if isinstance(e, ReferralAmended)]
        adds = [(n, e.adds) for n, e in amended if e.referral == referral.referral and e.adds]
        if word not in {"coordination", *referral.compartments, *(added for _, more in adds for added in more)}:
            return False
        if not self.lets(referral.recipient, word, by, referral.purpose, path, reads=not path):
            return False
        led = all(self.lead(n) == referral.sender for n in (self.sent[referral.referral], *(n for n, _ in adds)))
        return led or by == referral.sender or self.passes(referral.sender, word, by, referral.purpose, path)

    def passes(self, who: str, word: str, by: str, purpose: Purpose, path: frozenset[object]) -> bool:
        """Whether an agency may pass on, for that purpose, what another wrote."""
        if (who, purpose) in path:
            return False  # nobody stands on what stands on themselves
        path |= {(who, purpose)}
        if who == self.lead() and any(self.lets(who, word, by, p, path) for p in Purpose if _serves(purpose, p)):
            return True
        return any(
            _serves(purpose, r.purpose) and self.brings(r, word, by, path)
            for r in self.referrals
            if r.recipient == who and not self.was(r.referral, TAKEN_BACK)
        )

    def is_stopped(self, who: str, consent: Scope, reads: bool) -> bool:
        """Whether somebody said stop to that agency's part of a consent, and that holds."""
        kinds = {who, f"kind:{NETWORK[who].kind.value}"}
        for n, stop in enumerate(self.log):
            if not isinstance(stop, SharingStopped):
                continue
            # It is about all that she had agreed to by when she said so, recorded since or not.
            confirmed = any(isinstance(e, StopConfirmed) and e.stop == stop.stop for e in self.log)
            answers = [i for i, e in enumerate(self.log) if isinstance(e, StopConfirmed) and e.stop == stop.stop]
            first = next(i for i, e in enumerate(self.log) if e is consent)
            late = first > (answers[0] if answers else n)
            author, until = self.authors[n], answers[0] if answers else n
            scopes = [e for e in self.log[:until] if isinstance(e, Scope) and e.consent == consent.consent]
            if late and consent.occurred_at < stop.occurred_at:
                scopes = [consent]
            if not scopes or isinstance(consent, ConsentOverridden | SharedWithoutConsent):
                continue
            words = {
                StopAbout.EVERYTHING: scopes[-1].recipients,
                StopAbout.CONSENT: scopes[-1].recipients if stop.consent == consent.consent else frozenset(),
                StopAbout.RECIPIENTS: stop.recipients,
                StopAbout.OURS: frozenset({author}),
            }[stop.about]
            if not kinds & words:
                continue
            given_by = getattr(consent, "given_by", frozenset())
            may_say = not stop.said_by or ConsentBy.SURVIVOR in stop.said_by
            if ConsentBy.SURVIVOR not in given_by:  # what she agreed to, nobody takes back without asking her
                may_say = may_say or bool(stop.said_by & given_by) or _one_of_three(stop.said_by, given_by)
            if stop.occurred_at < consent.occurred_at or not (may_say or confirmed):
                continue
            reported = isinstance(consent, ConsentReported) and consent.reported_by == author
            reported = reported and not any(
                isinstance(e, ConsentConfirmed) and e.consent == consent.consent for e in self.log[:n]
            )
            reported = reported and not self.emergency_of_others(author, n)
            if author == self.lead(n) or confirmed or reported or (who == author and reads):
                return True
        return False

    def emergency_of_others(self, who: str, before: int) -> bool:
        """Whether an emergency ran then that was neither from nor to that agency."""
        ended = {getattr(e, "referral", None) for e in self.log[:before] if isinstance(e, ENDED)}
        running = [r for r in self.referrals if self.sent[r.referral] < before and r.referral not in ended]
        raised = {
            e.referral for e in self.log[:before] if isinstance(e, ReferralAmended) and e.raised_to is Urgency.EMERGENCY
        }
        return any(
            (r.urgency is Urgency.EMERGENCY or r.referral in raised) and who not in (r.sender, r.recipient)
            for r in running
        )

    def keeps(self, who: str, word: str, by: str) -> bool:
        """Whether a consent lets an agency know that, for whatever purpose, though its work may be over."""
        return any(self.lets(who, word, by, purpose) for purpose in Purpose)

    def wrote(self, who: str, word: str) -> bool:
        """Whether an agency wrote something in that compartment itself."""
        return any(author == who and word in _held(event) for event, author in zip(self.log, self.authors, strict=True))

    def scope(self, consent: UUID) -> Scope | None:
        """The last scope of a consent, if it stands."""
        if any(isinstance(e, OVER) and e.consent == consent for e in self.log):
            return None
        last = [e for e in self.log if isinstance(e, Scope) and e.consent == consent][-1]
        return last if last.expires_at is None or self.at < last.expires_at else None

    def is_confirmed(self, consent: UUID) -> bool:
        return any(isinstance(e, ConsentConfirmed) and e.consent == consent for e in self.log)

    def is_held(self, consent: Scope) -> bool:
        """Whether the child said no to what somebody agreed to for her, and nobody decided that it holds."""
        if getattr(consent, "child_assent", None) is not False or ConsentBy.SURVIVOR in consent.given_by:  # type: ignore[attr-defined]
            return False
        return not any(isinstance(e, BestInterestDecided) and consent.consent in (e.outweighs or ()) for e in self.log)

    def was(self, referral: UUID, moves: tuple[type[Fact], ...]) -> bool:
        return any(isinstance(e, moves) and getattr(e, "referral", None) == referral for e in self.log)

    def lead(self, before: int | None = None) -> str:
        """Who leads, or did before that event."""
        led = [e.lead for e in self.log[:before] if isinstance(e, CaseOpened | LeadTransferAccepted)]
        return led[-1]


def _one_of_three(one: frozenset[ConsentBy], other: frozenset[ConsentBy]) -> bool:
    """Whether it may be the same person, as one of them says no more than that it was one of three."""
    three = {ConsentBy.CAREGIVER, ConsentBy.PARENT, ConsentBy.GUARDIAN}
    return bool(ConsentBy.CAREGIVER in one | other and three & one and three & other)


def _serves(used_for: Purpose | None, shared_for: Purpose) -> bool:
    return used_for is None or used_for is shared_for or used_for in LOOKS_AT_ALL


def _held(event: Fact) -> set[str]:
    held = {c.word for c in to_segments(event)} | ({"incident"} if isinstance(event, ClockMet) else set())
    return held | {word for word in (getattr(event, "compartment", None),) if word is not None}
