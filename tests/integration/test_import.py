"""An old log comes in whole or not at all, by the rules, and once."""

import hashlib
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID, uuid4

import pytest
from conftest import fresh_settings
from msgspec.structs import replace

from rujukan.domain import case as cases
from rujukan.domain.agency import AddMember, RegisterAgency, agency_stream
from rujukan.domain.agency import fold as fold_agency
from rujukan.domain.agency_state import Agency
from rujukan.domain.agency_state import decide as decide_agency
from rujukan.domain.case.consents import ConsentGiven
from rujukan.domain.case.erasure import CaseErased
from rujukan.domain.case.lifecycle import CaseClosed
from rujukan.domain.case.notes import NoteRecorded
from rujukan.domain.case.referrals import ReferralDrafted
from rujukan.domain.casefile.state import Case, Status
from rujukan.domain.codes import AgencyKind, CloseReason, ReferralStatus, Role, Service
from rujukan.domain.compartment import Compartment
from rujukan.domain.fact import CaseId, ErasureId, Fact
from rujukan.infra import composition
from rujukan.infra.importing import importer, mapping, planning
from rujukan.infra.importing.bringing import as_json, bring_in, said
from rujukan.infra.importing.groups import IMPORTER, Network
from rujukan.infra.importing.ids import Ids
from rujukan.infra.importing.importer import CASES_A_COMMIT, CodeTaken, Doubtful, Unclear, store
from rujukan.infra.importing.known import Found, Left, look, network
from rujukan.infra.importing.mapping import Mapped, WrongMapping, read_mapping
from rujukan.infra.importing.planning import Plan, PlannedCase
from rujukan.infra.importing.xes import XesError
from rujukan.infra.keys.local import LocalKeyring
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


KEYS = TemporaryDirectory(prefix="rujukan-keys-")
IDS = Ids(LocalKeyring(Path(KEYS.name) / "keyring.json"))


def plan(file: Path, log: EventStore | None = None, mapped: Mapping[str, Mapped] | None = None) -> Plan:
    """What the command plans, for the network of that store."""
    return planning.plan(file, IDS, there=network(log) if log else Network(), mapped=mapped or {})


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
    assert notes == ["receive (complete)", "assess", "ask back", "decide", "answer"]
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
    assert actors["receive (complete)"] == actors["answer"] != actors["assess"]
    assert actors["ask back"] == IMPORTER
    assert {act.actor for act in alone.acts} == {IMPORTER}
    assert nobody.acts[-1].actor == actors["assess"]
    assert all(act.role is Role.SYSTEM for act in chain.acts)


def test_groups_whose_codes_meet_stay_apart() -> None:
    """“Unit B” and “unit-b” are two agencies; case and spaces make no difference; work goes back and forth."""
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
    assert found.code == code + hashlib.sha256(mapping.folded(label).encode()).hexdigest()[:12] * code.endswith("-")
    assert found.name == " ".join(label.split())
    assert found.services == {Service.COORDINATION}
    assert found.has_member(IMPORTER, (Role.CASE_WORKER,))


def test_a_case_is_known_by_its_lead_and_number_whatever_else_is_in_the_log(tmp_path: Path) -> None:
    """And by nobody who has not the key."""
    grown = tmp_path / "grown.xes"
    grown.write_text(SMALL.read_text().replace("</log>", "<!-- a byte more --></log>"))
    first, second = plan(SMALL), plan(grown)
    assert [(c.id, c.events, c.acts[0].actor) for c in first.cases] == [
        (c.id, c.events, c.acts[0].actor) for c in second.cases
    ]
    assert {c.id for c in first.cases}.isdisjoint(c.id for c in plan(BACK_AND_FORTH).cases)
    assert {c.id for c in first.cases}.isdisjoint(c.earlier for c in first.cases)
    other = Ids(LocalKeyring(tmp_path / "other.json"))
    assert {c.id for c in first.cases}.isdisjoint(c.id for c in planning.plan(SMALL, other).cases)


