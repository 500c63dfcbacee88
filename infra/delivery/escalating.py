"""The process manager that turns clocks into events.

It remembers nothing: the lists say what is due (`projections`), and the log says what was raised. So it can be killed
at any moment, and several may run: each looks, each decides, and the version of the case's stream lets one of them
write. The others decide anew on the case as it is then, and the rules refuse to raise the same thing twice.
"""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from threading import Event
from typing import NamedTuple
from uuid import UUID, uuid4

from msgspec.structs import replace

from ... import projections
from ...api.application.casework import Casework
from ...api.application.kinds import CASE, NOTICE
from ...api.application.of_one_case import not_carried
from ...api.application.ports import Clock, Gone, Moved, Unavailable, Unreadable
from ...domain.case import stopping
from ...domain.case.ages import WarnOfMajority
from ...domain.case.attendance import RaiseAppointment
from ...domain.case.beginning import BeginDuties
from ...domain.case.cancelling import RaiseCancellation
from ...domain.case.consents import ExpireConsent
from ...domain.case.departing import LapseAssignment
from ...domain.case.expiring import WarnOfExpiry
from ...domain.case.glass import RaiseGlassReview
from ...domain.case.keeping import AskToConfirmHold, LapseHold
from ...domain.case.overrides import RaiseOverrideReview
from ...domain.case.questions import QuestionId, RaiseQuestion
from ...domain.case.reminders import HIGHEST_ESCALATION, EscalateReferral, RaiseUndelivered
from ...domain.case.reminding import RemindOfClock
from ...domain.case.rights import RaiseRight, RightId
from ...domain.case.silence import RaiseStalled
from ...domain.case.staffing import CarryExclusion
from ...domain.case.uncovered import EndAnnouncedReferral
from ...domain.casefile import judging
from ...domain.casefile.appointed import AppointmentId
from ...domain.casefile.clocks import RaiseClock
from ...domain.fact import ActorId, CaseId, ClockId, ConsentId, Fact, GlassId, HoldId, ReferralId, StopId
from ...domain.meeting_times import APPOINTMENT_TIMES
from ...domain.notices import GiveNotice, NoticeId
from ...domain.pathways import CONSENT_TIMES
from ...domain.refusal import ConsentNotLive, Refusal, Unknown
from ...projections import (
    appointments,
    coming_of_age,
    deliveries,
    emergencies,
    escalations,
    expiring,
    legal_holds,
    notices,
    questions,
    referral_box,
    rights,
    staff,
    stops,
)
from .. import database
from ..positions import EXPIRIES, Positions
from ..store.event_store import Damage, EventStore
from ..store.examining import damage_of
from ..store.following import AWAY
from ..system_act import system_act
from ..unforeseen import where
from . import kept
from .facts import look_at, set_aside

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
LISTS = tuple(
    p.name
    for p in (
        projections.CaseStaff,
        projections.Retention,
        projections.Caseload,
        projections.Directory,
        projections.ReferralBox,
        projections.Deliveries,
        projections.Escalations,
        projections.AppointmentList,
        projections.QuestionList,
        projections.Holdings,
        projections.Notices,
        projections.WaitingStops,
        projections.AskedRights,
        projections.ExpiringConsents,
        projections.LegalHolds,
        projections.ComingOfAge,
    )
)
TOLD_WITHIN = timedelta(days=31)
"""What is older is told to nobody any more: a release that finds more tells no old stories."""
CATCH_UP_SECONDS = 5.0
"""How long it waits for the lists before it goes by older ones: better to raise what was answered a moment ago (the
rules refuse most of that) than to raise nothing while a list is built anew."""


class Due(NamedTuple):
    """Something that ran out."""

    case: UUID
    command: Fact


