"""Recall: when a consent ends, those who were told something on it delete their copies, and nobody else is asked."""

from collections.abc import Mapping, Sequence

import pytest
from examples import EXAMPLES
from hypothesis import given as each
from hypothesis import strategies as st
from msgspec.structs import replace
from story import (
    C1,
    C2,
    CASE,
    DAY,
    HOSPITAL_S_MACHINE,
    LEAD,
    NETWORK,
    NOON,
    NOTE,
    R2,
    SYSTEM,
    act,
    brought_to,
    consent,
    fitting,
    incident,
    later,
    moved,
    opened,
    override,
    referred,
    say,
    scope,
    withdrawn,
    written,
)

from rujukan.domain import catalogue, recall
from rujukan.domain import erasure as r
from rujukan.domain.case import decide, fold
from rujukan.domain.case.consents import ConsentExpired, ConsentWithdrawn, ExpireConsent, NarrowConsent, WithdrawConsent
from rujukan.domain.case.incidents import IncidentRecorded
from rujukan.domain.case.notes import NoteRecorded
from rujukan.domain.casefile.stopping import SharingStopped
from rujukan.domain.codes import ReferralStatus, Service
from rujukan.domain.compartment import Compartment
from rujukan.domain.disclosure import ENDS, Knowledge, Remembered, Written
from rujukan.domain.fact import Act, Fact
from rujukan.domain.refusal import AlreadyExists, Unknown
from rujukan.infra.store.transcoder import to_event, to_segments, topic_of

WITHDRAW = say(WithdrawConsent, consent=C1)
NOTED = say(NoteRecorded, note=NOTE, health="seen", safety="not for the hospital")
SHARED = [*referred(), incident(), NOTED]
"""The hospital has a referral, and was told of the incident and of what concerns health."""


def recalled(
    *story: Fact, ends: Fact = WITHDRAW, at: Act = LEAD, by: Mapping[int, str] | None = None
) -> Sequence[Fact]:
    """What the recall's own stream begins with when a consent ends; nothing where nobody has to delete anything."""
    log = logged(*story, by=by)
    events = decide(ends, fold(w.event for w in log), at, NETWORK)
    knowledge = Knowledge()
    for w in log:
        knowledge.follow(w)
    return asked_for(knowledge, written(len(log) + 1, events[0], at.agency, at.at))


def asked_for(knowledge: Knowledge, ends: Written) -> Sequence[Fact]:
    lost = recall.by_agency(knowledge.learn(ends).recall)
    assert knowledge.case is not None
    about = CASE, ends.version, ends.event, ends.actor, knowledge.case.lead
    return recall.record(*about, lost, replace(SYSTEM, at=ends.at))


def logged(*events: Fact, by: Mapping[int, str] | None = None) -> list[Written]:
    """The events as they stand in the log; `by` says of some of them whose they are."""
    return [written(n, event, (by or {}).get(n, "uptd-ppa")) for n, event in enumerate(events, 1)]


def asked(*events: Fact) -> dict[str, set[str]]:
    """Agency → the compartments of which it has to delete its copies."""
    return {d.agency: set(d.compartments) for d in events if isinstance(d, r.DeletionAsked)}


def test_who_was_told_on_a_consent_that_is_withdrawn_has_to_delete_it() -> None:
    record, asking = recalled(*SHARED)
    assert record == say(
        r.RecallRecorded,
        erasure=recall.recall_id(CASE, len(SHARED) + 1),
        case=CASE,
        consent=C1,
        version=len(SHARED) + 1,
        ended="withdrawn",
        compartments=frozenset({"incident", "health"}),
        lead="uptd-ppa",
        recorded_by=LEAD.actor,
    )
    assert asking == say(
        r.DeletionAsked,
        erasure=recall.recall_id(CASE, len(SHARED) + 1),
        case=CASE,
        agency="rsud",
        compartments=frozenset({"incident", "health"}),
    )


@pytest.mark.parametrize("ends", ENDS, ids=lambda event: event.__name__)
def test_every_kind_of_end_is_put_on_record_and_read_again(ends: type[Fact]) -> None:
    event, lost = (
        replace(EXAMPLES[catalogue.topic_of(ends)], occurred_at=NOON),
        {"rsud": frozenset({Compartment.HEALTH})},
    )
    for of in (event, replace(event, consent=None)) if ends is SharingStopped else (event,):
        stored = recall.record(CASE, 3, of, LEAD.actor, "uptd-ppa", lost, SYSTEM)
        assert [type(e) for e in stored] == [r.RecallRecorded, r.DeletionAsked]
        for e in stored:
            read = to_event(topic_of(e), 1, to_segments(e))
            assert {f: getattr(read, f) for f in e.__struct_fields__} == {f: getattr(e, f) for f in e.__struct_fields__}


