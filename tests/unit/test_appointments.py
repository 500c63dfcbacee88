"""Appointments: made, moved, kept, missed, cancelled; what their referral waits for; that silence is raised; and that
none of them drops away unseen."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from story import (
    C1,
    DAY,
    HOSPITAL,
    HOUR,
    LEAD,
    NOON,
    POLICE,
    R1,
    SCHOOL,
    SUPERVISOR,
    an_id,
    brought_to,
    consent,
    given,
    later,
    moved,
    opened,
    referred,
    say,
    the_case,
    written,
)

from rujukan.domain.case.amending import ReferralAmended
from rujukan.domain.case.appointments import (
    AppointmentCancelled,
    AppointmentMade,
    AppointmentMoved,
    CancelAppointment,
    MakeAppointment,
    MoveAppointment,
)
from rujukan.domain.case.attendance import (
    AppointmentKept,
    AppointmentMissed,
    AppointmentUnclear,
    KeepAppointment,
    MissAppointment,
    RaiseAppointment,
)
from rujukan.domain.case.consents import WithdrawConsent
from rujukan.domain.case.fulfilment import (
    CompleteReferral,
    FailReferral,
    ReferralRejected,
    ReferralStarted,
    RejectReferral,
)
from rujukan.domain.case.lifecycle import CaseClosed, CaseReopened, CloseCase
from rujukan.domain.case.referrals import CancelReferral, ReferralCancelled
from rujukan.domain.case.silence import RaiseStalled, ReferralStalled
from rujukan.domain.case.stopping import StopSharing
from rujukan.domain.case.striking import EntryStruck, StrikeEntry
from rujukan.domain.codes import (
    CloseReason,
    ConsentBy,
    EndReason,
    Outcome,
    ReferralStatus,
    RejectReason,
    StopAbout,
    StruckBecause,
    Urgency,
)
from rujukan.domain.disclosure import Knowledge
from rujukan.domain.fact import Fact
from rujukan.domain.meeting_times import APPOINTMENT_TIMES
from rujukan.domain.pathways import CURRENT
from rujukan.domain.referral_codes import AppointmentBy, EndedWith
from rujukan.domain.refusal import (
    AlreadyDone,
    BeforeItsCause,
    Invalid,
    NotForThisAgency,
    StillRunning,
    Unknown,
    WrongMove,
)

S, U, BY = ReferralStatus, Urgency, AppointmentBy
ID, NEXT = an_id("appointment"), an_id("the next appointment")
AT = NOON + DAY


def on_referral(status: S = S.ACCEPTED, **of: Any) -> list[Fact]:
    first, *others = referred(status, **of)
    return [replace(first, pathway=CURRENT.version), *others]


def window(at: datetime = AT, urgency: U = U.URGENT, awaits: bool = True) -> Mapping[str, Any]:
    due = at + APPOINTMENT_TIMES.after[urgency]
    until = min(due, NOON + APPOINTMENT_TIMES.waits[urgency])
    return {"appointed_for": at, "due_at": due, "awaited_until": until if awaits else None, "rule": "2026-1"}


def made(by: str = "rsud", at: datetime = AT, id: Any = ID, **other: Any) -> tuple[AppointmentMade, str]:
    return say(AppointmentMade, appointment=id, made_by=by, **{"referral": R1, **window(at), **other}), by


MAKE = say(MakeAppointment, appointment=ID, referral=R1, appointed_for=AT, place="Poli Teratai")
KEEP = say(KeepAppointment, appointment=ID)
MISS = say(MissAppointment, AT, appointment=ID, known_from=BY.PROVIDER)
CANCEL = say(CancelAppointment, appointment=ID, changed_by=BY.PROVIDER)
MISSED = say(AppointmentMissed, AT, appointment=ID, known_from=BY.PROVIDER)
CANCELLED = say(AppointmentCancelled, appointment=ID, changed_by=BY.PROVIDER)
AFTERWARDS = later(HOSPITAL, DAY)


@pytest.mark.parametrize("by", [HOSPITAL, LEAD], ids=["recipient", "sender"])
def test_who_is_party_to_an_accepted_referral_makes_one(by: Any) -> None:
    expected, _ = made(by.agency, place="Poli Teratai")
    given(*on_referral()).when(MAKE, by=by).then(expected)


@pytest.mark.parametrize("status", [S.REQUESTED, S.RECEIVED])
def test_nobody_gives_a_time_before_somebody_took_the_referral_on(status: S) -> None:
    given(*on_referral(status)).when(MAKE).refused(WrongMove, referral=R1, status=status, move="make an appointment")


def test_without_a_referral_it_is_its_makers_own() -> None:
    expected, _ = made("uptd-ppa", referral=None, **window(AT, opened().urgency, awaits=False))
    given(opened()).when(say(MakeAppointment, appointment=ID, appointed_for=AT), by=LEAD).then(expected)


def test_it_is_not_before_it_was_made() -> None:
    before = say(MakeAppointment, appointment=ID, referral=R1, appointed_for=NOON - HOUR)
    given(*on_referral()).when(before, by=HOSPITAL).refused(Invalid)


def test_that_she_was_met_is_the_word_of_who_met_her_and_begins_the_work() -> None:
    begun = say(ReferralStarted, AT, referral=R1)
    kept = say(AppointmentKept, AT, appointment=ID)
    keep = say(KeepAppointment, AT, appointment=ID)
    given(*on_referral(), made()).when(keep, by=AFTERWARDS).then(kept, begun)
    given(*on_referral(S.IN_PROGRESS), made()).when(keep, by=AFTERWARDS).then(kept)
    given(*on_referral(), made("uptd-ppa")).when(keep, by=later(LEAD, DAY)).refused(NotForThisAgency)


@pytest.mark.parametrize("by", [AFTERWARDS, later(LEAD, DAY)], ids=["recipient", "lead"])
def test_that_she_did_not_come_may_be_known_to_either_and_begins_nothing(by: Any) -> None:
    case = given(*on_referral(), made()).when(MISS, by=by).then(MISSED)
    assert case is not None
    assert case.referrals[R1].status is S.ACCEPTED


def test_nobody_missed_what_was_not_yet() -> None:
    early = say(MissAppointment, appointment=ID, known_from=BY.PROVIDER)
    given(*on_referral(), made()).when(early, by=HOSPITAL).refused(StillRunning, due_at=AT)
    given(*on_referral(), made()).when(early, by=AFTERWARDS).refused(BeforeItsCause)


def test_one_end_is_never_made_another() -> None:
    keep = say(KeepAppointment, AT, appointment=ID)
    move = say(MoveAppointment, appointment=ID, appointed_for=AT, changed_by=BY.OTHER)
    for end in (MISSED, CANCELLED, say(AppointmentKept, AT, appointment=ID)):
        for command in (keep, MISS, CANCEL, move):
            given(*on_referral(), made(), (end, "rsud")).when(command, by=AFTERWARDS).refused(AlreadyDone)


# Once its time has come -------------------------------------------------------------------------------------------


def test_once_its_time_has_come_it_is_answered_and_not_moved() -> None:
    move = say(MoveAppointment, AT, appointment=ID, appointed_for=AT + 7 * DAY, changed_by=BY.SURVIVOR)
    given(*on_referral(), made()).when(move, by=AFTERWARDS).refused(Invalid, field="occurred_at")
    given(*on_referral(), made()).when(move, by=later(LEAD, 3 * DAY)).refused(Invalid, field="occurred_at")


def test_what_was_moved_before_and_is_entered_late_says_when_that_was_agreed_and_shows_as_late() -> None:
    agreed = {"appointment": ID, "changed_by": BY.SURVIVOR}
    move = say(MoveAppointment, AT - HOUR, appointed_for=AT + 7 * DAY, **agreed)
    moved_late = say(AppointmentMoved, AT - HOUR, after_its_time=True, **agreed, **window(AT + 7 * DAY))
    given(*on_referral(), made()).when(move, by=later(HOSPITAL, DAY + HOUR)).then(moved_late)
    in_time = say(AppointmentMoved, AT - HOUR, **agreed, **window(AT + 7 * DAY))
    given(*on_referral(), made()).when(move, by=later(HOSPITAL, DAY - HOUR)).then(in_time)


def test_what_is_cancelled_after_its_time_has_a_reason_and_shows_as_late() -> None:
    for at in (AT - HOUR, AT):
        cancel = say(CancelAppointment, at, appointment=ID, changed_by=BY.SURVIVOR)
        given(*on_referral(), made()).when(cancel, by=AFTERWARDS).refused(Invalid, field="remark")
        why = {"appointment": ID, "changed_by": BY.SURVIVOR, "remark": "She phoned the evening before."}
        cancelled = say(AppointmentCancelled, at, after_its_time=True, **why)
        given(*on_referral(), made()).when(say(CancelAppointment, at, **why), by=AFTERWARDS).then(cancelled)
    given(*on_referral(), made()).when(CANCEL, by=HOSPITAL).then(CANCELLED)


@pytest.mark.parametrize("raised", [0, 1, 3])
def test_it_is_moved_late_once_and_nobody_hides_by_that_that_she_was_not_met(raised: int) -> None:
    """That nobody says what came of it is raised at the next level, as soon as that was of any time; and what is
    cancelled before its newest time has a reason, too."""
    wish = {"appointment": ID, "changed_by": BY.SURVIVOR}
    to = AT + 5 * DAY
    moved_late = say(AppointmentMoved, AT - HOUR, after_its_time=True, **wish, **window(to))
    levels = [say(AppointmentUnclear, AT + n * DAY, appointment=ID, level=n, to="rsud") for n in range(1, raised + 1)]
    there: list[Any] = [*on_referral(), made(), *levels, (moved_late, "rsud")]
    for at in (to, to + HOUR, to + 9 * DAY):
        again = say(MoveAppointment, to - HOUR, appointed_for=at + DAY, **wish)
        given(*there).when(again, by=later(HOSPITAL, at - NOON)).refused(Invalid, field="appointed_for")
        given(*there).when(again, by=later(LEAD, at - NOON)).refused(Invalid, field="appointed_for")
    cancel = say(CancelAppointment, to - HOUR, **wish)
    by = later(HOSPITAL, to - HOUR - NOON)
    given(*there).when(cancel, by=by).refused(Invalid, field="remark")
    given(*there).when(replace(cancel, remark="She phoned."), by=by).then_only(AppointmentCancelled)
    in_time = say(MoveAppointment, to - HOUR, appointed_for=to + DAY, **wish)
    moved_in_time = say(AppointmentMoved, to - HOUR, **wish, **window(to + DAY))
    given(*there).when(in_time, by=by).then(moved_in_time)
    given(*there, (moved_in_time, "rsud")).when(cancel, by=by).refused(Invalid, field="remark")
    raise_it, due = say(RaiseAppointment, appointment=ID), to - NOON + APPOINTMENT_TIMES.after[U.URGENT]
    for level in range(raised + 1, raised + 4):
        given(*there).when_raised(raise_it, due - HOUR / 60).refused(StillRunning, due_at=NOON + due)
        unclear = say(
            AppointmentUnclear, NOON + due, appointment=ID, level=level, to="rsud" if level == 1 else "uptd-ppa"
        )
        given(*there).when_raised(raise_it, due).then(unclear)
        there.append(unclear)
        due += APPOINTMENT_TIMES.every


# Corrected -----------------------------------------------------------------------------------------------------------

KEPT = say(AppointmentKept, AT, appointment=ID)
ENDS = {"kept": KEPT, "missed": MISSED, "cancelled": CANCELLED}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_an_answer_that_was_wrong_is_struck_and_given_anew(end: Fact) -> None:
    there = [*on_referral(), made(), (end, "rsud")]
    strike = say(StrikeEntry, AT, entry=len(there), because=StruckBecause.NOT_ACCURATE)
    struck = say(EntryStruck, AT, entry=len(there), because=StruckBecause.NOT_ACCURATE)
    given(*there).when(strike, by=AFTERWARDS).then(struck)
    given(*there).when(strike, by=later(SUPERVISOR, DAY)).then(struck)
    given(*there).when(strike, by=later(POLICE, DAY)).refused(Unknown)
    anew = [*there, (struck, "rsud")]
    given(*anew).when(MISS, by=later(LEAD, DAY)).then(MISSED)
    given(*anew).when(say(KeepAppointment, AT, appointment=ID), by=AFTERWARDS).then_only(
        AppointmentKept, ReferralStarted
    )
    raised = given(*anew).when_raised(say(RaiseAppointment, appointment=ID), 2 * DAY)
    raised.then_only(AppointmentUnclear)


def test_who_was_told_what_was_wrong_is_told_that_it_is_struck() -> None:
    there = [*on_referral(), made(), (MISSED, "rsud")]
    struck = say(EntryStruck, AT, entry=len(there), because=StruckBecause.NOT_ACCURATE)
    knows, found = Knowledge(), set[str]()
    for n, entry in enumerate([*there, (struck, "rsud")], 1):
        event, author = entry if isinstance(entry, tuple) else (entry, "uptd-ppa")
        found = {each.agency for each in knows.follow(written(n, event, author)) if each.of.event == struck}
    assert found == {"rsud", "uptd-ppa"}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_who_strikes_an_answer_wins_no_time_and_moves_nothing(end: Fact) -> None:
    far = made(**window(NOON + 5 * DAY))
    there = [*on_referral(), far, (end, "rsud")]
    struck = say(EntryStruck, AT, entry=len(there), because=StruckBecause.NOT_ACCURATE)
    anew = [*there, (struck, "rsud")]
    assert the_case(*anew).referrals[R1].acts_by == the_case(*there).referrals[R1].acts_by
    move = say(MoveAppointment, AT, appointment=ID, appointed_for=NOON + 9 * DAY, changed_by=BY.SURVIVOR)
    given(*anew).when(move, by=AFTERWARDS).refused(AlreadyDone)


# With the work that it is part of ------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [CompleteReferral, FailReferral, RejectReferral, CancelReferral])
def test_what_is_still_to_come_is_cancelled_with_its_referral_by_an_event(end: type[Fact]) -> None:
    ends, by = ENDINGS[end]
    dropped = say(AppointmentCancelled, appointment=ID, changed_by=BY.OTHER, ended_with=EndedWith.REFERRAL)
    when = given(*on_referral(), made()).when(ends, by=by)
    assert when.refusal is None
    assert when.events[-1] == dropped


def test_what_is_still_to_come_is_cancelled_as_she_takes_back_what_she_agreed_to() -> None:
    """Her consent's end ends the referral, and that the appointment."""
    when = given(*on_referral(), made()).when(say(WithdrawConsent, consent=C1), by=LEAD)
    assert [type(e) for e in when.events if isinstance(e, AppointmentCancelled | ReferralCancelled)] == [
        ReferralCancelled,
        AppointmentCancelled,
    ]


