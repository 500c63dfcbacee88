"""Clocks become events: on a clock that the tests turn, against a real PostgreSQL."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from threading import Barrier, Event, Thread
from typing import Any, NamedTuple, cast
from uuid import UUID, uuid4

import psycopg
import pytest
from damaging import damaged_streams
from office import HOUR, MINUTE, Office, catch_up, clocks_of, dump, opened_office, opened_runner, until
from patience import PATIENCE_SECONDS
from some import some

from rujukan.api.application.acknowledgements import Acknowledgements
from rujukan.api.application.casework import Casework, Done
from rujukan.api.application.ports import Changes
from rujukan.domain.case.cancelling import (
    AskCancellation,
    CancellationAsked,
    CancellationUnanswered,
    DeclineCancellation,
)
from rujukan.domain.case.consents import ConsentGiven, WithdrawConsent
from rujukan.domain.case.fulfilment import AcceptReferral, ReceiveReferral, StartReferral
from rujukan.domain.case.glass import RaiseGlassReview, ReviewGlass
from rujukan.domain.case.holds import PlaceLegalHold
from rujukan.domain.case.incidents import RecordIncident
from rujukan.domain.case.intake import CaseOpened
from rujukan.domain.case.keeping import HoldConfirmationDue, HoldConfirmed, HoldLapsed
from rujukan.domain.case.lead import AcceptLeadTransfer, AskLeadTransfer
from rujukan.domain.case.lifecycle import CloseCase, ReopenCase
from rujukan.domain.case.merging import MergeCase
from rujukan.domain.case.notes import NoteRecorded, RecordNote
from rujukan.domain.case.orders import RecordProtectionOrder
from rujukan.domain.case.overrides import OverrideConsent, OverrideReviewOverdue, ReviewOverride
from rujukan.domain.case.referrals import CancelReferral, ReferralSent, SendReferral
from rujukan.domain.case.reminders import EscalateReferral, ReferralEscalated, ReferralUndelivered
from rujukan.domain.case.staffing import PersonExcluded
from rujukan.domain.case.striking import StrikeEntry
from rujukan.domain.case.uncovered import EndUncoveredReferral, UncoveredEndAnnounced, UncoveredReferralEnded
from rujukan.domain.casefile.clocks import ClockOverdue, ClockResumed, ClockStarted
from rujukan.domain.clock_codes import ClockDuty, OrderKind
from rujukan.domain.codes import (
    AgencyKind,
    CloseReason,
    EndReason,
    GlassVerdict,
    HoldKind,
    Purpose,
    Role,
    Service,
    SharingBasis,
    StruckBecause,
    Urgency,
)
from rujukan.domain.declaring import event_type
from rujukan.domain.delivery import AcknowledgeDeliveries, Failure, Mark, Marks
from rujukan.domain.disclosure import Written
from rujukan.domain.fact import ActorId, CaseId, ExclusionId, Fact, ReferralId
from rujukan.domain.pathways import CLOCK_STEPS, HOLD_TIMES
from rujukan.domain.violence import GbvType, ToldBy, ViolenceForm
from rujukan.infra import composition
from rujukan.infra.database import FOLLOWER, as_role
from rujukan.infra.delivery.escalating import Escalator
from rujukan.infra.keys.home import UnwrapFailed
from rujukan.infra.settings import Settings
from rujukan.infra.system_act import SYSTEM_AGENCY
from rujukan.projections import deliveries, escalations, legal_holds, referral_box

DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)
RAISED = (ReferralUndelivered, ReferralEscalated, ClockOverdue)
WINDOW = 10 * MINUTE
"""In which the recipient's system is to say that an emergency referral arrived."""