def test_every_transition_is_in_a_note_and_in_the_report(tmp_path: Path) -> None:
    steps = ("schedule", "assign", "start", "suspend", "resume", "complete", "autoskip", "pi_abort", "In Call")
    file = log_of(tmp_path, [(f"step {n}", "Unit A", f"2020-01-01T0{n}:00:00Z", s) for n, s in enumerate(steps)])
    planned = plan(file)
    notes = [event.subject for event in planned.cases[0].events if isinstance(event, NoteRecorded)]
    assert notes == [f"step {n} ({step})" for n, step in enumerate(steps)]
    assert planned.transitions == dict.fromkeys(steps, 1)


def log_of(directory: Path, events: list[tuple[str, str, str, str]], name: str = "1", file: str = "a.xes") -> Path:
    """A log of one trace, from (activity, group, time, transition), each event on a line of its own from line 2 on."""
    told = "".join(
        f'<event><string key="concept:name" value="{what}"/><string key="org:group" value="{group}"/>'
        f'<string key="lifecycle:transition" value="{step}"/><date key="time:timestamp" value="{at}"/></event>\n'
        for what, group, at, step in events
    )
    path = directory / file
    path.write_text(f'<log><trace><string key="concept:name" value="{name}"/>\n{told}</trace></log>')
    return path


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        ("1899-12-31T23:59:59Z", "before 1900"),
        ("2900-01-01T00:00:00Z", "in the future"),
        ("2899-01-01T00:00:00Z", "in the future"),
        ("2020-02-30T00:00:00Z", "day is out of range for month"),
        ("yesterday", "it is read as"),
        ("2020-02-03T00:00:00", "no time zone"),
    ],
)
@pytest.mark.parametrize("where", [0, 1, 2])
def test_a_wrong_time_names_the_line_of_its_event_and_the_reason(
    tmp_path: Path, where: int, at: str, reason: str
) -> None:
    """Whichever event of the trace it is, the first included."""
    events = [(f"step {n}", "Unit A", f"2020-01-0{n + 1}T00:00:00Z", "complete") for n in range(3)]
    events[where] = ("wrong", "Unit A", at, "complete")
    with pytest.raises(XesError, match=reason) as error:
        plan(log_of(tmp_path, events))
    assert error.value.line == 2 + where


# Groups --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Unit B", "UNIT B"),
        ("Pôlres", unicodedata.normalize("NFD", "Pôlres")),
        ("Pôlres", unicodedata.normalize("NFD", "PÔLRES")),
        ("Straße", "STRASSE"),
        ("日本 A", "日本 a"),
        ("x" * 60, "X" * 60),
        ("Empty", "eMPTY"),
        ("Unassigned", "UNASSIGNED"),
    ],
)
def test_groups_that_differ_in_case_or_unicode_form_are_one(
    fresh: Callable[[], EventStore], tmp_path: Path, first: str, second: str
) -> None:
    """Within a log, and from one log to the next, whichever spelling comes first."""

    def work(a: str, b: str) -> list[tuple[str, str, str, str]]:
        return [("in", a, "2020-01-01T00:00:00Z", "x"), ("out", b, "2020-01-02T00:00:00Z", "x")]

    planned = plan(log_of(tmp_path, work(first, second)))
    assert [agency.agency.code for agency in planned.agencies] == [planned.cases[0].lead]
    assert planned.cases[0].referrals == 0
    log = fresh()
    store(planned, log)
    again = plan(log_of(tmp_path, work(second, first), file="b.xes"), log)
    assert (again.agencies, again.questions, again.cases[0].id) == ((), (), planned.cases[0].id)


