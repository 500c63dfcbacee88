"""Decides an old log: a trace of an XES log becomes a case, a hand-over of work between groups a referral.

`plan` reads the whole log and decides every case by the rules, in memory: what is wrong with the log is known
before anything is stored (importer.py). Every id follows from the log's content.

How a trace becomes a case: the group of its first event leads. Each event is a note of the agency that has the
work. Where the group changes, the agency that had the work refers the case to the next at the time of its own last
event; the next receives, accepts and starts at the time of its first event, and completes at that of its last. What
returns to the lead needs no referral. An event without a group stays with whoever has the work.

A trace's events are taken in the order of their times, and each is decided as at its own time: so nothing follows
before its cause, and windows run as they ran then. A time after now, or outside of 1900 to 2899, is refused with its
line; no time is changed. All of it is recorded now: how long a case is kept counts from the import.
"""

import hashlib
import re
import time
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid5

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ...domain import agency as agencies
from ...domain import agency_state
from ...domain import case as cases
from ...domain.agency import AddMember, RegisterAgency
from ...domain.agency_state import Agency
from ...domain.case.consents import GiveConsent
from ...domain.case.fulfilment import AcceptReferral, CompleteReferral, ReceiveReferral, StartReferral
from ...domain.case.intake import OpenCase
from ...domain.case.lifecycle import CloseCase
from ...domain.case.notes import RecordNote
from ...domain.case.referrals import DraftReferral, SendReferral
from ...domain.casefile.evolving import fold_log
from ...domain.casefile.evolving import said as said_by
from ...domain.casefile.state import Case
from ...domain.codes import (
    AgeGroup,
    AgencyKind,
    Channel,
    CloseReason,
    ConsentBy,
    Obtained,
    Outcome,
    Purpose,
    Reporter,
    Role,
    Service,
    Urgency,
)
from ...domain.fact import Act, ActorId, AgencyCode, CaseId, Fact
from ...domain.refusal import Refusal
from ..system_act import SYSTEM_AGENCY, system_act
from .xes import USUAL, Limits, Reader, Trace, XesError, XesEvent

LOGS = UUID("c4f1a0d2-6b5e-5c1d-9a55-696d706f7274")
"""Namespace of what follows from a log's content (RFC 9562, version 5)."""
IMPORTER = ActorId(uuid5(LOGS, "importer"))
"""Who acts where the log names no resource; a member of every agency that an import registers."""
UNASSIGNED: Final = "unassigned"
"""The agency that leads a case whose first event has no group."""
NO_GROUP = frozenset({"", "empty", "unknown"})
LONGEST_CODE = 40


class PlannedAgency(Struct, frozen=True):
    """An agency to register, unless it is there."""

    agency: Agency
    events: tuple[Fact, ...]


class PlannedCase(Struct, frozen=True):
    """A case as it will be stored: its events, and of each whose it is."""

    id: CaseId
    events: tuple[Fact, ...]
    acts: tuple[Act, ...]
    source_events: int
    referrals: int
    clocks_met: int


class Plan(Struct, frozen=True):
    """A log, decided. `id` follows from its content; `act` is the system's, whose time counts as recorded for all."""

    id: UUID
    act: Act
    agencies: tuple[PlannedAgency, ...]
    cases: tuple[PlannedCase, ...]
    empty_traces: int
    seconds: float


def plan(file: Path, limits: Limits = USUAL) -> Plan:
    """Read and decide a whole log (.xes, .xes.gz). Stores nothing. Raises XesError with the line, also for what the
    rules refuse, and OSError."""
    started = time.perf_counter()
    reader = Reader(file, limits)
    traces = list(reader)
    planner = _Planner(uuid5(LOGS, reader.sha256.hex()))
    planned = tuple(planner.case(trace) for trace in traces)
    return Plan(
        id=uuid5(planner.log, "import"),
        act=planner.system,
        agencies=tuple(planner.agencies),
        cases=planned,
        empty_traces=reader.empty,
        seconds=time.perf_counter() - started,
    )


