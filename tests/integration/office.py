"""What the tests on a real PostgreSQL share: an office whose workers tell cases, the read models' tables, rows and
records straight into the log, and a server to be killed."""

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psutil
import psycopg
from msgspec.structs import replace
from patience import PATIENCE_SECONDS
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from rujukan import projections
from rujukan.api.actions import CASE_ACTIONS, Action
from rujukan.api.application.casework import Casework, Done
from rujukan.api.application.kinds import AGENCY, CASE, ERASURE
from rujukan.api.application.ports import Changes, Ports
from rujukan.api.application.proposing import proposal_on
from rujukan.api.application.reading import Asked, Reading
from rujukan.domain.agency import AddMember
from rujukan.domain.case.clock_ends import MeetClock
from rujukan.domain.case.consents import GiveConsent
from rujukan.domain.case.erasure import ApproveErasure, RequestErasure
from rujukan.domain.case.fulfilment import AcceptReferral, CompleteReferral, ReceiveReferral, StartReferral
from rujukan.domain.case.glass import BreakGlass, CloseGlass, ReviewGlass
from rujukan.domain.case.holds import PlaceLegalHold
from rujukan.domain.case.identity import IdentifySurvivor
from rujukan.domain.case.incidents import RecordIncident
from rujukan.domain.case.intake import OpenCase
from rujukan.domain.case.lifecycle import CloseCase
from rujukan.domain.case.notes import NoteRecorded, RecordNote
from rujukan.domain.case.overrides import OverrideConsent
from rujukan.domain.case.referrals import DraftReferral, SendReferral
from rujukan.domain.case.reminders import EscalateReferral
from rujukan.domain.case.services import DeliverService
from rujukan.domain.codes import (
    AgeGroup,
    AgencyKind,
    Channel,
    CloseReason,
    ConsentBy,
    ErasureBasis,
    GlassVerdict,
    HoldKind,
    LegalBasis,
    Obtained,
    Outcome,
    Purpose,
    Reporter,
    Role,
    Service,
    SharingBasis,
    Urgency,
)
from rujukan.domain.compartment import Compartment
from rujukan.domain.delivery import Acknowledged, delivery_stream
from rujukan.domain.erasure import AcknowledgeErasure
from rujukan.domain.fact import Act, ActorId, CaseId, ClockId, ErasureId, Fact, NoteId, ProposalId, ReferralId
from rujukan.domain.proposal import ApproveProposal
from rujukan.domain.refusal import AlreadyReferred
from rujukan.domain.standing.clocks import LAW
from rujukan.domain.standing.rule import roles_for
from rujukan.domain.violence import GbvType, Place, ToldBy, ViolenceForm, YesNo
from rujukan.infra import composition
from rujukan.infra.database import SERVICE, as_role, pool
from rujukan.infra.demo import network
from rujukan.infra.issuer import usual_actor
from rujukan.infra.keys.local import LocalKeyring
from rujukan.infra.locks import Lock
from rujukan.infra.services.postgres import EmbeddedPostgres
from rujukan.infra.settings import Settings
from rujukan.infra.store.data_keys import DataKeys
from rujukan.infra.store.event_store import EventStore, Idempotency, Stream
from rujukan.infra.store.group_commit import GroupCommit, Row
from rujukan.infra.store.recorder import LogRecorder, datastore
from rujukan.infra.system_act import system_act
from rujukan.projections import Runner

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
NAMES = [p.name for p in projections.ALL]
KINDS = {member.code: member.kind for member in network.BONTANG}
Rows = dict[str, list[tuple[Any, ...]]]
POSITIONS = "positions"
"""Beside the read models, in what `dump` shows: where each is."""
NOON = datetime(2026, 3, 3, 12, 0, 0, 123456, tzinfo=UTC)
ACT = Act(
    actor=ActorId(uuid4()),
    agency="uptd-ppa",
    kind=AgencyKind.LEAD,
    role=Role.CASE_WORKER,
    purpose=Purpose.COORDINATION,
    at=NOON,
)
APPENDING = Lock.APPENDING
"""The lock that whoever appends holds until its commit."""


