"""Whatever agencies ask for, in whatever order: what must never come to pass."""

from account import Account
from hypothesis import settings
from hypothesis.stateful import invariant
from some import examples
from story import NETWORK, an_id
from walk import (
    AGENCIES,
    LED_BY,
    SENT_AND_NOT_ENDED,
    STATUS_AFTER,
    TEXTS,
    Walk,
    drafts,
    is_closed,
    led_before,
    led_by,
    status_of,
)

from rujukan.domain import catalogue
from rujukan.domain.case import Case
from rujukan.domain.case.confirming import ConsentConfirmed, ConsentNotConfirmed
from rujukan.domain.case.consents import ConsentNarrowed, ConsentWithdrawn
from rujukan.domain.case.lead import LeadTransferAccepted, LeadTransferAsked
from rujukan.domain.case.referrals import ReferralDrafted
from rujukan.domain.case.stopping import StopConfirmed
from rujukan.domain.casefile.consenting import Scope
from rujukan.domain.casefile.evolving import Said, fold_log, take
from rujukan.domain.casefile.moves import ReferralMove
from rujukan.domain.casefile.state import Status
from rujukan.domain.casefile.stopping import SharingStopped
from rujukan.domain.codes import EndReason, Purpose
from rujukan.domain.compartment import Compartment
from rujukan.domain.fact import Act, Fact, said_in
from rujukan.domain.standing.reach import Reaches
from rujukan.domain.standing.rule import is_known_to
from rujukan.infra.store.transcoder import to_event, to_segments, topic_of

CHANGES = (ConsentWithdrawn, ConsentNarrowed, ConsentNotConfirmed, SharingStopped, StopConfirmed)
"""What ends a consent by somebody's word."""
OF_REACH = (*CHANGES, ConsentConfirmed, Scope, ReferralMove, LeadTransferAccepted)

ALLOWED = {
    ("", "draft"),
    ("draft", "requested"),
    ("draft", "cancelled"),
    ("requested", "received"),
    ("requested", "cancelled"),
    ("received", "accepted"),
    ("received", "rejected"),
    ("received", "cancelled"),
    ("accepted", "in-progress"),
    ("accepted", "on-hold"),
    ("on-hold", "accepted"),
    ("accepted", "rejected"),
    ("accepted", "completed"),
    ("accepted", "failed"),
    ("accepted", "cancelled"),
    ("in-progress", "on-hold"),
    ("in-progress", "completed"),
    ("in-progress", "failed"),
    ("in-progress", "cancelled"),
    ("on-hold", "in-progress"),
    ("on-hold", "completed"),
    ("on-hold", "failed"),
    ("on-hold", "cancelled"),
}
SENDERS = {"draft", "requested", "cancelled"}


def coordination_of(event: Fact) -> Fact:
    """The event as it is read by who may open its coordination only."""
    topic = topic_of(event)
    sealed = to_segments(event)
    kept = {Compartment.COORDINATION: sealed[Compartment.COORDINATION]}
    return to_event(topic, catalogue.version_of(topic), kept)


def agreed(account: Account, draft: ReferralDrafted) -> bool:
    """Whether consents let the recipient know all that the referral shares, of its sender's words."""
    needs = {"coordination", *draft.compartments}
    return all(account.lets(draft.recipient, word, draft.sender, draft.purpose) for word in needs)


POLICE = "polres"
UNCOVERED = (EndReason.CONSENT_WITHDRAWN, EndReason.SHARING_STOPPED, EndReason.COVER_ENDED)


