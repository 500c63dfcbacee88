"""Breaking the glass: who may open what no consent covers, for how long, who is told, and who judges it."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from story import (
    DAY,
    HOSPITAL,
    HOUR,
    LEAD,
    NOON,
    POLICE,
    SUPERVISOR,
    SYSTEM,
    Given,
    act,
    an_id,
    broken_glass,
    consent,
    draft,
    given,
    later,
    opened,
    report,
    say,
    sent,
    suspended,
    the_case,
    written,
)

from rujukan.domain.case import Case
from rujukan.domain.case.documents import DocumentAttached
from rujukan.domain.case.first_hold import LegalHoldPlaced
from rujukan.domain.case.glass import (
    BreakGlass,
    CloseGlass,
    GlassBroken,
    GlassClosed,
    GlassReviewed,
    GlassReviewOverdue,
    RaiseGlassReview,
    ReviewGlass,
)
from rujukan.domain.case.leave import AskGlassLeave, GlassAllowed
from rujukan.domain.case.lifecycle import CaseClosed
from rujukan.domain.case.notes import NoteRecorded
from rujukan.domain.casefile.emergency import RULE
from rujukan.domain.casefile.judging import HIGHEST_REMINDER, WITHIN_BECAUSE
from rujukan.domain.codes import AgencyKind, CloseReason, DocumentKind, GlassVerdict, LegalBasis, Role
from rujukan.domain.compartment import Compartment
from rujukan.domain.disclosure import Knowledge, through_glass
from rujukan.domain.fact import Act, Fact
from rujukan.domain.refusal import (
    AgencyInactive,
    AlreadyExists,
    AnotherPersonNeeded,
    GlassNotOpen,
    InTheFuture,
    Invalid,
    NotByTheSamePerson,
    NotForThisAgency,
    NotForThisRole,
    StillRunning,
    Unknown,
    WrongMove,
)
from rujukan.domain.standing.roles import REVIEW
from rujukan.domain.standing.rule import is_known_to, takes_part

G1, G2 = an_id("glass 1"), an_id("glass 2")
MINUTE = timedelta(minutes=1)
HEALTH, SAFETY, INCIDENT, LEGAL = Compartment.HEALTH, Compartment.SAFETY, Compartment.INCIDENT, Compartment.LEGAL
WITH_COORDINATION = frozenset({Compartment.COORDINATION, HEALTH})

DOCTOR, COLLEAGUE = HOSPITAL, act("rsud", Role.SUPERVISOR)
OFFICER = act("uptd-ppa", Role.DATA_PROTECTION_OFFICER)
THEIR_OFFICER = act("rsud", Role.DATA_PROTECTION_OFFICER)


def breaking(glass: UUID = G1, **other: Any) -> BreakGlass:
    fields: dict[str, Any] = {
        "glass": glass,
        "compartments": frozenset({"health"}),
        "basis": LegalBasis.IMMINENT_DANGER,
        "rule": "UU 12/2022",
        "reason": "she does not wake up",
    }
    return say(BreakGlass, **(fields | other))


def broken(
    glass: UUID = G1, by: Act = DOCTOR, of: frozenset[str] = frozenset({"health"}), lasts: timedelta = HOUR
) -> GlassBroken:
    made = broken_glass(by.agency, by.actor, glass, of, by.at, lasts)
    return replace(made, role=by.role)


def reviewing(verdict: GlassVerdict = GlassVerdict.JUSTIFIED, glass: UUID = G1) -> ReviewGlass:
    return say(ReviewGlass, glass=glass, verdict=verdict, remark="nobody could be asked")


def reviewed(verdict: GlassVerdict = GlassVerdict.JUSTIFIED, by: Act = SUPERVISOR) -> GlassReviewed:
    return say(GlassReviewed, glass=G1, verdict=verdict, remark="nobody could be asked", reviewer=by.actor)


def a_case() -> Given:
    return given(opened(), report())


# Breaking ------------------------------------------------------------------------------------------------------


def test_who_has_no_relation_to_the_case_opens_it_at_once_for_an_hour() -> None:
    a_case().when(breaking(), by=DOCTOR).then(broken())


@pytest.mark.parametrize("by", [LEAD, SUPERVISOR, POLICE])
def test_case_workers_and_supervisors_of_any_agency_may(by: Act) -> None:
    a_case().when(breaking(), by=by).then(broken(by=by))


@pytest.mark.parametrize("role", [r for r in Role if r not in (Role.CASE_WORKER, Role.SUPERVISOR)])
def test_machines_and_those_who_do_no_casework_may_not(role: Role) -> None:
    a_case().when(breaking(), by=act("rsud", role), in_role=True).refused(NotForThisRole)


def test_an_agency_that_is_suspended_or_unknown_may_not() -> None:
    a_case().when(breaking(), by=DOCTOR, network=suspended("rsud")).refused(AgencyInactive)
    a_case().when(breaking(), by=DOCTOR, network={}).refused(AgencyInactive)


def test_it_lasts_four_hours_at_most_counted_from_when_it_was_recorded() -> None:
    a_case().when(breaking(minutes=240), by=DOCTOR).then(broken(lasts=4 * HOUR))
    a_case().when(breaking(minutes=1), by=DOCTOR).then(broken(lasts=MINUTE))
    a_case().when(breaking(minutes=241), by=DOCTOR).refused(Invalid, field="minutes", must="be 240 at most")
    ahead = replace(breaking(), occurred_at=NOON + 4 * MINUTE)
    a_case().when(ahead, by=DOCTOR).then(broken())


def test_every_limit_has_its_reason() -> None:
    assert RULE.usual <= RULE.longest
    assert min(len(RULE.longest_because), len(WITHIN_BECAUSE), len(RULE.bases_because)) > 20


def test_a_court_is_not_an_emergency() -> None:
    a_case().when(breaking(basis=LegalBasis.COURT_ORDER), by=DOCTOR).refused(Invalid, field="basis")
    a_case().when(breaking(basis=LegalBasis.CHILD_MANDATORY_REPORT), by=DOCTOR).then_only(GlassBroken)


def test_coordination_alone_is_nothing_to_break_a_glass_for() -> None:
    a_case().when(breaking(compartments=frozenset({"coordination"})), by=DOCTOR).refused(Invalid, field="compartments")


def test_a_person_has_one_open_glass_in_a_case() -> None:
    one = given(opened(), broken())
    one.when(breaking(G2), by=DOCTOR).refused(AlreadyExists, glass=G1)
    one.when(breaking(G2), by=COLLEAGUE).then(broken(G2, by=COLLEAGUE))
    one.when(breaking(G2), by=POLICE).then(broken(G2, by=POLICE))
    one.when(breaking(G2), by=replace(DOCTOR, agency="polres", kind=AgencyKind.POLICE)).then_only(GlassBroken)


def test_after_it_ended_a_new_one_is_a_new_decision() -> None:
    after = later(DOCTOR, HOUR)
    again = replace(breaking(G2), occurred_at=after.at)
    given(opened(), broken()).when(again, by=after).then(replace(broken(G2, by=after), occurred_at=after.at))
    given(opened(), broken(), say(GlassClosed, glass=G1)).when(breaking(G2), by=DOCTOR).then(broken(G2))
    taken = replace(breaking(G1), occurred_at=after.at)
    given(opened(), broken()).when(taken, by=after).refused(AlreadyExists, id=G1)


def test_a_closed_case_can_be_opened_in_an_emergency_too() -> None:
    closed = say(CaseClosed, reason=CloseReason.GOALS_MET)
    given(opened(), closed).when(breaking(), by=DOCTOR).then(broken())


# What a refusal tells ------------------------------------------------------------------------------------------


REFUSED: dict[str, tuple[BreakGlass, Act]] = {
    "no such basis": (breaking(basis=LegalBasis.COURT_ORDER), DOCTOR),
    "too long": (breaking(minutes=241), DOCTOR),
    "coordination only": (breaking(compartments=frozenset({"coordination"})), DOCTOR),
    "in the future": (replace(breaking(), occurred_at=NOON + DAY), DOCTOR),
    "a machine": (breaking(), act("rsud", Role.INTEGRATOR)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_attempt_does_not_tell_whether_there_is_such_a_case(name: str) -> None:
    command, by = REFUSED[name]
    here, nowhere = (case.when(command, by=by, in_role=True).refusal for case in (a_case(), Given([])))
    assert here is not None
    assert nowhere is not None
    assert (type(here), here.about) == (type(nowhere), nowhere.about)


def test_a_case_that_is_not_there_is_unknown_and_so_is_one_in_which_the_id_is_taken_by_others() -> None:
    nowhere = Given([]).when(breaking(), by=DOCTOR)
    taken = given(opened(), broken(by=POLICE)).when(breaking(), by=DOCTOR)
    for refused in (nowhere, taken):
        refused.refused(Unknown, what="case")
    given(opened(), broken(by=POLICE)).when(breaking(), by=LEAD).refused(AlreadyExists, id=G1)


def test_it_is_not_broken_in_the_future() -> None:
    a_case().when(replace(breaking(), occurred_at=NOON + DAY), by=DOCTOR).refused(InTheFuture)


# Closing -------------------------------------------------------------------------------------------------------


def test_who_broke_it_closes_it_early_and_once() -> None:
    closing = say(CloseGlass, glass=G1)
    after = given(opened(), broken()).when(closing, by=DOCTOR).then(say(GlassClosed, glass=G1))
    assert after is not None
    assert not after.glasses[G1].is_open(NOON)
    given(opened(), broken(), say(GlassClosed, glass=G1)).when(closing, by=DOCTOR).refused(GlassNotOpen)
    given(opened(), broken()).when(closing, by=later(DOCTOR, HOUR)).refused(GlassNotOpen, glass=G1)


@pytest.mark.parametrize("by", [COLLEAGUE, LEAD, SUPERVISOR, POLICE, replace(DOCTOR, agency="polres")])
def test_to_everybody_else_it_is_not_theirs_to_close(by: Act) -> None:
    given(opened(), broken()).when(say(CloseGlass, glass=G1), by=by).refused(Unknown)


# Reviewing -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [SUPERVISOR, OFFICER, COLLEAGUE, act("rsud", Role.DATA_PROTECTION_OFFICER)])
def test_a_supervisor_or_officer_of_the_lead_or_of_the_openers_agency_reviews(by: Act) -> None:
    given(opened(), broken()).when(reviewing(), by=by).then(reviewed(by=by))


@pytest.mark.parametrize("role", [r for r in Role if r not in REVIEW])
def test_no_other_role_reviews(role: Role) -> None:
    given(opened(), broken()).when(reviewing(), by=act("uptd-ppa", role), in_role=True).refused(NotForThisRole)


def test_nobody_reviews_themselves_for_whichever_agency() -> None:
    by_supervisor = given(opened(), broken(by=COLLEAGUE))
    by_supervisor.when(reviewing(), by=COLLEAGUE).refused(NotByTheSamePerson)
    by_supervisor.when(reviewing(), by=replace(SUPERVISOR, actor=COLLEAGUE.actor)).refused(NotByTheSamePerson)


def test_to_other_agencies_there_is_nothing_to_review() -> None:
    hospital_takes_part = (consent(to="polres"), draft(to="polres"), sent())
    for events in ((opened(), broken()), (opened(), *hospital_takes_part, broken())):
        given(*events).when(reviewing(), by=act("polres", Role.SUPERVISOR)).refused(Unknown)
    given(opened()).when(reviewing(), by=SUPERVISOR).refused(Unknown)
    Given([]).when(reviewing(), by=SUPERVISOR).refused(Unknown)


def test_a_verdict_is_the_last_word_but_for_an_inquiry() -> None:
    for verdict in (GlassVerdict.JUSTIFIED, GlassVerdict.NOT_JUSTIFIED):
        given(opened(), broken(), reviewed(verdict)).when(reviewing(), by=OFFICER).refused(
            AlreadyExists, glass=G1, verdict=verdict
        )
    inquiry = given(opened(), broken(), reviewed(GlassVerdict.NEEDS_INQUIRY))
    inquiry.when(reviewing(GlassVerdict.NOT_JUSTIFIED), by=OFFICER).then(
        reviewed(GlassVerdict.NOT_JUSTIFIED, by=OFFICER)
    )


@pytest.mark.parametrize("verdict", [GlassVerdict.JUSTIFIED, GlassVerdict.NOT_JUSTIFIED])
def test_the_lead_s_word_is_the_last(verdict: GlassVerdict) -> None:
    """Over what the opener's own agency found, and by another person; not the other way round."""
    theirs = given(opened(), broken(), reviewed(verdict, by=COLLEAGUE))
    again = reviewing(GlassVerdict.NOT_JUSTIFIED)
    theirs.when(again, by=SUPERVISOR).then(reviewed(GlassVerdict.NOT_JUSTIFIED, by=SUPERVISOR))
    theirs.when(again, by=THEIR_OFFICER).refused(AlreadyExists, glass=G1, verdict=verdict)
    theirs.when(again, by=replace(SUPERVISOR, actor=COLLEAGUE.actor)).refused(NotByTheSamePerson)
    for ours in (verdict, GlassVerdict.NEEDS_INQUIRY):
        inquiry = ours is GlassVerdict.NEEDS_INQUIRY
        refusal = NotForThisAgency if inquiry else AlreadyExists
        given(opened(), broken(), reviewed(ours)).when(reviewing(), by=THEIR_OFFICER).refused(refusal)