def existing(log: EventStore, *, joined: bool = False, **said: Any) -> None:
    """An agency of the network; `joined`: whose administrator made whoever imports a member, in any roles that a member
    of an import's own agency has."""
    usual = {"code": "unit-b", "kind": AgencyKind.HEALTH, "name": "RSUD", "services": frozenset({Service.HEALTH})}
    command = RegisterAgency(occurred_at=system_act().at, **{**usual, **said})
    register(log, command)
    if joined:
        roles = frozenset({Role.CASE_WORKER, Role.SUPERVISOR})
        as_member(log, command.code, AddMember(occurred_at=system_act().at, member=IMPORTER, roles=roles, name="Impor"))


@pytest.mark.parametrize("joined", [False, True], ids=["", "with the importer as a member"])
@pytest.mark.parametrize(
    "other",
    [
        {},
        {"kind": AgencyKind.OTHER, "name": "Unit B", "services": frozenset({Service.COORDINATION})},
        {"code": "rsud", "name": "UNIT  B"},
        {"code": "rsud", "name_en": "unit b"},
    ],
    ids=["code", "all of it", "name", "English name"],
)
def test_a_group_is_never_an_agency_of_the_network_unasked(
    log: EventStore, other: dict[str, Any], joined: bool
) -> None:
    """Nor does it take its code: that is a question, and until it is answered nothing is stored. Whom an agency makes a
    member changes nothing: cases that are another's would come into its hands."""
    existing(log, joined=joined, **other)
    head = log.head()
    planned = plan(SMALL, log)
    assert len(planned.questions) == 1
    with pytest.raises(Unclear, match=f"the agency {other.get('code', 'unit-b')} of"):
        store(planned, log)
    assert log.head() == head
    answers = {"unit b": Mapped("unit-b-lama", register=True)}
    assert store(plan(SMALL, log, answers), log).cases == 3
    assert registered(log, "unit-b-lama") is not None


def test_a_group_is_mapped_to_an_agency_that_exists(log: EventStore) -> None:
    """It leads, receives and acts as itself, of its own kind, and is asked for a service that it offers."""
    existing(log, code="rsud")
    existing(log, code="uptd", kind=AgencyKind.LEAD, name="UPTD", services=frozenset({Service.COORDINATION}))
    mapped = {"unit a": Mapped("uptd"), "unit b": Mapped("rsud"), "": Mapped("uptd"), "none": Mapped("uptd")}
    planned = plan(SMALL, log, mapped)
    assert planned.questions == ()
    assert [agency.agency.code for agency in planned.agencies] == ["unit-c"]
    assert [case.lead for case in planned.cases] == ["uptd"] * 3
    first = planned.cases[0]
    drafted = [event for event in first.events if isinstance(event, ReferralDrafted)]
    assert [(d.recipient, d.recipient_kind, d.service) for d in drafted] == [
        ("rsud", AgencyKind.HEALTH, Service.HEALTH),
        ("unit-c", AgencyKind.OTHER, Service.COORDINATION),
    ]
    assert planned.unmet == ("uptd",)
    assert store(planned, log).cases == 3
    assert registered(log, "unit-a") is None


