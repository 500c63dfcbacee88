"""Reports on who looked at what, who held what, and what looks unusual. Opening one is itself on the record."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from ..domain.access import AccessRecorded
from ..domain.agency import agency_stream
from ..domain.calendar import Hours
from ..domain.disclosure import Written
from ..domain.fact import Act, AgencyCode
from ..domain.history import When
from ..domain.holdings import Span
from ..domain.oversight import LIMITS, REASONS, TOLD, Finding, Unusual, by_rule, unusual, zone_of
from ..domain.standing import readings
from ..projections import notices
from ..projections.listing import Positive
from ..projections.notices import NoticeEntry
from .application.oversight import looks_of
from .application.ports import ReadingsFound
from .application.reading import COORDINATION, Asked, OnRecord, subject_of
from .application.rooms import Rooms
from .cursors import next_page
from .gate import Work
from .parameters import USUAL, Limit
from .problems import BadRequest
from .reads import Read, page

USUAL_SPAN, LONGEST_SPAN = timedelta(days=7), timedelta(days=31)
MOST_LOOKS = 100_000
"""Readings that are judged at once; for more, ask for a shorter span."""
MOST_ACTS = 1_000
"""The first acts that are shown of a span; the list of notices has all."""


class Opening(Struct, frozen=True):
    """Somebody opened protected content: who, for which agency, in which role, of which case and compartments, for
    which purpose, on which basis, through which view, and when."""

    position: int
    at: datetime
    case: UUID
    actor: UUID
    agency: str
    role: str | None
    purpose: str | None
    compartments: list[str]
    basis: str | None
    what: str | None


class Openings(Struct, frozen=True, omit_defaults=True):
    """One page of openings; `next` is the cursor of the one after, absent at the end. `unread`: positions of the log
    where the record of an opening does not open, or one before is gone: of what it was, nobody can say, so somebody may
    have opened more than is listed, of any case."""

    items: list[Opening]
    next: str | None = None
    unread: list[int] = []


class HoldingEntry(Struct, frozen=True):
    """What an agency held, and since when. `relation`: lead, worker, recipient or sender; `of`: the referral, or the
    case. `status` is the referral's, or the case's."""

    case: UUID
    relation: str
    of: UUID
    status: str
    worker: UUID | None
    since: datetime
    until: datetime | None
    position: int


class HoldingEntryPage(Struct, frozen=True, omit_defaults=True):
    """One page of what an agency held; `next` is the cursor of the one after, absent at the end. `unread`: positions of
    the log where something of such a case does not open, or is gone before it: what was held in that case is left
    out."""

    items: list[HoldingEntry]
    next: str | None = None
    unread: list[int] = []


class UnusualRule(Struct, frozen=True):
    """A rule of the unusual, in both languages, with why it is one, how many readings or acts tripped it, and whether
    people are told of each as it happens."""

    code: str
    id: str
    en: str
    reason_id: str
    reason_en: str
    count: int
    is_told: bool


class UnusualLook(Struct, frozen=True):
    """A reading that a supervisor should look at, and the rules that say so. Of a search, `case` is the agency with
    which it is recorded, and `what` is `searching`."""

    position: int
    at: datetime
    local_time: str
    case: UUID
    actor: UUID
    agency: str
    role: str
    purpose: str
    what: str
    rules: list[str]


class UnusualAccess(Struct, frozen=True, omit_defaults=True):
    """Unusual reading between two instants, and the acts of which this agency's people were told, as /notices shows
    them: the first 1,000, with each page. Rules mark; a person judges. `unread`: positions of the log where a reading,
    a notice, or something of a case that was read, does not open, or is gone before it: more may be unusual than is
    listed."""

    since: datetime
    until: datetime
    rules: list[UnusualRule]
    items: list[UnusualLook]
    acts: list[NoticeEntry]
    next: str | None = None
    unread: list[int] = []


PageCursor = tuple[Positive]
OfPerson = Annotated[UUID, Meta(description="a person of the caller's agency")]
Looked = Annotated[UUID, Meta(description="the case that was looked at")]


def case_access(
    rooms: Rooms, asked: Asked, *, case: Looked, limit: Limit = USUAL, cursor: PageCursor | None = None
) -> Openings:
    """From the log itself: what a survivor or a court is shown is selected from no table that can be edited."""
    under = rooms.reading.show(asked, case, COORDINATION, "case-access")
    after = cursor[0] if cursor else 0
    return _openings(rooms.reading.readings(asked, case, under, after, limit), limit)


def person_access(
    rooms: Rooms, asked: Asked, *, actor: OfPerson, limit: Limit = USUAL, cursor: PageCursor | None = None
) -> Openings:
    """From the log itself, as `case_access`."""
    under = _recorded(rooms, asked, "person-access")
    return _openings(rooms.reading.readings_by(asked, actor, under, cursor[0] if cursor else 0, limit), limit)


def _openings(looked: ReadingsFound, limit: int) -> Openings:
    found = page([opening_of(w) for w in looked.found], limit, lambda opening: (opening.position,))
    return Openings(found.items, found.next, list(looked.unread))


def what_was_held(
    rooms: Rooms,
    asked: Asked,
    *,
    agency: Annotated[
        AgencyCode,
        Meta(description="the caller's own when left out; another one's in cases that the caller leads"),
    ]
    | None = None,
    at: Annotated[When, Meta(description="an instant with its zone, or a position; now when left out")] | None = None,
    limit: Limit = USUAL,
    cursor: tuple[Positive, str, UUID] | None = None,
) -> HoldingEntryPage:
    """From the log itself, as `case_access`: each case is told anew from its first event."""
    _recorded(rooms, asked, "holdings")
    act = asked.act
    whose, when = act.agency if agency is None else agency, act.at if at is None else at
    cases = rooms.oversight.held_by(whose)
    spans = (
        span
        for case in cases.found.values()
        for span in case.shown_to(act.agency, whose)
        if span.holds_at(when) and (cursor is None or _place(span) > cursor)
    )
    shown = (span for span in sorted(spans, key=_place) if not rooms.casework.hides(span.holding.case, act))
    found = page([_entry(span) for span in islice(shown, limit)], limit, lambda e: (e.position, e.relation, e.of))
    return HoldingEntryPage(found.items, found.next, list(cases.unread))


def unusual_access(
    rooms: Rooms,
    asked: Asked,
    *,
    from_: Annotated[
        datetime, Meta(tz=True, description="an instant with its zone; 7 days before `to` when left out, 31 at most")
    ]
    | None = None,
    to: Annotated[datetime, Meta(tz=True, description="an instant with its zone; now when left out")] | None = None,
    limit: Limit = USUAL,
    cursor: PageCursor | None = None,
) -> UnusualAccess:
    """From the log itself: the readings, how who read stood to the case, and the notices."""
    act = asked.act
    since, until = _span(from_, to, act.at)
    under = _recorded(rooms, asked, "unusual-access")
    read = rooms.reading.readings_between(asked, since, until, rooms.oversight.led_by(act.agency), under, MOST_LOOKS)
    if len(read.found) > MOST_LOOKS:
        detail = f"There are more than {MOST_LOOKS:,} readings. Ask for a shorter span."
        raise BadRequest(400, "TooMany", detail, parameter="from")
    cases = rooms.oversight.cases({subject_of(w) for w in read.found})
    kinds = {code: rooms.network[code].kind for code in {w.author for w in read.found} if code in rooms.network}
    hours = {code: said for code in kinds if (said := rooms.network[code].hours) is not None}
    looks = looks_of(read.found, cases.found, kinds, act.agency, LIMITS.grace)
    found = unusual(looks, LIMITS, hours, rooms.network[act.agency].holidays)
    acts, unread = _acts(rooms, act, since, until)
    start = cursor[0] if cursor else 0
    shown = [f for f in found if f.look.position > start][:limit]
    more = (shown[-1].look.position,) if len(shown) == limit else None
    missed = sorted({*read.unread, *cases.unread, *unread})
    marked = [_marked(f, hours.get(f.look.agency)) for f in shown]
    return UnusualAccess(since, until, _rules(found, acts), marked, acts, next_page(more), missed)


def _acts(rooms: Rooms, act: Act, since: datetime, until: datetime) -> tuple[list[NoticeEntry], Sequence[int]]:
    """The first acts of a span, as the asking agency's people were told of them; positions of notices that do not
    open."""
    given = rooms.oversight.notices(act.agency, since, until)
    own = notices.of_its_own(act.agency, rooms.casework.written(agency_stream(act.agency)))
    erased = rooms.oversight.erased()
    acts = {
        (entry.deed, entry.rule): entry
        for entry in (*map(notices.as_given, given.found), *own)
        if since <= entry.done_at < until
        and (entry.case is None or not (entry.case in erased or rooms.casework.hides(entry.case, act)))
    }
    return [acts[deed] for deed in sorted(acts)][:MOST_ACTS], given.unread


READS = (
    Read("/reports/case-access", case_access, Openings, "reports", readings.CASE_ACCESS, waits=True),
    Read("/reports/person-access", person_access, Openings, "reports", readings.PERSON_ACCESS, waits=True),
    Read(
        "/reports/holdings",
        what_was_held,
        HoldingEntryPage,
        "reports",
        readings.HELD,
        waits=True,
        work=Work.LONG,
    ),
    Read(
        "/reports/unusual-access",
        unusual_access,
        UnusualAccess,
        "reports",
        readings.UNUSUAL_ACCESS,
        waits=True,
        work=Work.LONG,
    ),
)


def _recorded(rooms: Rooms, asked: Asked, what: str) -> OnRecord:
    """A report on people shows no compartment of a case; that it was opened is kept with the agency."""
    return rooms.reading.report(asked, agency_stream(asked.act.agency), what)


def opening_of(of: Written) -> Opening:
    """A reading, as it stands in the log."""
    event = of.event
    assert isinstance(event, AccessRecorded)
    return Opening(
        of.position,
        of.at,
        event.subject,
        of.actor,
        of.author,
        event.role.value,
        event.purpose.value,
        sorted(event.compartments),
        event.basis,
        event.what,
    )


def _span(since: datetime | None, until: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    until = now if until is None else until
    since = until - USUAL_SPAN if since is None else since
    if not since < until <= since + LONGEST_SPAN:
        detail = f"from is an instant with its zone, before `to`, by {LONGEST_SPAN.days} days at most."
        raise BadRequest(400, "BadQuery", detail, parameter="from")
    return since, until


def _place(span: Span) -> tuple[int, str, UUID]:
    """Where it stands in a list."""
    return span.position, span.holding.relation, span.holding.of


def _entry(span: Span) -> HoldingEntry:
    case, relation, of = span.holding
    return HoldingEntry(case, relation, of, span.status, span.worker, span.since, span.until, span.position)


def _rules(found: Iterable[Finding], acts: Iterable[NoticeEntry]) -> list[UnusualRule]:
    counts = by_rule(found)
    told = Counter(act.rule for act in acts if act.rule not in counts)
    return [UnusualRule(u.value, u.id, u.en, *REASONS[u], counts.get(u, told[u.value]), u in TOLD) for u in Unusual]


def _marked(finding: Finding, hours: Hours | None) -> UnusualLook:
    look = finding.look
    local = look.at.astimezone(zone_of(hours)).strftime("%Y-%m-%d %H:%M %Z")
    return UnusualLook(
        look.position,
        look.at,
        local,
        look.case,
        look.actor,
        look.agency,
        look.role.value,
        look.purpose.value,
        look.what,
        [rule.value for rule in finding.rules],
    )
