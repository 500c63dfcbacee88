"""The read models, folded from cases that were told through the casework: row by row, and exactly once."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from threading import Barrier, Event
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from conftest import fresh_settings
from msgspec.structs import replace
from office import (
    HOUR,
    KINDS,
    MINUTE,
    NAMES,
    Office,
    catch_up,
    clocks_of,
    dump,
    forget_everything,
    head,
    opened_office,
    opened_runner,
    position,
)
from patience import PATIENCE_SECONDS
from some import some

from rujukan import projections
from rujukan.api.application.kinds import CASE
from rujukan.api.application.lists import Lists
from rujukan.api.application.ports import Behind
from rujukan.api.application.reading import Asked
from rujukan.domain.case.fulfilment import (
    AcceptReferral,
    CompleteReferral,
    ReceiveReferral,
    RejectReferral,
    StartReferral,
)
from rujukan.domain.case.lead import AcceptLeadTransfer, AskLeadTransfer, AssignCaseWorker
from rujukan.domain.case.lifecycle import CloseCase
from rujukan.domain.case.merging import MergeCase, SeparateCase
from rujukan.domain.case.notes import RecordNote
from rujukan.domain.case.reminders import EscalateReferral
from rujukan.domain.case.services import DeliverService
from rujukan.domain.casefile.clocks import RaiseClock
from rujukan.domain.codes import (
    AgencyKind,
    CloseReason,
    Outcome,
    Purpose,
    RejectReason,
    Role,
    Service,
    Urgency,
)
from rujukan.domain.compartment import Compartment
from rujukan.domain.fact import CaseId, ReferralId
from rujukan.infra import composition
from rujukan.infra.database import AWAY
from rujukan.infra.demo import network
from rujukan.infra.issuer import usual_actor
from rujukan.infra.services.postgres import EmbeddedPostgres
from rujukan.infra.settings import Settings
from rujukan.infra.system_act import SYSTEM_ACTOR, system_act
from rujukan.projections import (
    audit,
    caseload,
    deadlines,
    directory,
    referral_box,
    timeline,
    wait_for,
)
from rujukan.projections import runner as runner_module

# The story ---------------------------------------------------------------------------------------------------


class Story:
    """Three cases and what they left, for the tests of the queries."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.at = at = composition.now() - 5 * HOUR
        # A case with a referral brought to its end, one rejected, one drafted only.
        self.first = office.opens(at)
        office.records_incident(self.first, at)
        self.clocks = clocks_of(office, self.first)
        office.consents(self.first, "rsud", "incident", "health")
        office.consents(self.first, "rumah-aman", "incident")
        self.health = office.refers(
            self.first,
            "rsud",
            Service.HEALTH,
            at + HOUR,
            urgency=Urgency.EMERGENCY,
            compartments=frozenset({"incident", "health"}),
            clocks=(self.clocks[0],),
        )
        office.does("rsud", self.first, ReceiveReferral, at + 3 * HOUR, referral=self.health)
        office.does("rsud", self.first, AcceptReferral, referral=self.health)
        office.does("rsud", self.first, StartReferral, referral=self.health)
        self.shelter = office.refers(self.first, "rumah-aman", Service.SHELTER, at + HOUR)
        office.does("rumah-aman", self.first, ReceiveReferral, at + 2 * HOUR, referral=self.shelter)
        office.does(
            "rumah-aman",
            self.first,
            RejectReferral,
            at + 2 * HOUR,
            referral=self.shelter,
            reason=RejectReason.NO_CAPACITY,
        )
        office.does(
            "rsud",
            self.first,
            DeliverService,
            at + 3 * HOUR,
            delivery=uuid4(),
            service=Service.HEALTH,
            referral=self.health,
            meets=(self.clocks[0],),
            health="seen",
        )
        office.does("rsud", self.first, CompleteReferral, at + 4 * HOUR, referral=self.health, outcome=Outcome.PARTIAL)
        self.draft = office.drafts(self.first, "lbh", Service.LEGAL_AID)
        worker = usual_actor("uptd-ppa", Role.CASE_WORKER)
        office.does("uptd-ppa", self.first, AssignCaseWorker, worker=worker)
        # A case of the police, whose request nobody answers, and which is raised once.
        self.second = office.opens(at, lead="polres", urgency=Urgency.EMERGENCY)
        office.consents(self.second, "lbh", "legal", by="polres")
        self.unanswered = office.refers(
            self.second,
            "lbh",
            Service.LEGAL_AID,
            at + HOUR,
            by="polres",
            urgency=Urgency.EMERGENCY,
            purpose=Purpose.LEGAL,
            compartments=frozenset({"legal"}),
        )
        self.raised = office.casework.handle(
            CASE,
            CaseId(self.second),
            EscalateReferral(occurred_at=at + 2 * HOUR, referral=ReferralId(self.unanswered)),
            system_act(),
            correlation=uuid4(),
        )
        self.access = office.reading.record(
            Asked(office.act("rsud"), uuid4()),
            self.first,
            [Compartment.HEALTH, Compartment.COORDINATION],
            "timeline",
            "own",
        )


