"""Reach: what an agency may open of a case now. Asked at use, never remembered from a grant.

An agency reaches its own words, always. Of others' words:

- the lead, what a consent lets it know;
- the recipient of an open referral, what that referral shares *and* a consent lets it know for the referral's purpose
  *and*, where the sender does not lead, the sender could pass on: its own words, and what it was itself sent.

A consent that another than the lead heard holds at once for what that agency could pass on: its own words, and what it
reaches. For more it waits until the lead has asked the survivor (`ConsentReported`, `ConsentConfirmed`). What another
than the lead shares without consent, on a legal basis, is bounded the same way, for good. So nobody gets more by naming
itself, or each other, than the lead's and the confirmed consents give to one of them: what is passed on leads back to
the lead step by step, and steps that lead in a circle pass on nothing.

What was shared for one purpose is opened for that purpose (`SERVES`).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cached_property

from msgspec import Struct

from ..casefile.state import EMPTY, NOTHING, Case, Consent, Referral
from ..codes import AgencyKind, Purpose, ReferralStatus
from ..compartment import Compartment
from ..fact import AgencyCode

COORDINATION = frozenset({Compartment.COORDINATION})

SERVES: Mapping[Purpose, frozenset[Purpose]] = {
    Purpose.CARE: frozenset({Purpose.CARE}),
    Purpose.PROTECTION: frozenset({Purpose.PROTECTION}),
    Purpose.LEGAL: frozenset({Purpose.LEGAL}),
    Purpose.STATISTICS: frozenset({Purpose.STATISTICS}),
    Purpose.SURVIVOR_REQUEST: frozenset({Purpose.SURVIVOR_REQUEST}),
    Purpose.COORDINATION: frozenset(Purpose),
    Purpose.SUPERVISION: frozenset(Purpose),
    Purpose.AUDIT: frozenset(Purpose),
}
"""What somebody acts for → the purposes of sharing that it serves. Who coordinates, supervises or audits the work of an
agency looks at all of that work; what was shared for care is not opened for prosecution. A default of the network's."""

PASSES_ON = frozenset(
    {
        ReferralStatus.REQUESTED,
        ReferralStatus.RECEIVED,
        ReferralStatus.ACCEPTED,
        ReferralStatus.IN_PROGRESS,
        ReferralStatus.ON_HOLD,
        ReferralStatus.COMPLETED,
        ReferralStatus.FAILED,
    }
)
"""States of a referral in which its recipient may have passed on what it carries. Work that was done, or could not be,
takes nothing from who was sent on meanwhile; what was refused, or taken back, does."""


class Words(Struct, frozen=True):
    """Compartments, by whose words they are."""

    anybody: frozenset[Compartment] = NOTHING
    """Of whoever wrote."""
    of: Mapping[AgencyCode, frozenset[Compartment]] = EMPTY
    """Of these authors, beside."""

    def on(self, author: AgencyCode | None) -> frozenset[Compartment]:
        """Of that agency's words; None stands for one that is not known."""
        return self.anybody | self.of.get(author, NOTHING) if author is not None else self.anybody

    def covers(self, compartment: Compartment) -> bool:
        """Whether it has that compartment of anybody's words."""
        return compartment in self.anybody or any(compartment in of for of in self.of.values())

    def only(self, compartments: frozenset[Compartment]) -> "Words":
        """As much of it as these are."""
        return Words(self.anybody & compartments, {author: of & compartments for author, of in self.of.items()})

    def __or__(self, other: "Words") -> "Words":
        return Words(self.anybody | other.anybody, {a: self._of(a) | other._of(a) for a in {**self.of, **other.of}})

    def __and__(self, other: "Words") -> "Words":
        return Words(self.anybody & other.anybody, {a: self.on(a) & other.on(a) for a in {**self.of, **other.of}})

    def __le__(self, other: "Words") -> bool:
        return self.anybody <= other.anybody and all(of <= other.on(author) for author, of in self.of.items())

    def _of(self, author: AgencyCode) -> frozenset[Compartment]:
        return self.of.get(author, NOTHING)


NONE = Words()


