"""What remains of an erasure: a stream of its own, which names the case by its number and nobody by name.

The case's own events cannot be read any more when its coordination is gone. So the commit that erases also writes, to
a stream of the erasure's own: who asked, who approved, what and when (`ErasureRecorded`), and for each agency that was
told something of it that it must delete its copy (`DeletionAsked`). Who was told, the register knows; who was told by
what it follows meanwhile is asked behind it, so that nobody is left out. Each agency is named in an event of its own,
so that none learns from another's who took part. What it says when it has done so is the third event.

Where the case cannot be read, as it is damaged, what two people ask and decide stands in the erasure's own stream too
(damaged.py).

Where consent ended, nothing is destroyed, but agencies have to delete the copies of what they were told (recall.py):
that is a stream of the same kind, which begins with `RecallRecorded`.
"""

from collections.abc import Container, Iterable, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID, uuid5

from msgspec import Struct
from msgspec.structs import replace

from .case.erasure import CaseErased, Erasing
from .casefile.state import Case, compartments_named
from .causes import Cause
from .codes import ErasureBasis
from .compartment import CompartmentWord, Coordination
from .declaring import Step, asked, field, happened, name_fields
from .fact import Act, ActorId, AgencyCode, CaseId, ConsentId, ErasureId, Fact, Short, recorded
from .refusal import AlreadyDone
from .standing.relations import Extent
from .standing.roles import ACKNOWLEDGEMENT
from .standing.rows import WAS_TOLD
from .standing.rule import standing
from .timing import at_the_latest_now, require_cause
from .words import Words

ERASURES = UUID("6c1b0f39-5a0e-5d0f-9b51-65726173757a")
"""Namespace of erasure streams (RFC 9562, version 5)."""


def erasure_stream(erasure: UUID) -> UUID:
    """The stream of an erasure."""
    return uuid5(ERASURES, str(erasure))


@happened(Words("Penghapusan dicatat", "Erasure recorded"))
class ErasureRecorded(Fact, frozen=True, kw_only=True, tag="erasure.ErasureRecorded"):
    """Two people had these compartments of that case destroyed. `occurred_at` is when it was approved."""

    erasure: Coordination[ErasureId]
    case: Coordination[CaseId]
    version: Coordination[int]
    """Of the case's `CaseErased`: that many events of the case are in the log, and stay there, sealed."""
    compartments: Coordination[frozenset[CompartmentWord]]
    basis: Coordination[ErasureBasis]
    lead: Coordination[AgencyCode]
    requested_by: Coordination[ActorId]
    requested_at: Coordination[datetime]
    approved_by: Coordination[ActorId]


@happened(Words("Kewajiban menghapus salinan dicatat", "Recall recorded"))
class RecallRecorded(Fact, frozen=True, kw_only=True, tag="erasure.RecallRecorded"):
    """A consent ended, in whole or in part, on which agencies were told something: they have to delete the copies of
    what they were told, and keep what they wrote themselves. Nothing is destroyed here."""

    erasure: Coordination[ErasureId]
    """The recall's own id: agencies answer a recall as they answer an erasure."""
    case: Coordination[CaseId]
    consent: Coordination[ConsentId | None] = None
    """The one that ended; None where she said stop to more than one."""
    version: Coordination[int]
    """Of the case's event that ended it."""
    ended: Coordination[Literal["withdrawn", "narrowed", "expired", "not-confirmed", "override-ended"]]
    compartments: Coordination[frozenset[CompartmentWord]]
    lead: Coordination[AgencyCode]
    recorded_by: Coordination[ActorId]


@happened(
    Words("Instansi diminta menghapus salinannya", "Agency asked to delete its copies"),
    means="Instansi ini pernah diberi tahu sesuatu yang kini dihapus, dan wajib menghapus salinannya.",
    step=Step.LEGAL,
)
class DeletionAsked(Fact, frozen=True, kw_only=True, tag="erasure.DeletionAsked"):
    """This agency was told something of what was erased or recalled, and must delete its copies of what it was told."""

    erasure: Coordination[ErasureId]
    case: Coordination[CaseId]
    compartments: Coordination[frozenset[CompartmentWord]]
    agency: Coordination[AgencyCode]


@happened(Words("Instansi menyatakan telah menghapus", "Agency says that it has deleted"))
class ErasureAcknowledged(Fact, frozen=True, kw_only=True, tag="erasure.ErasureAcknowledged"):
    """The agency says that it deleted what it was told."""

    erasure: Coordination[ErasureId]
    case: Coordination[CaseId]
    agency: Coordination[AgencyCode]


