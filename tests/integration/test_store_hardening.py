"""What abuse of the store found, and must not find again: commands stored twice or never, neighbours that fail
together, keys lost with the power, readers stopped by what was erased, read models that tell too much."""

import os
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier
from uuid import UUID, uuid4

import psycopg
import pytest
from office import (
    APPENDING,
    HOUR,
    Office,
    append,
    catch_up,
    dump,
    held_up,
    kill,
    note,
    opened_office,
    opened_runner,
    opened_store,
    reached,
    rows,
    stored,
    tell_one_case,
    until,
    writing,
)
from patience import PATIENCE_SECONDS
from psycopg.conninfo import make_conninfo
from some import thorough

from rujukan.api.application.kinds import CASE
from rujukan.api.application.once import Sent
from rujukan.domain.case.consents import WithdrawConsent
from rujukan.domain.case.fulfilment import AcceptReferral, ReceiveReferral, StartReferral
from rujukan.domain.case.lifecycle import CloseCase
from rujukan.domain.case.notes import RecordNote
from rujukan.domain.case.referrals import CancelReferral, SendReferral
from rujukan.domain.codes import CloseReason, Service
from rujukan.domain.compartment import Compartment
from rujukan.domain.fact import CaseId
from rujukan.infra import composition
from rujukan.infra.services.postgres import EmbeddedPostgres
from rujukan.infra.settings import Settings
from rujukan.infra.store import following
from rujukan.infra.store.group_commit import GroupCommit, Idempotency, LogUnavailable, Row
from rujukan.projections import caseload, deadlines, referral_box, timeline
from rujukan.projections import runner as runner_module
from rujukan.projections.rebuilding import RebuildRunning

NOTHING = type(None)


@pytest.fixture(scope="module")
def office(settings: Settings) -> Iterator[Office]:
    with opened_office(settings) as opened:
        yield opened


@pytest.fixture
def writer(settings: Settings) -> Iterator[GroupCommit]:
    with writing(settings.database) as started:
        yield started


@pytest.fixture
def db(settings: Settings) -> Iterator[psycopg.Connection]:
    with psycopg.connect(settings.database, autocommit=True) as connection:
        yield connection