# Telling cases -----------------------------------------------------------------------------------------------


class Office:
    """The case workers of the network at their desks: `office.does("rsud", case, SendReferral, referral=…)`."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self.casework = Casework(ports.log, ports.macs, ports.deliveries, opener=ports.opener)
        self.reading = Reading(self.casework, ports.log, ports.opener)
        self.position = 0

    def act(self, agency: str, role: Role = Role.CASE_WORKER, purpose: Purpose = Purpose.CARE) -> Act:
        return Act(
            actor=ActorId(usual_actor(agency, role)),
            agency=agency,
            kind=KINDS[agency],
            role=role,
            purpose=purpose,
            at=composition.now(),
        )

    def does(
        self,
        agency: str,
        case: UUID,
        command: type[Fact],
        at: datetime | None = None,
        role: Role = Role.CASE_WORKER,
        recorded_at: datetime | None = None,
        **fields: Any,
    ) -> Done:
        """By the person of that role; in another role, where that one may not. At that time, when it is recorded, too;
        `recorded_at`: later."""
        may, act = roles_for(command), self.act(agency, role)
        act = replace(act, at=recorded_at or at or act.at)
        if role not in may:
            act = replace(act, role=next(r for r in Role if r in may))
        said = command(**{"occurred_at": at or act.at, **fields})
        done = self.casework.handle(CASE, CaseId(case), said, act, correlation=uuid4())
        other = Role.DATA_PROTECTION_OFFICER if act.role is Role.SUPERVISOR else Role.SUPERVISOR
        return self._seconded(agency, done, other, act.at)

    def meets(self, agency: str, case: UUID, clock: UUID, at: datetime | None = None, **more: Any) -> Done:
        """That what a clock waits for was done; of a duty of law on what that stands, too, approved by another person
        of that agency."""
        known = self.casework.case(CaseId(case))
        assert known is not None
        of_law = known.clocks[ClockId(clock)].duty in LAW
        return self.does(agency, case, MeetClock, at, clock=clock, **({"grounds": "as said"} if of_law else {}), **more)

    def agrees(self, agency: str, command: Fact, role: Role = Role.AGENCY_ADMINISTRATOR) -> Done:
        """On an agency, by its person of that role; its supervisor is the second, where that takes two."""
        act = self.act(agency, role)
        return self._seconded(agency, self.casework.handle(AGENCY, agency, command, act, correlation=uuid4()))

    def _seconded(self, agency: str, done: Done, second: Role = Role.SUPERVISOR, at: datetime | None = None) -> Done:
        if done.waits:
            act, id = self.act(agency, second), ProposalId(UUID(done.id))
            act = replace(act, at=at or act.at)
            said = ApproveProposal(occurred_at=act.at, proposal=id)
            done = self.casework.handle(proposal_on(self.casework), id, said, act, correlation=uuid4())
        self.position = max(self.position, done.position)
        return done

    def opens(self, at: datetime, lead: str = "uptd-ppa", **fields: Any) -> UUID:
        case = uuid4()
        said = {
            "channel": Channel.IN_PERSON,
            "reporter": Reporter.SURVIVOR,
            "urgency": Urgency.URGENT,
            "age_group": AgeGroup.ADULT,
        }
        self.does(lead, case, OpenCase, at, **(said | fields))
        return case

    def records_incident(
        self,
        case: UUID,
        at: datetime,
        gbv_type: GbvType = GbvType.SEXUAL_ASSAULT,
        incident: UUID | None = None,
        recorded_at: datetime | None = None,
    ) -> None:
        self.does(
            "uptd-ppa",
            case,
            RecordIncident,
            at,
            recorded_at=recorded_at,
            incident=incident or uuid4(),
            forms=frozenset({ViolenceForm.SEXUAL}),
            gbv_type=gbv_type,
            penetration=YesNo.NO,
            told_by=ToldBy.SURVIVOR,
            happened_at=at - HOUR,
            place=Place.PUBLIC,
            narrative="what happened",
        )

    def consents(
        self,
        case: UUID,
        to: str,
        *of: str,
        purposes: tuple[Purpose, ...] = tuple(Purpose),
        by: str = "uptd-ppa",
        expires_at: datetime | None = None,
        at: datetime | None = None,
    ) -> UUID:
        consent = uuid4()
        self.does(
            by,
            case,
            GiveConsent,
            at,
            consent=consent,
            compartments=frozenset(of),
            recipients=frozenset({to}),
            purposes=frozenset(purposes),
            given_by=frozenset({ConsentBy.SURVIVOR}),
            obtained=Obtained.VERBAL,
            expires_at=expires_at,
        )
        return consent

    def drafts(self, case: UUID, to: str, service: Service, by: str = "uptd-ppa", **fields: Any) -> UUID:
        said: dict[str, Any] = {
            "referral": uuid4(),
            "urgency": Urgency.URGENT,
            "purpose": Purpose.CARE,
            "compartments": frozenset({"incident"}),
        }
        said |= fields
        self.does(by, case, DraftReferral, recipient=to, service=service, **said)
        referral: UUID = said["referral"]
        return referral

    def refers(self, case: UUID, to: str, service: Service, at: datetime | None = None, **fields: Any) -> UUID:
        """Draft and send one; it says why, where one for the same service is open there."""
        referral, by = self.drafts(case, to, service, **fields), fields.get("by", "uptd-ppa")
        try:
            self.does(by, case, SendReferral, at, referral=referral)
        except AlreadyReferred:
            self.does(by, case, SendReferral, at, referral=referral, duplicate_reason="needed once more")
        return referral

    def breaks_glass(self, agency: str, case: UUID, *of: str, minutes: int | None = None) -> UUID:
        glass = uuid4()
        danger = {"basis": LegalBasis.IMMINENT_DANGER, "rule": "UU 27/2022", "reason": "danger"}
        named = frozenset(of)
        self.does(agency, case, BreakGlass, glass=glass, compartments=named, minutes=minutes, **danger)
        return glass


def tell_one_case(office: Office, at: datetime) -> UUID:
    """A case that moves every read model: identity, incident, clocks, consent, a referral to its end, an opening of
    content, and one in an emergency that somebody judged."""
    case = office.opens(at)
    office.does("uptd-ppa", case, IdentifySurvivor, at, name="Melati", nik_index=sha256(case.bytes).hexdigest())
    office.records_incident(case, at)
    office.consents(case, "rsud", "incident", "health")
    clock = next(iter(clocks_of(office, case)))
    referral = office.refers(case, "rsud", Service.HEALTH, at + MINUTE, clocks=(clock,))
    for move in (ReceiveReferral, AcceptReferral, StartReferral):
        office.does("rsud", case, move, referral=referral)
    office.does("rsud", case, DeliverService, delivery=uuid4(), service=Service.HEALTH, meets=(clock,), health="seen")
    office.does("rsud", case, CompleteReferral, referral=referral, outcome=Outcome.DELIVERED)
    glass = office.breaks_glass("lbh", case, "safety")
    office.does("lbh", case, CloseGlass, glass=glass)
    judged = {"verdict": GlassVerdict.JUSTIFIED, "remark": "she was in danger"}
    office.does("uptd-ppa", case, ReviewGlass, role=Role.SUPERVISOR, glass=glass, **judged)
    reader = office.act("rsud")
    position = office.reading.record(Asked(reader, uuid4()), case, [Compartment.HEALTH], "timeline", "consent")
    office.position = max(office.position, position)
    return case


LEAD_PEOPLE = (Role.SUPERVISOR, Role.DATA_PROTECTION_OFFICER)


def erases(office: Office, case: UUID, *compartments: str) -> UUID:
    """Two people of the lead erase these compartments, or the whole case."""
    erasure = asks_to_erase(office, case, *compartments)
    office.does("uptd-ppa", case, ApproveErasure, role=LEAD_PEOPLE[1], erasure=erasure)
    return erasure


def finishes(office: Office, case: UUID) -> None:
    """All that is asked of others in it is done and over: a part of a file that an open referral carries is kept."""
    found = office.casework.case(CaseId(case))
    assert found is not None
    for referral in (r for r in found.referrals.values() if r.status.is_open):
        for move in (ReceiveReferral, AcceptReferral, StartReferral):
            office.does(referral.recipient, case, move, referral=referral.id)
        office.does(referral.recipient, case, CompleteReferral, referral=referral.id, outcome=Outcome.DELIVERED)


def asks_to_erase(office: Office, case: UUID, *compartments: str) -> UUID:
    erasure = uuid4()
    office.does(
        "uptd-ppa",
        case,
        RequestErasure,
        role=LEAD_PEOPLE[0],
        erasure=erasure,
        basis=ErasureBasis.SURVIVOR_REQUEST,
        compartments=frozenset(compartments),
        whole=not compartments,
        reason="she asks",
    )
    return erasure


def a_hold(kind: HoldKind = HoldKind.TRIAL) -> dict[str, Any]:
    """What placing a legal hold says."""
    return {"hold": uuid4(), "hold_kind": kind, "reason": "a trial"}


def tell_erasures(office: Office, at: datetime) -> UUID:
    """A case that is erased, one of which a part is, one whose erasure is asked, one that is held after its end;
    the first."""
    gone, part, asked, held = (tell_one_case(office, at) for _ in range(4))
    office.reading.record(Asked(office.act("rsud"), uuid4()), gone, [Compartment.HEALTH], "timeline", "consent")
    erasure = erases(office, gone)
    erases(office, part, "incident", "identity")
    office.does("uptd-ppa", part, RecordNote, note=uuid4(), health="after")
    asks_to_erase(office, asked)
    office.does("uptd-ppa", held, CloseCase, at + MINUTE, reason=CloseReason.GOALS_MET)
    office.does("uptd-ppa", held, PlaceLegalHold, role=Role.LEGAL_REVIEWER, **a_hold())
    act = office.act("rsud", Role.DATA_PROTECTION_OFFICER)
    said = AcknowledgeErasure(occurred_at=act.at, erasure=ErasureId(erasure))
    office.position = max(
        office.position, office.casework.handle(ERASURE, said.erasure, said, act, correlation=uuid4()).position
    )
    return gone


def tell_lateness(office: Office) -> UUID:
    """A referral to the legal aid office that nobody answers, which is raised twice; something that one person shares
    alone; one acknowledgement of that office's system, and somebody who asks there for what takes two. The case, which
    the police leads."""
    case = office.opens(composition.now(), lead="polres")
    office.consents(case, "lbh", "legal", by="polres")
    asked = office.refers(case, "lbh", Service.LEGAL_AID, by="polres", compartments=frozenset({"legal"}))
    for days in (1, 2):
        late = replace(system_act(), at=composition.now() + timedelta(days=days))
        raised = EscalateReferral(occurred_at=late.at, referral=ReferralId(asked))
        office.casework.handle(CASE, CaseId(case), raised, late, correlation=uuid4())
    said = office.act("lbh", Role.INTEGRATOR)
    marks = Acknowledged(occurred_at=said.at, agency="lbh", received=2, handled=1)
    administrator = office.act("lbh", Role.AGENCY_ADMINISTRATOR)
    alone: dict[str, Any] = {"compartments": frozenset({"safety"}), "recipients": frozenset({"rumah-aman"})}
    alone |= {"purposes": frozenset({Purpose.PROTECTION}), "basis": SharingBasis.IMMINENT_DANGER}
    office.does("polres", case, OverrideConsent, consent=uuid4(), rule="r", reason="r", **alone)
    joins = AddMember(occurred_at=composition.now(), member=ActorId(uuid4()), roles=frozenset({Role.SUPERVISOR}))
    waits = office.casework.handle(AGENCY, "lbh", joins, administrator, correlation=uuid4())
    office.position = max(office.position, waits.position)
    (position,) = office.ports.log.append([Changes(delivery_stream("lbh"), 0, [marks])], said, uuid4())
    office.position = max(office.position, position)
    return case


def clocks_of(office: Office, case: UUID) -> list[UUID]:
    """The case's clocks, the soonest first."""
    now = office.casework.case(case)
    assert now is not None
    return [clock.id for clock in sorted(now.clocks.values(), key=lambda clock: (clock.due_at, clock.id))]


