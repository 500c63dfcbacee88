"""Rebuilding a read model: the same rows from the log alone, while the old ones serve and the world goes on."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event, Semaphore
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from office import (
    NAMES,
    Office,
    Rows,
    catch_up,
    dump,
    erases,
    further,
    head,
    opened_office,
    opened_runner,
    reached,
    tell_erasures,
    tell_lateness,
    tell_one_case,
)
from patience import PATIENCE_SECONDS
from some import some, thorough

from rujukan import projections
from rujukan.domain.case.amending import AmendReferral
from rujukan.domain.case.cancelling import AskCancellation, DeclineCancellation
from rujukan.domain.case.consents import WithdrawConsent
from rujukan.domain.case.fulfilment import AcceptReferral, ReceiveReferral, StartReferral
from rujukan.domain.case.incidents import RecordIncident
from rujukan.domain.case.notes import RecordNote
from rujukan.domain.case.questions import AnswerQuestion, AskQuestion
from rujukan.domain.case.staffing import AssignPerson, ExcludePerson
from rujukan.domain.case.stopping import StopSharing
from rujukan.domain.case.uncovered import EndUncoveredReferral
from rujukan.domain.codes import ConsentBy, EndReason, Role, Service, StopAbout, Urgency
from rujukan.domain.referral_codes import QuestionAbout, QuestionReply
from rujukan.domain.violence import GbvType, ToldBy, ViolenceForm
from rujukan.infra import composition
from rujukan.infra.database import AWAY, FOLLOWER, as_role
from rujukan.infra.settings import Settings
from rujukan.infra.store import following
from rujukan.projections import audit, caseload, deadlines, directory, referral_box, timeline
from rujukan.projections import runner as runner_module

HOUR = timedelta(hours=1)
CASES = 4


@pytest.fixture(scope="module")
def office(settings: Settings) -> Iterator[Office]:
    with opened_office(settings) as opened:
        for number in range(CASES):
            told = tell_one_case(opened, composition.now() - (number + 2) * HOUR)
        for action, fields in further(told):
            opened.does("uptd-ppa", told, action.command, **fields)
        kin = {"exclusion": uuid4(), "person": opened.act("polres").actor, "member_of": "polres", "reason": "r"}
        opened.does("uptd-ppa", told, ExcludePerson, role=Role.SUPERVISOR, **kin)
        worker = opened.act("uptd-ppa").actor
        opened.does("uptd-ppa", told, AssignPerson, role=Role.SUPERVISOR, person=worker)
        gone = tell_one_case(opened, composition.now() - HOUR)
        catch_up(settings)  # the read models saw what a rebuild does not see any more
        erases(opened, gone)
        tell_erasures(opened, composition.now() - HOUR)
        said = {"stop": uuid4(), "about": StopAbout.EVERYTHING, "said_by": frozenset({ConsentBy.SURVIVOR})}
        opened.does("lbh", tell_lateness(opened), StopSharing, **said)
        announces_an_end(opened)
        asks_and_amends(opened)
        records_what_binds_the_lead(opened)
        yield opened


def asks_and_amends(office: Office) -> None:
    """A referral on which its parties ask each other, one question is answered, that becomes more urgent, and that its
    sender asks to cancel, once with an answer."""
    case = office.opens(composition.now())
    office.consents(case, "rsud", "incident")
    referral = office.refers(case, "rsud", Service.HEALTH, urgency=Urgency.ROUTINE)
    for question in (uuid4(), uuid4()):
        asked = {"question": question, "asked_about": QuestionAbout.PROGRESS}
        office.does("rsud", case, AskQuestion, referral=referral, **asked)
    office.does("uptd-ppa", case, AnswerQuestion, question=question, reply=QuestionReply.GO_ON)
    office.does("uptd-ppa", case, AmendReferral, referral=referral, raised_to=Urgency.EMERGENCY)
    for move in (ReceiveReferral, AcceptReferral):
        office.does("rsud", case, move, referral=referral)
    for answered in (True, False):
        office.does("uptd-ppa", case, AskCancellation, referral=referral, reason=EndReason.DUPLICATE)
        if answered:
            office.does("rsud", case, DeclineCancellation, referral=referral, reason="r")


def announces_an_end(office: Office) -> None:
    """Of work that no consent covers any more."""
    case = office.opens(composition.now())
    office.consents(case, "rsud", "incident")
    referral = office.refers(case, "rsud", Service.HEALTH, urgency=Urgency.URGENT)
    for move in (ReceiveReferral, AcceptReferral, StartReferral):
        office.does("rsud", case, move, referral=referral)
    known = office.casework.case(case)
    assert known is not None
    for consent in known.consents:
        office.does("uptd-ppa", case, WithdrawConsent, consent=consent)
    office.does("uptd-ppa", case, EndUncoveredReferral, referral=referral, reason="r", role=Role.SUPERVISOR)


def records_what_binds_the_lead(office: Office) -> None:
    """A recipient does: that the lead's duty began by it is the system's to record, and it does not look here."""
    case = office.opens(composition.now())
    office.consents(case, "rsud", "incident")
    office.refers(case, "rsud", Service.HEALTH)
    of = {"forms": frozenset({ViolenceForm.SEXUAL}), "gbv_type": GbvType.RAPE, "told_by": ToldBy.SURVIVOR}
    office.does("rsud", case, RecordIncident, incident=uuid4(), **of)


@pytest.fixture(autouse=True)
def live(office: Office, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read models that took in everything, a few events at a time."""
    in_batches_of(9, monkeypatch)
    catch_up(settings)