@pytest.mark.parametrize(
    ("mapped", "question"),
    [
        (Mapped("nobody"), "there is no such agency"),
        (Mapped("polres", Service.HEALTH), "does not offer"),
        (Mapped("polres"), "what referrals to polres ask for"),
        (Mapped("rsud", register=True), "is the agency rsud"),
    ],
)
def test_what_the_mapping_cannot_mean_is_a_question(log: EventStore, mapped: Mapped, question: str) -> None:
    existing(log, code="rsud")
    both = frozenset({Service.LAW_ENFORCEMENT, Service.POLICE_PROTECTION})
    existing(log, code="polres", kind=AgencyKind.POLICE, name="Polres", services=both)
    (said,) = plan(SMALL, log, {"unit b": mapped}).questions
    assert question in said


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("m.json", '{"groups": {"Unit  B": "rsud", "Unit C": {"agency": "polres", "service": "visum"}}}'),
        ("M.TOML", '[groups]\n"UNIT B" = "rsud"\n"Unit C" = {agency = "polres", service = "visum"}'),
        ("bom.toml", '\ufeff[groups]\r\n"unit b" = "rsud"\r\n"unit c".agency = "polres"\r\n"unit c".service = "visum"'),
    ],
)
def test_a_mapping_is_read(tmp_path: Path, name: str, content: str) -> None:
    file = tmp_path / name
    file.write_text(content, newline="")
    assert read_mapping(file) == {"unit b": Mapped("rsud"), "unit c": Mapped("polres", Service.FORENSIC)}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("m.yaml", "groups:"),
        ("m.json", "[]"),
        ("m.json", '{"groups": {"GEHEIM": "Not A Code"}}'),
        ("m.json", '{"groups": {"GEHEIM": {"agency": "rsud", "servis": "visum"}}}'),
        ("m.json", '{"group": {}}'),
        ("m.toml", '[groups]\n"GEHEIM" = "rsud"\n"geheim" = "polres"'),
        ("m.toml", "[groups\n"),
        ("m.toml", "\xff\xfe".encode("latin-1").decode("latin-1")),
    ],
)
def test_what_is_no_mapping_says_so(tmp_path: Path, name: str, content: str) -> None:
    file = tmp_path / name
    file.write_text(content, encoding="latin-1")
    with pytest.raises(WrongMapping) as error:
        read_mapping(file)
    assert "geheim" not in str(error.value).lower()


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("2011-10-21T", "9999-10-21T", 40, "in the future"),
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
    figures = store(plan(SMALL, log), log)
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
    planned = plan(SMALL)

    def late(cases: Sequence[PlannedCase], store: EventStore) -> Found:
        found = look(cases, store)
        stream = Stream(cases[0].id, 0, cases[0].events, cases[0].acts)
        store.append([stream], planned.act, correlation=planned.id, causation=planned.id)
        return found

    monkeypatch.setattr(importer, "look", late)
    figures = store(planned, log)
    assert (figures.cases, figures.skipped_cases) == (2, 1)
    assert len(everything(log)) == sum(len(case.events) for case in planned.cases)


def test_a_malformed_log_stores_nothing(log: EventStore, tmp_path: Path) -> None:
    file = tmp_path / "a.xes"
    file.write_text(SMALL.read_text().replace("</log>", "<trace>"))
    with pytest.raises(XesError):
        store(plan(file), log)
    assert log.head() == 0


@pytest.mark.parametrize("same", [False, True], ids=["another", "one like it, with the importer as a member"])
def test_a_code_that_somebody_took_meanwhile_stores_nothing(log: EventStore, same: bool) -> None:
    planned = plan(SMALL, log)
    alike = {"kind": AgencyKind.OTHER, "name": "Unit B", "services": frozenset({Service.COORDINATION})}
    existing(log, joined=same, **(alike if same else {}))
    head = log.head()
    with pytest.raises(CodeTaken) as error:
        store(planned, log)
    assert error.value.code == "unit-b"
    assert log.head() == head


def test_an_agency_that_an_earlier_log_brought_is_used(log: EventStore, tmp_path: Path) -> None:
    assert store(plan(SMALL, log), log).agencies == 4
    assert store(plan(BACK_AND_FORTH, log), log).agencies == 1


# Again ---------------------------------------------------------------------------------------------------------


def grown(directory: Path) -> Path:
    """The small log, with another case and, in a case of before, another event."""
    text = SMALL.read_text()
    event = text[text.rindex("<event>") : text.rindex("</event>") + len("</event>")]
    later = event.replace("2012-01-03", "2012-01-04")
    more = f'<trace><string key="concept:name" value="new"/>{event}</trace></log>'
    file = directory / "grown.xes"
    file.write_text(text.replace(event, event + later).replace("</log>", more))
    return file


def brought_before(planned: Plan, log: EventStore) -> None:
    """What an import of before ids followed from the lead and number left: the same cases under other ids."""
    before = [replace(case, id=case.earlier) for case in planned.cases]
    store(replace(planned, cases=tuple(before)), log)


