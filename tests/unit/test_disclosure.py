"""Who is told what of a case, and why: each rule by example, then whatever happens against an account of its own."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from account import Account
from examples import FIELDS
from hypothesis import settings
from msgspec.structs import replace
from some import examples
from story import (
    ACTION,
    C2,
    CLOCK,
    CONFERENCE,
    HOUR,
    NETWORK,
    NOON,
    NOTE,
    R1,
    R2,
    TRANSFER,
    brought_to,
    clock,
    consent,
    draft,
    held,
    moved,
    opened,
    override,
    referred,
    report,
    say,
    scope,
    sent,
    the_case,
    withdrawn,
    written,
)
from walk import LED_BY, OUTSIDER, Walk, drafts, led_before, led_by, open_to, was_sent

from rujukan.domain.case.conferences import ActionAgreed, ActionDone, ActionFacts, ConferenceHeld
from rujukan.domain.case.confirming import ConfirmationFacts, ConsentConfirmed, ConsentNotConfirmed
from rujukan.domain.case.consents import (
    ConsentNarrowed,
    ConsentRefused,
    ConsentReported,
    ConsentWithdrawn,
    RefusalFacts,
)
from rujukan.domain.case.disclosures import DisclosureMade
from rujukan.domain.case.documents import DocumentAttached, DocumentSuperseded
from rujukan.domain.case.erasure import CaseErased, ErasureRefused, ErasureRequested
from rujukan.domain.case.first_hold import HoldLiftingAsked, HoldLiftingRefused, LegalHoldLifted, LegalHoldPlaced
from rujukan.domain.case.fulfilment import ReferralReceived, ReferralRejected
from rujukan.domain.case.glass import GlassMove
from rujukan.domain.case.intake import CaseOpened
from rujukan.domain.case.lead import CaseWorkerAssigned, LeadTransferAccepted, LeadTransferAsked, LeadTransferDeclined
from rujukan.domain.case.lifecycle import CaseClosed, CaseReopened
from rujukan.domain.case.merging import CaseMerged, DuplicateAbsorbed
from rujukan.domain.case.notes import NoteRecorded
from rujukan.domain.case.overrides import (
    OverrideAsked,
    OverrideEnded,
    OverrideRefused,
    OverrideReviewed,
    SharedWithoutConsent,
)
from rujukan.domain.case.referrals import DraftFacts, ReferralDrafted, ReferralSent
from rujukan.domain.case.stopping import OfStop, StopConfirmed, StopNotConfirmed
from rujukan.domain.casefile.clocks import ClockEnded, ClockMet, ClockOverdue, ClockStarted
from rujukan.domain.casefile.consenting import Scope
from rujukan.domain.casefile.holding import HoldFacts
from rujukan.domain.casefile.moves import ReferralMove
from rujukan.domain.casefile.overriding import OfOverride
from rujukan.domain.casefile.stopping import SharingStopped
from rujukan.domain.catalogue import TOPICS
from rujukan.domain.codes import AgencyKind, ConsentBy, Purpose, ReferralStatus, Service
from rujukan.domain.compartment import ALL, Compartment
from rujukan.domain.declaring import HAPPENED, Shared
from rujukan.domain.disclosure import COORDINATION, ENDS, Knowledge, Told, may_keep, may_open
from rujukan.domain.fact import Act, Fact
from rujukan.domain.standing.reach import Reaches, Words
from rujukan.infra.store.transcoder import to_segments

S = ReferralStatus
K = AgencyKind


def words(compartments: frozenset[Compartment]) -> set[str]:
    return {c.word for c in compartments}


class Log:
    """A case followed through its log, event by event."""

    def __init__(self, *events: Fact) -> None:
        self.knowledge = Knowledge()
        self.version = 0
        for event in events:
            self.add(event)

    def add(self, event: Fact, author: str = "uptd-ppa", at: datetime = NOON) -> dict[tuple[str, str], set[str]]:
        """(agency, kind of event) → what it is told of it."""
        self.version += 1
        told = self.knowledge.follow(written(self.version, event, author, at))
        return {(t.agency, type(t.of.event).__name__): words(t.compartments) for t in told}

    def knows(self, agency: str) -> set[str]:
        """The kinds of events of which the agency was told anything."""
        versions = [v for v, told in self.knowledge.told.get(agency, {}).items() if told]
        return {type(self.knowledge.written[v - 1].event).__name__ for v in versions}


def note(**said: str) -> NoteRecorded:
    return say(NoteRecorded, note=NOTE, **said)


LED_BY_LAWYERS = say(LeadTransferAccepted, transfer=TRANSFER, lead="lbh", lead_kind=K.LEGAL_AID)
EVERYTHING = note(incident="i", health="h", legal="l", safety="s")

# 1. An agency knows what it wrote itself -----------------------------------------------------------------------


def test_an_agency_knows_all_of_what_it_wrote_itself() -> None:
    log = Log(*referred())
    told = log.add(EVERYTHING, author="rsud")
    assert told["rsud", "NoteRecorded"] == {"coordination", "incident", "health", "legal", "safety"}


def test_the_lead_that_opens_a_case_knows_all_of_what_it_wrote() -> None:
    log = Log()
    assert log.add(opened()) == {("uptd-ppa", "CaseOpened"): {"coordination"}}
    assert log.add(report()) == {("uptd-ppa", "ReportReceived"): {"coordination", "incident"}}


# 2. The lead knows the coordination of every event ---------------------------------------------------------------


def test_the_lead_knows_of_every_event_and_of_the_rest_what_consent_lets_it_know() -> None:
    log = Log(*referred())
    assert log.add(EVERYTHING, author="rsud")["uptd-ppa", "NoteRecorded"] == {"coordination"}
    told = log.add(consent(C2, to="kind:lead", of=("health",)))
    assert told["uptd-ppa", "NoteRecorded"] == {"coordination", "health"}


def test_a_new_lead_is_told_the_coordination_of_all_that_went_before_and_what_consent_covers() -> None:
    asked = say(LeadTransferAsked, transfer=TRANSFER, to="lbh", to_kind=K.LEGAL_AID, reason="r")
    log = Log(opened(), EVERYTHING, consent(C2, to="lbh", of=("legal",)), asked)
    told = log.add(LED_BY_LAWYERS, author="lbh")
    assert told["lbh", "NoteRecorded"] == {"coordination", "legal"}
    assert told["lbh", "CaseOpened"] == {"coordination"}


def test_a_new_lead_is_told_the_earlier_coordination_also_where_it_is_entitled_to_no_more_than_before() -> None:
    to_lawyers = consent(C2, to="lbh", of=("legal",))
    log = Log(opened(), to_lawyers, *brought_to(S.ACCEPTED, R2, to="lbh", of=("legal",)), note(health="h"))
    assert "NoteRecorded" not in log.knows("lbh")
    told = log.add(LED_BY_LAWYERS, author="lbh")
    assert told["lbh", "NoteRecorded"] == {"coordination"}
    assert told["lbh", "ConsentGiven"] == {"coordination"}


def test_the_former_lead_is_told_who_leads_now() -> None:
    log = Log(opened(), consent(C2, to=("lbh", "rsud"), of=("legal",)))
    assert log.add(LED_BY_LAWYERS, author="lbh")["uptd-ppa", "LeadTransferAccepted"] == {"coordination"}
    on = say(LeadTransferAccepted, transfer=NOTE, lead="rsud", lead_kind=K.HEALTH)
    told = log.add(on, author="rsud")
    assert told["lbh", "LeadTransferAccepted"] == told["uptd-ppa", "LeadTransferAccepted"] == {"coordination"}


def test_the_former_lead_is_told_nothing_of_what_comes_after() -> None:
    log = Log(opened(), consent(C2, to="lbh", of=("legal",)), LED_BY_LAWYERS)
    assert set(log.add(EVERYTHING, author="lbh")) == {("lbh", "NoteRecorded")}


# 3. Who is addressed ---------------------------------------------------------------------------------------------


def test_the_recipient_of_a_draft_is_told_nothing() -> None:
    log = Log(opened(), report(), consent())
    assert log.add(draft(incident="i", health="h")) == {
        ("uptd-ppa", "ReferralDrafted"): {"coordination", "incident", "health"}
    }
    log.add(EVERYTHING)
    log.add(moved(S.CANCELLED))
    assert not log.knows("rsud")


def test_a_referral_tells_its_recipient_of_itself_once_it_is_sent() -> None:
    log = Log(opened(), consent(), draft(incident="i", health="h", legal="l"))
    told = log.add(sent())
    assert told["rsud", "ReferralSent"] == {"coordination"}
    assert told["rsud", "ReferralDrafted"] == {"coordination", "incident", "health"}
    assert told["rsud", "CaseOpened"] == {"coordination"}


@pytest.mark.parametrize("status", [S.RECEIVED, S.ACCEPTED, S.IN_PROGRESS, S.COMPLETED, S.REJECTED, S.CANCELLED])
def test_sender_and_recipient_both_see_every_move(status: S) -> None:
    *before, last = [
        opened(),
        consent(),
        consent(C2, to="lbh", of=("legal",), purposes=(Purpose.LEGAL,)),
        *brought_to(S.ACCEPTED, R2, to="lbh", service=Service.LEGAL_AID, of=("legal",), purpose=Purpose.LEGAL),
        *brought_to(status, R1, sender="lbh"),
    ]
    told = Log(*before).add(last, author="rsud")
    assert {agency for agency, _ in told} == {"uptd-ppa", "lbh", "rsud"}


def test_the_owner_of_an_action_is_told_of_it() -> None:
    log = Log(*referred())
    action = {"action": ACTION, "what": "see her", "due_on": NOON.date()}
    assert ("rsud", "ActionAgreed") in log.add(say(ActionAgreed, owner="rsud", **action))
    assert ("rsud", "ActionDone") in log.add(say(ActionDone, action=ACTION))
    other = Log(*referred()).add(say(ActionAgreed, owner="uptd-ppa", **action))
    assert ("rsud", "ActionAgreed") not in other


def test_an_owner_that_takes_part_no_more_is_not_told_that_its_action_is_done() -> None:
    agreed = say(ActionAgreed, action=ACTION, owner="rsud", what="see her", due_on=NOON.date())
    log = Log(*referred(), agreed, moved(S.COMPLETED))
    assert ("rsud", "ActionDone") not in log.add(say(ActionDone, action=ACTION))


def test_a_sender_that_takes_part_no_more_sees_what_becomes_of_its_referral() -> None:
    legal = {"to": "lbh", "service": Service.LEGAL_AID, "of": ("legal",), "purpose": Purpose.LEGAL}
    log = Log(
        opened(),
        consent(),
        consent(C2, to="kind:legal-aid", of=("legal",), purposes=(Purpose.LEGAL,)),
        *brought_to(S.COMPLETED, R2, **legal),
        *brought_to(S.REQUESTED, R1, sender="lbh"),
    )
    assert log.add(moved(S.RECEIVED), author="rsud")["lbh", "ReferralReceived"] == {"coordination"}


def test_attendees_are_told_of_the_conference_and_of_the_rest_what_they_may_know() -> None:
    log = Log(*referred(), *brought_to(S.ACCEPTED, R2, to="polres", of=()))
    held = say(
        ConferenceHeld,
        conference=CONFERENCE,
        attendees=frozenset({"uptd-ppa", "rsud"}),
        health="h",
        legal="l",
    )
    told = log.add(held)
    assert told["rsud", "ConferenceHeld"] == {"coordination", "health"}
    assert ("polres", "ConferenceHeld") not in told


def test_the_agency_asked_to_lead_is_told_that_it_was_asked_and_no_more() -> None:
    log = Log(opened(), EVERYTHING, consent(C2, to="lbh", of=("legal",)))
    told = log.add(say(LeadTransferAsked, transfer=TRANSFER, to="lbh", to_kind=K.LEGAL_AID, reason="r"))
    assert {event for agency, event in told if agency == "lbh"} == {"LeadTransferAsked"}


def test_who_shares_a_clock_is_told_when_it_is_met() -> None:
    shared = [opened(), clock(), consent(of=("health",)), draft(of=("health",), clocks=(CLOCK,)), sent()]
    met = say(ClockMet, clock=CLOCK, in_time=True)
    assert Log(*shared).add(met)["rsud", "ClockMet"] == {"coordination"}
    alone = [opened(), clock(), consent(of=("health",)), draft(of=("health",)), sent()]
    assert ("rsud", "ClockMet") not in Log(*alone).add(met)


def test_when_a_clock_was_met_is_of_the_incident_for_who_may_know_it() -> None:
    met = say(ClockMet, clock=CLOCK, in_time=True)
    told = Log(*referred(), clock()).add(met)
    assert told["rsud", "ClockMet"] == {"coordination", "incident"}
    log = Log(opened(), clock(), met, consent(of=("incident",)), draft(of=("incident",)))
    assert log.add(sent())["rsud", "ClockMet"] == {"coordination", "incident"}


def test_who_is_narrowed_out_of_a_consent_is_told() -> None:
    both = [opened(), consent(to=("rsud", "polres")), *brought_to(S.ACCEPTED), *brought_to(S.ACCEPTED, R2, to="polres")]
    log = Log(*both)
    told = log.add(say(ConsentNarrowed, **scope(to="rsud")))
    assert told["polres", "ConsentNarrowed"] == told["rsud", "ConsentNarrowed"] == {"coordination"}
    assert ("polres", "ConsentWithdrawn") in log.add(withdrawn())


def test_who_a_consent_named_by_its_kind_is_told_when_it_is_narrowed_to_others() -> None:
    log = Log(opened(), consent(to=("kind:health", "polres")), draft(), sent())
    assert ("rsud", "ConsentNarrowed") in log.add(say(ConsentNarrowed, **scope(to="polres")))


def test_whose_consent_ended_is_told_at_once() -> None:
    told = Log(*referred()).add(withdrawn())
    assert told["rsud", "ConsentWithdrawn"] == {"coordination"}
    narrower = say(ConsentNarrowed, **scope(of=("health",)))
    assert Log(*referred()).add(narrower)["rsud", "ConsentNarrowed"] == {"coordination"}
    by_kind = [opened(), consent(to="kind:health"), draft(), sent()]
    assert ("rsud", "ConsentWithdrawn") in Log(*by_kind).add(withdrawn())


def test_who_the_ended_consent_did_not_name_is_not_told() -> None:
    log = Log(*referred(), *brought_to(S.ACCEPTED, R2, to="polres", of=()))
    assert ("polres", "ConsentWithdrawn") not in log.add(withdrawn())


# 4. Who has an open referral -------------------------------------------------------------------------------------


def test_a_recipient_knows_of_the_story_what_its_referral_shares_and_consent_covers() -> None:
    told = Log(*referred()).add(EVERYTHING)
    assert told["rsud", "NoteRecorded"] == {"coordination", "incident", "health"}


def test_a_referral_that_shares_less_than_consent_covers_tells_less() -> None:
    told = Log(opened(), consent(), draft(of=("health",)), sent()).add(EVERYTHING)
    assert told["rsud", "NoteRecorded"] == {"coordination", "health"}


def test_a_consent_for_another_purpose_tells_nothing() -> None:
    log = Log(opened(), consent(purposes=(Purpose.LEGAL,)), draft(), sent())
    assert ("rsud", "NoteRecorded") not in log.add(EVERYTHING)


def test_what_says_nothing_that_a_recipient_may_know_does_not_exist_for_it() -> None:
    assert ("rsud", "NoteRecorded") not in Log(*referred()).add(note(legal="l"))


@pytest.mark.parametrize(
    "event",
    [
        replace(consent(C2, to="polres"), witness="Saksi A", no_caregiver_because="none is safe"),
        override(C2, to="polres"),
        say(ConsentRefused, consent=C2, given_by=frozenset({ConsentBy.SURVIVOR}), remark="not now"),
        draft(R2, to="polres", health="h", legal="l"),
        say(CaseWorkerAssigned, worker=NOTE),
        say(LegalHoldPlaced, reason="r"),
        held()[0],
    ],
    ids=lambda event: type(event).__name__,
)
def test_what_is_no_part_of_the_story_is_the_leads_alone(event: Fact) -> None:
    """Also where the recipient may know every compartment that it has something in."""
    everything = [c.word for c in ALL]
    log = Log(opened(), consent(of=everything), *brought_to(S.IN_PROGRESS, of=everything))
    assert {agency for agency, _ in log.add(event)} == {"uptd-ppa"}


def test_a_recipient_is_told_who_leads_from_now_on() -> None:
    log = Log(*referred(), consent(C2, to="lbh", of=("legal",)))
    assert ("rsud", "LeadTransferAccepted") in log.add(LED_BY_LAWYERS, author="lbh")


def test_after_a_referral_ended_its_recipient_is_told_no_more() -> None:
    assert ("rsud", "NoteRecorded") not in Log(*referred(S.COMPLETED)).add(EVERYTHING)


def test_a_consent_that_expired_tells_nothing_from_then_on() -> None:
    log = Log(opened(), consent(until=NOON + HOUR), draft(), sent())
    just_before = NOON + HOUR - timedelta(microseconds=1)
    assert ("rsud", "NoteRecorded") in log.add(note(health="before"), at=just_before)
    assert ("rsud", "NoteRecorded") not in log.add(note(health="after"), at=NOON + HOUR)


def test_nothing_is_told_after_consent_was_withdrawn() -> None:
    log = Log(*referred(), withdrawn())
    assert ("rsud", "NoteRecorded") not in log.add(EVERYTHING)


# 5. Nobody else --------------------------------------------------------------------------------------------------


def test_nobody_else_learns_that_the_case_exists() -> None:
    log = Log(*referred(), EVERYTHING, withdrawn(), consent(C2, to=("disdik", "kind:education"), of=("health",)))
    assert set(log.knowledge.told) <= {"uptd-ppa", "rsud"}
    assert {agency for agency in log.knowledge.told if log.knows(agency)} == {"uptd-ppa", "rsud"}


# When entitlement grows ------------------------------------------------------------------------------------------


def test_who_may_know_more_is_told_of_what_went_before() -> None:
    log = Log(*referred(), EVERYTHING)
    log.add(consent(C2, to="polres", of=("legal",), purposes=(Purpose.PROTECTION,)))
    log.add(draft(R2, to="polres", service=Service.LAW_ENFORCEMENT, of=("legal",), purpose=Purpose.PROTECTION))
    told = log.add(sent(R2))
    assert told["polres", "NoteRecorded"] == {"coordination", "legal"}
    assert ("rsud", "NoteRecorded") not in told


def test_a_consent_renewed_tells_what_was_said_in_between() -> None:
    log = Log(*referred(), withdrawn())
    log.add(note(health="in between"))
    told = log.add(consent(C2))
    assert told["rsud", "NoteRecorded"] == {"coordination", "health"}


def test_what_is_told_is_what_may_be_told_now_and_never_what_consent_no_longer_covers() -> None:
    log = Log(opened(), consent(), draft(of=("incident", "health", "legal")), sent())
    assert log.add(EVERYTHING)["rsud", "NoteRecorded"] == {"coordination", "incident", "health"}
    log.add(withdrawn())
    told = log.add(consent(C2, of=("legal",)))
    assert told["rsud", "NoteRecorded"] == {"coordination", "legal"}
    assert words(log.knowledge.told["rsud"][5]) == {"coordination", "incident", "health", "legal"}


def test_a_second_referral_tells_its_recipient_of_itself() -> None:
    log = Log(*referred())
    assert ("rsud", "ReferralDrafted") not in log.add(draft(R2, of=("health",), health="h", legal="l"))
    told = log.add(sent(R2))
    assert told["rsud", "ReferralDrafted"] == {"coordination", "health"}
    assert told["rsud", "ReferralSent"] == {"coordination"}
    assert ("rsud", "CaseOpened") not in told


def test_a_second_referral_tells_what_was_said_since_the_first_ended() -> None:
    log = Log(*referred(S.COMPLETED))
    assert ("rsud", "NoteRecorded") not in log.add(EVERYTHING)
    log.add(draft(R2, of=("health",)))
    assert log.add(sent(R2))["rsud", "NoteRecorded"] == {"coordination", "health"}


def test_a_referral_to_one_tells_another_nothing_of_what_went_before() -> None:
    log = Log(*referred(), note(legal="l"), consent(C2, to="polres", of=("legal",)), draft(R2, to="polres", of=()))
    assert {agency for agency, _ in log.add(sent(R2))} == {"uptd-ppa", "polres"}


def test_earlier_events_are_told_first() -> None:
    log = Log(opened(), report(), consent(), draft())
    told = log.knowledge.follow(written(5, sent()))
    versions = [t.of.version for t in told if t.agency == "rsud"]
    assert versions == sorted(versions)
    assert versions[-1] == 5


def test_nothing_is_told_twice() -> None:
    log = Log(*referred(), EVERYTHING)
    assert not log.add(consent(C2)).keys() & {("rsud", "NoteRecorded"), ("rsud", "ReferralDrafted")}


# Who takes part, and what may still be read ------------------------------------------------------------------------


def test_the_lead_and_the_recipients_of_open_referrals_take_part() -> None:
    assert dict(the_case(*referred()).participants()) == {"uptd-ppa": K.LEAD, "rsud": K.HEALTH}
    for status in (S.DRAFT, S.COMPLETED, S.CANCELLED, S.REJECTED):
        assert dict(the_case(*referred(status)).participants()) == {"uptd-ppa": K.LEAD}


def test_an_open_referral_alone_entitles_to_coordination() -> None:
    case = the_case(opened(), draft(), sent())
    reaches = Reaches(case, NOON)
    assert reaches.of("rsud", K.HEALTH) == Words(COORDINATION)
    assert reaches.of("polres", K.POLICE) == Words()
    assert reaches.of("uptd-ppa", K.LEAD) == Words(COORDINATION)


TOLD = frozenset({Compartment.COORDINATION, Compartment.HEALTH, Compartment.INCIDENT})


@pytest.mark.parametrize("ended", ["withdrawn", "expired"])
def test_after_consent_ended_a_recipient_reads_no_more_than_coordination(ended: str) -> None:
    if ended == "withdrawn":
        case, now = the_case(*referred(), withdrawn()), NOON
    else:
        case, now = the_case(opened(), consent(until=NOON + HOUR), draft(), sent()), NOON + HOUR
    reaches = Reaches(case, now)
    for event in (EVERYTHING, draft(health="h"), sent()):
        assert may_open(reaches, written(9, event), TOLD, "rsud", K.HEALTH) <= COORDINATION


ENDED = [S.COMPLETED, S.FAILED, S.REJECTED, S.CANCELLED]


@pytest.mark.parametrize("status", list(S))
def test_while_its_referral_is_open_a_recipient_reads_what_it_was_told_and_then_no_more(status: S) -> None:
    """Consent stands all the while: taking part is asked for, too."""
    reaches = Reaches(the_case(*referred(status)), NOON)
    assert may_open(reaches, written(9, EVERYTHING), TOLD, "rsud", K.HEALTH) == (
        TOLD if status.is_open else frozenset()
    )
    assert may_open(reaches, written(9, draft(health="h")), TOLD, "rsud", K.HEALTH) >= COORDINATION, "it took part"


@pytest.mark.parametrize("status", ENDED)
def test_copies_may_be_kept_while_consent_stands_though_the_work_is_over(status: S) -> None:
    reaches = Reaches(the_case(*referred(status)), NOON)
    assert may_keep(reaches, written(9, EVERYTHING), TOLD, "rsud", K.HEALTH) == TOLD


def test_what_was_shared_for_care_is_not_opened_for_prosecution() -> None:
    reaches = Reaches(the_case(*referred()), NOON)
    of = written(9, EVERYTHING)
    for purpose in (Purpose.CARE, Purpose.COORDINATION, Purpose.SUPERVISION, Purpose.AUDIT):
        assert may_open(reaches, of, TOLD, "rsud", K.HEALTH, purpose) == TOLD
    for purpose in (Purpose.LEGAL, Purpose.PROTECTION, Purpose.STATISTICS, Purpose.SURVIVOR_REQUEST):
        assert may_open(reaches, of, TOLD, "rsud", K.HEALTH, purpose) == frozenset()


def test_a_former_lead_opens_its_own_words_and_no_others() -> None:
    to_both = [opened(), consent(to=("lbh", "uptd-ppa")), LED_BY_LAWYERS]
    reaches = Reaches(the_case(*to_both), NOON)
    assert may_open(reaches, written(9, EVERYTHING, "lbh"), TOLD, "uptd-ppa", K.LEAD) == frozenset()
    assert may_open(reaches, written(9, EVERYTHING), TOLD, "uptd-ppa", K.LEAD) >= TOLD


def test_nobody_reads_what_it_was_not_told() -> None:
    reaches = Reaches(the_case(*referred()), NOON)
    for told in (COORDINATION, frozenset[Compartment]()):
        assert not may_open(reaches, written(9, EVERYTHING), told, "rsud", K.HEALTH), "it tells a story without content"
    assert may_open(reaches, written(9, sent()), COORDINATION, "rsud", K.HEALTH) == COORDINATION


def test_its_own_words_an_agency_reads_always() -> None:
    reaches = Reaches(the_case(*referred(S.COMPLETED), withdrawn()), NOON)
    own = written(9, EVERYTHING, "rsud")
    assert may_open(reaches, own, frozenset(), "rsud", K.HEALTH) == own.compartments_present


# Whatever happens ------------------------------------------------------------------------------------------------


def addressed(log: Sequence[Fact], event: Fact, agency: str) -> bool:
    """Whether an event speaks to that agency, told from the log alone."""
    referral = getattr(event, "referral", None)
    if isinstance(event, ReferralDrafted | ReferralMove):
        drafted = drafts(log)[referral]
        return agency == drafted.sender or (agency == drafted.recipient and was_sent(log, referral))
    if isinstance(event, ClockStarted | ClockMet):
        return any(event.clock in drafted.clocks for drafted in open_to(log, agency))
    if isinstance(event, ConsentConfirmed):
        reported = [e for e in log if isinstance(e, ConsentReported) and e.consent == event.consent]
        return reported[0].reported_by == agency and bool(open_to(log, agency))
    if isinstance(event, ConsentWithdrawn | ConsentNarrowed | ConsentNotConfirmed | OverrideEnded):
        named = {name for s in log if isinstance(s, Scope) and s.consent == event.consent for name in s.recipients}
        names = {agency, f"kind:{NETWORK[agency].kind.value}"}
        return bool(named & names) and bool(open_to(log, agency))
    if isinstance(event, ActionAgreed | ActionDone):
        agreed = [a for a in log if isinstance(a, ActionAgreed) and a.action == event.action]
        return agreed[0].owner == agency and (agency == led_by(log) or bool(open_to(log, agency)))
    if isinstance(event, ConferenceHeld):
        return agency in event.attendees
    if isinstance(event, LeadTransferAccepted):
        return agency in led_before(log)
    return isinstance(event, LeadTransferAsked) and event.to == agency


NO_STORY = (
    Scope,
    RefusalFacts,
    ConfirmationFacts,
    ConsentNotConfirmed,
    ConsentWithdrawn,
    SharingStopped,
    OfStop,
    OfOverride,
    DraftFacts,
    ReferralMove,
    ActionFacts,
    ActionDone,
    DocumentSuperseded,
    CaseOpened,
    CaseWorkerAssigned,
    DisclosureMade,
    LeadTransferAsked,
    LeadTransferAccepted,
    LeadTransferDeclined,
    CaseClosed,
    CaseReopened,
    CaseMerged,
    DuplicateAbsorbed,
    HoldFacts,
    LegalHoldPlaced,
    LegalHoldLifted,
    HoldLiftingAsked,
    HoldLiftingRefused,
    ErasureRequested,
    ErasureRefused,
    CaseErased,
    GlassMove,
    ClockOverdue,
)
"""Events of which nobody learns just because an open referral and a consent cover what they say."""


def test_what_tells_no_story_is_shared_with_nobody_beside_whom_it_speaks_to() -> None:
    of_a_case = [event for topic, event in TOPICS.items() if topic.startswith("case.")]
    story = {event for event in of_a_case if HAPPENED[event].shared is Shared.STORY}
    assert not {event for event in story if issubclass(event, NO_STORY)}
    of_the_first_release = {event for event in of_a_case if event in FIELDS}
    assert {event for event in of_the_first_release if not issubclass(event, NO_STORY)} <= story


class DisclosureMachine(Walk):
    def __init__(self) -> None:
        super().__init__()
        self.knowledge = Knowledge()
        self.said: set[UUID] = set()
        self.known: dict[tuple[str, int], frozenset[Compartment]] = {}
        self.deleted: dict[tuple[str, int], frozenset[Compartment]] = {}
        """Of that, what it had to delete and was not told again."""

    def accepted(self, command: Fact, by: Act, event: Fact) -> None:
        new = written(len(self.log), event, by.agency, by.at)
        for told in self.knowledge.follow(new):
            assert told.id not in self.said, "told twice"
            self.said.add(told.id)
            self.is_justified(told, by.at)
            of = told.agency, told.of.version
            self.known[of] = self.known.get(of, frozenset()) | told.compartments
            self.deleted[of] = self.deleted.get(of, frozenset()) - told.compartments
        if isinstance(event, ENDS):
            self.what_no_consent_covers_any_more_is_recalled(by.at)
        assert self.knowledge.case == self.case
        self.author_and_lead_know_of_it(new.version, by.agency)
        self.sender_and_recipient_see_the_move(new.version, event)
        self.the_lead_and_the_recipients_know_what_went_before(event)

    def asked_to_share(self, event: Fact, agency: str) -> bool:
        """Whether it speaks of what that agency, which takes part, shared without consent, or asked to."""
        if not isinstance(event, SharedWithoutConsent | OverrideRefused | OverrideReviewed):
            return False
        first = next(
            author
            for e, author in zip(self.log, self.authors, strict=True)
            if isinstance(e, OverrideAsked | SharedWithoutConsent) and e.consent == event.consent
        )
        return agency == first and bool(open_to(self.log, agency))

    def said_that_she_said_stop(self, event: Fact, agency: str) -> bool:
        """Whether it answers what that agency, which takes part, recorded."""
        heard = [isinstance(e, SharingStopped) and e.stop == getattr(event, "stop", None) for e in self.log]
        is_answer = isinstance(event, StopConfirmed | StopNotConfirmed)
        return is_answer and agency == self.authors[heard.index(True)] and bool(open_to(self.log, agency))

    def has_report(self, agency: str) -> bool:
        """Whether police, prosecution or court led, or received a referral and did not reject it: they keep what they
        were told."""
        if NETWORK[agency].kind not in (K.POLICE, K.JUSTICE):
            return False
        received = {e.referral for e in self.log if isinstance(e, ReferralReceived)}
        rejected = {e.referral for e in self.log if isinstance(e, ReferralRejected)}
        theirs = {id for id, drafted in drafts(self.log).items() if drafted.recipient == agency}
        return agency == led_by(self.log) or agency in led_before(self.log) or bool(theirs & received - rejected)

    def what_no_consent_covers_any_more_is_recalled(self, at: datetime) -> None:
        account = Account(self.log, self.authors, at)
        for (agency, version), told in self.known.items():
            author = self.authors[version - 1]
            if author != agency and not self.has_report(agency):
                gone = self.deleted.get((agency, version), frozenset())
                stands = {c.word for c in ALL if account.keeps(agency, c.word, author)}
                lost = {c for c in told - gone if c.word not in stands | {"coordination"}}
                if lost and not stands and agency != led_by(self.log) and self.tells_story(version):
                    lost |= told & {Compartment.COORDINATION}
                self.deleted[agency, version] = gone | lost
        recalled = {
            (agency, version): gone
            for agency, versions in self.knowledge.recalled.items()
            for version, gone in versions.items()
            if gone
        }
        assert recalled == {of: gone for of, gone in self.deleted.items() if gone}

    def tells_story(self, version: int) -> bool:
        return not isinstance(self.log[version - 1], NO_STORY)

    def is_justified(self, told: Told, at: datetime) -> None:
        agency, event = told.agency, told.of.event
        held = {c.word for c in to_segments(event)}
        if isinstance(event, DocumentAttached):
            held.add(event.compartment)
        if isinstance(event, ClockMet | ClockEnded):
            held.add("incident")
        of = agency, told.of.version
        new = words(told.compartments - (self.known.get(of, frozenset()) - self.deleted.get(of, frozenset())))
        assert new
        assert words(told.compartments) <= held
        assert self.takes_or_took_part(agency), f"{agency} never took part"
        if agency == self.authors[told.of.version - 1]:
            return
        beyond = words(told.compartments) - {"coordination"}
        account, author = Account(self.log, self.authors, at), self.authors[told.of.version - 1]
        may = {word for word in beyond if account.reaches(agency, word, author)}
        assert beyond <= may, f"{agency} is told {beyond} of {event!r} without consent"
        common = isinstance(event, CaseOpened | CaseClosed | CaseReopened | LeadTransferAccepted)
        assert (
            agency == led_by(self.log)
            or addressed(self.log, event, agency)
            or self.asked_to_share(event, agency)
            or self.said_that_she_said_stop(event, agency)
            or (common and open_to(self.log, agency))
            or (open_to(self.log, agency) and not isinstance(event, NO_STORY) and beyond)
        ), f"{agency} has no reason to know of {event!r}"

    def takes_or_took_part(self, agency: str) -> bool:
        led = agency == LED_BY or any(isinstance(x, LeadTransferAsked) and x.to == agency for x in self.log)
        return led or any(d.recipient == agency and was_sent(self.log, id) for id, d in drafts(self.log).items())

    def author_and_lead_know_of_it(self, version: int, author: str) -> None:
        assert self.known[author, version]
        assert Compartment.COORDINATION in self.known[led_by(self.log), version]

    def sender_and_recipient_see_the_move(self, version: int, event: Fact) -> None:
        if isinstance(event, ReferralMove):
            drafted = drafts(self.log)[event.referral]
            assert (drafted.sender, version) in self.known
            if drafted.recipient != led_by(self.log):
                assert ((drafted.recipient, version) in self.known) == was_sent(self.log, event.referral)

    def the_lead_and_the_recipients_know_what_went_before(self, event: Fact) -> None:
        if isinstance(event, LeadTransferAccepted):
            assert all(Compartment.COORDINATION in self.known[event.lead, v + 1] for v in range(len(self.log)))
            assert all((agency, len(self.log)) in self.known for agency in led_before(self.log))
        if isinstance(event, ReferralSent):
            drafted = drafts(self.log)[event.referral]
            assert (drafted.recipient, self.log.index(drafted) + 1) in self.known

    def teardown(self) -> None:
        assert OUTSIDER not in self.knowledge.told
        assert self.known == {
            (agency, version): told
            for agency, versions in self.knowledge.told.items()
            for version, told in versions.items()
            if told
        }
        if self.case is None:
            return
        for (agency, version), told in self.known.items():
            of, kind = self.knowledge.written[version - 1], NETWORK[agency].kind
            for used_for in (None, Purpose.CARE, Purpose.LEGAL):
                readable = may_open(Reaches(self.case, self.now), of, told, agency, kind, used_for)
                if agency != of.author:
                    account = Account(self.log, self.authors, self.now)
                    may = {c.word for c in told if account.reaches(agency, c.word, of.author, used_for)}
                    assert words(readable) - {"coordination"} == may - {"coordination"}
                    assert readable <= told


TestDisclosureMachine = DisclosureMachine.TestCase
TestDisclosureMachine.settings = settings(max_examples=examples(120, 8), stateful_step_count=40, deadline=None)
