"""The case as its people read it: what it is now, its timeline, and that as a file. Who looks is on record first."""

from collections.abc import Collection
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta, Raw, Struct
from starlette.responses import Response

from ..domain.case.erasure import Erasing
from ..domain.case.uncovered import announced_end
from ..domain.casefile.ages import age_of
from ..domain.casefile.files import Files
from ..domain.casefile.holding import confirm_by
from ..domain.casefile.overriding import Overrides, Wanted
from ..domain.casefile.speaking import Speaking
from ..domain.casefile.staff import Accompanying, Staff
from ..domain.casefile.state import Case, Clock, Consent, Hold
from ..domain.compartment import Compartment
from ..domain.fact import AgencyCode
from ..domain.standing import readings
from ..domain.standing.reach import Reaches
from ..domain.standing.relations import Relation
from ..domain.standing.rule import relations
from ..projections import timeline
from ..projections.listing import Positive
from ..projections.timeline import TimelineRow
from .application.reading import COORDINATION, Asked, Seen, Segments
from .application.rooms import Rooms
from .cursors import next_page
from .gate import Work
from .noes import NoView, no_to, words_of
from .parameters import REF, USUAL, Limit
from .reads import Content, Page, Read, page_of
from .serving import json_answer

AT_ONCE = 1_000
"""Rows of a list that an export asks for together."""
EXPORT_HEADERS = {"Cache-Control": "no-store", "Content-Disposition": 'attachment; filename="case.ndjson"'}

Data = Annotated[Raw, Meta(extra_json_schema={"type": "object"})]
"""Fields of an event, as JSON."""


class Line(Struct, frozen=True):
    """One event without its content."""

    position: int
    version: int
    topic: str
    occurred_at: datetime
    recorded_at: datetime
    author: str


class TimelineEntry(Line, frozen=True, omit_defaults=True):
    """One event of a case: `data` is what the caller may know of it, `withheld` names what it may not."""

    data: Data
    withheld: list[str] = []
    struck_by: int | None = None
    """It was wrong, as the entry of that number says."""


class ReferralView(Struct, frozen=True):
    referral: UUID
    sender: str
    recipient: str
    service: str
    urgency: str
    status: str
    due_at: datetime | None
    ends_at: datetime | None = None
    """When the lead ends it, as no consent covers it any more: what covers it by then is the answer."""


class ConsentView(Struct, frozen=True):
    consent: UUID
    compartments: list[str]
    recipients: list[str]
    purposes: list[str]
    live: bool
    override: bool
    expires_at: datetime | None
    reported_by: str | None = None
    """Who heard it, where that was not the lead."""
    waits: list[str] = []
    """Compartments for which it waits until the lead has confirmed it with the survivor, of others' words than the
    reporter's."""
    basis: str | None = None
    """Of a sharing without consent: its legal basis."""
    review_due_at: datetime | None = None
    """Of one that one person decided alone: by when another reviews it."""
    verdict: str | None = None
    """What that found."""
    stopped: list[str] = []
    """Agencies and kinds of them of which somebody said stop, to all of it or to a part (`no_to`)."""
    stops_waiting: list[UUID] = []
    """Stops that the lead has to answer; meanwhile nothing new is sent to whom they name."""
    held: bool = False
    """The child said no to it: it covers nothing, until two people decide what is best for her."""
    doubted: bool = False
    """Who gave it for her was set aside since."""
    given_by: list[str] = []
    """In which capacity somebody gave it."""
    refused: list[str] = []
    """Agencies and kinds of them whom she refused, all of it or a part (`no_to`), before others agreed to it, or said
    that she did: until she says yes to the lead, or two people decide what is best for her."""
    no_to: list[NoView] = []
    """What it gives no more, or not yet."""


class OverrideAskedView(Struct, frozen=True):
    """A sharing without consent that waits for another person to approve it."""

    consent: UUID
    agency: str | None
    asked_by: UUID
    basis: str
    rule: str
    compartments: list[str]
    recipients: list[str]
    purposes: list[str]
    expires_at: datetime | None


class ClockView(Struct, frozen=True):
    clock: UUID
    due_at: datetime
    met_at: datetime | None
    duty: str | None
    """What kind of duty it is; absent of a clock that began before clocks said so."""
    guessed: bool
    """The time of what happened is a guess: it counts from its earliest moment."""
    too_late: bool
    """It had closed before anybody of the network knew: nobody's breach."""
    ended_at: datetime | None
    """When it ended, where nobody says in clear that it was met: why is sealed."""
    ended_by: str | None
    """Which agency said so."""


