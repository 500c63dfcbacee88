"""Reports, the survivor, the incident and its clocks."""

from collections.abc import Sequence
from datetime import UTC

from ..fact import Act, ClockId, Fact, recorded
from ..nik import contradiction
from ..pathways import CURRENT, PATHWAYS
from ..refusal import AlreadyExists, Invalid, Unknown
from . import commands as c
from . import events as e
from .deciding import Network, decide, derived, fresh, joined
from .state import Case, evolve


@decide.register
def open_case(command: c.OpenCase, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    if case is not None:
        raise AlreadyExists(what="case")
    return [
        recorded(e.CaseOpened, command, act, lead=act.agency, lead_kind=act.kind, pathway=CURRENT.version),
        recorded(e.ReportReceived, command, act),
    ]


@decide.register
def receive_report(command: c.ReceiveReport, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    joined(case, act)
    return [recorded(e.ReportReceived, command, act)]


@decide.register
def identify_survivor(command: c.IdentifySurvivor, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    if joined(case, act).identified:
        raise AlreadyExists(what="survivor identity", use="correction")
    _consistent(command)
    return [recorded(e.SurvivorIdentified, command, act)]


@decide.register
def correct_identity(
    command: c.CorrectSurvivorIdentity, case: Case | None, act: Act, network: Network
) -> Sequence[Fact]:
    if not joined(case, act).identified:
        raise Unknown(what="survivor identity")
    _consistent(command)
    return [recorded(e.SurvivorIdentityCorrected, command, act)]


@decide.register
def record_contact(command: c.RecordSurvivorContact, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    if joined(case, act).reachable:
        raise AlreadyExists(what="survivor contact", use="correction")
    return [recorded(e.SurvivorContactRecorded, command, act)]


@decide.register
def correct_contact(command: c.CorrectSurvivorContact, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    if not joined(case, act).reachable:
        raise Unknown(what="survivor contact")
    return [recorded(e.SurvivorContactCorrected, command, act)]


@decide.register
def record_incident(command: c.RecordIncident, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    now = joined(case, act)
    fresh(now.incidents, command.incident)
    happened = recorded(e.IncidentRecorded, command, act)
    return [happened, *_clocks(command, evolve(now, happened), act)]


@decide.register
def correct_incident(command: c.CorrectIncident, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """A clock that the correction adds or moves starts anew under an id of its own; none is taken away."""
    now = joined(case, act)
    if command.incident not in now.incidents:
        raise Unknown(what="incident")
    return [recorded(e.IncidentCorrected, command, act), *_clocks(command, now, act)]


@decide.register
def record_perpetrator(
    command: c.RecordAllegedPerpetrator, case: Case | None, act: Act, network: Network
) -> Sequence[Fact]:
    joined(case, act)
    return [recorded(e.AllegedPerpetratorRecorded, command, act)]


def _consistent(command: e.IdentityFacts) -> None:
    if command.nik is not None and (must := contradiction(command.nik, command.born_on, command.sex)):
        raise Invalid(field="nik", must=must)


def _clocks(command: e.IncidentFacts, case: Case, act: Act) -> list[Fact]:
    if command.happened_at is not None and command.happened_at > command.occurred_at:
        raise Invalid(field="happened_at", must="not be after occurred_at, when it was told")
    reported_at = case.incidents[command.incident]
    pathway = PATHWAYS[case.pathway]
    started: list[Fact] = []
    for need, starts_at, due_at in pathway.clocks(command.gbv_type, command.domestic, command.happened_at, reported_at):
        clock = ClockId(derived(command.incident, f"{need}@{due_at.astimezone(UTC).isoformat()}"))
        if clock not in case.clocks:
            started.append(
                e.ClockStarted(
                    occurred_at=command.occurred_at,
                    clock=clock,
                    starts_at=starts_at,
                    due_at=due_at,
                    pathway=pathway.version,
                    need=need,
                )
            )
    return started