@pytest.mark.parametrize("end", [CompleteReferral, FailReferral, RejectReferral, CancelReferral])
@pytest.mark.parametrize("said_at", [NOON, AT], ids=["as if before", "now"])
def test_what_had_its_time_stands_until_somebody_answers_it_whoever_ended_the_work(
    end: type[Fact], said_at: datetime
) -> None:
    ends, by = ENDINGS[end]
    after = given(*on_referral(), made()).when(replace(ends, occurred_at=said_at), by=later(by, DAY))
    assert after.refusal is None
    assert not [e for e in after.events if isinstance(e, AppointmentCancelled)]
    there = [*on_referral(), made(), *((e, by.agency) for e in after.events)]
    given(*there).when(MISS, by=AFTERWARDS).then(MISSED)
    given(*there).when(MISS, by=later(LEAD, DAY)).then(MISSED)
    given(*there).when_raised(say(RaiseAppointment, appointment=ID), 2 * DAY).then_only(AppointmentUnclear)


ENDINGS: Mapping[type[Fact], tuple[Fact, Any]] = {
    CompleteReferral: (say(CompleteReferral, referral=R1, outcome=Outcome.DID_NOT_ATTEND), HOSPITAL),
    FailReferral: (say(FailReferral, referral=R1, reason=EndReason.UNREACHABLE), HOSPITAL),
    RejectReferral: (say(RejectReferral, referral=R1, reason=RejectReason.NO_CAPACITY), HOSPITAL),
    CancelReferral: (say(CancelReferral, referral=R1, reason=EndReason.BY_SENDER), LEAD),
}


