"""The kinds of streams that commands are given on. One table: how a stream of each is named, folded and decided, what
follows in other streams, in the same commit, and what is done once that is durable."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from ...domain import agency as agencies
from ...domain import agency_state, damaged, delivery, notices
from ...domain import case as cases
from ...domain import erasure as erasures
from ...domain.agency import agency_stream
from ...domain.agency_state import Agency
from ...domain.case.erasure import ApproveErasure, CaseErased, RefuseErasure, RequestErasure
from ...domain.case.glass import GlassReviewed, ReviewGlass
from ...domain.case.lead import LeadTransferAccepted
from ...domain.case.merging import CaseSeparated, MergeCase
from ...domain.case.overrides import OverrideReviewed, ReviewOverride
from ...domain.case.staffing import ExclusionEnded, PersonExcluded
from ...domain.case.stopping import StopConfirmed
from ...domain.casefile.deciding import Network
from ...domain.casefile.evolving import Entry, fold_log
from ...domain.casefile.state import Case
from ...domain.casefile.stopping import SharingStopped
from ...domain.delivery import AcknowledgeDeliveries, Marks, delivery_stream
from ...domain.disclosure import ENDS
from ...domain.erasure import AcknowledgeErasure, Asked, ErasureRecorded, erasure_stream
from ...domain.fact import Act, AgencyCode, CaseId, Fact
from ...domain.notices import Given, NoticeId, notice_stream
from ...domain.standing.rule import known
from . import consequences, of_one_case
from .consequences import Afterwards, Cases, Consequence


class Versioned(Protocol):
    """A state that knows how many events it was folded from."""

    @property
    def version(self) -> int: ...


Id = TypeVar("Id")
State = TypeVar("State", bound=Versioned)


@dataclass(frozen=True)
class Kind(Generic[Id, State]):
    """A kind of stream. `Id` is what a stream of it is asked for by, `State` what is folded from it."""

    name: str
    stream: Callable[[Id], UUID]
    fold: Callable[[Iterable[Entry], State | None], State | None]
    """The state after these events, each with when it was recorded. From a state only where it `resumes`."""
    decide: Callable[[Fact, State | None, Act, Network], Sequence[Fact]]
    """The events that follow from a command. Raises Refusal."""
    resumes: bool = True
    """The fold goes on from a state: what was decided is folded before it is stored, as what cannot be folded must not
    be there."""
    kept: bool = False
    """The state is kept in memory, and decided on as this process knows it."""
    begins: Callable[[Fact], bool] = lambda first: True
    """Whether a stream with this first event is one of the kind."""
    is_gone: Callable[[State], bool] = lambda state: False
    """Whether nothing is left that can be decided on, or kept."""
    hides: Callable[[State | None, Act], object] = lambda state, act: None
    """Raises Unknown for a stream that the caller may not know of, before its version is told."""
    answers: Callable[[Id], str | None] = lambda id: None
    """What a write answers as its id where the command made none."""
    follows: Mapping[type[Fact], Consequence[Id]] = field(default_factory=dict)
    """Command or event → what follows from it in other streams."""
    ahead: Mapping[type[Fact], Consequence[Id]] = field(default_factory=dict)
    """The same, of what stands before it in the log."""
    instead: "Mapping[type[Fact], Instead[Id]]" = field(default_factory=dict)
    """Command → where it is given instead, if the stream cannot be read."""
    afterwards: Mapping[type[Fact], Afterwards[Id]] = field(default_factory=dict)
    """Command → what is done once it is durable, also when it was only repeated. `Fact` is every command."""


Instead = Callable[[Cases, Id, Fact], tuple[Kind[Any, Any], Any] | None]
"""The kind and id on which a command is given in this one's place; None where it is given on this one."""


def events_of(entries: Iterable[Entry]) -> Iterable[Fact]:
    """The events alone, for what is the same whenever they were recorded."""
    return (entry.event for entry in entries)


def _begins_a_case(first: Fact) -> bool:
    """Agencies and access logs are streams too."""
    try:
        cases.evolve(None, first)
    except ValueError:
        return False
    return True


OfErasure = RequestErasure | ApproveErasure | RefuseErasure