class _Stint(NamedTuple):
    """Consecutive events during which one agency had the work."""

    agency: AgencyCode
    events: list[XesEvent]


class _Planner:
    """Decides the cases of one log. `agencies` and `network` grow with the groups that the traces name."""

    def __init__(self, log: UUID) -> None:
        self.log = log
        self.agencies: list[PlannedAgency] = []
        self.network: dict[AgencyCode, Agency] = {}
        self.system = system_act()
        self._codes: dict[str, AgencyCode] = {}
        self._acts: dict[tuple[AgencyCode, str | None], Act] = {}

    def case(self, trace: Trace) -> PlannedCase:
        """The case that a trace becomes. Raises XesError."""
        events = sorted(trace.events, key=lambda event: event.at)
        stints = self._stints(events)
        lead, first, last = stints[0].agency, events[0], events[-1]
        file = _File(CaseId(uuid5(self.log, f"trace/{trace.name}")), self)
        file.say(
            lead,
            first,
            OpenCase,
            line=trace.line,
            channel=Channel.IMPORT,
            reporter=Reporter.PROFESSIONAL,
            urgency=Urgency.ROUTINE,
            age_group=AgeGroup.ADULT,
            reference=trace.name,
        )
        involved = frozenset(stint.agency for stint in stints)
        if len(involved) > 1:
            file.say(
                lead,
                first,
                GiveConsent,
                consent=file.new_id(),
                compartments=frozenset(),
                recipients=involved,
                purposes=frozenset({Purpose.COORDINATION}),
                given_by=frozenset({ConsentBy.SURVIVOR}),
                obtained=Obtained.IMPORTED,
            )
        referral: UUID | None = None
        for stint, after in zip(stints, [*stints[1:], None], strict=True):
            referral = _work(file, stint, referral, after.agency if after and after.agency != lead else None)
        file.say(lead, last, CloseCase, reason=CloseReason.IMPORTED)
        return file.planned(len(events))

    def act(self, agency: AgencyCode, resource: str | None) -> Act:
        """Who acts: a pseudonym of the resource, which only the log itself resolves."""
        known = self._acts.get((agency, resource))
        if known is None:
            actor = ActorId(uuid5(self.log, f"resource/{resource}")) if resource else IMPORTER
            known = replace(self.system, actor=actor, agency=agency, kind=AgencyKind.OTHER)
            self._acts[agency, resource] = known
        return known

    def _stints(self, events: Sequence[XesEvent]) -> list[_Stint]:
        stints: list[_Stint] = []
        for event in events:
            label = " ".join((event.group or "").split())
            if label.lower() not in NO_GROUP:
                holder = self._codes.get(label) or self._register(label, event.line)
            elif stints:
                holder = stints[-1].agency
            else:
                holder = self._codes.get("") or self._register("", event.line)
            if not stints or stints[-1].agency != holder:
                stints.append(_Stint(holder, []))
            stints[-1].events.append(event)
        return stints

    def _register(self, label: str, line: int) -> AgencyCode:
        """The code of a group met for the first time; the empty one is the agency for work that is nobody's."""
        code = self._code(label) if label else UNASSIGNED
        at = self.system.at
        with _refusals(line):
            registration = msgspec.convert(
                {
                    "occurred_at": at,
                    "code": code,
                    "kind": AgencyKind.OTHER,
                    "name": label or "Belum ditetapkan",
                    "name_en": None if label else "Unassigned",
                    "services": frozenset({Service.COORDINATION}),
                },
                RegisterAgency,
            )
            membership = msgspec.convert(
                {
                    "occurred_at": at,
                    "member": IMPORTER,
                    "roles": frozenset({Role.CASE_WORKER, Role.SUPERVISOR}),
                    "name": "Impor data",
                },
                AddMember,
            )
            agency: Agency | None = None
            events: list[Fact] = []
            for command in (registration, membership):
                decided = agency_state.decide(command, agency, self.system)
                agency = agencies.fold(decided, agency)
                events += decided
        assert agency is not None
        self._codes[label] = code
        self.network[code] = agency
        self.agencies.append(PlannedAgency(agency, tuple(events)))
        return code

    def _code(self, label: str) -> AgencyCode:
        """A slug of the label; where that says too little or is taken, with a part of the label's hash."""
        plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode()
        slug = re.sub("[^a-z0-9]+", "-", plain.lower()).strip("-")
        if slug and len(slug) <= LONGEST_CODE and slug not in (UNASSIGNED, SYSTEM_AGENCY, *self.network):
            return slug
        mark = hashlib.sha256(label.encode()).hexdigest()[:12]
        return f"{slug[: LONGEST_CODE - 13].strip('-') or 'group'}-{mark}"