@pytest.mark.parametrize("stop", [False, True], ids=["its referral ended", "she stopped it"])
@pytest.mark.parametrize("by", [HOSPITAL, LEAD], ids=["recipient", "lead"])
def test_what_it_was_made_on_is_over_so_nobody_sets_when_she_will_be_met(by: Any, stop: bool) -> None:
    """Whom she stopped neither decides that, nor is told. What came of the time that it had is said still."""
    everything = say(
        StopSharing, AT, stop=an_id("stop"), about=StopAbout.EVERYTHING, said_by=frozenset({ConsentBy.SURVIVOR})
    )
    failed = say(FailReferral, AT, referral=R1, reason=EndReason.UNREACHABLE)
    ends, who = (everything, later(LEAD, DAY)) if stop else (failed, AFTERWARDS)
    after = given(*on_referral(), made()).when(ends, by=who)
    assert after.refusal is None
    there = [*on_referral(), made(), *((e, who.agency) for e in after.events)]
    move = say(MoveAppointment, AT - HOUR, appointment=ID, appointed_for=AT + 7 * DAY, changed_by=BY.SURVIVOR)
    then = later(by, DAY + HOUR)
    given(*there).when(move, by=then).refused(Invalid, field="appointed_for")
    given(*there).when(replace(MISS, occurred_at=AT + HOUR), by=then).then_only(AppointmentMissed)