@contextmanager
def opened_office(settings: Settings) -> Iterator[Office]:
    """An office in a network of eight agencies."""
    with composition.service(settings, connections=4) as ports:
        office = Office(ports)
        network.set_up(office.casework, settings.data / "agencies")
        yield office


@contextmanager
def opened_runner(settings: Settings) -> Iterator[Runner]:
    """A runner of its own, as a worker process that just started has."""
    with composition.follower(settings) as source, composition.runner(settings, source) as runner:
        yield runner


def catch_up(settings: Settings) -> int:
    with opened_runner(settings) as runner:
        return runner.catch_up()


# Looking at tables -------------------------------------------------------------------------------------------


def dump(settings: Settings) -> Rows:
    """Every row of every read model, and the positions reached."""
    with psycopg.connect(settings.database, autocommit=True) as db:
        positions = db.execute("SELECT name, shard, shards, position FROM follow.processors WHERE live ORDER BY 1, 2")
        return rows_of(settings) | {POSITIONS: positions.fetchall()}


def rows_of(settings: Settings, schema: str = "views") -> Rows:
    """Every row of every read model."""
    with psycopg.connect(settings.database, autocommit=True) as db:
        names = [name for (name,) in db.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (schema,))]
        return {
            name: sorted(db.execute(SQL("SELECT * FROM {}").format(Identifier(schema, name))).fetchall(), key=repr)
            for name in names
        }