class CaseMachine(Walk):
    def __init__(self) -> None:
        super().__init__()
        self.from_coordination: Case | None = None

    def accepted(self, command: Fact, by: Act, event: Fact) -> None:
        entry = Said(coordination_of(event), by.agency, frozenset(to_segments(event)))
        self.from_coordination = take(self.from_coordination, entry)
        if type(event) in STATUS_AFTER:
            self.a_referral_moved(command, by, event)

    def a_referral_moved(self, command: Fact, by: Act, event: Fact) -> None:
        referral = event.referral  # type: ignore[attr-defined]
        draft, before = drafts(self.log)[referral], self.log[:-1]
        was = status_of(before, referral) if referral in drafts(before) else ""
        now = STATUS_AFTER[type(event)]
        assert (was, now) in ALLOWED
        if getattr(event, "reason", None) is EndReason.CONSENT_EXPIRED:
            assert not agreed(Account(before, self.authors[:-1], by.at), draft), "it is still covered"
        elif getattr(event, "reason", None) in UNCOVERED:
            assert isinstance(self.log_of(command), CHANGES)
            assert was != "draft"
            self.it_stood_on_that_consent(before, draft, by)
        else:
            assert by.agency == (draft.sender if now in SENDERS else draft.recipient)
        stays = draft.recipient == POLICE and was == "on-hold"  # what the proceedings received, they keep
        if now in ("requested", "in-progress") and was in ("draft", "on-hold") and not stays:
            account = Account(before, self.authors[:-1], by.at)
            assert agreed(account, draft), "shared without consent"
            if now == "requested" and draft.sender != led_by(before):
                for word in draft.compartments - {"coordination"}:
                    may = [account.reaches(draft.sender, word, author, draft.purpose) for author in AGENCIES]
                    assert account.wrote(draft.sender, word) or any(may), "shared more than it may know itself"

    def it_stood_on_that_consent(self, before: list[Fact], draft: ReferralDrafted, by: Act) -> None:
        change = [i for i, event in enumerate(before) if isinstance(event, CHANGES)][-1]
        until, after = (Account(before[:n], self.authors[:n], by.at) for n in (change, change + 1))
        assert agreed(until, draft), "it was not covered anyway"
        assert not agreed(after, draft), "it is still covered"

    def log_of(self, command: Fact) -> Fact | None:
        """The last change of a consent, where the command was one."""
        consent = getattr(command, "consent", None)
        found = [event for event in self.log if getattr(event, "consent", an_id("none")) == consent]
        return found[-1] if found else None

    @invariant()
    def every_referral_is_where_its_events_say(self) -> None:
        if self.case is not None:
            told = {id: status_of(self.log, id) for id in drafts(self.log)}
            assert {id: referral.status.value for id, referral in self.case.referrals.items()} == told

    @invariant()
    def a_closed_case_has_no_open_referral(self) -> None:
        if self.case is not None and self.case.status is not Status.OPEN:
            assert is_closed(self.log)
            assert not [r for r in self.case.referrals.values() if r.status.value in SENT_AND_NOT_ENDED]

    @invariant()
    def who_leads_was_asked_and_accepted(self) -> None:
        if self.case is not None:
            assert self.case.lead == led_by(self.log)
            asked = {event.to for event in self.log if isinstance(event, LeadTransferAsked)}
            assert self.case.lead in {LED_BY, *asked}
            assert set(self.case.former_leads) == led_before(self.log)
            assert all(is_known_to(self.case, agency) for agency in led_before(self.log))

    @invariant()
    def the_rules_need_no_more_than_coordination(self) -> None:
        assert self.from_coordination == self.case

    @invariant()
    def everybody_reaches_what_the_log_says(self) -> None:
        """Of each other's words, for each purpose; after each change that it comes of."""
        if self.case is None or not isinstance(self.log[-1], OF_REACH):
            return
        account, reaches = Account(self.log, self.authors, self.now), Reaches(self.case, self.now)
        for who in AGENCIES:
            for used_for in (None, Purpose.CARE, Purpose.LEGAL):
                found = reaches.of(who, NETWORK[who].kind, used_for)
                for by in (author for author in AGENCIES if author != who):
                    said = {word for word in TEXTS if account.reaches(who, word, by, used_for)}
                    assert {c.word for c in found.on(by)} - {"coordination"} == said, (who, by, used_for)

    def teardown(self) -> None:
        log = [Said(event, author, said_in(event)) for event, author in zip(self.log, self.authors, strict=True)]
        assert fold_log(log) == self.case
        if self.case is not None:
            assert self.case.version == len(self.log)


TestCaseMachine = CaseMachine.TestCase
TestCaseMachine.settings = settings(max_examples=examples(120), stateful_step_count=40, deadline=None)