class Reaches:
    """What each agency reaches in a case at an instant. Made for one question or a few, and thrown away."""

    def __init__(self, case: Case, now: datetime) -> None:
        self.case = case
        self._now = now
        referred = {r.recipient: r.recipient_kind for r in case.referrals.values()}
        self._kinds = {**case.former_leads, **referred, case.lead: case.lead_kind}

    def of(self, agency: AgencyCode, kind: AgencyKind, used_for: Purpose | None = None) -> Words:
        """Of others' words, what an agency may open for that purpose (None: for any that it was shared for)."""
        found = NONE
        if agency == self.case.lead:
            found = Words(COORDINATION) | self.consented(agency, kind, used_for)
        for referral in self.case.open_referrals_to(agency):
            if serves(used_for, referral.purpose):
                found |= Words(COORDINATION) | self.carried(referral, kind)
        return found

    def consented(self, agency: AgencyCode, kind: AgencyKind, used_for: Purpose | None = None) -> Words:
        """What consent lets an agency know, whether it takes part or not."""
        found = NONE
        for consent in self.case.consents.values():
            for purpose in consent.purposes:
                if serves(used_for, purpose) and (gives := consent.gives(agency, kind, self._now, purpose)):
                    found |= self._bounded(consent, (purpose,)).only(gives)
        return found

    def carried(self, referral: Referral, kind: AgencyKind, passed_on: bool = False) -> Words:
        """What a referral brings its recipient; `passed_on`: for others, to whom that passed it on."""
        agreed = self._agreed(referral, kind, passed_on)
        if referral.by_lead:
            return agreed
        return agreed & (Words(of={referral.sender: agreed.on(referral.sender)}) | self._passed(referral))

    def missing(self, referral: Referral) -> frozenset[Compartment]:
        """What a referral is to share, and consent does not let its recipient know of the sender's words even."""
        agreed = self._agreed(referral, referral.recipient_kind)
        return (referral.compartments | COORDINATION) - agreed.on(referral.sender)

    def beyond(self, referral: Referral) -> frozenset[Compartment]:
        """What a referral is to share, and its sender may neither open for its purpose nor wrote: nothing where the
        sender leads."""
        if referral.sender == self.case.lead:
            return NOTHING
        reached = self.of(referral.sender, referral.sender_kind, referral.purpose)
        own = self.case.words.get(referral.sender, NOTHING)
        return frozenset(c for c in referral.compartments - COORDINATION - own if not reached.covers(c))

    def waiting(self, consent: Consent) -> frozenset[Compartment]:
        """Of a consent that was reported, what waits for the lead to confirm it, of others' words."""
        return consent.compartments - self.given(consent).anybody - COORDINATION if consent.is_reported else NOTHING

    def given(self, consent: Consent) -> Words:
        """What a consent gives, for any of its purposes, to whom it names."""
        return self._given(consent, None)

    def _agreed(self, referral: Referral, kind: AgencyKind, passed_on: bool = False) -> Words:
        """What the referral is for, as far as a consent covers that for its purpose alone."""
        found = NONE
        for consent in self.case.consents.values():
            if gives := consent.gives(referral.recipient, kind, self._now, referral.purpose, passed_on):
                found |= self._given(consent, referral.purpose).only(gives)
        return found.only(referral.compartments | COORDINATION)

    def _given(self, consent: Consent, used_for: Purpose | None) -> Words:
        """What a consent gives to whom it names, who say no to nothing of it."""
        return self._bounded(consent, [p for p in consent.purposes if serves(used_for, p)])

    def _bounded(self, consent: Consent, purposes: Iterable[Purpose]) -> Words:
        named = consent.compartments | COORDINATION
        bound = consent.bounded_by
        if bound is None:
            return Words(named)
        passed = NONE
        for purpose in purposes:
            passed |= self._passing(bound, purpose)
        return Words(of={bound: named}) | passed.only(named)

    def _passed(self, referral: Referral) -> Words:
        """Of others' words, what the sender of a referral may pass on by it."""
        return self._passing(referral.sender, referral.purpose)

    def _passing(self, agency: AgencyCode, purpose: Purpose) -> Words:
        return self._solved.get((agency, purpose), NONE)

    @cached_property
    def _solved(self) -> Mapping[tuple[AgencyCode, Purpose], Words]:
        """(agency, purpose) → of others' words, what it may pass on for that purpose: the least that fits, so that
        nobody stands on what others stand on through them."""
        asked = self._passers()
        found: dict[tuple[AgencyCode, Purpose], Words] = dict.fromkeys(asked, NONE)
        self.__dict__["_solved"] = found  # what is worked out asks for what is known so far
        grows = True
        while grows:
            grows = False
            for agency, purpose in asked:
                now = self._pass(agency, purpose)
                if not now <= found[agency, purpose]:
                    found[agency, purpose] = now | found[agency, purpose]
                    grows = True
        return found

    def _passers(self) -> list[tuple[AgencyCode, Purpose]]:
        """Whose passing on is asked for at all: of senders who did not lead, and of who bounds a consent."""
        sent = {(r.sender, r.purpose) for r in self.case.referrals.values() if not r.by_lead}
        for consent in self.case.consents.values():
            if (bound := consent.bounded_by) is not None:
                sent |= {(bound, purpose) for purpose in consent.purposes}
        return sorted(sent)

    def _pass(self, agency: AgencyCode, purpose: Purpose) -> Words:
        kind = self._kinds.get(agency)
        if kind is None:
            return NONE
        found = self.consented(agency, kind, purpose) if agency == self.case.lead else NONE
        for referral in self.case.referrals.values():
            carries = referral.recipient == agency and referral.sent_at is not None and referral.status in PASSES_ON
            if carries and serves(purpose, referral.purpose):
                found |= self.carried(referral, kind, passed_on=True)
        return found


def serves(used_for: Purpose | None, shared_for: Purpose) -> bool:
    """Whether what was shared for a purpose may be used for another; None stands for any."""
    return used_for is None or shared_for in SERVES[used_for]