# Again, after one that was not justified -------------------------------------------------------------------------

MISUSED = (opened(), broken(), reviewed(GlassVerdict.NOT_JUSTIFIED))


def allowed(who: Act = DOCTOR) -> GlassAllowed:
    return say(GlassAllowed, actor=who.actor, agency=who.agency, kind=who.kind, expires_at=NOON + HOUR)


def test_who_was_judged_not_justified_asks_a_second_person_next_time() -> None:
    given(*MISUSED).when(breaking(G2), by=DOCTOR).refused(AnotherPersonNeeded)
    given(*MISUSED).when(breaking(G2), by=replace(POLICE, actor=DOCTOR.actor)).refused(AnotherPersonNeeded)
    given(*MISUSED).when(breaking(G2), by=POLICE).then(broken(G2, by=POLICE))
    given(*MISUSED).when(say(AskGlassLeave), by=DOCTOR).then(allowed())
    given(*MISUSED, allowed()).when(breaking(G2), by=DOCTOR).then(broken(G2))
    after = later(DOCTOR, HOUR)
    too_late = replace(breaking(G2), occurred_at=after.at)
    given(*MISUSED, allowed()).when(too_late, by=after).refused(AnotherPersonNeeded)
    again = (*MISUSED, allowed(), broken(G2), say(GlassClosed, glass=G2))
    given(*again).when(breaking(an_id("glass 3")), by=DOCTOR).refused(AnotherPersonNeeded)


