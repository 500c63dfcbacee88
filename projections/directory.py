"""The agency and service directory: who is in the network, and what they offer. Every member may read it.
Beside it, for the system alone, who left which agency."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, LiteralString, NamedTuple

from msgspec import Meta, Struct, convert, to_builtins
from psycopg import Connection
from psycopg.rows import TupleRow, dict_row
from psycopg.types.json import Jsonb

from ..domain import agency as a
from ..domain.agency_hours import HolidaysSet, HoursSet, TimeOfDay
from ..domain.agency_keys import KeyRegistered
from ..domain.calendar import WEEK, Weekday, Zone
from ..domain.casefile.staff import MOVERS, WORKERS
from ..domain.codes import AgencyKind, Service
from ..domain.disclosure import Followed
from ..domain.standing import readings
from .listing import Listing
from .projection import Tables


class WorkingHours(Struct, frozen=True):
    """When people are at an agency, in its own zone."""

    zone: Zone
    workdays: list[Weekday]
    opens: TimeOfDay
    closes: TimeOfDay
    closed_on: list[date]
    """Holidays, and other days on which nobody is there, the first one first."""


class AgencyEntry(Struct, frozen=True):
    """An agency as the directory shows it."""

    code: str
    kind: str
    name: str
    name_en: str | None
    area: str | None
    active: bool
    services: list[str]
    hours: WorkingHours | None
    """When people are there; null where it never said so."""
    holidays: list[date]
    """Of a lead: days that are no working days of anybody in the cases that it leads, the first one first."""


class Member(NamedTuple):
    """An agency as the operator sees it."""

    code: str
    kind: str
    active: bool
    has_key: bool
    services: list[str]


class Directory:
    name = "directory"
    tables: Sequence[LiteralString] = ("agency", "departed")
    by_case = False
    ddl: LiteralString = """
        CREATE TABLE agency (
          code text PRIMARY KEY, stream uuid NOT NULL UNIQUE, kind text NOT NULL,
          name text NOT NULL, name_en text, area text, active boolean NOT NULL DEFAULT true,
          services text[] NOT NULL DEFAULT '{}', has_key boolean NOT NULL DEFAULT false, hours jsonb,
          holidays date[] NOT NULL DEFAULT '{}'
        );
        GRANT SELECT ON agency TO rujukan_service;
        -- For the system alone: who works for the agency of that stream no more, or reviews and takes no referral.
        CREATE TABLE departed (
          stream uuid NOT NULL, person uuid NOT NULL, reviews boolean NOT NULL, PRIMARY KEY (stream, person)
        );
        ALTER TABLE departed ENABLE ROW LEVEL SECURITY;
    """

    def fold(self, db: Tables, batch: Sequence[Followed]) -> None:
        for followed in batch:
            event = followed.written.event
            if not followed.written.topic.startswith("agency."):
                continue
            change: tuple[LiteralString, Any] | None = None
            match event:
                case a.AgencyRegistered():
                    db.execute(
                        "INSERT INTO agency (code, stream, kind, name, name_en, area) VALUES (%s, %s, %s, %s, %s, %s)",
                        (event.code, followed.written.stream, event.kind.value, event.name, event.name_en, event.area),
                    )
                case a.ServicesOffered():
                    change = "services = %s", sorted(s.value for s in event.services)
                case HoursSet():
                    change = "hours = %s", Jsonb(to_builtins(_shown(event)))
                case HolidaysSet():
                    change = "holidays = %s", sorted(event.holidays)
                case KeyRegistered():
                    change = "has_key = %s", True
                case a.MemberLeft():
                    db.execute(_LEFT, (followed.written.stream, event.member, False))
                case a.MemberJoined() if event.roles & MOVERS:
                    db.execute(_BACK, (followed.written.stream, event.member))
                case a.MemberJoined():
                    db.execute(_LEFT, (followed.written.stream, event.member, bool(event.roles & WORKERS)))
                case a.AgencySuspended():
                    change = "active = %s", False
                case a.AgencyReactivated():
                    change = "active = %s", True
            if change is not None:
                db.execute(f"UPDATE agency SET {change[0]} WHERE stream = %s", (change[1], followed.written.stream))


def agencies(
    db: Connection[TupleRow],
    service: Annotated[Service, Meta(description="those that offer it only")] | None = None,
    kind: AgencyKind | None = None,
) -> list[AgencyEntry]:
    """The agencies, by code; those that offer a service, or are of a kind, where one is named."""
    with db.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            "SELECT code, kind, name, name_en, area, active, services, hours, holidays FROM views.agency"
            " WHERE (%(service)s::text IS NULL OR %(service)s = ANY (services))"
            " AND (%(kind)s::text IS NULL OR kind = %(kind)s) ORDER BY code",
            {"service": service, "kind": kind},
        ).fetchall()
    return [convert(row, AgencyEntry) for row in rows]


def _shown(event: HoursSet) -> WorkingHours:
    workdays = sorted(event.workdays, key=WEEK.index)
    return WorkingHours(event.zone, workdays, event.opens, event.closes, sorted(event.closed_on))


AGENCIES = Listing("/agencies", agencies, AgencyEntry, "agencies", readings.DIRECTORY, name="list_agencies")


def members(db: Connection[TupleRow]) -> list[Member]:
    """Every agency, for the operator: by code."""
    rows = db.execute("SELECT code, kind, active, has_key, services FROM views.agency ORDER BY code").fetchall()
    return [Member(*row) for row in rows]


def subscribers(db: Connection[TupleRow]) -> list[str]:
    """The agencies that take part and have registered a key, by code."""
    rows = db.execute("SELECT code FROM views.agency WHERE has_key AND active ORDER BY code").fetchall()
    return [code for (code,) in rows]


_LEFT: LiteralString = (
    "INSERT INTO departed (stream, person, reviews) VALUES (%s, %s, %s)"
    " ON CONFLICT (stream, person) DO UPDATE SET reviews = EXCLUDED.reviews"
)
_BACK: LiteralString = "DELETE FROM departed WHERE stream = %s AND person = %s"