def test_who_closes_and_reopens_a_case_again_and_again_puts_off_nothing() -> None:
    """That nobody said what came of an appointment goes on record as the case is closed: once."""
    there: list[Any] = [opened(), made("uptd-ppa", referral=None, **window(AT, opened().urgency, awaits=False))]
    for round in range(5):
        at = AT + round * HOUR / 60
        closes = given(*there).when(say(CloseCase, at, reason=CloseReason.GOALS_MET), by=later(SUPERVISOR, at - NOON))
        assert [type(e) for e in closes.events] == [CaseClosed, *([] if round else [AppointmentUnclear])]
        there += [*closes.events, say(CaseReopened, at, reason="She called.")]
    due = DAY + APPOINTMENT_TIMES.after[opened().urgency] + APPOINTMENT_TIMES.every
    given(*there).when_raised(say(RaiseAppointment, appointment=ID), due).then_only(AppointmentUnclear)


def test_a_case_that_is_closed_says_what_becomes_of_its_appointments() -> None:
    """Those to come are cancelled; of those that had their time nobody said what came of them, and that is on record.
    It can be said later, and nobody has to say another thing so that the case can be closed."""
    past = made("uptd-ppa", referral=None, **window(AT, opened().urgency, awaits=False))
    to_come = made("uptd-ppa", id=NEXT, referral=None, **window(AT + 9 * DAY, opened().urgency, awaits=False))
    closes = say(CloseCase, AT, reason=CloseReason.GOALS_MET)
    closed_now, by = say(CaseClosed, AT, reason=CloseReason.GOALS_MET), later(LEAD, DAY)
    dropped = say(AppointmentCancelled, AT, appointment=NEXT, changed_by=BY.OTHER, ended_with=EndedWith.CASE)
    unclear = say(AppointmentUnclear, AT, appointment=ID, level=1, to="uptd-ppa")
    given(opened(), past, to_come).when(closes, by=by).then(closed_now, dropped, unclear)
    there = [opened(), past, to_come, closed_now, dropped, unclear]
    given(*there).when(MISS, by=later(LEAD, 5 * DAY)).then(MISSED)
    given(*there).when_raised(say(RaiseAppointment, appointment=ID), 5 * DAY).refused(WrongMove)