def in_batches_of(events: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner_module, "BATCH", events)
    monkeypatch.setattr(following, "PAGE", events)


def rebuild(settings: Settings, name: str) -> int:
    with opened_runner(settings) as runner:
        return runner.rebuild(name)


def erased_events(settings: Settings) -> int:
    """How many events of the log nobody can read any more."""
    with psycopg.connect(settings.database) as db:
        row = db.execute(
            "SELECT count(*) FROM log.stored_events JOIN log.erased_keys k ON k.stream = originator_id"
            " AND k.compartment = 0"
        ).fetchone()
        assert row is not None
        return int(row[0])


def readable(views: Rows) -> int:
    """How many events of the log can be read: those in the trail, and the one that a machine acknowledged."""
    return len(views["audit"]) + len(views["delivery_mark"])


def shadows(settings: Settings) -> list[str]:
    with psycopg.connect(settings.database) as db:
        return [name for (name,) in db.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'rebuild%'")]


@pytest.mark.parametrize("batch", [9, thorough(2_000)])
@pytest.mark.parametrize("name", some(NAMES))
def test_a_rebuilt_read_model_is_the_live_one_row_by_row(
    settings: Settings, name: str, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dump(settings)
    assert [table for p in projections.ALL for table in p.tables if not before[table]] == []
    in_batches_of(batch, monkeypatch)
    assert rebuild(settings, name) == readable(before)
    assert dump(settings) == before
    assert shadows(settings) == []


@pytest.mark.thorough
def test_a_rebuild_mends_rows_that_went_wrong(settings: Settings) -> None:
    before = dump(settings)
    with psycopg.connect(settings.database, autocommit=True) as db:
        db.execute("UPDATE views.referral_box SET status = 'draft'")
        db.execute("DELETE FROM views.audit WHERE position % 2 = 0")
        db.execute("TRUNCATE views.audit_lead")
    assert dump(settings) != before
    for name in ("referral_box", "audit"):
        rebuild(settings, name)
    assert dump(settings) == before


@pytest.mark.thorough
def test_a_rebuilt_table_keeps_its_policies_grants_and_indexes(settings: Settings) -> None:
    def made(db: psycopg.Connection) -> list[Any]:
        return [
            db.execute(query).fetchall()
            for query in (
                "SELECT tablename, policyname, cmd, qual, roles::text FROM pg_policies WHERE schemaname = 'views'"
                " ORDER BY 1, 2",
                "SELECT relname, relrowsecurity, relacl::text, relowner::regrole::text FROM pg_class"
                " WHERE relnamespace = 'views'::regnamespace ORDER BY 1",
                "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'views' ORDER BY 1, 2",
                "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
                " WHERE connamespace = 'views'::regnamespace ORDER BY 1, 2",
            )
        ]

    with psycopg.connect(settings.database, autocommit=True) as db:
        before = made(db)
        for name in NAMES:
            rebuild(settings, name)
        assert made(db) == before


def test_an_unknown_read_model_cannot_be_rebuilt(settings: Settings) -> None:
    with pytest.raises(KeyError):
        rebuild(settings, "no such read model")
    assert shadows(settings) == []


def _first_page(db: Any, case: UUID) -> list[int]:
    """How many rows each read model answers with to the lead."""
    now = composition.now()
    return [
        len(directory.agencies(db)),
        len(referral_box.referrals(db, "out", now)),
        len(caseload.cases(db)),
        len(timeline.entries(db, case, limit=1000)),
        len(deadlines.deadlines(db, now, all=True)),
        len(audit.entries(db, limit=1000)),
    ]


@pytest.mark.thorough
def test_the_old_tables_answer_until_the_new_ones_do(
    office: Office, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_batches_of(40, monkeypatch)
    case = tell_one_case(office, composition.now() - HOUR)
    catch_up(settings)
    stop = Event()

    def read() -> list[list[int]]:
        answers = []
        while not stop.wait(0.002):
            with office.ports.views.acting_for("uptd-ppa") as db:
                answers.append(_first_page(db, case))
        return answers

    with office.ports.views.acting_for("uptd-ppa") as db:
        whole = _first_page(db, case)
    with ThreadPoolExecutor(2) as threads:
        readers = [threads.submit(read) for _ in range(2)]
        for name in NAMES * 2:
            rebuild(settings, name)
        stop.set()
        answers = [answer for reader in readers for answer in reader.result(PATIENCE_SECONDS)]
    assert len(answers) > 10
    assert [answer for answer in answers if answer != whole] == []


def test_who_reads_for_long_holds_up_the_switch_and_no_other_reader(settings: Settings) -> None:
    """With a minute to wait for a lock: who had to stand behind the switch would be seen, as it waits for who reads."""
    tried = Event()
    with psycopg.connect(settings.database) as long, ThreadPoolExecutor(1) as thread:
        long.execute("SELECT count(*) FROM views.timeline")

        def until_it_tries() -> None:
            with psycopg.connect(settings.database, autocommit=True) as db:
                while not db.execute(
                    "SELECT FROM pg_locks WHERE relation = 'views.timeline'::regclass AND NOT granted"
                ).fetchall():
                    time.sleep(0.001)
                tried.set()

        with ThreadPoolExecutor(1) as looking, psycopg.connect(settings.database, autocommit=True) as other:
            seen = looking.submit(until_it_tries)
            rebuilding = thread.submit(rebuild, settings, "timeline")
            assert tried.wait(PATIENCE_SECONDS)
            seen.result(PATIENCE_SECONDS)
            other.execute("SET lock_timeout = '60s'")
            for _ in range(100):
                other.execute("SELECT count(*) FROM views.timeline")
            assert not rebuilding.done()
            long.rollback()
            assert rebuilding.result(PATIENCE_SECONDS) > 0


@pytest.mark.thorough
@pytest.mark.parametrize("name", some(NAMES))
def test_a_rebuild_that_is_killed_leaves_the_old_one_serving_and_can_be_run_again(
    settings: Settings, name: str
) -> None:
    before = dump(settings)
    batches = []

    def die(count: int) -> None:
        batches.append(count)
        if len(batches) == 3:
            raise SystemExit("killed")

    with opened_runner(settings) as runner, pytest.raises(SystemExit):
        runner.rebuild(name, die)
    assert dump(settings) == before
    assert shadows(settings) == [f"rebuild_{name}"]

    with psycopg.connect(settings.database, autocommit=True) as db, opened_runner(settings) as runner:

        def cut_off(count: int) -> None:
            db.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE usename = 'rujukan_follower' AND query NOT LIKE 'LISTEN%'"
            )

        with pytest.raises(AWAY):
            runner.rebuild(name, cut_off)
    assert dump(settings) == before

    assert rebuild(settings, name) == readable(before)
    assert dump(settings) == before
    assert shadows(settings) == []


def test_a_rebuild_that_dies_while_it_puts_the_new_tables_in_place_changes_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dump(settings)

    class Dying(audit.Audit):
        """Its last table cannot be moved, because it is not there."""

        tables = ("audit", "audit_lead", "not_there")

    with composition.follower(settings) as source, composition.runner(settings, source) as runner:
        monkeypatch.setitem(runner._projections, "audit", Dying())
        with pytest.raises(psycopg.errors.UndefinedTable):
            runner.rebuild("audit")
    assert dump(settings) == before
    assert rebuild(settings, "audit") == readable(before)
    assert shadows(settings) == [], "what it left is gone once it was built"


@pytest.mark.thorough
@pytest.mark.parametrize("name", some(NAMES))
def test_what_a_worker_took_in_after_the_last_batch_was_read_is_folded_before_the_swap(
    office: Office, settings: Settings, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_batches_of(100, monkeypatch)
    case = office.opens(composition.now())
    catch_up(settings)

    def meanwhile(count: int) -> None:
        office.does("uptd-ppa", case, RecordNote, note=uuid4())
        catch_up(settings)

    with opened_runner(settings) as runner:
        runner.rebuild(name, meanwhile)
    after = dump(settings)
    assert reached(settings) == {head(settings)}
    rebuild(settings, name)
    assert dump(settings) == after


@pytest.mark.thorough
def test_a_read_model_of_an_older_shape_is_rebuilt_before_it_is_used(settings: Settings) -> None:
    """As after an upgrade: the table lacks a column, and says that it was made from other words."""
    before = dump(settings)
    with psycopg.connect(as_role(settings.database, FOLLOWER), autocommit=True) as db:
        db.execute("ALTER TABLE views.audit DROP COLUMN purpose")
        db.execute("COMMENT ON TABLE views.audit IS 'ddl of an older version'")
    composition.prepare(settings)
    assert dump(settings) == before
    composition.prepare(settings)
    assert dump(settings) == before


# Last, as it leaves a longer log, and each test before it builds all there is --------------------------------------


@pytest.mark.thorough
def test_what_happens_during_a_rebuild_is_in_it(
    office: Office, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer and a worker go on while every read model is rebuilt: a case for each, or each rebuild would take
    longer than the last."""
    in_batches_of(40, monkeypatch)
    stop, to_tell = Event(), Semaphore(0)

    def write() -> int:
        told = 0
        while not stop.is_set():
            if to_tell.acquire(timeout=0.05):
                tell_one_case(office, composition.now() - HOUR)
                told += 1
        return told

    def work() -> None:
        with opened_runner(settings) as runner:
            while not stop.is_set():
                runner.catch_up()
                time.sleep(0.02)

    with ThreadPoolExecutor(2) as threads:
        writer, worker = threads.submit(write), threads.submit(work)
        for name in NAMES:
            to_tell.release()
            rebuild(settings, name)
        stop.set()
        assert writer.result(PATIENCE_SECONDS) > 0
        worker.result(PATIENCE_SECONDS)
    assert catch_up(settings) == head(settings)
    after = dump(settings)
    positions = [row[0] for row in after["audit"]]
    assert len(set(positions)) == len(positions)
    assert readable(after) == head(settings) - erased_events(settings)
    for name in NAMES:
        rebuild(settings, name)
    assert dump(settings) == after