def _erasing_damaged(casework: Cases, case: CaseId, command: Fact) -> tuple[Kind[Any, Any], Any] | None:
    """The erasure of a case that cannot be read is asked for, and decided, in the erasure's own stream, by what the
    case's records have in clear, and the register of who was told."""
    if casework.is_readable(case):
        return None
    assert isinstance(command, OfErasure)

    def decide(command: Fact, wanted: damaged.Wanted | None, act: Act, network: Network) -> Sequence[Fact]:
        assert isinstance(command, OfErasure)
        _, facts = casework.on_record(case)
        told = {fact.agency for fact in facts}
        return damaged.decide(command, wanted, case, casework.outline(case), told, act, network)

    kind: Kind[UUID, damaged.Wanted] = Kind(
        "erasure of a damaged case",
        stream=erasure_stream,
        fold=lambda entries, wanted: damaged.fold(events_of(entries)),
        resumes=False,
        decide=decide,
        ahead={ErasureRecorded: consequences.end_damaged},
        follows=dict.fromkeys((RequestErasure, ApproveErasure), of_one_case.keep_damaged(case)),
        afterwards={ApproveErasure: consequences.destroy_keys},
    )
    return kind, command.erasure


CASE: Kind[CaseId, Case] = Kind(
    "case",
    stream=lambda case: case,
    fold=fold_log,
    decide=cases.decide,
    kept=True,
    begins=_begins_a_case,
    is_gone=lambda case: case.is_erased,
    hides=known,
    follows={
        MergeCase: of_one_case.absorb,
        CaseSeparated: of_one_case.release,
        PersonExcluded: of_one_case.exclude_from_all,
        ExclusionEnded: of_one_case.let_in_to_all,
        LeadTransferAccepted: of_one_case.lead_all,
        **dict.fromkeys((RequestErasure, ApproveErasure), of_one_case.keep_together),
        CaseErased: consequences.record_erasure,
        **dict.fromkeys(ENDS, consequences.recall_copies),
        **dict.fromkeys((SharingStopped, StopConfirmed), of_one_case.stop_in_all),
        GlassReviewed: consequences.keep_verdict,
        OverrideReviewed: consequences.keep_verdict,
    },
    afterwards={
        ApproveErasure: consequences.destroy_keys,
        ReviewGlass: consequences.forget_judged,
        ReviewOverride: consequences.forget_judged,
    },
    instead=dict.fromkeys((RequestErasure, ApproveErasure, RefuseErasure), _erasing_damaged),
)

AGENCY: Kind[AgencyCode, Agency] = Kind(
    "agency",
    stream=agency_stream,
    fold=lambda entries, agency: agencies.fold(events_of(entries), agency),
    decide=lambda command, agency, act, network: agency_state.decide(command, agency, act),
    answers=lambda code: code,
    afterwards={Fact: consequences.forget_agency},
)


def _acknowledge_erasure(command: Fact, asked: Asked | None, act: Act, network: Network) -> Sequence[Fact]:
    assert isinstance(command, AcknowledgeErasure)
    return erasures.acknowledge(command, asked, act)


ERASURE: Kind[UUID, Asked] = Kind(
    "erasure",
    stream=erasure_stream,
    fold=lambda entries, asked: erasures.fold(events_of(entries)),
    resumes=False,
    decide=_acknowledge_erasure,
)


NOTICE: Kind[NoticeId, Given] = Kind(
    "notice",
    stream=notice_stream,
    fold=lambda entries, given: notices.fold(events_of(entries)),
    resumes=False,
    decide=lambda command, given, act, network: notices.decide(command, given, act),
    begins=notices.begins,
)


def _fold_marks(entries: Iterable[Entry], marks: Marks | None) -> Marks:
    return delivery.fold(events_of(entries), marks)


def delivery_of(agency: AgencyCode, told: delivery.ToldSoFar) -> Kind[AgencyCode, Marks]:
    """What an agency acknowledges, decided on what the register says that it was told."""

    def decide(command: Fact, marks: Marks | None, act: Act, network: Network) -> Sequence[Fact]:
        assert isinstance(command, AcknowledgeDeliveries)
        return delivery.acknowledge(agency, command, marks or Marks(), told, act)

    return Kind("delivery", stream=delivery_stream, fold=_fold_marks, decide=decide, kept=True)