def test_what_is_answered_after_its_referral_is_over_makes_nobody_wait() -> None:
    rejected = say(ReferralRejected, referral=R1, reason=RejectReason.NO_CAPACITY)
    another = made(id=NEXT, **window(NOON + 20 * DAY))
    there = [*on_referral(), made(), another, (rejected, "rsud")]
    before = the_case(*there).referrals[R1].acts_by
    assert the_case(*there, (MISSED, "rsud")).referrals[R1].acts_by == before


def test_it_is_moved_and_missed_and_each_is_an_entry_of_its_own() -> None:
    move = say(MoveAppointment, appointment=ID, appointed_for=AT + 7 * DAY, changed_by=BY.SURVIVOR)
    later_on = say(AppointmentMoved, appointment=ID, changed_by=BY.SURVIVOR, **window(AT + 7 * DAY))
    given(*on_referral(), made()).when(move, by=LEAD).then(later_on)
    given(*on_referral(), made(), (later_on, "rsud")).when(MISS, by=AFTERWARDS).refused(
        StillRunning, due_at=AT + 7 * DAY
    )


# Who knows -----------------------------------------------------------------------------------------------------


def told(*events: Fact | tuple[Fact, str]) -> dict[str, set[str]]:
    knows, found = Knowledge(), dict[str, set[str]]()
    for n, entry in enumerate(events, 1):
        event, author = entry if isinstance(entry, tuple) else (entry, "uptd-ppa")
        for each in knows.follow(written(n, event, author)):
            if type(each.of.event).__name__.startswith("Appointment"):
                found.setdefault(each.agency, set()).update(c.word for c in each.compartments)
    return found