@pytest.mark.parametrize("first", [store, brought_before], ids=["now", "before ids were as now"])
def test_a_log_that_has_grown_adds_what_is_new(log: EventStore, tmp_path: Path, first: Callable[..., Any]) -> None:
    first(plan(SMALL, log), log)
    head = log.head()
    again = plan(grown(tmp_path), log)
    figures = store(again, log)
    assert (figures.cases, figures.skipped_cases, figures.agencies) == (1, 3, 0)
    assert log.head() == head + len(again.cases[3].events)
    assert figures.left == {
        Left.BEFORE.value: [again.cases[0].line, again.cases[1].line],
        Left.GROWN.value: [again.cases[2].line],
    }
    assert store(plan(grown(tmp_path), log), log).cases == 0


def test_a_case_is_found_under_the_code_that_its_lead_had_then(log: EventStore, tmp_path: Path) -> None:
    """Groups that are mapped since; and spellings that were agencies of their own."""
    brought_before(plan(SMALL, log), log)
    existing(log, code="uptd", kind=AgencyKind.LEAD, name="UPTD", services=frozenset({Service.COORDINATION}))
    mapped = {"unit a": Mapped("uptd"), "": Mapped("uptd")}
    assert store(plan(grown(tmp_path), log, mapped), log).cases == 1
    apart = f"unit-q-{hashlib.sha256(b'UNIT Q').hexdigest()[:12]}"
    file = log_of(tmp_path, [("in", "UNIT Q", "2020-01-01T00:00:00Z", "x")])
    old = plan(file, log, {"unit q": Mapped(apart, register=True)})
    brought_before(old, log)
    register_as_imported = plan(log_of(tmp_path, [("in", "Unit Q", "2020-01-01T00:00:00Z", "x")], "2", "b.xes"), log)
    store(register_as_imported, log)
    assert store(plan(file, log), log).cases == 0


def test_another_case_under_the_same_number_is_said_and_not_taken_for_it(log: EventStore, tmp_path: Path) -> None:
    """One that somebody opened here, and one that began at another time."""
    planned = plan(SMALL, log)
    opened = planned.cases[2]
    store(replace(planned, cases=(replace(opened, id=CaseId(uuid4())),)), log)
    figures = store(plan(SMALL, log), log)
    assert figures.cases == 2
    assert figures.left == {Left.ANOTHER.value: [opened.line]}
    later = tmp_path / "later.xes"
    later.write_text(SMALL.read_text().replace("2011-10-11", "2011-10-10"))
    assert store(plan(later, log), log).left[Left.ANOTHER.value] == [planned.cases[0].line, opened.line]


def test_what_was_erased_does_not_come_in_again(log: EventStore, tmp_path: Path) -> None:
    """It is known by its id; where ids of before tell nothing, nothing is imported until somebody looked."""
    planned = plan(SMALL, log)
    store(planned, log)
    erase(planned.cases[0].id, log)
    figures = store(plan(grown(tmp_path), log), log)
    assert figures.cases == 1
    assert figures.left[Left.ERASED.value] == [planned.cases[0].line]

    other = tmp_path / "other.xes"
    other.write_text(SMALL.read_text().replace('value="chain"', 'value="old"'))
    old = plan(other, log)
    brought_before(replace(old, cases=old.cases[:1]), log)
    erase(old.cases[0].earlier, log)
    assert store(plan(other, log), log).left[Left.ERASED.value] == [old.cases[0].line], "the same file knows it"
    other.write_text(other.read_text() + "\n")
    head = log.head()
    with pytest.raises(Doubtful, match="1 that an earlier import brought in were erased"):
        store(plan(other, log), log)
    assert log.head() == head
    assert store(plan(other, log), log, anyway=True).cases == 1


def erase(case: UUID, log: EventStore) -> None:
    """Destroy the key under which all is read, as an erasure does."""
    act, version = system_act(), len(log.read(case))
    erased = CaseErased(
        occurred_at=act.at,
        erasure=ErasureId(uuid4()),
        compartments=frozenset({"coordination"}),
        requested_by=act.actor,
        approved_by=act.actor,
    )
    log.append([Stream(case, version, [erased])], act, correlation=uuid4(), causation=uuid4())
    assert log.keys.erase(case, version + 1, [Compartment.COORDINATION])