class Tower:
    """Where time is turned. What it raises is what a worker would raise at that time."""

    def __init__(self, office: Office, settings: Settings) -> None:
        self.office, self.settings = office, settings
        self.now = composition.now()
        self.acknowledgements = Acknowledgements(office.casework, office.ports.deliveries)

    def refers(self, case: UUID, to: str = "rsud", urgency: Urgency = Urgency.EMERGENCY, **fields: object) -> UUID:
        service = {"rsud": Service.HEALTH, "polres": Service.LAW_ENFORCEMENT, "disdik": Service.EDUCATION}[to]
        self.office.consents(case, to, "incident")
        referral = self.office.refers(case, to, service, urgency=urgency, **fields)
        self.now = composition.now()  # not before it was recorded
        return referral

    def opens(self) -> UUID:
        return self.office.opens(composition.now())

    def turns(self, to: datetime) -> int:
        """Turn the clock there and look once, as a worker that just started does."""
        self.now = to
        catch_up(self.settings)
        with composition.follower(self.settings) as source:
            return Escalator(self.office.casework, source.store, lambda: self.now, source.positions).once()

    def raised(self, case: UUID) -> list[Fact]:
        kinds = ReferralUndelivered | ReferralEscalated | ClockOverdue
        return [w.event for w in self.office.ports.log.read(case) if isinstance(w.event, kinds)]

    def sent_at(self, case: UUID, referral: UUID) -> datetime:
        """When the sending was recorded."""
        return next(
            w.at
            for w in self.office.ports.log.read(case)
            if isinstance(w.event, ReferralSent) and w.event.referral == referral
        )

    def told(self, agency: str, case: UUID, topic: type[Fact]) -> int:
        """The sequence under which the agency was told of the case's last event of a kind."""
        position = max(w.position for w in self.office.ports.log.read(case) if isinstance(w.event, topic))
        until(lambda: self._sequence(agency, position) is not None)
        sequence = self._sequence(agency, position)
        assert sequence is not None
        return sequence

    def _sequence(self, agency: str, position: int) -> int | None:
        with self.office.ports.views.acting_for(agency) as db:
            row = db.execute(
                "SELECT min(sequence) FROM delivery.told WHERE agency = %s AND position = %s", (agency, position)
            ).fetchone()
        return row[0] if row else None

    def acknowledges(
        self, agency: str, received: int | None = None, handled: int | None = None, **more: object
    ) -> Marks:
        """As the agency's system does, which has the receipts from the deliveries that it opened."""
        shown = self.office.ports.deliveries.told(agency, [n for n in (received, handled) if n]).receipts
        act = self.office.act(agency, Role.INTEGRATOR)
        marks = {name: Mark(n, shown[n]) for name, n in (("received", received), ("handled", handled)) if n is not None}
        command = AcknowledgeDeliveries(occurred_at=act.at, **marks, **more)
        return self.acknowledgements.take(agency, command, act, uuid4())

    def sees(
        self, agency: str, case: UUID, *, all: bool = True, leading: bool = False, of: str = ""
    ) -> list[tuple[str, int, str, bool]]:
        """(kind, level, relation, resolved) of what was raised to the agency, the first first; `of`: of that kind
        alone. Referrals on which nobody acted, and clocks that run out soon, are left out else."""
        catch_up(self.settings)
        with self.office.ports.views.acting_for(agency) as db:
            found = escalations.escalations(db, all=all, leading_only=leading, limit=500)
        rows = [(x.kind, x.level, x.relation, x.resolved_at is not None) for x in found if x.case == case]
        return [row for row in rows if (row[0] == of if of else row[0] not in ("stalled", "clock-soon"))][::-1]

    def outbox(self, agency: str, referral: UUID, now: datetime | None = None) -> referral_box.ReferralEntry:
        return self._entry(agency, "out", referral, now)

    def inbox(self, agency: str, referral: UUID) -> referral_box.ReferralEntry:
        return self._entry(agency, "in", referral, None)

    def _entry(self, agency: str, box: str, referral: UUID, now: datetime | None) -> referral_box.ReferralEntry:
        catch_up(self.settings)
        with self.office.ports.views.acting_for(agency) as db:
            found = referral_box.referrals(db, box, now or composition.now(), limit=500)
        return next(entry for entry in found if entry.referral == referral)

    def of_case(self, agency: str, case: UUID) -> dict[str, deliveries.DeliveryEntry]:
        catch_up(self.settings)
        with self.office.ports.views.acting_for(agency) as db:
            return {entry.agency: entry for entry in deliveries.of_case(db, case)}


@pytest.fixture(scope="module")
def tower(settings: Settings) -> Iterator[Tower]:
    stop = Event()
    with opened_office(settings) as office:
        keeper = Thread(target=composition.keep_register, args=(settings, stop), daemon=True)
        keeper.start()
        yield Tower(office, settings)
        stop.set()
        keeper.join(PATIENCE_SECONDS)


@pytest.mark.thorough
def test_what_one_person_did_alone_and_nobody_judged_in_time_goes_to_the_lead(tower: Tower) -> None:
    """An opening in an emergency and a sharing without consent; again each time, also once the case ended."""
    office, case, consent = tower.office, tower.opens(), uuid4()
    referral = tower.refers(case)
    glass = office.breaks_glass("lbh", case, "health")
    shares = {"compartments": frozenset({"incident"}), "recipients": frozenset({"polres"})}
    shares |= {"purposes": frozenset({Purpose.PROTECTION}), "basis": SharingBasis.IMMINENT_DANGER}
    office.does("rsud", case, OverrideConsent, consent=consent, rule="r", reason="r", **shares)
    by = composition.now() + 3 * DAY

    def raised(agency: str) -> list[tuple[str, int, str, bool]]:
        return sorted(row for row in tower.sees(agency, case) if row[0].endswith("-review"))

    tower.turns(by - MINUTE)
    assert raised("uptd-ppa") == []
    tower.turns(by)
    kinds = ("glass-review", "sharing-review")
    assert raised("uptd-ppa") == [(kind, 2, "lead", False) for kind in kinds]
    assert raised("rsud") == [("sharing-review", 1, "recipient", False)]
    assert raised("lbh") == [("glass-review", 1, "recipient", False)]
    assert raised("polres") == []
    tower.turns(by + 3 * DAY)
    assert [row[:2] for row in raised("uptd-ppa")] == [(kind, level) for kind in kinds for level in (2, 3)]
    assert len(raised("rsud")) == len(raised("lbh")) == 1
    assert tower.told("uptd-ppa", case, OverrideReviewOverdue)
    judged = {"verdict": GlassVerdict.JUSTIFIED, "remark": "r", "role": Role.DATA_PROTECTION_OFFICER}
    office.does("uptd-ppa", case, ReviewOverride, consent=consent, **judged)
    office.does("uptd-ppa", case, CancelReferral, referral=referral, reason=EndReason.WAITING)
    office.does("uptd-ppa", case, CloseCase, reason=CloseReason.GOALS_MET)
    assert [(kind, over) for kind, _, _, over in raised("uptd-ppa")] == [
        (kind, kind == "sharing-review") for kind in kinds for _ in range(2)
    ]
    office.does("uptd-ppa", case, ReviewGlass, glass=glass, **judged)
    assert all(over for _, _, _, over in (*raised("uptd-ppa"), *raised("rsud"), *raised("lbh")))