def test_others_have_nothing_to_ask_for() -> None:
    for events in ((opened(),), (opened(), broken(), reviewed()), MISUSED):
        given(*events).when(say(AskGlassLeave), by=POLICE).refused(Unknown)
    Given([]).when(say(AskGlassLeave), by=DOCTOR).refused(Unknown)


def test_what_was_not_justified_is_closed_by_that() -> None:
    for verdict, is_open in (
        (GlassVerdict.JUSTIFIED, True),
        (GlassVerdict.NEEDS_INQUIRY, True),
        (GlassVerdict.NOT_JUSTIFIED, False),
    ):
        after = the_case(opened(), broken(), reviewed(verdict))
        assert after.glasses[G1].is_open(NOON) == is_open


def test_a_review_that_nobody_gives_is_raised_each_time_the_window_passes() -> None:
    raising = say(RaiseGlassReview, glass=G1)
    events: list[Fact] = [opened(), broken()]
    for level in range(1, HIGHEST_REMINDER + 1):
        due_at = NOON + level * 3 * DAY
        early = replace(SYSTEM, at=due_at - timedelta(microseconds=1))
        given(*events).when(raising, by=early).refused(StillRunning, due_at=due_at)
        overdue = say(GlassReviewOverdue, due_at, glass=G1, level=level)
        given(*events).when(replace(raising, occurred_at=due_at), by=replace(SYSTEM, at=due_at)).then(overdue)
        events.append(overdue)
    given(*events).when(raising, by=later(SYSTEM, 300 * DAY)).refused(WrongMove)