def forget_everything(settings: Settings) -> None:
    """Empty read models at position 0, as after their tables were made."""
    with psycopg.connect(settings.database, autocommit=True) as db, db.transaction():
        for name in rows_of(settings):
            db.execute(SQL("TRUNCATE {}").format(Identifier("views", name)))
        believe_rows(db)
        db.execute("UPDATE follow.processors SET position = 0")


def believe_rows(db: psycopg.Connection) -> None:
    """From here on rows that say where somebody goes on may be written without a digest, as before there were any; the
    register's keeper gives them theirs."""
    db.execute("UPDATE delivery.reached SET positions_under = NULL")


def another_keyring(file: Path) -> Path:
    """The same file, with keys in it that nothing was written with."""
    LocalKeyring(file)
    return file


def reached(settings: Settings) -> set[int]:
    """The positions that the read models reached."""
    return {position for *_, position in dump(settings)[POSITIONS]}


def position(settings: Settings, name: str) -> int:
    """The position that one read model reached."""
    return min(row[-1] for row in dump(settings)[POSITIONS] if row[0] == name)


def head(settings: Settings) -> int:
    with composition.follower(settings) as source:
        return source.head()


# The log itself ----------------------------------------------------------------------------------------------


@contextmanager
def opened_store(settings: Settings) -> Iterator[EventStore]:
    """A store of its own: own connections, own writer, own cache of keys, as a process that just started has."""
    conninfo = as_role(settings.database, SERVICE)
    with ExitStack() as closing:
        connected = pool(conninfo, 4, "store")
        closing.callback(connected.close)
        library = closing.enter_context(datastore(conninfo))
        writer = GroupCommit(conninfo)
        closing.callback(writer.close)
        yield EventStore(LogRecorder(library, writer), DataKeys(connected, composition.home(settings)), connected)