def test_of_a_consent_that_is_narrowed_only_what_was_taken_out_is_recalled() -> None:
    narrower = say(NarrowConsent, **scope(C1, of=("incident",)))
    record, *asking = recalled(*SHARED, ends=narrower)
    assert isinstance(record, r.RecallRecorded)
    assert record.ended == "narrowed"
    assert asked(*asking) == {"rsud": {"health"}}


def test_a_narrowing_that_takes_an_agency_out_recalls_all_from_it() -> None:
    two = [opened(), consent(to=("rsud", "polres")), *brought_to(ReferralStatus.REQUESTED)]
    police = brought_to(ReferralStatus.REQUESTED, R2, to="polres", service=Service.LAW_ENFORCEMENT)
    without = say(NarrowConsent, **scope(C1, to="rsud"))
    assert asked(*recalled(*two, *police, NOTED, ends=without)) == {"polres": {"health"}}


S = ReferralStatus


@pytest.mark.parametrize("status", [S.REQUESTED, S.RECEIVED, S.ACCEPTED, S.IN_PROGRESS, S.COMPLETED])
def test_what_the_police_received_stays_with_them(status: ReferralStatus) -> None:
    """UU 27/2022 art. 15: it serves the proceedings. Not what lies ready in a report that they did not receive; and no
    other agency keeps anything by it."""
    two = [opened(), consent(to=("rsud", "polres")), *brought_to(S.ACCEPTED), NOTED]
    police = brought_to(status, R2, to="polres", service=Service.LAW_ENFORCEMENT)
    found = asked(*recalled(*two, *police))
    assert found == {"rsud": {"health"}} | ({"polres": {"health"}} if status is S.REQUESTED else {})


def test_of_what_the_police_rejected_they_delete_their_copies() -> None:
    two = [opened(), consent(to=("rsud", "polres")), *brought_to(S.ACCEPTED), NOTED]
    police = brought_to(S.RECEIVED, R2, to="polres", service=Service.LAW_ENFORCEMENT)
    found = asked(*recalled(*two, *police, moved(S.REJECTED, R2)))
    assert found == {"rsud": {"health"}, "polres": {"health"}}


@pytest.mark.parametrize("still", [consent(C2), override(C2), consent(C2, to="kind:health")])
def test_what_another_consent_or_an_override_covers_is_not_recalled(still: Fact) -> None:
    assert recalled(*SHARED, still) == ()


def test_what_another_consent_covers_in_part_is_recalled_for_the_rest() -> None:
    assert asked(*recalled(*SHARED, consent(C2, of=("health",)))) == {"rsud": {"incident"}}


def test_nobody_who_was_told_nothing_on_it_is_asked() -> None:
    assert recalled(opened(), consent(), NOTED) == (), "a consent on which nothing was told"
    drafted = [opened(), consent(), *brought_to(ReferralStatus.DRAFT), NOTED]
    assert recalled(*drafted) == (), "a referral that was not sent"


def test_an_agency_keeps_what_it_wrote_itself() -> None:
    assert recalled(*referred(), NOTED, by={len(referred()) + 1: "rsud"}) == ()


def test_a_referral_that_ended_does_not_keep_the_copies() -> None:
    done = [opened(), consent(), incident(), *brought_to(ReferralStatus.COMPLETED)]
    assert asked(*recalled(*done)) == {"rsud": {"incident"}}


def test_what_was_recalled_is_not_recalled_again_and_is_told_again_on_a_new_consent() -> None:
    knowledge = Knowledge()
    log = logged(*SHARED, withdrawn(), consent(C2))
    for w in log[:-1]:
        knowledge.follow(w)
    again = [t for t in knowledge.follow(log[-1]) if t.agency == "rsud"]
    first = Knowledge()
    before = {t.id for w in log[:-1] for t in first.follow(w)}
    assert [type(t.of.event) for t in again] == [IncidentRecorded, NoteRecorded]
    assert before.isdisjoint(t.id for t in again), "under an id of its own, or its inbox would pass it by"
    withdrawn_twice = recalled(*SHARED, withdrawn(), consent(C2, of=("safety",)), ends=say(WithdrawConsent, consent=C2))
    assert asked(*withdrawn_twice) == {}


UNTIL_TOMORROW = [opened(), consent(until=NOON + DAY), *brought_to(ReferralStatus.REQUESTED), NOTED]
TOMORROW = NOON + DAY


def test_a_consent_that_ran_out_is_recalled_like_one_that_was_withdrawn() -> None:
    record, *asking = recalled(*UNTIL_TOMORROW, ends=say(ExpireConsent, TOMORROW, consent=C1), at=later(SYSTEM, DAY))
    assert isinstance(record, r.RecallRecorded)
    assert record.ended == "expired"
    assert asked(*asking) == {"rsud": {"health"}}