class Escalator:
    """Looks for what ran out, and raises it. Belongs to one thread."""

    def __init__(self, casework: Casework, store: EventStore, now: Clock, positions: Positions) -> None:
        self._positions = positions
        self._casework = casework
        self._store = store
        self._now = now

    def run(self, stop: Event, seconds: float = LOOK_SECONDS) -> None:
        """Look every few seconds until told to stop."""
        while not stop.wait(seconds):
            self.once(stop.is_set)

    def once(self, halted: Callable[[], bool] = lambda: False) -> int:
        """One pass: raise what is due now. Returns how much was raised."""
        now = self._now()
        raised = self._expire(now, halted)
        for case, command in self.due(now):
            if halted():
                break
            raised += self._raise(case, command, now)
        return raised + self._tell(now, halted)

    def _expire(self, now: datetime, halted: Callable[[], bool]) -> int:
        """Put on record which consents ran out: before all else, as what was told on them waits for it. Returns of how
        many that was done."""
        with self._store.pool.connection() as db:
            expired = kept.whole_rows(db, self._positions, EXPIRIES, _EXPIRED, (now,))
        done = 0
        for case, consent, _ in expired:
            if halted():
                break
            command = ExpireConsent(occurred_at=now, consent=ConsentId(consent))
            act = replace(system_act(), at=now)
            try:
                self._casework.handle(CASE, CaseId(case), command, act, correlation=uuid4())
                done += 1
            except (Unknown, ConsentNotLive, Gone):  # it was erased, or ended otherwise
                with database.brief(self._store.pool) as db:
                    kept.put_expiries(db, self._positions, {(case, consent): None})
            except (Refusal, Moved) as not_now:
                log.info("a consent that ran out is not put on record yet: %s", type(not_now).__name__)
            except (*database.AWAY, Unavailable):
                raise
            except AWAY as away:  # it says nothing of this case, and the others need not wait for it
                log.warning("a consent that ran out is not put on record yet: %s", type(away).__name__)
            except Exception as problem:  # what was told on it nobody can know: the case is set aside
                if (damage := damage_of(self._store, case)) is not None and damage.later:
                    log.warning("a consent that ran out is not put on record yet: %s", damage.why)
                    continue
                look_at(self._store, self._store.pool, case)
                with self._store.pool.connection() as db:
                    if (last := db.execute(_LAST, (case,)).fetchone()) is not None:
                        position, version, topic = last
                        set_aside(db, [Damage(position, case, version, topic, where(problem))])
        return done

    def _tell(self, now: datetime, halted: Callable[[], bool]) -> int:
        """Tell the people concerned what is allowed and unusual. Returns of how much that was done."""
        with self._store.pool.connection() as db:
            untold = notices.untold(db, now - TOLD_WITHIN)
        told = 0
        for found in untold:
            if halted():
                break
            fields = found._asdict() | {"actor": ActorId(found.actor)}
            notice = GiveNotice(occurred_at=now, **fields)
            act = replace(system_act(), at=now)
            try:
                id = NoticeId(found.deed, found.rule, found.agency)
                self._casework.handle(NOTICE, id, notice, act, correlation=uuid4())
                told += 1
            except (Refusal, Moved) as moved_on:  # another one told it
                log.info("not told: %s", type(moved_on).__name__)
            except (*database.AWAY, Unavailable):
                raise
            except Exception as unforeseen:  # one that cannot be told keeps none of the others
                log.error("not told: unforeseen %s", where(unforeseen))
        return told

    def due(self, now: datetime) -> Iterator[Due]:
        """What ran out by now and was not raised as often as it should be."""
        with self._store.pool.connection() as db:
            if not projections.wait_for(db, self._store.head(), LISTS, CATCH_UP_SECONDS):
                log.warning("escalating by lists that are behind the log")
            late = deliveries.undelivered(db, now, HIGHEST_ESCALATION)
            unanswered = referral_box.unanswered(db, now, HIGHEST_ESCALATION)
            stalled = referral_box.stalled(db, now)
            asked, to_cancel = questions.unanswered(db, now), referral_box.not_cancelled(db, now)
            unclear = appointments.unclear(db, now, APPOINTMENT_TIMES.every)
            ran_out, reminders = escalations.ran_out(db, now), escalations.to_remind_of(db, now)
            announced, begun = escalations.announced(db, now), escalations.to_begin(db)
            waiting = stops.waiting(db, now, CONSENT_TIMES.answer, stopping.HIGHEST_REMINDER)
            asked_rights = rights.to_raise(db, now)
            ending = expiring.to_warn_of(db, now)
            grown_up = coming_of_age.to_say(db, now)
            unreviewed = emergencies.unreviewed(db, now, judging.WITHIN, judging.HIGHEST_REMINDER)
            unjudged = escalations.unjudged(db, now, judging.WITHIN, judging.HIGHEST_REMINDER)
            gone = staff.who_left(db)
            apart = staff.kept_apart(db)
            unkept, lapsed = legal_holds.to_ask_about(db, now), legal_holds.lapsed(db, now)
        for case in apart:
            yield from self._not_carried(CaseId(case), now)
        for case in begun:
            yield Due(case, BeginDuties(occurred_at=now))
        for case, agency, person in gone:
            yield Due(case, LapseAssignment(occurred_at=now, agency=agency, person=ActorId(person)))
        for case, hold in unkept:
            yield Due(case, AskToConfirmHold(occurred_at=now, hold=HoldId(hold)))
        for case, hold in lapsed:
            yield Due(case, LapseHold(occurred_at=now, hold=HoldId(hold)))
        for case, stop in waiting:
            yield Due(case, stopping.RaiseStop(occurred_at=now, stop=StopId(stop)))
        for case, right in asked_rights:
            yield Due(case, RaiseRight(occurred_at=now, right=RightId(right)))
        for case, consent in ending:
            yield Due(case, WarnOfExpiry(occurred_at=now, consent=ConsentId(consent)))
        for case in grown_up:
            yield Due(case, WarnOfMajority(occurred_at=now))
        for case, referral in late:
            yield Due(case, RaiseUndelivered(occurred_at=now, referral=ReferralId(referral)))
        for case, referral in unanswered:
            yield Due(case, EscalateReferral(occurred_at=now, referral=ReferralId(referral)))
        for case, referral in stalled:
            yield Due(case, RaiseStalled(occurred_at=now, referral=ReferralId(referral)))
        for case, question in asked:
            yield Due(case, RaiseQuestion(occurred_at=now, question=QuestionId(question)))
        for case, referral in to_cancel:
            yield Due(case, RaiseCancellation(occurred_at=now, referral=ReferralId(referral)))
        for case, appointment in unclear:
            yield Due(case, RaiseAppointment(occurred_at=now, appointment=AppointmentId(appointment)))
        for case, referral in announced:
            yield Due(case, EndAnnouncedReferral(occurred_at=now, referral=ReferralId(referral)))
        for case, clock in ran_out:
            yield Due(case, RaiseClock(occurred_at=now, clock=ClockId(clock)))
        for case, clock in reminders:
            yield Due(case, RemindOfClock(occurred_at=now, clock=ClockId(clock)))
        for case, glass in unreviewed:
            yield Due(case, RaiseGlassReview(occurred_at=now, glass=GlassId(glass)))
        for case, consent in unjudged:
            yield Due(case, RaiseOverrideReview(occurred_at=now, consent=ConsentId(consent)))

    def _not_carried(self, case: CaseId, now: datetime) -> Iterator[Due]:
        """Exclusions that another file of the same case has, and that one has not, or the other way round."""
        try:
            found = not_carried(self._casework, case)
        except Unreadable:
            return
        for file, excluded in found:
            names = (name for name in CarryExclusion.__struct_fields__ if name != "occurred_at")
            fields = {name: getattr(excluded, name) for name in names}
            yield Due(file, CarryExclusion(occurred_at=now, **fields))

    def _raise(self, case: UUID, command: Fact, now: datetime) -> bool:
        try:
            self._casework.handle(CASE, CaseId(case), command, replace(system_act(), at=now), correlation=uuid4())
        except (Refusal, Moved, Gone) as moved_on:
            log.info("not raised: %s", type(moved_on).__name__)
            return False
        except Unreadable:
            look_at(self._store, self._store.pool, case)  # it is named then, and nobody waits for its consents to end
            return False
        except (*database.AWAY, Unavailable):
            raise
        except Exception as unforeseen:  # one case that cannot be read keeps none of the others from being raised
            log.error("not raised: unforeseen %s", where(unforeseen))
            return False
        return True


_LAST = (
    "SELECT notification_id, originator_version, topic FROM log.stored_events WHERE originator_id = %s"
    " ORDER BY originator_version DESC LIMIT 1"
)
_EXPIRED = (
    "expires_at <= %s AND NOT EXISTS (SELECT FROM delivery.damaged d"
    " WHERE d.stream = case_id AND d.repaired_at IS NULL) ORDER BY expires_at LIMIT 1000"
)
