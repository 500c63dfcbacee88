"""An old log comes in whole or not at all, by the rules, and once."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from conftest import fresh_settings

from rujukan.domain import case as cases
from rujukan.domain.agency import RegisterAgency, agency_stream
from rujukan.domain.agency import fold as fold_agency
from rujukan.domain.agency_state import Agency
from rujukan.domain.agency_state import decide as decide_agency
from rujukan.domain.case.consents import ConsentGiven
from rujukan.domain.case.lifecycle import CaseClosed
from rujukan.domain.case.notes import NoteRecorded
from rujukan.domain.case.referrals import ReferralDrafted
from rujukan.domain.casefile.state import Case, Status
from rujukan.domain.codes import AgencyKind, CloseReason, ReferralStatus, Role, Service
from rujukan.domain.fact import Fact
from rujukan.infra import composition
from rujukan.infra.importing import importer
from rujukan.infra.importing.importer import CASES_A_COMMIT, CodeTaken, store
from rujukan.infra.importing.planning import IMPORTER, PlannedCase, plan
from rujukan.infra.importing.xes import XesError
from rujukan.infra.services.postgres import EmbeddedPostgres
from rujukan.infra.store.event_store import EventStore, Stream
from rujukan.infra.system_act import system_act

DATA = Path(__file__).parent.parent / "unit" / "data"
SMALL = DATA / "small.xes"
BACK_AND_FORTH = DATA / "back_and_forth.xes"
RECEIPT = Path(__file__).parents[2] / ".." / "shared" / "data" / "receipt.xes.gz"


# A store of its own for each test ------------------------------------------------------------------------------


@pytest.fixture
def fresh(postgres: EmbeddedPostgres, tmp_path: Path) -> Iterator[Callable[[], EventStore]]:
    """Makes stores, each on a database of its own."""
    with ExitStack() as closing:

        def make() -> EventStore:
            settings = closing.enter_context(fresh_settings(postgres, tmp_path))
            return closing.enter_context(composition.writer(settings))

        yield make


@pytest.fixture
def log(fresh: Callable[[], EventStore]) -> EventStore:
    return fresh()


def told(planned: PlannedCase) -> list[tuple[str, str, str]]:
    """The events as a person would tell them: what, by which agency, when."""
    return [
        (type(event).__name__, act.agency, event.occurred_at.astimezone(UTC).strftime("%m-%d %H:%M"))
        for event, act in zip(planned.events, planned.acts, strict=True)
    ]


def folded(planned: PlannedCase) -> Case:
    case = cases.fold(planned.events)
    assert case is not None
    return case


def everything(log: EventStore) -> dict[tuple[UUID, int], tuple[Fact, str, UUID]]:
    """Every stored event by stream and version, with its author; its position and time of recording left out."""
    notes = log.recorder.select_notifications(None, 1_000_000)
    return {
        (o.record.header.stream, o.version): (o.event, o.record.header.agency, o.record.header.actor)
        for o in log.open_all(notes)
        if o.record.header.topic.startswith("case.")
    }


def many(directory: Path, count: int) -> Path:
    """A log of so many cases, each handed over once."""
    start = datetime(2020, 1, 1, tzinfo=UTC)
    traces = []
    for n in range(count):
        events = "".join(
            f'<event><string key="concept:name" value="{what}"/><string key="org:group" value="{group}"/>'
            f'<date key="time:timestamp" value="{(start + timedelta(days=days)).isoformat()}"/></event>'
            for what, group, days in (("in", "Desk", n), ("out", f"Unit {n % 3}", n + n % 5))
        )
        traces.append(f'<trace><string key="concept:name" value="{n}"/>{events}</trace>')
    file = directory / f"many-{count}.xes"
    file.write_text(f"<log>{''.join(traces)}</log>")
    return file


# Planning ------------------------------------------------------------------------------------------------------


def test_a_chain_of_hand_overs() -> None:
    """A → B → C → A: B's referral ends when B passes the work on, C's when it returns to the lead."""
    chain = plan(SMALL).cases[0]
    assert told(chain) == [
        ("CaseOpened", "unit-a", "10-11 11:45"),
        ("ReportReceived", "unit-a", "10-11 11:45"),
        ("ConsentGiven", "unit-a", "10-11 11:45"),
        ("NoteRecorded", "unit-a", "10-11 11:45"),
        ("ReferralDrafted", "unit-a", "10-11 11:45"),
        ("ReferralSent", "unit-a", "10-11 11:45"),
        ("ReferralReceived", "unit-b", "10-12 07:00"),
        ("ReferralAccepted", "unit-b", "10-12 07:00"),
        ("ReferralStarted", "unit-b", "10-12 07:00"),
        ("NoteRecorded", "unit-b", "10-12 07:00"),
        ("NoteRecorded", "unit-b", "10-12 07:30"),
        ("ReferralDrafted", "unit-b", "10-12 07:30"),
        ("ReferralSent", "unit-b", "10-12 07:30"),
        ("ReferralCompleted", "unit-b", "10-12 07:30"),
        ("ReferralReceived", "unit-c", "10-20 07:00"),
        ("ReferralAccepted", "unit-c", "10-20 07:00"),
        ("ReferralStarted", "unit-c", "10-20 07:00"),
        ("NoteRecorded", "unit-c", "10-20 07:00"),
        ("ReferralCompleted", "unit-c", "10-20 07:00"),
        ("NoteRecorded", "unit-a", "10-21 07:00"),
        ("CaseClosed", "unit-a", "10-21 07:00"),
    ]
    first, second = (event for event in chain.events if isinstance(event, ReferralDrafted))
    assert (first.sender, first.recipient, first.parent) == ("unit-a", "unit-b", None)
    assert (second.sender, second.recipient, second.parent) == ("unit-b", "unit-c", first.referral)
    notes = [event.subject for event in chain.events if isinstance(event, NoteRecorded)]
    assert notes == ["receive", "assess", "ask back", "decide", "answer"]
    assert (chain.source_events, chain.referrals, chain.clocks_met) == (5, 2, 1)


def test_consent_covers_who_takes_part_and_coordination_alone() -> None:
    consents = [[event for event in planned.events if isinstance(event, ConsentGiven)] for planned in plan(SMALL).cases]
    assert [[given.recipients for given in some] for some in consents] == [
        [{"unit-a", "unit-b", "unit-c"}],
        [{"unassigned", "unit-b"}],
        [],
    ]
    assert consents[0][0].compartments == frozenset()


def test_every_case_ends_with_its_referrals() -> None:
    for planned in (*plan(SMALL).cases, *plan(BACK_AND_FORTH).cases):
        case = folded(planned)
        assert case.status is Status.CLOSED
        assert {r.status for r in case.referrals.values()} <= {ReferralStatus.COMPLETED}
        closed = planned.events[-1]
        assert isinstance(closed, CaseClosed)
        assert closed.reason is CloseReason.IMPORTED
        assert closed.occurred_at == max(event.occurred_at for event in planned.events)


def test_events_out_of_order_are_taken_in_the_order_of_their_times(tmp_path: Path) -> None:
    """Nothing is before its cause, no time is changed, and windows run as they ran then."""
    at = datetime(2012, 3, 1, tzinfo=UTC)
    events = [("done", "Unit B", 9), ("in", "Unit A", 0), ("begun", "Unit B", 2), ("closed", "Unit A", 10)]
    told_as = "".join(
        f'<event><string key="concept:name" value="{what}"/><string key="org:group" value="{group}"/>'
        f'<date key="time:timestamp" value="{(at + timedelta(days=day)).isoformat()}"/></event>'
        for what, group, day in events
    )
    file = tmp_path / "out-of-order.xes"
    file.write_text(f'<log><trace><string key="concept:name" value="1"/>{told_as}</trace></log>')
    (planned,) = plan(file).cases
    times = [event.occurred_at for event in planned.events]
    assert times == sorted(times)
    assert {(time - at).days for time in times} == {0, 2, 9, 10}
    (referral,) = folded(planned).referrals.values()
    assert (referral.sent_at, referral.answered_at, referral.due_at) == (at, at + timedelta(2), at + timedelta(3))
    stored = cases.fold(planned.events, at=planned.acts[0].at)
    assert stored is not None
    assert not stored.referrals[referral.id].late
    assert stored.end_recorded_at == planned.acts[0].at


def test_work_that_begins_with_nobody() -> None:
    """Unassigned leads; an event without a group stays with whoever has the work."""
    nobody = plan(SMALL).cases[1]
    authors = [
        act.agency for event, act in zip(nobody.events, nobody.acts, strict=True) if isinstance(event, NoteRecorded)
    ]
    assert authors == ["unassigned", "unit-b", "unit-b"]
    assert folded(nobody).lead == "unassigned"


def test_a_resource_is_a_pseudonym_that_the_log_alone_resolves() -> None:
    chain, nobody, alone = plan(SMALL).cases
    actors = {
        event.subject: act.actor
        for event, act in zip(chain.events, chain.acts, strict=True)
        if isinstance(event, NoteRecorded)
    }
    assert actors["receive"] == actors["answer"] != actors["assess"]
    assert actors["ask back"] == IMPORTER
    assert {act.actor for act in alone.acts} == {IMPORTER}
    assert nobody.acts[-1].actor == actors["assess"]
    assert all(act.role is Role.SYSTEM for act in chain.acts)


def test_groups_whose_codes_meet_stay_apart() -> None:
    """“Unit B” and “unit-b” are two agencies; spaces make no difference; work goes back and forth."""
    planned = plan(BACK_AND_FORTH)
    codes = [agency.agency.code for agency in planned.agencies]
    assert codes[:2] == ["unit-a", "unit-b"]
    assert codes[2].startswith("unit-b-")
    (case,) = planned.cases
    notes = [act.agency for event, act in zip(case.events, case.acts, strict=True) if isinstance(event, NoteRecorded)]
    assert notes == ["unit-a", "unit-b", codes[2], "unit-b", "unit-a", "unit-b"]
    assert (case.referrals, case.clocks_met) == (4, 3)


@pytest.mark.parametrize(
    ("label", "code"),
    [
        ("Group 1", "group-1"),
        ("  Dinas Sosial / Kota ", "dinas-sosial-kota"),
        ("Pôlres", "polres"),
        ("日本", "group-"),
        ("Unassigned", "unassigned-"),
        ("Rujukan", "rujukan-"),
        ("x" * 60, "x" * 27 + "-"),
    ],
)
def test_codes_of_groups(tmp_path: Path, label: str, code: str) -> None:
    file = many(tmp_path, 1)
    file.write_text(file.read_text().replace("Desk", label))
    found = plan(file).agencies[0].agency
    assert found.code == code + hashlib.sha256(label.encode()).hexdigest()[:12] * code.endswith("-")
    assert found.name == " ".join(label.split())
    assert found.services == {Service.COORDINATION}
    assert found.has_member(IMPORTER, (Role.CASE_WORKER,))


def test_ids_follow_from_the_content() -> None:
    first, second = plan(SMALL), plan(SMALL)
    assert [(c.id, c.events) for c in first.cases] == [(c.id, c.events) for c in second.cases]
    assert first.id == second.id
    assert {c.id for c in first.cases}.isdisjoint(c.id for c in plan(BACK_AND_FORTH).cases)


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("2011-10-21T", "9999-10-21T", 40, "InTheFuture"),
        ('value="ask back"', f'value="{"GEHEIM" * 40}"', 35, "subject"),
        ('value="from nobody"', f'value="{"GEHEIM" * 40}"', 53, "reference"),
        ("Unit C", "GEHEIM" * 40, 29, "name"),
        ('value="alone"', 'value="chain"', 72, "same concept:name"),
    ],
)
def test_what_the_rules_refuse_names_the_line(tmp_path: Path, old: str, new: str, line: int, reason: str) -> None:
    file = tmp_path / "a.xes"
    file.write_text(SMALL.read_text().replace(old, new))
    with pytest.raises(XesError, match=reason) as error:
        plan(file)
    assert error.value.line == line
    assert "GEHEIM" not in str(error.value)


# Storing -------------------------------------------------------------------------------------------------------


def test_what_was_planned_is_what_is_stored(log: EventStore) -> None:
    planned = plan(SMALL)
    progress: list[int] = []
    figures = store(planned, log, progress.append)
    assert sum(progress) == figures.cases == 3
    assert (figures.source_events, figures.agencies, figures.skipped_cases, figures.empty_traces) == (9, 4, 0, 1)
    assert (figures.referrals, figures.clocks_met, figures.clocks_breached) == (3, 2, 1)
    assert figures.events == sum(len(case.events) for case in planned.cases)
    for case in planned.cases:
        stored = log.read(case.id)
        assert [o.event.occurred_at for o in stored] == [event.occurred_at for event in case.events]
        assert [(type(o.event).__bases__[0], o.record.header.agency, o.record.header.actor) for o in stored] == [
            (type(event), act.agency, act.actor) for event, act in zip(case.events, case.acts, strict=True)
        ]
        assert {o.record.header.recorded_at for o in stored} == {planned.act.at}
        assert cases.fold(o.event for o in stored) == folded(case)
        positions = [o.position for o in stored]
        assert positions == list(range(positions[0], positions[0] + len(positions))), "a case is one piece"


def test_the_agencies_are_registered(log: EventStore) -> None:
    store(plan(SMALL), log)
    for code, name in (("unit-a", "Unit A"), ("unit-b", "Unit B"), ("unassigned", "Belum ditetapkan")):
        agency = registered(log, code)
        assert agency is not None
        assert (agency.name, agency.kind) == (name, AgencyKind.OTHER)
        assert agency.has_member(IMPORTER, (Role.SUPERVISOR,))


def test_importing_again_changes_nothing(log: EventStore) -> None:
    store(plan(SMALL), log)
    head = log.head()
    figures = store(plan(SMALL), log)
    assert log.head() == head
    assert (figures.cases, figures.events, figures.agencies, figures.referrals) == (0, 0, 0, 0)
    assert figures.skipped_cases == 3


@pytest.mark.thorough
def test_an_import_that_was_killed_is_continued(fresh: Callable[[], EventStore], tmp_path: Path) -> None:
    file = many(tmp_path, 4 * CASES_A_COMMIT)
    killed, undisturbed = fresh(), fresh()

    class Killed(BaseException):
        pass

    def kill(cases: int) -> None:
        if cases:
            raise Killed

    with pytest.raises(Killed):
        store(plan(file), killed, kill, threads=1)
    part = everything(killed)
    begun = {stream for stream, _ in part}
    assert 0 < len(begun) < 4 * CASES_A_COMMIT
    assert len(part) == sum(len(case.events) for case in plan(file).cases if case.id in begun), "half a case is stored"

    rest = store(plan(file), killed)
    store(plan(file), undisturbed)
    assert rest.skipped_cases == len(begun)
    assert rest.cases == 4 * CASES_A_COMMIT - len(begun)
    assert everything(killed) == everything(undisturbed)


def test_two_imports_at_once_store_each_case_once(log: EventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the other stored between the look and the commit is left to it."""
    planned, looked = plan(SMALL), importer._missing
    calls = 0

    def late(cases: tuple[PlannedCase, ...], store: EventStore) -> list[PlannedCase]:
        nonlocal calls
        calls += 1
        missing = looked(cases, store)
        if calls == 1:
            other = cases[0]
            stream = Stream(other.id, 0, other.events, other.acts)
            store.append([stream], planned.act, correlation=planned.id, causation=planned.id)
        return missing

    monkeypatch.setattr(importer, "_missing", late)
    figures = store(planned, log)
    assert (figures.cases, figures.skipped_cases) == (2, 1)
    assert len(everything(log)) == sum(len(case.events) for case in planned.cases)