def test_an_emergency_that_does_not_arrive_goes_to_the_recipient_and_then_to_the_lead(tower: Tower) -> None:
    case = tower.opens()
    referral = tower.refers(case)
    sent = tower.sent_at(case, referral)
    tower.turns(sent + WINDOW - INSTANT)
    assert tower.raised(case) == []
    for level, to in ((1, "rsud"), (2, "uptd-ppa"), (3, "uptd-ppa")):
        tower.turns(sent + level * WINDOW - INSTANT)
        assert len(tower.raised(case)) == level - 1
        tower.turns(sent + level * WINDOW)
        last = tower.raised(case)[-1]
        assert isinstance(last, ReferralUndelivered)
        assert (last.referral, last.level, last.to) == (referral, level, to)
        tower.turns(sent + level * WINDOW)
        assert len(tower.raised(case)) == level, "once for each time that the window passes"
    tower.turns(sent + HOUR - INSTANT)
    assert len(tower.raised(case)) == 3


@pytest.mark.thorough
def test_silence_after_that_is_raised_too_and_counts_apart(tower: Tower) -> None:
    case = tower.opens()
    referral = tower.refers(case)
    tower.turns(tower.sent_at(case, referral) + 2 * HOUR)
    levels = [(type(x).__name__, x.level) for x in tower.raised(case)]
    assert levels == [("ReferralUndelivered", 1), ("ReferralEscalated", 1)], "one level a pass"
    for _ in range(3):
        tower.turns(tower.sent_at(case, referral) + 2 * HOUR)
    assert [x.level for x in tower.raised(case) if isinstance(x, ReferralUndelivered)] == [1, 2, 3]
    assert [x.level for x in tower.raised(case) if isinstance(x, ReferralEscalated)] == [1, 2]


@pytest.mark.thorough
def test_one_that_arrived_is_not_raised_and_its_sender_sees_when(tower: Tower) -> None:
    case = tower.opens()
    referral = tower.refers(case)
    number = tower.told("rsud", case, ReferralSent)
    before = tower.outbox("uptd-ppa", referral)
    assert (before.received_at, before.handled_at, before.undelivered) == (None, None, False)
    late = tower.sent_at(case, referral) + WINDOW
    assert tower.outbox("uptd-ppa", referral, late).undelivered
    assert tower.acknowledges("rsud", received=number).received == number
    arrived = tower.outbox("uptd-ppa", referral, late)
    assert arrived.received_at is not None
    assert (arrived.handled_at, arrived.undelivered) == (None, False)
    tower.acknowledges("rsud", handled=number)
    opened = tower.outbox("uptd-ppa", referral)
    assert opened.handled_at is not None
    assert opened.handled_at > arrived.received_at == opened.received_at
    theirs = tower.inbox("rsud", referral)
    assert (theirs.received_at, theirs.handled_at) == (None, None), "it is the sender's to see"
    tower.turns(late + 2 * WINDOW)
    assert tower.raised(case) == []


@pytest.mark.thorough
def test_one_that_arrives_late_is_raised_no_more_and_resolved(tower: Tower) -> None:
    case = tower.opens()
    referral = tower.refers(case)
    tower.turns(tower.sent_at(case, referral) + WINDOW)
    tower.turns(tower.sent_at(case, referral) + 2 * WINDOW)
    assert tower.sees("rsud", case) == [("undelivered", 1, "recipient", False), ("undelivered", 2, "recipient", False)]
    tower.acknowledges("rsud", received=tower.told("rsud", case, ReferralSent))
    tower.turns(tower.sent_at(case, referral) + 5 * WINDOW)
    assert len(tower.raised(case)) == 2
    assert tower.sees("rsud", case) == [("undelivered", 1, "recipient", True), ("undelivered", 2, "recipient", True)]
    assert tower.sees("uptd-ppa", case) == [("undelivered", 2, "lead", True)]
    assert tower.sees("uptd-ppa", case, all=False) == []


@pytest.mark.thorough
def test_one_that_could_not_be_opened_did_not_arrive_whatever_mark_goes_past_it(tower: Tower) -> None:
    case = tower.opens()
    referral = tower.refers(case)
    number = tower.told("rsud", case, ReferralSent)
    tower.office.does("uptd-ppa", case, RecordNote, note=uuid4(), incident="more")
    further = tower.told("rsud", case, NoteRecorded)
    assert further > number
    tower.acknowledges("rsud", received=further, handled=further, failed=(Failure(number, "cannot-open"),))
    entry = tower.outbox("uptd-ppa", referral)
    assert (entry.received_at, entry.handled_at, entry.delivery_failed) == (None, None, "cannot-open")
    tower.turns(tower.sent_at(case, referral) + WINDOW)
    assert [type(x).__name__ for x in tower.raised(case)] == ["ReferralUndelivered"]
    assert tower.of_case("uptd-ppa", case)["rsud"].failed == 1
    tower.acknowledges("rsud", recovered=(number,))
    entry = tower.outbox("uptd-ppa", referral)
    assert entry.received_at is not None
    assert entry.delivery_failed is None
    assert tower.of_case("uptd-ppa", case)["rsud"].failed == 0


def test_one_that_arrived_and_that_no_handler_took_arrived(tower: Tower) -> None:
    case = tower.opens()
    referral = tower.refers(case)
    number = tower.told("rsud", case, ReferralSent)
    tower.acknowledges("rsud", handled=number, failed=(Failure(number, "handler-failed"),))
    entry = tower.outbox("uptd-ppa", referral)
    assert entry.received_at is not None
    assert (entry.handled_at, entry.delivery_failed) == (None, "handler-failed")
    tower.turns(tower.sent_at(case, referral) + WINDOW)
    assert tower.raised(case) == []


