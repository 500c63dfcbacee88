"""Decides an old log: a trace of an XES log becomes a case, a hand-over of work between groups a referral.

`plan` reads the whole log and decides every case by the rules, in memory: what is wrong with the log is known
before anything is stored (importer.py), and so is what only a person can say of its groups (groups.py). A case's id
follows from its lead and its name in the log (ids.py), and every other id in it from that.

How a trace becomes a case: the group of its first event leads. Each event is a note of the agency that has the
work, which says its lifecycle transition beside the activity, and whatever that is: one that was only planned or broken
off moves no work. Where the group changes, the agency that had the work refers the case to the next at the time of its
own last event; the next receives, accepts and starts at the time of its first event, and completes at that of its last.
What returns to the lead needs no referral. An event without a group stays with whoever has the work.

A trace's events are taken in the order of their times, and each is decided as at its own time: so nothing follows
before its cause, and windows run as they ran then. A time after now, or before 1900, is refused with its
event's line; no time is changed. All of it is recorded now: how long a case is kept counts from the import.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid5

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ...domain import case as cases
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
    Channel,
    CloseReason,
    ConsentBy,
    Obtained,
    Outcome,
    Purpose,
    Reporter,
    Service,
    Urgency,
)
from ...domain.fact import CLOCK_SKEW, EARLIEST, Act, AgencyCode, CaseId, Fact
from ..system_act import system_act
from .groups import IMPORTER, LOGS, Group, Groups, Network, PlannedAgency
from .ids import Ids
from .mapping import Mapped
from .refused import refusals
from .xes import USUAL, Limits, Reader, Trace, XesError, XesEvent

TAKEN = frozenset({"concept:name", "org:group", "org:resource", "lifecycle:transition", "time:timestamp"})
"""The attributes of an event that become something; of a trace its name does."""
NOTHING: Mapping[Any, Any] = {}
NOBODY_YET = Network()


class PlannedCase(Struct, frozen=True):
    """A case as it will be stored: its events, and of each whose it is."""

    id: CaseId
    line: int
    """Of its trace."""
    lead: AgencyCode
    reference: str
    """Its name in the log, which is the lead's number for it."""
    known_as: frozenset[AgencyCode]
    """The lead, as this import and earlier ones know it."""
    earlier: CaseId
    """The id that an import of this very file gave when ids followed from the file's hash."""
    opened_at: datetime
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
    groups: tuple[Group, ...]
    questions: tuple[str, ...]
    """What a person has to say of the groups; nothing is stored while there are any."""
    unmet: tuple[AgencyCode, ...]
    """Agencies that the mapping names for groups which the log does not have."""
    transitions: Mapping[str, int]
    """Lifecycle transition → events."""
    untaken: Mapping[str, int]
    """Attribute that becomes nothing → how many there are."""
    empty_traces: int
    seconds: float


def plan(
    file: Path,
    ids: Ids,
    *,
    there: Network = NOBODY_YET,
    mapped: Mapping[str, Mapped] = NOTHING,
    limits: Limits = USUAL,
) -> Plan:
    """Read and decide a whole log, for a network in which those agencies are there. Stores nothing. Raises XesError
    with the line, also for what the rules refuse, and OSError."""
    started = time.perf_counter()
    reader = Reader(file, limits)
    traces = list(reader)
    system = system_act()
    planner = _Planner(uuid5(LOGS, reader.sha256.hex()), ids, Groups(there, mapped, system), system)
    planned = [planner.case(trace) for trace in traces]
    groups = planner.groups
    known_as = {lead: groups.known_as(lead) for lead in {case.lead for case in planned}}
    if reader.nested:
        planner.untaken["(attributes within attributes)"] = reader.nested
    if reader.of_log:
        planner.untaken["(attributes of the log)"] = reader.of_log
    return Plan(
        id=uuid5(planner.log, "import"),
        act=system,
        agencies=tuple(groups.registered),
        cases=tuple(replace(case, known_as=known_as[case.lead]) for case in planned),
        groups=tuple(groups.met.values()),
        questions=tuple(groups.questions),
        unmet=tuple(groups.unmet()),
        transitions=dict(sorted(planner.transitions.items())),
        untaken=dict(sorted(planner.untaken.items())),
        empty_traces=reader.empty,
        seconds=time.perf_counter() - started,
    )