@pytest.fixture(scope="module")
def story(settings: Settings) -> Iterator[Story]:
    """In a database in which nothing else is told."""
    with opened_office(settings) as office:
        told = Story(office)
        catch_up(settings)
        yield told


@pytest.fixture(scope="module")
def elsewhere(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Another database, for tests that tell something themselves."""
    with fresh_settings(postgres, tmp_path_factory.mktemp("data")) as made:
        yield made


@pytest.fixture(scope="module")
def office(elsewhere: Settings) -> Iterator[Office]:
    with opened_office(elsewhere) as opened:
        yield opened


# The directory -----------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_the_directory_lists_every_agency_with_its_services(story: Story) -> None:
    with story.office.ports.views.acting_for("disdik") as db:
        found = directory.agencies(db)
        assert [(a.code, a.kind, a.name, a.services) for a in found] == sorted(
            (m.code, m.kind.value, m.name, sorted(s.value for s in m.services)) for m in network.BONTANG
        )
        assert all(a.active and a.name_en is None and a.area is None for a in found)
        assert [a.code for a in directory.agencies(db, service="rumah-aman")] == ["dinsos", "rumah-aman"]
        assert [a.code for a in directory.agencies(db, kind=AgencyKind.POLICE.value)] == ["polres"]
        assert directory.agencies(db, service="pemulangan") == []


def test_who_has_a_key_is_a_subscriber(story: Story, settings: Settings) -> None:
    with composition.follower(settings) as source, source.store.pool.connection() as db:
        assert directory.subscribers(db) == sorted(KINDS)


# Inbox and outbox --------------------------------------------------------------------------------------------


def test_the_outbox_shows_what_was_sent_and_drafted_the_latest_moved_first(story: Story) -> None:
    at, now = story.at, composition.now()
    with story.office.ports.views.acting_for("uptd-ppa") as db:
        out = referral_box.referrals(db, "out", now)
        assert referral_box.referrals(db, "in", now) == []
    assert [(r.referral, r.counterpart, r.status, r.urgency) for r in out] == [
        (story.draft, "lbh", "draft", "urgent"),
        (story.health, "rsud", "completed", "emergency"),
        (story.shelter, "rumah-aman", "rejected", "urgent"),
    ]
    assert [(r.sent_at, r.due_at, r.answered_at, r.ended_at, r.breached) for r in out] == [
        (None, None, None, None, False),
        (at + HOUR, at + 2 * HOUR, at + 3 * HOUR, at + 4 * HOUR, True),
        (at + HOUR, at + 25 * HOUR, at + 2 * HOUR, at + 2 * HOUR, False),
    ]
    assert {(r.case, r.purpose, r.escalations) for r in out} == {(story.first, "care", 0)}
    assert [r.position for r in out] == sorted((r.position for r in out), reverse=True)


def test_the_inbox_shows_what_was_sent_to_the_agency_and_no_draft(story: Story) -> None:
    now = composition.now()
    found = {}
    for agency in ("rsud", "rumah-aman", "lbh", "psikolog"):
        with story.office.ports.views.acting_for(agency) as db:
            found[agency] = [
                (r.referral, r.case, r.counterpart, r.service, r.status) for r in referral_box.referrals(db, "in", now)
            ]
            assert referral_box.referrals(db, "out", now) == []
    assert found == {
        "rsud": [(story.health, story.first, "uptd-ppa", "kesehatan", "completed")],
        "rumah-aman": [(story.shelter, story.first, "uptd-ppa", "rumah-aman", "rejected")],
        "lbh": [(story.unanswered, story.second, "polres", "bantuan-hukum", "requested")],
        "psikolog": [],
    }


def test_a_request_without_an_answer_is_breached_once_it_is_due(story: Story) -> None:
    with story.office.ports.views.acting_for("lbh") as db:
        (before,) = referral_box.referrals(db, "in", story.at + HOUR)
        (after,) = referral_box.referrals(db, "in", story.at + 3 * HOUR)
    assert (before.breached, after.breached, after.escalations) == (False, True, 1)
    assert after.due_at == story.at + 2 * HOUR


def test_the_box_is_filtered_and_paged(story: Story) -> None:
    now = composition.now()
    with story.office.ports.views.acting_for("uptd-ppa") as db:
        every = referral_box.referrals(db, "out", now)
        paged = []
        before = None
        while page := referral_box.referrals(db, "out", now, before=before, limit=1):
            paged += page
            before = page[-1].position
        assert paged == every
        assert [r.referral for r in referral_box.referrals(db, "out", now, status="rejected")] == [story.shelter]
        assert referral_box.referrals(db, "out", now, case=story.second) == []
        assert referral_box.referrals(db, "out", now, case=story.first) == every


def test_a_request_is_raised_again_only_when_its_window_passed_again(story: Story, settings: Settings) -> None:
    with composition.follower(settings) as source, source.store.pool.connection() as db:

        def due(at: datetime, highest: int = 3) -> list[tuple[UUID, UUID]]:
            return referral_box.unanswered(db, at, highest)

        assert due(story.at + 3 * HOUR - MINUTE) == []
        assert due(story.at + 3 * HOUR) == [(story.second, story.unanswered)]
        assert due(story.at + 3 * HOUR, highest=1) == [(story.second, story.unanswered)], "until somebody answers"


# The caseload ------------------------------------------------------------------------------------------------


def test_the_lead_sees_its_case_with_worker_version_and_next_deadline(story: Story) -> None:
    with story.office.ports.views.acting_for("uptd-ppa") as db:
        (entry,) = caseload.cases(db)
    case = story.office.casework.case(story.first)
    assert case is not None
    assert (entry.case, entry.relation, entry.lead, entry.status, entry.urgency) == (
        story.first, "lead", "uptd-ppa", "open", "urgent",
    )  # fmt: skip
    assert entry.opened_at == story.at
    assert entry.worker == usual_actor("uptd-ppa", Role.CASE_WORKER)
    assert entry.open_referrals == 0
    assert entry.next_due == case.clocks[story.clocks[1]].due_at == story.at + 72 * HOUR  # type: ignore[index]
    assert entry.version == case.version
    assert entry.position == story.office.ports.log.read(story.first)[-1].position


def test_who_takes_or_took_part_sees_its_own_part_of_the_case_only(story: Story) -> None:
    found = {}
    for agency in KINDS:
        with story.office.ports.views.acting_for(agency) as db:
            found[agency] = [(r.case, r.relation, r.open_referrals) for r in caseload.cases(db)]
            assert all(r.worker is None and r.version is None for r in caseload.cases(db) if r.relation != "lead")
    assert {agency: rows for agency, rows in found.items() if rows} == {
        "uptd-ppa": [(story.first, "lead", 0)],
        "rsud": [(story.first, "former", 0)],
        "rumah-aman": [(story.first, "former", 0)],
        "polres": [(story.second, "lead", 1)],
        "lbh": [(story.second, "recipient", 1)],
    }


def test_the_caseload_is_filtered_by_status_and_relation(story: Story) -> None:
    with story.office.ports.views.acting_for("lbh") as db:
        assert [r.case for r in caseload.cases(db, status="open", relation="recipient")] == [story.second]
        assert caseload.cases(db, status="closed") == []
        assert caseload.cases(db, relation="lead") == []
        (entry,) = caseload.cases(db)
        assert caseload.cases(db, before=entry.position) == []


# The timeline ------------------------------------------------------------------------------------------------


def test_the_lead_s_timeline_has_every_event_of_the_case_in_its_order(story: Story) -> None:
    written = story.office.ports.log.read(story.first)
    with story.office.ports.views.acting_for("uptd-ppa") as db:
        shown = timeline.entries(db, story.first)
        assert timeline.entries(db, story.first, after=3, limit=2) == shown[3:5]
        assert timeline.entries(db, story.second) == []
    assert [(s.position, s.version, s.topic, s.occurred_at, s.recorded_at, s.author) for s in shown] == [
        (w.position, w.version, w.topic, w.event.occurred_at, w.at, w.author) for w in written
    ]


def test_the_recipient_s_timeline_has_what_it_was_told(story: Story) -> None:
    with story.office.ports.views.acting_for("rsud") as db:
        shown = {(s.topic, *s.compartments) for s in timeline.entries(db, story.first)}
        (service,) = [s for s in timeline.entries(db, story.first) if s.topic == "case.ServiceDelivered"]
        assert timeline.told(db, service.position) == {Compartment.COORDINATION, Compartment.HEALTH}
        assert timeline.entries(db, story.second) == []
    topics = {topic for topic, *_ in shown}
    assert ("case.IncidentRecorded", 0, 3) in shown
    assert {"case.CaseOpened", "case.ReferralSent", "case.ReferralCompleted"} <= topics
    assert not topics & {"case.ConsentGiven", "case.CaseWorkerAssigned", "case.ReferralRejected"}
    with story.office.ports.views.acting_for("psikolog") as db:
        assert timeline.entries(db, story.first) == []
        assert timeline.told(db, service.position) == frozenset()


# The deadlines -----------------------------------------------------------------------------------------------


def test_the_board_shows_the_lead_every_clock_the_soonest_first(story: Story) -> None:
    now = composition.now()
    with story.office.ports.views.acting_for("uptd-ppa") as db:
        board = deadlines.deadlines(db, now, all=True)
        assert [(b.clock, b.case, b.starts_at, b.due_at, b.met_at, b.breached) for b in board] == [
            (story.clocks[0], story.first, story.at - HOUR, story.at + 71 * HOUR, None, False),
            (story.clocks[1], story.first, story.at, story.at + 72 * HOUR, None, False),
        ]
        assert board[0].ended_at == story.at + 3 * HOUR, "of care nobody says in clear how it ended"
        assert [b.clock for b in deadlines.deadlines(db, now)] == [story.clocks[1]]
        late = deadlines.deadlines(db, story.at + 73 * HOUR, all=True)
        assert [b.breached for b in late] == [False, True]
        paged, after = [], None
        while page := deadlines.deadlines(db, now, after=after, all=True, limit=1):
            paged += page
            after = (page[-1].due_at, page[-1].clock)
        assert paged == board


def test_who_shares_a_clock_sees_that_clock_and_no_other(story: Story) -> None:
    now = composition.now()
    shared = {}
    for agency in KINDS:
        with story.office.ports.views.acting_for(agency) as db:
            shared[agency] = [b.clock for b in deadlines.deadlines(db, now, all=True)]
    assert {agency: clocks for agency, clocks in shared.items() if clocks} == {
        "uptd-ppa": story.clocks,
        "rsud": [story.clocks[0]],
    }


# The audit trail ---------------------------------------------------------------------------------------------


def test_the_lead_s_audit_trail_has_every_write_and_every_opening_in_its_case(story: Story) -> None:
    written = story.office.ports.log.read(story.first)
    with story.office.ports.views.acting_for("uptd-ppa") as db:
        trail = audit.entries(db, subject=story.first, limit=1000)
        accesses = audit.entries(db, subject=story.first, accesses_only=True)
        assert audit.entries(db, subject=story.second) == []
    assert [(a.position, a.topic, a.agency, a.actor, a.recorded_at, a.correlation) for a in trail[:-1]] == [
        (w.position, w.topic, w.author, w.actor, w.at, w.correlation) for w in written
    ]
    (opened,) = accesses
    assert trail[-1] == opened
    assert (opened.position, opened.topic, opened.agency) == (story.access, "access.AccessRecorded", "rsud")
    assert (opened.purpose, opened.compartments) == ("care", ["coordination", "health"])
    assert opened.actor == usual_actor("rsud", Role.CASE_WORKER)


def test_others_see_what_was_done_in_their_own_name_only(story: Story) -> None:
    with story.office.ports.views.acting_for("rsud") as db:
        trail = audit.entries(db, limit=1000)
        assert {a.agency for a in trail} == {"rsud"}
        assert {a.subject for a in trail} == {story.first}
        actor = usual_actor("rsud", Role.CASE_WORKER)
        assert audit.entries(db, actor=actor) == trail
        assert audit.entries(db, actor=uuid4()) == []
        assert audit.entries(db, after=trail[1].position, limit=2) == trail[2:4]
    with story.office.ports.views.acting_for("polres") as db:
        (raised,) = [a for a in audit.entries(db) if a.topic == "case.ReferralEscalated"]
    assert (raised.position, raised.agency, raised.actor) == (story.raised.position, "rujukan", SYSTEM_ACTOR)


# A new lead --------------------------------------------------------------------------------------------------


def test_a_new_lead_takes_over_caseload_clocks_and_audit_trail(office: Office, elsewhere: Settings) -> None:
    at = composition.now() - HOUR
    case = office.opens(at)
    office.records_incident(case, at)
    office.consents(case, "dinsos", "incident")
    transfer = uuid4()
    office.does("uptd-ppa", case, AskLeadTransfer, transfer=transfer, to="dinsos", reason="she moved")
    office.does("dinsos", case, AcceptLeadTransfer, transfer=transfer)
    catch_up(elsewhere)
    with office.ports.views.acting_for("dinsos") as db:
        (entry,) = caseload.cases(db)
        assert (entry.case, entry.relation, entry.lead) == (case, "lead", "dinsos")
        assert [b.clock for b in deadlines.deadlines(db, at)] == clocks_of(office, case)
        assert [a.topic for a in audit.entries(db, subject=case)] == [w.topic for w in office.ports.log.read(case)]
        assert timeline.entries(db, case)[0].topic == "case.CaseOpened"
    with office.ports.views.acting_for("uptd-ppa") as db:
        (left,) = [r for r in caseload.cases(db) if r.case == case]
        assert (left.relation, left.lead, left.worker, left.open_referrals) == ("former", "dinsos", None, 0)
        assert left.version is None


@pytest.mark.thorough
def test_a_new_lead_takes_the_duplicates_over_and_a_clock_of_a_file_that_ended_is_on_no_board(
    office: Office, elsewhere: Settings
) -> None:
    at = composition.now() - 240 * HOUR
    duplicate, living = office.opens(at), office.opens(at)
    office.records_incident(duplicate, at)
    office.consents(living, "dinsos", "incident")
    known = office.casework.case(duplicate)
    assert known is not None
    for clock in known.clocks.values():
        said = RaiseClock(occurred_at=clock.due_at, clock=clock.id)
        by = replace(system_act(), at=clock.due_at)
        office.casework.handle(CASE, CaseId(duplicate), said, by, correlation=uuid4())
    clocks = clocks_of(office, duplicate)

    def board(agency: str, *, all: bool = False) -> list[UUID]:
        catch_up(elsewhere)
        with office.ports.views.acting_for(agency) as db:
            shown = deadlines.deadlines(db, composition.now(), all=all, limit=500)
        return [b.clock for b in shown if b.case == duplicate]

    assert board("uptd-ppa") == clocks
    office.does("uptd-ppa", duplicate, MergeCase, role=Role.SUPERVISOR, into=living)
    assert (board("uptd-ppa"), board("uptd-ppa", all=True)) == ([], clocks)
    transfer = uuid4()
    office.does("uptd-ppa", living, AskLeadTransfer, transfer=transfer, to="dinsos", reason="she moved")
    office.does("dinsos", living, AcceptLeadTransfer, transfer=transfer)
    assert (board("dinsos"), board("dinsos", all=True)) == ([], clocks)
    with office.ports.views.acting_for("dinsos") as db:
        led = {entry.case for entry in caseload.cases(db, limit=500) if entry.relation == "lead"}
        assert {duplicate, living} <= led
    office.does("dinsos", duplicate, SeparateCase, role=Role.SUPERVISOR, reason="two people after all")
    assert board("dinsos") == clocks
    office.does("dinsos", duplicate, CloseCase, reason=CloseReason.GOALS_MET)
    assert board("dinsos") == []


# Exactly once ------------------------------------------------------------------------------------------------


@pytest.fixture
def in_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner_module, "BATCH", 7)


@pytest.mark.usefixtures("in_small_batches")
@pytest.mark.thorough
def test_many_small_batches_give_what_one_large_gives(story: Story, settings: Settings) -> None:
    large = dump(settings)
    forget_everything(settings)
    assert catch_up(settings) == head(settings)
    assert dump(settings) == large


@pytest.mark.usefixtures("in_small_batches")
def test_two_runners_at_once_fold_every_event_once(story: Story, settings: Settings) -> None:
    catch_up(settings)
    before = dump(settings)
    forget_everything(settings)
    start = Barrier(3)

    def run(number: int) -> int:
        folded: list[int] = []
        with opened_runner(settings) as runner:
            start.wait()
            runner.catch_up(folded.append)
        return sum(folded)

    with ThreadPoolExecutor(3) as threads:
        shares = list(threads.map(run, range(3)))
    assert dump(settings) == before
    assert sum(shares) == len(before["audit"])


@pytest.mark.thorough
@pytest.mark.usefixtures("in_small_batches")
@pytest.mark.parametrize("name", some(NAMES, 5))
def test_a_runner_that_dies_in_the_middle_of_a_batch_leaves_nothing_of_it(
    story: Story, settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    catch_up(settings)
    before = dump(settings)
    forget_everything(settings)
    dying = next(p for p in projections.ALL if p.name == name)
    fold, calls = dying.fold, []

    def fold_and_die(self: Any, db: Any, batch: Any) -> None:
        fold(self, db, batch)
        calls.append(len(batch))
        if len(calls) == 3:
            raise SystemExit("killed after the fold")
        if len(calls) == 6:
            db.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    monkeypatch.setattr(dying, "fold", fold_and_die)
    with opened_runner(settings) as runner:
        with pytest.raises(SystemExit):
            runner.catch_up()
        assert position(settings, name) == 14
        with pytest.raises(psycopg.OperationalError):
            runner.catch_up()
        assert position(settings, name) == 28
        runner.catch_up()
    assert dump(settings) == before
    assert len(calls) > 6


def test_a_batch_that_was_taken_already_changes_nothing(story: Story, settings: Settings) -> None:
    catch_up(settings)
    before = dump(settings)
    with composition.follower(settings) as source, composition.runner(settings, source) as runner:
        batch = source.after(0, 50)
        runner.take(batch)
        assert dump(settings) == before
        runner.take(source.after(batch[10].written.position, 5))
        assert dump(settings) == before


@pytest.mark.thorough
@pytest.mark.usefixtures("in_small_batches")
def test_a_batch_that_overlaps_or_comes_too_early_is_taken_once_with_all_before_it(
    story: Story, settings: Settings
) -> None:
    catch_up(settings)
    before = dump(settings)
    forget_everything(settings)
    with composition.follower(settings) as source, composition.runner(settings, source) as runner:
        every = source.after(0, 100_000)
        runner.take(every[:10])
        runner.take(every[5:20])
        runner.take(every[40:60])
        assert min(lag.position for lag in runner.lag()) >= every[59].written.position
        runner.take(every[50:])
    assert dump(settings) == before


def test_events_are_followed_as_they_come(office: Office, elsewhere: Settings) -> None:
    stop = Event()
    with composition.follower(elsewhere) as source, composition.runner(elsewhere, source) as runner:
        reached = runner.catch_up()
        case = office.opens(composition.now())
        for batch in source.follow(reached, stop, 0.2):
            if batch:
                runner.take(batch)
                office.does("uptd-ppa", case, RecordNote, note=uuid4()) if batch[-1].written.version == 2 else None
            elif runner.lag()[0].behind == 0:
                stop.set()
        assert {lag.behind for lag in runner.lag()} == {0}
    with office.ports.views.acting_for("uptd-ppa") as db:
        assert [t.version for t in timeline.entries(db, case)] == [1, 2, 3]


def test_a_follower_is_told_when_its_connection_breaks(office: Office, elsewhere: Settings) -> None:
    with ExitStack() as closing:
        source = closing.enter_context(composition.follower(elsewhere))
        db = closing.enter_context(psycopg.connect(elsewhere.database, autocommit=True))
        batches = source.follow(source.head(), Event(), 0.05)
        assert not next(batches)
        db.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE usename = 'rujukan_follower' AND datname = current_database()"
        )
        with pytest.raises(AWAY):
            list(batches)


# Lag and waiting ---------------------------------------------------------------------------------------------


def test_lag_is_how_many_positions_a_read_model_is_behind(office: Office, elsewhere: Settings) -> None:
    at = catch_up(elsewhere)
    with opened_runner(elsewhere) as runner:
        assert {(lag.projection, lag.position, lag.behind) for lag in runner.lag()} == {
            (p.name, at, 0) for p in projections.ALL
        }
        assert sorted(office.ports.views.lag()) == sorted((name, 0) for name in NAMES)
        case = office.opens(composition.now())
        office.does("uptd-ppa", case, RecordNote, note=uuid4())
        assert {lag.behind for lag in runner.lag()} == {office.position - at} == {3}
        assert {behind for _, behind in office.ports.views.lag()} == {3}
        runner.catch_up()
        assert {lag.behind for lag in runner.lag()} == {0}


def test_a_read_waits_until_a_write_was_taken_in_and_no_longer(office: Office, elsewhere: Settings) -> None:
    case = office.opens(composition.now())
    done = office.does("uptd-ppa", case, RecordNote, note=uuid4())
    begun = time.monotonic()
    lists = Lists(office.ports.views)
    with pytest.raises(Behind):
        lists.wait(done.position, 0.1)
    assert 0.1 <= time.monotonic() - begun < 300
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(lists.wait, done.position, 300)
        time.sleep(0.05)
        assert not waiting.done()
        catch_up(elsewhere)
        waiting.result(PATIENCE_SECONDS)
    lists.wait(done.position, 0)
    with psycopg.connect(elsewhere.database, autocommit=True) as db:
        assert wait_for(db, done.position, ["audit"], 0)
        assert not wait_for(db, done.position, ["audit", "no such read model"], 0)


def test_read_models_are_made_once_however_many_prepare_them(settings: Settings, story: Story) -> None:
    before = dump(settings)

    def prepare(number: int) -> None:
        with opened_runner(settings) as runner:
            runner.prepare()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(prepare, range(4)))
    assert dump(settings) == before
