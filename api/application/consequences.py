"""What follows from a command or event: in other streams, in the same commit, and once that is durable."""

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar
from uuid import UUID

from ...domain import case as cases
from ...domain import erasure as erasures
from ...domain import recall
from ...domain.case.erasure import ApproveErasure, CaseErased
from ...domain.case.lifecycle import AbsorbDuplicate, MergeCase
from ...domain.casefile.state import Case
from ...domain.disclosure import Written
from ...domain.fact import Act, AgencyCode, CaseId, Fact
from ...domain.refusal import Unknown
from .network import Agencies
from .ports import Changes, Moved

Id = TypeVar("Id")


class Cases(Protocol):
    """What consequences ask of casework."""

    network: Agencies

    def case(self, case: UUID) -> Case | None:
        """The case as the log has it now; None where there is none, or it was erased."""
        ...

    def written(self, case: UUID) -> Sequence[Written]:
        """The case's events, their coordination opened."""
        ...

    def destroy(self, erasure: UUID) -> None:
        """Destroy the keys that an erasure says, and wait until no process has them."""
        ...


class Step(NamedTuple, Generic[Id]):
    """A command was decided, and is about to be stored."""

    id: Id
    version: int
    """Of the stream before it."""
    events: Sequence[Fact]
    act: Act
    casework: Cases


Consequence = Callable[[Step[Id], Fact], Sequence[Changes]]
"""What follows from a step because of that command or event of it. Raises Refusal, Moved."""
Afterwards = Callable[[Cases, Id, Fact], None]
"""What is done once a command on a stream is durable."""


def absorb(step: Step[CaseId], merge: Fact) -> Sequence[Changes]:
    """The living file's side of a merger."""
    assert isinstance(merge, MergeCase)
    if merge.into == step.id:
        raise Unknown(what="case")
    into = step.casework.case(merge.into)
    said = AbsorbDuplicate(occurred_at=merge.occurred_at, duplicate=step.id)
    events = cases.decide(said, into, step.act, step.casework.network)
    return [Changes(merge.into, into.version if into else 0, events)]


def record_erasure(step: Step[CaseId], erased: Fact) -> Sequence[Changes]:
    """What remains of an erasure."""
    assert isinstance(erased, CaseErased)
    events = erasures.record(step.id, erased, _whole(step), step.act, step.casework.network)
    return [Changes(erasures.erasure_stream(erased.erasure), 0, events)]


def recall_copies(step: Step[CaseId], ended: Fact) -> Sequence[Changes]:
    """Who has to delete copies as a consent ends."""
    if ended is not step.events[0]:
        return []
    asked = recall.record(step.id, step.events, _whole(step), step.act, step.casework.network)
    stream = erasures.erasure_stream(recall.recall_id(step.id, step.version + 1))
    return [Changes(stream, 0, asked)] if asked else []


def destroy_keys(casework: Cases, case: CaseId, approved: Fact) -> None:
    """Destroy the keys, and wait until no process has them. Where this one is killed before, the worker does it. Also
    when it was asked for again: "done" means that it cannot be read."""
    assert isinstance(approved, ApproveErasure)
    casework.destroy(approved.erasure)


def forget_agency(casework: Cases, code: AgencyCode, said: Fact) -> None:
    """Whoever asks next sees it."""
    casework.network.forget(code)


def _whole(step: Step[CaseId]) -> Sequence[Written]:
    """All of the case before the step. Raises Moved where the case moved on."""
    written = step.casework.written(step.id)
    if len(written) != step.version:
        raise Moved
    return written
