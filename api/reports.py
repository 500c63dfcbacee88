"""Reports on who looked at what, who held what, and what looks unusual. Opening one is itself on the record."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct

from ..domain.access import AccessRecorded
from ..domain.agency import agency_stream
from ..domain.codes import Purpose, Role
from ..domain.disclosure import Written
from ..domain.fact import AgencyCode
from ..domain.history import When
from ..domain.oversight import LIMITS, REASONS, TOLD, Finding, Look, Unusual, by_rule, unusual
from ..domain.standing import readings
from ..projections import audit, holdings, notices
from ..projections.holdings import HoldingEntry
from ..projections.listing import Positive
from ..projections.notices import NoticeEntry
from .application.ports import ReadingsFound
from .application.reading import COORDINATION, Asked, OnRecord
from .application.rooms import Rooms
from .cursors import next_page
from .gate import Work
from .parameters import USUAL, Limit
from .problems import BadRequest
from .reads import Page, Read, page, page_of

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
    them: the first 1,000, with each page. Rules mark; a person judges."""

    since: datetime
    until: datetime
    rules: list[UnusualRule]
    items: list[UnusualLook]
    acts: list[NoticeEntry]
    next: str | None = None


Place = tuple[Positive]
OfPerson = Annotated[UUID, Meta(description="a person of the caller's agency")]
Looked = Annotated[UUID, Meta(description="the case that was looked at")]


def case_access(
    rooms: Rooms, asked: Asked, *, case: Looked, limit: Limit = USUAL, cursor: Place | None = None
) -> Openings:
    """From the log itself: what a survivor or a court is shown is selected from no table that can be edited."""
    under = rooms.reading.show(asked, case, COORDINATION, "case-access")
    after = cursor[0] if cursor else 0
    return _openings(rooms.reading.readings(asked, case, under, after, limit), limit)


def person_access(
    rooms: Rooms, asked: Asked, *, actor: OfPerson, limit: Limit = USUAL, cursor: Place | None = None
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
) -> Page:
    _recorded(rooms, asked, "holdings")
    act = asked.act
    found = rooms.lists.ask(
        act,
        holdings.holdings,
        act.agency if agency is None else agency,
        act.at if at is None else at,
        after=cursor,
        limit=limit,
    )
    return page(found, limit, lambda entry: (entry.position, entry.relation, entry.of))


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
    cursor: Place | None = None,
) -> UnusualAccess:
    since, until = _span(from_, to, asked.act.at)
    _recorded(rooms, asked, "unusual-access")
    rows = rooms.lists.ask(asked.act, audit.looks, since, until, LIMITS.grace, MOST_LOOKS + 1)
    if len(rows) > MOST_LOOKS:
        detail = f"There are more than {MOST_LOOKS:,} readings. Ask for a shorter span."
        raise BadRequest(400, "TooMany", detail, parameter="from")
    found = unusual([_look(row, rooms) for row in rows])
    acts = rooms.lists.ask(asked.act, notices.done_between, since, until, MOST_ACTS)
    start = cursor[0] if cursor else 0
    shown = [f for f in found if f.look.position > start][:limit]
    more = (shown[-1].look.position,) if len(shown) == limit else None
    return UnusualAccess(since, until, _rules(found, acts), [_marked(f) for f in shown], acts, next_page(more))


READS = (
    Read("/reports/case-access", case_access, Openings, "reports", readings.CASE_ACCESS, waits=True),
    Read("/reports/person-access", person_access, Openings, "reports", readings.PERSON_ACCESS, waits=True),
    Read("/reports/holdings", what_was_held, page_of(HoldingEntry), "reports", readings.HELD, waits=True),
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


def _look(row: dict[str, Any], rooms: Rooms) -> Look:
    agency = rooms.network.get(row["agency"])
    codes = {"role": Role.of(row["role"]), "purpose": Purpose.of(row["purpose"])}
    return Look(**{**row, **codes, "kind": agency.kind if agency else None})


def _rules(found: Iterable[Finding], acts: Iterable[NoticeEntry]) -> list[UnusualRule]:
    counts = by_rule(found)
    told = Counter(act.rule for act in acts if act.rule not in counts)
    return [UnusualRule(u.value, u.id, u.en, *REASONS[u], counts.get(u, told[u.value]), u in TOLD) for u in Unusual]


def _marked(finding: Finding) -> UnusualLook:
    look = finding.look
    local = look.at.astimezone(LIMITS.zone).strftime("%Y-%m-%d %H:%M %Z")
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