def test_a_malformed_log_stores_nothing(log: EventStore, tmp_path: Path) -> None:
    file = tmp_path / "a.xes"
    file.write_text(SMALL.read_text().replace("</log>", "<trace>"))
    with pytest.raises(XesError):
        store(plan(file), log)
    assert log.head() == 0


@pytest.mark.parametrize(
    "other",
    [{"kind": AgencyKind.HEALTH}, {"name": "Another"}, {"services": frozenset({Service.HEALTH})}],
    ids=["kind", "name", "services"],
)
def test_a_code_that_is_another_agencys_stores_nothing(log: EventStore, other: dict[str, Any]) -> None:
    act = system_act()
    usual = {"kind": AgencyKind.OTHER, "name": "Unit B", "services": frozenset({Service.COORDINATION})}
    register(log, RegisterAgency(occurred_at=act.at, code="unit-b", **{**usual, **other}))
    head = log.head()
    with pytest.raises(CodeTaken) as error:
        store(plan(SMALL), log)
    assert error.value.code == "unit-b"
    assert log.head() == head


def test_an_agency_that_an_earlier_log_brought_is_used(log: EventStore, tmp_path: Path) -> None:
    assert store(plan(SMALL), log).agencies == 4
    assert store(plan(BACK_AND_FORTH), log).agencies == 1


@pytest.mark.thorough
@pytest.mark.skipif(not RECEIPT.exists(), reason="the receipt log is not there")
def test_a_real_log(log: EventStore) -> None:
    """CoSeLoG, receipt phase of a permit process (Buijs 2014, DOI 10.4121/12709127)."""
    figures = store(plan(RECEIPT), log)
    assert (figures.cases, figures.source_events, figures.empty_traces) == (1434, 8577, 0)
    assert figures.events == log.head() - 3 * figures.agencies
    assert figures.clocks_met + figures.clocks_breached == figures.referrals
    assert store(plan(RECEIPT), log).skipped_cases == 1434


def register(log: EventStore, command: RegisterAgency) -> None:
    act = system_act()
    events = decide_agency(command, None, act)
    log.append([Stream(agency_stream(command.code), 0, events)], act, correlation=uuid4(), causation=uuid4())


def registered(log: EventStore, code: str) -> Agency | None:
    return fold_agency(o.event for o in log.read(agency_stream(code)))
