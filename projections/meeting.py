"""How an escalation is raised and resolved (escalations.py), and what is raised of appointments, questions and
requests to cancel."""

from typing import LiteralString
from uuid import UUID

from ..domain.case.appointments import AppointmentCancelled, AppointmentMade, AppointmentMoved
from ..domain.case.attendance import AppointmentKept, AppointmentMissed, AppointmentUnclear
from ..domain.case.cancelling import CancellationDeclined, CancellationStep, CancellationUnanswered
from ..domain.case.questions import QuestionAnswered, Questions, QuestionUnanswered
from ..domain.casefile.appointed import Appointments, AppointmentStep, met_by
from ..domain.casefile.state import Case, Status
from ..domain.disclosure import Written
from ..domain.fact import ReferralId
from .projection import Tables

STALLED, QUESTION, CANCELLATION = "stalled", "question", "cancellation"
MISSED, CANCELLED, UNCLEAR = "appointment-missed", "appointment-cancelled", "appointment-unclear"
MOVED_LATE = "appointment-moved-late"
TAKEN_IN = (AppointmentStep, QuestionUnanswered, QuestionAnswered, CancellationStep)
"""What `raise_or_resolve` takes in."""
NOT_MET = [MISSED, CANCELLED]

RAISE: LiteralString = """
    INSERT INTO escalation (case_id, kind, subject, level, recipient, lead, raised_at, position)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (case_id, kind, subject, level, recipient) DO UPDATE
    SET lead = excluded.lead, raised_at = excluded.raised_at, position = excluded.position, resolved_at = NULL
    WHERE escalation.resolved_at IS NOT NULL
"""
"""What was resolved and is raised again is raised anew."""
RESOLVE: LiteralString = "UPDATE escalation SET resolved_at = %s WHERE case_id = %s AND resolved_at IS NULL"


def on_referral(case: Case, referral: ReferralId) -> list[UUID]:
    """Appointments and questions on that referral."""
    made = [each.id for each in case.of(Appointments).made.values() if each.referral == referral]
    return [*made, *(each.id for each in case.of(Questions).asked.values() if each.referral == referral)]


def raise_or_resolve(db: Tables, case: Case, written: Written) -> None:
    """Take in what happened to an appointment, a question, or a request to cancel."""
    match event := written.event:
        case AppointmentStep():
            _appointment(db, case, written, event)
        case QuestionUnanswered():
            row = (written.stream, QUESTION, event.question, event.level, event.to, case.lead)
            db.execute(RAISE, (*row, written.at, written.position))
        case QuestionAnswered():
            of = (written.at, written.stream, QUESTION, event.question)
            db.execute(RESOLVE + " AND kind = %s AND subject = %s", of)
        case CancellationUnanswered():
            asked = (written.stream, CANCELLATION, event.referral, event.level, event.to, case.lead)
            db.execute(RAISE, (*asked, written.at, written.position))
        case CancellationDeclined():
            declined = (written.at, written.stream, CANCELLATION, event.referral)
            db.execute(RESOLVE + " AND kind = %s AND subject = %s", declined)


def _appointment(db: Tables, case: Case, written: Written, event: AppointmentStep) -> None:
    """That she was not met is raised at once, to who was to meet her and to the lead, until she has another
    appointment, or comes; that it was moved when its time had come, and that nobody says what came of it, until
    somebody does. Where its referral or the case is over, nobody is there any more to raise it to."""
    stream, at, place = written.stream, written.at, written.position
    appointment = case.of(Appointments).made[event.appointment]
    here = met_by(case, appointment)
    is_open = case.status is Status.OPEN
    if isinstance(event, AppointmentUnclear) and is_open:
        db.execute(RAISE, (stream, UNCLEAR, event.appointment, event.level, event.to, case.lead, at, place))
    if isinstance(event, AppointmentUnclear):
        return
    if isinstance(event, AppointmentKept) and appointment.referral is not None:  # she was met: it is worked on
        db.execute(RESOLVE + " AND kind = %s AND subject = %s", (at, stream, STALLED, appointment.referral))
    if isinstance(event, AppointmentMade | AppointmentKept):  # that she was not met before is seen to
        on = (appointment.referral, here)
        before = [a.id for a in case.of(Appointments).made.values() if (a.referral, met_by(case, a)) == on]
        db.execute(RESOLVE + " AND kind = ANY(%s) AND subject = ANY(%s)", (at, stream, NOT_MET, before))
    stays = [MOVED_LATE] if isinstance(event, AppointmentMoved) else []  # until it is known what came of it
    db.execute(RESOLVE + " AND subject = %s AND kind <> ALL(%s)", (at, stream, event.appointment, stays))
    if is_open and (kind := _not_met(event)) is not None:
        db.execute(RAISE, (stream, kind, event.appointment, 1, here, case.lead, at, place))
        if here != case.lead:
            db.execute(RAISE, (stream, kind, event.appointment, 2, "", case.lead, at, place))


def _not_met(event: AppointmentStep) -> str | None:
    match event:
        case AppointmentMissed():
            return MISSED
        case AppointmentCancelled() if event.ended_with is None:
            return CANCELLED
        case AppointmentMoved() if event.after_its_time:
            return MOVED_LATE
    return None