def note(text: str = "a visit", **details: Any) -> NoteRecorded:
    return NoteRecorded(occurred_at=NOON, note=NoteId(uuid4()), subject=text, **details)


def append(store: EventStore, stream: UUID, version: int, *events: Fact, key: Idempotency | None = None) -> list[int]:
    return store.append([Stream(stream, version, events)], ACT, correlation=uuid4(), causation=uuid4(), idempotency=key)


def rows(*streams: UUID, version: int = 1, each: int = 1) -> list[Row]:
    return [Row(s, version + n, "case.NoteRecorded", os.urandom(40)) for s in streams for n in range(each)]


@contextmanager
def writing(conninfo: str, name: str = "writer") -> Iterator[GroupCommit]:
    writer = GroupCommit(make_conninfo(as_role(conninfo, SERVICE), application_name=name))
    try:
        yield writer
    finally:
        writer.close()


def stored(db: psycopg.Connection, streams: list[UUID]) -> list[tuple[UUID, int, bytes, int]]:
    return db.execute(
        "SELECT originator_id, originator_version, state, notification_id FROM log.stored_events"
        " WHERE originator_id = ANY(%s) ORDER BY notification_id",
        (streams,),
        binary=True,
    ).fetchall()


def held_up(db: psycopg.Connection) -> int:
    row = db.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").fetchone()
    return row[0] if row else 0


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def kill(server: EmbeddedPostgres) -> None:
    """All of the server's processes at once, as a power cut does it."""
    assert server.pid is not None
    postmaster = psutil.Process(server.pid)
    for process in (postmaster, *postmaster.children()):
        with suppress(ProcessLookupError):  # it may have gone with its postmaster
            os.kill(process.pid, signal.SIGKILL)
    until(lambda: not server.is_alive())