class _Stint(NamedTuple):
    """Consecutive events during which one agency had the work."""

    agency: AgencyCode
    events: list[XesEvent]


class _Planner:
    """Decides the cases of one log, and counts what becomes of them and what does not."""

    def __init__(self, log: UUID, ids: Ids, groups: Groups, system: Act) -> None:
        self.log = log
        self.groups = groups
        self.system = system
        self.transitions: Counter[str] = Counter()
        self.untaken: Counter[str] = Counter()
        self._ids = ids
        self._acts: dict[tuple[AgencyCode, str | None], Act] = {}

    def case(self, trace: Trace) -> PlannedCase:
        """The case that a trace becomes. Raises XesError."""
        events = sorted(trace.events, key=lambda event: event.at)
        for event in events:
            self._check_time(event)
        self._count(trace)
        stints = self._stints(events)
        lead, first, last = stints[0].agency, events[0], events[-1]
        file = _File(self._ids.case(lead, trace.name), self)
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
        return file.planned(trace, lead, first.at, len(events))

    def act(self, agency: AgencyCode, resource: str | None) -> Act:
        """Who acts: a pseudonym of the resource, which only the log resolves, and the key."""
        known = self._acts.get((agency, resource))
        if known is None:
            actor = self._ids.actor(resource) if resource else IMPORTER
            known = replace(self.system, actor=actor, agency=agency, kind=self.groups.network[agency].kind)
            self._acts[agency, resource] = known
        return known

    def _stints(self, events: Sequence[XesEvent]) -> list[_Stint]:
        stints: list[_Stint] = []
        for event in events:
            holder = self.groups.of(event.group, event.line)
            if holder is None:
                holder = stints[-1].agency if stints else self.groups.nobody(event.line)
            if not stints or stints[-1].agency != holder:
                stints.append(_Stint(holder, []))
            stints[-1].events.append(event)
        return stints

    def _check_time(self, event: XesEvent) -> None:
        """Raises XesError for a time at which nothing can be said to have happened."""
        if event.at > self.system.at + CLOCK_SKEW:
            raise XesError(event.line, "time:timestamp is in the future")
        if event.at < EARLIEST:
            raise XesError(event.line, f"time:timestamp is before {EARLIEST.year}")

    def _count(self, trace: Trace) -> None:
        self.untaken.update(key for key in trace.attributes if key != "concept:name")
        for event in trace.events:
            self.untaken.update(key for key in event.attributes if key not in TAKEN)
            if event.lifecycle:
                self.transitions[event.lifecycle] += 1


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
        with refusals(line or source.line):
            asked = msgspec.convert({"occurred_at": source.at, **said}, command)
            then = replace(act, at=min(source.at, act.at))
            events = cases.decide(asked, self._case, then, self._planner.groups.network)
            self._case = fold_log(said_by(events, agency, then.at), self._case)
        self._events += events
        self._acts += [act] * len(events)

    def service(self, of: AgencyCode) -> Service:
        """What a referral to an agency asks for."""
        return self._planner.groups.service(of)

    def planned(self, trace: Trace, lead: AgencyCode, opened_at: datetime, source_events: int) -> PlannedCase:
        """The case as decided."""
        assert self._case is not None
        referrals = self._case.referrals.values()
        return PlannedCase(
            id=self._id,
            line=trace.line,
            lead=lead,
            reference=trace.name,
            known_as=frozenset({lead}),
            earlier=CaseId(uuid5(self._planner.log, f"trace/{trace.name}")),
            opened_at=opened_at,
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
        file.say(agency, event, RecordNote, note=file.new_id(), subject=_said(event))
    onward = None
    if to is not None:
        onward = file.new_id()
        file.say(
            agency,
            last,
            DraftReferral,
            referral=onward,
            recipient=to,
            service=file.service(to),
            urgency=Urgency.ROUTINE,
            purpose=Purpose.COORDINATION,
            compartments=frozenset(),
            parent=referral,
        )
        file.say(agency, last, SendReferral, referral=onward)
    if referral is not None:
        file.say(agency, last, CompleteReferral, referral=referral, outcome=Outcome.DELIVERED)
    return onward


def _said(event: XesEvent) -> str:
    """The activity, and which step of it this was, where the log says that."""
    return f"{event.activity} ({event.lifecycle})" if event.lifecycle else event.activity