class _File:
    """A case while it is decided."""

    def __init__(self, id: CaseId, planner: _Planner) -> None:
        self._id = id
        self._planner = planner
        self._case: Case | None = None
        self._events: list[Fact] = []
        self._acts: list[Act] = []
        self._ids = 0

    def new_id(self) -> UUID:
        """The next id of something in this case."""
        self._ids += 1
        return uuid5(self._id, str(self._ids))

    def say(
        self, agency: AgencyCode, source: XesEvent, command: type[Fact], *, line: int | None = None, **said: Any
    ) -> None:
        """Let an agency, by who did the source event and at its time, give a command.
        Raises XesError with the source's line, or the one given, where the rules refuse it."""
        act = self._planner.act(agency, source.resource)
        with _refusals(line or source.line):
            asked = msgspec.convert({"occurred_at": source.at, **said}, command)
            then = replace(act, at=min(source.at, act.at))
            events = cases.decide(asked, self._case, then, self._planner.network)
            self._case = fold_log(said_by(events, agency, then.at), self._case)
        self._events += events
        self._acts += [act] * len(events)

    def planned(self, source_events: int) -> PlannedCase:
        """The case as decided."""
        assert self._case is not None
        referrals = self._case.referrals.values()
        return PlannedCase(
            id=self._id,
            events=tuple(self._events),
            acts=tuple(self._acts),
            source_events=source_events,
            referrals=len(referrals),
            clocks_met=sum(1 for r in referrals if r.answered_at and r.due_at and r.answered_at <= r.due_at),
        )


def _work(file: _File, stint: _Stint, referral: UUID | None, to: AgencyCode | None) -> UUID | None:
    """What an agency did while it had the work, under a referral unless it leads; the referral by which it handed
    the work to the next, if to anybody but the lead."""
    agency, first, last = stint.agency, stint.events[0], stint.events[-1]
    if referral is not None:
        for move in (ReceiveReferral, AcceptReferral, StartReferral):
            file.say(agency, first, move, referral=referral)
    for event in stint.events:
        file.say(agency, event, RecordNote, note=file.new_id(), subject=event.activity)
    onward = None
    if to is not None:
        onward = file.new_id()
        file.say(
            agency,
            last,
            DraftReferral,
            referral=onward,
            recipient=to,
            service=Service.COORDINATION,
            urgency=Urgency.ROUTINE,
            purpose=Purpose.COORDINATION,
            compartments=frozenset(),
            parent=referral,
        )
        file.say(agency, last, SendReferral, referral=onward)
    if referral is not None:
        file.say(agency, last, CompleteReferral, referral=referral, outcome=Outcome.DELIVERED)
    return onward


@contextmanager
def _refusals(line: int) -> Iterator[None]:
    """What the rules do not allow, as an error of the log's line."""
    try:
        yield
    except msgspec.ValidationError as wrong:
        raise XesError(line, f"the rules do not allow this: {wrong}") from None
    except Refusal as refusal:
        about = "; ".join(f"{name}: {value}" for name, value in refusal.about.items() if value is not None)
        said = f"{refusal.says.en} {about}".strip()
        raise XesError(line, f"the rules do not allow this ({type(refusal).__name__}): {said}") from None
