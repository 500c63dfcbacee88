"""What follows from a command or event: in other streams, in the same commit, and once that is durable."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Generic, NamedTuple, Protocol, TypeVar
from uuid import UUID

from ...domain import damaged, recall
from ...domain import erasure as erasures
from ...domain.agency import agency_stream
from ...domain.case.erasure import ApproveErasure, CaseErased
from ...domain.case.glass import GlassReviewed, ReviewGlass
from ...domain.case.overrides import OverrideReviewed, ReviewOverride
from ...domain.casefile.evolving import fold_log
from ...domain.casefile.evolving import said as said_by
from ...domain.casefile.overriding import Overrides
from ...domain.casefile.state import Case, compartments_named
from ...domain.codes import GlassVerdict
from ...domain.compartment import Compartment
from ...domain.disclosure import Knowledge, Remembered, Written
from ...domain.erasure import ErasureRecorded
from ...domain.fact import Act, AgencyCode, CaseId, Fact
from ...domain.judged import JudgedNotJustified, JudgedOtherwise, person_stream
from .network import Agencies
from .ports import Changes, Moved, Unreadable

Id = TypeVar("Id")
T = TypeVar("T")


class Cases(Protocol):
    """What consequences ask of casework."""

    network: Agencies

    def state(self, kind: Any, id: Any) -> Any:
        """The state of a stream as the log has it now; None where there is none."""
        ...

    def case(self, case: UUID) -> Case | None:
        """The case as the log has it now; None where there is none, or it was erased."""
        ...

    def written(self, case: UUID) -> Sequence[Written]:
        """The case's events, their coordination opened."""
        ...

    def first_sealed(self, stream: UUID, of: frozenset[Compartment]) -> Mapping[Compartment, bytes]:
        """What the first event of a stream says in these compartments: for another event, and for nobody's eyes."""
        ...

    def on_record(self, case: UUID) -> tuple[int, Sequence[Remembered]]:
        """How far the register followed the log, and what it has on record of the case."""
        ...

    def is_readable(self, case: UUID) -> bool:
        """Whether the case can be read, from its first event to its last."""
        ...

    def outline(self, case: UUID) -> damaged.Outline | None:
        """What is known of a case without opening it."""
        ...

    def joined(self, case: UUID) -> frozenset[CaseId]:
        """Files that were ever merged with that one, or separated from it, by what is in clear."""
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


def said_of(table: Mapping[type[Fact], T], said: Fact) -> list[T]:
    """What a table has for a command or event, by its type."""
    return [table[type_] for type_ in type(said).__mro__ if type_ in table]


def following(table: Mapping[type[Fact], Consequence[Id]], step: Step[Id], command: Fact) -> Iterator[Changes]:
    """What follows from a step in other streams. Raises Refusal, Moved."""
    for said in (command, *step.events):
        for follow in said_of(table, said):
            yield from follow(step, said)


def by_stream(changes: Iterable[Changes]) -> list[Changes]:
    """The same, each stream once: what several say of one stands together, where that comes first."""
    found: dict[UUID, Changes] = {}
    for change in changes:
        known = found.get(change.stream)
        found[change.stream] = change if known is None else known._replace(events=[*known.events, *change.events])
    return list(found.values())


def record_erasure(step: Step[CaseId], erased: Fact) -> Sequence[Changes]:
    """What remains of an erasure."""
    assert isinstance(erased, CaseErased)
    known, gone = _known(step), compartments_named(erased.compartments)
    assert known.case is not None
    told = [agency for agency, versions in known.told.items() if any(gone & these for these in versions.values())]
    events = erasures.record(step.id, erased, known.case, told, step.act, step.casework.network)
    return [Changes(erasures.erasure_stream(erased.erasure), 0, events)]


def end_damaged(step: Step[UUID], erased: Fact) -> Sequence[Changes]:
    """The last event of a case that cannot be read: from then on its keys may be destroyed. Where the case moved on, it
    is refused, and decided anew."""
    assert isinstance(erased, ErasureRecorded)
    return [Changes(erased.case, erased.version - 1, [damaged.end(erased, step.act)], unkept=True)]


def recall_copies(step: Step[CaseId], ended: Fact) -> Sequence[Changes]:
    """Who has to delete copies as a consent ends."""
    if ended is not step.events[0]:
        return []
    known, version = _known(step), step.version + 1
    after = fold_log(said_by(step.events, step.act.agency, step.act.at), known.case)
    assert after is not None
    lost = recall.by_agency(known.ended(after, step.act.at))
    asked = recall.record(step.id, version, ended, step.act.actor, after.lead, lost, step.act)
    return [Changes(erasures.erasure_stream(recall.recall_id(step.id, version)), 0, asked)] if asked else []


def keep_verdict(step: Step[CaseId], reviewed: Fact) -> Sequence[Changes]:
    """What counts in every case: that something done past consent was judged not justified, or is so no more, stands
    with who did it, and with the agency for which it was done. Raises Moved where the case moved on."""
    assert isinstance(reviewed, GlassReviewed | OverrideReviewed)
    case = step.casework.case(step.id)
    if case is None or case.version != step.version:
        raise Moved
    if isinstance(reviewed, GlassReviewed):
        glass = case.glasses[reviewed.glass]
        agency, member, before = glass.agency, glass.actor, glass.verdict
        judged: UUID = reviewed.glass
    else:
        made = case.of(Overrides).made[reviewed.consent]
        if made.agency is None:  # an earlier release recorded it
            return []
        agency, member, before = made.agency, made.person, made.verdict
        judged = reviewed.consent
    was, now = (verdict is GlassVerdict.NOT_JUSTIFIED for verdict in (before, reviewed.verdict))
    if was == now:
        return []
    kind = JudgedNotJustified if now else JudgedOtherwise
    said = kind(occurred_at=reviewed.occurred_at, agency=agency, member=member, judged=judged)
    network, found = step.casework.network, list[Changes]()
    with suppress(KeyError, Unreadable):  # the verdict stands in the case all the same
        found.append(Changes(agency_stream(agency), network.fresh(agency).version, [said]))
    with suppress(Unreadable):
        found.append(Changes(person_stream(member), network.judged_so_far(member), [said]))
    return found


def destroy_keys(casework: Cases, of: UUID, approved: Fact) -> None:
    """Destroy the keys, and wait until no process has them. Where this one is killed before, the worker does it. Also
    when it was asked for again: "done" means that it cannot be read."""
    assert isinstance(approved, ApproveErasure)
    casework.destroy(approved.erasure)


def forget_judged(casework: Cases, of: CaseId, review: Fact) -> None:
    """Whoever acts next for the agency that was judged sees it."""
    assert isinstance(review, ReviewGlass | ReviewOverride)
    case = casework.case(of)
    if case is None:
        return
    if isinstance(review, ReviewGlass):
        casework.network.forget(case.glasses[review.glass].agency)
    elif (agency := case.of(Overrides).agency_of(review.consent)) is not None:
        casework.network.forget(agency)


def forget_agency(casework: Cases, code: AgencyCode, said: Fact) -> None:
    """Whoever asks next sees it."""
    casework.network.forget(code)


def _known(step: Step[CaseId]) -> Knowledge:
    """The case before the step, with what is on record of what was told of it; and what the register did not follow
    yet, by the rule that it will be told by. Raises Moved where the case moved on."""
    written = step.casework.written(step.id)
    if len(written) != step.version:
        raise Moved
    reached, facts = step.casework.on_record(step.id)
    known = Knowledge.remembered([w for w in written if w.position <= reached], facts)
    for later in written[len(known.written) :]:
        known.learn(later)
    return known