class AssignedView(Struct, frozen=True):
    """Somebody of the caller's agency who is assigned."""

    person: UUID
    referrals: list[UUID]
    """To these; none: to the case."""


class ExclusionView(Struct, frozen=True):
    """Somebody who is excluded from the case."""

    exclusion: UUID
    person: UUID
    member_of: str
    placed_by: str


class HoldView(Struct, frozen=True, omit_defaults=True):
    """A legal hold that stands."""

    hold: UUID
    holder: str
    placed_at: datetime
    kind: str | None = None
    """None: of one that was placed before holds had kinds."""
    of_proceedings: bool = False
    """The proceedings placed it by themselves."""
    confirm_by: datetime | None = None
    """By when its holder says that it is needed still."""
    lapses_at: datetime | None = None
    """When it lapses, as its holder was asked and did not say so yet."""


class CaseView(Struct, frozen=True, omit_defaults=True):
    """A case as the caller's agency may see it: the lead all of its coordination, others their own part."""

    case: UUID
    relation: str
    lead: str
    status: str
    urgency: str
    opened_at: datetime
    referrals: list[ReferralView]
    version: int
    assigned: list[AssignedView] = []
    exclusions: list[ExclusionView] = []
    """Of the agency's own people, and those that it placed; the lead is shown all."""
    age_group: str | None = None
    """Of now: it moves with her age, where that is known."""
    capacity: str | None = None
    """Whether she can decide herself; absent where nobody said."""
    set_aside: list[str] = []
    """Capacities in which somebody could speak for her, who gives and withdraws nothing."""
    worker: UUID | None = None
    consents: list[ConsentView] | None = None
    clocks: list[ClockView] | None = None
    on_hold: bool | None = None
    merged_into: UUID | None = None
    holds: list[HoldView] | None = None
    """Legal holds: the lead sees all that stand, others their own."""
    erasure: UUID | None = None
    """Asked for, and undecided."""
    erased: list[str] | None = None
    overrides_asked: list[OverrideAskedView] | None = None
    """What waits for another person."""


def show_case(rooms: Rooms, asked: Asked, known: Case, *, case: UUID) -> Response:
    rooms.reading.show(asked, case, COORDINATION, "case")
    return json_answer(case_view(case, known, asked.act.agency, asked.act.at), {"ETag": f'"{known.version}"'})


def show_timeline(
    rooms: Rooms, asked: Asked, *, case: UUID, limit: Limit = USUAL, cursor: tuple[Positive] | None = None
) -> Page:
    after = cursor[0] if cursor else 0
    found = rooms.lists.ask(asked.act, timeline.entries, case, after=after, limit=limit)
    more = (found[-1].version,) if len(found) == limit else None
    return Page(_opened(rooms, asked, case, found, "timeline"), next_page(more))


def export(rooms: Rooms, asked: Asked, *, case: UUID) -> Response:
    found = list[TimelineRow]()
    while more := rooms.lists.ask(
        asked.act, timeline.entries, case, after=found[-1].version if found else 0, limit=AT_ONCE
    ):
        found += more
    entries = _opened(rooms, asked, case, found, "export")
    return Response(msgspec.json.Encoder().encode_lines(entries), 200, EXPORT_HEADERS, "application/x-ndjson")


LINES = {"schema": {"$ref": REF.format(name="TimelineEntry")}}
READS = (
    Read("/cases/{case}", show_case, CaseView, "case", readings.CASE),
    Read("/cases/{case}/timeline", show_timeline, page_of(TimelineEntry), "case", readings.TIMELINE, waits=True),
    Read(
        "/cases/{case}/export",
        export,
        Content({"application/x-ndjson": LINES["schema"]}, "One event a line"),
        "case",
        readings.EXPORT,
        waits=True,
        work=Work.LONG,
    ),
)


def _opened(rooms: Rooms, asked: Asked, case: UUID, found: Collection[TimelineRow], what: str) -> list[TimelineEntry]:
    """What of these entries the agency may open now, opened."""
    rows = {row.position: row for row in found}
    told = {at: frozenset(Compartment(c) for c in row.compartments) for at, row in rows.items()}
    wanted = rooms.casework.readable(case, told, asked.act)
    return [_entry(rows[seen.of.position], seen) for seen in rooms.reading.open(asked, case, wanted, what).seen]


def _entry(row: TimelineRow, seen: Seen) -> TimelineEntry:
    return TimelineEntry(
        row.position,
        row.version,
        row.topic,
        row.occurred_at,
        row.recorded_at,
        row.author,
        data_of(seen.segments),
        withheld(seen),
        row.struck_by,
    )


