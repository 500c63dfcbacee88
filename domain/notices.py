"""Notices: that something allowed and odd was done, or that a key or webhook changed, is told to the people concerned.

A notice says which rule it tripped, who did it, for which agency, in which case or with which key, and where in the log
it stands: no content. It is told to the agency that it names, whole, and to nobody else; its supervisors and data
protection officer are shown it. Each stands in a stream of its own, so that it is given once.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, NamedTuple
from uuid import UUID, uuid5

from msgspec import Meta, Struct

from .agency_state import KeyId
from .compartment import Coordination
from .declaring import Step, asked, field, happened, name_fields
from .fact import Act, ActorId, AgencyCode, Fact, recorded
from .refusal import AlreadyExists
from .standing.relations import Extent
from .standing.roles import ESCALATION
from .standing.rows import SYSTEM_ONLY
from .standing.rule import standing
from .timing import at_the_latest_now
from .words import Words

NOTICES = UUID("8f0e2a6b-3c1d-5e47-9a52-6e6f74696365")
"""Namespace of the streams of notices (RFC 9562, version 5)."""
RuleCode = Annotated[str, Meta(pattern="^[a-z-]{1,40}$(?!\n)", examples=["own-consent"])]
"""A code of `Unusual`. No closed list: rules are added, and what was said stays readable."""


class NoticeId(NamedTuple):
    """What a notice is about, and to whom it is given."""

    deed: int
    rule: str
    agency: AgencyCode


def notice_stream(id: NoticeId) -> UUID:
    """The stream of a notice."""
    return uuid5(NOTICES, f"{id.deed}/{id.rule}/{id.agency}")


class NoticeFacts(Fact, frozen=True, kw_only=True):
    agency: Coordination[AgencyCode]
    """Whose supervisors and data protection officer are to see to it."""
    rule: Coordination[RuleCode]
    deed: Coordination[int]
    """The position in the log of what was done."""
    done_at: Coordination[datetime]
    done_for: Coordination[AgencyCode]
    actor: Coordination[ActorId]
    case: Coordination[UUID | None] = None
    key: Coordination[KeyId | None] = None


@happened(
    Words("Yang tidak biasa diberitahukan kepada penyelia", "Something unusual told to supervisors"),
    means="Sesuatu yang boleh, tetapi tidak biasa, dilakukan dalam kasus yang menjadi tanggung jawab instansi ini, "
    "atau kunci atau alamat penerusan pesan sebuah instansi yang ikut serta di dalamnya berubah. Penyelia "
    "dan pejabat pelindungan data memeriksanya; aturannya menandai, dan tidak menuduh.",
    step=Step.NETWORK,
    calls={"rule": field("Aturan yang menandainya", "Rule that marks it")},
)
class NoticeGiven(NoticeFacts, frozen=True, kw_only=True, tag="agency.NoticeGiven"):
    """Something allowed and unusual was done in a case that this agency leads, or a key or webhook changed of an agency
    that takes part in one. Supervisors and the data protection officer look at it; a rule marks, and accuses nobody."""


@asked(
    by=ESCALATION,
    where=SYSTEM_ONLY,
    extent=Extent.AGENCY,
    means="Memberi tahu orang-orang yang bersangkutan bahwa sesuatu yang tidak biasa dilakukan.",
)
class GiveNotice(NoticeFacts, frozen=True, kw_only=True):
    """Tell the people concerned that something unusual was done."""


class Given(Struct, frozen=True):
    """A notice that was given."""

    version: int = 1


def begins(first: Fact) -> bool:
    """Whether a stream with this first event is a notice."""
    return isinstance(first, NoticeGiven)


def fold(events: Iterable[Fact]) -> Given | None:
    """That it was given; None before."""
    return Given() if list(events) else None


def decide(command: Fact, given: Given | None, act: Act) -> Sequence[Fact]:
    """The events that follow from a command on a notice. Raises Refusal; TypeError for what is no command."""
    standing(command, None, act)
    if given is not None:
        raise AlreadyExists(what="the notice")
    return [recorded(NoticeGiven, at_the_latest_now(command, act), act)]


name_fields(
    deed=field("Posisi dalam log", "Position in the log"),
    done_at=field("Dilakukan pada", "Done at"),
    done_for=field("Dilakukan bagi instansi", "Done for the agency"),
)