def test_when_is_known_to_its_parties_and_where_to_who_may_know_safety() -> None:
    others = brought_to(S.ACCEPTED, an_id("another"), to="polres", of=("identity",))
    parties = [opened(), consent(to=("rsud", "polres")), *brought_to(S.ACCEPTED), *others]
    assert told(*parties, made(place="Poli Teratai")) == {
        "rsud": {"coordination", "safety"},
        "uptd-ppa": {"coordination"},
    }
    lead_may = consent(an_id("for the lead"), to="uptd-ppa", of=("safety",))
    assert told(*parties, lead_may, made(place="Poli Teratai"))["uptd-ppa"] == {"coordination", "safety"}
    assert told(*parties, made("uptd-ppa", place="di rumah aman"))["rsud"] == {"coordination"}


def test_to_all_others_there_is_none() -> None:
    for stranger in (POLICE, SCHOOL):
        given(*on_referral(), made()).when(CANCEL, by=stranger).refused(Unknown)
    known = [*on_referral(), *brought_to(S.ACCEPTED, an_id("another"), to="polres")]
    given(*known, made()).when(CANCEL, by=POLICE).refused(Unknown, what="appointment")


def test_who_sent_her_there_and_takes_part_no_more_learns_of_no_time_of_hers_and_has_no_say_in_it() -> None:
    hers = an_id("on to the police")
    sent_on = brought_to(S.ACCEPTED, hers, sender="rsud", to="polres", of=("identity",))
    there = [opened(), consent(to=("rsud", "polres")), *brought_to(S.IN_PROGRESS), *sent_on]
    gone = [*there, moved(S.COMPLETED)]
    next_time = made("polres", referral=hers)
    assert "rsud" in told(*there, next_time)
    assert told(*gone, next_time).keys() == {"polres", "uptd-ppa"}
    given(*there, next_time).when(CANCEL, by=HOSPITAL).then_only(AppointmentCancelled)
    given(*gone, next_time).when(CANCEL, by=HOSPITAL).refused(Unknown, what="appointment")


