"""Reading what was opened in an emergency, and judging it.

It is read straight from the log, because no list of the opener's agency has it; only by the person who broke the
glass, only what its compartments cover, only while it lasts. Each opening is recorded before it is shown, with
the glass as its correlation, so that the audit trail of a glass is one query.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import msgspec
from msgspec import Struct
from starlette.responses import Response

from ..domain.case import glass as glasses
from ..domain.case.documents import DocumentAttached
from ..domain.case.glass import GlassBroken, GlassReviewed
from ..domain.casefile.emergency import still_open
from ..domain.casefile.state import NOTHING, Case, Glass
from ..domain.compartment import Compartment
from ..domain.disclosure import Written, through_glass
from ..domain.fact import Act, GlassId
from ..domain.refusal import Unknown
from ..projections.listing import Positive
from .application.reading import Asked, Seen
from .application.rooms import Rooms
from .case_file import TimelineEntry, data_of
from .cursors import next_page
from .documents import BYTES, as_file
from .gate import Work
from .parameters import USUAL, Limit
from .reads import Page, Read, page_of

REVIEWED = frozenset({Compartment.COORDINATION, Compartment.LEGAL})
"""What a reviewer is shown: who opened what, and the reason, which is said to the reviewer and not of the survivor."""
WHAT = "break-glass"
AT_ONCE = Work.EMERGENCY


class ReviewView(Struct, frozen=True):
    """One review of a broken glass."""

    reviewer: UUID
    agency: str
    reviewed_at: datetime
    verdict: str
    remark: str | None


class GlassView(Struct, frozen=True):
    """A broken glass, for who judges it."""

    case: UUID
    glass: UUID
    agency: str
    actor: UUID
    role: str
    compartments: list[str]
    basis: str
    rule: str
    reason: str | None
    opened_at: datetime
    expires_at: datetime
    is_open: bool
    review_due_at: datetime
    reviews: list[ReviewView]


def show_opened_timeline(
    rooms: Rooms,
    asked: Asked,
    known: Case,
    *,
    case: UUID,
    glass: UUID,
    limit: Limit = USUAL,
    cursor: tuple[Positive] | None = None,
) -> Page:
    broken = still_open(known, GlassId(glass), asked.act.at)
    after = cursor[0] if cursor else 0
    found = [(w, may) for w, may in _readable(rooms, asked.act, case, broken) if w.version > after][:limit]
    # That there is nothing is an answer too: then what was asked for is recorded.
    seen = rooms.reading.open(
        _under(asked, broken), case, found, WHAT, basis=_basis(broken), nothing=broken.compartments
    ).seen
    more = (found[-1][0].version,) if len(found) == limit else None
    return Page([_entry(s) for s in seen], next_page(more))


def show_opened_document(
    rooms: Rooms, asked: Asked, known: Case, *, case: UUID, glass: UUID, document: UUID
) -> Response:
    broken = still_open(known, GlassId(glass), asked.act.at)
    attached = next(
        (
            w.event
            for w, _ in _readable(rooms, asked.act, case, broken)
            if isinstance(w.event, DocumentAttached) and w.event.document == document
        ),
        None,
    )
    compartment = Compartment.named(attached.compartment) if attached else None
    if attached is None or compartment is None or compartment not in broken.compartments:
        raise Unknown(what="document")
    content = rooms.reading.document(_under(asked, broken), case, document, compartment, WHAT, _basis(broken))
    return as_file(content, attached.media_type)


def show_glass(rooms: Rooms, asked: Asked, known: Case, *, case: UUID, glass: UUID) -> GlassView:
    broken = known.glasses[GlassId(glass)]
    wanted = [
        (w, REVIEWED)
        for w in rooms.casework.written(case)
        if isinstance(w.event, GlassBroken | GlassReviewed) and w.event.glass == glass
    ]
    seen = rooms.reading.open(
        _under(asked, broken), case, wanted, "break-glass-review", basis="review", shown=REVIEWED
    ).seen
    return _glass_view(case, broken, [w for w, _ in wanted], {s.of.position: _said(s) for s in seen}, asked.act)


PATH = "/cases/{case}/break-glass/{glass}"
READS = (
    Read(PATH, show_glass, GlassView, "emergency", glasses.TO_JUDGE),
    Read(f"{PATH}/timeline", show_opened_timeline, page_of(TimelineEntry), "emergency", glasses.TIMELINE, work=AT_ONCE),
    Read(f"{PATH}/documents/{{document}}", show_opened_document, BYTES, "emergency", glasses.DOCUMENT, work=AT_ONCE),
)


def _readable(rooms: Rooms, act: Act, case: UUID, glass: Glass) -> list[tuple[Written, frozenset[Compartment]]]:
    now = rooms.casework.case(case)
    gone = now.erased if now is not None else NOTHING
    found = ((w, through_glass(glass, w, act.agency, act.actor, act.at)) for w in rooms.casework.written(case))
    return [(written, may - gone) for written, may in found if may]


def _under(asked: Asked, glass: Glass) -> Asked:
    """The glass is what its openings, and their reviews, belong to: its trail is one query."""
    return asked._replace(correlation=glass.id)


def _basis(glass: Glass) -> str:
    return f"break-glass:{glass.basis}"


def _entry(seen: Seen) -> TimelineEntry:
    """What was opened of an event. What was not is not named: the opener learns of no other compartment."""
    of = seen.of
    data = data_of(seen.segments)
    return TimelineEntry(of.position, of.version, of.topic, of.event.occurred_at, of.at, of.author, data)


def _said(seen: Seen) -> dict[str, Any]:
    """The fields of a glass's event that were opened."""
    return {name: value for json in seen.segments.values() for name, value in msgspec.json.decode(json).items()}


def _glass_view(
    case: UUID, glass: Glass, written: Sequence[Written], said: Mapping[int, dict[str, Any]], act: Act
) -> GlassView:
    broken = next(w for w in written if isinstance(w.event, GlassBroken))
    of = cast(GlassBroken, broken.event)
    reviews = [
        ReviewView(w.event.reviewer, w.author, w.at, w.event.verdict.value, said.get(w.position, {}).get("remark"))
        for w in written
        if isinstance(w.event, GlassReviewed)
    ]
    return GlassView(
        case=case,
        glass=glass.id,
        agency=glass.agency,
        actor=glass.actor,
        role=of.role.value,
        compartments=sorted(c.word for c in glass.compartments),
        basis=glass.basis.value,
        rule=of.rule,
        reason=said.get(broken.position, {}).get("reason"),
        opened_at=broken.at,
        expires_at=glass.expires_at,
        is_open=glass.is_open(act.at),
        review_due_at=glass.review_due_at,
        reviews=reviews,
    )