def test_only_the_system_raises_and_only_what_nobody_reviewed() -> None:
    raising, much_later = say(RaiseGlassReview, glass=G1), 30 * DAY
    given(opened(), broken()).when(raising, by=later(SUPERVISOR, much_later), in_role=True).refused(NotForThisRole)
    given(opened(), broken(), reviewed()).when(raising, by=later(SYSTEM, much_later)).refused(WrongMove)
    given(opened()).when(raising, by=SYSTEM).refused(Unknown)


# What it opens -------------------------------------------------------------------------------------------------


NOTE = say(NoteRecorded, note=an_id("note"), health="h", legal="l")
DOCUMENT = say(
    DocumentAttached,
    document=an_id("document"),
    kind=DocumentKind.VISUM,
    compartment="health",
    media_type="text/plain",
    size=1,
    sha256="0" * 64,
)


def glass_of(*after: Fact) -> tuple[Case, Any]:
    case = the_case(opened(), NOTE, broken(), *after)
    return case, case.glasses[G1]


def read(glass: Any, event: Fact, by: Act = DOCTOR, after: timedelta = timedelta(0)) -> frozenset[Compartment]:
    return through_glass(glass, written(2, event), by.agency, by.actor, NOON + after)


def test_it_opens_the_named_compartments_of_the_story_with_their_coordination() -> None:
    _, glass = glass_of()
    assert read(glass, NOTE) == WITH_COORDINATION
    assert read(glass, DOCUMENT) == WITH_COORDINATION, "a document's bytes are its compartment's"
    assert read(glass, say(NoteRecorded, note=NOTE.note, legal="l")) == frozenset()
    assert read(glass, report()) == frozenset()