# Silence ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("urgency", list(U))
def test_a_referral_waits_for_an_appointment_and_no_longer_than_its_urgency_allows(urgency: U) -> None:
    stage, most = CURRENT.stages[S.ACCEPTED][urgency], APPOINTMENT_TIMES.waits[urgency]
    for away in (HOUR, 2 * DAY, 20 * DAY, 400 * DAY):
        case = the_case(*on_referral(urgency=urgency), made(**_due(away, urgency)))
        due = max(stage, min(away + APPOINTMENT_TIMES.after[urgency], most))
        assert case.referrals[R1].acts_by == NOON + due


def _due(away: timedelta, urgency: U) -> Mapping[str, Any]:
    most = APPOINTMENT_TIMES.waits[urgency]
    return window(NOON + away, urgency, awaits=bool(most))


@pytest.mark.parametrize("end", [MISSED, CANCELLED], ids=["missed", "cancelled"])
def test_it_waits_for_nothing_once_she_was_not_met(end: Fact) -> None:
    """It is raised when it would have been: nobody wins time by a time that they gave her."""
    stage = CURRENT.stages[S.ACCEPTED][U.URGENT]
    far = made(**window(NOON + 5 * DAY))
    assert the_case(*on_referral(), far).referrals[R1].acts_by == NOON + 5 * DAY + APPOINTMENT_TIMES.after[U.URGENT]
    events = [*on_referral(), far, (end, "rsud")]
    assert the_case(*events).referrals[R1].acts_by == NOON + stage
    given(*events).when_raised(say(RaiseStalled, referral=R1), 5 * DAY).then_only(ReferralStalled)


def test_to_move_it_again_and_again_wins_no_time() -> None:
    events: list[Any] = [*on_referral(), made(**window(NOON + 5 * DAY))]
    for n in range(6, 40):
        further = {"appointment": ID, "changed_by": BY.PROVIDER}
        move = say(MoveAppointment, NOON + DAY, appointed_for=NOON + n * DAY, **further)
        case = given(*events).when(move, by=later(HOSPITAL, DAY)).then_only(AppointmentMoved)
        assert case.referrals[R1].acts_by is not None
        assert case.referrals[R1].acts_by <= NOON + APPOINTMENT_TIMES.waits[U.URGENT]
        events.append((say(AppointmentMoved, NOON + DAY, **further, **window(NOON + n * DAY)), "rsud"))


def test_that_nobody_says_what_came_of_it_is_raised_until_somebody_does() -> None:
    events: list[Any] = [*on_referral(), made()]
    after = DAY + APPOINTMENT_TIMES.after[U.URGENT]
    raise_it = say(RaiseAppointment, appointment=ID)
    for level in range(1, 6):
        due = after + (level - 1) * APPOINTMENT_TIMES.every
        given(*events).when_raised(raise_it, due - HOUR / 60).refused(StillRunning, due_at=NOON + due)
        to = "rsud" if level == 1 else "uptd-ppa"
        raised = say(AppointmentUnclear, NOON + due, appointment=ID, level=level, to=to)
        given(*events).when_raised(raise_it, due).then(raised)
        events.append(raised)
    events.append((MISSED, "rsud"))
    given(*events).when_raised(raise_it, 30 * DAY).refused(WrongMove)