def withheld(seen: Seen) -> list[str]:
    """The compartments of an event that were not opened."""
    return sorted(c.word for c in seen.held if c not in seen.segments)


def data_of(segments: Segments) -> Raw:
    """The fields of all that was opened, in one JSON object."""
    return Raw(b"{" + b",".join(part[1:-1] for part in segments.values() if len(part) > 2) + b"}")


def case_view(id: UUID, case: Case, agency: AgencyCode, at: datetime, leads: bool | None = None) -> CaseView:
    """A case as an agency may see it; `leads`, where given, says in its place whether all of it is shown."""
    leads = case.lead == agency if leads is None else leads
    referrals = [
        ReferralView(
            *(r.id, r.sender, r.recipient, r.service.value, r.urgency.value, r.status.value),
            due_at=r.due_at,
            ends_at=announced_end(case, r),
        )
        for r in case.referrals.values()
        if leads or r.sender == agency or (r.recipient == agency and r.sent_at is not None)
    ]
    common = CaseView(
        case=id,
        relation=_relation(case, agency),
        version=case.version,
        lead=case.lead,
        status=case.status.value,
        urgency=case.urgency.value,
        opened_at=case.opened_at,
        referrals=referrals,
        assigned=[
            AssignedView(person, sorted(to))
            for (at_agency, person), to in case.of(Staff).assigned.items()
            if at_agency == agency
        ],
        exclusions=[
            ExclusionView(e.id, e.person, e.member_of, e.placed_by)
            for e in case.of(Staff).exclusions.values()
            if leads or agency in (e.member_of, e.placed_by)
        ],
        holds=[_hold(h, case) for h in case.holds.values() if leads or h.held_by(case)[0] == agency] or None,
    )
    if not leads:
        return common
    asked, reaches, speaking = case.of(Erasing).asked, Reaches(case, at), case.of(Speaking)
    return msgspec.structs.replace(
        common,
        age_group=age_of(case, at).value,
        capacity=speaking.capacity.value if speaking.capacity is not None else None,
        set_aside=sorted(by.value for by in speaking.set_aside),
        worker=case.of(Accompanying).worker,
        consents=[_consent(c, case, reaches) for c in case.consents.values()],
        overrides_asked=[_asked(id, asked) for id, asked in case.of(Overrides).asked.items() if not asked.decided],
        clocks=[_clock_view(clock) for clock in case.clocks.values()],
        on_hold=case.on_hold,
        merged_into=case.of(Files).merged_into,
        erasure=asked.id if asked else None,
        erased=sorted(c.word for c in case.erased) or None,
    )


def _clock_view(of: Clock) -> ClockView:
    duty = of.duty.value if of.duty is not None else None
    return ClockView(of.id, of.due_at, of.met_at, duty, of.guessed, of.too_late, of.ended_at, of.ended_by)


def _hold(hold: Hold, case: Case) -> HoldView:
    kind = hold.kind.value if hold.kind is not None else None
    times = (confirm_by(hold), hold.lapses_at)
    return HoldView(hold.id, hold.held_by(case)[0], hold.placed_at, kind, hold.of_proceedings, *times)


def _relation(case: Case, agency: AgencyCode) -> str:
    mine = relations(case, agency)
    shown = (Relation.LEAD, Relation.RECIPIENT, Relation.ASKED)
    return next((relation.value for relation in shown if relation in mine), "former")


def _consent(of: Consent, case: Case, reaches: Reaches) -> ConsentView:
    made = case.of(Overrides).made.get(of.id)
    return ConsentView(
        of.id,
        sorted(x.word for x in of.compartments),
        sorted(of.recipients),
        sorted(p.value for p in of.purposes),
        of.live,
        of.override,
        of.expires_at,
        of.reported_by,
        sorted(x.word for x in reaches.waiting(of)) if of.live else [],
        of.basis.value if of.basis is not None else None,
        made.review_due_at if made is not None else None,
        made.verdict.value if made is not None and made.verdict is not None else None,
        words_of(*of.stopped, *of.left),
        sorted(of.waiting),
        of.held,
        of.doubted,
        sorted(by.value for by in of.given_by),
        words_of(*of.refused),
        no_to(of),
    )


def _asked(id: UUID, wanted: Wanted) -> OverrideAskedView:
    return OverrideAskedView(
        id,
        wanted.agency,
        wanted.asked_by,
        wanted.basis.value,
        wanted.rule,
        sorted(wanted.compartments),
        sorted(wanted.recipients),
        sorted(p.value for p in wanted.purposes),
        wanted.expires_at,
    )