def hang_up(writer: GroupCommit) -> None:
    """Break the writer's connection at its own end: the backend does not hear of it, and goes on."""
    assert writer._db is not None
    with socket.socket(fileno=os.dup(writer._db.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


def twice_at_it(db: psycopg.Connection, writer: GroupCommit, act: Callable[[], object]) -> None:
    """Do this while the connection breaks, so that two backends have it before them, and both go on."""
    with ThreadPoolExecutor(1) as thread:
        with db.transaction():
            db.execute("SELECT pg_advisory_xact_lock(%s)", (APPENDING,))
            answer = thread.submit(act)
            until(lambda: held_up(db) == 1)
            hang_up(writer)
            until(lambda: held_up(db) == 2)
        answer.result(PATIENCE_SECONDS)


# Appending -----------------------------------------------------------------------------------------------------


def test_a_command_is_answered_that_the_backend_of_a_broken_connection_stored(
    writer: GroupCommit, db: psycopg.Connection
) -> None:
    writer.append(rows(uuid4()))
    command = rows(uuid4())
    answers: list[list[int]] = []
    twice_at_it(db, writer, lambda: answers.append(writer.append(command)))
    (row,) = command
    ((_, version, state, position),) = stored(db, [row.stream])
    assert (version, state) == (1, row.state)
    assert answers == [[position]]


def test_an_act_is_not_done_twice_when_its_connection_breaks(office: Office, db: psycopg.Connection) -> None:
    case = office.opens(composition.now() - HOUR)
    before = len(office.ports.log.read(case))
    writer = office.ports.log._store.recorder.writer  # type: ignore[attr-defined]
    twice_at_it(db, writer, lambda: office.does("uptd-ppa", case, RecordNote, note=uuid4()))
    assert len(office.ports.log.read(case)) == before + 1


def test_who_appends_to_a_closed_store_is_told(settings: Settings) -> None:
    with writing(settings.database) as writer:
        pass
    with pytest.raises(LogUnavailable):
        writer.append(rows(uuid4()))


@pytest.mark.parametrize("versions", [(), (1, 1), (1, 3), (2, 1)])
def test_rows_that_can_never_be_stored_are_refused_at_once(writer: GroupCommit, versions: tuple[int, ...]) -> None:
    stream = uuid4()
    with pytest.raises(ValueError, match=r"nothing to append|versions of a stream"):
        writer.append([Row(stream, version, "case.NoteRecorded", b"x") for version in versions])
    with pytest.raises(ValueError, match=r"nothing to append|versions of a stream"):
        writer.append(
            [Row(stream, version, "case.NoteRecorded", b"x") for version in versions],
            Idempotency(uuid4().bytes, b"", b""),
        )


def test_a_command_that_the_database_cannot_take_does_not_fail_its_neighbours(
    writer: GroupCommit, db: psycopg.Connection
) -> None:
    """A topic with NUL is no text to PostgreSQL, so that the whole batch is refused."""
    with ThreadPoolExecutor(4) as threads:
        with db.transaction():
            db.execute("SELECT pg_advisory_xact_lock(%s)", (APPENDING,))
            first = threads.submit(writer.append, rows(uuid4()))
            until(lambda: held_up(db) == 1)
            bad = threads.submit(writer.append, [Row(uuid4(), 1, "case.\0", b"x")])
            good = [threads.submit(writer.append, rows(uuid4())) for _ in range(2)]
            until(lambda: writer._waiting.qsize() == 3)
        assert [type(answer.exception(10)) for answer in (first, bad, *good)] == [
            NOTHING,
            LogUnavailable,
            NOTHING,
            NOTHING,
        ]


def test_one_retry_key_fifty_times_at_once_sends_one_referral(office: Office) -> None:
    case = office.opens(composition.now() - HOUR)
    office.consents(case, "rsud", "incident")
    referral, act = office.drafts(case, "rsud", Service.HEALTH), office.act("uptd-ppa")
    send = SendReferral(occurred_at=act.at, referral=referral)
    start = Barrier(50)

    def once(number: int) -> bool:
        start.wait()
        done = office.casework.handle(CASE, CaseId(case), send, act, correlation=uuid4(), sent=Sent("once", b"sending"))
        return done.replayed

    with ThreadPoolExecutor(50) as threads:
        assert Counter(threads.map(once, range(50))) == {False: 1, True: 49}


# Keys ----------------------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_what_is_sealed_after_a_power_cut_can_be_opened(places: Callable[[], Path]) -> None:
    """The key was made before the power cut, and used after it."""
    directory, stream = places(), uuid4()
    server = EmbeddedPostgres(directory / "postgres")
    try:
        settings = Settings(data=directory, database=server.start(), kafka="")
        composition.prepare(settings)
        with opened_store(settings) as store:
            append(store, uuid4(), 0, note())
            store.keys.for_sealing(stream, [Compartment.COORDINATION])
            kill(server)
            server.start()
            with suppress(psycopg.OperationalError):  # the first may meet a connection that died, which costs a retry
                store.keys.renew()
            append(store, stream, 0, note())
        with opened_store(settings) as restarted:
            assert len(restarted.read(stream)) == 1
    finally:
        server.stop()


# What was erased -----------------------------------------------------------------------------------------------


def erased(office: Office, db: psycopg.Connection, notes: int) -> UUID:
    """A case that was told and whose keys are gone since."""
    case = office.opens(composition.now())
    for _ in range(notes):
        office.does("uptd-ppa", case, RecordNote, note=uuid4())
    db.execute("DELETE FROM log.data_keys WHERE stream = %s", (case,))
    return case


@pytest.mark.thorough
def test_a_page_of_what_was_erased_is_not_the_end_of_the_log(
    office: Office, settings: Settings, db: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = office.opens(composition.now())
    catch_up(settings)
    erased(office, db, notes=10)
    last = office.does("uptd-ppa", case, RecordNote, note=uuid4())
    monkeypatch.setattr(runner_module, "BATCH", 5)
    catch_up(settings)
    assert reached(settings) == {last.position}
    monkeypatch.setattr(following, "PAGE", 5)
    before = dump(settings)["caseload"]
    with opened_runner(settings) as runner:
        runner.rebuild("caseload")
    assert dump(settings)["caseload"] == before
    assert case in {row.case for row in _caseload(office, "uptd-ppa")}


def test_nobody_is_behind_what_was_erased(office: Office, settings: Settings, db: psycopg.Connection) -> None:
    catch_up(settings)
    erased(office, db, notes=1)
    with opened_runner(settings) as runner:
        assert runner.catch_up() == office.position
        assert {lag.behind for lag in runner.lag()} == {0}
    case = office.opens(composition.now())
    catch_up(settings)
    assert case in {row.case for row in _caseload(office, "uptd-ppa")}


# Read models ---------------------------------------------------------------------------------------------------


def _caseload(office: Office, agency: str) -> list[caseload.CaseEntry]:
    with office.ports.views.acting_for(agency) as db:
        return list(caseload.cases(db, limit=500))


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["referral_box", thorough("audit")])
def test_a_second_rebuild_at_once_is_refused_and_does_the_first_no_harm(
    office: Office, settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    tell_one_case(office, composition.now() - HOUR)
    catch_up(settings)
    before = dump(settings)
    monkeypatch.setattr(following, "PAGE", 20)
    refused: list[RebuildRunning] = []

    def again(count: int) -> None:
        with opened_runner(settings) as second, pytest.raises(RebuildRunning) as caught:
            second.rebuild(name)
        refused.append(caught.value)

    with opened_runner(settings) as first:
        first.rebuild(name, again)
        assert refused
        assert dump(settings) == before
        assert first.rebuild(name), "what was refused leaves no lock behind"


@pytest.mark.thorough
def test_a_fresh_database_is_prepared_once_however_many_prepare_it(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    name = f"t{uuid4().hex[:12]}"
    with psycopg.connect(postgres.conninfo, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        settings = Settings(
            data=tmp_path, database=make_conninfo(postgres.conninfo, dbname=name), kafka="", network="tests"
        )
        with ThreadPoolExecutor(6) as threads:
            list(threads.map(lambda _: composition.prepare(settings), range(6)))
        assert reached(settings) == {0}
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_the_timeline_keeps_what_was_told_whatever_becomes_of_the_referral(office: Office, settings: Settings) -> None:
    case = office.opens(composition.now() - HOUR)
    consent = office.consents(case, "rsud", "incident")
    told = office.does("uptd-ppa", case, RecordNote, note=uuid4(), incident="i", health="h")
    first = office.refers(case, "rsud", Service.HEALTH, compartments=frozenset({"incident"}))
    for move in (ReceiveReferral, AcceptReferral, StartReferral):
        office.does("rsud", case, move, referral=first)
    office.does("uptd-ppa", case, WithdrawConsent, consent=consent)
    office.consents(case, "rsud", "health")
    office.refers(case, "rsud", Service.HEALTH, compartments=frozenset({"health"}))
    office.consents(case, "rsud", "incident")
    catch_up(settings)
    with office.ports.views.acting_for("rsud") as db:
        (entry,) = [e for e in timeline.entries(db, case) if e.version == told.version]
    assert entry.compartments == [Compartment.COORDINATION, Compartment.INCIDENT, Compartment.HEALTH]


def test_who_took_part_is_told_nothing_that_came_after(office: Office, settings: Settings) -> None:
    """Neither by a clock that is met then, nor by the status of the case, nor by its place among the others."""
    at = composition.now() - 2 * HOUR
    case = office.opens(at)
    office.records_incident(case, at)
    office.consents(case, "rsud", "incident")
    known = office.casework.case(case)
    assert known is not None
    clock = next(iter(known.clocks))
    referral = office.refers(case, "rsud", Service.HEALTH, clocks=(clock,))
    last = office.does("uptd-ppa", case, CancelReferral, referral=referral)
    office.meets("uptd-ppa", case, clock)
    office.does("uptd-ppa", case, CloseCase, reason=CloseReason.GOALS_MET)
    catch_up(settings)
    with office.ports.views.acting_for("rsud") as db:
        topics = {entry.topic for entry in timeline.entries(db, case)}
        (shared,) = [d for d in deadlines.deadlines(db, at, all=True, limit=500) if d.case == case]
    (row,) = [row for row in _caseload(office, "rsud") if row.case == case]
    assert not topics & {"case.ClockMet", "case.CaseClosed"}
    assert shared.met_at is None
    assert (row.relation, row.status, row.position) == ("former", "open", last.position)


def test_one_incident_id_in_two_cases_stops_no_read_model(office: Office, settings: Settings) -> None:
    """Ids come from agencies. Clocks are named after the incident, and are of their case nevertheless."""
    at, incident = composition.now() - HOUR, uuid4()
    cases = [office.opens(at) for _ in range(2)]
    for case in cases:
        office.records_incident(case, at, incident=incident)
    catch_up(settings)
    with office.ports.views.acting_for("uptd-ppa") as db:
        board = Counter(d.case for d in deadlines.deadlines(db, at, limit=500) if d.case in cases)
    assert board[cases[0]] == board[cases[1]] > 0


def test_one_referral_id_in_two_cases_is_two_referrals(office: Office, settings: Settings) -> None:
    """Ids of referrals come from agencies too."""
    at, referral = composition.now() - HOUR, uuid4()
    sent, drafted = (office.opens(at) for _ in range(2))
    for case in (sent, drafted):
        office.consents(case, "rsud", "incident")
        office.drafts(case, "rsud", Service.HEALTH, referral=referral)
    office.does("uptd-ppa", sent, SendReferral, referral=referral)
    catch_up(settings)
    found = {}
    for agency, box in (("uptd-ppa", "out"), ("rsud", "in")):
        with office.ports.views.acting_for(agency) as db:
            entries = referral_box.referrals(db, box, composition.now(), limit=500)
        found[agency] = {(entry.case, entry.status) for entry in entries if entry.referral == referral}
    assert found == {"uptd-ppa": {(sent, "requested"), (drafted, "draft")}, "rsud": {(sent, "requested")}}