def test_what_was_not_raised_for_long_is_raised_once() -> None:
    """The escalator was away, or the case closed: nobody is told a hundred times at one moment."""
    after, every = DAY + APPOINTMENT_TIMES.after[U.URGENT], APPOINTMENT_TIMES.every
    raise_it = say(RaiseAppointment, appointment=ID)
    raised = say(AppointmentUnclear, NOON + after + 99 * every, appointment=ID, level=100, to="rsud")
    given(*on_referral(), made()).when_raised(raise_it, after + 99 * every).then(raised)
    behind = given(*on_referral(), made(), raised)
    behind.when_raised(raise_it, after + 100 * every - HOUR / 60).refused(StillRunning)
    next_one = say(AppointmentUnclear, NOON + after + 100 * every, appointment=ID, level=101, to="uptd-ppa")
    behind.when_raised(raise_it, after + 100 * every).then(next_one)


def test_what_only_the_lead_can_see_to_is_raised_to_the_lead_and_told_to_nobody_who_left() -> None:
    after = DAY + APPOINTMENT_TIMES.after[U.URGENT]
    over = [*on_referral(), made(), (replace(moved(S.FAILED), occurred_at=NOON + DAY), "rsud")]
    raised = say(AppointmentUnclear, NOON + after, appointment=ID, level=1, to="uptd-ppa")
    given(*over).when_raised(say(RaiseAppointment, appointment=ID), after).then(raised)
    knows, found = Knowledge(), set[str]()
    for n, entry in enumerate([*over, raised], start=1):
        event, author = entry if isinstance(entry, tuple) else (entry, "uptd-ppa")
        found = {each.agency for each in knows.follow(written(n, event, author)) if each.of.event == raised}
    assert found == {"uptd-ppa"}


@pytest.mark.parametrize("end", [S.REJECTED, S.FAILED])
def test_an_appointment_keeps_no_referral_that_ended_from_its_sender(end: S) -> None:
    far = made(**window(NOON + 20 * DAY, U.ROUTINE))
    events = [*on_referral(urgency=U.ROUTINE), far, (moved(end), "rsud")]
    without = [*on_referral(urgency=U.ROUTINE), (moved(end), "rsud")]
    assert the_case(*events).referrals[R1].acts_by == the_case(*without).referrals[R1].acts_by


def test_what_became_an_emergency_waits_for_no_appointment_of_when_it_was_none() -> None:
    raised = say(ReferralAmended, referral=R1, raised_to=U.EMERGENCY)
    before = [*on_referral(urgency=U.ROUTINE), made(**window(NOON + 29 * DAY, U.ROUTINE)), raised]
    soon = made(id=NEXT, **window(NOON + HOUR, U.EMERGENCY, awaits=False))
    stage = CURRENT.stages[S.ACCEPTED][U.EMERGENCY]
    assert the_case(*before).referrals[R1].acts_by == the_case(*before, soon).referrals[R1].acts_by == NOON + stage


def test_a_hold_wins_no_time_by_an_appointment() -> None:
    working, far = on_referral(S.IN_PROGRESS), made(**window(NOON + 6 * DAY))
    held = [*working, far, (moved(S.ON_HOLD), "rsud")]
    after = the_case(*held, (say(AppointmentCancelled, appointment=ID, changed_by=BY.PROVIDER), "rsud"))
    without = the_case(*working, (moved(S.ON_HOLD), "rsud"))
    assert after.referrals[R1].acts_by == without.referrals[R1].acts_by


def test_nobody_was_met_long_before_the_time() -> None:
    given(*on_referral(), made(**window(NOON + 5 * DAY))).when(KEEP, by=HOSPITAL).refused(
        StillRunning, due_at=NOON + 4 * DAY
    )
    never = say(MakeAppointment, appointment=ID, referral=R1, appointed_for=NOON + 3000 * DAY)
    given(*on_referral()).when(never).refused(Invalid, field="appointed_for")