def test_reasons_of_other_acts_are_not_the_story() -> None:
    case = the_case(opened(), broken(of=frozenset({"legal"})))
    for event in (say(LegalHoldPlaced, reason="r"), broken(G2, by=POLICE), reviewed()):
        assert read(case.glasses[G1], event) == frozenset()


def test_it_ends_at_its_time_by_itself() -> None:
    _, glass = glass_of()
    assert read(glass, NOTE, after=HOUR - timedelta(microseconds=1)) == WITH_COORDINATION
    assert read(glass, NOTE, after=HOUR) == frozenset()


def test_it_ends_when_closed_or_found_not_justified() -> None:
    for end in (say(GlassClosed, glass=G1), reviewed(GlassVerdict.NOT_JUSTIFIED)):
        _, glass = glass_of(end)
        assert read(glass, NOTE) == frozenset()


@pytest.mark.parametrize("by", [COLLEAGUE, LEAD, SUPERVISOR, POLICE, replace(DOCTOR, agency="polres")])
def test_it_opens_nothing_to_anybody_else(by: Act) -> None:
    _, glass = glass_of()
    assert read(glass, NOTE, by) == frozenset()


# Who is told ---------------------------------------------------------------------------------------------------


def told_of(*events: tuple[Fact, str]) -> list[dict[str, set[str]]]:
    """For each event: agency → compartments that it is told of it, and of nothing else."""
    knowledge, found = Knowledge(), []
    for version, (event, author) in enumerate(events, 1):
        tell = knowledge.follow(replace(written(version, event), author=author))
        assert {t.of.event for t in tell} <= {event}, "an earlier event was told"
        found.append({t.agency: {c.word for c in t.compartments} for t in tell})
    return found


def test_the_lead_and_the_openers_agency_are_told_every_turn_and_nobody_else_is() -> None:
    _, _, at_opening, at_closing, at_review, at_overdue = told_of(
        (opened(), "uptd-ppa"),
        (NOTE, "uptd-ppa"),
        (broken(), "rsud"),
        (say(GlassClosed, glass=G1), "rsud"),
        (reviewed(), "uptd-ppa"),
        (say(GlassReviewOverdue, glass=G1, level=1), "rujukan"),
    )
    assert at_opening == {"rsud": {"coordination", "legal"}, "uptd-ppa": {"coordination"}}
    assert at_closing == {"rsud": {"coordination"}, "uptd-ppa": {"coordination"}}
    assert at_review == {"rsud": {"coordination"}, "uptd-ppa": {"coordination", "legal"}}
    assert at_overdue == {"rsud": {"coordination"}, "uptd-ppa": {"coordination"}, "rujukan": {"coordination"}}


def test_who_broke_it_is_told_nothing_of_the_case_before_or_after() -> None:
    after = told_of((opened(), "uptd-ppa"), (NOTE, "uptd-ppa"), (broken(), "rsud"), (DOCUMENT, "uptd-ppa"))[-1]
    assert after.keys() == {"uptd-ppa"}
    case = the_case(opened(), NOTE, broken())
    assert not is_known_to(case, "rsud"), "lists, timelines and searches show the case to who takes part"
    assert not takes_part(case, "rsud")