@happened(Words("Instansi menyimpan sebagian salinan", "Agency keeps a part of its copies"))
class CopiesKept(Fact, frozen=True, kw_only=True, tag="erasure.CopiesKept"):
    """Of what it is to delete the agency keeps a part, by a duty of its own that it names (a hospital's to keep medical
    records, say). That it deleted the rest, `ErasureAcknowledged` says."""

    erasure: Coordination[ErasureId]
    case: Coordination[CaseId]
    agency: Coordination[AgencyCode]
    kept_basis: Coordination[Short]


DELETION = Cause(
    Words("penghapusan itu disetujui", "the deletion was decided"),
    lambda command, asked, act: asked.record.occurred_at,
)


@asked(
    by=ACKNOWLEDGEMENT,
    where=WAS_TOLD,
    extent=Extent.MOVE,
    answers=(DELETION,),
    means="Menyatakan bahwa instansi telah menghapus yang diberitahukan kepadanya.",
)
class AcknowledgeErasure(Fact, frozen=True, kw_only=True):
    """Say that the agency deleted what it was told; `kept_basis`: but for what this rule has it keep."""

    erasure: Coordination[ErasureId]
    kept_basis: Coordination[Short | None] = None


class Asked(Struct, frozen=True):
    """An erasure or a recall: which agencies have to delete, and which said that they did. Who is asked for more after
    that has to say so again."""

    record: ErasureRecorded | RecallRecorded
    version: int = 1
    told: frozenset[AgencyCode] = frozenset()
    acknowledged: frozenset[AgencyCode] = frozenset()


def fold(events: Iterable[Fact]) -> Asked | None:
    """The erasure, or the recall, after these events of its stream; None before it is on record."""
    asked: Asked | None = None
    for version, event in enumerate(events, 1):
        match event:
            case ErasureRecorded() | RecallRecorded():
                asked = Asked(event)
            case DeletionAsked() if asked is not None:
                who = {event.agency}
                asked = replace(asked, told=asked.told | who, acknowledged=asked.acknowledged - who)
            case ErasureAcknowledged() if asked is not None:
                asked = replace(asked, acknowledged=asked.acknowledged | {event.agency})
        if asked is not None:
            asked = replace(asked, version=version)
    return asked


def record(
    case: CaseId,
    erased: CaseErased,
    before: Case,
    told: Iterable[AgencyCode],
    act: Act,
    network: Container[AgencyCode],
) -> Sequence[Fact]:
    """What is written to the erasure's own stream beside `erased`, of the case before it: what remains of it, and that
    those of the network delete their copies who were told something of what goes, as the register says, or could open
    it in an emergency."""
    asked = before.of(Erasing).asked
    if asked is None:
        raise ValueError("only what was asked for is erased")
    gone = compartments_named(erased.compartments)
    opened = {glass.agency for glass in before.glasses.values() if gone & glass.compartments}
    return [
        recorded(
            ErasureRecorded,
            erased,
            act,
            case=case,
            version=before.version + 1,
            basis=asked.basis,
            lead=before.lead,
            requested_at=asked.asked_at,
        ),
        *(
            recorded(DeletionAsked, erased, act, case=case, agency=agency)
            for agency in sorted(opened | set(told))
            if agency in network
        ),
    ]


def ask(erasure: Asked, agencies: Iterable[AgencyCode], act: Act) -> Sequence[Fact]:
    """That these agencies, which were told something of what was erased, delete their copies; nothing for those who
    were asked."""
    return [
        recorded(DeletionAsked, erasure.record, act, agency=agency) for agency in sorted(set(agencies) - erasure.told)
    ]


def acknowledge(command: AcknowledgeErasure, asked: Asked | None, act: Act) -> Sequence[Fact]:
    """The agency's answer. Raises Unknown for one that was not asked, AlreadyExists the second time, unless it was
    asked for more meanwhile."""
    standing(command, asked, act)
    assert asked is not None
    command = at_the_latest_now(command, act)
    if act.agency in asked.acknowledged:
        raise AlreadyDone(what="the acknowledgement")
    require_cause(command, asked, act)
    about = {"case": asked.record.case, "agency": act.agency}
    kept = [recorded(CopiesKept, command, act, **about)] if command.kept_basis is not None else []
    return [*kept, recorded(ErasureAcknowledged, command, act, **about)]


name_fields(
    ended=field("Berakhirnya persetujuan", "How consent ended"),
    kept_basis=field("Dasar penyimpanan", "Ground for keeping"),
    recorded_by=field("Dicatat oleh", "Recorded by"),
    requested_at=field("Diminta pada", "Requested at"),
    case=field("Kasus", "Case"),
    version=field("Versi", "Version"),
)