@contextmanager
def frozen(server: int | None) -> Iterator[None]:
    """None of that PostgreSQL's processes does anything meanwhile; their kernel still takes what is sent to them."""
    postmaster = psutil.Process(server)
    halted = [postmaster, *postmaster.children()]
    for process in halted:
        process.suspend()
    try:
        yield
    finally:
        for process in halted:
            with suppress(psutil.NoSuchProcess):
                process.resume()


TOLD_BY_HAND = frozenset(
    {
        "clock_ends",
        "clocks",
        "assessments",
        "amending",
        "attendance",
        "cancelling",
        "questions",
        "conferences",
        "confirming",
        "consents",
        "disclosures",
        "documents",
        "erasure",
        "fulfilment",
        "glass",
        "her_report",
        "holds",
        "identity",
        "incidents",
        "intake",
        "keeping",
        "lead",
        "leave",
        "lifecycle",
        "merging",
        "notes",
        "orders",
        "overrides",
        "referrals",
        "sender_gone",
        "reminders",
        "services",
        "silence",
        "staffing",
        "stopping",
        "striking",
        "uncovered",
    }
)
"""Subjects of which the stories of these tests tell."""


def further(case: UUID, texts: bool = True) -> Iterator[tuple[Action, dict[str, Any]]]:
    """Every action of the other subjects, in their order, with what its example says, with or without free text:
    so a new subject, and its list, are tried without being named. What one makes, a later one names."""
    made: dict[str, str] = {"case": str(case)}
    for action in CASE_ACTIONS:
        if action.command.__module__.rpartition(".")[2] in TOLD_BY_HAND:
            continue
        made |= {action.mints: str(uuid4())} if action.mints else {}
        names = {*re.findall(r"{(\w+)}", action.path), action.mints} - {"case", None}
        said = {**action.example, **{str(name): made[str(name)] for name in names}}
        example = msgspec.convert({**said, "occurred_at": composition.now().isoformat()}, action.command)
        given = {name: getattr(example, name) for name in said}
        yield action, {name: value for name, value in given.items() if texts or name in names or type(value) is not str}