def test_a_dry_run_says_what_an_import_does_and_stores_nothing(log: EventStore, tmp_path: Path) -> None:
    store(plan(SMALL, log), log)
    head = log.head()
    again = plan(grown(tmp_path), log)
    expected = importer.expected(again, look(again.cases, log))
    assert log.head() == head
    done = store(again, log)
    assert replace(expected, seconds=0, events_per_second=0) == replace(done, seconds=0, events_per_second=0)


def test_the_report_says_what_became_what_and_what_did_not(log: EventStore, tmp_path: Path) -> None:
    """Every group, transition, case and attribute of the log is in one of its counts."""
    store(plan(SMALL, log), log)
    planned = plan(grown(tmp_path), log)
    figures = store(planned, log)
    report = as_json(planned, figures)
    assert [(g["groups"], g["agency"], g["how"], g["events"]) for g in report["groups"]] == [
        (["Unit A"], "unit-a", "earlier", 5),
        (["Unit B"], "unit-b", "earlier", 2),
        (["Unit C"], "unit-c", "earlier", 1),
        ([], "unassigned", "earlier", 1),
    ]
    left = report["left_out"]
    assert left["attributes"] == {"channel": 1, "(attributes of the log)": 1, "(attributes within attributes)": 2}
    assert sum(len(lines) for lines in left["cases"].values()) + report["cases"] == 4
    text = "\n".join(said(planned, figures))
    for told in ("“Unit A” → unit-a", "complete 1", Left.GROWN.value, "1 traces without an event", "channel 1"):
        assert told in text


@pytest.mark.thorough
@pytest.mark.skipif(not RECEIPT.exists(), reason="the receipt log is not there")
def test_a_real_log(log: EventStore) -> None:
    """CoSeLoG, receipt phase of a permit process (Buijs 2014, DOI 10.4121/12709127)."""
    figures = store(plan(RECEIPT), log)
    assert (figures.cases, figures.source_events, figures.empty_traces) == (1434, 8577, 0)
    assert figures.events == log.head() - 3 * figures.agencies
    assert figures.clocks_met + figures.clocks_breached == figures.referrals
    assert store(plan(RECEIPT, log), log).skipped_cases == 1434


def register(log: EventStore, command: RegisterAgency) -> None:
    act = system_act()
    events = decide_agency(command, None, act)
    log.append([Stream(agency_stream(command.code), 0, events)], act, correlation=uuid4(), causation=uuid4())


def as_member(log: EventStore, code: str, command: AddMember) -> None:
    events = decide_agency(command, registered(log, code), system_act())
    log.append([Stream(agency_stream(code), 2, events)], system_act(), correlation=uuid4(), causation=uuid4())


def registered(log: EventStore, code: str) -> Agency | None:
    return fold_agency(o.event for o in log.read(agency_stream(code)))


def test_the_whole_of_it_is_said_and_a_dry_run_stores_nothing(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    """As the command does it, with the keys of the system."""
    groups = tmp_path / "groups.toml"
    groups.write_text('[groups]\n"Unit A" = {agency = "desa", register = true}\n')
    with fresh_settings(postgres, tmp_path) as settings:
        planned, would = bring_in(settings, SMALL, mapping=groups, dry_run=True)
        assert as_json(planned, would, dry_run=True)["cases"] == 3
        _, done = bring_in(settings, SMALL, mapping=groups)
        assert (done.cases, done.agencies) == (would.cases, would.agencies) == (3, 4)
        _, again = bring_in(settings, SMALL, mapping=groups)
        assert (again.cases, again.skipped_cases) == (0, 3)
        with composition.writer(settings) as log:
            assert registered(log, "desa") is not None
            assert registered(log, "unit-a") is None