@pytest.mark.thorough
@pytest.mark.parametrize("answer", ["receipt", "cancelling"])
def test_an_answer_ends_it(tower: Tower, answer: str) -> None:
    case = tower.opens()
    referral = tower.refers(case)
    tower.turns(tower.sent_at(case, referral) + HOUR)
    tower.turns(tower.sent_at(case, referral) + HOUR)
    if answer == "receipt":
        tower.office.does("rsud", case, ReceiveReferral, referral=referral)
    else:
        tower.office.does("uptd-ppa", case, CancelReferral, referral=referral, reason=EndReason.BY_SENDER)
    before = len(tower.raised(case))
    tower.turns(tower.sent_at(case, referral) + 5 * HOUR)
    assert len(tower.raised(case)) == before
    seen = tower.sees("rsud", case)
    assert {(kind, resolved) for kind, _, _, resolved in seen} == {("undelivered", True), ("unanswered", True)}


def test_an_agency_that_never_acknowledged_anything_is_no_exception(tower: Tower) -> None:
    case = tower.opens()
    referral = tower.refers(case, to="polres", urgency=Urgency.URGENT)
    sent = tower.sent_at(case, referral)
    tower.turns(sent + 2 * HOUR - INSTANT)
    assert tower.raised(case) == []
    tower.turns(sent + 2 * HOUR)
    assert [x.to for x in tower.raised(case) if isinstance(x, ReferralUndelivered)] == ["polres"]


@pytest.mark.thorough
def test_one_that_was_written_down_afterwards_is_late_from_when_it_was_written(tower: Tower) -> None:
    """Nothing can arrive, or be answered, before it is told, though it was sent on paper yesterday."""
    now = composition.now()
    ago = now - 5 * HOUR
    case, referral = tower.office.opens(ago), uuid4()
    tower.office.consents(case, "rsud", "incident", at=ago)
    about = {"referral": referral, "urgency": Urgency.EMERGENCY, "at": ago}
    tower.office.drafts(case, "rsud", Service.HEALTH, **about)
    tower.office.does("uptd-ppa", case, SendReferral, ago, recorded_at=now, referral=referral)
    sent = tower.sent_at(case, referral)
    tower.turns(sent + WINDOW - INSTANT)
    assert tower.raised(case) == []
    tower.turns(sent + WINDOW)
    assert [type(x).__name__ for x in tower.raised(case)] == ["ReferralUndelivered"]
    tower.turns(sent + HOUR - INSTANT)
    assert "ReferralEscalated" not in {type(x).__name__ for x in tower.raised(case)}
    for level in (1, 2, 3):
        tower.turns(sent + level * HOUR)
        assert [x.level for x in tower.raised(case) if isinstance(x, ReferralEscalated)] == [*range(1, level + 1)]


@pytest.mark.thorough
def test_who_sees_what_was_raised(tower: Tower) -> None:
    """Its recipient all of it; the lead from the second level on; the sender, if it is another, and strangers nothing;
    whoever leads later what the lead saw."""
    case = tower.opens()
    office = tower.office
    started = tower.refers(case, to="polres")
    for move in (ReceiveReferral, AcceptReferral, StartReferral):
        office.does("polres", case, move, referral=started)
    referral = tower.refers(case, by="polres")
    sent = tower.sent_at(case, referral)
    tower.turns(sent + WINDOW)
    assert tower.sees("rsud", case) == [("undelivered", 1, "recipient", False)]
    assert tower.sees("uptd-ppa", case) == []
    tower.turns(sent + 2 * WINDOW)
    assert tower.sees("uptd-ppa", case, leading=True) == [("undelivered", 2, "lead", False)]
    assert tower.sees("rsud", case, leading=True) == []
    for agency in ("polres", "lbh", "dinsos"):
        assert tower.sees(agency, case) == []
    transfer = uuid4()
    office.consents(case, "dinsos", "incident")
    office.does("uptd-ppa", case, AskLeadTransfer, role=Role.SUPERVISOR, transfer=transfer, to="dinsos", reason="r")
    office.does("dinsos", case, AcceptLeadTransfer, role=Role.SUPERVISOR, transfer=transfer)
    assert tower.sees("uptd-ppa", case) == []
    assert tower.sees("dinsos", case) == [("undelivered", 2, "lead", False)]
    tower.turns(sent + 3 * WINDOW)
    (*_, last) = (x for x in tower.raised(case) if isinstance(x, ReferralUndelivered))
    assert last.to == "dinsos"


def test_the_lead_sees_how_far_each_agency_is_and_nobody_else_does(tower: Tower) -> None:
    case = tower.opens()
    referral = tower.refers(case)
    tower.refers(case, to="polres")
    tower.acknowledges("rsud", received=tower.told("rsud", case, CaseOpened))
    tower.turns(tower.sent_at(case, referral) + WINDOW)
    assert tower.raised(case) != []
    seen = tower.of_case("uptd-ppa", case)
    assert set(seen) == {"uptd-ppa", "rsud", "polres"}, "and not the system"
    hospital, police = seen["rsud"], seen["polres"]
    assert (hospital.received, hospital.handled) == (1, 0), "it was told of the opening first"
    assert hospital.told > 1
    assert hospital.received_at is not None
    assert (police.received, police.received_at, police.handled_at) == (0, None, None)
    for agency in ("rsud", "polres", "lbh"):
        assert tower.of_case(agency, case) == {}


def test_what_was_told_is_counted_as_the_register_counts_it(tower: Tower) -> None:
    case = tower.opens()
    tower.refers(case)
    tower.told("rsud", case, ReferralSent)
    told = tower.of_case("uptd-ppa", case)["rsud"].told
    with tower.office.ports.views.acting_for("rsud") as db:
        row = db.execute("SELECT max(case_sequence) FROM delivery.told WHERE case_id = %s", (case,)).fetchone()
    assert row == (told,)


# Clocks ------------------------------------------------------------------------------------------------------