def test_what_ran_out_and_was_not_put_on_record_yet_is_recalled_as_another_consent_ends() -> None:
    two = [*UNTIL_TOMORROW, consent(C2, of=("safety",))]
    withdraw = say(WithdrawConsent, NOON + 2 * DAY, consent=C2)
    assert asked(*recalled(*two, ends=withdraw, at=later(LEAD, 2 * DAY))) == {"rsud": {"health"}}
    both = [*two, say(ConsentWithdrawn, consent=C2)]
    knowledge = Knowledge()
    for w in logged(*two):
        knowledge.follow(w)
    knowledge.learn(written(len(both), both[-1], at=NOON + 2 * DAY))
    ran_out = written(len(both) + 1, say(ConsentExpired, consent=C1, expires_at=TOMORROW), at=NOON + 2 * DAY)
    assert asked_for(knowledge, ran_out) == (), "once"


def test_what_was_told_by_another_rule_is_asked_back() -> None:
    """The register says that the hospital was told of her safety, which no consent ever covered: release 1 erred."""
    log = logged(*SHARED)
    told = [Remembered("rsud", len(SHARED), frozenset({Compartment.COORDINATION, Compartment.SAFETY}))]
    knowledge = Knowledge.remembered(log, told)
    assert asked(*asked_for(knowledge, written(len(log) + 1, withdrawn()))) == {"rsud": {"safety"}}


def test_who_was_not_asked_for_all_that_it_was_told_is_asked_for_the_rest() -> None:
    record, *asking = recalled(*SHARED)
    assert isinstance(record, r.RecallRecorded)
    lost = {"rsud": frozenset(Compartment) - {Compartment.IDENTITY}, "polres": frozenset({Compartment.COORDINATION})}
    more = recall.ask(record, [d for d in asking if isinstance(d, r.DeletionAsked)], lost, SYSTEM)
    assert asked(*more) == {"rsud": {"contact", "psychosocial", "legal", "safety", "economic"}}
    assert recall.ask(record, [d for d in (*asking, *more) if isinstance(d, r.DeletionAsked)], lost, SYSTEM) == []


def test_what_is_on_record_is_remembered_as_it_was_told() -> None:
    log = logged(*SHARED, withdrawn(), consent(C2))
    told, by_hand = Knowledge(), list[Remembered]()
    for w in log:
        learned = told.learn(w)
        by_hand += [Remembered(t.agency, t.of.position, t.compartments) for t in learned.tell]
        by_hand += [Remembered(x.agency, x.of.position, x.compartments, w.position) for x in learned.recall]
    again = Knowledge.remembered(log, by_hand)
    kept = {agency: {v: c for v, c in versions.items() if c} for agency, versions in told.recalled.items()}
    found = {agency: {v: c for v, c in versions.items() if c} for agency, versions in again.recalled.items()}
    assert (again.case, again.told, again.recalls) == (told.case, told.told, told.recalls)
    assert {a: v for a, v in found.items() if v} == {a: v for a, v in kept.items() if v}


def test_the_agency_answers_a_recall_as_it_answers_an_erasure() -> None:
    events = recalled(*SHARED)
    done = say(r.AcknowledgeErasure, erasure=recall.recall_id(CASE, len(SHARED) + 1))
    (answer,) = r.acknowledge(done, r.fold(events), HOSPITAL_S_MACHINE)
    about = {"erasure": done.erasure, "case": CASE, "agency": "rsud"}
    assert answer == say(r.ErasureAcknowledged, **about)
    now = r.fold([*events, answer])
    assert now is not None
    assert (now.told, now.acknowledged, now.version) == ({"rsud"}, {"rsud"}, 3)
    with pytest.raises(AlreadyExists):
        r.acknowledge(done, now, HOSPITAL_S_MACHINE)
    with pytest.raises(Unknown):
        r.acknowledge(done, now, fitting(done, act("polres")))


def test_an_agency_that_has_to_keep_records_names_the_rule() -> None:
    events = recalled(*SHARED)
    rule = "Medical records are kept for 25 years"
    said = say(r.AcknowledgeErasure, erasure=recall.recall_id(CASE, len(SHARED) + 1), kept_basis=rule)
    about = {"erasure": said.erasure, "case": CASE, "agency": "rsud"}
    kept, answer = r.acknowledge(said, r.fold(events), HOSPITAL_S_MACHINE)
    assert (kept, answer) == (say(r.CopiesKept, **about, kept_basis=rule), say(r.ErasureAcknowledged, **about))
    assert r.fold([*events, kept, answer]).version == 4  # type: ignore[union-attr]


COMPARTMENTS = st.sets(st.sampled_from(["incident", "health", "legal"]), min_size=1)


@each(COMPARTMENTS, COMPARTMENTS, COMPARTMENTS)
def test_whatever_is_consented_the_two_ways_to_say_it_agree(first: set[str], second: set[str], rest: set[str]) -> None:
    """What is recalled is what the first consent covered of what was told, less what the second still covers."""
    said = say(NoteRecorded, note=NOTE, incident="a", health="b", legal="c")
    log = [opened(), consent(of=first), consent(C2, of=second), *brought_to(ReferralStatus.REQUESTED, of=rest), said]
    lost = (first & rest) - second
    assert asked(*recalled(*log)) == ({"rsud": lost} if lost else {})