def test_a_clock_that_runs_out_is_raised_once_to_who_shares_it(tower: Tower) -> None:
    case = tower.opens()
    tower.office.records_incident(case, composition.now())
    now = tower.office.casework.case(case)
    assert now is not None
    soonest = clocks_of(tower.office, case)[0]
    due_at = now.clocks[soonest].due_at
    shared = tower.refers(case, clocks=(soonest,))
    apart = tower.refers(case, to="disdik")
    tower.office.does("rsud", case, ReceiveReferral, referral=shared)
    tower.office.does("disdik", case, ReceiveReferral, referral=apart)
    tower.turns(due_at - INSTANT)
    assert tower.raised(case) == []
    tower.turns(due_at)
    tower.turns(due_at + INSTANT)
    assert [x.clock for x in tower.raised(case) if isinstance(x, ClockOverdue)] == [soonest]
    assert tower.sees("uptd-ppa", case) == [("clock", 2, "lead", False)]
    assert tower.sees("rsud", case) == [("clock", 1, "recipient", False)]
    assert tower.sees("disdik", case) == []
    tower.office.meets("uptd-ppa", case, soonest)
    assert tower.sees("uptd-ppa", case) == [("clock", 2, "lead", True)]
    assert tower.sees("rsud", case) == [("clock", 1, "recipient", True)]


def test_who_shares_a_clock_is_warned_before_it_runs_out_and_reminded_until_somebody_acts(tower: Tower) -> None:
    case = tower.opens()
    tower.office.records_incident(case, composition.now())
    now = tower.office.casework.case(case)
    assert now is not None
    last = max(now.clocks.values(), key=lambda clock: clock.due_at)
    for other in now.clocks.keys() - {last.id}:
        tower.office.meets("uptd-ppa", case, other)
    shared = tower.refers(case, clocks=(last.id,))
    tower.office.does("rsud", case, ReceiveReferral, referral=shared)
    assert last.told_at is not None
    first, second = CLOCK_STEPS.warnings(last.told_at, last.due_at)
    tower.turns(first - INSTANT)
    assert tower.sees("uptd-ppa", case, of="clock-soon") == []
    for at, level in ((first, 2), (second, 3)):
        tower.turns(at)
        tower.turns(at + INSTANT)
        assert tower.sees("uptd-ppa", case, of="clock-soon")[-1] == ("clock-soon", level, "lead", False)
        assert tower.sees("rsud", case, of="clock-soon") == [("clock-soon", 1, "recipient", False)]
    assert len(tower.sees("uptd-ppa", case, of="clock-soon")) == 2
    tower.turns(last.due_at)
    assert {row[3] for row in tower.sees("rsud", case, of="clock-soon")} == {True}, "it says that it ran out now"
    for days, level in ((1, 3), (3, 4), (7, 5), (11, 6)):
        tower.turns(last.due_at + days * DAY)
        assert tower.sees("uptd-ppa", case, of="clock")[-1] == ("clock", level, "lead", False)
    assert tower.sees("rsud", case, of="clock") == [("clock", 1, "recipient", False)]
    tower.office.meets("uptd-ppa", case, last.id)
    tower.turns(last.due_at + 60 * DAY)
    assert len(tower.sees("uptd-ppa", case, of="clock")) == 5
    assert {row[3] for row in tower.sees("uptd-ppa", case, of="clock")} == {True}


@pytest.mark.thorough
def test_a_clock_that_was_met_or_had_run_out_when_it_was_written_down_is_not_raised(tower: Tower) -> None:
    met, old, closed = (tower.opens() for _ in range(3))
    now = composition.now()
    for case, at in ((met, now), (old, now - 30 * DAY), (closed, now)):
        tower.office.records_incident(case, at, recorded_at=now)
    for clock in clocks_of(tower.office, met):
        tower.office.meets("uptd-ppa", met, clock)
    tower.office.does("uptd-ppa", closed, CloseCase, reason=CloseReason.GOALS_MET)
    tower.turns(now + 60 * DAY)
    assert [tower.raised(case) for case in (met, old, closed)] == [[], [], []]
    tower.office.does("uptd-ppa", closed, ReopenCase, reason="she came back")
    tower.turns(now + 60 * DAY)
    assert len(tower.raised(closed)) == len(clocks_of(tower.office, closed))


# Silence in every state --------------------------------------------------------------------------------------


def test_a_referral_on_which_nobody_acts_is_raised_until_somebody_does(tower: Tower) -> None:
    """Accepted in an emergency, and not begun: to its recipient first, then to the lead, with no last level."""
    case = tower.opens()
    referral = tower.refers(case)
    for move in (ReceiveReferral, AcceptReferral):
        tower.office.does("rsud", case, move, referral=referral)
    accepted_at = composition.now()
    for times in range(1, 6):
        tower.turns(accepted_at + times * 4 * HOUR + MINUTE)
    assert tower.sees("rsud", case, of="stalled") == [("stalled", 1, "recipient", False)]
    to_lead = tower.sees("uptd-ppa", case, of="stalled")
    assert [row[1] for row in to_lead] == [2, 3, 4, 5]
    tower.office.does("rsud", case, StartReferral, referral=referral)
    assert tower.sees("rsud", case, of="stalled") == [("stalled", 1, "recipient", True)]
    assert {row[3] for row in tower.sees("uptd-ppa", case, of="stalled")} == {True}


# Several workers ---------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_two_workers_at_once_raise_nothing_twice(tower: Tower, settings: Settings) -> None:
    cases = [tower.opens() for _ in range(8)]
    sent = max(tower.sent_at(case, tower.refers(case)) for case in cases)
    catch_up(settings)
    barrier, raised = Barrier(2), [0, 0]

    def work(n: int) -> None:
        with (
            composition.service(settings, connections=2) as ports,
            composition.follower(settings) as source,
        ):
            escalator = Escalator(Office(ports).casework, source.store, lambda: sent + WINDOW, source.positions)
            due = list(escalator.due(sent + WINDOW))
            barrier.wait(PATIENCE_SECONDS)  # both have looked, and saw the same
            raised[n] = sum(escalator._raise(case, command, sent + WINDOW) for case, command in due if case in cases)

    workers = [Thread(target=work, args=(n,)) for n in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(PATIENCE_SECONDS)
    assert sum(raised) == len(cases)
    assert [len(tower.raised(case)) for case in cases] == [1] * len(cases)


@pytest.mark.thorough
def test_who_takes_part_otherwise_is_not_told_of_what_was_raised(tower: Tower) -> None:
    """Nor is it told that there is another, by a telling of nothing."""
    case = tower.opens()
    tower.office.records_incident(case, composition.now())
    soonest = clocks_of(tower.office, case)[0]
    now = tower.office.casework.case(case)
    assert now is not None
    apart = tower.refers(case, to="disdik")
    tower.office.does("disdik", case, ReceiveReferral, referral=apart)
    late = tower.refers(case, clocks=(soonest,))
    tower.turns(tower.sent_at(case, late) + WINDOW)
    tower.turns(max(tower.sent_at(case, late) + HOUR, now.clocks[soonest].due_at))
    raised = [w for w in tower.office.ports.log.read(case) if isinstance(w.event, RAISED)]
    kinds = {kind for kind in RAISED for written in raised if isinstance(written.event, kind)}
    assert kinds == set(RAISED)
    for kind in kinds:
        tower.told("uptd-ppa", case, kind)
    for written in raised:
        asked = {a: tower._sequence(a, written.position) is not None for a in ("uptd-ppa", "rsud", "disdik", "lbh")}
        assert asked == {"uptd-ppa": True, "rsud": True, "disdik": False, "lbh": False}, written.topic
    assert tower.sees("disdik", case) == []


def test_a_case_that_cannot_be_read_keeps_no_other_from_being_raised(
    tower: Tower, settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken, whole = (tower.opens() for _ in range(2))
    sent = [tower.refers(case) for case in (broken, whole)]
    late = max(tower.sent_at(case, r) for case, r in zip((broken, whole), sent, strict=True)) + WINDOW
    handle = tower.office.casework.handle

    def breaks(kind: Any, case: UUID, *said: Any, **more: Any) -> Done:
        if case == broken:
            raise ValueError("RAHASIA")
        return handle(kind, CaseId(case), *said, **more)

    with monkeypatch.context() as patch:
        patch.setattr(tower.office.casework, "handle", breaks)
        tower.turns(late)
    assert (tower.raised(broken), len(tower.raised(whole))) == ([], 1)
    assert "unforeseen ValueError" in caplog.text
    assert "RAHASIA" not in caplog.text
    tower.turns(late)
    assert len(tower.raised(broken)) == 1


def test_however_many_cannot_be_raised_the_next_one_is(tower: Tower, settings: Settings) -> None:
    """More than were ever looked at together stand before it in the list, and are refused each time."""
    with psycopg.connect(as_role(settings.database, FOLLOWER), autocommit=True) as db:
        db.execute(
            "INSERT INTO views.referral_box SELECT 'rsud', gen_random_uuid(), 'in', gen_random_uuid(), 'p2tp2a', 'x',"
            " 'x', 'x', 'requested', '2001-01-01', '2001-01-02', NULL, NULL, NULL, false, '1 day', 0, 1, false, NULL"
            " FROM generate_series(1, 150)"
        )
        db.execute(
            "INSERT INTO views.emergency SELECT gen_random_uuid(), gen_random_uuid(), 'rsud', 'p2tp2a',"
            " gen_random_uuid(), 'x', '{}', 'x', '2001-01-01', '2001-01-02', NULL, '2001-01-03', 0, NULL, NULL, NULL, 1"
            " FROM generate_series(1, 150)"
        )
        try:
            case = tower.opens()
            referral = tower.refers(case)
            now = tower.sent_at(case, referral) + HOUR
            catch_up(settings)
            with composition.follower(settings) as source:
                due = set(Escalator(tower.office.casework, source.store, lambda: now, source.positions).due(now))
            assert EscalateReferral(occurred_at=now, referral=ReferralId(referral)) in {d.command for d in due}
            assert sum(isinstance(d.command, RaiseGlassReview) for d in due) >= 150
        finally:
            db.execute("DELETE FROM views.referral_box WHERE sent_at = '2001-01-01'")
            db.execute("DELETE FROM views.emergency WHERE opened_at = '2001-01-01'")


@pytest.mark.thorough
def test_a_clock_that_its_recipient_met_is_raised_to_it_no_more(tower: Tower) -> None:
    case = tower.opens()
    tower.office.records_incident(case, composition.now())
    soonest = clocks_of(tower.office, case)[0]
    now = tower.office.casework.case(case)
    assert now is not None
    shared = tower.refers(case, clocks=(soonest,))
    tower.office.does("rsud", case, ReceiveReferral, referral=shared)
    tower.turns(now.clocks[soonest].due_at)
    assert tower.sees("rsud", case) == [("clock", 1, "recipient", False)]
    tower.office.meets("rsud", case, soonest)
    assert tower.sees("rsud", case) == [("clock", 1, "recipient", True)]
    assert tower.sees("uptd-ppa", case) == [("clock", 2, "lead", True)]


def test_a_duty_that_begins_by_what_several_did_is_begun_by_the_system_and_told_to_the_lead(tower: Tower) -> None:
    """The hospital records what she told it; that the lead is bound to report follows from who leads."""
    case = tower.opens()
    tower.refers(case)
    of = {"forms": frozenset({ViolenceForm.SEXUAL}), "gbv_type": GbvType.RAPE, "told_by": ToldBy.SURVIVOR}
    tower.office.does("rsud", case, RecordIncident, incident=uuid4(), **of)

    def reports() -> list[Written]:
        log = tower.office.ports.log.read(case)
        return [w for w in log if isinstance(w.event, ClockStarted) and w.event.duty is ClockDuty.REPORT_TO_POLICE]

    assert reports() == []
    for _ in range(2):
        tower.turns(composition.now())
    (began,) = reports()
    assert began.author == SYSTEM_AGENCY
    until(lambda: tower._sequence("uptd-ppa", began.position) is not None)
    assert tower._sequence("rsud", began.position) is None


def test_a_duty_that_was_met_by_what_is_struck_runs_again_and_is_raised(tower: Tower) -> None:
    """The police's legal reviewer strikes their order, and has no word in what it met: the system says so."""
    case = tower.opens()
    of = {"forms": frozenset({ViolenceForm.SEXUAL}), "gbv_type": GbvType.RAPE, "told_by": ToldBy.SURVIVOR}
    tower.office.does("uptd-ppa", case, RecordIncident, incident=uuid4(), **of)
    tower.office.does("polres", case, ReceiveReferral, referral=tower.refers(case, "polres"))
    at = composition.now()
    order = {"kind": OrderKind.POLICE, "given_at": at, "order": "1", "issued_by": "Polres", "valid_from": at.date()}
    tower.office.does("polres", case, RecordProtectionOrder, at, **order)
    known = tower.office.casework.case(case)
    assert known is not None
    (protection,) = [c for c in known.clocks.values() if c.duty is ClockDuty.PROTECTION_SV]
    assert not protection.runs

    def resumed() -> list[Written]:
        return [w for w in tower.office.ports.log.read(case) if isinstance(w.event, ClockResumed)]

    wrong = {"entry": known.last_entry, "because": StruckBecause.ANOTHER_PERSON}
    tower.office.does("polres", case, StrikeEntry, role=Role.LEGAL_REVIEWER, **wrong)
    assert resumed() == []
    for _ in range(2):
        tower.turns(composition.now())
    (again,) = resumed()
    assert (again.author, cast(ClockResumed, again.event).clock) == (SYSTEM_AGENCY, protection.id)
    tower.turns(protection.due_at + HOUR)
    assert protection.id in {e.clock for e in tower.raised(case) if isinstance(e, ClockOverdue)}


def test_a_worker_whose_lists_are_old_raises_nothing_that_was_answered(tower: Tower, settings: Settings) -> None:
    case = tower.opens()
    referral = tower.refers(case)
    catch_up(settings)
    with composition.follower(settings) as source:
        later = tower.sent_at(case, referral) + 2 * HOUR
        escalator = Escalator(tower.office.casework, source.store, lambda: later, source.positions)
        due = [(of, command) for of, command in escalator.due(later) if of == case]
        assert len(due) == 2
        tower.office.does("rsud", case, ReceiveReferral, referral=referral)
        assert [escalator._raise(of, command, later) for of, command in due] == [False, False]
    assert tower.raised(case) == []


class Away(NamedTuple):
    """Casework while something is away that says nothing of the case."""

    problem: Exception

    def handle(self, *_: object, **__: object) -> Done:
        raise self.problem


@pytest.mark.thorough
@pytest.mark.parametrize(
    "problem", some([OSError(), UnwrapFailed(), psycopg.InternalError()]), ids=lambda p: type(p).__name__
)
@pytest.mark.thorough
def test_what_is_away_for_a_moment_sets_no_case_aside_whose_consent_ran_out(
    tower: Tower, settings: Settings, problem: Exception
) -> None:
    case, later = tower.opens(), composition.now() + DAY
    tower.office.consents(case, "rsud", "health", expires_at=later)
    catch_up(settings)
    with composition.follower(settings) as source:
        Escalator(cast(Casework, Away(problem)), source.store, lambda: later, source.positions).once()
        assert case not in damaged_streams(settings)
        Escalator(tower.office.casework, source.store, lambda: later, source.positions).once()
    assert "case.ConsentExpired" in [w.topic for w in tower.office.ports.log.read(case)]


# Built anew --------------------------------------------------------------------------------------------------

TABLES = ("delivery_mark", "case_delivery", "referral_delivery", "escalation", "running_clock")


@pytest.mark.thorough
def test_built_anew_the_lists_are_the_same(tower: Tower, settings: Settings) -> None:
    case = tower.opens()
    referral = tower.refers(case)
    tower.turns(tower.sent_at(case, referral) + WINDOW)  # raised
    tower.acknowledges("rsud", received=tower.told("rsud", case, ReferralSent))
    tower.office.records_incident(tower.opens(), composition.now())
    catch_up(settings)
    before = dump(settings)
    assert all(before[table] for table in TABLES)
    with opened_runner(settings) as runner:
        for name in ("deliveries", "escalations"):
            runner.rebuild(name)
    after = dump(settings)
    for table in TABLES:
        assert after[table] == before[table], table


def test_an_exclusion_that_an_earlier_release_left_to_one_file_is_recorded_in_the_other(tower: Tower) -> None:
    duplicate, living = tower.opens(), tower.opens()
    tower.office.does("uptd-ppa", duplicate, MergeCase, role=Role.SUPERVISOR, into=living)
    known = tower.office.casework.case(living)
    assert known is not None
    placed = PersonExcluded(
        occurred_at=tower.now,
        exclusion=ExclusionId(uuid4()),
        person=ActorId(uuid4()),
        member_of="rsud",
        kind=AgencyKind.HEALTH,
        placed_by="uptd-ppa",
        reason="kin",
    )
    tower.office.ports.log.append([Changes(living, known.version, [placed])], tower.office.act("uptd-ppa"), uuid4())
    for _ in range(2):
        tower.turns(composition.now())
        (carried,) = (w.event for w in tower.office.ports.log.read(duplicate) if isinstance(w.event, PersonExcluded))
        assert (carried.person, carried.placed_by) == (placed.person, "uptd-ppa")


def happened(tower: Tower, case: UUID, *kinds: type[Fact]) -> list[type[Fact]]:
    return [event_type(type(w.event)) for w in tower.office.ports.log.read(case) if isinstance(w.event, kinds)]


@pytest.mark.thorough
def test_a_hold_that_nobody_confirms_lapses_and_one_of_the_proceedings_does_not(
    tower: Tower,
) -> None:
    """Its holder and the lead see it on their lists, and nobody else."""
    office, case, before_police = tower.office, tower.opens(), tower.opens()
    hold, reviewer = uuid4(), {"role": Role.LEGAL_REVIEWER}
    office.does("uptd-ppa", case, PlaceLegalHold, hold=hold, hold_kind=HoldKind.CLAIM, reason="r", **reviewer)
    office.does("polres", before_police, ReceiveReferral, referral=tower.refers(before_police, "polres"))
    placed_at = office.ports.log.read(case)[-1].at
    kept = (HoldConfirmationDue, HoldConfirmed, HoldLapsed)
    asked, due = placed_at + HOLD_TIMES.confirmed_every - HOLD_TIMES.warning, placed_at + HOLD_TIMES.confirmed_every

    def listed(agency: str) -> list[tuple[UUID, bool]]:
        catch_up(tower.settings)
        with office.ports.views.acting_for(agency) as db:
            found = legal_holds.legal_holds(db, limit=500)
        return [(x.case, x.lapses_at is not None) for x in found if x.case in (case, before_police)]

    tower.turns(asked - INSTANT)
    assert happened(tower, case, *kept) == []
    tower.turns(asked + DAY)  # both were placed by then
    assert happened(tower, case, *kept) == happened(tower, before_police, *kept) == [HoldConfirmationDue]
    assert sorted(listed("uptd-ppa")) == sorted([(case, True), (before_police, True)])
    assert listed("polres") == [(before_police, True)]
    assert listed("rsud") == listed("lbh") == []
    tower.turns(due + 30 * DAY)
    tower.turns(due + 60 * DAY)
    assert happened(tower, case, *kept) == [HoldConfirmationDue, HoldLapsed]
    assert happened(tower, before_police, *kept) == [HoldConfirmationDue]
    assert listed("uptd-ppa") == [(before_police, True)]


@pytest.mark.thorough
def test_the_end_that_was_announced_takes_place_by_itself_once_nothing_answered_it(tower: Tower) -> None:
    office, case = tower.office, tower.opens()
    office.consents(case, "rsud", "incident")
    referral = office.refers(case, "rsud", Service.HEALTH, urgency=Urgency.URGENT)
    for move in (ReceiveReferral, AcceptReferral, StartReferral):
        office.does("rsud", case, move, referral=referral)
    (consent,) = (w.event.consent for w in office.ports.log.read(case) if isinstance(w.event, ConsentGiven))
    office.does("uptd-ppa", case, WithdrawConsent, consent=consent)
    office.does("uptd-ppa", case, EndUncoveredReferral, referral=referral, reason="r", role=Role.SUPERVISOR)
    (announced,) = (w.event for w in office.ports.log.read(case) if isinstance(w.event, UncoveredEndAnnounced))
    tower.turns(announced.ends_at - INSTANT)
    assert happened(tower, case, UncoveredReferralEnded) == []
    tower.turns(announced.ends_at)
    tower.turns(announced.ends_at + DAY)
    assert happened(tower, case, UncoveredReferralEnded) == [UncoveredReferralEnded]


def test_a_request_to_cancel_is_raised_until_it_is_answered_and_no_other_move_answers_it(tower: Tower) -> None:
    office, case = tower.office, tower.opens()
    referral = tower.refers(case, urgency=Urgency.URGENT)
    for move in (ReceiveReferral, AcceptReferral):
        office.does("rsud", case, move, referral=referral)
    office.does("uptd-ppa", case, AskCancellation, referral=referral, reason=EndReason.DUPLICATE)
    (asked,) = (w.event for w in office.ports.log.read(case) if isinstance(w.event, CancellationAsked))
    for agency, box in (("uptd-ppa", tower.outbox), ("rsud", tower.inbox)):
        assert box(agency, referral).cancellation_due_at == asked.due_at
    tower.turns(asked.due_at - INSTANT)
    assert tower.sees("rsud", case, of="cancellation") == []
    for level in (1, 2):
        tower.turns(asked.due_at + (level - 1) * DAY)
        assert len(happened(tower, case, CancellationUnanswered)) == level
    office.does("rsud", case, StartReferral, referral=referral)
    assert tower.sees("rsud", case, of="cancellation") == [("cancellation", 1, "recipient", False)]
    assert tower.sees("uptd-ppa", case, of="cancellation") == [("cancellation", 2, "recipient", False)]
    office.does("rsud", case, DeclineCancellation, referral=referral, reason="r")
    assert tower.inbox("rsud", referral).cancellation_due_at is None
    tower.turns(asked.due_at + 9 * DAY)
    assert len(happened(tower, case, CancellationUnanswered)) == 2
    for agency, level in (("rsud", 1), ("uptd-ppa", 2)):
        assert tower.sees(agency, case, of="cancellation") == [("cancellation", level, "recipient", True)]
